/* SPDX-License-Identifier: BSD-2-Clause */
/* What an engine gives to the reactor above it. Only reactor/ includes this. */
#ifndef LUNAR_REACTOR_ENGINE_H
#define LUNAR_REACTOR_ENGINE_H

#include "reactor/file.h"
#include "reactor/net.h"
#include "reactor/reactor.h"

struct engine_ops {
	const char *name;
	void (*free)(struct engine *e);
	uint64_t (*now)(struct engine *e);
	uint64_t (*wall)(struct engine *e);
	void (*random)(struct engine *e, void *buf, size_t len);

	/* Asynchronous: op->kind says what. Never completes from within. */
	void (*submit)(struct engine *e, struct op *op);
	void (*cancel)(struct engine *e, struct op *op);
	/* Runs `done` of what has completed; waits for the first at most until `deadline`.
	 * Returns how many ran, or -errno. */
	int (*wait)(struct engine *e, uint64_t deadline);
	/* From any thread: the wait that is under way, or else the next one, ends at once. */
	void (*wake)(struct engine *e);

	int (*resolve)(struct engine *e, const char *host, uint16_t port, struct net_addr *out,
		       size_t max);
	int (*listen)(struct engine *e, const struct net_addr *addr, int backlog);
	int (*take_listener)(struct engine *e, int sock); /* NULL in simulation */
	int (*local_addr)(struct engine *e, int sock, struct net_addr *out);
	ssize_t (*send_now)(struct engine *e, int sock, const struct iovec *iov, unsigned iovcnt);
	void (*shutdown)(struct engine *e, int sock);
	void (*close_socket)(struct engine *e, int sock);

	int (*open)(struct engine *e, const char *path, int flags, mode_t mode);
	void (*close_file)(struct engine *e, int file, bool aside);
	int (*info)(struct engine *e, int file, struct file_info *out);
	int (*stat)(struct engine *e, const char *path, struct file_info *out);
	int (*real_path)(struct engine *e, const char *path, char *out, size_t size);
	int (*remove)(struct engine *e, const char *path);
	ssize_t (*peek)(struct engine *e, int file, void *buf, size_t size, uint64_t offset);
	int (*truncate)(struct engine *e, int file, uint64_t size);
	int (*room)(struct engine *e, int file, uint64_t *bytes);
	int (*probe_holes)(struct engine *e, int file);
	int (*sync)(struct engine *e, int file);
	int (*sync_name)(struct engine *e, const char *path);
	int (*lock)(struct engine *e, int file, bool exclusive);
	int (*lock_byte)(struct engine *e, int file, bool exclusive, uint64_t at);
	void (*unlock)(struct engine *e, int file);
	ssize_t (*get_xattr)(struct engine *e, int file, const char *name, void *buf, size_t size);
	int (*set_xattr)(struct engine *e, int file, const char *name, const void *buf, size_t len);
	int (*extent)(struct engine *e, int file, uint64_t offset, bool *data, uint64_t *length);
	ssize_t (*load)(struct engine *e, const char *path, void *buf, size_t size);
	int (*store)(struct engine *e, const char *path, const void *buf, size_t len, mode_t mode);
	int (*signals)(struct engine *e, const int *signals, size_t count);
};

struct engine {
	const struct engine_ops *ops;
	struct log *log;
};

/* Takes over `e`, which goes with the reactor. */
struct reactor *reactor_new(struct engine *e, struct log *log);
struct engine *reactor_engine(struct reactor *r);
/* The earliest timer, or REACTOR_NEVER; 0 when deferred work or mail waits. */
uint64_t reactor_next_deadline(const struct reactor *r);
/* Simulation only, when a node's process dies: every timer and all deferred work become "not set"
 * without running, and a stop that was asked for is forgotten. */
void reactor_forget(struct reactor *r);

#endif

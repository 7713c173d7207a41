/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parts of the simulation share: the world and its event queue (engine_sim.c), the network
 * (sim_net.c), files (sim_file.c, sim_disk.c) and what a medium holds (sim_store.c). Only these
 * include this. Memory that the world needs for itself is asked for with sim_alloc(), which does not
 * fail: a simulation without memory is over.
 */
#ifndef LUNAR_REACTOR_SIM_INTERNAL_H
#define LUNAR_REACTOR_SIM_INTERNAL_H

#include "common/list.h"
#include "reactor/engine.h"
#include "reactor/sim.h"

#define NSEC_PER_USEC UINT64_C(1000)

/* --- random numbers: xoshiro256**, seeded by splitmix64 */

struct sim_rng {
	uint64_t s[4];
};

void sim_rng_seed(struct sim_rng *rng, uint64_t seed);
uint64_t sim_rng_next(struct sim_rng *rng);
uint64_t sim_rng_below(struct sim_rng *rng, uint64_t below); /* 0 when below is 0 */

/* --- the world */

struct sim_event {
	uint64_t time, seq;
	size_t index; /* place in the heap, 0 while not scheduled */
	void (*fire)(struct sim *sim, struct sim_event *ev);
};

struct sim {
	struct sim_rng rng;
	uint64_t seed;
	struct log *log;
	uint64_t now;
	struct sim_faults faults;
	struct sim_stats stats;

	struct sim_event **heap; /* from 1, ordered by (time, seq) */
	size_t heap_len, heap_size;
	uint64_t event_seq;
	uint64_t still; /* steps since the clock last moved */

	struct sim_host **hosts;
	size_t host_count;
	struct sim_thread **threads; /* of all hosts, by order of creation */
	size_t thread_count;
	size_t *turn_order; /* room for thread_count numbers */
	struct list conns;  /* struct sim_conn.link */
	struct list files;  /* struct sim_file.link, by order of creation */
	uint64_t next_inode;
	bool ending; /* operations may be gone already: do not look at them */
};

enum sim_handle_kind { SIM_FREE, SIM_LISTENER, SIM_STREAM, SIM_FILE };

struct sim_handle {
	enum sim_handle_kind kind;
	void *ptr; /* struct sim_listener, sim_end or sim_open */
};

/* A reactor of a node's process: they share all but what has completed. */
struct sim_thread {
	struct engine engine;
	struct sim_host *host;
	struct reactor *reactor; /* NULL once freed */
	struct list ready;       /* op.link: completed, `done` not yet run */
	struct list batch;       /* op.link: of the wait that is under way */
};

/* A node as the simulation sees it. */
struct sim_host {
	struct sim *sim;
	struct sim_thread *first; /* the one that sim_node() made */
	uint16_t number;          /* from 1 */
	struct sim_rng rng;       /* what the engine gives as random numbers */
	uint16_t next_port;

	struct list listeners;  /* struct sim_listener.link */
	struct list connecting; /* struct sim_conn.connecting */
	struct list ios;        /* struct sim_io.host_link */

	/* Handles of a process that died are below the base and never come back. */
	int handle_base;
	struct sim_handle *handles;
	size_t handle_count, handle_free; /* no free one is below handle_free */
};

static inline struct sim_thread *sim_thread_of(struct engine *e)
{
	return container_of(e, struct sim_thread, engine);
}

static inline struct sim_host *sim_host_of(struct engine *e)
{
	return sim_thread_of(e)->host;
}

void *sim_alloc(size_t size); /* zeroed */

/* `delay` from now, after everything already scheduled for that time. */
void sim_schedule(struct sim *sim, struct sim_event *ev, uint64_t delay);
void sim_unschedule(struct sim *sim, struct sim_event *ev);
bool sim_chance(struct sim *sim, uint32_t per_million);
/* 0..max_us, in nanoseconds. */
uint64_t sim_delay(struct sim *sim, uint32_t max_us);

int sim_handle_new(struct sim_host *host, enum sim_handle_kind kind, void *ptr);
void *sim_handle_get(struct sim_host *host, int handle, enum sim_handle_kind kind);
/* Takes the handle away and returns what it stood for, NULL if nothing; a double close aborts. */
void *sim_handle_close(struct sim_host *host, int handle, enum sim_handle_kind kind);

/* Where an operation is, in op->priv[SIM_OP_STATE]. */
enum sim_op_state { SIM_OP_IDLE, SIM_OP_WAITING, SIM_OP_READY };
enum { SIM_OP_PTR, SIM_OP_STATE, SIM_OP_RES, SIM_OP_THREAD };

/* `done` will run in the next wait of the reactor that submitted it. The op is on no other list. */
void sim_complete(struct op *op, int res);
/* The operation of a process that died: it was never there. */
void sim_forget_op(struct op *op);
size_t sim_iov_total(const struct op *op);

/* --- sim_net.c */

void sim_net_host_addr(const struct sim_host *host, int family, uint16_t port,
		       struct net_addr *out);
void sim_net_submit(struct sim_host *host, struct op *op);
void sim_net_cancel(struct sim_host *host, struct op *op);
/* What the dead process had open: `handle` of kind SIM_LISTENER or SIM_STREAM. */
void sim_net_crash_handle(struct sim_host *host, struct sim_handle *handle, bool power);
void sim_net_crash_connecting(struct sim_host *host);
void sim_net_free(struct sim *sim);

int sim_net_resolve(struct engine *e, const char *name, uint16_t port, struct net_addr *out,
		    size_t max);
int sim_net_listen(struct engine *e, const struct net_addr *addr, int backlog);
ssize_t sim_net_send_now(struct engine *e, int sock, const struct iovec *iov, unsigned iovcnt);
int sim_net_local_addr(struct engine *e, int sock, struct net_addr *out);
void sim_net_shutdown(struct engine *e, int sock);
void sim_net_close(struct engine *e, int sock);

/* --- sim_store.c: what a medium holds, and what only the page cache holds */

#define SIM_SECTOR    512u
#define SIM_MAX_BYTES (UINT64_C(1) << 44)

/*
 * Content in sectors, sparse. Reads see the newest version of a sector; older versions, down to the
 * durable one, are kept until a flush. `seq` counts the writes that took effect.
 */
struct sim_store {
	struct sim_leaf **top;
	size_t top_len;
	struct list dirty; /* struct sim_chunk.link, by order of becoming so */
	uint64_t seq;
	unsigned syncs; /* flushes under way, which need each version as it is */
};

/* A place in a vector of buffers. */
struct sim_cursor {
	const struct iovec *iov;
	size_t skip; /* bytes of *iov already used */
};

/* Copies the next `len` bytes out of the vector. */
void sim_cursor_gather(struct sim_cursor *cur, void *to, size_t len);

void sim_store_init(struct sim_store *s);
void sim_store_free(struct sim_store *s);
void sim_store_read(const struct sim_store *s, uint64_t offset, uint64_t len, struct sim_cursor to);
/* With `tear`, each sector is written or left alone by the toss of a coin. */
void sim_store_write(struct sim_store *s, uint16_t host, uint64_t offset, uint64_t len,
		     struct sim_cursor from, struct sim_rng *tear);
/* Zeroes, and leaves a hole where whole blocks are concerned. */
void sim_store_zero(struct sim_store *s, uint16_t host, uint64_t offset, uint64_t len,
		    struct sim_rng *tear);
/* What had taken effect by `seq` is durable. With `fail`, each sector of that is durable or will
 * never be, by the toss of a coin, while the cache goes on showing it as if it were clean. */
void sim_store_flush(struct sim_store *s, uint64_t offset, uint64_t len, uint64_t seq,
		     struct sim_rng *fail);
/* The cache of this host is gone: each sector it wrote last has one of its versions. */
void sim_store_power_loss(struct sim_store *s, uint16_t host, struct sim_rng *rng);
/* Drops everything from `size` on, durably. */
void sim_store_truncate(struct sim_store *s, uint64_t size);
/* Durable content. */
void sim_store_peek(const struct sim_store *s, uint64_t offset, void *buf, size_t len);
/* Data or hole at `offset`, and how far, at most to `size`. */
uint64_t sim_store_extent(const struct sim_store *s, uint64_t offset, uint64_t size, bool *data);

/* --- sim_file.c: names, handles, what blocks; sim_disk.c: operations */

struct sim_file {
	struct list link;
	char *path; /* NULL once another file has its name */
	uint64_t inode, size;
	uint32_t logical_block; /* 0: a regular file */
	enum sim_disk_state state;
	struct sim_disk_failures failures;
	uint64_t slow_took, slow_ended; /* the slowest operation that ended lately */
	struct sim_store store;
	struct list opens;  /* struct sim_open.link */
	struct list ios;    /* struct sim_io.link, by order of submission */
	struct list xattrs; /* struct sim_xattr.link */
};

enum sim_lock { SIM_UNLOCKED, SIM_SHARED, SIM_EXCLUSIVE };
#define SIM_LOCK_ALL UINT64_MAX

/* An open file description: lives while a handle or an operation uses it, and keeps its lock. */
struct sim_open {
	struct list link;
	struct sim_file *file;
	int flags;
	enum sim_lock lock;
	uint64_t locked; /* which byte; SIM_LOCK_ALL */
	unsigned refs;
};

void sim_open_put(struct sim_open *o);
struct sim_file *sim_file_find(struct sim *sim, const char *path);
void sim_file_free_all(struct sim *sim);

int sim_file_open(struct engine *e, const char *path, int flags, mode_t mode);
void sim_file_close(struct engine *e, int file, bool aside);
int sim_file_info(struct engine *e, int file, struct file_info *out);
int sim_file_stat(struct engine *e, const char *path, struct file_info *out);
int sim_file_real_path(struct engine *e, const char *path, char *out, size_t size);
int sim_file_remove(struct engine *e, const char *path);
ssize_t sim_file_peek(struct engine *e, int file, void *buf, size_t size, uint64_t offset);
int sim_file_truncate(struct engine *e, int file, uint64_t size);
int sim_file_room(struct engine *e, int file, uint64_t *bytes);
int sim_file_probe_holes(struct engine *e, int file);
int sim_file_sync(struct engine *e, int file);
int sim_file_sync_name(struct engine *e, const char *path);
int sim_file_lock(struct engine *e, int file, bool exclusive);
int sim_file_lock_byte(struct engine *e, int file, bool exclusive, uint64_t at);
void sim_file_unlock(struct engine *e, int file);
ssize_t sim_file_get_xattr(struct engine *e, int file, const char *name, void *buf, size_t size);
int sim_file_set_xattr(struct engine *e, int file, const char *name, const void *buf, size_t len);
int sim_file_extent(struct engine *e, int file, uint64_t offset, bool *data, uint64_t *length);
ssize_t sim_file_load(struct engine *e, const char *path, void *buf, size_t size);
int sim_file_store(struct engine *e, const char *path, const void *buf, size_t len, mode_t mode);

void sim_disk_submit(struct sim_host *host, struct op *op);
void sim_disk_cancel(struct sim_host *host, struct op *op);
/* The operations in flight of a process that died. */
void sim_disk_crash(struct sim_host *host, bool power);
void sim_disk_free_ios(struct sim_file *f);

#endif

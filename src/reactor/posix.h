/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What every engine on a real kernel does alike: clock, random numbers, and the calls that are made
 * once and may block. They fit struct engine_ops and make no use of the engine they are given;
 * handles are file descriptors.
 */
#ifndef LUNAR_REACTOR_POSIX_H
#define LUNAR_REACTOR_POSIX_H

#include "reactor/engine.h"

/* The members of struct engine_ops from `resolve` on but those that make and close handles, and `wall` and
 * `random`. */
#define POSIX_ENGINE_OPS                                                                          \
	.wall = posix_wall, .random = posix_random, .resolve = posix_resolve,                     \
	.local_addr = posix_local_addr, .send_now = posix_send_now, .shutdown = posix_shutdown,   \
	.open = posix_open, .info = posix_info, .stat = posix_stat, .real_path = posix_real_path, \
	.remove = posix_remove, .peek = posix_peek, .truncate = posix_truncate,                   \
	.room = posix_room, .probe_holes = posix_probe_holes, .sync = posix_sync,                 \
	.sync_name = posix_sync_name, .lock = posix_lock, .lock_byte = posix_lock_byte,           \
	.unlock = posix_unlock, .get_xattr = posix_get_xattr, .set_xattr = posix_set_xattr,       \
	.extent = posix_extent, .load = posix_load, .store = posix_store

uint64_t posix_now(void); /* CLOCK_MONOTONIC */
uint64_t posix_wall(struct engine *e);
void posix_random(struct engine *e, void *buf, size_t len);
void posix_close(struct engine *e, int fd);
void posix_close_file(struct engine *e, int fd, bool aside);

int posix_resolve(struct engine *e, const char *host, uint16_t port, struct net_addr *out,
		  size_t max);
int posix_listen(struct engine *e, const struct net_addr *addr, int backlog);
/* Whether a call on it waits. */
int posix_set_blocking(int fd, bool blocking);
int posix_local_addr(struct engine *e, int sock, struct net_addr *out);
ssize_t posix_send_now(struct engine *e, int sock, const struct iovec *iov, unsigned iovcnt);
void posix_shutdown(struct engine *e, int sock);
/* A stream socket of this family to connect with, or -errno. */
int posix_stream_socket(int family);
/* One that is ready to connect as the operation asks for, or -errno. */
int posix_connect_socket(const struct op *op);
/* What a connection is given: TCP_NODELAY, keepalive. */
void posix_tune_socket(int sock);
/* What a connect that has succeeded comes to: its socket, or -ECONNREFUSED, for where nobody listens a port of
 * this host can be met by itself. */
int posix_connected(int sock);
socklen_t posix_addr_len(const struct net_addr *addr);
/* Reads what the page cache has, and never waits: bytes, or -EAGAIN when that is none. With O_DIRECT it
 * would wait for the disk, and with FUSE for a daemon. */
int posix_read_cached(struct op *op);
/* op->msg, for its vector. */
void posix_set_message(struct op *op);

int posix_open(struct engine *e, const char *path, int flags, mode_t mode);
int posix_info(struct engine *e, int file, struct file_info *out);
int posix_stat(struct engine *e, const char *path, struct file_info *out);
int posix_real_path(struct engine *e, const char *path, char *out, size_t size);
int posix_remove(struct engine *e, const char *path);
ssize_t posix_peek(struct engine *e, int file, void *buf, size_t size, uint64_t offset);
int posix_truncate(struct engine *e, int file, uint64_t size);
int posix_room(struct engine *e, int file, uint64_t *bytes);
int posix_probe_holes(struct engine *e, int file);
int posix_sync(struct engine *e, int file);
int posix_sync_name(struct engine *e, const char *path);
int posix_lock(struct engine *e, int file, bool exclusive);
int posix_lock_byte(struct engine *e, int file, bool exclusive, uint64_t at);
void posix_unlock(struct engine *e, int file);
ssize_t posix_get_xattr(struct engine *e, int file, const char *name, void *buf, size_t size);
int posix_set_xattr(struct engine *e, int file, const char *name, const void *buf, size_t len);
int posix_extent(struct engine *e, int file, uint64_t offset, bool *data, uint64_t *length);
ssize_t posix_load(struct engine *e, const char *path, void *buf, size_t size);
int posix_store(struct engine *e, const char *path, const void *buf, size_t len, mode_t mode);
int posix_signals(struct engine *e, const int *signals, size_t count);
/* Makes an eventfd readable. */
void posix_wake(int event);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process like fork's that never had the descriptors of the one that makes it. To close what fork() copies is
 * no substitute: each close may ask the file's server (FUSE, NFS), and waits with it when that hangs.
 */
#ifndef LUNAR_SANDBOX_SPAWN_H
#define LUNAR_SANDBOX_SPAWN_H

#include <sys/types.h>

/* The place of the one descriptor that goes along: whatever is opened afterwards, with a higher number, does not. */
struct spawn_seat {
	int fd;
};

/* Early: before anything is opened that others are not to have. 0 or -errno. */
int spawn_init(struct spawn_seat *seat);
/*
 * The new process's number; in it, 0, and `*end` is its one descriptor, besides those below the seat. -errno. For
 * a process of one thread. `*end` stays the caller's.
 */
pid_t spawn_process(const struct spawn_seat *seat, int *end);
/* Does it in a process that does nothing else, with the caller's own descriptors: what it closes is closed here,
 * and nobody waits for it. */
void spawn_aside(void (*run)(void *ctx), void *ctx);
/* What spawn_process() made ends with the process that made it. Where that has ended already, so does this one. */
void spawn_end_with(pid_t parent);

#endif

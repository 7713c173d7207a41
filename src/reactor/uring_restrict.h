/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a ring will do. An operation of a ring is no system call, so a filter of those does not see it:
 * without this, whoever took over the process could open files by way of its rings.
 */
#ifndef LUNAR_REACTOR_URING_RESTRICT_H
#define LUNAR_REACTOR_URING_RESTRICT_H

struct io_uring;

/* `ring` was made with IORING_SETUP_R_DISABLED, and is enabled by this, for this thread. 0 or -errno. */
int uring_restrict(struct io_uring *ring);

#endif

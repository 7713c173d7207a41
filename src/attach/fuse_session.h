/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The FUSE protocol, of which a file system with one file, "disk", needs a part: requests of the kernel from
 * /dev/fuse to a disk and back. On the reactor of the disk's queue 0.
 */
#ifndef LUNAR_ATTACH_FUSE_SESSION_H
#define LUNAR_ATTACH_FUSE_SESSION_H

#include "attach/disk.h"
#include "reactor/file.h"

#define FUSE_SESSION_DEPTH 64u

struct fuse_slot;

struct fuse_session {
	struct reactor *r;
	struct disk *disk;
	int fd; /* -1: closed */
	struct op poll;
	bool polling, reading, closing, gone;
	bool resends; /* the kernel can: who takes over gets what its predecessor had not answered */
	unsigned running, opens;
	struct list idle;
	struct fuse_slot *slots;
	struct deferred end;
	/* The kernel has no file of it open any more, or the connection has ended; more than once. */
	void (*unused)(struct fuse_session *s);
	void (*closed)(struct fuse_session *s);
};

/* `fd` is not blocking, and the session's, also on failure. `taken_over`: what somebody else has not answered is
 * asked for again. 0 or -errno. */
int fuse_session_start(struct fuse_session *s, struct disk *disk, int fd, bool taken_over,
		       void (*unused)(struct fuse_session *s));
/* The size of the disk is another one: the kernel asks anew before it believes what it knows. */
void fuse_session_resized(struct fuse_session *s);
/*
 * Nothing is read or answered any more, and the descriptor is closed; `closed` when the disk has let go of all
 * requests, then memory is freed. Other descriptors of the connection keep it alive.
 */
void fuse_session_close(struct fuse_session *s, void (*closed)(struct fuse_session *s));

#endif

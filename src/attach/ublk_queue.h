/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One queue of a ublk device: requests of the kernel, by a ring of its own on the reactor of one of the disk's
 * queues. The kernel knows the thread that fetched first, and wants no other one.
 */
#ifndef LUNAR_ATTACH_UBLK_QUEUE_H
#define LUNAR_ATTACH_UBLK_QUEUE_H

#include <liburing.h>
#include "attach/disk.h"
#include "reactor/file.h"

#define UBLK_DEPTH  64u
#define UBLK_MAX_IO (512u << 10)

struct ublk_tag;

struct ublk_queue {
	struct disk *disk;
	unsigned index;
	struct reactor *r;
	int fd;       /* the device's, shared */
	bool encoded; /* how commands are numbered */
	struct io_uring ring;
	bool has_ring, polling, closing, leaving;
	struct op poll;
	struct deferred push, end;
	unsigned fetching, running; /* tags that the kernel has; that the disk has */
	struct ublk_tag *tags;
	const void *descriptors;
	/* The kernel gives requests no more: the device was stopped. More than once. */
	void (*unused)(struct ublk_queue *q);
	void (*closed)(struct ublk_queue *q);
};

/* On its reactor's thread, as everything here. 0 or -errno; then it is closed. */
int ublk_queue_open(struct ublk_queue *q);
/* `closed` when neither the kernel, which must have stopped the device, nor the disk has a request; with `leave`
 * what the kernel has does not count, and nothing is answered any more. */
void ublk_queue_close(struct ublk_queue *q, bool leave, void (*closed)(struct ublk_queue *q));

#endif

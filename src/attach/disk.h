/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A disk as those who serve it see it: an asynchronous block device with its traits. Behind it may be a LU with
 * paths, or a backstore (disk_store.h); before it the kernel, by ublk, NBD or FUSE, or an NBD client.
 *
 * A disk has queues, one at least, each on a reactor: requests of a queue are submitted on the thread of its
 * reactor, and done there. Everything else is on the thread of queue 0's.
 */
#ifndef LUNAR_ATTACH_DISK_H
#define LUNAR_ATTACH_DISK_H

#include <stdbool.h>
#include <stdint.h>
#include "common/list.h"
#include "reactor/reactor.h"

enum disk_op {
	DISK_READ,
	DISK_WRITE,
	DISK_FLUSH,
	DISK_DISCARD,
	DISK_WRITE_ZEROES,
	DISK_EXTENTS,
};

struct disk_extent {
	uint64_t length; /* bytes */
	bool hole;       /* has no space */
	bool zero;       /* reads as zeroes */
};

/*
 * One request. Who submits it fills the first part, and keeps it and the buffer until `done`, which runs exactly
 * once, with 0 or -errno, from the reactor's loop or before disk_submit() returns. Success means all of it;
 * after an error any part of a write may have happened. Nothing is done twice that has been answered.
 *
 *   READ, WRITE   `length` bytes at buf. With `fua` a write is on stable storage when done.
 *   FLUSH         all writes that were done before, on every queue, are on stable storage when done.
 *   DISCARD       the content does not matter any more. Reads as zeroes only if traits.discard_zeroes.
 *   WRITE_ZEROES  reads as zeroes; the space may be given back, unless `keep`. `fua` as for WRITE.
 *   EXTENTS       fills `extents`, `room` of them at most, from offset on, and `count`, 1 at least; the last one
 *                 may reach past offset + length. For disks with traits.extents.
 *
 * Offset and length are multiples of traits.logical_block and within the size, which disk_check() sees to;
 * length is 0 for FLUSH, and otherwise not, and at most DISK_TRANSFER_MAX for READ and WRITE. Whatever else the
 * disk cannot do at once it does in pieces.
 *
 * Errors that are told apart: -ENOSPC, -EROFS, -EOPNOTSUPP, -ENODEV (it is gone), -ETIMEDOUT; anything else is
 * an I/O error. A request waits for as long as the disk's policy for outages says.
 */
struct disk_request {
	enum disk_op op;
	bool fua, keep;
	unsigned queue;
	uint64_t offset, length; /* bytes */
	union {
		void *buf; /* any alignment */
		struct disk_extent *extents;
	};
	uint32_t room, count;
	void *context; /* disk->context_size bytes, for the disk alone, aligned as malloc does */
	void (*done)(struct disk_request *q, int err);
};

#define DISK_TRANSFER_MAX (32u << 20)
#define DISK_TEXT         64

struct disk_traits {
	uint64_t size;           /* bytes, a multiple of logical_block */
	uint32_t logical_block;  /* a power of two, 512 to 64 KiB */
	uint32_t physical_block; /* a power of two, not below logical_block */
	uint32_t optimal_io;     /* bytes; 0: not known */
	uint32_t max_io;         /* bytes that go without being cut into pieces; 0: any number */
	bool read_only;
	bool write_cache; /* FLUSH and FUA mean something */
	bool fua;         /* FUA costs less than a FLUSH behind it */
	bool rotational;
	bool extents;                 /* can tell */
	uint32_t discard_granularity; /* bytes; 0: cannot discard */
	uint32_t discard_alignment;   /* bytes from the beginning to the first whole unit */
	uint64_t discard_max;         /* bytes that go at once; 0: any number */
	bool discard_zeroes;
	bool write_zeroes;         /* can */
	uint64_t write_zeroes_max; /* bytes that go at once; 0: any number */
	/* Printable ASCII without leading and trailing spaces; "": not known. */
	char vendor[DISK_TEXT], model[DISK_TEXT], revision[DISK_TEXT], serial[DISK_TEXT];
	/* VPD 83 of the LU, in hexadecimal as udev's scsi_id shows it, with its type first: "3600..." is NAA;
	 * "": none. */
	char wwid[2 * DISK_TEXT];
};

enum disk_change {
	DISK_RESIZED = 1,
	DISK_READ_ONLY = 2, /* it is now, or is not any more */
	DISK_GONE = 4,      /* for ever: every request fails from now on */
};

/* Who wants to know. `changed` runs on the thread of queue 0, when the traits say so already; it may unwatch,
 * and does not free the disk. */
struct disk_watch {
	struct list link;
	void (*changed)(struct disk_watch *w, unsigned changes);
};

struct disk;

struct disk_ops {
	void (*submit)(struct disk *d, struct disk_request *q);
};

struct disk {
	const struct disk_ops *ops;
	/* Of what is here only size and read_only change; other threads read them by disk_size() and
	 * disk_is_read_only(). */
	struct disk_traits traits;
	size_t context_size;
	unsigned queue_count;
	struct reactor *const *queues; /* as many; they and the disk outlive who serves it */
	bool gone;
	struct list watches;
};

/* For whoever implements a disk: everything but ops, traits, context_size and queues. */
void disk_init(struct disk *d);
/* Changes the traits, and tells those who watch. Nothing happens if they are so already. */
void disk_resize(struct disk *d, uint64_t size);
void disk_set_read_only(struct disk *d, bool read_only);
void disk_set_gone(struct disk *d);

void disk_watch(struct disk *d, struct disk_watch *w);
void disk_unwatch(struct disk_watch *w); /* also twice */

/* Whether a request is one that may be submitted: 0; -EINVAL (unaligned, no length, too long), -ENOSPC (a
 * write past the end), -EROFS, -EOPNOTSUPP. A READ past the end is -EINVAL. Any thread. */
int disk_check(const struct disk *d, const struct disk_request *q);
/* One that disk_check() has nothing against. */
void disk_submit(struct disk *d, struct disk_request *q);

static inline uint64_t disk_size(const struct disk *d)
{
	return __atomic_load_n(&d->traits.size, __ATOMIC_RELAXED);
}

static inline bool disk_is_read_only(const struct disk *d)
{
	return __atomic_load_n(&d->traits.read_only, __ATOMIC_RELAXED);
}

#endif

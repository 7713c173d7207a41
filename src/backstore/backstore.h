/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A backstore: a row of bytes that can be read, written, flushed, zeroed and unmapped. It knows
 * nothing of SCSI. All calls on the thread of its reactor, but bs_try().
 */
#ifndef LUNAR_BACKSTORE_BACKSTORE_H
#define LUNAR_BACKSTORE_BACKSTORE_H

#include <stdbool.h>
#include <stdint.h>
#include "reactor/file.h"
#include "reactor/reactor.h"

enum bs_op { BS_READ, BS_WRITE, BS_FLUSH, BS_ZERO, BS_UNMAP };

/*
 * One request. The caller fills the first part and keeps it and the buffer untouched until `done`,
 * which runs exactly once, with 0 or -errno, and may run before bs_submit() returns. Success means
 * all of it; after an error any part of a write may have happened.
 *
 *   BS_READ   fills buf. Holes read as zeroes. A store in memory may leave buf alone instead, and say by
 *             `lent` where the bytes are, if `may_lend`: they stay there until the store is closed, and
 *             are whatever is written there meanwhile.
 *   BS_WRITE  from buf; with `fua` durable when done.
 *   BS_FLUSH  all that was answered before is durable when done (offset and length are ignored).
 *   BS_ZERO   reads as zeroes afterwards; space stays allocated where the store can.
 *   BS_UNMAP  reads as zeroes afterwards and gives space back where the store can.
 * `fua` holds for BS_ZERO and BS_UNMAP likewise. A BS_WRITE that is `atomic`, within atomic_max, leaves all of it or
 * nothing on the medium when the power goes, before it is done or afterwards. Who reads meanwhile may see a part.
 *
 * Errors a caller tells apart: -ENOSPC (no room for this write, nor within a quota), -EROFS, -ENODEV
 * (the device has gone; it is looked for again by itself, see `missing`), anything else is an I/O
 * error. Once a flush or a durable write failed to make data durable, it and every later one fails
 * with -EIO until the store is opened anew: the kernel reports a lost page only once, and so do we
 * not forget. That is so as well when there was no room for what had been answered before: what is
 * lost does not come back with free space, so a flush never fails with -ENOSPC. A device
 * that has gone and come back is opened anew; what it had acknowledged and not flushed is lost then,
 * and `lost_generation` counts that. Who was told what is for the caller to know.
 */
struct bs_io {
	enum bs_op op;
	bool fua, may_lend, atomic;
	uint64_t offset, length; /* bytes, within the size */
	void *buf;
	const void *lent; /* NULL: nothing is */
	void (*done)(struct bs_io *io, int err);

	/* The backstore's, while it runs. */
	struct op async;
	struct iovec iov;
	uint64_t moved;
	struct backstore *bs;
	struct list link;
	uint64_t priv[2];
};

struct backstore;

struct backstore_ops {
	const char *kind; /* "fileio", "block", "ramdisk": targetcli's words */
	void (*submit)(struct backstore *bs, struct bs_io *io);
	/* bs_try() */
	void (*attempt)(struct backstore *bs, struct reactor *r, struct bs_io *io);
	/* bs_share() began or goes on, bs_unshare() ended it; NULL: it does not matter. */
	void (*shared)(struct backstore *bs, bool shared, bool wrote);
	/* Is the byte at offset allocated, and for how many bytes is it alike? */
	int (*extent)(struct backstore *bs, uint64_t offset, bool *mapped, uint64_t *length);
	/* bs_set_size(); NULL where it cannot change. */
	void (*set_size)(struct backstore *bs, uint64_t size);
	void (*close)(struct backstore *bs);
};

struct backstore {
	const struct backstore_ops *ops;
	struct reactor *reactor;
	char *path;                 /* owned; "" for memory */
	uint64_t size;              /* bytes */
	uint32_t block_size;        /* the smallest unit it can read and write: 1, 512, 4096... */
	uint32_t buf_align;         /* what a buffer's address must be a multiple of */
	uint32_t unmap_granularity; /* bytes; 0: cannot unmap */
	/* bs_io.atomic: so many bytes at most, 0: none; offset and length are multiples of the unit. */
	uint32_t atomic_max, atomic_unit;
	bool readonly;
	bool rotational;
	bool volatile_cache; /* flush means something */
	bool missing;        /* the device has gone */
	bool created;        /* bs_open_path() made the file */
	bool unmaps_alone;   /* BS_UNMAP is not for when it is shared */
	unsigned shared;     /* bs_share() */
	bool dirty;          /* there may be something that no flush has covered yet */
	int sync_error;      /* -EIO once a flush has failed, sticky */
	/* How often it came back without everything that had been answered. */
	uint64_t lost_generation;
	uint64_t inflight; /* requests not yet done */
	/* Called when `missing` changes, when somebody cares. */
	void (*state_changed)(struct backstore *bs, void *ctx);
	void *state_ctx;
};

struct bs_file_options {
	uint64_t create_size; /* > 0: create the file, sparse, when it is missing */
	bool readonly;
	bool direct; /* O_DIRECT instead of the page cache */
	bool raw;    /* take it as raw even if it looks like qcow2, VMDK, VHDX... */
	bool typed; /* remedies are said as in the shell, readonly=true, and not as in --readonly */
};

/*
 * Opens what `path` names, a regular file or a block device, and locks it (OFD: exclusive, shared when
 * read-only). On error returns -errno, writes one line for a person to `why` (what, cause, fix),
 * and leaves nothing behind, not even a file it made.
 */
int bs_open_path(struct backstore **out, struct reactor *r, const char *path,
		 const struct bs_file_options *opt, char *why, size_t why_size);
/*
 * Sets room aside for all of a file that bs_open_path() has made. `done` comes once, maybe from inside, with 0 or
 * -errno and `why`: -ENOSPC, -EOPNOTSUPP (its file system cannot). The store stays until then, unless the reactor
 * turns no more.
 */
struct bs_allocation {
	struct op op;
	struct backstore *bs;
	uint64_t at;
	void (*done)(struct bs_allocation *a, int err, const char *why);
};
void bs_allocate(struct bs_allocation *a, struct backstore *bs,
		 void (*done)(struct bs_allocation *a, int err, const char *why));
/*
 * bs_open_path() with what somebody had open before, perhaps of the same file and its identity's lock, -1 where there is
 * none: what is, is used, with the locks that it has, and -1 then; the rest stays the caller's. `files` is there until
 * bs_identity() has been called.
 */
struct bs_files {
	int handle, id_lock;
};
int bs_open_with(struct backstore **out, struct reactor *r, const char *path,
		 const struct bs_file_options *opt, struct bs_files *files, char *why,
		 size_t why_size);
int bs_open_memory(struct backstore **out, struct reactor *r, uint64_t size, char *why,
		   size_t why_size);

/*
 * Memory of which this process keeps the contents, and another one, which has the parcel, makes use: for bs_pack()
 * only. `file`: memory that was kept before (bs_is_memory_of() says whether it can be), and is the store's when
 * this succeeds; -1: it is new.
 */
int bs_keep_memory(struct backstore **out, struct reactor *r, uint64_t size, int file, char *why,
		   size_t why_size);
bool bs_is_memory_of(int file, uint64_t size);

/*
 * Two processes: one has opened the store and forks; the other one serves it and may open nothing.
 *
 * The one that serves lets go of what the other one keeps, the identity, and asks the opener for a device
 * that has gone and come back.
 */
struct bs_opener {
	/* The handle, locked; -EINPROGRESS: soon, so ask again; or -errno with `why` for the log. */
	int (*open)(struct bs_opener *o, char *why, size_t why_size);
};
/* The handle, which stays open, or -1: there is none. */
int bs_detach(struct backstore *bs, struct bs_opener *opener);
/* Requests are on this reactor from now on; there were none before. */
void bs_adopt(struct backstore *bs, struct reactor *r);
/* In the process that opened it, when the other one serves: its own handle is closed, and goes with the
 * other's. The identity stays held until bs_close(). */
void bs_hand_over(struct backstore *bs);
/* There, for the opener: what the path names now, if it is what was opened at first. Blocks. The handle,
 * which is the caller's, or -errno with `why`. */
int bs_open_again(struct backstore *bs, char *why, size_t why_size);

/*
 * The same for a store that is opened after the fork: what is known of it goes over as bytes, and with it the
 * handle. Both processes are one program, so a parcel is for a socket and for no file.
 */
#define BS_PATH_SIZE 4096

struct bs_parcel {
	bool memory;
	char path[BS_PATH_SIZE];
	struct bs_file_options opt;
	struct file_info info;
	uint64_t size;
	uint32_t block_size, buf_align, unmap_granularity, zero_align;
	bool rotational, volatile_cache, can_zero, can_punch;
};
/* The handle that goes along, which stays open, or -1: none does (memory that is not kept). */
int bs_pack(const struct backstore *bs, struct bs_parcel *out);
/* `file` is the store's when this succeeds; `opener` as for bs_detach(). 0, -ENOMEM, -EINVAL (it cannot be
 * what the parcel says). */
int bs_unpack(struct backstore **out, struct reactor *r, const struct bs_parcel *parcel, int file,
	      struct bs_opener *opener);

/*
 * A store that one process opens for another one, which keeps it as if it had opened it itself: the identity, its
 * lock, and what is needed to open it again are in it, too.
 */
struct bs_whole {
	struct bs_parcel parcel;
	char hardware[256], id[33]; /* as the store knows them; "": it does not */
	bool has_id, created;
};
/* Which files go along: files[0] the handle, files[1] the identity's lock, -1 where there is none. They stay the
 * store's. */
void bs_pack_whole(struct backstore *bs, struct bs_whole *out, int files[2]);
/* `files` are the new store's when this succeeds. The handle may be -1: a store that can only be opened again. */
int bs_unpack_whole(struct backstore **out, struct reactor *r, const struct bs_whole *whole,
		    const int files[2]);
/* Closes it without giving up what another process has of it now: its identity stays held. */
void bs_leave(struct backstore *bs);
/* What another process opened again for this one takes the place of the old handle, which the caller has. */
void bs_opened_again(struct backstore *bs, const struct bs_whole *whole, int file);
/* Whether its file system may keep waiting even who closes it. */
bool bs_may_block(const struct backstore *bs);
/* Somebody else has closed the handle, and removed the file if it was made. */
void bs_forget_handle(struct backstore *bs);

/* No request is in flight, or those that are will never return (sim_crash()). NULL is fine. */
void bs_close(struct backstore *bs);

void bs_submit(struct backstore *bs, struct bs_io *io);

/*
 * While it is shared, other reactors read and write past the store, by bs_try() on their own threads: so it
 * keeps what it has open, and takes itself for dirty. Calls nest; `wrote`: somebody may have written.
 */
void bs_share(struct backstore *bs);
void bs_unshare(struct backstore *bs, bool wrote);
/*
 * One attempt at a BS_READ or a BS_WRITE that need not be durable, of a length above 0. `done` on the thread
 * of `r`: 0, or -EAGAIN, which says nothing but that it is to be done again, by bs_submit().
 */
void bs_try(struct backstore *bs, struct reactor *r, struct bs_io *io);

int bs_extent(struct backstore *bs, uint64_t offset, bool *mapped, uint64_t *length);
/* Removes the file if bs_open_path() made it and the path still names it: the start-up that wanted it
 * failed. Before bs_close(), which gives up the lock that keeps others from using it. */
void bs_discard(struct backstore *bs);
/*
 * It has this size now, in bytes, as whoever made or found it so says: to ask the store might block for long.
 * bs->size is that in whole sectors, or as it was where it cannot change. 0; -ENODEV: it is missing, or there is less than a sector.
 */
int bs_set_size(struct backstore *bs, uint64_t size);

/*
 * The identity that stays with the image: 16 random bytes, kept as the attribute `user.lunar.id` of
 * the file (32 hex digits), else as a record in `state_dir` (block devices, file systems without
 * attributes). A record is found by what the kernel knows of the device itself (WWID, serial number,
 * UUID), else by the path with its links followed; then a device of another size is refused as
 * another one. Made when it is not there, and not when it cannot be read; memory gets a new one each
 * time. While the store is open a lock in `state_dir` keeps everybody else from serving a copy of it.
 * 0 or -errno with `why`; -EEXIST: a copy of this image is being served, or it is another device.
 */
int bs_identity(struct backstore *bs, const char *state_dir, uint8_t id[16], char *why,
		size_t why_size);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of backstore/ share. */
#ifndef LUNAR_BACKSTORE_PRIV_H
#define LUNAR_BACKSTORE_PRIV_H

#include "backstore/backstore.h"
#include "common/cleanup.h"
#include "reactor/file.h"

#define SECTOR        512u
#define HARDWARE_SIZE 256

/* A regular file or a block device. */
struct disk {
	struct backstore bs;
	struct bs_file_options opt;
	struct file_info info; /* of when it was opened */
	int file;              /* -1: none, it is missing */
	size_t busy;           /* requests that use `file`, and one for those past us */
	bool shared;           /* counted in that */
	uint32_t zero_align;   /* fallocate takes multiples of this */
	bool can_zero, can_punch;
	uint8_t *zeroes; /* ZERO_CHUNK bytes once they were needed */

	/* Modifications answered without being durable, and how many of them a flush has covered. */
	uint64_t written, flushed;

	struct list behind; /* requests that wait until fewer use `file` (bs_io.link) */

	/* One flush at a time: what asks meanwhile shares the next one. (bs_io.link) */
	struct list flushing, flush_next;

	char hardware[HARDWARE_SIZE]; /* disk_hardware() */
	struct timer retry;           /* while it is missing */
	struct bs_opener *opener;     /* NULL: we open it ourselves */
	char retry_why[256];          /* the last reason in the log why it cannot be had back */
	struct bs_files *given;       /* NULL: nothing was open before */
	bool has_id;
	char id[33]; /* the attribute user.lunar.id */
	int id_lock; /* handle, or -1 */
};

static inline struct disk *to_disk(struct backstore *bs)
{
	return container_of(bs, struct disk, bs);
}

/* Writes `why` and returns `err`. */
int bs_why(char *why, size_t why_size, int err, const char *fmt, ...) PRINTF(4, 5);
/* The end of a request: the only place that calls io->done. The store may be gone afterwards. */
void bs_finish(struct bs_io *io, int err);
/* The end of an attempt. */
void bs_tried(struct bs_io *io, bool good);

/* --- file.c: the requests of a disk */
extern const struct backstore_ops disk_file_ops;
extern const struct backstore_ops disk_block_ops;
void disk_close_handle(struct disk *d);

/* --- open.c */
/* Nothing is open yet. NULL: no memory. */
struct disk *disk_new(struct reactor *r, const char *path, const struct bs_file_options *opt);
/* Opens and locks what d->bs.path names, as d->opt says. The handle, or -errno with `why`. */
int disk_open(struct disk *d, struct file_info *info, char *why, size_t why_size);
void disk_discard(struct disk *d);
/* What was done to the file itself at opening: size, attributes, and its name if it was made. */
int disk_make_durable(struct disk *d, char *why, size_t why_size);
/* It has this size now: takes it over, as far as it is whole blocks. */
void disk_set_size(struct disk *d, uint64_t size);

/* --- block.c */
/* Fills in what only the kernel's block layer knows: rotational, granularity. */
void disk_probe_queue(struct disk *d);
/* What the kernel tells of the device itself, under whatever name it was opened; "": nothing. */
void disk_hardware(struct disk *d, const struct file_info *info, char out[HARDWARE_SIZE]);
/* The device has gone, if that is what `err` means: then it is looked for from now on. */
bool disk_check_gone(struct disk *d, int err);
/* Closes what is missing, once nothing uses it. */
void disk_release(struct disk *d);
void disk_retry(struct timer *t);
/* Whether the store is one. */
bool is_disk(const struct backstore *bs);

/* --- memory.c */
/* What bs_pack() gives: -1 when it is this process's alone. */
int memory_file(const struct backstore *bs);
/* What bs_keep_memory() keeps elsewhere. `file` is the store's when this succeeds. */
int memory_map(struct backstore **out, struct reactor *r, uint64_t size, int file);

/* --- image.c */
/* Refuses what is an image of another format. 0, or -EMEDIUMTYPE with `why`, which ends in `remedy`, or -errno. */
int image_check_raw(struct reactor *r, int file, const char *path, uint64_t size,
		    const char *remedy, char *why, size_t why_size);

/* --- identity.c */
#define ID_ATTRIBUTE "user.lunar.id"
/* The attribute as text. -ENODATA: there is none; -EBADMSG: it is not well-formed; or why it cannot be
 * read. */
int identity_attribute(struct reactor *r, int file, char out[33]);
void identity_unlock(struct disk *d);
/* It is another process's to unlock. */
void identity_leave(struct disk *d);

#endif

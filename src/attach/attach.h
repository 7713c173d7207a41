/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A disk (disk.h) becomes a block device of this host, or something like it, by one of several methods. All
 * calls on the thread of the disk's queue 0. What needs rights is asked of whoever has them (rights.h).
 */
#ifndef LUNAR_ATTACH_ATTACH_H
#define LUNAR_ATTACH_ATTACH_H

#include <sys/types.h>
#include "attach/disk.h"
#include "common/cleanup.h"

#define ATTACH_PATH  256
#define ATTACH_WHY   512
#define ATTACH_LINKS 4u

struct attach;
struct rights;

typedef void attach_result(struct attach *a, void *ctx, int err, const char *why);

/*
 * What must be known to take over what an earlier process has left behind, and go on with it. Bytes that mean
 * something to the method alone; with it goes, where the method needs one, a descriptor that somebody has kept
 * open meanwhile.
 */
struct attach_keep {
	char method[16];
	uint32_t numbers[6];
};

struct attach_options {
	struct disk *disk;
	/* What people and clients know it by: printable, no blanks, below 64 bytes. */
	const char *name;
	struct rights *rights; /* NULL for methods that need none */
	uint32_t slot;         /* of rights: one that no other attached disk has */
	/* Names in /dev/disk that lead to the device, there when it is ready (links.h); NULL: none. One that is
	 * somebody else's stays that, and this is said in the log. */
	const char *links[ATTACH_LINKS];
	/* nbd-socket only. */
	const char *socket;
	gid_t group; /* (gid_t)-1: only the owner may connect */
	int listener; /* not 0: listens there already; whoever made it removes its name, and its group is set */
	/* How long the kernel waits for a process that has gone, where the method takes over; seconds. */
	uint32_t dead_timeout;
	/* Not NULL: take over. `file`: what was kept, which is the method's from now on, or -1. */
	const struct attach_keep *keep;
	int file;
	/* Once, from the reactor's loop: there is something at attach_path(), or, with -errno, there is not, and
	 * `a` is to be freed. */
	attach_result *ready;
	/* After that, at most once: it has ended without being asked to, and is to be freed. */
	void (*lost)(struct attach *a, void *ctx, const char *why);
	void *ctx;
};

struct attach_method {
	const char *name;
	const char *help;
	bool by_name_only; /* never chosen by itself */
	bool takes_over;
	/* That of this host what is attached, and has this, cannot be taken over all the same, and why; NULL: it
	 * can. No function: it always can. */
	const char *(*mortal)(const struct attach_keep *keep);
	/* Whether this host has it, as far as this process can see: 0, or -errno with `why`. Blocks shortly. */
	int (*probe)(char *why, size_t why_size);
	/* Begins; options are checked. 0 or -errno with `why`. */
	int (*start)(struct attach **out, const struct attach_options *o, char *why,
		     size_t why_size);
	/* See attach_stop(). */
	void (*stop)(struct attach *a, bool force);
	/* See attach_leave(). */
	void (*leave)(struct attach *a);
	/* Frees it; nothing is under way. */
	void (*free)(struct attach *a);
};

/* Embedded in each method's own; the part that they share. */
struct attach {
	const struct attach_method *method;
	struct attach_options o;
	char name[64];
	char path[ATTACH_PATH]; /* "" until it is ready */
	char why[ATTACH_WHY];
	struct attach_keep keep;
	struct disk_watch watch;
	bool is_ready, stopping;
	/* The stop that is under way, or the leaving. */
	attach_result *stopped;
	void *stopped_ctx;
};

/* Best first; NULL behind the last. */
const struct attach_method *attach_method(size_t i);
const struct attach_method *attach_find(const char *name);
/*
 * By its name, or with NULL the best that this host has. NULL: none, and `why` says what each of them is
 * missing.
 */
const struct attach_method *attach_choose(const char *via, char *why, size_t why_size);

int attach_start(struct attach **out, const struct attach_method *m, const struct attach_options *o,
		 char *why, size_t why_size);
/*
 * Detaches. `stopped` once: 0, and `a` has ended and is to be freed; or -errno with `why`, -EBUSY: it is in
 * use, and by whom, and then everything goes on as it was. With `force` it succeeds, and who uses it gets errors;
 * the end is when the disk has answered what it has, so who forces sees to it that it does.
 */
void attach_stop(struct attach *a, bool force, attach_result *stopped, void *ctx);
/*
 * The process ends and the device is to stay, for one that takes over. Nothing is submitted to the disk any more
 * when this returns, and what is under way is not answered, whatever the disk says of it; `left` when the disk
 * has answered all, and `a` is to be freed. For methods that take over, when it is ready and nothing stops it.
 */
void attach_leave(struct attach *a, attach_result *left, void *ctx);
void attach_free(struct attach *a);

/* Why what was attached does not survive the process that serves it, in a few words; NULL: it does. */
const char *attach_mortal(const struct attach_method *m, const struct attach_keep *keep);

static inline const char *attach_path(const struct attach *a)
{
	return a->path;
}

/* --- for methods */

/* Sets what all have in common; attach_start() does so as well. */
void attach_init(struct attach *a, const struct attach_method *m, const struct attach_options *o);
void attach_set_why(struct attach *a, const char *fmt, ...) PRINTF(2, 3);
void attach_say_ready(struct attach *a, int err);
void attach_say_stopped(struct attach *a, int err);
void attach_say_lost(struct attach *a);

extern const struct attach_method attach_ublk, attach_nbd, attach_fuse, attach_nbd_socket;

#endif

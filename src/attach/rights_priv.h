/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the files that carry out orders. */
#ifndef LUNAR_ATTACH_RIGHTS_PRIV_H
#define LUNAR_ATTACH_RIGHTS_PRIV_H

#include "attach/rights.h"

/* How a device is ended and changed; one for each kind of device. */
struct rights_device {
	const char *kind; /* as in struct rights_kept */
	/* Whether what this slot says of it is true still. Asks the kernel, and never the disk. */
	bool (*is_there)(const struct rights_slot *s);
	int (*change)(struct rights_slot *s, const struct rights_order *o,
		      struct rights_answer *answer);
	int (*stop)(struct rights_slot *s, const struct rights_order *o,
		    struct rights_answer *answer);
};

struct rights_slot {
	/* Under the holder's lock: an order is being carried out; a device is there, and is this one, with `fuse` and
	 * `mount`, which stay open as long as it is. */
	bool busy, published;
	struct rights_kept kept;

	/* Whose order it is. */
	const struct rights_device *device; /* NULL: there is none */
	uint32_t number;                    /* of the device */
	char path[ATTACH_PATH];
	char name[64];         /* of the disk */
	bool ublk;             /* there is one of ublk, started or not */
	bool encoded, resizes; /* what its kernel knows */
	uint32_t queues;
	int fuse, mount;   /* -1: none */
	uint64_t fuse_dev; /* st_dev of the mount; 0 until known */
	char links[ATTACH_LINKS][RIGHTS_NAME];
};

/* Says what was tried and what came of it, and returns `err`. */
int rights_fail(struct rights_answer *answer, int err, const char *fmt, ...) PRINTF(3, 4);

/* 0, or -EBUSY: somebody has it exclusively, or open at all. */
int rights_check_unused(const struct rights_slot *s, struct rights_answer *answer);
/* For what the kernel has no other way: attributes of the device's queue. Not important enough to fail. */
void rights_set_queue(const struct rights_slot *s, const char *what, const char *value);
void rights_set_rotational(const struct rights_slot *s, bool rotational);

extern const struct rights_device rights_loop_device, rights_nbd_device, rights_ublk_device;

/* The slot, which is this caller's until rights_release(); another's is waited for, and then it is -EAGAIN. */
int rights_claim(struct rights_holder *h, uint32_t i, bool at_any_time, struct rights_slot **out);
/* What is in it now is what rights_keep() tells. */
void rights_release(struct rights_holder *h, struct rights_slot *s);
/* There is nothing to be kept of it any more, and its connection to FUSE is closed. */
void rights_let_go(struct rights_holder *h, struct rights_slot *s);
/* Writes what is to be known of its device. */
void rights_describe(const struct rights_slot *s, struct rights_kept *out);

/* rights_fuse.c */
int rights_fuse_mount(struct rights_slot *s, struct rights_answer *answer, int *file);
int rights_fuse_kept(struct rights_holder *h, struct rights_slot *s, struct rights_answer *answer,
		     int *file);
int rights_fuse_abort(struct rights_slot *s, struct rights_answer *answer);
void rights_fuse_close(struct rights_slot *s);

/* rights_loop.c */
int rights_loop_start(struct rights_slot *s, const struct rights_order *o,
		      struct rights_answer *answer);

/* rights_nbd.c */
int rights_nbd_start(struct rights_slot *s, const struct rights_order *o, const int *files,
		     unsigned count, struct rights_answer *answer);
int rights_nbd_take_over(struct rights_slot *s, const struct rights_order *o, const int *files,
			 unsigned count, struct rights_answer *answer);

/* rights_ublk.c */
int rights_ublk_add(struct rights_slot *s, const struct rights_order *o,
		    struct rights_answer *answer, int *file);
int rights_ublk_recover(struct rights_slot *s, struct rights_answer *answer, int *file);
int rights_ublk_run(struct rights_slot *s, const struct rights_order *o,
		    struct rights_answer *answer);
int rights_ublk_delete(struct rights_slot *s, struct rights_answer *answer);

#endif

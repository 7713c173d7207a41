/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What needs rights, apart from what does not. A process that does the I/O asks for few things, each in a form
 * of fixed size, for a slot: its number of an attached disk. Another one, which may be the same, carries them
 * out. Whoever asks may have been taken over by a peer, and is not believed: it names no path, and only what was
 * made for its slots can be changed by it.
 */
#ifndef LUNAR_ATTACH_RIGHTS_H
#define LUNAR_ATTACH_RIGHTS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include "attach/attach.h"
#include "reactor/reactor.h"

#define RIGHTS_SLOTS 4096u
#define RIGHTS_FILES 16u
#define RIGHTS_NAME  256

enum rights_kind {
	RIGHTS_FUSE_MOUNT, /* a connection to FUSE, mounted where nobody else sees it: answers with it */
	RIGHTS_FUSE_ABORT, /* whatever waits for it fails; also while another order of the slot goes on */
	RIGHTS_FUSE_KEPT,     /* the connection that an earlier process had: answers with it */
	RIGHTS_LOOP_START,    /* a loop device on the disk in there */
	RIGHTS_NBD_START,     /* a device of the kernel's NBD client, on sockets that go along */
	RIGHTS_NBD_TAKE_OVER, /* these instead of those that have gone with a process */
	RIGHTS_UBLK_ADD,      /* a device of ublk, not started: answers with its queues */
	RIGHTS_UBLK_RECOVER,  /* the same for one whose process has gone */
	RIGHTS_UBLK_RUN,      /* it starts, or goes on: all queues are served, or will be */
	RIGHTS_UBLK_DELETE,   /* after RIGHTS_STOP, and when the queues are closed */
	RIGHTS_CHANGE,        /* size and read-only are others now */
	RIGHTS_STOP,          /* the device goes, with its links; -EBUSY: it is in use */
	RIGHTS_KINDS,
};

struct rights_order {
	uint32_t kind, slot;
	uint64_t size;             /* bytes */
	uint32_t block;            /* bytes */
	uint32_t optimal, discard; /* bytes; 0: none */
	uint32_t physical, max_io; /* bytes */
	uint32_t queues, depth, nbd_flags;
	uint32_t dead_timeout; /* seconds */
	int32_t pid;
	bool read_only, rotational, write_cache, fua, write_zeroes, force;
	char name[64];                         /* of the disk */
	char links[ATTACH_LINKS][RIGHTS_NAME]; /* "by-path/NAME"; "": none */
};

struct rights_answer {
	int32_t err; /* 0 or -errno, with `why`; with 0 it is a warning, or "" */
	uint32_t number, queues;
	bool encoded;           /* how ublk is spoken to */
	char path[ATTACH_PATH]; /* of the device */
	char why[ATTACH_WHY];
};

/* --- the side that asks */

struct rights_call {
	struct rights_order order;
	int files[RIGHTS_FILES]; /* go along; stay the caller's */
	unsigned file_count;
	struct rights_answer answer;
	int file; /* came with the answer, and is the caller's; -1: none did */
	/* Once, on the reactor's thread, from its loop. */
	void (*done)(struct rights_call *call);
	/* Whoever carries it out has these. */
	struct mail mail;
	void *priv[2];
};

struct rights {
	void (*submit)(struct rights *r, struct rights_call *call);
};

/* A call for this slot, with what it takes from the disk's traits. */
void rights_call_init(struct rights_call *call, const struct attach *a, enum rights_kind kind,
		      void (*done)(struct rights_call *call));

/* --- the side that has them */

struct rights_slot;

struct rights_holder {
	const char *dev; /* "/dev", or, in tests, where links are made */
	pthread_mutex_t lock;
	struct rights_slot *slots[RIGHTS_SLOTS];
};

int rights_holder_init(struct rights_holder *h, const char *dev);
/* Lets go of everything, which ends FUSE connections, and leaves devices as they are. */
void rights_holder_free(struct rights_holder *h);
/*
 * Carries out an order, whoever sent it. Blocks, for as long as the disk of the slot does, so it is for a thread
 * of its own; orders of different slots at the same time. `file`: a descriptor for the answer, or -1.
 */
void rights_carry_out(struct rights_holder *h, const struct rights_order *order, const int *files,
		      unsigned file_count, struct rights_answer *answer, int *file);

/*
 * What is to be known of a slot's device so that a holder that comes after this one, in another process, goes on with
 * it; with it go two descriptors of a connection to FUSE, if there is one, without which its end is I/O errors.
 */
enum { RIGHTS_KEPT_FUSE, RIGHTS_KEPT_MOUNT, RIGHTS_KEPT_FILES };
struct rights_kept {
	char kind[8]; /* of device: "ublk", "nbd", "loop" */
	uint32_t number, queues;
	bool encoded, resizes;
	uint64_t fuse_dev;
	char path[ATTACH_PATH];
	char name[64];
	char links[ATTACH_LINKS][RIGHTS_NAME];
};
/*
 * At any time: as it was when the last order of the slot had been carried out. False: there is no device in it. `files`
 * stay the slot's; -1: none.
 */
bool rights_keep(struct rights_holder *h, uint32_t slot, struct rights_kept *out,
		 int files[RIGHTS_KEPT_FILES]);
/*
 * The slot, in which there is nothing, has this device again, and `files`. -errno with `why`: the device is not there
 * any more, or is another one, or cannot go on, and then it is ended; `files` stay the caller's. Does not wait for
 * the disk.
 */
int rights_take(struct rights_holder *h, uint32_t slot, const struct rights_kept *kept,
		const int files[RIGHTS_KEPT_FILES], char *why, size_t why_size);

/* Both sides in one process: each order on a thread of its own. */
struct rights_here {
	struct rights rights;
	struct rights_holder holder;
	struct reactor *r; /* of who asks */
};
int rights_here_init(struct rights_here *here, struct reactor *r, const char *dev);
/* No call is under way. */
void rights_here_free(struct rights_here *here);

#endif

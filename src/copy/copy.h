/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A copy of a disk: from a LUN, a file, a block device or a stream to another one, many requests at a time, holes as
 * holes, and what was copied is durable when it is said to be.
 *
 *   copy.c     what is copied next, and what all of it comes to; slot.c one piece of it; extent.c where holes are
 *   end.c      both ends, as they are opened and what is refused; end_lun.c, end_file.c; pool.c threads for files
 *   journal.c  how far a copy came, for one that goes on; zero.c finds zeroes
 *
 * One thread calls, from copy_new() to copy_free().
 */
#ifndef LUNAR_COPY_COPY_H
#define LUNAR_COPY_COPY_H

#include <stdbool.h>
#include "lunar/scsi.h"

#define COPY_WHY       700
#define COPY_DEPTH_MAX 256
#define COPY_BLOCK_MIN 4096u
#define COPY_BLOCK_MAX (16u << 20)
#define COPY_OUTAGE    "600" /* seconds that a session may be away, unless the URL says another time */

/* How it ended; each is something else to do for a person. */
enum copy_end {
	COPY_DONE,
	COPY_BAD,       /* what was asked for makes no sense */
	COPY_SESSION,   /* see the reason */
	COPY_NO_ROOM,   /* it does not fit */
	COPY_IN_USE,    /* the destination is */
	COPY_DIFFERS,   /* both were read again, and they are not the same */
	COPY_FAILED,    /* reading or writing */
	COPY_NO_RESUME, /* the journal is not of this copy, or cannot be kept */
	COPY_STOPPED,   /* by copy_stop() */
};

enum copy_sparse {
	COPY_AUTO,   /* holes are; zeroes are looked for where the source cannot say */
	COPY_ALWAYS, /* zeroes are looked for everywhere */
	COPY_NEVER,  /* everything is written */
};

/* Texts are the caller's, for as long as the copy lives. */
struct copy_place {
	const char *name;   /* iscsi://..., a path, or "-" */
	const char *secret; /* NULL: as the URL has it */
};

struct copy_config {
	struct copy_place from, to;
	unsigned depth; /* requests under way */
	uint32_t
		block; /* bytes of one, a multiple of COPY_BLOCK_MIN; less where an end takes less */
	enum copy_sparse sparse;
	bool verify;
	bool force;          /* although the destination is in use */
	bool zeroed;         /* the destination reads as zeroes already */
	const char *journal; /* NULL: none is kept */
	uint64_t flush_ns; /* so often the destination is flushed and the journal written; 0: 5 s */
};

struct copy_fault {
	enum copy_end end;
	enum lunar_reason reason; /* of COPY_SESSION */
	bool no_lun;              /* likewise: there is no such LUN */
	char why[COPY_WHY];
};

struct copy;

/* Opens both ends and looks whether it can be. Nothing is written, but a file that is new is made. 0, or -errno and
 * `fault`. */
int copy_new(struct copy **out, const struct copy_config *config, struct copy_fault *fault);
void copy_free(struct copy *c);
/* Does what can be done, and waits `ms` milliseconds at most. True: it is over. */
bool copy_turn(struct copy *c, int ms);
/* What is under way ends, the destination is flushed, and then it is over. */
void copy_stop(struct copy *c);

struct copy_progress {
	uint64_t ns;                    /* since it began */
	uint64_t done;                  /* bytes of the source, holes among them */
	uint64_t total;                 /* 0: nobody knows */
	uint64_t moved;                 /* bytes that were read and written, or compared */
	bool verifying, flushing, away; /* away: a session is lost, and waited for */
};
void copy_look(const struct copy *c, struct copy_progress *out);

struct copy_result {
	struct copy_fault fault;
	uint64_t bytes;    /* of the source that are in the destination, holes among them */
	uint64_t written;  /* bytes of data that were sent there */
	uint64_t zeroed;   /* that were made zero there without sending them, or were zero */
	uint64_t resumed;  /* where it went on */
	uint64_t verified; /* bytes that were compared */
	uint64_t durable;  /* bytes from the beginning that were flushed */
	uint64_t ns;
	uint64_t logins; /* sessions that were lost and came back */
};
void copy_get_result(const struct copy *c, struct copy_result *out);

/* For a person: the names of both, without secrets; bytes of both, 0: not known. */
const char *copy_name(const struct copy *c, bool to);
uint64_t copy_size(const struct copy *c, bool to);

#endif

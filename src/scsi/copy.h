/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * EXTENDED COPY (SPC-4 6.4), inside the device server.
 *
 * A copy is a task of the LU that it was sent to. What it reads and writes are tasks of the device server's own, in
 * the task sets of source and destination and of the same nexus: so they go through all that a READ and a WRITE of
 * that nexus go through (LUN map, write protection, reservations, ranges, fences, task management), and a
 * copy reaches nothing that its initiator could not have read and written itself.
 *
 * All it needs lies in the task's buffer, behind the parameter list: what is copied at a time, and these structs.
 */
#ifndef LUNAR_SCSI_COPY_H
#define LUNAR_SCSI_COPY_H

#include "scsi/lu_priv.h"

/* The limits that RECEIVE COPY OPERATING PARAMETERS and VPD page 8Fh tell. */
#define SCSI_COPY_CSCDS        8
#define SCSI_COPY_SEGMENTS     64
#define SCSI_COPY_CSCD_SIZE    32
#define SCSI_COPY_SEGMENT_SIZE 28
#define SCSI_COPY_HEADER       16
/* MAXIMUM DESCRIPTOR LIST LENGTH */
#define SCSI_COPY_DESCRIPTORS \
	(SCSI_COPY_CSCDS * SCSI_COPY_CSCD_SIZE + SCSI_COPY_SEGMENTS * SCSI_COPY_SEGMENT_SIZE)
#define SCSI_COPY_LIST_MAX    4096 /* bytes of a parameter list; above, it is refused unread */
#define SCSI_COPY_SEGMENT_MAX (32u << 20) /* bytes */
#define SCSI_COPY_HELD        4           /* results that are kept for a nexus */
#define SCSI_COPY_CONCURRENT  128         /* told only: each one counts as the command that it is */

#define SCSI_COPY_SLOTS 4            /* pieces under way at a time */
#define SCSI_COPY_PIECE (256u << 10) /* bytes */

enum { SCSI_COPY_BLOCK_TO_BLOCK = 0x02, SCSI_COPY_IDENTIFICATION = 0xe4 };

/* A copy source or copy destination. */
struct scsi_copy_cscd {
	bool known;      /* there is such a LU for this nexus */
	bool wrong_type; /* it is said to be no disk */
	uint8_t lu_id[16];
	uint16_t lun;
	unsigned block_shift;
	uint64_t blocks;
};

struct scsi_copy_slot {
	struct scsi_io io;
	struct scsi_copy *copy; /* NULL: nothing is under way */
	bool writes;
	uint64_t at; /* bytes, from the segment's start */
	uint32_t length;
	uint8_t *buf;
};

struct scsi_copy {
	struct scsi_io *io;
	uint8_t list_id;
	bool tracked; /* the list identifier means something */
	bool hold;    /* results are kept for RECEIVE COPY STATUS */
	unsigned cscd_count, segment_count;
	struct scsi_copy_cscd cscd[SCSI_COPY_CSCDS];

	/* The segment under way. */
	unsigned segment;
	const struct scsi_copy_cscd *source, *destination;
	uint64_t source_at, destination_at; /* bytes */
	uint64_t length, issued, copied;
	unsigned slots; /* how many it may have */
	bool backwards;

	unsigned processed; /* segments */
	uint64_t total;     /* bytes that were written */
	unsigned running;   /* slots */
	bool stopped;       /* nothing new begins */
	bool failed;        /* ... and why is in the task's sense data */
	bool pumping;
	struct scsi_copy_slot slot[SCSI_COPY_SLOTS];
};

/* How a copy has ended. */
struct scsi_copy_result {
	bool used, failed;
	uint8_t list_id;
	unsigned processed;
	uint64_t total;
	uint8_t status, sense_len;
	uint8_t sense[SCSI_SENSE_MAX];
};

/* What is kept of the copies of a nexus that have ended (scsi_itl.copied). */
struct scsi_copy_log {
	struct scsi_copy_result of[SCSI_COPY_HELD];
	unsigned next;
};

/* --- copy_list.c */

/* Judges the whole parameter list before anything is done. True, or false with sense data. */
bool scsi_copy_list_ok(struct scsi_copy *copy);
/* Segment `i` of one that is good: copy->source and what follows. */
void scsi_copy_segment(struct scsi_copy *copy, unsigned i);

/* --- copy_results.c */

/* The nexus's copy with this list identifier that runs at this LU; NULL: there is none. */
struct scsi_copy *scsi_copy_running(const struct scsi_itl *itl, uint8_t list_id);
/* It is over, and its status known. */
void scsi_copy_keep(const struct scsi_copy *copy);

/* copy.c: where the task's buffer has it. */
struct scsi_copy *scsi_copy_of(const struct scsi_io *io);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The seam between a transport and the device server. The device server never sees a PDU, the
 * transport never looks into a CDB: both see a `struct scsi_io`.
 *
 *   transport                                   device server
 *   fills the first part
 *   scsi_decode(io)            -->              finds the command, its lengths (no state is looked at)
 *   gets a buffer of io->buf_len
 *   scsi_submit(io)            -->              order, state, reservations; runs the handler
 *                              <-- port->data_move(io)     wants the Data-Out, all io->out_len of it
 *   scsi_io_moved(io, 0)       -->              goes on
 *                              <-- port->done(io)          status, sense, io->in_len bytes in io->data
 *
 * scsi_submit() may run to port->done() before it returns. A task belongs to the LU's task set from
 * scsi_submit() to port->done(), which always comes, exactly once.
 *
 * The transport may live on another reactor's thread than the LU (scsi_nexus_set_away()). All calls of both
 * are made on the transport's thread all the same, and the task is touched by no other between them.
 */
#ifndef LUNAR_SCSI_IO_H
#define LUNAR_SCSI_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "backstore/backstore.h"
#include "common/list.h"
#include "scsi/sam.h"

struct scsi_command;
struct scsi_gate;
struct scsi_io;
struct scsi_itl;
struct scsi_lu;
struct scsi_nexus;

#define SCSI_CDB_MAX   260 /* SPC-4: a variable length CDB */
#define SCSI_SENSE_MAX 96

/* What waits until a LU can be had for oneself (gate.h). */
struct scsi_entry {
	struct list link;
	void (*enter)(struct scsi_entry *e);
};

struct scsi_port_ops {
	/* Bring Data-Out: the first io->out_len bytes into io->data; answer once with
	 * scsi_io_moved(), also from inside this call. When the initiator sends less, what is
	 * missing is zeroed and io->out_got says how much came. */
	void (*data_move)(struct scsi_io *io);
	/* The task was aborted while data_move is under way: stop it and answer scsi_io_moved(io,
	 * -ECANCELED), at once or later. */
	void (*move_abort)(struct scsi_io *io);
	/* The end. With io->aborted and the status GOOD the transport sends no response and only
	 * releases its things. */
	void (*done)(struct scsi_io *io);
};

struct scsi_io {
	/* --- filled in by the transport before scsi_decode() */
	const struct scsi_port_ops *port;
	struct scsi_nexus *nexus; /* NULL from the moment the nexus is lost */
	uint8_t lun[8];           /* as it came (SAM-5 4.7) */
	uint8_t cdb[SCSI_CDB_MAX];
	uint16_t cdb_len; /* as it came: 16 for iSCSI without extended CDB */
	enum scsi_task_attr attr;
	uint32_t expected_out; /* Data-Out bytes that the initiator says it has */
	/* scsi_nexus_inventory() that the initiator had heard of when it sent the command: what came to a LUN later
	 * is not what it means. 0: nobody knows. */
	uint32_t heard;
	uint32_t
		tells; /* of the outcome: the one that the initiator hears of with the answer; 0: of none */
	uint64_t tag; /* the transport's: what ABORT TASK names */
	uint64_t
		since; /* when its turn came, of the reactor's clock; 0: nobody asks how long it takes */

	/* --- answered by scsi_decode() */
	uint32_t out_len; /* Data-Out bytes that the CDB calls for (0: none) */
	uint32_t buf_len; /* the buffer the command needs, for both directions (0: none) */

	/* --- the buffer: the transport's, page-aligned, at least buf_len bytes, until done */
	uint8_t *data;
	bool may_lend; /* it can do with `lent`; said after scsi_decode() */

	/* --- the outcome, valid in port->done() */
	uint8_t status; /* enum scsi_status */
	uint8_t sense_len;
	uint8_t sense[SCSI_SENSE_MAX];
	uint32_t in_len; /* Data-In bytes in `data` that the CDB calls for; when the
			   * initiator expects less, the transport cuts and reports overflow */
	/* Where the Data-In is instead of in `data`, if `may_lend`; NULL: it is there. Only while port->done() runs:
	 * afterwards it is whatever others write. */
	const uint8_t *lent;
	uint32_t out_got; /* set by the transport before scsi_io_moved() */
	bool aborted;     /* by task management or loss of the nexus */

	/* --- the device server's */
	const struct scsi_command
		*cmd;       /* NULL: sense is already there, scsi_submit() only ends it */
	struct scsi_lu *lu; /* NULL: no such LU for this nexus */
	struct scsi_itl *itl;
	struct list task;  /* in lu->tasks, in order of arrival */
	struct list wait;  /* in a list of what it waits for (order, fence) */
	struct list range; /* in lu->ranges: it has lba, blocks for itself */
	enum {
		SCSI_IO_NEW,
		SCSI_IO_BLOCKED,   /* by order or a fence: nothing of it is under way */
		SCSI_IO_MOVING,    /* data_move is under way */
		SCSI_IO_STORE,     /* something is at the backstore */
		SCSI_IO_COPYING,   /* pieces of it are tasks of their own (copy.h) */
		SCSI_IO_RESERVING, /* its change of reservations is made (pr.h) */
		SCSI_IO_DONE,
	} state;
	void (*next)(struct scsi_io *io, int err); /* continues after a move or the backstore */
	struct bs_io bs;
	uint64_t lba, blocks;    /* of the medium range that the command names; blocks 0: none */
	uint64_t at;             /* progress of commands that go in steps, blocks */
	uint32_t alloc_len;      /* ALLOCATION LENGTH */
	unsigned generation;     /* of the nexus's LUN inventory, when it was decoded */
	bool write_through;      /* it counts in scsi_lu.write_through */
	bool alone;              /* it counts in scsi_lu.alone */
	bool inner;              /* a piece of a copy: it waits for no other's turn */
	bool counted;            /* it counts in scsi_itl.running */
	bool wants_range;        /* it waits for its range, and counts in scsi_lu.wanted */
	uint64_t deadline;       /* of what it waits for */
	struct scsi_entry entry; /* while it waits for gates to close */

	/* When the transport is on another reactor's thread than the LU: see gate.h. */
	struct reactor *away;    /* the transport's reactor; NULL: the LU's own */
	struct reactor *home;    /* the LU's */
	struct scsi_gate *gate;  /* it runs at the transport, by a pass */
	struct scsi_gate *grant; /* the pass that its end brings */
	bool grant_readonly;     /* ... which is for reading */
	unsigned grant_generation;
	struct mail up, down, stop;
	bool ahead;      /* it counts in scsi_nexus.ahead */
	uint8_t told_as; /* enum scsi_told, of a task that task management has ended */
	uint8_t refused_key;
	uint16_t refused_asc_ascq;
	int err;             /* of the backstore, when `next` has to wait for its turn */
	uint32_t grant_news; /* scsi_itl_news(), of `grant` */
};

/*
 * Finds the LU and the command, checks the CDB against its usage map, computes lengths. Never fails:
 * a bad CDB gets its sense data now and ends in scsi_submit().
 */
void scsi_decode(struct scsi_io *io);
void scsi_submit(struct scsi_io *io);
/* err: 0, -ECANCELED (aborted), -EIO (the transfer failed: ABORTED COMMAND). */
void scsi_io_moved(struct scsi_io *io, int err);
/*
 * Instead of scsi_submit(): the transport refuses the task itself, for want of memory or because its
 * data was damaged. `sense` may be NULL for a bare status such as TASK SET FULL. Runs port->done().
 */
void scsi_refuse(struct scsi_io *io, enum scsi_status status, uint8_t key, uint16_t asc_ascq);

#endif

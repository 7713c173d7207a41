/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One LU, several reactors.
 *
 * A LU has a home: the reactor of its backstore, whose thread alone touches the LU, its devices and their
 * nexuses. A nexus whose session lives on another reactor is away. Its tasks are posted home, run there,
 * and their ends are posted back (away.c); to the transport and to the handlers that is as if they stood
 * next to each other.
 *
 * Plain reads and writes need not go home. When such a task has ended and the LU is calm (nothing is
 * reserved, pending, alone or fenced), its nexus gets a pass: from then on the handlers of its plain
 * commands run on the nexus's own thread, with the tasks in the gate's list instead of the LU's, and take
 * neither lock nor letter. What they look at of the LU changes only while no pass is out.
 *
 *   home                                           away
 *   the end of a task, with a grant     -->        pass: plain commands run here
 *   somebody needs the LU for himself:
 *   gate closes, `enter` waits          -->        passes are void; the tasks in the gate
 *   takes them into the task set        <--        go home, whatever they are in the middle of
 *   `enter`
 *
 * Passes are of the nexus's LUN inventory as it was: when that changes, they are void, until the nexus has
 * heard of it and gets one anew.
 *
 * So the slow path always has the whole task set before it, and never waits for a store.
 */
#ifndef LUNAR_SCSI_GATE_H
#define LUNAR_SCSI_GATE_H

#include "common/count.h"
#include "scsi/lu_priv.h"

/* Between a LU and the nexuses of one reactor. */
struct scsi_gate {
	struct list link; /* scsi_lu.gates */
	struct scsi_lu *lu;
	struct reactor *reactor; /* of the nexuses */
	struct mail mail;        /* that it closes; that it is closed */

	/* The LU's side. */
	enum { SCSI_GATE_SHUT, SCSI_GATE_OPEN, SCSI_GATE_CLOSING } state;

	/* The nexuses' side. */
	uint32_t round;    /* passes of earlier rounds are void */
	struct list tasks; /* scsi_io.task: that run by a pass */
	struct list home;  /* scsi_io.task: on their way */
	/* Written there, read here. */
	struct scsi_lu_stats stats;
	_Atomic(struct scsi_latency *) latency; /* NULL: none yet */
};

/* Of one nexus to one LU, on the nexus's thread. */
struct scsi_pass {
	struct scsi_gate *gate;
	uint32_t round;
	bool readonly; /* the LUN is write-protected for this nexus */
	uint32_t news; /* scsi_itl_news() */
};

/* --- the LU's side (gate.c) */

/* True: `enter` runs when no pass is out, after those that asked before. False: there is nothing to wait for,
 * and it does not run. */
bool scsi_gate_enter(struct scsi_lu *lu, struct scsi_entry *e, void (*enter)(struct scsi_entry *e));
/* It waits no more. */
void scsi_gate_leave(struct scsi_entry *e);
/* True: the task waits for gates to close, or behind others that do, and will be begun then. */
bool scsi_gate_wait(struct scsi_io *io);
/* Passes end soon; nobody waits for it. */
void scsi_gate_close(struct scsi_lu *lu);
/* The task that ends may bring its nexus a pass. */
void scsi_gate_grant(struct scsi_io *io);
/* A task that ran by a pass is the LU's from now on. */
void scsi_gate_adopt(struct scsi_io *io);
/* No pass is out. */
bool scsi_gates_are_shut(const struct scsi_lu *lu);
void scsi_gates_abandon(struct scsi_lu *lu);
void scsi_gates_free(struct scsi_lu *lu);

/* --- the nexuses' side (pass.c) */

/* Runs the task here, if there is a pass and it is plain. */
bool scsi_pass_run(struct scsi_io *io);
/* The nexus has the pass from now on that this task's end brings. */
void scsi_pass_take(struct scsi_nexus *nexus, const struct scsi_io *io);
/* The LUN is unmapped: a pass for this LU must not be looked at any more. */
void scsi_pass_forget(struct scsi_nexus *nexus, uint16_t lun, const struct scsi_lu *lu);
/* The parts of the life of a task that runs by a pass: see their namesakes in lu_priv.h. */
void scsi_pass_moved(struct scsi_io *io, int err);
void scsi_pass_store(struct scsi_io *io);
void scsi_pass_done(struct scsi_io *io);
/* The nexus is about to be lost: what it has running goes home. */
void scsi_pass_surrender(struct scsi_nexus *nexus);

/* --- between them (away.c) */

/* The transport's functions, wherever it lives. */
void scsi_port_move(struct scsi_io *io);
void scsi_port_abort(struct scsi_io *io);
void scsi_port_done(struct scsi_io *io);
/* The end of a task that was not submitted yet, by task management. */
void scsi_away_abort(struct scsi_io *io);
/* To the LU's side: the task as it is, out of its gate. */
void scsi_away_hand_in(struct scsi_io *io);
/* The store has answered a task that the LU has taken over meanwhile. */
void scsi_away_stored(struct scsi_io *io);

static inline bool scsi_is_plain(const struct scsi_io *io)
{
	return io->cmd && (io->cmd->flags & SCSI_CMD_PLAIN) && io->blocks &&
	       (io->attr == SCSI_SIMPLE || io->attr == SCSI_UNTAGGED);
}

#endif

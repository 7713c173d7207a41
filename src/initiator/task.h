/* SPDX-License-Identifier: BSD-2-Clause */
/* What is asked of a session: SCSI commands, task management functions, SendTargets. */
#ifndef LUNAR_INITIATOR_TASK_H
#define LUNAR_INITIATOR_TASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>
#include "common/buf.h"
#include "common/list.h"
#include "iscsi/ahs.h"
#include "iscsi/lun.h"
#include "iscsi/tx.h"
#include "scsi/sam.h"

struct ini_session;

#define INI_NEVER     UINT64_MAX
#define INI_SENSE_MAX 252 /* SPC-4 4.5.1 */
#define INI_R2T_MAX   8   /* outstanding R2Ts of one task that we take at most */

enum ini_task_flags {
	/* It may be issued again, after the session was reinstated or its LU reset, although it may have been
	 * executed: READ, WRITE, UNMAP, SYNCHRONIZE CACHE; not COMPARE AND WRITE or a reservation. Without
	 * it, such a task fails then, with -ECONNRESET. */
	INI_RETRY = 1,
	/* Whatever status the target gives is the owner's business: without this, BUSY and TASK SET FULL are
	 * waited out, and a unit attention becomes an event and the command is issued again. */
	INI_RAW = 2,
	/* Goes out although the session is held (ini_hold()), and before all that waits. */
	INI_AHEAD = 4,
	/* An immediate command: not in the order of the others, and not bounded by the window. */
	INI_IMMEDIATE = 8,
};

/*
 * A SCSI command. The memory, the CDB and all buffers are the owner's and stay as they are from ini_submit()
 * until `done` runs; nothing is copied and nothing is allocated.
 *
 * `done` runs exactly once, on the session's thread, never from inside ini_submit(); it may submit the task
 * again, or any other. `err` is
 *
 *	0             the target has answered: see status
 *	-EREMOTEIO    it has answered that it did not do it: `response`, or a Reject
 *	-ETIMEDOUT    the deadline has passed; or it was not answered for long, and is not INI_RETRY
 *	-ECANCELED    ini_cancel()
 *	-ECONNRESET   the connection broke, and the task is not INI_RETRY
 *	-EHOSTDOWN    there is no session, for longer than the policy allows
 *	-ENXIO        ini_fail_lun()
 *	-ESHUTDOWN    the session has ended
 *
 * With an error `unknown` says whether it may still be executed, or is being: then nobody has said that it is
 * over. A write that is not unknown either happened or never will.
 */
struct ini_task {
	/* --- filled in by the owner; what is not needed is zero */
	uint8_t lun[ISCSI_LUN_LEN];
	uint8_t cdb[ISCSI_CDB_LEN];
	const uint8_t *long_cdb; /* of a CDB longer than that: all of it */
	uint16_t cdb_len;        /* 0: at most ISCSI_CDB_LEN; else up to ISCSI_CDB_MAX */
	uint8_t attr;            /* enum scsi_task_attr */
	uint8_t flags;           /* enum ini_task_flags */
	/* Data-Out and Data-In; one of them for now. The vectors hold at least so many bytes. */
	const struct iovec *out, *in;
	unsigned out_count, in_count;
	uint32_t out_len, in_len;
	uint64_t deadline; /* of the session's clock, nanoseconds; 0: none */
	void (*done)(struct ini_task *task, int err);
	void *ctx;

	/* --- the outcome */
	uint8_t status;    /* enum scsi_status */
	uint8_t response;  /* of the SCSI Response; 0: completed at target */
	bool overflow;     /* the residual is what did not fit, not what did not come */
	bool unknown;      /* see above */
	uint32_t residual; /* bytes; never less than what did not come in fact */
	uint32_t got;      /* bytes of Data-In that came */
	unsigned issues;   /* how often it was sent */
	uint16_t sense_len;
	uint8_t sense[INI_SENSE_MAX];

	/* --- private */
	struct list link;
	struct ini_session *session;
	uint32_t tag, cmdsn;
	uint8_t state;   /* enum task_state */
	uint8_t verdict; /* enum task_verdict: what becomes of it when `refs` is 0 */
	uint8_t refs; /* PDUs of it in the send queue, which holds no more than INI_TX_DEPTH of them */
	uint8_t tries; /* after statuses that may pass */
	bool redo;     /* it is to end for not being answered; then it is issued again */
	int err;       /* why it is to end, before it has; then how it ends */
	uint64_t issued_at, not_before, busy_since;
	struct ini_abort *abort; /* that is about it */
	/* the way in */
	unsigned in_at; /* of `in`, and bytes of it that are full */
	size_t in_skip;
	uint32_t datasn;
	/* the way out */
	struct list sending;
	unsigned out_at;
	size_t out_skip;
	uint32_t out_pos; /* where these two are */
	uint32_t r2tsn, asked;
	struct ini_sequence {
		uint32_t ttt, offset, left;
	} seq[INI_R2T_MAX + 1]; /* one more for what goes unasked */
	uint8_t seq_first, seq_count;
	uint32_t out_datasn;
	struct iscsi_tx_pdu pdu;
};

/*
 * A task management function (RFC 7143 11.5). The owner's, until `done` runs, exactly once. err: 0, and
 * `response` is there; -ETIMEDOUT; -ECONNRESET: the connection broke, and with it the session; -ESHUTDOWN.
 * Tasks that a function has ended get their `done` before it gets its own.
 */
struct ini_tmf {
	uint8_t function; /* enum iscsi_tmf_function, but for TASK REASSIGN */
	uint8_t lun[ISCSI_LUN_LEN];
	struct ini_task *task; /* of ABORT TASK; one that was submitted and is not done */
	uint64_t deadline;     /* 0: none but the session's own */
	void (*done)(struct ini_tmf *tmf, int err);
	void *ctx;

	uint8_t response; /* enum iscsi_tmf_result */

	/* private */
	struct list link;
	uint32_t tag, refcmdsn, about;
	uint64_t ends;
};

/*
 * SendTargets (RFC 7143 appendix C). `which` is "All", a target's name, or "" for this session's own. The
 * answer is text, to be read with initiator/discovery.h. err: 0; -EMSGSIZE: longer than anybody's list;
 * -EREMOTEIO: a Reject; -EPROTO; -ETIMEDOUT; -ECONNRESET; -ESHUTDOWN. One at a time: -EBUSY.
 */
struct ini_text {
	const char *which; /* lives until done */
	void (*done)(struct ini_text *text, int err);
	void *ctx;

	const uint8_t *data; /* valid while done runs */
	size_t len;

	/* private */
	struct list link;
	uint32_t tag;
	uint64_t ends;
};

#endif

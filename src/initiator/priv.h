/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The inside of the initiator role.
 *
 *   recovery.c   the state machine: from one connection to the next
 *   login.c      a login, from the first request to full feature phase
 *   conn.c       both machines of a connection; what the target says, by opcode
 *   task.c       SCSI commands: where they wait, and how they end; tag.c their tags
 *   transfer.c   a command and its data, both ways
 *   tmf.c        task management, and what a deadline leads to
 *   nop.c        pings; async.c what the target says unasked; text.c SendTargets; logout.c
 *
 * A task is in one list at a time, by its state:
 *
 *   waiting, ahead   not issued since it was submitted, or since it has to be again
 *   delayed          likewise, and not before its time: the target was busy
 *   issued           under way, in the order of issue
 *   ending           over, but its PDUs are in the send queue still
 *   lost             it was under way when the connection broke: until the session is reinstated (RFC 7143
 *                    6.3.5) nobody knows what becomes of it
 */
#ifndef LUNAR_INITIATOR_PRIV_H
#define LUNAR_INITIATOR_PRIV_H

#include "common/cleanup.h"
#include "initiator/session.h"
#include "iscsi/rx.h"
#include "iscsi/serial.h"

/* What comes in small PDUs, with one receive. With more of it the target has nothing to do until all is looked at. */
#define INI_STAGE      (32 * 1024)
#define INI_SCRATCH    ISCSI_LOGIN_DATA_MAX
#define INI_TX_DEPTH   32 /* Data-Out PDUs are made no further ahead than this */
#define INI_NOTES      64 /* PDUs of ours that are none of a task */
#define INI_NOTE_DATA  (ISCSI_NAME_SIZE + 16)
#define INI_TAGS_EXTRA 80 /* tags beyond those of commands: functions, pings, texts */
#define INI_ABORTS     8
#define INI_TMFS       64
#define INI_TRIES      16 /* a command, after statuses that may pass */
#define INI_TEXT_MAX   (4u << 20)
#define INI_TEXT_PDUS  4096

#define NS_PER_MS  UINT64_C(1000000)
#define NS_PER_SEC UINT64_C(1000000000)

enum task_state {
	TASK_IDLE,
	TASK_WAITING,
	TASK_DELAYED,
	TASK_ISSUED,
	TASK_ENDING,
	TASK_LOST,
};

enum task_verdict { VERDICT_END, VERDICT_AGAIN, VERDICT_DELAY };

/* The states of recovery.c; a person sees fewer (enum ini_state). */
enum machine {
	M_IDLE,
	M_CONNECTING,
	M_LOGGING_IN,
	M_UP,
	M_DRAINING_AGAIN, /* the target wants us out: what is under way may end, then LEAVING_AGAIN */
	M_LEAVING_AGAIN, /* a Logout Request is out; we come back */
	M_DRAINING_END,  /* the owner wants out */
	M_LEAVING_END,
	M_CLOSING_AGAIN, /* the driver closes; then WAITING */
	M_CLOSING_HOP,   /* ... then the address that the target has named */
	M_CLOSING_END,   /* ... then that is it */
	M_WAITING,
	M_ENDED,
	M_STATES,
};

enum happening {
	H_START,     /* the owner wants a session */
	H_CONNECTED, /* there is a connection */
	H_FAILED,    /* there is none; later perhaps */
	H_NOWHERE,   /* there is none, and it will not be tried again */
	H_LOGGED_IN, /* full feature phase */
	H_MOVED,     /* the target is elsewhere */
	H_BROKEN,    /* the connection is of no use any more */
	H_HOPELESS,  /* likewise, and it will not be tried again */
	H_ASKED_OUT, /* asynchronous message: log out */
	H_QUIET,     /* nothing is under way any more, or the time for that is up */
	H_LEFT,      /* a Logout Response, or the time for that is up */
	H_CLOSED,    /* the driver has closed */
	H_TIME,      /* for the next attempt */
	H_STOP,      /* the owner wants to log out */
	H_FORCE,     /* the owner wants it to end now */
	HAPPENINGS,
};

struct slot {
	uint32_t tag; /* its last one */
	uint8_t kind; /* enum tag_kind */
	void *of;
};

enum tag_kind { TAG_FREE, TAG_TASK, TAG_TMF, TAG_PING, TAG_TEXT, TAG_LOGOUT };

/* A PDU that is none of a task. */
struct note {
	struct iscsi_tx_pdu pdu;
	struct ini_session *session;
	uint8_t data[INI_NOTE_DATA];
};

/* One PDU of Data-Out. */
struct data_pdu {
	struct iscsi_tx_pdu pdu;
	struct ini_session *session;
	struct ini_task *task;
};

/* What the end of a task by force takes. */
struct ini_abort {
	struct list link;
	struct ini_session *session;
	struct ini_task *task; /* NULL: it has ended meanwhile */
	struct ini_tmf tmf;
};

struct ini_session {
	const struct ini_ops *ops;
	void *ctx;
	uint64_t now;
	struct ini_config config; /* its strings and accounts are the copies at the end */

	/* recovery */
	uint64_t timer; /* of the state */
	uint64_t began, up_since;
	uint64_t login_ends;   /* an attempt, all redirections included */
	uint64_t not_before;   /* Time2Wait */
	uint64_t outage_since; /* INI_NEVER: there is none */
	enum machine state;
	enum happening queue[8];
	unsigned queued;
	unsigned attempt, hops; /* since the last session that held; of this login */
	uint32_t leave_seconds; /* that the target leaves us for a logout; 0: it has not said */

	/* the connection */
	uint8_t *stage;
	uint64_t heard, ping_sent; /* 0: none is out */
	uint32_t cmdsn, maxcmdsn, expcmdsn, expstatsn;
	uint32_t ping_tag, logout_tag;
	int32_t tpgt;
	uint16_t tsih;

	bool happens;   /* the queue is being worked off */
	bool wait_said; /* Time2Wait is an asynchronous message's, not what was negotiated */
	bool ever_up, held, dark, stopping;
	bool login_due; /* the next login request, when the last one has gone */
	bool statsn_known;

	/* tasks */
	struct list waiting, ahead, delayed, issued, ending, lost, sending;
	uint64_t task_check; /* no deadline and no abort that waits for its turn is before this */
	uint64_t delay_check;
	unsigned in_flight;

	/* tags, and pools */
	unsigned slot_count, free_count;
	unsigned data_out; /* of data_pdus, in the send queue */
	unsigned tmf_count;
	struct slot *slots;
	uint16_t *free_slots;
	struct note *notes;
	struct data_pdu *data_pdus;
	struct list free_notes, free_data; /* iscsi_tx_pdu.link */
	struct list tmfs, free_aborts;

	struct ini_text *text;
	uint8_t *text_segment;
	struct iscsi_text_in text_in;
	struct ini_stats stats;

	struct iscsi_params params;
	struct iscsi_tx tx;
	struct iscsi_rx rx;
	struct iscsi_login_initiator login;
	struct ini_abort aborts[INI_ABORTS];
	struct iscsi_chap_account ours, theirs;
	struct ini_why why;
	char initiator_name[ISCSI_NAME_SIZE], target_name[ISCSI_NAME_SIZE];
	char alias[ISCSI_SIMPLE_MAX + 1], target_alias[ISCSI_SIMPLE_MAX + 1];
	char base[ISCSI_ADDRESS_SIZE];    /* where to begin */
	char address[ISCSI_ADDRESS_SIZE]; /* where it is, or tries to be */
	uint8_t scratch[INI_SCRATCH];
};

/* --- session.c */

static inline bool ini_session_full(const struct ini_session *s)
{
	return s->state >= M_UP && s->state <= M_LEAVING_END;
}

static inline void ini_session_wake(struct ini_session *s)
{
	s->ops->wake(s->ctx);
}

/* `at` after now, without running over. */
static inline uint64_t ini_session_after(const struct ini_session *s, uint64_t ns)
{
	return ns >= INI_NEVER - s->now ? INI_NEVER : s->now + ns;
}

/* --- recovery.c */

void ini_recovery_happens(struct ini_session *s, enum happening h);
/* The connection is of no use any more, because of this. Nothing is taken from it afterwards. */
void ini_recovery_break(struct ini_session *s, enum ini_reason reason, const char *fmt, ...)
	PRINTF(3, 4);
/* Likewise; ini_recovery_note() has been told why. */
void ini_recovery_broken(struct ini_session *s);
/* Why what comes next does; `fmt` NULL: what the reason means. */
void ini_recovery_note(struct ini_session *s, enum ini_reason reason, uint16_t status, int err,
		       const char *fmt, ...) PRINTF(5, 6);
void ini_recovery_tick(struct ini_session *s);
uint64_t ini_recovery_deadline(const struct ini_session *s);
/* Something has ended: perhaps it was what a logout waits for. */
void ini_recovery_check_quiet(struct ini_session *s);

/* --- login.c */

/* Of texts that are the session's. */
struct iscsi_login_config ini_login_config(const struct ini_session *s);
void ini_login_begin(struct ini_session *s);
void ini_login_pdu(struct ini_session *s);
/* Less than a header has come. */
void ini_login_partial(struct ini_session *s);
/* The last request has gone. */
void ini_login_sent(struct ini_session *s);
void ini_login_free(struct ini_session *s);

/* --- conn.c */

void ini_conn_reset(struct ini_session *s);
/* A free PDU for a request, or NULL: the connection is broken then. */
struct note *ini_conn_note(struct ini_session *s, uint8_t opcode, uint8_t flags);
/* Queues it, ExpStatSN and, of what has one, CmdSN filled in. */
void ini_conn_push(struct ini_session *s, struct note *note);

/* --- tag.c */

int ini_tags_new(struct ini_session *s);
void ini_tags_reset(struct ini_session *s);
/* ISCSI_RESERVED_TAG: there is none left. */
uint32_t ini_tag_new(struct ini_session *s, enum tag_kind kind, void *of);
void ini_tag_free(struct ini_session *s, uint32_t tag);
/* What exactly this tag stands for, or NULL: nothing of that kind, or not any more. */
void *ini_tag_find(const struct ini_session *s, uint32_t tag, enum tag_kind kind);

/* --- task.c */

/* Issues what waits, as far as it can go. */
void ini_task_go(struct ini_session *s);
/* It is not under way any more: its tag is free and nothing more is sent for it. */
void ini_task_retire(struct ini_task *task);
/* Of a retired one: what becomes of it, once its PDUs have gone. */
void ini_task_settle(struct ini_task *task, enum task_verdict verdict, int err);
/* Of whatever state but issued: it ends with `err`. */
void ini_task_fail(struct ini_task *task, int err);
/* The connection is gone. */
void ini_task_lose_all(struct ini_session *s);
/* The session is reinstated: what was lost is over. */
void ini_task_reinstate_all(struct ini_session *s);
/* What waits, with `lost` that, too. */
void ini_task_fail_all(struct ini_session *s, int err, bool lost);
/* A little later it is seen to what is to be aborted. */
void ini_task_recheck(struct ini_session *s);
void ini_task_tick(struct ini_session *s);
/* A PDU of it has gone, or never will. */
void ini_task_sent(struct ini_task *task);
/* An answer: status and the like are in the task. */
void ini_task_answered(struct ini_task *task);
/* Of a retired one that a function has ended: it is issued again if that is why it was, or `again`. */
void ini_task_over(struct ini_task *task, bool again);
/* All under way on this LUN (NULL: on any) that were issued before CmdSN `before` are over, by a function. */
void ini_task_cleared(struct ini_session *s, const uint8_t *lun, uint32_t before, bool again);

/* --- transfer.c */

void ini_transfer_begin(struct ini_task *task); /* makes and queues its command PDU */
void ini_transfer_make(struct ini_session *s);  /* queues Data-Out */
void ini_transfer_data_in_header(struct ini_session *s);
void ini_transfer_data_in(struct ini_session *s);
void ini_transfer_r2t(struct ini_session *s);
void ini_transfer_response(struct ini_session *s);

/* --- tmf.c */

void ini_tmf_response(struct ini_session *s);
void ini_tmf_lose_all(struct ini_session *s, int err);
void ini_tmf_tick(struct ini_session *s);
uint64_t ini_tmf_deadline(const struct ini_session *s);
/* Begins to end an issued task by force; false: others are at it, later. */
bool ini_tmf_abort(struct ini_task *task);
/* It has ended by itself. */
void ini_tmf_spare(struct ini_task *task);

/* --- nop.c, async.c, text.c, logout.c */

void ini_nop_in(struct ini_session *s);
void ini_nop_tick(struct ini_session *s);
uint64_t ini_nop_deadline(const struct ini_session *s);

void ini_async_message(struct ini_session *s);
void ini_async_reject(struct ini_session *s);

void ini_text_header(struct ini_session *s);
void ini_text_response(struct ini_session *s);
void ini_text_end(struct ini_session *s, int err);
void ini_text_lose(struct ini_session *s); /* the connection is gone */

void ini_logout_send(struct ini_session *s);
void ini_logout_response(struct ini_session *s);

#endif

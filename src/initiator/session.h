/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The initiator's side of a session, sans I/O: one connection, ErrorRecoveryLevel 0, and the recovery that makes
 * a new one of it when it breaks (RFC 7143 7.1.4.2, 6.3.5). It makes no system call and knows no clock.
 *
 * Two sides talk to it. Who has work for it:
 *
 *	ini_session_new(), ini_start()       it logs in, and does so again after each loss
 *	ini_submit(), ini_tmf(), ...         at any time; what cannot go yet waits
 *	ops->state(), ops->event()           what there is to know
 *	ini_stop()                           logs out, or ends at once
 *
 * And who moves its bytes, the driver (src/driver does it on a reactor, liblunar by a poll loop, tests by hand):
 *
 *	ops->connect()   -->  ini_connected(), once
 *	ini_want_recv()  -->  receive  -->  ini_got()
 *	ini_want_send()  -->  send     -->  ini_went()
 *	ini_deadline()   -->  ini_tick()
 *	ini_lost()            the connection broke, or the peer closed it
 *	ops->close()     -->  ini_closed(), once, when no operation is in flight any more
 *
 * One thread at a time. `now` is nanoseconds of a clock that never goes back; all deadlines are of that clock.
 * Callbacks come from inside of these calls, but never from inside ini_submit(), ini_tmf() and ini_send_targets(),
 * and may call everything here but ini_session_free(), and the driver's part.
 *
 * What recovery promises: a new session has the ISID of the old one and TSIH 0, so the target ends the old one
 * and its tasks before it answers. Nothing is issued in between. Then what was under way is issued again in its
 * old order, if its owner has said that it may be, or fails; either exactly once.
 */
#ifndef LUNAR_INITIATOR_SESSION_H
#define LUNAR_INITIATOR_SESSION_H

#include "initiator/reason.h"
#include "initiator/task.h"
#include "iscsi/login.h"

#define INI_RECV_IOV  16   /* vectors of ini_want_recv() */
#define INI_SEND_IOV  96   /* vectors that ini_want_send() can make good use of */
#define INI_DEPTH_MAX 4000 /* commands in flight */
#define INI_HOPS_MAX  8    /* redirections of one login */

enum ini_state {
	INI_IDLE,
	INI_CONNECTING,
	INI_LOGGING_IN,
	INI_UP,      /* full feature phase */
	INI_LEAVING, /* what is under way ends, then it logs out */
	INI_CLOSING, /* the driver closes the connection */
	INI_WAITING, /* for the time of the next attempt */
	INI_ENDED,   /* for good, unless ini_start() is called again */
};
const char *ini_state_word(enum ini_state state);

/* All nanoseconds. */
struct ini_times {
	uint64_t connect;       /* until a connection is there */
	uint64_t reconnect;     /* likewise, once there was a session: it is tried more often */
	uint64_t login;         /* from there to full feature phase */
	uint64_t ping_interval; /* nothing was heard for so long: NOP-Out; 0: never */
	uint64_t ping_timeout;  /* nothing still: the connection is dead */
	uint64_t
		answer; /* a command that is not answered is aborted, and issued again if INI_RETRY */
	uint64_t abort;         /* ABORT TASK takes no longer; then LOGICAL UNIT RESET */
	uint64_t reset;         /* nor does that; then the session is dropped */
	uint64_t text;          /* SendTargets, all of its answer */
	uint64_t leave;         /* what is under way at a logout ends, then the logout itself */
	uint64_t busy;          /* BUSY and TASK SET FULL are waited out */
	uint64_t backoff_first; /* before the second attempt; the first comes at once */
	uint64_t backoff_max;   /* before a later one, doubled each time ... */
	uint64_t backoff_told;  /* ... and after the target has said that we may not */
};

struct ini_config {
	/* Names are valid and normal (iscsi/names.h). All strings and accounts are copied. */
	const char *initiator_name, *initiator_alias;
	const char *target_name; /* NULL with `discovery` */
	bool discovery;
	const char *address; /* "host", "host:port", "[v6]:port" */
	/* The owner's, kept where a crash does not reach it before the first login: it is by this that a
	 * later one ends what this one has left (RFC 7143 6.3.5). ini_isid_random() makes one. */
	uint8_t isid[ISCSI_ISID_LEN];
	int32_t tpgt; /* no other portal group will do; -1: any */

	struct iscsi_offer offer;
	const struct iscsi_chap_account *ours, *theirs; /* iscsi/login.h */
	bool allow_none;
	unsigned algorithms;

	unsigned depth; /* commands in flight at most; what is more waits */
	struct ini_times times;
	/* An outage that lasts longer: all that waits fails, and so does what comes, until the session is
	 * back. 0: at once; INI_NEVER: it waits for ever. */
	uint64_t outage;
	uint64_t patience; /* the first login is tried for so long; 0: once */
	/* After each login nothing goes out but INI_AHEAD until ini_release(): for the owner to ask first
	 * whether the LUs are still the same. */
	bool hold;
	uint32_t cmdsn; /* of the first command of a session */
};

/* Everything but names, address and ISID. */
void ini_config_init(struct ini_config *config);
/* An ISID of the "random" format (RFC 7143 11.12.5). */
void ini_isid_random(uint8_t isid[ISCSI_ISID_LEN], void (*random)(void *ctx, void *out, size_t len),
		     void *ctx);

/* ================================ what happens ================================ */

enum ini_event_kind {
	INI_UNIT_ATTENTION, /* lun, asc_ascq; the command that got it is issued again */
	INI_SCSI_ASYNC,     /* lun, sense data (RFC 7143 11.9.1 event 0) */
	INI_LOGOUT_ASKED,   /* seconds: it logs out and in again */
	INI_DROP_SAID,      /* the target drops the connection or the session; seconds: Time2Wait */
	INI_VENDOR_ASYNC,   /* code, data */
	INI_MOVED_FOR_GOOD, /* address: where the target is from now on; keep it */
	INI_OUTAGE,         /* the policy's time is up, what waited fails */
	INI_REJECTED,       /* code: enum iscsi_reject_reason */
};

/* Pointers are valid during the call. What comes from the target is not safe to print. */
struct ini_event {
	enum ini_event_kind kind;
	uint8_t lun[ISCSI_LUN_LEN];
	uint16_t asc_ascq; /* additional sense code and qualifier; 0: none */
	uint8_t key;       /* enum scsi_sense_key */
	uint8_t code;
	uint32_t seconds;
	const uint8_t *data;
	uint32_t len;
	const char *address;
};

struct ini_ops {
	/* --- the driver's; connect and close are answered later, never from inside */
	/* To this address, as config.address has it, checked for its form. */
	void (*connect)(void *ctx, const char *address);
	/* Ends the connection, or the attempt to make one: ini_connected() does not come any more. */
	void (*close)(void *ctx);
	/* There is something to send, or an earlier deadline; may be called again and again. */
	void (*wake)(void *ctx);
	void (*random)(void *ctx, void *out, size_t len);

	/* --- the owner's; NULL: it does not care */
	void (*state)(void *ctx, enum ini_state state, const struct ini_why *why);
	void (*event)(void *ctx, const struct ini_event *event);
};

/* ================================ the owner's side ================================ */

/* 0; -EINVAL: names, accounts, address, depth; -ENOMEM. `ops` and `ctx` live as long as the session. */
int ini_session_new(struct ini_session **out, const struct ini_config *config,
		    const struct ini_ops *ops, void *ctx);
/*
 * In INI_IDLE or INI_ENDED. Or, `abandon`, in any: the driver's operations are dead (its process is, in a
 * simulation), and no callback runs. NULL is fine.
 */
void ini_session_free(struct ini_session *s, bool abandon);

/* From INI_IDLE or INI_ENDED; else nothing happens. */
void ini_start(struct ini_session *s, uint64_t now);
/*
 * Logs out: nothing is taken any more, what waits fails with -ESHUTDOWN, what is under way may end within
 * times.leave, and as much again is for the logout. With `force` the connection is closed without a word. Either
 * way INI_ENDED comes when the driver has closed.
 */
void ini_stop(struct ini_session *s, bool force, uint64_t now);

/* 0: `done` will run; else it will not. -EINVAL: lengths, CDB; -ENOTSUP: both directions; -EMSGSIZE: more than a
 * session can carry; -ESHUTDOWN: stopped or ended; -EHOSTDOWN: an outage that is longer than the policy allows. */
int ini_submit(struct ini_session *s, struct ini_task *task, uint64_t now);
/* `done` runs with -ECANCELED, or with what came first. What is under way is aborted, as after its deadline. */
void ini_cancel(struct ini_session *s, struct ini_task *task, uint64_t now);
/* -ENOTCONN: there is no session now; -EINVAL; -EBUSY: too many at a time. */
int ini_tmf(struct ini_session *s, struct ini_tmf *tmf, uint64_t now);
/* ... likewise. */
int ini_send_targets(struct ini_session *s, struct ini_text *text, uint64_t now);

/* Nothing goes out any more but INI_AHEAD; and it does again. */
void ini_hold(struct ini_session *s);
void ini_release(struct ini_session *s, uint64_t now);
/* The LUN is not what it was: what waits for it fails with -ENXIO, what is under way is aborted and then does. */
void ini_fail_lun(struct ini_session *s, const uint8_t lun[ISCSI_LUN_LEN], uint64_t now);

/* Of the next attempt; one that waits for its time comes at once. -EINVAL. */
int ini_set_address(struct ini_session *s, const char *address, uint64_t now);
void ini_set_outage(struct ini_session *s, uint64_t outage, uint64_t now);
/* An attempt that waits for its time comes now, unless the target has asked to be left alone until then. */
void ini_hurry(struct ini_session *s, uint64_t now);

enum ini_state ini_state(const struct ini_session *s);
/* Why the last connection, attempt or session ended. */
const struct ini_why *ini_last_why(const struct ini_session *s);
/* What was negotiated, while INI_UP or INI_LEAVING; else what held last. */
const struct iscsi_params *ini_params(const struct ini_session *s);
uint16_t ini_tsih(const struct ini_session *s);
int32_t ini_tpgt(const struct ini_session *s);             /* -1: the target has none */
const char *ini_target_alias(const struct ini_session *s); /* "": none; UTF-8 */
const char *ini_address(const struct ini_session *s);      /* where it is, or tries to be */

struct ini_stats {
	uint64_t commands, bytes_out, bytes_in; /* of SCSI commands and their data */
	uint64_t logins, attempts; /* ... that came to full feature phase; connections tried */
	uint64_t reissued;         /* commands, after a loss, a reset or a unit attention */
	uint64_t timeouts, aborts, resets, drops;
	unsigned in_flight, waiting;
};
void ini_get_stats(const struct ini_session *s, struct ini_stats *out);

/* ================================ the driver's side ================================ */

/* Answers ops->connect(): 0, or -errno: -ENOENT: the name has no address; -EAGAIN: nobody could be asked. */
void ini_connected(struct ini_session *s, int err, uint64_t now);
/* The connection broke (-errno) or the peer has closed it (0): ops->close() is called. */
void ini_lost(struct ini_session *s, int err, uint64_t now);
/* Answers ops->close(). */
void ini_closed(struct ini_session *s, uint64_t now);

/* Fills at most `max` (2 to INI_RECV_IOV) vectors, which stay valid until ini_got() or ini_closed(). 0: do not
 * receive now. */
unsigned ini_want_recv(struct ini_session *s, struct iovec *iov, unsigned max);
void ini_got(struct ini_session *s, size_t n, uint64_t now);
/* The same for what is to be sent; 0: nothing. max >= 3. */
unsigned ini_want_send(struct ini_session *s, struct iovec *iov, unsigned max);
void ini_went(struct ini_session *s, size_t n, uint64_t now);

/* When ini_tick() is to be called, at the latest; INI_NEVER. */
uint64_t ini_deadline(const struct ini_session *s);
void ini_tick(struct ini_session *s, uint64_t now);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * liblunar: iSCSI sessions in a program of yours. lunar(3) says how it all fits together.
 *
 * A context (struct lunar) has any number of sessions. It has no thread and no timer: your loop waits until
 * lunar_fd() is readable, lunar_timeout() milliseconds at most, and calls lunar_service(); or lunar_wait() does
 * all three. Functions marked "waits" do that by themselves until they have their answer.
 *
 * Threads: one context, one thread at a time; different contexts have nothing in common.
 *
 * Callbacks come from inside lunar_service(), lunar_wait() and functions that wait, and, of a session's state, from
 * lunar_start() and lunar_stop(); never from inside lunar_submit(). They may call everything but what waits (-EDEADLK)
 * and lunar_free().
 *
 * Functions that return int return 0 or -errno. What went wrong with a session is a reason for programs
 * (lunar_why()) and a sentence for people (lunar_error()), safe to print.
 */
#ifndef LUNAR_LUNAR_H
#define LUNAR_LUNAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LUNAR_SENSE_MAX 252   /* bytes of sense data */
#define LUNAR_LUN_MAX   16383 /* the highest number of a LUN */

struct lunar;
struct lunar_session;
struct lunar_task;

/* The version of the library that runs: "0.1.0". */
const char *lunar_version(void);

/* ================================ the context ================================ */

/* 0, -ENOMEM, -EMFILE, ... */
int lunar_new(struct lunar **out);
/* Ends all sessions without a word to their targets: `done` of every task runs, with -ESHUTDOWN. NULL is fine. */
void lunar_free(struct lunar *l);

/* To be waited for until it is readable; nothing is to be read from it. Lives as long as the context. */
int lunar_fd(const struct lunar *l);
/* Milliseconds until lunar_service() has to be called even if nothing is readable; 0: now, as after
 * lunar_submit(); -1: any time will do. To be asked anew before each wait. */
int lunar_timeout(const struct lunar *l);
/*
 * Does what can be done without waiting: sends what was submitted, takes what has come, runs callbacks.
 * With one exception: a portal that is a host's name is looked up by getaddrinfo(), which may block. Loops that
 * must not wait for that look names up themselves, and set `portal` to a number.
 */
int lunar_service(struct lunar *l);
/* Waits `timeout` milliseconds at most (-1: any time) for something to do, and does it. */
int lunar_wait(struct lunar *l, int timeout);

/* ================================ sessions ================================ */

enum lunar_state {
	LUNAR_IDLE,
	LUNAR_CONNECTING,
	LUNAR_LOGGING_IN,
	LUNAR_UP,      /* commands go */
	LUNAR_LEAVING, /* what is under way ends, then it logs out */
	LUNAR_CLOSING,
	LUNAR_WAITING, /* for the time of the next attempt */
	LUNAR_ENDED    /* for good, unless lunar_start() is called again */
};

/* Why a session, a login or a connection ended. Numbers stay as they are. */
enum lunar_reason {
	LUNAR_NO_REASON = 0,
	LUNAR_BAD_ADDRESS = 1,       /* the text is no address */
	LUNAR_UNRESOLVED = 2,        /* the name has no address */
	LUNAR_UNREACHABLE = 3,       /* no route, or the network or host says so */
	LUNAR_REFUSED = 4,           /* nobody listens there */
	LUNAR_CONNECT_TIMEOUT = 5,   /* nobody answers there */
	LUNAR_LOGIN_TIMEOUT = 6,     /* the login is not answered */
	LUNAR_WRONG_SECRET = 7,      /* the target does not believe who we are */
	LUNAR_TARGET_UNPROVEN = 8,   /* we do not believe who the target is */
	LUNAR_NO_AUTHENTICATION = 9, /* one side wants what the other does not do */
	LUNAR_FORBIDDEN = 10,        /* this initiator may not */
	LUNAR_NO_SUCH_TARGET = 11,   /* not at this address */
	LUNAR_NOT_NOW = 12,          /* the target has trouble of its own */
	LUNAR_LOGIN_REFUSED = 13,    /* for another reason */
	LUNAR_MOVED_TOO_OFTEN = 14,  /* redirection without an end */
	LUNAR_NO_AGREEMENT = 15,     /* what it negotiates we cannot live with */
	LUNAR_LOST = 16,             /* the connection broke, or the target closed it */
	LUNAR_NO_ANSWER = 17,        /* it does not answer a ping, a text, a logout */
	LUNAR_DAMAGED = 18,          /* a digest was wrong */
	LUNAR_NONSENSE = 19,         /* it speaks no iSCSI, or against the protocol */
	LUNAR_STUCK = 20,            /* a command does not end and cannot be aborted */
	LUNAR_ASKED_OUT = 21,        /* it asked for a logout */
	LUNAR_DROPPED = 22,          /* it said that it drops the connection or the session */
	LUNAR_STOPPED = 23,          /* by lunar_stop() */
	LUNAR_NO_MEMORY = 24,
	LUNAR_BAD_SETTING = 25, /* lunar_set(), lunar_set_url(), lunar_start(): see lunar_error() */
	LUNAR_COMMAND_FAILED = 26, /* the session is well, the command was answered with an error */
	LUNAR_NO_NAME_SERVER = 27, /* nobody could be asked for the name: it may have an address */
	LUNAR_OTHER_DISK = 28 /* a LUN became another disk than it was when it was first used */
};

enum lunar_event_kind {
	LUNAR_UNIT_ATTENTION, /* lun, asc_ascq; the command that got it is issued again */
	LUNAR_SCSI_ASYNC,     /* lun, sense data */
	LUNAR_LOGOUT_ASKED,   /* the session logs out and in again within `seconds` */
	LUNAR_DROP_SAID,      /* the target drops the connection or the session */
	LUNAR_VENDOR_ASYNC,   /* code, data */
	LUNAR_MOVED_FOR_GOOD, /* address: where the target is from now on */
	LUNAR_OUTAGE,         /* the time of `outage` is up: what waited has failed */
	LUNAR_REJECTED        /* code: the reason of a Reject PDU */
};

/* Additional sense codes and qualifiers that are worth a look in a unit attention. */
#define LUNAR_ASC_CAPACITY_CHANGED     0x2a09
#define LUNAR_ASC_INQUIRY_DATA_CHANGED 0x3f03
#define LUNAR_ASC_LUNS_CHANGED         0x3f0e

/* Pointers are valid during the call. What comes from the target is not safe to print. */
struct lunar_event {
	enum lunar_event_kind kind;
	uint64_t lun;      /* as in struct lunar_task */
	uint16_t asc_ascq; /* additional sense code << 8 | qualifier; 0: none */
	uint8_t sense_key;
	uint8_t code;
	uint32_t seconds;
	const uint8_t *data;
	uint32_t len;
	const char *address;
};

/* NULL: nobody cares. */
struct lunar_callbacks {
	void (*state)(struct lunar_session *s, enum lunar_state state, void *user);
	void (*event)(struct lunar_session *s, const struct lunar_event *event, void *user);
};

/* A session with all settings at their defaults, LUNAR_IDLE. */
int lunar_session_new(struct lunar *l, struct lunar_session **out);
/* Ends it at once, if it has not: `done` of its tasks runs, with -ESHUTDOWN. From a callback of this very session
 * it goes as soon as that has returned. NULL is fine. */
void lunar_session_free(struct lunar_session *s);
/* `callbacks` is copied. */
void lunar_session_callbacks(struct lunar_session *s, const struct lunar_callbacks *callbacks,
			     void *user);
struct lunar *lunar_session_context(const struct lunar_session *s);

/*
 * Settings, by name and as text; lunar-settings(7) has them all. What is set counts from the next lunar_start()
 * on. 0; -ENOENT: there is none of that name; -EINVAL, -ERANGE: not such a value; lunar_error() says more.
 */
int lunar_set(struct lunar_session *s, const char *name, const char *value);
/* The value as text, cut at `size`; of a secret that is set "***". Its whole length, or -ENOENT. */
int lunar_get(const struct lunar_session *s, const char *name, char *out, size_t size);

/* A row of the table of settings. */
struct lunar_setting {
	const char *name;
	const char *form;     /* "name", "text", "bytes", "seconds", "number", "yes or no", ... */
	const char *range;    /* "": none */
	const char *standard; /* the default; "": none */
	const char *help;
};
/* The i-th one; false: there are no more. */
bool lunar_setting(size_t i, struct lunar_setting *out);

/*
 * iscsi://[USER[%SECRET]@]HOST[:PORT][/TARGET[/LUN]][?SETTING=VALUE[&...]]: sets portal, target, user, secret and
 * the settings behind "?"; `lun` gets the LUN (NULL: none may be given), or LUNAR_NO_LUN. -EINVAL and lunar_error().
 */
#define LUNAR_NO_LUN UINT64_MAX
int lunar_set_url(struct lunar_session *s, const char *text, uint64_t *lun);

/* Begins to connect and to log in; without a `target` that is a discovery session. What is submitted meanwhile
 * waits. 0; -EINVAL: lunar_error(); -EALREADY: it has begun; -EBUSY: from a callback of this very session. */
int lunar_start(struct lunar_session *s);
/* Begins to log out: what waits fails with -ESHUTDOWN, what is under way may end. With `force` the connection is
 * closed without a word. LUNAR_ENDED comes either way. */
void lunar_stop(struct lunar_session *s, bool force);
/* lunar_start(), and waits until it is LUNAR_UP, or will not be: then it has ended, see lunar_why(). -EDEADLK. */
int lunar_login(struct lunar_session *s);
/* lunar_stop(), and waits until it has ended. */
int lunar_logout(struct lunar_session *s);

enum lunar_state lunar_state(const struct lunar_session *s);
const char *lunar_state_word(enum lunar_state state);
enum lunar_reason lunar_why(const struct lunar_session *s);
const char *lunar_reason_word(enum lunar_reason reason); /* "wrong-secret" */
/* What went wrong last, in a sentence; "": nothing did. Valid until the next call. */
const char *lunar_error(const struct lunar_session *s);

/* What was negotiated last. Lengths in bytes. */
struct lunar_params {
	bool header_digest, data_digest, initial_r2t, immediate_data;
	uint32_t max_recv_data, max_send_data, max_burst, first_burst, max_outstanding_r2t;
	uint16_t tsih;
	int32_t portal_group;   /* -1: the target has told none */
	char target_alias[256]; /* "": none; UTF-8 */
	char address[300];      /* where the target is */
};
int lunar_params(const struct lunar_session *s, struct lunar_params *out);

struct lunar_stats {
	uint64_t commands, bytes_out, bytes_in, logins, attempts, reissued;
	uint64_t timeouts, aborts, resets, drops;
	uint32_t in_flight, waiting;
};
int lunar_stats(const struct lunar_session *s, struct lunar_stats *out);

/* ================================ commands ================================ */

enum lunar_attribute { LUNAR_UNTAGGED, LUNAR_SIMPLE, LUNAR_ORDERED, LUNAR_HEAD_OF_QUEUE };

enum lunar_task_flags {
	/* It may be issued again after the session was lost and is back, although it may have been executed:
	 * READ, WRITE, UNMAP; not COMPARE AND WRITE or reservations. Without this such a task fails then. */
	LUNAR_RETRY = 1,
	/* Every status is the caller's business. Without this BUSY and TASK SET FULL are waited out, and after a
	 * unit attention, which becomes an event, the command is issued again. */
	LUNAR_RAW = 2,
	/* An immediate command: not in the order of the others, and not bounded by the target's window. */
	LUNAR_IMMEDIATE = 8
};

enum lunar_status {
	LUNAR_GOOD = 0x00,
	LUNAR_CHECK_CONDITION = 0x02,
	LUNAR_CONDITION_MET = 0x04,
	LUNAR_BUSY = 0x08,
	LUNAR_RESERVATION_CONFLICT = 0x18,
	LUNAR_TASK_SET_FULL = 0x28,
	LUNAR_ACA_ACTIVE = 0x30,
	LUNAR_TASK_ABORTED = 0x40
};

/*
 * A command. All memory is the caller's: the struct, the vectors and the buffers stay as they are from
 * lunar_submit() until `done` runs; nothing is copied and nothing is allocated.
 *
 * Before the first one to a LUN (but INQUIRY and REPORT LUNS) the LU is asked who it is, and again after each login
 * and when a unit attention says that LUNs have changed; commands wait for that. So none goes to another disk.
 */
struct lunar_task {
	/* --- what is wanted; what is not needed is zero */
	uint64_t
		lun; /* a number up to LUNAR_LUN_MAX; what is larger is the eight bytes of SAM, the first one highest */
	uint8_t cdb[16];
	const uint8_t *long_cdb; /* of a CDB longer than that: all of it */
	uint16_t cdb_len;        /* 0: at most 16; up to 260 */
	uint8_t attribute;       /* enum lunar_attribute */
	uint8_t flags;           /* enum lunar_task_flags */
	/* Data to the target, or from it; not both for now. The vectors hold so many bytes, at least. */
	const struct iovec *out, *in;
	unsigned out_count, in_count;
	uint32_t out_len, in_len;
	uint32_t
		timeout; /* milliseconds, then it is aborted; 0: never, but as `answer_timeout` says */
	/*
	 * Exactly once, never from inside lunar_submit(); it may submit the task again, or free it. err:
	 *
	 *   0             the target has answered: see status
	 *   -EREMOTEIO    it has answered that it did not do it: see response
	 *   -ETIMEDOUT    see timeout
	 *   -ECANCELED    by lunar_cancel() or a task management function
	 *   -ECONNRESET   the connection broke, and it is not LUNAR_RETRY
	 *   -EHOSTDOWN    there is no session, for longer than `outage` allows
	 *   -ESTALE       the LUN is another disk than when it was first used: nothing goes to that one
	 *   -ENXIO        ... or is not there any more, or (-EAGAIN) does not say who it is
	 *   -ESHUTDOWN    the session has ended
	 */
	void (*done)(struct lunar_task *t, int err);
	void *user;

	/* --- the outcome */
	uint8_t status;    /* enum lunar_status */
	uint8_t response;  /* of the SCSI Response PDU; 0: completed at target */
	bool overflow;     /* the residual is what did not fit, not what did not come */
	bool unknown;      /* of an error: it may have been executed, or still be */
	uint32_t residual; /* bytes */
	uint32_t got;      /* bytes of data that came */
	uint32_t sense_len;
	uint8_t sense[LUNAR_SENSE_MAX];

	/* --- private; need not be zero */
	struct lunar_session *session;
	struct iovec one;
	uint8_t parameters[64];
	union {
		uint64_t number;
		void *pointer;
		uint8_t space[1280];
	} priv;
};

/* 0: `done` will run, else it will not. -EINVAL: lengths, CDB, LUN; -ENOTSUP: both directions, or a discovery session;
 * -EMSGSIZE; -ENOTCONN: not started; -ESHUTDOWN: it has ended; -EHOSTDOWN: see `outage`; -ESTALE: see above; -ENOMEM: of
 * the first command to a LUN. It leaves with the next lunar_service(), together with all else. */
int lunar_submit(struct lunar_session *s, struct lunar_task *t);
/* `done` runs with -ECANCELED, or with what came first. */
void lunar_cancel(struct lunar_task *t);
/* lunar_submit(), and waits for the end; `done` is not called. What `done` would get, or -EDEADLK. */
int lunar_run(struct lunar_session *s, struct lunar_task *t);

enum lunar_tmf_function {
	LUNAR_ABORT_TASK = 1,
	LUNAR_ABORT_TASK_SET = 2,
	LUNAR_CLEAR_TASK_SET = 4,
	LUNAR_LU_RESET = 5,
	LUNAR_TARGET_WARM_RESET = 6,
	LUNAR_TARGET_COLD_RESET = 7
};

/* A task management function; the caller's memory until `done` runs. */
struct lunar_tmf {
	uint8_t function; /* enum lunar_tmf_function */
	uint64_t lun;
	struct lunar_task *task; /* of LUNAR_ABORT_TASK: one that is not done */
	uint32_t timeout;        /* milliseconds; 0: as the settings say */
	/* 0: see response; -ETIMEDOUT; -ECONNRESET; -ESHUTDOWN */
	void (*done)(struct lunar_tmf *f, int err);
	void *user;

	uint8_t response; /* RFC 7143 11.6.1: 0 function complete, 1 no such task, 2 no such LUN, 5 not supported, ... */

	/* private */
	struct lunar_session *session;
	union {
		uint64_t number;
		void *pointer;
		uint8_t space[192];
	} priv;
};
/* -ENOTCONN: there is no session now; -EINVAL; -EBUSY: too many at a time. */
int lunar_tmf(struct lunar_session *s, struct lunar_tmf *f);
/* ... and waits. 0: function complete; -EREMOTEIO: another response. */
int lunar_tmf_run(struct lunar_session *s, struct lunar_tmf *f);

/* ================================ discovery ================================ */

/* Where a target is. A target with several portals has several of these, one after the other. */
struct lunar_found {
	char target[224];
	char address[300];    /* "host:port", "[v6]:port" */
	int32_t portal_group; /* -1: not told */
};

/*
 * SendTargets on a session that is LUNAR_UP: `which` is "All" (on a discovery session), a target's name, or "" for
 * the session's own. It lives until `found` runs, once; the list is valid during that. Records that are not well-formed
 * are left out and counted in `bad`. err: 0, -EMSGSIZE, -EREMOTEIO, -EPROTO, -ETIMEDOUT, -ECONNRESET, -ESHUTDOWN,
 * -ENOMEM. -ENOTCONN, -EINVAL, -EBUSY: one at a time.
 */
typedef void lunar_found_fn(struct lunar_session *s, int err, const struct lunar_found *found,
			    size_t count, size_t bad, void *user);
int lunar_send_targets(struct lunar_session *s, const char *which, lunar_found_fn *found,
		       void *user);
/* All of it, of the session's portal: logs in to discover, asks, logs out; waits. The settings `target` and so on
 * stay as they are. *found is to be given to free(). */
int lunar_discover(struct lunar_session *s, struct lunar_found **found, size_t *count);

#ifdef __cplusplus
}
#endif

#endif

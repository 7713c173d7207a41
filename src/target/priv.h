/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The inside of the target role.
 *
 *   struct target    one for each reactor: connections, sessions, and the pools; the first one, home, has
 *                    portals, nodes and the table of sessions as well, and what is said of the whole
 *   struct target_node, target_group, target_acl   what may be logged in to (node.h)
 *   struct session   one session: CmdSN window, tasks, the I_T nexus; one connection (MaxConnections 1)
 *   struct conn      a connection: socket, receive and send machine, timers
 *   struct record    what home knows of a session
 *   struct task      an iSCSI task: any request from its header to its response (RFC 7143 4.2.2.1)
 *
 * A task may outlive its connection and its session: while the backstore works for it (an orphan,
 * fenced by the LU), while the socket receives into its buffer, while a send reads from it. Each of
 * these holds a reference.
 */
#ifndef LUNAR_TARGET_PRIV_H
#define LUNAR_TARGET_PRIV_H

#include <pthread.h>
#include "common/buf.h"
#include "common/count.h"
#include "iscsi/keys.h"
#include "iscsi/login.h"
#include "iscsi/names.h"
#include "iscsi/rx.h"
#include "iscsi/serial.h"
#include "iscsi/tx.h"
#include "scsi/io.h"
#include "target/node.h"
#include "target/pool.h"

#define TARGET_PORTAL_GROUP 1
#define TARGET_MAX_R2T      16          /* outstanding R2Ts of one task */
#define TARGET_SEND_IOV     96          /* vectors of one send: up to 32 PDUs */
#define TARGET_LEND_MIN     (64u << 10) /* bytes of a read that are worth a system call of their own */
#define TARGET_TX_DEPTH     32          /* Data-In PDUs are made no further ahead than this */
#define TARGET_TX_HIGH      256         /* queued PDUs from which on we stop reading */
/* What one session may hold of the memory for commands: its share of four, but never less than the
 * largest command needs. */
#define TARGET_SHARES    4
#define TARGET_SHARE_MIN (16u << 20)
/* What one connection may hold for pings and texts, which no window bounds. */
#define TARGET_ECHO_MAX     (512u << 10)
#define TARGET_FREE_MAX     1024 /* tasks, and PDUs, that are kept for the next use */
#define TARGET_STAGE_LOGIN  ISCSI_RX_STAGE_MIN
#define TARGET_STAGE_FULL   (64 * 1024) /* sixteen writes of 4 KiB */
#define TARGET_ITT_BUCKETS  64
#define TARGET_LUN_ACCOUNTS 1024
#define TARGET_FAILURES     1024 /* addresses whose failed logins are remembered */

/* task->fail, ASC and ASCQ of ABORTED COMMAND (RFC 7143 11.4.7.2, SPC-4) */
#define UNEXPECTED_UNSOLICITED_DATA 0x0c0c
#define INCORRECT_AMOUNT_OF_DATA    0x0c0d
#define PROTOCOL_SERVICE_CRC_ERROR  0x4705

struct auth {
	struct iscsi_chap_account
		theirs; /* whom an initiator must prove to be; no name: nobody asks */
	struct iscsi_chap_account ours; /* how we answer when it asks us */
	unsigned algorithms;
};

/*
 * Configuration. Home changes it, with `config_lock` held for writing, and may look at it without; other threads
 * hold it for reading. What outlives the lock is a copy, or a number: each node, group and ACL has one that no
 * other ever had, 0 is none.
 */
struct networks {
	size_t count;
	struct target_network *of;
};

struct group_portal {
	struct list link;
	struct net_addr addr;
	struct portal *portal;               /* that listens there, or at the wildcard above */
	char advertise[NET_ADDR_TEXT + 256]; /* "": its own address */
};

/* How long is waited for an initiator. Home changes it, and those who wait look at it. */
struct patience {
	atomic_uint data_out, nopin_interval, nopin; /* seconds */
};

struct target_acl {
	struct list link;
	struct target_group *group;
	uint64_t number;
	char name[ISCSI_NAME_SIZE]; /* the initiator's */
	struct auth auth;
	struct networks networks;
	struct target_acl_options options;
	struct patience patience; /* of these options */
	uint32_t depth;
	struct scsi_map *map;
};

struct target_group {
	struct list link;
	struct target_node *node;
	uint64_t number;
	uint16_t tag;
	bool enabled;
	bool everywhere; /* on all portals */
	struct target_group_options options;
	struct target_params params;
	struct auth auth;
	struct networks networks;
	struct list portals; /* group_portal.link */
	struct list acls;
	struct scsi_map *map;
	bool own_map;
};

struct target_node {
	struct list link;
	struct target *target;
	uint64_t number;
	char *name, *alias;
	struct list groups;
	struct scsi_device *device;
	/* Its end: retire.c. */
	struct deferred empty;
	struct mail trip;
	unsigned trip_at;
	bool leaves, tripping;
	void (*done)(void *ctx);
	void *done_ctx;
	struct node_part {
		struct target_node *node;
		struct target *part;
		struct mail mail;
		struct deferred cold_reset; /* ends every session of the node that is there */
	} parts[TARGET_REACTORS_MAX];
};

struct portal {
	struct list link;
	struct target *target;
	int sock;
	struct net_addr addr; /* with its real port */
	struct op accept;
	struct timer retry; /* after a failed accept: out of descriptors */
	size_t users;       /* portals of groups */
	bool wanted;        /* by target_listen() */
	bool shared;        /* another process has the socket as well, and goes on with it */
	bool accepting, closing;
	bool gone;                 /* closed, and in no list */
	void (*closed)(void *ctx); /* who has ended it is told; NULL: nobody */
	void *closed_ctx;
};

/* Logins that have failed (backoff.c). */
struct failures {
	uint64_t key, last;
	unsigned count; /* 0: nobody's */
};

struct target {
	struct reactor *reactor;
	struct target *home;
	unsigned index; /* in home's parts */
	struct log *log;
	struct config_limits limits;
	struct patience patience; /* of these limits */
	struct list conns, sessions;
	struct mail watch_mail; /* conn_watch_all() */
	atomic_bool watch_posted;
	atomic_size_t load; /* connections that are here, or on their way */
	struct list silent; /* conn.silent_link: of those no PDU has come yet; oldest first */
	atomic_size_t silent_count;

	/* Home's. */
	struct target *parts[TARGET_REACTORS_MAX];
	unsigned part_count;
	pthread_rwlock_t config_lock;
	struct list nodes, portals;
	uint64_t last_number;
	size_t open_portals;
	struct list leaving; /* nodes on their way out */
	struct list endings; /* ending.link: sessions that are to end */
	pthread_mutex_t arrivals_lock;
	struct list arrivals; /* sockets on their way to other reactors */
	atomic_size_t conn_count, login_count;
	struct registry *registry;
	struct auth discovery_auth;
	pthread_mutex_t failures_lock;
	struct failures *failures; /* TARGET_FAILURES of them */

	struct pool pool;
	struct list free_tasks, free_pdus, tasks; /* tasks: all that are alive */
	size_t free_task_count, free_pdu_count;
	struct list starved; /* tasks that wait for a buffer, oldest first */
	uint64_t feed_round;
	size_t lun_memory[TARGET_LUN_ACCOUNTS]; /* of commands' buffers, bytes; by LU */
	struct deferred feed;                   /* serves them */

	bool draining, freeing;
	atomic_uint drain_seconds; /* as home has it */
	struct mail drain_mail, drained_mail;
	bool part_drained;
	struct timer drain_timer;
	struct deferred drained;
	void (*drain_done)(void *ctx);
	void *drain_ctx;
	struct target_stats stats;
};

struct registry; /* registry.c */

/* Written by home, but for what the session's reactor says at its end. */
struct record {
	struct list link;
	struct target *part;      /* where the session is */
	struct target_node *node; /* NULL: a discovery session */
	struct target_group *group;
	struct target_acl *acl; /* NULL: it has none */
	uint64_t group_number;
	uint64_t number; /* rising */
	uint32_t depth;
	char initiator[ISCSI_NAME_SIZE];
	uint8_t isid[6];
	uint16_t tsih, cid;
	struct iscsi_params params;
	struct scsi_nexus *nexus;
	struct session *session;     /* the part's; NULL: not yet, or no more */
	uint32_t expcmdsn, maxcmdsn; /* for its beginning; and of its end */
	struct list waiting;         /* enrol.link: who takes its place */
	const char *why;
	bool ending, asking; /* the part was told, and has not answered */
	bool left;           /* the part has no session any more */
	bool settled;
	struct mail end, gone;
	struct mail ask; /* to log out */
	uint32_t ask_seconds;
	bool asked;
	uint64_t pass; /* registry_each_that() */
};

/* A login that asks for its session. */
struct enrol {
	struct conn *conn;
	uint64_t group, acl; /* as was judged before; 0: a discovery session; no ACL */
	const struct iscsi_login_identity *id;
	const struct iscsi_params *params;
	struct list link;
	struct mail mail;
	uint16_t status; /* enum iscsi_login_status */
	const char *why;
	struct record *record;
};

/* Who comes, from where, and where to. */
struct visitor {
	const char *initiator, *node;
	const struct net_addr *from, *portal;
};

/* What is said to that. `node` and what follows: as far as it was found. */
struct judgement {
	uint16_t status; /* ISCSI_LOGIN_SUCCESS: it may log in */
	struct target_node *node;
	struct target_group *group;
	struct target_acl *acl;
	const struct auth *auth; /* its account, or that of all who have no ACL */
	bool chap;
	bool waived; /* there is no CHAP because the ACL says so, against the group */
	char why[768];
};

struct session {
	struct list link;
	struct record *record;
	struct target *target;
	struct target_node *node; /* NULL: a discovery session */
	struct scsi_nexus *nexus;
	char initiator[ISCSI_NAME_SIZE];
	char alias[ISCSI_SIMPLE_MAX + 1];
	char user[ISCSI_CHAP_NAME_SIZE]; /* "": nobody asked */
	uint16_t tsih;
	struct conn *conn;
	struct iscsi_params params;
	const struct patience
		*patience; /* its ACL's, which stays for as long as it does, or the target's */

	uint32_t expcmdsn, maxcmdsn;
	uint32_t depth;     /* of the window, at most */
	size_t active;      /* delivered, non-immediate requests without a response */
	unsigned rounds;    /* functions on their round: commands that came after them wait */
	size_t memory;      /* of its commands' buffers, bytes */
	size_t echoes;      /* of its other requests' buffers, bytes */
	uint64_t gap_since; /* with something held: when the number before it began to be missing */
	/* Of the LUN inventory (scsi_nexus_inventory()): what the initiator has heard of; what it was told of last, and
	 * the numbers of that answer. */
	uint32_t heard, told, told_statsn, told_maxcmdsn;
	uint64_t blocked;      /* feed round in which commands to some LUNs got no memory */
	uint64_t blocked_luns; /* which: a bit for each account, modulo 64 */
	bool window_closed;    /* the last MaxCmdSN we sent left no room for a command */
	struct list
		held; /* came before their turn, by CmdSN; immediate functions on many tasks, too */
	struct list by_itt[TARGET_ITT_BUCKETS];
};

struct conn_login; /* login.c */

struct conn {
	struct list link;
	struct list silent_link; /* in target->silent, or in no list */
	struct target *target;
	int sock;
	struct net_addr local, peer; /* without what maps IPv4 into IPv6 */
	char peer_text[NET_ADDR_TEXT];
	enum {
		CONN_LOGIN,
		CONN_FULL,   /* full feature phase */
		CONN_ENDING, /* sends what is queued, then closes; takes no more requests */
		CONN_DEAD,   /* waits for its operations to return */
	} state;

	struct iscsi_rx rx;
	uint8_t *stage;
	struct op recv;
	struct iovec recv_iov[ISCSI_RX_IOV];
	bool receiving, paused;
	bool at_work;   /* the events of what has been received are being taken */
	bool enrolling; /* the login waits for its session: nothing is read, and this memory stays */
	struct task *rx_task; /* whose data segment is coming in; NULL: it is dropped */

	struct iscsi_tx tx;
	struct op send;
	struct iovec send_iov[TARGET_SEND_IOV];
	bool sending;
	struct deferred pump;
	struct list data_in; /* tasks with Data-In to send */

	struct timer timer;
	uint64_t started, heard; /* when the last byte came */
	uint64_t pdu_began;      /* the PDU that is coming in */
	uint64_t taken;          /* when the peer last took something, or had all of it */
	uint64_t ended;          /* CONN_ENDING: since then */
	uint64_t held_until;     /* CONN_ENDING: nothing is sent before; 0: it is */
	size_t owed;             /* Data-Out sequences that the initiator was asked for or began */
	uint64_t owed_heard;     /* when one of them last began or moved */
	uint64_t ping_sent;      /* 0: no NOP-In waits for its answer */
	uint32_t ping_ttt;
	uint32_t login_timeout; /* seconds that a login may take, from `started` on */

	struct conn_login *login;
	struct session *session;
	struct iscsi_params params;
	uint32_t max_data_in; /* bytes of one, whatever the initiator takes */
	uint16_t cid;
	uint32_t statsn, next_ttt;
	size_t immediate; /* requests in progress */
	unsigned patient; /* functions on many tasks under way (RFC 7143 4.2.3.3 a) */
	bool any_pdu;     /* a first PDU has come in whole */
	uint64_t bytes_in, bytes_out;
	bool logging_in; /* counted in home's login_count; so are discovery sessions */
	struct iscsi_text_target text; /* in full feature phase */
};

struct r2t {
	uint32_t ttt, offset, length, datasn;
};

struct task {
	struct scsi_io io; /* of a SCSI command */
	struct iscsi_bhs bhs;
	struct list all;      /* target->tasks, or the free list */
	struct list itt_link; /* session->by_itt */
	struct list link;     /* held, starved or data_in */
	struct target *target;
	struct conn *conn; /* NULL: gone, nobody is left to answer */
	unsigned refs;
	uint32_t itt, cmdsn;
	bool immediate; /* by its I bit */
	bool delivered; /* its turn by CmdSN has come */
	bool plug;      /* no request at all, only its CmdSN */
	bool counted;   /* in session->active or conn->immediate */

	uint8_t *buf;                 /* from the pool */
	uint32_t buf_len;             /* as asked for */
	uint16_t lun_account;         /* in target->lun_memory */
	void (*then)(struct conn *c); /* after its answer, which waits behind Data-In */
	bool answering;

	/* A SCSI command */
	uint32_t edtl_out, edtl_in; /* expected data transfer lengths */
	uint32_t out_len; /* as decoded: `io` is not ours to look at while it is submitted */
	bool submitted;   /* the device server has it, or had it */
	bool finished;    /* the device server is through */
	bool full;        /* no memory: TASK SET FULL */
	uint16_t fail;    /* ASC/ASCQ with which it ends in ABORTED COMMAND; 0: none */

	/* Data-Out (data_out.c) */
	uint32_t received;        /* bytes that came, in order from 0 */
	bool moving;              /* the device server waits for them */
	bool swallowing;          /* aborted, and waits for the end of what it asked for */
	bool given_up;            /* aborted, and does not: what still comes is dropped */
	bool expects_unsolicited; /* the F bit of the unsolicited sequence has not come */
	uint32_t unsolicited_datasn;
	uint32_t r2t_next; /* the next R2T asks from here */
	uint32_t r2tsn;
	unsigned r2t_first, r2t_count;
	struct r2t r2t[TARGET_MAX_R2T];

	/* Data-In (data_in.c) */
	uint32_t in_total, in_sent, in_burst, datasn;

	struct iscsi_tx_pdu response;
	uint8_t segment[2 + SCSI_SENSE_MAX];

	/* Task management (tmf.c) */
	struct scsi_tmf tmf;
	struct timer patience;      /* for Data-Out that the aborted tasks still expect */
	struct mail round;          /* to each of the other reactors, and back */
	unsigned round_at;          /* where it is */
	bool tmf_running, on_round; /* on_round: on its round, and not started yet */
};

/* A PDU that ends no task: R2T, Data-In but the last, Reject, NOP-In, Async Message. */
struct out_pdu {
	struct iscsi_tx_pdu tx;
	struct target *target;
	struct task *task; /* referenced, or NULL */
	uint8_t segment[ISCSI_BHS_LEN];
};

/* --- target.c */

uint64_t target_deadline(const struct target *t, uint64_t from, uint32_t seconds);
void target_check_drained(struct target *t);

/* --- node.c */

void auth_free(struct auth *auth);
/* Also for NULL: none. */
int auth_set(struct auth *to, const struct target_auth *from);
/* Home writes. */
void config_write(struct target *t);
void config_done(struct target *t);
/* From every thread. */
void config_read(struct target *t);
void patience_set(struct patience *to, uint32_t data_out, uint32_t nopin_interval, uint32_t nopin);
void acl_free(struct target_acl *acl);
void group_free(struct target_group *group);
void node_free(struct target_node *node);

/* --- access.c: under config_read(), or at home */

void access_judge(struct target *home, const struct visitor *who, struct judgement *out);
/* The CmdSN window of who was let in. Home's. */
uint32_t access_depth(const struct target *home, const struct judgement *j);
/* SendTargets shows the group to this initiator. */
bool access_visible(const struct target_group *group, const char *initiator,
		    const struct net_addr *from);

/* --- retire.c: home's */

/* A session is no more: somebody may have waited for that. */
void retire_left(struct target *home, const struct record *r);
void retire_free(struct target *home);

/* --- backoff.c */

/* A login from there has failed: how many ns its answer is to wait. */
uint64_t backoff_failed(struct target *t, const struct net_addr *peer);
void backoff_succeeded(struct target *t, const struct net_addr *peer);

/* --- portal.c */

/* Closes it when nobody wants it any more. */
void portal_drop(struct portal *p);
void portal_close(struct portal *p);
/* At once: its operations are dead. */
void portal_free(struct portal *p);
/* That accepts at this address, for itself or as a wildcard; NULL: there is none. */
struct portal *portal_find(struct target *t, const struct net_addr *addr);
int portal_listen(struct target *t, const struct net_addr *addr, struct portal **out);
bool portal_same(const struct net_addr *a, const struct net_addr *b);
/* A connection to `at` has come by a portal that is at `addr`. */
bool portal_covers(const struct net_addr *addr, const struct net_addr *at);
/* Of sockets that will not arrive any more. */
void portal_forget_arrivals(struct target *home);
/* What to call a portal that listens at `addr`, to somebody who reached us at `local`; false: they cannot
 * reach it, as far as we can know. */
bool portal_address(const struct net_addr *addr, const struct net_addr *local,
		    struct net_addr *out);

/* --- conn.c */

/* A socket that home has accepted and counted, at `portal`. */
void conn_new(struct target *t, const struct net_addr *portal, int sock,
	      const struct net_addr *peer);
/* The connection goes on after its login had to wait; or it does not, if it has ended meanwhile. */
void conn_resume(struct conn *c);
/* One that was counted at its accept is no more. */
void conn_uncount(struct target *t);
/* The connection ends now; with a reason for the log, or NULL when it is no news. Its memory stays
 * until the end of this turn at least. */
void conn_drop(struct conn *c, const char *why);
/* It is not one of those that still log in any more. */
void conn_logged_in(struct conn *c);
/* It ends when everything queued has been sent. */
void conn_end(struct conn *c);
/* ... which is begun after so many ns. */
void conn_end_later(struct conn *c, uint64_t delay);
/* Something is to be sent, at the end of this turn. */
void conn_wake(struct conn *c);
/* What is large goes out now, as far as the socket takes it. Nothing is being sent. */
void conn_send_now(struct conn *c);
void conn_set_timer(struct conn *c);
/* A deadline may have come that is earlier than the timer. */
void conn_watch(struct conn *c);
/* Deadlines have changed, of connections on whatever reactor. Home's. */
void conn_watch_all(struct target *home);
int conn_grow_stage(struct conn *c, size_t size);

/* --- response.c */

/* A Target Transfer Tag of this connection. */
uint32_t conn_ttt(struct conn *c);
/* A PDU of our own making, all zero but for these; NULL: no memory. Holds a reference of `task`. */
struct out_pdu *conn_pdu(struct conn *c, uint8_t opcode, uint8_t flags, struct task *task);
/* Sets ExpCmdSN and MaxCmdSN and queues it; likewise with the next StatSN. */
void conn_push(struct conn *c, struct iscsi_tx_pdu *pdu);
void conn_push_status(struct conn *c, struct iscsi_tx_pdu *pdu);
void conn_reject(struct conn *c, const struct iscsi_bhs *bad, enum iscsi_reject_reason reason);
void conn_ping(struct conn *c, bool answer);
void conn_ask_logout(struct conn *c, uint32_t seconds);

/* --- login.c */

int login_start(struct conn *c);
void login_free(struct conn *c);
/* A header, a whole PDU has come in. False: take no more from this connection. */
bool login_header(struct conn *c);
bool login_pdu(struct conn *c);

/* The session is there, or is not: enrol.err. */
void enrol_done(struct enrol *e);

/* --- registry.c; t: home, but where another one may be */

int registry_new(struct target *t);
void registry_free(struct target *t);
/* No session is left, nor what waits for one. */
bool registry_is_empty(const struct target *t);
/* In full feature phase, without discovery; on all reactors. */
size_t registry_sessions(const struct target *t);
/* Whether there is such a session, with its parameters and the CID of its connection. Group 0: discovery
 * sessions. id->tsih 0: whatever it is. From any reactor. */
bool registry_find(struct target *t, uint64_t group, const struct iscsi_login_identity *id,
		   struct iscsi_params *params, uint16_t *cid);
/* How many there are, in whatever state. */
size_t registry_records(const struct target *t);
/* Calls `one` for each, until that says true; returns that one. */
struct record *registry_each(struct target *t, bool (*one)(const struct record *r, void *ctx),
			     void *ctx);
/* Each session that `fits`, once: `pass` is a number that no other such call has had. */
void registry_each_that(struct target *t, bool (*fits)(const struct record *r, const void *what),
			const void *what, uint64_t pass, void (*act)(struct record *r, void *ctx),
			void *ctx);
/* It is to end, wherever it is; `why` is for the log, and stays. */
void registry_end(struct record *r, const char *why);
/* It is asked to log out. */
void registry_ask(struct record *r, uint32_t seconds);
/* Asks for the session of a login that is complete: enrol_done() follows, maybe from inside. */
void enrol_start(struct enrol *e);
/* The session has ended, or was not taken: on its reactor, where nothing refers to it any more. */
void registry_leave(struct record *r);

/* --- session.c */

struct session *session_new(struct conn *c, struct record *record);
/* Ends it: tasks are aborted, the nexus is lost. Its connection stays, without a session. */
void session_free(struct session *s);
/* What a PDU says now: never less than was said before (RFC 7143 4.2.2.1). */
uint32_t session_maxcmdsn(struct session *s);
/* There is news of the window for an initiator that waits for it. */
bool session_window_opens(const struct session *s);
/* This answer tells of a LUN inventory (scsi_nexus_inventory()). */
void session_told(struct session *s, uint32_t inventory, const struct iscsi_bhs *answer);
/* The LUN inventory that the initiator had heard of when it sent a command with these numbers. */
uint32_t session_heard(struct session *s, uint32_t cmdsn, uint32_t expstatsn);
struct task *session_find_task(struct session *s, uint32_t itt);
/* May a request with this CmdSN come in? False: it is to be ignored. */
bool session_expects(const struct session *s, uint32_t cmdsn);
/* Delivers the request when its turn has come, and those behind it; else holds it. */
void session_sequence(struct session *s, struct task *task);
/* The request whose turn has just come is rejected: its number has not been received (RFC 7143 7.3). */
void session_reject(struct task *task);
/* A request that will not come: its number counts as received (RFC 7143 11.6.1 b). -ENOMEM. */
int session_plug(struct session *s, uint32_t cmdsn);
/* How much memory its commands may take together. */
size_t session_share(const struct session *s);

/* --- task.c */

/* The request that is being received; NULL: no memory. The reference is for its answer. */
struct task *task_new(struct conn *c);
void task_ref(struct task *task);
void task_unref(struct task *task);
bool task_is_command(const struct task *task);
/* It does not get a buffer of `len` bytes because all have too much, not its own session or LU. */
bool task_is_too_much(struct task *task, uint32_t len);
/*
 * A buffer of at least `len` bytes, with what has been received so far: for the whole of a command, or
 * for data that comes before its turn and for other requests. False: no memory now.
 */
bool task_get_buf(struct task *task, uint32_t len, bool whole);
/* The answer is on its way, or there will be none: the request counts no more, and its ITT may come
 * again. */
void task_retire(struct task *task);
/* The header of its answer, all zero but for opcode, F bit and ITT. */
struct iscsi_bhs *task_response(struct task *task, uint8_t opcode);
/* Sends it; `data` lives as long as the task. The task's own reference goes with it. */
void task_respond(struct task *task, const void *data, uint32_t len);
/* The same without data, when the Data-In that is ready has been sent; `then` (may be NULL) follows. */
void task_respond_behind(struct task *task, void (*then)(struct conn *c));

/* --- dispatch.c */

bool dispatch_header(struct conn *c);
bool dispatch_pdu(struct conn *c, bool damaged);
/* The request's turn has come. */
void dispatch_deliver(struct task *task);

/* --- command.c */

/* False: the command was answered with a Reject. */
bool command_header(struct conn *c, struct task *task);
/* Its data segment is whole. */
void command_received(struct task *task, uint32_t len);
/* Its turn has come, or what it waited for is there. */
void command_begin(struct task *task);
/* Everything the initiator owed has come, and the device server is through. */
void command_finish(struct task *task);
/* Ends a command that the device server has not got, without an answer. */
void command_forget(struct task *task);
/* Ends a command that the device server has not got: ABORTED COMMAND with task->fail, or a status. */
void command_refuse(struct task *task, enum scsi_status status);
/* Gives memory to those who wait for it, and opens windows again. */
void command_feed(struct deferred *d);

/* --- data_out.c */

bool data_out_header(struct conn *c);
bool data_out_pdu(struct conn *c, bool damaged);
void data_out_move(struct scsi_io *io);
void data_out_move_abort(struct scsi_io *io);
/* One sequence more that it is to send. */
void data_out_expect(struct task *task);
/* The initiator is still to send something: unsolicited data, or for an R2T. */
bool data_out_owed(const struct task *task);
/* What has not come of its data is not waited for any more. */
void data_out_forgive(struct task *task);
/* The same of an aborted task, whose move ends. */
void data_out_give_up(struct task *task);

/* --- data_in.c */

void data_in_start(struct task *task, uint32_t len);
/* It is worth it to send its data from where the store has them. */
bool data_in_may_lend(const struct task *task);
/* Queues Data-In PDUs, and answers behind them, as many as are worth it now. */
void data_in_make(struct conn *c);
/* Residual counts and flags of a Data-In or SCSI Response (RFC 7143 11.4.5). */
void data_in_residual(const struct task *task, struct iscsi_scsi_response *bhs);

/* --- tmf.c, text.c */

/* Whether an immediate request is a function that has to wait for commands before it. */
bool tmf_waits(const struct task *task);
void tmf_deliver(struct task *task);
void tmf_cold_reset(struct deferred *d);
void tmf_cold_reset_there(struct mail *m);
/* The nexus is lost: forget the function. */
void tmf_stop(struct task *task);
void text_start(struct conn *c);
void text_deliver(struct task *task);

#endif

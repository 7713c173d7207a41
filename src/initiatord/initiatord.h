/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The process of lunar-initiatord that has the rights: it holds the records, serves the control socket, does what
 * attaching needs rights for (rights_link.h), and tells the other process (child.h), which faces the network, what
 * to do (orders.h). One thread, and those that carry out what needs rights or look up names.
 *
 * What is to be is here: sessions that are wanted, and disks that are attached. When the other process ends by
 * itself, another one is started and told all of it again.
 */
#ifndef LUNAR_INITIATORD_INITIATORD_H
#define LUNAR_INITIATORD_INITIATORD_H

#include "control/server.h"
#include "initiatord/child.h"
#include "initiatord/courier.h"
#include "initiatord/fdstore.h"
#include "initiatord/rights_link.h"
#include "records/conf.h"
#include "records/store.h"
#include "service/keeper.h"
#include "service/watchdog.h"

#define INITIATORD_PATH 512
#define SESSIONS_MOST   1024
#define DISKS_MOST      RIGHTS_SLOTS

struct initiatord;

/* Who waits for the outcome of a login, or of an attaching. Once; `w` is its WORD_DONE. May free `wait`. */
struct wait {
	struct list link;
	void (*done)(struct wait *wait, const struct word *w);
};

/* A session that is, or is to be, by one record. */
struct node_session {
	struct list link;
	struct initiatord *d;
	uint32_t number;
	struct record_key key;
	uint8_t isid[ISCSI_ISID_LEN];
	char user[ISCSI_CHAP_NAME_SIZE]; /* whom it logs in as, by CHAP; "": nobody */
	bool mutual;                     /* the target has to prove itself, too */
	struct node_settings says;       /* its record, without secrets */
	bool wanted;    /* it is made again when it has ended for good, and by another process */
	bool for_disks; /* it goes with the last disk of its target */
	bool logging_in, logging_out, up;
	bool recovering; /* it was up, is lost, and is made again */
	bool past;       /* a process before this one may have left something under way in it */
	struct word_session last; /* what was heard of it */
	struct list waits;
	bool again;        /* while it is logged out somebody has asked for it: it is made anew */
	struct list later; /* who waits for that one */
};

enum disk_state {
	DISK_LOGGING_IN,
	DISK_ATTACHING,
	DISK_ATTACHED,
	DISK_DETACHING,
	DISK_WAITING, /* for its LUN, or for its end: only where records want it attached */
	DISK_STATES,
};

struct attached_disk {
	struct list link;
	struct initiatord *d;
	uint32_t number, slot;
	char target[ISCSI_NAME_SIZE];
	uint32_t lun;
	char host[RECORD_HOST_SIZE]; /* of the portal, for its name by path */
	uint16_t port;
	const struct attach_method *method;
	char name[64], socket[ATTACH_PATH];
	int listener; /* of nbd-socket; -1 */
	bool boot; /* records say that it is attached when the daemon starts: it does not fail, it waits */
	bool boot_wanted,
		via_wanted; /* they are to say so when it is attached; and by which method */
	bool restored;      /* there was one when the daemon ended before */
	bool new_node;      /* there was no record before: without a disk there is to be none */
	enum disk_state state;
	bool ordered;    /* the other process knows of it */
	bool kept;       /* `keep` is of one that was ready: its slot has a device */
	unsigned logins; /* that are waited for */
	struct attach_keep keep;
	char path[ATTACH_PATH], wwid[LU_ID_SIZE];
	uint64_t size;
	char why[ORDER_WHY_SIZE]; /* the last thing that went wrong; "" */
	struct list waits;
};

struct initiatord_options {
	char state_dir[INITIATORD_PATH], socket_path[INITIATORD_PATH], socket_dir[INITIATORD_PATH];
	gid_t group;
	struct child_options child;
};

struct initiatord {
	struct initiatord_options o;
	struct log *log;
	struct reactor *r;
	struct records records;
	struct records_conf conf;
	struct initiator_names names;
	struct control_server *control;
	struct rights_holder holder;
	struct fdstore store; /* what of its slots is to outlive us */

	struct courier courier;
	pid_t child;
	bool ready;
	struct restarts restarts;
	void (*up)(struct initiatord *d); /* called when it first takes orders */

	struct list sessions, disks;
	uint32_t last_number;
	json_t *isids; /* by record: "target,address,port,tpgt,iface" */
	json_t *left; /* what was there when the daemon ended before; NULL: nothing, or it is there again */
	json_t *let_go; /* "target,lun" that somebody has detached and records attach: the next daemon's */
	struct timer again;

	struct signals signals;
	unsigned told;
	bool ending;
	bool closed;  /* its state is what it was when the end began */
	bool leaving; /* ending, and what is attached stays, for the next daemon */
	struct watchdog watchdog;
	struct timer end_timer;
	int result;
};

/* --- parent.c: the other process */
int initiatord_start(struct initiatord *d);
/* To the exit code. */
int initiatord_run(struct initiatord *d);
/* In order, or with the second call at once. */
void initiatord_end(struct initiatord *d);

/* --- resolver.c */
/* Answers WORD_RESOLVE when the name's addresses are known. */
void resolver_ask(struct initiatord *d, const struct word *w);

/* --- state.c: what outlives the daemon */
int state_load(struct initiatord *d, char *why, size_t why_size);
/* 0, or -errno, which has been said in the log. */
int state_save(struct initiatord *d);
/* What the daemon before has left is made again; what it was by its own end, only where it was asked for. */
void state_restore(struct initiatord *d);
/* --- state_disk.c: a disk in it, with what its device is in the kernel */
json_t *state_disk_json(const struct attached_disk *k);
/* The same disk again: with its device, if this is the kernel that has it; else anew. */
void state_disk_restore(struct initiatord *d, const json_t *o, bool same_boot);
/* What of its device has to outlive the daemon is kept, or not any more. */
void state_disk_hold(struct attached_disk *disk);
void state_disk_let_go(struct attached_disk *disk);

/* --- state.c */
/* While it is made again: a daemon before this one was logged in by that, and has not logged out. */
bool state_had_session(const struct initiatord *d, const struct record_key *key);
/* The ISID of this record: the one that it had, else a new one, which is durable then. 0 or -errno. */
int state_isid(struct initiatord *d, const struct record_key *key, uint8_t isid[ISCSI_ISID_LEN]);

/* --- sessions.c */
/*
 * Logs in by a record, if that has not happened; `wait` (NULL: nobody) is told when its LUNs were asked, or why not,
 * maybe from inside. `patient`: it is tried for as long as it takes. NULL with `why`: the record is none that can be
 * logged in by, and nobody is told.
 */
struct node_session *session_login(struct initiatord *d, const struct record_key *key, bool patient,
				   struct wait *wait, struct config_why *why);
/* Logs in, patiently, by a record that a daemon before this one was logged in by. NULL with `why` as above. */
struct node_session *session_again(struct initiatord *d, const struct record_key *key,
				   struct config_why *why);
/* `wait` as above. */
void session_logout(struct node_session *s, bool force, struct wait *wait);
/* Whether both are of one record; its portal group may have been found out between. */
bool same_node(const struct record_key *a, const struct record_key *b);
struct node_session *session_find(struct initiatord *d, const struct record_key *key);
struct node_session *session_by_number(struct initiatord *d, uint32_t number);
/* WORD_STATE. */
void session_heard(struct initiatord *d, const struct word *w);
/* The other process is a new one: those that are wanted are made again. */
void sessions_again(struct initiatord *d);
void sessions_init(struct initiatord *d);
/* What is marked automatic. */
void sessions_automatic(struct initiatord *d);
/* Those that were made for disks of this target, if there is none any more. */
void sessions_let_go(struct initiatord *d, const char *target);

/* --- disks.c */
struct attached_disk *disk_find(struct initiatord *d, const char *target, uint32_t lun);
struct attached_disk *disk_by_number(struct initiatord *d, uint32_t number);
/* A new one, by this method, which has not begun. NULL: no memory, or too many. */
struct attached_disk *disk_new(struct initiatord *d, const char *target, uint32_t lun,
			       const char *host, uint16_t port, const struct attach_method *m);
/* Logs in to all of these nodes that have not been, and attaches when the first one is up; if none is, it fails. */
void disk_login(struct attached_disk *disk, const struct record_filter *filter, bool patient,
		uint32_t seconds);
/* There is a session, or will be: it is attached. `seconds`: until then; 0: no matter when. Those who wait are told. */
void disk_begin(struct attached_disk *disk, uint32_t seconds);
void disk_detach(struct attached_disk *disk, bool force, struct wait *wait);
/* It does not come to be: who waits is told so, and it is freed, or waits where records want it attached. */
void disk_fail(struct attached_disk *disk, const struct word *w);
/* Likewise, and it is freed in any case. */
void disk_end(struct attached_disk *disk, const struct word *w);
void disk_free(struct attached_disk *disk);
/* False: another one has it. */
bool disk_use_slot(struct attached_disk *disk, uint32_t slot);
const char *disk_state_word(enum disk_state state);
/* WORD_ATTACHED, WORD_LOST, WORD_CHANGED. */
void disk_heard(struct initiatord *d, const struct word *w);
void disks_again(struct initiatord *d);
/* Each on the list is told, and is on it no more. */
void waits_tell(struct list *waits, const struct word *w);

/* --- automatic.c: disks that records attach (node.lunar.attach) */
void automatic_init(struct initiatord *d);
/* WORD_SEEN: a path that is up may be what a disk waits for, or one that is to be attached. */
void automatic_seen(struct initiatord *d, const struct word *w);
/* A record of the target has the LUN attached; `at_start`: and logs in by itself. */
bool automatic_is(struct initiatord *d, const char *target, uint32_t lun, bool at_start);
/* The records of its sessions say so from now on. 0 or -errno with `why`. */
int automatic_keep(struct attached_disk *disk, struct config_why *why);
/* They do not any more, and until the daemon's end it is not attached by itself. */
void automatic_drop(struct attached_disk *disk);
/* It is wanted again. */
void automatic_take(struct initiatord *d, const char *target, uint32_t lun);
/* Records are others than they were. */
void automatic_refresh(struct initiatord *d);

/* --- events.c: what happens is told to those who have subscribed */
enum event_kind {
	EVENT_SESSION_UP,
	EVENT_SESSION_RECOVERING,
	EVENT_SESSION_DOWN,
	EVENT_LU_APPEARED,
	EVENT_LU_GONE,
	EVENT_LU_RESIZED,
	EVENT_LU_OTHER,
	EVENT_PATH,
	EVENT_PATH_GONE,
	EVENT_ATTACHED,
	EVENT_DETACHED,
	EVENT_DISCOVERY,
	EVENT_PROCESS,
	EVENT_KINDS,
};
extern const struct control_event_row initiatord_events[EVENT_KINDS];
/* `reason` is one word (ini_reason_word()); NULL where there is none. */
void event_session(const struct node_session *s, enum event_kind kind, const char *reason,
		   const char *why);
void event_disk(const struct attached_disk *k, enum event_kind kind, const char *why);
void event_discovery(struct initiatord *d, const char *address, const char *port, int added,
		     int deleted);
void event_process(struct initiatord *d);
/* WORD_SEEN. */
void event_seen(struct initiatord *d, const struct word *w);

/* --- methods.c */
extern const struct control_method initiatord_methods[];
extern const size_t initiatord_method_count;

/* Why a call is refused: with {"reason": ...} of a word. */
void refuse_by_word(struct control_call *call, const struct word *w, const char *what);
void refuse_by_why(struct control_call *call, int err, const char *why);
/* A number within a range, or `standard` when it is missing. *ok is false when the call is over. */
uint32_t number_or(struct control_call *call, const char *name, uint32_t most, uint32_t standard,
		   bool *ok);
/* --- ops_*.c */
void op_node_list(void *ctx, struct control_call *call);
void op_node_show(void *ctx, struct control_call *call);
void op_node_update(void *ctx, struct control_call *call);
void op_node_delete(void *ctx, struct control_call *call);
void op_discover(void *ctx, struct control_call *call);
void op_session_login(void *ctx, struct control_call *call);
void op_session_logout(void *ctx, struct control_call *call);
void op_session_list(void *ctx, struct control_call *call);
void op_session_rescan(void *ctx, struct control_call *call);
void op_attach(void *ctx, struct control_call *call);
void op_detach(void *ctx, struct control_call *call);
void op_device_list(void *ctx, struct control_call *call);
void op_subscribe(void *ctx, struct control_call *call);
void op_status(void *ctx, struct control_call *call);

/* As asked for, or NULL: as its record says, else the best of this host. NULL with `why`. */
const struct attach_method *disk_method(struct initiatord *d, const char *via,
					const struct record_key *key, char *why, size_t why_size);
/* Which nodes a call means: target?, address?, port?. False: the call is over. */
bool filter_of(struct control_call *call, struct record_filter *out);
/* A record by its key; NULL with `why`. */
struct record *node_load(struct initiatord *d, const struct record_key *key,
			 struct config_why *why);
/* The filter that finds this one. Its texts are the key's. */
struct record_filter filter_of_key(const struct record_key *key);

#endif

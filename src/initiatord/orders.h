/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the two processes of lunar-initiatord say to each other on a SEQPACKET socket. The parent, which has records
 * and rights, gives orders; the child, which faces the network, answers each once, and says what happens by itself.
 * The parent does not believe it: what comes is checked for its form (word_check()) before it is looked at, and names
 * of targets are checked once more before they become records.
 *
 * Both are one program that has forked, so what they say are structs as they lie in memory.
 */
#ifndef LUNAR_INITIATORD_ORDERS_H
#define LUNAR_INITIATORD_ORDERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "attach/attach.h"
#include "device/device.h"
#include "initiator/reason.h"
#include "records/settings.h"
#include "reactor/net.h"
#include "service/courier.h"

#define ORDER_WHY_SIZE  512
#define ORDER_ADDRESSES 8
/* As many may be without an answer: then neither side ever waits for room in the socket. */
#define ORDERS_MOST 32

enum order_kind {
	ORDER_LOGIN, /* session, `login`; done when its LUNs were asked, or it has failed for good */
	ORDER_LOGOUT,   /* session, flag: without a word; done when it has ended */
	ORDER_RESCAN,   /* session; done at once */
	ORDER_DISCOVER, /* `login`, of which the target is not used; WORD_FOUND, then done */
	ORDER_RESOLVED, /* session, `resolved`; of a discovery, its number */
	ORDER_ATTACH, /* disk, `attach`; a listening socket may go along; done when it can be used */
	ORDER_DETACH,     /* disk, flag: by force; -EBUSY */
	ORDER_SESSIONS,   /* WORD_SESSION, then done */
	ORDER_DEVICES,    /* WORD_DEVICE, each with its WORD_PATHs behind it, then done */
	ORDER_LOG_LEVELS, /* `levels` */
	ORDER_END, /* seconds, flag: what is attached stays, if it can; answered by the process's end */
	ORDER_KINDS,
};

struct order_login {
	struct node_settings settings;
	uint8_t isid[ISCSI_ISID_LEN];
	bool patient; /* a first login is tried without end, as long as what it fails by may pass */
	bool past; /* a process before this one may have left something under way: dev_session_has_past() */
};

struct order_resolved {
	uint32_t query; /* of WORD_RESOLVE */
	int32_t count;  /* or -errno */
	struct net_addr addrs[ORDER_ADDRESSES];
};

struct order_attach {
	char target[ISCSI_NAME_SIZE];
	uint64_t lun;
	char method[16];
	char name[64];
	char socket[ATTACH_PATH]; /* nbd-socket's */
	char wwid[LU_ID_SIZE];    /* it has to be this one; "": any */
	char host[RECORD_HOST_SIZE];
	uint16_t port; /* for the name by path */
	uint32_t slot;
	bool take_over;
	struct attach_keep keep;
};

struct order {
	uint32_t number; /* the answer repeats it */
	uint32_t kind;
	uint32_t session, disk; /* as the parent numbers them */
	uint32_t seconds;
	bool flag;
	/* Of these, what its kind has; the rest does not go over. */
	union {
		struct order_login login;
		struct order_resolved resolved;
		struct order_attach attach;
		char levels[LOG_LEVELS_TEXT];
	};
};

/* Bytes of an order of this kind. */
size_t order_size(uint32_t kind);
/* Waits for one. 1, with `*file` >= 0 when one came along; 0: the other side has ended; -EBADMSG. */
int order_receive(int end, struct order *order, int *file);

/* --- what the other one says */

/* Behind those that all daemons have; of WORD_DONE there is `err`, `reason` and `why`. */
enum word_kind {
	WORD_STATE = WORD_OTHERS, /* of `session`, unasked: `session` */
	WORD_RESOLVE,             /* `session` asks for the addresses of `resolve` */
	WORD_ATTACHED,            /* of `disk`, before it is done: `attached` */
	WORD_LOST,                /* `disk` has ended without being asked to: `why` */
	WORD_CHANGED,             /* `disk` has other paths, states or another size */
	WORD_SEEN,                /* something of a LU is different: `seen` */
	/* What was asked for; WORD_DONE comes behind the last. */
	WORD_FOUND,
	WORD_SESSION,
	WORD_DEVICE,
	WORD_PATH,
	WORD_KINDS,
};

struct word_session {
	uint32_t state; /* enum ini_state */
	uint32_t reason;
	uint16_t tsih;
	int32_t tpgt;
	bool header_digest, data_digest;
	uint64_t commands, bytes_in, bytes_out, logins, attempts, reissued, drops;
	uint32_t in_flight, waiting;
	char address[ISCSI_ADDRESS_SIZE];
	char why[INI_WHY_SIZE];
};

struct word_device {
	uint32_t paths, paths_up;
	bool gone, read_only;
	uint64_t size;
	uint32_t logical_block, physical_block;
	char vendor[DISK_TEXT], model[DISK_TEXT], serial[DISK_TEXT];
	char wwid[LU_ID_SIZE];
	struct device_stats stats;
	bool attached; /* as `disk` of the word */
};

struct word_path {
	uint64_t lun;
	uint32_t state, access;
	uint16_t port_group;
	bool used;
};

struct word_found {
	char target[ISCSI_NAME_SIZE];
	char host[RECORD_HOST_SIZE];
	uint16_t port;
	int32_t tpgt;
};

enum seen_what {
	SEEN_NEW,   /* a LU that was not there */
	SEEN_GONE,  /* it will not come back */
	SEEN_SIZE,  /* it has another size than `before` */
	SEEN_OTHER, /* `path` leads to the LU `now`, and did to another one */
	SEEN_PATH,  /* `path` is a new one, or in another state, or used now, or not any more */
	SEEN_PATH_GONE,
	SEEN_WHATS,
};

struct word_seen {
	uint32_t what;
	char wwid[LU_ID_SIZE], now[LU_ID_SIZE];
	char vendor[DISK_TEXT], model[DISK_TEXT], serial[DISK_TEXT];
	uint64_t size, before;
	struct word_path path;
	/* whose session it goes by, which may have gone */
	char target[ISCSI_NAME_SIZE], host[RECORD_HOST_SIZE];
	uint16_t port;
};

struct word_attached {
	char path[ATTACH_PATH];
	char wwid[LU_ID_SIZE];
	uint64_t size;
	struct attach_keep keep;
};

struct word_resolve {
	uint32_t query; /* the answer repeats it */
	char host[RECORD_HOST_SIZE];
	uint16_t port;
};

struct word {
	uint32_t kind, number, session, disk;
	int32_t err;
	uint32_t reason; /* enum ini_reason; INI_NO_REASON: it was not a login that failed */
	union {
		char why[ORDER_WHY_SIZE];
		struct word_session state;
		struct word_device device;
		struct word_path path;
		struct word_found found;
		struct word_attached attached;
		struct word_resolve resolve;
		struct word_seen seen;
	};
};

/* What it says without having been asked. */
bool word_is_its_own(uint32_t kind);
/* Whether it can be one of these: its size, its kind, its numbers and flags, and NULs at the ends of its texts. */
bool word_check(const struct word *word, size_t len);

#endif

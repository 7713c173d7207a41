/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the two processes of the daemon say to each other. The one with rights has the configuration tree and
 * gives orders, one for each change, with the descriptors that go along. The one that faces the network carries
 * them out, and says so; it may ask for two things, a device that went and came back, and the file of what is to
 * outlive a LU. It may have been taken over
 * by a peer: what it says has one size, is checked (word_check()), and nothing in it is a name to be opened.
 *
 * Both are one program that has forked, so what they say are structs as they lie in memory.
 */
#ifndef LUNAR_DAEMON_ORDERS_H
#define LUNAR_DAEMON_ORDERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "backstore/backstore.h"
#include "iscsi/names.h"
#include "scsi/latency.h"
#include "target/node.h"
#include "target/watch.h"
#include "service/courier.h"

#define ORDER_AUTH_SIZE 256 /* of a name or a secret, with its NUL */
#define ORDER_TEXT_SIZE 256
#define ORDER_WHY_SIZE  512
/* As many may be without an answer: then neither side ever waits for room in the socket. */
#define ORDERS_MOST 48

/* Texts are "" where there is none. */
struct order_auth {
	char user[ORDER_AUTH_SIZE], secret[ORDER_AUTH_SIZE];
	char mutual_user[ORDER_AUTH_SIZE], mutual_secret[ORDER_AUTH_SIZE];
};

enum order_kind {
	ORDER_LU_ADD, /* lu, `disk`; its descriptor goes along, and behind it that of what outlives it, if any */
	ORDER_LU_REMOVE, /* lu; answered when its store is closed */
	ORDER_LU_RESIZE, /* lu, `size` in bytes, which it has; flag: it may get smaller */
	ORDER_LU_SET,    /* lu, `options` */
	ORDER_LU_FORMAT, /* lu, `block_size`; it is no LUN */
	ORDER_LU_OPENED, /* lu, the answer to WORD_REOPEN: err and `why`, or a descriptor */
	ORDER_LU_STORE,  /* lu, the answer to WORD_STORE: err, or a descriptor */
	ORDER_NODE_ADD,
	ORDER_NODE_REMOVE, /* seconds */
	ORDER_GROUP_ADD,
	ORDER_GROUP_REMOVE,  /* seconds */
	ORDER_GROUP_SET,     /* `group` */
	ORDER_GROUP_ENABLE,  /* flag; seconds */
	ORDER_LISTEN,        /* a listening socket goes along */
	ORDER_UNLISTEN,      /* addr */
	ORDER_PORTAL_ADD,    /* addr, text: what is told instead */
	ORDER_PORTAL_REMOVE, /* addr */
	ORDER_ACL_ADD,
	ORDER_ACL_REMOVE,   /* seconds */
	ORDER_ACL_SET,      /* `acl` */
	ORDER_MAP_ADD,      /* lun, lu, flag: read-only; of the group when there is no initiator */
	ORDER_MAP_REMOVE,   /* lun */
	ORDER_MAP_READONLY, /* lun, flag */
	ORDER_DISCOVERY,    /* `auth`; flag: it is asked for */
	ORDER_EXPLAIN,      /* addr: from; text: the portal, "addr:port" */
	ORDER_STATS,
	ORDER_SESSIONS,
	ORDER_SESSION_END, /* tag: the session's TSIH; seconds */
	ORDER_LOG_LEVELS,  /* text */
	ORDER_DRAIN,       /* seconds; flag: disks need no flush; answered by the process's end */
	ORDER_KINDS,
};

struct order_disk {
	uint8_t id[16];
	char vendor[9], revision[5];   /* "": ours */
	char serial[253], t10_id[253]; /* "": made of the identity */
	uint8_t naa[16], naa_len;      /* 0: likewise */
	uint32_t block_size;
	bool readonly;
	/* What outlives the LU is kept: in a file that goes along, or where there is none yet, is asked for. */
	bool keeps, has_store;
	struct scsi_lu_options options;
	struct bs_parcel parcel;
};

struct order_networks {
	struct target_network nets[TARGET_NETWORKS_MAX];
	uint32_t count;
};

struct order_group {
	struct target_group_options options;
	struct target_params params;
	struct order_auth auth;
	struct order_networks networks;
};

struct order_acl {
	struct target_acl_options options;
	struct order_auth auth;
	struct order_networks networks;
	uint32_t depth;
};

struct order {
	uint32_t number; /* the answer repeats it */
	uint32_t kind;
	char node[ISCSI_NAME_SIZE];
	char initiator[ISCSI_NAME_SIZE];
	uint16_t tag, lun;
	uint32_t lu; /* as the parent numbers them */
	uint32_t seconds;
	bool flag;
	int32_t err;
	struct net_addr addr;
	char text[ORDER_TEXT_SIZE];
	/* Of these, what its kind has; the rest does not go over. */
	union {
		struct order_disk disk;
		struct scsi_lu_options options;
		uint32_t block_size;
		uint64_t size;
		struct order_group group;
		struct order_acl acl;
		struct order_auth auth;
		char why[ORDER_WHY_SIZE];
	};
};

/* Bytes of an order of this kind. */
size_t order_size(uint32_t kind);
/* Waits for one. 1, with those of `files` >= 0 that came along; 0: the other side has ended; -EBADMSG. */
int order_receive(int end, struct order *order, int files[2]);

/* --- what the other one says */

/* Behind those that all daemons have; of WORD_DONE there is `err`, and `why`. */
enum word_kind {
	WORD_REOPEN = WORD_OTHERS, /* the device of LU `lu` has gone: open it anew */
	WORD_STORE,                /* LU `lu` has something that is to outlive it: make the file */
	/* What was asked for; WORD_DONE comes behind the last. */
	WORD_LU,
	WORD_STATS,
	WORD_VERDICT,
	WORD_SESSION,
};

struct word_lu {
	struct scsi_lu_stats stats;
	struct scsi_latency latency;
	uint64_t size;
	bool missing;
};

struct word_session {
	struct target_session s;
	uint64_t age; /* ns since its login */
};

struct word_verdict {
	bool allowed, has_acl, chap, mutual, readonly;
	uint16_t tag;
	uint32_t depth;
	char user[ORDER_AUTH_SIZE];
	char why[768];
};

struct word {
	uint32_t kind, number, lu;
	int32_t err;
	union {
		char why[ORDER_WHY_SIZE];
		struct word_lu row;
		struct target_stats stats;
		struct word_verdict verdict;
		struct word_session session;
	};
};

/* Whether it can be one of these: its size, its kind, and NULs at the ends of its texts. */
bool word_check(const struct word *word, size_t len);

#endif

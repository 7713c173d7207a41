/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a record means, for who logs in by it: numbers, accounts and an offer in place of text. Secrets are read
 * from where the record says they are; whoever has settings wipes them.
 *
 * Blocks for as long as a secret's file does. One thread.
 */
#ifndef LUNAR_RECORDS_SETTINGS_H
#define LUNAR_RECORDS_SETTINGS_H

#include "iscsi/chap.h"
#include "iscsi/keys.h"
#include "records/store.h"

enum node_startup { NODE_MANUAL, NODE_AUTOMATIC, NODE_ONBOOT };

/* What makes a device of a LUN: the words of node.lunar.via. */
enum node_via { NODE_AUTO, NODE_KERNEL, NODE_UBLK, NODE_NBD, NODE_FUSE, NODE_NBD_SOCKET };

#define NODE_OUTAGE_WAIT (-1) /* for ever */
#define LUNS_TEXT        256  /* of a list of LUNs, with its NUL */

/* Who we are to a target, and who it has to be to us. No name: no such account. */
struct record_accounts {
	struct iscsi_chap_account ours, theirs;
	unsigned algorithms; /* mask of ISCSI_CHAP_BIT() */
};

struct node_settings {
	struct record_key key;
	char initiator_name[ISCSI_NAME_SIZE]; /* "": the one that all sessions have */
	char net_interface[32];               /* that connections go out by; "": any */
	char source_address[RECORD_HOST_SIZE];

	enum node_startup startup;
	bool leading_login;
	bool scan;              /* all LUNs become devices */
	char luns[LUNS_TEXT];   /* those that do; "": as `scan` says. See node_wants_lun() */
	char attach[LUNS_TEXT]; /* those that are attached by themselves. See node_attaches_lun() */
	enum node_via via;
	uint32_t login_retries; /* of a first login that got no answer */
	uint32_t reopen_max;    /* of a lost session; 0: without end */

	uint32_t cmds_max, queue_depth; /* commands at a time: of the session, of a LUN */
	uint32_t window_size;           /* bytes of socket buffers; 0: the system's */
	uint8_t type_of_service;

	struct record_accounts accounts;
	/* What is proposed. first_burst is at most max_burst, as RFC 7143 13.14 has it, whatever the record says. */
	struct iscsi_offer offer;
	uint32_t max_send_data; /* bytes in one PDU; 0: as many as the target takes */

	/* seconds */
	uint32_t login_timeout, logout_timeout;
	uint32_t noop_interval, noop_timeout; /* either 0: no pings */
	uint32_t abort_timeout, lu_reset_timeout, target_reset_timeout, host_reset_timeout;
	int32_t outage; /* I/O of a lost session waits so long; 0: it fails at once; NODE_OUTAGE_WAIT */
	/* A device with this path only waits for ever, whatever `outage` says: nobody has said anything else. */
	bool wait_if_only_path;
};

/*
 * 0; -EINVAL: the record contradicts itself; -EOPNOTSUPP: it asks for what there is not; -ENOENT, -EACCES and so
 * on: its secret cannot be had. `why` names the key, and what to write. On error there is nothing to wipe.
 */
int node_settings_read(const struct record *r, struct node_settings *s, struct config_why *why);
void node_settings_wipe(struct node_settings *s);
bool node_wants_lun(const struct node_settings *s, uint64_t lun);
bool node_attaches_lun(const struct node_settings *s, uint64_t lun);

/* Likewise, of a portal that is asked for targets. */
struct portal_settings {
	char address[RECORD_HOST_SIZE];
	uint16_t port;
	struct record_accounts accounts;
	struct iscsi_offer offer;               /* of a discovery session */
	uint32_t login_timeout, answer_timeout; /* seconds */
	uint32_t login_retries;
	uint32_t again_after; /* seconds; 0: it is asked once */
};
int portal_settings_read(const struct record *r, struct portal_settings *s, struct config_why *why);
void portal_settings_wipe(struct portal_settings *s);

/* ---- luns.c: lists of LUNs, such as 0,2,5-7, or all; "" has none ---- */

bool luns_are_all(const char *list);
bool luns_have(const char *list, uint64_t lun);
/* The list with this one, or without it. 0; -ENOSPC: it is too long. To take one from "all" leaves none. */
int luns_add(char out[LUNS_TEXT], const char *list, uint64_t lun);
int luns_remove(char out[LUNS_TEXT], const char *list, uint64_t lun);

/* ---- secrets elsewhere ---- */

/* The first line of a file that only its owner can use. 0; -EPERM: others can; -EINVAL: it is empty, or too long;
 * -errno. Wiped by the caller. */
int record_secret_file(const char *path, uint8_t out[ISCSI_CHAP_SECRET_MAX], size_t *len,
		       struct config_why *why);
/* The payload of the user key of this name: of the session, of the user session, of the user. */
int record_secret_key(const char *name, uint8_t out[ISCSI_CHAP_SECRET_MAX], size_t *len,
		      struct config_why *why);

#endif

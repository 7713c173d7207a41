/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The files of records, in open-iscsi's layout below a directory that the caller names:
 *
 *     nodes/TARGET/ADDRESS,PORT,TPGT/IFACE         a node
 *     nodes/TARGET/ADDRESS,PORT                    a node whose portal group is not known
 *     send_targets/ADDRESS,PORT/st_config          a portal that is asked for targets, and links to
 *     send_targets/.../TARGET,ADDRESS,PORT,TPGT,IFACE   what it has told of; likewise isns/, static/, fw/
 *     ifaces/NAME                                  an iface
 *     damaged/                                     what was in the way of a record and cannot be read
 *
 * A file is the old one or the new one, whatever happens in between. Who changes something holds the lock, for
 * which it waits no longer than it has said; who reads needs none. A record that is damaged is said, by line and
 * reason, each time that it is come across, and skipped; it stays where it is until a new one takes its place.
 *
 * No name leads out of the directory: what is not fit for the name of a file is refused before, and no link is
 * followed on the way (CVE-2026-44943).
 *
 * These calls block for as long as the file system does. One thread.
 */
#ifndef LUNAR_RECORDS_STORE_H
#define LUNAR_RECORDS_STORE_H

#include <stdbool.h>
#include <stdint.h>
#include "iscsi/names.h"
#include "records/record.h"

#define RECORD_HOST_SIZE     254
#define RECORD_LABEL_SIZE    65
#define RECORDS_PATH_SIZE    256
#define RECORDS_ANY_TPGT     INT32_MIN
#define RECORDS_FOUND_MAX    16384 /* portals that one discovery may tell of */
#define RECORDS_TPGT_UNKNOWN (-1)

struct records_options {
	const char *root;      /* absolute */
	bool create;           /* makes the last part of `root`, with mode 0700 */
	bool read_only;        /* nothing is changed, and no lock is needed */
	unsigned wait_ms;      /* for the lock; 0: not at all */
	struct record_say say; /* is told what is damaged, and what is strange */
	/* For tests: called before each step that changes something. NULL: nobody wants to know. */
	void (*step)(void *ctx, const char *what);
	void *step_ctx;
};

struct records {
	/* private */
	struct records_options options;
	char path[RECORDS_PATH_SIZE];
	int root, lock;
	unsigned locked; /* how often: an operation is made of others */
};

/* 0; -errno with `why`. A zeroed struct may be closed, too. */
int records_open(struct records *db, const struct records_options *options, struct config_why *why);
void records_close(struct records *db);

/* For several operations as one. -EBUSY: somebody has it; `why` says who. */
int records_lock(struct records *db, struct config_why *why);
void records_unlock(struct records *db);

/* ---- nodes ---- */

/* By what a node is known. */
struct record_key {
	char target[ISCSI_NAME_SIZE];
	char address[RECORD_HOST_SIZE];
	uint16_t port;
	int32_t tpgt; /* RECORDS_TPGT_UNKNOWN, or 0 to 65535 */
	char iface[RECORD_LABEL_SIZE];
	bool flat; /* the file is nodes/TARGET/ADDRESS,PORT */
};
/* 0, or -EINVAL with `why`: no target or no address. */
int record_node_key(const struct record *node, struct record_key *key, struct config_why *why);

/* Which nodes are meant: by any subset. Zeroed but for `tpgt`, it means all. */
struct record_filter {
	const char *target, *address, *iface; /* NULL: any */
	uint16_t port;                        /* 0: any */
	int32_t tpgt;                         /* RECORDS_ANY_TPGT: any */
	/* who told of it; NULL: anybody. `type` is a value of node.discovery_type. */
	const char *type, *discovery_address;
	uint16_t discovery_port; /* 0: any */
	const char *startup;     /* NULL: any */
};
#define RECORD_FILTER_ALL ((struct record_filter){.tpgt = RECORDS_ANY_TPGT})

/* `node` is there until it returns. Not 0: that is enough, and the answer. It may call what is below. */
typedef int records_node_fn(void *ctx, const struct record_key *key, const struct record *node);

/* Those that can be read, by target, portal and iface. How many; or -errno; or what `fn` has answered (< 0). */
int records_nodes(struct records *db, const struct record_filter *filter, records_node_fn *fn,
		  void *ctx, struct config_why *why);

/* Adds a node. One that is there already stays as it is, edited values and all: *added is false. */
int records_node_add(struct records *db, const struct record *node, bool *added,
		     struct config_why *why);
/* Writes a node, whatever was there. */
int records_node_write(struct records *db, const struct record *node, struct config_why *why);
/* Makes the changes on all nodes that are meant, or on none when one of them refuses. How many; -errno. */
int records_node_update(struct records *db, const struct record_filter *filter,
			const struct record_change *changes, size_t count, struct config_why *why);
/* Deletes nodes, damaged ones among them, their links, and directories that are empty then. How many; -errno. */
int records_node_delete(struct records *db, const struct record_filter *filter,
			struct config_why *why);

/* ---- who is asked for targets ---- */

typedef int records_portal_fn(void *ctx, const struct record *portal);

/* `kind` is RECORD_SENDTARGETS or RECORD_ISNS. How many; -errno; what `fn` has answered. */
int records_portals(struct records *db, enum record_kind kind, records_portal_fn *fn, void *ctx,
		    struct config_why *why);
/* 0, and *out is to be freed; -ENOENT; -EBADMSG: it is damaged. */
int records_portal_read(struct records *db, enum record_kind kind, const char *address,
			uint16_t port, struct record **out, struct config_why *why);
int records_portal_write(struct records *db, const struct record *portal, struct config_why *why);
/* Deletes it, and the nodes that it has told of. 0; -ENOENT; -errno. */
int records_portal_delete(struct records *db, enum record_kind kind, const char *address,
			  uint16_t port, struct config_why *why);

/* ---- what a discovery brought ---- */

enum records_op {
	RECORDS_NEW = 1, /* adds nodes that are not there */
	RECORDS_REFRESH =
		2, /* of those that are there, says anew who told of them; the rest stays as edited */
	RECORDS_UPDATE = 4, /* likewise, and sets what iscsid.conf sets */
	RECORDS_DELETE = 8, /* removes nodes that this portal told of once and now does not */
	RECORDS_NONPERSISTENT = 16, /* nothing is written: only checks, and counts */
};
#define RECORDS_ALL_OPS (RECORDS_NEW | RECORDS_REFRESH | RECORDS_DELETE)

struct records_found {
	const char *target, *address; /* as they came */
	uint16_t port;
	int32_t tpgt;
};

struct records_discovery {
	const struct record *portal; /* RECORD_SENDTARGETS, or NULL for firmware */
	const struct records_found *found;
	size_t count;
	const char *const *ifaces; /* NULL: "default" */
	size_t iface_count;
	unsigned ops; /* enum records_op; 0: RECORDS_ALL_OPS */
	/* Values of new nodes, and for RECORDS_UPDATE; NULL: the defaults. */
	const struct record *defaults;
	/* Stale nodes that are to stay all the same; NULL: none. */
	bool (*keep)(void *ctx, const struct record_key *key);
	/* Each node as it is now, in the order of `found`. NULL: nobody wants to know. */
	records_node_fn *each;
	void *ctx;
};

struct records_counts {
	unsigned added, refreshed, deleted, kept;
	unsigned
		refused; /* names or addresses that were not fit for it: said, and nothing is deleted then */
};

/* 0, or -errno with `why`. One bad record, or one bad name, is in the way of no other. */
int records_discovered(struct records *db, const struct records_discovery *discovery,
		       struct records_counts *counts, struct config_why *why);

/* ---- ifaces ---- */

/* "default" and "iser" are there without a file. */
typedef int records_iface_fn(void *ctx, const struct record *iface);
int records_ifaces(struct records *db, records_iface_fn *fn, void *ctx, struct config_why *why);
int records_iface_read(struct records *db, const char *name, struct record **out,
		       struct config_why *why);
/* 0; -EEXIST; -errno. */
int records_iface_add(struct records *db, const char *name, struct config_why *why);
/* Changes it, and the nodes that are bound to it. */
int records_iface_update(struct records *db, const char *name, const struct record_change *changes,
			 size_t count, struct config_why *why);
/* Deletes it, and the nodes that are bound to it. */
int records_iface_delete(struct records *db, const char *name, struct config_why *why);

#endif

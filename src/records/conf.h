/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is said once for all records: iscsid.conf, who we are, and the records that open-iscsi has left. Memory is
 * the caller's; these calls block for as long as the file system does.
 */
#ifndef LUNAR_RECORDS_CONF_H
#define LUNAR_RECORDS_CONF_H

#include "records/store.h"

/* ---- iscsid.conf ---- */

/* Values of new records: those that the file sets, and no others. */
struct records_conf {
	struct record *node, *sendtargets, *isns;
};

/*
 * Reads "KEY = VALUE" lines. A line that is wrong is said, by number and reason, and has no effect on others; so
 * does one that is for the daemon of open-iscsi. `name` is for what is said. 0, or -ENOMEM.
 */
int records_conf_parse(struct records_conf *conf, const char *name, const void *text, size_t len,
		       const struct record_say *say);
/* The same of a file; where there is none, nothing is set. 0, -ENOMEM, or -errno with `why`: it cannot be read. */
int records_conf_read(struct records_conf *conf, const char *path, const struct record_say *say,
		      struct config_why *why);
void records_conf_free(struct records_conf *conf);

/* A new record with what iscsid.conf says. NULL: no memory. */
struct record *records_conf_new(const struct records_conf *conf, enum record_kind kind);

/* ---- initiatorname.iscsi ---- */

struct initiator_names {
	char name[ISCSI_NAME_SIZE]; /* valid, normalised */
	char alias[256];            /* UTF-8; "": none */
};

/*
 * "InitiatorName=..." and "InitiatorAlias=..." of a file. 0; -ENOENT: there is none; -ENODATA: it says that a name
 * is to be made ("GenerateName=yes"); -EBADMSG: no name, or a bad one; -errno. With `why`.
 */
int initiator_names_read(const char *path, struct initiator_names *out, struct config_why *why);

/*
 * Likewise; but where there is no name, makes one: "PREFIX:" and twelve hexadecimal digits. It is durable before
 * it is used: a target knows us by it. Two that do it at once have the same one.
 */
int initiator_names_make(const char *path, const char *prefix,
			 void (*random)(void *ctx, void *out, size_t len), void *ctx,
			 struct initiator_names *out, struct config_why *why);

/* ---- what open-iscsi has left ---- */

struct records_imported {
	unsigned nodes, portals, ifaces;
	unsigned there; /* already, and left as they are */
};

/*
 * Copies the records below `from` (such as /etc/iscsi), which is only read. What is damaged there is said and
 * left out. 0, or -errno with `why`.
 */
int records_import(struct records *db, const char *from, struct records_imported *counts,
		   struct config_why *why);

#endif

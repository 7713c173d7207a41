/* SPDX-License-Identifier: BSD-2-Clause */
/* Files and directories below a store's root, for the other files of this layer. */
#ifndef LUNAR_RECORDS_PRIV_H
#define LUNAR_RECORDS_PRIV_H

#include "records/store.h"

#define PLACE_DEPTH 3

/* A file below the root, or a directory where `file` is empty. */
struct place {
	char dirs[PLACE_DEPTH][ISCSI_NAME_SIZE + 64];
	unsigned depth;
	char file[ISCSI_NAME_SIZE + 64];
};
#define PLACE_NAME_SIZE 1024
/* "nodes/iqn.../127.0.0.1,3260,1/default". */
const char *place_name(const struct place *p, char out[PLACE_NAME_SIZE]);
struct place place_of(const char *top, const char *file);
void place_descend(struct place *p, const char *fmt, ...) PRINTF(2, 3);

/* Names in a directory, sorted; those with a dot in front are left out. */
struct names {
	char **names;
	size_t count;
};
void names_free(struct names *n);
/* 0, also when there is no such directory; -errno. */
int place_list(struct records *db, const struct place *p, struct names *out,
	       struct config_why *why);

/* True: there is a regular file, or a directory. No link is either. */
bool place_is_file(struct records *db, const struct place *p);
bool place_is_dir(struct records *db, const struct place *p);

/* Parses the file. 0; -ENOENT; -EBADMSG: damaged; -errno; with `why`. */
int place_read(struct records *db, const struct place *p, enum record_kind kind,
	       struct record **out, struct config_why *why);
/* Makes what directories it takes. The lock is held. */
int place_write(struct records *db, const struct place *p, const struct record *r,
		struct config_why *why);
/* The file, and directories that are empty then, but for the first one. The lock is held. 0; -ENOENT; -errno. */
int place_remove(struct records *db, const struct place *p, struct config_why *why);
/* Moves a file that cannot be read to damaged/. The lock is held. */
int place_set_aside(struct records *db, const struct place *p, struct config_why *why);
/* A link for people and scripts; nothing here follows it. One that is there stays. The lock is held. */
void place_link(struct records *db, const struct place *p, const char *target);
void place_unlink(struct records *db, const struct place *p);

/* The node's file; and the link to it from who told of it, false: there is none. */
struct place node_place(const struct record_key *key);
bool node_link_place(const struct record_key *key, const struct record *node, struct place *out);

/* The file, and the link to it. The lock is held. */
int node_write(struct records *db, const struct record_key *key, const struct record *node,
	       struct config_why *why);

/* "default" and "iser" */
bool iface_is_builtin(const char *name);

void store_say(struct records *db, const char *fmt, ...) PRINTF(2, 3);
/* One of many could not be read: that is said, and does not end the walk (0), or it does (-ENOMEM). */
int store_skip(struct records *db, int err, const struct config_why *why);

#endif

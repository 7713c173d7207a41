/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the methods share: nobody else includes this. */
#ifndef LUNAR_DAEMON_OPS_H
#define LUNAR_DAEMON_OPS_H

#include "config/commands.h"
#include "daemon/admin.h"

/* ---- what changes the tree: an operation inside of a transaction ---- */

struct admin_step {
	struct admin *admin;
	const struct admin_verb *verb;
	json_t *params;         /* borrowed */
	json_t *args;           /* owned: {"name": "text"}; NULL: none */
	enum config_kind found; /* of what wants() said */
	bool looked;
	/* for after() */
	struct config_node *made;
	bool dry;      /* the transaction is to be taken back: what it would do is the answer */
	json_t *extra; /* owned: more members of the answer; NULL: none */
};

struct admin_verb {
	const char *name; /* of the method */
	/* 0, or -errno with txn->why: -EBADMSG for parameters that are not what the method takes,
	 * -ECANCELED for what needs to be confirmed. */
	int (*run)(struct admin_step *step, struct config_txn *txn);
	/* The runtime has followed; may be NULL. */
	void (*after)(struct admin_step *step, struct config_txn *txn);
	/* A path of the machine of which run() wants to know what it is, borrowed; NULL: none. May be NULL. */
	const char *(*wants)(const struct admin_step *step);
};

/* NULL: no method that changes the tree is called so. */
const struct admin_verb *admin_verb_find(const char *name);
extern const struct admin_verb admin_edit_verbs[], admin_config_verbs[];
extern const size_t admin_edit_verb_count, admin_config_verb_count;

/* The method of that verb: queues it. */
void admin_run_verb(struct admin *a, struct control_call *call, const char *name);
/* `calls`: [{"method": ..., "params": {...}}]. */
void admin_run_batch(struct admin *a, struct control_call *call, json_t *calls, bool atomic);

/* ---- parameters of steps; refusals are -EBADMSG ---- */

/* NULL: it is not there. */
int admin_text(struct config_txn *txn, json_t *params, const char *name, bool needed,
	       const char **out);
int admin_flag(struct config_txn *txn, json_t *params, const char *name, bool *out);
/* The object that "path" names; -ENOENT: "No such path ...". */
int admin_node(struct config_txn *txn, json_t *params, struct config_node **out);
/* An object of texts; numbers and truth values become texts, null is left out. `*out` is owned. */
int admin_texts(struct config_txn *txn, json_t *params, const char *name, json_t **out);

/* ---- looking ---- */

/* As targetcli prints it in brackets, "" where it prints OK or dots. */
void admin_summary(const struct config_node *node, char *out, size_t size);
/* "none", "ok", "warning", "error" */
const char *admin_health(const struct config_node *node);
enum config_kind admin_plugin_of(const struct config_node *node);
/* [{"name", "value"}], as `info` shows them. Secrets are hidden unless `secrets`. NULL: no memory. */
json_t *admin_info(const struct config_node *node, bool secrets);

void admin_method_list(void *ctx, struct control_call *call);
void admin_method_get(void *ctx, struct control_call *call);
void admin_method_info(void *ctx, struct control_call *call);

/* The lines of a text, without their newlines. */
json_t *admin_lines(const char *text);

#define ADMIN_HIDDEN "(hidden)"

#endif

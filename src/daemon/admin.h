/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is between the control socket and the configuration tree: the methods that look at the tree and those
 * that change it.
 *
 * One thread, that of the reactor. Changes queue: each call is a transaction of its own (config/txn.h), or
 * several are one (batch), and is answered when the runtime has followed or when all was taken back. Looking
 * does not wait: while a change is under way it shows what was verified, and not yet what runs.
 */
#ifndef LUNAR_DAEMON_ADMIN_H
#define LUNAR_DAEMON_ADMIN_H

#include "config/edit.h"
#include "control/server.h"

struct admin_job;

/* What a path of the machine can become: config_prefs.found; or -errno with `why`. */
typedef void admin_looked(void *ctx, enum config_kind found, int err, const char *why);

/* What only the daemon knows; each may be NULL, and then there is no such thing. */
struct admin_hooks {
	/* Answers session.list, now or later. */
	void (*sessions)(void *ctx, struct control_call *call);
	/* Saves the tree as the daemon's own configuration, and says so as the shell is to print it. 0 or
	 * -errno with `why`. */
	int (*save)(void *ctx, struct buf *said, struct config_why *why);
	/* The text of what was saved last, appended to `out`, and its name for people. 0 or -errno with
	 * `why`. */
	int (*saved)(void *ctx, struct buf *out, const char **name, struct config_why *why);
	/* Asks the machine, which may not answer for long. `done` once, not from inside. 0; or -ENOMEM, and it
	 * does not come. */
	int (*look)(void *ctx, const char *path, admin_looked *done, void *done_ctx);
	/* The tree is another one than before. */
	void (*changed)(void *ctx);
};

struct admin {
	/* the owner's, set before admin_init() */
	struct reactor *r;
	struct config_tree *tree;
	const struct config_runtime *runtime; /* NULL: nobody is told */
	void *runtime_ctx;
	struct config_prefs prefs;
	struct admin_hooks hooks;
	void *hooks_ctx;

	/* its own */
	struct config_txn txn;
	struct list jobs; /* admin_job.link: the first one has the transaction */
	bool driving;
};

/* `ctx` of the methods is the admin. */
extern const struct control_method admin_methods[];
extern const size_t admin_method_count;

void admin_init(struct admin *a);
/*
 * A change that nobody called for: the verb of that method, with parameters (NULL: none). `done` once: 0, or -errno
 * with `why`; `answer` is the method's, or what the refusal says besides, borrowed, may be NULL. -ENOMEM: not begun.
 */
typedef void admin_done(void *ctx, int err, const char *why, const json_t *answer);
int admin_run(struct admin *a, const char *method, json_t *params, admin_done *done, void *ctx);
/* No call is under way. A runtime that will not answer any more has been told so by its owner. */
bool admin_is_idle(const struct admin *a);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Transactions: how the tree is changed.
 *
 *   config_begin()      one transaction at a time: who comes meanwhile waits
 *   config_create_...() the operations of edit.h: each is verified against the tree as it is, and then is
 *   config_set() ...    in the tree, as one change or several; or it is refused and nothing is different
 *   config_txn_run()    tells the runtime of each change, in order, when it is convenient to it; the first
 *                       one that the runtime cannot do takes them all back
 *   ...                 more of both, for as long as the transaction lasts
 *   config_commit()     it stays
 *   config_abandon()    or all of it is taken back, in reverse order, and the runtime is told
 *
 * A command of the shell is one transaction; so is a script, when that is asked for. What the tree shows in
 * between is what was verified, and not yet what runs. Without a runtime (loading a file, dry runs) nobody
 * is told and config_txn_run() is not called.
 */
#ifndef LUNAR_CONFIG_TXN_H
#define LUNAR_CONFIG_TXN_H

#include <errno.h>
#include "config/tree.h"

/* All changes are made of these. */
enum config_verb { CONFIG_CREATE, CONFIG_DELETE, CONFIG_SET };

struct config_change {
	enum config_verb verb;
	struct config_node *node;       /* stays valid until the transaction has ended */
	const struct config_attr *attr; /* CONFIG_SET */
	char *before, *after;           /* CONFIG_SET: the value as text */

	struct list link;
	struct config_txn *txn;
	bool told;
	bool quiet; /* a value of an object of which nobody knows yet: part of its creation */
};

#define CONFIG_LATER 1

/*
 * Who makes what the tree says come true. Called on the thread of config_txn_run(), for each change once,
 * after all changes of the operation were verified and are in the tree: of what is created, the values are
 * those that it ends up with, and setting them is no change of its own. What depends on others is created after them and deleted before.
 */
struct config_runtime {
	/*
	 * Does it; with `back`, undoes what it has done. 0; -errno with `why`, which names object, cause and
	 * remedy; or CONFIG_LATER, and then config_txn_continue() is called, once. Undoing does not fail:
	 * what cannot be undone is for the runtime to report, and -errno is as good as 0.
	 *
	 * A disk that is not there is no failure when txn->waits: the runtime says so with
	 * config_set_pending() and answers 0.
	 */
	int (*apply)(void *ctx, struct config_txn *txn, const struct config_change *change,
		     bool back, struct config_why *why);
	/*
	 * So many may be without an answer, 0 as good as 1: objects that are made, and of these first the
	 * backstores. Each is told after those on which it depends, which may not be there yet.
	 */
	unsigned at_a_time;
};

typedef void config_done(void *ctx, int err);

struct config_txn {
	struct config_tree *tree;
	struct list changes; /* config_change.link, in order */
	size_t count;
	struct config_why why; /* of what was refused last */
	/* Objects of a saved file: a disk that is not there is waited for. Set by the caller. */
	bool waits;
	struct buf said; /* what targetcli would have printed, line by line, of what was done */

	/* while the runtime is at it */
	const struct config_runtime *runtime;
	void *ctx;
	config_done *done;
	void *done_ctx;
	config_done *ended; /* of config_abandon() */
	void *ended_ctx;
	struct config_change *at; /* whom the runtime was asked about last */
	unsigned asked;           /* without an answer */
	int err;                  /* what made us go back */
	bool running, back, driving;
};

/* 0; -EBUSY: another transaction is open. The struct is the caller's and stays where it is. */
int config_begin(struct config_txn *txn, struct config_tree *tree);
/* Whether one is open. */
bool config_is_busy(const struct config_tree *tree);
/*
 * Tells the runtime of what it does not know yet. `done` with 0; or, when it could not be done, with
 * -errno and txn->why, and then the transaction is empty: all was taken back. `done` may run inside. Until
 * then nothing else is done with the transaction.
 */
void config_txn_run(struct config_txn *txn, const struct config_runtime *runtime, void *ctx,
		    config_done *done, void *done_ctx);
/* The answer to CONFIG_LATER; may come from inside of `apply`. With an error, `why` has the reason. */
void config_txn_answer(const struct config_change *change, int err, const struct config_why *why);
/* The same of the last one, for a runtime with one at a time. */
void config_txn_continue(struct config_txn *txn, int err, const struct config_why *why);
/* Ends the transaction. What was deleted is freed. */
void config_commit(struct config_txn *txn);
/* Takes all back and ends the transaction; `done` (may be NULL) when the runtime has followed, maybe from
 * inside. */
void config_abandon(struct config_txn *txn, config_done *done, void *done_ctx);

/* "create /iscsi/iqn.../luns/lun0 (fileio/disk0)", "set /iscsi/... attribute authentication=1 (was 0)".
 * Secrets are not in it unless `secrets`. */
void config_change_text(const struct config_change *change, bool secrets, struct buf *out);

/* ---- for operations ---- */

/* Where an operation began; config_back_to() takes back what came after, and what was said of it. */
struct config_mark {
	struct list *last;
	size_t said;
};
struct config_mark config_mark(struct config_txn *txn);
void config_back_to(struct config_txn *txn, struct config_mark mark);
/* The three changes. They verify nothing. 0 or -ENOMEM with txn->why, and then `node` was freed. */
int config_do_create(struct config_txn *txn, struct config_node *node);
int config_do_delete(struct config_txn *txn, struct config_node *node);
/* `value`, which is the transaction's from now on, is in its normal form. No change when it is so. */
int config_do_set(struct config_txn *txn, struct config_node *node, const struct config_attr *attr,
		  char *value);
/* A line for people, without newline. */
void config_say(struct config_txn *txn, const char *fmt, ...) PRINTF(2, 3);
#define config_no_memory(txn) \
	config_refuse(&(txn)->why, ENOMEM, "There is not enough memory for that.")

#endif

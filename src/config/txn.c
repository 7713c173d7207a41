/* SPDX-License-Identifier: BSD-2-Clause */
#include "config/txn.h"

#include <stdarg.h>
#include <string.h>
#include "config/tree_priv.h"

#define SAID_MAX (16u << 20)

int config_begin(struct config_txn *txn, struct config_tree *tree)
{
	if (tree->open)
		return -EBUSY;
	memset(txn, 0, sizeof(*txn));
	txn->tree = tree;
	list_init(&txn->changes);
	buf_init(&txn->said, SAID_MAX);
	tree->open = txn;
	return 0;
}

void config_say(struct config_txn *txn, const char *fmt, ...)
{
	char line[1024];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	config_clean(line);
	(void)buf_printf(&txn->said, "%s\n", line);
}

/* ---- changes ---- */

static struct config_change *add_change(struct config_txn *txn, enum config_verb verb,
					struct config_node *node)
{
	struct config_change *change = calloc(1, sizeof(*change));
	if (!change)
		return NULL;
	change->verb = verb;
	change->node = node;
	change->txn = txn;
	list_add_tail(&txn->changes, &change->link);
	txn->count++;
	return change;
}

static void free_change(struct config_txn *txn, struct config_change *change)
{
	list_del(&change->link);
	txn->count--;
	if (change->attr) {
		config_free_value(change->attr, change->before);
		config_free_value(change->attr, change->after);
	}
	free(change);
}

int config_do_create(struct config_txn *txn, struct config_node *node)
{
	struct config_change *change = node ? add_change(txn, CONFIG_CREATE, node) : NULL;
	if (change && !config_node_link(node)) {
		node->fresh = true;
		return 0;
	}
	if (change)
		free_change(txn, change);
	config_node_free(node);
	return config_no_memory(txn);
}

int config_do_delete(struct config_txn *txn, struct config_node *node)
{
	if (!add_change(txn, CONFIG_DELETE, node))
		return config_no_memory(txn);
	config_node_unlink(node);
	return 0;
}

static int put_copy(struct config_node *node, const struct config_attr *attr, const char *value)
{
	char *copy = value ? strdup(value) : NULL, *old = NULL;
	if (value && !copy)
		return -ENOMEM;
	int err = config_node_put(node, attr, copy, &old);
	config_free_value(attr, err ? copy : old);
	return err;
}

int config_do_set(struct config_txn *txn, struct config_node *node, const struct config_attr *attr,
		  char *value)
{
	const char *now = config_get(node, attr);
	if (!strcmp(now, value)) {
		free(value);
		return 0;
	}
	struct config_change *change = add_change(txn, CONFIG_SET, node);
	if (!change) {
		free(value);
		return config_no_memory(txn);
	}
	change->attr = attr;
	change->quiet = node->fresh;
	change->after = value;
	change->before = strdup(now);
	if (!change->before || put_copy(node, attr, value)) {
		free_change(txn, change);
		return config_no_memory(txn);
	}
	return 0;
}

/* The tree as it was before. Cannot fail: the way back needs no memory. */
static void take_back(struct config_change *change)
{
	char *old = NULL;
	switch (change->verb) {
	case CONFIG_CREATE: config_node_unlink(change->node); break;
	case CONFIG_DELETE: (void)config_node_link(change->node); break;
	case CONFIG_SET:
		(void)config_node_put(change->node, change->attr, change->before, &old);
		change->before = NULL;
		config_free_value(change->attr, old);
		break;
	}
}

static struct config_change *last_change(struct config_txn *txn)
{
	return list_entry(txn->changes.prev, struct config_change, link);
}

struct config_mark config_mark(struct config_txn *txn)
{
	return (struct config_mark){txn->changes.prev, txn->said.len};
}

static void change_back_to(struct config_txn *txn, struct list *last)
{
	while (txn->changes.prev != last) {
		struct config_change *change = last_change(txn);
		bool created = change->verb == CONFIG_CREATE;
		struct config_node *node = change->node;
		take_back(change);
		free_change(txn, change);
		if (created)
			config_node_free(node);
	}
}

void config_back_to(struct config_txn *txn, struct config_mark mark)
{
	change_back_to(txn, mark.last);
	buf_truncate(&txn->said, mark.said);
}

bool config_is_busy(const struct config_tree *tree)
{
	return tree->open;
}

/* ---- the runtime ---- */

static struct config_change *next_untold(struct config_txn *txn)
{
	struct list *it = txn->at ? txn->at->link.next : txn->changes.next;
	for (; it != &txn->changes; it = it->next) {
		struct config_change *change = list_entry(it, struct config_change, link);
		if (!change->told && !change->quiet)
			return change;
	}
	return NULL;
}

static void finish(struct config_txn *txn)
{
	config_done *done = txn->done;
	txn->running = txn->back = false;
	txn->at = NULL;
	/* What was said of it did not happen. */
	if (txn->err)
		buf_truncate(&txn->said, 0);
	if (done)
		done(txn->done_ctx, txn->err);
}

/* Takes the last change back, or asks the runtime first when it knows of it. True: it was asked. */
static bool step_back(struct config_txn *txn)
{
	struct config_change *change = last_change(txn);
	if (change->told) {
		txn->at = change;
		return true;
	}
	change_back_to(txn, change->link.prev);
	return false;
}

/* Objects that are made one after the other; LUNs need their disks, or may be left out. */
static bool may_go_along(const struct config_change *last, const struct config_change *next)
{
	return last->verb == CONFIG_CREATE && next->verb == CONFIG_CREATE &&
	       config_is_backstore(last->node->kind) == config_is_backstore(next->node->kind);
}

static struct config_change *next_forward(struct config_txn *txn)
{
	struct config_change *change = next_untold(txn);
	if (!change || (txn->asked &&
			(txn->asked >= txn->runtime->at_a_time || !may_go_along(txn->at, change))))
		return NULL;
	txn->at = change;
	return change;
}

/* The next change of which the runtime is to be told; NULL: none, until it has answered what it was asked. */
static struct config_change *next_step(struct config_txn *txn)
{
	if (!txn->err && !txn->back)
		return next_forward(txn);
	if (txn->asked)
		return NULL;
	txn->back = true;
	while (!list_empty(&txn->changes)) {
		if (step_back(txn))
			return txn->at;
	}
	return NULL;
}

static const struct config_why no_reason = {"The daemon gave no reason."};

static void take_answer(struct config_change *change, int err, const struct config_why *why)
{
	struct config_txn *txn = change->txn;
	txn->asked--;
	if (txn->back) {
		change->told = false;
	} else if (!err) {
		change->told = true;
		change->node->fresh = false;
	} else if (!txn->err) {
		txn->err = err;
		txn->why = why ? *why : no_reason;
	}
}

/* A loop, not a recursion: a thousand changes may be answered at once. */
static void drive(struct config_txn *txn)
{
	struct config_change *change;
	txn->driving = true;
	while ((change = next_step(txn))) {
		struct config_why why = no_reason;
		txn->asked++;
		int err = txn->runtime->apply(txn->ctx, txn, change, txn->back, &why);
		if (err != CONFIG_LATER)
			take_answer(change, err, &why);
	}
	txn->driving = false;
	if (!txn->asked)
		finish(txn);
}

void config_txn_run(struct config_txn *txn, const struct config_runtime *runtime, void *ctx,
		    config_done *done, void *done_ctx)
{
	txn->runtime = runtime;
	txn->ctx = ctx;
	txn->done = done;
	txn->done_ctx = done_ctx;
	txn->running = true;
	txn->back = false;
	txn->err = 0;
	txn->at = NULL;
	drive(txn);
}

void config_txn_answer(const struct config_change *change, int err, const struct config_why *why)
{
	struct config_txn *txn = change->txn;
	take_answer((struct config_change *)change, err, why);
	if (!txn->driving)
		drive(txn);
}

void config_txn_continue(struct config_txn *txn, int err, const struct config_why *why)
{
	config_txn_answer(txn->at, err, why);
}

/* ---- the end ---- */

static void end(struct config_txn *txn)
{
	txn->tree->open = NULL;
	buf_free(&txn->said);
}

/* Nodes that were created and deleted again are in two changes: they are freed once. */
static void bury(struct config_txn *txn, struct list *grave)
{
	list_for_each (it, &txn->changes) {
		struct config_change *change = list_entry(it, struct config_change, link);
		struct config_node *node = change->node;
		if (change->verb == CONFIG_DELETE && !node->linked && list_empty(&node->sibling))
			list_add_tail(grave, &node->sibling);
	}
}

void config_commit(struct config_txn *txn)
{
	struct list grave;
	list_init(&grave);
	bury(txn, &grave);
	list_for_each (it, &txn->changes)
		list_entry(it, struct config_change, link)->node->fresh = false;
	while (!list_empty(&txn->changes))
		free_change(txn, last_change(txn));
	list_for_each_safe (it, &grave)
		config_node_free(list_entry(it, struct config_node, sibling));
	end(txn);
}

static void finish_abandon(void *ctx, int err)
{
	struct config_txn *txn = ctx;
	config_done *ended = txn->ended;
	void *ended_ctx = txn->ended_ctx;
	end(txn);
	if (ended)
		ended(ended_ctx, err);
}

void config_abandon(struct config_txn *txn, config_done *done, void *done_ctx)
{
	txn->ended = done;
	txn->ended_ctx = done_ctx;
	txn->done = finish_abandon;
	txn->done_ctx = txn;
	txn->running = txn->back = true;
	txn->err = 0;
	drive(txn);
}

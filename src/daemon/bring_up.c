/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All of the tree, to a process that knows nothing: backstores, targets with their groups, LUNs, ACLs and what
 * these see, and last the portals, so that nobody logs in to half of it. Orders are not waited for one by one.
 * What cannot be done is said and stays in the tree; a disk that is not there is waited for.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "daemon/daemon.h"

#define AT_A_TIME 256

struct bring_up {
	struct daemon *d;           /* NULL: that process has gone, and nobody wants to know */
	struct config_node **nodes; /* in order; nobody changes the tree meanwhile */
	size_t count, next, room;
	size_t disks; /* that come first, and are waited for: what has no disk has no LUN */
	size_t out;   /* without an answer */
	size_t failed;
	bool no_memory, at_it;
};

struct step {
	struct bring_up *b;
	struct config_node *node;
};

static void go_on(struct bring_up *b);

static void finish(struct bring_up *b)
{
	struct daemon *d = b->d;
	size_t failed = b->failed;
	free(b->nodes);
	free(b);
	if (!d)
		return;
	d->bringing_up = NULL;
	if (failed)
		log_warning(
			d->log,
			"%zu object%s of the configuration could not be brought up, as said above",
			failed, failed == 1 ? "" : "s");
	void (*up)(struct daemon *) = d->up;
	d->up = NULL;
	if (up)
		up(d);
}

static void did(void *ctx, int err, const char *why)
{
	struct step *s = ctx;
	struct bring_up *b = s->b;
	struct config_node *node = s->node;
	char path[CONFIG_PATH_SIZE];
	free(s);
	if (err && b->d) {
		bool waits = pending_may_come(node, err);
		b->failed++;
		log_error(b->d->log, "%s: %s%s", config_path(node, path), why,
			  waits ? "; it is waited for" : "");
		config_set_pending(node, why);
		if (waits)
			pending_wait(b->d);
	}
	b->out--;
	go_on(b);
}

static void start(struct bring_up *b, struct config_node *node)
{
	struct step *s = calloc(1, sizeof(*s));
	if (!s) {
		b->failed++;
		return;
	}
	*s = (struct step){b, node};
	b->out++;
	runtime_object(b->d, node, RUNTIME_AGAIN, did, s);
}

/* Answers may come from inside. */
static void go_on(struct bring_up *b)
{
	if (b->at_it)
		return;
	b->at_it = true;
	while (b->d && b->next < b->count && b->out < AT_A_TIME && !(b->next == b->disks && b->out))
		start(b, b->nodes[b->next++]);
	b->at_it = false;
	if (!b->out && (!b->d || b->next == b->count))
		finish(b);
}

static void bring(struct bring_up *b, struct config_node *node)
{
	if (b->count == b->room) {
		size_t room = MAX(2 * b->room, (size_t)256);
		struct config_node **nodes = realloc(b->nodes, room * sizeof(struct config_node *));
		if (!nodes) {
			b->no_memory = true;
			return;
		}
		b->nodes = nodes;
		b->room = room;
	}
	b->nodes[b->count++] = node;
}

static void bring_all(struct bring_up *b, struct config_node *parent)
{
	list_for_each (it, &parent->children)
		bring(b, list_entry(it, struct config_node, sibling));
}

static void bring_acls(struct bring_up *b, struct config_node *acls)
{
	bring_all(b, acls);
	list_for_each (it, &acls->children)
		bring_all(b, list_entry(it, struct config_node, sibling));
}

/* Each group of each target. */
static void for_groups(struct bring_up *b,
		       void (*each)(struct bring_up *b, struct config_node *tpg))
{
	list_for_each (it, &config_iscsi(b->d->tree)->children) {
		struct config_node *target = list_entry(it, struct config_node, sibling);
		list_for_each (g, &target->children)
			each(b, list_entry(g, struct config_node, sibling));
	}
}

static void bring_group(struct bring_up *b, struct config_node *tpg)
{
	bring(b, tpg);
	bring_all(b, config_part(tpg, CONFIG_LUNS));
	bring_acls(b, config_part(tpg, CONFIG_ACLS));
}

static void bring_portals(struct bring_up *b, struct config_node *tpg)
{
	bring_all(b, config_part(tpg, CONFIG_PORTALS));
}

/* It is no object that could be pending, but nobody should have to find out that its account is not asked for. */
static void discovery_set(void *ctx, int err, const char *why)
{
	const struct daemon *d = ctx;
	if (err)
		log_error(d->log, "/iscsi: %s", why);
}

void bring_up_start(struct daemon *d)
{
	static const enum config_kind plugins[] = {CONFIG_BLOCK, CONFIG_FILEIO, CONFIG_RAMDISK};
	struct bring_up *b = calloc(1, sizeof(*b));
	if (!b) {
		log_error(d->log, "no memory to bring up the configuration");
		return;
	}
	b->d = d;
	d->bringing_up = b;
	listeners_forget(d);
	runtime_value(d, config_iscsi(d->tree),
		      config_attr_find(CONFIG_ISCSI, CONFIG_DISCOVERY_AUTH, "enable"), NULL,
		      discovery_set, d);
	for (size_t i = 0; i < ARRAY_SIZE(plugins); i++)
		bring_all(b, config_plugin(d->tree, plugins[i]));
	b->disks = b->count;
	bring_all(b, config_iscsi(d->tree));
	for_groups(b, bring_group);
	for_groups(b, bring_portals);
	if (b->no_memory)
		log_error(d->log, "no memory to bring up all of the configuration");
	go_on(b);
}

void bring_up_stop(struct daemon *d)
{
	if (d->bringing_up)
		d->bringing_up->d = NULL;
	d->bringing_up = NULL;
}

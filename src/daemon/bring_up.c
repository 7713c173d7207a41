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

struct bring_up {
	struct daemon *d; /* NULL: that process has gone, and nobody wants to know */
	size_t left;      /* orders without an answer, and one until all were given */
	size_t failed;
};

struct step {
	struct bring_up *b;
	struct config_node *node;
};

static void step_back(struct bring_up *b)
{
	if (--b->left)
		return;
	struct daemon *d = b->d;
	size_t failed = b->failed;
	free(b);
	if (!d)
		return;
	d->bringing_up = NULL;
	if (failed)
		log_warning(d->log,
			    "%zu object%s of the configuration could not be brought up, as said "
			    "above",
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
	step_back(b);
}

static void bring(struct bring_up *b, struct config_node *node)
{
	struct step *s = calloc(1, sizeof(*s));
	if (!s) {
		b->failed++;
		return;
	}
	*s = (struct step){b, node};
	b->left++;
	runtime_object(b->d, node, RUNTIME_AGAIN, did, s);
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

static void ignore(void *ctx, int err, const char *why)
{
	(void)ctx;
	(void)err;
	(void)why;
}

void bring_up_start(struct daemon *d)
{
	static const enum config_kind plugins[] = {CONFIG_BLOCK, CONFIG_FILEIO, CONFIG_RAMDISK};
	struct bring_up *b = calloc(1, sizeof(*b));
	if (!b) {
		log_error(d->log, "no memory to bring up the configuration");
		return;
	}
	*b = (struct bring_up){.d = d, .left = 1};
	d->bringing_up = b;
	listeners_forget(d);
	runtime_value(d, config_iscsi(d->tree),
		      config_attr_find(CONFIG_ISCSI, CONFIG_DISCOVERY_AUTH, "enable"), NULL, ignore,
		      NULL);
	for (size_t i = 0; i < ARRAY_SIZE(plugins); i++)
		bring_all(b, config_plugin(d->tree, plugins[i]));
	bring_all(b, config_iscsi(d->tree));
	for_groups(b, bring_group);
	for_groups(b, bring_portals);
	step_back(b);
}

void bring_up_stop(struct daemon *d)
{
	if (d->bringing_up)
		d->bringing_up->d = NULL;
	d->bringing_up = NULL;
}

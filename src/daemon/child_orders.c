/* SPDX-License-Identifier: BSD-2-Clause */
/* Orders about target nodes, their groups, portals, ACLs and LUN maps. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "daemon/child_priv.h"

static int refuse(struct errand *e, int err, const char *what)
{
	snprintf(e->why, sizeof(e->why), "%s: %s", what, strerror(-err));
	return err;
}

static void ended(void *ctx)
{
	errand_end(ctx, 0);
}

/* What ends sessions says by ended() when they are gone. */
static int until_ended(struct errand *e, int err, const char *what)
{
	return err ? refuse(e, err, what) : ERRAND_LATER;
}

/* --- what an order is about; NULL with e->why: it is not there */

static struct target_node *node_of(struct errand *e)
{
	struct target_node *node = target_node_find(e->child->target, e->order.node);
	if (!node)
		refuse(e, -ENOENT, "the target");
	return node;
}

static struct target_group *group_of(struct errand *e)
{
	struct target_node *node = node_of(e);
	struct target_group *group = node ? target_group_find(node, e->order.tag) : NULL;
	if (node && !group)
		refuse(e, -ENOENT, "the portal group");
	return group;
}

static struct target_acl *acl_of(struct errand *e)
{
	struct target_group *group = group_of(e);
	struct target_acl *acl = group ? target_acl_find(group, e->order.initiator) : NULL;
	if (group && !acl)
		refuse(e, -ENOENT, "the ACL");
	return acl;
}

static struct scsi_map *map_of(struct errand *e)
{
	if (e->order.initiator[0]) {
		struct target_acl *acl = acl_of(e);
		return acl ? target_acl_map(acl) : NULL;
	}
	struct target_group *group = group_of(e);
	return group ? target_group_map(group) : NULL;
}

/* NULL: no account. */
static const struct target_auth *auth_of(const struct order_auth *in, struct target_auth *out)
{
	*out = (struct target_auth){
		.user = or_null(in->user),
		.secret = in->secret,
		.mutual_user = or_null(in->mutual_user),
		.mutual_secret = in->mutual_secret,
	};
	return out->user ? out : NULL;
}

/* --- nodes and groups */

static int node_add(struct errand *e)
{
	struct target_node *node;
	int err = target_node_new(&node, e->child->target, e->order.node, or_null(e->order.text));
	return err ? refuse(e, err, "the target") : 0;
}

static int node_remove(struct errand *e)
{
	struct target_node *node = node_of(e);
	if (!node)
		return -ENOENT;
	return until_ended(e, target_node_delete(node, e->order.seconds, ended, e), "the target");
}

static int group_add(struct errand *e)
{
	struct target_node *node = node_of(e);
	struct target_group *group;
	if (!node)
		return -ENOENT;
	int err = target_group_new(&group, node, e->order.tag);
	return err ? refuse(e, err, "the portal group") : 0;
}

static int group_remove(struct errand *e)
{
	struct target_group *group = group_of(e);
	if (!group)
		return -ENOENT;
	return until_ended(e, target_group_delete(group, e->order.seconds, ended, e),
			   "the portal group");
}

static int group_enable(struct errand *e)
{
	struct target_group *group = group_of(e);
	if (!group)
		return -ENOENT;
	if (!e->order.flag)
		return until_ended(e, target_group_disable(group, e->order.seconds, ended, e),
				   "the portal group");
	target_group_enable(group);
	return 0;
}

static int group_set(struct errand *e)
{
	struct target_group *group = group_of(e);
	const struct order_group *o = &e->order.group;
	struct target_auth auth;
	if (!group)
		return -ENOENT;
	int err = target_group_set_params(group, &o->params);
	if (err)
		return refuse(e, err, "FirstBurstLength is above MaxBurstLength");
	err = target_group_set_auth(group, auth_of(&o->auth, &auth));
	if (err)
		return refuse(e, err,
			      "the CHAP account of the group: an empty name or secret, or one "
			      "secret for both ways");
	target_group_set_options(group, &o->options);
	err = target_group_set_networks(group, o->networks.nets, o->networks.count);
	return err ? refuse(e, err, "allowed_networks") : 0;
}

/* --- portals */

static int listen_there(struct errand *e)
{
	struct child *c = e->child;
	int err = e->file < 0 ? -EBADF : net_take_listener(c->r, e->file);
	if (!err)
		err = target_listen_on(c->target, e->file, NULL);
	if (err)
		return refuse(e, err, "the socket");
	e->file = -1;
	return 0;
}

/* When it is answered the address may be had again. That may be from inside. */
static int unlisten(struct errand *e)
{
	child_say(e->child, &(struct word){.kind = WORD_LATER, .number = e->order.number});
	int err = target_unlisten(e->child->target, &e->order.addr, ended, e);
	if (err)
		errand_end(e, refuse(e, err, "the socket"));
	return ERRAND_GONE;
}

static int portal_add(struct errand *e)
{
	struct target_group *group = group_of(e);
	if (!group)
		return -ENOENT;
	int err = target_group_add_portal(group, &e->order.addr, or_null(e->order.text));
	return err ? refuse(e, err, "the portal") : 0;
}

static int portal_remove(struct errand *e)
{
	struct target_group *group = group_of(e);
	if (!group)
		return -ENOENT;
	int err = target_group_remove_portal(group, &e->order.addr);
	return err ? refuse(e, err, "the portal") : 0;
}

/* --- ACLs and maps */

static int acl_add(struct errand *e)
{
	struct target_group *group = group_of(e);
	struct target_acl *acl;
	if (!group)
		return -ENOENT;
	int err = target_acl_new(&acl, group, e->order.initiator);
	return err ? refuse(e, err, "the ACL") : 0;
}

static int acl_remove(struct errand *e)
{
	struct target_acl *acl = acl_of(e);
	if (!acl)
		return -ENOENT;
	return until_ended(e, target_acl_delete(acl, e->order.seconds, ended, e), "the ACL");
}

static int acl_set(struct errand *e)
{
	struct target_acl *acl = acl_of(e);
	const struct order_acl *o = &e->order.acl;
	struct target_auth auth;
	if (!acl)
		return -ENOENT;
	int err = target_acl_set_auth(acl, auth_of(&o->auth, &auth));
	if (err)
		return refuse(e, err,
			      "its CHAP account: an empty name or secret, or one secret for "
			      "both ways");
	target_acl_set_options(acl, &o->options);
	target_acl_set_depth(acl, o->depth);
	err = target_acl_set_networks(acl, o->networks.nets, o->networks.count);
	return err ? refuse(e, err, "allowed_networks") : 0;
}

static int map_add(struct errand *e)
{
	struct scsi_map *map = map_of(e);
	const struct child_lu *l = map ? child_lu_find(e) : NULL;
	if (!l)
		return -ENOENT;
	int err = scsi_map_add(map, e->order.lun, l->lu, e->order.flag);
	return err ? refuse(e, err, "the LUN") : 0;
}

static int map_remove(struct errand *e)
{
	struct scsi_map *map = map_of(e);
	int err = map ? scsi_map_remove(map, e->order.lun) : -ENOENT;
	return map && err ? refuse(e, err, "the LUN") : err;
}

static int map_readonly(struct errand *e)
{
	struct scsi_map *map = map_of(e);
	int err = map ? scsi_map_set_readonly(map, e->order.lun, e->order.flag) : -ENOENT;
	return map && err ? refuse(e, err, "the LUN") : err;
}

/* --- the rest */

static int discovery(struct errand *e)
{
	struct target_auth auth;
	const struct target_auth *a = e->order.flag ? auth_of(&e->order.auth, &auth) : NULL;
	struct target_auth none = {0};
	int err = target_set_discovery_auth(e->child->target, a ? a : &none);
	return err ? refuse(e, err, "the CHAP account of discovery") : 0;
}

static int explain(struct errand *e)
{
	struct target_verdict v;
	struct net_addr portal;
	struct word word = {.kind = WORD_VERDICT, .number = e->order.number};
	int err = net_addr_parse(&portal, e->order.text, 3260);
	if (err)
		return refuse(e, err, "the portal's address");
	target_explain(e->child->target, e->order.initiator, e->order.node, &e->order.addr, &portal,
		       &v);
	word.verdict = (struct word_verdict){
		.allowed = v.allowed,
		.has_acl = v.has_acl,
		.chap = v.chap,
		.mutual = v.mutual,
		.readonly = v.readonly,
		.tag = v.tag,
		.depth = v.depth,
	};
	snprintf(word.verdict.user, sizeof(word.verdict.user), "%s", v.user);
	snprintf(word.verdict.why, sizeof(word.verdict.why), "%s", v.why);
	child_say(e->child, &word);
	return 0;
}

static void have_sessions(void *ctx, int err, const struct target_session *sessions, size_t count)
{
	struct errand *e = ctx;
	struct child *c = e->child;
	for (size_t i = 0; i < count; i++) {
		struct word word = {.kind = WORD_SESSION, .number = e->order.number};
		word.session.s = sessions[i];
		word.session.age = reactor_now(c->r) - sessions[i].since;
		child_say(c, &word);
	}
	errand_end(e, err ? refuse(e, err, "the sessions") : 0);
}

/* It may be answered from inside; whoever asks hears of that as of any other answer. */
static int sessions(struct errand *e)
{
	child_say(e->child, &(struct word){.kind = WORD_LATER, .number = e->order.number});
	target_sessions(e->child->target, have_sessions, e);
	return ERRAND_GONE;
}

static int session_end(struct errand *e)
{
	return until_ended(
		e, target_session_end(e->child->target, e->order.tag, e->order.seconds, ended, e),
		"the session");
}

static void stores_ended(struct ending *stores, void *ctx)
{
	struct child *c = ctx;
	c->result = stores->failed ? 1 : 0;
	reactor_stop(c->r);
}

static void drained(void *ctx)
{
	struct errand *e = ctx;
	struct child *c = e->child;
	struct scsi_lu **lus = calloc(MAX(c->lu_count, (size_t)1), sizeof(struct scsi_lu *));
	size_t n = 0;
	for (size_t i = 0; lus && i < c->lu_count; i++)
		if (c->lus[i])
			lus[n++] = c->lus[i]->lu;
	uint64_t deadline = reactor_now(c->r) + c->o->serving.limits.drain_timeout * NSEC_PER_SEC;
	if (!lus || ending_start(&c->stores, c->r, c->o->log, lus, n, deadline, stores_ended, c))
		_exit(1);
	c->stores.unflushed = e->order.flag;
	free(lus);
}

static int drain(struct errand *e)
{
	target_drain(e->child->target, e->order.seconds, drained, e);
	return ERRAND_LATER;
}

static int set_log_levels(struct errand *e)
{
	return log_set_levels(e->child->o->log, e->order.text, e->why, sizeof(e->why));
}

static int (*const orders[ORDER_KINDS])(struct errand *e) = {
	[ORDER_LU_ADD] = child_lu_add,
	[ORDER_LU_REMOVE] = child_lu_remove,
	[ORDER_LU_RESIZE] = child_lu_resize,
	[ORDER_LU_OPENED] = child_lu_opened,
	[ORDER_LU_STORE] = child_lu_store,
	[ORDER_LU_SET] = child_lu_set,
	[ORDER_LU_FORMAT] = child_lu_format,
	[ORDER_NODE_ADD] = node_add,
	[ORDER_NODE_REMOVE] = node_remove,
	[ORDER_GROUP_ADD] = group_add,
	[ORDER_GROUP_REMOVE] = group_remove,
	[ORDER_GROUP_SET] = group_set,
	[ORDER_GROUP_ENABLE] = group_enable,
	[ORDER_LISTEN] = listen_there,
	[ORDER_UNLISTEN] = unlisten,
	[ORDER_PORTAL_ADD] = portal_add,
	[ORDER_PORTAL_REMOVE] = portal_remove,
	[ORDER_ACL_ADD] = acl_add,
	[ORDER_ACL_REMOVE] = acl_remove,
	[ORDER_ACL_SET] = acl_set,
	[ORDER_MAP_ADD] = map_add,
	[ORDER_MAP_REMOVE] = map_remove,
	[ORDER_MAP_READONLY] = map_readonly,
	[ORDER_DISCOVERY] = discovery,
	[ORDER_EXPLAIN] = explain,
	[ORDER_STATS] = child_stats,
	[ORDER_SESSIONS] = sessions,
	[ORDER_LOG_LEVELS] = set_log_levels,
	[ORDER_SESSION_END] = session_end,
	[ORDER_DRAIN] = drain,
};

int errand_run(struct errand *e)
{
	return orders[e->order.kind](e);
}

/* Accounts do not stay in memory that was given back. */
void errand_end(struct errand *e, int err)
{
	struct word word = {.kind = WORD_DONE, .number = e->order.number, .err = err};
	if (err)
		memcpy(word.why, e->why, sizeof(word.why));
	child_say(e->child, &word);
	if (e->file >= 0)
		close(e->file);
	if (e->store >= 0)
		close(e->store);
	explicit_bzero(&e->order, sizeof(e->order));
	free(e);
}

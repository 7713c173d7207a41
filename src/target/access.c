/* SPDX-License-Identifier: BSD-2-Clause */
/* Who may log in: the one place where that is judged, for logins, for SendTargets, and for who asks why. */
#include <stdarg.h>
#include <string.h>
#include "target/priv.h"

PRINTF(3, 4)
static void refuse(struct judgement *j, uint16_t status, const char *fmt, ...)
{
	va_list ap;
	j->status = status;
	va_start(ap, fmt);
	vsnprintf(j->why, sizeof(j->why), fmt, ap);
	va_end(ap);
}

static bool is_within(const struct networks *networks, const struct net_addr *from)
{
	for (size_t i = 0; i < networks->count; i++)
		if (target_network_has(&networks->of[i], from))
			return true;
	return !networks->count;
}

static bool is_at(const struct target_group *group, const struct net_addr *portal)
{
	if (group->everywhere)
		return true;
	list_for_each (it, &group->portals)
		if (portal_covers(&list_entry(it, struct group_portal, link)->addr, portal))
			return true;
	return false;
}

static struct target_group *find_group(const struct target_node *node,
				       const struct net_addr *portal)
{
	struct target_group *found = NULL;
	list_for_each (it, &node->groups) {
		struct target_group *group = list_entry(it, struct target_group, link);
		/* One under a wildcard of a group that is disabled may be another's. */
		if (is_at(group, portal) && (!found || !found->enabled))
			found = group;
	}
	return found;
}

/* --- the rules, in their order. False: it is refused. */

static bool there_is_a_node(struct target *home, const struct visitor *who, struct judgement *j)
{
	j->node = target_node_find(home, who->node);
	if (!j->node)
		refuse(j, ISCSI_LOGIN_NOT_FOUND, "there is no target %s", who->node);
	return j->node;
}

static bool there_is_a_group(struct target *home, const struct visitor *who, struct judgement *j)
{
	char at[NET_ADDR_TEXT];
	j->group = find_group(j->node, who->portal);
	if (!j->group)
		refuse(j, ISCSI_LOGIN_NOT_FOUND, "%s has no portal at %s", who->node,
		       net_addr_format(at, who->portal));
	return j->group;
}

static bool it_is_enabled(struct target *home, const struct visitor *who, struct judgement *j)
{
	if (!j->group->enabled)
		refuse(j, ISCSI_LOGIN_UNAVAILABLE, "portal group %u of %s is disabled",
		       j->group->tag, who->node);
	return j->group->enabled;
}

static bool it_has_an_acl(struct target *home, const struct visitor *who, struct judgement *j)
{
	j->acl = target_acl_find(j->group, who->initiator);
	if (j->acl || j->group->options.generate_node_acls)
		return true;
	refuse(j, ISCSI_LOGIN_FORBIDDEN,
	       "%s has no ACL in portal group %u of %s, and generate_node_acls is off there",
	       who->initiator, j->group->tag, who->node);
	return false;
}

static bool it_comes_from_there(struct target *home, const struct visitor *who, struct judgement *j)
{
	char from[NET_ADDR_TEXT];
	bool group = is_within(&j->group->networks, who->from);
	if (group && (!j->acl || is_within(&j->acl->networks, who->from)))
		return true;
	refuse(j, ISCSI_LOGIN_FORBIDDEN,
	       "%s is in none of the networks that %s of portal group %u of %s is open to",
	       net_addr_format_host(from, who->from), group ? "the ACL" : "every ACL",
	       j->group->tag, who->node);
	return false;
}

static void ask_for_chap(struct judgement *j)
{
	const struct target_group_options *o = &j->group->options;
	bool group = o->authentication || o->chap_only;
	enum target_authentication own =
		j->acl ? j->acl->options.authentication : TARGET_AUTH_AS_GROUP;
	j->chap = own == TARGET_AUTH_AS_GROUP ? group : own == TARGET_AUTH_CHAP;
	j->waived = group && !j->chap;
}

static bool it_has_an_account(struct target *home, const struct visitor *who, struct judgement *j)
{
	j->auth = j->acl ? &j->acl->auth : &j->group->auth;
	ask_for_chap(j);
	if (!j->chap || j->auth->theirs.name[0])
		return true;
	if (j->acl && j->acl->options.authentication == TARGET_AUTH_CHAP)
		refuse(j, ISCSI_LOGIN_AUTH_FAILED,
		       "the ACL of %s in portal group %u of %s asks for CHAP, and has no user and "
		       "secret",
		       who->initiator, j->group->tag, who->node);
	else
		refuse(j, ISCSI_LOGIN_AUTH_FAILED,
		       "portal group %u of %s asks for CHAP, and %s%s has no user and secret",
		       j->group->tag, who->node, j->acl ? "the ACL of " : "it",
		       j->acl ? who->initiator : "");
	return false;
}

static bool (*const rules[])(struct target *home, const struct visitor *who,
			     struct judgement *j) = {
	there_is_a_node, there_is_a_group,    it_is_enabled,
	it_has_an_acl,   it_comes_from_there, it_has_an_account,
};

void access_judge(struct target *home, const struct visitor *who, struct judgement *out)
{
	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
		if (!rules[i](home, who, out))
			return;
	snprintf(out->why, sizeof(out->why), "%s may log in to portal group %u of %s: %s%s",
		 who->initiator, out->group->tag, who->node,
		 out->acl ? "it has an ACL there" : "generate_node_acls is on there",
		 out->waived ? ", and no CHAP is asked for, though the group asks for it: its ACL "
			       "has authentication=0"
			     : "");
}

uint32_t access_depth(const struct target *home, const struct judgement *j)
{
	bool own = j->acl && j->acl->depth;
	uint32_t depth = own ? j->acl->depth : j->group->options.depth;
	return depth ? MIN(depth, home->limits.max_commands) : home->limits.max_commands;
}

bool access_visible(const struct target_group *group, const char *initiator,
		    const struct net_addr *from)
{
	const struct target_acl *acl;
	if (!group->enabled && !group->options.discovery_disabled)
		return false;
	acl = target_acl_find((struct target_group *)group, initiator);
	if (!acl && (!group->options.generate_node_acls || group->options.demo_mode_hidden))
		return false;
	return is_within(&group->networks, from) && (!acl || is_within(&acl->networks, from));
}

/* --- for who asks */

void target_explain(struct target *t, const char *initiator, const char *node,
		    const struct net_addr *from, const struct net_addr *portal,
		    struct target_verdict *out)
{
	const struct visitor who = {initiator, node, from, portal};
	struct judgement j;
	access_judge(t, &who, &j);
	memset(out, 0, sizeof(*out));
	out->allowed = !j.status;
	out->status = j.status;
	out->tag = j.group ? j.group->tag : 0;
	out->has_acl = j.acl;
	out->chap = j.chap;
	memcpy(out->why, j.why, sizeof(out->why));
	if (j.auth) {
		memcpy(out->user, j.auth->theirs.name, sizeof(out->user));
		out->mutual = j.auth->ours.name[0];
	}
	if (j.status || !j.group)
		return;
	out->readonly = !j.acl && j.group->options.demo_mode_write_protect;
	out->depth = access_depth(t, &j);
	out->map = j.acl ? j.acl->map : j.group->map;
}

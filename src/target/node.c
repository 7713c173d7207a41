/* SPDX-License-Identifier: BSD-2-Clause */
/* Nodes, portal groups, ACLs: made, changed, freed. What ends sessions is in retire.c. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "target/priv.h"

/* --- who may look */

void config_write(struct target *t)
{
	pthread_rwlock_wrlock(&t->home->config_lock);
}

void config_read(struct target *t)
{
	pthread_rwlock_rdlock(&t->home->config_lock);
}

void config_done(struct target *t)
{
	pthread_rwlock_unlock(&t->home->config_lock);
}

/* --- accounts */

void auth_free(struct auth *auth)
{
	iscsi_chap_account_wipe(&auth->theirs);
	iscsi_chap_account_wipe(&auth->ours);
}

static int auth_make(struct auth *to, const struct target_auth *from)
{
	int err = 0;
	*to = (struct auth){.algorithms = from->algorithms ? from->algorithms : ISCSI_CHAP_ALL};
	if (from->user)
		err = iscsi_chap_account_set(&to->theirs, from->user, from->secret,
					     strlen(from->secret));
	if (!err && from->mutual_user)
		err = iscsi_chap_account_set(&to->ours, from->mutual_user, from->mutual_secret,
					     strlen(from->mutual_secret));
	return !err && iscsi_chap_same_secret(&to->theirs, &to->ours) ? -EINVAL : err;
}

int auth_set(struct auth *to, const struct target_auth *from)
{
	static const struct target_auth none;
	struct auth auth;
	int err = auth_make(&auth, from ? from : &none);
	if (!err)
		*to = auth;
	auth_free(&auth);
	return err;
}

/* The hashing of a new secret is nobody's to wait for, so it is done before. */
static int set_auth(struct target *t, struct auth *to, const struct target_auth *from)
{
	struct auth auth = {0};
	int err = auth_set(&auth, from);
	if (!err) {
		config_write(t);
		*to = auth;
		config_done(t);
	}
	auth_free(&auth);
	return err;
}

int target_set_discovery_auth(struct target *t, const struct target_auth *auth)
{
	return set_auth(t, &t->discovery_auth, auth);
}

/* --- networks */

bool target_network_has(const struct target_network *net, const struct net_addr *addr)
{
	const uint8_t *a, *b;
	unsigned bits = net->bits;
	if (net->addr.sa.sa_family != addr->sa.sa_family)
		return false;
	if (addr->sa.sa_family == AF_INET) {
		a = (const uint8_t *)&net->addr.in4.sin_addr;
		b = (const uint8_t *)&addr->in4.sin_addr;
		bits = MIN(bits, 32u);
	} else {
		a = net->addr.in6.sin6_addr.s6_addr;
		b = addr->in6.sin6_addr.s6_addr;
		bits = MIN(bits, 128u);
	}
	if (memcmp(a, b, bits / 8) != 0)
		return false;
	return bits % 8 == 0 || (a[bits / 8] ^ b[bits / 8]) >> (8 - bits % 8) == 0;
}

static int set_networks(struct target *t, struct networks *to, const struct target_network *nets,
			size_t count)
{
	struct target_network *of = NULL, *old = to->of;
	if (count > TARGET_NETWORKS_MAX)
		return -E2BIG;
	if (count) {
		of = malloc(count * sizeof(*of));
		if (!of)
			return -ENOMEM;
		memcpy(of, nets, count * sizeof(*of));
	}
	config_write(t);
	*to = (struct networks){count, of};
	config_done(t);
	free(old);
	return 0;
}

int target_group_set_networks(struct target_group *group, const struct target_network *nets,
			      size_t count)
{
	return set_networks(group->node->target, &group->networks, nets, count);
}

int target_acl_set_networks(struct target_acl *acl, const struct target_network *nets, size_t count)
{
	return set_networks(acl->group->node->target, &acl->networks, nets, count);
}

/* --- nodes */

void node_free(struct target_node *node)
{
	for (size_t i = 0; i < ARRAY_SIZE(node->parts); i++)
		deferred_cancel(&node->parts[i].cold_reset);
	deferred_cancel(&node->empty);
	list_del(&node->link);
	while (!list_empty(&node->groups))
		group_free(list_first(&node->groups, struct target_group, link));
	scsi_device_free(node->device);
	free(node->name);
	free(node->alias);
	free(node);
}

struct target_node *target_node_find(struct target *t, const char *name)
{
	list_for_each (it, &t->nodes) {
		struct target_node *node = list_entry(it, struct target_node, link);
		if (!strcmp(node->name, name))
			return node;
	}
	return NULL;
}

static struct target_node *make_node(struct target *t, const char *name, const char *alias)
{
	struct target_node *node = calloc(1, sizeof(*node));
	if (!node)
		return NULL;
	list_init(&node->link);
	list_init(&node->groups);
	deferred_init(&node->empty, NULL);
	node->target = t;
	node->number = ++t->last_number;
	node->name = strdup(name);
	node->alias = alias ? strdup(alias) : NULL;
	node->device = scsi_device_new(name);
	for (unsigned i = 0; i < ARRAY_SIZE(node->parts); i++) {
		node->parts[i].node = node;
		node->parts[i].part = t->parts[i];
		deferred_init(&node->parts[i].cold_reset, tmf_cold_reset);
	}
	if (!node->name || (alias && !node->alias) || !node->device) {
		node_free(node);
		return NULL;
	}
	return node;
}

int target_node_new(struct target_node **out, struct target *t, const char *name, const char *alias)
{
	if (!iscsi_name_valid(name))
		return -EINVAL;
	if (target_node_find(t, name))
		return -EEXIST;
	struct target_node *node = make_node(t, name, alias);
	if (!node)
		return -ENOMEM;
	config_write(t);
	list_add_tail(&t->nodes, &node->link);
	config_done(t);
	*out = node;
	return 0;
}

int target_node_open(struct target_node **out, struct target *t, const char *name,
		     const char *alias)
{
	static const struct target_group_options open = {.generate_node_acls = true};
	struct target_node *node;
	struct target_group *group;
	int err = target_node_new(&node, t, name, alias);
	if (err)
		return err;
	err = target_group_new(&group, node, TARGET_PORTAL_GROUP);
	if (err) {
		node_free(node);
		return err;
	}
	scsi_map_free(group->map);
	group->map = scsi_device_map_of(node->device);
	group->own_map = false;
	group->everywhere = true;
	target_group_set_options(group, &open);
	target_group_enable(group);
	*out = node;
	return 0;
}

int target_node_set_auth(struct target_node *node, const struct target_auth *auth)
{
	struct target_group *group = target_group_find(node, TARGET_PORTAL_GROUP);
	struct target_group_options options = group->options;
	int err = target_group_set_auth(group, auth);
	if (err)
		return err;
	options.authentication = auth->user;
	target_group_set_options(group, &options);
	return 0;
}

struct scsi_device *target_node_device(struct target_node *node)
{
	return node->device;
}

/* --- portal groups */

static void remove_portal(struct group_portal *p)
{
	list_del(&p->link);
	p->portal->users--;
	portal_drop(p->portal);
	free(p);
}

void group_free(struct target_group *group)
{
	list_del(&group->link);
	while (!list_empty(&group->acls))
		acl_free(list_first(&group->acls, struct target_acl, link));
	while (!list_empty(&group->portals))
		remove_portal(list_first(&group->portals, struct group_portal, link));
	if (group->own_map)
		scsi_map_free(group->map);
	auth_free(&group->auth);
	free(group->networks.of);
	free(group);
}

struct target_group *target_group_find(struct target_node *node, uint16_t tag)
{
	list_for_each (it, &node->groups) {
		struct target_group *group = list_entry(it, struct target_group, link);
		if (group->tag == tag)
			return group;
	}
	return NULL;
}

/* Each group is one target port (RFC 7143 4.4.1). */
static int add_port(struct target_node *node, uint16_t tag)
{
	char name[ISCSI_PORT_NAME_SIZE];
	iscsi_target_port_name(name, node->name, tag);
	return scsi_device_add_port(node->device, name, tag);
}

int target_group_new(struct target_group **out, struct target_node *node, uint16_t tag)
{
	struct target *t = node->target;
	if (!tag)
		return -EINVAL;
	if (target_group_find(node, tag))
		return -EEXIST;
	struct target_group *group = calloc(1, sizeof(*group));
	if (!group)
		return -ENOMEM;
	group->map = scsi_map_new(node->device);
	if (!group->map || add_port(node, tag)) {
		scsi_map_free(group->map);
		free(group);
		return -ENOMEM;
	}
	group->own_map = true;
	group->node = node;
	group->number = ++t->last_number;
	group->tag = tag;
	group->auth.algorithms = ISCSI_CHAP_ALL;
	list_init(&group->portals);
	list_init(&group->acls);
	target_params_from(&group->params, &t->limits);
	config_write(t);
	list_add_tail(&node->groups, &group->link);
	config_done(t);
	*out = group;
	return 0;
}

struct scsi_map *target_group_map(struct target_group *group)
{
	return group->map;
}

void target_group_enable(struct target_group *group)
{
	config_write(group->node->target);
	group->enabled = true;
	config_done(group->node->target);
}

void target_group_set_options(struct target_group *group,
			      const struct target_group_options *options)
{
	config_write(group->node->target);
	group->options = *options;
	config_done(group->node->target);
}

int target_group_set_auth(struct target_group *group, const struct target_auth *auth)
{
	return set_auth(group->node->target, &group->auth, auth);
}

void target_params_from(struct target_params *params, const struct config_limits *l)
{
	*params = (struct target_params){
		.max_recv_data_segment_length = l->max_recv_data_segment_length,
		.max_burst_length = l->max_burst_length,
		.first_burst_length = l->first_burst_length,
		.max_outstanding_r2t = l->max_outstanding_r2t,
		.default_time2wait = l->default_time2wait,
		.default_time2retain = l->default_time2retain,
		.initial_r2t = l->initial_r2t,
		.immediate_data = l->immediate_data,
	};
	memcpy(params->header_digest, l->header_digest, sizeof(params->header_digest));
	memcpy(params->data_digest, l->data_digest, sizeof(params->data_digest));
}

int target_group_set_params(struct target_group *group, const struct target_params *params)
{
	if (params->first_burst_length > params->max_burst_length)
		return -EINVAL;
	config_write(group->node->target);
	group->params = *params;
	config_done(group->node->target);
	return 0;
}

/* --- portals of a group */

static struct group_portal *find_portal(const struct target_group *group,
					const struct net_addr *addr)
{
	list_for_each (it, &group->portals) {
		struct group_portal *p = list_entry(it, struct group_portal, link);
		if (portal_same(&p->addr, addr))
			return p;
	}
	return NULL;
}

/* Which group of a node a login gets must not be a matter of luck. */
static bool is_taken(const struct target_node *node, const struct net_addr *addr)
{
	list_for_each (it, &node->groups) {
		const struct target_group *group = list_entry(it, struct target_group, link);
		if (group->everywhere || find_portal(group, addr))
			return true;
	}
	return false;
}

/* What may stand in a TargetAddress: a name or a number, IPv6 in brackets, a port. */
static bool is_address(const char *text)
{
	return text[0] && strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				       "0123456789-._:[]") == strlen(text);
}

int target_group_add_portal(struct target_group *group, const struct net_addr *addr,
			    const char *advertise)
{
	struct target *t = group->node->target;
	if (!net_addr_port(addr))
		return -EINVAL;
	if (advertise && (!is_address(advertise) ||
			  strlen(advertise) >= sizeof(((struct group_portal *)0)->advertise)))
		return -EINVAL;
	if (is_taken(group->node, addr))
		return -EEXIST;
	struct group_portal *p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->addr = *addr;
	p->portal = portal_find(t, addr);
	int err = p->portal ? 0 : portal_listen(t, addr, &p->portal);
	if (err) {
		free(p);
		return err;
	}
	p->portal->users++;
	if (advertise)
		snprintf(p->advertise, sizeof(p->advertise), "%s", advertise);
	config_write(t);
	list_add_tail(&group->portals, &p->link);
	config_done(t);
	return 0;
}

int target_group_remove_portal(struct target_group *group, const struct net_addr *addr)
{
	struct target *t = group->node->target;
	struct group_portal *p = find_portal(group, addr);
	if (!p)
		return -ENOENT;
	config_write(t);
	list_del(&p->link);
	config_done(t);
	remove_portal(p);
	return 0;
}

/* --- ACLs */

void acl_free(struct target_acl *acl)
{
	list_del(&acl->link);
	scsi_map_free(acl->map);
	auth_free(&acl->auth);
	free(acl->networks.of);
	free(acl);
}

struct target_acl *target_acl_find(struct target_group *group, const char *initiator)
{
	list_for_each (it, &group->acls) {
		struct target_acl *acl = list_entry(it, struct target_acl, link);
		if (!strcmp(acl->name, initiator))
			return acl;
	}
	return NULL;
}

void patience_set(struct patience *to, uint32_t data_out, uint32_t nopin_interval, uint32_t nopin)
{
	atomic_store(&to->data_out, data_out);
	atomic_store(&to->nopin_interval, nopin_interval);
	atomic_store(&to->nopin, nopin);
}

static void take_times(struct target_acl *acl)
{
	const struct target_acl_options *o = &acl->options;
	patience_set(&acl->patience, o->data_out_timeout, o->nopin_interval, o->nopin_timeout);
}

void target_acl_options_from(struct target_acl_options *options, const struct config_limits *l)
{
	*options = (struct target_acl_options){
		.authentication = TARGET_AUTH_AS_GROUP,
		.data_out_timeout = l->data_out_timeout,
		.nopin_interval = l->nopin_interval,
		.nopin_timeout = l->nopin_timeout,
	};
}

int target_acl_new(struct target_acl **out, struct target_group *group, const char *initiator)
{
	struct target *t = group->node->target;
	if (!iscsi_name_valid(initiator))
		return -EINVAL;
	if (target_acl_find(group, initiator))
		return -EEXIST;
	struct target_acl *acl = calloc(1, sizeof(*acl));
	if (!acl)
		return -ENOMEM;
	acl->map = scsi_map_new(group->node->device);
	if (!acl->map) {
		free(acl);
		return -ENOMEM;
	}
	acl->group = group;
	acl->number = ++t->last_number;
	acl->auth.algorithms = ISCSI_CHAP_ALL;
	target_acl_options_from(&acl->options, &t->limits);
	take_times(acl);
	snprintf(acl->name, sizeof(acl->name), "%s", initiator);
	config_write(t);
	list_add_tail(&group->acls, &acl->link);
	config_done(t);
	*out = acl;
	return 0;
}

struct scsi_map *target_acl_map(struct target_acl *acl)
{
	return acl->map;
}

int target_acl_set_auth(struct target_acl *acl, const struct target_auth *auth)
{
	return set_auth(acl->group->node->target, &acl->auth, auth);
}

void target_acl_set_options(struct target_acl *acl, const struct target_acl_options *options)
{
	struct target *t = acl->group->node->target;
	config_write(t);
	acl->options = *options;
	config_done(t);
	take_times(acl);
	conn_watch_all(t);
}

/* Only home looks at it. */
void target_acl_set_depth(struct target_acl *acl, uint32_t depth)
{
	acl->depth = depth;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/runtime_fill.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct values {
	const struct config_node *node;
	const struct fill_instead *instead;
};

static const char *text(const struct values *v, enum config_group group, const char *name)
{
	const struct config_attr *attr = config_attr_find(v->node->kind, group, name);
	if (v->instead && v->instead->attr == attr)
		return v->instead->value;
	return config_get(v->node, attr);
}

static uint32_t number(const struct values *v, enum config_group group, const char *name)
{
	return (uint32_t)strtoul(text(v, group, name), NULL, 10);
}

static bool flag(const struct values *v, const char *name)
{
	return text(v, CONFIG_ATTRIBUTE, name)[0] == '1';
}

static bool yes(const struct values *v, const char *name)
{
	return !strcmp(text(v, CONFIG_PARAMETER, name), "Yes");
}

static void copy(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from);
}

/* --- where */

void fill_place(struct order *order, const struct config_node *node)
{
	for (const struct config_node *n = node; n; n = n->parent) {
		switch (n->kind) {
		case CONFIG_TARGET: copy(order->node, sizeof(order->node), n->name); break;
		case CONFIG_TPG: order->tag = (uint16_t)n->number; break;
		case CONFIG_ACL: copy(order->initiator, sizeof(order->initiator), n->name); break;
		case CONFIG_LUN:
		case CONFIG_MAPPED_LUN: order->lun = (uint16_t)n->number; break;
		default: break;
		}
	}
}

/* --- backstores */

static const struct {
	const char *name;
	uint32_t feature;
} features[] = {
	{"emulate_3pc", SCSI_HAS_COPY},
	{"emulate_caw", SCSI_HAS_COMPARE},
	{"emulate_dpo", SCSI_HAS_DPO},
	{"emulate_fua_read", SCSI_HAS_FUA_READ},
	{"emulate_fua_write", SCSI_HAS_FUA_WRITE},
	{"emulate_pr", SCSI_HAS_RESERVE},
	{"emulate_rsoc", SCSI_HAS_OPCODES},
	{"emulate_tpu", SCSI_HAS_UNMAP},
	{"emulate_tpws", SCSI_HAS_UNMAP_SAME},
};

/* The defaults are those of the kernel's target. Who has not chosen another number gets what we can do best. */
static uint32_t limit(const struct values *v, const char *name)
{
	const struct config_attr *attr = config_attr_find(v->node->kind, CONFIG_ATTRIBUTE, name);
	const char *value = text(v, CONFIG_ATTRIBUTE, name);
	return strcmp(value, attr->standard) ? (uint32_t)strtoul(value, NULL, 10) : 0;
}

static void fill_limits(struct scsi_limits *out, const struct values *v)
{
	out->unmap_descriptors = limit(v, "max_unmap_block_desc_count");
	out->unmap_blocks = limit(v, "max_unmap_lba_count");
	out->write_same = limit(v, "max_write_same_len");
	out->unmap_granularity = limit(v, "unmap_granularity");
	out->unmap_alignment = limit(v, "unmap_granularity_alignment");
	out->transfer = limit(v, "optimal_sectors");
}

/* Names may be longer than the field, and have letters that it has not (SPC-4 4.3.1, 6.6.2). */
static void fill_product(struct scsi_lu_options *out, const struct values *v)
{
	const char *product = text(v, CONFIG_OBJECT, "product");
	if (!product[0] && flag(v, "emulate_model_alias"))
		product = v->node->name;
	copy(out->product, sizeof(out->product), product);
	for (char *p = out->product; *p; p++)
		if (*p < 0x20 || *p > 0x7e)
			*p = '_';
}

void fill_options(struct scsi_lu_options *out, const struct config_node *backstore,
		  const struct fill_instead *instead)
{
	const struct values v = {backstore, instead};
	*out = (struct scsi_lu_options){
		.features = SCSI_HAS_ATOMIC, /* where the store can; nobody is asked */
		.write_cache = flag(&v, "emulate_write_cache"),
		.rotational = !flag(&v, "is_nonrot"),
		.restricted = flag(&v, "emulate_rest_reord"),
		.task_aborted = flag(&v, "emulate_tas"),
		.ua_interlock = (uint8_t)number(&v, CONFIG_ATTRIBUTE, "emulate_ua_intlck_ctrl"),
		.force_aptpl = flag(&v, "force_pr_aptpl"),
		.any_isid = !flag(&v, "enforce_pr_isids"),
		.queue_depth = limit(&v, "queue_depth"),
	};
	for (size_t i = 0; i < ARRAY_SIZE(features); i++)
		if (flag(&v, features[i].name))
			out->features |= features[i].feature;
	fill_limits(&out->limits, &v);
	fill_product(out, &v);
}

uint32_t fill_block_size(const struct disk *disk, const struct fill_instead *instead)
{
	const struct values v = {disk->node, instead};
	return MAX(number(&v, CONFIG_ATTRIBUTE, "block_size"), disk->bs->block_size);
}

/* --- accounts and networks */

static void fill_auth(struct order_auth *out, const struct values *v, enum config_group group)
{
	copy(out->user, sizeof(out->user), text(v, group, "userid"));
	copy(out->secret, sizeof(out->secret), text(v, group, "password"));
	copy(out->mutual_user, sizeof(out->mutual_user), text(v, group, "mutual_userid"));
	copy(out->mutual_secret, sizeof(out->mutual_secret), text(v, group, "mutual_password"));
	/* While it is being set up there is half of it: nobody can log in with that. */
	if (!out->secret[0])
		out->user[0] = 0;
	if (!out->user[0] || !out->mutual_secret[0])
		out->mutual_user[0] = 0;
}

/* "10.0.0.0/8"; without a length, one address. */
static int take_network(struct target_network *out, char *word)
{
	char *slash = strchr(word, '/');
	if (slash)
		*slash = 0;
	int err = net_addr_parse(&out->addr, word, 0);
	bool v6 = !err && out->addr.sa.sa_family == AF_INET6;
	unsigned long bits = v6 ? 128 : 32;
	if (slash)
		bits = strtoul(slash + 1, NULL, 10);
	if (err || bits > (v6 ? 128 : 32))
		return -EINVAL;
	out->bits = (uint8_t)bits;
	return 0;
}

static int fill_networks(struct order_networks *out, const char *list, char *why, size_t why_size)
{
	CLEANUP(free) char *words = strdup(list);
	char *rest = words, *word;
	if (!words)
		return -ENOMEM;
	while ((word = strsep(&rest, ", "))) {
		if (!word[0])
			continue;
		if (out->count == TARGET_NETWORKS_MAX) {
			snprintf(why, why_size, "allowed_networks: more than %d of them",
				 TARGET_NETWORKS_MAX);
			return -E2BIG;
		}
		if (take_network(&out->nets[out->count], word)) {
			snprintf(why, why_size, "allowed_networks: \"%.60s\" is no network", word);
			return -EINVAL;
		}
		out->count++;
	}
	return 0;
}

/* --- groups, ACLs, discovery */

static void fill_group_options(struct target_group_options *out, const struct values *v)
{
	out->generate_node_acls = flag(v, "generate_node_acls");
	out->demo_mode_write_protect = flag(v, "demo_mode_write_protect");
	out->demo_mode_hidden = !flag(v, "demo_mode_discovery");
	out->discovery_disabled = !flag(v, "tpg_enabled_sendtargets");
	out->authentication = flag(v, "authentication");
	out->chap_only = !strcmp(text(v, CONFIG_PARAMETER, "AuthMethod"), "CHAP");
	out->depth = number(v, CONFIG_ATTRIBUTE, "default_cmdsn_depth");
	out->login_timeout = number(v, CONFIG_ATTRIBUTE, "login_timeout");
}

static void fill_acl_options(struct target_acl_options *out, const struct values *v)
{
	const char *authentication = text(v, CONFIG_ATTRIBUTE, "authentication");
	out->authentication = authentication[0] == '-'   ? TARGET_AUTH_AS_GROUP
			      : authentication[0] == '0' ? TARGET_AUTH_NONE
							 : TARGET_AUTH_CHAP;
	out->data_out_timeout = number(v, CONFIG_ATTRIBUTE, "dataout_timeout") *
				number(v, CONFIG_ATTRIBUTE, "dataout_timeout_retries");
	out->nopin_interval = number(v, CONFIG_ATTRIBUTE, "nopin_timeout");
	out->nopin_timeout = number(v, CONFIG_ATTRIBUTE, "nopin_response_timeout");
}

static void fill_params(struct target_params *out, const struct values *v)
{
	const enum config_group g = CONFIG_PARAMETER;
	out->max_recv_data_segment_length = number(v, g, "MaxRecvDataSegmentLength");
	out->max_xmit_data_segment_length = number(v, g, "MaxXmitDataSegmentLength");
	out->max_burst_length = number(v, g, "MaxBurstLength");
	out->first_burst_length = number(v, g, "FirstBurstLength");
	out->max_outstanding_r2t = number(v, g, "MaxOutstandingR2T");
	out->default_time2wait = number(v, g, "DefaultTime2Wait");
	out->default_time2retain = number(v, g, "DefaultTime2Retain");
	out->initial_r2t = yes(v, "InitialR2T");
	out->immediate_data = yes(v, "ImmediateData");
	copy(out->alias, sizeof(out->alias), text(v, g, "TargetAlias"));
	copy(out->header_digest, sizeof(out->header_digest), text(v, g, "HeaderDigest"));
	copy(out->data_digest, sizeof(out->data_digest), text(v, g, "DataDigest"));
}

int fill_group(struct order_group *out, const struct config_node *tpg,
	       const struct fill_instead *instead, char *why, size_t why_size)
{
	const struct values v = {tpg, instead};
	fill_group_options(&out->options, &v);
	fill_params(&out->params, &v);
	fill_auth(&out->auth, &v, CONFIG_AUTH);
	return fill_networks(&out->networks, text(&v, CONFIG_ATTRIBUTE, "allowed_networks"), why,
			     why_size);
}

int fill_acl(struct order_acl *out, const struct config_node *acl,
	     const struct fill_instead *instead, char *why, size_t why_size)
{
	const struct values v = {acl, instead};
	fill_acl_options(&out->options, &v);
	fill_auth(&out->auth, &v, CONFIG_AUTH);
	return fill_networks(&out->networks, text(&v, CONFIG_ATTRIBUTE, "allowed_networks"), why,
			     why_size);
}

bool fill_discovery(struct order_auth *out, const struct config_node *iscsi,
		    const struct fill_instead *instead)
{
	const struct values v = {iscsi, instead};
	fill_auth(out, &v, CONFIG_DISCOVERY_AUTH);
	return !strcmp(text(&v, CONFIG_DISCOVERY_AUTH, "enable"), "True");
}

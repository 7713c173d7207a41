/* SPDX-License-Identifier: BSD-2-Clause */
/* Objects in one line, in the words of targetcli: people and scripts look for them. */
#include <inttypes.h>
#include <string.h>
#include "daemon/ops.h"

#define SIZE_TEXT 32

enum config_kind admin_plugin_of(const struct config_node *node)
{
	return node->kind == CONFIG_PLUGIN ? config_plugin_kind(node->name) : CONFIG_ROOT;
}

/* "64.0MiB" */
static const char *human(int64_t bytes, char out[SIZE_TEXT])
{
	static const char units[] = "KMGTPE";
	double value = (double)bytes;
	size_t unit = 0;
	if (bytes < 1024) {
		snprintf(out, SIZE_TEXT, "%" PRId64 " bytes", bytes);
		return out;
	}
	for (value /= 1024; value >= 1024 && units[unit + 1]; unit++)
		value /= 1024;
	snprintf(out, SIZE_TEXT, "%.1f%ciB", value, units[unit]);
	return out;
}

/* ---- one for each kind ---- */

static const char *activity(const struct config_node *node)
{
	if (node->pending)
		return "pending";
	return list_empty(&node->users) ? "deactivated" : "activated";
}

static void of_disk(const struct config_node *node, char *out, size_t size)
{
	char text[SIZE_TEXT];
	bool cached = config_true(node, CONFIG_ATTRIBUTE, "emulate_write_cache");
	snprintf(out, size, "%s (%s) %s %s", config_value(node, CONFIG_OBJECT, "dev"),
		 human(config_number(node, CONFIG_OBJECT, "size"), text),
		 cached ? "write-back" : "write-thru", activity(node));
}

static void of_ramdisk(const struct config_node *node, char *out, size_t size)
{
	char text[SIZE_TEXT];
	snprintf(out, size, "(%s) %s", human(config_number(node, CONFIG_OBJECT, "size"), text),
		 activity(node));
}

static bool is_set(const struct config_node *node, const char *name)
{
	return config_value(node, CONFIG_AUTH, name)[0];
}

static const char *direction(const struct config_node *node)
{
	return is_set(node, "mutual_userid") && is_set(node, "mutual_password") ? "mutual auth"
										: "1-way auth";
}

static void of_tpg(const struct config_node *node, char *out, size_t size)
{
	bool generate = config_true(node, CONFIG_ATTRIBUTE, "generate_node_acls");
	bool auth = config_true(node, CONFIG_ATTRIBUTE, "authentication");
	if (!config_true(node, CONFIG_OBJECT, "enable"))
		snprintf(out, size, "disabled");
	else if (!auth)
		snprintf(out, size, "%s, no-auth", generate ? "gen-acls" : "no-gen-acls");
	else if (!generate)
		snprintf(out, size, "no-gen-acls, auth per-acl");
	else
		snprintf(out, size, "gen-acls, tpg-auth, %s", direction(node));
}

/* Whether this initiator logs in with CHAP. */
static bool needs_auth(const struct config_node *acl)
{
	int64_t own = config_number(acl, CONFIG_ATTRIBUTE, "authentication");
	return own < 0 ? config_true(config_above(acl, CONFIG_TPG), CONFIG_ATTRIBUTE,
				     "authentication")
		       : own == 1;
}

static void of_acl(const struct config_node *node, char *out, size_t size)
{
	snprintf(out, size, "%s%sMapped LUNs: %zu", needs_auth(node) ? direction(node) : "",
		 needs_auth(node) ? ", " : "", node->child_count);
}

static void of_lun(const struct config_node *node, char *out, size_t size)
{
	const struct config_node *store = node->ref;
	const char *dev =
		store->kind == CONFIG_RAMDISK ? NULL : config_value(store, CONFIG_OBJECT, "dev");
	snprintf(out, size, "%s/%s %s%s%s(%s)", store->parent->name, store->name, dev ? "(" : "",
		 dev ? dev : "", dev ? ") " : "",
		 config_value(node, CONFIG_OBJECT, "alua_tg_pt_gp_name"));
}

static void of_mapped_lun(const struct config_node *node, char *out, size_t size)
{
	const struct config_node *lun = node->ref;
	snprintf(out, size, "%s %s/%s (%s)", lun->name, lun->ref->parent->name, lun->ref->name,
		 config_true(node, CONFIG_OBJECT, "write_protect") ? "ro" : "rw");
}

static void of_portal(const struct config_node *node, char *out, size_t size)
{
	snprintf(out, size, "%s", node->pending ? "pending" : "");
}

struct row {
	void (*write)(const struct config_node *node, char *out, size_t size);
	const char *counted; /* what is counted of its children */
};

static const struct row rows[CONFIG_KINDS] = {
	[CONFIG_PLUGIN] = {NULL, "Storage Objects"},
	[CONFIG_BLOCK] = {of_disk, NULL},
	[CONFIG_FILEIO] = {of_disk, NULL},
	[CONFIG_RAMDISK] = {of_ramdisk, NULL},
	[CONFIG_ISCSI] = {NULL, "Targets"},
	[CONFIG_TARGET] = {NULL, "TPGs"},
	[CONFIG_TPG] = {of_tpg, NULL},
	[CONFIG_ACLS] = {NULL, "ACLs"},
	[CONFIG_ACL] = {of_acl, NULL},
	[CONFIG_MAPPED_LUN] = {of_mapped_lun, NULL},
	[CONFIG_LUNS] = {NULL, "LUNs"},
	[CONFIG_LUN] = {of_lun, NULL},
	[CONFIG_PORTALS] = {NULL, "Portals"},
	[CONFIG_PORTAL] = {of_portal, NULL},
};

void admin_summary(const struct config_node *node, char *out, size_t size)
{
	const struct row *row = &rows[node->kind];
	out[0] = 0;
	if (row->write)
		row->write(node, out, size);
	else if (row->counted)
		snprintf(out, size, "%s: %zu", row->counted, node->child_count);
}

/* Whether a login can succeed by what is set: CHAP is asked for, and a secret is there or not. */
static const char *auth_health(const struct config_node *node)
{
	return is_set(node, "userid") && is_set(node, "password") ? "ok" : "error";
}

static const char *tpg_health(const struct config_node *node)
{
	bool generate = config_true(node, CONFIG_ATTRIBUTE, "generate_node_acls");
	if (!config_true(node, CONFIG_OBJECT, "enable"))
		return "error";
	if (!generate)
		return "none";
	return config_true(node, CONFIG_ATTRIBUTE, "authentication") ? auth_health(node) : "ok";
}

/* An initiator whose ACL has no user of its own logs in as its group's. */
static const char *acl_health(const struct config_node *node)
{
	if (!needs_auth(node))
		return "ok";
	return is_set(node, "userid") ? auth_health(node)
				      : auth_health(config_above(node, CONFIG_TPG));
}

const char *admin_health(const struct config_node *node)
{
	if (node->pending)
		return "error";
	switch (node->kind) {
	case CONFIG_ROOT:
	case CONFIG_BACKSTORES: return "none";
	case CONFIG_TPG: return tpg_health(node);
	case CONFIG_ACL: return acl_health(node);
	default: return "ok";
	}
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Targets, their groups, and where these listen. */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include "config/edit_priv.h"
#include "config/tree_priv.h"
#include "iscsi/names.h"

#define ANY_ADDRESS  "0.0.0.0"
#define DEFAULT_PORT 3260

/* ---- targets ---- */

static int check_wwn(struct config_txn *txn, const char *what, const char *wwn,
		     char out[ISCSI_NAME_SIZE])
{
	if (!iscsi_name_normalize(wwn, out))
		return 0;
	return config_refuse(
		&txn->why, EINVAL,
		"Could not create %s \"%.120s\": %s; names are written as "
		"iqn.2026-11.org.example:name, naa. with 16 or 32 digits, or eui. with 16",
		what, wwn, iscsi_name_problem(wwn));
}

int config_add_target(struct config_txn *txn, const char *wwn, struct config_node **out)
{
	char name[ISCSI_NAME_SIZE];
	int err = check_wwn(txn, "target", wwn, name);
	if (err)
		return err;
	if (config_child(txn->tree->iscsi, name))
		return config_refuse(&txn->why, EEXIST, "This Target already exists in configFS");
	struct config_node *node = config_node_new(txn->tree->iscsi, CONFIG_TARGET, name, 0, NULL);
	err = config_do_create(txn, node);
	if (!err)
		*out = node;
	return err;
}

/* One that nobody has: chance alone would do, and a test's random numbers are not random. */
static void random_wwn(struct config_txn *txn, const struct config_prefs *prefs,
		       char out[ISCSI_NAME_SIZE])
{
	uint8_t bytes[6];
	for (unsigned tries = 0; tries < 16; tries++) {
		prefs->random(prefs->ctx, bytes, sizeof(bytes));
		int len = snprintf(out, ISCSI_NAME_SIZE, "%s:sn.", prefs->iqn_prefix);
		for (size_t i = 0; i < sizeof(bytes) && len < ISCSI_NAME_SIZE; i++)
			len += snprintf(out + len, (size_t)(ISCSI_NAME_SIZE - len), "%02x",
					bytes[i]);
		if (!config_child(txn->tree->iscsi, out))
			return;
	}
}

int config_create_target(struct config_txn *txn, const struct config_prefs *prefs, const char *wwn,
			 struct config_node **out)
{
	char made[ISCSI_NAME_SIZE];
	struct config_node *target = NULL;
	struct config_mark mark = config_mark(txn);
	if (!wwn || !wwn[0]) {
		random_wwn(txn, prefs, made);
		wwn = made;
	}
	int err = config_add_target(txn, wwn, &target);
	if (!err) {
		config_say(txn, "Created target %s.", target->name);
		err = config_create_tpg(txn, prefs, target, NULL, NULL);
	}
	if (!err && out)
		*out = target;
	return config_end_edit(txn, mark, err);
}

int config_delete_target(struct config_txn *txn, struct config_node *target)
{
	struct config_mark mark = config_mark(txn);
	int err = config_remove(txn, target);
	if (!err)
		config_say(txn, "Deleted Target %s.", target->name);
	return config_end_edit(txn, mark, err);
}

/* ---- groups ---- */

static uint32_t free_tag(const struct config_node *target)
{
	uint32_t tag = 1;
	while (tag <= CONFIG_TAG_MAX && config_child_number(target, tag))
		tag++;
	return tag;
}

int config_add_tpg(struct config_txn *txn, struct config_node *target, uint32_t tag,
		   struct config_node **out)
{
	char name[32];
	if (config_child_number(target, tag))
		return config_refuse(&txn->why, EEXIST, "This TPG already exists in configFS");
	config_number_name(CONFIG_TPG, tag, name);
	struct config_node *node = config_node_new(target, CONFIG_TPG, name, tag, NULL);
	int err = config_do_create(txn, node);
	if (!err)
		*out = node;
	return err;
}

/* Another group of the target may listen there already; then the new one begins without. */
static int add_default_portal(struct config_txn *txn, struct config_node *tpg)
{
	struct config_node *portal;
	int err = config_add_portal(txn, tpg, ANY_ADDRESS, DEFAULT_PORT, &portal);
	if (err == -ENOMEM)
		return err;
	if (err) {
		config_say(
			txn,
			"Default portal not created, TPGs within a target cannot share ip:port.");
		return 0;
	}
	config_say(txn, "Global pref auto_add_default_portal=true");
	config_say(txn, "Created default portal listening on all IPs (%s), port %d.", ANY_ADDRESS,
		   DEFAULT_PORT);
	return 0;
}

int config_create_tpg(struct config_txn *txn, const struct config_prefs *prefs,
		      struct config_node *target, const char *tag, struct config_node **out)
{
	struct config_node *tpg = NULL;
	struct config_mark mark = config_mark(txn);
	int64_t number = free_tag(target);
	/* SAM-5 calls port group 0 reserved, and so is relative port 0. */
	if ((tag && config_parse_index(tag, "tpg", 1, CONFIG_TAG_MAX, &number)) ||
	    number > CONFIG_TAG_MAX)
		return config_refuse(
			&txn->why, EINVAL,
			"Could not create a TPG in %s: tag \"%.40s\" is not a number from "
			"1 to %d that is free",
			target->name, tag ? tag : "", CONFIG_TAG_MAX);
	int err = config_add_tpg(txn, target, (uint32_t)number, &tpg);
	if (!err && !prefs->auto_enable_tpgt)
		err = config_give_named(txn, tpg, CONFIG_OBJECT, "enable", "False");
	if (!err) {
		config_say(txn, "Created TPG %" PRIu32 ".", tpg->number);
		if (prefs->auto_add_default_portal)
			err = add_default_portal(txn, tpg);
	}
	if (!err && out)
		*out = tpg;
	return config_end_edit(txn, mark, err);
}

int config_delete_tpg(struct config_txn *txn, struct config_node *tpg)
{
	struct config_mark mark = config_mark(txn);
	int err = config_remove(txn, tpg);
	if (!err)
		config_say(txn, "Deleted TPGT %" PRIu32 ".", tpg->number);
	return config_end_edit(txn, mark, err);
}

int config_enable_tpg(struct config_txn *txn, struct config_node *tpg, bool enable)
{
	const char *state = enable ? "enabled" : "disabled";
	if (config_true(tpg, CONFIG_OBJECT, "enable") == enable) {
		config_say(txn, "The TPGT is already %s.", state);
		return 0;
	}
	int err = config_give_named(txn, tpg, CONFIG_OBJECT, "enable", enable ? "True" : "False");
	if (!err)
		config_say(txn, "The TPGT has been %s.", state);
	return err;
}

/* ---- portals ---- */

/* "192.0.2.1", "[2001:db8::1]": as it is named in the tree, whatever way it was written. */
static int normal_address(const char *text, char out[INET6_ADDRSTRLEN + 2])
{
	unsigned char bytes[16];
	char inner[INET6_ADDRSTRLEN];
	size_t len = strlen(text);
	if (inet_pton(AF_INET, text, bytes) == 1) {
		inet_ntop(AF_INET, bytes, out, INET6_ADDRSTRLEN);
		return 0;
	}
	bool brackets = len > 2 && text[0] == '[' && text[len - 1] == ']';
	if (brackets) {
		text++;
		len -= 2;
	}
	if (len >= sizeof(inner))
		return -EINVAL;
	memcpy(inner, text, len);
	inner[len] = 0;
	if (inet_pton(AF_INET6, inner, bytes) != 1)
		return -EINVAL;
	inet_ntop(AF_INET6, bytes, inner, sizeof(inner));
	snprintf(out, INET6_ADDRSTRLEN + 2, "[%s]", inner);
	return 0;
}

static int portal_name(struct config_txn *txn, const char *verb, const struct config_node *tpg,
		       const char *address, int64_t port, char *out, size_t size)
{
	char normal[INET6_ADDRSTRLEN + 2];
	if (normal_address(address, normal))
		return config_refuse(&txn->why, EINVAL,
				     "Could not %s portal %.80s:%" PRId64
				     " of %s: it is not the number of an address; write it as "
				     "192.0.2.1 or 2001:db8::1, or 0.0.0.0 for all",
				     verb, address, port, tpg->name);
	snprintf(out, size, "%s:%" PRId64, normal, port);
	return 0;
}

int config_add_portal(struct config_txn *txn, struct config_node *tpg, const char *address,
		      int64_t port, struct config_node **out)
{
	char name[INET6_ADDRSTRLEN + 16];
	int err = portal_name(txn, "create", tpg, address, port, name, sizeof(name));
	if (err)
		return err;
	list_for_each (it, &tpg->parent->children) {
		const struct config_node *other = list_entry(it, struct config_node, sibling);
		if (!config_child(config_part(other, CONFIG_PORTALS), name))
			continue;
		if (other == tpg)
			return config_refuse(&txn->why, EEXIST,
					     "This NetworkPortal already exists in configFS");
		return config_refuse(
			&txn->why, EEXIST,
			"Could not create portal %s of %s: %s of the same target listens "
			"there, and TPGs within a target cannot share ip:port; take "
			"another port",
			name, tpg->name, other->name);
	}
	struct config_node *node = config_node_new(config_part(tpg, CONFIG_PORTALS), CONFIG_PORTAL,
						   name, (uint32_t)port, NULL);
	err = config_do_create(txn, node);
	if (!err)
		*out = node;
	return err;
}

static int parse_port(struct config_txn *txn, const char *text, int64_t *out)
{
	*out = DEFAULT_PORT;
	if (text && config_parse_index(text, "", 1, 65535, out))
		return config_refuse(
			&txn->why, EINVAL,
			"Could not use \"%.40s\" as a portal's port: it is not a number "
			"from 1 to 65535, such as %d",
			text, DEFAULT_PORT);
	return 0;
}

int config_create_portal(struct config_txn *txn, struct config_node *tpg, const char *address,
			 const char *port, struct config_node **out)
{
	struct config_node *portal = NULL;
	int64_t number;
	const char *where = address && address[0] ? address : ANY_ADDRESS;
	int err = parse_port(txn, port, &number);
	if (!err)
		err = config_add_portal(txn, tpg, where, number, &portal);
	if (err)
		return err;
	if (number == DEFAULT_PORT)
		config_say(txn, "Using default IP port %d", DEFAULT_PORT);
	if (!strcmp(where, ANY_ADDRESS))
		config_say(txn, "Binding to INADDR_ANY (%s)", ANY_ADDRESS);
	config_say(txn, "Created network portal %s:%" PRId64 ".", where, number);
	if (out)
		*out = portal;
	return 0;
}

int config_delete_portal(struct config_txn *txn, struct config_node *tpg, const char *address,
			 const char *port)
{
	char name[INET6_ADDRSTRLEN + 16];
	int64_t number;
	int err = parse_port(txn, port, &number);
	address = address && address[0] ? address : ANY_ADDRESS;
	if (!err)
		err = portal_name(txn, "delete", tpg, address, number, name, sizeof(name));
	if (err)
		return err;
	struct config_node *portal = config_child(config_part(tpg, CONFIG_PORTALS), name);
	if (!portal)
		return config_refuse(
			&txn->why, ENOENT,
			"Could not delete portal %s of %s: there is no such portal; ls "
			"shows those that there are",
			name, tpg->name);
	err = config_remove(txn, portal);
	if (!err)
		config_say(txn, "Deleted network portal %s:%" PRId64, address, number);
	return err;
}

/* The kernel's target does likewise where it has no such transport: nothing, and it says so. */
int config_enable_transport(struct config_txn *txn, struct config_node *portal,
			    const char *transport, const char *enable)
{
	bool wanted;
	int err = config_parse_choice(txn, "boolean", enable, false, &wanted);
	if (!err)
		config_say(txn, "%s enable now: False", transport);
	if (!err && wanted)
		config_say(txn, "Warning: there is TCP and nothing else");
	return err;
}

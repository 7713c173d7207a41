/* SPDX-License-Identifier: BSD-2-Clause */
/* What discoveries bring, what they take away, and what they must not touch; ifaces and those bound to them. */
#include "records_rig.h"

#define LINKS "send_targets/127.0.0.1,3260/"
#define THIRD "iqn.2026-11.org.example:third"

static struct record *portal_at(struct rig *t, const char *address)
{
	struct record *r = record_new(RECORD_SENDTARGETS);
	assert_non_null(r);
	rig_put(t, r, "discovery.sendtargets.address", address);
	return r;
}

struct outcome {
	struct records_counts counts;
	struct rig_list seen;
};

static int discover_with(struct rig *t, struct records_discovery d, struct outcome *o)
{
	struct record *portal = d.portal ? NULL : portal_at(t, PORTAL);
	memset(o, 0, sizeof(*o));
	if (portal)
		d.portal = portal;
	if (!d.each) {
		d.each = rig_list_node;
		d.ctx = &o->seen;
	}
	int err = records_discovered(&t->db, &d, &o->counts, &t->why);
	if (err < 0)
		print_message("# %s\n", t->why.text);
	record_free(portal);
	return err;
}

static void discover(struct rig *t, const struct records_found *found, size_t count, unsigned ops,
		     struct outcome *o)
{
	struct records_discovery d = {.found = found, .count = count, .ops = ops};
	assert_int_equal(discover_with(t, d, o), 0);
}

static const struct records_found both[] = {{STORE, PORTAL, 3260, 1}, {OTHER, PORTAL, 3261, 2}};
static const struct records_found later[] = {{STORE, PORTAL, 3260, 1}, {THIRD, PORTAL, 3260, 1}};

static void what_is_found_becomes_nodes(void **state)
{
	struct rig *t = *state;
	struct rig_list l;
	struct outcome o;
	char path[1024], to[1024], want[1200];
	discover(t, both, 2, 0, &o);
	assert_int_equal(o.counts.added, 2);
	assert_string_equal(o.seen.text, STORE " 127.0.0.1:3260,1 default\n" OTHER
					       " 127.0.0.1:3261,2 default\n");
	assert_string_equal(rig_list(t, &l, NULL, "node.discovery_address"),
			    OTHER " 127.0.0.1:3261,2 default 127.0.0.1\n" STORE
				  " 127.0.0.1:3260,1 default 127.0.0.1\n");
	assert_true(there(t, LINKS "st_config"));
	rig_path(t, LINKS STORE ",127.0.0.1,3260,1,default", path);
	ssize_t n = readlink(path, to, sizeof(to) - 1);
	assert_true(n > 0);
	to[n] = 0;
	snprintf(want, sizeof(want), "%s/nodes/" STORE "/127.0.0.1,3260,1", t->dir);
	assert_string_equal(to, want);
}

static void what_was_edited_stays_when_it_is_found_again(void **state)
{
	struct rig *t = *state;
	struct rig_list l;
	struct outcome o;
	discover(t, both, 2, 0, &o);
	rig_change(t, STORE, "node.session.auth.password", "secretsecret12");
	rig_change(t, STORE, "node.startup", "automatic");
	discover(t, later, 2, 0, &o);
	assert_int_equal(o.counts.added, 1);
	assert_int_equal(o.counts.refreshed, 1);
	assert_int_equal(o.counts.deleted, 1);
	assert_string_equal(rig_list(t, &l, NULL, "node.startup"),
			    STORE " 127.0.0.1:3260,1 default automatic\n" THIRD
				  " 127.0.0.1:3260,1 default manual\n");
	assert_non_null(strstr(slurp(t, "nodes/" STORE "/127.0.0.1,3260,1/default"),
			       "node.session.auth.password = secretsecret12\n"));
	assert_false(there(t, LINKS OTHER ",127.0.0.1,3261,2,default"));
	assert_false(there(t, "nodes/" OTHER));
}

static void operations_do_what_they_are_called(void **state)
{
	struct rig *t = *state;
	struct rig_list l;
	struct outcome o;
	discover(t, both, 2, RECORDS_NONPERSISTENT, &o);
	assert_string_equal(o.seen.text, STORE " 127.0.0.1:3260,1 default\n" OTHER
					       " 127.0.0.1:3261,2 default\n");
	assert_false(there(t, "nodes"));
	assert_false(there(t, "send_targets"));
	discover(t, both, 2, RECORDS_NEW, &o);
	discover(t, later, 2, RECORDS_NEW, &o);
	assert_int_equal(o.counts.added, 1);
	assert_int_equal(o.counts.deleted + o.counts.refreshed, 0);
	discover(t, both, 1, RECORDS_DELETE, &o);
	assert_int_equal(o.counts.deleted, 2);
	assert_string_equal(rig_list(t, &l, NULL, NULL), STORE " 127.0.0.1:3260,1 default\n");
	discover(t, later, 2, RECORDS_REFRESH, &o);
	assert_int_equal(o.counts.added, 0);
	assert_int_equal(o.counts.refreshed, 1);
}

static void an_update_sets_what_the_configuration_sets(void **state)
{
	struct rig *t = *state;
	struct rig_list l;
	struct outcome o;
	struct record *conf = record_new(RECORD_NODE);
	struct records_discovery d = {.found = both, .count = 1, .defaults = conf};
	rig_put(t, conf, "node.session.queue_depth", "64");
	assert_int_equal(discover_with(t, d, &o), 0);
	assert_string_equal(rig_list(t, &l, NULL, "node.session.queue_depth"),
			    STORE " 127.0.0.1:3260,1 default 64\n");
	rig_change(t, STORE, "node.session.queue_depth", "7");
	rig_change(t, STORE, "node.startup", "automatic");
	assert_int_equal(discover_with(t, d, &o), 0);
	assert_string_equal(rig_list(t, &l, NULL, "node.session.queue_depth"),
			    STORE " 127.0.0.1:3260,1 default 7\n");
	d.ops = RECORDS_UPDATE;
	assert_int_equal(discover_with(t, d, &o), 0);
	assert_string_equal(rig_list(t, &l, NULL, "node.session.queue_depth"),
			    STORE " 127.0.0.1:3260,1 default 64\n");
	/* What it does not set stays. */
	assert_string_equal(rig_list(t, &l, NULL, "node.startup"),
			    STORE " 127.0.0.1:3260,1 default automatic\n");
	record_free(conf);
}

static void what_others_told_of_and_people_made_is_not_stale(void **state)
{
	struct rig *t = *state;
	struct rig_list l;
	struct outcome o;
	struct record *second = portal_at(t, "127.0.0.2");
	struct records_discovery d = {.portal = second, .found = both + 1, .count = 1};
	rig_add(t, THIRD, "3260", "1", "default");
	rig_add(t, STORE, "3260", "1", "default");
	assert_int_equal(discover_with(t, d, &o), 0);
	discover(t, both, 1, 0, &o);
	assert_int_equal(o.counts.deleted, 0);
	/* A node that was made is nobody's, even if it is found. */
	assert_string_equal(rig_list(t, &l, NULL, "node.discovery_type"),
			    OTHER " 127.0.0.1:3261,2 default send_targets\n" STORE
				  " 127.0.0.1:3260,1 default static\n" THIRD
				  " 127.0.0.1:3260,1 default static\n");
	record_free(second);
}

static bool keep_other(void *ctx, const struct record_key *key)
{
	return !strcmp(key->target, OTHER);
}

static void what_is_in_use_is_kept(void **state)
{
	struct rig *t = *state;
	struct rig_list l;
	struct outcome o;
	struct records_discovery d = {.found = later, .count = 1, .keep = keep_other};
	discover(t, both, 2, 0, &o);
	assert_int_equal(discover_with(t, d, &o), 0);
	assert_int_equal(o.counts.kept, 1);
	assert_non_null(strstr(rig_list(t, &l, NULL, NULL), OTHER));
}

/* CVE-2026-44943, CVE-2026-18724: names that are paths, lines, or too long. */
static void hostile_names_are_refused_and_nothing_is_deleted(void **state)
{
	struct rig *t = *state;
	struct rig_list l;
	struct outcome o;
	char long_name[300];
	memset(long_name, 'a', sizeof(long_name));
	memcpy(long_name, "iqn.2026-11.org.example:", 24);
	long_name[sizeof(long_name) - 1] = 0;
	const struct records_found hostile[] = {
		{"iqn.2026-11.org.example:../../../../etc/cron.d/x", PORTAL, 3260, 1},
		{"../../etc", PORTAL, 3260, 1},
		{"iqn.2026-11.org.example:a\nnode.startup = automatic", PORTAL, 3260, 1},
		{"iqn.2026-11.org.example:\x1b]0;x\x07", PORTAL, 3260, 1},
		{long_name, PORTAL, 3260, 1},
		{"", PORTAL, 3260, 1},
		{STORE, "../../../tmp/x", 3260, 1},
		{STORE, "127.0.0.1,3260,1/../..", 3260, 1},
		{STORE, "127.0.0.1\n", 3260, 1},
		{STORE, "", 3260, 1},
		{STORE, PORTAL, 0, 1},
		{STORE, PORTAL, 3260, 65536},
		{THIRD, PORTAL, 3260, 1},
	};
	discover(t, both, 2, 0, &o);
	discover(t, hostile, ARRAY_SIZE(hostile), 0, &o);
	assert_int_equal(o.counts.refused, 12);
	assert_int_equal(o.counts.added, 1);
	assert_int_equal(o.counts.deleted, 0);
	assert_string_equal(rig_list(t, &l, NULL, NULL), OTHER " 127.0.0.1:3261,2 default\n" STORE
							       " 127.0.0.1:3260,1 default\n" THIRD
							       " 127.0.0.1:3260,1 default\n");
	for (const char *p = t->said; *p; p++)
		assert_true(*p == '\n' || (*p >= ' ' && *p <= '~'));
	assert_non_null(
		strstr(t->said, "\\x0anode.startup = automatic\" at \"127.0.0.1\" is refused: a "));
	assert_int_equal(t->lines, 12);
}

static void an_empty_answer_deletes_nothing(void **state)
{
	struct rig *t = *state;
	struct rig_list l;
	struct outcome o;
	discover(t, both, 2, 0, &o);
	discover(t, NULL, 0, 0, &o);
	assert_int_equal(o.counts.deleted, 0);
	assert_non_null(strstr(rig_list(t, &l, NULL, NULL), OTHER));
}

static void a_damaged_node_does_not_break_a_discovery(void **state)
{
	struct rig *t = *state;
	struct rig_list l;
	struct outcome o;
	scribble(t, "nodes/" STORE "/127.0.0.1,3260,1/default",
		 "\x7f"
		 "ELF");
	scribble(t, "nodes/" THIRD "/127.0.0.1,3260,1/default", "rubbish\n");
	discover(t, both, 2, 0, &o);
	assert_int_equal(o.counts.added, 2);
	assert_string_equal(rig_list(t, &l, NULL, NULL), OTHER " 127.0.0.1:3261,2 default\n" STORE
							       " 127.0.0.1:3260,1 default\n");
}

static void each_iface_has_nodes_of_its_own(void **state)
{
	struct rig *t = *state;
	struct rig_list l;
	struct outcome o;
	const char *const ifaces[] = {"default", "ifx"};
	const struct record_change change = {"iface.initiatorname", "iqn.2026-11.org.example:ifx"};
	struct records_discovery d = {
		.found = both, .count = 1, .ifaces = ifaces, .iface_count = 2};
	assert_int_equal(records_discovered(&t->db, &d, &o.counts, &t->why), -ENOENT);
	FINE(t, records_iface_add(&t->db, "ifx", &t->why));
	FINE(t, records_iface_update(&t->db, "ifx", &change, 1, &t->why));
	assert_int_equal(discover_with(t, d, &o), 0);
	assert_string_equal(rig_list(t, &l, NULL, "iface.initiatorname"),
			    STORE " 127.0.0.1:3260,1 default \n" STORE
				  " 127.0.0.1:3260,1 ifx iqn.2026-11.org.example:ifx\n");
	/* Asked by one only, those of the other are not stale. */
	discover(t, both + 1, 1, 0, &o);
	assert_string_equal(rig_list(t, &l, NULL, NULL),
			    OTHER " 127.0.0.1:3261,2 default\n" STORE " 127.0.0.1:3260,1 ifx\n");
}

static void firmware_is_wanted_at_every_boot(void **state)
{
	struct rig *t = *state;
	struct rig_list l;
	struct records_counts counts;
	const struct records_discovery d = {.found = both, .count = 1};
	FINE(t, records_discovered(&t->db, &d, &counts, &t->why));
	assert_string_equal(rig_list(t, &l, NULL, "node.startup"),
			    STORE " 127.0.0.1:3260,1 default onboot\n");
	assert_true(there(t, "fw/" STORE ",127.0.0.1,3260,1,default"));
}

static void names_too_long_for_a_link_have_none_and_are_deleted_all_the_same(void **state)
{
	struct rig *t = *state;
	struct rig_list l;
	struct outcome o;
	char name[224];
	memset(name, 'a', sizeof(name));
	memcpy(name, "iqn.2026-11.org.example:", 24);
	name[223] = 0;
	const struct records_found far[] = {
		{name, "2001:db8:1111:2222:3333:4444:5555:6666", 3260, 1}};
	discover(t, far, 1, 0, &o);
	assert_int_equal(o.counts.added, 1);
	assert_non_null(strstr(rig_list(t, &l, NULL, NULL), ":6666:3260,1 default\n"));
	discover(t, both, 1, 0, &o);
	assert_int_equal(o.counts.deleted, 1);
}

/* ---- portals ---- */

static int list_portal(void *ctx, const struct record *portal)
{
	struct rig_list *l = ctx;
	size_t at = strlen(l->text);
	snprintf(l->text + at, sizeof(l->text) - at, "%s:%s\n",
		 record_get(portal, "discovery.sendtargets.address"),
		 record_get(portal, "discovery.sendtargets.port"));
	return 0;
}

static void portals_are_kept_and_go_with_what_they_told_of(void **state)
{
	struct rig *t = *state;
	struct rig_list l = {.key = NULL};
	struct outcome o;
	struct record *r;
	struct record *v6 = portal_at(t, "fe80::1%eth0");
	rig_add(t, THIRD, "3260", "1", "default");
	discover(t, both, 2, 0, &o);
	FINE(t, records_portal_write(&t->db, v6, &t->why));
	scribble(t, "send_targets/127.0.0.3,3260/st_config", "discovery.startup = soon\n");
	scribble(t, "send_targets/127.0.0.4,3260", "discovery.startup = automatic\n");
	assert_int_equal(records_portals(&t->db, RECORD_SENDTARGETS, list_portal, &l, &t->why), 3);
	assert_string_equal(l.text, "127.0.0.1:3260\n127.0.0.4:3260\nfe80::1%eth0:3260\n");
	assert_non_null(
		strstr(t->said, "send_targets/127.0.0.3,3260/st_config is damaged: line 1"));
	FINE(t, records_portal_read(&t->db, RECORD_SENDTARGETS, PORTAL, 3260, &r, &t->why));
	rig_put(t, r, "discovery.sendtargets.auth.username", "user");
	FINE(t, records_portal_write(&t->db, r, &t->why));
	record_free(r);
	assert_non_null(strstr(slurp(t, LINKS "st_config"), "auth.username = user\n"));
	FINE(t, records_portal_delete(&t->db, RECORD_SENDTARGETS, PORTAL, 3260, &t->why));
	assert_false(there(t, "send_targets/127.0.0.1,3260"));
	assert_string_equal(rig_list(t, &l, NULL, NULL), THIRD " 127.0.0.1:3260,1 default\n");
	assert_int_equal(records_portal_delete(&t->db, RECORD_SENDTARGETS, PORTAL, 3260, &t->why),
			 -ENOENT);
	FINE(t, records_portal_delete(&t->db, RECORD_SENDTARGETS, "127.0.0.4", 3260, &t->why));
	record_free(v6);
}

/* ---- ifaces ---- */

static int list_iface(void *ctx, const struct record *iface)
{
	struct rig_list *l = ctx;
	size_t at = strlen(l->text);
	snprintf(l->text + at, sizeof(l->text) - at, "%s %s\n",
		 record_get(iface, "iface.iscsi_ifacename"),
		 record_get(iface, "iface.transport_name"));
	return 0;
}

static void ifaces_are_made_changed_and_deleted_with_those_bound_to_them(void **state)
{
	struct rig *t = *state;
	struct rig_list l = {.key = NULL};
	const struct record_change change = {"iface.net_ifacename", "eth1"};
	assert_int_equal(records_ifaces(&t->db, list_iface, &l, &t->why), 2);
	assert_string_equal(l.text, "default tcp\niser iser\n");
	FINE(t, records_iface_add(&t->db, "ifx", &t->why));
	assert_int_equal(records_iface_add(&t->db, "ifx", &t->why), -EEXIST);
	assert_int_equal(records_iface_add(&t->db, "default", &t->why), -EPERM);
	assert_int_equal(records_iface_update(&t->db, "iser", &change, 1, &t->why), -EPERM);
	scribble(t, "ifaces/by-hand", "iface.transport_name = tcp\n");
	scribble(t, "ifaces/bad", "iface.mtu = much\n");
	l.text[0] = 0;
	assert_int_equal(records_ifaces(&t->db, list_iface, &l, &t->why), 4);
	assert_string_equal(l.text, "default tcp\niser iser\nby-hand tcp\nifx tcp\n");
	assert_non_null(strstr(t->said, "ifaces/bad is damaged: line 1: iface.mtu"));
	rig_add(t, STORE, "3260", "1", "ifx");
	rig_add(t, STORE, "3260", "1", "default");
	FINE(t, records_iface_update(&t->db, "ifx", &change, 1, &t->why));
	assert_string_equal(rig_list(t, &l, NULL, "iface.net_ifacename"), STORE
			    " 127.0.0.1:3260,1 default \n" STORE " 127.0.0.1:3260,1 ifx eth1\n");
	FINE(t, records_iface_delete(&t->db, "ifx", &t->why));
	assert_int_equal(records_iface_delete(&t->db, "ifx", &t->why), -ENOENT);
	assert_string_equal(rig_list(t, &l, NULL, NULL), STORE " 127.0.0.1:3260,1 default\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_is_found_becomes_nodes),
		CASE(what_was_edited_stays_when_it_is_found_again),
		CASE(operations_do_what_they_are_called),
		CASE(an_update_sets_what_the_configuration_sets),
		CASE(what_others_told_of_and_people_made_is_not_stale),
		CASE(what_is_in_use_is_kept),
		CASE(hostile_names_are_refused_and_nothing_is_deleted),
		CASE(an_empty_answer_deletes_nothing),
		CASE(a_damaged_node_does_not_break_a_discovery),
		CASE(each_iface_has_nodes_of_its_own),
		CASE(firmware_is_wanted_at_every_boot),
		CASE(names_too_long_for_a_link_have_none_and_are_deleted_all_the_same),
		CASE(portals_are_kept_and_go_with_what_they_told_of),
		CASE(ifaces_are_made_changed_and_deleted_with_those_bound_to_them),
	};
	return cmocka_run_group_tests_name("records_discovery", tests, NULL, NULL);
}

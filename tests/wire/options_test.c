/* SPDX-License-Identifier: BSD-2-Clause */
/* What can be set on portal groups and ACLs, as far as an initiator notices. */
#include "target/node.h"
#include "wire.h"

/* A third node, with one group, enabled, at the world's address, where the usual initiator has an ACL. */
struct third {
	struct target_group *group;
	struct target_acl *acl;
};

static struct third third(struct wire_world *world)
{
	struct target_node *node;
	struct third t;

	assert_int_equal(target_node_new(&node, world->target, WIRE_TARGET3, NULL), 0);
	assert_int_equal(target_group_new(&t.group, node, 1), 0);
	assert_int_equal(target_group_add_portal(t.group, &world->addr, NULL), 0);
	assert_int_equal(target_acl_new(&t.acl, t.group, WIRE_INITIATOR), 0);
	assert_int_equal(scsi_map_add(target_acl_map(t.acl), 0, world->lu[0], false), 0);
	target_group_enable(t.group);
	return t;
}

static const struct wire_login to_third = {.target = WIRE_TARGET3};

/* --- authentication of an ACL */

/* What an initiator without a secret meets, and what is said of it. */
static void expect(struct wire_world *world, unsigned status, bool chap, const char *why)
{
	struct target_verdict v;

	target_explain(world->target, WIRE_INITIATOR, WIRE_TARGET3, &world->addr, &world->addr, &v);
	if (v.chap != chap || !strstr(v.why, why))
		wire_fail(world, "%s: not %s", v.why, why);
	if (status)
		wire_expect_login_fails(wire_open(world), &to_third, status);
	else
		assert_int_equal(wire_try_login(wire_open(world), &to_third, NULL), 0);
}

static void as_its_acl_says(struct wire_world *world)
{
	struct third t = third(world);
	struct target_group_options group = {.authentication = true};
	struct target_acl_options acl = {.authentication = TARGET_AUTH_NONE};

	expect(world, 0, false, "it has an ACL there");
	target_group_set_options(t.group, &group);
	expect(world, ISCSI_LOGIN_AUTH_FAILED, true, "portal group 1 of " WIRE_TARGET3 " asks");
	target_acl_set_options(t.acl, &acl);
	expect(world, 0, false, "its ACL has authentication=0");
	/* The ways that are offered are the group's. */
	group.chap_only = true;
	target_group_set_options(t.group, &group);
	expect(world, ISCSI_LOGIN_AUTH_FAILED, true, "asks for CHAP");
	group = (struct target_group_options){.generate_node_acls = true};
	target_group_set_options(t.group, &group);
	expect(world, 0, false, "it has an ACL there");
	acl.authentication = TARGET_AUTH_CHAP;
	target_acl_set_options(t.acl, &acl);
	expect(world, ISCSI_LOGIN_AUTH_FAILED, true, "the ACL of " WIRE_INITIATOR " in portal");
	assert_int_equal(target_acl_set_auth(
				 t.acl, &(struct target_auth){.user = "alice", .secret = "secret"}),
			 0);
	expect(world, ISCSI_LOGIN_AUTH_FAILED, true, "it has an ACL there");
	/* Nobody else is meant. */
	assert_int_equal(wire_try_login(wire_open(world),
					&(struct wire_login){.initiator = WIRE_OTHER,
							     .target = WIRE_TARGET3},
					NULL),
			 0);
	acl.authentication = TARGET_AUTH_AS_GROUP;
	target_acl_set_options(t.acl, &acl);
	expect(world, 0, false, "it has an ACL there");
}

static const struct wire_case cases[] = {
	REAL(as_its_acl_says),
};

WIRE_THEME_DEFINE(options);

/* SPDX-License-Identifier: BSD-2-Clause */
/* Who may log in where: portal groups, portals, ACLs, networks, and what SendTargets says of them. */
#include <errno.h>
#include "target/node.h"
#include "wire.h"

static const struct wire_config two_luns = {.luns = 2, .calm = true};

/* A third node, with a group of this tag at the world's address; disabled. */
static struct target_group *third(struct wire_world *world, uint16_t tag)
{
	struct target_node *node = target_node_find(world->target, WIRE_TARGET3);
	struct target_group *group;

	if (!node)
		assert_int_equal(target_node_new(&node, world->target, WIRE_TARGET3, "the third"),
				 0);
	assert_int_equal(target_group_new(&group, node, tag), 0);
	assert_int_equal(target_group_add_portal(group, &world->addr, NULL), 0);
	return group;
}

static struct target_acl *let_in(struct target_group *group, const char *initiator)
{
	struct target_acl *acl;

	assert_int_equal(target_acl_new(&acl, group, initiator), 0);
	return acl;
}

static struct wire_login to_third(const char *initiator)
{
	return (struct wire_login){.initiator = initiator, .target = WIRE_TARGET3};
}

static struct wire *log_in(struct wire_world *world, const char *initiator)
{
	struct wire *w = wire_open(world);
	struct wire_login login = to_third(initiator);

	wire_login(w, &login);
	return w;
}

/* A login and the judgement that is asked for say the same. */
static void expect(struct wire_world *world, const char *initiator, unsigned status,
		   const char *why)
{
	struct target_verdict v;
	struct wire_login login = to_third(initiator);
	struct net_addr from = world->addr; /* the host of the tester, where it matters */

	target_explain(world->target, initiator, WIRE_TARGET3, &from, &world->addr, &v);
	if (v.status != status || v.allowed == (status != 0) || !strstr(v.why, why))
		wire_fail(world, "%04x, %s: not %04x, %s", v.status, v.why, status, why);
	if (status)
		wire_expect_login_fails(wire_open(world), &login, status);
	else
		wire_logout(log_in(world, initiator));
}

static void each_rule(struct wire_world *world)
{
	struct target_group_options options = {0};
	struct target_group *group, *same;
	struct target_acl *acl;
	struct target_verdict v;

	expect(world, WIRE_INITIATOR, ISCSI_LOGIN_NOT_FOUND, "there is no target");
	group = third(world, 7);
	assert_int_equal(target_group_new(&same, target_node_find(world->target, WIRE_TARGET3), 7),
			 -EEXIST);
	assert_int_equal(target_group_new(&same, target_node_find(world->target, WIRE_TARGET3), 0),
			 -EINVAL);
	expect(world, WIRE_INITIATOR, ISCSI_LOGIN_UNAVAILABLE, "portal group 7");
	target_group_enable(group);
	expect(world, WIRE_INITIATOR, ISCSI_LOGIN_FORBIDDEN, "generate_node_acls is off");
	acl = let_in(group, WIRE_INITIATOR);
	assert_int_equal(target_acl_new(&acl, group, WIRE_INITIATOR), -EEXIST);
	assert_int_equal(target_acl_new(&acl, group, "nobody"), -EINVAL);
	expect(world, WIRE_INITIATOR, 0, "it has an ACL");
	expect(world, WIRE_OTHER, ISCSI_LOGIN_FORBIDDEN, WIRE_OTHER " has no ACL");
	options.generate_node_acls = true;
	target_group_set_options(group, &options);
	expect(world, WIRE_OTHER, 0, "generate_node_acls is on");
	options.authentication = true;
	target_group_set_options(group, &options);
	expect(world, WIRE_OTHER, ISCSI_LOGIN_AUTH_FAILED, "it has no user and secret");
	expect(world, WIRE_INITIATOR, ISCSI_LOGIN_AUTH_FAILED, "the ACL of " WIRE_INITIATOR);
	assert_int_equal(target_group_set_auth(
				 group, &(struct target_auth){.user = "all", .secret = "secrets"}),
			 0);
	target_explain(world->target, WIRE_OTHER, WIRE_TARGET3, &world->addr, &world->addr, &v);
	assert_true(v.allowed && v.chap && !v.mutual && !v.has_acl && v.tag == 7);
	assert_string_equal(v.user, "all");
	assert_int_equal(v.depth, world->limits.max_commands);
	assert_ptr_equal(v.map, target_group_map(group));
	target_explain(world->target, WIRE_OTHER, WIRE_TARGET3, &world->addr,
		       &(struct net_addr){.in4 = {.sin_family = AF_INET, .sin_port = 9}}, &v);
	assert_int_equal(v.status, ISCSI_LOGIN_NOT_FOUND);
	assert_non_null(strstr(v.why, "has no portal at 0.0.0.0:2304"));
}

static void luns_of_its_own(struct wire_world *world)
{
	struct target_group *group = third(world, 1);
	struct target_acl *acl = let_in(group, WIRE_INITIATOR);
	struct target_group_options demo = {.generate_node_acls = true,
					    .demo_mode_write_protect = true};
	const uint8_t *data = wire_pattern(world, 512, 1);
	struct wire_result r;
	struct wire *w, *other;

	target_group_set_options(group, &demo);
	target_group_enable(group);
	assert_int_equal(scsi_map_add(target_acl_map(acl), 5, world->lu[0], false), 0);
	assert_int_equal(scsi_map_add(target_acl_map(acl), 6, world->lu[1], true), 0);
	assert_int_equal(scsi_map_add(target_group_map(group), 0, world->lu[0], false), 0);
	w = log_in(world, WIRE_INITIATOR);
	other = log_in(world, WIRE_OTHER);
	wire_good(w, &(struct wire_cmd){.cdb = REPORT_LUNS(256), .read = 256}, &r);
	assert_int_equal(r.data_len, 24);
	assert_int_equal(r.data[9], 5);
	assert_int_equal(r.data[17], 6);
	wire_clear_attention(w, 5);
	wire_clear_attention(w, 6);
	wire_clear_attention(other, 0);
	wire_good(w, &(struct wire_cmd){.lun = 5, .cdb = WRITE10(0, 1), .write = 512, .data = data},
		  NULL);
	wire_check(w,
		   &(struct wire_cmd){.lun = 6, .cdb = WRITE10(0, 1), .write = 512, .data = data},
		   0x07, 0x2700);
	wire_check(w, &(struct wire_cmd){.lun = 0, .cdb = TEST_UNIT_READY}, 0x05, 0x2500);
	wire_good(other, &(struct wire_cmd){.cdb = READ10(0, 1), .read = 512}, &r);
	assert_memory_equal(r.data, data, 512);
	wire_check(other, &(struct wire_cmd){.cdb = WRITE10(0, 1), .write = 512, .data = data},
		   0x07, 0x2700);
}

static void a_window_of_its_own(struct wire_world *world)
{
	struct target_group *group = third(world, 1);
	struct target_acl *acl = let_in(group, WIRE_INITIATOR);
	struct wire_pdu pong;
	struct wire *w;

	target_group_enable(group);
	target_group_set_options(group, &(struct target_group_options){.depth = 5});
	w = log_in(world, WIRE_INITIATOR);
	wire_ping(w);
	assert_int_equal(w->maxcmdsn - w->expcmdsn + 1, 5);
	target_acl_set_depth(acl, 3);
	w = log_in(world, WIRE_INITIATOR);
	wire_ping(w);
	assert_int_equal(w->maxcmdsn - w->expcmdsn + 1, 3);
	target_acl_set_depth(acl, 1000000);
	w = log_in(world, WIRE_INITIATOR);
	struct wire_pdu ping = wire_make(w, ISCSI_NOP_OUT);
	wire_send(w, &ping);
	wire_expect(w, ISCSI_NOP_IN, &pong);
	assert_int_equal(w->maxcmdsn - w->expcmdsn + 1, world->limits.max_commands);
}

static void parameters_of_its_own(struct wire_world *world)
{
	struct target_group *group = third(world, 1);
	struct target_params params;
	struct wire_login login = to_third(WIRE_INITIATOR);
	struct wire *w = wire_open(world);

	let_in(group, WIRE_INITIATOR);
	target_group_enable(group);
	target_params_from(&params, &world->limits);
	params.max_recv_data_segment_length = 12288;
	params.max_burst_length = 4096;
	assert_int_equal(target_group_set_params(group, &params), -EINVAL);
	params.first_burst_length = 2048;
	params.initial_r2t = true;
	strcpy(params.header_digest, "CRC32C");
	assert_int_equal(target_group_set_params(group, &params), 0);
	login.keys = "MaxBurstLength=262144\nFirstBurstLength=65536\nInitialR2T=No\n"
		     "HeaderDigest=None,CRC32C";
	wire_login(w, &login);
	assert_int_equal(w->max_send, 12288);
	assert_int_equal(w->max_burst, 4096);
	assert_true(w->initial_r2t && w->header_digest && !w->data_digest);
	wire_ping(w);
	/* Of the others nothing has changed. */
	w = wire_open_session(world);
	assert_int_not_equal(w->max_send, 12288);
}

static void from_these_networks(struct wire_world *world)
{
	struct target_group *group = third(world, 1);
	struct target_acl *acl = let_in(group, WIRE_INITIATOR);
	struct target_group_options open = {.generate_node_acls = true};
	struct target_network all = {.addr = world->addr, .bits = 0}, far = {.addr = world->addr},
			      many[TARGET_NETWORKS_MAX + 1] = {0};

	target_group_set_options(group, &open);
	target_group_enable(group);
	if (far.addr.sa.sa_family == AF_INET)
		far.addr.in4.sin_addr.s_addr ^= 0x80;
	else
		far.addr.in6.sin6_addr.s6_addr[0] ^= 0x80;
	far.bits = 1;
	assert_int_equal(target_acl_set_networks(acl, &far, 1), 0);
	expect(world, WIRE_INITIATOR, ISCSI_LOGIN_FORBIDDEN, "networks that the ACL");
	expect(world, WIRE_OTHER, 0, "");
	assert_int_equal(target_acl_set_networks(acl, &all, 1), 0);
	assert_int_equal(target_group_set_networks(group, &far, 1), 0);
	expect(world, WIRE_INITIATOR, ISCSI_LOGIN_FORBIDDEN, "every ACL");
	expect(world, WIRE_OTHER, ISCSI_LOGIN_FORBIDDEN, "every ACL");
	assert_int_equal(target_group_set_networks(group, (struct target_network[]){far, all}, 2),
			 0);
	expect(world, WIRE_INITIATOR, 0, "");
	assert_int_equal(target_group_set_networks(group, NULL, 0), 0);
	expect(world, WIRE_OTHER, 0, "");
	assert_int_equal(target_group_set_networks(group, many, ARRAY_SIZE(many)), -E2BIG);
}

/* --- portals */

static struct net_addr at_port(const struct wire_world *world, uint16_t port)
{
	struct net_addr addr = world->addr;

	net_addr_set_port(&addr, port);
	return addr;
}

static bool listens(struct wire_world *world, const struct net_addr *addr)
{
	struct net_addr was = world->addr;
	struct wire *w;
	bool yes;

	world->addr = *addr;
	w = wire_open_async(world);
	world->addr = was;
	wire_run(world, 0.5);
	yes = w->connected && !w->ended;
	wire_close(w);
	return yes;
}

static void set(void *ctx)
{
	*(bool *)ctx = true;
}

/* One address for groups of two nodes; an address for one of two groups; and which it is follows from it. */
static void portals_are_shared(struct wire_world *world)
{
	struct target_group *one = third(world, 1), *two, *elsewhere;
	struct net_addr second = at_port(world, 3261), home = world->addr;
	struct wire_login login = to_third(WIRE_INITIATOR);
	struct target_node *fourth;
	struct wire_pdu response;
	struct wire *w;

	assert_int_equal(target_group_new(&two, target_node_find(world->target, WIRE_TARGET3), 2),
			 0);
	assert_int_equal(target_group_add_portal(two, &world->addr, NULL), -EEXIST);
	assert_int_equal(target_group_add_portal(one, &world->addr, NULL), -EEXIST);
	assert_int_equal(target_group_add_portal(two, &(struct net_addr){0}, NULL), -EINVAL);
	assert_int_equal(target_group_add_portal(two, &second, "a b"), -EINVAL);
	assert_false(listens(world, &second));
	assert_int_equal(target_group_add_portal(two, &second, NULL), 0);
	assert_int_equal(target_node_new(&fourth, world->target, "iqn.2026-01.test.lunar:4", NULL),
			 0);
	assert_int_equal(target_group_new(&elsewhere, fourth, 9), 0);
	assert_int_equal(target_group_add_portal(elsewhere, &second, NULL), 0);
	let_in(one, WIRE_INITIATOR);
	let_in(two, WIRE_INITIATOR);
	let_in(elsewhere, WIRE_INITIATOR);
	target_group_enable(one);
	target_group_enable(two);
	target_group_enable(elsewhere);
	assert_int_equal(wire_try_login(wire_open(world), &login, &response), 0);
	assert_string_equal(wire_key(&response, "TargetPortalGroupTag"), "1");
	world->addr = second;
	w = wire_open(world);
	assert_int_equal(wire_try_login(w, &login, &response), 0);
	assert_string_equal(wire_key(&response, "TargetPortalGroupTag"), "2");
	login.target = "iqn.2026-01.test.lunar:4";
	assert_int_equal(wire_try_login(wire_open(world), &login, &response), 0);
	assert_string_equal(wire_key(&response, "TargetPortalGroupTag"), "9");
	world->addr = home;
	wire_expect_login_fails(wire_open(world), &login, ISCSI_LOGIN_NOT_FOUND);
	/* It is listened at as long as somebody needs it, and sessions stay. */
	assert_int_equal(target_group_remove_portal(two, &second), 0);
	assert_int_equal(target_group_remove_portal(two, &second), -ENOENT);
	assert_true(listens(world, &second));
	assert_int_equal(target_group_remove_portal(elsewhere, &second), 0);
	wire_run(world, 0.5);
	assert_false(listens(world, &second));
	wire_ping(w);
	assert_int_equal(target_unlisten(world->target, &second, NULL, NULL), -ENOENT);
	assert_int_equal(target_group_add_portal(two, &second, NULL), 0);
	assert_true(listens(world, &second));
	/* The first one is the world's own. */
	assert_int_equal(target_group_remove_portal(one, &world->addr), 0);
	assert_true(listens(world, &world->addr));
	bool closed = false;
	assert_int_equal(target_unlisten(world->target, &world->addr, set, &closed), 0);
	wire_run(world, 0.5);
	assert_true(closed);
	assert_false(listens(world, &world->addr));
}

/* --- SendTargets */

/* All records, as "name=a address=b...". */
static const char *discover(struct wire_world *world, const char *initiator)
{
	struct wire *w = wire_open(world);
	struct wire_pdu response;
	char *all;

	wire_login(w, &(struct wire_login){.initiator = initiator, .discovery = true});
	wire_text(w, "SendTargets=All", &response);
	all = wire_alloc(world, response.data_len + 1);
	memcpy(all, response.data, response.data_len);
	for (uint32_t i = 0; i < response.data_len; i++)
		if (!all[i])
			all[i] = ' ';
	wire_logout(w);
	return all;
}

static void shown_to_whom_it_is_for(struct wire_world *world)
{
	struct target_group_options options = {0};
	struct target_group *one = third(world, 1), *two;
	struct net_addr second = at_port(world, 3261);
	struct target_acl *acl;

	assert_int_equal(target_group_new(&two, target_node_find(world->target, WIRE_TARGET3), 2),
			 0);
	assert_int_equal(target_group_add_portal(two, &second, "disks.example:13260"), 0);
	acl = let_in(one, WIRE_INITIATOR);
	let_in(two, WIRE_INITIATOR);
	assert_null(strstr(discover(world, WIRE_INITIATOR), WIRE_TARGET3));
	/* tpg_enabled_sendtargets=0: disabled, too; but to nobody else. */
	options.discovery_disabled = true;
	target_group_set_options(two, &options);
	assert_non_null(strstr(discover(world, WIRE_INITIATOR),
			       "TargetName=" WIRE_TARGET3 " TargetAddress=disks.example:13260,2 "));
	assert_null(strstr(discover(world, WIRE_OTHER), WIRE_TARGET3));
	options.discovery_disabled = false;
	target_group_set_options(two, &options);
	assert_null(strstr(discover(world, WIRE_INITIATOR), WIRE_TARGET3));
	target_group_enable(two);
	assert_non_null(strstr(discover(world, WIRE_INITIATOR),
			       "TargetName=" WIRE_TARGET3 " TargetAddress=disks.example:13260,2 "));
	target_group_enable(one);
	assert_non_null(
		strstr(discover(world, WIRE_INITIATOR), ",1 TargetAddress=disks.example:13260,2"));
	assert_null(strstr(discover(world, WIRE_OTHER), WIRE_TARGET3));
	assert_non_null(strstr(discover(world, WIRE_OTHER), WIRE_TARGET));
	options = (struct target_group_options){.generate_node_acls = true};
	target_group_set_options(one, &options);
	assert_non_null(strstr(discover(world, WIRE_OTHER), WIRE_TARGET3));
	assert_null(strstr(discover(world, WIRE_OTHER), "disks.example"));
	/* demo_mode_discovery=0: to those with an ACL only. */
	options.demo_mode_hidden = true;
	target_group_set_options(one, &options);
	assert_null(strstr(discover(world, WIRE_OTHER), WIRE_TARGET3));
	assert_non_null(strstr(discover(world, WIRE_INITIATOR), WIRE_TARGET3));
	struct target_network far = {.addr = world->addr, .bits = 32};
	far.addr.in4.sin_addr.s_addr ^= 0x01000000;
	assert_int_equal(target_acl_set_networks(acl, &far, 1), 0);
	assert_null(strstr(discover(world, WIRE_INITIATOR), ",1 TargetAddress=disks.example"));
}

/* --- who guesses */

/* How long a login takes that fails. */
static double refusal(struct wire_world *world)
{
	struct wire_login login = to_third("iqn.2026-01.test.lunar:guess");
	uint64_t began = wire_now(world);

	assert_int_equal(wire_try_login(wire_open(world), &login, NULL), ISCSI_LOGIN_NOT_FOUND);
	return (double)(wire_now(world) - began) / 1e9;
}

static void guessing_takes_longer(struct wire_world *world)
{
	double last = 0.05, took = 0;
	struct wire *w;

	for (int i = 0; i < 5; i++)
		assert_true(refusal(world) < 0.05);
	for (int i = 0; i < 5; i++, last = took) {
		took = refusal(world);
		assert_true(took > last && took < 2.1);
	}
	for (int i = 0; i < 40; i++) {
		took = refusal(world);
		assert_true(took > 1.9 && took < 2.1);
	}
	/* Who knows does not wait, and then the others need not either. */
	took = (double)wire_now(world);
	w = wire_open_session(world);
	assert_true((double)wire_now(world) - took < 5e7);
	assert_true(refusal(world) < 0.05);
	wire_ping(w);
	/* It is forgotten. */
	for (int i = 0; i < 8; i++)
		refusal(world);
	wire_run(world, 61);
	assert_true(refusal(world) < 0.05);
}

/* Whoever else is there decides which reactor a guess comes to. */
static void guessing_on_all_reactors(struct wire_world *world)
{
	for (int i = 0; i < 5; i++) {
		assert_true(refusal(world) < 0.05);
		wire_open(world);
	}
	assert_true(refusal(world) > 0.05);
}

/* Whoever waits for his refusal keeps nobody out. */
static void many_guess_at_once(struct wire_world *world)
{
	struct wire *w[8];

	for (int i = 0; i < 12; i++)
		refusal(world);
	for (size_t i = 0; i < ARRAY_SIZE(w); i++) {
		struct wire_pdu pdu;

		w[i] = wire_open(world);
		pdu = wire_login_pdu(
			w[i], WIRE_OPERATIONAL_TO_FULL,
			"InitiatorName=iqn.2026-01.test.lunar:guess\nTargetName=" WIRE_TARGET3);
		wire_send(w[i], &pdu);
	}
	wire_run(world, 0.1);
	wire_ping(wire_open_session(world));
	wire_close(w[0]);
	for (size_t i = 1; i < ARRAY_SIZE(w); i++)
		wire_expect_end(w[i], 3);
}

static void four_logins(struct config_limits *limits)
{
	limits->max_login_connections = 4;
}

static void no_backoff(struct config_limits *limits)
{
	limits->login_backoff = 0;
}

static void not_if_it_is_off(struct wire_world *world)
{
	for (int i = 0; i < 30; i++)
		assert_true(refusal(world) < 0.05);
}

static const struct wire_config crowded = {.calm = true, .tune = four_logins};
static const struct wire_config off = {.calm = true, .tune = no_backoff};
static const struct wire_config calm = {.calm = true};

static const struct wire_case cases[] = {
	CASE(each_rule),
	REAL_WITH(luns_of_its_own, &two_luns),
	CASE(a_window_of_its_own),
	REAL(parameters_of_its_own),
	CASE(from_these_networks),
	CASE(portals_are_shared),
	CASE(shown_to_whom_it_is_for),
	CASE_WITH(guessing_takes_longer, &calm),
	CASE_WITH(guessing_on_all_reactors, &calm),
	CASE_WITH(many_guess_at_once, &crowded),
	CASE_WITH(not_if_it_is_off, &off),
};

WIRE_THEME_DEFINE(access);

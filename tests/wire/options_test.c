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
	/* Where authentication is set AuthMethod is as well. */
	group.chap_only = true;
	target_group_set_options(t.group, &group);
	expect(world, 0, false, "though the group asks for it");
	acl.authentication = TARGET_AUTH_AS_GROUP;
	target_acl_set_options(t.acl, &acl);
	expect(world, ISCSI_LOGIN_AUTH_FAILED, true, "portal group 1 of " WIRE_TARGET3 " asks");
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

/* --- times of an ACL */

static struct wire *log_in(struct wire_world *world)
{
	struct wire *w = wire_open(world);

	wire_login(w, &to_third);
	w->show_nops = true;
	return w;
}

static struct target_acl_options times(uint32_t data_out, uint32_t interval, uint32_t answer)
{
	return (struct target_acl_options){.authentication = TARGET_AUTH_AS_GROUP,
					   .data_out_timeout = data_out,
					   .nopin_interval = interval,
					   .nopin_timeout = answer};
}

/* Nothing comes for so long, then a ping. */
static struct wire_pdu expect_ping(struct wire *w, double seconds)
{
	uint64_t start = wire_now(w->world);
	struct wire_pdu ping;
	double quiet;

	wire_expect(w, ISCSI_NOP_IN, &ping);
	quiet = (double)(wire_now(w->world) - start) / (double)NSEC_PER_SEC;
	if (quiet < seconds - 0.2 || quiet > seconds + 0.2)
		wire_fail(w->world, "a ping after %.1f s, not after %.1f", quiet, seconds);
	return ping;
}

static void pinged_as_its_acl_says(struct wire_world *world)
{
	struct third t = third(world);
	struct target_acl_options acl = times(30, 4, 3);
	struct wire *mine, *other = wire_open_session(world);

	target_acl_set_options(t.acl, &acl);
	mine = log_in(world);
	other->show_nops = true;
	expect_ping(mine, 4);
	wire_expect_closed_between(mine, 2.9, 3.2);
	expect_ping(other, 8);
}

/* Whoever is there is met by the new times, if it has to wait for nothing as yet, too. */
static void times_change_under_a_session(struct wire_world *world)
{
	struct third t = third(world);
	struct target_acl_options never = times(30, 0, 3), soon = times(30, 5, 8),
				  late = times(30, 50, 4);
	struct wire_pdu ping, pong;
	struct wire *w;

	target_acl_set_options(t.acl, &never);
	w = log_in(world);
	wire_expect_silence(w, 100);
	target_acl_set_options(t.acl, &soon);
	ping = expect_ping(w, 0);
	pong = wire_make(w, ISCSI_NOP_OUT | ISCSI_IMMEDIATE);
	put_be32(pong.nop_out.itt, ISCSI_RESERVED_TAG);
	memcpy(pong.nop_out.ttt, ping.nop_in.ttt, 4);
	memcpy(pong.nop_out.lun, ping.nop_in.lun, 8);
	wire_send(w, &pong);
	wire_run(world, 1);
	target_acl_set_options(t.acl, &late);
	wire_expect_silence(w, 25);
	expect_ping(w, 24);
	target_acl_set_options(t.acl, &soon);
	wire_expect_closed_between(w, 7.9, 8.2);
}

static void data_out_in_time(struct wire_world *world)
{
	struct third t = third(world);
	struct target_acl_options acl = times(6, 0, 3);
	const uint8_t *data = wire_pattern(world, 8192, 1);
	struct wire_cmd write = {.cdb = WRITE10(0, 16), .write = 8192, .data = data};
	struct wire_pdu r2t;
	struct wire *w;
	uint32_t itt;

	target_acl_set_options(t.acl, &acl);
	w = log_in(world);
	wire_clear_attention(w, 0);
	itt = wire_command(w, &write);
	wire_expect_r2t(w, itt, 0, 8192, &r2t);
	/* Half of it is a sign of life. */
	wire_run(world, 5);
	wire_data_out(w, &(struct wire_out){.itt = itt,
					    .ttt = get_be32(r2t.r2t.ttt),
					    .len = 4096,
					    .data = data,
					    .more = true});
	wire_run(world, 5);
	wire_data_out(w, &(struct wire_out){.itt = itt,
					    .ttt = get_be32(r2t.r2t.ttt),
					    .datasn = 1,
					    .offset = 4096,
					    .len = 4096,
					    .data = data + 4096});
	wire_expect_status(w, itt, 0);
	itt = wire_command(w, &write);
	wire_expect_r2t(w, itt, 0, 8192, &r2t);
	wire_expect_closed_between(w, 5.9, 6.2);
}

/* --- parameters */

static void read_in_pdus_of(struct wire_world *world, const char *theirs, unsigned count)
{
	struct wire_cmd read = {.cdb = READ10(0, 64), .read = 32768};
	struct wire *w = wire_open(world);
	struct wire_result r;

	wire_login(w, &(struct wire_login){.target = WIRE_TARGET3, .keys = theirs});
	wire_clear_attention(w, 0);
	wire_good(w, &read, &r);
	assert_int_equal(r.data_len, 32768);
	assert_int_equal(r.data_ins, count);
}

/* MaxXmitDataSegmentLength, and what the initiator takes: the smaller one. */
static void no_longer_data_in(struct wire_world *world)
{
	struct third t = third(world);
	struct target_params params;

	read_in_pdus_of(world, "MaxRecvDataSegmentLength=65536", 1);
	target_params_from(&params, &world->limits);
	params.max_xmit_data_segment_length = 4096;
	assert_int_equal(target_group_set_params(t.group, &params), 0);
	read_in_pdus_of(world, "MaxRecvDataSegmentLength=65536", 8);
	read_in_pdus_of(world, "MaxRecvDataSegmentLength=2048", 16);
	params.max_xmit_data_segment_length = 262144;
	assert_int_equal(target_group_set_params(t.group, &params), 0);
	read_in_pdus_of(world, "MaxRecvDataSegmentLength=65536", 1);
}

static void expect_alias(struct wire_world *world, const char *alias)
{
	struct wire_pdu response;

	assert_int_equal(wire_try_login(wire_open(world), &to_third, &response), 0);
	if (alias)
		assert_string_equal(wire_key(&response, "TargetAlias"), alias);
	else
		assert_null(wire_key(&response, "TargetAlias"));
}

/* RFC 7143 13.6 */
static void called_as_its_group_says(struct wire_world *world)
{
	struct third t = third(world);
	struct target_params params;

	expect_alias(world, NULL);
	target_params_from(&params, &world->limits);
	strcpy(params.alias, "the office\303\244");
	assert_int_equal(target_group_set_params(t.group, &params), 0);
	expect_alias(world, "the office\303\244");
	params.alias[0] = 0;
	assert_int_equal(target_group_set_params(t.group, &params), 0);
	expect_alias(world, NULL);
}

/* --- how long a login may take */

/* A login that never ends, though something comes of it every second; `target` NULL: it names none. */
static void expect_given_up(struct wire_world *world, const char *target, double seconds)
{
	struct wire *w = wire_open(world);
	uint64_t start = wire_now(world);
	struct wire_pdu response;
	double took;

	if (target)
		assert_int_equal(wire_login_step(w, WIRE_OPERATIONAL, target, &response), 0);
	while (!w->ended && wire_now(world) - start < 100 * NSEC_PER_SEC) {
		if (target)
			wire_login_step(w, WIRE_OPERATIONAL, NULL, &response);
		wire_run(world, 1);
	}
	took = (double)(wire_now(world) - start) / (double)NSEC_PER_SEC;
	if (took < seconds - 1.1 || took > seconds + 1.1)
		wire_fail(world, "given up after %.1f s, not after %.1f", took, seconds);
}

static void a_login_takes_so_long(struct wire_world *world)
{
	static const char names[] =
		"InitiatorName=" WIRE_INITIATOR "\nSessionType=Normal\nTargetName=" WIRE_TARGET3;
	struct third t = third(world);
	struct target_group_options group = {.login_timeout = 40};

	expect_given_up(world, names, world->limits.login_timeout);
	target_group_set_options(t.group, &group);
	expect_given_up(world, names, 40);
	expect_given_up(world, NULL, world->limits.silent_timeout);
	group.login_timeout = 4;
	target_group_set_options(t.group, &group);
	expect_given_up(world, names, 4);
	expect_given_up(world,
			"InitiatorName=" WIRE_INITIATOR
			"\nSessionType=Normal\nTargetName=" WIRE_TARGET,
			world->limits.login_timeout);
}

/* clang-format off */
static const struct wire_case cases[] = {
	REAL(as_its_acl_says),
	CASE(pinged_as_its_acl_says),
	CASE(times_change_under_a_session),
	CASE(data_out_in_time),
	REAL(no_longer_data_in),
	REAL(called_as_its_group_says),
	CASE(a_login_takes_so_long),
};
/* clang-format on */

WIRE_THEME_DEFINE(options);

/* SPDX-License-Identifier: BSD-2-Clause */
/* The configuration changes while sessions are there, on whatever reactor. */
#include <errno.h>
#include "target/node.h"
#include "target/watch.h"
#include "wire.h"

static const struct wire_config two_luns = {.luns = 2, .other_node = true};

static void set(void *ctx)
{
	*(bool *)ctx = true;
}

/* Sessions of one node on all reactors, and one of another node. */
struct crowd {
	struct wire *of[6], *bystander;
};

static struct wire *session(struct wire_world *world, const char *initiator, const char *target)
{
	struct wire *w = wire_open(world);

	wire_login(w, &(struct wire_login){.initiator = initiator, .target = target});
	wire_clear_attention(w, 0);
	return w;
}

static struct crowd gather(struct wire_world *world)
{
	struct crowd c;

	for (size_t i = 0; i < ARRAY_SIZE(c.of); i++)
		c.of[i] = session(world, NULL, NULL);
	c.bystander = session(world, NULL, WIRE_TARGET2);
	return c;
}

#define TUR(n)   (&(struct wire_cmd){.lun = (n), .cdb = TEST_UNIT_READY})
#define READ1(n) (&(struct wire_cmd){.lun = (n), .cdb = READ10(0, 1), .read = 512})

static void luns_come_and_go(struct wire_world *world)
{
	struct crowd c = gather(world);
	struct scsi_map *map = scsi_device_map_of(target_node_device(world->node));

	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < ARRAY_SIZE(c.of); i++)
			wire_good(c.of[i], READ1(0), NULL);
		assert_int_equal(scsi_map_add(map, 9, world->lu[1], round == 2), 0);
		for (size_t i = 0; i < ARRAY_SIZE(c.of); i++) {
			wire_check(c.of[i], TUR(0), 0x06, 0x3f0e);
			wire_check(c.of[i], TUR(9), 0x06, 0x2900);
			wire_good(c.of[i], READ1(9), NULL);
			wire_good(c.of[i], READ1(9), NULL);
		}
		assert_int_equal(scsi_map_remove(map, 9), 0);
		for (size_t i = 0; i < ARRAY_SIZE(c.of); i++) {
			wire_check(c.of[i], READ1(9), 0x05, 0x2500);
			wire_check(c.of[i], TUR(0), 0x06, 0x3f0e);
			wire_good(c.of[i], READ1(0), NULL);
		}
		wire_good(c.bystander, TUR(0), NULL);
	}
}

/* What is under way on a LUN that goes: data that are asked for, data at the store. */
static void commands_on_a_lun_that_goes(struct wire_world *world)
{
	struct crowd c = gather(world);
	struct scsi_map *map = scsi_device_map_of(target_node_device(world->node));
	const uint8_t *data = wire_pattern(world, 4096, 1);
	uint32_t asked[ARRAY_SIZE(c.of)], stored[ARRAY_SIZE(c.of)];
	struct wire_result r;

	for (size_t i = 0; i < ARRAY_SIZE(c.of); i++) {
		wire_clear_attention(c.of[i], 1);
		wire_good(c.of[i], READ1(1), NULL);
	}
	if (world->sim)
		sim_disk_state(world->sim, wire_disk(1), SIM_DISK_HANGS);
	for (size_t i = 0; i < ARRAY_SIZE(c.of); i++) {
		struct wire_cmd write = {.lun = 1,
					 .cdb = WRITE10(8 * i, 8),
					 .write = 4096,
					 .data = data,
					 .immediate = 4096};
		struct wire_pdu r2t;

		stored[i] = wire_command(c.of[i], &write);
		write.immediate = 0;
		asked[i] = wire_command(c.of[i], &write);
		if (world->sim)
			wire_expect_r2t(c.of[i], asked[i], 0, 4096, &r2t);
	}
	wire_run(world, 0.1);
	assert_int_equal(scsi_map_remove(map, 1), 0);
	for (size_t i = 0; world->sim && i < ARRAY_SIZE(c.of); i++) {
		wire_expect_sense(c.of[i], asked[i], 0x05, 0x2500);
		wire_check(c.of[i], TUR(1), 0x05, 0x2500);
		wire_check(c.of[i], TUR(0), 0x06, 0x3f0e);
		wire_good(c.of[i], TUR(0), NULL);
	}
	if (!world->sim)
		return;
	/* By another way to the LU: what may still land is fenced. */
	assert_int_equal(scsi_map_add(map, 3, world->lu[1], false), 0);
	sim_disk_state(world->sim, wire_disk(1), SIM_DISK_OK);
	for (size_t i = 0; i < ARRAY_SIZE(c.of); i++) {
		struct wire_cmd cmd = {.lun = 1};

		wire_finish(c.of[i], &cmd, stored[i], &r);
		assert_int_equal(r.status, 0x02);
		assert_int_equal(r.asc, 0x2500);
	}
	wire_run(world, 1);
	wire_clear_attention(c.of[0], 3);
	wire_good(c.of[0], &(struct wire_cmd){.lun = 3, .cdb = READ10(0, 8), .read = 4096}, &r);
	assert_memory_equal(r.data, data, 4096);
}

static struct scsi_lu *another_lu(struct wire_world *world, unsigned number)
{
	struct scsi_lu_config config = {.block_size = 512, .fence_hold = NSEC_PER_SEC};
	struct backstore *bs;
	struct scsi_lu *lu;
	char why[128];

	assert_int_equal(bs_open_memory(&bs, world->reactor, 1 << 20, why, sizeof(why)), 0);
	memset(config.id, 0x70 + (int)number, sizeof(config.id));
	assert_int_equal(scsi_lu_new(&lu, bs, &config, &world->log, why, sizeof(why)), 0);
	return lu;
}

/* A LU goes for good, with its sessions in the middle of it, and another one comes in its place. */
static void a_lu_is_replaced(struct wire_world *world)
{
	struct crowd c = gather(world);
	struct scsi_map *map = scsi_device_map_of(target_node_device(world->node));

	for (unsigned round = 0; round < 4; round++) {
		struct scsi_lu *lu = another_lu(world, round);
		bool idle = false;

		assert_int_equal(scsi_map_add(map, 4, lu, false), 0);
		for (size_t i = 0; i < ARRAY_SIZE(c.of); i++) {
			wire_clear_attention(c.of[i], 4);
			wire_good(c.of[i], READ1(4), NULL);
			wire_good(c.of[i], READ1(4), NULL);
			wire_command(c.of[i], READ1(4));
		}
		assert_int_equal(scsi_map_remove(map, 4), 0);
		scsi_lu_retire(lu, set, &idle);
		for (int i = 0; i < 300 && !idle; i++)
			wire_run(world, 0.1);
		assert_true(idle);
		scsi_lu_free(lu);
		for (size_t i = 0; i < ARRAY_SIZE(c.of); i++) {
			struct wire_pdu last;

			do
				wire_recv(c.of[i], &last);
			while (iscsi_opcode(&last.bhs) != ISCSI_SCSI_RESPONSE &&
			       !(last.data_in.flags & ISCSI_DATA_STATUS));
			wire_check(c.of[i], TUR(4), 0x05, 0x2500);
			wire_clear_attention(c.of[i], 0);
		}
	}
}

/* What was sent for the LU that was there before, and comes behind the command that is told of it, does not get to
 * the one that is there now. */
static void commands_behind_the_news(struct wire_world *world)
{
	struct crowd c = gather(world);
	struct scsi_map *map = scsi_device_map_of(target_node_device(world->node));
	const uint8_t *data = wire_pattern(world, 512, 1);
	struct wire_cmd write = {
		.lun = 4, .cdb = WRITE10(0, 1), .write = 512, .data = data, .immediate = 512};
	struct wire_cmd read = {.lun = 4, .cdb = READ10(0, 1), .read = 512};
	struct scsi_lu *lu[2] = {another_lu(world, 0), another_lu(world, 1)};
	bool idle[2] = {false, false};
	const uint8_t none[512] = {0};
	struct wire_result r;
	uint32_t itt[6];

	assert_int_equal(scsi_map_add(map, 4, lu[0], false), 0);
	for (size_t i = 0; i < ARRAY_SIZE(c.of); i++) {
		wire_clear_attention(c.of[i], 4);
		wire_good(c.of[i], &write, NULL);
		wire_good(c.of[i], &read, NULL);
	}
	assert_int_equal(scsi_map_remove(map, 4), 0);
	assert_int_equal(scsi_map_add(map, 4, lu[1], false), 0);
	for (size_t i = 0; i < ARRAY_SIZE(c.of); i++) {
		for (size_t n = 0; n < ARRAY_SIZE(itt); n++)
			itt[n] = wire_command(c.of[i], n % 2 ? &read : &write);
		for (size_t n = 0; n < ARRAY_SIZE(itt); n++)
			wire_expect_sense(c.of[i], itt[n], 0x06, n ? 0x3f0e : 0x2900);
		/* Now it knows. */
		wire_good(c.of[i], &read, &r);
		assert_memory_equal(r.data, none, 512);
	}
	/* Others hear nothing of it, nor does who has heard of it by REPORT LUNS; and LUNs that stay are in use. */
	wire_good(c.bystander, TUR(0), NULL);
	assert_int_equal(scsi_map_remove(map, 4), 0);
	assert_int_equal(scsi_map_add(map, 4, lu[0], false), 0);
	wire_good(c.of[0], &(struct wire_cmd){.cdb = REPORT_LUNS(16), .read = 16}, NULL);
	wire_check(c.of[0], &read, 0x06, 0x2900);
	wire_good(c.of[0], &read, &r);
	assert_memory_equal(r.data, data, 512);
	itt[0] = wire_command(c.of[1], READ1(0));
	itt[1] = wire_command(c.of[1], READ1(0));
	wire_expect_sense(c.of[1], itt[0], 0x06, 0x3f0e);
	wire_finish(c.of[1], READ1(0), itt[1], &r);
	assert_int_equal(r.status, 0);
	assert_int_equal(scsi_map_remove(map, 4), 0);
	for (int i = 0; i < 2; i++) {
		scsi_lu_retire(lu[i], set, &idle[i]);
		for (int n = 0; n < 1000 && !idle[i]; n++)
			wire_run(world, 0.005);
		assert_true(idle[i]);
		scsi_lu_free(lu[i]);
	}
}

/* --- all of it while every reactor is busy */

#define BURST 8

static void burst(struct crowd *c, const uint8_t *data)
{
	for (size_t i = 0; i < ARRAY_SIZE(c->of); i++)
		for (uint8_t n = 0; n < BURST; n++) {
			/* Each its own blocks. */
			struct wire_cmd write = {.lun = 4,
						 .cdb = WRITE10(16 * i + n, 1),
						 .write = 512,
						 .data = data,
						 .immediate = 512};
			struct wire_cmd read = {
				.lun = 4, .cdb = READ10(16 * i + n, 1), .read = 512};

			wire_command(c->of[i], n & 1 ? &read : &write);
		}
}

static bool is_last(const struct wire_pdu *pdu)
{
	uint8_t opcode = iscsi_opcode(&pdu->bhs);

	return opcode == ISCSI_SCSI_RESPONSE ||
	       (opcode == ISCSI_DATA_IN && pdu->data_in.flags & ISCSI_DATA_STATUS);
}

/* Every command is answered, and with nothing that the changes do not explain. */
static void collect(struct crowd *c)
{
	static const uint16_t explained[] = {0x2500, 0x3f0e, 0x2900, 0x2a01, 0x2700};

	for (size_t i = 0; i < ARRAY_SIZE(c->of); i++)
		for (unsigned n = 0; n < BURST; n++) {
			struct wire_result r = {0};
			struct wire_pdu pdu;
			bool good = false;

			do
				wire_recv(c->of[i], &pdu);
			while (!is_last(&pdu));
			if (iscsi_opcode(&pdu.bhs) != ISCSI_SCSI_RESPONSE || !pdu.response.status ||
			    pdu.response.status == 0x08)
				continue;
			wire_read_sense(c->of[i], &pdu, &r);
			for (size_t k = 0; k < ARRAY_SIZE(explained); k++)
				good |= r.asc == explained[k];
			if (!good)
				wire_fail(c->of[i]->world, "sense %04x, and why?", r.asc);
		}
}

static void changes_under_load(struct wire_world *world)
{
	struct crowd c = gather(world);
	struct scsi_map *map = scsi_device_map_of(target_node_device(world->node));
	const uint8_t *data = wire_pattern(world, 512, 1);
	struct scsi_lu *lu = another_lu(world, 0), *old;

	assert_int_equal(scsi_map_add(map, 4, lu, false), 0);
	for (unsigned round = 1; round <= 60; round++) {
		bool idle = false;

		burst(&c, data);
		if (round % 3)
			wire_run(world, 0.0005);
		switch (round % 4) {
		case 0:
			assert_int_equal(scsi_map_remove(map, 4), 0);
			assert_int_equal(scsi_map_add(map, 4, lu, false), 0);
			break;
		case 1: assert_int_equal(scsi_map_set_readonly(map, 4, round % 8 == 1), 0); break;
		case 2:
			assert_int_equal(scsi_map_add(map, 9, lu, true), 0);
			wire_run(world, 0.0002);
			assert_int_equal(scsi_map_remove(map, 9), 0);
			break;
		default:
			old = lu;
			lu = another_lu(world, round);
			assert_int_equal(scsi_map_remove(map, 4), 0);
			scsi_lu_retire(old, set, &idle);
			assert_int_equal(scsi_map_add(map, 4, lu, false), 0);
			for (int i = 0; i < 1000 && !idle; i++)
				wire_run(world, 0.005);
			assert_true(idle);
			scsi_lu_free(old);
		}
		collect(&c);
	}
	assert_int_equal(scsi_map_remove(map, 4), 0);
	for (size_t i = 0; i < ARRAY_SIZE(c.of); i++)
		wire_clear_attention(c.of[i], 0);
	bool idle = false;
	scsi_lu_retire(lu, set, &idle);
	for (int i = 0; i < 1000 && !idle; i++)
		wire_run(world, 0.005);
	assert_true(idle);
	scsi_lu_free(lu);
	wire_good(c.bystander, TUR(0), NULL);
}

/* --- what goes takes its sessions with it */

static void expect_asked(struct wire *w, unsigned seconds)
{
	struct wire_pdu async;

	wire_expect(w, ISCSI_ASYNC_MESSAGE, &async);
	assert_int_equal(async.async.event, ISCSI_ASYNC_LOGOUT_REQUEST);
	assert_int_equal(get_be16(async.async.parameter3), seconds);
}

/* Who is asked to log out may just be going, on whatever reactor. */
static void asked_while_it_goes(struct wire_world *world)
{
	for (int round = 0; round < (world->sim ? 40 : 6); round++) {
		struct wire *w[6];

		for (size_t i = 0; i < ARRAY_SIZE(w); i++) {
			w[i] = wire_open(world);
			wire_login(w[i], &(struct wire_login){.discovery = i % 2});
		}
		for (size_t i = 0; i < ARRAY_SIZE(w); i++)
			wire_close(w[i]);
		wire_run(world, 0.0001 * (round % 8));
		for (size_t i = 0; i < ARRAY_SIZE(w); i++)
			target_session_end(world->target, w[i]->tsih, 5, NULL, NULL);
		wire_run(world, 0.1);
	}
}

static void an_acl_is_deleted(struct wire_world *world)
{
	struct target_group *group = target_group_find(world->node, 1);
	struct wire *mine, *deaf, *others;
	struct wire_login login = {0};
	struct target_acl *acl;
	bool done = false;

	assert_int_equal(target_acl_new(&acl, group, WIRE_INITIATOR), 0);
	assert_int_equal(scsi_map_add(target_acl_map(acl), 0, world->lu[1], false), 0);
	mine = session(world, NULL, NULL);
	deaf = session(world, NULL, NULL);
	others = session(world, WIRE_OTHER, NULL);
	target_group_set_options(group, &(struct target_group_options){0});
	assert_int_equal(target_acl_delete(acl, 3, set, &done), 0);
	/* From now on nobody gets in by it; and others keep what they have. */
	wire_expect_login_fails(wire_open(world), &login, ISCSI_LOGIN_FORBIDDEN);
	expect_asked(mine, 3);
	expect_asked(deaf, 3);
	wire_logout(mine);
	wire_good(deaf, READ1(0), NULL);
	assert_false(done);
	wire_expect_end(deaf, 3.5);
	wire_run(world, 0.2);
	assert_true(done);
	wire_good(others, READ1(0), NULL);
}

static void a_group_is_disabled(struct wire_world *world)
{
	struct target_group *group = target_group_find(world->node, 1);
	struct crowd c = gather(world);
	struct wire_login login = {0};
	bool done = false, again = false;

	assert_int_equal(target_group_disable(group, 30, set, &done), 0);
	wire_expect_login_fails(wire_open(world), &login, ISCSI_LOGIN_UNAVAILABLE);
	for (size_t i = 0; i < ARRAY_SIZE(c.of); i++)
		expect_asked(c.of[i], 30);
	/* Not so long after all. */
	assert_int_equal(target_group_disable(group, 0, set, &again), 0);
	for (size_t i = 0; i < ARRAY_SIZE(c.of); i++)
		wire_expect_end(c.of[i], 1);
	wire_run(world, 0.2);
	assert_true(done && again);
	wire_good(c.bystander, READ1(0), NULL);
	target_group_enable(group);
	wire_good(session(world, NULL, NULL), READ1(0), NULL);
}

/* Whoever has come since is not meant. */
static void a_group_is_enabled_again(struct wire_world *world)
{
	struct target_group *group = target_group_find(world->node, 1);
	struct wire *before = session(world, NULL, NULL), *since;
	bool done = false;

	assert_int_equal(target_group_disable(group, 2, set, &done), 0);
	target_group_enable(group);
	since = session(world, WIRE_OTHER, NULL);
	expect_asked(before, 2);
	wire_expect_end(before, 2.5);
	wire_run(world, 0.5);
	assert_true(done);
	wire_good(since, READ1(0), NULL);
}

/* In bounded time, with a store that hangs. */
/* A real machine may be slow. */
static void come_true(struct wire_world *world, const bool *done)
{
	wire_run(world, 0.2);
	for (int i = 0; !world->sim && i < 100 && !*done; i++)
		wire_run(world, 0.1);
	assert_true(*done);
}

static void a_node_is_deleted(struct wire_world *world)
{
	struct crowd c = gather(world);
	const uint8_t *data = wire_pattern(world, 512, 1);
	struct wire_cmd write = {
		.lun = 1, .cdb = WRITE10(0, 1), .write = 512, .data = data, .immediate = 512};
	struct wire_login login = {0};
	bool done = false;

	for (size_t i = 0; i < ARRAY_SIZE(c.of); i++) {
		wire_clear_attention(c.of[i], 1);
		wire_good(c.of[i], READ1(1), NULL);
	}
	if (world->sim)
		sim_disk_state(world->sim, wire_disk(1), SIM_DISK_HANGS);
	for (size_t i = 0; i < ARRAY_SIZE(c.of); i++) {
		write.cdb[5] = (uint8_t)i; /* each a block of its own, or they would race */
		wire_command(c.of[i], &write);
	}
	wire_run(world, 0.1);
	assert_int_equal(target_node_delete(world->node, 1, set, &done), 0);
	world->node = NULL;
	wire_expect_login_fails(wire_open(world), &login, ISCSI_LOGIN_NOT_FOUND);
	for (size_t i = 0; i < ARRAY_SIZE(c.of); i++)
		wire_expect_end(c.of[i], world->sim ? 1.5 : 15);
	come_true(world, &done);
	wire_good(c.bystander, READ1(0), NULL);
	/* And one of the same name. */
	assert_int_equal(target_node_open(&world->node, world->target, WIRE_TARGET, NULL), 0);
	assert_int_equal(scsi_device_map(target_node_device(world->node), 0, world->lu[0]), 0);
	wire_good(session(world, NULL, NULL), READ1(0), NULL);
	done = false;
	assert_int_equal(target_node_delete(world->node, 0, set, &done), 0);
	world->node = NULL;
	come_true(world, &done);
}

/* A login was under way. */
static void too_late(struct wire_world *world)
{
	static const char *const names =
		"InitiatorName=" WIRE_INITIATOR "\nTargetName=" WIRE_TARGET;
	struct target_group *group = target_group_find(world->node, 1);
	struct wire *half[3];
	struct target_acl *acl;

	for (size_t i = 0; i < ARRAY_SIZE(half); i++)
		half[i] = wire_open(world);
	assert_int_equal(wire_login_step(half[0], WIRE_OPERATIONAL, names, NULL), 0);
	assert_int_equal(target_acl_new(&acl, group, WIRE_INITIATOR), 0);
	/* It would have another account now, and other LUNs. */
	assert_int_equal(wire_login_step(half[0], WIRE_OPERATIONAL_TO_FULL, "", NULL),
			 ISCSI_LOGIN_UNAVAILABLE);
	assert_int_equal(wire_login_step(half[1], WIRE_OPERATIONAL, names, NULL), 0);
	assert_int_equal(target_group_disable(group, 0, NULL, NULL), 0);
	assert_int_equal(wire_login_step(half[1], WIRE_OPERATIONAL_TO_FULL, "", NULL),
			 ISCSI_LOGIN_UNAVAILABLE);
	target_group_enable(group);
	assert_int_equal(wire_login_step(half[2], WIRE_OPERATIONAL, names, NULL), 0);
	assert_int_equal(target_node_delete(world->node, 0, NULL, NULL), 0);
	world->node = NULL;
	assert_int_equal(wire_login_step(half[2], WIRE_OPERATIONAL_TO_FULL, "", NULL),
			 ISCSI_LOGIN_NOT_FOUND);
}

/* The target ends in the middle of it all. */
static void deleted_at_the_end(struct wire_world *world)
{
	struct target_group *group;
	struct target_acl *acl;
	struct crowd c = gather(world);

	assert_int_equal(target_group_new(&group, world->other_node, 5), 0);
	assert_int_equal(target_acl_new(&acl, group, WIRE_INITIATOR), 0);
	assert_int_equal(target_acl_delete(acl, 60, NULL, NULL), 0);
	assert_int_equal(target_group_delete(group, 60, NULL, NULL), 0);
	assert_int_equal(target_node_delete(world->node, 60, NULL, NULL), 0);
	world->node = NULL;
	for (size_t i = 0; i < ARRAY_SIZE(c.of); i++)
		expect_asked(c.of[i], 60);
}

/* --- who is there */

struct listed {
	bool done;
	size_t count;
	struct target_session of[16];
};

static void take_list(void *ctx, int err, const struct target_session *sessions, size_t count)
{
	struct listed *l = ctx;

	assert_int_equal(err, 0);
	assert_true(count <= ARRAY_SIZE(l->of));
	if (count)
		memcpy(l->of, sessions, count * sizeof(*sessions));
	l->count = count;
	l->done = true;
}

static struct listed list(struct wire_world *world)
{
	struct listed l = {0};

	target_sessions(world->target, take_list, &l);
	for (int i = 0; i < 100 && !l.done; i++)
		wire_run(world, 0.05);
	assert_true(l.done);
	return l;
}

static const struct target_session *find(const struct listed *l, const struct wire *w)
{
	for (size_t i = 0; i < l->count; i++)
		if (l->of[i].tsih == w->tsih)
			return &l->of[i];
	wire_fail(w->world, "a session is not listed");
}

static void sessions_are_listed(struct wire_world *world)
{
	struct crowd c = gather(world);
	struct wire *named = wire_open(world), *looking = wire_open(world);
	const uint8_t *data = wire_pattern(world, 4096, 1);
	const struct target_session *s;
	struct listed l;
	bool done = false;

	wire_login(named,
		   &(struct wire_login){.initiator = WIRE_OTHER,
					.keys = "InitiatorAlias=a host\nHeaderDigest=CRC32C"});
	wire_clear_attention(named, 0);
	wire_login(looking, &(struct wire_login){.discovery = true});
	wire_command(named, &(struct wire_cmd){.cdb = WRITE10(0, 8), .write = 4096, .data = data});
	wire_expect(named, ISCSI_R2T, NULL);
	l = list(world);
	assert_int_equal(l.count, ARRAY_SIZE(c.of) + 3);
	for (size_t i = 1; i < l.count; i++)
		assert_true(l.of[i - 1].tsih < l.of[i].tsih);
	s = find(&l, named);
	assert_string_equal(s->initiator, WIRE_OTHER);
	assert_string_equal(s->node, WIRE_TARGET);
	assert_string_equal(s->alias, "a host");
	assert_string_equal(s->user, "");
	assert_true(s->header_digest && !s->data_digest && !s->discovery && !s->ending);
	assert_int_equal(s->commands, 1);
	assert_int_equal(s->tag, 1);
	assert_true(s->bytes_in > 100 && s->bytes_out > 100 && s->reactor < world->reactors);
	assert_int_equal(net_addr_port(&s->portal), net_addr_port(&world->addr));
	s = find(&l, c.bystander);
	assert_string_equal(s->node, WIRE_TARGET2);
	assert_int_equal(s->commands, 0);
	s = find(&l, looking);
	assert_true(s->discovery && !s->tag && !s->node[0]);
	/* One of them has to go. */
	assert_int_equal(target_session_end(world->target, c.of[0]->tsih, 2, set, &done), 0);
	expect_asked(c.of[0], 2);
	wire_expect_end(c.of[0], 2.5);
	assert_int_equal(target_session_end(world->target, looking->tsih, 0, NULL, NULL), 0);
	wire_expect_end(looking, 0.5);
	wire_run(world, 0.2);
	assert_true(done);
	assert_int_equal(target_session_end(world->target, looking->tsih, 0, NULL, NULL), -ENOENT);
	l = list(world);
	assert_int_equal(l.count, ARRAY_SIZE(c.of) + 1);
	wire_good(c.of[1], READ1(0), NULL);
}

/* While they come and go. */
static void listed_in_a_storm(struct wire_world *world)
{
	struct listed l = {0};

	for (int i = 0; i < 20; i++) {
		struct wire *w = session(world, NULL, NULL);

		l.done = false;
		target_sessions(world->target, take_list, &l);
		if (i & 1)
			wire_close(w);
		else
			wire_logout(w);
		while (!l.done)
			wire_run(world, 0.01);
		assert_true(l.count <= 2);
	}
}

static const struct wire_case cases[] = {
	REAL_WITH(luns_come_and_go, &two_luns),
	REAL_WITH(commands_on_a_lun_that_goes, &two_luns),
	REAL_WITH(a_lu_is_replaced, &two_luns),
	REAL_WITH(commands_behind_the_news, &two_luns),
	REAL_WITH(changes_under_load, &two_luns),
	REAL(asked_while_it_goes),
	REAL_WITH(an_acl_is_deleted, &two_luns),
	REAL_WITH(a_group_is_disabled, &two_luns),
	CASE(a_group_is_enabled_again),
	REAL_WITH(a_node_is_deleted, &two_luns),
	CASE_WITH(too_late, &two_luns),
	REAL_WITH(deleted_at_the_end, &two_luns),
	REAL_WITH(sessions_are_listed, &two_luns),
	REAL(listed_in_a_storm),
};

WIRE_THEME_DEFINE(live);

/* SPDX-License-Identifier: BSD-2-Clause */
/* Peers that take more than their part: of memory, of connections, of time. */
#include "wire.h"

#define NO_TAG ISCSI_RESERVED_TAG

static struct wire *session(struct wire_world *world)
{
	struct wire *w = wire_open_session(world);

	for (unsigned lun = 0; lun < world->luns; lun++)
		wire_clear_attention(w, (uint8_t)lun);
	return w;
}

static size_t memory(struct wire_world *world)
{
	struct target_stats stats;

	target_get_stats(world->target, &stats);
	return stats.memory;
}

static size_t connections(struct wire_world *world)
{
	struct target_stats stats;

	target_get_stats(world->target, &stats);
	return stats.connections;
}

static void read_works(struct wire *w, uint8_t lun)
{
	wire_good(w, &(struct wire_cmd){.lun = lun, .cdb = READ10(0, 8), .read = 4096}, NULL);
}

/* How many PDUs of this kind come until it is quiet for a while. */
static unsigned count(struct wire *w, uint8_t opcode)
{
	struct wire_pdu pdu;
	unsigned n = 0;

	while (wire_try(w, &pdu, 2))
		n += iscsi_opcode(&pdu.bhs) == opcode;
	return n;
}

/* A mute NOP-Out: the peer lives, and that is all. */
static void twitch(struct wire *w)
{
	struct wire_pdu nop = wire_make(w, ISCSI_NOP_OUT | ISCSI_IMMEDIATE);

	put_be32(nop.nop_out.itt, NO_TAG);
	wire_send(w, &nop);
}

/* --- memory */

/* Who asks for echoes and does not take them gets neither the others' memory nor all of the echoes'. */
static void echoes_that_nobody_takes(struct wire_world *world)
{
	struct wire *good = session(world), *w = wire_open(world);
	const uint8_t *data = wire_pattern(world, 262144, 1);

	wire_login(w, &(struct wire_login){.discovery = true});
	w->deaf = true;
	for (int i = 0; i < 300; i++) {
		struct wire_pdu ping = wire_make(w, ISCSI_NOP_OUT | ISCSI_IMMEDIATE);

		wire_set_data(&ping, data, 262144);
		wire_send(w, &ping);
		if (i % 100 == 99)
			wire_run(world, 0.3);
	}
	wire_run(world, 2);
	assert_true(memory(world) <= 1u << 20);
	read_works(good, 0);
}

/* Answers that are not taken end the connection, though it gives signs of life. */
static void answers_that_nobody_takes(struct wire_world *world)
{
	struct wire *good = session(world), *w = session(world);

	w->deaf = true;
	for (int i = 0; i < 16; i++)
		wire_command(w, &(struct wire_cmd){.cdb = READ10(0, 2048), .read = 1u << 20});
	for (int i = 0; i < 6; i++) {
		wire_run(world, 10);
		if (!w->ended)
			twitch(w);
		wire_ping(good);
	}
	assert_int_equal(connections(world), 1);
	assert_int_equal(memory(world), 0);
}

/* However many disks hang, and however often who waits for them comes back, another one works. */
static void disks_that_hang(struct wire_world *world)
{
	enum { ROUNDS = 4, N = 60 };

	for (unsigned lun = 0; lun + 1 < world->luns; lun++)
		sim_disk_state(world->sim, wire_disk(lun), SIM_DISK_HANGS);
	for (unsigned round = 0; round < ROUNDS * (world->luns - 1); round++) {
		uint8_t lun = (uint8_t)(round % (world->luns - 1));
		struct wire *w = wire_open_session(world);

		wire_clear_attention(w, lun);
		for (int i = 0; i < N; i++)
			wire_command(w, &(struct wire_cmd){.lun = lun,
							   .cdb = READ10(0, 2048),
							   .read = 1u << 20});
		wire_run(world, 1);
		wire_close(w);
		wire_run(world, 1);
	}
	uint8_t healthy = (uint8_t)(world->luns - 1);
	struct wire *good = wire_open_session(world);
	wire_clear_attention(good, healthy);
	for (int i = 0; i < 20; i++)
		read_works(good, healthy);
	for (unsigned lun = 0; lun < world->luns; lun++)
		sim_disk_state(world->sim, wire_disk(lun), SIM_DISK_OK);
	wire_run(world, 5);
	assert_int_equal(memory(world), 0);
}

/* One disk hangs, whatever it was asked for: who logs in, another disk, and the logout of those who wait do
 * not; afterwards everything is there. */
static void one_disk_hangs(struct wire_world *world)
{
	enum { N = 16 };
	const uint8_t *data = wire_pattern(world, 4096, 1);
	const struct wire_cmd kinds[] = {
		{.cdb = READ10(0, 8), .read = 4096},
		{.cdb = WRITE10(0, 8), .write = 4096, .data = data, .immediate = 4096},
		{.cdb = {0x35}}, /* SYNCHRONIZE CACHE */
	};

	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		struct wire *waits = wire_open_session(world), *leaves = wire_open_session(world);
		struct wire_cmd write = kinds[1];
		struct wire_result result;
		struct wire_pdu pdu;

		wire_clear_attention(waits, 0);
		wire_clear_attention(leaves, 0);
		wire_good(waits, &write, NULL);
		sim_disk_state(world->sim, wire_disk(0), SIM_DISK_HANGS);
		for (int i = 0; i < N; i++) {
			wire_command(waits, &kinds[k]);
			wire_command(leaves, &kinds[k]);
		}
		wire_run(world, 1);
		uint64_t begun = sim_now(world->sim);
		struct wire *good = wire_open_session(world);
		wire_clear_attention(good, 1);
		write.lun = 1;
		wire_good(good, &write, NULL);
		read_works(good, 1);
		wire_logout(leaves);
		wire_logout(good);
		assert_true(sim_now(world->sim) - begun < 2 * NSEC_PER_SEC);
		sim_disk_state(world->sim, wire_disk(0), SIM_DISK_OK);
		for (int ended = 0; ended < N;) {
			wire_recv(waits, &pdu);
			if (iscsi_opcode(&pdu.bhs) == ISCSI_DATA_IN &&
			    !(pdu.bhs.flags & ISCSI_DATA_STATUS))
				continue;
			assert_int_equal(pdu.response.status, 0);
			ended++;
		}
		wire_good(waits, &kinds[0], &result);
		assert_memory_equal(result.data, data, 4096);
		wire_logout(waits);
	}
}

/* Data that comes with large commands has its place at once, the rest of their memory when it is there:
 * none is refused. */
static void large_writes_with_immediate_data(struct wire_world *world)
{
	enum { N = 64, LEN = 1310720, FIRST = 65536 };
	struct wire *w = session(world);
	const uint8_t *data = wire_pattern(world, LEN, 1);
	struct wire_cmd write = {
		.cdb = WRITE10(0, LEN / 512), .write = LEN, .data = data, .immediate = FIRST};
	unsigned ended = 0;
	struct wire_pdu pdu;

	for (int i = 0; i < N; i++)
		wire_command(w, &write);
	while (ended < N) {
		wire_recv(w, &pdu);
		if (iscsi_opcode(&pdu.bhs) == ISCSI_R2T) {
			wire_answer(w, &pdu, data);
			continue;
		}
		assert_int_equal(iscsi_opcode(&pdu.bhs), ISCSI_SCSI_RESPONSE);
		assert_int_equal(pdu.response.status, 0);
		ended++;
	}
	struct wire_result read;
	wire_good(w, &(struct wire_cmd){.cdb = READ10(0, LEN / 512), .read = LEN}, &read);
	assert_memory_equal(read.data, data, LEN);
}

/* --- queues */

/* News of the window is sent when there is some, and not to who does not read. */
static void news_that_nobody_takes(struct wire_world *world)
{
	struct wire *hog = wire_open(world), *good = session(world);

	wire_login(hog, &(struct wire_login){.keys = "MaxRecvDataSegmentLength=262144"});
	wire_clear_attention(hog, 0);
	hog->deaf = true;
	for (int i = 0; i < 128; i++)
		wire_command(hog, &(struct wire_cmd){.cdb = READ10(0, 800), .read = 409600});
	wire_run(world, 1);
	for (int i = 0; i < 2000; i++)
		read_works(good, 0);
	wire_hear(hog);
	hog->show_nops = true;
	assert_true(count(hog, ISCSI_NOP_IN) < 50);
}

/* A function's answer waits behind the Data-In that is due, which is made as it is taken. */
static void a_function_behind_much_data(struct wire_world *world)
{
	enum { N = 20, LEN = 1u << 20 };
	struct wire *w = wire_open(world);
	struct wire_pdu pdu;
	unsigned ended = 0;
	uint32_t itt;

	wire_login(w, &(struct wire_login){.keys = "MaxRecvDataSegmentLength=512"});
	wire_clear_attention(w, 0);
	w->deaf = true;
	for (int i = 0; i < N; i++)
		wire_command(w, &(struct wire_cmd){.cdb = READ10(0, LEN / 512), .read = LEN});
	wire_run(world, 2);
	itt = wire_tmf(w, ISCSI_TMF_ABORT_TASK, 0, 0x999, 0);
	wire_run(world, 1);
	wire_hear(w);
	for (;;) {
		wire_recv(w, &pdu);
		if (iscsi_opcode(&pdu.bhs) != ISCSI_DATA_IN)
			break;
		ended += pdu.data_in.flags & ISCSI_DATA_STATUS;
	}
	assert_int_equal(iscsi_opcode(&pdu.bhs), ISCSI_TMF_RESPONSE);
	assert_int_equal(wire_itt(&pdu), itt);
	assert_int_equal(ended, N);
	wire_ping(w);
}

/* We stop reading from who does not take his answers. That he is silent then is our doing. */
static void reads_again_after_a_while(struct wire_world *world)
{
	enum { N = 1500 };
	struct wire *w = session(world);
	const uint8_t *data = wire_pattern(world, 16384, 1);
	struct wire_pdu pdu;
	unsigned n = 0;

	w->deaf = true;
	for (int i = 0; i < N; i++) {
		struct wire_pdu ping = wire_make(w, ISCSI_NOP_OUT | ISCSI_IMMEDIATE);

		wire_set_data(&ping, data, 16384);
		wire_send(w, &ping);
	}
	wire_run(world, 8);
	wire_hear(w);
	while (n < N && wire_try(w, &pdu, 5))
		n++;
	assert_int_equal(n, N);
	assert_false(w->ended);
}

/* 4.2.2.1: when commands have taken the places of immediate requests, those for what ends them, and for
 * a ping and a logout, are left. */
static void immediate_commands_without_end(struct wire_world *world)
{
	struct wire *w = session(world);
	struct wire_cmd read = {.cdb = READ10(0, 1), .read = 512, .immediate_delivery = true};
	struct wire_pdu pdu;
	uint32_t itt;

	sim_disk_state(world->sim, wire_disk(0), SIM_DISK_HANGS);
	for (int i = 0; i < 32; i++)
		wire_command(w, &read);
	wire_run(world, 1);
	wire_command(w, &read);
	wire_expect(w, ISCSI_REJECT, &pdu);
	assert_int_equal(pdu.reject.reason, ISCSI_REJECT_IMMEDIATE);
	struct wire_pdu ping = wire_make(w, ISCSI_NOP_OUT | ISCSI_IMMEDIATE);
	wire_send(w, &ping);
	wire_expect(w, ISCSI_NOP_IN, NULL);
	itt = wire_tmf(w, ISCSI_TMF_ABORT_TASK_SET, 0, NO_TAG, 0);
	wire_run(world, 1);
	sim_disk_state(world->sim, wire_disk(0), SIM_DISK_OK);
	wire_expect_tmf(w, itt, ISCSI_TMF_COMPLETE);
	struct wire_pdu logout = wire_make(w, ISCSI_LOGOUT_REQUEST | ISCSI_IMMEDIATE);
	wire_send(w, &logout);
	wire_expect(w, ISCSI_LOGOUT_RESPONSE, NULL);
}

/* --- connections */

/* Discovery is open to everybody, so it is bounded like logins are. */
static void a_crowd_that_discovers(struct wire_world *world)
{
	struct wire *good = session(world);

	for (uint32_t i = 0; i < world->limits.max_login_connections; i++)
		wire_login(wire_open(world), &(struct wire_login){.discovery = true});
	struct wire *w = wire_open_async(world);
	wire_run(world, 1);
	assert_true(w->ended);
	for (int i = 0; i < 7; i++) {
		wire_run(world, 10);
		wire_ping(good);
	}
	assert_int_equal(connections(world), 1);
	session(world);
}

/* --- time */

/* One byte now and then does not keep a PDU, or the end of a connection, for ever. */
static void a_pdu_byte_by_byte(struct wire_world *world)
{
	struct wire *w = session(world);
	struct wire_pdu ping = wire_make(w, ISCSI_NOP_OUT | ISCSI_IMMEDIATE);

	wire_set_data(&ping, wire_pattern(world, 256, 1), 256);
	wire_send_bytes(w, &ping.raw, ISCSI_BHS_LEN);
	for (int i = 0; i < 12 && !w->ended; i++) {
		wire_run(world, 4);
		wire_send_bytes(w, "x", 1);
	}
	assert_int_equal(connections(world), 0);
}

static void an_end_byte_by_byte(struct wire_world *world)
{
	struct wire *w = session(world);

	w->deaf = true;
	for (int i = 0; i < 8; i++)
		wire_command(w, &(struct wire_cmd){.cdb = READ10(0, 2048), .read = 1u << 20});
	wire_run(world, 1);
	struct wire_pdu logout = wire_make(w, ISCSI_LOGOUT_REQUEST | ISCSI_IMMEDIATE);
	wire_send(w, &logout);
	for (int i = 0; i < 20; i++) {
		wire_run(world, 4);
		wire_send_bytes(w, "x", 1);
	}
	assert_int_equal(connections(world), 0);
	assert_int_equal(memory(world), 0);
}

static void no_pings(struct config_limits *l)
{
	l->nopin_interval = 0;
}

/* An R2T that goes out late, when a command before it has ended, is watched as well. */
static void data_that_is_asked_for_late(struct wire_world *world)
{
	struct wire *w = wire_open(world);

	wire_login(w, &(struct wire_login){.keys = "InitialR2T=Yes\nImmediateData=No"});
	wire_clear_attention(w, 0);
	sim_disk_state(world->sim, wire_disk(0), SIM_DISK_HANGS);
	wire_command(w, &(struct wire_cmd){.cdb = READ10(0, 1), .read = 512, .attr = 2});
	wire_command(w, &(struct wire_cmd){.cdb = WRITE10(0, 8), .write = 4096});
	wire_run(world, 20);
	sim_disk_state(world->sim, wire_disk(0), SIM_DISK_OK);
	wire_expect(w, ISCSI_R2T, NULL);
	wire_expect(w, ISCSI_DATA_IN, NULL);
	wire_run(world, world->limits.data_out_timeout + 5);
	assert_int_equal(connections(world), 0);
}

static const struct wire_config three = {.luns = 4, .size = 4u << 20},
				calm = {.tune = no_pings, .calm = true};

static const struct wire_case cases[] = {
	CASE(echoes_that_nobody_takes),
	CASE(answers_that_nobody_takes),
	CASE_WITH(disks_that_hang, &three),
	CASE_WITH(one_disk_hangs, &three),
	CASE(large_writes_with_immediate_data),
	CASE(news_that_nobody_takes),
	CASE(a_function_behind_much_data),
	CASE(reads_again_after_a_while),
	CASE(immediate_commands_without_end),
	CASE(a_crowd_that_discovers),
	CASE(a_pdu_byte_by_byte),
	CASE(an_end_byte_by_byte),
	CASE_WITH(data_that_is_asked_for_late, &calm),
};
WIRE_THEME_DEFINE(overload);

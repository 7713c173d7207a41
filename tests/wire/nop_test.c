/* SPDX-License-Identifier: BSD-2-Clause */
/* NOP-Out, NOP-In, and the keepalive (RFC 7143 11.18, 11.19). */
#include "wire.h"

static void echo(struct wire_world *world)
{
	struct wire *w = wire_open_session(world);
	static const uint32_t lengths[] = {0, 1, 3, 4, 5, 511, 4096, 65536};

	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		struct wire_pdu ping = wire_make(w, ISCSI_NOP_OUT), pong;

		wire_set_data(&ping, wire_pattern(world, lengths[i], 1), lengths[i]);
		wire_send(w, &ping);
		wire_expect(w, ISCSI_NOP_IN, &pong);
		assert_int_equal(wire_itt(&pong), wire_itt(&ping));
		assert_int_equal(pong.data_len, lengths[i]);
		assert_memory_equal(pong.data ? pong.data : ping.data, ping.data, lengths[i]);
	}
}

/* What comes back is cut to what we take: MaxRecvDataSegmentLength. */
static void echo_is_cut(struct wire_world *world)
{
	struct wire *w = wire_open(world);
	struct wire_pdu ping, pong;

	wire_login(w, &(struct wire_login){.keys = "MaxRecvDataSegmentLength=512"});
	ping = wire_make(w, ISCSI_NOP_OUT);
	wire_set_data(&ping, wire_pattern(world, 4000, 1), 4000);
	wire_send(w, &ping);
	wire_expect(w, ISCSI_NOP_IN, &pong);
	assert_int_equal(pong.data_len, 512);
	assert_memory_equal(pong.data, ping.data, 512);
}

/* ... and no shorter: all that we take and the target takes. */
static void long_echo(struct wire_world *world)
{
	struct wire *w = wire_open(world);
	struct wire_pdu ping, pong;
	uint32_t len = world->limits.max_recv_data_segment_length;

	wire_login(w, &(struct wire_login){.keys = "MaxRecvDataSegmentLength=16777215"});
	ping = wire_make(w, ISCSI_NOP_OUT);
	wire_set_data(&ping, wire_pattern(world, len, 1), len);
	wire_send(w, &ping);
	wire_expect(w, ISCSI_NOP_IN, &pong);
	assert_int_equal(pong.data_len, len);
	assert_memory_equal(pong.data, ping.data, len);
}

/* A sign of life that asks for nothing gets nothing. */
static void no_echo_wanted(struct wire_world *world)
{
	struct wire *w = wire_open_session(world);
	struct wire_pdu nop = wire_make(w, ISCSI_NOP_OUT | ISCSI_IMMEDIATE);

	put_be32(nop.nop_out.itt, ISCSI_RESERVED_TAG);
	wire_send(w, &nop);
	wire_expect_silence(w, 1);
	wire_ping(w);
}

/* After 15 quiet seconds we are pinged; who answers stays, for ever. */
static void keepalive(struct wire_world *world)
{
	struct wire *w = wire_open_session(world);

	w->show_nops = true;
	for (int i = 0; i < 3; i++) {
		uint64_t start = wire_now(world);
		struct wire_pdu in, out;
		double quiet;

		wire_expect(w, ISCSI_NOP_IN, &in);
		quiet = (double)(wire_now(world) - start) / (double)NSEC_PER_SEC;
		assert_true(quiet > 14.9 && quiet < 15.2);
		assert_true(get_be32(in.nop_in.ttt) != ISCSI_RESERVED_TAG);
		out = wire_make(w, ISCSI_NOP_OUT | ISCSI_IMMEDIATE);
		put_be32(out.nop_out.itt, ISCSI_RESERVED_TAG);
		memcpy(out.nop_out.ttt, in.nop_in.ttt, 4);
		memcpy(out.nop_out.lun, in.nop_in.lun, 8);
		wire_send(w, &out);
	}
	w->show_nops = false;
	wire_ping(w);
}

/* Who does not answer within 15 s is gone. */
static void keepalive_unanswered(struct wire_world *world)
{
	struct wire *w = wire_open_session(world);

	w->show_nops = true;
	wire_expect(w, ISCSI_NOP_IN, NULL);
	wire_expect_closed_between(w, 14.9, 15.2);
}

/* An answer must carry the tag of the question. */
static void keepalive_answered_wrongly(struct wire_world *world)
{
	struct wire *w = wire_open_session(world);
	struct wire_pdu in, out;

	w->show_nops = true;
	wire_expect(w, ISCSI_NOP_IN, &in);
	out = wire_make(w, ISCSI_NOP_OUT | ISCSI_IMMEDIATE);
	put_be32(out.nop_out.itt, ISCSI_RESERVED_TAG);
	put_be32(out.nop_out.ttt, get_be32(in.nop_in.ttt) + 100);
	wire_send(w, &out);
	wire_expect_end(w, 31);
}

/* Somebody busy is not asked whether he is there. */
static void no_keepalive_while_busy(struct wire_world *world)
{
	struct wire *w = wire_open_session(world);

	w->show_nops = true;
	for (int i = 0; i < 10; i++) {
		wire_ping(w);
		wire_expect_silence(w, 10);
	}
}

static void never(struct config_limits *l)
{
	l->nopin_interval = 0;
}

static void no_keepalive_at_all(struct wire_world *world)
{
	struct wire *w = wire_open_session(world);

	w->show_nops = true;
	wire_expect_silence(w, 600);
	wire_ping(w);
}

/* Half a PDU and then nothing: 5 s, in full feature phase, too. */
static void silent_in_a_pdu(struct wire_world *world)
{
	struct wire *w = wire_open_session(world), *other = wire_open_session(world);
	struct wire_pdu ping = wire_make(w, ISCSI_NOP_OUT);
	uint8_t *bytes;
	size_t len;

	wire_set_data(&ping, wire_pattern(world, 1000, 1), 1000);
	len = wire_encode(w, &ping, &bytes);
	wire_send_bytes(w, bytes, len - 300);
	wire_expect_closed_between(w, 4.9, 5.2);
	wire_ping(other);
}

/* A discovery session is watched as well. */
static void discovery_left_open(struct wire_world *world)
{
	struct wire *w = wire_open(world);

	wire_login(w, &(struct wire_login){.discovery = true});
	w->show_nops = true;
	wire_expect_end(w, 31);
}

/* A ping while the disk does not answer: the connection is alive all the same. */
static void echo_while_the_disk_hangs(struct wire_world *world)
{
	struct wire *w = wire_open_session(world);
	struct wire_pdu pdu;

	wire_clear_attention(w, 0);
	sim_disk_state(world->sim, wire_disk(0), SIM_DISK_HANGS);
	wire_command(w, &(struct wire_cmd){.cdb = READ10(0, 1), .read = 512});
	wire_run(world, 60); /* pinged several times meanwhile, answered in due course */
	wire_ping(w);
	sim_disk_state(world->sim, wire_disk(0), SIM_DISK_OK);
	wire_expect(w, ISCSI_DATA_IN, &pdu);
}

static const struct wire_config no_nops = {.tune = never};

static const struct wire_case cases[] = {
	REAL(echo),
	REAL(echo_is_cut),
	REAL(long_echo),
	REAL(no_echo_wanted),
	CASE(keepalive),
	CASE(keepalive_unanswered),
	CASE(keepalive_answered_wrongly),
	CASE(no_keepalive_while_busy),
	CASE_WITH(no_keepalive_at_all, &no_nops),
	CASE(silent_in_a_pdu),
	CASE(discovery_left_open),
	CASE(echo_while_the_disk_hangs),
};

WIRE_THEME_DEFINE(nop);

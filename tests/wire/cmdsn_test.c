/* SPDX-License-Identifier: BSD-2-Clause */
/* Command numbering and its window (RFC 7143 4.2.2.1). That neither ExpCmdSN nor MaxCmdSN ever goes
 * back, and that MaxCmdSN >= ExpCmdSN - 1, the judge sees at every PDU. */
#include "wire.h"

static struct wire_pdu ping_with(struct wire *w, uint32_t cmdsn)
{
	struct wire_pdu ping = wire_make(w, ISCSI_NOP_OUT);

	put_be32(ping.nop_out.cmdsn, cmdsn);
	return ping;
}

static void expect_pong(struct wire *w, const struct wire_pdu *ping)
{
	struct wire_pdu pong;

	wire_expect(w, ISCSI_NOP_IN, &pong);
	assert_int_equal(wire_itt(&pong), wire_itt(ping));
}

/* 11.12.8: the login's CmdSN is the first command's, too. */
static void starts_where_the_login_says(struct wire_world *world)
{
	struct wire *w = wire_open(world);

	w->cmdsn = w->cmdsn_top = 0xcafe0000;
	wire_login(w, NULL);
	assert_int_equal(w->expcmdsn, 0xcafe0000);
	wire_ping(w);
	assert_int_equal(w->expcmdsn, 0xcafe0001);
}

/* RFC 1982: the numbers wrap. */
static void wraps_around(struct wire_world *world)
{
	struct wire *w = wire_open(world);

	w->cmdsn = w->cmdsn_top = 0xfffffff0;
	wire_login(w, NULL);
	wire_clear_attention(w, 0);
	for (int i = 0; i < 40; i++)
		wire_good(w, &(struct wire_cmd){.cdb = READ10(0, 1), .read = 512}, NULL);
	assert_true(w->expcmdsn < 0x100);
	assert_false(wire_sn_less(w->maxcmdsn, w->expcmdsn));
}

static void a_window_as_configured(struct wire_world *world)
{
	struct wire *w = wire_open_session(world);

	wire_ping(w);
	assert_int_equal(w->maxcmdsn - w->expcmdsn + 1, world->limits.max_commands);
}

static void immediate_does_not_count(struct wire_world *world)
{
	struct wire *w = wire_open_session(world);
	uint32_t before = w->cmdsn;
	struct wire_pdu ping = wire_make(w, ISCSI_NOP_OUT | ISCSI_IMMEDIATE);

	wire_send(w, &ping);
	expect_pong(w, &ping);
	assert_int_equal(w->cmdsn, before);
	assert_int_equal(w->expcmdsn, before);
	wire_ping(w);
	assert_int_equal(w->expcmdsn, before + 1);
}

/* Immediate ones may lie outside the window. */
static void immediate_far_outside(struct wire_world *world)
{
	struct wire *w = wire_open_session(world);
	struct wire_pdu ping = wire_make(w, ISCSI_NOP_OUT | ISCSI_IMMEDIATE);

	put_be32(ping.nop_out.cmdsn, w->cmdsn + 0x10000);
	wire_send(w, &ping);
	expect_pong(w, &ping);
	wire_ping(w);
}

/* Out of order: delivered in order, once the first of them is there. */
static void the_gap_is_waited_for(struct wire_world *world)
{
	struct wire *w = wire_open_session(world);
	uint32_t first = w->cmdsn;
	struct wire_pdu a = ping_with(w, first), b = ping_with(w, first + 1),
			c = ping_with(w, first + 2);

	w->show_nops = false;
	wire_send(w, &c);
	wire_send(w, &b);
	wire_expect_silence(w, 2);
	assert_int_equal(w->expcmdsn, first); /* no holes are acknowledged */
	wire_send(w, &a);
	expect_pong(w, &a);
	expect_pong(w, &b);
	expect_pong(w, &c);
	assert_int_equal(w->expcmdsn, first + 3);
	w->cmdsn = first + 3;
	wire_ping(w);
}

/* An immediate one overtakes those that wait for a gap. */
static void immediate_overtakes(struct wire_world *world)
{
	struct wire *w = wire_open_session(world);
	uint32_t first = w->cmdsn;
	struct wire_pdu late = ping_with(w, first + 1);
	struct wire_pdu now = wire_make(w, ISCSI_NOP_OUT | ISCSI_IMMEDIATE);
	struct wire_pdu gap = ping_with(w, first);

	wire_send(w, &late);
	wire_send(w, &now);
	expect_pong(w, &now);
	wire_send(w, &gap);
	expect_pong(w, &gap);
	expect_pong(w, &late);
}

static void duplicates_are_ignored(struct wire_world *world)
{
	struct wire *w = wire_open_session(world);
	uint32_t first = w->cmdsn;
	struct wire_pdu ping = ping_with(w, first), old = ping_with(w, first);
	struct wire_pdu held = ping_with(w, first + 2), again = ping_with(w, first + 2);
	struct wire_pdu gap = ping_with(w, first + 1);

	wire_send(w, &ping);
	expect_pong(w, &ping);
	wire_send(w, &old); /* below the window */
	wire_expect_silence(w, 1);
	wire_send(w, &held);
	wire_send(w, &again); /* a duplicate within the window */
	wire_send(w, &held);  /* and the very same once more */
	wire_expect_silence(w, 1);
	wire_send(w, &gap);
	expect_pong(w, &gap);
	expect_pong(w, &held);
	wire_expect_silence(w, 1);
	w->cmdsn = first + 3;
	wire_ping(w);
}

static void outside_the_window_is_ignored(struct wire_world *world)
{
	struct wire *w = wire_open_session(world);
	uint32_t first;
	struct wire_pdu over, under;

	wire_ping(w);
	first = w->cmdsn;
	over = ping_with(w, w->maxcmdsn + 1);
	under = ping_with(w, first - 1);
	wire_send(w, &over);
	wire_send(w, &under);
	over = ping_with(w, first + 0x7fffffff);
	wire_send(w, &over);
	wire_expect_silence(w, 1);
	w->cmdsn_top = first;
	wire_ping(w);
	assert_int_equal(w->expcmdsn, first + 1);
}

/* The window closes when it is full of commands that take their time, and opens again; a NOP-In
 * brings the news when nothing else does (11.4.11). */
static void closes_and_opens(struct wire_world *world)
{
	enum { WINDOW = 8 };
	struct wire *w = wire_open_session(world);
	uint32_t itt[WINDOW], extra;
	struct wire_pdu pdu;
	struct wire_cmd read = {.cdb = READ10(0, 1), .read = 512};
	unsigned answers = 0;

	wire_clear_attention(w, 0);
	assert_int_equal(w->maxcmdsn - w->cmdsn + 1, WINDOW);
	sim_disk_state(world->sim, wire_disk(0), SIM_DISK_HANGS);
	for (int i = 0; i < WINDOW; i++)
		itt[i] = wire_command(w, &read);
	wire_run(world, 0.5);
	pdu = wire_make(w, ISCSI_NOP_OUT | ISCSI_IMMEDIATE);
	wire_send(w, &pdu);
	expect_pong(w, &pdu);
	assert_int_equal(w->maxcmdsn, w->expcmdsn - 1); /* closed */
	/* One more is outside the window. */
	extra = wire_command(w, &read);
	wire_run(world, 0.5);
	sim_disk_state(world->sim, wire_disk(0), SIM_DISK_OK);
	for (; answers < WINDOW; answers++) {
		wire_expect(w, ISCSI_DATA_IN, &pdu);
		assert_true(wire_itt(&pdu) != extra);
		assert_true(pdu.data_in.flags & ISCSI_DATA_STATUS);
	}
	(void)itt;
	wire_expect_silence(w, 1);
	w->cmdsn--; /* that one was never received */
	w->cmdsn_top = w->cmdsn;
	assert_int_equal(w->maxcmdsn - w->expcmdsn + 1, WINDOW);
	wire_good(w, &read, NULL);
}

/* 4.2.2.1: a response never precedes the acknowledgement of its command. */
static void a_response_acknowledges(struct wire_world *world)
{
	struct wire *w = wire_open_session(world);

	wire_clear_attention(w, 0);
	for (int i = 0; i < 20; i++) {
		wire_good(w, &(struct wire_cmd){.cdb = READ10(i, 1), .read = 512}, NULL);
		assert_int_equal(w->expcmdsn, w->cmdsn);
	}
}

/* Many at once: each is answered exactly once. */
static void a_full_pipe(struct wire_world *world)
{
	enum { N = 64 };
	struct wire *w = wire_open_session(world);
	uint32_t first;
	bool seen[N] = {false};

	wire_clear_attention(w, 0);
	first = w->itt;
	for (unsigned i = 0; i < N; i++)
		wire_command(w, &(struct wire_cmd){.cdb = READ10(i * 8, 8), .read = 4096});
	for (unsigned i = 0; i < N; i++) {
		struct wire_pdu pdu;

		wire_expect(w, ISCSI_DATA_IN, &pdu);
		assert_true(wire_itt(&pdu) - first < N);
		assert_false(seen[wire_itt(&pdu) - first]);
		assert_true(pdu.data_in.flags & ISCSI_DATA_STATUS);
		seen[wire_itt(&pdu) - first] = true;
	}
	wire_expect_silence(w, 0.2);
}

/* A tag that is in use: Reject, the first one goes on (11.17.1: task in progress). */
static void a_tag_in_use(struct wire_world *world)
{
	struct wire *w = wire_open_session(world);
	struct wire_pdu ping = wire_make(w, ISCSI_NOP_OUT | ISCSI_IMMEDIATE), r2t;
	struct wire_cmd write = {.cdb = WRITE10(0, 1), .write = 512};
	uint32_t itt;

	write.data = wire_pattern(world, 512, 1);
	wire_clear_attention(w, 0);
	itt = wire_command(w, &write);
	wire_expect_r2t(w, itt, 0, 512, &r2t);
	put_be32(ping.nop_out.itt, itt);
	wire_send(w, &ping);
	wire_expect_reject(w, ISCSI_REJECT_TASK_IN_PROGRESS, &ping);
	wire_answer(w, &r2t, write.data);
	wire_expect_status(w, itt, 0);
}

static void small_window(struct config_limits *l)
{
	l->max_commands = 8;
}

static const struct wire_config eight = {.tune = small_window};

static const struct wire_case cases[] = {
	REAL(starts_where_the_login_says),
	REAL(wraps_around),
	CASE(a_window_as_configured),
	REAL(immediate_does_not_count),
	CASE(immediate_far_outside),
	CASE(the_gap_is_waited_for),
	REAL(immediate_overtakes),
	CASE(duplicates_are_ignored),
	CASE(outside_the_window_is_ignored),
	CASE_WITH(closes_and_opens, &eight),
	CASE(a_response_acknowledges),
	REAL(a_full_pipe),
	CASE(a_tag_in_use),
};

WIRE_THEME_DEFINE(cmdsn);

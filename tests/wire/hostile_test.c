/* SPDX-License-Identifier: BSD-2-Clause */
/* Peers that mean harm, or are broken: each is bounded in time and memory, and those who behave do not
 * notice. */
#include "wire.h"

#define NAMES "InitiatorName=" WIRE_INITIATOR "\nTargetName=" WIRE_TARGET

static struct wire *session(struct wire_world *world)
{
	struct wire *w = wire_open_session(world);

	wire_clear_attention(w, 0);
	return w;
}

/* The one who behaves still gets what he asks for, and soon. */
static void expect_unharmed(struct wire *w)
{
	uint64_t start = wire_now(w->world);

	wire_good(w, &(struct wire_cmd){.cdb = READ10(0, 8), .read = 4096}, NULL);
	assert_true(wire_now(w->world) - start < NSEC_PER_SEC);
}

static uint8_t random_byte(struct wire_world *world, uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (uint8_t)(*state >> 56);
}

static void garbage(struct wire_world *world)
{
	struct wire *good = session(world);
	uint64_t state = 7;

	for (int i = 0; i < 50; i++) {
		struct wire *w = wire_open(world);
		uint8_t bytes[4096];

		for (size_t j = 0; j < sizeof(bytes); j++)
			bytes[j] = random_byte(world, &state);
		wire_send_bytes(w, bytes, sizeof(bytes));
		/* Sometimes it looks like a Login Request; then there is a login response. */
		while (!w->ended) {
			struct wire_pdu pdu;

			if (!wire_try(w, &pdu, 16))
				break;
		}
		assert_true(w->ended);
	}
	expect_unharmed(good);
}

/* Garbage in the middle of a session. */
static void garbage_in_a_session(struct wire_world *world)
{
	struct wire *good = session(world);
	uint64_t state = 11;

	for (int i = 0; i < 50; i++) {
		struct wire *w = session(world);
		uint8_t bytes[2048];

		for (size_t j = 0; j < sizeof(bytes); j++)
			bytes[j] = random_byte(world, &state);
		wire_send_bytes(w, bytes, sizeof(bytes));
		w->cmdsn_top += 0x40000000; /* whatever it acknowledges */
		wire_run(world, 0.02);
		wire_close(w);
	}
	expect_unharmed(good);
}

/* Real PDUs with one byte changed, through a whole session. */
static void flipped_bytes(struct wire_world *world)
{
	struct wire *good = session(world);
	uint64_t state = 13;

	for (unsigned i = 0; i < 48; i++) {
		struct wire *w = session(world);
		struct wire_cmd cmd = {.cdb = WRITE10(64, 8), .write = 4096, .immediate = 4096};
		struct wire_pdu pdu, r;

		cmd.data = wire_pattern(world, 4096, i);
		pdu = wire_command_pdu(w, &cmd);
		pdu.keep_lengths = true;
		put_be24(pdu.bhs.data_segment_length, 4096);
		pdu.raw[i] ^= (uint8_t)(random_byte(world, &state) | 1);
		wire_send(w, &pdu);
		w->cmdsn_top += 0x7fffffff - (w->cmdsn_top - w->expcmdsn);
		wire_try(w, &r, 1);
		wire_close(w);
	}
	expect_unharmed(good);
}

static void half_a_pdu_and_silence(struct wire_world *world)
{
	struct wire *good = session(world), *w[30];

	for (int i = 0; i < 30; i++) {
		struct wire_pdu q;
		uint8_t *bytes;

		w[i] = i % 2 ? wire_open(world) : session(world);
		q = i % 2 ? wire_login_pdu(w[i], WIRE_OPERATIONAL_TO_FULL, NAMES)
			  : wire_make(w[i], ISCSI_NOP_OUT);
		wire_encode(w[i], &q, &bytes);
		wire_send_bytes(w[i], bytes, 1 + (size_t)i);
	}
	expect_unharmed(good);
	wire_run(world, 6);
	for (int i = 0; i < 30; i++)
		assert_true(w[i]->ended);
	expect_unharmed(good);
}

/* Everything zero: a NOP-Out with tag 0, as it happens. */
static void zeroes(struct wire_world *world)
{
	struct wire *good = session(world), *w = wire_open(world), *in = session(world);
	static const uint8_t bytes[48 * 100];

	wire_send_bytes(w, bytes, sizeof(bytes));
	wire_expect_closed(w, 1);
	wire_send_bytes(in, bytes, sizeof(bytes));
	wire_run(world, 1);
	wire_close(in);
	expect_unharmed(good);
}

/* --- many */

enum { CROWD = 3000 };

static size_t still_open(struct wire **w, size_t n)
{
	size_t open = 0;

	for (size_t i = 0; i < n; i++)
		open += w[i]->connected && !w[i]->ended;
	return open;
}

static void thousands_of_connections(struct wire_world *world)
{
	struct wire *good = session(world);
	struct wire **w = wire_alloc(world, CROWD * sizeof(struct wire *));
	struct target_stats stats;

	for (size_t i = 0; i < CROWD; i++) {
		w[i] = wire_open_async(world);
		if (i % 100 == 0) {
			wire_run(world, 0.001);
			target_get_stats(world->target, &stats);
			assert_true(stats.connections <= world->limits.max_connections);
		}
	}
	wire_run(world, 0.5);
	target_get_stats(world->target, &stats);
	/* Those who have not logged in are bounded more tightly. */
	assert_true(stats.connections <= world->limits.max_login_connections + 1);
	assert_true(stats.refused_connections > 0);
	assert_true(still_open(w, CROWD) <= world->limits.max_login_connections);
	expect_unharmed(good);
	wire_run(world, 6); /* silent: out after 5 s */
	assert_int_equal(still_open(w, CROWD), 0);
	target_get_stats(world->target, &stats);
	assert_int_equal(stats.connections, 1);
	session(world); /* and there is room again */
	expect_unharmed(good);
}

/* Sessions are limited, too: 0302, out of resources, and nothing else breaks. */
static void few(struct config_limits *l)
{
	l->max_sessions = 5;
	l->max_connections = 8;
	l->max_login_connections = 4;
}

static void more_sessions_than_allowed(struct wire_world *world)
{
	struct wire *w[5], *extra;
	struct target_stats stats;

	for (int i = 0; i < 5; i++)
		w[i] = session(world);
	extra = wire_open(world);
	wire_expect_login_fails(extra, NULL, ISCSI_LOGIN_OUT_OF_RESOURCES);
	target_get_stats(world->target, &stats);
	assert_int_equal(stats.sessions, 5);
	for (int i = 0; i < 5; i++)
		expect_unharmed(w[i]);
	/* Reinstatement takes no place of its own. */
	extra = wire_open(world);
	wire_login(extra, &(struct wire_login){.isid = w[4]->isid});
	wire_logout(w[0]);
	session(world);
}

static void more_connections_than_allowed(struct wire_world *world)
{
	struct wire *good = session(world), *w[20];

	for (int i = 0; i < 20; i++)
		w[i] = wire_open_async(world);
	wire_run(world, 1);
	assert_int_equal(still_open(w, 20), 4); /* max_login_connections */
	expect_unharmed(good);
	for (int i = 0; i < 20; i++)
		wire_close(w[i]);
	wire_run(world, 1);
	session(world);
}

/* Whoever is silent makes room for one that speaks, whoever has spoken does not. */
static void silence_makes_room(struct wire_world *world)
{
	struct wire *speaks = wire_open(world), *silent[3];

	wire_login_step(speaks, WIRE_OPERATIONAL, NAMES, NULL);
	for (int i = 0; i < 3; i++) {
		silent[i] = wire_open(world);
		wire_run(world, 0.1);
	}
	for (int i = 0; i < 10; i++) {
		struct wire *w = session(world);
		wire_logout(w);
	}
	assert_false(speaks->ended);
	assert_true(silent[0]->ended);
	assert_int_equal(still_open(silent, 3), 2); /* the oldest went, and once is enough */
}

/* --- memory */

static void little_memory(struct config_limits *l)
{
	l->memory_limit = 64u << 20;
	l->max_commands = 512;
}

/* More data asked for at a time than there is memory: commands wait, the window narrows, nothing is
 * lost, and the limit holds. */
static void more_than_memory(struct wire_world *world)
{
	enum { SESSIONS = 4, N = 40, LEN = 1u << 20 };
	struct wire *w[SESSIONS], *small = session(world);
	struct wire_cmd read = {.cdb = READ10(0, LEN / 512), .read = LEN};
	struct target_stats stats;

	if (world->reactors > 1)
		skip(); /* each has its own memory, and no session can take all of it */
	for (int s = 0; s < SESSIONS; s++)
		w[s] = session(world);
	for (int s = 0; s < SESSIONS; s++) {
		wire_clear_attention(w[s], (uint8_t)s);
		sim_disk_state(world->sim, wire_disk((unsigned)s), SIM_DISK_HANGS);
	}
	for (int s = 0; s < SESSIONS; s++)
		for (int i = 0; i < N; i++) {
			read.lun = (uint8_t)s;
			wire_command(w[s], &read);
		}
	wire_run(world, 1);
	target_get_stats(world->target, &stats);
	assert_true(stats.memory <= world->limits.memory_limit);
	assert_true(stats.memory >= world->limits.memory_limit / 2);
	wire_ping(small); /* what needs no memory works, and so does what needs little */
	wire_clear_attention(small, 4);
	wire_good(small, &(struct wire_cmd){.lun = 4, .cdb = READ10(0, 8), .read = 4096}, NULL);
	for (int s = 0; s < SESSIONS; s++)
		sim_disk_state(world->sim, wire_disk((unsigned)s), SIM_DISK_OK);
	for (int s = 0; s < SESSIONS; s++)
		for (unsigned ended = 0; ended < N;) {
			struct wire_pdu pdu;

			wire_expect(w[s], ISCSI_DATA_IN, &pdu);
			ended += pdu.data_in.flags & ISCSI_DATA_STATUS;
			target_get_stats(world->target, &stats);
			assert_true(stats.memory <= world->limits.memory_limit);
		}
	expect_unharmed(small);
}

/* Writes that claim much and send nothing. */
static void writes_that_never_come(struct wire_world *world)
{
	enum { N = 100, LEN = 1u << 20 };
	struct wire *w = session(world), *good = session(world);
	struct wire_cmd write = {.cdb = WRITE10(0, LEN / 512), .write = LEN};
	struct target_stats stats;

	for (int i = 0; i < N; i++)
		wire_command(w, &write);
	wire_run(world, 2);
	target_get_stats(world->target, &stats);
	assert_true(stats.memory <= world->limits.memory_limit);
	wire_ping(good);
	wire_close(w); /* gives it all back */
	wire_run(world, 1);
	expect_unharmed(good);
	target_get_stats(world->target, &stats);
	assert_int_equal(stats.memory, 0);
}

/* Near the limit the windows of all sessions shrink to one command at a time, and when there is room
 * again somebody must say so: a session with a closed window would wait for ever (RFC 7143 11.4.11). */
static void windows_close_near_the_limit(struct wire_world *world)
{
	enum { HOGS = 4, N = 30, LEN = 1u << 20 };
	struct wire *hog[HOGS], *w = session(world);
	struct wire_cmd write = {.cdb = WRITE10(0, LEN / 512), .write = LEN};
	struct wire_cmd own = {.lun = 4, .cdb = WRITE10(0, 1), .write = 512};
	struct wire_pdu nop, r2t;
	uint32_t itt;

	if (world->reactors > 1)
		skip(); /* each has its own memory, and no session can take all of it */
	wire_clear_attention(w, 4);
	for (int i = 0; i < HOGS; i++) {
		hog[i] = session(world);
		wire_clear_attention(hog[i], (uint8_t)i);
	}
	for (int i = 0; i < HOGS * N; i++) {
		write.lun = (uint8_t)(i % HOGS);
		wire_command(hog[i % HOGS], &write);
	}
	wire_run(world, 1);
	w->show_nops = true;
	for (unsigned used = 0; w->maxcmdsn != w->expcmdsn; used++) {
		assert_true(used <= world->limits.max_commands);
		wire_good(w, &(struct wire_cmd){.cdb = TEST_UNIT_READY}, NULL);
	}
	for (int i = 0; i < 10; i++)
		wire_good(w, &(struct wire_cmd){.cdb = TEST_UNIT_READY}, NULL);
	assert_int_equal(w->maxcmdsn, w->expcmdsn);
	own.data = wire_pattern(world, 512, 1);
	itt = wire_command(w, &own);
	wire_expect_r2t(w, itt, 0, 512, &r2t);
	assert_int_equal(w->maxcmdsn, w->expcmdsn - 1);
	wire_expect_silence(w, 5);
	for (int i = 0; i < HOGS; i++)
		wire_close(hog[i]);
	wire_expect(w, ISCSI_NOP_IN, &nop);
	assert_int_equal(wire_itt(&nop), ISCSI_RESERVED_TAG);
	assert_int_equal(get_be32(nop.nop_in.ttt), ISCSI_RESERVED_TAG); /* news, not a ping */
	assert_int_equal(w->maxcmdsn - w->expcmdsn + 2, world->limits.max_commands);
	wire_answer(w, &r2t, own.data);
	wire_expect_status(w, itt, 0);
	expect_unharmed(w);
}

/* --- floods */

static void text_flood(struct wire_world *world)
{
	struct wire *good = session(world), *w = wire_open(world);
	char *text = wire_alloc(world, 8192);

	wire_login(w, &(struct wire_login){.discovery = true});
	for (int i = 0; i < 400; i++)
		memcpy(text + (size_t)i * 20, "X-flood.k=0123456789", 20);
	for (int i = 0; i < 400; i++)
		text[(size_t)i * 20 + 19] = 0;
	struct wire_pdu q = wire_make(w, ISCSI_TEXT_REQUEST | ISCSI_IMMEDIATE), r;
	q.text.flags = ISCSI_TEXT_CONTINUE;
	wire_set_data(&q, text, 8000);
	for (int i = 0; i < 300 && !w->ended; i++) {
		wire_send(w, &q);
		if (!wire_try(w, &r, 1))
			break;
		memcpy(q.text.ttt, r.text_response.ttt, 4);
		memcpy(q.text.lun, r.text_response.lun, 8);
		if (iscsi_opcode(&r.bhs) == ISCSI_TEXT_RESPONSE && w->received > 100)
			wire_fail(world, "%llu pieces of one text were taken",
				  (unsigned long long)w->received);
		if (iscsi_opcode(&r.bhs) == ISCSI_REJECT)
			break;
	}
	expect_unharmed(good);
}

/* Who asks and never reads the answers is stopped, and dropped in the end. */
static void asks_and_never_reads(struct wire_world *world)
{
	struct wire *good = session(world), *w = session(world);
	struct target_stats stats;
	const uint8_t *data = wire_pattern(world, 16384, 1);

	w->deaf = true;
	for (int i = 0; i < 1500; i++) {
		struct wire_pdu q = wire_make(w, ISCSI_NOP_OUT | ISCSI_IMMEDIATE);

		wire_set_data(&q, data, 16384);
		wire_send(w, &q);
	}
	wire_run(world, 5);
	target_get_stats(world->target, &stats);
	assert_true(stats.memory <= 64u << 20);
	expect_unharmed(good);
	wire_run(world, 60);
	target_get_stats(world->target, &stats);
	assert_int_equal(stats.connections, 1);
	assert_int_equal(stats.memory, 0);
	expect_unharmed(good);
}

/* Login after login with the same name: each takes the place of the one before. */
static void reinstatement_storm(struct wire_world *world)
{
	static const uint8_t isid[6] = {0x80, 9, 9, 9, 9, 9};
	struct wire *good = session(world);
	struct target_stats stats;

	for (int i = 0; i < 200; i++)
		wire_login(wire_open(world), &(struct wire_login){.isid = isid});
	wire_run(world, 1);
	target_get_stats(world->target, &stats);
	assert_int_equal(stats.sessions, 2);
	assert_int_equal(stats.connections, 2);
	expect_unharmed(good);
}

/* Cuts at every stage of a session's life, again and again. */
static void cut_anywhere(struct wire_world *world)
{
	struct wire *good = session(world);
	struct wire_pdu r2t;

	for (int i = 0; i < 60; i++) {
		struct wire *w = wire_open(world);
		struct wire_cmd write = {.cdb = WRITE10(100, 128), .write = 65536};

		write.data = wire_pattern(world, 65536, 1);
		if (i % 6 > 0)
			wire_login_step(w, WIRE_OPERATIONAL, NAMES, NULL);
		wire_close(w);
		if (i % 6 < 2)
			continue;
		w = wire_open(world);
		wire_login(w, &(struct wire_login){.keys = "InitialR2T=Yes"});
		wire_clear_attention(w, 0);
		uint32_t itt = wire_command(w, &write);
		if (i % 6 > 2)
			wire_expect_r2t(w, itt, 0, 65536, &r2t);
		if (i % 6 > 3)
			wire_answer(w, &r2t, write.data);
		if (i % 6 > 4)
			wire_expect_status(w, itt, 0);
		wire_close(w);
	}
	expect_unharmed(good);
}

static const struct wire_config limited = {.tune = few};
static const struct wire_config tight = {.tune = little_memory, .luns = 5};

static const struct wire_case cases[] = {
	REAL(garbage_in_a_session),
	CASE(garbage),
	CASE(flipped_bytes),
	CASE(half_a_pdu_and_silence),
	REAL(zeroes),
	CASE(thousands_of_connections),
	REAL_WITH(more_sessions_than_allowed, &limited),
	CASE_WITH(more_connections_than_allowed, &limited),
	CASE_WITH(silence_makes_room, &limited),
	CASE_WITH(more_than_memory, &tight),
	CASE_WITH(writes_that_never_come, &tight),
	CASE_WITH(windows_close_near_the_limit, &tight),
	CASE(text_flood),
	CASE(asks_and_never_reads),
	CASE(reinstatement_storm),
	REAL(cut_anywhere),
};

WIRE_THEME_DEFINE(hostile);

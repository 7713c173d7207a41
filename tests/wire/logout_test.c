/* SPDX-License-Identifier: BSD-2-Clause */
/* Logout, and being asked for it (RFC 7143 11.14, 11.15, 11.9.1). */
#include "wire.h"

static struct wire_pdu logout_pdu(struct wire *w, uint8_t reason, uint16_t cid)
{
	struct wire_pdu pdu = wire_make(w, ISCSI_LOGOUT_REQUEST | ISCSI_IMMEDIATE);

	pdu.logout.reason = (uint8_t)(ISCSI_FINAL | reason);
	put_be16(pdu.logout.cid, cid);
	return pdu;
}

static uint8_t try_logout(struct wire *w, uint8_t reason, uint16_t cid)
{
	struct wire_pdu q = logout_pdu(w, reason, cid), r;

	wire_send(w, &q);
	wire_expect(w, ISCSI_LOGOUT_RESPONSE, &r);
	assert_int_equal(wire_itt(&r), wire_itt(&q));
	return r.logout_response.response;
}

static void of_the_session(struct wire_world *world)
{
	struct wire *w = wire_open_session(world);

	assert_int_equal(try_logout(w, ISCSI_LOGOUT_SESSION, 0), ISCSI_LOGOUT_CLOSED);
	wire_expect_closed(w, 5);
}

/* For "close the session" the CID is reserved: whatever it is. */
static void of_the_session_by_any_cid(struct wire_world *world)
{
	struct wire *w = wire_open_session(world);

	assert_int_equal(try_logout(w, ISCSI_LOGOUT_SESSION, 0x4711), ISCSI_LOGOUT_CLOSED);
	wire_expect_closed(w, 5);
}

static void of_the_connection(struct wire_world *world)
{
	struct wire *w = wire_open(world);

	wire_login(w, &(struct wire_login){.cid = 9});
	assert_int_equal(try_logout(w, ISCSI_LOGOUT_CONNECTION, 9), ISCSI_LOGOUT_CLOSED);
	wire_expect_closed(w, 5);
}

static void of_another_connection(struct wire_world *world)
{
	struct wire *w = wire_open(world);

	wire_login(w, &(struct wire_login){.cid = 9});
	assert_int_equal(try_logout(w, ISCSI_LOGOUT_CONNECTION, 8), ISCSI_LOGOUT_NO_CID);
	wire_ping(w);
}

/* 11.15.1: at ErrorRecoveryLevel 0 there is no recovery. */
static void for_recovery(struct wire_world *world)
{
	struct wire *w = wire_open_session(world);

	assert_int_equal(try_logout(w, ISCSI_LOGOUT_RECOVERY, 0), ISCSI_LOGOUT_NO_RECOVERY);
	wire_ping(w);
}

static void for_no_known_reason(struct wire_world *world)
{
	struct wire *w = wire_open_session(world);
	struct wire_pdu q = logout_pdu(w, 5, 0), r;

	wire_send(w, &q);
	wire_recv(w, &r);
	if (iscsi_opcode(&r.bhs) == ISCSI_LOGOUT_RESPONSE)
		assert_int_equal(r.logout_response.response, ISCSI_LOGOUT_FAILED);
	else
		assert_int_equal(iscsi_opcode(&r.bhs), ISCSI_REJECT);
	wire_ping(w);
}

/* Numbered, it waits its turn. */
static void in_its_turn(struct wire_world *world)
{
	struct wire *w = wire_open_session(world);
	struct wire_pdu q = logout_pdu(w, ISCSI_LOGOUT_SESSION, 0), ping, r;
	uint32_t first = w->cmdsn;

	q.logout.opcode = ISCSI_LOGOUT_REQUEST;
	put_be32(q.logout.cmdsn, first + 1);
	wire_send(w, &q);
	wire_expect_silence(w, 1);
	ping = wire_make(w, ISCSI_NOP_OUT);
	wire_send(w, &ping);
	wire_expect(w, ISCSI_NOP_IN, &r);
	wire_expect(w, ISCSI_LOGOUT_RESPONSE, &r);
	wire_expect_closed(w, 5);
}

/* 11.14: pending commands end without a word, and what comes after is not looked at. */
static void with_commands_under_way(struct wire_world *world)
{
	struct wire *w = wire_open_session(world);
	struct wire_pdu q, r;

	wire_clear_attention(w, 0);
	sim_disk_state(world->sim, wire_disk(0), SIM_DISK_HANGS);
	for (int i = 0; i < 8; i++)
		wire_command(w, &(struct wire_cmd){.cdb = READ10(0, 8), .read = 4096});
	q = logout_pdu(w, ISCSI_LOGOUT_SESSION, 0);
	wire_send(w, &q);
	wire_command(w, &(struct wire_cmd){.cdb = TEST_UNIT_READY});
	wire_expect(w, ISCSI_LOGOUT_RESPONSE, &r);
	assert_int_equal(r.logout_response.response, ISCSI_LOGOUT_CLOSED);
	wire_expect_closed(w, 5);
	wire_ping(wire_open_session(world)); /* while the disk still hangs */
}

/* What was answered before the logout arrives before its response. */
static void after_the_answers(struct wire_world *world)
{
	struct wire *w = wire_open_session(world);
	struct wire_pdu q, pdu;
	unsigned data = 0;

	wire_clear_attention(w, 0);
	wire_good(w, &(struct wire_cmd){.cdb = READ10(0, 128), .read = 65536}, NULL);
	for (int i = 0; i < 4; i++) {
		q = wire_make(w, ISCSI_NOP_OUT);
		wire_set_data(&q, wire_pattern(world, 60000, 1), 60000);
		wire_send(w, &q);
	}
	q = logout_pdu(w, ISCSI_LOGOUT_SESSION, 0);
	wire_send(w, &q);
	for (;;) {
		wire_recv(w, &pdu);
		if (iscsi_opcode(&pdu.bhs) == ISCSI_LOGOUT_RESPONSE)
			break;
		assert_int_equal(pdu.data_len, 60000);
		data++;
	}
	assert_int_equal(data, 4);
	wire_expect_closed(w, 5);
}

/* The initiator that never closes its end is not waited for: 5 s. */
static void nobody_closes(struct wire_world *world)
{
	struct wire *w = wire_open_session(world);
	struct target_stats stats;

	assert_int_equal(try_logout(w, ISCSI_LOGOUT_SESSION, 0), ISCSI_LOGOUT_CLOSED);
	wire_run(world, 6);
	target_get_stats(world->target, &stats);
	assert_int_equal(stats.connections, 0);
	assert_int_equal(stats.sessions, 0);
}

/* --- shutdown of the target */

static void drained(void *ctx)
{
	*(uint64_t *)ctx = 1;
}

static void asked_to_log_out(struct wire_world *world)
{
	struct wire *w = wire_open_session(world), *other = wire_open_session(world);
	struct wire_pdu async;
	uint64_t done = 0;

	target_drain(world->target, world->limits.drain_timeout, drained, &done);
	for (int i = 0; i < 2; i++) {
		struct wire *x = i ? other : w;

		wire_expect(x, ISCSI_ASYNC_MESSAGE, &async);
		assert_int_equal(async.async.event, ISCSI_ASYNC_LOGOUT_REQUEST);
		/* Parameter 3: within so many seconds; 1 and 2 are reserved. */
		assert_int_equal(get_be16(async.async.parameter3), world->limits.drain_timeout);
		assert_int_equal(get_be16(async.async.parameter1), 0);
		assert_int_equal(get_be16(async.async.parameter2), 0);
	}
	assert_int_equal(done, 0);
	wire_logout(w);
	wire_run(world, 0.5);
	assert_int_equal(done, 0);
	wire_logout(other);
	wire_run(world, 0.5);
	assert_int_equal(done, 1);
}

/* Commands under way are finished in the time that is left. */
static void commands_are_finished_first(struct wire_world *world)
{
	struct wire *w = wire_open_session(world);
	const uint8_t *data = wire_pattern(world, 4096, 1);
	struct wire_pdu r2t;
	uint64_t done = 0;
	uint32_t itt;

	wire_clear_attention(w, 0);
	itt = wire_command(w, &(struct wire_cmd){.cdb = WRITE10(0, 8), .write = 4096});
	wire_expect_r2t(w, itt, 0, 4096, &r2t);
	target_drain(world->target, world->limits.drain_timeout, drained, &done);
	wire_expect(w, ISCSI_ASYNC_MESSAGE, NULL);
	wire_answer(w, &r2t, data);
	wire_expect_status(w, itt, 0);
	wire_logout(w);
	wire_run(world, 0.5);
	assert_int_equal(done, 1);
}

/* Who does not listen is dropped after drain_timeout, 30 s. */
static void asked_in_vain(struct wire_world *world)
{
	struct wire *w = wire_open_session(world);
	uint64_t done = 0, start = wire_now(world);
	double took;

	target_drain(world->target, world->limits.drain_timeout, drained, &done);
	wire_expect(w, ISCSI_ASYNC_MESSAGE, NULL);
	wire_expect_end(w, 40);
	took = (double)(wire_now(world) - start) / (double)NSEC_PER_SEC;
	assert_true(took > 29.5 && took < 31);
	wire_run(world, 0.5);
	assert_int_equal(done, 1);
}

/* Nobody new comes in meanwhile, and a login that is under way does not hold it up. */
static void nobody_new(struct wire_world *world)
{
	struct wire *w = wire_open_session(world), *half = wire_open(world), *late;
	uint64_t done = 0;

	assert_int_equal(
		wire_login_step(half, WIRE_OPERATIONAL,
				"InitiatorName=" WIRE_INITIATOR "\nTargetName=" WIRE_TARGET, NULL),
		0);
	target_drain(world->target, world->limits.drain_timeout, drained, &done);
	wire_expect(w, ISCSI_ASYNC_MESSAGE, NULL);
	late = wire_open_async(world);
	wire_run(world, 1);
	assert_true(!late->connected || late->ended);
	wire_logout(w);
	wire_expect_end(half, 16);
	wire_run(world, 1);
	assert_int_equal(done, 1);
}

static const struct wire_case cases[] = {
	REAL(of_the_session),    CASE(of_the_session_by_any_cid),
	REAL(of_the_connection), CASE(of_another_connection),
	CASE(for_recovery),      CASE(for_no_known_reason),
	CASE(in_its_turn),       CASE(with_commands_under_way),
	REAL(after_the_answers), CASE(nobody_closes),
	REAL(asked_to_log_out),  REAL(commands_are_finished_first),
	CASE(asked_in_vain),     CASE(nobody_new),
};

WIRE_THEME_DEFINE(logout);

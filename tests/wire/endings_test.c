/* SPDX-License-Identifier: BSD-2-Clause */
/* Ends that meet: of tasks, functions, sessions and connections, one from inside another. */
#include "wire.h"

#define NO_TAG ISCSI_RESERVED_TAG

/* Everything is asked for: writes have R2Ts outstanding. */
static struct wire *session(struct wire_world *world)
{
	struct wire *w = wire_open(world);

	wire_login(w, &(struct wire_login){.keys = "InitialR2T=Yes\nImmediateData=No"});
	wire_clear_attention(w, 0);
	return w;
}

static uint32_t write_with_an_r2t(struct wire *w, uint8_t lba, unsigned attr)
{
	struct wire_pdu r2t;
	uint32_t itt = wire_command(
		w, &(struct wire_cmd){.cdb = WRITE10(lba, 8), .write = 4096, .attr = attr});

	wire_expect_r2t(w, itt, 0, 4096, &r2t);
	return itt;
}

static void expect_all_over(struct wire_world *world)
{
	struct target_stats stats;

	wire_run(world, 2);
	target_get_stats(world->target, &stats);
	assert_int_equal(stats.sessions, 0);
	assert_int_equal(stats.memory, 0);
	session(world);
}

/* A cold reset waits for the data of its own session, which ends before. */
static void close_while_a_reset_waits(struct wire_world *world)
{
	struct wire *w = session(world);

	write_with_an_r2t(w, 0, 0);
	wire_tmf(w, ISCSI_TMF_TARGET_COLD_RESET, 0, NO_TAG, 0);
	wire_run(world, 0.5);
	wire_close(w);
	expect_all_over(world);
}

static void logout_while_a_reset_waits(struct wire_world *world)
{
	struct wire *w = session(world);
	struct wire_pdu logout = wire_make(w, ISCSI_LOGOUT_REQUEST | ISCSI_IMMEDIATE);

	write_with_an_r2t(w, 0, 0);
	wire_tmf(w, ISCSI_TMF_TARGET_COLD_RESET, 0, NO_TAG, 0);
	wire_run(world, 0.5);
	wire_send(w, &logout);
	wire_expect(w, ISCSI_LOGOUT_RESPONSE, NULL);
	expect_all_over(world);
}

static void reinstate_while_a_reset_waits(struct wire_world *world)
{
	struct wire *w = session(world);

	write_with_an_r2t(w, 0, 0);
	wire_tmf(w, ISCSI_TMF_TARGET_COLD_RESET, 0, NO_TAG, 0);
	wire_run(world, 0.5);
	struct wire *again = wire_open(world);
	wire_login(again, &(struct wire_login){.isid = w->isid});
	wire_clear_attention(again, 0);
	wire_logout(again);
	expect_all_over(world);
}

/* Another session's end is what the reset waited for, and the reset ends that session. */
static void close_completes_anothers_reset(struct wire_world *world)
{
	struct wire *w = session(world), *other = session(world);

	sim_disk_state(world->sim, wire_disk(0), SIM_DISK_HANGS);
	wire_command(other, &(struct wire_cmd){.cdb = READ10(0, 8), .read = 4096});
	wire_run(world, 0.5);
	wire_tmf(w, ISCSI_TMF_TARGET_COLD_RESET, 0, NO_TAG, 0);
	wire_run(world, 0.5);
	wire_close(other);
	sim_disk_state(world->sim, wire_disk(0), SIM_DISK_OK);
	expect_all_over(world);
}

/* Of two writes that owe data to an aborted task set, the end of one lets the other go on, in the same
 * list of tags. */
static void tasks_that_end_one_another(struct wire_world *world)
{
	struct wire *w = session(world);
	struct wire_pdu pdu;
	unsigned answers = 0;

	w->itt = 0x41;
	write_with_an_r2t(w, 0, 0);
	w->itt = 0x80;
	write_with_an_r2t(w, 100, 3); /* HEAD OF QUEUE */
	w->itt = 0x42;
	uint32_t itt = wire_tmf(w, ISCSI_TMF_ABORT_TASK_SET, 0, NO_TAG, 0);
	w->itt = 0xc0;
	wire_command(w, &(struct wire_cmd){.cdb = TEST_UNIT_READY});
	w->itt = 0x1000;
	for (; wire_try(w, &pdu, 5); answers++)
		if (iscsi_opcode(&pdu.bhs) == ISCSI_TMF_RESPONSE)
			assert_int_equal(wire_itt(&pdu), itt);
	assert_int_equal(answers, 2);
	wire_ping(w);
}

/* Data that an aborted command still owed is not waited for. */
static void aborted_while_it_owes(struct wire_world *world)
{
	struct wire *w = wire_open_session(world);
	const uint8_t *data = wire_pattern(world, 8192, 1);
	uint32_t first, itt;

	wire_clear_attention(w, 0);
	first = w->cmdsn;
	struct wire_pdu held = wire_command_pdu(w, &(struct wire_cmd){.cdb = WRITE10(0, 16),
								      .write = 8192,
								      .data = data,
								      .immediate = 512,
								      .more = true});
	put_be32(held.command.cmdsn, first + 1);
	wire_send(w, &held);
	w->cmdsn = first + 2;
	itt = wire_tmf(w, ISCSI_TMF_ABORT_TASK, 0, wire_itt(&held), first + 1);
	wire_expect_tmf(w, itt, ISCSI_TMF_COMPLETE);
	struct wire_pdu gap = wire_make(w, ISCSI_NOP_OUT);
	put_be32(gap.nop_out.cmdsn, first);
	wire_send(w, &gap);
	wire_expect(w, ISCSI_NOP_IN, NULL);
	for (int i = 0; i < 6; i++) {
		wire_run(world, 10);
		wire_ping(w);
	}
}

/* A command that has failed and still owes unsolicited data is a task, and functions cover it: no
 * response of it comes after theirs (4.2.3.3). */
static void failed_while_it_owes(struct wire_world *world)
{
	static const uint8_t functions[] = {ISCSI_TMF_ABORT_TASK_SET, ISCSI_TMF_ABORT_TASK};
	const uint8_t *data = wire_pattern(world, 1024, 1);

	for (size_t i = 0; i < sizeof(functions); i++) {
		struct wire *w = wire_open_session(world);
		wire_clear_attention(w, 0);
		uint32_t cmdsn = w->cmdsn, itt;
		uint32_t task = wire_command(w, &(struct wire_cmd){.cdb = WRITE10(0x10000000, 2),
								   .write = 1024,
								   .data = data,
								   .immediate = 512,
								   .more = true});
		wire_run(world, 0.2);
		itt = wire_tmf(w, functions[i], 0, i ? task : NO_TAG, i ? cmdsn : 0);
		wire_expect_tmf(w, itt, ISCSI_TMF_COMPLETE);
		wire_data_out(w, &(struct wire_out){.itt = task,
						    .ttt = NO_TAG,
						    .offset = 512,
						    .len = 512,
						    .data = data + 512});
		wire_expect_silence(w, 5);
		for (int j = 0; j < 4; j++) {
			wire_run(world, 10);
			wire_ping(w);
		}
		wire_logout(w);
	}
}

/* What was lost with the old connection of a session is not waited for on the new one. */
static void reinstated_over_a_gap(struct wire_world *world)
{
	struct wire *w = session(world), *again = wire_open(world);

	again->cmdsn = again->cmdsn_top = w->cmdsn + 1; /* one was sent, and never came */
	wire_login(again, &(struct wire_login){.isid = w->isid, .tsih = w->tsih});
	wire_clear_attention(again, 0);
	wire_ping(again);
}

/* A function in its turn that never comes, and what is behind it: the connection ends in time. */
static void a_function_behind_a_gap_for_ever(struct wire_world *world)
{
	struct wire *w = session(world);
	struct wire_pdu tmf = wire_make(w, ISCSI_TMF_REQUEST);

	tmf.tmf.function = ISCSI_FINAL | ISCSI_TMF_ABORT_TASK_SET;
	put_be32(tmf.tmf.referenced_tag, NO_TAG);
	put_be32(tmf.tmf.cmdsn, w->cmdsn + 1);
	wire_send(w, &tmf);
	wire_run(world, world->limits.tmf_timeout + 5);
	expect_all_over(world);
}

static const struct wire_case cases[] = {
	CASE(close_while_a_reset_waits),
	CASE(logout_while_a_reset_waits),
	CASE(reinstate_while_a_reset_waits),
	CASE(close_completes_anothers_reset),
	CASE(tasks_that_end_one_another),
	CASE(aborted_while_it_owes),
	CASE(failed_while_it_owes),
	CASE(reinstated_over_a_gap),
	CASE(a_function_behind_a_gap_for_ever),
};
WIRE_THEME_DEFINE(endings);

/* SPDX-License-Identifier: BSD-2-Clause */
/* Task management (RFC 7143 11.5, 11.6, 4.2.3), with disks that answer late or never. */
#include "wire.h"

#define NO_TAG ISCSI_RESERVED_TAG

static struct wire *session(struct wire_world *world)
{
	struct wire *w = wire_open_session(world);

	wire_clear_attention(w, 0);
	return w;
}

static void hang(struct wire_world *world, bool on)
{
	sim_disk_state(world->sim, wire_disk(0), on ? SIM_DISK_HANGS : SIM_DISK_OK);
}

static struct wire *r2t_session(struct wire_world *world)
{
	struct wire *w = wire_open(world);

	wire_login(w, &(struct wire_login){.keys = "InitialR2T=Yes\nImmediateData=No"});
	wire_clear_attention(w, 0);
	return w;
}

/* 11.6.1 c: never heard of it. */
static void abort_of_nothing(struct wire_world *world)
{
	struct wire *w = session(world);
	uint32_t itt = wire_tmf(w, ISCSI_TMF_ABORT_TASK, 0, 0x4711, w->cmdsn + 0x10000);

	wire_expect_tmf(w, itt, ISCSI_TMF_NO_TASK);
	wire_ping(w);
}

/* 7.11: answered before the abort came. */
static void abort_of_what_is_over(struct wire_world *world)
{
	struct wire *w = session(world);
	uint32_t cmdsn = w->cmdsn, itt = w->itt;

	wire_good(w, &(struct wire_cmd){.cdb = READ10(0, 1), .read = 512}, NULL);
	itt = wire_tmf(w, ISCSI_TMF_ABORT_TASK, 0, itt, cmdsn);
	wire_expect_tmf(w, itt, ISCSI_TMF_NO_TASK);
}

/* 11.6.1 b: the command never came, but its number is due: the abort plugs the gap. */
static void abort_of_what_was_lost(struct wire_world *world)
{
	struct wire *w = session(world);
	uint32_t lost = w->cmdsn++, itt;

	w->cmdsn_top = w->cmdsn; /* the plug acknowledges what was never sent */
	itt = wire_tmf(w, ISCSI_TMF_ABORT_TASK, 0, 0x4711, lost);
	wire_expect_tmf(w, itt, ISCSI_TMF_COMPLETE);
	wire_ping(w); /* carries lost + 1, and its turn has come */
}

/* A write that waits for its data: ended at once, and its data have nowhere to go. */
static void abort_of_a_write_with_an_r2t(struct wire_world *world)
{
	struct wire *w = r2t_session(world);
	uint32_t cmdsn = w->cmdsn, task, itt;
	const uint8_t *data = wire_pattern(world, 4096, 1);
	struct wire_pdu r2t;
	struct wire_result r;

	task = wire_command(w, &(struct wire_cmd){.cdb = WRITE10(0, 8), .write = 4096});
	wire_expect_r2t(w, task, 0, 4096, &r2t);
	itt = wire_tmf(w, ISCSI_TMF_ABORT_TASK, 0, task, cmdsn);
	wire_expect_tmf(w, itt, ISCSI_TMF_COMPLETE);
	wire_answer(w, &r2t, data); /* late data of the aborted task */
	struct wire_pdu pdu;
	while (wire_try(w, &pdu, 1))
		assert_int_equal(iscsi_opcode(&pdu.bhs), ISCSI_REJECT);
	wire_good(w, &(struct wire_cmd){.cdb = READ10(0, 8), .read = 4096}, &r);
	for (int i = 0; i < 4096; i++)
		assert_int_equal(r.data[i], 0);
}

/* The abort comes while half of the data is there. */
static void abort_in_the_middle_of_data(struct wire_world *world)
{
	struct wire *w = r2t_session(world);
	uint32_t cmdsn = w->cmdsn, task, itt;
	const uint8_t *data = wire_pattern(world, 8192, 1);
	struct wire_pdu r2t, pdu;

	task = wire_command(w, &(struct wire_cmd){.cdb = WRITE10(0, 16), .write = 8192});
	wire_expect_r2t(w, task, 0, 8192, &r2t);
	wire_data_out(w, &(struct wire_out){.itt = task,
					    .ttt = get_be32(r2t.r2t.ttt),
					    .len = 4096,
					    .data = data,
					    .more = true});
	itt = wire_tmf(w, ISCSI_TMF_ABORT_TASK, 0, task, cmdsn);
	wire_expect_tmf(w, itt, ISCSI_TMF_COMPLETE);
	wire_data_out(w, &(struct wire_out){.itt = task,
					    .ttt = get_be32(r2t.r2t.ttt),
					    .datasn = 1,
					    .offset = 4096,
					    .len = 4096,
					    .data = data + 4096});
	while (wire_try(w, &pdu, 1))
		assert_int_equal(iscsi_opcode(&pdu.bhs), ISCSI_REJECT);
	wire_ping(w);
}

/* A read at a disk that takes its time: complete when it cannot matter any more; no answer of the
 * task comes after (11.5.1). */
static void abort_of_a_read(struct wire_world *world)
{
	struct wire *w = session(world);
	uint32_t cmdsn = w->cmdsn, task, itt;

	hang(world, true);
	task = wire_command(w, &(struct wire_cmd){.cdb = READ10(0, 8), .read = 4096});
	wire_run(world, 1);
	itt = wire_tmf(w, ISCSI_TMF_ABORT_TASK, 0, task, cmdsn);
	wire_run(world, 1);
	hang(world, false);
	wire_expect_tmf(w, itt, ISCSI_TMF_COMPLETE);
	wire_expect_silence(w, 2);
	wire_good(w, &(struct wire_cmd){.cdb = READ10(0, 8), .read = 4096}, NULL);
}

/* 4.2.3.3 a: for these the data of outstanding R2Ts are waited for; then both end. */
static void set_functions_wait_for_data(struct wire_world *world)
{
	static const uint8_t functions[] = {ISCSI_TMF_ABORT_TASK_SET, ISCSI_TMF_CLEAR_TASK_SET};

	for (size_t i = 0; i < sizeof(functions); i++) {
		struct wire *w = r2t_session(world);
		const uint8_t *data = wire_pattern(world, 4096, 1);
		struct wire_pdu r2t;
		struct wire_result r;
		uint32_t task =
			wire_command(w, &(struct wire_cmd){.cdb = WRITE10(0, 8), .write = 4096});
		uint32_t itt;

		wire_expect_r2t(w, task, 0, 4096, &r2t);
		itt = wire_tmf(w, functions[i], 0, NO_TAG, 0);
		wire_expect_silence(w, 0.5);
		wire_answer(w, &r2t, data);
		wire_expect_tmf(w, itt, ISCSI_TMF_COMPLETE);
		wire_expect_silence(w, 0.5); /* no response for the task */
		wire_good(w, &(struct wire_cmd){.cdb = READ10(0, 8), .read = 4096}, &r);
		for (int j = 0; j < 4096; j++)
			assert_int_equal(r.data[j], 0);
		wire_logout(w);
	}
}

/* ... but not for ever: Linux' initiator, for one, does not send them. */
static void set_function_and_no_data(struct wire_world *world)
{
	struct wire *w = r2t_session(world);
	struct wire_pdu r2t;
	uint32_t task = wire_command(w, &(struct wire_cmd){.cdb = WRITE10(0, 8), .write = 4096});
	uint32_t itt;

	wire_expect_r2t(w, task, 0, 4096, &r2t);
	itt = wire_tmf(w, ISCSI_TMF_ABORT_TASK_SET, 0, NO_TAG, 0);
	wire_expect_tmf(w, itt, ISCSI_TMF_COMPLETE);
	wire_good(w, &(struct wire_cmd){.cdb = READ10(0, 8), .read = 4096}, NULL);
}

/* ABORT TASK SET ends one's own tasks, not those of others. */
static void abort_task_set(struct wire_world *world)
{
	struct wire *w = session(world), *other = session(world);
	struct wire_cmd read = {.cdb = READ10(0, 8), .read = 4096};
	struct wire_result r;
	uint32_t itt, theirs;

	hang(world, true);
	for (int i = 0; i < 4; i++)
		wire_command(w, &read);
	theirs = wire_command(other, &read);
	wire_run(world, 1);
	itt = wire_tmf(w, ISCSI_TMF_ABORT_TASK_SET, 0, NO_TAG, 0);
	wire_run(world, 1);
	hang(world, false);
	wire_expect_tmf(w, itt, ISCSI_TMF_COMPLETE);
	wire_expect_silence(w, 1);
	wire_finish(other, &read, theirs, &r);
	assert_int_equal(r.status, 0);
	wire_good(w, &read, NULL);
}

/* CLEAR TASK SET and the resets end everybody's tasks. With TAS set, which is the default here, the
 * others get TASK ABORTED for each (SAM-5 5.6), but not while their writes may still land. After a
 * reset there is a unit attention for everybody besides. */
static void functions_that_reach_others(struct wire_world *world)
{
	static const struct {
		uint8_t function;
		bool reset;
	} rows[] = {
		{ISCSI_TMF_CLEAR_TASK_SET, false},
		{ISCSI_TMF_LOGICAL_UNIT_RESET, true},
		{ISCSI_TMF_TARGET_WARM_RESET, true},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct wire *w = session(world), *other = session(world);
		struct wire_cmd write = {.cdb = WRITE10(0, 8), .write = 4096, .immediate = 4096};
		struct wire_result r;
		uint32_t itt, theirs;

		write.data = wire_pattern(world, 4096, i);
		hang(world, true);
		wire_command(w, &write);
		theirs = wire_command(other, &write);
		wire_run(world, 1);
		itt = wire_tmf(w, rows[i].function, 0, NO_TAG, 0);
		wire_expect_silence(other, 1);
		wire_expect_silence(w, 0.1);
		hang(world, false);
		wire_expect_tmf(w, itt, ISCSI_TMF_COMPLETE);
		wire_expect_silence(w, 1);
		wire_expect_status(other, theirs, 0x40);
		for (int j = 0; j < 2; j++) {
			wire_execute(j ? other : w, &(struct wire_cmd){.cdb = TEST_UNIT_READY}, &r);
			assert_int_equal(r.status, rows[i].reset ? 0x02 : 0);
			assert_int_equal(r.asc >> 8, rows[i].reset ? 0x29 : 0);
		}
		wire_clear_attention(w, 0);
		wire_clear_attention(other, 0);
		wire_logout(w);
		wire_logout(other);
	}
}

/* With TAS clear they get nothing but a unit attention: COMMANDS CLEARED BY ANOTHER INITIATOR. */
static void tas_off(struct wire *w, struct wire *other)
{
	static const uint8_t control[] = {0, 0, 0, 0, 0x0a, 0x0a, 2, 0x10,
					  0, 0, 0, 0, 0xff, 0xff, 0, 0};

	wire_good(w,
		  &(struct wire_cmd){.cdb = {0x15, 0x10, 0, 0, sizeof(control)},
				     .write = sizeof(control),
				     .data = control},
		  NULL);
	wire_clear_attention(other, 0); /* mode parameters changed */
}

static void without_task_aborted_status(struct wire_world *world)
{
	struct wire *w = session(world), *other = session(world);
	uint32_t itt;

	tas_off(w, other);
	hang(world, true);
	wire_command(other, &(struct wire_cmd){.cdb = READ10(0, 8), .read = 4096});
	wire_run(world, 1);
	itt = wire_tmf(w, ISCSI_TMF_CLEAR_TASK_SET, 0, NO_TAG, 0);
	wire_run(world, 1);
	hang(world, false);
	wire_expect_tmf(w, itt, ISCSI_TMF_COMPLETE);
	wire_expect_silence(other, 1);
	wire_check(other, &(struct wire_cmd){.cdb = TEST_UNIT_READY}, 6, 0x2f00);
	wire_good(w, &(struct wire_cmd){.cdb = TEST_UNIT_READY}, NULL);
}

#define MANY 100
#define LARGE_READ                                       \
	{                                                \
		.cdb = READ10(0, 2048), .read = 1u << 20 \
	}

/* `victim` reads more than there is memory for, so that some of it waits; `w` has all of it aborted. */
static void ask_for_too_much(struct wire_world *world, struct wire *w, uint8_t function,
			     struct wire *victim)
{
	uint32_t itt;

	hang(world, true);
	for (int i = 0; i < MANY; i++)
		wire_command(victim, &(struct wire_cmd)LARGE_READ);
	wire_run(world, 1);
	itt = wire_tmf(w, function, 0, NO_TAG, 0);
	wire_run(world, 1);
	hang(world, false);
	wire_expect_tmf(w, itt, ISCSI_TMF_COMPLETE);
}

/* Commands of another session that wait for memory: aborted or executed, each comes to its end. */
static void commands_that_wait_for_memory(struct wire_world *world)
{
	struct wire *w = session(world), *other = session(world);
	unsigned aborted = 0, good = 0;

	ask_for_too_much(world, w, ISCSI_TMF_CLEAR_TASK_SET, other);
	while (aborted + good < MANY) {
		struct wire_pdu pdu;

		wire_recv(other, &pdu);
		if (iscsi_opcode(&pdu.bhs) == ISCSI_SCSI_RESPONSE) {
			assert_int_equal(pdu.response.status, 0x40);
			aborted++;
		} else {
			assert_int_equal(iscsi_opcode(&pdu.bhs), ISCSI_DATA_IN);
			good += pdu.data_in.flags & ISCSI_DATA_STATUS;
		}
	}
	assert_true(aborted > 0);
	wire_clear_attention(other, 0);
}

/* ... and of the session that asked: none of them answers after the function has. */
/* ... and are told in the same way as those that the device server has. */
static void waiting_without_task_aborted_status(struct wire_world *world)
{
	struct wire *w = session(world), *other = session(world);

	tas_off(w, other);
	ask_for_too_much(world, w, ISCSI_TMF_CLEAR_TASK_SET, other);
	wire_expect_silence(other, 2);
	wire_check(other, &(struct wire_cmd){.cdb = TEST_UNIT_READY}, 6, 0x2f00);
	wire_good(other, &(struct wire_cmd)LARGE_READ, NULL);
}

static void own_commands_that_wait_for_memory(struct wire_world *world)
{
	struct wire *w = session(world);

	ask_for_too_much(world, w, ISCSI_TMF_ABORT_TASK_SET, w);
	wire_expect_silence(w, 2);
	wire_good(w, &(struct wire_cmd)LARGE_READ, NULL);
}

/* 11.5.1: a cold reset is a power on: every connection of the target ends. */
static void cold_reset(struct wire_world *world)
{
	struct wire *w = session(world), *other = session(world);
	struct wire_pdu pdu;
	uint32_t itt = wire_tmf(w, ISCSI_TMF_TARGET_COLD_RESET, 0, NO_TAG, 0);

	if (wire_try(w, &pdu, 10)) { /* the response may get lost */
		assert_int_equal(iscsi_opcode(&pdu.bhs), ISCSI_TMF_RESPONSE);
		assert_int_equal(wire_itt(&pdu), itt);
		assert_int_equal(pdu.tmf_response.response, ISCSI_TMF_COMPLETE);
	}
	wire_expect_closed(w, 5);
	wire_expect_closed(other, 5);
	session(world);
}

/* A command that is sent after a function is none of its tasks, and hears of it. */
static void a_function_and_what_comes_after_it(struct wire_world *world)
{
	for (int i = 0; i < 20; i++) {
		struct wire *w = session(world);
		struct wire_pdu reset = wire_make(w, ISCSI_TMF_REQUEST | ISCSI_IMMEDIATE);
		struct wire_pdu command =
			wire_command_pdu(w, &(struct wire_cmd){.cdb = READ10(0, 8), .read = 4096});

		reset.tmf.function = ISCSI_FINAL | ISCSI_TMF_LOGICAL_UNIT_RESET;
		put_be32(reset.tmf.referenced_tag, NO_TAG);
		hang(world, true);
		wire_send_both(w, &reset, &command);
		wire_expect_tmf(w, wire_itt(&reset), ISCSI_TMF_COMPLETE);
		wire_expect_sense(w, wire_itt(&command), 0x06, 0x2903);
		hang(world, false);
		wire_logout(w);
	}
}

static void no_such_lun(struct wire_world *world)
{
	struct wire *w = session(world);

	wire_expect_tmf(w, wire_tmf(w, ISCSI_TMF_LOGICAL_UNIT_RESET, 7, NO_TAG, 0),
			ISCSI_TMF_NO_LUN);
	wire_expect_tmf(w, wire_tmf(w, ISCSI_TMF_ABORT_TASK_SET, 7, NO_TAG, 0), ISCSI_TMF_NO_LUN);
	wire_expect_tmf(w, wire_tmf(w, ISCSI_TMF_CLEAR_TASK_SET, 7, NO_TAG, 0), ISCSI_TMF_NO_LUN);
}

static void what_is_not_supported(struct wire_world *world)
{
	static const uint8_t unknown[] = {ISCSI_TMF_CLEAR_ACA, 9, 12, 13, 0, 127};
	struct wire *w = session(world);
	struct wire_pdu pdu;

	for (size_t i = 0; i < sizeof(unknown); i++)
		wire_expect_tmf(w, wire_tmf(w, unknown[i], 0, NO_TAG, 0), ISCSI_TMF_NOT_SUPPORTED);
	/* 11.6.1: either will do at ErrorRecoveryLevel 0. */
	wire_tmf(w, ISCSI_TMF_TASK_REASSIGN, 0, 0x4711, 0);
	wire_expect(w, ISCSI_TMF_RESPONSE, &pdu);
	assert_true(pdu.tmf_response.response == ISCSI_TMF_NO_REASSIGN ||
		    pdu.tmf_response.response == ISCSI_TMF_NOT_SUPPORTED);
}

/* 11.5.1: an abort of a task management function is rejected. */
static void abort_of_a_task_management_function(struct wire_world *world)
{
	struct wire *w = session(world);
	uint32_t reset, itt;

	hang(world, true);
	wire_command(w, &(struct wire_cmd){.cdb = READ10(0, 8), .read = 4096});
	wire_run(world, 1);
	reset = wire_tmf(w, ISCSI_TMF_LOGICAL_UNIT_RESET, 0, NO_TAG, 0);
	itt = wire_tmf(w, ISCSI_TMF_ABORT_TASK, 0, reset, w->cmdsn);
	wire_expect_tmf(w, itt, ISCSI_TMF_REJECTED);
	hang(world, false);
	wire_expect_tmf(w, reset, ISCSI_TMF_COMPLETE);
}

/* Numbered, a function takes its turn after the commands before it. */
static void in_its_turn(struct wire_world *world)
{
	struct wire *w = session(world);
	struct wire_pdu tmf = wire_make(w, ISCSI_TMF_REQUEST), gap;
	uint32_t first = w->cmdsn;

	tmf.tmf.function = ISCSI_FINAL | ISCSI_TMF_ABORT_TASK_SET;
	put_be32(tmf.tmf.referenced_tag, NO_TAG);
	put_be32(tmf.tmf.cmdsn, first + 1);
	wire_send(w, &tmf);
	wire_expect_silence(w, 1);
	gap = wire_make(w, ISCSI_NOP_OUT);
	wire_send(w, &gap);
	wire_expect(w, ISCSI_NOP_IN, NULL);
	wire_expect_tmf(w, wire_itt(&tmf), ISCSI_TMF_COMPLETE);
	w->cmdsn = first + 2;
	wire_ping(w);
}

/* 4.2.3.3: an immediate function that covers commands which are still held behind a gap. Whatever it
 * answers, the numbering must not be left in pieces. */
static void over_a_gap(struct wire_world *world)
{
	struct wire *w = session(world);
	uint32_t first = w->cmdsn, itt;
	struct wire_pdu held = wire_command_pdu(w, &(struct wire_cmd){.cdb = TEST_UNIT_READY});
	struct wire_pdu gap, pdu;
	bool answered = false;

	put_be32(held.command.cmdsn, first + 1);
	wire_send(w, &held);
	w->cmdsn = first + 2;
	itt = wire_tmf(w, ISCSI_TMF_ABORT_TASK_SET, 0, NO_TAG, 0);
	wire_run(world, 0.5);
	gap = wire_make(w, ISCSI_NOP_OUT);
	put_be32(gap.nop_out.cmdsn, first);
	wire_send(w, &gap);
	while (wire_try(w, &pdu, 12)) {
		/* No response of a covered task after the function's. */
		assert_false(answered && iscsi_opcode(&pdu.bhs) == ISCSI_SCSI_RESPONSE);
		if (iscsi_opcode(&pdu.bhs) != ISCSI_TMF_RESPONSE)
			continue;
		assert_int_equal(wire_itt(&pdu), itt);
		answered = true;
	}
	assert_true(answered);
	wire_ping(w); /* number first + 2 has its turn */
	assert_int_equal(w->expcmdsn, first + 3);
}

/* The gap is plugged, and what comes next in the order ends the session. */
static void a_logout_behind_the_gap(struct wire_world *world)
{
	struct wire *w = session(world);
	uint32_t first = w->cmdsn;
	struct wire_pdu logout = wire_make(w, ISCSI_LOGOUT_REQUEST), pdu;
	bool logged_out = false;

	put_be32(logout.logout.cmdsn, first + 1);
	wire_send(w, &logout);
	w->cmdsn = first + 2;
	wire_tmf(w, ISCSI_TMF_ABORT_TASK, 0, 0x4711, first);
	while (wire_try(w, &pdu, 5))
		logged_out |= iscsi_opcode(&pdu.bhs) == ISCSI_LOGOUT_RESPONSE;
	assert_true(logged_out && w->ended);
	session(world);
}

/* The gap is never filled: the session ends with what is held behind it. */
static void a_gap_for_ever(struct wire_world *world)
{
	for (int i = 0; i < 3; i++) {
		struct wire *w = session(world);
		struct wire_pdu held =
			wire_command_pdu(w, &(struct wire_cmd){.cdb = TEST_UNIT_READY});
		uint32_t first = w->cmdsn;

		put_be32(held.command.cmdsn, first + 1);
		wire_send(w, &held);
		w->cmdsn = first + 2;
		if (i == 1)
			wire_tmf(w, ISCSI_TMF_ABORT_TASK_SET, 0, NO_TAG, 0);
		if (i == 2)
			wire_tmf(w, ISCSI_TMF_ABORT_TASK, 0, wire_itt(&held), first + 1);
		wire_run(world, 1);
		if (i)
			wire_close(w);
		else
			wire_logout(w);
	}
	wire_run(world, 1);
	session(world);
}

/* 11.5.1: a function acts on all commands with a lower CmdSN, so on one that comes late, too: either the
 * function waits for it, or it ends without an answer. What must not be is an answer after the
 * function's. */
static void a_covered_command_comes_late(struct wire_world *world)
{
	static const uint8_t functions[] = {ISCSI_TMF_ABORT_TASK_SET, ISCSI_TMF_CLEAR_TASK_SET};

	for (size_t i = 0; i < sizeof(functions); i++) {
		struct wire *w = session(world);
		struct wire_cmd write = {.cdb = WRITE10(0, 8), .write = 4096, .immediate = 4096};
		struct wire_pdu late, pdu;
		bool answered = false;
		uint32_t itt;

		write.data = wire_pattern(world, 4096, i);
		late = wire_command_pdu(w, &write);
		w->cmdsn++; /* as if it had been sent */
		itt = wire_tmf(w, functions[i], 0, NO_TAG, 0);
		wire_run(world, 0.5);
		wire_send(w, &late);
		while (wire_try(w, &pdu, 12)) {
			if (iscsi_opcode(&pdu.bhs) == ISCSI_TMF_RESPONSE) {
				assert_int_equal(wire_itt(&pdu), itt);
				answered = true;
			} else if (answered) {
				wire_fail(world,
					  "%s of a covered command after the function's answer",
					  wire_opcode_name(pdu.bhs.opcode));
			}
		}
		assert_true(answered);
		w->cmdsn_top = w->cmdsn;
		wire_ping(w);
		wire_logout(w);
	}
}

/* --- a disk that hangs: every function ends in time, and says the truth */

static void nothing_ends_for_ever(struct wire_world *world)
{
	static const uint8_t functions[] = {ISCSI_TMF_ABORT_TASK, ISCSI_TMF_ABORT_TASK_SET,
					    ISCSI_TMF_CLEAR_TASK_SET, ISCSI_TMF_LOGICAL_UNIT_RESET,
					    ISCSI_TMF_TARGET_WARM_RESET};

	for (size_t i = 0; i < sizeof(functions); i++) {
		struct wire *w = session(world);
		uint32_t cmdsn = w->cmdsn, task, itt;
		uint64_t start;
		double took;

		hang(world, true);
		task = wire_command(w, &(struct wire_cmd){.cdb = WRITE10(0, 8),
							  .write = 4096,
							  .data = wire_pattern(world, 4096, 1),
							  .immediate = 4096});
		wire_run(world, 1);
		start = wire_now(world);
		itt = wire_tmf(w, functions[i], 0,
			       functions[i] == ISCSI_TMF_ABORT_TASK ? task : NO_TAG, cmdsn);
		/* The write may still land: "complete" would be a lie. */
		wire_expect_tmf(w, itt, ISCSI_TMF_REJECTED);
		took = (double)(wire_now(world) - start) / (double)NSEC_PER_SEC;
		assert_true(took > 9.9 && took < 10.5);
		hang(world, false);
		wire_expect_silence(w, 2); /* the task itself never answers any more */
		wire_clear_attention(w, 0);
		wire_logout(w);
	}
}

/* The write that hangs keeps its blocks: what overlaps waits, then gets BUSY; the rest goes on. */
static void the_fence(struct wire_world *world)
{
	struct wire *w = session(world), *other = session(world);
	const uint8_t *old = wire_pattern(world, 4096, 1), *new = wire_pattern(world, 4096, 2);
	struct wire_cmd write = {.cdb = WRITE10(4, 8), .write = 4096, .immediate = 4096};
	uint32_t cmdsn = w->cmdsn, task, itt;
	struct wire_result r;
	double took;

	hang(world, true);
	write.data = old;
	task = wire_command(
		w, &(struct wire_cmd){
			   .cdb = WRITE10(0, 8), .write = 4096, .data = old, .immediate = 4096});
	wire_run(world, 0.5);
	itt = wire_tmf(w, ISCSI_TMF_ABORT_TASK, 0, task, cmdsn);
	wire_expect_tmf(w, itt, ISCSI_TMF_REJECTED);
	/* Overlapping, from either session: held, then BUSY (5 s). */
	for (int i = 0; i < 2; i++) {
		struct wire *x = i ? other : w;
		uint64_t start = wire_now(world);

		write.data = new;
		itt = wire_command(x, &write);
		wire_expect_status(x, itt, 0x08);
		took = (double)(wire_now(world) - start) / (double)NSEC_PER_SEC;
		assert_true(took > 4.9 && took < 5.5);
	}
	/* A write that is held when the old one returns at last goes after it. */
	itt = wire_command(other, &write);
	wire_run(world, 1);
	hang(world, false);
	wire_expect_status(other, itt, 0);
	wire_good(w, &(struct wire_cmd){.cdb = READ10(4, 8), .read = 4096}, &r);
	assert_memory_equal(r.data, new, 4096);
	wire_good(w, &(struct wire_cmd){.cdb = READ10(0, 4), .read = 2048}, &r);
	assert_memory_equal(r.data, old, 2048);
}

/* A new session of the same initiator does not wait for the disk, and finds the fence, too. */
static void reinstatement_does_not_wait(struct wire_world *world)
{
	struct wire *w = session(world), *again = wire_open(world);
	const uint8_t *old = wire_pattern(world, 4096, 1), *new = wire_pattern(world, 4096, 2);
	struct wire_cmd write = {.cdb = WRITE10(0, 8), .write = 4096, .immediate = 4096};
	struct wire_result r;
	uint64_t start;
	uint32_t itt;

	hang(world, true);
	write.data = old;
	wire_command(w, &write);
	wire_run(world, 0.5);
	start = wire_now(world);
	wire_login(again, &(struct wire_login){.isid = w->isid});
	assert_true(wire_now(world) - start < NSEC_PER_SEC);
	wire_expect_closed(w, 5);
	wire_clear_attention(again, 0);
	write.data = new;
	itt = wire_command(again, &write);
	wire_run(world, 1);
	hang(world, false);
	wire_expect_status(again, itt, 0);
	wire_good(again, &(struct wire_cmd){.cdb = READ10(0, 8), .read = 4096}, &r);
	assert_memory_equal(r.data, new, 4096);
}

static void little_memory(struct config_limits *l)
{
	l->memory_limit = 64u << 20;
}

static const struct wire_config tight = {.tune = little_memory};

static const struct wire_case cases[] = {
	REAL(abort_of_nothing),
	REAL(abort_of_what_is_over),
	CASE(abort_of_what_was_lost),
	REAL(abort_of_a_write_with_an_r2t),
	REAL(abort_in_the_middle_of_data),
	CASE(abort_of_a_read),
	REAL(set_functions_wait_for_data),
	CASE(set_function_and_no_data),
	CASE(abort_task_set),
	CASE(functions_that_reach_others),
	CASE(without_task_aborted_status),
	CASE_WITH(commands_that_wait_for_memory, &tight),
	CASE_WITH(waiting_without_task_aborted_status, &tight),
	CASE_WITH(own_commands_that_wait_for_memory, &tight),
	REAL(cold_reset),
	CASE(a_function_and_what_comes_after_it),
	REAL(no_such_lun),
	CASE(what_is_not_supported),
	CASE(abort_of_a_task_management_function),
	CASE(in_its_turn),
	CASE(over_a_gap),
	CASE(a_logout_behind_the_gap),
	CASE(a_gap_for_ever),
	CASE(a_covered_command_comes_late),
	CASE(nothing_ends_for_ever),
	CASE(the_fence),
	CASE(reinstatement_does_not_wait),
};

WIRE_THEME_DEFINE(tmf);

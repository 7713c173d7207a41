/* SPDX-License-Identifier: BSD-2-Clause */
/* Aborts: task management functions, and loss of the nexus. */
#include "scsi_tmf_rig.h"

/* --- ABORT TASK */

static void abort_what_is_not_there(void **state)
{
	struct hold *h = *state;
	struct cmd *c = at_store(h, h->a, CDB(READ10(0, 1)), 7);
	struct asked q;

	ask(&q, SCSI_ABORT_TASK, h->a, 8);
	expect_result(&q, SCSI_TMF_NO_TASK);
	/* The tag is that of another nexus. */
	ask(&q, SCSI_ABORT_TASK, h->b, 7);
	expect_result(&q, SCSI_TMF_NO_TASK);
	hold_answer(h, 0);
	cmd_expect(c, 0);
	ask(&q, SCSI_ABORT_TASK, h->a, 7);
	expect_result(&q, SCSI_TMF_NO_TASK);
}

static void no_such_lun(void **state)
{
	struct hold *h = *state;
	struct asked q = {.tmf = {.nexus = h->a, .lun = {0, 5}, .done = asked_done}};

	for (unsigned f = SCSI_ABORT_TASK; f <= SCSI_LU_RESET; f++) {
		q.done = false;
		q.tmf.function = f;
		scsi_tmf_init(&q.tmf);
		scsi_tmf_start(&q.tmf);
		expect_result(&q, SCSI_TMF_NO_LUN);
	}
}

static void abort_while_data_move(void **state)
{
	struct hold *h = *state;
	struct cmd *c = in_transfer(h, h->a, 7);
	struct asked q;

	ask(&q, SCSI_ABORT_TASK, h->a, 7);
	expect_result(&q, SCSI_TMF_COMPLETE);
	assert_true(c->move_aborted);
	expect_aborted(c);
	assert_int_equal(h->log_count, 0);
}

/* The transport takes its time to stop. */
static void abort_while_data_move_slowly(void **state)
{
	struct hold *h = *state;
	struct cmd *c = in_transfer(h, h->a, 7);
	struct asked q, again;

	c->abort_later = true;
	ask(&q, SCSI_ABORT_TASK, h->a, 7);
	assert_false(q.done);
	ask(&again, SCSI_ABORT_TASK, h->a, 7);
	assert_false(again.done);
	cmd_end_abort(c);
	expect_result(&q, SCSI_TMF_COMPLETE);
	expect_result(&again, SCSI_TMF_COMPLETE);
	expect_aborted(c);
}

/* Data that all came in the meantime are not written either. */
static void abort_loses_against_data(void **state)
{
	struct hold *h = *state;
	struct cmd *c = in_transfer(h, h->a, 7);
	struct asked q;

	c->abort_later = true;
	ask(&q, SCSI_ABORT_TASK, h->a, 7);
	cmd_bring(c);
	expect_result(&q, SCSI_TMF_COMPLETE);
	expect_aborted(c);
	assert_int_equal(h->log_count, 0);
}

static void abort_at_the_store(void **state)
{
	struct hold *h = *state;
	struct cmd *c = at_store(h, h->a, CDB(WRITE10(0, 1)), 7);
	struct asked q, second;

	ask(&q, SCSI_ABORT_TASK, h->a, 7);
	assert_false(q.done);
	assert_false(c->done);
	/* Asked again, it is still there to be waited for. */
	ask(&second, SCSI_ABORT_TASK, h->a, 7);
	assert_false(second.done);
	hold_answer(h, 0);
	expect_result(&q, SCSI_TMF_COMPLETE);
	expect_result(&second, SCSI_TMF_COMPLETE);
	expect_aborted(c);
}

static void abort_what_waits_for_its_turn(void **state)
{
	struct hold *h = *state;
	struct cmd *first = at_store(h, h->a, CDB(READ10(0, 1)), 1);
	struct cmd *ordered = tagged(h, h->a, CDB(WRITE10(1, 1)), 2);
	struct cmd *after = tagged(h, h->a, CDB(READ10(2, 1)), 3);
	struct asked q;

	ordered->io.attr = SCSI_ORDERED;
	cmd_start(ordered);
	cmd_start(after);
	assert_int_equal(hold_pending(h), 1);
	ask(&q, SCSI_ABORT_TASK, h->a, 2);
	expect_result(&q, SCSI_TMF_COMPLETE);
	expect_aborted(ordered);
	/* Nothing stands before the last one any more. */
	assert_int_equal(hold_pending(h), 2);
	hold_answer(h, 0);
	hold_answer(h, 0);
	cmd_expect(first, 0);
	cmd_expect(after, 0);
}

/* Of a command in steps the one under way is the last. */
static void abort_between_steps(void **state)
{
	static const uint8_t list[] = {0, 38, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
				       0, 0,  0, 0,  0, 4, 0, 0, 0, 0, 0, 0, 0, 0,
				       0, 0,  1, 0,  0, 0, 0, 4, 0, 0, 0, 0};
	static const uint8_t cdbs[][16] = {
		{0x41, 0, 0, 0, 0, 0, 0, 0x20, 0},
		{0x42, 0, 0, 0, 0, 0, 0, 0, 40},
		{0x8f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x20},
		{0x2e, 0, 0, 0, 0, 0, 0, 0, 1},
		{0x34, 0, 0, 0, 0, 0, 0, 0x20, 0},
	};
	struct hold *h = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cdbs); i++) {
		struct cmd *c = tagged(h, h->a, cdbs[i], 16, 7);
		struct asked q;

		if (cdbs[i][0] == 0x42)
			cmd_out(c, list, sizeof(list));
		cmd_start(c);
		if (cdbs[i][0] == 0x8f)
			hold_answer(h, 0); /* its flush */
		ask(&q, SCSI_ABORT_TASK, h->a, 7);
		assert_false(q.done);
		hold_answer(h, 0);
		expect_result(&q, SCSI_TMF_COMPLETE);
		expect_aborted(c);
		assert_int_equal(hold_pending(h), 0);
	}
}

/* --- functions on many tasks */

static void abort_task_set(void **state)
{
	struct hold *h = *state;
	struct cmd *mine[3], *others;
	struct asked q;

	mine[0] = at_store(h, h->a, CDB(READ10(0, 1)), 1);
	others = at_store(h, h->b, CDB(READ10(0, 1)), 1);
	mine[1] = in_transfer(h, h->a, 2);
	mine[2] = tagged(h, h->a, CDB(READ10(0, 1)), 3);
	mine[2]->io.attr = SCSI_ORDERED;
	cmd_start(mine[2]);
	ask(&q, SCSI_ABORT_TASK_SET, h->a, 0);
	assert_false(q.done);
	expect_aborted(mine[1]);
	expect_aborted(mine[2]);
	hold_answer(h, 0);
	expect_result(&q, SCSI_TMF_COMPLETE);
	expect_aborted(mine[0]);
	assert_false(others->done);
	hold_answer(h, 0);
	cmd_expect(others, 0);
	/* Nothing at all is fine, too. */
	ask(&q, SCSI_ABORT_TASK_SET, h->a, 0);
	expect_result(&q, SCSI_TMF_COMPLETE);
	cmd_expect(cmd_run(h, h->b, CDB(TUR), NULL, 0), 0);
}

/* A queue of ordered tasks: none of them starts because the one before it was aborted. */
static void abort_a_queue(void **state)
{
	struct hold *h = *state;
	struct cmd *c[20];
	struct asked q;

	for (size_t i = 0; i < ARRAY_SIZE(c); i++) {
		c[i] = tagged(h, h->a, CDB(WRITE10(0, 1)), i);
		c[i]->io.attr = SCSI_ORDERED;
		cmd_start(c[i]);
	}
	ask(&q, SCSI_ABORT_TASK_SET, h->a, 0);
	hold_answer(h, 0);
	expect_result(&q, SCSI_TMF_COMPLETE);
	for (size_t i = 0; i < ARRAY_SIZE(c); i++)
		expect_aborted(c[i]);
	assert_int_equal(h->log_count, 1);
}

static void clear_task_set(void **state)
{
	struct hold *h = *state;
	struct cmd *mine = in_transfer(h, h->a, 1), *others = in_transfer(h, h->b, 1);
	struct asked q;

	ask(&q, SCSI_CLEAR_TASK_SET, h->a, 0);
	expect_result(&q, SCSI_TMF_COMPLETE);
	expect_aborted(mine);
	expect_aborted(others);
	cmd_expect(cmd_run(h, h->a, CDB(TUR), NULL, 0), 0);
	cmd_expect(cmd_run(h, h->b, CDB(TUR), NULL, 0), 0x062f00);
	cmd_expect(cmd_run(h, h->b, CDB(TUR), NULL, 0), 0);
	/* Who had no task is not told. */
	ask(&q, SCSI_CLEAR_TASK_SET, h->a, 0);
	cmd_expect(cmd_run(h, h->b, CDB(TUR), NULL, 0), 0);
}

/* TAS: the others get a status, now or when the store has answered. */
static void clear_task_set_with_tas(void **state)
{
	struct hold *h = *state;
	struct cmd *mine, *others, *stored;
	struct asked q;

	h->lu->mode.current.control[5] |= 0x40;
	mine = in_transfer(h, h->a, 1);
	others = in_transfer(h, h->b, 1);
	stored = at_store(h, h->b, CDB(READ10(0, 1)), 2);
	ask(&q, SCSI_CLEAR_TASK_SET, h->a, 0);
	expect_aborted(mine);
	expect_task_aborted(others);
	assert_false(stored->done);
	hold_answer(h, 0);
	expect_result(&q, SCSI_TMF_COMPLETE);
	expect_task_aborted(stored);
	cmd_expect(cmd_run(h, h->b, CDB(TUR), NULL, 0), 0);
}

static void lu_reset(void **state)
{
	struct hold *h = *state;
	struct cmd *mine, *others;
	struct asked q;

	cmd_expect(cmd_run(h, h->b, CDB(0x1b, 0, 0, 0, 4, 0), NULL, 0), 0);
	h->lu->stopped = false;
	mine = in_transfer(h, h->a, 1);
	others = at_store(h, h->b, CDB(WRITE10(0, 1)), 1);
	h->lu->mode.current.control[4] |= 0x08;
	h->lu->reserved_by = h->b;
	h->lu->stopped = true;
	ask(&q, SCSI_LU_RESET, h->a, 0);
	assert_false(q.done);
	expect_aborted(mine);
	hold_answer(h, 0);
	expect_result(&q, SCSI_TMF_COMPLETE);
	expect_aborted(others);
	cmd_expect(cmd_run(h, h->a, CDB(TUR), NULL, 0), 0x062903);
	cmd_expect(cmd_run(h, h->a, CDB(TUR), NULL, 0), 0);
	cmd_expect(cmd_run(h, h->b, CDB(TUR), NULL, 0), 0x062903);
	cmd_expect(cmd_run(h, h->b, CDB(TUR), NULL, 0), 0);
	assert_false(scsi_mode_swp(&h->lu->mode));
}

/* Every LU of the device, and only of it. */
static void target_reset(void **state)
{
	struct scsi_lu_config config = {.block_size = 512};
	struct hold *h = *state, *far = hold_open();
	struct cmd *here, *there, *elsewhere;
	struct asked q;
	void *end = far;

	hold_start(far, &config);
	far->holding = true;
	assert_int_equal(scsi_device_map(h->dev, 1, far->lu), 0);
	cmd_expect(cmd_run(h, h->a, CDB(TUR), NULL, 0), 0x063f0e);
	cmd_expect(cmd_run(h, h->b, CDB(TUR), NULL, 0), 0x063f0e);
	here = in_transfer(h, h->b, 1);
	there = tagged(h, h->b, CDB(READ10(0, 1)), 2);
	there->io.lun[1] = 1;
	cmd_start(there);
	cmd_expect(there, 0x062900);
	there = tagged(h, h->b, CDB(READ10(0, 1)), 2);
	there->io.lun[1] = 1;
	cmd_start(there);
	assert_int_equal(hold_pending(far), 1);
	elsewhere = in_transfer(far, far->a, 3);
	ask(&q, SCSI_TARGET_RESET, h->a, 0);
	assert_false(q.done);
	expect_aborted(here);
	hold_answer(far, 0);
	expect_result(&q, SCSI_TMF_COMPLETE);
	expect_task_aborted(there); /* TAS is on there */
	/* The LU is reset for whoever reaches it by another device. */
	expect_task_aborted(elsewhere);
	cmd_expect(cmd_run(h, h->a, CDB(TUR), NULL, 0), 0x062902);
	cmd_expect(cmd_run(far, far->a, CDB(TUR), NULL, 0), 0x062902);
	scsi_device_unmap(h->dev, 1);
	/* h's nexus goes first: it knows far's LU. */
	scsi_nexus_free(h->b);
	h->b = hold_nexus(h, "b");
	hold_teardown(&end);
}

/* --- the store does not answer */

static void timeout(void **state)
{
	struct hold *h = *state;
	struct cmd *c = at_store(h, h->a, CDB(WRITE10(0, 1)), 7);
	struct asked q;

	ask(&q, SCSI_ABORT_TASK, h->a, 7);
	hold_sleep(h, 9 * NSEC_PER_SEC);
	assert_false(q.done);
	hold_sleep(h, 2 * NSEC_PER_SEC);
	expect_result(&q, SCSI_TMF_REJECTED);
	assert_false(c->done);
	assert_int_equal(h->lu->fences, 1);
	hold_answer(h, 0);
	expect_aborted(c);
	assert_int_equal(h->lu->fences, 0);
}

/* A reset waits for what others had aborted as well: COMPLETE is said of the LU. */
static void reset_waits_for_orphans(void **state)
{
	struct hold *h = *state;
	struct cmd *c = at_store(h, h->a, CDB(WRITE10(0, 1)), 7);
	struct asked set, lu;

	scsi_nexus_free(h->a);
	h->a = hold_nexus(h, "a");
	ask(&set, SCSI_ABORT_TASK_SET, h->b, 0);
	expect_result(&set, SCSI_TMF_COMPLETE);
	ask(&lu, SCSI_LU_RESET, h->b, 0);
	assert_false(lu.done);
	hold_answer(h, 0);
	expect_result(&lu, SCSI_TMF_COMPLETE);
	expect_aborted(c);
}

static void cancelled(void **state)
{
	struct hold *h = *state;
	struct cmd *c = at_store(h, h->a, CDB(WRITE10(0, 1)), 7);
	struct asked q;

	ask(&q, SCSI_ABORT_TASK, h->a, 7);
	scsi_tmf_cancel(&q.tmf);
	scsi_tmf_cancel(&q.tmf);
	hold_answer(h, 0);
	expect_aborted(c);
	hold_sleep(h, 20 * NSEC_PER_SEC);
	assert_false(q.done);
}

static void asker_is_lost(void **state)
{
	struct hold *h = *state;
	struct cmd *c = at_store(h, h->a, CDB(WRITE10(0, 1)), 7);
	struct asked q;

	ask(&q, SCSI_ABORT_TASK, h->a, 7);
	scsi_nexus_free(h->a);
	h->a = hold_nexus(h, "a");
	scsi_tmf_cancel(&q.tmf);
	hold_answer(h, 0);
	assert_null(c->io.nexus);
	expect_aborted(c);
	hold_sleep(h, 20 * NSEC_PER_SEC);
	assert_false(q.done);
}

static void lun_goes_while_a_function_waits(void **state)
{
	struct hold *h = *state;
	struct cmd *c = at_store(h, h->a, CDB(WRITE10(0, 1)), 7);
	struct asked q, all;

	ask(&q, SCSI_ABORT_TASK, h->a, 7);
	ask(&all, SCSI_TARGET_RESET, h->b, 0);
	assert_false(q.done || all.done);
	scsi_device_unmap(h->dev, 0);
	/* Of what it sees nothing is left; but who has aborted something waits for that. */
	expect_result(&all, SCSI_TMF_COMPLETE);
	assert_false(q.done);
	hold_answer(h, 0);
	expect_aborted(c);
	expect_result(&q, SCSI_TMF_COMPLETE);
}

/* --- loss of the nexus */

static void nexus_lost(void **state)
{
	struct hold *h = *state;
	struct cmd *moving, *blocked, *reading, *writing, *others;

	moving = in_transfer(h, h->a, 1);
	reading = at_store(h, h->a, CDB(READ10(0, 1)), 2);
	writing = at_store(h, h->a, CDB(WRITE10(8, 8)), 3);
	blocked = tagged(h, h->a, CDB(WRITE10(0, 1)), 4);
	blocked->io.attr = SCSI_ORDERED;
	cmd_start(blocked);
	others = tagged(h, h->b, CDB(READ10(100, 1)), 5);
	cmd_start(others);
	assert_int_equal(hold_pending(h), 2);
	scsi_nexus_free(h->a);
	assert_null(moving->io.nexus);
	expect_aborted(moving);
	expect_aborted(blocked);
	/* The other's task waited only for what has gone. */
	assert_int_equal(hold_pending(h), 3);
	assert_false(reading->done || writing->done);
	assert_null(reading->io.nexus);
	assert_null(writing->io.nexus);
	assert_int_equal(h->lu->fences, 1);
	assert_int_equal(scsi_lu_busy(h->lu), 3);
	h->a = hold_nexus(h, "a");
	hold_answer(h, 0);
	hold_answer(h, -EIO);
	hold_answer(h, 0);
	expect_aborted(reading);
	expect_aborted(writing);
	cmd_expect(others, 0);
	assert_int_equal(h->lu->fences, 0);
	assert_int_equal(scsi_lu_busy(h->lu), 0);
	assert_int_equal(h->log_count, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TMF_TEST(abort_what_is_not_there),
		TMF_TEST(no_such_lun),
		TMF_TEST(abort_while_data_move),
		TMF_TEST(abort_while_data_move_slowly),
		TMF_TEST(abort_loses_against_data),
		TMF_TEST(abort_at_the_store),
		TMF_TEST(abort_what_waits_for_its_turn),
		TMF_TEST(abort_between_steps),
		TMF_TEST(abort_task_set),
		TMF_TEST(abort_a_queue),
		TMF_TEST(clear_task_set),
		TMF_TEST(clear_task_set_with_tas),
		TMF_TEST(lu_reset),
		TMF_TEST(target_reset),
		TMF_TEST(timeout),
		TMF_TEST(reset_waits_for_orphans),
		TMF_TEST(cancelled),
		TMF_TEST(asker_is_lost),
		TMF_TEST(lun_goes_while_a_function_waits),
		TMF_TEST(nexus_lost),
	};
	return cmocka_run_group_tests_name("scsi_tmf", tests, NULL, NULL);
}

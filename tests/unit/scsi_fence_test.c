/* SPDX-License-Identifier: BSD-2-Clause */
/* What an aborted write leaves at the store: a fence; and everything at once, drawn from a seed. */
#include "scsi_tmf_rig.h"

/* --- fences */

static const struct {
	uint32_t lba, blocks;
	bool held;
} ranges[] = {{0, 8, false}, {0, 9, true},    {8, 1, true},    {10, 2, true},
	      {15, 1, true}, {15, 20, true},  {16, 1, false},  {0, 100, true},
	      {8, 8, true},  {17, 10, false}, {4000, 1, false}};

static struct cmd *lose_a_write(struct hold *h)
{
	struct cmd *c = at_store(h, h->a, CDB(WRITE10(8, 8)), 1);

	scsi_nexus_free(h->a);
	h->a = hold_nexus(h, "a");
	return c;
}

/* What overlaps waits, of any nexus, reads and writes; what does not overlap does not. */
static void fence_holds_what_overlaps(void **state)
{
	static const uint8_t opcodes[] = {0x28, 0x2a, 0x2f, 0x41, 0x34};
	struct hold *h = *state;

	h->bs.volatile_cache = false; /* VERIFY would flush */
	for (size_t o = 0; o < ARRAY_SIZE(opcodes); o++) {
		struct cmd *old = lose_a_write(h), *c[ARRAY_SIZE(ranges)];
		size_t pending = 1;

		for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
			uint8_t cdb[10] = {opcodes[o]};

			put_be32(cdb + 2, ranges[i].lba);
			put_be16(cdb + 7, (uint16_t)ranges[i].blocks);
			c[i] = cmd_go(h, h->b, cdb, sizeof(cdb), twos, sizeof(twos));
			pending += !ranges[i].held;
			assert_int_equal(hold_pending(h), pending);
		}
		hold_answer(h, 0); /* the old write: the held ones go */
		expect_aborted(old);
		assert_int_equal(hold_pending(h), ARRAY_SIZE(ranges));
		h->holding = false;
		while (!list_empty(&h->pending))
			hold_answer(h, 0);
		for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
			assert_true(c[i]->done);
			assert_int_equal(c[i]->io.status,
					 opcodes[o] == 0x34 ? SCSI_CONDITION_MET : SCSI_GOOD);
			cmd_free(c[i]);
		}
		h->holding = true;
		hold_ready(h, h->a);
	}
}

/* An old write never lands on a newer one. */
static void fence_keeps_the_order_of_writes(void **state)
{
	struct hold *h = *state;
	struct cmd *old = lose_a_write(h), *new;

	hold_ready(h, h->a);
	new = cmd_go(h, h->a, CDB(WRITE10(10, 2)), twos, 1024);
	assert_int_equal(hold_pending(h), 1);
	hold_answer(h, 0);
	assert_int_equal(h->mem[10 * 512], 1);
	hold_answer(h, 0);
	assert_int_equal(h->mem[9 * 512], 1);
	assert_int_equal(h->mem[10 * 512], 2);
	assert_int_equal(h->mem[12 * 512], 1);
	expect_aborted(old);
	cmd_expect(new, 0);
}

static void fence_ends_in_busy(void **state)
{
	struct hold *h = *state;
	struct cmd *old = lose_a_write(h), *one, *two;

	one = cmd_go(h, h->b, CDB(WRITE10(10, 2)), twos, 1024);
	hold_sleep(h, HOLD_FENCE / 2);
	two = cmd_go(h, h->b, CDB(READ10(10, 2)), NULL, 0);
	assert_false(one->done);
	hold_sleep(h, HOLD_FENCE / 2 + NSEC_PER_SEC);
	assert_false(two->done);
	assert_int_equal(cmd_status(one), SCSI_BUSY);
	hold_sleep(h, HOLD_FENCE / 2);
	assert_int_equal(cmd_status(two), SCSI_BUSY);
	assert_int_equal(h->log_count, 1);
	/* Others are served all the time, also of that LU. */
	h->holding = false;
	cmd_expect(cmd_run(h, h->b, CDB(TUR), NULL, 0), 0);
	cmd_expect(cmd_run(h, h->b, CDB(READ10(16, 2)), NULL, 0), 0);
	cmd_expect(cmd_run(h, h->b, CDB(0x35), NULL, 0), 0);
	hold_answer(h, 0);
	expect_aborted(old);
	cmd_expect(cmd_run(h, h->b, CDB(WRITE10(10, 2)), twos, 1024), 0);
}

/* What zeroes and what unmaps are writes, too; a lost flush or read is none. */
static void fences_of_every_kind(void **state)
{
	static const uint8_t list[] = {0, 22, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0,
				       0, 0,  0, 9,  0, 0, 0, 1, 0, 0, 0, 0};
	static const uint8_t zeroes[512];
	static const struct {
		uint8_t cdb[10];
		bool fence;
	} cases[] = {
		{{0x41, 0, 0, 0, 0, 9, 0, 0, 1}, true},  {{0x41, 8, 0, 0, 0, 9, 0, 0, 1}, true},
		{{0x42, 0, 0, 0, 0, 0, 0, 0, 24}, true}, {{0x2e, 0, 0, 0, 0, 9, 0, 0, 1}, true},
		{{0x2f, 0, 0, 0, 0, 9, 0, 0, 1}, false}, {{0x35}, false},
		{{0x28, 8, 0, 0, 0, 9, 0, 0, 1}, false},
	};
	struct hold *h = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct cmd *old = tagged(h, h->a, cases[i].cdb, 10, 1), *c;

		if (cases[i].cdb[0] == 0x42)
			cmd_out(old, list, sizeof(list));
		else
			cmd_out(old, zeroes, sizeof(zeroes));
		cmd_start(old);
		assert_int_equal(hold_pending(h), 1);
		scsi_nexus_free(h->a);
		h->a = hold_nexus(h, "a");
		hold_ready(h, h->a);
		c = cmd_go(h, h->b, CDB(READ10(9, 1)), NULL, 0);
		assert_int_equal(hold_pending(h), cases[i].fence ? 1 : 2);
		hold_answer(h, 0);
		hold_answer(h, 0);
		expect_aborted(old);
		cmd_expect(c, 0);
	}
}

/* A range is free when the last of several fences has gone. */
static void fences_that_overlap(void **state)
{
	struct hold *h = *state;
	struct cmd *old[3], *c;

	old[0] = at_store(h, h->a, CDB(WRITE10(0, 10)), 1);
	old[1] = at_store(h, h->a, CDB(WRITE10(5, 10)), 2);
	old[2] = at_store(h, h->a, CDB(READ10(0, 100)), 3);
	scsi_nexus_free(h->a);
	h->a = hold_nexus(h, "a");
	assert_int_equal(h->lu->fences, 2);
	c = cmd_go(h, h->b, CDB(READ10(7, 1)), NULL, 0);
	assert_int_equal(hold_pending(h), 3);
	hold_answer(h, 0);
	assert_int_equal(hold_pending(h), 2);
	hold_answer(h, -EIO);
	assert_int_equal(hold_pending(h), 2);
	hold_answer(h, 0);
	hold_answer(h, 0);
	for (int i = 0; i < 3; i++)
		expect_aborted(old[i]);
	cmd_expect(c, 0);
}

/* UNMAP names its ranges in its data, WRITE SAME writes step by step. */
static void fence_found_on_the_way(void **state)
{
	static const uint8_t list[] = {0, 22, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0,
				       0, 0,  0, 9,  0, 0, 0, 1, 0, 0, 0, 0};
	struct hold *h = *state;
	struct cmd *old, *c;

	c = cmd_go(h, h->b, CDB(0x41, 0, 0, 0, 0, 0, 0, 0x10, 0, 0), twos, 512);
	old = at_store(h, h->a, CDB(WRITE10(4000, 8)), 1);
	scsi_nexus_free(h->a);
	h->a = hold_nexus(h, "a");
	hold_answer(h, 0);
	assert_int_equal(hold_pending(h), 1); /* the lost write, not the second step */
	hold_answer(h, 0);
	expect_aborted(old);
	assert_int_equal(hold_pending(h), 1);
	hold_answer(h, 0);
	cmd_expect(c, 0);
	assert_int_equal(h->mem[4000 * 512], 2);

	hold_ready(h, h->a);
	old = lose_a_write(h);
	c = cmd_go(h, h->b, CDB(0x42, 0, 0, 0, 0, 0, 0, 0, 24, 0), list, sizeof(list));
	assert_int_equal(hold_pending(h), 1);
	hold_answer(h, 0);
	expect_aborted(old);
	assert_int_equal(hold_pending(h), 1);
	hold_answer(h, 0);
	cmd_expect(c, 0);
}

/* What a fence holds can be aborted itself, and is then done with. */
static void abort_what_a_fence_holds(void **state)
{
	struct hold *h = *state;
	struct cmd *old = lose_a_write(h), *one, *two;
	struct asked q;

	one = tagged(h, h->b, CDB(WRITE10(8, 1)), 11);
	cmd_start(one);
	two = tagged(h, h->b, CDB(WRITE10(9, 1)), 12);
	cmd_start(two);
	assert_int_equal(hold_pending(h), 1);
	ask(&q, SCSI_ABORT_TASK, h->b, 11);
	expect_result(&q, SCSI_TMF_COMPLETE);
	expect_aborted(one);
	scsi_nexus_free(h->b);
	expect_aborted(two);
	h->b = hold_nexus(h, "b");
	hold_answer(h, 0);
	expect_aborted(old);
	assert_int_equal(h->log_count, 1);
	hold_sleep(h, 2 * HOLD_FENCE);
}

/* The function's own timeout leaves a fence, like the loss of a nexus. */
static void rejected_leaves_a_fence(void **state)
{
	struct hold *h = *state;
	struct cmd *old = at_store(h, h->a, CDB(WRITE10(8, 8)), 7), *c;
	struct asked q;

	ask(&q, SCSI_LU_RESET, h->a, 0);
	hold_sleep(h, 11 * NSEC_PER_SEC);
	expect_result(&q, SCSI_TMF_REJECTED);
	cmd_expect(cmd_run(h, h->a, CDB(TUR), NULL, 0), 0x062903);
	c = cmd_go(h, h->a, CDB(WRITE10(8, 1)), twos, 512);
	assert_int_equal(hold_pending(h), 1);
	hold_answer(h, 0);
	assert_int_equal(hold_pending(h), 1);
	hold_answer(h, 0);
	cmd_expect(c, 0);
	expect_aborted(old);
	assert_int_equal(h->mem[8 * 512], 2);
}

/*
 * Everything at once, drawn from a seed: commands of all attributes, answers, aborts, lost nexuses,
 * time. Each task ends exactly once, and not while the store has something of it (its memory is
 * freed then); the counters are true; no request enters a fence (hold_check_fences()).
 */
#define STORM_TASKS 64

struct storm {
	struct hold *h;
	struct cmd *task[STORM_TASKS];
	struct asked asked[8];
	uint64_t tag;
	size_t fenced; /* turns at which something was held */
};

static void storm_command(struct storm *s, struct cmd **slot)
{
	struct hold *h = s->h;
	static const uint8_t opcodes[] = {0x28, 0x2a, 0x2a, 0x41, 0x2e, 0x2f, 0x35, 0x12, 0x89};
	uint8_t cdb[16] = {opcodes[sim_rand(h->sim, ARRAY_SIZE(opcodes))]};

	if (cdb[0] == 0x12) {
		cdb[4] = 96;
	} else if (cdb[0] == 0x89) {
		cdb[9] = (uint8_t)sim_rand(h->sim, 64);
		cdb[13] = 1;
	} else {
		cdb[5] = (uint8_t)sim_rand(h->sim, 64);
		cdb[8] = (uint8_t)(1 + sim_rand(h->sim, 32));
	}
	*slot = tagged(h, sim_rand(h->sim, 2) ? h->a : h->b, cdb, sizeof(cdb), ++s->tag);
	(*slot)->io.attr = (enum scsi_task_attr[]){
		SCSI_SIMPLE,   SCSI_SIMPLE,  SCSI_SIMPLE,
		SCSI_UNTAGGED, SCSI_ORDERED, SCSI_HEAD_OF_QUEUE}[sim_rand(h->sim, 6)];
	(*slot)->move_later = sim_rand(h->sim, 2);
	(*slot)->abort_later = sim_rand(h->sim, 2);
	cmd_start(*slot);
}

static void storm_ask(struct storm *s, struct asked *q)
{
	struct hold *h = s->h;

	if (!q->done)
		return;
	/* One after the other: compilers differ in the order of arguments. */
	enum scsi_tmf_function function =
		(enum scsi_tmf_function)sim_rand(h->sim, SCSI_TARGET_RESET + 1);
	struct scsi_nexus *nexus = sim_rand(h->sim, 2) ? h->a : h->b;
	ask(q, function, nexus, s->tag - sim_rand(h->sim, 8));
}

static void storm_lose(struct storm *s)
{
	struct hold *h = s->h;
	struct scsi_nexus **n = sim_rand(h->sim, 2) ? &h->a : &h->b;

	for (size_t i = 0; i < ARRAY_SIZE(s->asked); i++)
		if (!s->asked[i].done && s->asked[i].tmf.nexus == *n) {
			scsi_tmf_cancel(&s->asked[i].tmf);
			s->asked[i].done = true;
		}
	scsi_nexus_free(*n);
	*n = hold_nexus(h, "n");
}

static void storm_check(const struct scsi_lu *lu)
{
	size_t strict = 0, waiting = 0, fences = 0, held = 0, wanted = 0;
	bool others = false;

	list_for_each (it, &lu->tasks) {
		const struct scsi_io *io = list_entry(it, struct scsi_io, task);

		strict += io->attr == SCSI_ORDERED || io->attr == SCSI_HEAD_OF_QUEUE;
		waiting += io->state == SCSI_IO_BLOCKED && list_empty(&io->wait);
		/* Nobody goes before his turn (HEAD OF QUEUE may have come since), or misses it. */
		if (io->attr == SCSI_ORDERED && others)
			assert_true(io->state == SCSI_IO_BLOCKED && list_empty(&io->wait));
		if (io->attr != SCSI_HEAD_OF_QUEUE && it->prev == &lu->tasks)
			assert_false(io->state == SCSI_IO_BLOCKED && list_empty(&io->wait));
		others |= io->attr != SCSI_HEAD_OF_QUEUE;
	}
	list_for_each (it, &lu->held) {
		held++;
		wanted += list_entry(it, struct scsi_io, wait)->wants_range;
	}
	list_for_each (it, &lu->orphans)
		fences += scsi_fence_is(list_entry(it, struct scsi_io, task));
	assert_int_equal(lu->strict, strict);
	assert_int_equal(lu->waiting, waiting);
	assert_int_equal(lu->fences, fences);
	assert_int_equal(lu->order_hold, 0);
	assert_int_equal(lu->depth, 0);
	assert_int_equal(lu->held_count, held);
	assert_int_equal(lu->wanted, wanted);
	assert_true(fences || wanted || !list_empty(&lu->ranges) || list_empty(&lu->held));
}

/* Goes on with the first task from here on whose data move. */
static void storm_move(struct storm *s, struct cmd **slot)
{
	for (size_t i = 0; i < STORM_TASKS; i++) {
		struct cmd *c = s->task[((size_t)(slot - s->task) + i) % STORM_TASKS];
		if (!c || !c->moving)
			continue;
		c->move_aborted ? cmd_end_abort(c) : cmd_bring(c);
		return;
	}
}

static void storm_turn(struct storm *s)
{
	struct hold *h = s->h;
	struct cmd **slot = &s->task[sim_rand(h->sim, STORM_TASKS)];

	switch (sim_rand(h->sim, 16)) {
	default:
		if (!*slot)
			storm_command(s, slot);
		break;
	case 8:
	case 9:
	case 10:
		if (!list_empty(&h->pending))
			hold_answer(h, sim_rand(h->sim, 20) ? 0 : -EIO);
		break;
	case 11:
	case 12: storm_move(s, slot); break;
	case 13:
		if (sim_rand(h->sim, 8) == 0)
			storm_ask(s, &s->asked[sim_rand(h->sim, ARRAY_SIZE(s->asked))]);
		break;
	case 14:
		if (sim_rand(h->sim, 8) == 0)
			storm_lose(s);
		break;
	case 15: hold_sleep(h, sim_rand(h->sim, NSEC_PER_SEC)); break;
	}
	for (size_t i = 0; i < STORM_TASKS; i++)
		if (s->task[i] && s->task[i]->done) {
			cmd_free(s->task[i]);
			s->task[i] = NULL;
		}
	h->log_count = 0;
	s->fenced += !list_empty(&h->lu->held);
	storm_check(h->lu);
	hold_check_ranges(h);
}

static void storm(void **state)
{
	struct hold *h = *state;
	struct storm s = {.h = h};

	for (size_t i = 0; i < ARRAY_SIZE(s.asked); i++)
		s.asked[i].done = true;
	for (int i = 0; i < 100000; i++)
		storm_turn(&s);
	/* It was a storm. */
	assert_true(s.tag > 5000);
	assert_true(scsi_lu_stats(h->lu)->reads > 500 && scsi_lu_stats(h->lu)->writes > 500);
	assert_true(s.fenced > 1000);
	/* Everything comes to its end. */
	h->holding = false;
	while (!list_empty(&h->pending))
		hold_answer(h, 0);
	for (int round = 0; round < STORM_TASKS + 2; round++)
		for (size_t i = 0; i < STORM_TASKS; i++)
			if (s.task[i] && s.task[i]->moving)
				s.task[i]->move_aborted ? cmd_end_abort(s.task[i])
							: cmd_bring(s.task[i]);
	hold_sleep(h, 30 * NSEC_PER_SEC);
	for (size_t i = 0; i < STORM_TASKS; i++)
		if (s.task[i])
			cmd_free(s.task[i]);
	for (size_t i = 0; i < ARRAY_SIZE(s.asked); i++)
		assert_true(s.asked[i].done);
	assert_int_equal(scsi_lu_busy(h->lu), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TMF_TEST(fence_holds_what_overlaps),
		TMF_TEST(fence_keeps_the_order_of_writes),
		TMF_TEST(fence_ends_in_busy),
		TMF_TEST(fences_of_every_kind),
		TMF_TEST(fences_that_overlap),
		TMF_TEST(fence_found_on_the_way),
		TMF_TEST(abort_what_a_fence_holds),
		TMF_TEST(rejected_leaves_a_fence),
		TMF_TEST(storm),
	};
	return cmocka_run_group_tests_name("scsi_fence", tests, NULL, NULL);
}

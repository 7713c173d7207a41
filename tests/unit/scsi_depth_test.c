/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Options of a LU that every task of a nexus feels: how many run at a time, unit attentions that stay; and options
 * that change under nexuses on another reactor.
 */
#include "scsi_options_rig.h"

/* --- how many run at a time */

#define TASKS 6

static void so_many_at_a_time(void **state)
{
	struct hold *h = *state;
	struct scsi_lu_options o = options(h);
	struct cmd *a[TASKS], *b;

	o.queue_depth = 2;
	set(h, &o);
	h->holding = true;
	for (uint32_t i = 0; i < TASKS; i++)
		a[i] = cmd_go(h, h->a, CDB(READ10(i, 1)), NULL, 0);
	assert_int_equal(hold_pending(h), 2);
	/* Another nexus does not wait for this one's. */
	b = cmd_go(h, h->b, CDB(READ10(100, 1)), NULL, 0);
	assert_int_equal(hold_pending(h), 3);
	for (uint32_t i = 0; i < TASKS; i++) {
		hold_answer(h, 0);
		assert_true(i < 2 ? a[i]->done : i == 2 ? b->done : a[i - 1]->done);
		assert_true(hold_pending(h) <= 3);
	}
	hold_answer(h, 0);
	/* In order, and none has failed. */
	for (uint32_t i = 1; i < TASKS; i++)
		assert_true(a[i]->order > a[i - 1]->order);
	for (uint32_t i = 0; i < TASKS; i++)
		cmd_expect(a[i], 0); /* which frees it */
	cmd_expect(b, 0);
	for (uint32_t i = 0; i < h->log_count; i++)
		assert_true(h->log[i].offset / BLOCK == 100 || i == 0 ||
			    h->log[i].offset > h->log[i - 1].offset || i == 3);
	assert_int_equal(itl(h->a)->running, 0);
	assert_int_equal(itl(h->a)->queued, 0);
}

static void restricted_is_one_at_a_time(void **state)
{
	struct hold *h = *state;
	struct scsi_lu_options o = options(h);
	struct cmd *first, *second;

	o.restricted = true;
	set(h, &o);
	expect_told(h, MODE_CHANGED, 0);
	h->holding = true;
	first = cmd_go(h, h->a, CDB(WRITE10(0, 1)), block, BLOCK);
	second = cmd_go(h, h->a, CDB(WRITE10(0, 1)), block, BLOCK);
	assert_int_equal(hold_pending(h), 1);
	hold_answer(h, 0);
	assert_int_equal(hold_pending(h), 1);
	hold_answer(h, 0);
	cmd_expect(first, 0);
	cmd_expect(second, 0);
}

/* HEAD OF QUEUE does not wait; ORDERED waits for those that do, and what comes later for it. */
static void attributes_with_a_limit(void **state)
{
	struct hold *h = *state;
	struct scsi_lu_options o = options(h);
	struct cmd *a[3], *head, *ordered, *last;

	o.queue_depth = 1;
	set(h, &o);
	h->holding = true;
	for (uint32_t i = 0; i < 3; i++)
		a[i] = cmd_go(h, h->a, CDB(READ10(i, 1)), NULL, 0);
	head = with_attr(h, h->a, SCSI_HEAD_OF_QUEUE, 50);
	assert_int_equal(hold_pending(h), 2);
	ordered = with_attr(h, h->b, SCSI_ORDERED, 60);
	last = with_attr(h, h->b, SCSI_SIMPLE, 70);
	assert_int_equal(hold_pending(h), 2);
	while (hold_pending(h))
		hold_answer(h, 0);
	assert_true(ordered->order > a[2]->order && last->order > ordered->order);
	for (uint32_t i = 0; i < 3; i++)
		cmd_expect(a[i], 0);
	cmd_expect(head, 0);
	cmd_expect(ordered, 0);
	cmd_expect(last, 0);
}

/* Those that wait begin when there may be more, and those that run are counted when there may be fewer. */
static void the_limit_changes(void **state)
{
	struct hold *h = *state;
	struct scsi_lu_options o = options(h);
	struct cmd *a[4];

	h->holding = true;
	for (uint32_t i = 0; i < 2; i++)
		a[i] = cmd_go(h, h->a, CDB(READ10(i, 1)), NULL, 0);
	o.queue_depth = 2;
	set(h, &o);
	for (uint32_t i = 2; i < 4; i++)
		a[i] = cmd_go(h, h->a, CDB(READ10(i, 1)), NULL, 0);
	assert_int_equal(hold_pending(h), 2);
	o.queue_depth = 3;
	set(h, &o);
	assert_int_equal(hold_pending(h), 3);
	o.queue_depth = 0;
	set(h, &o);
	assert_int_equal(hold_pending(h), 4);
	while (hold_pending(h))
		hold_answer(h, 0);
	for (uint32_t i = 0; i < 4; i++)
		cmd_expect(a[i], 0);
}

/* An aborted task makes room, whether it runs or waits; so does one of a nexus that is lost. */
static void aborted_tasks_do_not_count(void **state)
{
	struct hold *h = *state;
	struct scsi_lu_options o = options(h);
	struct cmd *a[4];

	o.queue_depth = 1;
	set(h, &o);
	h->holding = true;
	for (uint32_t i = 0; i < 4; i++)
		a[i] = cmd_go(h, h->a, CDB(READ10(i, 1)), NULL, 0);
	scsi_abort(&a[1]->io, SCSI_GOOD);
	scsi_abort(&a[0]->io, SCSI_GOOD);
	scsi_order_run(h->lu);
	assert_int_equal(hold_pending(h), 2);
	assert_int_equal(itl(h->a)->running, 1);
	assert_int_equal(itl(h->a)->queued, 1);
	scsi_nexus_free(h->a);
	h->a = NULL;
	while (hold_pending(h))
		hold_answer(h, 0);
	for (uint32_t i = 0; i < 4; i++)
		cmd_free(a[i]);
}

/* --- unit attentions that stay */

static void unit_attentions_stay(void **state)
{
	static const uint8_t fields[] = {0x00, 0x20, 0x30};
	struct hold *h = *state;
	struct scsi_lu_options o = options(h);

	for (uint8_t i = 1; i < 3; i++) {
		o.ua_interlock = i;
		set(h, &o);
		assert_int_equal(h->lu->mode.current.control[4], fields[i]);
		for (int n = 0; n < 3; n++)
			expect(h, CDB(TUR), MODE_CHANGED);
		/* REQUEST SENSE takes it away (SPC-4 6.39). */
		assert_int_equal(ask_byte(h, CDB(0x03, 0, 0, 0, 96, 0), 12), 0x2a);
		expect(h, CDB(TUR), 0);
	}
	scsi_map_set_readonly(scsi_device_map_of(h->dev), 0, true);
	expect(h, CDB(TUR), MODE_CHANGED);
	o.ua_interlock = 0;
	set(h, &o);
	expect(h, CDB(TUR), MODE_CHANGED);
	expect(h, CDB(TUR), 0);
}

/* The inventory's news stay as well, and REPORT LUNS is another way to hear them. */
static void the_inventorys_news_stay(void **state)
{
	struct hold *h = *state;
	struct scsi_lu_options o = options(h);

	o.ua_interlock = 1;
	set(h, &o);
	ask_byte(h, CDB(0x03, 0, 0, 0, 96, 0), 12);
	assert_int_equal(scsi_map_add(scsi_device_map_of(h->dev), 5, h->lu, false), 0);
	expect(h, CDB(TUR), 0x063f0e);
	expect(h, CDB(TUR), 0x063f0e);
	cmd_expect(cmd_run(h, h->a, CDB(0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 0, 0), NULL, 0), 0);
	expect(h, CDB(TUR), 0);
	assert_int_equal(scsi_map_remove(scsi_device_map_of(h->dev), 5), 0);
}

static void a_status_leaves_a_unit_attention(void **state)
{
	struct hold *h = *state;
	struct scsi_lu_options o = options(h);

	o.ua_interlock = 2;
	set(h, &o);
	ask_byte(h, CDB(0x03, 0, 0, 0, 96, 0), 12);
	cmd_expect(cmd_run(h, h->b, CDB(TUR), NULL, 0), MODE_CHANGED);
	cmd_expect(cmd_run(h, h->b, CDB(0x03, 0, 0, 0, 96, 0), NULL, 0), 0);
	cmd_expect(cmd_run(h, h->b, CDB(0x16, 0, 0, 0, 0, 0), NULL, 0), 0);
	/* One for all, however many there are. */
	for (int i = 0; i < 2; i++)
		assert_int_equal(cmd_status(cmd_run(h, h->a, CDB(READ10(0, 1)), NULL, 0)),
				 i ? SCSI_CHECK_CONDITION : SCSI_RESERVATION_CONFLICT);
	expect(h, CDB(READ10(0, 1)), 0x062c09);
	assert_int_equal(ask_byte(h, CDB(0x03, 0, 0, 0, 96, 0), 13), 0x09);
	assert_int_equal(cmd_status(cmd_run(h, h->a, CDB(READ10(0, 1)), NULL, 0)),
			 SCSI_RESERVATION_CONFLICT);
	assert_int_equal(ask_byte(h, CDB(0x03, 0, 0, 0, 96, 0), 13), 0x09);
	assert_int_equal(ask_byte(h, CDB(0x03, 0, 0, 0, 96, 0), 12), 0);
	cmd_expect(cmd_run(h, h->b, CDB(0x17, 0, 0, 0, 0, 0), NULL, 0), 0);
	expect(h, CDB(TUR), 0);
}

static void busy_leaves_a_unit_attention(void **state)
{
	static const struct {
		enum scsi_status status;
		uint8_t ascq;
	} cases[] = {{SCSI_BUSY, 0x07}, {SCSI_TASK_SET_FULL, 0x08}};
	struct hold *h = *state;
	struct scsi_lu_options o = options(h);

	for (uint8_t i = 0; i < 4; i++) {
		struct cmd *c = cmd_new(h, h->a, CDB(TUR));
		uint8_t *sense;

		o.ua_interlock = i / 2 + 1;
		set(h, &o);
		free(ask(h, CDB(0x03, 0, 0, 0, 96, 0)));
		scsi_decode(&c->io);
		scsi_refuse(&c->io, cases[i % 2].status, 0, 0);
		assert_int_equal(cmd_status(c), cases[i % 2].status);
		sense = ask(h, CDB(0x03, 0, 0, 0, 96, 0));
		assert_int_equal(sense[12], i < 2 ? 0 : 0x2c);
		assert_int_equal(sense[13], i < 2 ? 0 : cases[i % 2].ascq);
		free(sense);
	}
}

/* --- nexuses on another reactor */

struct away {
	struct hold *h;
	struct scsi_nexus *c;
	struct reactor *reactor;
};

static int away_setup(void **state)
{
	struct away *w = calloc(1, sizeof(*w));
	void *h;

	hold_setup(&h);
	w->h = h;
	w->c = hold_nexus(h, "c");
	w->reactor = sim_node_thread(w->h->sim, w->h->reactor);
	scsi_nexus_set_away(w->c, w->h->reactor, w->reactor);
	hold_ready(w->h, w->c);
	*state = w;
	return 0;
}

static int away_teardown(void **state)
{
	struct away *w = *state;
	void *h = w->h;

	hold_turn(w->h);
	scsi_nexus_leave(w->c);
	scsi_nexus_free(w->c);
	hold_turn(w->h);
	free(w);
	return hold_teardown(&h);
}

static void write_by(struct away *w, uint32_t sense, bool passes)
{
	size_t tried = w->h->tried;

	cmd_expect(cmd_run(w->h, w->c, CDB(WRITE10(0, 1)), block, BLOCK), sense);
	assert_int_equal(w->h->tried, tried + passes);
}

static void passes_are_brought_home(void **state)
{
	struct away *w = *state;
	struct hold *h = w->h;
	struct scsi_lu_options o = options(h);
	struct changed done = {0};

	write_by(w, 0, false);
	write_by(w, 0, true);
	o.write_cache = false;
	assert_int_equal(scsi_lu_set_options(h->lu, &o, changed, &done), 0);
	assert_int_equal(done.count, 0); /* not before they are */
	hold_turn(h);
	assert_int_equal(done.count, 1);
	write_by(w, MODE_CHANGED, false);
	h->log_count = 0;
	write_by(w, 0, false);
	expect_log(h, 0, BS_WRITE, true, 0, 1);
	o.write_cache = true;
	set(h, &o);
	write_by(w, MODE_CHANGED, false);
	write_by(w, 0, true);
}

/* It was past us at the store when the cache went: it is durable all the same before it is GOOD. */
static void a_write_that_passes_outlives_the_cache(void **state)
{
	struct away *w = *state;
	struct hold *h = w->h;
	struct scsi_lu_options o = options(h);
	struct cmd *write;

	write_by(w, 0, false);
	h->trying = true;
	write = cmd_go(h, w->c, CDB(WRITE10(0, 1)), block, BLOCK);
	assert_non_null(h->trial);
	o.write_cache = false;
	set(h, &o);
	h->holding = true;
	hold_end_try(h);
	hold_turn(h);
	assert_false(write->done);
	assert_int_equal(hold_pending(h), 1);
	assert_int_equal(h->log[h->log_count - 1].op, BS_FLUSH);
	hold_answer(h, 0);
	hold_turn(h);
	cmd_expect(write, 0);
	h->holding = h->trying = false;
}

/* It ran by a pass when the limit came: it counts. */
static void nobody_passes_a_limit(void **state)
{
	struct away *w = *state;
	struct hold *h = w->h;
	struct scsi_lu_options o = options(h);
	struct cmd *moving = cmd_new(h, w->c, CDB(WRITE10(0, 1))), *second;

	write_by(w, 0, false);
	write_by(w, 0, true);
	cmd_out(moving, block, BLOCK);
	moving->move_later = true;
	cmd_start(moving);
	o.queue_depth = 1;
	set(h, &o);
	second = cmd_go(h, w->c, CDB(WRITE10(1, 1)), block, BLOCK);
	hold_turn(h);
	assert_false(second->done);
	cmd_bring(moving);
	hold_turn(h);
	assert_true(second->order > moving->order);
	cmd_expect(moving, 0);
	cmd_expect(second, 0);
	write_by(w, 0, false);
	write_by(w, 0, false);
	o.queue_depth = 0;
	set(h, &o);
	write_by(w, 0, false);
	write_by(w, 0, true);
}

/* A bit that is not taken any more is not taken by a pass. */
static void nobody_passes_a_bit(void **state)
{
	struct away *w = *state;
	struct hold *h = w->h;
	struct scsi_lu_options o = options(h);

	write_by(w, 0, false);
	write_by(w, 0, true);
	o.features &= ~(uint32_t)SCSI_HAS_DPO;
	set(h, &o);
	write_by(w, MODE_CHANGED, false);
	write_by(w, 0, true);
	cmd_expect(cmd_run(h, w->c, CDB(0x2a, 0x10, 0, 0, 0, 0, 0, 0, 1, 0), block, BLOCK),
		   NO_SUCH_FIELD);
}

#define AWAY_TEST(f) cmocka_unit_test_setup_teardown(f, away_setup, away_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		HOLD_TEST(so_many_at_a_time),
		HOLD_TEST(restricted_is_one_at_a_time),
		HOLD_TEST(attributes_with_a_limit),
		HOLD_TEST(the_limit_changes),
		HOLD_TEST(aborted_tasks_do_not_count),
		HOLD_TEST(unit_attentions_stay),
		HOLD_TEST(the_inventorys_news_stay),
		HOLD_TEST(a_status_leaves_a_unit_attention),
		HOLD_TEST(busy_leaves_a_unit_attention),
		AWAY_TEST(passes_are_brought_home),
		AWAY_TEST(a_write_that_passes_outlives_the_cache),
		AWAY_TEST(nobody_passes_a_limit),
		AWAY_TEST(nobody_passes_a_bit),
	};
	return cmocka_run_group_tests_name("scsi_depth", tests, NULL, NULL);
}

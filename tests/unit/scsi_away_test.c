/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Nexuses on another reactor than their LU. The two reactors share a thread here, and letters between them
 * are delivered when the test says so: what it calls itself is done before they are.
 */
#include "scsi_tmf_rig.h"

struct away {
	struct hold *h;
	struct scsi_nexus *c;
	struct reactor *away;
};

static int away_setup(void **state)
{
	struct away *w = calloc(1, sizeof(*w));
	void *h;

	tmf_setup(&h);
	w->h = h;
	w->c = hold_nexus(h, "c");
	w->h->holding = false;
	w->away = sim_node_thread(w->h->sim, w->h->reactor);
	scsi_nexus_set_away(w->c, w->h->reactor, w->away);
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

/* The LU lets it pass from now on. */
static void get_pass(struct away *w)
{
	size_t tried;

	cmd_expect(cmd_run(w->h, w->c, CDB(READ10(0, 1)), NULL, 0), 0);
	tried = w->h->tried;
	cmd_expect(cmd_run(w->h, w->c, CDB(READ10(0, 1)), NULL, 0), 0);
	assert_int_equal(w->h->tried, tried + 1);
}

static void expect_home(struct away *w, uint32_t sense)
{
	size_t tried = w->h->tried;

	cmd_expect(cmd_run(w->h, w->c, CDB(READ10(0, 1)), NULL, 0), sense);
	assert_int_equal(w->h->tried, tried);
}

static void plain_commands_pass(void **state)
{
	struct away *w = *state;

	get_pass(w);
	cmd_expect(cmd_run(w->h, w->c, CDB(WRITE10(3, 1)), ones, 512), 0);
	assert_memory_equal(w->h->mem + 3 * 512, ones, 512);
	assert_int_equal(w->h->tried, 2);
}

#define MODE_SELECT6(len) 0x15, 0x10, 0, 0, (len), 0

/* Its data come late, and others do not get past it meanwhile: they would not hear what it changes. */
static void nobody_passes_a_mode_select(void **state)
{
	struct away *w = *state;
	struct cmd *select = cmd_new(w->h, w->h->a, CDB(MODE_SELECT6(16)));
	uint8_t list[16] = {0};

	memcpy(list + 4, w->h->lu->mode.current.control, 12);
	list[4 + 4] |= 0x08; /* SWP */
	get_pass(w);
	cmd_out(select, list, sizeof(list));
	select->move_later = true;
	cmd_start(select);
	hold_turn(w->h);
	assert_true(select->moving);
	expect_home(w, 0);
	expect_home(w, 0);
	cmd_bring(select);
	cmd_expect(select, 0);
	expect_home(w, 0x062a01); /* MODE PARAMETERS CHANGED */
	cmd_expect(cmd_run(w->h, w->c, CDB(WRITE10(3, 1)), ones, 512), 0x072702);
	get_pass(w);
}

/* It stops when what is cached has been flushed. */
static void nobody_passes_a_stop(void **state)
{
	struct away *w = *state;
	struct cmd *stop;

	get_pass(w);
	w->h->holding = true;
	stop = cmd_go(w->h, w->h->a, CDB(0x1b, 0, 0, 0, 0, 0), NULL, 0);
	hold_turn(w->h);
	assert_int_equal(hold_pending(w->h), 1);
	w->h->holding = false;
	expect_home(w, 0);
	expect_home(w, 0);
	hold_answer(w->h, 0);
	cmd_expect(stop, 0);
	expect_home(w, 0x020402);
	cmd_expect(cmd_run(w->h, w->h->a, CDB(0x1b, 0, 0, 0, 1, 0), NULL, 0), 0);
}

/* What an UNMAP takes away from such a store may be in others' hands. */
static void nobody_passes_an_unmap(void **state)
{
	static const uint8_t list[24] = {0, 22, 0, 16, 0, 0, 0, 0, 0, 0,
					 0, 0,  0, 0,  0, 0, 0, 0, 0, 128};
	struct away *w = *state;
	struct cmd *unmap = cmd_new(w->h, w->h->a, CDB(0x42, 0, 0, 0, 0, 0, 0, 0, 24, 0));

	w->h->bs.unmaps_alone = true;
	cmd_out(unmap, list, sizeof(list));
	unmap->move_later = true;
	get_pass(w);
	cmd_start(unmap);
	hold_turn(w->h);
	assert_true(unmap->moving);
	expect_home(w, 0);
	expect_home(w, 0);
	cmd_bring(unmap);
	cmd_expect(unmap, 0);
	get_pass(w);
}

/* What the nexus of an ORDERED task sends after it does not get there before it. */
static void nothing_passes_an_ordered_task(void **state)
{
	struct away *w = *state;
	struct cmd *first = cmd_new(w->h, w->c, CDB(WRITE10(0, 1))), *second;

	get_pass(w);
	first->io.attr = SCSI_ORDERED;
	cmd_out(first, ones, 512);
	cmd_start(first);
	second = cmd_go(w->h, w->c, CDB(WRITE10(0, 1)), twos, 512);
	hold_turn(w->h);
	assert_true(first->order < second->order);
	cmd_expect(first, 0);
	cmd_expect(second, 0);
	assert_memory_equal(w->h->mem, twos, 512);
	get_pass(w);
}

/* The pass that an earlier one brings may come when it has been sent, and before it is there. */
static void nor_by_a_pass_that_was_on_its_way(void **state)
{
	struct away *w = *state;
	struct cmd *before = cmd_go(w->h, w->c, CDB(READ10(0, 1)), NULL, 0), *first, *second;

	reactor_turn(w->h->reactor, 0); /* it is home, and ends there */
	first = cmd_new(w->h, w->c, CDB(WRITE10(0, 1)));
	first->io.attr = SCSI_HEAD_OF_QUEUE;
	cmd_out(first, ones, 512);
	cmd_start(first);
	while (!before->done)
		assert_true(reactor_turn(w->away, 0) >= 0);
	second = cmd_go(w->h, w->c, CDB(WRITE10(0, 1)), twos, 512);
	hold_turn(w->h);
	cmd_expect(before, 0);
	cmd_expect(first, 0);
	cmd_expect(second, 0);
	assert_memory_equal(w->h->mem, twos, 512);
}

/* A function is about what was sent before it. */
static void a_function_spares_what_is_sent_after_it(void **state)
{
	struct away *w = *state;
	struct cmd *before, *after;
	struct asked q;

	get_pass(w);
	before = cmd_new(w->h, w->c, CDB(WRITE10(0, 1)));
	cmd_out(before, ones, 512);
	before->move_later = true;
	cmd_start(before);
	ask(&q, SCSI_LU_RESET, w->c, 0);
	after = cmd_new(w->h, w->c, CDB(WRITE10(1, 1)));
	cmd_out(after, ones, 512);
	after->move_later = true;
	cmd_start(after);
	hold_turn(w->h);
	expect_result(&q, SCSI_TMF_COMPLETE);
	expect_aborted(before);
	assert_false(after->move_aborted);
	cmd_expect(after, 0x062903); /* it heard of the reset, so it was not there before */
	get_pass(w);
}

static struct asked *asked_by_a;

static void ends_the_asker(struct scsi_io *io)
{
	container_of(io, struct cmd, io)->done = true;
	if (scsi_tmf_cancel(&asked_by_a->tmf))
		free(asked_by_a);
}

/* The end of a task may be the end of the function's nexus, also when the function had to wait. */
static void a_function_ends_in_the_middle(void **state)
{
	static const struct scsi_port_ops port = {cmd_data_move, cmd_move_abort, ends_the_asker};
	struct away *w = *state;
	struct cmd *c = cmd_new(w->h, w->h->b, CDB(WRITE10(0, 1)));

	c->io.port = &port;
	c->move_later = true;
	cmd_start(c);
	get_pass(w);
	asked_by_a = malloc(sizeof(*asked_by_a));
	ask(asked_by_a, SCSI_CLEAR_TASK_SET, w->h->a, 0);
	assert_false(asked_by_a->done);
	hold_turn(w->h);
	expect_aborted(c);
	expect_result(asked_by_a, SCSI_TMF_CANCELED);
	free(asked_by_a);
}

#define AWAY_TEST(f) cmocka_unit_test_setup_teardown(f, away_setup, away_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		AWAY_TEST(plain_commands_pass),
		AWAY_TEST(nobody_passes_a_mode_select),
		AWAY_TEST(nobody_passes_a_stop),
		AWAY_TEST(nobody_passes_an_unmap),
		AWAY_TEST(nothing_passes_an_ordered_task),
		AWAY_TEST(nor_by_a_pass_that_was_on_its_way),
		AWAY_TEST(a_function_spares_what_is_sent_after_it),
		AWAY_TEST(a_function_ends_in_the_middle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

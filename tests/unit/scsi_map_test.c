/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * LUN inventories that change under nexuses, at home and away. The two reactors share a thread, and letters are
 * delivered when the test says so: what it does itself is done before they are.
 */
#include "scsi/gate.h"
#include "scsi_tmf_rig.h"

/* A second inventory of the device, with a nexus at home and one away. */
struct maps {
	struct hold *h;
	struct scsi_map *map;
	struct scsi_nexus *c, *d;
	struct reactor *away;
};

static struct scsi_nexus *nexus_of(struct scsi_map *map, const char *name)
{
	struct scsi_nexus *n =
		scsi_nexus_new(map, name, "iqn.2026-11.org.example:store,t,0x0001", 1);

	assert_non_null(n);
	return n;
}

static int maps_setup(void **state)
{
	struct maps *w = calloc(1, sizeof(*w));
	void *h;

	tmf_setup(&h);
	w->h = h;
	w->h->holding = false;
	w->map = scsi_map_new(w->h->dev);
	assert_int_equal(scsi_map_add(w->map, 0, w->h->lu, false), 0);
	w->c = nexus_of(w->map, "c");
	w->d = nexus_of(w->map, "d");
	w->away = sim_node_thread(w->h->sim, w->h->reactor);
	assert_int_equal(scsi_nexus_set_away(w->d, w->h->reactor, w->away), 0);
	hold_ready(w->h, w->c);
	hold_ready(w->h, w->d);
	*state = w;
	return 0;
}

static int maps_teardown(void **state)
{
	struct maps *w = *state;
	void *h = w->h;

	hold_turn(w->h);
	scsi_nexus_leave(w->d);
	scsi_nexus_free(w->d);
	scsi_nexus_free(w->c);
	while (!list_empty(&w->h->pending))
		hold_answer(w->h, 0);
	hold_turn(w->h);
	scsi_map_free(w->map);
	hold_turn(w->h);
	free(w);
	return hold_teardown(&h);
}

#define MAPS_TEST(f) cmocka_unit_test_setup_teardown(f, maps_setup, maps_teardown)

static struct cmd *run(struct maps *w, struct scsi_nexus *n, uint8_t lun, const uint8_t *cdb,
		       size_t len)
{
	struct cmd *c = cmd_new(w->h, n, cdb, len);

	c->io.lun[1] = lun;
	cmd_out(c, ones, sizeof(ones));
	cmd_start(c);
	hold_turn(w->h);
	return c;
}

#define EXPECT(w, n, lun, sense, ...) cmd_expect(run(w, n, lun, CDB(__VA_ARGS__)), sense)

/* It runs by a pass; or it goes home. */
static void expect_pass(struct maps *w, bool passes, uint32_t sense)
{
	size_t tried = w->h->tried;

	EXPECT(w, w->d, 0, sense, READ10(0, 1));
	assert_int_equal(w->h->tried, tried + passes);
}

static void get_pass(struct maps *w)
{
	EXPECT(w, w->d, 0, 0, READ10(0, 1));
	expect_pass(w, true, 0);
}

static void only_who_sees_it_hears_of_it(void **state)
{
	struct maps *w = *state;

	get_pass(w);
	assert_int_equal(scsi_map_add(w->map, 5, w->h->lu, false), 0);
	EXPECT(w, w->h->a, 0, 0, TUR);
	EXPECT(w, w->h->a, 5, 0x052500, TUR);
	EXPECT(w, w->c, 0, 0x063f0e, TUR);
	EXPECT(w, w->c, 0, 0, TUR);
	EXPECT(w, w->c, 5, 0x062900, TUR);
	expect_pass(w, false, 0x063f0e);
	get_pass(w);
	assert_int_equal(scsi_map_remove(w->map, 5), 0);
	hold_turn(w->h);
	EXPECT(w, w->h->a, 0, 0, TUR);
	EXPECT(w, w->c, 5, 0x052500, TUR);
	EXPECT(w, w->c, 0, 0x063f0e, TUR);
	expect_pass(w, false, 0x063f0e);
	get_pass(w);
	/* Who has not talked yet knows no other inventory. */
	struct scsi_nexus *fresh = nexus_of(w->map, "e");
	assert_int_equal(scsi_map_add(w->map, 6, w->h->lu, false), 0);
	EXPECT(w, fresh, 0, 0x062900, TUR);
	EXPECT(w, fresh, 0, 0, TUR);
	scsi_nexus_free(fresh);
	assert_int_equal(scsi_map_count(w->map), 2);
}

#define SENSE6 0x1a, 0, 0x0a, 0, 255, 0

static void expect_wp(struct maps *w, struct scsi_nexus *n, bool wp)
{
	struct cmd *c = run(w, n, 0, CDB(SENSE6));

	assert_int_equal(c->data[2] & 0x80, wp ? 0x80 : 0);
	cmd_expect(c, 0);
}

static void protected_for_some(void **state)
{
	struct maps *w = *state;
	bool readonly = false;

	get_pass(w);
	EXPECT(w, w->d, 0, 0, WRITE10(3, 1));
	assert_int_equal(scsi_map_set_readonly(w->map, 9, true), -ENOENT);
	assert_int_equal(scsi_map_set_readonly(w->map, 0, true), 0);
	assert_int_equal(scsi_map_set_readonly(w->map, 0, true), 0);
	assert_ptr_equal(scsi_map_find(w->map, 0, &readonly), w->h->lu);
	assert_true(readonly);
	hold_turn(w->h);
	EXPECT(w, w->c, 0, 0x062a01, TUR);
	EXPECT(w, w->c, 0, 0x072700, WRITE10(3, 1));
	expect_pass(w, false, 0x062a01);
	get_pass(w);
	EXPECT(w, w->d, 0, 0x072700, WRITE10(3, 1));
	expect_pass(w, true, 0);
	expect_wp(w, w->c, true);
	expect_wp(w, w->d, true);
	expect_wp(w, w->h->a, false);
	EXPECT(w, w->h->a, 0, 0, WRITE10(3, 1));
	assert_int_equal(scsi_map_set_readonly(w->map, 0, false), 0);
	hold_turn(w->h);
	EXPECT(w, w->d, 0, 0x062a01, TUR);
	EXPECT(w, w->d, 0, 0, WRITE10(3, 1));
	/* From the beginning, too. */
	assert_int_equal(scsi_map_add(w->map, 1, w->h->lu, true), 0);
	EXPECT(w, w->c, 1, 0x062900, TUR);
	EXPECT(w, w->c, 1, 0x063f0e, TUR);
	EXPECT(w, w->c, 1, 0x072700, WRITE10(3, 1));
}

/* In whatever state they are, on whatever thread. */
static void tasks_of_a_lun_that_goes(void **state)
{
	struct maps *w = *state;
	struct cmd *store, *moving, *passing, *decoded, *others;

	get_pass(w);
	w->h->holding = true;
	store = run(w, w->c, 0, CDB(WRITE10(8, 1)));
	others = run(w, w->h->a, 0, CDB(READ10(100, 1)));
	moving = cmd_new(w->h, w->c, CDB(WRITE10(9, 1)));
	moving->move_later = true;
	cmd_start(moving);
	passing = cmd_new(w->h, w->d, CDB(WRITE10(10, 1)));
	passing->move_later = true;
	cmd_start(passing);
	assert_non_null(passing->io.gate);
	decoded = cmd_new(w->h, w->d, CDB(READ10(0, 1)));
	scsi_decode(&decoded->io);
	decoded->data = (uint8_t *)aligned_alloc(4096, 4096);
	decoded->io.data = decoded->data;
	assert_int_equal(scsi_map_remove(w->map, 0), 0);
	assert_int_equal(scsi_map_remove(w->map, 0), -ENOENT);
	assert_false(scsi_device_is_quiet(w->h->dev));
	/* Before the letters have come. */
	scsi_submit(&decoded->io);
	assert_null(decoded->io.gate);
	hold_turn(w->h);
	cmd_expect(decoded, 0x052500);
	cmd_expect(moving, 0x052500);
	cmd_expect(passing, 0x052500);
	assert_false(store->done);
	assert_int_equal(w->h->lu->fences, 1);
	assert_int_equal(hold_pending(w->h), 2);
	assert_null(w->d->passes[0].gate);
	hold_answer(w->h, 0);
	assert_true(store->io.aborted);
	cmd_expect(store, 0x052500);
	assert_true(list_empty(&w->c->detached));
	hold_answer(w->h, 0);
	cmd_expect(others, 0);
	assert_int_equal(w->h->lu->fences, 0);
}

/* It got what was sent by way of another LUN, and goes on. */
static void one_of_two_luns_goes(void **state)
{
	struct maps *w = *state;
	struct cmd *by_0, *by_1;

	assert_int_equal(scsi_map_add(w->map, 1, w->h->lu, false), 0);
	EXPECT(w, w->c, 1, 0x062900, TUR);
	EXPECT(w, w->c, 1, 0x063f0e, TUR);
	w->h->holding = true;
	by_0 = run(w, w->c, 0, CDB(WRITE10(8, 1)));
	by_1 = run(w, w->c, 1, CDB(WRITE10(9, 1)));
	assert_int_equal(scsi_map_remove(w->map, 0), 0);
	hold_turn(w->h);
	assert_int_equal(w->h->lu->fences, 1);
	hold_answer(w->h, 0);
	hold_answer(w->h, 0);
	cmd_expect(by_0, 0x052500);
	cmd_expect(by_1, 0);
}

/* With an orphan at the store the nexus is lost. */
static void a_nexus_is_lost_with_its_orphan(void **state)
{
	struct maps *w = *state;
	struct cmd *store;

	w->h->holding = true;
	store = run(w, w->c, 0, CDB(WRITE10(8, 1)));
	assert_int_equal(scsi_map_remove(w->map, 0), 0);
	hold_turn(w->h);
	scsi_nexus_free(w->c);
	w->c = nexus_of(w->map, "c");
	assert_null(store->io.nexus);
	assert_int_equal(w->h->lu->fences, 1);
	hold_answer(w->h, 0);
	assert_true(store->io.aborted);
	cmd_free(store);
	assert_int_equal(w->h->lu->fences, 0);
}

/* The nexus goes while the LUN does, both waiting for the same gate; and the other way round. */
static void a_nexus_is_lost_meanwhile(void **state)
{
	struct maps *w = *state;
	struct cmd *c;

	for (unsigned first = 0; first < 2; first++) {
		get_pass(w);
		w->h->holding = true;
		c = run(w, w->c, 0, CDB(WRITE10(8, 1)));
		if (first)
			scsi_nexus_free(w->c);
		assert_int_equal(scsi_map_remove(w->map, 0), 0);
		if (!first)
			scsi_nexus_free(w->c);
		assert_false(c->done);
		hold_turn(w->h);
		assert_null(c->io.nexus);
		w->h->holding = false;
		hold_answer(w->h, 0);
		assert_true(c->done && c->io.aborted);
		cmd_free(c);
		hold_turn(w->h);
		assert_int_equal(scsi_map_add(w->map, 0, w->h->lu, false), 0);
		w->c = nexus_of(w->map, "c");
		hold_ready(w->h, w->c);
		EXPECT(w, w->d, 0, 0x062900, TUR);
		EXPECT(w, w->d, 0, 0x063f0e, TUR);
	}
}

/* Out and in again before the letters have come: it is another LUN, and the pass of the old one is void. */
static void mapped_again_at_once(void **state)
{
	struct maps *w = *state;

	for (int i = 0; i < 20; i++) {
		get_pass(w);
		assert_int_equal(scsi_map_remove(w->map, 0), 0);
		assert_int_equal(scsi_map_add(w->map, 0, w->h->lu, i & 1), 0);
		expect_pass(w, false, 0x062900);
		expect_pass(w, false, 0x063f0e);
	}
	get_pass(w);
	EXPECT(w, w->d, 0, 0x072700, WRITE10(3, 1));
}

static void set_idle(void *ctx)
{
	*(bool *)ctx = true;
}

static struct scsi_lu *memory_lu(struct maps *w, uint32_t block_size)
{
	struct scsi_lu_config config = {.block_size = block_size};
	struct backstore *bs = NULL;
	struct scsi_lu *lu;
	char why[128];

	assert_int_equal(bs_open_memory(&bs, w->h->reactor, 1 << 20, why, sizeof(why)), 0);
	assert_int_equal(scsi_lu_new(&lu, bs, &config, NULL, why, sizeof(why)), 0);
	return lu;
}

/* Nobody looks at a LU that is free to go: another one takes its place, maybe its address. */
static void a_lu_is_retired(void **state)
{
	struct maps *w = *state;
	struct scsi_lu *lu = memory_lu(w, 512);

	assert_int_equal(scsi_map_add(w->map, 1, lu, false), 0);
	EXPECT(w, w->d, 1, 0x062900, TUR);
	EXPECT(w, w->d, 1, 0x063f0e, TUR);
	for (int i = 0; i < 10; i++) {
		uint32_t size = i & 1 ? 512 : 4096;
		struct cmd *c;
		bool idle = false;

		EXPECT(w, w->d, 1, 0, READ10(0, 1));
		c = cmd_new(w->h, w->d, CDB(READ10(0, 1)));
		c->io.lun[1] = 1;
		scsi_decode(&c->io);
		c->data = (uint8_t *)aligned_alloc(4096, 4096);
		c->io.data = c->data;
		assert_int_equal(scsi_map_remove(w->map, 1), 0);
		scsi_lu_retire(lu, set_idle, &idle);
		assert_false(idle);
		hold_turn(w->h);
		assert_true(idle);
		scsi_lu_free(lu);
		lu = memory_lu(w, size);
		assert_int_equal(scsi_map_add(w->map, 1, lu, false), 0);
		EXPECT(w, w->d, 1, 0x062900, TUR);
		EXPECT(w, w->d, 1, 0x063f0e, TUR);
		EXPECT(w, w->d, 1, 0, READ10(0, 1));
		scsi_submit(&c->io);
		hold_turn(w->h);
		assert_int_equal(cmd_status(c), SCSI_BUSY);
	}
	assert_int_equal(scsi_map_remove(w->map, 1), 0);
	hold_turn(w->h);
	scsi_lu_free(lu);
}

static void free_it(void *ctx)
{
	struct scsi_lu **lu = ctx;

	scsi_lu_free(*lu);
	*lu = NULL;
}

/* At once when it is told that it may. */
static void freed_from_inside(void **state)
{
	struct maps *w = *state;
	struct scsi_lu *lu = memory_lu(w, 512);

	assert_int_equal(scsi_map_add(w->map, 1, lu, false), 0);
	EXPECT(w, w->d, 1, 0x062900, TUR);
	EXPECT(w, w->d, 1, 0x063f0e, TUR);
	EXPECT(w, w->d, 1, 0, READ10(0, 1));
	assert_int_equal(scsi_map_remove(w->map, 1), 0);
	scsi_lu_retire(lu, free_it, &lu);
	hold_turn(w->h);
	assert_null(lu);
	EXPECT(w, w->d, 1, 0x052500, TUR);
	/* One that nobody has ever seen. */
	lu = memory_lu(w, 512);
	scsi_lu_retire(lu, free_it, &lu);
	assert_non_null(lu);
	hold_turn(w->h);
	assert_null(lu);
}

/* Not before its store has let go. */
static void a_lu_that_hangs_stays(void **state)
{
	struct maps *w = *state;
	bool idle = false;

	w->h->holding = true;
	struct cmd *c = run(w, w->c, 0, CDB(WRITE10(8, 1)));
	assert_int_equal(scsi_map_remove(w->map, 0), 0);
	assert_int_equal(scsi_device_unmap(w->h->dev, 0), 0);
	scsi_lu_retire(w->h->lu, set_idle, &idle);
	hold_turn(w->h);
	/* But of the device nothing is left there. */
	assert_true(list_empty(&w->h->dev->unmapped));
	assert_false(idle);
	hold_answer(w->h, 0);
	assert_false(idle);
	hold_turn(w->h);
	assert_true(idle);
	cmd_expect(c, 0x052500);
}

/* A function that goes through all LUs, while they come and go. */
static void reset_of_what_changes(void **state)
{
	struct maps *w = *state;
	struct asked q, one;

	get_pass(w);
	ask(&q, SCSI_TARGET_RESET, w->c, 0);
	ask(&one, SCSI_LU_RESET, w->c, 0);
	assert_false(q.done || one.done); /* for a pass is out */
	assert_int_equal(scsi_map_remove(w->map, 0), 0);
	expect_result(&one, SCSI_TMF_NO_LUN);
	hold_turn(w->h);
	expect_result(&q, SCSI_TMF_COMPLETE);
	EXPECT(w, w->h->a, 0, 0, TUR);
	assert_int_equal(scsi_map_add(w->map, 0, w->h->lu, false), 0);
	EXPECT(w, w->c, 0, 0x062900, TUR);
	EXPECT(w, w->c, 0, 0x063f0e, TUR);
	ask(&q, SCSI_TARGET_RESET, w->c, 0);
	hold_turn(w->h);
	expect_result(&q, SCSI_TMF_COMPLETE);
	EXPECT(w, w->h->a, 0, 0x062902, TUR);
}

/* Also when it is refused for want of memory, or aborted while it waits for that. */
static void ended_unsubmitted(void **state)
{
	struct maps *w = *state;
	struct scsi_lu *lu = memory_lu(w, 512);
	struct scsi_nexus *who[] = {w->c, w->d};
	struct scsi_tmf tmf = {.function = SCSI_CLEAR_TASK_SET, .nexus = w->h->a};

	for (size_t i = 0; i < ARRAY_SIZE(who); i++) {
		struct cmd *full, *cleared;

		assert_int_equal(scsi_map_add(w->map, 1, lu, false), 0);
		EXPECT(w, who[i], 1, 0x062900, TUR);
		full = cmd_new(w->h, who[i], CDB(WRITE10(0, 1)));
		cleared = cmd_new(w->h, who[i], CDB(WRITE10(0, 1)));
		full->io.lun[1] = cleared->io.lun[1] = 1;
		scsi_decode(&full->io);
		scsi_decode(&cleared->io);
		scsi_tmf_init(&tmf);
		assert_true(scsi_tmf_covers(&tmf, &cleared->io)); /* all ids are alike here */
		assert_int_equal(scsi_map_remove(w->map, 1), 0);
		assert_false(scsi_tmf_covers(&tmf, &cleared->io));
		hold_turn(w->h);
		scsi_lu_free(lu);
		lu = memory_lu(w, 512);
		scsi_refuse(&full->io, SCSI_TASK_SET_FULL, 0, 0);
		scsi_tmf_abort(&tmf, &cleared->io);
		hold_turn(w->h);
		assert_int_equal(cmd_status(full), SCSI_TASK_SET_FULL);
		expect_task_aborted(cleared);
	}
	scsi_lu_free(lu);
}

static void ten_thousand(void **state)
{
	struct maps *w = *state;

	for (unsigned n = 1; n <= 10000; n++)
		assert_int_equal(scsi_map_add(w->map, (uint16_t)n, w->h->lu, false), 0);
	EXPECT(w, w->c, 7, 0x062900, TUR);
	EXPECT(w, w->c, 7, 0x063f0e, TUR);
	/* Each of these would take seconds if it cost as much as there are LUNs. */
	for (unsigned n = 0; n < 100000; n++) {
		assert_int_equal(scsi_map_remove(w->map, 5000), 0);
		assert_int_equal(scsi_map_add(w->map, 5000, w->h->lu, false), 0);
		if (n % 100 == 0)
			hold_turn(w->h);
	}
	assert_int_equal(scsi_map_count(w->map), 10001);
}

static void smaller_only_if_meant(void **state)
{
	struct maps *w = *state;
	struct hold *h = w->h;

	get_pass(w);
	h->size = 100 * 512;
	assert_int_equal(scsi_lu_resized(h->lu, h->size, false), -EPERM);
	assert_int_equal(scsi_lu_blocks(h->lu), HOLD_BLOCKS);
	assert_int_equal(h->bs.size, HOLD_BLOCKS * 512);
	expect_pass(w, true, 0);
	/* A second look, while the first one waits for passes, finds next to nothing. */
	assert_int_equal(scsi_lu_resized(h->lu, h->size, true), 0);
	assert_int_equal(scsi_lu_resized(h->lu, 100, true), -ENODEV);
	hold_turn(h);
	assert_int_equal(scsi_lu_blocks(h->lu), 100);
	EXPECT(w, h->a, 0, 0x062a09, TUR);
	EXPECT(w, w->c, 0, 0x062a09, TUR);
	EXPECT(w, w->d, 0, 0x062a09, TUR);
	EXPECT(w, w->d, 0, 0x052100, READ10(100, 1));
	EXPECT(w, w->d, 0, 0, READ10(99, 1));
	h->size = HOLD_BLOCKS * 512;
	assert_int_equal(scsi_lu_resized(h->lu, h->size, false), 0);
	hold_turn(h);
	EXPECT(w, h->a, 0, 0x062a09, TUR);
	assert_int_equal(scsi_lu_blocks(h->lu), HOLD_BLOCKS);
}

/* All threads end while a nexus, a LUN and a function wait for a gate. */
static void abandoned_at_the_gate(void **state)
{
	struct maps *w = *state;
	bool lost = false;

	get_pass(w);
	w->h->holding = true;
	struct cmd *c = run(w, w->c, 0, CDB(READ10(8, 1)));
	scsi_nexus_lose(w->c, set_idle, &lost);
	assert_int_equal(scsi_device_unmap(w->h->dev, 0), 0);
	assert_false(lost);
	scsi_device_abandon(w->h->dev);
	assert_true(lost);
	assert_true(list_empty(&w->h->dev->unmapped));
	assert_null(c->io.nexus);
	w->c = nexus_of(w->map, "c");
	w->h->holding = false;
	hold_answer(w->h, 0);
	assert_true(c->done && c->io.aborted);
	cmd_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MAPS_TEST(only_who_sees_it_hears_of_it),
		MAPS_TEST(protected_for_some),
		MAPS_TEST(tasks_of_a_lun_that_goes),
		MAPS_TEST(one_of_two_luns_goes),
		MAPS_TEST(a_nexus_is_lost_with_its_orphan),
		MAPS_TEST(a_nexus_is_lost_meanwhile),
		MAPS_TEST(mapped_again_at_once),
		MAPS_TEST(a_lu_is_retired),
		MAPS_TEST(freed_from_inside),
		MAPS_TEST(a_lu_that_hangs_stays),
		MAPS_TEST(reset_of_what_changes),
		MAPS_TEST(ended_unsubmitted),
		MAPS_TEST(ten_thousand),
		MAPS_TEST(smaller_only_if_meant),
		MAPS_TEST(abandoned_at_the_gate),
	};

	return cmocka_run_group_tests_name("scsi_map", tests, NULL, NULL);
}

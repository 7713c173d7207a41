/* SPDX-License-Identifier: BSD-2-Clause */
/* Records that outlive the daemon, on a disk that forgets what was not flushed. */
#include "sim_rig.h"
#include "scsi/lu_store.h"

#define FILE_SIZE (1u << 20)
#define RECORD    3000u

static const uint8_t id[16] = {1, 2, 3};

struct store {
	struct rig g;
	struct lu_store *s;
};

struct sent {
	struct lu_put put;
	uint8_t data[RECORD];
	bool done;
	int err;
};

static void sent_done(struct lu_put *put, int err)
{
	struct sent *q = container_of(put, struct sent, put);

	assert_false(q->done);
	q->done = true;
	q->err = err;
}

static void send_record(struct store *t, struct sent *q, uint8_t fill)
{
	*q = (struct sent){.put = {.len = RECORD, .done = sent_done}};
	memset(q->data, fill, RECORD);
	q->put.data = q->data;
	q->put.follows = lu_store_version(t->s);
	lu_store_put(t->s, &q->put);
}

static int put_record(struct store *t, uint8_t fill)
{
	struct sent q;

	send_record(t, &q, fill);
	while (!q.done)
		assert_true(sim_step(t->g.sim, REACTOR_NEVER));
	return q.err;
}

static void open_store(struct store *t, uint64_t seed)
{
	rig_open(&t->g, seed, FILE_SIZE, 0);
	t->s = lu_store_new(t->g.node, t->g.file, NULL, id);
	assert_non_null(t->s);
}

static void close_store(struct store *t)
{
	lu_store_free(t->s);
	rig_close(&t->g);
}

static void settle(struct store *t)
{
	while (!lu_store_is_quiet(t->s))
		assert_true(sim_step(t->g.sim, REACTOR_NEVER));
}

/* As a new process finds it. */
static void reopen(struct store *t, const uint8_t whose[16])
{
	lu_store_free(t->s);
	t->g.file = file_open(t->g.node, DISK, O_RDWR, 0);
	assert_true(t->g.file >= 0);
	t->s = lu_store_new(t->g.node, t->g.file, NULL, whose);
	assert_non_null(t->s);
}

static int fill_found(const struct store *t)
{
	const uint8_t *data;
	size_t len;
	int err = lu_store_get(t->s, &data, &len);

	if (err)
		return err;
	assert_int_equal(len, RECORD);
	assert_true(all_bytes(data, len, data[0]));
	return data[0];
}

static void what_was_put_is_found(void **state)
{
	struct store t;

	open_store(&t, 1);
	assert_int_equal(fill_found(&t), -ENODATA);
	assert_int_equal(put_record(&t, 1), 0);
	assert_int_equal(put_record(&t, 2), 0);
	reopen(&t, id);
	assert_int_equal(fill_found(&t), 2);
	assert_int_equal(put_record(&t, 3), 0);
	reopen(&t, id);
	assert_int_equal(fill_found(&t), 3);
	close_store(&t);
}

/* Whoever looked at an older record has to look again. */
static void a_put_that_follows_another_version_is_refused(void **state)
{
	struct store t;
	struct sent a, b;

	open_store(&t, 1);
	send_record(&t, &a, 1);
	b = a;
	b.done = false;
	b.put.data = b.data;
	b.put.follows = 0;
	lu_store_put(t.s, &b.put);
	while (!a.done || !b.done)
		assert_true(sim_step(t.g.sim, REACTOR_NEVER));
	assert_int_equal(a.err, 0);
	assert_int_equal(b.err, -ESTALE);
	close_store(&t);
}

/* What was answered is there, or what was under way: nothing else, and never nothing. */
static void power_cuts_leave_the_old_or_the_new(void **state)
{
	const struct sim_faults unkind = {.disk_delay_max_us = 300, .disk_short = 200000};
	unsigned old = 0, new = 0;

	for (uint64_t seed = 1; seed <= 400; seed++) {
		struct store t;
		struct sent q;
		int found;

		open_store(&t, seed);
		sim_set_faults(t.g.sim, &unkind);
		for (unsigned i = 0; i < seed % 3; i++)
			assert_int_equal(put_record(&t, (uint8_t)(1 + i)), 0);
		send_record(&t, &q, 9);
		for (uint64_t n = sim_rand(t.g.sim, 12); n && !q.done; n--)
			sim_step(t.g.sim, REACTOR_NEVER);
		sim_crash(t.g.sim, t.g.node, true);
		reopen(&t, id);
		found = fill_found(&t);
		if (found == 9)
			new ++;
		else if (q.done || found != (seed % 3 ? (int)(seed % 3) : -ENODATA))
			fail_msg("seed %u: found %d", (unsigned)seed, found);
		else
			old++;
		close_store(&t);
	}
	assert_true(old > 40 && new > 40);
}

static void errors_are_answered_and_the_next_put_is_whole(void **state)
{
	const struct sim_faults none = {0};
	const struct sim_faults failing[] = {
		{.disk_write_fail = 500000}, {.disk_sync_fail = 500000}, {.disk_full = 500000}};

	for (uint64_t seed = 1; seed <= 60; seed++) {
		struct store t;
		int err, found;

		open_store(&t, seed);
		assert_int_equal(put_record(&t, 1), 0);
		sim_set_faults(t.g.sim, &failing[seed % ARRAY_SIZE(failing)]);
		err = put_record(&t, 2);
		sim_set_faults(t.g.sim, &none);
		sim_crash(t.g.sim, t.g.node, true);
		reopen(&t, id);
		found = fill_found(&t);
		assert_true(found == 2 || (err && found == 1));
		assert_int_equal(put_record(&t, 3), 0);
		sim_crash(t.g.sim, t.g.node, true);
		reopen(&t, id);
		assert_int_equal(fill_found(&t), 3);
		close_store(&t);
	}
}

static void damage(struct store *t, uint64_t at)
{
	uint8_t byte = 0xee;

	assert_int_equal(write_at(&t->g, &byte, 1, at, RWF_DSYNC), 1);
}

/* One slot that rots hides nothing; both are not taken for "there was nothing". */
static void damage_is_seen(void **state)
{
	static const uint64_t places[] = {0, 9, 17, 25, 41, 100, 511, 512, 512 + RECORD - 1};

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		struct store t;

		open_store(&t, 1);
		assert_int_equal(put_record(&t, 7), 0);
		damage(&t, places[i]);
		reopen(&t, id);
		assert_int_equal(fill_found(&t), 7);
		settle(&t);
		damage(&t, places[i]);
		damage(&t, (256u << 10) + places[i]);
		reopen(&t, id);
		assert_int_equal(fill_found(&t), -EBADMSG);
		close_store(&t);
	}
}

/* Else the next damage would hide the newer record, or all. */
static void a_slot_that_is_not_like_the_other_is_written_again(void **state)
{
	for (unsigned slot = 0; slot < 2; slot++) {
		struct store t;

		open_store(&t, 1);
		assert_int_equal(put_record(&t, 7), 0);
		damage(&t, slot * (256u << 10) + 17);
		reopen(&t, id);
		assert_false(lu_store_is_quiet(t.s));
		settle(&t);
		damage(&t, (1 - slot) * (256u << 10) + 17);
		reopen(&t, id);
		assert_int_equal(fill_found(&t), 7);
		settle(&t);
		sim_crash(t.g.sim, t.g.node, true);
		reopen(&t, id);
		assert_true(lu_store_is_quiet(t.s));
		assert_int_equal(fill_found(&t), 7);
		close_store(&t);
	}
}

/* What was refused does not come back: half a put is overwritten by what was there. */
static void what_has_failed_is_undone(void **state)
{
	const struct sim_faults none = {0}, failing = {.disk_sync_fail = 300000};
	unsigned failed = 0;

	for (uint64_t seed = 1; seed <= 60; seed++) {
		struct store t;
		struct sent q;

		open_store(&t, seed);
		assert_int_equal(put_record(&t, 1), 0);
		sim_set_faults(t.g.sim, &failing);
		send_record(&t, &q, 2);
		while (!q.done)
			assert_true(sim_step(t.g.sim, REACTOR_NEVER));
		sim_set_faults(t.g.sim, &none);
		settle(&t);
		assert_int_equal(fill_found(&t), q.err ? 1 : 2);
		failed += q.err != 0;
		sim_crash(t.g.sim, t.g.node, true);
		reopen(&t, id);
		assert_int_equal(fill_found(&t), q.err ? 1 : 2);
		close_store(&t);
	}
	assert_true(failed > 10);
}

/* The kernel has it, no medium: who was killed then may not be outdone by a power cut after others have seen it. */
static void what_a_new_process_shows_is_durable(void **state)
{
	for (uint64_t seed = 1; seed <= 200; seed++) {
		struct store t;
		struct sent q;
		int found;

		open_store(&t, seed);
		assert_int_equal(put_record(&t, 1), 0);
		send_record(&t, &q, 2);
		for (uint64_t n = sim_rand(t.g.sim, 8); n && !q.done; n--)
			sim_step(t.g.sim, REACTOR_NEVER);
		sim_crash(t.g.sim, t.g.node, false);
		reopen(&t, id);
		found = fill_found(&t);
		assert_true(found == 1 || found == 2);
		for (uint64_t n = sim_rand(t.g.sim, 8); n && !lu_store_is_quiet(t.s); n--)
			sim_step(t.g.sim, REACTOR_NEVER);
		sim_crash(t.g.sim, t.g.node, true);
		reopen(&t, id);
		assert_int_equal(fill_found(&t), found);
		close_store(&t);
	}
}

static void the_record_of_another_lu_is_not_taken(void **state)
{
	static const uint8_t other[16] = {9};
	struct store t;

	open_store(&t, 1);
	assert_int_equal(put_record(&t, 7), 0);
	reopen(&t, other);
	assert_int_equal(fill_found(&t), -EBADMSG);
	close_store(&t);
}

/* --- who has no file yet */

struct opening {
	struct lu_store_opener o;
	struct store *t;
	int says; /* 0: opens at once */
	unsigned asked;
};

static int let_open(struct lu_store_opener *o)
{
	struct opening *op = container_of(o, struct opening, o);

	op->asked++;
	return op->says ? op->says : op->t->g.file;
}

static void the_file_is_opened_for_the_first_put(void **state)
{
	static const int says[] = {0, -EINPROGRESS, -EACCES};

	for (size_t i = 0; i < ARRAY_SIZE(says); i++) {
		struct store t;
		struct sent q, second;
		struct opening op = {{let_open}, &t, says[i], 0};

		rig_open(&t.g, 1, FILE_SIZE, 0);
		t.s = lu_store_new(t.g.node, -1, &op.o, id);
		assert_int_equal(fill_found(&t), -ENODATA);
		assert_int_equal(op.asked, 0);
		send_record(&t, &q, 1);
		if (says[i] == -EINPROGRESS) {
			send_record(&t, &second, 2);
			assert_false(lu_store_is_quiet(t.s));
			lu_store_opened(t.s, t.g.file);
			while (!second.done)
				assert_true(sim_step(t.g.sim, REACTOR_NEVER));
			assert_int_equal(second.err, -ESTALE);
		}
		while (!q.done)
			assert_true(sim_step(t.g.sim, REACTOR_NEVER));
		assert_int_equal(q.err, says[i] == -EACCES ? -EACCES : 0);
		assert_int_equal(op.asked, 1);
		/* Who was refused asks again. */
		op.says = 0;
		assert_int_equal(put_record(&t, 3), 0);
		reopen(&t, id);
		assert_int_equal(fill_found(&t), 3);
		close_store(&t);
	}
}

static void nobody_to_open_is_an_error(void **state)
{
	struct store t;
	struct sent q;

	rig_open(&t.g, 1, FILE_SIZE, 0);
	t.s = lu_store_new(t.g.node, -1, NULL, id);
	send_record(&t, &q, 1);
	assert_int_equal(q.err, -EROFS);
	q = (struct sent){.put = {.data = q.data, .len = LU_STORE_MAX + 1, .done = sent_done}};
	lu_store_put(t.s, &q.put);
	assert_int_equal(q.err, -EFBIG);
	assert_true(lu_store_is_quiet(t.s));
	close_store(&t);
}

static void its_place_is_its_own(void **state)
{
	char path[64];

	assert_int_equal(lu_store_path(path, sizeof(path), "/d", id), 0);
	assert_string_equal(path, "/d/reservations-01020300000000000000000000000000");
	assert_int_equal(lu_store_path(path, 48, "/d", id), -ENAMETOOLONG);
	assert_int_equal(lu_store_path(path, 49, "/d", id), 0);
}

static void its_file_is_made_and_nothing_else_is_taken_for_it(void **state)
{
	struct sim *sim = sim_new(1, NULL);
	struct reactor *r = sim_node(sim);
	const struct sim_faults failing = {.disk_sync_fail = 1000000}, none = {0};

	assert_int_equal(lu_store_open(r, "/d/record", false), -ENOENT);
	sim_set_faults(sim, &failing);
	assert_int_equal(lu_store_open(r, "/d/record", true), -EIO);
	sim_set_faults(sim, &none);
	assert_true(lu_store_open(r, "/d/record", true) >= 0);
	assert_true(lu_store_open(r, "/d/record", true) >= 0);
	assert_true(lu_store_open(r, "/d/record", false) >= 0);
	assert_int_equal(sim_disk_create(sim, "/d/device", 4096, 512), 0);
	assert_int_equal(lu_store_open(r, "/d/device", true), -EINVAL);
	assert_string_equal(lu_store_problem(-EINVAL), "it is no file");
	assert_string_equal(lu_store_problem(-ELOOP), "it is a link");
	sim_free(sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_put_is_found),
		cmocka_unit_test(a_put_that_follows_another_version_is_refused),
		cmocka_unit_test(power_cuts_leave_the_old_or_the_new),
		cmocka_unit_test(errors_are_answered_and_the_next_put_is_whole),
		cmocka_unit_test(damage_is_seen),
		cmocka_unit_test(a_slot_that_is_not_like_the_other_is_written_again),
		cmocka_unit_test(what_has_failed_is_undone),
		cmocka_unit_test(what_a_new_process_shows_is_durable),
		cmocka_unit_test(the_record_of_another_lu_is_not_taken),
		cmocka_unit_test(the_file_is_opened_for_the_first_put),
		cmocka_unit_test(nobody_to_open_is_an_error),
		cmocka_unit_test(its_place_is_its_own),
		cmocka_unit_test(its_file_is_made_and_nothing_else_is_taken_for_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

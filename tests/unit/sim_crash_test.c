/* SPDX-License-Identifier: BSD-2-Clause */
/* The disks of the simulated world: what is durable when. */
#include "sim_rig.h"

/* --- durability against a model that knows nothing of how the disk does it */

enum { MODEL_SECTORS = 24, MODEL_OPS = 60, MODEL_WIDTH = 6, MODEL_DEPTH = 5 };

enum model_kind { M_WRITE, M_DSYNC, M_ZERO, M_SYNC, M_READ };

/* Times are numbers of events of the test: 0 is "not yet". */
struct model_op {
	struct call call;
	struct model *m;
	enum model_kind kind;
	unsigned first, count;
	uint64_t submitted, completed;
	bool durable; /* known to be, if nothing newer is */
	bool tainted; /* a flush failed since: no later flush need help it */
	uint64_t buf[MODEL_WIDTH][SECTOR / 8];
};

struct model {
	struct rig rig;
	struct model_op op[MODEL_OPS]; /* op[i] fills its sectors with i + 1, or with zeroes */
	unsigned started, in_flight;
	uint64_t time;
	uint64_t checks;
	bool zeroes;
};

static bool changes(const struct model_op *o, unsigned sector)
{
	return o->kind <= M_ZERO && o->submitted && sector >= o->first &&
	       sector < o->first + o->count;
}

static uint64_t stamp(const struct model *m, const struct model_op *o)
{
	return o->kind == M_ZERO ? 0 : (uint64_t)(o - m->op) + 1;
}

/*
 * Whether `value` may be what a sector holds, when each write for which `settled` is nonzero is
 * certain to have taken place by then. A value is out when a certain write began after its own write
 * had ended; what overlaps in time may have happened in either order.
 */
static bool explained(const struct model *m, unsigned sector, uint64_t value, uint64_t before,
		      bool durable)
{
	for (unsigned i = 0; i <= m->started; i++) {
		const struct model_op *o = i ? &m->op[i - 1] : NULL; /* NULL: the zeroes at first */
		if (o && (!changes(o, sector) || stamp(m, o) != value))
			continue;
		if (!o && value)
			continue;
		bool out = false;
		for (unsigned j = 0; j < m->started && !out; j++) {
			const struct model_op *p = &m->op[j];
			bool certain =
				durable ? p->durable
					: p->completed && p->completed < before && p->call.res >= 0;
			bool later = !o || (o->completed && o->completed < p->submitted);
			out = p != o && changes(p, sector) && certain && later;
		}
		if (!out)
			return true;
	}
	return false;
}

static uint64_t sector_value(const uint64_t *words)
{
	for (unsigned i = 1; i < SECTOR / 8; i++)
		assert_int_equal(words[i], words[0]); /* sectors are never torn */
	return words[0];
}

static void model_sync_ended(struct model *m, const struct model_op *sync, int res)
{
	for (unsigned i = 0; i < m->started; i++) {
		struct model_op *o = &m->op[i];
		if (o->kind > M_ZERO)
			continue;
		if (res == 0 && o->completed && o->completed < sync->submitted && !o->tainted &&
		    o->call.res >= 0)
			o->durable = true;
		if (res < 0 && !o->durable)
			o->tainted = true;
	}
}

static void model_done(struct op *op, int res)
{
	struct model_op *o = container_of(op, struct model_op, call.op);
	struct model *m = o->m;
	call_done(op, res);
	m->in_flight--;
	o->completed = ++m->time;
	if (o->kind == M_SYNC)
		model_sync_ended(m, o, res);
	if (o->kind == M_DSYNC && res > 0 && !o->tainted)
		o->durable = true;
	if (o->kind == M_DSYNC &&
	    res < 0) /* may have failed at its flush, which others suffer from */
		model_sync_ended(m, o, res);
	for (unsigned i = 0; o->kind == M_READ && res > 0 && i < o->count; i++) {
		m->checks++;
		assert_true(
			explained(m, o->first + i, sector_value(o->buf[i]), o->submitted, false));
	}
}

static void model_start(struct model *m)
{
	struct model_op *o = &m->op[m->started++];
	struct iovec *iov = call_iov(&o->call, o->buf, 0);
	uint64_t luck = sim_rand(m->rig.sim, 100);
	o->call.op.done = model_done;
	o->m = m;
	o->kind = luck < 40   ? M_WRITE
		  : luck < 55 ? M_DSYNC
		  : luck < 65 ? M_ZERO
		  : luck < 75 ? M_SYNC
			      : M_READ;
	o->first = (unsigned)sim_rand(m->rig.sim, MODEL_SECTORS - MODEL_WIDTH);
	o->count = 1 + (unsigned)sim_rand(m->rig.sim, MODEL_WIDTH);
	o->submitted = ++m->time;
	m->in_flight++;
	iov->iov_len = (size_t)o->count * SECTOR;
	for (unsigned i = 0; i < o->count * SECTOR / 8; i++)
		o->buf[i / (SECTOR / 8)][i % (SECTOR / 8)] = (uint64_t)m->started;
	struct op *op = &o->call.op;
	uint64_t offset = (uint64_t)o->first * SECTOR;
	if (o->kind == M_READ)
		file_read(m->rig.node, op, m->rig.file, iov, 1, offset);
	else if (o->kind == M_SYNC)
		file_datasync(m->rig.node, op, m->rig.file);
	else if (o->kind == M_ZERO)
		file_fallocate(m->rig.node, op, m->rig.file,
			       FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, iov->iov_len);
	else
		file_write(m->rig.node, op, m->rig.file, iov, 1, offset,
			   o->kind == M_DSYNC ? RWF_DSYNC : 0);
}

static void model_peek(struct model *m)
{
	uint64_t words[SECTOR / 8];
	for (unsigned i = 0; i < MODEL_SECTORS; i++) {
		assert_int_equal(
			sim_disk_peek(m->rig.sim, DISK, (uint64_t)i * SECTOR, words, SECTOR), 0);
		m->checks++;
		assert_true(explained(m, i, sector_value(words), 0, true));
	}
}

struct tally {
	uint64_t newest, older, in_flight;
};

/* After the power loss: what is there is explained, and is what a new process reads. */
static void model_crash(struct model *m, struct tally *tally)
{
	uint8_t seen[MODEL_SECTORS * SECTOR], durable[MODEL_SECTORS * SECTOR];
	sim_crash(m->rig.sim, m->rig.node, true);
	model_peek(m);
	m->rig.file = file_open(m->rig.node, DISK, O_RDWR, 0);
	const struct sim_faults none = {0};
	sim_set_faults(m->rig.sim, &none);
	assert_int_equal(read_at(&m->rig, seen, sizeof(seen), 0), sizeof(seen));
	assert_int_equal(sim_disk_peek(m->rig.sim, DISK, 0, durable, sizeof(durable)), 0);
	assert_memory_equal(seen, durable, sizeof(seen));
	for (unsigned i = 0; i < MODEL_SECTORS; i++) {
		uint64_t value;
		memcpy(&value, seen + (size_t)i * SECTOR, sizeof(value));
		const struct model_op *o = value ? &m->op[value - 1] : NULL;
		tally->in_flight += o && !o->completed;
		tally->newest += o && o->completed && !o->durable;
		tally->older += !explained(m, i, value, UINT64_MAX, false);
	}
}

static void model_runs(const struct sim_faults *faults, uint64_t seeds, struct tally *tally)
{
	for (uint64_t seed = 1; seed <= seeds; seed++) {
		struct model *m = calloc(1, sizeof(*m));
		assert_non_null(m);
		rig_open(&m->rig, seed, MODEL_SECTORS * SECTOR, seed % 2 ? 512 : 0);
		sim_set_faults(m->rig.sim, faults);
		unsigned until = 1 + (unsigned)sim_rand(m->rig.sim, MODEL_OPS - 1);
		while (m->started < until) {
			while (m->in_flight < MODEL_DEPTH && m->started < until &&
			       sim_rand(m->rig.sim, 3))
				model_start(m);
			sim_step(m->rig.sim, REACTOR_NEVER);
			if (!sim_rand(m->rig.sim, 4))
				model_peek(m);
		}
		model_crash(m, tally);
		assert_true(m->checks > 0);
		rig_close(&m->rig);
		free(m);
	}
}

static void crashes_are_explained(void **state)
{
	const struct sim_faults faults = {.disk_delay_max_us = 200};
	struct tally tally = {0};
	model_runs(&faults, 1500, &tally);
	/* All of it does happen: unflushed writes kept, lost, and writes caught in flight. */
	assert_true(tally.newest > 1000);
	assert_true(tally.older > 1000);
	assert_true(tally.in_flight > 100);
}

static void crashes_with_failing_disks_are_explained(void **state)
{
	const struct sim_faults faults = {
		.disk_delay_max_us = 200,
		.disk_slow = 50000,
		.disk_slow_max_us = 5000,
		.disk_write_fail = 50000,
		.disk_sync_fail = 150000,
		.disk_read_fail = 20000,
		.disk_full = 20000,
	};
	struct tally tally = {0};
	model_runs(&faults, 1500, &tally);
	assert_true(tally.older > 1000);
}

static uint64_t trace_of(uint64_t seed)
{
	const struct sim_faults faults = {.disk_delay_max_us = 300};
	struct model *m = calloc(1, sizeof(*m));
	uint64_t hash = 0;
	uint8_t durable[MODEL_SECTORS * SECTOR];
	assert_non_null(m);
	rig_open(&m->rig, seed, MODEL_SECTORS * SECTOR, 512);
	sim_set_faults(m->rig.sim, &faults);
	while (m->started < MODEL_OPS) {
		model_start(m);
		sim_step(m->rig.sim, REACTOR_NEVER);
		hash = (hash ^ sim_now(m->rig.sim)) * UINT64_C(0x100000001b3) + m->in_flight;
	}
	sim_crash(m->rig.sim, m->rig.node, true);
	assert_int_equal(sim_disk_peek(m->rig.sim, DISK, 0, durable, sizeof(durable)), 0);
	for (size_t i = 0; i < sizeof(durable); i++)
		hash = (hash ^ durable[i]) * UINT64_C(0x100000001b3);
	rig_close(&m->rig);
	free(m);
	return hash;
}

static void same_seed_same_disk(void **state)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		assert_true(trace_of(seed) == trace_of(seed));
		assert_true(trace_of(seed) != trace_of(seed + 1));
	}
}

static void flushed_data_outlives_every_power_cut(void **state)
{
	for (uint64_t seed = 1; seed <= 200; seed++) {
		struct rig g;
		uint8_t old[8192], new[8192], found[8192];
		memset(old, 'o', sizeof(old));
		memset(new, 'n', sizeof(new));
		rig_open(&g, seed, 1 << 20, 512);
		assert_int_equal(write_at(&g, old, sizeof(old), 4096, 0), sizeof(old));
		assert_int_equal(sync_now(&g), 0);
		/* What is written later may be kept or lost, and nothing else. */
		assert_int_equal(write_at(&g, new, 4096, 4096, 0), 4096);
		assert_int_equal(write_at(&g, new, 2048, 8192, RWF_DSYNC), 2048);
		sim_crash(g.sim, g.node, true);
		assert_int_equal(sim_disk_peek(g.sim, DISK, 4096, found, sizeof(found)), 0);
		for (size_t i = 0; i < 4096; i += SECTOR)
			assert_true(all_bytes(found + i, SECTOR, 'n') ||
				    all_bytes(found + i, SECTOR, 'o'));
		assert_true(all_bytes(found + 4096, 2048, 'n'));
		assert_true(all_bytes(found + 6144, 2048, 'o'));
		rig_close(&g);
	}
}

/* However often the same sector is written while the flush is under way. */
static void flush_covers_what_was_before_it(void **state)
{
	const struct sim_faults slow = {.disk_slow = 1000000, .disk_slow_max_us = 20000},
				none = {0};
	unsigned exact = 0;
	for (uint64_t seed = 1; seed <= 60; seed++) {
		struct rig g;
		struct call sync;
		uint8_t data[SECTOR];
		rig_open(&g, seed, 1 << 16, 512);
		for (uint8_t i = 1; i <= 90; i++) {
			memset(data, i, sizeof(data));
			assert_int_equal(write_at(&g, data, SECTOR, 0, 0), SECTOR);
			if (i != 30)
				continue;
			sim_set_faults(g.sim, &slow);
			file_datasync(g.node, &call_init(&sync)->op, g.file);
			sim_set_faults(g.sim, &none);
		}
		assert_int_equal(call_wait(g.sim, &sync), 0);
		assert_int_equal(sim_disk_peek(g.sim, DISK, 0, data, SECTOR), 0);
		assert_true(data[0] >= 30);
		exact += data[0] == 30;
		rig_close(&g);
	}
	assert_true(exact > 30); /* and not a byte more */
}

static void kill_keeps_what_the_kernel_had(void **state)
{
	unsigned kept = 0, lost = 0;
	for (uint64_t seed = 1; seed <= 60; seed++) {
		struct rig g;
		uint8_t data[4096], found[8192];
		struct call flying;
		memset(data, 'k', sizeof(data));
		rig_open(&g, seed, 1 << 20, 0);
		assert_int_equal(write_at(&g, data, sizeof(data), 0, 0), sizeof(data));
		start_write(&g, &flying, data, sizeof(data), 4096, 0);
		sim_crash(g.sim, g.node, false);
		g.file = file_open(g.node, DISK, O_RDWR, 0);
		assert_int_equal(read_at(&g, found, sizeof(found), 0), sizeof(found));
		assert_true(all_bytes(found, 4096, 'k'));
		kept += all_bytes(found + 4096, 4096, 'k');
		lost += all_bytes(found + 4096, 4096, 0);
		assert_int_equal(sim_disk_peek(g.sim, DISK, 0, found, 4096), 0);
		assert_true(all_bytes(found, 4096, 0));
		assert_false(flying.done);
		rig_close(&g);
	}
	assert_true(kept > 5 && lost > 5 && kept + lost < 60);
}

static void failed_flush_is_not_made_good_by_the_next(void **state)
{
	const struct sim_faults failing = {.disk_sync_fail = 1000000}, none = {0};
	unsigned lost = 0, kept = 0;
	for (uint64_t seed = 1; seed <= 40; seed++) {
		struct rig g;
		uint8_t data[SECTOR], found[SECTOR];
		memset(data, 'x', sizeof(data));
		rig_open(&g, seed, 1 << 16, 512);
		assert_int_equal(write_at(&g, data, SECTOR, 0, 0), SECTOR);
		sim_set_faults(g.sim, &failing);
		assert_int_equal(sync_now(&g), -EIO);
		sim_set_faults(g.sim, &none);
		assert_int_equal(sync_now(&g), 0);
		/* The cache shows it all the same. */
		assert_int_equal(read_at(&g, found, SECTOR, 0), SECTOR);
		assert_memory_equal(found, data, SECTOR);
		sim_crash(g.sim, g.node, true);
		assert_int_equal(sim_disk_peek(g.sim, DISK, 0, found, SECTOR), 0);
		kept += all_bytes(found, SECTOR, 'x');
		lost += all_bytes(found, SECTOR, 0);
		/* Writing it anew helps. */
		g.file = file_open(g.node, DISK, O_RDWR, 0);
		assert_int_equal(write_at(&g, data, SECTOR, 0, 0), SECTOR);
		assert_int_equal(sync_now(&g), 0);
		assert_int_equal(sim_disk_peek(g.sim, DISK, 0, found, SECTOR), 0);
		assert_memory_equal(found, data, SECTOR);
		assert_int_equal(sim_stats(g.sim)->failures, 1);
		rig_close(&g);
	}
	assert_int_equal(kept + lost, 40);
	assert_true(kept > 5 && lost > 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(crashes_are_explained),
		cmocka_unit_test(crashes_with_failing_disks_are_explained),
		cmocka_unit_test(same_seed_same_disk),
		cmocka_unit_test(flushed_data_outlives_every_power_cut),
		cmocka_unit_test(flush_covers_what_was_before_it),
		cmocka_unit_test(kill_keeps_what_the_kernel_had),
		cmocka_unit_test(failed_flush_is_not_made_good_by_the_next),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

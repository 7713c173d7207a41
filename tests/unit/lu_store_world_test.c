/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A LU's record through many lives: puts, failing disks, processes that are killed, power that goes at every point.
 * A model says what may be found; bugs that are planted by the linker (--wrap) must be noticed by it.
 */
#include "common/crc32c.h"
#include "scsi/lu_store.h"
#include "sim_rig.h"

#define FILE_SIZE (1u << 20)
#define SLOT_SIZE (256u << 10)
#define LIVES     10
#define FILLS     64 /* records of a run, each told by its bytes */
#define NOTHING   0

enum plant {
	PLANT_NONE,
	PLANT_NOT_SYNCED,  /* a record is answered for that is in the kernel's cache */
	PLANT_ONE_SLOT,    /* there is no other one when it is torn */
	PLANT_SHOWN_EARLY, /* what a process has left in the cache is shown by the next */
	PLANT_NOT_CHECKED, /* checksums say nothing */
	PLANT_COUNT,
};

static enum plant plant;

void __real_file_datasync(struct reactor *r, struct op *op, int file);
void __wrap_file_datasync(struct reactor *r, struct op *op, int file);
void __real_file_write(struct reactor *r, struct op *op, int file, struct iovec *iov,
		       unsigned iovcnt, uint64_t offset, uint32_t flags);
void __wrap_file_write(struct reactor *r, struct op *op, int file, struct iovec *iov,
		       unsigned iovcnt, uint64_t offset, uint32_t flags);
int __real_file_sync(struct reactor *r, int file);
int __wrap_file_sync(struct reactor *r, int file);
uint32_t __real_crc32c_update(uint32_t crc, const void *data, size_t len);
uint32_t __wrap_crc32c_update(uint32_t crc, const void *data, size_t len);

void __wrap_file_datasync(struct reactor *r, struct op *op, int file)
{
	if (plant == PLANT_NOT_SYNCED)
		op->done(op, 0);
	else
		__real_file_datasync(r, op, file);
}

void __wrap_file_write(struct reactor *r, struct op *op, int file, struct iovec *iov,
		       unsigned iovcnt, uint64_t offset, uint32_t flags)
{
	__real_file_write(r, op, file, iov, iovcnt,
			  plant == PLANT_ONE_SLOT ? offset % SLOT_SIZE : offset, flags);
}

int __wrap_file_sync(struct reactor *r, int file)
{
	return plant == PLANT_SHOWN_EARLY ? 0 : __real_file_sync(r, file);
}

uint32_t __wrap_crc32c_update(uint32_t crc, const void *data, size_t len)
{
	return plant == PLANT_NOT_CHECKED ? crc : __real_crc32c_update(crc, data, len);
}

/* --- one run */

struct run {
	struct rig g;
	struct lu_store *s;
	uint64_t seed;
	struct lu_put put;
	uint8_t data[4096];
	bool busy;
	/* The kernel shows what it could not flush, and flushes it no more: nobody can tell then, unless the power
	 * goes. So it does. */
	bool syncs_fail;
	unsigned last;     /* the record that was put last */
	unsigned sure;     /* it was answered, or found; NOTHING: none was */
	bool maybe[FILLS]; /* those that have been under way since */
	char wrong[128];   /* "": nothing */
	unsigned answered, refused;
};

static size_t size_of(unsigned fill)
{
	return 1 + fill * 397u % sizeof(((struct run *)0)->data);
}

static void be_sure(struct run *t, unsigned fill)
{
	t->sure = fill;
	memset(t->maybe, 0, sizeof(t->maybe));
}

static void put_done(struct lu_put *put, int err)
{
	struct run *t = container_of(put, struct run, put);

	t->busy = false;
	if (err) {
		t->refused++;
		return;
	}
	t->answered++;
	be_sure(t, t->last);
}

static void begin_put(struct run *t)
{
	unsigned fill = ++t->last;

	memset(t->data, (int)fill, size_of(fill));
	t->maybe[fill] = true;
	t->busy = true;
	t->put = (struct lu_put){.data = t->data,
				 .len = size_of(fill),
				 .follows = lu_store_version(t->s),
				 .done = put_done};
	lu_store_put(t->s, &t->put);
}

static void complain(struct run *t, const char *what, int found)
{
	snprintf(t->wrong, sizeof(t->wrong), "seed %u: %s: %d; %u was sure", (unsigned)t->seed,
		 what, found, t->sure);
}

static void look(struct run *t)
{
	const uint8_t *data;
	size_t len;
	int err = lu_store_get(t->s, &data, &len);
	unsigned fill = err ? NOTHING : len ? data[0] : FILLS;

	if (err && err != -ENODATA)
		complain(t, "it is not readable", err);
	else if (!err && (fill >= FILLS || fill == NOTHING || len != size_of(fill) ||
			  !all_bytes(data, len, (uint8_t)fill)))
		complain(t, "it was never put", (int)fill);
	else if (fill != t->sure && !t->maybe[fill])
		complain(t, "it is another one", (int)fill);
	else
		be_sure(t, fill);
}

static void open_store(struct run *t)
{
	static const uint8_t id[16] = {7};

	t->g.file = file_open(t->g.node, DISK, O_RDWR, 0);
	assert_true(t->g.file >= 0);
	t->s = lu_store_new(t->g.node, t->g.file, NULL, id);
	assert_non_null(t->s);
	look(t);
}

/* The process is killed, or the power goes; and the next one comes. */
static void die(struct run *t, bool power)
{
	sim_crash(t->g.sim, t->g.node, power || t->syncs_fail);
	t->busy = false;
	lu_store_free(t->s);
	open_store(t);
}

static void begin_run(struct run *t, uint64_t seed)
{
	*t = (struct run){.seed = seed};
	t->g.sim = sim_new(seed, NULL);
	t->g.node = sim_node(t->g.sim);
	assert_int_equal(sim_disk_create(t->g.sim, DISK, FILE_SIZE, 0), 0);
	open_store(t);
}

static void end_run(struct run *t)
{
	lu_store_free(t->s);
	sim_free(t->g.sim);
}

/* --- the power goes at every point */

/* How many of them were taken, before all that was begun had ended. */
static unsigned take_steps(struct run *t, unsigned most)
{
	unsigned n = 0;

	while (n < most && (t->busy || !lu_store_is_quiet(t->s)) &&
	       sim_step(t->g.sim, REACTOR_NEVER))
		n++;
	return n;
}

/* Of a put, and then of what the next process does by itself. */
static bool cut_at(struct run *t, uint64_t seed, unsigned put_step, unsigned mend_step, bool power)
{
	const struct sim_faults unkind = {.disk_delay_max_us = 300, .disk_short = 200000};
	bool reached;

	begin_run(t, seed);
	sim_set_faults(t->g.sim, &unkind);
	for (unsigned i = 0; i < seed % 3; i++) {
		begin_put(t);
		take_steps(t, UINT32_MAX);
	}
	begin_put(t);
	reached = take_steps(t, put_step) == put_step;
	die(t, power);
	reached = take_steps(t, mend_step) == mend_step && reached;
	die(t, true);
	end_run(t);
	return reached;
}

static void a_cut_anywhere_leaves_one_or_the_other(void **state)
{
	unsigned cuts = 0;

	for (uint64_t seed = 1; seed <= 60; seed++) {
		struct run t;
		bool more = true;

		for (unsigned i = 0; more; i++) {
			more = false;
			for (unsigned k = 0, deeper = 1; deeper; k++) {
				deeper = cut_at(&t, seed, i, k, seed & 1);
				if (t.wrong[0])
					fail_msg("%s, cut at %u and %u", t.wrong, i, k);
				more |= deeper;
				cuts++;
			}
		}
	}
	assert_true(cuts > 3000);
}

/* --- many lives */

static void choose_faults(struct run *t)
{
	struct sim_faults f = {.disk_delay_max_us = 300, .disk_short = 100000};

	if (sim_rand(t->g.sim, 3) == 0) {
		f.disk_sync_fail = (uint32_t)sim_rand(t->g.sim, 2) * 200000;
		f.disk_write_fail = f.disk_full = 100000;
	}
	t->syncs_fail = f.disk_sync_fail;
	sim_set_faults(t->g.sim, &f);
}

static void live(struct run *t)
{
	for (uint64_t n = sim_rand(t->g.sim, 5); n && t->last + 1 < FILLS; n--) {
		if (!t->busy)
			begin_put(t);
		take_steps(t,
			   sim_rand(t->g.sim, 4) ? UINT32_MAX : (unsigned)sim_rand(t->g.sim, 12));
	}
}

static void run(struct run *t, uint64_t seed)
{
	begin_run(t, seed);
	for (unsigned i = 0; i < LIVES && !t->wrong[0]; i++) {
		choose_faults(t);
		live(t);
		die(t, sim_rand(t->g.sim, 2));
	}
	end_run(t);
}

static void many_lives(void **state)
{
	unsigned answered = 0, refused = 0;

	for (uint64_t seed = 1; seed <= 2000; seed++) {
		struct run t;

		run(&t, seed);
		if (t.wrong[0])
			fail_msg("%s", t.wrong);
		answered += t.answered;
		refused += t.refused;
	}
	assert_true(answered > 10000 && refused > 1000);
}

static void bugs_that_are_planted_are_caught(void **state)
{
	for (int p = PLANT_NONE + 1; p < PLANT_COUNT; p++) {
		struct run t = {.wrong = ""};

		plant = (enum plant)p;
		for (uint64_t seed = 1; seed <= 2000 && !t.wrong[0]; seed++)
			run(&t, seed);
		plant = PLANT_NONE;
		if (!t.wrong[0])
			fail_msg("planted bug %d is not noticed", p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cut_anywhere_leaves_one_or_the_other),
		cmocka_unit_test(many_lives),
		cmocka_unit_test(bugs_that_are_planted_are_caught),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

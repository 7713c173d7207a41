/* SPDX-License-Identifier: BSD-2-Clause */
/* The last flushes of `lunar serve`: a disk that hangs costs no other its own. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include "backstore/backstore.h"
#include "scsi/ending.h"
#include "scsi/lu_store.h"
#include "reactor/file.h"
#include "reactor/sim.h"

#define DISKS 3
#define SIZE  (64 * 1024)

static const char *const paths[DISKS] = {"/d/0", "/d/1", "/d/2"};

struct rig {
	struct log log;
	struct sim *sim;
	struct reactor *r;
	struct scsi_lu *lus[DISKS];
	struct ending ending;
	char said[400];
	bool done;
	uint64_t took;
};

static void note(struct log *log, enum log_level level, const char *line)
{
	struct rig *g = log->ctx;
	size_t len = strlen(g->said);
	snprintf(g->said + len, sizeof(g->said) - len, "%s\n", line);
}

static void done(struct ending *e, void *ctx)
{
	struct rig *g = ctx;
	g->done = true;
	g->took += reactor_now(e->r);
}

static void written(struct bs_io *io, int err)
{
	assert_int_equal(err, 0);
}

static void flushed(void *ctx, int err)
{
	assert_int_equal(err, 0);
}

static void rig_start(struct rig *g, struct bs_io *writes, uint8_t *data)
{
	char why[200];
	*g = (struct rig){.log = {.level = LOG_LEVEL_WARNING, .write = note, .ctx = g}};
	g->sim = sim_new(7, &g->log);
	g->r = sim_node(g->sim);
	memset(data, 'x', 512);
	for (unsigned i = 0; i < DISKS; i++) {
		struct bs_file_options opt = {0};
		struct scsi_lu_config config = {.block_size = 512};
		struct backstore *bs;
		assert_int_equal(sim_disk_create(g->sim, paths[i], SIZE, 0), 0);
		assert_int_equal(bs_open_path(&bs, g->r, paths[i], &opt, why, sizeof(why)), 0);
		assert_int_equal(scsi_lu_new(&g->lus[i], bs, &config, &g->log, why, sizeof(why)),
				 0);
		writes[i] =
			(struct bs_io){.op = BS_WRITE, .length = 512, .buf = data, .done = written};
		bs_submit(bs, &writes[i]);
	}
	sim_run(g->sim, sim_now(g->sim) + NSEC_PER_SEC);
}

static void rig_end(struct rig *g)
{
	sim_crash(g->sim, g->r, false);
	for (unsigned i = 0; i < DISKS; i++)
		scsi_lu_free(g->lus[i]);
	ending_free(&g->ending);
	sim_free(g->sim);
}

static bool is_durable(struct rig *g, unsigned disk)
{
	uint8_t medium[512];
	assert_int_equal(sim_disk_peek(g->sim, paths[disk], 0, medium, sizeof(medium)), 0);
	return medium[0] == 'x';
}

static void start(struct rig *g)
{
	uint64_t now = sim_now(g->sim), deadline = now + 10 * NSEC_PER_SEC;
	g->took = -now;
	assert_int_equal(ending_start(&g->ending, g->r, &g->log, g->lus, DISKS, deadline, done, g),
			 0);
	sim_run(g->sim, sim_now(g->sim) + 60 * NSEC_PER_SEC);
	assert_true(g->done);
}

static void all_are_flushed(void **state)
{
	struct bs_io writes[DISKS];
	uint8_t data[512];
	struct rig g;
	rig_start(&g, writes, data);
	start(&g);
	assert_true(g.took < NSEC_PER_SEC);
	assert_false(g.ending.failed || g.ending.abandoned);
	for (unsigned i = 0; i < DISKS; i++)
		assert_true(is_durable(&g, i));
	assert_string_equal(g.said, "");
	rig_end(&g);
}

/* Whether it is a flush that hangs or a write before it. */
static void one_that_hangs(bool busy)
{
	struct bs_io writes[DISKS];
	uint8_t data[512];
	struct rig g;
	rig_start(&g, writes, data);
	sim_disk_state(g.sim, paths[1], SIM_DISK_HANGS);
	if (busy)
		scsi_lu_flush(g.lus[1], flushed, NULL);
	start(&g);
	assert_in_range(g.took, 10 * NSEC_PER_SEC, 11 * NSEC_PER_SEC);
	assert_true(g.ending.failed && g.ending.abandoned);
	assert_true(is_durable(&g, 0) && !is_durable(&g, 1) && is_durable(&g, 2));
	assert_non_null(strstr(g.said, busy ? "/d/1 does not answer: what was asked of it"
					    : "/d/1 does not answer: its last flush"));
	assert_null(strstr(g.said, "/d/0"));
	assert_null(strstr(g.said, "/d/2"));
	/* The program would exit; here what is out comes back, to be freed. */
	sim_disk_state(g.sim, paths[1], SIM_DISK_OK);
	sim_run(g.sim, sim_now(g.sim) + NSEC_PER_SEC);
	assert_true(is_durable(&g, 1));
	rig_end(&g);
}

static void a_flush_that_hangs_costs_no_other(void **state)
{
	one_that_hangs(false);
}

static void a_request_that_hangs_costs_no_other(void **state)
{
	one_that_hangs(true);
}

static void a_flush_that_fails_is_told(void **state)
{
	struct bs_io writes[DISKS];
	uint8_t data[512];
	struct sim_faults faults = {.disk_sync_fail = 1000000};
	struct rig g;
	rig_start(&g, writes, data);
	sim_set_faults(g.sim, &faults);
	start(&g);
	assert_true(g.ending.failed && !g.ending.abandoned);
	assert_non_null(strstr(g.said, "/d/2: the last flush failed"));
	rig_end(&g);
}

/* --- what outlives a LU is written before it goes */

struct record {
	struct lu_put put;
	bool done;
};

static void put_done(struct lu_put *put, int err)
{
	assert_int_equal(err, 0);
	((struct record *)put)->done = true;
}

static void put_record(struct rig *g, struct record *q)
{
	static const uint8_t id[16];
	assert_int_equal(sim_disk_create(g->sim, "/record", 0, 0), 0);
	struct lu_store *store =
		lu_store_new(g->r, file_open(g->r, "/record", O_RDWR, 0), NULL, id);
	assert_non_null(store);
	scsi_lu_set_store(g->lus[1], store);
	*q = (struct record){.put = {.data = id, .len = sizeof(id), .done = put_done}};
	lu_store_put(store, &q->put);
}

static void a_record_that_is_being_written_is_waited_for(void **state)
{
	struct sim_faults slow = {.disk_slow = 1000000, .disk_slow_max_us = 2000000};
	struct bs_io writes[DISKS];
	struct record q;
	uint8_t data[512];
	struct rig g;
	rig_start(&g, writes, data);
	sim_set_faults(g.sim, &slow);
	put_record(&g, &q);
	start(&g);
	assert_false(g.ending.failed || g.ending.abandoned);
	assert_true(q.done);
	rig_end(&g);
}

static void set_idle(void *ctx)
{
	*(bool *)ctx = true;
}

static void a_lu_that_writes_a_record_is_not_idle(void **state)
{
	struct bs_io writes[DISKS];
	struct record q;
	bool idle = false;
	uint8_t data[512];
	struct rig g;
	rig_start(&g, writes, data);
	put_record(&g, &q);
	scsi_lu_retire(g.lus[1], set_idle, &idle);
	while (!idle) {
		assert_true(sim_step(g.sim, REACTOR_NEVER));
		assert_true(q.done || !idle);
	}
	rig_end(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_are_flushed),
		cmocka_unit_test(a_flush_that_hangs_costs_no_other),
		cmocka_unit_test(a_request_that_hangs_costs_no_other),
		cmocka_unit_test(a_flush_that_fails_is_told),
		cmocka_unit_test(a_record_that_is_being_written_is_waited_for),
		cmocka_unit_test(a_lu_that_writes_a_record_is_not_idle),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

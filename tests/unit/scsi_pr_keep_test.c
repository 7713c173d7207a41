/* SPDX-License-Identifier: BSD-2-Clause */
/* Persistent reservations that outlive a power loss, and those that do not (SPC-4 5.12.5). */
#include <fcntl.h>
#include "reactor/file.h"
#include "scsi_pr_rig.h"

#define RECORD "/record"

static void open_store(struct rig *rig)
{
	int file = file_open(rig->reactor, RECORD, O_RDWR, 0);
	struct lu_store *store = lu_store_new(rig->reactor, file, NULL, rig_id);

	assert_non_null(store);
	scsi_lu_set_store(rig->lu, store);
}

static int keep_setup(void **state)
{
	struct rig *rig;

	rig_setup(state);
	rig = *state;
	assert_int_equal(sim_disk_create(rig->sim, RECORD, 0, 0), 0);
	open_store(rig);
	return 0;
}

/* The power goes, and a new process looks at what is left; whatever was under way is dead. */
static void power_cut_with(struct rig *rig, const struct scsi_lu_options *options)
{
	struct scsi_lu_config config = {.options = options};
	char why[256];

	sim_crash(rig->sim, rig->reactor, true);
	scsi_nexus_free(rig->nexus);
	scsi_nexus_free(rig->other);
	scsi_device_unmap(rig->dev, 0);
	scsi_device_free(rig->dev);
	scsi_lu_free(rig->lu);
	assert_int_equal(bs_open_memory(&rig->bs, rig->reactor, RIG_BLOCKS * 512, why, sizeof(why)),
			 0);
	rig_start(rig, &config);
	open_store(rig);
}

static void power_cut(struct rig *rig)
{
	power_cut_with(rig, NULL);
}

static void list_of(uint8_t list[24], uint64_t key, uint64_t new_key)
{
	memset(list, 0, 24);
	put_be64(list, key);
	put_be64(list + 8, new_key);
	list[20] = 0x01; /* APTPL */
}

static uint8_t keep(struct rig *rig, struct scsi_nexus *n, uint64_t key, uint64_t new_key)
{
	uint8_t list[24];

	list_of(list, key, new_key);
	return pr_send(rig, n, REGISTER, 0, list, sizeof(list));
}

static uint8_t capabilities(struct rig *rig)
{
	RIG_IN(rig, 0x5e, 2, 0, 0, 0, 0, 0, 0, 8, 0);
	return (uint8_t)((rig->data[2] & 1) << 1 | (rig->data[3] & 1)); /* PTPL_C, PTPL_A */
}

static void kept_when_asked(void **state)
{
	static const uint8_t types[] = {WE, EA, WE_RO, EA_RO, WE_AR, EA_AR};
	struct rig *rig = *state;

	for (size_t i = 0; i < sizeof(types); i++) {
		uint8_t type = types[i];

		assert_int_equal(capabilities(rig), 2);
		assert_int_equal(keep(rig, rig->nexus, 0, KEY_A), SCSI_GOOD);
		assert_int_equal(keep(rig, rig->other, 0, KEY_B), SCSI_GOOD);
		assert_int_equal(pr_out(rig, rig->other, RESERVE, type, KEY_B, 0), SCSI_GOOD);
		assert_int_equal(capabilities(rig), 3);
		for (int again = 0; again < 2; again++) {
			power_cut(rig);
			pr_expect_keys(rig, 0, "a1 b2");
			pr_expect_reserved(rig, type, type >= WE_AR ? 0 : KEY_B);
			assert_int_equal(capabilities(rig), 3);
			assert_int_equal(pr_write(rig, rig->other), SCSI_GOOD);
			assert_int_equal(pr_write(rig, rig->nexus),
					 type >= WE_RO ? SCSI_GOOD : CONFLICTS);
		}
		assert_int_equal(pr_out(rig, rig->nexus, CLEAR, 0, KEY_A, 0), SCSI_GOOD);
		power_cut(rig);
		pr_expect_keys(rig, 0, "");
		pr_expect_reserved(rig, 0, 0);
	}
}

/* The last REGISTER decides for all. */
static void gone_when_not(void **state)
{
	struct rig *rig = *state;

	pr_register_both(rig);
	assert_int_equal(pr_out(rig, rig->other, RESERVE, EA, KEY_B, 0), SCSI_GOOD);
	power_cut(rig);
	pr_expect_keys(rig, 0, "");
	assert_int_equal(pr_write(rig, rig->nexus), SCSI_GOOD);
	assert_int_equal(keep(rig, rig->nexus, 0, KEY_A), SCSI_GOOD);
	assert_int_equal(pr_out(rig, rig->nexus, RESERVE, EA, KEY_A, 0), SCSI_GOOD);
	assert_int_equal(pr_out(rig, rig->other, REGISTER, 0, 0, KEY_B), SCSI_GOOD);
	assert_int_equal(capabilities(rig), 2);
	power_cut(rig);
	pr_expect_keys(rig, 0, "");
	pr_expect_reserved(rig, 0, 0);
}

static void ignore(void *ctx, int err)
{
	assert_int_equal(err, 0);
}

static void settle(struct rig *rig)
{
	for (int i = 0; i < 1000 && !lu_store_is_quiet(rig->lu->store); i++)
		sim_step(rig->sim, REACTOR_NEVER);
	assert_true(lu_store_is_quiet(rig->lu->store));
}

static void forced(void **state)
{
	struct scsi_lu_options o = scsi_lu_standard_options;
	struct rig *rig = *state;

	pr_register_both(rig);
	assert_int_equal(pr_out(rig, rig->other, RESERVE, EA, KEY_B, 0), SCSI_GOOD);
	o.force_aptpl = true;
	assert_int_equal(scsi_lu_set_options(rig->lu, &o, ignore, NULL), 0);
	settle(rig);
	assert_int_equal(capabilities(rig), 3);
	power_cut_with(rig, &o);
	pr_expect_reserved(rig, EA, KEY_B);
	assert_int_equal(pr_out(rig, rig->other, REGISTER, 0, KEY_B, KEY_C), SCSI_GOOD);
	power_cut_with(rig, &o);
	pr_expect_keys(rig, 0, "a1 c3");
	o.force_aptpl = false;
	assert_int_equal(scsi_lu_set_options(rig->lu, &o, ignore, NULL), 0);
	settle(rig);
	pr_expect_reserved(rig, EA, KEY_C);
	power_cut(rig);
	pr_expect_keys(rig, 0, "");
}

/* Nobody could let go of them; and they do not come back with the commands. */
static void not_offered(void **state)
{
	struct scsi_lu_options o = scsi_lu_standard_options;
	struct rig *rig = *state;

	o.features &= ~(uint32_t)SCSI_HAS_RESERVE;
	for (int live = 0; live < 2; live++) {
		assert_int_equal(keep(rig, rig->nexus, 0, KEY_A), SCSI_GOOD);
		assert_int_equal(pr_out(rig, rig->nexus, RESERVE, EA, KEY_A, 0), SCSI_GOOD);
		if (live)
			assert_int_equal(scsi_lu_set_options(rig->lu, &o, ignore, NULL), 0);
		else
			power_cut_with(rig, &o);
		settle(rig);
		rig_ready(rig, rig->other);
		assert_int_equal(pr_write(rig, rig->other), SCSI_GOOD);
		power_cut(rig);
		pr_expect_keys(rig, 0, "");
		pr_expect_reserved(rig, 0, 0);
	}
}

/* --- what is lost */

struct write {
	struct op op;
	bool done;
};

static void write_done(struct op *op, int res)
{
	assert_int_equal(res, 1);
	container_of(op, struct write, op)->done = true;
}

static void damage(struct rig *rig, uint64_t at)
{
	int file = file_open(rig->reactor, RECORD, O_RDWR, 0);
	uint8_t byte = 0xee;
	struct iovec iov = {&byte, 1};
	struct write w = {.op.done = write_done};

	file_write(rig->reactor, &w.op, file, &iov, 1, at, RWF_DSYNC);
	while (!w.done)
		assert_true(sim_step(rig->sim, REACTOR_NEVER));
	file_close(rig->reactor, file);
}

static void lose(struct rig *rig)
{
	assert_int_equal(keep(rig, rig->nexus, 0, KEY_A), SCSI_GOOD);
	assert_int_equal(pr_out(rig, rig->nexus, RESERVE, WE, KEY_A, 0), SCSI_GOOD);
	damage(rig, 600);
	damage(rig, (256u << 10) + 600);
	power_cut(rig);
}

static void expect_nobody_is_in(struct rig *rig)
{
	assert_int_equal(pr_read(rig, rig->nexus), CONFLICTS);
	assert_int_equal(pr_read(rig, rig->other), CONFLICTS);
	assert_int_equal(pr_write(rig, rig->nexus), CONFLICTS);
	assert_int_equal(rig_send(rig, rig->other, 0, RIG_CDB(0x16, 0, 0, 0, 0, 0), NULL, 0),
			 CONFLICTS);
	pr_expect_reserved(rig, 0, 0);
}

/* Until an initiator has said what is: to be registered says nothing of others. */
static void lost(void **state)
{
	struct rig *rig = *state;

	lose(rig);
	expect_nobody_is_in(rig);
	power_cut(rig);
	expect_nobody_is_in(rig);
	assert_int_equal(pr_out(rig, rig->nexus, REGISTER, 0, 0, KEY_A), SCSI_GOOD);
	expect_nobody_is_in(rig);
	power_cut(rig);
	expect_nobody_is_in(rig);
	pr_expect_keys(rig, 0, "");
	assert_int_equal(keep(rig, rig->nexus, 0, KEY_A), SCSI_GOOD);
	power_cut(rig);
	expect_nobody_is_in(rig);
	pr_expect_keys(rig, 0, "a1");
	assert_int_equal(pr_out(rig, rig->nexus, RESERVE, WE, KEY_A, 0), SCSI_GOOD);
	assert_int_equal(pr_write(rig, rig->nexus), SCSI_GOOD);
	assert_int_equal(pr_read(rig, rig->other), SCSI_GOOD);
	assert_int_equal(pr_write(rig, rig->other), CONFLICTS);
	power_cut(rig);
	pr_expect_reserved(rig, WE, KEY_A);
}

static void lost_and_cleared(void **state)
{
	struct rig *rig = *state;

	lose(rig);
	assert_int_equal(pr_out(rig, rig->other, REGISTER, 0, 0, KEY_B), SCSI_GOOD);
	assert_int_equal(pr_out(rig, rig->other, CLEAR, 0, KEY_B, 0), SCSI_GOOD);
	assert_int_equal(pr_write(rig, rig->nexus), SCSI_GOOD);
	power_cut(rig);
	assert_int_equal(pr_write(rig, rig->nexus), SCSI_GOOD);
}

static void what_cannot_be_kept_is_not_done(void **state)
{
	const struct sim_faults failing = {.disk_write_fail = 1000000}, none = {0};
	struct rig *rig = *state;

	assert_int_equal(keep(rig, rig->nexus, 0, KEY_A), SCSI_GOOD);
	sim_set_faults(rig->sim, &failing);
	pr_out(rig, rig->nexus, RESERVE, WE, KEY_A, 0);
	rig_expect_sense(rig, 0x4, 0x4400, 0);
	pr_expect_reserved(rig, 0, 0);
	keep(rig, rig->other, 0, KEY_B);
	rig_expect_sense(rig, 0x4, 0x4400, 0);
	pr_expect_keys(rig, 1, "a1");
	sim_set_faults(rig->sim, &none);
	assert_int_equal(pr_out(rig, rig->nexus, RESERVE, WE, KEY_A, 0), SCSI_GOOD);
	power_cut(rig);
	pr_expect_keys(rig, 0, "a1");
	pr_expect_reserved(rig, WE, KEY_A);
}

/* --- a cut anywhere */

/* Of the holder's change of its type there is the old one or the new one, and after GOOD the new one. */
static void at_every_moment(void **state)
{
	const struct sim_faults unkind = {.disk_delay_max_us = 300, .disk_short = 200000};
	unsigned old = 0, new = 0;
	struct rig *rig = *state;

	assert_int_equal(keep(rig, rig->nexus, 0, KEY_A), SCSI_GOOD);
	assert_int_equal(pr_out(rig, rig->nexus, RESERVE, WE, KEY_A, 0), SCSI_GOOD);
	for (unsigned round = 0, is = WE; round < 300; round++) {
		uint8_t to = is == WE ? EA : WE, list[24];
		bool good;

		sim_set_faults(rig->sim, &unkind);
		list_of(list, KEY_A, KEY_A);
		rig_begin(rig, rig->nexus, 0, RIG_CDB(0x5f, PREEMPT, to, 0, 0, 0, 0, 0, 24, 0),
			  list, sizeof(list));
		for (uint64_t n = sim_rand(rig->sim, 12); n && !rig->done; n--)
			sim_step(rig->sim, REACTOR_NEVER);
		good = rig->done;
		if (good)
			assert_int_equal(rig->io.status, SCSI_GOOD);
		power_cut(rig);
		settle(rig);
		RIG_IN(rig, 0x5e, 1, 0, 0, 0, 0, 0, 0, 24, 0);
		assert_int_equal(rig->io.in_len, 24);
		if (good)
			assert_int_equal(rig->data[21], to);
		assert_true(rig->data[21] == to || rig->data[21] == is);
		old += rig->data[21] == is;
		new += rig->data[21] == to;
		is = rig->data[21];
	}
	assert_true(old > 30 && new > 30);
}

/* --- what comes while a change is being kept */

static void nothing_moves(struct scsi_io *io)
{
	fail();
}

static void no_move_ends(struct scsi_io *io)
{
	fail();
}

/* Status as the owner knows it: 0xff until there is one. */
struct meanwhile {
	struct scsi_io io;
	uint8_t status;
};

static void meanwhile_done(struct scsi_io *io)
{
	struct meanwhile *m = container_of(io, struct meanwhile, io);

	m->status = io->status;
}

/* A RESERVE that the old one gets nobody out of again is not let in beside the first registration. */
static void reserve_beside_the_first_registration(void **state)
{
	static const struct scsi_port_ops port = {nothing_moves, no_move_ends, meanwhile_done};
	struct rig *rig = *state;
	struct meanwhile m = {.io = {.port = &port, .nexus = rig->other, .cdb_len = 16},
			      .status = 0xff};
	uint8_t list[24];

	list_of(list, 0, KEY_A);
	rig_begin(rig, rig->nexus, 0, RIG_CDB(0x5f, REGISTER, 0, 0, 0, 0, 0, 0, 24, 0), list,
		  sizeof(list));
	assert_false(rig->done);
	m.io.attr = SCSI_SIMPLE;
	m.io.cdb[0] = 0x16; /* RESERVE (6) */
	scsi_decode(&m.io);
	scsi_submit(&m.io);
	settle(rig);
	assert_true(rig->done);
	assert_int_equal(rig->io.status, SCSI_GOOD);
	assert_int_equal(m.status, CONFLICTS);
	pr_expect_keys(rig, 1, "a1");
	assert_int_equal(pr_write(rig, rig->other), SCSI_GOOD);
}

#define KEEP_TEST(f) cmocka_unit_test_setup_teardown(f, keep_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		KEEP_TEST(kept_when_asked),
		KEEP_TEST(gone_when_not),
		KEEP_TEST(forced),
		KEEP_TEST(not_offered),
		KEEP_TEST(lost),
		KEEP_TEST(lost_and_cleared),
		KEEP_TEST(what_cannot_be_kept_is_not_done),
		KEEP_TEST(at_every_moment),
		KEEP_TEST(reserve_beside_the_first_registration),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

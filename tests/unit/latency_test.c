/* SPDX-License-Identifier: BSD-2-Clause */
#include "scsi_rig.h"
#include "scsi/latency.h"

#define US UINT64_C(1000)

static void each_time_is_within_its_bucket(void **state)
{
	unsigned before = 0;
	for (uint64_t us = 0; us < 29 * 1000 * 1000; us += us / 100 + 1) {
		unsigned bucket = scsi_latency_bucket(us * US);
		assert_true(bucket >= before && bucket < SCSI_LATENCY_BUCKETS);
		assert_true(us < scsi_latency_bound(bucket));
		assert_true(!bucket || us >= scsi_latency_bound(bucket - 1));
		/* A quarter too much at most. */
		assert_true(us < 4 || scsi_latency_bound(bucket) * 4 <= us * 5 + 4);
		before = bucket;
	}
	assert_int_equal(scsi_latency_bucket(UINT64_MAX), SCSI_LATENCY_BUCKETS - 1);
}

static void what_so_many_took_at_most(void **state)
{
	struct scsi_latency_side side = {0};
	assert_int_equal(scsi_latency_most(&side, 500), 0);
	for (unsigned i = 0; i < 990; i++)
		scsi_latency_count(&side, 100 * US);
	for (unsigned i = 0; i < 9; i++)
		scsi_latency_count(&side, 10000 * US);
	scsi_latency_count(&side, 3000000 * US);
	assert_int_equal(scsi_latency_total(&side), 1000);
	assert_in_range(scsi_latency_most(&side, 500), 100, 125);
	assert_in_range(scsi_latency_most(&side, 990), 100, 125);
	assert_in_range(scsi_latency_most(&side, 991), 10000, 12500);
	assert_in_range(scsi_latency_most(&side, 999), 10000, 12500);
	assert_int_equal(scsi_latency_most(&side, 1000), 3000000);
}

static void what_lasts_longer_than_all_buckets_is_told_as_it_was(void **state)
{
	struct scsi_latency_side side = {0};
	scsi_latency_count(&side, 100 * NSEC_PER_SEC);
	assert_int_equal(scsi_latency_most(&side, 500), 100 * 1000 * 1000);
	assert_int_equal(scsi_latency_most(&side, 1000), 100 * 1000 * 1000);
}

static void reads_and_writes_are_counted_apart(void **state)
{
	struct rig *rig = *state;
	struct scsi_latency l;
	static const uint8_t block[512];

	assert_int_equal(RIG_IN(rig, 0x28, 0, 0, 0, 0, 0, 0, 0, 1), SCSI_GOOD);
	assert_int_equal(rig_send(rig, rig->nexus, 0, RIG_CDB(0x2a, 0, 0, 0, 0, 0, 0, 0, 1), block,
				  sizeof(block)),
			 SCSI_GOOD);
	assert_int_equal(rig_send(rig, rig->nexus, 0, RIG_CDB(0x2a, 0, 0, 0, 0, 1, 0, 0, 1), block,
				  sizeof(block)),
			 SCSI_GOOD);
	/* What is no reading and no writing, and what fails, is not counted. */
	assert_int_equal(RIG_IN(rig, 0), SCSI_GOOD);
	assert_int_equal(RIG_IN(rig, 0x28, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 1),
			 SCSI_CHECK_CONDITION);
	scsi_lu_latency(rig->lu, &l);
	assert_int_equal(scsi_latency_total(&l.reads), 1);
	assert_int_equal(scsi_latency_total(&l.writes), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_time_is_within_its_bucket),
		cmocka_unit_test(what_so_many_took_at_most),
		cmocka_unit_test(what_lasts_longer_than_all_buckets_is_told_as_it_was),
		cmocka_unit_test_setup_teardown(reads_and_writes_are_counted_apart, rig_setup,
						rig_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "cli/status_interval.h"

/* A disk with so many reads of 100 us, and so many of 1 s. */
static json_t *look(int quick, int slow)
{
	return json_pack("{s:[{s:s, s:i, s:i, s:i, s:i, s:{s:{s:i, s:i, s:[[i,i],[i,i]]}}}]}",
			 "disks", "path", "/backstores/fileio/d", "reads", quick + slow, "writes",
			 0, "read_bytes", 512 * (quick + slow), "write_bytes", 0, "latency",
			 "reads", "count", quick + slow, "max_us", 1000000, "buckets", 112, quick,
			 1048576, slow);
}

static json_t *interval_of(json_t *status)
{
	return json_object_get(json_array_get(json_object_get(status, "disks"), 0), "interval");
}

static json_int_t value(const json_t *interval, const char *name)
{
	const json_t *reads = json_object_get(json_object_get(interval, "latency"), "reads");
	return json_integer_value(json_object_get(reads, name));
}

static void an_interval_knows_nothing_of_before(void **state)
{
	json_t *first = look(10, 5), *second = look(30, 5), *third = look(30, 6),
	       *fourth = look(2, 0);
	json_t *seen[4];
	status_interval(json_object_get(first, "disks"), "path", NULL, 0, &seen[0]);
	assert_null(interval_of(first));

	status_interval(json_object_get(second, "disks"), "path", seen[0], 2, &seen[1]);
	const json_t *interval = interval_of(second);
	assert_int_equal(json_integer_value(json_object_get(interval, "reads")), 20);
	assert_int_equal(value(interval, "count"), 20);
	assert_int_equal(value(interval, "p50_us"), 112);
	assert_int_equal(value(interval, "max_us"), 112);

	status_interval(json_object_get(third, "disks"), "path", seen[1], 1, &seen[2]);
	assert_int_equal(value(interval_of(third), "count"), 1);
	assert_int_equal(value(interval_of(third), "p50_us"), 1000000);

	/* The process was started anew. */
	status_interval(json_object_get(fourth, "disks"), "path", seen[2], 1, &seen[3]);
	assert_int_equal(json_integer_value(json_object_get(interval_of(fourth), "reads")), 2);
	assert_int_equal(value(interval_of(fourth), "count"), 0);

	for (int i = 0; i < 4; i++)
		json_decref(seen[i]);
	json_decref(first);
	json_decref(second);
	json_decref(third);
	json_decref(fourth);
}

static void buckets_are_not_shown(void **state)
{
	json_t *status = look(1, 1), *seen;
	status_interval(json_object_get(status, "disks"), "path", NULL, 0, &seen);
	const json_t *disk = json_array_get(json_object_get(status, "disks"), 0);
	const json_t *reads = json_object_get(json_object_get(disk, "latency"), "reads");
	assert_int_equal(json_integer_value(json_object_get(reads, "count")), 2);
	assert_null(json_object_get(reads, "buckets"));
	json_decref(seen);
	json_decref(status);
}

static void sessions_are_found_by_number(void **state)
{
	json_t *before = json_pack("[{s:i, s:i, s:i}]", "session", 7, "bytes_in", 100, "bytes_out",
				   10),
	       *now = json_pack("[{s:i, s:i, s:i}, {s:i, s:i, s:i}]", "session", 9, "bytes_in", 5,
				"bytes_out", 6, "session", 7, "bytes_in", 150, "bytes_out", 10);
	json_t *seen, *more;
	status_interval(before, "session", NULL, 0, &seen);
	status_interval(now, "session", seen, 1, &more);
	for (size_t i = 0; i < 2; i++) {
		const json_t *interval = json_object_get(json_array_get(now, i), "interval");
		assert_int_equal(json_integer_value(json_object_get(interval, "bytes_in")),
				 i ? 50 : 5);
		assert_null(json_object_get(interval, "reads"));
		assert_null(json_object_get(interval, "latency"));
	}
	json_decref(before);
	json_decref(now);
	json_decref(seen);
	json_decref(more);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_interval_knows_nothing_of_before),
		cmocka_unit_test(buckets_are_not_shown),
		cmocka_unit_test(sessions_are_found_by_number),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

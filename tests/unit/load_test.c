/* SPDX-License-Identifier: BSD-2-Clause */
/* What a load does next, what its blocks say, how long things took, and the command line of lunar bench. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include "cli/bench.h"
#include "common/cleanup.h"
#include "load/place.h"
#include "load/stamp.h"

/* --- latencies */

static void latencies_are_within_six_percent(void **state)
{
	static const uint64_t times[] = {200,    999,     4096,      45678,
					 123456, 7654321, 999999999, UINT64_C(60000000000)};
	for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
		struct latency l = {0};
		latency_add(&l, times[i] / 2);
		latency_add(&l, times[i]);
		latency_add(&l, times[i] * 2);
		double got = (double)latency_at(&l, 0.5);
		assert_true(got <= (double)times[i] && got >= (double)times[i] * 0.93 - 1);
	}
}

static void latencies_add_up(void **state)
{
	struct latency all = {0}, part = {0};
	for (uint64_t i = 1; i <= 1000; i++)
		latency_add(i % 2 ? &all : &part, i * 1000);
	latency_merge(&all, &part);
	latency_merge(&all, &(struct latency){0});
	assert_int_equal(all.total, 1000);
	assert_int_equal(all.min, 1000);
	assert_int_equal(all.max, 1000000);
	assert_true(latency_mean(&all) == 500500);
	assert_true(latency_deviation(&all) > 288600 && latency_deviation(&all) < 288800);
	assert_true(latency_at(&all, 0.99) > 920000 && latency_at(&all, 0.99) <= 990000);
	assert_int_equal(latency_at(&all, 1) >= 940000, 1);
	assert_int_equal(latency_at(&(struct latency){0}, 0.5), 0);
}

/* --- places */

static void commands_stay_in_their_part(void **state)
{
	struct load_config c = {
		.random = true, .reads = 30, .sizes = {{4096, 16384}, {8192, 8192}}};
	struct place p;
	struct place_pick pick;
	unsigned reads = 0, sizes = 0, ends = 0;
	place_init(&p, &c, 1 << 20, 1 << 16, 7);
	for (unsigned i = 0; i < 10000; i++) {
		place_pick(&p, &pick);
		const struct load_sizes *s = &c.sizes[pick.direction];
		assert_true(pick.at >= 1 << 20 && pick.at + pick.len <= (1 << 20) + (1 << 16));
		assert_true(pick.len >= s->min && pick.len <= s->max && pick.len % s->min == 0);
		assert_int_equal((pick.at - (1 << 20)) % s->min, 0);
		reads += pick.direction == LOAD_READ;
		if (pick.direction == LOAD_READ)
			sizes |= 1u << pick.len / 4096;
		ends |= (pick.at == 1 << 20) | (pick.at + pick.len == (1 << 20) + (1 << 16)) << 1;
	}
	assert_true(reads > 2700 && reads < 3300);
	assert_int_equal(sizes, 1 << 1 | 1 << 2 | 1 << 3 | 1 << 4);
	assert_int_equal(ends, 3);
}

static void sequences_begin_again(void **state)
{
	struct load_config c = {.reads = 100, .sizes = {{4096, 4096}, {4096, 4096}}};
	struct place p;
	struct place_pick pick;
	place_init(&p, &c, 4096, 3 * 4096, 1);
	for (unsigned i = 0; i < 7; i++) {
		place_pick(&p, &pick);
		assert_int_equal(pick.direction, LOAD_READ);
		assert_int_equal(pick.at, 4096 * (1 + i % 3));
	}
}

static void a_seed_is_the_same_again(void **state)
{
	struct load_config c = {.random = true, .sizes = {{512, 512}, {512, 4096}}};
	struct place a, b, other;
	struct place_pick of_a, of_b, of_other;
	unsigned same = 0;
	place_init(&a, &c, 0, 1 << 30, 5);
	place_init(&b, &c, 0, 1 << 30, 5);
	place_init(&other, &c, 0, 1 << 30, 6);
	for (unsigned i = 0; i < 100; i++) {
		place_pick(&a, &of_a);
		place_pick(&b, &of_b);
		place_pick(&other, &of_other);
		assert_true(of_a.at == of_b.at && of_a.len == of_b.len);
		same += of_a.at == of_other.at;
	}
	assert_true(same < 5);
}

/* --- stamps */

#define LEN 4096

static const struct stamp written = {.run = 77, .offset = 8192, .time = 1, .job = 3, .turn = 2};

static void stamped_block(uint8_t *block)
{
	memset(block, 0x5a, LEN);
	stamp_put(&written, block, LEN);
}

static void a_stamp_is_found(void **state)
{
	uint8_t block[LEN];
	struct stamp found;
	char why[STAMP_WHY];
	stamped_block(block);
	assert_int_equal(stamp_check(block, LEN, 8192, NULL, &found, why), 0);
	assert_int_equal(stamp_check(block, LEN, 8192, &written, &found, why), 0);
	assert_memory_equal(&found, &written, sizeof(found));
}

static void every_flipped_bit_is_seen(void **state)
{
	uint8_t block[LEN];
	struct stamp found;
	char why[STAMP_WHY];
	stamped_block(block);
	for (size_t bit = 0; bit < LEN * 8; bit += bit < 512 ? 1 : 61) {
		block[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(stamp_check(block, LEN, 8192, NULL, &found, why), -EILSEQ);
		block[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

static void two_writes_are_no_whole_one(void **state)
{
	uint8_t old[LEN], new[LEN];
	struct stamp next = written, found;
	char why[STAMP_WHY];
	stamped_block(old);
	memcpy(new, old, LEN);
	next.turn++;
	stamp_put(&next, new, LEN);
	memcpy(new + LEN / 2, old + LEN / 2, LEN / 2);
	assert_int_equal(stamp_check(new, LEN, 8192, NULL, &found, why), -EILSEQ);
	assert_non_null(strstr(why, "checksum"));
}

static void other_blocks_are_told_apart(void **state)
{
	static const struct {
		size_t len;
		uint64_t offset;
		struct stamp want;
		const char *says;
	} cases[] = {
		{LEN, 4096, {77, 0, 0, 3, 2}, "the block of offset 8192"},
		{LEN / 2, 8192, {77, 0, 0, 3, 2}, "a block of 4096 bytes"},
		{LEN, 8192, {78, 0, 0, 3, 2}, "in run 000000000000004d"},
		{LEN, 8192, {77, 0, 0, 4, 2}, "of job 3"},
		{LEN, 8192, {77, 0, 0, 3, 3}, "where write 3 of job 3 was answered"},
	};
	uint8_t block[LEN];
	struct stamp found;
	char why[STAMP_WHY];
	stamped_block(block);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(stamp_check(block, cases[i].len, cases[i].offset, &cases[i].want,
					     &found, why),
				 -EILSEQ);
		assert_non_null(strstr(why, cases[i].says));
	}
	memset(block, 0, LEN);
	assert_int_equal(stamp_check(block, LEN, 8192, NULL, &found, why), -EILSEQ);
	assert_non_null(strstr(why, "nothing that was written"));
}

/* --- the command line */

static int read_line(struct bench_options *o, const char *line, char why[512])
{
	static char text[512];
	char *argv[32], *save = NULL;
	size_t n = 0;
	snprintf(text, sizeof(text), "%s", line);
	for (char *word = strtok_r(text, " ", &save); word; word = strtok_r(NULL, " ", &save))
		argv[n++] = word;
	argv[n] = NULL;
	return bench_options_read(o, argv, why, 512);
}

static void options_are_fios(void **state)
{
	struct bench_options o;
	char why[512];
	assert_int_equal(read_line(&o, "iscsi://h/t/0", why), 0);
	assert_true(o.load.random && o.load.reads == 100 && o.load.depth == 32 && o.load.jobs == 1);
	assert_true(o.load.runtime == UINT64_C(10000000000) && o.load.sizes[LOAD_READ].max == 4096);
	assert_int_equal(read_line(&o,
				   "--rw=randrw --rwmixread=70 --bs=4k-64k,8k --iodepth=7 u "
				   "--numjobs 3 --threads 2 "
				   "--offset 1M --size 2G --runtime 2m --ramp_time 500ms --rate "
				   "10M --rate_iops 100 "
				   "--verify --write --randseed 9 --json",
				   why),
			 0);
	const struct load_config *c = &o.load;
	assert_true(c->random && c->reads == 70 && c->depth == 7 && c->jobs == 3 &&
		    c->threads == 2);
	assert_true(c->sizes[LOAD_READ].min == 4096 && c->sizes[LOAD_READ].max == 65536);
	assert_true(c->sizes[LOAD_WRITE].min == 8192 && c->sizes[LOAD_WRITE].max == 8192);
	assert_true(c->offset == 1 << 20 && c->size == UINT64_C(2) << 30);
	assert_true(c->runtime == UINT64_C(120000000000) && c->ramp == 500000000);
	assert_true(c->rate_bytes == 10 << 20 && c->rate_ios == 100 && c->verify && c->seed == 9);
	assert_int_equal(read_line(&o, "u --bs 512:1024", why), 0);
	assert_true(c->sizes[LOAD_WRITE].min == 512 && c->sizes[LOAD_WRITE].max == 1024);
}

static void what_is_no_option_is_refused(void **state)
{
	static const struct {
		const char *line, *says;
	} cases[] = {
		{"", "there is no disk"},
		{"u v", "one disk at a time"},
		{"u --rw write", "--write"},
		{"u --rw randrw", "--write"},
		{"u --rw trim", "one of read"},
		{"u --rwmixread 50", "goes with"},
		{"u --rwmixread 100 --rw rw --write", "from 1 to 99"},
		{"u --bs 0", "a size from"},
		{"u --bs 256", "a size from"},
		{"u --bs 17M", "a size from"},
		{"u --bs 4k-", "a size from"},
		{"u --bs 4k-6k", "a size from"},
		{"u --bs 8k-4k", "a size from"},
		{"u --bs ,", "a size from"},
		{"u --bs 4k,4k,4k", "a size from"},
		{"u --iodepth 0", "from 1 to"},
		{"u --iodepth 4001", "from 1 to"},
		{"u --iodepth -1", "from 1 to"},
		{"u --iodepth 5x", "from 1 to"},
		{"u --numjobs 1001", "from 1 to"},
		{"u --threads 2", "more than there are jobs"},
		{"u --runtime ten", "a time"},
		{"u --runtime -1", "a time"},
		{"u --runtime 5d", "a time"},
		{"u --runtime 1e300", "a time"},
		{"u --ramp_time 1 --runtime 0", "needs a --runtime"},
		{"u --size 0", "is not a size"},
		{"u --offset x", "a size"},
		{"u --rate_iops 0", "from 1 to"},
		{"u --what", "there is no option"},
	};
	struct bench_options o;
	char why[512];
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		why[0] = '\0';
		read_line(&o, cases[i].line, why);
		if (!strstr(why, cases[i].says))
			fail_msg("%s: %s", cases[i].line, why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(latencies_are_within_six_percent),
		cmocka_unit_test(latencies_add_up),
		cmocka_unit_test(commands_stay_in_their_part),
		cmocka_unit_test(sequences_begin_again),
		cmocka_unit_test(a_seed_is_the_same_again),
		cmocka_unit_test(a_stamp_is_found),
		cmocka_unit_test(every_flipped_bit_is_seen),
		cmocka_unit_test(two_writes_are_no_whole_one),
		cmocka_unit_test(other_blocks_are_told_apart),
		cmocka_unit_test(options_are_fios),
		cmocka_unit_test(what_is_no_option_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

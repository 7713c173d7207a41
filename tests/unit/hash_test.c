/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "common/cleanup.h"
#include "common/hash.h"
#include "common/list.h"

#define MANY 5000

struct thing {
	struct hash_entry entry;
	unsigned n;
};

static uint64_t key_of(unsigned n)
{
	return hash_bytes(HASH_SEED, &n, sizeof(n));
}

static unsigned times(const struct hash *h, unsigned n)
{
	unsigned found = 0;
	struct hash_entry *e = hash_find(h, key_of(n));
	for (; e; e = hash_find_next(e))
		found += container_of(e, struct thing, entry)->n == n;
	return found;
}

static void all_are_found_while_it_grows(void **state)
{
	struct hash h;
	struct thing *things = calloc(MANY, sizeof(*things));
	assert_non_null(things);
	hash_init(&h);
	assert_null(hash_find(&h, key_of(0)));
	for (unsigned i = 0; i < MANY; i++) {
		things[i].n = i;
		assert_int_equal(hash_add(&h, &things[i].entry, key_of(i)), 0);
	}
	assert_int_equal(h.count, MANY);
	assert_true(h.size >= MANY / 2);
	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(times(&h, i), 1);
	for (unsigned i = 0; i < MANY; i += 2)
		hash_del(&h, &things[i].entry);
	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(times(&h, i), i % 2);
	hash_free(&h);
	free(things);
}

static void equal_keys_live_side_by_side(void **state)
{
	struct hash h;
	struct thing a = {.n = 1}, b = {.n = 1}, c = {.n = 2};
	hash_init(&h);
	assert_int_equal(hash_add(&h, &a.entry, key_of(1)), 0);
	assert_int_equal(hash_add(&h, &b.entry, key_of(1)), 0);
	assert_int_equal(hash_add(&h, &c.entry, key_of(1)), 0);
	assert_int_equal(times(&h, 1), 2);
	hash_del(&h, &a.entry);
	assert_int_equal(times(&h, 1), 1);
	hash_free(&h);
}

/* Keys that differ in one place must not share a bucket by rule. */
static void names_with_numbers_are_spread(void **state)
{
	unsigned buckets[64] = {0}, most = 0;
	char name[32];
	for (unsigned i = 0; i < 6400; i++) {
		snprintf(name, sizeof(name), "lun%u", i);
		uint64_t key = hash_text(HASH_SEED, name);
		most = MAX(most, ++buckets[(key ^ key >> 32) & 63]);
	}
	assert_true(most < 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_are_found_while_it_grows),
		cmocka_unit_test(equal_keys_live_side_by_side),
		cmocka_unit_test(names_with_numbers_are_spread),
	};
	return cmocka_run_group_tests_name("hash", tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* The tree: finding, listing, numbers, and size. */
#include <time.h>
#include "config/tree_priv.h"
#include "config_rig.h"

static void the_fixed_part_is_there(void **state)
{
	struct rig *rig = *state;
	static const char *const paths[] = {"/",
					    "/backstores",
					    "/backstores/block",
					    "/backstores/fileio",
					    "/backstores/ramdisk",
					    "/iscsi"};
	char path[CONFIG_PATH_SIZE];
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		assert_non_null(at(rig, paths[i]));
		assert_string_equal(config_path(at(rig, paths[i]), path), paths[i]);
	}
	assert_ptr_equal(at(rig, "//iscsi/"), config_iscsi(rig->tree));
	assert_ptr_equal(at(rig, "/"), config_root(rig->tree));
	assert_null(at(rig, "iscsi"));
	assert_null(at(rig, ""));
	assert_null(at(rig, "/iscs"));
	assert_null(at(rig, "/iscsi/x/y"));
	assert_null(at(rig, "/backstores/pscsi"));
	char long_name[400];
	memset(long_name, 'a', sizeof(long_name));
	long_name[0] = '/';
	long_name[sizeof(long_name) - 1] = 0;
	assert_null(at(rig, long_name));
}

static void what_is_deep_is_found_and_named(void **state)
{
	struct rig *rig = *state;
	struct config_node *tpg = rig_target(rig, IQN), *acl;
	char path[CONFIG_PATH_SIZE];
	rig_ramdisk(rig, "r");
	DONE(rig, config_create_lun(&rig->txn, &rig->prefs, tpg, "/backstores/ramdisk/r", "12",
				    NULL, NULL));
	DONE(rig, config_create_acl(&rig->txn, &rig->prefs, tpg, INIT, NULL, &acl));
	struct config_node *mapped = at(rig, "/iscsi/" IQN "/tpg1/acls/" INIT "/mapped_lun12");
	assert_non_null(mapped);
	assert_string_equal(config_path(mapped, path),
			    "/iscsi/" IQN "/tpg1/acls/" INIT "/mapped_lun12");
	assert_ptr_equal(config_above(mapped, CONFIG_TPG), tpg);
	assert_ptr_equal(config_above(mapped, CONFIG_MAPPED_LUN), mapped);
	assert_null(config_above(mapped, CONFIG_LUN));
	assert_ptr_equal(config_child_number(acl, 12), mapped);
	assert_ptr_equal(mapped->ref, config_child_number(config_part(tpg, CONFIG_LUNS), 12));
	assert_ptr_equal(mapped->ref->ref, at(rig, "/backstores/ramdisk/r"));
	assert_ptr_equal(config_lun_of(tpg, mapped->ref->ref), mapped->ref);
}

static void lists_are_sorted_as_people_count(void **state)
{
	struct rig *rig = *state;
	static const char *const names[] = {"lun10",  "lun9", "a", "lun",
					    "lun010", "lunb", "1", "lun1"};
	static const char *const sorted[] = {"1",    "a",      "lun",   "lun1",
					     "lun9", "lun010", "lun10", "lunb"};
	size_t count;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		rig_ramdisk(rig, names[i]);
	CLEANUP(free)
	struct config_node **list = config_sorted(config_plugin(rig->tree, CONFIG_RAMDISK), &count);
	assert_int_equal(count, ARRAY_SIZE(sorted));
	for (size_t i = 0; i < count; i++)
		assert_string_equal(list[i]->name, sorted[i]);
}

static void the_lowest_free_number_is_known(void **state)
{
	struct rig *rig = *state;
	struct config_node *tpg = rig_target(rig, IQN);
	struct config_node *luns = config_part(tpg, CONFIG_LUNS);
	char name[64];
	for (unsigned i = 0; i < 200; i++) {
		assert_int_equal(config_lowest_free(luns), i);
		snprintf(name, sizeof(name), "r%u", i);
		rig_ramdisk(rig, name);
		snprintf(name, sizeof(name), "/backstores/ramdisk/r%u", i);
		DONE(rig, config_create_lun(&rig->txn, &rig->prefs, tpg, name, NULL, NULL, NULL));
	}
	DONE(rig, config_delete_lun(&rig->txn, tpg, "64"));
	DONE(rig, config_delete_lun(&rig->txn, tpg, "130"));
	assert_int_equal(config_lowest_free(luns), 64);
	DONE(rig, config_create_lun(&rig->txn, &rig->prefs, tpg, "/backstores/ramdisk/r130", NULL,
				    NULL, NULL));
	assert_int_equal(config_lowest_free(luns), 130);
}

static uint64_t now(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* One LUN more and one less, with its backstore, a hundred times: nanoseconds of one. */
static uint64_t time_of_one(struct rig *rig, struct config_node *tpg)
{
	uint64_t begin = now();
	for (unsigned i = 0; i < 100; i++) {
		rig_ramdisk(rig, "one");
		DONE(rig, config_create_lun(&rig->txn, &rig->prefs, tpg, "/backstores/ramdisk/one",
					    NULL, "false", NULL));
		DONE(rig, config_delete_backstore(&rig->txn, at(rig, "/backstores/ramdisk/one")));
		rig_commit(rig);
	}
	return (now() - begin) / 100;
}

static void add_many(struct rig *rig, struct config_node *tpg, unsigned from, unsigned to)
{
	char name[64];
	for (unsigned i = from; i < to; i++) {
		snprintf(name, sizeof(name), "/backstores/ramdisk/r%u", i);
		rig_ramdisk(rig, strrchr(name, '/') + 1);
		DONE(rig,
		     config_create_lun(&rig->txn, &rig->prefs, tpg, name, NULL, "false", NULL));
	}
	rig_commit(rig);
}

/* No bucket of an index is long: that is what makes one change cost the same. */
static size_t longest(const struct hash *h)
{
	size_t most = 0;
	for (size_t i = 0; i < h->size; i++) {
		size_t n = 0;
		for (const struct hash_entry *e = h->buckets[i]; e; e = e->next)
			n++;
		most = MAX(most, n);
	}
	return most;
}

static void ten_thousand_luns_cost_as_ten(void **state)
{
	struct rig *rig = *state;
	struct config_node *tpg = rig_target(rig, IQN), *acl;
	char name[64];
	add_many(rig, tpg, 0, 10);
	uint64_t few = time_of_one(rig, tpg);
	uint64_t begin = now();
	add_many(rig, tpg, 10, 10000);
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "iqn.2026-11.org.example:init%u", i);
		DONE(rig, config_create_acl(&rig->txn, &rig->prefs, tpg, name, "false", &acl));
		for (unsigned lun = 0; lun < 10; lun++) {
			snprintf(name, sizeof(name), "%u", 10 * i + lun);
			DONE(rig, config_create_mapped_lun(&rig->txn, &rig->prefs, acl, name, name,
							   NULL, NULL));
		}
		rig_commit(rig);
	}
	uint64_t all = now() - begin;
	uint64_t many = time_of_one(rig, tpg);
	printf("# 10,000 LUNs and 1,000 ACLs in %llu ms; one change: %llu ns among 10 LUNs, %llu "
	       "ns "
	       "among 10,000\n",
	       (unsigned long long)all / 1000000, (unsigned long long)few,
	       (unsigned long long)many);
	assert_int_equal(config_count(rig->tree, CONFIG_LUN), 10000);
	assert_int_equal(config_count(rig->tree, CONFIG_MAPPED_LUN), 10000);
	assert_true(longest(&rig->tree->names) < 20);
	assert_true(longest(&rig->tree->wwns) < 20);
	DONE(rig, config_clear(&rig->txn));
	rig_commit(rig);
	assert_int_equal(config_count(rig->tree, CONFIG_LUN), 0);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, rig_begin, rig_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_fixed_part_is_there),          CASE(what_is_deep_is_found_and_named),
		CASE(lists_are_sorted_as_people_count), CASE(the_lowest_free_number_is_known),
		CASE(ten_thousand_luns_cost_as_ten),
	};
	return cmocka_run_group_tests_name("config_tree", tests, NULL, NULL);
}

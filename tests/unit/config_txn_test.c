/* SPDX-License-Identifier: BSD-2-Clause */
/* Transactions: with a runtime that agrees, refuses, or takes its time; and back. */
#include "config/tree_priv.h"
#include "config_rig.h"

/* A runtime that writes down what it was told. */
struct clerk {
	struct buf told;
	unsigned fail_at; /* the how-manyeth change it refuses; 0: none */
	unsigned count;
	bool later;        /* it answers when the test says so */
	bool later_inside; /* or before it has returned */
	bool silent;       /* without a reason */
	bool waiting;
	int done; /* 1: not yet */
};

static int clerk_apply(void *ctx, struct config_txn *txn, const struct config_change *change,
		       bool back, struct config_why *why)
{
	struct clerk *clerk = ctx;
	struct config_why mine = {"Could not do it: the clerk is tired"};
	int err = !back && ++clerk->count == clerk->fail_at ? -EIO : 0;
	if (back)
		(void)buf_printf(&clerk->told, "back: ");
	config_change_text(change, false, &clerk->told);
	(void)buf_printf(&clerk->told, "\n");
	if (clerk->later_inside) {
		config_txn_continue(txn, err, clerk->silent ? NULL : &mine);
		return CONFIG_LATER;
	}
	if (clerk->later) {
		clerk->waiting = true;
		return CONFIG_LATER;
	}
	if (err)
		*why = mine;
	return err;
}

static const struct config_runtime clerk_runtime = {clerk_apply, 1};

static void clerk_done(void *ctx, int err)
{
	((struct clerk *)ctx)->done = err;
}

static void run(struct rig *rig, struct clerk *clerk)
{
	clerk->done = 1;
	config_txn_run(&rig->txn, &clerk_runtime, clerk, clerk_done, clerk);
	while (clerk->waiting) {
		struct config_why why = {"Could not do it: the clerk is tired"};
		clerk->waiting = false;
		config_txn_continue(&rig->txn, clerk->count == clerk->fail_at ? -EIO : 0, &why);
	}
}

static void begin_clerk(struct clerk *clerk)
{
	memset(clerk, 0, sizeof(*clerk));
	buf_init(&clerk->told, 1 << 20);
}

/* Everything of a tree, as text. */
static void describe(const struct config_node *node, struct buf *out)
{
	size_t count, rows_count;
	char path[CONFIG_PATH_SIZE];
	(void)buf_printf(out, "%s\n", config_path(node, path));
	const struct config_attr *rows = config_attrs(node->kind, &rows_count);
	for (size_t i = 0; i < rows_count; i++) {
		if (!config_is_default(node, &rows[i]))
			(void)buf_printf(out, " %s=%s\n", rows[i].name, config_get(node, &rows[i]));
	}
	struct config_node **children = config_sorted(node, &count);
	for (size_t i = 0; i < count; i++)
		describe(children[i], out);
	free(children);
}

static char *snapshot(struct rig *rig)
{
	struct buf out;
	buf_init(&out, 1 << 20);
	describe(config_root(rig->tree), &out);
	char *text = strdup(buf_str(&out));
	buf_free(&out);
	return text;
}

static void fill(struct rig *rig)
{
	struct config_node *tpg = rig_target(rig, IQN);
	rig_fileio(rig, "a", "/srv/a.img", "1M");
	rig_ramdisk(rig, "b");
	DONE(rig, config_create_lun(&rig->txn, &rig->prefs, tpg, "/backstores/fileio/a", NULL, NULL,
				    NULL));
	DONE(rig, config_create_lun(&rig->txn, &rig->prefs, tpg, "/backstores/ramdisk/b", NULL,
				    NULL, NULL));
	DONE(rig, config_create_acl(&rig->txn, &rig->prefs, tpg, INIT, NULL, NULL));
	rig_commit(rig);
}

/* One of everything that can be undone. */
static void change_much(struct rig *rig)
{
	struct config_node *tpg = at(rig, "/iscsi/" IQN "/tpg1");
	DONE(rig, config_set(&rig->txn, tpg, "attribute", "authentication", "1"));
	DONE(rig, config_set(&rig->txn, tpg, "attribute", "authentication", "0"));
	DONE(rig, config_delete_backstore(&rig->txn, at(rig, "/backstores/fileio/a")));
	rig_fileio(rig, "a", "/srv/other.img", "2M");
	DONE(rig, config_create_lun(&rig->txn, &rig->prefs, tpg, "/backstores/fileio/a", "0", NULL,
				    NULL));
	DONE(rig, config_delete_target(&rig->txn, tpg->parent));
	rig_target(rig, IQN);
	rig_target(rig, "iqn.2026-11.org.example:second");
	DONE(rig, config_delete_backstore(&rig->txn, at(rig, "/backstores/ramdisk/b")));
}

/* One who is asked for much at a time, and answers in an order of its own. */
struct office {
	const struct config_change *asked[16];
	size_t count, most;
	struct buf told;
	int fail; /* the how-manyeth answer is an error; -1: none */
	int done;
};

static int office_apply(void *ctx, struct config_txn *txn, const struct config_change *change,
			bool back, struct config_why *why)
{
	struct office *o = ctx;
	if (back)
		(void)buf_printf(&o->told, "back: ");
	config_change_text(change, false, &o->told);
	(void)buf_printf(&o->told, "\n");
	if (back)
		return 0;
	o->asked[o->count++] = change;
	o->most = MAX(o->most, o->count);
	return CONFIG_LATER;
}

static void office_done(void *ctx, int err)
{
	((struct office *)ctx)->done = err;
}

/* The latest first. */
static void answer_all(struct office *o)
{
	while (o->count) {
		size_t n = o->count;
		const struct config_change *waiting[16];
		memcpy(waiting, o->asked, sizeof(waiting));
		(void)buf_printf(&o->told, "%zu\n", n);
		o->count = 0;
		while (n--) {
			struct config_why why = {"The office is closed"};
			config_txn_answer(waiting[n], o->fail-- ? 0 : -EIO, &why);
		}
	}
}

static void make_three(struct rig *rig)
{
	rig_ramdisk(rig, "a");
	rig_ramdisk(rig, "b");
	rig_ramdisk(rig, "c");
	struct config_node *tpg = rig_target(rig, IQN);
	DONE(rig, config_create_lun(&rig->txn, &rig->prefs, tpg, "/backstores/ramdisk/b", NULL,
				    NULL, NULL));
}

static const struct config_runtime office_runtime = {office_apply, 4};

static void what_is_made_is_told_many_at_a_time(void **state)
{
	struct rig *rig = *state;
	struct office o = {.fail = -1, .done = 1};
	buf_init(&o.told, 1 << 16);
	make_three(rig);
	config_txn_run(&rig->txn, &office_runtime, &o, office_done, &o);
	assert_int_equal(o.done, 1);
	answer_all(&o);
	assert_int_equal(o.done, 0);
	assert_int_equal(o.most, 4);
	/* No LUN before all disks are there. */
	assert_string_equal(buf_str(&o.told), "create /backstores/ramdisk/a\n"
					      "create /backstores/ramdisk/b\n"
					      "create /backstores/ramdisk/c\n"
					      "3\n"
					      "create /iscsi/" IQN "\n"
					      "create /iscsi/" IQN "/tpg1\n"
					      "create /iscsi/" IQN "/tpg1/portals/0.0.0.0:3260\n"
					      "create /iscsi/" IQN "/tpg1/luns/lun0 (ramdisk/b)\n"
					      "4\n");
	buf_free(&o.told);
	rig_commit(rig);
}

/* What had been asked for is waited for, and taken back where it was done. */
static void one_of_many_that_fails_takes_all_back(void **state)
{
	struct rig *rig = *state;
	struct office o = {.fail = 1, .done = 1};
	buf_init(&o.told, 1 << 16);
	make_three(rig);
	config_txn_run(&rig->txn, &office_runtime, &o, office_done, &o);
	answer_all(&o);
	assert_int_equal(o.done, -EIO);
	assert_string_equal(rig->txn.why.text, "The office is closed");
	assert_string_equal(buf_str(&o.told), "create /backstores/ramdisk/a\n"
					      "create /backstores/ramdisk/b\n"
					      "create /backstores/ramdisk/c\n"
					      "3\n"
					      "back: create /backstores/ramdisk/c\n"
					      "back: create /backstores/ramdisk/a\n");
	assert_int_equal(rig->txn.count, 0);
	assert_null(config_lookup(rig->tree, "/backstores/ramdisk/a"));
	buf_free(&o.told);
}

static void one_transaction_at_a_time(void **state)
{
	struct rig *rig = *state;
	struct config_txn second;
	assert_int_equal(config_begin(&second, rig->tree), -EBUSY);
	config_commit(&rig->txn);
	assert_int_equal(config_begin(&second, rig->tree), 0);
	config_commit(&second);
	assert_int_equal(config_begin(&rig->txn, rig->tree), 0);
}

static void what_is_abandoned_was_never_there(void **state)
{
	struct rig *rig = *state;
	fill(rig);
	CLEANUP(free) char *before = snapshot(rig);
	change_much(rig);
	config_abandon(&rig->txn, NULL, NULL);
	assert_int_equal(config_begin(&rig->txn, rig->tree), 0);
	CLEANUP(free) char *after = snapshot(rig);
	assert_string_equal(after, before);
	assert_non_null(config_by_path(rig->tree, "/srv/a.img"));
	assert_null(config_by_path(rig->tree, "/srv/other.img"));
	/* Numbers that were given back are free again, and no others. */
	assert_int_equal(config_lowest_free(at(rig, "/iscsi/" IQN "/tpg1/luns")), 2);
	assert_int_equal(config_lowest_free(at(rig, "/iscsi/" IQN "/tpg1/acls/" INIT)), 2);
}

static void what_is_committed_stays(void **state)
{
	struct rig *rig = *state;
	fill(rig);
	change_much(rig);
	CLEANUP(free) char *before = snapshot(rig);
	rig_commit(rig);
	CLEANUP(free) char *after = snapshot(rig);
	assert_string_equal(after, before);
	assert_non_null(strstr(after, "iqn.2026-11.org.example:second"));
}

static void the_runtime_hears_all_in_order(void **state)
{
	struct rig *rig = *state;
	struct clerk clerk;
	fill(rig);
	begin_clerk(&clerk);
	struct config_node *tpg = at(rig, "/iscsi/" IQN "/tpg1");
	DONE(rig, config_set(&rig->txn, tpg, "auth", "password", "secretsecret12"));
	run(rig, &clerk);
	assert_int_equal(clerk.done, 0);
	DONE(rig, config_delete_backstore(&rig->txn, at(rig, "/backstores/fileio/a")));
	run(rig, &clerk);
	assert_int_equal(clerk.done, 0);
	assert_string_equal(buf_str(&clerk.told),
			    "set /iscsi/" IQN "/tpg1 auth password=(hidden) (was )\n"
			    "delete /iscsi/" IQN "/tpg1/acls/" INIT "/mapped_lun0 (lun0)\n"
			    "delete /iscsi/" IQN "/tpg1/luns/lun0 (fileio/a)\n"
			    "delete /backstores/fileio/a\n");
	rig_commit(rig);
	buf_free(&clerk.told);
}

/* At each change in turn, by each way to answer: the tree is as before, and what the runtime did was undone
 * in reverse. */
static void refuse_each(struct rig *rig, bool later, bool inside)
{
	CLEANUP(free) char *before = snapshot(rig);
	struct clerk clerk;
	unsigned refused = 0;
	for (unsigned n = 1;; n++) {
		begin_clerk(&clerk);
		clerk.fail_at = n;
		clerk.later = later;
		clerk.later_inside = inside;
		change_much(rig);
		run(rig, &clerk);
		if (!clerk.done)
			break;
		assert_int_equal(clerk.done, -EIO);
		assert_string_equal(rig->txn.why.text, "Could not do it: the clerk is tired");
		assert_int_equal(rig->txn.count, 0);
		assert_int_equal(rig->txn.said.len, 0);
		CLEANUP(free) char *after = snapshot(rig);
		assert_string_equal(after, before);
		unsigned back = 0;
		for (const char *p = buf_str(&clerk.told); (p = strstr(p, "back: ")); p++)
			back++;
		assert_int_equal(back, n - 1);
		rig_commit(rig);
		buf_free(&clerk.told);
		refused++;
	}
	assert_true(refused > 15);
	clerk.later = clerk.later_inside = false;
	config_abandon(&rig->txn, NULL, NULL);
	buf_free(&clerk.told);
	assert_int_equal(config_begin(&rig->txn, rig->tree), 0);
	CLEANUP(free) char *after = snapshot(rig);
	assert_string_equal(after, before);
}

static void one_refusal_undoes_all(void **state)
{
	fill(*state);
	refuse_each(*state, false, false);
}

static void a_late_refusal_undoes_all(void **state)
{
	fill(*state);
	refuse_each(*state, true, false);
}

static void an_answer_may_come_from_inside(void **state)
{
	fill(*state);
	refuse_each(*state, false, true);
}

static void a_refusal_without_a_reason_says_so(void **state)
{
	struct rig *rig = *state;
	struct clerk clerk;
	begin_clerk(&clerk);
	clerk.later_inside = clerk.silent = true;
	clerk.fail_at = 1;
	strcpy(rig->txn.why.text, "what was refused before");
	rig_ramdisk(rig, "c");
	run(rig, &clerk);
	assert_int_equal(clerk.done, -EIO);
	assert_string_equal(rig->txn.why.text, "The daemon gave no reason.");
	buf_free(&clerk.told);
}

static void a_transaction_goes_on_after_it_ran(void **state)
{
	struct rig *rig = *state;
	struct clerk clerk;
	fill(rig);
	CLEANUP(free) char *before = snapshot(rig);
	begin_clerk(&clerk);
	rig_ramdisk(rig, "c");
	run(rig, &clerk);
	assert_int_equal(clerk.done, 0);
	unsigned first = clerk.count;
	rig_ramdisk(rig, "d");
	clerk.fail_at = clerk.count + 1;
	run(rig, &clerk);
	/* The second part takes the first with it. */
	assert_int_equal(clerk.done, -EIO);
	assert_int_equal(clerk.count, first + 1);
	CLEANUP(free) char *after = snapshot(rig);
	assert_string_equal(after, before);
	rig_commit(rig);
	buf_free(&clerk.told);
}

static void a_refused_operation_leaves_earlier_ones(void **state)
{
	struct rig *rig = *state;
	struct config_backstore_args args = {.name = "c", .size = "1M", .wwn = "a\tb"};
	rig_ramdisk(rig, "a");
	size_t count = rig->txn.count;
	assert_true(config_create_backstore(&rig->txn, &rig->prefs, CONFIG_RAMDISK, &args, NULL) <
		    0);
	assert_int_equal(rig->txn.count, count);
	assert_non_null(at(rig, "/backstores/ramdisk/a"));
	assert_null(at(rig, "/backstores/ramdisk/c"));
}

static void generations_count_changes(void **state)
{
	struct rig *rig = *state;
	uint64_t before = config_generation(rig->tree);
	struct config_node *node = rig_ramdisk(rig, "a");
	uint64_t after = config_generation(rig->tree);
	assert_true(after > before);
	assert_int_equal(config_set_pending(node, "No such file"), 0);
	assert_string_equal(node->pending, "No such file");
	assert_true(config_generation(rig->tree) > after);
	assert_int_equal(config_set_pending(node, NULL), 0);
	assert_null(node->pending);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, rig_begin, rig_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(one_transaction_at_a_time),
		CASE(what_is_made_is_told_many_at_a_time),
		CASE(one_of_many_that_fails_takes_all_back),
		CASE(what_is_abandoned_was_never_there),
		CASE(what_is_committed_stays),
		CASE(the_runtime_hears_all_in_order),
		CASE(one_refusal_undoes_all),
		CASE(a_late_refusal_undoes_all),
		CASE(an_answer_may_come_from_inside),
		CASE(a_refusal_without_a_reason_says_so),
		CASE(a_transaction_goes_on_after_it_ran),
		CASE(a_refused_operation_leaves_earlier_ones),
		CASE(generations_count_changes),
	};
	return cmocka_run_group_tests_name("config_txn", tests, NULL, NULL);
}

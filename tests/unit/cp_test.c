/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line of lunar cp, its journal, and how it finds zeroes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "cli/cp.h"
#include "common/zero.h"
#include "config/args.h"
#include "copy/priv.h"

/* --- zeroes */

static void zeroes_are_found(void **state)
{
	static uint8_t p[64 * 1024];
	bool zero;
	assert_true(is_all_zero(p, 0));
	assert_true(is_all_zero(p, 7));
	assert_true(is_all_zero(p, sizeof(p)));
	for (size_t i = 0; i < 100; i++) {
		p[i] = 1;
		assert_false(is_all_zero(p, 100));
		p[i] = 0;
	}
	p[sizeof(p) - 1] = 1;
	assert_false(is_all_zero(p, sizeof(p)));
	assert_int_equal(zero_run(p, sizeof(p), 4096, &zero), sizeof(p) - 4096);
	assert_true(zero);
	p[0] = p[4096 + 17] = 1;
	assert_int_equal(zero_run(p, sizeof(p), 4096, &zero), 8192);
	assert_false(zero);
	/* The last piece may be a short one. */
	assert_int_equal(zero_run(p + 8192, 5000, 4096, &zero), 5000);
	assert_true(zero);
	assert_int_equal(zero_run(p + sizeof(p) - 1, 1, 4096, &zero), 1);
	assert_false(zero);
}

/* --- the journal */

static void a_journal_is_read_back(void **state)
{
	char path[] = "/tmp/lunar-cp-journal.XXXXXX";
	struct journal j = {"file 1 /tmp/\"a\" 7", "lun x", 1 << 20, 4096}, back;
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(journal_read(&back, path), -EINVAL);
	assert_int_equal(journal_write(&j, path), 0);
	assert_int_equal(journal_read(&back, path), 0);
	assert_string_equal(back.from, j.from);
	assert_string_equal(back.to, j.to);
	assert_true(back.total == j.total && back.done == j.done);
	unlink(path);
	assert_int_equal(journal_read(&back, path), -ENOENT);
	strcpy(j.to, "\xff");
	assert_int_equal(journal_write(&j, path), -EILSEQ);
}

static void a_damaged_journal_is_none(void **state)
{
	static const struct {
		const char *text;
		int err;
	} rows[] = {
		{"{\"lunar-cp\":1,\"from\":\"a\",\"to\":\"b\",\"total\":8,\"done\":8}", 0},
		{"{\"lunar-cp\":2,\"from\":\"a\",\"to\":\"b\",\"total\":8,\"done\":8}",
		 -EPROTONOSUPPORT},
		{"{\"lunar-cp\":1,\"from\":\"a\",\"to\":\"b\",\"total\":8,\"done\":9}", -EINVAL},
		{"{\"lunar-cp\":1,\"from\":\"a\",\"to\":\"b\",\"total\":8,\"done\":-1}", -EINVAL},
		{"{\"lunar-cp\":1,\"from\":\"a\",\"to\":\"b\",\"total\":8}", -EINVAL},
		{"{\"lunar-cp\":1,\"from\":\"a\",\"to\":\"b\",\"total\":8,\"done\":8", -EINVAL},
		{"{\"from\":\"a\"}", -EINVAL},
		{"", -EINVAL},
	};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct journal j;
		assert_int_equal(journal_parse(&j, rows[i].text, strlen(rows[i].text)),
				 rows[i].err);
	}
}

/* --- the command line */

#define READ(o, why, ...) \
	cp_options_read(o, (char *[]){__VA_ARGS__ __VA_OPT__(, ) NULL}, why, sizeof(why))

static void options_are_understood(void **state)
{
	struct cp_options o;
	char why[512];
	assert_int_equal(READ(&o, why, "a", "b"), 0);
	assert_int_equal(o.copy.depth, 16);
	assert_int_equal(o.copy.block, 1 << 20);
	assert_int_equal(o.copy.sparse, COPY_AUTO);
	assert_null(o.copy.journal);
	assert_int_equal(READ(&o, why, "--depth", "4", "a", "--block-size=64k", "--sparse", "never",
			      "iscsi://h/iqn.2026-11.org.example:d/0", "--resume", "--journal",
			      "j"),
			 0);
	assert_int_equal(o.copy.depth, 4);
	assert_int_equal(o.copy.block, 65536);
	assert_int_equal(o.copy.sparse, COPY_NEVER);
	assert_string_equal(o.copy.journal, "j");
	assert_int_equal(READ(&o, why, "iscsi://h/iqn.2026-11.org.example:d/0", "/nowhere/image",
			      "--resume"),
			 0);
	assert_string_equal(o.copy.journal, "/nowhere/image.lunar-cp");
	assert_int_equal(READ(&o, why, "--help"), ARGS_HELP);
}

static void nonsense_is_refused(void **state)
{
	struct cp_options o;
	char why[512];
	assert_int_equal(READ(&o, why, "a"), -EINVAL);
	assert_non_null(strstr(why, "a source and a destination"));
	assert_int_equal(READ(&o, why, "a", "b", "c"), -EINVAL);
	assert_non_null(strstr(why, "\"c\" is one more"));
	assert_int_equal(READ(&o, why, "a", "b", "--block-size", "1000"), -EINVAL);
	assert_int_equal(READ(&o, why, "a", "b", "--depth", "0"), -EINVAL);
	assert_int_equal(READ(&o, why, "a", "b", "--depth", "257"), -EINVAL);
	assert_int_equal(READ(&o, why, "a", "b", "--depth", "256", "--block-size", "16M"), -EINVAL);
	assert_non_null(strstr(why, "more than 1 GiB"));
	assert_int_equal(READ(&o, why, "a", "b", "--sparse", "some"), -EINVAL);
	assert_int_equal(READ(&o, why, "a", "b", "--journal", "j"), -EINVAL);
	assert_int_equal(READ(&o, why, "a", "b", "--quiet", "--progress"), -EINVAL);
	assert_int_equal(READ(&o, why, "a", "iscsi://h/iqn.2026-11.org.example:d/0", "--resume"),
			 -EINVAL);
	assert_non_null(strstr(why, "--journal FILE"));
}

static void progress_is_a_line(void **state)
{
	char line[200];
	struct copy_progress last = {.ns = 1000000000, .moved = 0}, now = {.ns = 2000000000,
									   .done = 1 << 20,
									   .total = 4 << 20,
									   .moved = 1 << 20};
	cp_print_progress(&last, &now, line, sizeof(line));
	assert_string_equal(line, " 25%  1.00 MiB of 4.00 MiB  1.00 MiB/s  0:06 left");
	now.total = 0;
	cp_print_progress(&last, &now, line, sizeof(line));
	assert_string_equal(line, "1.00 MiB  1.00 MiB/s");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(zeroes_are_found),
		cmocka_unit_test(a_journal_is_read_back),
		cmocka_unit_test(a_damaged_journal_is_none),
		cmocka_unit_test(options_are_understood),
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(progress_is_a_line),
	};
	return cmocka_run_group_tests_name("cp", tests, NULL, NULL);
}

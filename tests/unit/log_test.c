/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include "common/log.h"

struct kept {
	struct log log;
	char line[256];
	unsigned count;
};

static void keep(struct log *log, enum log_level level, const char *line)
{
	struct kept *k = log->ctx;
	snprintf(k->line, sizeof(k->line), "%d %s", (int)level, line);
	k->count++;
}

static void start(struct kept *k)
{
	*k = (struct kept){.log = {.level = LOG_LEVEL_INFO, .write = keep, .ctx = k}};
}

static unsigned lines(struct kept *k, enum log_level level, const char *file)
{
	k->count = 0;
	log_line(&k->log, level, file, "x");
	return k->count;
}

static void a_module_may_have_a_level_of_its_own(void **state)
{
	struct kept k;
	char why[256], text[LOG_LEVELS_TEXT];
	start(&k);
	assert_int_equal(lines(&k, LOG_LEVEL_DEBUG, "../src/scsi/lu.c"), 0);
	assert_int_equal(log_set_levels(&k.log, "warning,scsi=debug,login=error", why, sizeof(why)),
			 0);
	assert_string_equal(log_levels(&k.log, text), "warning,login=error,scsi=debug");
	assert_int_equal(lines(&k, LOG_LEVEL_DEBUG, "../src/scsi/lu.c"), 1);
	assert_int_equal(lines(&k, LOG_LEVEL_DEBUG, "../src/target/conn.c"), 0);
	assert_int_equal(lines(&k, LOG_LEVEL_WARNING, "../src/target/conn.c"), 1);
	assert_int_equal(lines(&k, LOG_LEVEL_WARNING, "../src/target/login.c"), 0);
	assert_int_equal(lines(&k, LOG_LEVEL_ERROR, "../src/target/login.c"), 1);
	assert_int_equal(log_set_levels(&k.log, "audit=error", why, sizeof(why)), 0);
	assert_string_equal(log_levels(&k.log, text), "warning,login=error,scsi=debug,audit=error");
	/* One for all is one for all. */
	assert_int_equal(log_set_levels(&k.log, "info", why, sizeof(why)), 0);
	assert_string_equal(log_levels(&k.log, text), "info");
	assert_int_equal(lines(&k, LOG_LEVEL_INFO, "../src/target/login.c"), 1);
	assert_int_equal(lines(&k, LOG_LEVEL_DEBUG, "../src/scsi/lu.c"), 0);
}

static void every_module_can_be_named(void **state)
{
	struct kept k;
	char why[256], text[LOG_LEVELS_TEXT], one[64];
	start(&k);
	for (unsigned i = 0; i < LOG_MODULES; i++) {
		snprintf(one, sizeof(one), "%s=warning", log_module_name((enum log_module)i));
		assert_int_equal(log_set_levels(&k.log, one, why, sizeof(why)), 0);
		assert_non_null(strstr(log_levels(&k.log, text), one));
	}
}

static void nonsense_changes_nothing(void **state)
{
	static const char *const wrong[] = {"",           "loud",           "scsi",        "scsi=",
					    "=info",      "nix=info",       "scsi=debug,", ",",
					    "error,loud", "scsi=info=info", "info debug"};
	struct kept k;
	char why[256], text[LOG_LEVELS_TEXT];
	start(&k);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		why[0] = 0;
		assert_int_equal(log_set_levels(&k.log, wrong[i], why, sizeof(why)), -EINVAL);
		assert_non_null(strstr(why, " is no "));
		assert_string_equal(log_levels(&k.log, text), "info");
	}
	assert_int_equal(log_set_levels(&k.log, "\033[2J", why, sizeof(why)), -EINVAL);
	assert_null(strchr(why, '\033'));
}

static void lines_may_begin_with_their_module(void **state)
{
	struct kept k;
	start(&k);
	k.log.tagged = true;
	log_line(&k.log, LOG_LEVEL_ERROR, "../src/backstore/file.c", "%s is full", "it");
	assert_string_equal(k.line, "0 backstore: it is full");
	log_error(&k.log, "here");
	assert_string_equal(k.line, "0 other: here");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_module_may_have_a_level_of_its_own),
		cmocka_unit_test(every_module_can_be_named),
		cmocka_unit_test(nonsense_changes_nothing),
		cmocka_unit_test(lines_may_begin_with_their_module),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

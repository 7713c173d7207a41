/* SPDX-License-Identifier: BSD-2-Clause */
/* What people type at `lunar serve`, where secrets come from, and the names that are made up. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include "config/args.h"
#include "cli/secret.h"
#include "cli/serve_options.h"
#include "cli/serve_print.h"
#include "iscsi/names.h"

#define PARSE(o, why, ...) serve_options_parse(o, (char *[]){__VA_ARGS__, NULL}, why, sizeof(why))

static void a_file_is_enough(void **state)
{
	struct serve_options *o = malloc(sizeof(*o));
	char why[300];
	assert_int_equal(PARSE(o, why, "disk.img"), 0);
	assert_int_equal(o->disk_count, 1);
	assert_string_equal(o->disks[0].path, "disk.img");
	assert_int_equal(o->size, 0);
	assert_int_equal(o->portal_count, 0);
	assert_int_equal(o->serving.limits.login_timeout, 15);
	assert_false(o->readonly || o->raw || o->direct || o->quiet);
	free(o);
}

static void every_option_is_taken(void **state)
{
	struct serve_options *o = malloc(sizeof(*o));
	char why[300], text[NET_ADDR_TEXT];
	int err = PARSE(o, why, "a.img", "--size", "10G", "--target=iqn.2026-01.x:y", "--portal",
			"127.0.0.1", "--portal", "[::1]:0", "--block-size", "4K", "--readonly",
			"--memory", "1G", "--chap", "alice", "--chap-secret-file", "f",
			"--mutual-chap", "bob", "--mutual-secret-file", "g", "--raw", "--direct",
			"--limit", "login_timeout=3", "--engine", "uring", "--user", "joe",
			"--quiet", "--", "-b.img");
	if (err)
		fail_msg("%s", why);
	assert_int_equal(o->disk_count, 3);
	assert_string_equal(o->disks[0].path, "a.img");
	assert_null(o->disks[1].path);
	assert_int_equal(o->disks[1].memory, 1 << 30);
	assert_string_equal(o->disks[2].path, "-b.img");
	assert_int_equal(o->size, UINT64_C(10) << 30);
	assert_string_equal(o->target, "iqn.2026-01.x:y");
	assert_int_equal(o->portal_count, 2);
	assert_string_equal(net_addr_format(text, &o->portals[0]), "127.0.0.1:3260");
	assert_string_equal(net_addr_format(text, &o->portals[1]), "[::1]:0");
	assert_int_equal(o->block_size, 4096);
	assert_string_equal(o->chap, "alice");
	assert_string_equal(o->chap_secret_file, "f");
	assert_string_equal(o->mutual_chap, "bob");
	assert_string_equal(o->mutual_secret_file, "g");
	assert_int_equal(o->serving.limits.login_timeout, 3);
	assert_true(o->readonly && o->raw && o->direct && o->quiet);
	assert_string_equal(o->user, "joe");
	assert_false(o->no_sandbox);
	free(o);
}

static void help_is_asked_for(void **state)
{
	struct serve_options *o = malloc(sizeof(*o));
	char why[300];
	assert_int_equal(PARSE(o, why, "--help"), ARGS_HELP);
	assert_int_equal(PARSE(o, why, "a.img", "-h"), ARGS_HELP);
	assert_int_equal(PARSE(o, why, "a.img", "--", "--help"), 0);
	assert_string_equal(o->disks[1].path, "--help");
	free(o);
}

static void bad_lines_are_refused_with_the_reason(void **state)
{
	static char *const lines[][6] = {
		{"there is no option --frobnicate", "a", "--frobnicate"},
		{"there is no option -r", "a", "-r"},
		{"there is no option --readonl", "a", "--readonl"},
		{"--size needs a value", "a", "--size"},
		{"--readonly takes no value", "a", "--readonly=yes"},
		{"not a size", "a", "--size", "lots"},
		{"not a size", "a", "--size", "0"},
		{"not a size", "a", "--size", "-1G"},
		{"not a size", "a", "--size="},
		{"multiple of 512", "a", "--size", "1000"},
		{"multiple of --block-size", "a", "--size=1536", "--block-size=4096"},
		{"neither 512 nor 4096", "a", "--block-size", "1000"},
		{"numeric address", "a", "--portal", "127.0.0.1:"},
		{"numeric address", "a", "--portal", "127.0.0.1:70000"},
		{"numeric address", "a", "--portal", "300.0.0.1:0"},
		{"numeric address", "a", "--portal", "example.com"},
		{"not the size of a disk", "--memory", "1000"},
		{"not an engine", "a", "--engine", "steam"},
		{"NAME=VALUE", "a", "--limit", "login_timeout"},
		{"no limit named", "a", "--limit", "x=1"},
		{"from 1 to 3600", "a", "--limit", "login_timeout=0"},
		{"nothing to serve", "--readonly"},
		{"empty name", ""},
		{"--chap USER", "a", "--chap-secret-file", "f"},
		{"--mutual-chap USER", "a", "--chap=u", "--mutual-secret-file=f"},
		{"needs --chap", "a", "--mutual-chap", "u"},
		{"user's name is empty", "a", "--chap", ""},
		{"exclude each other", "a", "--quiet", "--verbose"},
		{"exclude each other", "a", "--no-sandbox", "--user=joe"},
	};
	struct serve_options *o = malloc(sizeof(*o));
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		char why[300] = "";
		int err = serve_options_parse(o, (char **)&lines[i][1], why, sizeof(why));
		if (err >= 0 || !strstr(why, lines[i][0]))
			fail_msg("line %zu: %d \"%s\", expected \"%s\"", i, err, why, lines[i][0]);
	}
	free(o);
}

static void too_many_are_refused(void **state)
{
	static char *line[2 * SERVE_MAX_DISKS];
	struct serve_options *o = malloc(sizeof(*o));
	char why[300];
	for (size_t i = 0; i <= SERVE_MAX_DISKS; i++)
		line[i] = "disk";
	assert_int_equal(serve_options_parse(o, line, why, sizeof(why)), -E2BIG);
	line[SERVE_MAX_DISKS] = NULL;
	assert_int_equal(serve_options_parse(o, line, why, sizeof(why)), 0);
	for (size_t i = 1; i <= SERVE_MAX_PORTALS + 1; i++)
		line[i] = "--portal=127.0.0.1";
	line[SERVE_MAX_PORTALS + 2] = NULL;
	assert_int_equal(serve_options_parse(o, line, why, sizeof(why)), -E2BIG);
	free(o);
}

static void names_that_are_made_up_are_valid(void **state)
{
	static const char *const paths[][2] = {
		{"disk.img", ".disk"},
		{"/a/b/My Disk (1).raw", ".my-disk-1"},
		{"/dev/vg0/data", ".data"},
		{".hidden", "hidden"},
		{"\xc3\xbc\xc3\xb6.img", ".disk"},
		{"a.tar.img", ".a.tar"},
		{NULL, ".memory"},
	};
	char name[ISCSI_NAME_SIZE], longest[400];
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		serve_default_name(name, paths[i][0]);
		size_t len = strlen(name), want = strlen(paths[i][1]);
		if (!iscsi_name_valid(name) || len < want || strcmp(name + len - want, paths[i][1]))
			fail_msg("%s becomes %s", paths[i][0], name);
	}
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = 0;
	serve_default_name(name, longest);
	assert_true(iscsi_name_valid(name));
}

/* --- secrets */

struct secrets {
	struct log log;
	char path[64], why[300], out[SECRET_SIZE];
	unsigned warnings;
};

static void count_warning(struct log *log, enum log_level level, const char *line)
{
	((struct secrets *)log->ctx)->warnings += level == LOG_LEVEL_WARNING;
}

static int setup(void **state)
{
	struct secrets *s = calloc(1, sizeof(*s));
	s->log = (struct log){.level = LOG_LEVEL_WARNING, .write = count_warning, .ctx = s};
	snprintf(s->path, sizeof(s->path), "/tmp/lunar-secret.XXXXXX");
	int fd = mkstemp(s->path);
	close(fd);
	*state = s;
	return fd < 0;
}

static int teardown(void **state)
{
	struct secrets *s = *state;
	unlink(s->path);
	free(s);
	return 0;
}

static int get(struct secrets *s, const char *file)
{
	struct secret_source from = {"alice", file, "--chap-secret-file", "LUNAR_TEST_SECRET"};
	s->warnings = 0;
	return secret_get(&from, s->out, &s->log, s->why, sizeof(s->why));
}

static int get_text(struct secrets *s, const char *text, size_t len)
{
	FILE *f = fopen(s->path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	fclose(f);
	return get(s, s->path);
}

static void a_secret_is_the_first_line_of_its_file(void **state)
{
	struct secrets *s = *state;
	assert_int_equal(get_text(s, "correct-horse-1\nmore\n", 21), 0);
	assert_string_equal(s->out, "correct-horse-1");
	assert_int_equal(get_text(s, "correct-horse-1\r\n", 17), 0);
	assert_string_equal(s->out, "correct-horse-1");
	/* QEMU would take the newline for a part of it. */
	assert_int_equal(s->warnings, 1);
	assert_int_equal(get_text(s, "correct-horse-1", 15), 0);
	assert_string_equal(s->out, "correct-horse-1");
	assert_int_equal(s->warnings, 0);
}

static void odd_lengths_are_warned_of(void **state)
{
	struct secrets *s = *state;
	char longest[300];
	memset(longest, 'x', sizeof(longest));
	assert_int_equal(get_text(s, "short", 5), 0);
	assert_int_equal(s->warnings, 1);
	assert_int_equal(get_text(s, longest, 17), 0);
	assert_int_equal(s->warnings, 1);
	assert_int_equal(get_text(s, longest, 255), 0);
	assert_int_equal(strlen(s->out), 255);
	assert_int_equal(get_text(s, longest, 256), -EMSGSIZE);
	assert_int_equal(get_text(s, longest, 300), -EMSGSIZE);
	assert_int_equal(get_text(s, "\n", 1), -EINVAL);
	assert_non_null(strstr(s->why, "empty"));
	assert_int_equal(get_text(s, "", 0), -EINVAL);
}

static void a_file_that_others_can_use_is_refused(void **state)
{
	struct secrets *s = *state;
	assert_int_equal(chmod(s->path, 0640), 0);
	assert_int_equal(get_text(s, "correct-horse-1\n", 16), -EPERM);
	assert_non_null(strstr(s->why, "chmod 600"));
	assert_int_equal(get(s, "/nonexistent/secret"), -ENOENT);
	assert_non_null(strstr(s->why, "/nonexistent/secret"));
}

static void a_secret_of_the_environment_is_taken_out_of_it(void **state)
{
	struct secrets *s = *state;
	setenv("LUNAR_TEST_SECRET", "correct-horse-1", 1);
	const char *place = getenv("LUNAR_TEST_SECRET");
	assert_int_equal(get(s, NULL), 0);
	assert_string_equal(s->out, "correct-horse-1");
	assert_null(getenv("LUNAR_TEST_SECRET"));
	assert_int_equal(place[0], 0);
	secret_wipe(s->out);
	for (size_t i = 0; i < SECRET_SIZE; i++)
		assert_int_equal(s->out[i], 0);
}

static void without_any_source_all_are_named(void **state)
{
	struct secrets *s = *state;
	int old = dup(STDIN_FILENO), null = open("/dev/null", O_RDONLY);
	dup2(null, STDIN_FILENO);
	int err = get(s, NULL);
	dup2(old, STDIN_FILENO);
	close(old);
	close(null);
	assert_int_equal(err, -ENOENT);
	assert_non_null(strstr(s->why, "--chap-secret-file"));
	assert_non_null(strstr(s->why, "LUNAR_TEST_SECRET"));
}

#define SECRET_CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_enough),
		cmocka_unit_test(every_option_is_taken),
		cmocka_unit_test(help_is_asked_for),
		cmocka_unit_test(bad_lines_are_refused_with_the_reason),
		cmocka_unit_test(too_many_are_refused),
		cmocka_unit_test(names_that_are_made_up_are_valid),
		SECRET_CASE(a_secret_is_the_first_line_of_its_file),
		SECRET_CASE(odd_lengths_are_warned_of),
		SECRET_CASE(a_file_that_others_can_use_is_refused),
		SECRET_CASE(a_secret_of_the_environment_is_taken_out_of_it),
		SECRET_CASE(without_any_source_all_are_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

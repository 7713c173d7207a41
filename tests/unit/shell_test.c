/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines of the shell, paths, preferences, and the tree as it is drawn. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "cli/shell.h"
#include "cli/shell_complete.h"
#include "cli/shell_tree.h"

/* The parts of a line, one way to write them: "path|command|value|name=value". */
static void parses(const char *text, const char *parts)
{
	struct shell_line line;
	char why[256], seen[512];
	assert_int_equal(shell_line_parse(&line, text, why, sizeof(why)), 0);
	int len = snprintf(seen, sizeof(seen), "%s|%s", line.path ? line.path : "",
			   line.command ? line.command : "");
	for (size_t i = 0; i < line.count; i++)
		len += snprintf(seen + len, sizeof(seen) - (size_t)len, "|%s%s%s",
				line.words[i].name ? line.words[i].name : "",
				line.words[i].name ? "=" : "", line.words[i].value);
	assert_string_equal(seen, parts);
	shell_line_free(&line);
}

static void lines_are_taken_apart(void **state)
{
	(void)state;
	parses("", "|");
	parses("  # ls", "|");
	parses("ls", "|ls");
	parses("/iscsi", "/iscsi|");
	parses(".. ls", "..|ls");
	parses("@store ls", "@store|ls");
	parses("luns/ create /backstores/fileio/a", "luns/|create|/backstores/fileio/a");
	parses("/iscsi create iqn.2026-11.org.example:a",
	       "/iscsi|create|iqn.2026-11.org.example:a");
	parses("ls / 1\r", "|ls|/|1");
	parses("create name=a file_or_dev=/tmp/a.img size=1M",
	       "|create|name=a|file_or_dev=/tmp/a.img|size=1M");
	parses("set parameter HeaderDigest=CRC32C,None", "|set|parameter|HeaderDigest=CRC32C,None");
	parses("set auth password=a=b", "|set|auth|password=a=b");
	parses("set auth password=\"with space\" userid='it\"s'",
	       "|set|auth|password=with space|userid=it\"s");
	parses("set auth password=\"a\\\"b\\\\c\\d\"", "|set|auth|password=a\"b\\c\\d");
	parses("set auth password=", "|set|auth|password=");
	parses("create \"a=b\" 'c'd", "|create|a=b|cd");
	parses("create 1a=b -x=c", "|create|1a=b|-x=c");
	parses("create \"\"", "|create|");
	parses("resize 5M --force", "|resize|5M|force=true");
	parses("resize 5M '--force'", "|resize|5M|--force");
	parses("resize 5M --forced", "|resize|5M|--forced");
	parses("'/a b' ls", "|/a b|ls");
}

static void a_quote_without_end_is_refused(void **state)
{
	(void)state;
	struct shell_line line;
	char why[256];
	static const char *const texts[] = {"set auth password='a", "\"", "a\"b", "a \"b\\\""};
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		assert_int_equal(shell_line_parse(&line, texts[i], why, sizeof(why)), -EINVAL);
		assert_non_null(strstr(why, "a quote has no end"));
	}
}

static void paths_are_resolved(void **state)
{
	(void)state;
	static const char *const rows[][3] = {
		{"/", "iscsi", "/iscsi"},
		{"/iscsi", "..", "/"},
		{"/iscsi", "../..", "/"},
		{"/iscsi/a", "../b/./c/", "/iscsi/b/c"},
		{"/iscsi", "/backstores//fileio/", "/backstores/fileio"},
		{"/iscsi", ".", "/iscsi"},
		{"/iscsi", "", "/iscsi"},
		{"/a", "/", "/"},
	};
	char out[64];
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(shell_path(rows[i][0], rows[i][1], out, sizeof(out)), 0);
		assert_string_equal(out, rows[i][2]);
	}
	assert_int_equal(shell_path("/abc", "def", out, 8), -ENAMETOOLONG);
	assert_int_equal(shell_path("/abc", "def", out, 9), 0);
}

static void kinds_are_known_by_their_paths(void **state)
{
	(void)state;
	static const struct {
		const char *path;
		enum config_kind kind, plugin;
	} rows[] = {
		{"/", CONFIG_ROOT, CONFIG_ROOT},
		{"/backstores", CONFIG_BACKSTORES, CONFIG_ROOT},
		{"/backstores/fileio", CONFIG_PLUGIN, CONFIG_FILEIO},
		{"/backstores/ramdisk/r", CONFIG_RAMDISK, CONFIG_RAMDISK},
		{"/iscsi/x/tpg1", CONFIG_TPG, CONFIG_ROOT},
		{"/iscsi/x/tpg1/acls/y/mapped_lun0", CONFIG_MAPPED_LUN, CONFIG_ROOT},
		{"/iscsi/x/tpg1/luns/lun0", CONFIG_LUN, CONFIG_ROOT},
		{"/iscsi/x/tpg1/portals/1.2.3.4:3260", CONFIG_PORTAL, CONFIG_ROOT},
	};
	static const char *const none[] = {"/loopback", "/backstores/pscsi",
					   "/backstores/fileio/a/b", "/iscsi/x/tpg1/foo",
					   "/iscsi/x/tpg1/luns/lun0/a"};
	enum config_kind kind, plugin;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_true(shell_kind_of_path(rows[i].path, &kind, &plugin));
		assert_int_equal(kind, rows[i].kind);
		assert_int_equal(plugin, rows[i].plugin);
	}
	for (size_t i = 0; i < ARRAY_SIZE(none); i++)
		assert_false(shell_kind_of_path(none[i], &kind, &plugin));
}

/* ---- the tree ---- */

static const char tree_text[] =
	"{\"name\": \"\", \"health\": \"none\", \"summary\": \"\", \"children\": ["
	"{\"name\": \"backstores\", \"health\": \"none\", \"summary\": \"\", \"children\": ["
	"{\"name\": \"fileio\", \"health\": \"ok\", \"summary\": \"Storage Objects: 1\", "
	"\"children\": ["
	"{\"name\": \"a\", \"health\": \"error\", \"summary\": \"pending\"}]}]},"
	"{\"name\": \"iscsi\", \"health\": \"ok\", \"summary\": \"\", \"children\": ["
	"{\"name\": \"a-name-that-does-not-fit\", \"health\": \"error\", \"summary\": \"\"}]}]}";

static void draws(struct shell_tree_style style, const char *lines)
{
	struct buf out;
	json_t *tree = json_loads(tree_text, 0, NULL);
	assert_non_null(tree);
	buf_init(&out, 4096);
	assert_int_equal(shell_tree_draw(tree, &style, &out), 0);
	assert_string_equal(buf_str(&out), lines);
	buf_free(&out);
	json_decref(tree);
}

static void trees_are_drawn_to_a_width(void **state)
{
	(void)state;
	struct shell_tree_style style = {
		.width = 40, .show_root = true, .show_status = true, .round = true};
	draws(style, "o- / ............................. [...]\n"
		     "  o- backstores .................. [...]\n"
		     "  | o- fileio ..... [Storage Objects: 1]\n"
		     "  |   o- a ................... [pending]\n"
		     "  o- iscsi ........................ [OK]\n"
		     "    o- a-name-that-does-not-fit . [ERROR]\n");
	style.show_root = style.show_status = style.round = false;
	draws(style, "  +- backstores\n"
		     "  | +- fileio\n"
		     "  |   +- a\n"
		     "  +- iscsi\n"
		     "    +- a-name-that-does-not-fit\n");
}

static void colours_take_no_room(void **state)
{
	(void)state;
	struct shell_tree_style style = {
		.width = 40, .show_root = true, .show_status = true, .round = true, .colour = true};
	json_t *tree = json_pack("{s:s, s:s, s:s}", "name", "a", "health", "error", "summary", "x");
	struct buf out;
	buf_init(&out, 4096);
	assert_int_equal(shell_tree_draw(tree, &style, &out), 0);
	assert_string_equal(
		buf_str(&out),
		"o- \033[1ma\033[0m ............................... [\033[31mx\033[0m]\n");
	buf_free(&out);
	json_decref(tree);
}

/* ---- preferences ---- */

static void preferences_are_kept_in_the_home(void **state)
{
	(void)state;
	char home[] = "/tmp/lunar-home.XXXXXX", file[64];
	struct config_why why;
	struct shell_prefs p;
	assert_non_null(mkdtemp(home));
	setenv("HOME", home, 1);
	shell_prefs_open(&p);
	assert_true(shell_pref_true(&p, "auto_save_on_exit"));
	assert_null(shell_prefs_for_daemon(&p));
	assert_int_equal(shell_pref_set(&p, "auto_save_on_exit", "No", &why), 0);
	assert_int_equal(shell_pref_set(&p, "auto_add_mapped_luns", "false", &why), 0);
	assert_int_equal(shell_pref_set(&p, "prompt_length", "12", &why), 0);
	assert_int_equal(shell_pref_set(&p, "prompt_length", "-1", &why), -ERANGE);
	assert_non_null(strstr(why.text, "Not setting prompt_length! Syntax error, '-1' is not"));
	assert_int_equal(shell_pref_set(&p, "tree_show_root", "2", &why), -EINVAL);
	assert_int_equal(shell_pref_set(&p, "nix", "2", &why), -ENOENT);
	assert_int_equal(shell_bookmark_set(&p, "a", "/iscsi"), 0);
	shell_prefs_close(&p);
	shell_prefs_open(&p);
	assert_false(shell_pref_true(&p, "auto_save_on_exit"));
	assert_int_equal(shell_pref_number(&p, "prompt_length"), 12);
	assert_string_equal(json_string_value(json_object_get(p.bookmarks, "a")), "/iscsi");
	json_t *sent = shell_prefs_for_daemon(&p);
	assert_true(json_is_false(json_object_get(sent, "auto_add_mapped_luns")));
	assert_int_equal(json_object_size(sent), 1);
	json_decref(sent);
	assert_int_equal(shell_bookmark_set(&p, "a", NULL), 0);
	struct shell s = {.prefs = p, .cwd = "/iscsi/iqn.2026-11.org.example:store/tpg1/luns"};
	char prompt[128];
	shell_prompt(&s, prompt, sizeof(prompt));
	assert_string_equal(prompt, "/isc...luns> ");
	shell_prefs_close(&p);
	snprintf(file, sizeof(file), "%s/.lunar_target.json", home);
	assert_int_equal(unlink(file), 0);
	assert_int_equal(rmdir(home), 0);
}

/* ---- commands ---- */

static void commands_are_where_they_were(void **state)
{
	(void)state;
	char syntax[256];
	const struct config_command *c =
		config_command_find(CONFIG_PLUGIN, CONFIG_FILEIO, "create");
	assert_non_null(c);
	assert_string_equal(
		config_command_syntax(c, syntax, sizeof(syntax)),
		"create name file_or_dev [size] [write_back] [sparse] [wwn] [readonly]");
	c = config_command_find(CONFIG_ROOT, CONFIG_ROOT, "get");
	assert_string_equal(config_command_syntax(c, syntax, sizeof(syntax)),
			    "get [group] [parameter...]");
	assert_null(config_command_find(CONFIG_ROOT, CONFIG_ROOT, "info"));
	assert_null(config_command_find(CONFIG_TPG, CONFIG_ROOT, "create"));
	assert_null(config_command_find(CONFIG_PLUGIN, CONFIG_FILEIO, "info"));
	for (unsigned k = 0; k < CONFIG_KINDS; k++)
		assert_int_equal(config_kind_find(config_kind_name((enum config_kind)k)), k);
	assert_int_equal(config_kind_find("nix"), CONFIG_KINDS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_taken_apart),
		cmocka_unit_test(a_quote_without_end_is_refused),
		cmocka_unit_test(paths_are_resolved),
		cmocka_unit_test(kinds_are_known_by_their_paths),
		cmocka_unit_test(trees_are_drawn_to_a_width),
		cmocka_unit_test(colours_take_no_room),
		cmocka_unit_test(preferences_are_kept_in_the_home),
		cmocka_unit_test(commands_are_where_they_were),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

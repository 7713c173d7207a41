/* SPDX-License-Identifier: BSD-2-Clause */
/* What `lunar target` has and targetcli has not, and takes files and options: apply, explain, import. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include "cli/commands.h"
#include "cli/shell.h"
#include "config/json.h"
#include "config/store.h"
#include "config/targets_conf.h"

/* --- files, read with the rights of who calls */

static int read_file(struct shell *s, const char *path, struct buf *out)
{
	struct config_why why;
	buf_init(out, CONFIG_TEXT_MAX);
	return config_store_read(path, out, &why) ? shell_fail(s, "%s", why.text) : 0;
}

/* Takes over the text. NULL: it is not UTF-8, and that was said. */
static json_t *document_of(struct shell *s, const char *path, struct buf *text)
{
	json_t *document = json_stringn(buf_str(text), text->len);
	if (text->data)
		explicit_bzero(text->data, text->len);
	buf_free(text);
	if (!document)
		shell_fail(s, "%.300s is not UTF-8", path);
	return document;
}

static void print_lines(FILE *out, const json_t *lines)
{
	for (size_t i = 0; i < json_array_size(lines); i++)
		fprintf(out, "%s\n", json_string_value(json_array_get(lines, i)));
}

/* --- apply */

static int show_applied(struct shell *s, json_t *result, bool dry)
{
	const json_t *changes = json_object_get(result, "changes");
	size_t count = json_array_size(changes);
	if (s->json)
		return shell_print(s, result);
	print_lines(stdout, changes);
	fflush(stdout);
	print_lines(stderr, json_object_get(result, "report"));
	if (!count)
		printf("Nothing is different.\n");
	else
		printf("%zu change%s%s\n", count, count == 1 ? "" : "s",
		       dry ? " would be made" : "");
	json_decref(result);
	return 0;
}

static int apply(struct shell *s, char **words)
{
	const char *path = NULL;
	bool dry = false;
	for (; *words; words++) {
		if (!strcmp(*words, "--dry-run"))
			dry = true;
		else if (!path)
			path = *words;
		else
			return shell_fail(s, "apply takes one file, and --dry-run");
	}
	if (!path)
		return shell_fail(s,
				  "apply what? Such as: lunar target apply wanted.json --dry-run");
	struct buf text;
	if (read_file(s, path, &text))
		return 1;
	json_t *document = document_of(s, path, &text);
	json_t *result =
		document ? shell_ask(s, "config.apply",
				     json_pack("{s:o, s:b}", "document", document, "dry_run", dry))
			 : NULL;
	return result ? show_applied(s, result, dry) : 1;
}

/* --- import */

static void random_bytes(void *ctx, void *out, size_t len)
{
	(void)ctx;
	for (uint8_t *p = out; len;) {
		ssize_t n = getrandom(p, len, 0);
		if (n < 0)
			abort(); /* without random numbers identities would be the same everywhere */
		p += n;
		len -= (size_t)n;
	}
}

static json_t *lines_of(const char *text)
{
	json_t *lines = json_array();
	while (*text) {
		size_t len = strcspn(text, "\n");
		json_array_append_new(lines, json_stringn(text, len));
		text += len + (text[len] == '\n');
	}
	return lines;
}

/* tgt's file becomes the text of a saved configuration. What there was to say of it; NULL: it does not. */
static json_t *convert(struct shell *s, const char *path, struct buf *text)
{
	const struct config_prefs prefs = {.iqn_prefix = "iqn.2026-11.io.lunar",
					   .random = random_bytes};
	struct config_tree *tree = NULL;
	struct config_report report;
	config_report_init(&report);
	int err = config_import_tgt(&tree, path, buf_str(text), text->len, &config_real_files,
				    &prefs, &report);
	json_t *lines = lines_of(buf_str(&report.lines));
	if (!s->json)
		print_lines(stderr, lines);
	config_report_free(&report);
	buf_clear(text);
	if (!err)
		err = config_save(tree, text);
	config_tree_free(tree);
	if (err) {
		shell_fail_with(s, json_pack("{s:o}", "report", lines), "%s is not imported: %s",
				path,
				err != -EINVAL ? strerror(-err)
				: s->json      ? "see the report"
					       : "see above");
		return NULL;
	}
	return lines;
}

static bool is_json(const struct buf *text)
{
	const char *p = buf_str(text);
	return p[strspn(p, " \t\r\n")] == '{';
}

/* What was said of the file, and then what is said of what it became. */
static void put_first(json_t *result, const json_t *report)
{
	json_t *all = json_array();
	json_array_extend(all, (json_t *)report);
	json_array_extend(all, json_object_get(result, "report"));
	json_object_set_new(result, "report", all);
}

static int import(struct shell *s, char **words)
{
	const char *path = words[0];
	struct buf text;
	if (!path || words[1])
		return shell_fail(s, "import takes one file: /etc/target/saveconfig.json, or tgt's "
				     "/etc/tgt/targets.conf; what would change is shown by apply "
				     "FILE --dry-run");
	if (read_file(s, path, &text))
		return 1;
	bool lio = is_json(&text);
	json_t *report = lio ? NULL : convert(s, path, &text);
	if (!lio && !report) {
		buf_free(&text);
		return 1;
	}
	json_t *document = document_of(s, path, &text);
	json_t *params = document ? json_pack("{s:o}", "document", document) : NULL;
	if (lio)
		json_object_set_new(params, "origin", json_string("lio"));
	json_t *result = params ? shell_ask(s, "config.restore", params) : NULL;
	if (result && s->json)
		put_first(result, report);
	json_decref(report);
	if (!result || s->json)
		return result ? shell_print(s, result) : 1;
	print_lines(stderr, json_object_get(result, "report"));
	printf("Imported from %s; saveconfig keeps it.\n", path);
	json_decref(result);
	return 0;
}

/* --- explain */

static void print_luns(const json_t *row)
{
	const json_t *luns = json_object_get(row, "luns");
	bool readonly = json_is_true(json_object_get(row, "readonly"));
	for (size_t i = 0; i < json_array_size(luns); i++) {
		const json_t *lun = json_array_get(luns, i);
		printf("    LUN %-5" JSON_INTEGER_FORMAT " %s%s%s\n",
		       json_integer_value(json_object_get(lun, "lun")),
		       shell_text(lun, "storage_object"),
		       readonly || json_is_true(json_object_get(lun, "readonly")) ? ", read-only"
										  : "",
		       json_is_true(json_object_get(lun, "pending")) ? ", its disk is not there"
								     : "");
	}
}

static void print_verdict(const json_t *row)
{
	bool allowed = json_is_true(json_object_get(row, "allowed"));
	bool chap = json_is_true(json_object_get(row, "chap"));
	printf("%s tpg%" JSON_INTEGER_FORMAT " by %s: %s", shell_text(row, "target"),
	       json_integer_value(json_object_get(row, "tag")), shell_text(row, "portal"),
	       allowed ? "yes" : "no");
	if (allowed && chap)
		printf(", with CHAP as \"%s\"%s", shell_text(row, "user"),
		       json_is_true(json_object_get(row, "mutual")) ? ", mutual if it asks" : "");
	printf("\n    %s\n", shell_text(row, "why"));
	print_luns(row);
}

static int explain(struct shell *s, char **words)
{
	json_t *params = json_object();
	for (; *words; words++) {
		const char *name = !strcmp(*words, "--from")     ? "from"
				   : !strcmp(*words, "--target") ? "target"
								 : NULL;
		const char *value = name ? *++words : *words;
		if (!value || (!name && json_object_get(params, "initiator"))) {
			json_decref(params);
			return shell_fail(s,
					  "explain takes an initiator's name, --from ADDRESS and "
					  "--target IQN");
		}
		json_object_set_new(params, name ? name : "initiator", json_string(value));
	}
	json_t *result = shell_ask(s, "target.explain", params);
	if (!result || s->json)
		return result ? shell_print(s, result) : 1;
	const json_t *rows = json_object_get(result, "verdicts");
	for (size_t i = 0; i < json_array_size(rows); i++)
		print_verdict(json_array_get(rows, i));
	if (!json_array_size(rows))
		printf("There is no target with a portal.\n");
	json_decref(result);
	return 0;
}

static const struct {
	const char *name;
	int (*run)(struct shell *s, char **words);
} verbs[] = {{"apply", apply}, {"explain", explain}, {"import", import}};

const char *manage_verb(size_t i)
{
	return i < ARRAY_SIZE(verbs) ? verbs[i].name : NULL;
}

bool manage_run(struct shell *s, char **words, int *code)
{
	for (size_t i = 0; i < ARRAY_SIZE(verbs) && words[0]; i++) {
		if (strcmp(words[0], verbs[i].name) != 0)
			continue;
		*code = verbs[i].run(s, words + 1);
		return true;
	}
	return false;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* tgt's targets.conf: whatever is taken over can be saved and loaded. */
#include "config/json.h"
#include "config/targets_conf.h"
#include "fuzz.h"

/* Always the same, and never twice. */
static void counted(void *ctx, void *out, size_t len)
{
	uint64_t *n = ctx;
	++*n;
	memset(out, 0, len);
	memcpy(out, n, MIN(len, sizeof(*n)));
}

/* Whoever includes something gets the file itself. */
static int nth(void *ctx, const char *pattern, size_t n, struct buf *path, struct buf *text,
	       struct config_why *why)
{
	const struct input *in = ctx;
	if (n)
		return 0;
	MUST(!buf_printf(path, "%.20s", pattern) && !buf_add(text, in->p, in->left));
	return 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config_tree *tree = NULL, *again = NULL;
	struct config_report report;
	uint64_t n = 0;
	const struct config_prefs prefs = {
		.iqn_prefix = "iqn.2003-01.org.example", .random = counted, .ctx = &n};
	struct input in = {data, size};
	const struct config_files files = {nth, &in};
	uint8_t *copy = copy_of(data, size);
	config_report_init(&report);
	int err = config_import_tgt(&tree, "f", (const char *)copy, size, &files, &prefs, &report);
	MUST(!err == !report.errors && !err == !!tree);
	for (const char *p = buf_str(&report.lines); *p; p++)
		MUST(*p == '\n' || (unsigned char)*p >= ' ');
	free(copy);
	if (tree) {
		struct buf text;
		buf_init(&text, CONFIG_TEXT_MAX);
		MUST(!config_save(tree, &text));
		config_report_free(&report);
		config_report_init(&report);
		MUST(!config_load(&again, buf_str(&text), text.len, &prefs, CONFIG_FROM_US, NULL,
				  &report));
		MUST(!report.warnings);
		buf_free(&text);
	}
	config_report_free(&report);
	config_tree_free(tree);
	config_tree_free(again);
	return 0;
}

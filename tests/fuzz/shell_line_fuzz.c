/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines of the shell, and the paths in them. */
#include <errno.h>
#include "cli/shell.h"
#include "fuzz.h"

static void check_path(const char *typed)
{
	char path[64];
	enum config_kind kind, plugin;
	int err = shell_path("/iscsi/iqn.a", typed, path, sizeof(path));
	MUST(!err || err == -ENAMETOOLONG);
	if (err)
		return;
	MUST(path[0] == '/' && strlen(path) < sizeof(path) && !strstr(path, "//"));
	char again[64];
	MUST(!shell_path("/x", path, again, sizeof(again)) && !strcmp(path, again));
	(void)shell_kind_of_path(path, &kind, &plugin);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char why[64];
	struct shell_line line;
	char *text = malloc(size + 1);
	memcpy(text, data, size);
	text[size] = 0;
	int err = shell_line_parse(&line, text, why, sizeof(why));
	free(text);
	MUST(err == 0 || err == -EINVAL);
	if (err)
		return 0;
	size_t total = 0;
	for (size_t i = 0; i < line.count; i++)
		total += strlen(line.words[i].value) +
			 (line.words[i].name ? strlen(line.words[i].name) : 0);
	MUST(total <= size && (!line.count || line.command));
	if (line.path)
		check_path(line.path);
	for (size_t i = 0; i < line.count; i++)
		check_path(line.words[i].value);
	shell_line_free(&line);
	return 0;
}

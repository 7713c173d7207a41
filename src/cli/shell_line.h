/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A line of the shell: "[PATH] [COMMAND] [VALUE | NAME=VALUE]...". Words are apart by spaces; what is between
 * quotes, single or double, is one; between double ones a backslash takes the next quote or backslash as it is.
 * A line that begins with # says nothing.
 */
#ifndef LUNAR_CLI_SHELL_LINE_H
#define LUNAR_CLI_SHELL_LINE_H

#include <stddef.h>

struct shell_word {
	const char *name; /* NULL: a value by its position */
	const char *value;
};

struct shell_line {
	const char *path;    /* as it was typed; NULL: none */
	const char *command; /* NULL: none; without a path either: nothing to do */
	struct shell_word *words;
	size_t count;
	char *store; /* all texts */
};

/* 0; -EINVAL with `why`; -ENOMEM. To be freed when it was 0. */
int shell_line_parse(struct shell_line *out, const char *text, char *why, size_t why_size);
void shell_line_free(struct shell_line *line);

/* The path that `path` is from `cwd`, without ".", ".." and double slashes. 0, or -ENAMETOOLONG. */
int shell_path(const char *cwd, const char *path, char *out, size_t size);

#endif

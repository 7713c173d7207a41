/* SPDX-License-Identifier: BSD-2-Clause */
/* `lunar cp`: what its command line says, and what it says. */
#ifndef LUNAR_CLI_CP_H
#define LUNAR_CLI_CP_H

#include <limits.h>
#include <stdio.h>
#include "copy/copy.h"

struct cp_options {
	struct copy_config copy;
	const char *from, *to;
	const char *password_file, *source_password_file;
	const char *journal;
	char journal_beside[PATH_MAX];
	bool resume, json, quiet, progress;
};

/* 0, ARGS_HELP, or -EINVAL with one line. */
int cp_options_read(struct cp_options *o, char **argv, char *why, size_t why_size);
void cp_help(FILE *out);

/* A line; `last` is what it was a moment ago. */
void cp_print_progress(const struct copy_progress *last, const struct copy_progress *now, char *out,
		       size_t size);
void cp_print(const struct cp_options *o, const struct copy_result *r, FILE *out);
/* `code`: 0, or the exit code, with its word. */
void cp_print_json(const struct copy *c, const struct copy_result *r, int code, const char *word,
		   FILE *out);

#endif

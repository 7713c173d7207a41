/* SPDX-License-Identifier: BSD-2-Clause */
/* `lunar bench`: what its command line says, and how results are shown. */
#ifndef LUNAR_CLI_BENCH_H
#define LUNAR_CLI_BENCH_H

#include <jansson.h>
#include "load/load.h"

struct bench_options {
	struct load_config load;
	const char *url, *user, *password_file, *rw;
	const char *sizes; /* as they were given */
	unsigned mix;
	bool mixed, write, json, quiet;
};

/* 0, ARGS_HELP, or -EINVAL with one line. */
int bench_options_read(struct bench_options *o, char **argv, char *why, size_t why_size);
void bench_help(FILE *out);

/* What is going to be done to which disk, a line. */
void bench_print_plan(const struct bench_options *o, const struct lunar_disk *disk, FILE *out);
void bench_print_progress(const struct bench_options *o, const struct load_progress *last,
			  const struct load_progress *now, char *out, size_t size);
void bench_print(const struct bench_options *o, const struct load_result *r, FILE *out);
/* As fio has it; one job, for all of them. `code`: 0, or the exit code, with `why`. */
json_t *bench_json(const struct bench_options *o, const struct lunar_disk *disk,
		   const struct load_result *r, int code, const char *why);

#endif

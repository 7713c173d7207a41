/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line of lunar-initiatord. */
#ifndef LUNAR_INITIATORD_OPTIONS_H
#define LUNAR_INITIATORD_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include "service/start.h"

struct options {
	bool foreground; /* for completeness: it never leaves it */
	const char *state, *socket, *records, *conf, *names, *group, *user, *engine, *log_levels;
	bool no_sandbox, verbose, quiet, version;

	/* where it all is, from these */
	char state_dir[SERVICE_PATH], records_dir[SERVICE_PATH], socket_path[SERVICE_PATH];
	char conf_file[SERVICE_PATH], names_file[SERVICE_PATH];
};

/* 0, ARGS_HELP (config/args.h), or -errno with one line in `why`. */
int options_parse(struct options *o, char **argv, char *why, size_t why_size);
void options_help(FILE *out);

#endif

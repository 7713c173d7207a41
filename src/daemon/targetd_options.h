/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line of lunar-targetd. */
#ifndef LUNAR_DAEMON_TARGETD_OPTIONS_H
#define LUNAR_DAEMON_TARGETD_OPTIONS_H

#include <stdio.h>
#include "service/start.h"
#include "target/options.h"

struct targetd_options {
	bool foreground; /* for completeness: it never leaves it */
	const char *config, *state, *socket, *group, *user, *log_levels;
	bool no_sandbox, verbose, quiet, version;
	struct target_options serving;

	/* where it all is, from these */
	char config_file[SERVICE_PATH], state_dir[SERVICE_PATH];
	char socket_path[SERVICE_PATH];
};

/* 0, ARGS_HELP (config/args.h), or -errno with one line in `why`. */
int targetd_options_parse(struct targetd_options *o, char **argv, char *why, size_t why_size);
void targetd_options_help(FILE *out);

#endif

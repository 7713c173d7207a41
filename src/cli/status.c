/* SPDX-License-Identifier: BSD-2-Clause */
/* `lunar status`: what the target daemon does, once or again and again. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "cli/commands.h"
#include "cli/shell.h"
#include "cli/status_interval.h"
#include "cli/status_print.h"
#include "config/args.h"

struct status_options {
	const char *socket;
	bool json, watch;
};

#define FIELD(name) offsetof(struct status_options, name)

static const struct arg_option options[] = {
	{"watch", NULL, "again every second, with what happened in it, until Ctrl-C", ARG_SWITCH,
	 FIELD(watch), NULL},
	{"json", NULL, "as JSON, an object a line", ARG_SWITCH, FIELD(json), NULL},
	{"socket", "PATH", "the daemon's socket; else LUNAR_TARGET_SOCKET", ARG_TEXT, FIELD(socket),
	 NULL},
};
static const struct arg_table table = {options, ARRAY_SIZE(options), NULL};

/* What was seen last. */
struct looks {
	json_t *seen; /* NULL: nothing */
	double at;
};

static double now(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void compare(json_t *status, struct looks *looks)
{
	json_t *seen;
	double at = now();
	status_interval(status, looks->seen, at - looks->at, &seen);
	json_decref(looks->seen);
	*looks = (struct looks){seen, at};
}

/* One look. 0 or 1. */
static int look(struct shell *s, const struct status_options *o, struct looks *looks)
{
	json_t *status = shell_ask(s, "status", json_pack("{s:b}", "histograms", o->watch));
	json_t *sessions = status ? shell_ask(s, "session.list", NULL) : NULL;
	if (!sessions) {
		json_decref(status);
		return 1;
	}
	/* Their number has that name, too. */
	json_object_set(status, "session_count", json_object_get(status, "sessions"));
	json_object_update(status, sessions);
	if (o->watch)
		compare(status, looks);
	if (o->json) {
		json_dumpf(status, stdout, JSON_COMPACT);
		printf("\n");
	} else {
		if (o->watch && isatty(STDOUT_FILENO))
			printf("\033[H\033[2J");
		status_print(status);
	}
	fflush(stdout);
	json_decref(sessions);
	json_decref(status);
	return ferror(stdout) != 0;
}

static void help(void)
{
	printf("usage: lunar status [OPTION...]\n\n"
	       "What the target daemon does: targets, sessions, what goes through its disks, and\n"
	       "how long that takes.\n\n");
	args_help(&table, stdout);
}

int status_command(char **argv)
{
	static const struct timespec second = {.tv_sec = 1};
	struct status_options o = {0};
	char why[256];
	struct looks looks = {0};
	bool json = wants_json(argv);
	int err = args_parse(&table, &o, argv, why, sizeof(why));
	if (err == ARGS_HELP) {
		help();
		return 0;
	}
	if (err)
		return say_usage("lunar status", why, json);
	struct shell s = {.name = "lunar status", .socket = shell_socket(o.socket), .json = o.json};
	int code = look(&s, &o, &looks);
	while (!code && o.watch) {
		nanosleep(&second, NULL);
		code = look(&s, &o, &looks);
	}
	json_decref(looks.seen);
	shell_end(&s);
	return code;
}

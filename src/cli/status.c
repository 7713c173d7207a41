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
#include "config/args.h"

struct status_options {
	const char *socket;
	bool json, watch;
};

#define FIELD(name) offsetof(struct status_options, name)

static const struct arg_option options[] = {
	{"watch", NULL, "again every second, until Ctrl-C", ARG_SWITCH, FIELD(watch), NULL},
	{"json", NULL, "as JSON, an object a line", ARG_SWITCH, FIELD(json), NULL},
	{"socket", "PATH", "the daemon's socket; else LUNAR_TARGET_SOCKET", ARG_TEXT, FIELD(socket),
	 NULL},
};
static const struct arg_table table = {options, ARRAY_SIZE(options), NULL};

static uint64_t count(const json_t *row, const char *name)
{
	return (uint64_t)json_integer_value(json_object_get(row, name));
}

static const json_t *same_disk(const json_t *before, const json_t *disk)
{
	const json_t *rows = json_object_get(before, "disks");
	for (size_t i = 0; i < json_array_size(rows); i++)
		if (!strcmp(shell_text(json_array_get(rows, i), "path"), shell_text(disk, "path")))
			return json_array_get(rows, i);
	return NULL;
}

/* In a second; all of it when there is nothing before. */
static uint64_t more(const json_t *disk, const json_t *old, const char *name)
{
	uint64_t now = count(disk, name), then = old ? count(old, name) : 0;
	return now >= then ? now - then : now;
}

static void print_disks(const json_t *status, const json_t *before)
{
	const json_t *disks = json_object_get(status, "disks");
	if (!json_array_size(disks))
		return;
	printf("\n%-40s %10s %10s %12s %12s %8s %8s\n", "DISK", before ? "READS/S" : "READS",
	       before ? "WRITES/S" : "WRITES", before ? "READ MB/S" : "READ MB",
	       before ? "WRITE MB/S" : "WRITE MB", "UNDER WAY", "ERRORS");
	for (size_t i = 0; i < json_array_size(disks); i++) {
		const json_t *disk = json_array_get(disks, i);
		const json_t *old = before ? same_disk(before, disk) : NULL;
		printf("%-40s %10" PRIu64 " %10" PRIu64 " %12.1f %12.1f %8" PRIu64 " %8" PRIu64
		       "%s\n",
		       shell_text(disk, "path"), more(disk, old, "reads"),
		       more(disk, old, "writes"), (double)more(disk, old, "read_bytes") / 1e6,
		       (double)more(disk, old, "write_bytes") / 1e6, count(disk, "inflight"),
		       count(disk, "errors"),
		       json_is_true(json_object_get(disk, "missing")) ? "  its device has gone"
								      : "");
	}
}

static void print_sessions(const json_t *list)
{
	const json_t *rows = json_object_get(list, "sessions");
	if (!json_array_size(rows))
		return;
	printf("\n%-6s %-44s %-40s %-24s %-12s %s\n", "SID", "INITIATOR", "TARGET", "FROM", "USER",
	       "COMMANDS");
	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *row = json_array_get(rows, i);
		const json_t *connection = json_array_get(json_object_get(row, "connections"), 0);
		const char *target = shell_text(row, "target"), *user = shell_text(row, "user");
		printf("%-6" PRIu64 " %-44s %-40s %-24s %-12s %" PRIu64 "\n", count(row, "sid"),
		       shell_text(row, "initiator"), target[0] ? target : "(discovery)",
		       shell_text(connection, "address"), user[0] ? user : "-",
		       count(row, "commands"));
	}
}

static void print_head(const json_t *status)
{
	printf("lunar-targetd %s, process %" PRIu64 "%s: %" PRIu64 " sessions, %" PRIu64
	       " logins, %" PRIu64 " refused, %.1f MiB of buffers\n",
	       shell_text(status, "version"), count(status, "pid"),
	       json_is_true(json_object_get(status, "ready")) ? ""
							      : " (bringing up its configuration)",
	       count(status, "sessions"), count(status, "logins"), count(status, "failed_logins"),
	       (double)count(status, "memory") / (1 << 20));
}

/* One look. `*before` is what was seen last, and this becomes it. 0 or 1. */
static int look(struct shell *s, const struct status_options *o, json_t **before)
{
	json_t *status = shell_ask(s, "status", NULL);
	json_t *sessions = status ? shell_ask(s, "session.list", NULL) : NULL;
	if (!sessions) {
		json_decref(status);
		return 1;
	}
	if (o->json) {
		json_object_update(status, sessions);
		json_dumpf(status, stdout, JSON_COMPACT);
		printf("\n");
	} else {
		if (o->watch && isatty(STDOUT_FILENO))
			printf("\033[H\033[2J");
		print_head(status);
		print_sessions(sessions);
		print_disks(status, *before);
	}
	fflush(stdout);
	json_decref(sessions);
	json_decref(*before);
	*before = status;
	return ferror(stdout) != 0;
}

int status_command(char **argv)
{
	static const struct timespec second = {.tv_sec = 1};
	struct status_options o = {0};
	char why[256];
	json_t *before = NULL;
	int err = args_parse(&table, &o, argv, why, sizeof(why));
	if (err == ARGS_HELP) {
		printf("usage: lunar status [OPTION...]\n\nWhat the target daemon does: sessions, "
		       "and "
		       "what goes through its disks.\n\n");
		args_help(&table, stdout);
		return 0;
	}
	if (err) {
		fprintf(stderr, "lunar status: %s\n", why);
		return EXIT_USAGE;
	}
	struct shell s = {.name = "lunar status", .socket = shell_socket(o.socket)};
	int code = look(&s, &o, &before);
	while (!code && o.watch) {
		nanosleep(&second, NULL);
		code = look(&s, &o, &before);
	}
	json_decref(before);
	shell_end(&s);
	return code;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* `lunar status`: what the daemons do, or the one that runs, once or again and again. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "cli/commands.h"
#include "cli/daemons.h"
#include "cli/status_interval.h"
#include "cli/status_print.h"
#include "common/cleanup.h"
#include "config/args.h"

struct status_options {
	const char *sockets[DAEMONS];
	bool json, watch;
};

#define FIELD(name) offsetof(struct status_options, name)

static const struct arg_option options[] = {
	{"watch", NULL, "again every second, with what happened in it, until Ctrl-C", ARG_SWITCH,
	 FIELD(watch), NULL},
	{"json", NULL, "as JSON, an object a line", ARG_SWITCH, FIELD(json), NULL},
	{"socket", "PATH", "the target daemon's socket; else LUNAR_TARGET_SOCKET", ARG_TEXT,
	 FIELD(sockets[DAEMON_TARGET]), NULL},
	{"initiator-socket", "PATH", "the initiator daemon's socket; else LUNAR_INITIATOR_SOCKET",
	 ARG_TEXT, FIELD(sockets[DAEMON_INITIATOR]), NULL},
};
static const struct arg_table table = {options, ARRAY_SIZE(options), NULL};

/* The lists that are compared with what was seen last. */
static const struct list {
	unsigned daemon;
	const char *name, *key;
} lists[] = {
	{DAEMON_TARGET, "disks", "path"},
	{DAEMON_INITIATOR, "devices", "wwid"},
	{DAEMON_INITIATOR, "sessions", "session"},
};

struct looks {
	json_t *seen[ARRAY_SIZE(lists)]; /* NULL: nothing */
	double at;
};

static double now(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void compare(json_t *const status[DAEMONS], struct looks *looks)
{
	double at = now();
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		json_t *seen, *rows = json_object_get(status[lists[i].daemon], lists[i].name);
		status_interval(rows, lists[i].key, looks->seen[i], at - looks->at, &seen);
		json_decref(looks->seen[i]);
		looks->seen[i] = seen;
	}
	looks->at = at;
}

/* --- one look at one daemon; NULL: it failed, which was said */

/* A number has the name that a list is to have, too. */
static void rename_count(json_t *status, const char *name, const char *to)
{
	json_object_set(status, to, json_object_get(status, name));
}

static json_t *with(const struct daemons *d, unsigned which, json_t *status, const char *method,
		    json_t *params)
{
	json_t *more = status ? daemons_ask(d, which, method, params) : NULL;
	if (!status)
		json_decref(params);
	if (!more) {
		json_decref(status);
		return NULL;
	}
	json_object_update(status, more);
	json_decref(more);
	return status;
}

static json_t *ask_target(const struct daemons *d, bool histograms)
{
	json_t *status = daemons_ask(d, DAEMON_TARGET, "status",
				     json_pack("{s:b}", "histograms", histograms));
	if (status)
		rename_count(status, "sessions", "session_count");
	return with(d, DAEMON_TARGET, status, "session.list", NULL);
}

static json_t *ask_initiator(const struct daemons *d, bool histograms)
{
	json_t *status = daemons_ask(d, DAEMON_INITIATOR, "status", NULL);
	if (status) {
		rename_count(status, "sessions", "session_count");
		rename_count(status, "disks", "disk_count");
	}
	status = with(d, DAEMON_INITIATOR, status, "session.list", NULL);
	return with(d, DAEMON_INITIATOR, status, "device.list",
		    json_pack("{s:b}", "histograms", histograms));
}

static json_t *(*const asks[DAEMONS])(const struct daemons *d, bool histograms) = {
	[DAEMON_TARGET] = ask_target, [DAEMON_INITIATOR] = ask_initiator};
static void (*const prints[DAEMONS])(const json_t *status) = {
	[DAEMON_TARGET] = status_print, [DAEMON_INITIATOR] = status_print_initiator};

/* --- all of it */

static void print_json(json_t *const status[DAEMONS])
{
	json_t *whole = status[DAEMON_TARGET] ? json_incref(status[DAEMON_TARGET]) : json_object();
	if (status[DAEMON_INITIATOR])
		json_object_set(whole, "initiator", status[DAEMON_INITIATOR]);
	json_dumpf(whole, stdout, JSON_COMPACT);
	printf("\n");
	json_decref(whole);
}

static void print(json_t *const status[DAEMONS], bool watched)
{
	bool some = false;
	if (watched && isatty(STDOUT_FILENO))
		printf("\033[H\033[2J");
	for (unsigned i = 0; i < DAEMONS; i++) {
		if (!status[i])
			continue;
		if (some)
			printf("\n");
		prints[i](status[i]);
		some = true;
	}
}

/* One look. 0 or 1. */
static int look(const struct daemons *d, const struct status_options *o, struct looks *looks)
{
	json_t *status[DAEMONS] = {NULL};
	bool failed = false;
	for (unsigned i = 0; !failed && i < DAEMONS; i++) {
		status[i] = d->clients[i] ? asks[i](d, o->watch) : NULL;
		failed = d->clients[i] && !status[i];
	}
	if (!failed && o->watch)
		compare(status, looks);
	if (!failed && o->json)
		print_json(status);
	else if (!failed)
		print(status, o->watch);
	fflush(stdout);
	for (unsigned i = 0; i < DAEMONS; i++)
		json_decref(status[i]);
	return failed || ferror(stdout);
}

static void help(void)
{
	printf("usage: lunar status [OPTION...]\n\n"
	       "What the daemons do, or the one that runs: targets, sessions, disks and the paths "
	       "to\n"
	       "them, what goes through them, and how long that takes.\n\n");
	args_help(&table, stdout);
}

static int watch(const struct daemons *d, const struct status_options *o)
{
	static const struct timespec second = {.tv_sec = 1};
	struct looks looks = {0};
	int code = look(d, o, &looks);
	while (!code && o->watch) {
		nanosleep(&second, NULL);
		code = look(d, o, &looks);
	}
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		json_decref(looks.seen[i]);
	return code;
}

int status_command(char **argv)
{
	struct status_options o = {0};
	char why[256];
	bool json = wants_json(argv);
	int err = args_parse(&table, &o, argv, why, sizeof(why));
	if (err == ARGS_HELP) {
		help();
		return 0;
	}
	if (err)
		return say_usage("lunar status", why, json);
	struct daemons d = {.name = "lunar status", .json = o.json};
	memcpy(d.given, o.sockets, sizeof(d.given));
	int code = daemons_connect(&d);
	if (!code)
		code = watch(&d, &o);
	daemons_end(&d);
	return code;
}

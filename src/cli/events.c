/* SPDX-License-Identifier: BSD-2-Clause */
/* `lunar events`: what happens in the daemons, as it happens. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "cli/commands.h"
#include "cli/daemons.h"
#include "common/cleanup.h"
#include "config/args.h"

#define SECONDS 30 /* for the answer that we are told */

struct events_options {
	const char *sockets[DAEMONS];
	bool json;
};

#define FIELD(name) offsetof(struct events_options, name)

static const struct arg_option rows[] = {
	{"json", NULL, "as JSON, an object a line", ARG_SWITCH, FIELD(json), NULL},
	{"socket", "PATH", "the target daemon's socket; else LUNAR_TARGET_SOCKET", ARG_TEXT,
	 FIELD(sockets[DAEMON_TARGET]), NULL},
	{"initiator-socket", "PATH", "the initiator daemon's socket; else LUNAR_INITIATOR_SOCKET",
	 ARG_TEXT, FIELD(sockets[DAEMON_INITIATOR]), NULL},
};
static const struct arg_table table = {rows, ARRAY_SIZE(rows), NULL};

/* --- one of them */

static void print_time(double seconds)
{
	char text[32];
	struct tm tm;
	time_t t = (time_t)seconds;
	localtime_r(&t, &tm);
	strftime(text, sizeof(text), "%F %T", &tm);
	printf("%s.%03d", text, (int)((seconds - (double)t) * 1000));
}

static bool is_plain(const char *text)
{
	return text[0] && !text[strcspn(text, " \t\"'=\\")];
}

/* name=value; with quotation marks, as JSON has them, where one would not see its end else. */
static void print_field(const char *name, const json_t *value)
{
	char *text = json_is_string(value) && is_plain(json_string_value(value))
			     ? strdup(json_string_value(value))
			     : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
	printf(" %s=%s", name, text ? text : "");
	free(text);
}

static void print(json_t *event)
{
	static const char *const head[] = {"kind", "time", "number", "daemon"};
	const char *kind = json_string_value(json_object_get(event, "kind")), *name;
	json_t *value;
	print_time(json_real_value(json_object_get(event, "time")));
	printf(" %s", kind ? kind : "?");
	for (size_t i = 0; i < ARRAY_SIZE(head); i++)
		json_object_del(event, head[i]);
	json_object_foreach(event, name, value)
	{
		print_field(name, value);
	}
	printf("\n");
}

static void show(const struct daemons *d, unsigned which, json_t *event)
{
	json_object_set_new(event, "daemon", json_string(daemon_word(which)));
	if (d->json) {
		json_dumpf(event, stdout, JSON_COMPACT);
		printf("\n");
	} else {
		print(event);
	}
	json_decref(event);
	fflush(stdout);
}

/* --- all of them */

/* What has come. A daemon that has ended is asked no more. */
static void take(struct daemons *d, unsigned which)
{
	json_t *event;
	int err = 0;
	while ((event = control_next_event(d->clients[which], 0, &err)))
		show(d, which, event);
	if (err == -ETIMEDOUT)
		return;
	fprintf(stderr, "%s: the %s daemon tells nothing more: %s\n", d->name, daemon_word(which),
		err == -ECONNRESET ? "it has ended" : strerror(-err));
	daemons_leave(d, which);
}

static int follow(struct daemons *d)
{
	for (;;) {
		struct pollfd fds[DAEMONS];
		unsigned count = 0;
		for (unsigned i = 0; i < DAEMONS; i++) {
			fds[i] = (struct pollfd){.fd = -1, .events = POLLIN};
			if (!d->clients[i])
				continue;
			take(d, i);
			if (d->clients[i])
				fds[i].fd = control_socket(d->clients[i]);
			count += fds[i].fd >= 0;
		}
		/* Whoever reads us may have gone. */
		if (!count || ferror(stdout))
			return EXIT_FAILED;
		if (poll(fds, DAEMONS, -1) < 0 && errno != EINTR)
			return EXIT_FAILED;
	}
}

/* One that is older than events are has none. */
static void subscribe(struct daemons *d, unsigned which)
{
	struct control_error error;
	json_t *result = control_call(d->clients[which], "events.subscribe", NULL, SECONDS, &error);
	if (!result) {
		fprintf(stderr, "%s: the %s daemon tells nothing: %s\n", d->name,
			daemon_word(which), error.message);
		daemons_leave(d, which);
	}
	json_decref(result);
	control_error_free(&error);
}

int events_command(char **argv)
{
	struct events_options o = {0};
	char why[256];
	bool json = wants_json(argv);
	int err = args_parse(&table, &o, argv, why, sizeof(why));
	if (err == ARGS_HELP) {
		printf("usage: lunar events [OPTION...]\n\n"
		       "What happens in the daemons, as it happens, until Ctrl-C: sessions, disks "
		       "and "
		       "their paths.\n\n");
		args_help(&table, stdout);
		return 0;
	}
	if (err)
		return say_usage("lunar events", why, json);
	struct daemons d = {.name = "lunar events", .json = o.json};
	memcpy(d.given, o.sockets, sizeof(d.given));
	int code = daemons_connect(&d);
	for (unsigned i = 0; !code && i < DAEMONS; i++)
		if (d.clients[i])
			subscribe(&d, i);
	if (!code)
		code = follow(&d);
	daemons_end(&d);
	return code;
}

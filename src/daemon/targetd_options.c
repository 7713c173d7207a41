/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/targetd_options.h"

#include <string.h>
#include "common/cleanup.h"
#include "config/args.h"

#define TAKE(what)                                                                           \
	static int take_##what(void *options, const char *value, char *why, size_t why_size) \
	{                                                                                    \
		struct targetd_options *o = options;                                         \
		return target_take_##what(&o->serving, value, why, why_size);                \
	}
TAKE(engine)
TAKE(reactors)
TAKE(limit)

static int take_log_level(void *options, const char *value, char *why, size_t why_size)
{
	struct targetd_options *o = options;
	o->log_levels = value;
	return service_check_levels(value, why, why_size);
}

#define FIELD(name) offsetof(struct targetd_options, name)

static const struct arg_option options[] = {
	{"foreground", NULL, "stay in the foreground, as it always does", ARG_SWITCH,
	 FIELD(foreground), NULL},
	{"config", "FILE", "the saved configuration (/etc/lunar/saveconfig.json)", ARG_TEXT,
	 FIELD(config), NULL},
	{"state", "DIR",
	 "where identities are kept (/var/lib/lunar), and with this option the other two, too",
	 ARG_TEXT, FIELD(state), NULL},
	{"socket", "PATH", "the control socket (/run/lunar/target.sock)", ARG_TEXT, FIELD(socket),
	 NULL},
	{"group", "NAME", "who is in this group may administer (root and who started it)", ARG_TEXT,
	 FIELD(group), NULL},
	{"user", "NAME", "whom the process that faces the network becomes (lunar, or nobody)",
	 ARG_TEXT, FIELD(user), NULL},
	{"limit", "NAME=VALUE", "sets a limit or a time; lunar-serve(8) has their list", ARG_CALL,
	 0, take_limit},
	{"engine", "NAME", "uring or epoll (the first that the kernel lets us have)", ARG_CALL, 0,
	 take_engine},
	{"reactors", "N", "threads that serve connections (one for each processor)", ARG_CALL, 0,
	 take_reactors},
	{"no-sandbox", NULL, "the process that faces the network keeps what its user may do",
	 ARG_SWITCH, FIELD(no_sandbox), NULL},
	{"log-level", "LEVELS",
	 "error, warning, info or debug; MODULE=LEVEL for one module; several with commas (info)",
	 ARG_CALL, 0, take_log_level},
	{"quiet", NULL, "log what goes wrong, nothing else", ARG_SWITCH, FIELD(quiet), NULL},
	{"verbose", NULL, "log more", ARG_SWITCH, FIELD(verbose), NULL},
	{"version", NULL, "print the version", ARG_SWITCH, FIELD(version), NULL},
};

static const struct arg_table table = {options, ARRAY_SIZE(options), NULL};

void targetd_options_help(FILE *out)
{
	fprintf(out,
		"usage: lunar-targetd [OPTION...]\n"
		"\n"
		"The target daemon: serves what is configured over iSCSI, and takes changes from\n"
		"`lunar target`. As any user: lunar-targetd --state DIR\n"
		"\n");
	args_help(&table, out);
}

int targetd_options_parse(struct targetd_options *o, char **argv, char *why, size_t why_size)
{
	memset(o, 0, sizeof(*o));
	config_limits_defaults(&o->serving.limits);
	int err = args_parse(&table, o, argv, why, why_size);
	if (!err)
		err = target_options_verify(&o->serving, why, why_size);
	const struct service_place places[] = {
		{o->state_dir, o->state, NULL, NULL, "/var/lib/lunar"},
		{o->config_file, o->config, o->state, "saveconfig.json",
		 "/etc/lunar/saveconfig.json"},
		{o->socket_path, o->socket, o->state, "target.sock", "/run/lunar/target.sock"},
	};
	return err ? err : service_places(places, ARRAY_SIZE(places), why, why_size);
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "initiatord/options.h"

#include <string.h>
#include "common/cleanup.h"
#include "config/args.h"
#include "service/start.h"

static int take_log_level(void *options, const char *value, char *why, size_t why_size)
{
	struct options *o = options;
	o->log_levels = value;
	return service_check_levels(value, why, why_size);
}

#define FIELD(name) offsetof(struct options, name)

static const struct arg_option rows[] = {
	{"foreground", NULL, "stay in the foreground, as it always does", ARG_SWITCH,
	 FIELD(foreground), NULL},
	{"state", "DIR",
	 "what outlives the daemon (/var/lib/lunar/initiator), and with this option all the rest",
	 ARG_TEXT, FIELD(state), NULL},
	{"socket", "PATH", "the control socket (/run/lunar/initiator.sock)", ARG_TEXT,
	 FIELD(socket), NULL},
	{"records", "DIR", "records of nodes, as open-iscsi has them (STATE/records)", ARG_TEXT,
	 FIELD(records), NULL},
	{"conf", "FILE", "values of new records (/etc/lunar/iscsid.conf)", ARG_TEXT, FIELD(conf),
	 NULL},
	{"names", "FILE",
	 "our name; one is made where there is none (/etc/lunar/initiatorname.iscsi)", ARG_TEXT,
	 FIELD(names), NULL},
	{"group", "NAME", "who is in this group may administer (root and who started it)", ARG_TEXT,
	 FIELD(group), NULL},
	{"user", "NAME", "whom the process that faces the network becomes (lunar, or nobody)",
	 ARG_TEXT, FIELD(user), NULL},
	{"engine", "NAME", "uring or epoll (the first that the kernel lets us have)", ARG_TEXT,
	 FIELD(engine), NULL},
	{"no-sandbox", NULL, "the process that faces the network keeps what its user may do",
	 ARG_SWITCH, FIELD(no_sandbox), NULL},
	{"log-level", "LEVELS",
	 "error, warning, info or debug; MODULE=LEVEL for one module; several with commas (info)",
	 ARG_CALL, 0, take_log_level},
	{"quiet", NULL, "log what goes wrong, nothing else", ARG_SWITCH, FIELD(quiet), NULL},
	{"verbose", NULL, "log more", ARG_SWITCH, FIELD(verbose), NULL},
	{"version", NULL, "print the version", ARG_SWITCH, FIELD(version), NULL},
};
static const struct arg_table table = {rows, ARRAY_SIZE(rows), NULL};

void options_help(FILE *out)
{
	fprintf(out, "usage: lunar-initiatord [OPTION...]\n"
		     "\n"
		     "The initiator daemon: logs in to targets, and makes their LUNs disks of this "
		     "host, as\n"
		     "`lunar attach` says. As any user: lunar-initiatord --state DIR\n"
		     "\n");
	args_help(&table, out);
}

int options_parse(struct options *o, char **argv, char *why, size_t why_size)
{
	memset(o, 0, sizeof(*o));
	int err = args_parse(&table, o, argv, why, why_size);
	if (err)
		return err;
	const struct service_place places[] = {
		{o->state_dir, o->state, NULL, NULL, "/var/lib/lunar/initiator"},
		{o->records_dir, o->records, o->state, "records",
		 "/var/lib/lunar/initiator/records"},
		{o->socket_path, o->socket, o->state, "initiator.sock",
		 "/run/lunar/initiator.sock"},
		{o->conf_file, o->conf, o->state, "iscsid.conf", "/etc/lunar/iscsid.conf"},
		{o->names_file, o->names, o->state, "initiatorname.iscsi",
		 "/etc/lunar/initiatorname.iscsi"},
	};
	err = service_places(places, ARRAY_SIZE(places), why, why_size);
	for (size_t i = 0; !err && i < ARRAY_SIZE(places); i++)
		err = service_make_absolute(places[i].out, why, why_size);
	return err;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* `lunar attach`, `detach`, `list` and `discover`: the short way to a remote disk. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli/commands.h"
#include "cli/initiator.h"
#include "cli/secret.h"
#include "config/args.h"

#define SECONDS_STANDARD 60u
#define SECONDS_MOST     3600u
#define SECONDS_MORE     15u /* than the daemon is given: it is to say why not */

#define VARIABLE "LUNAR_CHAP_SECRET"

struct attach_options {
	struct initiator to;
	const char *what, *via, *password_file, *user;
	uint32_t seconds;
	bool boot, force;
};

static int take_what(void *options, const char *value, char *why, size_t why_size)
{
	struct attach_options *o = options;
	if (!o->what) {
		o->what = value;
		return 0;
	}
	snprintf(why, why_size, "one at a time: what is \"%.60s\"?", value);
	return -EINVAL;
}

static int take_seconds(void *options, const char *value, char *why, size_t why_size)
{
	struct attach_options *o = options;
	char *end;
	unsigned long n = strtoul(value, &end, 10);
	if (!n || n > SECONDS_MOST || *end) {
		snprintf(why, why_size, "--timeout: a number from 1 to %u", SECONDS_MOST);
		return -EINVAL;
	}
	o->seconds = (uint32_t)n;
	return 0;
}

#define FIELD(name) offsetof(struct attach_options, name)

#define OPTION_JSON                                                                         \
	{                                                                                   \
		"json", NULL, "as JSON, an object a line", ARG_SWITCH, FIELD(to.json), NULL \
	}
#define OPTION_SOCKET                                                                           \
	{                                                                                       \
		"socket", "PATH", "the daemon's socket; else LUNAR_INITIATOR_SOCKET", ARG_TEXT, \
			FIELD(to.socket), NULL                                                  \
	}
#define OPTION_USER                                                                       \
	{                                                                                 \
		"user", "NAME", "who we are, by CHAP; its secret is asked for", ARG_TEXT, \
			FIELD(user), NULL                                                 \
	}
#define OPTION_PASSWORD                                                                      \
	{                                                                                    \
		"password-file", "FILE", "a file with the secret; else " VARIABLE, ARG_TEXT, \
			FIELD(password_file), NULL                                           \
	}

static const struct arg_option attach_rows[] = {
	{"via", "METHOD", "fuse or nbd-socket (the best that this host has)", ARG_TEXT, FIELD(via),
	 NULL},
	{"boot", NULL, "and again whenever the daemon starts", ARG_SWITCH, FIELD(boot), NULL},
	{"timeout", "SECONDS", "it is there by then, or not at all (60)", ARG_CALL, 0,
	 take_seconds},
	OPTION_USER,
	OPTION_PASSWORD,
	OPTION_JSON,
	OPTION_SOCKET,
};
static const struct arg_table attach_table = {attach_rows, ARRAY_SIZE(attach_rows), take_what};

static const struct arg_option detach_rows[] = {
	{"force", NULL, "also when it is in use: whoever uses it gets errors", ARG_SWITCH,
	 FIELD(force), NULL},
	OPTION_JSON,
	OPTION_SOCKET,
};
static const struct arg_table detach_table = {detach_rows, ARRAY_SIZE(detach_rows), take_what};

static const struct arg_option list_rows[] = {OPTION_JSON, OPTION_SOCKET};
static const struct arg_table list_table = {list_rows, ARRAY_SIZE(list_rows), NULL};

static const struct arg_option discover_rows[] = {
	OPTION_USER,
	OPTION_PASSWORD,
	OPTION_JSON,
	OPTION_SOCKET,
};
static const struct arg_table discover_table = {discover_rows, ARRAY_SIZE(discover_rows),
						take_what};

/* 0: go on; else the exit code is *code. */
static int read_options(const struct arg_table *table, const char *name, const char *usage,
			const char *help, struct attach_options *o, char **argv, int *code)
{
	char why[512];
	bool json = wants_json(argv);
	*o = (struct attach_options){.seconds = SECONDS_STANDARD};
	int err = args_parse(table, o, argv, why, sizeof(why));
	o->to.name = name;
	if (err == ARGS_HELP) {
		printf("usage: %s %s\n\n%s\n\n", name, usage, help);
		args_help(table, stdout);
		*code = 0;
	} else if (err) {
		*code = say_usage(name, why, json);
	}
	return err;
}

static int read_url(const struct attach_options *o, struct url *url, bool scheme)
{
	char why[512] = "there is nothing to go to; such as iscsi://192.0.2.1/TARGET/0";
	int err = o->what ? initiator_url(url, o->what, scheme, why, sizeof(why)) : -EINVAL;
	return err ? say_usage(o->to.name, why, o->to.json) : 0;
}

/* Who we are, into `params`. 0 or the exit code. */
static int add_account(const struct attach_options *o, struct url *url, json_t *params)
{
	char secret[SECRET_SIZE], why[512];
	struct log log = {.level = LOG_LEVEL_ERROR};
	const char *user = o->user ? o->user : url->user;
	if (!user[0])
		return 0;
	const struct secret_source from = {user, o->password_file, "--password-file", VARIABLE};
	if (url->secret[0])
		snprintf(secret, sizeof(secret), "%s", url->secret);
	else if (secret_get(&from, secret, &log, why, sizeof(why)))
		return say_usage(o->to.name, why, o->to.json);
	json_object_set_new(params, "user", json_string(user));
	json_object_set_new(params, "password", json_string(secret));
	secret_wipe(secret);
	explicit_bzero(url->secret, sizeof(url->secret));
	return 0;
}

static const char *text_of(const json_t *o, const char *name)
{
	const char *text = json_string_value(json_object_get(o, name));
	return text ? text : "";
}

static long number_of(const json_t *o, const char *name)
{
	return (long)json_integer_value(json_object_get(o, name));
}

/* --- discover */

static void print_targets(FILE *out, const json_t *targets)
{
	const json_t *target, *portal;
	size_t i, k;
	json_array_foreach(targets, i, target)
	{
		fprintf(out, "%s\n", text_of(target, "target"));
		json_array_foreach(json_object_get(target, "portals"), k, portal)
		{
			const char *host = text_of(portal, "address");
			bool v6 = strchr(host, ':');
			fprintf(out, "    %s%s%s:%ld, group %ld\n", v6 ? "[" : "", host,
				v6 ? "]" : "", number_of(portal, "port"),
				number_of(portal, "tpgt"));
		}
	}
}

static json_t *ask_for_targets(const struct attach_options *o, struct url *url, int *code)
{
	json_t *params = json_pack("{s:s, s:i, s:b}", "address", url->address.host, "port",
				   url->address.port, "record", true);
	*code = add_account(o, url, params);
	if (*code) {
		json_decref(params);
		return NULL;
	}
	return initiator_ask(&o->to, "discovery.sendtargets", params, o->seconds + SECONDS_MORE,
			     code);
}

int discover_command(char **argv)
{
	struct attach_options o;
	struct url url = {0};
	int code = 0;
	if (read_options(&discover_table, "lunar discover", "HOST[:PORT] [OPTION...]",
			 "Asks a host for its iSCSI targets, and keeps records of them.", &o, argv,
			 &code))
		return code;
	code = read_url(&o, &url, false);
	json_t *result = code ? NULL : ask_for_targets(&o, &url, &code);
	if (!result || initiator_print(&o.to, result))
		return code;
	if (!json_array_size(json_object_get(result, "targets")))
		printf("%s has no target for us\n", url.address.host);
	print_targets(stdout, json_object_get(result, "targets"));
	json_decref(result);
	return 0;
}

/* --- attach */

/* There is no target in the URL: what there is to choose from. */
static int offer(const struct attach_options *o, struct url *url)
{
	int code = 0;
	json_t *result = ask_for_targets(o, url, &code);
	if (!result)
		return code;
	if (o->to.json) {
		initiator_print(&o->to, result);
		return EXIT_USAGE;
	}
	fprintf(stderr, "%s: which target? %s has:\n", o->to.name, url->address.host);
	print_targets(stderr, json_object_get(result, "targets"));
	fprintf(stderr, "such as: lunar attach iscsi://%s/TARGET/0\n", url->portal);
	json_decref(result);
	return EXIT_USAGE;
}

static int attach(const struct attach_options *o, struct url *url)
{
	json_t *params = json_pack("{s:s, s:i, s:s, s:i, s:i, s:b}", "target", url->target, "lun",
				   (int)url->lun, "address", url->address.host, "port",
				   url->address.port, "seconds", (int)o->seconds, "boot", o->boot);
	if (o->via)
		json_object_set_new(params, "via", json_string(o->via));
	int code = add_account(o, url, params);
	if (code) {
		json_decref(params);
		return code;
	}
	json_t *result = initiator_ask(&o->to, "attach", params, o->seconds + SECONDS_MORE, &code);
	if (!result || initiator_print(&o->to, result))
		return code;
	printf("%s\n", text_of(result, "path"));
	if (o->boot && !json_is_true(json_object_get(result, "boot")))
		fprintf(stderr,
			"%s: it will not be attached when the daemon starts: the daemon's log says "
			"why\n",
			o->to.name);
	if (text_of(result, "mortal")[0])
		fprintf(stderr, "%s does not survive a restart of the daemon: %s\n",
			text_of(result, "path"), text_of(result, "mortal"));
	json_decref(result);
	return 0;
}

int attach_command(char **argv)
{
	struct attach_options o;
	struct url url = {0};
	int code = 0;
	if (read_options(
		    &attach_table, "lunar attach",
		    "iscsi://[USER@]HOST[:PORT]/TARGET/LUN [OPTION...]",
		    "Makes a remote disk one of this host, and prints its path. Once more does\n"
		    "nothing, and prints it again.",
		    &o, argv, &code))
		return code;
	code = read_url(&o, &url, true);
	if (code)
		return code;
	return url.target[0] ? attach(&o, &url) : offer(&o, &url);
}

/* --- detach */

/* A path, a URL, or "all". NULL: none of these, and *code. */
static json_t *what_to_detach(const struct attach_options *o, int *code)
{
	struct url url = {0};
	*code = 0;
	if (o->what && !strcmp(o->what, "all"))
		return json_pack("{s:b}", "all", true);
	if (o->what && o->what[0] == '/') {
		/* As the daemon calls it: a link leads there. */
		char *real = realpath(o->what, NULL);
		json_t *params = json_pack("{s:s}", "path", real ? real : o->what);
		free(real);
		return params;
	}
	*code = read_url(o, &url, true);
	if (*code)
		return NULL;
	json_t *params = json_pack("{s:s}", "target", url.target);
	if (url.has_lun)
		json_object_set_new(params, "lun", json_integer(url.lun));
	return params;
}

int detach_command(char **argv)
{
	struct attach_options o;
	int code = 0;
	if (read_options(&detach_table, "lunar detach", "URL|PATH|all [OPTION...]",
			 "Lets a disk go, that it is one of this host no more.", &o, argv, &code))
		return code;
	json_t *params = what_to_detach(&o, &code);
	if (!params)
		return code;
	json_object_set_new(params, "force", json_boolean(o.force));
	json_t *result = initiator_ask(&o.to, "detach", params, SECONDS_STANDARD, &code);
	if (result && !initiator_print(&o.to, result))
		json_decref(result);
	return code;
}

/* --- list */

static void print_device(const json_t *d)
{
	const json_t *paths = json_object_get(d, "paths"), *path;
	const json_t *attached = json_object_get(d, "attached");
	char size[32];
	size_t i;
	printf("%s  %s  %s %s%s%s\n",
	       json_is_object(attached) ? text_of(attached, "path") : "(not attached)",
	       initiator_size(size, (uint64_t)json_integer_value(json_object_get(d, "size"))),
	       text_of(d, "vendor"), text_of(d, "model"),
	       json_is_true(json_object_get(d, "read_only")) ? "  read-only" : "",
	       json_is_true(json_object_get(d, "gone")) ? "  gone" : "");
	printf("    %s%s%s\n", text_of(d, "wwid"), json_is_object(attached) ? "  by " : "",
	       json_is_object(attached) ? text_of(attached, "method") : "");
	json_array_foreach(paths, i, path)
	{
		printf("    LUN %ld of %s at %s port %ld: %s%s\n", number_of(path, "lun"),
		       text_of(path, "target"), text_of(path, "address"), number_of(path, "port"),
		       text_of(path, "state"),
		       json_is_true(json_object_get(path, "used")) ? ", in use" : "");
	}
}

/* It is to be attached, and is not now. */
static void print_waiting(const json_t *disk)
{
	printf("(waiting)  LUN %ld of %s: %s\n", number_of(disk, "lun"), text_of(disk, "target"),
	       text_of(disk, "why"));
}

int list_command(char **argv)
{
	struct attach_options o;
	const json_t *device, *disk;
	size_t i;
	int code = 0;
	if (read_options(&list_table, "lunar list", "[OPTION...]",
			 "Remote disks, whether they are attached, and the paths to them.", &o,
			 argv, &code))
		return code;
	json_t *result = initiator_ask(&o.to, "device.list", NULL, SECONDS_STANDARD, &code);
	if (!result || initiator_print(&o.to, result))
		return code;
	json_array_foreach(json_object_get(result, "devices"), i, device)
	{
		print_device(device);
	}
	json_array_foreach(json_object_get(result, "disks"), i, disk)
	{
		if (!strcmp(text_of(disk, "state"), "waiting"))
			print_waiting(disk);
	}
	json_decref(result);
	return 0;
}

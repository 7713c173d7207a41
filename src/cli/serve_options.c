/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/serve_options.h"

#include <errno.h>
#include <string.h>
#include "config/args.h"
#include "common/cleanup.h"

static int add_disk(struct serve_options *o, const char *path, uint64_t memory, char *why,
		    size_t why_size)
{
	if (o->disk_count == SERVE_MAX_DISKS) {
		snprintf(why, why_size, "more than %d disks", SERVE_MAX_DISKS);
		return -E2BIG;
	}
	o->disks[o->disk_count++] = (struct serve_disk_option){path, memory};
	return 0;
}

static int take_file(void *options, const char *value, char *why, size_t why_size)
{
	if (!value[0]) {
		snprintf(why, why_size, "a FILE with an empty name");
		return -EINVAL;
	}
	return add_disk(options, value, 0, why, why_size);
}

static int take_memory(void *options, const char *value, char *why, size_t why_size)
{
	uint64_t size;
	if (config_parse_size(value, &size) || !size || size % 512) {
		snprintf(why, why_size,
			 "--memory: \"%.60s\" is not the size of a disk, a multiple of 512 bytes; "
			 "write it as 512M or 10G",
			 value);
		return -EINVAL;
	}
	return add_disk(options, NULL, size, why, why_size);
}

static int take_portal(void *options, const char *value, char *why, size_t why_size)
{
	struct serve_options *o = options;
	if (o->portal_count == SERVE_MAX_PORTALS) {
		snprintf(why, why_size, "more than %d portals", SERVE_MAX_PORTALS);
		return -E2BIG;
	}
	if (net_addr_parse(&o->portals[o->portal_count], value, SERVE_PORT)) {
		snprintf(
			why, why_size,
			"--portal: \"%.80s\" is not a numeric address with a port from 0 to 65535; "
			"write it as 192.0.2.1:3260 or [2001:db8::1]:3260",
			value);
		return -EINVAL;
	}
	o->portal_count++;
	return 0;
}

static int take_block_size(void *options, const char *value, char *why, size_t why_size)
{
	uint64_t size;
	if (config_parse_size(value, &size) || (size != 512 && size != 4096)) {
		snprintf(why, why_size, "--block-size: \"%.40s\" is neither 512 nor 4096", value);
		return -EINVAL;
	}
	((struct serve_options *)options)->block_size = (uint32_t)size;
	return 0;
}

#define TAKE(what)                                                                           \
	static int take_##what(void *options, const char *value, char *why, size_t why_size) \
	{                                                                                    \
		struct serve_options *o = options;                                           \
		return target_take_##what(&o->serving, value, why, why_size);                \
	}
TAKE(engine)
TAKE(reactors)
TAKE(limit)

/* They are taken when there is a log; here it is seen whether they can be. */
static int take_log_level(void *options, const char *value, char *why, size_t why_size)
{
	struct serve_options *o = options;
	struct log log = {0};
	o->log_levels = value;
	return log_set_levels(&log, value, why, why_size);
}

#define FIELD(name) offsetof(struct serve_options, name)
#define CALL(fn)    ARG_CALL, 0, fn

static const struct arg_option options[] = {
	{"size", "SIZE", "make a FILE that is missing, of this size, sparse (10G)", ARG_SIZE,
	 FIELD(size), NULL},
	{"target", "IQN", "the target's name; else made from the names of host and file", ARG_TEXT,
	 FIELD(target), NULL},
	{"portal", "ADDR:PORT", "listen here and nowhere else; again for more; port 0: any",
	 CALL(take_portal)},
	{"readonly", NULL, "nobody may write", ARG_SWITCH, FIELD(readonly), NULL},
	{"block-size", "N", "the disks' logical block: 512 or 4096 bytes (512)",
	 CALL(take_block_size)},
	{"chap", "USER", "initiators must log in as this user", ARG_TEXT, FIELD(chap), NULL},
	{"chap-secret-file", "FILE",
	 "with the secret in this file (else LUNAR_CHAP_SECRET, or asked)", ARG_TEXT,
	 FIELD(chap_secret_file), NULL},
	{"mutual-chap", "USER", "and we prove to them that we are this user", ARG_TEXT,
	 FIELD(mutual_chap), NULL},
	{"mutual-secret-file", "FILE", "with this secret (else LUNAR_MUTUAL_SECRET, or asked)",
	 ARG_TEXT, FIELD(mutual_secret_file), NULL},
	{"memory", "SIZE", "one more disk, in memory, gone at the end", CALL(take_memory)},
	{"raw", NULL, "serve a FILE's bytes even if it is a qcow2, VMDK, VHDX image", ARG_SWITCH,
	 FIELD(raw), NULL},
	{"direct", NULL, "O_DIRECT: around the page cache", ARG_SWITCH, FIELD(direct), NULL},
	{"limit", "NAME=VALUE", "sets a limit or a time; lunar-serve(8) has their list",
	 CALL(take_limit)},
	{"engine", "NAME", "uring or epoll (the first that the kernel lets us have)",
	 CALL(take_engine)},
	{"reactors", "N", "threads that serve connections (one for each processor)",
	 CALL(take_reactors)},
	{"user", "NAME", "whom the process that faces the network becomes (lunar, or nobody)",
	 ARG_TEXT, FIELD(user), NULL},
	{"no-sandbox", NULL, "one process, with all that its user may do", ARG_SWITCH,
	 FIELD(no_sandbox), NULL},
	{"log-level", "LEVELS",
	 "error, warning, info or debug; MODULE=LEVEL for one module; several with commas",
	 CALL(take_log_level)},
	{"quiet", NULL, "print the addresses and what goes wrong, nothing else", ARG_SWITCH,
	 FIELD(quiet), NULL},
	{"json", NULL, "print what is served as JSON, in one line", ARG_SWITCH, FIELD(json), NULL},
	{"verbose", NULL, "log more", ARG_SWITCH, FIELD(verbose), NULL},
};

static const struct arg_table table = {options, ARRAY_SIZE(options), take_file};

void serve_options_help(FILE *out)
{
	fprintf(out, "usage: lunar serve FILE... [OPTION...]\n"
		     "\n"
		     "Serves disk images and block devices over iSCSI, in the foreground: one "
		     "target, the\n"
		     "first FILE as LUN 0, the next one as LUN 1. Ctrl-C ends it, after a flush.\n"
		     "\n"
		     "  lunar serve disk.img --size 10G\n"
		     "\n");
	args_help(&table, out);
}

struct rule {
	bool broken;
	const char *text;
};

static int check_together(const struct serve_options *o, char *why, size_t why_size)
{
	const struct rule rules[] = {
		{!o->disk_count, "nothing to serve: name a FILE, or a disk with --memory 1G"},
		{o->chap_secret_file && !o->chap,
		 "--chap-secret-file without --chap USER: whose secret is it?"},
		{o->mutual_secret_file && !o->mutual_chap,
		 "--mutual-secret-file without --mutual-chap USER: whose secret is it?"},
		{o->mutual_chap && !o->chap,
		 "--mutual-chap needs --chap USER: the initiator proves itself first"},
		{o->chap && !o->chap[0], "--chap: the user's name is empty"},
		{o->mutual_chap && !o->mutual_chap[0], "--mutual-chap: the user's name is empty"},
		{o->user && o->no_sandbox,
		 "--user and --no-sandbox exclude each other: nobody changes without a sandbox"},
		{o->quiet && o->verbose, "--quiet and --verbose exclude each other"},
		{o->size % 512, "--size: not a multiple of 512, a disk's block"},
		{o->block_size && o->size % o->block_size,
		 "--size: not a multiple of --block-size"},
	};
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		if (rules[i].broken) {
			snprintf(why, why_size, "%s", rules[i].text);
			return -EINVAL;
		}
	}
	return target_options_verify(&o->serving, why, why_size);
}

int serve_options_parse(struct serve_options *o, char **argv, char *why, size_t why_size)
{
	memset(o, 0, sizeof(*o));
	config_limits_defaults(&o->serving.limits);
	int err = args_parse(&table, o, argv, why, why_size);
	return err ? err : check_together(o, why, why_size);
}

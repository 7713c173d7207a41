/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line of `lunar bench`. Names are fio's where it has one. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "cli/bench.h"
#include "common/cleanup.h"
#include "config/args.h"
#include "config/schema.h"

#define NS_PER_S    1e9
#define SECONDS_MAX (86400.0 * 365)

static int take_url(void *options, const char *value, char *why, size_t why_size)
{
	struct bench_options *o = options;
	if (o->url) {
		snprintf(why, why_size, "one disk at a time: there is another word behind its URL");
		return -EINVAL;
	}
	o->url = value;
	return 0;
}

/* --- numbers */

static int take_depth(void *options, const char *value, char *why, size_t size)
{
	return args_number("iodepth", value, LOAD_DEPTH_MAX,
			   &((struct bench_options *)options)->load.depth, why, size);
}

static int take_jobs(void *options, const char *value, char *why, size_t size)
{
	return args_number("numjobs", value, LOAD_JOBS_MAX,
			   &((struct bench_options *)options)->load.jobs, why, size);
}

static int take_threads(void *options, const char *value, char *why, size_t size)
{
	return args_number("threads", value, LOAD_JOBS_MAX,
			   &((struct bench_options *)options)->load.threads, why, size);
}

static int take_mix(void *options, const char *value, char *why, size_t size)
{
	struct bench_options *o = options;
	o->mixed = true;
	return args_number("rwmixread", value, 99, &o->mix, why, size);
}

static int take_rate_iops(void *options, const char *value, char *why, size_t size)
{
	unsigned n = 0;
	int err = args_number("rate_iops", value, 100000000, &n, why, size);
	((struct bench_options *)options)->load.rate_ios = n;
	return err;
}

static int take_seed(void *options, const char *value, char *why, size_t size)
{
	unsigned n = 0;
	int err = args_number("randseed", value, UINT32_MAX, &n, why, size);
	((struct bench_options *)options)->load.seed = n;
	return err;
}

static int take_offset(void *options, const char *value, char *why, size_t size)
{
	return config_parse_size(value, &((struct bench_options *)options)->load.offset)
		       ? args_refuse("offset", value, "a size, such as 0, 512M or 10G", why, size)
		       : 0;
}

/* --- times: "10", "0.5", "10s", "2m", "1h" */

static int take_time(const char *name, const char *value, uint64_t *ns, char *why, size_t size)
{
	static const struct {
		const char *word;
		double seconds;
	} units[] = {{"", 1}, {"s", 1}, {"ms", 0.001}, {"m", 60}, {"h", 3600}};
	char *end;
	double n = strtod(value, &end);
	if (*value >= '0' && *value <= '9')
		for (size_t i = 0; i < ARRAY_SIZE(units); i++)
			if (!strcmp(end, units[i].word) && n * units[i].seconds <= SECONDS_MAX) {
				*ns = (uint64_t)(n * units[i].seconds * NS_PER_S);
				return 0;
			}
	return args_refuse(name, value, "a time, such as 10, 0.5 or 2m", why, size);
}

static int take_runtime(void *options, const char *value, char *why, size_t size)
{
	return take_time("runtime", value, &((struct bench_options *)options)->load.runtime, why,
			 size);
}

static int take_ramp(void *options, const char *value, char *why, size_t size)
{
	return take_time("ramp_time", value, &((struct bench_options *)options)->load.ramp, why,
			 size);
}

/* --- sizes of commands: "4k", "4k-64k" or "4k:64k", and for reads and writes apart "4k,64k" */

static int take_one_size(const char *text, size_t len, uint32_t *out)
{
	char word[24];
	uint64_t n = 0;
	if (!len || len >= sizeof(word))
		return -EINVAL;
	memcpy(word, text, len);
	word[len] = '\0';
	if (config_parse_size(word, &n) || n < 512 || n > LOAD_SIZE_MAX)
		return -EINVAL;
	*out = (uint32_t)n;
	return 0;
}

static int take_range(const char *text, size_t len, struct load_sizes *out)
{
	size_t first = MIN(strcspn(text, "-:"), len);
	if (take_one_size(text, first, &out->min))
		return -EINVAL;
	out->max = out->min;
	if (first < len && take_one_size(text + first + 1, len - first - 1, &out->max))
		return -EINVAL;
	return out->max < out->min || out->max % out->min ? -EINVAL : 0;
}

static int take_sizes(void *options, const char *value, char *why, size_t size)
{
	struct bench_options *o = options;
	struct load_sizes *s = o->load.sizes;
	size_t first = strcspn(value, ",");
	int err = take_range(value, first, &s[LOAD_READ]);
	s[LOAD_WRITE] = s[LOAD_READ];
	if (!err && value[first])
		err = take_range(value + first + 1, strlen(value + first + 1), &s[LOAD_WRITE]);
	o->sizes = value;
	return err ? args_refuse(
			     "bs", value,
			     "a size from 512 to 16M, a range of multiples such as 4k-64k, or two "
			     "of these with a comma: "
			     "of reads, of writes",
			     why, size)
		   : 0;
}

/* --- what is done */

static const struct {
	const char *name;
	bool random;
	unsigned reads;
} kinds[] = {
	{"read", false, 100},   {"write", false, 0}, {"randread", true, 100},
	{"randwrite", true, 0}, {"rw", false, 50},   {"readwrite", false, 50},
	{"randrw", true, 50},
};

static int take_rw(void *options, const char *value, char *why, size_t size)
{
	struct bench_options *o = options;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(value, kinds[i].name)) {
			o->rw = value;
			o->load.random = kinds[i].random;
			o->load.reads = kinds[i].reads;
			return 0;
		}
	return args_refuse("rw", value, "one of read, write, randread, randwrite, rw and randrw",
			   why, size);
}

#define FIELD(name) offsetof(struct bench_options, name)

static const struct arg_option rows[] = {
	{"rw", "KIND", "read, write, randread, randwrite, rw or randrw (randread)", ARG_CALL, 0,
	 take_rw},
	{"rwmixread", "PERCENT", "of rw and randrw: how many of a hundred are reads (50)", ARG_CALL,
	 0, take_mix},
	{"bs", "SIZE", "of a command; 4k-64k: any multiple of 4k; READ,WRITE (4k)", ARG_CALL, 0,
	 take_sizes},
	{"iodepth", "N", "commands under way, of each job (32)", ARG_CALL, 0, take_depth},
	{"numjobs", "N", "sessions, each with a part of the disk of its own (1)", ARG_CALL, 0,
	 take_jobs},
	{"threads", "N", "that drive them (1)", ARG_CALL, 0, take_threads},
	{"offset", "SIZE", "where on the disk they begin (0)", ARG_CALL, 0, take_offset},
	{"size", "SIZE", "how much of it they use, all together (the rest of it)", ARG_SIZE,
	 FIELD(load.size), NULL},
	{"runtime", "TIME", "seconds; 0: until as much was moved as there is (10)", ARG_CALL, 0,
	 take_runtime},
	{"ramp_time", "TIME", "before that, and not counted (0)", ARG_CALL, 0, take_ramp},
	{"rate", "SIZE", "bytes a second at most, of each job", ARG_SIZE, FIELD(load.rate_bytes),
	 NULL},
	{"rate_iops", "N", "commands a second at most, of each job", ARG_CALL, 0, take_rate_iops},
	{"verify", NULL, "blocks say who wrote them and when, and are read back", ARG_SWITCH,
	 FIELD(load.verify), NULL},
	{"write", NULL, "yes, what is on the disk may be destroyed", ARG_SWITCH, FIELD(write),
	 NULL},
	{"randseed", "N", "the same places each time (others each time)", ARG_CALL, 0, take_seed},
	{"user", "NAME", "who we are, by CHAP; its secret is asked for", ARG_TEXT, FIELD(user),
	 NULL},
	{"password-file", "FILE", "a file with the secret; else LUNAR_CHAP_SECRET", ARG_TEXT,
	 FIELD(password_file), NULL},
	{"json", NULL, "results as JSON, in fio's names", ARG_SWITCH, FIELD(json), NULL},
	{"quiet", NULL, "no line of progress", ARG_SWITCH, FIELD(quiet), NULL},
};
static const struct arg_table table = {rows, ARRAY_SIZE(rows), take_url};

static int check(struct bench_options *o, char *why, size_t size)
{
	struct load_config *c = &o->load;
	bool one = c->reads == 0 || c->reads == 100;
	if (!o->url)
		snprintf(why, size, "there is no disk to load: such as iscsi://192.0.2.1/TARGET/0");
	else if (c->reads < 100 && !o->write)
		snprintf(why, size, "--rw %s writes over what is on the disk; with --write it does",
			 o->rw);
	else if (o->mixed && one)
		snprintf(why, size, "--rwmixread goes with --rw rw and randrw");
	else if (c->ramp && !c->runtime)
		snprintf(why, size, "--ramp_time needs a --runtime");
	else if (c->threads > c->jobs)
		snprintf(why, size, "--threads: %u are more than there are jobs", c->threads);
	else
		return 0;
	return -EINVAL;
}

int bench_options_read(struct bench_options *o, char **argv, char *why, size_t why_size)
{
	*o = (struct bench_options){.rw = "randread", .sizes = "4k"};
	o->load = (struct load_config){.random = true,
				       .reads = 100,
				       .depth = 32,
				       .jobs = 1,
				       .threads = 1,
				       .sizes = {{4096, 4096}, {4096, 4096}},
				       .runtime = UINT64_C(10000000000)};
	int err = args_parse(&table, o, argv, why, why_size);
	if (!err)
		err = check(o, why, why_size);
	if (!err && o->mixed)
		o->load.reads = o->mix;
	o->load.url = o->url;
	return err;
}

void bench_help(FILE *out)
{
	fprintf(out, "usage: lunar bench URL [OPTION...]\n\n"
		     "Loads a remote disk, iscsi://HOST/TARGET/LUN, and says how fast it was.\n\n");
	args_help(&table, out);
}

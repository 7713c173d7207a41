/* SPDX-License-Identifier: BSD-2-Clause */
/* The results of `lunar bench`, for people and in fio's names. */
#include <inttypes.h>
#include <string.h>
#include <time.h>
#include "cli/amount.h"
#include "cli/bench.h"
#include "common/cleanup.h"

static const char *const words[LOAD_DIRECTIONS] = {"read", "write"};

/* fio's list. */
static const double percentiles[] = {1,  5,  10, 20, 30,   40,   50,    60,   70,
				     80, 90, 95, 99, 99.5, 99.9, 99.95, 99.99};

static double seconds(uint64_t ns)
{
	return (double)ns / 1e9;
}

static double per_second(uint64_t n, uint64_t ns)
{
	return ns ? (double)n / seconds(ns) : 0;
}

static const char *duration(char out[24], double ns)
{
	static const char *const units[] = {"ns", "us", "ms", "s"};
	unsigned i = 0;
	for (; ns >= 999.5 && i < 3; i++)
		ns /= 1000;
	snprintf(out, 24, "%.*f %s", !i || ns >= 99.95 ? 0 : ns >= 9.995 ? 1 : 2, ns, units[i]);
	return out;
}

void bench_print_plan(const struct bench_options *o, const struct lunar_disk *disk, FILE *out)
{
	char size[24];
	const struct load_config *c = &o->load;
	fprintf(out, "%s, bs %s, iodepth %u, %u job%s: %s %s%s%s, %s\n", o->rw, o->sizes, c->depth,
		c->jobs, c->jobs == 1 ? "" : "s", disk->inquiry.vendor, disk->inquiry.product,
		disk->serial[0] ? " " : "", disk->serial,
		amount_text(size, (double)disk->capacity.blocks * disk->capacity.block_size, true));
}

void bench_print_progress(const struct bench_options *o, const struct load_progress *last,
			  const struct load_progress *now, char *out, size_t size)
{
	char iops[24], bytes[24];
	size_t n = (size_t)snprintf(out, size, "%s%.0f s", now->ramping ? "ramping, " : "",
				    seconds(now->ns));
	if (now->verifying) {
		snprintf(out, size, "reading back what was written");
		return;
	}
	for (int d = 0; d < LOAD_DIRECTIONS && n < size; d++)
		if (now->ios[d])
			n += (size_t)snprintf(out + n, size - n, "  %s %s IOPS, %s/s", words[d],
					      amount_text(iops,
							  per_second(now->ios[d] - last->ios[d],
								     now->ns - last->ns),
							  false),
					      amount_text(bytes,
							  per_second(now->bytes[d] - last->bytes[d],
								     now->ns - last->ns),
							  true));
}

static void print_direction(const char *word, const struct load_totals *t, uint64_t ns, FILE *out)
{
	static const double shown[] = {50, 90, 99, 99.9, 99.99};
	const struct latency *l = &t->latency;
	char a[24], b[24], c[24], d[24];
	fprintf(out, "%s: %s IOPS, %s/s; %s commands, %s in %.2f s\n", word,
		amount_text(a, per_second(t->ios, ns), false),
		amount_text(b, per_second(t->bytes, ns), true),
		amount_text(c, (double)t->ios, false), amount_text(d, (double)t->bytes, true),
		seconds(ns));
	fprintf(out, "  latency: %s on average, from %s to %s, deviation %s\n",
		duration(a, latency_mean(l)), duration(b, (double)l->min),
		duration(c, (double)l->max), duration(d, latency_deviation(l)));
	fprintf(out, "  within:  ");
	for (size_t i = 0; i < ARRAY_SIZE(shown); i++)
		fprintf(out, "%s%g%% %s", i ? ", " : "", shown[i],
			duration(a, (double)latency_at(l, shown[i] / 100)));
	fprintf(out, "\n");
}

void bench_print(const struct bench_options *o, const struct load_result *r, FILE *out)
{
	uint64_t ios = 0;
	double cpu = r->user + r->system;
	char a[24];
	for (int d = 0; d < LOAD_DIRECTIONS; d++) {
		ios += r->of[d].ios;
		if (r->of[d].ios)
			print_direction(words[d], &r->of[d], r->ns, out);
	}
	if (!ios)
		fprintf(out, "no command came to its end in the time that is measured\n");
	else if (cpu > 0)
		fprintf(out,
			"processor: %.0f%% user, %.0f%% system; %s commands in a second of it\n",
			r->user * 100 / seconds(r->ns), r->system * 100 / seconds(r->ns),
			amount_text(a, (double)ios / cpu, false));
	if (o->load.verify)
		fprintf(out, "verify: %" PRIu64 " blocks were as they should be\n", r->verified);
	if (r->logins)
		fprintf(out, "sessions were lost and came back: %" PRIu64 " times\n", r->logins);
}

/* --- JSON */

static json_t *latency_json(const struct latency *l)
{
	json_t *all = json_object();
	char name[16];
	for (size_t i = 0; i < ARRAY_SIZE(percentiles) && l->total; i++) {
		snprintf(name, sizeof(name), "%.6f", percentiles[i]);
		json_object_set_new(all, name,
				    json_integer((json_int_t)latency_at(l, percentiles[i] / 100)));
	}
	return json_pack("{s:I, s:I, s:f, s:f, s:I, s:o}", "min", (json_int_t)l->min, "max",
			 (json_int_t)l->max, "mean", latency_mean(l), "stddev",
			 latency_deviation(l), "N", (json_int_t)l->total, "percentile", all);
}

static json_t *direction_json(const struct load_totals *t, uint64_t ns)
{
	double bytes = per_second(t->bytes, ns);
	/* From submission to completion, which is all that there is to measure: fio's clat and lat. */
	return json_pack("{s:I, s:I, s:I, s:I, s:f, s:I, s:I, s:I, s:I, s:o, s:o}", "io_bytes",
			 (json_int_t)t->bytes, "io_kbytes", (json_int_t)(t->bytes / 1024),
			 "bw_bytes", (json_int_t)bytes, "bw", (json_int_t)(bytes / 1024), "iops",
			 per_second(t->ios, ns), "runtime", (json_int_t)(ns / 1000000), "total_ios",
			 (json_int_t)t->ios, "short_ios", (json_int_t)0, "drop_ios", (json_int_t)0,
			 "clat_ns", latency_json(&t->latency), "lat_ns", latency_json(&t->latency));
}

static json_t *job_options(const struct bench_options *o)
{
	const struct load_config *c = &o->load;
	json_t *out = json_pack("{s:s, s:s, s:I, s:I, s:I, s:f, s:f, s:I, s:b}", "rw", o->rw, "bs",
				o->sizes, "iodepth", (json_int_t)c->depth, "numjobs",
				(json_int_t)c->jobs, "offset", (json_int_t)c->offset, "runtime",
				seconds(c->runtime), "ramp_time", seconds(c->ramp), "threads",
				(json_int_t)c->threads, "verify", c->verify);
	const struct {
		const char *name;
		uint64_t value;
	} more[] = {{"rwmixread", o->mixed ? c->reads : 0},
		    {"size", c->size},
		    {"rate", c->rate_bytes},
		    {"rate_iops", c->rate_ios},
		    {"randseed", c->seed}};
	for (size_t i = 0; i < ARRAY_SIZE(more); i++)
		if (more[i].value)
			json_object_set_new(out, more[i].name,
					    json_integer((json_int_t)more[i].value));
	return out;
}

static json_t *disk_json(const struct lunar_disk *d)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:I}", "vendor", d->inquiry.vendor,
			 "product", d->inquiry.product, "revision", d->inquiry.revision, "serial",
			 d->serial, "id", d->id, "blocks", (json_int_t)d->capacity.blocks,
			 "block_size", (json_int_t)d->capacity.block_size);
}

json_t *bench_json(const struct bench_options *o, const struct lunar_disk *disk,
		   const struct load_result *r, int code, const char *why)
{
	double s = r->ns ? seconds(r->ns) : 1, cpu = r->user + r->system;
	uint64_t ios = r->of[LOAD_READ].ios + r->of[LOAD_WRITE].ios;
	json_t *job = json_pack("{s:s, s:I, s:I, s:o, s:o, s:o, s:I, s:f, s:f, s:I, s:f, s:I, s:I}",
				"jobname", "lunar", "groupid", (json_int_t)0, "error",
				(json_int_t)code, "job options", job_options(o), "read",
				direction_json(&r->of[LOAD_READ], r->ns), "write",
				direction_json(&r->of[LOAD_WRITE], r->ns), "job_runtime",
				(json_int_t)(r->ns / 1000000), "usr_cpu", r->user * 100 / s,
				"sys_cpu", r->system * 100 / s, "ctx", (json_int_t)r->switches,
				"ios_per_cpu_second", cpu > 0 ? (double)ios / cpu : 0, "verified",
				(json_int_t)r->verified, "reconnects", (json_int_t)r->logins);
	json_t *out =
		json_pack("{s:s, s:I, s:o, s:[o]}", "lunar version", LUNAR_VERSION, "timestamp",
			  (json_int_t)time(NULL), "disk", disk_json(disk), "jobs", job);
	if (code)
		json_object_set_new(out, "error",
				    json_pack("{s:i, s:s}", "code", code, "message", why));
	return out;
}

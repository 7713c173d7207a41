/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/status_interval.h"

#include <stdbool.h>
#include <stdio.h>
#include "cli/shell_tree.h"
#include "common/cleanup.h"
#include "scsi/latency.h"

static const char *const counters[] = {"reads",       "writes",   "read_bytes",
				       "write_bytes", "bytes_in", "bytes_out"};
static const char *const sides[] = {"reads", "writes"};

/* Adds or takes away what the buckets of a side of a disk say. */
static void take_buckets(struct scsi_latency_side *to, const json_t *side, bool away)
{
	const json_t *rows = json_object_get(side, "buckets");
	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *row = json_array_get(rows, i);
		json_int_t bound = json_integer_value(json_array_get(row, 0));
		uint64_t count = (uint64_t)json_integer_value(json_array_get(row, 1));
		/* The bound is that of the next one. */
		unsigned bucket = bound > 0 ? scsi_latency_bucket((uint64_t)(bound - 1) * 1000) : 0;
		if (away) /* of a process that was started anew there may be less */
			to->count[bucket] -= MIN(count, to->count[bucket]);
		else
			to->count[bucket] += count;
	}
}

/* Of what was longest since start, the interval knows only that it was no longer. */
static uint64_t longest(const struct scsi_latency_side *side, const json_t *now)
{
	uint64_t most = shell_count(now, "max_us"), bound = 0;
	for (unsigned i = 0; i < SCSI_LATENCY_BUCKETS - 1; i++)
		bound = side->count[i] ? scsi_latency_bound(i) : bound;
	return 1000 * (side->count[SCSI_LATENCY_BUCKETS - 1] ? most : MIN(most, bound));
}

static json_t *side_between(const json_t *now, const json_t *before)
{
	struct scsi_latency_side side = {0};
	take_buckets(&side, now, false);
	take_buckets(&side, before, true);
	side.longest = longest(&side, now);
	uint64_t total = scsi_latency_total(&side);
	return total ? json_pack("{s:I, s:I, s:I, s:I, s:I}", "count", (json_int_t)total, "p50_us",
				 (json_int_t)scsi_latency_most(&side, 500), "p99_us",
				 (json_int_t)scsi_latency_most(&side, 990), "p999_us",
				 (json_int_t)scsi_latency_most(&side, 999), "max_us",
				 (json_int_t)scsi_latency_most(&side, 1000))
		     : NULL;
}

static json_t *latency_between(const json_t *now, const json_t *before)
{
	json_t *both = json_object();
	for (size_t i = 0; i < ARRAY_SIZE(sides); i++) {
		json_t *side = side_between(json_object_get(now, sides[i]),
					    json_object_get(before, sides[i]));
		if (side)
			json_object_set_new(both, sides[i], side);
	}
	return both;
}

static json_t *between(const json_t *now, const json_t *before, double seconds)
{
	json_t *interval = json_pack("{s:f}", "seconds", seconds);
	for (size_t i = 0; i < ARRAY_SIZE(counters); i++) {
		uint64_t n = shell_count(now, counters[i]), old = shell_count(before, counters[i]);
		if (!json_object_get(now, counters[i]))
			continue;
		json_object_set_new(interval, counters[i],
				    json_integer((json_int_t)(n >= old ? n - old : n)));
	}
	if (json_object_get(now, "latency"))
		json_object_set_new(interval, "latency",
				    latency_between(json_object_get(now, "latency"),
						    json_object_get(before, "latency")));
	return interval;
}

static void drop_buckets(const json_t *row)
{
	const json_t *latency = json_object_get(row, "latency");
	for (size_t i = 0; i < ARRAY_SIZE(sides); i++)
		json_object_del(json_object_get(latency, sides[i]), "buckets");
}

static const char *name_of(const json_t *row, const char *key, char text[32])
{
	const json_t *value = json_object_get(row, key);
	if (!json_is_integer(value))
		return json_string_value(value);
	snprintf(text, 32, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	return text;
}

void status_interval(json_t *rows, const char *key, const json_t *before, double seconds,
		     json_t **seen)
{
	*seen = json_object();
	for (size_t i = 0; i < json_array_size(rows); i++) {
		char text[32];
		json_t *row = json_array_get(rows, i);
		const char *name = name_of(row, key, text);
		const json_t *old = name ? json_object_get(before, name) : NULL;
		json_t *copy = name ? json_deep_copy(row) : NULL;
		/* One that has just come did all it did since. */
		if (before)
			json_object_set_new(row, "interval", between(row, old, seconds));
		if (copy)
			json_object_set_new(*seen, name, copy);
		drop_buckets(row);
	}
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "service/gauges.h"

static json_int_t number(uint64_t n)
{
	return (json_int_t)n;
}

/* [[us, count], ...]: so many took less than that and no less than the bound before; without those that are empty. */
static json_t *buckets(const struct scsi_latency_side *side)
{
	json_t *rows = json_array();
	for (unsigned i = 0; i < SCSI_LATENCY_BUCKETS; i++) {
		if (side->count[i])
			json_array_append_new(rows,
					      json_pack("[I, I]", number(scsi_latency_bound(i)),
							number(side->count[i])));
	}
	return rows;
}

static void add_side(json_t *to, const char *name, const struct scsi_latency_side *side,
		     bool with_buckets)
{
	uint64_t total = scsi_latency_total(side);
	if (!total)
		return;
	json_t *row = json_pack("{s:I, s:I, s:I, s:I, s:I}", "count", number(total), "p50_us",
				number(scsi_latency_most(side, 500)), "p99_us",
				number(scsi_latency_most(side, 990)), "p999_us",
				number(scsi_latency_most(side, 999)), "max_us",
				number(scsi_latency_most(side, 1000)));
	if (with_buckets)
		json_object_set_new(row, "buckets", buckets(side));
	json_object_set_new(to, name, row);
}

json_t *service_latency(const struct scsi_latency *l, bool with_buckets)
{
	json_t *both = json_object();
	add_side(both, "reads", &l->reads, with_buckets);
	add_side(both, "writes", &l->writes, with_buckets);
	return both;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/gauges.h"

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

json_t *gauges_latency(const struct scsi_latency *l, bool with_buckets)
{
	json_t *both = json_object();
	add_side(both, "reads", &l->reads, with_buckets);
	add_side(both, "writes", &l->writes, with_buckets);
	return both;
}

json_t *gauges_luns(const struct config_node *backstore)
{
	char path[CONFIG_PATH_SIZE];
	json_t *luns = json_array();
	list_for_each (it, &backstore->users)
		json_array_append_new(
			luns,
			json_string(config_path(list_entry(it, struct config_node, use), path)));
	return luns;
}

static json_t *group(const struct config_node *target, const struct config_node *tpg)
{
	return json_pack("{s:s, s:i, s:b, s:I, s:I, s:I}", "target", target->name, "tag",
			 (int)tpg->number, "enabled", config_true(tpg, CONFIG_OBJECT, "enable"),
			 "portals", number(config_part(tpg, CONFIG_PORTALS)->child_count), "luns",
			 number(config_part(tpg, CONFIG_LUNS)->child_count), "acls",
			 number(config_part(tpg, CONFIG_ACLS)->child_count));
}

json_t *gauges_targets(const struct config_tree *tree)
{
	json_t *rows = json_array();
	list_for_each (it, &config_iscsi(tree)->children) {
		const struct config_node *target = list_entry(it, struct config_node, sibling);
		list_for_each (g, &target->children)
			json_array_append_new(
				rows, group(target, list_entry(g, struct config_node, sibling)));
	}
	return rows;
}

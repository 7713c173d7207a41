/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/gauges.h"

static json_int_t number(uint64_t n)
{
	return (json_int_t)n;
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

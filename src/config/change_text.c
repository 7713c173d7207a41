/* SPDX-License-Identifier: BSD-2-Clause */
/* One line for each change. */
#include "config/change_text.h"

#include <string.h>

/* What an object is besides its name: "(fileio/disk0)", "(lun3)". */
static void add_ref(const struct config_node *node, struct buf *out)
{
	if (!node->ref)
		return;
	bool backstore = config_is_backstore(node->ref->kind);
	(void)buf_printf(out, " (%s%s%s)", backstore ? node->ref->parent->name : "",
			 backstore ? "/" : "", node->ref->name);
}

void config_object_text(const char *verb, const struct config_node *node, struct buf *out)
{
	char path[CONFIG_PATH_SIZE];
	(void)buf_printf(out, "%s %s", verb, config_path(node, path));
	add_ref(node, out);
}

/* Values of files may be long and have anything in them that is printable. */
static void add_value(const struct config_attr *attr, const char *value, bool secrets,
		      struct buf *out)
{
	if (attr->flags & CONFIG_SECRET && !secrets && value[0])
		(void)buf_printf(out, "(hidden)");
	else if (attr->form == CONFIG_FORM_JSON)
		(void)buf_printf(out, "(%zu bytes)", strlen(value));
	else
		(void)buf_printf(out, "%s", value);
}

void config_set_text(const struct config_node *node, const struct config_attr *attr,
		     const char *before, const char *after, bool secrets, struct buf *out)
{
	char path[CONFIG_PATH_SIZE];
	(void)buf_printf(out, "set %s %s %s=", config_path(node, path),
			 config_group_name(attr->group), attr->name);
	add_value(attr, after, secrets, out);
	(void)buf_printf(out, " (was ");
	add_value(attr, before, secrets, out);
	(void)buf_printf(out, ")");
}

void config_change_text(const struct config_change *change, bool secrets, struct buf *out)
{
	if (change->verb == CONFIG_SET)
		config_set_text(change->node, change->attr, change->before, change->after, secrets,
				out);
	else
		config_object_text(change->verb == CONFIG_CREATE ? "create" : "delete",
				   change->node, out);
}

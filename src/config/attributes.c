/* SPDX-License-Identifier: BSD-2-Clause */
#include "config/attributes.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "config/attr_rows.h"
#include "iscsi/text.h"

static const char *const group_names[CONFIG_GROUPS] = {
	[CONFIG_OBJECT] = "object",
	[CONFIG_ATTRIBUTE] = "attribute",
	[CONFIG_PARAMETER] = "parameter",
	[CONFIG_AUTH] = "auth",
	[CONFIG_DISCOVERY_AUTH] = "discovery_auth",
	[CONFIG_GLOBAL] = "global",
};

static const char *const plugin_names[CONFIG_KINDS] = {
	[CONFIG_BLOCK] = "block",
	[CONFIG_FILEIO] = "fileio",
	[CONFIG_RAMDISK] = "ramdisk",
};

void config_write_why(struct config_why *why, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(why->text, sizeof(why->text), fmt, ap);
	va_end(ap);
	config_clean(why->text);
}

void config_clean(char *text)
{
	for (char *p = text; *p; p++) {
		if (iscntrl((unsigned char)*p))
			*p = '?';
	}
	/* Cut in the middle of a character, or never was one. */
	if (!iscsi_check_utf8(text))
		return;
	for (char *p = text; *p; p++) {
		if ((unsigned char)*p > 0x7f)
			*p = '?';
	}
}

const struct config_attr *config_attrs(enum config_kind kind, size_t *count)
{
	const struct config_attr_table *table = &config_backstore_tables[kind];
	if (!table->rows)
		table = &config_target_tables[kind];
	*count = table->count;
	return table->rows;
}

typedef const char *name_of(const struct config_attr *attr);

static const char *own_name(const struct config_attr *attr)
{
	return attr->name;
}

const char *config_attr_key(const struct config_attr *attr)
{
	return attr->key ? attr->key : attr->name;
}

static const struct config_attr *find(enum config_kind kind, enum config_group group,
				      const char *text, name_of *of)
{
	size_t count;
	const struct config_attr *rows = config_attrs(kind, &count);
	for (size_t i = 0; i < count; i++) {
		if (rows[i].group == group && !strcmp(of(&rows[i]), text))
			return &rows[i];
	}
	return NULL;
}

const struct config_attr *config_attr_find(enum config_kind kind, enum config_group group,
					   const char *name)
{
	return find(kind, group, name, own_name);
}

const struct config_attr *config_attr_by_key(enum config_kind kind, enum config_group group,
					     const char *key)
{
	return find(kind, group, key, config_attr_key);
}

const char *config_group_name(enum config_group group)
{
	return group_names[group];
}

enum config_group config_group_find(const char *name)
{
	for (unsigned i = 0; i < CONFIG_GROUPS; i++) {
		if (!strcmp(group_names[i], name))
			return (enum config_group)i;
	}
	return CONFIG_GROUPS;
}

bool config_group_of(enum config_kind kind, enum config_group group)
{
	size_t count;
	const struct config_attr *rows = config_attrs(kind, &count);
	for (size_t i = 0; i < count; i++) {
		if (rows[i].group == group)
			return true;
	}
	return false;
}

const char *config_plugin_name(enum config_kind kind)
{
	return plugin_names[kind];
}

enum config_kind config_plugin_kind(const char *name)
{
	for (unsigned i = 0; i < CONFIG_KINDS; i++) {
		if (plugin_names[i] && !strcmp(plugin_names[i], name))
			return (enum config_kind)i;
	}
	return CONFIG_KINDS;
}

bool config_is_backstore(enum config_kind kind)
{
	return plugin_names[kind];
}

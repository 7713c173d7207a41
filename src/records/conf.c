/* SPDX-License-Identifier: BSD-2-Clause */
#include "records/conf.h"

#include <errno.h>
#include <string.h>
#include "config/store.h"

#define CONF_MAX (1u << 20) /* bytes */

/* What its daemon has, and ours does without. */
static const char *const foreign[] = {"iscsid.", "isns.", "discovery.slp."};

static bool is_foreign(const char *key)
{
	for (size_t i = 0; i < ARRAY_SIZE(foreign); i++) {
		if (!strncmp(key, foreign[i], strlen(foreign[i])))
			return true;
	}
	return false;
}

static int set_one(struct record *r, const char *key, const char *value, bool *known,
		   struct config_why *why)
{
	size_t at = record_row_find(r->kind, key, 0);
	if (at == record_row_count)
		return 0;
	*known = true;
	/* Nothing is nothing said. */
	return value[0] ? record_set(r, key, value, why) : 0;
}

static int set_all(struct records_conf *conf, const char *key, const char *value,
		   struct config_why *why)
{
	struct record *const records[] = {conf->node, conf->sendtargets, conf->isns};
	bool known = is_foreign(key);
	/* Some keys are those of several kinds. */
	for (size_t i = 0; i < ARRAY_SIZE(records); i++) {
		int err = set_one(records[i], key, value, &known, why);
		if (err)
			return err;
	}
	return known ? 0 : config_refuse(why, ENOENT, "%.60s is not known", key);
}

static int take_line(struct records_conf *conf, char *line, struct config_why *why)
{
	char *key, *value;
	int err = record_line(line, &key, &value, why);
	return err <= 0 ? err : set_all(conf, key, value, why);
}

int records_conf_parse(struct records_conf *conf, const char *name, const void *text, size_t len,
		       const struct record_say *say)
{
	char line[RECORD_LINE_MAX + 1];
	struct config_why why = {""};
	size_t at = 0;
	int more, err = 0;
	*conf = (struct records_conf){record_new(RECORD_NODE), record_new(RECORD_SENDTARGETS),
				      record_new(RECORD_ISNS)};
	if (!conf->node || !conf->sendtargets || !conf->isns)
		err = -ENOMEM;
	for (unsigned n = 1;
	     err != -ENOMEM && (more = record_next_line(text, len, &at, line, &why)) != 0; n++) {
		err = more < 0 ? more : take_line(conf, line, &why);
		if (err)
			record_say(say, "%s, line %u has no effect: %.300s", name, n, why.text);
	}
	explicit_bzero(line, sizeof(line));
	if (err == -ENOMEM)
		records_conf_free(conf);
	return err == -ENOMEM ? err : 0;
}

void records_conf_free(struct records_conf *conf)
{
	record_free(conf->node);
	record_free(conf->sendtargets);
	record_free(conf->isns);
	*conf = (struct records_conf){NULL, NULL, NULL};
}

int records_conf_read(struct records_conf *conf, const char *path, const struct record_say *say,
		      struct config_why *why)
{
	struct buf text;
	*conf = (struct records_conf){NULL, NULL, NULL};
	buf_init(&text, CONF_MAX);
	int err = config_store_read(path, &text, why);
	if (!err || err == -ENOENT)
		err = records_conf_parse(conf, path, text.data, text.len, say);
	else
		err = config_refuse(why, -err, "Could not read %.200s: %s", path, strerror(-err));
	record_wipe_buf(&text);
	return err;
}

struct record *records_conf_new(const struct records_conf *conf, enum record_kind kind)
{
	const struct record *from = kind == RECORD_NODE          ? conf->node
				    : kind == RECORD_SENDTARGETS ? conf->sendtargets
				    : kind == RECORD_ISNS        ? conf->isns
								 : NULL;
	struct record *r = from ? record_copy(from) : record_new(kind);
	if (!r || kind != RECORD_ISNS)
		return r;
	struct config_why why;
	if (!record_put(r, "discovery.type", "isns", &why))
		return r;
	record_free(r);
	return NULL;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* The text of records and of iscsid.conf. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "iscsi/text.h"
#include "records/record.h"

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

int record_next_line(const char *text, size_t len, size_t *at, char *line, struct config_why *why)
{
	if (*at >= len)
		return 0;
	const char *start = text + *at;
	const char *end = memchr(start, '\n', len - *at);
	size_t n = end ? (size_t)(end - start) : len - *at;
	*at += n + 1;
	if (n && start[n - 1] == '\r')
		n--;
	if (n > RECORD_LINE_MAX)
		return config_refuse(why, EBADMSG, "it is longer than %d bytes", RECORD_LINE_MAX);
	memcpy(line, start, n);
	line[n] = 0;
	for (size_t i = 0; i < n; i++) {
		if ((unsigned char)line[i] < ' ' && line[i] != '\t')
			return config_refuse(why, EBADMSG, "it has the control character 0x%02x",
					     (unsigned char)line[i]);
	}
	return 1;
}

int record_line(char *line, char **key, char **value, struct config_why *why)
{
	char *p = line, *end = line + strlen(line);
	while (is_space(*p))
		p++;
	while (end > p && is_space(end[-1]))
		*--end = 0;
	if (!*p || *p == '#')
		return 0;
	*key = p;
	while (*p && !is_space(*p) && *p != '=')
		p++;
	char *key_end = p;
	while (is_space(*p))
		p++;
	if (*p != '=' || key_end == *key)
		return config_refuse(why, EBADMSG, "it is not of the form NAME = VALUE");
	p++;
	while (is_space(*p))
		p++;
	*key_end = 0;
	*value = p;
	return 1;
}

struct reading {
	struct record *r;
	const char *name;
	const struct record_say *say;
	unsigned line;
	size_t last; /* rows come in their order: the next one is near */
	bool begun, ended, any;
	bool *seen;
};

static int keep(struct reading *in, const char *key, const char *value, struct config_why *why)
{
	struct record *r = in->r;
	if (r->other_count == RECORD_OTHERS_MAX)
		return config_refuse(why, EBADMSG, "there are more than %d keys that are not known",
				     RECORD_OTHERS_MAX);
	if (iscsi_check_utf8(key) || iscsi_check_utf8(value))
		return config_refuse(why, EBADMSG, "it is not UTF-8");
	record_say(in->say,
		   "%s, line %u: %.60s is not known: it is kept, and nothing is done with it",
		   in->name, in->line, key);
	char *other = NULL;
	if (asprintf(&other, "%s = %s", key, value) < 0)
		return -ENOMEM;
	r->others[r->other_count++] = other;
	return 0;
}

static int take_value(struct reading *in, const char *key, const char *value,
		      struct config_why *why)
{
	size_t at = record_row_find(in->r->kind, key, in->last);
	char *checked;
	if (at == record_row_count)
		return keep(in, key, value, why);
	in->last = at;
	if (in->seen[at])
		record_say(in->say, "%s, line %u: %s is there twice: this one counts", in->name,
			   in->line, key);
	in->seen[at] = true;
	/* Nothing is nothing said. */
	if (!value[0])
		return 0;
	int err = record_check(&record_rows[at], value, &checked, why);
	if (err == -EINVAL || err == -ERANGE)
		return -EBADMSG;
	if (err)
		return err;
	if (record_rows[at].flags & RECORD_HIDDEN) {
		record_wipe(checked);
		return 0;
	}
	record_wipe(in->r->values[at]);
	in->r->values[at] = checked;
	return 0;
}

static int take_line(struct reading *in, char *line, struct config_why *why)
{
	char *key, *value;
	if (!strncmp(line, "# BEGIN RECORD", 14))
		in->begun = true;
	if (!strncmp(line, "# END RECORD", 12))
		in->ended = true;
	int err = record_line(line, &key, &value, why);
	if (err <= 0)
		return err;
	in->any = true;
	return take_value(in, key, value, why);
}

static int read_lines(struct reading *in, const char *text, size_t len, struct config_why *why)
{
	char line[RECORD_LINE_MAX + 1];
	struct config_why detail = {""};
	size_t at = 0;
	int err = 0, more;
	while (!err && (more = record_next_line(text, len, &at, line, &detail)) != 0) {
		in->line++;
		err = more < 0 ? more : take_line(in, line, &detail);
	}
	explicit_bzero(line, sizeof(line));
	if (err == -EBADMSG)
		return config_refuse(why, EBADMSG, "%s is damaged: line %u: %.300s", in->name,
				     in->line, detail.text);
	if (err)
		return err;
	if (!in->any)
		return config_refuse(why, EBADMSG, "%s is damaged: there is nothing in it",
				     in->name);
	/* The end is missing: who wrote it was interrupted. */
	if (in->begun && !in->ended)
		return config_refuse(why, EBADMSG,
				     "%s is damaged: line %u is the last one, and \"# END RECORD\" "
				     "is missing",
				     in->name, in->line);
	return 0;
}

int record_parse(struct record **out, enum record_kind kind, const char *name, const void *text,
		 size_t len, const struct record_say *say, struct config_why *why)
{
	struct reading in = {.r = record_new(kind),
			     .name = name,
			     .say = say,
			     .seen = calloc(record_row_count, sizeof(bool))};
	int err = in.r && in.seen ? read_lines(&in, text, len, why) : -ENOMEM;
	free(in.seen);
	if (err) {
		record_free(in.r);
		in.r = NULL;
	}
	*out = in.r;
	return err;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "records/record.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void record_wipe(char *text)
{
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
}

int record_buf_init(struct buf *b)
{
	buf_init(b, RECORD_TEXT_MAX);
	b->data = malloc(RECORD_TEXT_MAX + 1);
	if (!b->data)
		return b->err = -ENOMEM;
	b->data[0] = 0;
	b->size = RECORD_TEXT_MAX + 1;
	return 0;
}

void record_wipe_buf(struct buf *b)
{
	if (b->data)
		explicit_bzero(b->data, b->len);
	buf_free(b);
}

void record_say(const struct record_say *to, const char *fmt, ...)
{
	char line[CONFIG_WHY_SIZE];
	va_list args;
	if (!to || !to->say)
		return;
	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	config_clean(line);
	to->say(to->ctx, line);
}

/* ---- life ---- */

struct record *record_new(enum record_kind kind)
{
	struct record *r = calloc(1, sizeof(*r));
	if (!r)
		return NULL;
	r->kind = kind;
	r->values = calloc(record_row_count, sizeof(*r->values));
	if (r->values)
		return r;
	free(r);
	return NULL;
}

void record_free(struct record *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < record_row_count; i++)
		record_wipe(r->values[i]);
	for (size_t i = 0; i < r->other_count; i++)
		record_wipe(r->others[i]);
	free(r->values);
	free(r);
}

static bool copy_text(char **out, const char *text)
{
	*out = text ? strdup(text) : NULL;
	return *out || !text;
}

struct record *record_copy(const struct record *r)
{
	struct record *copy = record_new(r->kind);
	bool fine = copy;
	for (size_t i = 0; fine && i < record_row_count; i++)
		fine = copy_text(&copy->values[i], r->values[i]);
	for (size_t i = 0; fine && i < r->other_count; i++) {
		fine = copy_text(&copy->others[i], r->others[i]);
		copy->other_count += fine;
	}
	if (fine)
		return copy;
	record_free(copy);
	return NULL;
}

/* ---- values ---- */

const char *record_get(const struct record *r, const char *key)
{
	size_t at = record_row_find(r->kind, key, 0);
	if (at == record_row_count)
		return NULL;
	return r->values[at] ? r->values[at] : record_rows[at].standard;
}

int64_t record_number(const struct record *r, const char *key)
{
	const char *text = record_get(r, key);
	return text ? strtoll(text, NULL, 10) : 0;
}

bool record_is_default(const struct record *r, const char *key)
{
	size_t at = record_row_find(r->kind, key, 0);
	return at == record_row_count || !r->values[at] ||
	       !strcmp(r->values[at], record_rows[at].standard);
}

static int put_at(struct record *r, size_t at, const char *value, struct config_why *why)
{
	char *checked;
	int err = record_check(&record_rows[at], value, &checked, why);
	if (err)
		return err;
	if (record_rows[at].flags & RECORD_HIDDEN) {
		record_wipe(checked);
		return 0;
	}
	record_wipe(r->values[at]);
	r->values[at] = checked;
	return 0;
}

int record_put(struct record *r, const char *key, const char *value, struct config_why *why)
{
	size_t at = record_row_find(r->kind, key, 0);
	if (at < record_row_count)
		return put_at(r, at, value, why);
	return config_refuse(why, ENOENT, "Cannot modify %.60s. Invalid param name.", key);
}

int record_put_number(struct record *r, const char *key, int64_t value, struct config_why *why)
{
	char text[32];
	snprintf(text, sizeof(text), "%" PRId64, value);
	return record_put(r, key, text, why);
}

int record_set(struct record *r, const char *key, const char *value, struct config_why *why)
{
	size_t at = record_row_find(r->kind, key, 0);
	const struct record_row *row = at < record_row_count ? &record_rows[at] : NULL;
	if (row && (row->flags & RECORD_LOOKUP))
		return config_refuse(why, EPERM,
				     "Cannot modify %s. It is used to look up the record and "
				     "cannot be changed.",
				     key);
	if (row && row->form == RECORD_SECRET && !strcmp(value, "********"))
		return config_refuse(why, EINVAL,
				     "%s: \"********\" is how a secret is shown, not the secret",
				     key);
	return record_put(r, key, value, why);
}

int record_set_all(struct record *r, const struct record_change *changes, size_t count,
		   struct config_why *why)
{
	struct record *copy = record_copy(r);
	int err = copy ? 0 : -ENOMEM;
	for (size_t i = 0; !err && i < count; i++)
		err = record_set(copy, changes[i].key, changes[i].value, why);
	if (!err) {
		struct record old = *r;
		*r = *copy;
		*copy = old;
	}
	record_free(copy);
	return err;
}

int record_take(struct record *r, const struct record *from)
{
	for (size_t i = 0; i < record_row_count; i++) {
		char *copy;
		if (!(record_rows[i].kinds & RECORD_IN(r->kind)) ||
		    !(record_rows[i].kinds & RECORD_IN(from->kind)))
			continue;
		if (!copy_text(&copy, from->values[i]))
			return -ENOMEM;
		record_wipe(r->values[i]);
		r->values[i] = copy;
	}
	return 0;
}

/* ---- printing ---- */

/* An iface has the rows of IPv6 when its address is one, or it is called so: as open-iscsi decides it. */
static bool is_v6(const struct record *r)
{
	const char *address = record_get(r, "iface.ipaddress");
	const char *name = record_get(r, "iface.iscsi_ifacename");
	const char *protocol = record_get(r, "iface.bootproto");
	if (!address || !name || !protocol)
		return false;
	if (!address[0])
		return strstr(name, "ipv6");
	return strcmp(protocol, "dhcp") && !strchr(address, '.');
}

static bool is_shown(const struct record *r, size_t at, bool v6)
{
	const struct record_row *row = &record_rows[at];
	bool set = r->values[at] && strcmp(r->values[at], row->standard);
	if (!(row->kinds & RECORD_IN(r->kind)) || (row->flags & RECORD_HIDDEN))
		return false;
	if (row->flags & (v6 ? RECORD_V4 : RECORD_V6))
		return set;
	return set || !(row->flags & RECORD_OPTIONAL);
}

int record_print(const struct record *r, enum record_print how, struct buf *out)
{
	bool v6 = is_v6(r);
	buf_printf(out, "# BEGIN RECORD 2.1.8\n");
	for (size_t i = 0; i < record_row_count; i++) {
		const struct record_row *row = &record_rows[i];
		const char *value = r->values[i] ? r->values[i] : row->standard;
		if (!is_shown(r, i, v6) || (!value[0] && how == RECORD_FILE))
			continue;
		if (!value[0])
			value = "<empty>";
		else if (row->form == RECORD_SECRET && how == RECORD_MASKED)
			value = "********";
		buf_printf(out, "%s = %s\n", row->name, value);
	}
	for (size_t i = 0; how == RECORD_FILE && i < r->other_count; i++)
		buf_printf(out, "%s\n", r->others[i]);
	buf_printf(out, "# END RECORD\n");
	return out->err;
}

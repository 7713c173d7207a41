/* SPDX-License-Identifier: BSD-2-Clause */
/* The forms of values: one function each. */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "iscsi/names.h"
#include "iscsi/text.h"
#include "records/rows.h"

#define HOST_MAX  253 /* of a name in the DNS */
#define LABEL_MAX 64
#define PATH_LONG 4000
#define LUN_MAX   16383 /* flat space addressing, SAM-5 4.7.5.1 */

static int take(char **out, const char *text)
{
	*out = strdup(text);
	return *out ? 0 : -ENOMEM;
}

/* "node.startup: "autmatic" is not manual, automatic or onboot, such as node.startup = manual". */
static int refuse(const struct record_row *row, const char *text, int err, struct config_why *why)
{
	char syntax[256], example[64] = "";
	if (row->standard[0])
		snprintf(example, sizeof(example), ", such as %s", row->standard);
	return config_refuse(why, err, "%s: \"%.60s\" is not %s%s", row->name,
			     row->form == RECORD_SECRET ? "(hidden)" : text,
			     record_syntax(row, syntax, sizeof(syntax)), example);
}

/* ---- names of files ---- */

bool record_label_valid(const char *text)
{
	size_t len = strlen(text);
	if (!len || len > LABEL_MAX || text[0] == '.')
		return false;
	for (const char *p = text; *p; p++) {
		if (*p <= ' ' || *p > '~' || *p == '/' || *p == ',')
			return false;
	}
	return true;
}

/* An IPv6 address, maybe with a zone: "fe80::1%eth0". */
static bool is_ipv6(const char *text)
{
	char address[INET6_ADDRSTRLEN];
	unsigned char bytes[16];
	size_t len = strcspn(text, "%");
	if (len >= sizeof(address) || (text[len] && !record_label_valid(text + len + 1)))
		return false;
	memcpy(address, text, len);
	address[len] = 0;
	return inet_pton(AF_INET6, address, bytes) == 1;
}

bool record_host_valid(const char *text)
{
	static const char names[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
	size_t len = strlen(text);
	if (!len || len > HOST_MAX)
		return false;
	if (strchr(text, ':'))
		return is_ipv6(text);
	return text[0] != '.' && text[0] != '-' && strspn(text, names) == len;
}

/* ---- forms ---- */

static int check_text(const struct record_row *row, const char *text, char **out,
		      struct config_why *why)
{
	size_t len = strlen(text);
	if (len > (size_t)row->max)
		return config_refuse(why, ERANGE,
				     "%s: %zu bytes are more than the %" PRId64
				     " that there is room for",
				     row->name, len, row->max);
	if (iscsi_check_utf8(text))
		return refuse(row, text, EINVAL, why);
	/* Spaces around a value are no part of it for those who read the file. */
	if (len && (text[0] == ' ' || text[len - 1] == ' '))
		return config_refuse(why, EINVAL,
				     "%s: the value begins or ends with a space, which a record "
				     "cannot hold",
				     row->name);
	return take(out, text);
}

static int check_number(const struct record_row *row, const char *text, char **out,
			struct config_why *why)
{
	char normal[32], *end;
	const char *digits = text + (*text == '-');
	if (!iscsi_is_digit(*digits))
		return refuse(row, text, EINVAL, why);
	errno = 0;
	int64_t value = strtoll(text, &end, 10);
	if (*end)
		return refuse(row, text, EINVAL, why);
	if (errno || value < row->min || value > row->max)
		return refuse(row, text, ERANGE, why);
	snprintf(normal, sizeof(normal), "%" PRId64, value);
	return take(out, normal);
}

static const char *choice_of(const struct record_row *row, const char *text, size_t len)
{
	for (const char *const *c = row->choices; *c; c++) {
		if (strlen(*c) == len && !strncasecmp(*c, text, len))
			return *c;
	}
	return NULL;
}

static int check_word(const struct record_row *row, const char *text, char **out,
		      struct config_why *why)
{
	const char *choice = choice_of(row, text, strlen(text));
	return choice ? take(out, choice) : refuse(row, text, EINVAL, why);
}

static int check_words(const struct record_row *row, const char *text, char **out,
		       struct config_why *why)
{
	char normal[64] = "";
	uint64_t seen = 0;
	for (const char *p = text; *p;) {
		size_t len = strcspn(p, ", ");
		const char *choice = choice_of(row, p, len);
		size_t place = 0;
		while (choice && row->choices[place] != choice)
			place++;
		if (!choice || seen & UINT64_C(1) << place)
			return refuse(row, text, EINVAL, why);
		seen |= UINT64_C(1) << place;
		/* Each choice once: all of them fit. */
		strcat(normal, normal[0] ? "," : "");
		strcat(normal, choice);
		p += len;
		p += strspn(p, " ");
		if (*p == ',' && !*++p)
			return refuse(row, text, EINVAL, why);
		p += strspn(p, " ");
	}
	return take(out, normal);
}

static int check_name(const struct record_row *row, const char *text, char **out,
		      struct config_why *why)
{
	char normal[ISCSI_NAME_SIZE];
	if (!iscsi_name_normalize(text, normal))
		return take(out, normal);
	return config_refuse(why, EINVAL, "%s: \"%.60s\" is no iSCSI name: %s", row->name, text,
			     iscsi_name_problem(text));
}

static int check_host(const struct record_row *row, const char *text, char **out,
		      struct config_why *why)
{
	return record_host_valid(text) ? take(out, text) : refuse(row, text, EINVAL, why);
}

static int check_label(const struct record_row *row, const char *text, char **out,
		       struct config_why *why)
{
	return record_label_valid(text) ? take(out, text) : refuse(row, text, EINVAL, why);
}

static int check_path(const struct record_row *row, const char *text, char **out,
		      struct config_why *why)
{
	size_t len = strlen(text);
	bool fit = text[0] == '/' && len <= PATH_LONG && !iscsi_check_utf8(text) &&
		   text[len - 1] != ' ';
	return fit ? take(out, text) : refuse(row, text, EINVAL, why);
}

/* One number, or two with '-' between them. */
static const char *skip_range(const char *p)
{
	unsigned long bounds[2] = {0, LUN_MAX};
	for (int i = 0; i < 2; i++) {
		char *end;
		if (!iscsi_is_digit(*p))
			return NULL;
		bounds[i] = strtoul(p, &end, 10);
		p = end;
		if (bounds[i] > LUN_MAX || (i && bounds[1] < bounds[0]))
			return NULL;
		if (i || *p != '-')
			break;
		p++;
	}
	return p;
}

static int check_luns(const struct record_row *row, const char *text, char **out,
		      struct config_why *why)
{
	const char *p = text;
	while ((p = skip_range(p)) && *p == ',')
		p++;
	return p && !*p && strlen(text) <= (size_t)row->max ? take(out, text)
							    : refuse(row, text, EINVAL, why);
}

static int check_luns_or_all(const struct record_row *row, const char *text, char **out,
			     struct config_why *why)
{
	return strcmp(text, "all") ? check_luns(row, text, out, why) : take(out, text);
}

/* ---- all of them ---- */

typedef int checker(const struct record_row *row, const char *text, char **out,
		    struct config_why *why);

static const struct {
	checker *check;
	const char *syntax; /* NULL: made from the row */
} forms[RECORD_FORMS] = {
	[RECORD_TEXT] = {check_text, "UTF-8 without control characters"},
	[RECORD_SECRET] = {check_text, "UTF-8 without control characters"},
	[RECORD_NUMBER] = {check_number, NULL},
	[RECORD_WORD] = {check_word, NULL},
	[RECORD_WORDS] = {check_words, NULL},
	[RECORD_ISCSI_NAME] = {check_name, "an iSCSI name"},
	[RECORD_HOST] = {check_host, "an address or the name of a host, such as 192.0.2.7"},
	[RECORD_LABEL] = {check_label, "a name of 64 characters at most, without spaces, '/', ',' "
				       "and a dot in front"},
	[RECORD_PATH] = {check_path, "a path from the root, such as /etc/lunar/secret"},
	[RECORD_LUNS] = {check_luns, "numbers of LUNs, such as 0,2,5-7"},
	[RECORD_LUNS_OR_ALL] = {check_luns_or_all, "numbers of LUNs, such as 0,2,5-7, or all"},
};

int record_check(const struct record_row *row, const char *text, char **out, struct config_why *why)
{
	*out = NULL;
	if ((!text[0] || !strcmp(text, "<empty>")) &&
	    (!row->standard[0] || row->form == RECORD_TEXT))
		return take(out, "");
	return forms[row->form].check(row, text, out, why);
}

static void list_choices(const struct record_row *row, char *out, size_t size)
{
	size_t at = 0;
	for (const char *const *c = row->choices; *c && at < size; c++)
		at += (size_t)snprintf(out + at, size - at, "%s%s",
				       c == row->choices ? ""
				       : c[1]            ? ", "
							 : " or ",
				       *c);
}

const char *record_syntax(const struct record_row *row, char *out, size_t size)
{
	if (forms[row->form].syntax)
		return forms[row->form].syntax;
	if (row->form == RECORD_NUMBER) {
		snprintf(out, size, "a number from %" PRId64 " to %" PRId64, row->min, row->max);
		return out;
	}
	char choices[160];
	list_choices(row, choices, sizeof(choices));
	snprintf(out, size, row->form == RECORD_WORDS ? "some of %s, with commas" : "%s", choices);
	return out;
}

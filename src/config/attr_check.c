/* SPDX-License-Identifier: BSD-2-Clause */
/* The forms in which values are written: one function each. */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "config/attributes.h"
#include "config/schema.h"
#include "iscsi/text.h"

/* RFC 7143 9.2.1: a secret of less than 96 bits is to be warned of; and Microsoft's initiator takes 12 to
 * 16 bytes and nothing else. */
#define SECRET_SHORTEST 12
#define SECRET_LONGEST  16

static int take(char **out, const char *text)
{
	*out = strdup(text);
	return *out ? 0 : -ENOMEM;
}

static int take_range(char **out, const char *text, size_t len)
{
	*out = strndup(text, len);
	return *out ? 0 : -ENOMEM;
}

/* ---- numbers ---- */

static int parse_number(const char *text, int64_t *out)
{
	char *end;
	const char *digits = text + (*text == '-');
	if (!isdigit((unsigned char)*digits))
		return -EINVAL;
	errno = 0;
	*out = strtoll(text, &end, 10);
	if (*end)
		return -EINVAL;
	return errno ? -ERANGE : 0;
}

static int check_number(const struct config_attr *attr, const char *text, char **out,
			struct config_why *why)
{
	int64_t value;
	char normal[32];
	int err = parse_number(text, &value);
	if (err == -EINVAL)
		return config_refuse(why, EINVAL,
				     "Syntax error, '%.60s' is not a NUMBER from %" PRId64
				     " to %" PRId64 ", such as %s=%s.",
				     text, attr->min, attr->max, attr->name, attr->standard);
	if (err || value < attr->min || value > attr->max)
		return config_refuse(why, ERANGE,
				     "Syntax error, '%.60s' is not a number from %" PRId64
				     " to %" PRId64 ", such as %s=%s%s%s.",
				     text, attr->min, attr->max, attr->name, attr->standard,
				     attr->note ? "; " : "", attr->note ? attr->note : "");
	snprintf(normal, sizeof(normal), "%" PRId64, value);
	return take(out, normal);
}

static int check_bytes(const struct config_attr *attr, const char *text, char **out,
		       struct config_why *why)
{
	uint64_t value;
	char normal[32];
	if (config_parse_size(text, &value))
		return config_refuse(why, EINVAL,
				     "Cannot interpret size, wrong format: %.60s; say it as 10G, "
				     "512M or as a number of bytes",
				     text);
	if (!value || value % 512)
		return config_refuse(why, ERANGE,
				     "Cannot make a disk of %.60s bytes: its size is a multiple of "
				     "512, such as %s=10G",
				     text, attr->name);
	snprintf(normal, sizeof(normal), "%" PRIu64, value);
	return take(out, normal);
}

/* ---- words ---- */

struct word {
	const char *word;
	bool value;
};

static const struct word truths[] = {
	{"true", true},   {"yes", true}, {"on", true},   {"1", true},
	{"false", false}, {"no", false}, {"off", false}, {"0", false},
};

static int parse_truth(const char *text, bool *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(truths); i++) {
		if (!strcasecmp(truths[i].word, text)) {
			*out = truths[i].value;
			return 0;
		}
	}
	return -EINVAL;
}

static int check_truth(const struct config_attr *attr, const char *text, char **out,
		       struct config_why *why)
{
	bool value;
	if (parse_truth(text, &value))
		return config_refuse(why, EINVAL,
				     "Syntax error, '%.60s' is not true|false, such as %s=%s", text,
				     attr->name, attr->standard);
	return take(out, value ? "True" : "False");
}

static int check_yes_no(const struct config_attr *attr, const char *text, char **out,
			struct config_why *why)
{
	bool value;
	if (parse_truth(text, &value))
		return config_refuse(why, EINVAL,
				     "Syntax error, '%.60s' is not Yes or No, such as %s=%s.", text,
				     attr->name, attr->standard);
	return take(out, value ? "Yes" : "No");
}

static const char *choice_of(const struct config_attr *attr, const char *text, size_t len)
{
	for (const char *const *c = attr->choices; *c; c++) {
		if (strlen(*c) == len && !strncasecmp(*c, text, len))
			return *c;
	}
	return NULL;
}

static int refuse_choice(const struct config_attr *attr, const char *text, struct config_why *why)
{
	char syntax[160];
	return config_refuse(why, EINVAL, "Syntax error, '%.60s' is not %s, such as %s=%s%s%s.",
			     text, config_attr_syntax(attr, syntax, sizeof(syntax)), attr->name,
			     attr->standard, attr->note ? "; " : "", attr->note ? attr->note : "");
}

static int check_word(const struct config_attr *attr, const char *text, char **out,
		      struct config_why *why)
{
	const char *choice = choice_of(attr, text, strlen(text));
	return choice ? take(out, choice) : refuse_choice(attr, text, why);
}

static int check_words(const struct config_attr *attr, const char *text, char **out,
		       struct config_why *why)
{
	char normal[128] = "";
	const char *p = text;
	unsigned seen = 0;
	for (;;) {
		p += strspn(p, " ");
		size_t len = strcspn(p, ", ");
		const char *choice = choice_of(attr, p, len);
		unsigned bit = 0;
		for (const char *const *c = attr->choices; choice && *c != choice; c++)
			bit++;
		if (!choice || seen & 1u << bit ||
		    strlen(normal) + strlen(choice) + 2 > sizeof(normal))
			return refuse_choice(attr, text, why);
		seen |= 1u << bit;
		strcat(normal, normal[0] ? "," : "");
		strcat(normal, choice);
		p += len;
		p += strspn(p, " ");
		if (!*p)
			return take(out, normal);
		if (*p++ != ',')
			return refuse_choice(attr, text, why);
	}
}

/* ---- texts ---- */

static int check_text(const struct config_attr *attr, const char *text, char **out,
		      struct config_why *why)
{
	size_t len = strlen(text);
	if (len > (size_t)attr->max)
		return config_refuse(why, ERANGE,
				     "Syntax error, %zu bytes are more than the %" PRId64
				     " that there is room for.",
				     len, attr->max);
	if (iscsi_check_utf8(text))
		return config_refuse(
			why, EINVAL,
			"Syntax error, '%.60s' is not UTF-8 without control characters.",
			attr->flags & CONFIG_SECRET ? "(hidden)" : text);
	return take(out, text);
}

static int check_hex(const struct config_attr *attr, const char *text, char **out,
		     struct config_why *why)
{
	char normal[33] = "";
	const char *digits = !strncasecmp(text, "0x", 2) ? text + 2 : text;
	size_t len = strspn(digits, "0123456789abcdefABCDEF");
	if (!text[0])
		return take(out, "");
	if (digits[len] || (len != 16 && len != 32))
		return config_refuse(
			why, EINVAL,
			"Syntax error, '%.60s' is not 16 or 32 hexadecimal digits, such "
			"as %s=6001405ba58b8ff079645c5befae85d3.",
			text, attr->name);
	for (size_t i = 0; i < len; i++)
		normal[i] = (char)tolower((unsigned char)digits[i]);
	return take(out, normal);
}

/* Without doubled and trailing slashes and without "." parts, so that one file has one name; ".." and
 * links are for who opens it. */
static int check_path(const struct config_attr *attr, const char *text, char **out,
		      struct config_why *why)
{
	if (text[0] != '/')
		return config_refuse(why, EINVAL,
				     "Syntax error, '%.200s' is not a path from the root, such as "
				     "%s=/srv/iscsi/disk.img.",
				     text, attr->name);
	if (strlen(text) > 4000)
		return config_refuse(why, ENAMETOOLONG, "The path is longer than 4000 bytes.");
	if (iscsi_check_utf8(text))
		return config_refuse(
			why, EINVAL,
			"Syntax error, '%.200s' is not UTF-8 without control characters.", text);
	char *normal = malloc(strlen(text) + 2);
	if (!normal)
		return -ENOMEM;
	char *end = normal;
	for (const char *p = text; *p;) {
		p += strspn(p, "/");
		size_t len = strcspn(p, "/");
		if (len && !(len == 1 && *p == '.')) {
			*end++ = '/';
			memcpy(end, p, len);
			end += len;
		}
		p += len;
	}
	if (end == normal)
		*end++ = '/';
	*end = 0;
	*out = normal;
	return 0;
}

static int check_network(const char *text, size_t len)
{
	char address[INET6_ADDRSTRLEN + 8];
	unsigned char bytes[16];
	int64_t bits;
	if (!len || len >= sizeof(address))
		return -EINVAL;
	memcpy(address, text, len);
	address[len] = 0;
	char *slash = strchr(address, '/');
	if (slash)
		*slash++ = 0;
	int family = strchr(address, ':') ? AF_INET6 : AF_INET;
	if (inet_pton(family, address, bytes) != 1)
		return -EINVAL;
	if (!slash)
		return 0;
	if (parse_number(slash, &bits) || bits < 0 || bits > (family == AF_INET ? 32 : 128))
		return -EINVAL;
	return 0;
}

static int check_networks(const struct config_attr *attr, const char *text, char **out,
			  struct config_why *why)
{
	if (strlen(text) > 4000)
		return config_refuse(why, ERANGE,
				     "Syntax error, the list is longer than 4000 bytes.");
	for (const char *p = text; *p;) {
		size_t len = strcspn(p, ",");
		if (check_network(p, len))
			return config_refuse(why, EINVAL,
					     "Syntax error, '%.*s' is not an address or a network, "
					     "such as %s=192.0.2.0/24,2001:db8::/32.",
					     (int)MIN(len, 60), p, attr->name);
		p += len;
		if (*p == ',' && !*++p)
			return config_refuse(why, EINVAL,
					     "Syntax error, the list ends with a comma.");
	}
	return take(out, text);
}

static int refuse_address(const struct config_attr *attr, const char *text, struct config_why *why)
{
	return config_refuse(why, EINVAL,
			     "Syntax error, '%.80s' is not HOST:PORT, such as "
			     "%s=store.example.org:3260 or %s=[2001:db8::1]:3260.",
			     text, attr->name, attr->name);
}

/* What goes into TargetAddress (RFC 7143 13.8): letters, digits, and what addresses are written with. */
static int check_address(const struct config_attr *attr, const char *text, char **out,
			 struct config_why *why)
{
	static const char names[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-";
	char address[INET6_ADDRSTRLEN];
	unsigned char bytes[16];
	int64_t port;
	if (!text[0])
		return take(out, "");
	const char *colon = strrchr(text, ':');
	if (!colon || colon == text || colon - text > 253 || parse_number(colon + 1, &port) ||
	    port < 1 || port > 65535)
		return refuse_address(attr, text, why);
	size_t len = (size_t)(colon - text);
	if (text[0] != '[')
		return strspn(text, names) == len ? take(out, text)
						  : refuse_address(attr, text, why);
	if (len < 3 || text[len - 1] != ']' || len - 2 >= sizeof(address))
		return refuse_address(attr, text, why);
	memcpy(address, text + 1, len - 2);
	address[len - 2] = 0;
	if (inet_pton(AF_INET6, address, bytes) != 1)
		return refuse_address(attr, text, why);
	return take_range(out, text, strlen(text));
}

static int check_json(const struct config_attr *attr, const char *text, char **out,
		      struct config_why *why)
{
	json_error_t error;
	json_t *json = json_loads(text, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
	if (!json)
		return config_refuse(why, EINVAL, "Syntax error, column %d: %s", error.column,
				     error.text);
	*out = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
	json_decref(json);
	return *out ? 0 : -ENOMEM;
}

/* ---- all of them ---- */

typedef int checker(const struct config_attr *attr, const char *text, char **out,
		    struct config_why *why);

struct form {
	checker *check;
	const char *syntax; /* NULL: made from the row */
};

static const struct form forms[] = {
	[CONFIG_FORM_NUMBER] = {check_number, NULL},
	[CONFIG_FORM_FLAG] = {check_number, "0 or 1"},
	[CONFIG_FORM_TRUTH] = {check_truth, "True or False"},
	[CONFIG_FORM_YES_NO] = {check_yes_no, "Yes or No"},
	[CONFIG_FORM_WORD] = {check_word, NULL},
	[CONFIG_FORM_WORDS] = {check_words, NULL},
	[CONFIG_FORM_TEXT] = {check_text, NULL},
	[CONFIG_FORM_BYTES] = {check_bytes, "a size, such as 10G"},
	[CONFIG_FORM_PATH] = {check_path, "a path from the root"},
	[CONFIG_FORM_HEX] = {check_hex, "16 or 32 hexadecimal digits"},
	[CONFIG_FORM_NETWORK] = {check_networks, "networks with commas, such as 192.0.2.0/24"},
	[CONFIG_FORM_ADDRESS] = {check_address, "HOST:PORT"},
	[CONFIG_FORM_JSON] = {check_json, "JSON"},
};

int config_attr_check(const struct config_attr *attr, const char *text, char **out,
		      struct config_why *why)
{
	return forms[attr->form].check(attr, text, out, why);
}

const char *config_attr_hint(const struct config_attr *attr, const char *value)
{
	size_t len = strlen(value);
	if (!(attr->flags & CONFIG_SECRET) || !len)
		return NULL;
	if (len < SECRET_SHORTEST)
		return "A secret of less than 12 bytes can be guessed from one login, and some "
		       "initiators refuse it.";
	if (len > SECRET_LONGEST)
		return "Some initiators, Microsoft's among them, refuse a secret of more than 16 "
		       "bytes.";
	return NULL;
}

const char *config_attr_syntax(const struct config_attr *attr, char *out, size_t size)
{
	if (forms[attr->form].syntax) {
		snprintf(out, size, "%s", forms[attr->form].syntax);
	} else if (attr->form == CONFIG_FORM_NUMBER) {
		snprintf(out, size, "a number from %" PRId64 " to %" PRId64, attr->min, attr->max);
	} else if (attr->form == CONFIG_FORM_TEXT) {
		snprintf(out, size, "a text of at most %" PRId64 " bytes", attr->max);
	} else {
		size_t len = (size_t)snprintf(
			out, size, attr->form == CONFIG_FORM_WORDS ? "a list of " : "one of ");
		for (const char *const *c = attr->choices; *c && len < size; c++)
			len += (size_t)snprintf(out + len, size - len, "%s%s",
						c == attr->choices ? "" : ", ", *c);
	}
	return out;
}

const char *config_attr_choice(const struct config_attr *attr, size_t i)
{
	static const char *const flags[] = {"0", "1", NULL};
	static const char *const truth_words[] = {"true", "false", NULL};
	static const char *const yes_no[] = {"Yes", "No", NULL};
	const char *const *choices = attr->form == CONFIG_FORM_FLAG     ? flags
				     : attr->form == CONFIG_FORM_TRUTH  ? truth_words
				     : attr->form == CONFIG_FORM_YES_NO ? yes_no
									: attr->choices;
	if (!choices)
		return NULL;
	for (size_t n = 0; choices[n]; n++) {
		if (n == i)
			return choices[n];
	}
	return NULL;
}

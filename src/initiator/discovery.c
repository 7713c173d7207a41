/* SPDX-License-Identifier: BSD-2-Clause */
#include "initiator/discovery.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "common/log.h"
#include "iscsi/text.h"

#define HOST_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_"
#define V6_CHARS   "0123456789abcdefABCDEF:."
#define ZONE_CHARS HOST_CHARS

/* --- addresses */

static bool is_v6(const char *text, size_t len)
{
	char copy[INET6_ADDRSTRLEN];
	struct in6_addr addr;
	size_t digits = strspn(text, V6_CHARS);
	size_t zone =
		digits < len && text[digits] == '%' ? 1 + strspn(text + digits + 1, ZONE_CHARS) : 0;
	if (digits >= sizeof(copy) || digits + zone != len || zone == 1)
		return false;
	memcpy(copy, text, digits);
	copy[digits] = 0;
	return inet_pton(AF_INET6, copy, &addr) == 1;
}

/* Up to 65535, and nothing behind it but `end`. */
static int parse_number(const char **p, char end, uint32_t min, uint32_t *out)
{
	uint32_t n = 0;
	const char *at = *p;
	while (iscsi_is_digit(*at) && n <= UINT16_MAX)
		n = n * 10 + (uint32_t)(*at++ - '0');
	if (at == *p || n < min || n > UINT16_MAX || (*at && *at != end))
		return -EINVAL;
	*p = at;
	*out = n;
	return 0;
}

static int take_host(struct ini_address *out, const char *host, size_t len)
{
	if (len >= sizeof(out->host))
		return -ENAMETOOLONG;
	if (!len)
		return -EINVAL;
	memcpy(out->host, host, len);
	out->host[len] = 0;
	return 0;
}

/* "[v6]" or a bare v6 or a name; returns what follows it, NULL: it is none. */
static const char *parse_host(struct ini_address *out, const char *text)
{
	size_t len;
	if (text[0] == '[') {
		len = strcspn(++text, "]");
		if (!text[len] || !is_v6(text, len) || take_host(out, text, len))
			return NULL;
		return text + len + 1;
	}
	len = strcspn(text, ",");
	/* A colon more than a port has: an address without brackets. */
	const char *colon = memchr(text, ':', len);
	if (colon && memchr(colon + 1, ':', len - (size_t)(colon + 1 - text)))
		return is_v6(text, len) && !take_host(out, text, len) ? text + len : NULL;
	len = strspn(text, HOST_CHARS);
	return text[0] != '-' && !take_host(out, text, len) ? text + len : NULL;
}

int ini_address_parse(struct ini_address *out, const char *text)
{
	uint32_t n;
	*out = (struct ini_address){.port = ISCSI_DEFAULT_PORT, .tpgt = -1};
	if (strlen(text) >= ISCSI_ADDRESS_SIZE)
		return -ENAMETOOLONG;
	const char *p = parse_host(out, text);
	if (!p)
		return -EINVAL;
	if (*p == ':') {
		p++;
		if (parse_number(&p, ',', 1, &n))
			return -EINVAL;
		out->port = (uint16_t)n;
	}
	if (*p == ',') {
		p++;
		if (parse_number(&p, 0, 0, &n))
			return -EINVAL;
		out->tpgt = (int32_t)n;
	}
	return *p ? -EINVAL : 0;
}

char *ini_address_format(char out[ISCSI_ADDRESS_SIZE], const struct ini_address *a)
{
	bool v6 = strchr(a->host, ':');
	snprintf(out, ISCSI_ADDRESS_SIZE, "%s%s%s:%u", v6 ? "[" : "", a->host, v6 ? "]" : "",
		 a->port);
	return out;
}

/* --- records */

struct reading {
	const struct ini_targets_sink *sink;
	void *ctx;
	struct ini_targets_count *count;
	char name[ISCSI_NAME_SIZE]; /* "": none, or a bad one */
};

static void bad(struct reading *r, const struct iscsi_pair *pair)
{
	if (!r->count->bad++)
		log_safe(r->count->bad_text, sizeof(r->count->bad_text), pair->value,
			 pair->value_len);
}

static void take_target(struct reading *r, const struct iscsi_pair *pair)
{
	if (strlen(pair->value) != pair->value_len ||
	    iscsi_name_normalize(pair->value, r->name) != 0) {
		r->name[0] = 0;
		bad(r, pair);
		return;
	}
	r->count->targets++;
	r->sink->target(r->ctx, r->name);
}

/* Those of a target whose name is bad are not asked for. */
static void take_address(struct reading *r, const struct iscsi_pair *pair)
{
	struct ini_address a;
	if (!r->name[0])
		return;
	if (ini_address_parse(&a, pair->value) != 0) {
		bad(r, pair);
		return;
	}
	r->count->addresses++;
	r->sink->address(r->ctx, r->name, &a);
}

int ini_targets_read(const void *text, size_t len, const struct ini_targets_sink *sink, void *ctx,
		     struct ini_targets_count *count)
{
	struct ini_targets_count unused = {0};
	struct reading r = {.sink = sink, .ctx = ctx, .count = count ? count : &unused};
	struct iscsi_pair pair;
	size_t at = 0;
	int more;
	*r.count = (struct ini_targets_count){0};
	while ((more = iscsi_text_next(text, len, &at, &pair)) > 0) {
		enum iscsi_key_id key = iscsi_key_find(pair.key, pair.key_len);
		if (key == ISCSI_KEY_TARGET_NAME)
			take_target(&r, &pair);
		else if (key == ISCSI_KEY_TARGET_ADDRESS)
			take_address(&r, &pair);
	}
	return more;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "config/schema.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "common/cleanup.h"

#define KIB UINT64_C(1024)
#define MIB (KIB * 1024)
#define GIB (MIB * 1024)

#define ROW(name, type, unit, min, max, standard, help)                                           \
	{                                                                                         \
#name, offsetof(struct config_limits, name), type, unit, min, max, standard, help \
	}
#define TIME(name, min, max, standard, help) \
	ROW(name, CONFIG_U32, CONFIG_SECONDS, min, max, standard, help)
#define COUNT(name, min, max, standard, help) \
	ROW(name, CONFIG_U32, CONFIG_COUNT, min, max, standard, help)
/* Lengths on the wire have 24 bits and are at least 512 (RFC 7143 13.12 to 13.14). */
#define LENGTH(name, standard, help) \
	ROW(name, CONFIG_U32, CONFIG_BYTES, 512, 16777215, standard, help)
#define BOOL(name, standard, help)    ROW(name, CONFIG_BOOL, CONFIG_COUNT, 0, 1, standard, help)
#define DIGESTS(name, standard, help) ROW(name, CONFIG_DIGESTS, CONFIG_COUNT, 0, 0, standard, help)

/* clang-format off */
const struct config_row config_limits_rows[] = {
	TIME(login_timeout, 1, 3600, "15", "a login takes no longer than this"),
	TIME(silent_timeout, 1, 3600, "5",
	     "a peer that says nothing at first, or stops inside a PDU, is dropped"),
	TIME(tmf_timeout, 1, 3600, "10", "a task management function ends within this"),
	TIME(drain_timeout, 0, 3600, "30", "at shutdown, sessions have this long to log out"),
	TIME(fence_hold, 0, 600, "5", "I/O waits this long for an older write on its blocks"),
	TIME(data_out_timeout, 1, 3600, "30",
	     "an initiator that stops sending data it was asked for is dropped"),
	TIME(send_timeout, 1, 3600, "30", "an initiator that takes nothing of what is sent is dropped"),
	TIME(discovery_timeout, 1, 3600, "60", "a discovery session ends after this"),
	TIME(nopin_interval, 0, 3600, "15", "a connection this quiet is pinged; 0: never"),
	TIME(nopin_timeout, 1, 3600, "15", "a ping is to be answered within this"),
	TIME(login_backoff, 0, 60, "2",
	     "a refusal waits, at most, after several failed logins from one address (0: never)"),

	COUNT(max_connections, 1, 65536, "1024", "connections at a time"),
	COUNT(max_login_connections, 1, 65536, "128", "connections at a time that still log in, or discover"),
	COUNT(max_sessions, 1, 32768, "512", "sessions at a time"),
	COUNT(max_commands, 1, 4096, "128", "commands at a time in one session"),
	ROW(memory_limit, CONFIG_U64, CONFIG_BYTES, 64 * MIB, 1024 * GIB, "256M",
	    "buffers of all commands together"),

	LENGTH(max_recv_data_segment_length, "256K", "data in one PDU to the target"),
	LENGTH(max_burst_length, "1M", "data in one sequence of PDUs"),
	LENGTH(first_burst_length, "256K", "data that may come unasked with a command"),
	COUNT(max_outstanding_r2t, 1, 16, "16", "requests for data at a time for one command"),
	TIME(default_time2wait, 0, 3600, "2", "an initiator waits this long to reconnect"),
	TIME(default_time2retain, 0, 3600, "0", "tasks are kept this long for a lost connection"),
	BOOL(initial_r2t, "no", "data comes only when asked for"),
	BOOL(immediate_data, "yes", "data may come in the PDU of the command"),
	DIGESTS(header_digest, "CRC32C,None", "digests of headers that are agreed to"),
	DIGESTS(data_digest, "CRC32C,None", "digests of data that are agreed to"),
};
/* clang-format on */

const size_t config_limits_count = ARRAY_SIZE(config_limits_rows);

const struct config_row *config_limits_find(const char *name)
{
	for (size_t i = 0; i < config_limits_count; i++) {
		if (!strcmp(config_limits_rows[i].name, name))
			return &config_limits_rows[i];
	}
	return NULL;
}

int config_parse_size(const char *text, uint64_t *out)
{
	static const char units[] = "KMGTP";
	uint64_t value = 0;
	const char *p = text;
	for (; *p >= '0' && *p <= '9'; p++) {
		if (value > (UINT64_MAX - 9) / 10)
			return -ERANGE;
		value = value * 10 + (uint64_t)(*p - '0');
	}
	if (p == text)
		return -EINVAL;
	char letter = *p >= 'a' && *p <= 'z' ? (char)(*p - 'a' + 'A') : *p;
	const char *unit = letter ? strchr(units, letter) : NULL;
	unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;
	if (unit)
		p++;
	if (unit && p[0] == 'i' && p[1] == 'B')
		p++;
	if (*p == 'B')
		p++;
	if (*p)
		return -EINVAL;
	if (value > (uint64_t)INT64_MAX >> shift)
		return -ERANGE;
	*out = value << shift;
	return 0;
}

char *config_format_size(char out[CONFIG_TEXT_SIZE], uint64_t bytes)
{
	static const char units[] = "\0KMGTP";
	unsigned unit = 0;
	while (bytes && bytes % 1024 == 0 && unit < 5) {
		bytes /= 1024;
		unit++;
	}
	snprintf(out, CONFIG_TEXT_SIZE, "%" PRIu64 "%.1s", bytes, &units[unit]);
	return out;
}

static char *number_text(const struct config_row *row, uint64_t value, char out[CONFIG_TEXT_SIZE])
{
	if (row->unit == CONFIG_BYTES)
		return config_format_size(out, value);
	snprintf(out, CONFIG_TEXT_SIZE, "%" PRIu64, value);
	return out;
}

static int parse_count(const char *text, uint64_t *out)
{
	/* A size without its unit: sizes and counts read digits alike. */
	if (text[0] && text[strspn(text, "0123456789")])
		return -EINVAL;
	return config_parse_size(text, out);
}

static int set_number(const struct config_row *row, const char *text, void *at, char *why,
		      size_t why_size)
{
	char low[CONFIG_TEXT_SIZE], high[CONFIG_TEXT_SIZE];
	uint64_t value;
	int err = row->unit == CONFIG_BYTES ? config_parse_size(text, &value)
					    : parse_count(text, &value);
	if (!err && (value < row->min || value > row->max))
		err = -ERANGE;
	if (err) {
		snprintf(why, why_size, "%s: \"%.40s\" is not a number%s from %s to %s", row->name,
			 text,
			 row->unit == CONFIG_SECONDS ? " of seconds"
			 : row->unit == CONFIG_BYTES ? " of bytes"
						     : "",
			 number_text(row, row->min, low), number_text(row, row->max, high));
		return err;
	}
	if (row->type == CONFIG_U64)
		*(uint64_t *)at = value;
	else
		*(uint32_t *)at = (uint32_t)value;
	return 0;
}

static int set_bool(const struct config_row *row, const char *text, void *at, char *why,
		    size_t why_size)
{
	static const char *const words[2][5] = {{"no", "No", "off", "false", "0"},
						{"yes", "Yes", "on", "true", "1"}};
	for (int value = 0; value < 2; value++) {
		for (size_t i = 0; i < ARRAY_SIZE(words[value]); i++) {
			if (!strcmp(text, words[value][i])) {
				*(bool *)at = value;
				return 0;
			}
		}
	}
	snprintf(why, why_size, "%s: \"%.40s\" is not yes or no", row->name, text);
	return -EINVAL;
}

static int set_digests(const struct config_row *row, const char *text, void *at, char *why,
		       size_t why_size)
{
	static const char *const lists[] = {"None", "CRC32C", "CRC32C,None", "None,CRC32C"};
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		if (!strcmp(text, lists[i])) {
			strcpy(at, lists[i]);
			return 0;
		}
	}
	snprintf(why, why_size, "%s: \"%.40s\" is not one of CRC32C, None, and CRC32C,None",
		 row->name, text);
	return -EINVAL;
}

typedef int setter(const struct config_row *row, const char *text, void *at, char *why,
		   size_t why_size);

static setter *const setters[] = {
	[CONFIG_U32] = set_number,
	[CONFIG_U64] = set_number,
	[CONFIG_BOOL] = set_bool,
	[CONFIG_DIGESTS] = set_digests,
};

int config_limits_set(struct config_limits *limits, const char *name, const char *text, char *why,
		      size_t why_size)
{
	const struct config_row *row = config_limits_find(name);
	if (!row) {
		snprintf(why, why_size, "there is no limit named \"%.40s\"", name);
		return -ENOENT;
	}
	return setters[row->type](row, text, (char *)limits + row->offset, why, why_size);
}

char *config_limits_get(const struct config_limits *limits, const struct config_row *row,
			char out[CONFIG_TEXT_SIZE])
{
	const void *at = (const char *)limits + row->offset;
	switch (row->type) {
	case CONFIG_U32: return number_text(row, *(const uint32_t *)at, out);
	case CONFIG_U64: return number_text(row, *(const uint64_t *)at, out);
	case CONFIG_BOOL: return strcpy(out, *(const bool *)at ? "yes" : "no");
	case CONFIG_DIGESTS: return strcpy(out, at);
	}
	return strcpy(out, "");
}

void config_limits_defaults(struct config_limits *limits)
{
	char why[160];
	memset(limits, 0, sizeof(*limits));
	for (size_t i = 0; i < config_limits_count; i++) {
		const struct config_row *row = &config_limits_rows[i];
		/* A default out of its own range is caught by the unit test. */
		(void)setters[row->type](row, row->standard, (char *)limits + row->offset, why,
					 sizeof(why));
	}
}

int config_limits_verify(const struct config_limits *limits, char *why, size_t why_size)
{
	if (limits->first_burst_length > limits->max_burst_length) {
		snprintf(why, why_size,
			 "first_burst_length (%" PRIu32
			 ") is larger than max_burst_length (%" PRIu32
			 "), which RFC 7143 13.14 forbids",
			 limits->first_burst_length, limits->max_burst_length);
		return -EINVAL;
	}
	if (limits->max_login_connections > limits->max_connections) {
		snprintf(why, why_size,
			 "max_login_connections (%" PRIu32
			 ") is larger than max_connections (%" PRIu32 ")",
			 limits->max_login_connections, limits->max_connections);
		return -EINVAL;
	}
	return 0;
}

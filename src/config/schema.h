/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Limits and times, one row each: type, range, unit, default, help. The same rows fill the struct,
 * check what a person sets, and are what manuals and completion print.
 */
#ifndef LUNAR_CONFIG_SCHEMA_H
#define LUNAR_CONFIG_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONFIG_TEXT_SIZE 32 /* the longest value as text, with its NUL */

struct config_limits {
	/* times, seconds */
	uint32_t login_timeout; /* from accept to full feature phase */
	uint32_t
		silent_timeout; /* no byte before the first PDU is whole, or in the middle of one */
	uint32_t tmf_timeout;
	uint32_t drain_timeout;
	uint32_t fence_hold;        /* I/O waits behind a fence before it gets BUSY */
	uint32_t data_out_timeout;  /* data that was asked for with an R2T stops coming */
	uint32_t send_timeout;      /* nothing of what is sent is taken */
	uint32_t discovery_timeout; /* from accept to the end of a discovery session */
	uint32_t nopin_interval;    /* a connection is quiet before it is pinged; 0: never */
	uint32_t nopin_timeout;     /* and how long it has to answer */
	uint32_t login_backoff; /* a refusal waits after many failed logins, at most; 0: never */

	/* what peers can make us hold */
	uint32_t max_connections;
	uint32_t max_login_connections; /* of these, still before full feature phase */
	uint32_t max_sessions;
	uint32_t max_commands; /* of one session: the CmdSN window */
	uint64_t memory_limit; /* bytes of buffers of tasks, all sessions together */

	/* what the target negotiates (RFC 7143 13) */
	uint32_t max_recv_data_segment_length; /* bytes; what we declare */
	uint32_t max_burst_length;             /* bytes */
	uint32_t first_burst_length;           /* bytes, <= max_burst_length */
	uint32_t max_outstanding_r2t;
	uint32_t default_time2wait;   /* seconds */
	uint32_t default_time2retain; /* seconds */
	bool initial_r2t;
	bool immediate_data;
	char header_digest[CONFIG_TEXT_SIZE]; /* what we agree to: "CRC32C", "None", or both */
	char data_digest[CONFIG_TEXT_SIZE];
};

enum config_type {
	CONFIG_U32,
	CONFIG_U64,
	CONFIG_BOOL,
	CONFIG_DIGESTS, /* a list of "CRC32C" and "None", each at most once */
};

enum config_unit { CONFIG_COUNT, CONFIG_SECONDS, CONFIG_BYTES };

struct config_row {
	const char *name;
	size_t offset; /* in struct config_limits */
	enum config_type type;
	enum config_unit unit;
	uint64_t min, max;    /* of numbers, inclusive */
	const char *standard; /* the default, as a person would write it */
	const char *help;     /* one line, no full stop */
};

extern const struct config_row config_limits_rows[];
extern const size_t config_limits_count;
const struct config_row *config_limits_find(const char *name);

void config_limits_defaults(struct config_limits *limits);
/*
 * Sets one limit from text. 0; -ENOENT: there is no such limit; -EINVAL: not of its type; -ERANGE.
 * On error nothing is changed and `why` has one line that names the range.
 */
int config_limits_set(struct config_limits *limits, const char *name, const char *text, char *why,
		      size_t why_size);
/* The value as text that config_limits_set() takes. */
char *config_limits_get(const struct config_limits *limits, const struct config_row *row,
			char out[CONFIG_TEXT_SIZE]);
/* What rows cannot say: limits that depend on each other. 0, or -EINVAL with `why`. */
int config_limits_verify(const struct config_limits *limits, char *why, size_t why_size);

/*
 * "512", "64K", "10G", "1TiB", "20MB": bytes. K, M, G, T and P are powers of 1024, with or without
 * "iB" or "B". 0, -EINVAL (not a size) or -ERANGE (past 2^63).
 */
int config_parse_size(const char *text, uint64_t *out);
/* The shortest such text: "10G", "1536M", "1000". */
char *config_format_size(char out[CONFIG_TEXT_SIZE], uint64_t bytes);

#endif

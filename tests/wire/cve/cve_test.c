/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What has been the end of other targets, by its number: docs/security.md says what went wrong there. Each
 * must cost the peer at most its own connection, and the next one must be served.
 */
#include <stdlib.h>
#include "wire.h"

#define NAMES  "InitiatorName=" WIRE_INITIATOR "\nSessionType=Normal\nTargetName=" WIRE_TARGET
#define NO_TAG ISCSI_RESERVED_TAG

static const struct wire_config with_chap = {
	.auth = {.user = "alice", .secret = "twelve bytes or more"}};
static const struct wire_config discovery_chap = {
	.discovery_auth = {.user = "alice", .secret = "twelve bytes or more"}};
static const struct wire_config without_chap = {.luns = 1};

static char *repeat(struct wire_world *world, const char *head, char c, size_t n, const char *tail)
{
	size_t h = strlen(head), t = strlen(tail);
	char *text = wire_alloc(world, h + n + t + 1);

	memcpy(text, head, h);
	memset(text + h, c, n);
	memcpy(text + h + n, tail, t);
	return text;
}

/* Others notice nothing, and when all have gone nothing is left. */
static void expect_unharmed(struct wire_world *world)
{
	struct target_stats stats;

	wire_run(world, 1);
	target_get_stats(world->target, &stats);
	assert_int_equal(stats.memory, 0);
	assert_int_equal(stats.sessions, 0);
	if (!world->config->auth.user) {
		struct wire *w = wire_open_session(world);

		wire_clear_attention(w, 0);
		wire_ping(w);
		wire_logout(w);
	}
}

/* tgt: text longer than its buffer, and its memory freed twice, before any login. */
static void cve_2011_0001(struct wire_world *world)
{
	for (size_t len = 4096; len <= 70000; len += 4096) {
		struct wire *w = wire_open(world);
		struct wire_pdu q = wire_login_pdu(w, 0x87, NAMES);

		wire_set_data(&q, repeat(world, "", 'x', len, ""), len);
		wire_send(w, &q);
		wire_send(w, &q);
		wire_expect_end(w, 20);
	}
	expect_unharmed(world);
}

/* LIO: an unknown key, longer than the buffer for the answer to it. */
static void cve_2013_2850(struct wire_world *world)
{
	static const size_t lengths[] = {63, 64, 255, 256, 1024, 4096, 8000};

	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		struct wire *w = wire_open(world);
		struct wire_pdu r;
		const char *keys = repeat(world, NAMES "\nX-", 'k', lengths[i] - 2, "=v");
		unsigned status = wire_login_step(w, 0x87, keys, &r);

		/* 6.1: a key has 63 bytes at most. */
		assert_int_equal(status >> 8, lengths[i] <= 63 ? 0 : 2);
		wire_close(w);
	}
	expect_unharmed(world);
}

/* LIO: hex digits of a CHAP response decoded past the end of the digest. */
static void cve_2018_14633(struct wire_world *world)
{
	static const size_t digits[] = {0, 1, 31, 33, 64, 512, 2048, 2050, 7000};
	static const char *const begin[] = {"CHAP_N=alice\nCHAP_R=0x", "CHAP_N=alice\nCHAP_R=0b"};

	for (size_t i = 0; i < ARRAY_SIZE(digits) * ARRAY_SIZE(begin); i++) {
		struct wire *w = wire_open(world);
		struct wire_pdu r;

		assert_int_equal(wire_login_step(w, 0x00, NAMES "\nAuthMethod=CHAP", &r), 0);
		assert_int_equal(wire_login_step(w, 0x00, "CHAP_A=5", &r), 0);
		assert_int_equal(
			wire_login_step(w, 0x81,
					repeat(world, begin[i % 2], 'a', digits[i / 2], ""), &r) >>
				8,
			2);
		wire_expect_end(w, 10);
	}
	expect_unharmed(world);
}

/* tgt: random numbers that were never seeded, so every start had the same challenges. */
static void cve_2024_45751(struct wire_world *world)
{
	enum { N = 20 };
	char *seen[N];

	for (int i = 0; i < N; i++) {
		struct wire *w = wire_open(world);
		struct wire_pdu r;

		assert_int_equal(wire_login_step(w, 0x00, NAMES "\nAuthMethod=CHAP", &r), 0);
		assert_int_equal(wire_login_step(w, 0x00, "CHAP_A=5", &r), 0);
		const char *challenge = wire_key(&r, "CHAP_C");
		assert_non_null(challenge);
		assert_true(strlen(challenge) >= 2 + 32); /* 16 bytes at least */
		seen[i] = wire_alloc(world, strlen(challenge) + 1);
		strcpy(seen[i], challenge);
		for (int j = 0; j < i; j++)
			assert_string_not_equal(seen[i], seen[j]);
		wire_close(w);
	}
}

/* isert: a Login PDU shorter than its header, and a length below zero. */
static void cve_2026_53176(struct wire_world *world)
{
	static const uint32_t lengths[] = {0, 1, 3, 0x7fffff, 0x800000, 0xfffffc, 0xffffff};

	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		struct wire *w = wire_open(world);
		struct wire_pdu q = wire_login_pdu(w, 0x87, NAMES);

		put_be24(q.bhs.data_segment_length, lengths[i]);
		wire_send_bytes(w, q.raw, ISCSI_BHS_LEN);
		wire_expect_end(w, 20);
	}
	for (size_t n = 1; n < 76; n += 5) {
		struct wire *w = wire_open(world);
		struct wire_pdu q = wire_login_pdu(w, 0x87, NAMES);

		wire_send_bytes(w, q.raw, MIN(n, (size_t)ISCSI_BHS_LEN));
		wire_close(w);
	}
	expect_unharmed(world);
}

/* SPDK: PDUs without data where some were expected. */
static void cve_2021_28361(struct wire_world *world)
{
	for (unsigned opcode = 0; opcode < 0x40; opcode++) {
		struct wire *w = wire_open(world);
		struct wire_pdu q = wire_make(w, (uint8_t)opcode), r;

		wire_send(w, &q);
		wire_close(w);
		w = wire_open_session(world);
		q = wire_make(w, (uint8_t)(opcode | ISCSI_IMMEDIATE));
		wire_send(w, &q);
		while (wire_try(w, &r, 0.2))
			;
		wire_close(w);
	}
	expect_unharmed(world);
}

/* SPDK: CHAP asked of sessions and forgotten for discovery (#3417); what is no login, in a login (#3927). */
static void spdk_3417(struct wire_world *world)
{
	struct wire *w = wire_open(world);

	wire_expect_login_fails(w, &(struct wire_login){.discovery = true}, 0x0201);
}

static void spdk_3927(struct wire_world *world)
{
	static const uint8_t opcodes[] = {ISCSI_NOP_OUT,  ISCSI_SCSI_COMMAND,   ISCSI_TMF_REQUEST,
					  ISCSI_DATA_OUT, ISCSI_LOGOUT_REQUEST, ISCSI_TEXT_REQUEST};

	for (size_t i = 0; i < 2 * ARRAY_SIZE(opcodes); i++) {
		struct wire *w = wire_open(world);
		struct wire_pdu q, r;

		if (i % 2)
			assert_int_equal(wire_login_step(w, 0x00, NAMES, &r), 0);
		q = wire_make(w, opcodes[i / 2]);
		wire_send(w, &q);
		wire_expect_end(w, 20);
	}
	expect_unharmed(world);
}

/* SCST: an UNMAP list read past its end (#328). FreeBSD's ctl: REPORT SUPPORTED OPERATION CODES out of
 * bounds (2024-42416), PERSISTENT RESERVE OUT whose length sized an allocation (2024-39281), WRITE BUFFER
 * (2024-45063). Each with every length that lies about the data. */
static void commands_that_lie(struct wire_world *world)
{
	static const uint8_t cdbs[][16] = {
		{0x42, [7] = 0xff, 0xff},                                     /* UNMAP */
		{0xa3, 0x0c, 0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, /* one opcode */
		{0xa3, 0x0c, 0x83, 0xa3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		{0xa3, 0x0c, 0x02, 0x9e, 0x00, 0x1f, 0xff, 0xff, 0xff, 0xff},
		{0x5f, [5] = 0xff, 0xff, 0xff, 0xff},                   /* PERSISTENT RESERVE OUT */
		{0x3b, 0x02, [3] = 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, /* WRITE BUFFER */
		{0x55, 0x10, [7] = 0xff, 0xff},                         /* MODE SELECT (10) */
	};
	static const uint32_t lengths[] = {0, 1, 7, 8, 9, 23, 24, 512, 65535};
	const uint8_t *data = wire_pattern(world, 65536, 0xff);
	struct wire *w = wire_open_session(world);

	wire_clear_attention(w, 0);
	for (size_t i = 0; i < ARRAY_SIZE(cdbs); i++)
		for (size_t j = 0; j < ARRAY_SIZE(lengths); j++) {
			struct wire_cmd cmd = {
				.write = lengths[j], .immediate = lengths[j], .data = data};
			struct wire_result r;

			memcpy(cmd.cdb, cdbs[i], sizeof(cmd.cdb));
			if (cdbs[i][0] == 0xa3) {
				cmd.write = cmd.immediate = 0;
				cmd.read = lengths[j];
			}
			wire_execute(w, &cmd, &r);
		}
	wire_ping(w);
	wire_logout(w);
	expect_unharmed(world);
}

/* FreeBSD's ctl: bytes of the heap in answers (2024-43110, 2024-8178). What a command does not fill is
 * zero, whatever the buffer held before. */
static void cve_2024_43110(struct wire_world *world)
{
	static const uint8_t cdbs[][16] = {
		{0x12, [4] = 0xff},          {0x12, 1, 0x83, 0, 0xff}, {0x12, 1, 0xb0, 0, 0xff},
		{0x1a, 0, 0x3f, 0xff, 0xff}, {0x03, [4] = 0xff},       {0x4d, [7] = 2, 0},
		{0x9e, 0x10, [12] = 2, 0},   {0xa0, [8] = 2, 0},
	};
	struct wire *w = wire_open_session(world);
	const uint8_t *dirt = wire_pattern(world, 65536, 0xee);

	wire_clear_attention(w, 0);
	for (size_t i = 0; i < ARRAY_SIZE(cdbs); i++) {
		struct wire_cmd write = {.cdb = WRITE10(0, 128), .write = 65536, .data = dirt};
		struct wire_cmd cmd = {.read = 512};
		struct wire_result first, second;

		memcpy(cmd.cdb, cdbs[i], sizeof(cmd.cdb));
		wire_execute(w, &cmd, &first);
		for (int j = 0; j < 4; j++)
			wire_good(w, &write, NULL);
		wire_execute(w, &cmd, &second);
		assert_int_equal(first.data_len, second.data_len);
		assert_memory_equal(first.data, second.data, first.data_len);
	}
}

static const struct wire_case cases[] = {
	CASE_WITH(cve_2011_0001, &without_chap),     CASE_WITH(cve_2013_2850, &without_chap),
	CASE_WITH(cve_2018_14633, &with_chap),       CASE_WITH(cve_2024_45751, &with_chap),
	CASE_WITH(cve_2026_53176, &without_chap),    CASE_WITH(cve_2021_28361, &without_chap),
	CASE_WITH(spdk_3417, &discovery_chap),       CASE_WITH(spdk_3927, &without_chap),
	CASE_WITH(commands_that_lie, &without_chap), CASE_WITH(cve_2024_43110, &without_chap),
};
WIRE_THEME_DEFINE(cve);

/* SPDX-License-Identifier: BSD-2-Clause */
/* Logins that must fail: malformed, contradictory, endless, or no login at all. */
#include "wire.h"

#define NAMES "InitiatorName=" WIRE_INITIATOR "\nSessionType=Normal\nTargetName=" WIRE_TARGET

/* The answer is a Login reject of class 2 (initiator error), then the end. */
static void expect_refused(struct wire *w)
{
	struct wire_pdu r;

	wire_expect(w, ISCSI_LOGIN_RESPONSE, &r);
	if (r.login_response.status_class != 2)
		wire_fail(w->world, "status %02x%02x, expected an initiator error",
			  r.login_response.status_class, r.login_response.status_detail);
	wire_expect_closed(w, 5);
}

static void refused(struct wire_world *world, uint8_t flags, const void *data, size_t len)
{
	struct wire *w = wire_open(world);
	struct wire_pdu q = wire_login_pdu(w, flags, NULL);

	wire_set_data(&q, data, len);
	wire_send(w, &q);
	expect_refused(w);
}

static void refused_keys(struct wire_world *world, uint8_t flags, const char *keys)
{
	struct wire *w = wire_open(world);
	struct wire_pdu q = wire_login_pdu(w, flags, keys);

	wire_send(w, &q);
	expect_refused(w);
}

/* 6.1 */
static void text_that_is_none(struct wire_world *world)
{
	static const char no_nul[] = "InitiatorName=" WIRE_INITIATOR "\0TargetName=" WIRE_TARGET;
	static const char no_value[] =
		"InitiatorName=" WIRE_INITIATOR "\0TargetName=" WIRE_TARGET "\0MaxBurstLength";
	static const char no_name[] =
		"InitiatorName=" WIRE_INITIATOR "\0TargetName=" WIRE_TARGET "\0=8192";

	refused(world, WIRE_OPERATIONAL_TO_FULL, no_nul, sizeof(no_nul) - 1);
	refused(world, WIRE_OPERATIONAL_TO_FULL, no_value, sizeof(no_value));
	refused(world, WIRE_OPERATIONAL_TO_FULL, no_name, sizeof(no_name));
}

static void too_long_keys_and_values(struct wire_world *world)
{
	char keys[2048], name[300];
	struct wire *w;
	struct wire_pdu r;

	/* A key of 63 characters is one that we do not know; of 64, none at all. */
	w = wire_open(world);
	snprintf(keys, sizeof(keys), NAMES "\nX%062d=1", 1);
	assert_int_equal(wire_login_step(w, WIRE_OPERATIONAL_TO_FULL, keys, &r), 0);
	snprintf(keys, sizeof(keys), "X%062d", 1);
	wire_expect_key(w, &r, keys, "NotUnderstood");
	snprintf(keys, sizeof(keys), NAMES "\nX%063d=1", 1);
	refused_keys(world, WIRE_OPERATIONAL_TO_FULL, keys);

	/* 4.2.7.1: a name has at most 223 bytes. */
	snprintf(name, sizeof(name), "iqn.2026-01.test.lunar:%0200d", 1);
	assert_int_equal(strlen(name), 223);
	w = wire_open(world);
	wire_login(w, &(struct wire_login){.initiator = name});
	snprintf(name, sizeof(name), "iqn.2026-01.test.lunar:%0201d", 1);
	snprintf(keys, sizeof(keys), "InitiatorName=%s\nTargetName=" WIRE_TARGET, name);
	refused_keys(world, WIRE_OPERATIONAL_TO_FULL, keys);

	/* 6.1: a simple value has at most 255 bytes. */
	snprintf(keys, sizeof(keys), NAMES "\nInitiatorAlias=%0256d", 1);
	refused_keys(world, WIRE_OPERATIONAL_TO_FULL, keys);
}

static void names_that_are_none(struct wire_world *world)
{
	static const char *const bad[] = {
		"InitiatorName=\nTargetName=" WIRE_TARGET,
		"InitiatorName=me\nTargetName=" WIRE_TARGET,
		"InitiatorName=iqn.2026-01.test/../etc\nTargetName=" WIRE_TARGET,
		"InitiatorName=iqn.2026-01.test:\x1b[31m\nTargetName=" WIRE_TARGET,
		"InitiatorName=" WIRE_INITIATOR "\nTargetName=",
		"InitiatorName=" WIRE_INITIATOR "\nTargetName=../../etc/passwd",
		NAMES "\nSessionType=Normal", /* twice */
		"InitiatorName=" WIRE_INITIATOR "\nSessionType=Zork\nTargetName=" WIRE_TARGET,
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		refused_keys(world, WIRE_OPERATIONAL_TO_FULL, bad[i]);
}

/* 6.3: no key twice in one login, in one request or in two. */
static void repeated_keys(struct wire_world *world)
{
	struct wire *w = wire_open(world);
	struct wire_pdu q;

	refused_keys(world, WIRE_OPERATIONAL_TO_FULL,
		     NAMES "\nMaxBurstLength=8192\nMaxBurstLength=4096");
	refused_keys(world, WIRE_OPERATIONAL_TO_FULL, NAMES "\nInitiatorName=" WIRE_INITIATOR);
	assert_int_equal(wire_login_step(w, WIRE_OPERATIONAL, NAMES "\nInitialR2T=No", NULL), 0);
	q = wire_login_pdu(w, WIRE_OPERATIONAL_TO_FULL, "InitialR2T=Yes");
	wire_send(w, &q);
	expect_refused(w);

	w = wire_open(world);
	assert_int_equal(wire_login_step(w, WIRE_OPERATIONAL, NAMES, NULL), 0);
	q = wire_login_pdu(w, WIRE_OPERATIONAL_TO_FULL, "TargetName=" WIRE_TARGET);
	wire_send(w, &q);
	expect_refused(w);
}

/* Declared values out of range end a login (7.12); proposals are answered with Reject (6.2.2), unless
 * something less is meant by too much. Digests nobody knows end it, too: what the initiator would do
 * without one, it has not said (6.2.1). */
static void values_out_of_range(struct wire_world *world)
{
	static const char *const declared[] = {
		"MaxRecvDataSegmentLength=511",
		"MaxRecvDataSegmentLength=16777216",
		"MaxRecvDataSegmentLength=0",
		"MaxRecvDataSegmentLength=-1",
		"MaxRecvDataSegmentLength=",
		"MaxRecvDataSegmentLength=8192x",
		"MaxRecvDataSegmentLength=99999999999999999999999",
	};
	static const struct {
		const char *key, *value, *answer;
	} negotiated[] = {
		{"MaxBurstLength", "511", "Reject"},   {"FirstBurstLength", "none", "Reject"},
		{"MaxConnections", "0", "Reject"},     {"DefaultTime2Wait", "3601", "Reject"},
		{"MaxOutstandingR2T", "0", "Reject"},  {"InitialR2T", "yes", "Reject"},
		{"ImmediateData", "1", "Reject"},      {"MaxBurstLength", "0xzz", "Reject"},
		{"MaxBurstLength", "-4096", "Reject"}, {"MaxConnections", "65536", "1"},
		{"ErrorRecoveryLevel", "3", "0"},      {"MaxBurstLength", "16777216", "1048576"},
	};
	char keys[512];

	for (size_t i = 0; i < ARRAY_SIZE(declared); i++) {
		snprintf(keys, sizeof(keys), NAMES "\n%s", declared[i]);
		refused_keys(world, WIRE_OPERATIONAL_TO_FULL, keys);
	}
	for (size_t i = 0; i < ARRAY_SIZE(negotiated); i++) {
		struct wire *w = wire_open(world);
		struct wire_pdu r;

		snprintf(keys, sizeof(keys), NAMES "\n%s=%s", negotiated[i].key,
			 negotiated[i].value);
		assert_int_equal(wire_login_step(w, WIRE_OPERATIONAL_TO_FULL, keys, &r), 0);
		wire_expect_key(w, &r, negotiated[i].key, negotiated[i].answer);
		wire_close(w);
	}
	refused_keys(world, WIRE_OPERATIONAL_TO_FULL, NAMES "\nHeaderDigest=MD5,SHA1");
}

/* 6.2: reserved words are answers, never proposals. */
static void reserved_words_proposed(struct wire_world *world)
{
	refused_keys(world, WIRE_OPERATIONAL_TO_FULL, NAMES "\nInitialR2T=Reject");
	refused_keys(world, WIRE_OPERATIONAL_TO_FULL, NAMES "\nMaxBurstLength=Irrelevant");
	refused_keys(world, WIRE_OPERATIONAL_TO_FULL, NAMES "\nHeaderDigest=NotUnderstood");
}

/* 6.3, 12: each key has its stage, and its sender. */
static void keys_out_of_place(struct wire_world *world)
{
	refused_keys(world, WIRE_SECURITY_TO_OPERATIONAL, NAMES "\nMaxBurstLength=8192");
	refused_keys(world, WIRE_SECURITY_TO_OPERATIONAL, NAMES "\nHeaderDigest=None");
	refused_keys(world, WIRE_SECURITY_TO_OPERATIONAL, NAMES "\nX#NodeArchitecture=a/1");
	refused_keys(world, WIRE_OPERATIONAL_TO_FULL, NAMES "\nAuthMethod=None");
	refused_keys(world, WIRE_OPERATIONAL_TO_FULL, NAMES "\nSendTargets=All");
	refused_keys(world, WIRE_OPERATIONAL_TO_FULL, NAMES "\nTargetPortalGroupTag=1");
	refused_keys(world, WIRE_OPERATIONAL_TO_FULL, NAMES "\nTargetAddress=10.0.0.9:3260,1");
}

/* 6.3: the order of stages. */
static void stages_that_are_none(struct wire_world *world)
{
	static const uint8_t bad[] = {
		0x80 | 0x04 | 0x00,        /* operational to security */
		0x80 | 0x04 | 0x01,        /* to itself */
		0x80 | 0x00 | 0x00,        /* likewise */
		0x80 | 0x00 | 0x02,        /* to one that is not there */
		0x80 | 0x08 | 0x03,        /* from one that is not there */
		0x80 | 0x0c | 0x03,        /* from full feature phase */
		0x80 | 0x40 | 0x04 | 0x03, /* T and C together (11.12.2) */
	};
	struct wire *w = wire_open(world);
	struct wire_pdu q;

	for (size_t i = 0; i < sizeof(bad); i++)
		refused_keys(world, bad[i], NAMES);
	/* The second request belongs to the stage that the first has left. */
	assert_int_equal(wire_login_step(w, WIRE_SECURITY_TO_OPERATIONAL, NAMES, NULL), 0);
	q = wire_login_pdu(w, WIRE_SECURITY_TO_OPERATIONAL, "AuthMethod=None");
	wire_send(w, &q);
	expect_refused(w);
}

/* 11.12: what identifies the login must not change in its course; ITT, ISID, TSIH, CID. */
static void identity_changes_midway(struct wire_world *world)
{
	static const uint8_t where[] = {8, 13, 15, 19, 21}; /* ISID twice, TSIH, ITT, CID */

	for (size_t i = 0; i < sizeof(where); i++) {
		struct wire *w = wire_open(world);
		struct wire_pdu q;

		assert_int_equal(wire_login_step(w, WIRE_OPERATIONAL, NAMES, NULL), 0);
		q = wire_login_pdu(w, WIRE_OPERATIONAL_TO_FULL, NULL);
		q.raw[where[i]] ^= 1;
		wire_send(w, &q);
		expect_refused(w);
	}
}

static void too_much_text(struct wire_world *world)
{
	struct wire *w = wire_open(world);
	static char filler[8000];
	unsigned pieces = 0;

	memset(filler, 'a', sizeof(filler));
	memcpy(filler, "X-a=", 4);
	while (pieces++ < 100) {
		struct wire_pdu q = wire_login_pdu(w, WIRE_OPERATIONAL | ISCSI_LOGIN_CONTINUE,
						   NULL),
				r;

		wire_set_data(&q, filler, sizeof(filler));
		wire_send(w, &q);
		wire_expect(w, ISCSI_LOGIN_RESPONSE, &r);
		if (r.login_response.status_class) {
			assert_int_equal(r.login_response.status_class, 2);
			wire_expect_closed(w, 5);
			return;
		}
	}
	wire_fail(world, "took %u pieces of text", pieces);
}

static void too_many_requests(struct wire_world *world)
{
	struct wire *w = wire_open(world);
	unsigned n = 0;
	struct wire_pdu r;

	while (n++ < 500) {
		struct wire_pdu q = wire_login_pdu(w, WIRE_OPERATIONAL, n == 1 ? NAMES : NULL);

		wire_send(w, &q);
		wire_expect(w, ISCSI_LOGIN_RESPONSE, &r);
		if (r.login_response.status_class)
			break;
	}
	assert_int_equal(r.login_response.status_class, 2);
	assert_true(n > 6); /* 6.2 */
	wire_expect_closed(w, 5);
}

/* 4.2.4: before the first Login Request the connection just ends. */
static void something_else_first(struct wire_world *world)
{
	static const uint8_t opcodes[] = {ISCSI_NOP_OUT,
					  ISCSI_SCSI_COMMAND,
					  ISCSI_TMF_REQUEST,
					  ISCSI_TEXT_REQUEST,
					  ISCSI_DATA_OUT,
					  ISCSI_LOGOUT_REQUEST,
					  ISCSI_SNACK_REQUEST,
					  0x1c,
					  0x3f};

	for (size_t i = 0; i < sizeof(opcodes); i++) {
		struct wire *w = wire_open(world);
		struct wire_pdu q = wire_make(w, opcodes[i]);

		wire_send(w, &q);
		wire_expect_closed(w, 1);
	}
}

/* ... and during the login it ends with a word (0x020b). */
static void something_else_between(struct wire_world *world)
{
	static const uint8_t opcodes[] = {ISCSI_NOP_OUT, ISCSI_SCSI_COMMAND, ISCSI_TEXT_REQUEST,
					  0x1c};

	for (size_t i = 0; i < sizeof(opcodes); i++) {
		struct wire *w = wire_open(world);
		struct wire_pdu q, r;

		assert_int_equal(wire_login_step(w, WIRE_OPERATIONAL, NAMES, NULL), 0);
		q = wire_make(w, opcodes[i]);
		wire_send(w, &q);
		wire_expect(w, ISCSI_LOGIN_RESPONSE, &r);
		assert_int_equal(r.login_response.status_class, 2);
		assert_int_equal(r.login_response.status_detail, 0x0b);
		wire_expect_closed(w, 5);
	}
}

/* 4.2.4: one login a connection. What is no request of this phase is rejected, and nothing of the
 * session has changed. */
static void login_in_full_feature_phase(struct wire_world *world)
{
	struct wire *w = wire_open_session(world), *other = wire_open_session(world);
	struct wire_pdu q = wire_login_pdu(w, WIRE_OPERATIONAL_TO_FULL, NAMES);

	w->itt++;
	wire_send(w, &q);
	wire_expect_reject(w, ISCSI_REJECT_NOT_SUPPORTED, &q);
	wire_ping(w);
	wire_ping(other);
}

/* 6.3: the default MaxRecvDataSegmentLength holds while logging in. */
static void too_long_a_segment(struct wire_world *world)
{
	struct wire *w = wire_open(world);
	struct wire_pdu q = wire_login_pdu(w, WIRE_OPERATIONAL, NULL);
	static char text[ISCSI_LOGIN_DATA_MAX + 4];

	wire_set_data(&q, text, sizeof(text));
	wire_send(w, &q);
	wire_expect_end(w, 5);
}

static void header_of_an_ahs(struct wire_world *world)
{
	struct wire *w = wire_open(world);
	struct wire_pdu q = wire_login_pdu(w, WIRE_OPERATIONAL_TO_FULL, NAMES);

	q.ahs_len = ISCSI_AHS_MAX;
	wire_send(w, &q);
	wire_expect_end(w, 6);
}

/* --- time */

static void silent_from_the_start(struct wire_world *world)
{
	struct wire *w = wire_open(world);

	wire_expect_closed_between(w, 4.9, 5.2);
}

static void silent_in_the_first_header(struct wire_world *world)
{
	struct wire *w = wire_open(world);
	struct wire_pdu q = wire_login_pdu(w, WIRE_OPERATIONAL_TO_FULL, NAMES);

	wire_send_bytes(w, q.raw, 20);
	wire_expect_closed_between(w, 4.9, 5.2);
}

static void silent_in_the_first_text(struct wire_world *world)
{
	struct wire *w = wire_open(world);
	struct wire_pdu q = wire_login_pdu(w, WIRE_OPERATIONAL_TO_FULL, NAMES);
	uint8_t *bytes;
	size_t len = wire_encode(w, &q, &bytes);

	wire_send_bytes(w, bytes, len - 10);
	wire_expect_closed_between(w, 4.9, 5.2);
}

/* Never silent for long, never finished. */
static void a_byte_now_and_then(struct wire_world *world)
{
	struct wire *w = wire_open(world);
	struct wire_pdu q = wire_login_pdu(w, WIRE_OPERATIONAL_TO_FULL, NAMES);
	uint64_t start = wire_now(world);
	double took;

	for (unsigned i = 0; i < 20 && !w->ended; i++) {
		wire_send_bytes(w, q.raw + i, 1);
		wire_run(world, 1);
	}
	took = (double)(wire_now(world) - start) / (double)NSEC_PER_SEC;
	assert_true(w->ended);
	assert_true(took > 14.5 && took < 16.5);
}

static void a_login_that_never_ends(struct wire_world *world)
{
	struct wire *w = wire_open(world);
	uint64_t start = wire_now(world);
	double took;

	assert_int_equal(wire_login_step(w, WIRE_OPERATIONAL, NAMES, NULL), 0);
	while (!w->ended && wire_now(world) < start + 30 * NSEC_PER_SEC) {
		struct wire_pdu q = wire_login_pdu(w, WIRE_OPERATIONAL, NULL), r;

		wire_send(w, &q);
		wire_try(w, &r, 2);
		wire_run(world, 1);
	}
	took = (double)(wire_now(world) - start) / (double)NSEC_PER_SEC;
	assert_true(w->ended);
	assert_true(took > 14.5 && took < 17.5);
}

/* Between two requests an initiator may think (a person types a password): not 5 but 15 s. */
static void a_pause_between_requests(struct wire_world *world)
{
	struct wire *w = wire_open(world);

	assert_int_equal(wire_login_step(w, WIRE_OPERATIONAL, NAMES, NULL), 0);
	wire_expect_silence(w, 8);
	assert_int_equal(wire_login_step(w, WIRE_OPERATIONAL_TO_FULL, NULL, NULL), 0);
}

static void the_next_login_works(struct wire_world *world)
{
	wire_close(wire_open(world));
	refused_keys(world, WIRE_OPERATIONAL_TO_FULL, "TargetName=" WIRE_TARGET);
	wire_ping(wire_open_session(world));
}

static const struct wire_case cases[] = {
	REAL(text_that_is_none),        CASE(too_long_keys_and_values),
	CASE(names_that_are_none),      REAL(repeated_keys),
	CASE(values_out_of_range),      CASE(reserved_words_proposed),
	CASE(keys_out_of_place),        CASE(stages_that_are_none),
	CASE(identity_changes_midway),  CASE(too_much_text),
	CASE(too_many_requests),        REAL(something_else_first),
	REAL(something_else_between),   CASE(login_in_full_feature_phase),
	REAL(too_long_a_segment),       CASE(header_of_an_ahs),
	CASE(silent_from_the_start),    CASE(silent_in_the_first_header),
	CASE(silent_in_the_first_text), CASE(a_byte_now_and_then),
	CASE(a_login_that_never_ends),  CASE(a_pause_between_requests),
	REAL(the_next_login_works),
};

WIRE_THEME_DEFINE(login_bad);

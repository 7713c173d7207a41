/* SPDX-License-Identifier: BSD-2-Clause */
/* The initiator's side of the login against hand-made responses, such as a faulty or a hostile
 * target sends them. In texts ';' stands for the NUL after each pair. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include "iscsi/login.h"

#define TARGET    "iqn.2001-04.com.example:disk"
#define INITIATOR "iqn.1994-05.com.example:host"

#define SEC      0x00
#define OPER     0x04
#define SEC_OPER 0x81
#define OPER_END 0x87
#define C        ISCSI_LOGIN_CONTINUE

enum {
	STAGE = 1,
	CHAP = 2,
	MUTUAL = 4,
	ALLOW_NONE = 8,
	TPGT_1 = 16,
	JOIN = 32,
	ONLY_MD5 = 64,
	ALIAS = 128
};

struct step {
	unsigned flags; /* of the response */
	const char *text;
	uint16_t status;
};

struct script {
	const char *name;
	unsigned setup;
	struct step step[5]; /* all but the last go well */
	enum iscsi_login_result result;
	const char *why; /* a part of it */
};

static void fixed_random(void *ctx, void *out, size_t len)
{
	memset(out, 0x5a, len);
}

static void begin(struct iscsi_login_initiator *l, unsigned setup)
{
	struct iscsi_chap_account ours, theirs;
	struct iscsi_login_config c = {
		.initiator_name = INITIATOR,
		.initiator_alias = setup & ALIAS ? "A host" : NULL,
		.target_name = TARGET,
		.isid = {0, 2, 0x3d, 0, 0, 1},
		.itt = 0x01020304,
		.tsih = setup & JOIN ? 5 : 0,
		.tpgt = setup & TPGT_1 ? 1 : -1,
		.security_stage = setup & STAGE,
		.allow_none = setup & ALLOW_NONE,
		.algorithms = setup & ONLY_MD5 ? ISCSI_CHAP_BIT(ISCSI_CHAP_MD5) : 0,
	};
	iscsi_offer_init(&c.offer);
	iscsi_chap_account_set(&ours, "host", "secret of host", 14);
	iscsi_chap_account_set(&theirs, "disk", "secret of disk", 14);
	if (setup & (CHAP | MUTUAL))
		c.ours = &ours;
	if (setup & MUTUAL)
		c.theirs = &theirs;
	assert_int_equal(iscsi_login_initiator_init(l, &c, fixed_random, NULL), 0);
}

/* $R is the MD5 response of "disk" to our challenge, $H what "host" would have answered to it. */
static void expand(char *out, const char *text)
{
	uint8_t challenge[ISCSI_CHAP_CHALLENGE_LEN], r[ISCSI_CHAP_DIGEST_MAX];
	memset(challenge, 0x5a, sizeof(challenge));
	for (*out = 0; *text; text++) {
		struct iscsi_chap_account a;
		if (*text != '$') {
			strncat(out, text, 1);
			continue;
		}
		iscsi_chap_account_set(&a, "x",
				       *++text == 'R' ? "secret of disk" : "secret of host", 14);
		assert_int_equal(iscsi_chap_response(5, 0x5a, &a, challenge, sizeof(challenge), r),
				 0);
		strcat(out, "0x");
		for (int i = 0; i < 16; i++)
			sprintf(out + strlen(out), "%02x", r[i]);
	}
}

static enum iscsi_login_result respond(struct iscsi_login_initiator *l, const struct step *s,
				       uint16_t tsih)
{
	struct iscsi_login_request req;
	struct iscsi_login_response rsp = {.opcode = ISCSI_LOGIN_RESPONSE};
	char text[4096];
	const uint8_t *data;
	uint32_t len;
	assert_int_equal(iscsi_login_initiator_request(l, &req, &data, &len), 0);
	memcpy(rsp.itt, req.itt, sizeof(rsp.itt));
	put_be16(rsp.tsih, tsih);
	rsp.flags = (uint8_t)s->flags;
	rsp.status_class = (uint8_t)(s->status >> 8);
	rsp.status_detail = (uint8_t)s->status;
	expand(text, s->text);
	size_t text_len = strlen(text);
	for (size_t i = 0; i < text_len; i++)
		if (text[i] == ';')
			text[i] = 0;
	return iscsi_login_initiator_response(l, &rsp, text, (uint32_t)text_len);
}

static void run(const struct script *s)
{
	struct iscsi_login_initiator l;
	enum iscsi_login_result r = ISCSI_LOGIN_GOES_ON;
	begin(&l, s->setup);
	for (size_t i = 0; i < ARRAY_SIZE(s->step) && s->step[i].text; i++) {
		print_message("# %s, response %zu\n", s->name, i + 1);
		assert_int_equal(r, ISCSI_LOGIN_GOES_ON);
		r = respond(&l, &s->step[i], s->setup & JOIN ? 5 : 9);
	}
	assert_int_equal(r, s->result);
	if (r == ISCSI_LOGIN_FAILED && !strstr(l.why, s->why))
		fail_msg("%s: \"%s\" does not say \"%s\"", s->name, l.why, s->why);
	if (r == ISCSI_LOGIN_FINISHED)
		assert_string_equal(l.why, "");
	iscsi_login_initiator_free(&l);
}

#define GOOD      ISCSI_LOGIN_FINISHED
#define BAD       ISCSI_LOGIN_FAILED
#define CHALLENGE "CHAP_A=5;CHAP_I=1;CHAP_C=0x0102;"
#define CHAP_BEGINS                   \
	{SEC, "AuthMethod=CHAP;", 0}, \
	{                             \
		SEC, CHALLENGE, 0     \
	}

static const struct script scripts[] = {
	{"at once", 0, {{OPER_END, "", 0}}, GOOD, ""},
	{"tag", TPGT_1, {{OPER_END, "TargetPortalGroupTag=1;", 0}}, GOOD, ""},
	{"wrong tag", TPGT_1, {{OPER_END, "TargetPortalGroupTag=2;", 0}}, BAD, "portal group 2"},
	{"long tag",
	 0,
	 {{OPER_END, "TargetPortalGroupTag=65536;", 0}},
	 BAD,
	 "TargetPortalGroupTag \"65536\""},
	{"an alias that steers a terminal",
	 0,
	 {{OPER_END, "TargetAlias=\x1b[2J;", 0}},
	 BAD,
	 "TargetAlias \"\\x1b[2J\""},
	{"step by step",
	 0,
	 {{OPER, "MaxBurstLength=4096;", 0}, {OPER, "", 0}, {OPER_END, "ImmediateData=No;", 0}},
	 GOOD,
	 ""},
	{"answers over two PDUs",
	 0,
	 {{OPER | C, "MaxBurstLength=40", 0}, {OPER_END, "96;", 0}},
	 GOOD,
	 ""},
	{"an answer twice",
	 0,
	 {{OPER, "MaxBurstLength=4096;", 0}, {OPER, "MaxBurstLength=4096;", 0}},
	 BAD,
	 "MaxBurstLength came a second time"},
	{"more than was offered",
	 0,
	 {{OPER_END, "MaxBurstLength=262145;", 0}},
	 BAD,
	 "MaxBurstLength is answered by what was not proposed"},
	{"our own name", 0, {{OPER, "InitiatorName=" INITIATOR ";", 0}}, BAD, "this side"},
	{"our own alias", ALIAS, {{OPER, "InitiatorAlias=x;", 0}}, BAD, "this side"},
	{"no form", 0, {{OPER_END, "Foo;", 0}}, BAD, "key=value"},
	{"never ends", 0, {{OPER, "", 0}, {OPER, "", 0}, {OPER, "", 0}}, ISCSI_LOGIN_GOES_ON, ""},
	{"another stage", 0, {{SEC, "", 0}}, BAD, "another stage"},
	{"transition to nowhere", 0, {{0x86, "", 0}}, BAD, "transition"},
	{"T and C", 0, {{OPER_END | C, "", 0}}, BAD, "transition"},
	{"operational key in the security stage",
	 STAGE,
	 {{SEC, "MaxBurstLength=512;", 0}},
	 BAD,
	 "not allowed in this stage"},
	{"too far at once", STAGE, {{0x83, "AuthMethod=None;", 0}}, BAD, "transition"},
	{"None", STAGE, {{SEC_OPER, "AuthMethod=None;", 0}, {OPER_END, "", 0}}, GOOD, ""},
	{"None without a word", STAGE, {{SEC_OPER, "", 0}, {OPER_END, "", 0}}, GOOD, ""},
	{"CHAP not offered", STAGE, {{SEC, "AuthMethod=CHAP;", 0}}, BAD, "requires"},
	{"Reject", STAGE, {{SEC, "AuthMethod=Reject;", 0}}, BAD, "requires"},
	{"joins", JOIN, {{OPER_END, "", 0}}, GOOD, ""},
	/* CHAP */
	{"CHAP", CHAP, {CHAP_BEGINS, {SEC_OPER, "", 0}, {OPER_END, "", 0}}, GOOD, ""},
	{"CHAP, late transition",
	 CHAP,
	 {CHAP_BEGINS, {SEC, "", 0}, {SEC_OPER, "", 0}},
	 ISCSI_LOGIN_GOES_ON,
	 ""},
	{"None instead of CHAP",
	 CHAP,
	 {{SEC, "AuthMethod=None;", 0}},
	 BAD,
	 "does not authenticate"},
	{"None instead of CHAP, and away",
	 CHAP,
	 {{SEC_OPER, "AuthMethod=None;", 0}},
	 BAD,
	 "transition"},
	{"None, which is good, too",
	 CHAP | ALLOW_NONE,
	 {{SEC_OPER, "AuthMethod=None;", 0}, {OPER_END, "", 0}},
	 GOOD,
	 ""},
	{"CHAP and away", CHAP | ALLOW_NONE, {{SEC_OPER, "AuthMethod=CHAP;", 0}}, BAD, "skips"},
	{"challenge with AuthMethod",
	 CHAP,
	 {{SEC, "AuthMethod=CHAP;" CHALLENGE, 0}},
	 BAD,
	 "out of order"},
	{"no challenge",
	 CHAP,
	 {{SEC, "AuthMethod=CHAP;", 0}, {SEC, "", 0}},
	 BAD,
	 "no CHAP challenge"},
	{"empty challenge",
	 CHAP,
	 {{SEC, "AuthMethod=CHAP;", 0}, {SEC, "CHAP_A=5;CHAP_I=1;CHAP_C=0x;", 0}},
	 BAD,
	 "CHAP_C is no binary value"},
	{"identifier of two bytes",
	 CHAP,
	 {{SEC, "AuthMethod=CHAP;", 0}, {SEC, "CHAP_A=5;CHAP_I=256;CHAP_C=0x01;", 0}},
	 BAD,
	 "CHAP_I \"256\": not a number"},
	{"algorithm not offered",
	 CHAP | ONLY_MD5,
	 {{SEC, "AuthMethod=CHAP;", 0}, {SEC, "CHAP_A=7;CHAP_I=1;CHAP_C=0x01;", 0}},
	 BAD,
	 "not proposed"},
	{"two algorithms",
	 CHAP,
	 {{SEC, "AuthMethod=CHAP;", 0}, {SEC, "CHAP_A=5,7;CHAP_I=1;CHAP_C=0x01;", 0}},
	 BAD,
	 "not proposed"},
	{"a proof nobody asked for",
	 CHAP,
	 {CHAP_BEGINS, {SEC_OPER, "CHAP_N=disk;CHAP_R=$R;", 0}},
	 BAD,
	 "out of order"},
	{"mutual",
	 MUTUAL,
	 {CHAP_BEGINS, {SEC_OPER, "CHAP_N=disk;CHAP_R=$R;", 0}, {OPER_END, "", 0}},
	 GOOD,
	 ""},
	{"mutual skipped",
	 MUTUAL,
	 {CHAP_BEGINS, {SEC_OPER, "", 0}},
	 BAD,
	 "does not authenticate itself"},
	{"mutual, None", MUTUAL, {{SEC, "AuthMethod=None;", 0}}, BAD, "does not authenticate"},
	{"mutual, wrong name",
	 MUTUAL,
	 {CHAP_BEGINS, {SEC_OPER, "CHAP_N=disc;CHAP_R=$R;", 0}},
	 BAD,
	 "wrong name or secret"},
	{"mutual, wrong proof",
	 MUTUAL,
	 {CHAP_BEGINS, {SEC_OPER, "CHAP_N=disk;CHAP_R=0x00000000000000000000000000000000;", 0}},
	 BAD,
	 "wrong name or secret"},
	{"mutual, no binary",
	 MUTUAL,
	 {CHAP_BEGINS, {SEC_OPER, "CHAP_N=disk;CHAP_R=00;", 0}},
	 BAD,
	 "CHAP_R is no binary value"},
	{"our own secret",
	 MUTUAL,
	 {CHAP_BEGINS, {SEC_OPER, "CHAP_N=disk;CHAP_R=$H;", 0}},
	 BAD,
	 "same in both directions"},
	/* statuses */
	{"refused", 0, {{0, "", 0x0202}}, BAD, "not allowed access to the target (status 0202)"},
	{"a status of tomorrow", 0, {{0, "", 0x02ff}}, BAD, "initiator error (status 02ff)"},
	{"a class of tomorrow", 0, {{0, "", 0x0900}}, BAD, "unknown status (status 0900)"},
	{"moved, nowhere", 0, {{0, "", 0x0101}}, BAD, "does not say where to"},
	{"moved, to a terminal", 0, {{0, "TargetAddress=\x1b[2J;", 0x0101}}, BAD, "where to"},
	{"moved, to a path", 0, {{0, "TargetAddress=../../etc;", 0x0101}}, BAD, "where to"},
	{"moved", 0, {{0, "TargetAddress=192.0.2.1:3261;", 0x0101}}, ISCSI_LOGIN_MOVED, ""},
};

static void test_scripts(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(scripts); i++)
		run(&scripts[i]);
}

static void test_moved(void **state)
{
	static const struct {
		const char *text, *address;
		uint16_t status;
	} row[] = {
		{"TargetAddress=192.0.2.1;", "192.0.2.1", 0x0101},
		{"Foo=1;TargetAddress=host.example.com:99;", "host.example.com:99", 0x0102},
		{"TargetAddress=[2001:db8::1]:3260,7;", "[2001:db8::1]:3260", 0x0102},
		{"TargetAddress=;TargetAddress=192.0.2.2;", "192.0.2.2", 0x0101},
	};
	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		struct step s = {.text = row[i].text, .status = row[i].status};
		struct iscsi_login_initiator l;
		begin(&l, 0);
		assert_int_equal(respond(&l, &s, 0), ISCSI_LOGIN_MOVED);
		assert_string_equal(l.address, row[i].address);
		assert_int_equal(l.moved_permanently, row[i].status == 0x0102);
		iscsi_login_initiator_free(&l);
	}
}

static void test_session_handle(void **state)
{
	static const struct {
		unsigned setup;
		uint16_t tsih;
		enum iscsi_login_result result;
	} row[] = {
		{0, 1, GOOD}, {0, 0, BAD}, {JOIN, 5, GOOD}, {JOIN, 6, BAD}, {JOIN, 0, BAD},
	};
	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		struct step s = {OPER_END, "", 0};
		struct iscsi_login_initiator l;
		begin(&l, row[i].setup);
		assert_int_equal(respond(&l, &s, row[i].tsih), row[i].result);
		iscsi_login_initiator_free(&l);
	}
}

static void test_foreign_headers(void **state)
{
	for (int i = 0; i < 3; i++) {
		struct iscsi_login_initiator l;
		struct iscsi_login_request req;
		struct iscsi_login_response rsp = {.flags = OPER};
		const uint8_t *data;
		uint32_t len;
		begin(&l, 0);
		iscsi_login_initiator_request(&l, &req, &data, &len);
		memcpy(rsp.itt, req.itt, sizeof(rsp.itt));
		rsp.itt[3] ^= i == 1;
		rsp.version_active = i == 2;
		assert_int_equal(iscsi_login_initiator_response(&l, &rsp, NULL, 0),
				 i ? ISCSI_LOGIN_FAILED : ISCSI_LOGIN_GOES_ON);
		iscsi_login_initiator_free(&l);
	}
}

static void test_endless(void **state)
{
	struct step s = {OPER, "", 0}, more = {OPER | C, "A=1;", 0};
	struct iscsi_login_initiator l;
	int n = 0;
	begin(&l, 0);
	while (respond(&l, &s, 0) == ISCSI_LOGIN_GOES_ON)
		assert_true(++n < 100);
	assert_int_equal(n, ISCSI_LOGIN_PDUS_MAX);
	iscsi_login_initiator_free(&l);
	begin(&l, 0);
	for (n = 0; respond(&l, &more, 0) == ISCSI_LOGIN_GOES_ON;)
		assert_true(++n < 100);
	iscsi_login_initiator_free(&l);
}

/* The first request, word for word. */
static void test_first_request(void **state)
{
	static const char direct[] = "InitiatorName=" INITIATOR "\0TargetName=" TARGET
				     "\0SessionType=Normal\0MaxRecvDataSegmentLength=8192\0";
	static const char chap[] = "InitiatorName=" INITIATOR "\0TargetName=" TARGET
				   "\0SessionType=Normal\0AuthMethod=CHAP,None";
	struct iscsi_login_initiator l;
	struct iscsi_login_request req;
	const uint8_t *data;
	uint32_t len;
	begin(&l, 0);
	assert_int_equal(iscsi_login_initiator_request(&l, &req, &data, &len), 0);
	assert_true(len > sizeof(direct));
	assert_memory_equal(data, direct, sizeof(direct) - 1);
	assert_int_equal(req.flags, OPER_END);
	iscsi_login_initiator_free(&l);
	begin(&l, CHAP | ALLOW_NONE);
	assert_int_equal(iscsi_login_initiator_request(&l, &req, &data, &len), 0);
	assert_int_equal(len, sizeof(chap));
	assert_memory_equal(data, chap, sizeof(chap));
	assert_int_equal(req.flags, SEC_OPER);
	iscsi_login_initiator_free(&l);
}

/* Gives the engine a response and takes its next request. */
static enum iscsi_login_result exchange(struct iscsi_login_initiator *l, unsigned flags,
					const void *text, size_t len,
					struct iscsi_login_request *req, struct iscsi_text_in *said)
{
	struct iscsi_login_response rsp = {.opcode = ISCSI_LOGIN_RESPONSE, .flags = (uint8_t)flags};
	const uint8_t *data;
	uint32_t data_len;
	put_be32(rsp.itt, 0x01020304);
	put_be16(rsp.tsih, 9);
	enum iscsi_login_result r = iscsi_login_initiator_response(l, &rsp, text, (uint32_t)len);
	if (r != ISCSI_LOGIN_GOES_ON)
		return r;
	assert_int_equal(iscsi_login_initiator_request(l, req, &data, &data_len), 0);
	assert_true(data_len <= ISCSI_LOGIN_DATA_MAX);
	assert_int_equal(iscsi_text_in_add(said, data, data_len), 0);
	return r;
}

static void first_request(struct iscsi_login_initiator *l)
{
	struct iscsi_login_request req;
	const uint8_t *data;
	uint32_t len;
	assert_int_equal(iscsi_login_initiator_request(l, &req, &data, &len), 0);
}

/* The value of a key in what was said, NULL when it is not there. */
static const char *said_of(const struct iscsi_text_in *said, const char *key)
{
	struct iscsi_pair pair;
	size_t at = 0;
	while (iscsi_text_next(said->buf.data, said->buf.len, &at, &pair) > 0)
		if (pair.key_len == strlen(key) && memcmp(pair.key, key, pair.key_len) == 0)
			return pair.value;
	return NULL;
}

/* More is to be answered than fits into one request: C, until all is said; and the target's empty
 * responses in between are not what it answers. */
static void test_long_requests(void **state)
{
	enum { N = 2000 };
	static char text[N * 3];
	struct iscsi_login_initiator l;
	struct iscsi_login_request req;
	struct iscsi_text_in said;
	unsigned requests = 1, pairs = 0;
	for (size_t i = 0; i < N; i++)
		memcpy(text + i * 3, "A=", 3);
	iscsi_text_in_init(&said, 1 << 20, 100);
	begin(&l, 0);
	first_request(&l);
	assert_int_equal(exchange(&l, OPER, text, sizeof(text), &req, &said), ISCSI_LOGIN_GOES_ON);
	for (; req.flags & C; requests++) {
		assert_int_equal(req.flags, OPER | C); /* and no T */
		assert_int_equal(exchange(&l, OPER, NULL, 0, &req, &said), ISCSI_LOGIN_GOES_ON);
	}
	assert_int_equal(req.flags, OPER_END);
	assert_int_equal(requests, (N * sizeof("A=NotUnderstood") + 8191) / 8192);
	struct iscsi_pair pair;
	for (size_t at = 0; iscsi_text_next(said.buf.data, said.buf.len, &at, &pair) > 0; pairs++)
		assert_string_equal(pair.value, "NotUnderstood");
	assert_int_equal(pairs, N);
	assert_int_equal(exchange(&l, OPER_END, NULL, 0, &req, &said), ISCSI_LOGIN_FINISHED);
	iscsi_login_initiator_free(&l);

	/* Text, or C, where the rest of the request is to come (6.2). */
	for (int i = 0; i < 2; i++) {
		begin(&l, 0);
		first_request(&l);
		exchange(&l, OPER, text, sizeof(text), &req, &said);
		assert_int_equal(exchange(&l, i ? OPER | C : OPER, "A=", i ? 0 : 3, &req, &said),
				 ISCSI_LOGIN_FAILED);
		iscsi_login_initiator_free(&l);
	}
	iscsi_text_in_free(&said);
}

/* A challenge of `len` bytes 0x5a, in hex or base64; returns the length of the text. */
static size_t challenge_text(char *out, size_t len, bool base64)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *p = out + sprintf(out, "CHAP_A=5") + 1;
	p += sprintf(p, "CHAP_I=7") + 1;
	p += sprintf(p, "CHAP_C=0%c", base64 ? 'b' : 'x');
	for (size_t i = 0; !base64 && i < len; i++)
		p += sprintf(p, "5a");
	for (size_t i = 0; base64 && i < len; i += 3) {
		size_t have = MIN(len - i, 3);
		uint32_t v = 0x5a0000u | (have > 1 ? 0x5a00u : 0) | (have > 2 ? 0x5au : 0);
		for (size_t k = 0; k < 4; k++)
			*p++ = k > have ? '=' : digits[v >> (18 - 6 * k) & 63];
	}
	*p++ = 0;
	return (size_t)(p - out);
}

/* Challenges up to 1024 bytes in either encoding are answered; one byte more ends the login. */
static void test_challenges(void **state)
{
	static const size_t lengths[] = {1, 2, 3, 16, 1023, 1024, 1025};
	for (size_t i = 0; i < ARRAY_SIZE(lengths) * 2; i++) {
		size_t len = lengths[i / 2];
		char text[4096];
		struct iscsi_login_initiator l;
		struct iscsi_login_request req;
		struct iscsi_text_in said;
		struct iscsi_chap_account host;
		uint8_t bytes[1025], expected[ISCSI_CHAP_DIGEST_MAX], r[ISCSI_CHAP_DIGEST_MAX];
		size_t text_len = challenge_text(text, len, i % 2), r_len;
		iscsi_text_in_init(&said, 1 << 16, 10);
		begin(&l, CHAP);
		first_request(&l);
		exchange(&l, SEC, "AuthMethod=CHAP", 16, &req, &said);
		enum iscsi_login_result result = exchange(&l, SEC, text, text_len, &req, &said);
		assert_int_equal(result, len > 1024 ? ISCSI_LOGIN_FAILED : ISCSI_LOGIN_GOES_ON);
		if (len <= 1024) {
			memset(bytes, 0x5a, len);
			iscsi_chap_account_set(&host, "host", "secret of host", 14);
			assert_int_equal(iscsi_chap_response(5, 7, &host, bytes, len, expected), 0);
			assert_int_equal(
				iscsi_parse_binary(said_of(&said, "CHAP_R"), r, sizeof(r), &r_len),
				0);
			assert_int_equal(r_len, 16);
			assert_memory_equal(r, expected, 16);
			assert_string_equal(said_of(&said, "CHAP_N"), "host");
		} else {
			assert_non_null(strstr(l.why, "CHAP_C is no binary value"));
		}
		iscsi_text_in_free(&said);
		iscsi_login_initiator_free(&l);
	}
}

/* RFC 7143 9.2.1: the target's challenge is never sent back to it, be it what our generator gives. */
static void test_challenge_is_not_theirs(void **state)
{
	char text[4096];
	struct iscsi_login_initiator l;
	struct iscsi_login_request req;
	struct iscsi_text_in said;
	uint8_t theirs[ISCSI_CHAP_CHALLENGE_LEN], ours[ISCSI_CHAP_CHALLENGE_LEN];
	size_t len, text_len = challenge_text(text, sizeof(theirs), false);
	memset(theirs, 0x5a, sizeof(theirs)); /* as fixed_random() does */
	iscsi_text_in_init(&said, 1 << 16, 10);
	begin(&l, MUTUAL);
	first_request(&l);
	exchange(&l, SEC, "AuthMethod=CHAP", 16, &req, &said);
	assert_int_equal(exchange(&l, SEC, text, text_len, &req, &said), ISCSI_LOGIN_GOES_ON);
	assert_int_equal(iscsi_parse_binary(said_of(&said, "CHAP_C"), ours, sizeof(ours), &len), 0);
	assert_int_equal(len, sizeof(ours));
	assert_memory_not_equal(ours, theirs, sizeof(ours));
	iscsi_text_in_free(&said);
	iscsi_login_initiator_free(&l);
}

/* A connection that joins a session says nothing about what is the session's, and has it. */
static void test_joins_with_the_sessions_parameters(void **state)
{
	struct iscsi_params session;
	struct iscsi_login_initiator l;
	struct iscsi_login_config c = {
		.initiator_name = INITIATOR, .target_name = TARGET, .tsih = 9, .tpgt = -1};
	struct iscsi_login_request req;
	struct iscsi_text_in said;
	const uint8_t *data;
	uint32_t len;
	iscsi_params_init(&session);
	session.max_burst = 4096;
	session.first_burst = 1024;
	session.initial_r2t = session.immediate_data = false;
	session.max_outstanding_r2t = 7;
	session.header_digest = true;
	session.max_send_data = 65536;
	c.session = &session;
	c.itt = 0x01020304;
	iscsi_offer_init(&c.offer);
	c.offer.want.max_recv_data = 32768;
	iscsi_text_in_init(&said, 1 << 16, 10);
	assert_int_equal(iscsi_login_initiator_init(&l, &c, fixed_random, NULL), 0);
	assert_int_equal(iscsi_login_initiator_request(&l, &req, &data, &len), 0);
	assert_int_equal(iscsi_text_in_add(&said, data, len), 0);
	assert_null(said_of(&said, "SessionType"));
	assert_null(said_of(&said, "MaxBurstLength"));
	assert_null(said_of(&said, "InitialR2T"));
	assert_null(said_of(&said, "ErrorRecoveryLevel"));
	assert_string_equal(said_of(&said, "MaxRecvDataSegmentLength"), "32768");
	assert_string_equal(said_of(&said, "HeaderDigest"), "None,CRC32C");
	assert_int_equal(get_be16(req.tsih), 9);
	static const char answer[] = "HeaderDigest=None\0DataDigest=None";
	assert_int_equal(exchange(&l, OPER_END, answer, sizeof(answer), &req, &said),
			 ISCSI_LOGIN_FINISHED);
	assert_int_equal(l.nego.params.max_burst, 4096);
	assert_int_equal(l.nego.params.first_burst, 1024);
	assert_int_equal(l.nego.params.max_outstanding_r2t, 7);
	assert_false(l.nego.params.initial_r2t || l.nego.params.immediate_data);
	/* The connection's own begins anew. */
	assert_false(l.nego.params.header_digest);
	assert_int_equal(l.nego.params.max_send_data, 8192);
	assert_int_equal(l.nego.params.max_recv_data, 32768);
	iscsi_text_in_free(&said);
	iscsi_login_initiator_free(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scripts),
		cmocka_unit_test(test_moved),
		cmocka_unit_test(test_session_handle),
		cmocka_unit_test(test_foreign_headers),
		cmocka_unit_test(test_endless),
		cmocka_unit_test(test_first_request),
		cmocka_unit_test(test_long_requests),
		cmocka_unit_test(test_challenges),
		cmocka_unit_test(test_challenge_is_not_theirs),
		cmocka_unit_test(test_joins_with_the_sessions_parameters),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

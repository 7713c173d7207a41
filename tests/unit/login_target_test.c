/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The target's side of the login against hand-made requests. Each script is a row of requests with
 * the responses that must follow; in texts ';' stands for the NUL after each pair.
 */
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
#define NAMES     "InitiatorName=" INITIATOR ";TargetName=" TARGET ";"
#define DISCOVER  "InitiatorName=" INITIATOR ";SessionType=Discovery;"

/* Flags of requests and responses. */
#define SEC      0x00
#define OPER     0x04
#define SEC_OPER 0x81
#define SEC_FULL 0x83
#define OPER_END 0x87
#define C        ISCSI_LOGIN_CONTINUE

enum { CHAP = 1, MUTUAL = 2, STRICT = 4, MOVED = 8, SAME_SECRET = 16, ONLY_SHA = 32 };

struct step {
	unsigned flags;
	const char *text;
	/* The response: */
	uint16_t status;
	unsigned reply_flags;
	const char *reply;
};

struct script {
	const char *name;
	unsigned setup;
	struct step step[8];
};

struct owner {
	unsigned setup;
	unsigned identified;
};

static void identify(void *ctx, const struct iscsi_login_identity *id,
		     struct iscsi_login_verdict *v)
{
	struct owner *o = ctx;
	o->identified++;
	v->tpgt = id->target_name[0] ? 7 : -1;
	v->target_alias = "A disk";
	v->offer.want.max_recv_data = 65536;
	v->algorithms = o->setup & ONLY_SHA ? ISCSI_CHAP_BIT(ISCSI_CHAP_SHA1) : ISCSI_CHAP_ALL;
	v->chap = o->setup & CHAP;
	if (o->setup & STRICT)
		v->offer.want.immediate_data = false;
	if (o->setup & MUTUAL)
		iscsi_chap_account_set(&v->ours, "target", "secret of target", 16);
	if (o->setup & SAME_SECRET)
		iscsi_chap_account_set(&v->ours, "target", "secret of host", 14);
	if (o->setup & MOVED) {
		v->status = ISCSI_LOGIN_MOVED_TEMPORARILY;
		v->target_address = "192.0.2.1:3261";
	} else if (id->target_name[0] && strcmp(id->target_name, TARGET) != 0) {
		v->status = ISCSI_LOGIN_NOT_FOUND;
	}
}

static bool find_account(void *ctx, const struct iscsi_login_identity *id, const char *user,
			 struct iscsi_chap_account *account)
{
	assert_string_equal(id->initiator_name, INITIATOR);
	if (strcmp(user, "host") != 0)
		return false;
	return iscsi_chap_account_set(account, "host", "secret of host", 14) == 0;
}

static void fixed_random(void *ctx, void *out, size_t len)
{
	memset(out, 0xa5, len);
}

static const struct iscsi_login_target_ops ops = {identify, find_account, fixed_random};

#define TEN       "a5a5a5a5a5a5a5a5a5a5"
#define CHALLENGE "0x" TEN TEN TEN "a5a5"

/* A CHAP_R by this secret to this challenge; without a secret: by 16 zeroes. */
static void add_response(char *out, unsigned algorithm, uint8_t id, const char *secret,
			 const void *challenge, size_t len)
{
	static const uint8_t zeroes[16];
	struct iscsi_chap_account a;
	uint8_t r[ISCSI_CHAP_DIGEST_MAX];
	iscsi_chap_account_set(&a, "x", secret ? (const void *)secret : zeroes,
			       secret ? strlen(secret) : sizeof(zeroes));
	assert_int_equal(iscsi_chap_response(algorithm, id, &a, challenge, len, r), 0);
	strcat(out, "0x");
	for (size_t i = 0; i < iscsi_chap_digest_len(algorithm); i++)
		sprintf(out + strlen(out), "%02x", r[i]);
}

/* $R is the right MD5 response to the target's challenge, $S that by SHA-1, $W a wrong one, $Z that
 * by the secret of the account that stands in for those that are not known, $T what the target answers to the challenge 0x01020304 with the identifier 9. */
static void expand(char *out, const char *text)
{
	uint8_t challenge[ISCSI_CHAP_CHALLENGE_LEN];
	memset(challenge, 0xa5, sizeof(challenge));
	*out = 0;
	for (; *text; text++) {
		if (*text != '$') {
			strncat(out, text, 1);
			continue;
		}
		switch (*++text) {
		case 'R': add_response(out, 5, 0xa5, "secret of host", challenge, 32); break;
		case 'S': add_response(out, 6, 0xa5, "secret of host", challenge, 32); break;
		case 'W': add_response(out, 5, 0xa5, "secret of hosu", challenge, 32); break;
		case 'Z': add_response(out, 5, 0xa5, NULL, challenge, 32); break;
		case 'T': add_response(out, 5, 9, "secret of target", "\1\2\3\4", 4); break;
		}
	}
}

static struct iscsi_login_request request(unsigned flags)
{
	struct iscsi_login_request req = {
		.opcode = ISCSI_LOGIN_REQUEST | ISCSI_IMMEDIATE,
		.flags = (uint8_t)flags,
		.isid = {0, 2, 0x3d, 0, 0, 1},
		.itt = {1, 2, 3, 4},
		.cid = {0, 1},
	};
	return req;
}

static enum iscsi_login_result run_step(struct iscsi_login_target *l, const struct step *s)
{
	struct iscsi_login_request req = request(s->flags);
	struct iscsi_login_response rsp;
	char text[8192], expected[8192], reply[8192];
	const uint8_t *data;
	uint32_t len;
	expand(text, s->text);
	size_t text_len = strlen(text);
	for (size_t i = 0; i < text_len; i++)
		if (text[i] == ';')
			text[i] = 0;
	enum iscsi_login_result r =
		iscsi_login_target_request(l, &req, text, (uint32_t)text_len, &rsp, &data, &len);
	for (size_t i = 0; i < len; i++)
		reply[i] = data[i] ? (char)data[i] : ';';
	reply[len] = 0;
	expand(expected, s->reply ? s->reply : "");
	assert_string_equal(reply, expected);
	assert_int_equal(rsp.status_class << 8 | rsp.status_detail, s->status);
	assert_int_equal(rsp.flags, s->reply_flags);
	assert_int_equal(rsp.opcode, ISCSI_LOGIN_RESPONSE);
	assert_memory_equal(rsp.itt, req.itt, 4);
	assert_memory_equal(rsp.isid, req.isid, 6);
	assert_int_equal(l->status, s->status);
	if (s->status) {
		assert_int_equal(r, ISCSI_LOGIN_FAILED);
		assert_true(l->why[0]);
	} else {
		assert_int_equal(r, (s->reply_flags & 0x83) == 0x83 ? ISCSI_LOGIN_FINISHED
								    : ISCSI_LOGIN_GOES_ON);
	}
	return r;
}

static void run(const struct script *s)
{
	struct owner o = {.setup = s->setup};
	struct iscsi_login_target l;
	enum iscsi_login_result r = ISCSI_LOGIN_GOES_ON;
	iscsi_login_target_init(&l, &ops, &o);
	for (size_t i = 0; i < ARRAY_SIZE(s->step) && s->step[i].text; i++) {
		print_message("# %s, request %zu\n", s->name, i + 1);
		assert_int_equal(r, ISCSI_LOGIN_GOES_ON);
		r = run_step(&l, &s->step[i]);
	}
	assert_true(o.identified <= 1);
	iscsi_login_target_free(&l);
	static const struct iscsi_chap_account wiped;
	assert_memory_equal(&l.ours, &wiped, sizeof(wiped));
}

/* What the target says first, and in the operational stage. */
#define HELLO "TargetPortalGroupTag=7;TargetAlias=A disk;"
#define MRDSL "MaxRecvDataSegmentLength=65536;"
#define STEP2 "CHAP_A=5;CHAP_I=165;CHAP_C=" CHALLENGE ";"
#define ERROR ISCSI_LOGIN_INITIATOR_ERROR
#define AUTH  ISCSI_LOGIN_AUTH_FAILED
#define MISS  ISCSI_LOGIN_MISSING_PARAMETER
/* The first two exchanges of CHAP. */
#define CHAP_BEGINS                                                             \
	{SEC, NAMES "AuthMethod=CHAP,None;", 0, SEC, HELLO "AuthMethod=CHAP;"}, \
	{                                                                       \
		SEC, "CHAP_A=5;", 0, SEC, STEP2                                 \
	}

static const struct script logins[] = {
	{"at once", 0, {{OPER_END, NAMES, 0, OPER_END, HELLO MRDSL}}},
	{"discovery", 0, {{OPER_END, DISCOVER, 0, OPER_END, MRDSL}}},
	{"named discovery",
	 0,
	 {{OPER_END, DISCOVER "TargetName=" TARGET ";", 0, OPER_END,
	   "TargetPortalGroupTag=7;" MRDSL}}},
	{"names in upper case",
	 0,
	 {{OPER_END,
	   "InitiatorName=IQN.1994-05.com.Example:host;TargetName=IQN.2001-04.COM.example:"
	   "Disk;",
	   0, OPER_END, HELLO MRDSL}}},
	{"step by step",
	 0,
	 {{OPER, NAMES, 0, OPER, HELLO MRDSL},
	  {OPER, "ImmediateData=No;", 0, OPER, "ImmediateData=No;"},
	  {OPER, "InitialR2T=Yes;", 0, OPER, "InitialR2T=Yes;"},
	  {OPER_END, "FirstBurstLength=512;", 0, OPER_END, "FirstBurstLength=Irrelevant;"}}},
	{"None",
	 0,
	 {{SEC_OPER, NAMES "AuthMethod=None;", 0, SEC_OPER, HELLO "AuthMethod=None;"},
	  {OPER_END, "HeaderDigest=CRC32C;", 0, OPER_END, "HeaderDigest=CRC32C;" MRDSL}}},
	{"CHAP offered, not required",
	 0,
	 {{SEC_OPER, NAMES "AuthMethod=CHAP,None;", 0, SEC_OPER, HELLO "AuthMethod=None;"},
	  {OPER_END, "", 0, OPER_END, MRDSL}}},
	{"security stage without AuthMethod",
	 0,
	 {{SEC_OPER, NAMES, 0, SEC_OPER, HELLO}, {OPER_END, "", 0, OPER_END, MRDSL}}},
	{"names, then AuthMethod",
	 0,
	 {{SEC, NAMES, 0, SEC, HELLO},
	  {SEC_OPER, "AuthMethod=None;", 0, SEC_OPER, "AuthMethod=None;"}}},
	{"from security to full feature",
	 0,
	 {{SEC_FULL, NAMES "AuthMethod=None;", 0, SEC_FULL, HELLO "AuthMethod=None;"}}},
	{"... but the target has something to say",
	 STRICT,
	 {{SEC_FULL, NAMES "AuthMethod=None;", 0, SEC_OPER, HELLO "AuthMethod=None;"},
	  {OPER_END, "", 0, OPER, MRDSL "ImmediateData=No;"},
	  {OPER_END, "", 0, OPER_END, ""}}},
	{"the target proposes when the initiator would go",
	 STRICT,
	 {{OPER, NAMES, 0, OPER, HELLO MRDSL},
	  {OPER_END, "", 0, OPER, "ImmediateData=No;"},
	  {OPER_END, "ImmediateData=No;", 0, OPER_END, ""}}},
	{"... and is refused",
	 STRICT,
	 {{OPER_END, NAMES, 0, OPER, HELLO MRDSL "ImmediateData=No;"},
	  {OPER_END, "ImmediateData=Reject;", ERROR, 0, ""}}},
	{"CHAP",
	 CHAP,
	 {CHAP_BEGINS,
	  {SEC_OPER, "CHAP_N=host;CHAP_R=$R;", 0, SEC_OPER, ""},
	  {OPER_END, "", 0, OPER_END, MRDSL}}},
	{"CHAP, T too early and too late",
	 CHAP,
	 {{SEC_OPER, NAMES "AuthMethod=CHAP;", 0, SEC, HELLO "AuthMethod=CHAP;"},
	  {SEC_FULL, "CHAP_A=5;", 0, SEC, STEP2},
	  {SEC, "CHAP_N=host;CHAP_R=$R;", 0, SEC, ""},
	  {SEC, "", 0, SEC, ""},
	  {SEC_OPER, "", 0, SEC_OPER, ""}}},
	{"CHAP by SHA-1",
	 CHAP | ONLY_SHA,
	 {{SEC, NAMES "AuthMethod=CHAP;", 0, SEC, HELLO "AuthMethod=CHAP;"},
	  {SEC, "CHAP_A=5,6,7;", 0, SEC, "CHAP_A=6;CHAP_I=165;CHAP_C=" CHALLENGE ";"},
	  {SEC_OPER, "CHAP_N=host;CHAP_R=$S;", 0, SEC_OPER, ""}}},
	{"mutual CHAP",
	 CHAP | MUTUAL,
	 {CHAP_BEGINS,
	  {SEC_OPER, "CHAP_N=host;CHAP_R=$R;CHAP_I=9;CHAP_C=0x01020304;", 0, SEC_OPER,
	   "CHAP_N=target;CHAP_R=$T;"}}},
	{"mutual CHAP in base64",
	 CHAP | MUTUAL,
	 {CHAP_BEGINS,
	  {SEC_OPER, "CHAP_N=host;CHAP_R=$R;CHAP_I=0x09;CHAP_C=0bAQIDBA==;", 0, SEC_OPER,
	   "CHAP_N=target;CHAP_R=$T;"}}},
	{"mutual CHAP not asked for",
	 CHAP | MUTUAL,
	 {CHAP_BEGINS, {SEC_OPER, "CHAP_N=host;CHAP_R=$R;", 0, SEC_OPER, ""}}},
	{"text over two PDUs",
	 0,
	 {{OPER | C, "InitiatorName=" INITIATOR ";TargetNa", 0, OPER, ""},
	  {OPER | C, "me=" TARGET, 0, OPER, ""},
	  {OPER_END, ";", 0, OPER_END, HELLO MRDSL}}},
	/* As libiscsi does it. */
	{"names again in the next stage",
	 CHAP,
	 {CHAP_BEGINS,
	  {SEC_OPER, "CHAP_N=host;CHAP_R=$R;", 0, SEC_OPER, ""},
	  {OPER_END, NAMES "InitiatorAlias=x;SessionType=Normal;", 0, OPER_END, MRDSL}}},
	{"the alias again",
	 0,
	 {{SEC_OPER, NAMES "InitiatorAlias=x;", 0, SEC_OPER, HELLO},
	  {OPER_END, "InitiatorAlias=x;", 0, OPER_END, MRDSL}}},
	{"the alias late",
	 0,
	 {{SEC_OPER, NAMES, 0, SEC_OPER, HELLO},
	  {OPER_END, "InitiatorAlias=x;", 0, OPER_END, MRDSL}}},
	{"unknown keys",
	 0,
	 {{OPER_END, NAMES "X-com.foo=1;Foo=2;", 0, OPER_END,
	   "X-com.foo=NotUnderstood;Foo=NotUnderstood;" HELLO MRDSL}}},
};

static const struct script refusals[] = {
	{"no names", 0, {{OPER_END, "", MISS, 0, ""}}},
	{"no InitiatorName", 0, {{OPER_END, "TargetName=" TARGET ";", MISS, 0, ""}}},
	{"no TargetName", 0, {{OPER_END, "InitiatorName=" INITIATOR ";", MISS, 0, ""}}},
	{"bad InitiatorName",
	 0,
	 {{OPER_END, "InitiatorName=../x;TargetName=" TARGET ";", ERROR, 0, ""}}},
	{"bad TargetName",
	 0,
	 {{OPER_END, "InitiatorName=" INITIATOR ";TargetName=x/y;", ISCSI_LOGIN_NOT_FOUND, 0, ""}}},
	{"another target",
	 0,
	 {{OPER_END, "InitiatorName=" INITIATOR ";TargetName=iqn.2001-04.com.example:x;",
	   ISCSI_LOGIN_NOT_FOUND, 0, ""}}},
	{"session type",
	 0,
	 {{OPER_END, NAMES "SessionType=Foo;", ISCSI_LOGIN_SESSION_TYPE, 0, ""}}},
	{"moved",
	 MOVED,
	 {{OPER_END, NAMES "Foo=1;", ISCSI_LOGIN_MOVED_TEMPORARILY, 0,
	   "TargetAddress=192.0.2.1:3261;"}}},
	{"InitiatorName twice", 0, {{OPER_END, NAMES NAMES, ERROR, 0, ""}}},
	{"InitiatorName again",
	 0,
	 {{OPER, NAMES, 0, OPER, HELLO MRDSL},
	  {OPER, "InitiatorName=" INITIATOR ";", ERROR, 0, ""}}},
	{"TargetName late",
	 0,
	 {{OPER, DISCOVER, 0, OPER, MRDSL}, {OPER, "TargetName=" TARGET ";", ERROR, 0, ""}}},
	{"SessionType late",
	 0,
	 {{OPER, NAMES, 0, OPER, HELLO MRDSL}, {OPER, "SessionType=Discovery;", ERROR, 0, ""}}},
	{"a key again",
	 0,
	 {{OPER, NAMES "MaxBurstLength=262144;", 0, OPER, HELLO "MaxBurstLength=262144;" MRDSL},
	  {OPER, "MaxBurstLength=262144;", ERROR, 0, ""}}},
	{"our alias sent to us",
	 0,
	 {{OPER, NAMES, 0, OPER, HELLO MRDSL}, {OPER_END, "TargetAlias=evil;", ERROR, 0, ""}}},
	{"our tag sent to us",
	 0,
	 {{OPER, NAMES, 0, OPER, HELLO MRDSL},
	  {OPER_END, "TargetPortalGroupTag=7;", ERROR, 0, ""}}},
	/* RFC 7143 6.2: a protocol error */
	{"a key that must be understood",
	 0,
	 {{OPER, NAMES, 0, OPER, HELLO MRDSL},
	  {OPER_END, "TargetAlias=NotUnderstood;", ERROR, 0, ""}}},
	{"no form", 0, {{OPER_END, NAMES "Foo;", ERROR, 0, ""}}},
	{"no end", 0, {{OPER_END, NAMES "Foo=1", ERROR, 0, ""}}},
	{"alias with a control character",
	 0,
	 {{OPER_END, NAMES "InitiatorAlias=\x1b[2J;", ERROR, 0, ""}}},
	{"no digest in common", 0, {{OPER_END, NAMES "HeaderDigest=Y-x;", ERROR, 0, ""}}},
	{"segment length", 0, {{OPER_END, NAMES "MaxRecvDataSegmentLength=1;", ERROR, 0, ""}}},
	{"operational key too early",
	 0,
	 {{SEC_OPER, NAMES "AuthMethod=None;ImmediateData=Yes;", ERROR, 0, ""}}},
	{"security key too late", 0, {{OPER_END, NAMES "AuthMethod=None;", ERROR, 0, ""}}},
	{"SendTargets while logging in",
	 0,
	 {{OPER_END, DISCOVER "SendTargets=All;", ERROR, 0, ""}}},
	{"begins in stage 2", 0, {{0x08, NAMES, ERROR, 0, ""}}},
	{"begins in full feature phase", 0, {{0x0c, NAMES, ERROR, 0, ""}}},
	{"to stage 2", 0, {{0x86, NAMES, ERROR, 0, ""}}},
	{"to the stage it is in", 0, {{0x85, NAMES, ERROR, 0, ""}}},
	{"security to security", 0, {{0x80, NAMES, ERROR, 0, ""}}},
	{"back to security", 0, {{0x84, NAMES, ERROR, 0, ""}}},
	{"T and C", 0, {{OPER_END | C, NAMES, ERROR, 0, ""}}},
	{"stage skipped", 0, {{SEC, NAMES, 0, SEC, HELLO}, {OPER_END, "", ERROR, 0, ""}}},
	{"stage gone back", 0, {{OPER, NAMES, 0, OPER, HELLO MRDSL}, {SEC_OPER, "", ERROR, 0, ""}}},
	/* authentication */
	{"CHAP skipped", CHAP, {{OPER_END, NAMES, AUTH, 0, ""}}},
	{"CHAP passed over", CHAP, {{SEC_OPER, NAMES, AUTH, 0, ""}}},
	{"CHAP passed over, all of it", CHAP, {{SEC_FULL, NAMES, AUTH, 0, ""}}},
	{"CHAP passed over, later",
	 CHAP,
	 {{SEC, NAMES, 0, SEC, HELLO}, {SEC_OPER, "", AUTH, 0, ""}}},
	{"only None", CHAP, {{SEC_OPER, NAMES "AuthMethod=None;", AUTH, 0, "AuthMethod=Reject;"}}},
	{"only Kerberos",
	 CHAP,
	 {{SEC_OPER, NAMES "AuthMethod=KRB5;", AUTH, 0, "AuthMethod=Reject;"}}},
	{"CHAP only, none configured",
	 0,
	 {{SEC, NAMES "AuthMethod=CHAP;", AUTH, 0, "AuthMethod=Reject;"}}},
	{"AuthMethod twice",
	 CHAP,
	 {{SEC, NAMES "AuthMethod=CHAP;", 0, SEC, HELLO "AuthMethod=CHAP;"},
	  {SEC, "AuthMethod=CHAP;", ERROR, 0, ""}}},
	{"CHAP_A too early", CHAP, {{SEC, NAMES "AuthMethod=CHAP;CHAP_A=5;", ERROR, 0, ""}}},
	{"CHAP_A without AuthMethod", CHAP, {{SEC, NAMES "CHAP_A=5;", ERROR, 0, ""}}},
	{"no CHAP_A",
	 CHAP,
	 {{SEC, NAMES "AuthMethod=CHAP;", 0, SEC, HELLO "AuthMethod=CHAP;"},
	  {SEC, "", MISS, 0, ""}}},
	{"CHAP_N for CHAP_A",
	 CHAP,
	 {{SEC, NAMES "AuthMethod=CHAP;", 0, SEC, HELLO "AuthMethod=CHAP;"},
	  {SEC, "CHAP_N=host;CHAP_R=0x00;", ERROR, 0, ""}}},
	{"no algorithm in common",
	 CHAP | ONLY_SHA,
	 {{SEC, NAMES "AuthMethod=CHAP;", 0, SEC, HELLO "AuthMethod=CHAP;"},
	  {SEC, "CHAP_A=5;", AUTH, 0, ""}}},
	{"wrong secret", CHAP, {CHAP_BEGINS, {SEC_OPER, "CHAP_N=host;CHAP_R=$W;", AUTH, 0, ""}}},
	{"wrong user", CHAP, {CHAP_BEGINS, {SEC_OPER, "CHAP_N=hose;CHAP_R=$R;", AUTH, 0, ""}}},
	{"nobody", CHAP, {CHAP_BEGINS, {SEC_OPER, "CHAP_N=nobody;CHAP_R=$Z;", AUTH, 0, ""}}},
	{"wrong algorithm", CHAP, {CHAP_BEGINS, {SEC_OPER, "CHAP_N=host;CHAP_R=$S;", AUTH, 0, ""}}},
	{"short response",
	 CHAP,
	 {CHAP_BEGINS, {SEC_OPER, "CHAP_N=host;CHAP_R=0x00;", AUTH, 0, ""}}},
	{"response that is no binary",
	 CHAP,
	 {CHAP_BEGINS, {SEC_OPER, "CHAP_N=host;CHAP_R=abc;", ERROR, 0, ""}}},
	{"no CHAP_R", CHAP, {CHAP_BEGINS, {SEC_OPER, "CHAP_N=host;", MISS, 0, ""}}},
	{"no CHAP_N", CHAP, {CHAP_BEGINS, {SEC_OPER, "CHAP_R=$R;", MISS, 0, ""}}},
	{"empty CHAP_N", CHAP, {CHAP_BEGINS, {SEC_OPER, "CHAP_N=;CHAP_R=$R;", ERROR, 0, ""}}},
	{"nothing", CHAP, {CHAP_BEGINS, {SEC_OPER, "", MISS, 0, ""}}},
	{"a challenge and no response",
	 CHAP | MUTUAL,
	 {CHAP_BEGINS, {SEC_OPER, "CHAP_N=host;CHAP_I=9;CHAP_C=0x01020304;", MISS, 0, ""}}},
	{"CHAP_I alone",
	 CHAP | MUTUAL,
	 {CHAP_BEGINS, {SEC_OPER, "CHAP_N=host;CHAP_R=$R;CHAP_I=9;", MISS, 0, ""}}},
	{"CHAP_I of two bytes",
	 CHAP | MUTUAL,
	 {CHAP_BEGINS, {SEC_OPER, "CHAP_N=host;CHAP_R=$R;CHAP_I=256;CHAP_C=0x01;", ERROR, 0, ""}}},
	{"empty challenge",
	 CHAP | MUTUAL,
	 {CHAP_BEGINS, {SEC_OPER, "CHAP_N=host;CHAP_R=$R;CHAP_I=9;CHAP_C=;", ERROR, 0, ""}}},
	{"reflected challenge",
	 CHAP | MUTUAL,
	 {CHAP_BEGINS,
	  {SEC_OPER, "CHAP_N=host;CHAP_R=$R;CHAP_I=9;CHAP_C=" CHALLENGE ";", AUTH, 0, ""}}},
	{"mutual, no account",
	 CHAP,
	 {CHAP_BEGINS,
	  {SEC_OPER, "CHAP_N=host;CHAP_R=$R;CHAP_I=9;CHAP_C=0x01020304;", AUTH, 0, ""}}},
	{"mutual, wrong secret",
	 CHAP | MUTUAL,
	 {CHAP_BEGINS,
	  {SEC_OPER, "CHAP_N=host;CHAP_R=$W;CHAP_I=9;CHAP_C=0x01020304;", AUTH, 0, ""}}},
	{"one secret both ways",
	 CHAP | SAME_SECRET,
	 {CHAP_BEGINS, {SEC_OPER, "CHAP_N=host;CHAP_R=$R;", AUTH, 0, ""}}},
	{"another initiator in the next stage",
	 0,
	 {{SEC_OPER, NAMES "AuthMethod=None;", 0, SEC_OPER, HELLO "AuthMethod=None;"},
	  {OPER_END, "InitiatorName=iqn.1994-05.com.example:other;", ERROR, 0, ""}}},
	{"another target in the next stage",
	 0,
	 {{SEC_OPER, NAMES "AuthMethod=None;", 0, SEC_OPER, HELLO "AuthMethod=None;"},
	  {OPER_END, "TargetName=iqn.2001-04.com.example:other;", ERROR, 0, ""}}},
	{"another alias in the next stage",
	 0,
	 {{SEC_OPER, NAMES "InitiatorAlias=x;", 0, SEC_OPER, HELLO},
	  {OPER_END, "InitiatorAlias=y;", ERROR, 0, ""}}},
	{"an alias after none",
	 0,
	 {{SEC_OPER, NAMES "InitiatorAlias=;", 0, SEC_OPER, HELLO},
	  {OPER_END, "InitiatorAlias=y;", ERROR, 0, ""}}},
	{"another session type in the next stage",
	 0,
	 {{SEC_OPER, NAMES "AuthMethod=None;", 0, SEC_OPER, HELLO "AuthMethod=None;"},
	  {OPER_END, "SessionType=Discovery;", ERROR, 0, ""}}},
	{"names again and again",
	 0,
	 {{SEC_OPER, NAMES "AuthMethod=None;", 0, SEC_OPER, HELLO "AuthMethod=None;"},
	  {OPER, NAMES, 0, OPER, MRDSL},
	  {OPER_END, NAMES, ERROR, 0, ""}}},
	{"CHAP again",
	 CHAP,
	 {CHAP_BEGINS,
	  {SEC, "CHAP_N=host;CHAP_R=$R;", 0, SEC, ""},
	  {SEC_OPER, "CHAP_N=host;CHAP_R=$R;", ERROR, 0, ""}}},
	{"a challenge afterwards",
	 CHAP | MUTUAL,
	 {CHAP_BEGINS,
	  {SEC, "CHAP_N=host;CHAP_R=$R;", 0, SEC, ""},
	  {SEC_OPER, "CHAP_I=9;CHAP_C=0x01020304;", ERROR, 0, ""}}},
};

static void test_logins(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(logins); i++)
		run(&logins[i]);
}

static void test_refusals(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++)
		run(&refusals[i]);
}

static enum iscsi_login_result send(struct iscsi_login_target *l, struct iscsi_login_request req,
				    const void *text, uint32_t len,
				    struct iscsi_login_response *rsp)
{
	const uint8_t *data;
	uint32_t data_len;
	return iscsi_login_target_request(l, &req, text, len, rsp, &data, &data_len);
}

static const char names[] = "InitiatorName=" INITIATOR "\0TargetName=" TARGET;

static void test_version(void **state)
{
	struct owner o = {0};
	struct iscsi_login_target l;
	struct iscsi_login_response rsp;
	struct iscsi_login_request req = request(OPER_END);
	iscsi_login_target_init(&l, &ops, &o);
	req.version_max = 2;
	req.version_min = 1;
	assert_int_equal(send(&l, req, names, sizeof(names), &rsp), ISCSI_LOGIN_FAILED);
	assert_int_equal(l.status, ISCSI_LOGIN_UNSUPPORTED_VERSION);
	iscsi_login_target_free(&l);

	iscsi_login_target_init(&l, &ops, &o);
	req.version_min = 0;
	assert_int_equal(send(&l, req, names, sizeof(names), &rsp), ISCSI_LOGIN_FINISHED);
	assert_int_equal(rsp.version_active, 0);
	iscsi_login_target_free(&l);
}

/* What must stay the same through a login (RFC 7143 11.12). */
static void test_header_changes(void **state)
{
	static const size_t offset[] = {
		offsetof(struct iscsi_login_request, isid),
		offsetof(struct iscsi_login_request, tsih),
		offsetof(struct iscsi_login_request, cid),
		offsetof(struct iscsi_login_request, itt),
		offsetof(struct iscsi_login_request, version_max),
	};
	for (size_t i = 0; i < ARRAY_SIZE(offset); i++) {
		struct owner o = {0};
		struct iscsi_login_target l;
		struct iscsi_login_response rsp;
		struct iscsi_login_request req = request(OPER);
		iscsi_login_target_init(&l, &ops, &o);
		assert_int_equal(send(&l, req, names, sizeof(names), &rsp), ISCSI_LOGIN_GOES_ON);
		((uint8_t *)&req)[offset[i]] ^= 1;
		assert_int_equal(send(&l, req, "", 0, &rsp), ISCSI_LOGIN_FAILED);
		assert_int_equal(l.status, ISCSI_LOGIN_INITIATOR_ERROR);
		iscsi_login_target_free(&l);
	}
}

/* What is wrong with a name is said, and of which name it is said. */
static void test_refused_names(void **state)
{
	static const struct {
		const char *names, *why;
		uint16_t status;
	} row[] = {
		{"InitiatorName=iqn.2008-11.org.linux-kvm:My VM;TargetName=" TARGET ";",
		 "InitiatorName \"iqn.2008-11.org.linux-kvm:My VM\": a space, which no iSCSI name "
		 "may "
		 "have",
		 ISCSI_LOGIN_INITIATOR_ERROR},
		{"InitiatorName=iqn.1994-05.com.example:\x1b[31m;TargetName=" TARGET ";",
		 "InitiatorName \"iqn.1994-05.com.example:\\x1b[31m\": a character other than "
		 "letters, "
		 "digits, '-', '.', ':', '_'",
		 ISCSI_LOGIN_INITIATOR_ERROR},
		{"InitiatorName=" INITIATOR ";TargetName=disk;",
		 "TargetName \"disk\": begins with none of \"iqn.\", \"eui.\", \"naa.\"",
		 ISCSI_LOGIN_NOT_FOUND},
	};
	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		struct owner o = {0};
		struct iscsi_login_target l;
		struct iscsi_login_response rsp;
		char text[512];
		strcpy(text, row[i].names);
		for (char *p = text; (p = strchr(p, ';'));)
			*p++ = 0;
		iscsi_login_target_init(&l, &ops, &o);
		assert_int_equal(
			send(&l, request(OPER_END), text, (uint32_t)strlen(row[i].names), &rsp),
			ISCSI_LOGIN_FAILED);
		assert_string_equal(l.why, row[i].why);
		assert_int_equal(l.status, row[i].status);
		assert_string_equal(l.id.initiator_name,
				    strstr(row[i].why, "TargetName") ? INITIATOR : "");
		iscsi_login_target_free(&l);
	}
}

static void test_never_ending(void **state)
{
	struct owner o = {0};
	struct iscsi_login_target l;
	struct iscsi_login_response rsp;
	iscsi_login_target_init(&l, &ops, &o);
	assert_int_equal(send(&l, request(OPER), names, sizeof(names), &rsp), ISCSI_LOGIN_GOES_ON);
	for (int i = 1; i < ISCSI_LOGIN_PDUS_MAX; i++)
		assert_int_equal(send(&l, request(OPER), "", 0, &rsp), ISCSI_LOGIN_GOES_ON);
	assert_int_equal(send(&l, request(OPER), "", 0, &rsp), ISCSI_LOGIN_FAILED);
	iscsi_login_target_free(&l);
}

static void test_too_much_text(void **state)
{
	static char text[8193];
	struct owner o = {0};
	struct iscsi_login_target l;
	struct iscsi_login_response rsp;
	memset(text, 'a', sizeof(text));
	iscsi_login_target_init(&l, &ops, &o);
	assert_int_equal(send(&l, request(OPER | C), text, 8193, &rsp), ISCSI_LOGIN_FAILED);
	iscsi_login_target_free(&l);

	iscsi_login_target_init(&l, &ops, &o);
	for (int i = 0; i < 2; i++)
		assert_int_equal(send(&l, request(OPER | C), text, 8192, &rsp),
				 ISCSI_LOGIN_GOES_ON);
	assert_int_equal(send(&l, request(OPER | C), text, 1, &rsp), ISCSI_LOGIN_FAILED);
	assert_int_equal(o.identified, 0);
	iscsi_login_target_free(&l);
}

/* That we are short of memory is not the initiator's mistake. */
static void test_no_memory(void **state)
{
	struct owner o = {0};
	struct iscsi_login_target l;
	struct iscsi_login_response rsp;
	iscsi_login_target_init(&l, &ops, &o);
	assert_int_equal(send(&l, request(OPER | C), "A=", 2, &rsp), ISCSI_LOGIN_GOES_ON);
	l.in.buf.err = -ENOMEM;
	assert_int_equal(send(&l, request(OPER), names, sizeof(names), &rsp), ISCSI_LOGIN_FAILED);
	assert_int_equal(l.status, ISCSI_LOGIN_OUT_OF_RESOURCES);
	iscsi_login_target_free(&l);
}

/* The answers to many unknown keys do not fit into one PDU. */
static void test_long_response(void **state)
{
	char text[8192];
	struct owner o = {0};
	struct iscsi_login_target l;
	struct iscsi_login_response rsp;
	struct iscsi_login_request req = request(OPER_END);
	struct iscsi_text_in in;
	const uint8_t *data;
	uint32_t len;
	size_t n = 0;
	memcpy(text, names, sizeof(names));
	n = sizeof(names);
	for (int i = 0; i < 120; i++)
		n += (size_t)sprintf(text + n, "X-%057d%02d=", 0, i) + 1;
	iscsi_login_target_init(&l, &ops, &o);
	iscsi_text_in_init(&in, 65536, 10);
	assert_int_equal(iscsi_login_target_request(&l, &req, text, (uint32_t)n, &rsp, &data, &len),
			 ISCSI_LOGIN_GOES_ON);
	assert_int_equal(rsp.flags, OPER | C);
	assert_true(len <= 8192);
	iscsi_text_in_add(&in, data, len);
	assert_int_equal(iscsi_login_target_request(&l, &req, "", 0, &rsp, &data, &len),
			 ISCSI_LOGIN_FINISHED);
	assert_int_equal(rsp.flags, OPER_END);
	iscsi_text_in_add(&in, data, len);
	struct iscsi_pair pair;
	size_t at = 0, pairs = 0;
	while (iscsi_text_next(in.buf.data, in.buf.len, &at, &pair) > 0)
		pairs++;
	assert_int_equal(pairs, 120 + 3);
	iscsi_text_in_free(&in);
	iscsi_login_target_free(&l);

	/* Text where the rest of a response is to be fetched. */
	iscsi_login_target_init(&l, &ops, &o);
	iscsi_login_target_request(&l, &req, text, (uint32_t)n, &rsp, &data, &len);
	assert_int_equal(send(&l, request(OPER), "A=b", 4, &rsp), ISCSI_LOGIN_FAILED);
	iscsi_login_target_free(&l);
}

/* RFC 7143 6.1: at least 8192 bytes of pairs are taken, however short they are; and here all that is
 * taken can be answered. */
static void test_many_short_pairs(void **state)
{
	static char text[ISCSI_TEXT_MAX];
	struct owner o = {0};
	struct iscsi_login_target l;
	struct iscsi_login_response rsp;
	const uint8_t *data;
	uint32_t len, half = ISCSI_TEXT_MAX / 2;
	size_t n = sizeof(names), total;
	unsigned pairs = 0;
	memcpy(text, names, sizeof(names));
	for (; n + 3 <= sizeof(text); n += 3, pairs++)
		memcpy(text + n, "A=", 3);
	assert_true(pairs > 5000);
	iscsi_login_target_init(&l, &ops, &o);
	assert_int_equal(send(&l, request(OPER | C), text, half, &rsp), ISCSI_LOGIN_GOES_ON);
	struct iscsi_login_request req = request(OPER_END);
	enum iscsi_login_result r = iscsi_login_target_request(
		&l, &req, text + half, (uint32_t)n - half, &rsp, &data, &len);
	for (total = len; r == ISCSI_LOGIN_GOES_ON; total += len)
		r = iscsi_login_target_request(&l, &req, "", 0, &rsp, &data, &len);
	assert_int_equal(total, pairs * sizeof("A=NotUnderstood") +
					sizeof("TargetPortalGroupTag=7") +
					sizeof("TargetAlias=A disk") +
					sizeof("MaxRecvDataSegmentLength=65536"));
	assert_int_equal(r, ISCSI_LOGIN_FINISHED);
	iscsi_login_target_free(&l);
}

static void test_owner_ends_it(void **state)
{
	struct owner o = {0};
	struct iscsi_login_target l;
	struct iscsi_login_response rsp;
	struct iscsi_login_request req = request(OPER_END);
	iscsi_login_target_init(&l, &ops, &o);
	assert_int_equal(send(&l, req, names, sizeof(names), &rsp), ISCSI_LOGIN_FINISHED);
	iscsi_login_target_fail(&l, &req, ISCSI_LOGIN_OUT_OF_RESOURCES, "no more sessions", &rsp);
	assert_int_equal(rsp.flags, 0);
	assert_int_equal(rsp.status_class, 3);
	assert_int_equal(rsp.status_detail, 2);
	assert_string_equal(l.why, "no more sessions");
	iscsi_login_target_free(&l);
	struct iscsi_login_target zero = {0};
	iscsi_login_target_free(&zero);
}

static void test_outcome(void **state)
{
	static const char text[] = "InitiatorAlias=Gr\xc3\xbc\xc3\x9f\0ImmediateData=No\0"
				   "MaxRecvDataSegmentLength=4096\0DataDigest=CRC32C";
	struct owner o = {0};
	struct iscsi_login_target l;
	struct iscsi_login_response rsp;
	iscsi_login_target_init(&l, &ops, &o);
	assert_int_equal(send(&l, request(OPER), names, sizeof(names), &rsp), ISCSI_LOGIN_GOES_ON);
	assert_int_equal(send(&l, request(OPER_END), text, sizeof(text), &rsp),
			 ISCSI_LOGIN_FINISHED);
	assert_string_equal(l.id.initiator_name, INITIATOR);
	assert_string_equal(l.id.target_name, TARGET);
	assert_string_equal(l.initiator_alias, "Gr\xc3\xbc\xc3\x9f");
	assert_string_equal(l.user, "");
	assert_false(l.nego.params.immediate_data || l.nego.params.header_digest);
	assert_true(l.nego.params.data_digest);
	assert_int_equal(l.nego.params.max_send_data, 4096);
	assert_int_equal(l.nego.params.max_recv_data, 65536);
	iscsi_login_target_free(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_logins),        cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_version),       cmocka_unit_test(test_header_changes),
		cmocka_unit_test(test_never_ending),  cmocka_unit_test(test_too_much_text),
		cmocka_unit_test(test_no_memory),     cmocka_unit_test(test_long_response),
		cmocka_unit_test(test_owner_ends_it), cmocka_unit_test(test_many_short_pairs),
		cmocka_unit_test(test_outcome),       cmocka_unit_test(test_refused_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

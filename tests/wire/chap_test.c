/* SPDX-License-Identifier: BSD-2-Clause */
/* CHAP one way and both (RFC 7143 12.1.3, RFC 1994), with an arithmetic of its own. */
#include <errno.h>
#include <openssl/evp.h>
#include "target/node.h"
#include "wire.h"

#define NAMES     "InitiatorName=" WIRE_INITIATOR "\nSessionType=Normal\nTargetName=" WIRE_TARGET
#define DISCOVERY "InitiatorName=" WIRE_INITIATOR "\nSessionType=Discovery"

#define USER          "alice"
#define SECRET        "twelve bytes or more"
#define TARGET_USER   "the disk"
#define TARGET_SECRET "another one altogether"

static const struct wire_config one_way = {.auth = {.user = USER, .secret = SECRET}};
static const struct wire_config both_ways = {.auth = {.user = USER,
						      .secret = SECRET,
						      .mutual_user = TARGET_USER,
						      .mutual_secret = TARGET_SECRET}};
static const struct wire_config only_sha256 = {
	.auth = {.user = USER, .secret = SECRET, .algorithms = 1u << 7}};
static const struct wire_config discovery_only = {
	.discovery_auth = {.user = USER, .secret = SECRET}};
#define DISCOVERY_USER   "carol"
#define DISCOVERY_SECRET "good for looking around"
static const struct wire_config two_accounts = {
	.auth = {.user = USER, .secret = SECRET},
	.discovery_auth = {.user = DISCOVERY_USER, .secret = DISCOVERY_SECRET}};

static const struct {
	unsigned number;
	const char *digest;
} algorithms[] = {{5, "MD5"}, {6, "SHA1"}, {7, "SHA256"}, {8, "SHA3-256"}};

struct bytes {
	uint8_t p[1100];
	size_t len;
};

/* RFC 1994 4.1: the digest of identifier, secret, challenge. */
static struct bytes response_to(unsigned algorithm, unsigned id, const char *secret,
				const struct bytes *challenge)
{
	struct bytes out = {0};
	unsigned len = 0;
	uint8_t id_byte = (uint8_t)id;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	for (size_t i = 0; i < ARRAY_SIZE(algorithms); i++)
		if (algorithms[i].number == algorithm)
			assert_int_equal(
				EVP_DigestInit(ctx, EVP_get_digestbyname(algorithms[i].digest)), 1);
	EVP_DigestUpdate(ctx, &id_byte, 1);
	EVP_DigestUpdate(ctx, secret, strlen(secret));
	EVP_DigestUpdate(ctx, challenge->p, challenge->len);
	EVP_DigestFinal(ctx, out.p, &len);
	EVP_MD_CTX_free(ctx);
	out.len = len;
	return out;
}

static const char *hex(struct wire *w, const struct bytes *b)
{
	char *text = wire_alloc(w->world, b->len * 2 + 3);

	strcpy(text, "0x");
	for (size_t i = 0; i < b->len; i++)
		sprintf(text + 2 + 2 * i, "%02x", b->p[i]);
	return text;
}

static const char *base64(struct wire *w, const struct bytes *b)
{
	char *text = wire_alloc(w->world, b->len * 2 + 8);

	strcpy(text, "0b");
	EVP_EncodeBlock((uint8_t *)text + 2, b->p, (int)b->len);
	return text;
}

static struct bytes decode(struct wire *w, const char *text)
{
	struct bytes out = {0};
	unsigned byte;

	if (!text)
		wire_fail(w->world, "a value is not there");
	if (strncmp(text, "0b", 2) == 0 || strncmp(text, "0B", 2) == 0) {
		out.len = strlen(text + 2) / 4 * 3;
		EVP_DecodeBlock(out.p, (const uint8_t *)text + 2, (int)strlen(text + 2));
		for (const char *p = text; *p; p++)
			out.len -= *p == '=';
		return out;
	}
	assert_true(strncmp(text, "0x", 2) == 0 || strncmp(text, "0X", 2) == 0);
	assert_int_equal(strlen(text) % 2, 0);
	for (text += 2; *text; text += 2) {
		assert_int_equal(sscanf(text, "%2x", &byte), 1);
		out.p[out.len++] = (uint8_t)byte;
	}
	return out;
}

static const char *format(struct wire *w, const char *fmt, ...) PRINTF(2, 3);
static const char *format(struct wire *w, const char *fmt, ...)
{
	char *text = wire_alloc(w->world, 8192);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, 8192, fmt, ap);
	va_end(ap);
	return text;
}

/* The target's challenge, after the first two steps. */
struct challenge {
	unsigned algorithm, id;
	struct bytes value;
};

static struct challenge ask_for_challenge(struct wire *w, const char *names, const char *offer)
{
	struct challenge c = {0};
	struct wire_pdu r;

	assert_int_equal(
		wire_login_step(w, WIRE_SECURITY, format(w, "%s\nAuthMethod=CHAP", names), &r), 0);
	wire_expect_key(w, &r, "AuthMethod", "CHAP");
	assert_int_equal(wire_login_step(w, WIRE_SECURITY, format(w, "CHAP_A=%s", offer), &r), 0);
	if (!wire_key(&r, "CHAP_A") || !wire_key(&r, "CHAP_I"))
		wire_fail(w->world, "no challenge");
	c.algorithm = (unsigned)atoi(wire_key(&r, "CHAP_A"));
	c.id = (unsigned)atoi(wire_key(&r, "CHAP_I"));
	assert_true(c.id <= 255);
	c.value = decode(w, wire_key(&r, "CHAP_C"));
	assert_true(c.value.len >= 16 && c.value.len <= 1024);
	return c;
}

/* The last step; returns its status. */
static unsigned answer(struct wire *w, const char *user, const char *response, const char *more,
		       struct wire_pdu *r)
{
	return wire_login_step(w, WIRE_SECURITY_TO_OPERATIONAL,
			       format(w, "CHAP_N=%s\nCHAP_R=%s%s", user, response, more), r);
}

static void expect_auth_failure(struct wire *w, unsigned status)
{
	if (status != ISCSI_LOGIN_AUTH_FAILED)
		wire_fail(w->world, "status %04x, expected an authentication failure", status);
	wire_expect_closed(w, 5);
}

static struct wire *log_in(struct wire_world *world)
{
	struct wire *w = wire_open(world);
	struct challenge c = ask_for_challenge(w, NAMES, "5");
	struct bytes res = response_to(c.algorithm, c.id, SECRET, &c.value);

	assert_int_equal(answer(w, USER, hex(w, &res), "", NULL), 0);
	wire_login_finish(w, NULL);
	wire_ping(w);
	return w;
}

static void each_algorithm(struct wire_world *world)
{
	for (size_t i = 0; i < ARRAY_SIZE(algorithms); i++) {
		struct wire *w = wire_open(world);
		struct challenge c =
			ask_for_challenge(w, NAMES, format(w, "%u", algorithms[i].number));
		struct bytes res = response_to(c.algorithm, c.id, SECRET, &c.value);

		assert_int_equal(c.algorithm, algorithms[i].number);
		assert_int_equal(answer(w, USER, hex(w, &res), "", NULL), 0);
		wire_login_finish(w, NULL);
	}
}

static void in_base64(struct wire_world *world)
{
	struct wire *w = wire_open(world);
	struct challenge c = ask_for_challenge(w, NAMES, "7");
	struct bytes res = response_to(c.algorithm, c.id, SECRET, &c.value);

	assert_int_equal(answer(w, USER, base64(w, &res), "", NULL), 0);
	wire_login_finish(w, NULL);
}

/* Upper case prefixes and digits are the same value (6.1). */
static void in_upper_case(struct wire_world *world)
{
	struct wire *w = wire_open(world);
	struct challenge c = ask_for_challenge(w, NAMES, "5");
	struct bytes res = response_to(c.algorithm, c.id, SECRET, &c.value);
	char *text = (char *)hex(w, &res);

	for (char *p = text; *p; p++)
		if (*p >= 'a' && *p <= 'z')
			*p = (char)(*p - 'a' + 'A');
	assert_int_equal(answer(w, USER, text, "", NULL), 0);
	wire_login_finish(w, NULL);
}

/* The first of the list that is known and allowed. */
static void choice_of_algorithm(struct wire_world *world)
{
	assert_int_equal(ask_for_challenge(wire_open(world), NAMES, "7,5").algorithm, 7);
	assert_int_equal(ask_for_challenge(wire_open(world), NAMES, "99,6,5").algorithm, 6);
	assert_int_equal(ask_for_challenge(wire_open(world), NAMES, "5,6,7,8").algorithm, 5);
}

static void no_algorithm_in_common(struct wire_world *world)
{
	struct wire *w = wire_open(world);

	assert_int_equal(wire_login_step(w, WIRE_SECURITY, NAMES "\nAuthMethod=CHAP", NULL), 0);
	expect_auth_failure(w, wire_login_step(w, WIRE_SECURITY, "CHAP_A=5,6", NULL));
}

static void wrong_answers(struct wire_world *world)
{
	struct wire *w = wire_open(world);
	struct challenge c = ask_for_challenge(w, NAMES, "5");
	struct bytes res = response_to(5, c.id, "not the secret", &c.value), shorter;

	expect_auth_failure(w, answer(w, USER, hex(w, &res), "", NULL));

	w = wire_open(world); /* the right secret of nobody */
	c = ask_for_challenge(w, NAMES, "5");
	res = response_to(5, c.id, SECRET, &c.value);
	expect_auth_failure(w, answer(w, "mallory", hex(w, &res), "", NULL));

	w = wire_open(world); /* a digest that is cut short */
	c = ask_for_challenge(w, NAMES, "5");
	shorter = response_to(5, c.id, SECRET, &c.value);
	shorter.len--;
	expect_auth_failure(w, answer(w, USER, hex(w, &shorter), "", NULL));

	w = wire_open(world); /* nothing at all */
	ask_for_challenge(w, NAMES, "5");
	expect_auth_failure(w, answer(w, USER, "0x00", "", NULL));
	log_in(world); /* and the right one still works */
}

/* Each challenge is new, and an old answer is worth nothing. */
static void replayed_answer(struct wire_world *world)
{
	struct wire *w = wire_open(world), *again = wire_open(world);
	struct challenge c = ask_for_challenge(w, NAMES, "7"), d;
	struct bytes res = response_to(7, c.id, SECRET, &c.value);

	assert_int_equal(answer(w, USER, hex(w, &res), "", NULL), 0);
	wire_login_finish(w, NULL);
	d = ask_for_challenge(again, NAMES, "7");
	assert_true(d.value.len != c.value.len || memcmp(d.value.p, c.value.p, c.value.len) != 0);
	expect_auth_failure(again, answer(again, USER, hex(again, &res), "", NULL));
	wire_ping(w);
}

static void mutual(struct wire_world *world)
{
	for (size_t i = 0; i < ARRAY_SIZE(algorithms); i++) {
		struct wire *w = wire_open(world);
		struct challenge c =
			ask_for_challenge(w, NAMES, format(w, "%u", algorithms[i].number));
		struct bytes res = response_to(c.algorithm, c.id, SECRET, &c.value), theirs, own;
		struct bytes mine = {.p = "sixteen bytes...and some", .len = 24};
		struct wire_pdu r;

		assert_int_equal(answer(w, USER, hex(w, &res),
					format(w, "\nCHAP_I=77\nCHAP_C=%s", hex(w, &mine)), &r),
				 0);
		wire_expect_key(w, &r, "CHAP_N", TARGET_USER);
		theirs = decode(w, wire_key(&r, "CHAP_R"));
		own = response_to(c.algorithm, 77, TARGET_SECRET, &mine);
		assert_int_equal(theirs.len, own.len);
		assert_memory_equal(theirs.p, own.p, own.len);
		if (!(r.login_response.flags & ISCSI_LOGIN_TRANSIT))
			assert_int_equal(wire_login_step(w, WIRE_SECURITY_TO_OPERATIONAL, NULL, &r),
					 0);
		wire_login_finish(w, NULL);
	}
}

/* 12.1.3: a challenge may have 1024 bytes, in hex and in base64. 1025 are too many. */
static void long_challenges(struct wire_world *world)
{
	static const struct {
		size_t len;
		const char *(*encode)(struct wire *w, const struct bytes *b);
	} rows[] = {{1024, hex}, {1024, base64}, {1025, hex}, {1025, base64}};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct wire *w = wire_open(world);
		struct challenge c = ask_for_challenge(w, NAMES, "7");
		struct bytes res = response_to(7, c.id, SECRET, &c.value), own, theirs;
		struct bytes mine = {.len = rows[i].len};
		struct wire_pdu r;
		unsigned status;

		for (size_t k = 0; k < mine.len; k++)
			mine.p[k] = (uint8_t)(k * 5 + 3);
		status = answer(w, USER, hex(w, &res),
				format(w, "\nCHAP_I=1\nCHAP_C=%s", rows[i].encode(w, &mine)), &r);
		if (mine.len > 1024) {
			assert_int_equal(status, ISCSI_LOGIN_INITIATOR_ERROR);
			wire_expect_closed(w, 5);
			continue;
		}
		assert_int_equal(status, 0);
		own = response_to(7, 1, TARGET_SECRET, &mine);
		theirs = decode(w, wire_key(&r, "CHAP_R"));
		assert_int_equal(theirs.len, own.len);
		assert_memory_equal(theirs.p, own.p, own.len);
	}
}

/* Our challenge sent back to us would make us answer it for the attacker (9.2.1). */
static void reflected_challenge(struct wire_world *world)
{
	struct wire *w = wire_open(world);
	struct challenge c = ask_for_challenge(w, NAMES, "5");
	struct bytes res = response_to(5, c.id, SECRET, &c.value);

	expect_auth_failure(w, answer(w, USER, hex(w, &res),
				      format(w, "\nCHAP_I=%u\nCHAP_C=%s", c.id, hex(w, &c.value)),
				      NULL));
}

/* The initiator wants us to authenticate, and there is no account for that. */
static void mutual_without_an_account(struct wire_world *world)
{
	struct wire *w = wire_open(world);
	struct challenge c = ask_for_challenge(w, NAMES, "5");
	struct bytes res = response_to(5, c.id, SECRET, &c.value);

	expect_auth_failure(w,
			    answer(w, USER, hex(w, &res),
				   "\nCHAP_I=3\nCHAP_C=0x000102030405060708090a0b0c0d0e0f", NULL));
}

/* An initiator that fails is not answered, whatever else it asks. */
static void no_mutual_answer_to_a_stranger(struct wire_world *world)
{
	struct wire *w = wire_open(world);
	struct challenge c = ask_for_challenge(w, NAMES, "5");
	struct bytes res = response_to(5, c.id, "guess", &c.value);
	struct wire_pdu r;
	unsigned status = answer(w, USER, hex(w, &res),
				 "\nCHAP_I=3\nCHAP_C=0x000102030405060708090a0b0c0d0e0f", &r);

	wire_expect_key(w, &r, "CHAP_R", NULL);
	expect_auth_failure(w, status);
}

/* 9.2.1: the same secret for both ways would let our answer be sent back to us. Such accounts are
 * refused, and those that were there stay. */
static void one_secret_for_both_ways(struct wire_world *world)
{
	struct target_auth same = {
		.user = "bob", .secret = SECRET, .mutual_user = "disk", .mutual_secret = SECRET};

	assert_int_equal(target_node_set_auth(world->node, &same), -EINVAL);
	assert_int_equal(target_set_discovery_auth(world->target, &same), -EINVAL);
	log_in(world);
	same.mutual_secret = TARGET_SECRET;
	assert_int_equal(target_node_set_auth(world->node, &same), 0);
}

/* --- ways around it */

static void security_stage_skipped(struct wire_world *world)
{
	wire_expect_login_fails(wire_open(world), NULL, ISCSI_LOGIN_AUTH_FAILED);
}

static void none_offered(struct wire_world *world)
{
	struct wire *w = wire_open(world);

	expect_auth_failure(w, wire_login_step(w, WIRE_SECURITY_TO_OPERATIONAL,
					       NAMES "\nAuthMethod=None", NULL));
	w = wire_open(world); /* with CHAP in the list it is CHAP */
	struct wire_pdu r;
	assert_int_equal(wire_login_step(w, WIRE_SECURITY_TO_OPERATIONAL,
					 NAMES "\nAuthMethod=None,CHAP", &r),
			 0);
	wire_expect_key(w, &r, "AuthMethod", "CHAP");
	assert_false(r.login_response.flags & ISCSI_LOGIN_TRANSIT);
}

/* 6.3.2: the answer is Reject, and then the login has failed. */
static void unknown_methods_offered(struct wire_world *world)
{
	struct wire *w = wire_open(world);
	struct wire_pdu r;
	unsigned status = wire_login_step(w, WIRE_SECURITY, NAMES "\nAuthMethod=KRB5,SRP", &r);

	wire_expect_key(w, &r, "AuthMethod", "Reject");
	expect_auth_failure(w, status);
}

/* T is set before anything is proved: the target does not go along. */
static void transit_too_early(struct wire_world *world)
{
	struct wire *w = wire_open(world);
	struct wire_pdu r;
	unsigned status;

	status = wire_login_step(w, WIRE_SECURITY_TO_OPERATIONAL, NAMES "\nAuthMethod=CHAP", &r);
	assert_int_equal(status, 0);
	assert_false(r.login_response.flags & ISCSI_LOGIN_TRANSIT);
	status = wire_login_step(w, WIRE_SECURITY_TO_FULL, NULL, &r);
	if (status == 0)
		assert_false(r.login_response.flags & ISCSI_LOGIN_TRANSIT);
	else
		assert_int_equal(status >> 8, 2);

	w = wire_open(world); /* no method was ever named */
	status = wire_login_step(w, WIRE_SECURITY_TO_FULL, NAMES, &r);
	if (status == 0)
		assert_false(r.login_response.flags & ISCSI_LOGIN_TRANSIT);
	else
		assert_int_equal(status, ISCSI_LOGIN_AUTH_FAILED);
}

/* After a challenge the operational stage is as far away as before. */
static void stage_jumped(struct wire_world *world)
{
	struct wire *w = wire_open(world);
	struct wire_pdu r;

	ask_for_challenge(w, NAMES, "5");
	assert_int_equal(wire_login_step(w, WIRE_OPERATIONAL_TO_FULL, NULL, &r) >> 8, 2);
	wire_expect_closed(w, 5);
}

static void missing_keys(struct wire_world *world)
{
	static const char *const incomplete[] = {
		"CHAP_N=" USER,
		"CHAP_R=0x00112233445566778899aabbccddeeff",
		"CHAP_N=" USER "\nCHAP_R=",
		"CHAP_N=" USER "\nCHAP_R=0xzz",
		"CHAP_N=" USER "\nCHAP_R=0b!!!!",
		"CHAP_N=" USER "\nCHAP_R=12345678901234567890",
		"CHAP_N=\nCHAP_R=0x00112233445566778899aabbccddeeff",
		"CHAP_N=" USER "\nCHAP_R=0x00112233445566778899aabbccddeeff\nCHAP_I=5",
	};

	for (size_t i = 0; i < ARRAY_SIZE(incomplete); i++) {
		struct wire *w = wire_open(world);
		unsigned status;

		ask_for_challenge(w, NAMES, "5");
		status = wire_login_step(w, WIRE_SECURITY_TO_OPERATIONAL, incomplete[i], NULL);
		if (status >> 8 != 2)
			wire_fail(world, "\"%s\" got status %04x", incomplete[i], status);
		wire_expect_closed(w, 5);
	}
}

static void oversized_values(struct wire_world *world)
{
	struct wire *w = wire_open(world);
	struct bytes res = {.len = 1025};

	ask_for_challenge(w, NAMES, "5");
	assert_int_equal(answer(w, USER, hex(w, &res), "", NULL) >> 8, 2);
	wire_expect_closed(w, 5);

	w = wire_open(world);
	res.len = 16;
	ask_for_challenge(w, NAMES, "5");
	assert_int_equal(answer(w, format(w, "%0300d", 1), hex(w, &res), "", NULL) >> 8, 2);
	wire_expect_closed(w, 5);
}

/* --- discovery has an account of its own */

static void discovery_needs_it(struct wire_world *world)
{
	struct wire *w = wire_open(world);
	struct challenge c;
	struct bytes res;

	wire_expect_login_fails(w, &(struct wire_login){.discovery = true},
				ISCSI_LOGIN_AUTH_FAILED);
	w = wire_open(world);
	c = ask_for_challenge(w, DISCOVERY, "5");
	res = response_to(5, c.id, SECRET, &c.value);
	assert_int_equal(answer(w, USER, hex(w, &res), "", NULL), 0);
	wire_login_finish(w, NULL);
}

static void discovery_account_opens_no_target(struct wire_world *world)
{
	static const struct {
		const char *names, *user, *secret;
		bool good;
	} rows[] = {
		{NAMES, USER, SECRET, true},
		{NAMES, DISCOVERY_USER, DISCOVERY_SECRET, false},
		{NAMES, USER, DISCOVERY_SECRET, false},
		{DISCOVERY, DISCOVERY_USER, DISCOVERY_SECRET, true},
		{DISCOVERY, USER, SECRET, false},
		{DISCOVERY, DISCOVERY_USER, SECRET, false},
		/* A discovery session that names the target is a discovery session. */
		{DISCOVERY "\nTargetName=" WIRE_TARGET, DISCOVERY_USER, DISCOVERY_SECRET, true},
		{DISCOVERY "\nTargetName=" WIRE_TARGET, USER, SECRET, false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct wire *w = wire_open(world);
		struct challenge c = ask_for_challenge(w, rows[i].names, "7");
		struct bytes res = response_to(7, c.id, rows[i].secret, &c.value);
		unsigned status = answer(w, rows[i].user, hex(w, &res), "", NULL);

		if (!rows[i].good) {
			expect_auth_failure(w, status);
			continue;
		}
		assert_int_equal(status, 0);
		wire_login_finish(w, NULL);
	}
}

static void discovery_free_while_targets_ask(struct wire_world *world)
{
	wire_login(wire_open(world), &(struct wire_login){.discovery = true});
}

static unsigned try_account(struct wire_world *world, const char *user, const char *secret)
{
	struct wire *w = wire_open(world);
	struct challenge c = ask_for_challenge(w, NAMES, "7");
	struct bytes res = response_to(c.algorithm, c.id, secret, &c.value);
	unsigned status = answer(w, user, hex(w, &res), "", NULL);

	if (status == 0)
		wire_login_finish(w, NULL);
	else
		wire_expect_closed(w, 5);
	return status;
}

/* Who has an ACL has its account, and no other; a change is for the next login. */
static void an_account_of_its_own(struct wire_world *world)
{
	struct target_group *group = target_group_find(world->node, 1);
	struct wire *before = log_in(world), *half;
	struct challenge c;
	struct bytes res;
	struct target_acl *acl;

	assert_int_equal(target_acl_new(&acl, group, WIRE_INITIATOR), 0);
	/* The group asks for CHAP, and this ACL has nothing to answer with. */
	assert_int_equal(
		wire_login_step(wire_open(world), WIRE_SECURITY, NAMES "\nAuthMethod=CHAP", NULL),
		ISCSI_LOGIN_AUTH_FAILED);
	assert_int_equal(target_acl_set_auth(acl, &(struct target_auth){.user = "bob",
									.secret = "bob's secret"}),
			 0);
	assert_int_equal(try_account(world, USER, SECRET), ISCSI_LOGIN_AUTH_FAILED);
	assert_int_equal(try_account(world, "bob", SECRET), ISCSI_LOGIN_AUTH_FAILED);
	assert_int_equal(try_account(world, "bob", "bob's secret"), 0);
	/* In the middle of a login: that goes on with what it began with. */
	half = wire_open(world);
	c = ask_for_challenge(half, NAMES, "7");
	assert_int_equal(target_acl_set_auth(
				 acl, &(struct target_auth){.user = "bob", .secret = "a new one"}),
			 0);
	res = response_to(c.algorithm, c.id, "bob's secret", &c.value);
	assert_int_equal(answer(half, "bob", hex(half, &res), "", NULL), 0);
	wire_login_finish(half, NULL);
	assert_int_equal(try_account(world, "bob", "bob's secret"), ISCSI_LOGIN_AUTH_FAILED);
	assert_int_equal(try_account(world, "bob", "a new one"), 0);
	wire_ping(before);
}

static const struct wire_case cases[] = {
	REAL_WITH(each_algorithm, &one_way),
	CASE_WITH(in_base64, &one_way),
	CASE_WITH(in_upper_case, &one_way),
	CASE_WITH(choice_of_algorithm, &one_way),
	CASE_WITH(no_algorithm_in_common, &only_sha256),
	REAL_WITH(wrong_answers, &one_way),
	REAL_WITH(replayed_answer, &one_way),
	REAL_WITH(mutual, &both_ways),
	CASE_WITH(long_challenges, &both_ways),
	CASE_WITH(reflected_challenge, &both_ways),
	CASE_WITH(one_secret_for_both_ways, &one_way),
	CASE_WITH(mutual_without_an_account, &one_way),
	CASE_WITH(no_mutual_answer_to_a_stranger, &both_ways),
	REAL_WITH(security_stage_skipped, &one_way),
	CASE_WITH(none_offered, &one_way),
	CASE_WITH(unknown_methods_offered, &one_way),
	CASE_WITH(transit_too_early, &one_way),
	CASE_WITH(stage_jumped, &one_way),
	CASE_WITH(missing_keys, &one_way),
	CASE_WITH(oversized_values, &one_way),
	REAL_WITH(discovery_needs_it, &discovery_only),
	CASE_WITH(discovery_account_opens_no_target, &two_accounts),
	CASE_WITH(discovery_free_while_targets_ask, &one_way),
	REAL_WITH(an_account_of_its_own, &one_way),
};

WIRE_THEME_DEFINE(chap);

/* SPDX-License-Identifier: BSD-2-Clause */
/* Both engines of the login against each other, through everything they can agree on, and a target
 * that no run of requests gets past without the secret. */
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

enum auth {
	DIRECT,         /* nobody asks, no security stage */
	STAGE,          /* nobody asks, with AuthMethod=None */
	OFFERED,        /* the initiator would, the target does not want to know */
	ONE_WAY,        /* the target asks */
	ONE_WAY_OR_NOT, /* ... an initiator that offers None, too */
	MUTUAL,
	AUTHS,
};

struct world {
	/* the case */
	enum auth auth;
	unsigned algorithm, initiator_digests, target_digests;
	bool strict, discovery;
	size_t chop; /* the wire cuts text to this with the C bit; 0: it does not */
	const char *initiator_secret, *mutual_secret;

	uint32_t seed;
	unsigned round_trips;
	struct iscsi_login_target t;
	struct iscsi_login_initiator i;
	enum iscsi_login_result t_result, i_result;
};

static void random_bytes(void *ctx, void *out, size_t len)
{
	struct world *w = ctx;
	for (size_t i = 0; i < len; i++) {
		w->seed = w->seed * 1103515245 + 12345;
		((uint8_t *)out)[i] = (uint8_t)(w->seed >> 16);
	}
}

static void identify(void *ctx, const struct iscsi_login_identity *id,
		     struct iscsi_login_verdict *v)
{
	struct world *w = ctx;
	v->tpgt = 1;
	v->chap = w->auth >= ONE_WAY;
	v->algorithms = w->algorithm ? ISCSI_CHAP_BIT(w->algorithm) : ISCSI_CHAP_ALL;
	v->offer.header_digests = v->offer.data_digests = w->target_digests;
	v->offer.want.max_recv_data = 262144;
	v->offer.want.max_burst = 1 << 20;
	v->offer.want.initial_r2t = false;
	if (w->strict) {
		v->offer.want.immediate_data = false;
		v->offer.want.max_burst = 65536;
	}
	if (w->auth == MUTUAL)
		iscsi_chap_account_set(&v->ours, "disk", "the secret of the disk", 22);
}

static bool find_account(void *ctx, const struct iscsi_login_identity *id, const char *user,
			 struct iscsi_chap_account *account)
{
	return strcmp(user, "host") == 0 &&
	       iscsi_chap_account_set(account, user, "the secret of the host", 22) == 0;
}

static const struct iscsi_login_target_ops ops = {identify, find_account, random_bytes};

static void begin(struct world *w)
{
	struct iscsi_chap_account ours = {0}, theirs = {0};
	struct iscsi_login_config c = {
		.initiator_name = INITIATOR,
		.initiator_alias = "A host",
		.target_name = w->discovery ? NULL : TARGET,
		.discovery = w->discovery,
		.isid = {0, 2, 0x3d, 0, 0, 9},
		.cid = 3,
		.itt = 77,
		.tpgt = 1,
		.security_stage = w->auth == STAGE,
		.allow_none = w->auth == OFFERED || w->auth == ONE_WAY_OR_NOT,
	};
	iscsi_offer_init(&c.offer);
	c.offer.header_digests = c.offer.data_digests = w->initiator_digests;
	c.offer.want.header_digest = c.offer.want.data_digest =
		w->initiator_digests & ISCSI_DIGEST_CRC32C;
	c.offer.want.initial_r2t = false;
	c.offer.want.max_burst = 512 << 10;
	c.offer.want.first_burst = 128 << 10;
	c.offer.want.max_recv_data = 128 << 10;
	if (w->auth >= OFFERED) {
		const char *s =
			w->initiator_secret ? w->initiator_secret : "the secret of the host";
		assert_int_equal(iscsi_chap_account_set(&ours, "host", s, strlen(s)), 0);
		c.ours = &ours;
	}
	if (w->auth == MUTUAL) {
		const char *s = w->mutual_secret ? w->mutual_secret : "the secret of the disk";
		assert_int_equal(iscsi_chap_account_set(&theirs, "disk", s, strlen(s)), 0);
		c.theirs = &theirs;
	}
	iscsi_login_target_init(&w->t, &ops, w);
	assert_int_equal(iscsi_login_initiator_init(&w->i, &c, random_bytes, w), 0);
	w->t_result = w->i_result = ISCSI_LOGIN_GOES_ON;
}

static void end(struct world *w)
{
	static const struct iscsi_chap_account wiped;
	iscsi_login_target_free(&w->t);
	iscsi_login_initiator_free(&w->i);
	assert_memory_equal(&w->i.ours, &wiped, sizeof(wiped));
	assert_memory_equal(&w->i.theirs, &wiped, sizeof(wiped));
	assert_memory_equal(&w->t.ours, &wiped, sizeof(wiped));
}

/* Delivers a request, cut to pieces that the target must answer with nothing. */
static void to_target(struct world *w, struct iscsi_login_request req, const uint8_t *text,
		      uint32_t len, struct iscsi_login_response *rsp, const uint8_t **reply,
		      uint32_t *reply_len)
{
	while (w->chop && len > w->chop) {
		struct iscsi_login_request part = req;
		part.flags = (uint8_t)(ISCSI_LOGIN_CSG(req.flags) << 2 | ISCSI_LOGIN_CONTINUE);
		assert_int_equal(iscsi_login_target_request(&w->t, &part, text, (uint32_t)w->chop,
							    rsp, reply, reply_len),
				 ISCSI_LOGIN_GOES_ON);
		assert_int_equal(*reply_len, 0);
		assert_int_equal(rsp->flags, ISCSI_LOGIN_CSG(req.flags) << 2);
		text += w->chop;
		len -= (uint32_t)w->chop;
	}
	w->t_result = iscsi_login_target_request(&w->t, &req, text, len, rsp, reply, reply_len);
}

static void to_initiator(struct world *w, struct iscsi_login_response rsp, const uint8_t *text,
			 uint32_t len)
{
	while (w->chop && len > w->chop && !rsp.status_class) {
		struct iscsi_login_response part = rsp;
		struct iscsi_login_request req;
		const uint8_t *fetch;
		uint32_t fetch_len;
		part.flags = (uint8_t)(ISCSI_LOGIN_CSG(rsp.flags) << 2 | ISCSI_LOGIN_CONTINUE);
		assert_int_equal(
			iscsi_login_initiator_response(&w->i, &part, text, (uint32_t)w->chop),
			ISCSI_LOGIN_GOES_ON);
		assert_int_equal(iscsi_login_initiator_request(&w->i, &req, &fetch, &fetch_len), 0);
		assert_int_equal(fetch_len, 0);
		assert_false(req.flags & ISCSI_LOGIN_CONTINUE);
		text += w->chop;
		len -= (uint32_t)w->chop;
	}
	w->i_result = iscsi_login_initiator_response(&w->i, &rsp, text, len);
}

static void run(struct world *w)
{
	begin(w);
	while (w->i_result == ISCSI_LOGIN_GOES_ON) {
		struct iscsi_login_request req;
		struct iscsi_login_response rsp;
		const uint8_t *text, *reply;
		uint32_t len, reply_len;
		assert_true(++w->round_trips < 10);
		assert_int_equal(iscsi_login_initiator_request(&w->i, &req, &text, &len), 0);
		assert_true(len <= ISCSI_LOGIN_DATA_MAX);
		assert_int_equal(req.opcode, 0x43);
		to_target(w, req, text, len, &rsp, &reply, &reply_len);
		if (w->t_result == ISCSI_LOGIN_FINISHED)
			put_be16(rsp.tsih, 0x1234);
		to_initiator(w, rsp, reply, reply_len);
	}
}

static void check_agreement(const struct world *w)
{
	const struct iscsi_params *t = &w->t.nego.params, *i = &w->i.nego.params;
	unsigned both = w->initiator_digests & w->target_digests;
	assert_int_equal(t->header_digest, !!(both & ISCSI_DIGEST_CRC32C));
	assert_int_equal(i->header_digest, t->header_digest);
	assert_int_equal(i->data_digest, t->data_digest);
	assert_int_equal(i->max_recv_data, t->max_send_data);
	assert_int_equal(i->max_send_data, t->max_recv_data);
	assert_int_equal(t->max_send_data, 128 << 10);
	if (w->discovery)
		return;
	assert_int_equal(t->max_burst, w->strict ? 65536 : 512 << 10);
	assert_int_equal(t->first_burst, 65536);
	assert_int_equal(t->immediate_data, !w->strict);
	assert_false(t->initial_r2t);
	for (unsigned k = 0; k < ISCSI_KEY_COUNT; k++) {
		const struct iscsi_key *key = iscsi_key(k);
		if (key->size && k != ISCSI_KEY_MAX_RECV_DATA_SEGMENT_LENGTH)
			assert_int_equal(iscsi_params_get(t, key), iscsi_params_get(i, key));
	}
}

static void check_success(struct world *w)
{
	bool digests = w->initiator_digests & w->target_digests;
	if (!digests) {
		assert_int_equal(w->t_result, ISCSI_LOGIN_FAILED);
		assert_int_equal(w->t.status, ISCSI_LOGIN_INITIATOR_ERROR);
		assert_int_equal(w->i_result, ISCSI_LOGIN_FAILED);
		assert_non_null(strstr(w->t.why, "Digest"));
		return;
	}
	assert_string_equal(w->i.why, "");
	assert_int_equal(w->t_result, ISCSI_LOGIN_FINISHED);
	assert_int_equal(w->i_result, ISCSI_LOGIN_FINISHED);
	assert_int_equal(w->i.tsih, 0x1234);
	assert_int_equal(w->i.tpgt, 1);
	assert_int_equal(w->t.id.cid, 3);
	assert_string_equal(w->t.id.initiator_name, INITIATOR);
	assert_string_equal(w->t.id.target_name, w->discovery ? "" : TARGET);
	assert_int_equal(w->t.id.discovery, w->discovery);
	assert_string_equal(w->t.initiator_alias, "A host");
	assert_string_equal(w->t.user, w->auth >= ONE_WAY ? "host" : "");
	check_agreement(w);
}

/* Everything with everything. */
static void test_matrix(void **state)
{
	static const unsigned digests[] = {1, 2, 3}, algorithms[] = {0, 5, 6, 7, 8};
	static const size_t chops[] = {0, 1000, 17};
	unsigned runs = 0;
	for (unsigned auth = 0; auth < AUTHS; auth++) {
		for (unsigned n = 0; n < 5 * 3 * 3 * 3 * 2 * 2; n++) {
			struct world w = {
				.auth = auth,
				.algorithm = algorithms[n % 5],
				.initiator_digests = digests[n / 5 % 3],
				.target_digests = digests[n / 15 % 3],
				.chop = chops[n / 45 % 3],
				.strict = n / 135 % 2,
				.discovery = n / 270,
				.seed = n,
			};
			run(&w);
			check_success(&w);
			end(&w);
			runs++;
		}
	}
	print_message("# %u logins\n", runs);
}

static void test_round_trips(void **state)
{
	static const unsigned expected[AUTHS] = {1, 2, 2, 4, 4, 4};
	for (unsigned auth = 0; auth < AUTHS; auth++) {
		struct world w = {.auth = auth, .initiator_digests = 1, .target_digests = 3};
		run(&w);
		check_success(&w);
		assert_int_equal(w.round_trips, expected[auth]);
		end(&w);
	}
}

static void test_strongest_algorithm(void **state)
{
	struct world w = {.auth = MUTUAL, .initiator_digests = 1, .target_digests = 1};
	run(&w);
	check_success(&w);
	assert_int_equal(w.t.algorithm, ISCSI_CHAP_SHA3_256);
	end(&w);
}

/* The same run twice, byte by byte. */
static void test_replay(void **state)
{
	struct world a = {.auth = MUTUAL, .initiator_digests = 3, .target_digests = 3, .seed = 5};
	struct world b = a;
	run(&a);
	run(&b);
	assert_memory_equal(a.t.challenge, b.t.challenge, sizeof(a.t.challenge));
	assert_memory_equal(a.i.challenge, b.i.challenge, sizeof(a.i.challenge));
	assert_int_equal(a.round_trips, b.round_trips);
	end(&a);
	end(&b);
}

static void test_wrong_secret(void **state)
{
	struct world w = {.auth = ONE_WAY, .initiator_digests = 1, .target_digests = 1};
	w.initiator_secret = "not the secret";
	run(&w);
	assert_int_equal(w.t_result, ISCSI_LOGIN_FAILED);
	assert_int_equal(w.i_result, ISCSI_LOGIN_FAILED);
	assert_int_equal(w.i.status, ISCSI_LOGIN_AUTH_FAILED);
	assert_string_equal(w.i.why, "authentication failed (status 0201)");
	assert_string_equal(w.t.user, "");
	end(&w);
}

/* The target believes it has logged in; the initiator does not believe the target. */
static void test_wrong_target(void **state)
{
	struct world w = {.auth = MUTUAL, .initiator_digests = 1, .target_digests = 1};
	w.mutual_secret = "not the secret";
	run(&w);
	assert_int_equal(w.i_result, ISCSI_LOGIN_FAILED);
	assert_int_equal(w.i.status, 0);
	assert_non_null(strstr(w.i.why, "fails to authenticate"));
	end(&w);
}

static void test_one_secret_for_both(void **state)
{
	struct world w = {.auth = MUTUAL, .initiator_digests = 1, .target_digests = 1};
	w.initiator_secret = "the secret of the disk";
	w.mutual_secret = "something else"; /* or the initiator would not even begin */
	run(&w);
	assert_int_equal(w.t_result, ISCSI_LOGIN_FAILED);
	assert_non_null(strstr(w.t.why, "same in both directions"));
	end(&w);
}

static void test_config(void **state)
{
	struct iscsi_login_initiator l;
	struct iscsi_chap_account a, same, other, none = {0};
	struct iscsi_login_config good = {.initiator_name = INITIATOR, .target_name = TARGET};
	iscsi_chap_account_set(&a, "u", "s", 1);
	iscsi_chap_account_set(&same, "v", "s", 1);
	iscsi_chap_account_set(&other, "v", "ss", 2);
	iscsi_offer_init(&good.offer);
#define BAD(...)                                                                                   \
	do {                                                                                       \
		struct iscsi_login_config c = good;                                                \
		__VA_ARGS__;                                                                       \
		assert_int_equal(iscsi_login_initiator_init(&l, &c, random_bytes, NULL), -EINVAL); \
		iscsi_login_initiator_free(&l);                                                    \
	} while (0)
	BAD(c.initiator_name = NULL);
	BAD(c.initiator_name = "IQN.2001-04.com.example");
	BAD(c.target_name = NULL);
	BAD(c.target_name = "");
	BAD(c.target_name = "a/b");
	BAD(c.initiator_alias = "\x1b");
	BAD(c.theirs = &a);
	BAD(c.ours = &none);
	BAD(c.ours = &a; c.theirs = &other; c.allow_none = true);
	BAD(c.ours = &a; c.theirs = &none);
	BAD(c.ours = &a; c.theirs = &same); /* RFC 7143 9.2.1 */
#undef BAD
	good.ours = &a;
	good.theirs = &other;
	assert_int_equal(iscsi_login_initiator_init(&l, &good, random_bytes, NULL), 0);
	iscsi_login_initiator_free(&l);
}

/* Requests put together at random from what CHAP is made of, and answers to this very challenge
 * made with a wrong secret: none of it gets past the target. */
static void test_no_way_around(void **state)
{
	static const char *const pieces[] = {
		"InitiatorName=" INITIATOR ";TargetName=" TARGET ";",
		"AuthMethod=CHAP;",
		"AuthMethod=None;",
		"AuthMethod=CHAP,None;",
		"CHAP_A=5;",
		"CHAP_N=host;",
		"CHAP_N=nobody;",
		"CHAP_R=0x00;",
		"CHAP_R=0x00000000000000000000000000000000;",
		"CHAP_R=0x;",
		"CHAP_I=1;CHAP_C=0x01020304;",
		"CHAP_I=1;",
		"HeaderDigest=None;",
		"X-foo=1;",
	};
	static const uint8_t flags[] = {0x00, 0x81, 0x83, 0x04, 0x87, 0x40, 0x44};
	unsigned challenged = 0;
	for (uint32_t seed = 0; seed < 20000; seed++) {
		struct world w = {.auth = seed & 1 ? ONE_WAY : MUTUAL,
				  .seed = seed,
				  .initiator_digests = 1,
				  .target_digests = 1};
		enum iscsi_login_result r = ISCSI_LOGIN_GOES_ON;
		iscsi_login_target_init(&w.t, &ops, &w);
		for (int n = 0; n < 8 && r == ISCSI_LOGIN_GOES_ON; n++) {
			struct iscsi_login_request req = {.opcode = 0x43};
			struct iscsi_login_response rsp;
			const uint8_t *data;
			uint32_t len;
			char text[512] = "";
			uint8_t dice[4];
			random_bytes(&w, dice, sizeof(dice));
			req.flags = flags[dice[0] % (dice[1] & 1 ? 2 : ARRAY_SIZE(flags))];
			if (n == 0)
				strcat(text, pieces[0]);
			/* Often the right step, so that it comes far. */
			if (dice[1] & 6 && n < 3)
				strcat(text, n == 0   ? pieces[1]
					     : n == 1 ? pieces[4]
						      : "CHAP_N=host;CHAP_R=0xffff;");
			else
				for (int k = 0; k < dice[2] % 4; k++)
					strcat(text,
					       pieces[(dice[3] + k * 5) % ARRAY_SIZE(pieces)]);
			size_t text_len = strlen(text);
			for (size_t k = 0; k < text_len; k++)
				if (text[k] == ';')
					text[k] = 0;
			r = iscsi_login_target_request(&w.t, &req, text, (uint32_t)text_len, &rsp,
						       &data, &len);
			assert_int_not_equal(r, ISCSI_LOGIN_FINISHED);
			assert_int_equal(rsp.flags & 0x80, 0); /* nor past the security stage */
			challenged += w.t.auth == LOGIN_AUTH_CHAP_N;
		}
		assert_string_equal(w.t.user, "");
		iscsi_login_target_free(&w.t);
	}
	assert_true(challenged > 1000);
}

/* A login with one byte changed, at each place: it ends, one way or the other, and an initiator that
 * must prove itself has done so where the target says it is through. */
static void test_flipped_bytes(void **state)
{
	unsigned finished = 0, failed = 0;
	for (unsigned at = 0; at < 1200; at++) {
		struct world w = {.auth = MUTUAL, .initiator_digests = 3, .target_digests = 3};
		unsigned sent = 0;
		begin(&w);
		while (w.i_result == ISCSI_LOGIN_GOES_ON) {
			struct iscsi_login_request req;
			struct iscsi_login_response rsp;
			uint8_t copy[ISCSI_LOGIN_DATA_MAX];
			const uint8_t *text, *reply;
			uint32_t len, reply_len;
			assert_true(++w.round_trips < 100);
			assert_int_equal(iscsi_login_initiator_request(&w.i, &req, &text, &len), 0);
			memcpy(copy, text, len);
			if (at >= sent && at - sent < len)
				copy[at - sent] ^= (uint8_t)(1 + at % 127);
			sent += len;
			to_target(&w, req, copy, len, &rsp, &reply, &reply_len);
			if (w.t_result == ISCSI_LOGIN_FINISHED)
				put_be16(rsp.tsih, 1);
			to_initiator(&w, rsp, reply, reply_len);
		}
		if (w.t_result == ISCSI_LOGIN_FINISHED)
			assert_string_equal(w.t.user, "host");
		finished += w.i_result == ISCSI_LOGIN_FINISHED;
		failed += w.i_result == ISCSI_LOGIN_FAILED;
		end(&w);
	}
	print_message("# %u finished, %u failed\n", finished, failed);
	assert_true(finished > 100 && failed > 400);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_matrix),
		cmocka_unit_test(test_round_trips),
		cmocka_unit_test(test_strongest_algorithm),
		cmocka_unit_test(test_replay),
		cmocka_unit_test(test_wrong_secret),
		cmocka_unit_test(test_wrong_target),
		cmocka_unit_test(test_one_secret_for_both),
		cmocka_unit_test(test_config),
		cmocka_unit_test(test_no_way_around),
		cmocka_unit_test(test_flipped_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

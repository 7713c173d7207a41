/* SPDX-License-Identifier: BSD-2-Clause */
/* Login Requests, one after the other, to a target that asks for CHAP or does not. */
#include "fuzz.h"
#include "iscsi/login.h"

struct answers {
	bool chap, mutual;
};

static void identify(void *ctx, const struct iscsi_login_identity *id,
		     struct iscsi_login_verdict *v)
{
	const struct answers *a = ctx;
	MUST(memchr(id->initiator_name, 0, sizeof(id->initiator_name)));
	iscsi_offer_init(&v->offer);
	v->offer.header_digests = v->offer.data_digests = ISCSI_DIGEST_NONE | ISCSI_DIGEST_CRC32C;
	v->tpgt = 1;
	v->target_alias = "a disk";
	v->chap = a->chap;
	v->algorithms = ISCSI_CHAP_ALL;
	if (a->mutual)
		MUST(!iscsi_chap_account_set(&v->ours, "target", "a-secret-of-15.", 15));
}

static bool find_account(void *ctx, const struct iscsi_login_identity *id, const char *user,
			 struct iscsi_chap_account *account)
{
	return !strcmp(user, "user") &&
	       !iscsi_chap_account_set(account, "user", "a-secret-of-14", 14);
}

static const struct iscsi_login_target_ops ops = {identify, find_account, not_random};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	uint8_t how = take_byte(&in);
	struct answers answers = {how & 1, how & 2};
	struct iscsi_login_target l;
	enum iscsi_login_result result = ISCSI_LOGIN_GOES_ON;

	iscsi_login_target_init(&l, &ops, &answers);
	while (in.left && result == ISCSI_LOGIN_GOES_ON) {
		struct iscsi_login_request req = {.opcode = ISCSI_LOGIN_REQUEST | ISCSI_IMMEDIATE};
		struct iscsi_login_response rsp;
		const uint8_t *p, *text = NULL;
		uint32_t text_len = 0;
		req.flags = take_byte(&in);
		uint8_t odd = take_byte(&in); /* a header that is not as it should be */
		req.isid[0] = 0x80;
		if (odd & 1)
			req.tsih[1] = odd;
		if (odd & 2)
			req.version_min = odd;
		if (odd & 4)
			req.cid[1] = odd;
		size_t len = take_bytes(&in, take_number(&in, 2), &p);
		uint8_t *copy = copy_of(p, len);
		result = iscsi_login_target_request(&l, &req, copy, (uint32_t)len, &rsp, &text,
						    &text_len);
		free(copy);
		MUST(text_len <= 8192);
		if (result == ISCSI_LOGIN_FAILED)
			MUST(rsp.status_class && l.why[0]);
		else
			MUST(!rsp.status_class);
		if (result == ISCSI_LOGIN_FINISHED && answers.chap && !l.id.discovery)
			MUST(l.user[0]);
	}
	iscsi_login_target_free(&l);
	return 0;
}

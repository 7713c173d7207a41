/* SPDX-License-Identifier: BSD-2-Clause */
/* Login Responses of a target that says anything. */
#include "fuzz.h"
#include "iscsi/login.h"

static int begin(struct iscsi_login_initiator *l, uint8_t how)
{
	struct iscsi_chap_account ours, theirs;
	struct iscsi_login_config c = {.initiator_name = "iqn.2026-01.test.lunar:initiator",
				       .target_name = "iqn.2026-01.test.lunar:target",
				       .tpgt = -1};
	MUST(!iscsi_chap_account_set(&ours, "user", "a-secret-of-14", 14));
	MUST(!iscsi_chap_account_set(&theirs, "target", "a-secret-of-15.", 15));
	iscsi_offer_init(&c.offer);
	c.isid[0] = 0x80;
	c.discovery = how & 8;
	c.security_stage = how & 1;
	c.ours = how & 2 ? &ours : NULL;
	c.theirs = how & 2 && how & 4 ? &theirs : NULL;
	return iscsi_login_initiator_init(l, &c, not_random, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	uint8_t how = take_byte(&in);
	struct iscsi_login_initiator l;
	enum iscsi_login_result result = ISCSI_LOGIN_GOES_ON;

	MUST(!begin(&l, how));
	while (in.left && result == ISCSI_LOGIN_GOES_ON) {
		struct iscsi_login_request req;
		struct iscsi_login_response rsp = {.opcode = ISCSI_LOGIN_RESPONSE};
		const uint8_t *p, *text;
		uint32_t text_len;
		if (iscsi_login_initiator_request(&l, &req, &text, &text_len))
			break;
		MUST(text_len <= 8192);
		rsp.flags = take_byte(&in);
		uint8_t odd = take_byte(&in);
		memcpy(rsp.isid, req.isid, sizeof(rsp.isid));
		memcpy(rsp.itt, req.itt, sizeof(rsp.itt));
		if (odd & 1)
			rsp.status_class = odd >> 4;
		if (odd & 2)
			rsp.status_detail = odd >> 4;
		if (odd & 4)
			rsp.tsih[1] = odd;
		size_t len = take_bytes(&in, take_number(&in, 2), &p);
		uint8_t *copy = copy_of(p, len);
		result = iscsi_login_initiator_response(&l, &rsp, copy, (uint32_t)len);
		free(copy);
		if (result == ISCSI_LOGIN_FAILED)
			MUST(l.why[0]);
		/* Who was to prove himself has done so. */
		if (result == ISCSI_LOGIN_FINISHED)
			MUST(!(how & 2 && how & 4) || l.auth == LOGIN_AUTH_OVER);
	}
	iscsi_login_initiator_free(&l);
	return 0;
}

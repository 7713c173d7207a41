/* SPDX-License-Identifier: BSD-2-Clause */
/* Text Requests in full feature phase, the target's side (RFC 7143 6.4, 11.10, appendix C). */
#include "iscsi/login.h"

#include <errno.h>
#include <string.h>

#define SEND_TARGETS_MAX (16 * 1024 * 1024) /* our own text; a target has about 300 bytes */

void iscsi_text_target_init(struct iscsi_text_target *t, const struct iscsi_text_target_ops *ops,
			    void *ctx, struct iscsi_params *params, bool discovery)
{
	*t = (struct iscsi_text_target){
		.ops = ops,
		.ctx = ctx,
		.params = params,
		.discovery = discovery,
	};
	iscsi_text_in_init(&t->in, ISCSI_TEXT_MAX, ISCSI_TEXT_PDUS_MAX);
	iscsi_text_out_init(&t->out, SEND_TARGETS_MAX);
}

void iscsi_text_target_free(struct iscsi_text_target *t)
{
	iscsi_text_in_free(&t->in);
	iscsi_text_out_free(&t->out);
	t->active = false;
}

void iscsi_add_target(struct buf *out, const char *name)
{
	iscsi_text_add(out, "TargetName", "%s", name);
}

void iscsi_add_address(struct buf *out, const char *address, uint16_t tpgt)
{
	iscsi_text_add(out, "TargetAddress", "%s,%u", address, tpgt);
}

static void begin(struct iscsi_text_target *t, uint32_t itt)
{
	struct iscsi_offer offer;
	iscsi_offer_init(&offer);
	iscsi_nego_init(&t->nego, true, true, &offer, NULL);
	t->nego.params = *t->params;
	iscsi_text_in_free(&t->in);
	iscsi_text_out_reset(&t->out);
	t->itt = itt;
	t->active = true;
}

/* A new negotiation, or the next step of the one that there is. */
static int check_header(struct iscsi_text_target *t, const struct iscsi_text_request *req)
{
	uint32_t ttt = get_be32(req->ttt), itt = get_be32(req->itt);
	if (req->flags & ISCSI_FINAL && req->flags & ISCSI_TEXT_CONTINUE)
		return ISCSI_REJECT_PROTOCOL;
	if (ttt == ISCSI_RESERVED_TAG) /* RFC 7143 11.10.4: forgets what was there */
		begin(t, itt);
	else if (!t->active || ttt != t->ttt || itt != t->itt)
		return ISCSI_REJECT_INVALID_FIELD;
	return 0;
}

/* `v` has this key and no other. */
static bool alone(const struct iscsi_values *v, enum iscsi_key_id id)
{
	for (unsigned i = 0; i < ISCSI_KEY_COUNT; i++)
		if (!v->of[i] != (i != (unsigned)id))
			return false;
	return true;
}

/*
 * Nothing but records is permitted in an answer (appendix C), so what can not be answered gets a
 * Reject PDU; a name that nobody has is no mistake, and its answer has no records. "All" MUST NOT be
 * supported on a normal session; the empty value means its own target, and there is none in discovery.
 */
static int send_targets(struct iscsi_text_target *t, const char *value)
{
	char which[ISCSI_NAME_SIZE] = "";
	if (strcmp(value, "All") == 0) {
		if (!t->discovery)
			return ISCSI_REJECT_NOT_SUPPORTED;
		memcpy(which, "All", sizeof("All"));
	} else if (value[0]) {
		if (iscsi_name_normalize(value, which) != 0)
			return ISCSI_REJECT_INVALID_FIELD;
	} else if (t->discovery) {
		return 0;
	}
	t->ops->send_targets(t->ctx, which, &t->out.buf);
	return 0;
}

static int take_text(struct iscsi_text_target *t)
{
	struct iscsi_values v;
	struct buf *reply = &t->out.buf;
	int reason = 0;
	if (iscsi_nego_read(&t->nego, ISCSI_FULL_FEATURE, t->in.buf.data, t->in.buf.len, &v,
			    reply) != 0)
		return ISCSI_REJECT_PROTOCOL;
	if (v.of[ISCSI_KEY_SEND_TARGETS]) {
		if (!alone(&v, ISCSI_KEY_SEND_TARGETS) || reply->len)
			return ISCSI_REJECT_PROTOCOL;
		reason = send_targets(t, v.of[ISCSI_KEY_SEND_TARGETS]);
	} else if (iscsi_nego_take(&t->nego, &v, reply) != 0) {
		return ISCSI_REJECT_PROTOCOL;
	}
	return reply->err ? ISCSI_REJECT_LONG_OPERATION : reason;
}

static int take_data(struct iscsi_text_target *t, uint8_t flags, const void *data, uint32_t len)
{
	if (iscsi_text_out_left(&t->out))
		return len || flags & ISCSI_TEXT_CONTINUE ? ISCSI_REJECT_PROTOCOL : 0;
	iscsi_text_out_reset(&t->out);
	int err = iscsi_text_in_add(&t->in, data, len);
	if (err)
		return err == -ENOMEM ? ISCSI_REJECT_LONG_OPERATION : ISCSI_REJECT_PROTOCOL;
	if (flags & ISCSI_TEXT_CONTINUE)
		return 0;
	int reason = take_text(t);
	iscsi_text_in_free(&t->in);
	return reason;
}

/* F ends the negotiation, when the initiator has set it, too, and all text has gone. */
static void respond(struct iscsi_text_target *t, uint8_t flags, struct iscsi_text_response *rsp,
		    const uint8_t **text, uint32_t *text_len)
{
	bool more;
	*text_len = (uint32_t)iscsi_text_out_part(&t->out, t->params->max_send_data, text, &more);
	if (!more && flags & ISCSI_FINAL) {
		rsp->flags = ISCSI_FINAL;
		put_be32(rsp->ttt, ISCSI_RESERVED_TAG);
		t->params->max_send_data = t->nego.params.max_send_data;
		t->active = false;
		return;
	}
	rsp->flags = more ? ISCSI_TEXT_CONTINUE : 0;
	if (++t->ttt == ISCSI_RESERVED_TAG)
		t->ttt = 0;
	put_be32(rsp->ttt, t->ttt);
}

int iscsi_text_target_request(struct iscsi_text_target *t, const struct iscsi_text_request *req,
			      const void *data, uint32_t len, struct iscsi_text_response *rsp,
			      const uint8_t **text, uint32_t *text_len)
{
	*rsp = (struct iscsi_text_response){.opcode = ISCSI_TEXT_RESPONSE};
	memcpy(rsp->itt, req->itt, sizeof(rsp->itt));
	*text = NULL;
	*text_len = 0;
	int reason = check_header(t, req);
	if (!reason)
		reason = take_data(t, req->flags, data, len);
	if (reason)
		iscsi_text_target_free(t);
	else
		respond(t, req->flags, rsp, text, text_len);
	return reason;
}

void iscsi_text_target_used(struct iscsi_text_target *t)
{
	if (!iscsi_text_out_left(&t->out))
		iscsi_text_out_free(&t->out);
}

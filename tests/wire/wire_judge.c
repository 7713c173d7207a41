/* SPDX-License-Identifier: BSD-2-Clause */
/* What must hold of every PDU a target sends (RFC 7143 11), whatever the test is about. */
#include "wire.h"

enum numbering {
	STATSN_COUNTS, /* takes a number: the next PDU carries one more */
	STATSN_NEXT,   /* shows the next number without taking it */
	STATSN_NONE,   /* means nothing here */
};

/* Bytes that are reserved: zero. */
struct range {
	uint8_t from, to;
};

struct rule {
	uint8_t opcode;
	const char *name;
	uint8_t flags_set, flags_clear; /* of byte 1 */
	bool data;                      /* may have a data segment */
	struct range zero[6];           /* ends with from == to == 0 */
	enum numbering (*more)(struct wire *w, const struct wire_pdu *pdu);
};

#define HOLDS(cond)                                                                \
	do {                                                                       \
		if (!(cond))                                                       \
			wire_fail(w->world, "#%u: %s breaks a rule: %s", w->index, \
				  wire_opcode_name(pdu->bhs.opcode), #cond);       \
	} while (0)

static bool zero(const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (p[i])
			return false;
	return true;
}

static enum numbering nop_in(struct wire *w, const struct wire_pdu *pdu)
{
	uint32_t itt = wire_itt(pdu), ttt = get_be32(pdu->nop_in.ttt);

	if (itt != ISCSI_RESERVED_TAG) { /* 11.19: the echo of a ping */
		HOLDS(ttt == ISCSI_RESERVED_TAG);
		return STATSN_COUNTS;
	}
	HOLDS(pdu->data_len == 0);
	return STATSN_NEXT; /* 11.19.2 */
}

static enum numbering scsi_response(struct wire *w, const struct wire_pdu *pdu)
{
	const struct iscsi_scsi_response *r = &pdu->response;
	uint8_t main = r->flags & (ISCSI_OVERFLOW | ISCSI_UNDERFLOW);
	uint8_t bidi = r->flags & (ISCSI_BIDI_OVERFLOW | ISCSI_BIDI_UNDERFLOW);

	/* 11.4.1: mutually exclusive, and zero unless the command completed at the target */
	HOLDS(main != (ISCSI_OVERFLOW | ISCSI_UNDERFLOW));
	HOLDS(bidi != (ISCSI_BIDI_OVERFLOW | ISCSI_BIDI_UNDERFLOW));
	HOLDS(r->response == 0 || (main | bidi) == 0);
	HOLDS(main || get_be32(r->residual) == 0);
	HOLDS(bidi || get_be32(r->bidi_residual) == 0);
	HOLDS(!main || get_be32(r->residual) != 0);
	/* 11.4.7: sense data come with CHECK CONDITION, and with their length */
	if (r->response == 0 && r->status == 0x02)
		HOLDS(pdu->data_len > 2);
	if (pdu->data_len) {
		HOLDS(pdu->data_len >= 2);
		HOLDS(get_be16(pdu->data) + 2u <= pdu->data_len);
	}
	return STATSN_COUNTS;
}

static enum numbering data_in(struct wire *w, const struct wire_pdu *pdu)
{
	const struct iscsi_data_in *d = &pdu->data_in;

	/* 11.7.2: no A bit at ErrorRecoveryLevel 0; then tag and LUN are not supplied (11.7.4) */
	HOLDS(get_be32(d->ttt) == ISCSI_RESERVED_TAG);
	HOLDS(zero(d->lun, 8));
	if (!(d->flags & ISCSI_DATA_STATUS)) {
		HOLDS(!(d->flags & (ISCSI_OVERFLOW | ISCSI_UNDERFLOW)));
		return STATSN_NONE;
	}
	HOLDS(d->flags & ISCSI_FINAL);
	/* 11.7.3: only a command that succeeded; its sense data would have no place */
	HOLDS(d->status == 0x00 || d->status == 0x04);
	HOLDS((d->flags & (ISCSI_OVERFLOW | ISCSI_UNDERFLOW)) || get_be32(d->residual) == 0);
	return STATSN_COUNTS;
}

static enum numbering r2t(struct wire *w, const struct wire_pdu *pdu)
{
	HOLDS(get_be32(pdu->r2t.ttt) != ISCSI_RESERVED_TAG);
	HOLDS(get_be32(pdu->r2t.desired_length) > 0);
	HOLDS(get_be32(pdu->r2t.desired_length) <= w->max_burst); /* 11.8.4 */
	return STATSN_NEXT;                                       /* 11.8.3 */
}

static enum numbering login(struct wire *w, const struct wire_pdu *pdu)
{
	const struct iscsi_login_response *l = &pdu->login_response;

	if (l->status_class) {
		HOLDS(l->flags == 0); /* 6.3.1: T, CSG and NSG are reserved */
		return STATSN_NONE;
	}
	HOLDS(!((l->flags & ISCSI_LOGIN_CONTINUE) && (l->flags & ISCSI_LOGIN_TRANSIT)));
	HOLDS((l->flags & ISCSI_LOGIN_TRANSIT) || ISCSI_LOGIN_NSG(l->flags) == 0);
	HOLDS(l->version_max == 0 && l->version_active == 0);
	return STATSN_COUNTS;
}

static enum numbering text(struct wire *w, const struct wire_pdu *pdu)
{
	const struct iscsi_text_response *t = &pdu->text_response;
	bool final = t->flags & ISCSI_FINAL;

	/* 11.11.1, 11.11.2 */
	HOLDS(final == (get_be32(t->ttt) == ISCSI_RESERVED_TAG));
	HOLDS(!((t->flags & ISCSI_TEXT_CONTINUE) && final));
	return STATSN_COUNTS;
}

static enum numbering async(struct wire *w, const struct wire_pdu *pdu)
{
	HOLDS(wire_itt(pdu) == ISCSI_RESERVED_TAG);
	HOLDS(pdu->async.vcode == 0);
	HOLDS(pdu->async.event == ISCSI_ASYNC_SCSI || zero(pdu->async.lun, 8));
	return STATSN_COUNTS;
}

static enum numbering reject(struct wire *w, const struct wire_pdu *pdu)
{
	HOLDS(wire_itt(pdu) == ISCSI_RESERVED_TAG);
	HOLDS(pdu->data_len >= ISCSI_BHS_LEN); /* 11.17.4 */
	HOLDS(pdu->reject.reason != ISCSI_REJECT_NEGOTIATION_RESET);
	return STATSN_COUNTS;
}

static enum numbering logout(struct wire *w, const struct wire_pdu *pdu)
{
	HOLDS(pdu->logout_response.response <= ISCSI_LOGOUT_FAILED);
	return STATSN_COUNTS;
}

static const struct rule rules[] = {
	{ISCSI_NOP_IN, "NOP-In", 0x80, 0x7f, true, {{2, 4}, {36, 48}}, nop_in},
	{ISCSI_SCSI_RESPONSE,
	 "SCSI-Response",
	 0x80,
	 0x61,
	 true,
	 {{8, 16}, {20, 24}},
	 scsi_response},
	{ISCSI_TMF_RESPONSE,
	 "TMF-Response",
	 0x80,
	 0x7f,
	 false,
	 {{3, 4}, {8, 16}, {20, 24}, {36, 48}},
	 NULL},
	{ISCSI_LOGIN_RESPONSE, "Login-Response", 0, 0x30, true, {{20, 24}, {38, 48}}, login},
	{ISCSI_TEXT_RESPONSE, "Text-Response", 0, 0x3f, true, {{2, 4}, {36, 48}}, text},
	{ISCSI_DATA_IN, "Data-In", 0, 0x78, true, {{2, 3}}, data_in},
	{ISCSI_LOGOUT_RESPONSE,
	 "Logout-Response",
	 0x80,
	 0x7f,
	 false,
	 {{3, 4}, {8, 16}, {20, 24}, {36, 40}, {44, 48}},
	 logout},
	{ISCSI_R2T, "R2T", 0x80, 0x7f, false, {{2, 4}}, r2t},
	{ISCSI_ASYNC_MESSAGE, "Async", 0x80, 0x7f, true, {{2, 4}, {20, 24}, {44, 48}}, async},
	{ISCSI_REJECT,
	 "Reject",
	 0x80,
	 0x7f,
	 true,
	 {{3, 4}, {8, 16}, {20, 24}, {36, 40}, {40, 48}},
	 reject},
};

static const struct rule *find_rule(uint8_t opcode)
{
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
		if (rules[i].opcode == opcode)
			return &rules[i];
	return NULL;
}

const char *wire_opcode_name(uint8_t opcode)
{
	static const char *const requests[] = {"NOP-Out",       "SCSI-Command", "TMF-Request",
					       "Login-Request", "Text-Request", "Data-Out",
					       "Logout-Request"};
	const struct rule *rule = find_rule(opcode & ISCSI_OPCODE_MASK);

	if (rule)
		return rule->name;
	opcode &= ISCSI_OPCODE_MASK;
	return opcode < ARRAY_SIZE(requests)   ? requests[opcode]
	       : opcode == ISCSI_SNACK_REQUEST ? "SNACK"
					       : "(unknown)";
}

/* 4.2.2.2: one more for each numbered PDU; the first Login Response sets the start. */
static void judge_statsn(struct wire *w, const struct wire_pdu *pdu, enum numbering n)
{
	uint32_t statsn = get_be32(pdu->nop_in.statsn);

	if (n == STATSN_NONE)
		return;
	if (!w->statsn_known) {
		HOLDS(n == STATSN_COUNTS);
		w->statsn_known = true;
		w->expstatsn = statsn;
	}
	if (statsn != w->expstatsn)
		wire_fail(w->world, "#%u: %s has StatSN %08x, due is %08x", w->index,
			  wire_opcode_name(pdu->bhs.opcode), statsn, w->expstatsn);
	if (n == STATSN_COUNTS)
		w->expstatsn++;
}

/* 4.2.2.1: neither number goes back, and nothing is acknowledged that was not sent. */
static void judge_window(struct wire *w, const struct wire_pdu *pdu)
{
	uint32_t expcmdsn = get_be32(pdu->nop_in.expcmdsn);
	uint32_t maxcmdsn = get_be32(pdu->nop_in.maxcmdsn);

	if (w->window_known) {
		HOLDS(!wire_sn_less(expcmdsn, w->expcmdsn));
		HOLDS(!wire_sn_less(maxcmdsn, w->maxcmdsn));
	}
	HOLDS(!wire_sn_less(maxcmdsn, expcmdsn - 1));
	HOLDS(!wire_sn_less(w->cmdsn_top, expcmdsn));
	w->window_known = true;
	w->expcmdsn = expcmdsn;
	w->maxcmdsn = maxcmdsn;
}

/* 6.1: key=value pairs, each ended by a NUL; a PDU with C set may end anywhere. */
static void judge_text(struct wire *w, const struct wire_pdu *pdu)
{
	if (pdu->data_len == 0 || !w->judge_text || (pdu->bhs.flags & ISCSI_TEXT_CONTINUE))
		return;
	const char *p = (const char *)pdu->data, *end = p + pdu->data_len;
	HOLDS(end[-1] == 0);
	for (; p < end; p += strlen(p) + 1) {
		const char *eq = strchr(p, '=');

		HOLDS(eq != NULL);
		HOLDS(eq > p && eq - p <= 63);
	}
}

void wire_judge(struct wire *w, const struct wire_pdu *pdu)
{
	uint8_t opcode = pdu->bhs.opcode;
	const struct rule *rule = find_rule(opcode);
	enum numbering n;
	bool is_login = opcode == ISCSI_LOGIN_RESPONSE;

	if (!rule)
		wire_fail(w->world, "#%u: a target never sends opcode %02x", w->index, opcode);
	HOLDS((pdu->bhs.flags & rule->flags_set) == rule->flags_set);
	HOLDS((pdu->bhs.flags & rule->flags_clear) == 0);
	for (const struct range *z = rule->zero; z->to; z++)
		if (!zero(pdu->raw + z->from, z->to - z->from))
			wire_fail(w->world, "#%u: %s: reserved bytes %u..%u are not zero", w->index,
				  rule->name, z->from, z->to - 1);
	HOLDS(pdu->ahs_len == 0);
	HOLDS(rule->data || pdu->data_len == 0);
	HOLDS(is_login == !w->full_feature);
	HOLDS(pdu->data_len <= (is_login ? ISCSI_LOGIN_DATA_MAX : w->max_recv));
	n = rule->more ? rule->more(w, pdu) : STATSN_COUNTS;
	judge_statsn(w, pdu, n);
	/* The numbers of a refused login mean nothing (11.13.5). */
	if (!is_login || pdu->login_response.status_class == 0)
		judge_window(w, pdu);
	if (is_login || opcode == ISCSI_TEXT_RESPONSE)
		judge_text(w, pdu);
}

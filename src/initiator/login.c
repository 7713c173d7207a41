/* SPDX-License-Identifier: BSD-2-Clause */
/* The login of a connection: what iscsi/login.h says, and what it means when it fails. */
#include <errno.h>
#include <string.h>
#include "initiator/discovery.h"
#include "initiator/priv.h"

static void random_bytes(void *ctx, void *out, size_t len)
{
	struct ini_session *s = ctx;
	s->ops->random(s->ctx, out, len);
}

/* Its text lies in the login's own buffer: there is one at a time. */
static void next_request(struct ini_session *s)
{
	struct iscsi_login_request req;
	const uint8_t *text;
	uint32_t len;
	if (iscsi_login_initiator_request(&s->login, &req, &text, &len) != 0) {
		ini_recovery_break(s, INI_NO_MEMORY, "%s", s->login.why);
		return;
	}
	struct note *note = ini_conn_note(s, 0, 0);
	if (!note)
		return;
	memcpy(&note->pdu.bhs, &req, sizeof(req));
	note->pdu.data = text;
	note->pdu.data_len = len;
	ini_conn_push(s, note);
}

struct iscsi_login_config ini_login_config(const struct ini_session *s)
{
	const struct ini_config *c = &s->config;
	struct iscsi_login_config config = {
		.initiator_name = s->initiator_name,
		.initiator_alias = s->alias[0] ? s->alias : NULL,
		.target_name = s->target_name[0] ? s->target_name : NULL,
		.discovery = c->discovery,
		.tpgt = c->tpgt,
		.offer = c->offer,
		.ours = c->ours,
		.theirs = c->theirs,
		.allow_none = c->allow_none,
		.algorithms = c->algorithms,
		/* RFC 7143 6.3.5: the same ISID and TSIH 0 reinstate the session. */
		.tsih = 0,
	};
	memcpy(config.isid, c->isid, sizeof(config.isid));
	return config;
}

void ini_login_begin(struct ini_session *s)
{
	const struct iscsi_login_config config = ini_login_config(s);
	ini_conn_reset(s);
	s->cmdsn = s->expcmdsn = s->config.cmdsn;
	s->maxcmdsn = s->cmdsn - 1;
	if (iscsi_login_initiator_init(&s->login, &config, random_bytes, s) != 0) {
		ini_recovery_break(s, INI_NO_MEMORY, "the login cannot begin");
		return;
	}
	next_request(s);
}

void ini_login_free(struct ini_session *s)
{
	iscsi_login_initiator_free(&s->login);
	memset(&s->login, 0, sizeof(s->login));
}

void ini_login_sent(struct ini_session *s)
{
	s->login_due = false;
	if (s->state == M_LOGGING_IN)
		next_request(s);
	else
		ini_login_free(s);
}

/* RFC 7143 11.13.5 */
static enum ini_reason reason_of(const struct iscsi_login_initiator *l)
{
	static const enum ini_reason of_blame[] = {
		[ISCSI_BLAME_NOBODY] = INI_NONSENSE,
		[ISCSI_BLAME_METHOD] = INI_NO_AUTHENTICATION,
		[ISCSI_BLAME_PROOF] = INI_TARGET_UNPROVEN,
		[ISCSI_BLAME_VALUES] = INI_NO_AGREEMENT,
	};
	switch (l->status) {
	case ISCSI_LOGIN_SUCCESS: return of_blame[l->blame];
	case ISCSI_LOGIN_AUTH_FAILED: return INI_WRONG_SECRET;
	case ISCSI_LOGIN_FORBIDDEN: return INI_FORBIDDEN;
	case ISCSI_LOGIN_NOT_FOUND:
	case ISCSI_LOGIN_REMOVED: return INI_NO_SUCH_TARGET;
	default: break;
	}
	switch (l->status >> 8) {
	case 2: return INI_LOGIN_REFUSED;
	case 3: return INI_NOT_NOW;
	default: return INI_NONSENSE;
	}
}

static void failed(struct ini_session *s)
{
	const struct iscsi_login_initiator *l = &s->login;
	enum ini_reason reason = reason_of(l);
	ini_recovery_note(s, reason, l->status, 0, "%s: %s", ini_reason_text(reason), l->why);
	ini_recovery_broken(s);
}

/* RFC 7143 11.13.5, class 1: once, or from now on. */
static void moved(struct ini_session *s)
{
	struct ini_address a;
	char text[ISCSI_ADDRESS_SIZE];
	if (++s->hops > INI_HOPS_MAX) {
		ini_recovery_break(s, INI_MOVED_TOO_OFTEN, NULL);
		return;
	}
	if (ini_address_parse(&a, s->login.address) != 0) {
		ini_recovery_break(s, INI_NONSENSE,
				   "the target has moved to %s, which is no address",
				   s->login.address);
		return;
	}
	ini_address_format(text, &a);
	memcpy(s->address, text, sizeof(text));
	bool for_good = s->login.moved_permanently;
	if (for_good)
		memcpy(s->base, text, sizeof(text));
	ini_recovery_happens(s, H_MOVED);
	if (for_good && s->ops->event)
		s->ops->event(s->ctx,
			      &(struct ini_event){.kind = INI_MOVED_FOR_GOOD, .address = s->base});
}

static void finished(struct ini_session *s, const struct iscsi_login_response *rsp)
{
	const struct iscsi_login_initiator *l = &s->login;
	s->params = l->nego.params;
	s->tsih = l->tsih;
	s->tpgt = l->tpgt;
	memcpy(s->target_alias, l->target_alias, sizeof(s->target_alias));
	s->rx.max_data = s->params.max_recv_data;
	s->rx.header_digest = s->tx.header_digest = s->params.header_digest;
	s->rx.data_digest = s->tx.data_digest = s->params.data_digest;
	uint32_t exp = get_be32(rsp->expcmdsn), max = get_be32(rsp->maxcmdsn);
	if (!iscsi_sn_lt(max, exp - 1))
		s->maxcmdsn = max;
	/* The last request may be in the send queue still, with its text. */
	s->login_due = true;
	ini_recovery_happens(s, H_LOGGED_IN);
	if (iscsi_tx_idle(&s->tx))
		ini_login_sent(s);
}

/* A StatSN that does not follow the last one is of no login of ours. */
static bool numbers_fit(struct ini_session *s, const struct iscsi_login_response *rsp)
{
	uint32_t statsn = get_be32(rsp->statsn);
	if (rsp->status_class)
		return true; /* RFC 7143 11.13.4: it has none that counts */
	if (s->statsn_known && statsn != s->expstatsn)
		return false;
	s->statsn_known = true;
	s->expstatsn = statsn + 1;
	return true;
}

/* What answers may be something else altogether, and never send what a header would have. */
void ini_login_partial(struct ini_session *s)
{
	int first = iscsi_rx_opcode_byte(&s->rx);
	if (first >= 0 && (first & ISCSI_OPCODE_MASK) != ISCSI_LOGIN_RESPONSE)
		ini_recovery_break(
			s, INI_NONSENSE,
			"what answers the login is no Login Response (it begins with 0x%02x)",
			(unsigned)first);
}

void ini_login_pdu(struct ini_session *s)
{
	const struct iscsi_login_response *rsp = (const struct iscsi_login_response *)&s->rx.bhs;
	if (iscsi_opcode(&s->rx.bhs) != ISCSI_LOGIN_RESPONSE) {
		ini_recovery_break(s, INI_NONSENSE,
				   "what answers the login is no Login Response (opcode 0x%02x)",
				   iscsi_opcode(&s->rx.bhs));
		return;
	}
	if (s->login_due || !numbers_fit(s, rsp)) {
		ini_recovery_break(s, INI_NONSENSE, "the target answers what was not asked");
		return;
	}
	switch (iscsi_login_initiator_response(&s->login, rsp, s->scratch, s->rx.data_len)) {
	case ISCSI_LOGIN_GOES_ON:
		/* What was sent may be said to have gone only after its answer has come. */
		s->login_due = true;
		if (iscsi_tx_idle(&s->tx))
			ini_login_sent(s);
		break;
	case ISCSI_LOGIN_FINISHED: finished(s, rsp); break;
	case ISCSI_LOGIN_FAILED: failed(s); break;
	case ISCSI_LOGIN_MOVED: moved(s); break;
	}
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The target's side of the login. A request passes header checks, its text is gathered, then the
 * text is taken as a whole: identity first, then the keys of the stage. Every function that can end
 * the login returns the status to end it with.
 */
#include "iscsi/login.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <openssl/crypto.h>
#include "common/log.h"
#include "iscsi/login_common.h"

#define BIT(key) ISCSI_KEY_BIT(ISCSI_KEY_##key)

void iscsi_login_target_init(struct iscsi_login_target *l, const struct iscsi_login_target_ops *ops,
			     void *ctx)
{
	struct iscsi_offer offer;
	*l = (struct iscsi_login_target){.ops = ops, .ctx = ctx};
	iscsi_offer_init(&offer);
	iscsi_nego_init(&l->nego, true, true, &offer, NULL);
	iscsi_text_in_init(&l->in, ISCSI_TEXT_MAX, ISCSI_LOGIN_PDUS_MAX);
	iscsi_text_out_init(&l->out, ISCSI_REPLY_MAX);
}

void iscsi_login_target_free(struct iscsi_login_target *l)
{
	iscsi_text_in_free(&l->in);
	iscsi_text_out_free(&l->out);
	iscsi_chap_account_wipe(&l->ours);
	OPENSSL_cleanse(l->challenge, sizeof(l->challenge));
}

PRINTF(3, 4)
static uint16_t refuse(struct iscsi_login_target *l, uint16_t status, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(l->why, sizeof(l->why), fmt, ap);
	va_end(ap);
	return status;
}

/* The negotiation has failed with `err`: by a value that has a status of its own, or not. */
static uint16_t refuse_key(struct iscsi_login_target *l, int err)
{
	static const struct {
		enum iscsi_key_id key;
		uint16_t status;
	} values[] = {
		{ISCSI_KEY_TARGET_NAME, ISCSI_LOGIN_NOT_FOUND},
		{ISCSI_KEY_SESSION_TYPE, ISCSI_LOGIN_SESSION_TYPE},
	};
	uint16_t status = ISCSI_LOGIN_INITIATOR_ERROR;
	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		if (err == -EINVAL && l->nego.bad == values[i].key)
			status = values[i].status;
	iscsi_nego_explain(&l->nego, l->why, sizeof(l->why));
	return status;
}

/* The only key that goes with the refusal; what was to be answered before is dropped. */
static void last_word(struct iscsi_login_target *l, const char *key, const char *value)
{
	iscsi_text_out_reset(&l->out);
	iscsi_text_add(&l->out.buf, key, "%s", value);
	l->last_word = true;
}

/* ---- headers ---- */

static bool same_login(const struct iscsi_login_request *a, const struct iscsi_login_request *b)
{
	return memcmp(a->isid, b->isid, sizeof(a->isid)) == 0 &&
	       memcmp(a->tsih, b->tsih, sizeof(a->tsih)) == 0 &&
	       memcmp(a->itt, b->itt, sizeof(a->itt)) == 0 &&
	       memcmp(a->cid, b->cid, sizeof(a->cid)) == 0 && a->version_max == b->version_max &&
	       a->version_min == b->version_min;
}

static uint16_t check_first(struct iscsi_login_target *l, const struct iscsi_login_request *req)
{
	if (req->version_min > 0)
		return refuse(l, ISCSI_LOGIN_UNSUPPORTED_VERSION, "protocol version %u and above",
			      req->version_min);
	l->first = *req;
	l->stage = ISCSI_LOGIN_CSG(req->flags);
	l->nego.leading = get_be16(req->tsih) == 0;
	if (l->stage != ISCSI_SECURITY && l->stage != ISCSI_OPERATIONAL)
		return refuse(l, ISCSI_LOGIN_INITIATOR_ERROR, "begins in stage %u", l->stage);
	return 0;
}

/* The transitions of RFC 7143 6.3. */
static bool transit_ok(enum iscsi_stage from, unsigned to)
{
	return to == ISCSI_FULL_FEATURE || (to == ISCSI_OPERATIONAL && from == ISCSI_SECURITY);
}

static uint16_t check_header(struct iscsi_login_target *l, const struct iscsi_login_request *req,
			     uint32_t len)
{
	uint16_t status = l->requests ? 0 : check_first(l, req);
	if (status)
		return status;
	if (++l->requests > ISCSI_LOGIN_PDUS_MAX)
		return refuse(l, ISCSI_LOGIN_INITIATOR_ERROR, "more than %u Login Requests",
			      ISCSI_LOGIN_PDUS_MAX);
	if (!same_login(req, &l->first))
		return refuse(l, ISCSI_LOGIN_INITIATOR_ERROR,
			      "ISID, TSIH, CID, tag or version changed during the login");
	if (ISCSI_LOGIN_CSG(req->flags) != l->stage)
		return refuse(l, ISCSI_LOGIN_INITIATOR_ERROR, "stage %u in stage %u",
			      ISCSI_LOGIN_CSG(req->flags), l->stage);
	if (req->flags & ISCSI_LOGIN_TRANSIT &&
	    (req->flags & ISCSI_LOGIN_CONTINUE || !transit_ok(l->stage, req->flags & 3)))
		return refuse(l, ISCSI_LOGIN_INITIATOR_ERROR, "flags %#x in stage %u", req->flags,
			      l->stage);
	if (len > ISCSI_LOGIN_DATA_MAX)
		return refuse(l, ISCSI_LOGIN_INITIATOR_ERROR, "%u bytes of text in one PDU", len);
	return 0;
}

/* ---- identity ---- */

/* Names and session type, from the first text; iscsi_nego_read() has checked them. */
static uint16_t read_identity(struct iscsi_login_target *l, const struct iscsi_values *v)
{
	struct iscsi_login_identity *id = &l->id;
	const char *initiator = v->of[ISCSI_KEY_INITIATOR_NAME];
	const char *target = v->of[ISCSI_KEY_TARGET_NAME];
	const char *type = v->of[ISCSI_KEY_SESSION_TYPE];
	memcpy(id->isid, l->first.isid, sizeof(id->isid));
	id->tsih = get_be16(l->first.tsih);
	id->cid = get_be16(l->first.cid);
	id->cmdsn = get_be32(l->first.cmdsn);
	id->discovery = type && strcmp(type, "Discovery") == 0;
	if (!initiator)
		return refuse(l, ISCSI_LOGIN_MISSING_PARAMETER, "no InitiatorName");
	iscsi_name_normalize(initiator, id->initiator_name);
	if (!target && !id->discovery)
		return refuse(l, ISCSI_LOGIN_MISSING_PARAMETER, "no TargetName");
	if (target)
		iscsi_name_normalize(target, id->target_name);
	return 0;
}

/*
 * RFC 7143 6.3 ends a login in which a key comes twice, and so do we, but for one case: libiscsi,
 * and QEMU with it, says once more who it is when it comes from the security stage to the
 * operational one. As long as it is the same, nothing is redeclared.
 */
#define IDENTITY (BIT(INITIATOR_NAME) | BIT(INITIATOR_ALIAS) | BIT(TARGET_NAME) | BIT(SESSION_TYPE))

static bool same_name(const char *value, const char *known)
{
	char name[ISCSI_NAME_SIZE];
	return !value || (iscsi_name_normalize(value, name) == 0 && strcmp(name, known) == 0);
}

static uint16_t check_identity(struct iscsi_login_target *l, const struct iscsi_values *v)
{
	const char *type = v->of[ISCSI_KEY_SESSION_TYPE];
	if (same_name(v->of[ISCSI_KEY_INITIATOR_NAME], l->id.initiator_name) &&
	    same_name(v->of[ISCSI_KEY_TARGET_NAME], l->id.target_name) &&
	    (!type || strcmp(type, l->id.discovery ? "Discovery" : "Normal") == 0))
		return 0;
	return refuse(l, ISCSI_LOGIN_INITIATOR_ERROR, "a name or the session type has changed");
}

/* A new negotiation by the owner's offer, which knows what has been seen already. */
static void take_offer(struct iscsi_login_target *l, const struct iscsi_login_verdict *verdict)
{
	uint64_t theirs = l->nego.theirs;
	iscsi_nego_init(&l->nego, true, l->nego.leading, &verdict->offer, verdict->session);
	l->nego.theirs = theirs;
	l->nego.discovery = l->id.discovery;
}

/* Our declarations of the first response (RFC 7143 6.3.1, 13.6). */
static void declare_target(struct iscsi_login_target *l, const struct iscsi_login_verdict *verdict)
{
	if (verdict->tpgt >= 0)
		iscsi_text_add(&l->out.buf, "TargetPortalGroupTag", "%u",
			       (unsigned)(uint16_t)verdict->tpgt);
	if (verdict->target_alias && verdict->target_alias[0] && !l->id.discovery)
		iscsi_text_add(&l->out.buf, "TargetAlias", "%.*s", ISCSI_SIMPLE_MAX,
			       verdict->target_alias);
}

static uint16_t take_verdict(struct iscsi_login_target *l,
			     const struct iscsi_login_verdict *verdict)
{
	if (verdict->status) {
		if (verdict->status >> 8 == 1 && verdict->target_address)
			last_word(l, "TargetAddress", verdict->target_address);
		return refuse(l, verdict->status, "%s",
			      verdict->why ? verdict->why
					   : iscsi_login_status_text(verdict->status));
	}
	l->chap = verdict->chap;
	l->algorithms = verdict->algorithms;
	l->ours = verdict->ours;
	take_offer(l, verdict);
	declare_target(l, verdict);
	if (l->chap && l->stage != ISCSI_SECURITY)
		return refuse(l, ISCSI_LOGIN_AUTH_FAILED,
			      "the initiator skips the authentication that is required");
	return 0;
}

static uint16_t identify(struct iscsi_login_target *l, const struct iscsi_values *v)
{
	uint16_t status = read_identity(l, v);
	if (status)
		return status;
	struct iscsi_login_verdict verdict = {.tpgt = -1};
	iscsi_offer_init(&verdict.offer);
	l->identified = true;
	l->ops->identify(l->ctx, &l->id, &verdict);
	status = take_verdict(l, &verdict);
	OPENSSL_cleanse(&verdict, sizeof(verdict));
	return status;
}

/* ---- authentication (RFC 7143 12.1) ---- */

static uint16_t out_of_order(struct iscsi_login_target *l)
{
	return refuse(l, ISCSI_LOGIN_INITIATOR_ERROR, "authentication keys out of order");
}

static uint16_t auth_method(struct iscsi_login_target *l, const struct iscsi_values *v,
			    bool transit)
{
	const char *list = v->of[ISCSI_KEY_AUTH_METHOD];
	const char *method = l->chap ? "CHAP" : "None";
	if (iscsi_login_others(v, BIT(AUTH_METHOD)))
		return out_of_order(l);
	if (!list && l->chap && transit)
		return refuse(l, ISCSI_LOGIN_AUTH_FAILED,
			      "the initiator skips the authentication that is required");
	if (!list) {
		if (transit)
			l->auth = LOGIN_AUTH_DONE;
		return 0;
	}
	if (!iscsi_list_has(list, method)) {
		/* RFC 7143 6.3.2 wants both: this answer, and the status of a failure. */
		last_word(l, "AuthMethod", "Reject");
		return refuse(l, ISCSI_LOGIN_AUTH_FAILED,
			      l->chap ? "CHAP is required, the initiator does not offer it"
				      : "the initiator insists on an authentication that is not "
					"configured here");
	}
	iscsi_text_add(&l->out.buf, "AuthMethod", "%s", method);
	l->auth = l->chap ? LOGIN_AUTH_CHAP_A : LOGIN_AUTH_DONE;
	return 0;
}

static uint16_t chap_challenge(struct iscsi_login_target *l, const struct iscsi_values *v)
{
	const char *list = v->of[ISCSI_KEY_CHAP_A];
	if (iscsi_login_others(v, BIT(CHAP_A)))
		return out_of_order(l);
	if (!list)
		return refuse(l, ISCSI_LOGIN_MISSING_PARAMETER, "no CHAP_A");
	l->algorithm = iscsi_chap_choose(list, l->algorithms);
	if (!l->algorithm)
		return refuse(l, ISCSI_LOGIN_AUTH_FAILED,
			      "no CHAP algorithm of the initiator's is allowed here");
	l->ops->random(l->ctx, &l->challenge_id, 1);
	l->ops->random(l->ctx, l->challenge, sizeof(l->challenge));
	iscsi_text_add(&l->out.buf, "CHAP_A", "%u", l->algorithm);
	iscsi_text_add(&l->out.buf, "CHAP_I", "%u", l->challenge_id);
	iscsi_text_add_binary(&l->out.buf, "CHAP_C", l->challenge, sizeof(l->challenge));
	l->auth = LOGIN_AUTH_CHAP_N;
	return 0;
}

/* Proves to the initiator who we are. */
static uint16_t chap_answer(struct iscsi_login_target *l, const struct iscsi_values *v)
{
	uint8_t challenge[ISCSI_CHAP_CHALLENGE_MAX], response[ISCSI_CHAP_DIGEST_MAX];
	uint64_t id = 0;
	size_t len = 0;
	iscsi_parse_number(v->of[ISCSI_KEY_CHAP_I], &id);
	iscsi_parse_binary(v->of[ISCSI_KEY_CHAP_C], challenge, sizeof(challenge), &len);
	if (!l->ours.name[0])
		return refuse(
			l, ISCSI_LOGIN_AUTH_FAILED,
			"the initiator asks the target to authenticate, which has no account");
	/* RFC 7143 9.2.1: a reflection. */
	if (len == sizeof(l->challenge) && CRYPTO_memcmp(challenge, l->challenge, len) == 0)
		return refuse(l, ISCSI_LOGIN_AUTH_FAILED,
			      "the initiator sends our own challenge back");
	if (iscsi_chap_response(l->algorithm, (uint8_t)id, &l->ours, challenge, len, response) != 0)
		return refuse(l, ISCSI_LOGIN_TARGET_ERROR, "libcrypto fails");
	iscsi_text_add(&l->out.buf, "CHAP_N", "%s", l->ours.name);
	iscsi_text_add_binary(&l->out.buf, "CHAP_R", response, iscsi_chap_digest_len(l->algorithm));
	return 0;
}

/* The account of this user; of one that is not known, an account that no response fits, so that
 * both cost the same. */
static void find_account(struct iscsi_login_target *l, const char *user,
			 struct iscsi_chap_account *account)
{
	*account = (struct iscsi_chap_account){0};
	if (l->ops->find_account(l->ctx, &l->id, user, account))
		return;
	iscsi_chap_account_wipe(account);
	account->secret_len = ISCSI_CHAP_DIGEST_MAX / 2;
}

/* What came is what we ourselves would have answered: one secret serves both ways, which RFC 7143
 * 9.2.1 forbids. */
static bool same_secret(const struct iscsi_login_target *l, const uint8_t *response, size_t len)
{
	return iscsi_chap_verify(l->algorithm, l->challenge_id, &l->ours, l->challenge,
				 sizeof(l->challenge), response, len);
}

static uint16_t check_response(struct iscsi_login_target *l, const char *user,
			       const uint8_t *response, size_t len)
{
	char safe[64];
	struct iscsi_chap_account account;
	find_account(l, user, &account);
	bool proved = iscsi_chap_verify(l->algorithm, l->challenge_id, &account, l->challenge,
					sizeof(l->challenge), response, len);
	bool reflected = same_secret(l, response, len);
	iscsi_chap_account_wipe(&account);
	if (reflected)
		return refuse(l, ISCSI_LOGIN_AUTH_FAILED,
			      "the CHAP secret is the same in both directions");
	if (!proved)
		return refuse(l, ISCSI_LOGIN_AUTH_FAILED,
			      "wrong CHAP name or secret of user \"%s\"",
			      log_safe(safe, sizeof(safe), user, strlen(user)));
	memcpy(l->user, user, strlen(user) + 1);
	return 0;
}

static uint16_t chap_response(struct iscsi_login_target *l, const struct iscsi_values *v)
{
	const char *user = v->of[ISCSI_KEY_CHAP_N], *proof = v->of[ISCSI_KEY_CHAP_R];
	bool id = v->of[ISCSI_KEY_CHAP_I], challenge = v->of[ISCSI_KEY_CHAP_C];
	uint8_t response[ISCSI_BINARY_MAX];
	size_t len = 0;
	if (iscsi_login_others(v, BIT(CHAP_N) | BIT(CHAP_R) | BIT(CHAP_I) | BIT(CHAP_C)))
		return out_of_order(l);
	/* RFC 7143 9.2: without CHAP_R we must not answer a challenge. */
	if (!user || !proof || id != challenge)
		return refuse(l, ISCSI_LOGIN_MISSING_PARAMETER, "CHAP keys are missing");
	iscsi_parse_binary(proof, response, sizeof(response), &len);
	uint16_t status = check_response(l, user, response, len);
	if (!status && challenge)
		status = chap_answer(l, v);
	if (!status)
		l->auth = LOGIN_AUTH_DONE;
	return status;
}

static uint16_t security(struct iscsi_login_target *l, const struct iscsi_values *v, bool transit)
{
	switch (l->auth) {
	case LOGIN_AUTH_METHOD: return auth_method(l, v, transit);
	case LOGIN_AUTH_CHAP_A: return chap_challenge(l, v);
	case LOGIN_AUTH_CHAP_N: return chap_response(l, v);
	case LOGIN_AUTH_DONE: break;
	}
	return iscsi_login_others(v, 0) ? out_of_order(l) : 0;
}

/* ---- text ---- */

static uint16_t take_alias(struct iscsi_login_target *l, const struct iscsi_values *v)
{
	const char *alias = v->of[ISCSI_KEY_INITIATOR_ALIAS];
	if (!alias)
		return 0;
	if (l->aliased && strcmp(alias, l->initiator_alias) != 0)
		return refuse(l, ISCSI_LOGIN_INITIATOR_ERROR, "InitiatorAlias has changed");
	l->aliased = true;
	memcpy(l->initiator_alias, alias, strlen(alias) + 1);
	return 0;
}

/* The whole text of a request, or of several with the C bit. */
static uint16_t take_text(struct iscsi_login_target *l, uint8_t flags)
{
	struct iscsi_values v;
	bool transit = flags & ISCSI_LOGIN_TRANSIT, first = !l->identified;
	struct buf *reply = &l->out.buf;
	int err = iscsi_nego_read(&l->nego, l->stage, l->in.buf.data, l->in.buf.len, &v, reply);
	if (err) {
		if (first &&
		    v.of[ISCSI_KEY_INITIATOR_NAME]) /* so that the log can say who it was */
			iscsi_name_normalize(v.of[ISCSI_KEY_INITIATOR_NAME], l->id.initiator_name);
		return refuse_key(l, err);
	}
	uint16_t status = first ? identify(l, &v) : check_identity(l, &v);
	if (!status)
		status = take_alias(l, &v);
	if (!status && l->stage == ISCSI_SECURITY)
		status = security(l, &v, transit);
	if (status || l->stage == ISCSI_SECURITY)
		return status;
	err = iscsi_nego_take(&l->nego, &v, reply);
	if (err)
		return refuse_key(l, err);
	iscsi_nego_declare(&l->nego, reply);
	/* Now that the initiator has said all: what it has not, and we can not leave as it is. */
	l->asked = transit && iscsi_nego_propose(&l->nego, reply);
	return 0;
}

static uint16_t take_data(struct iscsi_login_target *l, uint8_t flags, const void *data,
			  uint32_t len)
{
	if (iscsi_text_out_left(&l->out))
		return len || flags & ISCSI_LOGIN_CONTINUE
			       ? refuse(l, ISCSI_LOGIN_INITIATOR_ERROR,
					"text in answer to a response that is to be continued")
			       : 0;
	iscsi_text_out_reset(&l->out);
	int err = iscsi_text_in_add(&l->in, data, len);
	if (err == -ENOMEM)
		return refuse(l, ISCSI_LOGIN_OUT_OF_RESOURCES, "no memory for the request");
	if (err)
		return refuse(l, ISCSI_LOGIN_INITIATOR_ERROR, "too much text");
	if (flags & ISCSI_LOGIN_CONTINUE)
		return 0; /* an empty response (RFC 7143 6.2) */
	uint16_t status = take_text(l, flags);
	iscsi_text_in_reset(&l->in);
	if (!status && l->out.buf.err)
		status = refuse(l, ISCSI_LOGIN_OUT_OF_RESOURCES, "no memory for the response");
	return status;
}

/* ---- responses ---- */

static void begin_response(struct iscsi_login_response *rsp, const struct iscsi_login_request *req)
{
	*rsp = (struct iscsi_login_response){.opcode = ISCSI_LOGIN_RESPONSE};
	memcpy(rsp->isid, req->isid, sizeof(rsp->isid));
	memcpy(rsp->tsih, req->tsih, sizeof(rsp->tsih));
	memcpy(rsp->itt, req->itt, sizeof(rsp->itt));
}

static void set_status(struct iscsi_login_target *l, struct iscsi_login_response *rsp,
		       uint16_t status)
{
	l->status = status;
	rsp->status_class = (uint8_t)(status >> 8);
	rsp->status_detail = (uint8_t)status;
}

/* Our part of this stage is done. */
static bool may_leave(const struct iscsi_login_target *l)
{
	if (l->stage == ISCSI_SECURITY)
		return l->auth == LOGIN_AUTH_DONE;
	return !l->asked && !iscsi_nego_must_propose(&l->nego);
}

/* Where to, when the initiator would go to `nsg`: from the security stage by way of the operational
 * one when there is something to negotiate. */
static enum iscsi_stage next_stage(const struct iscsi_login_target *l, enum iscsi_stage nsg)
{
	if (l->stage == ISCSI_SECURITY && iscsi_nego_must_propose(&l->nego))
		return ISCSI_OPERATIONAL;
	return nsg;
}

static uint16_t transit(struct iscsi_login_target *l, uint8_t *flags)
{
	enum iscsi_stage next = next_stage(l, ISCSI_LOGIN_NSG(*flags));
	*flags = (uint8_t)(ISCSI_LOGIN_TRANSIT | l->stage << 2 | next);
	l->stage = next;
	l->nego.theirs &= ~IDENTITY;
	int err = next == ISCSI_FULL_FEATURE ? iscsi_nego_finish(&l->nego) : 0;
	return err ? refuse_key(l, err) : 0;
}

/* The next part of the text, and with the last one the transition, if it is time. */
static uint16_t respond(struct iscsi_login_target *l, uint8_t flags,
			struct iscsi_login_response *rsp, const uint8_t **text, uint32_t *text_len)
{
	bool more;
	rsp->flags = (uint8_t)(l->stage << 2);
	*text_len = (uint32_t)iscsi_text_out_part(&l->out, ISCSI_LOGIN_DATA_MAX, text, &more);
	if (more)
		rsp->flags |= ISCSI_LOGIN_CONTINUE;
	if (more || !(flags & ISCSI_LOGIN_TRANSIT) || !may_leave(l))
		return 0;
	uint16_t status = transit(l, &flags);
	rsp->flags = flags;
	return status;
}

enum iscsi_login_result iscsi_login_target_request(struct iscsi_login_target *l,
						   const struct iscsi_login_request *req,
						   const void *data, uint32_t len,
						   struct iscsi_login_response *rsp,
						   const uint8_t **text, uint32_t *text_len)
{
	begin_response(rsp, req);
	*text = NULL;
	*text_len = 0;
	uint16_t status = check_header(l, req, len);
	if (!status)
		status = take_data(l, req->flags, data, len);
	if (!status)
		status = respond(l, req->flags, rsp, text, text_len);
	set_status(l, rsp, status);
	if (!status)
		return l->stage == ISCSI_FULL_FEATURE ? ISCSI_LOGIN_FINISHED : ISCSI_LOGIN_GOES_ON;
	bool more;
	rsp->flags = 0; /* RFC 7143 6.3.1: reserved */
	if (l->last_word)
		*text_len =
			(uint32_t)iscsi_text_out_part(&l->out, ISCSI_LOGIN_DATA_MAX, text, &more);
	return ISCSI_LOGIN_FAILED;
}

void iscsi_login_target_fail(struct iscsi_login_target *l, const struct iscsi_login_request *req,
			     uint16_t status, const char *why, struct iscsi_login_response *rsp)
{
	begin_response(rsp, req);
	set_status(l, rsp, status);
	refuse(l, status, "%s", why);
}

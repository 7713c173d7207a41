/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The initiator's side of the login. A response is checked, its text gathered and taken as a whole;
 * that moves `stage` and `auth` on, and from these the next request follows.
 */
#include "iscsi/login.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <openssl/crypto.h>
#include "iscsi/login_common.h"

#define BIT(key) ISCSI_KEY_BIT(ISCSI_KEY_##key)

PRINTF(2, 3)
static enum iscsi_login_result refuse(struct iscsi_login_initiator *l, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(l->why, sizeof(l->why), fmt, ap);
	va_end(ap);
	return ISCSI_LOGIN_FAILED;
}

static enum iscsi_login_result blame(struct iscsi_login_initiator *l, enum iscsi_login_blame on,
				     enum iscsi_login_result result)
{
	l->blame = on;
	return result;
}

/* ---- before ---- */

static int check_config(const struct iscsi_login_config *c)
{
	bool named = c->target_name && c->target_name[0];
	if (!c->initiator_name || !iscsi_name_valid(c->initiator_name))
		return -EINVAL;
	if (named ? !iscsi_name_valid(c->target_name) : !c->discovery)
		return -EINVAL;
	if (c->initiator_alias &&
	    (strlen(c->initiator_alias) > ISCSI_SIMPLE_MAX || iscsi_check_utf8(c->initiator_alias)))
		return -EINVAL;
	if (c->theirs && (!c->ours || c->allow_none || !c->theirs->name[0] ||
			  iscsi_chap_same_secret(c->ours, c->theirs)))
		return -EINVAL;
	return c->ours && !c->ours->name[0] ? -EINVAL : 0;
}

static void copy_accounts(struct iscsi_login_initiator *l, const struct iscsi_login_config *c)
{
	if (c->ours)
		l->ours = *c->ours;
	if (c->theirs)
		l->theirs = *c->theirs;
	l->chap = c->ours;
	l->allow_none = !c->ours || c->allow_none;
	l->algorithms = c->algorithms ? c->algorithms : ISCSI_CHAP_ALL;
}

int iscsi_login_initiator_init(struct iscsi_login_initiator *l, const struct iscsi_login_config *c,
			       void (*random)(void *ctx, void *out, size_t len), void *ctx)
{
	*l = (struct iscsi_login_initiator){.random = random, .ctx = ctx, .tpgt = -1};
	int err = check_config(c);
	if (err)
		return err;
	strcpy(l->initiator_name, c->initiator_name);
	if (c->target_name)
		strcpy(l->target_name, c->target_name);
	if (c->initiator_alias)
		strcpy(l->initiator_alias, c->initiator_alias);
	memcpy(l->isid, c->isid, sizeof(l->isid));
	l->tsih = c->tsih;
	l->cid = c->cid;
	l->itt = c->itt;
	l->want_tpgt = c->tpgt;
	l->stage = c->ours || c->security_stage ? ISCSI_SECURITY : ISCSI_OPERATIONAL;
	copy_accounts(l, c);
	iscsi_nego_init(&l->nego, false, !c->tsih, &c->offer, c->session);
	l->nego.discovery = c->discovery;
	iscsi_text_in_init(&l->in, ISCSI_TEXT_MAX, ISCSI_LOGIN_PDUS_MAX);
	iscsi_text_out_init(&l->out, ISCSI_REPLY_MAX);
	return 0;
}

void iscsi_login_initiator_free(struct iscsi_login_initiator *l)
{
	iscsi_text_in_free(&l->in);
	iscsi_text_out_free(&l->out);
	iscsi_chap_account_wipe(&l->ours);
	iscsi_chap_account_wipe(&l->theirs);
}

/* ---- requests ---- */

static void write_names(struct iscsi_login_initiator *l)
{
	struct buf *out = &l->out.buf;
	l->named = true;
	iscsi_text_add(out, "InitiatorName", "%s", l->initiator_name);
	if (l->initiator_alias[0])
		iscsi_text_add(out, "InitiatorAlias", "%s", l->initiator_alias);
	if (l->target_name[0])
		iscsi_text_add(out, "TargetName", "%s", l->target_name);
	if (l->nego.leading) /* RFC 7143 13.21 */
		iscsi_text_add(out, "SessionType", l->nego.discovery ? "Discovery" : "Normal");
}

/* A challenge that is not the target's (RFC 7143 9.2.1), even if its random numbers were ours. */
static void write_challenge(struct iscsi_login_initiator *l)
{
	l->random(l->ctx, &l->challenge_id, 1);
	l->random(l->ctx, l->challenge, sizeof(l->challenge));
	if (l->their_challenge_len == sizeof(l->challenge) &&
	    memcmp(l->their_challenge, l->challenge, sizeof(l->challenge)) == 0)
		l->challenge[0] ^= 1;
	iscsi_text_add(&l->out.buf, "CHAP_I", "%u", l->challenge_id);
	iscsi_text_add_binary(&l->out.buf, "CHAP_C", l->challenge, sizeof(l->challenge));
}

static int write_response(struct iscsi_login_initiator *l)
{
	uint8_t response[ISCSI_CHAP_DIGEST_MAX];
	int err = iscsi_chap_response(l->algorithm, l->their_id, &l->ours, l->their_challenge,
				      l->their_challenge_len, response);
	if (err)
		return -EIO;
	iscsi_text_add(&l->out.buf, "CHAP_N", "%s", l->ours.name);
	iscsi_text_add_binary(&l->out.buf, "CHAP_R", response, iscsi_chap_digest_len(l->algorithm));
	if (l->theirs.name[0])
		write_challenge(l);
	return 0;
}

static int write_security(struct iscsi_login_initiator *l)
{
	char list[ISCSI_CHAP_LIST_SIZE];
	int err = 0;
	switch (l->auth) {
	case LOGIN_SEND_METHOD:
		iscsi_text_add(&l->out.buf, "AuthMethod", "%s%s%s", l->chap ? "CHAP" : "",
			       l->chap && l->allow_none ? "," : "", l->allow_none ? "None" : "");
		l->auth = LOGIN_GET_METHOD;
		break;
	case LOGIN_SEND_CHAP_A:
		iscsi_text_add(&l->out.buf, "CHAP_A", "%s", iscsi_chap_list(list, l->algorithms));
		l->auth = LOGIN_GET_CHAP_C;
		break;
	case LOGIN_SEND_CHAP_R:
		err = write_response(l);
		l->auth = l->theirs.name[0] ? LOGIN_GET_CHAP_R : LOGIN_AUTH_OVER;
		break;
	default: break;
	}
	return err;
}

static int write_text(struct iscsi_login_initiator *l)
{
	struct buf *out = &l->out.buf;
	int err = 0;
	if (!l->named)
		write_names(l);
	if (l->stage == ISCSI_SECURITY) {
		err = write_security(l);
	} else {
		iscsi_nego_declare(&l->nego, out);
		iscsi_nego_propose(&l->nego, out);
	}
	return err ? err : out->err ? -ENOMEM : 0;
}

/* We have said in this stage what there is to say. */
static bool may_leave(const struct iscsi_login_initiator *l)
{
	return l->stage == ISCSI_OPERATIONAL || l->auth >= LOGIN_GET_CHAP_R ||
	       (l->auth == LOGIN_GET_METHOD && l->allow_none);
}

static uint8_t request_flags(const struct iscsi_login_initiator *l, bool more)
{
	enum iscsi_stage next = l->stage == ISCSI_SECURITY ? ISCSI_OPERATIONAL : ISCSI_FULL_FEATURE;
	uint8_t flags = (uint8_t)(l->stage << 2);
	if (more)
		return flags | ISCSI_LOGIN_CONTINUE;
	return may_leave(l) ? (uint8_t)(flags | ISCSI_LOGIN_TRANSIT | next) : flags;
}

int iscsi_login_initiator_request(struct iscsi_login_initiator *l, struct iscsi_login_request *req,
				  const uint8_t **text, uint32_t *text_len)
{
	bool more;
	/* An empty request fetches the rest of a response with the C bit (RFC 7143 6.2). */
	bool fetching = l->in.pdus, continuing = l->sent_flags & ISCSI_LOGIN_CONTINUE;
	if (!fetching && !continuing) {
		int err = write_text(l);
		if (err) {
			refuse(l, err == -ENOMEM ? "out of memory" : "libcrypto fails");
			return err;
		}
	}
	*text_len = (uint32_t)iscsi_text_out_part(&l->out, ISCSI_LOGIN_DATA_MAX, text, &more);
	*req = (struct iscsi_login_request){
		.opcode = ISCSI_LOGIN_REQUEST | ISCSI_IMMEDIATE,
		.flags = l->sent_flags = request_flags(l, more),
	};
	memcpy(req->isid, l->isid, sizeof(req->isid));
	put_be16(req->tsih, l->tsih);
	put_be32(req->itt, l->itt);
	put_be16(req->cid, l->cid);
	return 0;
}

/* ---- a status other than success ---- */

/* The characters of "host:port" and "[v6]:port"; a tag after a comma is not part of it. */
static bool take_address(struct iscsi_login_initiator *l, const char *value)
{
	size_t len = strcspn(value, ",");
	size_t good = strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789.-_:[]%");
	if (!len || good != len || len >= sizeof(l->address))
		return false;
	memcpy(l->address, value, len);
	l->address[len] = 0;
	return true;
}

static enum iscsi_login_result moved(struct iscsi_login_initiator *l, const void *data,
				     uint32_t len)
{
	struct iscsi_pair pair;
	size_t at = 0;
	while (iscsi_text_next(data, len, &at, &pair) > 0) {
		if (iscsi_key_find(pair.key, pair.key_len) != ISCSI_KEY_TARGET_ADDRESS)
			continue;
		if (take_address(l, pair.value)) {
			l->moved_permanently = l->status == ISCSI_LOGIN_MOVED_PERMANENTLY;
			return ISCSI_LOGIN_MOVED;
		}
	}
	return refuse(l, "the target has moved, but does not say where to");
}

/* ---- authentication; iscsi_nego_read() has checked what the values are ---- */

static enum iscsi_login_result take_method(struct iscsi_login_initiator *l,
					   const struct iscsi_values *v)
{
	const char *method = v->of[ISCSI_KEY_AUTH_METHOD];
	if (iscsi_login_others(v, BIT(AUTH_METHOD)))
		return refuse(l, "the target sends authentication keys out of order");
	if (method && l->chap && strcmp(method, "CHAP") == 0) {
		l->auth = LOGIN_SEND_CHAP_A;
		return ISCSI_LOGIN_GOES_ON;
	}
	/* A target that has no answer to None is of the same mind. */
	if (l->allow_none && (!method || strcmp(method, "None") == 0)) {
		l->auth = LOGIN_AUTH_OVER;
		return ISCSI_LOGIN_GOES_ON;
	}
	return blame(l, ISCSI_BLAME_METHOD,
		     refuse(l, l->chap ? "the target does not authenticate by CHAP"
				       : "the target requires an authentication"));
}

static enum iscsi_login_result take_challenge(struct iscsi_login_initiator *l,
					      const struct iscsi_values *v)
{
	const char *algorithm = v->of[ISCSI_KEY_CHAP_A], *challenge = v->of[ISCSI_KEY_CHAP_C];
	const char *id = v->of[ISCSI_KEY_CHAP_I];
	uint64_t number = 0, a;
	if (!algorithm || !challenge || !id ||
	    iscsi_login_others(v, BIT(CHAP_A) | BIT(CHAP_I) | BIT(CHAP_C)))
		return refuse(l, "the target sends no CHAP challenge");
	if (iscsi_parse_number(algorithm, &a) != 0 || !iscsi_chap_choose(algorithm, l->algorithms))
		return blame(
			l, ISCSI_BLAME_METHOD,
			refuse(l, "the target chooses a CHAP algorithm that was not proposed"));
	iscsi_parse_number(id, &number);
	iscsi_parse_binary(challenge, l->their_challenge, sizeof(l->their_challenge),
			   &l->their_challenge_len);
	l->algorithm = (unsigned)a;
	l->their_id = (uint8_t)number;
	l->auth = LOGIN_SEND_CHAP_R;
	return ISCSI_LOGIN_GOES_ON;
}

static enum iscsi_login_result take_proof(struct iscsi_login_initiator *l,
					  const struct iscsi_values *v)
{
	const char *name = v->of[ISCSI_KEY_CHAP_N], *proof = v->of[ISCSI_KEY_CHAP_R];
	uint8_t response[ISCSI_BINARY_MAX];
	size_t len = 0;
	if (!name || !proof || iscsi_login_others(v, BIT(CHAP_N) | BIT(CHAP_R)))
		return blame(l, ISCSI_BLAME_PROOF,
			     refuse(l, "the target does not authenticate itself"));
	iscsi_parse_binary(proof, response, sizeof(response), &len);
	/* RFC 7143 9.2.1: one secret must not serve both ways. */
	if (iscsi_chap_verify(l->algorithm, l->challenge_id, &l->ours, l->challenge,
			      sizeof(l->challenge), response, len))
		return blame(l, ISCSI_BLAME_PROOF,
			     refuse(l, "the CHAP secret is the same in both directions"));
	if (strcmp(name, l->theirs.name) != 0 ||
	    !iscsi_chap_verify(l->algorithm, l->challenge_id, &l->theirs, l->challenge,
			       sizeof(l->challenge), response, len))
		return blame(
			l, ISCSI_BLAME_PROOF,
			refuse(l, "the target fails to authenticate itself: wrong name or secret"));
	l->auth = LOGIN_AUTH_OVER;
	return ISCSI_LOGIN_GOES_ON;
}

static enum iscsi_login_result take_security(struct iscsi_login_initiator *l,
					     const struct iscsi_values *v)
{
	switch (l->auth) {
	case LOGIN_GET_METHOD: return take_method(l, v);
	case LOGIN_GET_CHAP_C: return take_challenge(l, v);
	case LOGIN_GET_CHAP_R: return take_proof(l, v);
	default: break;
	}
	if (iscsi_login_others(v, 0))
		return refuse(l, "the target sends authentication keys out of order");
	return ISCSI_LOGIN_GOES_ON;
}

/* ---- responses ---- */

static enum iscsi_login_result take_declarations(struct iscsi_login_initiator *l,
						 const struct iscsi_values *v)
{
	const char *alias = v->of[ISCSI_KEY_TARGET_ALIAS];
	const char *tpgt = v->of[ISCSI_KEY_TARGET_PORTAL_GROUP_TAG];
	uint64_t number = 0;
	if (alias)
		strcpy(l->target_alias, alias);
	if (!tpgt)
		return ISCSI_LOGIN_GOES_ON;
	iscsi_parse_number(tpgt, &number);
	l->tpgt = (int32_t)number;
	if (l->want_tpgt >= 0 && l->tpgt != l->want_tpgt)
		return blame(l, ISCSI_BLAME_VALUES,
			     refuse(l, "portal group %d answers, not %d", l->tpgt, l->want_tpgt));
	return ISCSI_LOGIN_GOES_ON;
}

static enum iscsi_login_result refuse_key(struct iscsi_login_initiator *l)
{
	static const char from[] = "the target's answer: ";
	memcpy(l->why, from, sizeof(from));
	iscsi_nego_explain(&l->nego, l->why + sizeof(from) - 1, sizeof(l->why) - sizeof(from) + 1);
	return blame(l, ISCSI_BLAME_VALUES, ISCSI_LOGIN_FAILED);
}

static enum iscsi_login_result take_text(struct iscsi_login_initiator *l)
{
	struct iscsi_values v;
	iscsi_text_out_reset(&l->out);
	if (iscsi_nego_read(&l->nego, l->stage, l->in.buf.data, l->in.buf.len, &v, &l->out.buf) !=
	    0)
		return refuse_key(l);
	enum iscsi_login_result r = take_declarations(l, &v);
	if (r != ISCSI_LOGIN_GOES_ON)
		return r;
	if (l->stage == ISCSI_SECURITY)
		return take_security(l, &v);
	return iscsi_nego_take(&l->nego, &v, &l->out.buf) ? refuse_key(l) : ISCSI_LOGIN_GOES_ON;
}

static enum iscsi_login_result transit(struct iscsi_login_initiator *l,
				       const struct iscsi_login_response *rsp)
{
	uint16_t tsih = get_be16(rsp->tsih);
	if (l->stage == ISCSI_SECURITY && l->auth != LOGIN_AUTH_OVER)
		return blame(l, ISCSI_BLAME_METHOD,
			     refuse(l, "the target skips the authentication"));
	/* No answer is due in a new stage, and none to a response with the T bit (11.13.6). */
	iscsi_text_out_reset(&l->out);
	l->stage = ISCSI_LOGIN_NSG(rsp->flags);
	if (l->stage != ISCSI_FULL_FEATURE)
		return ISCSI_LOGIN_GOES_ON;
	if (iscsi_nego_finish(&l->nego) != 0)
		return refuse_key(l);
	if (l->tsih ? tsih != l->tsih : !tsih)
		return refuse(l, "the target names session %u", tsih);
	l->tsih = tsih;
	return ISCSI_LOGIN_FINISHED;
}

static const char *header_problem(const struct iscsi_login_initiator *l,
				  const struct iscsi_login_response *rsp, uint32_t len)
{
	bool t = rsp->flags & ISCSI_LOGIN_TRANSIT, c = rsp->flags & ISCSI_LOGIN_CONTINUE;
	bool sent_all = !(l->sent_flags & ISCSI_LOGIN_CONTINUE);
	if (get_be32(rsp->itt) != l->itt)
		return "another task tag";
	if (rsp->version_active)
		return "a protocol version that was not offered";
	if (ISCSI_LOGIN_CSG(rsp->flags) != l->stage)
		return "another stage";
	/* We ask for the next stage only, so there is one that it may choose. */
	if (t && (c || !(l->sent_flags & ISCSI_LOGIN_TRANSIT) ||
		  ISCSI_LOGIN_NSG(rsp->flags) != ISCSI_LOGIN_NSG(l->sent_flags)))
		return "a transition that was not asked for";
	if (!sent_all && (len || c))
		return "an answer to a request that is to be continued";
	return NULL;
}

enum iscsi_login_result iscsi_login_initiator_response(struct iscsi_login_initiator *l,
						       const struct iscsi_login_response *rsp,
						       const void *data, uint32_t len)
{
	l->status = (uint16_t)(rsp->status_class << 8 | rsp->status_detail);
	if (rsp->status_class == 1)
		return moved(l, data, len);
	if (rsp->status_class)
		return refuse(l, "%s (status %04x)", iscsi_login_status_text(l->status), l->status);
	const char *problem = header_problem(l, rsp, len);
	if (problem)
		return refuse(l, "the target's Login Response has %s", problem);
	if (++l->responses > ISCSI_LOGIN_PDUS_MAX)
		return refuse(l, "the login does not come to an end");
	if (l->sent_flags & ISCSI_LOGIN_CONTINUE)
		return ISCSI_LOGIN_GOES_ON;
	if (iscsi_text_in_add(&l->in, data, len) != 0)
		return refuse(l, "the target sends too much text");
	if (rsp->flags & ISCSI_LOGIN_CONTINUE)
		return ISCSI_LOGIN_GOES_ON;
	enum iscsi_login_result r = take_text(l);
	iscsi_text_in_reset(&l->in);
	if (r == ISCSI_LOGIN_GOES_ON && rsp->flags & ISCSI_LOGIN_TRANSIT)
		r = transit(l, rsp);
	return r;
}

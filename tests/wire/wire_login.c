/* SPDX-License-Identifier: BSD-2-Clause */
/* Text and logins, made by hand: nothing here knows the target's codec. */
#include <stdio.h>
#include "wire.h"

void wire_set_keys(struct wire *w, struct wire_pdu *pdu, const char *keys)
{
	size_t len = keys && *keys ? strlen(keys) + 1 : 0;
	char *text = wire_alloc(w->world, len + 1);

	for (size_t i = 0; i + 1 < len; i++)
		text[i] = keys[i] == '\n' ? 0 : keys[i];
	/* A newline at the end has already ended the last pair. */
	if (len > 1 && text[len - 2] == 0)
		len--;
	wire_set_data(pdu, text, len);
}

static const char *find_key(const struct wire_pdu *pdu, const char *from, const char *key)
{
	size_t len = strlen(key);

	if (!from)
		return NULL;
	const char *end = (const char *)pdu->data + pdu->data_len;
	for (const char *p = from; p < end; p += strlen(p) + 1)
		if (strncmp(p, key, len) == 0 && p[len] == '=')
			return p;
	return NULL;
}

const char *wire_key(const struct wire_pdu *pdu, const char *key)
{
	const char *pair = find_key(pdu, (const char *)pdu->data, key);

	return pair ? pair + strlen(key) + 1 : NULL;
}

unsigned wire_key_count(const struct wire_pdu *pdu, const char *key)
{
	const char *p = (const char *)pdu->data;
	unsigned n = 0;

	while ((p = find_key(pdu, p, key))) {
		n++;
		p += strlen(p) + 1;
	}
	return n;
}

void wire_expect_key(struct wire *w, const struct wire_pdu *pdu, const char *key, const char *value)
{
	const char *got = wire_key(pdu, key);

	if (value ? !got || strcmp(got, value) != 0 : got != NULL)
		wire_fail(w->world, "#%u: %s is %s, expected %s", w->index, key,
			  got ? got : "not there", value ? value : "not there");
}

/* --- login */

struct wire_pdu wire_login_pdu(struct wire *w, uint8_t flags, const char *keys)
{
	struct wire_pdu pdu = wire_make(w, ISCSI_LOGIN_REQUEST | ISCSI_IMMEDIATE);

	w->itt--; /* the whole login is one task (RFC 7143 6.3) */
	pdu.login.flags = flags;
	memcpy(pdu.login.isid, w->isid, sizeof(w->isid));
	put_be16(pdu.login.tsih, w->tsih);
	put_be16(pdu.login.cid, w->cid);
	put_be32(pdu.login.cmdsn, w->cmdsn);
	wire_set_keys(w, &pdu, keys);
	return pdu;
}

static unsigned status_of(const struct wire_pdu *response)
{
	return (unsigned)response->login_response.status_class << 8 |
	       response->login_response.status_detail;
}

/* What must hold between a Login Request and its answer. */
static void judge_answer(struct wire *w, const struct wire_pdu *request,
			 const struct wire_pdu *response)
{
	const struct iscsi_login_request *q = &request->login;
	const struct iscsi_login_response *r = &response->login_response;
	bool final =
		(r->flags & ISCSI_LOGIN_TRANSIT) && ISCSI_LOGIN_NSG(r->flags) == ISCSI_FULL_FEATURE;

	assert_memory_equal(r->isid, q->isid, 6);
	assert_memory_equal(r->itt, q->itt, 4);
	if (r->status_class)
		return;
	assert_int_equal(ISCSI_LOGIN_CSG(r->flags), ISCSI_LOGIN_CSG(q->flags));
	if (r->flags & ISCSI_LOGIN_TRANSIT) { /* 11.13.6, 6.3: only when proposed, never further */
		assert_true(q->flags & ISCSI_LOGIN_TRANSIT);
		assert_true(ISCSI_LOGIN_NSG(r->flags) <= ISCSI_LOGIN_NSG(q->flags));
	}
	/* 11.13.3: a TSIH is made for the final response of a new session, and not before */
	if (final)
		assert_true(get_be16(r->tsih) != 0);
	else
		assert_memory_equal(r->tsih, q->tsih, 2);
	if (q->flags & ISCSI_LOGIN_CONTINUE) /* 6.2: an empty answer */
		assert_int_equal(response->data_len, 0);
	assert_int_equal(get_be32(r->expcmdsn), w->cmdsn); /* 11.12.8 */
}

unsigned wire_login_step(struct wire *w, uint8_t flags, const char *keys, struct wire_pdu *response)
{
	struct wire_pdu request = wire_login_pdu(w, flags, keys), own;
	struct wire_pdu *r = response ? response : &own;

	wire_send(w, &request);
	wire_expect(w, ISCSI_LOGIN_RESPONSE, r);
	judge_answer(w, &request, r);
	return status_of(r);
}

/* What counts after a negotiation: the target's answer, else what we said, else what was before. */
static const char *outcome(const struct wire_pdu *request, const struct wire_pdu *response,
			   const char *key)
{
	const char *v = wire_key(response, key);

	return v && strcmp(v, "Irrelevant") && strcmp(v, "Reject") ? v
	       : v                                                 ? NULL
								   : wire_key(request, key);
}

static void settle_number(const struct wire_pdu *q, const struct wire_pdu *r, const char *key,
			  uint32_t *value)
{
	const char *v = outcome(q, r, key);

	if (v)
		*value = (uint32_t)strtoul(v, NULL, 0);
}

static void settle_bool(const struct wire_pdu *q, const struct wire_pdu *r, const char *key,
			bool *value)
{
	const char *v = outcome(q, r, key);

	if (v)
		*value = strcmp(v, "Yes") == 0;
}

static void settle_digest(const struct wire_pdu *r, const char *key, bool *in_force)
{
	const char *v = wire_key(r, key);

	if (v)
		*in_force = strcmp(v, "CRC32C") == 0;
}

void wire_login_done(struct wire *w, const struct wire_pdu *request,
		     const struct wire_pdu *response)
{
	const char *v;

	settle_bool(request, response, "InitialR2T", &w->initial_r2t);
	settle_bool(request, response, "ImmediateData", &w->immediate_data);
	settle_number(request, response, "FirstBurstLength", &w->first_burst);
	settle_number(request, response, "MaxBurstLength", &w->max_burst);
	settle_number(request, response, "MaxOutstandingR2T", &w->max_outstanding_r2t);
	/* A digest is in force only when the target chose it. */
	settle_digest(response, "HeaderDigest", &w->header_digest);
	settle_digest(response, "DataDigest", &w->data_digest);
	/* Each side declares its own. */
	v = wire_key(request, "MaxRecvDataSegmentLength");
	if (v)
		w->max_recv = (uint32_t)strtoul(v, NULL, 0);
	v = wire_key(response, "MaxRecvDataSegmentLength");
	if (v)
		w->max_send = (uint32_t)strtoul(v, NULL, 0);
	v = wire_key(request, "SessionType");
	w->discovery = v && strcmp(v, "Discovery") == 0;
	w->tsih = get_be16(response->login_response.tsih);
	w->full_feature = true;
	if (w->itt == get_be32(request->bhs.itt))
		w->itt++;
}

/* Agrees to whatever the target proposes, which must be answered (RFC 7143 6.2). */
static const char *agree(struct wire *w, const struct wire_pdu *request,
			 const struct wire_pdu *response)
{
	static const char *const declared[] = {
		"MaxRecvDataSegmentLength=", "TargetAlias=", "TargetPortalGroupTag="};
	char *text = wire_alloc(w->world, response->data_len + 1);
	const char *end = (const char *)response->data + response->data_len;

	for (const char *p = (const char *)response->data; p && p < end; p += strlen(p) + 1) {
		char key[64] = "";
		bool ours = false;

		memcpy(key, p, MIN(strcspn(p, "="), sizeof(key) - 1));
		for (size_t i = 0; i < ARRAY_SIZE(declared); i++)
			ours |= strncmp(p, declared[i], strlen(declared[i])) == 0;
		if (!ours && !wire_key(request, key))
			sprintf(text + strlen(text), "%s%s", *text ? "\n" : "", p);
	}
	return text;
}

void wire_login_finish(struct wire *w, const char *first)
{
	struct wire_pdu q = wire_login_pdu(w, WIRE_OPERATIONAL_TO_FULL, first), r;

	for (int i = 0; i < 8; i++) {
		wire_send(w, &q);
		wire_expect(w, ISCSI_LOGIN_RESPONSE, &r);
		judge_answer(w, &q, &r);
		assert_int_equal(r.login_response.status_class, 0);
		wire_login_done(w, &q, &r);
		if (r.login_response.flags & ISCSI_LOGIN_TRANSIT)
			return;
		w->full_feature = false;
		q = wire_login_pdu(w, WIRE_OPERATIONAL_TO_FULL, agree(w, &q, &r));
		memcpy(q.login.itt, r.bhs.itt, 4);
	}
	wire_fail(w->world, "#%u: the login does not end", w->index);
}

static const char *const session_defaults[] = {
	"HeaderDigest=None",
	"DataDigest=None",
	"InitialR2T=No",
	"ImmediateData=Yes",
	"MaxRecvDataSegmentLength=65536",
	"MaxBurstLength=262144",
	"FirstBurstLength=65536",
	"MaxOutstandingR2T=8",
	"MaxConnections=1",
	"ErrorRecoveryLevel=0",
	"DefaultTime2Wait=2",
	"DefaultTime2Retain=0",
};

/* Is this key among "A=b\nC=d"? */
static bool names(const char *keys, const char *pair)
{
	size_t len = (size_t)(strchr(pair, '=') - pair) + 1;

	for (const char *p = keys; p && *p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL)
		if (strncmp(p, pair, len) == 0)
			return true;
	return false;
}

static const char *login_keys(struct wire *w, const struct wire_login *l)
{
	size_t size = 2048 + (l->keys ? strlen(l->keys) : 0);
	char *text = wire_alloc(w->world, size);
	int n = snprintf(text, size, "InitiatorName=%s\nSessionType=%s",
			 l->initiator ? l->initiator : WIRE_INITIATOR,
			 l->discovery ? "Discovery" : "Normal");

	if (!l->discovery || l->target)
		n += snprintf(text + n, size - (size_t)n, "\nTargetName=%s",
			      l->target ? l->target : WIRE_TARGET);
	for (size_t i = 0; i < ARRAY_SIZE(session_defaults); i++) {
		if (l->no_defaults || names(l->keys, session_defaults[i]))
			continue;
		/* The rest is irrelevant to discovery (RFC 7143 13). */
		if (l->discovery && i > 1)
			break;
		n += snprintf(text + n, size - (size_t)n, "\n%s", session_defaults[i]);
	}
	if (l->keys)
		snprintf(text + n, size - (size_t)n, "\n%s", l->keys);
	return text;
}

unsigned wire_try_login(struct wire *w, const struct wire_login *login, struct wire_pdu *response)
{
	static const struct wire_login none;
	const struct wire_login *l = login ? login : &none;
	struct wire_pdu own, *r = response ? response : &own, request;
	unsigned status;

	if (l->isid)
		memcpy(w->isid, l->isid, 6);
	w->tsih = l->tsih;
	w->cid = l->cid;
	request = wire_login_pdu(w, WIRE_OPERATIONAL_TO_FULL, login_keys(w, l));
	wire_send(w, &request);
	wire_expect(w, ISCSI_LOGIN_RESPONSE, r);
	judge_answer(w, &request, r);
	status = status_of(r);
	if (status == 0 && (r->login_response.flags & ISCSI_LOGIN_TRANSIT))
		wire_login_done(w, &request, r);
	return status;
}

void wire_login(struct wire *w, const struct wire_login *login)
{
	struct wire_pdu response;
	unsigned status = wire_try_login(w, login, &response);

	if (status || !w->full_feature)
		wire_fail(w->world, "#%u: login ended with %04x, flags %02x", w->index, status,
			  response.login_response.flags);
}

void wire_expect_login_fails(struct wire *w, const struct wire_login *login, unsigned status)
{
	unsigned got = wire_try_login(w, login, NULL);

	if (got != status)
		wire_fail(w->world, "#%u: login ended with %04x, expected %04x", w->index, got,
			  status);
	wire_expect_closed(w, 5);
}

struct wire *wire_open_session(struct wire_world *world)
{
	struct wire *w = wire_open(world);

	wire_login(w, NULL);
	return w;
}

/* --- the same in full feature phase */

void wire_text(struct wire *w, const char *keys, struct wire_pdu *response)
{
	struct wire_pdu request = wire_make(w, ISCSI_TEXT_REQUEST);

	wire_set_keys(w, &request, keys);
	wire_send(w, &request);
	wire_expect(w, ISCSI_TEXT_RESPONSE, response);
	assert_int_equal(wire_itt(response), wire_itt(&request));
	assert_true(response->text_response.flags & ISCSI_FINAL);
}

void wire_logout(struct wire *w)
{
	struct wire_pdu request = wire_make(w, ISCSI_LOGOUT_REQUEST | ISCSI_IMMEDIATE), response;

	wire_send(w, &request);
	wire_expect(w, ISCSI_LOGOUT_RESPONSE, &response);
	assert_int_equal(wire_itt(&response), wire_itt(&request));
	assert_int_equal(response.logout_response.response, ISCSI_LOGOUT_CLOSED);
	wire_expect_closed(w, 5);
}

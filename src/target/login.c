/* SPDX-License-Identifier: BSD-2-Clause */
/* The Login Phase of a connection: iscsi/login.h with this target's answers. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "target/priv.h"

struct conn_login {
	struct iscsi_login_target engine;
	/* As it was judged when it came; copies, for the configuration may change meanwhile. */
	uint64_t group, acl; /* 0: discovery; no ACL */
	struct auth auth;
	bool waived; /* judgement.waived */
	struct target_params params;
	char alias[ISCSI_SIMPLE_MAX + 1];
	char why[sizeof(((struct judgement *)0)->why)]; /* it was refused */
	struct iscsi_params joined; /* of the session whose connection it takes over */
	struct enrol enrol;
	struct iscsi_login_response last; /* the response that waits for its session */
	const uint8_t *text;
	uint32_t len;
	uint8_t data[ISCSI_LOGIN_DATA_MAX];
};

/* A Login Response lives until it is sent, whatever the engine does next. */
struct login_response {
	struct iscsi_tx_pdu tx;
	uint8_t text[];
};

/* --- what the engine asks */

static unsigned digest_mask(const char *list)
{
	return (iscsi_list_has(list, "None") ? ISCSI_DIGEST_NONE : 0) |
	       (iscsi_list_has(list, "CRC32C") ? ISCSI_DIGEST_CRC32C : 0);
}

static void fill_offer(const struct target_params *l, struct iscsi_offer *offer)
{
	struct iscsi_params *want = &offer->want;
	want->max_recv_data = l->max_recv_data_segment_length;
	want->max_burst = l->max_burst_length;
	want->first_burst = l->first_burst_length;
	want->max_outstanding_r2t = l->max_outstanding_r2t;
	want->time2wait = l->default_time2wait;
	want->time2retain = l->default_time2retain;
	want->initial_r2t = l->initial_r2t;
	want->immediate_data = l->immediate_data;
	offer->header_digests = digest_mask(l->header_digest);
	offer->data_digests = digest_mask(l->data_digest);
	want->header_digest = !(offer->header_digests & ISCSI_DIGEST_NONE);
	want->data_digest = !(offer->data_digests & ISCSI_DIGEST_NONE);
	/* With one connection a session, responses are fenced by their order alone. */
	offer->task_reportings = 1u << ISCSI_TASK_RFC3720 | 1u << ISCSI_TASK_RESPONSE_FENCE;
}

/* A connection that joins a session may only take the place of the one that is there. */
static uint16_t join(struct conn *c, const struct iscsi_login_identity *id,
		     struct iscsi_login_verdict *v)
{
	uint16_t cid;
	if (!registry_find(c->target, c->login->group, id, &c->login->joined, &cid))
		return ISCSI_LOGIN_NO_SESSION;
	if (cid != id->cid)
		return ISCSI_LOGIN_TOO_MANY_CONNECTIONS;
	v->session = &c->login->joined;
	return ISCSI_LOGIN_SUCCESS;
}

static bool room_for_session(const struct conn *c, const struct iscsi_login_identity *id)
{
	struct target *t = c->target;
	struct iscsi_params params;
	uint16_t cid;
	return registry_sessions(t) < t->limits.max_sessions ||
	       registry_find(t, c->login->group, id, &params, &cid);
}

/* What the configuration says, copied. False: it is refused. */
static bool consult(struct conn *c, const struct iscsi_login_identity *id,
		    struct iscsi_login_verdict *v)
{
	struct conn_login *login = c->login;
	const struct visitor who = {id->initiator_name, id->target_name, &c->peer, &c->local};
	struct judgement j;
	access_judge(c->target->home, &who, &j);
	if (j.status) {
		v->status = j.status;
		snprintf(login->why, sizeof(login->why), "%s", j.why);
		v->why = login->why;
		return false;
	}
	v->tpgt = j.group->tag; /* RFC 7143 6.3.1: for all session types */
	const char *alias = j.group->params.alias[0] ? j.group->params.alias : j.node->alias;
	snprintf(login->alias, sizeof(login->alias), "%s", alias ? alias : "");
	v->target_alias = login->alias;
	if (id->discovery)
		return true;
	login->group = j.group->number;
	login->acl = j.acl ? j.acl->number : 0;
	login->params = j.group->params;
	if (j.group->options.login_timeout)
		c->login_timeout = j.group->options.login_timeout;
	v->chap = j.chap;
	login->waived = j.waived;
	if (j.chap || j.auth->ours.name[0])
		login->auth = *j.auth;
	return true;
}

static bool look_up(struct conn *c, const struct iscsi_login_identity *id,
		    struct iscsi_login_verdict *v)
{
	struct target *t = c->target;
	bool good;
	config_read(t);
	good = !id->target_name[0] || consult(c, id, v);
	if (good && id->discovery) {
		target_params_from(&c->login->params, &t->limits);
		c->login->auth = t->home->discovery_auth;
		v->chap = c->login->auth.theirs.name[0];
	}
	config_done(t);
	return good;
}

static void identify(void *ctx, const struct iscsi_login_identity *id,
		     struct iscsi_login_verdict *v)
{
	struct conn *c = ctx;
	if (!look_up(c, id, v))
		return;
	if (id->tsih)
		v->status = join(c, id, v);
	else if (!room_for_session(c, id))
		v->status = ISCSI_LOGIN_OUT_OF_RESOURCES;
	fill_offer(&c->login->params, &v->offer);
	v->algorithms = c->login->auth.algorithms;
	v->ours = c->login->auth.ours;
}

static bool find_account(void *ctx, const struct iscsi_login_identity *id, const char *user,
			 struct iscsi_chap_account *account)
{
	const struct conn *c = ctx;
	if (strcmp(c->login->auth.theirs.name, user))
		return false;
	*account = c->login->auth.theirs;
	return true;
}

static void random_bytes(void *ctx, void *out, size_t len)
{
	const struct conn *c = ctx;
	reactor_random(c->target->reactor, out, len);
}

static const struct iscsi_login_target_ops login_ops = {identify, find_account, random_bytes};

int login_start(struct conn *c)
{
	c->login = calloc(1, sizeof(*c->login));
	if (!c->login)
		return -ENOMEM;
	iscsi_login_target_init(&c->login->engine, &login_ops, c);
	return 0;
}

void login_free(struct conn *c)
{
	if (!c->login)
		return;
	iscsi_login_target_free(&c->login->engine);
	auth_free(&c->login->auth);
	free(c->login);
	c->login = NULL;
}

/* --- responses */

static void response_sent(struct iscsi_tx_pdu *pdu, int err)
{
	free(container_of(pdu, struct login_response, tx));
}

static void respond(struct conn *c, const struct iscsi_login_response *rsp, const uint8_t *text,
		    uint32_t len)
{
	struct login_response *out = malloc(sizeof(*out) + len);
	if (!out) {
		conn_drop(c, "no memory");
		return;
	}
	memset(&out->tx, 0, sizeof(out->tx));
	memcpy(&out->tx.bhs, rsp, sizeof(*rsp));
	if (len)
		memcpy(out->text, text, len);
	out->tx.data = out->text;
	out->tx.data_len = len;
	out->tx.sent = response_sent;
	if (rsp->status_class) { /* RFC 7143 11.13.4: then StatSN and the rest are not valid */
		iscsi_tx_push(&c->tx, &out->tx);
		conn_wake(c);
		return;
	}
	struct iscsi_login_response *bhs = (struct iscsi_login_response *)&out->tx.bhs;
	const struct iscsi_login_request *req = (const struct iscsi_login_request *)&c->rx.bhs;
	memcpy(bhs->expcmdsn, req->cmdsn, sizeof(bhs->expcmdsn));
	memcpy(bhs->maxcmdsn, req->cmdsn, sizeof(bhs->maxcmdsn));
	conn_push_status(c, &out->tx);
}

/* Of the user that it said it was nothing is told: that may be a password in the wrong place. */
static void fail(struct conn *c, const char *why)
{
	char name[ISCSI_NAME_SIZE], to[ISCSI_NAME_SIZE];
	const struct iscsi_login_target *engine = &c->login->engine;
	bool theirs = engine->status >> 8 == ISCSI_LOGIN_INITIATOR_ERROR >> 8;
	count_add(&c->target->stats.failed_logins, 1);
	if (c->login->why[0]) /* in full */
		why = c->login->why;
	snprintf(name, sizeof(name), "%s", engine->id.initiator_name);
	snprintf(to, sizeof(to), "%s", engine->id.target_name);
	log_warning(c->target->log, "%s: login of %s%s%s failed: %s", c->peer_text,
		    name[0] ? name : "somebody", to[0] ? " to " : "", to, why);
	conn_logged_in(c);
	login_free(c);
	conn_end_later(c, theirs ? backoff_failed(c->target, &c->peer) : 0);
}

static void refuse_session(struct conn *c, uint16_t status, const char *why)
{
	struct iscsi_login_target *engine = &c->login->engine;
	struct iscsi_login_response *rsp = &c->login->last;
	iscsi_login_target_fail(engine, (const struct iscsi_login_request *)&c->rx.bhs, status, why,
				rsp);
	respond(c, rsp, NULL, 0);
	if (c->state != CONN_DEAD)
		fail(c, engine->why);
}

static void log_login(const struct conn *c)
{
	const struct session *s = c->session;
	char user[4 * ISCSI_CHAP_NAME_SIZE / 2];
	log_safe(user, sizeof(user), s->user, strlen(s->user));
	log_info(c->target->log, "%s: %s of %s%s%s%s%s%s", c->peer_text,
		 s->node ? "login" : "discovery session", s->initiator, s->node ? " to " : "",
		 s->node ? s->node->name : "", user[0] ? " as " : ", not authenticated", user,
		 c->login->waived ? " (its ACL has authentication=0)" : "");
}

/* The last response is still a PDU of the login: digests begin behind it (RFC 7143 13.1). */
static void enter_full_feature(struct conn *c)
{
	struct target *t = c->target;
	struct conn_login *login = c->login;
	struct session *s = c->session;
	c->cid = login->engine.id.cid;
	c->params = s->params = login->engine.nego.params;
	c->max_data_in = login->params.max_xmit_data_segment_length;
	if (!c->max_data_in)
		c->max_data_in = UINT32_MAX;
	put_be16(login->last.tsih, s->tsih);
	respond(c, &login->last, login->text, login->len);
	if (c->state == CONN_DEAD)
		return;
	memcpy(s->alias, login->engine.initiator_alias, sizeof(s->alias));
	memcpy(s->user, login->engine.user, sizeof(s->user));
	backoff_succeeded(t, &c->peer);
	log_login(c);
	c->rx.max_data = c->params.max_recv_data;
	c->rx.header_digest = c->tx.header_digest = c->params.header_digest;
	c->rx.data_digest = c->tx.data_digest = c->params.data_digest;
	c->state = CONN_FULL;
	count_add(&t->stats.logins, 1);
	if (s->node) /* a discovery session is not trusted more than a login */
		conn_logged_in(c);
	login_free(c);
	text_start(c);
	conn_set_timer(c);
}

void enrol_done(struct enrol *e)
{
	struct conn *c = e->conn;
	uint16_t status = e->status;
	const char *why = e->why;
	/* It may have ended while it waited. */
	if (!status && (c->state == CONN_DEAD || !session_new(c, e->record))) {
		registry_leave(e->record);
		status = ISCSI_LOGIN_OUT_OF_RESOURCES;
		why = "no memory for the session";
	}
	c->enrolling = false;
	if (c->state == CONN_LOGIN && status)
		refuse_session(c, status, why);
	else if (c->state == CONN_LOGIN)
		enter_full_feature(c);
	conn_resume(c);
}

/* Everything is agreed upon: the session that this login is for, a new one, or one that changes its
 * connection. False: it takes its time. */
static bool enrol(struct conn *c, const uint8_t *text, uint32_t len)
{
	struct conn_login *login = c->login;
	login->text = text;
	login->len = len;
	if (conn_grow_stage(c, TARGET_STAGE_FULL)) {
		refuse_session(c, ISCSI_LOGIN_OUT_OF_RESOURCES, "no memory for the session");
		return false;
	}
	login->enrol = (struct enrol){
		.conn = c,
		.group = login->group,
		.acl = login->acl,
		.id = &login->engine.id,
		.params = &login->engine.nego.params,
	};
	c->enrolling = true;
	enrol_start(&login->enrol);
	return !c->enrolling && c->state == CONN_FULL;
}

/* --- PDUs */

bool login_header(struct conn *c)
{
	/* RFC 7143 6.3: the first PDU is a Login Request, and nothing else may come before the end. */
	if (iscsi_opcode(&c->rx.bhs) != ISCSI_LOGIN_REQUEST || c->rx.ahs_len) {
		struct iscsi_login_response rsp;
		const char *why = "something else than a Login Request during the login";
		count_add(&c->target->stats.protocol_errors, 1);
		if (!c->any_pdu) { /* no iSCSI at all, as it seems: no answer either */
			count_add(&c->target->stats.failed_logins, 1);
			conn_drop(c, why);
			return false;
		}
		iscsi_login_target_fail(&c->login->engine,
					(const struct iscsi_login_request *)&c->rx.bhs,
					ISCSI_LOGIN_INVALID_REQUEST, why, &rsp);
		respond(c, &rsp, NULL, 0);
		if (c->state != CONN_DEAD)
			fail(c, why);
		return false;
	}
	iscsi_rx_place(&c->rx, c->login->data, sizeof(c->login->data));
	return true;
}

bool login_pdu(struct conn *c)
{
	struct iscsi_login_response *rsp = &c->login->last;
	const uint8_t *text = NULL;
	uint32_t len = 0;
	struct iscsi_login_target *engine = &c->login->engine;
	enum iscsi_login_result result =
		iscsi_login_target_request(engine, (const struct iscsi_login_request *)&c->rx.bhs,
					   c->login->data, c->rx.data_len, rsp, &text, &len);

	if (result == ISCSI_LOGIN_FINISHED)
		return enrol(c, text, len);
	respond(c, rsp, text, len);
	if (c->state == CONN_DEAD)
		return false;
	if (result == ISCSI_LOGIN_FAILED) {
		fail(c, engine->why);
		return false;
	}
	return true;
}

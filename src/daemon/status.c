/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/status.h"
#include "daemon/gauges.h"
#include "service/gauges.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A call that waits for answers to one order or several. */
struct asked {
	struct daemon *d;
	struct control_call *call;
	json_t *result, *rows;
	const char *rows_name;
	unsigned left; /* orders, and one until all were given */
	bool histograms;
	int err;
	char why[ORDER_WHY_SIZE];
};

struct question {
	struct errand_out e;
	struct asked *asked;
	char portal[CONFIG_PATH_SIZE]; /* of an explanation: it may be deleted meanwhile */
};

static struct asked *ask(struct daemon *d, struct control_call *call, json_t *result,
			 const char *rows_name)
{
	struct asked *a = calloc(1, sizeof(*a));
	if (!a) {
		json_decref(result);
		control_refuse(call, RPC_INTERNAL, "no memory");
		return NULL;
	}
	*a = (struct asked){.d = d,
			    .call = call,
			    .result = result,
			    .rows = json_array(),
			    .rows_name = rows_name,
			    .left = 1};
	return a;
}

static void answered(struct asked *a)
{
	if (--a->left)
		return;
	if (a->err) {
		control_refuse(a->call, a->err == -ECANCELED ? RPC_BUSY : RPC_REFUSED, "%s",
			       a->why);
		json_decref(a->result);
		json_decref(a->rows);
	} else {
		json_object_set_new(a->result, a->rows_name, a->rows);
		control_answer(a->call, a->result);
	}
	free(a);
}

static void question_done(struct errand_out *e, int err, const char *why)
{
	struct question *q = container_of(e, struct question, e);
	struct asked *a = q->asked;
	free(q);
	if (err && !a->err) {
		a->err = err;
		snprintf(a->why, sizeof(a->why), "%s", why);
	}
	answered(a);
}

static struct question *question_new(struct asked *a, enum order_kind kind,
				     void (*row)(struct errand_out *e, const struct word *w))
{
	struct question *q = calloc(1, sizeof(*q));
	if (!q) {
		a->err = -ENOMEM;
		snprintf(a->why, sizeof(a->why), "no memory");
		return NULL;
	}
	q->asked = a;
	q->e = (struct errand_out){.file = -1, .done = question_done, .row = row};
	q->e.order.kind = kind;
	return q;
}

static void question_send(struct question *q)
{
	q->asked->left++;
	courier_send(&q->asked->d->courier, &q->e);
}

/* --- counters */

static json_int_t number(uint64_t n)
{
	return (json_int_t)n;
}

static json_t *disk_counters(const struct daemon *d, const struct word *w, bool histograms)
{
	const struct scsi_lu_stats *s = &w->row.stats;
	const struct disk *disk = w->lu < d->disk_count ? d->disks[w->lu] : NULL;
	char path[CONFIG_PATH_SIZE] = "";
	if (disk)
		config_path(disk->node, path);
	return json_pack("{s:s, s:I, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "path",
			 path, "size", number(w->row.size), "missing", w->row.missing, "reads",
			 number(s->reads), "writes", number(s->writes), "read_bytes",
			 number(s->read_bytes), "write_bytes", number(s->write_bytes), "flushes",
			 number(s->flushes), "errors", number(s->errors), "inflight",
			 number(s->inflight), "latency",
			 service_latency(&w->row.latency, histograms), "luns",
			 disk ? gauges_luns(disk->node) : json_array());
}

static json_t *target_counters(const struct target_stats *s)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "connections",
			 number(s->connections), "sessions", number(s->sessions), "logins",
			 number(s->logins), "failed_logins", number(s->failed_logins),
			 "refused_connections", number(s->refused_connections), "protocol_errors",
			 number(s->protocol_errors), "digest_errors", number(s->digest_errors),
			 "memory", number(s->memory));
}

static void counters_row(struct errand_out *e, const struct word *w)
{
	struct asked *a = container_of(e, struct question, e)->asked;
	if (w->kind == WORD_LU) {
		json_array_append_new(a->rows, disk_counters(a->d, w, a->histograms));
	} else if (w->kind == WORD_STATS) {
		json_t *more = target_counters(&w->stats);
		json_object_update(a->result, more);
		json_decref(more);
	}
}

void status_counters(struct daemon *d, struct control_call *call)
{
	bool ok;
	bool histograms = control_flag_or(call, "histograms", false, &ok);
	struct asked *a = ok ? ask(d, call,
				   json_pack("{s:i, s:b, s:s, s:o}", "pid", (int)getpid(), "ready",
					     d->ready && !d->bringing_up, "version", LUNAR_VERSION,
					     "targets", gauges_targets(d->tree)),
				   "disks")
			     : NULL;
	if (a)
		a->histograms = histograms;
	struct question *q = a ? question_new(a, ORDER_STATS, counters_row) : NULL;
	if (q)
		question_send(q);
	if (a)
		answered(a);
}

/* --- sessions */

static json_t *connection(const struct target_session *s)
{
	char peer[NET_ADDR_TEXT], portal[NET_ADDR_TEXT];
	return json_pack("{s:i, s:s, s:s, s:s, s:b, s:b, s:I, s:I}", "cid", s->cid, "state",
			 s->ending ? "IN_LOGOUT" : "LOGGED_IN", "address",
			 net_addr_format(peer, &s->peer), "portal",
			 net_addr_format(portal, &s->portal), "header_digest", s->header_digest,
			 "data_digest", s->data_digest, "bytes_in", number(s->bytes_in),
			 "bytes_out", number(s->bytes_out));
}

static void session_row(struct errand_out *e, const struct word *w)
{
	struct asked *a = container_of(e, struct question, e)->asked;
	const struct target_session *s = &w->session.s;
	char alias[sizeof(s->alias) * 4], user[sizeof(s->user) * 4], isid[13];
	if (w->kind != WORD_SESSION)
		return;
	for (size_t i = 0; i < sizeof(s->isid); i++)
		snprintf(isid + 2 * i, 3, "%02x", s->isid[i]);
	log_safe(alias, sizeof(alias), s->alias, strlen(s->alias));
	log_safe(user, sizeof(user), s->user, strlen(s->user));
	json_t *row = json_pack(
		"{s:i, s:s, s:s, s:s, s:i, s:s, s:s, s:s, s:s, s:s, s:b, s:I, s:f, s:[o]}", "sid",
		s->tsih, "type", s->discovery ? "Discovery" : "Normal", "state",
		s->ending ? "IN_LOGOUT" : "LOGGED_IN", "target", s->node, "tag", s->tag,
		"initiator", s->initiator, "alias", alias, "isid", isid, "user", user, "auth",
		s->user[0] ? "authenticated" : "NOT AUTHENTICATED", "acl", s->has_acl, "commands",
		number(s->commands), "seconds", (double)w->session.age / 1e9, "connections",
		connection(s));
	json_array_append_new(a->rows, row);
}

void status_sessions(struct daemon *d, struct control_call *call)
{
	struct asked *a = ask(d, call, json_object(), "sessions");
	struct question *q = a ? question_new(a, ORDER_SESSIONS, session_row) : NULL;
	if (q)
		question_send(q);
	if (a)
		answered(a);
}

static bool take_number(struct control_call *call, const char *name, json_int_t standard,
			json_int_t most, json_int_t *out)
{
	const json_t *value = json_object_get(control_params(call), name);
	*out = json_is_integer(value) ? json_integer_value(value) : standard;
	if ((!value || json_is_integer(value)) && *out >= 0 && *out <= most)
		return true;
	control_refuse(call, RPC_BAD_PARAMS,
		       "\"%s\" is not a number from 0 to %" JSON_INTEGER_FORMAT, name, most);
	return false;
}

void status_session_end(struct daemon *d, struct control_call *call)
{
	json_int_t sid, seconds;
	if (!take_number(call, "sid", -1, UINT16_MAX, &sid) ||
	    !take_number(call, "seconds", 2, 3600, &seconds))
		return;
	struct asked *a = ask(d, call, json_object(), "ended");
	struct question *q = a ? question_new(a, ORDER_SESSION_END, NULL) : NULL;
	if (q) {
		q->e.order.tag = (uint16_t)sid;
		q->e.order.seconds = (uint32_t)seconds;
		json_array_append_new(a->rows, json_integer(sid));
		question_send(q);
	}
	if (a)
		answered(a);
}

/* --- explanations */

static json_t *lun_row(const struct config_node *lun)
{
	bool mapped = lun->kind == CONFIG_MAPPED_LUN;
	const struct config_node *backstore = mapped ? lun->ref->ref : lun->ref;
	char path[CONFIG_PATH_SIZE];
	return json_pack("{s:i, s:s, s:b, s:b}", "lun", (int)lun->number, "storage_object",
			 config_path(backstore, path), "readonly",
			 mapped && config_true(lun, CONFIG_OBJECT, "write_protect"), "pending",
			 backstore->pending != NULL);
}

static json_t *luns_of(const struct config_node *parent)
{
	json_t *luns = json_array();
	if (!parent)
		return luns;
	list_for_each (it, &parent->children)
		json_array_append_new(luns, lun_row(list_entry(it, struct config_node, sibling)));
	return luns;
}

static void verdict_row(struct errand_out *e, const struct word *w)
{
	const struct question *q = container_of(e, struct question, e);
	const struct word_verdict *v = &w->verdict;
	const struct config_node *portal = config_lookup(q->asked->d->tree, q->portal);
	if (w->kind != WORD_VERDICT || !portal)
		return;
	const struct config_node *tpg = config_above(portal, CONFIG_TPG);
	const struct config_node *acls = config_part(tpg, CONFIG_ACLS);
	const struct config_node *sees = v->has_acl ? config_child(acls, q->e.order.initiator)
						    : config_part(tpg, CONFIG_LUNS);
	json_t *row =
		json_pack("{s:s, s:i, s:s, s:b, s:s, s:b, s:b, s:s, s:b, s:b, s:i, s:o}", "target",
			  q->e.order.node, "tag", (int)tpg->number, "portal", portal->name,
			  "allowed", v->allowed, "why", v->why, "acl", v->has_acl, "chap", v->chap,
			  "user", v->user, "mutual", v->mutual, "readonly", v->readonly, "depth",
			  (int)v->depth, "luns", luns_of(v->allowed ? sees : NULL));
	json_array_append_new(q->asked->rows, row);
}

static void explain_portal(struct asked *a, const char *initiator, const struct net_addr *from,
			   struct config_node *portal)
{
	struct question *q = question_new(a, ORDER_EXPLAIN, verdict_row);
	if (!q)
		return;
	config_path(portal, q->portal);
	const struct config_node *target = config_above(portal, CONFIG_TARGET);
	snprintf(q->e.order.node, sizeof(q->e.order.node), "%s", target->name);
	snprintf(q->e.order.initiator, sizeof(q->e.order.initiator), "%s", initiator);
	snprintf(q->e.order.text, sizeof(q->e.order.text), "%s", portal->name);
	q->e.order.addr = *from;
	question_send(q);
}

static void explain_target(struct asked *a, const char *initiator, const struct net_addr *from,
			   struct config_node *target)
{
	list_for_each (g, &target->children) {
		struct config_node *tpg = list_entry(g, struct config_node, sibling);
		list_for_each (it, &config_part(tpg, CONFIG_PORTALS)->children)
			explain_portal(a, initiator, from,
				       list_entry(it, struct config_node, sibling));
	}
}

void status_explain(struct daemon *d, struct control_call *call)
{
	bool ok;
	struct net_addr from;
	char name[ISCSI_NAME_SIZE];
	const char *initiator = control_text(call, "initiator");
	const char *address = initiator ? control_text_or(call, "from", "127.0.0.1", &ok) : NULL;
	const char *one = address ? control_text_or(call, "target", "", &ok) : NULL;
	if (!one)
		return;
	if (iscsi_name_normalize(initiator, name)) {
		control_refuse(call, RPC_BAD_PARAMS, "\"%.200s\" is no iSCSI name: %s", initiator,
			       iscsi_name_problem(initiator));
		return;
	}
	if (net_addr_parse(&from, address, 0)) {
		control_refuse(call, RPC_BAD_PARAMS, "\"%.80s\" is no address", address);
		return;
	}
	struct config_node *iscsi = config_iscsi(d->tree);
	struct config_node *target = one[0] ? config_child(iscsi, one) : NULL;
	if (one[0] && !target) {
		control_refuse(call, RPC_REFUSED, "There is no target %.230s", one);
		return;
	}
	struct asked *a = ask(d, call, json_pack("{s:s}", "initiator", name), "verdicts");
	if (!a)
		return;
	list_for_each (it, &iscsi->children) {
		struct config_node *each = list_entry(it, struct config_node, sibling);
		if (!target || each == target)
			explain_target(a, name, &from, each);
	}
	answered(a);
}

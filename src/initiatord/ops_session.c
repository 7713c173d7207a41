/* SPDX-License-Identifier: BSD-2-Clause */
/* Sessions: logging in and out, several at once. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "initiatord/initiatord.h"

/* A call about several nodes: it is answered when all of them have been. */
struct many {
	struct initiatord *d;
	struct control_call *call;
	json_t *rows;
	unsigned left, good;
	struct word failed; /* the first one */
	bool logout, automatic, force;
};

struct one {
	struct wait wait;
	struct many *many;
	struct record_key key;
};

static json_t *row_of(const struct record_key *key, const struct word *w)
{
	return json_pack("{s:s, s:s, s:i, s:i, s:s, s:b, s:s, s:s}", "target", key->target,
			 "address", key->address, "port", key->port, "tpgt", key->tpgt, "iface",
			 key->iface, "ok", !w->err, "why", w->err ? w->why : "", "reason",
			 w->err ? ini_reason_word((enum ini_reason)w->reason) : "none");
}

static void finish(struct many *m)
{
	if (--m->left)
		return;
	if (m->good) {
		control_answer(m->call, json_pack("{s:o}", "sessions", m->rows));
	} else {
		json_decref(m->rows);
		refuse_by_word(m->call, &m->failed, "");
	}
	free(m);
}

static void take(struct many *m, const struct record_key *key, const struct word *w)
{
	if (w->err && !m->failed.err)
		m->failed = *w;
	m->good += !w->err;
	json_array_append_new(m->rows, row_of(key, w));
	finish(m);
}

static void one_done(struct wait *wait, const struct word *w)
{
	struct one *o = container_of(wait, struct one, wait);
	struct record_key key = o->key;
	struct many *m = o->many;
	free(o);
	take(m, &key, w);
}

static struct many *many_new(struct initiatord *d, struct control_call *call)
{
	struct many *m = calloc(1, sizeof(*m));
	if (!m) {
		control_refuse(call, RPC_INTERNAL, "no memory");
		return NULL;
	}
	*m = (struct many){.d = d, .call = call, .rows = json_array(), .left = 1};
	m->failed = (struct word){.kind = WORD_DONE};
	return m;
}

/* All have been asked: the call holds one, so that it is not over before. */
static void many_asked(struct many *m, const char *none)
{
	if (!json_array_size(m->rows) && m->left == 1) {
		m->failed.err = -ENOENT;
		snprintf(m->failed.why, sizeof(m->failed.why), "%s", none);
	}
	finish(m);
}

static struct one *one_new(struct many *m, const struct record_key *key)
{
	struct one *o = calloc(1, sizeof(*o));
	if (!o)
		return NULL;
	*o = (struct one){.wait.done = one_done, .many = m, .key = *key};
	m->left++;
	return o;
}

/* --- login */

static int login_node(void *ctx, const struct record_key *key, const struct record *node)
{
	struct many *m = ctx;
	struct config_why why;
	if (m->automatic && !strcmp(record_get(node, "node.startup"), "manual"))
		return 0;
	struct one *o = one_new(m, key);
	if (!o)
		return -ENOMEM;
	if (session_login(m->d, key, false, &o->wait, &why))
		return 0;
	struct word w = {.kind = WORD_DONE, .err = -EINVAL};
	snprintf(w.why, sizeof(w.why), "%.511s", why.text);
	one_done(&o->wait, &w);
	return 0;
}

void op_session_login(void *ctx, struct control_call *call)
{
	struct initiatord *d = ctx;
	struct record_filter filter;
	struct config_why why = {""};
	bool ok;
	bool automatic = control_flag_or(call, "automatic", false, &ok);
	if (!ok || !filter_of(call, &filter))
		return;
	struct many *m = many_new(d, call);
	if (!m)
		return;
	m->automatic = automatic;
	int n = records_nodes(&d->records, &filter, login_node, m, &why);
	many_asked(m, n < 0 ? why.text : "there is no such node");
}

/* --- logout */

static bool is_meant(const struct record_key *k, const struct record_filter *f)
{
	return (!f->target || !strcmp(f->target, k->target)) &&
	       (!f->address || !strcmp(f->address, k->address)) && (!f->port || f->port == k->port);
}

/* It is the last session of a disk that is attached. */
static const struct attached_disk *needed_by(const struct node_session *s)
{
	unsigned others = 0;
	list_for_each (it, &s->d->sessions) {
		const struct node_session *x = list_entry(it, struct node_session, link);
		others += x != s && x->up && !strcmp(x->key.target, s->key.target);
	}
	list_for_each (it, &s->d->disks) {
		const struct attached_disk *k = list_entry(it, struct attached_disk, link);
		if (!others && !strcmp(k->target, s->key.target))
			return k;
	}
	return NULL;
}

static void logout_one(struct many *m, struct node_session *s, struct one *o)
{
	const struct attached_disk *k = needed_by(s);
	struct word w = {.kind = WORD_DONE, .err = -EBUSY};
	if (k && !m->force)
		snprintf(w.why, sizeof(w.why), "LUN %u is attached as %s: detach it first", k->lun,
			 k->path);
	else if (s->logging_out)
		snprintf(w.why, sizeof(w.why), "it is being logged out already");
	else
		w.err = 0;
	if (w.err)
		one_done(&o->wait, &w);
	else
		session_logout(s, m->force, &o->wait);
}

void op_session_logout(void *ctx, struct control_call *call)
{
	struct initiatord *d = ctx;
	struct record_filter filter;
	bool ok;
	bool force = control_flag_or(call, "force", false, &ok);
	if (!ok || !filter_of(call, &filter))
		return;
	struct many *m = many_new(d, call);
	if (!m)
		return;
	m->force = force;
	list_for_each_safe (it, &d->sessions) {
		struct node_session *s = list_entry(it, struct node_session, link);
		struct one *o = is_meant(&s->key, &filter) ? one_new(m, &s->key) : NULL;
		if (o)
			logout_one(m, s, o);
	}
	many_asked(m, "there is no such session");
}

/* --- looking */

static json_t *session_row(const struct node_session *s)
{
	const char *state = s->logging_in ? "logging-in" : s->up ? "up" : "down";
	return json_pack("{s:i, s:s, s:s, s:i, s:i, s:s, s:s, s:s, s:b, s:b, s:s}", "session",
			 (int)s->number, "target", s->key.target, "address", s->key.address, "port",
			 s->key.port, "tpgt", s->key.tpgt, "iface", s->key.iface, "state", state,
			 "user", s->user, "mutual", s->mutual, "recovering", s->recovering, "why",
			 s->up ? "" : s->last.why);
}

struct listing {
	struct initiatord *d;
	struct control_call *call;
	json_t *rows; /* by number */
};

static void have_row(struct errand_out *e, const struct word *w)
{
	const struct listing *l = e->ctx;
	char number[16], why[INI_WHY_SIZE];
	snprintf(number, sizeof(number), "%u", w->session);
	json_t *row = json_object_get(l->rows, number);
	const struct word_session *s = &w->state;
	if (!row)
		return;
	snprintf(why, sizeof(why), "%s", s->why);
	config_clean(why);
	json_t *more = json_pack(
		"{s:s, s:i, s:i, s:b, s:b, s:I, s:I, s:I, s:I, s:I, s:i, s:i, s:s}", "state",
		ini_state_word((enum ini_state)s->state), "tsih", s->tsih, "tpgt", s->tpgt,
		"header_digest", s->header_digest, "data_digest", s->data_digest, "commands",
		(json_int_t)s->commands, "bytes_in", (json_int_t)s->bytes_in, "bytes_out",
		(json_int_t)s->bytes_out, "logins", (json_int_t)s->logins, "reissued",
		(json_int_t)s->reissued, "in_flight", (int)s->in_flight, "waiting", (int)s->waiting,
		"why", s->state == INI_UP ? "" : why);
	json_object_update(row, more);
	json_decref(more);
}

static void have_all(struct errand_out *e, const struct word *w)
{
	struct listing *l = e->ctx;
	json_t *list = json_array(), *row;
	const char *number;
	json_object_foreach(l->rows, number, row)
	{
		json_array_append(list, row);
	}
	control_answer(l->call, json_pack("{s:o}", "sessions", list));
	json_decref(l->rows);
	free(l);
	errand_out_free(e);
}

void op_session_list(void *ctx, struct control_call *call)
{
	struct initiatord *d = ctx;
	struct listing *l = malloc(sizeof(*l));
	struct errand_out *e = l ? errand_out_new(ORDER_SESSIONS, have_all, l) : NULL;
	if (!e) {
		free(l);
		control_refuse(call, RPC_INTERNAL, "no memory");
		return;
	}
	*l = (struct listing){d, call, json_object()};
	list_for_each (it, &d->sessions) {
		const struct node_session *s = list_entry(it, struct node_session, link);
		char number[16];
		snprintf(number, sizeof(number), "%u", s->number);
		json_object_set_new(l->rows, number, session_row(s));
	}
	e->row = have_row;
	courier_send(&d->courier, e);
}

void op_session_rescan(void *ctx, struct control_call *call)
{
	struct initiatord *d = ctx;
	struct record_filter filter;
	int count = 0;
	if (!filter_of(call, &filter))
		return;
	list_for_each (it, &d->sessions) {
		const struct node_session *s = list_entry(it, struct node_session, link);
		struct errand_out *e = s->up && is_meant(&s->key, &filter)
					       ? errand_out_new(ORDER_RESCAN, courier_forget, NULL)
					       : NULL;
		if (!e)
			continue;
		e->order.session = s->number;
		courier_send(&d->courier, e);
		count++;
	}
	if (count)
		control_answer(call, json_pack("{s:i}", "sessions", count));
	else
		refuse_by_why(call, -ENOENT, "there is no such session");
}

void op_status(void *ctx, struct control_call *call)
{
	const struct initiatord *d = ctx;
	int sessions = 0, up = 0, disks = 0, attached = 0;
	list_for_each (it, &d->sessions) {
		sessions++;
		up += list_entry(it, struct node_session, link)->up;
	}
	list_for_each (it, &d->disks) {
		disks++;
		attached += list_entry(it, struct attached_disk, link)->state == DISK_ATTACHED;
	}
	control_answer(call,
		       json_pack("{s:i, s:s, s:s, s:b, s:i, s:i, s:i, s:i}", "pid", (int)getpid(),
				 "version", LUNAR_VERSION, "initiator", d->names.name, "ready",
				 d->ready, "sessions", sessions, "sessions_up", up, "disks", disks,
				 "disks_attached", attached));
}

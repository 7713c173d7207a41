/* SPDX-License-Identifier: BSD-2-Clause */
/* Sessions by records: who is logged in to, and what becomes of it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "initiatord/initiatord.h"

/* Those that are wanted and have ended for good are tried again so often. */
#define AGAIN (10 * NSEC_PER_SEC)

/* A discovery finds out the portal group of a record that was made without one, maybe while it is in use. */
static bool same_group(const struct record_key *a, const struct record_key *b)
{
	return a->tpgt == b->tpgt || a->tpgt == RECORDS_TPGT_UNKNOWN ||
	       b->tpgt == RECORDS_TPGT_UNKNOWN;
}

bool same_node(const struct record_key *a, const struct record_key *b)
{
	return !strcmp(a->target, b->target) && !strcmp(a->address, b->address) &&
	       a->port == b->port && same_group(a, b) && !strcmp(a->iface, b->iface);
}

struct node_session *session_find(struct initiatord *d, const struct record_key *key)
{
	list_for_each (it, &d->sessions) {
		struct node_session *s = list_entry(it, struct node_session, link);
		if (same_node(&s->key, key))
			return s;
	}
	return NULL;
}

struct node_session *session_by_number(struct initiatord *d, uint32_t number)
{
	list_for_each (it, &d->sessions) {
		struct node_session *s = list_entry(it, struct node_session, link);
		if (s->number == number)
			return s;
	}
	return NULL;
}

void waits_tell(struct list *waits, const struct word *w)
{
	struct list told;
	list_init(&told);
	list_splice_tail(&told, waits);
	while (!list_empty(&told)) {
		struct wait *wait = list_first(&told, struct wait, link);
		list_del(&wait->link);
		wait->done(wait, w);
	}
}

static void free_session(struct node_session *s)
{
	list_del(&s->link);
	free(s);
}

static void try_again_later(struct initiatord *d)
{
	if (!timer_is_set(&d->again) && !d->ending)
		timer_set(d->r, &d->again, reactor_now(d->r) + AGAIN);
}

/* --- in */

static void logged_in(struct errand_out *e, const struct word *w)
{
	struct node_session *s = e->ctx;
	struct initiatord *d = s->d;
	const bool leaving = s->logging_out;
	errand_out_free(e);
	s->logging_in = false;
	s->up = !w->err;
	if (w->err == -ECANCELED && !d->ending)
		return; /* its successor is told to do it, and whoever waits goes on waiting */
	if (w->err) {
		s->last.state = INI_ENDED;
		s->last.reason = w->reason;
		snprintf(s->last.why, sizeof(s->last.why), "%.319s", w->why);
		config_clean(s->last.why);
		log_warning(d->log, "%s at %s port %u: no login: %s", s->key.target, s->key.address,
			    s->key.port, w->why);
		event_session(s, EVENT_SESSION_DOWN, ini_reason_word((enum ini_reason)w->reason),
			      w->why);
	} else {
		s->past = false;
		s->last.state = INI_UP;
		s->wanted = !leaving;
		log_info(d->log, "%s at %s port %u: logged in", s->key.target, s->key.address,
			 s->key.port);
		event_session(s, EVENT_SESSION_UP, NULL, "");
	}
	/* Nobody finds it any more when they are told that it is none. */
	if (w->err && leaving)
		s->up = false; /* the end of the logout frees it */
	else if (w->err && !s->wanted)
		list_del(&s->link);
	else if (w->err)
		try_again_later(d);
	waits_tell(&s->waits, w);
	if (w->err && !s->wanted && !leaving)
		free_session(s);
	state_save(d);
}

/* Values that nobody has chosen are those of this initiator, which can do more than open-iscsi's offer. */
static void take_our_defaults(const struct record *r, struct node_settings *s)
{
	if (record_is_default(r, "node.session.iscsi.DefaultTime2Wait"))
		s->offer.want.time2wait = 0;
	if (record_is_default(r, "node.session.iscsi.MaxOutstandingR2T"))
		s->offer.want.max_outstanding_r2t = INI_R2T_MAX;
}

static int order_login(struct node_session *s, bool patient, struct config_why *why)
{
	struct initiatord *d = s->d;
	struct record *r = node_load(d, &s->key, why);
	if (!r)
		return -ENOENT;
	struct errand_out *e = errand_out_new(ORDER_LOGIN, logged_in, s);
	int err = e ? node_settings_read(r, &e->order.login.settings, why)
		    : config_refuse(why, ENOMEM, "no memory");
	if (!err) {
		take_our_defaults(r, &e->order.login.settings);
		s->says = e->order.login.settings;
		node_settings_wipe(&s->says);
	}
	record_free(r);
	if (err) {
		if (e)
			errand_out_free(e);
		return err;
	}
	const struct record_accounts *a = &e->order.login.settings.accounts;
	snprintf(s->user, sizeof(s->user), "%s", a->ours.name);
	s->mutual = a->theirs.name[0];
	e->order.session = s->number;
	e->order.login.patient = patient;
	e->order.login.past = s->past;
	memcpy(e->order.login.isid, s->isid, sizeof(s->isid));
	s->logging_in = true;
	courier_send(&d->courier, e);
	return 0;
}

static struct node_session *make_session(struct initiatord *d, const struct record_key *key,
					 struct config_why *why)
{
	struct node_session *s = calloc(1, sizeof(*s));
	if (!s) {
		config_write_why(why, "no memory");
		return NULL;
	}
	s->d = d;
	s->key = *key;
	s->number = ++d->last_number;
	s->past = state_had_session(d, key); /* also before a boot: a target may go on */
	list_init(&s->waits);
	list_init(&s->later);
	list_add_tail(&d->sessions, &s->link);
	int err = state_isid(d, key, s->isid);
	if (err) {
		config_write_why(why,
				 "the ISID of the session cannot be kept in %s: %s; without that "
				 "nobody logs in",
				 d->o.state_dir, strerror(-err));
		free_session(s);
		return NULL;
	}
	return s;
}

static struct node_session *login(struct initiatord *d, const struct record_key *key, bool patient,
				  bool past, struct wait *wait, struct config_why *why)
{
	static const struct word fine = {.kind = WORD_DONE};
	struct node_session *s = session_find(d, key);
	if (s && s->logging_out) {
		s->again = true;
		if (wait)
			list_add_tail(&s->later, &wait->link);
		return s;
	}
	bool made = !s;
	if (!s)
		s = make_session(d, key, why);
	if (!s)
		return NULL;
	s->past |= past;
	if (s->up) {
		if (wait)
			wait->done(wait, &fine);
		return s;
	}
	if (!s->logging_in && order_login(s, patient, why)) {
		if (made)
			free_session(s);
		return NULL;
	}
	if (wait)
		list_add_tail(&s->waits, &wait->link);
	return s;
}

struct node_session *session_login(struct initiatord *d, const struct record_key *key, bool patient,
				   struct wait *wait, struct config_why *why)
{
	return login(d, key, patient, false, wait, why);
}

struct node_session *session_again(struct initiatord *d, const struct record_key *key,
				   struct config_why *why)
{
	return login(d, key, true, true, NULL, why);
}

/* --- out */

struct logout {
	struct node_session *s;
	struct wait *wait;
};

/* Who has asked for it in the meantime gets the next one. */
static void log_in_again(struct initiatord *d, const struct record_key *key, bool for_disks,
			 struct list *later)
{
	struct word none = {.kind = WORD_DONE, .err = -ENOENT};
	struct config_why why = {"the daemon ends"};
	struct node_session *s = d->ending ? NULL : login(d, key, false, false, NULL, &why);
	if (s) {
		s->for_disks = for_disks;
		list_splice_tail(&s->waits, later);
		return;
	}
	snprintf(none.why, sizeof(none.why), "%.511s", why.text);
	waits_tell(later, &none);
}

static void logged_out(struct errand_out *e, const struct word *w)
{
	struct logout *l = e->ctx;
	struct node_session *s = l->s;
	struct initiatord *d = s->d;
	const struct word gone = {.kind = WORD_DONE, .err = -ECANCELED, .why = "it was logged out"};
	const struct record_key key = s->key;
	const bool again = s->again, for_disks = s->for_disks;
	struct list later;
	list_init(&later);
	if (l->wait)
		l->wait->done(l->wait, w);
	free(l);
	errand_out_free(e);
	log_info(d->log, "%s at %s port %u: logged out", s->key.target, s->key.address,
		 s->key.port);
	event_session(s, EVENT_SESSION_DOWN, "logged-out", "it was logged out");
	waits_tell(&s->waits, &gone);
	list_splice_tail(&later, &s->later);
	free_session(s);
	if (again)
		log_in_again(d, &key, for_disks, &later);
	state_save(d);
}

void session_logout(struct node_session *s, bool force, struct wait *wait)
{
	struct logout *l = malloc(sizeof(*l));
	struct errand_out *e = l ? errand_out_new(ORDER_LOGOUT, logged_out, l) : NULL;
	const struct word none = {.kind = WORD_DONE, .err = -ENOMEM, .why = "no memory"};
	if (!e) {
		free(l);
		if (wait)
			wait->done(wait, &none);
		return;
	}
	*l = (struct logout){s, wait};
	s->wanted = false;
	s->up = false;
	s->logging_out = true;
	e->order.session = s->number;
	e->order.flag = force;
	courier_send(&s->d->courier, e);
}

void sessions_let_go(struct initiatord *d, const char *target)
{
	list_for_each (it, &d->disks)
		if (!strcmp(list_entry(it, struct attached_disk, link)->target, target))
			return;
	list_for_each_safe (it, &d->sessions) {
		struct node_session *s = list_entry(it, struct node_session, link);
		if (!s->for_disks || s->logging_out || strcmp(s->key.target, target) != 0)
			continue;
		session_logout(s, false, NULL);
	}
}

/* --- what is heard */

void session_heard(struct initiatord *d, const struct word *w)
{
	struct node_session *s = session_by_number(d, w->session);
	if (!s)
		return;
	bool was_up = s->up;
	s->last = w->state;
	config_clean(s->last.why); /* it may be a peer's */
	if (s->logging_in || s->logging_out)
		return;
	if (w->state.state == INI_UP && was_up) {
		log_info(d->log, "%s at %s port %u: the session is back", s->key.target,
			 s->key.address, s->key.port);
		s->recovering = false;
		event_session(s, EVENT_SESSION_UP, NULL, "");
	}
	if (w->state.state == INI_WAITING && was_up && !s->recovering) {
		log_warning(d->log, "%s at %s port %u: the session is lost: %s", s->key.target,
			    s->key.address, s->key.port, w->state.why);
		s->recovering = true;
		event_session(s, EVENT_SESSION_RECOVERING,
			      ini_reason_word((enum ini_reason)w->state.reason), w->state.why);
	}
	if (w->state.state != INI_ENDED)
		return;
	log_error(d->log, "%s at %s port %u: the session has ended: %s", s->key.target,
		  s->key.address, s->key.port, w->state.why);
	event_session(s, EVENT_SESSION_DOWN, ini_reason_word((enum ini_reason)w->state.reason),
		      w->state.why);
	s->up = s->recovering = false;
	if (s->wanted)
		try_again_later(d);
	else
		free_session(s);
}

/* --- again */

static void login_again(struct initiatord *d)
{
	list_for_each_safe (it, &d->sessions) {
		struct node_session *s = list_entry(it, struct node_session, link);
		struct config_why why;
		if (!s->up && !s->logging_in && !s->logging_out && order_login(s, true, &why))
			log_error(d->log, "%s: %s", s->key.target, why.text);
	}
}

static void again(struct timer *t)
{
	struct initiatord *d = container_of(t, struct initiatord, again);
	if (d->ready)
		login_again(d);
}

void sessions_again(struct initiatord *d)
{
	list_for_each (it, &d->sessions) {
		struct node_session *s = list_entry(it, struct node_session, link);
		s->past |= s->up;
		s->up = false;
	}
	login_again(d);
}

static int begin_automatic(void *ctx, const struct record_key *key, const struct record *node)
{
	struct initiatord *d = ctx;
	struct config_why why;
	const char *startup = record_get(node, "node.startup");
	if (!strcmp(startup, "manual"))
		return 0;
	struct node_session *s = session_login(d, key, true, NULL, &why);
	if (s) {
		s->wanted = true;
		s->for_disks = false;
	} else {
		log_error(d->log, "%s at %s: no login: %s", key->target, key->address, why.text);
	}
	return 0;
}

void sessions_init(struct initiatord *d)
{
	list_init(&d->sessions);
	timer_init(&d->again, again);
}

void sessions_automatic(struct initiatord *d)
{
	const struct record_filter all = RECORD_FILTER_ALL;
	struct config_why why;
	int n = records_nodes(&d->records, &all, begin_automatic, d, &why);
	if (n < 0)
		log_error(d->log, "the records cannot be read: %s", why.text);
}

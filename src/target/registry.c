/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of all sessions, which is home's. A login that is complete asks home for its session (struct
 * enrol), which ends the one whose place it takes, wherever that lives, and makes the I_T nexus. So two
 * logins of one initiator port, on two reactors, come one after the other (RFC 7143 6.3.5).
 *
 *   login                        home                          the old session's reactor
 *   enrol_start       -->        begin: there is an old one
 *                                registry_end       -->        drops its connection
 *                                gone               <--        session_free, registry_leave
 *                                settled: the old nexus is lost, its fences are up
 *   enrol_done        <--        make
 *
 * On one reactor all of that is one call.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "target/priv.h"

#define BUCKETS 1024

struct registry {
	/* Home alone changes what is behind it; logins look into it from everywhere. */
	pthread_mutex_t lock;
	struct list buckets[BUCKETS]; /* record.link */
	size_t records;               /* those not in the table any more included */
	size_t sessions;              /* in full feature phase, without discovery */
	uint8_t tsih_used[(UINT16_MAX + 1) / 8];
	uint16_t last_tsih;
};

int registry_new(struct target *t)
{
	struct registry *g = calloc(1, sizeof(*g));
	if (!g)
		return -ENOMEM;
	pthread_mutex_init(&g->lock, NULL);
	for (size_t i = 0; i < BUCKETS; i++)
		list_init(&g->buckets[i]);
	reactor_random(t->reactor, &g->last_tsih, sizeof(g->last_tsih));
	t->registry = g;
	return 0;
}

bool registry_is_empty(const struct target *t)
{
	return !t->registry->records;
}

size_t registry_records(const struct target *t)
{
	return t->registry->records;
}

/* --- the table */

static struct list *bucket(struct registry *g, const char *initiator, const uint8_t *isid)
{
	uint32_t hash = 2166136261u; /* FNV-1a */
	for (const char *p = initiator; *p; p++)
		hash = (hash ^ (uint8_t)*p) * 16777619u;
	for (size_t i = 0; i < 6; i++)
		hash = (hash ^ isid[i]) * 16777619u;
	return &g->buckets[hash % BUCKETS];
}

static struct record *find(struct registry *g, uint64_t group,
			   const struct iscsi_login_identity *id)
{
	list_for_each (it, bucket(g, id->initiator_name, id->isid)) {
		struct record *r = list_entry(it, struct record, link);
		if (r->group_number == group && (!id->tsih || r->tsih == id->tsih) &&
		    !memcmp(r->isid, id->isid, sizeof(r->isid)) &&
		    !strcmp(r->initiator, id->initiator_name))
			return r;
	}
	return NULL;
}

bool registry_find(struct target *t, uint64_t group, const struct iscsi_login_identity *id,
		   struct iscsi_params *params, uint16_t *cid)
{
	struct registry *g = t->home->registry;
	pthread_mutex_lock(&g->lock);
	const struct record *r = find(g, group, id);
	if (r) {
		*params = r->params;
		*cid = r->cid;
	}
	pthread_mutex_unlock(&g->lock);
	return r;
}

size_t registry_sessions(const struct target *t)
{
	return __atomic_load_n(&t->home->registry->sessions, __ATOMIC_RELAXED);
}

static void count_sessions(struct registry *g, const struct record *r, size_t n)
{
	if (r->node)
		__atomic_store_n(&g->sessions, g->sessions + n, __ATOMIC_RELAXED);
}

/* 0 is reserved (RFC 7143 11.12.6); max_sessions is below 2^16, so there is a free one. */
static uint16_t new_tsih(struct registry *g)
{
	do
		g->last_tsih++;
	while (!g->last_tsih || (g->tsih_used[g->last_tsih / 8] >> g->last_tsih % 8 & 1));
	return g->last_tsih;
}

static void insert(struct registry *g, struct record *r)
{
	pthread_mutex_lock(&g->lock);
	list_add_tail(bucket(g, r->initiator, r->isid), &r->link);
	pthread_mutex_unlock(&g->lock);
	g->tsih_used[r->tsih / 8] |= (uint8_t)(1u << r->tsih % 8);
	g->records++;
	count_sessions(g, r, 1);
}

static void take_out(struct registry *g, struct record *r)
{
	pthread_mutex_lock(&g->lock);
	list_del(&r->link);
	pthread_mutex_unlock(&g->lock);
	g->tsih_used[r->tsih / 8] &= (uint8_t) ~(1u << r->tsih % 8);
	count_sessions(g, r, (size_t)-1);
}

/* --- making one */

static struct scsi_nexus *new_nexus(const struct record *r)
{
	char initiator_port[ISCSI_PORT_NAME_SIZE], target_port[ISCSI_PORT_NAME_SIZE];
	struct target *home = r->part->home;
	iscsi_initiator_port_name(initiator_port, r->initiator, r->isid);
	iscsi_target_port_name(target_port, r->node->name, r->group->tag);
	struct scsi_nexus *nexus = scsi_nexus_new(r->acl ? r->acl->map : r->group->map,
						  initiator_port, target_port, r->group->tag);
	if (!nexus)
		return NULL;
	if (!r->acl && r->group->options.demo_mode_write_protect)
		scsi_nexus_set_readonly(nexus);
	if (r->part != home && scsi_nexus_set_away(nexus, home->reactor, r->part->reactor)) {
		scsi_nexus_free(nexus);
		return NULL;
	}
	return nexus;
}

/*
 * `old` is the one whose connection it takes over; of what was sent on that and has not come nobody will
 * hear, so the numbers go on behind it (RFC 7143 6.3.4).
 */
static struct record *new_record(const struct enrol *e, const struct judgement *j,
				 const struct record *old)
{
	const struct iscsi_login_identity *id = e->id;
	struct record *r = calloc(1, sizeof(*r));
	if (!r)
		return NULL;
	r->part = e->conn->target;
	r->number = ++r->part->home->last_number;
	r->node = j->node;
	r->group = j->group;
	r->acl = j->acl;
	r->group_number = e->group;
	r->depth = j->group ? access_depth(r->part->home, j) : r->part->home->limits.max_commands;
	memcpy(r->initiator, id->initiator_name, sizeof(r->initiator));
	memcpy(r->isid, id->isid, sizeof(r->isid));
	r->cid = id->cid;
	r->params = *e->params;
	list_init(&r->waiting);
	r->tsih = old ? old->tsih : 0;
	r->expcmdsn = id->cmdsn;
	r->maxcmdsn = old ? old->maxcmdsn : id->cmdsn - 1;
	if (old && !iscsi_sn_in(id->cmdsn, old->expcmdsn, old->maxcmdsn + 1))
		r->expcmdsn = old->expcmdsn;
	r->nexus = r->node ? new_nexus(r) : NULL;
	if (r->node && !r->nexus) {
		free(r);
		return NULL;
	}
	return r;
}

static void answer_there(struct mail *m)
{
	enrol_done(container_of(m, struct enrol, mail));
}

static void answer(struct enrol *e)
{
	struct target *part = e->conn->target;
	if (part == part->home)
		enrol_done(e);
	else
		reactor_post(part->reactor, &e->mail, answer_there);
}

/* The configuration may have changed since it was judged for the first time: then it is as if this had come
 * before, if all that its login knows of it is still there. */
static void judge_again(struct enrol *e, struct judgement *j)
{
	const struct conn *c = e->conn;
	const struct visitor who = {e->id->initiator_name, e->id->target_name, &c->peer, &c->local};
	memset(j, 0, sizeof(*j));
	if (!e->group)
		return;
	access_judge(c->target->home, &who, j);
	e->status = j->status;
	e->why = "the configuration has changed meanwhile";
	if (!e->status && (j->group->number != e->group || (j->acl ? j->acl->number : 0) != e->acl))
		e->status = ISCSI_LOGIN_UNAVAILABLE;
}

static void make(struct enrol *e, const struct record *old)
{
	struct target *home = e->conn->target->home;
	struct registry *g = home->registry;
	struct judgement j;
	e->status = ISCSI_LOGIN_SUCCESS;
	judge_again(e, &j);
	if (!e->status && e->group && g->sessions >= home->limits.max_sessions) {
		e->status = ISCSI_LOGIN_OUT_OF_RESOURCES;
		e->why = "there are as many sessions as may be";
	}
	if (!e->status) {
		e->record = new_record(e, &j, old);
		e->status = e->record ? ISCSI_LOGIN_SUCCESS : ISCSI_LOGIN_OUT_OF_RESOURCES;
		e->why = "no memory for the session";
	}
	if (!e->status) {
		if (!e->record->tsih)
			e->record->tsih = new_tsih(g);
		insert(g, e->record);
	}
	answer(e);
}

/* --- ending one */

static void free_record(struct record *r)
{
	struct target *home = r->part->home;
	/* A letter about it may be on its way still, though the session has gone by itself. */
	if (!r->settled || ((r->ending || r->asking) && !home->freeing))
		return;
	home->registry->records--;
	free(r);
	target_check_drained(home);
}

static void ended_here(struct mail *m)
{
	struct record *r = container_of(m, struct record, end);
	r->ending = false;
	free_record(r);
}

static void end_there(struct mail *m)
{
	struct record *r = container_of(m, struct record, end);
	if (r->session)
		conn_drop(r->session->conn, r->why);
	reactor_post(r->part->home->reactor, &r->end, ended_here);
}

void registry_end(struct record *r, const char *why)
{
	if (r->ending || r->left)
		return;
	if (r->part == r->part->home) {
		conn_drop(r->session->conn, why);
		return;
	}
	r->why = why;
	r->ending = true;
	reactor_post(r->part->reactor, &r->end, end_there);
}

static void ask_it(const struct record *r)
{
	if (r->session && r->session->conn->state == CONN_FULL)
		conn_ask_logout(r->session->conn, r->ask_seconds);
}

static void asked_here(struct mail *m)
{
	struct record *r = container_of(m, struct record, ask);
	r->asking = false;
	free_record(r);
}

static void ask_there(struct mail *m)
{
	const struct record *r = container_of(m, struct record, ask);
	ask_it(r);
	reactor_post(r->part->home->reactor, m, asked_here);
}

void registry_ask(struct record *r, uint32_t seconds)
{
	if (r->ending || r->left || r->asked)
		return;
	r->asked = true;
	r->ask_seconds = seconds;
	if (r->part == r->part->home) {
		ask_it(r);
		return;
	}
	r->asking = true;
	reactor_post(r->part->reactor, &r->ask, ask_there);
}

struct record *registry_each(struct target *t, bool (*one)(const struct record *r, void *ctx),
			     void *ctx)
{
	for (size_t i = 0; i < BUCKETS; i++)
		list_for_each (it, &t->registry->buckets[i]) {
			struct record *r = list_entry(it, struct record, link);
			if (one(r, ctx))
				return r;
		}
	return NULL;
}

/* What is done to one may be the end of others. */
static struct record *next_new(const struct list *records,
			       bool (*fits)(const struct record *r, const void *what),
			       const void *what, uint64_t pass)
{
	list_for_each (it, records) {
		struct record *r = list_entry(it, struct record, link);
		if (r->pass != pass && fits(r, what))
			return r;
	}
	return NULL;
}

void registry_each_that(struct target *t, bool (*fits)(const struct record *r, const void *what),
			const void *what, uint64_t pass, void (*act)(struct record *r, void *ctx),
			void *ctx)
{
	struct record *r;
	for (size_t i = 0; i < BUCKETS; i++)
		while ((r = next_new(&t->registry->buckets[i], fits, what, pass))) {
			r->pass = pass;
			act(r, ctx);
		}
}

static void begin(struct enrol *e);

/* Nothing of it is left that could be in anybody's way. */
static void settled(void *ctx)
{
	struct record *r = ctx;
	struct registry *g = r->part->home->registry;
	struct list waiting;
	bool first = true;
	take_out(g, r);
	list_init(&waiting);
	if (!r->part->home->freeing)
		list_splice_tail(&waiting, &r->waiting);
	r->settled = true;
	while (!list_empty(&waiting)) {
		struct enrol *e = list_first(&waiting, struct enrol, link);
		list_del(&e->link);
		if (first && e->id->tsih)
			make(e, r);
		else
			begin(e);
		first = false;
	}
	if (!r->part->home->freeing)
		retire_left(r->part->home, r);
	free_record(r);
}

static void gone(struct record *r)
{
	r->left = true;
	if (r->nexus)
		scsi_nexus_lose(r->nexus, settled, r);
	else
		settled(r);
}

static void gone_here(struct mail *m)
{
	gone(container_of(m, struct record, gone));
}

void registry_leave(struct record *r)
{
	struct target *part = r->part;
	if (part == part->home || part->freeing) {
		gone(r);
		return;
	}
	if (r->nexus)
		scsi_nexus_leave(r->nexus);
	reactor_post(part->home->reactor, &r->gone, gone_here);
}

/* --- asking */

static void begin(struct enrol *e)
{
	struct record *old = find(e->conn->target->home->registry, e->group, e->id);
	if (e->id->tsih && (!old || old->cid != e->id->cid)) {
		e->status = ISCSI_LOGIN_NO_SESSION;
		e->why = "its session does not exist";
		answer(e);
		return;
	}
	if (!old) {
		make(e, NULL);
		return;
	}
	list_add_tail(&old->waiting, &e->link);
	registry_end(old, e->id->tsih ? "taken over by a new connection of its session"
				      : "its session is reinstated");
}

static void begin_here(struct mail *m)
{
	begin(container_of(m, struct enrol, mail));
}

void enrol_start(struct enrol *e)
{
	struct target *part = e->conn->target;
	list_init(&e->link);
	if (part == part->home)
		begin(e);
	else
		reactor_post(part->home->reactor, &e->mail, begin_here);
}

/* --- the end */

/* What is left was on its way between threads that are no more. */
void registry_free(struct target *t)
{
	struct registry *g = t->registry;
	for (size_t i = 0; i < BUCKETS; i++)
		while (!list_empty(&g->buckets[i]))
			gone(list_first(&g->buckets[i], struct record, link));
	pthread_mutex_destroy(&g->lock);
	free(g);
}

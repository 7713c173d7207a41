/* SPDX-License-Identifier: BSD-2-Clause */
/* attach, detach, and what there is of disks. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "initiatord/initiatord.h"
#include "iscsi/lun.h"
#include "service/gauges.h"

#define SECONDS_MOST     3600u
#define SECONDS_STANDARD 60u

/* --- what is asked for */

struct wanted {
	char target[ISCSI_NAME_SIZE];
	uint32_t lun, seconds;
	uint16_t port;
	const char *address, *user, *password, *user_in, *password_in, *via;
	bool boot;
};

static bool texts_of(struct control_call *call, struct wanted *w)
{
	const struct {
		const char *name, **to;
	} texts[] = {
		{"address", &w->address}, {"user", &w->user}, {"password", &w->password},
		{"user_in", &w->user_in}, {"via", &w->via},   {"password_in", &w->password_in},
	};
	bool ok = true;
	for (size_t i = 0; ok && i < ARRAY_SIZE(texts); i++)
		*texts[i].to = control_text_or(call, texts[i].name, NULL, &ok);
	return ok;
}

/* False: the call is over. */
static bool wanted_of(struct control_call *call, struct wanted *w)
{
	bool ok;
	*w = (struct wanted){0};
	const char *target = control_text(call, "target");
	if (!target)
		return false;
	if (iscsi_name_normalize(target, w->target)) {
		control_refuse_with(call, RPC_REFUSED, iscsi_name_problem(target),
				    json_pack("{s:s}", "reason", "invalid"));
		return false;
	}
	w->lun = number_or(call, "lun", ISCSI_LUN_MAX, 0, &ok);
	if (ok)
		w->port = (uint16_t)number_or(call, "port", UINT16_MAX, 3260, &ok);
	if (ok)
		w->seconds = number_or(call, "seconds", SECONDS_MOST, SECONDS_STANDARD, &ok);
	if (ok)
		w->boot = control_flag_or(call, "boot", false, &ok);
	return ok && texts_of(call, w);
}

/* --- its record */

static int take_first(void *ctx, const struct record_key *key, const struct record *node)
{
	struct record_key *out = ctx;
	if (!out->target[0])
		*out = *key;
	return 0;
}

static void filter_for(const struct wanted *w, struct record_filter *out)
{
	*out = RECORD_FILTER_ALL;
	out->target = w->target;
	out->address = w->address;
	out->port = w->address ? w->port : 0;
}

static int add_record(struct initiatord *d, const struct wanted *w, struct config_why *why)
{
	struct record *r = records_conf_new(&d->conf, RECORD_NODE);
	bool added;
	int err = r ? record_put(r, "node.name", w->target, why)
		    : config_refuse(why, ENOMEM, "no memory");
	if (!err)
		err = record_put(r, "node.conn[0].address", w->address, why);
	if (!err)
		err = record_put_number(r, "node.conn[0].port", w->port, why);
	if (!err)
		err = records_node_add(&d->records, r, &added, why);
	record_free(r);
	return err;
}

static int set_values(struct initiatord *d, const struct wanted *w,
		      const struct record_filter *filter, struct config_why *why)
{
	struct record_change c[5];
	size_t n = 0;
	if (w->user) {
		c[n++] = (struct record_change){"node.session.auth.authmethod", "CHAP"};
		c[n++] = (struct record_change){"node.session.auth.username", w->user};
		c[n++] = (struct record_change){"node.session.auth.password",
						w->password ? w->password : ""};
	}
	if (w->user_in) {
		c[n++] = (struct record_change){"node.session.auth.username_in", w->user_in};
		c[n++] = (struct record_change){"node.session.auth.password_in",
						w->password_in ? w->password_in : ""};
	}
	int done = n ? records_node_update(&d->records, filter, c, n, why) : 0;
	return MIN(done, 0);
}

/* The nodes that are meant are there, and say what was asked for; `*first` is one of them. */
static int make_nodes(struct initiatord *d, const struct wanted *w, struct record_key *first,
		      bool *added, struct config_why *why)
{
	struct record_filter filter;
	filter_for(w, &filter);
	first->target[0] = 0;
	int n = records_nodes(&d->records, &filter, take_first, first, why);
	if (n == 0 && !w->address)
		return config_refuse(why, ENOENT,
				     "there is no record of %s: say at which address it is",
				     w->target);
	*added = n == 0;
	if (n == 0) {
		n = add_record(d, w, why);
		if (!n)
			n = records_nodes(&d->records, &filter, take_first, first, why);
	}
	return n < 0 ? n : set_values(d, w, &filter, why);
}

/* --- the call */

struct attach_call {
	struct wait wait;
	struct initiatord *d;
	struct control_call *call;
	struct timer deadline;
	uint32_t disk;
};

static json_t *disk_json(const struct attached_disk *k)
{
	/* Of a socket everybody knows. */
	const bool has_device = k->kept && k->method->takes_over;
	const char *mortal = has_device ? attach_mortal(k->method, &k->keep) : NULL;
	return json_pack("{s:s, s:i, s:s, s:s, s:s, s:s, s:I, s:s*, s:b, s:s}", "target", k->target,
			 "lun", (int)k->lun, "path", k->path, "method", k->method->name, "state",
			 disk_state_word(k->state), "wwid", k->wwid, "size", (json_int_t)k->size,
			 "mortal", mortal, "boot", k->boot, "why", k->why);
}

static void attach_over(struct wait *wait, const struct word *w)
{
	struct attach_call *a = container_of(wait, struct attach_call, wait);
	const struct attached_disk *k = disk_by_number(a->d, a->disk);
	timer_cancel(a->d->r, &a->deadline);
	if (!w->err && k)
		control_answer(a->call, disk_json(k));
	else
		refuse_by_word(a->call, w, "");
	free(a);
}

/* What the login of a session that is not up has failed by; or what it would, if it came no further than now. */
static enum ini_reason obstacle(const struct node_session *s)
{
	if (s->last.state == INI_LOGGING_IN)
		return INI_LOGIN_TIMEOUT;
	return s->last.why[0] ? (enum ini_reason)s->last.reason : INI_CONNECT_TIMEOUT;
}

/* What keeps a disk from being there, into `w`; nothing when there is a session, for then it is something else. */
static void put_obstacle(const struct initiatord *d, const char *target, struct word *w)
{
	list_for_each (it, &d->sessions) {
		const struct node_session *s = list_entry(it, struct node_session, link);
		if (strcmp(s->key.target, target) != 0)
			continue;
		w->reason = s->up ? INI_NO_REASON : obstacle(s);
		w->why[0] = 0;
		if (s->up)
			return;
		bool said = s->last.why[0] && s->last.reason == w->reason;
		snprintf(w->why, sizeof(w->why), "%.250s port %u: %.200s", s->key.address,
			 s->key.port,
			 said ? s->last.why : ini_reason_text((enum ini_reason)w->reason));
	}
}

/* Whoever asked does not wait any more; and nobody else does, or the disk goes on. */
static void too_late(struct timer *t)
{
	struct attach_call *a = container_of(t, struct attach_call, deadline);
	struct attached_disk *k = disk_by_number(a->d, a->disk);
	struct word w = {.kind = WORD_DONE, .err = -ETIMEDOUT};
	if (k)
		put_obstacle(a->d, k->target, &w);
	if (!w.why[0])
		snprintf(w.why, sizeof(w.why), "it is not ready in time");
	list_del(&a->wait.link);
	attach_over(&a->wait, &w);
	if (k && list_empty(&k->waits) && k->state != DISK_ATTACHED && !k->boot)
		disk_detach(k, true, NULL);
}

static struct attach_call *wait_for(struct attached_disk *k, struct control_call *call,
				    uint32_t seconds)
{
	struct attach_call *a = calloc(1, sizeof(*a));
	if (!a)
		return NULL;
	a->wait.done = attach_over;
	a->d = k->d;
	a->call = call;
	a->disk = k->number;
	timer_init(&a->deadline, too_late);
	timer_set(a->d->r, &a->deadline, reactor_now(a->d->r) + seconds * NSEC_PER_SEC);
	list_add_tail(&k->waits, &a->wait.link);
	return a;
}

static void find_there(struct attached_disk *k, struct control_call *call, const struct wanted *w)
{
	struct config_why why;
	k->boot_wanted |= w->boot;
	if (k->state == DISK_ATTACHED && k->boot_wanted) {
		int err = automatic_keep(k, &why);
		k->boot_wanted = false;
		if (err) {
			refuse_by_why(call, err, why.text);
			return;
		}
		k->boot = automatic_is(k->d, k->target, k->lun, true);
		state_save(k->d);
	}
	if (w->via && strcmp(w->via, k->method->name) != 0)
		control_refuse_with(
			call, RPC_REFUSED, "it is attached already, by another method",
			json_pack("{s:s, s:s}", "reason", "in-use", "method", k->method->name));
	else if (k->state == DISK_ATTACHED)
		control_answer(call, disk_json(k));
	else if (k->state == DISK_DETACHING || !wait_for(k, call, w->seconds))
		refuse_by_why(call, -EBUSY, "it is being detached");
}

const struct attach_method *disk_method(struct initiatord *d, const char *via,
					const struct record_key *key, char *why, size_t why_size)
{
	struct config_why said;
	struct record *r = node_load(d, key, &said);
	if (!via && r && strcmp(record_get(r, "node.lunar.via"), "auto") != 0)
		via = record_get(r, "node.lunar.via");
	const struct attach_method *m = attach_choose(via, why, why_size);
	record_free(r);
	return m;
}

/* One that waits for its LUN is asked for: it is tried at once, by the method that is wanted now. */
static struct attached_disk *disk_for(struct initiatord *d, const struct wanted *w,
				      const struct record_key *key, const struct attach_method *m)
{
	struct attached_disk *k = disk_find(d, w->target, w->lun);
	if (!k)
		return disk_new(d, w->target, w->lun, key->address, key->port, m);
	if (w->via)
		k->method = m;
	k->state = DISK_LOGGING_IN;
	return k;
}

static void begin(struct initiatord *d, struct control_call *call, const struct wanted *w,
		  const struct record_key *key, bool added)
{
	char why[1024];
	struct record_filter filter;
	const struct attach_method *m = disk_method(d, w->via, key, why, sizeof(why));
	if (!m) {
		refuse_by_why(call, -EOPNOTSUPP, why);
		return;
	}
	struct attached_disk *k = disk_for(d, w, key, m);
	if (!k || !wait_for(k, call, w->seconds)) {
		if (k)
			disk_free(k);
		control_refuse(call, RPC_INTERNAL, "no memory, or too many disks");
		return;
	}
	automatic_take(d, w->target, w->lun);
	k->boot_wanted = w->boot;
	k->via_wanted = w->boot && w->via;
	k->new_node = added;
	filter_for(w, &filter);
	disk_login(k, &filter, false, w->seconds);
}

void op_attach(void *ctx, struct control_call *call)
{
	struct initiatord *d = ctx;
	struct wanted w;
	struct record_key key;
	struct config_why why = {""};
	bool added;
	if (!wanted_of(call, &w))
		return;
	struct attached_disk *k = disk_find(d, w.target, w.lun);
	if (k && k->state != DISK_WAITING) {
		find_there(k, call, &w);
		return;
	}
	int err = make_nodes(d, &w, &key, &added, &why);
	if (err)
		refuse_by_why(call, err, why.text);
	else
		begin(d, call, &w, &key, added);
}

/* --- detach */

struct detach_call {
	struct initiatord *d;
	struct control_call *call;
	unsigned left, done;
	struct word failed;
	char what[300];
};

struct detach_one {
	struct wait wait;
	struct detach_call *of;
	char what[300];
};

static void detach_finish(struct detach_call *t)
{
	if (--t->left)
		return;
	if (t->failed.err)
		refuse_by_word(t->call, &t->failed, t->what);
	else
		control_answer(t->call, json_pack("{s:i}", "detached", (int)t->done));
	free(t);
}

static void detach_over(struct wait *wait, const struct word *w)
{
	struct detach_one *one = container_of(wait, struct detach_one, wait);
	struct detach_call *t = one->of;
	if (w->err && !t->failed.err) {
		t->failed = *w;
		memcpy(t->what, one->what, sizeof(t->what));
	}
	t->done += !w->err;
	free(one);
	detach_finish(t);
}

static void detach_one(struct detach_call *t, struct attached_disk *k, bool force)
{
	struct detach_one *one = calloc(1, sizeof(*one));
	if (!one)
		return;
	one->wait.done = detach_over;
	one->of = t;
	snprintf(one->what, sizeof(one->what), "%s", k->path[0] ? k->path : k->target);
	t->left++;
	disk_detach(k, force, &one->wait);
}

static bool is_named(const struct attached_disk *k, json_t *params)
{
	const char *target = json_string_value(json_object_get(params, "target"));
	const char *path = json_string_value(json_object_get(params, "path"));
	const json_t *lun = json_object_get(params, "lun");
	if (json_is_true(json_object_get(params, "all")))
		return true;
	if (path)
		return !strcmp(path, k->path);
	return target && !strcasecmp(target, k->target) &&
	       (!json_is_integer(lun) || json_integer_value(lun) == k->lun);
}

void op_detach(void *ctx, struct control_call *call)
{
	struct initiatord *d = ctx;
	json_t *params = control_params(call);
	bool ok;
	bool force = control_flag_or(call, "force", false, &ok);
	struct detach_call *t = ok ? calloc(1, sizeof(*t)) : NULL;
	if (!t) {
		if (ok)
			control_refuse(call, RPC_INTERNAL, "no memory");
		return;
	}
	*t = (struct detach_call){.d = d, .call = call, .left = 1};
	list_for_each_safe (it, &d->disks) {
		struct attached_disk *k = list_entry(it, struct attached_disk, link);
		if (is_named(k, params))
			detach_one(t, k, force);
	}
	if (t->left == 1 && !t->done && !t->failed.err &&
	    !json_is_true(json_object_get(params, "all"))) {
		t->failed = (struct word){.kind = WORD_DONE, .err = -ENOENT};
		snprintf(t->failed.why, sizeof(t->failed.why), "no such disk is attached");
	}
	detach_finish(t);
}

/* --- looking */

struct listing {
	struct initiatord *d;
	struct control_call *call;
	json_t *rows, *paths; /* of the last one */
	bool histograms;
};

static json_t *clean(const char *text)
{
	char out[LU_ID_SIZE + DISK_TEXT];
	snprintf(out, sizeof(out), "%s", text);
	config_clean(out);
	return json_string(out);
}

static void have_path(const struct listing *l, const struct word *w)
{
	const struct node_session *s = session_by_number(l->d, w->session);
	if (!l->paths)
		return;
	json_array_append_new(l->paths,
			      json_pack("{s:i, s:s, s:s, s:i, s:i, s:s, s:s, s:i, s:b}", "session",
					(int)w->session, "target", s ? s->key.target : "",
					"address", s ? s->key.address : "", "port",
					s ? s->key.port : 0, "lun", (int)w->path.lun, "state",
					path_state_word((enum path_state)w->path.state), "access",
					lu_access_word((enum lu_access)w->path.access),
					"port_group", w->path.port_group, "used", w->path.used));
}

static double seconds(uint64_t ns)
{
	return (double)ns / 1e9;
}

static void put_counters(json_t *row, const struct device_stats *s, bool histograms)
{
	json_t *more = json_pack(
		"{s:i, s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:o}",
		"in_flight", (int)s->in_flight, "waiting", (int)s->waiting, "reads",
		(json_int_t)s->reads, "writes", (json_int_t)s->writes, "read_bytes",
		(json_int_t)s->read_bytes, "write_bytes", (json_int_t)s->write_bytes, "errors",
		(json_int_t)s->errors, "failovers", (json_int_t)s->failovers, "resends",
		(json_int_t)s->resends, "resets", (json_int_t)s->resets, "outages",
		(json_int_t)s->outages, "outage_seconds", seconds(s->outage_time), "outage_now",
		seconds(s->outage_now), "latency", service_latency(&s->latency, histograms));
	json_object_update(row, more);
	json_decref(more);
}

static void have_device(struct listing *l, const struct word *w)
{
	const struct word_device *v = &w->device;
	const struct attached_disk *k = disk_by_number(l->d, w->disk);
	l->paths = json_array();
	json_t *row =
		json_pack("{s:o, s:o, s:o, s:o, s:I, s:i, s:i, s:b, s:b, s:o}", "wwid",
			  clean(v->wwid), "vendor", clean(v->vendor), "model", clean(v->model),
			  "serial", clean(v->serial), "size", (json_int_t)v->size, "block",
			  (int)v->logical_block, "physical_block", (int)v->physical_block,
			  "read_only", v->read_only, "gone", v->gone, "paths", l->paths);
	put_counters(row, &v->stats, l->histograms);
	json_object_set_new(row, "attached", k ? disk_json(k) : json_null());
	json_array_append_new(l->rows, row);
}

static void have_row(struct errand_out *e, const struct word *w)
{
	struct listing *l = e->ctx;
	if (w->kind == WORD_DEVICE)
		have_device(l, w);
	else if (w->kind == WORD_PATH)
		have_path(l, w);
}

static void have_all(struct errand_out *e, const struct word *w)
{
	struct listing *l = e->ctx;
	json_t *disks = json_array();
	list_for_each (it, &l->d->disks)
		json_array_append_new(disks, disk_json(list_entry(it, struct attached_disk, link)));
	control_answer(l->call, json_pack("{s:o, s:o}", "devices", l->rows, "disks", disks));
	free(l);
	errand_out_free(e);
}

void op_device_list(void *ctx, struct control_call *call)
{
	struct initiatord *d = ctx;
	bool ok;
	bool histograms = control_flag_or(call, "histograms", false, &ok);
	if (!ok)
		return;
	struct listing *l = malloc(sizeof(*l));
	struct errand_out *e = l ? errand_out_new(ORDER_DEVICES, have_all, l) : NULL;
	if (!e) {
		free(l);
		control_refuse(call, RPC_INTERNAL, "no memory");
		return;
	}
	*l = (struct listing){.d = d, .call = call, .rows = json_array(), .histograms = histograms};
	e->row = have_row;
	courier_send(&d->courier, e);
}

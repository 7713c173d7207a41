/* SPDX-License-Identifier: BSD-2-Clause */
/* What happens, told to those who have subscribed; docs/initiator-control.md has the rows. */
#include <stdlib.h>
#include "initiatord/initiatord.h"

#define SESSION "session, target, address, port"
#define PATH    "wwid, device, session, target, address, port, lun"

const struct control_event_row initiatord_events[EVENT_KINDS] = {
	[EVENT_SESSION_UP] = {"session.up", SESSION, "a session is there, or back"},
	[EVENT_SESSION_RECOVERING] = {"session.recovering", SESSION ", reason, why",
				      "a session is lost, and made again"},
	[EVENT_SESSION_DOWN] = {"session.down", SESSION ", reason, why",
				"a session has ended: `logged-out`, or for good; or a login has "
				"failed"},
	[EVENT_LU_APPEARED] = {"lu.appeared", "wwid, device, size, vendor, model, serial",
			       "a target has a disk for us that we did not know of"},
	[EVENT_LU_GONE] =
		{"lu.gone", "wwid, device",
		 "no session shows it any more, or another disk is in its place; I/O to it "
		 "fails"},
	[EVENT_LU_RESIZED] = {"lu.resized", "wwid, device, size, before",
			      "it has another size, in bytes"},
	[EVENT_LU_OTHER] = {"lu.other", PATH ", now",
			    "there is another disk under this LUN now, with the identity `now`"},
	[EVENT_PATH] = {"path.changed", PATH ", state, access, port_group, used",
			"a path is new, or in another state, or used now, or not any more"},
	[EVENT_PATH_GONE] = {"path.gone", PATH, "a path is none any more"},
	[EVENT_ATTACHED] = {"device.attached", "path, method, target, lun, wwid, size",
			    "a disk can be used"},
	[EVENT_DETACHED] = {"device.detached", "path, method, target, lun, wwid, why",
			    "it was let go, or has ended by itself: `why`"},
	[EVENT_DISCOVERY] = {"discovery.changed", "address, port, added, deleted",
			     "a portal has told of other targets than before"},
	[EVENT_PROCESS] =
		{"process.restarted", "",
		 "the process that faces the network had ended, and another one has begun: "
		 "sessions and LUs come again"},
};

/* Takes over `more`. */
static void publish(struct initiatord *d, enum event_kind kind, json_t *more)
{
	json_t *event = json_pack("{s:s}", "kind", initiatord_events[kind].kind);
	json_object_update(event, more);
	json_decref(more);
	control_publish(d->control, event);
}

/* It may have come from a peer. */
static json_t *clean(const char *text)
{
	char out[ORDER_WHY_SIZE];
	snprintf(out, sizeof(out), "%s", text);
	config_clean(out);
	return json_string(out);
}

void event_session(const struct node_session *s, enum event_kind kind, const char *reason,
		   const char *why)
{
	struct initiatord *d = s->d;
	if (!control_is_heard(d->control))
		return;
	json_t *row = json_pack("{s:i, s:s, s:s, s:i}", "session", (int)s->number, "target",
				s->key.target, "address", s->key.address, "port", s->key.port);
	if (reason) {
		json_object_set_new(row, "reason", json_string(reason));
		json_object_set_new(row, "why", clean(why));
	}
	publish(d, kind, row);
}

void event_disk(const struct attached_disk *k, enum event_kind kind, const char *why)
{
	if (!control_is_heard(k->d->control))
		return;
	json_t *row =
		json_pack("{s:s, s:s, s:s, s:i, s:s}", "path", k->path, "method", k->method->name,
			  "target", k->target, "lun", (int)k->lun, "wwid", k->wwid);
	if (kind == EVENT_ATTACHED)
		json_object_set_new(row, "size", json_integer((json_int_t)k->size));
	else
		json_object_set_new(row, "why", clean(why));
	publish(k->d, kind, row);
}

void event_discovery(struct initiatord *d, const char *address, const char *port, int added,
		     int deleted)
{
	if (control_is_heard(d->control) && (added || deleted))
		publish(d, EVENT_DISCOVERY,
			json_pack("{s:s, s:i, s:i, s:i}", "address", address, "port", atoi(port),
				  "added", added, "deleted", deleted));
}

void event_process(struct initiatord *d)
{
	if (control_is_heard(d->control))
		publish(d, EVENT_PROCESS, json_object());
}

/* --- of LUs, by the process that faces the network */

static void put_facts(json_t *row, const struct word_seen *s)
{
	json_object_set_new(row, "size", json_integer((json_int_t)s->size));
	json_object_set_new(row, "vendor", clean(s->vendor));
	json_object_set_new(row, "model", clean(s->model));
	json_object_set_new(row, "serial", clean(s->serial));
}

static void put_sizes(json_t *row, const struct word_seen *s)
{
	json_object_set_new(row, "size", json_integer((json_int_t)s->size));
	json_object_set_new(row, "before", json_integer((json_int_t)s->before));
}

static void put_state(json_t *row, const struct word_seen *s)
{
	const struct word_path *p = &s->path;
	json_t *more = json_pack("{s:s, s:s, s:i, s:b}", "state",
				 path_state_word((enum path_state)p->state), "access",
				 lu_access_word((enum lu_access)p->access), "port_group",
				 p->port_group, "used", p->used);
	json_object_update(row, more);
	json_decref(more);
}

static void put_now(json_t *row, const struct word_seen *s)
{
	json_object_set_new(row, "now", clean(s->now));
}

static const struct {
	enum event_kind kind;
	bool of_path;
	void (*put)(json_t *row, const struct word_seen *s);
} seen_rows[SEEN_WHATS] = {
	[SEEN_NEW] = {EVENT_LU_APPEARED, false, put_facts},
	[SEEN_GONE] = {EVENT_LU_GONE, false, NULL},
	[SEEN_SIZE] = {EVENT_LU_RESIZED, false, put_sizes},
	[SEEN_OTHER] = {EVENT_LU_OTHER, true, put_now},
	[SEEN_PATH] = {EVENT_PATH, true, put_state},
	[SEEN_PATH_GONE] = {EVENT_PATH_GONE, true, NULL},
};

void event_seen(struct initiatord *d, const struct word *w)
{
	const struct word_seen *s = &w->seen;
	const struct attached_disk *k = disk_by_number(d, w->disk);
	if (!control_is_heard(d->control))
		return;
	json_t *row = json_pack("{s:o, s:s}", "wwid", clean(s->wwid), "device", k ? k->path : "");
	if (seen_rows[s->what].of_path) {
		json_t *of = json_pack("{s:i, s:o, s:o, s:i, s:i}", "session", (int)w->session,
				       "target", clean(s->target), "address", clean(s->host),
				       "port", s->port, "lun", (int)s->path.lun);
		json_object_update(row, of);
		json_decref(of);
	}
	if (seen_rows[s->what].put)
		seen_rows[s->what].put(row, s);
	publish(d, seen_rows[s->what].kind, row);
}

void op_subscribe(void *ctx, struct control_call *call)
{
	json_t *kinds = json_array();
	(void)ctx;
	for (size_t i = 0; i < EVENT_KINDS; i++)
		json_array_append_new(kinds, json_string(initiatord_events[i].kind));
	control_subscribe(call);
	control_answer(call, json_pack("{s:o}", "kinds", kinds));
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Discovery: a portal is asked for its targets, and they become nodes when that is wanted. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "initiatord/initiatord.h"

struct discovery {
	struct initiatord *d;
	struct control_call *call;
	struct record *portal;
	struct word_found *found;
	size_t count;
	bool record, delete, too_many;
};

/* It comes from a peer, by a process that is not believed: once more, whether these are names. */
static void have_row(struct errand_out *e, const struct word *w)
{
	struct discovery *f = e->ctx;
	struct word_found *more;
	if (!iscsi_name_valid(w->found.target) || !record_host_valid(w->found.host) ||
	    !w->found.port)
		return;
	f->too_many |= f->count == RECORDS_FOUND_MAX;
	if (f->too_many)
		return;
	more = realloc(f->found, (f->count + 1) * sizeof(*more));
	if (!more)
		return;
	f->found = more;
	f->found[f->count++] = w->found;
}

static json_t *targets_of(const struct discovery *f)
{
	json_t *targets = json_array(), *places = json_object();
	for (size_t i = 0; i < f->count; i++) {
		const struct word_found *w = &f->found[i];
		json_t *portals = json_object_get(places, w->target);
		if (!portals) {
			portals = json_array();
			json_object_set_new(places, w->target, portals);
			json_array_append_new(targets, json_pack("{s:s, s:O}", "target", w->target,
								 "portals", portals));
		}
		json_array_append_new(portals, json_pack("{s:s, s:i, s:i}", "address", w->host,
							 "port", w->port, "tpgt", w->tpgt));
	}
	json_decref(places);
	return targets;
}

static bool keep(void *ctx, const struct record_key *key)
{
	return session_find(ctx, key) != NULL;
}

static int make_records(const struct discovery *f, struct records_counts *counts,
			struct config_why *why)
{
	struct records_found *found = calloc(f->count + 1, sizeof(*found));
	if (!found)
		return config_refuse(why, ENOMEM, "no memory");
	for (size_t i = 0; i < f->count; i++)
		found[i] = (struct records_found){f->found[i].target, f->found[i].host,
						  f->found[i].port, f->found[i].tpgt};
	const struct records_discovery discovery = {
		.portal = f->portal,
		.found = found,
		.count = f->count,
		.ops = RECORDS_NEW | RECORDS_REFRESH | (f->delete ? RECORDS_DELETE : 0),
		.defaults = f->d->conf.node,
		.keep = keep,
		.ctx = f->d,
	};
	int err = records_portal_write(&f->d->records, f->portal, why);
	if (!err)
		err = records_discovered(&f->d->records, &discovery, counts, why);
	free(found);
	return err;
}

static void answered(struct errand_out *e, const struct word *w)
{
	struct discovery *f = e->ctx;
	struct records_counts counts = {0};
	struct config_why why;
	errand_out_free(e);
	int err = !w->err && f->record ? make_records(f, &counts, &why) : 0;
	event_discovery(f->d, record_get(f->portal, "discovery.sendtargets.address"),
			record_get(f->portal, "discovery.sendtargets.port"), (int)counts.added,
			(int)counts.deleted);
	if (w->err)
		refuse_by_word(f->call, w, record_get(f->portal, "discovery.sendtargets.address"));
	else if (err)
		refuse_by_why(f->call, err, why.text);
	else
		control_answer(f->call, json_pack("{s:o, s:b, s:i, s:i}", "targets", targets_of(f),
						  "more", f->too_many, "added", (int)counts.added,
						  "deleted", (int)counts.deleted));
	record_free(f->portal);
	free(f->found);
	free(f);
}

/* What is asked with: a record, and what iscsid.conf says. False: the call is over. */
static bool make_portal(struct discovery *f)
{
	bool ok;
	struct config_why why;
	struct control_call *call = f->call;
	const char *address = control_text(call, "address");
	uint32_t port = address ? number_or(call, "port", UINT16_MAX, 3260, &ok) : 0;
	if (!address || !ok)
		return false;
	const char *user = control_text_or(call, "user", NULL, &ok);
	const char *password = ok ? control_text_or(call, "password", NULL, &ok) : NULL;
	if (!ok)
		return false;
	f->portal = records_conf_new(&f->d->conf, RECORD_SENDTARGETS);
	int err = f->portal ? record_put(f->portal, "discovery.sendtargets.address", address, &why)
			    : config_refuse(&why, ENOMEM, "no memory");
	if (!err)
		err = record_put_number(f->portal, "discovery.sendtargets.port", port, &why);
	const struct record_change auth[] = {
		{"discovery.sendtargets.auth.authmethod", "CHAP"},
		{"discovery.sendtargets.auth.username", user},
		{"discovery.sendtargets.auth.password", password ? password : ""},
	};
	if (!err && user)
		err = record_set_all(f->portal, auth, ARRAY_SIZE(auth), &why);
	if (err)
		refuse_by_why(call, err, why.text);
	return !err;
}

/* A discovery session has no LUNs, and the rest of a node's settings means nothing to it. */
static int settings_of(const struct record *portal, struct node_settings *out,
		       struct config_why *why)
{
	struct portal_settings p;
	int err = portal_settings_read(portal, &p, why);
	if (err)
		return err;
	*out = (struct node_settings){
		.accounts = p.accounts,
		.offer = p.offer,
		.login_timeout = p.login_timeout,
		.logout_timeout = 5,
		.cmds_max = 8,
		.key.port = p.port,
		.key.tpgt = -1,
	};
	snprintf(out->key.address, sizeof(out->key.address), "%s", p.address);
	portal_settings_wipe(&p);
	return 0;
}

static bool begin(struct discovery *f)
{
	struct config_why why;
	struct errand_out *e = errand_out_new(ORDER_DISCOVER, answered, f);
	int err = e ? settings_of(f->portal, &e->order.login.settings, &why)
		    : config_refuse(&why, ENOMEM, "no memory");
	if (err) {
		free(e);
		refuse_by_why(f->call, err, why.text);
		return false;
	}
	e->row = have_row;
	e->order.session = ++f->d->last_number;
	courier_send(&f->d->courier, e);
	return true;
}

void op_discover(void *ctx, struct control_call *call)
{
	struct discovery *f = calloc(1, sizeof(*f));
	bool ok;
	if (!f) {
		control_refuse(call, RPC_INTERNAL, "no memory");
		return;
	}
	f->d = ctx;
	f->call = call;
	f->record = control_flag_or(call, "record", false, &ok);
	if (ok)
		f->delete = control_flag_or(call, "delete", false, &ok);
	if (ok && make_portal(f) && begin(f))
		return;
	record_free(f->portal);
	free(f);
}

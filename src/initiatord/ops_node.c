/* SPDX-License-Identifier: BSD-2-Clause */
/* Records of nodes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "initiatord/initiatord.h"

/* In the call's own memory, which lives until it is answered. */
bool filter_of(struct control_call *call, struct record_filter *out)
{
	bool ok;
	*out = RECORD_FILTER_ALL;
	out->target = control_text_or(call, "target", NULL, &ok);
	if (ok)
		out->address = control_text_or(call, "address", NULL, &ok);
	if (ok)
		out->port = (uint16_t)number_or(call, "port", UINT16_MAX, 0, &ok);
	return ok;
}

struct record_filter filter_of_key(const struct record_key *key)
{
	struct record_filter filter = RECORD_FILTER_ALL;
	filter.target = key->target;
	filter.address = key->address;
	filter.iface = key->iface;
	filter.port = key->port;
	return filter;
}

struct one {
	const struct record_key *key;
	struct record *found;
};

static int copy_one(void *ctx, const struct record_key *key, const struct record *node)
{
	struct one *o = ctx;
	if (o->found || !same_node(key, o->key))
		return 0;
	o->found = record_copy(node);
	return o->found ? 0 : -ENOMEM;
}

struct record *node_load(struct initiatord *d, const struct record_key *key, struct config_why *why)
{
	struct one o = {.key = key};
	struct record_filter filter = RECORD_FILTER_ALL;
	filter.target = key->target;
	filter.address = key->address;
	filter.port = key->port;
	int n = records_nodes(&d->records, &filter, copy_one, &o, why);
	if (!o.found && n >= 0)
		config_write_why(why, "there is no record of %s at %s port %u any more",
				 key->target, key->address, key->port);
	return o.found;
}

/* --- looking */

struct listing {
	struct initiatord *d;
	json_t *rows;
	bool values, secrets;
};

static json_t *values_of(const struct record *node, bool secrets)
{
	json_t *values = json_object();
	for (size_t i = 0; i < record_row_count; i++) {
		const struct record_row *row = &record_rows[i];
		if (!(row->kinds & RECORD_IN(RECORD_NODE)))
			continue;
		const char *value = record_get(node, row->name);
		bool hidden = row->form == RECORD_SECRET && value[0] && !secrets;
		json_object_set_new(values, row->name, json_string(hidden ? "********" : value));
	}
	return values;
}

static int list_node(void *ctx, const struct record_key *key, const struct record *node)
{
	const struct listing *l = ctx;
	const struct node_session *s = session_find(l->d, key);
	json_t *row =
		json_pack("{s:s, s:s, s:i, s:i, s:s, s:s, s:b}", "target", key->target, "address",
			  key->address, "port", key->port, "tpgt", key->tpgt, "iface", key->iface,
			  "startup", record_get(node, "node.startup"), "up", s && s->up);
	if (l->values)
		json_object_set_new(row, "values", values_of(node, l->secrets));
	json_array_append_new(l->rows, row);
	return 0;
}

static void list_nodes(struct initiatord *d, struct control_call *call, bool values, bool secrets)
{
	struct listing l = {d, json_array(), values, secrets};
	struct record_filter filter;
	struct config_why why;
	if (!filter_of(call, &filter)) {
		json_decref(l.rows);
		return;
	}
	int n = records_nodes(&d->records, &filter, list_node, &l, &why);
	if (n < 0 || (n == 0 && values)) {
		json_decref(l.rows);
		refuse_by_why(call, n < 0 ? n : -ENOENT,
			      n < 0 ? why.text : "there is no such node");
		return;
	}
	control_answer(call, json_pack("{s:o}", "nodes", l.rows));
}

void op_node_list(void *ctx, struct control_call *call)
{
	list_nodes(ctx, call, false, false);
}

void op_node_show(void *ctx, struct control_call *call)
{
	bool ok;
	bool secrets = control_flag_or(call, "secrets", false, &ok);
	if (ok && control_text(call, "target"))
		list_nodes(ctx, call, true, secrets);
}

/* --- changing */

/* False: the call is over. `*changes` is to be freed. */
static bool changes_of(struct control_call *call, struct record_change **changes, size_t *count)
{
	json_t *values = json_object_get(control_params(call), "values"), *value;
	const char *key;
	*count = 0;
	*changes = calloc(json_object_size(values) + 1, sizeof(**changes));
	json_object_foreach(values, key, value)
	{
		if (!*changes || !json_is_string(value))
			break;
		(*changes)[(*count)++] = (struct record_change){key, json_string_value(value)};
	}
	if (*changes && *count && *count == json_object_size(values))
		return true;
	free(*changes);
	control_refuse(call, RPC_BAD_PARAMS, "\"values\" is an object of texts");
	return false;
}

void op_node_update(void *ctx, struct control_call *call)
{
	struct initiatord *d = ctx;
	struct record_filter filter;
	struct record_change *changes;
	struct config_why why;
	size_t count;
	if (!control_text(call, "target") || !filter_of(call, &filter) ||
	    !changes_of(call, &changes, &count))
		return;
	int n = records_node_update(&d->records, &filter, changes, count, &why);
	free(changes);
	if (n > 0)
		automatic_refresh(d);
	if (n > 0)
		control_answer(call, json_pack("{s:i}", "nodes", n));
	else
		refuse_by_why(call, n ? n : -ENOENT, n ? why.text : "there is no such node");
}

static int refuse_in_use(void *ctx, const struct record_key *key, const struct record *node)
{
	return session_find(ctx, key) ? -EBUSY : 0;
}

void op_node_delete(void *ctx, struct control_call *call)
{
	struct initiatord *d = ctx;
	struct record_filter filter;
	struct config_why why;
	if (!control_text(call, "target") || !filter_of(call, &filter))
		return;
	int n = records_nodes(&d->records, &filter, refuse_in_use, d, &why);
	if (n == -EBUSY)
		config_write_why(&why, "there is a session by it: log out first");
	if (n >= 0)
		n = records_node_delete(&d->records, &filter, &why);
	if (n > 0)
		automatic_refresh(d);
	if (n > 0)
		control_answer(call, json_pack("{s:i}", "nodes", n));
	else
		refuse_by_why(call, n ? n : -ENOENT, n ? why.text : "there is no such node");
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* What there is, told row by row. */
#include <string.h>
#include "initiatord/child_priv.h"
#include "iscsi/lun.h"

int child_say_sessions(struct errand *e)
{
	list_for_each (it, &e->child->sessions) {
		struct word word = {.number = e->order.number};
		child_session_row(list_entry(it, struct child_session, link), &word);
		child_say(e->child, &word);
	}
	return 0;
}

void child_path_row(const struct dev_path_view *v, struct word_path *out)
{
	uint32_t lun = 0;
	(void)iscsi_lun_get(v->lun, &lun);
	*out = (struct word_path){
		.lun = lun,
		.state = v->state,
		.access = v->access,
		.port_group = v->port_group,
		.used = v->used,
	};
}

static void say_path(const struct errand *e, const struct dev_path_view *v)
{
	const struct child_session *s = dev_session_ctx(v->session);
	struct word word = {.kind = WORD_PATH, .number = e->order.number, .session = s->number};
	child_path_row(v, &word.path);
	child_say(e->child, &word);
}

static void say_device(const struct errand *e, struct device *d)
{
	const struct child_disk *disk = device_ctx(d);
	const struct disk_traits *t = &device_disk(d)->traits;
	struct word word = {.kind = WORD_DEVICE, .number = e->order.number};
	struct word_device *out = &word.device;
	struct dev_path_view v;
	for (size_t i = 0; device_path(d, i, &v); i++) {
		out->paths++;
		out->paths_up += v.state == PATH_UP;
	}
	word.disk = disk ? disk->number : 0;
	out->attached = disk && disk->attach && disk->attach->is_ready;
	out->gone = device_is_gone(d);
	out->read_only = t->read_only;
	out->size = t->size;
	out->logical_block = t->logical_block;
	out->physical_block = t->physical_block;
	memcpy(out->vendor, t->vendor, sizeof(out->vendor));
	memcpy(out->model, t->model, sizeof(out->model));
	memcpy(out->serial, t->serial, sizeof(out->serial));
	snprintf(out->wwid, sizeof(out->wwid), "%s", device_facts(d)->id);
	device_get_stats(d, &out->stats);
	child_say(e->child, &word);
	for (size_t i = 0; device_path(d, i, &v); i++)
		say_path(e, &v);
}

int child_say_devices(struct errand *e)
{
	for (struct device *d = NULL; (d = dev_set_next(e->child->set, d));)
		say_device(e, d);
	return 0;
}

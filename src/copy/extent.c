/* SPDX-License-Identifier: BSD-2-Clause */
/* Where an end has holes: asked for ahead, some hundred extents at a time. */
#include <errno.h>
#include <string.h>
#include "copy/priv.h"

static void mapped(struct op *op, int err)
{
	struct map *m = op->ctx;
	m->asking = false;
	/* Who cannot say has none. */
	if (err == -EOPNOTSUPP || err == -EINVAL) {
		m->end->maps = false;
		return;
	}
	if (err) {
		end_failed(op, err);
		return;
	}
	m->count = op->got;
	m->next = 0;
	m->from = op->offset;
}

void map_init(struct map *m, struct end *end)
{
	*m = (struct map){.end = end};
	m->op.end = end;
	m->op.kind = OP_MAP;
	m->op.extents = m->extents;
	m->op.done = mapped;
	m->op.ctx = m;
}

void map_forget(struct map *m)
{
	m->count = m->next = 0;
}

bool map_look(struct map *m, uint64_t offset, struct extent *out)
{
	uint64_t size = m->end->size;
	if (!m->end->maps) {
		*out = (struct extent){size, false};
		return true;
	}
	if (m->asking)
		return false;
	if (m->count && offset < m->from)
		map_forget(m);
	while (m->next < m->count && m->extents[m->next].end <= offset)
		m->from = m->extents[m->next++].end;
	if (m->next < m->count) {
		*out = m->extents[m->next];
		return true;
	}
	m->asking = true;
	m->op.offset = offset;
	m->op.len = size - offset;
	end_start(&m->op);
	return false;
}

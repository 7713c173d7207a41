/* SPDX-License-Identifier: BSD-2-Clause */
/* Orders about logical units. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "daemon/child_priv.h"

#define FORMAT_TIME (10 * NSEC_PER_SEC)

#define LUS_MOST 65536 /* numbers of LUs: the parent gives out the lowest that is free */

static int let_open(struct bs_opener *o, char *why, size_t why_size)
{
	struct child_lu *l = container_of(o, struct child_lu, opener);
	if (l->state == REOPEN_ANSWERED) {
		l->state = REOPEN_IDLE;
		snprintf(why, why_size, "%s", l->why);
		return l->file;
	}
	if (l->state == REOPEN_IDLE)
		child_say(l->child, &(struct word){.kind = WORD_REOPEN, .lu = l->number});
	l->state = REOPEN_ASKED;
	return -EINPROGRESS;
}

static int let_keep(struct lu_store_opener *o)
{
	struct child_lu *l = container_of(o, struct child_lu, keeper);
	child_say(l->child, &(struct word){.kind = WORD_STORE, .lu = l->number});
	return -EINPROGRESS;
}

static int make_room(struct child *c, uint32_t number)
{
	size_t count = MAX(c->lu_count, (size_t)64);
	if (number >= LUS_MOST)
		return -ERANGE;
	while (count <= number)
		count *= 2;
	if (count == c->lu_count)
		return c->lus[number] ? -EEXIST : 0;
	struct child_lu **lus = realloc(c->lus, count * sizeof(struct child_lu *));
	if (!lus)
		return -ENOMEM;
	memset(lus + c->lu_count, 0, (count - c->lu_count) * sizeof(struct child_lu *));
	c->lus = lus;
	c->lu_count = count;
	return lus[number] ? -EEXIST : 0;
}

/* No session has more than so many commands at a time: then nobody has to count. */
static void take_options(struct scsi_lu_options *out, const struct child *c,
			 const struct scsi_lu_options *in)
{
	*out = *in;
	if (out->queue_depth >= c->o->serving.limits.max_commands)
		out->queue_depth = 0;
}

/* Before anybody is let in: what is found there is what the LU goes on with. */
static int give_store(struct errand *e, struct child_lu *l)
{
	const struct order_disk *d = &e->order.disk;
	if (!d->keeps)
		return 0;
	if (d->has_store && e->store < 0)
		return -EBADF;
	l->store = lu_store_new(e->child->r, e->store, &l->keeper, d->id);
	if (!l->store)
		return -ENOMEM;
	e->store = -1;
	scsi_lu_set_store(l->lu, l->store);
	return 0;
}

static int make_lu(struct errand *e, struct child_lu *l)
{
	const struct child *c = e->child;
	const struct order_disk *d = &e->order.disk;
	struct backstore *bs;
	int err = bs_unpack(&bs, c->r, &d->parcel, e->file, &l->opener);
	if (err) {
		snprintf(e->why, sizeof(e->why), "%s", strerror(-err));
		return err;
	}
	e->file = -1;
	struct scsi_lu_options options;
	take_options(&options, c, &d->options);
	struct scsi_lu_config config = {
		.vendor = or_null(d->vendor),
		.revision = or_null(d->revision),
		.serial = or_null(d->serial),
		.t10_id = or_null(d->t10_id),
		.naa_len = d->naa_len,
		.block_size = d->block_size,
		.readonly = d->readonly,
		.options = &options,
		.number = l->number + 1,
		.fence_hold = c->o->serving.limits.fence_hold * NSEC_PER_SEC,
	};
	memcpy(config.id, d->id, sizeof(config.id));
	memcpy(config.naa, d->naa, sizeof(config.naa));
	err = scsi_lu_new(&l->lu, bs, &config, c->o->log, e->why, sizeof(e->why));
	if (err) {
		bs_close(bs);
		return err;
	}
	err = give_store(e, l);
	if (err) {
		snprintf(e->why, sizeof(e->why), "what is to outlive it cannot be kept: %s",
			 strerror(-err));
		scsi_lu_free(l->lu);
	}
	return err;
}

int child_lu_add(struct errand *e)
{
	struct child *c = e->child;
	uint32_t number = e->order.lu;
	int err = make_room(c, number);
	struct child_lu *l = err ? NULL : calloc(1, sizeof(*l));
	if (!l) {
		err = err ? err : -ENOMEM;
		snprintf(e->why, sizeof(e->why), "%s", strerror(-err));
		return err;
	}
	*l = (struct child_lu){.opener = {let_open},
			       .keeper = {let_keep},
			       .child = c,
			       .number = number,
			       .file = -1};
	err = make_lu(e, l);
	if (err)
		free(l);
	else
		c->lus[number] = l;
	return err;
}

struct child_lu *child_lu_find(struct errand *e)
{
	const struct child *c = e->child;
	uint32_t number = e->order.lu;
	struct child_lu *l = number < c->lu_count ? c->lus[number] : NULL;
	if (l && !l->removal)
		return l;
	snprintf(e->why, sizeof(e->why), "there is no logical unit number %u", number);
	return NULL;
}

static void removed(void *ctx)
{
	struct child_lu *l = ctx;
	struct errand *e = l->removal;
	l->child->lus[l->number] = NULL;
	scsi_lu_free(l->lu);
	if (l->state == REOPEN_ANSWERED && l->file >= 0)
		close(l->file);
	free(l);
	errand_end(e, 0);
}

int child_lu_remove(struct errand *e)
{
	struct child_lu *l = child_lu_find(e);
	if (!l)
		return -ENOENT;
	l->removal = e;
	scsi_lu_retire(l->lu, removed, l);
	return ERRAND_LATER;
}

int child_lu_resize(struct errand *e)
{
	struct child_lu *l = child_lu_find(e);
	if (!l)
		return -ENOENT;
	int err = scsi_lu_resized(l->lu, e->order.size, e->order.flag);
	if (err)
		snprintf(e->why, sizeof(e->why), "its size cannot be taken over: %s",
			 strerror(-err));
	return err;
}

/* --- what it is like */

static void was_set(void *ctx, int err)
{
	struct errand *e = ctx;
	if (err)
		snprintf(e->why, sizeof(e->why),
			 "what its write cache holds cannot be brought to stable storage: %s",
			 strerror(-err));
	errand_end(e, err);
}

/* It may be done from inside. */
int child_lu_set(struct errand *e)
{
	struct child_lu *l = child_lu_find(e);
	struct scsi_lu_options options;
	if (!l)
		return -ENOENT;
	take_options(&options, l->child, &e->order.options);
	child_say(l->child, &(struct word){.kind = WORD_LATER, .number = e->order.number});
	int err = scsi_lu_set_options(l->lu, &options, was_set, e);
	if (err) {
		snprintf(e->why, sizeof(e->why), "its attributes cannot be taken over: %s",
			 strerror(-err));
		errand_end(e, err);
	}
	return ERRAND_GONE;
}

static void end_format(struct child_lu *l, int err)
{
	struct errand *e = l->format;
	l->format = NULL;
	timer_cancel(l->child->r, &l->format_timer);
	errand_end(e, err);
}

static void is_idle(void *ctx)
{
	struct child_lu *l = ctx;
	struct errand *e = l->format;
	end_format(l, scsi_lu_set_block_size(l->lu, e->order.block_size, e->why, sizeof(e->why)));
}

static void is_not_idle(struct timer *t)
{
	struct child_lu *l = container_of(t, struct child_lu, format_timer);
	scsi_lu_retire(l->lu, NULL, NULL);
	snprintf(
		l->format->why, sizeof(l->format->why),
		"its disk has not answered yet what was asked of it while it was a LUN; try again");
	end_format(l, -EBUSY);
}

/* It was a LUN a moment ago, maybe, and its nexuses are on their way out. */
int child_lu_format(struct errand *e)
{
	struct child_lu *l = child_lu_find(e);
	if (!l)
		return -ENOENT;
	if (scsi_lu_block_size(l->lu) == e->order.block_size)
		return 0;
	l->format = e;
	timer_init(&l->format_timer, is_not_idle);
	timer_set(l->child->r, &l->format_timer, reactor_now(l->child->r) + FORMAT_TIME);
	scsi_lu_retire(l->lu, is_idle, l);
	return ERRAND_LATER;
}

int child_lu_opened(struct errand *e)
{
	struct child_lu *l = child_lu_find(e);
	if (!l || l->state != REOPEN_ASKED)
		return 0; /* it has gone meanwhile */
	l->state = REOPEN_ANSWERED;
	l->file = e->order.err ? e->order.err : e->file;
	memcpy(l->why, e->order.why, sizeof(l->why));
	e->file = -1;
	return 0;
}

/* Also on its way out, for that may wait for it. */
int child_lu_store(struct errand *e)
{
	const struct child *c = e->child;
	uint32_t number = e->order.lu;
	const struct child_lu *l = number < c->lu_count ? c->lus[number] : NULL;
	if (!l || !l->store)
		return 0;
	lu_store_opened(l->store, e->order.err ? e->order.err : e->file);
	e->file = -1;
	return 0;
}

int child_stats(struct errand *e)
{
	struct child *c = e->child;
	struct word word = {.kind = WORD_STATS, .number = e->order.number};
	target_get_stats(c->target, &word.stats);
	child_say(c, &word);
	for (size_t i = 0; i < c->lu_count; i++) {
		if (!c->lus[i])
			continue;
		const struct backstore *bs = scsi_lu_backstore(c->lus[i]->lu);
		word = (struct word){.kind = WORD_LU, .number = e->order.number, .lu = (uint32_t)i};
		word.row = (struct word_lu){.stats = *scsi_lu_stats(c->lus[i]->lu),
					    .size = bs->size,
					    .missing = bs->missing};
		scsi_lu_latency(c->lus[i]->lu, &word.row.latency);
		child_say(c, &word);
	}
	return 0;
}

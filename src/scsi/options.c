/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Options of a LU that change while it is in use. Each change has the LU for itself (gate.h), so that no task
 * sees half of it, and those that come meanwhile wait for it:
 *
 *   its turn, all passes are home
 *   the write cache is turned off: whatever is written from here on is durable, what is cached is flushed
 *   the options are others, and who knows the LU is told what of that he can have read
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "common/cleanup.h"
#include "scsi/gate.h"

const struct scsi_lu_options scsi_lu_standard_options = {
	.features = SCSI_HAS_ALL,
	.write_cache = true,
	.task_aborted = true,
	.product = "VIRTUAL-DISK",
};

/* What is cached may be much and the disk slow; but one that does not answer must not keep others waiting. */
#define FLUSH_TIME (60 * NSEC_PER_SEC)

struct change {
	struct list link; /* scsi_lu.changes */
	struct scsi_entry entry;
	struct scsi_lu *lu;
	struct scsi_lu_options to;
	struct bs_io flush;
	struct timer timer;
	bool late; /* it was given up, and is in scsi_lu.changes_late until its flush is back */
	void (*done)(void *ctx, int err);
	void *ctx;
};

/* --- what is different */

/* Of these features, those that the store can do. */
static uint32_t possible(const struct scsi_lu *lu, uint32_t features)
{
	uint32_t cannot = lu->can_unmap ? 0 : SCSI_HAS_UNMAP | SCSI_HAS_UNMAP_SAME;

	if (!scsi_lu_atomic_max(lu))
		cannot |= SCSI_HAS_ATOMIC;
	return features & SCSI_HAS_ALL & ~cannot;
}

static void take_over(struct scsi_lu *lu, const struct scsi_lu_options *to)
{
	scsi_mode_decide(&lu->mode, &lu->options, to, lu->bs->volatile_cache);
	atomic_store_explicit(&lu->features, possible(lu, to->features), memory_order_relaxed);
	lu->task_limit = to->restricted ? 1 : to->queue_depth;
	lu->bs->rotational = to->rotational;
	lu->options = *to;
}

/* Of INQUIRY with all its pages. `features`: those that came or went. */
static bool inquiry_changed(const struct scsi_lu_options *was, const struct scsi_lu_options *is,
			    uint32_t features)
{
	const uint32_t told =
		SCSI_HAS_UNMAP | SCSI_HAS_UNMAP_SAME | SCSI_HAS_COMPARE | SCSI_HAS_COPY;

	return features & told || was->rotational != is->rotational ||
	       memcmp(&was->limits, &is->limits, sizeof(is->limits)) != 0 ||
	       strcmp(was->product, is->product) != 0;
}

static void apply(struct scsi_lu *lu, const struct scsi_lu_options *to)
{
	const struct scsi_lu_options was = lu->options;
	const struct scsi_mode_pages pages = lu->mode.current;
	uint32_t had = scsi_lu_features(lu), has, swapped;
	bool thin = scsi_lu_thin(lu);

	take_over(lu, to);
	has = scsi_lu_features(lu);
	swapped = had ^ has;
	if (memcmp(&pages, &lu->mode.current, sizeof(pages)) != 0 ||
	    scsi_dpofua(had) != scsi_dpofua(has))
		scsi_ua_add_lu(lu, NULL, SCSI_ASC_MODE_PARAMETERS_CHANGED);
	if (inquiry_changed(&was, to, swapped))
		scsi_ua_add_lu(lu, NULL, SCSI_ASC_INQUIRY_DATA_CHANGED);
	if (thin != scsi_lu_thin(lu)) /* LBPME, of READ CAPACITY (16) */
		scsi_ua_add_lu(lu, NULL, SCSI_ASC_CAPACITY_CHANGED);
	if (swapped & (SCSI_HAS_RESERVE | SCSI_HAS_OPCODES))
		scsi_ua_add_lu(lu, NULL, SCSI_ASC_OPERATING_CONDITIONS_CHANGED);
	scsi_pr_options(lu);
	/* Nobody could let go of it. */
	if (swapped & ~has & SCSI_HAS_RESERVE)
		scsi_reserve_reset(lu);
	scsi_order_run(lu);
}

/* --- one after the other */

static void start(struct scsi_lu *lu);

static void finish(struct change *c, int err)
{
	struct scsi_lu *lu = c->lu;
	void (*done)(void *ctx, int err) = c->done;
	void *ctx = c->ctx;
	bool more;

	if (!err)
		apply(lu, &c->to);
	list_del(&c->link);
	if (c->late)
		list_add_tail(&lu->late_changes, &c->link);
	else
		free(c);
	more = !list_empty(&lu->changes);
	scsi_lu_stir(lu);
	done(ctx, err);
	if (more)
		start(lu);
}

static void flushed(struct bs_io *bs, int err)
{
	struct change *c = container_of(bs, struct change, flush);
	struct scsi_lu *lu = c->lu;

	lu->stats.inflight--;
	if (c->late) {
		list_del(&c->link);
		free(c);
		scsi_lu_stir(lu);
		return;
	}
	timer_cancel(lu->reactor, &c->timer);
	lu->write_through--;
	finish(c, err);
}

static void timed_out(struct timer *t)
{
	struct change *c = container_of(t, struct change, timer);

	c->late = true;
	c->lu->write_through--;
	finish(c, -ETIMEDOUT);
}

static void entered(struct scsi_entry *e)
{
	struct change *c = container_of(e, struct change, entry);
	struct scsi_lu *lu = c->lu;

	if (c->to.write_cache || !scsi_mode_wce(&lu->mode)) {
		finish(c, 0);
		return;
	}
	lu->write_through++;
	c->flush = (struct bs_io){.op = BS_FLUSH, .done = flushed};
	timer_set(lu->reactor, &c->timer, reactor_now(lu->reactor) + FLUSH_TIME);
	lu->stats.inflight++;
	lu->stats.flushes++;
	bs_submit(lu->bs, &c->flush);
}

static void start(struct scsi_lu *lu)
{
	struct change *c = list_first(&lu->changes, struct change, link);

	if (!scsi_gate_enter(lu, &c->entry, entered))
		entered(&c->entry);
}

/* --- from outside */

/* `options`, and of what is left out, ours. */
static int complete(struct scsi_lu_options *out, const struct scsi_lu_options *options, char *why,
		    size_t why_size)
{
	*out = *options;
	if (!out->product[0])
		memcpy(out->product, scsi_lu_standard_options.product, sizeof(out->product));
	if (!memchr(out->product, 0, sizeof(out->product)))
		return -EINVAL;
	return scsi_check_text("product", out->product, sizeof(out->product), why, why_size);
}

int scsi_options_init(struct scsi_lu *lu, const struct scsi_lu_options *options, char *why,
		      size_t why_size)
{
	struct scsi_lu_options to;
	int err = complete(&to, options, why, why_size);

	if (err)
		return err;
	scsi_mode_init(&lu->mode, lu->bs->volatile_cache);
	lu->options = scsi_lu_standard_options;
	take_over(lu, &to);
	return 0;
}

static void forget(struct scsi_lu *lu, struct list *changes)
{
	while (!list_empty(changes)) {
		struct change *c = list_first(changes, struct change, link);

		timer_cancel(lu->reactor, &c->timer);
		list_del(&c->link);
		free(c);
	}
}

void scsi_options_free(struct scsi_lu *lu)
{
	forget(lu, &lu->changes);
	forget(lu, &lu->late_changes);
}

void scsi_lu_get_options(const struct scsi_lu *lu, struct scsi_lu_options *out)
{
	*out = lu->options;
	if (!list_empty(&lu->changes))
		*out = list_entry(lu->changes.prev, struct change, link)->to;
}

int scsi_lu_set_options(struct scsi_lu *lu, const struct scsi_lu_options *to,
			void (*done)(void *ctx, int err), void *ctx)
{
	char why[128];
	struct change *c = calloc(1, sizeof(*c));
	bool first = list_empty(&lu->changes);
	int err = c ? complete(&c->to, to, why, sizeof(why)) : -ENOMEM;

	if (err) {
		free(c);
		return err;
	}
	timer_init(&c->timer, timed_out);
	c->lu = lu;
	c->done = done;
	c->ctx = ctx;
	list_add_tail(&lu->changes, &c->link);
	if (first)
		start(lu);
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "scsi/ending.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define INTERVAL (20 * NSEC_PER_MSEC)

static const char *path_of(const struct ending_lu *lu)
{
	const char *path = scsi_lu_backstore(lu->lu)->path;
	return path[0] ? path : "memory";
}

static void flushed(void *ctx, int err)
{
	struct ending_lu *lu = ctx;
	struct ending *e = lu->ending;
	lu->state = ENDING_FLUSHED;
	e->left--;
	if (!err)
		return;
	log_error(e->log, "%s: the last flush failed: %s", path_of(lu), strerror(-err));
	e->failed = true;
}

static void give_up(struct ending *e)
{
	for (size_t i = 0; i < e->count; i++) {
		if (e->lus[i].state == ENDING_FLUSHED)
			continue;
		log_error(e->log, "%s does not answer: %s is given up", path_of(&e->lus[i]),
			  e->lus[i].state == ENDING_BUSY ? "what was asked of it"
							 : "its last flush");
		e->failed = e->abandoned = true;
	}
}

static void look(struct timer *t)
{
	struct ending *e = container_of(t, struct ending, timer);
	uint64_t now = reactor_now(e->r);
	for (size_t i = 0; i < e->count; i++) {
		struct ending_lu *lu = &e->lus[i];
		if (lu->state != ENDING_BUSY || scsi_lu_busy(lu->lu))
			continue;
		if (e->unflushed) {
			lu->state = ENDING_FLUSHED;
			e->left--;
			continue;
		}
		lu->state = ENDING_FLUSHING;
		scsi_lu_flush(lu->lu, flushed, lu);
	}
	if (e->left && now < e->deadline) {
		timer_set(e->r, t, MIN(now + INTERVAL, e->deadline));
		return;
	}
	give_up(e);
	e->done(e, e->ctx);
}

int ending_start(struct ending *e, struct reactor *r, struct log *log, struct scsi_lu *const *lus,
		 size_t count, uint64_t deadline, void (*done)(struct ending *e, void *ctx),
		 void *ctx)
{
	*e = (struct ending){.r = r,
			     .log = log,
			     .count = count,
			     .left = count,
			     .deadline = deadline,
			     .done = done,
			     .ctx = ctx};
	e->lus = calloc(count, sizeof(*e->lus));
	if (!e->lus)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		e->lus[i] = (struct ending_lu){.ending = e, .lu = lus[i]};
	timer_init(&e->timer, look);
	timer_set(r, &e->timer, reactor_now(r));
	return 0;
}

void ending_free(struct ending *e)
{
	free(e->lus);
	e->lus = NULL;
}

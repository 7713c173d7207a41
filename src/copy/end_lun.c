/* SPDX-License-Identifier: BSD-2-Clause */
/* A LUN as an end of a copy. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include "copy/priv.h"

#define DEPTH_HAD  128         /* a session's own */
#define UNMAP_MAX  (1u << 30)  /* bytes of one command that unmaps */
#define WRITE_SAME (32u << 20) /* and of one that writes zeroes */

/* --- opened */

static int session_failed(struct end *e, int err)
{
	struct copy *c = e->c;
	enum lunar_reason reason = lunar_why(e->s);
	c->fault.no_lun = err == -ENXIO;
	c->fault.reason = reason;
	if (reason == LUNAR_BAD_SETTING)
		copy_fail(c, COPY_BAD, "%s: %s", e->name, lunar_error(e->s));
	else
		copy_fail(c, COPY_SESSION, "%s: %s", e->name, lunar_error(e->s));
	return err;
}

static int settle(struct end *e)
{
	const struct copy_place *place = e->to ? &e->c->config.to : &e->c->config.from;
	char depth[12];
	int err = lunar_session_new(e->c->l, &e->s);
	if (err) {
		copy_fail(e->c, COPY_FAILED, "no session can be made: %s", strerror(-err));
		return err;
	}
	snprintf(depth, sizeof(depth), "%u", MAX(e->c->config.depth, DEPTH_HAD));
	err = lunar_set(e->s, "outage", COPY_OUTAGE);
	if (!err)
		err = lunar_set(e->s, "depth", depth);
	if (!err)
		err = lunar_set_url(e->s, place->name, &e->lun);
	if (!err && place->secret)
		err = lunar_set(e->s, "secret", place->secret);
	return err ? session_failed(e, err) : 0;
}

/* Without the account. */
static int name_it(struct end *e)
{
	char target[8], portal[300], whole[230];
	if (lunar_get(e->s, "target", target, sizeof(target)) <= 0 || e->lun == LUNAR_NO_LUN) {
		copy_fail(e->c, COPY_BAD,
			  "the URL of the %s needs a target and a LUN: iscsi://HOST/TARGET/LUN",
			  e->to ? "destination" : "source");
		return -EINVAL;
	}
	lunar_get(e->s, "target", whole, sizeof(whole));
	lunar_get(e->s, "portal", portal, sizeof(portal));
	snprintf(e->name, sizeof(e->name), "iscsi://%.150s/%.223s/%" PRIu64, portal, whole, e->lun);
	return 0;
}

/* Reserved, or with keys of those who share it: somebody works with it. */
static int check_use(struct end *e)
{
	struct lunar_reservation held;
	if (e->c->config.force || lunar_reservation(e->s, e->lun, &held))
		return 0;
	if (!held.held)
		return 0;
	copy_fail(e->c, COPY_IN_USE,
		  "%s is in use: it is reserved with key 0x%" PRIx64
		  "; --force writes to it all the same, where the reservation lets it",
		  e->name, held.key);
	return -EBUSY;
}

static int check_destination(struct end *e)
{
	if (e->disk.read_only) {
		copy_fail(e->c, COPY_FAILED, "%s is write protected", e->name);
		return -EROFS;
	}
	return check_use(e);
}

static uint64_t limit(uint64_t blocks, uint32_t block, uint64_t most)
{
	uint64_t bytes = blocks && blocks < most / block ? blocks * block : most;
	return MAX(bytes - bytes % block, (uint64_t)block);
}

/* Ways to make zeroes, the better ones first. */
enum { HOW_UNMAP_SAME, HOW_SAME, HOW_WRITE, HOWS };

static void take_disk(struct end *e)
{
	const struct lunar_disk *d = &e->disk;
	const struct lunar_capacity *cap = &d->capacity;
	bool unmaps = cap->thin && cap->reads_zeroes;
	e->block = cap->block_size;
	e->size = e->holds = cap->blocks * cap->block_size;
	e->largest = (uint32_t)limit(d->max_transfer, e->block, COPY_BLOCK_MAX);
	/* Of a disk that does not promise zeroes where nothing is mapped, holes mean nothing. */
	e->maps = unmaps;
	e->zero_how = unmaps && d->write_same_unmap ? HOW_UNMAP_SAME : HOW_SAME;
	e->zero_max = limit(d->max_write_same, e->block, unmaps ? UNMAP_MAX : WRITE_SAME);
	e->zeroes = true;
	e->can_lose = e->to && d->write_cache;
	snprintf(e->identity, sizeof(e->identity), "lun %s %.131s %" PRIu64 " %" PRIu32,
		 d->id[0] ? "" : e->name, d->id, cap->blocks, e->block);
}

int end_lun_open(struct end *e)
{
	int err = settle(e);
	if (!err)
		err = name_it(e);
	if (err)
		return err;
	err = lunar_login(e->s);
	if (!err)
		err = lunar_identify(e->s, e->lun, &e->disk);
	if (err)
		return session_failed(e, err);
	take_disk(e);
	e->zero_block = calloc(1, COPY_BLOCK_MIN * 16);
	if (!e->zero_block) {
		copy_fail(e->c, COPY_FAILED, "there is no memory");
		return -ENOMEM;
	}
	return e->to ? check_destination(e) : 0;
}

void end_lun_close(struct end *e)
{
	struct copy *c = e->c;
	if (!e->s)
		return;
	if (lunar_state(e->s) == LUNAR_UP && !c->busy && !c->flushing)
		lunar_logout(e->s);
	lunar_session_free(e->s);
	free(e->zero_block);
}

/* --- requests */

static void done(struct lunar_task *t, int err);

static int submit(struct op *op)
{
	op->task.done = done;
	op->task.user = op;
	return lunar_submit(op->end->s, &op->task);
}

static int submit_zero(struct op *op)
{
	struct end *e = op->end;
	uint64_t left = op->len - op->at, lba = (op->offset + op->at) / e->block;
	uint64_t part = MIN(left, op->how == HOW_WRITE        ? COPY_BLOCK_MIN * 16
				  : op->how == HOW_UNMAP_SAME ? e->zero_max
							      : MIN(e->zero_max, WRITE_SAME));
	uint32_t blocks = (uint32_t)(part / e->block);
	if (op->how == HOW_WRITE) {
		op->iov = (struct iovec){e->zero_block, part};
		lunar_prepare_write(&op->task, e->lun, lba, blocks, e->block, &op->iov, 1,
				    e->fua ? LUNAR_FUA : 0);
	} else {
		lunar_prepare_write_same(&op->task, e->lun, lba, blocks, e->block, e->zero_block,
					 op->how == HOW_UNMAP_SAME);
	}
	op->got = part;
	return submit(op);
}

static int zero_done(struct op *op, int err)
{
	/* What the LU does not know it is not asked for again. */
	bool other_way = (err == -EOPNOTSUPP || err == -EINVAL) && op->how + 1 < HOWS;
	if (other_way)
		op->how = op->end->zero_how = op->how + 1;
	else if (err)
		return err;
	else
		op->at += op->got;
	if (op->at == op->len)
		return 0;
	err = submit_zero(op);
	return err ? err : -EINPROGRESS;
}

static int map_done(struct op *op)
{
	struct lunar_lba_status got[EXTENTS];
	struct end *e = op->end;
	uint64_t at = op->offset / e->block;
	size_t n =
		MIN(lunar_parse_lba_status(got, EXTENTS, op->reply, op->task.got), (size_t)EXTENTS);
	op->got = 0;
	for (size_t i = 0; i < n; i++) {
		/* SBC-3 5.5.2: one after the other, from where was asked; what is not so is not believed. */
		if (got[i].lba > at || !got[i].blocks || got[i].lba + got[i].blocks <= at)
			break;
		at = got[i].lba + got[i].blocks;
		op->extents[op->got++] =
			(struct extent){MIN(at * e->block, e->size), got[i].status == 1};
	}
	return op->got ? 0 : -EOPNOTSUPP;
}

static void done(struct lunar_task *t, int err)
{
	struct op *op = t->user;
	int result = lunar_task_result(t, err);
	if (op->kind == OP_ZERO)
		result = zero_done(op, result);
	else if (!result && op->kind == OP_MAP)
		result = map_done(op);
	else if (!result && op->kind == OP_READ && t->got != t->in_len)
		result = -EPROTO;
	else if (op->kind == OP_FLUSH && result == -EOPNOTSUPP)
		result = 0; /* SBC-3 5.22: who has no cache need not know the command */
	if (result != -EINPROGRESS)
		op->done(op, result);
}

int end_lun_start(struct op *op)
{
	struct end *e = op->end;
	uint64_t lba = op->offset / e->block;
	uint32_t blocks = (uint32_t)(op->len / e->block);
	op->iov = (struct iovec){op->buf, op->len};
	switch (op->kind) {
	case OP_READ:
		lunar_prepare_read(&op->task, e->lun, lba, blocks, e->block, &op->iov, 1, 0);
		break;
	case OP_WRITE:
		lunar_prepare_write(&op->task, e->lun, lba, blocks, e->block, &op->iov, 1,
				    e->fua ? LUNAR_FUA : 0);
		break;
	case OP_ZERO:
		op->at = 0;
		op->how = e->zero_how;
		return submit_zero(op);
	case OP_FLUSH: lunar_prepare_flush(&op->task, e->lun, 0, 0); break;
	case OP_MAP:
		lunar_prepare_lba_status(&op->task, e->lun, lba, op->reply, sizeof(op->reply));
		break;
	}
	return submit(op);
}

/* Not a word of the LU, but of the session, or of a LUN that is another disk. */
static bool is_session(const struct end *e, int err)
{
	return err == -ESTALE || err == -EHOSTDOWN || err == -ESHUTDOWN || err == -ECONNRESET ||
	       err == -ENXIO || lunar_state(e->s) == LUNAR_ENDED;
}

void end_lun_failed(struct op *op, int err)
{
	struct copy *c = op->end->c;
	struct end *e = op->end;
	char text[200];
	bool session = is_session(e, err);
	if (copy_failed(c))
		return;
	/* What the task says is more than the number; of one that was never submitted there is the number only. */
	if (session && lunar_error(e->s)[0])
		snprintf(text, sizeof(text), "%s", lunar_error(e->s));
	else if (op->task.done && lunar_task_result(&op->task, 0) == err)
		lunar_task_text(&op->task, 0, text, sizeof(text));
	else
		lunar_task_text(&op->task, err, text, sizeof(text));
	c->fault.reason = session ? lunar_why(e->s) : LUNAR_NO_REASON;
	c->fault.no_lun = err == -ENXIO;
	copy_fail(c,
		  session          ? COPY_SESSION
		  : err == -ENOSPC ? COPY_NO_ROOM
		  : err == -EBUSY  ? COPY_IN_USE
				   : COPY_FAILED,
		  "%s: %s at offset %" PRIu64 ": %s", e->name, end_doing(op), op->offset, text);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Both ends of a copy: opened, and what is refused before anything is written. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include "copy/priv.h"

static bool is_url(const char *place)
{
	return !strncasecmp(place, "iscsi://", 8);
}

static int open_one(struct copy *c, struct end *e, bool to)
{
	e->c = c;
	e->to = to;
	e->fd = -1;
	e->place = to ? c->config.to.name : c->config.from.name;
	snprintf(e->name, sizeof(e->name), "the %s", to ? "destination" : "source");
	return is_url(e->place) ? end_lun_open(e) : end_file_open(e);
}

void end_close(struct end *e)
{
	end_lun_close(e);
	if (e->fd >= 0)
		close(e->fd);
	e->fd = -1;
}

static int bad(struct copy *c, const char *text)
{
	copy_fail(c, COPY_BAD, "%s", text);
	return -EINVAL;
}

static bool is_same(const struct end *a, const struct end *b)
{
	if (a->kind != b->kind)
		return false;
	switch (a->kind) {
	case END_LUN: return a->disk.id[0] && !strcmp(a->disk.id, b->disk.id);
	case END_FILE: return a->dev == b->dev && a->ino == b->ino;
	case END_DEVICE: return !strcmp(a->identity, b->identity);
	case END_STREAM: break;
	}
	return false;
}

static int check_streams(struct copy *c)
{
	bool stream = c->from.kind == END_STREAM || c->to.kind == END_STREAM;
	if (stream && c->config.verify)
		return bad(c, "--verify reads both again, and a stream is read once only");
	if (stream && c->config.journal)
		return bad(c, "--resume goes on in the middle, and a stream has a beginning only");
	return 0;
}

static int check_size(struct copy *c)
{
	const struct end *from = &c->from, *to = &c->to;
	bool fixed = to->kind == END_LUN || to->kind == END_DEVICE;
	if (!fixed || from->size == UNKNOWN_SIZE || from->size <= to->size)
		return 0;
	copy_fail(c, COPY_NO_ROOM,
		  "it does not fit: the source has %" PRIu64 " bytes, %s has %" PRIu64, from->size,
		  to->name, to->size);
	return -ENOSPC;
}

/* What is sent and asked for together, in blocks of both. */
static int agree(struct copy *c)
{
	const struct end *from = &c->from, *to = &c->to;
	c->grain = MAX(MAX(from->block, to->block), COPY_BLOCK_MIN);
	c->block = MIN(MIN(from->largest, to->largest), c->config.block);
	c->block -= c->block % c->grain;
	c->total = from->size;
	if (c->block)
		return 0;
	copy_fail(c, COPY_BAD,
		  "blocks of %" PRIu32 " bytes are wanted, and %" PRIu32
		  " is the smallest that both ends can do",
		  MIN(MIN(from->largest, to->largest), c->config.block), c->grain);
	return -EINVAL;
}

static int no_resume(struct copy *c, int err, const char *why)
{
	copy_fail(c, COPY_NO_RESUME, "%s: %s; to begin anew, remove it", c->config.journal, why);
	return err;
}

/* Where it goes on, if it has begun before. */
static int take_journal(struct copy *c)
{
	struct journal old;
	int err = journal_read(&old, c->config.journal);
	memcpy(c->journal.from, c->from.identity, sizeof(c->journal.from));
	memcpy(c->journal.to, c->to.identity, sizeof(c->journal.to));
	c->journal.total = c->total;
	if (err == -ENOENT)
		return 0;
	if (err == -EINVAL)
		return no_resume(c, err, "it is no journal of a copy, or damaged");
	if (err == -EPROTONOSUPPORT)
		return no_resume(c, err, "it is of another version");
	if (err)
		return no_resume(c, err, strerror(-err));
	if (strcmp(old.from, c->journal.from) != 0 || old.total != c->total)
		return no_resume(c, -ESTALE,
				 "it is of another source, or of one that was changed since");
	if (strcmp(old.to, c->journal.to) != 0)
		return no_resume(c, -ESTALE, "it is of another destination");
	/* Ends where a piece did, unless somebody has written in it. */
	if (old.done < old.total)
		old.done -= old.done % c->grain;
	c->next = c->durable = c->result.resumed = c->journal.done = old.done;
	return 1;
}

int end_open(struct copy *c)
{
	int err = open_one(c, &c->from, false);
	if (!err)
		err = open_one(c, &c->to, true);
	if (!err && is_same(&c->from, &c->to))
		err = bad(c, "source and destination are the same");
	if (!err)
		err = check_streams(c);
	if (!err)
		err = check_size(c);
	return err ? err : agree(c);
}

/* What was written and not flushed cannot be read again from a stream. */
static void choose_fua(struct copy *c)
{
	if (c->from.kind == END_STREAM && c->to.can_lose && c->to.disk.fua) {
		c->to.fua = true;
		c->to.can_lose = false;
	}
}

int end_prepare(struct copy *c)
{
	int resumed = c->config.journal ? take_journal(c) : 0;
	if (resumed < 0)
		return resumed;
	choose_fua(c);
	if (c->config.zeroed)
		c->to.is_zero = true;
	int err = end_file_prepare(&c->to, c->total, resumed);
	if (err || !c->config.journal || resumed)
		return err;
	/* From here on the destination is what the journal says it is. */
	err = journal_write(&c->journal, c->config.journal);
	return err ? no_resume(c, err, strerror(-err)) : 0;
}

void end_start(struct op *op)
{
	int err = op->end->kind == END_LUN ? end_lun_start(op) : end_file_start(op);
	if (!err)
		return;
	op->job.err = err;
	list_init(&op->job.link);
	list_add_tail(&op->end->c->refused, &op->job.link);
}

static enum copy_end meaning(int err)
{
	switch (err) {
	case -ENOSPC:
	case -EDQUOT:
	case -EFBIG: return COPY_NO_ROOM;
	case -EINTR: return COPY_STOPPED;
	default: return COPY_FAILED;
	}
}

static const char *words(const struct op *op, int err)
{
	if (err == -ENODATA && op->kind == OP_READ)
		return "it ends there: somebody has made it shorter";
	if (err == -EPIPE)
		return "its reader has gone";
	return strerror(-err);
}

const char *end_doing(const struct op *op)
{
	static const char *const doing[] = {[OP_READ] = "reading",
					    [OP_WRITE] = "writing",
					    [OP_ZERO] = "making zeroes",
					    [OP_FLUSH] = "flushing",
					    [OP_MAP] = "asking for holes"};
	return doing[op->kind];
}

void end_failed(struct op *op, int err)
{
	if (op->end->kind == END_LUN)
		end_lun_failed(op, err);
	else
		copy_fail(op->end->c, meaning(err), "%s: %s at offset %" PRIu64 ": %s",
			  op->end->name, end_doing(op), op->offset, words(op, err));
}

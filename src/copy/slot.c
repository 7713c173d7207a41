/* SPDX-License-Identifier: BSD-2-Clause */
/* One piece of a copy, from being read to being written, or compared. */
#include <errno.h>
#include <string.h>
#include "copy/priv.h"

#define SCAN 65536u /* zeroes that are worth a command of their own */

static uint64_t round_up(uint64_t n, uint32_t to)
{
	return (n + to - 1) / to * to;
}

int slot_init(struct copy *c)
{
	size_t size = c->block;
	c->slots = calloc(c->config.depth, sizeof(*c->slots));
	if (!c->slots)
		return -ENOMEM;
	for (unsigned i = 0; i < c->config.depth; i++) {
		struct slot *s = &c->slots[i];
		s->c = c;
		s->buf = aligned_alloc(COPY_BLOCK_MIN, size);
		s->buf2 = c->config.verify ? aligned_alloc(COPY_BLOCK_MIN, size) : NULL;
		if (!s->buf || (c->config.verify && !s->buf2))
			return -ENOMEM;
	}
	return 0;
}

void slot_free_all(struct copy *c)
{
	for (unsigned i = 0; c->slots && i < c->config.depth; i++) {
		free(c->slots[i].buf);
		free(c->slots[i].buf2);
	}
	free(c->slots);
}

struct slot *slot_take(struct copy *c, uint64_t offset, uint32_t len)
{
	for (unsigned i = 0; i < c->config.depth; i++) {
		struct slot *s = &c->slots[i];
		if (s->busy)
			continue;
		s->busy = true;
		s->ready = s->hole = false;
		s->offset = offset;
		s->len = len;
		s->at = s->run = 0;
		c->busy++;
		return s;
	}
	return NULL;
}

static void give_back(struct slot *s)
{
	s->busy = s->ready = false;
	s->c->busy--;
}

/* Of what it was to do not all is done. */
static void give_up(struct slot *s)
{
	s->c->broken = MIN(s->c->broken, s->offset);
	give_back(s);
}

static void start(struct op *op, struct slot *s, enum op_kind kind, struct end *end,
		  void (*done)(struct op *, int))
{
	op->kind = kind;
	op->end = end;
	op->done = done;
	op->ctx = s;
	end_start(op);
}

static void failed(struct slot *s, struct op *op, int err)
{
	end_failed(op, err);
	give_up(s);
}

/* --- copied */

static void go_on(struct slot *s);

static void written(struct op *op, int err)
{
	struct slot *s = op->ctx;
	struct copy *c = s->c;
	if (err) {
		failed(s, op, err);
		return;
	}
	if (op->kind == OP_ZERO)
		c->result.zeroed += s->run;
	else
		c->result.written += s->run;
	c->moved += s->run;
	s->at += s->run;
	go_on(s);
}

static bool looks_for_zeroes(const struct copy *c)
{
	bool wanted =
		c->config.sparse == COPY_ALWAYS || (c->config.sparse == COPY_AUTO && !c->from.maps);
	return wanted && (c->to.is_zero || c->to.zeroes);
}

/* A part of it that is all data or all zeroes. */
static void go_on(struct slot *s)
{
	struct copy *c = s->c;
	bool zero = false;
	while (s->at < s->len && !copy_failed(c)) {
		uint32_t left = s->len - s->at;
		s->run = left;
		if (looks_for_zeroes(c))
			s->run = zero_run(s->buf + s->at, left,
					  c->to.is_zero ? c->grain : MAX(c->grain, SCAN), &zero);
		if (!zero || !c->to.is_zero) {
			s->op.offset = s->offset + s->at;
			s->op.len = round_up(s->run, c->to.block);
			s->op.buf = s->buf + s->at;
			start(&s->op, s, zero ? OP_ZERO : OP_WRITE, &c->to, written);
			return;
		}
		c->result.zeroed += s->run;
		c->moved += s->run;
		s->at += s->run;
	}
	if (s->at < s->len)
		give_up(s);
	else
		give_back(s);
}

static void have_read(struct op *op, int err)
{
	struct slot *s = op->ctx;
	struct copy *c = s->c;
	if (c->from.kind == END_STREAM) {
		c->reading = false;
		s->len = err ? 0 : (uint32_t)op->got;
		c->next += s->len;
		c->stream_over = err || op->got < op->len;
	}
	if (err) {
		failed(s, op, err);
		return;
	}
	/* The rest of the last block of a LUN. */
	uint64_t whole = round_up(s->len, c->to.block);
	memset(s->buf + s->len, 0, whole - s->len);
	if (c->to.kind == END_STREAM && s->len) {
		s->ready = true;
		slot_write_next(c);
	} else if (c->to.size != UNKNOWN_SIZE && c->to.kind != END_FILE &&
		   s->offset + s->len > c->to.size) {
		copy_fail(c, COPY_NO_ROOM, "it does not fit: the source goes on, and %s is full",
			  c->to.name);
		give_up(s);
	} else {
		go_on(s);
	}
}

void slot_copy(struct slot *s)
{
	s->op.offset = s->offset;
	s->op.len = s->len;
	s->op.buf = s->buf;
	start(&s->op, s, OP_READ, &s->c->from, have_read);
}

void slot_zero(struct slot *s, uint64_t len)
{
	s->len = s->run = 0;
	s->op.offset = s->offset;
	s->op.len = round_up(len, s->c->to.block);
	s->c->result.zeroed += len;
	start(&s->op, s, OP_ZERO, &s->c->to, written);
}

/* --- to a stream */

static void streamed(struct op *op, int err)
{
	struct slot *s = op->ctx;
	struct copy *c = s->c;
	c->writing = false;
	if (err) {
		failed(s, op, err);
		return;
	}
	c->result.written += s->len;
	c->moved += s->len;
	c->out += s->len;
	give_back(s);
	slot_write_next(c);
}

void slot_write_next(struct copy *c)
{
	for (unsigned i = 0; i < c->config.depth && !c->writing; i++) {
		struct slot *s = &c->slots[i];
		if (!s->busy || !s->ready)
			continue;
		if (copy_failed(c)) {
			give_back(s);
		} else if (s->offset == c->out) {
			c->writing = true;
			s->op.offset = s->offset;
			s->op.len = s->len;
			s->op.buf = s->buf;
			start(&s->op, s, OP_WRITE, &c->to, streamed);
		}
	}
}

void slot_fill(struct slot *s)
{
	memset(s->buf, 0, s->len);
	s->ready = true;
	slot_write_next(s->c);
}

/* --- compared */

static void compare(struct slot *s)
{
	struct copy *c = s->c;
	uint32_t at = 0;
	if (s->hole)
		memset(s->buf, 0, s->len);
	if (memcmp(s->buf, s->buf2, s->len) != 0) {
		while (s->buf[at] == s->buf2[at])
			at++;
		c->differs = MIN(c->differs, s->offset + at);
	}
	c->result.verified += s->len;
	c->moved += s->len;
	give_back(s);
}

static void have_both(struct op *op, int err)
{
	struct slot *s = op->ctx;
	if (err)
		end_failed(op, err);
	if (--s->pending)
		return;
	if (copy_failed(s->c))
		give_back(s);
	else
		compare(s);
}

void slot_compare(struct slot *s, bool hole)
{
	struct copy *c = s->c;
	s->hole = hole;
	s->pending = hole ? 1 : 2;
	s->other.offset = s->op.offset = s->offset;
	s->op.len = s->len;
	s->other.len = round_up(s->len, c->to.block);
	s->op.buf = s->buf;
	s->other.buf = s->buf2;
	if (!hole)
		start(&s->op, s, OP_READ, &c->from, have_both);
	start(&s->other, s, OP_READ, &c->to, have_both);
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/cleanup.h"

#define OLD_EVENTS 10000

struct value {
	uint64_t id;    /* of its write; 0: the zeroes of the beginning */
	uint64_t stamp; /* its content: 0 is all zeroes */
	uint64_t issued, end;
	uint64_t gone;     /* when it was superseded or refuted; MODEL_OPEN: it may be there */
	uint64_t safe;     /* ... by a write that no failed flush can have lost */
	uint64_t expected; /* the stamp of what it has replaced, if anything; 0: of nobody knows */
	bool good;         /* it was acknowledged */
	bool replaced;     /* by a write that expected it */
	bool dead; /* ... and no power cut brings it back; a read under way may still see it */
};

struct block {
	struct value *values;
	size_t count, size;
};

struct model {
	uint64_t blocks;
	uint64_t doubtful; /* what was issued before this may have been lost by a failed flush */
	uint64_t cut;      /* when the power last went */
	struct block at[];
};

static uint64_t stamp_of(uint64_t id, uint64_t index)
{
	return id << 12 | (index & 0x7ff) << 1 | 1;
}

static void fill(uint64_t stamp, uint8_t block[MODEL_BLOCK])
{
	for (size_t i = 0; i < MODEL_BLOCK / sizeof(stamp); i++) {
		uint64_t word = stamp ? stamp + i * 0x9e3779b97f4a7c15u : 0;
		memcpy(block + i * sizeof(word), &word, sizeof(word));
	}
}

void model_fill(uint64_t id, uint64_t index, uint8_t block[MODEL_BLOCK])
{
	fill(stamp_of(id, index), block);
}

static void add(struct block *b, struct value v)
{
	if (b->count == b->size) {
		b->size = b->size ? b->size * 2 : 4;
		b->values = realloc(b->values, b->size * sizeof(*b->values));
		if (!b->values)
			abort();
	}
	b->values[b->count++] = v;
}

struct model *model_new(uint64_t blocks)
{
	struct model *m = calloc(1, sizeof(*m) + blocks * sizeof(m->at[0]));
	if (!m)
		abort();
	m->blocks = blocks;
	for (uint64_t i = 0; i < blocks; i++)
		add(&m->at[i], (struct value){.gone = MODEL_OPEN, .safe = MODEL_OPEN});
	return m;
}

void model_free(struct model *m)
{
	if (!m)
		return;
	for (uint64_t i = 0; i < m->blocks; i++)
		free(m->at[i].values);
	free(m);
}

/* What was gone before `before`, when everything was made durable, is gone for good. */
static void bury(struct block *b, uint64_t before)
{
	for (size_t i = 0; i < b->count; i++)
		b->values[i].dead |= b->values[i].safe < before;
}

/* What ended before `issued` is gone: a write that was issued at `by` is known to have come after. */
static void supersede(const struct model *m, struct value *v, uint64_t by, uint64_t now)
{
	v->gone = MIN(v->gone, now);
	if (by >= m->doubtful)
		v->safe = MIN(v->safe, now);
}

/* Drops the dead that no read is old enough to see. */
static void forget(struct block *b, uint64_t oldest_read)
{
	size_t kept = 0;
	for (size_t i = 0; i < b->count; i++)
		if (!b->values[i].dead || b->values[i].gone >= oldest_read)
			b->values[kept++] = b->values[i];
	b->count = kept;
}

void model_write(struct model *m, uint64_t id, uint64_t lba, uint64_t blocks, bool zero, bool same,
		 uint64_t now)
{
	for (uint64_t i = 0; i < blocks; i++) {
		uint64_t stamp = zero ? 0 : stamp_of(id, same ? 0 : i);
		/* No read is out for that many events. */
		if (now > OLD_EVENTS)
			forget(&m->at[lba + i], now - OLD_EVENTS);
		add(&m->at[lba + i], (struct value){.id = id,
						    .stamp = stamp,
						    .issued = now,
						    .end = MODEL_OPEN,
						    .gone = MODEL_OPEN,
						    .safe = MODEL_OPEN});
	}
}

static struct value *find(struct block *b, uint64_t id)
{
	for (size_t i = b->count; i-- > 0;)
		if (b->values[i].id == id)
			return &b->values[i];
	return NULL;
}

void model_write_good(struct model *m, uint64_t id, uint64_t lba, uint64_t blocks, bool durable,
		      uint64_t issued, uint64_t now)
{
	for (uint64_t i = 0; i < blocks; i++) {
		struct block *b = &m->at[lba + i];
		struct value *own = find(b, id);
		if (own && own->end == MODEL_OPEN)
			own->end = now;
		if (own)
			own->good = true;
		/* An answer that was under way when the power went: it promises what was so then. */
		if (issued < m->cut && !durable)
			continue;
		for (size_t j = 0; j < b->count; j++) {
			struct value *v = &b->values[j];
			if (v->end >= issued)
				continue;
			supersede(m, v, issued, now);
			/* What this very write has superseded is past even for a medium without
			 * power; what came while it was out may have come after it. */
			v->dead |= durable;
		}
	}
}

void model_write_over(struct model *m, uint64_t id, uint64_t lba, uint64_t blocks, uint64_t now)
{
	for (uint64_t i = 0; i < blocks; i++) {
		struct value *own = find(&m->at[lba + i], id);
		if (own && own->end == MODEL_OPEN)
			own->end = now;
	}
}

void model_flush_good(struct model *m, uint64_t issued)
{
	for (uint64_t i = 0; i < m->blocks; i++)
		bury(&m->at[i], issued);
}

void model_flush_bad(struct model *m, uint64_t issued, uint64_t now)
{
	if (issued < m->cut)
		return;
	m->doubtful = now;
	for (uint64_t i = 0; i < m->blocks; i++)
		for (size_t j = 0; j < m->at[i].count; j++)
			m->at[i].values[j].safe = MODEL_OPEN;
}

void model_power_cut(struct model *m, uint64_t now)
{
	m->cut = now;
	m->doubtful = 0;
	for (uint64_t i = 0; i < m->blocks; i++) {
		struct block *b = &m->at[i];
		forget(b, MODEL_OPEN);
		for (size_t j = 0; j < b->count; j++) {
			b->values[j].gone = b->values[j].safe = MODEL_OPEN;
			b->values[j].replaced = false;
			if (b->values[j].end == MODEL_OPEN)
				b->values[j].end = now;
		}
	}
}

static bool describe(const struct block *b, uint64_t lba, const uint8_t *data, uint64_t issued,
		     char *why, size_t size)
{
	uint8_t expected[MODEL_BLOCK];
	uint64_t stamp;
	size_t same = 0;
	memcpy(&stamp, data, sizeof(stamp));
	fill(stamp, expected);
	while (same < MODEL_BLOCK && expected[same] == data[same])
		same++;
	int n = snprintf(
		why, size,
		"block %llu holds %llx (write %llu; %zu bytes of it), read issued at %llu;",
		(unsigned long long)lba, (unsigned long long)stamp,
		(unsigned long long)(stamp >> 12), same, (unsigned long long)issued);
	for (size_t i = 0; i < b->count && n > 0 && (size_t)n < size; i++) {
		const struct value *v = &b->values[i];
		n += snprintf(why + n, size - (size_t)n, " %llx[%llu..%lld gone %lld]",
			      (unsigned long long)v->stamp, (unsigned long long)v->issued,
			      (long long)v->end, (long long)v->gone);
	}
	return false;
}

static uint64_t stamp_in(const uint8_t *block)
{
	uint64_t stamp;
	memcpy(&stamp, block, sizeof(stamp));
	return stamp;
}

/* The one that has this content, which zeroes have many. */
static struct value *find_stamp(struct block *b, uint64_t stamp)
{
	for (size_t i = 0; stamp && i < b->count; i++)
		if (b->values[i].stamp == stamp)
			return &b->values[i];
	return NULL;
}

/*
 * There is `y`, which has replaced `x`, and nothing was between the two. So who wrote when `x` was there for good, and was
 * done before we looked, cannot be: before `y` he would have taken `x` away, and behind it `y`.
 */
static bool is_between(const struct model *m, const struct value *v, const struct value *x,
		       const struct value *y, uint64_t looked)
{
	return v != x && v != y && v->good && v->issued > m->cut && v->issued > x->end &&
	       v->end < looked;
}

static bool check_replaced(const struct model *m, struct block *b, uint64_t stamp, uint64_t looked,
			   char *why, size_t why_size)
{
	const struct value *y = find_stamp(b, stamp);
	const struct value *x = y && y->issued > m->cut ? find_stamp(b, y->expected) : NULL;
	for (size_t i = 0; x && i < b->count; i++) {
		const struct value *v = &b->values[i];
		if (!is_between(m, v, x, y, looked))
			continue;
		snprintf(why, why_size,
			 "write %llu came between what write %llu expected and what it wrote",
			 (unsigned long long)v->id, (unsigned long long)y->id);
		return false;
	}
	return true;
}

void model_compare(struct model *m, uint64_t id, uint64_t lba, const uint8_t *expected)
{
	find(&m->at[lba], id)->expected = stamp_in(expected);
}

bool model_compare_good(struct model *m, uint64_t id, uint64_t lba, const uint8_t *expected,
			bool durable, uint64_t issued, uint64_t now, char *why, size_t why_size)
{
	bool good = model_read(m, lba, 1, expected, issued, now, why, why_size);
	struct value *x = find_stamp(&m->at[lba], stamp_in(expected));
	if (x && issued > m->cut && x->end < issued) {
		if (x->replaced) {
			snprintf(why, why_size, "block %llu: write %llu was replaced twice",
				 (unsigned long long)lba, (unsigned long long)x->id);
			good = false;
		}
		x->replaced = true;
	}
	model_write_good(m, id, lba, 1, durable, issued, now);
	return good;
}

bool model_compare_differs(struct model *m, uint64_t id, uint64_t lba, const uint8_t *expected,
			   uint64_t issued, uint64_t now)
{
	struct block *b = &m->at[lba];
	struct value *own = find(b, id);
	bool may = issued < m->cut;
	for (size_t i = 0; i < b->count; i++) {
		const struct value *v = &b->values[i];
		may |= v != own && v->stamp != stamp_in(expected) && v->gone > issued &&
		       v->issued < now;
	}
	/* It was never there. */
	if (own) {
		own->end = own->end == MODEL_OPEN ? now : own->end;
		own->gone = own->safe = 0;
		own->dead = true;
	}
	return may;
}

bool model_read(struct model *m, uint64_t lba, uint64_t blocks, const uint8_t *data,
		uint64_t issued, uint64_t now, char *why, size_t why_size)
{
	uint8_t expected[MODEL_BLOCK];
	/* It saw what may be gone now, and says nothing of what has come back. */
	if (issued < m->cut)
		return true;
	for (uint64_t i = 0; i < blocks; i++, data += MODEL_BLOCK) {
		struct block *b = &m->at[lba + i];
		uint64_t stamp, by = MODEL_OPEN;
		memcpy(&stamp, data, sizeof(stamp));
		for (size_t j = 0; j < b->count; j++) {
			const struct value *v = &b->values[j];
			if (v->stamp == stamp && v->gone > issued && v->issued < now)
				by = MIN(by, v->issued);
		}
		fill(stamp, expected);
		if (by == MODEL_OPEN || memcmp(expected, data, MODEL_BLOCK) != 0)
			return describe(b, lba + i, data, issued, why, why_size);
		if (!check_replaced(m, b, stamp, issued, why, why_size))
			return false;
		for (size_t j = 0; j < b->count; j++)
			if (b->values[j].stamp != stamp && b->values[j].end < issued)
				supersede(m, &b->values[j], by, now);
	}
	return true;
}

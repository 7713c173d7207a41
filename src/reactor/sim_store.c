/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a medium holds. Sectors lie in chunks, chunks in leaves, and none of them exists until it is
 * written to. A chunk shows the newest content; an undo list for each sector that is not durable
 * leads from there to what is. So reading and writing are plain copies, a flush drops undo lists,
 * and a power loss picks from them.
 */
#include "reactor/sim_internal.h"

#include <string.h>

#define CHUNK_SECTORS 64u /* a bit of a uint64_t each */
#define CHUNK_BYTES   (CHUNK_SECTORS * SIM_SECTOR)
#define LEAF_CHUNKS   1024u
/* What a file system allocates at least; holes consist of these. */
#define BLOCK_SECTORS 8u
/* Versions of one sector that are kept; more than this tell a test nothing new. */
#define MAX_VERSIONS 8

struct version {
	struct version *older;
	uint64_t seq;
	bool data;
	uint8_t bytes[SIM_SECTOR];
};

struct sim_chunk {
	struct list link; /* in the store's dirty list, else by itself */
	uint64_t dirty;   /* sectors that have an undo list */
	uint64_t lost;    /* the newest content failed to be flushed: it will never be durable */
	uint64_t data;    /* sectors that are not a hole; a hole holds zeroes */
	struct version *undo[CHUNK_SECTORS]; /* newest first, the durable one last */
	uint64_t seq[CHUNK_SECTORS];         /* of the newest content */
	uint16_t host[CHUNK_SECTORS];        /* whose cache has it */
	uint8_t versions[CHUNK_SECTORS];
	uint8_t bytes[CHUNK_BYTES];
};

struct sim_leaf {
	struct sim_chunk *chunk[LEAF_CHUNKS];
};

static uint64_t bit(unsigned i)
{
	return UINT64_C(1) << i;
}

/* --- finding chunks */

void sim_store_init(struct sim_store *s)
{
	*s = (struct sim_store){0};
	list_init(&s->dirty);
}

static struct sim_chunk *chunk_get(const struct sim_store *s, uint64_t index)
{
	uint64_t leaf = index / LEAF_CHUNKS;
	if (leaf >= s->top_len || !s->top[leaf])
		return NULL;
	return s->top[leaf]->chunk[index % LEAF_CHUNKS];
}

static struct sim_chunk *chunk_make(struct sim_store *s, uint64_t index)
{
	size_t leaf = (size_t)(index / LEAF_CHUNKS);
	if (leaf >= s->top_len) {
		size_t len = MAX(leaf + 1, s->top_len * 2);
		struct sim_leaf **top = sim_alloc(len * sizeof(struct sim_leaf *));
		if (s->top_len)
			memcpy(top, s->top, s->top_len * sizeof(struct sim_leaf *));
		free(s->top);
		s->top = top;
		s->top_len = len;
	}
	if (!s->top[leaf])
		s->top[leaf] = sim_alloc(sizeof(struct sim_leaf));
	struct sim_chunk **chunk = &s->top[leaf]->chunk[index % LEAF_CHUNKS];
	if (!*chunk) {
		*chunk = sim_alloc(sizeof(**chunk));
		list_init(&(*chunk)->link);
	}
	return *chunk;
}

/* The first chunk that exists from *index on, below `end`; *index becomes its number. */
static struct sim_chunk *chunk_next(const struct sim_store *s, uint64_t *index, uint64_t end)
{
	for (; *index < end; ++*index) {
		uint64_t leaf = *index / LEAF_CHUNKS;
		if (leaf >= s->top_len)
			break;
		struct sim_chunk *c = chunk_get(s, *index);
		if (c)
			return c;
		if (!s->top[leaf])
			*index = leaf * LEAF_CHUNKS + LEAF_CHUNKS - 1;
	}
	*index = end;
	return NULL;
}

/* --- one sector */

static uint8_t *sector_bytes(struct sim_chunk *c, unsigned i)
{
	return c->bytes + (size_t)i * SIM_SECTOR;
}

/* Drops every version older than `keep`; with NULL, all of them. */
static void drop_older(struct sim_chunk *c, unsigned i, struct version *keep)
{
	struct version *v = keep ? keep->older : c->undo[i];
	while (v) {
		struct version *older = v->older;
		free(v);
		c->versions[i]--;
		v = older;
	}
	if (keep)
		keep->older = NULL;
	else
		c->undo[i] = NULL;
}

static void sector_clean(struct sim_chunk *c, unsigned i)
{
	drop_older(c, i, NULL);
	c->dirty &= ~bit(i);
	c->lost &= ~bit(i);
}

/* Remembers the content of a sector that is about to change. */
static void sector_save(struct sim_store *s, struct sim_chunk *c, unsigned i)
{
	struct version *v = c->undo[i];
	if (c->lost & bit(i)) { /* nothing can bring this content back */
		c->lost &= ~bit(i);
		return;
	}
	if (c->versions[i] < MAX_VERSIONS || s->syncs) {
		v = sim_alloc(sizeof(*v));
		v->older = c->undo[i];
		c->undo[i] = v;
		c->versions[i]++;
	}
	v->seq = c->seq[i];
	v->data = c->data & bit(i);
	memcpy(v->bytes, sector_bytes(c, i), SIM_SECTOR);
	c->dirty |= bit(i);
	if (list_empty(&c->link))
		list_add_tail(&s->dirty, &c->link);
}

/* --- reading and writing */

static void cursor_skip(struct sim_cursor *cur, size_t len)
{
	while (len && len >= cur->iov->iov_len - cur->skip) {
		len -= cur->iov->iov_len - cur->skip;
		*cur = (struct sim_cursor){.iov = cur->iov + 1};
	}
	cur->skip += len;
}

/* Copies between a chunk and a vector: one of `to` and `from` is NULL, and both mean zeroes. */
static void cursor_copy(struct sim_cursor *cur, uint8_t *to, const uint8_t *from, size_t len)
{
	while (len) {
		size_t n = MIN(len, cur->iov->iov_len - cur->skip);
		uint8_t *at = (uint8_t *)cur->iov->iov_base + cur->skip;
		if (to) {
			memcpy(to, at, n);
			to += n;
		} else if (from) {
			memcpy(at, from, n);
			from += n;
		} else {
			memset(at, 0, n);
		}
		len -= n;
		cur->skip += n;
		if (cur->skip == cur->iov->iov_len)
			*cur = (struct sim_cursor){.iov = cur->iov + 1};
	}
}

void sim_cursor_gather(struct sim_cursor *cur, void *to, size_t len)
{
	cursor_copy(cur, to, NULL, len);
}

void sim_store_read(const struct sim_store *s, uint64_t offset, uint64_t len, struct sim_cursor to)
{
	while (len) {
		size_t at = (size_t)(offset % CHUNK_BYTES);
		size_t n = (size_t)MIN(len, (uint64_t)(CHUNK_BYTES - at));
		const struct sim_chunk *c = chunk_get(s, offset / CHUNK_BYTES);
		cursor_copy(&to, NULL, c ? c->bytes + at : NULL, n);
		offset += n;
		len -= n;
	}
}

void sim_store_write(struct sim_store *s, uint16_t host, uint64_t offset, uint64_t len,
		     struct sim_cursor from, struct sim_rng *tear)
{
	s->seq++;
	while (len) {
		size_t at = (size_t)(offset % SIM_SECTOR);
		size_t n = (size_t)MIN(len, (uint64_t)(SIM_SECTOR - at));
		unsigned i = (unsigned)(offset / SIM_SECTOR % CHUNK_SECTORS);
		if (tear && sim_rng_below(tear, 2)) {
			cursor_skip(&from, n);
		} else {
			struct sim_chunk *c = chunk_make(s, offset / CHUNK_BYTES);
			sector_save(s, c, i);
			cursor_copy(&from, sector_bytes(c, i) + at, NULL, n);
			c->seq[i] = s->seq;
			c->host[i] = host;
			c->data |= UINT64_C(0xff) << i / BLOCK_SECTORS * BLOCK_SECTORS;
		}
		offset += n;
		len -= n;
	}
}

void sim_store_zero(struct sim_store *s, uint16_t host, uint64_t offset, uint64_t len,
		    struct sim_rng *tear)
{
	const uint64_t block = (uint64_t)BLOCK_SECTORS * SIM_SECTOR;
	uint64_t end = offset + len;
	/* What lies in here is whole blocks. */
	uint64_t hole = (offset + block - 1) / block * block, hole_end = end / block * block;
	s->seq++;
	while (offset < end) {
		size_t at = (size_t)(offset % SIM_SECTOR);
		size_t n = (size_t)MIN(end - offset, (uint64_t)(SIM_SECTOR - at));
		unsigned i = (unsigned)(offset / SIM_SECTOR % CHUNK_SECTORS);
		uint64_t index = offset / CHUNK_BYTES;
		struct sim_chunk *c = chunk_next(s, &index, (end - 1) / CHUNK_BYTES + 1);
		if (!c)
			return;
		if (index != offset / CHUNK_BYTES) {
			offset = index * CHUNK_BYTES;
			continue;
		}
		bool whole = offset >= hole && offset < hole_end;
		if (((c->data | c->dirty) & bit(i)) && !(tear && sim_rng_below(tear, 2))) {
			sector_save(s, c, i);
			memset(sector_bytes(c, i) + at, 0, n);
			c->seq[i] = s->seq;
			c->host[i] = host;
			if (whole)
				c->data &= ~bit(i);
		}
		offset += n;
	}
}

/* --- durability */

/* Makes what had taken effect by `seq` the durable version of this sector. */
static void sector_flush(struct sim_chunk *c, unsigned i, uint64_t seq)
{
	if (c->seq[i] <= seq) {
		if (!(c->lost & bit(i)))
			sector_clean(c, i);
		return;
	}
	struct version *v = c->undo[i];
	while (v->older && v->seq > seq)
		v = v->older;
	drop_older(c, i, v);
}

/* The flush failed for this sector: what had taken effect by `seq` is no candidate any more. */
static void sector_lose(struct sim_chunk *c, unsigned i, uint64_t seq)
{
	struct version **at = &c->undo[i];
	while ((*at)->older && (*at)->seq > seq)
		at = &(*at)->older;
	while ((*at)->older) {
		struct version *v = *at;
		*at = v->older;
		free(v);
		c->versions[i]--;
	}
	if (c->seq[i] <= seq)
		c->lost |= bit(i);
}

static void chunk_flush(struct sim_chunk *c, uint64_t mask, uint64_t seq, struct sim_rng *fail)
{
	for (mask &= c->dirty; mask; mask &= mask - 1) {
		unsigned i = (unsigned)__builtin_ctzll(mask);
		if (fail && sim_rng_below(fail, 2))
			sector_lose(c, i, seq);
		else
			sector_flush(c, i, seq);
	}
	if (!c->dirty)
		list_del(&c->link);
}

void sim_store_flush(struct sim_store *s, uint64_t offset, uint64_t len, uint64_t seq,
		     struct sim_rng *fail)
{
	if (!offset && len == UINT64_MAX) {
		list_for_each_safe (it, &s->dirty)
			chunk_flush(list_entry(it, struct sim_chunk, link), UINT64_MAX, seq, fail);
		return;
	}
	uint64_t first = offset / SIM_SECTOR, last = (offset + len + SIM_SECTOR - 1) / SIM_SECTOR;
	while (first < last) {
		uint64_t index = first / CHUNK_SECTORS;
		unsigned from = (unsigned)(first % CHUNK_SECTORS);
		unsigned n = (unsigned)MIN(last - first, (uint64_t)(CHUNK_SECTORS - from));
		struct sim_chunk *c = chunk_get(s, index);
		if (c)
			chunk_flush(c, UINT64_MAX >> (CHUNK_SECTORS - n) << from, seq, fail);
		first += n;
	}
}

/* Of the versions that could have reached the medium, this one did: 0 the newest. */
static void sector_settle(struct sim_chunk *c, unsigned i, unsigned pick)
{
	struct version *v = c->undo[i];
	if (c->lost & bit(i))
		pick++;
	if (pick) {
		while (--pick)
			v = v->older;
		memcpy(sector_bytes(c, i), v->bytes, SIM_SECTOR);
		c->data = v->data ? c->data | bit(i) : c->data & ~bit(i);
	}
	sector_clean(c, i);
}

void sim_store_power_loss(struct sim_store *s, uint16_t host, struct sim_rng *rng)
{
	/* Now and then all or nothing, which chance alone would hardly ever bring. */
	enum { ALL_KEPT, ALL_LOST, MIXED = 5 };
	unsigned luck = (unsigned)sim_rng_below(rng, MIXED + 1);
	list_for_each_safe (it, &s->dirty) {
		struct sim_chunk *c = list_entry(it, struct sim_chunk, link);
		for (uint64_t mask = c->dirty; mask; mask &= mask - 1) {
			unsigned i = (unsigned)__builtin_ctzll(mask);
			if (c->host[i] != host)
				continue;
			unsigned choices = c->versions[i] + !(c->lost & bit(i));
			unsigned pick = luck == ALL_KEPT   ? 0
					: luck == ALL_LOST ? choices - 1
							   : (unsigned)sim_rng_below(rng, choices);
			sector_settle(c, i, pick);
		}
		if (!c->dirty)
			list_del(&c->link);
	}
}

void sim_store_peek(const struct sim_store *s, uint64_t offset, void *buf, size_t len)
{
	uint8_t *out = buf;
	while (len) {
		size_t at = (size_t)(offset % SIM_SECTOR);
		size_t n = MIN(len, SIM_SECTOR - at);
		unsigned i = (unsigned)(offset / SIM_SECTOR % CHUNK_SECTORS);
		struct sim_chunk *c = chunk_get(s, offset / CHUNK_BYTES);
		const struct version *v = c ? c->undo[i] : NULL;
		while (v && v->older)
			v = v->older;
		if (v)
			memcpy(out, v->bytes + at, n);
		else if (c)
			memcpy(out, sector_bytes(c, i) + at, n);
		else
			memset(out, 0, n);
		out += n;
		offset += n;
		len -= n;
	}
}

/* --- size and holes */

static void sector_cut(struct sim_chunk *c, unsigned i, size_t keep)
{
	memset(sector_bytes(c, i) + keep, 0, SIM_SECTOR - keep);
	if (!keep) {
		sector_clean(c, i);
		c->data &= ~bit(i);
		return;
	}
	for (struct version *v = c->undo[i]; v; v = v->older)
		memset(v->bytes + keep, 0, SIM_SECTOR - keep);
}

void sim_store_truncate(struct sim_store *s, uint64_t size)
{
	const uint64_t end = SIM_MAX_BYTES / CHUNK_BYTES;
	struct sim_chunk *c;
	for (uint64_t index = size / CHUNK_BYTES; (c = chunk_next(s, &index, end)); index++) {
		uint64_t start = index * CHUNK_BYTES;
		for (unsigned i = 0; i < CHUNK_SECTORS; i++, start += SIM_SECTOR)
			if (start + SIM_SECTOR > size)
				sector_cut(c, i, start >= size ? 0 : (size_t)(size - start));
		if (!c->dirty)
			list_del(&c->link);
	}
}

uint64_t sim_store_extent(const struct sim_store *s, uint64_t offset, uint64_t size, bool *data)
{
	const struct sim_chunk *c = chunk_get(s, offset / CHUNK_BYTES);
	uint64_t sector = offset / SIM_SECTOR, end = (size + SIM_SECTOR - 1) / SIM_SECTOR;
	*data = c && c->data & bit((unsigned)(sector % CHUNK_SECTORS));
	while (sector < end) {
		uint64_t index = sector / CHUNK_SECTORS;
		if (!*data && !chunk_next(s, &index, (end - 1) / CHUNK_SECTORS + 1))
			break;
		if (index != sector / CHUNK_SECTORS)
			sector = index * CHUNK_SECTORS;
		c = chunk_get(s, index);
		unsigned from = (unsigned)(sector % CHUNK_SECTORS);
		uint64_t other = (*data ? ~(c ? c->data : 0) : c->data) >> from;
		if (other) {
			sector += (unsigned)__builtin_ctzll(other);
			return MIN(sector * SIM_SECTOR, size) - offset;
		}
		sector += CHUNK_SECTORS - from;
	}
	return size - offset;
}

void sim_store_free(struct sim_store *s)
{
	const uint64_t end = SIM_MAX_BYTES / CHUNK_BYTES;
	struct sim_chunk *c;
	for (uint64_t index = 0; (c = chunk_next(s, &index, end)); index++) {
		for (uint64_t mask = c->dirty; mask; mask &= mask - 1)
			drop_older(c, (unsigned)__builtin_ctzll(mask), NULL);
		free(c);
	}
	for (size_t i = 0; i < s->top_len; i++)
		free(s->top[i]);
	free(s->top);
}

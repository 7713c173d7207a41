/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A disk in memory: a table of chunks, allocated when they are first written to. Several threads may read
 * and write at once; a chunk is only taken away by an unmap, which is alone then.
 */
#include "backstore/priv.h"

#include <errno.h>
#include <string.h>

#define CHUNK (64 * 1024u)

struct memory {
	struct backstore bs;
	uint8_t **chunks; /* NULL: nothing was written there, it reads as zeroes */
	size_t count;
};

static struct memory *to_memory(struct backstore *bs)
{
	return container_of(bs, struct memory, bs);
}

static uint8_t *get_chunk(uint8_t *const *chunk)
{
	return __atomic_load_n(chunk, __ATOMIC_ACQUIRE);
}

/* NULL: no memory. Another thread may be there first. */
static uint8_t *make_chunk(uint8_t **chunk)
{
	uint8_t *there = get_chunk(chunk), *new;
	if (there)
		return there;
	new = calloc(1, CHUNK);
	if (!new)
		return NULL;
	if (__atomic_compare_exchange_n(chunk, &there, new, false, __ATOMIC_ACQ_REL,
					__ATOMIC_ACQUIRE))
		return new;
	free(new);
	return there;
}

static int write_chunk(uint8_t **chunk, size_t at, const uint8_t *from, size_t len)
{
	uint8_t *to = make_chunk(chunk);
	if (!to)
		return -ENOSPC;
	memcpy(to + at, from, len);
	return 0;
}

static void read_chunk(const uint8_t *chunk, size_t at, uint8_t *to, size_t len)
{
	if (chunk)
		memcpy(to, chunk + at, len);
	else
		memset(to, 0, len);
}

static void clear_chunk(uint8_t **chunk, size_t at, size_t len, bool unmap)
{
	uint8_t *there = get_chunk(chunk);
	if (unmap && len == CHUNK) {
		__atomic_store_n(chunk, NULL, __ATOMIC_RELEASE);
		free(there);
	} else if (there) {
		memset(there + at, 0, len);
	}
}

static int run(struct memory *m, struct bs_io *io)
{
	int err = 0;
	while (!err && io->moved < io->length) {
		uint64_t pos = io->offset + io->moved;
		uint8_t **chunk = &m->chunks[pos / CHUNK];
		size_t at = pos % CHUNK;
		size_t len = MIN(CHUNK - at, io->length - io->moved);
		if (io->op == BS_READ)
			read_chunk(get_chunk(chunk), at, (uint8_t *)io->buf + io->moved, len);
		else if (io->op == BS_WRITE)
			err = write_chunk(chunk, at, (uint8_t *)io->buf + io->moved, len);
		else
			clear_chunk(chunk, at, len, io->op == BS_UNMAP);
		io->moved += len;
	}
	return err;
}

static void memory_submit(struct backstore *bs, struct bs_io *io)
{
	if (io->op == BS_FLUSH)
		io->moved = io->length;
	bs_finish(io, run(to_memory(bs), io));
}

static void memory_attempt(struct backstore *bs, struct reactor *r, struct bs_io *io)
{
	bs_tried(io, run(to_memory(bs), io) == 0);
}

static int memory_extent(struct backstore *bs, uint64_t offset, bool *mapped, uint64_t *length)
{
	const struct memory *m = to_memory(bs);
	size_t first = offset / CHUNK;
	size_t end = first + 1;
	*mapped = get_chunk(&m->chunks[first]) != NULL;
	while (end < m->count && (get_chunk(&m->chunks[end]) != NULL) == *mapped)
		end++;
	*length = (uint64_t)end * CHUNK - offset;
	return 0;
}

static void memory_close(struct backstore *bs)
{
	struct memory *m = to_memory(bs);
	for (size_t i = 0; i < m->count; i++)
		free(m->chunks[i]);
	free(m->chunks);
	free(m->bs.path);
	free(m);
}

static const struct backstore_ops memory_ops = {
	.kind = "ramdisk",
	.submit = memory_submit,
	.attempt = memory_attempt,
	.extent = memory_extent,
	.close = memory_close,
};

int bs_open_memory(struct backstore **out, struct reactor *r, uint64_t size, char *why,
		   size_t why_size)
{
	*out = NULL;
	if (!size || size % SECTOR)
		return bs_why(why, why_size, -EINVAL,
			      "a memory disk of %llu bytes: its size must be a multiple of 512, "
			      "and more than 0",
			      (unsigned long long)size);
	struct memory *m = calloc(1, sizeof(*m));
	/* The last chunk may reach past the end. The table is zero pages until it is written. */
	size_t count = size / CHUNK + (size % CHUNK != 0);
	uint8_t **chunks = calloc(count, sizeof(*chunks));
	char *path = strdup("");
	if (!m || !chunks || !path) {
		free(m);
		free(chunks);
		free(path);
		return bs_why(why, why_size, -ENOMEM,
			      "no memory for the table of a disk of %llu bytes",
			      (unsigned long long)size);
	}
	m->chunks = chunks;
	m->count = count;
	m->bs = (struct backstore){
		.ops = &memory_ops,
		.reactor = r,
		.path = path,
		.size = size,
		.block_size = 1,
		.buf_align = 1,
		.unmap_granularity = CHUNK,
		.unmaps_alone = true,
	};
	*out = &m->bs;
	return 0;
}

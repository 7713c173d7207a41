/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A disk in memory: pages that the kernel gives when they are first written to. Several threads may read
 * and write at once. What was read need not be copied: the pages stay where they are.
 */
#include "backstore/priv.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

/* The unit of what is allocated and given back; a multiple of any page. */
#define CHUNK (64 * 1024u)
#define BITS  64

struct memory {
	struct backstore bs;
	uint8_t *bytes;
	uint64_t *written; /* a bit for each chunk: it may be other than zeroes */
	size_t count;      /* of chunks; the last one may reach past the end */
};

static struct memory *to_memory(struct backstore *bs)
{
	return container_of(bs, struct memory, bs);
}

static bool is_written(const struct memory *m, size_t chunk)
{
	return __atomic_load_n(&m->written[chunk / BITS], __ATOMIC_RELAXED) >> chunk % BITS & 1;
}

static void note_written(struct memory *m, uint64_t offset, uint64_t length)
{
	for (size_t i = offset / CHUNK; i <= (offset + length - 1) / CHUNK; i++)
		if (!is_written(m, i))
			__atomic_fetch_or(&m->written[i / BITS], UINT64_C(1) << i % BITS,
					  __ATOMIC_RELAXED);
}

static void read_bytes(struct memory *m, struct bs_io *io)
{
	if (io->may_lend)
		io->lent = m->bytes + io->offset;
	else
		memcpy(io->buf, m->bytes + io->offset, io->length);
}

static void write_bytes(struct memory *m, struct bs_io *io)
{
	note_written(m, io->offset, io->length);
	memcpy(m->bytes + io->offset, io->buf, io->length);
}

/* Whole chunks go back to the kernel; it has zeroes for who reads them. */
static void clear(struct memory *m, const struct bs_io *io)
{
	uint64_t end = io->offset + io->length;
	for (uint64_t at = io->offset, next; at < end; at = next) {
		size_t i = at / CHUNK;
		next = MIN(end, (uint64_t)(i + 1) * CHUNK);
		if (!is_written(m, i))
			continue;
		bool whole = at % CHUNK == 0 && next - at == CHUNK;
		if (whole && io->op == BS_UNMAP && !madvise(m->bytes + at, CHUNK, MADV_DONTNEED))
			__atomic_fetch_and(&m->written[i / BITS], ~(UINT64_C(1) << i % BITS),
					   __ATOMIC_RELAXED);
		else
			memset(m->bytes + at, 0, next - at);
	}
}

static void run(struct memory *m, struct bs_io *io)
{
	switch (io->op) {
	case BS_READ: read_bytes(m, io); break;
	case BS_WRITE: write_bytes(m, io); break;
	case BS_ZERO:
	case BS_UNMAP: clear(m, io); break;
	case BS_FLUSH: break;
	}
}

static void memory_submit(struct backstore *bs, struct bs_io *io)
{
	run(to_memory(bs), io);
	bs_finish(io, 0);
}

static void memory_attempt(struct backstore *bs, struct reactor *r, struct bs_io *io)
{
	run(to_memory(bs), io);
	bs_tried(io, true);
}

static int memory_extent(struct backstore *bs, uint64_t offset, bool *mapped, uint64_t *length)
{
	const struct memory *m = to_memory(bs);
	size_t first = offset / CHUNK;
	size_t end = first + 1;
	*mapped = is_written(m, first);
	while (end < m->count && is_written(m, end) == *mapped)
		end++;
	*length = (uint64_t)end * CHUNK - offset;
	return 0;
}

static void memory_close(struct backstore *bs)
{
	struct memory *m = to_memory(bs);
	munmap(m->bytes, m->count * CHUNK);
	free(m->written);
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

static int no_memory(uint64_t size, char *why, size_t why_size)
{
	return bs_why(why, why_size, -ENOMEM, "no memory for a disk of %llu bytes",
		      (unsigned long long)size);
}

int bs_open_memory(struct backstore **out, struct reactor *r, uint64_t size, char *why,
		   size_t why_size)
{
	*out = NULL;
	if (!size || size % SECTOR)
		return bs_why(why, why_size, -EINVAL,
			      "a memory disk of %llu bytes: its size must be a multiple of 512, "
			      "and more than 0",
			      (unsigned long long)size);
	/* Of an address space there is no more than 2^47 bytes, less than any sum here overflows at. */
	size_t count = size / CHUNK + (size % CHUNK != 0);
	void *bytes = mmap(NULL, count * CHUNK, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (bytes == MAP_FAILED)
		return no_memory(size, why, why_size);
	struct memory *m = calloc(1, sizeof(*m));
	uint64_t *written = calloc(count / BITS + 1, sizeof(*written));
	char *path = strdup("");
	if (!m || !written || !path) {
		munmap(bytes, count * CHUNK);
		free(m);
		free(written);
		free(path);
		return no_memory(size, why, why_size);
	}
	m->bytes = bytes;
	m->written = written;
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

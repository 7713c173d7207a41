/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A disk in memory: pages that the kernel gives when they are first written to. Several threads may read
 * and write at once. What was read need not be copied: the pages stay where they are.
 */
#include "backstore/priv.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* The unit of what is allocated and given back; a multiple of any page. */
#define CHUNK (64 * 1024u)
#define BITS  64

struct memory {
	struct backstore bs;
	uint8_t *bytes;    /* NULL: another process has it in sight, this one keeps it */
	uint64_t *written; /* a bit for each chunk: it may be other than zeroes */
	size_t count;      /* of chunks; the last one may reach past the end */
	bool is_file; /* the memory is one's, which has `written` behind its chunks, and others have it, too */
	int file;              /* which this process keeps for them; -1: it does not */
	const uint8_t *zeroes; /* ZEROES bytes; reading what was never written would fill a file */
};

/* As much as one request usually reads. */
#define ZEROES (1024 * 1024u)

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

/* How many of the bytes from `at` on, up to `end`, are alike: in chunks that were written to, or in none. */
static uint64_t alike(const struct memory *m, uint64_t at, uint64_t end, bool *written)
{
	size_t i = at / CHUNK;
	*written = is_written(m, i);
	while (++i <= (end - 1) / CHUNK && is_written(m, i) == *written)
		;
	return MIN(end, (uint64_t)i * CHUNK) - at;
}

static void read_file(struct memory *m, struct bs_io *io)
{
	uint64_t end = io->offset + io->length;
	bool written;
	uint64_t len = alike(m, io->offset, end, &written);
	if (io->may_lend && len == io->length && (written || len <= ZEROES)) {
		io->lent = written ? m->bytes + io->offset : m->zeroes;
		return;
	}
	for (uint64_t at = io->offset; at < end; at += len) {
		len = alike(m, at, end, &written);
		if (written)
			memcpy((uint8_t *)io->buf + (at - io->offset), m->bytes + at, len);
		else
			memset((uint8_t *)io->buf + (at - io->offset), 0, len);
	}
}

static void read_bytes(struct memory *m, struct bs_io *io)
{
	if (m->is_file)
		read_file(m, io);
	else if (io->may_lend)
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
		if (whole && io->op == BS_UNMAP &&
		    !madvise(m->bytes + at, CHUNK, m->is_file ? MADV_REMOVE : MADV_DONTNEED))
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

/* Of `count` chunks and a bit for each. */
static uint64_t file_size(size_t count)
{
	uint64_t bytes = (uint64_t)(count / BITS + 1) * sizeof(uint64_t);
	return (uint64_t)count * CHUNK + (bytes + CHUNK - 1) / CHUNK * CHUNK;
}

static void memory_close(struct backstore *bs)
{
	struct memory *m = to_memory(bs);
	if (m->is_file) {
		if (m->bytes)
			munmap(m->bytes, file_size(m->count));
		if (m->zeroes)
			munmap((void *)(uintptr_t)m->zeroes, ZEROES);
		if (m->file >= 0)
			close(m->file);
	} else {
		munmap(m->bytes, m->count * CHUNK);
		free(m->written);
	}
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

static int check_memory_size(uint64_t size, char *why, size_t why_size)
{
	if (size && size % SECTOR == 0)
		return 0;
	return bs_why(why, why_size, -EINVAL,
		      "a memory disk of %llu bytes: its size must be a multiple of 512, and more "
		      "than 0",
		      (unsigned long long)size);
}

/* Of an address space there is no more than 2^47 bytes, less than any sum here overflows at. */
static size_t chunks_of(uint64_t size)
{
	return size / CHUNK + (size % CHUNK != 0);
}

static struct backstore properties(struct reactor *r, char *path, uint64_t size)
{
	return (struct backstore){
		.ops = &memory_ops,
		.reactor = r,
		.path = path,
		.size = size,
		.block_size = 1,
		.buf_align = 1,
		.unmap_granularity = CHUNK,
		.unmaps_alone = true,
	};
}

int bs_open_memory(struct backstore **out, struct reactor *r, uint64_t size, char *why,
		   size_t why_size)
{
	*out = NULL;
	int err = check_memory_size(size, why, why_size);
	if (err)
		return err;
	size_t count = chunks_of(size);
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
	m->file = -1;
	m->bs = properties(r, path, size);
	/* With the power goes all of it. (A process that is killed leaves half of a write to others who have the memory:
	 * so not for those below.) */
	m->bs.atomic_max = 1u << 30;
	m->bs.atomic_unit = 1;
	*out = &m->bs;
	return 0;
}

/* --- memory that several processes have, one after the other */

static bool has_size(int file, uint64_t size)
{
	struct stat st;
	return !fstat(file, &st) && S_ISREG(st.st_mode) &&
	       (uint64_t)st.st_size == file_size(chunks_of(size));
}

bool bs_is_memory_of(int file, uint64_t size)
{
	int seals = fcntl(file, F_GET_SEALS);
	return seals >= 0 && seals & F_SEAL_SHRINK && has_size(file, size);
}

/* Nobody who has it can make it smaller, which would end whoever has it in sight. */
static int make_file(uint64_t size)
{
	int file = memfd_create("lunar-ramdisk", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (file < 0)
		return -errno;
	if (ftruncate(file, (off_t)file_size(chunks_of(size))) ||
	    fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)) {
		int err = -errno;
		close(file);
		return err;
	}
	return file;
}

static struct memory *memory_new(struct reactor *r, uint64_t size, int file)
{
	struct memory *m = calloc(1, sizeof(*m));
	char *path = strdup("");
	if (!m || !path) {
		free(m);
		free(path);
		return NULL;
	}
	m->count = chunks_of(size);
	m->file = file;
	m->is_file = true;
	m->bs = properties(r, path, size);
	return m;
}

int bs_keep_memory(struct backstore **out, struct reactor *r, uint64_t size, int file, char *why,
		   size_t why_size)
{
	int err = check_memory_size(size, why, why_size);
	int made = err || file >= 0 ? -1 : make_file(size);
	if (err)
		return err;
	if (file < 0 && made < 0)
		return bs_why(why, why_size, made, "no memory for a disk of %llu bytes: %s",
			      (unsigned long long)size, strerror(-made));
	struct memory *m = memory_new(r, size, file < 0 ? made : file);
	if (!m) {
		if (made >= 0)
			close(made);
		return no_memory(size, why, why_size);
	}
	*out = &m->bs;
	return 0;
}

int memory_file(const struct backstore *bs)
{
	return container_of(bs, const struct memory, bs)->file;
}

int memory_map(struct backstore **out, struct reactor *r, uint64_t size, int file)
{
	/* Its seals are for who keeps it to look at: a process in the sandbox may not ask. */
	if (!has_size(file, size))
		return -EINVAL;
	size_t count = chunks_of(size);
	uint8_t *bytes = mmap(NULL, file_size(count), PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_NORESERVE, file, 0);
	void *zeroes = mmap(NULL, ZEROES, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct memory *m =
		bytes != MAP_FAILED && zeroes != MAP_FAILED ? memory_new(r, size, file) : NULL;
	if (!m) {
		if (bytes != MAP_FAILED)
			munmap(bytes, file_size(count));
		if (zeroes != MAP_FAILED)
			munmap(zeroes, ZEROES);
		return -ENOMEM;
	}
	/* What is in sight stays there. */
	close(file);
	m->file = -1;
	m->bytes = bytes;
	m->written = (uint64_t *)(void *)(bytes + (uint64_t)count * CHUNK);
	m->zeroes = zeroes;
	*out = &m->bs;
	return 0;
}

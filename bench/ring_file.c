/* SPDX-License-Identifier: BSD-2-Clause */
/* A file, at random offsets: as many operations as the depth, each followed by another one. */
#include <errno.h>
#include <sys/uio.h>
#include <time.h>
#include "ring.h"

static uint64_t next_offset(uint64_t *state, uint32_t size)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state % (FILE_SIZE / size) * size;
}

static void push(struct io_uring *ring, const struct run *r, uint64_t slot, uint64_t offset)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
	uint32_t size = r->w->size;
	uint8_t *buf = r->memory + slot * size;
	if (r->way & REG_BUFFER && r->w->write)
		io_uring_prep_write_fixed(sqe, r->file, buf, size, offset, 0);
	else if (r->way & REG_BUFFER)
		io_uring_prep_read_fixed(sqe, r->file, buf, size, offset, 0);
	else if (r->w->write)
		io_uring_prep_write(sqe, r->file, buf, size, offset);
	else
		io_uring_prep_read(sqe, r->file, buf, size, offset);
	ring_tag(sqe, r, slot);
}

/* 0 or -errno. What is not in the page cache any more is waited for. */
static int read_one(const struct run *r, unsigned slot, uint64_t offset)
{
	struct iovec iov = {r->memory + (size_t)slot * r->w->size, r->w->size};
	ssize_t n = preadv2(r->file, &iov, 1, (off_t)offset, RWF_NOWAIT);
	if (n != (ssize_t)iov.iov_len)
		n = preadv(r->file, &iov, 1, (off_t)offset);
	if (n < 0)
		return -errno;
	return n == (ssize_t)iov.iov_len ? 0 : -EIO;
}

static int without_ring(struct run *r, uint64_t seed)
{
	int ret = 0;
	while (ret == 0 && run_goes_on(r)) {
		for (unsigned i = 0; i < r->w->depth && ret == 0; i++, r->done.ops++)
			ret = read_one(r, i, next_offset(&seed, r->w->size));
		r->done.completions++;
	}
	return ret;
}

/* Those in flight would go on with memory that the next measurement uses. */
static void drain(struct io_uring *ring, unsigned in_flight)
{
	struct io_uring_cqe *cqe;
	io_uring_submit(ring);
	while (in_flight-- && io_uring_wait_cqe(ring, &cqe) == 0)
		io_uring_cqe_seen(ring, cqe);
}

static int with_ring(struct io_uring *ring, struct run *r, uint64_t seed)
{
	struct io_uring_cqe *cqe;
	int ret = 0;
	for (unsigned i = 0; i < r->w->depth; i++)
		push(ring, r, i, next_offset(&seed, r->w->size));
	while (ret == 0 && run_goes_on(r)) {
		io_uring_submit_and_wait(ring, 1);
		for (unsigned n = io_uring_cq_ready(ring); n; n--, r->done.ops++) {
			io_uring_peek_cqe(ring, &cqe);
			uint64_t slot = cqe->user_data;
			if (cqe->res != (int)r->w->size)
				ret = cqe->res < 0 ? cqe->res : -EIO;
			io_uring_cqe_seen(ring, cqe);
			push(ring, r, slot, next_offset(&seed, r->w->size));
		}
		r->done.completions++;
	}
	drain(ring, r->w->depth);
	return ret;
}

int run_file(struct run *r)
{
	const uint64_t seed = 88172645463325252u;
	struct io_uring ring;
	if (r->file < 0)
		return -EOPNOTSUPP;
	if (r->way & NO_RING) {
		run_start(r, CLOCK_PROCESS_CPUTIME_ID);
		return without_ring(r, seed);
	}
	int ret = ring_open(&ring, r, r->file);
	if (ret)
		return ret;
	run_start(r, CLOCK_PROCESS_CPUTIME_ID);
	ret = with_ring(&ring, r, seed);
	io_uring_queue_exit(&ring);
	return ret;
}

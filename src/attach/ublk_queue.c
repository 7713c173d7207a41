/* SPDX-License-Identifier: BSD-2-Clause */
#include "attach/ublk_queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "attach/ublk_abi.h"
#include "common/cleanup.h"

#define SECTOR 9
#define BATCH  32u

struct ublk_tag {
	struct ublk_queue *queue;
	struct disk_request q;
	uint8_t *
		buf; /* UBLK_MAX_IO bytes; the kernel copies a write's data here, and a read's from here */
	void *context;
};

static uint16_t number_of(const struct ublk_tag *tag)
{
	return (uint16_t)(tag - tag->queue->tags);
}

/* --- commands to the kernel; they are submitted together, at the end of the turn */

static void put_command(struct ublk_tag *tag, uint32_t nr, int result)
{
	struct ublk_queue *q = tag->queue;
	/* There is a place for each tag. */
	struct io_uring_sqe *sqe = io_uring_get_sqe(&q->ring);
	const struct ublksrv_io_cmd cmd = {.q_id = (uint16_t)q->index,
					   .tag = number_of(tag),
					   .result = result,
					   .addr = (uintptr_t)tag->buf};
	io_uring_prep_rw(IORING_OP_URING_CMD, sqe, q->fd, NULL, 0, 0);
	sqe->cmd_op = q->encoded ? UBLK_ENCODED_IO(nr) : nr;
	memcpy(sqe->cmd, &cmd, sizeof(cmd));
	io_uring_sqe_set_data64(sqe, number_of(tag));
	q->fetching++;
	reactor_defer(q->r, &q->push);
}

static void push(struct deferred *d)
{
	struct ublk_queue *q = container_of(d, struct ublk_queue, push);
	if (!q->leaving && io_uring_submit(&q->ring) < 0)
		reactor_defer(q->r, &q->push);
}

static void answer(struct ublk_tag *tag, int err)
{
	/* Of what moves data, the kernel takes for done as many bytes as it is told. */
	bool moves = tag->q.op == DISK_READ || tag->q.op == DISK_WRITE;
	int result = err ? err : moves ? (int)tag->q.length : 0;
	if (!tag->queue->leaving)
		put_command(tag, UBLK_IO_COMMIT_AND_FETCH_REQ, result);
}

/* --- requests */

static void settle(struct ublk_queue *q)
{
	if (q->closing)
		reactor_defer(q->r, &q->end);
}

static void disk_done(struct disk_request *request, int err)
{
	struct ublk_tag *tag = container_of(request, struct ublk_tag, q);
	tag->queue->running--;
	answer(tag, err);
	settle(tag->queue);
}

static const struct {
	bool known;
	enum disk_op op;
} ops[] = {
	[UBLK_IO_OP_READ] = {true, DISK_READ},
	[UBLK_IO_OP_WRITE] = {true, DISK_WRITE},
	[UBLK_IO_OP_FLUSH] = {true, DISK_FLUSH},
	[UBLK_IO_OP_DISCARD] = {true, DISK_DISCARD},
	[UBLK_IO_OP_WRITE_ZEROES] = {true, DISK_WRITE_ZEROES},
};

static void begin(struct ublk_tag *tag)
{
	struct ublk_queue *q = tag->queue;
	const struct ublksrv_io_desc *d =
		(const struct ublksrv_io_desc *)q->descriptors + number_of(tag);
	uint8_t op = d->op_flags & 0xff;
	tag->q = (struct disk_request){
		.fua = d->op_flags & UBLK_IO_F_FUA,
		.keep = d->op_flags & UBLK_IO_F_NOUNMAP,
		.queue = q->index,
		.offset = d->start_sector << SECTOR,
		.length = (uint64_t)d->nr_sectors << SECTOR,
		.buf = tag->buf,
		.context = tag->context,
		.done = disk_done,
	};
	if (op >= ARRAY_SIZE(ops) || !ops[op].known) {
		answer(tag, -EOPNOTSUPP);
		return;
	}
	tag->q.op = ops[op].op;
	if (tag->q.op == DISK_FLUSH)
		tag->q.offset = tag->q.length = 0;
	int err = disk_check(q->disk, &tag->q);
	if (err) {
		answer(tag, err);
		return;
	}
	q->running++;
	disk_submit(q->disk, &tag->q);
}

static void take(struct ublk_queue *q, uint64_t number, int res)
{
	q->fetching--;
	if (res == UBLK_IO_RES_OK && !q->leaving)
		begin(&q->tags[number]);
}

static void reap(struct ublk_queue *q)
{
	struct io_uring_cqe *cqes[BATCH];
	unsigned n;
	while ((n = io_uring_peek_batch_cqe(&q->ring, cqes, BATCH)) > 0) {
		struct {
			uint64_t number;
			int res;
		} came[BATCH];
		for (unsigned i = 0; i < n; i++) {
			came[i].number = io_uring_cqe_get_data64(cqes[i]);
			came[i].res = cqes[i]->res;
		}
		io_uring_cq_advance(&q->ring, n);
		for (unsigned i = 0; i < n; i++)
			take(q, came[i].number, came[i].res);
	}
}

static void polled(struct op *op, int res)
{
	struct ublk_queue *q = container_of(op, struct ublk_queue, poll);
	q->polling = false;
	if (!q->leaving)
		reap(q);
	if (!q->leaving && (q->fetching || q->running)) {
		q->polling = true;
		file_poll(q->r, &q->poll, q->ring.ring_fd);
	} else if (!q->closing) {
		q->unused(q);
	}
	settle(q);
}

/* --- the whole */

static size_t descriptors_size(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	return (UBLK_DEPTH * sizeof(struct ublksrv_io_desc) + page - 1) / page * page;
}

static void free_all(struct ublk_queue *q)
{
	if (q->has_ring)
		io_uring_queue_exit(&q->ring);
	if (q->descriptors)
		munmap((void *)(uintptr_t)q->descriptors, descriptors_size());
	if (q->tags) {
		if (q->tags[0].buf)
			munmap(q->tags[0].buf, (size_t)UBLK_DEPTH * UBLK_MAX_IO);
		free(q->tags[0].context);
	}
	free(q->tags);
	q->tags = NULL;
	q->descriptors = NULL;
	q->has_ring = false;
}

static void end(struct deferred *d)
{
	struct ublk_queue *q = container_of(d, struct ublk_queue, end);
	if (q->polling || q->running || (q->fetching && !q->leaving))
		return;
	deferred_cancel(&q->push);
	free_all(q);
	q->closed(q);
}

static int make_tags(struct ublk_queue *q)
{
	size_t context = (q->disk->context_size + 15) / 16 * 16;
	q->tags = calloc(UBLK_DEPTH, sizeof(*q->tags));
	if (!q->tags)
		return -ENOMEM;
	uint8_t *contexts = calloc(UBLK_DEPTH, MAX(context, (size_t)16));
	q->tags[0].context = contexts;
	uint8_t *buf = mmap(NULL, (size_t)UBLK_DEPTH * UBLK_MAX_IO, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (!contexts || buf == MAP_FAILED)
		return -ENOMEM;
	for (size_t i = 0; i < UBLK_DEPTH; i++)
		q->tags[i] = (struct ublk_tag){.queue = q,
					       .buf = buf + i * UBLK_MAX_IO,
					       .context = contexts + i * context};
	return 0;
}

static int map_descriptors(struct ublk_queue *q)
{
	off_t at = UBLKSRV_CMD_BUF_OFFSET +
		   (off_t)q->index * UBLK_MAX_QUEUE_DEPTH * (off_t)sizeof(struct ublksrv_io_desc);
	void *p = mmap(NULL, descriptors_size(), PROT_READ, MAP_SHARED | MAP_POPULATE, q->fd, at);
	if (p == MAP_FAILED)
		return -errno;
	q->descriptors = p;
	return 0;
}

int ublk_queue_open(struct ublk_queue *q)
{
	deferred_init(&q->push, push);
	deferred_init(&q->end, end);
	q->poll.done = polled;
	int err = make_tags(q);
	if (!err)
		err = map_descriptors(q);
	if (!err)
		err = io_uring_queue_init(UBLK_DEPTH, &q->ring, IORING_SETUP_COOP_TASKRUN);
	if (err) {
		free_all(q);
		return err;
	}
	q->has_ring = true;
	for (size_t i = 0; i < UBLK_DEPTH; i++)
		put_command(&q->tags[i], UBLK_IO_FETCH_REQ, -1);
	q->polling = true;
	file_poll(q->r, &q->poll, q->ring.ring_fd);
	return 0;
}

void ublk_queue_close(struct ublk_queue *q, bool leave, void (*closed)(struct ublk_queue *q))
{
	q->closing = true;
	q->leaving = leave;
	q->closed = closed;
	if (leave && q->polling)
		reactor_cancel(q->r, &q->poll);
	reactor_defer(q->r, &q->end);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * many-reads URL: reads a whole LU, 32 requests of 64 KiB at a time, in a poll loop of its own, and prints how many
 * bytes there were and their sum.
 */
#include <lunar/scsi.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

enum { DEPTH = 32, PIECE = 64 * 1024 };

struct reader;

struct slot {
	struct reader *reader;
	struct lunar_task task;
	struct iovec iov;
	unsigned char buf[PIECE];
};

struct reader {
	struct lunar_session *session;
	struct lunar_capacity cap;
	uint64_t lun, next, bytes, sum;
	unsigned busy;
	int err;
	struct slot slots[DEPTH];
};

static void begin(struct slot *slot);

static void done(struct lunar_task *t, int err)
{
	struct slot *slot = t->user;
	struct reader *r = slot->reader;
	char text[160];

	r->busy--;
	err = lunar_task_result(t, err);
	if (err && !r->err) {
		r->err = err;
		fprintf(stderr, "many-reads: %s\n", lunar_task_text(t, err, text, sizeof(text)));
	}
	for (uint32_t i = 0; i < t->got; i++)
		r->sum += slot->buf[i];
	r->bytes += t->got;
	begin(slot);
}

static void begin(struct slot *slot)
{
	struct reader *r = slot->reader;
	uint64_t left = r->cap.blocks - r->next;
	uint32_t blocks = PIECE / r->cap.block_size;

	if (!left || r->err)
		return;
	if (left < blocks)
		blocks = (uint32_t)left;
	slot->iov.iov_base = slot->buf;
	slot->iov.iov_len = PIECE;
	lunar_prepare_read(&slot->task, r->lun, r->next, blocks, r->cap.block_size, &slot->iov, 1,
			   0);
	slot->task.done = done;
	slot->task.user = slot;
	r->err = lunar_submit(r->session, &slot->task);
	if (!r->err) {
		r->next += blocks;
		r->busy++;
	}
}

/* Any event loop does it: a descriptor to wait for, and a time. */
static void turn(struct lunar *l)
{
	struct pollfd fd = {.fd = lunar_fd(l), .events = POLLIN};
	poll(&fd, 1, lunar_timeout(l));
	lunar_service(l);
}

int main(int argc, char **argv)
{
	struct lunar *l;
	struct reader *r = calloc(1, sizeof(*r));

	if (argc != 2 || !r || lunar_new(&l) || lunar_session_new(l, &r->session))
		return 2;
	int err = lunar_set_url(r->session, argv[1], &r->lun);
	if (!err)
		err = lunar_login(r->session);
	if (!err)
		err = lunar_capacity(r->session, r->lun, &r->cap);
	if (err) {
		fprintf(stderr, "many-reads: %s\n", lunar_error(r->session));
		return 1;
	}
	for (unsigned i = 0; i < DEPTH; i++) {
		r->slots[i].reader = r;
		begin(&r->slots[i]);
	}
	while (r->busy)
		turn(l);
	printf("%llu bytes, sum %llu\n", (unsigned long long)r->bytes, (unsigned long long)r->sum);
	err = r->err;
	lunar_logout(r->session);
	lunar_free(l);
	free(r);
	return err ? 1 : 0;
}

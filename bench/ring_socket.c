/* SPDX-License-Identifier: BSD-2-Clause */
/* Sockets: one end has the ring, the other a thread. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "ring.h"

/* Newer than liburing 2.3. */
#define RECVSEND_BUNDLE      (1U << 4) /* Linux 6.10 */
#define SEND_ZC_REPORT_USAGE (1U << 3) /* Linux 6.2 */
#define NOTIF_USAGE_COPIED   (1U << 31)

#define HEAD     48
#define STAGE    (64u << 10) /* what the target gives a receive */
#define PROVIDED (1u << 20)  /* bytes of provided buffers, the first of all memory */
#define PIECE    4096u       /* one of them, where a completion has several */
#define PLACES   16          /* for the data of so many messages, the last of all memory */

#define LITTLE_BYTES (128 << 10) /* the kernel takes it twice, for what it adds itself */

enum { RECEIVED, SENT };

struct pair {
	size_t message;
	unsigned depth;
	int ours, theirs;
	pthread_t thread;
};

/* Sends `depth` messages, and one more for each 48 bytes that come back. */
static void *peer_asks(void *arg)
{
	struct pair *p = arg;
	static const uint8_t out[DEPTH_MAX * (HEAD + 4096)];
	uint8_t in[DEPTH_MAX * HEAD];
	size_t more = p->depth, part = 0;
	ssize_t got;
	pin_to(1);
	do {
		for (size_t left = more * p->message; left;) {
			ssize_t n = send(p->theirs, out, left < sizeof(out) ? left : sizeof(out),
					 MSG_NOSIGNAL);
			if (n < 0)
				return NULL;
			left -= (size_t)n;
		}
		got = recv(p->theirs, in, sizeof(in), 0);
		part += got > 0 ? (size_t)got : 0;
		more = part / HEAD;
		part %= HEAD;
	} while (got > 0);
	return NULL;
}

/* Throws away what comes, and does not even look at it. */
static void *peer_takes(void *arg)
{
	struct pair *p = arg;
	pin_to(1);
	while (recv(p->theirs, NULL, MEMORY, MSG_TRUNC) > 0)
		;
	return NULL;
}

static void limit(const struct pair *p)
{
	int bytes = LITTLE_BYTES;
	setsockopt(p->ours, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	setsockopt(p->theirs, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
}

static void pair_open(struct pair *p, struct run *r, void *(*peer)(void *))
{
	struct sockaddr_in addr = {.sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(addr);
	int on = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
	*p = (struct pair){HEAD + r->w->size, r->w->depth, -1, socket(AF_INET, SOCK_STREAM, 0), 0};
	if (bind(listener, (struct sockaddr *)&addr, len) || listen(listener, 1) ||
	    getsockname(listener, (struct sockaddr *)&addr, &len) ||
	    connect(p->theirs, (struct sockaddr *)&addr, len)) {
		perror("loopback");
		exit(1);
	}
	p->ours = accept(listener, NULL, NULL);
	close(listener);
	setsockopt(p->ours, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(p->theirs, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (r->way & LITTLE)
		limit(p);
	if (pthread_create(&p->thread, NULL, peer, p)) {
		perror("thread");
		exit(1);
	}
	r->has_other = pthread_getcpuclockid(p->thread, &r->other) == 0;
}

static void pair_close(struct pair *p)
{
	shutdown(p->ours, SHUT_RDWR);
	pthread_join(p->thread, NULL);
	close(p->ours);
	close(p->theirs);
}

/* --- messages are received, and answered with 48 bytes each */

struct receiver {
	struct run *run;
	struct pair pair;
	struct io_uring ring;
	struct io_uring_buf_ring *provided;
	uint32_t piece, pieces; /* provided buffers: bytes of one, and how many */
	size_t at;              /* so much of a message is here */
	uint64_t owed;          /* answers */
	bool receiving, sending;
};

static void give_back(struct receiver *r, unsigned index, unsigned nth)
{
	io_uring_buf_ring_add(r->provided, r->run->memory + (size_t)index * r->piece, r->piece,
			      (unsigned short)index, io_uring_buf_ring_mask(r->pieces), (int)nth);
}

static int provide(struct receiver *r)
{
	r->piece = r->run->way & BUNDLE ? PIECE : STAGE;
	r->pieces = PROVIDED / r->piece;
	if (posix_memalign((void **)&r->provided, 4096, 4096))
		return -ENOMEM;
	memset(r->provided, 0, 4096);
	struct io_uring_buf_reg reg = {.ring_addr = (uintptr_t)r->provided,
				       .ring_entries = r->pieces};
	for (unsigned i = 0; i < r->pieces; i++)
		give_back(r, i, i);
	io_uring_buf_ring_advance(r->provided, (int)r->pieces);
	return io_uring_register_buf_ring(&r->ring, &reg, 0);
}

/* Where a command would have the data of the next message. */
static uint8_t *place(const struct receiver *r)
{
	size_t data = r->pair.message - HEAD;
	return r->run->memory + MEMORY - (r->run->done.ops % PLACES + 1) * data;
}

/* Finds the ends of messages. */
static void take(struct receiver *r, const uint8_t *from, size_t n)
{
	while (n) {
		size_t left = (r->at < HEAD ? HEAD : r->pair.message) - r->at;
		size_t part = n < left ? n : left;
		if (r->at >= HEAD && r->run->way & COPY)
			memcpy(place(r) + r->at - HEAD, from, part);
		from += part;
		n -= part;
		r->at += part;
		if (r->at < r->pair.message)
			continue;
		r->at = 0;
		r->owed++;
		r->run->done.ops++;
	}
}

/* The same with what is in provided buffers, one after the other. */
static void take_provided(struct receiver *r, unsigned index, size_t n)
{
	unsigned used = 0;
	for (; n; used++) {
		size_t part = n < r->piece ? n : r->piece;
		take(r, r->run->memory + (size_t)index * r->piece, part);
		give_back(r, index, used);
		n -= part;
		index = (index + 1) % r->pieces;
	}
	io_uring_buf_ring_advance(r->provided, (int)used);
}

static void push_receive(struct receiver *r)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&r->ring);
	if (r->run->way & MULTISHOT) {
		io_uring_prep_recv_multishot(sqe, r->pair.ours, NULL, 0, 0);
		sqe->flags |= IOSQE_BUFFER_SELECT;
		if (r->run->way & BUNDLE)
			sqe->ioprio |= RECVSEND_BUNDLE;
	} else {
		io_uring_prep_recv(sqe, r->pair.ours, r->run->memory, STAGE, 0);
	}
	ring_tag(sqe, r->run, RECEIVED);
	r->receiving = true;
}

static void push_answers(struct receiver *r)
{
	static const uint8_t answers[DEPTH_MAX * HEAD];
	struct io_uring_sqe *sqe = io_uring_get_sqe(&r->ring);
	io_uring_prep_send(sqe, r->pair.ours, answers, r->owed * HEAD, MSG_NOSIGNAL);
	ring_tag(sqe, r->run, SENT);
	r->owed = 0;
	r->sending = true;
}

static int received(struct receiver *r, const struct io_uring_cqe *cqe)
{
	r->receiving = cqe->flags & IORING_CQE_F_MORE;
	if (cqe->res == -ENOBUFS) /* all of them came at once */
		return 0;
	if (cqe->res <= 0)
		return cqe->res ? cqe->res : -ECONNRESET;
	if (r->run->way & MULTISHOT)
		take_provided(r, cqe->flags >> IORING_CQE_BUFFER_SHIFT, (size_t)cqe->res);
	else
		take(r, r->run->memory, (size_t)cqe->res);
	r->run->done.completions++;
	return 0;
}

static int receive_all(struct receiver *r)
{
	struct io_uring_cqe *cqe;
	int ret = 0;
	while (ret == 0 && run_goes_on(r->run)) {
		if (!r->receiving)
			push_receive(r);
		if (r->owed && !r->sending)
			push_answers(r);
		io_uring_submit_and_wait(&r->ring, 1);
		for (unsigned n = io_uring_cq_ready(&r->ring); n && ret == 0; n--) {
			io_uring_peek_cqe(&r->ring, &cqe);
			if (cqe->user_data == RECEIVED)
				ret = received(r, cqe);
			else
				r->sending = false;
			io_uring_cqe_seen(&r->ring, cqe);
		}
	}
	return ret;
}

int run_receive(struct run *run)
{
	struct receiver r = {.run = run};
	pair_open(&r.pair, run, peer_asks);
	int ret = ring_open(&r.ring, run, r.pair.ours);
	bool opened = ret == 0;
	if (opened && run->way & MULTISHOT)
		ret = provide(&r);
	run_start(run, CLOCK_THREAD_CPUTIME_ID);
	if (ret == 0)
		ret = receive_all(&r);
	pair_close(&r.pair);
	if (opened)
		io_uring_queue_exit(&r.ring);
	free(r.provided);
	return ret;
}

/* --- one send after the other */

static void push_send(struct io_uring *ring, const struct run *r, int sock, uint32_t len)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
	if (!(r->way & ZERO_COPY))
		io_uring_prep_send(sqe, sock, r->memory, len, MSG_NOSIGNAL);
	else if (r->way & REG_BUFFER)
		io_uring_prep_send_zc_fixed(sqe, sock, r->memory, len, MSG_NOSIGNAL,
					    SEND_ZC_REPORT_USAGE, 0);
	else
		io_uring_prep_send_zc(sqe, sock, r->memory, len, MSG_NOSIGNAL,
				      SEND_ZC_REPORT_USAGE);
	ring_tag(sqe, r, SENT);
}

/* How much of it was sent; 0: this is only the news that a send's memory is free again. */
static int sent(struct run *r, const struct io_uring_cqe *cqe)
{
	if (cqe->flags & IORING_CQE_F_NOTIF) {
		r->done.notified++;
		r->done.copied += (uint32_t)cqe->res & NOTIF_USAGE_COPIED ? 1 : 0;
		return 0;
	}
	r->done.completions++;
	return cqe->res ? cqe->res : -EPIPE;
}

static int send_all(struct io_uring *ring, struct run *r, int sock)
{
	struct io_uring_cqe *cqe;
	uint32_t left = r->w->size;
	bool sending = false;
	int ret = 0;
	while (ret >= 0 && run_goes_on(r)) {
		if (!sending)
			push_send(ring, r, sock, left);
		sending = true;
		io_uring_submit_and_wait(ring, 1);
		for (unsigned n = io_uring_cq_ready(ring); n && ret >= 0; n--) {
			io_uring_peek_cqe(ring, &cqe);
			ret = sent(r, cqe);
			io_uring_cqe_seen(ring, cqe);
			if (ret <= 0)
				continue;
			sending = false;
			left -= (uint32_t)ret;
			r->done.ops += left ? 0 : 1;
			left = left ? left : r->w->size;
		}
	}
	return ret < 0 ? ret : 0;
}

int run_send(struct run *r)
{
	struct pair pair;
	struct io_uring ring;
	pair_open(&pair, r, peer_takes);
	int ret = ring_open(&ring, r, pair.ours);
	bool opened = ret == 0;
	run_start(r, CLOCK_THREAD_CPUTIME_ID);
	if (opened)
		ret = send_all(&ring, r, pair.ours);
	pair_close(&pair);
	if (opened)
		io_uring_queue_exit(&ring);
	return ret;
}

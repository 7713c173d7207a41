/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A connection that serves a disk. Headers and small data come in through a stage, many with one receive; the
 * rest of a large write goes from the socket straight into its request's buffer. All replies that are due go
 * out with one send, data from the buffers that the disk has filled.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "attach/nbd.h"
#include "reactor/net.h"

#define STAGE        (32u << 10)
#define DEPTH        128u /* requests of a connection at a time */
#define GATHER       64u  /* replies in one send, two pieces each */
#define EXTENTS_MAX  1024u
#define HANDSHAKE_NS (10 * NSEC_PER_SEC)
/* Of the answers to options; no client needs a part of it. */
#define ANSWERS_MAX (256u << 10)
/* Of one connection's requests. One of the largest always fits. */
#define MEMORY_MAX ((size_t)NBD_TRANSFER_MAX)

/* Its link is in idle, in replies or in going, or nowhere while the disk has it. */
struct request {
	struct list link;
	struct conn *conn;
	struct nbd_request_header head;
	struct disk_request q;
	void *buf; /* from the pool, `memory` bytes */
	size_t memory;
	struct iovec reply[2]; /* header, data */
	uint8_t header[NBD_REPLY_ROOM];
};

struct conn {
	struct list link;
	struct nbd_host *host;
	int sock;
	struct nbd_handshake shake;
	struct timer patience; /* for the handshake */
	struct op recv, send;
	struct iovec recv_iov[2], send_iov[2 * GATHER];
	bool receiving, sending, dead, leaving; /* leaving: it has asked for nothing more */
	struct deferred reap, push;
	struct buf answers, parting; /* to options; those that are being sent */
	size_t parted;               /* so many bytes of these have been */
	size_t from, to;             /* what is in the stage */
	uint64_t skip;               /* bytes on the wire that nobody wants */
	struct request *filling;     /* its data are coming */
	size_t filled;
	unsigned running; /* requests that the disk has */
	size_t memory;    /* in buffers of requests */
	struct list idle, replies, going;
	void *contexts;
	struct request requests[DEPTH];
	uint8_t stage[STAGE];
};

static void receive(struct conn *c);

/* --- its end */

static void conn_free(struct conn *c)
{
	struct nbd_host *host = c->host;
	for (size_t i = 0; i < DEPTH; i++)
		bufpool_put(&host->pool, c->requests[i].buf, c->requests[i].memory);
	timer_cancel(host->r, &c->patience);
	deferred_cancel(&c->reap);
	deferred_cancel(&c->push);
	net_close(host->r, c->sock);
	buf_free(&c->answers);
	buf_free(&c->parting);
	list_del(&c->link);
	free(c->contexts);
	free(c);
	host->count--;
	if (host->gone)
		host->gone(host);
}

static void free_when_quiet(struct deferred *d)
{
	struct conn *c = container_of(d, struct conn, reap);
	if (c->dead && !c->receiving && !c->sending && !c->running)
		conn_free(c);
}

static void settle(struct conn *c)
{
	if (c->dead)
		reactor_defer(c->host->r, &c->reap);
}

static void drop(struct conn *c, const char *why)
{
	if (c->dead)
		return;
	if (why)
		log_info(reactor_log(c->host->r), "nbd: %s: a client: %s", c->host->export.name,
			 why);
	c->dead = true;
	net_shutdown(c->host->r, c->sock);
	settle(c);
}

/* --- out */

static bool is_serving(const struct conn *c)
{
	return c->shake.phase == NBD_TRANSMISSION;
}

static void recycle(struct request *rq)
{
	struct conn *c = rq->conn;
	bufpool_put(&c->host->pool, rq->buf, rq->memory);
	c->memory -= rq->memory;
	rq->buf = NULL;
	rq->memory = 0;
	list_del(&rq->link);
	list_add_tail(&c->idle, &rq->link);
}

static unsigned gather(struct conn *c)
{
	unsigned n = 0;
	if (c->parted < c->parting.len)
		c->send_iov[n++] =
			(struct iovec){c->parting.data + c->parted, c->parting.len - c->parted};
	list_for_each (it, &c->going) {
		struct request *rq = list_entry(it, struct request, link);
		for (size_t i = 0; i < ARRAY_SIZE(rq->reply) && n < ARRAY_SIZE(c->send_iov); i++)
			if (rq->reply[i].iov_len)
				c->send_iov[n++] = rq->reply[i];
	}
	return n;
}

static void send_more(struct conn *c)
{
	if (c->sending || c->dead)
		return;
	/* What comes while others go waits: what is being sent must stay where it is. */
	if (c->parted == c->parting.len) {
		struct buf swap = c->parting;
		c->parting = c->answers;
		c->answers = swap;
		buf_clear(&c->answers);
		c->parted = 0;
	}
	for (unsigned room = GATHER - 1; room && !list_empty(&c->replies); room--) {
		struct request *rq = list_first(&c->replies, struct request, link);
		list_del(&rq->link);
		list_add_tail(&c->going, &rq->link);
	}
	unsigned n = gather(c);
	if (n) {
		c->sending = true;
		net_send(c->host->r, &c->send, c->sock, c->send_iov, n);
	} else if (c->leaving && !c->running) {
		drop(c, NULL);
	}
}

static void push(struct deferred *d)
{
	send_more(container_of(d, struct conn, push));
}

/* Drops what has been sent from the front of a vector; the rest of `n`. */
static size_t advance(struct iovec *iov, size_t n)
{
	size_t part = MIN(n, iov->iov_len);
	if (!part)
		return n;
	iov->iov_base = (uint8_t *)iov->iov_base + part;
	iov->iov_len -= part;
	return n - part;
}

static void sent_bytes(struct conn *c, size_t n)
{
	size_t part = MIN(n, c->parting.len - c->parted);
	c->parted += part;
	n -= part;
	while (!list_empty(&c->going)) {
		struct request *rq = list_first(&c->going, struct request, link);
		n = advance(&rq->reply[0], n);
		n = advance(&rq->reply[1], n);
		if (rq->reply[0].iov_len || rq->reply[1].iov_len)
			return;
		recycle(rq);
	}
}

static void sent(struct op *op, int res)
{
	struct conn *c = container_of(op, struct conn, send);
	c->sending = false;
	if (res < 0) {
		drop(c, NULL);
	} else {
		sent_bytes(c, (size_t)res);
		send_more(c);
		receive(c); /* it may have waited for buffers */
	}
	settle(c);
}

/* The reply of a request that nobody else has, with `length` bytes of data from its buffer. */
static void answer(struct request *rq, int err, void *data, size_t length)
{
	struct conn *c = rq->conn;
	length = err ? 0 : length;
	rq->reply[0] =
		(struct iovec){rq->header, nbd_reply_header(rq->header, &rq->head,
							    c->shake.structured, err, length)};
	rq->reply[1] = (struct iovec){data, length};
	list_add_tail(&c->replies, &rq->link);
	if (!c->sending && !c->dead)
		reactor_defer(c->host->r, &c->push);
}

static void extents_done(struct request *rq, int err)
{
	uint8_t *data = (uint8_t *)(rq->q.extents + rq->q.room);
	size_t length = err ? 0 : nbd_reply_extents(data, rq->q.extents, rq->q.count, &rq->head);
	answer(rq, err ? err : length ? 0 : -EIO, data, length);
}

static void disk_done(struct disk_request *q, int err)
{
	struct request *rq = container_of(q, struct request, q);
	struct conn *c = rq->conn;
	c->running--;
	if (q->op == DISK_EXTENTS)
		extents_done(rq, err);
	else
		answer(rq, err, rq->buf, q->op == DISK_READ ? q->length : 0);
	settle(c);
}

/* --- in: requests */

static void submit(struct request *rq)
{
	struct conn *c = rq->conn;
	struct disk *d = c->host->export.disk;
	/* The disk may have changed while the data came. */
	int err = disk_check(d, &rq->q);
	if (err) {
		answer(rq, err, NULL, 0);
		return;
	}
	c->running++;
	disk_submit(d, &rq->q);
}

/* What its buffer is to hold. */
static size_t memory_for(const struct disk_request *q)
{
	if (q->op == DISK_READ || q->op == DISK_WRITE)
		return q->length;
	return q->op == DISK_EXTENTS ? EXTENTS_MAX * (sizeof(struct disk_extent) + 8) : 0;
}

/* False: it has to wait until others have gone. */
static bool get_memory(struct request *rq, size_t len)
{
	struct conn *c = rq->conn;
	if (!len)
		return true;
	if (c->memory + len > MEMORY_MAX)
		return false;
	rq->buf = bufpool_get(&c->host->pool, len);
	if (!rq->buf)
		return false;
	rq->memory = len;
	c->memory += len;
	return true;
}

static void begin(struct request *rq)
{
	struct conn *c = rq->conn;
	list_del(&rq->link);
	rq->q.done = disk_done;
	rq->q.context = (uint8_t *)c->contexts +
			(size_t)(rq - c->requests) * c->host->export.disk->context_size;
	rq->q.buf = rq->buf;
	if (rq->q.op == DISK_EXTENTS)
		rq->q.room = rq->head.flags & NBD_CMD_REQ_ONE ? 1 : EXTENTS_MAX;
	if (rq->q.op == DISK_WRITE) {
		c->filling = rq;
		c->filled = 0;
	} else if (rq->q.op == DISK_FLUSH && !c->host->export.disk->traits.write_cache) {
		answer(rq, 0, NULL, 0);
	} else {
		submit(rq);
	}
}

/* The request whose header is at `head` in the stage. False: not now. */
static bool take_request(struct conn *c, const struct nbd_request_header *head)
{
	if (list_empty(&c->idle))
		return false;
	struct request *rq = list_first(&c->idle, struct request, link);
	rq->head = *head;
	int err = nbd_request_translate(c->host->export.disk, head, c->shake.allocation, &rq->q);
	if (err) {
		list_del(&rq->link);
		c->skip = nbd_carries_data(head) ? head->length : 0;
		answer(rq, err, NULL, 0);
		return true;
	}
	if (!get_memory(rq, memory_for(&rq->q))) {
		if (c->memory)
			return false;
		drop(c, "no memory for its request");
		return true;
	}
	begin(rq);
	return true;
}

/* --- in: bytes */

static size_t staged(const struct conn *c)
{
	return c->to - c->from;
}

static bool fill(struct conn *c)
{
	size_t n = MIN(staged(c), c->filling->q.length - c->filled);
	memcpy((uint8_t *)c->filling->buf + c->filled, c->stage + c->from, n);
	c->filled += n;
	c->from += n;
	if (c->filled < c->filling->q.length)
		return false;
	struct request *rq = c->filling;
	c->filling = NULL;
	submit(rq);
	return true;
}

static bool shake(struct conn *c)
{
	const char *why = NULL;
	ssize_t n = nbd_handshake_step(&c->shake, c->stage + c->from, staged(c), &c->answers, &why);
	if (n < 0 || c->answers.err) {
		drop(c, n < 0 ? why : "it asks for more answers than it reads");
		return false;
	}
	c->from += (size_t)n;
	if (c->shake.phase == NBD_ENDED)
		c->leaving = true;
	if (is_serving(c))
		timer_cancel(c->host->r, &c->patience);
	return n > 0;
}

static bool serve(struct conn *c)
{
	struct nbd_request_header head;
	if (staged(c) < NBD_REQUEST_SIZE)
		return false;
	if (nbd_request_parse(&head, c->stage + c->from)) {
		drop(c, "what it sends is not a request of NBD");
		return false;
	}
	if (head.command == NBD_DISCONNECT) {
		c->leaving = true;
		return false;
	}
	if (!take_request(c, &head))
		return false;
	c->from += NBD_REQUEST_SIZE;
	return true;
}

/* One step with what is in the stage; false: there is none to be done now. */
static bool step(struct conn *c)
{
	if (c->dead || c->leaving)
		return false;
	if (c->skip) {
		size_t n = MIN(staged(c), c->skip);
		c->from += n;
		c->skip -= n;
		return n > 0;
	}
	if (c->filling)
		return fill(c);
	return is_serving(c) ? serve(c) : shake(c);
}

static void receive_into(struct conn *c)
{
	unsigned n = 0;
	memmove(c->stage, c->stage + c->from, staged(c));
	c->to -= c->from;
	c->from = 0;
	if (c->filling)
		c->recv_iov[n++] = (struct iovec){(uint8_t *)c->filling->buf + c->filled,
						  c->filling->q.length - c->filled};
	c->recv_iov[n++] = (struct iovec){c->stage + c->to, STAGE - c->to};
	c->receiving = true;
	net_recv(c->host->r, &c->recv, c->sock, c->recv_iov, n);
}

/* It is full of headers that wait for a free request when a client has more under way than it may. */
static void receive(struct conn *c)
{
	if (c->receiving || c->dead)
		return;
	while (step(c))
		;
	if (!c->sending && !c->dead)
		reactor_defer(c->host->r, &c->push);
	bool waits = is_serving(c) && !c->filling && staged(c) >= NBD_REQUEST_SIZE;
	if (!c->dead && !c->leaving && !waits)
		receive_into(c);
}

static void received_bytes(struct conn *c, size_t n)
{
	if (c->filling) {
		size_t part = MIN(n, c->filling->q.length - c->filled);
		c->filled += part;
		n -= part;
	}
	c->to += n;
}

static void received(struct op *op, int res)
{
	struct conn *c = container_of(op, struct conn, recv);
	c->receiving = false;
	if (res <= 0) {
		drop(c, NULL);
	} else {
		received_bytes(c, (size_t)res);
		receive(c);
	}
	settle(c);
}

static void out_of_patience(struct timer *t)
{
	drop(container_of(t, struct conn, patience), "its handshake takes too long");
}

/* --- the whole */

void nbd_host_init(struct nbd_host *host, struct reactor *r, struct disk *disk, const char *name)
{
	*host = (struct nbd_host){.r = r, .export = {disk, name}};
	list_init(&host->conns);
}

void nbd_host_free(struct nbd_host *host)
{
	assert(!host->count);
	bufpool_free(&host->pool);
}

unsigned nbd_host_busy(const struct nbd_host *host)
{
	unsigned busy = 0;
	list_for_each (it, &host->conns) {
		const struct conn *c = list_entry(it, struct conn, link);
		busy += !c->dead && is_serving(c);
	}
	return busy;
}

void nbd_host_drop(struct nbd_host *host)
{
	list_for_each (it, &host->conns)
		drop(list_entry(it, struct conn, link), NULL);
}

static void greet(struct conn *c, enum nbd_greeting greeting)
{
	if (greeting == NBD_AT_ONCE) {
		c->shake.phase = NBD_TRANSMISSION;
		return;
	}
	nbd_handshake_begin(&c->shake, &c->host->export, &c->answers);
	timer_set(c->host->r, &c->patience, reactor_now(c->host->r) + HANDSHAKE_NS);
}

int nbd_conn_new(struct nbd_host *host, int sock, enum nbd_greeting greeting)
{
	struct conn *c = calloc(1, sizeof(*c));
	void *contexts = calloc(DEPTH, MAX(host->export.disk->context_size, (size_t)1));
	if (!c || !contexts) {
		free(c);
		free(contexts);
		net_close(host->r, sock);
		return -ENOMEM;
	}
	c->host = host;
	c->sock = sock;
	c->contexts = contexts;
	c->recv.done = received;
	c->send.done = sent;
	timer_init(&c->patience, out_of_patience);
	deferred_init(&c->reap, free_when_quiet);
	deferred_init(&c->push, push);
	buf_init(&c->answers, ANSWERS_MAX);
	buf_init(&c->parting, ANSWERS_MAX);
	list_init(&c->idle);
	list_init(&c->replies);
	list_init(&c->going);
	for (size_t i = 0; i < DEPTH; i++) {
		c->requests[i].conn = c;
		list_add_tail(&c->idle, &c->requests[i].link);
	}
	list_add_tail(&host->conns, &c->link);
	host->count++;
	greet(c, greeting);
	receive(c);
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The engine on epoll, for kernels and sandboxes that refuse io_uring. Sockets do not block: an
 * operation is tried at once, and again when epoll says that it may go on. Files always block, so their
 * operations are done by a few threads (workers.h); a read of what is in the page cache is not.
 *
 * An op is, by its link, in exactly one of these from submission to done:
 *   queued            to be begun in this turn
 *   handle->in, out   waits for its socket to be readable, writable
 *   handle->behind    waits for a thread: its file has as many as one file may have
 *   the workers'      lists
 *   finished          over, with the result in priv[OP_RESULT]
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include "reactor/posix.h"
#include "reactor/workers.h"

#define EVENTS_MAX 256
/* A file that hangs keeps no more threads than this from the others. */
#define THREADS_OF_A_FILE 12

enum { OP_STATE, OP_RESULT, OP_BEGUN }; /* places in op->priv; the last is the workers' */
enum op_state {
	SETTLED, /* done, or its end has been asked for: a cancellation has nothing to add */
	WAITING, /* in one of our lists */
	AT_WORK, /* with the workers */
};

struct handle {
	struct list in, out, behind;
	unsigned at_work;
	bool watched;
	bool pollable; /* a READ of it waits like a RECV: signals */
};

struct epoll_engine {
	struct engine base;
	int epoll, wake; /* wake: for what a worker has done, and for mail */
	uint64_t now;
	struct list queued, finished;
	struct workers *workers;
	struct handle **handles; /* by descriptor */
	size_t handle_count;
};

static struct epoll_engine *epoll_of(struct engine *e)
{
	return container_of(e, struct epoll_engine, base);
}

/* NULL: no memory. */
static struct handle *handle_of(struct epoll_engine *p, int fd)
{
	size_t i = (size_t)fd;
	if (i >= p->handle_count) {
		size_t count = MAX(i + 1, 2 * p->handle_count + 64);
		struct handle **handles = reallocarray(p->handles, count, sizeof(*handles));
		if (!handles)
			return NULL;
		memset(handles + p->handle_count, 0, (count - p->handle_count) * sizeof(*handles));
		p->handles = handles;
		p->handle_count = count;
	}
	if (!p->handles[i]) {
		struct handle *h = calloc(1, sizeof(*h));
		if (!h)
			return NULL;
		list_init(&h->in);
		list_init(&h->out);
		list_init(&h->behind);
		p->handles[i] = h;
	}
	return p->handles[i];
}

static void finish(struct epoll_engine *p, struct op *op, int res)
{
	op->priv[OP_STATE] = SETTLED;
	op->priv[OP_RESULT] = (uint64_t)(int64_t)res;
	list_del(&op->link);
	list_add_tail(&p->finished, &op->link);
}

/* --- sockets: each kind as often as it takes; -EAGAIN: not now */

static int or_errno(ssize_t n)
{
	return n < 0 ? -errno : (int)n;
}

static int try_accept(struct op *op)
{
	op->addrlen = sizeof(op->addr);
	memset(&op->addr, 0, sizeof(op->addr));
	int sock = or_errno(
		accept4(op->handle, &op->addr.sa, &op->addrlen, SOCK_CLOEXEC | SOCK_NONBLOCK));
	if (sock >= 0)
		posix_tune_socket(sock);
	return sock;
}

static int connect_begun(struct op *op)
{
	int sock = posix_connect_socket(op);
	op->handle = sock;
	if (sock < 0)
		return sock;
	if (fcntl(sock, F_SETFL, O_NONBLOCK))
		return -errno;
	int res = or_errno(connect(sock, &op->addr.sa, posix_addr_len(&op->addr)));
	return res == -EINPROGRESS || res == -EINTR ? -EAGAIN : res;
}

static int try_connect(struct op *op)
{
	int err = 0;
	socklen_t len = sizeof(err);
	if (!op->priv[OP_BEGUN]) {
		op->priv[OP_BEGUN] = true;
		err = -connect_begun(op);
	} else if (getsockopt(op->handle, SOL_SOCKET, SO_ERROR, &err, &len)) {
		err = errno;
	}
	return err ? -err : posix_connected(op->handle);
}

static int try_recv(struct op *op)
{
	posix_set_message(op);
	return or_errno(recvmsg(op->handle, &op->msg, MSG_DONTWAIT));
}

static int try_send(struct op *op)
{
	posix_set_message(op);
	return or_errno(sendmsg(op->handle, &op->msg, MSG_DONTWAIT | MSG_NOSIGNAL));
}

static int try_read(struct op *op)
{
	return or_errno(readv(op->handle, op->iov, (int)op->iovcnt));
}

static int try_poll(struct op *op)
{
	struct pollfd fd = {.fd = op->handle, .events = POLLIN};
	int n = or_errno(poll(&fd, 1, 0));
	return n ? MIN(n, 0) + fd.revents : -EAGAIN;
}

/* --- files: each kind on a thread */

static int run_read(struct op *op)
{
	return or_errno(preadv(op->handle, op->iov, (int)op->iovcnt, (off_t)op->offset));
}

static int run_write(struct op *op)
{
	return or_errno(
		pwritev2(op->handle, op->iov, (int)op->iovcnt, (off_t)op->offset, (int)op->flags));
}

static int run_fdatasync(struct op *op)
{
	return or_errno(fdatasync(op->handle));
}

static int run_fallocate(struct op *op)
{
	return or_errno(
		fallocate(op->handle, (int)op->flags, (off_t)op->offset, (off_t)op->length));
}

static const struct kind {
	int (*attempt)(struct op *op); /* of a socket */
	bool writes;                   /* waits to be writable */
	int (*run)(struct op *op);     /* of a file */
} kinds[] = {
	[OP_ACCEPT] = {try_accept, false, NULL},
	[OP_CONNECT] = {try_connect, true, NULL},
	[OP_RECV] = {try_recv, false, NULL},
	[OP_SEND] = {try_send, true, NULL},
	[OP_READ] = {try_read, false, run_read},
	[OP_WRITE] = {NULL, false, run_write},
	[OP_FDATASYNC] = {NULL, false, run_fdatasync},
	[OP_FALLOCATE] = {NULL, false, run_fallocate},
	[OP_POLL] = {try_poll, false, NULL},
};

static int run(struct op *op)
{
	int res;
	do
		res = kinds[op->kind].run(op);
	while (res == -EINTR);
	return res;
}

/* --- the beginning of an operation */

/* Once for each descriptor, both ways, by edges. What cannot be watched does not block either. */
static int watch(struct epoll_engine *p, struct handle *h, int fd)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
				    .data.fd = fd};
	if (h->watched)
		return 0;
	if (epoll_ctl(p->epoll, EPOLL_CTL_ADD, fd, &event))
		return -errno;
	h->watched = true;
	return 0;
}

static void attempt(struct epoll_engine *p, struct op *op)
{
	const struct kind *kind = &kinds[op->kind];
	struct handle *h = NULL;
	int res;
	list_del(&op->link);
	if (op->handle >= 0) {
		h = handle_of(p, op->handle);
		/* Those that came before go first. */
		if (h && !list_empty(kind->writes ? &h->out : &h->in)) {
			list_add_tail(kind->writes ? &h->out : &h->in, &op->link);
			return;
		}
	}
	do
		res = kind->attempt(op);
	while (res == -EINTR);
	if (res == -EAGAIN) {
		h = handle_of(p, op->handle);
		res = h ? watch(p, h, op->handle) : -ENOMEM;
		if (!res) {
			list_add_tail(kind->writes ? &h->out : &h->in, &op->link);
			return;
		}
	}
	finish(p, op, res);
}

/* What is in the page cache needs no thread. */
static bool read_at_once(struct epoll_engine *p, struct op *op)
{
	if (op->kind != OP_READ || op->flags != OP_CACHED)
		return false;
	int n = posix_read_cached(op);
	if (n < 0)
		return false;
	finish(p, op, n);
	return true;
}

static void give_to_worker(struct epoll_engine *p, struct handle *h, struct op *op)
{
	list_del(&op->link);
	op->priv[OP_STATE] = AT_WORK;
	int err = workers_submit(p->workers, op);
	if (err)
		finish(p, op, err);
	else
		h->at_work++;
}

static void begin_file(struct epoll_engine *p, struct op *op)
{
	struct handle *h = op->handle >= 0 ? handle_of(p, op->handle) : NULL;
	if (!h) {
		finish(p, op, op->handle < 0 ? -EBADF : -ENOMEM);
	} else if (h->pollable) {
		attempt(p, op);
	} else if (h->at_work >= THREADS_OF_A_FILE) {
		list_del(&op->link);
		list_add_tail(&h->behind, &op->link);
	} else if (!read_at_once(p, op)) {
		give_to_worker(p, h, op);
	}
}

static void begin_queued(struct epoll_engine *p)
{
	while (!list_empty(&p->queued)) {
		struct op *op = list_first(&p->queued, struct op, link);
		if (kinds[op->kind].run)
			begin_file(p, op);
		else
			attempt(p, op);
	}
}

static void epoll_submit(struct engine *e, struct op *op)
{
	struct epoll_engine *p = epoll_of(e);
	op->priv[OP_STATE] = WAITING;
	op->priv[OP_BEGUN] = false;
	list_add_tail(&p->queued, &op->link);
}

/* One that was with the workers is not any more: the next of its file. */
static void file_has_room(struct epoll_engine *p, int fd)
{
	struct handle *h = p->handles[fd];
	h->at_work--;
	if (!list_empty(&h->behind))
		give_to_worker(p, h, list_first(&h->behind, struct op, link));
}

static void epoll_cancel(struct engine *e, struct op *op)
{
	struct epoll_engine *p = epoll_of(e);
	switch ((enum op_state)op->priv[OP_STATE]) {
	case SETTLED: return;
	case WAITING: finish(p, op, -ECANCELED); return;
	case AT_WORK:
		if (workers_withdraw(p->workers, op)) {
			file_has_room(p, op->handle);
			finish(p, op, -ECANCELED);
		}
		return;
	}
}

/* --- handles that are given up */

static void abandon(struct epoll_engine *p, struct list *waiting)
{
	while (!list_empty(waiting))
		finish(p, list_first(waiting, struct op, link), -EBADF);
}

/* The number will be used again, for something else. */
static void forget_handle(struct engine *e, int fd)
{
	struct epoll_engine *p = epoll_of(e);
	if (fd >= 0 && (size_t)fd < p->handle_count && p->handles[fd]) {
		struct handle *h = p->handles[fd];
		abandon(p, &h->in);
		abandon(p, &h->out);
		abandon(p, &h->behind);
		h->watched = h->pollable = false;
	}
}

static void epoll_close(struct engine *e, int fd)
{
	forget_handle(e, fd);
	posix_close(e, fd);
}

/* --- its end */

/* A connection that did not come to be leaves no socket. */
static int conclude(struct epoll_engine *p, struct op *op)
{
	int res = (int)(int64_t)op->priv[OP_RESULT];
	list_del(&op->link);
	if (op->kind == OP_CONNECT && res < 0 && op->priv[OP_BEGUN] && op->handle >= 0)
		epoll_close(&p->base, op->handle);
	return res;
}

static int run_finished(struct epoll_engine *p)
{
	struct list now;
	int ran = 0;
	list_init(&now);
	list_splice_tail(&now, &p->finished);
	for (; !list_empty(&now); ran++) {
		struct op *op = list_first(&now, struct op, link);
		op->done(op, conclude(p, op));
	}
	return ran;
}

/* --- the wait */

static void take_worked(struct epoll_engine *p)
{
	struct list over;
	uint64_t count;
	list_init(&over);
	if (read(p->wake, &count, sizeof(count)) < 0)
		return;
	workers_take(p->workers, &over);
	while (!list_empty(&over)) {
		struct op *op = list_first(&over, struct op, link);
		finish(p, op, (int)(int64_t)op->priv[OP_RESULT]);
		file_has_room(p, op->handle);
	}
}

static void try_again(struct epoll_engine *p, struct list *waiting)
{
	struct list now;
	list_init(&now);
	list_splice_tail(&now, waiting);
	while (!list_empty(&now))
		attempt(p, list_first(&now, struct op, link));
}

static void take_event(struct epoll_engine *p, const struct epoll_event *event)
{
	const uint32_t over = EPOLLERR | EPOLLHUP;
	if (event->data.fd == p->wake) {
		take_worked(p);
		return;
	}
	struct handle *h = p->handles[event->data.fd];
	if (event->events & (EPOLLIN | EPOLLRDHUP | over))
		try_again(p, &h->in);
	if (event->events & (EPOLLOUT | over))
		try_again(p, &h->out);
}

static int poll_events(struct epoll_engine *p, uint64_t deadline)
{
	struct epoll_event events[EVENTS_MAX];
	uint64_t now = deadline == 0 || deadline == REACTOR_NEVER ? 0 : posix_now();
	uint64_t left = deadline > now ? deadline - now : 0;
	struct timespec ts = {.tv_sec = (time_t)(left / NSEC_PER_SEC),
			      .tv_nsec = (long)(left % NSEC_PER_SEC)};
	int n = epoll_pwait2(p->epoll, events, EVENTS_MAX, deadline == REACTOR_NEVER ? NULL : &ts,
			     NULL);
	p->now = posix_now();
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	for (int i = 0; i < n; i++)
		take_event(p, &events[i]);
	return 0;
}

static int epoll_wait_(struct engine *e, uint64_t deadline)
{
	struct epoll_engine *p = epoll_of(e);
	begin_queued(p);
	int ret = poll_events(p, list_empty(&p->finished) ? deadline : 0);
	return ret ? ret : run_finished(p);
}

/* --- the engine itself */

static void epoll_wake(struct engine *e)
{
	posix_wake(epoll_of(e)->wake);
}

static uint64_t epoll_now(struct engine *e)
{
	return epoll_of(e)->now;
}

static int epoll_listen(struct engine *e, const struct net_addr *addr, int backlog)
{
	int sock = posix_listen(e, addr, backlog);
	int err = sock < 0 ? sock : posix_set_blocking(sock, false);
	if (err && sock >= 0)
		close(sock);
	return err ? err : sock;
}

static int epoll_take_listener(struct engine *e, int sock)
{
	return posix_set_blocking(sock, false);
}

static int epoll_signals(struct engine *e, const int *signals, size_t count)
{
	int fd = posix_signals(e, signals, count);
	if (fd < 0)
		return fd;
	struct handle *h = handle_of(epoll_of(e), fd);
	if (!h || fcntl(fd, F_SETFL, O_NONBLOCK)) {
		close(fd);
		return -ENOMEM;
	}
	h->pollable = true;
	return fd;
}

static void epoll_close_file(struct engine *e, int fd, bool aside)
{
	forget_handle(e, fd);
	posix_close_file(e, fd, aside);
}

static void discard(struct list *list)
{
	while (!list_empty(list)) {
		struct op *op = list_first(list, struct op, link);
		int res = (int)(int64_t)op->priv[OP_RESULT];
		bool over = op->priv[OP_STATE] == SETTLED;
		list_del(&op->link);
		if (op->kind == OP_CONNECT && op->priv[OP_BEGUN] && op->handle >= 0)
			close(op->handle);
		else if (op->kind == OP_ACCEPT && over && res >= 0)
			close(res);
	}
}

static void epoll_free(struct engine *e)
{
	struct epoll_engine *p = epoll_of(e);
	if (p->workers)
		workers_free(p->workers);
	discard(&p->queued);
	discard(&p->finished);
	for (size_t i = 0; i < p->handle_count; i++) {
		if (!p->handles[i])
			continue;
		discard(&p->handles[i]->in);
		discard(&p->handles[i]->out);
		discard(&p->handles[i]->behind);
		free(p->handles[i]);
	}
	free(p->handles);
	if (p->epoll >= 0)
		close(p->epoll);
	if (p->wake >= 0)
		close(p->wake);
	free(p);
}

static const struct engine_ops epoll_ops = {
	.name = "epoll",
	.free = epoll_free,
	.now = epoll_now,
	.submit = epoll_submit,
	.cancel = epoll_cancel,
	.wait = epoll_wait_,
	.wake = epoll_wake,
	.listen = epoll_listen,
	.take_listener = epoll_take_listener,
	.signals = epoll_signals,
	.close_socket = epoll_close,
	.close_file = epoll_close_file,
	POSIX_ENGINE_OPS,
};

static int set_up(struct epoll_engine *p)
{
	struct epoll_event event = {.events = EPOLLIN};
	p->epoll = epoll_create1(EPOLL_CLOEXEC);
	p->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (p->epoll < 0 || p->wake < 0)
		return -errno;
	event.data.fd = p->wake;
	if (epoll_ctl(p->epoll, EPOLL_CTL_ADD, p->wake, &event))
		return -errno;
	return workers_new(&p->workers, run, p->wake, p->base.log);
}

int reactor_new_epoll(struct reactor **out, struct log *log)
{
	struct epoll_engine *p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->base = (struct engine){.ops = &epoll_ops, .log = log};
	p->epoll = p->wake = -1;
	p->now = posix_now();
	list_init(&p->queued);
	list_init(&p->finished);
	int err = set_up(p);
	*out = err ? NULL : reactor_new(&p->base, log);
	if (!*out) {
		epoll_free(&p->base);
		return err ? err : -ENOMEM;
	}
	return 0;
}

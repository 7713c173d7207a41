/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The engine on io_uring. Operations gather in lists while the reactor turns; `wait` puts them all
 * into the ring and enters the kernel once, so that a turn costs one system call.
 *
 * An op is, by its link, in exactly one of these lists from submission to done:
 *   cached     reads, to be tried without the ring
 *   queued     not in the ring yet
 *   in_flight  the kernel has it
 *   cancelling the kernel has it, and is to be asked to give it back
 *   finished   over without the ring's help, with the result in priv[OP_RESULT]
 */
#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "reactor/posix.h"
#include "reactor/uring_restrict.h"

#define RING_ENTRIES 1024
/* Threads of the kernel for what cannot be done without blocking. It makes them as they are needed; by
 * itself no more than four for each CPU, and a disk that hangs would keep them all. */
#define WORKERS_MAX 1024
/* Room for the completions of far more operations than one submission takes. What does not fit the
 * kernel keeps, at a price. */
#define RING_COMPLETIONS 4096
/* The kernel moves no more in one call. The length in a submission has 32 bits. */
#define MAX_TRANSFER 0x7ffff000u
/* So much is read from the page cache before it is sent: what the processor's cache holds. */
#define READ_IN_A_TURN (256u << 10)
/* At the end: how often what is still in flight is cancelled, and when it is worth a log line. */
#define DRAIN_INTERVAL (100 * NSEC_PER_MSEC)
#define DRAIN_PATIENCE (5 * NSEC_PER_SEC)

enum { OP_STATE, OP_RESULT }; /* places in op->priv */
enum op_state {
	SETTLED, /* done, or its end has been asked for: a cancellation has nothing to add */
	QUEUED,
	SUBMITTED,
};

struct uring_engine {
	struct engine base;
	struct io_uring ring;
	uint64_t now;
	struct list cached, queued, in_flight, cancelling, finished;
	int wake; /* an eventfd, which the ring polls as long as `waking` */
	bool waking;
	bool stayed_out; /* the last wait did not enter the kernel */
};

static struct uring_engine *uring_of(struct engine *e)
{
	return container_of(e, struct uring_engine, base);
}

static void move_to(struct list *list, struct op *op)
{
	list_del(&op->link);
	list_add_tail(list, &op->link);
}

/* --- one kind of operation: how it begins, and what is left to do at its end */

static uint32_t transfer_length(const struct iovec *iov)
{
	return (uint32_t)MIN(iov->iov_len, MAX_TRANSFER);
}

static void prepare_accept(struct io_uring_sqe *sqe, struct op *op)
{
	op->addrlen = sizeof(op->addr);
	memset(&op->addr, 0, sizeof(op->addr));
	io_uring_prep_accept(sqe, op->handle, &op->addr.sa, &op->addrlen, SOCK_CLOEXEC);
}

static void prepare_connect(struct io_uring_sqe *sqe, struct op *op)
{
	io_uring_prep_connect(sqe, op->handle, &op->addr.sa, posix_addr_len(&op->addr));
}

static void prepare_recv(struct io_uring_sqe *sqe, struct op *op)
{
	if (op->iovcnt == 1) {
		io_uring_prep_recv(sqe, op->handle, op->iov->iov_base, transfer_length(op->iov), 0);
		return;
	}
	posix_set_message(op);
	io_uring_prep_recvmsg(sqe, op->handle, &op->msg, 0);
}

static void prepare_send(struct io_uring_sqe *sqe, struct op *op)
{
	if (op->iovcnt == 1) {
		io_uring_prep_send(sqe, op->handle, op->iov->iov_base, transfer_length(op->iov),
				   MSG_NOSIGNAL);
		return;
	}
	posix_set_message(op);
	io_uring_prep_sendmsg(sqe, op->handle, &op->msg, MSG_NOSIGNAL);
}

/* What blocks would block this thread, which is everybody's. */
static void leave_to_worker(struct io_uring_sqe *sqe, const struct op *op)
{
	if (op->may_block)
		sqe->flags |= IOSQE_ASYNC;
}

static void prepare_read(struct io_uring_sqe *sqe, struct op *op)
{
	if (op->iovcnt == 1)
		io_uring_prep_read(sqe, op->handle, op->iov->iov_base, transfer_length(op->iov),
				   op->offset);
	else
		io_uring_prep_readv(sqe, op->handle, op->iov, op->iovcnt, op->offset);
	leave_to_worker(sqe, op);
}

static void prepare_write(struct io_uring_sqe *sqe, struct op *op)
{
	if (op->iovcnt == 1)
		io_uring_prep_write(sqe, op->handle, op->iov->iov_base, transfer_length(op->iov),
				    op->offset);
	else
		io_uring_prep_writev(sqe, op->handle, op->iov, op->iovcnt, op->offset);
	sqe->rw_flags = (__kernel_rwf_t)op->flags;
	leave_to_worker(sqe, op);
}

static void prepare_fdatasync(struct io_uring_sqe *sqe, struct op *op)
{
	io_uring_prep_fsync(sqe, op->handle, IORING_FSYNC_DATASYNC);
}

static void prepare_fallocate(struct io_uring_sqe *sqe, struct op *op)
{
	io_uring_prep_fallocate(sqe, op->handle, (int)op->flags, (off_t)op->offset,
				(off_t)op->length);
}

static void prepare_poll(struct io_uring_sqe *sqe, struct op *op)
{
	io_uring_prep_poll_add(sqe, op->handle, POLLIN);
}

static int begin_connect(struct op *op)
{
	op->handle = posix_connect_socket(op);
	return MIN(op->handle, 0);
}

static int end_accept(struct op *op, int res)
{
	if (res >= 0)
		posix_tune_socket(res);
	return res;
}

static int end_connect(struct op *op, int res)
{
	if (res >= 0)
		res = posix_connected(op->handle);
	if (res < 0 && op->handle >= 0)
		posix_close(NULL, op->handle);
	return res;
}

static const struct kind {
	int (*begin)(struct op *op); /* or NULL; -errno ends it without the kernel */
	void (*prepare)(struct io_uring_sqe *sqe, struct op *op);
	int (*end)(struct op *op,
		   int res); /* or NULL; from the kernel's result to that of `done` */
	bool makes_socket;   /* which is closed when nobody is told of it */
} kinds[] = {
	[OP_ACCEPT] = {NULL, prepare_accept, end_accept, true},
	[OP_CONNECT] = {begin_connect, prepare_connect, end_connect, true},
	[OP_RECV] = {NULL, prepare_recv, NULL, false},
	[OP_SEND] = {NULL, prepare_send, NULL, false},
	[OP_READ] = {NULL, prepare_read, NULL, false},
	[OP_WRITE] = {NULL, prepare_write, NULL, false},
	[OP_FDATASYNC] = {NULL, prepare_fdatasync, NULL, false},
	[OP_FALLOCATE] = {NULL, prepare_fallocate, NULL, false},
	[OP_POLL] = {NULL, prepare_poll, NULL, false},
};

/* The operation is over: the result for whoever asked for it. */
static int conclude(struct op *op, int res)
{
	const struct kind *kind = &kinds[op->kind];
	list_del(&op->link);
	op->priv[OP_STATE] = SETTLED;
	return kind->end ? kind->end(op, res) : res;
}

/* The same when nobody is to be told. */
static void discard(struct op *op, int res)
{
	res = conclude(op, res);
	if (kinds[op->kind].makes_socket && res >= 0)
		posix_close(NULL, res);
}

/* --- into the ring */

static void finish(struct uring_engine *u, struct op *op, int res)
{
	op->priv[OP_STATE] = SETTLED;
	op->priv[OP_RESULT] = (uint64_t)(int64_t)res;
	move_to(&u->finished, op);
}

static void uring_submit(struct engine *e, struct op *op)
{
	struct uring_engine *u = uring_of(e);
	const struct kind *kind = &kinds[op->kind];
	op->priv[OP_STATE] = QUEUED;
	bool cached = op->kind == OP_READ && op->flags == OP_CACHED;
	list_add_tail(cached ? &u->cached : &u->queued, &op->link);
	int ret = kind->begin ? kind->begin(op) : 0;
	if (ret)
		finish(u, op, ret);
}

static void uring_cancel(struct engine *e, struct op *op)
{
	struct uring_engine *u = uring_of(e);
	enum op_state was = (enum op_state)op->priv[OP_STATE];
	if (was == QUEUED) {
		finish(u, op, -ECANCELED);
	} else if (was == SUBMITTED) {
		op->priv[OP_STATE] = SETTLED;
		move_to(&u->cancelling, op);
	}
}

/* What the page cache has needs no ring. */
static void read_cached(struct uring_engine *u)
{
	size_t budget = READ_IN_A_TURN;
	while (!list_empty(&u->cached) && budget) {
		struct op *op = list_first(&u->cached, struct op, link);
		int n = posix_read_cached(op);
		if (n > 0) {
			finish(u, op, n);
			budget -= MIN(budget, (size_t)n);
		} else {
			move_to(&u->queued, op);
		}
	}
}

/* A free place in the ring; when it is full, what is there goes to the kernel first. NULL if that
 * takes nothing now (-EAGAIN, -EBUSY, -EINTR): what is left waits for the next turn. */
static struct io_uring_sqe *place(struct uring_engine *u)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ring);
	if (!sqe && io_uring_submit(&u->ring) > 0)
		sqe = io_uring_get_sqe(&u->ring);
	return sqe;
}

static bool push_cancel(struct uring_engine *u, struct op *op)
{
	struct io_uring_sqe *sqe = place(u);
	if (!sqe)
		return false;
	/* It has no op: its own outcome says nothing that the op's does not. */
	io_uring_prep_cancel(sqe, op, 0);
	io_uring_sqe_set_data(sqe, NULL);
	move_to(&u->in_flight, op);
	return true;
}

/* Other threads write to it; what is there to be read does not matter. */
static void push_wake(struct uring_engine *u)
{
	struct io_uring_sqe *sqe = u->waking ? NULL : place(u);
	if (!sqe)
		return;
	io_uring_prep_poll_multishot(sqe, u->wake, POLLIN);
	io_uring_sqe_set_data(sqe, &u->wake);
	u->waking = true;
}

static bool push_op(struct uring_engine *u, struct op *op)
{
	struct io_uring_sqe *sqe = place(u);
	if (!sqe)
		return false;
	kinds[op->kind].prepare(sqe, op);
	io_uring_sqe_set_data(sqe, op);
	op->priv[OP_STATE] = SUBMITTED;
	move_to(&u->in_flight, op);
	return true;
}

/*
 * A cancellation meets the operation it means and no later one in the same memory: it enters the
 * ring before anything that is submitted after the operation is done, and the kernel keeps that
 * order.
 */
static void push_all(struct uring_engine *u, struct list *list,
		     bool (*push)(struct uring_engine *u, struct op *op))
{
	while (!list_empty(list) && push(u, list_first(list, struct op, link)))
		;
}

/* --- out of the ring */

/* Whether an interrupted operation goes around once more; a connection under way cannot. */
static bool again(const struct op *op, int res)
{
	return res == -EINTR && op->priv[OP_STATE] == SUBMITTED && op->kind != OP_CONNECT;
}

static int complete(struct uring_engine *u, struct op *op, int res)
{
	if (again(op, res)) {
		op->priv[OP_STATE] = QUEUED;
		move_to(&u->queued, op);
		return 0;
	}
	if (res == -EINTR && op->priv[OP_STATE] == SETTLED)
		res = -ECANCELED;
	res = conclude(op, res);
	op->done(op, res);
	return 1;
}

/* The op that is over; NULL: a cancellation, or that we were woken. */
static struct op *op_of(struct uring_engine *u, const struct io_uring_cqe *cqe)
{
	void *data = io_uring_cqe_get_data(cqe);
	if (data != &u->wake)
		return data;
	u->waking = cqe->flags & IORING_CQE_F_MORE;
	return NULL;
}

/* Runs what has completed by now; what completes meanwhile is for the next turn. */
static int reap(struct uring_engine *u)
{
	struct io_uring_cqe *cqe;
	int ran = 0;
	for (unsigned ready = io_uring_cq_ready(&u->ring); ready; ready--) {
		if (io_uring_peek_cqe(&u->ring, &cqe))
			break;
		struct op *op = op_of(u, cqe);
		int res = cqe->res;
		io_uring_cqe_seen(&u->ring, cqe);
		if (op)
			ran += complete(u, op, res);
	}
	return ran;
}

static int run_finished(struct uring_engine *u)
{
	struct list now;
	int ran = 0;
	list_init(&now);
	list_splice_tail(&now, &u->finished);
	while (!list_empty(&now)) {
		struct op *op = list_first(&now, struct op, link);
		op->done(op, conclude(op, (int)(int64_t)op->priv[OP_RESULT]));
		ran++;
	}
	return ran;
}

/* Submits, and waits for a completion at most until `deadline`. 0, or -errno if the ring broke. */
static int enter(struct uring_engine *u, uint64_t deadline)
{
	struct io_uring_cqe *cqe;
	uint64_t now = deadline == REACTOR_NEVER || deadline == 0 ? 0 : posix_now();
	int ret;
	if (deadline == REACTOR_NEVER) {
		ret = io_uring_submit_and_wait(&u->ring, 1);
	} else if (deadline <= now) {
		/* Completions are posted only by entering for them (DEFER_TASKRUN). */
		ret = io_uring_submit_and_get_events(&u->ring);
	} else {
		struct __kernel_timespec ts = {
			.tv_sec = (int64_t)((deadline - now) / NSEC_PER_SEC),
			.tv_nsec = (int64_t)((deadline - now) % NSEC_PER_SEC),
		};
		ret = io_uring_submit_and_wait_timeout(&u->ring, &cqe, 1, &ts, NULL);
	}
	/* Nothing came in time, a signal came instead, or the kernel is short of memory or of room
	 * for completions, of which reaping makes some. */
	if (ret == -ETIME || ret == -EINTR || ret == -EAGAIN || ret == -EBUSY)
		return 0;
	return MIN(ret, 0);
}

static int uring_wait(struct engine *e, uint64_t deadline)
{
	struct uring_engine *u = uring_of(e);
	push_wake(u);
	read_cached(u);
	push_all(u, &u->cancelling, push_cancel);
	push_all(u, &u->queued, push_op);
	/* What is sent because of what is over then enters the kernel with the rest: once in a row. */
	u->stayed_out = !u->stayed_out && !list_empty(&u->finished);
	if (u->stayed_out) {
		u->now = posix_now();
		return run_finished(u);
	}
	if (!list_empty(&u->finished) || !list_empty(&u->cached) || !list_empty(&u->queued) ||
	    !list_empty(&u->cancelling))
		deadline = 0;
	int ret = enter(u, deadline);
	u->now = posix_now();
	if (ret)
		return ret;
	int ran = run_finished(u);
	return ran + reap(u);
}

/* --- the engine itself */

static void uring_wake(struct engine *e)
{
	posix_wake(uring_of(e)->wake);
}

static uint64_t uring_now(struct engine *e)
{
	return uring_of(e)->now;
}

/* Takes back what the kernel has finished with. */
static void reap_discarding(struct uring_engine *u)
{
	struct io_uring_cqe *cqe;
	while (io_uring_peek_cqe(&u->ring, &cqe) == 0) {
		struct op *op = op_of(u, cqe);
		int res = cqe->res;
		io_uring_cqe_seen(&u->ring, cqe);
		if (op)
			discard(op, res);
	}
}

static void discard_all(struct list *list)
{
	while (!list_empty(list))
		discard(list_first(list, struct op, link), -ECANCELED);
}

/*
 * Closing a ring does not wait for its operations; the kernel would go on writing into memory that
 * the caller believes is free. So each is cancelled, at intervals, until it has come back. One that
 * hangs in a dead device holds this up for as long as it hangs: there is no safe way around it.
 */
static void drain(struct uring_engine *u)
{
	uint64_t now = posix_now(), cancel_at = now, warn_at = now + DRAIN_PATIENCE;
	discard_all(&u->cached);
	discard_all(&u->queued);
	discard_all(&u->finished);
	while (!list_empty(&u->cancelling) || !list_empty(&u->in_flight)) {
		if (now >= cancel_at) {
			list_splice_tail(&u->cancelling, &u->in_flight);
			cancel_at = now + DRAIN_INTERVAL;
		}
		if (now >= warn_at) {
			log_warning(u->base.log, "waiting for a file or device to let go");
			warn_at = REACTOR_NEVER;
		}
		push_all(u, &u->cancelling, push_cancel);
		int ret = enter(u, cancel_at);
		if (ret) {
			log_error(u->base.log, "io_uring: %s while ending", strerror(-ret));
			abort();
		}
		reap_discarding(u);
		now = posix_now();
	}
}

static void uring_free(struct engine *e)
{
	struct uring_engine *u = uring_of(e);
	drain(u);
	io_uring_queue_exit(&u->ring);
	close(u->wake);
	free(u);
}

/* The ring waits by itself for what blocks, and only for that. */
static int uring_take_listener(struct engine *e, int sock)
{
	return posix_set_blocking(sock, true);
}

static const struct engine_ops uring_ops = {
	.name = "uring",
	.free = uring_free,
	.now = uring_now,
	.submit = uring_submit,
	.cancel = uring_cancel,
	.wait = uring_wait,
	.wake = uring_wake,
	.listen = posix_listen,
	.take_listener = uring_take_listener,
	.signals = posix_signals,
	.close_socket = posix_close,
	.close_file = posix_close_file,
	POSIX_ENGINE_OPS,
};

/* The ways to set up a ring, best first; a kernel answers -EINVAL to a flag it does not know. */
static const struct {
	unsigned flags;
	const char *missing;
} setups[] = {
	{IORING_SETUP_SUBMIT_ALL | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN, NULL},
	{IORING_SETUP_SUBMIT_ALL | IORING_SETUP_COOP_TASKRUN, "DEFER_TASKRUN (Linux 6.1)"},
	{0, "COOP_TASKRUN (Linux 5.19)"},
};

static int open_ring(struct io_uring *ring, struct log *log)
{
	int ret = -EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(setups) && ret == -EINVAL; i++) {
		struct io_uring_params params = {
			.flags = setups[i].flags | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP |
				 IORING_SETUP_R_DISABLED,
			.cq_entries = RING_COMPLETIONS,
		};
		ret = io_uring_queue_init_params(RING_ENTRIES, ring, &params);
		if (ret == 0 && setups[i].missing)
			log_info(log, "io_uring goes without %s", setups[i].missing);
	}
	if (ret)
		return ret;
	ret = uring_restrict(ring);
	if (ret)
		io_uring_queue_exit(ring);
	return ret;
}

int reactor_new_uring(struct reactor **out, struct log *log)
{
	/* A wait with a timeout of its own, and completions that are never dropped. */
	const unsigned needed = IORING_FEAT_EXT_ARG | IORING_FEAT_NODROP;
	struct uring_engine *u = calloc(1, sizeof(*u));
	if (!u)
		return -ENOMEM;
	int ret = open_ring(&u->ring, log);
	if (ret) {
		free(u);
		return ret == -EINVAL ? -ENOSYS : ret;
	}
	u->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	/* Linux 5.15; without it there are fewer. */
	unsigned workers[2] = {WORKERS_MAX, 0};
	io_uring_register_iowq_max_workers(&u->ring, workers);
	u->base = (struct engine){.ops = &uring_ops, .log = log};
	u->now = posix_now();
	list_init(&u->cached);
	list_init(&u->queued);
	list_init(&u->in_flight);
	list_init(&u->cancelling);
	list_init(&u->finished);
	ret = (u->ring.features & needed) == needed ? 0 : -ENOSYS;
	if (u->wake < 0)
		ret = -EMFILE;
	*out = ret ? NULL : reactor_new(&u->base, log);
	if (!*out) {
		uring_free(&u->base);
		return ret ? ret : -ENOMEM;
	}
	io_uring_register_ring_fd(&u->ring); /* cheaper entering, where there is such a thing */
	return 0;
}

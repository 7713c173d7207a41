/* SPDX-License-Identifier: BSD-2-Clause */
#include "initiatord/rights_link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct asking {
	uint32_t number;
	struct rights_order order;
};

struct answering {
	uint32_t number;
	struct rights_answer answer;
};

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(RIGHTS_FILES * sizeof(int))];
};

/* Waits for room. 0 or -errno. */
static int say(int end, void *message, size_t len, const int *files, unsigned count)
{
	union control control = {0};
	struct iovec iov = {message, len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	if (count) {
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(count * sizeof(int));
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(c), files, count * sizeof(int));
	}
	ssize_t n;
	do
		n = sendmsg(end, &msg, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

static void close_all(const int *files, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		close(files[i]);
}

/* A message of `len` bytes, and no other: 1. 0: the other side has ended. -errno. */
static int hear(int end, void *message, size_t len, int files[RIGHTS_FILES], unsigned *count)
{
	union control control;
	struct iovec iov = {message, len};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control)};
	ssize_t n;
	*count = 0;
	do
		n = recvmsg(end, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n < 0 ? -errno : 0;
	const struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
		*count = (unsigned)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(files, CMSG_DATA(c), *count * sizeof(int));
	}
	if ((size_t)n == len && !(msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
		return 1;
	close_all(files, *count);
	return -EBADMSG;
}

/* --- the side that asks */

struct waiting {
	struct list link;
	uint32_t number;
	struct rights_call *call;
};

struct arrival {
	struct mail mail;
	struct rights_link *link;
	struct answering a;
	int file;
};

static void deliver(struct mail *m)
{
	struct arrival *a = container_of(m, struct arrival, mail);
	list_for_each (it, &a->link->asked) {
		struct waiting *w = list_entry(it, struct waiting, link);
		if (w->number != a->a.number)
			continue;
		struct rights_call *call = w->call;
		list_del(&w->link);
		free(w);
		call->answer = a->a.answer;
		call->file = a->file;
		free(a);
		call->done(call);
		return;
	}
	if (a->file >= 0)
		close(a->file);
	free(a);
}

static void *hear_answers(void *arg)
{
	struct rights_link *l = arg;
	for (;;) {
		int files[RIGHTS_FILES];
		unsigned count = 0;
		struct arrival *a = calloc(1, sizeof(*a));
		if (!a || hear(l->end, &a->a, sizeof(a->a), files, &count) <= 0)
			_exit(1); /* what waits would wait for ever */
		a->link = l;
		a->file = count ? files[0] : -1;
		if (count > 1)
			close_all(files + 1, count - 1);
		reactor_post(l->r, &a->mail, deliver);
	}
	return NULL;
}

static void give_up(struct mail *m)
{
	struct rights_call *call = container_of(m, struct rights_call, mail);
	call->done(call);
}

static void submit(struct rights *r, struct rights_call *call)
{
	struct rights_link *l = container_of(r, struct rights_link, rights);
	struct asking a = {.number = ++l->last, .order = call->order};
	struct waiting *w = malloc(sizeof(*w));
	int err = w ? say(l->end, &a, sizeof(a), call->files, call->file_count) : -ENOMEM;
	if (err) {
		free(w);
		call->answer.err = err;
		snprintf(call->answer.why, sizeof(call->answer.why),
			 "the process that has the rights cannot be asked: %s", strerror(-err));
		reactor_post(l->r, &call->mail, give_up);
		return;
	}
	*w = (struct waiting){.number = a.number, .call = call};
	list_add_tail(&l->asked, &w->link);
}

int rights_link_start(struct rights_link *l, struct reactor *r, int end)
{
	pthread_t thread;
	*l = (struct rights_link){.rights.submit = submit, .r = r, .end = end};
	list_init(&l->asked);
	return -pthread_create(&thread, NULL, hear_answers, l);
}

/* --- the side that has them */

/* What the threads of one link share; the last one frees it. */
struct service {
	struct rights_holder *h;
	struct log *log;
	int end;
	atomic_uint users;
};

struct job {
	struct service *s;
	struct asking a;
	int files[RIGHTS_FILES];
	unsigned count;
};

static void leave(struct service *s)
{
	if (atomic_fetch_sub(&s->users, 1) != 1)
		return;
	close(s->end);
	free(s);
}

static void *carry_out(void *arg)
{
	struct job *j = arg;
	struct answering a = {.number = j->a.number};
	int file = -1;
	rights_carry_out(j->s->h, &j->a.order, j->files, j->count, &a.answer, &file);
	(void)say(j->s->end, &a, sizeof(a), &file, file >= 0);
	if (file >= 0)
		close(file);
	close_all(j->files, j->count);
	leave(j->s);
	free(j);
	return NULL;
}

static int start_detached(void *(*run)(void *arg), void *arg)
{
	pthread_attr_t attr;
	pthread_t thread;
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	int err = pthread_create(&thread, &attr, run, arg);
	pthread_attr_destroy(&attr);
	return -err;
}

static void *hear_orders(void *arg)
{
	struct service *s = arg;
	for (;;) {
		struct job *j = calloc(1, sizeof(*j));
		int n = j ? hear(s->end, &j->a, sizeof(j->a), j->files, &j->count) : -ENOMEM;
		if (n > 0) {
			j->s = s;
			atomic_fetch_add(&s->users, 1);
			n = start_detached(carry_out, j) ? -EAGAIN : 1;
			if (n < 0) {
				close_all(j->files, j->count);
				leave(s);
			}
		}
		if (n > 0)
			continue;
		if (n < 0)
			log_error(s->log, "what needs rights cannot be done: %s", strerror(-n));
		shutdown(s->end, SHUT_RDWR);
		free(j);
		leave(s);
		return NULL;
	}
}

int rights_serve(struct rights_holder *h, int end, struct log *log)
{
	struct service *s = malloc(sizeof(*s));
	if (!s) {
		close(end);
		return -ENOMEM;
	}
	*s = (struct service){.h = h, .log = log, .end = end};
	atomic_init(&s->users, 1);
	int err = start_detached(hear_orders, s);
	if (err)
		leave(s);
	return err;
}

/* --- what nobody serves */

struct ending {
	struct rights_holder *h;
	uint32_t slot;
};

static void *end_device(void *arg)
{
	static const enum rights_kind steps[] = {RIGHTS_FUSE_ABORT, RIGHTS_STOP,
						 RIGHTS_UBLK_DELETE};
	struct ending *e = arg;
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		const struct rights_order order = {
			.kind = steps[i], .slot = e->slot, .force = true};
		struct rights_answer answer;
		int file;
		rights_carry_out(e->h, &order, NULL, 0, &answer, &file);
	}
	free(e);
	return NULL;
}

void rights_end_slot(struct rights_holder *h, uint32_t slot, struct log *log)
{
	struct rights_kept kept;
	int files[RIGHTS_KEPT_FILES];
	if (!rights_keep(h, slot, &kept, files))
		return;
	log_warning(log, "%s is ended: nobody serves it any more", kept.path);
	struct ending *e = malloc(sizeof(*e));
	if (e)
		*e = (struct ending){h, slot};
	if (!e || start_detached(end_device, e)) {
		log_error(log, "%s cannot be ended: %s", kept.path, strerror(ENOMEM));
		free(e);
	}
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Who opens what, and how many do. */
#include "daemon/opener.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "common/list.h"
#include "reactor/net.h"
#include "sandbox/channel.h"

/* As many that have nothing to do stay. */
#define AT_HAND 2
/* Another one is made when all have been busy for so long, and as many at once. */
#define BUSY_TIME (50 * NSEC_PER_MSEC)
#define AT_ONCE   8
/* More than this many disks that hang, and the next one waits until one of them does not. */
#define OPENERS_MOST 256
/* Requests and answers are large. */
#define ROOM (1 << 18)

struct opener_proc {
	struct list link;
	struct openers *os;
	pid_t pid;
	int end, answers;
	struct opening *opening; /* NULL: it waits for one */
	uint64_t since;
	struct op op;
	struct iovec iov;
	char word;
	bool reading, gone;
};

static void give_out(struct openers *os);

/* --- processes */

/* What it holds is undone by itself, when it notices. */
static void proc_drop(struct opener_proc *p)
{
	struct openers *os = p->os;
	p->gone = true;
	p->opening = NULL;
	list_del(&p->link);
	list_add_tail(&os->dropped, &p->link);
	close(p->answers);
	net_shutdown(os->r, p->end);
	if (!p->reading)
		net_close(os->r, p->end);
}

static void proc_free(struct opener_proc *p)
{
	list_del(&p->link);
	free(p);
}

static void listen_to(struct opener_proc *p);

static void fail(struct opening *o, int err, const char *why)
{
	static const int none[2] = {-1, -1};
	struct opener_answer *a = calloc(1, sizeof(*a));
	struct opener_answer least = {.err = -ENOMEM, .why = "no memory"};
	if (a) {
		a->err = err;
		snprintf(a->why, sizeof(a->why), "%s", why);
	}
	o->done(o, a ? a : &least, none);
	free(a);
}

static void take_answer(struct opener_proc *p)
{
	struct opening *o = p->opening;
	struct opener_answer *a = calloc(1, sizeof(*a));
	int got[CHANNEL_FILES], files[2] = {-1, -1};
	size_t count = 0, next = 0;
	ssize_t n = a ? channel_receive_files(p->answers, a, sizeof(*a), got, &count, MSG_DONTWAIT)
		      : -ENOMEM;
	p->opening = NULL;
	if (n != (ssize_t)sizeof(*a)) {
		proc_drop(p);
		fail(o, n < 0 ? (int)n : -EPIPE, "the process that opens disks has failed");
		free(a);
		return;
	}
	if (next < count)
		files[0] = got[next++];
	if (next < count)
		files[1] = got[next];
	o->done(o, a, files);
	free(a);
}

static void heard(struct op *op, int res)
{
	struct opener_proc *p = container_of(op, struct opener_proc, op);
	struct openers *os = p->os;
	p->reading = false;
	if (p->gone) {
		net_close(os->r, p->end);
		if (!p->pid)
			proc_free(p);
		return;
	}
	if (res != 1 || !p->opening) {
		struct opening *o = p->opening;
		proc_drop(p);
		if (o)
			fail(o, -EPIPE, "the process that opens disks has ended");
	} else {
		take_answer(p);
		if (!p->gone)
			listen_to(p);
	}
	give_out(os);
}

static void listen_to(struct opener_proc *p)
{
	p->reading = true;
	p->iov = (struct iovec){&p->word, 1};
	p->op.done = heard;
	net_recv(p->os->r, &p->op, p->end, &p->iov, 1);
}

static void make_room(const int pair[2])
{
	int most = ROOM;
	for (int i = 0; i < 2; i++)
		setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &most, sizeof(most));
}

/* A pair of sockets is the other process's standing in the turn, the other one is for descriptors. */
static int proc_start(struct opener_proc *p)
{
	int word[2], answers[2];
	pid_t parent = getpid();
	int err = channel_pair(word);
	if (err)
		return err;
	err = channel_pair(answers);
	if (err) {
		close(word[0]);
		close(word[1]);
		return err;
	}
	make_room(word);
	make_room(answers);
	int end = word[1];
	p->pid = spawn_process(p->os->seat, &end);
	if (p->pid == 0)
		opener_run(reactor_log(p->os->r), parent, end);
	p->end = word[0];
	p->answers = answers[0];
	err = p->pid < 0 ? (int)p->pid : channel_send(p->end, "", 1, answers[1]);
	close(word[1]);
	close(answers[1]);
	if (p->pid < 0) {
		close(word[0]);
		close(answers[0]);
	}
	return err;
}

static struct opener_proc *proc_new(struct openers *os)
{
	struct opener_proc *p = os->count < OPENERS_MOST ? calloc(1, sizeof(*p)) : NULL;
	if (!p)
		return NULL;
	p->os = os;
	int err = proc_start(p);
	if (err) {
		log_error(reactor_log(os->r), "a process that opens disks cannot be started: %s",
			  strerror(-err));
		if (p->pid <= 0) {
			free(p);
			return NULL;
		}
	}
	os->count++;
	list_add_tail(&os->procs, &p->link);
	if (err) {
		proc_drop(p);
		return NULL;
	}
	listen_to(p);
	return p;
}

/* --- who gets what */

static void close_them(void *files)
{
	const int *f = files;
	for (int i = 0; i < 2; i++)
		if (f[i] >= 0)
			close(f[i]);
}

/* Of which file system they are is not known here. */
static void close_files(struct opening *o)
{
	if (o->files[0] >= 0)
		spawn_aside(close_them, o->files);
	else
		close_them(o->files);
	o->files[0] = o->files[1] = -1;
}

static bool give(struct opener_proc *p, struct opening *o)
{
	o->request.has_handle = o->files[0] >= 0;
	o->request.has_lock = o->files[1] >= 0;
	int err = channel_send_files(p->end, &o->request, sizeof(o->request), o->files, 2);
	if (err) {
		proc_drop(p);
		return false;
	}
	close_files(o);
	p->opening = o;
	p->since = reactor_now(p->os->r);
	o->proc = p;
	list_del(&o->link);
	list_init(&o->link);
	return true;
}

/* One that is free; a new one when there are few, or when all of them have been busy for long. */
static struct opener_proc *find_free(struct openers *os, size_t *may_make)
{
	uint64_t now = reactor_now(os->r);
	size_t quick = 0;
	list_for_each (it, &os->procs) {
		struct opener_proc *p = list_entry(it, struct opener_proc, link);
		if (!p->opening)
			return p;
		quick += now - p->since < BUSY_TIME;
	}
	if (quick >= AT_HAND || !*may_make)
		return NULL;
	--*may_make;
	return proc_new(os);
}

static void end_superfluous(struct openers *os)
{
	size_t idle = 0;
	list_for_each_safe (it, &os->procs) {
		struct opener_proc *p = list_entry(it, struct opener_proc, link);
		if (!p->opening && ++idle > AT_HAND)
			proc_drop(p);
	}
}

static void look_again(struct openers *os, uint64_t when)
{
	if (!timer_is_set(&os->timer) || os->timer.deadline > when)
		timer_set(os->r, &os->timer, when);
}

static void give_out(struct openers *os)
{
	size_t may_make = AT_ONCE;
	while (!list_empty(&os->waiting)) {
		struct opening *o = list_first(&os->waiting, struct opening, link);
		struct opener_proc *p = find_free(os, &may_make);
		if (!p) {
			look_again(os, reactor_now(os->r) + BUSY_TIME);
			return;
		}
		give(p, o);
	}
	end_superfluous(os);
}

/* --- time */

static void tell_slow(struct openers *os, struct opening *o, uint64_t now)
{
	if (o->told)
		return;
	if (now < o->deadline) {
		look_again(os, o->deadline);
		return;
	}
	o->told = true;
	if (o->slow)
		o->slow(o);
}

static void look(struct timer *t)
{
	struct openers *os = container_of(t, struct openers, timer);
	uint64_t now = reactor_now(os->r);
	list_for_each_safe (it, &os->waiting)
		tell_slow(os, list_entry(it, struct opening, link), now);
	list_for_each_safe (it, &os->procs) {
		struct opener_proc *p = list_entry(it, struct opener_proc, link);
		if (p->opening)
			tell_slow(os, p->opening, now);
	}
	give_out(os);
}

void opening_init(struct opening *o, enum opener_kind kind,
		  void (*done)(struct opening *o, const struct opener_answer *answer,
			       const int files[2]),
		  void (*slow)(struct opening *o))
{
	o->request.kind = kind;
	o->files[0] = o->files[1] = -1;
	o->done = done;
	o->slow = slow;
}

void openers_init(struct openers *os, struct reactor *r, const struct spawn_seat *seat)
{
	*os = (struct openers){.r = r, .seat = seat};
	list_init(&os->procs);
	list_init(&os->waiting);
	list_init(&os->dropped);
	timer_init(&os->timer, look);
}

void opener_ask(struct openers *os, struct opening *o)
{
	o->proc = NULL;
	o->told = false;
	o->deadline = reactor_now(os->r) + OPENER_PATIENCE;
	list_add_tail(&os->waiting, &o->link);
	look_again(os, o->deadline);
	give_out(os);
}

void opener_drop(struct openers *os, struct opening *o)
{
	if (o->proc)
		proc_drop(o->proc);
	else
		list_del(&o->link);
	close_files(o);
	o->proc = NULL;
}

static bool remove_ended(struct openers *os, struct list *list, pid_t pid)
{
	list_for_each_safe (it, list) {
		struct opener_proc *p = list_entry(it, struct opener_proc, link);
		if (p->pid != pid)
			continue;
		struct opening *o = p->opening;
		if (!p->gone)
			proc_drop(p);
		p->pid = 0;
		/* Its socket's end may not have come back yet. */
		if (!p->reading)
			proc_free(p);
		os->count--;
		if (o)
			fail(o, -EPIPE, "the process that opens disks has ended");
		return true;
	}
	return false;
}

bool openers_ended(struct openers *os, pid_t pid)
{
	bool ours = remove_ended(os, &os->procs, pid) || remove_ended(os, &os->dropped, pid);
	if (ours)
		give_out(os);
	return ours;
}

void openers_close(struct openers *os)
{
	struct list *lists[] = {&os->procs, &os->dropped};
	timer_cancel(os->r, &os->timer);
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		list_for_each (it, lists[i]) {
			const struct opener_proc *p = list_entry(it, struct opener_proc, link);
			if (p->pid > 0)
				kill(p->pid, SIGKILL);
		}
	}
}

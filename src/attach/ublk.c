/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ublk: the kernel gives requests to a process by io_uring, with a queue for each of the disk's, on its reactor.
 * When the process goes, the kernel keeps what it has asked for, and asks whoever takes over.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "attach/attach.h"
#include "attach/probe.h"
#include "attach/rights.h"
#include "attach/ublk_queue.h"

#define QUEUES_MAX 16u

/* A queue, and the letters to its reactor and back. */
struct part {
	struct ublk_queue queue;
	struct ublk *owner;
	struct mail there, back;
	bool open;
	int err;
};

struct ublk {
	struct attach attach;
	struct reactor *r;
	struct rights_call call, change;
	bool calling, changing, change_again, force, losing, leaving, failed;
	int fd; /* of the device; -1: closed */
	int outcome;
	unsigned count, waiting; /* parts; those that a letter is awaited from */
	void (*all_came)(struct ublk *u);
	struct part parts[QUEUES_MAX];
	struct deferred end;
};

static struct ublk *of(struct attach *a)
{
	return container_of(a, struct ublk, attach);
}

static int probe(char *why, size_t why_size)
{
	static const struct probe_path paths[] = {
		{.path = "/dev/ublk-control", .what = "ublk (modprobe ublk_drv; Linux 6.0)"},
	};
	return probe_paths(paths, ARRAY_SIZE(paths), why, why_size);
}

static void ask(struct ublk *u, enum rights_kind kind, void (*done)(struct rights_call *call))
{
	rights_call_init(&u->call, &u->attach, kind, done);
	u->call.order.force = u->force;
	u->call.order.queues = u->count;
	u->call.order.depth = UBLK_DEPTH;
	u->call.order.max_io = UBLK_MAX_IO;
	u->calling = true;
	u->attach.o.rights->submit(u->attach.o.rights, &u->call);
}

static struct ublk *answered(struct rights_call *call)
{
	struct ublk *u = container_of(call, struct ublk, call);
	u->calling = false;
	if (call->answer.why[0])
		attach_set_why(&u->attach, "%s", call->answer.why);
	return u;
}

/* --- letters to the queues' reactors, and back; who has `u` next gets it by letter */

static void came_back(struct mail *m)
{
	struct ublk *u = container_of(m, struct part, back)->owner;
	if (!--u->waiting)
		u->all_came(u);
}

static void send_back(struct part *p)
{
	reactor_post(p->owner->r, &p->back, came_back);
}

static void send_out(struct ublk *u, void (*deliver)(struct mail *m),
		     void (*all_came)(struct ublk *u))
{
	u->waiting = u->count;
	u->all_came = all_came;
	for (unsigned i = 0; i < u->count; i++)
		reactor_post(u->parts[i].queue.r, &u->parts[i].there, deliver);
}

static void open_part(struct mail *m)
{
	struct part *p = container_of(m, struct part, there);
	p->err = ublk_queue_open(&p->queue);
	p->open = !p->err;
	send_back(p);
}

static void part_closed(struct ublk_queue *q)
{
	struct part *p = container_of(q, struct part, queue);
	p->open = false;
	send_back(p);
}

static void close_part(struct mail *m)
{
	struct part *p = container_of(m, struct part, there);
	if (p->open)
		ublk_queue_close(&p->queue, p->owner->leaving || p->owner->failed, part_closed);
	else
		send_back(p);
}

/* --- its end: the kernel stops it, the queues close, it is deleted */

static void say_end(struct ublk *u)
{
	if (u->failed) {
		attach_say_ready(&u->attach, u->outcome);
	} else if (u->attach.stopping) {
		attach_say_stopped(&u->attach, 0);
	} else {
		attach_set_why(&u->attach, "%s was ended by somebody else", u->attach.path);
		attach_say_lost(&u->attach);
	}
}

static void deleted(struct rights_call *call)
{
	struct ublk *u = container_of(call, struct ublk, call);
	u->calling = false;
	if (call->answer.err && !u->failed)
		log_error(reactor_log(u->r), "%s: %s", u->attach.name, call->answer.why);
	say_end(u);
}

static void queues_closed(struct ublk *u)
{
	if (u->fd >= 0)
		file_close(u->r, u->fd);
	u->fd = -1;
	if (u->leaving)
		say_end(u);
	else
		ask(u, RIGHTS_UBLK_DELETE, deleted);
}

static void stop_answered(struct rights_call *call)
{
	struct ublk *u = answered(call);
	if (call->answer.err && !u->losing && !u->failed)
		attach_say_stopped(&u->attach, call->answer.err);
	else
		send_out(u, close_part, queues_closed);
}

static void stop_now(struct ublk *u)
{
	ask(u, RIGHTS_STOP, stop_answered);
}

static void stop(struct attach *a, bool force)
{
	struct ublk *u = of(a);
	u->force |= force;
	if (!u->calling)
		stop_now(u);
}

/* It did not come to be: nothing of it stays. `why` has been set. */
static void fail(struct ublk *u, int err)
{
	u->outcome = err;
	u->failed = u->force = true;
	if (u->attach.o.keep)
		send_out(u, close_part, queues_closed); /* it is deleted then */
	else
		stop_now(u);
}

static void lose(struct deferred *d)
{
	struct ublk *u = container_of(d, struct ublk, end);
	if (u->calling || !u->attach.is_ready || u->losing || u->leaving || u->attach.stopping)
		return;
	u->losing = u->force = true;
	stop_now(u);
}

static void say_unused(struct mail *m)
{
	struct ublk *u = container_of(m, struct part, back)->owner;
	reactor_defer(u->r, &u->end);
}

/* Only while nothing else is under way, so that the letter is free. */
static void unused(struct ublk_queue *q)
{
	struct part *p = container_of(q, struct part, queue);
	reactor_post(p->owner->r, &p->back, say_unused);
}

/* --- its beginning */

static void started(struct rights_call *call)
{
	struct ublk *u = answered(call);
	if (call->answer.err) {
		fail(u, call->answer.err);
		return;
	}
	if (u->attach.why[0])
		log_warning(reactor_log(u->r), "%s: %s", u->attach.name, u->attach.why);
	snprintf(u->attach.path, sizeof(u->attach.path), "%s", call->answer.path);
	attach_say_ready(&u->attach, 0);
}

static void queues_open(struct ublk *u)
{
	int err = 0;
	for (unsigned i = 0; i < u->count; i++)
		err = err ? err : u->parts[i].err;
	if (err) {
		attach_set_why(&u->attach, "ublk: a queue: %s", strerror(-err));
		fail(u, err);
		return;
	}
	ask(u, RIGHTS_UBLK_RUN, started);
}

static void added(struct rights_call *call)
{
	struct ublk *u = answered(call);
	if (call->answer.err) {
		u->count = 0; /* no queue has been opened */
		u->outcome = call->answer.err;
		u->failed = true;
		ask(u, RIGHTS_UBLK_DELETE, deleted);
		return;
	}
	u->fd = call->file;
	u->count = MIN(u->count, call->answer.queues);
	for (unsigned i = 0; i < u->count; i++) {
		u->parts[i].queue.fd = u->fd;
		u->parts[i].queue.encoded = call->answer.encoded;
	}
	send_out(u, open_part, queues_open);
}

/* --- changes */

static void changed(struct rights_call *call);

static void change(struct ublk *u)
{
	u->changing = true;
	u->change_again = false;
	rights_call_init(&u->change, &u->attach, RIGHTS_CHANGE, changed);
	u->attach.o.rights->submit(u->attach.o.rights, &u->change);
}

static void changed(struct rights_call *call)
{
	struct ublk *u = container_of(call, struct ublk, change);
	u->changing = false;
	if (call->answer.err)
		log_warning(reactor_log(u->r), "%s: %s", u->attach.name, call->answer.why);
	if (u->change_again && !u->attach.stopping && !u->losing)
		change(u);
}

static void disk_changed(struct disk_watch *w, unsigned changes)
{
	struct ublk *u = container_of(w, struct ublk, attach.watch);
	if (!(changes & (DISK_RESIZED | DISK_READ_ONLY)) || !u->attach.is_ready || u->losing)
		return;
	if (u->changing)
		u->change_again = true;
	else
		change(u);
}

static int start(struct attach **out, const struct attach_options *o, char *why, size_t why_size)
{
	struct ublk *u = calloc(1, sizeof(*u));
	if (!u) {
		snprintf(why, why_size, "ublk: %s", strerror(ENOMEM));
		return -ENOMEM;
	}
	attach_init(&u->attach, &attach_ublk, o);
	u->r = o->disk->queues[0];
	u->fd = -1;
	u->count = MIN(o->disk->queue_count, QUEUES_MAX);
	for (unsigned i = 0; i < u->count; i++) {
		u->parts[i].owner = u;
		u->parts[i].queue = (struct ublk_queue){
			.disk = o->disk, .index = i, .r = o->disk->queues[i], .unused = unused};
	}
	deferred_init(&u->end, lose);
	u->attach.watch.changed = disk_changed;
	disk_watch(o->disk, &u->attach.watch);
	*out = &u->attach;
	ask(u, o->keep ? RIGHTS_UBLK_RECOVER : RIGHTS_UBLK_ADD, added);
	return 0;
}

static void leave(struct attach *a)
{
	struct ublk *u = of(a);
	u->leaving = true;
	send_out(u, close_part, queues_closed);
}

static void free_ublk(struct attach *a)
{
	struct ublk *u = of(a);
	deferred_cancel(&u->end);
	free(u);
}

const struct attach_method attach_ublk = {
	.name = "ublk",
	.help = "a block device of ublk, with a queue for each of the disk's; survives a restart",
	.takes_over = true,
	.probe = probe,
	.start = start,
	.stop = stop,
	.leave = leave,
	.free = free_ublk,
};

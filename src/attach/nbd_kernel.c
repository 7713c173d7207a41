/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's NBD client, over pairs of sockets whose other ends are our server's. When this process goes, the
 * kernel keeps what it has asked for, for a while, and asks whoever takes over.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "attach/attach.h"
#include "attach/nbd.h"
#include "attach/probe.h"
#include "attach/rights.h"

/* Each is a queue of the kernel's; more of them than processors help nobody. */
#define CONNECTIONS  4u
#define DEAD_TIMEOUT 60u /* seconds, unless told */

struct nbd_kernel {
	struct attach attach;
	struct nbd_host host;
	struct rights_call call, change;
	bool calling, changing, change_again, force, losing;
	int outcome;
	void (*quiet)(struct nbd_kernel *n); /* when no connection is left */
	struct deferred end;
};

static struct nbd_kernel *of(struct attach *a)
{
	return container_of(a, struct nbd_kernel, attach);
}

static int probe(char *why, size_t why_size)
{
	static const struct probe_path paths[] = {
		{.path = "/sys/module/nbd",
		 .what = "the NBD client (modprobe nbd)",
		 .is_sign = true},
	};
	return probe_paths(paths, ARRAY_SIZE(paths), why, why_size);
}

static void ask(struct nbd_kernel *n, enum rights_kind kind, void (*done)(struct rights_call *call))
{
	n->call.order.kind = kind;
	n->call.order.force = n->force;
	n->call.done = done;
	n->calling = true;
	n->attach.o.rights->submit(n->attach.o.rights, &n->call);
}

/* --- its end */

static void end(struct deferred *d)
{
	struct nbd_kernel *n = container_of(d, struct nbd_kernel, end);
	if (n->host.count)
		return;
	nbd_host_free(&n->host);
	n->quiet(n);
}

static void wait_until_quiet(struct nbd_kernel *n, void (*quiet)(struct nbd_kernel *n))
{
	n->quiet = quiet;
	nbd_host_drop(&n->host);
	reactor_defer(n->host.r, &n->end);
}

static void say_not_ready(struct nbd_kernel *n)
{
	attach_say_ready(&n->attach, n->outcome);
}

static void say_stopped(struct nbd_kernel *n)
{
	attach_say_stopped(&n->attach, 0);
}

static void say_lost(struct nbd_kernel *n)
{
	attach_set_why(&n->attach, "%s was ended by somebody else", n->attach.path);
	attach_say_lost(&n->attach);
}

static void stop_answered(struct rights_call *call)
{
	struct nbd_kernel *n = container_of(call, struct nbd_kernel, call);
	n->calling = false;
	if (call->answer.err && !n->losing) {
		attach_set_why(&n->attach, "%s", call->answer.why);
		attach_say_stopped(&n->attach, call->answer.err);
		return;
	}
	wait_until_quiet(n, n->attach.stopping ? say_stopped : say_lost);
}

static void stop_now(struct nbd_kernel *n)
{
	rights_call_init(&n->call, &n->attach, RIGHTS_STOP, NULL);
	ask(n, RIGHTS_STOP, stop_answered);
}

/* The kernel ends what waits when it is told to disconnect, so force needs nothing more. */
static void stop(struct attach *a, bool force)
{
	struct nbd_kernel *n = of(a);
	n->force |= force;
	if (!n->calling)
		stop_now(n);
}

static void conn_gone(struct nbd_host *host)
{
	struct nbd_kernel *n = container_of(host, struct nbd_kernel, host);
	if (host->count)
		return;
	if (n->quiet) {
		reactor_defer(host->r, &n->end);
	} else if (n->attach.is_ready && !n->calling && !n->losing) {
		n->losing = n->force = true;
		stop_now(n);
	}
}

/* --- its beginning */

static void started(struct rights_call *call)
{
	struct nbd_kernel *n = container_of(call, struct nbd_kernel, call);
	n->calling = false;
	for (unsigned i = 0; i < call->file_count; i++)
		close(call->files[i]);
	call->file_count = 0;
	if (call->answer.why[0])
		attach_set_why(&n->attach, "nbd: %s", call->answer.why);
	if (call->answer.err) {
		n->outcome = call->answer.err;
		wait_until_quiet(n, say_not_ready);
		return;
	}
	if (n->attach.why[0])
		log_warning(reactor_log(n->host.r), "%s: %s", n->attach.name, n->attach.why);
	snprintf(n->attach.path, sizeof(n->attach.path), "%s", call->answer.path);
	attach_say_ready(&n->attach, 0);
}

/* One end is served, the other one goes to the kernel. */
static int make_connection(struct nbd_kernel *n)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return -errno;
	n->call.files[n->call.file_count++] = pair[1];
	return nbd_conn_new(&n->host, pair[0], NBD_AT_ONCE);
}

static int make_connections(struct nbd_kernel *n, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		int err = make_connection(n);
		if (err)
			return err;
	}
	return 0;
}

static unsigned connections(void)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	return processors < 1 ? 1 : MIN((unsigned)processors, CONNECTIONS);
}

static void failed_to_begin(struct deferred *d)
{
	struct nbd_kernel *n = container_of(d, struct nbd_kernel, end);
	deferred_init(&n->end, end);
	for (unsigned i = 0; i < n->call.file_count; i++)
		close(n->call.files[i]);
	attach_set_why(&n->attach, "nbd: %s", strerror(-n->outcome));
	wait_until_quiet(n, say_not_ready);
}

/* --- changes */

static void changed(struct rights_call *call);

static void change(struct nbd_kernel *n)
{
	n->changing = true;
	n->change_again = false;
	rights_call_init(&n->change, &n->attach, RIGHTS_CHANGE, changed);
	n->attach.o.rights->submit(n->attach.o.rights, &n->change);
}

static void changed(struct rights_call *call)
{
	struct nbd_kernel *n = container_of(call, struct nbd_kernel, change);
	n->changing = false;
	if (call->answer.err)
		log_error(reactor_log(n->host.r), "%s: %s", n->attach.name, call->answer.why);
	if (n->change_again && !n->attach.stopping && !n->losing)
		change(n);
}

static void disk_changed(struct disk_watch *w, unsigned changes)
{
	struct nbd_kernel *n = container_of(w, struct nbd_kernel, attach.watch);
	if (!(changes & (DISK_RESIZED | DISK_READ_ONLY)) || !n->attach.is_ready || n->losing)
		return;
	if (n->changing)
		n->change_again = true;
	else
		change(n);
}

enum keep_number { KEEP_CONNECTIONS };

static int start(struct attach **out, const struct attach_options *o, char *why, size_t why_size)
{
	struct nbd_kernel *n = calloc(1, sizeof(*n));
	if (!n) {
		snprintf(why, why_size, "nbd: %s", strerror(ENOMEM));
		return -ENOMEM;
	}
	attach_init(&n->attach, &attach_nbd, o);
	nbd_host_init(&n->host, o->disk->queues[0], o->disk, n->attach.name);
	n->host.gone = conn_gone;
	deferred_init(&n->end, end);
	n->attach.watch.changed = disk_changed;
	disk_watch(o->disk, &n->attach.watch);
	/* As many as before: the kernel has a queue for each. */
	unsigned count = o->keep ? o->keep->numbers[KEEP_CONNECTIONS] : connections();
	n->attach.keep.numbers[KEEP_CONNECTIONS] = MIN(count, CONNECTIONS);
	rights_call_init(&n->call, &n->attach, RIGHTS_NBD_START, NULL);
	n->call.order.nbd_flags = nbd_flags(o->disk, false);
	if (!n->call.order.dead_timeout)
		n->call.order.dead_timeout = DEAD_TIMEOUT;
	*out = &n->attach;
	n->outcome = make_connections(n, MIN(count, CONNECTIONS));
	if (n->outcome) {
		deferred_init(&n->end, failed_to_begin);
		reactor_defer(n->host.r, &n->end);
		return 0;
	}
	ask(n, o->keep ? RIGHTS_NBD_TAKE_OVER : RIGHTS_NBD_START, started);
	return 0;
}

static void leave(struct attach *a)
{
	wait_until_quiet(of(a), say_stopped);
}

static void free_nbd(struct attach *a)
{
	struct nbd_kernel *n = of(a);
	deferred_cancel(&n->end);
	free(n);
}

const struct attach_method attach_nbd = {
	.name = "nbd",
	.help = "the kernel's NBD client; survives a restart",
	.takes_over = true,
	.probe = probe,
	.start = start,
	.stop = stop,
	.leave = leave,
	.free = free_nbd,
};

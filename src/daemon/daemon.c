/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/daemon.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "sandbox/channel.h"
#include "sandbox/split.h"

/* A process that ends again and again within this time is not started any more. */
#define RESTARTS_MOST 5
#define RESTARTS_TIME (60 * NSEC_PER_SEC)

static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR2, SIGCHLD};

static void child_ready(void *ctx);
static void child_lost(void *ctx, const char *why);

/* --- the other process */

static void child_reopen(void *ctx, uint32_t lu)
{
	disk_reopen(ctx, lu);
}

/* In the child: nothing of the parent's may be touched but what was made for it. */
static void __attribute__((noreturn)) be_child(const struct daemon *d, int end)
{
	_exit(child_run(&d->o.child, end));
}

static int start_child(struct daemon *d)
{
	int ends[2], most = 1 << 20;
	int err = channel_pair(ends);
	if (err)
		return err;
	/* Room for all orders that may be out. */
	for (int i = 0; i < 2; i++)
		if (setsockopt(ends[i], SOL_SOCKET, SO_SNDBUFFORCE, &most, sizeof(most)))
			setsockopt(ends[i], SOL_SOCKET, SO_SNDBUF, &most, sizeof(most));
	int end = ends[1];
	d->child = spawn_process(&d->seat, &end);
	if (d->child == 0)
		be_child(d, end);
	close(ends[1]);
	if (d->child < 0) {
		err = d->child;
		d->child = 0;
		close(ends[0]);
		return err;
	}
	courier_begin(&d->courier, ends[0]);
	return 0;
}

static void child_ready(void *ctx)
{
	struct daemon *d = ctx;
	if (d->ready)
		return;
	d->ready = true;
	bring_up_start(d);
}

/* Its end comes as a signal; what it says no more is not waited for. */
static void child_lost(void *ctx, const char *why)
{
	struct daemon *d = ctx;
	if (why && !d->ending)
		log_error(d->log, "the process that faces the network: %s", why);
	if (d->child > 0)
		kill(d->child, SIGKILL);
}

static void say_how_it_ended(struct daemon *d, int status)
{
	if (WIFSIGNALED(status))
		split_say_killed(d->log, WTERMSIG(status));
	else
		log_error(d->log, "the process that faces the network has ended with code %d",
			  WEXITSTATUS(status));
}

static bool may_restart(struct daemon *d)
{
	uint64_t now = reactor_now(d->r);
	if (!d->restarts || now - d->restarted > RESTARTS_TIME) {
		d->restarts = 0;
		d->restarted = now;
	}
	return d->restarts++ < RESTARTS_MOST;
}

static void stop(struct daemon *d, int result)
{
	d->result = result;
	reactor_stop(d->r);
}

static void start_again(struct daemon *d);

static void restart(struct daemon *d)
{
	if (!may_restart(d)) {
		log_error(d->log, "it ended %d times within a minute: no other one is started",
			  RESTARTS_MOST + 1);
		stop(d, 1);
		return;
	}
	start_again(d);
}

static void start_again(struct daemon *d)
{
	int err = start_child(d);
	if (err) {
		log_error(d->log, "another one cannot be started: %s", strerror(-err));
		stop(d, 1);
	}
}

static void child_ended(struct daemon *d, int status)
{
	d->child = 0;
	d->ready = false;
	bring_up_stop(d);
	courier_end(&d->courier);
	if (d->ending && WIFEXITED(status)) {
		stop(d, WEXITSTATUS(status));
		return;
	}
	if (handover_go(d)) {
		start_again(d);
		return;
	}
	say_how_it_ended(d, status);
	if (d->ending)
		stop(d, 1);
	else
		restart(d);
}

/* One signal may stand for several of them. */
static void look_at_children(struct daemon *d)
{
	int status;
	for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
		if (pid == d->child)
			child_ended(d, status);
		else if (!handover_child_ended(d, pid, status))
			openers_ended(&d->openers, pid);
}

/* --- the end */

void daemon_end(struct daemon *d)
{
	d->ending = true;
	if (d->told++) {
		log_warning(d->log, "it is ended at once");
		if (d->child > 0)
			kill(d->child, SIGKILL);
		return;
	}
	timer_cancel(d->r, &d->retry);
	/* Who comes now is not let in, unless the service manager has them as well. */
	listeners_close(d);
	if (!d->child) {
		stop(d, 0);
		return;
	}
	struct errand_out *e = calloc(1, sizeof(*e));
	if (!e) {
		kill(d->child, SIGKILL);
		return;
	}
	e->order = (struct order){.kind = ORDER_DRAIN,
				  .seconds = d->o.child.serving.limits.drain_timeout};
	e->file = -1;
	e->done = courier_forget;
	courier_send(&d->courier, e);
}

static void take_signal(struct daemon *d, uint32_t signo)
{
	switch (signo) {
	case SIGCHLD: look_at_children(d); break;
	case SIGHUP: d->reload(d); break;
	case SIGUSR2: handover_start(d, NULL); break;
	default: daemon_end(d);
	}
}

static void signal_done(struct op *op, int res)
{
	struct daemon *d = container_of(op, struct daemon, signal_op);
	if (res == sizeof(d->signal))
		take_signal(d, d->signal.ssi_signo);
	file_read(d->r, op, d->signals, &d->signal_iov, 1, 0);
}

static int watch_signals(struct daemon *d)
{
	d->signals = signal_open(d->r, signals, ARRAY_SIZE(signals));
	if (d->signals < 0)
		return d->signals;
	d->signal_iov = (struct iovec){&d->signal, sizeof(d->signal)};
	d->signal_op.done = signal_done;
	file_read(d->r, &d->signal_op, d->signals, &d->signal_iov, 1, 0);
	return 0;
}

/* --- the whole */

static void close_disks(struct daemon *d)
{
	for (size_t i = 0; i < d->disk_count; i++) {
		if (!d->disks[i])
			continue;
		d->disks[i]->node->runtime = NULL;
		bs_discard(d->disks[i]->bs); /* what was just being made is nobody's */
		disk_close(d, d->disks[i]);
	}
	free(d->disks);
	listeners_close(d);
}

int daemon_start(struct daemon *d)
{
	list_init(&d->listeners);
	list_init(&d->openings);
	timer_init(&d->retry, NULL);
	courier_init(&d->courier, d->r);
	d->courier.ready = child_ready;
	d->courier.reopen = child_reopen;
	d->courier.lost = child_lost;
	d->courier.ctx = d;
	openers_init(&d->openers, d->r, &d->seat);
	int err = watch_signals(d);
	if (!err)
		err = start_child(d);
	return err;
}

int daemon_run(struct daemon *d)
{
	int err = reactor_run(d->r);
	if (err) {
		log_error(d->log, "the engine broke: %s", strerror(-err));
		d->result = 1;
	}
	if (d->child > 0) {
		kill(d->child, SIGKILL);
		waitpid(d->child, NULL, 0);
	}
	bring_up_stop(d);
	openers_close(&d->openers);
	courier_end(&d->courier);
	close_disks(d);
	return d->result;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/daemon.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR2, SIGCHLD};

/* --- the other process */

/* In the child: nothing of the parent's may be touched but what was made for it. */
static void __attribute__((noreturn)) be_child(const struct daemon *d, int end)
{
	_exit(child_run(&d->o.child, end));
}

static int start_child(struct daemon *d)
{
	int ends[2];
	int err = courier_pair(ends);
	if (err)
		return err;
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

static void child_ready(struct daemon *d)
{
	if (d->ready)
		return;
	d->ready = true;
	bring_up_start(d);
}

static bool heard(void *ctx, const struct word_head *head)
{
	const struct word *w = (const struct word *)head;
	switch (w->kind) {
	case WORD_READY: child_ready(ctx); return true;
	case WORD_REOPEN: disk_reopen(ctx, w->lu); return true;
	case WORD_STORE: store_make(ctx, w->lu); return true;
	default: return false;
	}
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

static void stop(struct daemon *d, int result)
{
	d->result = result;
	reactor_stop(d->r);
}

static void restart(struct daemon *d)
{
	if (!restarts_may(&d->restarts, d->r)) {
		stop(d, 1);
		return;
	}
	daemon_start_again(d);
}

void daemon_start_again(struct daemon *d)
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
	if (handover_go(d))
		return;
	keeper_say_ended(d->log, status);
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

static void take_signal(void *ctx, uint32_t signo)
{
	struct daemon *d = ctx;
	switch (signo) {
	case SIGCHLD: look_at_children(d); break;
	case SIGHUP: d->reload(d); break;
	case SIGUSR2: handover_start(d, NULL); break;
	default: daemon_end(d);
	}
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

static const struct courier_ops courier_ops = {
	.word_size = sizeof(struct word),
	.most = ORDERS_MOST,
	.check = courier_word_check,
	.says = heard,
	.row = courier_row,
	.done = courier_done,
	.lost = child_lost,
};

int daemon_start(struct daemon *d)
{
	list_init(&d->listeners);
	list_init(&d->openings);
	timer_init(&d->retry, NULL);
	courier_init(&d->courier, d->r, &courier_ops, d);
	openers_init(&d->openers, d->r, &d->seat);
	int err = signals_watch(&d->signals, d->r, signals, ARRAY_SIZE(signals), take_signal, d);
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

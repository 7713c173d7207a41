/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "initiatord/initiatord.h"

/* What is under way at the end has so long, and the process a little longer. */
#define END_SECONDS 10
#define END_KILL    (15 * NSEC_PER_SEC)
/* What a disk has in hand when it is left. */
#define LEAVE_SECONDS 3

static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR2, SIGCHLD};

/* --- the other process */

static void take(struct initiatord *d, const struct word *w)
{
	switch (w->kind) {
	case WORD_READY:
		if (d->ready)
			return;
		d->ready = true;
		if (!d->up)
			event_process(d);
		sessions_again(d);
		disks_again(d);
		if (d->up)
			d->up(d);
		d->up = NULL;
		return;
	case WORD_STATE: session_heard(d, w); return;
	case WORD_RESOLVE: resolver_ask(d, w); return;
	case WORD_SEEN:
		event_seen(d, w);
		automatic_seen(d, w);
		return;
	default: disk_heard(d, w); return;
	}
}

static bool heard(void *ctx, const struct word_head *head)
{
	const struct word *w = (const struct word *)head;
	if (!word_is_its_own(w->kind))
		return false;
	take(ctx, w);
	return true;
}

/* Its end comes as a signal; what it says no more is not waited for. */
static void lost(void *ctx, const char *why)
{
	struct initiatord *d = ctx;
	if (why && !d->ending)
		log_error(d->log, "the process that faces the network: %s", why);
	if (d->child > 0)
		kill(d->child, SIGKILL);
}

/* In the child: nothing of the parent's may be touched but what was made for it. */
static void __attribute__((noreturn)) be_child(const struct initiatord *d, int orders, int rights)
{
	_exit(child_run(&d->o.child, orders, rights));
}

static int start_child(struct initiatord *d)
{
	int orders[2], rights[2];
	int err = courier_pair(orders);
	if (err)
		return err;
	err = courier_pair(rights);
	if (err) {
		close(orders[0]);
		close(orders[1]);
		return err;
	}
	char why[ATTACH_WHY];
	d->o.child.makes_rings = !attach_ublk.probe(why, sizeof(why));
	fflush(NULL);
	d->child = fork();
	if (d->child == 0)
		be_child(d, orders[1], rights[1]);
	err = d->child < 0 ? -errno : 0;
	close(orders[1]);
	close(rights[1]);
	if (err) {
		close(orders[0]);
		close(rights[0]);
		return err;
	}
	err = rights_serve(&d->holder, rights[0], d->log);
	courier_begin(&d->courier, orders[0]);
	return err;
}

static void stop(struct initiatord *d, int result)
{
	d->result = result;
	reactor_stop(d->r);
}

static void restart(struct initiatord *d)
{
	if (!restarts_may(&d->restarts, d->r)) {
		stop(d, 1);
		return;
	}
	int err = start_child(d);
	if (err) {
		log_error(d->log, "another one cannot be started: %s", strerror(-err));
		stop(d, 1);
	}
}

static void look_at_child(struct initiatord *d)
{
	int status;
	pid_t pid = waitpid(-1, &status, WNOHANG);
	if (pid <= 0 || pid != d->child)
		return;
	d->child = 0;
	d->ready = false;
	courier_end(&d->courier);
	if (d->ending && WIFEXITED(status)) {
		stop(d, WEXITSTATUS(status));
		return;
	}
	keeper_say_ended(d->log, status);
	if (d->ending)
		stop(d, 1);
	else
		restart(d);
}

/* --- the end */

static void kill_child(struct timer *t)
{
	struct initiatord *d = container_of(t, struct initiatord, end_timer);
	log_warning(d->log, "it does not end in time, and is ended at once");
	if (d->child > 0)
		kill(d->child, SIGKILL);
}

static void end(struct initiatord *d, bool leave)
{
	d->ending = true;
	d->leaving = leave && !d->told;
	if (d->told++) {
		kill_child(&d->end_timer);
		return;
	}
	timer_cancel(d->r, &d->again);
	state_save(d);
	d->closed = true;
	struct errand_out *e = d->child ? errand_out_new(ORDER_END, courier_forget, NULL) : NULL;
	if (!e) {
		stop(d, 0);
		return;
	}
	e->order.seconds = leave ? LEAVE_SECONDS : END_SECONDS;
	e->order.flag = leave;
	timer_set(d->r, &d->end_timer, reactor_now(d->r) + END_KILL);
	courier_send(&d->courier, e);
}

void initiatord_end(struct initiatord *d)
{
	end(d, false);
}

/* What is attached stays as it is and waits, until another daemon takes it over. */
static void leave(struct initiatord *d)
{
	if (!d->ending)
		end(d, true);
}

static void take_signal(void *ctx, uint32_t signo)
{
	struct initiatord *d = ctx;
	if (signo == SIGCHLD)
		look_at_child(d);
	else if (signo == SIGUSR2)
		leave(d);
	else if (signo != SIGHUP)
		initiatord_end(d);
}

/* --- the whole */

static const struct courier_ops courier_ops = {
	.word_size = sizeof(struct word),
	.most = ORDERS_MOST,
	.waits = true,
	.check = courier_word_check,
	.says = heard,
	.row = courier_row,
	.done = courier_done,
	.lost = lost,
};

int initiatord_start(struct initiatord *d)
{
	timer_init(&d->end_timer, kill_child);
	courier_init(&d->courier, d->r, &courier_ops, d);
	int err = signals_watch(&d->signals, d->r, signals, ARRAY_SIZE(signals), take_signal, d);
	return err ? err : start_child(d);
}

/* Names of sockets are ours, and nobody listens there any more. What stays is not touched. */
static void close_disks(struct initiatord *d)
{
	list_for_each_safe (it, &d->disks) {
		struct attached_disk *disk = list_entry(it, struct attached_disk, link);
		if (!d->leaving || disk->listener >= 0)
			disk_free(disk);
	}
}

int initiatord_run(struct initiatord *d)
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
	d->ending = true;
	courier_end(&d->courier);
	close_disks(d);
	return d->result;
}

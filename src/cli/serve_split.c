/* SPDX-License-Identifier: BSD-2-Clause */
/* `lunar serve` in two processes: what each of them does at the seam. */
#include <errno.h>
#include <string.h>
#include "backstore/backstore.h"
#include "cli/commands.h"
#include "cli/serve.h"

/* --- the child: it serves */

static int let_open(struct bs_opener *o, char *why, size_t why_size)
{
	struct serve_opener *so = container_of(o, struct serve_opener, opener);
	return channel_reopen(so->channel, so->disk, why, why_size);
}

/* Lets go of everything but what is served, and of the means to open. */
static int keep_what_is_served(struct serve *s)
{
	int fds[2 * SERVE_MAX_DISKS + SERVE_MAX_PORTALS + 2];
	size_t n = 0;
	for (size_t i = 0; i < s->store_count; i++) {
		s->openers[i] = (struct serve_opener){{let_open}, &s->channel, (uint32_t)i};
		int file = bs_detach(s->stores[i], &s->openers[i].opener);
		if (file >= 0)
			fds[n++] = file;
		if (s->records[i] >= 0)
			fds[n++] = s->records[i];
	}
	for (size_t i = 0; i < s->portal_count; i++)
		fds[n++] = s->socks[i];
	fds[n++] = s->split.service;
	fds[n++] = s->split.control;
	reactor_free(s->opening);
	s->opening = NULL;
	int err = sandbox_keep(fds, n);
	if (!err)
		err = channel_open(&s->channel, s->split.service, 2 * s->store_count);
	return err ? serve_fail(s, err, "the second process: %s", strerror(-err)) : 0;
}

static void told(struct op *op, int res)
{
	struct serve *s = container_of(op, struct serve, told_op);
	if (res <= 0) {
		/* It was killed, and we should have been, too. */
		terminal_clear(&s->term);
		_exit(EXIT_FAILED);
	}
	serve_take_signal(s, &s->told_signals, s->told);
	net_recv(s->r, op, s->split.control, &s->told_iov, 1);
}

static void watch_parent(struct serve *s)
{
	s->told_iov = (struct iovec){&s->told, sizeof(s->told)};
	s->told_op.done = told;
	net_recv(s->r, &s->told_op, s->split.control, &s->told_iov, 1);
}

static int start_in_sandbox(struct serve *s)
{
	struct sandbox box = {
		.log = &s->term.log,
		.user = s->user,
		.ends_with_parent = true,
		.parts = SANDBOX_ALL,
	};
	int err = keep_what_is_served(s);
	if (!err)
		err = sandbox_enter(&box, s->why, sizeof(s->why));
	if (!err)
		err = serve_start(s);
	if (!err)
		err = serve_watch_signals(s);
	if (err)
		return err;
	watch_parent(s);
	err = sandbox_seal(&box);
	if (!err)
		err = channel_ready(&s->channel);
	return err ? serve_fail(s, err, "the sandbox cannot be closed: %s", strerror(-err)) : 0;
}

static int serve_as_child(struct serve *s)
{
	if (start_in_sandbox(s)) {
		log_error(&s->term.log, "%s", s->why);
		/* What was begun goes with the process, and what was made is the parent's to undo. */
		_exit(EXIT_FAILED);
	}
	int result = serve_run(s);
	channel_close(&s->channel);
	return result;
}

/* --- the parent: it has the rights */

static void child_is_ready(void *ctx)
{
	struct serve *s = ctx;
	/* What is open here as well could not go away, and a port would not be free. */
	serve_stop_listening(s);
	serve_record_close(s);
	for (size_t i = 0; i < s->store_count; i++)
		bs_hand_over(s->stores[i]);
}

/* Behind the disks themselves is what outlives their LUs. */
static int open_again(void *ctx, size_t disk, char *why, size_t why_size)
{
	struct serve *s = ctx;
	if (disk >= s->store_count)
		return serve_record_make(s, disk - s->store_count, why, why_size);
	return bs_open_again(s->stores[disk], why, why_size);
}

static int watch_as_parent(struct serve *s)
{
	const struct split_duties duties = {2 * s->store_count, child_is_ready, open_again, s};
	struct split_outcome outcome;
	serve_wipe_secrets(s);
	/* The child may have left a status line. */
	s->term.status_shown = s->term.is_tty;
	split_watch(&s->split, &duties, &s->term.log, &outcome);
	serve_close(s, !outcome.was_ready);
	return outcome.signal ? EXIT_FAILED : outcome.code;
}

int serve_split(struct serve *s)
{
	fflush(stdout);
	int err = split_fork(&s->split);
	if (!err)
		return s->split.child ? watch_as_parent(s) : serve_as_child(s);
	log_error(&s->term.log, "a second process cannot be started: %s", strerror(-err));
	serve_close(s, true);
	return EXIT_FAILED;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "service/keeper.h"

#include <sys/wait.h>
#include "reactor/file.h"
#include "sandbox/split.h"

#define RESTARTS_MOST 5
#define RESTARTS_TIME (60 * NSEC_PER_SEC)

bool restarts_may(struct restarts *s, struct reactor *r)
{
	uint64_t now = reactor_now(r);
	if (!s->count || now - s->first > RESTARTS_TIME)
		*s = (struct restarts){.first = now};
	if (s->count++ < RESTARTS_MOST)
		return true;
	log_error(reactor_log(r), "it ended %d times within a minute: no other one is started",
		  RESTARTS_MOST + 1);
	return false;
}

void keeper_say_ended(struct log *log, int status)
{
	if (WIFSIGNALED(status))
		split_say_killed(log, WTERMSIG(status));
	else
		log_error(log, "the process that faces the network has ended with code %d",
			  WEXITSTATUS(status));
}

static void took(struct op *op, int res)
{
	struct signals *s = container_of(op, struct signals, op);
	if (res == sizeof(s->info))
		s->take(s->ctx, s->info.ssi_signo);
	file_read(s->r, op, s->fd, &s->iov, 1, 0);
}

int signals_watch(struct signals *s, struct reactor *r, const int *which, size_t count,
		  void (*take)(void *ctx, uint32_t signo), void *ctx)
{
	*s = (struct signals){.r = r, .take = take, .ctx = ctx};
	s->fd = signal_open(r, which, count);
	if (s->fd < 0)
		return s->fd;
	s->iov = (struct iovec){&s->info, sizeof(s->info)};
	s->op.done = took;
	file_read(r, &s->op, s->fd, &s->iov, 1, 0);
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "sandbox/split.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "sandbox/channel.h"

/* How long a child that was told twice to end at once has for it, in milliseconds. */
#define PATIENCE 2000
/* The exit code of what a signal ended, as shells have it. */
#define CODE_OF_SIGNAL 128

static const int ending[] = {SIGINT, SIGTERM, SIGHUP};

struct watch {
	struct split *split;
	const struct split_duties *duties;
	struct log *log;
	struct split_outcome *out;
	int signals;
	int told; /* how often it was told to end, and by what signal the last time */
	int last;
	uint64_t deadline; /* from the second time on; 0: none */
	bool over, given_up;
	bool full; /* our answers find no room: no more requests are taken until they do */
};

/* --- two processes */

static sigset_t watched(void)
{
	sigset_t set;
	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(ending); i++)
		sigaddset(&set, ending[i]);
	sigaddset(&set, SIGCHLD);
	return set;
}

static void close_pair(const int pair[2])
{
	close(pair[0]);
	close(pair[1]);
}

int split_fork(struct split *s)
{
	int service[2], control[2];
	int err = channel_pair(service);
	if (err)
		return err;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control)) {
		err = -errno;
		close_pair(service);
		return err;
	}
	sigset_t signals = watched();
	sigprocmask(SIG_BLOCK, &signals, NULL);
	s->child = fork();
	if (s->child < 0) {
		err = -errno;
		close_pair(service);
		close_pair(control);
		return err;
	}
	bool is_child = s->child == 0;
	s->service = service[is_child];
	s->control = control[is_child];
	close(service[!is_child]);
	close(control[!is_child]);
	return 0;
}

/* --- what the parent does */

static void kill_child(const struct watch *w)
{
	kill(w->split->child, SIGKILL);
}

static uint64_t now_ms(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void hand_on(struct watch *w, int signal)
{
	uint8_t number = (uint8_t)signal;
	w->last = signal;
	if (++w->told == 2)
		w->deadline = now_ms() + PATIENCE;
	(void)!send(w->split->control, &number, sizeof(number), MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void reopen(const struct watch *w, uint32_t index)
{
	struct channel_answer answer = {.index = index};
	int file = w->duties->reopen(w->duties->ctx, index, answer.why, sizeof(answer.why));
	answer.err = MIN(file, 0);
	(void)channel_answer(w->split->service, &answer, file);
	if (file >= 0)
		close(file);
}

static bool has_room(const struct watch *w)
{
	struct pollfd fd = {.fd = w->split->service, .events = POLLOUT};
	return poll(&fd, 1, 0) > 0;
}

static void serve_request(struct watch *w)
{
	struct channel_request request = {0};
	w->full = !has_room(w);
	if (w->full)
		return;
	int ret = channel_take(w->split->service, w->duties->disks, &request);
	if (ret == -EAGAIN)
		return;
	if (ret <= 0) {
		/* Its end comes as a signal. */
		if (ret < 0) {
			log_error(w->log, "the process that faces the network asks for what it "
					  "cannot want: it is taken for a peer's, and killed");
			kill_child(w);
		}
		close(w->split->service);
		w->split->service = -1;
		return;
	}
	if (request.kind == CHANNEL_REOPEN) {
		reopen(w, request.index);
	} else if (!w->out->was_ready) {
		w->out->was_ready = true;
		w->duties->ready(w->duties->ctx);
	}
}

void split_say_killed(struct log *log, int signal)
{
	log_error(log, "the process that faces the network was killed by signal %d (%s)%s", signal,
		  strsignal(signal),
		  signal == SIGSYS ? ": it made a system call that it has no use for; a peer may "
				     "have taken it over"
				   : "");
}

static void look_at_child(struct watch *w)
{
	int status;
	pid_t pid = waitpid(w->split->child, &status, WNOHANG);
	if (pid != w->split->child)
		return;
	w->over = true;
	if (w->given_up) {
		w->out->code = CODE_OF_SIGNAL + w->last;
	} else if (WIFSIGNALED(status)) {
		w->out->signal = WTERMSIG(status);
		split_say_killed(w->log, w->out->signal);
	} else {
		w->out->code = WEXITSTATUS(status);
	}
}

static void take_signal(struct watch *w)
{
	struct signalfd_siginfo info;
	if (read(w->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	if (info.ssi_signo == SIGCHLD)
		look_at_child(w);
	else
		hand_on(w, (int)info.ssi_signo);
}

/* It does not even end at once: the kernel has it, in a device that hangs, and may never give it back. */
static void give_up(struct watch *w)
{
	if (w->given_up) {
		w->out->code = CODE_OF_SIGNAL + w->last;
		w->over = true;
		return;
	}
	w->given_up = true;
	w->deadline = now_ms() + PATIENCE;
	kill_child(w);
}

static int time_left(const struct watch *w)
{
	uint64_t now = w->deadline ? now_ms() : 0;
	return !w->deadline ? -1 : w->deadline > now ? (int)(w->deadline - now) : 0;
}

static void turn(struct watch *w)
{
	struct pollfd fds[] = {{.fd = w->signals, .events = POLLIN},
			       {.fd = w->split->service, .events = w->full ? POLLOUT : POLLIN}};
	int left = time_left(w);
	if (left == 0) {
		give_up(w);
		return;
	}
	if (poll(fds, ARRAY_SIZE(fds), left) <= 0)
		return;
	/* What it has said comes before its end; but who says much does not keep signals away. */
	if (fds[1].revents)
		serve_request(w);
	if (fds[0].revents)
		take_signal(w);
}

void split_watch(struct split *s, const struct split_duties *duties, struct log *log,
		 struct split_outcome *out)
{
	*out = (struct split_outcome){0};
	struct watch w = {.split = s, .duties = duties, .log = log, .out = out};
	sigset_t signals = watched();
	w.signals = signalfd(-1, &signals, SFD_CLOEXEC);
	if (w.signals < 0) {
		/* Without signals nobody could end it in order. */
		log_error(log, "signals cannot be watched: %s", strerror(errno));
		kill_child(&w);
		waitpid(s->child, NULL, 0);
		out->signal = SIGKILL;
		w.over = true;
	}
	while (!w.over)
		turn(&w);
	if (w.signals >= 0)
		close(w.signals);
	if (s->service >= 0)
		close(s->service);
	close(s->control);
}

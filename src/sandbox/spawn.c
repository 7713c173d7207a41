/* SPDX-License-Identifier: BSD-2-Clause */
#include "sandbox/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int spawn_init(struct spawn_seat *seat)
{
	seat->fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return seat->fd < 0 ? -errno : 0;
}

/*
 * fork(), but for one thing: the table of descriptors is one and the same at first. The C library keeps the
 * thread's number where the kernel puts it, as in fork(). A kernel or a container without clone3(): 0 as
 * `*shares`, and plain fork().
 */
static pid_t fork_sharing(bool *shares)
{
	uint64_t tid = 0;
	*shares = true;
	if (prctl(PR_GET_TID_ADDRESS, &tid, 0, 0, 0))
		tid = 0;
	struct clone_args args = {
		.flags = CLONE_FILES | (tid ? CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID : 0),
		.exit_signal = SIGCHLD,
		.child_tid = tid,
	};
	fflush(NULL);
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (pid >= 0 || (errno != ENOSYS && errno != EPERM))
		return pid < 0 ? -errno : pid;
	*shares = false;
	pid = fork();
	return pid < 0 ? -errno : pid;
}

/* A table of its own, in which what is above the seat never was. */
static void leave_table(const struct spawn_seat *seat)
{
	if (close_range((unsigned)seat->fd + 1, UINT_MAX, CLOSE_RANGE_UNSHARE))
		_exit(1);
}

/* Until it has left, the seat is its descriptor. A process that dies before has left, too. */
static void wait_until_left(pid_t pid, const volatile bool *left)
{
	siginfo_t info = {0};
	while (!*left && !waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) &&
	       !info.si_pid)
		poll(NULL, 0, 1);
}

pid_t spawn_process(const struct spawn_seat *seat, int *end)
{
	bool shares = false;
	volatile bool *left = mmap(NULL, sizeof(*left), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (left == MAP_FAILED)
		return -errno;
	pid_t pid = dup3(*end, seat->fd, O_CLOEXEC) < 0 ? -errno : fork_sharing(&shares);
	if (pid == 0) {
		if (shares)
			leave_table(seat);
		*left = true;
		*end = seat->fd;
		if (!shares)
			close_range((unsigned)seat->fd + 1, UINT_MAX, 0);
	} else {
		int empty = open("/dev/null", O_RDONLY | O_CLOEXEC);
		if (pid > 0)
			wait_until_left(pid, left);
		if (empty >= 0) {
			dup3(empty, seat->fd, O_CLOEXEC);
			close(empty);
		}
	}
	munmap((void *)(uintptr_t)left, sizeof(*left));
	return pid;
}

void spawn_aside(void (*run)(void *ctx), void *ctx)
{
	bool shares;
	pid_t pid = fork_sharing(&shares);
	if (pid == 0) {
		run(ctx);
		_exit(0);
	}
	if (pid < 0 || !shares)
		run(ctx);
}

void spawn_end_with(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (getppid() != parent)
		_exit(1);
}

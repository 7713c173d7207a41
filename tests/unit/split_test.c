/* SPDX-License-Identifier: BSD-2-Clause */
/* Two processes: what passes between them, and what becomes of one when the other one ends. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include "common/list.h"
#include "sandbox/channel.h"
#include "sandbox/sandbox.h"
#include "sandbox/split.h"

#define DISKS 3
#define GOOD  7 /* an exit code that nothing else has */

struct rig {
	struct log log;
	struct split split;
	struct split_outcome outcome;
	char said[1024];
	unsigned ready, opened[DISKS];
	char why[CHANNEL_WHY];
};

static void note(struct log *log, enum log_level level, const char *line)
{
	struct rig *rig = container_of(log, struct rig, log);
	size_t len = strlen(rig->said);
	snprintf(rig->said + len, sizeof(rig->said) - len, "%s\n", line);
}

static void ready(void *ctx)
{
	struct rig *rig = ctx;
	rig->ready++;
}

/* Disk 0 is there, disk 1 is not. */
static int reopen(void *ctx, size_t disk, char *why, size_t why_size)
{
	struct rig *rig = ctx;
	rig->opened[disk]++;
	if (disk == 0)
		return open("/dev/zero", O_RDONLY | O_CLOEXEC);
	snprintf(why, why_size, "disk %zu is not there", disk);
	return -ENOENT;
}

/* `act` is the child's life. */
static void split(struct rig *rig, int (*act)(struct rig *rig))
{
	const struct split_duties duties = {DISKS, ready, reopen, rig};
	rig->log = (struct log){.level = LOG_LEVEL_INFO, .write = note};
	assert_int_equal(split_fork(&rig->split), 0);
	if (!rig->split.child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(act(rig));
	}
	split_watch(&rig->split, &duties, &rig->log, &rig->outcome);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void doze(void)
{
	static const struct timespec moment = {.tv_nsec = 5000000};
	nanosleep(&moment, NULL);
}

/* As whoever serves does it, but without a reactor. */
static int wait_for_disk(struct rig *rig, struct channel *c, uint32_t disk)
{
	int file;
	while ((file = channel_reopen(c, disk, rig->why, sizeof(rig->why))) == -EINPROGRESS)
		doze();
	return file;
}

static int ask_for_disks(struct rig *rig)
{
	struct channel c;
	char zero = 1;
	if (channel_open(&c, rig->split.service, DISKS) || channel_ready(&c))
		return 1;
	int file = wait_for_disk(rig, &c, 0);
	if (file < 0 || read(file, &zero, 1) != 1 || zero)
		return 2;
	if (wait_for_disk(rig, &c, 1) != -ENOENT || strcmp(rig->why, "disk 1 is not there"))
		return 3;
	/* Two at a time, and the answers are each one's own. */
	if (channel_reopen(&c, 1, rig->why, sizeof(rig->why)) != -EINPROGRESS)
		return 4;
	if (wait_for_disk(rig, &c, 0) < 0 || wait_for_disk(rig, &c, 1) != -ENOENT)
		return 5;
	if (channel_reopen(&c, DISKS, rig->why, sizeof(rig->why)) != -EINVAL)
		return 6;
	channel_close(&c);
	return GOOD;
}

static void disks_are_opened_for_the_child(void **state)
{
	struct rig rig = {0};
	split(&rig, ask_for_disks);
	assert_int_equal(rig.outcome.signal, 0);
	assert_int_equal(rig.outcome.code, GOOD);
	assert_int_equal(rig.ready, 1);
	assert_true(rig.outcome.was_ready);
	assert_int_equal(rig.opened[0], 2);
	assert_int_equal(rig.opened[1], 2);
	assert_string_equal(rig.said, "");
}

static int say(const struct rig *rig, const void *what, size_t len)
{
	send(rig->split.service, what, len, MSG_NOSIGNAL);
	pause();
	return 1;
}

static int say_too_little(struct rig *rig)
{
	return say(rig, "abc", 3);
}

static int say_too_much(struct rig *rig)
{
	const struct channel_request requests[2] = {{CHANNEL_REOPEN, 0}, {CHANNEL_REOPEN, 0}};
	return say(rig, requests, sizeof(requests));
}

static int say_what_is_unknown(struct rig *rig)
{
	const struct channel_request request = {99, 0};
	return say(rig, &request, sizeof(request));
}

static int ask_for_a_disk_too_far(struct rig *rig)
{
	const struct channel_request request = {CHANNEL_REOPEN, DISKS};
	return say(rig, &request, sizeof(request));
}

static int ask_for_a_disk_below(struct rig *rig)
{
	const struct channel_request request = {CHANNEL_REOPEN, (uint32_t)-1};
	return say(rig, &request, sizeof(request));
}

static int give_a_descriptor(struct rig *rig)
{
	const struct channel_answer answer = {.index = 0};
	channel_answer(rig->split.service, &answer, STDERR_FILENO);
	pause();
	return 1;
}

static void a_child_that_asks_for_nonsense_is_killed(void **state)
{
	static int (*const acts[])(struct rig * rig) = {
		say_too_little,         say_too_much,         say_what_is_unknown,
		ask_for_a_disk_too_far, ask_for_a_disk_below, give_a_descriptor,
	};
	for (size_t i = 0; i < ARRAY_SIZE(acts); i++) {
		struct rig rig = {0};
		split(&rig, acts[i]);
		assert_int_equal(rig.outcome.signal, SIGKILL);
		assert_non_null(strstr(rig.said, "taken for a peer's"));
		assert_int_equal(rig.opened[0] + rig.opened[1] + rig.opened[2], 0);
		assert_false(rig.outcome.was_ready);
	}
}

/* Asks without taking an answer, until there is no room; then takes one for each. */
static int listen_late(struct rig *rig)
{
	const struct channel_request request = {CHANNEL_REOPEN, 0};
	struct channel_answer answer;
	unsigned asked = 0, heard = 0;
	for (int tries = 0; tries < 5000; tries++) {
		int flags = MSG_DONTWAIT | MSG_NOSIGNAL;
		asked += send(rig->split.service, &request, sizeof(request), flags) > 0;
	}
	while (heard < asked &&
	       recv(rig->split.service, &answer, sizeof(answer), 0) == sizeof(answer))
		heard++;
	return asked > DISKS && heard == asked ? GOOD : 1;
}

static void no_answer_is_lost(void **state)
{
	struct rig rig = {0};
	split(&rig, listen_late);
	assert_int_equal(rig.outcome.code, GOOD);
}

static int fall(struct rig *rig)
{
	signal(SIGSEGV, SIG_DFL); /* cmocka's */
	kill(getpid(), SIGSEGV);
	return 1;
}

static int be_stopped(struct rig *rig)
{
	signal(SIGSYS, SIG_DFL);
	kill(getpid(), SIGSYS);
	return 1;
}

static void what_killed_the_child_is_said(void **state)
{
	struct rig fell = {0}, stopped = {0};
	split(&fell, fall);
	assert_int_equal(fell.outcome.signal, SIGSEGV);
	assert_non_null(strstr(fell.said, "killed by signal 11 (Segmentation fault)\n"));
	split(&stopped, be_stopped);
	assert_int_equal(stopped.outcome.signal, SIGSYS);
	assert_non_null(strstr(stopped.said, "a system call that it has no use for"));
}

static int hear_signals(struct rig *rig)
{
	uint8_t first = 0, second = 0;
	kill(getppid(), SIGTERM);
	if (recv(rig->split.control, &first, 1, 0) != 1)
		return 1;
	kill(getppid(), SIGHUP);
	if (recv(rig->split.control, &second, 1, 0) != 1)
		return 2;
	return first == SIGTERM && second == SIGHUP ? GOOD : 3;
}

static void signals_are_handed_on(void **state)
{
	struct rig rig = {0};
	split(&rig, hear_signals);
	assert_int_equal(rig.outcome.code, GOOD);
	assert_int_equal(rig.outcome.signal, 0);
}

static int hear_nothing(struct rig *rig)
{
	uint8_t number;
	kill(getppid(), SIGTERM);
	recv(rig->split.control, &number, 1, 0);
	kill(getppid(), SIGINT);
	/* And however busy it keeps us. */
	const struct channel_request request = {CHANNEL_REOPEN, 1};
	while (send(rig->split.service, &request, sizeof(request), MSG_NOSIGNAL) > 0)
		;
	return 1;
}

static void a_child_that_hangs_or_keeps_us_busy_is_killed(void **state)
{
	struct rig rig = {0};
	split(&rig, hear_nothing);
	assert_int_equal(rig.outcome.code, 128 + SIGINT);
	assert_int_equal(rig.outcome.signal, 0);
}

/* A process that splits and is killed; the pipe is open as long as one of the two is. */
static _Noreturn void be_parent(struct rig *rig)
{
	char why[256];
	struct sandbox box = {
		.log = &rig->log,
		.ends_with_parent = true,
		.parts = SANDBOX_USER,
	};
	if (split_fork(&rig->split))
		_exit(1);
	if (rig->split.child) {
		char byte;
		recv(rig->split.control, &byte, 1, 0);
		kill(getpid(), SIGKILL);
	}
	if (sandbox_find_user(&box.user, NULL, why, sizeof(why)) ||
	    sandbox_enter(&box, why, sizeof(why)))
		_exit(1);
	/* The parent may go. */
	send(rig->split.control, "", 1, 0);
	for (;;)
		pause();
}

static void the_child_ends_with_its_parent(void **state)
{
	struct rig rig = {.log.level = LOG_LEVEL_ERROR};
	int ends[2], status;
	assert_int_equal(pipe(ends), 0);
	pid_t pid = fork();
	if (!pid) {
		close(ends[0]);
		be_parent(&rig);
	}
	close(ends[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	struct pollfd closed = {.fd = ends[0], .events = POLLIN};
	assert_int_equal(poll(&closed, 1, 10000), 1);
	close(ends[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(disks_are_opened_for_the_child),
		cmocka_unit_test(a_child_that_asks_for_nonsense_is_killed),
		cmocka_unit_test(no_answer_is_lost),
		cmocka_unit_test(what_killed_the_child_is_said),
		cmocka_unit_test(signals_are_handed_on),
		cmocka_unit_test(a_child_that_hangs_or_keeps_us_busy_is_killed),
		cmocka_unit_test(the_child_ends_with_its_parent),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

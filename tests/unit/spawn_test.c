/* SPDX-License-Identifier: BSD-2-Clause */
/* A process without its maker's descriptors, and several of them in one message. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "sandbox/channel.h"
#include "sandbox/spawn.h"

#define GOOD 7 /* an exit code that nothing else has */

static int code_of(pid_t pid)
{
	int status = -1;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void *nothing(void *arg)
{
	return arg;
}

/* What it says is said by its exit code: cmocka is the parent's. */
static int child(int end, int low, int high)
{
	pthread_t thread;
	char byte = 0;
	if (fcntl(low, F_GETFD) < 0)
		return 1;
	if (fcntl(high, F_GETFD) >= 0 || errno != EBADF)
		return 2;
	if (pthread_create(&thread, NULL, nothing, NULL) || pthread_join(thread, NULL))
		return 3;
	if (read(end, &byte, 1) != 1 || byte != 'x' || write(end, "y", 1) != 1)
		return 4;
	return read(end, &byte, 1) == 0 ? GOOD : 5;
}

static void it_has_what_is_below_the_seat(void **state)
{
	struct spawn_seat seat;
	int low = open("/dev/null", O_RDONLY | O_CLOEXEC), ends[2];
	char byte = 0;
	assert_int_equal(spawn_init(&seat), 0);
	int high = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(channel_pair(ends), 0);
	int end = ends[1];
	pid_t pid = spawn_process(&seat, &end);
	if (pid == 0)
		_exit(child(end, low, high));
	assert_true(pid > 0);
	/* Here all is as it was. */
	assert_true(fcntl(high, F_GETFD) >= 0 && fcntl(ends[1], F_GETFD) >= 0);
	close(ends[1]);
	assert_int_equal(write(ends[0], "x", 1), 1);
	assert_int_equal(read(ends[0], &byte, 1), 1);
	assert_int_equal(byte, 'y');
	close(ends[0]); /* and nobody else has that end */
	assert_int_equal(code_of(pid), GOOD);
	close(low);
	close(high);
	close(seat.fd);
}

static void close_it(void *fd)
{
	close(*(int *)fd);
}

static void what_is_closed_aside_is_closed_here(void **state)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	spawn_aside(close_it, &fd);
	while (waitpid(-1, NULL, 0) > 0)
		;
	assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static void a_message_with_files(void **state)
{
	int ends[2], pipe_ends[2], got[CHANNEL_FILES];
	size_t count;
	char text[8] = "", byte = 0;
	assert_int_equal(channel_pair(ends), 0);
	assert_int_equal(pipe2(pipe_ends, O_CLOEXEC), 0);
	int files[2] = {-1, pipe_ends[1]};
	assert_int_equal(channel_send_files(ends[0], "one", 4, files, 2), 0);
	assert_int_equal(channel_receive_files(ends[1], text, sizeof(text), got, &count, 0), 4);
	assert_string_equal(text, "one");
	assert_int_equal(count, 1);
	assert_true(fcntl(got[0], F_GETFD) & FD_CLOEXEC);
	assert_int_equal(write(got[0], "z", 1), 1);
	assert_int_equal(read(pipe_ends[0], &byte, 1), 1);
	assert_int_equal(byte, 'z');
	close(got[0]);
	assert_int_equal(channel_send_files(ends[0], "two", 4, pipe_ends, 2), 0);
	assert_int_equal(channel_receive_files(ends[1], text, sizeof(text), got, &count, 0), 4);
	assert_int_equal(count, 2);
	close(got[0]);
	close(got[1]);
	assert_int_equal(
		channel_receive_files(ends[1], text, sizeof(text), got, &count, MSG_DONTWAIT),
		-EAGAIN);
	close(ends[0]);
	assert_int_equal(channel_receive_files(ends[1], text, sizeof(text), got, &count, 0), 0);
	close(ends[1]);
	close(pipe_ends[0]);
	close(pipe_ends[1]);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_has_what_is_below_the_seat),
		cmocka_unit_test(what_is_closed_aside_is_closed_here),
		cmocka_unit_test(a_message_with_files),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* A ring does what the engine needs and nothing else. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include "common/cleanup.h"
#include "reactor/uring_restrict.h"

static int setup(void **state)
{
	struct io_uring *ring = calloc(1, sizeof(*ring));
	*state = ring;
	if (!ring)
		return -1;
	if (!io_uring_queue_init(4, ring, IORING_SETUP_R_DISABLED))
		return 0;
	free(ring);
	*state = NULL;
	return 0;
}

static int teardown(void **state)
{
	struct io_uring *ring = *state;
	if (ring)
		io_uring_queue_exit(ring);
	free(ring);
	return 0;
}

static struct io_uring *restricted(void **state)
{
	struct io_uring *ring = *state;
	if (!ring) {
		print_message("# not tested here: io_uring is refused\n");
		skip();
	}
	assert_int_equal(uring_restrict(ring), 0);
	return ring;
}

static int outcome(struct io_uring *ring)
{
	struct io_uring_cqe *cqe;
	assert_int_equal(io_uring_submit(ring), 1);
	assert_int_equal(io_uring_wait_cqe(ring, &cqe), 0);
	int res = cqe->res;
	io_uring_cqe_seen(ring, cqe);
	return res;
}

static void files_are_read_and_not_opened(void **state)
{
	char byte;
	struct statx st;
	struct io_uring *ring = restricted(state);
	CLEANUP(fd) int zero = open("/dev/zero", O_RDONLY);
	io_uring_prep_read(io_uring_get_sqe(ring), zero, &byte, 1, 0);
	assert_int_equal(outcome(ring), 1);
	io_uring_prep_openat(io_uring_get_sqe(ring), AT_FDCWD, "/dev/zero", O_RDONLY, 0);
	assert_int_equal(outcome(ring), -EACCES);
	io_uring_prep_statx(io_uring_get_sqe(ring), AT_FDCWD, "/", 0, STATX_BASIC_STATS, &st);
	assert_int_equal(outcome(ring), -EACCES);
	io_uring_prep_unlinkat(io_uring_get_sqe(ring), AT_FDCWD, "/nothing", 0);
	assert_int_equal(outcome(ring), -EACCES);
	io_uring_prep_splice(io_uring_get_sqe(ring), zero, -1, zero, -1, 1, 0);
	assert_int_equal(outcome(ring), -EACCES);
}

static void no_socket_is_made(void **state)
{
	struct io_uring *ring = restricted(state);
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
	io_uring_prep_rw(IORING_OP_NOP, sqe, AF_INET, NULL, 0, SOCK_STREAM);
	sqe->opcode = 45; /* IORING_OP_SOCKET, since 5.19 */
	int res = outcome(ring);
	assert_true(res == -EACCES || res == -EINVAL);
}

static void rights_are_not_borrowed(void **state)
{
	struct io_uring *ring = restricted(state);
	assert_int_equal(io_uring_register_personality(ring), -EACCES);
}

static void restrictions_stay(void **state)
{
	struct io_uring *ring = restricted(state);
	assert_true(uring_restrict(ring) < 0);
	io_uring_prep_openat(io_uring_get_sqe(ring), AT_FDCWD, "/dev/zero", O_RDONLY, 0);
	assert_int_equal(outcome(ring), -EACCES);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(files_are_read_and_not_opened),
		CASE(no_socket_is_made),
		CASE(rights_are_not_borrowed),
		CASE(restrictions_stay),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

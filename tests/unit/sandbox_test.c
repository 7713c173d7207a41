/* SPDX-License-Identifier: BSD-2-Clause */
/* What a process in the sandbox cannot do, part by part: each part holds without the others. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <pthread.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include "common/list.h"
#include "sandbox/sandbox.h"

/* Exit codes of a child. */
enum { GOOD, BAD, NOT_HELD = 77, NOT_ENTERED };
#define BY_SIGNAL 256

struct lines {
	struct log log;
	char text[2048];
};

static void keep_line(struct log *log, enum log_level level, const char *line)
{
	struct lines *l = container_of(log, struct lines, log);
	size_t len = strlen(l->text);
	snprintf(l->text + len, sizeof(l->text) - len, "%s\n", line);
}

/* What the tests do in there. */
struct inside {
	struct sandbox box;
	struct lines lines;
	int listener; /* on loopback */
	struct sockaddr_in addr;
	int unused;                       /* a socket that was made before */
	int (*before)(struct inside *in); /* NULL: nothing */
};

static void listen_on_loopback(struct inside *in)
{
	socklen_t len = sizeof(in->addr);
	in->addr = (struct sockaddr_in){.sin_family = AF_INET,
					.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	in->listener = socket(AF_INET, SOCK_STREAM, 0);
	in->unused = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(in->listener, (struct sockaddr *)&in->addr, len), 0);
	assert_int_equal(listen(in->listener, 1), 0);
	assert_int_equal(getsockname(in->listener, (struct sockaddr *)&in->addr, &len), 0);
}

static _Noreturn void live(struct inside *in, int (*act)(struct inside *in))
{
	char why[512] = "";
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	in->lines.log = (struct log){.level = LOG_LEVEL_WARNING, .write = keep_line};
	in->box.log = &in->lines.log;
	if (in->before && in->before(in))
		_exit(BAD);
	if (sandbox_enter(&in->box, why, sizeof(why))) {
		fprintf(stderr, "# %s\n", why);
		_exit(NOT_ENTERED);
	}
	/* The kernel or the build does not have what is to be tested. */
	if (!in->before && in->box.held != in->box.parts)
		_exit(NOT_HELD);
	_exit(act(in));
}

/* The exit code of a child in the sandbox, or BY_SIGNAL and the signal. */
static int outcome(struct inside *in, int (*act)(struct inside *in))
{
	int status;
	in->box.user.change = in->box.user.change && geteuid() == 0;
	listen_on_loopback(in);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		live(in, act);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(in->listener);
	close(in->unused);
	return WIFSIGNALED(status) ? BY_SIGNAL + WTERMSIG(status) : WEXITSTATUS(status);
}

static void expect(unsigned parts, int (*act)(struct inside *in), int expected)
{
	struct inside in = {.box.parts = parts};
	int got = outcome(&in, act);
	if (got == NOT_HELD) {
		print_message("# not tested here: the kernel or a sanitizer refuses it\n");
		skip();
	}
	assert_int_equal(got, expected);
}

/* True when `call` fails with one of two errors. */
#define FAILS(call, a, b) (errno = 0, (call) < 0 && (errno == (a) || errno == (b)))

static int ring_opens(void)
{
	struct io_uring ring;
	struct io_uring_cqe *cqe;
	int ret = io_uring_queue_init(4, &ring, 0);
	if (ret)
		return ret;
	io_uring_prep_openat(io_uring_get_sqe(&ring), AT_FDCWD, "/etc/passwd", O_RDONLY, 0);
	io_uring_submit(&ring);
	ret = io_uring_wait_cqe(&ring, &cqe);
	return ret ? ret : cqe->res;
}

/* --- files */

static int open_things(struct inside *in)
{
	bool shut = FAILS(open("/etc/passwd", O_RDONLY), EACCES, ENOSYS) &&
		    FAILS(open("/tmp", O_RDONLY | O_DIRECTORY), EACCES, ENOSYS) &&
		    FAILS(open("/dev/null", O_RDWR), EACCES, ENOSYS) &&
		    FAILS(creat("/tmp/lunar-made-in-a-sandbox", 0600), EACCES, ENOSYS) &&
		    FAILS(unlink("/etc/passwd"), EACCES, ENOSYS) &&
		    FAILS(mkdir("/tmp/lunar-made-in-a-sandbox", 0700), EACCES, ENOSYS);
	return shut ? GOOD : BAD;
}

static int open_by_ring(struct inside *in)
{
	int ret = ring_opens();
	/* Where there are no rings none opens anything. */
	return ret == -EACCES || ret == -EPERM || ret == -ENOSYS ? GOOD : BAD;
}

static void landlock_opens_no_file(void **state)
{
	expect(SANDBOX_LANDLOCK, open_things, GOOD);
}

static void landlock_opens_none_by_a_ring(void **state)
{
	expect(SANDBOX_LANDLOCK, open_by_ring, GOOD);
}

static void the_filter_opens_no_file(void **state)
{
	expect(SANDBOX_SYSCALLS, open_things, GOOD);
}

static int use_open_file(struct inside *in)
{
	struct stat st;
	return !fstat(in->unused, &st) && FAILS(stat("/", &st), ENOSYS, ENOSYS) ? GOOD : BAD;
}

static void the_filter_asks_for_no_name(void **state)
{
	expect(SANDBOX_SYSCALLS, use_open_file, GOOD);
}

/* --- the network */

static int connect_out(struct inside *in)
{
	return FAILS(connect(in->unused, (struct sockaddr *)&in->addr, sizeof(in->addr)), EACCES,
		     ENOSYS)
		       ? GOOD
		       : BAD;
}

static int bind_one(struct inside *in)
{
	in->addr.sin_port = 0;
	return FAILS(bind(in->unused, (struct sockaddr *)&in->addr, sizeof(in->addr)), EACCES,
		     ENOSYS)
		       ? GOOD
		       : BAD;
}

static int make_socket(struct inside *in)
{
	int pair[2];
	return FAILS(socket(AF_INET, SOCK_STREAM, 0), ENOSYS, ENOSYS) &&
			       FAILS(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), ENOSYS, ENOSYS)
		       ? GOOD
		       : BAD;
}

/* Landlock knows of the network since Linux 6.7, the fourth version. */
static void landlock_connects_to_nobody(void **state)
{
	if (syscall(444, NULL, 0, 1) < 4)
		skip();
	expect(SANDBOX_LANDLOCK, connect_out, GOOD);
	expect(SANDBOX_LANDLOCK, bind_one, GOOD);
}

static void the_filter_makes_no_connection(void **state)
{
	expect(SANDBOX_SYSCALLS, connect_out, GOOD);
	expect(SANDBOX_SYSCALLS, bind_one, GOOD);
	expect(SANDBOX_SYSCALLS, make_socket, GOOD);
}

static int make_what_an_initiator_makes(struct inside *in)
{
	int pair[2];
	bool made = socket(AF_INET, SOCK_STREAM, 0) >= 0 &&
		    !socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) &&
		    FAILS(socket(AF_UNIX, SOCK_STREAM, 0), ENOSYS, ENOSYS) &&
		    FAILS(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair), ENOSYS, ENOSYS);
	return made ? GOOD : BAD;
}

static void an_initiator_makes_some(void **state)
{
	struct inside in = {.box = {.parts = SANDBOX_SYSCALLS, .connects = true}};
	int got = outcome(&in, make_what_an_initiator_makes);
	if (got == NOT_HELD)
		skip();
	assert_int_equal(got, GOOD);
}

/* --- what ends the process */

static int execute(struct inside *in)
{
	char *const argv[] = {"/bin/true", NULL};
	execv(argv[0], argv);
	return BAD;
}

static int trace(struct inside *in)
{
	ptrace(PTRACE_ATTACH, getppid(), NULL, NULL);
	return BAD;
}

static int leave_namespace(struct inside *in)
{
	unshare(CLONE_NEWUSER);
	return BAD;
}

static int load_program(struct inside *in)
{
	syscall(SYS_bpf, 0, NULL, 0);
	return BAD;
}

static int read_other_memory(struct inside *in)
{
	syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0);
	return BAD;
}

static void what_only_an_attacker_asks_for_ends_it(void **state)
{
	static int (*const acts[])(struct inside * in) = {execute, trace, leave_namespace,
							  load_program, read_other_memory};
	for (size_t i = 0; i < ARRAY_SIZE(acts); i++)
		expect(SANDBOX_SYSCALLS, acts[i], BY_SIGNAL + SIGSYS);
}

/* --- what only fails */

static int start_process(struct inside *in)
{
	pid_t pid = fork();
	if (!pid)
		_exit(0);
	return pid < 0 ? GOOD : BAD;
}

static int make_code(struct inside *in)
{
	void *data = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void *code = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return data != MAP_FAILED && code == MAP_FAILED &&
			       FAILS(mprotect(data, 4096, PROT_READ | PROT_EXEC), ENOSYS, ENOSYS)
		       ? GOOD
		       : BAD;
}

static int type_and_kill(struct inside *in)
{
	char key = 'x';
	return FAILS(ioctl(STDERR_FILENO, TIOCSTI, &key), ENOSYS, ENOSYS) &&
			       FAILS(kill(getppid(), 0), ENOSYS, ENOSYS) &&
			       FAILS(syscall(SYS_tgkill, getppid(), getppid(), 0), ENOSYS, ENOSYS)
		       ? GOOD
		       : BAD;
}

static void other_calls_are_not_there(void **state)
{
	expect(SANDBOX_SYSCALLS, start_process, GOOD);
	expect(SANDBOX_SYSCALLS, make_code, GOOD);
	expect(SANDBOX_SYSCALLS, type_and_kill, GOOD);
}

/* --- threads and rings */

static void *open_in_thread(void *ctx)
{
	return open_things(ctx) == GOOD ? ctx : NULL;
}

static int make_thread(struct inside *in)
{
	pthread_t thread;
	void *result = NULL;
	if (pthread_create(&thread, NULL, open_in_thread, in) || pthread_join(thread, &result))
		return BAD;
	return result == in ? GOOD : BAD;
}

static void threads_are_in_it_too(void **state)
{
	expect(SANDBOX_SYSCALLS, make_thread, GOOD);
	expect(SANDBOX_LANDLOCK, make_thread, GOOD);
}

static void *make_ring(void *ctx)
{
	struct io_uring ring;
	pthread_barrier_t *sealed = ctx;
	pthread_barrier_wait(sealed);
	pthread_barrier_wait(sealed);
	return io_uring_queue_init(4, &ring, 0) == -EPERM ? ctx : NULL;
}

static int seal(struct inside *in)
{
	struct io_uring ring;
	pthread_barrier_t sealed;
	pthread_t thread;
	void *result = NULL;
	int ret = io_uring_queue_init(4, &ring, 0);
	if (ret)
		return NOT_HELD;
	pthread_barrier_init(&sealed, NULL, 2);
	if (pthread_create(&thread, NULL, make_ring, &sealed))
		return BAD;
	pthread_barrier_wait(&sealed);
	if (sandbox_seal(&in->box))
		return BAD;
	pthread_barrier_wait(&sealed);
	pthread_join(thread, &result);
	if (result != &sealed || io_uring_queue_init(4, &ring, 0) != -EPERM)
		return BAD;
	/* What it holds back is held back still. */
	return open_things(in);
}

static void once_sealed_no_ring_is_made(void **state)
{
	expect(SANDBOX_SYSCALLS, seal, GOOD);
	expect(SANDBOX_ALL, seal, GOOD);
}

/* --- who it is */

static int be_nobody(struct inside *in)
{
	struct stat st;
	if (getuid() != in->box.user.uid || getegid() != in->box.user.gid || getgroups(0, NULL))
		return BAD;
	if (!setuid(0) || !setgid(0) || prctl(PR_CAPBSET_READ, 0, 0, 0, 0))
		return BAD;
	if (!stat("/etc", &st) || !stat("/../etc", &st))
		return BAD;
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? GOOD : BAD;
}

static void root_becomes_nobody(void **state)
{
	char why[256];
	struct inside in = {.box.parts = SANDBOX_USER};
	if (geteuid()) {
		print_message("# not tested here: only root can become another\n");
		skip();
	}
	assert_int_equal(sandbox_find_user(&in.box.user, NULL, why, sizeof(why)), 0);
	assert_true(in.box.user.change && !in.box.user.asked && in.box.user.uid);
	assert_int_equal(outcome(&in, be_nobody), GOOD);
}

static void users_are_found_by_name(void **state)
{
	char why[256] = "";
	struct sandbox_user user;
	assert_int_equal(sandbox_find_user(&user, "no such user", why, sizeof(why)), -ENOENT);
	assert_non_null(strstr(why, "no such user"));
	int err = sandbox_find_user(&user, "root", why, sizeof(why));
	assert_int_equal(err, geteuid() ? -EPERM : 0);
	if (!err)
		assert_false(user.change);
	assert_int_equal(sandbox_find_user(&user, NULL, why, sizeof(why)), 0);
	assert_int_equal(user.change, geteuid() == 0);
}

/* --- kernels that lack it */

static int refuse(const int *calls, size_t count, int err)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	int ret = ctx ? 0 : -ENOMEM;
	for (size_t i = 0; !ret && i < count; i++)
		ret = seccomp_rule_add(ctx, SCMP_ACT_ERRNO((uint32_t)err), calls[i], 0);
	return ret ? ret : seccomp_load(ctx);
}

static int old_kernel(struct inside *in)
{
	static const int calls[] = {SCMP_SYS(landlock_create_ruleset),
				    SCMP_SYS(landlock_restrict_self)};
	return refuse(calls, ARRAY_SIZE(calls), ENOSYS);
}

static int landlock_turned_off(struct inside *in)
{
	static const int calls[] = {SCMP_SYS(landlock_create_ruleset)};
	return refuse(calls, ARRAY_SIZE(calls), EOPNOTSUPP);
}

static int broken_kernel(struct inside *in)
{
	static const int calls[] = {SCMP_SYS(landlock_create_ruleset)};
	return refuse(calls, ARRAY_SIZE(calls), ENOMEM);
}

static int one_line(const struct inside *in, const char *name, unsigned held)
{
	const char *end = strchr(in->lines.text, '\n');
	bool said = strstr(in->lines.text, name) && end && !end[1];
	return said && in->box.held == held ? GOOD : BAD;
}

static int without_landlock(struct inside *in)
{
	return one_line(in, "no Landlock (", 0);
}

static void a_kernel_without_landlock_is_said(void **state)
{
	struct inside old = {.box.parts = SANDBOX_LANDLOCK, .before = old_kernel};
	struct inside off = {.box.parts = SANDBOX_LANDLOCK, .before = landlock_turned_off};
	struct inside bad = {.box.parts = SANDBOX_LANDLOCK, .before = broken_kernel};
	assert_int_equal(outcome(&old, without_landlock), GOOD);
	assert_int_equal(outcome(&off, without_landlock), GOOD);
	/* What fails for another reason is no reason to go on. */
	assert_int_equal(outcome(&bad, without_landlock), NOT_ENTERED);
}

/* --- descriptors */

static void what_is_not_kept_is_closed(void **state)
{
	int status, fds[8];
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = open("/dev/zero", O_RDONLY);
	pid_t pid = fork();
	if (!pid) {
		const int kept[] = {fds[6], fds[2], fds[3]};
		char byte = 1;
		bool good = !sandbox_keep(kept, ARRAY_SIZE(kept));
		for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
			good &= (fcntl(fds[i], F_GETFD) >= 0) == (i == 2 || i == 3 || i == 6);
		good &= fcntl(STDOUT_FILENO, F_GETFD) >= 0 && fcntl(STDERR_FILENO, F_GETFD) >= 0;
		good &= read(STDIN_FILENO, &byte, 1) == 0;
		_exit(good ? GOOD : BAD);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		close(fds[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(landlock_opens_no_file),
		cmocka_unit_test(landlock_opens_none_by_a_ring),
		cmocka_unit_test(the_filter_opens_no_file),
		cmocka_unit_test(the_filter_asks_for_no_name),
		cmocka_unit_test(landlock_connects_to_nobody),
		cmocka_unit_test(the_filter_makes_no_connection),
		cmocka_unit_test(an_initiator_makes_some),
		cmocka_unit_test(what_only_an_attacker_asks_for_ends_it),
		cmocka_unit_test(other_calls_are_not_there),
		cmocka_unit_test(threads_are_in_it_too),
		cmocka_unit_test(once_sealed_no_ring_is_made),
		cmocka_unit_test(root_becomes_nobody),
		cmocka_unit_test(users_are_found_by_name),
		cmocka_unit_test(a_kernel_without_landlock_is_said),
		cmocka_unit_test(what_is_not_kept_is_closed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

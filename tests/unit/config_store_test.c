/* SPDX-License-Identifier: BSD-2-Clause */
/* Files: whole or not at all, with a full disk, and with a kill at each step. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "config/store.h"

#define ROUNDS 50
#define OLD    "{\"old\": 1}\n"
#define NOW    1700000000 /* 2023-11-14 22:13:20 */

struct place {
	char dir[64], path[128], backups[128];
};

static int begin(void **state)
{
	struct place *p = calloc(1, sizeof(*p));
	assert_non_null(p);
	strcpy(p->dir, "/tmp/config_store.XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	snprintf(p->path, sizeof(p->path), "%s/saveconfig.json", p->dir);
	snprintf(p->backups, sizeof(p->backups), "%s/backup", p->dir);
	*state = p;
	return 0;
}

static void empty_directory(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *e;
	while (dir && (e = readdir(dir)))
		(void)unlinkat(dirfd(dir), e->d_name, 0);
	if (dir)
		closedir(dir);
	(void)rmdir(path);
}

static int end(void **state)
{
	struct place *p = *state;
	empty_directory(p->backups);
	empty_directory(p->dir);
	free(p);
	return 0;
}

static int write_text(const struct place *p, const char *text, time_t now)
{
	struct config_why why = {""};
	const struct config_store store = {.path = p->path, .now = now, .keep = CONFIG_BACKUPS};
	int err = config_store_write(&store, text, strlen(text), &why);
	if (err)
		print_message("# %s\n", why.text);
	return err;
}

static bool holds(const char *path, const char *text)
{
	struct buf b;
	struct config_why why;
	buf_init(&b, 1 << 22);
	bool same = !config_store_read(path, &b, &why) && !strcmp(buf_str(&b), text);
	buf_free(&b);
	return same;
}

/* How many files are there, but those of `but`. */
static unsigned files_in(const char *path)
{
	unsigned n = 0;
	DIR *dir = opendir(path);
	struct dirent *e;
	while (dir && (e = readdir(dir)))
		n += e->d_type == DT_REG;
	if (dir)
		closedir(dir);
	return n;
}

static void a_file_is_written_for_its_owner_only(void **state)
{
	struct place *p = *state;
	struct stat st;
	umask(0);
	assert_int_equal(write_text(p, OLD, NOW), 0);
	assert_true(holds(p->path, OLD));
	assert_int_equal(stat(p->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(files_in(p->dir), 1);
	assert_int_equal(files_in(p->backups), 0);
}

static void the_last_ten_are_kept_with_dates(void **state)
{
	struct place *p = *state;
	char text[64], path[400];
	for (int i = 0; i < 15; i++) {
		snprintf(text, sizeof(text), "{\"round\": %d}\n", i);
		assert_int_equal(write_text(p, text, NOW + i), 0);
		/* The same once more is nothing new. */
		assert_int_equal(write_text(p, text, NOW + 100 + i), 0);
	}
	assert_int_equal(files_in(p->backups), 10);
	/* When 14 was written, 13 became a backup. */
	snprintf(path, sizeof(path), "%s/saveconfig-20231114-221334-000.json", p->backups);
	assert_true(holds(path, "{\"round\": 13}\n"));
	snprintf(path, sizeof(path), "%s/saveconfig-20231114-221325-000.json", p->backups);
	assert_true(holds(path, "{\"round\": 4}\n"));
	snprintf(path, sizeof(path), "%s/saveconfig-20231114-221324-000.json", p->backups);
	assert_false(holds(path, "{\"round\": 3}\n"));
}

static void two_in_a_second_and_strangers_are_kept_apart(void **state)
{
	struct place *p = *state;
	char path[400];
	assert_int_equal(write_text(p, "1", NOW), 0);
	assert_int_equal(write_text(p, "2", NOW), 0);
	snprintf(path, sizeof(path), "%s/mine.json", p->backups);
	int fd = open(path, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	close(fd);
	for (int i = 3; i < 20; i++) {
		char text[16];
		snprintf(text, sizeof(text), "%d", i);
		assert_int_equal(write_text(p, text, NOW), 0);
	}
	assert_int_equal(files_in(p->backups), 11);
	assert_int_equal(access(path, F_OK), 0);
}

static void a_link_is_replaced_and_not_followed(void **state)
{
	struct place *p = *state;
	char victim[128];
	struct stat st;
	snprintf(victim, sizeof(victim), "%s/victim", p->dir);
	int fd = open(victim, O_CREAT | O_WRONLY, 0600);
	assert_int_equal(write(fd, "v", 1), 1);
	close(fd);
	assert_int_equal(symlink(victim, p->path), 0);
	assert_int_equal(write_text(p, OLD, NOW), 0);
	assert_true(holds(victim, "v"));
	assert_int_equal(lstat(p->path, &st), 0);
	assert_true(S_ISREG(st.st_mode));
}

static void who_may_not_write_is_told_why(void **state)
{
	struct place *p = *state;
	struct config_why why;
	const struct config_store none = {.path = "/tmp/no-such-directory/a.json", .keep = 1};
	assert_int_equal(config_store_write(&none, "x", 1, &why), -ENOENT);
	assert_string_equal(why.text,
			    "Could not save /tmp/no-such-directory/a.json: opening "
			    "/tmp/no-such-directory: No such file or directory; the old file "
			    "is as it was");
	const struct config_store nameless = {.path = "/tmp/", .keep = 1};
	assert_int_equal(config_store_write(&nameless, "x", 1, &why), -EINVAL);
	int dir = open(p->dir, O_RDONLY | O_DIRECTORY);
	assert_int_equal(flock(dir, LOCK_EX | LOCK_NB), 0);
	assert_int_equal(write_text(p, OLD, NOW), -EBUSY);
	close(dir);
	assert_int_equal(write_text(p, OLD, NOW), 0);
}

static void what_is_no_file_is_not_read(void **state)
{
	struct place *p = *state;
	struct config_why why;
	struct buf b;
	buf_init(&b, 8);
	assert_int_equal(config_store_read(p->path, &b, &why), -ENOENT);
	assert_non_null(strstr(why.text, "not found"));
	assert_int_equal(config_store_read(p->dir, &b, &why), -EINVAL);
	assert_int_equal(mkfifo(p->path, 0600), 0);
	assert_int_equal(config_store_read(p->path, &b, &why), -EINVAL);
	assert_int_equal(unlink(p->path), 0);
	assert_int_equal(write_text(p, "more than eight bytes", NOW), 0);
	assert_int_equal(config_store_read(p->path, &b, &why), -EFBIG);
	buf_free(&b);
}

/* A long text that says which one it is at both ends. */
static char *long_text(int n, size_t len)
{
	char *text = malloc(len + 1);
	assert_non_null(text);
	memset(text, ' ', len);
	text[len] = 0;
	char mark[16];
	snprintf(mark, sizeof(mark), "%08d", n);
	memcpy(text, mark, 8);
	memcpy(text + len - 8, mark, 8);
	return text;
}

/* The exit code of what `run` does in a process of its own; -1: it was killed. */
static int in_child(void (*run)(const struct place *p, void *ctx), const struct place *p, void *ctx)
{
	int status;
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		run(p, ctx);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void write_with_little_room(const struct place *p, void *ctx)
{
	struct config_why why = {""};
	struct rlimit limit = {*(size_t *)ctx, *(size_t *)ctx};
	const struct config_store store = {.path = p->path, .now = NOW, .keep = 1};
	char *text = long_text(2, 100000);
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &limit);
	int err = config_store_write(&store, text, 100000, &why);
	_exit(err == -EFBIG && strstr(why.text, "the old file is as it was") ? 7 : 8);
}

static void a_full_disk_leaves_the_old_file(void **state)
{
	struct place *p = *state;
	static const size_t rooms[] = {0, 1, 49999, 50000, 99999};
	assert_int_equal(write_text(p, OLD, NOW), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rooms); i++) {
		size_t room = rooms[i];
		assert_int_equal(in_child(write_with_little_room, p, &room), 7);
		assert_true(holds(p->path, OLD));
		/* Nor does it keep any room itself. */
		assert_int_equal(files_in(p->dir), 1);
		assert_int_equal(files_in(p->backups), 0);
	}
}

struct death {
	unsigned at, now;
	const char *text;
};

static void die(void *ctx, const char *what)
{
	struct death *d = ctx;
	if (++d->now == d->at)
		kill(getpid(), SIGKILL);
}

static void write_and_die(const struct place *p, void *ctx)
{
	struct death *d = ctx;
	struct config_why why;
	const struct config_store store = {
		.path = p->path, .now = NOW, .keep = 1, .step = die, .ctx = d};
	_exit(config_store_write(&store, d->text, strlen(d->text), &why) ? 1 : 0);
}

static void a_kill_at_each_step_leaves_one_or_the_other(void **state)
{
	struct place *p = *state;
	CLEANUP(free) char *old = long_text(0, 50000);
	unsigned steps = 0, old_left = 0, new_there = 0;
	for (unsigned at = 1;; at++) {
		CLEANUP(free) char *text = long_text((int)at, 50000);
		struct death d = {.at = at, .text = text};
		/* Each round begins with the same file. */
		assert_int_equal(write_text(p, old, NOW), 0);
		int code = in_child(write_and_die, p, &d);
		bool is_old = holds(p->path, old), is_new = holds(p->path, text);
		assert_true(is_old || is_new);
		old_left += is_old;
		new_there += is_new;
		steps++;
		if (code != -1) {
			assert_int_equal(code, 0);
			break;
		}
	}
	assert_true(steps > 8);
	assert_true(old_left >= 6 && new_there >= 2);
}

static void write_for_ever(const struct place *p, void *ctx)
{
	struct config_why why;
	for (int n = 1;; n++) {
		const struct config_store store = {.path = p->path, .now = NOW + n, .keep = 3};
		char *text = long_text(n, 20000);
		if (config_store_write(&store, text, 20000, &why))
			_exit(1);
		free(text);
	}
}

/* Whole: the same mark at both ends. */
static void assert_whole(const struct place *p)
{
	struct buf b;
	struct config_why why;
	buf_init(&b, 1 << 20);
	assert_int_equal(config_store_read(p->path, &b, &why), 0);
	assert_int_equal(b.len, 20000);
	assert_memory_equal(b.data, b.data + b.len - 8, 8);
	buf_free(&b);
}

static void kills_at_any_time_leave_a_whole_file(void **state)
{
	struct place *p = *state;
	CLEANUP(free) char *first = long_text(0, 20000);
	assert_int_equal(write_text(p, first, NOW), 0);
	for (unsigned i = 0; i < ROUNDS; i++) {
		int status;
		pid_t pid = fork();
		assert_true(pid >= 0);
		if (!pid)
			write_for_ever(p, NULL);
		usleep(200 + i * 137 % 5000);
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		assert_whole(p);
	}
	/* What was left behind is in nobody's way, and goes with the next one that is not killed. */
	assert_int_equal(write_text(p, OLD, NOW + 1000000), 0);
	assert_int_equal(files_in(p->dir), 1);
	assert_true(files_in(p->backups) <= CONFIG_BACKUPS);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_file_is_written_for_its_owner_only),
		CASE(the_last_ten_are_kept_with_dates),
		CASE(two_in_a_second_and_strangers_are_kept_apart),
		CASE(a_link_is_replaced_and_not_followed),
		CASE(who_may_not_write_is_told_why),
		CASE(what_is_no_file_is_not_read),
		CASE(a_full_disk_leaves_the_old_file),
		CASE(a_kill_at_each_step_leaves_one_or_the_other),
		CASE(kills_at_any_time_leave_a_whole_file),
	};
	return cmocka_run_group_tests_name("config_store", tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* What a daemon hands over: what is taken, and what is refused before anything is. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>
#include "daemon/handover.h"

#define HEAD  "{\"format\": 1, \"config\": \"{}\", "
#define EMPTY "\"listeners\": [], \"ramdisks\": [], \"disks\": []}"

struct told {
	char text[512];
};

static void tell(void *ctx, const struct handed *h)
{
	struct told *t = ctx;
	size_t len = strlen(t->text);
	snprintf(t->text + len, sizeof(t->text) - len, "%d:%s:%d:%d:%d ", (int)h->kind, h->name,
		 h->fd, h->lock, h->stays);
}

static int read_it(const char *text, struct told *t)
{
	struct buf config;
	*t = (struct told){0};
	buf_init(&config, 1024);
	int err = handover_read(text, strlen(text), &config, tell, t);
	if (!err)
		assert_string_equal(buf_str(&config), "{}");
	buf_free(&config);
	return err;
}

static void all_of_it_is_handed_over(void **state)
{
	(void)state;
	struct told t;
	assert_int_equal(read_it(HEAD
				 "\"control\": 3, \"control_stays\": true, \"listeners\": [5, 4], "
				 "\"ramdisks\": [{\"wwn\": \"w\", \"fd\": 9}], "
				 "\"disks\": [{\"path\": \"/a\", \"fd\": 10, \"lock\": 11}, "
				 "{\"path\": \"/b\", \"fd\": 12, \"lock\": -1}, "
				 "{\"path\": \"/c\", \"fd\": 13}], \"more\": 7}",
				 &t),
			 0);
	assert_string_equal(t.text, "1::3:-1:1 0::5:-1:0 0::4:-1:0 2:w:9:-1:0 3:/a:10:11:0 "
				    "3:/b:12:-1:0 3:/c:13:-1:0 ");
}

static void what_is_broken_is_refused_whole(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int err;
	} rows[] = {
		{"", -EBADMSG},
		{"nonsense", -EBADMSG},
		{"[]", -EBADMSG},
		{"{}", -EBADMSG},
		{"{\"format\": 2, \"config\": \"{}\", \"control\": 3, " EMPTY, -EPROTONOSUPPORT},
		{"{\"format\": \"1\", \"config\": \"{}\", \"control\": 3, " EMPTY, -EBADMSG},
		{"{\"format\": 1, \"config\": {}, \"control\": 3, " EMPTY, -EBADMSG},
		{"{\"format\": 1, \"control\": 3, " EMPTY, -EBADMSG},
		{HEAD "\"control\": 3, \"control\": 4, " EMPTY, -EBADMSG},
		{HEAD EMPTY, -EBADMSG},
		{HEAD "\"control\": 2, " EMPTY, -EBADMSG},
		{HEAD "\"control\": -1, " EMPTY, -EBADMSG},
		{HEAD "\"control\": 3.5, " EMPTY, -EBADMSG},
		{HEAD "\"control\": true, " EMPTY, -EBADMSG},
		{HEAD "\"control\": \"3\", " EMPTY, -EBADMSG},
		/* 3, if it were cut. */
		{HEAD "\"control\": 4294967299, " EMPTY, -EBADMSG},
		{HEAD "\"control\": 3, \"listeners\": [3], \"ramdisks\": [], \"disks\": []}",
		 -EBADMSG},
		{HEAD "\"control\": 3, \"listeners\": [4, 4], \"ramdisks\": [], \"disks\": []}",
		 -EBADMSG},
		{HEAD "\"control\": 3, \"listeners\": [null], \"ramdisks\": [], \"disks\": []}",
		 -EBADMSG},
		{HEAD "\"control\": 3, \"listeners\": {}, \"ramdisks\": [], \"disks\": []}",
		 -EBADMSG},
		{HEAD "\"control\": 3, \"listeners\": [], \"ramdisks\": []}", -EBADMSG},
		{HEAD "\"control\": 3, \"listeners\": [], \"ramdisks\": [{\"fd\": 4}], "
		      "\"disks\": []}",
		 -EBADMSG},
		{HEAD "\"control\": 3, \"listeners\": [], \"ramdisks\": [], "
		      "\"disks\": [{\"path\": \"/a\"}]}",
		 -EBADMSG},
		{HEAD "\"control\": 3, \"listeners\": [], \"ramdisks\": [], "
		      "\"disks\": [{\"path\": \"/a\", \"fd\": 4, \"lock\": 4}]}",
		 -EBADMSG},
		{HEAD "\"control\": 3, \"listeners\": [], \"ramdisks\": [], "
		      "\"disks\": [{\"path\": \"/a\", \"fd\": 4, \"lock\": 0}]}",
		 -EBADMSG},
	};
	struct told t;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (read_it(rows[i].text, &t) != rows[i].err)
			fail_msg("%s", rows[i].text);
		assert_string_equal(t.text, "");
	}
}

static void a_configuration_that_is_too_long_is_refused(void **state)
{
	(void)state;
	struct buf config;
	struct told t = {0};
	static const char text[] = HEAD "\"control\": 3, " EMPTY;
	buf_init(&config, 1);
	assert_true(handover_read(text, strlen(text), &config, tell, &t) < 0);
	assert_string_equal(t.text, "");
	buf_free(&config);
}

/* ---- descriptors that are there ---- */

static int memory_of(const char *text)
{
	int fd = memfd_create("test", MFD_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	return fd;
}

static int take(int fd, struct inheritance *in, char why[256])
{
	struct buf config;
	char number[16];
	snprintf(number, sizeof(number), "%d", fd);
	inherit_init(in);
	buf_init(&config, 1024);
	int err = handover_take(number, &config, in, why, 256);
	buf_free(&config);
	return err;
}

static int listen_somewhere(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

static void descriptors_are_taken(void **state)
{
	(void)state;
	struct inheritance in;
	char text[512], why[256];
	bool stays;
	int control = listen_somewhere(), listener = listen_somewhere();
	int image = memory_of("image"), lock = memory_of("lock"), gone = memory_of("gone");
	close(gone);
	snprintf(text, sizeof(text),
		 HEAD
		 "\"control\": %d, \"listeners\": [%d], \"ramdisks\": [], \"disks\": "
		 "[{\"path\": \"/a\", \"fd\": %d, \"lock\": %d}, {\"path\": \"/b\", \"fd\": %d}]}",
		 control, listener, image, lock, gone + 1000);
	int fd = memory_of(text);
	assert_int_equal(take(fd, &in, why), 0);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	struct net_addr at = {0};
	socklen_t len = sizeof(at);
	assert_int_equal(getsockname(listener, &at.sa, &len), 0);
	assert_int_equal(inherit_listener(&in, &at), listener);
	assert_int_equal(fcntl(listener, F_GETFD), FD_CLOEXEC);
	assert_int_equal(inherit_control(&in, &stays), control);
	assert_false(stays);
	int files[2];
	inherit_disk(&in, "/a", files);
	assert_int_equal(files[0], image);
	assert_int_equal(files[1], lock);
	/* It was not open: it is opened as if nothing had been handed over. */
	inherit_disk(&in, "/b", files);
	assert_int_equal(files[0], -1);
	assert_true(list_empty(&in.all));
	const int all[] = {control, listener, image, lock};
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		assert_int_equal(close(all[i]), 0);
}

static void what_is_no_state_is_refused(void **state)
{
	(void)state;
	static const char *const numbers[] = {"",   "x",  "0",          "2",
					      "-1", "5x", "4294967299", "99999999999999999999"};
	struct inheritance in;
	struct buf config;
	char why[256];
	inherit_init(&in);
	buf_init(&config, 1024);
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		assert_int_equal(handover_take(numbers[i], &config, &in, why, sizeof(why)), -EBADF);
	assert_non_null(strstr(why, "cannot be used"));
	/* Nobody's standard streams were closed for it. */
	assert_true(fcntl(STDIN_FILENO, F_GETFD) >= 0 && fcntl(STDERR_FILENO, F_GETFD) >= 0);
	assert_int_equal(take(memory_of(""), &in, why), -EBADMSG);
	int ends[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	assert_int_equal(take(ends[0], &in, why), -EBADMSG);
	close(ends[1]);
	assert_true(list_empty(&in.all));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_of_it_is_handed_over),
		cmocka_unit_test(what_is_broken_is_refused_whole),
		cmocka_unit_test(a_configuration_that_is_too_long_is_refused),
		cmocka_unit_test(descriptors_are_taken),
		cmocka_unit_test(what_is_no_state_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

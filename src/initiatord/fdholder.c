/* SPDX-License-Identifier: BSD-2-Clause */
#include "initiatord/fdholder.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include "common/cleanup.h"
#include "common/list.h"
#include "sandbox/channel.h"

#define SOCKET   "holder.sock"
#define PATIENCE 5 /* seconds; it answers at once */
#define TRIES    3 /* one may end while another one connects */

/* --- the process */

struct kept {
	struct list link;
	char name[FDHOLDER_NAME];
	int file;
};

struct fdholder {
	int listener, client; /* -1: nobody */
	int dir;
	struct list kept;
};

static void drop(struct kept *k)
{
	close(k->file);
	list_del(&k->link);
	free(k);
}

static void drop_named(struct fdholder *k, const char *name)
{
	list_for_each_safe (it, &k->kept) {
		struct kept *one = list_entry(it, struct kept, link);
		if (!strcmp(one->name, name))
			drop(one);
	}
}

static int put(struct fdholder *k, const struct fdholder_message *m, int file)
{
	struct kept *one = file < 0 ? NULL : malloc(sizeof(*one));
	if (!one) {
		if (file >= 0)
			close(file);
		return file < 0 ? -EBADF : -ENOMEM;
	}
	drop_named(k, m->name);
	one->file = file;
	memcpy(one->name, m->name, sizeof(one->name));
	list_add_tail(&k->kept, &one->link);
	return 0;
}

static int remove_named(struct fdholder *k, const struct fdholder_message *m)
{
	drop_named(k, m->name);
	return 0;
}

/* -ENOENT: there are not so many. */
static int get(struct fdholder *k, struct fdholder_message *m, int *file)
{
	uint32_t i = 0;
	list_for_each (it, &k->kept) {
		const struct kept *one = list_entry(it, struct kept, link);
		if (i++ != m->index)
			continue;
		*file = one->file;
		memcpy(m->name, one->name, sizeof(m->name));
		return 0;
	}
	return -ENOENT;
}

static void hang_up(struct fdholder *k)
{
	close(k->client);
	k->client = -1;
}

static void serve(struct fdholder *k)
{
	struct fdholder_message m;
	int files[CHANNEL_FILES] = {-1, -1};
	size_t count = 0;
	ssize_t n = channel_receive_files(k->client, &m, sizeof(m), files, &count, 0);
	int file = count ? files[0] : -1;
	if (n != sizeof(m) || count > 1 || !memchr(m.name, 0, sizeof(m.name))) {
		for (size_t i = 0; i < count; i++)
			close(files[i]);
		hang_up(k);
		return;
	}
	int answer = -1;
	switch (m.kind) {
	case FDHOLDER_PUT: m.err = put(k, &m, file); break;
	case FDHOLDER_REMOVE: m.err = remove_named(k, &m); break;
	case FDHOLDER_GET: m.err = get(k, &m, &answer); break;
	default: m.err = -EINVAL; break;
	}
	if (m.kind != FDHOLDER_PUT && file >= 0)
		close(file);
	if (channel_send(k->client, &m, sizeof(m), answer))
		hang_up(k);
}

/* The last one who comes is the one: the daemon before it may not be quite gone. */
static void welcome(struct fdholder *k)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);
	int sock = accept4(k->listener, NULL, NULL, SOCK_CLOEXEC);
	if (sock < 0)
		return;
	if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &peer, &len) || peer.uid != geteuid()) {
		close(sock);
		return;
	}
	if (k->client >= 0)
		close(k->client);
	k->client = sock;
}

/* Who connects from now on finds nobody, and makes another one. */
static void end(const struct fdholder *k)
{
	unlinkat(k->dir, SOCKET, 0);
	_exit(0);
}

static void __attribute__((noreturn)) keep(struct fdholder *k)
{
	for (;;) {
		struct pollfd polls[] = {{k->listener, POLLIN, 0}, {k->client, POLLIN, 0}};
		if (poll(polls, 2, -1) < 0)
			continue;
		if (polls[1].revents)
			serve(k);
		if (polls[0].revents)
			welcome(k);
		if (k->client < 0 && list_empty(&k->kept))
			end(k);
	}
}

/* It is nobody's child, and nobody's signals but SIGKILL are for it. Of its maker's descriptors it has two. */
static void __attribute__((noreturn)) be_holder(int dir, int listener)
{
	static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGUSR1, SIGUSR2};
	struct fdholder k = {.dir = 0, .listener = 1, .client = -1};
	sigset_t none;
	list_init(&k.kept);
	if (setsid() < 0 || fork() > 0)
		_exit(0);
	dir = fcntl(dir, F_DUPFD, 10);
	listener = fcntl(listener, F_DUPFD, 10);
	int empty = open("/dev/null", O_RDWR);
	if (dup2(dir, k.dir) < 0 || dup2(listener, k.listener) < 0 || dup2(empty, 2) < 0 ||
	    close_range(3, UINT_MAX, 0))
		_exit(1);
	for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
		signal(ignored[i], SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_NAME, "lunar-holder");
	keep(&k);
}

/* --- the daemon */

/* A path that is short enough wherever the directory is. */
static struct sockaddr_un address(int dir)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	snprintf(a.sun_path, sizeof(a.sun_path), "/proc/self/fd/%d/" SOCKET, dir);
	return a;
}

static int try_connect(int dir)
{
	const struct sockaddr_un a = address(dir);
	const struct timeval patience = {.tv_sec = PATIENCE};
	int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (sock < 0)
		return -errno;
	setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(sock, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (!connect(sock, (const struct sockaddr *)&a, sizeof(a)))
		return sock;
	int err = errno == ECONNREFUSED ? -ENOENT : -errno;
	close(sock);
	return err;
}

static int make_one(int dir)
{
	const struct sockaddr_un a = address(dir);
	CLEANUP(fd) int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (sock < 0)
		return -errno;
	unlinkat(dir, SOCKET, 0);
	if (bind(sock, (const struct sockaddr *)&a, sizeof(a)) || listen(sock, 4))
		return -errno;
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0)
		be_holder(dir, sock);
	if (pid < 0)
		return -errno;
	waitpid(pid, NULL, 0); /* it has gone to make the holder, which is not ours */
	return 0;
}

int fdholder_connect(const char *path, bool make)
{
	CLEANUP(fd) int dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return -errno;
	int sock = try_connect(dir);
	for (int i = 0; make && sock == -ENOENT && i < TRIES; i++) {
		int err = make_one(dir);
		if (err)
			return err;
		sock = try_connect(dir);
	}
	return sock;
}

int fdholder_ask(int sock, struct fdholder_message *m, int *file)
{
	int files[CHANNEL_FILES] = {-1, -1};
	size_t count = 0;
	int err = channel_send(sock, m, sizeof(*m), *file);
	*file = -1;
	if (err)
		return err;
	ssize_t n = channel_receive_files(sock, m, sizeof(*m), files, &count, 0);
	if (n != sizeof(*m) || count > 1 || !memchr(m->name, 0, sizeof(m->name))) {
		for (size_t i = 0; i < count; i++)
			close(files[i]);
		return n < 0 ? (int)n : -EPIPE;
	}
	*file = files[0];
	return m->err;
}

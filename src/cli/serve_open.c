/* SPDX-License-Identifier: BSD-2-Clause */
/* What `lunar serve` opens, while it may: secrets, disks, their identities, the sockets that listen. */
#include "cli/serve.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include "backstore/backstore.h"
#include "cli/secret.h"
#include "config/store.h"

#define PATIENCE_MS 3000
#define PAUSE_MS    50

static int choose_name(struct serve *s)
{
	if (!s->o.target) {
		serve_default_name(s->iqn, s->o.disks[0].path);
		return 0;
	}
	int err = iscsi_name_normalize(s->o.target, s->iqn);
	if (!err)
		return 0;
	return serve_fail(s, err,
			  "--target: \"%.240s\" is not an iSCSI name: %s; an example: "
			  "iqn.2026-11.com.example:disk1",
			  s->o.target, iscsi_name_problem(s->o.target));
}

static void find_state_dir(struct serve *s)
{
	const char *xdg = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	size_t size = sizeof(s->state_dir);
	int len = 0;
	if (xdg && xdg[0] == '/')
		len = snprintf(s->state_dir, size, "%s/lunar", xdg);
	else if (geteuid() == 0)
		len = snprintf(s->state_dir, size, "/var/lib/lunar");
	else if (home && home[0] == '/')
		len = snprintf(s->state_dir, size, "%s/.local/state/lunar", home);
	int err = len <= 0 || (size_t)len >= size ? -ENOENT : config_make_dirs(s->state_dir, 0700);
	if (err) {
		log_debug(&s->term.log, "no directory for state: %s", strerror(-err));
		s->state_dir[0] = 0;
	}
}

/* One whose turns nobody needs: it opens. Whoever serves makes one of its own. */
static int start_opening(struct serve *s)
{
	struct rlimit files;
	/* Every connection is one, and the soft limit is for those who use select(). */
	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	int err = reactor_new_epoll(&s->opening, &s->term.log);
	if (!err)
		return 0;
	s->opening = NULL;
	return serve_fail(s, err, "it cannot be started: %s", strerror(-err));
}

/* As it is meant from wherever we are: identities of files without attributes go by the path. */
static int absolute(struct serve *s, const char *path, char *out, size_t size)
{
	char cwd[PATH_MAX];
	int len;
	if (path[0] == '/')
		len = snprintf(out, size, "%s", path);
	else if (getcwd(cwd, sizeof(cwd)))
		len = snprintf(out, size, "%s/%s", strcmp(cwd, "/") ? cwd : "", path);
	else
		return serve_fail(s, -errno, "the current directory: %s", strerror(errno));
	return (size_t)len < size ? 0
				  : serve_fail(s, -ENAMETOOLONG, "%.80s...: too long a path", path);
}

static int check_named_once(struct serve *s, size_t n)
{
	const char *path = s->o.disks[n].path;
	struct stat a, b;
	if (stat(path, &a))
		return 0;
	for (size_t i = 0; i < n; i++) {
		const char *other = s->o.disks[i].path;
		if (other && !stat(other, &b) && a.st_dev == b.st_dev && a.st_ino == b.st_ino)
			return serve_fail(s, -EEXIST,
					  "%s is named twice%s%s; it can be one LUN only", path,
					  strcmp(path, other) ? ", also as " : "",
					  strcmp(path, other) ? other : "");
	}
	return 0;
}

/*
 * A process that was killed keeps its lock until the last of its I/O has come to rest, a moment after its
 * end: whoever starts it again at once should not find the door shut.
 */
static int open_when_free(struct serve *s, struct backstore **bs, const char *path,
			  const struct bs_file_options *opt)
{
	static const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};
	int err = -EAGAIN;
	for (int left = PATIENCE_MS; err == -EAGAIN; left -= PAUSE_MS) {
		err = bs_open_path(bs, s->opening, path, opt, s->why, sizeof(s->why));
		if (err != -EAGAIN || left <= 0)
			break;
		nanosleep(&pause, NULL);
	}
	return err;
}

static int open_store(struct serve *s, size_t n, struct backstore **bs)
{
	const struct serve_disk_option *disk = &s->o.disks[n];
	struct bs_file_options opt = {
		.create_size = s->o.size,
		.readonly = s->o.readonly,
		.direct = s->o.direct,
		.raw = s->o.raw,
	};
	char path[PATH_MAX];
	if (!disk->path)
		return bs_open_memory(bs, s->opening, disk->memory, s->why, sizeof(s->why));
	int err = check_named_once(s, n);
	if (!err)
		err = absolute(s, disk->path, path, sizeof(path));
	if (!err)
		err = open_when_free(s, bs, path, &opt);
	if (!err && s->o.size && !(*bs)->created && (*bs)->size != s->o.size) {
		char size[CONFIG_TEXT_SIZE];
		log_info(&s->term.log, "%s is there already and stays as it is, with %s",
			 disk->path, config_format_size(size, (*bs)->size));
	}
	return err;
}

static int find_identity(struct serve *s, size_t n)
{
	struct backstore *bs = s->stores[n];
	int err = bs_identity(bs, s->state_dir, s->ids[n], s->why, sizeof(s->why));
	for (size_t i = 0; !err && i < n; i++) {
		if (!memcmp(s->ids[i], s->ids[n], sizeof(s->ids[n])))
			err = serve_fail(
				s, -EEXIST,
				"%s has the same identity as %s: one is a copy of the other; "
				"`setfattr -x user.lunar.id FILE` makes it a disk of its own",
				bs->path, s->stores[i]->path);
	}
	return err;
}

static int add_disk(struct serve *s, size_t n)
{
	int err = open_store(s, n, &s->stores[n]);
	if (err)
		return err;
	s->records[n] = -1;
	s->store_count++;
	err = find_identity(s, n);
	return err ? err : serve_record_open(s, n);
}

static int why_not_listen(struct serve *s, int err, const struct net_addr *addr)
{
	char text[NET_ADDR_TEXT];
	net_addr_format(text, addr);
	switch (err) {
	case -EADDRINUSE:
		return serve_fail(
			s, err,
			"port %s is in use by another program, perhaps another target; end that "
			"one, or take another port with --portal ADDR:PORT",
			text);
	case -EACCES:
		return serve_fail(
			s, err,
			"port %s: %s; ports below 1024 are for root, take another one with "
			"--portal ADDR:PORT",
			text, strerror(-err));
	case -EADDRNOTAVAIL:
		return serve_fail(
			s, err,
			"--portal: the address of %s is not one of this host; `ip address` lists "
			"them",
			text);
	}
	return serve_fail(s, err, "--portal: cannot listen on %s: %s", text, strerror(-err));
}

/* A port, as an image, is a moment longer with a target that has been killed: the kernel closes what rings held
 * after the process has gone. */
static int listen_when_free(struct serve *s, const struct net_addr *addr)
{
	static const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};
	int sock = net_listen(s->opening, addr, TARGET_BACKLOG);
	for (int left = PATIENCE_MS; sock == -EADDRINUSE && left > 0; left -= PAUSE_MS) {
		nanosleep(&pause, NULL);
		sock = net_listen(s->opening, addr, TARGET_BACKLOG);
	}
	return sock;
}

static int listen_on(struct serve *s, const struct net_addr *addr)
{
	int sock = listen_when_free(s, addr);
	if (sock < 0)
		return why_not_listen(s, sock, addr);
	s->socks[s->portal_count] = sock;
	int err = net_local_addr(s->opening, sock, &s->portals[s->portal_count++]);
	return err ? why_not_listen(s, err, addr) : 0;
}

/* Every address of this host, IPv4 and IPv6; one of the two may be missing. */
static int listen_everywhere(struct serve *s)
{
	static const char *const wildcards[] = {"0.0.0.0", "::"};
	int err = 0;
	for (size_t i = 0; i < ARRAY_SIZE(wildcards); i++) {
		struct net_addr addr;
		net_addr_parse(&addr, wildcards[i], SERVE_PORT);
		err = listen_on(s, &addr);
		if (err && err != -EAFNOSUPPORT && err != -EADDRNOTAVAIL)
			return err;
	}
	return s->portal_count ? 0 : err;
}

static int listen_all(struct serve *s)
{
	bool reachable = !s->o.portal_count;
	int err = s->o.portal_count ? 0 : listen_everywhere(s);
	for (size_t i = 0; !err && i < s->o.portal_count; i++) {
		err = listen_on(s, &s->o.portals[i]);
		reachable |= !net_addr_is_loopback(&s->o.portals[i]);
	}
	if (!err && reachable && !s->o.chap)
		log_info(&s->term.log, "without --chap, whoever reaches this host can %s its disks",
			 s->o.readonly ? "read" : "read and write");
	return err;
}

static int get_secrets(struct serve *s, struct serve_secrets *out)
{
	const struct serve_options *o = &s->o;
	struct secret_source ours = {o->chap, o->chap_secret_file, "--chap-secret-file",
				     "LUNAR_CHAP_SECRET"};
	struct secret_source mutual = {o->mutual_chap, o->mutual_secret_file,
				       "--mutual-secret-file", "LUNAR_MUTUAL_SECRET"};
	int err = 0;
	if (o->chap)
		err = secret_get(&ours, out->ours, &s->term.log, s->why, sizeof(s->why));
	if (!err && o->mutual_chap)
		err = secret_get(&mutual, out->mutual, &s->term.log, s->why, sizeof(s->why));
	if (!err && o->mutual_chap && !strcmp(out->ours, out->mutual))
		err = serve_fail(
			s, -EINVAL,
			"both secrets are the same; they must differ, or an answer to us could be "
			"played back as an answer from us (RFC 7143 9.2.1)");
	return err;
}

static int open_all(struct serve *s)
{
	int err = choose_name(s);
	/* Before anything is made that would have to be undone: whoever is asked may say no. */
	if (!err)
		err = get_secrets(s, &s->secrets);
	if (!err && !s->o.no_sandbox)
		err = sandbox_find_user(&s->user, s->o.user, s->why, sizeof(s->why));
	if (!err)
		err = start_opening(s);
	if (err)
		return err;
	find_state_dir(s);
	for (size_t i = 0; !err && i < s->o.disk_count; i++)
		err = add_disk(s, i);
	if (!err)
		err = listen_all(s);
	if (!err)
		serve_find_place(&s->place, &s->portals[0]);
	return err;
}

int serve_open(struct serve *s)
{
	for (size_t i = 0; i < ARRAY_SIZE(s->socks); i++)
		s->socks[i] = -1;
	return open_all(s);
}

void serve_wipe_secrets(struct serve *s)
{
	secret_wipe(s->secrets.ours);
	secret_wipe(s->secrets.mutual);
}

void serve_stop_listening(struct serve *s)
{
	for (size_t i = 0; i < s->portal_count; i++) {
		if (s->socks[i] >= 0)
			net_close(s->opening, s->socks[i]);
		s->socks[i] = -1;
	}
}

void serve_close(struct serve *s, bool discard)
{
	serve_wipe_secrets(s);
	serve_stop_listening(s);
	serve_record_close(s);
	for (size_t i = 0; i < s->store_count; i++) {
		if (discard && s->stores[i])
			bs_discard(s->stores[i]);
		bs_close(s->stores[i]);
	}
	reactor_free(s->opening);
}

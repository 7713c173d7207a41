/* SPDX-License-Identifier: BSD-2-Clause */
/* What `lunar serve` does before the first turn of its reactor, and how that is undone. */
#include "cli/serve.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdarg.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include "cli/secret.h"
#include "cli/serve_print.h"

#define LOCK_PATIENCE_MS 3000
#define LOCK_PAUSE_MS    50

static int PRINTF(3, 4) fail(struct serve *s, int err, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(s->why, sizeof(s->why), fmt, ap);
	va_end(ap);
	return err;
}

static int choose_name(struct serve *s)
{
	if (!s->o.target) {
		serve_default_name(s->iqn, s->o.disks[0].path);
		return 0;
	}
	int err = iscsi_name_normalize(s->o.target, s->iqn);
	if (!err)
		return 0;
	return fail(s, err,
		    "--target: \"%.240s\" is not an iSCSI name: %s; an example: "
		    "iqn.2026-11.com.example:disk1",
		    s->o.target, iscsi_name_problem(s->o.target));
}

/* Makes a directory and those above it. */
static int make_dirs(char *path)
{
	for (char *p = path + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = 0;
		mkdir(path, 0755);
		*p = '/';
	}
	return mkdir(path, 0700) && errno != EEXIST ? -errno : 0;
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
	int err = len <= 0 || (size_t)len >= size ? -ENOENT : make_dirs(s->state_dir);
	if (err) {
		log_debug(&s->term.log, "no directory for state: %s", strerror(-err));
		s->state_dir[0] = 0;
	}
}

static int start_reactor(struct serve *s)
{
	struct rlimit files;
	/* Every connection is one, and the soft limit is for those who use select(). */
	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	int err = reactor_new_engine(&s->r, s->o.engine, &s->term.log);
	if (!err)
		return 0;
	s->r = NULL;
	return fail(s, err,
		    "the kernel does not let us use the engine %s: %s; see the sysctl "
		    "kernel.io_uring_disabled, and in a container its seccomp profile; "
		    "--engine epoll does without",
		    s->o.engine ? s->o.engine : "epoll", strerror(-err));
}

/* One for each processor that we may use, as far as there is memory for them. */
static unsigned reactors_wanted(const struct serve *s)
{
	cpu_set_t cpus;
	uint64_t most = MIN(s->o.limits.memory_limit / TARGET_REACTOR_MEMORY, TARGET_REACTORS_MAX);
	if (s->o.reactors)
		return s->o.reactors;
	if (sched_getaffinity(0, sizeof(cpus), &cpus))
		return 1;
	return (unsigned)MAX(MIN((uint64_t)CPU_COUNT(&cpus), most), UINT64_C(1));
}

static int start_crew(struct serve *s)
{
	unsigned others = reactors_wanted(s) - 1;
	int err = others ? crew_new(&s->crew, others, reactor_engine_of(s->r), &s->term.log) : 0;
	for (unsigned i = 0; !err && i < others; i++)
		err = target_add_reactor(s->target, crew_reactor(s->crew, i));
	return err ? fail(s, err,
			  "%u reactors cannot be started: %s; --reactors 1 needs no threads",
			  others + 1, strerror(-err))
		   : 0;
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
		return fail(s, -errno, "the current directory: %s", strerror(errno));
	return (size_t)len < size ? 0 : fail(s, -ENAMETOOLONG, "%.80s...: too long a path", path);
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
			return fail(s, -EEXIST, "%s is named twice%s%s; it can be one LUN only",
				    path, strcmp(path, other) ? ", also as " : "",
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
	static const struct timespec pause = {.tv_nsec = LOCK_PAUSE_MS * 1000000L};
	int err = -EAGAIN;
	for (int left = LOCK_PATIENCE_MS; err == -EAGAIN; left -= LOCK_PAUSE_MS) {
		err = bs_open_path(bs, s->r, path, opt, s->why, sizeof(s->why));
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
		return bs_open_memory(bs, s->r, disk->memory, s->why, sizeof(s->why));
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

static int find_identity(struct serve *s, size_t n, struct backstore *bs)
{
	int err = bs_identity(bs, s->state_dir, s->ids[n], s->why, sizeof(s->why));
	for (size_t i = 0; !err && i < n; i++) {
		if (!memcmp(s->ids[i], s->ids[n], sizeof(s->ids[n])))
			err = fail(s, -EEXIST,
				   "%s has the same identity as %s: one is a copy of the other; "
				   "`setfattr -x user.lunar.id FILE` makes it a disk of its own",
				   bs->path, scsi_lu_backstore(s->lus[i])->path);
	}
	return err;
}

static int new_lu(struct serve *s, size_t n, struct backstore *bs)
{
	uint32_t block_size = s->o.block_size;
	if (!block_size)
		block_size = bs->block_size > 512 ? bs->block_size : 512;
	struct scsi_lu_config config = {
		.block_size = block_size,
		.readonly = s->o.readonly,
		.thin = true, /* where the store can */
		.fence_hold = s->o.limits.fence_hold * NSEC_PER_SEC,
	};
	char why[256];
	memcpy(config.id, s->ids[n], sizeof(config.id));
	int err = scsi_lu_new(&s->lus[n], bs, &config, &s->term.log, why, sizeof(why));
	return err ? fail(s, err, "%s: %s", bs->path[0] ? bs->path : "memory", why) : 0;
}

static int add_disk(struct serve *s, size_t n)
{
	struct backstore *bs = NULL;
	int err = open_store(s, n, &bs);
	if (err)
		return err;
	err = find_identity(s, n, bs);
	if (!err)
		err = new_lu(s, n, bs);
	if (err) {
		bs_discard(bs);
		bs_close(bs);
		return err;
	}
	s->lu_count++;
	return 0;
}

static int why_not_listen(struct serve *s, int err, const struct net_addr *addr)
{
	char text[NET_ADDR_TEXT];
	net_addr_format(text, addr);
	switch (err) {
	case -EADDRINUSE:
		return fail(
			s, err,
			"port %s is in use by another program, perhaps another target; end that "
			"one, or take another port with --portal ADDR:PORT",
			text);
	case -EACCES:
		return fail(s, err,
			    "port %s: %s; ports below 1024 are for root, take another one with "
			    "--portal ADDR:PORT",
			    text, strerror(-err));
	case -EADDRNOTAVAIL:
		return fail(
			s, err,
			"--portal: the address of %s is not one of this host; `ip address` lists "
			"them",
			text);
	}
	return fail(s, err, "--portal: cannot listen on %s: %s", text, strerror(-err));
}

static int listen_on(struct serve *s, const struct net_addr *addr)
{
	int err = target_listen(s->target, addr, &s->portals[s->portal_count]);
	if (err)
		return why_not_listen(s, err, addr);
	s->portal_count++;
	return 0;
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

struct secrets {
	char ours[SECRET_SIZE], mutual[SECRET_SIZE];
};

static int get_secrets(struct serve *s, struct secrets *out)
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
		err = fail(
			s, -EINVAL,
			"both secrets are the same; they must differ, or an answer to us could be "
			"played back as an answer from us (RFC 7143 9.2.1)");
	return err;
}

static int set_auth(struct serve *s, const struct secrets *secrets)
{
	const struct serve_options *o = &s->o;
	struct target_auth auth = {
		.user = o->chap,
		.secret = secrets->ours,
		.mutual_user = o->mutual_chap,
		.mutual_secret = o->mutual_chap ? secrets->mutual : NULL,
	};
	int err = o->chap ? target_node_set_auth(s->node, &auth) : 0;
	return err ? fail(s, err, "CHAP cannot be set up: %s", strerror(-err)) : 0;
}

static int start_node(struct serve *s, const struct secrets *secrets)
{
	int err = target_node_new(&s->node, s->target, s->iqn, NULL);
	for (size_t i = 0; !err && i < s->lu_count; i++)
		err = scsi_device_map(target_node_device(s->node), (uint16_t)i, s->lus[i]);
	if (err)
		return fail(s, err, "the target %s: %s", s->iqn, strerror(-err));
	return set_auth(s, secrets);
}

static int start(struct serve *s, struct secrets *secrets)
{
	int err = choose_name(s);
	/* Before anything is made that would have to be undone: whoever is asked may say no. */
	if (!err)
		err = get_secrets(s, secrets);
	if (!err)
		err = start_reactor(s);
	if (err)
		return err;
	find_state_dir(s);
	err = target_new(&s->target, s->r, &s->o.limits);
	if (err)
		return fail(s, err, "the target cannot be started: %s", strerror(-err));
	err = start_crew(s);
	for (size_t i = 0; !err && i < s->o.disk_count; i++)
		err = add_disk(s, i);
	if (!err)
		err = start_node(s, secrets);
	if (!err)
		err = listen_all(s);
	return err;
}

int serve_start(struct serve *s)
{
	struct secrets secrets = {0};
	int err = start(s, &secrets);
	secret_wipe(secrets.ours);
	secret_wipe(secrets.mutual);
	return err;
}

static void drained(void *ctx)
{
	*(bool *)ctx = true;
}

/* The portals that were opened before the start failed are at the kernel: it has to let go. */
static void stop_listening(struct serve *s)
{
	bool done = false;
	target_drain(s->target, 0, drained, &done);
	while (!done && reactor_turn(s->r, REACTOR_NEVER) >= 0)
		;
}

void serve_stop(struct serve *s, bool discard)
{
	if (s->target && discard)
		stop_listening(s);
	crew_stop(s->crew);
	if (s->target)
		target_free(s->target);
	for (size_t i = 0; i < s->lu_count; i++) {
		if (discard)
			bs_discard(scsi_lu_backstore(s->lus[i]));
		scsi_lu_free(s->lus[i]);
	}
	crew_free(s->crew);
	if (s->r)
		reactor_free(s->r);
}

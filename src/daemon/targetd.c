/* SPDX-License-Identifier: BSD-2-Clause */
/* lunar-targetd: from the command line to the running daemon. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>
#include "config/args.h"
#include "config/json.h"
#include "config/store.h"
#include "daemon/admin.h"
#include "daemon/daemon.h"
#include "daemon/manager.h"
#include "daemon/reload.h"
#include "daemon/status.h"
#include "daemon/targetd_options.h"
#include "service/start.h"
#include "service/watchdog.h"

enum { EXIT_FAILED = 1, EXIT_USAGE = 2 };

#define CONNECTIONS_MOST 256
#define FILES_WANTED     (256u << 10)
#define NAME_PREFIX      "iqn.2026-11.io.lunar."

struct targetd {
	struct targetd_options o;
	struct log log;
	struct daemon d;
	struct admin admin;
	struct watchdog watchdog;
	struct reload reload;
	struct buf
		handed; /* the configuration that the daemon before this one had; empty: there was none */
	struct control_method *methods;
	char prefix[ISCSI_NAME_SIZE];
	char why[DAEMON_WHY];
};

static int fail(struct targetd *t, int err, const char *fmt, ...) PRINTF(3, 4);
static int fail(struct targetd *t, int err, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(t->why, sizeof(t->why), fmt, ap);
	va_end(ap);
	return err;
}

/* --- the saved configuration */

static int save(void *ctx, struct buf *said, struct config_why *why)
{
	struct targetd *t = ctx;
	const struct config_store store = {
		.path = t->o.config_file, .now = time(NULL), .keep = CONFIG_BACKUPS};
	struct buf text;
	buf_init(&text, CONFIG_TEXT_MAX);
	int err = config_save(t->d.tree, &text);
	if (err)
		err = config_refuse(why, -err, "Could not save to %s: %s", t->o.config_file,
				    strerror(-err));
	else
		err = config_store_write(&store, text.data, text.len, why);
	explicit_bzero(text.data, text.len);
	buf_free(&text);
	if (!err)
		buf_printf(said, "Configuration saved to %s\n", t->o.config_file);
	return err;
}

static int saved(void *ctx, struct buf *out, const char **name, struct config_why *why)
{
	struct targetd *t = ctx;
	*name = t->o.config_file;
	return config_store_read(t->o.config_file, out, why);
}

static int load(struct targetd *t)
{
	struct buf text;
	struct config_why why;
	struct config_report report;
	buf_init(&text, CONFIG_TEXT_MAX);
	config_report_init(&report);
	const char *from = t->handed.len ? "what was handed over" : t->o.config_file;
	int err = t->handed.len ? buf_add(&text, t->handed.data, t->handed.len)
				: config_store_read(t->o.config_file, &text, &why);
	if (err && t->handed.len) {
		fail(t, err, "%s: %s", from, strerror(-err));
	} else if (err == -ENOENT) {
		log_info(&t->log, "%s is not there yet: nothing is configured", t->o.config_file);
		t->d.tree = config_tree_new();
		err = t->d.tree ? 0 : fail(t, -ENOMEM, "no memory");
	} else if (err) {
		fail(t, err, "%s", why.text);
	} else {
		err = config_load(&t->d.tree, (const char *)text.data, text.len, &t->admin.prefs,
				  CONFIG_FROM_FILE, NULL, &report);
		if (report.lines.len)
			log_warning(&t->log, "%s:\n%s", from, buf_str(&report.lines));
		if (err)
			fail(t, err, "%s is not used, and nothing is served: %s", from,
			     err == -EINVAL ? "see above; the last ones are beside it in backup/"
					    : strerror(-err));
	}
	config_report_free(&report);
	if (text.data)
		explicit_bzero(text.data, text.len);
	buf_free(&text);
	return err;
}

/* --- from the daemon before this one, and from the service manager */

static int take_over(struct targetd *t, const char *variable, bool files)
{
	const char *text = getenv(variable);
	int err = 0;
	buf_init(&t->handed, CONFIG_TEXT_MAX);
	inherit_init(&t->d.inherited);
	if (text)
		err = handover_take(text, &t->handed, files ? &t->d.inherited : NULL, t->why,
				    sizeof(t->why));
	unsetenv(variable);
	return err;
}

static void forget_handed(struct targetd *t)
{
	if (t->handed.data)
		explicit_bzero(t->handed.data, t->handed.len);
	buf_free(&t->handed);
	buf_init(&t->handed, CONFIG_TEXT_MAX);
}

/* --- methods */

static void list_sessions(void *ctx, struct control_call *call)
{
	struct targetd *t = ctx;
	status_sessions(&t->d, call);
}

static int join_methods(struct targetd *t)
{
	t->methods = calloc(admin_method_count + daemon_method_count, sizeof(*t->methods));
	if (!t->methods)
		return fail(t, -ENOMEM, "no memory");
	memcpy(t->methods, admin_methods, admin_method_count * sizeof(*t->methods));
	memcpy(t->methods + admin_method_count, daemon_methods,
	       daemon_method_count * sizeof(*t->methods));
	return 0;
}

/* --- start */

static void random_bytes(void *ctx, void *out, size_t len)
{
	struct targetd *t = ctx;
	reactor_random(t->d.r, out, len);
}

static int look(void *ctx, const char *path, admin_looked *done, void *done_ctx)
{
	struct targetd *t = ctx;
	return disk_look(&t->d, path, done, done_ctx);
}

/* Whoever only looks makes nothing that would be kept. */
static void no_random(void *ctx, void *out, size_t len)
{
	memset(out, 0x55, len);
}

static void set_prefix(struct targetd *t)
{
	char host[HOST_NAME_MAX + 1] = "";
	gethostname(host, sizeof(host) - 1);
	host[strcspn(host, ".")] = 0;
	for (char *p = host; *p; p++) {
		if (*p >= 'A' && *p <= 'Z')
			*p |= 0x20;
		else if (!((*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9')))
			*p = '-';
	}
	snprintf(t->prefix, sizeof(t->prefix), NAME_PREFIX "%s", host[0] ? host : "host");
}

static int make_dir_of(struct targetd *t, const char *file)
{
	char dir[SERVICE_PATH];
	service_dir_of(file, dir);
	return service_make_dir(dir, 0755, t->why, sizeof(t->why));
}

static int prepare(struct targetd *t)
{
	struct rlimit files;
	/* A descriptor for each connection, two for each disk. Who may ask for more than he was given does. */
	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		struct rlimit more = {MAX(files.rlim_max, FILES_WANTED),
				      MAX(files.rlim_max, FILES_WANTED)};
		files.rlim_cur = files.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &more))
			setrlimit(RLIMIT_NOFILE, &files);
	}
	t->d.o.files = getrlimit(RLIMIT_NOFILE, &files) ? 0 : files.rlim_cur;
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	int err = service_make_dir(t->o.state_dir, 0700, t->why, sizeof(t->why));
	if (!err)
		err = make_dir_of(t, t->o.config_file);
	if (!err)
		err = make_dir_of(t, t->o.socket_path);
	if (!err)
		err = service_find_group(t->o.group, &t->d.o.group, t->why, sizeof(t->why));
	if (!err && !t->o.no_sandbox)
		err = sandbox_find_user(&t->d.o.child.user, t->o.user, t->why, sizeof(t->why));
	return err;
}

/* Below everything that is open by now, or others would have it. */
static int start_seat(struct targetd *t)
{
	int err = spawn_init(&t->d.seat);
	return err ? fail(t, err, "it cannot be started: %s", strerror(-err)) : 0;
}

static int start_reactor(struct targetd *t)
{
	int err = reactor_new_epoll(&t->d.r, &t->log);
	if (err)
		return fail(t, err, "it cannot be started: %s", strerror(-err));
	t->d.log = &t->log;
	t->d.o.state_dir = t->o.state_dir;
	t->d.o.child.log = &t->log;
	t->d.o.child.serving = t->o.serving;
	t->d.o.child.sandbox = !t->o.no_sandbox;
	set_prefix(t);
	t->admin.prefs = (struct config_prefs){true,      true,         true, true,
					       t->prefix, random_bytes, t,    CONFIG_KINDS};
	return 0;
}

static int open_control(struct targetd *t)
{
	t->admin.r = t->d.r;
	t->admin.tree = t->d.tree;
	t->admin.runtime = &daemon_runtime;
	t->admin.runtime_ctx = &t->d;
	t->admin.hooks = (struct admin_hooks){
		.sessions = list_sessions, .save = save, .saved = saved, .look = look};
	t->admin.hooks_ctx = t;
	admin_init(&t->admin);
	bool stays;
	int sock = inherit_control(&t->d.inherited, &stays);
	const struct control_options o = {
		.has_socket = sock >= 0,
		.socket = sock,
		.stays = stays,
		.path = t->o.socket_path,
		.group = t->d.o.group,
		.methods = t->methods,
		.count = admin_method_count + daemon_method_count,
		.ctx = &t->admin,
		.most = CONNECTIONS_MOST,
	};
	return control_server_new(&t->d.control, t->d.r, &o, t->why, sizeof(t->why));
}

/* The service manager keeps it no longer for whom it is no use. */
static void unused(void *ctx, enum inherited_kind kind, const char *name)
{
	char full[256];
	snprintf(full, sizeof(full), "%s%s", kind == INHERITED_RAMDISK ? "ramdisk-" : "", name);
	if (name[0] && kind != INHERITED_DISK)
		manager_store(ctx, full, -1);
}

static void is_up(struct daemon *d)
{
	inherit_end(&d->inherited, d->log, unused, d);
	size_t targets = config_count(d->tree, CONFIG_TARGET);
	size_t backstores = config_count(d->tree, CONFIG_BLOCK) +
			    config_count(d->tree, CONFIG_FILEIO) +
			    config_count(d->tree, CONFIG_RAMDISK);
	log_info(d->log, "ready: %zu target%s, %zu backstore%s", targets, targets == 1 ? "" : "s",
		 backstores, backstores == 1 ? "" : "s");
	sd_notify(0, "READY=1");
}

/* Members of the group pass through it. What an access control list says besides is not looked at. */
static bool lets_through(const char *dir, gid_t group)
{
	struct stat st;
	return stat(dir, &st) || st.st_mode & S_IXOTH ||
	       (st.st_gid == group && st.st_mode & S_IXGRP);
}

/* A socket that they may use and cannot get at would look like a daemon that is not there. */
static void check_group_reaches(struct targetd *t)
{
	char dir[PATH_MAX];
	if (t->d.o.group == (gid_t)-1 || !realpath(t->o.socket_path, dir))
		return;
	for (char *slash; (slash = strrchr(dir, '/')) && slash != dir;) {
		*slash = 0;
		if (lets_through(dir, t->d.o.group))
			continue;
		log_warning(&t->log,
			    "--group %s: its members cannot get at the control socket %s, for the "
			    "directory %s is closed to them: put the socket elsewhere by --socket, "
			    "or `chgrp %s %s && chmod g+x %s`",
			    t->o.group, t->o.socket_path, dir, t->o.group, dir, dir);
		return;
	}
}

static bool is_busy(void *ctx)
{
	const struct targetd *t = ctx;
	return !t->d.ready || t->d.bringing_up;
}

static void reload(struct daemon *d)
{
	reload_start(&container_of(d, struct targetd, d)->reload);
}

static int start(struct targetd *t)
{
	int err = start_seat(t);
	if (!err)
		err = take_over(t, HANDOVER_ENV, true);
	if (!err)
		err = manager_take(&t->d.inherited, t->o.socket_path, &t->log, t->why,
				   sizeof(t->why));
	if (!err)
		err = prepare(t);
	if (!err)
		err = start_reactor(t);
	if (!err)
		err = load(t);
	forget_handed(t);
	if (!err)
		err = join_methods(t);
	if (!err)
		err = open_control(t);
	if (err)
		return err;
	check_group_reaches(t);
	t->d.up = is_up;
	t->d.store = manager_store;
	t->d.reload = reload;
	t->reload = (struct reload){.admin = &t->admin,
				    .log = &t->log,
				    .file = t->o.config_file,
				    .busy = is_busy,
				    .ctx = t};
	reload_init(&t->reload);
	watchdog_start(&t->watchdog, t->d.r, &t->log);
	err = daemon_start(&t->d);
	return err ? fail(t, err, "a second process cannot be started: %s", strerror(-err)) : 0;
}

/* Whoever still waits for an answer gets none, and sees the connection end. */
static void finish(struct targetd *t)
{
	control_server_close(t->d.control);
	sd_notify(0, "STOPPING=1");
}

static int run(struct targetd *t)
{
	int result = EXIT_FAILED;
	if (start(t)) {
		log_error(&t->log, "%s", t->why);
	} else {
		result = daemon_run(&t->d);
	}
	if (t->d.control)
		finish(t);
	return result;
}

/* For a daemon that would hand over to us: whether its configuration is read here. Nothing else is touched. */
static int check(struct targetd *t)
{
	int err = take_over(t, HANDOVER_CHECK_ENV, false);
	set_prefix(t);
	t->admin.prefs = (struct config_prefs){true,      true,      true, true,
					       t->prefix, no_random, t,    CONFIG_KINDS};
	if (!err)
		err = load(t);
	if (err)
		log_error(&t->log, "%s", t->why);
	return err ? EXIT_FAILED : 0;
}

int main(int argc, char **argv)
{
	static struct targetd t;
	sandbox_keep_secrets();
	handover_init(&t.d.handover, argv);
	int err = targetd_options_parse(&t.o, argv + 1, t.why, sizeof(t.why));
	service_log(&t.log, t.o.log_levels, t.o.verbose, t.o.quiet);
	if (err == ARGS_HELP) {
		targetd_options_help(stdout);
		return 0;
	}
	if (err) {
		log_error(&t.log, "%s", t.why);
		fprintf(stderr, "`lunar-targetd --help` lists the options.\n");
		return EXIT_USAGE;
	}
	if (t.o.version) {
		printf("lunar-targetd %s\n", LUNAR_VERSION);
		return 0;
	}
	return getenv(HANDOVER_CHECK_ENV) ? check(&t) : run(&t);
}

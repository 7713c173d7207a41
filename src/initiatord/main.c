/* SPDX-License-Identifier: BSD-2-Clause */
/* lunar-initiatord: from the command line to the running daemon. */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <systemd/sd-daemon.h>
#include "config/args.h"
#include "initiatord/initiatord.h"
#include "initiatord/options.h"
#include "service/start.h"

enum { EXIT_FAILED = 1, EXIT_USAGE = 2 };

#define CONNECTIONS_MOST 256
#define LOCK_WAIT        5000 /* ms for the records */
#define NAME_PREFIX      "iqn.2026-11.io.lunar"

struct process {
	struct options o;
	struct log log;
	struct initiatord d;
	char why[1024];
};

static int fail(struct process *p, int err, const char *fmt, ...) PRINTF(3, 4);
static int fail(struct process *p, int err, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(p->why, sizeof(p->why), fmt, ap);
	va_end(ap);
	return err;
}

/* --- places */

static int make_places(struct process *p)
{
	const struct {
		const char *path;
		bool is_file;
		mode_t mode;
	} places[] = {
		{p->o.state_dir, false, 0700},
		{p->o.records_dir, false, 0700},
		{p->o.names_file, true, 0755},
		{p->o.socket_path, true, 0755},
	};
	char dir[SERVICE_PATH] = "";
	int err = 0;
	for (size_t i = 0; !err && i < ARRAY_SIZE(places); i++) {
		snprintf(dir, sizeof(dir), "%s", places[i].path);
		if (places[i].is_file)
			service_dir_of(places[i].path, dir);
		err = service_make_dir(dir, places[i].mode, p->why, sizeof(p->why));
	}
	snprintf(p->d.o.state_dir, sizeof(p->d.o.state_dir), "%s", p->o.state_dir);
	snprintf(p->d.o.socket_path, sizeof(p->d.o.socket_path), "%s", p->o.socket_path);
	snprintf(p->d.o.socket_dir, sizeof(p->d.o.socket_dir), "%s", dir);
	return err;
}

static void say_record(void *ctx, const char *line)
{
	struct process *p = ctx;
	log_warning(&p->log, "%s", line);
}

static void random_bytes(void *ctx, void *out, size_t len)
{
	reactor_random(ctx, out, len);
}

static int open_records(struct process *p)
{
	struct initiatord *d = &p->d;
	struct config_why why;
	const struct record_say say = {say_record, p};
	const struct records_options o = {
		.root = p->o.records_dir, .create = true, .wait_ms = LOCK_WAIT, .say = say};
	int err = initiator_names_make(p->o.names_file, NAME_PREFIX, random_bytes, d->r, &d->names,
				       &why);
	if (!err)
		err = records_conf_read(&d->conf, p->o.conf_file, &say, &why);
	if (!err)
		err = records_open(&d->records, &o, &why);
	return err ? fail(p, err, "%s", why.text) : 0;
}

/* --- start */

static int prepare(struct process *p)
{
	struct rlimit files;
	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	int err = make_places(p);
	if (!err)
		err = service_find_group(p->o.group, &p->d.o.group, p->why, sizeof(p->why));
	if (!err && !p->o.no_sandbox)
		err = sandbox_find_user(&p->d.o.child.user, p->o.user, p->why, sizeof(p->why));
	return err;
}

static int start_parts(struct process *p)
{
	struct initiatord *d = &p->d;
	sessions_init(d);
	list_init(&d->disks);
	automatic_init(d);
	d->log = &p->log;
	fdstore_open(&d->store, p->d.o.state_dir, d->log);
	int err = reactor_new_epoll(&d->r, &p->log);
	if (err)
		return fail(p, err, "it cannot be started: %s", strerror(-err));
	err = rights_holder_init(&d->holder, "/dev");
	if (err)
		return fail(p, err, "it cannot be started: %s", strerror(-err));
	err = open_records(p);
	if (!err)
		err = state_load(d, p->why, sizeof(p->why));
	d->o.child.log = &p->log;
	d->o.child.engine = p->o.engine;
	d->o.child.sandbox = !p->o.no_sandbox;
	memcpy(d->o.child.initiator_name, d->names.name, sizeof(d->names.name));
	memcpy(d->o.child.initiator_alias, d->names.alias, sizeof(d->names.alias));
	return err;
}

static int open_control(struct process *p)
{
	const struct control_options o = {
		.path = p->o.socket_path,
		.group = p->d.o.group,
		.methods = initiatord_methods,
		.count = initiatord_method_count,
		.ctx = &p->d,
		.most = CONNECTIONS_MOST,
	};
	return control_server_new(&p->d.control, p->d.r, &o, p->why, sizeof(p->why));
}

static void is_up(struct initiatord *d)
{
	state_restore(d);
	fdstore_drop_rest(&d->store);
	log_info(d->log, "ready: %s", d->names.name);
	sd_notify(0, "READY=1");
	watchdog_start(&d->watchdog, d->r, d->log);
}

static int start(struct process *p)
{
	int err = prepare(p);
	if (!err)
		err = start_parts(p);
	if (!err)
		err = open_control(p);
	if (err)
		return err;
	p->d.up = is_up;
	err = initiatord_start(&p->d);
	return err ? fail(p, err, "a second process cannot be started: %s", strerror(-err)) : 0;
}

static int run(struct process *p)
{
	int result = EXIT_FAILED;
	if (start(p))
		log_error(&p->log, "%s", p->why);
	else
		result = initiatord_run(&p->d);
	sd_notify(0, "STOPPING=1");
	if (p->d.control)
		control_server_close(p->d.control);
	return result;
}

int main(int argc, char **argv)
{
	static struct process p;
	int err = options_parse(&p.o, argv + 1, p.why, sizeof(p.why));
	service_log(&p.log, p.o.log_levels, p.o.verbose, p.o.quiet);
	if (err == ARGS_HELP) {
		options_help(stdout);
		return 0;
	}
	if (err) {
		log_error(&p.log, "%s", p.why);
		fprintf(stderr, "`lunar-initiatord --help` lists the options.\n");
		return EXIT_USAGE;
	}
	if (p.o.version) {
		printf("lunar-initiatord %s\n", LUNAR_VERSION);
		return 0;
	}
	return run(&p);
}

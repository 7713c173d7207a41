/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/serve.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include "config/args.h"
#include "cli/commands.h"
#include "cli/serve_print.h"
#include "reactor/file.h"
#include "sandbox/sandbox.h"

int serve_fail(struct serve *s, int err, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(s->why, sizeof(s->why), fmt, ap);
	va_end(ap);
	return err;
}

/* --- the end */

/* Seconds that the stores have to come to rest, even when sessions have none to log out. */
#define FLUSH_LEAST 5

static void at_rest(struct ending *e, void *ctx)
{
	struct serve *s = ctx;
	if (e->failed)
		s->result = EXIT_FAILED;
	reactor_stop(s->r);
}

static void drained(void *ctx)
{
	struct serve *s = ctx;
	uint64_t seconds = MAX(s->o.serving.limits.drain_timeout, FLUSH_LEAST);
	uint64_t deadline = reactor_now(s->r) + seconds * NSEC_PER_SEC;
	if (ending_start(&s->stores_ending, s->r, &s->term.log, s->lus, s->lu_count, deadline,
			 at_rest, s)) {
		log_error(&s->term.log, "no memory; the disks are not flushed");
		s->result = EXIT_FAILED;
		s->stores_ending.abandoned = true;
		reactor_stop(s->r);
	}
}

static void end(struct serve *s)
{
	struct target_stats stats;
	s->ending = true;
	target_get_stats(s->target, &stats);
	if (stats.sessions)
		log_info(&s->term.log,
			 "asking %zu session%s to log out, for up to %" PRIu32
			 " seconds; again to stop at once",
			 stats.sessions, stats.sessions == 1 ? "" : "s",
			 s->o.serving.limits.drain_timeout);
	target_drain(s->target, s->o.serving.limits.drain_timeout, drained, s);
}

void serve_take_signal(struct serve *s, unsigned *count, int signal)
{
	++*count;
	if (!s->ending) {
		end(s);
	} else if (*count > 1) {
		terminal_clear(&s->term);
		_exit(EXIT_SIGNAL + signal);
	}
}

static void signal_done(struct op *op, int res)
{
	struct serve *s = container_of(op, struct serve, signal_op);
	if (res == (int)sizeof(s->signal))
		serve_take_signal(s, &s->own_signals, (int)s->signal.ssi_signo);
	else if (res < 0 && res != -EINTR && res != -EAGAIN)
		log_warning(&s->term.log, "signals are not seen any more: %s", strerror(-res));
	if (res >= 0 || res == -EINTR || res == -EAGAIN)
		file_read(s->r, op, s->signals, &s->signal_iov, 1, 0);
}

int serve_watch_signals(struct serve *s)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	s->signals = signal_open(s->r, signals, ARRAY_SIZE(signals));
	if (s->signals < 0) {
		snprintf(s->why, sizeof(s->why), "signals cannot be watched: %s",
			 strerror(-s->signals));
		return s->signals;
	}
	s->signal_iov = (struct iovec){&s->signal, sizeof(s->signal)};
	s->signal_op.done = signal_done;
	file_read(s->r, &s->signal_op, s->signals, &s->signal_iov, 1, 0);
	return 0;
}

/* --- the status line */

static struct counters count(const struct serve *s)
{
	struct counters sum = {0};
	for (size_t i = 0; i < s->lu_count; i++) {
		const struct scsi_lu_stats *stats = scsi_lu_stats(s->lus[i]);
		sum.ops += stats->reads + stats->writes;
		sum.read_bytes += stats->read_bytes;
		sum.write_bytes += stats->write_bytes;
	}
	return sum;
}

static void tick(struct timer *t)
{
	struct serve *s = container_of(t, struct serve, tick);
	struct counters now = count(s);
	struct target_stats stats;
	char line[160];
	target_get_stats(s->target, &stats);
	snprintf(line, sizeof(line),
		 "%s%zu session%s  %" PRIu64 " IOPS  read %.1f MB/s  write %.1f MB/s",
		 s->ending ? "ending: " : "", stats.sessions, stats.sessions == 1 ? "" : "s",
		 now.ops - s->last.ops, (double)(now.read_bytes - s->last.read_bytes) / 1e6,
		 (double)(now.write_bytes - s->last.write_bytes) / 1e6);
	s->last = now;
	terminal_status(&s->term, line);
	timer_set(s->r, &s->tick, reactor_now(s->r) + NSEC_PER_SEC);
}

int serve_run(struct serve *s)
{
	const struct serve_found found = {s->iqn,          &s->place, s->portals,
					  s->portal_count, s->lus,    s->lu_count};
	serve_print(&found, &s->o);
	if (!s->o.quiet && !s->o.json)
		timer_set(s->r, &s->tick, reactor_now(s->r) + NSEC_PER_SEC);
	int err = reactor_run(s->r);
	terminal_clear(&s->term);
	if (err < 0) {
		log_error(&s->term.log, "the engine broke: %s", strerror(-err));
		return EXIT_FAILED;
	}
	if (s->stores_ending.abandoned)
		_exit(s->result);
	ending_free(&s->stores_ending);
	serve_stop(s, false);
	return s->result;
}

static int serve_in_one(struct serve *s)
{
	int result = EXIT_FAILED;
	log_warning(&s->term.log, "--no-sandbox: whoever takes over this process can do all that "
				  "its user may");
	bool failed = serve_start(s) || serve_watch_signals(s);
	if (failed) {
		log_error(&s->term.log, "%s", s->why);
		serve_stop(s, true);
	} else {
		result = serve_run(s);
	}
	serve_close(s, failed);
	return result;
}

static int serve(struct serve *s)
{
	if (serve_open(s)) {
		log_error(&s->term.log, "%s", s->why);
		if (s->o.json)
			say_json_error(EXIT_FAILED, s->why);
		serve_close(s, true);
		return EXIT_FAILED;
	}
	return s->o.no_sandbox ? serve_in_one(s) : serve_split(s);
}

int serve_command(char **argv)
{
	sandbox_keep_secrets();
	struct serve *s = calloc(1, sizeof(*s));
	if (!s) {
		fprintf(stderr, "lunar: error: no memory\n");
		return EXIT_FAILED;
	}
	bool json = wants_json(argv);
	int err = serve_options_parse(&s->o, argv, s->why, sizeof(s->why));
	terminal_init(&s->term, s->o.verbose ? LOG_LEVEL_DEBUG
				: s->o.quiet ? LOG_LEVEL_WARNING
					     : LOG_LEVEL_INFO);
	if (!err && s->o.log_levels)
		log_set_levels(&s->term.log, s->o.log_levels, s->why, sizeof(s->why));
	timer_init(&s->tick, tick);
	int result = 0;
	if (err == ARGS_HELP) {
		serve_options_help(stdout);
	} else if (err && json) {
		result = say_usage("lunar serve", s->why, true);
	} else if (err) {
		log_error(&s->term.log, "%s", s->why);
		fprintf(stderr, "`lunar serve --help` lists the options.\n");
		result = EXIT_USAGE;
	} else {
		result = serve(s);
	}
	free(s);
	return result;
}

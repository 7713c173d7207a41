/* SPDX-License-Identifier: BSD-2-Clause */
/* `lunar bench`: a load on a remote disk. */
#include "cli/bench.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include "cli/commands.h"
#include "cli/initiator.h"
#include "cli/interrupt.h"
#include "cli/secret.h"
#include "cli/terminal.h"
#include "config/args.h"

#define NAME "lunar bench"

struct bench {
	struct bench_options o;
	struct initiator who; /* for what it says of sessions that fail */
	struct terminal terminal;
	struct load *load;
	char secret[SECRET_SIZE];
	struct interrupt interrupt;
};

/* 0 or the exit code. */
static int read_secret(struct bench *b)
{
	char why[LOAD_WHY];
	const struct secret_source from = {b->o.user, b->o.password_file, "--password-file",
					   "LUNAR_CHAP_SECRET"};
	if (!b->o.user)
		return 0;
	if (secret_get(&from, b->secret, &b->terminal.log, why, sizeof(why)))
		return say_usage(NAME, why, b->o.json);
	b->o.load.user = b->o.user;
	b->o.load.secret = b->secret;
	return 0;
}

static int code_of(enum lunar_reason reason)
{
	if (reason == LUNAR_BAD_SETTING)
		return EXIT_USAGE;
	return reason ? initiator_code(lunar_reason_word(reason)) : EXIT_FAILED;
}

/* Before the load begins: a session that does not come about, or a load that does not fit on the disk. */
static int fail(struct bench *b, int err, enum lunar_reason reason, const char *why)
{
	const char *word = err == -ENXIO ? "no-such-lun" : lunar_reason_word(reason);
	if (reason == LUNAR_NO_REASON && (err == -EINVAL || err == -ERANGE || err == -EFBIG))
		return say_usage(NAME, why, b->o.json);
	return initiator_fail(&b->who, err == -ENXIO ? initiator_code(word) : code_of(reason), word,
			      why);
}

static void watch(struct bench *b, const sigset_t *signals)
{
	static const struct timespec quarter = {.tv_nsec = 250000000},
				     often = {.tv_nsec = 10000000};
	struct load_progress now, last = {0};
	char line[200];
	bool shown = b->terminal.is_tty && !b->o.quiet && !b->o.json;
	while (!load_over(b->load)) {
		/* Who looks seldom would end late. */
		load_look(b->load, &now);
		bool soon = b->interrupt.signal ||
			    (b->o.load.runtime &&
			     now.ns + 300000000 > b->o.load.runtime + b->o.load.ramp);
		int signal = sigtimedwait(signals, NULL, soon ? &often : &quarter);
		if (signal > 0 && interrupt_first(&b->interrupt, &b->terminal, signal, now.ns))
			load_stop(b->load);
		load_look(b->load, &now);
		if (!shown || now.ns < last.ns + 200000000)
			continue;
		bench_print_progress(&b->o, &last, &now, line, sizeof(line));
		terminal_status(&b->terminal, line);
		last = now;
	}
	terminal_clear(&b->terminal);
}

static int print_result(struct bench *b, const struct load_result *r, int code, const char *why)
{
	if (b->o.json) {
		json_t *json = bench_json(&b->o, load_disk(b->load), r, code, why);
		json_dumpf(json, stdout, JSON_INDENT(1));
		printf("\n");
		json_decref(json);
	} else {
		bench_print(&b->o, r, stdout);
	}
	fflush(stdout);
	if (code && !b->o.json)
		fprintf(stderr, NAME ": %s\n", why);
	return code ? code : ferror(stdout) ? EXIT_FAILED : 0;
}

static int run(struct bench *b)
{
	char why[LOAD_WHY];
	enum lunar_reason reason;
	struct load_result result;
	sigset_t signals;
	int err = load_new(&b->load, &b->o.load, why, &reason);
	if (err)
		return fail(b, err, reason, why);
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	if (!b->o.json)
		bench_print_plan(&b->o, load_disk(b->load), stdout);
	fflush(stdout);
	err = load_start(b->load, why);
	if (err)
		return fail(b, err, LUNAR_NO_REASON, why);
	watch(b, &signals);
	err = load_wait(b->load, &result, why, &reason);
	return print_result(b, &result, err ? code_of(reason) : 0, why);
}

int bench_command(char **argv)
{
	struct bench b = {0};
	char why[512];
	bool json = wants_json(argv);
	int err = bench_options_read(&b.o, argv, why, sizeof(why));
	if (err == ARGS_HELP) {
		bench_help(stdout);
		return 0;
	}
	if (err)
		return say_usage(NAME, why, json);
	terminal_init(&b.terminal, LOG_LEVEL_WARNING);
	b.who = (struct initiator){.name = NAME, .json = b.o.json};
	int code = read_secret(&b);
	if (!code)
		code = run(&b);
	load_free(b.load);
	secret_wipe(b.secret);
	return code;
}

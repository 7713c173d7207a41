/* SPDX-License-Identifier: BSD-2-Clause */
/* `lunar cp`: a copy of a disk. */
#include "cli/cp.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include "cli/commands.h"
#include "cli/initiator.h"
#include "cli/interrupt.h"
#include "cli/secret.h"
#include "cli/terminal.h"
#include "common/cleanup.h"
#include "config/args.h"

#define NAME     "lunar cp"
#define TURN_MS  50
#define NS_PER_S UINT64_C(1000000000)

struct cp {
	struct cp_options o;
	struct initiator who; /* for what it says of sessions that fail */
	struct terminal terminal;
	struct copy *copy;
	char secret[SECRET_SIZE], source_secret[SECRET_SIZE];
	struct interrupt interrupt;
};

/* lunar-cp(8) has the same table. */
static const struct {
	const char *word;
	int code;
} ends[] = {
	[COPY_DONE] = {"", 0},
	[COPY_BAD] = {"usage", EXIT_USAGE},
	[COPY_SESSION] = {"", EXIT_FAILED}, /* as its reason says */
	[COPY_NO_ROOM] = {"no-room", 40},
	[COPY_IN_USE] = {"destination-in-use", 41},
	[COPY_DIFFERS] = {"differs", 42},
	[COPY_FAILED] = {"io-error", 43},
	[COPY_NO_RESUME] = {"no-resume", 44},
	[COPY_STOPPED] = {"stopped", EXIT_SIGNAL},
};

static const char *word_of(const struct copy_fault *f)
{
	if (f->end != COPY_SESSION)
		return ends[f->end].word;
	return f->no_lun ? "no-such-lun" : lunar_reason_word(f->reason);
}

static int code_of(const struct cp *p, const struct copy_fault *f)
{
	if (f->end == COPY_STOPPED)
		return EXIT_SIGNAL + p->interrupt.signal;
	return f->end == COPY_SESSION ? initiator_code(word_of(f)) : ends[f->end].code;
}

/* --- secrets */

/* A user without a secret: it is somewhere else. */
static bool wants_secret(const char *place, char user[256])
{
	struct url u;
	char why[URL_WHY];
	bool wants = !strncasecmp(place, "iscsi://", 8) && !url_parse(&u, place, why);
	if (!wants)
		return false;
	wants = u.user[0] && !u.secret[0];
	snprintf(user, 256, "%.255s", u.user);
	url_wipe(&u);
	return wants;
}

static int get_secret(struct cp *p, const struct secret_source *from, char out[SECRET_SIZE])
{
	char why[COPY_WHY];
	if (secret_get(from, out, &p->terminal.log, why, sizeof(why)))
		return say_usage(NAME, why, p->o.json);
	return 0;
}

/* 0 or the exit code. */
static int read_secrets(struct cp *p)
{
	const struct cp_options *o = &p->o;
	char user[256];
	int code = 0;
	bool other = o->source_password_file || getenv("LUNAR_SOURCE_CHAP_SECRET");
	bool source = wants_secret(o->from, user);
	if (source && other) {
		const struct secret_source from = {user, o->source_password_file,
						   "--source-password-file",
						   "LUNAR_SOURCE_CHAP_SECRET"};
		code = get_secret(p, &from, p->source_secret);
		p->o.copy.from.secret = p->source_secret;
	}
	bool shared = source && !other;
	if (!code && (wants_secret(o->to, user) || shared)) {
		const struct secret_source from = {user, o->password_file, "--password-file",
						   "LUNAR_CHAP_SECRET"};
		code = get_secret(p, &from, p->secret);
		if (shared)
			p->o.copy.from.secret = p->secret;
		if (wants_secret(o->to, user))
			p->o.copy.to.secret = p->secret;
	}
	return code;
}

/* --- while it copies */

static void show(struct cp *p, const struct copy_progress *last, const struct copy_progress *now)
{
	char line[200];
	cp_print_progress(last, now, line, sizeof(line));
	if (p->terminal.is_tty)
		terminal_status(&p->terminal, line);
	else
		fprintf(stderr, "%s\n", line);
}

static void watch(struct cp *p, const sigset_t *signals)
{
	static const struct timespec at_once = {0};
	struct copy_progress now, last = {0};
	bool shown = p->o.progress || (p->terminal.is_tty && !p->o.quiet && !p->o.json);
	uint64_t every = p->terminal.is_tty ? NS_PER_S / 5 : NS_PER_S;
	while (!copy_turn(p->copy, TURN_MS)) {
		int signal = sigtimedwait(signals, NULL, &at_once);
		copy_look(p->copy, &now);
		if (signal > 0 && interrupt_first(&p->interrupt, &p->terminal, signal, now.ns))
			copy_stop(p->copy);
		if (!shown || now.ns < last.ns + every)
			continue;
		show(p, &last, &now);
		last = now;
	}
	terminal_clear(&p->terminal);
}

static int finish(struct cp *p)
{
	struct copy_result r;
	copy_get_result(p->copy, &r);
	int code = code_of(p, &r.fault);
	/* Standard output may be what was copied. */
	FILE *out = strcmp(p->o.to, "-") ? stdout : stderr;
	if (p->o.json)
		cp_print_json(p->copy, &r, code, word_of(&r.fault), out);
	else
		cp_print(&p->o, &r, out);
	fflush(out);
	if (code && !p->o.json)
		fprintf(stderr, NAME ": %s\n", r.fault.why);
	return code ? code : ferror(out) ? EXIT_FAILED : 0;
}

static int run(struct cp *p)
{
	struct copy_fault fault;
	sigset_t signals;
	if (copy_new(&p->copy, &p->o.copy, &fault)) {
		if (fault.end == COPY_BAD)
			return say_usage(NAME, fault.why, p->o.json);
		return initiator_fail(&p->who, code_of(p, &fault), word_of(&fault), fault.why);
	}
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	watch(p, &signals);
	return finish(p);
}

int cp_command(char **argv)
{
	struct cp p = {0};
	char why[512];
	bool json = wants_json(argv);
	int err = cp_options_read(&p.o, argv, why, sizeof(why));
	if (err == ARGS_HELP) {
		cp_help(stdout);
		return 0;
	}
	if (err)
		return say_usage(NAME, why, json);
	terminal_init(&p.terminal, LOG_LEVEL_WARNING);
	p.who = (struct initiator){.name = NAME, .json = p.o.json};
	int code = read_secrets(&p);
	if (!code)
		code = run(&p);
	copy_free(p.copy);
	secret_wipe(p.secret);
	secret_wipe(p.source_secret);
	return code;
}

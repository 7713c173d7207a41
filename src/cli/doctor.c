/* SPDX-License-Identifier: BSD-2-Clause */
/* `lunar doctor`: options, and which step comes when. */
#include "cli/doctor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli/commands.h"
#include "cli/secret.h"
#include "config/args.h"

#define NAME             "lunar doctor"
#define SECONDS_STANDARD 10u
#define SECONDS_MOST     3600u
#define EXAMPLE          "such as iscsi://192.0.2.7/TARGET/0, or iscsi://192.0.2.7"

/* --- options */

static int take_url(void *options, const char *value, char *why, size_t why_size)
{
	struct doctor *d = options;
	if (d->url) {
		snprintf(why, why_size, "one URL at a time: there is another word behind it");
		return -EINVAL;
	}
	d->url = value;
	return 0;
}

static int take_seconds(void *options, const char *value, char *why, size_t why_size)
{
	struct doctor *d = options;
	if (!args_number("timeout", value, SECONDS_MOST, &d->seconds, why, why_size))
		return 0;
	snprintf(why, why_size, "--timeout: a number of seconds from 1 to %u", SECONDS_MOST);
	return -EINVAL;
}

#define FIELD(name) offsetof(struct doctor, name)

static const struct arg_option rows[] = {
	{"timeout", "SECONDS", "each step has so long (10)", ARG_CALL, 0, take_seconds},
	{"user", "NAME", "who we are, by CHAP; its secret is asked for", ARG_TEXT, FIELD(user),
	 NULL},
	{"password-file", "FILE", "a file with the secret; else LUNAR_CHAP_SECRET", ARG_TEXT,
	 FIELD(password_file), NULL},
	{"json", NULL, "as JSON, an object with all steps", ARG_SWITCH, FIELD(json), NULL},
};
static const struct arg_table table = {rows, ARRAY_SIZE(rows), take_url};

static void help(FILE *out)
{
	fprintf(out,
		"usage: lunar doctor iscsi://[USER@]HOST[:PORT][/TARGET[/LUN]] [OPTION...]\n\n"
		"Goes to a remote disk step by step, says what came of each, how long it took, "
		"and what\nto do about what fails. Nothing is written.\n\n");
	args_help(&table, out);
}

/* --- the session */

/* What is behind "?" in the URL counts more than these. */
static int set_limits(struct doctor *d)
{
	static const char *const names[] = {"connect_timeout", "login_timeout", "text_timeout",
					    "answer_timeout",  "abort_timeout", "reset_timeout",
					    "logout_timeout",  "busy_timeout"};
	char seconds[16];
	int err = 0;
	snprintf(seconds, sizeof(seconds), "%u", d->seconds);
	for (size_t i = 0; i < ARRAY_SIZE(names) && !err; i++)
		err = lunar_set(d->session, names[i], seconds);
	return err;
}

static int take_secret(struct doctor *d)
{
	char secret[SECRET_SIZE], why[DOCTOR_TEXT];
	struct log log = {.level = LOG_LEVEL_ERROR};
	if (!d->user && lunar_get(d->session, "user", d->url_user, sizeof(d->url_user)) > 0)
		d->user = d->url_user;
	if (!d->user && lunar_get(d->session, "secret", secret, sizeof(secret)) > 0)
		return say_usage(NAME, "a secret goes together with a user: --user NAME", d->json);
	if (!d->user)
		return 0;
	/* The URL may have both. */
	if (lunar_get(d->session, "secret", secret, sizeof(secret)) > 0 && !d->password_file)
		return lunar_set(d->session, "user", d->user);
	const struct secret_source from = {d->user, d->password_file, "--password-file",
					   "LUNAR_CHAP_SECRET"};
	if (secret_get(&from, secret, &log, why, sizeof(why)))
		return say_usage(NAME, why, d->json);
	int err = lunar_set(d->session, "user", d->user);
	if (!err)
		err = lunar_set(d->session, "secret", secret);
	secret_wipe(secret);
	return err;
}

static int no_session(const struct doctor *d, int err)
{
	if (d->json)
		return say_json_error(EXIT_FAILED, strerror(-err));
	fprintf(stderr, NAME ": %s\n", strerror(-err));
	return EXIT_FAILED;
}

/* 0 or the exit code. */
static int prepare(struct doctor *d)
{
	char portal[ISCSI_ADDRESS_SIZE];
	int err = lunar_new(&d->lunar);
	if (!err)
		err = lunar_session_new(d->lunar, &d->session);
	if (err)
		return no_session(d, err);
	err = set_limits(d);
	if (!err)
		err = lunar_set_url(d->session, d->url, &d->lun);
	if (!err)
		err = take_secret(d);
	if (err > 0)
		return err;
	if (!err)
		lunar_get(d->session, "portal", portal, sizeof(portal));
	if (err || ini_address_parse(&d->host, portal))
		return say_usage(NAME, lunar_error(d->session), d->json);
	lunar_get(d->session, "target", d->target, sizeof(d->target));
	doctor_watch(d);
	return 0;
}

/* --- steps */

static int go(struct doctor *d)
{
	struct doctor_peer peers[DOCTOR_ADDRESSES];
	size_t count = 0;
	int code = doctor_name_step(d, peers, &count);
	if (!code)
		code = doctor_connect_step(d, peers, count);
	if (code)
		return code;
	/* From here on it is the one that answers; an address of a kind that settings do not know stays a name. */
	lunar_set(d->session, "portal", d->address);
	code = doctor_discovery_step(d);
	if (code)
		return code;
	/* Others may be sent astray, and the URL be good all the same. */
	doctor_portals_step(d);
	if (!d->target[0]) {
		doctor_line(d, "to look at one of them: lunar doctor iscsi://%s/TARGET",
			    d->address);
		return 0;
	}
	code = doctor_login_step(d);
	if (!code)
		code = doctor_disks_steps(d);
	d->ending = true; /* what comes now is the end */
	lunar_logout(d->session);
	return code;
}

int doctor_command(char **argv)
{
	struct doctor d = {.seconds = SECONDS_STANDARD, .lun = LUNAR_NO_LUN};
	char why[512];
	bool json = wants_json(argv);
	int err = args_parse(&table, &d, argv, why, sizeof(why));
	if (err == ARGS_HELP) {
		help(stdout);
		return 0;
	}
	if (!err && !d.url) {
		snprintf(why, sizeof(why), "where to? " EXAMPLE);
		err = -EINVAL;
	}
	if (err)
		return say_usage(NAME, why, json);
	d.steps = json_array();
	int code = prepare(&d);
	if (!code) {
		go(&d);
		code = doctor_end(&d);
	}
	lunar_free(d.lunar);
	free(d.found);
	json_decref(d.steps);
	return code;
}

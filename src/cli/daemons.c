/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/daemons.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli/commands.h"

#define SECONDS 30

static const struct {
	const char *word, *program, *variable, *option, *standard;
} rows[DAEMONS] = {
	[DAEMON_TARGET] = {"target", "lunar-targetd", "LUNAR_TARGET_SOCKET", "--socket",
			   "/run/lunar/target.sock"},
	[DAEMON_INITIATOR] = {"initiator", "lunar-initiatord", "LUNAR_INITIATOR_SOCKET",
			      "--initiator-socket", "/run/lunar/initiator.sock"},
};

const char *daemon_word(unsigned which)
{
	return rows[which].word;
}

static int fail(const struct daemons *d, int code, const char *why)
{
	if (d->json)
		return say_json_error(code, why);
	fprintf(stderr, "%s: %s\n", d->name, why);
	return code;
}

static const char *socket_of(const struct daemons *d, unsigned which)
{
	const char *set = getenv(rows[which].variable);
	return d->given[which] ? d->given[which] : set && set[0] ? set : rows[which].standard;
}

static bool is_nobody(int err)
{
	return err == -ENOENT || err == -ECONNREFUSED;
}

static int not_there(const struct daemons *d, unsigned which, int err)
{
	char why[700];
	snprintf(why, sizeof(why), "%s: %.300s: %s", rows[which].option, d->given[which],
		 is_nobody(err) ? "nobody listens there" : strerror(-err));
	return fail(d, EXIT_FAILED, why);
}

static int nobody(const struct daemons *d)
{
	char why[1400];
	snprintf(
		why, sizeof(why),
		"no daemon is running: nobody listens on %.300s, which would be %s, nor on %.300s, "
		"which would be %s; start one, or say where it is by %s or %s, %s or %s",
		socket_of(d, DAEMON_TARGET), rows[DAEMON_TARGET].program,
		socket_of(d, DAEMON_INITIATOR), rows[DAEMON_INITIATOR].program,
		rows[DAEMON_TARGET].variable, rows[DAEMON_TARGET].option,
		rows[DAEMON_INITIATOR].variable, rows[DAEMON_INITIATOR].option);
	return fail(d, EXIT_FAILED, why);
}

int daemons_connect(struct daemons *d)
{
	unsigned count = 0;
	for (unsigned i = 0; i < DAEMONS; i++) {
		int err = control_connect(&d->clients[i], socket_of(d, i));
		if (err)
			d->clients[i] = NULL;
		if (err && d->given[i])
			return not_there(d, i, err);
		if (err && !is_nobody(err))
			fprintf(stderr, "%s: the socket of %s, %s: %s\n", d->name, rows[i].program,
				socket_of(d, i), strerror(-err));
		count += !err;
	}
	return count ? 0 : nobody(d);
}

json_t *daemons_ask(const struct daemons *d, unsigned which, const char *method, json_t *params)
{
	struct control_error error;
	char why[CONTROL_WHY + 64];
	json_t *result = control_call(d->clients[which], method, params, SECONDS, &error);
	if (!result) {
		snprintf(why, sizeof(why), "%s: %s", rows[which].program, error.message);
		fail(d, EXIT_FAILED, why);
	}
	control_error_free(&error);
	return result;
}

void daemons_leave(struct daemons *d, unsigned which)
{
	control_disconnect(d->clients[which]);
	d->clients[which] = NULL;
}

void daemons_end(struct daemons *d)
{
	for (unsigned i = 0; i < DAEMONS; i++)
		daemons_leave(d, i);
}

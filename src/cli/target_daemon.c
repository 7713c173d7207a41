/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands for the daemon itself: what it logs, and that it goes on as another program. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "cli/shell.h"
#include "common/buf.h"

/* For the process that faces the network to end, and the new program to bring up what it was given. */
#define RESTART_MS  60000
#define LEVELS_SIZE 4096

/* ---- log ---- */

/* "info scsi=debug" is "info,scsi=debug" for the daemon. */
static int join_levels(const struct shell_call *c, struct buf *out)
{
	int err = 0;
	for (size_t i = 0; i < c->more_count && !err; i++) {
		const struct shell_word *w = &c->more[i];
		if (i)
			err = buf_add(out, ",", 1);
		if (!err && w->name)
			err = buf_add(out, w->name, strlen(w->name));
		if (!err && w->name)
			err = buf_add(out, "=", 1);
		if (!err)
			err = buf_add(out, w->value, strlen(w->value));
	}
	return err;
}

static int log_levels_of(struct shell *s, struct shell_call *c)
{
	struct buf levels;
	buf_init(&levels, LEVELS_SIZE);
	int err = join_levels(c, &levels);
	json_t *text = err ? NULL : json_stringn(buf_str(&levels), levels.len);
	buf_free(&levels);
	if (!text)
		return shell_fail(s, "log takes levels, such as info,scsi=debug");
	json_t *result = shell_ask(s, "log.levels", json_pack("{s:o}", "levels", text));
	if (!result || s->json)
		return result ? shell_print(s, result) : 1;
	printf("%s\n", shell_text(result, "levels"));
	json_decref(result);
	return 0;
}

/* ---- restart ---- */

/* The daemon's end of this connection is open until its program is another one. */
static int wait_for_end(struct shell *s)
{
	json_t *event;
	int err;
	while ((event = control_next_event(s->client, RESTART_MS, &err)))
		json_decref(event);
	if (err == -ETIMEDOUT)
		return shell_fail(s,
				  "The daemon has not gone on as another program within %u s; its "
				  "log says why",
				  RESTART_MS / 1000);
	control_disconnect(s->client);
	s->client = NULL;
	return 0;
}

static int restart(struct shell *s, struct shell_call *c)
{
	(void)c;
	if (s->batch)
		return shell_fail(s, "restart is no change of the tree, and has no place in a "
				     "script that is one transaction (--atomic)");
	json_t *result = shell_ask(s, "daemon.restart", NULL);
	if (!result)
		return 1;
	json_decref(result);
	if (wait_for_end(s))
		return 1;
	/* It listens all the time, and answers when it is ready. */
	result = shell_ask(s, "version", NULL);
	if (!result || s->json)
		return result ? shell_print(s, result) : 1;
	printf("The daemon goes on as version %s.\n", shell_text(result, "version"));
	json_decref(result);
	return 0;
}

const struct shell_command shell_daemons[] = {
	{"log", log_levels_of},
	{"restart", restart},
};
const size_t shell_daemon_count = ARRAY_SIZE(shell_daemons);

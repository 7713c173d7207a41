/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands that ask both daemons, or the one that runs. */
#ifndef LUNAR_CLI_DAEMONS_H
#define LUNAR_CLI_DAEMONS_H

#include <jansson.h>
#include <stdbool.h>
#include "control/client.h"

enum { DAEMON_TARGET, DAEMON_INITIATOR, DAEMONS };

struct daemons {
	const char *name; /* of the command: "lunar status" */
	bool json;
	const char *given
		[DAEMONS]; /* sockets; NULL: by the environment, else where they are by themselves */
	struct control_client *clients[DAEMONS]; /* NULL: it does not run */
};

/* "target", "initiator" */
const char *daemon_word(unsigned which);
/*
 * Connects to those that run. 0, or the exit code, which was said: none does, or one that was named by an option does
 * not. One that may not be used is said, and taken for one that does not run.
 */
int daemons_connect(struct daemons *d);
/* Takes over `params`. NULL: refused, which was said. */
json_t *daemons_ask(const struct daemons *d, unsigned which, const char *method, json_t *params);
/* It has ended, or is not to be asked any more. */
void daemons_leave(struct daemons *d, unsigned which);
void daemons_end(struct daemons *d);

#endif

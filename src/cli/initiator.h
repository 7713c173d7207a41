/* SPDX-License-Identifier: BSD-2-Clause */
/* What the commands that talk to lunar-initiatord have in common. */
#ifndef LUNAR_CLI_INITIATOR_H
#define LUNAR_CLI_INITIATOR_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include "liblunar/url.h"

/* iscsi://[USER[%SECRET]@]HOST[:PORT][/TARGET[/LUN]], without settings. With `scheme` "iscsi://" has to be there,
 * else it may be. 0, or -EINVAL with one line in `why`. */
int initiator_url(struct url *u, const char *text, bool scheme, char *why, size_t why_size);

struct initiator {
	const char *name; /* of the command: "lunar attach" */
	const char
		*socket; /* as given; NULL: by LUNAR_INITIATOR_SOCKET, or where it is by itself */
	bool json;
};
/* Takes over `params`. NULL: it failed, that was said, and *code is the exit code. */
json_t *initiator_ask(const struct initiator *i, const char *method, json_t *params,
		      unsigned seconds, int *code);
/* The exit code for a reason that has one (lunar-attach(8)), else EXIT_FAILED. */
int initiator_code(const char *reason);
/* One line, or as JSON. The code. */
int initiator_fail(const struct initiator *i, int code, const char *reason, const char *message);
/* As JSON, when that is wanted: true, and `result` is gone. */
bool initiator_print(const struct initiator *i, json_t *result);
/* "64 MiB" */
const char *initiator_size(char out[32], uint64_t bytes);

#endif

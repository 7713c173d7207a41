/* SPDX-License-Identifier: BSD-2-Clause */
/* The calling side of the control socket, for command lines: waits for each answer. */
#ifndef LUNAR_CONTROL_CLIENT_H
#define LUNAR_CONTROL_CLIENT_H

#include "control/rpc.h"

struct control_client;

#define CONTROL_WHY 1024

struct control_error {
	int code; /* an rpc_code, or -errno: there is no answer */
	char message[CONTROL_WHY];
	json_t *data; /* owned; NULL: none */
};

/* -ENOENT or -ECONNREFUSED: nobody serves there. */
int control_connect(struct control_client **out, const char *path);
void control_disconnect(struct control_client *c);
/*
 * Takes over `params` (may be NULL). The result, to be json_decref()ed, or NULL with `error`, to be
 * control_error_free()d. Waits at most `seconds` (0: for ever).
 */
json_t *control_call(struct control_client *c, const char *method, json_t *params, unsigned seconds,
		     struct control_error *error);
/*
 * Of who has called what subscribes (server.h): the next event, to be json_decref()ed. Waits for so long;
 * 0: takes only what has come already. NULL with `*err`: -ETIMEDOUT, or why there will be none any more.
 */
json_t *control_next_event(struct control_client *c, unsigned wait_ms, int *err);
/* To be waited on for more. */
int control_socket(const struct control_client *c);
void control_error_free(struct control_error *e);

#endif

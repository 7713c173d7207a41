/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The serving side of the control socket: whoever may connect calls methods by name (rpc.h). One thread, that
 * of the reactor. A caller that goes away, says nonsense or does not read costs its own connection.
 */
#ifndef LUNAR_CONTROL_SERVER_H
#define LUNAR_CONTROL_SERVER_H

#include "control/rpc.h"
#include "reactor/net.h"

struct control_server;
struct control_call;

struct control_method {
	const char *name;
	/* Answers by control_answer() or control_refuse(), once, now or later. */
	void (*run)(void *ctx, struct control_call *call);
	const char *params; /* "path, depth?": the names that are taken; others are refused */
	const char *help;   /* one line, no full stop */
};

struct control_options {
	const char *path; /* of the socket */
	gid_t group;      /* may use it; (gid_t)-1: root and the owner only */
	const struct control_method *methods;
	size_t count;
	void *ctx;     /* of the methods */
	unsigned most; /* connections at once */
	/* A socket that listens there already, and is the server's when it was made; without it, one is made. With
	 * `stays` its name is somebody else's, and not removed at the end. */
	bool has_socket, stays;
	int socket;
};

/* Listens. 0 or -errno with `why`. What `o` points to outlives the server. */
int control_server_new(struct control_server **out, struct reactor *r,
		       const struct control_options *o, char *why, size_t why_size);
/* No one else is let in, and the socket's name goes. */
void control_server_close(struct control_server *s);
/* Closes all connections; calls that have no answer yet are `gone` and must be answered before. */
void control_server_free(struct control_server *s);
int control_server_socket(const struct control_server *s);
bool control_server_stays(const struct control_server *s);
/* Whether answers are still on their way to somebody. */
bool control_server_is_sending(const struct control_server *s);
/* Calls without an answer. */
size_t control_server_calls(const struct control_server *s);

/* --- events: what happens, for those who have asked to be told */

/* From now on who calls gets what is published, until the connection ends. Before the answer, or behind it. */
void control_subscribe(struct control_call *call);
/* Whether anybody wants to know. */
bool control_is_heard(const struct control_server *s);
/*
 * Tells all of them: a notification "event" with these params (taken over), the time in seconds since 1970, and a
 * number that rises by one with each. Who does not read has CONTROL_EVENTS_UNREAD bytes waiting at most; of what was
 * dropped then, {"kind": "events.lost", "count": N} is told in its place.
 */
void control_publish(struct control_server *s, json_t *event);
#define CONTROL_EVENTS_UNREAD (256u << 10)

/* A kind of event, for tables of documents. */
struct control_event_row {
	const char *kind;
	const char *params; /* what it tells, beside kind, number and time */
	const char *help;   /* when it comes: one line, no full stop */
};

/* --- one call: valid until it is answered */

/* An object or NULL. */
json_t *control_params(const struct control_call *call);
/* The first of these parameters that the method does not have; NULL: it has all of them. */
const char *control_unknown_param(const struct control_method *m, json_t *params);
const struct net_local_peer *control_peer(const struct control_call *call);
/* A parameter by name: NULL, with the call refused and over, when it is missing or of another type. */
const char *control_text(struct control_call *call, const char *name);
/* ... and `standard` when it is missing. `*ok` is false when the call is over. */
const char *control_text_or(struct control_call *call, const char *name, const char *standard,
			    bool *ok);
bool control_flag_or(struct control_call *call, const char *name, bool standard, bool *ok);

/* Takes over `result` (NULL: null). */
void control_answer(struct control_call *call, json_t *result);
void control_refuse(struct control_call *call, enum rpc_code code, const char *fmt, ...)
	PRINTF(3, 4);
/* ... with `data`, which is taken over. */
void control_refuse_with(struct control_call *call, enum rpc_code code, const char *message,
			 json_t *data);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * JSON-RPC 2.0 on a stream: one object a line, UTF-8, no newline within. A request has an id that its answer
 * repeats; one without gets no answer. Batches (arrays) are refused: whoever has many calls sends many lines
 * and need not wait in between.
 *
 *   -> {"jsonrpc": "2.0", "id": 1, "method": "tree.list", "params": {"path": "/iscsi"}}
 *   <- {"jsonrpc": "2.0", "id": 1, "result": {...}}
 *   <- {"jsonrpc": "2.0", "id": 1, "error": {"code": 1, "message": "one line for a person"}}
 *   <- {"jsonrpc": "2.0", "method": "event", "params": {...}}      without an id: nobody asked for it just now
 */
#ifndef LUNAR_CONTROL_RPC_H
#define LUNAR_CONTROL_RPC_H

#include <jansson.h>
#include <stddef.h>

#define RPC_LINE_MAX (64u << 20) /* bytes; a configuration of 10,000 LUNs is a tenth of that */

enum rpc_code {
	/* JSON-RPC's own */
	RPC_NOT_JSON = -32700,
	RPC_NOT_A_REQUEST = -32600,
	RPC_NO_METHOD = -32601,
	RPC_BAD_PARAMS = -32602,
	RPC_INTERNAL = -32603,
	/* ours: what was asked for was understood, and */
	RPC_REFUSED = 1,   /* cannot be, for the reason given; nothing has changed */
	RPC_NOT_ALLOWED,   /* not by you */
	RPC_BUSY,          /* not now */
	RPC_NOT_CONFIRMED, /* not without saying that it is meant */
};

struct rpc_request {
	json_t *whole;    /* owns the rest */
	const json_t *id; /* NULL: no answer is wanted */
	const char *method;
	json_t *params; /* an object; NULL: none */
};

/* 0, or an rpc_code with `why`, and then as much of `out` is filled in as an answer needs. */
int rpc_read(const char *line, size_t len, struct rpc_request *out, char *why, size_t why_size);
void rpc_request_free(struct rpc_request *r);

/* A line with its newline, to be freed, with its length; NULL: no memory. They take over `result`, `params`
 * and `data`, which may be NULL. */
char *rpc_write_request(json_int_t id, const char *method, json_t *params, size_t *len);
char *rpc_write_notification(const char *method, json_t *params, size_t *len);
char *rpc_write_result(const json_t *id, json_t *result, size_t *len);
char *rpc_write_error(const json_t *id, int code, const char *message, json_t *data, size_t *len);

#endif

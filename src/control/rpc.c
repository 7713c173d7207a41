/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/rpc.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- reading */

static int refuse(int code, char *why, size_t why_size, const char *text)
{
	snprintf(why, why_size, "%s", text);
	return code;
}

static bool is_id(const json_t *id)
{
	return json_is_string(id) || json_is_integer(id);
}

static int take_fields(struct rpc_request *r, char *why, size_t why_size)
{
	const json_t *version = json_object_get(r->whole, "jsonrpc");
	const json_t *method = json_object_get(r->whole, "method");
	const json_t *id = json_object_get(r->whole, "id");
	json_t *params = json_object_get(r->whole, "params");
	if (is_id(id))
		r->id = id;
	if (!json_is_string(version) || strcmp(json_string_value(version), "2.0") != 0)
		return refuse(
			RPC_NOT_A_REQUEST, why, why_size,
			"\"jsonrpc\" is not \"2.0\"; a request is an object like {\"jsonrpc\": "
			"\"2.0\", \"id\": 1, \"method\": \"version\"}");
	if (id && !is_id(id))
		return refuse(RPC_NOT_A_REQUEST, why, why_size,
			      "\"id\" is neither a string nor a whole number");
	if (!json_is_string(method))
		return refuse(RPC_NOT_A_REQUEST, why, why_size, "\"method\" is not a string");
	if (params && !json_is_object(params))
		return refuse(RPC_BAD_PARAMS, why, why_size,
			      "\"params\" is not an object: parameters have names here");
	r->method = json_string_value(method);
	r->params = params;
	return 0;
}

int rpc_read(const char *line, size_t len, struct rpc_request *out, char *why, size_t why_size)
{
	json_error_t error;
	memset(out, 0, sizeof(*out));
	out->whole = json_loadb(line, len, JSON_REJECT_DUPLICATES, &error);
	if (!out->whole) {
		snprintf(why, why_size, "not JSON, at byte %d: %s", error.position, error.text);
		return RPC_NOT_JSON;
	}
	if (json_is_array(out->whole))
		return refuse(RPC_NOT_A_REQUEST, why, why_size,
			      "batches are not taken: send one request a line, without waiting");
	return take_fields(out, why, why_size);
}

void rpc_request_free(struct rpc_request *r)
{
	json_decref(r->whole);
	memset(r, 0, sizeof(*r));
}

/* --- writing */

static char *write_line(json_t *object, size_t *len)
{
	char *text = object ? json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
	json_decref(object);
	if (!text)
		return NULL;
	*len = strlen(text) + 1;
	char *line = realloc(text, *len + 1);
	if (!line) {
		free(text);
		return NULL;
	}
	line[*len - 1] = '\n';
	line[*len] = 0;
	return line;
}

char *rpc_write_request(json_int_t id, const char *method, json_t *params, size_t *len)
{
	return write_line(json_pack("{s:s, s:I, s:s, s:o*}", "jsonrpc", "2.0", "id", id, "method",
				    method, "params", params),
			  len);
}

char *rpc_write_notification(const char *method, json_t *params, size_t *len)
{
	return write_line(
		json_pack("{s:s, s:s, s:o*}", "jsonrpc", "2.0", "method", method, "params", params),
		len);
}

static json_t *id_or_null(const json_t *id)
{
	return id ? json_deep_copy(id) : json_null();
}

char *rpc_write_result(const json_t *id, json_t *result, size_t *len)
{
	return write_line(json_pack("{s:s, s:o, s:o}", "jsonrpc", "2.0", "id", id_or_null(id),
				    "result", result ? result : json_null()),
			  len);
}

char *rpc_write_error(const json_t *id, int code, const char *message, json_t *data, size_t *len)
{
	return write_line(json_pack("{s:s, s:o, s:{s:i, s:s, s:o*}}", "jsonrpc", "2.0", "id",
				    id_or_null(id), "error", "code", code, "message", message,
				    "data", data),
			  len);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Requests on the control socket: whatever is read is answered with one line that can be read. */
#include "control/rpc.h"
#include "fuzz.h"

static void check_line(char *line, size_t len)
{
	MUST(line && len && line[len - 1] == '\n' && !memchr(line, '\n', len - 1));
	json_t *again = json_loadb(line, len, 0, NULL);
	MUST(json_is_object(again));
	json_decref(again);
	free(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char why[256] = "";
	struct rpc_request request;
	uint8_t *copy = copy_of(data, size);
	size_t len = 0;
	int code = rpc_read((const char *)copy, size, &request, why, sizeof(why));
	free(copy);
	MUST(code ? why[0] : request.method != NULL);
	char *line = code ? rpc_write_error(request.id, code, why, NULL, &len)
			  : rpc_write_result(request.id, json_incref(request.params), &len);
	check_line(line, len);
	if (!code) {
		line = rpc_write_request(7, request.method, json_incref(request.params), &len);
		check_line(line, len);
	}
	rpc_request_free(&request);
	return 0;
}

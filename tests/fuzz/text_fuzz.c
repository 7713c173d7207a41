/* SPDX-License-Identifier: BSD-2-Clause */
/* Text: pairs and their values, and a whole negotiation in full feature phase. */
#include "fuzz.h"
#include "iscsi/login.h"
#include "iscsi/names.h"
#include "iscsi/text.h"

/* Each way to read a value, on any value. */
static void read_value(const char *value)
{
	uint8_t bytes[ISCSI_BINARY_MAX];
	char name[ISCSI_NAME_SIZE];
	uint64_t number;
	size_t len;
	bool flag;

	iscsi_parse_number(value, &number);
	iscsi_parse_bool(value, &flag);
	if (!iscsi_parse_binary(value, bytes, sizeof(bytes), &len))
		MUST(len <= sizeof(bytes));
	iscsi_check_utf8(value);
	if (!iscsi_name_normalize(value, name))
		MUST(iscsi_name_valid(name));
	const char *list = value, *item;
	while (iscsi_list_next(&list, &item, &len))
		MUST(item >= value && item + len <= value + strlen(value));
}

static void pairs(const uint8_t *text, size_t len)
{
	struct iscsi_pair pair;
	size_t at = 0;
	while (iscsi_text_next(text, len, &at, &pair) > 0) {
		MUST(pair.key_len && pair.key_len <= ISCSI_KEY_MAX);
		MUST(strlen(pair.value) == pair.value_len);
		read_value(pair.value);
	}
}

static void send_targets(void *ctx, const char *which, struct buf *out)
{
	iscsi_add_target(out, "iqn.2026-01.test.lunar:target");
	iscsi_add_address(out, "192.0.2.1:3260", 1);
}

static const struct iscsi_text_target_ops ops = {send_targets};

/* Requests: flags, tag, length and text of each. */
static void negotiate(struct input in)
{
	struct iscsi_params params = {.max_send_data = 512, .max_recv_data = 8192};
	struct iscsi_text_target t;
	struct iscsi_text_response rsp;
	uint32_t ttt = ISCSI_RESERVED_TAG;

	iscsi_text_target_init(&t, &ops, NULL, &params, take_byte(&in) & 1);
	while (in.left) {
		struct iscsi_text_request req = {.opcode = ISCSI_TEXT_REQUEST};
		const uint8_t *p, *text;
		uint32_t text_len;
		uint8_t how = take_byte(&in);
		req.flags = how & 0xc0;
		put_be32(req.itt, how & 1);
		put_be32(req.ttt, how & 2 ? ttt : ISCSI_RESERVED_TAG);
		size_t len = take_bytes(&in, take_number(&in, 2), &p);
		uint8_t *copy = copy_of(p, len);
		memset(&rsp, 0, sizeof(rsp));
		if (!iscsi_text_target_request(&t, &req, copy, (uint32_t)len, &rsp, &text,
					       &text_len)) {
			MUST(text_len <= params.max_send_data);
			ttt = get_be32(rsp.ttt);
			iscsi_text_target_used(&t);
		}
		free(copy);
	}
	iscsi_text_target_free(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	pairs(data, size);
	negotiate((struct input){data, size});
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* The NBD protocol without a socket: the handshake, one option after the other, and requests. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include "attach/nbd.h"
#include "common/endian.h"

struct rig {
	struct disk disk;
	struct nbd_export export;
	struct nbd_handshake shake;
	struct buf out;
	const char *why;
	uint8_t in[16384];
	size_t len;
};

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	rig->disk.traits = (struct disk_traits){
		.size = 1 << 20,
		.logical_block = 512,
		.physical_block = 4096,
		.write_cache = true,
		.extents = true,
		.discard_granularity = 512,
		.write_zeroes = true,
	};
	disk_init(&rig->disk);
	rig->export = (struct nbd_export){&rig->disk, "lun"};
	buf_init(&rig->out, 65536);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;
	buf_free(&rig->out);
	free(rig);
	return 0;
}

/* --- what a client says */

static void put32(struct rig *rig, uint32_t v)
{
	put_be32(rig->in + rig->len, v);
	rig->len += 4;
}

static void put16(struct rig *rig, uint16_t v)
{
	put_be16(rig->in + rig->len, v);
	rig->len += 2;
}

static void put_text(struct rig *rig, const char *text)
{
	put32(rig, (uint32_t)strlen(text));
	memcpy(rig->in + rig->len, text, strlen(text));
	rig->len += strlen(text);
}

/* An option, whose data have been put: its header goes before them. */
static ssize_t send_option(struct rig *rig, uint32_t option)
{
	memmove(rig->in + 16, rig->in, rig->len);
	put_be64(rig->in, NBD_OPTION_MAGIC);
	put_be32(rig->in + 8, option);
	put_be32(rig->in + 12, (uint32_t)rig->len);
	buf_clear(&rig->out);
	size_t len = rig->len + 16;
	rig->len = 0;
	/* Byte by byte there is nothing to be done until all of it is there. */
	for (size_t n = 0; n < len; n++) {
		ssize_t used = nbd_handshake_step(&rig->shake, rig->in, n, &rig->out, &rig->why);
		if (used)
			return used;
	}
	ssize_t used = nbd_handshake_step(&rig->shake, rig->in, len, &rig->out, &rig->why);
	if (used > 0)
		assert_int_equal(used, len);
	return used;
}

static void begin(struct rig *rig, uint32_t flags)
{
	uint8_t data[4];
	buf_clear(&rig->out);
	nbd_handshake_begin(&rig->shake, &rig->export, &rig->out);
	assert_int_equal(rig->out.len, 18);
	assert_int_equal(get_be64(rig->out.data), NBD_MAGIC);
	put_be32(data, flags);
	assert_int_equal(nbd_handshake_step(&rig->shake, data, 3, &rig->out, &rig->why), 0);
	assert_int_equal(nbd_handshake_step(&rig->shake, data, 4, &rig->out, &rig->why), 4);
}

/* The reply at `at`: its kind; the next one is behind it. */
static uint32_t reply_at(const struct rig *rig, size_t *at, const uint8_t **data, uint32_t *len)
{
	const uint8_t *p = rig->out.data + *at;
	assert_true(rig->out.len >= *at + 20);
	assert_int_equal(get_be64(p), NBD_OPTION_REPLY);
	*len = get_be32(p + 16);
	assert_true(rig->out.len >= *at + 20 + *len);
	*data = p + 20;
	*at += 20 + *len;
	return get_be32(p + 12);
}

static uint32_t only_reply(const struct rig *rig)
{
	size_t at = 0;
	const uint8_t *data;
	uint32_t len, kind = reply_at(rig, &at, &data, &len);
	assert_int_equal(at, rig->out.len);
	return kind;
}

/* --- the handshake */

static void the_old_way_of_export_name(void **state)
{
	struct rig *rig = *state;
	begin(rig, NBD_FIXED_NEWSTYLE);
	memcpy(rig->in, "lun", 3);
	rig->len = 3;
	assert_true(send_option(rig, NBD_OPT_EXPORT_NAME) > 0);
	assert_int_equal(rig->out.len, 8 + 2 + 124);
	assert_int_equal(get_be64(rig->out.data), 1 << 20);
	assert_int_equal(rig->shake.phase, NBD_TRANSMISSION);

	begin(rig, NBD_FIXED_NEWSTYLE | NBD_NO_ZEROES);
	assert_true(send_option(rig, NBD_OPT_EXPORT_NAME) > 0);
	assert_int_equal(rig->out.len, 8 + 2);

	begin(rig, NBD_FIXED_NEWSTYLE);
	memcpy(rig->in, "other", 5);
	rig->len = 5;
	assert_int_equal(send_option(rig, NBD_OPT_EXPORT_NAME), -ENOENT);
}

static void go_tells_what_was_asked_for(void **state)
{
	struct rig *rig = *state;
	const uint8_t *data;
	uint32_t len;
	size_t at = 0;
	begin(rig, NBD_FIXED_NEWSTYLE);
	put_text(rig, "");
	put16(rig, 2);
	put16(rig, NBD_INFO_BLOCK_SIZE);
	put16(rig, 77); /* of a later time */
	assert_true(send_option(rig, NBD_OPT_GO) > 0);
	assert_int_equal(reply_at(rig, &at, &data, &len), NBD_REP_INFO);
	assert_int_equal(get_be16(data), NBD_INFO_EXPORT);
	assert_int_equal(get_be64(data + 2), 1 << 20);
	assert_int_equal(get_be16(data + 10), NBD_HAS_FLAGS | NBD_SEND_FLUSH | NBD_SEND_FUA |
						      NBD_SEND_TRIM | NBD_SEND_WRITE_ZEROES |
						      NBD_CAN_MULTI_CONN);
	assert_int_equal(reply_at(rig, &at, &data, &len), NBD_REP_INFO);
	assert_int_equal(get_be16(data), NBD_INFO_BLOCK_SIZE);
	assert_int_equal(get_be32(data + 2), 512);
	assert_int_equal(get_be32(data + 6), 4096);
	assert_int_equal(get_be32(data + 10), 32 << 20);
	assert_int_equal(reply_at(rig, &at, &data, &len), NBD_REP_ACK);
	assert_int_equal(at, rig->out.len);
	assert_int_equal(rig->shake.phase, NBD_TRANSMISSION);
}

static void flags_say_what_the_disk_is(void **state)
{
	struct rig *rig = *state;
	struct disk_traits *t = &rig->disk.traits;
	t->read_only = t->rotational = true;
	t->write_cache = t->write_zeroes = false;
	t->discard_granularity = 0;
	assert_int_equal(nbd_flags(&rig->disk, true), NBD_HAS_FLAGS | NBD_READ_ONLY |
							      NBD_ROTATIONAL | NBD_SEND_DF |
							      NBD_CAN_MULTI_CONN);
}

static void large_blocks_must_be_asked_for(void **state)
{
	struct rig *rig = *state;
	rig->disk.traits.logical_block = 4096;
	begin(rig, NBD_FIXED_NEWSTYLE);
	put_text(rig, "lun");
	put16(rig, 0);
	assert_true(send_option(rig, NBD_OPT_GO) > 0);
	assert_int_equal(only_reply(rig), NBD_REP_ERR_BLOCK_SIZE_REQD);
	assert_int_equal(rig->shake.phase, NBD_OPTIONS);
}

static void info_goes_no_further(void **state)
{
	struct rig *rig = *state;
	begin(rig, NBD_FIXED_NEWSTYLE);
	put_text(rig, "lun");
	put16(rig, 0);
	assert_true(send_option(rig, NBD_OPT_INFO) > 0);
	assert_int_equal(rig->shake.phase, NBD_OPTIONS);
	put_text(rig, "other");
	put16(rig, 0);
	assert_true(send_option(rig, NBD_OPT_GO) > 0);
	assert_int_equal(only_reply(rig), NBD_REP_ERR_UNKNOWN);
	assert_true(send_option(rig, NBD_OPT_LIST) > 0);
	assert_true(send_option(rig, NBD_OPT_ABORT) > 0);
	assert_int_equal(rig->shake.phase, NBD_ENDED);
}

static void contexts(void **state)
{
	struct rig *rig = *state;
	const uint8_t *data;
	uint32_t len;
	size_t at = 0;
	begin(rig, NBD_FIXED_NEWSTYLE);
	put_text(rig, "");
	put32(rig, 1);
	put_text(rig, "base:allocation");
	assert_true(send_option(rig, NBD_OPT_SET_META_CONTEXT) > 0);
	assert_int_equal(only_reply(rig), NBD_REP_ERR_INVALID);
	assert_true(send_option(rig, NBD_OPT_STRUCTURED_REPLY) > 0);
	put_text(rig, "");
	put32(rig, 2);
	put_text(rig, "qemu:dirty-bitmap");
	put_text(rig, "base:allocation");
	assert_true(send_option(rig, NBD_OPT_SET_META_CONTEXT) > 0);
	assert_int_equal(reply_at(rig, &at, &data, &len), NBD_REP_META_CONTEXT);
	assert_int_equal(get_be32(data), NBD_ALLOCATION);
	assert_memory_equal(data + 4, "base:allocation", len - 4);
	assert_int_equal(reply_at(rig, &at, &data, &len), NBD_REP_ACK);
	assert_true(rig->shake.allocation);
	/* The last word counts, also when it is nothing. */
	put_text(rig, "");
	put32(rig, 0);
	assert_true(send_option(rig, NBD_OPT_SET_META_CONTEXT) > 0);
	assert_int_equal(only_reply(rig), NBD_REP_ACK);
	assert_false(rig->shake.allocation);
}

static void what_is_malformed_is_refused(void **state)
{
	struct rig *rig = *state;
	begin(rig, NBD_FIXED_NEWSTYLE);
	put32(rig, 1000); /* a name that reaches past the option */
	put16(rig, 0);
	assert_true(send_option(rig, NBD_OPT_GO) > 0);
	assert_int_equal(only_reply(rig), NBD_REP_ERR_INVALID);
	put_text(rig, "lun");
	put16(rig, 3); /* and one only */
	put16(rig, NBD_INFO_NAME);
	assert_true(send_option(rig, NBD_OPT_GO) > 0);
	assert_int_equal(only_reply(rig), NBD_REP_ERR_INVALID);
	put32(rig, 7);
	assert_true(send_option(rig, NBD_OPT_LIST) > 0);
	assert_int_equal(only_reply(rig), NBD_REP_ERR_INVALID);
	assert_true(send_option(rig, 4711) > 0);
	assert_int_equal(only_reply(rig), NBD_REP_ERR_UNSUP);
	assert_true(send_option(rig, NBD_OPT_STRUCTURED_REPLY) > 0);
	put_text(rig, "lun");
	put32(rig, UINT32_MAX); /* queries */
	assert_true(send_option(rig, NBD_OPT_LIST_META_CONTEXT) > 0);
	assert_int_equal(only_reply(rig), NBD_REP_ERR_INVALID);
}

static void what_is_no_nbd_ends(void **state)
{
	struct rig *rig = *state;
	uint8_t data[20] = {0};
	buf_clear(&rig->out);
	nbd_handshake_begin(&rig->shake, &rig->export, &rig->out);
	assert_int_equal(nbd_handshake_step(&rig->shake, data, 4, &rig->out, &rig->why), -EPROTO);
	begin(rig, NBD_FIXED_NEWSTYLE);
	assert_int_equal(nbd_handshake_step(&rig->shake, data, 16, &rig->out, &rig->why), -EPROTO);
	put_be64(data, NBD_OPTION_MAGIC);
	put_be32(data + 12, UINT32_MAX);
	assert_int_equal(nbd_handshake_step(&rig->shake, data, 16, &rig->out, &rig->why), -EPROTO);
	begin(rig, NBD_FIXED_NEWSTYLE);
	for (int i = 0; i < 64; i++)
		assert_true(send_option(rig, NBD_OPT_LIST) > 0);
	assert_int_equal(send_option(rig, NBD_OPT_LIST), -EPROTO);
}

static void a_long_option_is_passed_over(void **state)
{
	struct rig *rig = *state;
	begin(rig, NBD_FIXED_NEWSTYLE);
	rig->len = 9000;
	assert_int_equal(send_option(rig, NBD_OPT_GO), 16);
	assert_int_equal(only_reply(rig), NBD_REP_ERR_TOO_BIG);
	assert_int_equal(nbd_handshake_step(&rig->shake, rig->in, 8000, &rig->out, &rig->why),
			 8000);
	assert_int_equal(nbd_handshake_step(&rig->shake, rig->in, 1016, &rig->out, &rig->why),
			 1000);
	assert_true(send_option(rig, NBD_OPT_LIST) > 0);
}

/* --- requests */

static const struct {
	struct nbd_request_header h;
	int err;
} requests[] = {
	{{0, NBD_READ, 1, 0, 512}, 0},
	{{NBD_CMD_DF, NBD_READ, 1, 0, 512}, 0},
	{{NBD_CMD_FUA, NBD_READ, 1, 0, 512}, 0},
	{{0, NBD_READ, 1, 1, 512}, -EINVAL},
	{{0, NBD_READ, 1, 0, 511}, -EINVAL},
	{{0, NBD_READ, 1, 0, 0}, -EINVAL},
	{{0, NBD_READ, 1, 1 << 20, 512}, -EINVAL},
	{{0, NBD_READ, 1, UINT64_MAX - 511, 1024}, -EINVAL},
	{{0, NBD_READ, 1, 0, (32 << 20) + 512}, -EINVAL},
	{{NBD_CMD_FUA, NBD_WRITE, 1, (1 << 20) - 512, 512}, 0},
	{{0, NBD_WRITE, 1, (1 << 20) - 512, 1024}, -ENOSPC},
	{{NBD_CMD_NO_HOLE, NBD_WRITE, 1, 0, 512}, -EINVAL},
	{{NBD_CMD_NO_HOLE | NBD_CMD_FUA, NBD_WRITE_ZEROES, 1, 0, 1 << 20}, 0},
	{{1 << 4, NBD_WRITE_ZEROES, 1, 0, 512}, -EINVAL}, /* FAST_ZERO, which was not offered */
	{{0, NBD_TRIM, 1, 512, 512}, 0},
	{{0, NBD_FLUSH, 1, 0, 0}, 0},
	{{0, NBD_CACHE, 1, 0, 512}, -EINVAL},
	{{0, NBD_BLOCK_STATUS, 1, 0, 512}, 0},
	{{0, 4711, 1, 0, 512}, -EINVAL},
};

static void requests_are_checked(void **state)
{
	struct rig *rig = *state;
	struct disk_request q;
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		int err = nbd_request_translate(&rig->disk, &requests[i].h, true, &q);
		if (err != requests[i].err)
			print_message("request %zu\n", i);
		assert_int_equal(err, requests[i].err);
	}
	assert_int_equal(nbd_request_translate(&rig->disk, &requests[17].h, false, &q), -EINVAL);
	disk_set_read_only(&rig->disk, true);
	assert_int_equal(nbd_request_translate(&rig->disk, &requests[9].h, true, &q), -EROFS);
	assert_int_equal(nbd_request_translate(&rig->disk, &requests[0].h, true, &q), 0);
}

static void extents_end_where_the_request_does(void **state)
{
	const struct disk_extent extents[] = {
		{4096, true, true}, {512, false, false}, {UINT64_MAX / 2, true, false}, {1, 0, 0}};
	const struct nbd_request_header h = {0, NBD_BLOCK_STATUS, 1, 0, 8192};
	uint8_t data[32];
	assert_int_equal(nbd_reply_extents(data, extents, 4, &h), 24);
	assert_int_equal(get_be32(data), 4096);
	assert_int_equal(get_be32(data + 4), NBD_STATE_HOLE | NBD_STATE_ZERO);
	assert_int_equal(get_be32(data + 12), 0);
	assert_int_equal(get_be32(data + 16), 8192 - 4096 - 512);
	assert_int_equal(get_be32(data + 20), NBD_STATE_HOLE);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_old_way_of_export_name),
		CASE(go_tells_what_was_asked_for),
		CASE(flags_say_what_the_disk_is),
		CASE(large_blocks_must_be_asked_for),
		CASE(info_goes_no_further),
		CASE(contexts),
		CASE(what_is_malformed_is_refused),
		CASE(what_is_no_nbd_ends),
		CASE(a_long_option_is_passed_over),
		CASE(requests_are_checked),
		CASE(extents_end_where_the_request_does),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

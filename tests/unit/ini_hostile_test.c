/* SPDX-License-Identifier: BSD-2-Clause */
/* What a target must not say to an initiator costs it the session, with a reason, and nobody anything else. */
#include "ini_rig.h"

/* The session was closed for nonsense; the command it was about is still to be had. */
static void dropped(struct rig *r, const char *why)
{
	assert_true(r->closing);
	assert_int_equal(r->why.reason, INI_NONSENSE);
	if (!strstr(r->why.text, why))
		fail_msg("\"%s\" does not say \"%s\"", r->why.text, why);
	for (const char *p = r->why.text; *p; p++)
		assert_true(*p >= ' ' && *p < 0x7f);
}

/* It comes back, and what was under way is done. */
static void comes_back(struct rig *r, struct rig_cmd *c)
{
	rig_closed(r);
	rig_await(r);
	rig_log_in(r);
	assert_int_equal(memcmp(r->isid, "\x80\1\2\3\4\5", 6), 0);
	rig_expect(r, ISCSI_SCSI_COMMAND);
	assert_int_equal(get_be32(r->bhs.itt), c->task.tag);
	assert_int_equal(c->done, 0);
	rig_drain(r);
	if (c->task.in_len) {
		struct iscsi_data_in in = {.opcode = ISCSI_DATA_IN,
					   .flags = ISCSI_FINAL | ISCSI_DATA_STATUS};
		put_be32(in.itt, c->task.tag);
		rig_say(r, &in, c->data, c->task.in_len);
	} else {
		rig_good(r, c);
	}
	assert_int_equal(c->done, 1);
	assert_int_equal(c->err, 0);
	free(c);
	rig_free(r);
}

static struct rig_cmd *begin(struct rig *r, uint32_t out, uint32_t in)
{
	rig_new(r, NULL);
	rig_log_in(r);
	struct rig_cmd *c = rig_submit(r, out, in);
	rig_drain(r);
	return c;
}

/* --- Data-In */

enum { TAG = 1, OFFSET = 2, DATASN = 4, LENGTH = 8, STATSN = 16 };

static void data_in(unsigned wrong, const char *why)
{
	static struct rig r;
	static uint8_t data[8192];
	struct rig_cmd *c = begin(&r, 0, 4096);
	struct iscsi_data_in in = {.opcode = ISCSI_DATA_IN,
				   .flags = ISCSI_FINAL | ISCSI_DATA_STATUS};
	put_be32(in.itt, c->task.tag + (wrong & TAG));
	put_be32(in.datasn, wrong & DATASN);
	put_be32(in.buffer_offset, wrong & OFFSET ? 4096 : 0);
	if (wrong & STATSN)
		r.statsn++;
	rig_say(&r, &in, data, wrong & LENGTH ? 4097 : 4096);
	dropped(&r, why);
	comes_back(&r, c);
}

static void data_in_that_does_not_fit(void **state)
{
	data_in(TAG, "no command that there is");
	data_in(OFFSET, "another place");
	data_in(DATASN, "out of order");
	data_in(LENGTH, "past the end");
	data_in(STATSN, "StatSN");
}

static void data_in_for_a_write(void **state)
{
	static struct rig r;
	struct rig_cmd *c = begin(&r, 512, 0);
	struct iscsi_data_in in = {.opcode = ISCSI_DATA_IN};
	put_be32(in.itt, c->task.tag);
	rig_say(&r, &in, "data", 4);
	dropped(&r, "past the end");
	comes_back(&r, c);
}

/* GOOD, and half of the data: that is a residual, whatever the target says. */
static void data_that_does_not_come_is_missed(void **state)
{
	static struct rig r;
	static uint8_t data[1024];
	struct rig_cmd *c = begin(&r, 0, 4096);
	struct iscsi_data_in in = {.opcode = ISCSI_DATA_IN,
				   .flags = ISCSI_FINAL | ISCSI_DATA_STATUS};
	put_be32(in.itt, c->task.tag);
	rig_say(&r, &in, data, sizeof(data));
	assert_int_equal(c->done, 1);
	assert_int_equal(c->task.got, 1024);
	assert_int_equal(c->task.residual, 3072);
	free(c);
	rig_free(&r);
}

/* --- R2T */

static void r2t(uint32_t offset, uint32_t len, uint32_t ttt, uint32_t sn, int tag, const char *why)
{
	static struct rig r;
	struct rig_cmd *c = begin(&r, 100000, 0);
	struct iscsi_r2t bhs = {.opcode = ISCSI_R2T, .flags = ISCSI_FINAL};
	put_be32(bhs.itt, c->task.tag + (uint32_t)tag);
	put_be32(bhs.ttt, ttt);
	put_be32(bhs.statsn, r.statsn);
	put_be32(bhs.r2tsn, sn);
	put_be32(bhs.buffer_offset, offset);
	put_be32(bhs.desired_length, len);
	rig_raw(&r, &bhs, NULL, 0);
	if (why) {
		dropped(&r, why);
		comes_back(&r, c);
		return;
	}
	uint32_t got = 0;
	while (rig_next(&r)) {
		const struct iscsi_data_out *out = (const struct iscsi_data_out *)&r.bhs;
		assert_int_equal(iscsi_opcode(&r.bhs), ISCSI_DATA_OUT);
		assert_int_equal(get_be32(out->ttt), ttt);
		assert_int_equal(get_be32(out->buffer_offset), offset + got);
		assert_memory_equal(r.data, c->data + offset + got, r.len);
		got += r.len;
		assert_int_equal(!!(out->flags & ISCSI_FINAL), got == len);
	}
	assert_int_equal(got, len);
	rig_free(&r);
	assert_int_equal(c->err, -ESHUTDOWN);
	assert_true(c->task.unknown);
	free(c);
}

static void r2ts(void **state)
{
	r2t(16384, 65536, 5, 0, 0, NULL);
	r2t(34464, 65536, 5, 0, 0, NULL); /* the last of them */
	r2t(16384, 0, 5, 0, 0, "does not have");
	r2t(99999, 2, 5, 0, 0, "does not have");
	r2t(100001, 1, 5, 0, 0, "does not have");
	r2t(UINT32_MAX, 2, 5, 0, 0, "does not have");
	r2t(16384, UINT32_MAX, 5, 0, 0, "does not have");
	r2t(16384, 65537, 5, 0, 0, "MaxBurstLength");
	r2t(16383, 10, 5, 0, 0, "were sent");
	r2t(16384, 10, ISCSI_RESERVED_TAG, 0, 0, "without a tag");
	r2t(16384, 10, 5, 1, 0, "out of order");
	r2t(16384, 10, 5, 0, 1, "no command");
	r2t(16384, 10, 5, 0, 4096, "no command"); /* the slot's next tag */
}

static void more_r2ts_than_agreed(void **state)
{
	static struct rig r;
	struct rig_cmd *c = begin(&r, 100000, 0);
	for (uint32_t i = 0; i < 5; i++) {
		struct iscsi_r2t bhs = {.opcode = ISCSI_R2T, .flags = ISCSI_FINAL};
		assert_false(r.closing);
		put_be32(bhs.itt, c->task.tag);
		put_be32(bhs.ttt, 7 + i);
		put_be32(bhs.r2tsn, i);
		put_be32(bhs.buffer_offset, 16384 + i * 100);
		put_be32(bhs.desired_length, 100);
		rig_raw(&r, &bhs, NULL, 0);
	}
	dropped(&r, "MaxOutstandingR2T");
	comes_back(&r, c);
}

/* --- answers */

static void an_answer_twice(void **state)
{
	static struct rig r;
	struct rig_cmd *c = begin(&r, 0, 0), *other = rig_submit(&r, 0, 0);
	rig_drain(&r);
	uint32_t tag = c->task.tag;
	rig_good(&r, c);
	assert_int_equal(c->done, 1);
	/* The slot has another task now, and an old tag is not its. */
	assert_int_equal(ini_submit(r.s, &c->task, r.now), 0);
	rig_drain(&r);
	assert_int_not_equal(c->task.tag, tag);
	struct iscsi_scsi_response rsp = {.opcode = ISCSI_SCSI_RESPONSE, .flags = ISCSI_FINAL};
	put_be32(rsp.itt, tag);
	rig_say(&r, &rsp, NULL, 0);
	assert_int_equal(c->done, 1);
	dropped(&r, "or twice");
	rig_free(&r);
	assert_int_equal(c->done, 2);
	assert_int_equal(other->done, 1);
	free(c);
	free(other);
}

static void numbers_that_jump(void **state)
{
	static struct rig r;
	static const int by[] = {-1, 1, 100, INT32_MAX};
	for (size_t i = 0; i < ARRAY_SIZE(by); i++) {
		struct rig_cmd *jumped = begin(&r, 0, 0);
		r.statsn += (uint32_t)by[i];
		rig_good(&r, jumped);
		assert_int_equal(jumped->done, 0);
		dropped(&r, "StatSN");
		rig_free(&r);
		free(jumped);
	}
	/* A window that contradicts itself says nothing; one past all commands is nonsense. */
	struct rig_cmd *c = begin(&r, 0, 0);
	struct iscsi_nop_in nop = {.opcode = ISCSI_NOP_IN, .flags = ISCSI_FINAL};
	put_be32(nop.itt, ISCSI_RESERVED_TAG);
	put_be32(nop.ttt, ISCSI_RESERVED_TAG);
	put_be32(nop.expcmdsn, 1000);
	put_be32(nop.maxcmdsn, 10);
	rig_raw(&r, &nop, NULL, 0);
	assert_false(r.closing);
	put_be32(nop.maxcmdsn, 2000);
	rig_raw(&r, &nop, NULL, 0);
	dropped(&r, "past the last one");
	comes_back(&r, c);
}

/* --- PDUs of no use */

static void opcodes(void **state)
{
	static struct rig r;
	for (unsigned op = 0; op < 64; op++) {
		struct iscsi_bhs bhs = {.opcode = (uint8_t)op, .flags = ISCSI_FINAL};
		bool known = (op >= 0x20 && op <= 0x22) || (op >= 0x24 && op <= 0x26) ||
			     op == 0x31 || op == 0x32 || op == 0x3f;
		if (known)
			continue;
		struct rig_cmd *c = begin(&r, 0, 0);
		rig_say(&r, &bhs, NULL, 0);
		dropped(&r, "opcode");
		comes_back(&r, c);
	}
}

static void unasked(uint8_t opcode, const char *why)
{
	static struct rig r;
	struct rig_cmd *c = begin(&r, 0, 0);
	struct iscsi_bhs bhs = {.opcode = opcode, .flags = ISCSI_FINAL};
	put_be32(bhs.itt, 0x12345678);
	rig_say(&r, &bhs, NULL, 0);
	dropped(&r, why);
	comes_back(&r, c);
}

static void answers_to_nothing(void **state)
{
	unasked(ISCSI_NOP_IN, "ping that was none");
	unasked(ISCSI_TEXT_RESPONSE, "not asked for");
	unasked(ISCSI_LOGOUT_RESPONSE, "logout that was none");
	unasked(ISCSI_SCSI_RESPONSE, "there is not");
	unasked(ISCSI_REJECT, "does not say what");
}

static void a_segment_too_long(void **state)
{
	static struct rig r;
	struct rig_cmd *c = begin(&r, 0, 0);
	struct iscsi_nop_in nop = {.opcode = ISCSI_NOP_IN};
	put_be24(nop.data_segment_length, 256 * 1024 + 1);
	rig_bytes(&r, &nop, sizeof(nop));
	dropped(&r, "bytes of data in a PDU");
	comes_back(&r, c);
}

/* It pings and takes no answer: what we keep for it has an end. */
static void pings_without_end(void **state)
{
	static struct rig r;
	struct rig_cmd *c = begin(&r, 0, 0);
	struct iscsi_nop_in nop = {.opcode = ISCSI_NOP_IN, .flags = ISCSI_FINAL};
	put_be32(nop.itt, ISCSI_RESERVED_TAG);
	put_be32(nop.expcmdsn, 1);
	put_be32(nop.maxcmdsn, 10);
	for (uint32_t i = 0; i < 100 && !r.closing; i++) {
		put_be32(nop.ttt, i);
		rig_raw(&r, &nop, NULL, 0);
	}
	dropped(&r, "takes no answer");
	comes_back(&r, c);
}

static void sense_data_longer_than_they_are(void **state)
{
	static struct rig r;
	static const uint8_t long_[6] = {0xff, 0xff, 0x70, 0, 3, 0}, odd[1] = {9};
	for (int i = 0; i < 3; i++) {
		struct rig_cmd *c = begin(&r, 0, 0);
		struct iscsi_scsi_response rsp = {
			.opcode = ISCSI_SCSI_RESPONSE, .flags = ISCSI_FINAL, .status = 2};
		static uint8_t whole[2 + 60000] = {0xea, 0x60, 0x70, 0, 3};
		put_be32(rsp.itt, c->task.tag);
		rig_say(&r, &rsp,
			i == 2 ? whole
			: i    ? odd
			       : long_,
			i == 2 ? sizeof(whole)
			: i    ? sizeof(odd)
			       : sizeof(long_));
		assert_int_equal(c->done, 1);
		assert_int_equal(c->task.status, 2);
		assert_int_equal(c->task.sense_len, i == 2 ? INI_SENSE_MAX : i ? 0 : 4);
		free(c);
		rig_free(&r);
	}
}

/* --- logins */

static void a_login_answered_by_something_else(void **state)
{
	static struct rig r;
	static const char http[] =
		"HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\n\r\n<html>";
	rig_new(&r, NULL);
	rig_connected(&r);
	rig_expect(&r, ISCSI_LOGIN_REQUEST);
	rig_bytes(&r, http, sizeof(http) - 1);
	dropped(&r, ""); /* whichever of its bytes it was that made no sense */
	rig_closed(&r);
	assert_int_equal(r.state, INI_ENDED);
	rig_free(&r);
}

static void redirection_without_an_end(void **state)
{
	static struct rig r;
	static const char to[] = "TargetAddress=192.0.2.2:3260";
	rig_new(&r, NULL);
	for (unsigned i = 0; i < INI_HOPS_MAX; i++) {
		rig_connected(&r);
		rig_expect(&r, ISCSI_LOGIN_REQUEST);
		rig_login_answer(&r, ISCSI_LOGIN_MOVED_TEMPORARILY, 0, to, sizeof(to));
		rig_closed(&r);
		assert_string_equal(r.address, "192.0.2.2:3260");
	}
	rig_connected(&r);
	rig_expect(&r, ISCSI_LOGIN_REQUEST);
	rig_login_answer(&r, ISCSI_LOGIN_MOVED_TEMPORARILY, 0, to, sizeof(to));
	rig_closed(&r);
	assert_int_equal(r.state, INI_ENDED);
	assert_int_equal(r.why.reason, INI_MOVED_TOO_OFTEN);
	rig_free(&r);
}

/* Each of them late: what ends is the attempt. */
static void redirection_that_takes_its_time(void **state)
{
	static struct rig r;
	static const char to[] = "TargetAddress=192.0.2.2:3260";
	rig_new(&r, NULL);
	uint64_t began = r.now;
	while (r.state != INI_ENDED && r.connects < 9) {
		rig_pass(&r, r.closing ? 0 : 4 * SEC);
		if (r.closing)
			rig_closed(&r);
		if (!r.connecting)
			continue;
		rig_connected(&r);
		rig_expect(&r, ISCSI_LOGIN_REQUEST);
		rig_pass(&r, 4 * SEC);
		if (r.closing)
			continue;
		rig_login_answer(&r, ISCSI_LOGIN_MOVED_TEMPORARILY, 0, to, sizeof(to));
		rig_closed(&r);
	}
	assert_int_equal(r.state, INI_ENDED);
	assert_true(r.now - began <= 36 * SEC); /* it looks each 4 s */
	rig_free(&r);
}

static void redirection_to_nonsense(void **state)
{
	static const char *const to[] = {"TargetAddress=../../etc", "TargetAddress=host\n:1",
					 "TargetAddress=[::1",      "TargetAddress=host:99999",
					 "TargetAddress=",          "TargetAddress=\x1b[2J"};
	static struct rig r;
	for (size_t i = 0; i < ARRAY_SIZE(to); i++) {
		rig_new(&r, NULL);
		rig_connected(&r);
		rig_expect(&r, ISCSI_LOGIN_REQUEST);
		rig_login_answer(&r, ISCSI_LOGIN_MOVED_PERMANENTLY, 0, to[i],
				 (uint32_t)strlen(to[i]) + 1);
		dropped(&r, "moved");
		rig_free(&r);
	}
}

/* --- texts */

static int text_err;
static unsigned text_done;

static void text_over(struct ini_text *text, int err)
{
	text_err = err;
	text_done++;
}

static void endless_text(void **state)
{
	static struct rig r;
	static char text[8192];
	struct ini_text ask = {.which = "All", .done = text_over};
	memset(text, 'A', sizeof(text));
	rig_new(&r, NULL);
	rig_log_in(&r);
	text_done = 0;
	assert_int_equal(ini_send_targets(r.s, &ask, r.now), 0);
	assert_int_equal(ini_send_targets(r.s, &ask, r.now), -EBUSY);
	for (int i = 0; i < 2000 && !text_done; i++) {
		struct iscsi_text_response rsp = {.opcode = ISCSI_TEXT_RESPONSE,
						  .flags = ISCSI_TEXT_CONTINUE};
		rig_expect(&r, ISCSI_TEXT_REQUEST);
		memcpy(rsp.itt, r.bhs.itt, sizeof(rsp.itt));
		put_be32(rsp.ttt, (uint32_t)i);
		rig_say(&r, &rsp, text, sizeof(text));
	}
	assert_int_equal(text_done, 1);
	assert_int_equal(text_err, -EMSGSIZE);
	rig_free(&r);
}

/* In the middle of a PDU that goes to its memory. */
static void a_text_that_never_ends_in_time(void **state)
{
	static struct rig r;
	struct ini_text ask = {.which = "", .done = text_over};
	struct iscsi_text_response rsp = {.opcode = ISCSI_TEXT_RESPONSE, .flags = ISCSI_FINAL};
	static uint8_t data[100000];
	rig_new(&r, NULL);
	rig_log_in(&r);
	text_done = 0;
	assert_int_equal(ini_send_targets(r.s, &ask, r.now), 0);
	rig_expect(&r, ISCSI_TEXT_REQUEST);
	memcpy(rsp.itt, r.bhs.itt, sizeof(rsp.itt));
	put_be32(rsp.ttt, ISCSI_RESERVED_TAG);
	put_be32(rsp.statsn, r.statsn++);
	put_be32(rsp.expcmdsn, r.expcmdsn);
	put_be32(rsp.maxcmdsn, r.expcmdsn);
	put_be24(rsp.data_segment_length, sizeof(data));
	rig_bytes(&r, &rsp, sizeof(rsp));
	for (int i = 0; i < 31; i++) {
		rig_bytes(&r, data, 100);
		rig_pass(&r, SEC);
	}
	assert_int_equal(text_done, 1);
	assert_int_equal(text_err, -ETIMEDOUT);
	assert_int_equal(ini_send_targets(r.s, &ask, r.now), 0);
	rig_bytes(&r, data, sizeof(data) - 3100);
	assert_int_equal(text_done, 1);
	rig_free(&r);
	assert_int_equal(text_done, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(data_in_that_does_not_fit),
		cmocka_unit_test(data_in_for_a_write),
		cmocka_unit_test(data_that_does_not_come_is_missed),
		cmocka_unit_test(r2ts),
		cmocka_unit_test(more_r2ts_than_agreed),
		cmocka_unit_test(an_answer_twice),
		cmocka_unit_test(numbers_that_jump),
		cmocka_unit_test(opcodes),
		cmocka_unit_test(answers_to_nothing),
		cmocka_unit_test(a_segment_too_long),
		cmocka_unit_test(pings_without_end),
		cmocka_unit_test(sense_data_longer_than_they_are),
		cmocka_unit_test(a_login_answered_by_something_else),
		cmocka_unit_test(redirection_without_an_end),
		cmocka_unit_test(redirection_that_takes_its_time),
		cmocka_unit_test(redirection_to_nonsense),
		cmocka_unit_test(endless_text),
		cmocka_unit_test(a_text_that_never_ends_in_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Text Requests in full feature phase (RFC 7143 6.4, 11.10, appendix C). In texts ';' stands for
 * the NUL after each pair. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include "iscsi/login.h"

#define TARGET "iqn.2001-04.com.example:disk"
#define F      ISCSI_FINAL
#define C      ISCSI_TEXT_CONTINUE
#define NEW    ISCSI_RESERVED_TAG

struct world {
	struct iscsi_params params;
	struct iscsi_text_target t;
	char which[ISCSI_NAME_SIZE]; /* of the last SendTargets */
	unsigned targets;            /* that All lists */
	uint32_t ttt;                /* of the last response */
	uint8_t flags;
	char reply[8193];
};

static void send_targets(void *ctx, const char *which, struct buf *out)
{
	struct world *w = ctx;
	strcpy(w->which, which);
	if (strcmp(which, "All") != 0 && which[0] && strcmp(which, TARGET) != 0)
		return;
	for (unsigned i = 0; i < (strcmp(which, "All") == 0 ? w->targets : 1); i++) {
		iscsi_add_target(out, TARGET);
		iscsi_add_address(out, "192.0.2.1:3260", 1);
		iscsi_add_address(out, "[2001:db8::1]:3260", 1);
	}
}

static const struct iscsi_text_target_ops ops = {send_targets};
#define RECORD \
	"TargetName=" TARGET ";TargetAddress=192.0.2.1:3260,1;TargetAddress=[2001:db8::1]:3260,1;"

static void begin(struct world *w, bool discovery)
{
	*w = (struct world){.targets = 1};
	iscsi_params_init(&w->params);
	iscsi_text_target_init(&w->t, &ops, w, &w->params, discovery);
}

/* The reason of a Reject, or 0. */
static int ask(struct world *w, uint8_t flags, uint32_t itt, uint32_t ttt, const char *text)
{
	struct iscsi_text_request req = {.opcode = ISCSI_TEXT_REQUEST, .flags = flags};
	struct iscsi_text_response rsp;
	char raw[1024];
	const uint8_t *data;
	uint32_t len, send_limit = w->params.max_send_data;
	size_t text_len = strlen(text);
	for (size_t i = 0; i < text_len; i++)
		raw[i] = text[i] == ';' ? 0 : text[i];
	put_be32(req.itt, itt);
	put_be32(req.ttt, ttt);
	int reason =
		iscsi_text_target_request(&w->t, &req, raw, (uint32_t)text_len, &rsp, &data, &len);
	if (reason) {
		assert_int_equal(len, 0);
		return reason;
	}
	assert_int_equal(rsp.opcode, ISCSI_TEXT_RESPONSE);
	assert_memory_equal(rsp.itt, req.itt, 4);
	assert_true(len <= send_limit && len < sizeof(w->reply));
	for (size_t i = 0; i < len; i++)
		w->reply[i] = data[i] ? (char)data[i] : ';';
	w->reply[len] = 0;
	w->flags = rsp.flags;
	w->ttt = get_be32(rsp.ttt);
	/* RFC 7143 11.11.1: final and tag go together; C is not final. */
	assert_int_equal(!!(rsp.flags & F), w->ttt == NEW);
	assert_int_not_equal(rsp.flags, F | C);
	return 0;
}

static void test_answers(void **state)
{
	static const struct {
		bool discovery;
		const char *text, *reply;
	} row[] = {
		{false, "", ""},
		{false, "MaxRecvDataSegmentLength=4096;", ""},
		{false, "InitiatorAlias=x;", ""},
		{false, "X-com.foo=1;", "X-com.foo=NotUnderstood;"},
		{true, "SendTargets=All;", RECORD},
		{true, "SendTargets=" TARGET ";", RECORD},
		{true, "SendTargets=IQN.2001-04.com.example:DISK;", RECORD},
		{true, "SendTargets=iqn.2001-04.com.example:x;", ""},
		{true, "SendTargets=;", ""}, /* there is no own target */
		{false, "SendTargets=;", RECORD},
		{false, "SendTargets=" TARGET ";", RECORD},
		{false, "SendTargets=iqn.2001-04.com.example:x;", ""},
	};
	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		struct world w;
		begin(&w, row[i].discovery);
		assert_int_equal(ask(&w, F, 1, NEW, row[i].text), 0);
		assert_int_equal(w.flags, F);
		assert_string_equal(w.reply, row[i].reply);
		iscsi_text_target_free(&w.t);
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *text;
		int reason;
		bool normal;
	} row[] = {
		{"MaxBurstLength=4096;", ISCSI_REJECT_PROTOCOL, false},
		{"HeaderDigest=CRC32C;", ISCSI_REJECT_PROTOCOL, false},
		{"InitiatorName=iqn.2001-04.com.example;", ISCSI_REJECT_PROTOCOL, false},
		{"AuthMethod=None;", ISCSI_REJECT_PROTOCOL, false},
		{"TargetAlias=x;", ISCSI_REJECT_PROTOCOL, false},
		{"MaxRecvDataSegmentLength=100;", ISCSI_REJECT_PROTOCOL, false},
		{"MaxRecvDataSegmentLength=4096;MaxRecvDataSegmentLength=4096;",
		 ISCSI_REJECT_PROTOCOL, false},
		{"MaxRecvDataSegmentLength=Reject;", ISCSI_REJECT_PROTOCOL, false},
		{"SendTargets=All;MaxRecvDataSegmentLength=4096;", ISCSI_REJECT_PROTOCOL, false},
		{"SendTargets=All;X-com.foo=1;", ISCSI_REJECT_PROTOCOL, false},
		{"SendTargets=All;SendTargets=All;", ISCSI_REJECT_PROTOCOL, false},
		{"SendTargets", ISCSI_REJECT_PROTOCOL, false},
		{"SendTargets=All", ISCSI_REJECT_PROTOCOL, false}, /* which has no end */
		{"SendTargets=../x;", ISCSI_REJECT_INVALID_FIELD, false},
		{"SendTargets=all;", ISCSI_REJECT_INVALID_FIELD, false},
		{"SendTargets=All;", ISCSI_REJECT_NOT_SUPPORTED, true},
	};
	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		struct world w;
		begin(&w, !row[i].normal);
		assert_int_equal(ask(&w, F, 1, NEW, row[i].text), row[i].reason);
		assert_int_equal(w.params.max_send_data, 8192);
		/* The next negotiation has nothing of it. */
		assert_int_equal(ask(&w, F, 2, NEW, "MaxRecvDataSegmentLength=512;"), 0);
		assert_int_equal(w.params.max_send_data, 512);
		iscsi_text_target_free(&w.t);
	}
}

/* What was agreed holds when the negotiation has ended, and not before (RFC 7143 6.2). */
static void test_takes_effect_at_the_end(void **state)
{
	struct world w, dropped;
	begin(&w, false);
	assert_int_equal(ask(&w, 0, 1, NEW, "MaxRecvDataSegmentLength=4096;"), 0);
	assert_int_equal(w.flags, 0);
	assert_int_equal(w.params.max_send_data, 8192);
	assert_int_equal(ask(&w, F, 1, w.ttt, ""), 0);
	assert_int_equal(w.flags, F);
	assert_int_equal(w.params.max_send_data, 4096);
	/* A later one that does not speak of it leaves it alone; and it may be declared anew. */
	assert_int_equal(ask(&w, F, 2, NEW, "X-a=1;"), 0);
	assert_int_equal(ask(&w, F, 3, NEW, "SendTargets=;"), 0);
	assert_int_equal(ask(&w, F, 4, NEW, "MaxRecvDataSegmentLength=1;"), ISCSI_REJECT_PROTOCOL);
	assert_int_equal(w.params.max_send_data, 4096);
	assert_int_equal(ask(&w, F, 5, NEW, "MaxRecvDataSegmentLength=65536;"), 0);
	assert_int_equal(w.params.max_send_data, 65536);
	iscsi_text_target_free(&w.t);

	begin(&dropped, false);
	assert_int_equal(ask(&dropped, 0, 1, NEW, "MaxRecvDataSegmentLength=4096;"), 0);
	assert_int_equal(ask(&dropped, F, 1, dropped.ttt, "MaxRecvDataSegmentLength=4096;"),
			 ISCSI_REJECT_PROTOCOL);
	assert_int_equal(dropped.params.max_send_data, 8192);
	assert_int_equal(ask(&dropped, F, 1, dropped.ttt, ""), ISCSI_REJECT_INVALID_FIELD);
	assert_int_equal(ask(&dropped, 0, 1, NEW, "MaxRecvDataSegmentLength=4096;"), 0);
	assert_int_equal(ask(&dropped, F, 1, NEW, ""), 0); /* begins anew */
	assert_int_equal(dropped.params.max_send_data, 8192);
	iscsi_text_target_free(&dropped.t);
}

static void test_long_list(void **state)
{
	struct world w;
	unsigned parts = 0;
	size_t total = 0;
	begin(&w, true);
	w.targets = 100;
	w.params.max_send_data = 512;
	assert_int_equal(ask(&w, F, 7, NEW, "SendTargets=All;"), 0);
	while (!(w.flags & F)) {
		assert_int_equal(w.flags, C);
		total += strlen(w.reply);
		assert_int_equal(ask(&w, F, 7, w.ttt, ""), 0);
		assert_true(++parts < 1000);
	}
	total += strlen(w.reply);
	assert_int_equal(total, 100 * (sizeof(RECORD) - 1));
	assert_true(parts >= total / 512);
	iscsi_text_target_free(&w.t);
}

static void test_long_list_disturbed(void **state)
{
	static const struct {
		uint8_t flags;
		uint32_t itt, ttt_off;
		const char *text;
		int reason;
	} row[] = {
		{F, 7, 1, "", ISCSI_REJECT_INVALID_FIELD},
		{F, 8, 0, "", ISCSI_REJECT_INVALID_FIELD},
		{F, 7, 0, "A=1;", ISCSI_REJECT_PROTOCOL},
		{C, 7, 0, "", ISCSI_REJECT_PROTOCOL},
		{F | C, 7, 0, "", ISCSI_REJECT_PROTOCOL},
	};
	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		struct world w;
		begin(&w, true);
		w.targets = 100;
		assert_int_equal(ask(&w, F, 7, NEW, "SendTargets=All;"), 0);
		assert_int_equal(
			ask(&w, row[i].flags, row[i].itt, w.ttt + row[i].ttt_off, row[i].text),
			row[i].reason);
		/* Which has ended it. */
		assert_int_equal(ask(&w, F, 7, w.ttt, ""), ISCSI_REJECT_INVALID_FIELD);
		iscsi_text_target_free(&w.t);
	}
}

static void test_request_over_several_pdus(void **state)
{
	struct world w;
	begin(&w, true);
	assert_int_equal(ask(&w, C, 1, NEW, "SendTar"), 0);
	assert_string_equal(w.reply, "");
	assert_int_equal(w.flags, 0);
	assert_int_equal(ask(&w, C, 1, w.ttt, "gets=A"), 0);
	assert_int_equal(ask(&w, F, 1, w.ttt, "ll;"), 0);
	assert_string_equal(w.reply, RECORD);
	assert_int_equal(w.flags, F);
	iscsi_text_target_free(&w.t);

	begin(&w, true);
	assert_int_equal(ask(&w, C, 1, NEW, "A"), 0);
	for (int i = 1; i < ISCSI_TEXT_PDUS_MAX; i++)
		assert_int_equal(ask(&w, C, 1, w.ttt, "A"), 0);
	assert_int_equal(ask(&w, C, 1, w.ttt, "A"), ISCSI_REJECT_PROTOCOL);
	iscsi_text_target_free(&w.t);
}

/* That we are short of memory is not the initiator's mistake. */
static void test_no_memory(void **state)
{
	struct world w;
	begin(&w, true);
	assert_int_equal(ask(&w, C, 1, NEW, "SendTar"), 0);
	w.t.in.buf.err = -ENOMEM;
	assert_int_equal(ask(&w, F, 1, w.ttt, "gets=All;"), ISCSI_REJECT_LONG_OPERATION);
	assert_int_equal(ask(&w, F, 1, NEW, "SendTargets=All;"), 0);
	assert_string_equal(w.reply, RECORD);
	iscsi_text_target_free(&w.t);
}

static bool holds_memory(const struct iscsi_text_target *t)
{
	return t->in.buf.data || t->out.buf.data;
}

/* Memory is held for text that is to be continued, by either side, and for nothing else. */
static void test_memory(void **state)
{
	static const struct {
		uint8_t flags;
		const char *text;
		bool held;
	} row[] = {
		{F, "SendTargets=All;", false}, {F, "X-a=1;", false},   {0, "X-a=1;", false},
		{F, "nonsense;", false},        {C, "SendTarge", true},
	};
	struct world w;
	begin(&w, true);
	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		ask(&w, row[i].flags, 1, NEW, row[i].text);
		iscsi_text_target_used(&w.t);
		assert_int_equal(holds_memory(&w.t), row[i].held);
	}
	/* A long answer, until its end. */
	w.targets = 100;
	w.params.max_send_data = 8192;
	assert_int_equal(ask(&w, F, 7, NEW, "SendTargets=All;"), 0);
	for (; !(w.flags & F); assert_int_equal(ask(&w, F, 7, w.ttt, ""), 0)) {
		iscsi_text_target_used(&w.t);
		assert_true(holds_memory(&w.t));
	}
	iscsi_text_target_used(&w.t);
	assert_false(holds_memory(&w.t));
	/* It works on, and what was half said and forgotten is not held. */
	ask(&w, C, 1, NEW, "SendTarge");
	assert_int_equal(ask(&w, F, 2, NEW, ""), 0);
	iscsi_text_target_used(&w.t);
	assert_false(holds_memory(&w.t));
	iscsi_text_target_free(&w.t);
}

static void test_tag_never_reserved(void **state)
{
	struct world w;
	begin(&w, true);
	w.t.ttt = NEW - 1;
	assert_int_equal(ask(&w, 0, 1, NEW, ""), 0);
	assert_int_equal(w.ttt, 0);
	iscsi_text_target_free(&w.t);
	struct iscsi_text_target zero = {0};
	iscsi_text_target_free(&zero);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_takes_effect_at_the_end),
		cmocka_unit_test(test_long_list),
		cmocka_unit_test(test_long_list_disturbed),
		cmocka_unit_test(test_request_over_several_pdus),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_tag_never_reserved),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

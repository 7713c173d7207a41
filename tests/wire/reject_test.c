/* SPDX-License-Identifier: BSD-2-Clause */
/* What is wrong as a PDU in full feature phase (RFC 7143 11.17, 7.3, 7.7). */
#include "wire.h"

static struct wire *session(struct wire_world *world)
{
	struct wire *w = wire_open_session(world);

	wire_clear_attention(w, 0);
	return w;
}

static void unknown_opcodes(struct wire_world *world)
{
	static const uint8_t opcodes[] = {0x07, 0x0f, 0x11, 0x1c, 0x1e, 0x1f,
					  /* and those that only a target sends */
					  0x20, 0x21, 0x25, 0x31, 0x32, 0x3f};
	struct wire *w = session(world);

	for (size_t i = 0; i < sizeof(opcodes); i++) {
		struct wire_pdu q = wire_make(w, opcodes[i]);

		wire_send(w, &q);
		wire_expect_reject(w, ISCSI_REJECT_NOT_SUPPORTED, &q);
		wire_ping(w);
	}
}

/* ... with data, an AHS, and the immediate bit: all of it is passed over. */
static void unknown_opcode_with_everything(struct wire_world *world)
{
	struct wire *w = session(world);
	struct wire_pdu q = wire_make(w, 0x1d | ISCSI_IMMEDIATE);

	q.ahs_len = 64;
	wire_set_data(&q, wire_pattern(world, 5001, 1), 5001);
	wire_send(w, &q);
	wire_expect_reject(w, ISCSI_REJECT_NOT_SUPPORTED, &q);
	wire_ping(w);
}

/* 11.16: at ErrorRecoveryLevel 0 nothing is sent again. */
static void snack(struct wire_world *world)
{
	struct wire *w = session(world);

	for (uint8_t type = 0; type < 4; type++) {
		struct wire_pdu q = wire_make(w, ISCSI_SNACK_REQUEST), r;

		q.snack.type = ISCSI_FINAL | type;
		put_be32(q.snack.itt, ISCSI_RESERVED_TAG);
		wire_send(w, &q);
		wire_expect(w, ISCSI_REJECT, &r);
		assert_true(r.reject.reason == ISCSI_REJECT_SNACK ||
			    r.reject.reason == ISCSI_REJECT_PROTOCOL);
		assert_memory_equal(r.data, q.raw, ISCSI_BHS_LEN);
		wire_ping(w);
	}
}

/* 7.3: the number of a rejected command is not used up; the gap is the initiator's to plug. */
static void the_number_is_not_used_up(struct wire_world *world)
{
	struct wire *w = session(world);
	struct wire_pdu q = wire_command_pdu(w, &(struct wire_cmd){.cdb = TEST_UNIT_READY});
	uint32_t first = w->cmdsn;

	q.command.flags = ISCSI_FINAL | 7; /* a reserved task attribute */
	wire_send(w, &q);
	wire_expect_reject(w, ISCSI_REJECT_INVALID_FIELD, &q);
	assert_int_equal(w->expcmdsn, first);
	w->cmdsn = first; /* plugs it */
	wire_ping(w);
	assert_int_equal(w->expcmdsn, first + 1);

	q = wire_make(w, ISCSI_TEXT_REQUEST); /* whose text is looked at when its turn has come */
	q.text.flags = ISCSI_FINAL;
	wire_set_data(&q, "no text at all", 15);
	wire_send(w, &q);
	wire_expect_reject(w, ISCSI_REJECT_PROTOCOL, &q);
	assert_int_equal(w->expcmdsn, first + 1);
	w->cmdsn = first + 1;
	wire_ping(w);
	assert_int_equal(w->expcmdsn, first + 2);
}

/* The reserved tag is no tag of a task. */
static void the_reserved_tag(struct wire_world *world)
{
	static const uint8_t opcodes[] = {ISCSI_SCSI_COMMAND, ISCSI_TMF_REQUEST, ISCSI_TEXT_REQUEST,
					  ISCSI_LOGOUT_REQUEST};
	struct wire *w = session(world);

	for (size_t i = 0; i < sizeof(opcodes); i++) {
		struct wire_pdu q = wire_make(w, opcodes[i] | ISCSI_IMMEDIATE);

		put_be32(q.bhs.itt, ISCSI_RESERVED_TAG);
		wire_send(w, &q);
		wire_expect_reject(w, ISCSI_REJECT_INVALID_FIELD, &q);
	}
	wire_ping(w);
}

/* Additional headers that do not add up. */
static void broken_additional_headers(struct wire_world *world)
{
	static const struct {
		uint8_t bytes[12];
		uint32_t len;
	} rows[] = {
		{{0, 0, 1, 0}, 4},                       /* no length */
		{{0, 200, 1, 0}, 4},                     /* longer than all */
		{{0xff, 0xff, 1, 0}, 4},                 /* much longer */
		{{0, 5, 2, 0, 0, 0, 2, 0, 0, 1, 2}, 12}, /* one and a half */
		{{0, 1, 2, 0}, 4},                       /* a read length without the length */
		{{0, 5, 0x3f, 0, 0, 0, 0, 0}, 8},        /* of no known type */
		{{0, 0, 0, 0, 0, 0, 0, 0}, 8},
	};
	struct wire *w = session(world);

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct wire_pdu q = wire_command_pdu(
			w, &(struct wire_cmd){.cdb = TEST_UNIT_READY, .immediate_delivery = true});
		struct wire_pdu r;

		memcpy(q.ahs, rows[i].bytes, sizeof(rows[i].bytes));
		q.ahs_len = rows[i].len;
		wire_send(w, &q);
		wire_recv(w, &r);
		if (iscsi_opcode(&r.bhs) != ISCSI_REJECT)
			wire_fail(world, "AHS %zu was taken", i);
		assert_memory_equal(r.data + 8, q.raw + 8, ISCSI_BHS_LEN - 8);
	}
	wire_ping(w);
}

/* All of the 1020 bytes an AHS may have. */
static void the_longest_additional_header(struct wire_world *world)
{
	struct wire *w = session(world);
	struct wire_pdu q = wire_command_pdu(
		w, &(struct wire_cmd){.cdb = TEST_UNIT_READY, .immediate_delivery = true});

	q.ahs_len = ISCSI_AHS_MAX;
	put_be16(q.ahs, ISCSI_AHS_MAX - 3);
	q.ahs[2] = ISCSI_AHS_EXTENDED_CDB;
	wire_send(w, &q);
	wire_expect(w, ISCSI_REJECT, NULL);
	wire_ping(w);
}

static void additional_headers_where_none_belong(struct wire_world *world)
{
	static const uint8_t opcodes[] = {ISCSI_NOP_OUT, ISCSI_TMF_REQUEST, ISCSI_TEXT_REQUEST,
					  ISCSI_LOGOUT_REQUEST};
	struct wire *w = session(world);

	for (size_t i = 0; i < sizeof(opcodes); i++) {
		struct wire_pdu q = wire_make(w, opcodes[i] | ISCSI_IMMEDIATE);

		q.ahs_len = 8;
		wire_send(w, &q);
		wire_expect_reject(w, ISCSI_REJECT_INVALID_FIELD, &q);
	}
	wire_ping(w);
}

/* 13.12: more than we said we can take. The connection is of no use any more. */
static void too_long_a_segment(struct wire_world *world)
{
	struct wire *w = session(world), *other = session(world);
	uint32_t len = world->limits.max_recv_data_segment_length + 4;
	struct wire_pdu q = wire_make(w, ISCSI_NOP_OUT);

	assert_int_equal(w->max_send, world->limits.max_recv_data_segment_length);
	wire_set_data(&q, wire_pattern(world, len, 1), len);
	wire_send(w, &q);
	wire_expect_end(w, 5);
	wire_ping(other);
}

/* The longest that is allowed. */
static void the_longest_segment(struct wire_world *world)
{
	struct wire *w = session(world);
	uint32_t len = world->limits.max_recv_data_segment_length;
	struct wire_pdu q = wire_make(w, ISCSI_NOP_OUT), r;

	wire_set_data(&q, wire_pattern(world, len, 1), len);
	wire_send(w, &q);
	wire_expect(w, ISCSI_NOP_IN, &r);
	assert_int_equal(r.data_len, w->max_recv); /* as far as it was kept, cut to what we take */
	assert_memory_equal(r.data, q.data, r.data_len);
}

/* 11.3.1: at least one of F and W; here neither. It must come to some end soon. */
static void neither_final_nor_write(struct wire_world *world)
{
	struct wire *w = session(world), *other = session(world);
	struct wire_pdu q = wire_command_pdu(w,
					     &(struct wire_cmd){.cdb = READ10(0, 1), .read = 512}),
			r;

	q.command.flags &= (uint8_t)~ISCSI_FINAL;
	wire_send(w, &q);
	if (wire_try(w, &r, 10)) {
		uint8_t opcode = iscsi_opcode(&r.bhs);

		assert_true(opcode == ISCSI_REJECT || opcode == ISCSI_SCSI_RESPONSE ||
			    opcode == ISCSI_DATA_IN);
	} else if (!w->ended) {
		wire_fail(world, "neither an answer nor an end");
	}
	wire_ping(other);
}

/* Task management and logout have no data; if there are some they do no harm. */
static void data_where_none_belong(struct wire_world *world)
{
	struct wire *w = session(world);
	struct wire_pdu q = wire_make(w, ISCSI_TMF_REQUEST | ISCSI_IMMEDIATE), r;

	q.tmf.function = ISCSI_FINAL | ISCSI_TMF_ABORT_TASK;
	put_be32(q.tmf.referenced_tag, 0x4711);
	put_be32(q.tmf.refcmdsn, w->cmdsn + 0x10000);
	wire_set_data(&q, wire_pattern(world, 70000, 1), 70000);
	wire_send(w, &q);
	wire_recv(w, &r);
	assert_true(iscsi_opcode(&r.bhs) == ISCSI_TMF_RESPONSE ||
		    iscsi_opcode(&r.bhs) == ISCSI_REJECT);
	wire_ping(w);
}

/* More immediate requests at a time than the target keeps: at least one command and one function
 * fit (4.2.2.1), the rest gets "immediate command reject" and may be sent again. */
static void too_many_immediate_ones(struct wire_world *world)
{
	enum { N = 200 };
	struct wire *w = session(world);
	unsigned rejected = 0, answered = 0;
	struct wire_pdu pdu;

	sim_disk_state(world->sim, wire_disk(0), SIM_DISK_HANGS);
	for (int i = 0; i < N; i++)
		wire_command(w, &(struct wire_cmd){.cdb = READ10(0, 1),
						   .read = 512,
						   .immediate_delivery = true});
	while (wire_try(w, &pdu, 1)) {
		assert_int_equal(iscsi_opcode(&pdu.bhs), ISCSI_REJECT);
		assert_int_equal(pdu.reject.reason, ISCSI_REJECT_IMMEDIATE);
		rejected++;
	}
	sim_disk_state(world->sim, wire_disk(0), SIM_DISK_OK);
	while (wire_try(w, &pdu, 1)) {
		assert_int_equal(iscsi_opcode(&pdu.bhs), ISCSI_DATA_IN);
		answered++;
	}
	assert_true(answered >= 2);
	assert_int_equal(answered + rejected, N);
	wire_ping(w);
}

/* Reserved bits and fields that are set are nobody's business (7.10). */
static void reserved_fields_set(struct wire_world *world)
{
	struct wire *w = session(world);
	struct wire_pdu q = wire_make(w, ISCSI_NOP_OUT), r;

	q.bhs.opcode |= 0x80;
	memset(q.nop_out.reserved2, 0xff, sizeof(q.nop_out.reserved2));
	memset(q.nop_out.reserved, 0xff, sizeof(q.nop_out.reserved));
	q.nop_out.flags = 0xff;
	wire_send(w, &q);
	wire_expect(w, ISCSI_NOP_IN, &r);
	assert_int_equal(wire_itt(&r), wire_itt(&q));
}

static const struct wire_case cases[] = {
	REAL(unknown_opcodes),
	CASE(unknown_opcode_with_everything),
	REAL(snack),
	CASE(the_number_is_not_used_up),
	CASE(the_reserved_tag),
	CASE(broken_additional_headers),
	CASE(the_longest_additional_header),
	CASE(additional_headers_where_none_belong),
	REAL(too_long_a_segment),
	REAL(the_longest_segment),
	CASE(neither_final_nor_write),
	CASE(data_where_none_belong),
	CASE(too_many_immediate_ones),
	CASE(reserved_fields_set),
};

WIRE_THEME_DEFINE(reject);

/* SPDX-License-Identifier: BSD-2-Clause */
/* Data-Out that nobody asked for, of the wrong amount, in the wrong place (RFC 7143 11.4.7.2, 7.9,
 * 11.17.1). Such a command ends in ABORTED COMMAND, its session goes on. */
#include "wire.h"

#define ABORTED     0x0b
#define UNSOLICITED 0x0c0c
#define AMOUNT      0x0c0d

static struct wire *session_with(struct wire_world *world, const char *keys)
{
	struct wire *w = wire_open(world);

	wire_login(w, &(struct wire_login){.keys = keys});
	wire_clear_attention(w, 0);
	return w;
}

/* The medium's first blocks are as at the beginning. */
static void expect_untouched(struct wire *w)
{
	struct wire_result r;

	wire_good(w, &(struct wire_cmd){.cdb = READ10(0, 16), .read = 8192}, &r);
	for (uint32_t i = 0; i < 8192; i++)
		if (r.data[i])
			wire_fail(w->world, "byte %u was written", i);
}

/* Takes Rejects until the response, which must be this. */
static void expect_failure(struct wire *w, uint32_t itt, uint16_t asc)
{
	struct wire_pdu pdu;
	struct wire_result r = {0};

	do
		wire_recv(w, &pdu);
	while (iscsi_opcode(&pdu.bhs) == ISCSI_REJECT);
	assert_int_equal(iscsi_opcode(&pdu.bhs), ISCSI_SCSI_RESPONSE);
	wire_read_sense(w, &pdu, &r);
	if (wire_itt(&pdu) != itt || pdu.response.status != 0x02 || r.key != ABORTED ||
	    r.asc != asc)
		wire_fail(w->world, "task %08x: status %02x, key %x, %04x; expected %04x",
			  wire_itt(&pdu), pdu.response.status, r.key, r.asc, asc);
}

/* 13.11: ImmediateData=No. */
static void immediate_data_not_agreed(struct wire_world *world)
{
	struct wire *w = session_with(world, "ImmediateData=No\nInitialR2T=Yes");
	uint32_t itt = wire_command(w, &(struct wire_cmd){.cdb = WRITE10(0, 1),
							  .write = 512,
							  .data = wire_pattern(world, 512, 1),
							  .immediate = 512});

	expect_failure(w, itt, UNSOLICITED);
	expect_untouched(w);
}

/* 13.10: InitialR2T=Yes, and F clear all the same. The answer waits for the F bit (11.4.2). */
static void unsolicited_not_agreed(struct wire_world *world)
{
	struct wire *w = session_with(world, "InitialR2T=Yes");
	const uint8_t *data = wire_pattern(world, 1024, 1);
	uint32_t itt = wire_command(w, &(struct wire_cmd){.cdb = WRITE10(0, 2),
							  .write = 1024,
							  .data = data,
							  .immediate = 512,
							  .more = true});

	wire_expect_silence(w, 0.5);
	wire_data_out(w, &(struct wire_out){.itt = itt,
					    .ttt = ISCSI_RESERVED_TAG,
					    .offset = 512,
					    .len = 512,
					    .data = data + 512});
	expect_failure(w, itt, UNSOLICITED);
	expect_untouched(w);
}

/* F was set with the command; then unsolicited data come nevertheless. */
static void unsolicited_after_the_end(struct wire_world *world)
{
	struct wire *w = session_with(world, NULL);
	const uint8_t *data = wire_pattern(world, 8192, 1);
	struct wire_pdu r2t;
	uint32_t itt = wire_command(w, &(struct wire_cmd){.cdb = WRITE10(0, 16), .write = 8192});

	wire_expect_r2t(w, itt, 0, 8192, &r2t);
	wire_data_out(w, &(struct wire_out){
				 .itt = itt, .ttt = ISCSI_RESERVED_TAG, .len = 512, .data = data});
	wire_answer(w, &r2t, data);
	expect_failure(w, itt, UNSOLICITED);
	expect_untouched(w);
}

/* More unsolicited data than FirstBurstLength. */
static void beyond_the_first_burst(struct wire_world *world)
{
	struct wire *w = session_with(world, "FirstBurstLength=1024");
	const uint8_t *data = wire_pattern(world, 8192, 1);
	uint32_t itt = wire_command(
		w, &(struct wire_cmd){
			   .cdb = WRITE10(0, 16), .write = 8192, .data = data, .more = true});

	for (uint32_t at = 0, sn = 0; at < 4096; at += 1024, sn++)
		wire_data_out(w, &(struct wire_out){.itt = itt,
						    .ttt = ISCSI_RESERVED_TAG,
						    .datasn = sn,
						    .offset = at,
						    .len = 1024,
						    .data = data + at,
						    .more = at < 3072});
	expect_failure(w, itt, AMOUNT);
	expect_untouched(w);
}

/* 11.4.7.2: less than FirstBurstLength though there is more to write. */
static void short_first_burst(struct wire_world *world)
{
	struct wire *w = session_with(world, "FirstBurstLength=4096");
	const uint8_t *data = wire_pattern(world, 8192, 1);
	uint32_t itt = wire_command(
		w, &(struct wire_cmd){
			   .cdb = WRITE10(0, 16), .write = 8192, .data = data, .more = true});

	wire_data_out(w, &(struct wire_out){
				 .itt = itt, .ttt = ISCSI_RESERVED_TAG, .len = 1024, .data = data});
	expect_failure(w, itt, AMOUNT);
	expect_untouched(w);
}

/* The answer to an R2T, one thing wrong with it at a time. */
struct wrong {
	uint32_t datasn, offset, len;
	bool more; /* then a second, empty PDU with F follows */
};

static void answers_to_an_r2t(struct wire_world *world)
{
	static const struct wrong rows[] = {
		{.len = 4096},              /* F too early: less than asked */
		{.len = 8192, .datasn = 1}, /* DataSN begins at 0 */
		{.len = 8192, .datasn = 0xffffffff},
		{.len = 4096, .offset = 4096},       /* not first */
		{.len = 8192, .offset = 512},        /* past its end */
		{.len = 8192, .offset = 0xfffffe00}, /* offset and length wrap */
		{.len = 12288},                      /* more than asked */
		{.len = 12288, .more = true},
	};
	struct wire *w = session_with(world, "InitialR2T=Yes");
	const uint8_t *data = wire_pattern(world, 16384, 1);

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct wire_pdu r2t;
		uint32_t itt =
			wire_command(w, &(struct wire_cmd){.cdb = WRITE10(0, 16), .write = 8192});

		wire_expect_r2t(w, itt, 0, 8192, &r2t);
		struct wire_out out = {.itt = itt,
				       .ttt = get_be32(r2t.r2t.ttt),
				       .datasn = rows[i].datasn,
				       .offset = rows[i].offset,
				       .len = rows[i].len,
				       .data = data,
				       .more = rows[i].more};
		wire_data_out(w, &out);
		if (rows[i].more) {
			out.datasn++;
			out.offset += out.len;
			out.len = 0;
			out.more = false;
			wire_data_out(w, &out);
		}
		expect_failure(w, itt, AMOUNT);
		expect_untouched(w);
	}
}

/* A gap, an overlap, and a DataSN that repeats, in the middle of a sequence. */
static void in_the_middle_of_a_sequence(struct wire_world *world)
{
	static const struct {
		uint32_t datasn, offset;
	} second[] = {{1, 4096}, {1, 512}, {0, 1024}, {2, 1024}};
	struct wire *w = session_with(world, "InitialR2T=Yes");
	const uint8_t *data = wire_pattern(world, 8192, 1);

	for (size_t i = 0; i < ARRAY_SIZE(second); i++) {
		struct wire_pdu r2t;
		uint32_t itt =
			wire_command(w, &(struct wire_cmd){.cdb = WRITE10(0, 16), .write = 8192});

		wire_expect_r2t(w, itt, 0, 8192, &r2t);
		wire_data_out(w, &(struct wire_out){.itt = itt,
						    .ttt = get_be32(r2t.r2t.ttt),
						    .len = 1024,
						    .data = data,
						    .more = true});
		wire_data_out(w, &(struct wire_out){.itt = itt,
						    .ttt = get_be32(r2t.r2t.ttt),
						    .datasn = second[i].datasn,
						    .offset = second[i].offset,
						    .len = 1024,
						    .data = data,
						    .more = true});
		wire_data_out(w, &(struct wire_out){.itt = itt,
						    .ttt = get_be32(r2t.r2t.ttt),
						    .datasn = 2,
						    .offset = 2048,
						    .len = 6144,
						    .data = data});
		expect_failure(w, itt, AMOUNT);
		expect_untouched(w);
	}
}

/* 11.8: R2Ts are answered in their order; DataSequenceInOrder. */
static void r2ts_answered_in_the_wrong_order(struct wire_world *world)
{
	struct wire *w = session_with(world, "InitialR2T=Yes\nMaxBurstLength=4096\n"
					     "MaxOutstandingR2T=2");
	const uint8_t *data = wire_pattern(world, 8192, 1);
	struct wire_pdu a, b, pdu;
	struct wire_result r = {0};
	uint32_t itt = wire_command(w, &(struct wire_cmd){.cdb = WRITE10(0, 16), .write = 8192});

	wire_expect_r2t(w, itt, 0, 4096, &a);
	wire_expect_r2t(w, itt, 4096, 4096, &b);
	wire_answer(w, &b, data);
	wire_answer(w, &a, data);
	wire_answer(w, &b, data); /* each has been answered in its turn, at last */
	do
		wire_recv(w, &pdu);
	while (iscsi_opcode(&pdu.bhs) == ISCSI_REJECT);
	assert_int_equal(iscsi_opcode(&pdu.bhs), ISCSI_SCSI_RESPONSE);
	assert_int_equal(wire_itt(&pdu), itt);
	if (pdu.response.status) {
		wire_read_sense(w, &pdu, &r);
		assert_int_equal(r.key, ABORTED);
		expect_untouched(w);
	} else {
		wire_good(w, &(struct wire_cmd){.cdb = READ10(0, 16), .read = 8192}, &r);
		assert_memory_equal(r.data, data, 8192);
	}
}

/* A Target Transfer Tag that was never given: Reject, and the task is as before. */
static void wrong_transfer_tag(struct wire_world *world)
{
	struct wire *w = session_with(world, "InitialR2T=Yes");
	const uint8_t *data = wire_pattern(world, 8192, 1);
	struct wire_pdu r2t, pdu;
	struct wire_result r;
	uint32_t itt = wire_command(w, &(struct wire_cmd){.cdb = WRITE10(0, 16), .write = 8192});

	wire_expect_r2t(w, itt, 0, 8192, &r2t);
	pdu = wire_data_out_pdu(w, &(struct wire_out){.itt = itt,
						      .ttt = get_be32(r2t.r2t.ttt) + 1000,
						      .len = 8192,
						      .data = wire_alloc(world, 8192)});
	wire_send(w, &pdu);
	wire_expect_reject(w, ISCSI_REJECT_INVALID_FIELD, &pdu);
	wire_answer(w, &r2t, data);
	wire_expect_status(w, itt, 0);
	wire_good(w, &(struct wire_cmd){.cdb = READ10(0, 16), .read = 8192}, &r);
	assert_memory_equal(r.data, data, 8192);
}

/* Data of a task that is not there: dropped, or rejected; nothing else happens. */
static void data_of_no_task(struct wire_world *world)
{
	struct wire *w = session_with(world, NULL);
	struct wire_pdu pdu;

	wire_data_out(w, &(struct wire_out){.itt = 0x7777,
					    .ttt = ISCSI_RESERVED_TAG,
					    .len = 4096,
					    .data = wire_pattern(world, 4096, 1)});
	wire_data_out(w, &(struct wire_out){.itt = 0x7777,
					    .ttt = 5,
					    .len = 4096,
					    .data = wire_pattern(world, 4096, 1)});
	while (wire_try(w, &pdu, 0.5))
		assert_int_equal(iscsi_opcode(&pdu.bhs), ISCSI_REJECT);
	expect_untouched(w);
}

/* ... of a read. */
static void data_of_a_read(struct wire_world *world)
{
	struct wire *w = session_with(world, NULL);
	struct wire_cmd read = {.cdb = READ10(0, 1), .read = 512};
	struct wire_pdu pdu;
	uint32_t itt;

	sim_disk_state(world->sim, wire_disk(0), SIM_DISK_HANGS);
	itt = wire_command(w, &read);
	wire_data_out(w, &(struct wire_out){.itt = itt,
					    .ttt = ISCSI_RESERVED_TAG,
					    .len = 512,
					    .data = wire_pattern(world, 512, 1)});
	wire_run(world, 0.5);
	sim_disk_state(world->sim, wire_disk(0), SIM_DISK_OK);
	do /* a Reject, and then data or a failure: but an end */
		wire_recv(w, &pdu);
	while (iscsi_opcode(&pdu.bhs) == ISCSI_REJECT);
	assert_int_equal(wire_itt(&pdu), itt);
	expect_untouched(w);
}

/* 11.3.4: more immediate data than the whole transfer; than FirstBurstLength. */
static void too_much_immediate_data(struct wire_world *world)
{
	struct wire *w = session_with(world, "FirstBurstLength=2048");
	const uint8_t *data = wire_pattern(world, 8192, 1);
	struct wire_pdu pdu;
	struct wire_result r = {0};

	for (int i = 0; i < 2; i++) {
		uint32_t itt = wire_command(w, &(struct wire_cmd){.cdb = WRITE10(0, 16),
								  .write = i ? 8192 : 512,
								  .data = data,
								  .immediate = i ? 4096 : 1024});

		wire_expect(w, ISCSI_SCSI_RESPONSE, &pdu);
		assert_int_equal(wire_itt(&pdu), itt);
		wire_read_sense(w, &pdu, &r);
		assert_int_equal(r.key, ABORTED);
		assert_true(r.asc == UNSOLICITED || r.asc == AMOUNT);
		expect_untouched(w);
	}
}

/* Immediate data with a command that says it writes nothing. */
static void data_with_a_read(struct wire_world *world)
{
	struct wire *w = session_with(world, NULL);
	struct wire_pdu pdu =
		wire_command_pdu(w, &(struct wire_cmd){.cdb = READ10(0, 1), .read = 512});

	wire_set_data(&pdu, wire_pattern(world, 512, 1), 512);
	wire_send(w, &pdu);
	expect_failure(w, wire_itt(&pdu), UNSOLICITED);
	expect_untouched(w);
}

/* A device error while data are still to come: the response waits for the F bit (11.4.2). */
static void error_before_the_data(struct wire_world *world)
{
	struct wire *w = session_with(world, NULL);
	const uint8_t *data = wire_pattern(world, 1024, 1);
	uint32_t itt = wire_command(w, &(struct wire_cmd){.cdb = WRITE10(0x10000000, 2),
							  .write = 1024,
							  .data = data,
							  .immediate = 512,
							  .more = true});

	wire_expect_silence(w, 1);
	wire_data_out(w, &(struct wire_out){.itt = itt,
					    .ttt = ISCSI_RESERVED_TAG,
					    .offset = 512,
					    .len = 512,
					    .data = data + 512});
	wire_expect_sense(w, itt, 5, 0x2100); /* LBA out of range */
}

static const struct wire_case cases[] = {
	REAL(immediate_data_not_agreed),
	REAL(unsolicited_not_agreed),
	CASE(unsolicited_after_the_end),
	CASE(beyond_the_first_burst),
	CASE(short_first_burst),
	REAL(answers_to_an_r2t),
	CASE(in_the_middle_of_a_sequence),
	CASE(r2ts_answered_in_the_wrong_order),
	CASE(wrong_transfer_tag),
	CASE(data_of_no_task),
	CASE(data_of_a_read),
	CASE(too_much_immediate_data),
	CASE(data_with_a_read),
	CASE(error_before_the_data),
};

WIRE_THEME_DEFINE(write_bad);

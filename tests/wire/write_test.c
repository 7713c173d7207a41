/* SPDX-License-Identifier: BSD-2-Clause */
/* Data-Out: immediate, unsolicited, solicited (RFC 7143 4.2.5.2, 11.3.4, 11.7, 11.8, 13.10 ff.). */
#include "wire.h"

#define BLOCK 512u

/* What a write has left on the medium, read back over the wire. */
static void expect_medium(struct wire *w, uint32_t lba, const uint8_t *data, uint32_t len)
{
	struct wire_result r;

	wire_good(w, &(struct wire_cmd){.cdb = READ10(lba, len / BLOCK), .read = len}, &r);
	if (r.data_len != len || memcmp(r.data, data, len) != 0)
		wire_fail(w->world, "blocks from %u are not what was written", lba);
}

static struct wire *session_with(struct wire_world *world, const char *keys)
{
	struct wire *w = wire_open(world);

	wire_login(w, &(struct wire_login){.keys = keys});
	wire_clear_attention(w, 0);
	return w;
}

static void every_combination(struct wire_world *world)
{
	static const uint32_t lengths[] = {512, 4096, 65536, 66048, 262144, 300032};
	unsigned salt = 0;

	for (int initial_r2t = 0; initial_r2t < 2; initial_r2t++) {
		for (int immediate = 0; immediate < 2; immediate++) {
			char keys[200];
			struct wire *w;

			snprintf(keys, sizeof(keys), "InitialR2T=%s\nImmediateData=%s",
				 initial_r2t ? "Yes" : "No", immediate ? "Yes" : "No");
			w = session_with(world, keys);
			assert_int_equal(w->initial_r2t, initial_r2t);
			assert_int_equal(w->immediate_data, immediate);
			for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
				uint32_t n = lengths[i] / BLOCK;
				struct wire_cmd cmd = {.cdb = WRITE10(7, n), .write = lengths[i]};

				cmd.data = wire_pattern(world, lengths[i], ++salt);
				wire_good(w, &cmd, NULL);
				expect_medium(w, 7, cmd.data, lengths[i]);
			}
			wire_logout(w);
		}
	}
}

static void immediate_data(struct wire_world *world)
{
	struct wire *w = session_with(world, NULL);
	const uint8_t *data = wire_pattern(world, 4096, 1);
	uint32_t itt = wire_command(
		w, &(struct wire_cmd){
			   .cdb = WRITE10(0, 8), .write = 4096, .data = data, .immediate = 4096});

	wire_expect_status(w, itt, 0); /* and no R2T */
	expect_medium(w, 0, data, 4096);
}

/* Part comes with the command and F is set: the rest is asked for. */
static void immediate_then_solicited(struct wire_world *world)
{
	struct wire *w = session_with(world, NULL);
	const uint8_t *data = wire_pattern(world, 8192, 2);
	struct wire_pdu r2t;
	uint32_t itt = wire_command(
		w, &(struct wire_cmd){
			   .cdb = WRITE10(0, 16), .write = 8192, .data = data, .immediate = 1024});

	wire_expect_r2t(w, itt, 1024, 7168, &r2t);
	wire_answer(w, &r2t, data);
	wire_expect_status(w, itt, 0);
	expect_medium(w, 0, data, 8192);
}

static void unsolicited_in_pieces(struct wire_world *world)
{
	struct wire *w = session_with(world, NULL);
	const uint8_t *data = wire_pattern(world, 8192, 3);
	uint32_t itt = wire_command(w, &(struct wire_cmd){.cdb = WRITE10(0, 16),
							  .write = 8192,
							  .data = data,
							  .immediate = 512,
							  .more = true});

	for (uint32_t at = 512, sn = 0; at < 8192; at += 1536, sn++)
		wire_data_out(w, &(struct wire_out){.itt = itt,
						    .ttt = ISCSI_RESERVED_TAG,
						    .datasn = sn,
						    .offset = at,
						    .len = 1536,
						    .data = data + at,
						    .more = at + 1536 < 8192});
	wire_expect_status(w, itt, 0);
	expect_medium(w, 0, data, 8192);
}

/* The data are there with the command, before anybody can have looked at that. */
static void unsolicited_at_once(struct wire_world *world)
{
	const uint8_t *data = wire_pattern(world, 4096, 9);

	for (int i = 0; i < 20; i++) {
		struct wire *w = session_with(world, NULL);
		struct wire_pdu command = wire_command_pdu(
			w, &(struct wire_cmd){.cdb = WRITE10(0, 8), .write = 4096, .more = true});
		uint32_t itt = wire_itt(&command);
		struct wire_pdu out = wire_data_out_pdu(
			w,
			&(struct wire_out){
				.itt = itt, .ttt = ISCSI_RESERVED_TAG, .len = 4096, .data = data});

		wire_send_both(w, &command, &out);
		wire_expect_status(w, itt, 0);
		expect_medium(w, 0, data, 4096);
		wire_logout(w);
	}
}

/* All three kinds in one command: immediate, unsolicited up to FirstBurstLength, solicited. */
static void all_three_kinds(struct wire_world *world)
{
	struct wire *w = session_with(world, "FirstBurstLength=4096\nMaxBurstLength=8192");
	const uint8_t *data = wire_pattern(world, 20480, 4);
	struct wire_pdu r2t;
	uint32_t itt = wire_command(w, &(struct wire_cmd){.cdb = WRITE10(0, 40),
							  .write = 20480,
							  .data = data,
							  .immediate = 1024,
							  .more = true});

	wire_data_out(w, &(struct wire_out){.itt = itt,
					    .ttt = ISCSI_RESERVED_TAG,
					    .offset = 1024,
					    .len = 3072,
					    .data = data + 1024});
	wire_expect_r2t(w, itt, 4096, 8192, &r2t);
	assert_int_equal(get_be32(r2t.r2t.r2tsn), 0);
	wire_answer(w, &r2t, data);
	wire_expect_r2t(w, itt, 12288, 8192, &r2t);
	assert_int_equal(get_be32(r2t.r2t.r2tsn), 1);
	wire_answer(w, &r2t, data);
	wire_expect_status(w, itt, 0);
	expect_medium(w, 0, data, 20480);
}

/* MaxOutstandingR2T at a time, answered in order (11.8), of bursts as long as agreed. */
static void many_r2ts_outstanding(struct wire_world *world)
{
	enum { BURST = 4096, N = 16 };
	struct wire *w = session_with(world, "MaxBurstLength=4096\nFirstBurstLength=512\n"
					     "InitialR2T=Yes\nMaxOutstandingR2T=4");
	const uint8_t *data = wire_pattern(world, N * BURST, 5);
	struct wire_pdu r2t[N];
	uint32_t itt = wire_command(
		w, &(struct wire_cmd){.cdb = WRITE10(0, N * 8), .write = N * BURST, .data = data});

	for (int i = 0; i < 4; i++)
		wire_expect_r2t(w, itt, (uint32_t)i * BURST, BURST, &r2t[i]);
	wire_expect_silence(w, 0.5); /* no fifth */
	for (int i = 0; i < N; i++) {
		for (int j = 0; j < i; j++)
			assert_memory_not_equal(r2t[i].r2t.ttt, r2t[j].r2t.ttt, 4);
		assert_int_equal(get_be32(r2t[i].r2t.r2tsn), i);
		wire_answer(w, &r2t[i], data);
		if (i + 4 < N)
			wire_expect_r2t(w, itt, (uint32_t)(i + 4) * BURST, BURST, &r2t[i + 4]);
	}
	wire_expect_status(w, itt, 0);
	expect_medium(w, 0, data, N * BURST);
}

/* Two writes at a time, their data interleaved. */
static void two_writes_interleaved(struct wire_world *world)
{
	struct wire *w = session_with(world, "InitialR2T=Yes");
	const uint8_t *a = wire_pattern(world, 8192, 6), *b = wire_pattern(world, 8192, 7);
	struct wire_pdu ra, rb;
	uint32_t ia = wire_command(w, &(struct wire_cmd){.cdb = WRITE10(0, 16), .write = 8192});
	uint32_t ib = wire_command(w, &(struct wire_cmd){.cdb = WRITE10(100, 16), .write = 8192});

	wire_expect_r2t(w, ia, 0, 8192, &ra);
	wire_expect_r2t(w, ib, 0, 8192, &rb);
	for (uint32_t at = 0, sn = 0; at < 8192; at += 2048, sn++) {
		wire_data_out(w, &(struct wire_out){.itt = ib,
						    .ttt = get_be32(rb.r2t.ttt),
						    .datasn = sn,
						    .offset = at,
						    .len = 2048,
						    .data = b + at,
						    .more = at < 6144});
		wire_data_out(w, &(struct wire_out){.itt = ia,
						    .ttt = get_be32(ra.r2t.ttt),
						    .datasn = sn,
						    .offset = at,
						    .len = 2048,
						    .data = a + at,
						    .more = at < 6144});
	}
	for (uint32_t ended = 0; ended != (ia ^ ib);) { /* in whatever order */
		struct wire_pdu pdu;

		wire_expect(w, ISCSI_SCSI_RESPONSE, &pdu);
		assert_true(wire_itt(&pdu) == ia || wire_itt(&pdu) == ib);
		assert_int_equal(pdu.response.status, 0);
		ended ^= wire_itt(&pdu);
	}
	expect_medium(w, 0, a, 8192);
	expect_medium(w, 100, b, 8192);
}

/* 11.7.7: empty segments are received as they are, and odd lengths are padded. */
static void empty_and_odd_segments(struct wire_world *world)
{
	static const uint32_t pieces[] = {0, 1, 2, 3, 5, 0, 499, 2};
	struct wire *w = session_with(world, "InitialR2T=Yes");
	const uint8_t *data = wire_pattern(world, 512, 8);
	struct wire_pdu r2t;
	uint32_t itt = wire_command(w, &(struct wire_cmd){.cdb = WRITE10(0, 1), .write = 512});
	uint32_t at = 0;

	wire_expect_r2t(w, itt, 0, 512, &r2t);
	for (uint32_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		struct wire_pdu pdu = wire_data_out_pdu(
			w, &(struct wire_out){.itt = itt,
					      .ttt = get_be32(r2t.r2t.ttt),
					      .datasn = i,
					      .offset = at,
					      .len = pieces[i],
					      .data = data + at,
					      .more = i + 1 < ARRAY_SIZE(pieces)});

		pdu.padding = 0xee; /* is not looked at */
		wire_send(w, &pdu);
		at += pieces[i];
	}
	wire_expect_status(w, itt, 0);
	expect_medium(w, 0, data, 512);
}

/* --- more or less than the CDB calls for (11.4.5) */

static void expect_residual(struct wire *w, uint32_t itt, uint8_t flag, uint32_t residual)
{
	struct wire_pdu pdu;

	wire_expect(w, ISCSI_SCSI_RESPONSE, &pdu);
	assert_int_equal(wire_itt(&pdu), itt);
	assert_int_equal(pdu.response.response, 0);
	if ((pdu.response.flags & 0x1e) != flag || get_be32(pdu.response.residual) != residual)
		wire_fail(w->world, "flags %02x, residual %u; expected %02x, %u",
			  pdu.response.flags, get_be32(pdu.response.residual), flag, residual);
}

static void underflow(struct wire_world *world)
{
	struct wire *w = session_with(world, NULL);
	const uint8_t *data = wire_pattern(world, 4096, 9);
	uint32_t itt = wire_command(w, &(struct wire_cmd){.cdb = WRITE10(0, 2), /* 1024 bytes */
							  .write = 4096,
							  .data = data,
							  .immediate = 4096});

	expect_residual(w, itt, ISCSI_UNDERFLOW, 3072);
	expect_medium(w, 0, data, 1024);
	expect_medium(w, 2, wire_alloc(world, 1024), 1024); /* and no byte more */
}

static void overflow(struct wire_world *world)
{
	struct wire *w = session_with(world, NULL);
	const uint8_t *data = wire_pattern(world, 1024, 10);
	uint32_t itt = wire_command(w, &(struct wire_cmd){.cdb = WRITE10(0, 8), /* 4096 bytes */
							  .write = 1024,
							  .data = data,
							  .immediate = 1024});

	expect_residual(w, itt, ISCSI_OVERFLOW, 3072);
}

/* A command without data whose header expects some. */
static void write_flag_without_need(struct wire_world *world)
{
	struct wire *w = session_with(world, NULL);
	uint32_t itt = wire_command(w, &(struct wire_cmd){.cdb = TEST_UNIT_READY,
							  .write = 512,
							  .data = wire_pattern(world, 512, 1),
							  .immediate = 512});

	expect_residual(w, itt, ISCSI_UNDERFLOW, 512);
}

/* The CDB wants data, the header has none. */
static void need_without_write_flag(struct wire_world *world)
{
	struct wire *w = session_with(world, NULL);
	uint32_t itt = wire_command(w, &(struct wire_cmd){.cdb = WRITE10(0, 1)});

	expect_residual(w, itt, ISCSI_OVERFLOW, 512);
	itt = wire_command(w, &(struct wire_cmd){.cdb = WRITE10(0, 1), .read = 512});
	expect_residual(w, itt, ISCSI_OVERFLOW, 512);
	expect_medium(w, 0, wire_alloc(world, 512), 512);
}

static void zero_length(struct wire_world *world)
{
	struct wire *w = session_with(world, NULL);

	wire_good(w, &(struct wire_cmd){.cdb = WRITE10(0, 0)}, NULL);
}

/* 11.2.2.4: bidirectional commands carry their read length in an AHS. None of ours is one: the write
 * part is taken, and both residuals are told. */
static void bidirectional_header(struct wire_world *world)
{
	struct wire *w = session_with(world, NULL);
	struct wire_pdu pdu;
	uint32_t itt = wire_command(w, &(struct wire_cmd){.cdb = WRITE10(0, 1),
							  .write = 512,
							  .read = 4096,
							  .data = wire_pattern(world, 512, 11),
							  .immediate = 512});

	wire_expect(w, ISCSI_SCSI_RESPONSE, &pdu);
	assert_int_equal(wire_itt(&pdu), itt);
	assert_int_equal(pdu.response.response, 0);
	assert_int_equal(pdu.response.status, 0);
	assert_int_equal(pdu.response.flags & 0x1e, ISCSI_BIDI_UNDERFLOW);
	assert_int_equal(get_be32(pdu.response.bidi_residual), 4096);
	expect_medium(w, 0, wire_pattern(world, 512, 11), 512);
}

/* 11.2.2.3: a CDB of 32 bytes. VARIABLE LENGTH with an unknown service action. */
static void extended_cdb(struct wire_world *world)
{
	static const uint8_t rest[16] = {0};
	struct wire *w = session_with(world, NULL);
	struct wire_cmd cmd = {.cdb = {0x7f, 0, 0, 0, 0, 0, 0, 24, 0xff, 0xff},
			       .long_cdb = rest,
			       .long_cdb_len = sizeof(rest)};
	struct wire_result r;

	wire_execute(w, &cmd, &r);
	assert_int_equal(r.status, 0x02);
	assert_int_equal(r.key, 5);
	assert_true(r.asc == 0x2000 || r.asc == 0x2400);
	wire_ping(w);
}

static const struct wire_case cases[] = {
	REAL(every_combination),
	REAL(immediate_data),
	REAL(immediate_then_solicited),
	REAL(unsolicited_in_pieces),
	REAL(unsolicited_at_once),
	REAL(all_three_kinds),
	REAL(many_r2ts_outstanding),
	REAL(two_writes_interleaved),
	CASE(empty_and_odd_segments),
	REAL(underflow),
	REAL(overflow),
	CASE(write_flag_without_need),
	CASE(need_without_write_flag),
	CASE(zero_length),
	CASE(bidirectional_header),
	CASE(extended_cdb),
};

WIRE_THEME_DEFINE(write);

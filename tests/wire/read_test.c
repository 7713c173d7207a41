/* SPDX-License-Identifier: BSD-2-Clause */
/* Data-In: order, lengths, bursts, status in the last one, residuals (RFC 7143 11.7, 11.4.5).
 * wire_finish() judges DataSN, offsets and bursts of every read here and elsewhere. */
#include "wire.h"

static struct wire *session_with(struct wire_world *world, const char *keys)
{
	struct wire *w = wire_open(world);

	wire_login(w, &(struct wire_login){.keys = keys});
	wire_clear_attention(w, 0);
	return w;
}

/* Something to read: blocks 0..n-1. */
static const uint8_t *fill(struct wire *w, uint32_t len)
{
	struct wire_cmd write = {.cdb = WRITE10(0, len / 512), .write = len};

	write.data = wire_pattern(w->world, len, 42);
	wire_good(w, &write, NULL);
	return write.data;
}

static void in_one_pdu(struct wire_world *world)
{
	struct wire *w = session_with(world, NULL);
	const uint8_t *data = fill(w, 4096);
	struct wire_result r;

	wire_good(w, &(struct wire_cmd){.cdb = READ10(0, 8), .read = 4096}, &r);
	assert_int_equal(r.data_ins, 1);
	assert_true(r.collapsed); /* 11.7.3: the status comes with it */
	assert_memory_equal(r.data, data, 4096);
}

/* No segment is longer than what we declared; the judge looks at each. */
static void split_by_segment_length(struct wire_world *world)
{
	static const uint32_t lengths[] = {512, 513, 1000, 4096, 65536};

	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		char keys[100];
		struct wire *w;
		const uint8_t *data;
		struct wire_result r;

		snprintf(keys, sizeof(keys), "MaxRecvDataSegmentLength=%u", lengths[i]);
		w = session_with(world, keys);
		data = fill(w, 65536);
		wire_good(w, &(struct wire_cmd){.cdb = READ10(0, 128), .read = 65536}, &r);
		assert_int_equal(r.data_ins, (65536 + lengths[i] - 1) / lengths[i]);
		assert_int_equal(r.sequences, 1);
		assert_memory_equal(r.data, data, 65536);
		wire_logout(w);
	}
}

/* 13.13, 11.7.1: a sequence is at most MaxBurstLength long and ends with F. */
static void split_by_burst_length(struct wire_world *world)
{
	struct wire *w = session_with(world, "MaxBurstLength=8192\nFirstBurstLength=8192\n"
					     "MaxRecvDataSegmentLength=3000");
	const uint8_t *data = fill(w, 65536);
	struct wire_result r;

	wire_good(w, &(struct wire_cmd){.cdb = READ10(0, 128), .read = 65536}, &r);
	assert_int_equal(r.sequences, 8);
	assert_int_equal(r.data_ins, 8 * 3);
	assert_memory_equal(r.data, data, 65536);
}

static void a_large_one(struct wire_world *world)
{
	struct wire *w = session_with(world, NULL);
	const uint8_t *data = fill(w, 1u << 20);
	struct wire_result r;

	wire_good(w, &(struct wire_cmd){.cdb = READ10(0, 2048), .read = 1u << 20}, &r);
	assert_memory_equal(r.data, data, 1u << 20);
	assert_int_equal(r.sequences, 4);
}

/* A segment that is no multiple of four is padded, with zeroes (the receiver checks). */
static void odd_lengths(struct wire_world *world)
{
	struct wire *w = session_with(world, NULL);

	for (unsigned n = 1; n <= 37; n++) {
		struct wire_result r;

		wire_execute(w, &(struct wire_cmd){.cdb = INQUIRY(n), .read = n}, &r);
		assert_int_equal(r.status, 0);
		assert_int_equal(r.data_len, n);
		assert_int_equal(r.residual_flags, 0); /* 11.4.5.3: cut by the allocation length */
	}
	wire_ping(w);
}

/* --- 11.4.5 */

static void underflow(struct wire_world *world)
{
	struct wire *w = session_with(world, NULL);
	struct wire_result r;

	fill(w, 4096);
	wire_good(w, &(struct wire_cmd){.cdb = READ10(0, 2), .read = 4096}, &r);
	assert_int_equal(r.data_len, 1024);
	assert_int_equal(r.residual_flags, ISCSI_UNDERFLOW);
	assert_int_equal(r.residual, 3072);
	/* 11.4.5.3: also when the allocation length is what was expected, and there is less */
	wire_good(w, &(struct wire_cmd){.cdb = REPORT_LUNS(4096), .read = 4096}, &r);
	assert_int_equal(r.residual_flags, ISCSI_UNDERFLOW);
	assert_int_equal(r.residual, 4096 - r.data_len);
}

static void overflow(struct wire_world *world)
{
	struct wire *w = session_with(world, NULL);
	const uint8_t *data = fill(w, 4096);
	struct wire_result r;

	wire_good(w, &(struct wire_cmd){.cdb = READ10(0, 8), .read = 1024}, &r);
	assert_int_equal(r.data_len, 1024);
	assert_memory_equal(r.data, data, 1024);
	assert_int_equal(r.residual_flags, ISCSI_OVERFLOW);
	assert_int_equal(r.residual, 3072);
}

/* The header expects nothing at all, the CDB has something to say. */
static void nothing_expected(struct wire_world *world)
{
	struct wire *w = session_with(world, NULL);
	struct wire_pdu q = wire_command_pdu(w, &(struct wire_cmd){.cdb = READ10(0, 8)}), r;

	wire_send(w, &q);
	wire_expect(w, ISCSI_SCSI_RESPONSE, &r);
	assert_int_equal(r.response.status, 0);
	assert_int_equal(r.response.flags, 0x80 | ISCSI_OVERFLOW);
	assert_int_equal(get_be32(r.response.residual), 4096);
	/* With R set and a length of 0 it is the same (11.3.1 allows it). */
	q = wire_command_pdu(w, &(struct wire_cmd){.cdb = READ10(0, 8)});
	q.command.flags |= ISCSI_COMMAND_READ;
	wire_send(w, &q);
	wire_expect(w, ISCSI_SCSI_RESPONSE, &r);
	assert_int_equal(r.response.flags, 0x80 | ISCSI_OVERFLOW);
	assert_int_equal(get_be32(r.response.residual), 4096);
}

static void data_expected_and_none_there(struct wire_world *world)
{
	struct wire *w = session_with(world, NULL);
	struct wire_result r;

	wire_good(w, &(struct wire_cmd){.cdb = TEST_UNIT_READY, .read = 512}, &r);
	assert_int_equal(r.data_len, 0);
	assert_int_equal(r.residual_flags, ISCSI_UNDERFLOW);
	assert_int_equal(r.residual, 512);
	wire_good(w, &(struct wire_cmd){.cdb = READ10(0, 0), .read = 512}, &r);
	assert_int_equal(r.residual, 512);
}

/* A failed command has its sense data in a SCSI Response, never in a Data-In (11.7.3). */
static void failure(struct wire_world *world)
{
	struct wire *w = session_with(world, NULL);
	struct wire_result r;

	wire_execute(w, &(struct wire_cmd){.cdb = READ10(0x7fffffff, 8), .read = 4096}, &r);
	assert_int_equal(r.status, 0x02);
	assert_int_equal(r.key, 5);
	assert_int_equal(r.asc, 0x2100);
	assert_int_equal(r.data_ins, 0);
	assert_false(r.collapsed);
	assert_int_equal(r.residual_flags, ISCSI_UNDERFLOW);
	assert_int_equal(r.residual, 4096);
	assert_int_equal(get_be32(r.last.response.expdatasn), 0);
	/* SenseLength counts what follows it (11.4.7.1). */
	assert_int_equal(get_be16(r.last.data) + 2u, r.last.data_len);
}

static void a_disk_that_cannot_read(struct wire_world *world)
{
	struct wire *w = session_with(world, NULL);
	struct wire_result r;

	sim_set_faults(world->sim, &(struct sim_faults){.disk_read_fail = 1000000});
	wire_execute(w, &(struct wire_cmd){.cdb = READ10(0, 8), .read = 4096}, &r);
	assert_int_equal(r.status, 0x02);
	assert_int_equal(r.key, 3);
	assert_int_equal(r.asc, 0x1100);
	sim_set_faults(world->sim, &(struct sim_faults){0});
	wire_good(w, &(struct wire_cmd){.cdb = READ10(0, 8), .read = 4096}, NULL);
}

/* Two reads at a time: their PDUs may mix, each in its own order. */
static void two_at_a_time(struct wire_world *world)
{
	struct wire *w = session_with(world, "MaxRecvDataSegmentLength=512");
	struct wire_pdu pdu;
	uint32_t itt[2], sn[2] = {0}, at[2] = {0};
	const uint8_t *data = fill(w, 65536);
	unsigned ended = 0;

	for (int i = 0; i < 2; i++)
		itt[i] = wire_command(w, &(struct wire_cmd){.cdb = READ10(0, 128), .read = 65536});
	while (ended < 2) {
		wire_expect(w, ISCSI_DATA_IN, &pdu);
		int i = wire_itt(&pdu) == itt[1];

		assert_int_equal(wire_itt(&pdu), itt[i]);
		assert_int_equal(get_be32(pdu.data_in.datasn), sn[i]++);
		assert_int_equal(get_be32(pdu.data_in.buffer_offset), at[i]);
		assert_memory_equal(pdu.data, data + at[i], pdu.data_len);
		at[i] += pdu.data_len;
		if (pdu.data_in.flags & ISCSI_DATA_STATUS) {
			assert_int_equal(at[i], 65536);
			ended++;
		}
	}
}

/* A reader that takes nothing for a while gets everything in the end. */
static void a_slow_reader(struct wire_world *world)
{
	struct wire *w = session_with(world, NULL);
	const uint8_t *data = fill(w, 65536);
	struct wire_pdu pdu;
	struct wire_cmd read = {.cdb = READ10(0, 128), .read = 65536};
	uint32_t first = w->itt;
	bool seen[32] = {false};

	w->deaf = true;
	for (int i = 0; i < 32; i++)
		wire_command(w, &read);
	wire_run(world, 3);
	wire_hear(w);
	for (int i = 0; i < 32; i++) { /* in whatever order */
		wire_expect(w, ISCSI_DATA_IN, &pdu);
		assert_true(pdu.data_in.flags & ISCSI_DATA_STATUS);
		assert_memory_equal(pdu.data, data, 65536);
		assert_true(wire_itt(&pdu) - first < 32 && !seen[wire_itt(&pdu) - first]);
		seen[wire_itt(&pdu) - first] = true;
	}
}

/* ORDERED is behind what was sent before, also when the initiator takes that later (SAM-5 8.6.3). */
static void an_ordered_write_behind_reads(struct wire_world *world)
{
	struct wire *w = session_with(world, NULL);
	const uint8_t *data = fill(w, 1u << 20);
	struct wire_cmd read = {.cdb = READ10(0, 2048), .read = 1u << 20};
	uint32_t first = w->itt, at[8] = {0};
	unsigned ended = 0;

	w->deaf = true;
	for (unsigned i = 0; i < ARRAY_SIZE(at); i++)
		wire_command(w, &read);
	for (unsigned i = 0; i < 64; i++) {
		struct wire_cmd write = {.cdb = WRITE10(i * 32, 8),
					 .write = 4096,
					 .immediate = 4096,
					 .attr = SCSI_ORDERED};
		write.data = wire_pattern(world, 4096, 1000 + i);
		wire_command(w, &write);
	}
	wire_run(world, 1);
	wire_hear(w);
	while (ended < ARRAY_SIZE(at) + 64) {
		struct wire_pdu pdu;
		wire_recv(w, &pdu);
		if ((pdu.raw[0] & 0x3f) == ISCSI_SCSI_RESPONSE) {
			assert_int_equal(pdu.response.status, 0);
			ended++;
			continue;
		}
		uint32_t i = wire_itt(&pdu) - first, offset = get_be32(pdu.data_in.buffer_offset);
		assert_true(i < ARRAY_SIZE(at) && at[i] == offset);
		assert_memory_equal(pdu.data, data + offset, pdu.data_len);
		at[i] += pdu.data_len;
		ended += at[i] == 1u << 20;
	}
}

static const struct wire_config in_memory = {.memory = true};

static const struct wire_case cases[] = {
	REAL(in_one_pdu),
	REAL(split_by_segment_length),
	REAL(split_by_burst_length),
	REAL(a_large_one),
	REAL(odd_lengths),
	REAL(underflow),
	REAL(overflow),
	CASE(nothing_expected),
	CASE(data_expected_and_none_there),
	REAL(failure),
	CASE(a_disk_that_cannot_read),
	REAL(two_at_a_time),
	CASE(a_slow_reader),
	REAL(an_ordered_write_behind_reads),
	REAL_WITH(an_ordered_write_behind_reads, &in_memory),
};

WIRE_THEME_DEFINE(read);

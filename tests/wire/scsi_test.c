/* SPDX-License-Identifier: BSD-2-Clause */
/* What a system does first with a disk, through the wire: the device server behind the protocol. */
#include "wire.h"

static struct wire *session(struct wire_world *world)
{
	struct wire *w = wire_open_session(world);

	for (unsigned lun = 0; lun < world->luns; lun++)
		wire_clear_attention(w, lun);
	return w;
}

/* A new nexus hears of the power on, once for each LUN; INQUIRY and REPORT LUNS do not ask (SPC). */
static void unit_attention_first(struct wire_world *world)
{
	struct wire *w = wire_open_session(world);
	struct wire_result r;

	for (unsigned lun = 0; lun < 2; lun++) {
		wire_good(w, &(struct wire_cmd){.lun = lun, .cdb = INQUIRY(36), .read = 36}, NULL);
		wire_execute(w, &(struct wire_cmd){.lun = lun, .cdb = TEST_UNIT_READY}, &r);
		assert_int_equal(r.status, 0x02);
		assert_int_equal(r.key, 6);
		assert_int_equal(r.asc >> 8, 0x29);
		wire_good(w, &(struct wire_cmd){.lun = lun, .cdb = TEST_UNIT_READY}, NULL);
	}
	wire_good(w, &(struct wire_cmd){.cdb = REPORT_LUNS(256), .read = 256}, NULL);
}

static void sense_in_the_response(struct wire_world *world)
{
	struct wire *w = session(world);
	struct wire_result r;

	wire_execute(w, &(struct wire_cmd){.cdb = {0xff}}, &r);
	assert_int_equal(r.status, 0x02);
	assert_int_equal(r.key, 5);
	assert_int_equal(r.asc, 0x2000);
	assert_true(r.sense_len >= 18);
	assert_int_equal(r.sense[0] & 0x7f, 0x70);
	assert_int_equal(get_be16(r.last.data), r.sense_len);
	assert_int_equal(r.last.data_len, r.sense_len + 2);
	/* Autosense: it was delivered, so REQUEST SENSE has nothing more. */
	wire_good(w, &(struct wire_cmd){.cdb = REQUEST_SENSE(18), .read = 18}, &r);
	assert_int_equal(r.data[2] & 0xf, 0);
}

static void inquiry(struct wire_world *world)
{
	struct wire *w = session(world);
	struct wire_result r;

	wire_good(w, &(struct wire_cmd){.cdb = INQUIRY(255), .read = 255}, &r);
	assert_true(r.data_len >= 36);
	assert_int_equal(r.data[0], 0); /* a disk, there */
	assert_int_equal(r.data[4] + 5u, r.data_len);
	assert_true(r.data[7] & 0x02); /* CMDQUE */
	wire_good(w, &(struct wire_cmd){.cdb = INQUIRY_VPD(0x83, 255), .read = 255}, &r);
	assert_int_equal(r.data[1], 0x83);
	assert_int_equal(get_be16(r.data + 2) + 4u, r.data_len);
	wire_good(w, &(struct wire_cmd){.cdb = INQUIRY_VPD(0x00, 255), .read = 255}, &r);
	for (unsigned i = 0; i < r.data[3]; i++) { /* every page that is listed is there */
		struct wire_result page;

		wire_good(w,
			  &(struct wire_cmd){.cdb = INQUIRY_VPD(r.data[4 + i], 255), .read = 255},
			  &page);
		assert_int_equal(page.data[1], r.data[4 + i]);
	}
}

static void report_luns(struct wire_world *world)
{
	struct wire *w = session(world);
	struct wire_result r;

	wire_good(w, &(struct wire_cmd){.cdb = REPORT_LUNS(256), .read = 256}, &r);
	assert_int_equal(get_be32(r.data), 16);
	assert_int_equal(r.data_len, 24);
	assert_int_equal(r.data[8 + 1], 0);
	assert_int_equal(r.data[16 + 1], 1);
	/* From a LUN that is not there as well, and cut to 16 bytes: the length stays (11.4.5.3). */
	wire_good(w, &(struct wire_cmd){.lun = 5, .cdb = REPORT_LUNS(16), .read = 16}, &r);
	assert_int_equal(get_be32(r.data), 16);
	assert_int_equal(r.data_len, 16);
}

static void capacity(struct wire_world *world)
{
	struct wire *w = session(world);
	struct wire_result r;

	wire_good(w, &(struct wire_cmd){.cdb = READ_CAPACITY10, .read = 8}, &r);
	assert_int_equal(get_be32(r.data), (4u << 20) / 512 - 1);
	assert_int_equal(get_be32(r.data + 4), 512);
	wire_good(w, &(struct wire_cmd){.cdb = READ_CAPACITY16(32), .read = 32}, &r);
	assert_int_equal(get_be64(r.data), (4u << 20) / 512 - 1);
	assert_int_equal(get_be32(r.data + 8), 512);
}

static void blocks_of_4096(struct wire_world *world)
{
	struct wire *w = session(world);
	struct wire_cmd write = {.cdb = WRITE10(5, 2), .write = 8192};
	struct wire_result r;

	wire_good(w, &(struct wire_cmd){.cdb = READ_CAPACITY10, .read = 8}, &r);
	assert_int_equal(get_be32(r.data), (4u << 20) / 4096 - 1);
	assert_int_equal(get_be32(r.data + 4), 4096);
	write.data = wire_pattern(world, 8192, 1);
	wire_good(w, &write, NULL);
	wire_good(w, &(struct wire_cmd){.cdb = READ10(5, 2), .read = 8192}, &r);
	assert_memory_equal(r.data, write.data, 8192);
}

static void a_lun_that_is_not_there(struct wire_world *world)
{
	struct wire *w = session(world);
	struct wire_result r;

	wire_check(w, &(struct wire_cmd){.lun = 9, .cdb = TEST_UNIT_READY}, 5, 0x2500);
	wire_check(w, &(struct wire_cmd){.lun = 9, .cdb = READ10(0, 1), .read = 512}, 5, 0x2500);
	wire_check(w,
		   &(struct wire_cmd){.lun = 9,
				      .cdb = WRITE10(0, 1),
				      .write = 512,
				      .data = wire_pattern(world, 512, 1)},
		   5, 0x2500);
	/* INQUIRY answers all the same: qualifier 3, no device (SPC-4 6.6). */
	wire_good(w, &(struct wire_cmd){.lun = 9, .cdb = INQUIRY(36), .read = 36}, &r);
	assert_int_equal(r.data[0], 0x7f);
}

/* One I_T nexus holds it, the other is told (SPC-2 RESERVE and RELEASE). */
static void reservations(struct wire_world *world)
{
	struct wire *a = session(world), *b = session(world);
	struct wire_cmd read = {.cdb = READ10(0, 1), .read = 512};
	struct wire_result r;

	wire_good(a, &(struct wire_cmd){.cdb = RESERVE6}, NULL);
	wire_good(a, &read, NULL);
	wire_execute(b, &read, &r);
	assert_int_equal(r.status, 0x18);
	assert_int_equal(r.sense_len, 0);
	wire_execute(b, &(struct wire_cmd){.cdb = RESERVE6}, &r);
	assert_int_equal(r.status, 0x18);
	wire_good(b, &(struct wire_cmd){.cdb = RELEASE6},
		  NULL); /* of another's: no error, no use */
	wire_execute(b, &read, &r);
	assert_int_equal(r.status, 0x18);
	wire_good(b, &(struct wire_cmd){.cdb = INQUIRY(36), .read = 36}, NULL);
	wire_good(a, &(struct wire_cmd){.cdb = RELEASE6}, NULL);
	wire_good(b, &read, NULL);
}

/* It ends with the session that has it. */
static void a_reservation_ends_with_its_session(struct wire_world *world)
{
	struct wire *a = session(world), *b = session(world);
	struct wire_cmd read = {.cdb = READ10(0, 1), .read = 512};
	struct wire_result r;

	wire_good(a, &(struct wire_cmd){.cdb = RESERVE6}, NULL);
	wire_execute(b, &read, &r);
	assert_int_equal(r.status, 0x18);
	wire_logout(a);
	wire_good(b, &read, NULL);
	a = session(world);
	wire_good(a, &(struct wire_cmd){.cdb = RESERVE6}, NULL);
	wire_close(a); /* by a cut as well */
	wire_run(world, 1);
	wire_good(b, &read, NULL);
	a = session(world);
	wire_good(a, &(struct wire_cmd){.cdb = RESERVE6}, NULL);
	wire_good(b, &(struct wire_cmd){.cdb = INQUIRY(36), .read = 36}, NULL);
	wire_expect_tmf(b, wire_tmf(b, ISCSI_TMF_LOGICAL_UNIT_RESET, 0, ISCSI_RESERVED_TAG, 0),
			ISCSI_TMF_COMPLETE);
	wire_clear_attention(b, 0); /* and by a reset */
	wire_good(b, &read, NULL);
}

/* What one session writes the other reads. */
static void two_sessions_one_lun(struct wire_world *world)
{
	struct wire *a = session(world), *b = session(world);
	struct wire_result r;

	for (unsigned i = 0; i < 20; i++) {
		struct wire_cmd write = {.cdb = WRITE10(i * 8, 8), .write = 4096};

		write.data = wire_pattern(world, 4096, i);
		wire_good(i % 2 ? a : b, &write, NULL);
		wire_good(i % 2 ? b : a, &(struct wire_cmd){.cdb = READ10(i * 8, 8), .read = 4096},
			  &r);
		assert_memory_equal(r.data, write.data, 4096);
	}
}

/* Two LUNs are two disks. */
static void two_luns(struct wire_world *world)
{
	struct wire *w = session(world);
	struct wire_cmd write = {.cdb = WRITE10(0, 8), .write = 4096};
	struct wire_result r;

	write.data = wire_pattern(world, 4096, 1);
	wire_good(w, &write, NULL);
	wire_good(w, &(struct wire_cmd){.lun = 1, .cdb = READ10(0, 8), .read = 4096}, &r);
	for (int i = 0; i < 4096; i++)
		assert_int_equal(r.data[i], 0);
	write.lun = 1;
	write.data = wire_pattern(world, 4096, 2);
	wire_good(w, &write, NULL);
	wire_good(w, &(struct wire_cmd){.cdb = READ10(0, 8), .read = 4096}, &r);
	assert_memory_equal(r.data, wire_pattern(world, 4096, 1), 4096);
}

/* A disk that hangs costs its own commands, not those of the next LUN. */
static void one_lun_hangs(struct wire_world *world)
{
	struct wire *w = session(world);
	struct wire_cmd read = {.cdb = READ10(0, 8), .read = 4096};
	struct wire_result r;
	uint32_t itt;

	sim_disk_state(world->sim, wire_disk(0), SIM_DISK_HANGS);
	itt = wire_command(w, &read);
	read.lun = 1;
	for (int i = 0; i < 10; i++)
		wire_good(w, &read, NULL);
	sim_disk_state(world->sim, wire_disk(0), SIM_DISK_OK);
	read.lun = 0;
	wire_finish(w, &read, itt, &r);
	assert_int_equal(r.status, 0);
}

static void read_only(struct wire_world *world)
{
	struct wire *w = session(world);
	struct wire_cmd write = {.cdb = WRITE10(0, 1), .write = 512};

	write.data = wire_pattern(world, 512, 1);
	wire_check(w, &write, 7, 0x2700);
	wire_good(w, &(struct wire_cmd){.cdb = READ10(0, 1), .read = 512}, NULL);
}

/* All four attributes; more than one of them waiting. */
static void task_attributes(struct wire_world *world)
{
	struct wire *w = session(world);
	struct wire_cmd read = {.cdb = READ10(0, 8), .read = 4096};
	static const uint8_t attrs[] = {1, 2, 1, 3, 1, 2, 2, 1};
	uint32_t itt[8], seen = 0;

	for (int i = 0; i < 8; i++) {
		read.attr = attrs[i];
		itt[i] = wire_command(w, &read);
	}
	for (int i = 0; i < 8; i++) {
		struct wire_pdu pdu;

		wire_expect(w, ISCSI_DATA_IN, &pdu);
		for (int j = 0; j < 8; j++)
			if (wire_itt(&pdu) == itt[j])
				seen |= 1u << j;
	}
	assert_int_equal(seen, 0xff);
}

/* What was flushed is on the medium itself. */
static void flushed_is_durable(struct wire_world *world)
{
	struct wire *w = session(world);
	struct wire_cmd write = {.cdb = WRITE10(3, 8), .write = 4096};
	uint8_t medium[4096];

	write.data = wire_pattern(world, 4096, 1);
	wire_good(w, &write, NULL);
	wire_good(w, &(struct wire_cmd){.cdb = SYNC_CACHE10}, NULL);
	assert_int_equal(sim_disk_peek(world->sim, wire_disk(0), 3 * 512, medium, 4096), 0);
	assert_memory_equal(medium, write.data, 4096);
	write.data = wire_pattern(world, 4096, 2);
	write.cdb[1] = 0x08; /* FUA */
	wire_good(w, &write, NULL);
	assert_int_equal(sim_disk_peek(world->sim, wire_disk(0), 3 * 512, medium, 4096), 0);
	assert_memory_equal(medium, write.data, 4096);
}

static const struct wire_config luns2 = {.luns = 2};
static const struct wire_config blocks4k = {.block_size = 4096};
static const struct wire_config readonly = {.readonly = true};

static const struct wire_case cases[] = {
	REAL_WITH(unit_attention_first, &luns2),
	REAL(sense_in_the_response),
	REAL(inquiry),
	REAL_WITH(report_luns, &luns2),
	REAL(capacity),
	REAL_WITH(blocks_of_4096, &blocks4k),
	CASE(a_lun_that_is_not_there),
	REAL(reservations),
	CASE(a_reservation_ends_with_its_session),
	CASE(two_sessions_one_lun),
	CASE_WITH(two_luns, &luns2),
	CASE_WITH(one_lun_hangs, &luns2),
	CASE_WITH(read_only, &readonly),
	REAL(task_attributes),
	CASE(flushed_is_durable),
};

WIRE_THEME_DEFINE(scsi);

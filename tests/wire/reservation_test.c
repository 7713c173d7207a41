/* SPDX-License-Identifier: BSD-2-Clause */
/* Persistent reservations (SPC-4 5.12) between sessions, which on three reactors are on threads of their own. */
#include "wire.h"

enum { REGISTER, RESERVE, RELEASE, CLEAR, PREEMPT, PREEMPT_ABORT };
enum { READ_KEYS, READ_RESERVATION, REPORT_CAPABILITIES, READ_FULL_STATUS };
enum { WE = 1, EA = 3, WE_RO = 5 };
enum { KEY_A = 0xa1, KEY_B = 0xb2 };

#define GOOD             0x00
#define CONFLICT         0x18
#define TASK_ABORTED     0x40
#define TOLD_PREEMPTED   0x2a03 /* RESERVATIONS PREEMPTED */
#define TOLD_RELEASED    0x2a04 /* RESERVATIONS RELEASED */
#define TOLD_REGISTRANTS 0x2a05 /* REGISTRATIONS PREEMPTED */
#define DEPTH            16
#define PASSES           8 /* plain commands, that a session gets a pass if it may have one */
#define ANSWER           512

static uint8_t pr_out(struct wire *w, uint8_t action, uint8_t type, uint64_t key, uint64_t new_key)
{
	uint8_t list[24] = {0};
	struct wire_result r;

	put_be64(list, key);
	put_be64(list + 8, new_key);
	wire_execute(w,
		     &(struct wire_cmd){.cdb = {0x5f, action, type, 0, 0, 0, 0, 0, sizeof(list)},
					.write = sizeof(list),
					.data = list},
		     &r);
	return r.status;
}

/* The answer, after its header; PRGENERATION and ADDITIONAL LENGTH fit to it. */
static const uint8_t *pr_in(struct wire *w, uint8_t action, uint32_t generation, uint32_t *len)
{
	struct wire_result r;

	wire_good(w,
		  &(struct wire_cmd){.cdb = {0x5e, action, 0, 0, 0, 0, 0, ANSWER >> 8, 0},
				     .read = ANSWER},
		  &r);
	assert_true(r.data_len >= 8);
	assert_int_equal(get_be32(r.data), generation);
	*len = get_be32(r.data + 4);
	assert_int_equal(*len, r.data_len - 8);
	return r.data + 8;
}

static uint8_t status_of(struct wire *w, const struct wire_cmd *cmd)
{
	struct wire_result r;

	wire_execute(w, cmd, &r);
	return r.status;
}

static uint8_t try_read(struct wire *w)
{
	return status_of(w, &(struct wire_cmd){.cdb = READ10(0, 8), .read = 4096});
}

static uint8_t try_write(struct wire *w)
{
	return status_of(w, &(struct wire_cmd){.cdb = WRITE10(0, 8),
					       .write = 4096,
					       .data = wire_pattern(w->world, 4096, w->index)});
}

static struct wire *session(struct wire_world *world)
{
	struct wire *w = wire_open_session(world);

	wire_clear_attention(w, 0);
	return w;
}

/* Both are registered. */
static void two_sessions(struct wire_world *world, struct wire **a, struct wire **b)
{
	*a = session(world);
	*b = session(world);
	assert_int_equal(pr_out(*a, REGISTER, 0, 0, KEY_A), GOOD);
	assert_int_equal(pr_out(*b, REGISTER, 0, 0, KEY_B), GOOD);
}

/* Its reads and writes need nobody else's thread any more, where nothing is reserved. */
static void get_passes(struct wire *w)
{
	for (int i = 0; i < PASSES; i++) {
		assert_int_equal(try_read(w), GOOD);
		assert_int_equal(try_write(w), GOOD);
	}
}

static void expect_told(struct wire *w, uint16_t asc)
{
	wire_check(w, &(struct wire_cmd){.cdb = TEST_UNIT_READY}, 6, asc);
	wire_good(w, &(struct wire_cmd){.cdb = TEST_UNIT_READY}, NULL);
}

/* Whoever has gone on by himself meets the reservation at once, and goes on again after it. */
static void what_passed_conflicts(struct wire_world *world)
{
	struct wire *holder, *other;

	two_sessions(world, &holder, &other);
	for (int i = 0; i < 3; i++) {
		get_passes(other);
		assert_int_equal(pr_out(holder, RESERVE, WE, KEY_A, 0), GOOD);
		assert_int_equal(try_write(other), CONFLICT);
		assert_int_equal(try_read(other), GOOD);
		assert_int_equal(try_write(holder), GOOD);
		assert_int_equal(pr_out(other, RESERVE, WE, KEY_B, 0), CONFLICT);
		assert_int_equal(pr_out(holder, RELEASE, WE, KEY_A, 0), GOOD);

		get_passes(other);
		assert_int_equal(pr_out(holder, RESERVE, EA, KEY_A, 0), GOOD);
		assert_int_equal(try_read(other), CONFLICT);
		assert_int_equal(try_write(other), CONFLICT);
		wire_good(other, &(struct wire_cmd){.cdb = INQUIRY(36), .read = 36}, NULL);
		get_passes(holder);
		assert_int_equal(pr_out(holder, RELEASE, EA, KEY_A, 0), GOOD);
	}
	get_passes(other);
}

/* Reads on their way while the LU is reserved: each ends, and none that comes after the answer gets in. */
static void reserved_among_reads(struct wire_world *world)
{
	struct wire_cmd read = {.cdb = READ10(0, 8), .read = 4096};
	struct wire *holder, *other;

	two_sessions(world, &holder, &other);
	for (int i = 0; i < 8; i++) {
		unsigned open = DEPTH;

		get_passes(other);
		for (int j = 0; j < DEPTH; j++)
			wire_command(other, &read);
		assert_int_equal(pr_out(holder, RESERVE, EA, KEY_A, 0), GOOD);
		while (open) {
			struct wire_pdu pdu;

			wire_recv(other, &pdu);
			if (iscsi_opcode(&pdu.bhs) == ISCSI_DATA_IN) {
				open -= pdu.data_in.flags & ISCSI_DATA_STATUS ? 1 : 0;
				continue;
			}
			assert_int_equal(iscsi_opcode(&pdu.bhs), ISCSI_SCSI_RESPONSE);
			assert_true(pdu.response.status == GOOD || pdu.response.status == CONFLICT);
			open--;
		}
		assert_int_equal(try_read(other), CONFLICT);
		assert_int_equal(pr_out(holder, RELEASE, EA, KEY_A, 0), GOOD);
	}
}

/* 5.12.11.2.6: a write that waits for its data is aborted, and the data change nothing. */
static void preempt_and_abort(struct wire_world *world)
{
	struct wire_cmd write = {.cdb = WRITE10(0, 8), .write = 4096};
	struct wire *holder, *other = wire_open(world);
	struct wire_pdu r2t, pdu;
	struct wire_result r;
	uint32_t task;

	wire_login(other, &(struct wire_login){.keys = "InitialR2T=Yes\nImmediateData=No"});
	wire_clear_attention(other, 0);
	holder = session(world);
	assert_int_equal(pr_out(holder, REGISTER, 0, 0, KEY_A), GOOD);
	assert_int_equal(pr_out(other, REGISTER, 0, 0, KEY_B), GOOD);
	assert_int_equal(pr_out(other, RESERVE, EA, KEY_B, 0), GOOD);
	assert_int_equal(try_read(holder), CONFLICT);
	task = wire_command(other, &write);
	wire_expect_r2t(other, task, 0, 4096, &r2t);
	assert_int_equal(pr_out(holder, PREEMPT_ABORT, EA, KEY_A, KEY_B), GOOD);
	wire_answer(other, &r2t, wire_pattern(world, 4096, 1));
	do
		wire_recv(other, &pdu);
	while (iscsi_opcode(&pdu.bhs) == ISCSI_REJECT); /* of the late data */
	assert_int_equal(iscsi_opcode(&pdu.bhs), ISCSI_SCSI_RESPONSE);
	assert_int_equal(wire_itt(&pdu), task);
	assert_int_equal(pdu.response.status, TASK_ABORTED);
	while (wire_try(other, &pdu, 0.2))
		assert_int_equal(iscsi_opcode(&pdu.bhs), ISCSI_REJECT);
	expect_told(other, TOLD_REGISTRANTS);
	assert_int_equal(try_write(other), CONFLICT);
	wire_good(holder, &(struct wire_cmd){.cdb = READ10(0, 8), .read = 4096}, &r);
	for (int i = 0; i < 4096; i++)
		assert_int_equal(r.data[i], 0);
}

/* A write that is at the disk can still land: nobody reads its blocks before it is over. */
static void preempt_and_abort_of_what_is_at_the_disk(struct wire_world *world)
{
	struct wire_cmd write = {.cdb = WRITE10(0, 8), .write = 4096, .immediate = 4096};
	struct wire_cmd read = {.cdb = READ10(0, 8), .read = 4096};
	struct wire *holder, *other;
	struct wire_result r;
	uint32_t task, itt;

	two_sessions(world, &holder, &other);
	assert_int_equal(pr_out(other, RESERVE, EA, KEY_B, 0), GOOD);
	write.data = wire_pattern(world, 4096, 1);
	sim_disk_state(world->sim, wire_disk(0), SIM_DISK_HANGS);
	task = wire_command(other, &write);
	wire_run(world, 1);
	assert_int_equal(pr_out(holder, PREEMPT_ABORT, EA, KEY_A, KEY_B), GOOD);
	itt = wire_command(holder, &read);
	wire_expect_silence(holder, 1);
	sim_disk_state(world->sim, wire_disk(0), SIM_DISK_OK);
	wire_finish(holder, &read, itt, &r);
	assert_int_equal(r.status, GOOD);
	assert_memory_equal(r.data, write.data, 4096);
	wire_expect_status(other, task, TASK_ABORTED);
	expect_told(other, TOLD_REGISTRANTS);
	assert_int_equal(try_write(other), CONFLICT);
}

/* Those whom a change concerns are told of it, once; whoever made it is not. */
static void unit_attentions(struct wire_world *world)
{
	struct wire *a, *b, *stranger = session(world);

	two_sessions(world, &a, &b);
	assert_int_equal(pr_out(a, RESERVE, WE_RO, KEY_A, 0), GOOD);
	assert_int_equal(try_write(b), GOOD);
	assert_int_equal(try_write(stranger), CONFLICT);
	assert_int_equal(pr_out(a, RELEASE, WE_RO, KEY_A, 0), GOOD);
	expect_told(b, TOLD_RELEASED);

	assert_int_equal(pr_out(a, RESERVE, WE, KEY_A, 0), GOOD);
	assert_int_equal(pr_out(b, PREEMPT, WE, KEY_B, KEY_A), GOOD);
	expect_told(a, TOLD_REGISTRANTS);
	assert_int_equal(try_write(a), CONFLICT);
	assert_int_equal(try_write(b), GOOD);

	assert_int_equal(pr_out(a, REGISTER, 0, 0, KEY_A), GOOD);
	assert_int_equal(pr_out(b, CLEAR, 0, KEY_B, 0), GOOD);
	expect_told(a, TOLD_PREEMPTED);
	wire_good(a, &(struct wire_cmd){.cdb = TEST_UNIT_READY}, NULL);
	wire_good(b, &(struct wire_cmd){.cdb = TEST_UNIT_READY}, NULL);
	assert_int_equal(try_write(stranger), GOOD);
}

/* 5.12.1: the I_T nexus is gone, what it has registered and holds is not. */
static void a_logout_changes_nothing(struct wire_world *world)
{
	struct wire *holder = session(world), *other = session(world), *again;
	uint8_t isid[6];
	uint32_t len;
	const uint8_t *p;

	memcpy(isid, holder->isid, sizeof(isid));
	assert_int_equal(pr_out(holder, REGISTER, 0, 0, KEY_A), GOOD);
	assert_int_equal(pr_out(holder, RESERVE, WE, KEY_A, 0), GOOD);
	wire_logout(holder);
	assert_int_equal(try_write(other), CONFLICT);
	p = pr_in(other, READ_KEYS, 1, &len);
	assert_int_equal(len, 8);
	assert_true(get_be64(p) == KEY_A);

	again = wire_open(world);
	wire_login(again, &(struct wire_login){.isid = isid});
	wire_clear_attention(again, 0);
	assert_int_equal(try_write(again), GOOD);
	assert_int_equal(pr_out(again, RELEASE, WE, KEY_A, 0), GOOD);
	assert_int_equal(try_write(other), GOOD);
}

static const uint8_t *expect_status(const uint8_t *p, uint64_t key, bool holds, const uint8_t *isid)
{
	char name[128];
	int n = snprintf(name, sizeof(name), "%s,i,0x%02x%02x%02x%02x%02x%02x", WIRE_INITIATOR,
			 isid[0], isid[1], isid[2], isid[3], isid[4], isid[5]);

	assert_true(get_be64(p) == key);
	assert_int_equal(p[12], holds);
	assert_int_equal(p[13], holds ? EA : 0);
	assert_int_equal(get_be16(p + 18), 1);
	assert_int_equal(get_be32(p + 20), 4 + get_be16(p + 26));
	assert_int_equal(p[24], 0x45); /* iSCSI, with an ISID (SPC-4 7.6.4.6) */
	assert_int_equal(get_be16(p + 26) % 4, 0);
	assert_true(get_be16(p + 26) > n);
	assert_string_equal((const char *)p + 28, name);
	return p + 24 + get_be32(p + 20);
}

/* 6.15.5 */
static void full_status(struct wire_world *world)
{
	struct wire *a, *b;
	uint32_t len;
	const uint8_t *p, *end;

	two_sessions(world, &a, &b);
	assert_int_equal(pr_out(b, RESERVE, EA, KEY_B, 0), GOOD);
	p = pr_in(a, READ_FULL_STATUS, 2, &len);
	end = p + len;
	p = expect_status(p, KEY_A, false, a->isid);
	p = expect_status(p, KEY_B, true, b->isid);
	assert_ptr_equal(p, end);
	p = pr_in(a, READ_RESERVATION, 2, &len);
	assert_int_equal(len, 16);
	assert_true(get_be64(p) == KEY_B);
	assert_int_equal(p[13], EA);
}

static const struct wire_case cases[] = {
	REAL(what_passed_conflicts), REAL(reserved_among_reads),
	REAL(preempt_and_abort),     CASE(preempt_and_abort_of_what_is_at_the_disk),
	REAL(unit_attentions),       REAL(a_logout_changes_nothing),
	REAL(full_status),
};
WIRE_THEME_DEFINE(reservation);

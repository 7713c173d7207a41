/* SPDX-License-Identifier: BSD-2-Clause */
/* A LUN that becomes another disk: nothing that was for the one before may reach it. The test is the target. */
#include "ini_rig.h"

#include <time.h>
#include "liblunar/priv.h"
#include "lunar/scsi.h"

#define READ_10  0x28
#define WRITE_10 0x2a

struct guard_rig {
	struct rig rig; /* its session is the library's */
	struct lunar *l;
	struct lunar_session *s;
	unsigned asked; /* questions that were answered */
};

struct cmd {
	struct lunar_task task;
	struct iovec iov;
	uint8_t data[512];
	unsigned done;
	int err;
};

static uint64_t now(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * SEC + (uint64_t)ts.tv_nsec;
}

static int setup(void **state)
{
	struct guard_rig *g = calloc(1, sizeof(*g));
	assert_non_null(g);
	assert_int_equal(lunar_new(&g->l), 0);
	assert_int_equal(lunar_session_new(g->l, &g->s), 0);
	lunar_set(g->s, "portal", "192.0.2.1");
	lunar_set(g->s, "target", "iqn.2001-04.com.example:disk");
	assert_int_equal(lunar_start(g->s), 0);
	/* The library never gets a turn: its sockets stay as they are, and the bytes go through here. */
	g->rig.s = g->s->ini;
	g->rig.window = 32;
	g->rig.connecting = true;
	g->rig.now = now();
	rig_log_in(&g->rig);
	*state = g;
	return 0;
}

static int teardown(void **state)
{
	struct guard_rig *g = *state;
	lunar_free(g->l);
	free(g);
	return 0;
}

static void log_in_again(struct guard_rig *g)
{
	struct rig *r = &g->rig;
	ini_lost(r->s, -ECONNRESET, r->now);
	ini_closed(r->s, r->now);
	for (int i = 0; i < 100 && lunar_state(g->s) != LUNAR_CONNECTING; i++) {
		r->now = MAX(r->now, ini_deadline(r->s));
		ini_tick(r->s, r->now);
	}
	r->connecting = true;
	rig_log_in(r);
}

/* --- the target */

static void answer(struct guard_rig *g, const void *data, uint32_t len)
{
	struct iscsi_data_in in = {.opcode = ISCSI_DATA_IN, .flags = 0x81};
	memcpy(in.itt, g->rig.bhs.itt, sizeof(in.itt));
	put_be32(in.ttt, ISCSI_RESERVED_TAG);
	rig_say(&g->rig, &in, data, len);
}

static void answer_good(struct guard_rig *g)
{
	struct iscsi_scsi_response rsp = {.opcode = ISCSI_SCSI_RESPONSE, .flags = ISCSI_FINAL};
	memcpy(rsp.itt, g->rig.bhs.itt, sizeof(rsp.itt));
	rig_say(&g->rig, &rsp, NULL, 0);
}

static void answer_sense(struct guard_rig *g, uint8_t key, uint16_t code)
{
	struct iscsi_scsi_response rsp = {
		.opcode = ISCSI_SCSI_RESPONSE, .flags = ISCSI_FINAL, .status = 2};
	uint8_t data[20] = {0, 18, 0x70, 0, key, 0, 0, 0, 0, 10};
	put_be16(data + 2 + 12, code);
	memcpy(rsp.itt, g->rig.bhs.itt, sizeof(rsp.itt));
	rig_say(&g->rig, &rsp, data, sizeof(data));
}

/* Expects INQUIRY and answers it, of a disk whose NAA ends in `who`. */
static void say_who(struct guard_rig *g, uint8_t who)
{
	const struct iscsi_scsi_command *c = (const void *)&g->rig.bhs;
	uint8_t p[96] = {0};
	assert_int_equal(c->cdb[0], 0x12);
	g->asked++;
	if (!c->cdb[1]) {
		memcpy(p + 8, "LUNAR   VIRTUAL-DISK    0.1 ", 28);
		answer(g, p, 96);
	} else if (c->cdb[2] == 0) {
		p[3] = 2;
		p[4] = 0;
		p[5] = 0x83;
		answer(g, p, 6);
	} else {
		assert_int_equal(c->cdb[2], 0x83);
		p[1] = 0x83;
		p[3] = 12;
		p[4] = 1;
		p[5] = 3;
		p[7] = 8;
		p[8] = 0x50;
		p[15] = who;
		answer(g, p, 16);
	}
}

static void say_who_whole(struct guard_rig *g, uint8_t who)
{
	for (int i = 0; i < 3; i++) {
		rig_expect(&g->rig, ISCSI_SCSI_COMMAND);
		say_who(g, who);
	}
}

static uint8_t opcode(const struct guard_rig *g)
{
	return ((const struct iscsi_scsi_command *)&g->rig.bhs)->cdb[0];
}

/* --- the program */

static void on_done(struct lunar_task *t, int err)
{
	struct cmd *c = container_of(t, struct cmd, task);
	c->done++;
	c->err = err;
}

static int submit(struct guard_rig *g, struct cmd *c, uint64_t lun, bool write)
{
	memset(c, 0, sizeof(*c));
	c->iov = (struct iovec){c->data, sizeof(c->data)};
	if (write)
		lunar_prepare_write(&c->task, lun, 0, 1, 512, &c->iov, 1, 0);
	else
		lunar_prepare_read(&c->task, lun, 0, 1, 512, &c->iov, 1, 0);
	c->task.done = on_done;
	return lunar_submit(g->s, &c->task);
}

/* A write that was answered, to disk `who`. */
static void used(struct guard_rig *g, uint8_t who)
{
	struct cmd c;
	assert_int_equal(submit(g, &c, 0, true), 0);
	say_who_whole(g, who);
	rig_expect(&g->rig, ISCSI_SCSI_COMMAND);
	assert_int_equal(opcode(g), WRITE_10);
	answer_good(g);
	assert_int_equal(c.done, 1);
	assert_int_equal(c.err, 0);
}

/* --- cases */

static void asked_once(void **state)
{
	struct guard_rig *g = *state;
	struct cmd c;
	used(g, 1);
	assert_int_equal(g->asked, 3);
	assert_int_equal(submit(g, &c, 0, true), 0);
	rig_expect(&g->rig, ISCSI_SCSI_COMMAND);
	assert_int_equal(opcode(g), WRITE_10);
	answer_good(g);
	assert_int_equal(c.done, 1);
}

static void same_disk_goes_on(void **state)
{
	struct guard_rig *g = *state;
	struct cmd under_way, waits;
	used(g, 1);
	assert_int_equal(submit(g, &under_way, 0, true), 0);
	rig_expect(&g->rig, ISCSI_SCSI_COMMAND);
	log_in_again(g);
	assert_int_equal(submit(g, &waits, 0, false), 0);
	rig_expect(&g->rig, ISCSI_SCSI_COMMAND);
	/* Nothing else is there to be sent until it has said who it is. */
	uint8_t question[48];
	memcpy(question, &g->rig.bhs, sizeof(question));
	assert_int_equal(opcode(g), 0x12);
	assert_false(rig_next(&g->rig));
	memcpy(&g->rig.bhs, question, sizeof(question));
	say_who(g, 1);
	for (int i = 0; i < 2; i++) {
		rig_expect(&g->rig, ISCSI_SCSI_COMMAND);
		say_who(g, 1);
	}
	rig_expect(&g->rig, ISCSI_SCSI_COMMAND);
	assert_int_equal(opcode(g), WRITE_10);
	answer_good(g);
	rig_expect(&g->rig, ISCSI_SCSI_COMMAND);
	assert_int_equal(opcode(g), READ_10);
	assert_int_equal(under_way.done, 1);
	assert_int_equal(under_way.err, 0);
	answer(g, waits.data, sizeof(waits.data));
	assert_int_equal(waits.done, 1);
}

static void other_disk_gets_nothing(void **state)
{
	struct guard_rig *g = *state;
	struct cmd under_way, waits, late, else_where;
	used(g, 1);
	assert_int_equal(submit(g, &under_way, 0, true), 0);
	rig_expect(&g->rig, ISCSI_SCSI_COMMAND);
	log_in_again(g);
	assert_int_equal(submit(g, &waits, 0, true), 0);
	say_who_whole(g, 2);
	assert_false(rig_next(&g->rig));
	assert_int_equal(under_way.done, 1);
	assert_int_equal(under_way.err, -ESTALE);
	assert_int_equal(waits.done, 1);
	assert_int_equal(waits.err, -ESTALE);
	assert_int_equal(lunar_why(g->s), LUNAR_OTHER_DISK);
	assert_non_null(strstr(lunar_error(g->s), "another disk"));
	assert_int_equal(submit(g, &late, 0, false), -ESTALE);
	assert_int_equal(lunar_task_result(&under_way.task, under_way.err), -ESTALE);
	/* Other LUNs do not mind. */
	assert_int_equal(submit(g, &else_where, 1, false), 0);
	say_who_whole(g, 3);
	rig_expect(&g->rig, ISCSI_SCSI_COMMAND);
	assert_int_equal(opcode(g), READ_10);
	/* Nor does it become good by another login, even if the old one is back. */
	log_in_again(g);
	say_who_whole(g, 1);
	say_who_whole(g, 3);
	assert_int_equal(submit(g, &late, 0, false), -ESTALE);
	rig_expect(&g->rig, ISCSI_SCSI_COMMAND);
	assert_int_equal(opcode(g), READ_10);
	answer(g, else_where.data, sizeof(else_where.data));
	assert_int_equal(else_where.done, 1);
	assert_int_equal(else_where.err, 0);
}

static void lost_while_asking(void **state)
{
	struct guard_rig *g = *state;
	struct cmd c;
	used(g, 1);
	assert_int_equal(submit(g, &c, 0, true), 0);
	rig_expect(&g->rig, ISCSI_SCSI_COMMAND);
	log_in_again(g);
	rig_expect(&g->rig, ISCSI_SCSI_COMMAND);
	say_who(g, 1); /* half of it, then all is asked anew */
	log_in_again(g);
	rig_expect(&g->rig, ISCSI_SCSI_COMMAND);
	say_who(g, 1);
	say_who_whole(g, 2);
	assert_int_equal(c.err, -ESTALE);
	assert_false(rig_next(&g->rig));
}

static void gone_is_not_other(void **state)
{
	struct guard_rig *g = *state;
	struct cmd c;
	used(g, 1);
	log_in_again(g);
	assert_int_equal(submit(g, &c, 0, true), 0);
	rig_expect(&g->rig, ISCSI_SCSI_COMMAND);
	answer_sense(g, 5, 0x2500);
	assert_int_equal(c.err, -ENXIO);
	/* It is asked again for the next command, and when it is back it is good. */
	assert_int_equal(submit(g, &c, 0, true), 0);
	say_who_whole(g, 1);
	rig_expect(&g->rig, ISCSI_SCSI_COMMAND);
	assert_int_equal(opcode(g), WRITE_10);
	answer_good(g);
	assert_int_equal(c.err, 0);
}

static void never_known_answers_for_itself(void **state)
{
	struct guard_rig *g = *state;
	struct cmd c;
	assert_int_equal(submit(g, &c, 7, false), 0);
	rig_expect(&g->rig, ISCSI_SCSI_COMMAND);
	answer_sense(g, 5, 0x2500);
	rig_expect(&g->rig, ISCSI_SCSI_COMMAND);
	assert_int_equal(opcode(g), READ_10);
	answer_sense(g, 5, 0x2500);
	assert_int_equal(c.err, 0);
	assert_int_equal(lunar_task_result(&c.task, 0), -ENXIO);
}

static void attention_asks(void **state)
{
	struct guard_rig *g = *state;
	struct cmd c;
	used(g, 1);
	assert_int_equal(submit(g, &c, 0, true), 0);
	rig_expect(&g->rig, ISCSI_SCSI_COMMAND);
	answer_sense(g, 6, 0x3f0e);
	say_who_whole(g, 2);
	assert_int_equal(c.err, -ESTALE);
	assert_false(rig_next(&g->rig));
}

static void freed_by_done(void **state)
{
	struct guard_rig *g = *state;
	struct cmd c;
	used(g, 1);
	assert_int_equal(submit(g, &c, 0, true), 0);
	rig_expect(&g->rig, ISCSI_SCSI_COMMAND);
	log_in_again(g);
	rig_expect(&g->rig, ISCSI_SCSI_COMMAND);
	lunar_session_free(g->s);
	assert_int_equal(c.done, 1);
	assert_int_equal(c.err, -ESHUTDOWN);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(asked_once),
		CASE(same_disk_goes_on),
		CASE(other_disk_gets_nothing),
		CASE(lost_while_asking),
		CASE(gone_is_not_other),
		CASE(never_known_answers_for_itself),
		CASE(attention_asks),
		CASE(freed_by_done),
	};
	return cmocka_run_group_tests_name("lunar_guard", tests, NULL, NULL);
}

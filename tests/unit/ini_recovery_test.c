/* SPDX-License-Identifier: BSD-2-Clause */
/* Recovery and its times, with a target that does what each row of the machine is about. */
#include "ini_rig.h"
#include "initiator/discovery.h"
#include "initiator/sense.h"

static void lose(struct rig *r)
{
	ini_lost(r->s, -ECONNRESET, r->now);
	assert_int_equal(r->why.reason, INI_LOST);
	rig_closed(r);
	assert_int_equal(r->state, INI_WAITING);
}

/* --- when it is tried again */

static void back_off(void **state)
{
	static const uint64_t after[] = {0, 100, 200, 400, 800, 800, 800};
	static struct rig r;
	rig_new(&r, NULL);
	rig_log_in(&r);
	rig_pass(&r, 4 * SEC);
	lose(&r);
	for (size_t i = 0; i < ARRAY_SIZE(after); i++) {
		unsigned connects = r.connects;
		if (after[i])
			rig_pass(&r, after[i] * MS - 1);
		assert_int_equal(r.connects, connects);
		rig_pass(&r, 1);
		assert_int_equal(r.connects, connects + 1);
		rig_refused(&r, -ECONNREFUSED);
		assert_int_equal(ini_last_why(r.s)->reason, INI_REFUSED);
	}
	/* Somebody knows that the target is there. */
	ini_hurry(r.s, r.now);
	rig_pass(&r, 0);
	assert_true(r.connecting);
	rig_log_in(&r);
	/* One that is lost at once does not make us come back ever faster. */
	lose(&r);
	rig_pass(&r, 700 * MS);
	assert_false(r.connecting);
	rig_free(&r);
}

static void time2wait_is_waited(void **state)
{
	static const char text[] = "InitialR2T=Yes\0ImmediateData=No\0MaxBurstLength=262144\0"
				   "FirstBurstLength=65536\0DefaultTime2Wait=3";
	static struct rig r;
	rig_new(&r, NULL);
	rig_log_in_with(&r, text, sizeof(text));
	rig_pass(&r, 2 * SEC);
	lose(&r);
	ini_hurry(r.s, r.now);
	rig_pass(&r, 3 * SEC - 1);
	assert_int_equal(r.connects, 1);
	rig_pass(&r, 1);
	assert_int_equal(r.connects, 2);
	rig_free(&r);
}

static void nobody_answers(void **state)
{
	static struct rig r;
	struct ini_config c;
	rig_config(&c);
	rig_new(&r, NULL);
	rig_pass(&r, 15 * SEC);
	rig_closed(&r);
	assert_int_equal(r.state, INI_ENDED);
	assert_int_equal(r.why.reason, INI_CONNECT_TIMEOUT);
	ini_session_free(r.s, false);

	rig_new(&r, NULL);
	rig_connected(&r);
	rig_pass(&r, 15 * SEC);
	rig_closed(&r);
	assert_int_equal(r.why.reason, INI_LOGIN_TIMEOUT);
	ini_session_free(r.s, false);

	/* With patience it is tried again, as long as that is of any use. */
	c.patience = 40 * SEC;
	rig_new(&r, &c);
	rig_refused(&r, -EHOSTUNREACH);
	assert_int_equal(r.state, INI_WAITING);
	rig_await(&r);
	rig_connected(&r);
	rig_expect(&r, ISCSI_LOGIN_REQUEST);
	rig_login_answer(&r, ISCSI_LOGIN_UNAVAILABLE, 0, NULL, 0);
	rig_closed(&r);
	assert_int_equal(r.state, INI_WAITING);
	rig_await(&r);
	rig_connected(&r);
	rig_expect(&r, ISCSI_LOGIN_REQUEST);
	rig_login_answer(&r, ISCSI_LOGIN_NOT_FOUND, 0, NULL, 0);
	rig_closed(&r);
	assert_int_equal(r.state, INI_ENDED);
	assert_int_equal(r.why.reason, INI_NO_SUCH_TARGET);
	assert_int_equal(r.why.status, ISCSI_LOGIN_NOT_FOUND);
	ini_session_free(r.s, false);
}

/* Once there was a session even a refusal is waited out. */
static void a_target_that_is_not_ready_yet(void **state)
{
	static const uint16_t status[] = {ISCSI_LOGIN_NOT_FOUND, ISCSI_LOGIN_FORBIDDEN,
					  ISCSI_LOGIN_UNAVAILABLE, ISCSI_LOGIN_AUTH_FAILED};
	static struct rig r;
	rig_new(&r, NULL);
	rig_log_in(&r);
	struct rig_cmd *c = rig_submit(&r, 512, 0);
	rig_drain(&r);
	rig_pass(&r, 2 * SEC);
	lose(&r);
	for (size_t i = 0; i < ARRAY_SIZE(status); i++) {
		rig_await(&r);
		rig_connected(&r);
		rig_expect(&r, ISCSI_LOGIN_REQUEST);
		rig_login_answer(&r, status[i], 0, NULL, 0);
		rig_closed(&r);
		assert_int_equal(r.state, INI_WAITING);
		assert_int_equal(r.why.status, status[i]);
	}
	rig_await(&r);
	rig_log_in(&r);
	rig_drain(&r);
	rig_good(&r, c);
	assert_int_equal(c->done, 1);
	assert_int_equal(c->task.issues, 2);
	free(c);
	rig_free(&r);
}

/* --- what becomes of commands */

static void order_and_once(void **state)
{
	enum { N = 40 };
	static struct rig r;
	struct rig_cmd *c[N];
	rig_new(&r, NULL);
	r.window = 16;
	rig_log_in(&r);
	for (unsigned i = 0; i < N; i++) {
		c[i] = rig_cmd(512, 0);
		c[i]->task.cdb[9] = (uint8_t)i;
		if (i == 5)
			c[i]->task.flags = 0; /* not to be issued twice */
		assert_int_equal(ini_submit(r.s, &c[i]->task, r.now), 0);
	}
	rig_drain(&r);
	rig_good(&r, c[2]);
	rig_drain(&r);
	lose(&r);
	assert_int_equal(c[5]->done, 0); /* nobody knows yet */
	rig_await(&r);
	r.window = N;
	rig_log_in(&r);
	assert_int_equal(c[5]->done, 1);
	assert_int_equal(c[5]->err, -ECONNRESET);
	assert_false(c[5]->task.unknown);
	for (unsigned i = 0; i < N; i++) {
		if (i == 2 || i == 5)
			continue;
		rig_expect(&r, ISCSI_SCSI_COMMAND);
		assert_int_equal(((struct iscsi_scsi_command *)&r.bhs)->cdb[9], i);
	}
	rig_drain(&r);
	for (unsigned i = 0; i < N; i++) {
		if (i != 2 && i != 5)
			rig_good(&r, c[N - 1 - i == 2 || N - 1 - i == 5 ? i : i]);
		assert_int_equal(c[i]->done, 1);
		free(c[i]);
	}
	rig_free(&r);
}

static void an_outage_longer_than_its_policy(void **state)
{
	static struct rig r;
	struct ini_config config;
	rig_config(&config);
	config.outage = 5 * SEC;
	rig_new(&r, &config);
	rig_log_in(&r);
	struct rig_cmd *under_way = rig_submit(&r, 512, 0), *later = rig_cmd(512, 0);
	rig_drain(&r);
	rig_pass(&r, 2 * SEC);
	ini_lost(r.s, 0, r.now);
	rig_closed(&r);
	assert_int_equal(ini_submit(r.s, &later->task, r.now), 0);
	rig_pass(&r, 2 * SEC); /* and nobody is there */
	if (r.closing)
		rig_closed(&r);
	assert_int_equal(under_way->done + later->done, 0);
	rig_pass(&r, 3 * SEC);
	assert_int_equal(r.events[INI_OUTAGE], 1);
	assert_int_equal(under_way->err, -EHOSTDOWN);
	assert_true(under_way->task.unknown);
	assert_int_equal(later->err, -EHOSTDOWN);
	assert_false(later->task.unknown);
	assert_int_equal(ini_submit(r.s, &later->task, r.now), -EHOSTDOWN);
	if (r.closing)
		rig_closed(&r);
	rig_await(&r);
	rig_log_in(&r);
	assert_int_equal(ini_submit(r.s, &later->task, r.now), 0);
	rig_drain(&r);
	rig_good(&r, later);
	assert_int_equal(later->done, 2);
	assert_int_equal(under_way->done, 1);
	free(under_way);
	free(later);
	rig_free(&r);
}

static void statuses_that_pass(void **state)
{
	static struct rig r;
	rig_new(&r, NULL);
	rig_log_in(&r);
	struct rig_cmd *c = rig_submit(&r, 0, 0);
	rig_expect(&r, ISCSI_SCSI_COMMAND);
	rig_sense(&r, c, SCSI_KEY_UNIT_ATTENTION, SCSI_ASC_CAPACITY_CHANGED);
	assert_int_equal(r.events[INI_UNIT_ATTENTION], 1);
	assert_int_equal(r.event.asc_ascq, SCSI_ASC_CAPACITY_CHANGED);
	rig_expect(&r, ISCSI_SCSI_COMMAND);
	/* BUSY, later and later, for thirty seconds. */
	uint64_t began = r.now;
	while (!c->done) {
		struct iscsi_scsi_response rsp = {
			.opcode = ISCSI_SCSI_RESPONSE,
			.flags = ISCSI_FINAL,
			.status = c->task.issues % 2 ? SCSI_BUSY : SCSI_TASK_SET_FULL};
		put_be32(rsp.itt, c->task.tag);
		rig_say(&r, &rsp, NULL, 0);
		for (int i = 0; i < 200 && !c->done && !rig_next(&r); i++) {
			struct iscsi_nop_in nop = {.opcode = ISCSI_NOP_IN, .flags = ISCSI_FINAL};
			put_be32(nop.itt, ISCSI_RESERVED_TAG);
			put_be32(nop.ttt, ISCSI_RESERVED_TAG);
			put_be32(nop.expcmdsn, r.expcmdsn);
			put_be32(nop.maxcmdsn, r.expcmdsn + 31);
			rig_raw(&r, &nop, NULL, 0); /* it is alive */
			rig_pass(&r, 10 * MS);
		}
	}
	assert_int_equal(c->err, 0);
	assert_true(r.now - began >= 30 * SEC && r.now - began < 33 * SEC);
	assert_true(c->task.issues > 20 && c->task.issues < 60);
	/* A reservation conflict is the owner's, and so is everything of a raw command. */
	struct iscsi_scsi_response rsp = {
		.opcode = ISCSI_SCSI_RESPONSE, .flags = ISCSI_FINAL, .status = 0x18};
	assert_int_equal(ini_submit(r.s, &c->task, r.now), 0);
	rig_drain(&r);
	put_be32(rsp.itt, c->task.tag);
	rig_say(&r, &rsp, NULL, 0);
	assert_int_equal(c->done, 2);
	assert_int_equal(c->task.status, SCSI_RESERVATION_CONFLICT);
	c->task.flags |= INI_RAW;
	assert_int_equal(ini_submit(r.s, &c->task, r.now), 0);
	rig_drain(&r);
	rig_sense(&r, c, SCSI_KEY_UNIT_ATTENTION, SCSI_ASC_LUNS_CHANGED);
	assert_int_equal(c->done, 3);
	assert_int_equal(c->task.status, SCSI_CHECK_CONDITION);
	free(c);
	rig_free(&r);
}

/* --- deadlines */

static void answer_tmf(struct rig *r, uint8_t response)
{
	struct iscsi_tmf_response rsp = {
		.opcode = ISCSI_TMF_RESPONSE, .flags = ISCSI_FINAL, .response = response};
	memcpy(rsp.itt, r->bhs.itt, sizeof(rsp.itt));
	rig_say(r, &rsp, NULL, 0);
}

static uint8_t function(const struct rig *r)
{
	assert_int_equal(iscsi_opcode(&r->bhs), ISCSI_TMF_REQUEST);
	return r->bhs.flags & 0x7f;
}

static struct rig_cmd *timed(struct rig *r, struct ini_config *c)
{
	rig_config(c);
	c->times.ping_interval = 0;
	rig_new(r, c);
	rig_log_in(r);
	struct rig_cmd *cmd = rig_cmd(512, 0);
	cmd->task.deadline = r->now + 3 * SEC;
	assert_int_equal(ini_submit(r->s, &cmd->task, r->now), 0);
	rig_drain(r);
	rig_pass(r, 3 * SEC);
	rig_expect(r, ISCSI_TMF_REQUEST);
	assert_int_equal(function(r), ISCSI_TMF_ABORT_TASK);
	assert_int_equal(get_be32(((struct iscsi_tmf_request *)&r->bhs)->referenced_tag),
			 cmd->task.tag);
	assert_int_equal(cmd->done, 0);
	return cmd;
}

static void a_deadline(void **state)
{
	static struct rig r;
	struct ini_config config;
	for (int no_task = 0; no_task < 2; no_task++) {
		struct rig_cmd *c = timed(&r, &config);
		answer_tmf(&r, no_task ? ISCSI_TMF_NO_TASK : ISCSI_TMF_COMPLETE);
		assert_int_equal(c->done, 1);
		assert_int_equal(c->err, -ETIMEDOUT);
		assert_false(c->task.unknown);
		free(c);
		rig_free(&r);
	}
	/* It is answered while it is being aborted. */
	struct rig_cmd *c = timed(&r, &config);
	struct iscsi_bhs tmf = r.bhs;
	rig_good(&r, c);
	assert_int_equal(c->done, 1);
	assert_int_equal(c->err, 0);
	r.bhs = tmf;
	answer_tmf(&r, ISCSI_TMF_NO_TASK);
	assert_int_equal(c->done, 1);
	free(c);
	rig_free(&r);
}

static void what_does_not_abort_is_reset(void **state)
{
	static struct rig r;
	struct ini_config config;
	for (int silent = 0; silent < 2; silent++) {
		struct rig_cmd *c = timed(&r, &config), *other = rig_submit(&r, 512, 0);
		struct rig_cmd *once = rig_cmd(512, 0);
		once->task.flags = 0;
		assert_int_equal(ini_submit(r.s, &once->task, r.now), 0);
		struct iscsi_bhs late = r.bhs;
		rig_expect(&r, ISCSI_SCSI_COMMAND);
		rig_expect(&r, ISCSI_SCSI_COMMAND);
		r.bhs = late;
		if (silent)
			rig_pass(&r, 10 * SEC);
		else
			answer_tmf(&r, ISCSI_TMF_REJECTED);
		rig_expect(&r, ISCSI_TMF_REQUEST);
		assert_int_equal(function(&r), ISCSI_TMF_LOGICAL_UNIT_RESET);
		struct iscsi_bhs reset = r.bhs;
		if (silent) { /* too late, and no harm */
			r.bhs = late;
			answer_tmf(&r, ISCSI_TMF_COMPLETE);
			r.bhs = reset;
		}
		assert_int_equal(c->done, 0);
		answer_tmf(&r, ISCSI_TMF_COMPLETE);
		assert_int_equal(c->err, -ETIMEDOUT);
		assert_int_equal(once->err, -ECANCELED);
		/* The others on that LUN are no more, either. */
		assert_int_equal(other->done, 0);
		rig_expect(&r, ISCSI_SCSI_COMMAND);
		rig_good(&r, other);
		assert_int_equal(other->done, 1);
		assert_int_equal(other->task.issues, 2);
		free(c);
		free(other);
		free(once);
		rig_free(&r);
	}
}

static void what_does_not_reset_is_dropped(void **state)
{
	static struct rig r;
	struct ini_config config;
	struct rig_cmd *c = timed(&r, &config);
	rig_pass(&r, 10 * SEC);
	rig_expect(&r, ISCSI_TMF_REQUEST);
	rig_pass(&r, 15 * SEC);
	assert_true(r.closing);
	assert_int_equal(r.why.reason, INI_STUCK);
	assert_int_equal(c->done, 0);
	rig_closed(&r);
	rig_pass(&r, 20 * MS);
	assert_int_equal(c->done, 1);
	assert_int_equal(c->err, -ETIMEDOUT);
	assert_true(c->task.unknown);
	free(c);
	rig_free(&r);
}

/* Without a deadline: it is aborted, and issued again. */
static void a_command_that_is_not_answered(void **state)
{
	static struct rig r;
	struct ini_config config;
	rig_config(&config);
	config.times.ping_interval = 0;
	rig_new(&r, &config);
	rig_log_in(&r);
	struct rig_cmd *c = rig_submit(&r, 512, 0);
	rig_drain(&r);
	rig_pass(&r, 30 * SEC);
	rig_expect(&r, ISCSI_TMF_REQUEST);
	answer_tmf(&r, ISCSI_TMF_COMPLETE);
	assert_int_equal(c->done, 0);
	rig_expect(&r, ISCSI_SCSI_COMMAND);
	rig_good(&r, c);
	assert_int_equal(c->done, 1);
	assert_int_equal(c->err, 0);
	free(c);
	rig_free(&r);
}

/* --- pings */

static void a_dead_connection_is_noticed(void **state)
{
	static struct rig r;
	rig_new(&r, NULL);
	rig_log_in(&r);
	rig_pass(&r, 5 * SEC);
	rig_expect(&r, ISCSI_NOP_OUT);
	struct iscsi_nop_in nop = {.opcode = ISCSI_NOP_IN, .flags = ISCSI_FINAL};
	memcpy(nop.itt, r.bhs.itt, sizeof(nop.itt));
	put_be32(nop.ttt, ISCSI_RESERVED_TAG);
	rig_say(&r, &nop, NULL, 0);
	rig_pass(&r, 5 * SEC - 1);
	assert_false(rig_next(&r));
	rig_pass(&r, 1);
	rig_expect(&r, ISCSI_NOP_OUT);
	rig_pass(&r, 5 * SEC);
	assert_true(r.closing);
	assert_int_equal(r.why.reason, INI_NO_ANSWER);
	rig_free(&r);
}

/* --- asynchronous messages */

static void say_async(struct rig *r, uint8_t event, uint16_t p2, uint16_t p3)
{
	struct iscsi_async_message m = {
		.opcode = ISCSI_ASYNC_MESSAGE, .flags = ISCSI_FINAL, .event = event};
	memset(m.itt, 0xff, sizeof(m.itt));
	put_be16(m.parameter2, p2);
	put_be16(m.parameter3, p3);
	rig_say(r, &m, NULL, 0);
}

static void asked_to_log_out(void **state)
{
	static struct rig r;
	for (int late = 0; late < 2; late++) {
		rig_new(&r, NULL);
		rig_log_in(&r);
		struct rig_cmd *c = rig_submit(&r, 512, 0), *next = NULL;
		rig_drain(&r);
		say_async(&r, ISCSI_ASYNC_LOGOUT_REQUEST, 0, 4);
		assert_int_equal(r.events[INI_LOGOUT_ASKED], 1);
		next = rig_submit(&r, 512, 0);
		assert_false(rig_next(&r)); /* nothing new, and what is under way may end */
		if (late)
			rig_pass(&r, 2 * SEC);
		else
			rig_good(&r, c);
		rig_expect(&r, ISCSI_LOGOUT_REQUEST);
		struct iscsi_logout_response rsp = {.opcode = ISCSI_LOGOUT_RESPONSE,
						    .flags = ISCSI_FINAL};
		memcpy(rsp.itt, r.bhs.itt, sizeof(rsp.itt));
		rig_say(&r, &rsp, NULL, 0);
		rig_closed(&r);
		rig_await(&r);
		rig_log_in(&r);
		rig_drain(&r);
		if (late)
			rig_good(&r, c);
		rig_good(&r, next);
		assert_int_equal(c->done + next->done, 2);
		free(c);
		free(next);
		rig_free(&r);
	}
}

static void told_of_a_drop(void **state)
{
	static struct rig r;
	rig_new(&r, NULL);
	rig_log_in(&r);
	rig_pass(&r, 2 * SEC);
	say_async(&r, ISCSI_ASYNC_SESSION_DROP, 7, 0);
	assert_int_equal(r.why.reason, INI_DROPPED);
	rig_closed(&r);
	rig_pass(&r, 7 * SEC - 1);
	assert_int_equal(r.connects, 1);
	rig_pass(&r, 1);
	assert_int_equal(r.connects, 2);
	rig_log_in(&r);
	say_async(&r, 250, 1, 2);
	assert_int_equal(r.events[INI_VENDOR_ASYNC], 1);
	assert_int_equal(r.state, INI_UP);
	say_async(&r, ISCSI_ASYNC_SCSI, 0, 0);
	assert_int_equal(r.events[INI_SCSI_ASYNC], 1);
	assert_int_equal(r.state, INI_UP);
	rig_free(&r);
}

/* --- redirection */

static void moved(void **state)
{
	static const char to[] = "TargetAddress=[2001:db8::7]:860";
	static struct rig r;
	for (int for_good = 0; for_good < 2; for_good++) {
		rig_new(&r, NULL);
		rig_connected(&r);
		rig_expect(&r, ISCSI_LOGIN_REQUEST);
		rig_login_answer(&r,
				 for_good ? ISCSI_LOGIN_MOVED_PERMANENTLY
					  : ISCSI_LOGIN_MOVED_TEMPORARILY,
				 0, to, sizeof(to));
		rig_closed(&r);
		assert_string_equal(r.address, "[2001:db8::7]:860");
		assert_int_equal(r.events[INI_MOVED_FOR_GOOD], for_good);
		rig_log_in(&r);
		rig_pass(&r, 2 * SEC);
		lose(&r);
		rig_pass(&r, 0);
		assert_string_equal(r.address, for_good ? "[2001:db8::7]:860" : "192.0.2.1:3260");
		rig_free(&r);
	}
}

/* --- the end */

static void every_state_can_be_ended(void **state)
{
	static struct rig r;
	for (int at = 0; at < 7; at++) {
		for (int force = 0; force < 2; force++) {
			rig_new(&r, NULL);
			struct rig_cmd *c = rig_submit(&r, 512, 0);
			if (at >= 1)
				rig_connected(&r);
			if (at >= 2) {
				rig_expect(&r, ISCSI_LOGIN_REQUEST);
				r.tsih = 9;
				rig_login_answer(&r, 0, 0x87, RIG_ANSWERS, sizeof(RIG_ANSWERS));
				rig_drain(&r);
			}
			if (at == 3)
				say_async(&r, ISCSI_ASYNC_LOGOUT_REQUEST, 0, 100);
			if (at >= 4)
				ini_lost(r.s, 0, r.now);
			if (at >= 5)
				rig_closed(&r);
			if (at == 6) { /* and the login after that fails */
				rig_await(&r);
				rig_connected(&r);
			}
			ini_stop(r.s, force, r.now);
			rig_pass(&r, 30 * SEC);
			if (r.closing)
				rig_closed(&r);
			assert_int_equal(r.state, INI_ENDED);
			assert_int_equal(c->done, 1);
			assert_int_equal(c->err, -ESHUTDOWN);
			assert_int_equal(ini_deadline(r.s), INI_NEVER);
			assert_int_equal(ini_submit(r.s, &c->task, r.now), -ESHUTDOWN);
			/* And begun anew. */
			ini_start(r.s, r.now);
			rig_log_in(&r);
			rig_free(&r);
			free(c);
		}
	}
}

static void an_orderly_logout(void **state)
{
	static struct rig r;
	rig_new(&r, NULL);
	rig_log_in(&r);
	struct rig_cmd *c = rig_submit(&r, 512, 0);
	rig_drain(&r);
	ini_stop(r.s, false, r.now);
	struct rig_cmd *late = rig_cmd(0, 0);
	assert_int_equal(ini_submit(r.s, &late->task, r.now), -ESHUTDOWN);
	free(late);
	assert_false(rig_next(&r));
	rig_good(&r, c);
	rig_expect(&r, ISCSI_LOGOUT_REQUEST);
	assert_int_equal(c->err, 0);
	struct iscsi_logout_response rsp = {.opcode = ISCSI_LOGOUT_RESPONSE, .flags = ISCSI_FINAL};
	memcpy(rsp.itt, r.bhs.itt, sizeof(rsp.itt));
	rig_say(&r, &rsp, NULL, 0);
	rig_closed(&r);
	assert_int_equal(r.state, INI_ENDED);
	assert_int_equal(r.why.reason, INI_STOPPED);
	ini_session_free(r.s, false);
	free(c);
}

/* --- Rejects */

static void rejects(void **state)
{
	static struct rig r;
	struct iscsi_reject rej = {
		.opcode = ISCSI_REJECT, .flags = ISCSI_FINAL, .reason = ISCSI_REJECT_DATA_DIGEST};
	rig_new(&r, NULL);
	rig_log_in(&r);
	struct rig_cmd *c = rig_submit(&r, 512, 0);
	rig_expect(&r, ISCSI_SCSI_COMMAND);
	struct iscsi_bhs command = r.bhs;
	/* Damaged data: the target says with a response how that ends, and it is tried again. */
	rig_say(&r, &rej, &command, sizeof(command));
	assert_int_equal(r.events[INI_REJECTED], 1);
	assert_int_equal(c->done, 0);
	rig_sense(&r, c, SCSI_KEY_ABORTED_COMMAND, SCSI_ASC_PROTOCOL_CRC);
	assert_int_equal(c->done, 0);
	rig_expect(&r, ISCSI_SCSI_COMMAND);
	command = r.bhs;
	rej.reason = ISCSI_REJECT_NOT_SUPPORTED;
	rig_say(&r, &rej, &command, sizeof(command));
	assert_int_equal(c->done, 1);
	assert_int_equal(c->err, -EREMOTEIO);
	assert_true(r.closing); /* for its CmdSN may be a gap */
	free(c);
	rig_free(&r);
}

/* --- what is read by itself */

static unsigned count;
static char last[300];

static void one_target(void *ctx, const char *name)
{
	count++;
	snprintf(last, sizeof(last), "%s", name);
}

static void one_address(void *ctx, const char *name, const struct ini_address *a)
{
	char text[ISCSI_ADDRESS_SIZE];
	count += 100;
	snprintf(last, sizeof(last), "%s %s,%d", name, ini_address_format(text, a), a->tpgt);
}

static void records(void **state)
{
	static const struct ini_targets_sink sink = {one_target, one_address};
	static const char text[] =
		"TargetName=iqn.2001-04.com.example:a\0TargetAddress=host.example:3261,2\0"
		"TargetName=iqn.2001-04.com.example:../../etc/passwd\0TargetAddress=host,1\0"
		"TargetName=iqn.2001-04.com.example:b\n\0TargetName=\x1b[2Jiqn\0"
		"TargetName=iqn.2001-04.com.example:B\0TargetAddress=../x,1\0"
		"TargetAddress=[fe80::1%eth0]:3260,65535\0TargetAddress=192.0.2.1:0,1\0X-odd=1";
	struct ini_targets_count n;
	count = 0;
	assert_int_equal(ini_targets_read(text, sizeof(text), &sink, NULL, &n), 0);
	assert_int_equal(count, 202);
	assert_string_equal(last, "iqn.2001-04.com.example:b [fe80::1%eth0]:3260,65535");
	assert_int_equal(n.bad, 5);
	assert_string_equal(n.bad_text, "iqn.2001-04.com.example:../../etc/passwd");
	assert_int_equal(ini_targets_read("no equals sign", 15, &sink, NULL, &n), -EBADMSG);
}

static void addresses(void **state)
{
	static const struct {
		const char *text, *back;
	} good[] = {{"host", "host:3260"},
		    {"host:1,5", "host:1"},
		    {"::1", "[::1]:3260"},
		    {"[::1]", "[::1]:3260"},
		    {"2001:db8::1,1", "[2001:db8::1]:3260"},
		    {"[fe80::1%eth0.5]:65535", "[fe80::1%eth0.5]:65535"},
		    {"10.0.0.1:860", "10.0.0.1:860"}};
	static const char *const bad[] = {"",      ":1",       "host:",   "host:0",  "host:65536",
					  "[::1",  "[host]:1", "a b",     "a/b",     "a\n",
					  "a,",    "a,65536",  "::1]",    "[::1]x",  "-rf",
					  "a:1:2", "host:1x",  "[%eth0]", "a:1,1,1", "[]:1"};
	struct ini_address a;
	char text[ISCSI_ADDRESS_SIZE];
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(ini_address_parse(&a, good[i].text), 0);
		assert_string_equal(ini_address_format(text, &a), good[i].back);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (!ini_address_parse(&a, bad[i]))
			fail_msg("\"%s\" is taken for an address", bad[i]);
}

static void sense_data(void **state)
{
	static const uint8_t fixed[] = {0xf0, 0, 3, 1, 2, 3, 4, 10, 0, 0, 0, 0, 0x11, 0x05};
	static const uint8_t descriptor[] = {0x72, 5, 0x21, 0, 0, 0, 0, 12, 0, 10,
					     0x80, 0, 1,    2, 3, 4, 5, 6,  7, 8};
	struct ini_sense s;
	assert_true(ini_sense_read(&s, fixed, sizeof(fixed)));
	assert_true(s.key == 3 && s.asc_ascq == 0x1105 && s.has_info && s.info == 0x01020304);
	assert_true(ini_sense_read(&s, descriptor, sizeof(descriptor)));
	assert_true(s.key == 5 && s.asc_ascq == 0x2100 && s.info == 0x0102030405060708);
	/* Cut anywhere, or with lengths that lie. */
	for (size_t len = 0; len < sizeof(descriptor); len++)
		ini_sense_read(&s, descriptor, len);
	assert_false(ini_sense_read(&s, fixed, 3));
	assert_false(ini_sense_read(&s, (const uint8_t[8]){0x7f}, 8));
	assert_false(ini_sense_read(&s, NULL, 0));
}

static void configurations(void **state)
{
	struct ini_session *s;
	struct ini_config c;
	rig_config(&c);
	c.depth = 0;
	assert_int_equal(ini_session_new(&s, &c, &rig_ops, NULL), -EINVAL);
	rig_config(&c);
	c.target_name = "not a name";
	assert_int_equal(ini_session_new(&s, &c, &rig_ops, NULL), -EINVAL);
	rig_config(&c);
	c.target_name = NULL;
	assert_int_equal(ini_session_new(&s, &c, &rig_ops, NULL), -EINVAL);
	c.discovery = true;
	assert_int_equal(ini_session_new(&s, &c, &rig_ops, NULL), 0);
	ini_session_free(s, false);
	c.address = "host:x";
	assert_int_equal(ini_session_new(&s, &c, &rig_ops, NULL), -EINVAL);
	for (int i = 0; i < INI_REASONS; i++)
		assert_true(strlen(ini_reason_text(i)) > 5 && ini_reason_word(i)[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(back_off),
		cmocka_unit_test(time2wait_is_waited),
		cmocka_unit_test(nobody_answers),
		cmocka_unit_test(a_target_that_is_not_ready_yet),
		cmocka_unit_test(order_and_once),
		cmocka_unit_test(an_outage_longer_than_its_policy),
		cmocka_unit_test(statuses_that_pass),
		cmocka_unit_test(a_deadline),
		cmocka_unit_test(what_does_not_abort_is_reset),
		cmocka_unit_test(what_does_not_reset_is_dropped),
		cmocka_unit_test(a_command_that_is_not_answered),
		cmocka_unit_test(a_dead_connection_is_noticed),
		cmocka_unit_test(asked_to_log_out),
		cmocka_unit_test(told_of_a_drop),
		cmocka_unit_test(moved),
		cmocka_unit_test(every_state_can_be_ended),
		cmocka_unit_test(an_orderly_logout),
		cmocka_unit_test(rejects),
		cmocka_unit_test(records),
		cmocka_unit_test(addresses),
		cmocka_unit_test(sense_data),
		cmocka_unit_test(configurations),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A session of the initiator by hand: its bytes are looked at here, and the test is the target, which may say
 * whatever it likes. Time is a number.
 */
#ifndef LUNAR_TESTS_INI_RIG_H
#define LUNAR_TESTS_INI_RIG_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "initiator/session.h"
#include "iscsi/rx.h"

#define SEC UINT64_C(1000000000)
#define MS  UINT64_C(1000000)

struct rig {
	struct ini_session *s;
	uint64_t now;
	/* what it asked its driver for */
	unsigned connects, closes;
	bool connecting, closing, up;
	char address[ISCSI_ADDRESS_SIZE];
	/* what its owner was told */
	enum ini_state state;
	struct ini_why why;
	unsigned events[INI_REJECTED + 1];
	struct ini_event event;
	char moved[ISCSI_ADDRESS_SIZE];
	/* its bytes, as the target reads them */
	struct iscsi_rx rx;
	uint8_t stage[ISCSI_RX_STAGE_MIN], data[1 << 20];
	struct iscsi_bhs bhs;
	uint32_t len;
	/* the target's numbers */
	uint32_t statsn, expcmdsn, window;
	uint16_t tsih;
	uint8_t isid[6];
};

static inline void rig_connect(void *ctx, const char *address)
{
	struct rig *r = ctx;
	assert_false(r->connecting);
	r->connects++;
	r->connecting = true;
	snprintf(r->address, sizeof(r->address), "%s", address);
}

static inline void rig_close(void *ctx)
{
	struct rig *r = ctx;
	assert_false(r->closing);
	r->closes++;
	r->closing = true;
}

static inline void rig_wake(void *ctx)
{
}

static inline void rig_random(void *ctx, void *out, size_t len)
{
	memset(out, 0x5a, len);
}

static inline void rig_state(void *ctx, enum ini_state state, const struct ini_why *why)
{
	struct rig *r = ctx;
	r->state = state;
	r->why = *why;
}

static inline void rig_event(void *ctx, const struct ini_event *event)
{
	struct rig *r = ctx;
	r->event = *event;
	r->events[event->kind]++;
	if (event->kind == INI_MOVED_FOR_GOOD)
		snprintf(r->moved, sizeof(r->moved), "%s", event->address);
}

static const struct ini_ops rig_ops = {rig_connect, rig_close, rig_wake,
				       rig_random,  rig_state, rig_event};

static inline void rig_config(struct ini_config *c)
{
	ini_config_init(c);
	c->initiator_name = "iqn.1994-05.com.example:host";
	c->target_name = "iqn.2001-04.com.example:disk";
	c->address = "192.0.2.1";
	memcpy(c->isid, "\x80\1\2\3\4\5", 6);
}

static inline void rig_new(struct rig *r, const struct ini_config *config)
{
	struct ini_config c;
	memset(r, 0, sizeof(*r));
	rig_config(&c);
	r->now = 1000 * SEC;
	r->window = 32;
	assert_int_equal(ini_session_new(&r->s, config ? config : &c, &rig_ops, r), 0);
	ini_start(r->s, r->now);
}

/* --- the driver */

static inline void rig_connected(struct rig *r)
{
	assert_true(r->connecting);
	r->connecting = false;
	r->up = true;
	iscsi_rx_init(&r->rx, r->stage, sizeof(r->stage));
	r->rx.max_data = sizeof(r->data);
	ini_connected(r->s, 0, r->now);
}

static inline void rig_refused(struct rig *r, int err)
{
	assert_true(r->connecting);
	r->connecting = false;
	ini_connected(r->s, err, r->now);
}

static inline void rig_closed(struct rig *r)
{
	assert_true(r->closing);
	r->closing = r->connecting = r->up = false;
	ini_closed(r->s, r->now);
}

/* As far as its deadlines go, one after the other. */
static inline void rig_pass(struct rig *r, uint64_t ns)
{
	uint64_t until = r->now + ns;
	for (int i = 0; i < 10000 && ini_deadline(r->s) <= until; i++) {
		r->now = MAX(r->now, ini_deadline(r->s));
		ini_tick(r->s, r->now);
	}
	assert_true(ini_deadline(r->s) > until);
	r->now = until;
}

/* Until it tries to connect. */
static inline void rig_await(struct rig *r)
{
	for (int i = 0; i < 100 && !r->connecting; i++) {
		assert_true(ini_deadline(r->s) != INI_NEVER);
		r->now = MAX(r->now, ini_deadline(r->s));
		ini_tick(r->s, r->now);
	}
	assert_true(r->connecting);
}

static inline void rig_free(struct rig *r)
{
	ini_stop(r->s, true, r->now);
	if (r->closing)
		rig_closed(r);
	assert_int_equal(ini_state(r->s), INI_ENDED);
	ini_session_free(r->s, false);
}

/* --- what it says */

/* The next PDU; false: there is none. */
static inline bool rig_next(struct rig *r)
{
	for (;;) {
		enum iscsi_rx_event e = iscsi_rx_next(&r->rx);
		if (e == ISCSI_RX_HEADER) {
			iscsi_rx_place(&r->rx, r->data, sizeof(r->data));
		} else if (e == ISCSI_RX_PDU) {
			r->bhs = r->rx.bhs;
			r->len = r->rx.data_len;
			if (iscsi_opcode(&r->bhs) == ISCSI_SCSI_COMMAND)
				r->expcmdsn =
					get_be32(((struct iscsi_scsi_command *)&r->bhs)->cmdsn) + 1;
			return true;
		} else {
			struct iovec from[INI_SEND_IOV], to[ISCSI_RX_IOV];
			assert_int_equal(e, ISCSI_RX_MORE);
			unsigned n = ini_want_send(r->s, from, INI_SEND_IOV);
			if (!n)
				return false;
			unsigned m = iscsi_rx_want(&r->rx, to);
			size_t part = MIN(from[0].iov_len, to[0].iov_len);
			assert_true(m >= 1 && part);
			memcpy(to[0].iov_base, from[0].iov_base, part);
			iscsi_rx_got(&r->rx, part);
			ini_went(r->s, part, r->now);
		}
	}
}

static inline void rig_expect(struct rig *r, uint8_t opcode)
{
	assert_true(rig_next(r));
	assert_int_equal(iscsi_opcode(&r->bhs), opcode);
}

/* Whatever it says. */
static inline void rig_drain(struct rig *r)
{
	while (rig_next(r))
		;
}

/* --- what the target says */

static inline void rig_bytes(struct rig *r, const void *bytes, size_t len)
{
	const uint8_t *p = bytes;
	while (len) {
		struct iovec iov[INI_RECV_IOV];
		unsigned n = ini_want_recv(r->s, iov, INI_RECV_IOV);
		if (!n)
			return; /* it is not listening any more */
		size_t part = MIN(len, iov[0].iov_len);
		memcpy(iov[0].iov_base, p, part);
		ini_got(r->s, part, r->now);
		p += part;
		len -= part;
	}
}

/* A PDU exactly as it is, but for its lengths. */
static inline void rig_raw(struct rig *r, void *bhs, const void *data, uint32_t len)
{
	static const uint8_t zeroes[4];
	put_be24(((struct iscsi_bhs *)bhs)->data_segment_length, len);
	rig_bytes(r, bhs, ISCSI_BHS_LEN);
	rig_bytes(r, data, len);
	rig_bytes(r, zeroes, iscsi_pad(len));
}

/* ... with a StatSN of its own and a window. */
static inline void rig_say(struct rig *r, void *pdu, const void *data, uint32_t len)
{
	struct iscsi_nop_in *bhs = pdu;
	put_be32(bhs->statsn, r->statsn++);
	put_be32(bhs->expcmdsn, r->expcmdsn);
	put_be32(bhs->maxcmdsn, r->expcmdsn + r->window - 1);
	rig_raw(r, pdu, data, len);
}

static inline void rig_login_answer(struct rig *r, uint16_t status, uint8_t flags, const char *text,
				    uint32_t len)
{
	const struct iscsi_login_request *req = (const struct iscsi_login_request *)&r->bhs;
	struct iscsi_login_response rsp = {.opcode = ISCSI_LOGIN_RESPONSE, .flags = flags};
	memcpy(rsp.isid, req->isid, sizeof(rsp.isid));
	memcpy(r->isid, req->isid, sizeof(rsp.isid));
	memcpy(rsp.itt, req->itt, sizeof(rsp.itt));
	put_be16(rsp.tsih, r->tsih);
	rsp.status_class = (uint8_t)(status >> 8);
	rsp.status_detail = (uint8_t)status;
	r->expcmdsn = get_be32(req->cmdsn);
	rig_say(r, &rsp, text, len);
}

/* From the connection to full feature phase, with these answers in the only text. */
static inline void rig_log_in_with(struct rig *r, const char *text, uint32_t len)
{
	rig_connected(r);
	rig_expect(r, ISCSI_LOGIN_REQUEST);
	assert_int_equal(get_be16(((struct iscsi_login_request *)&r->bhs)->tsih), 0);
	r->tsih = 7;
	r->statsn = 100;
	rig_login_answer(r, 0, 0x87, text, len);
	assert_int_equal(ini_state(r->s), INI_UP);
}

#define RIG_ANSWERS                                                                               \
	"TargetPortalGroupTag=1\0InitialR2T=No\0ImmediateData=Yes\0MaxRecvDataSegmentLength="     \
	"8192\0"                                                                                  \
	"MaxBurstLength=65536\0FirstBurstLength=16384\0MaxOutstandingR2T=4\0DefaultTime2Wait=0\0" \
	"DefaultTime2Retain=0"

static inline void rig_log_in(struct rig *r)
{
	rig_log_in_with(r, RIG_ANSWERS, sizeof(RIG_ANSWERS));
}

/* --- commands */

struct rig_cmd {
	struct ini_task task;
	struct iovec iov[2];
	uint8_t data[128 * 1024];
	unsigned done;
	int err;
};

static inline void rig_done(struct ini_task *task, int err)
{
	struct rig_cmd *c = container_of(task, struct rig_cmd, task);
	c->done++;
	c->err = err;
}

static inline struct rig_cmd *rig_cmd(uint32_t out, uint32_t in)
{
	struct rig_cmd *c = calloc(1, sizeof(*c));
	assert_non_null(c);
	uint32_t first = (out + in) / 3;
	c->iov[0] = (struct iovec){c->data, first};
	c->iov[1] = (struct iovec){c->data + first, out + in - first};
	c->task.out = c->task.in = c->iov;
	c->task.out_count = out ? 2 : 0;
	c->task.in_count = in ? 2 : 0;
	c->task.out_len = out;
	c->task.in_len = in;
	c->task.flags = INI_RETRY;
	c->task.done = rig_done;
	c->task.cdb[0] = out ? 0x2a : in ? 0x28 : 0;
	for (uint32_t i = 0; i < out; i++)
		c->data[i] = (uint8_t)(i * 7 + i / 256);
	return c;
}

static inline struct rig_cmd *rig_submit(struct rig *r, uint32_t out, uint32_t in)
{
	struct rig_cmd *c = rig_cmd(out, in);
	assert_int_equal(ini_submit(r->s, &c->task, r->now), 0);
	return c;
}

static inline void rig_good(struct rig *r, const struct rig_cmd *c)
{
	struct iscsi_scsi_response rsp = {.opcode = ISCSI_SCSI_RESPONSE, .flags = ISCSI_FINAL};
	put_be32(rsp.itt, c->task.tag);
	rig_say(r, &rsp, NULL, 0);
}

/* CHECK CONDITION with fixed format sense data. */
static inline void rig_sense(struct rig *r, const struct rig_cmd *c, uint8_t key, uint16_t code)
{
	struct iscsi_scsi_response rsp = {
		.opcode = ISCSI_SCSI_RESPONSE, .flags = ISCSI_FINAL, .status = 2};
	uint8_t data[20] = {0, 18, 0x70, 0, key, 0, 0, 0, 0, 10};
	put_be16(data + 2 + 12, code);
	put_be32(rsp.itt, c->task.tag);
	rig_say(r, &rsp, data, sizeof(data));
}

#endif

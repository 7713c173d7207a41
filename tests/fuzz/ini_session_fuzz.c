/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A session of the initiator, and a target that says anything: PDUs that are nearly right for what was asked,
 * bytes that are none, silence, an end; and an owner who cancels, resets, holds and stops. Whatever it does, every
 * command ends exactly once, nothing is written outside its buffers, and the session can be ended.
 */
#include <errno.h>
#include "fuzz.h"
#include "initiator/discovery.h"
#include "initiator/session.h"

#define COMMANDS 6
#define DATA     3000
#define GUARD    16
#define STEPS    400

struct cmd {
	struct ini_task task;
	struct iovec iov[3];
	uint8_t *data; /* with a guard before and behind */
	bool busy;
};

struct world {
	struct ini_session *s;
	uint64_t now;
	struct input in;
	bool connecting, closing, connected;
	struct cmd cmd[COMMANDS];
	struct ini_tmf tmf;
	struct ini_text text;
	bool tmf_busy, text_busy;
	uint32_t statsn, expcmdsn, itt, tags[4]; /* of what it said last */
	uint8_t said;
	unsigned targets;
};

static void op_connect(void *ctx, const char *address)
{
	struct world *w = ctx;
	MUST(!w->connecting && !w->closing && !w->connected && *address);
	w->connecting = true;
}

static void op_close(void *ctx)
{
	struct world *w = ctx;
	MUST(!w->closing && (w->connecting || w->connected));
	w->closing = true;
}

static void op_wake(void *ctx)
{
}

static void cmd_done(struct ini_task *task, int err)
{
	struct cmd *c = container_of(task, struct cmd, task);
	struct world *w = task->ctx;
	MUST(c->busy && task->got <= task->in_len && task->sense_len <= INI_SENSE_MAX);
	for (size_t i = 0; i < GUARD; i++)
		MUST(c->data[i] == 0xa5 && c->data[GUARD + DATA + i] == 0xa5);
	c->busy = false;
	/* From inside, too. */
	if (w->in.left % 5 == 0)
		c->busy = !ini_submit(w->s, task, w->now);
}

static void tmf_done(struct ini_tmf *tmf, int err)
{
	struct world *w = tmf->ctx;
	MUST(w->tmf_busy);
	w->tmf_busy = false;
}

static void seen_target(void *ctx, const char *name)
{
	MUST(iscsi_name_valid(name));
}

static void seen_address(void *ctx, const char *name, const struct ini_address *a)
{
	struct ini_address again;
	char text[ISCSI_ADDRESS_SIZE];
	MUST(!ini_address_parse(&again, ini_address_format(text, a)));
	MUST(!strpbrk(a->host, "/\n\r\x1b "));
}

static void text_done(struct ini_text *text, int err)
{
	static const struct ini_targets_sink sink = {seen_target, seen_address};
	struct world *w = text->ctx;
	MUST(w->text_busy);
	w->text_busy = false;
	if (!err)
		ini_targets_read(text->data, text->len, &sink, NULL, NULL);
}

static const struct ini_ops ops = {
	.connect = op_connect, .close = op_close, .wake = op_wake, .random = not_random};

/* --- the driver */

static void hear(struct world *w, const uint8_t *p, size_t len)
{
	while (len) {
		struct iovec iov[INI_RECV_IOV];
		unsigned n =
			w->connected && !w->closing ? ini_want_recv(w->s, iov, INI_RECV_IOV) : 0;
		if (!n)
			return;
		size_t part = MIN(len, iov[0].iov_len);
		MUST(part);
		memcpy(iov[0].iov_base, p, part);
		ini_got(w->s, part, w->now);
		p += part;
		len -= part;
	}
}

/* What it says is only looked at for its tags. */
static void listen(struct world *w, size_t max)
{
	struct iovec iov[INI_SEND_IOV];
	unsigned n;
	while (max && w->connected && !w->closing && (n = ini_want_send(w->s, iov, INI_SEND_IOV))) {
		size_t part = MIN(iov[0].iov_len, max);
		if (iov[0].iov_len >= ISCSI_BHS_LEN) {
			const struct iscsi_bhs *bhs = iov[0].iov_base;
			uint8_t opcode = iscsi_opcode(bhs);
			if (opcode < 8 && opcode != ISCSI_DATA_OUT) {
				w->itt = get_be32(bhs->itt);
				w->said = opcode;
				w->expcmdsn = get_be32(((const struct iscsi_nop_out *)bhs)->cmdsn);
				w->tags[w->itt % 4] = w->itt;
			}
		}
		for (size_t i = 0; i < part; i++) /* readable, all of it */
			w->targets += ((const uint8_t *)iov[0].iov_base)[i];
		ini_went(w->s, part, w->now);
		max -= part;
	}
}

static void drive(struct world *w, uint8_t how)
{
	if (w->closing) {
		w->closing = w->connecting = w->connected = false;
		ini_closed(w->s, w->now);
	} else if (w->connecting) {
		w->connecting = false;
		w->connected = how % 8;
		w->statsn = how;
		ini_connected(w->s, how % 8 ? 0 : -ECONNREFUSED, w->now);
		if (!w->connected)
			return;
	}
}

static void pass(struct world *w, uint64_t ns)
{
	w->now += ns;
	for (int i = 0; i < 3 && ini_deadline(w->s) <= w->now; i++)
		ini_tick(w->s, w->now);
}

/* --- the target */

static void say(struct world *w, struct iscsi_bhs *pdu, const uint8_t *data, size_t len,
		uint8_t odd)
{
	struct iscsi_nop_in *bhs = (struct iscsi_nop_in *)pdu;
	static const uint8_t zeroes[4];
	put_be32(bhs->statsn, odd & 1 ? w->statsn + odd : w->statsn);
	put_be32(bhs->expcmdsn, w->expcmdsn + (odd & 2 ? odd : 1));
	put_be32(bhs->maxcmdsn, w->expcmdsn + 8);
	put_be24(pdu->data_segment_length, (uint32_t)len);
	hear(w, (const uint8_t *)pdu, ISCSI_BHS_LEN);
	hear(w, data, len);
	hear(w, zeroes, iscsi_pad((uint32_t)len));
}

static void log_in(struct world *w, uint8_t how)
{
	static const char keys[] =
		"TargetPortalGroupTag=1\0MaxRecvDataSegmentLength=512\0InitialR2T=No\0"
		"ImmediateData=Yes\0FirstBurstLength=1024\0MaxBurstLength=2048\0"
		"MaxOutstandingR2T=3\0DefaultTime2Wait=0";
	struct iscsi_login_response rsp = {.opcode = ISCSI_LOGIN_RESPONSE, .flags = 0x87};
	put_be16(rsp.tsih, 1);
	if (how == 200)
		rsp.status_class = 1;
	listen(w, 10000);
	say(w, (struct iscsi_bhs *)&rsp, (const uint8_t *)keys, sizeof(keys), 0);
	w->statsn++;
}

static const uint8_t opcodes[] = {ISCSI_SCSI_RESPONSE, ISCSI_DATA_IN,         ISCSI_R2T,
				  ISCSI_NOP_IN,        ISCSI_TMF_RESPONSE,    ISCSI_TEXT_RESPONSE,
				  ISCSI_ASYNC_MESSAGE, ISCSI_LOGOUT_RESPONSE, ISCSI_REJECT,
				  ISCSI_LOGIN_RESPONSE};

/* What has a StatSN of its own uses it up. */
static bool counts(const struct iscsi_bhs *bhs)
{
	uint8_t opcode = iscsi_opcode(bhs);
	return opcode != ISCSI_R2T &&
	       !(opcode == ISCSI_DATA_IN && !(bhs->flags & ISCSI_DATA_STATUS)) &&
	       !(opcode == ISCSI_NOP_IN && get_be32(bhs->itt) == ISCSI_RESERVED_TAG);
}

static void say_pdu(struct world *w)
{
	struct iscsi_data_in bhs = {0};
	const uint8_t *data;
	uint8_t what = take_byte(&w->in), odd = take_byte(&w->in);
	bhs.opcode = opcodes[what % sizeof(opcodes)];
	bhs.flags = take_byte(&w->in);
	bhs.reserved = take_byte(&w->in);
	bhs.status = take_byte(&w->in);
	put_be32(bhs.itt, odd & 0x80 ? ISCSI_RESERVED_TAG : odd & 0x40 ? w->tags[odd % 4] : w->itt);
	put_be32(bhs.ttt, odd & 8 ? ISCSI_RESERVED_TAG : take_byte(&w->in));
	put_be32(bhs.datasn, odd & 0x10 ? take_byte(&w->in) : 0);
	put_be32(bhs.buffer_offset, odd & 0x20 ? take_number(&w->in, 2) : 0);
	put_be32(bhs.residual, take_number(&w->in, 2));
	size_t len = take_bytes(&w->in, odd & 4 ? take_number(&w->in, 2) : 0, &data);
	uint8_t *copy = copy_of(data, len);
	say(w, (struct iscsi_bhs *)&bhs, copy, len,
	    odd & 3 ? (uint8_t)(odd & take_byte(&w->in)) : 0);
	if (counts((struct iscsi_bhs *)&bhs))
		w->statsn++;
	free(copy);
}

/* --- the owner */

static void submit(struct world *w)
{
	uint8_t how = take_byte(&w->in);
	struct cmd *c = &w->cmd[how % COMMANDS];
	uint32_t len = take_number(&w->in, 2) % (DATA + 1);
	if (c->busy)
		return;
	memset(&c->task, 0, sizeof(c->task));
	memset(c->data, 0xa5, DATA + 2 * GUARD);
	c->iov[0] = (struct iovec){c->data + GUARD, len / 3};
	c->iov[1] = (struct iovec){c->data + GUARD + len / 3, 0};
	c->iov[2] = (struct iovec){c->data + GUARD + len / 3, len - len / 3};
	c->task.in = c->task.out = c->iov;
	c->task.in_count = c->task.out_count = 3;
	*(how & 0x80 ? &c->task.in_len : &c->task.out_len) = len;
	c->task.flags = how >> 3 & 15;
	c->task.done = cmd_done;
	c->task.ctx = w;
	if (how & 0x40)
		c->task.deadline = w->now + len * UINT64_C(1000000);
	c->busy = !ini_submit(w->s, &c->task, w->now);
}

static void own(struct world *w)
{
	uint8_t how = take_byte(&w->in);
	struct cmd *c = &w->cmd[how % COMMANDS];
	switch (how >> 4) {
	case 0:
		if (c->busy)
			ini_cancel(w->s, &c->task, w->now);
		break;
	case 1:
		if (w->tmf_busy)
			break;
		w->tmf = (struct ini_tmf){.function = how & 15,
					  .task = c->busy ? &c->task : NULL,
					  .done = tmf_done,
					  .ctx = w};
		w->tmf_busy = true;
		if (ini_tmf(w->s, &w->tmf, w->now))
			w->tmf_busy = false;
		break;
	case 2:
		if (w->text_busy)
			break;
		w->text = (struct ini_text){.which = "All", .done = text_done, .ctx = w};
		w->text_busy = true;
		if (ini_send_targets(w->s, &w->text, w->now))
			w->text_busy = false;
		break;
	case 3: ini_hold(w->s); break;
	case 4: ini_fail_lun(w->s, c->task.lun, w->now); break;
	case 5: ini_stop(w->s, how & 1, w->now); break;
	case 6: ini_start(w->s, w->now); break;
	case 7:
		ini_set_outage(w->s, how & 8 ? INI_NEVER : (how & 7) * UINT64_C(1000000000),
			       w->now);
		break;
	case 8: ini_hurry(w->s, w->now); break;
	default: ini_release(w->s, w->now);
	}
}

static void step(struct world *w)
{
	const uint8_t *bytes;
	uint8_t how = take_byte(&w->in);
	size_t n;
	switch (how % 10) {
	case 0: pass(w, (uint64_t)how * how * 1000000); break;
	case 1: drive(w, how); break;
	case 2: log_in(w, how); break;
	case 3:
	case 4: submit(w); break;
	case 5: own(w); break;
	case 6:
		n = take_bytes(&w->in, how, &bytes);
		hear(w, bytes, n);
		break;
	case 7: listen(w, (size_t)how * how); break;
	default:
		if (how == 249 && w->connected && !w->closing)
			ini_lost(w->s, how & 1 ? -ECONNRESET : 0, w->now);
		else
			say_pdu(w);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world w = {.now = UINT64_C(1000000000000), .in = {data, size}};
	struct ini_config c;
	uint8_t flags = take_byte(&w.in);
	ini_config_init(&c);
	c.initiator_name = "iqn.2026-01.test.lunar:fuzz";
	c.target_name = flags & 1 ? NULL : "iqn.2026-01.test.lunar:target";
	c.discovery = flags & 1;
	c.address = "192.0.2.1";
	c.isid[0] = 0x80;
	c.depth = 4;
	c.hold = flags & 2;
	c.patience = flags & 4 ? INI_NEVER : 0;
	c.offer.want.max_recv_data = 2048;
	c.offer.header_digests = c.offer.data_digests = ISCSI_DIGEST_NONE;
	MUST(!ini_session_new(&w.s, &c, &ops, &w));
	for (size_t i = 0; i < COMMANDS; i++)
		MUST((w.cmd[i].data = malloc(DATA + 2 * GUARD)));
	ini_start(w.s, w.now);
	if (!(flags & 8)) { /* most begin in full feature phase */
		drive(&w, 1);
		log_in(&w, 0);
	}
	for (int i = 0; i < STEPS && w.in.left; i++)
		step(&w);
	ini_stop(w.s, true, w.now);
	if (w.closing)
		drive(&w, 1);
	MUST(ini_state(w.s) == INI_ENDED);
	for (size_t i = 0; i < COMMANDS; i++) {
		MUST(!w.cmd[i].busy);
		free(w.cmd[i].data);
	}
	MUST(!w.tmf_busy && !w.text_busy);
	ini_session_free(w.s, false);
	return 0;
}

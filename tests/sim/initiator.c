/* SPDX-License-Identifier: BSD-2-Clause */
#include "initiator.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/cleanup.h"
#include "iscsi/lun.h"
#include "iscsi/serial.h"

#define RETRY_NS (20 * NSEC_PER_MSEC)

struct out {
	struct iscsi_tx_pdu pdu;
	uint8_t data[];
};

static void wrong(struct initiator *ini, const char *what)
{
	ini->ops->wrong(ini, what);
}

static void out_sent(struct iscsi_tx_pdu *pdu, int err)
{
	free(container_of(pdu, struct out, pdu));
}

static void pump(struct initiator *ini)
{
	if (ini->sending || ini->dying || ini->sock < 0)
		return;
	unsigned n = iscsi_tx_want(&ini->tx, ini->send_iov, ARRAY_SIZE(ini->send_iov));
	if (!n)
		return;
	ini->sending = true;
	net_send(ini->reactor, &ini->send, ini->sock, ini->send_iov, n);
}

/* CmdSN and ExpStatSN lie at the same place in every request. */
static void push(struct initiator *ini, const void *bhs, const void *data, uint32_t len)
{
	struct out *out = calloc(1, sizeof(*out) + len);
	if (!out)
		abort();
	memcpy(&out->pdu.bhs, bhs, ISCSI_BHS_LEN);
	if (len)
		memcpy(out->data, data, len);
	struct iscsi_nop_out *req = (struct iscsi_nop_out *)&out->pdu.bhs;
	if (iscsi_opcode(&out->pdu.bhs) != ISCSI_DATA_OUT)
		put_be32(req->cmdsn, ini->cmdsn);
	put_be32(req->expstatsn, ini->expstatsn);
	out->pdu.data = out->data;
	out->pdu.data_len = len;
	out->pdu.sent = out_sent;
	iscsi_tx_push(&ini->tx, &out->pdu);
}

/* --- connecting and losing it */

static void connect_again(struct initiator *ini)
{
	net_connect(ini->reactor, &ini->connect, &ini->target);
}

static void retry_fired(struct timer *t)
{
	connect_again(container_of(t, struct initiator, retry));
}

static void last_op_returned(struct initiator *ini)
{
	if (!ini->dying || ini->receiving || ini->sending)
		return;
	ini->dying = false;
	iscsi_tx_abandon(&ini->tx);
	iscsi_login_initiator_free(&ini->login);
	net_close(ini->reactor, ini->sock);
	ini->sock = -1;
	timer_set(ini->reactor, &ini->retry, reactor_now(ini->reactor) + RETRY_NS);
}

void ini_cut(struct initiator *ini)
{
	if (ini->sock < 0 || ini->dying)
		return;
	bool was_ready = ini->ready;
	ini->dying = true;
	ini->ready = false;
	ini->logging_in = false;
	net_shutdown(ini->reactor, ini->sock);
	if (was_ready)
		ini->ops->lost(ini);
	else
		ini->ops->refused(ini);
	last_op_returned(ini);
}

static void receive(struct initiator *ini)
{
	if (ini->sock < 0 || ini->dying)
		return;
	unsigned n = iscsi_rx_want(&ini->rx, ini->recv_iov);
	ini->receiving = true;
	net_recv(ini->reactor, &ini->recv, ini->sock, ini->recv_iov, n);
}

static void next_login_request(struct initiator *ini)
{
	struct iscsi_login_request req;
	const uint8_t *text;
	uint32_t len;
	if (iscsi_login_initiator_request(&ini->login, &req, &text, &len))
		return wrong(ini, ini->login.why);
	push(ini, &req, text, len);
	pump(ini);
}

static void random_bytes(void *ctx, void *out, size_t len)
{
	struct initiator *ini = ctx;
	reactor_random(ini->reactor, out, len);
}

static void connected(struct op *op, int res)
{
	struct initiator *ini = container_of(op, struct initiator, connect);
	if (res < 0) {
		timer_set(ini->reactor, &ini->retry, reactor_now(ini->reactor) + RETRY_NS);
		ini->ops->refused(ini);
		return;
	}
	ini->sock = res;
	ini->statsn_known = false;
	ini->logging_in = true;
	iscsi_rx_init(&ini->rx, ini->stage, sizeof(ini->stage));
	iscsi_tx_init(&ini->tx);
	if (iscsi_login_initiator_init(&ini->login, &ini->login_config, random_bytes, ini))
		return wrong(ini, "the login could not begin");
	next_login_request(ini);
	receive(ini);
}

static void sent(struct op *op, int res)
{
	struct initiator *ini = container_of(op, struct initiator, send);
	ini->sending = false;
	if (!ini->dying && res > 0) {
		iscsi_tx_went(&ini->tx, (size_t)res);
		pump(ini);
		return;
	}
	ini_cut(ini);
	last_op_returned(ini);
}

/* --- commands */

struct ini_cmd *ini_get(struct initiator *ini)
{
	if (!ini->ready || iscsi_sn_gt(ini->cmdsn, ini->maxcmdsn))
		return NULL;
	for (size_t i = 0; i < INI_COMMANDS; i++)
		if (!ini->cmds[i].busy)
			return &ini->cmds[i];
	return NULL;
}

static void send_data_out(struct initiator *ini, struct ini_cmd *cmd, uint32_t ttt, uint32_t offset,
			  uint32_t len)
{
	uint32_t datasn = 0;
	while (len) {
		uint32_t part = MIN(len, ini->params.max_send_data);
		struct iscsi_data_out bhs = {.opcode = ISCSI_DATA_OUT};
		bhs.flags = part == len ? ISCSI_FINAL : 0;
		iscsi_lun_put(bhs.lun, cmd->lun);
		put_be32(bhs.itt, cmd->itt);
		put_be32(bhs.ttt, ttt);
		put_be32(bhs.datasn, datasn++);
		put_be32(bhs.buffer_offset, offset);
		push(ini, &bhs, cmd->data + offset, part);
		offset += part;
		len -= part;
	}
}

static void submit_tmf(struct initiator *ini, struct ini_cmd *cmd)
{
	struct iscsi_tmf_request bhs = {.opcode = ISCSI_TMF_REQUEST | ISCSI_IMMEDIATE};
	bhs.function = (uint8_t)(ISCSI_FINAL | cmd->tmf);
	iscsi_lun_put(bhs.lun, cmd->lun);
	put_be32(bhs.itt, cmd->itt);
	put_be32(bhs.referenced_tag, cmd->tmf_itt);
	push(ini, &bhs, NULL, 0);
}

static void submit_command(struct initiator *ini, struct ini_cmd *cmd)
{
	const struct iscsi_params *p = &ini->params;
	uint32_t first = MIN(cmd->write_len, p->first_burst);
	uint32_t immediate = p->immediate_data ? MIN(first, p->max_send_data) : 0;
	bool unsolicited = !p->initial_r2t && first > immediate;
	struct iscsi_scsi_command bhs = {.opcode = ISCSI_SCSI_COMMAND};

	bhs.flags = (uint8_t)((unsolicited ? 0 : ISCSI_FINAL) |
			      (cmd->write_len ? ISCSI_COMMAND_WRITE : 0) |
			      (cmd->read_len ? ISCSI_COMMAND_READ : 0) | 1 /* SIMPLE */);
	iscsi_lun_put(bhs.lun, cmd->lun);
	put_be32(bhs.itt, cmd->itt);
	put_be32(bhs.expected_length, cmd->write_len ? cmd->write_len : cmd->read_len);
	memcpy(bhs.cdb, cmd->cdb, sizeof(bhs.cdb));
	push(ini, &bhs, cmd->data, immediate);
	ini->cmdsn++;
	if (unsolicited)
		send_data_out(ini, cmd, ISCSI_RESERVED_TAG, immediate, first - immediate);
}

void ini_submit(struct initiator *ini, struct ini_cmd *cmd)
{
	cmd->busy = true;
	cmd->sent_at = reactor_now(ini->reactor);
	cmd->got = cmd->datasn = cmd->r2tsn = 0;
	cmd->status = cmd->sense_key = 0;
	cmd->asc_ascq = 0;
	do
		cmd->itt = ini->next_itt++;
	while (cmd->itt == ISCSI_RESERVED_TAG);
	if (cmd->tmf)
		submit_tmf(ini, cmd);
	else
		submit_command(ini, cmd);
	pump(ini);
}

static struct ini_cmd *find(struct initiator *ini, const uint8_t *itt)
{
	for (size_t i = 0; i < INI_COMMANDS; i++)
		if (ini->cmds[i].busy && ini->cmds[i].itt == get_be32(itt))
			return &ini->cmds[i];
	return NULL;
}

static void finish(struct initiator *ini, struct ini_cmd *cmd)
{
	cmd->busy = false;
	ini->ops->done(ini, cmd);
}

/* --- what the target says */

static void take_sense(struct ini_cmd *cmd, const uint8_t *data, uint32_t len)
{
	if (len < 2 + 14 || (data[2] & 0x7f) != 0x70)
		return;
	cmd->sense_key = data[2 + 2] & 0xf;
	cmd->asc_ascq = get_be16(data + 2 + 12);
}

static void take_response(struct initiator *ini, struct ini_cmd *cmd)
{
	const struct iscsi_scsi_response *rsp = (const struct iscsi_scsi_response *)&ini->rx.bhs;
	if (rsp->response)
		return wrong(ini, "a SCSI Response without a status");
	cmd->status = rsp->status;
	take_sense(cmd, ini->scratch, MIN(ini->rx.data_len, sizeof(ini->scratch)));
	finish(ini, cmd);
}

static void take_data_in(struct initiator *ini, struct ini_cmd *cmd)
{
	const struct iscsi_data_in *rsp = (const struct iscsi_data_in *)&ini->rx.bhs;
	if (get_be32(rsp->datasn) != cmd->datasn++)
		return wrong(ini, "a DataSN out of order");
	cmd->got += ini->rx.data_len;
	if (!(rsp->flags & ISCSI_DATA_STATUS))
		return;
	cmd->status = rsp->status;
	finish(ini, cmd);
}

static void take_r2t(struct initiator *ini, struct ini_cmd *cmd)
{
	const struct iscsi_r2t *r2t = (const struct iscsi_r2t *)&ini->rx.bhs;
	uint32_t offset = get_be32(r2t->buffer_offset), len = get_be32(r2t->desired_length);
	if (get_be32(r2t->r2tsn) != cmd->r2tsn++ || !len || len > ini->params.max_burst ||
	    (uint64_t)offset + len > cmd->write_len)
		return wrong(ini, "an R2T that asks for what is not there");
	send_data_out(ini, cmd, get_be32(r2t->ttt), offset, len);
	pump(ini);
}

static void take_nop_in(struct initiator *ini)
{
	const struct iscsi_nop_in *rsp = (const struct iscsi_nop_in *)&ini->rx.bhs;
	if (get_be32(rsp->ttt) == ISCSI_RESERVED_TAG)
		return;
	struct iscsi_nop_out bhs = {.opcode = ISCSI_NOP_OUT | ISCSI_IMMEDIATE,
				    .flags = ISCSI_FINAL};
	memcpy(bhs.lun, rsp->lun, sizeof(bhs.lun));
	put_be32(bhs.itt, ISCSI_RESERVED_TAG);
	memcpy(bhs.ttt, rsp->ttt, sizeof(bhs.ttt));
	push(ini, &bhs, NULL, 0);
	pump(ini);
}

/* StatSN must rise by one with everything that has one of its own (RFC 7143 4.2.2.2). */
static bool check_numbers(struct initiator *ini)
{
	const struct iscsi_nop_in *rsp = (const struct iscsi_nop_in *)&ini->rx.bhs;
	uint8_t opcode = iscsi_opcode(&ini->rx.bhs);
	bool own = opcode != ISCSI_R2T &&
		   !(opcode == ISCSI_NOP_IN && get_be32(rsp->itt) == ISCSI_RESERVED_TAG) &&
		   !(opcode == ISCSI_DATA_IN && !(rsp->flags & ISCSI_DATA_STATUS));
	bool valid = own || opcode != ISCSI_DATA_IN;
	uint32_t statsn = get_be32(rsp->statsn);
	if (valid && ini->statsn_known && statsn != ini->expstatsn) {
		wrong(ini, "a StatSN out of order");
		return false;
	}
	if (own) {
		ini->expstatsn = statsn + 1;
		ini->statsn_known = true;
	}
	uint32_t exp = get_be32(rsp->expcmdsn), max = get_be32(rsp->maxcmdsn);
	if (iscsi_sn_lt(max, exp - 1)) {
		wrong(ini, "a MaxCmdSN below ExpCmdSN - 1");
		return false;
	}
	if (iscsi_sn_gt(max, ini->maxcmdsn))
		ini->maxcmdsn = max;
	return true;
}

static void take_pdu(struct initiator *ini)
{
	const struct iscsi_bhs *bhs = &ini->rx.bhs;
	uint8_t opcode = iscsi_opcode(bhs);
	if (!check_numbers(ini))
		return;
	if (opcode == ISCSI_NOP_IN)
		return take_nop_in(ini);
	if (opcode == ISCSI_ASYNC_MESSAGE || opcode == ISCSI_REJECT)
		return ini_cut(ini);
	struct ini_cmd *cmd = find(ini, bhs->itt);
	if (!cmd)
		return wrong(ini, "an answer to nothing, or a second one");
	switch (opcode) {
	case ISCSI_SCSI_RESPONSE: return take_response(ini, cmd);
	case ISCSI_DATA_IN: return take_data_in(ini, cmd);
	case ISCSI_R2T: return take_r2t(ini, cmd);
	case ISCSI_TMF_RESPONSE:
		cmd->status = ((const struct iscsi_tmf_response *)bhs)->response;
		return finish(ini, cmd);
	default: return wrong(ini, "a PDU that nobody asked for");
	}
}

/* Where the data of this PDU goes. */
static void place(struct initiator *ini)
{
	const struct iscsi_bhs *bhs = &ini->rx.bhs;
	if (ini->logging_in)
		return iscsi_rx_place(&ini->rx, ini->login_data, sizeof(ini->login_data));
	if (iscsi_opcode(bhs) != ISCSI_DATA_IN)
		return iscsi_rx_place(&ini->rx, ini->scratch, sizeof(ini->scratch));
	struct ini_cmd *cmd = find(ini, bhs->itt);
	uint32_t offset = get_be32(((const struct iscsi_data_in *)bhs)->buffer_offset);
	if (!cmd || offset != cmd->got || (uint64_t)offset + ini->rx.data_len > cmd->read_len)
		return wrong(ini, "Data-In that nobody asked for");
	iscsi_rx_place(&ini->rx, cmd->data + offset, ini->rx.data_len);
}

static void take_login(struct initiator *ini)
{
	if (iscsi_opcode(&ini->rx.bhs) != ISCSI_LOGIN_RESPONSE)
		return wrong(ini, "something else than a Login Response");
	const struct iscsi_login_response *rsp = (const struct iscsi_login_response *)&ini->rx.bhs;
	if (!rsp->status_class) {
		ini->expstatsn = get_be32(rsp->statsn) + 1;
		ini->statsn_known = true;
	}
	switch (iscsi_login_initiator_response(&ini->login, rsp, ini->login_data,
					       ini->rx.data_len)) {
	case ISCSI_LOGIN_GOES_ON: return next_login_request(ini);
	case ISCSI_LOGIN_FAILED:
	case ISCSI_LOGIN_MOVED: return ini_cut(ini); /* no room just now, say: again later */
	case ISCSI_LOGIN_FINISHED: break;
	}
	ini->params = ini->login.nego.params;
	ini->rx.max_data = ini->params.max_recv_data;
	ini->rx.header_digest = ini->tx.header_digest = ini->params.header_digest;
	ini->rx.data_digest = ini->tx.data_digest = ini->params.data_digest;
	ini->maxcmdsn = get_be32(rsp->maxcmdsn);
	ini->cmdsn = get_be32(rsp->expcmdsn);
	ini->logging_in = false;
	ini->ready = true;
	ini->ops->ready(ini);
}

static void received(struct op *op, int res)
{
	struct initiator *ini = container_of(op, struct initiator, recv);
	ini->receiving = false;
	if (ini->dying || res <= 0) {
		ini_cut(ini);
		last_op_returned(ini);
		return;
	}
	iscsi_rx_got(&ini->rx, (size_t)res);
	while (ini->sock >= 0 && !ini->dying) {
		enum iscsi_rx_event event = iscsi_rx_next(&ini->rx);
		if (event == ISCSI_RX_MORE)
			break;
		ini->heard = reactor_now(ini->reactor);
		if (event == ISCSI_RX_HEADER)
			place(ini);
		else if (event != ISCSI_RX_PDU)
			ini_cut(ini); /* damaged on the way: ErrorRecoveryLevel 0 */
		else if (ini->logging_in)
			take_login(ini);
		else
			take_pdu(ini);
	}
	receive(ini);
	last_op_returned(ini);
}

void ini_start(struct initiator *ini)
{
	ini->sock = -1;
	ini->connect.done = connected;
	ini->recv.done = received;
	ini->send.done = sent;
	timer_init(&ini->retry, retry_fired);
	connect_again(ini);
}

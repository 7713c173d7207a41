/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands, their data in both directions, and task management. */
#include "wire.h"

struct wire_pdu wire_command_pdu(struct wire *w, const struct wire_cmd *cmd)
{
	struct wire_pdu pdu = wire_make(w, ISCSI_SCSI_COMMAND);
	struct iscsi_scsi_command *c = &pdu.command;
	uint8_t *ahs = pdu.ahs;

	if (cmd->immediate_delivery)
		c->opcode |= ISCSI_IMMEDIATE;
	c->flags = (uint8_t)((cmd->more ? 0 : ISCSI_FINAL) | (cmd->read ? ISCSI_COMMAND_READ : 0) |
			     (cmd->write ? ISCSI_COMMAND_WRITE : 0) | (cmd->attr ? cmd->attr : 1));
	wire_set_lun(c->lun, cmd->lun);
	put_be32(c->expected_length, cmd->write ? cmd->write : cmd->read);
	memcpy(c->cdb, cmd->cdb, sizeof(c->cdb));
	if (cmd->long_cdb_len) { /* RFC 7143 11.2.2.3: AHSLength counts from byte 3 */
		put_be16(ahs, (uint16_t)(cmd->long_cdb_len + 1));
		ahs[2] = ISCSI_AHS_EXTENDED_CDB;
		memcpy(ahs + 4, cmd->long_cdb, cmd->long_cdb_len);
		ahs += 4 + cmd->long_cdb_len + iscsi_pad(cmd->long_cdb_len);
	}
	if (cmd->read && cmd->write) { /* 11.2.2.4 */
		put_be16(ahs, 5);
		ahs[2] = ISCSI_AHS_BIDI_READ_LENGTH;
		put_be32(ahs + 4, cmd->read);
		ahs += 8;
	}
	pdu.ahs_len = (uint32_t)(ahs - pdu.ahs);
	wire_set_data(&pdu, cmd->data, cmd->immediate);
	return pdu;
}

uint32_t wire_command(struct wire *w, const struct wire_cmd *cmd)
{
	struct wire_pdu pdu = wire_command_pdu(w, cmd);

	wire_send(w, &pdu);
	return wire_itt(&pdu);
}

/* --- Data-Out */

struct wire_pdu wire_data_out_pdu(struct wire *w, const struct wire_out *out)
{
	struct wire_pdu pdu = wire_make(w, ISCSI_DATA_OUT);

	w->itt--; /* the command's tag is taken, not a new one */
	pdu.data_out.flags = out->more ? 0 : ISCSI_FINAL;
	put_be32(pdu.data_out.itt, out->itt);
	put_be32(pdu.data_out.ttt, out->ttt);
	/* The LUN goes with a Target Transfer Tag (RFC 7143 11.7.4). */
	if (out->ttt != ISCSI_RESERVED_TAG)
		wire_set_lun(pdu.data_out.lun, out->lun);
	put_be32(pdu.data_out.datasn, out->datasn);
	put_be32(pdu.data_out.buffer_offset, out->offset);
	wire_set_data(&pdu, out->data, out->len);
	return pdu;
}

void wire_data_out(struct wire *w, const struct wire_out *out)
{
	struct wire_pdu pdu = wire_data_out_pdu(w, out);

	wire_send(w, &pdu);
}

/* One sequence: `len` bytes from `offset`, in PDUs that the target can take. */
static void send_sequence(struct wire *w, uint32_t itt, uint32_t ttt, const uint8_t lun[8],
			  const uint8_t *data, uint32_t offset, uint32_t len)
{
	uint32_t datasn = 0;

	while (len) {
		uint32_t n = MIN(len, w->max_send);
		struct wire_pdu pdu = wire_data_out_pdu(w, &(struct wire_out){.itt = itt,
									      .ttt = ttt,
									      .datasn = datasn++,
									      .offset = offset,
									      .len = n,
									      .data = data + offset,
									      .more = n < len});

		if (ttt != ISCSI_RESERVED_TAG)
			memcpy(pdu.data_out.lun, lun, 8); /* copied from the R2T (11.8.5) */
		wire_send(w, &pdu);
		offset += n;
		len -= n;
	}
}

void wire_answer(struct wire *w, const struct wire_pdu *r2t, const void *data)
{
	send_sequence(w, wire_itt(r2t), get_be32(r2t->r2t.ttt), r2t->r2t.lun, data,
		      get_be32(r2t->r2t.buffer_offset), get_be32(r2t->r2t.desired_length));
}

void wire_expect_r2t(struct wire *w, uint32_t itt, uint32_t offset, uint32_t length,
		     struct wire_pdu *r2t)
{
	wire_expect(w, ISCSI_R2T, r2t);
	if (wire_itt(r2t) != itt || get_be32(r2t->r2t.buffer_offset) != offset ||
	    get_be32(r2t->r2t.desired_length) != length)
		wire_fail(w->world, "#%u: R2T for %08x, %u+%u; expected %08x, %u+%u", w->index,
			  wire_itt(r2t), get_be32(r2t->r2t.buffer_offset),
			  get_be32(r2t->r2t.desired_length), itt, offset, length);
}

uint8_t *wire_pattern(struct wire_world *world, uint32_t len, unsigned salt)
{
	uint8_t *p = wire_alloc(world, len ? len : 1);

	for (uint32_t i = 0; i < len; i++)
		p[i] = (uint8_t)(i * 7 + (i >> 8) * 13 + salt * 31 + 1);
	return p;
}

/* --- the answer */

/* Where a command stands while its PDUs come in. */
struct flow {
	struct wire *w;
	const struct wire_cmd *cmd;
	uint32_t itt;
	uint32_t sn;       /* the next DataSN or R2TSN: one count for both (RFC 7143 4.2.2.4) */
	uint32_t offset;   /* of the next Data-In: DataPDUInOrder, DataSequenceInOrder */
	uint32_t sequence; /* bytes in the sequence at hand */
	uint32_t r2t_end;  /* where the next R2T begins, when one came before */
	struct wire_result *result;
};

#define FLOW(cond)                                                                                \
	do {                                                                                      \
		if (!(cond))                                                                      \
			wire_fail(f->w->world, "#%u: task %08x: %s", f->w->index, f->itt, #cond); \
	} while (0)

static void take_data_in(struct flow *f, const struct wire_pdu *pdu)
{
	const struct iscsi_data_in *d = &pdu->data_in;
	struct wire_result *r = f->result;

	FLOW(f->cmd->read > 0);
	FLOW(get_be32(d->datasn) == f->sn);
	f->sn++;
	FLOW(get_be32(d->buffer_offset) == f->offset);
	f->offset += pdu->data_len;
	FLOW(f->offset <= f->cmd->read);
	f->sequence += pdu->data_len;
	FLOW(f->sequence <= f->w->max_burst);
	memcpy(r->data + get_be32(d->buffer_offset), pdu->data ? pdu->data : r->data,
	       pdu->data_len);
	r->data_len = f->offset;
	r->data_ins++;
	if (d->flags & ISCSI_FINAL) {
		r->sequences++;
		f->sequence = 0;
	}
	if (d->flags & ISCSI_DATA_STATUS) { /* 11.7.3 */
		FLOW(!f->cmd->write);
		r->collapsed = true;
		r->status = d->status;
		r->residual_flags = d->flags & (ISCSI_OVERFLOW | ISCSI_UNDERFLOW);
		r->residual = get_be32(d->residual);
	}
}

static void take_r2t(struct flow *f, const struct wire_pdu *pdu)
{
	uint32_t offset = get_be32(pdu->r2t.buffer_offset);
	uint32_t length = get_be32(pdu->r2t.desired_length);
	uint8_t lun[8];

	FLOW(f->cmd->write > 0);
	FLOW(get_be32(pdu->r2t.r2tsn) == f->sn);
	f->sn++;
	wire_set_lun(lun, f->cmd->lun);
	FLOW(memcmp(pdu->r2t.lun, lun, 8) == 0);
	FLOW((uint64_t)offset + length <= f->cmd->write);
	FLOW(f->result->r2ts == 0 || offset == f->r2t_end); /* DataSequenceInOrder (11.8) */
	f->r2t_end = offset + length;
	f->result->r2ts++;
	wire_answer(f->w, pdu, f->cmd->data);
}

void wire_read_sense(struct wire *w, const struct wire_pdu *response, struct wire_result *result)
{
	uint32_t len = response->data_len >= 2 ? get_be16(response->data) : 0;

	result->sense_len = MIN(len, (uint32_t)sizeof(result->sense));
	if (len < 8)
		return;
	const uint8_t *s = response->data + 2;
	memcpy(result->sense, s, result->sense_len);
	if ((s[0] & 0x7f) >= 0x72) { /* descriptor format, SPC-4 4.5.2 */
		result->key = s[1] & 0xf;
		result->asc = get_be16(s + 2);
		return;
	}
	if (len < 14)
		wire_fail(w->world, "#%u: %u bytes of fixed format sense data", w->index, len);
	result->key = s[2] & 0xf;
	result->asc = get_be16(s + 12);
}

static void take_response(struct flow *f, const struct wire_pdu *pdu)
{
	const struct iscsi_scsi_response *p = &pdu->response;
	struct wire_result *r = f->result;

	r->response = p->response;
	r->status = p->status;
	r->residual_flags = p->flags & 0x1e;
	r->residual = get_be32(p->residual);
	r->bidi_residual = get_be32(p->bidi_residual);
	/* 11.4.8: how many Data-In there were (and R2Ts, which share the count) */
	FLOW(get_be32(p->expdatasn) == (p->response   ? 0
					: r->data_ins ? f->sn
						      : 0) ||
	     get_be32(p->expdatasn) == f->sn);
	/* 11.7.1: a sequence ends with F */
	FLOW(f->sequence == 0);
	wire_read_sense(f->w, pdu, r);
}

/* 11.4.5: what did not move shows as the residual. */
static void judge_residual(struct flow *f)
{
	const struct wire_result *r = f->result;
	const struct wire_cmd *cmd = f->cmd;

	if (r->response || !cmd->read || cmd->write)
		return;
	if (r->residual_flags & ISCSI_UNDERFLOW)
		FLOW(r->residual == cmd->read - r->data_len);
	else
		FLOW(r->data_len == cmd->read);
}

void wire_finish(struct wire *w, const struct wire_cmd *cmd, uint32_t itt,
		 struct wire_result *result)
{
	struct flow flow = {.w = w, .cmd = cmd, .itt = itt, .result = result}, *f = &flow;
	struct wire_pdu pdu;
	bool ended = false;

	memset(result, 0, sizeof(*result));
	result->data = wire_alloc(w->world, cmd->read + 1u);
	while (!ended) {
		wire_recv(w, &pdu);
		FLOW(wire_itt(&pdu) == itt);
		switch (iscsi_opcode(&pdu.bhs)) {
		case ISCSI_DATA_IN:
			take_data_in(f, &pdu);
			ended = result->collapsed;
			break;
		case ISCSI_R2T: take_r2t(f, &pdu); break;
		case ISCSI_SCSI_RESPONSE:
			take_response(f, &pdu);
			ended = true;
			break;
		default:
			wire_fail(w->world, "#%u: %s in the course of a command", w->index,
				  wire_opcode_name(pdu.bhs.opcode));
		}
	}
	result->last = pdu;
	judge_residual(f);
}

/* Sends the command with as much unsolicited data as the session allows. */
static uint32_t begin(struct wire *w, const struct wire_cmd *cmd)
{
	struct wire_cmd c = *cmd;
	uint32_t first = MIN(cmd->write, w->first_burst), itt;

	c.immediate = cmd->write && w->immediate_data ? MIN(first, w->max_send) : 0;
	c.more = cmd->write && !w->initial_r2t && c.immediate < first;
	itt = wire_command(w, &c);
	if (c.more)
		send_sequence(w, itt, ISCSI_RESERVED_TAG, NULL, cmd->data, c.immediate,
			      first - c.immediate);
	return itt;
}

void wire_execute(struct wire *w, const struct wire_cmd *cmd, struct wire_result *result)
{
	struct wire_result own;

	wire_finish(w, cmd, begin(w, cmd), result ? result : &own);
}

void wire_good(struct wire *w, const struct wire_cmd *cmd, struct wire_result *result)
{
	struct wire_result own, *r = result ? result : &own;

	wire_execute(w, cmd, r);
	if (r->response || r->status)
		wire_fail(w->world, "#%u: %02x ended with %02x/%02x, key %x, %04x; expected GOOD",
			  w->index, cmd->cdb[0], r->response, r->status, r->key, r->asc);
}

void wire_check(struct wire *w, const struct wire_cmd *cmd, uint8_t key, uint16_t asc)
{
	struct wire_result r;

	wire_execute(w, cmd, &r);
	if (r.response || r.status != 0x02 || r.key != key || r.asc != asc)
		wire_fail(w->world,
			  "#%u: %02x ended with %02x/%02x, key %x, %04x; expected %x, %04x",
			  w->index, cmd->cdb[0], r.response, r.status, r.key, r.asc, key, asc);
}

void wire_expect_status(struct wire *w, uint32_t itt, uint8_t status)
{
	struct wire_pdu pdu;

	wire_expect(w, ISCSI_SCSI_RESPONSE, &pdu);
	if (wire_itt(&pdu) != itt || pdu.response.response || pdu.response.status != status)
		wire_fail(w->world, "#%u: response to %08x, %02x/%02x; expected %08x, %02x",
			  w->index, wire_itt(&pdu), pdu.response.response, pdu.response.status, itt,
			  status);
}

void wire_expect_sense(struct wire *w, uint32_t itt, uint8_t key, uint16_t asc)
{
	struct wire_pdu pdu;
	struct wire_result r = {0};

	wire_expect(w, ISCSI_SCSI_RESPONSE, &pdu);
	wire_read_sense(w, &pdu, &r);
	if (wire_itt(&pdu) != itt || pdu.response.status != 0x02 || r.key != key || r.asc != asc)
		wire_fail(
			w->world,
			"#%u: response to %08x, status %02x, key %x, %04x; expected %08x, %x, %04x",
			w->index, wire_itt(&pdu), pdu.response.status, r.key, r.asc, itt, key, asc);
}

void wire_clear_attention(struct wire *w, unsigned lun)
{
	struct wire_result r;

	for (int i = 0; i < 8; i++) {
		wire_execute(w, &(struct wire_cmd){.lun = lun, .cdb = TEST_UNIT_READY}, &r);
		if (r.status == 0)
			return;
		if (r.key != 6)
			break;
	}
	wire_fail(w->world, "#%u: LUN %u is not ready: key %x, %04x", w->index, lun, r.key, r.asc);
}

/* --- task management */

uint32_t wire_tmf(struct wire *w, uint8_t function, unsigned lun, uint32_t ref_itt,
		  uint32_t ref_cmdsn)
{
	struct wire_pdu pdu = wire_make(w, ISCSI_TMF_REQUEST | ISCSI_IMMEDIATE);

	pdu.tmf.function = (uint8_t)(ISCSI_FINAL | function);
	if (function != ISCSI_TMF_TARGET_WARM_RESET && function != ISCSI_TMF_TARGET_COLD_RESET)
		wire_set_lun(pdu.tmf.lun, lun);
	put_be32(pdu.tmf.referenced_tag, ref_itt);
	put_be32(pdu.tmf.refcmdsn, ref_cmdsn);
	wire_send(w, &pdu);
	return wire_itt(&pdu);
}

void wire_expect_tmf(struct wire *w, uint32_t itt, uint8_t response)
{
	struct wire_pdu pdu;

	wire_expect(w, ISCSI_TMF_RESPONSE, &pdu);
	if (wire_itt(&pdu) != itt || pdu.tmf_response.response != response)
		wire_fail(w->world, "#%u: TMF response to %08x: %u; expected %08x: %u", w->index,
			  wire_itt(&pdu), pdu.tmf_response.response, itt, response);
}

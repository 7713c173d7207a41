/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A command and its data. What comes in goes from the socket into the owner's buffers, what goes out is taken
 * from there; DataPDUInOrder and DataSequenceInOrder are Yes, for we propose it, so both are used from one end to
 * the other.
 */
#include <errno.h>
#include <string.h>
#include "initiator/priv.h"

/* --- the command */

static void command_sent(struct iscsi_tx_pdu *pdu, int err)
{
	ini_task_sent(container_of(pdu, struct ini_task, pdu));
}

static void rewind_data(struct ini_task *t)
{
	t->got = 0;
	t->in_at = 0;
	t->in_skip = 0;
	t->datasn = 0;
	t->out_at = 0;
	t->out_skip = 0;
	t->out_pos = 0;
	t->r2tsn = 0;
	t->asked = 0;
	t->seq_first = t->seq_count = 0;
	t->out_datasn = 0;
}

static void add_sequence(struct ini_task *t, uint32_t ttt, uint32_t offset, uint32_t len)
{
	struct ini_session *s = t->session;
	unsigned i = (t->seq_first + t->seq_count) % ARRAY_SIZE(t->seq);
	if (!t->seq_count++) {
		t->out_datasn = 0;
		list_add_tail(&s->sending, &t->sending);
	}
	t->seq[i] = (struct ini_sequence){.ttt = ttt, .offset = offset, .left = len};
	ini_session_wake(s);
}

static void fill_cdb(struct ini_task *t, struct iscsi_scsi_command *bhs)
{
	if (t->cdb_len <= ISCSI_CDB_LEN) {
		memcpy(bhs->cdb, t->cdb, sizeof(bhs->cdb));
		return;
	}
	struct iscsi_ahs ahs = {.cdb = t->long_cdb + ISCSI_CDB_LEN,
				.cdb_len = t->cdb_len - ISCSI_CDB_LEN};
	memcpy(bhs->cdb, t->long_cdb, sizeof(bhs->cdb));
	bhs->total_ahs_length = (uint8_t)(iscsi_ahs_build(&ahs, t->pdu.after_bhs) / 4);
}

static uint8_t direction(const struct ini_task *t)
{
	return t->out_len ? ISCSI_COMMAND_WRITE : t->in_len ? ISCSI_COMMAND_READ : 0;
}

void ini_transfer_begin(struct ini_task *t)
{
	struct ini_session *s = t->session;
	const struct iscsi_params *p = &s->params;
	struct iscsi_scsi_command *bhs = (struct iscsi_scsi_command *)&t->pdu.bhs;
	/* RFC 7143 13.10, 13.11, 13.14 */
	uint32_t first = MIN(t->out_len, p->first_burst);
	uint32_t immediate = p->immediate_data ? MIN(first, p->max_send_data) : 0;
	bool unsolicited = !p->initial_r2t && first > immediate;

	rewind_data(t);
	memset(bhs, 0, sizeof(*bhs));
	bhs->opcode = ISCSI_SCSI_COMMAND;
	bhs->flags = (uint8_t)((unsolicited ? 0 : ISCSI_FINAL) | direction(t) |
			       (t->attr & ISCSI_COMMAND_ATTR));
	memcpy(bhs->lun, t->lun, sizeof(bhs->lun));
	put_be32(bhs->itt, t->tag);
	put_be32(bhs->expected_length, t->out_len ? t->out_len : t->in_len);
	put_be32(bhs->cmdsn, s->cmdsn);
	put_be32(bhs->expstatsn, s->expstatsn);
	fill_cdb(t, bhs);
	t->cmdsn = s->cmdsn;
	if (t->flags & INI_IMMEDIATE)
		bhs->opcode |= ISCSI_IMMEDIATE;
	else
		s->cmdsn++;
	t->pdu.data = NULL;
	t->pdu.data_len = immediate;
	t->pdu.sent = command_sent;
	t->refs++;
	s->stats.commands++;
	s->stats.bytes_out += immediate;
	if (immediate)
		iscsi_tx_push_iov(&s->tx, &t->pdu, t->out, 0);
	else
		iscsi_tx_push(&s->tx, &t->pdu);
	t->asked = unsolicited ? first : immediate;
	if (unsolicited)
		add_sequence(t, ISCSI_RESERVED_TAG, immediate, first - immediate);
	ini_session_wake(s);
}

/* --- Data-Out */

static void data_sent(struct iscsi_tx_pdu *pdu, int err)
{
	struct data_pdu *d = container_of(pdu, struct data_pdu, pdu);
	struct ini_session *s = d->session;
	s->data_out--;
	list_add_head(&s->free_data, &pdu->link);
	ini_task_sent(d->task);
}

/* Moves the task's place in its vector on to `offset`. */
static void seek_out(struct ini_task *t, uint32_t offset)
{
	size_t skip = t->out_skip + (offset - t->out_pos);
	while (skip >= t->out[t->out_at].iov_len)
		skip -= t->out[t->out_at++].iov_len;
	t->out_skip = skip;
	t->out_pos = offset;
}

static void make_one(struct ini_session *s, struct ini_task *t)
{
	struct ini_sequence *seq = &t->seq[t->seq_first];
	uint32_t len = MIN(seq->left, s->params.max_send_data);
	struct data_pdu *d = list_first(&s->free_data, struct data_pdu, pdu.link);
	struct iscsi_data_out *bhs = (struct iscsi_data_out *)&d->pdu.bhs;

	list_del(&d->pdu.link);
	seek_out(t, seq->offset);
	memset(bhs, 0, sizeof(*bhs));
	bhs->opcode = ISCSI_DATA_OUT;
	bhs->flags = len == seq->left ? ISCSI_FINAL : 0;
	memcpy(bhs->lun, t->lun, sizeof(bhs->lun));
	put_be32(bhs->itt, t->tag);
	put_be32(bhs->ttt, seq->ttt);
	put_be32(bhs->expstatsn, s->expstatsn);
	put_be32(bhs->datasn, t->out_datasn++);
	put_be32(bhs->buffer_offset, seq->offset);
	d->task = t;
	d->pdu.data = NULL;
	d->pdu.data_len = len;
	d->pdu.sent = data_sent;
	t->refs++;
	s->data_out++;
	s->stats.bytes_out += len;
	seq->offset += len;
	seq->left -= len;
	iscsi_tx_push_iov(&s->tx, &d->pdu, &t->out[t->out_at], t->out_skip);
	if (seq->left)
		return;
	t->seq_first = (uint8_t)((t->seq_first + 1) % ARRAY_SIZE(t->seq));
	t->out_datasn = 0;
	if (!--t->seq_count)
		list_del(&t->sending);
}

void ini_transfer_make(struct ini_session *s)
{
	while (!list_empty(&s->sending) && s->data_out < INI_TX_DEPTH)
		make_one(s, list_first(&s->sending, struct ini_task, sending));
}

/* RFC 7143 11.8. In order, so that there is an end to it. */
void ini_transfer_r2t(struct ini_session *s)
{
	const struct iscsi_r2t *r2t = (const struct iscsi_r2t *)&s->rx.bhs;
	struct ini_task *t = ini_tag_find(s, get_be32(r2t->itt), TAG_TASK);
	uint32_t offset = get_be32(r2t->buffer_offset), len = get_be32(r2t->desired_length);
	const char *wrong = NULL;
	if (!t)
		wrong = "for no command that there is";
	else if (s->rx.data_len || get_be32(r2t->ttt) == ISCSI_RESERVED_TAG)
		wrong = "with data, or without a tag";
	else if (get_be32(r2t->r2tsn) != t->r2tsn)
		wrong = "with a number out of order";
	else if (!len || offset > t->out_len || len > t->out_len - offset)
		wrong = "for data that the command does not have";
	else if (len > s->params.max_burst)
		wrong = "for more than MaxBurstLength";
	else if (offset < t->asked)
		wrong = "for data that were sent or asked for";
	else if (t->seq_count >=
		 MIN(s->params.max_outstanding_r2t, INI_R2T_MAX) +
			 (t->seq_count && t->seq[t->seq_first].ttt == ISCSI_RESERVED_TAG))
		wrong = "and more of them than MaxOutstandingR2T";
	if (wrong) {
		ini_recovery_break(s, INI_NONSENSE, "the target sends an R2T %s", wrong);
		return;
	}
	t->r2tsn++;
	t->asked = offset + len;
	add_sequence(t, get_be32(r2t->ttt), offset, len);
}

/* --- Data-In */

/* RFC 7143 11.7: of which task, and exactly where that goes on. */
void ini_transfer_data_in_header(struct ini_session *s)
{
	const struct iscsi_data_in *bhs = (const struct iscsi_data_in *)&s->rx.bhs;
	struct ini_task *t = ini_tag_find(s, get_be32(bhs->itt), TAG_TASK);
	uint32_t len = s->rx.data_len;
	const char *wrong = NULL;
	if (!t)
		wrong = "for no command that there is";
	else if (get_be32(bhs->datasn) != t->datasn)
		wrong = "with a number out of order";
	else if (len > t->in_len - t->got)
		wrong = "past the end of what was asked for";
	else if (len && get_be32(bhs->buffer_offset) != t->got)
		wrong = "for another place than is due";
	if (wrong)
		ini_recovery_break(s, INI_NONSENSE, "the target sends data %s", wrong);
	else if (len)
		iscsi_rx_place_iov(&s->rx, &t->in[t->in_at], t->in_skip, len);
}

static void advance_in(struct ini_task *t, uint32_t len)
{
	t->got += len;
	t->in_skip += len;
	while (t->in_at < t->in_count && t->in_skip >= t->in[t->in_at].iov_len)
		t->in_skip -= t->in[t->in_at++].iov_len;
}

/*
 * RFC 7143 11.4.5. What the target says of the residual, but of a read that went well no less than what is
 * missing: the rest of the buffer is not the medium's.
 */
static void take_residual(struct ini_task *t, uint8_t flags, uint32_t count)
{
	uint32_t expected = t->out_len ? t->out_len : t->in_len;
	t->overflow = flags & ISCSI_OVERFLOW;
	t->residual = flags & (ISCSI_OVERFLOW | ISCSI_UNDERFLOW) ? count : 0;
	if (!t->overflow)
		t->residual = MIN(t->residual, expected);
	uint32_t missing = t->in_len - t->got;
	if (missing && (t->overflow || t->residual < missing)) {
		t->overflow = false;
		t->residual = missing;
	}
}

void ini_transfer_data_in(struct ini_session *s)
{
	const struct iscsi_data_in *bhs = (const struct iscsi_data_in *)&s->rx.bhs;
	struct ini_task *t = ini_tag_find(s, get_be32(bhs->itt), TAG_TASK);
	if (!t) /* its owner has had it ended while this came in: it has not, but never be sure */
		return;
	t->datasn++;
	advance_in(t, s->rx.data_len);
	s->stats.bytes_in += s->rx.data_len;
	if (!(bhs->flags & ISCSI_DATA_STATUS))
		return;
	t->response = 0;
	t->status = bhs->status;
	t->sense_len = 0;
	take_residual(t, bhs->flags, get_be32(bhs->residual));
	ini_task_answered(t);
}

/* --- the end */

/* RFC 7143 11.4.7: SenseLength, sense data, response data. */
static void take_sense(struct ini_session *s, struct ini_task *t)
{
	uint32_t len = MIN(s->rx.data_len, INI_SCRATCH);
	t->sense_len = 0;
	if (len < 2)
		return;
	t->sense_len = (uint16_t)MIN(MIN(get_be16(s->scratch), len - 2), (uint32_t)INI_SENSE_MAX);
	memcpy(t->sense, s->scratch + 2, t->sense_len);
}

void ini_transfer_response(struct ini_session *s)
{
	const struct iscsi_scsi_response *bhs = (const struct iscsi_scsi_response *)&s->rx.bhs;
	struct ini_task *t = ini_tag_find(s, get_be32(bhs->itt), TAG_TASK);
	if (!t) {
		ini_recovery_break(s, INI_NONSENSE,
				   "the target answers a command that there is not, or twice");
		return;
	}
	t->response = bhs->response;
	t->status = bhs->status;
	take_sense(s, t);
	take_residual(t, bhs->flags, get_be32(bhs->residual));
	ini_task_answered(t);
}

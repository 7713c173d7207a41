/* SPDX-License-Identifier: BSD-2-Clause */
/* PERSISTENT RESERVE IN (SPC-4 6.15). */
#include <string.h>
#include "common/cleanup.h"
#include "scsi/lu_priv.h"
#include "scsi/pr.h"

#define HEADER 8

static uint32_t count_of(const struct pr_state *s)
{
	return s ? s->count : 0;
}

/* PRGENERATION and ADDITIONAL LENGTH, and the reply ends. */
static void reply(struct scsi_io *io, uint32_t additional, size_t len)
{
	const struct pr_state *s = io->lu->pr.state;
	uint8_t header[HEADER] = {0};

	put_be32(header, s ? s->generation : 0);
	put_be32(header + 4, additional);
	if (io->buf_len) /* else there is no buffer */
		memcpy(io->data, header, MIN(sizeof(header), (size_t)io->buf_len));
	scsi_reply(io, MIN(len, (size_t)io->buf_len));
}

/* SPC-4 6.15.2 */
void scsi_cmd_pr_read_keys(struct scsi_io *io)
{
	const struct pr_state *s = io->lu->pr.state;
	uint32_t len = 8 * count_of(s);

	for (uint32_t i = 0; i < count_of(s); i++)
		put_be64(io->data + HEADER + 8 * i, s->of[i].key);
	reply(io, len, HEADER + len);
}

/* SPC-4 6.15.3; where all registrants hold it, no key is named. */
void scsi_cmd_pr_read_reservation(struct scsi_io *io)
{
	const struct pr_state *s = io->lu->pr.state;
	uint8_t *d = io->data + HEADER;

	if (!s || !s->type) {
		reply(io, 0, HEADER);
		return;
	}
	if (!pr_all_registrants(s->type))
		put_be64(d, s->of[s->holder].key);
	d[13] = s->type; /* SCOPE 0: the LU */
	reply(io, 16, HEADER + 16);
}

/* SPC-4 6.15.4. ALLOW COMMANDS: TEST UNIT READY is let through. */
void scsi_cmd_pr_capabilities(struct scsi_io *io)
{
	uint8_t *d = io->data;

	put_be16(d, 8);
	d[2] = 0x1c | scsi_pr_can_persist(io->lu); /* CRH, SIP_C, ATP_C, PTPL_C */
	d[3] = 0x90 | scsi_pr_persists(io->lu);    /* TMV, ALLOW COMMANDS 001b, PTPL_A */
	d[4] = 0xea;                               /* the types that there are */
	d[5] = 0x01;
	scsi_reply(io, 8);
}

bool scsi_lengths_pr_status(struct scsi_io *io)
{
	io->alloc_len = io->buf_len = get_be16(io->cdb + 7);
	return true;
}

#define STATUS 24 /* of a full status descriptor, without the TransportID */

/* SPC-4 6.15.5 */
static size_t put_status(uint8_t *d, const struct pr_state *s, uint32_t i)
{
	const struct pr_registrant *r = &s->of[i];
	size_t id = scsi_transport_id_put(d + STATUS, r->initiator);

	put_be64(d, r->key);
	if (pr_holds(s, (int)i)) {
		d[12] = 0x01; /* R_HOLDER */
		d[13] = s->type;
	}
	put_be16(d + 18, r->rel_port);
	put_be32(d + 20, (uint32_t)id);
	return STATUS + id;
}

/* There may be more of them than the initiator has room for. */
void scsi_cmd_pr_full_status(struct scsi_io *io)
{
	const struct pr_state *s = io->lu->pr.state;
	size_t at = HEADER;

	for (uint32_t i = 0; i < count_of(s); i++) {
		uint8_t d[STATUS + 4 + SCSI_PORT_NAME_SIZE + 4] = {0};
		size_t len = put_status(d, s, i);

		if (at < io->buf_len)
			memcpy(io->data + at, d, MIN(len, io->buf_len - at));
		at += len;
	}
	reply(io, (uint32_t)(at - HEADER), at);
}

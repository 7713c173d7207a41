/* SPDX-License-Identifier: BSD-2-Clause */
#include "plant.h"

#include <stdlib.h>
#include <string.h>
#include "backstore/backstore.h"
#include "iscsi/tx.h"
#include "scsi/gate.h"
#include "target/priv.h"

enum plant plant;

const char *const plant_names[PLANT_COUNT] = {
	"none",           "flush-dropped",  "early-ack",     "fence-skipped",
	"answered-twice", "gate-left-open", "cache-left-on", "compare-not-atomic",
};

void __real_bs_submit(struct backstore *bs, struct bs_io *io);
void __wrap_bs_submit(struct backstore *bs, struct bs_io *io);
bool __real_scsi_fence_hold(struct scsi_io *io);
bool __wrap_scsi_fence_hold(struct scsi_io *io);
bool __real_scsi_gate_enter(struct scsi_lu *lu, struct scsi_entry *e,
			    void (*enter)(struct scsi_entry *e));
bool __wrap_scsi_gate_enter(struct scsi_lu *lu, struct scsi_entry *e,
			    void (*enter)(struct scsi_entry *e));
void __real_scsi_range_take(struct scsi_io *io, void (*next)(struct scsi_io *io, int err));
void __wrap_scsi_range_take(struct scsi_io *io, void (*next)(struct scsi_io *io, int err));
void __real_iscsi_tx_push(struct iscsi_tx *tx, struct iscsi_tx_pdu *pdu);
void __wrap_iscsi_tx_push(struct iscsi_tx *tx, struct iscsi_tx_pdu *pdu);

struct behind {
	struct list link;
	struct bs_io io;
	uint8_t data[];
};

static struct list behind = {&behind, &behind};

static void behind_free(struct behind *b)
{
	list_del(&b->link);
	free(b);
}

static void behind_done(struct bs_io *io, int err)
{
	behind_free(container_of(io, struct behind, io));
}

void plant_forget(void)
{
	while (!list_empty(&behind))
		behind_free(list_first(&behind, struct behind, link));
}

/* The real write goes on with a copy, and what becomes of it nobody hears. */
static void write_behind(struct backstore *bs, struct bs_io *io)
{
	struct behind *b = calloc(1, sizeof(*b) + io->length);
	if (!b)
		abort();
	list_add_tail(&behind, &b->link);
	b->io.op = io->op;
	b->io.offset = io->offset;
	b->io.length = io->length;
	b->io.buf = b->data;
	b->io.done = behind_done;
	memcpy(b->data, io->buf, io->length);
	__real_bs_submit(bs, &b->io);
	io->done(io, 0);
}

static bool is_for_cache(const struct bs_io *io)
{
	return io->op == BS_WRITE && io->fua && !scsi_io_fua(container_of(io, struct scsi_io, bs));
}

void __wrap_bs_submit(struct backstore *bs, struct bs_io *io)
{
	bool cached = plant == PLANT_CACHE_LEFT_ON;
	if (cached && is_for_cache(io))
		io->fua = false;
	/* Of a write that it was not durable, and has a length therefore. */
	if (cached && io->op == BS_FLUSH && io->length)
		io->done(io, 0);
	else if (plant == PLANT_FLUSH_DROPPED && io->op == BS_FLUSH)
		io->done(io, 0);
	else if (plant == PLANT_EARLY_ACK && io->op == BS_WRITE)
		write_behind(bs, io);
	else
		__real_bs_submit(bs, io);
}

bool __wrap_scsi_fence_hold(struct scsi_io *io)
{
	return plant != PLANT_FENCE_SKIPPED && __real_scsi_fence_hold(io);
}

bool __wrap_scsi_gate_enter(struct scsi_lu *lu, struct scsi_entry *e,
			    void (*enter)(struct scsi_entry *e))
{
	return plant != PLANT_GATE_LEFT_OPEN && __real_scsi_gate_enter(lu, e, enter);
}

void __wrap_scsi_range_take(struct scsi_io *io, void (*next)(struct scsi_io *io, int err))
{
	if (plant == PLANT_COMPARE_NOT_ATOMIC)
		next(io, 0);
	else
		__real_scsi_range_take(io, next);
}

static void copy_sent(struct iscsi_tx_pdu *pdu, int err)
{
	free(pdu);
}

void __wrap_iscsi_tx_push(struct iscsi_tx *tx, struct iscsi_tx_pdu *pdu)
{
	__real_iscsi_tx_push(tx, pdu);
	if (plant != PLANT_ANSWERED_TWICE || iscsi_opcode(&pdu->bhs) != ISCSI_SCSI_RESPONSE ||
	    pdu->data_len || get_be32(pdu->bhs.itt) % 97)
		return;
	struct iscsi_tx_pdu *copy = calloc(1, sizeof(*copy));
	if (!copy)
		abort();
	copy->bhs = pdu->bhs;
	copy->sent = copy_sent;
	/* With a StatSN of its own, so that nothing but the tag tells the two apart. */
	put_be32(((struct iscsi_scsi_response *)&copy->bhs)->statsn,
		 container_of(tx, struct conn, tx)->statsn++);
	__real_iscsi_tx_push(tx, copy);
}

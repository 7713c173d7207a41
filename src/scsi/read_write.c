/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands that read, write and check blocks of the medium (SBC-3 5). */
#include <stdlib.h>
#include <string.h>
#include "common/cleanup.h"
#include "scsi/gate.h"

#define FUA    0x08 /* in byte 1 of READ and WRITE, not of the 6 byte ones */
#define FUA_NV 0x02
#define IMMED  0x02 /* in byte 1 of PRE-FETCH and SYNCHRONIZE CACHE */

enum bytchk { BYTCHK_NONE, BYTCHK_ALL, BYTCHK_RESERVED, BYTCHK_ONE };

bool scsi_io_fua(const struct scsi_io *io)
{
	return io->cmd->cdb_len > 6 && io->cdb[1] & (FUA | FUA_NV);
}

static enum bytchk bytchk(const struct scsi_io *io)
{
	return (io->cdb[1] >> 1) & 3;
}

/*
 * What is read next must come from the medium (SBC-3, FUA of READ): what is cached goes there first, if
 * there is anything. When it cannot, or could not once, nobody knows whether what can be read is on
 * the medium: the blocks there are as good as unreadable, which is what `next` says. It is no WRITE
 * ERROR, for the initiator did not ask to write; those who did hear of that elsewhere.
 */
static void to_medium(struct scsi_io *io, void (*next)(struct scsi_io *io, int err))
{
	if (io->lu->bs->dirty || io->lu->bs->sync_error)
		scsi_store_flush(io, next);
	else
		next(io, 0);
}

static struct scsi_lu_stats *stats(struct scsi_io *io)
{
	return io->gate ? &io->gate->stats : &io->lu->stats;
}

/* Where the task's time is counted, which is this thread's alone; NULL: no memory. */
static struct scsi_latency *latency(struct scsi_io *io)
{
	_Atomic(struct scsi_latency *) *at = io->gate ? &io->gate->latency : &io->lu->latency;
	struct scsi_latency *l = atomic_load_explicit(at, memory_order_relaxed);

	if (!l && (l = calloc(1, sizeof(*l))))
		atomic_store_explicit(at, l, memory_order_release);
	return l;
}

/* It is about to be answered. The clock stands still within a turn, and that of another reactor may be ahead. */
static void count_time(struct scsi_io *io, bool write)
{
	uint64_t now = reactor_now(io->gate ? io->gate->reactor : io->lu->reactor);
	struct scsi_latency *l = io->since ? latency(io) : NULL;

	if (l)
		scsi_latency_count(write ? &l->writes : &l->reads,
				   now > io->since ? now - io->since : 0);
}

/* --- READ */

static void read_done(struct scsi_io *io, int err)
{
	if (err) {
		scsi_store_error(io, err, io->lba);
		return;
	}
	count_add(&stats(io)->reads, 1);
	count_add(&stats(io)->read_bytes, io->bs.length);
	count_time(io, false);
	io->in_len = io->buf_len;
	io->lent = io->bs.lent;
	scsi_good(io);
}

static void read_store(struct scsi_io *io)
{
	/* Between here and port->done() there is no letter, in which time others might write. */
	io->bs.may_lend = io->may_lend && (io->gate || !io->away);
	scsi_store(io, BS_READ, false, io->lba, io->blocks, io->data, read_done);
}

static void read_start(struct scsi_io *io, int err)
{
	io->bs.op = BS_READ;
	if (err)
		scsi_store_error(io, err, io->lba);
	else
		read_store(io);
}

void scsi_cmd_read(struct scsi_io *io)
{
	if (io->blocks == 0)
		scsi_good(io);
	else if (scsi_io_fua(io))
		to_medium(io, read_start);
	else
		read_start(io, 0);
}

/* --- WRITE */

static void count_write(struct scsi_io *io)
{
	count_add(&stats(io)->writes, 1);
	count_add(&stats(io)->write_bytes, io->bs.length);
}

void scsi_written(struct scsi_io *io)
{
	count_write(io);
	count_time(io, true);
	scsi_good(io);
}

static void write_done(struct scsi_io *io, int err)
{
	if (err) {
		scsi_store_error(io, err, io->lba);
		return;
	}
	scsi_written(io);
}

/*
 * When the initiator sent less than the CDB calls for, the whole blocks that came are what there is
 * to write; the transport tells of the residual.
 */
static uint64_t blocks_got(const struct scsi_io *io)
{
	return MIN(io->blocks, (uint64_t)io->out_got >> io->lu->block_shift);
}

static void write_moved(struct scsi_io *io, int err)
{
	io->blocks = blocks_got(io);
	if (io->blocks == 0)
		scsi_good(io);
	else
		scsi_store(io, BS_WRITE, scsi_io_fua(io), io->lba, io->blocks, io->data,
			   write_done);
}

void scsi_cmd_write(struct scsi_io *io)
{
	if (io->blocks == 0)
		scsi_good(io);
	else
		scsi_move(io, write_moved);
}

/* --- VERIFY, WRITE AND VERIFY, PRE-FETCH: read the range step by step, look at it or not */

size_t scsi_first_difference(const uint8_t *a, const uint8_t *b, size_t n)
{
	size_t i = 0;

	if (memcmp(a, b, n) == 0)
		return n;
	while (a[i] == b[i])
		i++;
	return i;
}

/* Compares what was read with the Data-Out. True, or false with sense data. */
static bool check_step(struct scsi_io *io)
{
	const uint8_t *medium = io->data + scsi_second_buffer(io);
	size_t len = (size_t)io->bs.length, block = io->lu->block_size, i;

	switch (bytchk(io)) {
	case BYTCHK_ALL: {
		uint64_t offset = io->at << io->lu->block_shift;

		i = scsi_first_difference(io->data + offset, medium, len);
		if (i < len)
			scsi_sense_miscompare(io, offset + i);
		return i == len;
	}
	case BYTCHK_ONE:
		for (size_t at = 0; at < len; at += block) {
			i = scsi_first_difference(io->data, medium + at, block);
			if (i < block) {
				scsi_sense_miscompare(io, i);
				return false;
			}
		}
		return true;
	default: return true;
	}
}

static void verify_read(struct scsi_io *io, int err);

static void verify_step(struct scsi_io *io, int err)
{
	uint64_t lba = io->lba + io->at, step = SCSI_STEP_MAX >> io->lu->block_shift;

	io->bs.op = BS_READ;
	if (err)
		scsi_store_error(io, err, lba);
	else if (io->at == io->blocks)
		scsi_good(io);
	else
		scsi_store(io, BS_READ, false, lba, MIN(step, io->blocks - io->at),
			   io->data + scsi_second_buffer(io), verify_read);
}

static void verify_read(struct scsi_io *io, int err)
{
	if (err) {
		verify_step(io, err);
		return;
	}
	if (!check_step(io)) {
		scsi_io_done(io);
		return;
	}
	io->at += io->bs.length >> io->lu->block_shift;
	verify_step(io, 0);
}

static void verify_moved(struct scsi_io *io, int err)
{
	if (io->out_got < io->out_len) {
		/* GOOD would say of blocks that they are alike which nobody has compared. */
		scsi_sense_data_phase_error(io);
		scsi_io_done(io);
	} else if (io->blocks == 0) {
		scsi_good(io);
	} else {
		to_medium(io, verify_step);
	}
}

void scsi_cmd_verify(struct scsi_io *io)
{
	scsi_move(io, verify_moved);
}

static void write_verify_written(struct scsi_io *io, int err)
{
	if (err) {
		scsi_store_error(io, err, io->lba);
		return;
	}
	count_write(io);
	verify_step(io, 0);
}

/* The write goes to the medium, so that it is the medium which is verified. */
static void write_verify_moved(struct scsi_io *io, int err)
{
	io->blocks = blocks_got(io);
	if (io->blocks == 0)
		scsi_good(io);
	else
		scsi_store(io, BS_WRITE, true, io->lba, io->blocks, io->data, write_verify_written);
}

void scsi_cmd_write_verify(struct scsi_io *io)
{
	scsi_move(io, write_verify_moved);
}

/* --- PRE-FETCH */

static void prefetch_step(struct scsi_io *io, int err)
{
	uint64_t step = SCSI_STEP_MAX >> io->lu->block_shift;

	if (err) {
		scsi_store_error(io, err, io->lba + io->at);
		return;
	}
	io->at += io->bs.length >> io->lu->block_shift;
	if (io->at == io->blocks) {
		io->status = SCSI_CONDITION_MET;
		scsi_io_done(io);
		return;
	}
	scsi_store(io, BS_READ, false, io->lba + io->at, MIN(step, io->blocks - io->at), io->data,
		   prefetch_step);
}

/*
 * Reading brings blocks into the store's cache. GOOD says that not all of them went there
 * (SBC-3 5.11): more than one transfer's worth, "to the end" (0), or nobody waits for it.
 */
void scsi_cmd_prefetch(struct scsi_io *io)
{
	uint64_t most = SCSI_TRANSFER_MAX >> io->lu->block_shift;

	if (io->blocks == 0 || io->blocks > most || io->cdb[1] & IMMED) {
		scsi_good(io);
		return;
	}
	io->bs.length = 0;
	prefetch_step(io, 0);
}

/* --- SYNCHRONIZE CACHE */

static void sync_done(struct scsi_io *io, int err)
{
	if (err)
		scsi_store_error(io, err, io->lba);
	else
		scsi_good(io);
}

/* The range does not matter: the store flushes all it has. */
void scsi_cmd_sync_cache(struct scsi_io *io)
{
	if (io->cdb[1] & IMMED) {
		/* A failure is kept by the store and comes out of the next one. */
		scsi_lu_flush_soon(io->lu);
		scsi_good(io);
		return;
	}
	scsi_store_sync(io, sync_done);
}

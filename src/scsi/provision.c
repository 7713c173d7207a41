/* SPDX-License-Identifier: BSD-2-Clause */
/* Logical block provisioning (SBC-3 4.7): UNMAP, GET LBA STATUS; and WRITE SAME. */
#include <errno.h>
#include <string.h>
#include "common/cleanup.h"
#include "common/zero.h"
#include "scsi/lu_priv.h"

/* --- UNMAP (SBC-3 5.28) */

#define UNMAP_HEADER     8
#define UNMAP_DESCRIPTOR 16

static const uint8_t *unmap_descriptor(const struct scsi_io *io, uint64_t i)
{
	return io->data + UNMAP_HEADER + UNMAP_DESCRIPTOR * i;
}

/* Judges the whole list before anything is done; true: io->blocks is the number of descriptors. */
static bool unmap_list_ok(struct scsi_io *io)
{
	uint64_t total = 0, blocks = io->lu->blocks;
	uint32_t len;

	if (io->out_len < UNMAP_HEADER) {
		scsi_sense_parameter_list_length(io);
		return false;
	}
	len = get_be16(io->data + 2);
	if (len > io->out_len - UNMAP_HEADER) {
		scsi_sense_parameter_list_length(io);
		return false;
	}
	/* A last one that is not whole is ignored. */
	io->blocks = len / UNMAP_DESCRIPTOR;
	if (io->blocks > scsi_lu_unmap_ranges(io->lu)) {
		scsi_sense_invalid_field_in_list(io, 2, -1);
		return false;
	}
	for (uint64_t i = 0; i < io->blocks; i++) {
		const uint8_t *d = unmap_descriptor(io, i);
		uint64_t lba = get_be64(d), n = get_be32(d + 8);

		if (lba > blocks || n > blocks - lba) {
			scsi_sense_lba_out_of_range(io, MAX(lba, blocks));
			return false;
		}
		total += n;
		if (total > scsi_lu_unmap_max(io->lu)) {
			scsi_sense_invalid_field_in_list(
				io, (unsigned)(UNMAP_HEADER + UNMAP_DESCRIPTOR * i + 8), -1);
			return false;
		}
	}
	return true;
}

/* The descriptor at io->at is next. */
static void unmap_step(struct scsi_io *io, int err)
{
	if (err) {
		scsi_store_error(io, err, io->lba);
		return;
	}
	while (io->at < io->blocks) {
		const uint8_t *d = unmap_descriptor(io, io->at++);
		uint32_t n = get_be32(d + 8);

		if (n == 0)
			continue;
		io->lba = get_be64(d);
		scsi_store(io, BS_UNMAP, false, io->lba, n, NULL, unmap_step);
		return;
	}
	scsi_good(io);
}

static void unmap_moved(struct scsi_io *io, int err)
{
	if (!unmap_list_ok(io))
		scsi_io_done(io);
	else
		unmap_step(io, 0);
}

void scsi_cmd_unmap(struct scsi_io *io)
{
	if (io->out_len == 0) /* no list is no error */
		scsi_good(io);
	else
		scsi_move(io, unmap_moved);
}

/* --- WRITE SAME (SBC-3 5.41, 5.43) */

#define WRITE_SAME_UNMAP 0x08
#define WRITE_SAME_NDOB  0x01

static bool ndob(const struct scsi_io *io)
{
	return io->out_len == 0;
}

static void write_same_step(struct scsi_io *io, int err)
{
	uint64_t left, step = io->buf_len >> io->lu->block_shift;

	if (err) {
		scsi_store_error(io, err, io->lba + io->at);
		return;
	}
	io->at += io->bs.length >> io->lu->block_shift;
	left = io->blocks - io->at;
	if (left == 0) {
		io->lu->stats.writes++;
		io->lu->stats.write_bytes += io->blocks << io->lu->block_shift;
		scsi_good(io);
		return;
	}
	scsi_store(io, BS_WRITE, false, io->lba + io->at, MIN(step, left), io->data,
		   write_same_step);
}

/* Zeroes, or space given back: one request, whatever the range. */
static void write_same_zero(struct scsi_io *io)
{
	bool unmap = io->cdb[1] & WRITE_SAME_UNMAP;

	scsi_store(io, unmap ? BS_UNMAP : BS_ZERO, false, io->lba, io->blocks, NULL,
		   write_same_step);
}

static void write_same_moved(struct scsi_io *io, int err)
{
	uint32_t block = io->lu->block_size;

	if (ndob(io)) {
		write_same_zero(io);
		return;
	}
	if (io->out_got < block) { /* there is nothing to write that would be right */
		scsi_sense_data_phase_error(io);
		scsi_io_done(io);
		return;
	}
	if (is_all_zero(io->data, block)) {
		write_same_zero(io);
		return;
	}
	for (uint32_t at = block; at < io->buf_len; at += block)
		memcpy(io->data + at, io->data, block);
	io->bs.length = 0;
	write_same_step(io, 0);
}

void scsi_cmd_write_same(struct scsi_io *io)
{
	if (io->blocks > scsi_lu_write_same_max(io->lu)) {
		scsi_sense_invalid_field_in_cdb(io, io->cmd->length_at, -1);
		scsi_io_done(io);
		return;
	}
	scsi_move(io, write_same_moved);
}

/* --- GET LBA STATUS (SBC-3 5.5) */

#define STATUS_HEADER      8
#define STATUS_DESCRIPTOR  16
#define STATUS_DEALLOCATED 1
#define EXTENTS_MAX        1024 /* asked of the store for one command: it blocks */

/*
 * The blocks from `lba` on that are alike. A block of which a part is mapped counts as mapped. 0 or
 * -errno.
 */
static int status_extent(struct scsi_lu *lu, uint64_t lba, bool *mapped, uint64_t *blocks)
{
	uint64_t bytes;
	int err = -EIO;

	if (lba << lu->block_shift < lu->bs->size)
		err = bs_extent(lu->bs, lba << lu->block_shift, mapped, &bytes);
	if (err)
		return err;
	if (!*mapped && bytes < lu->block_size)
		*mapped = true;
	*blocks = *mapped ? (bytes + lu->block_size - 1) >> lu->block_shift
			  : bytes >> lu->block_shift;
	*blocks = MIN(*blocks, lu->blocks - lba);
	return 0;
}

static void put_status(uint8_t *d, uint64_t lba, uint64_t blocks, bool mapped)
{
	put_be64(d, lba);
	put_be32(d + 8, (uint32_t)blocks);
	d[12] = mapped ? 0 : STATUS_DEALLOCATED;
}

/* Fills in descriptors from `lba` on; their number, or -errno. */
static int put_statuses(struct scsi_io *io, uint64_t lba)
{
	int most = (int)((io->buf_len - STATUS_HEADER) / STATUS_DESCRIPTOR), n = 0;
	uint64_t start = lba, blocks;
	bool was_mapped = false, mapped;

	for (int asked = 0; asked < EXTENTS_MAX && lba < io->lu->blocks; asked++) {
		int err = status_extent(io->lu, lba, &mapped, &blocks);

		if (err)
			return err;
		/* A neighbour that is alike belongs to the same descriptor, while it has room. */
		if (n == 0 || mapped != was_mapped || lba - start + blocks > UINT32_MAX) {
			if (n == most)
				break;
			n++;
			start = lba;
			was_mapped = mapped;
			blocks = MIN(blocks, (uint64_t)UINT32_MAX);
		}
		lba += blocks;
		put_status(io->data + STATUS_HEADER + STATUS_DESCRIPTOR * (n - 1), start,
			   lba - start, mapped);
	}
	return n;
}

void scsi_cmd_get_lba_status(struct scsi_io *io)
{
	uint64_t lba = get_be64(io->cdb + 2);
	int n;

	if (lba >= io->lu->blocks) {
		scsi_sense_lba_out_of_range(io, lba);
		scsi_io_done(io);
		return;
	}
	n = put_statuses(io, lba);
	if (n < 0) {
		io->bs.op = BS_READ;
		scsi_store_error(io, n, lba);
		return;
	}
	put_be32(io->data, (uint32_t)(4 + STATUS_DESCRIPTOR * n));
	scsi_reply(io, (size_t)(STATUS_HEADER + STATUS_DESCRIPTOR * n));
}

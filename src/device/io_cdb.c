/* SPDX-License-Identifier: BSD-2-Clause */
/* A request's next command, and what becomes of it (SBC-3 5). */
#include <errno.h>
#include <string.h>
#include "common/cleanup.h"
#include "common/endian.h"
#include "device/priv.h"
#include "initiator/sense.h"

static uint32_t block(const struct dev_io *io)
{
	return io->device->disk.traits.logical_block;
}

/* What is left, but no more than `most` bytes (0: any number), in whole blocks. */
static uint32_t piece_of(const struct dev_io *io, uint64_t most)
{
	uint64_t left = io->q->length - io->moved;
	if (most < block(io))
		most = UINT32_MAX;
	return (uint32_t)(MIN(MIN(left, most), UINT32_MAX) / block(io) * block(io));
}

static uint64_t at(const struct dev_io *io)
{
	return (io->q->offset + io->moved) / block(io);
}

static uint64_t bytes_of(const struct dev_io *io, uint64_t blocks)
{
	return blocks > UINT64_MAX / block(io) ? UINT64_MAX : blocks * block(io);
}

static void sends(struct dev_io *io, void *data, uint32_t len)
{
	io->iov = (struct iovec){data, len};
	io->task.out = &io->iov;
	io->task.out_count = len ? 1 : 0;
	io->task.out_len = len;
}

static void takes(struct dev_io *io, void *data, uint32_t len)
{
	io->iov = (struct iovec){data, len};
	io->task.in = &io->iov;
	io->task.in_count = 1;
	io->task.in_len = len;
}

/* The ten bytes form is known by everybody, and reaches to 2 TiB of 512 bytes. */
static void address(uint8_t *cdb, uint8_t ten, uint8_t sixteen, uint64_t lba, uint32_t blocks)
{
	if (lba + blocks <= UINT32_MAX && blocks <= UINT16_MAX) {
		cdb[0] = ten;
		put_be32(cdb + 2, (uint32_t)lba);
		put_be16(cdb + 7, (uint16_t)blocks);
	} else {
		cdb[0] = sixteen;
		put_be64(cdb + 2, lba);
		put_be32(cdb + 10, blocks);
	}
}

static uint8_t *data_at(const struct dev_io *io)
{
	return (uint8_t *)io->q->buf + io->moved;
}

static uint64_t transfer_limit(const struct dev_io *io)
{
	return io->device->disk.traits.max_io;
}

static uint8_t fua_of(const struct dev_io *io)
{
	return io->q->fua && io->device->facts.dpofua ? 0x08 : 0;
}

static void build_read(struct dev_io *io)
{
	io->piece = piece_of(io, transfer_limit(io));
	address(io->task.cdb, 0x28, 0x88, at(io), io->piece / block(io));
	takes(io, data_at(io), io->piece);
}

static void build_write(struct dev_io *io)
{
	io->piece = piece_of(io, transfer_limit(io));
	address(io->task.cdb, 0x2a, 0x8a, at(io), io->piece / block(io));
	io->task.cdb[1] = fua_of(io);
	sends(io, data_at(io), io->piece);
}

static void build_flush(struct dev_io *io)
{
	io->piece = 0;
	io->task.cdb[0] = 0x35; /* SYNCHRONIZE CACHE (10), all of it */
}

static void build_write_same(struct dev_io *io, bool unmap)
{
	uint64_t most = bytes_of(io, io->device->facts.max_write_same);
	io->piece = piece_of(io, most ? most : bytes_of(io, UINT16_MAX));
	io->task.cdb[0] = 0x93;
	io->task.cdb[1] = unmap ? 0x08 : 0;
	put_be64(io->task.cdb + 2, at(io));
	put_be32(io->task.cdb + 10, io->piece / block(io));
	sends(io, io->device->set->zeroes, block(io));
}

static void build_discard(struct dev_io *io)
{
	const struct lu_facts *f = &io->device->facts;
	if (!f->unmaps) {
		build_write_same(io, true);
		return;
	}
	io->piece = piece_of(io, bytes_of(io, f->max_unmap_blocks));
	io->task.cdb[0] = 0x42;
	put_be16(io->task.cdb + 7, 24);
	memset(io->params, 0, 24);
	put_be16(io->params, 22);
	put_be16(io->params + 2, 16);
	put_be64(io->params + 8, at(io));
	put_be32(io->params + 16, io->piece / block(io));
	sends(io, io->params, 24);
}

/* WRITE SAME with UNMAP leaves zeroes where the data sent are zeroes, whatever LBPRZ says (SBC-3 4.7.3.4.3). */
static void build_zeroes(struct dev_io *io)
{
	const struct device *d = io->device;
	enum zero_way way = io->q->keep ? MAX(d->zero_way, ZERO_BY_SAME) : d->zero_way;

	if (way != ZERO_BY_WRITE) {
		build_write_same(io, way == ZERO_BY_UNMAP);
		return;
	}
	io->piece = piece_of(io, MIN(DEV_ZEROES, transfer_limit(io)));
	address(io->task.cdb, 0x2a, 0x8a, at(io), io->piece / block(io));
	io->task.cdb[1] = fua_of(io);
	sends(io, d->set->zeroes, io->piece);
}

static void build_extents(struct dev_io *io)
{
	io->piece = 0;
	io->task.cdb[0] = 0x9e;
	io->task.cdb[1] = 0x12; /* GET LBA STATUS */
	put_be64(io->task.cdb + 2, at(io));
	put_be32(io->task.cdb + 10, sizeof(io->params));
	takes(io, io->params, sizeof(io->params));
}

static void (*const builders[])(struct dev_io *io) = {
	[DISK_READ] = build_read,           [DISK_WRITE] = build_write,
	[DISK_FLUSH] = build_flush,         [DISK_DISCARD] = build_discard,
	[DISK_WRITE_ZEROES] = build_zeroes, [DISK_EXTENTS] = build_extents,
};

void dev_io_build(struct dev_io *io)
{
	struct ini_task *t = &io->task;
	memset(t->cdb, 0, sizeof(t->cdb));
	t->out = t->in = NULL;
	t->out_count = t->in_count = 0;
	t->out_len = t->in_len = 0;
	t->attr = SCSI_SIMPLE;
	t->flags = INI_RETRY;
	t->deadline = 0;
	memcpy(t->lun, io->path->lun, sizeof(t->lun));
	if (io->flushing)
		build_flush(io);
	else
		builders[io->q->op](io);
}

/* --- sense: the first row that fits */

#define ANY_KEY 0xff
#define ANY_ASC 0xffff
#define ALL_OF  0x00ff /* in `mask`: whatever the qualifier */

static const struct {
	uint8_t key;
	uint16_t asc_ascq, any; /* any: these bits do not count */
	enum io_verdict verdict;
	int err;
} meanings[] = {
	{0x1, 0, ANY_ASC, IO_DONE, 0}, /* RECOVERED ERROR */
	{ANY_KEY, SCSI_ASC_LUN_NOT_SUPPORTED, 0, IO_LUN, 0},
	{SCSI_KEY_NOT_READY, 0x0401, 0, IO_LATER, 0}, /* becoming ready */
	{SCSI_KEY_NOT_READY, 0x040a, 0, IO_PATH, 0},  /* asymmetric access state transition */
	{SCSI_KEY_NOT_READY, 0x040b, 0, IO_PATH, 0},  /* ... in standby state */
	{SCSI_KEY_NOT_READY, 0x040c, 0, IO_PATH, 0},  /* ... in unavailable state */
	{SCSI_KEY_NOT_READY, 0x3a00, ALL_OF, IO_FAILED, -ENOMEDIUM},
	{SCSI_KEY_NOT_READY, 0, ANY_ASC, IO_LATER, 0},
	{SCSI_KEY_ILLEGAL_REQUEST, SCSI_ASC_INVALID_OPCODE, 0, IO_OTHER_WAY, -EOPNOTSUPP},
	{SCSI_KEY_ILLEGAL_REQUEST, SCSI_ASC_INVALID_FIELD_IN_CDB, 0, IO_OTHER_WAY, -EOPNOTSUPP},
	{SCSI_KEY_DATA_PROTECT, SCSI_ASC_SPACE_ALLOCATION_FAILED, 0, IO_FAILED, -ENOSPC},
	{SCSI_KEY_DATA_PROTECT, 0, ANY_ASC, IO_FAILED, -EROFS},
	{SCSI_KEY_ABORTED_COMMAND, 0, ANY_ASC, IO_AGAIN, 0},
	{SCSI_KEY_UNIT_ATTENTION, 0, ANY_ASC, IO_AGAIN, 0},
	{ANY_KEY, 0, ANY_ASC, IO_FAILED, -EIO},
};

static enum io_verdict judge_sense(const struct dev_io *io, int *err)
{
	struct ini_sense s;
	size_t i = 0;
	ini_sense_read(&s, io->task.sense, io->task.sense_len);
	while ((meanings[i].key != ANY_KEY && meanings[i].key != s.key) ||
	       (meanings[i].asc_ascq ^ s.asc_ascq) & ~meanings[i].any)
		i++;
	*err = meanings[i].err;
	return meanings[i].verdict;
}

enum io_verdict dev_io_judge(struct dev_io *io, int *err)
{
	*err = -EIO;
	switch (io->task.status) {
	case SCSI_CHECK_CONDITION: return judge_sense(io, err);
	case SCSI_CONDITION_MET: return IO_DONE;
	case SCSI_TASK_ABORTED: return IO_AGAIN;
	case SCSI_BUSY:
	case SCSI_TASK_SET_FULL: return IO_LATER;
	case SCSI_RESERVATION_CONFLICT: *err = -EBADE; return IO_FAILED;
	default: return IO_FAILED;
	}
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* CDBs (SPC-4 6, SBC-3 5). */
#include <string.h>
#include "common/endian.h"
#include "liblunar/priv.h"
#include "lunar/scsi.h"

enum { CDB_FUA = 0x08, CDB_DPO = 0x10, CDB_UNMAP = 0x08 };

static void begin(struct lunar_task *t, uint64_t lun, uint8_t opcode, uint8_t flags)
{
	t->lun = lun;
	memset(t->cdb, 0, sizeof(t->cdb));
	t->cdb[0] = opcode;
	t->long_cdb = NULL;
	t->cdb_len = 0;
	t->flags = flags;
	t->out = t->in = NULL;
	t->out_count = t->in_count = 0;
	t->out_len = t->in_len = 0;
}

static void takes(struct lunar_task *t, void *reply, uint32_t size)
{
	t->one.iov_base = reply;
	t->one.iov_len = size;
	t->in = &t->one;
	t->in_count = 1;
	t->in_len = size;
}

static void gives(struct lunar_task *t, const void *data, uint32_t size)
{
	t->one.iov_base = (void *)(uintptr_t)data;
	t->one.iov_len = size;
	t->out = &t->one;
	t->out_count = 1;
	t->out_len = size;
}

/* The form of ten bytes is known by everybody, that of sixteen reaches further. */
static void place(struct lunar_task *t, uint8_t ten, uint8_t sixteen, uint64_t lba, uint32_t blocks)
{
	if (lba <= UINT32_MAX - blocks && blocks <= UINT16_MAX) {
		t->cdb[0] = ten;
		put_be32(t->cdb + 2, (uint32_t)lba);
		put_be16(t->cdb + 7, (uint16_t)blocks);
	} else {
		t->cdb[0] = sixteen;
		put_be64(t->cdb + 2, lba);
		put_be32(t->cdb + 10, blocks);
	}
}

/* More than a command can carry makes one that lunar_submit() refuses. */
static uint32_t bytes_of(uint32_t blocks, uint32_t block_size)
{
	return (uint32_t)MIN((uint64_t)blocks * block_size, (uint64_t)UINT32_MAX);
}

static uint8_t io_bits(unsigned flags)
{
	return (uint8_t)((flags & LUNAR_FUA ? CDB_FUA : 0) | (flags & LUNAR_DPO ? CDB_DPO : 0));
}

void lunar_prepare_test_unit_ready(struct lunar_task *t, uint64_t lun)
{
	begin(t, lun, 0x00, LUNAR_RETRY);
}

void lunar_prepare_inquiry(struct lunar_task *t, uint64_t lun, int page, void *reply, uint16_t size)
{
	begin(t, lun, 0x12, LUNAR_RETRY);
	t->cdb[1] = page >= 0;
	t->cdb[2] = page >= 0 ? (uint8_t)page : 0;
	put_be16(t->cdb + 3, size);
	takes(t, reply, size);
}

void lunar_prepare_capacity(struct lunar_task *t, uint64_t lun, void *reply, uint32_t size)
{
	begin(t, lun, 0x9e, LUNAR_RETRY);
	t->cdb[1] = 0x10;
	put_be32(t->cdb + 10, size);
	takes(t, reply, size);
}

void lunar_prepare_read(struct lunar_task *t, uint64_t lun, uint64_t lba, uint32_t blocks,
			uint32_t block_size, const struct iovec *iov, unsigned count,
			unsigned flags)
{
	begin(t, lun, 0, LUNAR_RETRY);
	place(t, 0x28, 0x88, lba, blocks);
	t->cdb[1] = io_bits(flags);
	t->in = iov;
	t->in_count = count;
	t->in_len = bytes_of(blocks, block_size);
}

void lunar_prepare_write(struct lunar_task *t, uint64_t lun, uint64_t lba, uint32_t blocks,
			 uint32_t block_size, const struct iovec *iov, unsigned count,
			 unsigned flags)
{
	begin(t, lun, 0, LUNAR_RETRY);
	place(t, 0x2a, 0x8a, lba, blocks);
	t->cdb[1] = io_bits(flags);
	t->out = iov;
	t->out_count = count;
	t->out_len = bytes_of(blocks, block_size);
}

void lunar_prepare_flush(struct lunar_task *t, uint64_t lun, uint64_t lba, uint32_t blocks)
{
	begin(t, lun, 0, LUNAR_RETRY);
	place(t, 0x35, 0x91, lba, blocks);
}

/* SBC-3 5.28: a header of eight bytes, a descriptor of sixteen. */
void lunar_prepare_unmap(struct lunar_task *t, uint64_t lun, uint64_t lba, uint32_t blocks)
{
	uint8_t *p = t->parameters;
	begin(t, lun, 0x42, LUNAR_RETRY);
	memset(p, 0, 24);
	put_be16(p, 22);
	put_be16(p + 2, 16);
	put_be64(p + 8, lba);
	put_be32(p + 16, blocks);
	put_be16(t->cdb + 7, 24);
	gives(t, p, 24);
}

void lunar_prepare_write_same(struct lunar_task *t, uint64_t lun, uint64_t lba, uint32_t blocks,
			      uint32_t block_size, const void *block, bool unmap)
{
	begin(t, lun, 0x93, LUNAR_RETRY);
	t->cdb[1] = unmap ? CDB_UNMAP : 0;
	put_be64(t->cdb + 2, lba);
	put_be32(t->cdb + 10, blocks);
	gives(t, block, block_size);
}

/* Issued twice it would compare with what it has written itself: no LUNAR_RETRY. */
void lunar_prepare_compare_and_write(struct lunar_task *t, uint64_t lun, uint64_t lba,
				     uint8_t blocks, uint32_t block_size, const struct iovec *iov,
				     unsigned count)
{
	begin(t, lun, 0x89, 0);
	put_be64(t->cdb + 2, lba);
	t->cdb[13] = blocks;
	t->out = iov;
	t->out_count = count;
	t->out_len = bytes_of(2u * blocks, block_size);
}

void lunar_prepare_lba_status(struct lunar_task *t, uint64_t lun, uint64_t lba, void *reply,
			      uint32_t size)
{
	begin(t, lun, 0x9e, LUNAR_RETRY);
	t->cdb[1] = 0x12;
	put_be64(t->cdb + 2, lba);
	put_be32(t->cdb + 10, size);
	takes(t, reply, size);
}

void lunar_prepare_report_luns(struct lunar_task *t, void *reply, uint32_t size)
{
	begin(t, 0, 0xa0, LUNAR_RETRY);
	put_be32(t->cdb + 6, size);
	takes(t, reply, size);
}

void lunar_prepare_port_groups(struct lunar_task *t, uint64_t lun, void *reply, uint32_t size)
{
	begin(t, lun, 0xa3, LUNAR_RETRY);
	t->cdb[1] = 0x0a;
	put_be32(t->cdb + 6, size);
	takes(t, reply, size);
}

void lunar_prepare_reserve_in(struct lunar_task *t, uint64_t lun, uint8_t action, void *reply,
			      uint16_t size)
{
	begin(t, lun, 0x5e, LUNAR_RETRY);
	t->cdb[1] = action & 0x1f;
	put_be16(t->cdb + 7, size);
	takes(t, reply, size);
}

void lunar_prepare_reserve_out(struct lunar_task *t, uint64_t lun, uint8_t action, uint8_t type,
			       uint64_t key, uint64_t service_key, bool persist)
{
	uint8_t *p = t->parameters;
	begin(t, lun, 0x5f, 0);
	memset(p, 0, 24);
	put_be64(p, key);
	put_be64(p + 8, service_key);
	p[20] = persist; /* APTPL */
	t->cdb[1] = action & 0x1f;
	t->cdb[2] = type & 0x0f; /* scope: the LU */
	put_be32(t->cdb + 5, 24);
	gives(t, p, 24);
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "attach/disk_store.h"

#include <errno.h>
#include <stdio.h>
#include "common/cleanup.h"

struct running {
	struct bs_io io;
	struct disk_request *request;
};

static void io_done(struct bs_io *io, int err)
{
	struct disk_request *q = container_of(io, struct running, io)->request;
	q->done(q, err);
}

static const enum bs_op ops_of[] = {
	[DISK_READ] = BS_READ,     [DISK_WRITE] = BS_WRITE,        [DISK_FLUSH] = BS_FLUSH,
	[DISK_DISCARD] = BS_UNMAP, [DISK_WRITE_ZEROES] = BS_UNMAP,
};

/* Extents are alike in fewer bytes than the store's whole blocks only at its very end. */
static int tell_extents(struct backstore *bs, struct disk_request *q, uint32_t block)
{
	uint64_t at = q->offset, end = q->offset + q->length;
	while (at < end && q->count < q->room) {
		bool mapped;
		uint64_t length;
		int err = bs_extent(bs, at, &mapped, &length);
		if (err)
			return err;
		length = MAX(length / block * block, block);
		q->extents[q->count++] =
			(struct disk_extent){.length = length, .hole = !mapped, .zero = !mapped};
		at += length;
	}
	return 0;
}

static void submit(struct disk *d, struct disk_request *q)
{
	struct disk_store *s = container_of(d, struct disk_store, disk);
	struct running *run = q->context;
	if (q->op == DISK_EXTENTS) {
		q->count = 0;
		q->done(q, tell_extents(s->bs, q, d->traits.logical_block));
		return;
	}
	*run = (struct running){
		.io = {.op = ops_of[q->op],
		       .fua = q->fua,
		       .offset = q->offset,
		       .length = q->length,
		       .buf = q->buf,
		       .done = io_done},
		.request = q,
	};
	if (q->op == DISK_WRITE_ZEROES && (q->keep || !s->bs->unmap_granularity))
		run->io.op = BS_ZERO;
	bs_submit(s->bs, &run->io);
}

static const struct disk_ops store_ops = {submit};

int disk_store_init(struct disk_store *s, struct backstore *bs, uint32_t logical_block)
{
	uint32_t block = logical_block ? logical_block : MAX(bs->block_size, 512u);
	if (block < 512 || block > 65536 || block & (block - 1) || block % bs->block_size ||
	    bs->size < block)
		return -EINVAL;
	*s = (struct disk_store){
		.bs = bs,
		.queue = bs->reactor,
		.disk =
			{
				.ops = &store_ops,
				.context_size = sizeof(struct running),
				.queue_count = 1,
				.queues = &s->queue,
				.traits =
					{
						.size = bs->size / block * block,
						.logical_block = block,
						.physical_block = MAX(block, 4096u),
						.read_only = bs->readonly,
						.write_cache = bs->volatile_cache,
						.fua = bs->volatile_cache,
						.rotational = bs->rotational,
						.extents = true,
						.discard_granularity =
							bs->unmap_granularity
								? MAX(bs->unmap_granularity, block)
								: 0,
						.discard_zeroes = true,
						.write_zeroes = true,
						.vendor = "LUNAR",
						.model = "STORE",
					},
			},
	};
	disk_init(&s->disk);
	return 0;
}

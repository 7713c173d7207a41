/* SPDX-License-Identifier: BSD-2-Clause */
/* A backstore as a disk: what is attached where no target is between. One queue, on the store's reactor. */
#ifndef LUNAR_ATTACH_DISK_STORE_H
#define LUNAR_ATTACH_DISK_STORE_H

#include "attach/disk.h"
#include "backstore/backstore.h"

struct disk_store {
	struct disk disk;
	struct backstore *bs; /* the caller's, and outlives this */
	struct reactor *queue;
};

/* `logical_block`: 0 for what suits the store. 0, or -EINVAL: the store cannot be cut into such blocks. */
int disk_store_init(struct disk_store *s, struct backstore *bs, uint32_t logical_block);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* A store that one process has opened and another one serves. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "backstore/priv.h"

static_assert(sizeof(((struct bs_whole *)NULL)->hardware) == HARDWARE_SIZE, "bs_whole.hardware");

int bs_pack(const struct backstore *bs, struct bs_parcel *out)
{
	memset(out, 0, sizeof(*out));
	out->memory = !is_disk(bs);
	out->size = bs->size;
	snprintf(out->path, sizeof(out->path), "%s", bs->path);
	if (out->memory)
		return memory_file(bs);
	const struct disk *d = container_of(bs, const struct disk, bs);
	out->opt = d->opt;
	out->info = d->info;
	out->block_size = bs->block_size;
	out->buf_align = bs->buf_align;
	out->unmap_granularity = bs->unmap_granularity;
	out->zero_align = d->zero_align;
	out->rotational = bs->rotational;
	out->volatile_cache = bs->volatile_cache;
	out->can_zero = d->can_zero;
	out->can_punch = d->can_punch;
	return d->file;
}

static bool is_possible(const struct bs_parcel *p, int file)
{
	return memchr(p->path, 0, sizeof(p->path)) && p->block_size && p->buf_align &&
	       p->zero_align && p->size && file >= 0 &&
	       (p->info.kind == FILE_REGULAR || p->info.kind == FILE_BLOCK);
}

static int unpack_disk(struct backstore **out, struct reactor *r, const struct bs_parcel *parcel,
		       int file, struct bs_opener *opener)
{
	struct disk *d = disk_new(r, parcel->path, &parcel->opt);
	if (!d)
		return -ENOMEM;
	d->file = file;
	d->info = parcel->info;
	d->opener = opener;
	d->zero_align = parcel->zero_align;
	d->can_zero = parcel->can_zero;
	d->can_punch = parcel->can_punch;
	d->bs.ops = parcel->info.kind == FILE_BLOCK ? &disk_block_ops : &disk_file_ops;
	d->bs.size = parcel->size;
	d->bs.block_size = parcel->block_size;
	d->bs.buf_align = parcel->buf_align;
	d->bs.unmap_granularity = parcel->unmap_granularity;
	d->bs.readonly = parcel->opt.readonly;
	d->bs.rotational = parcel->rotational;
	d->bs.volatile_cache = parcel->volatile_cache;
	d->bs.dirty = !parcel->opt.readonly; /* what others wrote before may still be cached */
	*out = &d->bs;
	return 0;
}

int bs_unpack(struct backstore **out, struct reactor *r, const struct bs_parcel *parcel, int file,
	      struct bs_opener *opener)
{
	char why[128];
	if (parcel->memory)
		return file < 0 ? bs_open_memory(out, r, parcel->size, why, sizeof(why))
				: memory_map(out, r, parcel->size, file);
	if (!is_possible(parcel, file))
		return -EINVAL;
	return unpack_disk(out, r, parcel, file, opener);
}

/* --- between two that open */

void bs_pack_whole(struct backstore *bs, struct bs_whole *out, int files[2])
{
	const struct disk *d = to_disk(bs);
	memset(out, 0, sizeof(*out));
	files[0] = bs_pack(bs, &out->parcel);
	files[1] = -1;
	if (out->parcel.memory)
		return;
	files[1] = d->id_lock;
	out->has_id = d->has_id;
	out->created = bs->created;
	memcpy(out->hardware, d->hardware, sizeof(out->hardware));
	memcpy(out->id, d->id, sizeof(out->id));
}

int bs_unpack_whole(struct backstore **out, struct reactor *r, const struct bs_whole *whole,
		    const int files[2])
{
	struct backstore *bs;
	int err = unpack_disk(&bs, r, &whole->parcel, files[0], NULL);
	if (err)
		return err;
	struct disk *d = to_disk(bs);
	d->id_lock = files[1];
	d->has_id = whole->has_id;
	d->bs.created = whole->created;
	memcpy(d->hardware, whole->hardware, sizeof(d->hardware));
	memcpy(d->id, whole->id, sizeof(d->id));
	*out = bs;
	return 0;
}

void bs_leave(struct backstore *bs)
{
	if (bs && is_disk(bs)) {
		identity_leave(to_disk(bs));
		/* Not by bs_close(), which unlocks: the lock is theirs. */
		if (to_disk(bs)->file >= 0)
			disk_close_handle(to_disk(bs));
	}
	bs_close(bs);
}

bool bs_may_block(const struct backstore *bs)
{
	return is_disk(bs) && container_of(bs, const struct disk, bs)->info.may_block;
}

void bs_forget_handle(struct backstore *bs)
{
	bs->created = false;
	if (is_disk(bs))
		to_disk(bs)->file = -1;
}

void bs_opened_again(struct backstore *bs, const struct bs_whole *whole, int file)
{
	struct disk *d = to_disk(bs);
	d->file = file;
	d->info = whole->parcel.info;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* A store that one process has opened and another one serves. */
#include <errno.h>
#include <string.h>
#include "backstore/priv.h"

int bs_pack(const struct backstore *bs, struct bs_parcel *out)
{
	memset(out, 0, sizeof(*out));
	out->memory = !is_disk(bs);
	out->size = bs->size;
	snprintf(out->path, sizeof(out->path), "%s", bs->path);
	if (out->memory)
		return -1;
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

int bs_unpack(struct backstore **out, struct reactor *r, const struct bs_parcel *parcel, int file,
	      struct bs_opener *opener)
{
	char why[128];
	if (parcel->memory)
		return file < 0 ? bs_open_memory(out, r, parcel->size, why, sizeof(why)) : -EINVAL;
	if (!is_possible(parcel, file))
		return -EINVAL;
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

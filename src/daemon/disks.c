/* SPDX-License-Identifier: BSD-2-Clause */
/* Backstores, in the process that opens them: files and devices, and their identities. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "daemon/daemon.h"
#include "daemon/runtime_fill.h"

#define DISKS_MOST 65536

static const char *object(const struct config_node *node, const char *name)
{
	return config_attr_find(node->kind, CONFIG_OBJECT, name)
		       ? config_value(node, CONFIG_OBJECT, name)
		       : "";
}

static bool is_true(const struct config_node *node, const char *name)
{
	return !strcmp(object(node, name), "True");
}

/* --- opening */

static int open_store(struct daemon *d, const struct config_node *node, bool make,
		      struct backstore **bs, char *why, size_t why_size)
{
	uint64_t size = strtoull(object(node, "size"), NULL, 10);
	if (node->kind == CONFIG_RAMDISK)
		return bs_open_memory(bs, d->r, size, why, why_size);
	struct bs_file_options opt = {
		.create_size = make && node->kind == CONFIG_FILEIO ? size : 0,
		.readonly = is_true(node, "readonly"),
		.typed = true,
	};
	return bs_open_path(bs, d->r, object(node, "dev"), &opt, why, why_size);
}

static int hex_digits(const char *text, uint8_t *out, size_t most)
{
	size_t n = 0;
	for (; *text; text++) {
		const char *digits = "0123456789abcdef", *at = strchr(digits, *text | 0x20);
		if (*text == '-')
			continue;
		if (!at || n == 2 * most)
			return -EINVAL;
		out[n / 2] = (uint8_t)(out[n / 2] << 4 | (at - digits));
		n++;
	}
	return n % 2 ? -EINVAL : (int)(n / 2);
}

/* The wwn, when it is a UUID as those that we make; else that of the image itself. */
static int find_identity(struct daemon *d, struct disk *disk, char *why, size_t why_size)
{
	uint8_t wwn[16];
	int err = bs_identity(disk->bs, d->o.state_dir, disk->id, why, why_size);
	if (!err && hex_digits(object(disk->node, "wwn"), wwn, sizeof(wwn)) == sizeof(wwn))
		memcpy(disk->id, wwn, sizeof(wwn));
	return err;
}

static int take_number(struct daemon *d, struct disk *disk)
{
	size_t i = 0;
	while (i < d->disk_count && d->disks[i])
		i++;
	if (i == DISKS_MOST)
		return -ENOSPC;
	if (i == d->disk_count) {
		size_t count = MAX(2 * i, (size_t)64);
		struct disk **disks = realloc(d->disks, count * sizeof(struct disk *));
		if (!disks)
			return -ENOMEM;
		memset(disks + i, 0, (count - i) * sizeof(struct disk *));
		d->disks = disks;
		d->disk_count = count;
	}
	disk->number = (uint32_t)i;
	d->disks[i] = disk;
	return 0;
}

int disk_open_node(struct daemon *d, struct config_node *node, bool make, struct disk **out,
		   char *why, size_t why_size)
{
	struct disk *disk = calloc(1, sizeof(*disk));
	if (!disk) {
		snprintf(why, why_size, "no memory");
		return -ENOMEM;
	}
	disk->node = node;
	int err = open_store(d, node, make, &disk->bs, why, why_size);
	if (!err)
		err = find_identity(d, disk, why, why_size);
	if (!err) {
		err = take_number(d, disk);
		if (err)
			snprintf(why, why_size, "%s", strerror(-err));
	}
	if (err) {
		if (disk->bs)
			bs_discard(disk->bs);
		bs_close(disk->bs);
		free(disk);
		return err;
	}
	config_set_found(node, disk->bs->size);
	*out = disk;
	return 0;
}

bool disk_wants_room(const struct disk *disk)
{
	return disk->bs->created && !strcmp(object(disk->node, "sparse"), "False");
}

void disk_close(struct daemon *d, struct disk *disk)
{
	d->disks[disk->number] = NULL;
	bs_close(disk->bs);
	free(disk);
}

int disk_resize(struct daemon *d, struct disk *disk, uint64_t size, char *why, size_t why_size)
{
	const char *path = object(disk->node, "dev");
	struct file_info info;
	int file = file_open(d->r, path, O_RDWR, 0);
	int err = file < 0 ? file : file_info(d->r, file, &info);
	if (!err && info.kind == FILE_REGULAR && info.size != size)
		err = file_truncate(d->r, file, size);
	else if (!err && info.size != size)
		err = -EOPNOTSUPP;
	if (!err)
		err = file_sync(d->r, file);
	if (file >= 0)
		file_close(d->r, file);
	if (err)
		snprintf(why, why_size, "%s cannot be given %llu bytes: %s%s", path,
			 (unsigned long long)size, strerror(-err),
			 err == -EOPNOTSUPP ? "; a device has the size that it has" : "");
	return err;
}

/* --- to the other process */

static void copy(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from);
}

static void present(const struct config_node *node, struct order_disk *o)
{
	const char *serial = object(node, "serial");
	copy(o->vendor, sizeof(o->vendor), object(node, "vendor"));
	copy(o->revision, sizeof(o->revision), object(node, "revision"));
	copy(o->serial, sizeof(o->serial), serial[0] ? serial : object(node, "wwn"));
	copy(o->t10_id, sizeof(o->t10_id), object(node, "t10_id"));
	int n = hex_digits(object(node, "naa"), o->naa, sizeof(o->naa));
	o->naa_len = (uint8_t)(n == 8 || n == 16 ? n : 0);
}

int disk_order(struct daemon *d, const struct disk *disk, struct order *order, int *file, char *why,
	       size_t why_size)
{
	const struct config_node *node = disk->node;
	struct order_disk *o = &order->disk;
	*order = (struct order){.kind = ORDER_LU_ADD, .lu = disk->number};
	*file = bs_pack(disk->bs, &o->parcel);
	if (*file >= 0)
		*file = dup(*file);
	else if (!o->parcel.memory) /* it was handed over before, to a process that has ended */
		*file = bs_open_again(disk->bs, why, why_size);
	if (*file < 0 && !o->parcel.memory)
		return *file;
	memcpy(o->id, disk->id, sizeof(o->id));
	present(node, o);
	o->block_size = fill_block_size(disk, NULL);
	o->readonly = is_true(node, "readonly");
	fill_options(&o->options, node, NULL);
	return 0;
}

void disk_handed_over(const struct disk *disk)
{
	disk->bs->created = false;
	bs_hand_over(disk->bs);
}

/* --- a device that went and came back */

void disk_reopen(struct daemon *d, uint32_t number)
{
	struct disk *disk = number < d->disk_count ? d->disks[number] : NULL;
	struct errand_out *e = calloc(1, sizeof(*e));
	if (!e)
		return; /* it is asked again */
	e->order = (struct order){.kind = ORDER_LU_OPENED, .lu = number};
	e->done = courier_forget;
	e->file = disk ? bs_open_again(disk->bs, e->order.why, sizeof(e->order.why)) : -ENOENT;
	e->order.err = MIN(e->file, 0);
	e->file = MAX(e->file, -1);
	courier_send(&d->courier, e);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Opening a path: what it names, whether it may be served, and words for a person when not. */
#include "backstore/priv.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

/* How a remedy is said to whom. */
struct remedies {
	const char *readonly, *size, *raw;
};

static const struct remedies *remedies(const struct disk *d)
{
	static const struct remedies option = {"--readonly", "--size 10G",
					       ", or serve its bytes as they are with --raw"},
				     typed = {"readonly=true", "a size, such as 10G,", ""};
	return d->opt.typed ? &typed : &option;
}

static int why_not_open(const struct disk *d, int err, char *why, size_t why_size)
{
	const char *path = d->bs.path;
	switch (err) {
	case -EACCES:
	case -EPERM:
	case -EROFS:
		if (!d->opt.readonly)
			return bs_why(why, why_size, err,
				      "%s cannot be opened for writing: %s; %s serves it without",
				      path, strerror(-err), remedies(d)->readonly);
		break;
	case -EBUSY:
		return bs_why(why, why_size, err,
			      "%s is in use: it is mounted, part of a RAID or a volume group, or "
			      "another program holds it; end that first, or serve it with %s",
			      path, remedies(d)->readonly);
	case -EINVAL:
		if (d->opt.direct)
			return bs_why(
				why, why_size, err,
				"%s: its file system does not know O_DIRECT; leave --direct out",
				path);
		break;
	case -ETXTBSY:
		return bs_why(why, why_size, err, "%s is in use by the kernel: %s", path,
			      strerror(-err));
	}
	return bs_why(why, why_size, err, "%s cannot be opened: %s", path, strerror(-err));
}

static int lock(struct disk *d, int file, char *why, size_t why_size)
{
	int err = file_lock(d->bs.reactor, file, !d->opt.readonly);
	if (err == -EAGAIN || err == -EACCES)
		return bs_why(why, why_size, -EAGAIN,
			      "%s is locked: another program uses it, or another lunar serves it; "
			      "end that first",
			      d->bs.path);
	if (err == -ENOLCK || err == -EOPNOTSUPP || err == -ENOSYS) {
		log_warning(reactor_log(d->bs.reactor),
			    "%s: its file system has no locks (%s); make sure that nobody else "
			    "writes to it",
			    d->bs.path, strerror(-err));
		return 0;
	}
	if (err)
		return bs_why(why, why_size, err, "%s cannot be locked: %s", d->bs.path,
			      strerror(-err));
	return 0;
}

static int check_kind(const struct disk *d, enum file_kind kind, char *why, size_t why_size)
{
	if (kind == FILE_REGULAR || kind == FILE_BLOCK)
		return 0;
	if (kind == FILE_DIRECTORY)
		return bs_why(why, why_size, -EISDIR,
			      "%s is a directory; name a file in it, or a block device",
			      d->bs.path);
	return bs_why(why, why_size, -ENOTBLK,
		      "%s is not a regular file and not a block device (a disk)", d->bs.path);
}

static int why_empty(const struct disk *d, char *why, size_t why_size)
{
	return bs_why(why, why_size, -EINVAL,
		      "%s is empty; remove it and give %s to make a new one, or set its size with "
		      "`truncate -s 10G`",
		      d->bs.path, remedies(d)->size);
}

static bool same_file(const struct file_info *a, const struct file_info *b)
{
	return a->device == b->device && a->inode == b->inode;
}

/* The handle that was there before, if the path names that file still, and it may be used in this way. */
static int take_given(struct disk *d, const struct file_info *named)
{
	struct file_info info;
	int file = d->given ? d->given->handle : -1;
	int flags = file < 0 ? -1 : fcntl(file, F_GETFL);
	if (flags < 0 || (flags & O_ACCMODE) != (d->opt.readonly ? O_RDONLY : O_RDWR) ||
	    (flags & O_DIRECT) != (d->opt.direct ? O_DIRECT : 0) ||
	    file_info(d->bs.reactor, file, &info) || !same_file(&info, named))
		return -1;
	d->given->handle = -1;
	return file;
}

/* What d->bs.path names, as d->opt says, and not locked yet. The handle, or -errno with `why`. */
static int open_named(struct disk *d, struct file_info *info, char *why, size_t why_size)
{
	struct reactor *r = d->bs.reactor;
	/* By its name first: opening a FIFO would block, and a tape would rewind. */
	int err = file_stat(r, d->bs.path, info);
	if (err)
		return why_not_open(d, err, why, why_size);
	err = check_kind(d, info->kind, why, why_size);
	if (err)
		return err;
	int flags = d->opt.readonly ? O_RDONLY : O_RDWR;
	if (d->opt.direct)
		flags |= O_DIRECT;
	/* Of a device this claims the whole of it: a mounted one is refused. */
	if (info->kind == FILE_BLOCK && !d->opt.readonly)
		flags |= O_EXCL;
	int file = take_given(d, info);
	if (file < 0)
		file = file_open(r, d->bs.path, flags, 0);
	if (file < 0)
		return why_not_open(d, file, why, why_size);
	err = file_info(r, file, info);
	if (err)
		bs_why(why, why_size, err, "%s: %s", d->bs.path, strerror(-err));
	else
		err = check_kind(d, info->kind, why, why_size);
	/* Before anybody asks for its lock: whoever is making it right now is to get that. */
	if (!err && info->kind == FILE_REGULAR && !info->size)
		err = why_empty(d, why, why_size);
	if (!err)
		return file;
	file_close(r, file);
	return err;
}

int disk_open(struct disk *d, struct file_info *info, char *why, size_t why_size)
{
	int file = open_named(d, info, why, why_size);
	int err = file < 0 ? file : lock(d, file, why, why_size);
	if (err && file >= 0)
		file_close(d->bs.reactor, file);
	return err ? err : file;
}

static int check_size(const struct disk *d, char *why, size_t why_size)
{
	const char *path = d->bs.path;
	uint64_t size = d->info.size;
	if (!size)
		return bs_why(why, why_size, -ENOMEDIUM,
			      "%s has no size: nothing is attached or no medium is inserted", path);
	uint32_t unit = MAX(SECTOR, d->bs.block_size);
	if (size % unit)
		return bs_why(why, why_size, -EINVAL,
			      "%s has %" PRIu64 " bytes, and a disk is a multiple of %u%s; "
			      "`truncate -s %%%u` fills it up with zeroes",
			      path, size, unit, d->opt.direct ? " (with --direct)" : "", unit);
	return 0;
}

/* Fills in the properties that follow from what was opened. */
static void set_properties(struct disk *d)
{
	bool block = d->info.kind == FILE_BLOCK;
	uint32_t sector = block && d->info.logical_block ? d->info.logical_block : SECTOR;
	/* A file system that does not tell needs whole pages at most. */
	uint32_t direct = block ? sector : d->info.dio_align ? d->info.dio_align : 4096;
	d->zero_align = block ? sector : 1;
	d->can_zero = d->can_punch = true;
	d->bs.ops = block ? &disk_block_ops : &disk_file_ops;
	d->bs.size = d->info.size;
	d->bs.block_size = d->opt.direct ? direct : 1;
	d->bs.buf_align = d->opt.direct ? MAX(direct, SECTOR) : 1;
	d->bs.unmap_granularity = block ? sector : 4096;
	d->bs.readonly = d->opt.readonly;
	d->bs.volatile_cache = !d->opt.readonly;
	d->bs.dirty = !d->opt.readonly; /* what others wrote before may still be cached */
	disk_probe_queue(d);
}

/* A directory that cannot be synced, or not be read, is as durable as it gets. */
static bool name_cannot_be_synced(int err)
{
	return err == -EINVAL || err == -EOPNOTSUPP || err == -EACCES;
}

int disk_make_durable(struct disk *d, char *why, size_t why_size)
{
	int err = file_sync(d->bs.reactor, d->file);
	if (!err && d->bs.created)
		err = file_sync_name(d->bs.reactor, d->bs.path);
	if (!err || name_cannot_be_synced(err))
		return 0;
	return bs_why(
		why, why_size, err,
		"%s cannot be brought to stable storage: %s; check the disk that it is on, or "
		"put it on another one",
		d->bs.path, strerror(-err));
}

/* The file is there, empty, and ours: locks it and gives it its size. */
static int fill_made(struct disk *d, char *why, size_t why_size)
{
	struct reactor *r = d->bs.reactor;
	const char *path = d->bs.path;
	uint64_t size = d->opt.create_size;
	int err = lock(d, d->file, why, why_size);
	if (err)
		return err;
	d->bs.created = true;
	err = file_truncate(r, d->file, size);
	if (err)
		return bs_why(
			why, why_size, err, "%s cannot be created with %" PRIu64 " bytes: %s%s",
			path, size, strerror(-err),
			err == -EFBIG ? "; its file system does not take files this large" : "");
	d->info.size = size;
	return disk_make_durable(d, why, why_size);
}

/*
 * O_DIRECT is asked for at an open only, and asked for when the file is made it would leave that
 * behind where it is refused. Between the two opens the lock may go to somebody else: then the file
 * is theirs.
 */
static int open_made_direct(struct disk *d, char *why, size_t why_size)
{
	struct file_info info;
	int file = open_named(d, &info, why, why_size);
	if (file < 0)
		return file;
	file_close(d->bs.reactor, d->file);
	d->file = file;
	int err = lock(d, file, why, why_size);
	d->bs.created = !err && same_file(&info, &d->info);
	d->info = info;
	return err;
}

/* Makes the file, which is missing, when that is wanted. d->file is -1 still: it is there now. */
static int make(struct disk *d, char *why, size_t why_size)
{
	struct reactor *r = d->bs.reactor;
	const char *path = d->bs.path;
	if (!d->opt.create_size)
		return bs_why(why, why_size, -ENOENT,
			      "%s: there is no such file; %s would make one of that size", path,
			      remedies(d)->size);
	if (d->opt.create_size % SECTOR)
		return bs_why(why, why_size, -EINVAL,
			      "%s cannot be made: its size of %" PRIu64
			      " bytes is not a multiple of 512, a disk's block",
			      path, d->opt.create_size);
	if (d->opt.readonly)
		return bs_why(why, why_size, -ENOENT,
			      "%s: there is no such file, and with %s none is made", path,
			      remedies(d)->readonly);
	/* A disk may hold anything: nobody else's business. */
	int file = file_open(r, path, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (file == -EEXIST)
		return 0;
	if (file < 0)
		return bs_why(why, why_size, file, "%s cannot be created: %s", path,
			      strerror(-file));
	d->file = file;
	int err = file_info(r, file, &d->info);
	if (err)
		return bs_why(why, why_size, err, "%s: %s", path, strerror(-err));
	err = fill_made(d, why, why_size);
	return err || !d->opt.direct ? err : open_made_direct(d, why, why_size);
}

/* d->file is what the path names, made when it was missing, and locked. */
static int find_or_make(struct disk *d, char *why, size_t why_size)
{
	struct file_info info;
	int err = 0;
	if (file_stat(d->bs.reactor, d->bs.path, &info) == -ENOENT)
		err = make(d, why, why_size);
	if (err || d->file >= 0)
		return err;
	d->file = disk_open(d, &d->info, why, why_size);
	return MIN(d->file, 0);
}

/* What cannot be given back is not to be offered: zeroes would have to be written in its place. */
static void probe_holes(struct disk *d)
{
	if (d->info.kind != FILE_REGULAR || d->opt.readonly)
		return;
	int err = file_probe_holes(d->bs.reactor, d->file);
	if (err != -EOPNOTSUPP && err != -ENOSYS)
		return;
	d->can_punch = false;
	d->bs.unmap_granularity = 0;
}

static int open_disk(struct disk *d, char *why, size_t why_size)
{
	int err = find_or_make(d, why, why_size);
	if (!err && !d->opt.raw && !d->bs.created)
		err = image_check_raw(d->bs.reactor, d->file, d->bs.path, d->info.size,
				      remedies(d)->raw, why, why_size);
	if (err)
		return err;
	disk_hardware(d, &d->info, d->hardware);
	set_properties(d);
	err = check_size(d, why, why_size);
	if (!err)
		probe_holes(d);
	return err;
}

bool is_disk(const struct backstore *bs)
{
	return bs->ops == &disk_file_ops || bs->ops == &disk_block_ops;
}

int bs_detach(struct backstore *bs, struct bs_opener *opener)
{
	if (!is_disk(bs))
		return -1;
	identity_leave(to_disk(bs));
	to_disk(bs)->opener = opener;
	bs->created = false; /* it is not ours to discard */
	return to_disk(bs)->file;
}

void bs_adopt(struct backstore *bs, struct reactor *r)
{
	assert(!bs->inflight);
	bs->reactor = r;
}

void bs_hand_over(struct backstore *bs)
{
	if (!is_disk(bs) || to_disk(bs)->file < 0)
		return;
	file_close(bs->reactor, to_disk(bs)->file);
	to_disk(bs)->file = -1;
}

void disk_discard(struct disk *d)
{
	struct reactor *r = d->bs.reactor;
	struct file_info named;
	/* While it is open it is locked, so nobody else can be serving it. */
	if (d->bs.created && d->file >= 0 && !file_stat(r, d->bs.path, &named) &&
	    same_file(&named, &d->info))
		file_remove(r, d->bs.path);
	d->bs.created = false;
}

struct disk *disk_new(struct reactor *r, const char *path, const struct bs_file_options *opt)
{
	struct disk *d = calloc(1, sizeof(*d));
	char *copy = strdup(path);
	if (!d || !copy) {
		free(d);
		free(copy);
		return NULL;
	}
	d->bs.ops = &disk_file_ops;
	d->bs.reactor = r;
	d->bs.path = copy;
	d->opt = *opt;
	d->file = d->id_lock = -1;
	timer_init(&d->retry, disk_retry);
	list_init(&d->flushing);
	list_init(&d->flush_next);
	list_init(&d->behind);
	return d;
}

int bs_open_path(struct backstore **out, struct reactor *r, const char *path,
		 const struct bs_file_options *opt, char *why, size_t why_size)
{
	return bs_open_with(out, r, path, opt, NULL, why, why_size);
}

int bs_open_with(struct backstore **out, struct reactor *r, const char *path,
		 const struct bs_file_options *opt, struct bs_files *files, char *why,
		 size_t why_size)
{
	*out = NULL;
	struct disk *d = disk_new(r, path, opt);
	if (!d)
		return bs_why(why, why_size, -ENOMEM, "%s: no memory", path);
	d->given = files;
	int err = open_disk(d, why, why_size);
	if (err < 0) {
		bs_discard(&d->bs);
		bs_close(&d->bs);
		return err;
	}
	*out = &d->bs;
	return 0;
}

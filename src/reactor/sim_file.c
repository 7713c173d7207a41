/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files of the simulated world: names, open handles, locks, attributes, and the calls that block.
 * These take no time; what they change is durable at once. A call on a disk that hangs fails with
 * -EIO instead of hanging, because the whole world is one thread.
 */
#include "reactor/sim_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <string.h>

/* Numbers no test mistakes for something else. */
#define FILE_DEVICE  0x51
#define BLOCK_DEVICE 0x5100

struct sim_xattr {
	struct list link;
	char *name;
	size_t len;
	uint8_t value[];
};

/* --- names */

struct sim_file *sim_file_find(struct sim *sim, const char *path)
{
	list_for_each (it, &sim->files) {
		struct sim_file *f = list_entry(it, struct sim_file, link);
		if (f->path && !strcmp(f->path, path))
			return f;
	}
	return NULL;
}

/* Directories are there as soon as something is in them. */
static bool is_directory(struct sim *sim, const char *path)
{
	size_t len = strlen(path);
	while (len && path[len - 1] == '/')
		len--;
	list_for_each (it, &sim->files) {
		const struct sim_file *f = list_entry(it, struct sim_file, link);
		if (f->path && !strncmp(f->path, path, len) && f->path[len] == '/')
			return true;
	}
	return false;
}

static struct sim_file *file_new(struct sim *sim, const char *path)
{
	struct sim_file *f = sim_alloc(sizeof(*f));
	f->path = strdup(path);
	if (!f->path)
		abort();
	f->inode = ++sim->next_inode;
	sim_store_init(&f->store);
	list_init(&f->opens);
	list_init(&f->ios);
	list_init(&f->xattrs);
	list_add_tail(&sim->files, &f->link);
	return f;
}

static void file_free(struct sim_file *f)
{
	list_for_each_safe (it, &f->xattrs) {
		struct sim_xattr *x = list_entry(it, struct sim_xattr, link);
		free(x->name);
		free(x);
	}
	sim_store_free(&f->store);
	list_del(&f->link);
	free(f->path);
	free(f);
}

/* Takes the name away; the file goes with its last handle. */
static void file_unlink(struct sim_file *f)
{
	free(f->path);
	f->path = NULL;
	if (list_empty(&f->opens))
		file_free(f);
}

void sim_file_free_all(struct sim *sim)
{
	list_for_each_safe (it, &sim->files) {
		struct sim_file *f = list_entry(it, struct sim_file, link);
		sim_disk_free_ios(f);
		list_for_each_safe (open, &f->opens)
			free(list_entry(open, struct sim_open, link));
		file_free(f);
	}
}

int sim_disk_create(struct sim *sim, const char *path, uint64_t size, uint32_t logical_block)
{
	if (size > SIM_MAX_BYTES)
		return -EFBIG;
	if (logical_block && (logical_block % SIM_SECTOR || size % logical_block))
		return -EINVAL;
	if (sim_file_find(sim, path))
		return -EEXIST;
	struct sim_file *f = file_new(sim, path);
	f->size = size;
	f->logical_block = logical_block;
	return 0;
}

int sim_disk_resize(struct sim *sim, const char *path, uint64_t size)
{
	struct sim_file *f = sim_file_find(sim, path);
	if (!f)
		return -ENOENT;
	if (size > SIM_MAX_BYTES || (f->logical_block && size % f->logical_block))
		return -EINVAL;
	if (size < f->size)
		sim_store_truncate(&f->store, size);
	f->size = size;
	return 0;
}

int sim_disk_peek(struct sim *sim, const char *path, uint64_t offset, void *buf, size_t len)
{
	const struct sim_file *f = sim_file_find(sim, path);
	if (!f)
		return -ENOENT;
	if (offset > f->size || len > f->size - offset)
		return -EINVAL;
	sim_store_peek(&f->store, offset, buf, len);
	return 0;
}

static void fill_info(const struct sim_file *f, struct file_info *out)
{
	bool block = f->logical_block;
	*out = (struct file_info){
		.kind = block ? FILE_BLOCK : FILE_REGULAR,
		.size = f->size,
		.logical_block = f->logical_block,
		.dio_align = block ? f->logical_block : SIM_SECTOR,
		/* A device is itself, whatever holds its node. */
		.device = block ? BLOCK_DEVICE + f->inode : FILE_DEVICE,
		.inode = block ? 0 : f->inode,
	};
}

int sim_file_stat(struct engine *e, const char *path, struct file_info *out)
{
	struct sim *sim = sim_host_of(e)->sim;
	const struct sim_file *f = sim_file_find(sim, path);
	if (f && f->state != SIM_DISK_GONE) {
		fill_info(f, out);
		if (out->kind != FILE_REGULAR)
			out->size = 0;
		return 0;
	}
	if (!is_directory(sim, path))
		return -ENOENT;
	*out = (struct file_info){.kind = FILE_DIRECTORY, .device = FILE_DEVICE};
	return 0;
}

/* There are no links. */
int sim_file_real_path(struct engine *e, const char *path, char *out, size_t size)
{
	struct file_info info;
	int err = sim_file_stat(e, path, &info);
	if (err)
		return err;
	return (size_t)snprintf(out, size, "%s", path) < size ? 0 : -ENAMETOOLONG;
}

int sim_file_remove(struct engine *e, const char *path)
{
	struct sim_file *f = sim_file_find(sim_host_of(e)->sim, path);
	if (!f)
		return is_directory(sim_host_of(e)->sim, path) ? -EISDIR : -ENOENT;
	file_unlink(f);
	return 0;
}

/* --- handles */

static bool writable(int flags)
{
	return (flags & O_ACCMODE) != O_RDONLY;
}

int sim_file_open(struct engine *e, const char *path, int flags, mode_t mode)
{
	struct sim_host *host = sim_host_of(e);
	struct sim_file *f = sim_file_find(host->sim, path);
	if (f && f->state == SIM_DISK_GONE)
		return -ENOENT;
	if (!f && is_directory(host->sim, path))
		return -EISDIR;
	if (!f && !(flags & O_CREAT))
		return -ENOENT;
	if (f && flags & O_CREAT && flags & O_EXCL)
		return -EEXIST;
	if (f && flags & O_DIRECTORY)
		return -ENOTDIR;
	if (!f)
		f = file_new(host->sim, path);
	if (flags & O_TRUNC && writable(flags) && !f->logical_block) {
		sim_store_truncate(&f->store, 0);
		f->size = 0;
	}
	struct sim_open *o = sim_alloc(sizeof(*o));
	o->file = f;
	o->flags = flags;
	o->refs = 1;
	list_add_tail(&f->opens, &o->link);
	return sim_handle_new(host, SIM_FILE, o);
}

void sim_open_put(struct sim_open *o)
{
	if (--o->refs)
		return;
	struct sim_file *f = o->file;
	list_del(&o->link);
	free(o);
	if (!f->path && list_empty(&f->opens))
		file_free(f);
}

void sim_file_close(struct engine *e, int file, bool aside)
{
	struct sim_open *o = sim_handle_close(sim_host_of(e), file, SIM_FILE);
	if (o)
		sim_open_put(o);
}

/* The open file for a call that needs its disk to answer. */
static int get_open(struct engine *e, int file, struct sim_open **out)
{
	*out = sim_handle_get(sim_host_of(e), file, SIM_FILE);
	if (!*out)
		return -EBADF;
	if ((*out)->file->state == SIM_DISK_OK)
		return 0;
	return (*out)->file->state == SIM_DISK_GONE ? -ENODEV : -EIO;
}

int sim_file_info(struct engine *e, int file, struct file_info *out)
{
	const struct sim_open *o = sim_handle_get(sim_host_of(e), file, SIM_FILE);
	if (!o)
		return -EBADF;
	fill_info(o->file, out);
	return 0;
}

ssize_t sim_file_peek(struct engine *e, int file, void *buf, size_t size, uint64_t offset)
{
	struct sim *sim = sim_host_of(e)->sim;
	struct sim_open *o;
	int err = get_open(e, file, &o);
	if (err)
		return err;
	if (sim_chance(sim, sim->faults.disk_read_fail)) {
		sim->stats.failures++;
		return -EIO;
	}
	if (offset >= o->file->size)
		return 0;
	size_t len = (size_t)MIN((uint64_t)size, o->file->size - offset);
	struct iovec iov = {.iov_base = buf, .iov_len = len};
	sim_store_read(&o->file->store, offset, len, (struct sim_cursor){.iov = &iov});
	return (ssize_t)len;
}

int sim_file_truncate(struct engine *e, int file, uint64_t size)
{
	struct sim_open *o;
	int err = get_open(e, file, &o);
	if (err)
		return err;
	if (!writable(o->flags) || o->file->logical_block)
		return -EINVAL;
	if (size > SIM_MAX_BYTES)
		return -EFBIG;
	if (size < o->file->size)
		sim_store_truncate(&o->file->store, size);
	o->file->size = size;
	return 0;
}

/* It is full by misfortune only. */
int sim_file_room(struct engine *e, int file, uint64_t *bytes)
{
	(void)e;
	(void)file;
	*bytes = SIM_MAX_BYTES;
	return 0;
}

int sim_file_probe_holes(struct engine *e, int file)
{
	struct sim_open *o;
	int err = get_open(e, file, &o);
	return err || writable(o->flags) ? err : -EBADF;
}

/* What a blocking call has changed is durable by then; but the sync of it may fail. */
static int sync_at_once(struct sim *sim)
{
	if (!sim_chance(sim, sim->faults.disk_sync_fail))
		return 0;
	sim->stats.failures++;
	return -EIO;
}

int sim_file_sync(struct engine *e, int file)
{
	struct sim_open *o;
	int err = get_open(e, file, &o);
	if (!err)
		err = sync_at_once(sim_host_of(e)->sim);
	/* Others may have written, in their turns. */
	if (!err)
		sim_store_flush(&o->file->store, 0, UINT64_MAX, o->file->store.seq, NULL);
	return err;
}

int sim_file_sync_name(struct engine *e, const char *path)
{
	struct sim *sim = sim_host_of(e)->sim;
	return sim_file_find(sim, path) ? sync_at_once(sim) : -ENOENT;
}

static bool locks_meet(const struct sim_open *other, bool exclusive, uint64_t at)
{
	bool same = other->locked == at || other->locked == SIM_LOCK_ALL || at == SIM_LOCK_ALL;
	return same && other->lock != SIM_UNLOCKED && (exclusive || other->lock == SIM_EXCLUSIVE);
}

int sim_file_lock_byte(struct engine *e, int file, bool exclusive, uint64_t at)
{
	struct sim_open *o = sim_handle_get(sim_host_of(e), file, SIM_FILE);
	int access = o ? o->flags & O_ACCMODE : 0;
	if (!o || access == (exclusive ? O_RDONLY : O_WRONLY))
		return -EBADF;
	list_for_each (it, &o->file->opens) {
		const struct sim_open *other = list_entry(it, struct sim_open, link);
		if (other != o && locks_meet(other, exclusive, at))
			return -EAGAIN;
	}
	o->lock = exclusive ? SIM_EXCLUSIVE : SIM_SHARED;
	o->locked = at;
	return 0;
}

int sim_file_lock(struct engine *e, int file, bool exclusive)
{
	return sim_file_lock_byte(e, file, exclusive, SIM_LOCK_ALL);
}

void sim_file_unlock(struct engine *e, int file)
{
	struct sim_open *o = sim_handle_get(sim_host_of(e), file, SIM_FILE);
	if (o)
		o->lock = SIM_UNLOCKED;
}

int sim_file_extent(struct engine *e, int file, uint64_t offset, bool *data, uint64_t *length)
{
	struct sim_open *o;
	int err = get_open(e, file, &o);
	if (err)
		return err;
	const struct sim_file *f = o->file;
	if (offset >= f->size)
		return -ENXIO;
	if (f->logical_block) { /* a device does not tell */
		*data = true;
		*length = f->size - offset;
		return 0;
	}
	*length = sim_store_extent(&f->store, offset, f->size, data);
	return 0;
}

/* --- attributes */

static struct sim_xattr *find_xattr(const struct sim_file *f, const char *name)
{
	list_for_each (it, &f->xattrs) {
		struct sim_xattr *x = list_entry(it, struct sim_xattr, link);
		if (!strcmp(x->name, name))
			return x;
	}
	return NULL;
}

ssize_t sim_file_get_xattr(struct engine *e, int file, const char *name, void *buf, size_t size)
{
	struct sim_open *o;
	int err = get_open(e, file, &o);
	if (err)
		return err;
	const struct sim_xattr *x = find_xattr(o->file, name);
	if (!x)
		return -ENODATA;
	if (!size)
		return (ssize_t)x->len;
	if (x->len > size)
		return -ERANGE;
	memcpy(buf, x->value, x->len);
	return (ssize_t)x->len;
}

int sim_file_set_xattr(struct engine *e, int file, const char *name, const void *buf, size_t len)
{
	struct sim_open *o;
	int err = get_open(e, file, &o);
	if (err)
		return err;
	if (!writable(o->flags) || o->file->logical_block) /* xattr(7): no user.* on a device */
		return o->file->logical_block ? -EPERM : -EBADF;
	if (len > XATTR_SIZE_MAX)
		return -E2BIG;
	struct sim_xattr *old = find_xattr(o->file, name);
	if (old) {
		list_del(&old->link);
		free(old->name);
		free(old);
	}
	struct sim_xattr *x = sim_alloc(sizeof(*x) + len);
	x->name = strdup(name);
	if (!x->name)
		abort();
	x->len = len;
	if (len)
		memcpy(x->value, buf, len);
	list_add_tail(&o->file->xattrs, &x->link);
	return 0;
}

/* --- records */

ssize_t sim_file_load(struct engine *e, const char *path, void *buf, size_t size)
{
	int file = sim_file_open(e, path, O_RDONLY, 0);
	if (file < 0)
		return file;
	struct file_info info;
	ssize_t res = sim_file_info(e, file, &info);
	if (!res)
		res = info.size > size ? -EFBIG : sim_file_peek(e, file, buf, size, 0);
	sim_file_close(e, file, false);
	return res;
}

int sim_file_store(struct engine *e, const char *path, const void *buf, size_t len, mode_t mode)
{
	struct sim *sim = sim_host_of(e)->sim;
	struct sim_file *old = sim_file_find(sim, path);
	if (!old && is_directory(sim, path))
		return -EISDIR;
	if (old && old->state != SIM_DISK_OK)
		return -EIO;
	bool full = sim_chance(sim, sim->faults.disk_full);
	bool write_fails = sim_chance(sim, sim->faults.disk_write_fail);
	bool sync_fails = sim_chance(sim, sim->faults.disk_sync_fail);
	sim->stats.failures += full || write_fails || sync_fails;
	if (full || write_fails)
		return full ? -ENOSPC : -EIO;
	/* A sync may fail before the rename or after it, when the directory is flushed. */
	if (sync_fails && sim_rand(sim, 2))
		return -EIO;
	if (old)
		file_unlink(old);
	struct sim_file *f = file_new(sim, path);
	struct iovec iov = {.iov_base = (void *)(uintptr_t)buf, .iov_len = len};
	sim_store_write(&f->store, 0, 0, len, (struct sim_cursor){.iov = &iov}, NULL);
	sim_store_flush(&f->store, 0, UINT64_MAX, f->store.seq, NULL);
	f->size = len;
	return sync_fails ? -EIO : 0;
}

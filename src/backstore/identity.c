/* SPDX-License-Identifier: BSD-2-Clause */
/* The identity of an image: found or made, kept, and held against copies of it. */
#include "backstore/priv.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#define ID_TEXT     32 /* digits */
#define RECORD_SIZE 4608

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool parse_id(const char *text, uint8_t id[16])
{
	for (size_t i = 0; i < 16; i++) {
		int high = digit(text[2 * i]);
		int low = high < 0 ? -1 : digit(text[2 * i + 1]);
		if (low < 0)
			return false;
		id[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static void format_id(char out[33], const uint8_t id[16])
{
	for (size_t i = 0; i < 16; i++)
		snprintf(out + 2 * i, 3, "%02x", id[i]);
}

int identity_attribute(struct reactor *r, int file, char out[33])
{
	uint8_t id[16];
	ssize_t len = file_get_xattr(r, file, ID_ATTRIBUTE, out, ID_TEXT);
	out[len == ID_TEXT ? ID_TEXT : 0] = 0;
	if (len == -EOPNOTSUPP || len == -ENOENT)
		return -ENODATA;
	if (len < 0 && len != -ERANGE)
		return (int)len;
	return len == ID_TEXT && parse_id(out, id) ? 0 : -EBADMSG;
}

/* --- the record in the state directory */

static uint64_t hash(const char *text)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
	for (; *text; text++)
		h = (h ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
	return h;
}

static int record_path(char *out, size_t size, const char *state_dir, const char *path)
{
	int len = snprintf(out, size, "%s/identity-%016" PRIx64, state_dir, hash(path));
	return len > 0 && (size_t)len < size ? 0 : -ENAMETOOLONG;
}

static void record_text(char *out, size_t size, const char *id, const char *path)
{
	snprintf(out, size, "id=%s\npath=%s\n", id, path);
}

/* -ENODATA: there is none; -EBADMSG: not a record of this path; or why it cannot be read. */
static int record_load(struct disk *d, const char *name, char id[33])
{
	char text[RECORD_SIZE], expected[RECORD_SIZE];
	uint8_t bytes[16];
	ssize_t len = file_load(d->bs.reactor, name, text, sizeof(text) - 1);
	if (len < 0)
		return len == -ENOENT ? -ENODATA : len == -EFBIG ? -EBADMSG : (int)len;
	text[len] = 0;
	if (len < 3 + ID_TEXT || memcmp(text, "id=", 3) || !parse_id(text + 3, bytes))
		return -EBADMSG;
	format_id(id, bytes);
	record_text(expected, sizeof(expected), id, d->bs.path);
	return strcmp(text, expected) ? -EBADMSG : 0;
}

static int record_store(struct disk *d, const char *state_dir, const char *id)
{
	char name[1024], text[RECORD_SIZE];
	if (record_path(name, sizeof(name), state_dir, d->bs.path))
		return -ENAMETOOLONG;
	record_text(text, sizeof(text), id, d->bs.path);
	return file_store(d->bs.reactor, name, text, strlen(text), 0600);
}

/* --- finding and making */

static int keep(struct disk *d, const char *state_dir, const char *id, char *why, size_t why_size)
{
	int err = -EOPNOTSUPP, attr = -EOPNOTSUPP;
	if (d->info.kind == FILE_REGULAR)
		attr = file_set_xattr(d->bs.reactor, d->file, ID_ATTRIBUTE, id, ID_TEXT);
	if (!attr) {
		d->has_id = true;
		return disk_make_durable(d, why, why_size);
	}
	if (state_dir && state_dir[0])
		err = record_store(d, state_dir, id);
	if (!err)
		return 0;
	return bs_why(why, why_size, err,
		      "the identity of %s can be kept neither as an attribute of the file (%s) nor "
		      "in the directory %s (%s)",
		      d->bs.path, strerror(-attr),
		      state_dir && state_dir[0] ? state_dir : "of the program's state",
		      strerror(-err));
}

static int find_attribute(struct disk *d, char *why, size_t why_size)
{
	int err = d->info.kind == FILE_REGULAR ? identity_attribute(d->bs.reactor, d->file, d->id)
					       : -ENODATA;
	d->has_id = !err;
	if (!err || err == -ENODATA)
		return err;
	if (err == -EBADMSG)
		return bs_why(why, why_size, err,
			      "%s: its attribute %s is damaged; `setfattr -x %s FILE` "
			      "removes it, and the disk gets a new identity",
			      d->bs.path, ID_ATTRIBUTE, ID_ATTRIBUTE);
	return bs_why(why, why_size, err,
		      "the identity of %s, its attribute %s, cannot be read: %s; set that right "
		      "first, for a new identity would make it another disk to its initiators",
		      d->bs.path, ID_ATTRIBUTE, strerror(-err));
}

static int find_record(struct disk *d, const char *state_dir, char *why, size_t why_size)
{
	char name[1024];
	/* A new file under an old name is a new disk. */
	if (!state_dir || !state_dir[0] || d->bs.created)
		return -ENODATA;
	int err = record_path(name, sizeof(name), state_dir, d->bs.path);
	if (!err)
		err = record_load(d, name, d->id);
	if (!err || err == -ENODATA)
		return err;
	if (err == -EBADMSG)
		return bs_why(why, why_size, err,
			      "the record of the identity of %s is damaged; remove %s, and the "
			      "disk gets a new identity",
			      d->bs.path, name);
	return bs_why(why, why_size, err,
		      "the record of the identity of %s cannot be read: %s: %s; set that right "
		      "first, or remove it, and the disk gets a new identity",
		      d->bs.path, name, strerror(-err));
}

/* -ENODATA: none was ever made, as far as anybody can know. */
static int find(struct disk *d, const char *state_dir, char *why, size_t why_size)
{
	int err = find_attribute(d, why, why_size);
	return err == -ENODATA ? find_record(d, state_dir, why, why_size) : err;
}

static int find_or_make(struct disk *d, const char *state_dir, char *why, size_t why_size)
{
	uint8_t id[16];
	int err = find(d, state_dir, why, why_size);
	if (err != -ENODATA)
		return err;
	reactor_random(d->bs.reactor, id, sizeof(id));
	format_id(d->id, id);
	return keep(d, state_dir, d->id, why, why_size);
}

/* --- the lock against copies */

/* Locks the file that `path` names. -EAGAIN: somebody else has it; else it is as good as locked. */
static int take_lock(struct disk *d, const char *path)
{
	struct reactor *r = d->bs.reactor;
	for (int tries = 0; tries < 8; tries++) {
		struct file_info ours, named;
		int file = file_open(r, path, O_RDWR | O_CREAT, 0600);
		if (file < 0)
			return file;
		int err = file_lock(r, file, !d->bs.readonly);
		bool same = !err && !file_info(r, file, &ours) && !file_stat(r, path, &named) &&
			    ours.inode == named.inode && ours.device == named.device;
		if (same)
			return file;
		/* Its last holder may have removed it between our open and our lock. */
		file_close(r, file);
		if (err)
			return err;
	}
	return -EIO;
}

static int lock(struct disk *d, const char *state_dir, char *why, size_t why_size)
{
	char path[1024];
	if (d->id_lock >= 0 || !state_dir || !state_dir[0])
		return 0;
	int len = snprintf(path, sizeof(path), "%s/serving-%s", state_dir, d->id);
	int file = (size_t)len < sizeof(path) ? take_lock(d, path) : -ENAMETOOLONG;
	if (file == -EAGAIN)
		return bs_why(why, why_size, -EEXIST,
			      "%s has the identity of an image that is being served: it is a copy; "
			      "`setfattr -x %s FILE` makes it a disk of its own",
			      d->bs.path, ID_ATTRIBUTE);
	if (file < 0) {
		log_debug(reactor_log(d->bs.reactor), "%s: %s", path, strerror(-file));
		return 0;
	}
	d->id_lock = file;
	d->id_lock_path = strdup(path);
	return 0;
}

void identity_unlock(struct disk *d)
{
	if (d->id_lock < 0)
		return;
	if (d->id_lock_path && !d->bs.readonly)
		file_remove(d->bs.reactor, d->id_lock_path);
	file_close(d->bs.reactor, d->id_lock);
	free(d->id_lock_path);
	d->id_lock = -1;
	d->id_lock_path = NULL;
}

int bs_identity(struct backstore *bs, const char *state_dir, uint8_t id[16], char *why,
		size_t why_size)
{
	if (bs->ops != &disk_file_ops && bs->ops != &disk_block_ops) {
		reactor_random(bs->reactor, id, 16);
		return 0;
	}
	struct disk *d = to_disk(bs);
	if (bs->missing)
		return bs_why(why, why_size, -ENODEV, "%s has gone", bs->path);
	int err = find_or_make(d, state_dir, why, why_size);
	if (!err)
		err = lock(d, state_dir, why, why_size);
	if (!err)
		parse_id(d->id, id);
	return err;
}

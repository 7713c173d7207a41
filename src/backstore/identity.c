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

/* --- the record in the state directory: id=, hardware= or path=, and of a device without hardware= the
 * size= */

static uint64_t hash(const char *text)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
	for (; *text; text++)
		h = (h ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
	return h;
}

/* The line by which the record is found, whatever the path is spelt like. */
static int record_key(struct disk *d, char *out, size_t size)
{
	if (d->hardware[0])
		return (size_t)snprintf(out, size, "hardware=%s\n", d->hardware) < size
			       ? 0
			       : -ENAMETOOLONG;
	static const char name[] = "path=";
	size_t len = sizeof(name) - 1;
	memcpy(out, name, len);
	int err = file_real_path(d->bs.reactor, d->bs.path, out + len, size - len - 1);
	if (!err)
		strcat(out, "\n");
	return err;
}

/* Its place, and the line that it is found by. */
struct record {
	char name[1024], key[RECORD_SIZE - 128];
};

static int record_find(struct record *rec, struct disk *d, const char *state_dir)
{
	int err = record_key(d, rec->key, sizeof(rec->key));
	if (err)
		return err;
	int len = snprintf(rec->name, sizeof(rec->name), "%s/identity-%016" PRIx64, state_dir,
			   hash(rec->key));
	return len > 0 && (size_t)len < sizeof(rec->name) ? 0 : -ENAMETOOLONG;
}

/*
 * -ENODATA: there is none; -EBADMSG: not a record of this disk; or why it cannot be read. `size` is 0
 * when it says nothing of it.
 */
static int record_load(struct disk *d, const struct record *rec, char id[33], uint64_t *size)
{
	char text[RECORD_SIZE], expected[RECORD_SIZE];
	uint8_t bytes[16];
	ssize_t len = file_load(d->bs.reactor, rec->name, text, sizeof(text) - 1);
	if (len < 0)
		return len == -ENOENT ? -ENODATA : len == -EFBIG ? -EBADMSG : (int)len;
	text[len] = 0;
	if (len < 3 + ID_TEXT || memcmp(text, "id=", 3) || !parse_id(text + 3, bytes))
		return -EBADMSG;
	format_id(id, bytes);
	int begin = snprintf(expected, sizeof(expected), "id=%s\n%s", id, rec->key);
	if (strncmp(text, expected, (size_t)begin))
		return -EBADMSG;
	*size = 0;
	return !text[begin] || sscanf(text + begin, "size=%" SCNu64, size) == 1 ? 0 : -EBADMSG;
}

static int record_store(struct disk *d, const struct record *rec, const char *id)
{
	char text[RECORD_SIZE];
	int len = snprintf(text, sizeof(text), "id=%s\n%s", id, rec->key);
	if (d->info.kind == FILE_BLOCK && !d->hardware[0])
		len += snprintf(text + len, sizeof(text) - (size_t)len, "size=%" PRIu64 "\n",
				d->info.size);
	return file_store(d->bs.reactor, rec->name, text, (size_t)len, 0600);
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
	struct record rec;
	if (state_dir && state_dir[0])
		err = record_find(&rec, d, state_dir);
	if (!err)
		err = record_store(d, &rec, id);
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
	struct record rec;
	uint64_t size = 0;
	/* A new file under an old name is a new disk. */
	if (!state_dir || !state_dir[0] || d->bs.created)
		return -ENODATA;
	int err = record_find(&rec, d, state_dir);
	if (err)
		return bs_why(why, why_size, err,
			      "the record of the identity of %s cannot be looked for in %s: %s",
			      d->bs.path, state_dir, strerror(-err));
	err = record_load(d, &rec, d->id, &size);
	if (!err && size && size != d->info.size)
		return bs_why(
			why, why_size, -EEXIST,
			"%s may be another disk than it was: it has %" PRIu64 " bytes, and the "
			"record of its identity, %s, says %" PRIu64 "; if it is the same, correct "
			"the line size= in there; if not, remove that file, and the disk gets a "
			"new identity",
			d->bs.path, d->info.size, rec.name, size);
	if (!err || err == -ENODATA)
		return err;
	if (err == -EBADMSG)
		return bs_why(why, why_size, err,
			      "the record of the identity of %s is damaged; remove %s, and the "
			      "disk gets a new identity",
			      d->bs.path, rec.name);
	return bs_why(why, why_size, err,
		      "the record of the identity of %s cannot be read: %s: %s; set that right "
		      "first, or remove it, and the disk gets a new identity",
		      d->bs.path, rec.name, strerror(-err));
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

/*
 * One byte for each identity that is served, in files that stay where they are: a file of its own for each would
 * have to be made and removed again, which takes ten times as long as to open an image. There are several of them,
 * by the identity's first digits, since the kernel looks at all locks of a file for each new one.
 */
struct place {
	char path[1024];
	uint64_t byte;
};

#define FILE_DIGITS 2
/* The rest of the identity that a file's offset has room for. */
#define BYTE_DIGITS 15

static int find_place(struct place *p, const char *state_dir, const char *id)
{
	int len = snprintf(p->path, sizeof(p->path), "%s/serving-%.*s", state_dir, FILE_DIGITS, id);
	p->byte = 0;
	for (size_t i = FILE_DIGITS; i < FILE_DIGITS + BYTE_DIGITS; i++)
		p->byte = p->byte << 4 | (uint64_t)digit(id[i]);
	return len > 0 && (size_t)len < sizeof(p->path) ? 0 : -ENAMETOOLONG;
}

/* The lock that was held before: to lock it once more is nothing then. */
static int take_given(struct disk *d, const struct place *p)
{
	struct file_info ours, named;
	struct reactor *r = d->bs.reactor;
	int file = d->given ? d->given->id_lock : -1;
	if (file < 0 || file_info(r, file, &ours) || file_stat(r, p->path, &named) ||
	    ours.inode != named.inode || ours.device != named.device ||
	    file_lock_byte(r, file, !d->bs.readonly, p->byte))
		return -1;
	d->given->id_lock = -1;
	return file;
}

/* The descriptor that has the lock. -EAGAIN: somebody else has it; else it is as good as locked. */
static int take_lock(struct disk *d, const struct place *p)
{
	struct reactor *r = d->bs.reactor;
	int given = take_given(d, p);
	if (given >= 0)
		return given;
	int file = file_open(r, p->path, O_RDWR | O_CREAT, 0600);
	int err = file < 0 ? file : file_lock_byte(r, file, !d->bs.readonly, p->byte);
	if (err && file >= 0)
		file_close(r, file);
	return err ? err : file;
}

static int lock(struct disk *d, const char *state_dir, char *why, size_t why_size)
{
	struct place place;
	if (d->id_lock >= 0 || !state_dir || !state_dir[0])
		return 0;
	int file = find_place(&place, state_dir, d->id);
	if (!file)
		file = take_lock(d, &place);
	if (file == -EAGAIN && !d->has_id)
		return bs_why(
			why, why_size, -EEXIST,
			"%s has the identity of a disk that is being served: it is the same one "
			"under another name; serve it once only",
			d->bs.path);
	if (file == -EAGAIN)
		return bs_why(why, why_size, -EEXIST,
			      "%s has the identity of an image that is being served: it is a copy; "
			      "`setfattr -x %s FILE` makes it a disk of its own",
			      d->bs.path, ID_ATTRIBUTE);
	if (file < 0) {
		log_debug(reactor_log(d->bs.reactor), "%s: %s", place.path, strerror(-file));
		return 0;
	}
	d->id_lock = file;
	return 0;
}

void identity_unlock(struct disk *d)
{
	if (d->id_lock >= 0)
		file_unlock(d->bs.reactor, d->id_lock);
	identity_leave(d);
}

void identity_leave(struct disk *d)
{
	if (d->id_lock < 0)
		return;
	file_close(d->bs.reactor, d->id_lock);
	d->id_lock = -1;
}

int bs_identity(struct backstore *bs, const char *state_dir, uint8_t id[16], char *why,
		size_t why_size)
{
	if (!is_disk(bs)) {
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
	d->given = NULL;
	return err;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "scsi/lu_store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/cleanup.h"
#include "common/crc32c.h"
#include "common/endian.h"
#include "common/zero.h"
#include "reactor/file.h"

/*
 * A slot: magic, form, length, version, the LU's identity, the record's CRC32C, zeroes, the header's CRC32C; then
 * the record. Slots begin at multiples of SLOT_SIZE.
 */
#define SLOTS     2
#define SLOT_SIZE (UINT64_C(256) << 10)
#define HEADER    512u /* so that no sector has parts of both */
#define FORM      1

static const uint8_t magic[8] = {'L', 'U', 'N', 'A', 'R', ' ', 'L', 'U'};

enum slot_state { SLOT_EMPTY, SLOT_GOOD, SLOT_DAMAGED };

struct lu_store {
	struct reactor *r;
	int file;
	struct lu_store_opener *opener;
	uint8_t id[16];
	void (*quiet)(void *ctx);
	void *ctx;

	int loaded;    /* of lu_store_get() */
	uint8_t *kept; /* header and record; NULL: none */
	size_t record_len;
	uint64_t version;
	uint64_t last;       /* of all that was ever begun */
	bool current[SLOTS]; /* the slot has the record of `version`, as far as we know */

	/* The put that is under way is the first one; without one, `kept` is being written again. */
	struct list puts;
	bool opening, writing;
	bool uneven; /* of a put that has failed a slot may be left that looks newer than what we have said */
	uint8_t *buf; /* what is written */
	size_t len, written;
	unsigned slot, slots_done;
	struct op op;
	struct iovec iov;
};

/* --- the form of a slot */

static uint32_t checksum(const uint8_t *p, size_t len)
{
	return crc32c_final(crc32c_update(CRC32C_INIT, p, len));
}

static void put_header(uint8_t *h, const struct lu_store *s, uint64_t version, const uint8_t *data,
		       size_t len)
{
	memset(h, 0, HEADER);
	memcpy(h, magic, sizeof(magic));
	put_be32(h + 8, FORM);
	put_be32(h + 12, (uint32_t)len);
	put_be64(h + 16, version);
	memcpy(h + 24, s->id, sizeof(s->id));
	put_be32(h + 40, checksum(data, len));
	put_be32(h + HEADER - 4, checksum(h, HEADER - 4));
}

/* `p` has `len` bytes, as far as the file goes. */
static enum slot_state judge(const struct lu_store *s, const uint8_t *p, size_t len)
{
	uint32_t n;

	if (is_all_zero(p, MIN(len, (size_t)HEADER)))
		return SLOT_EMPTY;
	if (len < HEADER || memcmp(p, magic, sizeof(magic)) || get_be32(p + 8) != FORM ||
	    get_be32(p + HEADER - 4) != checksum(p, HEADER - 4) ||
	    memcmp(p + 24, s->id, sizeof(s->id)))
		return SLOT_DAMAGED;
	n = get_be32(p + 12);
	/* No version is so large by itself, and none may come before those that follow it. */
	if (get_be64(p + 16) > UINT64_MAX / 2)
		return SLOT_DAMAGED;
	if (n > LU_STORE_MAX || n > len - HEADER || get_be32(p + 40) != checksum(p + HEADER, n))
		return SLOT_DAMAGED;
	return SLOT_GOOD;
}

/* --- reading, when it is opened */

/* What cannot be read is no better than what is damaged, as long as there is another one. */
static ssize_t read_slot(struct lu_store *s, unsigned i, uint8_t *to)
{
	size_t got = 0;
	ssize_t n;

	do {
		n = file_peek(s->r, s->file, to + got, HEADER + LU_STORE_MAX - got,
			      i * SLOT_SIZE + got);
		if (n > 0)
			got += (size_t)n;
	} while (n > 0 && got < HEADER + LU_STORE_MAX);
	return n < 0 ? n : (ssize_t)got;
}

static int take_record(struct lu_store *s, const uint8_t *p)
{
	size_t len = get_be32(p + 12);
	uint8_t *kept = malloc(HEADER + len);

	if (!kept)
		return -ENOMEM;
	memcpy(kept, p, HEADER + len);
	free(s->kept);
	s->kept = kept;
	s->record_len = len;
	s->version = s->last = get_be64(p + 16);
	return 0;
}

/*
 * The newer one of two that are whole: the last put was cut short between them, or after. Of a damaged one we
 * know that the other has all that was ever answered. The very first put writes slot 0 first, so damage there with
 * slot 1 empty was never answered; the other way round it was.
 */
static int load(struct lu_store *s)
{
	CLEANUP(free) uint8_t *p = malloc(HEADER + LU_STORE_MAX);
	enum slot_state state[SLOTS];
	int err = p ? 0 : -ENOMEM, unread = 0;

	for (unsigned i = 0; !err && i < SLOTS; i++) {
		ssize_t n = read_slot(s, i, p);

		state[i] = n < 0 ? SLOT_DAMAGED : judge(s, p, (size_t)n);
		if (n < 0)
			unread = (int)n;
		if (state[i] != SLOT_GOOD)
			continue;
		if (!s->kept || get_be64(p + 16) > s->version) {
			s->current[0] = s->current[1] = false;
			err = take_record(s, p);
		}
		s->current[i] = get_be64(p + 16) == s->version;
	}
	if (err || s->kept)
		return err;
	if (unread)
		return unread;
	return state[1] == SLOT_EMPTY ? -ENODATA : -EBADMSG;
}

static void write_slots(struct lu_store *s);

struct lu_store *lu_store_new(struct reactor *r, int file, struct lu_store_opener *opener,
			      const uint8_t id[16])
{
	struct lu_store *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->r = r;
	s->file = file;
	s->opener = opener;
	memcpy(s->id, id, sizeof(s->id));
	list_init(&s->puts);
	s->loaded = file >= 0 ? load(s) : -ENODATA;
	if (s->loaded || (s->current[0] && s->current[1]))
		return s;
	/* The newer one may have been in the kernel's cache alone when its writer was killed; and what others are
	 * shown now they may rely on. Where this fails, or another flush has before, it is written soon. */
	(void)file_sync(r, file);
	write_slots(s);
	return s;
}

void lu_store_free(struct lu_store *s)
{
	if (!s)
		return;
	if (s->file >= 0)
		file_close(s->r, s->file);
	if (s->buf != s->kept)
		free(s->buf);
	free(s->kept);
	free(s);
}

int lu_store_get(const struct lu_store *s, const uint8_t **data, size_t *len)
{
	*data = s->kept ? s->kept + HEADER : NULL;
	*len = s->record_len;
	return s->loaded;
}

uint64_t lu_store_version(const struct lu_store *s)
{
	return s->version;
}

bool lu_store_is_quiet(const struct lu_store *s)
{
	return !s->writing && list_empty(&s->puts);
}

void lu_store_watch(struct lu_store *s, void (*quiet)(void *ctx), void *ctx)
{
	s->quiet = quiet;
	s->ctx = ctx;
}

/* --- writing */

static void begin(struct lu_store *s);

static struct lu_put *first_put(struct lu_store *s)
{
	return list_first(&s->puts, struct lu_put, link);
}

static void go_on(struct lu_store *s)
{
	if (s->writing || s->opening)
		return; /* it was begun from inside */
	if (!list_empty(&s->puts)) {
		begin(s);
	} else if (s->uneven && s->kept) {
		s->uneven = false;
		write_slots(s);
	} else if (s->quiet) {
		s->quiet(s->ctx);
	}
}

static void finish(struct lu_store *s, int err)
{
	struct lu_put *put = first_put(s);

	list_del(&put->link);
	put->done(put, err);
	go_on(s);
}

static void written(struct lu_store *s, int err)
{
	struct lu_put *put = s->buf == s->kept ? NULL : first_put(s);
	uint8_t *buf = s->buf;

	s->buf = NULL;
	s->writing = false;
	if (!put) { /* our own */
		go_on(s);
		return;
	}
	s->uneven = err;
	if (err) {
		free(buf);
	} else {
		free(s->kept);
		s->kept = buf;
		s->record_len = put->len;
		s->version = s->last;
		s->loaded = 0;
	}
	finish(s, err);
}

static void write_more(struct lu_store *s);

static void next_slot(struct lu_store *s)
{
	s->current[s->slot] = true;
	if (++s->slots_done == SLOTS) {
		written(s, 0);
		return;
	}
	s->slot = (s->slot + 1) % SLOTS;
	s->current[s->slot] = false;
	s->written = 0;
	write_more(s);
}

static void synced(struct op *op, int res)
{
	struct lu_store *s = container_of(op, struct lu_store, op);

	if (res < 0)
		written(s, res);
	else
		next_slot(s);
}

static void wrote(struct op *op, int res)
{
	struct lu_store *s = container_of(op, struct lu_store, op);

	if (res <= 0) {
		written(s, res ? res : -EIO);
		return;
	}
	s->written += (size_t)res;
	write_more(s);
}

static void write_more(struct lu_store *s)
{
	if (s->written == s->len) {
		s->op.done = synced;
		file_datasync(s->r, &s->op, s->file);
		return;
	}
	s->iov = (struct iovec){s->buf + s->written, s->len - s->written};
	s->op.done = wrote;
	file_write(s->r, &s->op, s->file, &s->iov, 1, s->slot * SLOT_SIZE + s->written, 0);
}

/*
 * Never the only one that has the last record. Of two that have it the one that was written last: it may be in the
 * kernel's cache alone, since a process that is killed has not flushed it. An odd version has begun with slot 1.
 */
static unsigned first_slot(const struct lu_store *s)
{
	if (s->current[0] && s->current[1])
		return !(s->last & 1);
	return s->current[0] ? 1 : 0;
}

/*
 * The first put, or without one what is kept. Each attempt has a version of its own, so that of one that failed half
 * way nobody can mistake the rest for a later one.
 */
static void write_slots(struct lu_store *s)
{
	const struct lu_put *put = list_empty(&s->puts) ? NULL : first_put(s);
	size_t len = put ? put->len : s->record_len;

	s->buf = put ? malloc(HEADER + len) : s->kept;
	if (!s->buf) {
		finish(s, -ENOMEM);
		return;
	}
	if (put && len)
		memcpy(s->buf + HEADER, put->data, len);
	s->len = HEADER + len;
	s->slot = first_slot(s);
	s->last += (s->last & 1) == s->slot ? 2 : 1;
	put_header(s->buf, s, s->last, s->buf + HEADER, len);
	s->slots_done = 0;
	s->written = 0;
	s->current[s->slot] = false;
	s->writing = true;
	write_more(s);
}

static int open_file(struct lu_store *s)
{
	if (s->file < 0)
		s->file = s->opener ? s->opener->open(s->opener) : -EROFS;
	return MIN(s->file, 0);
}

static void begin(struct lu_store *s)
{
	const struct lu_put *put = first_put(s);
	int err = put->follows != s->version ? -ESTALE : put->len > LU_STORE_MAX ? -EFBIG : 0;

	if (!err)
		err = open_file(s);
	s->opening = err == -EINPROGRESS;
	if (s->opening)
		return;
	if (err)
		finish(s, err);
	else
		write_slots(s);
}

void lu_store_opened(struct lu_store *s, int file)
{
	if (!s->opening) {
		if (file >= 0)
			file_close(s->r, file);
		return;
	}
	s->opening = false;
	s->file = file;
	if (file < 0)
		finish(s, file);
	else
		write_slots(s);
}

void lu_store_put(struct lu_store *s, struct lu_put *put)
{
	bool idle = lu_store_is_quiet(s);

	list_add_tail(&s->puts, &put->link);
	if (idle)
		begin(s);
}

int lu_store_path(char *out, size_t size, const char *dir, const uint8_t id[16])
{
	int at = snprintf(out, size, "%s/reservations-", dir);

	if (at < 0 || (size_t)at + 33 > size)
		return -ENAMETOOLONG;
	for (int i = 0; i < 16; i++)
		snprintf(out + at + 2 * i, 3, "%02x", id[i]);
	return 0;
}

int lu_store_open(struct reactor *r, const char *path, bool make)
{
	struct file_info info;
	int file = file_open(r, path, O_RDWR | O_NOFOLLOW | (make ? O_CREAT : 0), 0600);
	int err = file < 0 ? file : file_info(r, file, &info);

	if (!err && info.kind != FILE_REGULAR)
		err = -EINVAL;
	if (!err && make)
		err = file_sync_name(r, path);
	if (err && file >= 0)
		file_close(r, file);
	return err ? err : file;
}

const char *lu_store_problem(int err)
{
	switch (err) {
	case -ELOOP: return "it is a link";
	case -EINVAL: return "it is no file";
	default: return strerror(-err);
	}
}

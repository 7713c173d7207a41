/* SPDX-License-Identifier: BSD-2-Clause */
/* What the daemon before this one handed over, by another version of the program maybe. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <jansson.h>
#include "daemon/handover.h"

#define STATE_MAX (64u << 20)
/* Above what any kernel is set to in practice (fs.nr_open). */
#define FILES_MAX   (1u << 22)
#define FILES_FIRST (STDERR_FILENO + 1)

struct reading {
	uint8_t *seen;         /* a bit for each number: each descriptor has one owner */
	handover_file *handed; /* NULL: it is only looked at */
	void *ctx;
};

/* A number of a descriptor that nothing before it has named. 0 or -EBADMSG. */
static int number(struct reading *r, const json_t *value, int *out)
{
	json_int_t n = json_integer_value(value);
	if (!json_is_integer(value) || n < FILES_FIRST || n >= FILES_MAX)
		return -EBADMSG;
	uint8_t bit = (uint8_t)(1u << (n % 8));
	if (r->seen[n / 8] & bit)
		return -EBADMSG;
	r->seen[n / 8] |= bit;
	*out = (int)n;
	return 0;
}

/* -1 or nothing: there is none. */
static int number_or_none(struct reading *r, const json_t *value, int *out)
{
	*out = -1;
	if (!value || (json_is_integer(value) && json_integer_value(value) == -1))
		return 0;
	return number(r, value, out);
}

static void hand(const struct reading *r, const struct handed *h)
{
	if (r->handed)
		r->handed(r->ctx, h);
}

static int read_control(struct reading *r, const json_t *doc)
{
	struct handed h = {.kind = INHERITED_CONTROL, .name = "", .lock = -1};
	h.stays = json_is_true(json_object_get(doc, "control_stays"));
	int err = number(r, json_object_get(doc, "control"), &h.fd);
	if (!err)
		hand(r, &h);
	return err;
}

static int read_listener(struct reading *r, const json_t *it)
{
	struct handed h = {.kind = INHERITED_LISTENER, .name = "", .lock = -1};
	int err = number(r, it, &h.fd);
	if (!err)
		hand(r, &h);
	return err;
}

static int read_store(struct reading *r, const json_t *it, enum inherited_kind kind,
		      const char *key)
{
	struct handed h = {.kind = kind, .lock = -1};
	h.name = json_string_value(json_object_get(it, key));
	int err = h.name ? number(r, json_object_get(it, "fd"), &h.fd) : -EBADMSG;
	if (!err && kind == INHERITED_DISK)
		err = number_or_none(r, json_object_get(it, "lock"), &h.lock);
	if (!err)
		hand(r, &h);
	return err;
}

static int read_ramdisk(struct reading *r, const json_t *it)
{
	return read_store(r, it, INHERITED_RAMDISK, "wwn");
}

static int read_disk(struct reading *r, const json_t *it)
{
	return read_store(r, it, INHERITED_DISK, "path");
}

static const struct {
	const char *name;
	int (*read)(struct reading *r, const json_t *it);
} lists[] = {
	{"listeners", read_listener},
	{"ramdisks", read_ramdisk},
	{"disks", read_disk},
};

static int read_files(struct reading *r, const json_t *doc)
{
	memset(r->seen, 0, FILES_MAX / 8);
	int err = read_control(r, doc);
	for (size_t n = 0; n < ARRAY_SIZE(lists) && !err; n++) {
		const json_t *list = json_object_get(doc, lists[n].name);
		if (!json_is_array(list))
			return -EBADMSG;
		for (size_t i = 0; i < json_array_size(list) && !err; i++)
			err = lists[n].read(r, json_array_get(list, i));
	}
	return err;
}

/* All of it is looked at before anything is handed over. */
static int read_document(const json_t *doc, struct buf *config, handover_file *handed, void *ctx)
{
	const json_t *format = json_object_get(doc, "format");
	const json_t *text = json_object_get(doc, "config");
	if (!json_is_integer(format) || !json_is_string(text))
		return -EBADMSG;
	if (json_integer_value(format) != HANDOVER_FORMAT)
		return -EPROTONOSUPPORT;
	struct reading r = {.seen = malloc(FILES_MAX / 8), .ctx = ctx};
	int err = r.seen ? read_files(&r, doc) : -ENOMEM;
	if (!err)
		err = buf_add(config, json_string_value(text), json_string_length(text));
	r.handed = handed;
	if (!err && handed)
		err = read_files(&r, doc);
	free(r.seen);
	return err;
}

int handover_read(const char *text, size_t len, struct buf *config, handover_file *handed,
		  void *ctx)
{
	json_t *doc = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	int err = doc ? read_document(doc, config, handed, ctx) : -EBADMSG;
	json_decref(doc);
	return err;
}

/* It went through exec(), and goes through no other one. */
static bool keep(int fd)
{
	return fd >= 0 && !fcntl(fd, F_SETFD, FD_CLOEXEC);
}

static void inherit(void *ctx, const struct handed *h)
{
	int lock = keep(h->lock) ? h->lock : -1;
	if (keep(h->fd))
		inherit_add(ctx, h->kind, h->name, h->fd, lock, h->stays);
	else if (lock >= 0)
		close(lock);
}

static int read_state(int fd, struct buf *config, struct inheritance *in)
{
	struct stat st;
	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size <= 0 || st.st_size > STATE_MAX)
		return -EBADMSG;
	char *text = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (text == MAP_FAILED)
		return -errno;
	int err = handover_read(text, (size_t)st.st_size, config, in ? inherit : NULL, in);
	munmap(text, (size_t)st.st_size);
	return err;
}

int handover_take(const char *number, struct buf *config, struct inheritance *in, char *why,
		  size_t why_size)
{
	char *end;
	long fd = strtol(number, &end, 10);
	int err = *end || fd < FILES_FIRST || fd >= FILES_MAX ? -EBADF
							      : read_state((int)fd, config, in);
	if (err != -EBADF)
		close((int)fd);
	if (err)
		snprintf(why, why_size,
			 "what the daemon before this one handed over cannot be used: %s",
			 strerror(-err));
	return err;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Files below the root: each name is opened in the directory before it, and no link is followed. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include "config/fdio.h"
#include "records/priv.h"

#define TEMPORARY ".record.new"
#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

static void step(const struct records *db, const char *what)
{
	if (db->options.step)
		db->options.step(db->options.step_ctx, what);
}

static int fail(struct records *db, const struct place *p, const char *doing,
		struct config_why *why)
{
	char name[PLACE_NAME_SIZE];
	int err = errno ? errno : EIO;
	return config_refuse(why, err, "Could not %s %.60s/%.300s: %s", doing, db->path,
			     place_name(p, name), strerror(err));
}

/* ---- names ---- */

const char *place_name(const struct place *p, char out[PLACE_NAME_SIZE])
{
	size_t at = 0;
	out[0] = 0;
	for (unsigned i = 0; i < p->depth && at < PLACE_NAME_SIZE; i++)
		at += (size_t)snprintf(out + at, PLACE_NAME_SIZE - at, "%s%s", i ? "/" : "",
				       p->dirs[i]);
	if (p->file[0] && at < PLACE_NAME_SIZE)
		snprintf(out + at, PLACE_NAME_SIZE - at, "/%s", p->file);
	return out;
}

struct place place_of(const char *top, const char *file)
{
	struct place p = {.depth = 1};
	snprintf(p.dirs[0], sizeof(p.dirs[0]), "%s", top);
	snprintf(p.file, sizeof(p.file), "%s", file);
	return p;
}

void place_descend(struct place *p, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(p->dirs[p->depth], sizeof(p->dirs[0]), fmt, ap);
	va_end(ap);
	p->depth++;
}

void names_free(struct names *n)
{
	for (size_t i = 0; i < n->count; i++)
		free(n->names[i]);
	free(n->names);
	*n = (struct names){NULL, 0};
}

/* What is asked for was checked where it came in. This is what nothing gets past all the same. */
static bool is_safe(const char *name)
{
	return name[0] && name[0] != '.' && !strchr(name, '/');
}

/* ---- directories ---- */

/* One that was made is durable before anything is in it. */
static int open_below(struct records *db, int at, const char *name, bool make)
{
	if (!is_safe(name)) {
		errno = EINVAL;
		return -1;
	}
	int fd = openat(at, name, DIR_FLAGS);
	if (fd >= 0 || errno != ENOENT || !make)
		return fd;
	step(db, "make directory");
	if ((mkdirat(at, name, 0700) && errno != EEXIST) || fsync(at))
		return -1;
	return openat(at, name, DIR_FLAGS);
}

/* The directory of `p`, or errno. */
static int open_dir(struct records *db, const struct place *p, unsigned depth, bool make)
{
	int fd = openat(db->root, ".", DIR_FLAGS);
	for (unsigned i = 0; fd >= 0 && i < depth; i++) {
		int below = open_below(db, fd, p->dirs[i], make);
		int err = errno;
		close(fd);
		errno = err;
		fd = below;
	}
	return fd;
}

static int add_name(struct names *n, const char *name)
{
	/* Room for 1, 2, 4, 8... */
	if (!(n->count & (n->count - 1))) {
		char **more = reallocarray(n->names, n->count ? n->count * 2 : 1, sizeof(*more));
		if (!more)
			return -ENOMEM;
		n->names = more;
	}
	n->names[n->count] = strdup(name);
	if (!n->names[n->count])
		return -ENOMEM;
	n->count++;
	return 0;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int place_list(struct records *db, const struct place *p, struct names *out, struct config_why *why)
{
	struct dirent *e;
	int err = 0;
	*out = (struct names){NULL, 0};
	int fd = open_dir(db, p, p->depth, false);
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : fail(db, p, "look into", why);
	DIR *dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return -ENOMEM;
	}
	while (!err && (e = readdir(dir))) {
		if (is_safe(e->d_name))
			err = add_name(out, e->d_name);
	}
	closedir(dir);
	if (err)
		names_free(out);
	else if (out->count)
		qsort(out->names, out->count, sizeof(*out->names), compare_names);
	return err;
}

static mode_t type_of(struct records *db, const struct place *p)
{
	struct stat st;
	const char *name = p->file[0] ? p->file : p->dirs[p->depth - 1];
	CLEANUP(fd) int fd = open_dir(db, p, p->file[0] ? p->depth : p->depth - 1, false);
	if (fd < 0 || !is_safe(name) || fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW))
		return 0;
	return st.st_mode & S_IFMT;
}

bool place_is_file(struct records *db, const struct place *p)
{
	return type_of(db, p) == S_IFREG;
}

bool place_is_dir(struct records *db, const struct place *p)
{
	return type_of(db, p) == S_IFDIR;
}

/* ---- reading ---- */

static int open_file(struct records *db, const struct place *p, struct config_why *why)
{
	struct stat st;
	CLEANUP(fd) int dir = open_dir(db, p, p->depth, false);
	int fd = dir < 0 || !is_safe(p->file)
			 ? -1
			 : openat(dir, p->file,
				  O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return fail(db, p, "read", why);
	if (!fstat(fd, &st) && S_ISREG(st.st_mode))
		return fd;
	close(fd);
	errno = EBADMSG;
	return fail(db, p, "read", why);
}

int place_read(struct records *db, const struct place *p, enum record_kind kind,
	       struct record **out, struct config_why *why)
{
	char name[PLACE_NAME_SIZE];
	struct buf text;
	*out = NULL;
	CLEANUP(fd) int fd = open_file(db, p, why);
	if (fd < 0)
		return fd;
	place_name(p, name);
	int err = record_buf_init(&text);
	if (!err)
		err = fd_read_all(fd, &text);
	if (err == -EFBIG)
		err = config_refuse(why, EBADMSG, "%.300s is damaged: it is longer than %d bytes",
				    name, RECORD_TEXT_MAX);
	else if (err)
		err = config_refuse(why, -err, "Could not read %.300s: %s", name, strerror(-err));
	else
		err = record_parse(out, kind, name, text.data, text.len, &db->options.say, why);
	record_wipe_buf(&text);
	return err;
}

/* ---- writing ---- */

/* In the root, where no program takes it for a record; the lock keeps others from it. */
static int write_temporary(struct records *db, const struct buf *text)
{
	step(db, "temporary");
	/* What somebody who was killed has left. */
	if (unlinkat(db->root, TEMPORARY, 0) && errno != ENOENT)
		return -1;
	CLEANUP(fd)
	int fd = openat(db->root, TEMPORARY, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			0600);
	if (fd < 0)
		return -1;
	step(db, "write");
	if (fd_write_all(fd, text->data, text->len / 2))
		return -1;
	step(db, "write more");
	if (fd_write_all(fd, text->data + text->len / 2, text->len - text->len / 2))
		return -1;
	step(db, "sync");
	return fsync(fd);
}

static bool is_like(struct records *db, const struct place *p, const struct buf *text)
{
	struct config_why why;
	struct buf there = {.data = NULL};
	struct stat st;
	CLEANUP(fd) int fd = open_file(db, p, &why);
	bool same = fd >= 0 && !record_buf_init(&there) && !fstat(fd, &st) &&
		    (st.st_mode & 07777) == 0600 && !fd_read_all(fd, &there) &&
		    there.len == text->len && !memcmp(there.data, text->data, text->len);
	record_wipe_buf(&there);
	return same;
}

static int write_text(struct records *db, const struct place *p, const struct buf *text,
		      struct config_why *why)
{
	if (is_like(db, p, text))
		return 0;
	if (write_temporary(db, text)) {
		int err = fail(db, p, "write", why);
		(void)unlinkat(db->root, TEMPORARY, 0);
		return err;
	}
	CLEANUP(fd) int dir = open_dir(db, p, p->depth, true);
	if (dir >= 0)
		step(db, "rename");
	if (dir < 0 || !is_safe(p->file) || renameat(db->root, TEMPORARY, dir, p->file)) {
		int err = fail(db, p, "write", why);
		(void)unlinkat(db->root, TEMPORARY, 0);
		return err;
	}
	step(db, "sync directory");
	return fsync(dir) ? fail(db, p, "make durable", why) : 0;
}

int place_write(struct records *db, const struct place *p, const struct record *r,
		struct config_why *why)
{
	struct buf text;
	int err = record_buf_init(&text);
	if (!err)
		err = record_print(r, RECORD_FILE, &text);
	if (err == -EMSGSIZE)
		err = config_refuse(why, EFBIG, "the record is longer than %d bytes",
				    RECORD_TEXT_MAX);
	if (!err)
		err = write_text(db, p, &text, why);
	record_wipe_buf(&text);
	return err;
}

/* ---- removing ---- */

/* A directory with something in it stays, and so do those above it. */
static void remove_empty(struct records *db, const struct place *p)
{
	for (unsigned depth = p->depth; depth > 1; depth--) {
		CLEANUP(fd) int above = open_dir(db, p, depth - 1, false);
		step(db, "remove directory");
		if (above < 0 || unlinkat(above, p->dirs[depth - 1], AT_REMOVEDIR))
			return;
		(void)fsync(above);
	}
}

int place_remove(struct records *db, const struct place *p, struct config_why *why)
{
	{
		CLEANUP(fd) int dir = open_dir(db, p, p->depth, false);
		step(db, "remove");
		if (dir < 0 || !is_safe(p->file) || unlinkat(dir, p->file, 0))
			return fail(db, p, "remove", why);
		if (fsync(dir))
			return fail(db, p, "remove", why);
	}
	remove_empty(db, p);
	return 0;
}

/* "20261125-021544-000-nodes,iqn...,default": the date, a number for those of one second, and whence. */
static void aside_name(char out[256], const struct place *p, unsigned n)
{
	char date[32], name[PLACE_NAME_SIZE];
	struct timespec now;
	struct tm tm;
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(date, sizeof(date), "%Y%m%d-%H%M%S", &tm);
	place_name(p, name);
	for (char *c = name; *c; c++) {
		if (*c == '/')
			*c = ',';
	}
	snprintf(out, 256, "%s-%03u-%.200s", date, n, name);
}

int place_set_aside(struct records *db, const struct place *p, struct config_why *why)
{
	struct place to = place_of("damaged", "");
	char name[256], from[PLACE_NAME_SIZE];
	CLEANUP(fd) int dir = open_dir(db, p, p->depth, false);
	CLEANUP(fd) int aside = open_dir(db, &to, 1, true);
	if (dir < 0 || aside < 0)
		return fail(db, p, "set aside", why);
	for (unsigned n = 0; n < 1000; n++) {
		aside_name(name, p, n);
		step(db, "set aside");
		if (!renameat2(dir, p->file, aside, name, RENAME_NOREPLACE)) {
			store_say(db, "%.300s is damaged: it is now %s/damaged/%s",
				  place_name(p, from), db->path, name);
			return fsync(aside) || fsync(dir) ? fail(db, p, "set aside", why) : 0;
		}
		if (errno != EEXIST)
			break;
	}
	return fail(db, p, "set aside", why);
}

/* ---- links ---- */

void place_link(struct records *db, const struct place *p, const char *target)
{
	/* 223 bytes of a name and an address may be more than a file's name can have: then there is none. */
	CLEANUP(fd) int dir = open_dir(db, p, p->depth, true);
	step(db, "link");
	if (dir >= 0 && is_safe(p->file))
		(void)symlinkat(target, dir, p->file);
}

void place_unlink(struct records *db, const struct place *p)
{
	struct stat st;
	CLEANUP(fd) int dir = open_dir(db, p, p->depth, false);
	if (dir < 0 || !is_safe(p->file) || fstatat(dir, p->file, &st, AT_SYMLINK_NOFOLLOW) ||
	    !S_ISLNK(st.st_mode))
		return;
	step(db, "unlink");
	(void)unlinkat(dir, p->file, 0);
}

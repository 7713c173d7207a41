/* SPDX-License-Identifier: BSD-2-Clause */
#include "config/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include "config/fdio.h"

#define BACKUP_DIR "backup"
#define NAME_SIZE  300 /* of a file, with what is added to it */

struct saving {
	const struct config_store *store;
	struct config_why *why;
	const char *base; /* the name in its directory */
	int dir, backups;
	char temporary[NAME_SIZE];
	char backup[NAME_SIZE];
};

static void step(const struct saving *s, const char *what)
{
	if (s->store->step)
		s->store->step(s->store->ctx, what);
}

/* errno as the answer, with what was being done. */
static int fail(struct saving *s, const char *doing, const char *what)
{
	int err = errno ? errno : EIO;
	return config_refuse(s->why, err,
			     "Could not save %.200s: %s %.160s: %s; the old file is as it was",
			     s->store->path, doing, what, strerror(err));
}

/* ---- names ---- */

/* "saveconfig" of "saveconfig.json", and ".json". */
static size_t stem_length(const char *base)
{
	const char *dot = strrchr(base, '.');
	return dot && dot != base ? (size_t)(dot - base) : strlen(base);
}

/* Names sort by age: the date, and a number for those of one second. */
static void backup_name(struct saving *s, unsigned n)
{
	struct tm tm;
	char date[32];
	int stem = (int)stem_length(s->base);
	gmtime_r(&s->store->now, &tm);
	strftime(date, sizeof(date), "%Y%m%d-%H%M%S", &tm);
	snprintf(s->backup, sizeof(s->backup), "%.*s-%s-%03u%s", stem, s->base, date, n,
		 s->base + stem);
}

static int open_directory(struct saving *s)
{
	char path[4096];
	const char *slash = strrchr(s->store->path, '/');
	s->base = slash ? slash + 1 : s->store->path;
	size_t len = slash ? (size_t)(slash - s->store->path) : 0;
	if (!s->base[0] || strlen(s->base) > 200 || len >= sizeof(path)) {
		errno = EINVAL;
		return fail(s, "as", "the name of a file");
	}
	snprintf(path, sizeof(path), "%.*s%s", (int)len, s->store->path,
		 len ? "" : (slash ? "/" : "."));
	snprintf(s->temporary, sizeof(s->temporary), ".%s.new", s->base);
	s->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dir < 0)
		return fail(s, "opening", path);
	/* One at a time: both would have the same temporary. It ends with the descriptor. */
	if (flock(s->dir, LOCK_EX | LOCK_NB))
		return config_refuse(
			s->why, EBUSY,
			"Could not save %.200s: another process saves into %.160s; try "
			"again when it has finished",
			s->store->path, path);
	return 0;
}

/* ---- steps ---- */

static int write_temporary(struct saving *s, const void *text, size_t len)
{
	step(s, "temporary");
	/* What a save that was killed has left. */
	if (unlinkat(s->dir, s->temporary, 0) && errno != ENOENT)
		return fail(s, "removing", s->temporary);
	CLEANUP(fd)
	int fd = openat(s->dir, s->temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			0600);
	if (fd < 0)
		return fail(s, "making", s->temporary);
	step(s, "write");
	if (fd_write_all(fd, text, len / 2))
		return fail(s, "writing", s->temporary);
	step(s, "write more");
	if (fd_write_all(fd, (const char *)text + len / 2, len - len / 2))
		return fail(s, "writing", s->temporary);
	step(s, "sync");
	if (fsync(fd))
		return fail(s, "writing", s->temporary);
	return 0;
}

static int open_backups(struct saving *s)
{
	if (mkdirat(s->dir, BACKUP_DIR, 0700) && errno != EEXIST)
		return fail(s, "making", BACKUP_DIR);
	s->backups = openat(s->dir, BACKUP_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return s->backups < 0 ? fail(s, "opening", BACKUP_DIR) : 0;
}

/* A second name for the old file: no bytes are copied, so none can be missing. */
static int keep_old(struct saving *s)
{
	struct stat st;
	if (!s->store->keep || fstatat(s->dir, s->base, &st, AT_SYMLINK_NOFOLLOW) ||
	    !S_ISREG(st.st_mode))
		return 0;
	step(s, "backup");
	int err = open_backups(s);
	for (unsigned n = 0; !err && n < 1000; n++) {
		backup_name(s, n);
		if (!linkat(s->dir, s->base, s->backups, s->backup, 0)) {
			step(s, "sync backup");
			return fsync(s->backups) ? fail(s, "keeping", s->backup) : 0;
		}
		if (errno != EEXIST)
			return fail(s, "keeping", s->backup);
	}
	return err ? err : fail(s, "keeping", s->backup);
}

static int put_in_place(struct saving *s)
{
	step(s, "rename");
	if (renameat(s->dir, s->temporary, s->dir, s->base))
		return fail(s, "renaming", s->temporary);
	step(s, "sync directory");
	if (fsync(s->dir)) {
		int err = errno;
		return config_refuse(s->why, err,
				     "%.200s is saved, but may not outlive a power cut: %s",
				     s->store->path, strerror(err));
	}
	return 0;
}

/* ---- old backups ---- */

static bool is_backup(const struct saving *s, const char *name)
{
	size_t stem = stem_length(s->base), end = strlen(s->base + stem), len = strlen(name);
	size_t date = strlen("-20261124-225107-000");
	return len == stem + date + end && !memcmp(name, s->base, stem) && name[stem] == '-' &&
	       !strcmp(name + stem + date, s->base + stem);
}

/* The oldest backup of this file, and how many there are. */
static unsigned find_oldest(const struct saving *s, char oldest[NAME_SIZE])
{
	unsigned count = 0;
	int fd = openat(s->backups, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (!dir) {
		if (fd >= 0)
			close(fd);
		return 0;
	}
	struct dirent *entry;
	while ((entry = readdir(dir))) {
		if (!is_backup(s, entry->d_name))
			continue;
		if (!count++ || strcmp(entry->d_name, oldest) < 0)
			snprintf(oldest, NAME_SIZE, "%s", entry->d_name);
	}
	closedir(dir);
	return count;
}

/* A backup too many does no harm: failures are not told. */
static void drop_oldest(struct saving *s)
{
	char oldest[NAME_SIZE];
	while (s->backups >= 0 && find_oldest(s, oldest) > s->store->keep) {
		step(s, "drop backup");
		if (unlinkat(s->backups, oldest, 0))
			return;
	}
}

/* ---- writing ---- */

static bool is_like(const struct saving *s, const void *text, size_t len)
{
	struct stat st;
	char chunk[16384];
	const char *p = text;
	CLEANUP(fd)
	int fd = openat(s->dir, s->base, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode) || (size_t)st.st_size != len ||
	    (st.st_mode & 07777) != 0600)
		return false;
	while (len) {
		ssize_t n = read(fd, chunk, MIN(len, sizeof(chunk)));
		if (n <= 0 || memcmp(chunk, p, (size_t)n))
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

static int save(struct saving *s, const void *text, size_t len)
{
	int err = open_directory(s);
	if (err || is_like(s, text, len))
		return err;
	err = write_temporary(s, text, len);
	if (!err)
		err = keep_old(s);
	if (!err)
		err = put_in_place(s);
	else
		(void)unlinkat(s->dir, s->temporary, 0);
	if (!err)
		drop_oldest(s);
	return err;
}

int config_store_write(const struct config_store *store, const void *text, size_t len,
		       struct config_why *why)
{
	struct saving s = {.store = store, .why = why, .dir = -1, .backups = -1};
	int err = save(&s, text, len);
	cleanup_fd(&s.backups);
	cleanup_fd(&s.dir);
	return err;
}

/* ---- reading ---- */

int config_store_read(const char *path, struct buf *out, struct config_why *why)
{
	struct stat st = {0};
	/* Whoever names a pipe is not waited for. */
	CLEANUP(fd) int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	int err = fd < 0 || fstat(fd, &st) ? -errno : 0;
	if (err == -ENOENT)
		return config_refuse(why, ENOENT, "Restore file %.300s not found", path);
	if (!err && !S_ISREG(st.st_mode))
		return config_refuse(
			why, EINVAL,
			"Could not read %.300s: it is not a regular file; name a saved "
			"configuration",
			path);
	if (!err)
		err = fd_read_all(fd, out);
	if (err)
		return config_refuse(why, -err, "Could not read %.300s: %s", path, strerror(-err));
	return 0;
}

int config_make_dirs(char *path, mode_t last)
{
	for (char *p = path + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = 0;
		mkdir(path, 0755);
		*p = '/';
	}
	return mkdir(path, last) && errno != EEXIST ? -errno : 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "records/store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include "records/priv.h"

#define LOCK_FILE ".lock"
#define TURN_MS   10 /* between two looks at a lock that is taken */

void store_say(struct records *db, const char *fmt, ...)
{
	char line[CONFIG_WHY_SIZE];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	record_say(&db->options.say, "%s", line);
}

int store_skip(struct records *db, int err, const struct config_why *why)
{
	if (err == -ENOMEM)
		return err;
	/* Deleted by somebody else since its name was seen. */
	if (err != -ENOENT)
		store_say(db, "%s", why->text);
	return 0;
}

int records_open(struct records *db, const struct records_options *options, struct config_why *why)
{
	*db = (struct records){.options = *options, .root = -1, .lock = -1};
	if (options->root[0] != '/' || strlen(options->root) >= sizeof(db->path))
		return config_refuse(why, EINVAL,
				     "\"%.60s\" is not a directory's path from the root, such as "
				     "/etc/iscsi",
				     options->root);
	snprintf(db->path, sizeof(db->path), "%s", options->root);
	/* Others must not look at records: there are secrets in them. */
	if (options->create && mkdir(db->path, 0700) && errno != EEXIST)
		return config_refuse(why, errno, "Could not make %s: %s", db->path,
				     strerror(errno));
	db->root = open(db->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (db->root < 0)
		return config_refuse(why, errno, "Could not open %s: %s", db->path,
				     strerror(errno));
	return 0;
}

void records_close(struct records *db)
{
	if (!db->path[0])
		return;
	cleanup_fd(&db->lock);
	cleanup_fd(&db->root);
	*db = (struct records){.root = -1, .lock = -1};
}

/* ---- the lock ---- */

static int64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Of the open file, not of the process: so threads and forks do not lose it to each other. */
static int try_lock(int fd)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	return fcntl(fd, F_OFD_SETLK, &lock) ? -errno : 0;
}

/* Such a lock does not tell whose it is: who has it writes that into the file. */
static void sign(int fd)
{
	char text[64];
	int n = snprintf(text, sizeof(text), "%d %.40s\n", (int)getpid(),
			 program_invocation_short_name);
	if (ftruncate(fd, 0) || write(fd, text, (size_t)n) != n)
		return;
}

static void holder(int fd, char out[64])
{
	char text[64] = "";
	int pid = 0;
	char name[44] = "";
	(void)lseek(fd, 0, SEEK_SET);
	ssize_t n = read(fd, text, sizeof(text) - 1);
	if (n > 0 && sscanf(text, "%d %40[^\n]", &pid, name) == 2)
		snprintf(out, 64, "%s, process %d", name, pid);
	else
		snprintf(out, 64, "another process");
}

static int wait_for_lock(struct records *db, int fd, struct config_why *why)
{
	const struct timespec turn = {0, TURN_MS * 1000000L};
	int64_t end = now_ms() + db->options.wait_ms;
	char who[64];
	int err;
	while ((err = try_lock(fd)) == -EAGAIN || err == -EACCES) {
		if (now_ms() >= end) {
			holder(fd, who);
			return config_refuse(
				why, EBUSY,
				"The records in %s are locked by %s; try again when it "
				"has finished",
				db->path, who);
		}
		nanosleep(&turn, NULL);
	}
	if (err)
		return config_refuse(why, -err, "Could not lock the records in %s: %s", db->path,
				     strerror(-err));
	return 0;
}

int records_lock(struct records *db, struct config_why *why)
{
	if (db->options.read_only)
		return config_refuse(why, EROFS, "The records in %s are only read", db->path);
	if (db->locked) {
		db->locked++;
		return 0;
	}
	int fd = openat(db->root, LOCK_FILE, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return config_refuse(why, errno, "Could not lock the records in %s: %s", db->path,
				     strerror(errno));
	int err = wait_for_lock(db, fd, why);
	if (err) {
		close(fd);
		return err;
	}
	sign(fd);
	db->lock = fd;
	db->locked = 1;
	return 0;
}

void records_unlock(struct records *db)
{
	if (!db->locked || --db->locked)
		return;
	cleanup_fd(&db->lock);
	db->lock = -1;
}

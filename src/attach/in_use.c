/* SPDX-License-Identifier: BSD-2-Clause */
#include "attach/in_use.h"

#include <ctype.h>
#include <dirent.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "common/cleanup.h"
#include "common/log.h"

#define NAME 64
#define PATH 512

const struct in_use_roots in_use_system = {"/proc", "/sys"};

struct search {
	const struct in_use_roots *roots;
	const char *disk; /* its name in sysfs */
	char *out;
	size_t size, len;
	unsigned count;
};

static void found(struct search *s, const char *fmt, ...) PRINTF(2, 3);
static void found(struct search *s, const char *fmt, ...)
{
	va_list ap;
	if (s->count++)
		s->len += (size_t)snprintf(s->out + s->len, s->size - s->len, ", ");
	s->len = MIN(s->len, s->size - 1);
	va_start(ap, fmt);
	s->len += (size_t)vsnprintf(s->out + s->len, s->size - s->len, fmt, ap);
	va_end(ap);
	s->len = MIN(s->len, s->size - 1);
}

/* A line of a small file, without its end; false: there is none. */
static bool read_line(char *out, size_t size, const char *fmt, ...) PRINTF(3, 4);
static bool read_line(char *out, size_t size, const char *fmt, ...)
{
	char path[PATH];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	FILE *f = fopen(path, "re");
	bool there = f && fgets(out, (int)size, f);
	if (f)
		fclose(f);
	if (there)
		out[strcspn(out, "\n")] = 0;
	return there;
}

/* Whether `name` is the disk or a partition: "loop3", "loop3p1", "sda2". */
static bool is_of_disk(const struct search *s, const char *name)
{
	char path[PATH];
	if (!strcmp(name, s->disk))
		return true;
	snprintf(path, sizeof(path), "%s/block/%s/%s", s->roots->sys, s->disk, name);
	return name[0] && !strchr(name, '/') && !access(path, F_OK);
}

static bool is_path_of_disk(const struct search *s, const char *path)
{
	return !strncmp(path, "/dev/", 5) && is_of_disk(s, path + 5);
}

static bool has_number(const struct search *s, const char *number)
{
	char path[PATH], line[NAME];
	if (read_line(line, sizeof(line), "%s/block/%s/dev", s->roots->sys, s->disk) &&
	    !strcmp(line, number))
		return true;
	snprintf(path, sizeof(path), "%s/block/%s", s->roots->sys, s->disk);
	DIR *dir = opendir(path);
	bool has = false;
	for (struct dirent *e; dir && !has && (e = readdir(dir));)
		has = !strncmp(e->d_name, s->disk, strlen(s->disk)) &&
		      read_line(line, sizeof(line), "%s/%s/dev", path, e->d_name) &&
		      !strcmp(line, number);
	if (dir)
		closedir(dir);
	return has;
}

/* "36 35 98:0 / /mnt rw,noatime - ext4 /dev/loop3 rw": some file systems have a number of their own, and only
 * name the device. */
static void look_for_mounts(struct search *s)
{
	char path[PATH], line[4096], number[NAME], where[1024], source[1024], safe[1024];
	snprintf(path, sizeof(path), "%s/self/mountinfo", s->roots->proc);
	CLEANUP(file) FILE *f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		const char *rest = strstr(line, " - ");
		if (sscanf(line, "%*s %*s %63s %*s %1023s", number, where) != 2 || !rest ||
		    sscanf(rest, " - %*s %1023s", source) != 1)
			continue;
		if (has_number(s, number) || is_path_of_disk(s, source))
			found(s, "mounted on %s",
			      log_safe(safe, sizeof(safe), where, strlen(where)));
	}
}

static void look_for_swap(struct search *s)
{
	char path[PATH], line[1024], name[512];
	snprintf(path, sizeof(path), "%s/swaps", s->roots->proc);
	CLEANUP(file) FILE *f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%511s", name) == 1 && is_path_of_disk(s, name))
			found(s, "swap");
}

/* Devices that stand on it: dm, md, bcache. Device mapper has a better name for its own. */
static void look_for_holders(struct search *s, const char *device)
{
	char path[PATH], name[128];
	snprintf(path, sizeof(path), "%s/block/%s/holders", s->roots->sys, device);
	DIR *dir = opendir(path);
	for (struct dirent *e; dir && (e = readdir(dir));) {
		if (e->d_name[0] == '.')
			continue;
		bool dm = read_line(name, sizeof(name), "%s/%s/dm/name", path, e->d_name);
		found(s, "held by %s%s%s%s", e->d_name, dm ? " (" : "", dm ? name : "",
		      dm ? ")" : "");
	}
	if (dir)
		closedir(dir);
}

static void look_for_all_holders(struct search *s)
{
	char path[PATH], partition[PATH];
	look_for_holders(s, s->disk);
	snprintf(path, sizeof(path), "%s/block/%s", s->roots->sys, s->disk);
	DIR *dir = opendir(path);
	for (struct dirent *e; dir && (e = readdir(dir));) {
		if (strncmp(e->d_name, s->disk, strlen(s->disk)))
			continue;
		snprintf(partition, sizeof(partition), "%s/%.200s", s->disk, e->d_name);
		look_for_holders(s, partition);
	}
	if (dir)
		closedir(dir);
}

static bool process_has_it_open(const struct search *s, const char *pid)
{
	char path[PATH], entry[PATH + 300], target[PATH];
	snprintf(path, sizeof(path), "%s/%.20s/fd", s->roots->proc, pid);
	DIR *dir = opendir(path);
	bool has = false;
	for (struct dirent *e; dir && !has && (e = readdir(dir));) {
		snprintf(entry, sizeof(entry), "%s/%s", path, e->d_name);
		ssize_t n = readlink(entry, target, sizeof(target) - 1);
		if (n <= 0)
			continue;
		target[n] = 0;
		has = is_path_of_disk(s, target);
	}
	if (dir)
		closedir(dir);
	return has;
}

/* All there is to be said of the ordinary case; what holds it in the kernel has been said. */
static void look_for_processes(struct search *s)
{
	char name[NAME], self[NAME];
	snprintf(self, sizeof(self), "%d", (int)getpid());
	DIR *dir = opendir(s->roots->proc);
	for (struct dirent *e; dir && (e = readdir(dir));) {
		if (!isdigit((unsigned char)e->d_name[0]) || !strcmp(e->d_name, self) ||
		    !process_has_it_open(s, e->d_name))
			continue;
		bool known =
			read_line(name, sizeof(name), "%s/%.20s/comm", s->roots->proc, e->d_name);
		found(s, "open in process %.20s%s%s%s", e->d_name, known ? " (" : "",
		      known ? name : "", known ? ")" : "");
	}
	if (dir)
		closedir(dir);
}

unsigned in_use_by(const struct in_use_roots *roots, const char *device, char *out, size_t size)
{
	const char *slash = strrchr(device, '/');
	struct search s = {roots, slash ? slash + 1 : device, out, size, 0, 0};
	out[0] = 0;
	look_for_mounts(&s);
	look_for_swap(&s);
	look_for_all_holders(&s);
	look_for_processes(&s);
	return s.count;
}

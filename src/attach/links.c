/* SPDX-License-Identifier: BSD-2-Clause */
#include "attach/links.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "common/cleanup.h"

#define PATH 1024

static const char *const directories[] = {"by-path/", "by-id/"};

/* --- names */

/* What udev lets stand in a link's name; anything else becomes "_", "/" too, which a target chooses. */
static void put_safe(char *out, size_t size, const char *text)
{
	size_t n = strlen(out);
	for (; *text && n + 1 < size; text++)
		out[n++] = isalnum((unsigned char)*text) || strchr("#+-.:=@_", *text) ? *text : '_';
	out[n] = 0;
}

int links_by_path(char *out, size_t size, const char *address, uint16_t port, const char *target,
		  uint64_t lun)
{
	char name[PATH];
	/* LUNs that are not of the simplest form are shown as eight bytes. */
	if (lun < 256)
		snprintf(name, sizeof(name), "ip-%s:%u-iscsi-%.512s-lun-%u", address, port, target,
			 (unsigned)lun);
	else
		snprintf(name, sizeof(name), "ip-%s:%u-iscsi-%.512s-lun-0x%04x%04x00000000",
			 address, port, target, (unsigned)(lun & 0xffff),
			 (unsigned)(lun >> 16 & 0xffff));
	if (snprintf(out, size, "by-path/") < 0 || strlen(out) + strlen(name) >= size)
		return -ENAMETOOLONG;
	put_safe(out, size, name);
	return 0;
}

int links_by_id(char *scsi, char *wwn, size_t size, const char *wwid)
{
	scsi[0] = wwn[0] = 0;
	if (!wwid[0])
		return 0;
	if (strlen(wwid) + sizeof("by-id/wwn-0x") > size)
		return -ENAMETOOLONG;
	snprintf(scsi, size, "by-id/scsi-");
	put_safe(scsi, size, wwid);
	if (wwid[0] != '3') /* NAA; others are no WWN to udev */
		return 0;
	snprintf(wwn, size, "by-id/wwn-0x");
	put_safe(wwn, size, wwid + 1);
	return 0;
}

bool links_good_name(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(directories); i++) {
		size_t n = strlen(directories[i]);
		if (strncmp(name, directories[i], n))
			continue;
		const char *rest = name + n;
		for (const char *p = rest; *p; p++)
			if (!isalnum((unsigned char)*p) && !strchr("#+-.:=@_", *p))
				return false;
		return rest[0] && rest[0] != '.';
	}
	return false;
}

/* --- links */

/* What it leads to: 0; -ENOENT: there is no such name; -EINVAL: it is no link. */
static int read_link(const char *path, char *out, size_t size)
{
	ssize_t n = readlink(path, out, size - 1);
	if (n < 0)
		return -errno;
	out[n] = 0;
	return 0;
}

/* "/dev/loop3" seen from /dev/disk/by-path. */
static void target_of(char *out, size_t size, const char *device)
{
	snprintf(out, size, "../../%s", strncmp(device, "/dev/", 5) ? device : device + 5);
}

static int make_directories(const char *dev, const char *name)
{
	char path[PATH];
	const char *slash = strchr(name, '/');
	const int lengths[] = {0, (int)(slash - name) + 1};
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		int n = snprintf(path, sizeof(path), "%s/disk/%.*s", dev, lengths[i], name);
		if (n < 0 || (size_t)n >= sizeof(path))
			return -ENAMETOOLONG;
		if (mkdir(path, 0755) && errno != EEXIST)
			return -errno;
	}
	return 0;
}

static int make(const char *path, const char *target)
{
	char there[PATH];
	if (!symlink(target, path))
		return 0;
	if (errno != EEXIST)
		return -errno;
	int err = read_link(path, there, sizeof(there));
	if (!err && !strcmp(there, target))
		return 0;
	/* What somebody has left behind leads nowhere. */
	if (err || !access(path, F_OK))
		return -EEXIST;
	if (unlink(path) || symlink(target, path))
		return -errno;
	return 0;
}

int links_make(const char *dev, const char *name, const char *device, char *why, size_t why_size)
{
	char path[PATH], target[PATH], there[PATH] = "";
	int n = snprintf(path, sizeof(path), "%s/disk/%s", dev, name);
	target_of(target, sizeof(target), device);
	int err = n < 0 || (size_t)n >= sizeof(path) ? -ENAMETOOLONG : make_directories(dev, name);
	if (!err)
		err = make(path, target);
	if (err == -EEXIST && !read_link(path, there, sizeof(there)))
		snprintf(why, why_size, "%.300s is there already and leads to %.100s", path, there);
	else if (err)
		snprintf(why, why_size, "%.300s: %s", path, strerror(-err));
	return err;
}

void links_remove(const char *dev, const char *name, const char *device)
{
	char path[PATH], target[PATH], there[PATH];
	int n = snprintf(path, sizeof(path), "%s/disk/%s", dev, name);
	target_of(target, sizeof(target), device);
	if (n > 0 && (size_t)n < sizeof(path) && !read_link(path, there, sizeof(there)) &&
	    !strcmp(there, target))
		unlink(path);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* What the block layer tells of a device, and what happens when a store goes away and returns. */
#include "backstore/priv.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/sysmacros.h>

#define RETRY_INTERVAL NSEC_PER_SEC
/* Until somebody else has opened it. */
#define ANSWER_INTERVAL (20 * NSEC_PER_MSEC)

/* A line from the device's directory, printable and without blanks at its end. 0 or -errno. */
static int device_attribute(struct disk *d, const struct file_info *info, const char *name,
			    char *out, size_t size)
{
	char path[96];
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/%s", major(info->device),
		 minor(info->device), name);
	ssize_t len = file_load(d->bs.reactor, path, out, size - 1);
	if (len < 0)
		return (int)len;
	while (len && (uint8_t)out[len - 1] <= ' ')
		len--;
	out[len] = 0;
	for (char *p = out; *p; p++)
		if ((uint8_t)*p < ' ' || *p == 0x7f)
			*p = '?';
	return len ? 0 : -ENODATA;
}

/* Of a partition, the attribute of its disk. */
static bool hardware_attribute(struct disk *d, const struct file_info *info, bool partition,
			       const char *name, char *out, size_t size)
{
	char path[64];
	snprintf(path, sizeof(path), "%s%s", partition ? "../" : "", name);
	return name[0] && !device_attribute(d, info, path, out, size);
}

void disk_hardware(struct disk *d, const struct file_info *info, char out[HARDWARE_SIZE])
{
	/* SCSI and NVMe; device mapper; MD; virtio; MMC; a loop device is what it loops to. */
	static const struct {
		const char *name, *more;
	} known[] = {
		{"wwid", ""},
		{"device/wwid", ""},
		{"dm/uuid", ""},
		{"md/uuid", ""},
		{"serial", ""},
		{"device/cid", ""},
		{"loop/backing_file", "loop/offset"},
	};
	char value[160], more[32], part[16];
	out[0] = 0;
	if (info->kind != FILE_BLOCK)
		return;
	bool partition = !device_attribute(d, info, "partition", part, sizeof(part));
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (!hardware_attribute(d, info, partition, known[i].name, value, sizeof(value)))
			continue;
		bool has_more =
			hardware_attribute(d, info, partition, known[i].more, more, sizeof(more));
		snprintf(out, HARDWARE_SIZE, "%s %s%s%s%s%s", known[i].name, value,
			 has_more ? " at " : "", has_more ? more : "",
			 partition ? " partition " : "", partition ? part : "");
		return;
	}
}

/* A number from the request queue's directory; a partition has that of its disk. */
static int queue_attribute(struct disk *d, const char *name, uint64_t *value)
{
	static const char *const dirs[] = {"queue", "../queue"};
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		char path[64], text[32];
		snprintf(path, sizeof(path), "%s/%s", dirs[i], name);
		if (device_attribute(d, &d->info, path, text, sizeof(text)))
			continue;
		char *stop;
		*value = strtoull(text, &stop, 10);
		return stop == text ? -EINVAL : 0;
	}
	return -ENOENT;
}

void disk_probe_queue(struct disk *d)
{
	uint64_t value;
	if (!queue_attribute(d, "rotational", &value))
		d->bs.rotational = value;
	if (d->info.kind != FILE_BLOCK)
		return;
	/*
	 * A discard promises nothing of what is read afterwards. PUNCH_HOLE does, and the kernel
	 * offers it for devices that have a command to write zeroes.
	 */
	if (!queue_attribute(d, "write_zeroes_max_bytes", &value) && !value) {
		d->can_punch = false;
		d->bs.unmap_granularity = 0;
	} else if (!queue_attribute(d, "discard_granularity", &value) && value <= UINT32_MAX) {
		d->bs.unmap_granularity = (uint32_t)value;
	}
}

static bool means_gone(struct disk *d, int err)
{
	static const int gone[] = {-ENODEV, -ENXIO, -ENOMEDIUM, -ESTALE};
	struct file_info info;
	for (size_t i = 0; i < ARRAY_SIZE(gone); i++) {
		if (err == gone[i])
			return true;
	}
	/* A disk that was pulled answers with plain errors, and has no size any more. */
	return d->info.kind == FILE_BLOCK &&
	       (file_info(d->bs.reactor, d->file, &info) || !info.size);
}

static void set_missing(struct disk *d, bool missing)
{
	d->bs.missing = missing;
	if (d->bs.state_changed)
		d->bs.state_changed(&d->bs, d->bs.state_ctx);
}

bool disk_check_gone(struct disk *d, int err)
{
	if (d->bs.missing)
		return true;
	if (!means_gone(d, err))
		return false;
	log_warning(
		reactor_log(d->bs.reactor),
		"%s has gone (%s); it is looked for every second and used again when it returns",
		d->bs.path, strerror(-err));
	timer_set(d->bs.reactor, &d->retry, reactor_now(d->bs.reactor) + RETRY_INTERVAL);
	set_missing(d, true);
	return true;
}

void disk_release(struct disk *d)
{
	if (!d->bs.missing || d->busy || d->file < 0)
		return;
	disk_close_handle(d);
}

/* By what the kernel and its attribute say; the opener, if it is not us, has looked. */
static bool is_itself(struct disk *d, int file, const struct file_info *info)
{
	char id[33], hardware[HARDWARE_SIZE];
	if (d->opener)
		return true;
	disk_hardware(d, info, hardware);
	if (strcmp(hardware, d->hardware))
		return false;
	return !d->has_id || (!identity_attribute(d->bs.reactor, file, id) && !strcmp(id, d->id));
}

/* Whether it can be what we had. It may have grown meanwhile; what is cut off may have been data. */
static bool is_same(struct disk *d, int file, const struct file_info *info, char *why,
		    size_t why_size)
{
	if (info->kind != d->info.kind || info->logical_block != d->info.logical_block ||
	    !is_itself(d, file, info)) {
		bs_why(why, why_size, 0, "%s is another one now, and is not used", d->bs.path);
		return false;
	}
	if (info->size < d->info.size) {
		bs_why(why, why_size, 0,
		       "%s is back with %" PRIu64 " bytes instead of %" PRIu64
		       ", and is not used: give it its size back, or serve it anew",
		       d->bs.path, info->size, d->info.size);
		return false;
	}
	return true;
}

static int let_open(struct disk *d, struct file_info *info, char *why, size_t why_size)
{
	int file = d->opener->open(d->opener, why, why_size);
	int err = file < 0 ? file : file_info(d->bs.reactor, file, info);
	if (err && file >= 0)
		file_close(d->bs.reactor, file);
	return err ? err : file;
}

/* Opens what the path names now. The handle, or -errno with `why`. */
static int open_again(struct disk *d, struct file_info *info, char *why, size_t why_size)
{
	int file = d->opener ? let_open(d, info, why, why_size) : disk_open(d, info, why, why_size);
	if (file < 0 || is_same(d, file, info, why, why_size))
		return file;
	file_close(d->bs.reactor, file);
	return -EEXIST;
}

int bs_open_again(struct backstore *bs, char *why, size_t why_size)
{
	struct file_info info;
	if (!is_disk(bs))
		return bs_why(why, why_size, -EINVAL, "memory is not opened");
	struct disk *d = to_disk(bs);
	int file = open_again(d, &info, why, why_size);
	if (file >= 0)
		d->info = info;
	return file;
}

/* Once, and again when it is another reason. */
static void log_why(struct disk *d, const char *why)
{
	if (!strcmp(why, d->retry_why))
		return;
	snprintf(d->retry_why, sizeof(d->retry_why), "%s", why);
	log_warning(reactor_log(d->bs.reactor), "%s", why);
}

void disk_retry(struct timer *t)
{
	struct disk *d = container_of(t, struct disk, retry);
	struct file_info info;
	char why[sizeof(d->retry_why)] = "";
	/* Our own lock on the old one would be in the way. */
	int file = d->file >= 0 ? -EBUSY : open_again(d, &info, why, sizeof(why));
	if (file < 0) {
		if (why[0])
			log_why(d, why);
		timer_set(d->bs.reactor, &d->retry,
			  reactor_now(d->bs.reactor) +
				  (file == -EINPROGRESS ? ANSWER_INTERVAL : RETRY_INTERVAL));
		return;
	}
	d->info = info;
	disk_set_size(d, info.size);
	d->retry_why[0] = 0;
	d->file = file;
	bool lost = d->written != d->flushed;
	d->bs.lost_generation += lost;
	d->flushed = d->written;
	d->bs.dirty = !d->opt.readonly;
	d->bs.sync_error = 0;
	log_warning(reactor_log(d->bs.reactor), "%s is back%s", d->bs.path,
		    lost ? "; what was written and not flushed may be lost" : "");
	set_missing(d, false);
}

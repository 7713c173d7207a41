/* SPDX-License-Identifier: BSD-2-Clause */
/* A loop device on the disk that a FUSE connection shows. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "attach/rights_priv.h"

#define TRIES        64 /* others look for a free one, too */
#define GONE_MS      5000
#define GONE_LOOK_MS 20

static int open_device(const struct rights_slot *s, int flags)
{
	int fd = open(s->path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* Whether it is ours still. Anybody with rights can take a loop device from another. */
static bool is_ours(const struct rights_slot *s, int fd)
{
	struct loop_info64 info;
	return !ioctl(fd, LOOP_GET_STATUS64, &info) && info.lo_device == s->fuse_dev;
}

static int configure(int device, int file, const struct rights_order *o)
{
	struct loop_config config = {
		.fd = (uint32_t)file,
		.block_size = o->block,
		.info = {.lo_flags = LO_FLAGS_DIRECT_IO | LO_FLAGS_PARTSCAN |
				     (o->read_only ? LO_FLAGS_READ_ONLY : 0)},
	};
	snprintf((char *)config.info.lo_file_name, sizeof(config.info.lo_file_name), "lunar:%.57s",
		 o->name);
	return ioctl(device, LOOP_CONFIGURE, &config) ? -errno : 0;
}

/* 1: somebody else was faster. */
static int take_free(struct rights_slot *s, int control, int file, const struct rights_order *o,
		     struct rights_answer *answer)
{
	int n = ioctl(control, LOOP_CTL_GET_FREE);
	if (n < 0)
		return rights_fail(answer, -errno, "no free loop device");
	s->number = (uint32_t)n;
	snprintf(s->path, sizeof(s->path), "/dev/loop%d", n);
	CLEANUP(fd) int device = open_device(s, o->read_only ? O_RDONLY : O_RDWR);
	if (device < 0)
		return rights_fail(answer, device, "opening %s%s", s->path,
				   device == -ENOENT ? " (is /dev a devtmpfs?)" : "");
	int err = configure(device, file, o);
	if (err == -EBUSY)
		return 1;
	return err ? rights_fail(answer, err, "%s", s->path) : 0;
}

static int loop_change(struct rights_slot *s, const struct rights_order *o,
		       struct rights_answer *answer)
{
	struct stat st;
	int read_only = o->read_only;
	CLEANUP(fd) int device = open_device(s, O_RDONLY);
	if (device < 0)
		return rights_fail(answer, device, "opening %s", s->path);
	if (!is_ours(s, device))
		return rights_fail(answer, -ENODEV, "%s is not ours any more", s->path);
	/* Older kernels take the size that was last asked for. */
	if (fstatat(s->mount, "disk", &st, 0) || ioctl(device, LOOP_SET_CAPACITY))
		return rights_fail(answer, -errno, "the size of %s", s->path);
	if (ioctl(device, BLKROSET, &read_only))
		return rights_fail(answer, -errno, "read-only of %s", s->path);
	return 0;
}

static void wait_a_little(void)
{
	const struct timespec ts = {.tv_nsec = GONE_LOOK_MS * 1000000L};
	nanosleep(&ts, NULL);
}

/* The kernel ends it with the last who has it open; udev and its like have so for a moment. */
static bool wait_until_gone(const struct rights_slot *s)
{
	for (int ms = 0; ms < GONE_MS; ms += GONE_LOOK_MS) {
		int device = open_device(s, O_RDONLY);
		bool ours = device >= 0 && is_ours(s, device);
		if (device >= 0)
			close(device);
		if (!ours)
			return true;
		wait_a_little();
	}
	return false;
}

/* It will not go with the last who closes it after all. */
static void keep_it(const struct rights_slot *s)
{
	struct loop_info64 info;
	CLEANUP(fd) int device = open_device(s, O_RDONLY);
	if (device < 0 || !is_ours(s, device) || ioctl(device, LOOP_GET_STATUS64, &info))
		return;
	info.lo_flags &= ~(uint32_t)LO_FLAGS_AUTOCLEAR;
	if (ioctl(device, LOOP_SET_STATUS64, &info))
		return;
}

static int loop_stop(struct rights_slot *s, const struct rights_order *o,
		     struct rights_answer *answer)
{
	int err = o->force ? 0 : rights_check_unused(s, answer);
	if (err)
		return err;
	int device = open_device(s, O_RDONLY);
	if (device < 0 || !is_ours(s, device)) {
		if (device >= 0)
			close(device);
		return 0; /* somebody has ended it already */
	}
	err = o->force ? rights_fuse_abort(s, answer) : 0;
	if (!err && ioctl(device, LOOP_CLR_FD))
		err = rights_fail(answer, -errno, "ending %s", s->path);
	close(device);
	if (err)
		return err;
	if (o->force || wait_until_gone(s))
		return 0;
	keep_it(s);
	err = rights_check_unused(s, answer);
	return err ? err : rights_fail(answer, -EBUSY, "%s does not end", s->path);
}

/* What it is on has no name: the file of a file system that is mounted nowhere. The device itself is not asked while
 * nobody serves, for it may ask the disk. */
static bool loop_is_there(const struct rights_slot *s)
{
	char name[64], file[8] = "";
	snprintf(name, sizeof(name), "/sys/block/loop%u/loop/backing_file", s->number);
	CLEANUP(fd) int fd = open(name, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, file, sizeof(file) - 1);
	return n > 0 && !strcmp(file, "/disk\n");
}

const struct rights_device rights_loop_device = {
	.kind = "loop", .is_there = loop_is_there, .change = loop_change, .stop = loop_stop};

int rights_loop_start(struct rights_slot *s, const struct rights_order *o,
		      struct rights_answer *answer)
{
	struct stat st;
	if (s->mount < 0 || s->device)
		return rights_fail(answer, -EINVAL, "a loop device needs FUSE first");
	CLEANUP(fd)
	int file = openat(s->mount, "disk", (o->read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
	if (file < 0 || fstat(file, &st))
		return rights_fail(answer, -errno, "opening the disk by FUSE");
	s->fuse_dev = st.st_dev;
	CLEANUP(fd) int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	if (control < 0)
		return rights_fail(answer, -errno, "opening /dev/loop-control");
	int err = 1;
	for (int i = 0; i < TRIES && err == 1; i++)
		err = take_free(s, control, file, o, answer);
	if (err)
		return err == 1 ? rights_fail(answer, -EBUSY, "no free loop device") : err;
	rights_set_rotational(s, o->rotational);
	s->device = &rights_loop_device;
	answer->number = s->number;
	snprintf(answer->path, sizeof(answer->path), "%s", s->path);
	return 0;
}

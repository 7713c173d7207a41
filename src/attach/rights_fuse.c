/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A connection to FUSE. It is mounted where no path leads to: nothing has to be unmounted, nobody else finds the
 * disk's content there, and it goes with the last descriptor.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "attach/rights_priv.h"

/* Descriptor of the mount, or -errno with the step that failed in `what`. */
static int mount_detached(const char *type, const char *const options[][2], size_t count,
			  const char **what)
{
	CLEANUP(fd) int fs = fsopen(type, FSOPEN_CLOEXEC);
	*what = "fsopen()";
	if (fs < 0)
		return -errno;
	*what = "fsconfig()";
	for (size_t i = 0; i < count; i++)
		if (fsconfig(fs, FSCONFIG_SET_STRING, options[i][0], options[i][1], 0))
			return -errno;
	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		return -errno;
	*what = "fsmount()";
	int mount = fsmount(fs, FSMOUNT_CLOEXEC,
			    MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	return mount < 0 ? -errno : mount;
}

static int pass_on(struct rights_slot *s, struct rights_answer *answer, int *file)
{
	*file = fcntl(s->fuse, F_DUPFD_CLOEXEC, 0);
	return *file < 0 ? rights_fail(answer, -errno, "/dev/fuse") : 0;
}

int rights_fuse_mount(struct rights_slot *s, struct rights_answer *answer, int *file)
{
	char number[16];
	const char *what;
	if (s->fuse >= 0 || s->device)
		return rights_fail(answer, -EEXIST, "there is something in this slot");
	/* Reads are made only when there is something to be read: see fuse_session.c. */
	s->fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (s->fuse < 0)
		return rights_fail(answer, -errno, "opening /dev/fuse");
	snprintf(number, sizeof(number), "%d", s->fuse);
	const char *const options[][2] = {
		{"source", "lunar"}, {"fd", number},    {"rootmode", "40000"},
		{"user_id", "0"},    {"group_id", "0"},
	};
	s->mount = mount_detached("fuse", options, ARRAY_SIZE(options), &what);
	int err = s->mount < 0 ? rights_fail(answer, s->mount, "FUSE: %s", what) : 0;
	if (!err)
		err = pass_on(s, answer, file);
	if (err)
		rights_fuse_close(s);
	return err;
}

/* Beside whatever else the slot has under way: that may wait for FUSE to be served, which needs this. */
int rights_fuse_kept(struct rights_holder *h, struct rights_slot *s, struct rights_answer *answer,
		     int *file)
{
	int err;
	pthread_mutex_lock(&h->lock);
	if (s->published && s->fuse >= 0) {
		answer->number = s->kept.number;
		snprintf(answer->path, sizeof(answer->path), "%s", s->kept.path);
		err = pass_on(s, answer, file);
	} else {
		err = rights_fail(answer, -ENOENT, "no connection to FUSE was kept");
	}
	pthread_mutex_unlock(&h->lock);
	return err;
}

/* By the file system that is for it, which need not be mounted anywhere. */
int rights_fuse_abort(struct rights_slot *s, struct rights_answer *answer)
{
	char name[48];
	const char *what;
	if (!s->fuse_dev)
		return 0; /* nothing waits for it yet */
	CLEANUP(fd) int control = mount_detached("fusectl", NULL, 0, &what);
	if (control < 0)
		return rights_fail(answer, control, "fusectl: %s", what);
	snprintf(name, sizeof(name), "%u/abort", minor(s->fuse_dev));
	CLEANUP(fd) int file = openat(control, name, O_WRONLY | O_CLOEXEC);
	if (file < 0)
		return errno == ENOENT ? 0 : rights_fail(answer, -errno, "fusectl: %s", name);
	return write(file, "1", 1) == 1 ? 0 : rights_fail(answer, -errno, "fusectl: %s", name);
}

void rights_fuse_close(struct rights_slot *s)
{
	if (s->mount >= 0)
		close(s->mount);
	if (s->fuse >= 0)
		close(s->fuse);
	s->mount = s->fuse = -1;
	s->fuse_dev = 0;
}

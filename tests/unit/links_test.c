/* SPDX-License-Identifier: BSD-2-Clause */
/* Names in /dev/disk: their form, whose they are, and who uses a device. In trees of our own. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "attach/in_use.h"
#include "attach/links.h"

struct rig {
	char dev[64], why[512];
};

static void command(const struct rig *rig, const char *what)
{
	char line[2048];
	snprintf(line, sizeof(line), "cd %s && { %s; }", rig->dev, what);
	assert_int_equal(system(line), 0); /* NOLINT: the words are ours */
}

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	snprintf(rig->dev, sizeof(rig->dev), "/tmp/lunar-links.XXXXXX");
	assert_non_null(mkdtemp(rig->dev));
	command(rig, "touch loop3 loop4");
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;
	command(rig, "rm -rf \"$PWD\"");
	free(rig);
	return 0;
}

static const char *leads_to(const struct rig *rig, const char *name, char out[256])
{
	char path[512];
	snprintf(path, sizeof(path), "%s/disk/%s", rig->dev, name);
	ssize_t n = readlink(path, out, 255);
	if (n < 0)
		return NULL;
	out[n] = 0;
	return out;
}

#define IQN "iqn.2026-01.test:disk"

static void names_are_those_of_udev(void **state)
{
	char a[256], b[256];
	assert_int_equal(links_by_path(a, sizeof(a), "192.0.2.7", 3260, IQN, 0), 0);
	assert_string_equal(a, "by-path/ip-192.0.2.7:3260-iscsi-" IQN "-lun-0");
	assert_int_equal(links_by_path(a, sizeof(a), "2001:db8::1", 3260, IQN, 255), 0);
	assert_string_equal(a, "by-path/ip-2001:db8::1:3260-iscsi-" IQN "-lun-255");
	assert_int_equal(links_by_path(a, sizeof(a), "::1", 3260, IQN, 0x4100), 0);
	assert_string_equal(a, "by-path/ip-::1:3260-iscsi-" IQN "-lun-0x4100000000000000");
	assert_int_equal(links_by_path(a, 40, "192.0.2.7", 3260, IQN, 0), -ENAMETOOLONG);
	assert_int_equal(links_by_id(a, b, sizeof(a), "36001405a1b2c3d4"), 0);
	assert_string_equal(a, "by-id/scsi-36001405a1b2c3d4");
	assert_string_equal(b, "by-id/wwn-0x6001405a1b2c3d4");
	assert_int_equal(links_by_id(a, b, sizeof(a), "1LUNAR disk/7"), 0);
	assert_string_equal(a, "by-id/scsi-1LUNAR_disk_7");
	assert_string_equal(b, "");
	assert_int_equal(links_by_id(a, b, sizeof(a), ""), 0);
	assert_string_equal(a, "");
}

/* A target chooses its name, and gets nowhere with it. */
static void names_stay_in_their_directory(void **state)
{
	char a[512];
	assert_int_equal(links_by_path(a, sizeof(a), "::1", 3260, "../../../etc/\x1b[2Jx\n y", 1),
			 0);
	assert_string_equal(a, "by-path/ip-::1:3260-iscsi-.._.._.._etc___2Jx__y-lun-1");
}

static void only_names_of_links_are_good(void **state)
{
	assert_true(links_good_name("by-path/ip-::1:3260-iscsi-" IQN "-lun-0"));
	assert_true(links_good_name("by-id/wwn-0x6001405a1b2c3d4"));
	static const char *const bad[] = {"",           "by-id/",    "by-id/..",
					  "by-id/../x", "/by-id/x",  "by-uuid/x",
					  "by-id/x y",  "by-id/x\n", "x"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(links_good_name(bad[i]));
}

static void links_are_made_and_removed(void **state)
{
	struct rig *rig = *state;
	char to[256];
	assert_int_equal(links_make(rig->dev, "by-id/scsi-1", "/dev/loop3", rig->why, 512), 0);
	assert_string_equal(leads_to(rig, "by-id/scsi-1", to), "../../loop3");
	/* Once more is fine. */
	assert_int_equal(links_make(rig->dev, "by-id/scsi-1", "/dev/loop3", rig->why, 512), 0);
	links_remove(rig->dev, "by-id/scsi-1", "/dev/loop4"); /* not his */
	assert_non_null(leads_to(rig, "by-id/scsi-1", to));
	links_remove(rig->dev, "by-id/scsi-1", "/dev/loop3");
	assert_null(leads_to(rig, "by-id/scsi-1", to));
}

static void what_is_somebody_elses_stays(void **state)
{
	struct rig *rig = *state;
	char to[256];
	command(rig, "mkdir -p disk/by-id && ln -s ../../loop4 disk/by-id/scsi-1 && echo x "
		     ">disk/by-id/file");
	assert_int_equal(links_make(rig->dev, "by-id/scsi-1", "/dev/loop3", rig->why, 512),
			 -EEXIST);
	assert_non_null(strstr(rig->why, "leads to ../../loop4"));
	assert_string_equal(leads_to(rig, "by-id/scsi-1", to), "../../loop4");
	assert_int_equal(links_make(rig->dev, "by-id/file", "/dev/loop3", rig->why, 512), -EEXIST);
	/* What leads nowhere is nobody's. */
	command(rig, "rm loop4");
	assert_int_equal(links_make(rig->dev, "by-id/scsi-1", "/dev/loop3", rig->why, 512), 0);
	assert_string_equal(leads_to(rig, "by-id/scsi-1", to), "../../loop3");
}

/* --- who uses a device */

static unsigned users(struct rig *rig, const char *device)
{
	char proc[128], sys[128];
	snprintf(proc, sizeof(proc), "%s/proc", rig->dev);
	snprintf(sys, sizeof(sys), "%s/sys", rig->dev);
	const struct in_use_roots roots = {proc, sys};
	return in_use_by(&roots, device, rig->why, sizeof(rig->why));
}

static void users_are_found(void **state)
{
	struct rig *rig = *state;
	command(rig, "mkdir -p proc/self proc/77/fd proc/78/fd"
		     " sys/block/loop3/loop3p1/holders sys/block/loop3/queue");
	assert_int_equal(users(rig, "/dev/loop3"), 0);
	assert_string_equal(rig->why, "");
	command(rig, "echo 7:3 >sys/block/loop3/dev; echo 259:1 >sys/block/loop3/loop3p1/dev;"
		     "mkdir -p sys/block/loop3/holders/dm-5/dm; echo data "
		     ">sys/block/loop3/holders/dm-5/dm/name;"
		     "ln -s /dev/loop3 proc/77/fd/5; echo fio >proc/77/comm; ln -s /dev/loop30 "
		     "proc/78/fd/5");
	command(rig,
		"{ echo '30 1 7:3 / /mnt/a\033b rw - ext4 /dev/loop3 rw';"
		"echo '31 1 259:1 / /mnt/p rw shared:2 - xfs /dev/loop3p1 rw';"
		"echo '32 1 0:50 / /mnt/btrfs rw - btrfs /dev/loop3p1 rw';"
		"echo '33 1 7:30 / /mnt/other rw - ext4 /dev/loop30 rw'; } >proc/self/mountinfo;"
		"printf 'Filename\\n/dev/loop3p1 partition 1 0 -2\\n/dev/loop30 partition 1 0 "
		"-2\\n' >proc/swaps");
	assert_int_equal(users(rig, "/dev/loop3"), 6);
	assert_string_equal(
		rig->why,
		"mounted on /mnt/a\\x1bb, mounted on /mnt/p, mounted on /mnt/btrfs, swap, "
		"held by dm-5 (data), open in process 77 (fio)");
	assert_int_equal(users(rig, "/dev/loop7"), 0);
}

static void many_users_fit(void **state)
{
	struct rig *rig = *state;
	command(rig,
		"mkdir -p proc/self sys/block/loop3; for i in $(seq 200); do"
		" echo \"30 1 7:3 / /mnt/$i rw - ext4 /dev/loop3 rw\"; done >proc/self/mountinfo");
	assert_int_equal(users(rig, "/dev/loop3"), 200);
	assert_int_equal(strlen(rig->why), sizeof(rig->why) - 1);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(names_are_those_of_udev),
		CASE(names_stay_in_their_directory),
		CASE(only_names_of_links_are_good),
		CASE(links_are_made_and_removed),
		CASE(what_is_somebody_elses_stays),
		CASE(users_are_found),
		CASE(many_users_fit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

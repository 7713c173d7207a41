/* SPDX-License-Identifier: BSD-2-Clause */
/* What is behind a login: LUNs, who they are, and whether they can be read. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli/doctor.h"
#include "cli/initiator.h"
#include "lunar/scsi.h"

#define DISKS_MOST 16 /* that are looked at when none is named */
#define GROUPS     32

/* --- failing */

static const struct {
	int err;
	const char *reason, *advice;
} outcomes[] = {
	{-ENXIO, "no-such-lun", "map a disk to this LUN, or name one that is there"},
	{-EBUSY, "in-use", "another initiator holds a reservation: it is to let it go"},
	{-EAGAIN, "not-now", "the disk is not ready: the target's log says more"},
	{-ENODEV, "failed", "disks are the other LUNs"},
	{-ENODATA, "damaged", "the medium is bad there: see to the disk behind the target"},
};

static int fail(struct doctor *d, int err, const char *what)
{
	enum lunar_reason reason = doctor_reason(d);
	if (d->ending)
		return doctor_fail(d, lunar_reason_word(reason), NULL, doctor_advice(d, reason),
				   "%s: %s", what, doctor_why(d));
	for (size_t i = 0; i < ARRAY_SIZE(outcomes); i++)
		if (outcomes[i].err == err)
			return doctor_fail(d, outcomes[i].reason, NULL, outcomes[i].advice,
					   "%s: %s", what, doctor_why(d));
	return doctor_fail(d, "failed", NULL, "the target's log may say more", "%s: %s", what,
			   doctor_why(d));
}

static int no_lun(struct doctor *d, json_t *facts)
{
	return doctor_fail(d, "no-such-lun", facts,
			   "map a LUN to this initiator's ACL, or to the target",
			   "the target has no LUN for this initiator");
}

/* --- which there are */

static int step_luns(struct doctor *d, uint64_t **luns, size_t *count)
{
	char list[200] = "";
	size_t len = 0;
	doctor_begin(d, "luns");
	int err = lunar_report_luns(d->session, luns, count);
	if (err)
		return fail(d, err, "REPORT LUNS");
	json_t *numbers = json_array();
	bool there = d->lun == LUNAR_NO_LUN;
	for (size_t i = 0; i < *count; i++) {
		json_array_append_new(numbers, json_integer((json_int_t)(*luns)[i]));
		there |= (*luns)[i] == d->lun;
		if (len + 24 < sizeof(list))
			len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%" PRIu64,
						i ? ", " : "", (*luns)[i]);
		else if (len + 4 < sizeof(list) && list[len - 1] != '.')
			len += (size_t)snprintf(list + len, sizeof(list) - len, "...");
	}
	json_t *facts = json_pack("{s:o}", "luns", numbers);
	if (!*count)
		return no_lun(d, facts);
	if (!there)
		return doctor_fail(d, "no-such-lun", facts,
				   "name one of these, or map a disk to this LUN",
				   "there is no LUN %" PRIu64 "; it has: %s", d->lun, list);
	doctor_ok(d, facts, "it has: %s", list);
	return 0;
}

/* --- paths: SPC-4 5.15 */

static const char *access_word(uint8_t access)
{
	static const char *const words[] = {
		[0] = "active/optimized", [1] = "active/non-optimized", [2] = "standby",
		[3] = "unavailable",      [4] = "lba-dependent",        [14] = "offline",
		[15] = "transitioning"};
	return access < ARRAY_SIZE(words) && words[access] ? words[access] : "reserved";
}

/* Of the port group that we came by; NULL: it tells none. *serves: commands go. */
static const char *access_of(struct doctor *d, uint64_t lun, const struct lunar_disk *disk,
			     bool *serves)
{
	struct lunar_port_group groups[GROUPS];
	size_t count;
	*serves = true;
	if (!disk->inquiry.tpgs || lunar_port_groups(d->session, lun, groups, GROUPS, &count))
		return NULL;
	for (size_t i = 0; i < count; i++)
		if (groups[i].group == disk->port_group) {
			*serves = groups[i].access <= 1;
			return access_word(groups[i].access);
		}
	return NULL;
}

/* --- who it is */

static uint64_t bytes_of(const struct lunar_disk *disk)
{
	return disk->capacity.blocks * disk->capacity.block_size;
}

static json_t *facts_of(uint64_t lun, const struct lunar_disk *disk, const char *access,
			const struct lunar_reservation *held)
{
	json_t *facts = json_pack(
		"{s:I, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:b, s:b, s:b}", "lun",
		(json_int_t)lun, "vendor", disk->inquiry.vendor, "model", disk->inquiry.product,
		"revision", disk->inquiry.revision, "wwid", disk->id, "serial", disk->serial,
		"size", (json_int_t)bytes_of(disk), "block_size",
		(json_int_t)disk->capacity.block_size, "physical_block_size",
		(json_int_t)disk->capacity.physical_block_size, "read_only", disk->read_only,
		"thin", disk->capacity.thin, "write_cache", disk->write_cache);
	if (access) {
		json_object_set_new(facts, "alua", json_string(access));
		json_object_set_new(facts, "port_group", json_integer(disk->port_group));
	}
	json_object_set_new(facts, "reserved", json_boolean(held->held));
	return facts;
}

static void lines_of(const struct doctor *d, const struct lunar_disk *disk, const char *access)
{
	doctor_line(d, "identity %s, serial %s", disk->id[0] ? disk->id : "(none)",
		    disk->serial[0] ? disk->serial : "(none)");
	doctor_line(d, "blocks of %" PRIu32 " bytes, physical %" PRIu32 "; %s; write cache %s",
		    disk->capacity.block_size, disk->capacity.physical_block_size,
		    disk->capacity.thin ? "thin" : "not thin", disk->write_cache ? "on" : "off");
	if (access)
		doctor_line(d, "ALUA: port group %u is %s", disk->port_group, access);
	else
		doctor_line(d, "ALUA: %s",
			    disk->inquiry.tpgs ? "told, but not of this port" : "none");
}

static int step_identify(struct doctor *d, uint64_t lun, struct lunar_disk *disk, bool *is_disk)
{
	struct lunar_reservation held = {0};
	char what[40], size[32];
	bool serves;
	snprintf(what, sizeof(what), "LUN %" PRIu64, lun);
	doctor_begin(d, "disk");
	int err = lunar_identify(d->session, lun, disk);
	*is_disk = !err;
	/* A target's controller, or a LUN 0 that is there for REPORT LUNS only. */
	if ((err == -ENODEV || err == -ENXIO) && d->lun == LUNAR_NO_LUN) {
		doctor_ok(d, json_pack("{s:I}", "lun", (json_int_t)lun), "%s: %s", what,
			  doctor_why(d));
		return 0;
	}
	if (err)
		return fail(d, err, what);
	const char *access = access_of(d, lun, disk, &serves);
	if (lunar_reservation(d->session, lun, &held))
		held.held = false; /* it knows none */
	json_t *facts = facts_of(lun, disk, access, &held);
	initiator_size(size, bytes_of(disk));
	const char *vendor = disk->inquiry.vendor, *product = disk->inquiry.product;
	const char *read_only = disk->read_only ? ", write protected" : "";
	if (!serves)
		doctor_warn(d, facts, "this path does not serve: take another portal of the target",
			    "%s: %s %s, %s%s: the path is %s", what, vendor, product, size,
			    read_only, access);
	else if (held.held)
		doctor_warn(d, facts, "whoever holds it may keep others from writing, or from all",
			    "%s: %s %s, %s%s: reserved by key 0x%" PRIx64, what, vendor, product,
			    size, read_only, held.key);
	else
		doctor_ok(d, facts, "%s: %s %s, %s%s", what, vendor, product, size, read_only);
	lines_of(d, disk, access);
	return 0;
}

/* It says a lot, but does it serve? */
static int step_read(struct doctor *d, uint64_t lun, const struct lunar_disk *disk)
{
	char what[40];
	if (!disk->capacity.blocks)
		return 0;
	CLEANUP(free) void *buf = malloc(disk->capacity.block_size);
	if (!buf)
		return 0;
	snprintf(what, sizeof(what), "block 0 of LUN %" PRIu64, lun);
	doctor_begin(d, "read");
	int err = lunar_read(d->session, lun, 0, 1, disk->capacity.block_size, buf);
	if (err)
		return fail(d, err, what);
	doctor_ok(d, json_pack("{s:I}", "lun", (json_int_t)lun), "%s can be read", what);
	return 0;
}

static int look_at(struct doctor *d, uint64_t lun, bool *is_disk)
{
	struct lunar_disk disk;
	int code = step_identify(d, lun, &disk, is_disk);
	return code || !*is_disk ? code : step_read(d, lun, &disk);
}

/* One that is bad says nothing of the others, unless there is no session any more. */
static int look_at_all(struct doctor *d, const uint64_t *luns, size_t count)
{
	bool disks = false, is_disk;
	int code = 0;
	for (size_t i = 0; i < MIN(count, (size_t)DISKS_MOST) && !d->ending; i++) {
		int bad = look_at(d, luns[i], &is_disk);
		code = code ? code : bad;
		disks |= is_disk;
	}
	if (count > DISKS_MOST)
		doctor_line(d, "%zu more are not looked at; name one", count - DISKS_MOST);
	else if (!disks && !code)
		code = no_lun(d, NULL);
	return code;
}

int doctor_disks_steps(struct doctor *d)
{
	CLEANUP(free) uint64_t *luns = NULL;
	size_t count = 0;
	bool is_disk;
	int code = step_luns(d, &luns, &count);
	if (code)
		return code;
	return d->lun != LUNAR_NO_LUN ? look_at(d, d->lun, &is_disk) : look_at_all(d, luns, count);
}

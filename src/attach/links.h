/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of a device that stay the same, in /dev/disk, as udev makes them for disks of open-iscsi. For devices
 * that udev does not know to be such disks, and where there is no udev.
 */
#ifndef LUNAR_ATTACH_LINKS_H
#define LUNAR_ATTACH_LINKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "by-path/ip-ADDR:PORT-iscsi-IQN-lun-N". `address` without brackets. -ENAMETOOLONG: it does not fit. */
int links_by_path(char *out, size_t size, const char *address, uint16_t port, const char *target,
		  uint64_t lun);
/* "by-id/scsi-WWID", and for NAA "by-id/wwn-0x..."; "" where there is none. `wwid` as in disk_traits. */
int links_by_id(char *scsi, char *wwn, size_t size, const char *wwid);

/* Whether it is of a form that is made above: a directory that is known, and a name in it. */
bool links_good_name(const char *name);
/*
 * DEV/disk/NAME is a link to `device`, "/dev/NAME", when this returns. One that leads nowhere is replaced; what is
 * somebody else's is left alone: -EEXIST with `why`.
 */
int links_make(const char *dev, const char *name, const char *device, char *why, size_t why_size);
/* Removes it if it leads to this device. */
void links_remove(const char *dev, const char *name, const char *device);

#endif

#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 120
# What the ways to attach a disk need is in the guest, and works there by itself: ublk, nbd, FUSE with loop.
. /lunar/tests/vm/guest/functions.sh
need_lunar

try "ublk" modprobe ublk_drv
wait_for 5 test -c /dev/ublk-control
try "has its control device" test -c /dev/ublk-control
try "nbd" modprobe nbd nbds_max=2
wait_for 5 test -b /dev/nbd1
try "has its disks" test -b /dev/nbd1
modprobe fuse 2>/dev/null # or it is built in
try "FUSE" test -c /dev/fuse
try "loop" modprobe loop
truncate -s 64M image
try "a loop device" losetup --direct-io=on /dev/loop0 image
try "ext4" mkfs.ext4 -q /dev/loop0
try "can be mounted" mount /dev/loop0 /mnt
try "and unmounted" umount /mnt
losetup -d /dev/loop0
modprobe -a target_core_mod target_core_file iscsi_target_mod
try "LIO" test -d /sys/module/iscsi_target_mod
done_testing

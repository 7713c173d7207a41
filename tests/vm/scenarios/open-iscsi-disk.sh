#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 300
# The kernel's initiator at our target, a day of it: filesystems, discard, a disk that grows, LUNs that come and
# go, a target that is killed under load.
. /lunar/tests/vm/guest/functions.sh
need_lunar

grow() {
	mount "$DISK" /mnt && xfs_growfs /mnt && umount /mnt
}

logged_in() {
	iscsiadm -m session -P 1 | grep 'iSCSI Connection State: LOGGED IN'
}

start_store 320M
start_iscsid "$CLIENT_IQN"
discover >/dev/null
node node.session.timeo.replacement_timeout 120 >/dev/null
try "login" login
try "the disk is there" wait_disk "$TARGET_IQN" 0

# --- discard

try "a pattern" dd if=/dev/urandom of="$DISK" bs=1M count=16 oflag=direct
before=$(stat -c %b disk0.img)
try "blkdiscard" blkdiscard "$DISK"
try "it reads as zeroes" cmp -n 16777216 "$DISK" /dev/zero
is "the image has given up its blocks" "$(($(stat -c %b disk0.img) < before / 4))" 1
try "blkdiscard --zeroout" blkdiscard --zeroout --length 1M "$DISK"

# --- filesystems

for fs in ext4 xfs; do
	case $fs in ext4) options=-qF ;; xfs) options=-qf ;; esac
	try "mkfs.$fs" "mkfs.$fs" $options "$DISK"
	try "mount" mount "$DISK" /mnt
	head -c 12M /dev/urandom >/mnt/data
	sum=$(sha256sum </mnt/data)
	cp --reflink=never /mnt/data /mnt/more
	sync
	before=$(stat -c %b disk0.img)
	rm /mnt/more
	sync # ext4 frees blocks when its journal has been written
	try "fstrim" fstrim -v /mnt
	is "takes the blocks back" "$(($(stat -c %b disk0.img) < before - 16384))" 1
	try "umount" umount /mnt
	blockdev --flushbufs "$DISK"
	try "mount again" mount "$DISK" /mnt
	is "it is all there" "$(sha256sum </mnt/data)" "$sum"
	try "umount again" umount /mnt
done
try "xfs_repair finds nothing" xfs_repair -n "$DISK"

# --- a disk that grows, LUNs that come and go

try "larger" target /backstores/fileio/disk0 resize 384M
try "a rescan" iscsiadm -m node -T "$TARGET_IQN" -R
try "shows it" wait_for 10 size_is "$DISK" 402653184
try "and XFS grows into it" grow
target /backstores/fileio create disk1 "$T/disk1.img" 32M >/dev/null
try "one LUN more" target "$TPG/luns" create /backstores/fileio/disk1
try "a rescan" iscsiadm -m session -R
try "shows it" wait_for 10 has_disk "$TARGET_IQN" 1
second=/dev/$(disks "$TARGET_IQN" 1)
try "it can be written" dd if=/dev/zero of="$second" bs=1M count=4 oflag=direct
try "it is taken away" target "$TPG/luns" delete 1
try_fails "then it cannot be written" dd if=/dev/zero of="$second" bs=4k count=1 oflag=direct
echo 1 >"/sys/block/${second##*/}/device/delete"
try "the other one can" dd if="$DISK" of=/dev/null bs=1M count=4 iflag=direct

# --- the target is killed under load

target saveconfig >/dev/null
verify "$DISK" --size=64M --time_based --runtime=30 --fsync=32 >fio.log 2>&1 &
fio=$!
for _ in 1 2 3; do
	sleep 4
	kill -KILL "$TARGET_PID"
	wait "$TARGET_PID" 2>/dev/null
	sleep 1
	start_daemon
	alive || not_ok "the target starts again" "$T/target.err"
done
wait $fio
is "fio has verified everything over three ends of the target" $? 0
grep -E 'err=|WRITE:|READ:' fio.log | diag
try "the session has come back" wait_for 30 logged_in
try "logout" logout
try "the disks are gone" wait_for 10 no_disk "$TARGET_IQN" 0
try_fails "no session is left" iscsiadm -m session
stop_target
is "the target ends in order" "$STATUS" 0
done_testing

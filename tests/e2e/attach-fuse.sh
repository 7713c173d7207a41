#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 300
# A disk as a loop device on FUSE: a file system on it, what is written is read back, discards give space back, it
# changes its size, is read-only, is not detached while it is used, and by force also when it hangs; another one
# takes it over in the middle of I/O.
. "$(dirname "$0")/functions.sh"
. "$(dirname "$0")/attach-functions.sh"
need_program attach_disk
need mkfs.ext4 mount umount fstrim blockdev fio
"$ATTACH_DISK" --probe | grep -q '^fuse: here' || skip_all "$("$ATTACH_DISK" --probe | grep '^fuse:')"

mkdir mnt
trap 'umount -l "$T/mnt" 2>/dev/null; attach_kill; cleanup' EXIT

queue() {
	cat "/sys/block/${ATTACHED#/dev/}/queue/$1"
}
used() {
	du -m "$1" | cut -f1
}
# verify NAME [OPTION...]: fio reads what it has written.
verify() {
	local name=$1
	shift
	try "$name" fio --name=v --filename="$ATTACHED" --direct=1 --ioengine=libaio --rw=randwrite \
		--bsrange=4k-256k --size=96M --iodepth=32 --verify=crc32c --end_fsync=1 "$@"
}
gone() {
	! [ -e "/sys/block/$1/loop" ]
}

for engine in uring epoll; do
	rm -f disk.img
	truncate -s 256M disk.img
	attach_start --via fuse --engine $engine disk.img
	name=${ATTACHED#/dev/}
	[ -b "$ATTACHED" ] && ok "$engine: a block device" || not_ok "$engine: a block device" "$T/attach.log"
	is "$engine: its size" "$(blockdev --getsize64 "$ATTACHED")" $((256 << 20))
	is "$engine: its cache" "$(queue write_cache)" "write back"
	is "$engine: it takes discards" "$(($(queue discard_max_bytes) > 0))" 1
	is "$engine: and zeroes" "$(($(queue write_zeroes_max_bytes) > 0))" 1
	is "$engine: it reads and writes around the cache" "$(cat "/sys/block/$name/loop/dio")" 1
	verify "$engine: many requests of all sizes"

	try "$engine: a file system" mkfs.ext4 -q -F "$ATTACHED"
	try "$engine: is mounted" mount "$ATTACHED" mnt
	head -c 64M /dev/urandom >mnt/file
	sync -f mnt/file
	cp mnt/file copy
	before=$(used disk.img)
	attach_say detach
	try "$engine: it is not detached while it is mounted" attach_heard "refused: .*mounted on $T/mnt"
	rm mnt/file && sync -f mnt # what is freed is free when the journal says so
	try "$engine: what is free" fstrim mnt
	[ "$(used disk.img)" -lt $((before - 50)) ] && ok "$engine: is given back" ||
		not_ok "$engine: is given back: $before MiB, then $(used disk.img)"
	cp copy mnt/file
	try "$engine: is unmounted" umount mnt
	try "$engine: is mounted again" mount "$ATTACHED" mnt
	try "$engine: and everything is there" cmp copy mnt/file
	umount mnt

	truncate -s 512M disk.img
	attach_say "resize $((512 << 20))"
	larger() { [ "$(blockdev --getsize64 "$ATTACHED")" = $((512 << 20)) ]; }
	try "$engine: it grows by itself" wait_for 10 larger
	try "$engine: and is as large as that" fio --name=v --filename="$ATTACHED" --direct=1 --rw=write --bs=1M \
		--offset=480M --size=32M --verify=crc32c
	attach_say 'readonly 1'
	is_ro() { [ "$(blockdev --getro "$ATTACHED")" = 1 ]; }
	try "$engine: it becomes read-only" wait_for 10 is_ro
	attach_say 'readonly 0'
	try "$engine: and is not any more" wait_for 10 eval '! is_ro'

	start_client fio.log fio --name=v --filename="$ATTACHED" --direct=1 --ioengine=libaio --rw=randrw --bs=8k \
		--size=128M --iodepth=16 --verify=crc32c --verify_backlog=64 --rate_iops=1500,1500
	sleep 1
	attach_say detach
	try "$engine: it is not detached while it is open" attach_heard 'refused: .*in use'
	attach_say hang
	sleep 0.5
	: >attach.log
	attach_say restart
	if ! wait_for 5 grep -q '^ready' attach.log; then
		skip "$engine: it is taken over in the middle of I/O" "$(tail -1 attach.log)"
		kill "$CLIENT"
	else
		ok "$engine: it is taken over in the middle of I/O"
		if wait "$CLIENT"; then ok "$engine: which notices nothing"; else
			not_ok "$engine: which notices nothing" fio.log; fi
		attach_end
		is "$engine: it is detached" "$STATUS" 0
	fi
	attach_kill
	try "$engine: nothing is left" gone "$name"

	# A disk that does not answer, under a file system that is mounted.
	attach_start --via fuse --engine $engine --memory 64
	name=${ATTACHED#/dev/}
	mkfs.ext4 -q -F "$ATTACHED" && mount "$ATTACHED" mnt
	attach_say hang
	start_client hung.log dd if=/dev/zero of=mnt/file bs=1M count=8 oflag=direct
	sleep 1
	attach_say detach
	attach_heard 'refused: .*mounted'
	echo force >&9
	attach_wait
	is "$engine: by force it is detached" "$STATUS" 0
	wait "$CLIENT" 2>/dev/null
	says "$engine: who was waiting gets an error" 'error' hung.log
	umount mnt 2>/dev/null || umount -l mnt
	try "$engine: and it goes with the mount" wait_for 10 gone "$name"

	# Somebody else ends it.
	attach_start --via fuse --engine $engine --memory 64
	losetup -d "$ATTACHED"
	attach_wait
	is "$engine: that somebody else ended it is noticed" "$STATUS" 3
	says "$engine: and said" '^lost: .* was ended by somebody else' attach.log
done

truncate -s 64M ro.img
attach_start --via fuse --readonly ro.img
is "read-only" "$(blockdev --getro "$ATTACHED")" 1
try_fails "and meant" dd if=/dev/zero of="$ATTACHED" bs=4k count=1 conv=fsync
attach_end
attach_start --via fuse --memory 64 --block 4096
is "large blocks" "$(blockdev --getss "$ATTACHED")" 4096
verify "can be used" --size=32M
attach_end

mkdir -p dev/disk/by-id
ln -s ../../../disk.img dev/disk/by-id/wwn-0x6001405a
attach_start --via fuse --memory 8 --dev "$T/dev" --link by-path/ip-192.0.2.7:3260-iscsi-iqn.2026-01.test:x-lun-0 \
	--link by-id/scsi-36001405a --link by-id/wwn-0x6001405a
is "its links are there when it is" "$(readlink dev/disk/by-path/ip-192.0.2.7:3260-iscsi-iqn.2026-01.test:x-lun-0)" \
	"../../${ATTACHED#/dev/}"
is "all of them" "$(readlink dev/disk/by-id/scsi-36001405a)" "../../${ATTACHED#/dev/}"
is "but one that is somebody else's" "$(readlink dev/disk/by-id/wwn-0x6001405a)" ../../../disk.img
says "which is said" 'wwn-0x6001405a is there already' attach.log
attach_end
is "and they go with it" "$(find dev -type l)" dev/disk/by-id/wwn-0x6001405a

first=$(losetup -l | wc -l)
for _ in $(seq 20); do
	attach_start --via fuse --memory 8
	attach_end
	[ "$STATUS" = 0 ] || break
done
is "twenty rounds" "$STATUS" 0
is "leave nothing behind" "$(losetup -l | wc -l)" "$first"
done_testing

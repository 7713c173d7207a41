#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 600
# A disk by the kernel's ublk and by its NBD client: a file system on it, what is written is read back, discards,
# sizes, read-only, in use, by force, and another process that takes it over in the middle of I/O. For a kernel that
# has them, as root: in a guest, for the most part.
. "$(dirname "$0")/functions.sh"
. "$(dirname "$0")/attach-functions.sh"
need_program attach_disk
need mkfs.ext4 mount umount fstrim blockdev fio
[ "$(id -u)" = 0 ] && modprobe -qa ublk_drv nbd 2>/dev/null
LIMIT=240 # a guest is slow
"$ATTACH_DISK" --probe >probe
grep -Eq '^(ublk|nbd): here' probe || skip_all "$(grep -E '^(ublk|nbd):' probe | paste -sd' ')"

mkdir mnt
trap 'umount -l "$T/mnt" 2>/dev/null; attach_kill; cleanup' EXIT

queue() {
	cat "/sys/block/${ATTACHED#/dev/}/queue/$1"
}
used() {
	du -m "$1" | cut -f1
}
verify() {
	local name=$1
	shift
	try "$name" fio --name=v --filename="$ATTACHED" --direct=1 --ioengine=libaio --rw=randwrite \
		--bsrange=4k-256k --size=32M --iodepth=32 --verify=crc32c --end_fsync=1 "$@"
}
size_is() {
	[ "$(blockdev --getsize64 "$ATTACHED")" = "$1" ]
}
# Nothing is behind that name any more.
gone() {
	! [ -e "/sys/block/$1" ] || [ "$(cat "/sys/block/$1/size")" = 0 ]
}
# can METHOD WHAT: whether the kernel has that for this method.
can_resize() {
	[ "$1" = nbd ] || [ "$(uname -r | cut -d. -f1)" -ge 7 ] || {
		[ "$(uname -r | cut -d. -f1)" = 6 ] && [ "$(uname -r | cut -d. -f2)" -ge 16 ]
	}
}

for method in nbd ublk; do
	if ! grep -q "^$method: here" probe; then
		skip "$method" "$(grep "^$method:" probe)"
		continue
	fi
	rm -f disk.img
	truncate -s 128M disk.img
	attach_start --via $method disk.img
	name=${ATTACHED#/dev/}
	[ -b "$ATTACHED" ] && ok "$method: a block device" || not_ok "$method: a block device" "$T/attach.log"
	is "$method: its size" "$(blockdev --getsize64 "$ATTACHED")" $((128 << 20))
	is "$method: its cache" "$(queue write_cache)" "write back"
	is "$method: it has FUA" "$(queue fua)" 1
	is "$method: it takes discards" "$(($(queue discard_max_bytes) > 0))" 1
	is "$method: it turns as the disk below does" "$(queue rotational)" \
		"$(cat "/sys/class/block/$(basename "$(df --output=source "$T" | tail -1)")/queue/rotational" 2>/dev/null || queue rotational)"
	verify "$method: many requests of all sizes"
	try "$method: a file system" mkfs.ext4 -q -F "$ATTACHED"
	try "$method: is mounted" mount "$ATTACHED" mnt
	head -c 32M /dev/urandom >mnt/file
	sync -f mnt/file
	cp mnt/file copy
	before=$(used disk.img)
	attach_say detach
	try "$method: it is not detached while it is mounted" wait_for 10 grep -q "refused: .*mounted on $T/mnt" attach.log
	rm mnt/file && sync -f mnt # what is freed is free when the journal says so
	try "$method: what is free" fstrim mnt
	[ "$(used disk.img)" -lt $((before - 20)) ] && ok "$method: is given back" ||
		not_ok "$method: is given back: $before MiB, then $(used disk.img)"
	cp copy mnt/file
	try "$method: is unmounted" umount mnt
	try "$method: is mounted again" mount "$ATTACHED" mnt
	try "$method: and everything is there" cmp copy mnt/file
	umount mnt

	truncate -s 160M disk.img
	attach_say "resize $((160 << 20))"
	if can_resize $method; then
		try "$method: it grows by itself" wait_for 10 size_is $((160 << 20))
	else
		skip "$method: it grows by itself" "Linux 6.16"
	fi

	start_client fio.log fio --name=v --filename="$ATTACHED" --direct=1 --ioengine=libaio --rw=randrw --bs=8k \
		--size=32M --iodepth=16 --verify=crc32c --verify_backlog=64 --rate_iops=200,200
	sleep 4
	attach_say detach
	try "$method: it is not detached while it is open" wait_for 10 grep -q 'refused: .*in use' attach.log
	attach_say hang
	sleep 1
	: >attach.log
	attach_say restart
	try "$method: it is taken over in the middle of I/O" wait_for 20 grep -q '^ready' attach.log
	if wait "$CLIENT"; then ok "$method: which notices nothing"; else
		not_ok "$method: which notices nothing" fio.log; fi
	attach_end
	is "$method: it is detached" "$STATUS" 0
	try "$method: nothing is left" gone "$name"

	# A disk that does not answer, under a file system that is mounted.
	attach_start --via $method --memory 64
	name=${ATTACHED#/dev/}
	mkfs.ext4 -q -F "$ATTACHED" && mount "$ATTACHED" mnt
	attach_say hang
	start_client hung.log dd if=/dev/zero of=mnt/file bs=1M count=8 oflag=direct
	sleep 2
	echo force >&9
	attach_wait
	is "$method: by force it is detached" "$STATUS" 0
	wait "$CLIENT" 2>/dev/null
	umount mnt 2>/dev/null || umount -l mnt
	try "$method: and it is gone" wait_for 20 gone "$name"

	truncate -s 64M ro.img
	attach_start --via $method --readonly ro.img
	is "$method: read-only" "$(blockdev --getro "$ATTACHED")" 1
	attach_end
	attach_start --via $method --memory 64 --block 4096
	is "$method: large blocks" "$(blockdev --getss "$ATTACHED")" 4096
	verify "$method: can be used" --size=16M
	attach_end
	for _ in $(seq 5); do
		attach_start --via $method --memory 8
		name=${ATTACHED#/dev/}
		attach_end
		[ "$STATUS" = 0 ] && gone "$name" || break
	done
	is "$method: it comes and goes" "$STATUS" 0
done
done_testing

#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 600
# File systems on a remote disk and an outage of its target: what is under way waits, and has no error; nothing becomes
# read-only; all that was written is there. And disks that are attached and detached again and again leave nothing.
. "$(dirname "$0")/functions.sh"
. "$HERE/initiatord-functions.sh"
need fio mkfs.ext4 mkfs.xfs e2fsck xfs_repair mount umount findmnt
outage=3 rounds=10
[ -z "${LUNAR_LONG:-}" ] || outage=60 rounds=100

start_initiator a
start_target disk.img --size 512M --portal "127.0.0.1:$("$HERE/free-port.py")"
lunar attach "$URL" --via fuse >dev.out 2>dev.err || skip_all "$(tail -1 dev.err)"
DEV=$(cat dev.out)
LOOP=${DEV#/dev/}
mkdir mnt

done_by_device() { awk '{ print $1 + $5 }' "/sys/block/$LOOP/stat"; }
# goes_on NAME: requests end that began after this.
goes_on() {
	local before
	before=$(done_by_device)
	more() { ended "$WRITER" || [ "$(done_by_device)" -gt $((before + 200)) ]; }
	try "$1" wait_for 30 more
}
is_writable() { findmnt -no OPTIONS mnt | grep -q '^rw'; }

# survives FS MKFS... -- CHECK...
survives() {
	local fs=$1 make=()
	shift
	while [ "$1" != -- ]; do
		make+=("$1")
		shift
	done
	shift
	try "$fs: it is made" "${make[@]}" "$DEV"
	try "$fs: is mounted" mount "$DEV" mnt
	MOUNTED=$T/mnt
	rm -f enough
	(while ! [ -e enough ]; do
		timeout -k 5 300 fio --name=v --directory=mnt --direct=1 --ioengine=libaio --rw=randwrite \
			--bsrange=4k-64k --size=64M --iodepth=8 --verify=crc32c --verify_fatal=1 --end_fsync=1 \
			--rate_iops=500 || exit 1
	done) >fio.log 2>&1 </dev/null &
	WRITER=$!
	CLIENTS+=("$WRITER")
	goes_on "$fs: it is written"
	stop_target KILL
	start_target disk.img --portal "$PORTAL"
	goes_on "$fs: the target is killed and started again: it goes on"
	stop_target KILL
	wait_for 10 ended "$SERVER"
	sleep 0.5
	local before
	before=$(done_by_device)
	sleep "$outage"
	is "$fs: in an outage it waits" "$(done_by_device)" "$before"
	if ended "$WRITER"; then not_ok "$fs: without an error" fio.log; else ok "$fs: without an error"; fi
	start_target disk.img --portal "$PORTAL"
	goes_on "$fs: and goes on"
	touch enough
	try "$fs: all is written and verified" wait_for 90 ended "$WRITER"
	wait "$WRITER"
	is "$fs: without an error" "$?" 0
	try "$fs: it can be written" is_writable
	try "$fs: is unmounted" umount mnt
	MOUNTED=
	try "$fs: is whole" "$@" "$DEV"
}
survives ext4 mkfs.ext4 -q -F -- e2fsck -fn
survives xfs mkfs.xfs -q -f -- xfs_repair -n
try "it is detached" lunar detach "$DEV"

# --- again and again
files() {
	local pid
	for pid in "$DAEMON" "$(its_child)"; do
		find "/proc/$pid/fd" -mindepth 1 2>/dev/null
	done | wc -l
}
gone() { ! [ -e "/sys/block/$LOOP/loop" ]; }
round() {
	lunar attach "$URL" --via fuse >dev.out 2>dev.err || return
	DEV=$(cat dev.out)
	LOOP=${DEV#/dev/}
	dd if="$DEV" of=/dev/null bs=64k count=1 iflag=direct 2>/dev/null && lunar detach "$DEV" && wait_for 10 gone
}
is_idle() { [ "$(files)" -le "$before" ]; }
try "a round" round
wait_for 10 eval '! lunar list | grep -q .'
before=$(files)
failed=0
for _ in $(seq $rounds); do
	round >>rounds.log 2>&1 || failed=$((failed + 1))
done
is "$rounds rounds" "$failed" 0
try "leave no descriptors" wait_for 10 is_idle
is "nor disks" "$(ask device.list | python3 -c 'import json, sys; print(len(json.load(sys.stdin)["disks"]))')" 0
kill "$DAEMON"
try "the daemon ends" wait_for 20 ended "$DAEMON"
no_holder() { [ -z "$(holders)" ]; }
try "and nobody keeps anything" wait_for 10 no_holder
done_testing

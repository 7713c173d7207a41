#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 240
# A disk of Debian's tgt, attached by lunar-initiatord: a file system on it, and tgt killed and started again under I/O
# that is verified.
. "$(dirname "$0")/functions.sh"
. "$HERE/initiatord-functions.sh"
need tgtd tgtadm fio mkfs.ext4 mount umount findmnt e2fsck

trap 'finish; rm -f "/var/run/tgtd/socket.$TGT_CONTROL" "/var/run/tgtd/socket.$TGT_CONTROL.lock"' EXIT

start_tgt 256M >out 2>&1 || skip_all "tgt does not serve here: $(tail -1 out)"
URL=iscsi://$TGT_PORTAL/$TGT_IQN/1
start_initiator a
try "it is asked for its targets" lunar discover "$TGT_PORTAL"
says "and has one" "^$TGT_IQN"
lunar attach "$URL" --via fuse >dev.out 2>dev.err || skip_all "$(tail -1 dev.err)"
DEV=$(cat dev.out)
says "a disk is attached" '^/dev/' dev.out
says "which is tgt's" 'IET +VIRTUAL-DISK' <(lunar list)
mkdir mnt
try "a file system" mkfs.ext4 -q -F "$DEV"
try "is mounted" mount "$DEV" mnt
MOUNTED=$T/mnt
head -c 16M /dev/urandom >copy
cp copy mnt/one
(while ! [ -e enough ]; do
	timeout -k 5 150 fio --name=v --directory=mnt --direct=1 --ioengine=libaio --rw=randrw --bsrange=4k-64k \
		--size=32M --iodepth=8 --verify=crc32c --verify_fatal=1 --rate_iops=300,300 || exit 1
done) >fio.log 2>&1 </dev/null &
WRITER=$!
CLIENTS+=("$WRITER")
done_by_device() { awk '{ print $1 + $5 }' "/sys/block/${DEV#/dev/}/stat"; }
# goes_on NAME: requests end that began after this.
goes_on() {
	local before
	before=$(done_by_device)
	more() { ended "$WRITER" || [ "$(done_by_device)" -gt $((before + 200)) ]; }
	try "$1" wait_for 30 more
}
goes_on "fio reads and writes"
for i in 1 2; do
	kill -KILL "$TGT_PID"
	wait "$TGT_PID" 2>/dev/null
	sleep 0.5
	start_tgt >out 2>&1
	goes_on "tgt is killed and started again, $i: it goes on"
done
touch enough
try "all is verified" wait_for 90 ended "$WRITER"
wait "$WRITER"
is "without an error" "$?" 0
[ "$(findmnt -no OPTIONS mnt | grep -c '\brw\b')" = 1 ] && ok "the file system can be written" ||
	not_ok "the file system can be written"
try "is unmounted" umount mnt
MOUNTED=
try "and is whole" e2fsck -fn "$DEV"
try "mounted again" mount "$DEV" mnt
MOUNTED=$T/mnt
try "what was there is there" cmp copy mnt/one
try "is unmounted" umount mnt
MOUNTED=
try "it is detached" lunar detach "$DEV"
tgt_admin --op delete --force --mode target --tid 1 >/dev/null 2>&1
timeout 10 tgtadm -C $TGT_CONTROL --op delete --mode system >/dev/null 2>&1
try "tgt ends" wait_for 10 ended "$TGT_PID"
done_testing

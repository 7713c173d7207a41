#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 240
# A disk of Debian's tgt, attached by lunar-initiatord: a file system on it, and tgt killed and started again under I/O
# that is verified.
. "$(dirname "$0")/functions.sh"
. "$HERE/initiatord-functions.sh"
need tgtd tgtadm fio mkfs.ext4 mount umount findmnt e2fsck

IQN=iqn.2026-01.test.lunar:tgt
PORT=$("$HERE/free-port.py")
CONTROL=$(($$ % 30000 + 100))
URL=iscsi://127.0.0.1:$PORT/$IQN/1
truncate -s 256M tgt.img
admin() {
	timeout 10 tgtadm -C $CONTROL --lld iscsi "$@"
}
answers() { admin --op show --mode sys; }
start_tgt() {
	tgtd -f -C $CONTROL --iscsi portal=127.0.0.1:"$PORT" >>tgtd.log 2>&1 </dev/null &
	TGT=$!
	TARGETS+=("$TGT")
	wait_for 20 answers
	admin --op new --mode target --tid 1 -T "$IQN" &&
		admin --op new --mode logicalunit --tid 1 --lun 1 -b "$T/tgt.img" &&
		admin --op bind --mode target --tid 1 -I ALL
}
trap 'finish; rm -f "/var/run/tgtd/socket.$CONTROL" "/var/run/tgtd/socket.$CONTROL.lock"' EXIT

start_tgt >out 2>&1 || skip_all "tgt does not serve here: $(tail -1 out)"
start_initiator a
try "it is asked for its targets" lunar discover "127.0.0.1:$PORT"
says "and has one" "^$IQN"
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
	kill -KILL "$TGT"
	wait "$TGT" 2>/dev/null
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
admin --op delete --force --mode target --tid 1 >/dev/null 2>&1
timeout 10 tgtadm -C $CONTROL --op delete --mode system >/dev/null 2>&1
try "tgt ends" wait_for 10 ended "$TGT"
done_testing

#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 240
# A block device survives those who serve it. fio writes and verifies without end while the daemon's second process is
# killed, the whole daemon is killed, and is told to leave; the target, too. fio must see no error, and what it has
# written must be there.
. "$(dirname "$0")/functions.sh"
. "$HERE/initiatord-functions.sh"
need fio mkfs.xfs mount umount

start_initiator a
start_target disk.img --size 512M --portal "127.0.0.1:$("$HERE/free-port.py")"
lunar attach "$URL" --via fuse >dev.out 2>dev.err || skip_all "$(tail -1 dev.err)"
DEV=$(cat dev.out)
! grep -q 'does not survive' dev.err || skip_all "$(tail -1 dev.err)"
LOOP=${DEV#/dev/}

# writer: until it is told to end. Sets WRITER.
writer() {
	timeout -k 5 150 fio --name=v --filename="$DEV" --direct=1 --ioengine=libaio --rw=randwrite --bsrange=4k-64k \
		--size=128M --iodepth=16 --verify=crc32c --verify_fatal=1 --rate_iops=2000 --loops=3 \
		>"$T/fio.log" 2>&1 </dev/null &
	WRITER=$!
}
done_by_device() {
	awk '{ print $5 }' "/sys/block/$LOOP/stat"
}
# goes_on NAME: writes end that began after this.
goes_on() {
	local before
	before=$(done_by_device)
	more() { ended "$WRITER" || [ "$(done_by_device)" -gt $((before + 200)) ]; }
	try "$1" wait_for 20 more
}
# kill_daemon: both processes, at once.
kill_daemon() {
	kill -KILL "$DAEMON" "$(its_child)" 2>/dev/null
	wait "$DAEMON" 2>/dev/null
}
is_listed() {
	lunar list | grep -q "$DEV "
}

writer
goes_on "fio writes"
for i in 1 2; do
	kill -KILL "$(its_child)"
	goes_on "its second process is killed, $i: it goes on"
done
kill_daemon
before=$(done_by_device)
sleep 0.5
is "the daemon is killed: I/O waits" "$(done_by_device)" "$before"
ended "$WRITER" && not_ok "and has no error" "$T/fio.log" || ok "and has no error"
start_initiator a
goes_on "another daemon goes on"
try "with the same device" wait_for 10 is_listed
says "and says so" 'is still there, and waits' a.err
stop_target KILL
kill_daemon
start_initiator a
start_target disk.img --portal "$PORTAL"
goes_on "the target is killed as well"
kill -USR2 "$DAEMON"
try "the daemon is told to leave" wait_for 20 ended "$DAEMON"
wait "$DAEMON"
is "and ends without a fault" "$?" 0
start_initiator a
goes_on "the next one goes on"
try "fio has written and verified" wait_for 100 ended "$WRITER"
wait "$WRITER"
is "without an error" "$?" 0

# --- a file system, and the daemon killed under it
mkdir mnt
try "a file system" mkfs.xfs -q -f "$DEV"
try "is mounted" mount "$DEV" mnt
MOUNTED=$T/mnt
head -c 32M /dev/urandom >copy
timeout 60 cp copy mnt/one &
COPY=$!
kill_daemon
(timeout 60 cp copy mnt/two && timeout 60 sync -f mnt/two) &
SECOND=$!
start_initiator a
wait "$COPY"
is "what was being copied when the daemon was killed" "$?" 0
wait "$SECOND"
is "and meanwhile" "$?" 0
try "is unmounted" umount mnt
MOUNTED=
try "mounted again" mount "$DEV" mnt
MOUNTED=$T/mnt
try "and there" cmp copy mnt/one
try "all of it" cmp copy mnt/two
try "is unmounted" umount mnt
MOUNTED=

# --- what nobody serves any more does not wait for ever
try "it is detached" lunar detach "$DEV"
gone() { ! [ -e "/sys/block/$LOOP/loop" ]; }
try "and gone" wait_for 10 gone
no_holder() { [ -z "$(holders)" ]; }
kill "$DAEMON"
try "the daemon ends" wait_for 20 ended "$DAEMON"
try "and nobody keeps anything any more" wait_for 5 no_holder
start_initiator a
URL2="iscsi://$PORTAL/$IQN/0"
try "it is attached" lunar attach "$URL2" --via fuse
DEV=$(cat "$T/out")
LOOP=${DEV#/dev/}
kill_daemon
for pid in $(holders); do
	kill -KILL "$pid"
done
try_fails "without who keeps the connection there are errors" dd if="$DEV" of=/dev/null iflag=direct bs=4k count=1
start_initiator a
says "which the next daemon says" 'nobody has kept its connection to FUSE' a.err
attached() { lunar list | grep -q '/dev/'; }
try "and it is attached anew" wait_for 10 attached
try "it is detached" lunar detach "$URL2"
done_testing

#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 240
# Disks that records attach: they are there when the daemon has started, after a boot too, when their LUN appears, and
# by whichever portal answers first; another disk in the place of one is not taken for it; who is detached stays so.
. "$(dirname "$0")/functions.sh"
. "$HERE/initiatord-functions.sh"
need qemu-io

IQN=iqn.2026-11.com.example:boot
ONE=127.0.0.1:$("$HERE/free-port.py")
TWO=127.0.0.1:$("$HERE/free-port.py")
URL=iscsi://$ONE/$IQN/0
RUN=$T/run
DEVICE= # that a boot ends
start() { # the daemon; sockets are where a boot leaves nothing
	mkdir -p "$RUN"
	start_initiator a --socket "$RUN/initiator.sock"
	LUNAR_INITIATOR_SOCKET=$RUN/initiator.sock
}
serve() { # FILE...
	start_target "$@" --target "$IQN" --portal "$ONE"
}
# reboot: all that a boot ends is ended: processes, devices, what is in /run. Nobody has a chance to write anything.
reboot() {
	local pid
	kill -KILL "$DAEMON" "$(its_child)" 2>/dev/null
	wait "$DAEMON" 2>/dev/null
	for pid in $(holders); do
		kill -KILL "$pid"
	done
	# Ours, for nobody else has ended it.
	[ -z "$DEVICE" ] || losetup -d "$DEVICE"
	DEVICE=
	rm -rf "$RUN"
	sed -i 's/"boot_id": ".*"/"boot_id": "before"/' a/state.json
}
# disk LUN: its path, or nothing.
disk() {
	ask device.list | python3 -c "import json, sys
for d in json.load(sys.stdin)['disks']:
	if d['lun'] == $1 and d['state'] == 'attached': print(d['path'])"
}
attached() { [ -n "$(disk "$1")" ]; }
holds() { # LUN PATTERN
	io "nbd+unix:///?socket=$(disk "$1")" "read -P $2 1M 64k"
}
record() { # KEY: of each record
	ask node.show "{\"target\": \"$IQN\"}" | python3 -c "import json, sys
print(' '.join(n['values']['$1'] for n in json.load(sys.stdin)['nodes']))"
}
set_record() { # KEY VALUE
	ask node.update "{\"target\": \"$IQN\", \"values\": {\"$1\": \"$2\"}}"
}
waits() { lunar list | grep '^(waiting)'; }

start
serve one.img --size 64M
fails_with 30 "no such LUN, for the boot" 'it has: 0' attach "iscsi://$ONE/$IQN/3" --boot --via nbd-socket
try "a disk is attached for the boot" lunar attach "$URL" --boot --via nbd-socket
is "its record says which" "$(record node.lunar.attach)" 0
is "and that the daemon logs in" "$(record node.startup)" automatic
is "and how it is attached" "$(record node.lunar.via)" nbd-socket
try "it is written" io "nbd+unix:///?socket=$(disk 0)" 'write -P 7 1M 64k' flush
reboot
start
try "after a boot it is there by itself" wait_for 20 attached 0
try "with what was written" holds 0 7
rm a/state.json
kill "$DAEMON"
wait_for 20 ended "$DAEMON"
rm -f a/state.json
start
try "also when nothing but the records is known" wait_for 20 attached 0

# --- a LUN that comes later
try "more LUNs are wanted" set_record node.lunar.attach 0,2-4
reboot
start
try "the one that there is is attached" wait_for 20 attached 0
truncate -s 64M two.img three.img
stop_target
serve one.img two.img three.img
try "one that comes later is attached when it comes" wait_for 20 attached 2
try "what was there goes on" holds 0 7
attached 1 && not_ok "and no other one" || ok "and no other one"
stop_target
reboot
start
sleep 0.5
attached 0 && not_ok "nobody is there: nothing is attached" || ok "nobody is there: nothing is attached"
serve one.img two.img three.img
try "somebody comes: what is wanted is attached" wait_for 30 attached 2
try "all of it" wait_for 20 attached 0

# --- what is detached
try "one is detached" lunar detach "iscsi://$ONE/$IQN/2"
is "its record does not want it any more" "$(record node.lunar.attach)" 0,3-4
reboot
start
try "the other one comes again" wait_for 20 attached 0
sleep 0.5
attached 2 && not_ok "and this one does not" || ok "and this one does not"
try "all are wanted" set_record node.lunar.attach all
stop_target
serve one.img two.img three.img
try "with the next login they are there" wait_for 30 attached 1
try "all of them" wait_for 10 attached 2
try "one is detached" lunar detach "iscsi://$ONE/$IQN/1"
killed=$(its_child)
kill -KILL "$killed"
other_child() { [ -n "$(its_child)" ] && [ "$(its_child)" != "$killed" ]; }
wait_for 20 other_child
try "the other process is another one" wait_for 20 holds 0 7
sleep 0.5
attached 1 && not_ok "what was detached stays so" || ok "what was detached stays so"

# --- another disk in its place
stop_target
reboot
truncate -s 64M other.img
start
serve other.img two.img
try "another disk is in its place: the others are attached" wait_for 30 attached 1
try "it waits" wait_for 10 waits
says "and says why" "LUN 0 .* is another disk than it was" <(lunar list)
attached 0 && not_ok "it is not taken for the old one" || ok "it is not taken for the old one"
stop_target
serve one.img two.img
try "the old one is there again, and attached" wait_for 30 holds 0 7
stop_target
serve other.img two.img
try "another one again, under it" wait_for 30 waits
try "it is detached" lunar detach "$URL"
try "and the other one taken" lunar attach "$URL"
try "which is empty" holds 0 0
try "all go" lunar detach all
stop_target

# --- several portals
kill "$DAEMON"
wait_for 20 ended "$DAEMON"
rm -rf a
start
start_target one.img --target "$IQN" --portal "$ONE" --portal "$TWO"
try "a target with two portals" lunar discover "$ONE"
try "two sessions" ask session.login "{\"target\": \"$IQN\"}"
try "a disk for the boot" lunar attach "iscsi://$ONE/$IQN/0" --boot --via nbd-socket
is "by both of them" "$(record node.startup)" "automatic automatic"
reboot
stop_target
# The first one takes connections, and does not answer.
timeout 120 python3 -c "import socket, time
s = socket.create_server(('127.0.0.1', ${ONE##*:}))
print('listens', flush=True)
time.sleep(100)" >mute.log &
CLIENTS+=("$!")
wait_for 10 grep -q listens mute.log
start_target one.img --target "$IQN" --portal "$TWO"
start
try "after a boot one of two answers, and that is enough" wait_for 60 holds 0 7
kill "$DAEMON"
try "the daemon ends" wait_for 30 ended "$DAEMON"
wait "$DAEMON"
is "without a fault" "$?" 0
start
try "after an end in order it is there again" wait_for 20 holds 0 7

# --- a disk that is attached while the session of the last one is logged out
for _ in 1 2 3 4 5; do
	lunar detach "iscsi://$TWO/$IQN/0" >>rounds 2>&1 && lunar attach "iscsi://$TWO/$IQN/0" --boot --via nbd-socket >>rounds 2>&1 ||
		echo failed >>rounds
done
is "a disk is attached right behind its end" "$(grep -c failed rounds)" 0

# --- what sessions before have left is not known
resets() {
	ask device.list | python3 -c "import json, sys
print(sum(d['resets'] for d in json.load(sys.stdin)['devices']))"
}
is "what is known needs no reset" "$(resets)" 0
kill -KILL "$DAEMON" "$(its_child)"
wait "$DAEMON" 2>/dev/null
echo '{' >a/state.json
start
try "the state is damaged: it is attached by its record" wait_for 20 holds 0 7
is "after the LU was reset" "$(resets)" 1
says "which is said" 'state.json is damaged in line 2 .*reset' a.err

# --- a block device
try "it is detached" lunar detach "iscsi://$ONE/$IQN/0"
if ! lunar attach "iscsi://$TWO/$IQN/0" --boot --via fuse >dev.out 2>dev.err; then
	skip "a block device" "$(cat dev.err)"
else
	DEVICE=$(cat dev.out)
	try "a block device for the boot" test -b "$DEVICE"
	reboot
	start
	try "after a boot there is one again" wait_for 20 attached 0
	try "which can be read" dd if="$(disk 0)" of=/dev/null bs=64k count=1 iflag=direct
	try "it is detached" lunar detach "$(disk 0)"
fi
done_testing

#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 300
# lunar-initiatord and the short way: discover, attach by an NBD socket and as a block device, detach; each way to
# fail with its own exit code; the target restarted, and the daemon's process killed, under I/O.
. "$(dirname "$0")/functions.sh"
need qemu-io

. "$HERE/initiatord-functions.sh"

# another_child PID: it is there, and is not that one, which has been killed.
another_child() {
	local pid
	pid=$(its_child)
	[ -n "$pid" ] && [ "$pid" != "$1" ]
}
comes_to_an_end() {
	wait "$1"
}

printf secretsecret1 >right
printf wrongsecret12 >wrong
chmod 600 right wrong
fails_with 37 "no daemon" 'no daemon is running' list --socket "$T/none.sock"

start_initiator a
start_target disk.img --size 64M --portal "127.0.0.1:$("$HERE/free-port.py")" --chap alice --chap-secret-file right
try "a host is asked for its targets" lunar discover "$PORTAL"
says "and has ours" "^$IQN"
URL="iscsi://$PORTAL/$IQN/0"

fails_with 16 "a wrong secret" 'does not accept this user and secret' attach "$URL" --user alice --password-file wrong
fails_with 20 "a wrong name" 'no such target|not found' attach "iscsi://$PORTAL/$IQN.other/0" --user alice \
	--password-file right
fails_with 13 "a wrong port" 'nobody listens|refused' attach "iscsi://127.0.0.1:1/$IQN/0"
# A name with a part of more than 63 letters: no name server is asked for that.
NOWHERE=$(printf '%070d.invalid' 0)
fails_with 11 "a host that there is not" 'no address|resolve' attach "iscsi://$NOWHERE/$IQN/0" --timeout 30
fails_with 2 "no URL" 'a URL is iscsi://' attach /dev/null
fails_with 2 "a bad name of a target" 'iqn' attach "iscsi://$PORTAL/disk/0"
fails_with 2 "no target: what there is" "$IQN" attach "iscsi://$PORTAL"
fails_with 32 "no such method" 'fuse' attach "$URL" --via telepathy
fails_with 30 "no such LUN" 'it has: 0' attach "iscsi://$PORTAL/$IQN/9" --user alice --password-file right \
	--via nbd-socket

# --- by a socket, which needs no rights
try "it is attached" lunar attach "$URL" --via nbd-socket --user alice --password-file right
SOCKET=$(cat "$T/out")
[ -S "$SOCKET" ] && ok "there is a socket" || not_ok "there is a socket" "$T/out"
try "it is attached once more" lunar attach "$URL"
is "which is the same" "$(cat "$T/out")" "$SOCKET"
NBD="nbd+unix:///?socket=$SOCKET"
try "it is written and read" io "$NBD" 'write -P 7 1M 1M' 'read -P 7 1M 1M' flush
try "it is listed" lunar list
says "with its path" "LUN 0 of $IQN at .* up, in use"
lunar list --json >list.json
is "also as JSON" "$(python3 -c 'import json; print(len(json.load(open("list.json"))["devices"]))')" 1

start_client writer.log qemu-io -f raw "$NBD" < <(sleep 0.5; for i in $(seq 40); do
	echo "write -P $i ${i}M 512k"
	sleep 0.05
done; for i in $(seq 40); do echo "read -P $i ${i}M 512k"; done)
wait_for 10 grep -q wrote writer.log
fails_with 31 "it is not detached while somebody uses it" 'client' detach "$SOCKET"
sleep 1
stop_target
sleep 0.3
start_target disk.img --portal "$PORTAL" --chap alice --chap-secret-file right
try "the target is restarted under I/O" comes_to_an_end "$CLIENT"
is "and nothing is lost" "$(grep -c 'read 524288/524288' writer.log) $(grep -ci 'fail\|error' writer.log)" "40 0"

serves() { io "$NBD" 'read -P 40 40M 512k'; }
kill -KILL "$(its_child)"
try "the daemon's other process is killed, and the socket serves" wait_for 30 serves

kill -KILL "$DAEMON"
wait "$DAEMON" 2>/dev/null
start_initiator a
try "the daemon is killed, and the next one goes on" wait_for 30 serves
try "it is detached" lunar detach "$URL"
[ ! -e "$SOCKET" ] && ok "and its socket is gone" || not_ok "and its socket is gone"
says "the session was logged out" 'logout of' "$T/target.err"
fails_with 35 "what is not attached is not detached" 'no such disk' detach "$URL"

# --- as a block device
if ! lunar attach "$URL" --via fuse >dev.out 2>dev.err; then
	skip "a block device" "$(cat dev.err)"
else
	DEV=$(cat dev.out)
	[ -b "$DEV" ] && ok "a block device" || not_ok "a block device" dev.out
	lsblk -bno SIZE "$DEV" >size
	is "of its size" "$(tr -d ' ' <size)" $((64 << 20))
	LINK="/dev/disk/by-path/ip-$PORTAL-iscsi-$IQN-lun-0"
	is "with its name by path" "$(readlink -f "$LINK")" "$DEV"
	mkdir -p mnt
	try "a file system" mkfs.ext4 -q -F "$DEV"
	try "is mounted" mount "$DEV" mnt
	MOUNTED=$T/mnt
	head -c 4M /dev/urandom >copy
	cp copy mnt/one
	fails_with 31 "it is not detached while it is mounted" "mounted on $T/mnt" detach "$DEV"
	stop_target
	(sleep 0.5; cp copy mnt/two; sync -f mnt/two) &
	COPY=$!
	start_target disk.img --portal "$PORTAL" --chap alice --chap-secret-file right
	try "the target is restarted under it" comes_to_an_end "$COPY"
	killed=$(its_child)
	kill -KILL "$killed"
	if wait_for 10 another_child "$killed" && ! grep -q 'does not ask again' a.err; then
		try "the daemon's process is killed under it" cp copy mnt/three
		sync -f mnt/three
		umount mnt && mount "$DEV" mnt # or what is read comes from memory
		try "and all is there" cmp copy mnt/three
	fi
	try "and what was there" cmp copy mnt/one
	try "is unmounted" umount mnt
	MOUNTED=
	try "is detached" lunar detach "$LINK"
	! lsblk "$DEV" >/dev/null 2>&1 || [ "$(lsblk -bno SIZE "$DEV" | tr -d ' ')" = 0 ] &&
		ok "and gone" || not_ok "and gone"
	[ ! -e "$LINK" ] && ok "with its names" || not_ok "with its names"
fi

# --- the end in order
try "attached for the boot" lunar attach "$URL" --via nbd-socket --boot
kill "$DAEMON"
try "the daemon ends" wait_for 20 ended "$DAEMON"
wait "$DAEMON"
is "without a fault" "$?" 0
start_initiator a
try "and what is for the boot is there again" wait_for 10 io "$NBD" "read 0 64k"
stop_target
fails_with 35 "detach: no such" 'no such disk' detach "iscsi://$PORTAL/$IQN/5"
done_testing

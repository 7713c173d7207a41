#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# network: own
# timeout: 300
# The daemon and a disk that hangs while it is opened, closed or resized: calls are answered, sessions and other
# disks do not notice, and the disk comes when it is there.
. "$(dirname "$0")/functions.sh"
need_program swarm stall
[ -w /dev/fuse ] || skip_all "/dev/fuse is not to be had"

LIMIT=120
PATIENCE=30
mkdir mnt
truncate -s 32M slow.img
mkfifo commands
exec 8<>commands
start_client fuse.log "$STALL" mnt slow.img <&8
wait_for 10 grep -q '^mounted' fuse.log || skip_all "no FUSE here: $(head -1 fuse.log)"

disk() {
	: >fuse.log
	echo "$1" >&8
	wait_for 10 grep -q "^$1: done" fuse.log
}
hangs() {
	grep -q '^hangs' fuse.log
}
PORT=$("$HERE/free-port.py")
PORTAL=127.0.0.1:$PORT
IQN=iqn.2026-01.test.lunar:slow
call() {
	control "$@"
}
create() { # PATH ARGS
	control tree.create "{\"path\": \"$1\", \"args\": {$2}}"
}
slow_disk() {
	create /backstores/fileio "\"name\": \"slow\", \"file_or_dev\": \"$T/mnt/disk\""
}
# within NAME MILLISECONDS COMMAND...: answered in time, with whatever.
within() {
	local name=$1 most=$2 begun=${EPOCHREALTIME/[.,]/} took
	shift 2
	run "$@"
	took=$(((${EPOCHREALTIME/[.,]/} - begun) / 1000))
	if [ $took -le "$most" ]; then ok "$name ($took ms)"; else not_ok "$name: $took ms" "$T/out"; fi
}
is_pending() {
	control tree.list '{"path": "/backstores/fileio/slow", "depth": 0}' >state.out && grep -q '"pending"' state.out
}
is_there() {
	! is_pending
}
login() {
	"$SWARM" login "$PORTAL" "$IQN" "$@" depth=4 login=3 within=3 logout=3
}
openers() {
	local stat n=0
	for stat in /proc/[0-9]*/stat; do
		grep -q "(lunar-opener) . $TARGET_PID " "$stat" 2>/dev/null && n=$((n + 1))
	done
	echo $n
}
few_openers() {
	[ "$(openers)" -le 2 ]
}

start_daemon
try "a fast disk" create /backstores/fileio \
	"\"name\": \"fast\", \"file_or_dev\": \"$T/fast.img\", \"size\": \"32M\""
create /iscsi "\"wwn\": \"$IQN\"" >/dev/null
control tree.delete "{\"path\": \"/iscsi/$IQN/tpg1/portals\", \"args\": {\"ip_address\": \"0.0.0.0\", \"ip_port\": \"3260\"}}" >/dev/null
create "/iscsi/$IQN/tpg1/portals" "\"ip_address\": \"127.0.0.1\", \"ip_port\": \"$PORT\"" >/dev/null
create "/iscsi/$IQN/tpg1/luns" '"storage_object": "/backstores/fileio/fast"' >/dev/null
control tree.set "{\"path\": \"/iscsi/$IQN/tpg1\", \"group\": \"attribute\", \"values\": {\"generate_node_acls\": \"1\", \"demo_mode_write_protect\": \"0\", \"cache_dynamic_acls\": \"1\"}}" >/dev/null
try "which can be used" login first=50
start_client io.log "$SWARM" io "$PORTAL" "$IQN" connections=4 depth=8 login=3 within=3 logout=3
IO=$CLIENT
wait_for 10 grep -q '^up' io.log

# --- made by hand

disk open
within "to make a disk that hangs is answered" 4500 slow_disk
says "with what is wrong" "mnt/disk does not answer"
try "it hangs indeed" hangs
try_fails "it is refused, and nothing was made" control tree.get '{"path": "/backstores/fileio/slow"}'
slow_disk >slow.out 2>&1 &
waiting=$!
sleep 0.3
within "meanwhile the tree is shown" 2000 call tree.list '{"path": "/", "depth": 9}'
within "and the status" 1000 call status
within "and who is there" 1000 call session.list
within "and somebody logs in" 3000 login first=60
wait $waiting
within "another disk is made" 1000 create /backstores/fileio "\"name\": \"other\", \"file_or_dev\": \"$T/other.img\", \"size\": \"1M\""
says "as if nothing were" 'Created fileio other'
disk go
try "those that hung have ended by themselves" wait_for 10 few_openers
try "then the disk can be made" slow_disk
says "as if nothing had been" 'Created fileio slow'
try "as a LUN" create "/iscsi/$IQN/tpg1/luns" '"storage_object": "/backstores/fileio/slow"'
try "which can be used" login first=70 lun=1
try "it is saved" control config.save

# --- it gets another size

disk size
within "it gets another size, and whoever asks for that hangs" 3000 control tree.resize \
	'{"path": "/backstores/fileio/slow", "size": "33M"}'
says "as it was asked to" 'Resized fileio slow'
within "others log in" 3000 login first=75
within "and so do those who use it" 3000 login first=76 lun=1
try "which has that size" grep -q 'size.*34603008' <(control status)
disk go

# --- found by its path

disk look
begun=$SECONDS
create "/iscsi/$IQN/tpg1/luns" "\"storage_object\": \"$T/mnt/disk\"" >lun.out 2>&1 &
waiting=$!
try "a path of which a LUN is to be hangs" wait_for 10 hangs
within "meanwhile the status is shown" 1000 call status
within "and somebody logs in" 3000 login first=77
wait $waiting
[ $((SECONDS - begun)) -le 6 ] && ok "it is answered soon" || not_ok "it is answered after $((SECONDS - begun)) s"
says "with what is wrong" "mnt/disk does not answer" lun.out
disk go

# --- closed

disk close
within "to delete a disk whose close hangs is answered" 3500 control tree.delete \
	'{"path": "/backstores/fileio", "args": {"name": "slow"}}'
says "as ever" 'Deleted storage object slow'
try "it hangs indeed" hangs
within "others are shown" 1000 call status
within "and used" 3000 login first=80
disk go

# --- from a saved configuration

disk open
within "what was saved is applied" 5000 call config.apply
says "with a disk that is waited for" 'slow'
try "it is pending" is_pending
says "for a reason" 'does not answer' <(control tree.list '{"path": "/backstores/fileio/slow", "depth": 0}')
within "the tree changes meanwhile" 1000 create /backstores/fileio "\"name\": \"more\", \"file_or_dev\": \"$T/more.img\", \"size\": \"1M\""
disk go
try "it comes when it answers" wait_for 5 is_there
try "with its LUN" login first=90 lun=1
kill "$IO"
wait "$IO"
is "whoever used another disk saw nothing of all this" $? 0

# --- at the start

stop_target
disk open
before=$SECONDS
start_daemon
try "the daemon starts without it" control version
[ $((SECONDS - before)) -le 6 ] && ok "soon" || not_ok "soon: $((SECONDS - before)) s"
says "and says what it waits for" 'slow: .*does not answer.*it is waited for' "$T/target.err"
try "others can be used" login first=100
try "it is pending" is_pending
within "it can be deleted" 3500 control tree.delete '{"path": "/backstores/fileio", "args": {"name": "slow"}}'
within "and ended" 35000 stop_target
is "in order" "$STATUS" 0
disk go
exec 8>&-
done_testing

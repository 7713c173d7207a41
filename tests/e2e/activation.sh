#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# network: own
# timeout: 240
# Descriptors from a service manager: sockets that it listens on for the daemon, and those that it keeps for the next
# one, over a restart and over a daemon that was killed.
. "$(dirname "$0")/functions.sh"
need python3
need_program swarm

LIMIT=200
PATIENCE=60
TARGETD=$(dirname "$LUNAR")/lunar-targetd
PORT=$("$HERE/free-port.py")
OTHER=$("$HERE/free-port.py")
PORTAL=127.0.0.1:$PORT
IQN=iqn.2026-01.test.lunar:activated

SOCK=$T/state/target.sock
control() {
	"$HERE/control.py" "$SOCK" "$@"
}
create() { # PATH ARGS
	control tree.create "{\"path\": \"$1\", \"args\": {$2}}"
}
login() { # FIRST [PORTAL] [LUN]
	"$SWARM" login "${2:-$PORTAL}" "$IQN" first="$1" lun="${3:-0}" depth=4 login=10 within=10 logout=3
}
portal() { # PORT
	create "/iscsi/$IQN/tpg1/portals" "\"ip_address\": \"127.0.0.1\", \"ip_port\": \"$1\""
}
daemon_pid() {
	sed -n 's/^pid //p' manager.log | tail -1
}
ready() {
	grep -c READY=1 manager.log
}
ready_again() { # AFTER
	[ "$(ready)" -gt "$1" ]
}
# manage PLACE...: the daemon, with these sockets. Sets MANAGER.
manage() {
	"$HERE/manager.py" "$@" -- "$TARGETD" --state "$T/state" >manager.log 2>"$T/target.err" </dev/null &
	MANAGER=$!
	CLIENTS+=("$MANAGER")
	wait_for 20 ready_again 0
	TARGETS+=("$(daemon_pid)")
}
finish() {
	kill "$MANAGER"
	wait "$MANAGER"
}

# --- sockets that it listens on

mkdir state run
manage "control=$T/run/control.sock" "portal=127.0.0.1:$PORT" "more=127.0.0.1:$OTHER" junk=pipe
try "the control socket is the one that was passed" "$HERE/control.py" "$T/run/control.sock" version
try_fails "and no other" test -e "$T/state/target.sock"
SOCK=$T/run/control.sock
says "what is no socket of ours is said" '"junk", which is no socket of ours' "$T/target.err"
says "and what no portal is for" "listens on $PORTAL for us, and no portal" "$T/target.err"
create /backstores/fileio "\"name\": \"disk\", \"file_or_dev\": \"$T/disk.img\", \"size\": \"64M\"" >/dev/null
create /backstores/ramdisk '"name": "memory", "size": "64M"' >/dev/null
create /iscsi "\"wwn\": \"$IQN\"" >/dev/null
control tree.delete "{\"path\": \"/iscsi/$IQN/tpg1/portals\", \"args\": {\"ip_address\": \"0.0.0.0\", \"ip_port\": \"3260\"}}" >/dev/null
try "a portal at a port that is taken, by the socket that was passed" portal "$PORT"
create "/iscsi/$IQN/tpg1/luns" '"storage_object": "/backstores/fileio/disk"' >/dev/null
create "/iscsi/$IQN/tpg1/luns" '"storage_object": "/backstores/ramdisk/memory"' >/dev/null
control tree.set "{\"path\": \"/iscsi/$IQN/tpg1\", \"group\": \"attribute\", \"values\": {\"generate_node_acls\": \"1\", \"demo_mode_write_protect\": \"0\", \"cache_dynamic_acls\": \"1\"}}" >/dev/null
try "it can be logged in there" login 50
try "it is saved" control config.save
n=$(ready)
kill -USR1 "$MANAGER"
try "the daemon is started again with them" wait_for 20 ready_again "$n"
try "and serves there" login 51
try "the control socket is there all the while" control version
kill -USR2 "$(daemon_pid)"
try "it is handed over" wait_for 20 grep -q 'is handed over' "$T/target.err"
try "and serves there after that" login 52
try "by the same control socket" control version
finish
is "it ends in order" $? 0
try "the socket's name is the service manager's" test -e "$T/run/control.sock"

# --- what it keeps

SOCK=$T/state/target.sock
manage
try "listening sockets are given to it" grep -q "^stored listen-127.0.0.1_$PORT" manager.log
try "and memory" grep -q '^stored ramdisk-' manager.log
try "one more portal" portal "$OTHER"
try "as well" wait_for 5 grep -q "^stored listen-127.0.0.1_$OTHER" manager.log
try "which is deleted" control tree.delete "{\"path\": \"/iscsi/$IQN/tpg1/portals\", \"args\": {\"ip_address\": \"127.0.0.1\", \"ip_port\": \"$OTHER\"}}"
try "and not kept any more" wait_for 5 grep -q "^removed listen-127.0.0.1_$OTHER" manager.log
start_client knock.log "$HERE/knock.py" 127.0.0.1 "$PORT"
KNOCK=$CLIENT
theirs=(connections=4 depth=8 login=30 within=30 logout=5 retry=1)
start_client file.log "$SWARM" io "$PORTAL" "$IQN" lun=0 first=0 "${theirs[@]}"
FILE=$CLIENT
start_client memory.log "$SWARM" io "$PORTAL" "$IQN" lun=1 first=8 "${theirs[@]}"
MEMORY=$CLIENT
wait_for 10 grep -q '^up' file.log
wait_for 10 grep -q '^up' memory.log
for how in restarted killed restarted killed; do
	sleep 0.5
	n=$(ready)
	if [ $how = killed ]; then kill -KILL "$(daemon_pid)"; else kill -USR1 "$MANAGER"; fi
	try "it is $how" wait_for 40 ready_again "$n"
	TARGETS+=("$(daemon_pid)")
done
try "it serves" login 53
for who in file:$FILE memory:$MEMORY knock:$KNOCK; do
	kill "${who#*:}"
	wait "${who#*:}"
	code=$?
	if [ $code -eq 0 ]; then ok "${who%:*}: nothing was lost, and nobody refused"; else not_ok "${who%:*}" "${who%:*}.log"; fi
	diag "${who%:*}.log"
done
try "what is deleted" control tree.delete '{"path": "/backstores/ramdisk", "args": {"name": "memory"}}'
try "is not kept" wait_for 5 grep -q '^removed ramdisk-' manager.log
finish
is "it ends in order" $? 0

# --- systemd's own

if command -v systemd-socket-activate >/dev/null; then
	start_client activate.log systemd-socket-activate -l "$PORTAL" "$TARGETD" --state "$T/state"
	wait_for 5 grep -q Listening activate.log
	try "the first initiator starts it" login 54
	kill "$CLIENT"
	wait "$CLIENT"
else
	skip "the first initiator starts it" "systemd-socket-activate is not installed"
fi
done_testing

#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# network: own
# timeout: 240
# The file of a LU's persistent reservations is made when there is first something to keep, by whoever has the rights:
# with the sandbox, without it, and by the daemon, whose next process and next program go on with it. It goes with the
# disk.
. "$(dirname "$0")/functions.sh"
need python3 iscsi-inq

does() { # WORD...
	timeout 60 "$HERE/reservations.py" "$PORTAL" "$IQN" kept "$@" 2>&1 | tr '\n' ' '
}
serial() {
	iscsi-inq -e 1 -c 128 "$URL" | sed -n 's/^Unit Serial Number:\[ *\(.*\)\]$/\1/p'
}
is_there() { # NAME
	if [ -e "$FILE" ]; then ok "$1"; else not_ok "$1"; fi
}
is_not_there() { # NAME
	if [ -e "$FILE" ]; then not_ok "$1"; else ok "$1"; fi
}

# --- lunar serve

start_target disk.img --size 16M
FILE=$XDG_STATE_HOME/lunar/reservations-$(serial)
is "without APTPL" "$(does register:a1 reserve:a1:1 reserved)" "good good 1 a1 "
is_not_there "what is not to be kept has no file"
is "with APTPL" "$(does keep:a2 keys)" "good a2 "
is_there "what is has one"
is "which is nobody else's to read" "$(stat -c %a "$FILE")" 600
stop_target
start_target disk.img --no-sandbox
is "it is there without a sandbox" "$(does keys)" "a2 "
stop_target
rm "$FILE"
start_target disk.img --no-sandbox
is "without the file there is nothing" "$(does keys)" "none "
is "it is made without a sandbox" "$(does keep:a3)" "good "
is_there "it is"
stop_target
rm "$FILE"
start_target disk.img
ln -s "$T/elsewhere" "$FILE"
is "a link in its place is not followed" "$(does keep:a4 keys)" "sense 4 44/00 none "
says "and said to be in the way" "$FILE, cannot be kept: it is a link" target.err
[ -e elsewhere ] && not_ok "what it names is not made" || ok "what it names is not made"
rm "$FILE"
is "it is made as soon as it can be" "$(does keep:a4 keys)" "good a4 "
stop_target

# --- lunar-targetd

PORT=$("$HERE/free-port.py")
PORTAL=127.0.0.1:$PORT
IQN=iqn.2026-01.test.lunar:kept
create() { # PATH ARGS
	control tree.create "{\"path\": \"$1\", \"args\": {$2}}" >/dev/null
}
disk() {
	create /backstores/fileio "\"name\": \"disk\", \"wwn\": \"01020304-0506-0708-090a-0b0c0d0e0f10\", \"file_or_dev\": \"$T/disk.img\", \"size\": \"16M\""
	create "/iscsi/$IQN/tpg1/luns" '"storage_object": "/backstores/fileio/disk"'
}
finds() { # WORD...: what `keys` says
	[ "$(does keys)" = "$* " ]
}
handed_over() {
	[ "$(grep -c 'ready:' target.err)" -gt 1 ]
}
FILE=$T/state/reservations-0102030405060708090a0b0c0d0e0f10

start_daemon
create /iscsi "\"wwn\": \"$IQN\""
control tree.delete "{\"path\": \"/iscsi/$IQN/tpg1/portals\", \"args\": {\"ip_address\": \"0.0.0.0\", \"ip_port\": \"3260\"}}" >/dev/null
create "/iscsi/$IQN/tpg1/portals" "\"ip_address\": \"127.0.0.1\", \"ip_port\": \"$PORT\""
disk
control tree.set "{\"path\": \"/iscsi/$IQN/tpg1\", \"group\": \"attribute\", \"values\": {\"generate_node_acls\": \"1\", \"demo_mode_write_protect\": \"0\", \"cache_dynamic_acls\": \"1\"}}" >/dev/null
control config.save >/dev/null
is "the daemon, without APTPL" "$(does register:a1 keys)" "good a1 "
is_not_there "has no file"
kill -KILL "$SERVER"
try "and nothing when its second process is killed" wait_for 20 finds none
is "with APTPL" "$(does keep:a2 keys)" "good a2 "
is_there "it has one"
kill -KILL "$(server_pid)"
try "which the next process goes on with" wait_for 20 finds a2
is "and changes" "$(does keep:a3 keys)" "good a3 "
kill -USR2 "$TARGET_PID"
wait_for 20 handed_over
try "so does the next program" wait_for 20 finds a3
is "which changes it, too" "$(does keep:a4 keys)" "good a4 "
SERVER=$(server_pid)
stop_target KILL
wait_for 20 ended "$SERVER"
start_daemon
try "and whoever comes when both are killed" wait_for 20 finds a4
try "the disk is deleted" control tree.delete '{"path": "/backstores/fileio", "args": {"name": "disk"}}'
is_not_there "and takes it away"
disk
try "made anew it has nothing" wait_for 20 finds none
stop_target
done_testing

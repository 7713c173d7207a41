#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 240
# What outlives a LU has a file in the state directory, which the process on the network is given and cannot open: a
# record that a power cut left in one of two places is in both soon after each start, by either program. A link in its
# place is not followed, a LU that is deleted takes it away, and who may only read has none.
. "$(dirname "$0")/functions.sh"
need iscsi-inq python3

half() { # FILE ID TEXT
	"$HERE/record.py" half "$@"
}
becomes_whole() { # NAME FILE ID TEXT
	if wait_for 20 "$HERE/record.py" whole "$2" "$3" "$4"; then ok "$1"; else not_ok "$1" <(ls -l "$(dirname "$2")"); fi
}
serial() {
	iscsi-inq -e 1 -c 128 "$URL" | sed -n 's/^Unit Serial Number:\[ *\(.*\)\]$/\1/p'
}
is_refused() { # NAME REASON ARGUMENT...
	local name=$1 reason=$2
	shift 2
	spawn_target "$@"
	wait_for 20 ended "$TARGET_PID"
	wait "$TARGET_PID"
	is "$name" $? 1
	says "and why" "$reason" target.err
}

# --- lunar serve

start_target disk.img --size 16M
ID=$(serial)
FILE=$XDG_STATE_HOME/lunar/reservations-$ID
stop_target
[ -e "$FILE" ] && not_ok "who has nothing to keep has no file" || ok "who has nothing to keep has no file"
half "$FILE" "$ID" "one"
start_target disk.img
becomes_whole "what was cut short is made whole" "$FILE" "$ID" one
stop_target
is "it ends well" "$STATUS" 0
half "$FILE" "$ID" "two"
start_target disk.img --no-sandbox
becomes_whole "without a sandbox, too" "$FILE" "$ID" two
stop_target
half "$FILE" "$ID" "three"
start_target disk.img --readonly
stop_target
try_fails "who may only read leaves it as it is" "$HERE/record.py" whole "$FILE" "$ID"

half elsewhere "$ID" "four"
rm "$FILE"
ln -s "$T/elsewhere" "$FILE"
is_refused "a link is not followed" "its persistent reservations, $FILE, cannot be read: it is a link; .*move it away" disk.img
try_fails "and what it names is as it was" "$HERE/record.py" whole elsewhere "$ID"
rm "$FILE"
mkdir "$FILE"
is_refused "a directory is no file" "its persistent reservations, $FILE, cannot be read" disk.img
rmdir "$FILE"
mkfifo "$FILE"
is_refused "nor is a pipe" "its persistent reservations, $FILE, cannot be read: it is no file" disk.img
rm "$FILE"
start_target disk.img
ok "it can be moved away"
stop_target

# --- lunar-targetd

create() { # NAME WWN ARGS
	control tree.create "{\"path\": \"/backstores/fileio\", \"args\": {\"name\": \"$1\", \"wwn\": \"$2\", \"file_or_dev\": \"$T/$1.img\", $3}}"
}
delete() { # NAME
	control tree.delete "{\"path\": \"/backstores/fileio\", \"args\": {\"name\": \"$1\"}}"
}
handed_over() {
	[ "$(grep -c 'ready:' target.err)" -gt 1 ]
}
WWN=01020304-0506-0708-090a-0b0c0d0e0f10
ID=${WWN//-/}
FILE=$T/state/reservations-$ID

start_daemon
try "a disk" create one "$WWN" '"size": "16M"'
try "is saved" control config.save
[ -e "$FILE" ] && not_ok "and has no file yet" || ok "and has no file yet"
half "$FILE" "$ID" "one"
kill -KILL "$SERVER"
becomes_whole "a new process is given what is there" "$FILE" "$ID" one
half "$FILE" "$ID" "two"
kill -USR2 "$TARGET_PID"
becomes_whole "so is that of the next program" "$FILE" "$ID" two
try "it is handed over" wait_for 20 handed_over
stop_target
half "$FILE" "$ID" "three"
mv one.img away.img
start_daemon
sleep 0.3
try_fails "a disk that is not there leaves it as it is" "$HERE/record.py" whole "$FILE" "$ID"
mv away.img one.img
becomes_whole "until it comes" "$FILE" "$ID" three
try "the disk is deleted" delete one
[ -e "$FILE" ] && not_ok "and takes its file away" "$T/out" || ok "and takes its file away"

half elsewhere "$ID" "four"
ln -s "$T/elsewhere" "$FILE"
try_fails "a link is not followed" create one "$WWN" '"size": "16M"'
says "and said to be in the way" "its persistent reservations, $FILE, cannot be read"
try_fails "what it names is as it was" "$HERE/record.py" whole elsewhere "$ID"
rm "$FILE"
try "it can be moved away" create one "$WWN" '"size": "16M"'
control config.save >/dev/null
stop_target
rm one.img
half "$FILE" "$ID" "five"
start_daemon
try "one that is pending is deleted" delete one
[ -e "$FILE" ] && not_ok "and takes its file away" || ok "and takes its file away"
stop_target
is "it ends well" "$STATUS" 0

done_testing

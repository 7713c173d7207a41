#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# network: own
# SIGHUP: the saved configuration is read again, and applied by the changes that are needed, or not at all.
. "$(dirname "$0")/functions.sh"
need python3
need_program swarm

LIMIT=120
PATIENCE=20
PORT=$("$HERE/free-port.py")
PORTAL=127.0.0.1:$PORT
IQN=iqn.2026-01.test.lunar:reload
FILE=$T/state/saveconfig.json

ear() { # LINE
	grep -qx "$1" ear.log
}
create() { # PATH ARGS
	control tree.create "{\"path\": \"$1\", \"args\": {$2}}"
}
# edit PYTHON: of the saved file, which it calls c.
edit() {
	python3 -c "
import json, sys
c = json.load(open(sys.argv[1]))
$1
json.dump(c, open(sys.argv[1], 'w'))" "$FILE"
}
# reload LINE: until the log has a line like it.
reload() {
	: >"$T/target.err"
	: >ear.log
	kill -HUP "$TARGET_PID"
	wait_for 10 grep -Eq "$1" "$T/target.err" && wait_for 5 ear READY=1
}
has() {
	control tree.list "{\"path\": \"$1\", \"depth\": 0}"
}
login() {
	"$SWARM" login "$PORTAL" "$IQN" first=50 depth=4 login=3 within=3 logout=3
}

start_client ear.log "$HERE/notify.py" "$T/notify"
wait_for 10 grep -q listening ear.log
NOTIFY_SOCKET=$T/notify start_daemon
create /backstores/fileio "\"name\": \"disk\", \"file_or_dev\": \"$T/disk.img\", \"size\": \"32M\"" >/dev/null
create /iscsi "\"wwn\": \"$IQN\"" >/dev/null
control tree.delete "{\"path\": \"/iscsi/$IQN/tpg1/portals\", \"args\": {\"ip_address\": \"0.0.0.0\", \"ip_port\": \"3260\"}}" >/dev/null
create "/iscsi/$IQN/tpg1/portals" "\"ip_address\": \"127.0.0.1\", \"ip_port\": \"$PORT\"" >/dev/null
create "/iscsi/$IQN/tpg1/luns" '"storage_object": "/backstores/fileio/disk"' >/dev/null
control tree.set "{\"path\": \"/iscsi/$IQN/tpg1\", \"group\": \"attribute\", \"values\": {\"generate_node_acls\": \"1\", \"demo_mode_write_protect\": \"0\", \"cache_dynamic_acls\": \"1\"}}" >/dev/null
try "it is saved" control config.save
start_client io.log "$SWARM" io "$PORTAL" "$IQN" connections=4 depth=8 login=3 within=3 logout=3
IO=$CLIENT
wait_for 10 grep -q '^up' io.log

# --- what is alike

try "what is the same changes nothing" reload 'read again: 0 changes'
try "the service manager hears that it begins" ear RELOADING=1
says "and when, for it" '^MONOTONIC_USEC=[0-9]+$' ear.log
is "in this order" "$(tr -d "\000" <ear.log | grep -E "RELOADING|READY" | paste -sd' ')" "RELOADING=1 READY=1"

# --- differences

edit 'c["storage_objects"].append({"name": "more", "plugin": "ramdisk", "size": 1 << 20})'
try "what is new is made" reload 'read again: [1-9]'
says "and said" 'admin: reload: create /backstores/ramdisk/more' "$T/target.err"
try "it is there" has /backstores/ramdisk/more
create /backstores/ramdisk '"name": "unsaved", "size": "1M"' >/dev/null
edit 'c["storage_objects"] = [o for o in c["storage_objects"] if o["name"] != "more"]'
try "what is not in the file goes" reload 'read again: [1-9]'
try_fails "what was in it before" has /backstores/ramdisk/more
try_fails "and what never was" has /backstores/ramdisk/unsaved

# --- broken

cp "$FILE" good.json
printf '{\n  "storage_objects": [\n    nonsense\n' >"$FILE"
try "what is no JSON is refused" reload 'is not applied'
says "with line and column" 'saveconfig.json is not applied.*line 3, column [0-9]+' "$T/target.err"
try "what was there is there" has "/iscsi/$IQN/tpg1/luns/lun0"
cp good.json "$FILE"
edit 'c["targets"][0]["tpgs"][0]["portals"][0]["ip_address"] = "nonsense"'
try "so is what has no meaning" reload 'is not applied'
says "with its place" 'targets\[0\].tpgs\[0\].portals\[0\]' "$T/target.err"
cp good.json "$FILE"
edit 'c["storage_objects"] += [{"name": "first", "plugin": "ramdisk", "size": 1 << 20}, {"name": "dir", "plugin": "fileio", "dev": "'"$T"'", "size": 1 << 20}]'
try "and what cannot be done" reload 'is not applied'
says "for the reason that it has" 'is not applied.*is a directory' "$T/target.err"
try_fails "then nothing of it was done" has /backstores/ramdisk/first
rm "$FILE"
try "and a file that is not there" reload 'is not applied'
try "what runs goes on" login
cp good.json "$FILE"

# --- in any order

for _ in 1 2 3 4 5 6 7 8; do kill -HUP "$TARGET_PID"; done
try "many at once are one after the other" reload 'read again: 0 changes'
kill "$IO"
wait "$IO"
is "sessions have not noticed anything" $? 0
stop_target
is "it ends in order" "$STATUS" 0
start_daemon
kill -HUP "$TARGET_PID"
try "while it starts it is no harm" wait_for 10 grep -q 'read again' "$T/target.err"
done_testing

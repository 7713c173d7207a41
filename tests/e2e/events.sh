#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# `lunar events`: what happens to sessions, LUs, paths and disks of the initiator is told, in order, to all who listen.
. "$(dirname "$0")/functions.sh"
. "$HERE/initiatord-functions.sh"
export LUNAR_TARGET_SOCKET=$T/none.sock

PORT=$("$HERE/free-port.py")
IQN=iqn.2026-11.com.example:events
URL=iscsi://127.0.0.1:$PORT/$IQN/0
TPG=/iscsi/$IQN/tpg1
target() { "$LUNAR" target --socket "$T/state/target.sock" "$@"; }
start_daemon
cat >setup.json <<-END
	{
	  "storage_objects": [{"name": "a", "plugin": "fileio", "dev": "$T/a.img", "size": 67108864},
	                      {"name": "b", "plugin": "fileio", "dev": "$T/b.img", "size": 33554432}],
	  "targets": [
	    {"fabric": "iscsi", "wwn": "$IQN", "tpgs": [
	      {"tag": 1, "enable": true, "parameters": {},
	       "attributes": {"authentication": 0, "generate_node_acls": 1, "demo_mode_write_protect": 0},
	       "luns": [{"index": 0, "storage_object": "/backstores/fileio/a"}],
	       "portals": [{"ip_address": "127.0.0.1", "port": $PORT}]}
	    ]}
	  ]
	}
END
truncate -s 64M a.img
truncate -s 32M b.img
try "a target" target apply setup.json

fails_with 1 "no daemon to listen to" 'no daemon is running' events
fails_with 1 "nor where an option says" '--initiator-socket: .*nobody listens' events --initiator-socket "$T/none"
fails_with 2 "odd options" 'sideways' events --sideways
start_initiator a

# listens LOG OPTION...: `lunar events` in the background, until it hears.
listens() {
	local log=$1
	shift
	start_client "$log" "$LUNAR" events "$@" </dev/null
}
listens json.log --json
listens text.log
sleep 1

# heard NAME EXPRESSION: an event comes, after the last only_new, for which it is true: e is the event.
FROM=0
look_for() {
	python3 -c "import json, sys
for line in open('json.log').readlines()[$FROM:]:
	e = json.loads(line)
	if ($1): sys.exit(0)
sys.exit(1)"
}
heard() {
	if wait_for 15 look_for "$2"; then ok "$1"; else not_ok "$1" json.log a.err; fi
}
only_new() {
	FROM=$(wc -l <json.log)
}

try "a disk is attached" lunar attach "$URL" --via nbd-socket
DEV=$(cat "$T/out")
heard "a session is up" "e['kind'] == 'session.up' and e['target'] == '$IQN' and e['port'] == $PORT"
heard "a LU appeared" "e['kind'] == 'lu.appeared' and e['size'] == 64 << 20 and e['wwid'] and e['model']"
heard "by a path" "e['kind'] == 'path.changed' and e['used'] and e['state'] == 'up' and e['lun'] == 0"
heard "the disk is there" "e['kind'] == 'device.attached' and e['path'] == '$DEV' and e['size'] == 64 << 20"
order() {
	python3 -c "import json
kinds = [json.loads(l)['kind'] for l in open('json.log')]
numbers = [json.loads(l)['number'] for l in open('json.log')]
assert numbers == sorted(set(numbers)), numbers
assert kinds.index('lu.appeared') < kinds.index('path.changed'), kinds
assert kinds.index('session.up') < kinds.index('device.attached'), kinds"
}
try "in order" order
says "and for people" "^[0-9-]+ [0-9:.]+ session.up session=[0-9]+ target=$IQN address=127.0.0.1 port=$PORT\$" text.log

only_new
lunar discover "127.0.0.1:$PORT" >/dev/null
try "one more LUN" target $TPG/luns create /backstores/fileio/b lun=1
ask session.rescan >/dev/null
heard "another LU appears" "e['kind'] == 'lu.appeared' and e['size'] == 32 << 20"
only_new
try "the disk grows" target /backstores/fileio/a resize 96M
ask session.rescan >/dev/null
heard "the LU has another size" "e['kind'] == 'lu.resized' and e['size'] == 96 << 20 and
	e['before'] == 64 << 20 and e['device'] == '$DEV'"

target saveconfig >/dev/null
only_new
stop_target
heard "the session is lost" "e['kind'] == 'session.recovering' and e['why'] and e['reason'] != 'none'"
heard "the path is down" "e['kind'] == 'path.changed' and e['state'] == 'down' and not e['used']"
only_new
start_daemon
heard "the session is" "e['kind'] == 'session.up'"
heard "and the path" "e['kind'] == 'path.changed' and e['used'] and e['state'] == 'up' and e['device'] == '$DEV'"
only_new
kill -KILL "$(its_child)"
heard "the other process has ended" "e['kind'] == 'process.restarted'"
# Its record has been found again by the discovery, with its portal group.
heard "sessions come again" "e['kind'] == 'session.up'"
heard "with the disk" "e['kind'] == 'path.changed' and e['used'] and e['device'] == '$DEV'"

only_new
target $TPG/luns delete lun1 >/dev/null
try "that LUN is another disk now" target $TPG/luns delete lun0
try "of another identity" target $TPG/luns create /backstores/fileio/b lun=0
ask session.rescan >/dev/null
heard "which is seen" "e['kind'] == 'lu.gone' and e['device'] == '$DEV'"
heard "by this path" "e['kind'] == 'lu.other' and e['lun'] == 0 and e['now'] != e['wwid']"

only_new
try "it is detached" lunar detach "$DEV" --force
heard "which is told" "e['kind'] == 'device.detached' and e['path'] == '$DEV'"
heard "and the logout" "e['kind'] == 'session.down' and e['reason'] == 'logged-out'"
fails_with 13 "a login that fails" 'nobody listens' attach "iscsi://127.0.0.1:1/$IQN/0" --via nbd-socket
heard "is told, too" "e['kind'] == 'session.down' and e['reason'] == 'refused' and e['port'] == 1"
only_new
try "another portal" target $TPG/portals create 127.0.0.2 "$PORT"
lunar discover "127.0.0.1:$PORT" >/dev/null
heard "is discovered" "e['kind'] == 'discovery.changed' and e['added'] == 1"

kill "$DAEMON"
says_end() { grep -q 'initiator daemon tells nothing more: it has ended' text.log && grep -q 'nothing more' json.log; }
if wait_for 20 says_end; then ok "the end of the daemon ends it"; else not_ok "the end of the daemon ends it" text.log; fi
stop_target
done_testing

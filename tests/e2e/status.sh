#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# `lunar status`: targets, sessions, and what goes through a disk and how long that takes, once and watched. The
# disk can be made to hang, so it is known how long its slowest read took.
. "$(dirname "$0")/functions.sh"
need iscsi-perf qemu-io
need_program stall
[ -w /dev/fuse ] || skip_all "/dev/fuse is not to be had"

LIMIT=100
mkdir mnt
truncate -s 64M slow.img
mkfifo commands
exec 8<>commands
start_client fuse.log "$STALL" mnt slow.img <&8
wait_for 10 grep -q '^mounted' fuse.log || skip_all "no FUSE here: $(head -1 fuse.log)"

PORT=$("$HERE/free-port.py")
IQN=iqn.2026-11.com.example:seen
URL=iscsi://127.0.0.1:$PORT/$IQN/0
export LUNAR_TARGET_SOCKET=$T/state/target.sock
start_daemon
cat >setup.json <<-END
	{
	  "storage_objects": [{"name": "slow", "plugin": "fileio", "dev": "$T/mnt/disk", "size": 67108864}],
	  "targets": [
	    {"fabric": "iscsi", "wwn": "$IQN", "tpgs": [
	      {"tag": 1, "enable": true, "parameters": {},
	       "attributes": {"authentication": 0, "generate_node_acls": 1, "demo_mode_write_protect": 0},
	       "luns": [{"index": 0, "storage_object": "/backstores/fileio/slow"}],
	       "portals": [{"ip_address": "127.0.0.1", "port": $PORT}]}
	    ]}
	  ]
	}
END
try "a disk that can hang is served" "$LUNAR" target apply setup.json

# value EXPRESSION [FILE]: of the JSON of a look; d is its only disk.
value() {
	python3 -c "import json, sys
look = json.loads(open(sys.argv[2]).read().splitlines()[-1]); d = look['disks'][0]
print($1)" _ "${2:-status.json}"
}
status() {
	"$LUNAR" status --json >status.json
}
# holds NAME EXPRESSION [FILE]
holds() {
	local got
	got=$(value "$2" "${3:-status.json}" 2>&1)
	if [ "$got" = True ]; then ok "$1"; else not_ok "$1" <(echo "$2: $got") "${3:-status.json}"; fi
}

try "a look" status
holds "has the target" "look['targets'] == [{'target': '$IQN', 'tag': 1, 'enabled': True, 'portals': 1,
	'luns': 1, 'acls': 0}]"
holds "the disk and its LUN" "d['luns'] == ['/iscsi/$IQN/tpg1/luns/lun0']"
holds "and no times, for there was nothing" "d['latency'] == {}"

# --- work, watched

"$LUNAR" status --watch --json >watch.json &
WATCH=$!
CLIENTS+=("$WATCH")
try "reads for some seconds" timeout 60 iscsi-perf -t 4 -r -m 4 -b 8 "$URL"
status
holds "reads are counted" "d['reads'] > 100 and d['latency']['reads']['count'] > 100"
holds "and writes not, for there were none" "d['writes'] == 0 and 'writes' not in d['latency']"
holds "percentiles rise" "(lambda r: 0 < r['p50_us'] <= r['p99_us'] <= r['p999_us'] <= r['max_us'])(
	d['latency']['reads'])"
# Four at once for four seconds: so long each took from end to end, with the wire; within a factor of two.
holds "and are what the initiator saw" "d['latency']['reads']['p50_us'] < 2 * 4 * 4e6 / d['reads']"
busy() {
	value "any(d.get('interval', {}).get('reads', 0) > 100 for d in
		(json.loads(l)['disks'][0] for l in open('watch.json')))" watch.json | grep -q True
}
if busy; then ok "an interval had reads"; else not_ok "an interval had reads" watch.json; fi
sleep 2.2
holds "the last one had none" "d['interval']['reads'] == 0 and d['interval']['latency'] == {}" watch.json

# --- a read that hangs

: >fuse.log
echo read >&8
wait_for 10 grep -q '^read: done' fuse.log
io "$URL" "read 32M 4k" >read.log 2>&1 &
READER=$!
CLIENTS+=("$READER")
hangs() { grep -q '^hangs' fuse.log; }
try "a read hangs" wait_for 10 hangs
sleep 1.2
try "a look" "$LUNAR" status
says "sees who waits" "^[0-9]+ .* $IQN .* - .* none +[1-9]"
says "and that it is under way" "^/backstores/fileio/slow +.* 1 +0$"
says "the target has a session" "^$IQN +tpg1 +enabled +1 +1 +0 +1$"
echo go >&8
wait "$READER"
sleep 1.2 # until it is seen by who watches
status
holds "the longest read is that" "1000000 < d['latency']['reads']['max_us'] < 20000000"
holds "and changes no median" "d['latency']['reads']['p50_us'] < 1000000"
slow() {
	value "max(d.get('interval', {}).get('latency', {}).get('reads', {}).get('max_us', 0) for d in
		(json.loads(l)['disks'][0] for l in open('watch.json'))) > 1000000" watch.json | grep -q True
}
if slow; then ok "an interval had it"; else not_ok "an interval had it" watch.json; fi
try "a write" io "$URL" "write 0 1M"
try "for people" "$LUNAR" status
says "the read and its milliseconds" "^/backstores/fileio/slow +reads .* [0-9]{4,}$"
says "and the write" "^/backstores/fileio/slow +writes +[1-9]"
kill "$WATCH"
stop_target
done_testing

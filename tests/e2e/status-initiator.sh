#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# `lunar status` with the initiator: sessions, devices, their paths, what goes through them and their outages; with
# either daemon, both or none.
. "$(dirname "$0")/functions.sh"
. "$HERE/initiatord-functions.sh"
need qemu-io
export LUNAR_TARGET_SOCKET=$T/state/target.sock

printf secretsecret1 >secret
chmod 600 secret
fails_with 1 "no daemon" 'nobody listens on .*target.sock.*nor on' status
fails_with 1 "none where an option says" '--initiator-socket: .*nobody listens' status --initiator-socket "$T/none.sock"
fails_with 1 "as JSON" '^{"error":' status --json
start_initiator a
try "the initiator alone" lunar status
says "says who it is" "^lunar-initiatord .*: 0 of 0 sessions up, 0 of 0 disks attached, as iqn\.2026-11\.io\.lunar:"

start_target disk.img --size 64M --chap alice --chap-secret-file secret
URL="iscsi://$PORTAL/$IQN/0"
try "a disk is attached" lunar attach "$URL" --via nbd-socket --user alice --password-file secret
NBD="nbd+unix:///?socket=$(cat "$T/out")"

# holds NAME EXPRESSION [FILE]: of the last line of JSON: i is the initiator's part, s its session, d its device.
holds() {
	local got
	got=$(python3 -c "import json, sys
look = json.loads(open(sys.argv[2]).read().splitlines()[-1]); i = look['initiator']
s = (i['sessions'] + [None])[0]; d = (i['devices'] + [None])[0]
print($2)" _ "${3:-status.json}" 2>&1)
	if [ "$got" = True ]; then ok "$1"; else not_ok "$1" <(echo "$2: $got") "${3:-status.json}"; fi
}
status() {
	lunar status --json >status.json
}
try "a look" status
holds "has counts" "(i['session_count'], i['sessions_up'], i['disk_count'], i['disks_attached']) == (1, 1, 1, 1)"
holds "the session" "s['target'] == '$IQN' and s['port'] == $PORT and s['state'] == 'logged in'"
holds "as whom, with what" "s['user'] == 'alice' and not s['mutual'] and not s['data_digest']"
holds "the device" "d['size'] == 64 << 20 and d['wwid'] and d['model'] and not d['gone'] and not d['read_only']"
holds "how it is attached" "d['attached']['method'] == 'nbd-socket' and d['attached']['state'] == 'attached'"
holds "its path" "[(p['lun'], p['state'], p['access'], p['used']) for p in d['paths']] ==
	[(0, 'up', 'active/optimized', True)]"
holds "no outage, and no times" "d['outages'] == 0 and d['outage_seconds'] == 0 and d['latency'] == {}"

lunar status --watch --json >watch.json &
WATCH=$!
CLIENTS+=("$WATCH")
for ((i = 0; i < 8; i++)); do
	io "$NBD" "write -P $i ${i}M 1M" "read ${i}M 1M" >/dev/null
	sleep 0.2
done
sleep 1.2
kill "$WATCH"
try "after some work" status
holds "is counted" "d['reads'] >= 8 and d['writes'] >= 8 and d['write_bytes'] >= 8 << 20"
holds "with its times" "(lambda l: 0 < l['p50_us'] <= l['p99_us'] <= l['p999_us'] <= l['max_us'])(
	d['latency']['writes']) and d['latency']['writes']['count'] == d['writes']"
holds "and the session's bytes" "s['bytes_out'] >= 8 << 20"
intervals() {
	python3 -c "import json
looks = [json.loads(l)['initiator'] for l in open('watch.json')]
assert 'interval' not in looks[0]['devices'][0]
assert all('buckets' not in l['devices'][0]['latency'].get('reads', {}) for l in looks)
rows = [(l['devices'][0]['interval'], l['sessions'][0]['interval']) for l in looks[1:]]
busy = [(d, s) for d, s in rows if d['writes']]
assert busy and all(d['latency']['writes']['p50_us'] > 0 for d, s in busy), rows
# What a write sent may be of the interval before the one in which it ended.
assert sum(s['bytes_out'] for d, s in rows) > 0, rows
assert sum(d['writes'] for d, s in rows) <= 8"
}
try "intervals know what was in them" intervals

stop_target
sleep 1.2
try "in an outage" status
holds "the path is down" "d['paths'][0]['state'] == 'down' and not d['paths'][0]['used'] and d['outage_now'] > 1"
holds "and the session is made again, with the reason" "s['recovering'] and s['state'] != 'logged in' and s['why'] != ''"
try "for people" lunar status
says "who waits for what" '1 outage, .* in all; no path for [1-9]'
start_target disk.img --portal "$PORTAL" --chap alice --chap-secret-file secret
back() {
	status && python3 -c "import json; assert json.load(open('status.json'))['initiator']['devices'][0]['paths'][0]['used']"
}
try "it comes back" wait_for 15 back
holds "the outage is over" "d['outages'] == 1 and d['outage_seconds'] > 1 and d['outage_now'] == 0"

try "for people" lunar status
says "the session" "^$IQN +$PORTAL +logged in +alice +none +0 "
says "the device" "^$T/a/.*\.nbd +64 MiB +nbd-socket +[0-9a-f]+ "
says "its path" "^    $IQN LUN 0 at 127.0.0.1 port $PORT: up, active/optimized, used"
says "its times" "nbd +writes +[1-9][0-9]* +[0-9.]+ +[0-9.]+ +[0-9.]+ +[0-9.]+$"
stop_target

start_daemon
try "both daemons" lunar status
says "the target" "^lunar-targetd "
says "and the initiator" "^lunar-initiatord "
status
holds "as JSON" "'targets' in look and look['pid'] != i['pid']"
kill "$DAEMON"
wait_for 20 ended "$DAEMON"
try "the target alone" lunar status --json
says "has no initiator" '"targets":'
is "in its JSON" "$(grep -c '"initiator":{' "$T/out")" 0
stop_target
done_testing

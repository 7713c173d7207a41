#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 240
# Two initiator daemons of one host, each in a network of its own, and a target in a third one: each has its disks. One of
# them has two paths: one is cut and mended, then the other one, then both, under I/O that is verified. Sessions come from
# the address and by the interface that their records name.
. "$(dirname "$0")/functions.sh"
. "$HERE/initiatord-functions.sh"
. "$HERE/netns-functions.sh"
need fio
need_nets

IQN=iqn.2026-11.com.example:paths
net t
net a
net b
wire t a 1
wire t a 2
wire t b 3
TARGET_WRAP=$(into_net t)
start_target one.img two.img --size 256M --target "$IQN" --portal 10.9.1.1:3260 --portal 10.9.2.1:3260 \
	--portal 10.9.3.1:3260
SOCKET_A=$T/a/initiator.sock
SOCKET_B=$T/b/initiator.sock
INITIATOR_WRAP=$(into_net a)
start_initiator a
INITIATOR_WRAP=$(into_net b)
start_initiator b
at() { # SOCKET COMMAND...
	local LUNAR_INITIATOR_SOCKET=$1
	export LUNAR_INITIATOR_SOCKET
	shift
	"$@"
}
try "one asks for targets" at "$SOCKET_A" lunar discover 10.9.1.1
says "which are there by all portals" '10.9.2.1:3260' out
try "the other one as well" at "$SOCKET_B" lunar discover 10.9.3.1
for key in interval timeout; do
	at "$SOCKET_A" ask node.update "{\"target\": \"$IQN\",
		\"values\": {\"node.conn[0].timeo.noop_out_$key\": \"1\"}}" >/dev/null
done
at "$SOCKET_A" ask node.delete "{\"target\": \"$IQN\", \"address\": \"10.9.3.1\"}" >/dev/null
try "two sessions" at "$SOCKET_A" ask session.login "{\"target\": \"$IQN\"}"
at "$SOCKET_A" lunar attach "iscsi://10.9.1.1/$IQN/0" --via fuse >dev.a 2>dev.err || skip_all "$(tail -1 dev.err)"
at "$SOCKET_B" lunar attach "iscsi://10.9.3.1/$IQN/1" --via fuse >dev.b 2>dev.err
DEV_A=$(cat dev.a)
DEV_B=$(cat dev.b)
is "each has a disk of its own" "$([ "$DEV_A" != "$DEV_B" ] && [ -b "$DEV_A" ] && [ -b "$DEV_B" ] && echo yes)" yes

verify() { # NAME DEVICE
	fio --name=v --filename="$2" --direct=1 --ioengine=libaio --rw=randrw --bsrange=4k-64k --size=64M \
		--iodepth=8 --verify=crc32c --verify_fatal=1
}
(verify b "$DEV_B" >b.fio 2>&1 || echo failed >>b.fio) &
B=$!
try "one writes and verifies" verify a "$DEV_A"
wait "$B"
is "and at the same time the other one" "$(grep -c failed b.fio)" 0
at "$SOCKET_B" lunar attach "iscsi://10.9.3.1/$IQN/0" --via fuse >dev.b0 2>dev.err
try "they may share one" cmp -n 16M "$DEV_A" "$(cat dev.b0)"
try "which is let go" at "$SOCKET_B" lunar detach "$(cat dev.b0)"
is "the target saw both of them" "$(grep -o 'login of iqn[^ ]*' target.err | sort -u | wc -l)" 2

# --- a path
export LUNAR_INITIATOR_SOCKET=$SOCKET_A
used() {
	ask device.list | python3 -c "import json, sys
for d in json.load(sys.stdin)['devices']:
	if d['attached']: print(' '.join(p['address'] for p in d['paths'] if p['used']))"
}
paths_up() {
	ask device.list | python3 -c "import json, sys
for d in json.load(sys.stdin)['devices']:
	if d['attached']: print(sum(p['state'] == 'up' for p in d['paths']))"
}
has_up() { [ "$(paths_up)" = "$1" ]; }
uses() { [ "$(used)" = "$1" ]; }
done_by_device() { awk '{ print $5 }' "/sys/block/${DEV_A#/dev/}/stat"; }
# goes_on NAME: writes end that began after this.
goes_on() {
	local before
	before=$(done_by_device)
	more() { ended "$WRITER" || [ "$(done_by_device)" -gt $((before + 100)) ]; }
	try "$1" wait_for 30 more
}
try "two paths are up" wait_for 10 has_up 2
(while ! [ -e enough ]; do
	timeout -k 5 200 fio --name=v --filename="$DEV_A" --direct=1 --ioengine=libaio --rw=randwrite \
		--bsrange=4k-64k --size=32M --iodepth=8 --verify=crc32c --verify_fatal=1 --rate_iops=400 || exit 1
done) >a.fio 2>&1 </dev/null &
WRITER=$!
CLIENTS+=("$WRITER")
goes_on "it is written"
first=$(used)
n=${first#10.9.}
n=${n%.1}
other=$((3 - n))
sever t a "$n"
try "a path is cut: the other one is used" wait_for 30 uses "10.9.$other.1"
goes_on "and it goes on"
is "by one path" "$(paths_up)" 1
mend t a "$n"
try "it is mended: both are up" wait_for 60 has_up 2
sever t a "$other"
try "the other one is cut: back to the first" wait_for 30 uses "10.9.$n.1"
goes_on "and it goes on"
sever t a "$n"
try "both are cut" wait_for 30 has_up 0
before=$(done_by_device)
sleep 1
is "it waits" "$(done_by_device)" "$before"
ended "$WRITER" && not_ok "and has no error" a.fio || ok "and has no error"
mend t a "$n"
goes_on "one is mended, and it goes on"
mend t a "$other"
try "both are, and both are up" wait_for 60 has_up 2
touch enough
try "all is written and verified" wait_for 120 ended "$WRITER"
wait "$WRITER"
is "without an error" "$?" 0
try "it is detached" lunar detach "$DEV_A"
try "the other one's, too" at "$SOCKET_B" lunar detach all

# --- where connections come from
export LUNAR_INITIATOR_SOCKET=$SOCKET_B
is_out() { ! ask session.list | grep -q target; }
set_iface() { # KEY VALUE
	ask node.update "{\"target\": \"$IQN\", \"values\": {\"iface.$1\": \"$2\"}}"
}
logs_in() { ask session.login "{\"target\": \"$IQN\", \"address\": \"10.9.3.1\"}"; }
logs_out() { ask session.logout "{\"target\": \"$IQN\"}" >out; wait_for 10 is_out; }
wait_for 10 is_out
in_net b ip addr add 10.9.3.77/24 dev tot-3
try "a source is set" set_iface ipaddress 10.9.3.77
try "and logged in from" logs_in
says "as the target sees" '10\.9\.3\.77:[0-9]+: login of' target.err
logs_out
try "an interface is set" set_iface net_ifacename tot-3
try "and logged in by" logs_in
logs_out
try "one that leads elsewhere" set_iface net_ifacename lo
try_fails "is obeyed, too" logs_in
try "one that there is not" set_iface net_ifacename none
try_fails "is not logged in by" logs_in
set_iface net_ifacename tot-3 >out
try "an address of somebody else" set_iface ipaddress 10.9.3.78
try_fails "is not logged in from" logs_in
done_testing

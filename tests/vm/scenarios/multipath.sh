#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 240
# dm-multipath over two portals of our target: a path is cut under load, and comes back.
. /lunar/tests/vm/guest/functions.sh
need_lunar

# The target in a network namespace of its own, with two cables.
ip netns add store
for n in 1 2; do
	ip link add "path$n" type veth peer name "far$n" netns store
	ip address add "10.77.$n.2/24" dev "path$n"
	ip link set "path$n" up
	ip -n store address add "10.77.$n.1/24" dev "far$n"
	ip -n store link set "far$n" up
done
ip -n store link set lo up
# shellcheck disable=SC2034 # functions.sh obeys it
TARGET_WRAP="ip netns exec store"
start_store 64M 10.77.1.1 10.77.2.1

cat >/etc/multipath.conf <<-END
	defaults {
		user_friendly_names no
		find_multipaths no
		polling_interval 1
		max_polling_interval 2
		no_path_retry 30
		path_grouping_policy multibus
	}
END
modprobe -a dm_multipath dm_round_robin dm_service_time scsi_dh_alua
multipathd
start_iscsid "$CLIENT_IQN"
set_iscsid node.session.timeo.replacement_timeout 2
set_iscsid 'node.conn[0].timeo.noop_out_interval' 1
set_iscsid 'node.conn[0].timeo.noop_out_timeout' 4

# paths STATE COUNT: so many paths of the disk are in that state.
paths() {
	[ "$(multipathd show paths raw format '%t' | grep -cw "$1")" -eq "$2" ]
}

mapped() {
	MAP=$(multipathd show maps raw format '%n' | head -1)
	[ -n "$MAP" ] && [ -b "/dev/mapper/$MAP" ]
}

try "discovery by one portal" discover 10.77.1.1
says "shows both" '10.77.2.1:3260,1'
try "login to both" login
try "two paths" wait_for 30 paths active 2
try "make one disk" wait_for 10 mapped
multipathd show topology >out
says "called by what identifies it" "^1LUNAR_disk0_$(sed -n 's/.*"wwn": "\([0-9a-f-]\{36\}\)".*/\1/p' state/saveconfig.json | head -1) "
says "with two paths in use" '^ +\|- .* active ready running'

verify "/dev/mapper/$MAP" --size=32M --time_based --runtime=25 >fio.log 2>&1 &
fio=$!
sleep 3
ip link set path1 down
try "one cable is cut" wait_for 20 paths failed 1
try "the other path goes on" paths active 1
ip link set path1 up
try "it comes back" wait_for 30 paths active 2
ip link set path2 down
try "the other cable is cut" wait_for 20 paths failed 1
ip link set path2 up
try "and comes back" wait_for 30 paths active 2
wait $fio
is "fio has verified everything" $? 0
grep -E 'err=|WRITE:|READ:' fio.log | diag
multipath -F >out 2>&1
try "logout" logout
pkill multipathd
done_testing

#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 600
# Many at once: idle sessions, connections that never log in, LUNs that are all busy.
# With LUNAR_SCALE=N it is N sessions instead of 10,000; docs/performance.md has what is measured here.
. "$(dirname "$0")/functions.sh"
need_program swarm

many=${LUNAR_SCALE:-10000}
ulimit -n $((many + 500)) 2>/dev/null || skip_all "$((many + 500)) descriptors are not to be had"
engines=uring
[ -z "${LUNAR_LONG:-}" ] || engines="uring epoll"
LIMIT=120
PATIENCE=60 # ten thousand log out

# within NAME VALUE MOST
within() {
	if [ "$2" -le "$3" ]; then ok "$1: $2"; else not_ok "$1: $2, more than $3"; fi
}
few_descriptors() {
	[ "$(descriptors)" -le "$idle_descriptors" ]
}
# end_swarm NAME: it ends by itself after a SIGTERM, and content.
end_swarm() {
	local code
	kill "$CLIENT" 2>/dev/null
	wait "$CLIENT"
	code=$?
	is "$1" $code 0
	diag swarm.log
}

for engine in $engines; do
	start_target --memory 64M --engine "$engine" --limit max_connections=$((many + 100)) \
		--limit max_sessions=$((many + 100)) --limit nopin_interval=5
	idle_descriptors=$(descriptors)
	before=$(resident)
	start_client swarm.log "$SWARM" idle "$PORTAL" "$IQN" connections="$many"
	try "$engine: $many sessions log in" wait_for 60 grep -q '^up' swarm.log
	after=$(resident)
	# 16 KiB are the stage of a connection alone, of which an idle one has touched little.
	within "$engine: bytes of memory for an idle session" $(((after - before) * 1024 / many)) 16384
	for n in 1 2 3; do
		try "$engine: one more logs in, writes and reads ($n)" \
			"$SWARM" login "$PORTAL" "$IQN" first=$((many + n)) login=5 within=5
		sleep 2
	done
	end_swarm "$engine: all were pinged, answered, and log out"
	pings=$(sed -n 's/.* pings=\([0-9]*\).*/\1/p' swarm.log)
	[ "${pings:-0}" -ge "$many" ] && ok "$engine: each was pinged" ||
		not_ok "$engine: each was pinged: ${pings:-0} pings"
	try "$engine: their descriptors are closed" wait_for 10 few_descriptors
	stop_target
	is "$engine: the target ends well" "$STATUS" 0
done

for engine in $engines; do
	start_target --memory 64M --engine "$engine"
	start_client worker.log "$SWARM" io "$PORTAL" "$IQN" connections=4 within=5
	worker=$CLIENT
	wait_for 10 grep -q '^up' worker.log
	before=$(resident)
	start_client swarm.log "$SWARM" silent "$PORTAL" "$IQN" connections="$many"
	most=0
	for n in 1 2 3 4 5; do
		sleep 2
		try "$engine: among $many that never log in, one does ($n)" \
			"$SWARM" login "$PORTAL" "$IQN" first=$((100 + n))
		diag "$T/out" | grep slowest
		now=$(descriptors)
		[ "$now" -le $most ] || most=$now
	done
	# 128 that log in, the worker's, and those that are just being closed.
	within "$engine: descriptors at most" "$most" 200
	within "$engine: KiB more in memory" $(($(resident) - before)) 16384
	end_swarm "$engine: the crowd goes"
	CLIENT=$worker
	mv worker.log swarm.log
	end_swarm "$engine: the sessions that were there went on"
	stop_target
	is "$engine: the target ends well" "$STATUS" 0
done

luns=1000
mapfile -t disks < <(seq -f "disk-%g.img" $luns)
first=0
for engine in uring epoll; do
	start_target "${disks[@]}" --size 1M --engine "$engine" --limit max_sessions=$luns \
		--limit max_connections=$((luns + 100))
	is "$engine: LUNs" ${#URLS[@]} $luns
	try "$engine: $luns sessions on as many LUNs write and read back" "$SWARM" io "$PORTAL" "$IQN" \
		connections=$luns luns=$luns first=$first seconds=5
	diag "$T/out"
	says "$engine: every one of them" "^logins=$luns writes=[0-9]{4,} reads=[0-9]{4,} .* lost=0 "
	stop_target
	is "$engine: the target ends well" "$STATUS" 0
	first=$luns # places of their own on the same disks
done
done_testing

#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 4200
# Logins, aborts, resets and disconnects at random, with I/O that is read back: seconds of it, or half an
# hour with LUNAR_LONG. Memory and descriptors of the target are as many at the end as when it was warm.
. "$(dirname "$0")/functions.sh"
need_program swarm

warm=5 then=1 end=6
[ -z "${LUNAR_LONG:-}" ] || { warm=60 then=1680 end=60; }
seed=${LUNAR_STORM_SEED:-$RANDOM}
echo "# seed $seed: LUNAR_STORM_SEED repeats the draw, not the race"
PATIENCE=60 # what is written is read back first
LIMIT=$((warm + then + end + 60))

# peak SECONDS: the most memory (KiB) and descriptors that are seen in this time. Sets RSS and FDS.
peak() {
	local end=$((SECONDS + $1)) now
	RSS=0 FDS=0
	while [ $SECONDS -lt $end ] && alive; do
		now=$(resident)
		[ "$now" -le $RSS ] || RSS=$now
		now=$(descriptors)
		[ "$now" -le $FDS ] || FDS=$now
		sleep 0.2
	done
}
quiet() {
	[ "$(descriptors)" -le "$idle" ]
}
storm() { # ENGINE REACTORS
	start_target a.img b.img c.img --memory 16M --size 16M --quiet --engine "$1" --reactors "$2" \
		--limit nopin_interval=2 --limit nopin_timeout=2
	idle=$(descriptors)
	start_client storm.log "$SWARM" storm "$PORTAL" "$IQN" connections=40 luns=4 seed="$seed"
	peak $warm
	local rss=$RSS fds=$FDS
	sleep $then
	peak $end
	kill "$CLIENT"
	wait "$CLIENT"
	is "$1: everybody got his answers, in time, and what he had written" $? 0
	diag storm.log
	says "$1: it was a storm" '^logins=[0-9]{3,} writes=[0-9]{3,} reads=[0-9]{3,} tmfs=[0-9]{3,} .* lost=[0-9]{2,} ' \
		storm.log
	echo "# $1: $rss KiB and $fds descriptors at most while it got warm, $RSS and $FDS at the end"
	# A crowd that leaves at once and comes again is a matter of chance: each may have a connection that
	# is just being closed, and one that nobody knows yet has vanished.
	[ "$FDS" -le $((fds + 80)) ] && ok "$1: no more descriptors" ||
		not_ok "$1: no more descriptors: $fds before, $FDS at the end"
	[ "$RSS" -le $((rss + rss / 8)) ] && ok "$1: no more memory" ||
		not_ok "$1: no more memory: $rss KiB before, $RSS KiB at the end"
	try "$1: and no descriptor is left" wait_for 10 quiet
	stop_target
	is "$1: the target ends well" "$STATUS" 0
	rm -f ./*.img
}
storm uring 2
storm epoll 1
done_testing

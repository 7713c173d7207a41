#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# A storm on three reactors (see tests/e2e/storm.sh), with ThreadSanitizer looking on. $LUNAR is built with it;
# on epoll, for through a ring it sees no order.
. "$(dirname "$0")/../e2e/functions.sh"
need_program swarm

seed=${LUNAR_STORM_SEED:-$RANDOM}
echo "# seed $seed"
LIMIT=120
export TSAN_OPTIONS="halt_on_error=0:exitcode=66"
start_target a.img b.img c.img --memory 16M --size 16M --quiet --engine epoll --reactors 3 \
	--limit memory_limit=128M
start_client storm.log "$SWARM" storm "$PORTAL" "$IQN" connections=24 luns=4 seed="$seed"
sleep 12
kill "$CLIENT"
wait "$CLIENT"
is "everybody got his answers, in time, and what he had written" $? 0
diag storm.log
says "it was a storm" '^logins=[0-9]{2,} writes=[0-9]{2,} reads=[0-9]{2,} tmfs=[0-9]{2,} ' storm.log
ends_without_a_race
done_testing

#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 2400
# Persistent reservations of a target that is killed: one that was asked to stay is there afterwards, with the
# last type that its holder was told of, or the one that was on its way; others are gone.
. "$(dirname "$0")/functions.sh"
need python3

# does NAME WORD...: what it says, in one line.
does() {
	timeout 60 "$HERE/reservations.py" "$PORTAL" "$IQN" "$@" 2>&1 | tr '\n' ' '
}

start_target disk.img --size 16M
is "without APTPL" "$(does a register:a1 reserve:a1:3 reserved)" "good good 3 a1 "
is "another one is kept out" "$(does b read register:b2 write)" "conflict good conflict "
stop_target KILL
start_target disk.img
is "it is gone after a kill" "$(does b keys reserved read)" "none none good "

is "with APTPL" "$(does a keep:a1 reserve:a1:1 reserved)" "good good 1 a1 "
stop_target KILL
start_target disk.img
is "it is there after a kill" "$(does b keys reserved read write)" "a1 1 a1 good conflict "
is "and its holder holds it" "$(does a write)" "good "
stop_target
start_target disk.img
is "and there after an end in order" "$(does b reserved write)" "1 a1 conflict "
stop_target

rounds=50
[ -z "${LUNAR_LONG:-}" ] || rounds=1000
enough() {
	[ "$(grep -c '^done' changes.log)" -ge "$threshold" ]
}
wrong=0 changes=0
for ((round = 1; round <= rounds; round++)); do
	threshold=$((RANDOM % 40 + 1))
	start_target disk.img
	start_client changes.log timeout 60 "$HERE/reservations.py" "$PORTAL" "$IQN" a change:a1
	wait_for 30 enough
	stop_target KILL
	stop_client
	changes=$((changes + $(grep -c '^done' changes.log)))
	start_target disk.img
	found=$(does b reserved)
	case "$found" in
	"$(sed -n 's/^done //p' changes.log | tail -1) a1 " | "$(sed -n 's/^want //p' changes.log | tail -1) a1 ") ;;
	*)
		wrong=$((wrong + 1))
		echo "# round $round: \"$found\" after $(tail -2 changes.log | tr '\n' ' ')"
		;;
	esac
	stop_target KILL
done
is "of $rounds kills the wrong reservation is found after" "$wrong" 0
[ "$changes" -ge "$rounds" ] && ok "the holder has changed it" || not_ok "the holder has changed it"

start_target disk.img
is "who clears it" "$(does b register:b2 clear:b2 reserved write)" "good good none good "
stop_target KILL
start_target disk.img
is "has cleared it for good" "$(does a keys reserved write)" "none none good "
stop_target
is "it ends well" "$STATUS" 0
done_testing

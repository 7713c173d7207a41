#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Several administrators at once, one who is killed in the middle of it, and no room for what is saved.
. "$(dirname "$0")/functions.sh"

export LUNAR_TARGET_SOCKET=$T/state/target.sock
target() {
	"$LUNAR" target "$@"
}

start_daemon
try "targets are made without a portal" target set global auto_add_default_portal=false

# --- at once

many() { # NAME COUNT
	local i
	for ((i = 0; i < $2; i++)); do
		echo "/backstores/ramdisk create $1$i 1M"
		echo "/iscsi create iqn.2026-11.test:$1$i"
		echo "/iscsi/iqn.2026-11.test:$1$i/tpg1/luns create /backstores/ramdisk/$1$i"
	done | target >"$1.out" 2>&1
}
pids=()
for name in a b c d; do
	many $name 50 &
	pids+=($!)
done
for pid in "${pids[@]}"; do
	wait "$pid"
done
target ls /iscsi 4 >ls.out
is "four administrators at once: all targets are there" "$(grep -c 'o- iqn.2026-11.test:' ls.out)" 200
is "with their LUNs" "$(grep -c 'o- lun0' ls.out)" 200
is "nobody was refused anything" "$(cat ./?.out | grep -ci 'error\|could not')" 0

# --- killed

for ((i = 0; i < 3000; i++)); do
	echo "/backstores/ramdisk create k$i 1M"
done >many.txt
timeout -s KILL 0.05 "$LUNAR" target --atomic <many.txt >/dev/null 2>&1
# Whoever exports waits for changes that are under way.
control config.export >export.out
count=$(grep -o '\\"name\\": *\\"k[0-9]*\\"' export.out | wc -l)
case $count in
0 | 3000) ok "one who is killed in a transaction leaves nothing of it, or all" ;;
*) not_ok "one who is killed in a transaction leaves $count of 3000" ;;
esac
try "and the next one is served" target /backstores/ramdisk create next 1M
try "it is saved" target saveconfig
cp state/saveconfig.json saved.json
stop_target

# --- no room

size=$(stat -c %s saved.json)
: >"$T/target.err" # or what the last one said would be read
(
	ulimit -f $((size / 1024 + 8))
	exec "$(dirname "$LUNAR")/lunar-targetd" --quiet --state "$T/state" 2>"$T/target.err" </dev/null
) &
TARGET_PID=$!
TARGETS+=("$TARGET_PID")
is_up() {
	control status | grep -q '"ready": true'
}
wait_for 30 is_up
for ((i = 0; i < 100; i++)); do
	echo "/iscsi create iqn.2026-11.test:more$i"
done | target >/dev/null 2>&1
try_fails "there is no room for what is saved" target saveconfig
says "which is said" 'Could not save .*: '
try "the old file is as it was" cmp state/saveconfig.json saved.json
is "and nothing else is left" "$(find state -maxdepth 1 -name '*saveconfig*' | wc -l)" 1
try "the daemon goes on" target ls /iscsi/iqn.2026-11.test:more99
stop_target
is "and ends in order" "$STATUS" 0
done_testing

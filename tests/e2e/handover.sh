#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# network: own
# timeout: 400
# The daemon goes on as another program while it is written to: nobody is refused, nothing that was acknowledged is
# lost, images stay locked, ramdisks keep what is in them, and so does what was never saved. A program that cannot go
# on is found out before.
. "$(dirname "$0")/functions.sh"
need python3
need_program swarm

LIMIT=300
PATIENCE=60
PORT=$("$HERE/free-port.py")
PORTAL=127.0.0.1:$PORT
IQN=iqn.2026-01.test.lunar:handover
TIMES=6
[ -z "${LUNAR_LONG:-}" ] || TIMES=20

create() { # PATH ARGS
	control tree.create "{\"path\": \"$1\", \"args\": {$2}}"
}
target() {
	"$LUNAR" target --socket "$T/state/target.sock" "$@"
}
login() { # FIRST LUN
	"$SWARM" login "$PORTAL" "$IQN" first="$1" lun="$2" depth=4 login=20 within=20 logout=3
}
# content NAME PID LOG
content() {
	local code
	kill "$2" 2>/dev/null
	wait_for 60 ended "$2" || kill -KILL "$2" 2>/dev/null
	wait "$2"
	code=$?
	if [ $code -eq 0 ]; then ok "$1"; else not_ok "$1" "$3"; fi
	diag "$3"
}
# The daemon is a program of its own, which can be replaced.
mkdir bin
ORIGINAL=$(dirname "$LUNAR")/lunar-targetd
cp "$ORIGINAL" bin/lunar-targetd
start() {
	: >"$T/target.err"
	bin/lunar-targetd --state "$T/state" 2>"$T/target.err" </dev/null &
	TARGET_PID=$!
	TARGETS+=("$TARGET_PID")
	wait_for 30 daemon_ready
}
begun() { # how many programs have been ready in this process so far
	grep -c 'ready:' "$T/target.err"
}
more_than() {
	[ "$(begun)" -gt "$1" ]
}

start
create /backstores/fileio "\"name\": \"disk\", \"file_or_dev\": \"$T/disk.img\", \"size\": \"64M\"" >/dev/null
create /backstores/ramdisk '"name": "memory", "size": "64M"' >/dev/null
create /iscsi "\"wwn\": \"$IQN\"" >/dev/null
control tree.delete "{\"path\": \"/iscsi/$IQN/tpg1/portals\", \"args\": {\"ip_address\": \"0.0.0.0\", \"ip_port\": \"3260\"}}" >/dev/null
create "/iscsi/$IQN/tpg1/portals" "\"ip_address\": \"127.0.0.1\", \"ip_port\": \"$PORT\"" >/dev/null
create "/iscsi/$IQN/tpg1/luns" '"storage_object": "/backstores/fileio/disk"' >/dev/null
create "/iscsi/$IQN/tpg1/luns" '"storage_object": "/backstores/ramdisk/memory"' >/dev/null
control tree.set "{\"path\": \"/iscsi/$IQN/tpg1\", \"group\": \"attribute\", \"values\": {\"generate_node_acls\": \"1\", \"demo_mode_write_protect\": \"0\", \"cache_dynamic_acls\": \"1\"}}" >/dev/null
try "a LUN in a file" login 90 0
try "a LUN in memory" login 91 1

# --- again and again, under load

start_client knock.log "$HERE/knock.py" 127.0.0.1 "$PORT" "$T/state/target.sock"
KNOCK=$CLIENT
theirs=(connections=4 depth=8 login=20 within=20 logout=5 retry=1)
start_client file.log "$SWARM" io "$PORTAL" "$IQN" lun=0 first=0 "${theirs[@]}"
FILE=$CLIENT
start_client memory.log "$SWARM" io "$PORTAL" "$IQN" lun=1 first=8 "${theirs[@]}"
MEMORY=$CLIENT
wait_for 10 grep -q '^up' file.log
wait_for 10 grep -q '^up' memory.log
pid=$TARGET_PID
slowest=0
all=0
good=0
for ((i = 1; i <= TIMES; i++)); do
	sleep 0.3
	cp "$ORIGINAL" bin/next
	mv bin/next bin/lunar-targetd
	n=$(begun)
	at=${EPOCHREALTIME/[.,]/}
	if ((i % 2)); then
		kill -USR2 "$TARGET_PID"
	elif ((i % 4)); then
		target restart >restart.out 2>&1 || diag restart.out
	else
		control daemon.restart >restart.out 2>&1 || diag restart.out
	fi
	wait_for 20 grep -q 'is handed over' "$T/target.err"
	wait_for 20 more_than "$n" && login $((100 + i)) 0 >login.out 2>&1 && good=$((good + 1))
	took=$(((${EPOCHREALTIME/[.,]/} - at) / 1000))
	all=$((all + took))
	[ $took -le $slowest ] || slowest=$took
	# Nobody else gets the image in between, nor now.
	try_fails "$i: the image stays locked" "$LUNAR" serve "$T/disk.img" --portal 127.0.0.1:0
done
is "it was handed over $TIMES times, and served each time" "$good" "$TIMES"
echo "# until somebody has logged in, written and read: $((all / TIMES)) ms on average, $slowest ms at most"
[ $slowest -lt 5000 ] && ok "soon" || not_ok "soon: $slowest ms"
content "who wrote to the file finds all that was acknowledged" $FILE file.log
content "who wrote to memory, too" $MEMORY memory.log
content "nobody was refused, neither by the port nor by the control socket" $KNOCK knock.log
try "it is the same process" alive
is "by its number" "$TARGET_PID" "$pid"
try "what was never saved is there" control tree.get "{\"path\": \"/iscsi/$IQN\"}"
try_fails "and still is not saved" test -e "$T/state/saveconfig.json"

# --- a program that cannot

: >"$T/target.err"
printf '#!/bin/sh\nexit 3\n' >bin/next
chmod +x bin/next
mv bin/next bin/lunar-targetd
try_fails "a program that cannot take over is not taken" control daemon.restart
says "which is said" 'goes on as it is: .*lunar-targetd cannot take over'
try_fails "nor by the shell" target restart
says "which says it" 'goes on as it is: .*lunar-targetd cannot take over'
try "the one before goes on" login 93 1
rm bin/lunar-targetd
kill -USR2 "$TARGET_PID"
try "nor is one that is not there" wait_for 5 grep -q 'cannot be executed' "$T/target.err"
try "it goes on as well" login 94 0
cp "$ORIGINAL" bin/lunar-targetd
n=$(begun)
try "and can be handed over after that" target restart
says "which has happened then" 'The daemon goes on as version '
try "as it says itself" wait_for 5 more_than "$n"
try "in which it serves" login 95 0
try "it can be changed" create /backstores/ramdisk '"name": "last", "size": "1M"'
stop_target
is "and ended in order" "$STATUS" 0
try_fails "then its socket is gone" test -e "$T/state/target.sock"
done_testing

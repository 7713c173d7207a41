#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# How a target ends: Ctrl-C and SIGTERM drain and flush, with and without clients; a second Ctrl-C
# does not wait; the port is free at once.
. "$(dirname "$0")/functions.sh"
need qemu-io ss python3

start_target disk.img --size 64M
stop_target INT 5
is "Ctrl-C with nobody there: exit code" "$STATUS" 0

start_target disk.img
try "a port is used" io "$URL" "write -P 0x51 0 1M"
port=$PORT
stop_target TERM 5
is "SIGTERM: exit code" "$STATUS" 0
start_target disk.img --portal "127.0.0.1:$port"
is "the same port is free at once" "$PORT" "$port"

# A client in the middle of its work.
for ((i = 0; i < 100000; i++)); do
	echo "write -P $((i % 255 + 1)) 8M 1M"
done >commands
start_client busy.log qemu-io -f raw "$URL" <commands
wait_for 20 grep -q "wrote" busy.log
if stop_target INT 35; then
	ok "Ctrl-C with a busy client ends"
else
	not_ok "Ctrl-C with a busy client ends within the drain time"
fi
is "Ctrl-C with a busy client: exit code" "$STATUS" 0
stop_client
last=$(grep -c "wrote" busy.log)
cat >check.py <<'P'
import sys
with open("disk.img", "rb") as f:
    f.seek(8 << 20)
    data = f.read(1 << 20)
n = int(sys.argv[1])
# The last acknowledged write, or a later one that was sent and not yet acknowledged.
allowed = [(i % 255) + 1 for i in range(max(0, n - 1), n + 3)]
sys.exit(0 if all(b in allowed for b in set(data)) else f"{set(data)} is not in {allowed}")
P
try "what was acknowledged is in the file" python3 check.py "$last"

# A client that stays logged in and says nothing: its input is held open.
mkfifo nothing
exec 9<>nothing
logged_in() {
	ss -Htn state established "sport = :$PORT" | grep -q .
}
start_target disk.img
start_client idle.log qemu-io -f raw "$URL" <&9
wait_for 10 logged_in
if stop_target INT 35; then
	ok "Ctrl-C with an idle client ends"
else
	not_ok "Ctrl-C with an idle client ends within the drain time"
fi
is "Ctrl-C with an idle client: exit code" "$STATUS" 0
stop_client

# One that does not go when it is asked to.
start_stubborn() {
	start_client stubborn.log "$HERE/stubborn.py" 127.0.0.1 "$PORT" "$IQN" </dev/null
	wait_for 10 grep -q "^logged in" stubborn.log
}
asked() {
	grep -q "^opcode 0x32, event 1" stubborn.log
}
start_target disk.img
try "a stubborn client logs in" start_stubborn
kill -INT "$TARGET_PID"
try "it is asked to log out" wait_for 10 asked
sleep 1
try "the target waits for it" alive
if stop_target INT 2; then
	ok "a second Ctrl-C stops at once"
else
	not_ok "a second Ctrl-C stops at once"
fi
is "with the exit code of a signal" "$STATUS" 130
stop_client

start_target disk.img --limit drain_timeout=2
try "a stubborn client logs in again" start_stubborn
begun=$(date +%s%N)
stop_target INT 10
took=$((($(date +%s%N) - begun) / 1000000))
is "it is dropped at the end of the drain time: exit code" "$STATUS" 0
if [ $took -ge 1500 ] && [ $took -lt 6000 ]; then
	ok "the target has waited that long"
else
	not_ok "the target has waited that long: $took ms instead of 2000"
fi
stop_client
done_testing

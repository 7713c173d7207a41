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

start_target disk.img
start_client idle.log qemu-io -f raw "$URL" <&9
wait_for 10 logged_in
kill -INT "$TARGET_PID"
sleep 0.2
if stop_target INT 3; then
	ok "a second Ctrl-C stops at once"
else
	not_ok "a second Ctrl-C stops at once"
fi
done_testing

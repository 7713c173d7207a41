#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 2400
# The initiator on real sockets: against our own target, and against Debian's tgt where that is there.
. "$(dirname "$0")/functions.sh"
need_program initiate

start_target disk.img --size 64M
host=$PORTAL
iqn=$IQN
try "our target is discovered" sh -c "'$INITIATE' discover $host | grep -qx '$iqn'"
try "our target keeps what is written" "$INITIATE" verify "$host" "$iqn" 0
try "... and does with epoll" env LUNAR_ENGINE=epoll "$INITIATE" verify "$host" "$iqn" 0
try "another target is not there" sh -c "'$INITIATE' verify $host $iqn.x 0 2>&1 | grep -q ^initiate:.no-such-target"

# It is killed at any time, and started again; its client waits, and loses nothing.
rounds=20
[ -z "${LUNAR_LONG:-}" ] || rounds=1000
stop_target
start_target disk.img --limit default_time2wait=0 --portal "127.0.0.1:$("$HERE/free-port.py")"
timeout $((rounds * 3 + 60)) "$INITIATE" verify "$PORTAL" "$IQN" 0 $((rounds * 3 / 4)) >client.out 2>client.err &
client=$!
CLIENTS+=("$client")
where=$PORTAL
for ((round = 0; round < rounds; round++)); do
	sleep "0.$((RANDOM % 5))$((RANDOM % 10))"
	# The shell forgets its exit code when others have had its number.
	ended "$client" && break
	kill -KILL "$TARGET_PID"
	wait_for 10 ended "$TARGET_PID" && wait_for 10 ended "$SERVER"
	start_target disk.img --limit default_time2wait=0 --portal "$where"
done
diag <(echo "$round restarts")
if wait "$client"; then
	ok "restarts of the target under load"
else
	not_ok "restarts of the target under load" client.err target.err
fi
diag client.out

# The same over a wire that splits, delays, damages and breaks, and with both at once.
stop_target
start_target disk.img --limit default_time2wait=0 --portal "127.0.0.1:$("$HERE/free-port.py")"
where=$PORTAL
"$HERE/bad-wire.py" "$where" >wire.out 2>wire.err &
wire=$!
CLIENTS+=("$wire")
wait_for 10 test -s wire.out
seconds=6
[ -z "${LUNAR_LONG:-}" ] || seconds=300
INITIATE_DIGESTS=1 timeout $((seconds * 3 + 120)) "$INITIATE" verify "$(head -1 wire.out)" "$IQN" 0 $seconds >client.out 2>client.err &
client=$!
CLIENTS+=("$client")
for _ in 1 2 3; do
	sleep $((seconds / 4))
	kill -KILL "$TARGET_PID"
	wait_for 10 ended "$TARGET_PID" && wait_for 10 ended "$SERVER"
	start_target disk.img --limit default_time2wait=0 --portal "$where"
done
if wait "$client"; then
	ok "nothing is lost on a bad wire"
else
	not_ok "nothing is lost on a bad wire" client.err target.err wire.err
fi
diag client.out
kill "$wire"
if wait "$wire"; then
	ok "... which has cut and damaged connections"
else
	not_ok "... which has cut and damaged connections" wire.err
fi
diag wire.out

if command -v tgtd >/dev/null && [ "$(id -u)" = 0 ]; then
	start_tgt
	try "tgt is discovered" sh -c "'$INITIATE' discover $TGT_PORTAL | grep -qx $TGT_IQN"
	try "tgt keeps what is written" "$INITIATE" verify "$TGT_PORTAL" $TGT_IQN 1
	stop_tgt
fi
done_testing

#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 600
# Peers that mean ill: each connection ends within its time, others do not notice, memory is bounded.
. "$(dirname "$0")/functions.sh"
need python3 qemu-io iscsi-perf

hostile() {
	timeout 90 "$HERE/hostile.py" "$@"
}
most_resident() { # KiB, while the crowds were there
	awk '/^VmHWM/ { print $2 }' "/proc/$SERVER/status"
}

start_target disk.img --size 64M
idle_descriptors=$(descriptors)

# The limits are those of the design (silence 5 s, login 15 s) and 3 s for a loaded machine.
while read -r kind limit what; do
	try "$what" hostile "$kind" 127.0.0.1 "$PORT" "$limit"
	diag "$T/out"
done <<'K'
garbage            8   random bytes
http               8   a browser
tls                8   a TLS handshake
half-pdu           8   half a header and silence
silence            8   silence
drip               18  a login that comes a byte a second
login-without-end  18  a login request that is continued for ever
negotiate-for-ever 18  a negotiation that never ends
full-feature       8   a SCSI command before login
huge-segment       8   a data segment beyond the limit
huge-ahs           8   an additional header that is all lies
K
free_port=$("$HERE/free-port.py")
try_fails "where nobody listens, nothing is shown" hostile silence 127.0.0.1 "$free_port" 8
try "the target serves on" io "$URL" "write -P 0x41 0 1M" "read -P 0x41 0 1M"

# Crowds, while a session works. It must neither fail nor starve.
for ((i = 1; i <= 100000; i++)); do
	echo "write -P $((i % 255)) 8M 1M"
	echo "read -P $((i % 255)) 8M 1M"
done >commands
LIMIT=300
start_client worker.log qemu-io -f raw "$URL" <commands
wait_for 10 grep -q "read 1048576/" worker.log
before=$(resident)
crowd=2000
try "$crowd connections in silence end" hostile silence 127.0.0.1 "$PORT" 20 $crowd
diag "$T/out"
try "$crowd connections with half a header end" hostile half-pdu 127.0.0.1 "$PORT" 20 $crowd
diag "$T/out"
try "500 connections with garbage end" hostile garbage 127.0.0.1 "$PORT" 20 500
diag "$T/out"
kill -0 "$CLIENT" 2>/dev/null
working=$?
stop_client
rounds=$(grep -c "read 1048576/" worker.log)
if [ $working -eq 0 ] && [ "$rounds" -gt 100 ] && ! grep -Eqi "fail|error" worker.log; then
	ok "a session did its work meanwhile: $rounds rounds"
else
	not_ok "a session did its work meanwhile: $rounds rounds" <(tail worker.log)
fi
try "the target lives" alive
most=$(most_resident)
if [ $((most - before)) -lt 131072 ]; then
	ok "its memory is bounded: $before KiB before, $most KiB at most"
else
	not_ok "its memory is bounded: $before KiB before, $most KiB at most"
fi
same_descriptors() {
	[ "$(descriptors)" -le "$idle_descriptors" ]
}
if wait_for 10 same_descriptors; then
	ok "no descriptor is left over"
else
	not_ok "no descriptor is left over: $idle_descriptors before, $(descriptors) after"
fi
try "it serves on" iscsi-perf -t 1 -m 8 -b 8 "$URL"
stop_target
is "it ends well" "$STATUS" 0
done_testing

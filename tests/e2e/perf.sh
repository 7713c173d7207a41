#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 600
# iscsi-perf: a moment of load from one client and from several; no number is asked of it here.
. "$(dirname "$0")/functions.sh"
need iscsi-perf qemu-img

seconds=2
[ -z "${LUNAR_LONG:-}" ] || seconds=60
LIMIT=$((seconds + 30))
start_target disk.img --size 256M
head -c 256M /dev/urandom >disk.bytes
try "the disk is filled" qemu-img convert -n -f raw -O raw disk.bytes "$URL"

measured() {
	timeout "$LIMIT" iscsi-perf -t "$seconds" "$@" "$URL" | tr '\r' '\n' >perf.out || return 1
	tail -3 perf.out
	grep -Eq '^iops average [1-9]' perf.out
}
try "4 KiB in sequence, 32 at once" measured -m 32 -b 8
diag perf.out | tail -3
try "4 KiB at random, 128 at once" measured -r -m 128 -b 8
diag perf.out | tail -3
try "1 MiB in sequence, 8 at once" measured -m 8 -b 2048
diag perf.out | tail -3
pids=()
for n in 1 2 3 4; do
	timeout "$LIMIT" iscsi-perf -i "$INITIATOR$n" -t "$seconds" -r -m 32 -b 16 "$URL" >"perf.$n" 2>&1 &
	pids+=($!)
done
failed=0
for pid in "${pids[@]}"; do wait "$pid" || failed=1; done
is "four clients at once: failures" "$failed" 0
try "the target lives" alive
stop_target
is "it ends well" "$STATUS" 0
done_testing

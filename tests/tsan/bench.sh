#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# lunar bench with several threads, with ThreadSanitizer looking on; see storm.sh.
. "$(dirname "$0")/../e2e/functions.sh"

LIMIT=60
export TSAN_OPTIONS="halt_on_error=0:exitcode=66"
start_target disk.img --size 16M --quiet --engine epoll --limit max_sessions=6
try "several sessions on several threads" "$LUNAR" bench "$URL" --write --rw randrw --bs 4k-16k --iodepth 8 --numjobs 6 \
	--threads 3 --runtime 2 --ramp_time 0.2 --verify
says "they have verified" "^verify: [0-9]{2,} blocks"
try_fails "no race" grep ThreadSanitizer "$T/out"
try_fails "more of them than the target takes" "$LUNAR" bench "$URL" --numjobs 12 --threads 4
try_fails "no race either" grep ThreadSanitizer "$T/out"
stop_target
done_testing

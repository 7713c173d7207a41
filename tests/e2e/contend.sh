#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 3000
# COMPARE AND WRITE as a lock, with plain reads and writes inside: sessions on two reactors, and no update is lost.
. "$(dirname "$0")/functions.sh"
need_program contend

rounds=10000
LIMIT=250
[ -z "${LUNAR_LONG:-}" ] || rounds=1000000 LIMIT=2500
for engine in uring epoll; do
	start_target disk.img --size 16M --memory 16M --quiet --engine "$engine" --reactors 2
	for lun in 0 1; do
		try "$engine, LUN $lun: $rounds rounds of 8 sessions" "$CONTEND" "${URLS[lun]}" 8 "$rounds"
		says "none is lost" "^number=$rounds late=[0-9]{2,}$"
	done
	stop_target
	is "$engine: the target ends well" "$STATUS" 0
	[ -z "${LUNAR_LONG:-}" ] || break
done
done_testing

#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# One lock, eight sessions on three reactors (see tests/e2e/contend.sh), with ThreadSanitizer looking on.
. "$(dirname "$0")/../e2e/functions.sh"
need_program contend

LIMIT=150
export TSAN_OPTIONS="halt_on_error=0:exitcode=66"
start_target disk.img --size 16M --memory 16M --quiet --engine epoll --reactors 3
for lun in 0 1; do
	try "LUN $lun: 1000 rounds" "$CONTEND" "${URLS[lun]}" 8 1000
	says "none is lost" "^number=1000 late=[0-9]{2,}$"
done
ends_without_a_race
done_testing

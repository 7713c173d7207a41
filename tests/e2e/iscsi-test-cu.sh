#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 1200
# libiscsi's conformance tests. Which families must pass is said in iscsi-test-cu.families.
. "$(dirname "$0")/functions.sh"
need iscsi-test-cu python3

MUST_PASS=()
# suite PREFIX ARGUMENT...: one run; its cases are added to this script's.
suite() {
	local prefix=$1 n
	shift
	timeout -k 5 500 stdbuf -o0 iscsi-test-cu -v "$@" >cu.out 2>cu.err </dev/null
	echo "# $prefix exit code $?"
	"$HERE/cu2tap.py" "$HERE/iscsi-test-cu.families" cu.out "$prefix" "${MUST_PASS[@]}" >cu.tap
	n=$(sed -n 's/^# cases: //p' cu.tap)
	if [ -z "$n" ]; then
		not_ok "$prefix: the output could be read" cu.out cu.err
		return
	fi
	# Numbers go on where this script is.
	awk -v base=$CASES '/^(not )?ok / { i = $1 == "not" ? 3 : 2; $i += base } { print }' cu.tap
	CASES=$((CASES + n))
}

start_target disk.img --size 1G
suite "" -d -t ALL "$URL"
try "the target lives" alive
stop_target
is "it ends well" "$STATUS" 0

start_target disk.img --readonly
MUST_PASS=(ReadOnly.ReadOnlySBC)
suite "read-only: " -d -t ALL.ReadOnly "$URL"
MUST_PASS=()
stop_target

# Where writes are whole or not at all.
start_target --memory 1G
MUST_PASS=(WriteAtomic16.{Simple,BeyondEol,ZeroBlocks,WriteProtect,DpoFua,VPD})
suite "memory: " -d -t ALL.WriteAtomic16 "$URL"
MUST_PASS=()
stop_target

start_target four.img --size 1G --block-size 4096
suite "4096: " -d -t ALL "$URL"
try "the target with 4096 byte blocks lives" alive
done_testing

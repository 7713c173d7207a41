#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 1200
# The daemon is killed while a transaction runs and is saved, again and again: all of it is there then, or nothing.
. "$(dirname "$0")/functions.sh"

rounds=50
[ -z "${LUNAR_LONG:-}" ] || rounds=1000 LIMIT=900
mkdir state
try "$rounds kills" "$HERE/kills.py" "$(dirname "$LUNAR")/lunar-targetd" "$T/state" $rounds
diag "$T/out"
is "the configuration is for its owner only" "$(stat -c %a state/saveconfig.json)" 600
is "ten older ones are kept at most" "$(find state/backup -type f | awk 'END { print (NR <= 10) }')" 1
done_testing

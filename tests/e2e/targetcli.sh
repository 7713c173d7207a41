#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# What is typed for targetcli is answered as targetcli answers it: see targetcli.py. In a network of its own, where
# nobody else has port 3260.
. "$(dirname "$0")/functions.sh"
need python3 unshare ip
unshare -rn true 2>/dev/null || unshare -n true 2>/dev/null || skip_all "no network namespace may be made here"
daemon=$(dirname "$LUNAR")/lunar-targetd
: >target.err
if [ "$(id -u)" = 0 ]; then how=-n; else how=-rn; fi
unshare $how sh -c "ip link set lo up; exec '$daemon' --state '$T/state'" 2>target.err </dev/null &
TARGETS+=($!)
TARGET_PID=$!
wait_for 30 daemon_ready
ln -s "$LUNAR" targetcli
export LUNAR_TARGET_SOCKET=$T/state/target.sock
"$HERE/targetcli.py" "$T/targetcli" "$T/state/saveconfig.json"
exit $?

#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# network: own
# --json on every command: whatever is asked, and whatever goes wrong, standard output is JSON.
. "$(dirname "$0")/functions.sh"
need python3

export LUNAR_TARGET_SOCKET=$T/state/target.sock
start_daemon
truncate -s 16M disk.img
printf '<target iqn.2026-11.com.example:tgt>\n\tbacking-store %s\n\tno-such-thing 1\n</target>\n' "$T/disk.img" >targets.conf
echo '<target iqn.2026-11.com.example:bad>' >bad.conf
"$HERE/json_commands.py" "$LUNAR" "$("$HERE/free-port.py")" >cases 2>err || { cat err >>cases; not_ok "the commands were tried" cases; }
cat cases
CASES=$((CASES + $(grep -cE '^(not )?ok ' cases)))
stop_target
done_testing

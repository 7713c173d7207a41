#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# network: own
# Secrets are in no core dump: a process that may have them leaves none, however it dies.
. "$(dirname "$0")/functions.sh"

SECRET=correct-horse-1
IQN=iqn.2026-01.test.lunar:cores
grep -q '^|' /proc/sys/kernel/core_pattern && skip_all "cores go to a program here"
nm "$LUNAR" 2>/dev/null | grep -q __asan_init && skip_all "LeakSanitizer has to look into the process"
ulimit -c unlimited || skip_all "no core may be dumped here at all"

cores() {
	find "$T" / -maxdepth 1 -name 'core*' -type f -newer begun 2>/dev/null
}
no_core() { # NAME
	local found
	found=$(cores)
	if [ -z "$found" ]; then ok "$1: it leaves no core"; else not_ok "$1: it leaves a core" <(echo "$found"); fi
	# shellcheck disable=SC2086
	[ -z "$found" ] || rm -f $found
}
touch -d '1 second ago' begun
(sh -c "echo $SECRET >/dev/null; kill -SEGV \$\$") 2>/dev/null
[ -n "$(cores)" ] || skip_all "no core is found here even of what may leave one"
rm -f core*

printf '%s\n' "$SECRET" >secret
chmod 600 secret
start_target disk.img --size 16M --chap alice --chap-secret-file secret
kill -SEGV "$SERVER"
wait "$TARGET_PID" 2>/dev/null
no_core "lunar serve, the process on the network"
start_target disk.img --chap alice --chap-secret-file secret
kill -SEGV "$TARGET_PID"
wait "$TARGET_PID" 2>/dev/null
no_core "lunar serve, the one with the rights"

start_daemon
control tree.create "{\"path\": \"/iscsi\", \"args\": {\"wwn\": \"$IQN\"}}" >/dev/null
try "the daemon has a secret" control tree.set "{\"path\": \"/iscsi/$IQN/tpg1\", \"group\": \"auth\", \"values\": {\"userid\": \"alice\", \"password\": \"$SECRET\"}}"
kill -SEGV "$SERVER"
wait_for 10 ended "$SERVER"
no_core "lunar-targetd, the process on the network"
for opener in $(grep -l "lunar-opener" /proc/[0-9]*/comm 2>/dev/null); do
	pid=${opener#/proc/}
	pid=${pid%/comm}
	grep -q " $TARGET_PID " "/proc/$pid/stat" 2>/dev/null && kill -SEGV "$pid"
done
wait_for 5 control version
no_core "lunar-targetd, those that open disks"
n=$(grep -c ready: target.err)
kill -USR2 "$TARGET_PID"
wait_for 10 [ "$(grep -c ready: target.err)" -gt "$n" ]
kill -ABRT "$TARGET_PID"
wait "$TARGET_PID" 2>/dev/null
no_core "lunar-targetd, the one with the rights, after a handover"
done_testing

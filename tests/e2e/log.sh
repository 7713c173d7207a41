#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# network: own
# Levels of the log, by module, given at the start and changed while the daemon runs; both of its processes obey. In
# the journal each line has its priority.
. "$(dirname "$0")/functions.sh"
need iscsi-ls

PORT=$("$HERE/free-port.py")
IQN=iqn.2026-11.com.example:log
export LUNAR_TARGET_SOCKET=$T/state/target.sock

target() {
	"$LUNAR" target "$@"
}
# said NAME REGEX, unsaid NAME REGEX: since the last `forget`, of the daemon's log.
forget() {
	: >target.err
}
said() {
	if wait_for 5 grep -Eq "$2" target.err; then ok "$1"; else not_ok "$1"; fi
}
unsaid() {
	if grep -Eq "$2" target.err; then not_ok "$1"; else ok "$1"; fi
}
discover() {
	iscsi-ls "iscsi://127.0.0.1:$PORT" >/dev/null 2>&1
}
TARGETD=$(dirname "$LUNAR")/lunar-targetd

for levels in loud "scsi=" "nix=info" "info,"; do
	"$TARGETD" --state "$T/none" --log-level "$levels" >out 2>&1
	is "--log-level $levels is refused" $? 2
	says "with what there is" 'is no (level|module) of the log: '
	"$LUNAR" serve disk.img --size 1M --log-level "$levels" >out 2>&1
	is "and by serve" $? 2
done

start_daemon --log-level info,login=error
is "the levels are told" "$(target log)" info,login=error
printf '%s\n' "/iscsi create $IQN" "/iscsi/$IQN/tpg1/portals delete 0.0.0.0 3260" \
	"/iscsi/$IQN/tpg1/portals create 127.0.0.1 $PORT" 'set global auto_save_on_exit=false' | target >out 2>&1
said "what administrators do is logged" "admin: user .* create /iscsi/$IQN"
discover
unsaid "a login is not" 'session of'
is "one module is changed" "$(target log login=info)" info,login=info
forget
discover
said "the process that faces the network obeys" 'session of'
is "and all modules" "$(target log error)" error
forget
discover
target "/iscsi/$IQN/tpg1" set attribute authentication=1 >/dev/null
target "/iscsi/$IQN/tpg1" set attribute authentication=0 >/dev/null
unsaid "nothing is logged by either" .
is "one of them" "$(target log audit=info)" error,audit=info
target "/iscsi/$IQN/tpg1" set attribute authentication=1 >/dev/null
said "is" 'admin: user .*authentication=1'
try_fails "nonsense" target log scsi=loud
says "is refused" '"loud" is no level of the log: error warning info debug'
is "and changes nothing" "$(target log)" error,audit=info


# In the shell, too; completed by what there is.
is "several words are one list" "$(printf 'log warning scsi=info login=error\n' | target | head -1)" warning,login=error,scsi=info
complete() {
	target --complete "$1" | tr '\n' ' '
}
is "the command is completed" "$(complete "lo")" "log "
is "levels are" "$(complete "log w")" "warning "
is "modules are" "$(complete "log sc")" "scsi= "
is "levels of a module are" "$(complete "log scsi=de")" "debug "
is "so are those behind a comma" "$(complete "log info,sc")" "info,scsi= "
is "and their levels" "$(complete "log info,scsi=er")" "error "
is "and any one after that" "$(complete "log scsi=info,login=e")" "info,login=error "
try "there is help" target help log
says "on it" 'log \[level\.\.\.\]'

# A process that is started anew has them, too.
target log info,login=error >/dev/null
kill -KILL "$SERVER"
said "the process is started anew" 'has been killed|was killed|ended'
forget
wait_for 10 discover
unsaid "with the levels of now" 'session of'
stop_target

# --- the journal

# In a terminal there is no priority; nor where the journal is somebody else's.
start_daemon
unsaid "no priorities in a file" '^<[0-9]>'
stop_target
: >target.err
JOURNAL_STREAM=1:1 start_daemon
unsaid "which is not the journal" '^<[0-9]>'
stop_target
rm -r state
: >journal
exec 7>>journal
JOURNAL_STREAM=$(stat -Lc '%d:%i' journal) "$TARGETD" --state "$T/state" 2>&7 </dev/null &
TARGET_PID=$!
TARGETS+=("$TARGET_PID")
wait_for 10 grep -q 'ready:' journal
try "in the journal" grep -q '^<6>daemon: ready:' journal
printf '%s\n' "/iscsi create $IQN" "/iscsi/$IQN/tpg1/portals delete 0.0.0.0 3260" \
	"/iscsi/$IQN/tpg1/portals create 127.0.0.1 $PORT" | target >out 2>&1
discover
try "each line has its priority, and its module" wait_for 5 grep -q '^<6>login: ' journal
is "all lines" "$(grep -vc '^<[0-9]>[a-z]*: ' journal)" 0
stop_target
done_testing

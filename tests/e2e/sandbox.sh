#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The process that faces the network has nothing to lose: how it is, and what happens when it or its
# parent ends. What it cannot do is tried from inside by unit/sandbox_test.
. "$(dirname "$0")/functions.sh"
need qemu-io python3

root=$([ "$(id -u)" -eq 0 ] && echo 1 || echo "")
status() {
	sed -n "s/^$1:[ \t]*\([^ \t]*\).*/\1/p" "/proc/$server/status"
}
nobody=$(id -u lunar 2>/dev/null || id -u nobody)

# shut WHO: what can be seen of the sandbox from outside.
shut() {
	server=$(server_pid)
	[ "$server" != "$TARGET_PID" ] && ok "$1: another process faces the network" ||
		not_ok "$1: another process faces the network"
	is "$1: system calls are filtered" "$(status Seccomp)" 2
	is "$1: nothing that it starts has more rights" "$(status NoNewPrivs)" 1
	is "$1: it has no capability" "$(status CapEff)$(status CapPrm)$(status CapAmb)" \
		"$(printf '0%.0s' {1..48})"
	is "$1: its user" "$(status Uid)" "$2"
	if find "/proc/$server/fd" -lname "$T/.state/*" 2>/dev/null | grep -q .; then
		not_ok "$1: no record or lock is open there" <(ls -l "/proc/$server/fd")
	else
		ok "$1: no record or lock is open there"
	fi
	is "$1: nothing of ours is open there" \
		"$(find "/proc/$server/fd" -lname "$T/secrets" 2>/dev/null | wc -l)" 0
}

echo "nobody's business" >secrets
exec 7<secrets
for engine in uring epoll; do
	start_target disk.img --size 64M --engine "$engine" --quiet
	shut "$engine" "$([ "$root" ] && echo "$nobody" || id -u)"
	try "$engine: it serves" io "$URL" "write -P 0x31 0 1M" flush "read -P 0x31 0 1M" "discard 0 1M" \
		"write -z 2M 64k" "read -P 0 0 1M"
	stop_target
	is "$engine: it ends well" "$STATUS" 0
	is "$engine: it had nothing to say" "$(cat target.err)" ""
	ended "$server" && ok "$engine: both have ended" || not_ok "$engine: both have ended"
done
exec 7<&-

# SIGTERM to the one that serves.
start_target disk.img --quiet
kill -TERM "$(server_pid)"
wait_for 10 ended "$TARGET_PID"
stop_target KILL
is "SIGTERM to the server alone: exit code" "$STATUS" 0
is "and nothing is wrong" "$(cat target.err)" ""
# And to both at once, as a service manager does it: that is one, not two.
start_target disk.img
kill -TERM "$TARGET_PID" "$(server_pid)"
wait_for 10 ended "$TARGET_PID"
stop_target KILL
is "SIGTERM to both: exit code" "$STATUS" 0

# No identity is held: flock(1) has another kind of lock, which these are not seen by.
unlocked() {
	python3 - "$XDG_STATE_HOME"/*/serving-* <<-'END'
		import fcntl, struct, sys
		for name in sys.argv[1:]:
		    with open(name, "r+b") as f:
		        fcntl.fcntl(f, fcntl.F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0))
	END
}

# One of the two is killed.
start_target disk.img
kill -KILL "$(server_pid)"
wait_for 10 ended "$TARGET_PID"
stop_target KILL
is "a killed server: exit code" "$STATUS" 1
says "what killed it is said" "error: the process that faces the network was killed by signal 9" target.err
is "in one line" "$(grep -c killed target.err)" 1
try "no lock is left" unlocked
start_target disk.img
server=$(server_pid)
stop_target KILL
wait_for 5 ended "$server" && ok "a killed parent takes the server along" ||
	not_ok "a killed parent takes the server along"
start_target disk.img
try "the disk is free at once" io "$URL" "read 0 64k"
stop_target

# A start that fails after the split leaves nothing.
if "$HERE/without.py" io-uring true 2>"$T/out"; then
	try_fails "an engine that is refused" "$HERE/without.py" io-uring "$LUNAR" serve new.img --size 1M \
		--engine uring --portal 127.0.0.1:0
	says "is the reason" "engine uring: Operation not permitted"
	is "and the file that was made for it has gone" "$(ls new.img 2>/dev/null)" ""
else
	skip "a start that fails" "$(head -1 "$T/out")"
fi

# Without it.
start_target disk.img --no-sandbox
says "--no-sandbox is warned of" "warning: --no-sandbox" target.err
server=$(server_pid)
is "then it is one process" "$server" "$TARGET_PID"
is "with every system call" "$(status Seccomp)" "$(sed -n 's/^Seccomp:[ \t]*//p' /proc/self/status)"
try "which serves" io "$URL" "read 0 64k"
stop_target
is "and ends well" "$STATUS" 0
try "and leaves no lock" unlocked
try_fails "a user that there is not" "$LUNAR" serve disk.img --portal 127.0.0.1:0 --user "no one"
says "is named" 'no user "no one"'

# Kernels that lack a part of it.
for what in landlock seccomp; do
	if ! "$HERE/without.py" "$what" true 2>"$T/out"; then
		skip "without $what" "$(head -1 "$T/out")"
		continue
	fi
	TARGET_WRAP="$HERE/without.py $what" start_target disk.img
	is "without $what there is one line" "$(grep -c . target.err)" 1
	case $what in
	landlock) says "which says so" "the kernel lets us have no Landlock \(Function not implemented\)" target.err ;;
	seccomp) says "which says so" "the kernel lets us have no system call filter \(seccomp\)" target.err ;;
	esac
	try "and it serves" io "$URL" "write 0 64k" flush
	stop_target
	is "and ends well" "$STATUS" 0
done

if [ ! "$root" ] || ! command -v setpriv >/dev/null; then
	skip "as a plain user, and another one" "only root can try that"
	done_testing
fi
start_target --memory 16M --user daemon
server=$(server_pid)
is "--user is whom it becomes" "$(status Uid)" "$(id -u daemon)"
stop_target
mkdir -m 777 open
TARGET_WRAP="setpriv --reuid=$nobody --regid=$nobody --clear-groups env XDG_STATE_HOME=$T/open" \
	start_target open/mine.img --size 16M --quiet
shut "a plain user" "$nobody"
try "a plain user: it serves" io "$URL" "write -P 0x32 0 1M" flush
stop_target
is "a plain user: it ends well" "$STATUS" 0
is "a plain user: nothing was wrong" "$(cat target.err)" ""

# A device that goes and comes back: only the parent may open it.
command -v losetup >/dev/null || PATH=$PATH:/sbin:/usr/sbin
truncate -s 64M backing
if ! loop=$(losetup -f --show backing 2>"$T/out"); then
	skip "a device that goes and comes back" "$(head -1 "$T/out")"
	done_testing
fi
trap 'losetup -d "$loop"; cleanup' EXIT
gone() {
	truncate -s 0 backing && losetup -c "$loop"
	io "$URL" "read 0 64k"
	grep -q "has gone" target.err
}
for engine in uring epoll; do
	start_target "$loop" --engine "$engine" --quiet
	try "$engine: a device is served" io "$URL" "write -P 0x33 0 1M" flush
	try "$engine: it goes" wait_for 10 gone
	truncate -s 64M backing
	losetup -c "$loop"
	try "$engine: it comes back" wait_for 10 grep -q "is back" target.err
	try "$engine: it is used again" io "$URL" "write -P 0x34 0 1M" flush "read -P 0x34 0 1M"
	shut "$engine, after that" "$nobody"
	stop_target
	is "$engine: it ends well" "$STATUS" 0
	try "$engine: the device is free" losetup -c "$loop"
done
done_testing

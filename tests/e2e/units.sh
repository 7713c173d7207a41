#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# network: own
# The units for systemd: their syntax, what they take away, and that the daemon does with what they leave; and what
# it tells the service manager.
. "$(dirname "$0")/functions.sh"
need python3

UNIT=$(dirname "$LUNAR")/packaging/lunar-targetd.service
PACKAGING=$HERE/../../packaging/systemd
TARGETD=$(dirname "$LUNAR")/lunar-targetd
INITIATORD=$(dirname "$LUNAR")/lunar-initiatord

# --- what systemd thinks of them

# exposure OPTION...: with --threshold=N it fails above N tenths.
exposure() {
	systemd-analyze security --offline=true --no-pager "$@" "$UNIT"
}

# Every exception is one, and docs/security.md explains it.
explained() { # EXCEPTIONS
	exposure --json=short | python3 -c '
import json, sys
weak = {row["json_field"] for row in json.load(sys.stdin) if float(row["exposure"] or 0) > 0}
with open(sys.argv[1]) as f:
    exceptions = json.load(f)
with open(sys.argv[2]) as f:
    table = f.read()
stale = [name for name in exceptions if name not in weak]
silent = [name for name, e in exceptions.items() if "| " + e["description_bad"] + " |" not in table]
print("stale:", *stale, "not in the table:", *silent)
sys.exit(1 if stale or silent else 0)' "$1" "$HERE/../../docs/security.md"
}

# By the path of the program that is installed, which is not there.
mkdir units
sed "s,^ExecStart=[^ ]*,ExecStart=$TARGETD," "$UNIT" >units/lunar-targetd.service
if ! command -v systemd-analyze >/dev/null; then
	skip "the unit is one" "systemd-analyze is not installed"
elif ! grep -q -- --security-policy <(systemd-analyze security --help); then
	skip "the unit is one" "systemd-analyze is older than 250"
else
	try "the unit is one" systemd-analyze verify --man=no "$T/units/lunar-targetd.service"
	is "without a word" "$(cat out)" ""
	cp "$PACKAGING/lunar-targetd.socket" units/
	try "so is its socket" systemd-analyze verify --man=no "$T/units/lunar-targetd.socket"
	is "without a word either" "$(cat out)" ""
	try "its exposure is no more than it was" exposure --threshold=31
	try "and below 1.0 but for what the daemon's work needs" exposure --threshold=9 \
		--security-policy="$PACKAGING/exceptions-targetd.json"
	try "where each exception is one" explained "$PACKAGING/exceptions-targetd.json"
	cat "$UNIT" "$PACKAGING/strict.conf" >units/strict.service
	sed "s,^ExecStart=[^ ]*,ExecStart=$TARGETD," units/strict.service >units/lunar-strict.service
	try "the stricter one is a unit" systemd-analyze verify --man=no "$T/units/lunar-strict.service"
	UNIT=$T/units/strict.service
	try "its exposure is less" exposure --threshold=23
	try "and all of that is explained" exposure --threshold=1 --security-policy="$PACKAGING/exceptions-targetd.json"
	UNIT=$(dirname "$LUNAR")/packaging/lunar-initiatord.service
	sed "s,^ExecStart=[^ ]*,ExecStart=$INITIATORD," "$UNIT" >units/lunar-initiatord.service
	try "the initiator's unit is one" systemd-analyze verify --man=no "$T/units/lunar-initiatord.service"
	is "without a word" "$(cat out)" ""
	try "its exposure is no more than it was" exposure --threshold=28
	try "and all of that is explained" exposure --threshold=1 --security-policy="$PACKAGING/exceptions-initiatord.json"
	try "where each exception is one" explained "$PACKAGING/exceptions-initiatord.json"
	UNIT=$(dirname "$LUNAR")/packaging/lunar-targetd.service
fi
if command -v systemd-sysusers >/dev/null; then
	mkdir -p root/etc
	try "users and groups are made" systemd-sysusers --root="$T/root" "$PACKAGING/lunar.sysusers"
	says "a user" '^lunar:' root/etc/passwd
	group=$(sed -n 's/^lunar:x:\([0-9]*\):.*/\1/p' root/etc/group)
	if grep -q "^lunar:x:[0-9]*:$group:" root/etc/passwd; then
		not_ok "who is not in the group that may administer" root/etc/passwd root/etc/group
	else
		ok "who is not in the group that may administer"
	fi
else
	skip "users and groups are made" "systemd-sysusers is not installed"
fi
if command -v systemd-tmpfiles >/dev/null; then
	[ -d root/etc ] || mkdir -p root/etc
	try "directories are made" systemd-tmpfiles --root="$T/root" --create "$PACKAGING/lunar.tmpfiles"
	is "nobody looks into" "$(stat -c %a root/etc/lunar root/var/lib/lunar | paste -sd' ')" "700 700"
else
	skip "directories are made" "systemd-tmpfiles is not installed"
fi

# --- what the daemon says to it

ear() { # LINE
	wait_for 15 grep -qx "$1" ear.log
}

start_client ear.log "$HERE/notify.py" "$T/notify"
wait_for 10 ear listening
WATCHDOG_USEC=600000 NOTIFY_SOCKET=$T/notify start_daemon
try "it says when it is ready" ear READY=1
try "and that it lives" ear WATCHDOG=1
beats() {
	grep -cx WATCHDOG=1 ear.log
}
more_beats() { # THAN
	[ "$(beats)" -gt "$1" ]
}
try "and goes on saying so" wait_for 10 more_beats $(($(beats) + 3))
kill -STOP "$TARGET_PID"
sleep 0.3
before=$(beats)
sleep 0.8
is "one that hangs says nothing, though the other process lives" "$(beats)" "$before"
kill -CONT "$TARGET_PID"
try "one that goes on says so again" wait_for 10 more_beats "$before"
stop_target
is "it ends in order" "$STATUS" 0
try "and says that, too" ear STOPPING=1
before=$(beats)
NOTIFY_SOCKET=$T/notify start_daemon
sleep 0.5
is "nobody who does not ask is told" "$(beats)" "$before"
stop_target
WATCHDOG_USEC=soon NOTIFY_SOCKET=$T/notify start_daemon
says "what cannot be understood is told" 'warning: .*WATCHDOG_USEC' target.err
try "and it serves all the same" control version
stop_target
stop_client

# --- under what they leave it

[ "$(id -u)" -eq 0 ] || { skip "it does with what the unit leaves" "only root can try"; done_testing; }
for tool in setpriv systemd-analyze qemu-io unshare; do
	command -v "$tool" >/dev/null || { skip "it does with what the unit leaves" "$tool is not installed"; done_testing; }
done
grep -q libseccomp.so.2 <(ldconfig -p) || { skip "it does with what the unit leaves" "no libseccomp.so.2"; done_testing; }

# In a network of its own, where every port is free. /proc and /dev are as they are.
GROUP=$(getent group daemon | cut -d: -f3)
how="ip link set lo up; exec '$HERE/confined.py' '$UNIT' $GROUP '$TARGETD' --state '$T/confined' --socket '$T/control.sock' --group daemon"
unshare -n true 2>/dev/null || { skip "it does with what the unit leaves" "no network namespace may be made here"; done_testing; }
: >target.err
unshare -n sh -c "$how" 2>target.err </dev/null &
TARGET_PID=$!
TARGETS+=("$TARGET_PID")
wait_for 30 daemon_ready
inside() {
	timeout -k 5 "$LIMIT" nsenter -t "$TARGET_PID" -n "$@" </dev/null
}
shell() {
	inside "$LUNAR" target --socket "$T/control.sock" "$@"
}
IQN=iqn.2026-01.test.lunar:confined
try "it starts with what the unit leaves" shell version
is "which is no more" "$(sed -n 's/^CapEff:[ \t]*//p' "/proc/$TARGET_PID/status")" 00000000000405e2
is "the socket is the group's" "$(stat -c '%a %G' control.sock)" "660 daemon"
as() { # OPTION COMMAND...: as nobody, with this option of setpriv
	setpriv --reuid 65534 --regid 65534 "${@:1:1}" "$LUNAR" target --socket "$T/control.sock" "${@:2}" </dev/null
}
try "a member of the group may administer" as "--groups=$GROUP" /backstores/ramdisk create by_member 1M
says "and is named for it" 'admin: user 65534: create /backstores/ramdisk/by_member' target.err
try_fails "a stranger may not" as --clear-groups version
chmod 666 control.sock
try_fails "not even where the file lets him" as --clear-groups ls
try "its disk is deleted" shell /backstores/ramdisk delete by_member
truncate -s 16M foreign.img
chown nobody foreign.img
chmod 600 foreign.img
try "an image of somebody else's" shell /backstores/fileio create foreign "$T/foreign.img"
try "an image that is made" shell /backstores/fileio create own "$T/own.img" 16M
is "nobody else may read it" "$(stat -c '%a %U' own.img)" "600 root"
try "one in memory" shell /backstores/ramdisk create memory 16M
try "a target" shell /iscsi create $IQN
try "a portal below 1024" shell /iscsi/$IQN/tpg1/portals create 127.0.0.1 860
try "and an IPv6 one" shell /iscsi/$IQN/tpg1/portals create ::1 3260
for disk in fileio/foreign fileio/own ramdisk/memory; do
	try "a LUN: $disk" shell /iscsi/$IQN/tpg1/luns create /backstores/$disk
done
try "everybody may come" shell /iscsi/$IQN/tpg1 set attribute generate_node_acls=1 demo_mode_write_protect=0
for lun in 0 1 2; do
	try "LUN $lun is written and read" inside qemu-io -f raw -c "write -P 5 0 1M" -c flush -c "discard 1M 1M" \
		-c "read -P 5 0 1M" "iscsi://127.0.0.1:860/$IQN/$lun"
done
SERVER=$(server_pid)
is "the other process has a system call filter" "$(sed -n 's/^Seccomp:[ \t]*//p' "/proc/$SERVER/status")" 2
is "and no right" "$(sed -n 's/^Cap\(Eff\|Bnd\):[ \t]*//p' "/proc/$SERVER/status" | paste -sd' ')" "0000000000000000 0000000000000000"
is "it is somebody else" "$(sed -n 's/^Uid:[ \t]*\([0-9]*\).*/\1/p' "/proc/$SERVER/status")" \
	"$(id -u lunar 2>/dev/null || id -u nobody)"
is "in an empty directory" "$(readlink "/proc/$SERVER/root" | sed 's,/[0-9]*/,/N/,')" /proc/N/fdinfo
kill -KILL "$SERVER"
serves() {
	inside qemu-io -f raw -c "read -P 5 0 1M" "iscsi://127.0.0.1:860/$IQN/0"
}
wait_for 15 serves
try "another one serves when it is killed" serves
try "it is saved" shell saveconfig
# Told twice, it kills the other process, which is another user's and does not listen.
SERVER=$(server_pid)
kill -STOP "$SERVER"
kill -TERM "$TARGET_PID"
sleep 0.3
kill -TERM "$TARGET_PID"
wait_for 15 ended "$TARGET_PID"
try "it ends, though the other process does not listen" ended "$TARGET_PID"
is "nothing was refused that it needs" "$(grep -c 'warning: the kernel\|cannot become\|Operation not permitted' target.err)" 0
done_testing

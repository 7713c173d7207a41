#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 900
# init: systemd
# memory: 1024
# What `make install` installs, under systemd: the initiator daemon's block devices, by each method, under fio and
# ext4, while it is restarted, killed, hangs, and the target is away; its end, and none of them left behind.
# shellcheck disable=SC2034 # FIO... are used there
. /lunar/tests/vm/guest/functions.sh
. /lunar/tests/vm/guest/systemd-functions.sh
need_lunar
UNIT=lunar-initiatord.service
OUTAGE=10
ROUNDS=10
[ -z "${LUNAR_LONG:-}" ] || { OUTAGE=60; ROUNDS=100; }
METHODS="fuse ublk nbd"

lunar() {
	timeout -k 5 "$LIMIT" /usr/local/bin/lunar "$@" </dev/null
}
declare -A DEVICE FIOS

# go_on NAME METHOD...
go_on() {
	local method name=$1
	shift
	for method; do
		use "$method"
		goes_on "$name: $method"
	done
	! ended "$FIO" || give_up
}
use() { # METHOD: as the functions want it
	FIO=${FIOS[$1]}
	FIO_DISK=${DEVICE[$1]#/dev/}
	FIO_LOG=$T/fio-$1.log
}
# What is mounted on a disk whose target ends with this script would hang: the guest is switched off.
give_up() {
	journal $UNIT | tail -20 | diag
	echo "1..$CASES"
	kill -KILL $$
}
devices() {
	lsblk -nro NAME,SIZE | awk '$2 != "0B" { print $1 }' | sort
	ls /sys/fs/fuse/connections 2>/dev/null
	ls -d /dev/ublk[bc]* /dev/disk/by-path/*iscsi* 2>/dev/null
}

modprobe -a fuse loop ublk_drv nbd
mount -t fusectl fusectl /sys/fs/fuse/connections 2>/dev/null
truncate -s 96M fuse.img ublk.img nbd.img
start_target fuse.img ublk.img nbd.img --portal "127.0.0.1:3260"
try "it is installed" install_lunar
drop_in $UNIT <<-'EOF'
	[Service]
	WatchdogSec=6
	RestartSec=0.1
EOF
devices >before
try "it starts, and is ready when systemctl returns" systemctl start $UNIT
journal_says "the journal has its lines" 'ready:' $UNIT

# --- every method, with ext4 and a load that verifies

lun=0
for method in $METHODS; do
	try "$method: it is attached" lunar attach "${URLS[$lun]}" --via "$method"
	DEVICE[$method]=$(tail -1 "$T/out")
	lun=$((lun + 1))
	[ -b "${DEVICE[$method]}" ] || give_up
	mkdir -p "/mnt/$method"
	try "$method: ext4" mkfs.ext4 -q -F "${DEVICE[$method]}"
	try "$method: is mounted" mount "${DEVICE[$method]}" "/mnt/$method"
	FIO_LOG=$T/fio-$method.log
	start_fio "/mnt/$method/data" --size=16M
	FIOS[$method]=$FIO
done
go_on "fio writes" $METHODS

# --- memory

SERVER=$(second_pid $UNIT)
flags() { # of its threads: PF_MEMALLOC_NOIO and PF_LOCAL_THROTTLE
	local task
	for task in /proc/"$SERVER"/task/*; do
		echo $((($(sed 's/.*) //' "$task/stat" | cut -d' ' -f7) & 0x180000) == 0x180000))
	done | sort -u
}
is "the kernel does not wait for our disks when it gives its threads memory" "$(flags)" 1
[ "$(awk '/^VmLck/ { print $2 }' "/proc/$SERVER/status")" -gt 4096 ] && ok "its memory is locked" ||
	not_ok "its memory is locked" "/proc/$SERVER/status"

# --- its ends

pid=$(main_pid $UNIT)
try "it is restarted" systemctl restart $UNIT
is "and is another process" "$(($(main_pid $UNIT) != pid))" 1
go_on "after a restart" $METHODS
# More often than a service may by default, in ten seconds.
kill_it() {
	local pid
	pid=$(main_pid $UNIT)
	[ "$pid" != 0 ] && kill -KILL "$pid"
}
for _ in 1 2 3 4 5 6 7; do
	wait_for 20 kill_it
	sleep 0.2
done
# What nbd had in hand it asks for again when ten seconds have gone.
go_on "after it was killed again and again" $METHODS
kill -KILL "$(second_pid $UNIT)"
go_on "after its second process was killed" fuse ublk
pid=$(main_pid $UNIT)
kill -STOP "$pid"
try "a daemon that hangs is ended, and another one started" wait_for 60 has_other_pid $UNIT "$pid"
go_on "after that" fuse ublk

# --- the target is away

stop_target KILL
sleep "$OUTAGE"
start_target fuse.img ublk.img nbd.img --portal "127.0.0.1:3260"
go_on "after $OUTAGE s without a target" $METHODS
for method in $METHODS; do
	use "$method"
	fio_ends "$method: what fio has written it has verified"
	try "$method: its file system is not read-only" touch "/mnt/$method/file"
	try "$method: is unmounted" umount "/mnt/$method"
	try "$method: and in order" e2fsck -fn "${DEVICE[$method]}"
done
lunar list >list
is "all of them are what they were" "$(grep -c "$(printf '%s \\|' "${DEVICE[@]}" | sed 's/\\|$//')" list)" 3
is "without an error of the kernel's" "$(dmesg | grep -c 'I/O error\|Remounting filesystem read-only')" 0

# --- what is left behind

try "it is stopped" systemctl stop $UNIT
is "without a fault" "$(systemctl show -P Result $UNIT)" success
same() { devices >after; cmp -s before after; }
try "then there is no device" wait_for 20 same || diff before after | diag
try "it starts again" systemctl start $UNIT
is "and nothing is attached" "$(lunar list --json | grep -c '/dev/')" 0
rounds() { # METHOD URL
	local i device
	for ((i = 0; i < ROUNDS; i++)); do
		device=$(lunar attach "$2" --via "$1") && lunar detach "$device" || return 1
	done
}
lun=0
for method in $METHODS; do
	try "$method: attached and detached $ROUNDS times" rounds "$method" "${URLS[$lun]}"
	lun=$((lun + 1))
done
try "no device is left" wait_for 20 same
cmp -s before after || diff before after | diag
systemctl stop $UNIT
is "in all of that nothing was refused that it needs" \
	"$(journal $UNIT | grep -c 'the kernel\|cannot become\|Operation not permitted\|may be swapped')" 0
done_testing

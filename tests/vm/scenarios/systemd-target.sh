#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 400
# init: systemd
# disks: 64
# What `make install` installs, under systemd: the target daemon starts, is read anew, hangs, is started again, ends,
# and is started by who talks to it, with the kernel's initiator logged in, who comes back by himself.
. /lunar/tests/vm/guest/functions.sh
. /lunar/tests/vm/guest/systemd-functions.sh
need_lunar
UNIT=lunar-targetd.service

shell() {
	timeout -k 5 "$LIMIT" "$LUNAR" target "$@" </dev/null
}
try "it is installed" install_lunar
try "it starts, and is ready when systemctl returns" systemctl start $UNIT
try "then it answers" shell version
is "it is up" "$(systemctl show -P SubState $UNIT)" running
journal_says "the journal has its lines" 'ready:' $UNIT
is "with their priority" "$(journalctl --no-pager -b -o cat -p warning -u $UNIT)" ""

# --- what the unit lets it do

mkdir -p /srv/iscsi /home/someone
truncate -s 16M /home/someone/image
chown nobody /home/someone/image
chmod 600 /home/someone/image
try "an image anywhere" shell /backstores/fileio create disk0 /srv/iscsi/disk0.img 128M
try "one of somebody else's, below /home" shell /backstores/fileio create home /home/someone/image
try "one in /tmp" shell /backstores/fileio create tmp /tmp/image 16M
is "which is the host's" "$(stat -c %s /tmp/image)" $((16 << 20))
try "a block device" shell /backstores/block create block /dev/vdb
try "memory" shell /backstores/ramdisk create memory 16M
try "a target" shell /iscsi create "$TARGET_IQN"
for disk in fileio/disk0 fileio/home fileio/tmp block/block ramdisk/memory; do
	shell "$TPG/luns" create "/backstores/$disk" >"$T/out" 2>&1 || not_ok "a LUN: $disk" "$T/out"
done
try "an initiator" shell "$TPG/acls" create "$CLIENT_IQN"
try "all of it is saved" shell saveconfig
SERVER=$(second_pid $UNIT)
is "its second process has no rights, and a filter" \
	"$(sed -n 's/^\(CapBnd\|CapEff\|Seccomp\|NoNewPrivs\):[ \t]*//p' "/proc/$SERVER/status" | paste -sd' ')" \
	"0000000000000000 0000000000000000 1 2"

start_iscsid "$CLIENT_IQN"
discover >/dev/null
node node.session.timeo.replacement_timeout 120 >/dev/null
try "the kernel's initiator logs in" login
for lun in 4 3 2 1 0; do
	try "LUN $lun is there" wait_disk "$TARGET_IQN" $lun
	try "and is written" dd if=/dev/urandom of="$DISK" bs=1M count=2 oflag=direct
done
cmp -n 2097152 /dev/vdb "/dev/$(disks "$TARGET_IQN" 3)" >"$T/out" 2>&1 && ok "the block device, too" ||
	not_ok "the block device, too" "$T/out"

# --- under load

start_fio "$DISK"
goes_on "fio writes"
shell /backstores/ramdisk create unsaved 1M >/dev/null
pid=$(main_pid $UNIT)
try "the configuration is read anew" systemctl reload $UNIT
is_gone() { ! shell /backstores/ramdisk/unsaved ls; }
try "what was not saved is gone" wait_for 20 is_gone
is "it is the same process" "$(main_pid $UNIT)" "$pid"
goes_on "fio notices nothing"

try "it is restarted" systemctl restart $UNIT
goes_on "the session comes back by itself"
kill -KILL "$(main_pid $UNIT)"
goes_on "so it does when the daemon is killed"

drop_in $UNIT <<-'EOF'
	[Service]
	WatchdogSec=4
EOF
try "it is restarted with another watchdog" systemctl restart $UNIT
goes_on "the session comes back again"
pid=$(main_pid $UNIT)
kill -STOP "$pid"
try "a daemon that hangs is ended, and another one started" wait_for 60 has_other_pid $UNIT "$pid"
is "by the watchdog" "$(journal $UNIT | grep -c 'Watchdog timeout')" 1
goes_on "and the session comes back"
fio_ends "what fio has written it has verified"
dd if=/dev/urandom of=data bs=1M count=2 2>/dev/null
DISK=/dev/$(disks "$TARGET_IQN" 4)
dd if=data of="$DISK" bs=1M oflag=direct 2>"$T/out" || not_ok "memory is written" "$T/out"
try "once more" systemctl restart $UNIT
try "what is in memory stays over a restart" cmp -n 2097152 data "$DISK"

# --- its end

try "it ends in order with a session" systemctl stop $UNIT
is "without a fault" "$(systemctl show -P Result $UNIT)" success
is "its socket is gone" "$(ls /run/lunar)" ""

# --- it is started by who comes

drop_in lunar-targetd.socket <<-'EOF'
	[Socket]
	ListenStream=0.0.0.0:3260
EOF
try "its sockets are there" systemctl start lunar-targetd.socket
logged_in() { iscsiadm -m session -P 1 | grep -q 'iSCSI Connection State: LOGGED IN'; }
try "the initiator starts it, and is in" wait_for 90 logged_in
is "it runs" "$(systemctl is-active $UNIT)" active
try "the disk is there" dd if="$DISK" of=/dev/null bs=4k count=1 iflag=direct
try "logout" logout
systemctl stop $UNIT
is "it does not, when it is stopped" "$(systemctl is-active $UNIT)" inactive
try "an administrator starts it, too" shell version
is "then it runs" "$(systemctl is-active $UNIT)" active
systemctl stop lunar-targetd.socket $UNIT
is "in all of that nothing was refused that it needs" \
	"$(journal $UNIT | grep -c 'the kernel\|cannot become\|Operation not permitted')" 0
done_testing

# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034 # what is set here is used there
# For scenarios under systemd (`# init: systemd`), after functions.sh: what is installed, and its services.

# install_lunar: as an administrator does after `make install`.
install_lunar() {
	mkdir -p /installed
	mount -t 9p -o trans=virtio,version=9p2000.L,ro installed /installed &&
		cp -r --preserve=mode,links /installed/. / &&
		ldconfig &&
		systemd-sysusers &&
		systemd-tmpfiles --create /usr/local/lib/tmpfiles.d/lunar.conf &&
		systemctl daemon-reload
	LUNAR=/usr/local/bin/lunar
}

# A daemon's first process, and whether it is another one than this.
main_pid() { # UNIT
	systemctl show -P MainPID "$1"
}
has_other_pid() { # UNIT PID
	local now
	now=$(main_pid "$1")
	[ "$now" != 0 ] && [ "$now" != "$2" ] && systemctl -q is-active "$1"
}
# second_pid UNIT: its process that faces the network: the child that is another user's.
second_pid() {
	pgrep -u lunar -P "$(main_pid "$1")" | head -1
}

# journal UNIT: its lines of this boot, the messages only.
journal() {
	journalctl --no-pager -b -o cat -u "$1"
}
# journal_says NAME REGEX UNIT: within a while; the journal is not written at once.
journal_has() {
	journal "$2" | grep -Eq -- "$1"
}
journal_says() {
	wait_for 10 journal_has "$2" "$3"
	journal "$3" >"$T/out"
	says "$1" "$2"
}

# drop_in UNIT: standard input, as `systemctl edit` does.
drop_in() {
	mkdir -p "/run/systemd/system/$1.d"
	cat >"/run/systemd/system/$1.d/test.conf"
	systemctl daemon-reload
}

# start_fio FILE [OPTION...]: writes and verifies without end, not too fast, so that all that it does is in many small
# pieces. Sets FIO, and FIO_DISK, below which the file is; its end is in $FIO_LOG.
FIO_LOG=$T/fio.log
start_fio() {
	FIO_DISK=${1##*/}
	[ -b "$1" ] || FIO_DISK=$(basename "$(findmnt -no SOURCE -T "${1%/*}")")
	fio --name=v --filename="$1" --direct=1 --ioengine=libaio --rw=randrw --bs=8k --size=32M --iodepth=8 \
		--verify=crc32c --verify_backlog=64 --verify_fatal=1 --rate_iops=100,100 --loops=1000 "${@:2}" \
		>"$FIO_LOG" 2>&1 </dev/null &
	FIO=$!
	CLIENTS+=("$FIO")
}
fio_done() { # requests of its disk that have ended
	awk '{ print $1 + $5 }' "/sys/class/block/$FIO_DISK/stat"
}
# goes_on NAME: what began after this ends, too, and fio has seen no error.
goes_on() {
	local before
	before=$(fio_done)
	more() { ended "$FIO" || [ "$(fio_done)" -gt $((before + 40)) ]; }
	try "$1" wait_for 90 more
	! ended "$FIO" || not_ok "fio goes on" "$FIO_LOG"
}
# fio_ends NAME: it is told to, and has seen nothing but what it had written.
fio_ends() {
	kill "$FIO"
	wait "$FIO"
	grep -q 'err= 0' "$FIO_LOG" && ! grep -q 'verify: bad\|error=' "$FIO_LOG" && ok "$1" || not_ok "$1" "$FIO_LOG"
}

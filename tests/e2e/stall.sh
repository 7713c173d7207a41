#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 600
# A disk whose reads, writes or flushes hang: its own commands wait, and nothing else does. Neither
# logins, nor I/O of other LUNs, nor the logout of those whose commands hang, nor the end of the target.
. "$(dirname "$0")/functions.sh"
need_program swarm stall
[ -w /dev/fuse ] || skip_all "/dev/fuse is not to be had"

LIMIT=300
PATIENCE=60 # what is written is read back first
mkdir mnt
truncate -s 64M slow.img
mkfifo commands
exec 8<>commands
start_client fuse.log "$STALL" mnt slow.img <&8
wait_for 10 grep -q '^mounted' fuse.log || skip_all "no FUSE here: $(head -1 fuse.log)"

# disk COMMAND: to the disk: read, write, fsync, go.
disk() {
	: >fuse.log
	echo "$1" >&8
	wait_for 10 grep -q "^$1: done" fuse.log
}
hangs() {
	grep -q '^hangs' fuse.log
}
# swarm LOG ROLE [name=value...]: in the background. Sets CLIENT.
swarm() {
	local log=$1 role=$2
	shift 2
	start_client "$log" "$SWARM" "$role" "$PORTAL" "$IQN" "$@"
	wait_for 10 grep -q '^up' "$log"
}
# content NAME PID LOG: the swarm ends when it is told to, and has nothing to say against anybody.
content() {
	local code
	kill "$2" 2>/dev/null
	wait "$2"
	code=$?
	if [ $code -eq 0 ]; then ok "$1"; else not_ok "$1" "$3"; fi
	diag "$3"
}
port=$("$HERE/free-port.py")
serve() {
	start_target mnt/disk --memory 64M fast.img --size 64M --portal "127.0.0.1:$port" --quiet \
		--engine "$engine" --limit drain_timeout=2
}
given_up() {
	grep -q 'mnt/disk does not answer: .* is given up' target.err
}

# Linux keeps a process until the last of its I/O has come to rest, so what can be asked for is that it has
# done all it could. The sessions of slow.log come again when there is a target again.
end_while_it_hangs() {
	sleep 1
	disk "$kind"
	try "$name: it hangs again" wait_for 10 hangs
	kill -TERM "$TARGET_PID"
	try "$name: at the end the disk is given up" wait_for 12 given_up
	disk go
	if stop_target TERM 10; then ok "$name: the target ends"; else not_ok "$name: the target ends"; fi
	[ "$STATUS" -ne 0 ] && ok "$name: and not as if nothing had been" ||
		not_ok "$name: and not as if nothing had been"
	serve
}

# Times in which nothing may be waited for; the disk hangs for longer.
quick=(depth=4 login=3 within=3 logout=3)
first=0
for engine in uring epoll; do
	for kind in read write fsync; do
		name="$engine, $kind"
		serve
		theirs=(connections=4 depth=16 within=120 sync=1)
		swarm slow.log io first=$first "${theirs[@]}" retry=1 login=60
		slow=$CLIENT
		swarm leave.log io first=$((first + 4)) "${theirs[@]}" fua=1 hasty=1 logout=3
		leave=$CLIENT
		swarm memory.log io first=$((first + 8)) lun=1 connections=2 "${quick[@]}"
		memory=$CLIENT
		swarm file.log io first=$((first + 12)) lun=2 connections=4 fua=1 "${quick[@]}"
		file=$CLIENT
		disk "$kind"
		try "$name: the disk hangs" wait_for 10 hangs
		sleep 1
		try "$name: a login, and I/O of another LUN" "$SWARM" login "$PORTAL" "$IQN" lun=2 \
			first=$((first + 16)) "${quick[@]}"
		content "$name: a logout in the middle of commands that hang" $leave leave.log
		sleep 4
		content "$name: a LUN in memory went on" $memory memory.log
		content "$name: a LUN in a file went on" $file file.log
		disk go
		if [ "$kind" = write ] || [ -n "${LUNAR_LONG:-}" ]; then end_while_it_hangs; fi
		content "$name: everything that was acknowledged is there" $slow slow.log
		stop_target
		is "$name: a disk that hangs no more is flushed" "$STATUS" 0
		first=$((first + 20))
	done
done
exec 8>&-
done_testing

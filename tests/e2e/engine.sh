#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The engine on epoll: asked for, and where the kernel refuses io_uring.
. "$(dirname "$0")/functions.sh"
need qemu-io qemu-img iscsi-ls python3

# use NAME: a disk that works, also after a restart.
use() {
	try "$1: patterns are written" io "$URL" "write -P 0x11 0 1M" "write -P 0x22 1M 64k" flush
	try "$1: and read" io "$URL" "read -P 0x11 0 1M" "read -P 0x22 1M 64k"
	try "$1: space is given back" io "$URL" "discard 0 512k" "read -P 0 0 512k"
}

start_target disk.img --size 64M --engine epoll
use "asked for"
truncate -s 64M source.img
dd if=/dev/urandom of=source.img bs=1M count=32 conv=notrunc status=none
try "a whole image is written" qemu-img convert -n -f raw -O raw source.img "$URL"
try "and is the same" qemu-img compare -f raw -F raw source.img "$URL"
# Idle is idle: nothing turns in a loop.
server=$(server_pid)
before=$(awk '{ print $14 + $15 }' "/proc/$server/stat")
sleep 2
after=$(awk '{ print $14 + $15 }' "/proc/$server/stat")
[ $((after - before)) -le 2 ] && ok "idle, it takes no time" ||
	not_ok "idle, it takes no time" <(echo "$((after - before)) ticks in 2 s")
stop_target
is "it ends well" "$STATUS" 0

if ! "$HERE/without.py" io-uring true 2>"$T/out"; then
	skip "io_uring refused" "$(head -1 "$T/out")"
	done_testing
fi
TARGET_WRAP="$HERE/without.py io-uring"
start_target disk.img
says "the log says so in one line" "uring engine \(Operation not permitted\); another one" target.err
try "what was written before is there" qemu-img compare -f raw -F raw source.img "$URL"
use "refused io_uring"
stop_target
is "it ends well" "$STATUS" 0
try_fails "io_uring asked for and refused" $TARGET_WRAP "$LUNAR" serve disk.img --engine uring \
	--portal 127.0.0.1:0
says "says why, and what to do" "engine uring: Operation not permitted; .*--engine epoll"
done_testing

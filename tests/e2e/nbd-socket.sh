#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 240
# A disk on a Unix socket, for NBD clients of others: what it says of itself, data both ways, many connections,
# discards and what they leave, read-only, sizes and blocks, and its end. Without any rights.
. "$(dirname "$0")/functions.sh"
. "$(dirname "$0")/attach-functions.sh"
need_program attach_disk
need nbdinfo nbdcopy qemu-io qemu-img

URI="nbd+unix:///?socket=$T/socket"
at=(--via nbd-socket --socket "$T/socket")

# nbd COMMAND...: qemu-io's, on the socket.
nbd() {
	local args=() c
	for c; do args+=(-c "$c"); done
	timeout -k 5 "$LIMIT" qemu-io -f raw "${args[@]}" "nbd:unix:$T/socket" </dev/null >"$T/out" 2>&1 &&
		! grep -q 'failed' "$T/out"
}

for engine in uring epoll; do
	rm -f disk.img
	truncate -s 96M disk.img
	attach_start "${at[@]}" --engine $engine disk.img
	is "$engine: it is where it was asked for" "$ATTACHED" "$T/socket"
	is "$engine: only its owner may connect" "$(stat -c %a socket)" 600
	try "$engine: nbdinfo" nbdinfo "$URI"
	says "$engine: its size" 'export-size: 100663296'
	for trait in can_flush can_fua can_trim can_zero can_multi_conn can_df; do
		says "$engine: $trait" "$trait: true"
	done
	says "$engine: not read-only" 'is_read_only: false'
	says "$engine: the largest request" 'block_size_maximum: 33554432'
	try "$engine: an empty disk is one hole" nbdinfo --map "$URI"
	says "$engine: that reads as zeroes" '^ *0 +100663296 +3 +hole,zero'
	try "$engine: exports are listed" nbdinfo --list "$URI"

	head -c 90M /dev/urandom >source.img
	truncate -s 96M source.img
	try "$engine: a copy to it, on several connections" nbdcopy --connections=4 --flush source.img "$URI"
	try "$engine: and the file is what was written" cmp source.img disk.img
	try "$engine: a copy back" nbdcopy --connections=4 "$URI" back.img
	try "$engine: is the same" cmp source.img back.img
	try "$engine: qemu-img finds no difference" qemu-img compare -f raw -F raw source.img "nbd:unix:$T/socket"

	try "$engine: reads and writes of all sizes" nbd 'write -P 1 0 512' 'read -P 1 0 512' \
		'write -P 2 512 32M' 'read -P 2 512 32M' 'write -f -P 3 4k 64k' 'read -P 3 4k 64k' flush
	try "$engine: discards and zeroes read as zeroes" nbd 'discard 1M 4M' 'read -P 0 1M 4M' \
		'write -z 8M 1M' 'read -P 0 8M 1M' 'write -z -u 16M 1M' 'read -P 0 16M 1M' 'read -P 2 5M 1M'
	try "$engine: and the map tells" nbdinfo --map "$URI"
	says "$engine: of the hole" '^ *1048576 +4194304 +3 +hole,zero'
	try "$engine: many requests at a time" qemu-img bench -f raw -c 2000 -d 64 -s 4096 -w -t none \
		"nbd:unix:$T/socket"
	if fio --enghelp 2>/dev/null | grep -q '\bnbd\b'; then
		try "$engine: what fio writes it reads" fio --name=v --ioengine=nbd --uri="$URI" --rw=randwrite \
			--bsrange=512-128k --blockalign=512 --size=64M --iodepth=32 --verify=crc32c
	else
		skip "$engine: what fio writes it reads" "no fio with NBD"
	fi
	attach_say 'resize 201326592'
	try "$engine: a new connection sees a new size" nbdinfo --size "$URI"
	says "$engine: which is" '^201326592$'

	start_client idle.log qemu-io -f raw -c 'read 0 512' -c 'sleep 20000' "nbd:unix:$T/socket" </dev/null
	wait_for 10 grep -q '^read' idle.log
	attached_refuses() { attach_say detach; attach_heard '^refused: .* has 1 client'; }
	try "$engine: it is not detached while there is a client" wait_for 10 attached_refuses
	stop_client
	attach_end
	is "$engine: without one it is" "$STATUS" 0
	[ ! -e socket ] && ok "$engine: and its socket goes" || not_ok "$engine: and its socket goes"
done

truncate -s 1M ro.img
attach_start "${at[@]}" --readonly ro.img
try "read-only" nbdinfo "$URI"
says "is said" 'is_read_only: true'
if nbd 'write 0 512'; then not_ok "and meant" "$T/out"; else ok "and meant"; fi
attach_end
attach_start "${at[@]}" --memory 8 --block 4096
try "large blocks" nbdinfo "$URI"
says "are said" 'block_size_minimum: 4096'
try "and can be used" nbd 'write -P 5 4k 8k' 'read -P 5 4k 8k'
attach_say hang
start_client hung.log qemu-io -f raw -c 'read 0 4k' "nbd:unix:$T/socket" </dev/null
sleep 0.5
attach_say force
attach_wait
is "a disk that hangs is detached by force" "$STATUS" 0
stop_client

if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
	mkdir -m 777 plain
	attach_start_as() {
		ATTACH_WRAP="setpriv --reuid 65534 --regid 65534 --clear-groups --no-new-privs" \
			attach_start --via nbd-socket --socket "$T/plain/socket" --memory 8
	}
	attach_start_as
	try "a plain user can" setpriv --reuid 65534 --regid 65534 --clear-groups \
		nbdinfo --size "nbd+unix:///?socket=$T/plain/socket"
	attach_end
else
	skip "a plain user can" "this is one, or there is no setpriv"
fi
done_testing

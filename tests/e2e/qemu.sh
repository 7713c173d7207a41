#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# QEMU's iSCSI driver as the client: images in and out, patterns, both block sizes, several LUNs,
# a read-only disk, and everything still there after a restart.
. "$(dirname "$0")/functions.sh"
need qemu-img qemu-io

# An image with runs of zeroes and of noise, the size of the LUN.
head -c 24M /dev/urandom >source.img
truncate -s 40M source.img
head -c 5M /dev/urandom >>source.img
truncate -s 64M source.img

start_target disk.img --size 64M
try "qemu-img info" qemu-img info "$URL"
says "it sees the size" "\(67108864 bytes\)"
try "qemu-img convert to the LUN" qemu-img convert -n -f raw -O raw source.img "$URL"
try "qemu-img compare" qemu-img compare -f raw -F raw source.img "$URL"
try "qemu-img convert back" qemu-img convert -f raw -O raw "$URL" back.img
try "the copy is the same, byte for byte" cmp source.img back.img
try "qemu-img map" qemu-img map --output=json -f raw "$URL"

try "patterns of every kind of length" io "$URL" \
	"write -P 0x11 0 512" "write -P 0x22 512 4k" "write -P 0x33 1M 1M" "write -P 0x44 7M 8M" \
	"write -P 0x55 33553920 1024" "write -P 0x66 67108352 512" \
	"read -P 0x11 0 512" "read -P 0x22 512 4k" "read -P 0x33 1M 1M" "read -P 0x44 7M 8M" \
	"read -P 0x55 33553920 1024" "read -P 0x66 67108352 512"
try "many requests at once" io "$URL" \
	"aio_write -P 1 16M 1M" "aio_write -P 2 17M 1M" "aio_write -P 3 18M 64k" \
	"aio_write -P 4 19M 1M" "aio_write -P 5 20M 4k" "aio_write -P 6 21M 2M" "aio_flush" \
	"aio_read -P 1 16M 1M" "aio_read -P 2 17M 1M" "aio_read -P 3 18M 64k" \
	"aio_read -P 4 19M 1M" "aio_read -P 5 20M 4k" "aio_read -P 6 21M 2M" "aio_flush"
if grep -q "failed" "$T/out"; then
	not_ok "none of them failed" "$T/out"
else
	ok "none of them failed"
fi
try "zeroes and discarded blocks" io "$URL" "write -P 9 24M 4M" "write -z 24M 1M" \
	"discard 26M 1M" "flush" "read -P 0 24M 1M" "read -P 9 25M 1M" "read -P 0 26M 1M" "read -P 9 27M 1M"
try_fails "a write past the end is refused by the client or the target" io "$URL" "write 64M 4k"
says "and not for another reason" "[Ii]nput/output error|[Ii]nvalid argument|past|offset|range|No space"

# The backing file is the disk, nothing more.
is "the backing file has the size of the LUN" "$(stat -c %s disk.img)" 67108864
stop_target && ended "$TARGET_PID"
is "SIGTERM ends the target with exit code 0" "$STATUS" 0
try "the file holds what was written" io disk.img "read -P 0x44 7M 8M" "read -P 0x66 67108352 512"

start_target disk.img
try "after a restart it is all there" io "$URL" "read -P 0x11 0 512" "read -P 0x33 1M 1M" \
	"read -P 0x44 7M 8M" "read -P 0 24M 1M" "read -P 9 25M 1M" "read -P 0x66 67108352 512"
stop_target

start_target disk.img --readonly
before=$(sha256sum <disk.img)
IO_OPTIONS=(-r)
try "a read-only disk can be read" io "$URL" "read -P 0x44 7M 8M"
IO_OPTIONS=()
try_fails "a read-only disk cannot be opened to write" io "$URL" "write -P 1 0 4k"
is "and nothing was written" "$(sha256sum <disk.img)" "$before"
stop_target

start_target four.img --size 64M --block-size 4096
try "4096 byte blocks: convert" qemu-img convert -n -f raw -O raw source.img "$URL"
try "4096 byte blocks: compare" qemu-img compare -f raw -F raw source.img "$URL"
try "4096 byte blocks: patterns, also shorter than a block" io "$URL" \
	"write -P 0x71 4k 4k" "write -P 0x72 5k 512" "read -P 0x71 4k 1k" "read -P 0x72 5k 512" \
	"read -P 0x71 5632 2560"
stop_target

start_target one.img two.img three.img --size 16M
for n in 0 1 2; do
	try "LUN $n takes its own pattern" io "${URLS[$n]}" "write -P 0xa$n 0 16M"
done
for n in 0 1 2; do
	try "LUN $n has kept it" io "${URLS[$n]}" "read -P 0xa$n 0 16M"
done
stop_target

start_target --memory 32M
try "a disk in memory" io "$URL" "write -P 0x3c 1M 30M" "read -P 0x3c 1M 30M" "read -P 0 0 1M"
done_testing

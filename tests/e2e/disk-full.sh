#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# A disk that fills up under the image: the writes fail with an error, the target and what was
# written before stay. The file system is a small tmpfs in a mount namespace of the target's own.
. "$(dirname "$0")/functions.sh"
need qemu-io unshare

unshare=(unshare -m)
[ "$(id -u)" -eq 0 ] || unshare=(unshare -Urm)
mkdir small
"${unshare[@]}" mount -t tmpfs -o size=16m none small 2>/dev/null || skip_all "no mount namespaces here"
cat >on-small-disk <<'S'
#!/bin/sh
mount -t tmpfs -o size=16m none small && exec "$@"
S
chmod +x on-small-disk
TARGET_WRAP="${unshare[*]} ./on-small-disk"
start_target small/disk.img --size 64M
try "what fits can be written" io "$URL" "write -P 0x31 0 8M" "flush"
try_fails "what does not fit gets an error" io "$URL" "write -P 0x32 16M 16M"
says "the error tells of space" "No space left"
try "the target lives" alive
try "what was written before is there" io "$URL" "read -P 0x31 0 8M"
try "what is discarded gives room again" io "$URL" "discard 0 8M" "discard 16M 16M" "flush" "write -P 0x33 32M 6M" \
	"read -P 0x33 32M 6M"
stop_target
is "it ends well" "$STATUS" 0
done_testing

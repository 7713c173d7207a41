#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# lunar cp to and from what is not plain: huge and full disks, block devices, accounts, another's target.
. "$(dirname "$0")/functions.sh"
. "$HERE/cp-functions.sh"

# --- huge
truncate -s 8T huge.img
head -c 1M /dev/urandom | dd of=huge.img bs=1M seek=4M conv=notrunc status=none
truncate -s 8T there.img
start_target huge.img there.img --block-size 4096
A=${URLS[0]} B=${URLS[1]}
try "a huge LUN with hardly anything in it" lcp "$A" "$B" --json
holds "is copied in a moment" 'r["bytes"] == 8 << 40 and r["written"] <= 4 << 20'
cmp -n 1M -i 4T huge.img there.img >"$T/out" 2>&1
is "with what it has" $? 0
try "to a file" lcp "$A" mine/huge.img --verify
is "of that size" "$(stat -c %s mine/huge.img)" $((8 << 40))
of_data "and no more" mine/huge.img 8192
try "and from one" lcp mine/huge.img "$B"
rm mine/huge.img
stop_target

# --- full: the image of the target is on a small disk
if unshare -m true 2>/dev/null && mkdir small && unshare -m mount -t tmpfs -o size=16m none small 2>/dev/null; then
	cat >on-small-disk <<'S'
#!/bin/sh
mount -t tmpfs -o size=16m none small && exec "$@"
S
	chmod +x on-small-disk
	head -c 32M /dev/urandom >src
	chmod 644 src
	TARGET_WRAP="unshare -m ./on-small-disk" start_target small/disk.img --size 64M
	code 40 "a LUN whose disk is full" src "$URL"
	says "is told of, with the place" "writing at offset [0-9]+: the LU has no room left"
	stop_target
	cat >to-small-disk <<S
#!/bin/sh
mount -t tmpfs -o size=16m,mode=777 none small && chmod 644 src && exec "\$@"
S
	chmod +x to-small-disk
	# shellcheck disable=SC2086
	timeout 60 unshare -m ./to-small-disk $PLAIN "$PLAIN_LUNAR" cp src small/out.img >"$T/out" 2>&1
	is "a file for which there is no room" $? 40
	says "is refused before" "there is room for [0-9]+ bytes, and the source has 33554432 bytes of data"
else
	skip "full disks" "no mount namespaces here"
fi

# --- accounts
umask 077
printf correct-horse-1 >secret
printf battery-staple-2 >other
[ -z "$PLAIN" ] || chown 65534 secret other
umask 022
head -c 4M /dev/urandom >some
chmod 644 some
start_target disk.img --size 4M --chap alice --chap-secret-file secret
FIRST=iscsi://alice@$PORTAL/$IQN/0
try "a secret from a file" lcp some "$FIRST" --password-file secret --verify
export LUNAR_CHAP_SECRET=correct-horse-1
try "from the environment" lcp "$FIRST" mine/some
same "the same" some mine/some
export LUNAR_CHAP_SECRET=wrong-horse-12
code 16 "a wrong one" some "$FIRST"
unset LUNAR_CHAP_SECRET
code 2 "none" some "$FIRST"
says "it says how to give it" "--password-file, in the environment as LUNAR_CHAP_SECRET"
try "in the URL" lcp some "iscsi://alice%correct-horse-1@$PORTAL/$IQN/0"
FIRST_PID=$TARGET_PID
start_target second.img --size 4M --chap bob --chap-secret-file other
SECOND=iscsi://bob@$PORTAL/$IQN/0
try "two accounts" lcp "$FIRST" "$SECOND" --source-password-file secret --password-file other
same "the same" some second.img
stop_target
TARGET_PID=$FIRST_PID
stop_target

# --- write protection
start_target disk.img --readonly
code 43 "a LUN that is write protected" some "$URL"
says "it says that" "write protected"
stop_target

# --- a block device
command -v losetup >/dev/null || PATH=$PATH:/sbin:/usr/sbin
truncate -s 8M backing
if [ "$(id -u)" -eq 0 ] && loop=$(losetup -f --show backing 2>/dev/null); then
	head -c 8M /dev/urandom >data
	start_target disk2.img --size 8M
	dcp() {
		timeout 60 "$LUNAR" cp "$@"
	}
	head -c 8M /dev/urandom >"$loop"
	try "a file to a block device" dcp data "$loop" --verify
	try "which goes to a LUN" dcp "$loop" "$URL" --verify
	same "and is there" data disk2.img
	truncate -s 8M holes
	try "zeroes" dcp holes "$loop" --verify
	mkdir mnt
	if command -v mkfs.ext4 >/dev/null && mkfs.ext4 -q "$loop" 2>/dev/null && mount "$loop" mnt 2>/dev/null; then
		dcp data "$loop" >"$T/out" 2>&1
		is "a device that is mounted" $? 41
		says "is in use" "is in use: mounted on $T/mnt"
		umount mnt
	else
		skip "a mounted device" "no file system can be mounted here"
	fi
	losetup -d "$loop"
	stop_target
else
	skip "block devices" "no loop device here"
fi

# --- Debian's tgt
if command -v tgtd >/dev/null && [ "$(id -u)" = 0 ]; then
	truncate -s 16M holes
	head -c 3M /dev/urandom | dd of=holes bs=1M seek=5 conv=notrunc status=none
	chmod 644 holes
	start_tgt 16M
	TGT=iscsi://$TGT_PORTAL/$TGT_IQN/1
	try "to tgt" lcp holes "$TGT" --verify
	same "it is there" holes tgt.img
	try "over what is there" lcp holes "$TGT" --sparse always --verify
	same "it is there still" holes tgt.img
	try "from tgt" lcp "$TGT" mine/from-tgt --verify
	same "the same" holes mine/from-tgt
	of_data "with zeroes as holes" mine/from-tgt 4096
	tgt_admin --op update --mode logicalunit --tid 1 --lun 1 --params thin_provisioning=1
	try "thin" lcp holes "$TGT" --verify
	same "it is there, too" holes tgt.img
	stop_tgt
else
	skip "tgt" "not installed, or no root"
fi
done_testing

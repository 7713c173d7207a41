#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Header digests. QEMU asks for them as it is told; libiscsi's tools take either, so there the target
# insists. (Debian's libiscsi offers no data digest: that is in tests/wire.)
. "$(dirname "$0")/functions.sh"
need iscsi-inq iscsi-perf qemu-io

export LIBISCSI_DEBUG=9 # what was negotiated is printed
start_target disk.img --size 64M
while read -r digest result; do
	try "QEMU writes and reads, header-digest=$digest" io_lun "header-digest=$digest" \
		"write -P 0x5a 0 4M" "write -P 0x5b 4M 512" "flush" \
		"read -P 0x5a 0 4M" "read -P 0x5b 4M 512"
	says "the target agreed to $result" "TargetLoginReply: HeaderDigest=$result "
done <<'K'
crc32c      CRC32C
crc32c-none CRC32C
none-crc32c None
none        None
K
stop_target

start_target disk.img --limit header_digest=CRC32C
try "a target that insists: INQUIRY" iscsi-inq "$URL"
says "the digest is on" "TargetLoginReply: HeaderDigest=CRC32C "
try "a target that insists: reading in bulk" iscsi-perf -t 1 -m 32 -b 64 "$URL"
try "a target that insists: QEMU" io_lun "header-digest=crc32c" "read -P 0x5a 0 4M"
try_fails "a target that insists, an initiator without" io_lun "header-digest=none" "read 0 4k"
stop_target

start_target disk.img --limit header_digest=None
try_fails "an initiator that insists, a target without" io_lun "header-digest=crc32c" "read 0 4k"
try "an initiator that would take either, a target without" iscsi-inq "$URL"
says "the digest is off" "TargetLoginReply: HeaderDigest=None "
done_testing

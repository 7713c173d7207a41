#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# INQUIRY, the VPD pages and READ CAPACITY (16), as libiscsi's tools read them; both block sizes.
. "$(dirname "$0")/functions.sh"
need iscsi-inq iscsi-readcapacity16

vpd() {
	iscsi-inq -e 1 -c "$1" "$URL"
}

start_target disk.img --size 64M
try "standard INQUIRY" iscsi-inq "$URL"
says "a connected disk" "^Peripheral Qualifier:CONNECTED$"
says "of the direct access kind" "^Peripheral Device Type:DIRECT_ACCESS$"
says "not removable" "^Removable:0$"
says "with command queueing" "^CmdQue:1$"
says "with a vendor" "^Vendor:LUNAR"
says "with a product" "^Product:VIRTUAL-DISK"
says "it claims iSCSI" "^Version Descriptor:[0-9a-f]+ iSCSI"

try "VPD 00 answers" vpd 0
for page in 0x00 0x80 0x83 0xb0 0xb1 0xb2; do
	says "page $page is supported" "^Page:$page "
done
try "VPD 80 answers" vpd 128
says "the serial number is there" "^Unit Serial Number:\[[[:graph:]]{8,}"
try "VPD 83 answers" vpd 131
says "an NAA designator is there" "^Designator Type:\(3\) NAA"
says "it names the logical unit" "^Association:\(0\) LOGICAL_UNIT"
try "VPD B0 answers" vpd 176
says "UNMAP has a limit" "^maximum unmap lba count:[1-9]"
says "UNMAP has descriptors" "^maximum unmap block descriptor count:[1-9]"
try "VPD B1 answers" vpd 177
says "it has a rotation rate" "^Medium Rotation Rate:"
try "VPD B2 answers" vpd 178
says "UNMAP is offered" "^lbpu:1$"
says "WRITE SAME (16) with UNMAP is offered" "^lbpws:1$"
says "it is provisioned thinly" "^provisioning type:2$"
try_fails "a page that is not there is refused" vpd 201

try "READ CAPACITY (16) answers" iscsi-readcapacity16 "$URL"
says "512 byte blocks" "^LOGICAL BLOCK LENGTH IN BYTES:512$"
says "the last block" "^RETURNED LOGICAL BLOCK ADDRESS:131071$"
says "the size" "^Total size:67108864$"
says "logical block provisioning is on" "LBPME:1"
stop_target

start_target big.img --size 64M --block-size 4096
try "READ CAPACITY (16) of a disk with 4096 byte blocks" iscsi-readcapacity16 "$URL"
says "4096 byte blocks" "^LOGICAL BLOCK LENGTH IN BYTES:4096$"
says "the last of the big blocks" "^RETURNED LOGICAL BLOCK ADDRESS:16383$"
stop_target

start_target --memory 32M
try "a disk in memory answers" iscsi-readcapacity16 "$URL"
says "the size of the disk in memory" "^Total size:33554432$"
done_testing

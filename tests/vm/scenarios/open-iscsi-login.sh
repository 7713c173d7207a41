#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 300
# The kernel's initiator and open-iscsi at our target: discovery, CHAP both ways with each hash, digests; what
# the kernel makes of the disk, and what sg3_utils reads from it.
. /lunar/tests/vm/guest/functions.sh
need_lunar

IN=correct-horse-1	# the initiator's secret, and the target's
OUT=battery-staple-2

start_store 64M
start_iscsid "$CLIENT_IQN"
try "discovery" discover
is "shows the target and where" "$(cat out)" "127.0.0.1:3260,1 $TARGET_IQN"
try "login" login
try "the disk is there" wait_disk "$TARGET_IQN" 0
try "a ping over it" iscsiadm -m session -P 1
says "the session is logged in" 'iSCSI Connection State: LOGGED IN'
try "logout" logout
try "the disk is gone" wait_for 10 no_disk "$TARGET_IQN" 0

# --- CHAP

target "$TPG" set attribute authentication=1 >/dev/null
target "$ACL" set auth userid=alice password=$IN >/dev/null
login >out 2>&1
is "without a secret the login is refused, as one that does not help again" $? 24
node node.session.auth.authmethod CHAP
node node.session.auth.username alice
node node.session.auth.password wrong-horse-1
login >out 2>&1
is "with a wrong one as well" $? 24
node node.session.auth.password $IN
for hash in MD5 SHA1 SHA256 SHA3-256; do
	node node.session.auth.chap_algs $hash
	try "CHAP with $hash" login
	try "and logout" logout
done
node node.session.auth.chap_algs SHA3-256,SHA256,SHA1,MD5
target "$ACL" set auth mutual_userid=store mutual_password=$OUT >/dev/null
node node.session.auth.username_in store
node node.session.auth.password_in wrong-staple-2
login >out 2>&1
is "a target with a wrong secret is refused by the initiator" "$(($? != 0))" 1
node node.session.auth.password_in $OUT
for hash in MD5 SHA256; do
	node node.session.auth.chap_algs $hash
	try "mutual CHAP with $hash" login
	try "and logout" logout
done

target /iscsi set discovery_auth userid=finder password=find-horse-1 enable=1 >/dev/null
try_fails "discovery without its secret" discover
set_iscsid discovery.sendtargets.auth.authmethod CHAP
set_iscsid discovery.sendtargets.auth.username finder
set_iscsid discovery.sendtargets.auth.password find-horse-1
iscsiadm -m discoverydb -t sendtargets -p 127.0.0.1 -o delete >/dev/null 2>&1
try "discovery with it" discover
target /iscsi set discovery_auth enable=0 >/dev/null

# --- digests

node node.session.auth.authmethod CHAP # a record that was found again may be a new one
node node.session.auth.username alice
node node.session.auth.password $IN
node node.session.auth.username_in store
node node.session.auth.password_in $OUT
node 'node.conn[0].iscsi.HeaderDigest' CRC32C
node 'node.conn[0].iscsi.DataDigest' CRC32C
try "login with digests" login
wait_disk "$TARGET_IQN" 0
iscsiadm -m session -P 2 >out
says "of headers" 'HeaderDigest: CRC32C'
says "and of data" 'DataDigest: CRC32C'
try "verified over them" verify "$DISK" --size=8M

# --- the disk that the kernel sees

try "lsblk" lsblk -dno NAME,SIZE,TRAN,VENDOR,MODEL,SERIAL,WWN "$DISK"
says "shows the transport, the vendor, the serial number and the WWN" \
	"^$NAME +64M iscsi +LUNAR +disk0 [0-9a-f-]{36} 0x3[0-9a-f]{15}"
for link in /dev/disk/by-id/scsi-3* /dev/disk/by-id/wwn-0x*; do
	is "${link%%[0-9]*}... is a link to it" "$(readlink -f "$link")" "$DISK"
done
try "sg_turs" sg_turs "$DISK"
try "sg_inq" sg_inq "$DISK"
says "INQUIRY has the vendor" 'Vendor identification: '
try "sg_vpd -a" sg_vpd -a "$DISK"
for page in 'Supported VPD pages' 'Unit serial number' 'Device Identification' 'Block limits' \
	'Block device characteristics' 'Logical block provisioning'; do
	says "has $page" "$page"
done
try_fails "nothing in it is out of place" grep -iE 'too short|malformed|invalid|bad ' out
try "sg_modes" sg_modes -a "$DISK"
try "sg_readcap" sg_readcap "$DISK"
says "READ CAPACITY has the size" '67108864 bytes'
try "sg_readcap --long" sg_readcap --long "$DISK"
says "and that blocks can be unmapped" 'lbpme=1'
try "sg_opcodes" sg_opcodes "$DISK"
says "has UNMAP" 'Unmap'
try "sg_luns" sg_luns "$DISK"
says "has one LUN" 'Lun list length = 8'
try "sg_logs" sg_logs -a "$DISK"
is "it has a write cache that is flushed" "$(cat "/sys/block/$NAME/queue/write_cache")" "write back"
dmesg | grep -E 'sd [0-9]+:' >sd
try_fails "the kernel has complained of nothing" grep -iE 'fail|error|assum|invalid|sense key' sd
try "logout" logout
stop_target
is "the target ends in order" "$STATUS" 0
done_testing

#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# network: own
# Attributes of a disk count at once, for initiators that stay logged in, and after the next start as well.
. "$(dirname "$0")/functions.sh"
need python3 iscsi-inq iscsi-readcapacity16

PORT=$("$HERE/free-port.py")
PORTAL=127.0.0.1:$PORT
IQN=iqn.2026-11.org.example:store
DISK=/backstores/fileio/disk
export LUNAR_TARGET_SOCKET=$T/state/target.sock

target() {
	"$LUNAR" target "$@"
}

start_daemon
setup() {
	target <<-END
		/backstores/fileio create disk $T/disk.img 64M
		/iscsi create $IQN
		/iscsi/$IQN/tpg1/portals delete 0.0.0.0 3260
		/iscsi/$IQN/tpg1/portals create 127.0.0.1 $PORT
		/iscsi/$IQN/tpg1 set attribute generate_node_acls=1 demo_mode_write_protect=0 authentication=0
		/iscsi/$IQN/tpg1/luns create $DISK
	END
}
try "a target" setup
"$HERE/attributes.py" "$LUNAR" 127.0.0.1 "$PORT" "$IQN" "$CASES" >cases 2>&1
status=$?
cat cases
CASES=$((CASES + $(grep -Ec '^(not )?ok ' cases)))
is "the initiators have come to their end" "$status" 0

# --- a disk that is no LUN

try "without a LUN" target "/iscsi/$IQN/tpg1/luns" delete 0
try "its blocks change" target "$DISK" set attribute block_size=4096
try "and back" target "$DISK" set attribute block_size=512
try "and once more" target "$DISK" set attribute block_size=4096
try "it is a LUN again" target "/iscsi/$IQN/tpg1/luns" create "$DISK"
try "with blocks" iscsi-readcapacity16 "iscsi://$PORTAL/$IQN/0"
says "of this size" '^LOGICAL BLOCK LENGTH IN BYTES:4096$'
says "as many" '^RETURNED LOGICAL BLOCK ADDRESS:16383$'
target /backstores/ramdisk create odd 1049088 >out 2>&1
try_fails "what is no multiple is refused" target /backstores/ramdisk/odd set attribute block_size=4096
says "with a reason" 'must be a multiple of the block size 4096'
try "and stays" target /backstores/ramdisk/odd get attribute block_size
says "as it was" '^block_size=512'

# --- after the next start

target saveconfig >out 2>&1
stop_target
start_daemon
vpd() {
	iscsi-inq -e 1 -c "$1" "iscsi://$PORTAL/$IQN/0"
}
wait_for 10 vpd 177
try "VPD B1" vpd 177
says "nothing rotates" '^Medium Rotation Rate:1'
try "VPD B2" vpd 178
says "UNMAP is offered" '^lbpu:1$'
stop_target
is "it ends in order" "$STATUS" 0
done_testing

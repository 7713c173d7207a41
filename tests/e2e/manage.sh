#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# What `lunar target` has beside targetcli's commands: apply, explain, import; and `lunar status`.
. "$(dirname "$0")/functions.sh"
need iscsi-readcapacity16 iscsi-inq qemu-io

PORT=$("$HERE/free-port.py")
PORTAL=127.0.0.1:$PORT
IQN=iqn.2026-11.com.example:store
CLIENT_IQN=iqn.1993-08.org.debian:01:client
export LUNAR_TARGET_SOCKET=$T/state/target.sock

target() {
	"$LUNAR" target "$@"
}

if "$LUNAR" status >out 2>&1; then
	not_ok "status without a daemon fails" out
else
	ok "status without a daemon fails"
fi
start_daemon
truncate -s 16M disk.img

# --- apply

try_fails "a file that is not there" target apply none.json
cat >wanted.json <<-END
	{
	  "storage_objects": [
	    {"name": "disk", "plugin": "fileio", "dev": "$T/disk.img", "size": 16777216, "write_back": true,
	     "wwn": "ba58b8ff-0796-45c5-befa-e85d385183d4"}
	  ],
	  "targets": [
	    {"fabric": "iscsi", "wwn": "$IQN", "tpgs": [
	      {"tag": 1, "enable": true, "attributes": {"authentication": 0}, "parameters": {},
	       "luns": [{"index": 0, "storage_object": "/backstores/fileio/disk"}],
	       "node_acls": [{"node_wwn": "$CLIENT_IQN",
	         "mapped_luns": [{"index": 0, "tpg_lun": 0, "write_protect": false}]}],
	       "portals": [{"ip_address": "127.0.0.1", "port": $PORT}]}
	    ]}
	  ]
	}
END
try "a dry run shows what would be made" target apply wanted.json --dry-run
says "object by object" "^create /iscsi/$IQN/tpg1/luns/lun0"
says "and how many" 'changes would be made'
try_fails "nothing of it is there" target ls "/iscsi/$IQN"
try "it is applied" target apply wanted.json
try "and works" iscsi-readcapacity16 -s -i "$CLIENT_IQN" "iscsi://$PORTAL/$IQN/0"
try "once more" target apply wanted.json
says "nothing is different" 'Nothing is different'
sed -i 's/"write_protect": false/"write_protect": true/' wanted.json
try "one value is another" target apply wanted.json
says "that alone is changed" '^1 change$'
try "and shows" iscsi-inq -i "$CLIENT_IQN" "iscsi://$PORTAL/$IQN/0"
sed 's/"tpg_lun": 0/"tpg_lun": 7/' wanted.json >odd.json
try_fails "what does not fit is refused" target apply odd.json
says "by its place" 'mapped_luns\[0\]'
try "and nothing has changed" iscsi-readcapacity16 -s -i "$CLIENT_IQN" "iscsi://$PORTAL/$IQN/0"
echo '{"targets": [}' >broken.json
try_fails "what is no JSON is refused" target apply broken.json
says "by line and column" 'line 1.*column'

# --- a disk that was LIO's is called as there

iscsi-inq -i "$CLIENT_IQN" "iscsi://$PORTAL/$IQN/0" >ids.out
says "the vendor is LIO's" 'LIO-ORG' ids.out
iscsi-inq -i "$CLIENT_IQN" -e 1 -c 128 "iscsi://$PORTAL/$IQN/0" >ids.out
says "the serial number as well" 'ba58b8ff-0796-45c5-befa-e85d385183d4' ids.out

# --- explain

try "it is explained" target explain "$CLIENT_IQN"
says "that it may" "^$IQN tpg1 by $PORTAL: yes"
says "and what it sees, and how" 'LUN 0 .*/backstores/fileio/disk, read-only'
try "and for another one" target explain iqn.2026-11.test:other --from 192.0.2.7
says "that it may not" ': no$'
says "for want of an ACL" 'ACL'
try_fails "no name" target explain "nonsense name"
try_fails "no target" target explain "$CLIENT_IQN" --target iqn.2026-11.test:none

# --- import

try "all is cleared" target clearconfig confirm=True
mv wanted.json saveconfig.json
try "LIO's file is imported" target import saveconfig.json
try "and works" iscsi-readcapacity16 -s -i "$CLIENT_IQN" "iscsi://$PORTAL/$IQN/0"
try "all is cleared" target clearconfig confirm=True
cat >targets.conf <<-END
	<target iqn.2026-11.com.example:tgt>
	    backing-store $T/disk.img
	    incominguser joe correct-horse-1
	</target>
END
try "tgt's file is imported" target import targets.conf
try "its target is there" target ls /iscsi/iqn.2026-11.com.example:tgt
says "with its disk" 'lun1 .*disk.img'
try_fails "nothing to import" target import none.conf

# --- status

try "status" "$LUNAR" status
says "says what serves" 'lunar-targetd .* sessions'
says "and the disks" '/backstores/'
try "as JSON" "$LUNAR" status --json
says "has the same" '"disks":\[\{"path"'
stop_target
done_testing

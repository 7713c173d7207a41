#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# network: own
# The reference workflow, typed in targetcli's own words, against a clean daemon: a disk image becomes a LUN that
# one initiator may use, with CHAP; it is saved, and is there again after kill and start.
. "$(dirname "$0")/functions.sh"
need iscsi-ls iscsi-readcapacity16 qemu-io

PORT=$("$HERE/free-port.py")
PORTAL=127.0.0.1:$PORT
IQN=iqn.2026-11.com.example:store
CLIENT_IQN=iqn.1993-08.org.debian:01:client
SECRET=battery-staple-1
ln -s "$LUNAR" targetcli
export LUNAR_TARGET_SOCKET=$T/state/target.sock

targetcli() {
	"$T/targetcli" "$@"
}

login() { # [USER%SECRET@] [INITIATOR]
	iscsi-readcapacity16 -s -i "${2-$CLIENT_IQN}" "iscsi://${1-user1%$SECRET@}$PORTAL/$IQN/0"
}

# --- without a daemon

if targetcli ls >out 2>&1; then
	not_ok "without a daemon it fails" out
else
	ok "without a daemon it fails"
fi
says "and says how to start one" 'lunar-targetd'

# --- typed one by one

start_daemon
truncate -s 64M lun.img
try "a backstore from an image" targetcli /backstores/fileio create disk1 "$T/lun.img"
try "an IQN" targetcli /iscsi create "$IQN"
try "its portal" targetcli "/iscsi/$IQN/tpg1/portals" delete 0.0.0.0 3260
try "on another port" targetcli "/iscsi/$IQN/tpg1/portals" create 127.0.0.1 "$PORT"
try "a LUN" targetcli "/iscsi/$IQN/tpg1/luns" create /backstores/fileio/disk1
try "an ACL" targetcli "/iscsi/$IQN/tpg1/acls" create "$CLIENT_IQN"
try "CHAP is asked for" targetcli "/iscsi/$IQN/tpg1" set attribute authentication=1
try "a user" targetcli "/iscsi/$IQN/tpg1/acls/$CLIENT_IQN" set auth userid=user1
try "a password" targetcli "/iscsi/$IQN/tpg1/acls/$CLIENT_IQN" set auth "password=$SECRET"
try "it is saved" targetcli saveconfig
says "where it is said" "Configuration saved to $T/state/saveconfig.json"
try "the tree is shown" targetcli ls
says "with the backstore" "o- disk1 .*\[$T/lun.img \(64.0MiB\) write-back activated\]"
says "with the target" "o- $IQN .*\[TPGs: 1\]"
says "with the LUN" "o- lun0 .*\[fileio/disk1 \($T/lun.img\)"
says "with the ACL" "o- $CLIENT_IQN .*\[1-way auth, Mapped LUNs: 1\]"
says "with the portal" "o- $PORTAL .*\[OK\]"

try "with user and password one logs in" login
try_fails "not with another password" login "user1%battery-staple-2@"
try_fails "not as another user" login "user2%$SECRET@"
try_fails "not without" login ""
try_fails "not as another initiator" login "user1%$SECRET@" iqn.1993-08.org.debian:01:other
fill() {
	IO_OPTIONS=(--object "secret,id=s,data=$SECRET")
	io_lun "user=user1,password-secret=s,initiator-name=$CLIENT_IQN" "$@"
}
try "it is written" fill "write -P 9 0 4M" "flush"

stop_target KILL
start_daemon
wait_for 10 login
try "after kill and start it works again" login
try_fails "and only so" login ""
try "with the data" fill "read -P 9 0 4M"

# --- all of it in one breath, as notes of a home lab have it

try "all is cleared" targetcli clearconfig confirm=True
try_fails "nobody can log in then" login
commands() {
	targetcli <<-END
		# comments are fine
		cd /backstores/fileio
		create disk1 $T/lun.img
		cd /iscsi
		create $IQN
		cd $IQN/tpg1
		portals/ delete 0.0.0.0 3260
		portals/ create 127.0.0.1 $PORT
		luns/ create /backstores/fileio/disk1
		acls/ create $CLIENT_IQN
		set attribute authentication=1
		cd acls/$CLIENT_IQN
		set auth userid=user1 password=$SECRET
		cd /
		saveconfig
		exit
	END
}
try "from standard input" commands
try "it works as well" login
try "with the same data" fill "read -P 9 0 4M"

# --- somebody else's file

try "it is exported" targetcli saveconfig "$T/mine.json"
try "cleared" targetcli clearconfig confirm=True
try "and restored from the file" targetcli restoreconfig "$T/mine.json"
try "which works" login
is "the file is for its owner only" "$(stat -c %a mine.json)" 600

stop_target
is "it ends in order" "$STATUS" 0
if grep -qF "$SECRET" "$T/target.err"; then
	not_ok "no secret is in the log" "$T/target.err"
else
	ok "no secret is in the log"
fi
done_testing

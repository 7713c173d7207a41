#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# What is set on groups and ACLs of the daemon is what initiators meet, at once.
. "$(dirname "$0")/functions.sh"
need iscsi-ls qemu-io

PORT=$("$HERE/free-port.py")
PORTAL=127.0.0.1:$PORT
IQN=iqn.2026-01.test.lunar:store
INITIATOR=iqn.2026-01.test.lunar:somebody
TPG=/iscsi/$IQN/tpg1
ACL=$TPG/acls/$INITIATOR

create() { # PATH ARGS
	control tree.create "{\"path\": \"$1\", \"args\": {$2}}"
}

set_values() { # PATH GROUP VALUES
	control tree.set "{\"path\": \"$1\", \"group\": \"$2\", \"values\": {$3}}"
}

login() { # [SECONDS]
	"$HERE/initiator.py" "$PORTAL" "$INITIATOR" "$IQN" "$@"
}

explain() {
	control target.explain "{\"initiator\": \"$INITIATOR\", \"target\": \"$IQN\"}"
}

discover() {
	iscsi-ls -i "$INITIATOR" "iscsi://$PORTAL"
}

portal() { # VERB: as a call of a batch
	echo "{\"method\": \"tree.$1\", \"params\": {\"path\": \"$TPG/portals\"," \
		"\"args\": {\"ip_address\": \"127.0.0.1\", \"ip_port\": \"$PORT\"}}}"
}

start_daemon
try "a backstore" create /backstores/ramdisk '"name": "r0", "size": "8M"'
try "a target" control tree.create \
	"{\"path\": \"/iscsi\", \"args\": {\"wwn\": \"$IQN\"}, \"prefs\": {\"auto_add_default_portal\": false}}"
try "a portal" create "$TPG/portals" "\"ip_address\": \"127.0.0.1\", \"ip_port\": \"$PORT\""
try "a LUN" create "$TPG/luns" '"storage_object": "/backstores/ramdisk/r0"'
try "an ACL" create "$TPG/acls" "\"wwn\": \"$INITIATOR\""

# --- who needs CHAP

try "who has an ACL may come" login
try_fails "not told an alias" grep TargetAlias out
try "the group asks for CHAP" set_values "$TPG" attribute '"authentication": "1"'
try_fails "then nobody may without" login
try "the ACL waives it" set_values "$ACL" attribute '"authentication": "0"'
try "and then its initiator may" login
says "which the log says" 'not authenticated \(its ACL has authentication=0\)' "$T/target.err"
try "which is explained" explain
says "as the ACL's doing" 'its ACL has authentication=0'
try "the group asks for none" set_values "$TPG" attribute '"authentication": "0"'
try "but the ACL does" set_values "$ACL" attribute '"authentication": "1"'
try_fails "so nobody may without" login
try "as the group says" set_values "$ACL" attribute '"authentication": "-1"'

# --- what a login is told, and how long is waited for whom

try "an alias" set_values "$TPG" parameter '"TargetAlias": "the office"'
try "its initiator logs in" login
says "and is told" '^TargetAlias=the office$'
try "a depth" set_values "$TPG" attribute '"default_cmdsn_depth": "7"'
try "is explained" explain
says "as that of who has an ACL, too" '"depth": 7'
try "soon a ping, and not long for its answer" set_values "$ACL" attribute \
	'"nopin_timeout": "2", "nopin_response_timeout": "3"'
try "who says nothing" login 20
# By default it would be a ping after 15 seconds; how late a busy machine is, nobody promises.
says "is pinged" '^ping ([2-9]|1[0-4])$'
says "and given up" '^closed ([5-9]|1[0-9])$'
says "for that" 'no answer to a NOP-In' "$T/target.err"

# --- who may write

write_one() {
	io_lun "initiator-name=$INITIATOR" "write 0 512"
}

try "its initiator may write" write_one
try "nobody may" set_values "$TPG" attribute '"prod_mode_write_protect": "1"'
try_fails "which counts at once" write_one
try "one LUN is write-protected" set_values "$ACL/mapped_lun0" object '"write_protect": "True"'
try "somebody may" set_values "$TPG" attribute '"prod_mode_write_protect": "0"'
try_fails "but not on that" write_one
try "now on that, too" set_values "$ACL/mapped_lun0" object '"write_protect": "False"'
try "and it is written" write_one

# --- what discovery shows

try "discovery" discover
says "shows it" "$IQN"
try "a second group to ask" create /iscsi '"wwn": "iqn.2026-01.test.lunar:other"'
PORT2=$("$HERE/free-port.py")
try "with a portal" create /iscsi/iqn.2026-01.test.lunar:other/tpg1/portals \
	"\"ip_address\": \"127.0.0.1\", \"ip_port\": \"$PORT2\""
try "the group is disabled" control tree.disable "{\"path\": \"$TPG\"}"
try "discovery works" discover
try_fails "without it" grep "$IQN" out
try "tpg_enabled_sendtargets=0" set_values "$TPG" attribute '"tpg_enabled_sendtargets": "0"'
try "discovery works" discover
says "and shows it, disabled as it is" "$IQN"
try_fails "though nobody may log in" login
try "it is enabled" control tree.enable "{\"path\": \"$TPG\"}"
try "and everybody may again" login

# --- a portal that goes and comes

for round in 1 2 3 4 5; do
	try "round $round: a portal is deleted and made in one transaction" control batch \
		"{\"atomic\": true, \"calls\": [$(portal delete), $(portal create)]}"
	try "and listened on" login
done
stop_target
done_testing

#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Who may come to the daemon's targets, as an administrator says it: by network, by account of the ACL, of the group, and
# for discovery, one way and mutual; LUNs for reading only; and the address that discovery tells instead of its own.
. "$(dirname "$0")/functions.sh"
need iscsi-ls qemu-io

ME=iqn.2026-11.org.example:friend
OTHER=iqn.2026-11.org.example:stranger
SECRET=correct-horse-1
BACK=battery-staple-2
start_daemon_for $ME
TPG=/iscsi/$IQN/tpg1
ACL=$TPG/acls/$ME

target() { "$LUNAR" target "$@" </dev/null; }
doctor() { # INITIATOR [SETTING...]: of the disk, with what is behind "?"
	local settings="initiator_name=$1" one
	shift
	for one in "$@"; do settings+="&$one"; done
	timeout -k 5 "$LIMIT" "$LUNAR" doctor "iscsi://$ACCOUNT$PORTAL/$IQN/0?$settings" </dev/null
}
# comes NAME INITIATOR [SETTING...], and is_kept_out CODE NAME INITIATOR [SETTING...]
comes() { ends_with 0 "$1" doctor "${@:2}"; }
is_kept_out() { ends_with "$1" "$2" doctor "${@:3}"; }
ACCOUNT=

# --- networks
comes "who has an ACL comes" $ME
try "the group is for another network" target $TPG set attribute allowed_networks=192.0.2.0/24
is_kept_out 19 "then nobody comes" $ME
try "which is explained" target explain $ME --from 127.0.0.1
says "by the network" 'is in none of the networks'
try "that from there one could" target explain $ME --from 192.0.2.7
says "is, too" ': yes$'
try "for both" target $TPG set attribute allowed_networks=192.0.2.0/24,127.0.0.0/8
comes "one may come" $ME
try "but not this initiator" target $ACL set attribute allowed_networks=192.0.2.0/24
is_kept_out 19 "which does not" $ME
target $ACL set attribute allowed_networks= >/dev/null
comes "until it may" $ME

# --- the ACL's account
try "it needs an account" target $ACL set auth userid=alice password=$SECRET mutual_userid=target mutual_password=$BACK
try "and has to show it" target $ACL set attribute authentication=1
is_kept_out 16 "without it does not come" $ME
ACCOUNT=alice%wrong-secret-1@
is_kept_out 16 "nor with a wrong secret" $ME
ACCOUNT=alice%$SECRET@
comes "with it it does" $ME
comes "and the target proves itself" $ME target_user=target target_password=$BACK
is_kept_out 17 "not by whatever" $ME target_user=target target_password=wrong-secret-22
is_kept_out 19 "another initiator does not come by it" $OTHER

# --- the group's
try "who has no ACL may come" target $TPG set attribute generate_node_acls=1 authentication=1
try "by the group's account" target $TPG set auth userid=guests password=$SECRET mutual_userid=house mutual_password=$BACK
ACCOUNT=guests%$SECRET@
comes "it does" $OTHER
comes "and learns who we are" $OTHER target_user=house target_password=$BACK
is_kept_out 17 "by the group's name" $OTHER target_user=target target_password=$BACK
ACCOUNT=alice%$SECRET@
is_kept_out 16 "not by that of an ACL" $OTHER

# --- LUNs for reading
write() { io_lun "initiator-name=$ME" "write 0 512"; }
target $ACL set attribute authentication=0 >/dev/null
try "it writes" write
try "its LUN is made one for reading" target $ACL/mapped_lun0 set object write_protect=True
try_fails "it does not any more" write
ACCOUNT=
try "it is told" doctor $ME
says "that it may not" 'write protected'

# --- discovery
shown() { timeout -k 5 "$LIMIT" iscsi-ls -i $ME "iscsi://$ACCOUNT$PORTAL${1:-}"; }
try "discovery is open" shown
says "and shows the target" "$IQN"
try "it gets an account" target /iscsi set discovery_auth enable=1 userid=looker password=$SECRET \
	mutual_userid=shown mutual_password=$BACK
try_fails "which is asked for" shown
ACCOUNT=looker%$SECRET@
try "and opens it" shown
says "as before" "$IQN"
try "mutual, too" shown "?target_user=shown&target_password=$BACK"
try_fails "when the target is another one" shown "?target_user=shown&target_password=wrong-secret-22"
target /iscsi set discovery_auth enable=0 >/dev/null
ACCOUNT=

# --- an address instead
try "a portal is known by another address outside" target "$TPG/portals/$PORTAL" set attribute advertise=192.0.2.9:13260
try "discovery tells it" shown
says "and not its own" 'Portal:192\.0\.2\.9:13260,1'
try_fails "nowhere" grep -F "$PORTAL" "$T/out"
try "it is saved" target saveconfig
for secret in $SECRET $BACK; do
	try_fails "the log has no secret" grep -F -- "$secret" "$T/target.err"
done
stop_target
start_daemon
try "and told after a start" shown
says "as before" 'Portal:192\.0\.2\.9:13260,1'
stop_target
done_testing

#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# What goes wrong on the way to a remote disk, through lunar-initiatord (lunar discover, lunar attach) and lunar doctor:
# each has its own message and its own exit code, the same in both, and is over within its limit.
. "$(dirname "$0")/functions.sh"
need python3
. "$HERE/initiatord-functions.sh"

# refused CODE NAME REGEX URL [OPTION...]: by both. Without limits what does not answer would be waited for much longer.
TIMEOUT=20
refused() {
	local code=$1 name=$2 regex=$3 url=$4 began=$SECONDS
	shift 4
	fails_with "$code" "$name: attach" "$regex" attach "$url" --timeout "$TIMEOUT" --via nbd-socket "$@"
	fails_with "$code" "$name: doctor" "$regex" doctor "$url" --timeout "$TIMEOUT" "$@"
	[ "$TIMEOUT" -gt 1 ] || is "$name: in time" "$((SECONDS - began < 10))" 1
}

printf secretsecret1 >right
printf wrongsecret12 >wrong
chmod 600 right wrong
start_initiator a
start_target disk.img --size 64M --chap alice --chap-secret-file right
OURS=iscsi://$PORTAL/$IQN
refused 20 "a wrong name of a target" 'no such target' "$OURS.other/0" --user alice --password-file right
refused 16 "a wrong secret" 'does not accept this user and secret' "$OURS/0" --user alice --password-file wrong
refused 30 "no such LUN" 'it has: 0' "$OURS/9" --user alice --password-file right
stop_target
refused 13 "a wrong port" 'nobody listens' "$OURS/0" --user alice --password-file right
refused 12 "a host that cannot be reached" 'nreachable|cannot be reached' "iscsi://224.0.0.1/$IQN/0"
refused 11 "a host that there is not" 'no address' "iscsi://$(printf '%070d.invalid' 0)/$IQN/0"
fake http
refused 28 "what speaks no iSCSI" 'no Login Response|no iSCSI' "iscsi://$FAKE/$IQN/0"
fails_with 28 "what speaks no iSCSI: discover" 'no Login Response|no iSCSI' discover "$FAKE"

TIMEOUT=1
fake deaf
DEAF=$FAKE
refused 14 "a host that does not answer" 'nobody answers' "iscsi://$DEAF/$IQN/0"
fake silent
refused 15 "a target that says nothing" 'not answered in time' "iscsi://$FAKE/$IQN/0"

fake astray "$IQN.astray" "$DEAF"
try "discovery tells of an address that does not answer" lunar discover "$FAKE"
says "which is recorded as it was told" "^ +$DEAF, group 1"
fails_with 14 "who goes there: attach" "nobody answers" attach "iscsi://$DEAF/$IQN.astray/0" --timeout 1
fails_with 39 "who asks about it: doctor" "of no other for $IQN.astray" doctor "iscsi://$FAKE" --timeout 1
says "which address, and why" "^ +$DEAF: nobody answers"

# --- an ACL
start_daemon_for iqn.2026-11.org.example:friend
TIMEOUT=20
refused 19 "an ACL that has not us" 'may not log in' "iscsi://$PORTAL/$IQN/0"
stop_target
done_testing

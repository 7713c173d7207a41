#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# lunar doctor, as a user who may nothing: what it says of a target of ours and of tgt that is well, of each fault, and
# that each has its own exit code and advice, within the time it was given.
. "$(dirname "$0")/functions.sh"
need python3

plain_user
doctor() { # ARGUMENT...
	# shellcheck disable=SC2086 # it is words
	timeout -k 5 "$LIMIT" $PLAIN "$PLAIN_LUNAR" doctor "$@" </dev/null
}
# finds CODE NAME REGEX ARGUMENT...: it ends so, and says that.
finds() {
	local want=$1 name=$2 regex=$3
	shift 3
	doctor "$@" >"$T/out" 2>&1
	is "$name: exit code" "$?" "$want"
	says "$name: and why" "$regex"
}
# holds NAME EXPRESSION: of python, where r is the JSON in $T/out, and s its steps by name.
holds() { json_holds "$1" "$2" 's = {step["step"]: step for step in r["steps"]}'; }

# --- one that is well
start_target disk.img --size 64M
cp disk.img before.img
finds 0 "a disk that is well" '^no fault was found$' "$URL"
says "each step has its time" '^ok +[0-9]+\.[0-9] ms  connect: .* accepts connections$'
says "the host has the target" "^ +$IQN at $PORTAL"
says "we are told who we are" 'as initiator iqn\.'
says "and what was agreed" 'digests: header none, data none'
says "the disk is named" 'LUN 0: LUNAR VIRTUAL-DISK, 64 MiB'
says "with its identity" 'identity 3[0-9a-f]{16}, serial '
says "with its paths" 'ALUA: '
says "and it can be read" 'block 0 of LUN 0 can be read'
try "nothing was written" cmp disk.img before.img
finds 0 "a name of the host" '^ok .* name: localhost is ' "iscsi://localhost:$PORT/$IQN"
finds 0 "a host: what it has is offered" 'lunar doctor iscsi://.*/TARGET' "iscsi://$PORTAL"
says "by name" "^ +$IQN at $PORTAL"
finds 0 "digests, as settings" 'digests: header crc32c, data crc32c' "$URL?header_digest=crc32c&data_digest=crc32c"
finds 0 "as JSON" . "$URL" --json
holds "all steps are there" 'list(s) == ["name", "connect", "discovery", "portals", "login", "luns", "disk", "read"]'
holds "each with its time" 'all(0 <= step["seconds"] < 60 and step["result"] == "ok" for step in r["steps"])'
holds "and facts" 's["disk"]["size"] == 64 << 20 and s["luns"]["luns"] == [0] and s["disk"]["read_only"] is False'
holds "and no error" '"error" not in r and r["warnings"] == 0'
finds 30 "no such LUN" 'there is no LUN 7; it has: 0$' "${URL%0}7"
finds 20 "no such target" 'no such target' "iscsi://$PORTAL/$IQN.other/0"
says "what there is" "^ +$IQN at $PORTAL"
finds 20 "and as JSON" . "iscsi://$PORTAL/$IQN.other/0" --json
holds "an error with its reason" 'r["error"]["code"] == 20 and r["error"]["reason"] == "no-such-target" and r["error"]["message"]'
holds "and what to do" 's["login"]["result"] == "failed" and s["login"]["advice"]'
stop_target
finds 13 "a wrong port" 'nobody listens' "$URL"
says "what to do" '^ +-> .*start its target, or give the port'

start_target disk.img --readonly
finds 0 "write protected" 'LUN 0: .*, write protected' "$URL"
stop_target

# --- who may
umask 077
echo correct-horse-1 >secret
echo correct-horse-2 >wrong
chmod 644 secret wrong
[ -z "$PLAIN" ] || chown 65534 secret wrong
chmod 600 secret wrong
umask 022
start_target disk.img --chap alice --chap-secret-file secret
finds 0 "the right secret" 'by CHAP as alice' "$URL" --user alice --password-file secret
finds 16 "a wrong secret" 'does not accept this user and secret.*0201' "$URL" --user alice --password-file wrong
says "what to do" '-> compare the user'
finds 16 "a wrong user" 'does not accept' "iscsi://bob%correct-horse-1@$PORTAL/$IQN/0"
finds 16 "no user" '-> the target wants CHAP: give --user' "$URL"
! grep -rq 'correct-horse' "$T/out" && ok "no secret is shown" || not_ok "no secret is shown" "$T/out"
stop_target
start_target disk.img --chap alice --chap-secret-file secret --mutual-chap target --mutual-secret-file wrong
finds 17 "a target that does not prove itself" 'does not prove' \
	"iscsi://alice%correct-horse-1@$PORTAL/$IQN/0?target_user=target&target_password=battery-staple-2"
stop_target

ME=iqn.2026-11.org.example:friend
start_daemon_for $ME
finds 19 "an ACL that has not us" 'may not log in.*0202' "iscsi://$PORTAL/$IQN/0"
says "what to do" "-> the target's ACLs do not have this initiator"
says "and by which name" 'as initiator iqn'
finds 0 "one that has" 'no fault' "iscsi://$PORTAL/$IQN/0?initiator_name=$ME"
configure /iscsi/$IQN/tpg1/luns delete 0
finds 30 "no LUN at all" 'no LUN for this initiator' "iscsi://$PORTAL/$IQN?initiator_name=$ME"
stop_target

# --- where nothing answers
NOWHERE=$(printf '%070d.invalid' 0)
finds 11 "a name that is none" 'has no address' "iscsi://$NOWHERE/$IQN/0" --timeout 20
finds 12 "a host that cannot be reached" 'nreachable' "iscsi://224.0.0.1/$IQN/0"
fake deaf
finds 14 "a host that does not answer" 'nobody answers' "iscsi://$FAKE/$IQN/0" --timeout 1
fake silent
finds 15 "a target that says nothing" 'not answered in time' "iscsi://$FAKE/$IQN/0" --timeout 1
fake http
finds 28 "a web server" 'no Login Response|no iSCSI' "iscsi://$FAKE/$IQN/0"
says "what to do" '-> another service listens at this port'
fake astray "$IQN" 127.0.0.1:1
finds 39 "discovery leads nowhere" "of no other for $IQN" "iscsi://$FAKE"
says "which address, and why" '^ +127\.0\.0\.1:1: nobody listens'
says "what to do" '-> discovery sends every initiator there'

# --- bad command lines
finds 2 "no URL" 'where to'
finds 2 "what is no URL" 'a URL is iscsi://' /dev/null
finds 2 "two of them" 'one URL' "$URL" "$URL"
finds 2 "no time" 'a number of seconds' "$URL" --timeout 0
finds 2 "a setting that there is not" 'no setting' "$URL?nix=1"
finds 2 "a secret without a user" 'goes together' "$URL?secret=correct-horse-1"

# --- Debian's tgt
if command -v tgtd >/dev/null && [ "$(id -u)" = 0 ]; then
	start_tgt
	URL=iscsi://$TGT_PORTAL/$TGT_IQN
	finds 0 "tgt" '^no fault was found$' "$URL/1"
	says "its disk" 'LUN 1: IET VIRTUAL-DISK, 64 MiB'
	finds 0 "all that tgt has" 'LUN 0: the LU is no disk' "$URL"
	finds 1 "its controller is no disk" 'no disk' "$URL/0"
	finds 30 "a LUN that tgt has not" 'it has: 0, 1' "$URL/5"
	tgt_admin --op new --mode account --user alice --password correct-horse-1
	tgt_admin --op bind --mode account --tid 1 --user alice
	finds 22 "tgt takes an algorithm for another one" '-> .*\?chap=md5' "$URL/1" --user alice --password-file secret
	URL="$URL/1?chap=md5"
	finds 0 "tgt with CHAP" 'by CHAP as alice' "$URL" --user alice --password-file secret
	finds 16 "a secret that tgt does not take" '0201' "$URL" --user alice --password-file wrong
	tgt_admin --op unbind --mode target --tid 1 -I ALL
	tgt_admin --op bind --mode target --tid 1 -Q iqn.2026-11.org.example:friend
	finds 20 "tgt with an ACL that has not us" 'not found|no such target' "$URL" --user alice --password-file secret
	finds 0 "and one that has" 'no fault' "$URL&initiator_name=iqn.2026-11.org.example:friend" --user alice \
		--password-file secret
	stop_tgt
else
	skip "tgt" "there is no tgtd, or no root"
fi
done_testing

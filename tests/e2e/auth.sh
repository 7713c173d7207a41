#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# CHAP, one way and mutual, with both foreign initiators; wrong passwords; where secrets may show.
. "$(dirname "$0")/functions.sh"
need iscsi-ls iscsi-inq iscsi-perf iscsi-readcapacity16 qemu-io

secret=correct-horse-1
other=battery-staple-2
umask 077
printf '%s\n' "$secret" >secret
printf '%s\n' "$other" >mutual

login() {
	iscsi-readcapacity16 -s "$1"
}

start_target disk.img --size 16M --chap alice --chap-secret-file secret
with() {
	echo "iscsi://$1@$PORTAL/$IQN/0"
}
try "the right secret" login "$(with "alice%$secret")"
try_fails "no secret" login "iscsi://$PORTAL/$IQN/0"
try_fails "a wrong secret" login "$(with "alice%correct-horse-2")"
try_fails "a secret that is too long" login "$(with "alice%${secret}1")"
try_fails "the beginning of the secret" login "$(with "alice%${secret%?}")"
try_fails "a wrong user" login "$(with "mallory%$secret")"
try "discovery needs no secret" iscsi-ls "iscsi://$PORTAL"
try "INQUIRY after CHAP" iscsi-inq "$(with "alice%$secret")"
try "libiscsi reads with CHAP" iscsi-perf -t 1 -m 8 -b 8 "$(with "alice%$secret")"
qemu_as() {
	IO_OPTIONS=(--object "secret,id=s,data=$2")
	io_lun "user=$1,password-secret=s" "write -P 7 0 1M" "flush" "read -P 7 0 1M"
}
try "QEMU with the right secret" qemu_as alice "$secret"
try_fails "QEMU with a wrong secret" qemu_as alice "$other"
try_fails "QEMU with a wrong user" qemu_as bob "$secret"
IO_OPTIONS=()
try_fails "QEMU without a secret" io_lun "" "read 0 4k"
for word in "$secret" "correct-horse-2"; do
	if grep -qF -- "$word" "$T/target.out" "$T/target.err"; then
		not_ok "no secret is printed or logged" "$T/target.out"
	else
		ok "no secret is printed or logged"
	fi
done
if tr '\0' ' ' <"/proc/$TARGET_PID/cmdline" | grep -qF -- "$secret"; then
	not_ok "the secret is not on the command line"
else
	ok "the secret is not on the command line"
fi
stop_target

start_target disk.img --chap alice --chap-secret-file secret \
	--mutual-chap target --mutual-secret-file mutual
both="alice%$secret"
try "mutual CHAP" login "$(with "$both")?target_user=target&target_password=$other"
try_fails "the initiator finds a wrong secret of the target" \
	login "$(with "$both")?target_user=target&target_password=wrong-staple-3"
says "it says so" "CHAP_R|[Aa]uthentication"
try_fails "the initiator finds a wrong name of the target" \
	login "$(with "$both")?target_user=someone&target_password=$other"
try_fails "a wrong secret of the initiator under mutual CHAP" \
	login "$(with "alice%wrong-horse-9")?target_user=target&target_password=$other"
try "one-way CHAP is enough for an initiator that does not ask for more" login "$(with "$both")"
try "libiscsi reads with mutual CHAP" \
	iscsi-perf -t 1 -m 8 -b 8 "$(with "$both")?target_user=target&target_password=$other"
try "INQUIRY with mutual CHAP and header digests" iscsi-inq \
	"$(with "$both")?target_user=target&target_password=$other&header_digest=crc32c"
try "QEMU at a target that offers mutual CHAP" qemu_as alice "$secret"
IO_OPTIONS=()
stop_target

# What the command line refuses.
refused() {
	local name=$1 reason=$2
	shift 2
	try_fails "$name" "$LUNAR" serve disk.img --portal 127.0.0.1:0 "$@"
	says "$name: the reason" "$reason"
}
refused "a secret file that is not there" "nosuch.*(No such file|not there|missing)" \
	--chap alice --chap-secret-file nosuch
cp secret open && chmod 644 open
refused "a secret file that others can read" "chmod 0?600" --chap alice --chap-secret-file open
: >empty
refused "an empty secret file" "empty|12" --chap alice --chap-secret-file empty
refused "the same secret both ways" "same|differ" --chap alice --chap-secret-file secret \
	--mutual-chap target --mutual-secret-file secret
refused "mutual CHAP without CHAP" "chap" --mutual-chap target --mutual-secret-file mutual
done_testing

#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The lines that serve prints for other programs: they are right as they stand, also with names that
# a shell would take apart.
. "$(dirname "$0")/functions.sh"
need qemu-io

umask 077
mkdir "a dir"
file="$T/a dir/it's, one"
printf '%s' "correct-horse-1" >"$file"

# line REGEX: the first line of what was printed that matches.
line() {
	grep -m1 -E -- "$1" "$T/target.out"
}
# word OPTION COMMAND-LINE: what a shell makes of the word behind this option.
word() {
	local option=$1
	eval "set -- $2"
	while [ $# -gt 1 ]; do
		[ "$1" != "$option" ] || { printf '%s' "$2"; return; }
		shift
	done
}

start_target disk.img --size 16M --chap "al'ice b" --chap-secret-file "$file" --mutual-chap target \
	--mutual-secret-file <(printf '%s' "battery-staple-2")
qemu=$(line "qemu-system")
object=$(word -object "$qemu")
iscsi=$(word -iscsi "$qemu")
drive=$(word -drive "$qemu")
is "QEMU's object names the file, its comma doubled" "$object" \
	"secret,id=chap,file=${file//,/,,}"
is "QEMU's user" "$iscsi" "user=al'ice b,password-secret=chap"
is "QEMU's drive" "$drive" "file=$URL,format=raw,if=virtio"
IO_OPTIONS=(--object "$object")
try "the object and the user work in QEMU" io_lun "$iscsi" "write -P 5 0 1M" "read -P 5 0 1M"
IO_OPTIONS=()

is "iscsiadm: discovery" "$(line 'sendtargets' | sed 's/^ *//')" \
	"iscsiadm -m discovery -t sendtargets -p $PORTAL"
node="iscsiadm -m node -T $IQN -p $PORTAL"
is "iscsiadm: login" "$(line '--login' | sed 's/^ *//')" "$node --login"
for setting in authmethod:CHAP username:"al'ice b" password:SECRET username_in:target \
	password_in:MUTUAL-SECRET; do
	name=node.session.auth.${setting%%:*}
	command=$(line " $name ")
	is "iscsiadm: ${setting%%:*}" "$(word -v "$command")" "${setting#*:}"
	is "iscsiadm: ${setting%%:*}, the command" "$(echo "${command%% -v *}" | sed 's/^ *//')" \
		"$node -o update -n $name"
done
windows="-TargetPortalAddress 127.0.0.1 -TargetPortalPortNumber $PORT"
is "Windows: portal" "$(line New-IscsiTargetPortal | sed 's/^ *//')" "New-IscsiTargetPortal $windows"
is "Windows: its secret" "$(line Set-IscsiChapSecret | sed 's/^ *//')" \
	"Set-IscsiChapSecret -ChapSecret MUTUAL-SECRET"
is "Windows: login" "$(line Connect-IscsiTarget | sed 's/^ *//')" "Connect-IscsiTarget -NodeAddress $IQN \
$windows -AuthenticationType MUTUALCHAP -ChapUsername 'al''ice b' -ChapSecret SECRET"
stop_target

# A file as an editor makes it: QEMU would take the newline for a part of the secret.
printf '%s\n' "correct-horse-1" >"$T/line"
start_target disk.img --chap alice --chap-secret-file "$T/line"
says "a newline in the secret's file is warned of" "line ends in a newline.*printf" "$T/target.err"
stop_target

start_target disk.img --readonly
qemu=$(line "qemu-system")
is "without CHAP QEMU needs no object" "$(word -object "$qemu")$(word -iscsi "$qemu")" ""
is "a read-only disk is one for QEMU too" "$(word -drive "$qemu")" \
	"file=$URL,format=raw,if=virtio,readonly=on"
done_testing

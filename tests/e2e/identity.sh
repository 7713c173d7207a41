#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# A LUN's identity stays with its image, and no two have the same.
. "$(dirname "$0")/functions.sh"
need iscsi-inq

serial() {
	iscsi-inq -e 1 -c 128 "$1" | sed -n 's/^Unit Serial Number:\[ *\(.*\)\]$/\1/p'
}
# It is shown as bytes that are no text, so a hash is compared.
naa() {
	iscsi-inq -e 1 -c 131 "$1" | grep -a -A 1 '^Designator Type:(3) NAA' | sha256sum
}

start_target a.img b.img --size 16M
a=$(serial "${URLS[0]}")
b=$(serial "${URLS[1]}")
naa=$(naa "${URLS[0]}")
if [ -n "$a" ] && [ -n "$b" ] && [ "$a" != "$b" ]; then
	ok "two LUNs have two serial numbers"
else
	not_ok "two LUNs have two serial numbers" <(echo "$a"; echo "$b")
fi
if [ "$(naa "${URLS[1]}")" != "$naa" ]; then
	ok "and two NAA designators"
else
	not_ok "and two NAA designators"
fi
stop_target
start_target a.img --target iqn.2026-01.test.lunar:another
is "the serial number stays over a restart and another target name" "$(serial "$URL")" "$a"
is "so does the NAA" "$(naa "$URL")" "$naa"
stop_target KILL
start_target b.img a.img
is "it stays after SIGKILL, at another LUN" "$(serial "${URLS[1]}")" "$a"
is "and the other one keeps its own" "$(serial "${URLS[0]}")" "$b"
stop_target

mkdir sub && mv a.img sub/moved.img
start_target sub/moved.img
is "it moves with the file" "$(serial "$URL")" "$a"
stop_target
mv sub/moved.img a.img

cp --preserve=xattr a.img copy.img 2>/dev/null || cp a.img copy.img
spawn_target a.img copy.img
wait_for 10 ready
if ended "$TARGET_PID"; then
	wait "$TARGET_PID"
	code=$?
	[ "$code" -ne 0 ] && ok "a copy with the same identity beside it is refused" ||
		not_ok "a copy with the same identity beside it is refused"
	says "the reason is given" "identity" target.err
else
	# Then it must have got an identity of its own.
	mapfile -t URLS < <(grep -o '^iscsi://[^ ]*' target.out)
	if [ "$(serial "${URLS[0]}")" != "$(serial "${URLS[1]}")" ]; then
		ok "a copy served beside it has an identity of its own"
	else
		not_ok "a copy served beside it has an identity of its own" target.out
	fi
	stop_target
fi

rm -f a.img
start_target a.img --size 16M
if [ "$(serial "$URL")" != "$a" ]; then
	ok "a new image under an old name is a new disk"
else
	not_ok "a new image under an old name is a new disk"
fi
done_testing

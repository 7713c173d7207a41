#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# What cannot work: exit code not 0, a message with the cause and the way out, nothing left behind.
. "$(dirname "$0")/functions.sh"
need qemu-img iscsi-readcapacity16

mkdir work
cd work || exit 1

listing() {
	find . -mindepth 1 -printf '%p %s %m %T@\n' | sort
}

# refused NAME REGEX ARGUMENT...: serve must refuse these, say why in a line that matches, and leave
# the directory as it was.
refused() {
	local name=$1 reason=$2 before code portal=(--portal 127.0.0.1:0)
	shift 2
	case " $* " in *" --portal"*) portal=() ;; esac
	before=$(listing)
	timeout -k 2 15 ${WRAP:-} "$LUNAR" serve "$@" ${portal[@]+"${portal[@]}"} >"$T/out" 2>&1 </dev/null
	code=$?
	echo "exit code $code of: serve $*" >>"$T/out"
	if [ $code -eq 0 ] || [ $code -ge 124 ]; then
		not_ok "$name is refused" "$T/out"
	elif ! head -n -1 "$T/out" | grep -Eqi -- "$reason"; then
		echo "# no line matches $reason"
		not_ok "$name is refused with the reason and the way out" "$T/out"
	elif [ "$(listing)" != "$before" ]; then
		not_ok "$name is refused and leaves nothing behind" <(echo "$before"; echo; listing)
	elif grep -q '^iscsi://' "$T/out"; then
		not_ok "$name is refused before anything is offered" "$T/out"
	else
		ok "$name is refused: $(head -1 "$T/out")"
	fi
}

truncate -s 16M disk.img
: >empty.img
head -c 1000000 /dev/zero >odd.img
mkdir directory

refused "a missing file" "missing\.img.*--size" missing.img
refused "a file in a missing directory" "nowhere.*(No such file|not there|no such)" nowhere/new.img --size 16M
refused "an empty file" "empty\.img.*--size" empty.img
refused "a file of odd size" "odd\.img.*512" odd.img
refused "a directory" "directory.*(directory|not a)" directory
refused "a character device" "/dev/(null|zero).*(device|not a)" /dev/zero
refused "a size that is not one" "size.*(lots|number|10G)" new.img --size lots
refused "a size of nothing" "size" new.img --size 0
refused "a negative size" "size" new.img --size -1G
refused "a size beyond 64 bits" "size" new.img --size 99999999999999999999G
refused "a size that no block fits" "size.*(512|block)" new.img --size 1000
refused "a block size that is not one" "block.*(512|4096)" disk.img --block-size 1000
refused "an IQN that is not one" "iqn\.|name" disk.img --target "not an iqn"
refused "an IQN with a bad month" "iqn\.|month|date|name" disk.img --target "iqn.2026-13.test.lunar:x"
refused "an IQN that is too long" "223|long" disk.img --target "iqn.2026-01.test.lunar:$(printf 'x%.0s' {1..250})"
refused "a portal without a port" "portal|port|address" disk.img --portal 127.0.0.1:
refused "a port that is not one" "port" disk.img --portal 127.0.0.1:70000
refused "an address that is not one" "address|portal" disk.img --portal 300.0.0.1:0
refused "an address of another host" "address|portal" disk.img --portal 192.0.2.1:0
refused "an option that is not one" "frobnicate" disk.img --frobnicate
refused "no file at all" "FILE|usage|--help" --readonly
start_target disk.img
refused "a second portal that is in use" "$PORT.*(in use|--portal)" disk2.img --size 16M \
	--portal 127.0.0.1:0 --portal "127.0.0.1:$PORT"
stop_target
refused "the same file twice" "disk\.img.*(twice|already|locked|in use)" disk.img disk.img
ln disk.img hard.img
refused "the same file by two names" "hard\.img.*twice" disk.img hard.img
refused "a file that is there and one that is not" "nowhere\.img.*--size" disk.img nowhere.img

for format in qcow2 vmdk vhdx; do
	qemu-img create -q -f "$format" "image.$format" 16M
	cp "image.$format" disguised # the format must come from what is in it
	refused "a $format image" "(qemu-img convert|--raw)" "disguised"
	grep -q -- "qemu-img convert" "$T/out" && ok "the way to convert a $format image is shown" ||
		not_ok "the way to convert a $format image is shown" "$T/out"
	grep -q -- "--raw" "$T/out" && ok "--raw is named for a $format image" ||
		not_ok "--raw is named for a $format image" "$T/out"
done
# qcow2 files are no multiple of anything in general; this one is.
truncate -s 1M image.qcow2
start_target image.qcow2 --raw
try "a qcow2 image is served as it is with --raw" iscsi-readcapacity16 -s "$URL"
says "with the size of the file" "^1048576$"
stop_target

start_target disk.img
refused "an image that another instance serves" "disk\.img.*(locked|in use|served)" disk.img
refused "the same image by another name" "hard\.img.*(locked|in use|served)" hard.img
other=$PORT
truncate -s 16M disk2.img
refused "a port in use" "$other.*(in use|--portal)" disk2.img --portal "127.0.0.1:$other"
try "the running instance has not noticed" iscsi-readcapacity16 -s "$URL"
refused "a port in use, with a file to be created" "$other.*(in use|--portal)" \
	created.img --size 16M --portal "127.0.0.1:$other"
stop_target
is "it ended well" "$STATUS" 0

# As another user: what may not be written is refused, or served read-only when asked.
if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null; then
	cp "$LUNAR" "$T/lunar" && chmod 755 "$T/lunar"
	LUNAR=$T/lunar
	WRAP="setpriv --reuid=65534 --regid=65534 --clear-groups"
	export XDG_STATE_HOME=$T/nobody
	install -d -m 700 -o 65534 -g 65534 "$T/nobody"
else
	WRAP=
fi
chmod 755 .
truncate -s 16M theirs.img
chmod 444 theirs.img
refused "a file that may not be written" "theirs\.img.*(Permission denied|writ|--readonly)" theirs.img
grep -q -- "--readonly" "$T/out" && ok "--readonly is offered" || not_ok "--readonly is offered" "$T/out"
TARGET_WRAP=$WRAP start_target theirs.img --readonly
try "it can be served with --readonly" iscsi-readcapacity16 -s "$URL"
stop_target
chmod 000 theirs.img
refused "a file that may not be read" "theirs\.img.*Permission denied" theirs.img --readonly
mkdir closed && chmod 555 closed
refused "a file to be created where nothing may be" "closed/new\.img.*(Permission denied|creat)" closed/new.img --size 16M
if [ "$(cat /proc/sys/net/ipv4/ip_unprivileged_port_start)" -gt 1 ]; then
	refused "a port for root only" "(port|:1).*(Permission denied|1024|root|--portal)" disk2.img \
		--portal 127.0.0.1:1 --readonly
else
	skip "a port for root only" "here there are none"
fi
done_testing

#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# liblunar against our target: all of it by lunar_client, the examples, what goes wrong with a login, and how
# the library is installed and used from C99 and C++.
. "$(dirname "$0")/functions.sh"
need_program lunar_client
EXAMPLES=$(dirname "$LUNAR")/examples

# tap NAME COMMAND...: its cases become ours.
tap() {
	local name=$1
	shift
	timeout -k 5 "$LIMIT" "$@" >"$T/tap" 2>&1 </dev/null
	local code=$?
	while read -r line; do
		case $line in
		"ok "*) ok "$name: ${line#* - }" ;;
		"not ok "*) not_ok "$name: ${line#* - }" "$T/tap" ;;
		esac
	done <"$T/tap"
	if [ "$code" -eq 0 ] && grep -q "^1\.\." "$T/tap"; then
		ok "$name: to its end"
	else
		not_ok "$name: to its end" "$T/tap"
	fi
}

start_target disk.img --size 64M
tap "all of it" "$LUNAR_CLIENT" "$URL"
tap "with digests" "$LUNAR_CLIENT" "$URL?header_digest=crc32c&data_digest=crc32c"
tap "without immediate data" "$LUNAR_CLIENT" "$URL?immediate_data=no&initial_r2t=yes&max_outstanding_r2t=1"
tap "unasked data in PDUs of their own" "$LUNAR_CLIENT" "$URL?immediate_data=no&first_burst=4096&max_burst=8192"
tap "in small PDUs, few at a time" "$LUNAR_CLIENT" "$URL?max_recv_data=512&depth=2"

# --- examples
try "example: discover" "$EXAMPLES/discover" "$PORTAL"
says "it shows address and name" "^$PORTAL $IQN$"
printf 'first block' | dd of=disk.img conv=notrunc status=none
# shellcheck disable=SC2016 # its words are of the shell that runs it
try "example: read-block" sh -c '"$1" "$2" 0 | head -c 11' sh "$EXAMPLES/read-block" "$URL"
says "it is that block" "^first block$"
try "example: many-reads" "$EXAMPLES/many-reads" "$URL"
says "it has read all" "^67108864 bytes, sum [0-9]+$"
want=$(od -An -v -tu1 disk.img | awk '{ for (i = 1; i <= NF; i++) s += $i } END { printf "%d", s }')
says "and right" "sum $want$"
try "example: watch" "$EXAMPLES/watch" "$URL" 1
says "it says the size" "^size: 67108864 bytes$"
says "and the state" "^session: logged in$"
try_fails "an example says what is wrong" "$EXAMPLES/read-block" "iscsi://$PORTAL/$IQN/x" 0
says "in a sentence" "the LUN is not a number"
stop_target

try_fails "nobody listens" "$EXAMPLES/read-block" "$URL" 0
says "it says so" "nobody listens"

# --- CHAP
umask 077
echo correct-horse-1 >secret
echo battery-staple-2 >mutual
start_target disk.img --chap alice --chap-secret-file secret --mutual-chap target --mutual-secret-file mutual
try "CHAP" "$EXAMPLES/read-block" "iscsi://alice%correct-horse-1@$PORTAL/$IQN/0" 0
try "both ways" "$EXAMPLES/read-block" \
	"iscsi://alice%correct-horse-1@$PORTAL/$IQN/0?target_user=target&target_password=battery-staple-2" 0
for algorithm in md5 sha1 sha256 sha3-256; do
	try "by $algorithm" "$EXAMPLES/read-block" "iscsi://alice%correct-horse-1@$PORTAL/$IQN/0?chap=$algorithm" 0
done
try_fails "a wrong secret" "$EXAMPLES/read-block" "iscsi://alice%correct-horse-2@$PORTAL/$IQN/0" 0
says "it says so" "secret"
try_fails "no secret" "$EXAMPLES/read-block" "iscsi://$PORTAL/$IQN/0" 0
says "it says so, too" "authenticat"
try_fails "a target with another secret" "$EXAMPLES/read-block" \
	"iscsi://alice%correct-horse-1@$PORTAL/$IQN/0?target_user=target&target_password=wrong-staple-3" 0
says "which is not believed" "does not prove"
try_fails "a target that there is not" "$EXAMPLES/read-block" \
	"iscsi://alice%correct-horse-1@$PORTAL/$IQN.not/0" 0
says "it is not found" "no such target|not found"
stop_target

# --- headers
INCLUDE=$HERE/../../include
printf '#include <lunar/scsi.h>\nint main(void) { return lunar_version() == 0; }\n' >use.c
try "the headers are C99" "${CC:-cc}" -std=c99 -pedantic -Wall -Wextra -Werror -I"$INCLUDE" -c use.c -o use.o
if command -v c++ >/dev/null; then
	cp use.c use.cc
	try "and C++" c++ -std=c++11 -pedantic -Wall -Wextra -Werror -I"$INCLUDE" -c use.cc -o use.cc.o
	try "which links" c++ use.cc.o -L"$(dirname "$LUNAR")/src/liblunar" -llunar -o use.cc.out
else
	skip "and C++" "there is no C++ compiler"
fi
if command -v nm >/dev/null; then
	nm -D --defined-only "$(dirname "$LUNAR")/src/liblunar/liblunar.so" >symbols
	try_fails "the library gives nothing but what is its own" grep -Ev " [TA] (lunar_[a-z_0-9]+@@)?LUNAR_0.1$" symbols
	try_fails "and nothing private" grep lunar_priv symbols
	# Every function of the headers is there.
	grep -hoE "^[a-su-z].*\blunar_[a-z_0-9]+\(" "$INCLUDE"/lunar/*.h | grep -oE "lunar_[a-z_0-9]+\($" | tr -d '(' |
		sort -u >declared
	grep -oE "lunar_[a-z_0-9]+@@" symbols | tr -d '@' | sort -u >given
	try "all that the headers declare is there" diff declared given
else
	skip "symbols" "there is no nm"
fi
done_testing

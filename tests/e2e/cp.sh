#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# lunar cp, as a user who may nothing: LUNs, files and streams into each other, with their holes; and what goes wrong.
. "$(dirname "$0")/functions.sh"
. "$HERE/cp-functions.sh"

# Data, a hole, zeroes, data.
head -c 3M /dev/urandom >src
truncate -s 20M src
head -c 1M /dev/zero | dd of=src seek=20 bs=1M conv=notrunc status=none
head -c 2M /dev/urandom >>src
truncate -s 32M src
chmod 644 src

start_target a.img b.img big.img --size 32M
A=${URLS[0]} B=${URLS[1]}
try "a file to a LUN" lcp src "$A"
says "it says what was done" "^copied 32\.0 MiB in .* of data, .* of zeroes"
same "it is there" src a.img
of_data "with its holes" a.img 7000
try "a LUN to a LUN" lcp "$A" "$B" --json
same "it is there, too" src b.img
holds "with its holes" 'r["bytes"] == 32 << 20 and r["written"] < 8 << 20 and r["written"] + r["zeroed"] == 32 << 20'
try "a LUN to a new file" lcp "$B" mine/out.img --json
same "which is the same" src mine/out.img
of_data "and has holes" mine/out.img 7000
holds "what came is told" 'r["source"].startswith("iscsi://127") and r["flushed"] == 32 << 20 and "error" not in r'
try "once more, over what is there" lcp "$A" mine/out.img --depth 2 --block-size 64k --sparse never
same "all of it" src mine/out.img

# --- what was there before is gone where the source has holes
head -c 32M /dev/urandom >full
chmod 644 full
try "a LUN full of data" lcp full "$B"
same "is that" full b.img
try "gets one with holes" lcp "$A" "$B" --json
same "and has what that has" src b.img
of_data "not more" b.img 7000
try "again: what is no more mapped needs no command" lcp "$A" "$B" --verify --json
holds "it is compared" 'r["verified"] == 32 << 20'
lcp full "$B" --quiet
try "zeroes are looked for, when told" lcp mine/out.img "$B" --sparse always --json
holds "in what has no holes" 'r["written"] < 8 << 20'
same "all is well" src b.img

# --- streams
lcp "$A" - 2>"$T/err" >mine/stream
is "to a stream" $? 0
same "all of it" src mine/stream
says "it talks on the other one" "^copied 32\.0 MiB" "$T/err"
lcp full "$B" --quiet
# shellcheck disable=SC2002
cat src | lcp - "$B" >"$T/out" 2>&1
is "from a stream" "$?" 0
same "all of that" src b.img
of_data "zeroes became holes" b.img 7000
# shellcheck disable=SC2002
cat src | lcp - mine/from-stream --quiet
same "a stream to a file, with a hole at its end" src mine/from-stream
of_data "and its holes" mine/from-stream 7000
head -c 1000 full | lcp - "$B" --quiet
head -c 1000 full >short
head -c 1000 b.img >short-there
same "a short one" short short-there
head -c 33M /dev/urandom | lcp - "$B" >"$T/out" 2>&1
is "a stream that does not fit" "${PIPESTATUS[1]}" 40
says "it says so" "it does not fit: the source goes on"
lcp "$A" - 2>"$T/out" | head -c 100000 >/dev/null
is "a reader that goes away" "${PIPESTATUS[0]}" 43
says "is told of" "its reader has gone"

# --- what cannot be
truncate -s 33M mine/large
code 40 "a source that is too large" mine/large "$B"
says "it says by how much" "the source has 34603008 bytes, iscsi://.* has 33554432"
code 2 "the same LUN" "$A" "$A"
code 2 "the same file" mine/out.img mine/../mine/out.img
code 2 "a directory" "$A" mine
code 2 "no target" "iscsi://$PORTAL" mine/x
code 2 "a stream cannot be compared" "$A" - --verify
code 30 "no such LUN" "iscsi://$PORTAL/$IQN/9" mine/x
is "no file is left of that" "$(find mine -name x)" ""
code 43 "no such file" mine/nothing "$B"
says "it says which" "mine/nothing: No such file"
[ -z "$PLAIN" ] || chown 65534 big.img
code 41 "an image that is served is in use" "$A" big.img
says "it says why" "another program has locked it"
stop_target
code 13 "nobody there" "$A" mine/x --json
holds "with the reason" 'r["error"]["reason"] == "refused" and r["error"]["code"] == 13'
done_testing

#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# lunar cp that is killed, ended by a signal, or loses its target, and goes on; and what it finds when it compares.
. "$(dirname "$0")/functions.sh"
. "$HERE/cp-functions.sh"

SLOW=(--depth 1 --block-size 4k --sparse never --flush 1)
JOURNAL=$T/mine/journal
head -c 8M /dev/urandom >piece
for _ in $(seq 24); do cat piece; done >src
chmod 644 src
SIZE=$(stat -c %s src)

# begin NAME...: a slow copy with a journal, until that says that something is durable. Sets COPY.
begin() {
	rm -f "$JOURNAL"
	# shellcheck disable=SC2086
	$PLAIN "$PLAIN_LUNAR" cp "$@" "${SLOW[@]}" --resume --journal "$JOURNAL" --json >"$T/out" 2>&1 &
	COPY=$!
	CLIENTS+=("$COPY")
	wait_for 60 grep -q '"done": [1-9]' "$JOURNAL"
}

start_target disk.img --size "$SIZE" --portal "127.0.0.1:$("$HERE/free-port.py")"

# --- killed
begin src "$URL"
kill -KILL "$COPY"
wait "$COPY" 2>/dev/null
done=$(grep -o '"done": [0-9]*' "$JOURNAL" | tr -dc 0-9)
try "a copy that was killed goes on" lcp src "$URL" --resume --journal "$JOURNAL" --verify --json
holds "where it was durable" "r['resumed_from'] == $done and 0 < $done < $SIZE"
holds "and does the rest only" "r['written'] == $SIZE - $done and r['verified'] == $SIZE"
same "all is there" src disk.img
is "the journal has gone" "$(find mine -name 'journal*')" ""

# --- a signal
begin src "$URL"
kill -TERM "$COPY"
wait "$COPY"
is "a signal ends it" $? 143
holds "it says how far it came" "0 < r['flushed'] < $SIZE and r['error']['reason'] == 'stopped'"
holds "which is what the journal says" "r['flushed'] == json.load(open('$JOURNAL'))['done']"
cp "$JOURNAL" kept
try "and it goes on" lcp src "$URL" --resume --journal "$JOURNAL" --json
holds "there" "r['resumed_from'] == json.load(open('kept'))['done']"

# --- what is not the same copy
restore() {
	cp kept "$JOURNAL"
	[ -z "$PLAIN" ] || chown 65534 "$JOURNAL"
}
restore
touch src
code 44 "a source that was changed" src "$URL" --resume --journal "$JOURNAL"
says "is refused" "another source, or of one that was changed"
code 44 "another destination" src mine/file --resume --journal "$JOURNAL"
is "is not even made" "$(find mine -name file)" ""
echo damaged >"$JOURNAL"
code 44 "a damaged journal" src "$URL" --resume --journal "$JOURNAL"
says "is told of" "no journal of a copy, or damaged"
rm "$JOURNAL"
code 2 "a LUN has no place beside it" src "$URL" --resume
code 44 "a journal that cannot be" src "$URL" --resume --journal "$T/nowhere/journal"

# --- compared
begin src "$URL"
kill -KILL "$COPY"
wait "$COPY" 2>/dev/null
printf 'not this' | dd of=disk.img bs=1 seek=4321 conv=notrunc status=none
code 42 "a difference is found" src "$URL" --resume --journal "$JOURNAL" --verify
says "and where it is" "differ, first at offset 432[1-8]$"

# --- to a file
begin "$URL" mine/back.img
kill -KILL "$COPY"
wait "$COPY" 2>/dev/null
mv "$JOURNAL" mine/back.img.lunar-cp
try "to a file, with the journal beside it" lcp "$URL" mine/back.img --resume --json
holds "which went on" "r['resumed_from'] > 0"
same "and is the same" disk.img mine/back.img
is "nothing else is left" "$(find mine -name '*lunar-cp*')" ""
rm mine/back.img

# --- a target that is restarted in the middle
begin src "$URL"
stop_target KILL
start_target disk.img --portal "$PORTAL"
wait "$COPY"
is "a restarted target is waited for" $? 0
holds "the session came back" "r['reconnects'] >= 1"
same "nothing is lost" src disk.img
begin "$URL" mine/back.img
stop_target KILL
start_target disk.img --portal "$PORTAL"
wait "$COPY"
is "one that is read, too" $? 0
same "and nothing is lost" src mine/back.img

# --- and has another disk then
mkdir other
truncate -s "$SIZE" other/disk.img
begin src "$URL"
stop_target KILL
start_target other/disk.img --target "$IQN" --portal "$PORTAL"
wait "$COPY"
is "another disk is not written to" $? 34
holds "the reason is told" "r['error']['reason'] == 'other-disk' and 'another disk' in r['error']['message']"
is "nothing was" "$(tr -d '\000' <other/disk.img | head -c 1 | wc -c)" 0
code 44 "nor by a copy that goes on" src "$URL" --resume --journal "$JOURNAL"
is "still nothing" "$(tr -d '\000' <other/disk.img | head -c 1 | wc -c)" 0
stop_target

# --- nobody comes back
start_target disk.img --portal "$PORTAL"
begin src "$URL?outage=1"
stop_target KILL
wait "$COPY"
code=$?
# Nobody listens any more, or, when it was not tried again in that time, the connection is lost.
case $code in 13 | 25) code=well ;; esac
is "an outage that is longer than it may be" "$code" well
holds "the journal is good" "0 < r['flushed'] == json.load(open('$JOURNAL'))['done']"
start_target disk.img --portal "$PORTAL"
try "it goes on the next day" lcp src "$URL?outage=1" --resume --journal "$JOURNAL"
same "to the end" src disk.img
stop_target
done_testing

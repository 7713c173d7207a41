#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# lunar bench, as a user who may nothing: every kind of load, what it says, and what it finds with --verify.
. "$(dirname "$0")/functions.sh"
need python3

plain_user
bench() { # OPTION...
	# shellcheck disable=SC2086 # it is words
	timeout 60 $PLAIN "$PLAIN_LUNAR" bench "$@"
}
# code CODE NAME OPTION...: it fails with that exit code.
code() { ends_with "$1" "$2" bench "${@:3}"; }
# holds NAME EXPRESSION: of python, where r is the JSON in $T/out and j the one job of it.
holds() { json_holds "$1" "$2" 'j = r.get("jobs", [None])[0]'; }

start_target disk.img --size 16M
before=$(cksum <disk.img)
try "reads" bench "$URL" --runtime 0.3
says "what it does, on which disk" "^randread, bs 4k, iodepth 32, 1 job: LUNAR VIRTUAL-DISK .*16\.0 MiB$"
says "how many" "^read: [0-9.]+k? IOPS, .*iB/s; .* commands"
says "how long they took" "within:  50% .*, 99.99% "
says "and what of the processor that was" "^processor: .*commands in a second of it"
try "in sequence, several sessions and threads" bench "$URL" --rw read --bs 64k --numjobs 4 --threads 2 --runtime 0.3
is "nothing was written by that" "$(cksum <disk.img)" "$before"

# --- JSON, in fio's words
try "as JSON" bench "$URL" --rw randread --runtime 0.5 --ramp_time 0.2 --iodepth 4 --json
holds "fio's names are there" 'j["read"]["iops"] > 0 and j["read"]["bw_bytes"] > j["read"]["bw"] > 0 and j["error"] == 0'
holds "and its percentiles" 'sorted(p := list(j["read"]["clat_ns"]["percentile"].values())) == p and len(p) == 17'
holds "which are within what was measured" \
	'j["read"]["lat_ns"]["min"] <= j["read"]["lat_ns"]["mean"] <= j["read"]["lat_ns"]["max"]'
holds "bytes and commands agree" 'j["read"]["io_bytes"] == 4096 * j["read"]["total_ios"] == 4096 * j["read"]["lat_ns"]["N"]'
holds "the ramp is not in it" '400 <= j["read"]["runtime"] <= 600'
holds "nothing was written" 'j["write"]["total_ios"] == 0'
holds "the disk's size" 'r["disk"]["blocks"] == 32768'

# --- rates
try "so many a second" bench "$URL" --rate_iops 500 --runtime 1 --json
holds "and no more" '400 <= j["read"]["iops"] <= 560'
try "so many bytes a second, of each job" bench "$URL" --rate 2M --numjobs 2 --runtime 1 --json
holds "and no more of these" '3.2e6 <= j["read"]["bw_bytes"] <= 4.8e6'

# --- consent
code 2 "who does not say --write writes nothing" "$URL" --rw write --runtime 0.2
says "and is told" "writes over what is on the disk; with --write it does"
is "nothing was written indeed" "$(cksum <disk.img)" "$before"
code 2 "nor by a mixed load" "$URL" --rw randrw --runtime 0.2

# --- once, all of it
try "a write of all of it" bench "$URL" --write --rw write --bs 64k --runtime 0 --json
holds "is as many bytes as there are" 'j["write"]["io_bytes"] == 16 << 20 and j["read"]["io_bytes"] == 0'
try "a part of it" bench "$URL" --rw read --bs 4k-32k --offset 1M --size 2M --runtime 0 --json
holds "is as many as it has" '2 << 20 <= j["read"]["io_bytes"] <= (2 << 20) + 32 * 32768'
try "a mixed load" bench "$URL" --write --rw randrw --rwmixread 80 --runtime 0.3 --json
holds "is mixed" '0.75 < j["read"]["total_ios"] / (j["read"]["total_ios"] + j["write"]["total_ios"]) < 0.85'

# --- verify
try "what is written is read back" bench "$URL" --write --rw randwrite --bs 4k-16k --size 8M --numjobs 2 --runtime 0.5 --verify
says "and right" "^verify: [0-9]+ blocks were as they should be$"
try "a mixed one, with all looked at" bench "$URL" --write --rw randrw --size 1M --iodepth 64 --runtime 0.5 --verify
try "with hardly a place to write to" bench "$URL" --write --rw randrw --size 16k --iodepth 16 --runtime 0.2 --verify
try "all of the disk" bench "$URL" --write --rw write --bs 32k --runtime 0 --verify
says "each block" "^verify: 512 blocks"
try "is there for another run" bench "$URL" --rw read --bs 32k --runtime 0 --verify
says "each of them" "^verify: 512 blocks"
printf x | dd of=disk.img bs=1 seek=3000000 conv=notrunc status=none
code 1 "a byte that has changed is found" "$URL" --rw read --bs 32k --runtime 0 --verify
says "and where, and who wrote it" "at offset 2981888 there is a wrong checksum; it says: write 1 of job 0 in run"
dd if=disk.img of=disk.img bs=32k skip=3 seek=9 count=1 conv=notrunc status=none
code 1 "a block in the wrong place, too" "$URL" --rw read --bs 32k --size 1M --runtime 0 --verify --json
holds "in JSON" 'r["error"]["code"] == 1 and "at offset 294912 there is the block of offset 98304" in r["error"]["message"]'
code 1 "what was never written to be verified" "$URL" --rw randread --bs 8k --runtime 1 --verify
says "is told" "(nothing that was written to be verified|a block of 32768 bytes, not of 8192)"

# --- a signal
# shellcheck disable=SC2086
timeout 60 $PLAIN "$PLAIN_LUNAR" bench "$URL" --runtime 60 >"$T/out" 2>&1 &
pid=$!
CLIENTS+=("$pid")
wait_for 20 grep -q "^randread" "$T/out"
sleep 0.3
kill $pid # by timeout to the program
wait $pid
is "a signal ends it well" $? 0
says "with what there was until then" "^read: .* IOPS"

# --- what cannot be
code 2 "more than the disk has" "$URL" --size 1G
says "it says so" "the disk has 16777216 bytes"
code 2 "no multiple of a block" "$URL" --bs 1000
says "it says that" "blocks of 512 bytes"
code 2 "more jobs than there is room" "$URL" --bs 1M --numjobs 20
code 2 "no LUN" "${URL%/*}"
says "that it needs one" "needs a target and a LUN"
code 2 "no setting" "$URL?nothing=1"
code 30 "no such LUN" "${URL%/*}/7"
code 20 "no such target" "iscsi://$PORTAL/$IQN.not/0"
stop_target
code 13 "nobody there" "$URL"
says "it says who is not" "nobody listens"
code 13 "and as JSON" "$URL" --json
holds "with the reason" 'r["error"]["reason"] == "refused"'

# --- secrets; write protection
umask 077
echo correct-horse-1 >secret
[ -z "$PLAIN" ] || chown 65534 secret
start_target disk.img --readonly --chap alice --chap-secret-file secret
umask 022
try "CHAP, by a file" bench "$URL" --user alice --password-file "$T/secret" --runtime 0.2
export LUNAR_CHAP_SECRET=wrong-horse-12
code 16 "a wrong secret" "$URL" --user alice --runtime 0.2
export LUNAR_CHAP_SECRET=correct-horse-1
code 1 "a disk that is write protected" "$URL" --user alice --write --rw write --runtime 0.2
says "it says that" "write protected"
unset LUNAR_CHAP_SECRET
stop_target

# --- a target that is restarted in the middle
start_target disk.img --portal "127.0.0.1:$("$HERE/free-port.py")"
bench "$URL" --write --rw randrw --size 4M --runtime 4 --verify --json >"$T/out" 2>"$T/err" &
pid=$!
CLIENTS+=("$pid")
sleep 1
stop_target KILL
start_target disk.img --portal "$PORTAL"
wait $pid
is "a restarted target is waited for" $? 0
holds "and nothing is lost" 'j["reconnects"] >= 1 and j["verified"] > 0 and j["error"] == 0'
stop_target
done_testing

# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034 # what is set here is used there
# For the end-to-end scripts: TAP, a target on a free port, and an end that leaves nothing behind.
#
#   . "$(dirname "$0")/functions.sh"
#   need iscsi-inq
#   start_target disk.img --size 64M
#   try "INQUIRY answers" iscsi-inq "$URL"
#   done_testing
#
# $LUNAR is the program. Each script works in a directory of its own, $T, which is also the current
# directory, and has a state directory of its own.

set -u -o pipefail

LUNAR=$(realpath "${LUNAR:-$(dirname "${BASH_SOURCE[0]}")/../../build/lunar}")
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
T=$(mktemp -d "${TMPDIR:-/tmp}/lunar-e2e.XXXXXX")
chmod 755 "$T"
cd "$T" || exit 1
export HOME=$T XDG_STATE_HOME=$T/.state TMPDIR=$T LC_ALL=C
LIMIT=60	# seconds that one client command may take
PATIENCE=1	# and that a client in the background has to end when it is told to
CASES=0
TARGETS=()	# processes of this script's targets
CLIENTS=()	# and of clients in the background
INITIATOR=iqn.2026-01.test.lunar:e2e

cleanup() {
	local pid
	for pid in "${CLIENTS[@]}"; do
		kill "$pid" 2>/dev/null
	done
	for pid in "${TARGETS[@]}"; do
		kill -KILL "$pid" 2>/dev/null
	done
	wait
	cd /
	rm -rf "$T"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# --- TAP -----------------------------------------------------------------------------------------

# diag [FILE...]: shows text as comments.
diag() {
	cat "$@" | tr -d '\000' | head -c 20000 | sed 's/^/# /; $a\'
}

ok() {
	CASES=$((CASES + 1))
	echo "ok $CASES - $1"
}

# not_ok NAME [FILE...]: the files are shown.
not_ok() {
	CASES=$((CASES + 1))
	echo "not ok $CASES - $1"
	shift
	[ $# -eq 0 ] || diag "$@"
	[ ! -s "$T/target.err" ] || { echo "# the target said:"; tail -30 "$T/target.err" | diag; }
}

skip() {
	CASES=$((CASES + 1))
	echo "ok $CASES - $1 # SKIP $2"
}

skip_all() {
	echo "1..0 # SKIP $*"
	exit 0
}

done_testing() {
	echo "1..$CASES"
	exit 0
}

# need TOOL...: without them the script has nothing to do.
need() {
	local tool
	for tool; do
		type -P "$tool" >/dev/null || skip_all "$tool is not installed"
	done
}

# need_program NAME...: what meson builds for these scripts. Sets $SWARM for `swarm`, and so on.
need_program() {
	local name
	for name; do
		[ -x "$(dirname "$LUNAR")/tests/e2e/$name" ] || skip_all "$name has not been built"
		declare -g "${name^^}=$(dirname "$LUNAR")/tests/e2e/$name"
	done
}

# run COMMAND...: with a time limit unless it is a function; its output goes to $T/out.
run() {
	if [ "$(type -t "$1")" = function ]; then
		"$@" >"$T/out" 2>&1
	else
		timeout -k 5 "$LIMIT" "$@" >"$T/out" 2>&1 </dev/null
	fi
}

# try NAME COMMAND...: the command must succeed.
try() {
	local name=$1 code
	shift
	run "$@"
	code=$?
	if [ "$code" -eq 0 ]; then
		ok "$name"
	else
		echo "exit code $code of: $*" >>"$T/out"
		not_ok "$name" "$T/out"
	fi
}

# try_fails NAME COMMAND...: the command must fail by itself: no signal, no time limit.
try_fails() {
	local name=$1 code
	shift
	run "$@"
	code=$?
	if [ "$code" -gt 0 ] && [ "$code" -lt 124 ]; then
		ok "$name"
	else
		echo "exit code $code of: $*" >>"$T/out"
		not_ok "$name" "$T/out"
	fi
}

# says NAME REGEX [FILE]: the last command's output (or the file) has a line that matches.
says() {
	if grep -Eq -- "$2" "${3:-$T/out}"; then
		ok "$1"
	else
		echo "# no line matches $2"
		not_ok "$1" "${3:-$T/out}"
	fi
}

# is NAME GOT EXPECTED
is() {
	if [ "$2" = "$3" ]; then
		ok "$1"
	else
		not_ok "$1" <(printf 'got      %s\nexpected %s\n' "$2" "$3")
	fi
}

# --- targets -------------------------------------------------------------------------------------

# wait_for SECONDS COMMAND...: until the command succeeds.
wait_for() {
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.05
	done
}

# True when the process has ended (a zombie has).
ended() {
	local state
	state=$(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -c1)
	[ -z "$state" ] || [ "$state" = Z ]
}

ready() {
	grep -q '^iscsi://' "$T/target.out" || ended "$TARGET_PID"
}

# spawn_target ARGUMENT...: a target that will listen on a port of its own choice, unless the
# arguments say where. Sets TARGET_PID. TARGET_WRAP is put before the command.
spawn_target() {
	local portal=(--portal 127.0.0.1:0)
	case " $* " in *" --portal"*) portal=() ;; esac
	: >"$T/target.out"
	: >"$T/target.err"
	${TARGET_WRAP:-} "$LUNAR" serve "$@" "${portal[@]}" >"$T/target.out" 2>"$T/target.err" </dev/null &
	TARGET_PID=$!
	TARGETS+=("$TARGET_PID")
}

# start_target ARGUMENT...: the same, until it is ready. Sets URLS (one for each LUN), and of the
# first one URL, PORTAL (address:port), PORT, IQN; SERVER, see below. A target that does not start ends the script.
start_target() {
	spawn_target "$@"
	wait_for 60 ready # a thousand new disks take their time
	mapfile -t URLS < <(grep -o '^iscsi://[^ ]*' "$T/target.out")
	if [ ${#URLS[@]} -eq 0 ]; then
		cat "$T/target.out" "$T/target.err" >"$T/out"
		not_ok "the target starts with: $*" "$T/out"
		done_testing
	fi
	URL=${URLS[0]}
	PORTAL=${URL#iscsi://}
	PORTAL=${PORTAL#*@}
	IQN=${PORTAL#*/}
	IQN=${IQN%%/*}
	PORTAL=${PORTAL%%/*}
	PORT=${PORTAL##*:}
	SERVER=$(server_pid)
}

# stop_target [SIGNAL] [SECONDS]: TERM unless told. Sets STATUS, its exit code. Fails when it does
# not end in time (it is killed then).
stop_target() {
	local in_time=0
	kill "-${1:-TERM}" "$TARGET_PID" 2>/dev/null
	if ! wait_for "${2:-35}" ended "$TARGET_PID"; then
		kill -KILL "$TARGET_PID"
		in_time=1
	fi
	wait "$TARGET_PID" 2>/dev/null
	STATUS=$?
	return $in_time
}
# The target, which is built with ThreadSanitizer, ends, and it has seen nothing.
ends_without_a_race() {
	stop_target
	is "the target ends well" "$STATUS" 0
	if grep -q ThreadSanitizer target.err; then
		not_ok "no race"
		diag target.err
	else
		ok "no race"
	fi
}

# The process that faces the network: the target's child, or, without a sandbox, itself.
server_pid() {
	local stat pid
	for stat in /proc/[0-9]*/stat; do
		pid=$(sed -n "/(lunar-opener)/d; s/^\([0-9]*\) (.*) [A-Z] $TARGET_PID .*/\1/p" "$stat" 2>/dev/null)
		[ -z "$pid" ] || { echo "$pid"; return; }
	done
	echo "$TARGET_PID"
}

alive() {
	! ended "$TARGET_PID"
}

resident() { # KiB
	awk '/^VmRSS/ { print $2 }' "/proc/$SERVER/status"
}

descriptors() {
	find "/proc/$SERVER/fd" -mindepth 1 2>/dev/null | wc -l
}

# --- the daemon -----------------------------------------------------------------------------------

# start_daemon OPTION...: lunar-targetd with its state in $T/state, until it is ready or has ended. Sets
# TARGET_PID and SERVER as above; its log is $T/target.err. TARGET_WRAP is put before it.
start_daemon() {
	: >"$T/target.err"
	: >"$T/target.out"
	${TARGET_WRAP:-} "$(dirname "$LUNAR")/lunar-targetd" --state "$T/state" "$@" 2>"$T/target.err" </dev/null &
	TARGET_PID=$!
	TARGETS+=("$TARGET_PID")
	wait_for 30 daemon_ready
	SERVER=$(server_pid)
}

daemon_ready() {
	grep -q 'ready:' "$T/target.err" || ended "$TARGET_PID"
}

# control METHOD [JSON]: a call on its control socket.
control() {
	"$HERE/control.py" "$T/state/target.sock" "$@"
}

# --- clients -------------------------------------------------------------------------------------

# libiscsi's tools connect anew for as long as they live when a target goes away, or lets them wait.
iscsi-inq() { timeout -k 5 "$LIMIT" iscsi-inq "$@"; }
iscsi-ls() { timeout -k 5 "$LIMIT" iscsi-ls "$@"; }

# io URL COMMAND...: qemu-io commands on a LUN. With IO_OPTIONS (a list), options of qemu-io.
io() {
	local url=$1 args=() c
	shift
	for c; do args+=(-c "$c"); done
	timeout -k 5 "$LIMIT" qemu-io -f raw ${IO_OPTIONS[@]+"${IO_OPTIONS[@]}"} "${args[@]}" "$url" </dev/null
}

# io_lun OPTIONS COMMAND...: the same for a LUN given by qemu's options instead of a URL, added to
# portal, target and LUN 0.
io_lun() {
	local options=$1 args=() c
	shift
	for c; do args+=(-c "$c"); done
	timeout -k 5 "$LIMIT" qemu-io ${IO_OPTIONS[@]+"${IO_OPTIONS[@]}"} "${args[@]}" --image-opts \
		"driver=iscsi,transport=tcp,portal=$PORTAL,target=$IQN,lun=0${options:+,$options}" </dev/null
}

# start_client LOG COMMAND...: in the background, its input from here. Sets CLIENT.
start_client() {
	local log=$1
	shift
	: >"$log" # now, or what an earlier client said would be read
	timeout -k "$PATIENCE" "$LIMIT" stdbuf -oL "$@" >"$log" 2>&1 <&0 &
	CLIENT=$!
	CLIENTS+=("$CLIENT")
}

# stop_client: ends the last one. SIGTERM goes through `timeout` to the client itself.
stop_client() {
	kill "$CLIENT" 2>/dev/null
	wait "$CLIENT" 2>/dev/null
}

# plain_user: sets PLAIN, words that make a command one of a user who may nothing, and PLAIN_LUNAR, which he can run.
plain_user() {
	PLAIN=
	PLAIN_LUNAR=$LUNAR
	if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null; then
		PLAIN_LUNAR=$T/plain
		cp "$LUNAR" "$PLAIN_LUNAR" && chmod 755 "$PLAIN_LUNAR"
		PLAIN="setpriv --reuid=65534 --regid=65534 --clear-groups"
	fi
}

# ends_with CODE NAME COMMAND...: with that exit code; what it says is in $T/out.
ends_with() {
	local want=$1 name=$2
	shift 2
	"$@" >"$T/out" 2>&1
	is "$name" "$?" "$want"
}

# json_holds NAME EXPRESSION [SETTING]: of python, where r is the JSON in $T/out, and what SETTING makes of it.
json_holds() {
	if python3 -c 'import json, sys
r = json.load(open(sys.argv[1]))
exec(sys.argv[3])
sys.exit(not eval(sys.argv[2]))' "$T/out" "$2" "${3:-}" 2>"$T/err"; then
		ok "$1"
	else
		not_ok "$1" "$T/out" "$T/err"
	fi
}

# configure ARGUMENT...: of `lunar target`; the script goes on if it fails, which is noted.
configure() {
	"$LUNAR" target "$@" >>"$T/admin.log" 2>&1 </dev/null || not_ok "lunar target $*" "$T/admin.log"
}

# start_daemon_for INITIATOR: one target that has an ACL for that one; sets IQN and PORTAL.
start_daemon_for() {
	export LUNAR_TARGET_SOCKET=$T/state/target.sock
	start_daemon
	IQN=iqn.2026-11.org.example:acl
	PORTAL=127.0.0.1:$("$HERE/free-port.py")
	configure set global auto_add_default_portal=false
	configure create disk acl.img 64M
	configure /iscsi create $IQN
	configure /iscsi/$IQN/tpg1/luns create /backstores/fileio/acl
	configure /iscsi/$IQN/tpg1/portals create 127.0.0.1 "${PORTAL#*:}"
	configure /iscsi/$IQN/tpg1/acls create "$1"
}

# fake KIND...: a portal that is none. Sets FAKE, its address.
fake() {
	: >"$T/fake.out"
	"$HERE/fake-portal.py" "$@" >"$T/fake.out" 2>"$T/fake.err" &
	CLIENTS+=("$!")
	wait_for 20 grep -q . "$T/fake.out"
	FAKE=127.0.0.1:$(cat "$T/fake.out")
}

# --- Debian's tgt

TGT_IQN=iqn.2026-01.test.lunar:tgt
TGT_CONTROL=$(($$ % 30000 + 100))

tgt_admin() {
	timeout 10 tgtadm -C $TGT_CONTROL --lld iscsi "$@"
}

tgt_answers() { tgt_admin --op show --mode sys; }

# start_tgt [SIZE]: it serves tgt.img, as LUN 1, to all; again the same after it has ended. Sets TGT_PID, TGT_PORTAL.
start_tgt() {
	[ -e tgt.img ] || truncate -s "${1:-64M}" tgt.img
	: "${TGT_PORTAL:=127.0.0.1:$("$HERE/free-port.py")}"
	tgtd -f -C $TGT_CONTROL --iscsi portal="$TGT_PORTAL" >>tgtd.log 2>&1 </dev/null &
	TGT_PID=$!
	TARGETS+=("$TGT_PID")
	wait_for 20 tgt_answers
	tgt_admin --op new --mode target --tid 1 -T $TGT_IQN &&
		tgt_admin --op new --mode logicalunit --tid 1 --lun 1 -b "$T/tgt.img" &&
		tgt_admin --op bind --mode target --tid 1 -I ALL
}

stop_tgt() {
	tgt_admin --op delete --force --mode target --tid 1
	tgtadm -C $TGT_CONTROL --op delete --mode system
}

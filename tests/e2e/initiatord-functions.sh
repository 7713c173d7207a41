# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034 # what is set here is used there
# For the scripts about lunar-initiatord, after functions.sh: daemons that end with the script, and their commands.

INITIATORS=()
MOUNTED=
trap 'finish' EXIT
finish() {
	local pid
	[ -z "$MOUNTED" ] || umount -l "$MOUNTED" 2>/dev/null
	for pid in ${INITIATORS[@]+"${INITIATORS[@]}"}; do
		ended "$pid" || { kill "$pid"; wait_for 20 ended "$pid" || kill -KILL "$pid"; }
	done
	for pid in $(holders); do
		kill -KILL "$pid"
	done
	cleanup
}

# holders: what keeps descriptors for daemons of this script; its first one is the daemon's directory.
holders() {
	local pid
	for pid in $(pgrep -x lunar-holder); do
		case $(readlink "/proc/$pid/fd/0") in "$T"/*) echo "$pid" ;; esac
	done
}

# start_initiator NAME OPTION...: sets DAEMON, its process, and LUNAR_INITIATOR_SOCKET; its log is NAME.err.
start_initiator() {
	local name=$1
	shift
	: >"$T/$name.err"
	${INITIATOR_WRAP:-} "$(dirname "$LUNAR")/lunar-initiatord" --foreground --state "$T/$name" "$@" \
		2>>"$T/$name.err" </dev/null &
	DAEMON=$!
	INITIATORS+=("$DAEMON")
	export LUNAR_INITIATOR_SOCKET=$T/$name/initiator.sock
	wait_for 30 initiator_ready "$name"
}
initiator_ready() {
	grep -q 'ready:' "$T/$1.err" || ended "$DAEMON"
}
# its_child: the process that faces the network.
its_child() {
	sed -n "s/^\([0-9]*\) (.*) [A-Y] $DAEMON .*/\1/p" /proc/[0-9]*/stat 2>/dev/null | head -1
}
lunar() {
	timeout -k 5 "$LIMIT" "$LUNAR" "$@" </dev/null
}
# fails_with CODE NAME REGEX ARGUMENT...
fails_with() {
	local expected=$1 name=$2 regex=$3 code
	shift 3
	lunar "$@" >"$T/out" 2>&1
	code=$?
	is "$name: exit code" "$code" "$expected"
	says "$name: and why" "$regex"
}
# ask METHOD [JSON]: a call on the initiator's control socket.
ask() {
	"$HERE/control.py" "$LUNAR_INITIATOR_SOCKET" "$@"
}

# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034 # what is set here is used there
# A disk that is attached by `attach_disk`, for scripts that have read functions.sh. What they leave attached is
# detached at their end.

ATTACH_PID=

# attach_start ARGUMENT...: until it is ready. Sets ATTACHED, the path, and ATTACH_PID. $ATTACH_WRAP is put before.
# One that does not start ends the script.
attach_start() {
	rm -f "$T/commands"
	mkfifo "$T/commands"
	exec 9<>"$T/commands"
	: >"$T/attach.log"
	# Without the descriptor that keeps its input open: when this script ends, so does the input.
	${ATTACH_WRAP:-} "$ATTACH_DISK" "$@" <"$T/commands" >>"$T/attach.log" 2>&1 9>&- &
	ATTACH_PID=$!
	wait_for 20 attach_is_up
	ATTACHED=$(sed -n 's/^ready //p' "$T/attach.log")
	if [ -z "$ATTACHED" ]; then
		not_ok "a disk is attached: $*" "$T/attach.log"
		attach_kill
		done_testing
	fi
}

attach_is_up() {
	grep -q '^ready ' "$T/attach.log" || ended "$ATTACH_PID"
}

attach_say() {
	echo "$1" >&9
	attach_heard "^did ${1%% *}" || sleep 0.2
}

# attach_heard REGEX: it has said so.
attach_heard() {
	wait_for 1 grep -Eq "$1" "$T/attach.log"
}

# attach_wait: for its end. Sets STATUS.
attach_wait() {
	if ! wait_for 20 ended "$ATTACH_PID"; then
		diag "$T/attach.log"
		kill -KILL "$ATTACH_PID"
	fi
	wait "$ATTACH_PID" 2>/dev/null
	STATUS=$?
	exec 9>&-
	ATTACH_PID=
}

# attach_end: detaches it. Sets STATUS.
attach_end() {
	echo detach >&9
	attach_wait
}

attach_kill() {
	[ -z "$ATTACH_PID" ] || ended "$ATTACH_PID" || { echo force >&9; attach_wait; }
}
trap 'attach_kill; cleanup' EXIT

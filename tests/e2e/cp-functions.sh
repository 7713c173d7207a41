# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034 # what is set here is used there
# For the scripts about lunar cp: it is run as a user who may nothing, in $T/mine that user may write.
need python3

plain_user
mkdir mine
[ -z "$PLAIN" ] || chown 65534:65534 mine
lcp() { # OPTION...
	# shellcheck disable=SC2086 # it is words
	timeout 60 $PLAIN "$PLAIN_LUNAR" cp "$@"
}
# code CODE NAME OPTION...: it ends with that exit code.
code() { ends_with "$1" "$2" lcp "${@:3}"; }
same() { # NAME FILE FILE
	if cmp "$2" "$3" >"$T/cmp" 2>&1; then ok "$1"; else not_ok "$1" "$T/cmp"; fi
}
# holds NAME EXPRESSION: of python, where r is the JSON in $T/out.
holds() { json_holds "$1" "$2"; }
# of_data NAME FILE KIB: it takes no more than that.
of_data() {
	local kib
	kib=$(du -k "$2" | cut -f1)
	if [ "$kib" -le "$3" ]; then ok "$1"; else not_ok "$1" <(echo "$kib KiB"); fi
}

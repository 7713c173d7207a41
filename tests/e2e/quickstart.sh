#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# What docs/quickstart.md shows is what happens: see guide.py. In a network of its own, where nobody else has port
# 3260.
. "$(dirname "$0")/functions.sh"
need python3 unshare ip iscsi-ls iscsi-readcapacity16 qemu-io
if [ "$(id -u)" = 0 ]; then how=-n; else how=-rn; fi
unshare $how true 2>/dev/null || skip_all "no network namespace may be made here"
[ "$LUNAR" = "$(realpath "$HERE/../../build/lunar")" ] || skip_all "the guide is about the program in build/"
mkdir -p home/lunar
: >target.err
# shellcheck disable=SC2016 # the inner shell's
unshare $how sh -c 'ip link set lo up
	"$1/lunar-targetd" --state "$2/lunar" 2>target.err </dev/null &
	until grep -q ready: target.err || ! kill -0 $!; do sleep 0.1; done
	"$3/guide.py" "$3/../../docs/quickstart.md" "$2"
	code=$?
	kill $!
	wait $!
	exit $code' - "$(dirname "$LUNAR")" "$T/home" "$HERE"
exit $?

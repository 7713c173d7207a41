#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# What docs/quickstart-initiator.md shows is what happens: see guide.py. In a network of its own, where nobody else has
# port 3260.
. "$(dirname "$0")/functions.sh"
need python3 unshare ip qemu-io
if [ "$(id -u)" = 0 ]; then how=-n; else how=-rn; fi
unshare $how true 2>/dev/null || skip_all "no network namespace may be made here"
[ "$LUNAR" = "$(realpath "$HERE/../../build/lunar")" ] || skip_all "the guide is about the program in build/"
mkdir -p home/lunar
(umask 077; printf '%s' a-secret-of-14 >home/lunar/secret)
: >target.err
: >initiator.err
# shellcheck disable=SC2016 # the inner shell's
unshare $how sh -c 'ip link set lo up
	"$1/lunar" serve "$2/lunar/disk.img" --size 1G --target iqn.2026-11.org.example:disk \
		--chap alice --chap-secret-file "$2/lunar/secret" >target.out 2>target.err </dev/null &
	target=$!
	"$1/lunar-initiatord" --state "$2/lunar-initiator" 2>initiator.err </dev/null &
	initiator=$!
	until grep -q ^iscsi: target.out || ! kill -0 $target; do sleep 0.1; done
	until grep -q ready: initiator.err || ! kill -0 $initiator; do sleep 0.1; done
	"$3/guide.py" "$3/../../docs/quickstart-initiator.md" "$2"
	code=$?
	kill $initiator
	wait $initiator
	kill $target
	wait $target
	exit $code' - "$(dirname "$LUNAR")" "$T/home" "$HERE"
exit $?

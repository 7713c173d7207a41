#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 300
# kernel: 6.1
# memory: 512
# The wire tests over sockets, with both engines, on the kernel that Debian 12 comes with.
. /lunar/tests/vm/guest/functions.sh
need_lunar
program=/lunar/build/tests/wire/wire_real_test
[ -x $program ] || skip_all "the wire tests have not been built"

# Both at once: they wait most of the time. Each has its own plan.
export CMOCKA_MESSAGE_OUTPUT=TAP
for engine in uring epoll; do
	LUNAR_ENGINE=$engine LUNAR_REACTORS=1 $program >$engine.tap 2>$engine.err &
	declare "pid_$engine=$!"
done
for engine in uring epoll; do
	pid=pid_$engine
	wait "${!pid}"
	is "the wire tests on $(uname -r) with $engine: exit code" $? 0
	echo "1..1"
	sed -E "s/^((not )?ok [0-9]+ - )/\1$engine: /" $engine.tap
	diag $engine.err
done

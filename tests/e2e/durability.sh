#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 900
# The target is killed with SIGKILL in the middle of things; what it acknowledged must be there.
# (Whether it reached stable storage, a power cut, is what tests/sim asks.)
. "$(dirname "$0")/functions.sh"
need qemu-io

start_target disk.img --size 64M
try "write and flush" io "$URL" "write -P 0x21 0 4M" "flush"
try "write with FUA" io "$URL" "write -f -P 0x22 8M 4M"
stop_target KILL
start_target disk.img
try "both are there after SIGKILL" io "$URL" "read -P 0x21 0 4M" "read -P 0x22 8M 4M"
stop_target

# Writes with FUA one after the other, until the target is killed under them. Each slot of 64 KiB
# is written with a pattern that the round chooses; those that qemu-io has reported are checked.
slots=8000
rounds=5
[ -z "${LUNAR_LONG:-}" ] || rounds=100
acknowledged() {
	sed -n 's/.*wrote \([0-9]*\)\/\1 bytes at offset \([0-9]*\)$/\2/p' writer.log
}
enough() {
	[ "$(acknowledged | wc -l)" -ge "$threshold" ]
}
truncate -s $((slots * 65536)) slots.img
for ((round = 1; round <= rounds; round++)); do
	for ((i = 0; i < slots; i++)); do
		echo "write -f -P $(((i * 7 + round * 31) % 255 + 1)) $((i * 65536)) $(((i % 16 + 1) * 4096))"
	done >commands
	start_target slots.img
	threshold=$((RANDOM % 1000 + 1))
	start_client writer.log qemu-io -f raw "$URL" <commands
	wait_for 30 enough
	stop_target KILL
	stop_client
	mapfile -t offsets < <(acknowledged)
	start_target slots.img
	checks=()
	for offset in "${offsets[@]}"; do
		i=$((offset / 65536))
		checks+=("read -P $(((i * 7 + round * 31) % 255 + 1)) $offset $(((i % 16 + 1) * 4096))")
	done
	if [ ${#checks[@]} -eq 0 ] || [ ${#checks[@]} -eq $slots ]; then
		not_ok "round $round: the kill came in the middle" writer.log
	else
		try "round $round: all ${#checks[@]} acknowledged writes are there" io "$URL" "${checks[@]}"
	fi
	stop_target
done
done_testing

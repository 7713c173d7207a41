# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034 # what is set here is used there
# For scenarios that run in a guest: what the end-to-end scripts have, and the kernel's initiator.
export TMPDIR=/var/tmp # on the disk: what is in memory there can be lost, and takes O_DIRECT
. /lunar/tests/e2e/functions.sh
TARGET_IQN=iqn.2026-11.org.example:store
TPG=/iscsi/$TARGET_IQN/tpg1
CLIENT_IQN=iqn.2026-11.org.example:client
ACL=$TPG/acls/$CLIENT_IQN
LIMIT=120	# a guest is slow

# What was built for a newer C library than the guest's cannot be tried in it.
need_lunar() {
	"$LUNAR" --version >"$T/version" 2>&1 ||
		skip_all "the programs do not run on the guest's Debian: $(head -1 "$T/version")"
}

# target [COMMAND...]: a command of the daemon's shell, or those of standard input.
# shellcheck disable=SC2120
target() {
	"$LUNAR" target --socket "$T/state/target.sock" "$@"
}

# start_store SIZE [ADDRESS...]: the daemon, with a thin fileio backstore, disk0, as LUN 0 of $TARGET_IQN, for
# $CLIENT_IQN; listening there, else on 127.0.0.1.
start_store() {
	local size=$1 address
	shift
	start_daemon
	[ $# -gt 0 ] || set -- 127.0.0.1
	{
		echo "/backstores/fileio create disk0 $T/disk0.img $size"
		echo "/backstores/fileio/disk0 set attribute emulate_tpu=1"
		echo "/iscsi create $TARGET_IQN"
		echo "$TPG/luns create /backstores/fileio/disk0"
		echo "$TPG/acls create $CLIENT_IQN"
		echo "$TPG/portals delete 0.0.0.0 3260"
		for address; do echo "$TPG/portals create $address"; done
		echo saveconfig
	} | target >"$T/store" 2>&1 && return
	not_ok "the target is configured" "$T/store"
	done_testing
}

# set_iscsid NAME VALUE: of /etc/iscsi/iscsid.conf, commented out or not.
set_iscsid() {
	local name=${1//[/\\[}
	sed -i "/^#\? *$name *=/d" /etc/iscsi/iscsid.conf
	echo "$1 = $2" >>/etc/iscsi/iscsid.conf
}

# start_iscsid NAME: the kernel's initiator, of that name.
start_iscsid() {
	echo "InitiatorName=$1" >/etc/iscsi/initiatorname.iscsi
	# A guest is slow: an answer to a ping may be as well.
	set_iscsid node.conn[0].timeo.noop_out_timeout 30
	modprobe -a iscsi_tcp sd_mod sg
	iscsid
	CLIENTS+=("$(tail -1 /run/iscsid.pid)")
}

# node NAME VALUE: of the record of our target.
node() {
	iscsiadm -m node -T "$TARGET_IQN" -o update -n "$1" -v "$2"
}

login() {
	iscsiadm -m node -T "$TARGET_IQN" --login
}

logout() {
	iscsiadm -m node -T "$TARGET_IQN" --logout
}

discover() {
	iscsiadm -m discovery -t sendtargets -p "${1-127.0.0.1}"
}

# disks IQN [LUN]: the kernel's names of a target's disks, without /dev/.
disks() {
	local link
	for link in /dev/disk/by-path/*"$1"-lun-"${2:-*}"; do
		case $link in *-part*) continue ;; esac
		[ ! -e "$link" ] || basename "$(readlink -f "$link")"
	done
}

# wait_disk IQN LUN: until it is there. Sets DISK (/dev/sdX) and NAME (sdX).
wait_disk() {
	wait_for 30 has_disk "$1" "$2" || return 1
	NAME=$(disks "$1" "$2")
	DISK=/dev/$NAME
}

has_disk() {
	[ -n "$(disks "$1" "$2")" ]
}

no_disk() {
	! has_disk "$1" "$2"
}

# A disk that verifies itself: fio's options for all of it, unless told otherwise.
verify() { # DISK [OPTION...]
	fio --name=verify --filename="$1" --direct=1 --ioengine=libaio --rw=randwrite --bs=16k --iodepth=8 \
		--verify=crc32c --verify_fatal=1 --do_verify=1 --randseed=7 --output-format=normal "${@:2}"
}

size_is() { # DISK BYTES
	[ "$(blockdev --getsize64 "$1")" -eq "$2" ]
}

# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034 # what is set here is used there
# Networks of the script's own, after initiatord-functions.sh: namespaces with veth pairs between them. Addresses are
# theirs alone, so all scripts may use the same ones; names have the script's process id.

NETS=()

# need_nets: without them the script has nothing to do.
need_nets() {
	need ip nsenter
	ip netns add "lunar-$$-try" >net.err 2>&1 || skip_all "no network namespaces: $(tail -1 net.err)"
	ip -n "lunar-$$-try" link add name one type veth peer name other >net.err 2>&1 || {
		ip netns del "lunar-$$-try"
		skip_all "no veth: $(tail -1 net.err)"
	}
	ip netns del "lunar-$$-try"
	trap 'finish; nets_end' EXIT
}
nets_end() {
	local net
	for net in ${NETS[@]+"${NETS[@]}"}; do
		ip netns del "$net"
	done
}

# net NAME: a namespace.
net() {
	ip netns add "$(name_of "$1")" && NETS+=("$(name_of "$1")")
	in_net "$1" ip link set lo up
}
name_of() {
	echo "lunar-$$-$1"
}
# What is put before a command to have it there.
into_net() {
	echo "nsenter --net=/run/netns/$(name_of "$1")"
}
in_net() {
	local net
	net=$(name_of "$1")
	shift
	nsenter --net="/run/netns/$net" "$@"
}

# wire A B N: between two of them; A has 10.9.N.1 on the interface toB-N, B 10.9.N.2 on toA-N.
wire() {
	ip -n "$(name_of "$1")" link add name "to$2-$3" type veth peer name "to$1-$3" netns "$(name_of "$2")"
	in_net "$1" ip addr add "10.9.$3.1/24" dev "to$2-$3"
	in_net "$2" ip addr add "10.9.$3.2/24" dev "to$1-$3"
	in_net "$1" ip link set "to$2-$3" up
	in_net "$2" ip link set "to$1-$3" up
}
# sever A B N, mend A B N: A's end.
sever() {
	in_net "$1" ip link set "to$2-$3" down
}
mend() {
	in_net "$1" ip link set "to$2-$3" up
}

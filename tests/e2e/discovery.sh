#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# SendTargets and REPORT LUNS as iscsi-ls asks for them; addresses; several LUNs.
. "$(dirname "$0")/functions.sh"
need iscsi-ls iscsi-readcapacity16 qemu-io

start_target a.img b.img c.img --size 64M
is "one address is printed for each LUN" "${#URLS[@]}" 3
try "discovery" iscsi-ls "iscsi://$PORTAL"
says "it names the target and its portal" "^Target:$IQN Portal:127\.0\.0\.1:$PORT,1$"
try "discovery that shows the LUNs" iscsi-ls -s "iscsi://$PORTAL"
for lun in 0 1 2; do
	says "it shows LUN $lun" "^Lun:$lun +Type:DIRECT_ACCESS \(Size:6[34]M\)"
done
is "it shows no LUN that is not there" "$(grep -c '^Lun:' "$T/out")" 3
for url in "${URLS[@]}"; do
	try "the printed address works: LUN ${url##*/}" iscsi-readcapacity16 -s "$url"
done
try_fails "a LUN that is not there is refused" iscsi-readcapacity16 -s "iscsi://$PORTAL/$IQN/7"
try_fails "a target that is not there is refused" \
	iscsi-readcapacity16 -s "iscsi://$PORTAL/iqn.2026-01.test.lunar:nobody/0"
stop_target

start_target a.img --target iqn.2026-01.test.lunar:named
try "discovery of a target with a given name" iscsi-ls "iscsi://$PORTAL"
says "it has that name" "^Target:iqn\.2026-01\.test\.lunar:named "
stop_target

if [ -e /proc/net/if_inet6 ] && grep -q '^0\{31\}1 ' /proc/net/if_inet6; then
	start_target a.img --portal '[::1]:0'
	try "discovery over IPv6" iscsi-ls -s "iscsi://$PORTAL"
	says "the portal is the IPv6 address" "^Target:$IQN Portal:\[::1\]:$PORT,1$"
	says "it shows the LUN" "^Lun:0 "
	try "I/O over IPv6" io "$URL" "write -P 0x66 0 1M" "read -P 0x66 0 1M"
	stop_target
else
	skip "IPv6" "this host has none"
fi

# A wildcard portal: what is listed must be what the asking side can reach.
start_target a.img --portal 0.0.0.0:0
try "discovery at a wildcard portal" iscsi-ls "iscsi://127.0.0.1:$PORT"
says "it names the address that was asked" "Portal:127\.0\.0\.1:$PORT,1$"
if grep -q "Portal:0\.0\.0\.0" "$T/out"; then
	not_ok "it does not name 0.0.0.0" "$T/out"
else
	ok "it does not name 0.0.0.0"
fi
done_testing

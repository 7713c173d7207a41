#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# `make install` puts everything in place, and `make uninstall` leaves nothing.
. "$(dirname "$0")/functions.sh"
need make meson ninja python3

BUILD_DIR=$(dirname "$LUNAR")
SOURCE=$(cd "$HERE/../.." && pwd)
export DESTDIR=$T/root
# As it is set up, so that nobody's build is changed.
prefix=$(meson introspect --buildoptions "$BUILD_DIR" |
	python3 -c 'import json, sys; print(next(o["value"] for o in json.load(sys.stdin) if o["name"] == "prefix"))')
P=$DESTDIR$prefix

build() { # GOAL
	make -C "$SOURCE" BUILD="$BUILD_DIR" "$1"
}

try "it is installed" build install
for file in bin/lunar sbin/lunar-targetd lib/lunar/targetcli lib/systemd/system/lunar-targetd.service lib/systemd/system/lunar-targetd.socket \
	lib/sysusers.d/lunar.conf lib/tmpfiles.d/lunar.conf \
	share/doc/lunar/strict.conf share/bash-completion/completions/lunar share/zsh/site-functions/_lunar \
	$(cd "$SOURCE/man" && for page in *.[0-9]; do echo "share/man/man${page##*.}/$page"; done); do
	try "$file is there" test -e "$P/$file"
done
try "each manual is one that is there" test "$(find "$P/share/man" -type f | wc -l)" -eq "$(find "$SOURCE/man" -type f | wc -l)"

version=$("$LUNAR" --version | sed 's/^lunar //')
is "lunar runs" "$("$P/bin/lunar" --version)" "lunar $version"
is "lunar-targetd runs" "$("$P/sbin/lunar-targetd" --version)" "lunar-targetd $version"
try "targetcli is lunar" "$P/lib/lunar/targetcli" --version
says "by that name" "targetcli version $version"
is "and nothing is where the other one is" "$(find "$DESTDIR" -name 'targetcli*')" "$P/lib/lunar/targetcli"
is "the unit starts what was installed" "$(sed -n 's/^ExecStart=\([^ ]*\).*/\1/p' "$P/lib/systemd/system/lunar-targetd.service")" \
	"$prefix/sbin/lunar-targetd"
is "nothing is for its owner only" "$(find "$DESTDIR" ! -perm -444)" ""

# What others have put beside it, and what it wrote, stay.
mkdir -p "$P/share/man/man8" "$DESTDIR/etc/lunar"
touch "$P/share/man/man8/other.8" "$DESTDIR/etc/lunar/saveconfig.json"
try "it is uninstalled" build uninstall
is "nothing of it is left" "$(cd "$DESTDIR" && find . -type f -o -type l | sort | paste -sd' ')" \
	"./etc/lunar/saveconfig.json .$prefix/share/man/man8/other.8"
rm -r "$P/share/man/man8/other.8" "${DESTDIR:?}/etc"
try "a second time is no error" build uninstall
try "installed again" build install
try "and uninstalled" build uninstall
is "not even a directory is left" "$(find "$DESTDIR" -mindepth 1)" ""
done_testing

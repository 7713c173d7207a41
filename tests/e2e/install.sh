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
	share/doc/lunar/strict.conf share/bash-completion/completions/lunar share/bash-completion/completions/lunar-initiatord \
	share/bash-completion/completions/lunar-targetd share/zsh/site-functions/_lunar \
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

# --- the library: pkg-config knows all that a program needs
libdir=$(dirname "$(find "$P" -name liblunar.so)")
if command -v pkg-config >/dev/null; then
	export PKG_CONFIG_PATH=$libdir/pkgconfig
	# The prefix is where it will be once it is out of $DESTDIR.
	flags() { pkg-config --define-variable=prefix="$P" "$@" lunar; }
	is "lunar.pc has the version" "$(pkg-config --modversion lunar)" "$version"
	EXAMPLE=$SOURCE/examples/read-block.c
	# shellcheck disable=SC2046 # flags are words
	try "a program builds with lunar.pc" "${CC:-cc}" -o "$T/shared" "$EXAMPLE" $(flags --cflags --libs)
	try "which needs the library by its soname" sh -c "objdump -p '$T/shared' | grep -q 'NEEDED *liblunar.so.0$'"
	# liblunar.a, and the libraries below as the system has them.
	# shellcheck disable=SC2046
	try "and with liblunar.a in it" "${CC:-cc}" -o "$T/static" "$EXAMPLE" $(flags --cflags) \
		"$libdir/liblunar.a" $(flags --static --libs-only-l | sed 's/-llunar//')
	try_fails "which needs none" sh -c "objdump -p '$T/static' | grep 'NEEDED *liblunar'"
	start_target disk.img --size 1M
	printf 'first block' | dd of=disk.img conv=notrunc status=none
	for kind in shared static; do
		# shellcheck disable=SC2016 # its words are of the shell that runs it
		try "$kind, it runs" env LD_LIBRARY_PATH="$libdir" sh -c '"$1" "$2" 0 | head -c 11' sh "$T/$kind" "$URL"
		says "and reads" "^first block$"
	done
	stop_target
else
	skip "lunar.pc" "there is no pkg-config"
fi
links=$(find "$P/share/man/man3" -type l)
try "each function has its manual" test -e "$P/share/man/man3/lunar_reason_word.3"
# shellcheck disable=SC2086
is "and each of those links leads somewhere" "$(find $links -xtype l)" ""

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

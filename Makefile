# SPDX-License-Identifier: BSD-2-Clause
# A front door to meson. The program is build/lunar.

MAKEFLAGS += --no-print-directory
BUILD ?= build
PREFIX ?= /usr/local

all: $(BUILD)/build.ninja
	@ninja -C $(BUILD)

$(BUILD)/build.ninja:
	@meson setup --prefix=$(PREFIX) $(BUILD)

# Installs the Debian packages of packaging/packages.txt that are missing.
deps:
	@packaging/install-deps

demo:
	@packaging/install-deps build clients
	@$(MAKE) all
	@LUNAR=$(BUILD)/lunar tools/demo

check:
	@packaging/install-deps
	@tests/run

# The same at length: hours, where check takes minutes.
check-long:
	@packaging/install-deps
	@tests/run --long

# Each fuzz target for so long: make fuzz SECONDS=300
SECONDS ?= 60
fuzz:
	@packaging/install-deps build test
	@tests/fuzz/run --seconds $(SECONDS) --coverage

# Lunar, a peer and the wire's own limit, side by side: a table, and files for docs/performance.md.
bench:
	@packaging/install-deps build bench
	@bench/run --json build-bench/bench.json --svg build-bench/bench.svg

# A prefix that is given now may not be the one that was set up. $(DESTDIR) goes before everything.
set-prefix: $(BUILD)/build.ninja
ifneq ($(origin PREFIX),file)
	@meson configure $(BUILD) -Dprefix=$(PREFIX)
endif

install: set-prefix
	@ninja -C $(BUILD)
	@DESTDIR="$(DESTDIR)" meson install -C $(BUILD) --no-rebuild --quiet

uninstall: set-prefix
	@DESTDIR="$(DESTDIR)" packaging/uninstall $(BUILD)

fmt:
	@find src tests bench -name '*.[ch]' -exec clang-format -i {} +

# The tables of docs/ that the program knows.
docs: all
	@tools/docs $(BUILD)

clean:
	@rm -rf $(BUILD) build-asan build-tsan build-fuzz build-cover build-bench

.PHONY: all deps demo check check-long fuzz bench install fmt docs clean set-prefix uninstall

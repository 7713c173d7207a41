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

# A prefix that is given now may not be the one that was set up.
install: all
ifneq ($(origin PREFIX),file)
	@meson configure $(BUILD) -Dprefix=$(PREFIX)
	@ninja -C $(BUILD)
endif
	@meson install -C $(BUILD) --no-rebuild

fmt:
	@find src tests -name '*.[ch]' -exec clang-format -i {} +

clean:
	@rm -rf $(BUILD) build-asan build-tsan build-fuzz build-cover

.PHONY: all deps demo check check-long fuzz install fmt clean

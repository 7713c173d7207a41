#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 400
# kernel: 6.1
# Disks by ublk and by the kernel's NBD client: tests/e2e/attach-kernel.sh, where a kernel has them: the one that
# Debian 12 comes with.
/lunar/build/lunar --version >/dev/null 2>&1 || { echo "1..0 # SKIP the programs do not run on the guest's Debian"; exit 0; }
TMPDIR=/var/tmp exec /lunar/tests/e2e/attach-kernel.sh

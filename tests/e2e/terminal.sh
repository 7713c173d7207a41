#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# On a terminal: the prompt for the secret, its end by a signal, the status line, Ctrl-C.
. "$(dirname "$0")/functions.sh"
need python3 iscsi-readcapacity16
"$HERE/terminal.py" "$LUNAR"
exit $?

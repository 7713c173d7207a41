#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A port of the loopback on which nobody listens."""
import socket

with socket.socket() as s:
    s.bind(("127.0.0.1", 0))
    print(s.getsockname()[1])

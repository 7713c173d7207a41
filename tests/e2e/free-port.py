#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A port of the loopback on which nobody listens, and which no connection gets to come from: where a target is
started again, its port is still there."""
import random
import socket

with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as text:
    lowest = int(text.read().split()[0])
while True:
    port = random.randrange(10000 if lowest > 11000 else 1024, max(lowest, 2048))
    with socket.socket() as s:
        try:
            s.bind(("127.0.0.1", port))
        except OSError:
            continue
    print(port)
    break

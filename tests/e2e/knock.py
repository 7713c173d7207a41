#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""knock.py ADDRESS PORT [PATH]: connects again and again, to a port and to a socket of that name, until it is ended
by SIGTERM; fails when it was refused even once."""
import signal
import socket
import sys
import time


def main():
    ended = []
    signal.signal(signal.SIGTERM, lambda *_: ended.append(1))
    places = [(socket.AF_INET, (sys.argv[1], int(sys.argv[2])))]
    places += [(socket.AF_UNIX, path) for path in sys.argv[3:]]
    knocks = refused = 0
    print("knocking", flush=True)
    while not ended:
        for family, place in places:
            with socket.socket(family) as sock:
                sock.settimeout(10)
                try:
                    sock.connect(place)
                except OSError as e:
                    refused += 1
                    print(f"{place}: {e}", flush=True)
                knocks += 1
        time.sleep(0.003)
    print(f"{knocks} knocks, {refused} refused")
    return 1 if refused else 0


sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""hostile.py KIND HOST PORT LIMIT [COUNT]: an initiator that means ill, or does not know better.

Opens COUNT connections (1 unless told) and does on each what KIND says, without ever closing it.
Succeeds when the target has ended every one of them within LIMIT seconds, and prints how long the
slowest took. The PDUs are laid out as in RFC 7143 11.
"""
import os
import resource
import selectors
import socket
import struct
import sys
import time
from pdu import login_request

NAMES = b"InitiatorName=iqn.2026-01.test.lunar:hostile\0SessionType=Discovery\0"
SCSI_COMMAND = struct.pack(">B B 2x B 3s 8x I I I I 16s", 0x01, 0xC1, 0, b"\0\0\0", 1, 36, 1, 0,
                           b"\x12\0\0\0\x24" + bytes(11))


def garbage(_step):
    return os.urandom(4096)


def half_pdu(step):
    return login_request()[:20] if step == 0 else None


def silence(_step):
    return None


def drip(step):
    """A login request that comes a byte a second."""
    return login_request(text=NAMES)[step:step + 1]


def login_without_end(_step):
    """A login that is always about to say more: the C bit set each time."""
    return login_request(stage=0x44, text=b"X-com.example.more=" + b"y" * 40)


def negotiate_for_ever(step):
    """A login that never sets T."""
    return login_request(stage=0x04, text=NAMES if step == 0 else b"MaxBurstLength=65536\0")


def full_feature(step):
    return SCSI_COMMAND if step == 0 else None


def huge_segment(step):
    """A login request that claims 16 MiB - 1 of text."""
    return login_request(length=0xFFFFFF, text=b"A" * 512) if step == 0 else b"A" * 512


def huge_ahs(step):
    header = bytearray(login_request())
    header[4] = 0xFF
    return bytes(header) + b"\xff" * 1020 if step == 0 else None


def http(step):
    return b"GET / HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n" if step == 0 else None


def tls(step):
    return bytes.fromhex("16030100c8010000c40303") + os.urandom(196) if step == 0 else None


KINDS = {
    "garbage": (garbage, 0.05), "half-pdu": (half_pdu, 1), "silence": (silence, 1),
    "drip": (drip, 1), "login-without-end": (login_without_end, 0.5),
    "negotiate-for-ever": (negotiate_for_ever, 0.5), "full-feature": (full_feature, 1),
    "huge-segment": (huge_segment, 0.05), "huge-ahs": (huge_ahs, 1), "http": (http, 1),
    "tls": (tls, 1),
}


def connect(host, port):
    s = socket.create_connection((host, port), timeout=10)
    s.setblocking(False)
    return s


def main():
    kind, host, port, limit = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
    count = int(sys.argv[5]) if len(sys.argv) > 5 else 1
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    what, pause = KINDS[kind]
    selector = selectors.DefaultSelector()
    start = time.monotonic()
    slowest = 0.0
    made = 0
    for _ in range(count):
        try:
            s = connect(host, port)
        except OSError:
            continue  # refusing more is one way to end them
        made += 1
        selector.register(s, selectors.EVENT_READ, time.monotonic())
    if made == 0 or made < count / 2:
        print(f"only {made} of {count} connections could be made: is there a target?")
        return 1
    step, due = 0, start
    while selector.get_map():
        now = time.monotonic()
        if now - start > limit + pause:
            print(f"{len(selector.get_map())} of {count} connections are still open "
                  f"after {now - start:.1f} s")
            return 1
        if now >= due:
            for key in list(selector.get_map().values()):
                data = what(step)
                try:
                    if data:
                        key.fileobj.send(data)
                except BlockingIOError:
                    pass
                except OSError:
                    slowest = max(slowest, now - key.data)
                    selector.unregister(key.fileobj)
            step, due = step + 1, now + pause
        for key, _ in selector.select(max(0.01, min(pause, due - now))):
            try:
                ended = key.fileobj.recv(65536) == b""
            except BlockingIOError:
                continue
            except OSError:
                ended = True
            if ended:
                slowest = max(slowest, time.monotonic() - key.data)
                selector.unregister(key.fileobj)
                key.fileobj.close()
    print(f"{made} of {count} connections were made; all ended, the slowest after {slowest:.1f} s")
    return 0


sys.exit(main())

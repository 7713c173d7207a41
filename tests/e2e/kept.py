#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""kept.py ADDRESS:PORT IQN WORD...: PERSISTENT RESERVE IN and OUT (SPC-4 6.15, 6.16) to LUN 0, a line for each word:

    register:KEY keep:KEY   REGISTER AND IGNORE EXISTING KEY, without and with APTPL
    reserve:KEY             Write Exclusive
    keys reserved           what there is: keys; the type, and the key of who holds it
"""
import socket
import struct
import sys

from pdu import login_request, receive_pdu, text_of

INITIATOR = "iqn.2026-01.test.lunar:kept-initiator"
TRIES = 10  # unit attentions come first


class Session:
    def __init__(self, portal, target):
        address, port = portal.rsplit(":", 1)
        self.sock = socket.create_connection((address, int(port)), timeout=20)
        keys = {"InitiatorName": INITIATOR, "TargetName": target, "SessionType": "Normal", "ImmediateData": "Yes"}
        self.sock.sendall(login_request(text=text_of(keys)))
        header, _ = receive_pdu(self.sock)
        if header[36:38] != b"\0\0":
            raise SystemExit(f"no login: {header[36]:02x}/{header[37]:02x}")
        self.number = 0

    def command(self, cdb, out=b"", size=0):
        """Status, sense key, data."""
        self.number += 1
        flags = 0x81 | (0x20 if out else 0x40)
        self.sock.sendall(struct.pack(">BB2xI8xIIII16s", 1, flags, len(out), self.number, len(out) or size,
                                      self.number, 0, cdb) + out + bytes(-len(out) % 4))
        data = b""
        while True:
            header, part = receive_pdu(self.sock)
            if header[0] == 0x25:
                data += part
            if header[0] == 0x21 or header[0] == 0x25 and header[1] & 1:
                return header[3], part[4] & 15 if header[3] == 2 else 0, data

    def repeat(self, *args, **more):
        for _ in range(TRIES):
            status, key, data = self.command(*args, **more)
            if (status, key) != (2, 6):
                break
        return "good" if not status else f"status {status:x} key {key:x}", data

    def change(self, action, key, new_key=0, kind=0, kept=False):
        parameters = struct.pack(">QQ4xB3x", key, new_key, kept)
        return self.repeat(struct.pack(">BBB2xI7x", 0x5F, action, kind, len(parameters)), parameters)[0]

    def read(self, action):
        data = self.repeat(struct.pack(">BB5xH7x", 0x5E, action, 2048), size=2048)[1]
        return data[8:8 + int.from_bytes(data[4:8], "big")]

    def keys(self):
        return " ".join(f"{key:x}" for key, in struct.iter_unpack(">Q", self.read(0))) or "none"

    def reserved(self):
        data = self.read(1)
        return f"{data[13] & 15} {int.from_bytes(data[:8], 'big'):x}" if data else "none"


def main(portal, target, *words):
    session = Session(portal, target)
    does = {
        "register": lambda key: session.change(6, 0, key),
        "keep": lambda key: session.change(6, 0, key, kept=True),
        "reserve": lambda key: session.change(1, key, kind=1),
        "keys": lambda key: session.keys(),
        "reserved": lambda key: session.reserved(),
    }
    for word in words:
        what, _, key = word.partition(":")
        print(does[what](int(key or "0", 16)), flush=True)


main(*sys.argv[1:])

#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""reservations.py HOST:PORT IQN NAME WORD...: an initiator of that name does what the words say, and prints what came
of it, a line each:

    register:KEY keep:KEY   REGISTER AND IGNORE EXISTING KEY, without and with APTPL
    reserve:KEY:TYPE        RESERVE
    clear:KEY
    keys reserved           what there is: keys, the type and the key of who holds it
    read write              of a block
    change:KEY              as the holder preempts itself, with another type each time, until the target is gone:
                            "want TYPE" before each, "done TYPE" after each
"""
import os
import socket
import struct
import sys

import pdu

TYPES = (1, 3, 5, 6)


class Initiator:
    def __init__(self, portal, iqn, name):
        host, port = portal.rsplit(":", 1)
        self.sock = socket.create_connection((host, int(port)), timeout=60)
        self.cmdsn = 1
        text = pdu.text_of({"InitiatorName": name, "TargetName": iqn, "SessionType": "Normal"})
        self.sock.sendall(pdu.login_request(0x87, text))
        head, _ = pdu.receive_pdu(self.sock)
        if head[0] != 0x23 or head[36]:
            raise SystemExit(f"the login is refused: {head.hex()}")
        self.statsn = struct.unpack(">I", head[24:28])[0] + 1
        while self.send([0])[0] not in ("good", "conflict"):
            pass

    def send(self, cdb, out=b""):
        flags = 0x80 | (0x20 if out else 0x40) | 1
        self.sock.sendall(struct.pack(">BB2xB3s8xIIII16s", 1, flags, 0, len(out).to_bytes(3, "big"), self.cmdsn,
                                      len(out) or 4096, self.cmdsn, self.statsn, bytes(cdb).ljust(16, b"\0"))
                          + out + bytes(-len(out) % 4))
        self.cmdsn += 1
        reply = b""
        while True:
            head, data = pdu.receive_pdu(self.sock)
            if head[0] not in (0x21, 0x25):
                continue
            if head[0] == 0x25:
                reply += data
                if not head[1] & 1:
                    continue
                data = b""
            self.statsn = struct.unpack(">I", head[24:28])[0] + 1
            if head[3] == 2:
                return f"sense {data[4] & 15:x} {data[14]:02x}/{data[15]:02x}", b""
            return {0: "good", 0x18: "conflict"}.get(head[3], f"status {head[3]:#x}"), reply

    def out(self, action, key, new_key=0, kind=0, aptpl=0):
        parameters = struct.pack(">QQ4xB3x", key, new_key, aptpl)
        return self.send([0x5F, action, kind, 0, 0, 0, 0, 0, 24], parameters)[0]

    def keys(self):
        reply = self.send([0x5E, 0, 0, 0, 0, 0, 0, 8, 0])[1]
        return " ".join(f"{key:x}" for (key,) in struct.iter_unpack(">Q", reply[8:])) or "none"

    def reserved(self):
        reply = self.send([0x5E, 1, 0, 0, 0, 0, 0, 8, 0])[1]
        return f"{reply[21]} {struct.unpack('>Q', reply[8:16])[0]:x}" if len(reply) > 8 else "none"

    def change(self, key):
        kind = int(self.reserved().split()[0])
        while True:
            kind = TYPES[(TYPES.index(kind) + 1) % len(TYPES)]
            print("want", kind, flush=True)
            said = self.out(4, key, key, kind)
            if said != "good":
                return said
            print("done", kind, flush=True)

    def do(self, word):
        name, *values = word.split(":")
        key, *more = [int(value, 16) for value in values] or [0]
        return {
            "register": lambda: self.out(6, 0, key),
            "keep": lambda: self.out(6, 0, key, aptpl=1),
            "reserve": lambda: self.out(1, key, kind=more[0]),
            "clear": lambda: self.out(3, key),
            "keys": self.keys,
            "reserved": self.reserved,
            "read": lambda: self.send([0x28, 0, 0, 0, 0, 1, 0, 0, 1])[0],
            "write": lambda: self.send([0x2A, 0, 0, 0, 0, 1, 0, 0, 1], bytes(512))[0],
            "change": lambda: self.change(key),
        }[name]()


def main(portal, iqn, name, *words):
    initiator = Initiator(portal, iqn, f"iqn.2026-01.test.lunar:{name}")
    for word in words:
        print(initiator.do(word), flush=True)


try:
    main(*sys.argv[1:])
except (EOFError, OSError):
    os._exit(3)

#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The file of what outlives a LU, by its form (src/scsi/lu_store.c).

    record.py half FILE ID TEXT    as a put leaves it that was cut short: the first slot alone
    record.py whole FILE ID [TEXT] whether both slots are whole and alike (and have this record)
"""
import struct
import sys

SLOT, HEADER = 256 << 10, 512


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return struct.pack(">I", crc ^ 0xFFFFFFFF)


def slot(identity, version, record):
    head = b"LUNAR LU" + struct.pack(">IIQ", 1, len(record), version) + identity + crc32c(record)
    head = head.ljust(HEADER - 4, b"\0")
    return head + crc32c(head) + record


def whole(file, identity, text):
    slots = []
    for i in range(2):
        file.seek(i * SLOT)
        head = file.read(HEADER)
        if len(head) < HEADER:
            return False
        form, size, version = struct.unpack(">IIQ", head[8:24])
        record = file.read(size)
        if form != 1 or head + record != slot(identity, version, record):
            return False
        slots.append(head + record)
    return slots[0] == slots[1] and text in (None, slots[0][HEADER:].decode())


def main(how, path, identity, text=None):
    identity = bytes.fromhex(identity)
    if how == "half":
        with open(path, "wb") as file:
            file.write(slot(identity, 7, text.encode()))
        return 0
    with open(path, "rb") as file:
        return 0 if whole(file, identity, text) else 1


sys.exit(main(*sys.argv[1:]))

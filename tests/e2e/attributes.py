#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""attributes.py LUNAR HOST PORT IQN COUNT: an initiator that stays logged in while attributes of its disk are set.
TAP cases that begin behind COUNT, without a plan."""
import socket
import struct
import subprocess
import sys

LUNAR, HOST, PORT, IQN = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
DISK, LUN = "/backstores/fileio/disk", f"/iscsi/{IQN}/tpg1/luns/lun0"
COUNT = int(sys.argv[5])
MODE_CHANGED, CAPACITY_CHANGED, INQUIRY_CHANGED = (6, 0x2A01), (6, 0x2A09), (6, 0x3F03)
CONDITIONS_CHANGED = (6, 0x3F00)
NO_COMMAND, NO_FIELD = (5, 0x2000), (5, 0x2400)


def case(name, good, detail=""):
    global COUNT
    COUNT += 1
    print(f"{'ok' if good else 'not ok'} {COUNT} - {name}", flush=True)
    if not good:
        print(f"# {detail}", flush=True)


class Initiator:
    """One session without digests, one command at a time (RFC 7143 11)."""

    def __init__(self, name):
        self.sock = socket.create_connection((HOST, PORT), timeout=60)
        self.itt, self.cmdsn, self.statsn = 0, 1, 0
        names = f"InitiatorName={name}\0TargetName={IQN}\0SessionType=Normal\0AuthMethod=None\0"
        self.login(0x81, names.encode())
        self.login(0x87, b"HeaderDigest=None\0DataDigest=None\0InitialR2T=No\0ImmediateData=Yes\0")
        while self.test() == (6, 0x2900):
            pass

    def login(self, stages, text):
        head = struct.pack(">BB2sB3s6sHIHHII16x", 0x43, stages, b"\0\0", 0, len(text).to_bytes(3, "big"),
                           b"\x80\0\0\0\0" + bytes([COUNT]), 0, 1, 0, 0, self.cmdsn, self.statsn)
        self.sock.sendall(head + text + bytes(-len(text) % 4))
        head, _ = self.receive()
        if head[0] != 0x23 or head[36]:
            raise SystemExit(f"the login is refused: {head.hex()}")

    def exactly(self, size):
        data = b""
        while len(data) < size:
            more = self.sock.recv(size - len(data))
            if not more:
                raise SystemExit("the target has closed the connection")
            data += more
        return data

    def receive(self):
        while True:
            head = self.exactly(48)
            size = int.from_bytes(head[5:8], "big")
            data = self.exactly(size + -size % 4)[:size]
            if head[0] not in (0x20, 0x32):  # pings, asynchronous messages
                self.statsn = struct.unpack(">I", head[24:28])[0] + 1
                return head, data

    def send(self, cdb, out=b""):
        """(None, data), or (status, sense) with (key, ASC << 8 | ASCQ) as status when there is sense data."""
        self.itt += 1
        flags = 0x80 | (0x20 if out else 0x40) | 1
        head = struct.pack(">BB2xB3s8xIIII16s", 1, flags, 0, len(out).to_bytes(3, "big"), self.itt,
                           len(out) or 4096, self.cmdsn, self.statsn, bytes(cdb).ljust(16, b"\0"))
        self.cmdsn += 1
        self.sock.sendall(head + out + bytes(-len(out) % 4))
        reply = b""
        while True:
            head, data = self.receive()
            if head[0] == 0x25:
                reply += data
                if not head[1] & 1:
                    continue
                data = b""
            if head[3] == 0:
                return None, reply
            return ((data[4] & 15, data[14] << 8 | data[15]) if head[3] == 2 else head[3]), data

    def test(self):
        return self.send([0])[0]

    def news(self):
        """The unit attentions that there are to be told."""
        found = []
        while (what := self.test()) is not None and len(found) < 9:
            found.append(what)
        return found

    def vpd(self, page):
        return self.send([0x12, 1, page, 0, 255])[1]

    def mode(self, page):
        """The header with the page."""
        return self.send([0x1A, 8, page, 0, 255])[1]


def target(*args):
    return subprocess.run([LUNAR, "target", *args], capture_output=True, text=True, timeout=90, check=False)


def attribute(*values):
    done = target(DISK, "set", "attribute", *values)
    case(f"{' '.join(values)} is set", done.returncode == 0, done.stdout + done.stderr)
    case("and counts at once", "start" not in done.stdout and "Warning" not in done.stdout, done.stdout)


def expect(name, have, want):
    case(name, have == want, f"{have!r} instead of {want!r}")


def main():
    a, b = Initiator("iqn.2026-01.test.lunar:a"), Initiator("iqn.2026-01.test.lunar:b")

    def told(*what):
        expect("both initiators are told", [a.news(), b.news()], [list(what)] * 2)

    told()
    expect("there is no UNMAP", a.send([0x42])[0], NO_COMMAND)
    expect("nor provisioning", a.vpd(0xB2)[:1], a.vpd(0xC9)[:1])
    attribute("emulate_tpu=1")
    told(INQUIRY_CHANGED, CAPACITY_CHANGED)
    expect("UNMAP is there", a.send([0x42])[0], None)
    expect("it is told of", a.vpd(0xB2)[5], 0x84)
    expect("WRITE SAME does not unmap", a.send([0x41, 8, 0, 0, 0, 0, 0, 0, 1], bytes(512))[0], NO_FIELD)
    limits = a.vpd(0xB0)
    attribute("max_unmap_lba_count=16", "max_write_same_len=32", "optimal_sectors=64", "emulate_tpws=1")
    told(INQUIRY_CHANGED)
    now = a.vpd(0xB0)
    expect("the limits are others", (now[12:16].hex(), now[20:24].hex(), now[36:44].hex()),
           ("00000040", "00000010", "0000000000000020"))
    case("of the rest nothing", now[24:36] == limits[24:36], now.hex())
    expect("WRITE SAME up to there", a.send([0x41, 8, 0, 0, 0, 0, 0, 0, 32], bytes(512))[0], None)
    expect("and no further", a.send([0x41, 8, 0, 0, 0, 0, 0, 0, 33], bytes(512))[0], NO_FIELD)
    attribute("max_unmap_lba_count=8192", "max_write_same_len=4096", "optimal_sectors=16384")
    told(INQUIRY_CHANGED)
    expect("defaults are what we can", a.vpd(0xB0), limits)

    expect("writes are cached", a.mode(8)[4 + 2] & 4, 4)
    expect("a write is taken", a.send([0x2A, 0, 0, 0, 0, 0, 0, 0, 1], bytes([7]) * 512)[0], None)
    attribute("emulate_write_cache=0")
    told(MODE_CHANGED)
    expect("they are not any more", a.mode(8)[4 + 2] & 4, 0)
    expect("nor can they be", a.mode(0x48)[4 + 2] & 4, 0)
    expect("a write is taken", a.send([0x2A, 0, 0, 0, 0, 0, 0, 0, 1], bytes([8]) * 512)[0], None)
    attribute("emulate_write_cache=1")
    told(MODE_CHANGED)
    expect("they are again", a.mode(8)[4 + 2] & 4, 4)

    expect("DPO and FUA are taken", a.mode(0x0A)[2] & 0x10, 0x10)
    attribute("emulate_fua_write=0", "emulate_tas=0", "emulate_rest_reord=1")
    told(MODE_CHANGED)
    expect("not all of them any more", a.mode(0x0A)[2] & 0x10, 0)
    expect("FUA of writes is not", a.send([0x2A, 8, 0, 0, 0, 0, 0, 0, 1], bytes(512))[0], NO_FIELD)
    expect("FUA of reads is", a.send([0x28, 8, 0, 0, 0, 0, 0, 0, 1])[0], None)
    expect("TAS and the order are others", a.mode(0x0A)[4 + 3:4 + 6], b"\x00\x00\x00")
    attribute("emulate_fua_write=1", "emulate_tas=1", "emulate_rest_reord=0")
    told(MODE_CHANGED)

    attribute("emulate_caw=0")
    told(INQUIRY_CHANGED)
    expect("there is no COMPARE AND WRITE", a.send([0x89])[0], NO_COMMAND)
    expect("its longest is 0", a.vpd(0xB0)[5], 0)
    attribute("emulate_caw=1")
    told(INQUIRY_CHANGED)
    expect("it is back", a.send([0x89])[0], None)
    expect("with a block", a.vpd(0xB0)[5], 1)

    expect("RESERVE is there", a.send([0x16])[0], None)
    expect("and keeps others out", b.send([0x28, 0, 0, 0, 0, 0, 0, 0, 1])[0], 0x18)
    attribute("emulate_pr=0", "emulate_rsoc=0")
    told(CONDITIONS_CHANGED)
    expect("the others are in again", b.send([0x28, 0, 0, 0, 0, 0, 0, 0, 1])[0], None)
    expect("RESERVE has gone", a.send([0x16])[0], NO_COMMAND)
    expect("and REPORT SUPPORTED OPERATION CODES", a.send([0xA3, 0x0C, 0, 0, 0, 0, 0, 0, 4])[0], NO_COMMAND)
    attribute("emulate_pr=1", "emulate_rsoc=1")
    told(CONDITIONS_CHANGED)

    expect("nothing is said of rotation", a.vpd(0xB1)[4:6], b"\0\0")
    expect("the product is the disk", a.send([0x12, 0, 0, 0, 96])[1][16:32].rstrip(), b"disk")
    attribute("is_nonrot=1", "emulate_model_alias=0")
    told(INQUIRY_CHANGED)
    expect("nothing rotates", a.vpd(0xB1)[4:6], b"\0\1")
    expect("the product is ours", a.send([0x12, 0, 0, 0, 96])[1][16:32].rstrip(), b"VIRTUAL-DISK")

    attribute("emulate_ua_intlck_ctrl=2")
    expect("unit attentions stay", [a.test(), a.test()], [MODE_CHANGED, MODE_CHANGED])
    expect("until they are asked for", a.send([3, 0, 0, 0, 32])[1][12:14], b"\x2a\x01")
    expect("by REQUEST SENSE", a.test(), None)
    attribute("emulate_ua_intlck_ctrl=0", "queue_depth=1")
    told(MODE_CHANGED)
    expect("with a short queue all goes on", a.send([0x28, 0, 0, 0, 0, 0, 0, 0, 1])[1], bytes([8]) * 512)

    done = target(DISK, "set", "attribute", "block_size=4096")
    case("blocks of a LUN stay as they are", done.returncode != 0 and LUN in done.stdout + done.stderr,
         done.stdout + done.stderr)
    expect("the session is as it was", [a.news(), b.news()], [[], []])


main()

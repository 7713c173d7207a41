#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""bad-wire.py HOST:PORT [SEED]: a wire between an initiator and the target there, that splits what it carries, is late
with it, damages it and breaks. It prints the address at which it listens, and at its end, by SIGTERM, what it has
done. The beginning of a connection is left as it is: a login has no digests."""
import random
import selectors
import signal
import socket
import sys
import time

INTACT = 16384  # bytes each way
PIECE = 65536
CUT, FLIP, LATE = 0.002, 0.002, 0.01  # of a piece
LATE_MAX = 0.02  # seconds


class Way:
    """From one socket to the other."""

    def __init__(self, source, sink):
        self.source, self.sink, self.carried = source, sink, 0


class Wire:
    def __init__(self, address, rand):
        host, port = address.rsplit(":", 1)
        self.target = (host, int(port))
        self.rand = rand
        self.selector = selectors.DefaultSelector()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.count = {"connections": 0, "cuts": 0, "flips": 0, "delays": 0}

    def accept(self):
        near, _ = self.listener.accept()
        try:
            far = socket.create_connection(self.target, timeout=5)
        except OSError:
            near.close()  # it is being started again
            return
        self.count["connections"] += 1
        for source, sink in (near, far), (far, near):
            source.settimeout(30)
            source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.selector.register(source, selectors.EVENT_READ, Way(source, sink))

    def cut(self, way):
        for sock in way.source, way.sink:
            self.selector.unregister(sock)
            sock.close()

    def damage(self, data):
        at = self.rand.randrange(len(data))
        data[at] ^= 1 << self.rand.randrange(8)
        self.count["flips"] += 1

    def carry(self, way):
        data = bytearray(way.source.recv(self.rand.randrange(1, PIECE)))
        if not data:
            self.cut(way)
            return
        way.carried += len(data)
        intact = way.carried <= INTACT
        if not intact and self.rand.random() < CUT:
            way.sink.sendall(data[:self.rand.randrange(len(data))])
            self.count["cuts"] += 1
            self.cut(way)
            return
        if not intact and self.rand.random() < FLIP:
            self.damage(data)
        if self.rand.random() < LATE:
            self.count["delays"] += 1
            time.sleep(self.rand.random() * LATE_MAX)
        middle = self.rand.randrange(len(data) + 1)
        way.sink.sendall(data[:middle])
        way.sink.sendall(data[middle:])

    def turn(self):
        for key, _ in self.selector.select(0.2):
            if key.fileobj is self.listener:
                self.accept()
            elif key.fileobj.fileno() >= 0:  # else its other end has just been cut
                try:
                    self.carry(key.data)
                except OSError:
                    self.cut(key.data)


def main():
    ended = []
    signal.signal(signal.SIGTERM, lambda *_: ended.append(1))
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1 << 30)
    wire = Wire(sys.argv[1], random.Random(seed))
    print(f"127.0.0.1:{wire.listener.getsockname()[1]}", flush=True)
    while not ended:
        wire.turn()
    print(f"seed {seed}: " + ", ".join(f"{n} {what}" for what, n in wire.count.items()))
    return 0 if wire.count["cuts"] + wire.count["flips"] else 1


sys.exit(main())

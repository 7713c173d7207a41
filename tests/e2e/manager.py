#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""manager.py [NAME=ADDRESS:PORT | NAME=PATH | NAME=pipe]... -- COMMAND...: as much of a service manager as passes
descriptors. The command gets these as LISTEN_FDS, and what it has stored (FDSTORE=1) behind them; when it ends badly
it is started again, and for SIGUSR1 it is ended and started again. Ends with it, or for SIGTERM. Prints "pid N" for
each start, and what it is told, line by line; "stored NAME", "removed NAME" of the store."""
import array
import os
import select
import signal
import socket
import sys
import tempfile
import time


def listen(place):
    if place == "pipe":
        return os.pipe()[0]
    if place.startswith("/"):
        sock = socket.socket(socket.AF_UNIX)
        sock.bind(place)
    else:
        host, port = place.rsplit(":", 1)
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, int(port)))
    sock.listen(64)
    return sock.detach()


class Manager:
    def __init__(self, places, command):
        self.passed = [(name, listen(place)) for name, place in places]
        self.stored = []
        self.command = command
        self.path = os.path.join(tempfile.mkdtemp(), "notify")
        self.ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.ear.bind(self.path)
        self.again = False
        self.ending = False

    def start(self):
        fds = self.passed + self.stored
        copies = [os.dup(fd) for _, fd in fds]
        pid = os.fork()
        if pid == 0:
            # High first: none of them lies where another one is to be.
            high = [os.dup2(fd, 200 + i, inheritable=False) for i, fd in enumerate(copies)]
            for i, fd in enumerate(high):
                os.dup2(fd, 3 + i)
            os.closerange(3 + len(high), 400)
            os.environ["NOTIFY_SOCKET"] = self.path
            if fds:
                os.environ.update(LISTEN_FDS=str(len(fds)), LISTEN_PID=str(os.getpid()),
                                  LISTEN_FDNAMES=":".join(name for name, _ in fds))
            os.execv(self.command[0], self.command)
        for fd in copies:
            os.close(fd)
        print(f"pid {pid}", flush=True)
        return pid

    def hear(self):
        text, ancillary, _, _ = self.ear.recvmsg(4096, socket.CMSG_SPACE(16))
        fds = array.array("i")
        for _, _, data in ancillary:
            fds.frombytes(data)
        lines = text.decode().strip().split("\n")
        said = dict(line.split("=", 1) for line in lines)
        name = said.get("FDNAME")
        if "FDSTORE" in said:
            for fd in fds:
                if any(os.path.sameopenfile(fd, other) for _, other in self.stored):
                    os.close(fd)
                else:
                    self.stored.append((name, fd))
            print(f"stored {name}", flush=True)
        elif "FDSTOREREMOVE" in said:
            for _, fd in [s for s in self.stored if s[0] == name]:
                os.close(fd)
            self.stored = [s for s in self.stored if s[0] != name]
            print(f"removed {name}", flush=True)
        else:
            print("\n".join(lines), flush=True)

    def on_signal(self, signo, _):
        self.again = signo == signal.SIGUSR1
        self.ending = signo == signal.SIGTERM

    def run(self):
        signal.signal(signal.SIGUSR1, self.on_signal)
        signal.signal(signal.SIGTERM, self.on_signal)
        while True:
            pid = self.start()
            told = False
            while True:
                if (self.again or self.ending) and not told:
                    os.kill(pid, signal.SIGTERM)
                    told = True
                if select.select([self.ear], [], [], 0.05)[0]:
                    self.hear()
                ended, status = os.waitpid(pid, os.WNOHANG)
                if ended:
                    break
            while select.select([self.ear], [], [], 0)[0]:
                self.hear()
            code = os.waitstatus_to_exitcode(status)
            if self.ending or (code == 0 and not self.again):
                return code
            self.again = False
            time.sleep(0.1)


def main():
    at = sys.argv.index("--")
    places = [word.split("=", 1) for word in sys.argv[1:at]]
    return Manager(places, sys.argv[at + 1:]).run()


sys.exit(main())

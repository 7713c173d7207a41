# SPDX-License-Identifier: BSD-2-Clause
"""Guests under QEMU, and one stream of TAP of all that happens in them.

A Lab has guests; Lab.run() runs a command in one of them and takes over the cases that it reports. A guest
that panics, ends or says nothing until the lab's deadline is a Fault: a failed case, shown with the end of
its console. Guests see the project's tree at /lunar, read-only, by 9p; their root disk is a copy that is
thrown away at each boot; other disks are files of the lab and survive power_cut() and boot().
"""
import os
import re
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
CONSOLE_TAIL = 60  # lines
SICK = r"Kernel panic|Oops:|BUG: (?!soft lockup|workqueue)|general protection fault|hung_task"
KERNEL = "6.12"


class Skip(Exception):
    """There is no way to do it here."""


class Fault(Exception):
    """A guest did what no guest may do."""


def image(build=True):
    """The directory of the guest's image."""
    if not shutil.which("qemu-system-x86_64"):
        raise Skip("qemu-system-x86 is not installed")
    script = os.path.join(HERE, "image")
    done = subprocess.run([script] if build else [script, "--path"], text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode == 77:
        raise Skip(done.stderr.strip())
    if done.returncode:
        raise Fault(done.stderr.strip())
    path = done.stdout.strip()
    if not os.path.exists(os.path.join(path, "lock")):
        raise Skip("the guest has not been built")
    return path


class Guest:
    def __init__(self, lab, name):
        self.lab, self.name = lab, name
        self.console = os.path.join(lab.directory, f"{name}.console")
        self.process = self.line = None
        self.pending = b""

    def boot(self, kernel=KERNEL, memory=768, disks=(), address="", init="", options=()):
        """Starts it, or starts it again; until it is ready. Disks (Lab.disk()) are /dev/vdb, /dev/vdc...
        An address like 10.77.0.1/24 is for the network between the lab's two guests; with init "systemd" that
        is process 1."""
        if self.process:
            self.power_cut()
        where = self.lab.image
        port = os.path.join(self.lab.directory, f"{self.name}.port")
        start = time.monotonic()
        args = ["qemu-system-x86_64", "-machine", "q35", "-accel", "tcg", "-cpu", "max", "-smp", "1",
                "-m", str(memory), "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
                "-kernel", f"{where}/vmlinuz-{kernel}", "-initrd", f"{where}/initrd-{kernel}",
                "-append", "console=ttyS0 panic=-1 quiet mitigations=off random.trust_cpu=on "
                           f"lunar.name={self.name} lunar.address={address} "
                           f"lunar.init={init} ",
                "-chardev", f"file,id=console,path={self.console},append=on",
                "-serial", "chardev:console",
                "-device", "virtio-serial", "-chardev", f"socket,id=port,path={port},server=on,wait=off",
                "-device", "virtserialport,chardev=port,name=lunar", "-device", "virtio-rng-pci",
                "-drive", f"file={where}/root.img,if=virtio,format=raw,snapshot=on",
                "-virtfs", f"local,path={ROOT},mount_tag=lunar,security_model=none,readonly=on,"
                           "multidevs=remap"]
        for disk in disks:
            args += ["-drive", f"file={disk},if=virtio,format=raw,cache=writeback,discard=unmap"]
        if address:
            args += self.lab.plug(self)
        self.process = subprocess.Popen(args + list(options), stdin=subprocess.DEVNULL,
                                        stdout=sys.stderr, stderr=sys.stderr,
                                        env={**os.environ, "TMPDIR": self.lab.directory})
        self.line = socket.socket(socket.AF_UNIX)
        while self.line.connect_ex(port):
            if self.process.poll() is not None or self.lab.left() <= 0:
                self.fail("QEMU does not start")
            time.sleep(0.02)
        self.pending = b""
        for line in self.lines():
            if line.startswith("::up "):
                self.lab.last = time.monotonic()
                self.lab.say(f"{self.name}: Linux {line[5:]} up in {self.lab.last - start:.1f} s")
                return self

    def lines(self):
        """What it says, line by line, for ever."""
        while True:
            while b"\n" in self.pending:
                line, self.pending = self.pending.split(b"\n", 1)
                yield line.decode(errors="replace").rstrip("\r")
            ready = select.select([self.line], [], [], max(0.0, self.lab.left()))[0]
            if not ready:
                self.fail("says nothing more, and its time is up")
            data = self.line.recv(65536)
            if not data:
                self.fail("ended")
            self.pending += data

    def fail(self, what):
        """What it said last on its console is why."""
        self.lab.say(f"{self.name}: the end of its console:")
        with open(self.console, errors="replace") as f:
            for line in f.read().split("\n")[-CONSOLE_TAIL:]:
                self.lab.say(f"{self.name}| {line}")
        self.kill()
        raise Fault(f"guest {self.name} {what}")

    def do(self, command):
        """Runs a command; its exit code and its lines."""
        said = []
        for line in self.begin(command):
            if isinstance(line, int):
                return line, said
            said.append(line)

    def begin(self, command):
        """Runs a command: its lines, then, as a number, its exit code."""
        self.line.sendall(f"run {command}\n".encode())
        for line in self.lines():
            end = re.match(r"(.*)::exit (\d+)$", line)  # what it said last may lack the end of its line
            if not end or end[1]:
                yield end[1] if end else line
            if end:
                yield int(end[2])
                return

    def power_cut(self):
        """As if someone had pulled the plug. Its disks have what they had accepted."""
        self.kill()

    def off(self):
        """In order: everything is on its disks."""
        self.line.sendall(b"off\n")
        try:
            self.process.wait(max(1, min(30, self.lab.left())))
        except subprocess.TimeoutExpired:
            self.fail("does not end")
        self.kill()

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.line.close()
            self.process = None


class Lab:
    Skip, Fault = Skip, Fault  # for scenarios

    def __init__(self, where, seconds):
        self.image = where
        self.end = time.monotonic() + seconds
        self.directory = tempfile.mkdtemp(prefix="lunar-vm.")  # short: it holds sockets
        self.guests = []
        self.count = self.failed = 0
        self.last = time.monotonic()

    def left(self):
        """Seconds until the deadline."""
        return self.end - time.monotonic()

    def guest(self, name):
        self.guests.append(Guest(self, name))
        return self.guests[-1]

    def disk(self, name, size):
        """A file that is a disk, empty and sparse; its path."""
        path = os.path.join(self.directory, name)
        with open(path, "wb") as f:
            f.truncate(size)
        return path

    def installed(self):
        """QEMU's options for a file system with what `make install` puts in place."""
        path = os.path.join(self.directory, "installed")
        done = subprocess.run(["meson", "install", "-C", os.path.join(ROOT, "build"), "--no-rebuild", "--quiet",
                               "--strip", "--destdir", path], text=True, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode:
            raise Fault("what is built cannot be installed: " + done.stdout.strip())
        return ["-virtfs", f"local,path={path},mount_tag=installed,security_model=none,readonly=on"]

    def plug(self, guest):
        """QEMU's options for the one cable between two guests: datagrams, so that either end may be absent."""
        number = self.guests.index(guest)
        if number > 1:
            raise Fault("a cable has two ends")
        ends = [os.path.join(self.directory, f"cable{n}") for n in (number, 1 - number)]
        return ["-netdev", f"dgram,id=net,local.type=unix,local.path={ends[0]},"
                           f"remote.type=unix,remote.path={ends[1]}",
                "-device", f"virtio-net-pci,netdev=net,mac=52:54:00:00:00:0{number + 1},romfile="]

    # --- TAP

    def say(self, text):
        print(f"# {text}", flush=True)

    def case(self, name, good, rest=""):
        """One case, with the time since the last one."""
        now = time.monotonic()
        self.count += 1
        self.failed += not good
        took = f" ({now - self.last:.1f} s)" if now - self.last >= 0.1 else ""
        print(f"{'ok' if good else 'not ok'} {self.count} - {name}{took}{' ' + rest if rest else ''}",
              flush=True)
        self.last = now
        return good

    def run(self, guest, command):
        """Runs a command that speaks TAP in a guest; True when nothing failed."""
        planned, seen, failed = None, 0, self.failed
        for line in guest.begin(command):
            if isinstance(line, int):
                if line or planned is None or planned != seen:
                    self.case(f"{guest.name}: exit code {line}, {seen} of {planned} cases: {command}",
                              False)
                break
            plan = re.match(r"1\.\.(\d+)\s*(#.*)?$", line)
            case = re.match(r"(not )?ok\b\s*\d*\s*(?:- )?(.*?)\s*(# *skip\b.*)?$", line, re.I)
            if plan:
                planned = (planned or 0) + int(plan[1])
                if plan[1] == "0" and plan[2]:
                    self.case(command, True, plan[2])
            elif case:
                seen += 1
                self.case(case[2], not case[1] or bool(case[3]), case[3] or "")
            else:
                print(line if line.startswith("#") else f"# {line}", flush=True)
        return self.failed == failed

    def attempt(self, guest, name, command):
        """One case: the command succeeds. Its lines."""
        code, said = guest.do(command)
        if not self.case(f"{guest.name}: {name}", code == 0):
            self.say(f"exit code {code} of: {command}")
            for line in said[-CONSOLE_TAIL:]:
                self.say(line)
        return said

    def healthy(self):
        """No kernel has complained."""
        for guest in self.guests:
            with open(guest.console, errors="replace") as f:
                lines = [x for x in f.read().split("\n") if re.search(SICK, x)]
            if lines:
                self.case(f"{guest.name}: its kernel is well", False)
                for line in lines[:20]:
                    self.say(line)

    def close(self):
        for guest in self.guests:
            guest.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""shell.py LUNAR COUNT: what is typed into `lunar target` on a terminal: prompts, completion, history, colours.
TAP cases that begin behind COUNT, without a plan."""
import fcntl
import os
import pty
import re
import select
import struct
import sys
import termios
import time

IQN = "iqn.2026-01.test.lunar:pty"


class Terminal:
    def __init__(self, lunar, columns=100):
        self.seen = ""
        self.pid, self.fd = pty.fork()
        if not self.pid:
            os.environ["TERM"] = "xterm"
            os.execv(lunar, [lunar, "target"])
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))

    def until(self, regex, seconds=10):
        """What was written up to there; None when it does not come."""
        deadline = time.monotonic() + seconds
        while not (hit := re.search(regex, self.seen)):
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.fd], [], [], left)[0]:
                return None
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                return None
            if not data:
                return None
            self.seen += data.decode(errors="replace")
        text, self.seen = self.seen[:hit.end()], self.seen[hit.end():]
        return text

    def type(self, text):
        os.write(self.fd, text.encode())

    def end(self):
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            self.until("(?!)", 0.1)  # it may wait for its output to be read
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
        os.kill(self.pid, 9)
        os.waitpid(self.pid, 0)
        return "killed"


def ends_at_once(lunar):
    """Ctrl-D right behind the first prompt, and behind the next one: a terminal that is still in its line mode
    would keep it for itself."""
    for n in range(50):
        t = Terminal(lunar)
        t.until("/> ")
        for _ in range(n % 2):
            t.type("pwd\r")
            t.until(r"\n/\r?\n.*/> ")
        t.type("\004")
        code = t.end()
        os.close(t.fd)
        if code != 1:
            return False, (n, code, t.seen)
    return True, ""


def main():
    lunar, count = sys.argv[1], int(sys.argv[2])

    def case(name, good, more=""):
        nonlocal count
        count += 1
        print(f"{'ok' if good else 'not ok'} {count} - {name}")
        if not good:
            print(f"# {more!r}")

    t = Terminal(lunar)
    case("a greeting, and a prompt", t.until(r"type 'help'") and t.until(r"/> "), t.seen)
    t.type("/is\tcr\t" + IQN + "\r")
    case("paths and commands are completed", t.until("Created target " + IQN), t.seen)
    t.until(r"/> ")
    t.type("/iscsi/" + IQN + "/tp\t se\tattr\tauthen\t1\r")
    case("groups and names, too", t.until("Parameter authentication is now '1'"), t.seen)
    t.until(r"/> ")
    t.type("cd /iscsi/" + IQN + "/tpg1\r")
    case("the prompt says where one is", t.until(r"/iscsi/iqn\.20\.\.\.\S+/tpg1> "), t.seen)
    t.type("set parameter ImmediateData=\t")
    case("values are shown, in their colour", t.until(r"\033\[36mYes\s+\033\[0m\033\[36mNo"), t.seen)
    t.type("N\t\r")
    case("and completed", t.until("Parameter ImmediateData is now 'No'"), t.seen)
    t.type("set auth password=secretsecret12\r")
    case("a secret is not repeated", t.until(r"Parameter password is now '\(hidden\)'"), t.seen)
    t.type("ls\r")
    text = t.until(r"Portals: 1.*\n.*0\.0\.0\.0:3260.*\n") or ""
    case("objects are coloured", "\033[32mOK\033[0m" in text, text)
    lines = [re.sub(r"\033\[\d*m", "", x).rstrip("\r") for x in text.split("\n") if " ... " in x or ".. [" in x]
    case("lines are as wide as the terminal", lines and {len(x) for x in lines} == {100}, lines)
    t.type("nix\r")
    case("errors do not end it", t.until("Command not found nix") and t.until("> "), t.seen)
    t.type("cd ..\rexit\r")
    code = t.end()
    case("exit without a file to save in says so", code == 1, code)
    home = os.path.join(os.environ["HOME"], ".lunar_history")
    with open(home) as f:
        history = f.read()
    case("the history is kept", "ImmediateData" in history, history)
    case("without secrets", "secretsecret" not in history, history)
    case("for its owner", os.stat(home).st_mode & 0o777 == 0o600, oct(os.stat(home).st_mode))

    t = Terminal(lunar)
    t.until("/> ")
    t.type("\033[A\033[A\r")
    case("and is there again", t.until(r"cd \.\.[^/]*/> "), t.seen)
    t.type("\004")
    code = t.end()
    case("the end of the line is the end", code == 1, (code, t.seen))
    case("however soon it is typed", *ends_at_once(lunar))
    return 0


sys.exit(main())

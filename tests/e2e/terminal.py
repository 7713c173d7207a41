#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""terminal.py LUNAR: `lunar serve` on a pseudo terminal, as TAP. Works in the current directory."""
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time

LUNAR = sys.argv[1]
SECRET = "correct-horse-1"
NEW = ["new.img", "--size", "16M", "--portal", "127.0.0.1:0", "--chap", "alice"]
cases = failed = 0


def case(name, good, why=""):
    global cases, failed
    cases += 1
    failed += not good
    print(f"{'ok' if good else 'not ok'} {cases} - {name}", flush=True)
    if not good:
        print("\n".join(f"# {line}" for line in str(why).split("\n")), flush=True)


class Terminal:
    """A program with a terminal of its own, and what it has said there."""

    def __init__(self, *arguments):
        self.said = ""
        self.status = None
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            # Whoever runs the tests in the background, or without a terminal, may ignore them.
            for name in ("SIGINT", "SIGHUP", "SIGQUIT"):
                signal.signal(getattr(signal, name), signal.SIG_DFL)
            os.execv(LUNAR, [LUNAR, "serve", *arguments])

    def wait_for(self, pattern, seconds=10.0):
        end = time.monotonic() + seconds
        while not re.search(pattern, self.said):
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.fd], [], [], left)[0]:
                return False
            try:
                self.said += os.read(self.fd, 65536).decode(errors="replace")
            except OSError:
                return bool(re.search(pattern, self.said))
        return True

    def echoes(self):
        return bool(termios.tcgetattr(self.fd)[3] & termios.ECHO)

    def type(self, text):
        os.write(self.fd, text.encode())

    def end(self, seconds=10.0):
        """Its wait status, or None when it does not end."""
        limit = time.monotonic() + seconds
        while time.monotonic() < limit:
            self.wait_for("(?!)", 0.05)  # or it might wait for us to read
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return status
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        return None


def check_prompt_signal(name, send):
    t = Terminal(*NEW)
    asked = t.wait_for("CHAP secret of alice: ")
    hidden = asked and not t.echoes()
    case(f"{name}: the secret is asked for, without echo", hidden, t.said)
    kept = os.dup(t.fd)
    send(t)
    status = t.end()
    case(f"{name}: it ends by the signal", status is not None and os.WIFSIGNALED(status) and
         os.WTERMSIG(status) == getattr(signal, name), f"status {status}: {t.said}")
    case(f"{name}: the terminal echoes again", termios.tcgetattr(kept)[3] & termios.ECHO)
    case(f"{name}: nothing is left behind", not os.path.exists("new.img"), os.listdir("."))
    os.close(kept)
    os.close(t.fd)


def login(url, user):
    return subprocess.run(["iscsi-readcapacity16", "-s", url.replace("://", f"://{user}@")],
                          capture_output=True, timeout=20, check=False).returncode == 0


def check_session():
    t = Terminal(*NEW)
    t.wait_for("CHAP secret of alice: ")
    t.type(SECRET + "\n")
    ready = t.wait_for(r"(iscsi://\S+/0)\s[\s\S]*Ctrl-C")
    case("with the secret it starts", ready, t.said)
    case("the secret is not shown", SECRET not in t.said, t.said)
    case("the terminal echoes again", t.echoes())
    url = re.search(r"iscsi://\S+", t.said)
    case("the secret is the one that was typed", url and login(url[0], f"alice%{SECRET}"), t.said)
    case("and no other", url and not login(url[0], "alice%correct-horse-2"), t.said)
    case("a status line appears", t.wait_for(r"\r0 sessions  0 IOPS  read 0\.0 MB/s"), t.said)
    lines = len(re.findall(r"\r0 sessions", t.said))
    case("and is written over", t.wait_for(r"(\r0 sessions[^\n]*){%d}" % (lines + 1), 5), t.said)
    t.type("\x03")
    status = t.end()
    case("Ctrl-C ends it", status is not None and os.WIFEXITED(status) and
         os.WEXITSTATUS(status) == 0, f"status {status}: {t.said}")
    case("the status line is gone", t.said.endswith("\r\033[K"), repr(t.said[-80:]))
    os.close(t.fd)


def main():
    check_prompt_signal("SIGINT", lambda t: t.type("\x03"))
    for name in ("SIGTERM", "SIGHUP", "SIGQUIT"):
        check_prompt_signal(name, lambda t, name=name: os.kill(t.pid, getattr(signal, name)))
    check_session()
    print(f"1..{cases}")
    return 1 if failed else 0


sys.exit(main())

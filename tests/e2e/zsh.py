#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""zsh.py DIRECTORY FILE LINE: what becomes of a line when Tab is typed behind it, in a zsh with the completion of FILE,
and the program in DIRECTORY."""
import os
import pty
import re
import select
import sys
import time

SETUP = """
PS1='ready> '; RPS1=; unsetopt beep zle_bracketed_paste prompt_sp prompt_cr list_beep
autoload -U compinit && compinit -u -D
. "$COMPLETION"
tell() { print -r -- "<$BUFFER>" >"$TOLD"; zle -I; BUFFER=; }
zle -N tell; bindkey '^X' tell
"""


def until(fd, regex, seconds=20):
    seen, deadline = "", time.monotonic() + seconds
    while not re.search(regex, seen):
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([fd], [], [], left)[0]:
            return None
        seen += os.read(fd, 65536).decode(errors="replace")
    return seen


def main():
    directory, completion, line = sys.argv[1:]
    told = os.path.abspath("zsh.told")
    if os.path.exists(told):
        os.remove(told)
    with open("zsh.setup", "w") as f:
        f.write(SETUP)
    pid, fd = pty.fork()
    if not pid:
        os.environ.update(TERM="dumb", PATH=f"{os.path.realpath(directory)}:{os.environ['PATH']}", TOLD=told,
                          COMPLETION=os.path.realpath(completion))
        os.execvp("zsh", ["zsh", "-f", "-i"])
    until(fd, "[%#] ")
    os.write(fd, b". ./zsh.setup\n")
    until(fd, "(?m)^ready> ")
    os.write(fd, line.encode() + b"\t\x18")
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and not (os.path.exists(told) and os.path.getsize(told)):
        if select.select([fd], [], [], 0.05)[0]:
            os.read(fd, 65536)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    if os.path.exists(told):
        with open(told) as f:
            print(f.read().strip("\n")[1:-1])
    return 0


sys.exit(main())

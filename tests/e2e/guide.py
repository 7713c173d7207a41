#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""guide.py GUIDE HOME: does what a guide shows after `$`, in the directory of the project, and compares the answers;
/home/me stands for HOME. One TAP case for each command."""
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def commands(text):
    """(command, the lines that it answers) of every indented block."""
    found = []
    inside = False
    lines = text.split("\n")
    for n, line in enumerate(lines):
        # An empty line of an answer, and not the end of its block.
        if inside and not line and lines[n + 1:n + 2] and re.match(r"    [^$]", lines[n + 1]):
            found[-1][1].append("")
        elif not line.startswith("    "):
            inside = False
        elif line.startswith("    $ "):
            found.append([line[6:], []])
            inside = True
        elif inside and not found[-1][1] and found[-1][0].endswith("\\"):
            found[-1][0] = found[-1][0][:-1] + line.strip()
        elif inside:
            found[-1][1].append(line[4:])
    return found


def plain(line, home):
    """Without what differs from run to run: dots that fill a line, times, identities, and this host's name."""
    line = re.sub(r"\.{2,}", "..", line.replace(home, "/home/me").rstrip())
    line = re.sub(r" +\d+\.\d ms  ", " ms  ", line)
    line = re.sub(r"\b[0-9a-f]{17,32}\b", "ID", line)
    line = re.sub(r"(lunar\.host:)[\w.-]+", r"\1me", line)
    return re.sub(r"\d+ ops; .*", "ops", line)


def main():
    with open(sys.argv[1]) as f:
        steps = commands(f.read())
    home = sys.argv[2]
    env = {**os.environ, "HOME": home, "LUNAR_TARGET_SOCKET": f"{home}/lunar/target.sock",
           "LUNAR_INITIATOR_SOCKET": f"{home}/lunar-initiator/initiator.sock"}
    for n, (command, expected) in enumerate(steps, 1):
        done = subprocess.run(["bash", "-c", command], cwd=ROOT, env=env, stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False)
        got = [plain(x, home) for x in done.stdout.rstrip("\n").split("\n")]
        wanted = [plain(x, home) for x in expected] or [""]
        print(f"{'ok' if got == wanted else 'not ok'} {n} - {command[:100]}", flush=True)
        if got != wanted:
            print("".join(f"# got: {x}\n" for x in got) + "".join(f"# not: {x}\n" for x in wanted), flush=True)
    print(f"1..{len(steps)}")
    return 0 if steps else 1


sys.exit(main())

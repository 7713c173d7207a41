#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""targetcli.py TARGETCLI SAVED: types the commands of targetcli.facts, one after the other, and compares exit codes,
trees and short answers; one TAP case for each command. TARGETCLI is our program under that name, SAVED the daemon's
own file. Files of /tmp are put into the current directory instead.

targetcli.differences lists what is meant to be different, each with its reason, as paragraphs:

    why TEXT        the reason (and on for more lines)
    gone REGEX      lines of the original that are not there
    more REGEX      lines of ours that are not there in the original
    at COMMAND      instead of the original's answer, up to the next paragraph: ours, written as in the facts, or
                    with >~ and !~ as a regular expression; the COMMAND is one, too, for the whole command line
    left COMMAND    it is not typed: what it does here would be in the trees that follow

A difference that is not met is a failure, so that the list stays true."""
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
WIDTH = 132


class Difference:
    def __init__(self):
        self.why, self.gone, self.more, self.at, self.left, self.answer = "", [], [], [], [], None
        self.used = set()


def read_differences(path):
    found = []
    with open(path) as f:
        for line in f:
            line = line.rstrip("\n")
            if line.startswith("#"):
                continue
            word, _, rest = line.partition(" ")
            if word == "why":
                found.append(Difference())
                found[-1].why = rest
            elif word in ("gone", "more", "at", "left"):
                getattr(found[-1], word).append(rest)
            elif word in (">", "!", ">~", "!~", "=", "~"):
                found[-1].answer = found[-1].answer or Answer()
                found[-1].answer.take(line)
            elif line.strip() and found:
                found[-1].why += " " + line.strip()
    return found


class Answer:
    """What a command says, and its exit code; `out` None: it is prose."""

    def __init__(self):
        self.out, self.err, self.code = [], [], 0

    def take(self, line):
        if line.startswith((">~", "!~")):
            (self.out if line[0] == ">" else self.err).append(re.compile(line[3:]))
        elif line.startswith(">"):
            self.out.append(line[2:])
        elif line.startswith("!"):
            self.err.append(line[2:])
        elif line.startswith("="):
            self.code = int(line[2:])
        elif line.startswith("~"):
            self.out = self.err = None


def read_facts(path):
    facts = []
    with open(path) as f:
        for line in f:
            line = line.rstrip("\n")
            if line.startswith("$ "):
                facts.append((line[2:], Answer()))
            elif facts and line:
                facts[-1][1].take(line)
    return facts


def plain(line, saved):
    """Without what differs from run to run: random names, the file's place, and how many dots there are."""
    line = line.replace(os.getcwd(), "/tmp").replace(saved.replace(os.getcwd(), "/tmp"), "SAVED")
    line = line.replace("/etc/rtslib-fb-target/saveconfig.json", "SAVED")
    line = re.sub(r"iqn\.\d{4}-\d\d\.[a-z0-9.-]+:sn\.[0-9a-f]{12}", "RANDOM-IQN", line)
    line = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UUID", line)
    line = re.sub(r"^alias: [0-9a-f]{10}$", "alias: RANDOM", line)
    return re.sub(r" \.{2,} \[", " ... [", line).rstrip()


def facts_of(command, lines):
    """Of what ours says, what the facts have."""
    if re.search(r" help create$", command):
        return [x.strip() for x in lines if x.startswith("  create ")]
    if " help" in command:
        return [x for x in lines if x.startswith("  - ")]
    if " get " in command:
        return [x for x in lines if re.match(r"\w+=(?!=)", x) or re.match(r"[A-Z_]+ CONFIG GROUP$", x)]
    return lines


def ask(targetcli, command, saved):
    here = command.replace("/tmp/", os.getcwd() + "/").replace("targetcli", targetcli)
    done = subprocess.run(["sh", "-c", here], capture_output=True, text=True, timeout=60,
                          stdin=subprocess.DEVNULL)
    answer = Answer()
    raw = done.stdout.split("\n")
    answer.out = [plain(x, saved) for x in facts_of(command, raw) if x.strip()]
    answer.err = [plain(x, saved) for x in done.stderr.split("\n") if x.strip()]
    answer.code = done.returncode
    answer.narrow = [x for x in raw if re.match(r"[ |]*o- .*\.\. \[", x) and len(x) != WIDTH]
    return answer


def same(want, have):
    """Line by line; of those that are wanted, some are regular expressions."""
    return len(want) == len(have) and all(
        w.fullmatch(h) if isinstance(w, re.Pattern) else w == h for w, h in zip(want, have))


def unfold(lines):
    """The last child of what is left is drawn as the last one."""
    return [re.sub(r"\| ", "  ", x) if isinstance(x, str) else x for x in lines]


def dropped(lines, differences, kind):
    kept = []
    for line in lines:
        hit = False
        for d in differences:
            for regex in getattr(d, kind):
                if isinstance(line, str) and re.search(regex, line):
                    d.used.add((kind, regex))
                    hit = True
        if not hit:
            kept.append(line)
    return kept


def compare(command, theirs, ours, differences):
    """The faults, as lines."""
    for d in differences:
        for regex in d.at:
            if re.fullmatch(regex, command):
                d.used.add(("at", regex))
                theirs = d.answer
    faults = [f"not {WIDTH} columns: {x}" for x in ours.narrow]
    if theirs.code != ours.code:
        faults.append(f"exit code {ours.code}, not {theirs.code}")
    for name in ("out", "err"):
        want, have = getattr(theirs, name), getattr(ours, name)
        if want is None:
            continue
        want = [plain(x, "?") if isinstance(x, str) else x for x in want if x]
        kept = dropped(want, differences, "gone")
        have = dropped(have, differences, "more")
        if len(kept) < len(want):
            kept, have = unfold(kept), unfold(have)
        want = kept
        if not same(want, have):
            faults += [f"std{name}:"] + [f"  - {x}" for x in want] + [f"  + {x}" for x in have]
    return faults


def is_left(command, differences):
    for d in differences:
        for regex in d.left:
            if re.fullmatch(regex, command):
                d.used.add(("left", regex))
                return True
    return False


def main():
    targetcli, saved = sys.argv[1:3]
    facts = read_facts(os.path.join(HERE, "targetcli.facts"))
    differences = read_differences(os.path.join(HERE, "targetcli.differences"))
    count = 0
    for command, theirs in facts:
        if is_left(command, differences):
            continue
        ours = ask(targetcli, command, saved)
        faults = compare(command, theirs, ours, differences)
        count += 1
        print(f"{'not ok' if faults else 'ok'} {count} - {command}")
        for line in faults:
            print(f"# {line}")
    for d in differences:
        left = [(k, r) for k in ("gone", "more", "at", "left") for r in getattr(d, k) if (k, r) not in d.used]
        count += 1
        print(f"{'not ok' if left or not d.why else 'ok'} {count} - meant: {d.why[:100]}")
        for kind, regex in left:
            print(f"# not met: {kind} {regex}")
    print(f"1..{count}")
    return 0


sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""cu2tap.py FAMILIES OUTPUT [PREFIX [FAMILY.TEST...]]: the output of `iscsi-test-cu -v` as TAP
without a plan. The tests named must pass here, whatever FAMILIES says of skipping: what they may skip
is single commands that are not implemented.

One case for each test of a gated family, one for the summary. Tests of the other families are shown
as comments. The last line is a comment with the number of cases, for the caller's plan.
"""
import re
import sys


def read_families(path):
    families = {}
    with open(path) as f:
        for line in f:
            words = line.split("#")[0].split()
            if words:
                families[words[1]] = (words[0], words[2:])
    return families


def read_tests(lines):
    """Yields (family, test, passed, lines it printed). The verdict stands behind the dots or, when
    the test printed something, on a line of its own."""
    family = test = None
    said = []
    for line in lines:
        suite = re.match(r"Suite: (\S+)", line)
        begin = re.match(r"  Test: (.+?) \.\.\.(.*)$", line)
        if suite:
            family = suite[1]
            continue
        if begin:
            test, said, line = begin[1], [], begin[2]
        if test is None:
            continue
        verdict = re.match(r"(passed|FAILED)", line)
        if verdict:
            yield family, test, verdict[1] == "passed", said
            test = None
        elif line.strip():
            said.append(line.strip())
    if test is not None:
        yield family, test, False, said + ["it never ended"]


def main():
    families = read_families(sys.argv[1])
    prefix = sys.argv[3] if len(sys.argv) > 3 else ""
    must_pass = set(sys.argv[4:])
    with open(sys.argv[2], errors="replace") as f:
        lines = f.read().split("\n")
    number = ran = 0
    seen = set()
    shown = {}

    def case(passed, name, why=(), skipped=None):
        nonlocal number
        number += 1
        print(f"{'ok' if passed else 'not ok'} {number} - {prefix}{name}" +
              (f" # SKIP {skipped}" if skipped else ""))
        for line in why:
            print(f"# {line}")

    for family, test, passed, said in read_tests(lines):
        ran += 1
        name = f"{family}.{test}"
        seen.add(name)
        kind, may_skip = families.get(family, ("unknown", []))
        skipped = [x for x in said if "[SKIPPED]" in x]
        if name in must_pass:
            may_skip = []
            skipped = [x for x in skipped if not x.endswith("is not implemented.")]
        if kind == "show":
            word = "failed" if not passed else "skipped" if skipped else "passed"
            shown[word] = shown.get(word, 0) + 1
            if word != "skipped":
                print(f"# not asked for yet: {name}: {word}")
        elif kind == "unknown":
            case(False, name, ["the family is not in the list"])
        elif passed and skipped:
            if test in may_skip or "*" in may_skip:
                case(True, name, skipped=skipped[0].replace("[SKIPPED]", "").strip())
            else:
                case(False, name, skipped + ["it may not be skipped"])
        else:
            case(passed, name, [] if passed else said)
    for name in sorted(must_pass - seen):
        case(False, name, ["it was not run"])
    summary = [x for x in lines if re.match(r"\s+tests\s+\d+\s+\d+", x)]
    total = int(summary[-1].split()[2]) if summary else -1
    case(total == ran, f"the summary counts {total} tests, {ran} were seen",
         [] if total == ran else lines[-40:])
    if shown:
        print("# not asked for yet: " + ", ".join(f"{n} {word}" for word, n in shown.items()))
    for line in lines[-8:]:
        print(f"# {line}")
    print(f"# cases: {number}")


main()

#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""json_commands.py LUNAR PORT: every command of the program with --json, in the current directory: a TAP case each,
without a plan. Of the shell's, those that the shell itself lists: one that is in no row here is a fault."""
import json
import os
import subprocess
import sys

LUNAR, PORT = sys.argv[1:]
IQN = "iqn.2026-11.com.example:json"
ME = "iqn.2026-11.com.example:me"
TPG = f"/iscsi/{IQN}/tpg1"
DISK = "/backstores/ramdisk/r"

# Where, what; and a key that the answer has.
COMMANDS = [
    ("/backstores/ramdisk", "create r 1M", "said"),
    ("/backstores/fileio", "create f f.img 1M", "said"),
    ("/", "create disk other.img 1M", "said"),
    ("/iscsi", f"create {IQN}", "path"),
    (f"{TPG}/luns", f"create {DISK}", "said"),
    (f"{TPG}/acls", f"create {ME}", "said"),
    (f"{TPG}/acls", f"tag {ME} friends", "said"),
    (f"{TPG}/acls", f"untag {ME}", "said"),
    (f"{TPG}/portals", "delete 0.0.0.0 3260", "said"),
    (f"{TPG}/portals", f"create 127.0.0.1 {PORT}", "said"),
    (TPG, "disable", "said"),
    (TPG, "enable", "said"),
    (TPG, "set attribute authentication=0", "said"),
    (TPG, "set attribute", "values"),
    (TPG, "set global tree_max_depth=0", "said"),
    (TPG, "get attribute authentication", "values"),
    (TPG, "get", "groups"),
    (TPG, "get global", "values"),
    (DISK, "info", "info"),
    (DISK, "status", "summary"),
    ("/backstores/fileio/f", "resize 2M", "said"),
    ("/", "ls", "children"),
    ("/", "pwd", "said"),
    ("/", "cd /iscsi", "path"),
    ("/iscsi", "", "path"),
    ("/", "refresh", "said"),
    ("/", "help", "commands"),
    (TPG, "help set", "commands"),
    ("/iscsi", "bookmarks add here", "said"),
    ("/", "bookmarks show", "here"),
    ("/", "bookmarks go here", "path"),
    ("/", "bookmarks del here", "said"),
    ("/", "sessions", "sessions"),
    ("/", "sessions detail", "sessions"),
    ("/", "version", "version"),
    ("/", "log", "levels"),
    ("/", "log warning scsi=info", "levels"),
    ("/", "saveconfig", "said"),
    ("/", "saveconfig saved.json", "said"),
    ("/", "restoreconfig saved.json clear_existing=true", "report"),
    ("/", "exit", "said"),
]
AFTER = [
    (f"{TPG}/luns", "delete 0", "said"),
    ("/", "clearconfig confirm=True", "said"),
    ("/", "restart", "version"),
]
# Which fail: where, what, exit code.
REFUSED = [
    ("/", "nix", 1),
    ("/nix", "ls", 1),
    ("/", "cd /nix", 1),
    ("/", "help nix", 1),
    ("/", "ls / x", 1),
    ("/", "bookmarks go none", 1),
    ("/", "sessions list 77", 1),
    ("/", "clearconfig", 1),
    ("/", "restoreconfig none.json", 1),
    ("/", "get nix", 1),
    (DISK, "set attribute nix=1", 1),
    ("/iscsi", "create nonsense", 1),
    ("/", 'create "', 1),
]
# Of the program: words, exit code, key.
PROGRAM = [
    (["--version"], 0, "version"),
    (["version"], 0, "version"),
    (["nix"], 2, "error"),
    (["status"], 0, "disks"),
    (["status", "--nix"], 2, "error"),
    (["status", "--socket", "/nix/nix"], 1, "error"),
    (["serve"], 2, "error"),
    (["serve", "/nix/nix"], 1, "error"),
    (["target", "--version"], 0, "version"),
    (["target", "--nix"], 2, "error"),
    (["target", "--socket", "/nix/nix", "ls"], 1, "error"),
    (["target", "apply", "saved.json", "--dry-run"], 0, "changes"),
    (["target", "apply", "saved.json"], 0, "changes"),
    (["target", "apply"], 1, "error"),
    (["target", "apply", "none.json"], 1, "error"),
    (["target", "apply", "targets.conf"], 1, "error"),
    (["target", "explain", ME], 0, "verdicts"),
    (["target", "explain", "nonsense name"], 1, "error"),
    (["target", "explain", "--from"], 1, "error"),
    (["target", "log"], 0, "levels"),
    (["target", "log", "warning,scsi=info"], 0, "levels"),
    (["target", "log", "loud"], 1, "error"),
    (["target", "log", "a", "b"], 1, "error"),
    (["target", "clearconfig", "confirm=True"], 0, "said"),
    (["target", "import", "targets.conf"], 0, "report"),
    (["target", "import", "bad.conf"], 1, "error"),
    (["target", "import"], 1, "error"),
]


class Cases:
    count = 0

    def case(self, name, fault):
        self.count += 1
        print(f"{'not ok' if fault else 'ok'} {self.count} - {name}")
        if fault:
            print("# " + str(fault).replace("\n", "\n# "))


def documents(text):
    """One after the other, whatever is between them."""
    decoder, found = json.JSONDecoder(), []
    text = text.strip()
    while text:
        value, end = decoder.raw_decode(text)
        found.append(value)
        text = text[end:].strip()
    return found


def run(argv, text=""):
    return subprocess.run([LUNAR, *argv], input=text, capture_output=True, text=True, timeout=60, check=False)


def look(done, code, key, quiet=True):
    """What is wrong; None."""
    if done.returncode != code:
        return f"exit code {done.returncode}, not {code}: {done.stdout} {done.stderr}"
    try:
        found = documents(done.stdout)
    except ValueError as e:
        return f"{e}: {done.stdout}"
    if len(found) != 1 or not isinstance(found[0], dict):
        return f"not one object: {done.stdout}"
    if key and key not in found[0]:
        return f"no {key}: {done.stdout}"
    if key == "error" and not (isinstance(found[0]["error"].get("message"), str) and "code" in found[0]["error"]):
        return f"no code or no message: {done.stdout}"
    if done.stderr and quiet:
        return f"on standard error, too: {done.stderr}"
    return None


def listed():
    """The commands that there are anywhere in the tree, as the shell itself says."""
    names = set()
    tree = [("/", json.loads(run(["target", "--json", "ls"]).stdout))]
    while tree:
        path, node = tree.pop()
        done = run(["target", "--json", path, "help"])
        names |= {c["name"] for c in json.loads(done.stdout)["commands"]}
        tree += [(os.path.join(path, c["name"]), c) for c in node.get("children", [])]
    return names


def main():
    t = Cases()
    for path, command, key in COMMANDS:
        t.case(f"{path} {command}", look(run(["target", "--json", path, *command.split()]), 0, key))
    # There is but one way to it, and no hardware for the other ones.
    for word in ("enable_iser", "enable_offload"):
        t.case(f"portal {word}", look(run(["target", "--json", f"{TPG}/portals/127.0.0.1:{PORT}", word, "false"]), 0, "said"))
    tried = {c.split()[0] for _, c, _ in COMMANDS + AFTER if c} | {"enable_iser", "enable_offload"}
    missing = listed() - tried
    t.case("that is all commands that there are", missing and f"not tried: {sorted(missing)}")
    for path, command, code in REFUSED:
        t.case(f"refused: {path} {command}", look(run(["target", "--json", path, *command.split()]), code, "error"))
    for path, command, key in AFTER:
        t.case(f"{path} {command}", look(run(["target", "--json", path, *command.split()]), 0, key))
    for words, code, key in PROGRAM:
        quiet = words != ["serve", "/nix/nix"]  # it has a log
        t.case("lunar " + " ".join(words), look(run([*words, "--json"]), code, key, quiet))

    done = run(["target", "--json"], "ls\n# a comment\n\nnix\ncd /iscsi\n")
    try:
        found = documents(done.stdout)
    except ValueError as e:
        found = [str(e)]
    t.case("a script: an object for each command", [list(d)[:1] for d in found[:3]] !=
           [["name"], ["error"], ["path"]] and done.stdout)
    t.case("a refusal names its line", len(found) < 2 or found[1]["error"].get("line") != 4 and found)
    done = run(["target", "--json", "--atomic"], "/backstores/ramdisk create a 1M\n/backstores/ramdisk create a 1M\n")
    t.case("a transaction that fails is one object", look(done, 1, "error") or
           json.loads(done.stdout)["error"].get("line") != 2 and done.stdout)
    return 0


sys.exit(main())

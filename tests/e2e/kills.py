#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""kills.py TARGETD DIRECTORY ROUNDS: an administrator makes a target in one transaction and saves, and the daemon is
killed at any time meanwhile. What is there after the next start is what was there before, or all of it."""
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time

TARGETD, DIRECTORY, ROUNDS = sys.argv[1], sys.argv[2], int(sys.argv[3])
SOCKET = os.path.join(DIRECTORY, "target.sock")
BACKSTORE = "/backstores/ramdisk/disk"
rnd = random.Random(20261125)


class Caller:
    def __init__(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20)
        self.sock.connect(SOCKET)
        self.lines = self.sock.makefile()

    def send(self, method, **params):
        self.sock.sendall((json.dumps({"jsonrpc": "2.0", "id": 1, "method": method,
                                       "params": params}) + "\n").encode())

    def call(self, method, **params):
        self.send(method, **params)
        answer = json.loads(self.lines.readline())
        if "error" in answer:
            sys.exit(f"{method} {params}: {answer['error']['message']}")
        return answer["result"]


def start():
    child = subprocess.Popen([TARGETD, "--state", DIRECTORY, "--quiet"], stdin=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if child.poll() is not None:
            sys.exit(f"the daemon ended with {child.returncode}")
        try:
            caller = Caller()
            while not caller.call("status")["ready"]:
                time.sleep(0.005)
            return child, caller
        except OSError:
            time.sleep(0.005)
    sys.exit("the daemon does not start")


def targets(document):
    """By name; each with all that was made with it, or the program ends."""
    found = {}
    for target in document["targets"]:
        tpg = target["tpgs"][0]
        acl = tpg["node_acls"][0] if tpg["node_acls"] else {}
        whole = (len(tpg["luns"]) == 1 and len(tpg["node_acls"]) == 1
                 and len(acl.get("mapped_luns", [])) == 1
                 and acl.get("chap_password") == "correct-horse-1"
                 and tpg["attributes"].get("authentication") == 1)
        if not whole:
            sys.exit(f"half of {target['wwn']} is there: {json.dumps(tpg)}")
        found[target["wwn"]] = True
    return set(found)


def make(name):
    tpg = f"/iscsi/{name}/tpg1"
    acl = "iqn.2026-11.test:initiator"
    return [
        {"method": "tree.create", "params": {"path": "/iscsi", "args": {"wwn": name},
                                             "prefs": {"auto_add_default_portal": False}}},
        {"method": "tree.create", "params": {"path": tpg + "/luns",
                                             "args": {"storage_object": BACKSTORE}}},
        {"method": "tree.create", "params": {"path": tpg + "/acls", "args": {"wwn": acl}}},
        {"method": "tree.set", "params": {"path": tpg, "group": "attribute",
                                          "values": {"authentication": "1"}}},
        {"method": "tree.set", "params": {"path": f"{tpg}/acls/{acl}", "group": "auth",
                                          "values": {"userid": "user",
                                                     "password": "correct-horse-1"}}},
    ]


def main():
    child, caller = start()
    caller.call("tree.create", path="/backstores/ramdisk", args={"name": "disk", "size": "1M"})
    caller.call("config.save")
    before, old, new = set(), 0, 0
    for i in range(ROUNDS):
        name = f"iqn.2026-11.test:t{i}"
        caller.send("batch", calls=make(name), atomic=True)
        caller.send("config.save")
        # From before it is read to after it is saved.
        time.sleep(rnd.random() * 0.006)
        child.send_signal(signal.SIGKILL)
        child.wait()
        caller.sock.close()
        child, caller = start()
        now = targets(json.loads(caller.call("config.export", secrets=True)["document"]))
        if now == before:
            old += 1
        elif now == before | {name}:
            new += 1
        else:
            sys.exit(f"round {i}: {sorted(now ^ before)} is different")
        before = now
    # Killed saves may have left older ones behind, until one is not killed.
    caller.call("tree.create", path="/backstores/ramdisk", args={"name": "last", "size": "1M"})
    caller.call("config.save")
    child.terminate()
    if child.wait(30):
        sys.exit(f"it ended with {child.returncode}")
    print(f"{ROUNDS} kills: {old} times the old configuration, {new} times the new one")


main()

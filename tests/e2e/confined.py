#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""confined.py UNIT GROUP COMMAND...: runs it, as root, under what a systemd unit takes from it, where no systemd
may be: capabilities, system calls, socket families, writable code, limits, umask. systemd-analyze knows the sets
of system calls. GROUP stands for SupplementaryGroups=."""
import ctypes
import errno
import os
import resource
import subprocess
import sys

ALLOW, ERRNO = 0x7FFF0000, 0x00050000
EQUAL, MASKED = 4, 7  # SCMP_CMP_EQ, SCMP_CMP_MASKED_EQ
PROT_WRITE, PROT_EXEC = 2, 4
FAMILIES = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10}
LIMITS = {"LimitNOFILE": resource.RLIMIT_NOFILE, "LimitMEMLOCK": resource.RLIMIT_MEMLOCK,
          "LimitCORE": resource.RLIMIT_CORE}


class Compare(ctypes.Structure):
    _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


class Filter:
    """A list of system calls by libseccomp."""

    def __init__(self, standard):
        self.lib = ctypes.CDLL("libseccomp.so.2")
        self.lib.seccomp_init.restype = ctypes.c_void_p
        self.lib.seccomp_init.argtypes = [ctypes.c_uint32]
        self.lib.seccomp_rule_add_array.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint,
                                                    ctypes.POINTER(Compare)]
        self.lib.seccomp_load.argtypes = [ctypes.c_void_p]
        self.filter = self.lib.seccomp_init(standard)

    def add(self, action, name, *compares):
        number = self.lib.seccomp_syscall_resolve_name(name.encode())
        if number == -1:
            return  # this kernel's libraries do not know it
        array = (Compare * len(compares))(*compares)
        self.lib.seccomp_rule_add_array(self.filter, action, number, len(compares), array)

    def load(self):
        if self.lib.seccomp_load(self.filter):
            sys.exit("confined.py: the filter cannot be loaded")


def settings(path):
    """NAME: its values, one for each line."""
    found = {}
    with open(path) as f:
        for line in f:
            name, is_one, value = line.strip().partition("=")
            if is_one and not line.startswith("#"):
                found.setdefault(name, []).append(value)
    return found


def members(word):
    if not word.startswith("@"):
        return {word}
    text = subprocess.run(["systemd-analyze", "--no-pager", "syscall-filter", word], check=True,
                          capture_output=True, text=True).stdout
    words = [line.split()[0] for line in text.split("\n")[1:] if line.strip() and line.split()[0] != "#"]
    return set().union(*(members(w) for w in words))


def system_calls(values):
    calls = members("@default")
    for value in values:
        named = set().union(*(members(w) for w in value.lstrip("~").split()))
        calls = calls - named if value.startswith("~") else calls | named
    return calls | members("@default")


def enter_limits(unit):
    for name, limit in LIMITS.items():
        value = unit[name][0]
        number = resource.RLIM_INFINITY if value == "infinity" else int(value)
        try:
            resource.setrlimit(limit, (number, number))
        except (PermissionError, ValueError):
            pass  # a container's limit is lower, and will do
    os.umask(int(unit["UMask"][0], 8))


def enter_filters(unit):
    calls = Filter(ERRNO | errno.EPERM)
    for name in sorted(system_calls(unit["SystemCallFilter"]) - {"socket"}):
        calls.add(ALLOW, name)
    for family in unit["RestrictAddressFamilies"][0].split():
        calls.add(ALLOW, "socket", Compare(0, EQUAL, FAMILIES[family], 0))
    code = Filter(ALLOW)
    code.add(ERRNO | errno.EPERM, "mmap", Compare(2, MASKED, PROT_WRITE | PROT_EXEC, PROT_WRITE | PROT_EXEC))
    code.add(ERRNO | errno.EPERM, "mprotect", Compare(2, MASKED, PROT_EXEC, PROT_EXEC))
    code.load()
    calls.load()


def main():
    unit = settings(sys.argv[1])
    if sys.argv[2] != "--again":
        capabilities = [c[4:].lower() for c in unit["CapabilityBoundingSet"][0].split()]
        # The program that is started has what is in the bounding set, being root.
        os.execvp("setpriv", ["setpriv", "--no-new-privs", "--groups", sys.argv[2], "--bounding-set",
                              ",".join(["-all"] + [f"+{c}" for c in capabilities]),
                              sys.executable, sys.argv[0], sys.argv[1], "--again", *sys.argv[3:]])
    enter_limits(unit)
    enter_filters(unit)
    os.execvp(sys.argv[3], sys.argv[3:])


main()

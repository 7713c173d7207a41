#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""without.py WHAT COMMAND...: runs it where the kernel, or a container, does not have that:
io-uring, landlock, or seccomp."""
import ctypes
import errno
import os
import struct
import sys

PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 22, 38
SECCOMP_MODE_FILTER = 2
SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO = 0x7FFF0000, 0x00050000
# Since 5.1 new system calls have one number on every architecture.
IO_URING_SETUP, LANDLOCK_CREATE_RULESET = 425, 444
SECCOMP = {"x86_64": 317, "aarch64": 277, "riscv64": 277}.get(os.uname().machine)
PRCTL = {"x86_64": 157, "aarch64": 167, "riscv64": 167}.get(os.uname().machine)
# What is refused: a system call, the value of its first argument (None: any), and with what error.
REFUSED = {
    "io-uring": [(IO_URING_SETUP, None, errno.EPERM)],
    "landlock": [(LANDLOCK_CREATE_RULESET, None, errno.ENOSYS)],
    "seccomp": [(SECCOMP, None, errno.ENOSYS), (PRCTL, PR_SET_SECCOMP, errno.EINVAL)],
}


def instruction(code, jt, jf, k):
    return struct.pack("HBBI", code, jt, jf, k)


def refusal(call, argument, error):
    """Skips itself for other calls."""
    code = [instruction(0x20, 0, 0, 0)]  # the number of the system call
    code.append(instruction(0x15, 0, 1 if argument is None else 3, call))
    if argument is not None:
        code.append(instruction(0x20, 0, 0, 16))  # the lower half of its first argument
        code.append(instruction(0x15, 0, 1, argument))
    code.append(instruction(0x06, 0, 0, SECCOMP_RET_ERRNO | error))
    return b"".join(code)


class Program(ctypes.Structure):
    _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_char_p)]


rows = REFUSED[sys.argv[1]]
if any(call is None for call, _, _ in rows):
    sys.exit(f"the numbers of system calls on {os.uname().machine} are not known here")
FILTER = b"".join(refusal(*row) for row in rows) + instruction(0x06, 0, 0, SECCOMP_RET_ALLOW)
libc = ctypes.CDLL(None, use_errno=True)
program = Program(len(FILTER) // 8, FILTER)
if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or \
        libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0):
    sys.exit(f"seccomp: {os.strerror(ctypes.get_errno())}")
os.execvp(sys.argv[2], sys.argv[2:])

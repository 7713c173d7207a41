#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""without-io-uring.py COMMAND...: runs it where io_uring_setup(2) is refused, as in a container."""
import ctypes
import os
import struct
import sys

PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 22, 38
SECCOMP_MODE_FILTER = 2
SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO = 0x7FFF0000, 0x00050000
IO_URING_SETUP = 425  # on every architecture
EPERM = 1


def instruction(code, jt, jf, k):
    return struct.pack("HBBI", code, jt, jf, k)


FILTER = b"".join([
    instruction(0x20, 0, 0, 0),  # the number of the system call
    instruction(0x15, 0, 1, IO_URING_SETUP),
    instruction(0x06, 0, 0, SECCOMP_RET_ERRNO | EPERM),
    instruction(0x06, 0, 0, SECCOMP_RET_ALLOW),
])


class Program(ctypes.Structure):
    _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_char_p)]


libc = ctypes.CDLL(None, use_errno=True)
program = Program(len(FILTER) // 8, FILTER)
if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or \
        libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0):
    sys.exit(f"seccomp: {os.strerror(ctypes.get_errno())}")
os.execvp(sys.argv[1], sys.argv[1:])

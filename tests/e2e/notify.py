#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""notify.py SOCKET: a service manager's ear. Prints what is said there, line by line, until it is ended."""
import os
import socket
import sys

ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
ear.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o666)
print("listening", flush=True)
while True:
    print(ear.recv(4096).decode(errors="replace").rstrip("\n"), flush=True)

#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""initiator.py HOST:PORT INITIATOR TARGET [SECONDS]: logs in and prints the keys that come with that, one a line; exit
code 1, with the status, when it is refused. With SECONDS it then says nothing for as long, and prints what comes:
"ping" and "closed", and how many seconds after the login."""
import socket
import sys
import time
from pdu import login_request, receive_pdu, text_of


def log_in(sock, initiator, target):
    keys = text_of({"InitiatorName": initiator, "SessionType": "Normal", "TargetName": target,
                    "HeaderDigest": "None", "DataDigest": "None"})
    while True:
        # From the operational stage to the full feature phase.
        sock.sendall(login_request(text=keys))
        answer, text = receive_pdu(sock)
        status = int.from_bytes(answer[36:38], "big")
        for key in text.split(b"\0"):
            if key:
                print(key.decode())
        if status:
            print(f"status {status:04x}")
        if status or answer[1] & 0x80:
            return status
        keys = b""


def listen(sock, seconds):
    start = time.monotonic()
    while (left := start + seconds - time.monotonic()) > 0:
        sock.settimeout(left)
        try:
            header, _ = receive_pdu(sock)
            what = "ping" if header[0] & 0x3f == 0x20 else f"opcode {header[0] & 0x3f:#x}"
        except socket.timeout:
            return
        except (EOFError, ConnectionResetError):
            what = "closed"
        print(f"{what} {time.monotonic() - start:.0f}")
        if what == "closed":
            return


def main():
    host, port = sys.argv[1].rsplit(":", 1)
    with socket.create_connection((host, int(port)), 10) as sock:
        if log_in(sock, sys.argv[2], sys.argv[3]):
            return 1
        if len(sys.argv) > 4:
            listen(sock, float(sys.argv[4]))
    return 0


sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""stubborn.py HOST PORT IQN: an initiator that logs in, and then does not do what it is asked to.

Prints "logged in", then a line for each PDU that comes, and never answers: not a ping, not a request
to log out. Ends when the target ends the connection. RFC 7143 11.12, 11.9.
"""
import socket
import sys
from pdu import login_request, receive_pdu, text_of

host, port, iqn = sys.argv[1], int(sys.argv[2]), sys.argv[3]
KEYS = {"InitiatorName": "iqn.2026-01.test.lunar:stubborn", "TargetName": iqn,
        "SessionType": "Normal", "HeaderDigest": "None", "DataDigest": "None"}
LOGIN_RESPONSE, ASYNC = 0x23, 0x32


def login(sock):
    # Transit from operational negotiation to full feature phase, in one step.
    sock.sendall(login_request(text=text_of(KEYS), isid=7))
    header, _ = receive_pdu(sock)
    if header[0] & 0x3F != LOGIN_RESPONSE or header[36] or not header[1] & 0x80:
        sys.exit(f"the login failed: {header.hex()}")


with socket.create_connection((host, port), timeout=60) as s:
    login(s)
    print("logged in", flush=True)
    try:
        while True:
            got, _ = receive_pdu(s)
            event = f", event {got[36]}" if got[0] & 0x3F == ASYNC else ""
            print(f"opcode {got[0] & 0x3f:#x}{event}", flush=True)
    except (EOFError, ConnectionError):
        print("the connection has ended", flush=True)

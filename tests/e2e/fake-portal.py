#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""fake-portal.py KIND [TARGET ADDRESS]: a portal that is none, or a bad one, on a port of 127.0.0.1 that it prints.

  deaf      nobody answers: its backlog is full, and connections are not even refused
  silent    takes connections, and says nothing
  http      answers as a web server does
  astray    answers discovery with TARGET, at ADDRESS, and no login to it
"""
import socket
import struct
import sys
import threading

from pdu import receive_pdu

STATUS_NOT_FOUND = 0x0203


def answer(header, opcode, flags, statsn, text=b"", status=0):
    """A response, whose opcode-specific bytes are those of the request: right for logins, texts and logouts."""
    cmdsn = int.from_bytes(header[24:28], "big") + (0 if header[0] & 0x40 else 1)
    reply = struct.pack(">BBHI", opcode, flags, 0, len(text)) + header[8:20] + b"\xff\xff\xff\xff"
    if opcode == 0x23:
        reply = reply[:14] + (header[14:16] if status else b"\0\1") + header[16:20] + bytes(4)
    elif opcode == 0x26:
        reply = reply[:8] + bytes(8) + header[16:20] + bytes(4)
    reply += struct.pack(">III", statsn, cmdsn, cmdsn + 31)
    reply += struct.pack(">H", status) + bytes(10)
    return reply + text + bytes(-len(text) % 4)


def be_astray(sock, target, address):
    statsn = 1
    discovery = False
    while True:
        header, text = receive_pdu(sock)
        opcode = header[0] & 0x3f
        if opcode == 3:
            discovery = discovery or b"SessionType=Discovery" in text
            if not discovery:
                sock.sendall(answer(header, 0x23, 0, statsn, status=STATUS_NOT_FOUND))
                return
            # Whatever stage it asks for, it gets.
            keys = b"AuthMethod=None\0" if b"AuthMethod" in text else b"HeaderDigest=None\0DataDigest=None\0"
            sock.sendall(answer(header, 0x23, header[1], statsn, keys))
        elif opcode == 4:
            found = f"TargetName={target}\0TargetAddress={address},1\0".encode()
            sock.sendall(answer(header, 0x24, 0x80, statsn, found))
        elif opcode == 6:
            sock.sendall(answer(header, 0x26, 0x80, statsn))
            return
        statsn += 1


def be_http(sock):
    sock.recv(65536)
    sock.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    sock.recv(65536)


def be_silent(sock):
    while sock.recv(65536):
        pass


def serve(kind, sock, rest):
    with sock:
        try:
            {"http": be_http, "silent": be_silent, "astray": be_astray}[kind](sock, *rest)
        except (OSError, EOFError):
            pass


def main():
    kind, *rest = sys.argv[1:]
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0 if kind == "deaf" else 64)
    full = []
    while kind == "deaf" and len(full) < 2:
        full.append(socket.socket())
        full[-1].setblocking(False)
        full[-1].connect_ex(listener.getsockname())
    print(listener.getsockname()[1], flush=True)
    if kind == "deaf":
        threading.Event().wait()
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=serve, args=(kind, sock, rest), daemon=True).start()


main()

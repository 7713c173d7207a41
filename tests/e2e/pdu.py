# SPDX-License-Identifier: BSD-2-Clause
"""PDUs of RFC 7143 11 for initiators that do what no library would."""
import struct


def login_request(stage=0x87, text=b"", length=None, flags_version=b"\0\0", isid=1):
    """A Login Request (11.12). `stage` is the byte with T, C, CSG and NSG."""
    size = len(text) if length is None else length
    header = struct.pack(">BB2sB3s6sHIHHII16x", 0x43, stage, flags_version, 0, size.to_bytes(3, "big"),
                         b"\x80\0\0\0\0" + bytes((isid,)), 0, 1, 0, 0, 1, 0)
    assert len(header) == 48
    return header + text + bytes(-len(text) % 4)


def text_of(keys):
    """A dictionary of keys as a data segment."""
    return b"".join(f"{key}={value}\0".encode() for key, value in keys.items())


def receive(sock, size):
    data = b""
    while len(data) < size:
        part = sock.recv(size - len(data))
        if not part:
            raise EOFError
        data += part
    return data


def receive_pdu(sock):
    """The header, and the data segment without its padding."""
    header = receive(sock, 48)
    length = int.from_bytes(header[5:8], "big")
    data = receive(sock, header[4] * 4 + length + -length % 4)[header[4] * 4:]
    return header, data[:length]

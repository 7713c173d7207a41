#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""control.py SOCKET METHOD [JSON]: one call on the daemon's control socket. Prints the result; exit code 1 with
the message when it is refused, 2 when there is no answer."""
import json
import socket
import sys


def main():
    path, method = sys.argv[1:3]
    params = json.loads(sys.argv[3]) if len(sys.argv) > 3 else {}
    try:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(30)
            sock.connect(path)
            sock.sendall((json.dumps({"jsonrpc": "2.0", "id": 1, "method": method,
                                      "params": params}) + "\n").encode())
            with sock.makefile() as lines:
                answer = json.loads(lines.readline())
    except (OSError, ValueError) as e:
        print(f"no answer: {e}", file=sys.stderr)
        return 2
    if "error" in answer:
        print(answer["error"]["message"])
        return 1
    print(json.dumps(answer["result"], indent=1, sort_keys=True))
    return 0


sys.exit(main())

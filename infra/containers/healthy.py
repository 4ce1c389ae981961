"""``python -IS healthy.py PORT PATH``: exit 0 if this container answers 200 there within its time, else 1 and why.

A container's healthcheck; images need not bring curl for it. It runs every few seconds in each of them, so it is a file
by itself that imports next to nothing: with urllib, it would use ten times the CPU.
"""

import socket
import sys

_SECONDS = 3.0


def main() -> int:
    """Ask once."""
    port, path = int(sys.argv[1]), sys.argv[2]
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=_SECONDS) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            status = connection.makefile("rb").readline().split()[1:2]
    except OSError as error:
        sys.stderr.write(f"port {port}: {error}\n")
        return 1
    if status != [b"200"]:
        sys.stderr.write(f"{path} answers {status}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

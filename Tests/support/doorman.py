"""Runs inside a network namespace and hands out sockets made there.

A socket belongs for ever to the namespace it was made in, whoever holds it. So a test outside asks
the doorman, over the socket pair whose descriptor is the first argument, and gets one passed back.
A request is one JSON object; the answer is one JSON object, with a descriptor unless it failed. The
doorman ends, and the namespace with it, when the other end of the pair is closed.
"""

import json
import socket
import sys


def open_socket(request: dict) -> socket.socket:
    """Makes the socket that `request` describes: `type`, and `connect` or `bind` to an address."""
    kind = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}[request["type"]]
    address = request.get("connect") or request.get("bind")
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    made = socket.socket(family, kind)
    try:
        if "connect" in request:
            made.settimeout(5)
            made.connect(tuple(address))
            made.settimeout(None)
        else:
            made.bind(tuple(address))
    except OSError:
        made.close()
        raise
    return made


def main() -> None:
    """Answers requests until the other end is closed."""
    door = socket.socket(fileno=int(sys.argv[1]))
    door.send(b'{"ready":true}')
    while message := door.recv(4096):
        try:
            made = open_socket(json.loads(message))
        except OSError as error:
            door.send(json.dumps({"errno": error.errno, "detail": str(error)}).encode())
            continue
        socket.send_fds(door, [b"{}"], [made.fileno()])
        made.close()


if __name__ == "__main__":
    main()

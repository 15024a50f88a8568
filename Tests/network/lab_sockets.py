"""The other side of a test: socat, and plain sockets that live in a host of the lab."""

import socket
import struct

from namespaces import eventually

IP_MULTICAST_ALL = 49  # linux/in.h; not in Python's socket module
IPV6_MULTICAST_ALL = 29  # linux/in6.h
MCAST_JOIN_GROUP = 42  # linux/in.h


def socat(host, *words, port=None):
    """Starts socat in a host; with `port`, waits until it is bound (it joins before it binds)."""
    process = host.start("socat", *words)
    if port is not None:
        eventually(lambda: _is_bound(process, port), what=f"socat binds {port}")
    return process


def _is_bound(process, port):
    status = process.popen.poll()
    assert status is None, f"socat ended with {status}: {process.errors}"
    return port in process.udp_ports()


def socat_send(host, payload, *words):
    """Sends one datagram by socat and waits for its end."""
    process = host.start("socat", "-u", "STDIN", *words)
    process.write(payload)
    assert process.wait() == 0, process.errors


def listener(host, port, family=socket.AF_INET, group=None, interface="eth0"):
    """A socket bound to `port` on all addresses, a member of `group` and of nothing else."""
    made = host.socket(family)
    made.settimeout(5)
    # Not SO_REUSEPORT: test_isolation.py says what that does to IPv4 groups.
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET:
        level, everything = socket.IPPROTO_IP, IP_MULTICAST_ALL
        address = struct.pack("=HH4s120x", family, 0, socket.inet_aton(group or "0.0.0.0"))
    else:
        level, everything = socket.IPPROTO_IPV6, IPV6_MULTICAST_ALL
        raw = socket.inet_pton(family, group or "::")
        address = struct.pack("=HHI16s104x", family, 0, 0, raw)
    made.setsockopt(level, everything, 0)
    if group:
        request = struct.pack("@I4x", host.interface_index(interface)) + address
        made.setsockopt(level, MCAST_JOIN_GROUP, request)
    made.bind(("", port))
    return made


def sender(host, family=socket.AF_INET, port=0, interface="eth0"):
    """A socket that sends multicast and broadcast through `interface`."""
    made = host.socket(family)
    made.settimeout(5)
    index = host.interface_index(interface)
    if family == socket.AF_INET:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        chosen = struct.pack("@4s4si", bytes(4), bytes(4), index)
        made.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, chosen)
    else:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
    if port:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(("", port))
    return made

"""Sides that daemons relay between, in both directions, and what stands still afterwards.

A side is a group or a broadcast address on one link, with a host that speaks and listens there:

    h2 ── bridge0 ── eth0 ┐    ┌ eth1 ── bridge1 ── h4
                          h1 and h3
    h2 ── side0 ───────── side0 (h1 only)
"""

import hashlib
import os
import pathlib
import socket
import time
from collections import Counter
from typing import NamedTuple

from lab_relay import Ears, metrics
from lab_sockets import listener, sender
from namespaces import eventually

# What a socket of a host sends with, so that `ttlMode: decrement` has something to take from.
HOPS = 16


class Side(NamedTuple):
    """A place where a datagram is heard once or too often."""

    address: str
    port: int
    # The interface of the daemon's host.
    interface: str
    # Who speaks and listens on this side, and by which interface.
    host: str
    link: str

    @property
    def family(self):
        """AF_INET or AF_INET6."""
        return socket.AF_INET6 if ":" in self.address else socket.AF_INET

    @property
    def is_group(self):
        """Whether it is a multicast group; otherwise a broadcast address."""
        return self.address.startswith(("ff", "239."))


def on_links(first, second, third, port):
    """A side on each of the three links."""
    return [
        Side(first, port, "eth0", "h2", "eth0"),
        Side(second, port, "eth1", "h4", "eth1"),
        Side(third, port, "side0", "h2", "side0"),
    ]


# The first two, or all three, of these are relayed between.
LAYOUTS = {
    "groups-on-lo": [
        Side("239.255.7.1", 6671, "lo", "h1", "lo"),
        Side("239.255.7.2", 6672, "lo", "h1", "lo"),
        Side("239.255.7.3", 6671, "lo", "h1", "lo"),
    ],
    "groups-on-one-link": [
        Side(f"ff05::700{number}", 6671, "eth0", "h2", "eth0") for number in (1, 2, 3)
    ],
    "one-group": on_links("239.1.1.1", "239.1.1.1", "239.1.1.1", 5004),
    "one-group-ipv6": on_links("ff05::4242", "ff05::4242", "ff05::4242", 5004),
    "link-local-ipv6": on_links("ff02::4242", "ff02::4242", "ff02::4242", 5353),
    "directed": on_links("192.168.10.255", "192.168.30.255", "192.168.20.255", 6666),
    # The broadcast addresses of old, where routes make them so.
    "network-address": on_links("192.168.10.0", "192.168.30.0", "192.168.20.0", 6667),
    "limited": on_links("255.255.255.255", "255.255.255.255", "255.255.255.255", 9),
}


def outlet(side, **fields):
    """A target: the address of the side."""
    return {"address": side.address, "port": side.port, "interface": side.interface, **fields}


def _place(side):
    """How a session names the side that it receives."""
    group = {"group": side.address} if side.is_group else {}
    return {**group, "port": side.port, "interface": side.interface}


def hear(daemon, side, *targets, **fields):
    """A session that receives the side and forwards to the targets."""
    role = {} if side.is_group else {"role": "receiver"}
    kind = "multicast-receiver" if side.is_group else "broadcast"
    # What one of two relays loses, it knows only from the other one.
    place = {**_place(side), "receiveBufferBytes": 8 << 20}
    return daemon.create(kind, forward=targets, **{**place, **role, **fields})


def mouth(daemon, side, name, is_peer=False):
    """A session that sends to the side: a sender, or a peer that shares the port."""
    fields = {"name": name, **_place(side)}
    if side.is_group:
        return daemon.create("multicast-peer" if is_peer else "multicast-sender", **fields)
    role = "peer" if is_peer else "sender"
    return daemon.create("broadcast", role=role, address=side.address, **fields)


def link_by_sessions(daemon, sides, is_peer=False, **fields):
    """Named sessions send to the sides; what is heard on one goes to those of the others."""
    mouths = [mouth(daemon, side, f"t{n}", is_peer) for n, side in enumerate(sides)]
    ears = []
    for side, own in zip(sides, mouths):
        others = [{"session": other.name} for other in mouths if other is not own]
        ears.append(hear(daemon, side, *others, **fields))
    return mouths, ears


def link_by_addresses(daemon, sides, target_fields=lambda here, there: {}, **fields):
    """What is heard on a side goes to the addresses of the others; senders are for posts only."""
    mouths = [mouth(daemon, side, f"t{n}") for n, side in enumerate(sides)]
    ears = []
    for here, side in enumerate(sides):
        others = [
            outlet(other, **target_fields(here, there))
            for there, other in enumerate(sides)
            if there != here
        ]
        ears.append(hear(daemon, side, *others, **fields))
    return mouths, ears


# Ways to relay between all of some sides: each returns the sessions to post to and those that hear.
WAYS = {
    "senders": link_by_sessions,
    "peers": lambda daemon, sides, **fields: link_by_sessions(daemon, sides, True, **fields),
    "addresses": link_by_addresses,
    "local-ports": lambda daemon, sides, **fields: link_by_addresses(
        daemon, sides, lambda here, there: {"localPort": 7000 + 10 * here + there}, **fields
    ),
    "port-of-the-side": lambda daemon, sides, **fields: link_by_addresses(
        daemon, sides, lambda here, there: {"localPort": sides[there].port}, **fields
    ),
}


def ear(lab, side):
    """A socket that hears what is on the side, and nothing of another link."""
    group = side.address if side.is_group else None
    made = listener(lab.hosts[side.host], side.port, side.family, group, side.link)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, side.link.encode())
    return made


def ears_on(lab, sides):
    """Ears on all sides."""
    return Ears(*(ear(lab, side) for side in sides))


def voice(lab, side, address=None):
    """A socket that speaks on the side, from an address of its host if that is told."""
    made = sender(lab.hosts[side.host], side.family, interface=side.link)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, side.link.encode())
    if side.family == socket.AF_INET:
        made.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, HOPS)
        made.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, HOPS)
    else:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, HOPS)
    if address:
        made.bind((address, 0))
    return made


def say(lab, side, *payloads):
    """A host sends these datagrams on the side, by one socket."""
    with voice(lab, side) as made:
        for payload in payloads:
            made.sendto(payload, (side.address, side.port))


def payload(length, mark):
    """A datagram of this length that no other mark has, as far as its length lets it."""
    return (f"{mark} ".encode() + b"." * length)[:length]


def tally(payloads):
    """How often each datagram is among these, told by its length and a digest."""
    return {
        (len(one), hashlib.sha256(one).hexdigest()[:8]): count
        for one, count in Counter(payloads).items()
    }


def heard(ears):
    """The tally of each side."""
    return [tally(payloads) for payloads in ears.heard]


def wait_until_heard(ears, payload, times=1, seconds=5):
    """Waits until each side has heard a datagram so many times, and holds that to be all."""

    def arrived():
        return all(payloads.count(payload) >= times for payloads in ears.heard)

    def counts():
        return [payloads.count(payload) for payloads in ears.heard]

    eventually(arrived, seconds, lambda: f"{len(payload)} bytes on each side: {counts()}")
    found = counts()
    assert found == [times] * len(ears.heard), f"heard {found} times, not {times}"


def cpu_seconds(daemon):
    """What the process has used so far (proc(5), stat)."""
    text = pathlib.Path(f"/proc/{daemon.process.pid}/stat").read_text().rpartition(")")[2]
    user, system = text.split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def _moved(daemon):
    """How many datagrams the sessions of a daemon have moved."""
    counted = ("received_datagrams", "forwarded_datagrams", "sent_datagrams", "replied_datagrams")
    names = tuple(f"relaycast_session_{name}_total" for name in counted)
    return sum(value for name, value in metrics(daemon).items() if name.startswith(names))


def pause(seconds):
    """Lets time pass in which nothing may happen."""
    end = time.monotonic() + seconds
    eventually(lambda: time.monotonic() >= end, seconds + 1)


def check_rest(*daemons, seconds=0.5):
    """Holds the daemons to come to rest: their counters stop, and then they use no processor."""

    def stands():
        before = [_moved(daemon) for daemon in daemons]
        pause(0.1)
        return [_moved(daemon) for daemon in daemons] == before

    eventually(stands, 5, "the counters stop")
    before = [(_moved(daemon), cpu_seconds(daemon)) for daemon in daemons]
    pause(seconds)
    for daemon, (moved, used) in zip(daemons, before):
        # A tenth of a processor; whoever relays in a circle uses a whole one.
        assert cpu_seconds(daemon) - used <= 0.1 * seconds, f"{daemon.host.name} is busy"
        assert _moved(daemon) == moved, f"{daemon.host.name} goes on"


def dropped_as_loop(*sessions):
    """How many datagrams these sessions, or their targets, have taken for returning ones."""
    total = 0
    for session in sessions:
        counters = session.counters()
        total += counters["dropped"]["loop"]
        total += sum(target["dropped"]["loop"] for target in counters.get("targets", []))
    return total


def warned_of_loops(*sessions):
    """The names of those sessions that warn of a circle."""
    return [
        session.name
        for session in sessions
        for warning in session.get()["status"].get("warnings", [])
        if warning["code"] == "relay-loop"
    ]

"""What ICMP reports of datagrams that have left: none is counted twice, and none is held up.

h1 relaycast ─┐
h2 the target ─┼─ bridge0     some of its reports are true, and some are forged
h3            ─┘
"""

import contextlib
import socket
import struct

import pytest
from lab_relay import Ears, Stream, check_books
from lab_sockets import listener, sender
from namespaces import eventually

PORT, OUT = 5004, 7100
# Destination unreachable: by port, by host, by net, by a firewall; time exceeded (RFC 792).
REPORTS = [(3, 3), (3, 1), (3, 0), (3, 13), (3, 5), (11, 0)]
REPORTS6 = [(1, 4), (1, 3), (1, 0), (1, 1), (3, 0)]  # RFC 4443


def target_of(host, family=socket.AF_INET, **fields):
    """A target: a port of a host."""
    address = host.address if family == socket.AF_INET else host.address6
    return {"address": address, "port": OUT, **fields}


def relay(relaycast, *targets, **fields):
    """A session that relays the broadcasts to a port."""
    return relaycast.create("broadcast", role="receiver", port=PORT, forward=targets, **fields)


def post(host, number, length=8, first=0):
    """Broadcasts so many datagrams, numbered from `first` on."""
    with sender(host) as made:
        for index in range(first, first + number):
            made.sendto(index.to_bytes(8, "big").ljust(length, b"."), ("192.168.10.255", PORT))


def local_port(session, index=0):
    """The port that a target is sent from."""
    return session.get()["status"]["forward"][index]["localAddress"]["port"]


class Forger:
    """A host that reports what it likes of datagrams of h1."""

    def __init__(self, host, victim, family=socket.AF_INET):
        self._family, self._victim = family, victim
        protocol = socket.IPPROTO_ICMP if family == socket.AF_INET else socket.IPPROTO_ICMPV6
        self._socket = host.socket(family, socket.SOCK_RAW, protocol)

    def close(self):
        """Ends it."""
        self._socket.close()

    def report(self, number, source_port, to, count=1):
        """Says that a datagram from a port of the victim did not get to `to`."""
        kind, code = number
        udp = struct.pack("!HHHH", source_port, to[1], 16, 0) + bytes(8)
        if self._family == socket.AF_INET:
            addresses = socket.inet_aton(self._victim.address) + socket.inet_aton(to[0])
            quoted = struct.pack("!BBHHHBBH", 0x45, 0, 36, 7, 0, 64, 17, 0) + addresses + udp
        else:
            addresses = b"".join(
                socket.inet_pton(self._family, address) for address in (self._victim.address6, to[0])
            )
            quoted = struct.pack("!IHBB", 6 << 28, 16, 17, 64) + addresses + udp
        packet = struct.pack("!BBHI", kind, code, 0, 0) + quoted
        if self._family == socket.AF_INET:
            packet = packet[:2] + struct.pack("!H", checksum(packet)) + packet[4:]
        address = self._victim.address
        if self._family == socket.AF_INET6:
            address = self._victim.address6
        for _ in range(count):
            self._socket.sendto(packet, (address, 0))


def checksum(data):
    """The Internet checksum (RFC 1071)."""
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


@pytest.fixture(params=[socket.AF_INET, socket.AF_INET6], ids=["ipv4", "ipv6"])
def family(request):
    """Both families."""
    return request.param


@pytest.fixture
def forger(h1, h2, family):
    """h2 forges."""
    with contextlib.closing(Forger(h2, h1, family)) as made:
        yield made


@pytest.mark.parametrize("number", [1, 200])
def test_datagrams_for_a_closed_port_are_counted_once(relaycast, h2, family, number):
    session = relay(relaycast, target_of(h2, family))
    post(h2, number)
    session.wait_for_count(number, "accepted")
    counters = check_books(session)
    (target,) = counters["targets"]
    assert target["forwarded"]["datagrams"] == counters["forwarded"]["datagrams"] == number
    assert target["failed"] == counters["lost"]["sendFailed"] == 0
    # Without another datagram: the report is heard when it comes. A host makes few of them.
    eventually(lambda: session.counters()["targets"][0]["unreachable"] > 0, 5, "it is reported")
    (target,) = check_books(session)["targets"]
    assert 1 <= target["unreachable"] <= number
    assert target["lastError"]["operation"] == "icmp"
    assert target["lastError"]["errno"] == "ECONNREFUSED"
    assert session.count("unreachable") == 0


@pytest.mark.parametrize("fields", [{}, {"localPort": 7200}, {"chaos": {}}], ids=str)
def test_forged_reports_neither_count_as_datagrams_nor_hold_any_up(
    relaycast, h2, h3, forger, family, fields
):
    reports = REPORTS if family == socket.AF_INET else REPORTS6
    to = target_of(h3, family, **fields)
    session = relay(relaycast, to, receiveBufferBytes=8 << 20)
    port = local_port(session)
    with Ears(listener(h3, OUT, family)) as ears:
        stream = Stream(
            h2, 3000, 3000, to=("192.168.10.255", PORT), heard=lambda: len(ears.heard[0])
        )
        stream.start()
        while stream.is_alive():
            for number in reports:
                forger.report(number, port, (to["address"], OUT), count=5)
            # Not so many at once that the kernel has no room for what it is to deliver.
            stream.join(0.001)
        session.wait_for_count(3000, "accepted")
        counters = check_books(session)
        (target,) = counters["targets"]
        assert target["forwarded"]["datagrams"] == 3000
        assert (target["failed"], target["sendBufferFull"]) == (0, 0)
        assert target["unreachable"] > 100
        ears.wait(3000)
        assert ears.heard[0] == stream.payloads


def test_reports_of_a_merged_batch_do_not_stop_the_merging(relaycast, h2, h3, forger, family):
    session = relay(relaycast, target_of(h3, family))
    port, to = local_port(session), target_of(h3, family)
    # EOPNOTSUPP for IPv4: what a device that does not segment says too.
    number = REPORTS[4] if family == socket.AF_INET else REPORTS6[0]
    with Ears(listener(h3, OUT, family)) as ears:
        for turn in range(1, 6):
            relaycast.process.freeze()
            forger.report(number, port, (to["address"], OUT), count=3)
            post(h2, 20, length=100, first=20 * turn)
            relaycast.process.thaw()
            ears.wait(20 * turn)
    (target,) = check_books(session)["targets"]
    assert (target["forwarded"]["datagrams"], target["failed"]) == (100, 0)
    assert target["unreachable"] == 15


@pytest.mark.parametrize("address", ["239.7.7.7", "255.255.255.255", "192.168.10.255"])
def test_reports_of_groups_and_broadcasts_are_ignored(relaycast, h1, h2, h3, address):
    session = relay(relaycast, {"address": address, "port": OUT, "interface": "eth0"})
    port = local_port(session)
    group = address if address.startswith("239") else None
    with contextlib.closing(Forger(h2, h1)) as forger, Ears(listener(h3, OUT, group=group)) as ears:
        for turn in range(1, 21):
            forger.report((3, 3), port, (address, OUT), count=10)
            post(h2, 1, first=turn)
            ears.wait(turn)
    (target,) = check_books(session)["targets"]
    assert target["forwarded"]["datagrams"] == 20
    assert (target["failed"], target["unreachable"]) == (0, 0)
    assert "lastError" not in target


@pytest.mark.parametrize("kind", ["multicast-sender", "multicast-peer", "broadcast"])
def test_a_sender_ignores_what_is_reported_to_it(relaycast, h1, h2, h3, kind):
    fields = {"role": "sender", "address": "192.168.10.255"}
    if kind != "broadcast":
        fields = {"group": "239.7.7.7"}
    session = relaycast.create(kind, port=OUT, interface="eth0", **fields)
    port = session.get()["status"]["localAddress"]["port"]
    address = fields.get("group", "192.168.10.255")
    with (
        contextlib.closing(Forger(h2, h1)) as forger,
        Ears(listener(h3, OUT, group=fields.get("group"))) as ears,
    ):
        for turn in range(1, 21):
            # Also of a host that it has never sent to.
            for to in (address, h2.address):
                forger.report((3, 3), port, (to, OUT), count=10)
            session.send(b"%d" % turn)
            ears.wait(turn)
    counters = session.counters()
    assert counters["sent"]["datagrams"] == 20
    assert (counters["lost"]["sendFailed"], counters["unreachable"]) == (0, 0)
    assert "lastError" not in counters


def test_reports_of_replies_are_counted_and_every_reply_leaves(relaycast, h1, h2, h3):
    session = relaycast.create(
        "broadcast", role="receiver", port=PORT, reply={"text": "yes", "perSecondMax": 1000000}
    )
    with contextlib.closing(Forger(h2, h1)) as forger, sender(h3) as client:
        for number in range(1, 101):
            forger.report((3, 3), PORT, (h3.address, client.getsockname()[1] or 1), count=10)
            client.sendto(b"?", ("192.168.10.255", PORT))
            assert client.recv(10) == b"yes"
            session.wait_for_count(number, "replied")
    counters = session.counters()
    assert counters["lost"]["sendFailed"] == 0
    eventually(lambda: session.count("unreachable") == 1000, 5, lambda: session.counters())


def test_mapped_questions_to_a_closed_port_are_counted_once(relaycast, h2):
    session = relay(relaycast, target_of(h2, mapReplies={}))
    post(h2, 3)
    session.wait_for_count(3, "accepted")
    eventually(lambda: session.counters()["targets"][0]["unreachable"] > 0, 5, "it is reported")
    (target,) = check_books(session)["targets"]
    assert (target["forwarded"]["datagrams"], target["failed"]) == (3, 0)


@pytest.mark.parametrize("role", ["sender", "peer"])
def test_a_broadcast_to_what_linux_takes_for_a_host_is_reported(relaycast, h1, role):
    # Nobody has it, and no route says that it is a broadcast address (anymore: since Linux 5.14).
    session = relaycast.create(
        "broadcast", role=role, port=OUT, interface="eth0", address="192.168.10.0"
    )
    h1.run("sh", "-c", "ip route delete broadcast 192.168.10.0 table local 2>/dev/null || true")
    h1.run("sh", "-c", "echo 100 >/proc/sys/net/ipv4/neigh/eth0/retrans_time_ms")
    session.send(b"1")
    eventually(lambda: session.count("unreachable") == 1, 5, lambda: session.counters())
    counters = session.counters()
    assert counters["sent"]["datagrams"] == 1
    assert counters["lost"]["sendFailed"] == 0
    assert counters["lastError"]["operation"] == "icmp"
    assert counters["lastError"]["errno"] == "EHOSTUNREACH"
    # A report holds up no other datagram.
    session.send(b"2")
    assert session.count("sent") == 2

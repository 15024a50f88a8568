"""What a relayed datagram has in its IP header: its TTL, and whose source address.

    h2 192.168.10.2 ── eth0  h1 the relay  eth1 ── h4, who reads the TTL and the source
"""

import contextlib
import shutil
import socket

import pytest
from lab_relay import FAR, NEAR, PORT, check_books, far, hear_far, relay, send
from lab_sockets import listener, sender

HOST = "192.168.30.4"
IP_RECVTTL = 12  # linux/in.h; not in Python's socket module
# IP_TRANSPARENT takes one of the two (ip(7) knows only the first).
WITHOUT = ["setpriv", "--bounding-set=-net_admin,-net_raw", "--inh-caps=-net_admin,-net_raw"]


def send_with_ttl(host, payload, ttl):
    """One datagram to the near group with this TTL."""
    with sender(host) as made:
        made.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, ttl)
        made.sendto(payload, (NEAR, PORT))


@contextlib.contextmanager
def ttl_reader(host, **where):
    """Returns payload and TTL of the next datagram."""
    with hear_far(host, **where) as ear:
        ear.setsockopt(socket.IPPROTO_IP, IP_RECVTTL, 1)

        def read():
            payload, control, _, _ = ear.recvmsg(100, socket.CMSG_SPACE(4))
            ((_, kind, data),) = control
            assert kind == socket.IP_TTL
            return payload, int.from_bytes(data, "little")

        yield read


@pytest.mark.parametrize(
    "target, ttl",
    [
        ({}, 1),
        ({"ttl": 4}, 4),
        ({"address": HOST}, 64),
        ({"address": HOST, "ttl": 255}, 255),
        ({"address": "192.168.30.255", "ttl": 2}, 2),
    ],
)
def test_a_fixed_ttl_is_that_of_the_target(relaycast, h2, h4, target, ttl):
    relay(relaycast, far(**target))
    with ttl_reader(h4, group=None if "address" in target else FAR) as read:
        for number in (1, 7, 200):
            send_with_ttl(h2, b"%d" % number, number)
            assert read() == (b"%d" % number, ttl)


@pytest.mark.parametrize("address", [FAR, HOST])
def test_with_decrement_it_is_one_less_than_it_was(relaycast, h2, h4, address):
    session = relay(relaycast, far(address=address, ttlMode="decrement"))
    with ttl_reader(h4, group=FAR if address == FAR else None) as read:
        for number, ttl in enumerate((2, 1, 3, 1, 255)):
            send_with_ttl(h2, b"%d" % number, ttl)
        # What came with 1 ends here.
        assert [read() for _ in range(3)] == [(b"0", 1), (b"2", 2), (b"4", 254)]
    (target,) = check_books(session)["targets"]
    assert target["dropped"]["ttl"] == 2


def test_the_threshold_keeps_datagrams_in_their_region(relaycast, h2, h4):
    threshold = far(address=HOST, port=5001, ttlMode="decrement", ttlThreshold=31)
    session = relay(relaycast, threshold, far())
    with ttl_reader(h4, group=None, port=5001) as read, ttl_reader(h4) as unrestricted:
        for ttl in (1, 31, 32, 2, 64):
            send_with_ttl(h2, b"%d" % ttl, ttl)
        assert [read(), read()] == [(b"32", 31), (b"64", 63)]
        assert [unrestricted()[0] for _ in range(5)] == [b"1", b"31", b"32", b"2", b"64"]
    targets = check_books(session)["targets"]
    assert [target["dropped"]["ttl"] for target in targets] == [3, 0]


@pytest.mark.parametrize("address", [FAR, HOST, "192.168.30.255"])
def test_the_source_address_is_preserved_where_asked(relaycast, h2, h3, h4, address):
    session = relay(relaycast, far(address=address, sourceMode="preserve"))
    with hear_far(h4, group=FAR if address == FAR else None) as ear:
        for number, host in enumerate((h2, h3, h2)):
            send(host, b"%d" % number)
            payload, source = ear.recvfrom(100)
            assert (payload, source[0]) == (b"%d" % number, host.address)
    check_books(session)


def test_where_sources_are_preserved_a_repetition_may_be_a_loop(relaycast, h2, h4):
    session = relay(relaycast, far(sourceMode="preserve"))
    with hear_far(h4) as ear:
        send(h2, b"same", b"same", b"other")
        assert [ear.recv(100), ear.recv(100)] == [b"same", b"other"]
        assert session.count("dropped", "loop") == 1
        # Who knows that there is none can say so.
        relaycast.ask("PATCH", session.path, {"loopGuardMilliseconds": 0})
        send(h2, b"same", b"same")
        assert [ear.recv(100), ear.recv(100)] == [b"same", b"same"]


def test_two_sources_at_once_do_not_mix(relaycast, h2, h3, h4):
    relay(relaycast, far(sourceMode="preserve"), far(address=HOST))
    with hear_far(h4) as preserved, listener(h4, PORT) as own, sender(h2) as a, sender(h3) as b:
        relaycast.process.freeze()
        for number in range(64):
            (a, b)[number // 3 % 2].sendto(b"%d" % number, (NEAR, PORT))
        relaycast.process.thaw()
        for number in range(64):
            payload, source = preserved.recvfrom(100)
            assert (payload, source[0]) == (b"%d" % number, (h2, h3)[number // 3 % 2].address)
            assert own.recvfrom(100)[1][0] == "192.168.30.1"


@pytest.mark.skipif(not shutil.which("setpriv"), reason="setpriv (util-linux) is not installed")
def test_without_the_capability_preserve_is_refused_and_the_server_says_so(start_daemon, h1, h4):
    weak = start_daemon(h1, through=WITHOUT)
    definition = {
        "kind": "multicast-receiver", "group": NEAR, "port": PORT, "interface": "eth0",
        "forward": [far(address=h4.address), far(sourceMode="preserve")],
    }  # fmt: skip
    answer = weak.ask("POST", "/v1/sessions", definition)
    assert (answer.status, answer.code) == (409, "permission-denied")
    assert "CAP_NET_ADMIN" in answer.json["detail"]
    assert answer.json["errors"][0]["pointer"].startswith("/forward/1")
    assert weak.ask("GET", "/v1/sessions").json["total"] == 0
    missing = weak.ask("GET", "/v1/server").json["missingCapabilities"]
    assert missing == ["CAP_NET_ADMIN"]


def test_with_the_capability_nothing_is_missing(relaycast, h4):  # noqa: ARG001
    assert relaycast.ask("GET", "/v1/server").json["missingCapabilities"] == []

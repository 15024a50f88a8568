"""What a relayed datagram has in its IP header: its TTL. Sources are in test_forward_sources.py.

    h2 192.168.10.2 ── eth0  h1 the relay  eth1 ── h4, who reads the TTL and the source
"""

import contextlib
import shutil
import socket

import pytest
from lab_relay import NEAR, PORT, check_books, far, hear_far, hear_target, relay, send
from lab_sockets import listener, sender

HOST, BROADCAST = "192.168.30.4", "192.168.30.255"
GROUP_LESS = far(ttlMode="decrement")
HOST_LESS = far(address=HOST, port=5001, ttlMode="decrement")
IP_RECVTTL = 12  # linux/in.h; not in Python's socket module
# IP_TRANSPARENT takes one of the two (ip(7) knows only the first).
WITHOUT = ["setpriv", "--bounding-set=-net_admin,-net_raw", "--inh-caps=-net_admin,-net_raw"]


def send_with_ttl(host, payload, ttl):
    """One datagram to the near group with this TTL."""
    with sender(host) as made:
        made.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, ttl)
        made.sendto(payload, (NEAR, PORT))


@contextlib.contextmanager
def ttl_reader(host, target):
    """A function that returns payload and TTL of the next datagram to this target."""
    with hear_target(host, target) as ear:
        ear.setsockopt(socket.IPPROTO_IP, IP_RECVTTL, 1)

        def read():
            payload, control, _, _ = ear.recvmsg(100, socket.CMSG_SPACE(4))
            ((_, kind, data),) = control
            assert kind == socket.IP_TTL
            return payload, int.from_bytes(data, "little")

        yield read


def test_a_fixed_ttl_is_that_of_the_target(relaycast, h2, h4):
    expected = [
        (far(port=5001), 1),
        (far(port=5002, ttl=4), 4),
        (far(port=5003, address=HOST), 64),
        (far(port=5004, address=HOST, ttl=255), 255),
        (far(port=5005, address=BROADCAST, ttl=2), 2),
    ]
    relay(relaycast, *(target for target, _ in expected))
    with contextlib.ExitStack() as stack:
        readers = [stack.enter_context(ttl_reader(h4, target)) for target, _ in expected]
        for number, ttl in enumerate((1, 7, 200)):
            send_with_ttl(h2, b"%d" % number, ttl)
            for (_, fixed), read in zip(expected, readers):
                assert read() == (b"%d" % number, fixed)


def test_with_decrement_it_is_one_less_than_it_was(relaycast, h2, h4):
    session = relay(relaycast, GROUP_LESS, HOST_LESS)
    with ttl_reader(h4, GROUP_LESS) as of_group, ttl_reader(h4, HOST_LESS) as of_host:
        for number, ttl in enumerate((2, 1, 3, 1, 255)):
            send_with_ttl(h2, b"%d" % number, ttl)
        for read in (of_group, of_host):
            # What came with 1 ends here.
            assert [read() for _ in range(3)] == [(b"0", 1), (b"2", 2), (b"4", 254)]
    for target in check_books(session)["targets"]:
        assert target["dropped"]["ttl"] == 2


def test_the_threshold_keeps_datagrams_in_their_region(relaycast, h2, h4):
    session = relay(relaycast, {**HOST_LESS, "ttlThreshold": 31}, far())
    with ttl_reader(h4, HOST_LESS) as read, ttl_reader(h4, far()) as unrestricted:
        for ttl in (1, 31, 32, 2, 64):
            send_with_ttl(h2, b"%d" % ttl, ttl)
        assert [read(), read()] == [(b"32", 31), (b"64", 63)]
        assert [unrestricted()[0] for _ in range(5)] == [b"1", b"31", b"32", b"2", b"64"]
    targets = check_books(session)["targets"]
    assert [target["dropped"]["ttl"] for target in targets] == [3, 0]


def test_ipv6_keeps_source_and_counts_hops(relaycast, h2, h4):
    fields = {"address": "ff05::2", "sourceMode": "preserve", "ttlMode": "decrement"}
    relay(relaycast, far(**fields), group="ff05::1")
    ear = listener(h4, PORT, socket.AF_INET6, "ff05::2", "eth1")
    with ear, sender(h2, socket.AF_INET6) as made:
        ear.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, 1)
        # The routing table would choose the other address of the interface.
        made.bind((h2.address6, 0))
        for number, hops in enumerate((1, 64)):
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, hops)
            made.sendto(b"%d" % number, ("ff05::1", PORT))
        payload, control, _, source = ear.recvmsg(100, socket.CMSG_SPACE(4))
    assert (payload, source[0]) == (b"1", h2.address6)
    assert [int.from_bytes(data, "little") for _, _, data in control] == [63]


def test_where_sources_are_preserved_a_repetition_passes(relaycast, h2, h4):
    session = relay(relaycast, far(sourceMode="preserve"))
    with hear_far(h4) as ear:
        send(h2, b"same", b"same", b"other")
        assert [ear.recv(100) for _ in range(3)] == [b"same", b"same", b"other"]
    assert session.count("dropped", "loop") == 0


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
    server = weak.ask("GET", "/v1/server").json
    assert server["missingCapabilities"] == ["CAP_NET_ADMIN", "CAP_NET_RAW"]
    present = {each["name"]: each["present"] for each in server["capabilities"]}
    assert present == {
        "CAP_NET_ADMIN": False, "CAP_NET_RAW": False, "CAP_NET_BIND_SERVICE": True
    }  # fmt: skip
    assert all(each["enables"] for each in server["capabilities"])


@pytest.mark.skipif(not shutil.which("setpriv"), reason="setpriv (util-linux) is not installed")
def test_a_port_that_needs_the_missing_capability_is_refused(start_daemon, h1):
    drop = ["setpriv", "--bounding-set=-net_bind_service", "--inh-caps=-net_bind_service"]
    weak = start_daemon(h1, through=drop)
    assert weak.ask("GET", "/v1/server").json["missingCapabilities"] == ["CAP_NET_BIND_SERVICE"]
    low = {"kind": "broadcast", "role": "receiver", "port": 514}
    answer = weak.ask("POST", "/v1/sessions", low)
    assert (answer.status, answer.code) == (409, "permission-denied")
    assert "CAP_NET_BIND_SERVICE" in answer.json["detail"]


def test_with_the_capability_nothing_is_missing(relaycast, h4):  # noqa: ARG001
    assert relaycast.ask("GET", "/v1/server").json["missingCapabilities"] == []

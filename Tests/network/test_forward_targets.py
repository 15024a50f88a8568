"""What a session accepts goes on to groups, hosts, broadcast addresses and other sessions.

    h2 ── 192.168.10.0/24 ── eth0  h1 the relay  eth1 ── 192.168.30.0/24 ── h4
"""

import contextlib
import os
import socket

import pytest
from lab_relay import FAR, NEAR, PORT, Ears, Stream, check_books, far, hear_far, hear_target
from lab_relay import relay, send, target_states
from lab_relay import targets as counters_of
from lab_sockets import listener, sender
from namespaces import eventually

HOST, BROADCAST = "192.168.30.4", "192.168.30.255"
LARGEST = 65507


def test_it_leaves_by_the_interface_of_the_target(relaycast, h2, h4):
    addresses = [FAR, HOST, BROADCAST, "255.255.255.255"]
    order = [far(address=address, port=5001 + n) for n, address in enumerate(addresses)]
    session = relay(relaycast, *order)
    with contextlib.ExitStack() as stack:
        ears = [stack.enter_context(hear_target(h4, target)) for target in order]
        send(h2, b"across")
        for ear, status in zip(ears, session.get()["status"]["forward"]):
            assert (status["state"], status["interface"]["name"]) == ("running", "eth1")
            payload, source = ear.recvfrom(100)
            assert payload == b"across"
            assert source == ("192.168.30.1", status["localAddress"]["port"])
    assert check_books(session)["forwarded"]["datagrams"] == 4


def test_without_an_interface_the_route_leads_to_a_host(relaycast, h2, h4):
    relay(relaycast, {"address": HOST, "port": 5006})
    with listener(h4, 5006) as ear:
        send(h2, b"by route")
        assert ear.recv(100) == b"by route"


@pytest.fixture
def routed(h1):
    """An address that is reached by eth1, and how to change its route."""
    address = "203.0.113.9"
    h1.run("ip", "route", "add", address, "dev", "eth1")
    yield address, lambda interface: h1.run("ip", "route", "replace", address, "dev", interface)
    with contextlib.suppress(AssertionError):
        h1.run("ip", "route", "delete", address)


def test_a_route_that_changes_is_followed(relaycast, doomed, routed):
    address, change = routed
    session = relay(relaycast, {"address": address, "port": 5006})

    def interface():
        return session.get()["status"]["forward"][0]["interface"]["name"]

    assert interface() == "eth1"
    for name in ("doomed", "eth1"):
        change(name)
        eventually(lambda name=name: interface() == name, 10, f"the route by {name} is followed")


def test_ipv6_goes_across_as_well(relaycast, h2, h4):
    group = "ff05::4242"
    relay(relaycast, far(address=group), far(address=h4.address6, port=5006))
    with (
        listener(h4, PORT, socket.AF_INET6, group, "eth1") as of_group,
        listener(h4, 5006, socket.AF_INET6) as of_host,
    ):
        send(h2, b"from IPv4")
        assert of_group.recv(100) == of_host.recv(100) == b"from IPv4"


def test_other_sessions_send_by_their_own_sockets(relaycast, h2, h4):
    group = {"group": FAR, "port": 5001, "ttl": 3, "interface": "eth1"}
    ways = [
        relaycast.create("multicast-sender", name="sender", **group),
        relaycast.create("multicast-peer", name="peer", **{**group, "port": 5002}),
        relaycast.create("broadcast", name="crier", role="sender", port=5003, interface="eth1"),
    ]
    session = relay(relaycast, *({"session": way.name} for way in ways))
    with hear_far(h4, 5001) as one, hear_far(h4, 5002) as two, listener(h4, 5003) as three:
        send(h2, b"by session")
        for way, ear in zip(ways, (one, two, three)):
            payload, source = ear.recvfrom(100)
            assert payload == b"by session"
            assert source == ("192.168.30.1", way.get()["status"]["localAddress"]["port"])
            way.wait_for_count(1, "sent")
            assert [packet["payload"] for packet in way.packets("sent")] == [b"by session"]
    assert check_books(session)["forwarded"]["datagrams"] == 3


def test_every_length_goes_on_untouched_and_in_order(relaycast, h2, h4):
    relaycast.create("multicast-sender", name="way", group=FAR, port=5001, interface="eth1")
    session = relay(relaycast, far(), {"session": "way"}, far(address=HOST, port=5002))
    payloads = [os.urandom(length) for length in (0, 1, 1472, 0, 1473, 1316, 1316, 7, LARGEST)]
    with (
        hear_far(h4) as one,
        hear_far(h4, 5001) as two,
        listener(h4, 5002) as three,
        sender(h2) as made,
    ):
        for _ in range(3):
            for payload in payloads:
                made.sendto(payload, (NEAR, PORT))
            for ear in (one, two, three):
                assert [ear.recv(65536) for _ in payloads] == payloads
    counters = check_books(session)
    number, size = 9 * len(payloads), 9 * sum(map(len, payloads))
    assert counters["forwarded"] == {"datagrams": number, "bytes": size}


def test_sessions_of_every_kind_relay_what_they_accept(relaycast, h1, h2, h4):
    common = {"interface": "eth0", "requireSourcePort": 0}
    peer = relaycast.create(
        "multicast-peer", group=NEAR, port=PORT, forward=[far(port=5001)], **common
    )
    relaycast.create(
        "broadcast", role="receiver", port=5009, forward=[far(address=BROADCAST, port=5002)],
        **common,
    )  # fmt: skip
    asking = relaycast.create(
        "multicast-sender", group=NEAR, port=5010, forward=[far(address=HOST, port=5003)], **common
    )
    port = asking.get()["status"]["localAddress"]["port"]
    ways = [(NEAR, PORT), ("192.168.10.255", 5009), (h1.address, port)]
    with hear_far(h4, 5001) as one, listener(h4, 5002) as two, listener(h4, 5003) as three:
        # What the peer sends itself comes back to it, and goes no further.
        peer.send(b"its own")
        for way in ways:
            send(h2, b"relay this", to=way)
        for ear in (one, two, three):
            assert ear.recv(100) == b"relay this"
    assert check_books(peer)["forwarded"]["datagrams"] == 1
    assert peer.count("dropped", "own") == 1


@pytest.fixture
def doomed(h1):
    """An interface of the relay, and how to delete it."""
    h1.run("sh", "-ec", """
        ip link add doomed type veth peer name nowhere
        ip address add 192.168.40.1/24 dev doomed
        ip link set doomed up
        ip link set nowhere up
    """)  # fmt: skip
    yield lambda: h1.run("ip", "link", "delete", "doomed")
    with contextlib.suppress(AssertionError):
        h1.run("ip", "link", "delete", "doomed")


def test_targets_that_fail_disturb_no_other(relaycast, doomed, h2, h4):
    relaycast.create(
        "multicast-sender", name="way", group="239.2.2.3", port=PORT, interface="eth1"
    )
    healthy = [
        (far(), hear_far(h4)),
        (far(address=HOST, port=5001), listener(h4, 5001)),
        (far(address=BROADCAST, port=5002), listener(h4, 5002)),
        ({"session": "way"}, hear_far(h4, group="239.2.2.3")),
    ]
    failing = [
        far(address=HOST, port=5999),  # A closed port: answered by ICMP.
        far(address="192.168.30.99"),  # Nobody has this address: no answer to ARP.
        far(interface="doomed"),
        {"session": "not-there"},
    ]
    # Good and bad take turns.
    order = [one for pair in zip(failing, (target for target, _ in healthy)) for one in pair]
    session = relay(relaycast, *order)
    ears = Ears(*(ear for _, ear in healthy))
    with ears:
        stream = Stream(h2, 6000, 3000, heard=ears.fewest)
        stream.start()
        eventually(lambda: stream.sent > 1500, 10, "the stream flows")
        doomed()
        ears.wait(6000)
        stream.join()
    for heard in ears.heard:
        assert heard == stream.payloads, "lost or out of order"
    # The kernel tries ARP for three seconds, and then reports it as a router does.
    eventually(lambda: counters_of(session)[2]["unreachable"] > 0, 10, "ARP fails")
    closed, _, absent, _, gone, _, missing, _ = check_books(session)["targets"]
    assert closed["lastError"]["errno"] == "ECONNREFUSED" and closed["unreachable"] > 0
    assert absent["lastError"]["errno"] == "EHOSTUNREACH"
    assert closed["failed"] == absent["failed"] == 0
    assert 1500 < gone["forwarded"]["datagrams"] < 6000
    assert missing["failed"] == session.count("accepted")
    eventually(lambda: target_states(session)[4] == "waiting", what="the supervisor looks")
    assert target_states(session) == ["running"] * 4 + ["waiting", "running", "waiting", "running"]
    status = session.get()["status"]
    assert status["state"] == "running"
    assert status["forward"][4]["reason"]["code"] == "interface-unavailable"

"""hostModel and policy.interfaces: which unicast a session on one of two interfaces lets in.

h1 relaycast ─ eth0 ─┬─ bridge0 ── h2      192.168.10.0/24, fd00:10::/64
             ─ side0 ── h2                 192.168.20.0/24, fd00:20::/64

h2 asks either address of h1 by either link: Linux answers ARP for any address of the host, and takes
what comes. IPv6 neighbours are found for addresses of the link only, so h2 has routes.
"""

import socket

import pytest
from lab_sockets import listener, sender
from namespaces import eventually

GROUP, GROUP6, PORT = "239.1.1.1", "ff05::4242", 6666
ETH0, SIDE0 = ("192.168.10.1", "fd00:10::1"), ("192.168.20.1", "fd00:20::1")
POLICY = {"policy": {"interfaces": ["eth0"]}}


@pytest.fixture
def side0(connect, h1, h2):
    """The second link, with IPv6."""
    connect("side0")
    for host in (h1, h2):
        address = f"fd00:20::{host.number}/64"
        host.run("ip", "address", "add", address, "dev", "side0", "nodad")
    crossed = [(ETH0[1], "side0"), (SIDE0[1], "eth0")]
    for address, interface in crossed:
        eventually(lambda: h1.link_local(interface), what="the link-local address")
        via = ["via", h1.link_local(interface), "dev", interface, "metric", "9"]
        h2.run("ip", "-6", "route", "add", f"{address}/128", *via)
    yield
    for address, interface in crossed:
        h2.run("ip", "-6", "route", "delete", f"{address}/128", "dev", interface)


def receiver(kind, ipv6=False, **fields):
    """A session on eth0 that takes unicast; its kind as a word."""
    fields = {"port": PORT, "interface": "eth0", "requireSourcePort": 0, **fields}
    if kind == "broadcast-receiver":
        return {"kind": "broadcast", "role": "receiver", "reply": {"text": "me"}, **fields}
    if kind == "broadcast-peer":
        return {"kind": "broadcast", "role": "peer", **fields}
    if kind == "multicast-sender":
        fields["localPort"] = PORT
    accept = ["unicast"] if kind == "multicast-sender" else ["multicast", "unicast"]
    return {"kind": kind, "group": GROUP6 if ipv6 else GROUP, "accept": accept, **fields}


def ask(host, address, interface, payload, port=PORT):
    """One datagram to an address of h1 by a link, whatever the routes say; the socket stays open."""
    made = host.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    made.settimeout(5)
    if interface:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
    made.sendto(payload, (address, port))
    return made


def ask_all_ways(host, ipv6=False):
    """Every address by every link."""
    payloads = []
    for address in (ETH0[ipv6], SIDE0[ipv6]):
        for interface in ("side0", "eth0"):
            payloads.append(f"{address} by {interface}".encode())
            ask(host, address, interface, payloads[-1]).close()
    return payloads


KINDS = [
    *((kind, False) for kind in ("broadcast-receiver", "broadcast-peer")),
    *((f"multicast-{kind}", ipv6) for kind in ("receiver", "peer", "sender") for ipv6 in (0, 1)),
]


@pytest.mark.usefixtures("side0")
@pytest.mark.parametrize(("kind", "ipv6"), KINDS)
def test_only_its_own_address_by_its_own_link_is_let_in(relaycast, h2, kind, ipv6):
    session = relaycast.create(**receiver(kind, ipv6))
    assert session.made["hostModel"] == "strong"
    asked = ask_all_ways(h2, ipv6)
    session.wait_for_count(4, "received")
    assert session.payloads() == [asked[1]]
    assert session.count("dropped", "interface") == 3
    assert sorted(session.dropped("interface")) == sorted([asked[0], *asked[2:]])


@pytest.mark.usefixtures("side0")
def test_what_is_not_let_in_is_not_answered(relaycast, h2):
    session = relaycast.create(**receiver("broadcast-receiver"))
    with ask(h2, SIDE0[0], "side0", b"stranger") as stranger:
        session.wait_for_count(1, "dropped", "interface")
        with ask(h2, ETH0[0], "eth0", b"friend") as friend:
            assert friend.recv(100) == b"me"
        stranger.setblocking(False)
        with pytest.raises(BlockingIOError):
            stranger.recv(100)
    session.wait_for_count(1, "replied")


@pytest.mark.usefixtures("side0")
@pytest.mark.parametrize(("kind", "ipv6"), [("broadcast-receiver", 0), ("multicast-peer", 1)])
def test_the_weak_model_lets_all_in_and_is_changed_in_place(relaycast, h2, kind, ipv6):
    session = relaycast.create(**receiver(kind, ipv6, hostModel="weak"))
    asked = ask_all_ways(h2, ipv6)
    session.wait_for_count(4, "accepted")
    answer = relaycast.ask("PATCH", session.path, {"hostModel": "strong"})
    assert (answer.status, answer.json["id"]) == (200, session.made["id"])
    ask_all_ways(h2, ipv6)
    session.wait_for_count(8, "received")
    assert session.payloads() == [*asked, asked[1]]


@pytest.mark.usefixtures("side0")
@pytest.mark.parametrize("ipv6", [0, 1])
def test_the_policy_wins_over_the_weak_model(start_daemon, h1, h2, ipv6):
    daemon = start_daemon(h1, configuration=POLICY)
    session = daemon.create(**receiver("multicast-receiver", ipv6, hostModel="weak"))
    asked = ask_all_ways(h2, ipv6)
    session.wait_for_count(4, "received")
    assert session.payloads() == [asked[1], asked[3]]
    assert session.count("dropped", "interface") == 2


@pytest.mark.usefixtures("side0")
def test_the_policy_confines_sessions_without_an_interface(start_daemon, h1, h2):
    daemon = start_daemon(h1, configuration=POLICY)
    fields = {"interface": None, "localPort": PORT, "requireSourcePort": 0}
    definition = receiver("multicast-sender", **fields)
    del definition["interface"]
    session = daemon.create(**definition)
    asked = ask_all_ways(h2)
    session.wait_for_count(4, "received")
    assert session.payloads() == [asked[1], asked[3]]
    # Its own host may ask by the address that may be used, and by no other.
    for address in (SIDE0[0], "127.0.0.1", ETH0[0]):
        ask(h1, address, None, f"at home {address}".encode()).close()
    session.wait_for_count(7, "received")
    assert session.payloads()[2:] == [b"at home 192.168.10.1"]


@pytest.mark.usefixtures("side0")
def test_without_interface_and_policy_all_is_let_in(relaycast, h1, h2):
    definition = receiver("multicast-sender")
    del definition["interface"]
    session = relaycast.create(**definition)
    ask_all_ways(h2)
    ask(h1, "127.0.0.1", None, b"at home").close()
    session.wait_for_count(5, "accepted")


@pytest.mark.usefixtures("side0")
def test_a_new_policy_holds_from_then_on(start_daemon, h1, h2):
    daemon = start_daemon(h1, configuration={})
    session = daemon.create(**receiver("broadcast-peer", hostModel="weak"))
    with sender(h2, interface="side0") as made:
        made.sendto(b"before", (SIDE0[0], PORT))
        session.wait_for_packet(b"before")
        daemon.configure(POLICY)
        daemon.process.signal(1)
        known = session.count("accepted")

        def is_refused():
            made.sendto(b"after", (SIDE0[0], PORT))
            return session.count("dropped", "interface")

        eventually(is_refused, 10, lambda: f"{session.counters()}")
        assert session.count("accepted") >= known


@pytest.mark.usefixtures("side0")
@pytest.mark.parametrize("ipv6", [0, 1])
def test_a_program_of_the_host_asks_by_the_sessions_address(relaycast, h1, ipv6):
    session = relaycast.create(**receiver("multicast-peer", ipv6))
    # It comes in by the loopback interface: the address says whose it is.
    loopback = "::1" if ipv6 else "127.0.0.2"
    for address in (SIDE0[ipv6], loopback, ETH0[ipv6]):
        ask(h1, address, None, address.encode()).close()
    session.wait_for_count(3, "received")
    assert session.payloads() == [ETH0[ipv6].encode()]


def test_a_session_on_loopback_is_for_this_host_alone(relaycast, h1, h2):
    session = relaycast.create(**receiver("broadcast-receiver", interface="lo"))
    ask(h2, ETH0[0], "eth0", b"from elsewhere").close()
    session.wait_for_count(1, "dropped", "interface")
    # What is sent by lo has the address of another interface, and so have the answers to it.
    ask(h1, ETH0[0], None, b"by another address").close()
    ask(h1, "127.0.0.1", None, b"at home").close()
    session.wait_for_count(3, "received")
    assert session.payloads() == [b"by another address", b"at home"]


def test_a_link_without_addresses_is_answered_by_borrowed_ones(relaycast, connect, h1, h2):
    connect("late0")
    h1.run("ip", "address", "flush", "dev", "late0")
    h2.run("ip", "route", "add", f"{ETH0[0]}/32", "dev", "late0")
    session = relaycast.create("multicast-sender", group=GROUP, port=PORT, interface="late0")
    with listener(h2, PORT, group=GROUP, interface="late0") as ear:
        session.send(b"who?")
        ear.sendto(b"me", ear.recvfrom(100)[1])
    assert session.wait_for_packet(b"me")["verdict"] == "accepted"


def test_an_address_that_is_new_is_asked_at_once(relaycast, h1, h2):
    session = relaycast.create(**receiver("broadcast-receiver"))
    h1.run("ip", "address", "add", "192.168.10.77/24", "dev", "eth0")
    try:
        with ask(h2, "192.168.10.77", "eth0", b"new") as made:
            assert made.recv(100) == b"me"
        session.wait_for_count(1, "accepted")
    finally:
        h1.run("ip", "address", "delete", "192.168.10.77/24", "dev", "eth0")


def test_an_address_of_both_interfaces_is_the_sessions_too(relaycast, side0, h1, h2):  # noqa: ARG001
    for interface in ("eth0", "side0"):
        h1.run("ip", "address", "add", "192.168.77.1/32", "dev", interface)
    try:
        session = relaycast.create(**receiver("broadcast-receiver"))
        ask(h2, "192.168.77.1", "side0", b"by the other").close()
        ask(h2, "192.168.77.1", "eth0", b"by its own").close()
        session.wait_for_count(2, "received")
        assert session.payloads() == [b"by its own"]
    finally:
        h1.run("ip", "address", "delete", "192.168.77.1/32", "dev", "eth0")


def answer_all_ways(made, h2, ipv6=False):
    """Answers a question of a relay to every address of its host by every link."""
    question, source = made.recvfrom(100)
    assert question == b"who?"
    payloads = []
    for address in (ETH0[ipv6], SIDE0[ipv6]):
        for interface in ("side0", "eth0"):
            payloads.append(f"{address} by {interface}".encode())
            ask(h2, address, interface, payloads[-1], source[1]).close()
    return payloads


@pytest.mark.usefixtures("side0")
@pytest.mark.parametrize(
    ("ipv6", "model", "is_named", "has_policy", "passed"),
    [
        (0, "strong", True, False, [1]),
        (1, "strong", True, False, [1]),
        (0, "weak", True, False, [0, 1, 2, 3]),
        (1, "strong", False, False, [0, 1, 2, 3]),
        (0, "strong", False, True, [1, 3]),
        (1, "weak", True, True, [1, 3]),
    ],
)
def test_answers_to_a_target_come_by_its_interface(
    start_daemon, h1, h2, ipv6, model, is_named, has_policy, passed
):
    relaycast = start_daemon(h1, configuration=POLICY if has_policy else None)
    family = socket.AF_INET6 if ipv6 else socket.AF_INET
    target = {"address": h2.address6 if ipv6 else h2.address, "port": 9000, "mapReplies": {}}
    if is_named:
        target["interface"] = "eth0"
    session = relaycast.create(
        **receiver("multicast-receiver", ipv6, hostModel=model, forward=[target])
    )
    with listener(h2, 9000, family) as device:
        asker = ask(h2, ETH0[ipv6], "eth0", b"who?")
        answers = answer_all_ways(device, h2, ipv6)
        heard = {asker.recv(100) for _ in passed}
        assert heard == {answers[index] for index in passed}
        counted = lambda: session.counters()["targets"][0]["strayReplies"]  # noqa: E731
        eventually(lambda: counted() == 4 - len(passed), 5, session.counters)
        assert session.count("replied") == len(passed)
        asker.close()

"""Nothing is sent back to the link that it came by, however the destination is spelled.

h2 ── eth0  h1 relaycast  side0 ── h2      192.168.10.0/24 and 192.168.20.0/24
"""

import socket

import pytest
from lab_relay import targets
from lab_sockets import listener, sender
from namespaces import eventually

NEAR, OTHER, PORT = "239.1.1.1", "239.2.2.2", 6666
TEN, TWENTY, LIMITED = "192.168.10.255", "192.168.20.255", "255.255.255.255"


def target(address, interface=None, port=PORT):
    """A target by address."""
    return {"address": address, "port": port} | ({"interface": interface} if interface else {})


def relay(daemon, *forward, **fields):
    """A receiver of broadcasts that relays them; on all interfaces unless told otherwise."""
    definition = {"role": "receiver", "port": PORT, "accept": ["broadcast", "unicast"], **fields}
    return daemon.create("broadcast", **definition, forward=forward)


def send(host, payload, address, interface, port=0):
    """One broadcast by a link, whatever the routes say."""
    with sender(host, port=port, interface=interface) as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
        made.sendto(payload, (address, PORT))


def outcomes(session, number):
    """What each target did with so many accepted datagrams: 1 = sent, 0 = held back as a loop."""
    session.wait_for_count(number, "accepted")

    def done():
        found = targets(session)
        known = [one["forwarded"]["datagrams"] + one["dropped"]["loop"] for one in found]
        return found if all(one == number for one in known) else None

    found = eventually(done, 5, lambda: f"{session.counters()}")
    return [one["forwarded"]["datagrams"] for one in found]


@pytest.fixture
def side0(connect):
    """The second link."""
    connect("side0")


SPELLINGS = [
    # What came in by eth0, and which of the targets it goes to.
    (LIMITED, [target(TEN), target(TWENTY)], [0, 1]),
    (LIMITED, [target(TEN, "eth0"), target(TWENTY, "side0")], [0, 1]),
    (LIMITED, [target("192.168.10.0", "eth0"), target(TWENTY)], [0, 1]),
    (LIMITED, [target(LIMITED, "side0"), target(LIMITED, "eth0")], [1, 0]),
    (TEN, [target(TEN), target(TWENTY)], [0, 1]),
    (TEN, [target(LIMITED, "eth0"), target(TWENTY)], [0, 1]),
    (TEN, [target(TEN, "192.168.10.1"), target(LIMITED, "side0")], [0, 1]),
    # Who has not heard it there is sent to.
    (LIMITED, [target(TEN, port=PORT + 1), target(NEAR, "eth0")], [1, 1]),
    (TEN, [target("192.168.10.3"), target(LIMITED, "eth0", PORT + 1)], [1, 1]),
]


@pytest.mark.usefixtures("side0")
@pytest.mark.parametrize(("address", "forward", "expected"), SPELLINGS)
def test_a_broadcast_goes_to_the_other_link_alone(relaycast, h2, address, forward, expected):
    session = relay(relaycast, *forward)
    send(h2, b"hello", address, "eth0")
    assert outcomes(session, 1) == expected


@pytest.mark.usefixtures("side0")
def test_each_way_it_leaves_by_the_other_link(relaycast, h2):
    session = relay(relaycast, target(TEN), target(TWENTY))
    with listener(h2, PORT) as ear:
        send(h2, b"one", LIMITED, "eth0")
        send(h2, b"two", LIMITED, "side0")
        send(h2, b"three", TWENTY, "side0")
        assert outcomes(session, 3) == [2, 1]
        # h2 hears its own as well.
        heard = [ear.recvfrom(100) for _ in range(6)]
        relayed = sorted((payload, host) for payload, (host, _) in heard if host.endswith(".1"))
        ten, twenty = "192.168.10.1", "192.168.20.1"
        assert relayed == [(b"one", twenty), (b"three", ten), (b"two", ten)]
        ear.setblocking(False)
        with pytest.raises(BlockingIOError):
            ear.recv(100)


@pytest.mark.usefixtures("side0")
def test_a_session_as_target_is_held_to_its_link(relaycast, h2):
    for interface in ("eth0", "side0"):
        fields = {"role": "sender", "port": PORT, "interface": interface}
        relaycast.create("broadcast", **fields, name=interface)
    session = relay(relaycast, {"session": "eth0"}, {"session": "side0"})
    send(h2, b"hello", LIMITED, "eth0")
    assert outcomes(session, 1) == [0, 1]


@pytest.mark.usefixtures("side0")
def test_unicast_is_broadcast_on_the_link_it_came_by(relaycast, h2):
    session = relay(relaycast, target(TEN), target(TWENTY))
    send(h2, b"to all", "192.168.10.1", "eth0")
    assert outcomes(session, 1) == [1, 1]


@pytest.mark.usefixtures("side0")
def test_another_network_of_the_same_link_is_sent_to(relaycast, h1, h2):
    h1.run("ip", "address", "add", "192.168.11.1/24", "broadcast", "+", "dev", "eth0")
    try:
        session = relay(relaycast, target("192.168.11.255"), target(TEN))
        send(h2, b"to ten", TEN, "eth0")
        assert outcomes(session, 1) == [1, 0]
        send(h2, b"to all", LIMITED, "eth0")
        assert outcomes(session, 2) == [1, 0]
    finally:
        h1.run("ip", "address", "delete", "192.168.11.1/24", "dev", "eth0")


@pytest.mark.usefixtures("side0")
@pytest.mark.parametrize("group", [NEAR, "ff05::4242"])
def test_a_group_is_sent_to_other_links_and_other_groups(relaycast, h2, group):
    other = OTHER if group == NEAR else "ff05::4243"
    forward = [target(group, "side0"), target(other, "eth0"), target(group, "eth0", PORT + 1)]
    session = relaycast.create(
        "multicast-receiver", group=group, port=PORT, interface="eth0", forward=forward
    )
    family = socket.AF_INET6 if ":" in group else socket.AF_INET
    with sender(h2, family) as made:
        made.sendto(b"hello", (group, PORT))
    assert outcomes(session, 1) == [1, 1, 1]


@pytest.mark.usefixtures("side0")
def test_a_sender_that_listens_on_another_port_compares_that_port(relaycast, h2):
    fields = {"role": "sender", "port": PORT + 1, "localPort": PORT, "requireSourcePort": 0}
    fields |= {"interface": "eth0", "forward": [target(TEN), target(TEN, port=PORT + 1)]}
    session = relaycast.create("broadcast", accept=["broadcast"], **fields)
    send(h2, b"hello", LIMITED, "eth0")
    assert outcomes(session, 1) == [0, 1]

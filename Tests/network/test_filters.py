"""allow, deny, requireSourcePort and accept: what is refused is counted and remembered.

    h1 relaycast ─┐
    h2           ─┼─ bridge0      h2 and h3 send; 192.168.10.0/24
    h3           ─┘

After each refused datagram an accepted one follows, which proves that the first had arrived.
"""

import pytest
from lab_sockets import sender, socat_send

GROUP, PORT = "233.252.0.1", 6666
pytestmark = pytest.mark.usefixtures("socat_installed")


def create_receiver(relaycast, **fields):
    """A multicast receiver on eth0."""
    return relaycast.create(
        "multicast-receiver", group=GROUP, port=PORT, interface="eth0", **fields
    )


def send(host, payload, *options):
    """socat -u STDIN UDP4-DATAGRAM:233.252.0.1:6666"""
    socat_send(host, payload, ",".join([f"UDP4-DATAGRAM:{GROUP}:{PORT}", *options]))


def assert_one_refused(session, counter):
    """One datagram, b"refused", was dropped for this reason, and one was accepted."""
    session.wait_for_count(2, "received")
    counters = session.counters()
    assert counters["accepted"]["datagrams"] == 1
    assert {name for name, number in counters["dropped"].items() if number} == {counter}
    assert counters["dropped"][counter] == 1
    assert counters["received"]["bytes"] == len(b"refused") + len(b"accepted")
    assert session.dropped(counter) == [b"refused"]
    assert session.payloads() == [b"accepted"]


@pytest.mark.parametrize("allow", [["192.168.10.2/32"], ["10.0.0.0/8", "192.168.10.2/32"]])
def test_only_allowed_sources_are_accepted(relaycast, h2, h3, allow):
    session = create_receiver(relaycast, allow=allow)
    send(h3, b"refused")
    session.wait_for_count(1, "dropped", "source")
    send(h2, b"accepted")
    assert_one_refused(session, "source")


def test_denied_sources_are_dropped(relaycast, h2, h3):
    session = create_receiver(relaycast, deny=["192.168.10.3/32"])
    send(h3, b"refused")
    session.wait_for_count(1, "dropped", "source")
    send(h2, b"accepted")
    assert_one_refused(session, "source")


def test_deny_wins_over_allow(relaycast, h2, h3):
    session = create_receiver(relaycast, allow=["192.168.10.0/24"], deny=["192.168.10.3/32"])
    send(h3, b"refused")
    session.wait_for_count(1, "dropped", "source")
    send(h2, b"accepted")
    assert_one_refused(session, "source")


def test_only_the_required_source_port_is_accepted(relaycast, h2):
    session = create_receiver(relaycast, requireSourcePort=7777)
    send(h2, b"refused", "bind=:7778")
    session.wait_for_count(1, "dropped", "sourcePort")
    send(h2, b"accepted", "bind=:7777")
    assert_one_refused(session, "sourcePort")


def test_a_peer_requires_its_own_port_by_default(relaycast, h2):
    session = relaycast.create("multicast-peer", group=GROUP, port=PORT, interface="eth0")
    assert session.get()["requireSourcePort"] == PORT
    send(h2, b"refused", "bind=:7778")
    session.wait_for_count(1, "dropped", "sourcePort")
    send(h2, b"accepted", f"bind=:{PORT}")
    assert_one_refused(session, "sourcePort")


def test_a_sender_takes_replies_from_the_group_port_only(relaycast, h1, h2):
    session = relaycast.create("multicast-sender", group=GROUP, port=PORT, interface="eth0")
    port = session.get()["status"]["localAddress"]["port"]
    socat_send(h2, b"refused", f"UDP4-DATAGRAM:{h1.address}:{port},bind=:7778")
    session.wait_for_count(1, "dropped", "sourcePort")
    socat_send(h2, b"accepted", f"UDP4-DATAGRAM:{h1.address}:{port},bind=:{PORT}")
    assert_one_refused(session, "sourcePort")


@pytest.mark.parametrize(
    "accept, refused",
    [
        (["multicast", "unicast"], "192.168.10.255"),
        (["multicast", "broadcast"], "192.168.10.1"),
        (["unicast", "broadcast"], GROUP),
    ],
    ids=["broadcast", "unicast", "multicast"],
)
def test_a_receiver_drops_the_classes_it_does_not_accept(relaycast, h2, accept, refused):
    session = create_receiver(relaycast, accept=accept)
    accepted = {"multicast": GROUP, "unicast": "192.168.10.1"}[accept[0]]
    with sender(h2) as other:
        other.sendto(b"refused", (refused, PORT))
        session.wait_for_count(1, "dropped", "destinationClass")
        other.sendto(b"accepted", (accepted, PORT))
    assert_one_refused(session, "destinationClass")


def test_a_broadcast_receiver_can_refuse_unicast(relaycast, h1, h2):
    session = relaycast.create(
        "broadcast", role="receiver", port=PORT, interface="eth0", accept=["broadcast"]
    )
    with sender(h2) as other:
        other.sendto(b"refused", (h1.address, PORT))
        session.wait_for_count(1, "dropped", "destinationClass")
        other.sendto(b"accepted", ("192.168.10.255", PORT))
    assert_one_refused(session, "destinationClass")


def test_a_broadcast_through_another_interface_is_dropped(relaycast, connect, h2):
    connect("side0")
    session = relaycast.create("broadcast", role="receiver", port=PORT, interface="eth0")
    options = "broadcast,so-bindtodevice=side0"
    socat_send(h2, b"refused", f"UDP4-DATAGRAM:255.255.255.255:{PORT},{options}")
    session.wait_for_count(1, "dropped", "interface")
    socat_send(h2, b"accepted", f"UDP4-DATAGRAM:192.168.10.255:{PORT},broadcast")
    assert_one_refused(session, "interface")
    assert session.dropped("interface") == [b"refused"]


def test_every_reason_together_accounts_for_every_datagram(relaycast, h2, h3):
    session = create_receiver(
        relaycast, deny=["192.168.10.3/32"], requireSourcePort=7777, accept=["multicast", "unicast"]
    )
    with sender(h2, port=7777) as good, sender(h2) as port, sender(h3, port=7777) as source:
        for number in range(300):
            made = (good, port, source)[number % 3]
            made.sendto(b"%d" % number, (GROUP, PORT))
            good.sendto(b"b", ("192.168.10.255", PORT))
            session.counters()  # checks the sum, while traffic flows
    session.wait_for_count(600, "received", seconds=10)
    counters = session.counters()
    dropped = {name: number for name, number in counters["dropped"].items() if number}
    assert dropped == {"source": 100, "sourcePort": 100, "destinationClass": 300}
    assert counters["accepted"]["datagrams"] == 100

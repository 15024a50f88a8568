"""A session receives its own group and nothing else that arrives on its port.

    h1 relaycast, and other sockets on the same port ─┐
    h2 sends to several groups                       ─┴─ bridge0

The last datagram goes to the session's own group: when it is there, the others had their chance.

To the kernel, sockets of one port that all have SO_REUSEPORT are alternatives of each other. When
one of them alone is a member of an IPv4 group, Linux (seen on 6.18, net.ipv4.udp_early_demux = 1)
finds it early and then gives the datagram to any of the alternatives, chosen by the source port: to
one that never joined, whatever its IP_MULTICAST_ALL says. These tests use many source ports.
"""

import socket

import pytest
from lab_sockets import listener, sender

MINE, OTHER, ALL_SYSTEMS, PORT = "233.252.0.1", "233.252.0.2", "224.0.0.1", 6666
SOURCE_PORTS = 20


def test_two_receivers_on_one_port_do_not_mix(relaycast, h2):
    one = relaycast.create("multicast-receiver", group=MINE, port=PORT, interface="eth0")
    two = relaycast.create("multicast-receiver", group=OTHER, port=PORT, interface="eth0")
    for _ in range(SOURCE_PORTS):
        with sender(h2) as made:
            made.sendto(b"two", (OTHER, PORT))
            made.sendto(b"one", (MINE, PORT))
    one.wait_for_count(SOURCE_PORTS, "received")
    two.wait_for_count(SOURCE_PORTS, "received")
    assert set(one.payloads()) == {b"one"}
    assert set(two.payloads()) == {b"two"}


def test_sessions_of_four_kinds_on_one_port_do_not_mix(relaycast, h2):
    fields = {"port": PORT, "interface": "eth0", "requireSourcePort": 0}
    receiver = relaycast.create("multicast-receiver", group=MINE, **fields)
    peer = relaycast.create("multicast-peer", group=OTHER, **fields)
    talker = relaycast.create("multicast-sender", group=MINE, **fields)
    broadcast = relaycast.create("broadcast", role="receiver", **fields)
    for _ in range(SOURCE_PORTS):
        with sender(h2) as made:
            made.sendto(b"mine", (MINE, PORT))
            made.sendto(b"other", (OTHER, PORT))
            made.sendto(b"all", ("192.168.10.255", PORT))
    for session, payload in ((receiver, b"mine"), (peer, b"other"), (broadcast, b"all")):
        session.wait_for_count(SOURCE_PORTS, "accepted")
        assert set(session.payloads()) == {payload}
    assert talker.count("accepted") == 0


@pytest.mark.parametrize("strange", [OTHER, ALL_SYSTEMS])
@pytest.mark.parametrize(
    "definition",
    [
        {"kind": "multicast-receiver", "group": MINE},
        {"kind": "multicast-receiver", "group": MINE, "accept": ["multicast", "unicast"]},
        {"kind": "multicast-peer", "group": MINE, "requireSourcePort": 0},
        {"kind": "broadcast", "role": "receiver", "accept": ["broadcast", "multicast", "unicast"]},
    ],
    ids=["receiver", "receiver-and-unicast", "peer", "broadcast"],
)
def test_a_group_joined_by_another_process_does_not_leak(relaycast, h1, h2, definition, strange):
    session = relaycast.create(**definition, port=PORT, interface="eth0")
    with listener(h1, PORT, group=strange) as process, sender(h2) as made:
        made.sendto(b"strange", (strange, PORT))
        assert process.recv(100) == b"strange"
        if definition["kind"] == "broadcast":
            made.sendto(b"mine", ("192.168.10.255", PORT))
        else:
            made.sendto(b"mine", (MINE, PORT))
        session.wait_for_packet(b"mine")
    assert session.count("received") == 1
    assert session.payloads() == [b"mine"]


def test_another_group_of_the_same_daemon_on_another_port_does_not_leak(relaycast, h2):
    session = relaycast.create("multicast-receiver", group=MINE, port=PORT, interface="eth0")
    relaycast.create("multicast-receiver", group=OTHER, port=PORT + 1, interface="eth0")
    with sender(h2) as made:
        made.sendto(b"strange", (OTHER, PORT))
        made.sendto(b"mine", (MINE, PORT))
    session.wait_for_packet(b"mine")
    assert session.count("received") == 1


@pytest.mark.parametrize("strange", ["ff05::2", "ff02::1"])
def test_ipv6_groups_on_one_port_do_not_mix(relaycast, h1, h2, strange):
    session = relaycast.create("multicast-receiver", group="ff05::1:1", port=PORT, interface="eth0")
    with (
        listener(h1, PORT, socket.AF_INET6, group=strange) as process,
        sender(h2, socket.AF_INET6) as made,
    ):
        made.sendto(b"strange", (strange, PORT))
        assert process.recv(100) == b"strange"
        made.sendto(b"mine", ("ff05::1:1", PORT))
        session.wait_for_packet(b"mine")
    assert session.count("received") == 1


def test_a_group_sent_through_another_interface_is_not_received(relaycast, connect, h1, h2):
    connect("side0")
    session = relaycast.create("multicast-receiver", group=MINE, port=PORT, interface="eth0")
    with listener(h1, PORT, group=MINE, interface="side0") as process:
        with sender(h2, interface="side0") as made:
            made.sendto(b"strange", (MINE, PORT))
        assert process.recv(100) == b"strange"
    with sender(h2) as made:
        made.sendto(b"mine", (MINE, PORT))
    session.wait_for_packet(b"mine")
    # A session may count and drop it, or not see it at all; it must not accept it.
    assert session.payloads() == [b"mine"]
    assert session.count("accepted") == 1

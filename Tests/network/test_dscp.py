"""DSCP: set by sessions and targets, kept by relays as by routers, and shown where it is asked for."""

import socket
import struct

import pytest
from lab_relay import PORT, check_books, relay
from lab_sockets import listener, sender
from namespaces import eventually

IP_TOS, IP_RECVTOS = 1, 13  # linux/in.h
IPV6_RECVTCLASS, IPV6_TCLASS = 66, 67  # linux/in6.h
FAMILIES = {
    socket.AF_INET: ("239.7.1.1", "239.7.2.2", "192.168.30.4"),
    socket.AF_INET6: ("ff05::7101", "ff05::7202", "fd00:30::4"),
}
BOTH = pytest.mark.parametrize("family", FAMILIES, ids=["IPv4", "IPv6"])


def marking(made, family, value):
    """From now on a socket sends with this traffic class: DSCP and ECN."""
    level, name = (socket.IPPROTO_IP, IP_TOS)
    if family == socket.AF_INET6:
        level, name = (socket.IPPROTO_IPV6, IPV6_TCLASS)
    made.setsockopt(level, name, value)


def reading(made, family):
    """The same socket, told of each traffic class."""
    if family == socket.AF_INET:
        made.setsockopt(socket.IPPROTO_IP, IP_RECVTOS, 1)
    else:
        made.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVTCLASS, 1)
    return made


def receive(made):
    """The next datagram: its payload and its traffic class."""
    payload, controls, _, _ = made.recvmsg(2000, 200)
    ((_, kind, data),) = controls
    assert kind in (IP_TOS, IPV6_TCLASS)
    return payload, data[0] if len(data) == 1 else struct.unpack("@i", data)[0]


def near(family):
    """The fields of a relay of this family, on the near side."""
    return {"group": FAMILIES[family][0], "port": PORT, "interface": "eth0"}


def far_group(family, **fields):
    """A target on the far side."""
    return {"address": FAMILIES[family][1], "port": PORT, "interface": "eth1", **fields}


@BOTH
@pytest.mark.parametrize("dscp", [1, 46, 63])
def test_a_session_sends_with_its_dscp_and_changes_it_in_place(relaycast, h2, family, dscp):
    group = FAMILIES[family][0]
    session = relaycast.create(
        "multicast-sender", group=group, port=PORT, interface="eth0", dscp=dscp
    )
    with reading(listener(h2, PORT, family, group), family) as heard:
        session.send(b"marked")
        assert receive(heard) == (b"marked", dscp << 2)
        for value, expected in ((10, 10), (None, 0)):
            assert relaycast.ask("PATCH", session.path, {"dscp": value}).json["dscp"] == expected
            session.send(b"again")
            assert receive(heard) == (b"again", expected << 2)


@pytest.mark.parametrize("role", ["sender", "peer"])
def test_a_broadcast_has_the_dscp_of_its_session(relaycast, h2, role):
    session = relaycast.create("broadcast", role=role, port=PORT, interface="eth0", dscp=46)
    with reading(listener(h2, PORT), socket.AF_INET) as heard:
        session.send(b"marked")
        assert receive(heard) == (b"marked", 46 << 2)


@BOTH
@pytest.mark.parametrize("is_group", [True, False], ids=["group", "host"])
def test_a_target_sends_with_its_dscp_whatever_came(relaycast, h2, h4, family, is_group):
    target = far_group(family, dscp=34)
    if not is_group:
        target["address"] = FAMILIES[family][2]
    relay(relaycast, target, **near(family))
    group = FAMILIES[family][1] if is_group else None
    with reading(listener(h4, PORT, family, group, "eth1"), family) as heard:
        with sender(h2, family) as made:
            marking(made, family, 46 << 2)
            made.sendto(b"marked", (FAMILIES[family][0], PORT))
        assert receive(heard) == (b"marked", 34 << 2)


@BOTH
@pytest.mark.parametrize("by", ["address", "session", "chaos"])
def test_a_relay_preserves_each_dscp_in_order_and_no_ecn(relaycast, h2, h4, family, by):
    """Runs of equal lengths, which would be one message, end where the DSCP changes."""
    target = far_group(family, dscp="preserve")
    if by == "session":
        fields = {"group": FAMILIES[family][1], "port": PORT, "interface": "eth1", "dscp": 8}
        studio = relaycast.create("multicast-sender", name="studio", **fields)
        target = {"session": studio.name, "dscp": "preserve"}
    if by == "chaos":
        target["chaos"] = {"delayMilliseconds": 5}
    session = relay(relaycast, target, coalesceMicroseconds=5000, **near(family))
    came = [46, 46, 46, 0, 0, 46, 10, 10, 63, 1, 1, 1] * 5
    with reading(listener(h4, PORT, family, FAMILIES[family][1], "eth1"), family) as heard:
        with sender(h2, family) as made:
            for number, dscp in enumerate(came):
                # The lower bits are ECN: Not-ECT, ECT(1), ECT(0), CE.
                marking(made, family, dscp << 2 | number % 4)
                made.sendto(b"%06d" % number, (FAMILIES[family][0], PORT))
        got = [receive(heard) for _ in came]
    assert got == [(b"%06d" % number, dscp << 2) for number, dscp in enumerate(came)]
    shown = [packet["dscp"] for packet in session.packets("received")]
    assert shown == came[-64:]
    check_books(session)


@BOTH
def test_mapped_answers_keep_their_dscp(relaycast, h2, h4, family):
    target = far_group(family, dscp="preserve", mapReplies={})
    relay(relaycast, target, **near(family))
    with listener(h4, PORT, family, FAMILIES[family][1], "eth1") as device:
        with reading(sender(h2, family), family) as asker:
            marking(asker, family, 10 << 2)
            asker.sendto(b"who?", (FAMILIES[family][0], PORT))
            reading(device, family)
            _, _, _, source = device.recvmsg(100, 200)
            marking(device, family, 46 << 2 | 3)
            device.sendto(b"here", source)
            assert receive(asker) == (b"here", 46 << 2)


@BOTH
def test_received_packets_tell_their_dscp_only_where_it_is_asked_for(relaycast, h2, family):
    session = relaycast.create("multicast-receiver", **near(family))
    numbers = iter(range(100))

    def shown(dscp):
        payload = b"%d" % next(numbers)
        with sender(h2, family) as made:
            marking(made, family, dscp << 2 | 1)
            made.sendto(payload, (FAMILIES[family][0], PORT))
        return session.wait_for_packet(payload).get("dscp")

    assert shown(46) is None
    for patch, expected in (
        ({"recordDSCP": True}, 46),
        ({"recordDSCP": False}, None),
        ({"forward": [far_group(family, dscp="preserve")]}, 46),
        ({"forward": [far_group(family, dscp=46)]}, None),
    ):
        assert relaycast.ask("PATCH", session.path, patch).status == 200
        assert shown(46) == expected
    relaycast.ask("PATCH", session.path, {"recordDSCP": True})
    assert [shown(dscp) for dscp in (0, 1, 63)] == [0, 1, 63]


def test_preserving_ends_and_begins_in_place_and_counters_go_on(relaycast, h2, h4):
    family = socket.AF_INET
    session = relay(relaycast, far_group(family), **near(family))
    with reading(listener(h4, PORT, family, FAMILIES[family][1], "eth1"), family) as heard:
        with sender(h2, family) as made:
            marking(made, family, 46 << 2)
            for number, (dscp, expected) in enumerate([(0, 0), ("preserve", 46), (0, 0)], 1):
                change = {"forward": [far_group(family, dscp=dscp)]}
                assert relaycast.ask("PATCH", session.path, change).status == 200
                made.sendto(b"%d" % number, (FAMILIES[family][0], PORT))
                assert receive(heard) == (b"%d" % number, expected << 2)
    eventually(lambda: session.count("forwarded") == 3, 5, session.counters)
    assert check_books(session)["targets"][0]["forwarded"]["datagrams"] == 3


@BOTH
def test_a_dscp_is_preserved_from_one_family_to_the_other(relaycast, h2, h4, family):
    other = next(one for one in FAMILIES if one != family)
    session = relay(relaycast, far_group(other, dscp="preserve"), **near(family))
    with reading(listener(h4, PORT, other, FAMILIES[other][1], "eth1"), other) as heard:
        with sender(h2, family) as made:
            for dscp in (46, 0, 10):
                marking(made, family, dscp << 2 | 2)
                made.sendto(b"marked", (FAMILIES[family][0], PORT))
                assert receive(heard) == (b"marked", dscp << 2)
    check_books(session)


def test_broadcasts_are_relayed_with_their_dscp(relaycast, h2, h4):
    target = {"address": "192.168.30.255", "port": PORT, "interface": "eth1", "dscp": "preserve"}
    relaycast.create("broadcast", role="receiver", port=PORT, interface="eth0", forward=[target])
    with reading(listener(h4, PORT), socket.AF_INET) as heard, sender(h2) as made:
        marking(made, socket.AF_INET, 34 << 2)
        made.sendto(b"marked", ("192.168.10.255", PORT))
        assert receive(heard) == (b"marked", 34 << 2)

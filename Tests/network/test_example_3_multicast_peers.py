"""Example 3: multicast peers, which all send to and receive from one group.

h1 relaycast (and socat) ─┐
h2 socat                 ─┼─ bridge0      group 224.255.0.1, port 6666
h3                       ─┘
"""

import pytest
from lab_sockets import listener, sender, socat

pytestmark = pytest.mark.usefixtures("socat_installed")
GROUP, PORT = "224.255.0.1", 6666


def start_peer(host, *options):
    """socat STDIO UDP4-DATAGRAM:224.255.0.1:6666,bind=:6666,range=…,ip-add-membership=…"""
    words = [
        f"UDP4-DATAGRAM:{GROUP}:{PORT}",
        f"bind=:{PORT}",
        "range=192.168.10.0/24",
        f"ip-add-membership={GROUP}:{host.address}",
        "reuseaddr",
        *options,
    ]
    return socat(host, "STDIO", ",".join(words), port=PORT)


def create_peer(relaycast, **fields):
    """Our peer on eth0."""
    return relaycast.create("multicast-peer", group=GROUP, port=PORT, interface="eth0", **fields)


def test_our_peer_and_a_socat_peer_hear_each_other(relaycast, h2):
    session = create_peer(relaycast, allow=["192.168.10.0/24"])
    other = start_peer(h2)
    session.send(b"from relaycast\n")
    other.wait_for_output(b"from relaycast\n")
    other.write(b"from socat\n")
    packet = session.wait_for_packet(b"from socat\n")
    assert packet["source"] == {"address": h2.address, "port": PORT}
    assert packet["destination"] == {"address": GROUP, "port": PORT}
    assert packet["destinationClass"] == "multicast"
    assert packet["verdict"] == "accepted"
    session.wait_for_count(1, "accepted")


def test_a_unicast_answer_to_our_peer_is_accepted(relaycast, h1, h2):
    session = create_peer(relaycast)
    with sender(h2, port=PORT) as other:
        other.sendto(b"to you alone", (h1.address, PORT))
        assert session.wait_for_packet(b"to you alone")["destinationClass"] == "unicast"
    session.wait_for_count(1, "accepted")


def test_with_loopback_a_socket_of_the_same_host_hears_our_peer(relaycast, h1):
    session = create_peer(relaycast)
    other = start_peer(h1)
    session.send(b"to my own host\n")
    other.wait_for_output(b"to my own host\n")


def test_without_loopback_only_other_hosts_hear_our_peer(relaycast, h1, h2):
    session = create_peer(relaycast, loopback=False)
    here = start_peer(h1)
    with listener(h2, PORT, group=GROUP) as there:
        session.send(b"to other hosts\n")
        assert there.recv(100) == b"to other hosts\n"
    # What comes later arrives alone, so that the first one was not delivered here.
    with sender(h2, port=PORT) as later:
        later.sendto(b"later\n", (GROUP, PORT))
    assert here.wait_for_output(b"later\n") == b"later\n"
    session.wait_for_count(1, "accepted")
    assert session.count("dropped", "own") == 0


def test_without_loopback_another_session_of_the_host_hears_nothing(relaycast, h2):
    quiet = create_peer(relaycast, loopback=False)
    witness = create_peer(relaycast)
    quiet.send(b"to other hosts")
    with sender(h2, port=PORT) as later:
        later.sendto(b"later", (GROUP, PORT))
    witness.wait_for_packet(b"later")
    assert witness.payloads() == [b"later"]


def test_our_peer_drops_what_it_sent_itself(relaycast):
    session = create_peer(relaycast)
    session.send(b"mine")
    session.wait_for_count(1, "dropped", "own")
    assert session.dropped("own") == [b"mine"]
    assert session.count("accepted") == 0


def test_our_peer_receives_its_own_when_asked(relaycast, h1):
    session = create_peer(relaycast, receiveOwn=True)
    session.send(b"mine")
    packet = session.wait_for_packet(b"mine")
    assert packet["verdict"] == "accepted"
    assert packet["source"] == {"address": h1.address, "port": PORT}
    assert session.count("dropped", "own") == 0


def test_two_of_our_peers_on_one_host_hear_each_other(relaycast):
    one, two = create_peer(relaycast), create_peer(relaycast)
    one.send(b"from one")
    two.send(b"from two")
    assert two.wait_for_packet(b"from one")["verdict"] == "accepted"
    accepted = [p for p in one.packets("received") if p["verdict"] == "accepted"]
    one.wait_for_count(1, "accepted")
    two.wait_for_count(1, "accepted")
    assert one.payloads() == [b"from two"], accepted
    assert (one.dropped("own"), two.dropped("own")) == ([b"from one"], [b"from two"])


def test_the_ttl_of_our_peer_is_what_was_asked(relaycast, start_daemon, h2):
    there = start_daemon(h2).create("multicast-receiver", group=GROUP, port=PORT, interface="eth0")
    create_peer(relaycast).send(b"by default")
    create_peer(relaycast, ttl=32).send(b"far")
    assert there.wait_for_packet(b"by default")["ttl"] == 1
    assert there.wait_for_packet(b"far")["ttl"] == 32

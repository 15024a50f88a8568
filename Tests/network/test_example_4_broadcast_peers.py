"""Example 4: broadcast peers. The kernel gives a broadcast back to its sender; a peer drops it.

h1 relaycast (and socat) ─┐
h2 socat                 ─┼─ bridge0      192.168.10.255, port 6666
h3                       ─┘
"""

import pytest
from lab_sockets import listener, sender, socat

pytestmark = pytest.mark.usefixtures("socat_installed")
PORT = 6666


def start_peer(host):
    """socat STDIO UDP4-DATAGRAM:192.168.10.255:6666,bind=:6666,range=192.168.10.0/24,broadcast"""
    words = f"UDP4-DATAGRAM:192.168.10.255:{PORT},bind=:{PORT},range=192.168.10.0/24"
    return socat(host, "STDIO", words + ",broadcast,reuseaddr", port=PORT)


def create_peer(relaycast, **fields):
    """Our broadcast peer on eth0; peer is the default role."""
    return relaycast.create("broadcast", port=PORT, interface="eth0", **fields)


def test_our_broadcast_peer_and_a_socat_peer_hear_each_other(relaycast, h2):
    session = create_peer(relaycast, allow=["192.168.10.0/24"])
    assert session.get()["role"] == "peer"
    other = start_peer(h2)
    session.send(b"from relaycast\n")
    other.wait_for_output(b"from relaycast\n")
    other.write(b"from socat\n")
    packet = session.wait_for_packet(b"from socat\n")
    assert packet["source"] == {"address": h2.address, "port": PORT}
    assert packet["destination"] == {"address": "192.168.10.255", "port": PORT}
    assert packet["destinationClass"] == "broadcast"
    session.wait_for_count(1, "accepted")


@pytest.mark.parametrize("address", ["192.168.10.255", "255.255.255.255"])
def test_our_broadcast_peer_drops_what_it_sent_itself(relaycast, h2, address):
    session = create_peer(relaycast, address=address)
    with listener(h2, PORT) as other:
        session.send(b"mine")
        assert other.recv(100) == b"mine"
    session.wait_for_count(1, "dropped", "own")
    assert session.dropped("own") == [b"mine"]
    assert session.count("accepted") == 0


def test_our_broadcast_peer_receives_its_own_when_asked(relaycast, h1):
    session = create_peer(relaycast, receiveOwn=True)
    session.send(b"mine")
    packet = session.wait_for_packet(b"mine")
    assert packet["verdict"] == "accepted"
    assert packet["source"] == {"address": h1.address, "port": PORT}
    assert session.count("dropped", "own") == 0


def test_two_of_our_broadcast_peers_on_one_host_hear_each_other(relaycast):
    one, two = create_peer(relaycast), create_peer(relaycast)
    one.send(b"from one")
    two.send(b"from two")
    one.wait_for_count(1, "accepted")
    two.wait_for_count(1, "accepted")
    assert (one.payloads(), two.payloads()) == ([b"from two"], [b"from one"])
    assert (one.dropped("own"), two.dropped("own")) == ([b"from one"], [b"from two"])


def test_a_socat_peer_on_our_host_and_our_peer_hear_each_other(relaycast, h1):
    session = create_peer(relaycast)
    other = start_peer(h1)
    session.send(b"from relaycast\n")
    other.wait_for_output(b"from relaycast\n")
    other.write(b"from socat\n")
    packet = session.wait_for_packet(b"from socat\n")
    # It has our address and our port, and yet it is not ours.
    assert packet["source"] == {"address": h1.address, "port": PORT}
    assert packet["verdict"] == "accepted"


def test_the_same_bytes_from_another_host_are_not_our_own(relaycast, h2):
    session = create_peer(relaycast)
    session.send(b"same bytes")
    session.wait_for_count(1, "dropped", "own")
    with sender(h2, port=PORT) as other:
        other.sendto(b"same bytes", ("192.168.10.255", PORT))
    session.wait_for_count(1, "accepted")

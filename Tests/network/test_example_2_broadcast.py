"""Example 2: broadcast client and server, to the subnet and to the limited broadcast address.

h1 relaycast ─┐
h2 socat     ─┼─ bridge0      192.168.10.255 or 255.255.255.255, port 6666
h3           ─┘
"""

import pytest
from lab_sockets import listener, socat

pytestmark = [
    pytest.mark.usefixtures("socat_installed"),
    pytest.mark.parametrize("address", ["192.168.10.255", "255.255.255.255"]),
]
PORT = 6666


def create(relaycast, role, **fields):
    """A broadcast session on eth0."""
    return relaycast.create("broadcast", role=role, port=PORT, interface="eth0", **fields)


def test_a_socat_server_answers_our_broadcast_sender(relaycast, h1, h2, address):
    # socat UDP4-RECVFROM:6666,broadcast,fork EXEC:hostname
    socat(h2, f"UDP4-RECVFROM:{PORT},broadcast,fork", "EXEC:hostname", port=PORT)
    session = create(relaycast, "sender", address=address, allow=["192.168.10.0/24"])
    packet = session.ask(b"who is there?\n", b"h2\n")
    assert packet["source"] == {"address": h2.address, "port": PORT}
    assert packet["destination"]["address"] == h1.address
    assert packet["destinationClass"] == "unicast"
    assert packet["verdict"] == "accepted"
    assert session.count("accepted") == session.count("received") >= 1


def test_our_broadcast_receiver_answers_a_socat_client(relaycast, h2, address):
    # socat STDIO UDP4-DATAGRAM:192.168.10.255:6666,broadcast,range=192.168.10.0/24
    # 255.255.255.255 has no route here, so that socat must name the interface.
    session = create(relaycast, "receiver", reply={"text": "here\n"})
    target = f"UDP4-DATAGRAM:{address}:{PORT},broadcast,range=192.168.10.0/24"
    client = socat(h2, "-t", "10", "STDIO", target + ",so-bindtodevice=eth0")
    client.write(b"hello\n")
    assert client.wait_for_output(b"here\n") == b"here\n"
    packet = session.wait_for_packet(b"hello\n")
    assert packet["destination"] == {"address": address, "port": PORT}
    assert packet["destinationClass"] == "broadcast"
    session.wait_for_count(1, "replied")


def test_our_broadcast_reaches_every_host(relaycast, h2, h3, address):
    session = create(relaycast, "sender", address=address)
    with listener(h2, PORT) as second, listener(h3, PORT) as third:
        session.send(b"to all")
        for other in (second, third):
            assert other.recvfrom(100)[0] == b"to all"

"""What socat prints as SOCAT_IP_* and what our packets say about the same datagram is equal.

h1 sends ─┐
h2 socat with ip-pktinfo and relaycast, both on port 6666 ─┴─ bridge0
"""

import socket

import pytest
from lab_sockets import sender, socat

pytestmark = pytest.mark.usefixtures("socat_installed")
GROUP, PORT = "224.1.0.1", 6666
DESTINATIONS = {
    "multicast": GROUP,
    "directed broadcast": "192.168.10.255",
    "limited broadcast": "255.255.255.255",
    "unicast": "192.168.10.2",
}


def send_from(host, destination):
    """One datagram from port 4000, TTL 7 to groups and 9 else."""
    with sender(host, port=4000) as made:
        made.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 7)
        made.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 9)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
        made.sendto(b"payload", (destination, PORT))


def what_socat_says(host, destination_host, destination):
    """socat -u UDP4-RECVFROM:6666,…,ip-pktinfo,ip-recvttl,fork SYSTEM:'env; echo end'"""
    options = f"reuseaddr,ip-pktinfo,ip-recvttl,ip-add-membership={GROUP}:eth0,fork"
    words = ["-u", f"UDP4-RECVFROM:{PORT},{options}", "SYSTEM:env; echo end"]
    process = socat(destination_host, *words, port=PORT)
    send_from(host, destination)
    output = process.wait_for_output(b"\nend\n").decode()
    process.kill()
    pairs = (line.partition("=") for line in output.splitlines())
    return {key[6:]: value for key, _, value in pairs if key.startswith("SOCAT_")}


@pytest.mark.parametrize("name", DESTINATIONS)
def test_our_packet_says_what_socat_says(start_daemon, h1, h2, name):
    destination = DESTINATIONS[name]
    said = what_socat_says(h1, h2, destination)
    # A unicast datagram goes to one socket only, so that socat has ended before.
    accept = ["multicast", "broadcast", "unicast"]
    session = start_daemon(h2).create(
        "multicast-receiver", group=GROUP, port=PORT, interface="eth0", accept=accept
    )
    send_from(h1, destination)
    packet = session.wait_for_packet(b"payload")
    assert packet["destination"] == {"address": said["IP_DSTADDR"], "port": PORT}
    assert packet["interface"] == said["IP_IF"]
    assert packet["localAddress"] == said["IP_LOCADDR"]
    assert packet["source"]["address"] == said["PEERADDR"]
    assert packet["source"]["port"] == int(said["PEERPORT"])
    assert packet["ttl"] == int(said["IP_TTL"]) == (7 if name == "multicast" else 9)
    assert packet["destinationClass"] == name.split()[-1]


@pytest.mark.parametrize("name", ["multicast", "directed broadcast", "limited broadcast"])
def test_socat_and_our_session_receive_the_same_datagram(start_daemon, h1, h2, name):
    accept = ["multicast", "broadcast"]
    session = start_daemon(h2).create(
        "multicast-receiver", group=GROUP, port=PORT, interface="eth0", accept=accept
    )
    said = what_socat_says(h1, h2, DESTINATIONS[name])
    packet = session.wait_for_packet(b"payload")
    assert packet["destination"]["address"] == said["IP_DSTADDR"] == DESTINATIONS[name]
    assert packet["ttl"] == int(said["IP_TTL"])
    assert packet["localAddress"] == said["IP_LOCADDR"]
    session.wait_for_count(1, "accepted")

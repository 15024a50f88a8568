"""IPv6 groups: link-local scope (ff02) needs an interface, site-local scope (ff05) does not.

h1 relaycast ─┐
h2 socat     ─┼─ bridge0      fe80::/64 and fd00:10::1-3/64, port 6666
h3           ─┘
"""

import ipaddress
import socket

import pytest
from lab_sockets import sender, socat, socat_send

pytestmark = pytest.mark.usefixtures("socat_installed")
GROUPS, PORT = ["ff02::4242", "ff05::4242"], 6666


def source_of(host, group):
    """The address the kernel sends from: of the scope of the group."""
    return host.link_local() if group.startswith("ff02") else host.address6


def target(group):
    """How socat names the group: with the interface where its scope needs one."""
    return f"[{group}%eth0]:{PORT}" if group.startswith("ff02") else f"[{group}]:{PORT}"


def create(relaycast, kind, group, **fields):
    """A session of this group on eth0."""
    return relaycast.create(kind, group=group, port=PORT, interface="eth0", **fields)


def same(one, other):
    """Whether two texts are one address, with or without a scope."""
    return ipaddress.ip_address(one.split("%")[0]) == ipaddress.ip_address(other)


@pytest.mark.parametrize("group", GROUPS)
def test_a_socat_server_answers_our_sender(relaycast, h2, group):
    # socat UDP6-RECVFROM:6666,ipv6-join-group=[ff02::4242]:eth0,fork EXEC:hostname
    join = f"ipv6-join-group=[{group}]:eth0"
    socat(h2, f"UDP6-RECVFROM:{PORT},{join},fork", "EXEC:hostname", port=PORT)
    session = create(relaycast, "multicast-sender", group)
    packet = session.ask(b"who is there?\n", b"h2\n")
    assert same(packet["source"]["address"], source_of(h2, group))
    assert packet["source"]["port"] == PORT
    assert packet["destinationClass"] == "unicast"
    assert packet["verdict"] == "accepted"


@pytest.mark.parametrize("group", GROUPS)
def test_our_receiver_answers_a_socat_client(relaycast, h2, group):
    # socat STDIO UDP6-DATAGRAM:[ff02::4242%eth0]:6666
    session = create(relaycast, "multicast-receiver", group, reply={"text": "here\n"})
    client = socat(h2, "-t", "10", "STDIO", f"UDP6-DATAGRAM:{target(group)}")
    client.write(b"hello\n")
    assert client.wait_for_output(b"here\n") == b"here\n"
    packet = session.wait_for_packet(b"hello\n")
    assert same(packet["source"]["address"], source_of(h2, group))
    assert same(packet["destination"]["address"], group)
    assert packet["destinationClass"] == "multicast"
    assert packet["interface"] == "eth0"
    session.wait_for_count(1, "replied")


@pytest.mark.parametrize("group", GROUPS)
def test_our_peer_and_a_socat_peer_hear_each_other(relaycast, h2, group):
    # socat STDIO UDP6-DATAGRAM:[ff02::4242%eth0]:6666,bind=[::]:6666,ipv6-join-group=…
    session = create(relaycast, "multicast-peer", group)
    words = f"UDP6-DATAGRAM:{target(group)},bind=[::]:{PORT},ipv6-join-group=[{group}]:eth0"
    other = socat(h2, "STDIO", words, port=PORT)
    session.send(b"from relaycast\n")
    other.wait_for_output(b"from relaycast\n")
    other.write(b"from socat\n")
    assert session.wait_for_packet(b"from socat\n")["verdict"] == "accepted"
    session.wait_for_count(1, "accepted")
    session.wait_for_count(1, "dropped", "own")


def test_a_link_local_group_needs_an_interface(relaycast):
    definition = {"kind": "multicast-receiver", "group": "ff02::4242", "port": PORT}
    answer = relaycast.ask("POST", "/v1/sessions", definition)
    assert (answer.status, answer.code) == (400, "missing-field")
    assert answer.json["errors"][0]["pointer"] == "/interface"


@pytest.mark.parametrize(
    "fields",
    [{"allow": ["fd00:10::2/128"]}, {"deny": ["fd00:10::3/128"]}],
    ids=["allow", "deny"],
)
def test_ipv6_sources_are_filtered(relaycast, h2, h3, fields):
    session = create(relaycast, "multicast-receiver", "ff05::4242", **fields)
    socat_send(h3, b"refused", f"UDP6-DATAGRAM:{target('ff05::4242')}")
    session.wait_for_count(1, "dropped", "source")
    socat_send(h2, b"accepted", f"UDP6-DATAGRAM:{target('ff05::4242')}")
    session.wait_for_count(1, "accepted")
    assert session.dropped("source") == [b"refused"]
    assert session.payloads() == [b"accepted"]


def test_link_local_sources_are_filtered_by_prefix(relaycast, h2):
    refusing = create(relaycast, "multicast-receiver", "ff02::4242", deny=["fe80::/10"])
    taking = create(relaycast, "multicast-receiver", "ff02::4242", allow=["fe80::/10"])
    socat_send(h2, b"hello", f"UDP6-DATAGRAM:{target('ff02::4242')}")
    taking.wait_for_count(1, "accepted")
    refusing.wait_for_count(1, "dropped", "source")


@pytest.mark.parametrize("group", GROUPS)
def test_the_packet_says_what_socat_says(start_daemon, h1, h2, group):
    # socat -u UDP6-RECVFROM:6666,ipv6-recvpktinfo,ipv6-recvhoplimit,… SYSTEM:'env; echo end'
    session = create(start_daemon(h2), "multicast-receiver", group)
    options = f"reuseaddr,ipv6-recvpktinfo,ipv6-recvhoplimit,ipv6-join-group=[{group}]:eth0,fork"
    words = ["-u", f"UDP6-RECVFROM:{PORT},{options}", "SYSTEM:env; echo end"]
    process = socat(h2, *words, port=PORT)
    with sender(h1, socket.AF_INET6, port=4000) as made:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 7)
        made.sendto(b"payload", (group, PORT))
    lines = process.wait_for_output(b"\nend\n").decode().splitlines()
    said = dict(line[6:].split("=", 1) for line in lines if line.startswith("SOCAT_"))
    packet = session.wait_for_packet(b"payload")
    assert same(packet["destination"]["address"], said["IPV6_DSTADDR"].strip("[]"))
    assert same(packet["source"]["address"], said["PEERADDR"].strip("[]"))
    assert packet["source"]["port"] == int(said["PEERPORT"]) == 4000
    assert packet["interface"] == said["IPV6_IF"] == "eth0"
    assert packet["ttl"] == int(said["IPV6_HOPLIMIT"]) == 7


def test_our_hop_limit_is_what_was_asked(relaycast, start_daemon, h2):
    there = create(start_daemon(h2), "multicast-receiver", "ff05::4242")
    create(relaycast, "multicast-sender", "ff05::4242").send(b"by default")
    create(relaycast, "multicast-sender", "ff05::4242", ttl=32).send(b"far")
    assert there.wait_for_packet(b"by default")["ttl"] == 1
    assert there.wait_for_packet(b"far")["ttl"] == 32


def test_an_ipv6_source_can_be_joined_alone(start_daemon, h1, h2, h3):
    fields = {"group": "ff35::4242", "port": PORT, "interface": "eth0"}
    relaycast = start_daemon(h2)
    witness = relaycast.create("multicast-receiver", **fields)
    session = relaycast.create("multicast-receiver", sources=[h1.address6], **fields)
    for host in (h3, h1):
        with sender(host, socket.AF_INET6) as made:
            made.sendto(host.name.encode(), ("ff35::4242", PORT))
        witness.wait_for_packet(host.name.encode())
    session.wait_for_packet(b"h1")
    assert session.count("received") == 1

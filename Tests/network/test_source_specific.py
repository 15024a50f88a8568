"""Source-specific multicast (SSM), with iperf, whose -H is the source of an (S,G) membership.

    h1 the source        ─┐
    h2 the receivers     ─┼─ bridge0      group 232.1.1.1, port 5001
    h3 the wrong source  ─┘

A plain socket on h2 that joined the group from any source sees both: what it sees, had arrived.
"""

import re
import struct
import time

import pytest
from lab_sockets import listener, sender
from namespaces import eventually

GROUP, PORT, SOURCE = "232.1.1.1", 5001, "192.168.10.1"


def create_receiver(relaycast, *sources, **fields):
    """A receiver that joins the group for these sources only."""
    return relaycast.create(
        "multicast-receiver",
        group=GROUP,
        port=PORT,
        interface="eth0",
        sources=sources,
        recentPackets=256,
        **fields,
    )


def start_iperf_server(host):
    """iperf -s -u -B 232.1.1.1 -H 192.168.10.1"""
    server = host.start("iperf", "-s", "-u", "-B", GROUP, "-H", SOURCE, "-p", PORT)
    eventually(lambda: PORT in server.udp_ports(), what="iperf listens")
    return server


def run_iperf_client(host):
    """iperf -c 232.1.1.1 -u -T 4: some 25 datagrams in half a second."""
    host.run("iperf", "-c", GROUP, "-u", "-T", "4", "-b", "400k", "-l", "1000", "-t", "0.5",
             "-p", str(PORT))  # fmt: skip


def iperf_datagram(number):
    """What iperf expects: a number, seconds, microseconds; the last number is negative."""
    now = time.time()
    return struct.pack("!iII", number, int(now), int(now % 1 * 1e6)).ljust(1000, b"\0")


def sources_in(made, wanted):
    """Reads until a datagram of `wanted` came; the sources of all datagrams read."""
    found = []
    while wanted not in found:
        found.append(made.recvfrom(2000)[1][0])
    return found


def test_only_the_joined_source_is_received(start_daemon, h1, h2, h3):
    session = create_receiver(start_daemon(h2), SOURCE)
    with (
        listener(h2, PORT, group=GROUP) as witness,
        sender(h1) as right,
        sender(h3) as wrong,
    ):
        wrong.sendto(b"wrong", (GROUP, PORT))
        assert sources_in(witness, h3.address) == [h3.address]
        right.sendto(b"right", (GROUP, PORT))
        session.wait_for_packet(b"right")
    # Not dropped by us: the kernel never gave it to us.
    assert session.count("received") == 1
    assert session.payloads() == [b"right"]


def test_several_sources_can_be_joined(start_daemon, h1, h2, h3):
    session = create_receiver(start_daemon(h2), SOURCE, h3.address)
    for host in (h1, h3):
        with sender(host) as made:
            made.sendto(host.name.encode(), (GROUP, PORT))
    session.wait_for_count(2, "accepted")
    assert sorted(session.payloads()) == [b"h1", b"h3"]


def test_two_sessions_of_one_group_have_each_its_source(start_daemon, h1, h2, h3):
    relaycast = start_daemon(h2)
    sessions = {host: create_receiver(relaycast, host.address) for host in (h1, h3)}
    number = 20
    for _ in range(number):
        for host in sessions:
            # A new source port each time: test_isolation.py says why.
            with sender(host) as made:
                made.sendto(host.name.encode(), (GROUP, PORT))
    for host, session in sessions.items():
        session.wait_for_count(number, "received")
        assert set(session.payloads()) == {host.name.encode()}


def test_the_kernel_knows_the_source(start_daemon, h2):
    session = create_receiver(start_daemon(h2), SOURCE)
    line = r"eth0 0xe8010101 0xc0a80a01 +1 +0"
    assert re.search(line, h2.proc_net("mcfilter"))
    session.delete()
    assert not re.search(line, h2.proc_net("mcfilter"))


def test_a_peer_joins_its_sources_only(start_daemon, h1, h2, h3):
    fields = {"group": GROUP, "port": PORT, "interface": "eth0", "requireSourcePort": 0}
    session = start_daemon(h2).create("multicast-peer", sources=[SOURCE], **fields)
    with listener(h2, PORT, group=GROUP) as witness:
        with sender(h3) as wrong:
            wrong.sendto(b"wrong", (GROUP, PORT))
        assert sources_in(witness, h3.address) == [h3.address]
    with sender(h1) as right:
        right.sendto(b"right", (GROUP, PORT))
    session.wait_for_packet(b"right")
    assert session.count("received") == 1


@pytest.mark.usefixtures("iperf_installed")
def test_our_receiver_receives_what_iperf_receives(start_daemon, h1, h2, h3):
    server = start_iperf_server(h2)
    session = create_receiver(start_daemon(h2), SOURCE)
    run_iperf_client(h3)
    run_iperf_client(h1)
    # The report is one line: "0.0000-0.5000 sec 25.4 KBytes 416 Kbits/sec 0.007 ms 0/26 (0%)".
    report = rb" 0/(\d+) \(0%\)"
    eventually(lambda: re.search(report, server.output), 5, "the report of iperf")
    assert b"connected with 192.168.10.1" in server.output
    assert b"connected with 192.168.10.3" not in server.output
    received = int(re.search(report, server.output)[1])
    assert received > 10
    # iperf does not count the datagrams that mark the end.
    eventually(lambda: session.count("accepted") >= received)
    counters = session.counters()
    assert counters["received"] == counters["accepted"]
    assert {p["source"]["address"] for p in session.packets("received")} == {SOURCE}


@pytest.mark.usefixtures("iperf_installed")
def test_iperf_hears_our_sender(relaycast, h2, h3):
    server = start_iperf_server(h2)
    with listener(h2, PORT, group=GROUP) as witness, sender(h3) as wrong:
        wrong.sendto(iperf_datagram(0), (GROUP, PORT))
        assert sources_in(witness, h3.address) == [h3.address]
    session = relaycast.create("multicast-sender", group=GROUP, port=PORT, interface="eth0", ttl=4)
    session.send(*[iperf_datagram(number) for number in range(20)], iperf_datagram(-20))
    server.wait_for_output(b" 0/20 (0%)")
    assert b"connected with 192.168.10.1" in server.output
    assert b"connected with 192.168.10.3" not in server.output

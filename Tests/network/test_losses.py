"""Sizes at the limits, and every datagram that is lost, counted.

h1 relaycast ─┐
h2           ─┴─ bridge0      MTU 1500: large datagrams travel in fragments
"""

import hashlib
import os
import socket

import pytest
from lab_relay import relay
from lab_sockets import listener, sender
from namespaces import eventually

GROUP, PORT, LARGEST = "233.252.0.1", 6666, 65507


def create(relaycast, kind, **fields):
    """A session of the group on eth0."""
    return relaycast.create(kind, group=GROUP, port=PORT, interface="eth0", **fields)


@pytest.mark.parametrize("length", [0, 1, 1472, 1473, LARGEST])
def test_a_datagram_of_any_length_is_received_whole(relaycast, h2, length):
    session = create(relaycast, "multicast-receiver", snapLength=65535)
    payload = os.urandom(length)
    with sender(h2) as other:
        other.sendto(payload, (GROUP, PORT))
    session.wait_for_count(1, "accepted")
    (packet,) = session.packets("received")
    assert (packet["length"], packet["capturedLength"]) == (length, length)
    assert hashlib.sha256(packet["payload"]).digest() == hashlib.sha256(payload).digest()
    counters = session.counters()
    assert counters["accepted"] == {"datagrams": 1, "bytes": length}
    assert counters["truncated"] == 0


@pytest.mark.parametrize("length", [0, 1, 1472, 1473, LARGEST])
def test_a_datagram_of_any_length_is_sent_whole(relaycast, h2, length):
    session = create(relaycast, "multicast-sender")
    payload = os.urandom(length)
    with listener(h2, PORT, group=GROUP) as other:
        session.send(payload)
        assert other.recv(65536) == payload
    session.wait_for_count(1, "sent")
    assert session.counters()["sent"]["bytes"] == length


def test_many_empty_datagrams_do_not_end_a_session(relaycast, h2):
    session = create(relaycast, "multicast-receiver")
    with sender(h2) as other:
        for _ in range(100):
            other.sendto(b"", (GROUP, PORT))
        other.sendto(b"last", (GROUP, PORT))
    session.wait_for_count(101, "accepted")


def test_the_snap_length_shortens_what_is_kept_and_not_what_is_counted(relaycast, h2):
    session = create(relaycast, "multicast-receiver", snapLength=100)
    with sender(h2) as other:
        other.sendto(bytes(range(250)), (GROUP, PORT))
    session.wait_for_count(1, "accepted")
    (packet,) = session.packets("received")
    assert (packet["length"], packet["capturedLength"]) == (250, 100)
    assert packet["payload"] == bytes(range(100))


def test_a_burst_larger_than_the_receive_buffer_is_accounted_for(relaycast, h1, h2):
    session = create(relaycast, "multicast-receiver", receiveBufferBytes=8192)
    assert session.get()["status"]["receiveBufferBytes"] >= 8192
    number = 400
    with sender(h2) as other:
        relaycast.process.freeze()
        try:
            for _ in range(number):
                other.sendto(bytes(1000), (GROUP, PORT))
        finally:
            relaycast.process.thaw()
        # Counted even when nothing arrives afterwards.
        eventually(lambda: total(session) == number, what="received + lost = sent")
        counters = session.counters()
        assert counters["lost"]["receiveBufferFull"] == dropped_by_the_kernel(h1)
        assert 0 < counters["lost"]["receiveBufferFull"] < number
        other.sendto(b"after", (GROUP, PORT))
    session.wait_for_packet(b"after")
    assert total(session) == number + 1


def total(session):
    """What reached the socket: given to us, or dropped there by the kernel."""
    counters = session.counters()
    return counters["received"]["datagrams"] + counters["lost"]["receiveBufferFull"]


def dropped_by_the_kernel(host):
    """The drops column of /proc/net/udp for our port."""
    lines = [line.split() for line in host.proc_net("udp").splitlines()[1:]]
    return sum(int(columns[-1]) for columns in lines if columns[1].endswith(f":{PORT:04X}"))


@pytest.fixture
def slow_network(h1):
    """eth0 of h1 sends 8 kbit/s and queues 3000 bytes."""
    change = ["tc", "qdisc", "add", "dev", "eth0", "root", "tbf", "rate", "8kbit"]
    h1.run(*change, "burst", "1600", "limit", "3000")
    yield
    h1.run("tc", "qdisc", "delete", "dev", "eth0", "root")


@pytest.mark.usefixtures("slow_network")
def test_sending_to_a_full_queue_is_refused_and_counted(relaycast):
    session = create(relaycast, "multicast-sender")
    answer = session.post(*[bytes(1000)] * 50)
    assert (answer.status, answer.code) == (503, "send-buffer-full")
    assert answer.fields["Retry-After"]
    sent = answer.json["sent"]
    assert 0 < sent < 50
    assert answer.json["errors"][0]["pointer"] == f"/datagrams/{sent}"
    assert answer.json["errno"] == "ENOBUFS"
    counters = session.counters()
    assert counters["sent"]["datagrams"] == sent
    assert counters["lost"]["sendBufferFull"] == 1
    assert session.get()["status"]["state"] == "running"


def ask_and_close(host, relaycast):
    """A client that has gone when the reply arrives: its port answers by ICMP."""
    with sender(host) as client:
        relaycast.process.freeze()
        client.sendto(b"gone", (GROUP, PORT))
    relaycast.process.thaw()


def ask_and_vanish(host, relaycast):
    """A client whose address nobody has when the reply is sent: nobody answers ARP."""
    host.run("ip", "address", "add", "192.168.10.77/24", "dev", "eth0")
    with sender(host) as client:
        client.bind(("192.168.10.77", 0))
        relaycast.process.freeze()
        client.sendto(b"gone", (GROUP, PORT))
    host.run("ip", "address", "delete", "192.168.10.77/24", "dev", "eth0")
    relaycast.process.thaw()


@pytest.mark.parametrize(
    "ask, errno",
    [(ask_and_close, "ECONNREFUSED"), (ask_and_vanish, "EHOSTUNREACH")],
    ids=["closed-port", "absent-host"],
)
def test_a_reply_that_cannot_be_delivered_is_reported_and_hurts_no_other(relaycast, h2, ask, errno):
    session = create(relaycast, "multicast-receiver", reply={"text": "here"})
    ask(h2, relaycast)
    # The kernel tries ARP for three seconds.
    eventually(lambda: session.count("unreachable") > 0, 10, "the report is counted")
    counters = session.counters()
    assert counters["lastError"]["errno"] == errno
    # It had left.
    assert counters["replied"]["datagrams"] == 1
    assert counters["lost"]["sendFailed"] == 0
    with sender(h2) as client:
        for _ in range(3):
            client.sendto(b"hello", (GROUP, PORT))
            assert client.recv(100) == b"here"
    assert session.get()["status"]["state"] == "running"


def test_an_answer_by_icmp_does_not_stop_a_sender(relaycast, h1, h2):
    session = create(relaycast, "multicast-sender")
    port = session.get()["status"]["localAddress"]["port"]
    with (
        h2.socket(socket.AF_INET, socket.SOCK_DGRAM) as other,
        listener(h2, PORT, group=GROUP) as group,
    ):
        other.bind((h2.address, 0))
        for number in range(20):
            other.sendto(b"unasked", (h1.address, port))
            session.send(b"%d" % number)
            assert group.recv(100) == b"%d" % number
    session.wait_for_count(20, "dropped", "sourcePort")


def test_answers_that_an_askers_port_cannot_hold_are_counted(relaycast, h2, h4):
    target = {"address": "192.168.30.4", "port": 6002, "interface": "eth1", "mapReplies": {}}
    session = relay(relaycast, target, receiveBufferBytes=4096)
    with listener(h4, 6002) as responder, sender(h2) as asker:

        def burst():
            asker.sendto(b"?", ("239.1.1.1", 5004))
            port = responder.recvfrom(9)[1]
            relaycast.process.freeze()
            for _ in range(100):
                responder.sendto(bytes(1400), port)
            relaycast.process.thaw()

        burst()

        def lost():
            return session.counters()["lost"]["receiveBufferFull"]

        def mapped():
            return session.counters()["targets"][0]["mappedReplies"]["datagrams"]

        eventually(lambda: lost() + mapped() == 100, 5, lambda: session.counters())
        before = lost()
        assert before > 0
        # The buffer that the session asks for is that of its askers' ports, too, also of open ones.
        changed = relaycast.ask("PATCH", session.path, {"receiveBufferBytes": 4 << 20})
        assert changed.status == 200
        burst()
        eventually(lambda: lost() + mapped() == 200, 5, lambda: session.counters())
        assert lost() == before

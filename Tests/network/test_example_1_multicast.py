"""Example 1: multicast client and server. socat on one side, Relaycast on the other.

h1 relaycast ─┐
h2 socat     ─┼─ bridge0      group 224.1.0.1, port 6666, replies are unicast
h3 socat     ─┘
"""

import base64

import pytest
from lab_sockets import listener, sender, socat
from namespaces import eventually

pytestmark = pytest.mark.usefixtures("socat_installed")
GROUP, PORT = "224.1.0.1", 6666


def start_server(host, command="EXEC:hostname"):
    """socat UDP4-RECVFROM:6666,ip-add-membership=224.1.0.1:192.168.10.N,fork EXEC:hostname"""
    membership = f"ip-add-membership={GROUP}:{host.address}"
    return socat(host, f"UDP4-RECVFROM:{PORT},{membership},fork", command, port=PORT)


def start_client(host, *options):
    """socat STDIO UDP4-DATAGRAM:224.1.0.1:6666,range=192.168.10.0/24"""
    target = ",".join([f"UDP4-DATAGRAM:{GROUP}:{PORT}", "range=192.168.10.0/24", *options])
    return socat(host, "-t", "10", "STDIO", target)


def create_sender(relaycast, **fields):
    """Our client: it sends to the group and takes replies from port 6666 of the subnet."""
    allow = ["192.168.10.0/24"]
    return relaycast.create(
        "multicast-sender", group=GROUP, port=PORT, interface="eth0", allow=allow, **fields
    )


def create_receiver(relaycast, reply):
    """Our server: it answers each datagram to its sender."""
    return relaycast.create(
        "multicast-receiver", group=GROUP, port=PORT, interface="eth0", reply=reply
    )


def test_a_socat_server_answers_our_sender(relaycast, h1, h2):
    start_server(h2)
    session = create_sender(relaycast)
    packet = session.ask(b"who is there?\n", b"h2\n")
    local_port = session.get()["status"]["localAddress"]["port"]
    assert packet["source"] == {"address": h2.address, "port": PORT}
    assert packet["destination"] == {"address": h1.address, "port": local_port}
    assert packet["destinationClass"] == "unicast"
    assert packet["verdict"] == "accepted"
    assert packet["interface"] == "eth0"
    assert packet["localAddress"] == h1.address
    counters = session.counters()
    assert counters["sent"]["bytes"] == counters["sent"]["datagrams"] * len(b"who is there?\n")
    assert counters["received"] == counters["accepted"]
    assert counters["accepted"]["bytes"] == counters["accepted"]["datagrams"] * len(b"h2\n")


def test_every_socat_server_of_the_group_answers(relaycast, h2, h3):
    # A command that reads its input first always answers: exactly one reply a server.
    for host in (h2, h3):
        start_server(host, "SYSTEM:read question; hostname")
    session = create_sender(relaycast)
    session.send(b"who is there?\n")
    session.wait_for_count(2, "accepted")
    session.wait_for_count(1, "sent")
    eventually(lambda: {b"h2\n", b"h3\n"} == set(session.payloads()))


def test_our_sender_uses_the_local_port_asked_for(relaycast, h2):
    session = create_sender(relaycast, localPort=7777)
    with listener(h2, PORT, group=GROUP) as other:
        session.send(b"from 7777")
        assert other.recvfrom(100) == (b"from 7777", ("192.168.10.1", 7777))


@pytest.mark.parametrize(
    "reply, expected",
    [
        ({"text": "Grüße\n"}, "Grüße\n".encode()),
        ({"base64": base64.b64encode(b"\x00\xff\r\n").decode()}, b"\x00\xff\r\n"),
    ],
    ids=["text", "base64"],
)
def test_our_receiver_answers_a_socat_client(relaycast, h2, reply, expected):
    session = create_receiver(relaycast, reply)
    client = start_client(h2)
    client.write(b"hello\n")
    assert client.wait_for_output(expected) == expected
    session.wait_for_count(1, "accepted")
    session.wait_for_count(1, "replied")


def test_a_template_reply_tells_what_was_received(relaycast, h2):
    template = (
        "{{{hostname}}} {source.address} {source.port} {destination.address} {interface}"
        " {length} {sequence}\n"
    )
    session = create_receiver(relaycast, {"template": template})
    client = start_client(h2, "bind=:5555")
    client.write(b"hello\n")
    packet = session.wait_for_packet(b"hello\n")
    line = f"{{h1}} 192.168.10.2 5555 224.1.0.1 eth0 6 {packet['sequence']}\n"
    assert client.wait_for_output(b"\n").decode() == line


def test_a_reply_comes_from_the_address_and_port_of_the_receiver(relaycast, h2):
    create_receiver(relaycast, {"text": "here"})
    with sender(h2) as client:
        client.sendto(b"hello", (GROUP, PORT))
        assert client.recvfrom(100) == (b"here", ("192.168.10.1", PORT))


def test_replies_stop_at_the_limit_per_second(relaycast, h2):
    session = create_receiver(relaycast, {"text": "again", "perSecondMax": 5})
    with sender(h2) as client:
        for _ in range(50):
            client.sendto(b"hello", (GROUP, PORT))
        session.wait_for_count(50, "accepted")
        eventually(lambda: sum(session.counters()["replied"][k] for k in KEYS) == 50)
        replied = session.count("replied")
        # 5 at once, and not more than 5 for each second that the burst may have taken.
        assert 1 <= replied <= 15
        for _ in range(replied):
            assert client.recv(100) == b"again"
        client.setblocking(False)
        with pytest.raises(BlockingIOError):
            client.recv(100)


KEYS = ("datagrams", "rateLimited")

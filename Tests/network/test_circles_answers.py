"""A session's own output is not its input: nobody answers an answer.

    h1 relaycast ─┐
    h2 asks      ─┼─ bridge0
    h3 relaycast ─┘
"""

import socket

import pytest
from lab_circles import check_rest, pause
from lab_relay import Ears
from lab_sockets import sender
from namespaces import eventually

PORT = 6666
# So many answers of all responders to one question are "a few".
FEW = 20
HANDLERS = {"handlers": {"echo": {"argv": ["/bin/cat"]}}}
REPLIES = {
    "text": {"text": "here"},
    # Each answer differs from all before it.
    "template": {"template": "{sequence} {length} from {source.address}"},
    "handler": {"handler": "echo"},
}
# What is asked, and the sessions that hear it.
PLACES = {
    "directed": ("192.168.10.255", {"kind": "broadcast", "role": "receiver"}),
    "limited": ("255.255.255.255", {"kind": "broadcast", "role": "receiver"}),
    "ipv4-group": (
        "239.3.3.3",
        {"kind": "multicast-receiver", "group": "239.3.3.3", "accept": ["multicast", "unicast"]},
    ),
    "ipv6-group": (
        "ff05::3:3",
        {"kind": "multicast-receiver", "group": "ff05::3:3", "accept": ["multicast", "unicast"]},
    ),
}


def responder(daemon, place, reply, most=10000):
    """A session that answers what comes to the port, as fast as can be."""
    _, fields = PLACES[place]
    reply = {**REPLIES[reply], "perSecondMax": most}
    return daemon.create(**fields, port=PORT, interface="eth0", reply=reply)


def peer(daemon, place):
    """A peer on the port of the responder."""
    address, fields = PLACES[place]
    if fields["kind"] == "broadcast":
        return daemon.create("broadcast", port=PORT, address=address, interface="eth0")
    return daemon.create("multicast-peer", group=address, port=PORT, interface="eth0")


def ask(host, place, payload, port=0):
    """A host asks once; returns the socket."""
    address, _ = PLACES[place]
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    made = sender(host, family, port)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
    made.sendto(payload, (address, PORT))
    return made


def replied(*sessions):
    """The answers that these sessions have sent."""
    return [session.count("replied") for session in sessions]


@pytest.mark.parametrize(
    "place, reply, peer_first",
    [("directed", "template", True), ("ipv6-group", "handler", False)],
)
def test_a_post_of_a_peer_on_the_port_of_a_responder_has_one_answer(
    start_daemon, h1, place, reply, peer_first
):
    daemon = start_daemon(h1, configuration=HANDLERS)
    if peer_first:
        asking, answering = peer(daemon, place), responder(daemon, place, reply, 100)
    else:
        answering, asking = responder(daemon, place, reply, 100), peer(daemon, place)
    for times in (1, 2):
        asking.send(b"question %d\n" % times)
        eventually(lambda times=times: sum(replied(answering)) >= times, 5, "it is answered")
        check_rest(daemon)
        assert replied(answering) == [times]


@pytest.mark.parametrize(
    "place, reply, most, names",
    [
        ("ipv4-group", "text", 100, ("h1", "h3", "h2")),
        ("ipv6-group", "handler", 10000, ("h1", "h3")),
    ],
)
def test_responders_on_several_hosts_fall_silent(lab, start_daemon, place, reply, most, names):
    daemons = [start_daemon(lab.hosts[name], configuration=HANDLERS) for name in names]
    sessions = [responder(daemon, place, reply, most) for daemon in daemons]
    # Asked from the responders' port of h1, by a socket that is gone when the answers come: they
    # come to the responder of h1.
    for daemon in daemons:
        daemon.process.freeze()
    ask(lab.hosts["h1"], place, b"question\n", PORT).close()
    for daemon in daemons:
        daemon.process.thaw()
    eventually(lambda: sum(replied(*sessions)) >= len(names) - 1, 5, "it is answered")
    pause(0.5)
    assert sum(replied(*sessions)) < FEW
    check_rest(*daemons)
    assert sum(replied(*sessions)) < FEW


@pytest.mark.parametrize("place, peer_first", [("limited", True)])
def test_two_responders_whose_questions_are_posted_fall_silent(
    start_daemon, h1, h3, place, peer_first
):
    daemons = [start_daemon(host) for host in (h1, h3)]
    # The kernel gives unicast to the one that was bound last.
    if peer_first:
        peers = [peer(daemon, place) for daemon in daemons]
    sessions = [responder(daemon, place, "template") for daemon in daemons]
    if not peer_first:
        peers = [peer(daemon, place) for daemon in daemons]
    for number, asking in enumerate(peers):
        asking.send(b"question %d" % number)
    eventually(lambda: all(replied(*sessions)), 5, "both have answered")
    pause(0.5)
    check_rest(*daemons)
    assert sum(replied(*sessions)) < FEW


@pytest.mark.parametrize("place", ["directed"])
def test_who_asks_from_the_port_itself_has_an_answer_each_time(relaycast, h2, place):
    session = responder(relaycast, place, "template")
    for times in range(1, 6):
        with ask(h2, place, b"question", PORT) as made, Ears(made) as ears:
            # Socat's peers are bound to the port that they send to.
            eventually(lambda: any(b"from" in one for one in ears.heard[0]), 5, "an answer")
    assert replied(session) == [times]


@pytest.mark.parametrize("place", ["ipv6-group"])
def test_equal_questions_of_a_host_are_all_answered(relaycast, h2, place):
    session = responder(relaycast, place, "text")
    for _ in range(10):
        with ask(h2, place, b"the same question") as made:
            assert made.recv(100) == b"here"
    assert replied(session) == [10]


@pytest.mark.parametrize("place", ["ipv4-group"])
def test_a_socket_that_asks_again_after_each_answer_is_answered(relaycast, h1, h2, place):
    session = responder(relaycast, place, "template")
    is_six = ":" in PLACES[place][0]
    to = (h1.address6 if is_six else h1.address, PORT)
    with sender(h2, socket.AF_INET6 if is_six else socket.AF_INET) as made:
        for _ in range(50):
            made.sendto(b"question", to)
            assert b" 8 from " in made.recv(100)
    assert replied(session) == [50]


def test_two_responders_on_ports_of_clients_end_by_their_rate(start_daemon, h1, h3):
    """A client that asks again as soon as it has its answer looks just like a responder."""
    places = [(start_daemon(h1), 40000), (start_daemon(h3), 50000)]
    sessions = [
        daemon.create(
            "broadcast", role="receiver", port=port, interface="eth0", accept=["unicast"],
            reply={**REPLIES["template"], "perSecondMax": 100},
        )
        for daemon, port in places
    ]  # fmt: skip
    # Asked from the port of the first, by a socket that is gone when the answer comes.
    for daemon, _ in places:
        daemon.process.freeze()
    with sender(h1, port=40000) as made:
        made.sendto(b"question", (h3.address, 50000))
    for daemon, _ in places:
        daemon.process.thaw()
    eventually(
        lambda: sum(session.count("replied", "rateLimited") for session in sessions),
        10,
        lambda: [session.counters()["replied"] for session in sessions],
    )
    check_rest(*[daemon for daemon, _ in places])
    assert sum(session.count("replied", "rateLimited") for session in sessions) == 1

"""Answers: by which interface they leave, where to, with which TTL; and that they are not questions.

                 ┌── eth0 ── bridge0 ── eth0 h2   169.254.1.2
   h1 relaycast ─┤
                 └── side0 ──────────── side0 h2  169.254.2.2
   169.254.1.1/16 on both links, so that the route knows one of them only
"""

import contextlib
import socket
import struct

import pytest
from lab_relay import relay, targets
from lab_sockets import listener, sender
from namespaces import eventually

GROUP, GROUP6, PORT = "239.7.7.7", "ff05::7777", 7007
LINKS = ["eth0", "side0"]
IP_PKTINFO, IP_RECVTTL = 8, 12  # linux/in.h
IPV6_RECVHOPLIMIT, IPV6_HOPLIMIT = 51, 52  # linux/in6.h


@pytest.fixture
def twice(h1, h2, connect):
    """The same two networks, 169.254.0.0/16 and fd77::/64, on both links of h1 and h2."""
    connect("side0")
    for number, link in enumerate(LINKS, 1):
        # The first one has the better route.
        metric = str(100 * number)
        for host, address in ((h1, f"{number}.1"), (h2, f"{number}.2")):
            words = ["dev", link, "noprefixroute"]
            host.run("ip", "address", "add", f"169.254.{address}/16", "broadcast", "+", *words)
            route = ["dev", link, "src", f"169.254.{address}", "metric", metric]
            host.run("ip", "route", "add", "169.254.0.0/16", *route)
            six = f"fd77::{address.replace('.', ':')}"
            host.run("ip", "address", "add", f"{six}/64", "nodad", *words)
            host.run("ip", "-6", "route", "add", "fd77::/64", "dev", link, "metric", metric)
    yield
    for number in (1, 2):
        for host, address in ((h1, f"{number}.1"), (h2, f"{number}.2")):
            with contextlib.suppress(Exception):
                six = f"fd77::{address.replace('.', ':')}"
                host.run("ip", "address", "delete", f"169.254.{address}/16", "dev", LINKS[number - 1])
                host.run("ip", "address", "delete", f"{six}/64", "dev", LINKS[number - 1])
    for host in (h1, h2):
        for command in (["ip", "route", "flush", "169.254.0.0/16"], ["ip", "-6", "route", "flush", "fd77::/64"]):
            with contextlib.suppress(Exception):
                host.run(*command)


def address_of(link, number, family=socket.AF_INET):
    """The address of h1 (1) or h2 (2) on a link, in the network that both links are in."""
    place = LINKS.index(link) + 1
    return f"169.254.{place}.{number}" if family == socket.AF_INET else f"fd77::{place}:{number}"


def answer_of(session):
    """The first packet that was sent, which is remembered once it has left."""
    return eventually(lambda: session.packets("sent"), 5, "an answer is shown")[0]


@contextlib.contextmanager
def asker(host, link, family=socket.AF_INET, address=None, port=0):
    """A socket of a host that asks by a link, and hears only what comes back by it."""
    with sender(host, family, interface=link) as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, link.encode())
        made.bind((address or address_of(link, 2, family), port))
        made.settimeout(3)
        yield made


@pytest.mark.usefixtures("twice")
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6], ids=["IPv4", "IPv6"])
@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("handler", [False, True], ids=["text", "handler"])
def test_a_neighbour_is_answered_by_the_link_of_its_question(
    start_daemon, h1, h2, link, family, handler
):
    command = ["/bin/sh", "-c", "echo $RELAYCAST_LOCAL_ADDRESS"]
    daemon = start_daemon(h1, configuration={"handlers": {"say": {"argv": command}}})
    group = GROUP if family == socket.AF_INET else GROUP6
    here = address_of(link, 1, family)
    reply = {"handler": "say"} if handler else {"text": here}
    session = daemon.create(
        "multicast-receiver", group=group, port=PORT, interface=link, reply=reply
    )
    with asker(h2, link, family) as made:
        made.sendto(b"who?", (group, PORT))
        payload, source = made.recvfrom(100)
    assert (payload.strip().decode(), source[0]) == (here, here)
    assert session.packets("received")[0]["localAddress"] == here
    packet = answer_of(session)
    assert packet["interface"] == link


@pytest.mark.usefixtures("twice")
@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("to", ["255.255.255.255", "169.254.255.255"])
def test_a_broadcast_is_answered_by_the_link_of_its_question(relaycast, h2, link, to):
    session = relaycast.create(
        "broadcast", role="receiver", port=PORT, interface=link, reply={"text": "here"}
    )
    with asker(h2, link) as made:
        made.sendto(b"who?", (to, PORT))
        source = made.recvfrom(100)[1]
        assert source[0] == address_of(link, 1)
        # Who was answered from there may go on there.
        made.sendto(b"and?", source)
        assert made.recvfrom(100)[1] == source
    assert {one["localAddress"] for one in session.packets("received")} == {source[0]}
    packet = answer_of(session)
    assert packet["interface"] == link


@pytest.mark.usefixtures("twice")
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6], ids=["IPv4", "IPv6"])
@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("to", [{}, {"to": "destination"}], ids=["sender", "destination"])
def test_a_unicast_question_is_answered_by_its_link(relaycast, h2, link, family, to):
    group = GROUP if family == socket.AF_INET else GROUP6
    session = relaycast.create(
        "multicast-receiver",
        group=group, port=PORT, interface=link, accept=["unicast"], reply={"text": "here", **to},
    )  # fmt: skip
    with asker(h2, link, family) as made:
        made.sendto(b"who?", (address_of(link, 1, family), PORT))
        payload, source = made.recvfrom(100)
    assert (payload, source[0]) == (b"here", address_of(link, 1, family))
    assert answer_of(session)["interface"] == link


@pytest.mark.usefixtures("twice")
def test_one_address_on_two_links_is_two_askers(relaycast, h2, h4):
    target = {"address": GROUP, "port": PORT, "interface": "eth1", "mapReplies": {}}
    session = relaycast.create("broadcast", role="receiver", port=PORT, forward=[target])
    for link in LINKS:
        h2.run("ip", "address", "add", "169.254.9.9/32", "dev", link)
    try:
        with contextlib.ExitStack() as stack:
            askers = [
                stack.enter_context(asker(h2, link, address="169.254.9.9", port=5000))
                for link in LINKS
            ]
            device = stack.enter_context(listener(h4, PORT, group=GROUP, interface="eth1"))
            ports = []
            # Each asks twice.
            for link, made in [*zip(LINKS, askers)] * 2:
                made.sendto(link.encode(), ("255.255.255.255", PORT))
                question, source = device.recvfrom(100)
                assert question == link.encode()
                ports.append(source)
            assert ports[:2] == ports[2:] and ports[0] != ports[1]
            for link, port in zip(LINKS, ports):
                device.sendto(link.encode(), port)
            for link, made in zip(LINKS, askers):
                assert made.recv(100) == link.encode()
        # Readers see it a little later.
        mappings = f"{session.path}/mappings"
        eventually(lambda: relaycast.ask("GET", mappings).json["total"] == 2, what="two askers")
    finally:
        h2.run("ip", "address", "delete", "169.254.9.9/32", "dev", "eth0")


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6], ids=["IPv4", "IPv6"])
def test_the_other_end_of_a_link_is_answered_by_that_link(relaycast, h1, h2, connect, family):
    is_ipv4 = family == socket.AF_INET
    group = GROUP if is_ipv4 else GROUP6
    other, length = ("10.66.9.2", 32) if is_ipv4 else ("fd66::9:2", 128)
    links = ["side0", "side1"]
    for number, link in enumerate(links):
        connect(link)
        here = f"10.66.{number}.1" if is_ipv4 else f"fd66::{number}:1"
        for host, ends in ((h1, (here, other)), (h2, (other, here))):
            host.run("ip", "-4", "address", "flush", "dev", link)
            words = [ends[0], "peer", f"{ends[1]}/{length}", "dev", link]
            host.run("ip", "address", "add", *words, *([] if is_ipv4 else ["nodad"]))
    for link in links:
        session = relaycast.create(
            "multicast-receiver", group=group, port=PORT, interface=link, reply={"text": link}
        )
        with asker(h2, link, family, address=other) as made:
            made.sendto(b"who?", (group, PORT))
            assert made.recv(100) == link.encode()
        session.delete()


@pytest.mark.parametrize("what", ["text", "handler", "mapped"])
def test_the_address_that_was_asked_answers_though_another_has_come(
    start_daemon, h1, h2, h4, tmp_path, what
):
    gate = tmp_path / "gate"
    command = ["/bin/sh", "-c", f"until [ -e {gate} ]; do sleep 0.05; done; echo here"]
    daemon = start_daemon(h1, configuration={"handlers": {"say": {"argv": command}}})
    target = {"address": GROUP6, "port": PORT, "interface": "eth1", "mapReplies": {}}
    how = {
        "text": {"reply": {"text": "here"}},
        "handler": {"reply": {"handler": "say"}},
        "mapped": {"forward": [target]},
    }[what]
    daemon.create(
        "multicast-receiver", group=GROUP6, port=PORT, interface="eth0",
        accept=["multicast", "unicast"], **how,
    )  # fmt: skip
    with (
        sender(h2, socket.AF_INET6) as made,
        listener(h4, PORT, socket.AF_INET6, GROUP6, interface="eth1") as device,
    ):
        made.sendto(b"who?", (h1.address6, PORT))
        if what == "mapped":
            source = device.recvfrom(100)[1]
        if what == "text":
            assert made.recvfrom(100)[1][0] == h1.address6
        # The kernel would rather send from this one.
        h1.run("ip", "address", "add", "fd00:10::66/64", "dev", "eth0", "nodad")
        try:
            if what == "mapped":
                device.sendto(b"here", source)
            if what == "text":
                made.sendto(b"who?", (h1.address6, PORT))
            gate.touch()
            payload, source = made.recvfrom(100)
            assert (payload.strip(), source[0]) == (b"here", h1.address6)
        finally:
            h1.run("ip", "address", "delete", "fd00:10::66/64", "dev", "eth0")


@pytest.mark.usefixtures("twice")
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6], ids=["IPv4", "IPv6"])
@pytest.mark.parametrize("link", LINKS)
def test_a_mapped_answer_leaves_by_the_link_of_its_question(
    relaycast, h1, h2, h4, link, family  # noqa: ARG001
):
    is_ipv4 = family == socket.AF_INET
    group = GROUP if is_ipv4 else GROUP6
    target = {"address": group, "port": PORT, "interface": "eth1", "mapReplies": {}}
    session = relay(relaycast, target, group=group, port=PORT, interface=link)
    with asker(h2, link, family) as made:
        with listener(h4, PORT, family, group, interface="eth1") as device:
            made.sendto(b"who?", (group, PORT))
            question, source = device.recvfrom(100)
            device.sendto(b"here", source)
        assert question == b"who?" and made.recv(100) == b"here"
    packet = answer_of(session)
    assert packet["interface"] == link


@pytest.mark.parametrize("link", LINKS)
def test_a_link_local_sender_is_answered_by_its_link(relaycast, h2, connect, link):
    connect("side0")
    group = "ff02::7777"
    session = relaycast.create(
        "multicast-receiver", group=group, port=PORT, interface=link, reply={"text": "here"}
    )
    with sender(h2, socket.AF_INET6, interface=link) as made:
        made.settimeout(3)
        # A link-local address is tentative for a moment on a link that is new.
        eventually(lambda: _asks(made, group, h2.interface_index(link)), 10, "the question leaves")
        assert made.recv(100) == b"here"
    packet = answer_of(session)
    assert packet["interface"] == link


def test_a_link_local_sender_is_answered_from_the_global_address_that_it_asked(relaycast, h1, h2):
    session = relaycast.create(
        "multicast-receiver",
        group=GROUP6, port=PORT, interface="eth0", accept=["unicast"], reply={"text": "here"},
    )  # fmt: skip
    index = h2.interface_index("eth0")
    lines = h2.run("ip", "-6", "-o", "address", "show", "dev", "eth0", "scope", "link")
    address = str(lines).split("inet6 ")[1].split("/")[0]
    with h2.socket(socket.AF_INET6) as made:
        made.settimeout(3)
        made.bind((address, 0, 0, index))
        made.sendto(b"who?", ("fd00:10::1", PORT, 0, index))
        payload, source = made.recvfrom(100)
    assert (payload, source[0]) == (b"here", "fd00:10::1")
    assert answer_of(session)["interface"] == "eth0"


def _asks(made, group, index):
    with contextlib.suppress(OSError):
        return made.sendto(b"who?", (group, PORT, 0, index))
    return False


def test_an_asker_that_is_routed_to_is_answered_by_the_route(relaycast, h1, h4):  # noqa: ARG001
    """h4 is behind eth1; a host of its subnet is no neighbour on eth0."""
    session = relaycast.create(
        "broadcast", role="receiver", port=PORT, accept=["unicast"], reply={"text": "here"}
    )
    with h4.socket(socket.AF_INET) as made:
        made.settimeout(3)
        made.sendto(b"who?", ("192.168.10.1", PORT))
        assert made.recv(100) == b"here"
    packet = answer_of(session)
    # It came in by eth1, where h4 is on-link.
    assert packet["interface"] == "eth1"


def test_what_a_host_asks_itself_is_answered_by_the_loopback_route(relaycast, h1):
    session = relaycast.create(
        "multicast-receiver", group=GROUP, port=PORT, interface="eth0", reply={"text": "here"}
    )
    with sender(h1) as made:
        made.sendto(b"who?", (GROUP, PORT))
        assert made.recv(100) == b"here"
    assert "interface" not in answer_of(session)


# ---- Where a reply goes, and with which TTL --------------------------------------------------


def hear_all(host, port, family=socket.AF_INET, group=None, interface="eth0"):
    """A listener that is told the TTL of each datagram."""
    made = listener(host, port, family, group, interface)
    if family == socket.AF_INET:
        made.setsockopt(socket.IPPROTO_IP, IP_RECVTTL, 1)
    else:
        made.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1)
    return made


def receive(made):
    """The next datagram: its payload, its TTL, and where it came from."""
    payload, controls, _, source = made.recvmsg(2000, 200)
    ttl = [
        struct.unpack("@i", data)[0]
        for level, kind, data in controls
        if (level, kind) in ((socket.IPPROTO_IP, socket.IP_TTL), (socket.IPPROTO_IPV6, IPV6_HOPLIMIT))
    ]
    return payload, ttl[0], source


@pytest.mark.parametrize(
    ("family", "group"),
    [(socket.AF_INET, GROUP), (socket.AF_INET6, GROUP6), (socket.AF_INET6, "ff02::7777")],
    ids=["IPv4", "IPv6", "link-local"],
)
@pytest.mark.parametrize("ttl", [None, 255])
def test_a_reply_to_the_group_is_heard_by_all_and_not_answered(
    relaycast, h2, h3, family, group, ttl
):
    reply = {"text": "here", "to": "destination"} | ({"ttl": ttl} if ttl else {})
    session = relaycast.create(
        "multicast-receiver", group=group, port=PORT, interface="eth0", reply=reply
    )
    with hear_all(h3, PORT, family, group) as bystander, sender(h2, family) as made:
        to = (group, PORT) if family == socket.AF_INET else (group, PORT, 0, h2.interface_index("eth0"))
        for number in range(3):
            made.sendto(b"who? %d" % number, to)
            heard = [receive(bystander), receive(bystander)]
            payload, answered_with, source = next(h for h in heard if h[0] == b"here")
            assert (payload, answered_with) == (b"here", ttl or 1)
            assert source[1] == PORT
    # Each answer came back once, and was known.
    session.wait_for_count(3, "dropped", "own")
    session.wait_for_count(3, "accepted")
    assert session.count("replied") == 3
    packet = answer_of(session)
    assert packet["interface"] == "eth0" and packet["destinationClass"] == "multicast"
    assert packet["destination"]["address"] == group and packet["ttl"] == (ttl or 1)


@pytest.mark.parametrize("address", ["192.168.10.255", "255.255.255.255"])
@pytest.mark.parametrize("interface", [{"interface": "eth0"}, {}], ids=["eth0", "any"])
def test_a_reply_to_a_broadcast_goes_to_the_broadcast_address(relaycast, h2, h3, address, interface):
    reply = {"text": "here", "to": "destination", "ttl": 3}
    session = relaycast.create("broadcast", role="receiver", port=PORT, reply=reply, **interface)
    with hear_all(h3, PORT) as bystander, sender(h2) as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
        made.sendto(b"who?", (address, PORT))
        heard = dict((payload, ttl) for payload, ttl, _ in (receive(bystander), receive(bystander)))
    assert heard[b"here"] == 3
    session.wait_for_count(1, "dropped", "own")
    assert (session.count("accepted"), session.count("replied")) == (1, 1)
    packet = answer_of(session)
    assert packet["destination"] == {"address": address, "port": PORT}
    assert packet["destinationClass"] == "broadcast"


def test_a_unicast_question_is_answered_to_its_sender_also_to_the_destination(relaycast, h2):
    reply = {"text": "here", "to": "destination", "ttl": 9}
    session = relaycast.create("broadcast", role="receiver", port=PORT, reply=reply)
    with hear_all(h2, 0) as made:
        made.sendto(b"who?", ("192.168.10.1", PORT))
        assert receive(made)[:2] == (b"here", 9)
    assert answer_of(session)["destinationClass"] == "unicast"


def test_where_replies_go_changes_in_place(relaycast, h2):
    session = relaycast.create("broadcast", role="receiver", port=PORT, reply={"text": "here"})
    with hear_all(h2, PORT) as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        relaycast.ask("PATCH", session.path, {"reply": {"to": "destination"}})
        made.sendto(b"who?", ("192.168.10.255", PORT))
        heard = {receive(made)[0], receive(made)[0]}
        assert heard == {b"who?", b"here"}
        relaycast.ask("PATCH", session.path, {"reply": {"to": None, "ttl": 7}})
        made.sendto(b"again?", ("192.168.10.255", PORT))
        assert {receive(made)[:2], receive(made)[:2]} >= {(b"here", 7)}
    session.wait_for_count(1, "dropped", "own")


@pytest.mark.parametrize(("most", "ttl"), [(8, 8), (100, 64), (None, 64)])
def test_a_reply_without_a_ttl_keeps_to_that_of_the_policy(start_daemon, h1, h2, most, ttl):
    configuration = {"handlers": {"cat": {"argv": ["/bin/cat"]}}}
    if most:
        configuration["policy"] = {"ttlMax": most}
    daemon = start_daemon(h1, configuration=configuration)
    for reply in ({"text": "here\n"}, {"handler": "cat"}):
        session = daemon.create("broadcast", role="receiver", port=PORT, reply=reply)
        with hear_all(h2, 0) as made:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            for address in ("192.168.10.1", "192.168.10.255"):
                made.sendto(b"here\n", (address, PORT))
                assert receive(made)[:2] == (b"here\n", ttl)
        session.delete()
    fields = {"group": GROUP6, "port": PORT, "interface": "eth0", "reply": {"text": "here"}}
    daemon.create("multicast-receiver", **fields)
    with sender(h2, socket.AF_INET6) as made:
        made.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1)
        made.sendto(b"who?", (GROUP6, PORT))
        assert receive(made)[:2] == (b"here", ttl)


# ---- The TTL of mapped answers ---------------------------------------------------------------


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6], ids=["IPv4", "IPv6"])
@pytest.mark.parametrize(
    ("mode", "came", "left"),
    [
        ({}, 255, 254), ({}, 2, 1), ({}, 1, 1), ({"ttlMode": "decrement"}, 64, 63),
        ({"ttlMode": "decrement", "ttlThreshold": 9}, 10, 9),
        ({"ttlMode": "decrement", "ttlThreshold": 9}, 9, None),
        ({"ttlMode": "decrement"}, 1, None),
    ],
)  # fmt: skip
def test_a_mapped_answer_keeps_its_ttl_less_one(relaycast, h2, h4, family, mode, came, left):
    is_ipv4 = family == socket.AF_INET
    group = GROUP if is_ipv4 else GROUP6
    target = {"address": group, "port": PORT, "interface": "eth1", "mapReplies": {}, **mode}
    session = relay(relaycast, target, group=group, port=PORT)
    level, name = (socket.IPPROTO_IP, socket.IP_TTL)
    hops = (socket.IPPROTO_IP, socket.IP_MULTICAST_TTL)
    if not is_ipv4:
        level, name = (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS)
        hops = (socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS)
    with sender(h2, family) as made:
        made.setsockopt(*hops, 32)
        made.setsockopt(*((level, IP_RECVTTL, 1) if is_ipv4 else (level, IPV6_RECVHOPLIMIT, 1)))
        with listener(h4, PORT, family, group, interface="eth1") as device:
            made.sendto(b"who?", (group, PORT))
            _, source = device.recvfrom(100)
            device.setsockopt(level, name, came)
            device.sendto(b"here", source)
        if left is not None:
            assert receive(made)[:2] == (b"here", left)
            assert answer_of(session)["ttl"] == left
        else:
            eventually(lambda: targets(session)[0]["expiredReplies"] == 1, 5, session.counters)
            assert session.count("replied") == 0

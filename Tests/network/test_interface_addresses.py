"""An interface that is named by one of its addresses: that address is the source, everywhere.

h1 relaycast ─ eth0 192.168.10.1/24, 192.168.11.1/24 ─┐
                    fd00:10::1/64, fd00:11::1/64      ├─ bridge0
h2             eth0, the same with .2                ─┘
"""

import socket

import pytest
from lab_sockets import listener, sender
from namespaces import eventually

PORT, GROUPS = 6666, {4: "239.1.1.1", 6: "ff05::4242"}
FIRST, SECOND = {4: "192.168.10.1", 6: "fd00:10::1"}, {4: "192.168.11.1", 6: "fd00:11::1"}
FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
NET = ["192.168.11.{}/24", "fd00:11::{}/64"]


def set_second(host, action):
    """Adds or deletes the second addresses of a host."""
    for net in NET:
        words = ["ip", "address", action, net.format(host.number), "dev", "eth0"]
        if action == "add":
            words += ["nodad"] if ":" in net else ["broadcast", "+"]
        host.run(*words)


@pytest.fixture
def second(h1, h2):
    """The second network on the same link; a function that takes h1's addresses away, or gives."""
    for host in (h1, h2):
        set_second(host, "add")
    state = {"add": True}

    def change(action):
        set_second(h1, action)
        state["add"] = action == "add"

    yield change
    set_second(h2, "delete")
    if state["add"]:
        set_second(h1, "delete")


def sending(kind, family, interface):
    """A definition of a session that sends."""
    fields = {"port": PORT, "interface": interface}
    if kind.startswith("multicast"):
        return {"kind": kind, "group": GROUPS[family], **fields}
    return {"kind": "broadcast", "role": kind, **fields}


def came_from(made):
    """The address that the next datagram of a socket comes from."""
    return made.recvfrom(100)[1][0]


SENDING = [("sender", 4), ("peer", 4)]
SENDING += [(f"multicast-{kind}", family) for kind in ("sender", "peer") for family in (4, 6)]


@pytest.mark.parametrize(("kind", "family"), SENDING)
@pytest.mark.parametrize("named", [FIRST, SECOND], ids=["first", "second"])
def test_what_a_session_sends_leaves_by_the_named_address(relaycast, second, h2, kind, family, named):  # noqa: ARG001
    session = relaycast.create(**sending(kind, family, named[family]))
    assert session.made["status"]["interface"]["address"] == named[family]
    group = GROUPS[family] if kind.startswith("multicast") else None
    with listener(h2, PORT, FAMILIES[family], group=group) as other:
        session.send(b"hello")
        assert came_from(other) == named[family]
    if not group:
        subnet = named[4].rpartition(".")[0]
        assert session.get()["status"]["destination"]["address"] == f"{subnet}.255"
    assert session.packets("sent")[0]["source"]["address"] == named[family]


@pytest.mark.parametrize("address", ["255.255.255.255", "192.168.10.255", "192.168.11.255"])
def test_a_broadcast_leaves_by_the_named_address_wherever_it_goes(relaycast, second, h2, address):  # noqa: ARG001
    definition = {**sending("sender", 4, SECOND[4]), "address": address}
    session = relaycast.create(**definition)
    with listener(h2, PORT) as other:
        session.send(b"hello")
        assert came_from(other) == SECOND[4]


def target(address, interface, **fields):
    """A target by address on an interface."""
    return {"address": address, "port": PORT + 1, "interface": interface, **fields}


TARGETS = [
    (4, {"address": GROUPS[4]}), (4, {"address": "192.168.11.255"}), (4, {"address": "192.168.10.2"}),
    (4, {"address": "255.255.255.255"}), (4, {"address": GROUPS[4], "localPort": 7777}),
    (4, {"address": GROUPS[4], "chaos": {"delayMilliseconds": 1}}),
    (4, {"address": "192.168.11.2", "mapReplies": {}}), (4, {"address": GROUPS[4], "ttlMode": "decrement"}),
    (6, {"address": GROUPS[6]}), (6, {"address": "fd00:10::2"}), (6, {"address": "ff02::4242"}),
]  # fmt: skip


@pytest.mark.parametrize(("family", "fields"), TARGETS)
@pytest.mark.parametrize("named", [FIRST, SECOND], ids=["first", "second"])
def test_what_a_target_relays_leaves_by_the_named_address(relaycast, second, h2, family, fields, named):  # noqa: ARG001
    definition = sending("multicast-peer", 4, "eth0")
    definition |= {"requireSourcePort": 0, "forward": [target(interface=named[family], **fields)]}
    session = relaycast.create(**definition)
    (status,) = session.get()["status"]["forward"]
    assert (status["state"], status["interface"]["address"]) == ("running", named[family])
    address = fields["address"]
    group = address if address.startswith(("239.", "ff")) else None
    with listener(h2, PORT + 1, FAMILIES[family], group=group) as other:
        with sender(h2) as made:
            made.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 3)
            made.sendto(b"hello", (GROUPS[4], PORT))
        assert came_from(other) == named[family]


@pytest.mark.parametrize("family", [4, 6])
def test_a_session_as_target_sends_from_its_named_address(relaycast, second, h2, family):  # noqa: ARG001
    out = sending("multicast-sender", family, SECOND[family]) | {"port": PORT + 1}
    relaycast.create(**out, name="out")
    into = sending("multicast-peer", 4, "eth0")
    relaycast.create(**into, requireSourcePort=0, forward=[{"session": "out"}])
    with listener(h2, PORT + 1, FAMILIES[family], group=GROUPS[family]) as other:
        with sender(h2) as made:
            made.sendto(b"hello", (GROUPS[4], PORT))
        assert came_from(other) == SECOND[family]


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("named", [FIRST, SECOND], ids=["first", "second"])
def test_questions_to_a_group_are_answered_by_the_named_address(relaycast, second, h2, family, named):  # noqa: ARG001
    definition = sending("multicast-receiver", family, named[family])
    session = relaycast.create(**definition, reply={"text": "me"})
    with sender(h2, FAMILIES[family]) as made:
        made.sendto(b"who?", (GROUPS[family], PORT))
        assert came_from(made) == named[family]
    assert session.wait_for_packet(b"who?")["localAddress"] == named[family]


@pytest.mark.parametrize(("kind", "family"), SENDING)
def test_when_the_address_has_gone_the_others_serve_and_it_comes_back(relaycast, second, h2, kind, family):
    session = relaycast.create(**sending(kind, family, SECOND[family]))
    group = GROUPS[family] if kind.startswith("multicast") else None

    def address():
        return session.get()["status"]["interface"]["address"]

    with listener(h2, PORT, FAMILIES[family], group=group) as other:
        second("delete")
        if group:
            # At once, before anybody has looked.
            session.send(b"meanwhile")
            assert came_from(other) == FIRST[family]
        eventually(lambda: address() == FIRST[family], what="the other address is shown")
        session.send(b"without it")
        assert came_from(other) == FIRST[family]
        second("add")
        eventually(lambda: address() == SECOND[family], what="the address is shown again")
        session.send(b"with it")
        assert came_from(other) == SECOND[family]
    assert session.get()["status"]["state"] == "running"


@pytest.mark.parametrize("family", [4, 6])
def test_a_target_goes_on_without_the_address_it_was_named_by(relaycast, second, h2, family):
    definition = sending("multicast-peer", 4, "eth0")
    forward = [target(GROUPS[family], SECOND[family])]
    session = relaycast.create(**definition, requireSourcePort=0, forward=forward)

    def shown():
        (status,) = session.get()["status"]["forward"]
        return status["state"], status.get("interface", {}).get("address")

    with listener(h2, PORT + 1, FAMILIES[family], group=GROUPS[family]) as other, sender(h2) as made:
        second("delete")
        made.sendto(b"meanwhile", (GROUPS[4], PORT))
        assert came_from(other) == FIRST[family]
        eventually(lambda: shown() == ("running", FIRST[family]), what="the other address is shown")
        second("add")
        eventually(lambda: shown() == ("running", SECOND[family]), what="it is shown again")
        made.sendto(b"again", (GROUPS[4], PORT))
        assert came_from(other) == SECOND[family]
    assert session.counters()["targets"][0]["failed"] == 0


def test_status_names_the_address_of_the_broadcasts_network(relaycast, second):  # noqa: ARG001
    definition = {**sending("sender", 4, "eth0"), "address": "192.168.11.255"}
    assert relaycast.create(**definition).made["status"]["interface"]["address"] == SECOND[4]


@pytest.mark.parametrize("group", ["ff02::4242", "ff05::4242", "ff0e::4242"])
@pytest.mark.parametrize("kind", ["multicast-sender", "multicast-peer", "target"])
def test_a_link_local_address_is_the_source_of_every_scope(relaycast, h1, h2, group, kind):
    address = h1.link_local()
    with listener(h2, PORT + 1, socket.AF_INET6, group=group) as other:
        if kind == "target":
            forward = [{"address": group, "port": PORT + 1, "interface": address}]
            relaycast.create(**sending("multicast-receiver", 4, "eth0"), forward=forward)
            with sender(h2) as made:
                made.sendto(b"hello", (GROUPS[4], PORT))
        else:
            fields = {"kind": kind, "group": group, "port": PORT + 1, "interface": address}
            relaycast.create(**fields).send(b"hello")
        assert came_from(other).partition("%")[0] == address


@pytest.mark.parametrize(
    "net, broadcast", [("10.78.0.1/24", "10.78.0.255"), ("10.81.0.1/30", "10.81.0.3")]
)
@pytest.mark.parametrize("role", ["sender", "peer"])
def test_a_network_needs_no_broadcast_address_of_its_own(relaycast, h1, h2, role, net, broadcast):
    # Without `broadcast +`: the kernel has the route all the same.
    h1.run("ip", "address", "add", net, "dev", "eth0")
    theirs = net.replace("0.1/", "0.2/")
    h2.run("ip", "address", "add", theirs, "dev", "eth0")
    try:
        named = net.partition("/")[0]
        session = relaycast.create("broadcast", role=role, port=PORT, interface=named)
        assert session.made["status"]["destination"]["address"] == broadcast
        with listener(h2, PORT) as other:
            session.send(b"hello")
            assert came_from(other) == named
    finally:
        h1.run("ip", "address", "delete", net, "dev", "eth0")
        h2.run("ip", "address", "delete", theirs, "dev", "eth0")


@pytest.mark.parametrize("net", ["10.79.0.0/31", "10.80.0.1/32"])
def test_a_network_without_broadcasts_is_not_taken_for_another(relaycast, h1, net):
    h1.run("ip", "address", "add", net, "dev", "eth0")
    try:
        fields = sending("sender", 4, net.partition("/")[0])
        answer = relaycast.ask("POST", "/v1/sessions", fields)
        assert (answer.status, answer.code) == (409, "interface-unavailable")
        assert "no IPv4 broadcast address" in answer.json["detail"]
    finally:
        h1.run("ip", "address", "delete", net, "dev", "eth0")

"""Interfaces: chosen by name or address, renumbered, absent, late, deleted and made again.

h1 relaycast ─┐
h2           ─┴─ bridge0          eth0 of both
h1 ───────────── h2               late0: a second link, 192.168.20.0/24, made by the tests
"""

import pytest
from lab_sockets import listener, sender
from namespaces import eventually

GROUP, PORT = "233.252.0.1", 6666


def definition(interface, **fields):
    """A receiver on an interface."""
    kind = fields.pop("kind", "multicast-receiver")
    return {"kind": kind, "group": GROUP, "port": PORT, "interface": interface, **fields}


def send(host, payload, interface="eth0"):
    """One datagram to the group."""
    with sender(host, interface=interface) as made:
        made.sendto(payload, (GROUP, PORT))


@pytest.fixture
def renumber(h1):
    """Gives eth0 of h1 another address; the old one and its route come back at the end."""

    def change(old, new):
        h1.run("ip", "address", "delete", f"{old}/24", "dev", "eth0")
        h1.run("ip", "address", "add", f"{new}/24", "broadcast", "+", "dev", "eth0")

    yield lambda: change("192.168.10.1", "192.168.10.11")
    h1.run("ip", "address", "flush", "dev", "eth0", "scope", "global", "to", "192.168.10.0/24")
    h1.run("ip", "address", "add", "192.168.10.1/24", "broadcast", "+", "dev", "eth0")
    h1.run("ip", "route", "replace", "224.0.0.0/4", "dev", "eth0")


@pytest.mark.parametrize("interface", ["eth0", "192.168.10.1"])
def test_an_interface_is_chosen_by_name_or_address(relaycast, h1, h2, interface):
    session = relaycast.create(**definition(interface))
    now = session.get()
    index = h1.interface_index("eth0")
    assert now["interface"] == interface
    assert now["status"]["interface"] == {"name": "eth0", "index": index, "address": h1.address}
    assert now["status"]["localAddress"]["port"] == PORT
    assert GROUP in h1.groups("eth0")
    send(h2, b"hello")
    assert session.wait_for_packet(b"hello")["interface"] == "eth0"


def test_without_an_interface_the_route_chooses_and_status_says_which(relaycast, h2):
    session = relaycast.create("multicast-receiver", group=GROUP, port=PORT)
    assert "interface" not in session.made
    assert session.get()["status"]["interface"]["name"] == "eth0"
    send(h2, b"hello")
    session.wait_for_packet(b"hello")


@pytest.mark.parametrize("kind", ["multicast-receiver", "multicast-sender", "multicast-peer"])
def test_without_interface_and_route_the_network_is_unreachable(relaycast, h1, kind):
    h1.run("ip", "route", "delete", "224.0.0.0/4")
    try:
        answer = relaycast.ask("POST", "/v1/sessions", {"kind": kind, "group": GROUP, "port": PORT})
        assert (answer.status, answer.code) == (409, "network-unreachable")
        # With an interface no route is needed.
        relaycast.create(**definition("eth0", kind=kind))
    finally:
        h1.run("ip", "route", "add", "224.0.0.0/4", "dev", "eth0")
    assert relaycast.ask("GET", "/v1/sessions").json["total"] == 1


def test_the_local_port_of_a_sender_is_reported(relaycast, h2):
    session = relaycast.create(**definition("eth0", kind="multicast-sender"))
    local = session.get()["status"]["localAddress"]
    with listener(h2, PORT, group=GROUP) as other:
        session.send(b"hello")
        assert other.recvfrom(100) == (b"hello", ("192.168.10.1", local["port"]))


def test_a_broadcast_goes_to_the_subnet_of_the_interface_by_default(relaycast, h2):
    session = relaycast.create("broadcast", role="sender", port=PORT, interface="eth0")
    assert session.get()["status"]["destination"]["address"] == "192.168.10.255"
    with listener(h2, PORT) as other:
        session.send(b"to the subnet")
        assert other.recv(100) == b"to the subnet"


@pytest.mark.parametrize("interface", ["eth0", "192.168.10.1"])
def test_renumbering_an_interface_does_not_stop_a_session(relaycast, renumber, h2, interface):
    receiver = relaycast.create(**definition(interface))
    talker = relaycast.create(**definition(interface, kind="multicast-sender"))
    send(h2, b"before")
    receiver.wait_for_packet(b"before")
    renumber()
    with listener(h2, PORT, group=GROUP) as other:
        talker.send(b"after")
        assert other.recvfrom(100)[1][0] == "192.168.10.11"
    send(h2, b"after too")
    receiver.wait_for_packet(b"after too")
    for session in (receiver, talker):
        assert session.get()["id"] == session.made["id"]
        assert session.get()["status"]["state"] == "running"


@pytest.mark.parametrize("interface", ["eth0", "192.168.10.1"])
def test_broadcasts_follow_an_interface_to_another_subnet(relaycast, renumber, h1, interface):
    fields = {"kind": "broadcast", "role": "peer", "port": PORT, "interface": interface}
    session = relaycast.create(**fields)
    try:
        h1.run("ip", "address", "delete", "192.168.10.1/24", "dev", "eth0")
        h1.run("ip", "address", "add", "192.168.11.1/24", "broadcast", "+", "dev", "eth0")

        def moved():
            status = session.get()["status"]
            return status.get("destination", {}).get("address") == "192.168.11.255"

        eventually(moved, 5, lambda: f"{session.get()}")
        status = session.get()["status"]
        assert (status["state"], status["interface"]["address"]) == ("running", "192.168.11.1")
        session.send(b"here")
        assert session.packets("sent")[-1]["destination"]["address"] == "192.168.11.255"
    finally:
        h1.run("ip", "address", "delete", "192.168.11.1/24", "dev", "eth0")


@pytest.mark.parametrize("role", ["sender", "peer"])
def test_without_a_broadcast_address_posts_are_refused(relaycast, connect, h1, h2, role):
    connect("side0")
    session = relaycast.create("broadcast", role=role, port=PORT, interface="side0")
    h1.run("ip", "address", "delete", "192.168.20.1/24", "dev", "side0")
    session.wait_for_state("degraded")
    assert session.get()["status"]["reason"]["code"] == "interface-unavailable"
    # The reason is known at once, the path as soon as the interfaces have been followed.
    eventually(lambda: session.post(b"nowhere").status == 409, what="posts are refused")
    answer = session.post(b"nowhere")
    assert answer.code == "interface-unavailable", answer
    h1.run("ip", "address", "add", "192.168.20.1/24", "broadcast", "+", "dev", "side0")
    session.wait_for_state("running")
    with listener(h2, PORT) as other:
        eventually(lambda: session.post(b"again").status == 200, what="posts leave again")
        assert other.recv(100) == b"again"


def test_a_session_joins_again_when_its_interface_is_made_anew_at_once(relaycast, h1):
    make = "ip link add d0 index 77 type veth peer name d1 && ip link set d0 up"
    h1.run("sh", "-c", make)
    try:
        session = relaycast.create(**definition("d0"))
        since = session.get()["status"]["since"]
        h1.run("sh", "-c", f"ip link delete d0 && {make}")
        assert h1.interface_index("d0") == 77

        def joined_again():
            status = session.get()["status"]
            return status["since"] != since and status["state"] == "running"

        eventually(joined_again, 5, lambda: f"{session.get()}")
        assert GROUP in h1.groups("d0")
    finally:
        h1.run("ip", "link", "delete", "d0")


def test_a_missing_interface_refuses_the_session(relaycast):
    answer = relaycast.ask("POST", "/v1/sessions", definition("late0"))
    assert (answer.status, answer.code) == (409, "interface-unavailable")
    assert relaycast.ask("GET", "/v1/sessions").json["total"] == 0


@pytest.mark.parametrize("interface", ["late0", "192.168.20.1"])
def test_a_session_waits_for_its_interface(relaycast, connect, h1, h2, interface):
    session = relaycast.create(**definition(interface, whenUnavailable="wait"))
    status = session.made["status"]
    assert status["state"] == "waiting"
    assert status["reason"]["code"] == "interface-unavailable"
    connect("late0")
    session.wait_for_state("running")
    assert session.get()["status"]["interface"]["name"] == "late0"
    assert GROUP in h1.groups("late0")
    send(h2, b"at last", "late0")
    session.wait_for_packet(b"at last")


def test_sending_by_a_session_that_waits_is_refused(relaycast):
    fields = definition("late0", kind="multicast-sender", whenUnavailable="wait")
    answer = relaycast.create(**fields).post(b"hello")
    assert (answer.status, answer.code) == (409, "session-not-running")


def test_a_session_comes_back_with_its_interface(relaycast, connect, h2):
    connect("late0")
    session = relaycast.create(**definition("late0"))
    send(h2, b"before", "late0")
    session.wait_for_packet(b"before")
    connect.remove("late0")
    session.wait_for_state("waiting")
    connect("late0")
    session.wait_for_state("running")
    send(h2, b"after", "late0")
    session.wait_for_packet(b"after")


def test_a_restart_without_the_interface_serves_and_waits(relaycast, connect, h2):
    connect("late0")
    lost = relaycast.create(**definition("late0"))
    kept = relaycast.create(**definition("eth0"))
    assert relaycast.terminate() == 0
    connect.remove("late0")
    relaycast.start()
    assert kept.get()["status"]["state"] == "running"
    assert lost.get()["status"]["state"] == "waiting"
    assert lost.get()["status"]["reason"]["code"] == "interface-unavailable"
    send(h2, b"to the other")
    kept.wait_for_packet(b"to the other")
    connect("late0")
    lost.wait_for_state("running")
    send(h2, b"back again", "late0")
    lost.wait_for_packet(b"back again")


def test_the_interfaces_resource_tells_the_host_it_runs_on(relaycast, h1):
    items = relaycast.ask("GET", "/v1/interfaces").json["items"]
    found = {item["name"]: item for item in items}
    eth0 = found["eth0"]
    assert eth0["index"] == h1.interface_index("eth0")
    assert (eth0["up"], eth0["carrier"], eth0["multicast"], eth0["loopback"]) == (
        True, True, True, False,
    )  # fmt: skip
    assert eth0["mtu"] == 1500
    subnet = {"address": h1.address, "prefixLength": 24, "broadcast": "192.168.10.255"}
    assert subnet in eth0["addresses"]
    assert {"address": h1.address6, "prefixLength": 64} in eth0["addresses"]
    assert found["lo"]["loopback"]

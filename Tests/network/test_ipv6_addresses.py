"""IPv6 addresses that cannot be used yet, or not at all; IPv6 that is off; what a datagram came to.

h1 relaycast ─ eth0 ─ bridge0 ─ h2       and late0, a second link of the tests
"""

import socket

import pytest
from lab_sockets import listener, sender
from namespaces import eventually

GROUP, LINK_LOCAL, PORT = "ff05::4242", "ff02::4242", 6666


@pytest.fixture
def late0(connect, h1, h2):
    """A second link whose IPv6 is ready at both ends."""
    connect("late0")
    for host in (h1, h2):
        eventually(lambda: " late0" in host.proc_net("if_inet6"), what="the link is ready")


@pytest.fixture
def slow(late0, h1):  # noqa: ARG001
    """A function that adds an address to late0, where duplicate address detection takes its time."""
    # The first second is random, the others are asked for: dad_transmits.
    settings = "cd /proc/sys/net/ipv6/conf/late0; echo 1 >accept_dad; echo 3 >dad_transmits"
    h1.run("sh", "-c", settings)

    def add(address, *words):
        h1.run("ip", "address", "add", f"{address}/64", "dev", "late0", *words)

    def only_tentative():
        h1.run("ip", "-6", "address", "flush", "dev", "late0")
        add("fd00:20::1")

    add.only_tentative = only_tentative
    return add


def definition(kind, group=GROUP, interface="late0", **fields):
    """A session of a group."""
    return {"kind": kind, "group": group, "port": PORT, "interface": interface, **fields}


def ask(daemon, **fields):
    """The answer to a create."""
    return daemon.ask("POST", "/v1/sessions", fields)


@pytest.mark.parametrize("kind", ["multicast-sender", "multicast-peer"])
@pytest.mark.parametrize("interface", ["late0", "fd00:20::1"])
def test_during_duplicate_address_detection_a_sender_is_refused(relaycast, slow, kind, interface):
    slow.only_tentative()
    answer = ask(relaycast, **definition(kind, interface=interface))
    assert (answer.status, answer.code) == (409, "interface-unavailable"), answer
    assert "duplicate address detection" in answer.json["detail"]


@pytest.mark.parametrize("kind", ["multicast-sender", "multicast-peer"])
def test_a_sender_that_may_wait_runs_when_its_posts_leave(relaycast, slow, kind):
    slow.only_tentative()
    session = relaycast.create(**definition(kind, whenUnavailable="wait"))
    status = session.made["status"]
    assert (status["state"], status["reason"]["code"]) == ("waiting", "interface-unavailable")
    session.wait_for_state("running", 15)
    session.send(b"hello")
    assert session.get()["status"]["interface"]["address"] == "fd00:20::1"


def test_a_receiver_needs_no_address(relaycast, slow, h2):
    slow.only_tentative()
    session = relaycast.create(**definition("multicast-receiver"))
    assert session.made["status"]["state"] == "running"
    with sender(h2, socket.AF_INET6, interface="late0") as made:
        made.sendto(b"hello", (GROUP, PORT))
    session.wait_for_packet(b"hello")


def test_a_sender_is_degraded_while_its_link_comes_back(relaycast, slow, h1):
    slow("fd00:20::1", "nodad")
    session = relaycast.create(**definition("multicast-sender"))
    slow.only_tentative()
    session.wait_for_state("degraded")
    said = lambda: session.get()["status"].get("reason", {}).get("detail", "")  # noqa: E731
    eventually(lambda: "duplicate address" in said(), 5, said)
    session.wait_for_state("running", 15)
    session.send(b"hello")
    assert h1.groups("late0")


def test_a_duplicate_address_is_none(relaycast, slow, h2):
    h2.run("ip", "address", "add", "fd00:20::1/64", "dev", "late0", "nodad")
    slow.only_tentative()
    fields = definition("multicast-sender", whenUnavailable="wait")
    session = relaycast.create(**fields)

    def is_said():
        return "another host has" in session.get()["status"]["reason"]["detail"]

    eventually(is_said, 15, lambda: f"{session.get()['status']}")
    assert session.get()["status"]["state"] == "waiting"


def test_a_target_waits_for_its_address_alone(relaycast, slow, h2):
    slow.only_tentative()
    target = {"address": GROUP, "port": PORT, "interface": "late0"}
    fields = definition("multicast-receiver", interface="eth0", forward=[target])
    assert ask(relaycast, **fields).code == "interface-unavailable"
    session = relaycast.create(**fields, whenUnavailable="wait")
    state = lambda: session.get()["status"]["forward"][0]["state"]  # noqa: E731
    assert (session.made["status"]["state"], state()) == ("running", "waiting")
    eventually(lambda: state() == "running", 15, "its address can be used")
    with listener(h2, PORT, socket.AF_INET6, GROUP, "late0") as ear:
        with sender(h2, socket.AF_INET6) as made:
            made.sendto(b"hello", (GROUP, PORT))
        assert ear.recv(100) == b"hello"


def test_status_names_the_address_that_datagrams_leave_by(relaycast, slow, h1, h2):
    slow("fd00:20::d", "nodad", "preferred_lft", "0")
    slow("fd00:20::1", "nodad")
    slow("fd00:20::f")
    with listener(h2, PORT, socket.AF_INET6, GROUP, "late0") as ear:
        for group, expected in ((GROUP, "fd00:20::1"), (LINK_LOCAL, h1.link_local("late0"))):
            session = relaycast.create(**definition("multicast-sender", group))
            assert session.made["status"]["interface"]["address"] == expected
            if group == GROUP:
                session.send(b"hello")
                assert ear.recvfrom(100)[1][0] == expected


@pytest.mark.parametrize("temporary", [0, 2])
@pytest.mark.usefixtures("late0")
def test_status_knows_temporary_addresses(relaycast, h1, h2, temporary):
    h1.run("sh", "-c", f"echo {temporary} >/proc/sys/net/ipv6/conf/late0/use_tempaddr")
    words = ["mngtmpaddr", "valid_lft", "86400", "preferred_lft", "14400"]
    h1.run("ip", "address", "add", "fd00:20::1/64", "dev", "late0", "nodad", *words)
    if temporary:
        shown = ["ip", "-6", "address", "show", "dev", "late0"]
        settled = lambda: " temporary" in (out := h1.run(*shown)) and "tentative" not in out  # noqa: E731
        eventually(settled, 10, "the temporary address")
    session = relaycast.create(**definition("multicast-sender"))
    address = session.made["status"]["interface"]["address"]
    with listener(h2, PORT, socket.AF_INET6, GROUP, "late0") as ear:
        session.send(b"hello")
        assert ear.recvfrom(100)[1][0] == address
    assert (address == "fd00:20::1") == (temporary == 0)


def test_the_interfaces_resource_tells_what_an_address_is(relaycast, slow):
    slow("fd00:20::d", "nodad", "preferred_lft", "0")
    slow("fd00:20::1", "nodad")
    slow("fd00:20::f")
    items = relaycast.ask("GET", "/v1/interfaces").json["items"]
    (late0,) = (item for item in items if item["name"] == "late0")
    flags = {entry["address"]: entry.get("flags") for entry in late0["addresses"]}
    assert flags["fd00:20::d"] == ["deprecated"]
    assert flags["fd00:20::1"] is None
    assert flags["fd00:20::f"] == ["tentative"]
    assert late0["ipv6"] is True


KINDS = ["multicast-sender", "multicast-receiver", "multicast-peer"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("group", [GROUP, LINK_LOCAL])
def test_loopback_has_no_ipv6_multicast(relaycast, kind, group):
    fields = definition(kind, group, "lo")
    answer = ask(relaycast, **fields)
    assert (answer.status, answer.code) == (409, "network-unreachable"), answer
    assert "loopback" in answer.json["detail"]
    session = relaycast.create(**fields, whenUnavailable="wait")
    assert session.made["status"]["state"] == "waiting"


def test_on_loopback_a_receiver_may_still_take_unicast(relaycast, h1):
    fields = definition("multicast-receiver", interface="lo", accept=["multicast", "unicast"])
    session = relaycast.create(**fields)
    with h1.socket(socket.AF_INET6) as made:
        made.sendto(b"hello", ("::1", PORT))
    session.wait_for_packet(b"hello")


def test_a_target_on_loopback_waits(relaycast):
    target = {"address": GROUP, "port": PORT, "interface": "lo"}
    fields = definition("multicast-receiver", interface="eth0", forward=[target])
    answer = ask(relaycast, **fields)
    assert (answer.status, answer.code) == (409, "network-unreachable")
    session = relaycast.create(**fields, whenUnavailable="wait")
    assert session.get()["status"]["forward"][0]["state"] == "waiting"


def test_with_a_local_route_loopback_has_ipv6_multicast(relaycast, h1):
    route = ["local", f"{GROUP}/128", "dev", "lo", "table", "local"]
    h1.run("ip", "-6", "route", "add", *route)
    try:
        hearer = relaycast.create(**definition("multicast-receiver", interface="lo"))
        relaycast.create(**definition("multicast-sender", interface="lo")).send(b"hello")
        hearer.wait_for_packet(b"hello")
    finally:
        h1.run("ip", "-6", "route", "delete", *route)


def test_a_session_is_degraded_while_loopback_has_no_route(relaycast, h1):
    route = ["local", f"{GROUP}/128", "dev", "lo", "table", "local"]
    h1.run("ip", "-6", "route", "add", *route)
    try:
        session = relaycast.create(**definition("multicast-sender", interface="lo"))
        session.send(b"hello")
    finally:
        h1.run("ip", "-6", "route", "delete", *route)
    session.wait_for_state("degraded")
    assert session.get()["status"]["reason"]["code"] == "network-unreachable"
    h1.run("ip", "-6", "route", "add", *route)
    try:
        session.wait_for_state("running")
        session.send(b"hello")
    finally:
        h1.run("ip", "-6", "route", "delete", *route)


@pytest.fixture
def switch(late0, h1):  # noqa: ARG001
    """Switches IPv6 of late0 off (1) and on (0)."""
    return lambda off: h1.run("sh", "-c", f"echo {off} >/proc/sys/net/ipv6/conf/late0/disable_ipv6")


@pytest.mark.parametrize("kind", KINDS)
def test_where_ipv6_is_switched_off_a_session_says_so(relaycast, switch, h2, kind):
    switch(1)
    fields = definition(kind)
    answer = ask(relaycast, **fields)
    assert (answer.status, answer.code) == (409, "interface-unavailable")
    assert "disable_ipv6" in answer.json["detail"]
    session = relaycast.create(**fields, whenUnavailable="wait")
    assert session.made["status"]["state"] == "waiting"
    assert "disable_ipv6" in session.made["status"]["reason"]["detail"]
    # IPv4 is not concerned.
    relaycast.create("multicast-receiver", group="239.1.1.1", port=PORT, interface="late0")
    switch(0)
    session.wait_for_state("running", 15)
    if kind != "multicast-sender":
        with sender(h2, socket.AF_INET6, interface="late0") as made:
            made.sendto(b"hello", (GROUP, PORT))
        session.wait_for_packet(b"hello")


def test_a_session_is_degraded_while_ipv6_is_off(relaycast, switch, h2):
    session = relaycast.create(**definition("multicast-receiver"))
    switch(1)
    session.wait_for_state("degraded")
    switch(0)
    session.wait_for_state("running")
    with sender(h2, socket.AF_INET6, interface="late0") as made:
        made.sendto(b"hello", (GROUP, PORT))
    session.wait_for_packet(b"hello")


def test_a_group_datagram_says_which_address_it_came_to(relaycast, h1, h2):
    for group, local in ((GROUP, h1.address6), (LINK_LOCAL, h1.link_local())):
        fields = definition("multicast-receiver", group, "eth0", reply={"text": "me"})
        session = relaycast.create(**fields)
        with sender(h2, socket.AF_INET6) as made:
            made.sendto(b"hello", (group, PORT))
            assert made.recvfrom(100)[1][0].partition("%")[0] == local
        assert session.wait_for_packet(b"hello")["localAddress"] == local
        session.delete()


def test_a_handler_is_told_the_address_too(start_daemon, h1, h2):
    show = ["/bin/sh", "-c", "echo $RELAYCAST_LOCAL_ADDRESS"]
    daemon = start_daemon(h1, configuration={"handlers": {"show": {"argv": show}}})
    daemon.create(**definition("multicast-receiver", interface="eth0", reply={"handler": "show"}))
    with sender(h2, socket.AF_INET6) as made:
        made.sendto(b"?", (GROUP, PORT))
        assert made.recv(100).strip().decode() == h1.address6

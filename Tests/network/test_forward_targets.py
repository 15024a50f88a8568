"""What a session accepts goes on to groups, hosts, broadcast addresses and other sessions.

    h2 ── 192.168.10.0/24 ── eth0  h1 the relay  eth1 ── 192.168.30.0/24 ── h4
"""

import contextlib
import os

import pytest
from lab_relay import FAR, NEAR, PORT, Ears, Stream, check_books, far, hear_far, relay, send
from lab_relay import targets as counters_of
from lab_sockets import listener, sender
from namespaces import eventually

HOST, BROADCAST = "192.168.30.4", "192.168.30.255"
LARGEST = 65507


def hear(host, address):
    """A socket of h4 that hears what is sent to this address."""
    return hear_far(host, group=address if address == FAR else None)


@pytest.mark.parametrize("address", [FAR, HOST, BROADCAST, "255.255.255.255"])
def test_it_leaves_by_the_interface_of_the_target(relaycast, h2, h4, address):
    session = relay(relaycast, far(address=address))
    (status,) = session.get()["status"]["forward"]
    assert (status["state"], status["interface"]["name"]) == ("running", "eth1")
    with hear(h4, address) as ear:
        send(h2, b"across")
        payload, source = ear.recvfrom(100)
    assert payload == b"across"
    assert source == ("192.168.30.1", status["localAddress"]["port"])
    session.wait_for_count(1, "forwarded")
    check_books(session)


def test_without_an_interface_the_route_leads_to_a_host(relaycast, h2, h4):
    relay(relaycast, {"address": HOST, "port": 5006})
    with listener(h4, 5006) as ear:
        send(h2, b"by route")
        assert ear.recv(100) == b"by route"


def test_ipv6_goes_across_as_well(relaycast, h2, h4):
    group = "ff05::4242"
    relay(relaycast, far(address=group), far(address=h4.address6, port=5006))
    with (
        listener(h4, PORT, h4.socket().family.AF_INET6, group, "eth1") as of_group,
        listener(h4, 5006, h4.socket().family.AF_INET6) as of_host,
    ):
        send(h2, b"from IPv4")
        assert of_group.recv(100) == of_host.recv(100) == b"from IPv4"


@pytest.mark.parametrize(
    "definition",
    [
        {"kind": "multicast-sender", "group": FAR, "ttl": 3},
        {"kind": "multicast-peer", "group": FAR, "ttl": 3},
        {"kind": "broadcast", "role": "sender"},
    ],
    ids=["sender", "peer", "broadcast"],
)
def test_another_session_sends_by_its_own_socket(relaycast, h2, h4, definition):
    way = relaycast.create(name="way", port=PORT, interface="eth1", **definition)
    session = relay(relaycast, {"session": "way"})
    with hear_far(h4, group=definition.get("group")) as ear:
        send(h2, b"by session")
        payload, source = ear.recvfrom(100)
    assert payload == b"by session"
    assert source == ("192.168.30.1", way.get()["status"]["localAddress"]["port"])
    session.wait_for_count(1, "forwarded")
    way.wait_for_count(1, "sent")
    (packet,) = way.packets("sent")
    assert packet["payload"] == b"by session"
    check_books(session)


@pytest.mark.parametrize("target", [far(), far(address=HOST), {"session": "way"}])
def test_every_length_goes_on_untouched_and_in_order(relaycast, h2, h4, target):
    relaycast.create(
        "multicast-sender", name="way", group=FAR, port=PORT, interface="eth1", loopback=False
    )
    session = relay(relaycast, target)
    payloads = [os.urandom(length) for length in (0, 1, 1472, 0, 1473, 1316, 1316, 7, LARGEST)]
    with hear(h4, target.get("address", FAR)) as ear, sender(h2) as made:
        for _ in range(3):
            for payload in payloads:
                made.sendto(payload, (NEAR, PORT))
            assert [ear.recv(65536) for _ in payloads] == payloads
    counters = check_books(session)
    size = 3 * sum(map(len, payloads))
    assert counters["forwarded"] == {"datagrams": 3 * len(payloads), "bytes": size}


@pytest.fixture
def doomed(h1):
    """An interface of the relay, and how to delete it."""
    h1.run("sh", "-ec", """
        ip link add doomed type veth peer name nowhere
        ip address add 192.168.40.1/24 dev doomed
        ip link set doomed up
        ip link set nowhere up
    """)  # fmt: skip
    yield lambda: h1.run("ip", "link", "delete", "doomed")
    with contextlib.suppress(AssertionError):
        h1.run("ip", "link", "delete", "doomed")


def test_targets_that_fail_disturb_no_other(relaycast, doomed, h2, h4):
    relaycast.create(
        "multicast-sender", name="way", group="239.2.2.3", port=PORT, interface="eth1"
    )
    healthy = [
        (far(), hear_far(h4)),
        (far(address=HOST, port=5001), listener(h4, 5001)),
        (far(address=BROADCAST, port=5002), listener(h4, 5002)),
        ({"session": "way"}, hear_far(h4, group="239.2.2.3")),
    ]
    failing = [
        far(address=HOST, port=5999),  # A closed port: answered by ICMP.
        far(address="192.168.30.99"),  # Nobody has this address: no answer to ARP.
        far(interface="doomed"),
        {"session": "not-there"},
    ]
    # Good and bad take turns.
    order = [one for pair in zip(failing, (target for target, _ in healthy)) for one in pair]
    session = relay(relaycast, *order)
    ears = Ears(*(ear for _, ear in healthy))
    with ears:
        stream = Stream(h2, 6000, 3000, heard=ears.fewest)
        stream.start()
        eventually(lambda: stream.sent > 1500, 10, "the stream flows")
        doomed()
        ears.wait(6000)
        stream.join()
    for heard in ears.heard:
        assert heard == stream.payloads, "lost or out of order"
    # The kernel tries ARP for three seconds, and reports it with the next datagram.
    eventually(lambda: send(h2, b"again") or counters_of(session)[2]["failed"] > 0, 10, "ARP fails")
    closed, _, absent, _, gone, _, missing, _ = check_books(session)["targets"]
    assert closed["lastError"]["errno"] == "ECONNREFUSED" and closed["failed"] > 0
    assert absent["lastError"]["errno"] == "EHOSTUNREACH"
    assert 1500 < gone["forwarded"]["datagrams"] < 6000
    assert missing["failed"] == session.count("accepted")
    eventually(lambda: states(session)[4] == "waiting", what="the supervisor looks")
    assert states(session) == ["running"] * 4 + ["waiting", "running", "waiting", "running"]
    status = session.get()["status"]
    assert status["state"] == "running"
    assert status["forward"][4]["reason"]["code"] == "interface-unavailable"


def states(session):
    """The state of each target."""
    return [target["state"] for target in session.get()["status"]["forward"]]


SIDE = {"address": "239.3.3.3", "port": PORT, "interface": "side0"}


def test_a_target_without_its_interface_refuses_the_session(relaycast, h4):  # noqa: ARG001
    definition = {
        "kind": "multicast-receiver", "group": NEAR, "port": PORT, "interface": "eth0",
        "forward": [far(), SIDE],
    }  # fmt: skip
    answer = relaycast.ask("POST", "/v1/sessions", definition)
    assert (answer.status, answer.code) == (409, "interface-unavailable")
    assert answer.json["errors"][0]["pointer"].startswith("/forward/1")
    assert relaycast.ask("GET", "/v1/sessions").json["total"] == 0


def test_a_target_waits_alone_for_its_interface(relaycast, connect, h2, h4):
    session = relay(relaycast, far(), SIDE, whenUnavailable="wait")
    assert session.get()["status"]["state"] == "running"
    assert states(session) == ["running", "waiting"]
    with hear_far(h4) as ear:
        send(h2, b"early")
        assert ear.recv(100) == b"early"
        # Comes, goes and comes again; the other target notices nothing.
        for number in range(2):
            connect("side0")
            eventually(lambda: states(session) == ["running"] * 2, what="the interface is found")
            with listener(h2, PORT, group=SIDE["address"], interface="side0") as late:
                send(h2, b"%d" % number)
                assert late.recv(100) == ear.recv(100) == b"%d" % number
            connect.remove("side0")
            eventually(lambda: states(session) == ["running", "waiting"], what="it is missed")
    counters = check_books(session)
    assert [target["failed"] for target in counters["targets"]] == [0, 1]


def test_after_a_restart_a_target_waits_and_the_session_runs(relaycast, connect, h2, h4):
    connect("side0")
    session = relay(relaycast, far(), SIDE)
    assert states(session) == ["running"] * 2
    assert relaycast.terminate() == 0
    connect.remove("side0")
    relaycast.start()
    assert session.get()["status"]["state"] == "running"
    assert states(session) == ["running", "waiting"]
    with hear_far(h4) as ear:
        send(h2, b"again")
        assert ear.recv(100) == b"again"
    connect("side0")
    eventually(lambda: states(session) == ["running"] * 2, what="the interface is found")

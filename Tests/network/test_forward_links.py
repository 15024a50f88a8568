"""The outbound links of a relay: absent, late, deleted, narrow and slow. Other targets go on.

    h2 ── eth0  h1 the relay  eth1 ── h4
     └─── side0 ─┘                        a second link to h2, made and deleted by the tests
"""

import pytest
from lab_relay import NEAR, PORT, Ears, Stream, check_books, far, hear_far, relay, send
from lab_relay import target_states
from lab_sockets import listener
from namespaces import eventually

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
    assert target_states(session) == ["running", "waiting"]
    with hear_far(h4) as ear:
        send(h2, b"early")
        assert ear.recv(100) == b"early"
        # Comes, goes and comes again; the other target notices nothing.
        for number in range(2):
            connect("side0")
            eventually(lambda: target_states(session) == ["running"] * 2, what="the interface is found")
            with listener(h2, PORT, group=SIDE["address"], interface="side0") as late:
                send(h2, b"%d" % number)
                assert late.recv(100) == ear.recv(100) == b"%d" % number
            if number == 0:
                connect.remove("side0")
                waits = lambda: target_states(session)[1] == "waiting"  # noqa: E731
                eventually(waits, what="it is missed")
    counters = check_books(session)
    assert [target["failed"] for target in counters["targets"]] == [0, 1]


def test_after_a_restart_a_target_waits_and_the_session_runs(relaycast, connect, h2, h4):
    connect("side0")
    session = relay(relaycast, far(), SIDE)
    assert target_states(session) == ["running"] * 2
    assert relaycast.terminate() == 0
    connect.remove("side0")
    relaycast.start()
    assert session.get()["status"]["state"] == "running"
    assert target_states(session) == ["running", "waiting"]
    with hear_far(h4) as ear:
        send(h2, b"again")
        assert ear.recv(100) == b"again"
    connect("side0")
    eventually(lambda: target_states(session) == ["running"] * 2, what="the interface is found")


@pytest.fixture
def narrow(h1, h4):  # noqa: ARG001 (h1 has eth1)
    """Sets the MTU of eth1; it is 1500 again at the end."""

    def change(mtu):
        h1.run("ip", "link", "set", "eth1", "mtu", mtu)

    yield change
    change(1500)


def test_a_narrower_link_costs_no_datagram(relaycast, narrow, h2, h4):
    session = relay(relaycast, far())
    with Ears(hear_far(h4)) as ears:
        stream = Stream(h2, 4500, 3000, length=1316, heard=ears.fewest)
        stream.start()
        for number, mtu in ((1500, 1280), (3000, 1500)):
            eventually(lambda: stream.sent > number, 10, "the stream flows")
            # Now a run of datagrams does not fit any longer: each is sent in fragments, or again.
            narrow(mtu)
        stream.join()
        ears.wait(4500)
    assert ears.heard == [stream.payloads], "lost or out of order"
    (target,) = check_books(session)["targets"]
    assert (target["failed"], target["sendBufferFull"]) == (0, 0)


def test_a_slow_link_is_counted_and_slows_no_other(relaycast, connect, h1, h2, h4):
    connect("side0")
    slow = ["tc", "qdisc", "add", "dev", "side0", "root", "tbf", "rate", "8kbit"]
    h1.run(*slow, "burst", "1600", "limit", "3000")
    session = relay(relaycast, SIDE, far())
    with Ears(hear_far(h4)) as ears:
        stream = Stream(h2, 3000, 3000, length=1000, heard=ears.fewest)
        stream.run()
        ears.wait(3000)
    assert ears.heard == [stream.payloads], "lost or out of order"
    slow, fast = check_books(session)["targets"]
    assert slow["sendBufferFull"] > 0 and slow["lastError"]["errno"] in ("ENOBUFS", "EAGAIN")
    assert fast["forwarded"]["datagrams"] == 3000

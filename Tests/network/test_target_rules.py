"""Rules by source in a target: each receiver is sent what is for it, as by samplicator.

h2 192.168.10.2 ─┐                            ┌─ h4, a socket for each target
h3 192.168.10.3 ─┴─ eth0 h1 relaycast eth1 ───┘
"""

import socket

import pytest
from lab_relay import FAR, NEAR, PORT, check_books, hear_target, relay, send
from lab_sockets import listener, sender
from namespaces import eventually

RULES = [
    ({}, {"h2", "h3"}),
    ({"allow": ["192.168.10.2"]}, {"h2"}),
    ({"deny": ["192.168.10.2/32"]}, {"h3"}),
    ({"allow": ["192.168.10.0/24"], "deny": ["192.168.10.3"]}, {"h2"}),
    ({"allow": ["10.0.0.0/8", "fd00:10::/64"]}, set()),
]


def target(port, rules):
    """A port of h4, with rules."""
    return {"address": "192.168.30.4", "port": port, "interface": "eth1", **rules}


def drops(session):
    """What each target dropped by its rules."""
    return [one["dropped"]["source"] for one in session.counters()["targets"]]


def test_each_target_is_sent_what_its_rules_let_through(relaycast, h2, h3, h4):
    targets = [target(6000 + number, rules) for number, (rules, _) in enumerate(RULES)]
    session = relay(relaycast, *targets, coalesceMicroseconds=5000)
    sockets = [hear_target(h4, one) for one in targets]
    # Runs of one source, and sources that alternate.
    for number in range(3):
        send(h2, *[b"h2 %d %d" % (number, n) for n in range(3)])
        send(h3, b"h3 %d" % number)
    session.wait_for_count(12, "accepted")
    counters = eventually(
        lambda: (now := check_books(session))["accepted"]["datagrams"] == 12 and now, 5
    )
    for heard, (_, hosts), counted in zip(sockets, RULES, counters["targets"]):
        expected = (9 if "h2" in hosts else 0) + (3 if "h3" in hosts else 0)
        assert counted["forwarded"]["datagrams"] == expected
        assert counted["dropped"]["source"] == 12 - expected
        names = [heard.recv(100)[:2].decode() for _ in range(expected)]
        assert set(names) == hosts
        heard.close()


def test_rules_hold_for_a_target_that_a_session_sends_for(relaycast, h2, h3, h4):
    relaycast.create("multicast-sender", name="studio", group=FAR, port=PORT, interface="eth1")
    session = relay(relaycast, {"session": "studio", "deny": ["192.168.10.3"]})
    with listener(h4, PORT, group=FAR, interface="eth1") as heard:
        send(h3, b"no")
        send(h2, b"yes")
        assert heard.recv(100) == b"yes"
    eventually(lambda: drops(session) == [1], 5, session.counters)
    check_books(session)


def test_rules_hold_over_ipv6(relaycast, h2, h3, h4):
    group, to = "ff05::7301", {"address": "fd00:30::4", "port": PORT, "interface": "eth1"}
    session = relay(relaycast, {**to, "allow": ["fd00:10::2"]}, group=group)
    with listener(h4, PORT, socket.AF_INET6) as heard:
        for host, payload in ((h3, b"no"), (h2, b"yes")):
            with sender(host, socket.AF_INET6) as made:
                made.bind((f"fd00:10::{host.number}", 0))
                made.sendto(payload, (group, PORT))
        assert heard.recv(100) == b"yes"
    eventually(lambda: drops(session) == [1], 5, session.counters)


@pytest.mark.parametrize("rules", [{"sampleOneIn": 2}, {"limits": {"datagramsPerSecond": 1}}])
def test_what_is_not_for_a_target_uses_up_neither_samples_nor_limits(relaycast, h2, h3, h4, rules):
    to = target(6000, {"deny": ["192.168.10.3"], **rules})
    session = relay(relaycast, to)
    with hear_target(h4, to) as heard:
        send(h3, b"no", b"no", b"no")
        session.wait_for_count(3, "accepted")
        send(h2, b"yes")
        assert heard.recv(100) == b"yes"
    assert drops(session) == [3]
    check_books(session)


def test_rules_change_in_place_and_counters_go_on(relaycast, h2, h4):
    session = relay(relaycast, target(6000, {}))
    identity = session.get()["id"]
    with hear_target(h4, target(6000, {})) as heard:
        send(h2, b"1")
        assert heard.recv(100) == b"1"
        change = {"forward": [target(6000, {"deny": ["192.168.10.2"]})]}
        assert relaycast.ask("PATCH", session.path, change).status == 200
        send(h2, b"2")
        eventually(lambda: drops(session) == [1], 5, session.counters)
        relaycast.ask("PATCH", session.path, {"forward": [target(6000, {})]})
        send(h2, b"3")
        assert heard.recv(100) == b"3"
    counters = check_books(session)
    assert counters["targets"][0]["forwarded"]["datagrams"] == 2
    assert counters["targets"][0]["dropped"]["source"] == 1
    assert session.get()["id"] == identity


def test_a_session_with_a_rule_of_its_own_counts_it_by_itself(relaycast, h2, h3):
    session = relay(relaycast, target(6000, {"deny": ["192.168.10.3"]}), deny=["192.168.10.2"])
    send(h2, b"by the session", to=(NEAR, PORT))
    send(h3, b"by the target", to=(NEAR, PORT))
    session.wait_for_count(1, "dropped", "source")
    eventually(lambda: drops(session) == [1], 5, session.counters)
    check_books(session)


@pytest.mark.parametrize(
    "rules", [{"deny": ["10.0.0.1"]}, {"allow": ["0.0.0.0/0"]}, {"sampleOneIn": 2}], ids=str
)
def test_other_rules_do_not_fill_the_bucket_of_limits(relaycast, h2, h4, rules):  # noqa: ARG001
    # Ten at once, and then one a second.
    limited = target(6000, {"limits": {"bytesPerSecond": 10, "burstMilliseconds": 10000}})
    session = relay(relaycast, limited)
    send(h2, *[bytes(10)] * 20)
    session.wait_for_count(20, "accepted")
    forwarded = check_books(session)["forwarded"]["datagrams"]
    assert 10 <= forwarded <= 13
    for change in (rules, {}):
        body = {"forward": [{**limited, **change}]}
        assert relaycast.ask("PATCH", session.path, body).status == 200
        send(h2, *[bytes(10)] * 4)
    session.wait_for_count(28, "accepted")
    # A full bucket would let all of them pass.
    assert check_books(session)["forwarded"]["datagrams"] <= forwarded + 3


@pytest.mark.parametrize("member", ["allow", "deny"])
def test_no_rule_is_about_addresses_that_no_datagram_has(relaycast, member):
    for block in ("::ffff:192.168.10.2", "::ffff:192.168.10.0/120"):
        forward = [{**target(6000, {}), member: ["10.0.0.0/8", block]}]
        body = {"kind": "multicast-receiver", "group": NEAR, "port": PORT, "interface": "eth0"}
        refused = relaycast.ask("POST", "/v1/sessions", {**body, "forward": forward})
        assert refused.status == 400
        (error,) = refused.json["errors"]
        assert error["pointer"] == f"/forward/0/{member}/1"
        assert "write 192.168.10." in error["detail"]

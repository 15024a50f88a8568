"""What is a circle by its definition is refused; two reflectors and a repetition are none.

    h2 ── bridge0 ── eth0  h1: 239.1.1.1 ⇄ 239.2.2.2  eth1 ── bridge1 ── h4

Circles that only traffic can show are in test_circles_*.py.
"""

from lab_circles import dropped_as_loop
from lab_relay import FAR, NEAR, PORT, Ears, far, hear_far, relay, send
from lab_sockets import listener
from namespaces import eventually


def near(**fields):
    """A target: the near group on eth0."""
    return {"address": NEAR, "port": PORT, "interface": "eth0", **fields}


def relay_back(daemon, **fields):
    """A session that relays the far group on eth1 to the near group on eth0."""
    return relay(daemon, near(), group=FAR, interface="eth1", **fields)


def test_two_reflectors_in_one_daemon_are_no_loop(relaycast, h2, h4):
    there, back = relay(relaycast, far()), relay_back(relaycast)
    with Ears(listener(h2, PORT, group=NEAR), hear_far(h4)) as ears:
        send(h2, b"there")
        eventually(lambda: ears.heard[1], what="it goes there")
        send(h4, b"back", to=(FAR, PORT), interface="eth1")
        eventually(lambda: b"back" in ears.heard[0], what="and back")
        # What one of them sends, the other hears on this host, and knows.
        eventually(lambda: dropped_as_loop(there, back) == 2, what="both know it")
        send(h2, b"last")
        eventually(lambda: ears.heard[1][-1:] == [b"last"], what="the way is open")
    assert [sorted(payloads) for payloads in ears.heard] == [[b"back", b"last", b"there"]] * 2


def test_a_sender_that_repeats_itself_is_no_loop(relaycast, h2, h4):
    session = relay(relaycast, far())
    with hear_far(h4) as ear:
        send(h2, *[b"alive"] * 3)
        # From another socket: another port, and the same host.
        send(h2, b"alive")
        assert [ear.recv(100) for _ in range(4)] == [b"alive"] * 4
    assert session.count("dropped", "loop") == 0


def test_a_target_where_it_receives_is_refused(relaycast, h4):  # noqa: ARG001
    fields = {"kind": "multicast-receiver", "group": NEAR, "port": PORT, "interface": "eth0"}
    answer = relaycast.ask("POST", "/v1/sessions", {**fields, "forward": [far(), near()]})
    assert (answer.status, answer.code) == (409, "forward-loop")
    assert answer.json["errors"][0]["pointer"].startswith("/forward/1")
    # The same group on another interface is what most relays do.
    relaycast.create(**fields, forward=[near(interface="eth1")])


def named(daemon, name, *targets):
    """Puts a peer that forwards to the sessions of these names; returns the answer."""
    definition = {
        "kind": "multicast-peer", "group": NEAR, "port": PORT, "interface": "eth0",
        "forward": [{"session": target} for target in targets],
    }  # fmt: skip
    return daemon.ask("PUT", f"/v1/sessions/{name}", definition)


def test_a_circle_of_named_sessions_is_refused_and_named(relaycast, h4):  # noqa: ARG001
    assert named(relaycast, "a", "b").status == 201
    assert named(relaycast, "b", "c").status == 201
    answer = named(relaycast, "c", "a")
    assert (answer.status, answer.code) == (409, "forward-loop")
    circles = ("a → b → c → a", "b → c → a → b", "c → a → b → c")
    assert any(circle in answer.json["detail"] for circle in circles), answer
    assert named(relaycast, "c").status == 201
    patch = {"forward": [{"session": "b"}]}
    answer = relaycast.ask("PATCH", "/v1/sessions/c", patch)
    assert (answer.status, answer.code) == (409, "forward-loop")
    assert any(circle in answer.json["detail"] for circle in ("b → c → b", "c → b → c")), answer
    assert named(relaycast, "self", "self").code == "forward-loop"

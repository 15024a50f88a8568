"""A port of a session's own: bound without SO_REUSEADDR."""

import errno
import socket
import threading

import pytest
from lab_relay import far, hear_far, relay
from lab_session import Session
from lab_sockets import listener, sender
from namespaces import eventually

PORT = 7100
GROUPS = {socket.AF_INET: "239.7.3.3", socket.AF_INET6: "ff05::7303"}
KINDS = [
    {"kind": "multicast-receiver", "group": GROUPS[socket.AF_INET]},
    {"kind": "multicast-peer", "group": GROUPS[socket.AF_INET]},
    {"kind": "multicast-receiver", "group": GROUPS[socket.AF_INET6]},
    {"kind": "multicast-peer", "group": GROUPS[socket.AF_INET6]},
    {"kind": "broadcast", "role": "receiver"},
    {"kind": "broadcast", "role": "peer"},
]
EVERY_KIND = pytest.mark.parametrize("kind", KINDS, ids=str)


def family_of(kind):
    """The family of a session's socket."""
    return socket.AF_INET6 if ":" in kind.get("group", "") else socket.AF_INET


def ask(relaycast, kind, **fields):
    """Asks for a session on the port."""
    definition = {**kind, "port": PORT, "interface": "eth0", **fields}
    return relaycast.ask("POST", "/v1/sessions", definition)


@EVERY_KIND
def test_an_exclusive_session_is_refused_where_the_port_is_taken(relaycast, h1, kind):
    with listener(h1, PORT, family_of(kind)):
        refused = ask(relaycast, kind, exclusive=True)
        assert (refused.status, refused.code) == (409, "address-in-use")
        assert ask(relaycast, kind, name="shares").status == 201
    taken = ask(relaycast, kind, exclusive=True)
    assert (taken.status, taken.code) == (409, "address-in-use")
    assert "held by session shares" in taken.json["detail"]


@EVERY_KIND
def test_nobody_shares_the_port_of_an_exclusive_session(relaycast, h1, kind):
    made = ask(relaycast, kind, name="own", exclusive=True)
    assert made.status == 201 and made.json["exclusive"] is True
    with pytest.raises(OSError) as refused:
        listener(h1, PORT, family_of(kind))
    assert refused.value.errno == errno.EADDRINUSE
    assert ask(relaycast, kind).code == "address-in-use"
    # No change in place: it takes another socket.
    identity = made.json["id"]
    shared = relaycast.ask("PATCH", "/v1/sessions/own", {"exclusive": False})
    assert shared.status == 200 and shared.json["id"] != identity
    listener(h1, PORT, family_of(kind)).close()
    own = relaycast.ask("PATCH", "/v1/sessions/own", {"exclusive": True})
    assert own.status == 200 and own.json["status"]["state"] == "running"
    with pytest.raises(OSError) as refused:
        listener(h1, PORT, family_of(kind))


def test_the_field_is_for_sessions_that_bind_a_port_they_share(relaycast):
    sender = {"kind": "multicast-sender", "group": GROUPS[socket.AF_INET]}
    assert ask(relaycast, sender, exclusive=True).code == "unknown-field"
    broadcast = {"kind": "broadcast", "role": "sender"}
    assert ask(relaycast, broadcast, exclusive=True).code == "invalid-field"


def since(sessions):
    """Since when each is what it is, and which incarnation."""
    found = [session.get() for session in sessions]
    return [(one["id"], one["generation"], one["status"]["since"]) for one in found]


def change(session, **fields):
    """Asks for a change that must be refused."""
    refused = session.daemon.ask("PATCH", session.path, fields)
    assert (refused.status, refused.code) == (409, "address-in-use")
    return refused.json["detail"]


@EVERY_KIND
def test_a_refused_change_to_exclusive_leaves_all_as_they_were(relaycast, h1, h2, kind):
    sessions = [
        Session(relaycast, ask(relaycast, kind, name=name, requireSourcePort=0).json)
        for name in "abc"
    ]
    before = since(sessions)
    family = family_of(kind)

    def who_gets_unicast():
        counts = [session.count("received") for session in sessions]
        with sender(h2, family) as made:
            made.sendto(b"?", (h1.address if family == socket.AF_INET else h1.address6, PORT))

        def got_it():
            now = [session.count("received") for session in sessions]
            return [s.name for s, a, b in zip(sessions, counts, now) if b > a]

        return eventually(got_it, 5, "one gets it")

    assert who_gets_unicast() == ["c"]
    assert "held by session b" in change(sessions[0], exclusive=True)
    assert "held by session a" in change(sessions[1], exclusive=True)
    assert since(sessions) == before
    assert who_gets_unicast() == ["c"]
    for session in sessions[1:]:
        session.delete()
    # Another program is in the way as well as a session of ours.
    with listener(h1, PORT, family):
        assert "held by another program" in change(sessions[0], exclusive=True)
    assert since(sessions[:1]) == before[:1]
    changed = relaycast.ask("PATCH", sessions[0].path, {"exclusive": True})
    assert changed.status == 200 and changed.json["exclusive"] is True


def test_a_set_that_is_refused_interrupts_nobody(relaycast):
    receiver = {"kind": "broadcast", "role": "receiver"}
    sessions = [Session(relaycast, ask(relaycast, receiver, name=name).json) for name in "ab"]
    before = since(sessions)
    items = [{**receiver, "name": "b", "port": PORT, "interface": "eth0", "exclusive": True}]
    refused = relaycast.ask("POST", "/v1/apply", {"items": items}, atomic="true")
    assert refused.code == "address-in-use" and "held by session a" in refused.json["detail"]
    assert since(sessions) == before


def test_what_else_is_impossible_is_found_before_the_port_is_given_up(relaycast, h2):
    session = relaycast.create(
        "multicast-receiver", group="239.7.3.3", port=PORT, interface="eth0",
        receiveBufferBytes=8 << 20,
    )  # fmt: skip
    before, stop, sent = since([session]), threading.Event(), []

    def stream():
        with sender(h2) as made:
            while not stop.wait(0.001):
                made.sendto(b"x", ("239.7.3.3", PORT))
                sent.append(1)

    thread = threading.Thread(target=stream)
    thread.start()
    # Nothing but the target is wrong: the port would be free, the session's own socket closed.
    targets = [
        {"address": "10.9.9.9", "port": 9},
        {"address": "192.168.10.2", "port": 9, "localPort": PORT},
    ]
    for target in targets:
        refused = relaycast.ask("PATCH", session.path, {"exclusive": True, "forward": [target]})
        assert refused.status == 409, refused
        assert "forward 0" in refused.json["detail"]
    stop.set()
    thread.join()
    assert "held by the session itself" in refused.json["detail"]
    assert since([session]) == before
    session.wait_for_count(len(sent), "accepted")


def test_an_exclusive_session_that_ran_runs_after_a_restart(relaycast):
    receiver = {"kind": "broadcast", "role": "receiver"}
    owner = Session(relaycast, ask(relaycast, receiver, name="zzz", exclusive=True).json)
    late = Session(relaycast, ask(relaycast, receiver, name="aaa", whenUnavailable="wait").json)
    for _ in range(2):
        late.wait_for_state("waiting")
        assert "held by session zzz" in late.get()["status"]["reason"]["detail"]
        assert owner.get()["status"]["state"] == "running"
        assert relaycast.terminate() == 0
        relaycast.start()


def test_who_holds_a_port_is_named_whatever_it_is_for(relaycast, h2, h4):
    target = {"address": "192.168.30.4", "interface": "eth1"}
    relay(
        relaycast, far(sourceMode="preserve"), {**target, "port": 9, "localPort": 7600},
        {**target, "port": 6001, "mapReplies": {}}, name="keeper",
    )  # fmt: skip
    with hear_far(h4) as ear, listener(h4, 6001) as mapped, sender(h2, port=7500) as made:
        made.sendto(b"x", ("239.1.1.1", 5004))
        assert ear.recvfrom(9)[1][1] == 7500
        asked = mapped.recvfrom(9)[1][1]
        receiver = {"kind": "multicast-receiver"}
        group = {"group": "239.7.3.3", "interface": "eth0"}

        def refusal(**fields):
            definition = {**receiver, **group, **fields}
            refused = relaycast.ask("POST", "/v1/sessions", definition)
            assert (refused.status, refused.code) == (409, "address-in-use"), fields
            assert "192.0.0.8" not in refused.json["detail"]
            return refused.json["detail"]

        sends = {"kind": "multicast-sender", "port": 9}
        for fields in ({**sends, "localPort": 7500}, {"port": 7500, "exclusive": True}):
            assert "held by target 0 of session keeper, which keeps it" in refusal(**fields)
        for fields in ({**sends, "localPort": 7600}, {"port": 7600, "exclusive": True}):
            assert "held by target 1 of session keeper, which sends from it" in refusal(**fields)
        # As soon as the port of the asker is shown.
        eventually(
            lambda: "held by target 2 of session keeper, which has given it" in refusal(port=asked),
            5, "the asker's port is known",
        )  # fmt: skip
    owner = ask(relaycast, receiver, name="owner", port=7700, exclusive=True, **group)
    assert owner.status == 201
    for mode in ("own", "preserve"):
        forward = [{**target, "port": 9, "localPort": 7700, "sourceMode": mode}]
        assert "forward 0: " in (detail := refusal(port=7701, forward=forward))
        assert "held by session owner" in detail
    # Also of a change in place.
    other = relay(relaycast, name="other", port=5005)
    assert "held by session owner" in change(other, forward=forward)

"""Relays that lead in a circle: a datagram goes round once at most, and nobody is kept busy.

                   ┌── eth0  h1: 239.1.1.1 → 239.2.2.2  eth1 ──┐
  h2 ── bridge0 ───┤                                           ├─── bridge1 ── h4
   (listens too)   └── eth0  h3: 239.1.1.1 ← 239.2.2.2  eth1 ──┘
"""

import os
import pathlib
import time

import pytest
from lab_relay import FAR, NEAR, PORT, Ears, far, hear_far, relay, send
from lab_sockets import listener
from namespaces import eventually

RING = ["239.5.5.1", "239.5.5.2", "239.5.5.3"]


def near(**fields):
    """A target: the near group on eth0."""
    return {"address": NEAR, "port": PORT, "interface": "eth0", **fields}


def relay_back(daemon, **fields):
    """A session that relays the far group on eth1 to the near group on eth0."""
    return relay(daemon, near(), group=FAR, interface="eth1", **fields)


def cpu_seconds(daemon):
    """What the process has used so far (proc(5), stat)."""
    text = pathlib.Path(f"/proc/{daemon.process.pid}/stat").read_text().rpartition(")")[2]
    user, system = text.split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def watch(ears, daemons, seconds):
    """Listens so long; then no daemon has used more than a twentieth of the last 2 seconds."""
    ears.wait(1)
    end = time.monotonic() + seconds
    eventually(lambda: time.monotonic() > end - 2, seconds)
    before = [cpu_seconds(daemon) for daemon in daemons]
    eventually(lambda: time.monotonic() > end, 3)
    for daemon, used in zip(daemons, before):
        assert cpu_seconds(daemon) - used <= 0.1, f"{daemon.host.name} is busy"


def dropped_as_loop(*sessions):
    """How many datagrams these sessions, or their targets, have taken for returning ones."""
    total = 0
    for session in sessions:
        counters = session.counters()
        total += counters["dropped"]["loop"]
        total += sum(target["dropped"]["loop"] for target in counters.get("targets", []))
    return total


@pytest.mark.parametrize(
    "both_ways, seconds", [(False, 5), (True, 2)], ids=["one-way-each", "both-ways-each"]
)
def test_two_daemons_that_relay_towards_each_other(
    start_daemon, h1, h2, h3, h4, both_ways, seconds
):
    daemons = [start_daemon(h1), start_daemon(h3)]
    sessions = [relay(daemons[0], far()), relay_back(daemons[1])]
    if both_ways:
        sessions += [relay_back(daemons[0]), relay(daemons[1], far())]
    with Ears(listener(h2, PORT, group=NEAR), hear_far(h4)) as ears:
        send(h2, b"once")
        watch(ears, daemons, seconds)
        # The first one on the near side is what h2 sent itself.
        copies = [len(ears.heard[0]) - 1, len(ears.heard[1])]
        assert ears.heard[0] == [b"once"] * (copies[0] + 1)
        assert ears.heard[1] == [b"once"] * copies[1]
        assert max(copies) < 3
        assert dropped_as_loop(*sessions) >= 1
        # The way is still open.
        send(h2, b"another")
        eventually(lambda: b"another" in ears.heard[1], what="the next datagram crosses")


# With its own address as the source h2 does not take its datagram back.
@pytest.mark.parametrize("mode, times_heard", [("own", 2), ("preserve", 1)])
def test_many_datagrams_in_a_circle_go_round_once(
    start_daemon, h1, h2, h3, h4, mode, times_heard
):
    daemons = [start_daemon(h1), start_daemon(h3)]
    sessions = [
        relay(daemons[0], far(sourceMode=mode)),
        relay(daemons[1], near(sourceMode=mode), group=FAR, interface="eth1"),
    ]
    payloads = [b"%d" % number for number in range(100)]
    with Ears(listener(h2, PORT, group=NEAR), hear_far(h4)) as ears:
        send(h2, *payloads)
        eventually(lambda: dropped_as_loop(*sessions) >= 100, 5, lambda: sessions[0].counters())
        send(h2, b"last")
        eventually(lambda: dropped_as_loop(*sessions) == 101, 5, lambda: sessions[0].counters())
        eventually(lambda: ears.heard[0].count(b"last") == times_heard, 5, "it comes back")
    assert sorted(ears.heard[0]) == sorted(times_heard * [*payloads, b"last"])
    assert ears.heard[1] == [*payloads, b"last"]


def test_three_daemons_in_a_ring(start_daemon, h1, h2, h3, h4):  # noqa: ARG001
    daemons = [start_daemon(host) for host in (h1, h2, h3)]
    sessions = [
        relay(daemon, near(address=RING[(index + 1) % 3]), group=RING[index])
        for index, daemon in enumerate(daemons)
    ]
    with Ears(*(listener(h3, PORT, group=group) for group in RING)) as ears:
        send(h2, b"once", to=(RING[0], PORT))
        watch(ears, daemons, 2)
        heard = [len(payloads) for payloads in ears.heard]
    assert heard == [2, 1, 1], "the sender's own, and one of each relay"
    assert [session.count("accepted") for session in sessions] == [1, 1, 1]
    assert sessions[0].count("dropped", "loop") == 1


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
        # From a socket of its own each time: another port is another source, and the same host.
        assert [ear.recv(100) for _ in range(3)] == [b"alive"] * 3
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

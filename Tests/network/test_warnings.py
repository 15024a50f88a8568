"""What a session is warned of is what happens on the network.

                   ┌── eth0  h1: 239.1.1.1 → 239.2.2.2  eth1 ──┐
  h2 ── bridge0 ───┤                                           ├─── bridge1 ── h4
                   └── eth0  h3: 239.1.1.1 ← 239.2.2.2  eth1 ──┘
"""

import socket

import pytest
from lab_relay import FAR, NEAR, PORT, far, metrics, relay, send
from lab_session import Session
from namespaces import eventually


def warnings(session):
    """The warnings of a session by their codes."""
    listed = session.get()["status"].get("warnings", [])
    found = {warning["code"]: warning for warning in listed}
    assert len(found) == len(listed)
    return found


def test_a_relay_whose_datagrams_come_back_is_warned(start_daemon, h1, h2, h3, h4):  # noqa: ARG001
    daemons = [start_daemon(h1), start_daemon(h3)]
    back = {"address": NEAR, "port": PORT, "interface": "eth0"}
    sessions = [
        relay(daemons[0], far()),
        relay(daemons[1], back, group=FAR, interface="eth1"),
    ]
    payloads = [b"%d" % number for number in range(40)]
    send(h2, *payloads)
    warned = eventually(
        lambda: [s for s in sessions if "relay-loop" in warnings(s)], 5, "a session is warned"
    )
    for session in warned:
        detail = warnings(session)["relay-loop"]["detail"]
        assert " relayed datagrams came back within 10 seconds" in detail
        labels = f'session="{session.name}",kind="multicast-receiver",code="relay-loop"'
        assert metrics(session.daemon)[f"relaycast_session_warnings{{{labels}}}"] == 1
    # It ends by itself, ten seconds after the last one.
    eventually(lambda: not any(map(warnings, sessions)), 20, "the warnings are over")


@pytest.mark.parametrize(
    "kind, fields",
    [
        ("broadcast", {"role": "receiver"}),
        ("broadcast", {"role": "peer", "interface": "eth0", "requireSourcePort": 0}),
        ("multicast-peer", {"group": "239.4.4.4", "interface": "eth0", "requireSourcePort": 0}),
        ("multicast-peer", {"group": "ff15::4", "interface": "eth0", "requireSourcePort": 0}),
    ],
    ids=["receivers", "broadcast-peers", "multicast-peers", "multicast-peers-ipv6"],
)
def test_the_warning_names_the_session_that_gets_the_unicast(relaycast, h1, h2, kind, fields):
    first, second = (
        relaycast.create(kind, name=name, port=7000, **fields) for name in ("first", "second")
    )
    family, address = socket.AF_INET, h1.address
    if ":" in fields.get("group", ""):
        family, address = socket.AF_INET6, h1.address6
    asker = h2.socket(family)
    asker.sendto(b"one", (address, 7000))
    second.wait_for_packet(b"one")
    assert first.count("received") == 0
    assert warnings(first)["unicast-shared"]["detail"].startswith("session second gets all ")
    assert "session first none" in warnings(second)["unicast-shared"]["detail"]
    second.delete()
    assert warnings(first) == {}
    asker.sendto(b"two", (address, 7000))
    asker.close()
    first.wait_for_packet(b"two")


def test_what_was_so_before_a_restart_is_warned_of_after_it(relaycast):
    for name in ("a", "b", "c"):
        relaycast.create("broadcast", name=name, role="receiver", port=7000)
    before = [warnings(session) for session in sessions_of(relaycast)]
    assert all("unicast-shared" in found for found in before)
    assert relaycast.terminate() == 0
    relaycast.start()
    for session in sessions_of(relaycast):
        eventually(lambda: "unicast-shared" in warnings(session), 5, session.name)
    # It lasts as long as another one is there.
    first, second, third = sessions_of(relaycast)
    first.delete()
    assert warnings(second) and warnings(third)
    relaycast.ask("PATCH", third.path, {"enabled": False})
    assert warnings(second) == warnings(third) == {}


def sessions_of(daemon):
    """The sessions of a daemon, by name."""
    return [Session(daemon, item) for item in daemon.sessions()]

"""A port of a session's own: bound without SO_REUSEADDR."""

import errno
import socket

import pytest
from lab_sockets import listener

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

"""The end of a session and of the daemon: groups are left, nothing is forgotten on the way.

h1 relaycast ─┐
h2           ─┴─ bridge0
"""

import signal
import time

import pytest
from lab_sockets import listener, sender
from namespaces import eventually

GROUPS, PORT = ["233.252.0.1", "ff05::4242"], 6666


def create(relaycast, group, kind="multicast-receiver", **fields):
    """A session of the group on eth0."""
    return relaycast.create(kind, group=group, port=PORT, interface="eth0", **fields)


@pytest.mark.parametrize("kind", ["multicast-receiver", "multicast-peer"])
@pytest.mark.parametrize("group", GROUPS)
def test_deleting_a_session_leaves_the_group(relaycast, h1, group, kind):
    before = h1.groups()
    session = create(relaycast, group, kind)
    assert h1.groups() == before | {group}
    session.delete()
    # 204 came: it is true now, not soon.
    assert h1.groups() == before
    assert PORT not in relaycast.process.udp_ports()
    assert relaycast.ask("GET", session.path).status == 404


def test_a_sender_joins_no_group(relaycast, h1):
    before = h1.groups()
    create(relaycast, GROUPS[0], "multicast-sender")
    assert h1.groups() == before


def test_one_of_two_sessions_of_a_group_can_go(relaycast, h1, h2):
    one, two = create(relaycast, GROUPS[0]), create(relaycast, GROUPS[0])
    one.delete()
    assert GROUPS[0] in h1.groups()
    with sender(h2) as other:
        other.sendto(b"still here", (GROUPS[0], PORT))
    two.wait_for_packet(b"still here")


def test_after_a_delete_nothing_more_is_sent(relaycast, h2):
    session = create(relaycast, GROUPS[0], reply={"text": "here", "perSecondMax": 1000})
    with sender(h2) as other:
        other.sendto(b"hello", (GROUPS[0], PORT))
        assert other.recv(100) == b"here"
        for _ in range(100):
            other.sendto(b"hello", (GROUPS[0], PORT))
        session.delete()
        # Whatever was answered before the 204 is here already.
        answered = drain(other)
        other.sendto(b"hello", (GROUPS[0], PORT))
        with listener(h2, PORT, group=GROUPS[0]) as group:
            create(relaycast, GROUPS[0], "multicast-sender").send(b"a later datagram")
            assert group.recv(100) == b"a later datagram"
        assert drain(other) == 0
        assert answered <= 100


def drain(made):
    """Reads what is there; how much it was."""
    made.setblocking(False)
    number = 0
    while True:
        try:
            made.recv(100)
            number += 1
        except BlockingIOError:
            return number


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_signal_ends_the_daemon_and_leaves_the_groups(relaycast, h1, number):
    before = h1.groups()
    for group in GROUPS:
        create(relaycast, group)
    assert h1.groups() == before | set(GROUPS)
    started = time.monotonic()
    relaycast.process.signal(number)
    assert relaycast.process.popen.wait(5) == 0
    assert time.monotonic() - started < 2
    assert h1.groups() == before
    assert not (relaycast.directory / "api.sock").exists()


def test_a_signal_ends_the_daemon_under_load(relaycast, h2):
    create(relaycast, GROUPS[0], reply={"text": "here", "perSecondMax": 1000000})
    with sender(h2) as other:
        for _ in range(200):
            other.sendto(b"hello", (GROUPS[0], PORT))
        relaycast.process.signal(signal.SIGTERM)
        for _ in range(200):
            other.sendto(b"hello", (GROUPS[0], PORT))
    assert relaycast.process.popen.wait(2) == 0


def test_sighup_does_not_end_the_daemon(relaycast, h2):
    session = create(relaycast, GROUPS[0])
    relaycast.process.signal(signal.SIGHUP)
    with sender(h2) as other:
        other.sendto(b"still here", (GROUPS[0], PORT))
    session.wait_for_packet(b"still here")
    assert relaycast.ask("GET", "/livez").status == 200
    assert session.get()["id"] == session.made["id"]


def test_sessions_run_again_after_a_restart(relaycast, h1, h2):
    session = create(relaycast, GROUPS[0], labels={"env": "test"})
    before = session.get()
    assert relaycast.terminate() == 0
    relaycast.start()
    after = session.get()
    for item in (before, after):
        item.pop("status")
    assert after == before
    assert GROUPS[0] in h1.groups()
    with sender(h2) as other:
        other.sendto(b"again", (GROUPS[0], PORT))
    session.wait_for_packet(b"again")


def test_a_killed_daemon_leaves_the_groups_to_the_kernel(relaycast, h1):
    before = h1.groups()
    create(relaycast, GROUPS[0])
    relaycast.kill()
    eventually(lambda: h1.groups() == before)
    relaycast.start()
    assert GROUPS[0] in h1.groups()

"""What happens when nothing does: heartbeats, and clients that have vanished.

The waiting begins with the first test of this suite, in `vanished` and `quiet`, and is looked at
here.
"""

from events.conftest import Quiet, Vanished
from events.watching import listed, put


def test_a_heartbeat_says_how_far_a_quiet_client_is(quiet: Quiet, watch):
    daemon, watcher = quiet.daemon, quiet.watcher
    end = listed(daemon.client())["revision"]
    watcher.wait(lambda: watcher.last_id == end, 30, "a heartbeat")
    assert [event.event for event in watcher.events] == ["hello"]
    # More has happened than is remembered, and it concerned this client in no way.
    assert watch(daemon, last_id=watcher.events[0].id).wait_for(2)[1]["reason"] == "gap"
    again = watch(daemon, quiet.path, last_id=watcher.last_id)
    put(daemon.client(), "seen", labels={"env": "prod"})
    again.wait(lambda: again.summary == [("session.created", "seen")])
    assert again.named("resync") == []


def test_a_heartbeat_is_a_comment(quiet: Quiet):
    received = b""
    while b": heartbeat\n" not in received:
        piece = quiet.raw.recv(65536)
        assert piece, received
        received += piece


def test_a_client_whose_link_has_gone_is_given_up(vanished: Vanished):
    # Neither FIN nor RST comes; what is sent to it is never acknowledged.
    vanished.wait_until_given_up(90)

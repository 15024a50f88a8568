"""Many streams, slow ones, and their end."""

import contextlib
import itertools
import json
import signal
import subprocess
import time
from collections.abc import Iterator

from events.watching import (
    SENDER, Watcher, descriptors, listed, memory, number, put, wait_for_room,
)  # fmt: skip
from support.client import read_response
from support.waiting import wait_until

STREAMS = 64
REQUEST = b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n"


def test_64_streams_get_every_event_in_order_and_leave_nothing_behind(daemon, watch):
    client = daemon.client()
    before = descriptors(daemon)
    usage = []
    for turn in range(3):
        start = listed(client)["revision"]
        watchers = [watch(daemon, "/v1/events?counters=1") for _ in range(STREAMS)]
        for watcher in watchers:
            watcher.wait_for(1, "hello")
        for step in range(40):
            name = f"s{step % 10}"
            put(client, name, labels={"turn": f"{turn}-{step}"}, port=5004 + step % 2)
            if step % 8 == 7:
                assert client.delete(f"/v1/sessions/{name}").status == 204
        end = listed(client)["revision"]
        refused = watch(daemon).wait_for_begin()
        assert (refused.status, refused.problem["code"]) == (503, "overloaded")
        expected = list(range(number(start) + 1, number(end) + 1))
        assert len(expected) == 45
        for watcher in watchers:
            watcher.wait(lambda: watcher.changes and watcher.changes[-1].id == end)
            assert [number(event.id) for event in watcher.changes] == expected
            watcher.wait_for(1, "counters")
        first = [event.data for event in watchers[0].changes]
        for watcher in watchers:
            assert [event.data for event in watcher.changes] == first
            watcher.close()
        wait_for_room(watch, daemon)
        # A socket of a session may stay.
        sessions = listed(client)["total"]
        wait_until(lambda: descriptors(daemon) <= before + sessions, 20, "descriptors are closed")
        usage.append(memory(daemon))
    # What the first turn took is enough for all others.
    assert usage[-1] < usage[0] + 4 * 2**20, usage


def large(turn: int) -> dict:
    """Annotations of some 60 kB."""
    return {f"note{n}": f"{turn:04}" + "x" * 1000 for n in range(60)}


def test_slow_readers_are_sent_away_and_cost_nobody_else_anything(daemon, watch):
    client = daemon.client()
    put(client, "a", annotations=large(0))
    watcher = watch(daemon)
    watcher.wait_for(1, "hello")
    baseline = memory(daemon)
    slow = [daemon.unix_client().open() for _ in range(20)]
    for connection in slow:
        connection.sendall(REQUEST)
        # The header section is the last that it reads for a long time.
        assert connection.recv(64).startswith(b"HTTP/1.1 200")
    used = []
    for turn in range(1, 101):
        put(client, "a", annotations=large(turn))
        used.append(memory(daemon))
    watcher.wait(lambda: len(watcher.changes) == 100)
    seen = [data["session"]["annotations"]["note0"] for data in watcher.named("session.updated")]
    assert [note[:4] for note in seen] == [f"{turn:04}" for turn in range(1, 101)]
    # They share what waits for them: 4 MiB of events are remembered, and half a MiB waits at most.
    assert max(used) - baseline < (4 + 20 * 0.5 + 16) * 2**20
    for connection in slow:
        assert is_cut_off(connection)
        connection.close()
    # Whoever was sent away comes back, and is told to list, as so much is not kept.
    again = watch(daemon, last_id=watcher.events[0].id)
    again.wait_for(1, "resync")


def is_cut_off(connection) -> bool:
    """Reads on until the daemon has ended the connection in the middle of a stream."""
    received = b""
    while True:
        try:
            piece = connection.recv(2**20)
        except ConnectionResetError:
            return True
        if not piece:
            return not received.endswith(b"\r\n0\r\n\r\n")
        received = received[-16:] + piece


def test_a_stopped_client_holds_up_nobody_and_its_place_is_free_again(daemon, network, watch):
    client = daemon.client()
    put(client, "a", annotations=large(0))
    curl = [
        "curl", "--silent", "--no-buffer", "--unix-socket", str(daemon.unix_socket),
        "http://localhost/v1/events",
    ]  # fmt: skip
    with started(curl) as process:
        process.stdout.readline()
        process.send_signal(signal.SIGSTOP)
        before = descriptors(daemon)
        for turn in itertools.count(1):
            put(client, "a", annotations=large(turn))
            if descriptors(daemon) < before:
                break
            assert turn < 300, "the stopped client is still connected"


@contextlib.contextmanager
def started(command: list[str]) -> Iterator[subprocess.Popen]:
    """A process with a pipe for its output, which is killed at the end."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_it_ends_in_order_with_64_open_streams(daemon, watch):
    client = daemon.client()
    put(client, "a", annotations=large(0))
    watchers = [watch(daemon, "/v1/events?counters=1") for _ in range(STREAMS // 2)]
    watchers += [watch(daemon, "/v1/sessions/a/packets") for _ in range(STREAMS // 2 - 1)]
    for watcher in watchers:
        watcher.wait_for_begin()
    deaf = daemon.unix_client().open()
    deaf.sendall(REQUEST)
    assert deaf.recv(64).startswith(b"HTTP/1.1 200")
    for turn in range(6):
        put(client, "a", annotations=large(turn + 1))
    last = listed(client)["revision"]
    start = time.monotonic()
    assert daemon.stop() == 0
    # As without streams; SIGKILL would come after 5 seconds.
    assert time.monotonic() - start < 3
    for watcher in watchers:
        watcher.wait_for_end()
        assert watcher.failure is None
    for watcher in watchers[: STREAMS // 2]:
        assert watcher.changes[-1].id == last
    deaf.close()


def test_streams_are_refused_while_it_drains(daemon):
    connection = daemon.client().open()
    process = daemon.process
    process.send_signal(signal.SIGTERM)
    wait_until(lambda: "draining" in daemon.log_text(), what="draining")
    connection.sendall(REQUEST)
    answer = read_response(connection)
    assert (answer.status, json.loads(answer.body)["code"]) == (503, "draining")
    connection.close()
    assert process.wait(5) == 0


def test_a_revoked_token_ends_its_streams(relay, make_token, watch):
    scopes = ["sessions:read", "packets:read"]
    first, second = make_token("first", *scopes), make_token("second", *scopes)
    third = make_token("third", *scopes)
    root = make_token("root", "admin")
    relay.write(root, first, second, third)
    relay.start()
    assert relay.request("PUT", "/v1/sessions/a", root, SENDER | {"name": "a"}).status == 201

    def follow(token) -> list[Watcher]:
        paths = ["/v1/events", "/v1/sessions/a/packets"]
        return [watch(relay.daemon, path, headers=token.headers) for path in paths]

    watchers = {token.secret: follow(token) for token in (first, second, third)}
    for watcher in itertools.chain(*watchers.values()):
        assert watcher.wait_for_begin().status == 200
    # One may see less than before, one expires, and one is as it was.
    second.entry["selector"] = "env=prod"
    third.entry["expiresAt"] = "2001-01-01T00:00:00Z"
    relay.write(root, first, second, third)
    relay.reload()
    for watcher in watchers[second.secret] + watchers[third.secret]:
        watcher.wait_for_end()
        assert watcher.failure is None
    labels = SENDER | {"name": "a", "labels": {"env": "prod"}}
    assert relay.request("PUT", "/v1/sessions/a", root, labels).status == 200
    watchers[first.secret][0].wait_for(1, "session.updated")
    assert not any(watcher.is_over for watcher in watchers[first.secret])
    for watcher in watchers[second.secret] + watchers[third.secret]:
        assert watcher.changes == []
    relay.write(root)
    relay.reload()
    for watcher in watchers[first.secret]:
        watcher.wait_for_end()
    assert watch(relay.daemon, headers=first.headers).wait_for_begin().status == 401


def test_a_caller_with_a_selector_watches_only_its_sessions(relay, make_token, watch):
    root = make_token("root", "admin")
    prod = make_token("prod", "sessions:read", "packets:read", selector="env=prod")
    relay.write(root, prod)
    relay.start()

    def write(name: str, env: str) -> None:
        body = SENDER | {"name": name, "labels": {"env": env}}
        assert relay.request("PUT", f"/v1/sessions/{name}", root, body).status in (200, 201)

    write("a", "prod")
    write("b", "test")
    all_of_it = watch(relay.daemon, "/v1/events?counters=1", headers=prod.headers)
    # What the caller chooses comes on top of what it may see.
    chosen = watch(relay.daemon, "/v1/events?selector=env%3Dtest", headers=prod.headers)
    all_of_it.wait_for(1, "counters")
    chosen.wait_for(1, "hello")
    packets = watch(relay.daemon, "/v1/sessions/a/packets", headers=prod.headers)
    hidden = watch(relay.daemon, "/v1/sessions/b/packets", headers=prod.headers)
    assert hidden.wait_for_begin().problem["code"] == "session-not-found"
    assert packets.wait_for_begin().status == 200
    sent = {"text": "hello"}
    assert relay.request("POST", "/v1/sessions/a/datagrams", root, sent).status == 200
    assert packets.wait_for(1, "packet")[0]["length"] == 5
    write("b", "prod")
    write("a", "test")
    # A follower notices when there is a packet, which it is not shown.
    assert relay.request("POST", "/v1/sessions/a/datagrams", root, sent).status == 200
    packets.wait_for_end()
    assert [event.event for event in packets.events] == ["packet", "end"]
    write("a", "prod")
    assert relay.request("DELETE", "/v1/sessions/b", root).status == 204
    expected = ["session.updated b", "session.deleted a", "session.updated a", "session.deleted b"]
    all_of_it.wait(lambda: [" ".join(change) for change in all_of_it.summary] == expected)
    assert {data["name"] for data in all_of_it.named("counters")} <= {"a", "b"}
    assert chosen.summary == []

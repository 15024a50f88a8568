"""A public SSE client in a thread of its own, and the model of the sessions that it keeps."""

import json
import pathlib
import socket
import threading
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import httpx_sse

from support import Client, Daemon
from support.waiting import wait_until

SENDER = {"kind": "multicast-sender", "group": "239.1.2.3", "port": 5004, "interface": "lo"}


class Watcher:
    """Reads one stream with httpx-sse over the daemon's unix socket, and keeps what it says."""

    def __init__(
        self,
        daemon: Daemon,
        path: str = "/v1/events",
        last_id: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.events: list[httpx_sse.ServerSentEvent] = []
        self.status: int | None = None
        self.problem: dict[str, Any] | None = None
        self.failure: Exception | None = None
        self.is_over = False
        # The id to name when it connects again; also from what is an id without an event.
        self.last_id = last_id
        self._fields = dict(headers or {}) | ({"Last-Event-ID": last_id} if last_id else {})
        self._path = path
        self._changed = threading.Condition()
        self._socket: socket.socket | None = None
        self._http = httpx.Client(
            transport=httpx.HTTPTransport(uds=str(daemon.unix_socket), verify=False),
            trust_env=False,
            base_url="http://localhost",
            timeout=60,
        )
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            with httpx_sse.connect_sse(self._http, "GET", self._path, headers=self._fields) as got:
                self._begin(got.response)
                if self.status == 200:
                    for event in got.iter_sse():
                        self._note(event)
        except httpx.TransportError as failure:
            self.failure = failure
        finally:
            with self._changed:
                self.is_over = True
                self._changed.notify_all()

    def _begin(self, response: httpx.Response) -> None:
        stream = response.extensions["network_stream"]
        with self._changed:
            self._socket = stream.get_extra_info("socket")
            self.status = response.status_code
            if self.status != 200:
                self.problem = json.loads(response.read())
            self._changed.notify_all()

    def _note(self, event: httpx_sse.ServerSentEvent) -> None:
        with self._changed:
            self.last_id = event.id or self.last_id
            # The library also hands out what is only a comment, an id or a retry.
            if event.data:
                self.events.append(event)
            self._changed.notify_all()

    def wait(self, fact: Callable[[], Any], seconds: float = 20, what: str = "the event") -> Any:
        """The first true value of `fact()`, which is asked whenever something has come."""
        with self._changed:
            value = self._changed.wait_for(fact, seconds)
            last = str(self.events[-3:])[:1000]
            assert value, f"{what}: not within {seconds} s, last: {last} {self.failure}"
            return value

    def wait_for(self, count: int, name: str | None = None) -> list[Any]:
        """The data of the first `count` events, or of those with a name."""
        self.wait(lambda: len(self.named(name)) >= count, what=f"{count} of {name}")
        return self.named(name)

    def wait_for_begin(self) -> "Watcher":
        """Waits for the answer's header section."""
        self.wait(lambda: self.status is not None or self.is_over, what="an answer")
        return self

    def wait_for_end(self) -> None:
        """Waits until the daemon has ended the stream."""
        self.wait(lambda: self.is_over, what="the end")

    def wait_for_revision(self, revision: str) -> None:
        """Waits until the watcher has come as far as a list."""
        self.wait(lambda: self.last_id == revision, what=revision)

    def named(self, name: str | None) -> list[Any]:
        """The data of the events so far, or of those with a name."""
        return [event.json() for event in self.events if name in (None, event.event)]

    @property
    def changes(self) -> list[httpx_sse.ServerSentEvent]:
        """The events so far that are about sessions."""
        return [event for event in self.events if event.event.startswith("session.")]

    @property
    def summary(self) -> list[tuple[str, str]]:
        """Name of event and name of session of each change so far."""
        return [(event.event, session_name(event.json())) for event in self.changes]

    def close(self) -> None:
        """Goes away, as a client that ends does."""
        # Before there is an answer there is no connection to close.
        self.wait_for_begin()
        if self._socket:
            try:
                self._socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self._thread.join(30)
        self._http.close()
        assert not self._thread.is_alive(), "the client hangs"


def session_name(data: dict[str, Any]) -> str:
    """Which session an event's data is about."""
    return data["session"]["name"] if "session" in data else data["name"]


class Model:
    """The sessions as a client knows them that lists and then watches."""

    def __init__(self, listed: dict[str, Any]) -> None:
        assert "nextPageToken" not in listed
        self.sessions = {item["name"]: item for item in listed["items"]}
        self.revision = listed["revision"]

    def apply(self, event: httpx_sse.ServerSentEvent) -> None:
        """Follows one event, which must be the very next one."""
        assert event.event.startswith("session."), event
        data = event.json()
        assert number(event.id) == number(self.revision) + 1, "missed or repeated"
        assert event.id == data["revision"]
        self.revision = event.id
        if event.event == "session.deleted":
            # Made and gone since the list began: the model never had it.
            self.sessions.pop(data["name"], None)
        elif event.event != "session.warning":
            self.sessions[data["session"]["name"]] = data["session"]


def number(revision: str) -> int:
    """The number in a revision."""
    return int(revision.split("-")[1])


def listed(client: Client, query: str = "") -> dict[str, Any]:
    """The sessions, all on one page."""
    answer = client.get(f"/v1/sessions?limit=1000{query}")
    assert answer.status == 200, answer.body
    return answer.json()


def put(client: Client, name: str, **members: Any) -> dict[str, Any]:
    """PUTs a sender, which must succeed; the session."""
    answer = client.request("PUT", f"/v1/sessions/{name}", SENDER | {"name": name} | members)
    assert answer.status in (200, 201), answer.body
    return answer.json()


def apply(client: Client, definitions: list[dict[str, Any]]) -> None:
    """Applies definitions; each must succeed."""
    answer = client.post("/v1/apply", {"items": definitions})
    assert answer.status == 200, answer.body
    assert all(item["result"] != "failed" for item in answer.json()["items"]), answer.body


def memory(daemon: Daemon) -> int:
    """RssAnon of the daemon in bytes (proc(5))."""
    status = pathlib.Path(f"/proc/{daemon.process.pid}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("RssAnon:")]
    return int(line.split()[1]) * 1024


def descriptors(daemon: Daemon) -> int:
    """How many descriptors the daemon has."""
    return len(list(pathlib.Path(f"/proc/{daemon.process.pid}/fd").iterdir()))


def wait_for_room(watch: Callable[..., Watcher], daemon: Daemon) -> None:
    """Waits until the daemon takes another stream."""

    def has_room() -> bool:
        probe = watch(daemon).wait_for_begin()
        probe.close()
        return probe.status == 200

    wait_until(has_room, 20, "room for a stream")

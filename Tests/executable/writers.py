"""Clients that write all the time, and know what must be there when the daemon is killed."""

import http.client
import json
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

# What a session must have kept when it comes back.
KEPT = ("id", "generation", "createdAt", "updatedAt", "kind", "group", "port", "labels")
SESSIONS_OF_A_WRITER_MAX = 12


def definition(name: str, port: int, **members) -> dict:
    """A session with a socket of its own."""
    return {
        "name": name,
        "kind": "multicast-receiver",
        "group": "239.255.7.7",
        "port": port,
        "interface": "lo",
        **members,
    }


@dataclass(frozen=True)
class Write:
    """A request that changes one session; `after` is its definition then, None if it is gone."""

    method: str
    path: str
    name: str
    body: dict | None
    after: dict | None
    content_type: str = "application/json"


# An operation makes a write of what one writer has, or None if it has nothing to work on.
Operation = Callable[["Writer"], Write | None]


def create(writer: "Writer") -> Write | None:
    """POST of a new session."""
    if len(writer.sessions) >= SESSIONS_OF_A_WRITER_MAX:
        return None
    after = writer.new_definition(writer.new_name())
    return Write("POST", "/v1/sessions", after["name"], after, after)


def put(writer: "Writer") -> Write | None:
    """PUT of another definition under a name that is there; the port makes it a new session."""
    if not writer.sessions:
        return None
    after = writer.new_definition(writer.any_name())
    return Write("PUT", f"/v1/sessions/{after['name']}", after["name"], after, after)


def patch(writer: "Writer") -> Write | None:
    """PATCH of what can be changed while it runs."""
    if not writer.sessions:
        return None
    name = writer.any_name()
    labels = {"text": writer.new_text()}
    after = {**definition(name, writer.sessions[name]["port"]), "labels": labels}
    body = {"labels": labels}
    return Write("PATCH", f"/v1/sessions/{name}", name, body, after, "application/merge-patch+json")


def delete(writer: "Writer") -> Write | None:
    """DELETE of one that is there."""
    if not writer.sessions:
        return None
    name = writer.any_name()
    return Write("DELETE", f"/v1/sessions/{name}", name, None, None)


OPERATIONS: list[Operation] = [create, put, patch, delete]


@dataclass
class Writer:
    """One client, the sessions it was told of, and the write that was not answered."""

    number: int
    chance: random.Random
    sessions: dict[str, dict] = field(default_factory=dict)
    names: int = 0
    acknowledged: int = 0
    undecided: Write | None = None
    refused: tuple[Write, bytes] | None = None

    def new_name(self) -> str:
        """A name that was never used."""
        self.names += 1
        return f"writer-{self.number}-{self.names}"

    def any_name(self) -> str:
        """A name that is in use."""
        return self.chance.choice(sorted(self.sessions))

    def new_text(self) -> str:
        """A label's value of any length."""
        return "x" * self.chance.randrange(60)

    def new_definition(self, name: str) -> dict:
        """A definition with a port and a label of its own."""
        port = self.chance.randrange(10_000, 60_000)
        return definition(name, port, labels={"text": self.new_text()})

    def write(self, address: str, count_down: "CountDown") -> None:
        """Writes until the daemon does not answer any more."""
        connection = http.client.HTTPConnection(address, timeout=20)
        try:
            while True:
                write = self.chance.choice(OPERATIONS)(self)
                if write is None:
                    continue
                self.undecided = write
                body = json.dumps(write.body) if write.body else None
                fields = {"Content-Type": write.content_type} if body else {}
                connection.request(write.method, write.path, body, fields)
                response = connection.getresponse()
                text = response.read()
                if not 200 <= response.status < 300:
                    self.refused = (write, text)
                    return
                if write.after is None:
                    del self.sessions[write.name]
                else:
                    self.sessions[write.name] = json.loads(text)
                self.undecided = None
                self.acknowledged += 1
                count_down.count()
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()

    def compare(self, found: dict[str, dict]) -> None:
        """Asserts that what is there is what was acknowledged, but for the write under way."""
        assert self.refused is None
        mine = {
            name: session
            for name, session in found.items()
            if name.startswith(f"writer-{self.number}-")
        }
        undecided, self.undecided = self.undecided, None
        if undecided and self.was_done(undecided, mine):
            self.sessions.pop(undecided.name, None)
            if undecided.after is not None:
                self.sessions[undecided.name] = mine[undecided.name]
        assert {name: kept(session) for name, session in mine.items()} == {
            name: kept(session) for name, session in self.sessions.items()
        }
        for session in mine.values():
            assert session["status"]["state"] == "running", session

    def was_done(self, write: Write, mine: dict[str, dict]) -> bool:
        """Whether what is there is what the write would have made."""
        session = mine.get(write.name)
        if session is None or write.after is None:
            return session is None and write.after is None
        before = self.sessions.get(write.name)
        return (before is None or kept(session) != kept(before)) and all(
            session[member] == value for member, value in write.after.items()
        )


class CountDown:
    """Tells when so many writes were acknowledged."""

    def __init__(self, count: int):
        self._lock = threading.Lock()
        self._count = count
        self.done = threading.Event()

    def count(self) -> None:
        """One more."""
        with self._lock:
            self._count -= 1
            if self._count <= 0:
                self.done.set()


def kept(session: dict) -> dict:
    """What must be the same after a restart."""
    return {member: session.get(member) for member in KEPT}

"""How long GET /v1/sessions/{name} takes: idle, and under writes with 64 streams open.

    cd Tests && ../.venv/bin/python -m events.latency ../.build/release/relaycast

Rounds of both kinds take turns in one run, so that whatever else the machine does befalls both.
Streams and writers are processes of their own; this one only asks, one request after the other on
one connection, with a millisecond between two.
"""

import argparse
import dataclasses
import itertools
import json
import multiprocessing
import os
import selectors
import socket
import statistics
import time
from collections.abc import Callable

from support import Daemon, Network

SENDER = {"kind": "multicast-sender", "group": "239.1.2.3", "port": 5004, "interface": "lo"}
STREAMS = 64
SESSIONS = 20
WRITERS = 2


@dataclasses.dataclass
class Figures:
    """What was measured in all rounds of one kind."""

    name: str
    milliseconds: list[float] = dataclasses.field(default_factory=list)
    seconds: float = 0
    writes: int = 0
    events: int = 0

    def percentile(self, percent: int) -> float:
        """Milliseconds within which so many of a hundred were answered."""
        return statistics.quantiles(self.milliseconds, n=100, method="inclusive")[percent - 1]

    def row(self) -> str:
        """A line of the table."""
        columns = [self.percentile(50), self.percentile(90), self.percentile(99)]
        shown = " ".join(f"{value:9.3f}" for value in [*columns, max(self.milliseconds)])
        rates = f"{self.writes / self.seconds:9.0f} {self.events / self.seconds:9.0f}"
        return f"{self.name:<22} {len(self.milliseconds):7} {shown} {rates}"


HEAD = (
    f"{'':<22} {'GETs':>7} {'p50 ms':>9} {'p90 ms':>9} {'p99 ms':>9} {'max ms':>9} "
    f"{'writes/s':>9} {'events/s':>9}"
)


class Connection:
    """A connection that is kept alive, for one request after the other."""

    def __init__(self, connected: socket.socket) -> None:
        connected.settimeout(30)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = connected
        self._file = connected.makefile("rb")

    def ask(self, request: bytes) -> int:
        """Sends a request and reads the whole answer; its status."""
        self._socket.sendall(request)
        status = int(self._file.readline().split()[1])
        length = 0
        while (line := self._file.readline()) != b"\r\n":
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        self._file.read(length)
        return status


def request(method: str, path: str, body: dict | None = None) -> bytes:
    """One request as bytes."""
    text = b"" if body is None else json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost"]
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(text)}"]
    return "\r\n".join([*lines, "", ""]).encode() + text


def write(connected: socket.socket, writer: int, is_over, count) -> None:
    """Changes labels, and creates and deletes sessions, one after the other until told."""
    connection = Connection(connected)
    for turn in itertools.count():
        if is_over.is_set():
            return
        name = f"s{(turn * WRITERS + writer) % SESSIONS}"
        body = SENDER | {"name": name, "labels": {"turn": str(turn)}}
        extra = f"extra{writer}"
        steps = [
            request("PUT", f"/v1/sessions/{name}", body),
            request("POST", "/v1/sessions", SENDER | {"name": extra}),
            request("DELETE", f"/v1/sessions/{extra}"),
        ]
        for step in steps:
            status = connection.ask(step)
            assert status < 300, (status, step)
            count.value += 1


def read(streams: list[socket.socket], is_over, count) -> None:
    """Reads what comes on the streams until told, and counts the events."""
    with selectors.DefaultSelector() as selector:
        for stream in streams:
            stream.setblocking(False)
            selector.register(stream, selectors.EVENT_READ)
        while not is_over.is_set():
            for key, _ in selector.select(0.05):
                piece = key.fileobj.recv(1 << 16)
                assert piece, "the daemon ended a stream"
                count.value += piece.count(b"\nevent: ")


class Load:
    """Streams and writers, each writer and all streams in a process of their own."""

    def __init__(self, daemon: Daemon) -> None:
        # Forked, so that they inherit the connections.
        context = multiprocessing.get_context("fork")
        self.is_over = context.Event()
        self._events = context.Value("q", 0)
        self._writes = [context.Value("q", 0) for _ in range(WRITERS)]
        self._sockets = [daemon.client().open() for _ in range(STREAMS + WRITERS)]
        streams, writers = self._sockets[:STREAMS], self._sockets[STREAMS:]
        for stream in streams:
            stream.sendall(request("GET", "/v1/events?counters=1"))
            assert stream.recv(64).startswith(b"HTTP/1.1 200")
        self._processes = [context.Process(target=read, args=(streams, self.is_over, self._events))]
        for writer, connected in enumerate(writers):
            arguments = (connected, writer, self.is_over, self._writes[writer])
            self._processes.append(context.Process(target=write, args=arguments))
        for process in self._processes:
            process.start()

    def end(self, figures: Figures) -> None:
        """Ends it, and adds what it did to the figures."""
        self.is_over.set()
        for process in self._processes:
            process.join(30)
            assert process.exitcode == 0, "a process of the load failed"
        for connected in self._sockets:
            connected.close()
        figures.writes += sum(count.value for count in self._writes)
        figures.events += self._events.value


def ask(daemon: Daemon, seconds: float, figures: Figures) -> None:
    """GETs a session for some seconds."""
    connected = daemon.client().open()
    connection = Connection(connected)
    message = request("GET", "/v1/sessions/s0")
    start = time.perf_counter()
    while time.perf_counter() - start < seconds:
        before = time.perf_counter()
        status = connection.ask(message)
        figures.milliseconds.append((time.perf_counter() - before) * 1000)
        assert status == 200
        time.sleep(0.001)
    figures.seconds += time.perf_counter() - start
    connected.close()


def measure(
    daemon: Daemon, rounds: int, seconds: float, say: Callable[[str], None]
) -> list[Figures]:
    """Measures in turns, and says the table."""
    client = daemon.client()
    for number in range(SESSIONS):
        body = SENDER | {"name": f"s{number}"}
        assert client.request("PUT", f"/v1/sessions/s{number}", body).status == 201
    idle, loaded = Figures("idle"), Figures(f"writes, {STREAMS} streams")
    ask(daemon, seconds / 4, Figures("warm-up"))
    for _ in range(rounds):
        ask(daemon, seconds, idle)
        load = Load(daemon)
        try:
            ask(daemon, seconds, loaded)
        finally:
            load.end(loaded)
    for line in [HEAD, idle.row(), loaded.row()]:
        say(line)
    return [idle, loaded]


def main() -> None:
    """Measures a daemon of its own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binary", help="the daemon, built with -c release")
    parser.add_argument("--rounds", type=int, default=5, help="of each kind (5)")
    parser.add_argument("--seconds", type=float, default=4, help="of each round (4)")
    options = parser.parse_args()
    with Network() as network, Daemon(os.path.abspath(options.binary), network) as daemon:
        measure(daemon, options.rounds, options.seconds, print)


if __name__ == "__main__":
    main()

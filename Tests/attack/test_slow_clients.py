"""slowhttptest's four modes against the daemon while a session receives datagrams.

Throughout, everybody else is served, over TCP and over the unix socket, and no datagram is lost.
"""

import csv
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from attack.failing_disk import definition
from support import Client, Daemon, wait_until

# The attack: 400 connections, as fast as they come.
CONNECTIONS, CONNECTIONS_PER_SECOND = 400, 200
DATAGRAMS_PER_SECOND = 1000
# A client that is not served within this time counts as turned away.
PATIENCE_SECONDS = 3
CONNECTIONS_MAX = 512

MODES = {
    "slow headers": ["-H", "-i", "1", "-x", "24"],
    "slow body": ["-B", "-i", "1", "-x", "10", "-s", "8192", "-f", "application/json"],
    "ranges": ["-R", "-a", "10", "-b", "3000"],
    "slow read": ["-X", "-w", "10", "-y", "20", "-n", "1", "-z", "5", "-k", "3"],
}
# Longer than the deadline of a request, after which its connection is closed anyway.
SECONDS = {"slow headers": 12, "slow body": 12, "ranges": 6, "slow read": 6}
PATHS = {"slow body": "/v1/sessions", "slow read": "/openapi.yaml"}


class Repeated:
    """Does something again and again in a thread, and remembers what went wrong."""

    def __init__(self, action: Callable[[], None]) -> None:
        self._action = action
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.failures: list[str] = []
        self.times = 0

    def _run(self) -> None:
        while not self._end.wait(0.02):
            try:
                self._action()
                self.times += 1
            except (AssertionError, OSError) as error:
                self.failures.append(repr(error))

    def __enter__(self) -> "Repeated":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()


class Traffic(Repeated):
    """Datagrams to a session at an even pace."""

    def __init__(self, network, port: int) -> None:
        super().__init__(self._send)
        self._socket = network.bound("127.0.0.1", 0)
        self._address = ("127.0.0.1", port)
        self._begin = time.monotonic()
        self.sent = 0

    def _send(self) -> None:
        due = int((time.monotonic() - self._begin) * DATAGRAMS_PER_SECOND)
        # After a pause of this process, no more than the receive buffer holds.
        for _ in range(min(due - self.sent, 100)):
            self._socket.sendto(b"x" * 100, self._address)
            self.sent += 1

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        self._socket.close()


def impatient(daemon: Daemon) -> tuple[Client, Client]:
    """Clients that do not wait long, over TCP and over the unix socket."""

    def unix() -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(str(daemon.unix_socket))
        return connection

    tcp = daemon.client().open
    return (
        Client(tcp, daemon.host, PATIENCE_SECONDS),
        Client(unix, "localhost", PATIENCE_SECONDS),
    )


def reads(client: Client) -> Callable[[], None]:
    """A client that reads."""

    def read() -> None:
        assert client.get("/v1/server").status == 200

    return read


def writes(client: Client) -> Callable[[], None]:
    """A client that makes and deletes a session."""

    def write() -> None:
        assert client.post("/v1/sessions", definition("probe", port=7777)).status == 201
        assert client.delete("/v1/sessions/probe").status == 204

    return write


@pytest.fixture
def daemon(binary, network) -> Iterator[Daemon]:
    with Daemon(binary, network, ["--connections-max", str(CONNECTIONS_MAX)]) as daemon:
        yield daemon


@pytest.fixture
def attack(network, daemon, tmp_path) -> Callable[..., list[dict]]:
    """Runs slowhttptest to its end; answers its table, a row a second."""

    def run(mode: str, connections: int, seconds: int) -> list[dict]:
        url = f"http://{daemon.host}{PATHS.get(mode, '/v1/server')}"
        size = ["-c", str(connections), "-r", str(CONNECTIONS_PER_SECOND), "-l", str(seconds)]
        report = ["-p", str(PATIENCE_SECONDS), "-g", "-o", str(tmp_path / "report")]
        network.run(
            ["slowhttptest", *MODES[mode], *size, *report, "-u", url],
            stdout=subprocess.DEVNULL,
            timeout=60,
        )
        with (tmp_path / "report.csv").open() as table:
            return list(csv.DictReader(table))

    return run


def descriptors(daemon: Daemon) -> int:
    """How many files and sockets the daemon has open."""
    return len(os.listdir(f"/proc/{daemon.process.pid}/fd"))


@pytest.mark.parametrize("mode", MODES)
def test_slow_clients_keep_nobody_waiting(daemon, network, attack, mode):
    tcp, unix = impatient(daemon)
    body = definition("traffic", accept=["multicast", "unicast"], receiveBufferBytes=1 << 20)
    body["requireSourcePort"] = 0
    assert tcp.post("/v1/sessions", body).status == 201
    before = descriptors(daemon)

    with (
        Repeated(reads(tcp)) as over_tcp,
        Repeated(reads(unix)) as over_unix,
        Repeated(writes(tcp)) as writer,
        Traffic(network, body["port"]) as traffic,
    ):
        table = attack(mode, CONNECTIONS, SECONDS[mode])

    for prober in (over_tcp, over_unix, writer):
        assert prober.failures == []
        assert prober.times > 20
    assert all(int(row["Service Available"]) > 0 for row in table), table
    if mode != "ranges":
        # The attack was one: most of its connections were open at the same time.
        assert max(int(row["Connected"]) for row in table) > CONNECTIONS * 3 // 4
    wait_until(lambda: descriptors(daemon) <= before, 20, "the descriptors are back")
    counters = wait_until(
        lambda: (found := unix.get("/v1/sessions/traffic/counters").json())["accepted"]["datagrams"]
        == traffic.sent
        and found,
        what="every datagram is accepted",
    )
    assert traffic.sent > DATAGRAMS_PER_SECOND
    assert counters["lost"]["receiveBufferFull"] == 0


@pytest.mark.parametrize("mode", ["slow headers", "slow body"])
def test_more_slow_clients_than_connections_hold_nobody_off_for_long(
    binary, network, daemon, attack, mode
):
    """Beyond connectionsMax the backlog is all there is: who keeps the daemon waiting makes room.

    The unix socket has connections of its own and does not notice.
    """
    tcp, unix = impatient(daemon)
    with Repeated(reads(tcp)) as over_tcp, Repeated(reads(unix)) as over_unix:
        table = attack(mode, CONNECTIONS_MAX + 200, seconds=7)
    assert over_tcp.failures == []
    assert over_unix.failures == []
    assert over_unix.times > 100
    assert all(int(row["Service Available"]) > 0 for row in table), table

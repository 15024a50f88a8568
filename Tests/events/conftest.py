"""Daemons in private networks, and public SSE clients that watch them."""

import dataclasses
import pathlib
import socket
import subprocess
from collections.abc import Callable, Iterator

import pytest

from authority.conftest import make_token, relay  # noqa: F401  (fixtures)
from events.watching import SENDER, Watcher, apply
from support import Daemon, Network
from support.fixtures import binary, network  # noqa: F401  (fixtures)
from support.waiting import wait_until


@pytest.fixture
def daemon(binary: str, network: Network) -> Iterator[Daemon]:  # noqa: F811
    """A daemon without sessions."""
    with Daemon(binary, network) as daemon:
        yield daemon


@pytest.fixture
def watch() -> Iterator[Callable[..., Watcher]]:
    """Makes watchers, which are closed when the test ends."""
    watchers: list[Watcher] = []

    def watch(*arguments: object, **options: object) -> Watcher:
        watchers.append(Watcher(*arguments, **options))
        return watchers[-1]

    yield watch
    for watcher in watchers:
        watcher.close()


@dataclasses.dataclass
class Quiet:
    """A daemon, and clients that see nothing of what happens there."""

    daemon: Daemon
    path: str
    watcher: Watcher
    raw: socket.socket


@pytest.fixture(scope="session", autouse=True)
def quiet(binary: str, network: Network) -> Iterator[Quiet]:  # noqa: F811
    """Begins before all tests, as a heartbeat takes its time."""
    path = "/v1/events?selector=env%3Dprod"
    with Daemon(binary, network) as daemon, daemon.unix_client().open() as raw:
        raw.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        watcher = Watcher(daemon, path)
        watcher.wait_for(1, "hello")
        definitions = [SENDER | {"name": f"s{n}", "enabled": False} for n in range(513)]
        for turn in "12":
            apply(daemon.client(), [each | {"labels": {"turn": turn}} for each in definitions])
        yield Quiet(daemon, path, watcher, raw)
        watcher.close()


class Vanished:
    """A client of a TCP stream in another network, whose link is deleted.

        daemon's network  192.168.99.1 wire ── veth ── far 192.168.99.2  client's network
    """

    def __init__(self, binary: str, network: Network, directory: pathlib.Path) -> None:
        made = subprocess.run(
            [binary, "make-token", "--id", "far", "--scope", "admin"],
            check=True, capture_output=True, text=True, timeout=30,
        )  # fmt: skip
        secret, entry = made.stdout.splitlines()
        tokens = directory / "tokens.json"
        tokens.write_text(f'{{"tokens": [{entry}]}}')
        tokens.chmod(0o600)
        network.run("ip link add wire type veth peer name far".split())
        network.run("ip address add 192.168.99.1/24 dev wire".split())
        network.run("ip link set wire up".split())
        self._client = subprocess.Popen(
            network.command(["unshare", "--net", "sh", "-c", CLIENT, "client", secret]),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._client.stdout.readline() == b"here\n"
        network.run(["ip", "link", "set", "far", "netns", str(self._client.pid)])
        listen = ["--listen", "192.168.99.1:8080", "--behind-proxy", "true"]
        self.daemon = Daemon(binary, network, [*listen, "--tokens-file", str(tokens)])
        self.daemon.start()
        self._client.stdin.write(b"go\n")
        self._client.stdin.flush()
        assert self._client.stdout.readline() == b"retry: 1000\n"
        assert self._is_connected()
        network.run("ip link delete wire".split())

    def wait_until_given_up(self, seconds: float) -> None:
        """Waits until the daemon has closed the connection."""
        wait_until(lambda: not self._is_connected(), seconds, "it is given up")

    def _is_connected(self) -> bool:
        """Whether the daemon has a socket that is connected to 192.168.99.2 (proc(5))."""
        table = pathlib.Path(f"/proc/{self.daemon.process.pid}/net/tcp").read_text()
        rows = [line.split() for line in table.splitlines()[1:]]
        # The number of an inode is 0 once the daemon has closed the socket.
        return any(row[2].startswith("0263A8C0:") and row[9] != "0" for row in rows)

    def close(self) -> None:
        """Ends both sides."""
        self._client.kill()
        self._client.wait()
        self._client.stdin.close()
        self._client.stdout.close()
        self.daemon.__exit__()


CLIENT = """
echo here
read go
ip link set lo up
ip address add 192.168.99.2/24 dev far
ip link set far up
exec curl --silent --no-buffer --header "Authorization: Bearer $1" \\
    http://192.168.99.1:8080/v1/events
"""


@pytest.fixture(scope="session", autouse=True)
def vanished(
    binary: str, network: Network, tmp_path_factory: pytest.TempPathFactory  # noqa: F811
) -> Iterator[Vanished]:
    """Begins before all tests, as it takes its time to give somebody up."""
    vanished = Vanished(binary, network, tmp_path_factory.mktemp("vanished"))
    try:
        yield vanished
    finally:
        vanished.close()

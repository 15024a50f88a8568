"""Daemons in private networks, and public SSE clients that watch them."""

import os
import pathlib
from collections.abc import Callable, Iterator

import pytest

from authority.conftest import make_token, relay  # noqa: F401  (fixtures)
from events.watching import Watcher
from support import Daemon, Network

PROJECT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def binary() -> str:
    """The daemon under test: $RELAYCAST_BINARY, or what was built here."""
    path = os.environ.get("RELAYCAST_BINARY") or PROJECT / ".build" / "debug" / "relaycast"
    assert os.access(path, os.X_OK), "set RELAYCAST_BINARY to the daemon, or build it"
    return os.path.abspath(path)


@pytest.fixture(scope="session")
def network() -> Iterator[Network]:
    """eth0 with 192.168.10.1 and fd00:10::1, and a route to every group."""
    with Network() as network:
        yield network


@pytest.fixture
def daemon(binary: str, network: Network) -> Iterator[Daemon]:
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

"""The daemon under attack, in a private network."""

import os
import pathlib
from collections.abc import Iterator

import pytest

from support import Daemon, Network


@pytest.fixture(scope="session")
def binary() -> str:
    """The daemon under test."""
    path = os.environ.get("RELAYCAST_BINARY")
    if not path or not os.access(path, os.X_OK):
        pytest.fail("RELAYCAST_BINARY names no program: run scripts/test")
    return str(pathlib.Path(path).resolve())


@pytest.fixture(scope="session")
def network() -> Iterator[Network]:
    """A loopback interface and eth0, away from every other network."""
    with Network() as network:
        yield network


@pytest.fixture(scope="module")
def daemon(binary: str, network: Network) -> Iterator[Daemon]:
    """A daemon that the tests of a file share."""
    with Daemon(binary, network) as daemon:
        yield daemon

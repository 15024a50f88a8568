"""Fixtures that most suites begin with; each imports them into its conftest.py.

They are not in a conftest.py above all suites, because then all would share one network, and the
sessions of one would hear what those of another send.
"""

import os
import pathlib
from collections.abc import Iterator

import pytest

from support.network import Network

PROJECT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def binary() -> str:
    """The daemon under test: $RELAYCAST_BINARY, or what was built here."""
    built = [PROJECT / ".build" / name / "relaycast" for name in ("release", "debug")]
    path = os.environ.get("RELAYCAST_BINARY") or next(filter(os.path.exists, built), None)
    assert path and os.access(path, os.X_OK), "set RELAYCAST_BINARY to the daemon, or build it"
    return os.path.abspath(path)


@pytest.fixture(scope="session")
def network() -> Iterator[Network]:
    """eth0 with 192.168.10.1 and fd00:10::1, and a route to every group."""
    with Network() as network:
        yield network

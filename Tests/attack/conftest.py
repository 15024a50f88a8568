"""The daemon under attack, in a private network."""

from collections.abc import Iterator

import pytest

from support import Daemon, Network
from support.fixtures import binary, network  # noqa: F401  (fixtures)


@pytest.fixture(scope="module")
def daemon(binary: str, network: Network) -> Iterator[Daemon]:  # noqa: F811
    """A daemon that the tests of a file share."""
    with Daemon(binary, network) as daemon:
        yield daemon

"""The daemon in a private network, and what looks at its metrics."""

import shutil
from collections.abc import Callable, Iterator

import pytest

from contract.conftest import client, create, daemon, document  # noqa: F401
from metrics.prometheus import Prometheus
from metrics.samples import Scrape, scrape
from support import Client, Daemon, Network
from support.fixtures import binary, network  # noqa: F401


@pytest.fixture
def scraped(client: Client) -> Callable[[], Scrape]:  # noqa: F811
    """Reads the metrics of the shared daemon."""
    return lambda: scrape(client)


@pytest.fixture(scope="session")
def promtool() -> str:
    """The checker that comes with Prometheus."""
    return installed("promtool")


@pytest.fixture(scope="session")
def prometheus(
    network: Network,  # noqa: F811
    daemon: Daemon,  # noqa: F811
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Prometheus]:
    """A server that scrapes the shared daemon."""
    folder = tmp_path_factory.mktemp("prometheus")
    with Prometheus(installed("prometheus"), network, daemon.host, folder) as prometheus:
        yield prometheus


def installed(program: str) -> str:
    """The path of a program that the tests need."""
    path = shutil.which(program)
    assert path, f"{program} is not installed: run scripts/install-dependencies test"
    return path

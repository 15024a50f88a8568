"""The running daemon, in a private network, and the contract it is held against."""

from collections.abc import Callable, Iterator

import pytest

from contract.desired import Wanted
from contract.document import Document
from support import Client, Daemon, Network
from support.fixtures import binary, network  # noqa: F401  (fixtures)


@pytest.fixture(scope="session")
def document() -> Document:
    """openapi.yaml."""
    return Document()


@pytest.fixture(scope="session")
def daemon(binary: str, network: Network) -> Iterator[Daemon]:  # noqa: F811
    """A daemon that the tests share; each leaves it without the sessions it made."""
    with Daemon(binary, network) as daemon:
        yield daemon


@pytest.fixture(scope="session")
def client(daemon: Daemon) -> Client:
    """A client of the shared daemon, over TCP."""
    return daemon.client()


@pytest.fixture
def create(client: Client, document: Document) -> Iterator[Callable[[dict], dict]]:
    """Creates a session and returns it; it is deleted when the test is over."""
    names: list[str] = []

    def create(definition: dict) -> dict:
        response = document.check("createSession", client.post("/v1/sessions", definition))
        assert response.status == 201, response.body
        names.append(response.json()["name"])
        return response.json()

    yield create
    for name in names:
        assert client.delete(f"/v1/sessions/{name}").status in (204, 404)


@pytest.fixture
def wanted(client: Client, document: Document, daemon: Daemon) -> Iterator[Wanted]:
    """Says how the sessions of the shared daemon shall be; none is left afterwards."""
    wanted = Wanted(client, document, daemon)
    yield wanted
    for name in wanted.names():
        assert client.delete(f"/v1/sessions/{name}").status == 204

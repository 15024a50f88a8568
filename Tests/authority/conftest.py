"""Daemons with tokens, in a private network."""

import dataclasses
import json
import pathlib
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from support import Client, Daemon, Network
from support.client import Response
from support.fixtures import binary, network  # noqa: F401  (fixtures)
from support.waiting import wait_until


@dataclasses.dataclass(frozen=True)
class NewToken:
    """What `relaycast make-token` printed."""

    secret: str
    entry: dict[str, Any]

    @property
    def headers(self) -> dict[str, str]:
        """The fields of a request that bears it."""
        return {"Authorization": f"Bearer {self.secret}"}


@pytest.fixture
def make_token(binary: str) -> Callable[..., NewToken]:  # noqa: F811
    """Makes a token with an id and scopes; further members of the entry by name."""

    def make(id: str, *scopes: str, **members: Any) -> NewToken:
        command = [binary, "make-token", "--id", id]
        for scope in scopes:
            command += ["--scope", scope]
        printed = subprocess.run(command, check=True, capture_output=True, text=True, timeout=30)
        secret, entry = printed.stdout.splitlines()
        return NewToken(secret, json.loads(entry) | members)

    return make


class ConfiguredDaemon(Daemon):
    """A daemon that is asked over its unix socket, which never speaks TLS, whether it is ready."""

    def listen_also(self, address: str) -> None:
        """Serves on the same port of a further address."""
        self._arguments += ["--listen", f"{address}:{self.port}"]

    def _is_ready(self) -> bool:
        try:
            return self.unix_client().get("/readyz").status == 200
        except OSError:
            return False


class Relay:
    """A daemon whose configuration and tokens are files that can be written again."""

    def __init__(self, binary: str, network: Network, directory: pathlib.Path) -> None:
        self.configuration = directory / "relaycast.json"
        self.tokens = directory / "tokens.json"
        self.daemon = ConfiguredDaemon(binary, network, ["--config", str(self.configuration)])

    def start(self, address: str | None = None) -> None:
        """Starts the daemon, on a further address than 127.0.0.1 if one is given."""
        if address:
            self.daemon.listen_also(address)
        self.daemon.start()

    def write(self, *tokens: NewToken, unix_peers: list[dict] = (), **settings: Any) -> None:
        """Writes both files; with neither tokens nor unix peers there is no tokens file."""
        if tokens or unix_peers:
            entries = {"tokens": [token.entry for token in tokens], "unixPeers": list(unix_peers)}
            self.write_tokens(json.dumps(entries))
            settings["tokensFile"] = str(self.tokens)
        self.configuration.write_text(json.dumps(settings))

    def write_tokens(self, text: str) -> None:
        """Writes the tokens file, which only its owner can write."""
        self.tokens.write_text(text)
        self.tokens.chmod(0o600)

    def reload(self, expected: str = "configuration reloaded") -> None:
        """Sends SIGHUP and waits until the log says once more that it was dealt with."""
        before = self.log().count(expected)
        self.daemon.process.send_signal(signal.SIGHUP)
        wait_until(lambda: self.log().count(expected) > before, what=expected)

    def log(self) -> str:
        """All that it wrote to standard output and error."""
        return self.daemon.log.read_text()

    def request(
        self,
        method: str,
        path: str,
        token: NewToken | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        client: Client | None = None,
    ) -> Response:
        """One request, with a token or without."""
        fields = dict(headers or {}) | (token.headers if token else {})
        return (client or self.daemon.client()).request(method, path, body, fields)

    def status(self, token: NewToken | None = None, path: str = "/v1/sessions") -> int:
        """The status of a GET."""
        return self.request("GET", path, token).status


@pytest.fixture
def relay(binary: str, network: Network, tmp_path: pathlib.Path) -> Iterator[Relay]:  # noqa: F811
    """A relay that is not started: write its files first, then call `start()`."""
    relay = Relay(binary, network, tmp_path)
    try:
        yield relay
    finally:
        relay.daemon.__exit__()

"""A small HTTP client over anything that can be connected."""

import contextlib
import http.client
import json
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.message import Message
from typing import Any


@dataclass(frozen=True)
class Response:
    """One answer; `headers` are case-insensitive."""

    status: int
    headers: Message
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Client:
    """Sends each request on a connection of its own, made by `connect`."""

    def __init__(
        self, connect: Callable[[], socket.socket], host: str, seconds: float = 40
    ) -> None:
        self._connect = connect
        self._host = host
        self._seconds = seconds

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Sends `body` as it is if it is bytes, else as JSON; `headers` come on top."""
        fields = dict(headers or {})
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            fields.setdefault("Content-Type", "application/json")
        connection = http.client.HTTPConnection(self._host)
        connection.sock = self.open()
        try:
            # A request that is refused by its headers is answered before its body was sent.
            with contextlib.suppress(BrokenPipeError):
                connection.request(method, path, body, fields)
            answer = connection.getresponse()
            return Response(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def get(self, path: str) -> Response:
        """GET."""
        return self.request("GET", path)

    def post(self, path: str, body: Any) -> Response:
        """POST of JSON, or of bytes without a Content-Type."""
        return self.request("POST", path, body)

    def delete(self, path: str) -> Response:
        """DELETE."""
        return self.request("DELETE", path)

    def raw(self, message: bytes) -> Response:
        """Sends bytes that need not be HTTP, and reads one answer."""
        with self.open() as connection:
            connection.sendall(message)
            return read_response(connection)

    def open(self) -> socket.socket:
        """A connection with a time limit, for a test that speaks for itself."""
        connection = self._connect()
        connection.settimeout(self._seconds)
        return connection


def read_response(connection: socket.socket) -> Response:
    """Reads one answer from a connection and leaves it open."""
    answer = http.client.HTTPResponse(connection)
    answer.begin()
    return Response(answer.status, answer.headers, answer.read())

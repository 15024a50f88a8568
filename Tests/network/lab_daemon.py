"""The daemon in a host of the lab, and its API over the unix socket.

The file system is shared by all hosts, so that a test asks any daemon from where it runs.
"""

import contextlib
import http.client
import json
import os
import pathlib
import signal
import socket
import tempfile
import urllib.parse

from lab_session import Session
from namespaces import eventually


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Answer:
    """A response: its status, its header fields, and its JSON body (None without one)."""

    def __init__(self, response):
        self.status, self.fields = response.status, response.headers
        body = response.read()
        kind = response.headers.get_content_type()
        self.json = json.loads(body) if body and kind.endswith("json") else None
        self.body = body

    @property
    def code(self):
        """The code of a problem, or None."""
        return self.json.get("code") if isinstance(self.json, dict) else None

    def __repr__(self):
        return f"{self.status} {self.body[:1000]!r}"


class Daemon:
    """`relaycast serve` in a host; `through` is a command that executes it, if any.

    Several daemons in one host need different ports.
    """

    def __init__(
        self, host, binary, arguments=(), directory=None, configuration=None, through=(), port=8080
    ):
        self.host, self._binary, self._arguments = host, binary, list(arguments)
        self._through, self._port = through, port
        self.directory = directory or pathlib.Path(
            tempfile.mkdtemp(dir=host.lab.directory, prefix=f"{host.name}-")
        )
        self.socket_path = str(self.directory / "api.sock")
        self.process = None
        if configuration is not None:
            self._arguments += ["--config", str(self.directory / "configuration.json")]
            self.configure(configuration)
        self.start()

    def configure(self, configuration):
        """Writes the configuration file, which SIGHUP or the next start will read."""
        (self.directory / "configuration.json").write_text(json.dumps(configuration))

    def start(self):
        """Starts the daemon, again with the same data when it has ended."""
        self.process = self.host.start(
            self._binary, "serve", "--listen", f"127.0.0.1:{self._port}",
            "--unix-socket", self.socket_path, "--data-directory", str(self.directory / "data"),
            *self._arguments, through=self._through,
        )  # fmt: skip
        eventually(self._serves, 20, "the daemon serves")

    def _serves(self):
        assert self.process.popen.poll() is None, f"the daemon ended: {self.process.errors}"
        try:
            return self.ask("GET", "/readyz").status == 200
        except OSError:
            return False

    def terminate(self):
        """SIGTERM; returns the exit status, which must come in 2 seconds."""
        self.process.signal(signal.SIGTERM)
        return self.process.popen.wait(2)

    def kill(self):
        """SIGKILL, as a power failure of the process."""
        self.process.signal(signal.SIGKILL)
        self.process.popen.wait(10)

    def ask(self, method, path, body=None, timeout=35, **query):
        """One request on its own connection; `body` is sent as JSON, bytes as they are."""
        connection = _UnixConnection(self.socket_path, timeout)
        if query:
            path += "?" + urllib.parse.urlencode(query)
        fields = {}
        if isinstance(body, bytes):
            fields["Content-Type"] = "application/octet-stream"
        elif body is not None:
            kind = "merge-patch+json" if method == "PATCH" else "json"
            fields["Content-Type"] = f"application/{kind}"
            body = json.dumps(body).encode()
        try:
            # A request that is refused by its headers is answered before its body was sent.
            with contextlib.suppress(BrokenPipeError):
                connection.request(method, path, body, fields)
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def create(self, kind, **definition):
        """Creates a session that must be possible, and returns it."""
        answer = self.ask("POST", "/v1/sessions", {"kind": kind, **definition})
        assert answer.status == 201, answer
        return Session(self, answer.json)

    def sessions(self, **query):
        """All sessions, page by page."""
        items, token = [], {}
        while True:
            answer = self.ask("GET", "/v1/sessions", **query, **token)
            assert answer.status == 200, answer
            items += answer.json["items"]
            if "nextPageToken" not in answer.json:
                assert len(items) == answer.json["total"]
                return items
            token = {"pageToken": answer.json["nextPageToken"]}

    def open_descriptors(self):
        """How many descriptors the process holds."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def anonymous_memory_bytes(self):
        """Resident memory that belongs to no file (RssAnon)."""
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("no RssAnon")

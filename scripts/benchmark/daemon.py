"""Relaycast as it runs in production, in the host `relay`."""

import http.client
import json
import pathlib
import socket
import time

from benchmark.lab import LabError, cpu_seconds

RECEIVE_BUFFER_BYTES = 8_388_608
# A group that nobody sends to: for sessions that only receive unicast.
SILENT_GROUP = "239.71.9.9"


class UnixConnection(http.client.HTTPConnection):
    """HTTP over the daemon's unix socket, which is reached from every network namespace."""

    def __init__(self, path):
        super().__init__("localhost", timeout=60)
        self._path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Daemon:
    """`relaycast serve`: counters, ring and filters on, as by default."""

    port = 8080
    _number = 0

    def __init__(self, lab, arguments=(), is_pinned=True):
        Daemon._number += 1
        self._lab = lab
        directory = lab.directory / f"daemon-{Daemon._number}"
        directory.mkdir()
        self._path = directory / "api.sock"
        self.process = lab.start(
            "relay",
            lab.tools.relaycast, "serve", "--listen", f"127.0.0.1:{self.port}",
            "--unix-socket", self._path, "--data-directory", directory / "data",
            "--log-level", "error", *arguments,
            cpu=lab.relay_cpu if is_pinned else None,
        )  # fmt: skip
        self._wait()

    def _wait(self):
        deadline = time.monotonic() + 10
        while True:
            try:
                if self.request("GET", "/readyz")[0] == 200:
                    return
            except OSError:
                pass
            if time.monotonic() > deadline or self.process.popen.poll() is not None:
                raise LabError(f"the daemon does not start: {self.process.errors()}")
            time.sleep(0.01)

    def request(self, method, path, body=None):
        """The status and the decoded body of an answer."""
        fields = {"Content-Type": "application/json"} if body is not None else {}
        data = json.dumps(body) if body is not None else None
        response, content = self._ask(method, path, data, fields)
        return response.status, json.loads(content) if content.startswith(b"{") else content

    def exchange(self, path):
        """The headers and the bytes of what a GET is answered with, which must be a 200."""
        response, content = self._ask("GET", path, None, {})
        if response.status != 200:
            raise LabError(f"GET {path}: {response.status} {content[:300]}")
        return response.getheaders(), content

    def _ask(self, method, path, data, fields):
        connection = UnixConnection(self._path)
        try:
            connection.request(method, path, data, fields)
            response = connection.getresponse()
            return response, response.read()
        finally:
            connection.close()

    def create(self, definition):
        """Creates a session; LabError with the problem if it is refused."""
        status, answer = self.request("POST", "/v1/sessions", definition)
        if status != 201:
            raise LabError(f"POST /v1/sessions: {status} {answer}")

    def received(self, names):
        """Datagrams that sessions have received."""
        total = 0
        for name in names:
            total += self.request("GET", f"/v1/sessions/{name}/counters")[1]["received"]["datagrams"]
        return total

    def cpu(self):
        """Its CPU time so far."""
        return cpu_seconds(self.process.pid)

    def memory(self):
        """Its resident memory in bytes."""
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in text.splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) * 1024

    def close(self):
        """Ends it."""
        self._lab.forget(self.process)


def definitions(scenario, coalescing):
    """The sessions of a scenario, as one would create them."""
    for index in range(scenario.inbound.count):
        address, port = scenario.inbound.at(index)
        definition = {
            "name": f"bench{index}",
            "kind": "multicast-receiver",
            "group": address if scenario.inbound.is_group else SILENT_GROUP,
            "port": port,
            "interface": "inbound",
            "accept": ["multicast" if scenario.inbound.is_group else "unicast"],
            "receiveBufferBytes": RECEIVE_BUFFER_BYTES,
        }
        if scenario.outbound:
            definition["forward"] = list(targets(scenario, index))
        if coalescing is not None:
            definition["coalesceMicroseconds"] = coalescing
        yield definition


def targets(scenario, index):
    """The targets of a scenario's n-th session."""
    is_fan_out = scenario.inbound.count == 1
    for number in range(scenario.outbound.count) if is_fan_out else [index]:
        address, port = scenario.outbound.at(number)
        target = {"address": address, "port": port}
        if scenario.outbound.is_group:
            target |= {"interface": "outbound", "ttl": 4}
        yield target

"""A Relaycast daemon in a private network."""

import itertools
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence

from support.client import Client
from support.network import Network

_ports = itertools.count(8080)


class Daemon:
    """`relaycast serve` on a TCP port and a unix socket, with a data directory of its own.

    The directory outlives a restart and is removed with the `with` block.
    """

    def __init__(self, binary: str, network: Network, arguments: Sequence[str] = ()) -> None:
        self._binary = binary
        self._network = network
        self._arguments = list(arguments)
        self.port = next(_ports)
        self.host = f"127.0.0.1:{self.port}"
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="relaycast-"))
        self.unix_socket = self.directory / "api.sock"
        self.log = self.directory / "log"
        self.process: subprocess.Popen | None = None

    def __enter__(self) -> "Daemon":
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def start(self, seconds: float = 10) -> None:
        """Starts it and returns when it is ready; AssertionError with its log if it is not."""
        command = [self._binary, "serve", "--listen", self.host]
        command += ["--unix-socket", str(self.unix_socket)]
        command += ["--data-directory", str(self.directory / "data"), *self._arguments]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self._network.command(command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.directory,
                env={**os.environ, "NO_COLOR": "1"},
            )
        deadline = time.monotonic() + seconds
        while not self._is_ready():
            ended = self.process.poll()
            if ended is not None or time.monotonic() > deadline:
                state = "is not ready" if ended is None else f"ended with {ended}"
                raise AssertionError(f"the daemon {state}:\n{self.log_text()}")
            time.sleep(0.02)

    def _is_ready(self) -> bool:
        try:
            return self.client().get("/readyz").status == 200
        except OSError:
            return False

    def stop(self, seconds: float = 5) -> int | None:
        """Ends it with SIGTERM, or SIGKILL after `seconds`; its exit status if it ran."""
        if self.process is None:
            return None
        process, self.process = self.process, None
        process.terminate()
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def client(self) -> Client:
        """A client over TCP."""
        return Client(lambda: self._network.connect("127.0.0.1", self.port), self.host)

    def unix_client(self) -> Client:
        """A client over the unix socket."""
        return Client(self._connect_unix, "localhost")

    def _connect_unix(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.connect(str(self.unix_socket))
        except OSError:
            connection.close()
            raise
        return connection

    def log_text(self) -> str:
        """The last of what it wrote to standard output and error."""
        return self.log.read_text(errors="replace")[-8000:] if self.log.exists() else ""

"""Runs the relaycast binary that RELAYCAST_BINARY names, with nothing of this process's settings."""

import os
import pathlib
import select
import subprocess
import time

import pytest

from support.fixtures import binary  # noqa: F401  (fixture)

# Far longer than anything takes here; only a hung daemon waits for it.
DEADLINE_SECONDS = 20


@pytest.fixture(scope="session")
def environment() -> dict[str, str]:
    """This process's environment without what configures a daemon."""
    return {
        name: value for name, value in os.environ.items() if not name.startswith("RELAYCAST_")
    }


@pytest.fixture
def relaycast(binary, environment, tmp_path):  # noqa: F811
    """Runs the binary to its end in an empty folder; `variables` are added to the environment."""

    def run(*arguments, variables=None, **options):
        return subprocess.run(
            [binary, *map(str, arguments)],
            env=environment | (variables or {}),
            cwd=options.pop("cwd", tmp_path),
            capture_output=True,
            text=True,
            timeout=DEADLINE_SECONDS,
            **options,
        )

    return run


class Daemon:
    """A running `relaycast serve`."""

    def __init__(self, process: subprocess.Popen, log: pathlib.Path):
        self.process = process
        self.log = log
        self.printed = ""

    def wait_until_serving(self) -> "Daemon":
        """Reads what the daemon prints until it says how to try it."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while "Try: " not in self.printed or not self.printed.endswith("\n"):
            left = deadline - time.monotonic()
            ready, _, _ = select.select([self.process.stdout], [], [], max(left, 0))
            chunk = os.read(self.process.stdout.fileno(), 65536) if ready else b""
            assert chunk, f"the daemon does not serve: {self.log.read_text()}"
            self.printed += chunk.decode()
        return self

    def wait_for_log(self, text: str) -> None:
        """Waits until the log has the text."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while text not in self.log.read_text():
            assert time.monotonic() < deadline, f"no {text!r} in {self.log.read_text()}"
            assert self.process.poll() is None, f"it ended: {self.log.read_text()}"
            time.sleep(0.01)

    def end(self, signal: int) -> tuple[int, float]:
        """Sends the signal; answers the status and the seconds it took to end."""
        start = time.monotonic()
        self.process.send_signal(signal)
        status = self.process.wait(DEADLINE_SECONDS)
        return status, time.monotonic() - start


@pytest.fixture
def serve(binary, environment, tmp_path):  # noqa: F811
    """Starts daemons on free ports of 127.0.0.1, each of which is killed at the end of the test."""
    daemons = []

    def start(*arguments, listen="127.0.0.1:0", stdout=subprocess.PIPE, **options) -> Daemon:
        log = tmp_path / f"log-{len(daemons)}"
        with log.open("w") as stderr:
            process = subprocess.Popen(
                [binary, "serve", "--listen", listen, *map(str, arguments)],
                env=environment,
                cwd=tmp_path,
                stdout=stdout,
                stderr=stderr,
                **options,
            )
        daemons.append(Daemon(process, log))
        return daemons[-1]

    yield start
    for daemon in daemons:
        daemon.process.kill()
        daemon.process.wait()
        if daemon.process.stdout:
            daemon.process.stdout.close()

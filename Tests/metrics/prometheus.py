"""A real Prometheus server in a private network."""

import http.client
import json
import pathlib
import subprocess
import urllib.parse

from support import Network, wait_until

CONFIGURATION = """
global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}
scrape_configs:
  - job_name: relaycast
    static_configs: [{{targets: ['{target}']}}]
"""
PORT = 9090
Labels = frozenset[tuple[str, str]]


class Prometheus:
    """A server that scrapes one daemon five times a second; all it keeps is in `folder`."""

    def __init__(
        self, program: str, network: Network, target: str, folder: pathlib.Path
    ) -> None:
        self._network = network
        self._log = folder / "log"
        configuration = folder / "prometheus.yml"
        configuration.write_text(CONFIGURATION.format(target=target))
        self._command = [
            program,
            f"--config.file={configuration}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{PORT}",
        ]

    def __enter__(self) -> "Prometheus":
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._network.command(self._command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            wait_until(self._has_scraped, 60, "Prometheus scrapes the daemon")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _has_scraped(self) -> bool:
        assert self._process.poll() is None, self._log.read_text()
        try:
            return 1 in self.query("up").values()
        except OSError:
            return False

    def query(self, expression: str) -> dict[Labels, float]:
        """The instant vector of an expression, by labels, without what scraping adds to them."""
        connection = http.client.HTTPConnection("127.0.0.1", PORT)
        connection.sock = self._network.connect("127.0.0.1", PORT)
        connection.sock.settimeout(10)
        try:
            path = "/api/v1/query?" + urllib.parse.urlencode({"query": expression})
            connection.request("GET", path)
            response = connection.getresponse()
            if response.status == 503:  # It starts.
                return {}
            answer = json.load(response)
        finally:
            connection.close()
        assert answer["status"] == "success", answer
        return {
            frozenset(
                item for item in one["metric"].items() if item[0] not in ("instance", "job")
            ): float(one["value"][1])
            for one in answer["data"]["result"]
        }

    def value(self, expression: str) -> float:
        """The only value of an expression."""
        values = list(self.query(expression).values())
        assert len(values) == 1, f"{expression}: {values}"
        return values[0]

"""What the API costs, beside a bare libmicrohttpd server that returns the same bytes."""

import re
import subprocess
import threading
import time

from benchmark.contestants import Relaycast
from benchmark.daemon import SILENT_GROUP, Daemon
from benchmark.lab import LabError, cpu_seconds
from benchmark.measure import Running, Traffic
from benchmark.scenarios import GOAL_SIZE, SCENARIOS

BARE = "bare libmicrohttpd"
PATHS = {"session": "/v1/sessions/bench0", "counters": "/v1/sessions/bench0/counters"}
CONNECTIONS = 16
LISTED = 1000
LIST_REQUESTS = 20
BARE_PORT = 8081
# Headers that libmicrohttpd makes itself.
AUTOMATIC = ("date", "content-length", "connection")
LOAD_SHARE = 0.8
# Where the loss-free rate was not measured.
LOAD_RATE_DEFAULT = 50_000
REQUEST_GAP_SECONDS = 0.005
# A pause of relaying is no loss.
PAUSE_MILLISECONDS = 3000


def measure_requests(lab, seconds):
    """Requests a second and CPU per request, of both servers in turn, and the list."""
    rows = []
    with _daemon(lab) as daemon:
        for name, path in PATHS.items():
            bare = _bare_server(lab, daemon, path)
            for contestant, pid, port in (
                (Relaycast.name, daemon.process.pid, Daemon.port),
                (BARE, bare.pid, BARE_PORT),
            ):
                found = _ask(lab, pid, f"http://127.0.0.1:{port}{path}", seconds)
                rows.append({"part": "api", "scenario": name, "contestant": contestant} | found)
            lab.forget(bare)
        rows.append(
            {"part": "api", "scenario": "list", "contestant": Relaycast.name} | _list(daemon)
        )
    return rows


class _daemon(Daemon):
    """A daemon with as many sessions as a page of the list holds; a context manager."""

    def __enter__(self):
        apply(self, [idle_definition("bench", index) for index in range(LISTED)])
        return self

    def __exit__(self, *_):
        self.close()


def idle_definition(prefix, index):
    """A session to which nothing comes."""
    return {
        "name": f"{prefix}{index}",
        "kind": "multicast-receiver",
        "group": SILENT_GROUP,
        "port": 10_000 + index,
        "interface": "inbound",
        "labels": {"bench": prefix},
    }


def apply(daemon, items):
    """Creates sessions, all or none."""
    status, answer = daemon.request("POST", "/v1/apply", {"items": items})
    if status != 200 or any(item["result"] != "created" for item in answer["items"]):
        raise LabError(f"POST /v1/apply: {status} {str(answer)[:500]}")


def _bare_server(lab, daemon, path):
    """Answers with what the daemon answers now, header for header."""
    headers, body = daemon.exchange(path)
    words = []
    for name, value in headers:
        if name.lower() not in AUTOMATIC:
            words += ["--header", f"{name}: {value}"]
    file = lab.directory / "body"
    file.write_bytes(body)
    server = lab.start(
        "relay", lab.tools.bench, "serve-bytes", "--port", BARE_PORT, "--body", file, *words,
        cpu=lab.relay_cpu,
    )  # fmt: skip
    server.line()
    return server


def _ask(lab, pid, url, seconds):
    """As many requests as the server answers; it is alone on its processor."""
    before = cpu_seconds(pid)
    asked = lab.run(
        "relay", "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}", url,
        cpu=lab.sender_cpu,
    )  # fmt: skip
    used = cpu_seconds(pid) - before
    count = int(re.search(r"(\d+) requests in", asked)[1])
    if "Non-2xx" in asked or "Socket errors" in asked:
        raise LabError(f"{url}: {asked}")
    return {
        "requestsPerSecond": float(re.search(r"Requests/sec:\s*([\d.]+)", asked)[1]),
        "cpuMicrosecondsPerRequest": 1e6 * used / max(1, count),
    }


def _list(daemon):
    """The CPU that the list of a thousand sessions with their counters costs."""
    path = f"/v1/sessions?limit={LISTED}&include=counters"
    status, answer = daemon.request("GET", path)
    if status != 200 or len(answer["items"]) != LISTED:
        raise LabError(f"{path}: {status}")
    before = daemon.cpu()
    for _ in range(LIST_REQUESTS):
        _, body = daemon.exchange(path)
    used = daemon.cpu() - before
    return {"cpuMilliseconds": 1e3 * used / LIST_REQUESTS, "bytes": len(body)}


class Client:
    """Asks again and again in a thread of its own, and notes how long answers take."""

    def __init__(self, daemon, path):
        self._daemon, self._path = daemon, path
        self._is_over = threading.Event()
        self.seconds = []
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._is_over.set()
        self._thread.join()

    def _run(self):
        while not self._is_over.wait(REQUEST_GAP_SECONDS):
            start = time.monotonic()
            self._daemon.exchange(self._path)
            self.seconds.append(time.monotonic() - start)

    def percentile(self, part):
        """In microseconds."""
        values = sorted(self.seconds)
        return 1e6 * values[int(len(values) * part)]


def measure_under_load(lab, seconds, rates):
    """The API's latency while datagrams are relayed, and whether any is lost meanwhile."""
    scenario = SCENARIOS["unicast"]
    loss_free = rates.get((scenario.name, Relaycast.name))
    rate = LOAD_SHARE * loss_free if loss_free else LOAD_RATE_DEFAULT
    # On the processor on which that rate was found, with the API's thread beside the relay's.
    with Running(lab, Relaycast, scenario) as running:
        with Client(running.contestant.daemon, PATHS["counters"]) as client:
            passage = running.send(
                Traffic(GOAL_SIZE, 3 * seconds, rate, idle_milliseconds=PAUSE_MILLISECONDS)
            )
    return [
        {
            "part": "api",
            "scenario": "loaded",
            "contestant": Relaycast.name,
            "sentDatagramsPerSecond": passage.rate,
            "lost": passage.sent - passage.received,
            "lostAtReceiver": passage.dropped,
            "requests": len(client.seconds),
            "latencyP50Microseconds": client.percentile(0.5),
            "latencyP99Microseconds": client.percentile(0.99),
        }
    ]

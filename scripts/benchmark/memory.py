"""What idle sessions take, and whether making and deleting many disturbs others."""

import pathlib
import threading
import time

from benchmark.api import PAUSE_MILLISECONDS, apply, idle_definition
from benchmark.contestants import Relaycast
from benchmark.lab import LabError
from benchmark.measure import Running, Traffic
from benchmark.scenarios import GOAL_SIZE, SCENARIOS

COUNTS = (1_000, 10_000)
# Traffic of another session meanwhile.
RATE = 20_000
SECONDS = {1_000: 3, 10_000: 20}
# Traffic before the first figure: the buffers of relaying are no idle session's.
WARM_UP_SECONDS = 1
SETTLE_SECONDS = 1
PAGE = 1000


class Roomy(Relaycast):
    """A daemon that may have more sessions than by default, wherever the kernel runs it."""

    is_pinned = False
    arguments = ("--sessions-max", 20_000)


def measure(lab, count):
    """A row for a number of sessions."""
    found = {}
    with Running(lab, Roomy, SCENARIOS["unicast"]) as running:
        daemon = running.contestant.daemon
        running.send(Traffic(GOAL_SIZE, WARM_UP_SECONDS, RATE))
        worker = threading.Thread(target=_make_list_delete, args=(daemon, count, found))
        worker.start()
        passage = running.send(
            Traffic(
                GOAL_SIZE,
                SECONDS[count],
                RATE,
                has_latency=True,
                idle_milliseconds=PAUSE_MILLISECONDS,
            )
        )
        worker.join()
    if "error" in found:
        raise LabError(found["error"])
    return {
        "part": "memory",
        "scenario": str(count),
        "contestant": Relaycast.name,
        "sent": passage.sent,
        "lost": passage.sent - passage.received,
        "secondsOfTraffic": SECONDS[count],
        "longestPauseMilliseconds": passage.latency["latencyMaxNanoseconds"] / 1e6,
        **found,
    }


def _make_list_delete(daemon, count, found):
    try:
        resident, slab = daemon.memory(), _slab()
        start = time.monotonic()
        apply(daemon, [idle_definition("idle", index) for index in range(count)])
        found["createSeconds"] = time.monotonic() - start
        time.sleep(SETTLE_SECONDS)
        found["residentBytesPerSession"] = (daemon.memory() - resident) / count
        found["kernelBytesPerSession"] = (_slab() - slab) / count
        start = time.monotonic()
        found["listed"] = _list_all(daemon)
        found["listSeconds"] = time.monotonic() - start
        start = time.monotonic()
        status, answer = daemon.request("DELETE", "/v1/sessions?selector=bench%3Didle")
        found["deleteSeconds"] = time.monotonic() - start
        if status != 200 or len(answer["deleted"]) != count:
            raise LabError(f"DELETE /v1/sessions: {status} {str(answer)[:300]}")
    except (LabError, OSError, KeyError) as error:
        found["error"] = f"{count} sessions: {error!r}"


def _list_all(daemon):
    listed, token = 0, ""
    while True:
        query = f"&pageToken={token}" if token else ""
        _, answer = daemon.request("GET", f"/v1/sessions?limit={PAGE}&include=counters{query}")
        listed += len(answer["items"])
        token = answer.get("nextPageToken")
        if not token:
            return listed


def _slab():
    """Kernel memory of this whole machine in small objects, which sockets are: Slab of proc(5)."""
    for line in pathlib.Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("Slab:"):
            return int(line.split()[1]) * 1024
    raise LabError("no Slab in /proc/meminfo")

"""A real Prometheus scrapes the daemon while datagrams flow."""

import threading
from collections.abc import Callable, Iterator

import pytest

from metrics.prometheus import Prometheus
from metrics.samples import expected
from support import Client, wait_until

GROUP = {"group": "239.7.9.1", "port": 7901, "interface": "eth0"}
# What the daemon promises at any moment, as Prometheus sees it.
UNACCOUNTED = """
    relaycast_session_received_datagrams_total{session="metrics-in"}
    - on (session) relaycast_session_accepted_datagrams_total
    - on (session) sum by (session) (relaycast_session_dropped_datagrams_total)
"""


@pytest.fixture
def traffic(client: Client, create: Callable[[dict], dict]) -> Iterator[Callable[[], None]]:
    """Two senders of which the receiver wants one; datagrams flow until the value is called."""
    create(
        GROUP | {"name": "metrics-in", "kind": "multicast-receiver", "requireSourcePort": 7902}
    )
    for port in (7902, 7903):
        create(GROUP | {"name": f"metrics-{port}", "kind": "multicast-sender", "localPort": port})
    is_over = threading.Event()

    def send(port: int) -> None:
        body = {"datagrams": [{"text": "x" * 100}] * 20}
        while not is_over.is_set():
            answer = client.post(f"/v1/sessions/metrics-{port}/datagrams", body)
            assert answer.status == 200, answer.body

    threads = [threading.Thread(target=send, args=(port,)) for port in (7902, 7903)]

    def stop() -> None:
        is_over.set()
        for thread in threads:
            thread.join()

    for thread in threads:
        thread.start()
    yield stop
    stop()


def series(prometheus: Prometheus, session: str) -> dict[tuple[str, str | None], float]:
    """What the last scrape says of a session, by name without its beginning, and reason."""
    values = prometheus.query(f'{{session="{session}"}}')
    named = {}
    for labels, value in values.items():
        words = dict(labels)
        name = words["__name__"].removeprefix("relaycast_session_")
        named[name, words.get("reason")] = value
    return named


def test_prometheus_agrees_with_the_counters(
    client: Client, prometheus: Prometheus, traffic: Callable[[], None]
) -> None:
    def received() -> float:
        return sum(
            prometheus.query(
                'relaycast_session_received_datagrams_total{session="metrics-in"}'
            ).values()
        )

    # While they flow nothing is unaccounted for, in scrape after scrape.
    last = 0.0
    for _ in range(5):
        last = wait_until(lambda: (now := received()) > last and now, 20, "a scrape with more")
        assert prometheus.value(UNACCOUNTED) == 0
    traffic()

    # Nothing is on its way any more when what was sent has been received.
    sent = sum(
        client.get(f"/v1/sessions/metrics-{port}/counters").json()["sent"]["datagrams"]
        for port in (7902, 7903)
    )
    read = lambda: client.get("/v1/sessions/metrics-in/counters").json()  # noqa: E731
    counters = wait_until(
        lambda: (now := read())["received"]["datagrams"] + now["lost"]["receiveBufferFull"] == sent
        and now,
        10,
        f"{sent} datagrams",
    )
    assert counters["accepted"]["datagrams"] > 0 and counters["dropped"]["sourcePort"] > 0
    wanted = expected(counters)
    wait_until(
        lambda: wanted.items() <= series(prometheus, "metrics-in").items(),
        10,
        f"{wanted} in Prometheus",
    )
    # Nor is there a series that the counters do not know, but for the moments and the state.
    extra = {name for name, _ in series(prometheus, "metrics-in").keys() - wanted.keys()}
    assert extra == {
        "running",
        "start_timestamp_seconds",
        "last_received_timestamp_seconds",
    }
    assert prometheus.value("rate(relaycast_http_requests_total{code='200',method='POST'}[1m])") > 0


def test_the_series_of_a_session_vanish_with_it(
    client: Client, prometheus: Prometheus, create: Callable[[dict], dict]
) -> None:
    create(GROUP | {"name": "metrics-gone", "kind": "multicast-sender"})
    wait_until(lambda: series(prometheus, "metrics-gone"), 10, "series")
    assert client.delete("/v1/sessions/metrics-gone").status == 204
    wait_until(lambda: not series(prometheus, "metrics-gone"), 10, "no series")
    assert prometheus.value("up") == 1

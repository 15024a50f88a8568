"""Both formats by the word of their own parsers, what is counted, and who is left out."""

import subprocess
from collections.abc import Callable

import pytest

from contract.document import Document
from metrics.samples import OPENMETRICS, TEXT, Scrape, expected, get, scrape
from support import Client, Daemon, Network, wait_until

GROUP = {"group": "239.7.9.2", "port": 7911, "interface": "eth0"}
DURATION = "relaycast_http_request_duration_seconds"


@pytest.fixture
def busy(client: Client, create: Callable[[dict], dict]) -> None:
    """A receiver that replies and drops, and a sender that was replied to."""
    far = {"address": "239.7.9.3", "port": 7912, "interface": "eth0"}
    targets = [{"session": "metrics-none"}, far, far | {"ttl": 2}]
    create(
        GROUP
        | {"name": "metrics-server", "kind": "multicast-receiver"}
        | {"reply": {"text": "yes"}, "forward": targets}
    )
    create(GROUP | {"name": "metrics-client", "kind": "multicast-sender"})
    create(
        GROUP | {"name": "metrics-deaf", "kind": "multicast-receiver", "deny": ["0.0.0.0/0"]}
    )
    answer = client.post("/v1/sessions/metrics-client/datagrams", {"text": "hello"})
    assert answer.status == 200, answer.body
    for name in ("metrics-client", "metrics-deaf", "metrics-server"):
        path = f"/v1/sessions/{name}/counters"
        wait_until(lambda: client.get(path).json()["received"]["datagrams"] == 1, what=name)


def test_promtool_finds_nothing_to_say(client: Client, promtool: str, busy: None) -> None:
    body = get(client).body
    done = subprocess.run(
        [promtool, "check", "metrics"], input=body, capture_output=True, timeout=30
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_both_formats_say_the_same(client: Client, busy: None) -> None:
    openmetrics = scrape(client)
    text = scrape(client, "text/plain")
    # The scrape before this one is a request itself.
    requests = {
        series for series in text.series() ^ openmetrics.series() if "http_request" in series[0]
    }
    assert text.series() ^ openmetrics.series() == requests
    for name in ("metrics-client", "metrics-deaf", "metrics-server"):
        assert text.of(name) == openmetrics.of(name)


def test_units_and_kinds_are_told(client: Client, busy: None) -> None:
    families = scrape(client).families
    assert families["relaycast_build"].type == "info"
    for family in families.values():
        assert family.documentation, family.name
        for unit in ("seconds", "bytes", "datagrams"):
            if family.name.endswith(f"_{unit}"):
                assert family.unit == unit, family.name
    assert families["relaycast_session_received_datagrams"].type == "counter"
    assert families[DURATION].type == "histogram"


def test_every_counter_of_a_target_is_there(
    client: Client, scraped: Callable[[], Scrape], busy: None
) -> None:
    path = "/v1/sessions/metrics-server/counters"
    wait_until(lambda: client.get(path).json()["forwarded"]["datagrams"] == 2)
    counters = client.get(path).json()
    labels = ["metrics-none", "239.7.9.3:7912%eth0", "239.7.9.3:7912%eth0#2"]
    forwarded = [target["forwarded"]["datagrams"] for target in counters["targets"]]
    assert forwarded == [0, 1, 1]
    now = scraped()
    for label, target in zip(labels, counters["targets"], strict=True):
        series = {"session": "metrics-server", "target": label}
        name = "relaycast_target_{}_total"
        assert now(name.format("forwarded_bytes"), **series) == target["forwarded"]["bytes"]
        failed = target["failed"] + target["sendBufferFull"]
        assert now(name.format("failed_datagrams"), **series) == failed
        reports = now(name.format("unreachable_reports"), **series)
        assert reports == target.get("unreachable")
        for reason, count in target["dropped"].items():
            dropped = now(name.format("dropped_datagrams"), **series, reason=reason)
            assert dropped == count


def test_every_counter_of_the_json_is_there(
    client: Client, scraped: Callable[[], Scrape], busy: None
) -> None:
    for name in ("metrics-client", "metrics-deaf", "metrics-server"):
        counters = client.get(f"/v1/sessions/{name}/counters").json()
        values = scraped().of(name)
        assert expected(counters).items() <= values.items()
    assert values["running", None] == 1
    assert values["replied_datagrams_total", None] == 1
    start = values["start_timestamp_seconds", None]
    assert start < values["last_received_timestamp_seconds", None]
    assert values["last_received_timestamp_seconds", None] <= values[
        "last_sent_timestamp_seconds", None
    ]
    assert scraped()("relaycast_session_last_sent_timestamp_seconds", session="metrics-deaf",
                     kind="multicast-receiver") is None  # fmt: skip


def test_a_new_session_of_the_same_name_has_another_start(
    client: Client, create: Callable[[dict], dict], scraped: Callable[[], Scrape]
) -> None:
    starts = []
    for _ in range(2):
        create(GROUP | {"name": "metrics-again", "kind": "multicast-sender"})
        client.post("/v1/sessions/metrics-again/datagrams", {"text": "hello"})
        values = scraped().of("metrics-again")
        assert values["sent_datagrams_total", None] == 1
        starts.append(values["start_timestamp_seconds", None])
        assert client.delete("/v1/sessions/metrics-again").status == 204
    assert starts[0] < starts[1]


def test_a_restart_begins_to_count_anew(binary: str, network: Network) -> None:
    with Daemon(binary, network) as daemon:
        made = daemon.client().post(
            "/v1/sessions", GROUP | {"name": "kept", "kind": "multicast-sender"}
        )
        assert made.status == 201, made.body
        before = scrape(daemon.client()).of("kept")["start_timestamp_seconds", None]
        assert daemon.stop() == 0
        daemon.start()
        assert scrape(daemon.client()).of("kept")["start_timestamp_seconds", None] > before


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        (None, TEXT),
        ("*/*", TEXT),
        ("text/plain;version=0.0.4;q=0.5,*/*;q=0.1", TEXT),
        ("application/json", TEXT),
        ("application/openmetrics-text", OPENMETRICS),
        ("application/openmetrics-text;version=1.0.0;q=0.8,text/plain;q=0.5", OPENMETRICS),
        ("application/openmetrics-text;q=0.2,text/plain;q=0.5", TEXT),
    ],
)
def test_accept_chooses_the_format(
    client: Client, document: Document, accept: str | None, content_type: str
) -> None:
    response = document.check("getMetrics", get(client, accept))
    assert response.status == 200
    assert response.headers["Content-Type"] == content_type
    assert response.headers["Vary"] == "Accept"
    assert response.body.endswith(b"# EOF\n") == (content_type == OPENMETRICS)
    content = document.content["paths"]["/metrics"]["get"]["responses"]["200"]["content"]
    schema = content[response.headers.get_content_type()]["schema"]
    document.assert_valid(schema, response.body.decode())


def test_head_has_no_body_and_an_unknown_query_is_refused(client: Client) -> None:
    head = client.request("HEAD", "/metrics")
    assert (head.status, head.body) == (200, b"")
    assert int(head.headers["Content-Length"]) > 1000
    assert client.get("/metrics?name[]=up").json()["code"] == "invalid-query"


def requests(scraped: Scrape, method: str, route: str, code: str) -> float:
    """How many requests ended so."""
    labels = {"method": method, "route": route, "code": code}
    return scraped("relaycast_http_requests_total", **labels) or 0


@pytest.mark.parametrize(
    ("method", "path", "route", "code", "label"),
    [
        ("GET", "/v1/sessions/nobody?include=counters", "/v1/sessions/{name}", "404", "GET"),
        ("HEAD", "/livez", "/livez", "200", "HEAD"),
        ("DELETE", "/v1/sessions/nobody", "/v1/sessions/{name}", "404", "DELETE"),
        ("GET", "/v1/nothing", "none", "404", "GET"),
        ("PUT", "/livez", "none", "405", "PUT"),
        ("INVENTED", "/livez", "none", "501", "other"),
        ("GET", "/metrics", "/metrics", "200", "GET"),
    ],
)
def test_a_request_is_counted_by_its_route(
    client: Client,
    scraped: Callable[[], Scrape],
    method: str,
    path: str,
    route: str,
    code: str,
    label: str,
) -> None:
    before = scraped()
    assert str(client.request(method, path).status) == code
    # It is counted when it is over, which is a moment after its answer has arrived.
    wait_until(
        lambda: requests(scraped(), label, route, code) > requests(before, label, route, code),
        what=f"{label} {route} {code}",
    )
    now = scraped()
    labels = {"method": label, "route": route}
    count = now(f"{DURATION}_count", **labels)
    assert count == now(f"{DURATION}_bucket", **labels, le="+Inf")
    assert count == sum(
        sample.value
        for sample in now.families["relaycast_http_requests"].samples
        if labels.items() <= sample.labels.items()
    )
    assert now(f"{DURATION}_sum", **labels) > 0


def test_a_long_poll_lasts_as_long_as_it_waits(
    client: Client, create: Callable[[dict], dict], scraped: Callable[[], Scrape]
) -> None:
    create(GROUP | {"name": "metrics-quiet", "kind": "multicast-sender"})
    labels = {"method": "GET", "route": "/v1/sessions/{name}/packets"}
    before = scraped()
    assert client.get("/v1/sessions/metrics-quiet/packets?wait=1").status == 200
    wait_until(
        lambda: (scraped()(f"{DURATION}_count", **labels) or 0)
        > (before(f"{DURATION}_count", **labels) or 0)
    )
    now = scraped()
    assert now(f"{DURATION}_sum", **labels) >= (before(f"{DURATION}_sum", **labels) or 0) + 1
    bucket = f"{DURATION}_bucket"
    assert now(bucket, **labels, le="0.5") == (before(bucket, **labels, le="0.5") or 0)


def test_writes_to_the_store_are_measured(
    client: Client, create: Callable[[dict], dict], scraped: Callable[[], Scrape]
) -> None:
    name = "relaycast_store_write_duration_seconds_count"
    before = scraped()
    create(GROUP | {"name": "metrics-stored", "kind": "multicast-sender"})
    create(GROUP | {"name": "metrics-lost", "kind": "multicast-sender", "persist": False})
    assert client.delete("/v1/sessions/metrics-stored").status == 204
    now = scraped()
    assert now(name, operation="insert") == before(name, operation="insert") + 1
    assert now(name, operation="delete") == before(name, operation="delete") + 1
    assert now("relaycast_store_write_failures_total", operation="insert") == 0


@pytest.mark.parametrize("limit", [0, 1, 2, 3, 100_000])
def test_sessions_beyond_the_limit_are_counted_and_left_out(
    limit: int, binary: str, network: Network, promtool: str
) -> None:
    with Daemon(binary, network, ["--metrics-sessions-max", str(limit)]) as daemon:
        client = daemon.client()
        assert client.get("/v1/server").json()["limits"]["metricsSessionsMax"] == limit
        for name in ("b", "c", "a"):
            made = client.post("/v1/sessions", GROUP | {"name": name, "kind": "multicast-sender"})
            assert made.status == 201, made.body
        now = scrape(client)
        assert now.sessions() == ["a", "b", "c"][:limit]
        assert now("relaycast_metrics_sessions_omitted") == max(3 - limit, 0)
        assert now("relaycast_sessions", kind="multicast-sender", state="running") == 3
        assert scrape(client, "text/plain").sessions() == now.sessions()


def test_the_process_is_described(daemon: Daemon, scraped: Callable[[], Scrape]) -> None:
    now = scraped()
    pid = daemon.process.pid
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    assert now("process_virtual_memory_bytes") > now("process_resident_memory_bytes") > 1 << 20
    assert 0 < now("process_cpu_seconds_total") <= (int(fields[11]) + int(fields[12]) + 100) / 100
    assert 5 < now("process_open_fds") < now("process_max_fds")
    later = scraped()
    assert later("process_start_time_seconds") == now("process_start_time_seconds")

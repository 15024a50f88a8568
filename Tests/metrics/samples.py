"""Metrics as numbers to look up."""

from collections.abc import Iterable, Iterator

from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse_text

from support import Client, Response

OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
TEXT = "text/plain; version=0.0.4; charset=utf-8"


class Scrape:
    """One exposition, parsed; a name or label that is not there is None."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self.families = {family.name: family for family in families}
        self._values = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in self.families.values()
            for sample in family.samples
        }

    def __call__(self, name: str, **labels: str) -> float | None:
        """The value of the one sample with exactly these labels."""
        return self._values.get((name, frozenset(labels.items())))

    def series(self) -> set[tuple[str, frozenset[tuple[str, str]]]]:
        """Name and labels of every sample."""
        return set(self._values)

    def of(self, session: str) -> dict[tuple[str, str | None], float]:
        """The values of a session, by name without its beginning, and reason."""
        return dict(self._of(session))

    def _of(self, session: str) -> Iterator[tuple[tuple[str, str | None], float]]:
        for (name, labels), value in self._values.items():
            if ("session", session) in labels:
                short = name.removeprefix("relaycast_session_")
                yield (short, dict(labels).get("reason")), value

    def sessions(self) -> list[str]:
        """The sessions with series, in the order written."""
        samples = self.families.get("relaycast_session_running")
        return [sample.labels["session"] for sample in samples.samples] if samples else []


def get(client: Client, accept: str | None = None) -> Response:
    """GET /metrics with this Accept."""
    return client.request("GET", "/metrics", headers={"Accept": accept} if accept else None)


def scrape(client: Client, accept: str = OPENMETRICS) -> Scrape:
    """The metrics now, by the parser of the format that was answered."""
    response = get(client, accept)
    assert response.status == 200, response.body
    parse = parse_openmetrics if response.headers["Content-Type"] == OPENMETRICS else parse_text
    return Scrape(parse(response.body.decode()))


def expected(counters: dict) -> dict[tuple[str, str | None], float]:
    """What the series of a session must be when its counters are these, but for the moments."""
    values: dict[tuple[str, str | None], float] = {}
    for traffic in ("received", "accepted", "sent", "forwarded", "replied"):
        for unit in ("datagrams", "bytes"):
            values[f"{traffic}_{unit}_total", None] = counters[traffic][unit]
    for group in ("dropped", "lost"):
        for key, count in counters[group].items():
            values[f"{group}_datagrams_total", kebab(key)] = count
    values["unreachable_reports_total", None] = counters["unreachable"]
    values["truncated_datagrams_total", None] = counters["truncated"]
    values["rate_limited_replies_total", None] = counters["replied"]["rateLimited"]
    values["ignored_answers_total", None] = counters["replied"]["answersIgnored"]
    return values


def kebab(key: str) -> str:
    """A key of JSON as an enum value: sourcePort is source-port."""
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in key)

"""What the API says of sessions that forward, and which of them it refuses."""

from collections.abc import Callable

from contract.desired import PEER, RECEIVER, SENDER
from contract.document import Document
from support import Client

GONE = {"name": "fw-a", "forward": [{"session": "fw-b"}, {"address": "192.168.10.2", "port": 9301}]}


def test_a_target_that_does_not_exist_yet_waits(
    create: Callable[[dict], dict], client: Client, document: Document
) -> None:
    status = create(RECEIVER | GONE)["status"]
    assert status["state"] == "running"
    named, address = status["forward"]
    assert (named["session"], named["state"]) == ("fw-b", "waiting")
    assert named["reason"]["code"] == "session-not-found"
    assert (address["address"], address["port"]) == ("192.168.10.2", 9301)

    create(SENDER | {"name": "fw-b"})
    named = client.get("/v1/sessions/fw-a").json()["status"]["forward"][0]
    assert named == {"session": "fw-b", "state": "running"}

    merge = {"Content-Type": "application/merge-patch+json"}
    client.request("PATCH", "/v1/sessions/fw-b", {"enabled": False}, merge)
    shown = document.check("getSession", client.get("/v1/sessions/fw-a")).json()
    named = shown["status"]["forward"][0]
    assert (named["state"], named["reason"]["code"]) == ("waiting", "session-not-running")

    assert client.delete("/v1/sessions/fw-b").status == 204
    named = client.get("/v1/sessions/fw-a").json()["status"]["forward"][0]
    assert named["reason"]["code"] == "session-not-found"


def test_the_targets_are_counted(
    create: Callable[[dict], dict], client: Client, document: Document
) -> None:
    mapped = {"address": "192.168.10.2", "port": 9302, "mapReplies": {}, "chaos": {}}
    create(PEER | {"name": "fw-a", "forward": [{"session": "fw-b"}, mapped]})
    answer = document.check("getCounters", client.get("/v1/sessions/fw-a/counters")).json()
    named, address = answer["targets"]
    assert named["session"] == "fw-b"
    assert named["forwarded"] == {"datagrams": 0, "bytes": 0}
    assert set(named["dropped"].values()) == {0}
    assert "held" not in named and "unmapped" not in named
    assert (address["port"], address["held"], address["unmapped"]) == (9302, 0, 0)
    listed = document.check("listSessions", client.get("/v1/sessions?include=counters")).json()
    assert len(listed["items"][0]["counters"]["targets"]) == 2

    create(SENDER | {"name": "fw-c"})
    assert "targets" not in client.get("/v1/sessions/fw-c/counters").json()
    assert "forward" not in client.get("/v1/sessions/fw-c").json()["status"]


def test_the_mappings_are_listed(
    create: Callable[[dict], dict], client: Client, document: Document
) -> None:
    create(PEER | {"name": "fw-a", "forward": [{"session": "fw-b"}]})
    answer = document.check("getMappings", client.get("/v1/sessions/fw-a/mappings"))
    assert answer.json() == {"items": [], "total": 0}
    missing = document.check("getMappings", client.get("/v1/sessions/fw-x/mappings"))
    assert (missing.status, missing.json()["code"]) == (404, "session-not-found")
    wrong = document.check("getMappings", client.get("/v1/sessions/fw-a/mappings?limit=1"))
    assert (wrong.status, wrong.json()["code"]) == (400, "invalid-query")


def test_the_targets_have_metrics_of_their_own(
    create: Callable[[dict], dict], client: Client
) -> None:
    low = {"address": "192.168.10.2", "port": 9303, "ttl": 1}
    targets = [{"session": "fw-b"}, low, low | {"ttl": 2}, low | {"interface": "eth0"}]
    create(PEER | {"name": "fw-a", "forward": targets})
    text = client.get("/metrics").body.decode()
    name = "relaycast_target_forwarded_datagrams_total"
    lines = [line for line in text.splitlines() if line.startswith(name)]
    labels = ["fw-b", "192.168.10.2:9303", "192.168.10.2:9303#2", "192.168.10.2:9303%eth0"]
    assert lines == [f'{name}{{session="fw-a",target="{label}"}} 0' for label in labels]
    dropped = 'relaycast_target_dropped_datagrams_total{session="fw-a",target="fw-b",reason="ttl"} 0'
    assert dropped in text.splitlines()

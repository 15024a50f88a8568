"""A session of each kind from its creation to its end, each answer held against the contract."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from contract.document import Document
from support import Client, Daemon, Response

COMMON = {
    "allow": [],
    "deny": [],
    "forward": [],
    "loopGuardMilliseconds": 1000,
    "coalesceMicroseconds": 0,
    "recentPackets": 64,
    "snapLength": 256,
    "hostModel": "strong",
    "recordDSCP": False,
    "whenUnavailable": "fail",
    "labels": {},
    "annotations": {},
    "enabled": True,
    "persist": True,
}
ETH0 = {"interface": "eth0"}
TO_SESSION = {
    "session": "later",
    "dscp": "preserve",
    "ttlMode": "fixed",
    "sampleOneIn": 2,
    "allow": ["192.168.10.0/24"],
    "deny": ["192.168.10.9"],
}
TO_ADDRESS: dict[str, Any] = {
    "address": "192.168.10.2",
    "port": 8011,
    "dscp": 46,
    "localPort": 0,
    "loopback": True,
    "sourceMode": "own",
    "mapReplies": {"lifetimeSeconds": 5, "askersMax": 6},
    "ttlMode": "decrement",
    "ttlThreshold": 3,
    "sampleOneIn": 1,
    "allow": [],
    "deny": ["fd00:10::/64"],
    "chaos": {
        "seed": 7,
        "lossPercent": 1.5,
        "duplicatePercent": 0.0,
        "reorderPercent": 0.0,
        "delayMilliseconds": 5,
        "jitterMilliseconds": 5,
    },
}

# What is posted, and what is effective besides it.
KINDS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "multicast-sender": (
        ETH0 | {"kind": "multicast-sender", "group": "239.8.0.1", "port": 8001},
        {"requireSourcePort": 8001, "accept": ["unicast"]}
        | {"loopback": True, "ttl": 1, "dscp": 0, "localPort": 0},
    ),
    "multicast-receiver": (
        ETH0 | {"kind": "multicast-receiver", "group": "239.8.0.2", "port": 8002},
        {"requireSourcePort": 0, "accept": ["multicast"], "exclusive": False},
    ),
    "multicast-peer": (
        ETH0 | {"kind": "multicast-peer", "group": "239.8.0.3", "port": 8003},
        {"requireSourcePort": 8003, "accept": ["multicast", "unicast"]}
        | {"receiveOwn": False, "loopback": True, "ttl": 1, "dscp": 0, "exclusive": False},
    ),
    "ipv6-receiver": (
        ETH0 | {"kind": "multicast-receiver", "group": "ff02::4242", "port": 8004},
        {"requireSourcePort": 0, "accept": ["multicast"], "exclusive": False},
    ),
    "ipv6-peer": (
        ETH0 | {"kind": "multicast-peer", "group": "ff05::4242", "port": 8005},
        {"requireSourcePort": 8005, "accept": ["multicast", "unicast"]}
        | {"receiveOwn": False, "loopback": True, "ttl": 1, "dscp": 0, "exclusive": False},
    ),
    "source-specific": (
        ETH0
        | {"kind": "multicast-receiver", "group": "232.8.0.6", "port": 8006}
        | {"sources": ["192.168.10.2", "192.168.10.3"]},
        {"requireSourcePort": 0, "accept": ["multicast"], "exclusive": False},
    ),
    "broadcast-sender": (
        ETH0 | {"kind": "broadcast", "role": "sender", "port": 8007},
        {"requireSourcePort": 8007, "accept": ["broadcast", "unicast"]}
        | {"ttl": 1, "dscp": 0, "localPort": 0},
    ),
    "broadcast-receiver": (
        ETH0
        | {"kind": "broadcast", "role": "receiver", "port": 8008}
        | {"reply": {"text": "here", "to": "destination", "ttl": 255, "perSecondMax": 7}},
        {"requireSourcePort": 0, "accept": ["broadcast", "unicast"], "exclusive": False},
    ),
    "broadcast-peer": (
        ETH0 | {"kind": "broadcast", "port": 8009},
        {"role": "peer", "requireSourcePort": 8009, "accept": ["broadcast", "unicast"]}
        | {"receiveOwn": False, "ttl": 1, "dscp": 0, "exclusive": False},
    ),
    "all-fields": (
        COMMON
        | ETH0
        | {"kind": "multicast-peer", "group": "239.8.0.10", "port": 8010, "name": "every"}
        | {"allow": ["192.168.10.0/24", "fd00:10::/64"], "deny": ["192.168.10.9"]}
        | {"requireSourcePort": 0, "accept": ["multicast"], "receiveOwn": True, "loopback": False}
        | {"ttl": 3, "dscp": 63, "exclusive": True, "recordDSCP": True}
        | {"recentPackets": 8, "snapLength": 16, "receiveBufferBytes": 65536}
        | {"loopGuardMilliseconds": 0, "coalesceMicroseconds": "adaptive"}
        | {"limits": {"datagramsPerSecond": 5, "bytesPerSecond": 6, "burstMilliseconds": 7}}
        | {"forward": [TO_SESSION, TO_ADDRESS]}
        | {"whenUnavailable": "wait", "labels": {"a/b": "c"}, "annotations": {"note": "é\n\u0000"}}
        | {"persist": False},
        {},
    ),
}
READ_ONLY = {"id", "origin", "generation", "createdAt", "updatedAt", "status", "counters"}


@pytest.fixture(params=["tcp", "unix"])
def either(request: pytest.FixtureRequest, daemon: Daemon) -> Client:
    """The same API over both transports."""
    return daemon.client() if request.param == "tcp" else daemon.unix_client()


@pytest.mark.parametrize("kind", KINDS)
def test_a_session_lives_and_ends(kind: str, either: Client, document: Document) -> None:
    posted, effective = KINDS[kind]
    created = document.check("createSession", either.post("/v1/sessions", posted))
    assert created.status == 201, created.body
    session = created.json()
    path = f"/v1/sessions/{session['name']}"
    assert created.headers["Location"] == path

    definition = {key: value for key, value in session.items() if key not in READ_ONLY}
    expected = {"name": session["name"]} | COMMON | effective | posted
    definition.pop("address", None)
    assert definition == expected
    assert session["status"]["state"] == "running"
    assert session["status"]["interface"]["name"] == "eth0"
    assert session["generation"] == 1
    assert session["createdAt"] == session["updatedAt"]

    got = document.check("getSession", either.get(path))
    assert got.json() == session
    assert got.headers["ETag"] == created.headers["ETag"]
    head = document.check("headSession", either.request("HEAD", path))
    assert head.status == 200
    assert head.headers["ETag"] == got.headers["ETag"]
    assert head.headers["Content-Length"] == got.headers["Content-Length"]

    counted = document.check("getSession", either.get(f"{path}?include=counters")).json()
    assert counted["counters"]["id"] == session["id"]
    counters = document.check("getCounters", either.get(f"{path}/counters")).json()
    assert counters["name"] == session["name"]
    packets = document.check("getPackets", either.get(f"{path}/packets")).json()
    assert packets["items"] == []
    sent = document.check("sendDatagrams", either.post(f"{path}/datagrams", {"text": "x"}))
    receives_only = "receiver" in (posted["kind"], posted.get("role")) or (
        posted["kind"] == "multicast-receiver"
    )
    assert sent.status == (409 if receives_only else 200), sent.body

    assert document.check("deleteSession", either.delete(path)).status == 204
    assert document.check("getSession", either.get(path)).status == 404
    assert document.check("deleteSession", either.delete(path)).status == 404

    # What GET answered can be posted again, and is the same session but for its incarnation.
    again = document.check("createSession", either.post("/v1/sessions", got.json()))
    assert again.status == 201, again.body
    repeated = {key: value for key, value in again.json().items() if key not in READ_ONLY}
    repeated.pop("address", None)
    assert repeated == definition
    assert again.json()["id"] != session["id"]
    assert document.check("deleteSession", either.delete(path)).status == 204


def test_if_match_deletes_only_the_version_it_names(
    client: Client, document: Document, create: Callable[[dict], dict]
) -> None:
    session = create(KINDS["multicast-receiver"][0])
    path = f"/v1/sessions/{session['name']}"
    tag = client.get(path).headers["ETag"]

    def delete(condition: str) -> Response:
        answer = client.request("DELETE", path, headers={"If-Match": condition})
        return document.check("deleteSession", answer)

    for other in ('"other"', f"W/{tag}", f"{tag[:-1]}0{tag[-1]}"):
        refused = delete(other)
        assert (refused.status, refused.json()["code"]) == (412, "precondition-failed")
    assert client.get(path).status == 200
    assert delete(f'"other", {tag}').status == 204
    assert delete("*").status == 404


def test_the_server_makes_a_name(create: Callable[[dict], dict]) -> None:
    definition = KINDS["multicast-receiver"][0]
    assert create(definition)["name"] != create(definition)["name"]


def test_a_waiting_session_is_created_and_says_why(create: Callable[[dict], dict]) -> None:
    session = create(
        KINDS["multicast-receiver"][0] | {"interface": "nosuch0", "whenUnavailable": "wait"}
    )
    assert session["status"]["state"] == "waiting"
    assert session["status"]["reason"]["code"] == "interface-unavailable"
    assert session["interface"] == "nosuch0"


def test_a_disabled_session_has_no_socket(
    create: Callable[[dict], dict], client: Client, document: Document
) -> None:
    session = create(KINDS["multicast-peer"][0] | {"enabled": False})
    assert session["status"]["state"] == "disabled"
    assert "localAddress" not in session["status"]
    path = f"/v1/sessions/{session['name']}"
    document.check("getCounters", client.get(f"{path}/counters"))
    document.check("getPackets", client.get(f"{path}/packets"))


def test_an_interface_can_be_named_by_an_address(create: Callable[[dict], dict]) -> None:
    for address in ["192.168.10.1", "fd00:10::1"]:
        session = create(KINDS["multicast-receiver"][0] | {"interface": address})
        assert session["status"]["interface"]["name"] == "eth0"
        assert session["interface"] == address


def test_the_local_port_that_the_kernel_chose_is_told(create: Callable[[dict], dict]) -> None:
    session = create(KINDS["multicast-sender"][0])
    assert session["status"]["localAddress"]["port"] > 0
    assert session["localPort"] == 0


@pytest.fixture
def five(create: Callable[[dict], dict]) -> Iterator[list[str]]:
    """Five sessions: list-a to list-d are receivers, list-e is a broadcast peer that waits."""
    names = [f"list-{letter}" for letter in "abcde"]
    for name in reversed(names[:4]):
        create(KINDS["multicast-receiver"][0] | {"name": name})
    create(
        KINDS["broadcast-peer"][0]
        | {"name": names[4], "interface": "nosuch0", "whenUnavailable": "wait"}
    )
    yield names


def names_of(client: Client, document: Document, query: str) -> tuple[list[str], int, str | None]:
    """Names, total and token of the page that `query` asks for."""
    page = document.check("listSessions", client.get(f"/v1/sessions?{query}")).json()
    return [item["name"] for item in page["items"]], page["total"], page.get("nextPageToken")


def test_pages_follow_each_other(client: Client, document: Document, five: list[str]) -> None:
    seen: list[str] = []
    names, total, token = names_of(client, document, "namePrefix=list-&limit=2")
    while True:
        assert total == 5
        seen += names
        if token is None:
            break
        query = f"namePrefix=list-&limit=2&pageToken={token}"
        names, total, token = names_of(client, document, query)
    assert seen == five


def test_a_full_last_page_has_no_token(client: Client, document: Document, five: list[str]) -> None:
    assert names_of(client, document, "namePrefix=list-&limit=5") == (five, 5, None)


def test_a_page_token_outlives_its_session(
    client: Client, document: Document, five: list[str]
) -> None:
    _, _, token = names_of(client, document, "namePrefix=list-&limit=2")
    for name in five[:3]:
        assert client.delete(f"/v1/sessions/{name}").status == 204
    names, total, _ = names_of(client, document, f"namePrefix=list-&pageToken={token}")
    assert (names, total) == (five[3:], 2)


def test_lists_are_filtered(client: Client, document: Document, five: list[str]) -> None:
    assert names_of(client, document, "namePrefix=list-&kind=broadcast")[0] == five[4:]
    assert names_of(client, document, "namePrefix=list-&kind=multicast-receiver")[1] == 4
    assert names_of(client, document, "namePrefix=list-&state=waiting")[0] == five[4:]
    assert names_of(client, document, "namePrefix=list-&state=running")[0] == five[:4]
    assert names_of(client, document, "namePrefix=list-c")[0] == ["list-c"]
    assert names_of(client, document, "namePrefix=nothing")[:2] == ([], 0)


def test_lists_have_counters_where_asked(
    client: Client, document: Document, five: list[str]
) -> None:
    plain = document.check("listSessions", client.get("/v1/sessions?namePrefix=list-")).json()
    assert not any("counters" in item for item in plain["items"])
    response = client.get("/v1/sessions?namePrefix=list-&include=counters")
    counted = document.check("listSessions", response).json()
    assert [item["counters"]["name"] for item in counted["items"]] == five
    for item in counted["items"]:
        assert item["counters"]["id"] == item["id"]


def test_the_host_is_described(client: Client, document: Document, daemon: Daemon) -> None:
    listed = document.check("listInterfaces", client.get("/v1/interfaces")).json()
    interfaces = {item["name"]: item for item in listed["items"]}
    assert listed["total"] == len(interfaces)
    assert interfaces["lo"]["loopback"] and not interfaces["eth0"]["loopback"]
    assert interfaces["eth0"]["up"] and interfaces["eth0"]["multicast"]
    assert {"address": "192.168.10.1", "prefixLength": 24, "broadcast": "192.168.10.255"} in (
        interfaces["eth0"]["addresses"]
    )
    assert {"address": "fd00:10::1", "prefixLength": 64} in interfaces["eth0"]["addresses"]
    server = document.check("getServer", client.get("/v1/server")).json()
    assert f"http://{daemon.host}" in server["listen"]
    assert f"unix:{daemon.unix_socket}" in server["listen"]
    for probe, operation in [("/livez", "getLiveness"), ("/readyz", "getReadiness")]:
        assert document.check(operation, client.get(probe)).json() == {"status": "ok"}

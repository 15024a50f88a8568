"""What the API says of sessions that forward, and which of them it refuses."""

import pathlib
from collections.abc import Callable

from contract.desired import PEER, RECEIVER, SENDER, Wanted, results
from contract.document import Document
from support import Client, Daemon, Network
from support.waiting import wait_until

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
    assert (address["expiredReplies"], address["strayReplies"]) == (0, 0)
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


def counters(client: Client, name: str) -> dict:
    """What a session counted."""
    return client.get(f"/v1/sessions/{name}/counters").json()


def test_what_is_accepted_goes_on_to_a_session_and_an_address(
    create: Callable[[dict], dict], client: Client, document: Document
) -> None:
    group = {"interface": "eth0", "port": 9311}
    sending, receiving = {"kind": "multicast-sender"}, {"kind": "multicast-receiver"}
    create(group | receiving | {"name": "fw-c", "group": "239.11.1.2"})
    create(group | sending | {"name": "fw-b", "group": "239.11.1.2"})
    targets = [{"session": "fw-b"}, {"address": "239.11.1.3", "port": 9311, "interface": "eth0"}]
    targets += [{"session": "fw-gone"}]
    create(group | receiving | {"name": "fw-a", "group": "239.11.1.1", "forward": targets})
    create(group | receiving | {"name": "fw-d", "group": "239.11.1.3"})
    create(group | sending | {"name": "fw-s", "group": "239.11.1.1"})
    body = {"datagrams": [{"text": "one"}, {"text": ""}, {"text": "three"}]}
    assert client.post("/v1/sessions/fw-s/datagrams", body).status == 200
    for name in ("fw-c", "fw-d"):
        wait_until(
            lambda: counters(client, name)["accepted"] == {"datagrams": 3, "bytes": 8}, what=name
        )
        items = client.get(f"/v1/sessions/{name}/packets?payload=text").json()["items"]
        assert [item["payload"] for item in items] == ["one", "", "three"]
    answer = client.get("/v1/sessions/fw-a/counters")
    shown = document.check("getCounters", answer).json()
    assert shown["forwarded"] == {"datagrams": 6, "bytes": 16}
    counted = [target["forwarded"]["datagrams"] for target in shown["targets"]]
    assert (counted, shown["targets"][2]["failed"]) == ([3, 3, 0], 3)
    status = document.check("getSession", client.get("/v1/sessions/fw-a")).json()["status"]
    assert [target["state"] for target in status["forward"]] == ["running", "running", "waiting"]
    assert status["forward"][1]["interface"]["name"] == "eth0"
    assert status["forward"][1]["localAddress"]["port"] > 0
    name = "relaycast_target_forwarded_bytes_total"
    line = f'{name}{{session="fw-a",target="239.11.1.3:9311%eth0"}} 8'
    assert line in client.get("/metrics").body.decode().splitlines()


def test_answers_to_what_was_relayed_are_sent_back_and_listed(
    create: Callable[[dict], dict], client: Client, document: Document
) -> None:
    group = {"interface": "eth0", "port": 9321}
    reply = {"reply": {"text": "here"}}
    create(group | {"name": "fw-d", "kind": "multicast-receiver", "group": "239.11.2.2"} | reply)
    target = {"address": "239.11.2.2", "port": 9321, "interface": "eth0", "mapReplies": {}}
    relay = {"name": "fw-a", "kind": "multicast-receiver", "group": "239.11.2.1"}
    create(group | relay | {"forward": [target]})
    create(group | {"name": "fw-s", "kind": "multicast-sender", "group": "239.11.2.1"})
    assert client.post("/v1/sessions/fw-s/datagrams", {"text": "who?"}).status == 200
    wait_until(lambda: counters(client, "fw-s")["accepted"]["datagrams"] == 1, what="an answer")
    (item,) = client.get(
        "/v1/sessions/fw-s/packets?direction=received&payload=text"
    ).json()["items"]
    assert (item["payload"], item["source"]["port"]) == ("here", 9321)

    def listed() -> dict:
        path = "/v1/sessions/fw-a/mappings"
        return document.check("getMappings", client.get(path)).json()

    # The list is brought up to date now and then.
    wait_until(lambda: [item["replies"]["datagrams"] for item in listed()["items"]] == [1])
    (mapping,) = listed()["items"]
    asker = client.get("/v1/sessions/fw-s").json()["status"]["localAddress"]["port"]
    assert (mapping["target"], mapping["asker"]["port"]) == (0, asker)
    assert mapping["replies"] == {"datagrams": 1, "bytes": 4} and listed()["total"] == 1
    assert mapping["createdAt"] < mapping["expiresAt"]
    (target,) = counters(client, "fw-a")["targets"]
    assert target["mappedReplies"] == {"datagrams": 1, "bytes": 4} and target["unmapped"] == 0


def test_what_is_posted_beyond_the_limits_is_429_with_what_left(
    create: Callable[[dict], dict], client: Client, document: Document
) -> None:
    limits = {"limits": {"datagramsPerSecond": 1, "burstMilliseconds": 10000}}
    create(SENDER | {"name": "fw-s"} | limits)
    body = {"datagrams": [{"text": "x"}] * 20}
    answer = document.check("sendDatagrams", client.post("/v1/sessions/fw-s/datagrams", body))
    assert (answer.status, answer.json()["code"]) == (429, "rate-limited")
    assert answer.json()["sent"] == 10 and int(answer.headers["Retry-After"]) == 1
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/datagrams/10"]
    assert counters(client, "fw-s")["sent"]["datagrams"] == 10


def test_a_target_that_cannot_be_sent_to_is_a_409_or_waits(
    create: Callable[[dict], dict], client: Client, document: Document
) -> None:
    missing = {"address": "239.11.3.2", "port": 9331, "interface": "nowhere0"}
    definition = RECEIVER | {"name": "fw-a", "forward": [{"session": "fw-b"}, missing]}
    refused = document.check("createSession", client.post("/v1/sessions", definition))
    assert (refused.status, refused.json()["code"]) == (409, "interface-unavailable")
    assert [error["pointer"] for error in refused.json()["errors"]] == ["/forward/1"]
    session = create(definition | {"whenUnavailable": "wait"})
    assert session["status"]["state"] == "running"
    waiting = session["status"]["forward"][1]
    assert (waiting["state"], waiting["reason"]["code"]) == ("waiting", "interface-unavailable")
    changed = RECEIVER | {"forward": [missing | {"port": 9332}]}
    refused = document.check("putSession", client.request("PUT", "/v1/sessions/fw-a", changed))
    assert (refused.status, refused.json()["code"]) == (409, "interface-unavailable")
    assert client.get("/v1/sessions/fw-a").json()["generation"] == 1


def test_a_waiting_target_starts_when_its_interface_is_there(
    create: Callable[[dict], dict], client: Client, network: Network
) -> None:
    missing = {"address": "239.11.3.2", "port": 9331, "interface": "later0"}
    target = {"name": "fw-a", "whenUnavailable": "wait", "forward": [missing]}
    session = create(RECEIVER | target)
    revision = client.get("/v1/sessions?limit=1").json()["revision"]

    def state() -> str:
        (shown,) = client.get("/v1/sessions/fw-a").json()["status"]["forward"]
        return shown["state"]

    assert state() == "waiting"
    network.run(["ip", "link", "add", "later0", "type", "bridge"])
    try:
        network.run(["ip", "address", "add", "192.168.77.1/24", "dev", "later0"])
        network.run(["ip", "link", "set", "later0", "up"])
        wait_until(lambda: state() == "running", what="the target runs")
        now = client.get("/v1/sessions/fw-a").json()
        assert (now["id"], now["status"]["since"]) == (session["id"], session["status"]["since"])
        assert now["status"]["forward"][0]["interface"]["name"] == "later0"
        assert client.get("/v1/sessions?limit=1").json()["revision"] != revision
    finally:
        network.run(["ip", "link", "delete", "later0"])
    wait_until(lambda: state() == "waiting", what="the target waits")


def test_a_debt_of_bytes_is_told_with_the_time_to_wait(
    client: Client, document: Document, create: Callable[[dict], dict]
) -> None:
    limits = {"bytesPerSecond": 1000, "burstMilliseconds": 10}
    create(SENDER | {"name": "fw-debt", "limits": limits})
    path = "/v1/sessions/fw-debt/datagrams"
    assert client.post(path, {"text": "x" * 5000}).status == 200
    answer = document.check("sendDatagrams", client.post(path, {"text": "x"}))
    assert (answer.status, answer.json()["code"]) == (429, "rate-limited")
    assert 3 <= int(answer.headers["Retry-After"]) <= 5


def test_preserving_a_source_needs_a_capability_that_is_named(
    binary: str, network: Network, document: Document, tmp_path: pathlib.Path
) -> None:
    target = {"address": "192.168.10.2", "port": 9341, "sourceMode": "preserve"}
    definition = RECEIVER | {"name": "fw-a", "forward": [target]}
    unprivileged = tmp_path / "unprivileged"
    # CAP_NET_RAW is enough for the kernel, ip(7), IP_TRANSPARENT.
    drop = "setpriv --bounding-set -net_admin,-net_raw --inh-caps -net_admin,-net_raw"
    unprivileged.write_text(f'#!/bin/sh\nexec {drop} "{binary}" "$@"\n')
    unprivileged.chmod(0o755)
    with Daemon(str(unprivileged), network) as daemon:
        client = daemon.client()
        missing = client.get("/v1/server").json()["missingCapabilities"]
        assert missing == ["CAP_NET_ADMIN", "CAP_NET_RAW"]
        refused = document.check("createSession", client.post("/v1/sessions", definition))
        assert (refused.status, refused.json()["code"]) == (409, "permission-denied")
        assert "CAP_NET_ADMIN" in refused.json()["detail"]
        assert refused.json()["errors"][0]["pointer"] == "/forward/0"
    with Daemon(binary, network) as daemon:
        client = daemon.client()
        assert client.get("/v1/server").json()["missingCapabilities"] == []
        assert client.post("/v1/sessions", definition).status == 201


def test_targets_change_in_place_and_keep_what_they_counted(wanted: Wanted) -> None:
    group = {"interface": "eth0", "port": 9351}
    first, second = ({"address": f"239.11.4.{n}", "port": 9352, "interface": "eth0"} for n in (2, 3))
    relay = {"kind": "multicast-receiver", "group": "239.11.4.1", "forward": [first]}
    created = wanted.put("fw-a", group | relay).json()
    wanted.put("fw-s", group | {"kind": "multicast-sender", "group": "239.11.4.1"})

    def forwarded() -> list[int]:
        targets = wanted.client.get("/v1/sessions/fw-a/counters").json()["targets"]
        return [target["forwarded"]["datagrams"] for target in targets]

    wanted.send("fw-s", 2)
    wait_until(lambda: forwarded() == [2])
    members = {"forward": [second, first], "limits": {"bytesPerSecond": 9}}
    patched = wanted.patch("fw-a", members | {"coalesceMicroseconds": 50}).json()
    assert (patched["id"], patched["generation"]) == (created["id"], 2)
    assert forwarded() == [0, 2]
    patched = wanted.patch("fw-a", {"limits": {"datagramsPerSecond": 5}}).json()
    limits = {"datagramsPerSecond": 5, "bytesPerSecond": 9, "burstMilliseconds": 1000}
    assert patched["limits"] == limits

    # What is exported is so already.
    items = wanted.export()
    assert set(results(wanted.apply(items)).values()) == {"unchanged"}
    items[0]["forward"].pop()
    (changed, _) = wanted.apply(items, "dryRun=true").json()["items"]
    assert [change["field"] for change in changed["changes"]] == ["forward"]
    assert (changed["result"], changed["reopened"]) == ("updated", False)

    nothing = dict.fromkeys(["forward", "limits", "coalesceMicroseconds", "loopGuardMilliseconds"])
    patched = wanted.patch("fw-a", nothing).json()
    assert (patched["forward"], patched["coalesceMicroseconds"]) == ([], 0)
    assert "limits" not in patched and patched["id"] == created["id"]
    assert "targets" not in wanted.client.get("/v1/sessions/fw-a/counters").json()
    conflict = wanted.patch("fw-a", {"limits": {"burstMilliseconds": 5}})
    assert (conflict.status, conflict.json()["code"]) == (409, "patch-conflict")

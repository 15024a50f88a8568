"""POST /v1/apply and GET /v1/export: whole sets of definitions."""

import time
from urllib.parse import quote

import pytest

from contract.desired import RECEIVER, SENDER, Wanted, code, results
from support import Network

ENV_TEST = "prune=true&selector=" + quote("env=test")
LABELLED = SENDER | {"labels": {"env": "test"}}


def named(*names: str, **members: object) -> list[dict]:
    """Labelled senders."""
    return [LABELLED | {"name": name} | members for name in names]


def test_every_item_has_its_result(wanted: Wanted) -> None:
    wanted.apply(named("a", "b", "c"))
    before = {name: wanted.get(name).json() for name in "abc"}
    items = [
        *named("a"),
        *named("b", ttl=5, labels={"env": "prod"}),
        *named("c", group="239.11.0.50"),
        *named("d"),
        *named("e", interface="nosuch0"),
    ]
    response = wanted.apply(items)
    assert list(results(response).items()) == [
        ("a", "unchanged"),
        ("b", "updated"),
        ("c", "updated"),
        ("d", "created"),
        ("e", "failed"),
    ]
    a, b, c, d, e = response.json()["items"]
    assert a == {"name": "a", "result": "unchanged"} and d == {"name": "d", "result": "created"}
    assert b["reopened"] is False and c["reopened"] is True
    assert b["changes"] == [
        {"field": "ttl", "from": 1, "to": 5},
        {"field": "labels", "from": {"env": "test"}, "to": {"env": "prod"}},
    ]
    assert c["changes"] == [{"field": "group", "from": "239.11.0.1", "to": "239.11.0.50"}]
    assert e["error"]["code"] == "interface-unavailable" and e["error"]["status"] == 409
    assert response.json()["dryRun"] is False
    assert wanted.get("a").json() == before["a"]
    assert wanted.get("b").json()["id"] == before["b"]["id"]
    assert wanted.get("c").json()["id"] != before["c"]["id"]
    assert wanted.names() == ["a", "b", "c", "d"]


def test_a_dry_run_changes_nothing_and_foresees_what_happens(wanted: Wanted) -> None:
    wanted.apply(named("a", "b", "c", "old"))
    wanted.apply([SENDER | {"name": "other"}])
    before, revision, sockets = wanted.export(), wanted.revision(), wanted.sockets()
    items = [*named("a"), *named("b", ttl=5), *named("c", port=9150), *named("d")]
    foreseen = wanted.apply(items, f"dryRun=true&{ENV_TEST}")
    assert (wanted.export(), wanted.revision(), wanted.sockets()) == (before, revision, sockets)
    assert foreseen.json()["dryRun"] is True
    done = wanted.apply(items, ENV_TEST)
    assert foreseen.json()["items"] == done.json()["items"]
    assert results(done)["old"] == "deleted"
    assert wanted.names() == ["a", "b", "c", "d", "other"]


def test_pruning_needs_its_selector_and_the_selector_pruning(wanted: Wanted) -> None:
    wanted.apply(named("a"))
    for query in ("prune=true", "selector=env", "prune=false&selector=env", "prune=true&selector="):
        assert code(wanted.apply([], query)) == (400, "invalid-query"), query
    assert wanted.names() == ["a"]


def test_pruning_spares_what_the_set_has_and_what_the_selector_does_not_choose(
    wanted: Wanted,
) -> None:
    wanted.apply([*named("a", "b", "c"), SENDER | {"name": "free"}])
    # `c` fails, and is in the set: it is spared as it is.
    done = wanted.apply([*named("a"), *named("c", interface="nosuch0")], ENV_TEST)
    assert results(done) == {"a": "unchanged", "c": "failed", "b": "deleted"}
    assert wanted.names() == ["a", "c", "free"]
    assert results(wanted.apply([], ENV_TEST)) == {"a": "deleted", "c": "deleted"}
    assert results(wanted.apply([], ENV_TEST)) == {}
    assert wanted.names() == ["free"]


def test_atomic_is_all_or_nothing(wanted: Wanted) -> None:
    wanted.apply([*named("a", "b", "c", "d"), *named("off", enabled=False)])
    wanted.send("a", 3)
    sessions = {name: wanted.get(name).json() for name in wanted.names()}
    revision, sockets = wanted.revision(), wanted.sockets()
    descriptors = wanted.descriptors()
    items = [
        *named("a", ttl=9, allow=["10.0.0.0/8"]),
        *named("b", group="239.11.0.51"),
        *named("c", enabled=False),
        *named("off"),
        *named("new"),
        *named("bad", interface="nosuch0"),
    ]
    response = wanted.apply(items, f"atomic=true&{ENV_TEST}")
    assert code(response) == (409, "interface-unavailable")
    assert response.json()["errors"][0]["pointer"] == "/items/5/interface"
    assert {name: wanted.get(name).json() for name in wanted.names()} == sessions
    assert (wanted.revision(), wanted.sockets()) == (revision, sockets)
    assert wanted.descriptors() == descriptors
    assert wanted.sent("a") == 3
    done = wanted.apply(items[:-1], f"atomic=true&{ENV_TEST}")
    assert set(results(done).values()) == {"updated", "created", "deleted"}
    assert wanted.names() == ["a", "b", "c", "new", "off"]


def test_a_port_moves_from_one_session_to_another(wanted: Wanted) -> None:
    wanted.apply(named("a", localPort=9160) + named("b", localPort=9161))
    moved = named("a", localPort=9162) + named("b", localPort=9160)
    # Refused at the end: each has its port again.
    refused = wanted.apply([*moved, *named("bad", interface="nosuch0")], "atomic=true")
    assert code(refused) == (409, "interface-unavailable")
    assert sorted(wanted.sockets()) == [9160, 9161]
    for name, port in (("a", 9160), ("b", 9161)):
        assert wanted.get(name).json()["status"]["localAddress"]["port"] == port
        wanted.send(name)
    done = wanted.apply(moved, "atomic=true")
    assert set(results(done).values()) == {"updated"}
    assert sorted(wanted.sockets()) == [9160, 9162]
    for name, port in (("a", 9162), ("b", 9160)):
        assert wanted.get(name).json()["status"]["localAddress"]["port"] == port
        wanted.send(name)


@pytest.mark.parametrize("atomic", ["true", "false"])
@pytest.mark.parametrize("giver", ["pruned", "disabled", "moved"])
def test_a_port_that_is_given_up_can_be_taken_in_the_same_set(
    giver: str, atomic: str, wanted: Wanted
) -> None:
    wanted.apply(named("giver", localPort=9163))
    items = {
        "pruned": [],
        "disabled": named("giver", localPort=9163, enabled=False),
        "moved": named("giver", localPort=0),
    }[giver]
    done = wanted.apply(items + named("taker", localPort=9163), f"atomic={atomic}&{ENV_TEST}")
    assert results(done)["taker"] == "created"
    assert wanted.get("taker").json()["status"]["localAddress"]["port"] == 9163
    assert len(wanted.sockets()[9163]) == 1


def test_an_item_that_fails_undoes_no_other(wanted: Wanted, network: Network) -> None:
    wanted.apply(named("a"))
    with network.bound("0.0.0.0", 9164):
        done = wanted.apply(
            [*named("b"), *named("a", ttl=5, localPort=9164), *named("c", localPort=9164)]
        )
    assert results(done) == {"b": "created", "a": "failed", "c": "failed"}
    assert wanted.get("a").json()["ttl"] == 1
    wanted.send("a")
    wanted.send("b")


@pytest.mark.parametrize(
    ("items", "expected", "pointer"),
    [
        (named("a", "a"), (409, "name-in-use"), "/items/1/name"),
        ([*named("a"), SENDER], (400, "missing-field"), "/items/1/name"),
        ([*named("a"), *named("b", port=0)], (400, "invalid-field"), "/items/1/port"),
        ([*named("a"), *named("b", x=0)], (400, "unknown-field"), "/items/1/x"),
        ([*named("a"), 7], (400, "invalid-field"), "/items/1"),
    ],
)
def test_a_set_that_breaks_a_rule_anywhere_changes_nothing(
    items: list, expected: tuple, pointer: str, wanted: Wanted
) -> None:
    response = wanted.apply(items)
    assert code(response) == expected
    assert response.json()["errors"][0]["pointer"] == pointer
    assert wanted.names() == []


def test_export_takes_the_round_trip_and_changes_nothing(wanted: Wanted) -> None:
    wanted.apply(
        named("a", "b", ttl=3, allow=["10.0.0.0/8"], annotations={"note": "é\n\u0000"})
    )
    wanted.apply(
        [RECEIVER | {"name": "r", "reply": {"template": "{length}"}, "sources": ["10.0.0.5"]}]
        + [{"name": "p", "kind": "broadcast", "port": 9170, "interface": "eth0"}]
        + named("off", enabled=False)
        + named("waits", interface="nosuch0", whenUnavailable="wait", persist=False)
    )
    exported = wanted.export()
    assert [item["name"] for item in exported] == ["a", "b", "off", "p", "r", "waits"]
    read_only = {"id", "origin", "generation", "createdAt", "updatedAt", "status", "counters"}
    assert all(read_only.isdisjoint(item) for item in exported)
    revision, sockets = wanted.revision(), wanted.sockets()
    for query in ("", "atomic=true"):
        assert set(results(wanted.apply(exported, query)).values()) == {"unchanged"}
    assert (wanted.revision(), wanted.sockets()) == (revision, sockets)
    assert [item["name"] for item in wanted.export("selector=" + quote("env=test"))] == [
        "a", "b", "off", "waits"
    ]  # fmt: skip
    assert wanted.delete_all("selector=" + quote("env in (test),env")).status == 200
    assert wanted.delete_all("selector=" + quote("!env")).json() == {"deleted": ["p", "r"]}
    assert set(results(wanted.apply(exported)).values()) == {"created"}
    assert wanted.export() == exported
    # A list of sessions, with all its read-only members, is a set as well.
    listed = wanted.client.get("/v1/sessions?include=counters").json()
    revision = wanted.revision()
    response = wanted.client.post("/v1/apply", listed)
    assert set(results(wanted.document.check("applySessions", response)).values()) == {"unchanged"}
    assert wanted.revision() == revision


def test_a_set_of_ten_thousand(wanted: Wanted) -> None:
    items = [
        {"name": f"s{index}", "kind": "broadcast", "port": 9171, "enabled": False, "persist": False}
        for index in range(10_000)
    ]
    labelled = [item | {"labels": {"env": "test"}} for item in items]
    for body, result in ((items, "created"), (items, "unchanged"), (labelled, "updated")):
        began = time.monotonic()
        assert set(results(wanted.apply(body)).values()) == {result}
        # Two orders of magnitude more than it takes, and less than anything quadratic.
        assert time.monotonic() - began < 40
    assert len(wanted.delete_all("selector=env").json()["deleted"]) == 10_000
    refused = wanted.apply([*items, items[0] | {"name": "more"}])
    assert code(refused) == (400, "invalid-field")
    assert refused.json()["errors"][0]["pointer"] == "/items"
    assert wanted.names() == []


def test_a_set_may_be_larger_than_other_bodies_but_not_without_limit(wanted: Wanted) -> None:
    annotations = {f"n{index}": "x" * 1024 for index in range(60)}
    items = [
        {"name": f"s{i}", "kind": "broadcast", "port": 9172, "enabled": False, "persist": False}
        | {"annotations": annotations}
        for i in range(40)
    ]
    assert set(results(wanted.apply(items)).values()) == {"created"}
    assert wanted.delete_all("selector=" + quote("!x")).status == 200
    # Refused as soon as it is announced, and without a word about its items.
    for path, size, status in (("apply", 16 << 20, 400), ("apply", (16 << 20) + 1, 413)):
        head = f"POST /v1/{path} HTTP/1.1\r\nHost: {wanted.host}\r\nContent-Length: {size}\r\n"
        head += "Content-Type: application/json\r\n\r\n"
        body = b"" if status == 413 else b"[" * size
        response = wanted.client.raw(head.encode() + body)
        assert response.status == status, response.body
    assert wanted.names() == []

"""PUT and PATCH: created, changed in place, opened anew, or not touched at all."""

from typing import Any

import pytest

from contract.desired import BROADCAST, PEER, RECEIVER, SENDER, Wanted, code, identity
from support import Network, wait_until

# A definition, and others that mean the same.
SAME: dict[str, tuple[dict[str, Any], list[Any]]] = {
    "defaults-written-out": (
        SENDER,
        [
            SENDER | {"ttl": 1, "loopback": True, "localPort": 0, "enabled": True},
            SENDER | {"allow": [], "labels": {}, "requireSourcePort": 9101, "accept": ["unicast"]},
            SENDER | {"name": "same", "id": "other", "generation": 9, "status": None},
            dict(reversed(list(SENDER.items()))),
        ],
    ),
    "numbers": (SENDER | {"ttl": 3}, [SENDER | {"ttl": 3.0, "port": 9101.0}]),
    "addresses": (
        RECEIVER
        | {"group": "ff05::4242", "allow": ["fd00:10::/64"], "sources": ["fd00:10::2"]}
        | {"labels": {"a": "1", "b": "2"}},
        [
            RECEIVER
            | {"group": "FF05:0:0::4242", "allow": ["fd00:0010:0::0/64"], "sources": ["FD00:10::2"]}
            | {"labels": {"b": "2", "a": "1"}},
        ],
    ),
    "sets": (
        PEER | {"accept": ["multicast", "unicast"]},
        [PEER | {"accept": ["unicast", "multicast"]}, PEER],
    ),
    "blocks": (
        PEER | {"allow": ["fd00::/8", "10.0.0.0/8"]},
        [PEER | {"allow": ["FD00:0::/8", "10.0.0.0/8"]}],
    ),
    "reply": (
        RECEIVER | {"reply": {"text": "x"}},
        [RECEIVER | {"reply": {"text": "x", "perSecondMax": 100}}],
    ),
    "disabled": (SENDER | {"enabled": False}, [SENDER | {"enabled": False, "ttl": 1}]),
}

# What changes in place.
IN_PLACE: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (SENDER, {"labels": {"env": "test"}}),
    (SENDER, {"annotations": {"note": "new"}}),
    (SENDER, {"persist": False}),
    (SENDER, {"whenUnavailable": "wait"}),
    (SENDER, {"allow": ["192.168.10.0/24"]}),
    (SENDER, {"deny": ["192.168.10.9"]}),
    (SENDER, {"accept": ["unicast", "multicast"]}),
    (SENDER, {"requireSourcePort": 0}),
    (PEER, {"receiveOwn": True}),
    (SENDER, {"loopback": False}),
    (SENDER, {"ttl": 7}),
    (SENDER, {"recentPackets": 7}),
    (SENDER, {"snapLength": 7}),
    (SENDER, {"receiveBufferBytes": 65536}),
    (PEER, {"sources": ["192.168.10.7"]}),
    (PEER, {"sources": ["192.168.10.7", "192.168.10.8"], "ttl": 4, "labels": {"a": ""}}),
    (BROADCAST, {"ttl": 2}),
]

# What opens another socket.
REOPENED: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (SENDER, {"group": "239.11.0.99"}),
    (SENDER, {"port": 9199}),
    (SENDER, {"interface": "192.168.10.1"}),
    (SENDER, {"localPort": 9198}),
    (SENDER, {"kind": "multicast-peer"}),
    (PEER, {"group": "ff05::99"}),
    (BROADCAST, {"address": "192.168.10.255"}),
    (BROADCAST, {"role": "peer"}),
]


def test_a_put_creates_what_is_missing(wanted: Wanted) -> None:
    response = wanted.put("new", SENDER)
    assert response.status == 201
    assert response.headers["Location"] == "/v1/sessions/new"
    session = response.json()
    assert (session["name"], session["generation"], session["origin"]) == ("new", 1, "api")
    got = wanted.get("new")
    assert got.json() == session and got.headers["ETag"] == response.headers["ETag"]


@pytest.mark.parametrize("case", SAME)
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_an_equal_definition_touches_nothing(case: str, method: str, wanted: Wanted) -> None:
    definition, others = SAME[case]
    created = wanted.put("same", definition)
    before, sockets, revision = created.json(), wanted.sockets(), wanted.revision()
    for other in [definition, *others]:
        if method == "PATCH" and "name" in other:
            continue
        response = wanted.put("same", other) if method == "PUT" else wanted.patch("same", other)
        assert response.status == 200, response.body
        assert response.json() == before
        assert response.headers["ETag"] == created.headers["ETag"]
        assert wanted.sockets() == sockets
    assert wanted.revision() == revision


@pytest.mark.parametrize(("definition", "change"), IN_PLACE, ids=[str(c) for _, c in IN_PLACE])
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_a_change_in_place_keeps_socket_and_counters(
    definition: dict, change: dict, method: str, wanted: Wanted
) -> None:
    created = wanted.put("kept", definition)
    before, sockets, revision = created.json(), wanted.sockets(), wanted.revision()
    wanted.send("kept", 3)
    response = (
        wanted.put("kept", definition | change)
        if method == "PUT"
        else wanted.patch("kept", change)
    )
    after = response.json()
    assert response.status == 200, after
    assert (after["id"], after["createdAt"]) == (before["id"], before["createdAt"])
    assert after["generation"] == 2 and after["updatedAt"] > before["updatedAt"]
    assert {key: after[key] for key in change} == {
        key: sorted(value) if key == "accept" else value for key, value in change.items()
    }
    assert after["status"]["since"] == before["status"]["since"]
    assert wanted.sockets() == sockets
    assert wanted.sent("kept") == 3
    assert response.headers["ETag"] != created.headers["ETag"]
    assert wanted.revision() != revision
    assert wanted.get("kept").json() == after


@pytest.mark.parametrize(("definition", "change"), REOPENED, ids=[str(c) for _, c in REOPENED])
def test_any_other_change_opens_the_socket_anew(
    definition: dict, change: dict, wanted: Wanted
) -> None:
    created = wanted.put("anew", definition)
    before, sockets = created.json(), wanted.sockets()
    wanted.send("anew", 3)
    response = wanted.put("anew", definition | change)
    after = response.json()
    assert response.status == 200, after
    assert after["id"] != before["id"] and after["createdAt"] == before["createdAt"]
    assert after["generation"] == 2 and after["status"]["state"] == "running"
    assert wanted.sent("anew") == 0
    now = wanted.sockets()
    assert sum(map(len, now.values())) == 1
    assert set().union(*now.values()).isdisjoint(set().union(*sockets.values()))
    assert response.headers["ETag"] != created.headers["ETag"]
    wanted.send("anew")


def test_a_reply_changes_in_place(wanted: Wanted) -> None:
    before = wanted.put("r", RECEIVER | {"reply": {"text": "one"}}).json()
    after = wanted.patch("r", {"reply": {"text": "two", "perSecondMax": 7}}).json()
    assert after["reply"] == {"text": "two", "to": "sender", "perSecondMax": 7} and after["id"] == before["id"]
    # A form of reply is left by setting it to null.
    after = wanted.patch("r", {"reply": {"text": None, "template": "{length}"}}).json()
    assert after["reply"] == {"template": "{length}", "to": "sender", "perSecondMax": 7}
    assert wanted.patch("r", {"reply": None}).json().get("reply") is None
    assert wanted.get("r").json()["id"] == before["id"]


def test_a_patch_merges_and_null_takes_back(wanted: Wanted) -> None:
    wanted.put("p", SENDER | {"ttl": 9, "labels": {"a": "1", "b": "2"}, "localPort": 9197})
    after = wanted.patch("p", {"labels": {"a": None, "c": "3"}, "ttl": None}).json()
    assert (after["labels"], after["ttl"]) == ({"b": "2", "c": "3"}, 1)
    assert after["localPort"] == 9197
    revision = wanted.revision()
    assert wanted.patch("p", {}).json() == after
    assert wanted.patch("p", {"labels": {"nosuch": None}}).json() == after
    assert wanted.patch("p", {"id": "ignored", "status": {"state": "failed"}}).json() == after
    assert wanted.revision() == revision


@pytest.mark.parametrize(
    "patch",
    [{"reply": {"text": "x"}}, {"group": "ff02::1", "interface": None}, {"kind": "broadcast"}]
    + [{"sources": ["10.0.0.5"]}, {"role": "peer"}, {"receiveOwn": True}],
    ids=str,
)
def test_a_patch_that_does_not_fit_the_session_is_a_conflict(wanted: Wanted, patch: dict) -> None:
    before = wanted.put("p", SENDER).json()
    assert code(wanted.patch("p", patch)) == (409, "patch-conflict")
    assert wanted.get("p").json() == before


def test_enabling_keeps_id_and_counters(wanted: Wanted) -> None:
    before = wanted.put("e", SENDER).json()
    wanted.send("e", 3)
    off = wanted.patch("e", {"enabled": False}).json()
    assert off["status"]["state"] == "disabled" and off["id"] == before["id"]
    assert wanted.sockets() == {} and wanted.sent("e") == 3
    on = wanted.patch("e", {"enabled": True}).json()
    assert on["status"]["state"] == "running" and on["id"] == before["id"]
    wanted.send("e")
    assert wanted.sent("e") == 4 and on["generation"] == 3


def test_deleting_what_is_not_there_is_good_where_it_is_allowed(wanted: Wanted) -> None:
    for query, statuses in (("", [204, 404]), ("?allowMissing=true", [204, 204])):
        wanted.put("d", SENDER)
        assert [wanted.delete("d", query).status for _ in statuses] == statuses
    # No session can have these names: they are mistakes.
    for name in ("D", "x" * 64, "a_", "a%20b"):
        refused = wanted.delete(name, "?allowMissing=true")
        assert code(refused) == (404, "session-not-found"), name


def test_a_definition_of_another_name_is_refused(wanted: Wanted) -> None:
    wanted.put("one", SENDER)
    assert code(wanted.put("one", SENDER | {"name": "two"})) == (409, "name-mismatch")
    assert code(wanted.patch("one", {"name": "two"})) == (409, "name-mismatch")
    assert wanted.put("one", SENDER | {"name": "one"}).status == 200
    assert wanted.names() == ["one"]


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"localPort": 9196}, "address-in-use"),
        ({"localPort": 9196, "ttl": 3, "labels": {"a": "b"}}, "address-in-use"),
        ({"interface": "nosuch0"}, "interface-unavailable"),
        ({"group": "239.11.0.9", "interface": "10.0.0.9"}, "interface-unavailable"),
    ],
)
def test_what_is_impossible_leaves_the_session_as_it_was(
    change: dict, expected: str, method: str, wanted: Wanted, network: Network
) -> None:
    before = wanted.put("firm", SENDER | {"localPort": 9195}).json()
    wanted.send("firm", 3)
    sockets, revision, descriptors = wanted.sockets(), wanted.revision(), wanted.descriptors()
    with network.bound("0.0.0.0", 9196):
        response = (
            wanted.put("firm", SENDER | change) if method == "PUT" else wanted.patch("firm", change)
        )
    assert code(response) == (409, expected)
    assert wanted.get("firm").json() == before
    assert (wanted.sockets(), wanted.revision()) == (sockets, revision)
    assert wanted.descriptors() == descriptors
    wanted.send("firm")
    assert wanted.sent("firm") == 4


def test_a_port_of_its_own_is_opened_anew_for_another_group(wanted: Wanted) -> None:
    definition = SENDER | {"localPort": 9194}
    before = wanted.put("own", definition).json()
    after = wanted.put("own", definition | {"group": "239.11.0.77"}).json()
    assert after["id"] != before["id"]
    assert after["status"]["localAddress"]["port"] == 9194
    assert list(wanted.sockets()) == [9194]
    # The old one had to go before the new one was tried, and is there again.
    refused = wanted.put("own", definition | {"group": "239.11.0.78", "interface": "nosuch0"})
    assert refused.status == 409
    assert wanted.get("own").json() == after
    assert list(wanted.sockets()) == [9194]


def test_persist_decides_over_a_restart(wanted: Wanted, daemon: Any) -> None:
    wanted.put("stays", SENDER | {"persist": False})
    wanted.put("goes", SENDER)
    kept = wanted.patch("stays", {"persist": True}).json()
    wanted.patch("goes", {"persist": False})
    daemon.stop()
    daemon.start()
    wait_until(lambda: wanted.names() == ["stays"])
    restored = wanted.get("stays").json()
    unchanging = [key for key in identity(kept) if key != "status"]
    assert [restored[key] for key in unchanging] == [kept[key] for key in unchanging]

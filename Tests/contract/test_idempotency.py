"""Idempotency-Key: a create that is repeated is answered as it was, and does nothing again."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from contract.desired import SENDER, Wanted, code
from contract.document import Document
from support import Daemon, Network, Response

JSON = {"Content-Type": "application/json"}


def key(value: str) -> dict[str, str]:
    """The header field."""
    return {"Idempotency-Key": value}


def assert_replayed(replay: Response, first: Response) -> None:
    """Asserts that an answer is the first one once more."""
    assert replay.status == first.status == 201
    assert replay.body == first.body
    for name in ("Location", "ETag", "Content-Type"):
        assert replay.headers[name] == first.headers[name]
    assert replay.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    assert replay.headers["Request-Id"] != first.headers["Request-Id"]


def test_a_repeated_create_is_answered_as_it_was(wanted: Wanted) -> None:
    first = wanted.create(SENDER, key("k-1"))
    revision, sockets = wanted.revision(), wanted.sockets()
    for spelling in ("k-1", '"k-1"'):
        assert_replayed(wanted.create(SENDER, key(spelling)), first)
    assert (wanted.revision(), wanted.sockets()) == (revision, sockets)
    assert wanted.names() == [first.json()["name"]]


def test_the_answer_outlives_what_becomes_of_the_session(wanted: Wanted) -> None:
    first = wanted.create(SENDER, key("k-2"))
    name = first.json()["name"]
    wanted.patch(name, {"ttl": 9})
    assert_replayed(wanted.create(SENDER, key("k-2")), first)
    assert wanted.delete(name).status == 204
    assert_replayed(wanted.create(SENDER, key("k-2")), first)
    assert wanted.names() == []


def test_another_body_is_refused(wanted: Wanted) -> None:
    wanted.create(SENDER | {"name": "one"}, key("k-3"))
    refused = (422, "idempotency-key-reuse")
    assert code(wanted.create(SENDER | {"name": "two"}, key("k-3"))) == refused
    # The same to a reader, but not the same bytes: it is not the request that was sent before.
    spaced = json.dumps(SENDER | {"name": "one"}, indent=1).encode()
    assert code(wanted.create(spaced, key("k-3") | JSON)) == refused
    assert code(wanted.create(b"{", key("k-3") | JSON)) == refused
    assert wanted.names() == ["one"]


def test_without_a_key_nothing_is_remembered(wanted: Wanted) -> None:
    assert wanted.create(SENDER | {"name": "one"}, key("k-4")).status == 201
    assert code(wanted.create(SENDER | {"name": "one"})) == (409, "name-in-use")
    assert code(wanted.create(SENDER | {"name": "one"}, key("k-5"))) == (409, "name-in-use")


def test_a_refused_create_is_not_remembered(wanted: Wanted, network: Network) -> None:
    definition = SENDER | {"name": "late", "localPort": 9190}
    with network.bound("0.0.0.0", 9190):
        for _ in range(2):
            assert code(wanted.create(definition, key("k-6"))) == (409, "address-in-use")
    assert code(wanted.create({"kind": "x"}, key("k-6"))) == (400, "invalid-field")
    assert code(wanted.create(b"[", key("k-6") | JSON)) == (400, "invalid-json")
    first = wanted.create(definition, key("k-6"))
    assert first.status == 201
    assert_replayed(wanted.create(definition, key("k-6")), first)


@pytest.mark.parametrize("persist", [True, False])
def test_of_many_at_once_one_creates(persist: bool, wanted: Wanted) -> None:
    definition = SENDER | {"persist": persist, "labels": {"race": "yes"}}
    for attempt in range(10):
        field = key(f"k-race-{persist}-{attempt}")
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: wanted.create(definition, field), range(8)))
        created = [a for a in answers if "Idempotency-Replayed" not in a.headers]
        created = [a for a in created if a.status == 201]
        assert len(created) == 1
        for answer in answers:
            if answer.status == 201:
                assert answer.body == created[0].body
            else:
                assert code(answer) == (409, "idempotency-key-in-use")
                assert answer.headers["Retry-After"] == "1"
        assert len(wanted.names()) == attempt + 1


GOOD = ["a", "a" * 255, '"' + "b" * 255 + '"', "!#$%&'()*+,-./:;<=>?@[]^_`{|}~", "\\"]
BAD = ["", '""', '"', "a" * 256, '"' + "a" * 256 + '"', "a b", 'a"b', '"a', 'a"', "ä"]


@pytest.mark.parametrize("good", GOOD, ids=range(len(GOOD)))
def test_a_key_at_its_borders(good: str, wanted: Wanted) -> None:
    first = wanted.create(SENDER, key(good))
    assert first.status == 201, first.body
    assert_replayed(wanted.create(SENDER, key(good)), first)


@pytest.mark.parametrize("bad", BAD, ids=range(len(BAD)))
def test_a_malformed_key(bad: str, wanted: Wanted) -> None:
    response = wanted.create(SENDER, key(bad))
    assert response.status == 400
    assert response.json()["code"] in ("invalid-header", "bad-framing")
    assert wanted.names() == []


def test_answers_about_persistent_sessions_survive_kill_and_restart(
    binary: str, network: Network, document: Document
) -> None:
    with Daemon(binary, network) as daemon:
        wanted = Wanted(daemon.client(), document, daemon)
        first = wanted.create(SENDER | {"name": "kept"}, key("k-9"))
        gone = wanted.create(SENDER | {"name": "gone"}, key("k-10"))
        fleeting = wanted.create(SENDER | {"name": "fleeting", "persist": False}, key("k-11"))
        assert (first.status, gone.status, fleeting.status) == (201, 201, 201)
        assert wanted.delete("gone").status == 204
        daemon.process.kill()
        daemon.process.wait()
        daemon.start()
        assert_replayed(wanted.create(SENDER | {"name": "kept"}, key("k-9")), first)
        assert_replayed(wanted.create(SENDER | {"name": "gone"}, key("k-10")), gone)
        assert code(wanted.create(SENDER, key("k-9"))) == (422, "idempotency-key-reuse")
        assert wanted.names() == ["kept"]
        # What is forgotten with its session may be made again.
        again = wanted.create(SENDER | {"name": "fleeting", "persist": False}, key("k-11"))
        assert again.status == 201 and "Idempotency-Replayed" not in again.headers
        assert wanted.get("kept").json()["id"] == first.json()["id"]

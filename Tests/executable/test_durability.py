"""What was acknowledged survives a kill."""

import http.client
import json
import random
import re
import signal
import threading

from executable.writers import CountDown, Writer, definition

# How many sessions are acknowledged before the kill comes, in the midst of further ones.
ACKNOWLEDGED_BEFORE_THE_KILL = 100
WRITERS = 4
ROUNDS = 50


def address(daemon) -> str:
    return re.search(r"http://(127\.0\.0\.1:\d+)", daemon.printed)[1]


def sessions(daemon) -> dict[str, dict]:
    """All sessions of a daemon by their names."""
    connection = http.client.HTTPConnection(address(daemon), timeout=20)
    found, token = {}, ""
    while True:
        connection.request("GET", "/v1/sessions?limit=1000" + token)
        page = json.load(connection.getresponse())
        found |= {item["name"]: item for item in page["items"]}
        if "nextPageToken" not in page:
            connection.close()
            return found
        token = "&pageToken=" + page["nextPageToken"]


def test_a_kill_during_a_burst_of_creates_loses_no_acknowledged_session(serve):
    daemon = serve().wait_until_serving()
    acknowledged, enough = {}, threading.Event()

    def write(writer: int):
        connection = http.client.HTTPConnection(address(daemon), timeout=20)
        for number in range(2000):
            name = f"session-{writer}-{number}"
            body = json.dumps(definition(name, 10_000 + number))
            try:
                connection.request("POST", "/v1/sessions", body, {"Content-Type": "application/json"})
                response = connection.getresponse()
                session = json.load(response)
            except (OSError, http.client.HTTPException, ValueError):
                return
            assert response.status == 201, session
            acknowledged[name] = session["id"]
            if len(acknowledged) >= ACKNOWLEDGED_BEFORE_THE_KILL:
                enough.set()

    writers = [threading.Thread(target=write, args=(number,)) for number in range(WRITERS)]
    for writer in writers:
        writer.start()
    assert enough.wait(20), daemon.log.read_text()
    daemon.end(signal.SIGKILL)
    for writer in writers:
        writer.join()

    after = sessions(serve().wait_until_serving())
    missing = {
        name: id for name, id in acknowledged.items() if after.get(name, {}).get("id") != id
    }
    assert missing == {}
    assert len(acknowledged) >= ACKNOWLEDGED_BEFORE_THE_KILL
    # What was under way at the kill may be there or not: one a writer.
    assert len(after) <= len(acknowledged) + WRITERS
    for session in after.values():
        number = int(session["name"].split("-")[2])
        expected = definition(session["name"], 10_000 + number)
        assert {key: session[key] for key in expected} == expected
        assert session["status"]["state"] == "running"


def test_what_is_not_persistent_or_was_deleted_does_not_come_back(serve):
    daemon = serve().wait_until_serving()
    connection = http.client.HTTPConnection(address(daemon), timeout=20)

    def send(method: str, path: str, body=None) -> int:
        headers = {"Content-Type": "application/json"} if body else {}
        connection.request(method, path, json.dumps(body) if body else None, headers)
        response = connection.getresponse()
        response.read()
        return response.status

    assert send("POST", "/v1/sessions", definition("kept", 10_001)) == 201
    assert send("POST", "/v1/sessions", definition("gone", 10_002)) == 201
    transient = definition("transient", 10_003) | {"persist": False}
    assert send("POST", "/v1/sessions", transient) == 201
    assert send("DELETE", "/v1/sessions/gone") == 204
    before = sessions(daemon)["kept"]
    connection.close()
    daemon.end(signal.SIGKILL)

    after = sessions(serve().wait_until_serving())
    assert list(after) == ["kept"]
    for field in ("id", "createdAt", "updatedAt", "generation", "kind", "group", "port"):
        assert after["kept"][field] == before[field]


def test_fifty_kills_lose_nothing_acknowledged_and_bring_nothing_back(serve):
    """Each round goes on where the one before was killed, at a moment of its own."""
    chance = random.Random(7)
    writers = [Writer(number, random.Random(number)) for number in range(WRITERS)]
    daemon = serve().wait_until_serving()
    for _ in range(ROUNDS):
        count_down = CountDown(chance.randrange(1, 60))
        threads = [
            threading.Thread(target=writer.write, args=(address(daemon), count_down))
            for writer in writers
        ]
        for thread in threads:
            thread.start()
        assert count_down.done.wait(20), daemon.log.read_text()
        daemon.end(signal.SIGKILL)
        for thread in threads:
            thread.join()

        daemon = serve().wait_until_serving()
        found = sessions(daemon)
        for writer in writers:
            writer.compare(found)
        assert len(found) == sum(len(writer.sessions) for writer in writers)
    assert all(writer.acknowledged > ROUNDS for writer in writers)

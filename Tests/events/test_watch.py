"""List, then watch: nothing is missed, nothing comes twice."""

import threading
from concurrent.futures import ThreadPoolExecutor

from events.watching import SENDER, Model, apply, listed, number, put


def test_the_first_event_says_where_it_begins(daemon, watch):
    client = daemon.client()
    put(client, "a")
    watcher = watch(daemon)
    (hello,) = watcher.wait_for(1)
    assert watcher.events[0].event == "hello"
    assert hello == {
        "revision": listed(client)["revision"],
        "version": client.get("/v1/server").json()["version"],
    }
    assert watcher.last_id == hello["revision"]


def test_every_kind_of_change_is_told_once_and_in_order(daemon, watch):
    client = daemon.client()
    watcher = watch(daemon)
    watcher.wait_for(1, "hello")
    # Line ends of other alphabets than HTTP's must not end a line of the stream.
    created = put(client, "a", annotations={"note": "one\ntwo\r\u2028\u0085\x0b."})
    put(client, "a", annotations={"note": "one\ntwo\r\u2028\u0085\x0b."})
    changed = put(client, "a", labels={"env": "prod"})
    reopened = put(client, "a", port=5005)
    assert reopened["id"] != changed["id"] == created["id"]
    assert client.delete("/v1/sessions/a").status == 204
    watcher.wait(lambda: len(watcher.changes) == 4)
    assert [event.event for event in watcher.changes] == [
        "session.created", "session.updated", "session.updated", "session.deleted",
    ]  # fmt: skip
    sessions = [event.json().get("session") for event in watcher.changes]
    assert sessions == [created, changed, reopened, None]
    gone = watcher.changes[3].json()
    assert gone == {"revision": gone["revision"], "name": "a", "id": reopened["id"]}
    assert gone["revision"] == listed(client)["revision"]


def test_a_model_of_list_and_events_is_the_list_while_many_write(daemon, watch):
    is_done = threading.Event()

    def write(writer: int) -> None:
        client = daemon.client()
        for turn in range(60):
            # Half of the names are fought for.
            name = f"s{turn % 5}" if turn % 2 else f"w{writer}-{turn % 5}"
            path = f"/v1/sessions/{name}"
            if turn % 7 == 6:
                assert client.delete(path).status in (204, 404)
            elif turn % 5 == 4:
                assert client.delete(f"/v1/sessions?selector=turn={turn - 2}").status == 200
            else:
                put(client, name, labels={"turn": str(turn)}, port=5004 + turn % 3)

    def follow(_: int) -> tuple[int, Model]:
        client = daemon.client()
        model = Model(listed(client))
        watcher = watch(daemon, f"/v1/events?after={model.revision}")
        connections = 1
        while True:
            was_done = is_done.is_set()
            watcher.wait(lambda: len(watcher.changes) >= 20 or is_done.is_set())
            if was_done:
                end = listed(client)["revision"]
                watcher.wait(lambda: (watcher.last_id or model.revision) == end)
            watcher.close()
            for event in watcher.changes:
                model.apply(event)
            if was_done:
                assert model.revision == end
                return connections, model
            watcher = watch(daemon, last_id=model.revision)
            connections += 1

    with ThreadPoolExecutor() as pool:
        writers = [pool.submit(write, writer) for writer in range(3)]
        followers = [pool.submit(follow, number) for number in range(3)]
        for writer in writers:
            writer.result()
        is_done.set()
        for follower in followers:
            connections, model = follower.result()
            assert connections > 2
            assert model.sessions == Model(listed(daemon.client())).sessions


def test_who_connects_again_gets_what_it_missed_and_nothing_else(daemon, watch):
    client = daemon.client()
    watcher = watch(daemon)
    watcher.wait_for(1, "hello")
    put(client, "a")
    watcher.wait_for(1, "session.created")
    watcher.close()
    for name in "bcd":
        put(client, name)
    again = watch(daemon, last_id=watcher.last_id)
    put(client, "e")
    again.wait(lambda: len(again.changes) == 4)
    assert [name for _, name in again.summary] == ["b", "c", "d", "e"]
    # Until then it must not seem to have seen what is still to come.
    assert not again.events[0].id
    assert again.named("hello")[0]["revision"] >= again.changes[2].id
    # What the client says goes before what its address says.
    other = watch(daemon, f"/v1/events?after={again.last_id}", last_id=watcher.last_id)
    other.wait(lambda: len(other.changes) == 4)
    assert again.named("resync") == other.named("resync") == []


def resync(watcher) -> tuple[str, str]:
    """Reason and revision of the resync that a watcher is told, first after hello."""
    watcher.wait_for(1, "resync")
    assert [event.event for event in watcher.events[:2]] == ["hello", "resync"]
    return watcher.named("resync")[0]["reason"], watcher.events[1].id


def test_who_was_away_for_too_long_is_told_to_list(daemon, watch):
    client = daemon.client()
    start = listed(client)["revision"]
    definitions = [SENDER | {"name": f"s{n}", "enabled": False} for n in range(350)]
    for turn in "12":
        apply(client, [definition | {"labels": {"turn": turn}} for definition in definitions])
    watcher = watch(daemon, last_id=start)
    watcher.wait(lambda: len(watcher.changes) == 700)
    assert [number(event.id) for event in watcher.changes] == list(range(1, 701))
    apply(client, [definition | {"labels": {"turn": "3"}} for definition in definitions[:325]])
    end = listed(client)["revision"]
    assert number(end) == number(start) + 1025
    behind = watch(daemon, last_id=start)
    assert resync(behind) == ("gap", end)
    # And goes on from there.
    put(client, "s1", enabled=False, labels={"turn": "4"})
    behind.wait(lambda: behind.summary == [("session.updated", "s1")])


def test_after_a_restart_and_with_an_id_that_is_none_a_client_is_told_to_list(daemon, watch):
    client = daemon.client()
    put(client, "a")
    last = listed(client)["revision"]
    watcher = watch(daemon, last_id=last)
    watcher.wait_for(1, "hello")
    daemon.stop()
    watcher.wait_for_end()
    daemon.start()
    now = listed(client)["revision"]
    assert now.split("-")[0] != last.split("-")[0]
    assert resync(watch(daemon, last_id=last)) == ("restarted", now)
    future = now.split("-")[0] + "-999999"
    assert resync(watch(daemon, last_id=future)) == ("unknown-revision", now)
    assert resync(watch(daemon, last_id="what")) == ("unknown-revision", now)
    assert client.get("/v1/events?after=what").json()["code"] == "invalid-query"


def test_a_selector_follows_labels_as_they_change(daemon, watch):
    client = daemon.client()
    start = listed(client)["revision"]
    watcher = watch(daemon, "/v1/events?selector=env%3Dprod")
    watcher.wait_for(1, "hello")
    put(client, "a", labels={"env": "prod"})
    put(client, "b", labels={"env": "test"})
    put(client, "b", labels={"env": "prod"})
    put(client, "a", labels={"env": "test"})
    put(client, "a", labels={"env": "test", "more": "yes"})
    put(client, "b", labels={"env": "prod", "more": "yes"})
    client.delete("/v1/sessions/a")
    client.delete("/v1/sessions/b")
    expected = [
        ("session.created", "a"), ("session.updated", "b"), ("session.deleted", "a"),
        ("session.updated", "b"), ("session.deleted", "b"),
    ]  # fmt: skip
    watcher.wait_for_revision(listed(client)["revision"])
    assert watcher.summary == expected
    # The past is chosen from in the same way.
    again = watch(daemon, "/v1/events?selector=env%3Dprod", last_id=start)
    again.wait_for_revision(watcher.last_id)
    assert [(event.id, event.data) for event in again.changes] == [
        (event.id, event.data) for event in watcher.changes
    ]


def test_a_session_tells_how_its_interface_comes_and_goes(daemon, network, watch):
    def add() -> None:
        network.run("ip link add here type veth peer name there".split())
        network.run("ip address add 192.168.77.1/24 dev here".split())
        network.run("ip link set there up".split())
        network.run("ip link set here up".split())

    client = daemon.client()
    add()
    try:
        put(client, "a", interface="here")
        watcher = watch(daemon)
        watcher.wait_for(1, "hello")
        network.run("ip link delete here".split())
        watcher.wait(lambda: states(watcher)[-1:] == ["waiting"])
        reason = watcher.named("session.state")[-1]["session"]["status"]["reason"]
        assert reason["code"] == "interface-unavailable"
        add()
        watcher.wait(lambda: states(watcher)[-1:] == ["running"])
        session = client.get("/v1/sessions/a").json()
        assert watcher.named("session.state")[-1]["session"] == session
        assert {event.event for event in watcher.changes} == {"session.state"}
    finally:
        network.run("ip link delete here".split(), check=False)


def states(watcher) -> list[str]:
    """The states that a watcher was told of."""
    return [data["session"]["status"]["state"] for data in watcher.named("session.state")]


def test_counters_come_when_asked_for_and_add_up(daemon, watch):
    client = daemon.client()
    receiver = {"kind": "multicast-receiver", "group": "239.1.2.3", "port": 5004}
    receiver |= {"interface": "lo", "labels": {"role": "in"}, "deny": ["127.0.0.2/32"]}
    assert client.post("/v1/sessions", receiver | {"name": "in"}).status == 201
    put(client, "out")
    silent = watch(daemon)
    watcher = watch(daemon, "/v1/events?counters=1")
    chosen = watch(daemon, "/v1/events?counters=1&selector=role%3Din")
    datagrams = {"datagrams": [{"text": "x"}] * 50}
    assert client.post("/v1/sessions/out/datagrams", datagrams).status == 200

    def latest(name: str) -> dict:
        return next((c for c in reversed(watcher.named("counters")) if c["name"] == name), {})

    watcher.wait(lambda: latest("in").get("received", {}).get("datagrams") == 50)
    watcher.wait(lambda: latest("out").get("sent", {}).get("datagrams") == 50)
    for counters in watcher.named("counters"):
        total = counters["accepted"]["datagrams"] + sum(counters["dropped"].values())
        assert counters["received"]["datagrams"] == total
    rounds = watcher.wait_for(6, "counters")
    assert [counters["name"] for counters in rounds[:6]] == ["in", "out"] * 3
    assert latest("in")["received"]["bytes"] == 50
    shown = client.get("/v1/sessions/in/counters").json()
    assert shown.keys() == latest("in").keys()
    assert {data["name"] for data in chosen.wait_for(2, "counters")} == {"in"}
    assert silent.named("counters") == []
    # Rounds say how far a client is, so that one that sees no changes can go on from there.
    put(client, "out", labels={"turn": "2"})
    now = listed(client)["revision"]
    chosen.wait_for_revision(now)
    assert chosen.summary == []


def test_head_is_no_stream(daemon):
    answer = daemon.client().request("HEAD", "/v1/events")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/event-stream")

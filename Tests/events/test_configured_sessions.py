"""Sessions of the configuration file: the file says what they are, and nobody else."""

import itertools
import socket
import threading

import pytest

from events.watching import SENDER
from support.waiting import wait_until

FIRST = SENDER | {"name": "first", "labels": {"env": "prod"}}
RECEIVER = {"kind": "multicast-receiver", "interface": "eth0"}


def session(relay, name: str) -> dict | None:
    """A session, or None."""
    answer = relay.daemon.client().get(f"/v1/sessions/{name}")
    return answer.json() if answer.status == 200 else None


def wait_for(relay, name: str, fact=bool) -> dict:
    """The session, once `fact` is true of it."""

    def found() -> dict | None:
        seen = session(relay, name)
        return seen if fact(seen) else None

    return wait_until(found, what=name)


def names(relay) -> list[str]:
    """The names of all sessions."""
    return [item["name"] for item in relay.daemon.client().get("/v1/sessions").json()["items"]]


def code(answer) -> tuple[int, str]:
    """Status and code of a problem."""
    return answer.status, answer.json()["code"]


def test_a_configured_session_is_changed_in_the_file_only(relay):
    relay.write(sessions=[FIRST, SENDER | {"name": "second", "enabled": False}])
    text, written = relay.configuration.read_bytes(), relay.configuration.stat().st_mtime_ns
    relay.start()
    before = session(relay, "first")
    assert before["origin"] == "configuration" and before["status"]["state"] == "running"
    assert session(relay, "second")["status"]["state"] == "disabled"
    path, managed = "/v1/sessions/first", (409, "managed-by-configuration")
    assert code(relay.request("PUT", path, body=FIRST | {"ttl": 7})) == managed
    assert code(relay.request("PUT", path, body=FIRST | {"port": 7000})) == managed
    patch = {"Content-Type": "application/merge-patch+json"}
    assert code(relay.request("PATCH", path, body={"ttl": 7}, headers=patch)) == managed
    assert code(relay.request("DELETE", path)) == managed
    assert code(relay.request("POST", "/v1/sessions", body=FIRST)) == (409, "name-in-use")
    third = SENDER | {"name": "third", "labels": {"env": "prod"}}
    assert relay.request("POST", "/v1/sessions", body=third).status == 201
    # All or none are deleted.
    assert code(relay.request("DELETE", "/v1/sessions?selector=env%3Dprod")) == managed
    assert names(relay) == ["first", "second", "third"]
    applied = relay.request("POST", "/v1/apply", body={"items": [FIRST | {"ttl": 7}]}).json()
    assert applied["items"][0]["result"] == "failed"
    assert applied["items"][0]["error"]["code"] == managed[1]
    atomic = relay.request("POST", "/v1/apply?atomic=true", body={"items": [FIRST | {"ttl": 7}]})
    assert code(atomic) == managed
    pruned = relay.request("POST", "/v1/apply?prune=true&selector=env%3Dprod", body={"items": []})
    assert [(item["name"], item["result"]) for item in pruned.json()["items"]] == [
        ("third", "deleted")
    ]
    # What changes nothing is no change.
    answer = relay.request("PUT", path, body=FIRST)
    assert (answer.status, answer.json()) == (200, before)
    applied = relay.request("POST", "/v1/apply", body={"items": [FIRST]}).json()
    assert applied["items"] == [{"name": "first", "result": "unchanged"}]
    assert session(relay, "first") == before
    # It works like any other.
    assert relay.request("POST", f"{path}/datagrams", body={"text": "a"}).status == 200
    relay.daemon.stop()
    relay.daemon.start()
    assert names(relay) == ["first", "second"]
    assert session(relay, "first")["origin"] == "configuration"
    assert relay.configuration.read_bytes() == text
    assert relay.configuration.stat().st_mtime_ns == written


class Traffic:
    """Numbered datagrams to a group at eth0, for as long as the `with` block."""

    def __init__(self, network, group: str, port: int) -> None:
        self.sent = 0
        self._to = (group, port)
        self._socket = network.bound("192.168.10.1", 0)
        self._socket.setsockopt(
            socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("192.168.10.1")
        )
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Traffic":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()
        self._socket.close()

    def _run(self) -> None:
        # A pace, not a wait: 5000 a second at most.
        while not self._is_over.wait(0.002):
            for _ in range(10):
                self._socket.sendto(b"%08d" % self.sent, self._to)
                self.sent += 1


def received(relay, name: str) -> int:
    """How many datagrams a session has received."""
    counters = relay.daemon.client().get(f"/v1/sessions/{name}/counters").json()
    return counters["received"]["datagrams"]


def test_a_reload_changes_the_difference_and_what_stays_loses_nothing(relay, network, watch):
    kept = RECEIVER | {"name": "kept", "group": "239.1.1.1", "port": 6001}
    in_place = RECEIVER | {"name": "in-place", "group": "239.1.1.2", "port": 6002}
    reopened = RECEIVER | {"name": "reopened", "group": "239.1.1.3", "port": 6003}
    removed = RECEIVER | {"name": "removed", "group": "239.1.1.4", "port": 6004}
    added = RECEIVER | {"name": "added", "group": "239.1.1.4", "port": 6004}
    relay.write(sessions=[kept, in_place, reopened, removed])
    relay.start()
    assert relay.request("POST", "/v1/sessions", body=SENDER | {"name": "api"}).status == 201
    before = {name: session(relay, name) for name in names(relay)}
    watcher = watch(relay.daemon)
    watcher.wait_for(1, "hello")
    with (
        Traffic(network, "239.1.1.1", 6001) as to_kept,
        Traffic(network, "239.1.1.2", 6002) as to_in_place,
    ):
        wait_until(lambda: received(relay, "kept") > 500)
        for turn in range(1, 6):
            relay.write(
                sessions=[
                    kept,
                    in_place | {"labels": {"turn": str(turn)}, "deny": [f"10.0.0.{turn}/32"]},
                    reopened | {"port": 6003 + 1000 * turn},
                    *([added] if turn % 2 else [removed]),
                ]
            )
            relay.reload()
            wait_for(relay, "in-place", lambda seen: seen["labels"] == {"turn": str(turn)})
            before_more = received(relay, "kept")
            wait_until(lambda: received(relay, "kept") > before_more + 200)
    wait_until(lambda: received(relay, "kept") == to_kept.sent, what=f"{to_kept.sent} datagrams")
    wait_until(lambda: received(relay, "in-place") == to_in_place.sent)
    assert session(relay, "kept") == before["kept"]
    assert session(relay, "api") == before["api"]
    after = session(relay, "in-place")
    assert after["id"] == before["in-place"]["id"] and after["generation"] == 6
    after = session(relay, "reopened")
    assert after["id"] != before["reopened"]["id"] and after["port"] == 11003
    assert names(relay) == ["added", "api", "in-place", "kept", "reopened"]
    counts = {}
    for event, name in watcher.summary:
        counts[name] = [*counts.get(name, []), event.removeprefix("session.")]
    assert counts == {
        "in-place": ["updated"] * 5,
        "reopened": ["updated"] * 5,
        "removed": ["deleted", "created", "deleted", "created", "deleted"],
        "added": ["created", "deleted", "created", "deleted", "created"],
    }


WRONG = [
    ([FIRST | {"port": 0}], "sessions: /0/port: "),
    ([FIRST, FIRST], "sessions: /1/name: "),
    ([SENDER], "sessions: /0/name: "),
    ([FIRST | {"colour": "red"}], "sessions: /0/colour: "),
    ({"first": FIRST}, "must be an array"),
]


@pytest.mark.parametrize(("sessions", "place"), WRONG)
def test_a_wrong_file_changes_nothing(relay, sessions, place):
    relay.write(sessions=[FIRST])
    relay.start()
    before = session(relay, "first")
    relay.write(sessions=sessions)
    relay.reload("nothing was changed")
    assert place in relay.log()
    assert names(relay) == ["first"] and session(relay, "first") == before
    relay.write(sessions=[FIRST | {"ttl": 9}])
    relay.reload()
    wait_for(relay, "first", lambda seen: seen["ttl"] == 9)


def test_a_session_of_the_api_comes_back_when_the_file_lets_go_of_its_name(relay, watch):
    relay.write(sessions=[])
    relay.start()
    body = SENDER | {"name": "first", "ttl": 3}
    made = relay.request("POST", "/v1/sessions", body=body).json()
    watcher = watch(relay.daemon)
    watcher.wait_for(1, "hello")

    def configured(seen) -> bool:
        return bool(seen) and seen["origin"] == "configuration"

    def from_api(seen) -> bool:
        return bool(seen) and seen["origin"] == "api" and seen["status"]["state"] == "running"

    relay.write(sessions=[FIRST])
    relay.reload()
    shadow = wait_for(relay, "first", configured)
    assert shadow["id"] != made["id"] and "stored of the other is kept" in relay.log()
    relay.write(sessions=[])
    relay.reload()
    back = wait_for(relay, "first", from_api)
    assert {**back, "status": None} == {**made, "status": None}
    watcher.wait(lambda: len(watcher.changes) == 5)
    assert [event for event, _ in watcher.summary] == [
        "session.deleted", "session.created", "session.deleted", "session.created", "session.state",
    ]  # fmt: skip
    # The same over restarts.
    relay.write(sessions=[FIRST])
    relay.daemon.stop()
    relay.daemon.start()
    assert session(relay, "first")["origin"] == "configuration" and names(relay) == ["first"]
    relay.write(sessions=[])
    relay.reload()
    assert wait_for(relay, "first", from_api)["id"] == made["id"]


def test_what_cannot_start_waits_whatever_the_reason(relay, network):
    holder = network.bound("0.0.0.0", 6100)
    held = SENDER | {"name": "held", "localPort": 6100}
    away = SENDER | {"name": "away", "interface": "later"}
    relay.write(sessions=[held, away])
    relay.start()
    for name, reason in [("held", "address-in-use"), ("away", "interface-unavailable")]:
        status = session(relay, name)["status"]
        assert (status["state"], status["reason"]["code"]) == ("waiting", reason)
    # Also what a reload brings or changes.
    relay.write(sessions=[held | {"ttl": 5}, away, away | {"name": "away-too"}])
    relay.reload()
    wait_for(relay, "away-too", lambda seen: seen and seen["status"]["state"] == "waiting")
    assert session(relay, "held")["status"]["state"] == "waiting"
    holder.close()
    network.run("ip link add later type veth peer name sooner".split())
    try:
        network.run("ip address add 192.168.78.1/24 dev later".split())
        network.run("ip link set later up".split())
        network.run("ip link set sooner up".split())
        for name in ["held", "away", "away-too"]:
            wait_for(relay, name, lambda seen: seen["status"]["state"] == "running")
    finally:
        network.run("ip link delete later".split())


def test_a_session_is_opened_anew_on_its_own_port_at_once(relay, watch):
    relay.write(sessions=[FIRST | {"localPort": 6200}])
    relay.start()
    watcher = watch(relay.daemon)
    watcher.wait_for(1, "hello")
    for turn in range(1, 4):
        relay.write(sessions=[FIRST | {"localPort": 6200, "group": f"239.1.3.{turn}"}])
        relay.reload()
        watcher.wait(lambda: len(watcher.named("session.updated")) == turn)
    states = [data["session"]["status"]["state"] for data in watcher.named("session.updated")]
    assert states == ["running"] * 3 and watcher.named("session.state") == []


def test_two_sessions_exchange_their_ports(relay):
    def pair(first: int, second: int) -> list[dict]:
        return [
            SENDER | {"name": name, "localPort": port}
            for name, port in [("a", first), ("b", second)]
        ]

    relay.write(sessions=pair(6300, 6301))
    relay.start()
    for first, second in itertools.islice(itertools.cycle([(6301, 6300), (6300, 6301)]), 3):
        relay.write(sessions=pair(first, second))
        relay.reload()
        for name, port in [("a", first), ("b", second)]:
            local = {"address": "0.0.0.0", "port": port}
            wait_for(relay, name, lambda seen: seen["status"].get("localAddress") == local)

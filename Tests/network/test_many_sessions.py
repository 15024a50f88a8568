"""10 000 sessions come and go while others receive 2000 datagrams a second: none is lost.

    h2 the sender ─── bridge0 ─── h1 the daemon         groups 239.9.9.1 to .4, port 7000, with traffic
                                                        groups 239.1.0.0/16, port 6666, without
"""

import sys

import pytest
from namespaces import eventually

BUSY, MANY, PER_SECOND = 4, 10_000, 2000
GROUP, PORT = "239.9.9.{}", 7000

# Sends numbered datagrams to the groups in turn, at a pace, until its input is closed or it has sent
# DATAGRAMS_MAX, and prints how many it has sent. A process of its own: the test is busy with JSON.
SENDER = """
import select, socket, sys, time
groups, port, per_second, datagrams_max = sys.argv[1].split(","), *map(int, sys.argv[2:])
made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sent, due = 0, time.monotonic()
while sent < datagrams_max and not select.select([sys.stdin], [], [], 0)[0]:
    for group in groups:
        made.sendto(sent.to_bytes(8, "big"), (group, port))
        sent += 1
    # What is late is not made up for by a burst.
    due = max(due + len(groups) / per_second, time.monotonic() - 0.01)
    time.sleep(max(due - time.monotonic(), 0))
print(sent)
"""
DATAGRAMS_MAX = PER_SECOND * 300


@pytest.fixture
def relaycast(start_daemon, h1):
    """Our daemon on h1, with room for all sessions."""
    return start_daemon(h1, "--sessions-max", str(MANY + BUSY))


def definitions():
    """The many: receivers with a group each."""
    return [
        {
            "kind": "multicast-receiver",
            "name": f"idle-{number:05}",
            "group": f"239.1.{number // 250}.{number % 250 + 1}",
            "port": 6666,
            "interface": "eth0",
            "labels": {"load": "idle"},
        }
        for number in range(MANY)
    ]


def test_10_000_sessions_come_and_go_while_others_lose_nothing(relaycast, h2):
    busy = [
        relaycast.create(
            "multicast-receiver",
            group=GROUP.format(number + 1),
            port=PORT,
            interface="eth0",
            labels={"load": "busy"},
        )
        for number in range(BUSY)
    ]
    groups = ",".join(GROUP.format(number + 1) for number in range(BUSY))
    arguments = [groups, PORT, PER_SECOND, DATAGRAMS_MAX]
    sender = h2.start(sys.executable, "-c", SENDER, *map(str, arguments))
    eventually(lambda: busy[-1].count("accepted"), 20, "there is traffic")

    answer = relaycast.ask("POST", "/v1/apply", {"items": definitions()}, timeout=240)
    assert answer.status == 200, answer
    assert [item["result"] for item in answer.json["items"]] == ["created"] * MANY
    items = relaycast.sessions(limit=1000, include="counters", selector="load=idle")
    assert [item["name"] for item in items] == [each["name"] for each in definitions()]
    assert {item["status"]["state"] for item in items} == {"running"}
    assert {item["counters"]["received"]["datagrams"] for item in items} == {0}
    answer = relaycast.ask("DELETE", "/v1/sessions", timeout=240, selector="load=idle")
    assert answer.status == 200 and len(answer.json["deleted"]) == MANY, answer
    assert relaycast.ask("GET", "/v1/sessions").json["total"] == BUSY

    assert sender.popen.poll() is None, "there was no traffic at the end"
    assert sender.wait(20) == 0, sender.errors
    sent = int(sender.output)
    # Shown by pytest when the test failed.
    print(f"{sent} datagrams; the longest round of the relay thread took {longest_round(relaycast)} s")
    for session in busy:
        session.wait_for_count(sent // BUSY, "received")
        counters = session.counters()
        assert counters["accepted"] == {"datagrams": sent // BUSY, "bytes": sent // BUSY * 8}
        assert counters["lost"] == {"receiveBufferFull": 0, "sendBufferFull": 0, "sendFailed": 0}


def longest_round(relaycast):
    """Seconds of the longest round of the relay thread so far."""
    lines = relaycast.ask("GET", "/metrics").body.decode().splitlines()
    name = "relaycast_engine_loop_longest_seconds"
    return next(float(line.split()[1]) for line in lines if line.startswith(name + " "))

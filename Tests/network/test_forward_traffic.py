"""Relaying goes on without a loss while targets change, a neighbour is flooded, or batches wait.

    h2 the streams ── eth0  h1 the relay, whose API is asked  eth1 ── h4, who counts
"""

import time

import pytest
from lab_relay import FAR, PORT, Ears, Stream, check_books, far, hear_far, relay
from lab_sockets import listener
from namespaces import eventually

HOST = "192.168.30.4"


def keep_patching(daemon, session, changes, stream):
    """Sets `forward` to one list after the other as long as the stream flows; how often."""
    made = 0
    while stream.is_alive():
        answer = daemon.ask("PATCH", session.path, {"forward": changes[made % len(changes)]})
        assert answer.status == 200, answer
        made += 1
    return made


def test_targets_that_stay_lose_nothing_when_others_come_and_go(relaycast, h2, h4):
    relaycast.create("multicast-sender", name="way", group="239.2.2.3", port=PORT, interface="eth1")
    staying, way = far(), {"session": "way"}
    guest, stranger = far(address=HOST, port=5001), far(address=HOST, port=5999)
    changes = [
        [guest, staying, way],
        [way, staying],
        [stranger, way, guest, staying],
        [staying, {**guest, "sampleOneIn": 3}, way],
        # Another rule for the same destination keeps its socket.
        [{**staying, "limits": {"datagramsPerSecond": 1_000_000}}, way],
        [way, staying, *(far(port=7000 + number) for number in range(62))],
    ]
    session = relay(relaycast, *changes[0])
    before = session.get()
    with Ears(hear_far(h4), hear_far(h4, group="239.2.2.3")) as ears:
        stream = Stream(h2, 6000, 4000, heard=ears.fewest)
        stream.start()
        made = keep_patching(relaycast, session, changes, stream)
        stream.join()
        ears.wait(6000)
    assert ears.heard == [stream.payloads, stream.payloads], "lost or out of order"
    assert made >= 12, "too few changes to prove anything"
    after = session.get()
    assert (after["id"], after["status"]["since"]) == (before["id"], before["status"]["since"])
    counters = session.counters()
    assert counters["accepted"]["datagrams"] == counters["received"]["datagrams"] == 6000
    assert set(counters["lost"].values()) == {0}


@pytest.mark.parametrize("microseconds", [1000, "adaptive"])
def test_what_waits_to_be_gathered_is_neither_lost_nor_reordered(relaycast, h2, h4, microseconds):
    session = relay(
        relaycast, far(), far(address=HOST, port=5001), coalesceMicroseconds=microseconds
    )
    with Ears(hear_far(h4), listener(h4, 5001)) as ears:
        stream = Stream(h2, 20_000, 20_000, heard=ears.fewest)
        stream.run()
        ears.wait(20_000)
    assert ears.heard == [stream.payloads, stream.payloads], "lost or out of order"
    assert check_books(session)["forwarded"]["datagrams"] == 40_000


@pytest.fixture
def flood(h2):
    """Starts iperf in h2, which sends small datagrams to a group as fast as one core can."""

    def start(group, port, seconds):
        words = ["-u", "-c", group, "-p", port, "-b", "4000M", "-l", "64", "-t", seconds, "-T", "2"]
        return h2.start("iperf", *words)

    return start


@pytest.mark.usefixtures("iperf_installed")
def test_a_flooded_session_starves_neither_another_nor_the_api(relaycast, flood, h2, h3, h4):
    flooded = relay(relaycast, far(address="239.2.2.9", port=5009), group="239.1.1.9", port=5009)
    session = relay(relaycast, far())
    with Ears(hear_far(h4)) as ears:
        attacker = flood("239.1.1.9", 5009, 30)
        eventually(lambda: flooded.count("received") > 10_000, what="the flood has come")
        stream = Stream(h3, 1500, 1000, heard=ears.fewest)
        stream.start()
        slowest, made = 0.0, 0
        while stream.is_alive():
            began = time.monotonic()
            one = relaycast.create("multicast-receiver", group=FAR, port=6000, interface="eth0")
            one.delete()
            slowest, made = max(slowest, time.monotonic() - began), made + 1
        stream.join()
        assert attacker.popen.poll() is None, "the flood ended before the stream did"
        ears.wait(1500)
    assert ears.heard == [stream.payloads]
    counters = check_books(session)
    assert counters["received"]["datagrams"] == counters["forwarded"]["datagrams"] == 1500
    assert set(counters["lost"].values()) == {0}
    assert slowest < 2 and made > 5, f"{made} rounds, the slowest took {slowest} s"
    attacker.kill()

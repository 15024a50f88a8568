"""Limits, sampling, and faults on purpose, as the receiver sees them and as the books say.

    h2 ── 192.168.10.0/24 ── eth0  h1 the relay  eth1 ── 192.168.30.0/24 ── h4
"""

import time
from collections import Counter

import pytest
from lab_relay import FAR, Ears, Stream, check_books, far, hear_far, relay, send
from lab_relay import targets as counters_of
from lab_sockets import listener
from namespaces import eventually

HOST = "192.168.30.4"
NUMBER = 2000


def hear_both(host):
    """The far group and the host itself."""
    return hear_far(host), listener(host, 5001)


def run(host, ears, session, number=NUMBER, per_second=4000, length=8):
    """Sends a stream, at the session's pace; returns its payloads and how long that took."""
    stream = Stream(host, number, per_second, length, heard=lambda: session.count("received"))
    began = time.monotonic()
    stream.run()
    session.wait_for_count(number, "received")
    return stream.payloads, time.monotonic() - began, ears.heard


LIMITS = [
    ({"datagramsPerSecond": 300, "burstMilliseconds": 500}, 150, 300),
    ({"bytesPerSecond": 100_000, "burstMilliseconds": 1000}, 200, 200),
]


@pytest.mark.parametrize("limits, burst, per_second", LIMITS, ids=["datagrams", "bytes"])
def test_a_limit_of_a_target_holds_for_it_alone(relaycast, h2, h4, limits, burst, per_second):
    session = relay(relaycast, far(limits=limits), far(address=HOST, port=5001))
    with Ears(*hear_both(h4)) as ears:
        payloads, seconds, heard = run(h2, ears, session, length=500)
        limited, free = check_books(session)["targets"]
        passed = limited["forwarded"]["datagrams"]
        eventually(lambda: [*map(len, heard)] == [passed, NUMBER], what=f"{passed} arrive")
    assert burst <= passed <= burst + seconds * per_second + 1
    assert limited["dropped"]["rate"] == NUMBER - passed
    # The bucket is full at first, so the first ones all pass; the order is kept.
    assert heard[0][:burst] == payloads[:burst]
    assert heard[0] == sorted(heard[0])
    assert heard[1] == payloads and free["dropped"]["rate"] == 0


@pytest.mark.parametrize("place", ["session", "target"])
@pytest.mark.parametrize(
    "limit, burst_milliseconds, length, per_second",
    [(100_000, 50, 200, 2000), (10_000, 50, 1316, 100), (1000, 10, 40, 200), (50_000, 500, 9000, 50)],
)
def test_a_limit_of_bytes_is_right_for_every_length(
    relaycast, h2, h4, place, limit, burst_milliseconds, length, per_second
):
    limits = {"bytesPerSecond": limit, "burstMilliseconds": burst_milliseconds}
    fields = {"limits": limits} if place == "session" else {}
    target = far(limits=limits) if place == "target" else far()
    session = relay(relaycast, target, loopGuardMilliseconds=0, **fields)
    with Ears(hear_far(h4)) as ears:
        _, seconds, heard = run(h2, ears, session, 4 * per_second, per_second, length)
        (counted,) = check_books(session)["targets"]
        passed = counted["forwarded"]["datagrams"]
        eventually(lambda: len(heard[0]) == passed, what=f"{passed} arrive")
    right = (limit * burst_milliseconds / 1000 + limit * seconds) / length
    assert abs(passed - right) <= right * 0.05 + 1, f"{passed}, not {right}"


def test_a_limit_of_a_session_holds_for_all_its_targets(relaycast, h2, h4):
    limits, burst, per_second = LIMITS[0]
    session = relay(relaycast, far(), far(address=HOST, port=5001), limits=limits)
    with Ears(*hear_both(h4)) as ears:
        payloads, seconds, heard = run(h2, ears, session, length=500)
        counters = check_books(session)
        passed = counters["accepted"]["datagrams"]
        eventually(lambda: [*map(len, heard)] == [passed, passed], what=f"{passed} arrive")
    assert burst <= passed <= burst + seconds * per_second + 1
    assert counters["dropped"]["rate"] == NUMBER - passed
    assert heard[0] == heard[1]
    assert heard[0][:burst] == payloads[:burst]


def test_the_limit_of_a_session_that_sends_for_others_holds_for_all_of_them(relaycast, h2, h4):
    limits = {"datagramsPerSecond": 1, "burstMilliseconds": 10_000}
    relaycast.create(
        "multicast-sender", name="way", group=FAR, port=5004, interface="eth1", limits=limits
    )
    first = relay(relaycast, {"session": "way"})
    second = relay(relaycast, {"session": "way"}, group="239.1.1.2")
    with hear_far(h4) as ear:
        send(h2, *[b"first"] * 7)
        first.wait_for_count(7, "received")
        send(h2, *[b"second"] * 7, to=("239.1.1.2", 5004))
        second.wait_for_count(7, "received")
        # A bucket of ten, and what a second or two has added.
        passed = sum(check_books(one)["targets"][0]["forwarded"]["datagrams"]
                     for one in (first, second))  # fmt: skip
        assert 10 <= passed < 14
        heard = [ear.recv(100) for _ in range(passed)]
    assert heard == [b"first"] * 7 + [b"second"] * (passed - 7)
    assert counters_of(second)[0]["dropped"]["rate"] == 14 - passed


def test_a_sample_is_every_so_many_from_the_first_on(relaycast, h2, h4):
    session = relay(relaycast, far(sampleOneIn=7), far(address=HOST, port=5001, sampleOneIn=1000))
    with Ears(*hear_both(h4)) as ears:
        payloads, _, heard = run(h2, ears, session)
        eventually(lambda: len(heard[0]) >= len(payloads[::7]) and len(heard[1]) >= 2)
    assert heard == [payloads[::7], payloads[::1000]]
    dropped = [target["dropped"]["sampling"] for target in check_books(session)["targets"]]
    assert dropped == [NUMBER - len(payloads[::7]), NUMBER - 2]


def test_chaos_loses_and_doubles_what_the_seed_says_every_time(relaycast, h2, h4):
    chaos = {"seed": 42, "lossPercent": 30, "duplicatePercent": 10}
    session = relay(relaycast, far(chaos=chaos), far(address=HOST, port=5001, chaos=chaos))
    with Ears(*hear_both(h4)) as ears:
        payloads, _, heard = run(h2, ears, session)
        settled = lambda: [t["held"] for t in counters_of(session)] == [0, 0]  # noqa: E731
        eventually(settled, what="nothing is held")
        sent = [target["forwarded"]["datagrams"] for target in counters_of(session)]
        eventually(lambda: [*map(len, heard)] == sent, what=f"{sent} arrive")
    assert heard[0] == heard[1], "another fate of the same datagrams with the same seed"
    times = Counter(heard[0])
    doubled = sum(times[payload] == 2 for payload in payloads)
    missing = sum(times[payload] == 0 for payload in payloads)
    assert set(times.values()) == {1, 2}
    # Five standard deviations of 2000 draws.
    assert abs(missing - 600) < 103 and abs(doubled - 140) < 57
    assert heard[0] == sorted(heard[0])
    for target in counters_of(session):
        assert target["dropped"]["chaosLoss"] == missing
        assert target["forwarded"]["datagrams"] == NUMBER - missing + doubled


def test_chaos_makes_datagrams_change_places(relaycast, h2, h4):
    jitter = {"delayMilliseconds": 100, "jitterMilliseconds": 100, "seed": 1}
    session = relay(
        relaycast, far(chaos={"reorderPercent": 100}), far(address=HOST, port=5001, chaos=jitter)
    )
    neighbours, anyone = hear_both(h4)
    with neighbours, anyone:
        send(h2, *[b"%d" % number for number in range(100)])
        heard = [int(neighbours.recv(100)) for _ in range(100)]
        assert heard == [number ^ 1 for number in range(100)]
        heard = [int(anyone.recv(100)) for _ in range(100)]
        assert sorted(heard) == [*range(100)] != heard
    check_books(session)


def test_chaos_holds_datagrams_back_and_says_so(relaycast, h2, h4):
    session = relay(relaycast, far(chaos={"delayMilliseconds": 500}), far(address=HOST, port=5001))
    late, prompt = hear_both(h4)
    with late, prompt:
        began = time.monotonic()
        send(h2, *[b"%d" % number for number in range(100)])
        assert [int(prompt.recv(100)) for _ in range(100)] == [*range(100)]
        if time.monotonic() - began < 0.4:
            assert check_books(session)["targets"][0]["held"] == 100
        assert [int(late.recv(100)) for _ in range(100)] == [*range(100)]
        assert time.monotonic() - began >= 0.5
    assert check_books(session)["targets"][0]["held"] == 0


def test_a_slow_link_takes_its_time(relaycast, h2, h4):
    session = relay(relaycast, far(chaos={"datagramsPerSecondMax": 200}))
    with hear_far(h4) as ear:
        began = time.monotonic()
        send(h2, *[b"%d" % number for number in range(101)])
        assert [int(ear.recv(100)) for _ in range(101)] == [*range(101)]
        assert time.monotonic() - began >= 0.49
    check_books(session)


def test_chaos_holds_so_many_and_drops_the_rest(relaycast, h2, h4):
    session = relay(relaycast, far(chaos={"delayMilliseconds": 60_000}))
    with Ears(hear_far(h4)) as ears:
        run(h2, ears, session, number=4200, per_second=8000)
        (target,) = check_books(session)["targets"]
        assert (target["held"], target["dropped"]["chaosOverflow"]) == (4096, 104)
        # Without chaos what was held leaves, and then the next one goes at once.
        answer = relaycast.ask("PATCH", session.path, {"forward": [far()]})
        assert answer.status == 200, answer
        (target,) = session.counters()["targets"]
        assert "held" not in target
        assert target["forwarded"]["datagrams"] == 4096
        # What left at once may be more than a receiver takes, so the next one is repeated.
        eventually(lambda: send(h2, b"after") or b"after" in ears.heard[0], what="the next one")

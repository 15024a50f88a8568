"""What cannot be told from a return, and what can: each copy sent excuses one drop, of its bytes.

    h2 ── bridge0 ── eth0  h1 relaycast, both ways  eth1 ── bridge1 ── h4
"""

import pytest
from lab_circles import LAYOUTS, WAYS, check_rest, ears_on, hear, outlet, payload, say, tally
from lab_circles import wait_until_heard
from namespaces import eventually


@pytest.fixture(params=["directed", "one-group-ipv6"])
def sides(request, h4):  # noqa: ARG001 (the second subnet is there)
    """The two sides that are relayed between."""
    return LAYOUTS[request.param][:2]


@pytest.mark.parametrize("way, copies, answers", [("senders", 1, 3), ("addresses", 40, 60)])
def test_each_copy_excuses_one_drop_and_no_more(relaycast, lab, sides, way, copies, answers):
    WAYS[way](relaycast, sides)
    same = payload(100, "same")
    with ears_on(lab, sides) as ears:
        say(lab, sides[0], *[same] * copies)
        wait_until_heard(ears, same, copies)
        check_rest(relaycast, seconds=0.1)
        # A host of the far side says what was relayed there, within a second.
        say(lab, sides[1], *[same] * answers)
        eventually(lambda: len(ears.heard[1]) == copies + answers, 5, "it is said")
        # What the kernel gave back of the copies may have used up the excuses.
        passed = lambda: len(ears.heard[0]) - copies  # noqa: E731
        eventually(lambda: passed() >= answers - copies, 5, lambda: f"{passed()} passed")
        check_rest(relaycast, seconds=0.1)
        assert answers - copies <= passed() <= answers
        # No excuse is left.
        before = passed()
        say(lab, sides[1], *[same] * 3)
        eventually(lambda: passed() == before + 3, 5, lambda: f"{passed() - before} passed of 3")


@pytest.mark.parametrize("way", ["addresses"])
def test_what_was_sent_is_forgotten_after_the_time_of_the_guard(relaycast, lab, sides, way):
    WAYS[way](relaycast, sides, loopGuardMilliseconds=100)
    with ears_on(lab, sides) as ears:
        for times, side in enumerate([sides[0], sides[1], sides[0], sides[1]], 1):
            say(lab, side, b"same")
            wait_until_heard(ears, b"same", times)
            # A pause of half a second.
            check_rest(relaycast)


def pairs():
    """Datagrams that are nearly equal, two and two."""
    for length in (129, 1316, 65507):
        # The middle, and just inside of what a digest of both ends would cover.
        for place in sorted({length // 2, 64, length - 65}):
            one = bytearray(b"=" * length)
            one[:4] = place.to_bytes(4, "big")
            other = bytearray(one)
            other[place] ^= 1
            yield f"{length}-bytes-at-{place}", bytes(one), bytes(other)
    for length in (0, 7, 64, 128, 1315):
        whole = bytes(n * 7 % 251 for n in range(length + 1))
        yield f"a-prefix-of-{length}", whole[:length], whole
        yield f"zeros-of-{length}", bytes(length), bytes(length + 1)
    yield "blocks-swapped", b"A" * 64 + b"B" * 64 + b"C" * 64, b"B" * 64 + b"A" * 64 + b"C" * 64
    yield "one-bit", b"\x00" * 100, b"\x00" * 99 + b"\x80"


PAIRS = list(pairs())


@pytest.mark.parametrize("way", ["addresses"])
def test_a_different_datagram_of_the_other_side_is_never_taken_for_a_return(
    relaycast, lab, sides, way
):
    WAYS[way](relaycast, sides, loopGuardMilliseconds=60000)
    payloads = []
    with ears_on(lab, sides) as ears:
        for name, one, other in PAIRS:
            # Those that were said before, such as the zeros of another pair, may be returns.
            if one in payloads or other in payloads:
                continue
            say(lab, sides[0], one)
            eventually(lambda one=one: one in ears.heard[1], 5, f"{name}: it crosses")
            say(lab, sides[1], other)
            eventually(lambda other=other: other in ears.heard[0], 5, f"{name}: it crosses back")
            payloads += [one, other]
        check_rest(relaycast)
        assert [tally(one) for one in ears.heard] == [tally(payloads)] * 2


@pytest.mark.parametrize("way", ["senders"])
def test_different_datagrams_of_two_sockets_all_pass(relaycast, lab, sides, way):
    WAYS[way](relaycast, sides)
    payloads = []
    with ears_on(lab, sides) as ears:
        for _, one, other in PAIRS:
            # A socket of its own each time.
            for datagram in (one, other, one, other):
                say(lab, sides[0], datagram)
                payloads.append(datagram)
                number = payloads.count(datagram)
                wait_until_heard(ears, datagram, number)
        check_rest(relaycast, seconds=0.1)
        assert [tally(heard) for heard in ears.heard] == [tally(payloads)] * 2


def test_without_the_guard_nothing_is_taken_for_a_return(relaycast, lab, sides):
    hear(relaycast, sides[0], outlet(sides[1]), loopGuardMilliseconds=0)
    with ears_on(lab, sides) as ears:
        for times in (1, 2, 3):
            say(lab, sides[0], b"same")
            wait_until_heard(ears, b"same", times)

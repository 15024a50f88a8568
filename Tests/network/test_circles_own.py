"""One daemon that relays both ways: each datagram is on each side exactly once.

    h2 ── bridge0 ── eth0  h1 relaycast  eth1 ── bridge1 ── h4
    h2 ── side0 ──── side0                                          (or three groups on lo of h1)

A datagram is a host's, or posted to a session that sends to the side. On its own side it is heard
once, as it was sent; on every other side once, as it was relayed.
"""

import pytest
from lab_circles import LAYOUTS, WAYS, check_rest, dropped_as_loop, ears_on, heard, pause, payload
from lab_circles import say, tally, wait_until_heard, warned_of_loops
from namespaces import eventually

SIZES = (1, 128, 129, 1316, 9000)


# Every layout and every way once at least, between two sides and three.
@pytest.mark.parametrize(
    "layout, way, count",
    [
        ("groups-on-lo", "senders", 3),
        ("groups-on-one-link", "peers", 2),
        ("one-group", "port-of-the-side", 3),
        ("one-group-ipv6", "local-ports", 2),
        ("link-local-ipv6", "senders", 2),
        ("directed", "peers", 2),
        ("limited", "addresses", 2),
        ("network-address", "senders", 2),
    ],
)
def test_each_datagram_is_on_each_side_once(relaycast, lab, sides_of, layout, way, count):
    sides = sides_of(layout, count)
    mouths, sessions = WAYS[way](relaycast, sides)
    expected = []
    with ears_on(lab, sides) as ears:
        for number, (side, mouth) in enumerate(zip(sides, mouths)):
            for size in SIZES:
                posted, said = payload(size, 2 * number), payload(size, 2 * number + 1)
                mouth.send(posted)
                wait_until_heard(ears, posted)
                say(lab, side, said)
                wait_until_heard(ears, said)
                expected += [posted, said]
        check_rest(relaycast)
        # The way is still open, and nothing has come late.
        say(lab, sides[0], b"last")
        wait_until_heard(ears, b"last", seconds=1)
        assert heard(ears) == [tally([*expected, b"last"])] * count
    assert [session.count("lost", "sendFailed") for session in sessions] == [0] * count


@pytest.fixture
def loopback_only(h1):
    """h1 without an IPv4 address but 127.0.0.1: the kernel then sends groups from 0.0.0.0."""
    address = [f"{h1.address}/24", "dev", "eth0"]
    h1.run("ip", "address", "delete", *address)
    yield
    h1.run("ip", "address", "add", *address, "broadcast", "+")
    h1.run("ip", "route", "replace", "224.0.0.0/4", "dev", "eth0")


@pytest.mark.parametrize("way", WAYS)
def test_a_host_that_has_only_loopback_knows_what_it_has_sent(loopback_only, relaycast, lab, way):
    sides = LAYOUTS["groups-on-lo"][:2]
    mouths, sessions = WAYS[way](relaycast, sides)
    with ears_on(lab, sides) as ears:
        mouths[0].send(b"posted")
        wait_until_heard(ears, b"posted")
        say(lab, sides[1], b"said")
        wait_until_heard(ears, b"said")
        check_rest(relaycast)
        assert heard(ears) == [tally([b"posted", b"said"])] * 2
    assert not warned_of_loops(*sessions)


@pytest.mark.parametrize(
    "layout, way, is_posted",
    [("groups-on-lo", "senders", True), ("one-group-ipv6", "local-ports", False)],
)
def test_a_datagram_of_no_bytes_is_on_each_side_once(
    relaycast, lab, sides_of, layout, way, is_posted
):
    sides = sides_of(layout, 2)
    mouths, _ = WAYS[way](relaycast, sides)
    with ears_on(lab, sides) as ears:
        for times in (1, 2):
            if is_posted:
                mouths[0].send(b"")
            else:
                say(lab, sides[0], b"")
            wait_until_heard(ears, b"", times)
            check_rest(relaycast)
        assert heard(ears) == [tally([b"", b""])] * 2


@pytest.mark.parametrize("way", ["peers"])
def test_a_long_memory_of_what_was_sent_changes_nothing(relaycast, lab, sides_of, way):
    sides = sides_of("groups-on-lo", 3)
    mouths, _ = WAYS[way](relaycast, sides, loopGuardMilliseconds=60000)
    with ears_on(lab, sides) as ears:
        for number, (side, mouth) in enumerate(zip(sides, mouths)):
            mouth.send(b"posted %d" % number)
            wait_until_heard(ears, b"posted %d" % number)
            say(lab, side, b"said %d" % number)
            wait_until_heard(ears, b"said %d" % number)
        check_rest(relaycast)
        assert {count for side in heard(ears) for count in side.values()} == {1}


@pytest.mark.parametrize(
    "layout, way", [("one-group-ipv6", "local-ports"), ("directed", "senders")]
)
def test_each_of_equal_datagrams_is_on_each_side_once(relaycast, lab, sides_of, layout, way):
    sides = sides_of(layout, 3)
    mouths, _ = WAYS[way](relaycast, sides)
    with ears_on(lab, sides) as ears:
        mouths[0].send(*[b"posted"] * 10)
        wait_until_heard(ears, b"posted", 10)
        say(lab, sides[0], *[b"said"] * 10)
        wait_until_heard(ears, b"said", 10)
        check_rest(relaycast)
        assert heard(ears) == [tally([b"posted", b"said"] * 10)] * 3


@pytest.mark.parametrize(
    "layout, way", [("groups-on-lo", "senders"), ("limited", "port-of-the-side")]
)
def test_a_burst_is_on_each_side_once(relaycast, lab, sides_of, layout, way):
    sides = sides_of(layout, 2)
    _, sessions = WAYS[way](relaycast, sides, receiveBufferBytes=4 << 20)
    payloads = [b"%d" % number for number in range(150)]
    with ears_on(lab, sides) as ears:
        # All of it is there at once when the daemon goes on.
        relaycast.process.freeze()
        say(lab, sides[0], *payloads)
        relaycast.process.thaw()
        ears.wait(len(payloads))
        check_rest(relaycast)
        assert heard(ears) == [tally(payloads)] * 2
        assert [session.count("lost", "receiveBufferFull") for session in sessions] == [0, 0]


@pytest.mark.parametrize(
    "layout, way", [("one-group-ipv6", "senders"), ("directed", "local-ports")]
)
def test_datagrams_that_differ_in_the_middle_are_on_each_side_once(
    relaycast, lab, sides_of, layout, way
):
    sides = sides_of(layout, 2)
    _, (here, there) = WAYS[way](relaycast, sides)
    payloads = [b"=" * 200 + b"%04d" % number + b"=" * 200 for number in range(200)]
    with ears_on(lab, sides) as ears:
        for number in range(0, len(payloads), 50):
            say(lab, sides[0], *payloads[number : number + 50])
            ears.wait(number + 50)
        check_rest(relaycast)
        assert heard(ears) == [tally(payloads)] * 2
        assert (here.count("forwarded"), there.count("forwarded")) == (200, 0)


@pytest.mark.parametrize("way", ["senders", "addresses"])
def test_what_the_kernel_gives_back_is_counted_as_a_loop(relaycast, lab, sides_of, way):
    sides = sides_of("one-group", 2)
    mouths, (here, there) = WAYS[way](relaycast, sides)
    with ears_on(lab, sides) as ears:
        say(lab, sides[0], b"once")
        wait_until_heard(ears, b"once")
        # The copy on the second side, as this host hears it.
        eventually(lambda: dropped_as_loop(there) == 1, 5, lambda: f"{there.counters()}")
        assert (dropped_as_loop(here), here.count("forwarded")) == (0, 1)
        assert there.count("forwarded") == 0
        # A post is new to whoever hears it, and goes on from there once.
        mouths[0].send(b"posted")
        wait_until_heard(ears, b"posted")
        eventually(lambda: dropped_as_loop(there) == 2, 5, lambda: f"{there.counters()}")
        assert (dropped_as_loop(here), here.count("forwarded")) == (0, 2)


@pytest.mark.parametrize("layout, way", [("groups-on-lo", "peers")])
def test_its_own_copies_are_nothing_to_warn_of(relaycast, lab, sides_of, layout, way):
    sides = sides_of(layout, 2)
    mouths, sessions = WAYS[way](relaycast, sides)
    with ears_on(lab, sides) as ears:
        for number in range(20):
            for side, mouth in zip(sides, mouths):
                mouth.send(b"posted %d on %d" % (number, side.port) + side.interface.encode())
                say(lab, side, b"said %d on %d" % (number, side.port) + side.interface.encode())
        ears.wait(80)
        check_rest(relaycast)
        # Warnings are looked for once a second.
        pause(2)
        assert warned_of_loops(*sessions) == []


def test_peers_that_forward_to_each_other_are_refused_with_advice(relaycast, h4):  # noqa: ARG001
    fields = {"kind": "multicast-peer", "group": "239.1.1.1", "port": 5004}
    near = {**fields, "interface": "eth0", "forward": [{"session": "far"}]}
    far = {**fields, "interface": "eth1", "forward": [{"session": "near"}]}
    assert relaycast.ask("PUT", "/v1/sessions/near", near).status == 201
    answer = relaycast.ask("PUT", "/v1/sessions/far", far)
    assert (answer.status, answer.code) == (409, "forward-loop")
    # How it is done: a session hears each side, and forwards to the other by its address.
    assert "receive one side" in answer.json["detail"]
    assert "by address" in answer.json["detail"]

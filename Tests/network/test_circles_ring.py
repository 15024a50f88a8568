"""One-way relays in a ring: with `decrement` it ends by itself, with a fixed TTL it is bounded.

  three groups on bridge0:  h1: .1 → .2    h1: .2 → .3    h1: .3 → .1
  three links:              h3: bridge0 → bridge1    h1: bridge1 → side0    h2: side0 → bridge0
  two links:                h1: bridge0 → bridge1    h3: bridge1 → bridge0
"""

import time

import pytest
from lab_circles import LAYOUTS, Side, check_rest, dropped_as_loop, ears_on, hear, heard, outlet
from lab_circles import pause, payload, say, tally, warned_of_loops
from lab_sockets import sender
from namespaces import eventually

# What a session relays of what may have come back: in a first burst, and a second.
BURST, PER_SECOND = 1000, 100
# How often a datagram may pass before it seems to circle.
NEW = 3
SECONDS = 2

GROUPS = {
    family: [Side(group.format(n), 5004, "eth0", "h2", "eth0") for n in (1, 2, 3)]
    for family, group in {"ipv4": "239.5.5.{}", "ipv6": "ff05::5:{}"}.items()
}
# Who relays from which side to the next.
RINGS = {
    "ipv4-one-host": (GROUPS["ipv4"], ["h1", "h1", "h1"]),
    "ipv6-one-host": (GROUPS["ipv6"], ["h1", "h1", "h1"]),
    "directed-on-links": (LAYOUTS["directed"], ["h3", "h1", "h2"]),
    "one-group-ipv6-on-two-links": (LAYOUTS["one-group-ipv6"][:2], ["h1", "h3"]),
    "limited-on-two-links": (LAYOUTS["limited"][:2], ["h1", "h3"]),
}


@pytest.fixture
def start_ring(lab, start_daemon, connect, h4):  # noqa: ARG001 (the second subnet is there)
    """Daemons that relay each side of a ring to the next, and what they relay between."""

    def start(ring, **fields):
        sides, hosts = RINGS[ring]
        if any(side.interface == "side0" for side in sides):
            connect("side0")
        daemons = [start_daemon(lab.hosts[name]) for name in hosts]
        sessions = [
            hear(daemon, here, outlet(there, **fields), receiveBufferBytes=4 << 20)
            for daemon, here, there in zip(daemons, sides, [*sides[1:], sides[0]])
        ]
        return sides, daemons, sessions

    return start


@pytest.mark.parametrize(
    "ring, number", [("ipv6-one-host", 40), ("limited-on-two-links", 1)]
)
def test_with_decrement_a_ring_ends_by_itself(lab, start_ring, ring, number):
    sides, daemons, _ = start_ring(ring, ttlMode="decrement")
    payloads = [payload(200, n) for n in range(number)]
    with ears_on(lab, sides) as ears:
        say(lab, sides[0], *payloads)
        eventually(lambda: set(tally(ears.heard[-1])) == set(tally(payloads)), 5, "it goes round")
        check_rest(*daemons)
        # 16 hops, of which one is the sender's.
        assert sum(map(len, ears.heard)) <= 16 * number
        say(lab, sides[1], b"next")
        eventually(lambda: b"next" in ears.heard[0], 5, "the way is open")


@pytest.mark.parametrize(
    "ring, number",
    [("ipv4-one-host", 40), ("directed-on-links", 40), ("one-group-ipv6-on-two-links", 1)],
)
def test_with_a_fixed_ttl_a_ring_is_bounded_and_visible(lab, start_ring, ring, number):
    sides, daemons, sessions = start_ring(ring)
    payloads = [payload(200, n) for n in range(number)]
    with ears_on(lab, sides) as ears:
        began = time.monotonic()
        say(lab, sides[0], *payloads)
        eventually(lambda: set(tally(ears.heard[-1])) == set(tally(payloads)), 5, "it goes round")
        pause(SECONDS)
        counts = [session.count("forwarded") for session in sessions]
        most = BURST + PER_SECOND * (time.monotonic() - began) + NEW * number
        assert max(counts) <= most, f"relayed {counts} in {SECONDS} s"
        eventually(lambda: dropped_as_loop(*sessions) > 0, 5, "the circle is seen")
        eventually(lambda: warned_of_loops(*sessions), 5, lambda: f"{sessions[0].get()['status']}")
        # Others are not kept out meanwhile.
        say(lab, sides[1], b"next")
        eventually(lambda: all(b"next" in one for one in ears.heard), 5, "the way is open")
    assert [daemon.process.popen.poll() for daemon in daemons] == [None] * len(sides)


def test_a_ring_is_bounded_whose_first_sender_has_address_and_port_of_the_relays(lab, start_ring):
    sides, daemons, sessions = start_ring("ipv4-one-host", localPort=5004)
    began = time.monotonic()
    # As socat does that also listens to the group.
    with sender(lab.hosts["h1"], port=5004) as program:
        program.sendto(b"once", (sides[0].address, sides[0].port))
    pause(SECONDS)
    counts = [session.count("forwarded") for session in sessions]
    assert max(counts) <= BURST + PER_SECOND * (time.monotonic() - began) + 10 * NEW
    eventually(lambda: dropped_as_loop(*sessions) > 0, 5, "the circle is seen")
    eventually(lambda: warned_of_loops(*sessions), 5, lambda: f"{sessions[0].get()['status']}")
    check_rest(*daemons)


# h2 does not take back what has its own address as the source, so a relay there would cut the ring.
@pytest.mark.parametrize("ring", ["ipv4-one-host", "one-group-ipv6-on-two-links"])
def test_a_ring_that_preserves_sources_is_bounded_and_visible(lab, start_ring, ring):
    sides, _, sessions = start_ring(ring, sourceMode="preserve")
    began = time.monotonic()
    say(lab, sides[0], *[payload(200, n) for n in range(40)])
    pause(SECONDS)
    counts = [session.count("forwarded") for session in sessions]
    assert 40 <= max(counts) <= BURST + PER_SECOND * (time.monotonic() - began) + NEW * 40
    eventually(lambda: dropped_as_loop(*sessions) > 0, 5, "the circle is seen")
    eventually(lambda: warned_of_loops(*sessions), 5, lambda: f"{sessions[0].get()['status']}")


@pytest.mark.parametrize("family", GROUPS)
def test_three_sessions_of_one_daemon_in_a_ring_go_round_once(relaycast, lab, family):
    sides = GROUPS[family]
    for here, there in zip(sides, [*sides[1:], sides[0]]):
        hear(relaycast, here, outlet(there, ttl=4))
    with ears_on(lab, sides) as ears:
        say(lab, sides[0], b"once")
        # What this daemon has sent is not new to it: it goes as far as the next side.
        eventually(lambda: b"once" in ears.heard[1], 5, "it is relayed")
        check_rest(relaycast)
        assert heard(ears)[0] == tally([b"once"])
        assert max(count for side in heard(ears) for count in side.values()) == 1

"""Several daemons that relay both ways between the same two sides: few echoes, and then rest.

                  ┌── eth0  h1 relaycast (one, or two of it)  eth1 ──┐
  h2 ── bridge0 ──┤                                                  ├── bridge1 ── h4
                  └── eth0  h3 relaycast                        eth1 ─┘

An echo is a copy on the side where the datagram was sent. Nobody can tell the first copy that
another relay sends from a host's own datagram, unless the TTL or the operator says so.
"""

from collections import Counter

import pytest
from lab_circles import HOPS, LAYOUTS, WAYS, check_rest, dropped_as_loop, ears_on, heard
from lab_circles import link_by_addresses, payload, say, tally, warned_of_loops
from namespaces import eventually

PLACES = {"one-host": ["h1", "h1"], "two-hosts": ["h1", "h3"]}
THREE = {"one-host": ["h1", "h1", "h1"], "two-hosts": ["h1", "h3", "h1"]}
# What all daemons together may send of one datagram when there are three of them.
COPIES_MAX = 4000


def less(here, there):  # noqa: ARG001 (wherever it goes)
    """What a target has that takes one hop off."""
    return {"ttlMode": "decrement"}


@pytest.fixture
def start_relays(lab, start_daemon, h4):  # noqa: ARG001 (the second subnet is there)
    """Daemons in these hosts, each with sessions that relay both ways between two sides."""

    def start(hosts, sides, way, relays=None):
        daemons, sessions = [], []
        for number, name in enumerate(hosts):
            configuration = None
            if relays:
                others = {other for place, other in enumerate(hosts) if place != number}
                addresses = {address for other in others for address in relays(lab.hosts[other])}
                configuration = {"relays": sorted(addresses)}
            daemons.append(start_daemon(lab.hosts[name], configuration=configuration))
            sessions += way(daemons[-1], sides)[1]
        return daemons, sessions

    return start


def addresses_of(host):
    """Every address by which h1 or h3 sends to the two sides."""
    for subnet, link in ((10, "eth0"), (30, "eth1")):
        yield f"192.168.{subnet}.{host.number}"
        yield f"fd00:{subnet}::{host.number}"
        yield host.link_local(link)


def datagrams(number, mark="n"):
    """So many different datagrams of several lengths."""
    lengths = (200, 16, 64, 1316, 1472, 9000)
    return [payload(lengths[n % len(lengths)], f"{mark}{n}") for n in range(number)]


def crossings():
    """What crosses in a test: 40 datagrams from one side, and one from the other."""
    for near, number in ((0, 40), (1, 1)):
        yield near, datagrams(number, f"{number} from {near}: ")


def check_echoes(ears, near, payloads, echoes_max):
    """Each datagram is on the far side, and few come back to the near one."""
    far = 1 - near
    for ear in ears.heard:
        assert set(tally(ear)) == set(tally(payloads))
    echoes = {key: count - 1 for key, count in heard(ears)[near].items() if count > 1}
    number, most = sum(echoes.values()), max(echoes.values(), default=0)
    assert number <= echoes_max, f"{number} echoes, {most} of one datagram"
    assert len(ears.heard[far]) <= 4 * len(payloads)


def cross(lab, sides, daemons, near, payloads):
    """A host sends on the near side until the daemons are at rest; returns what was heard."""
    with ears_on(lab, sides) as ears:
        say(lab, sides[near], *payloads)
        known = tally(payloads)

        def crossed():
            return set(tally(ears.heard[1 - near])) >= set(known)

        eventually(crossed, 10, lambda: f"heard {[*map(len, ears.heard)]}")
        check_rest(*daemons)
    return ears


@pytest.mark.parametrize(
    "layout, place, way",
    [
        ("one-group", "one-host", "senders"),
        ("one-group-ipv6", "two-hosts", "addresses"),
        ("directed", "two-hosts", "local-ports"),
        ("limited", "one-host", "addresses"),
        ("network-address", "one-host", "addresses"),
    ],
)
def test_two_daemons_echo_a_datagram_at_most_once(
    lab, start_relays, sides_of, layout, place, way
):
    sides = sides_of(layout)
    daemons, _ = start_relays(PLACES[place], sides, WAYS[way])
    for near, payloads in crossings():
        ears = cross(lab, sides, daemons, near, payloads)
        # One each; and two relays may cross on a busy host, so that one datagram has up to 20 more.
        check_echoes(ears, near, payloads, len(payloads) + 25)


@pytest.mark.parametrize("spoken", ["directed", "limited"])
def test_two_daemons_that_spell_a_side_differently_echo_a_datagram_at_most_once(
    lab, start_relays, start_daemon, spoken
):
    directed = LAYOUTS["directed"][:2]
    limited = [side._replace(address="255.255.255.255") for side in directed]
    daemons, _ = start_relays(["h1"], directed, WAYS["addresses"])
    daemons.append(start_daemon(lab.hosts["h3"]))
    WAYS["addresses"](daemons[1], limited)
    sides = directed if spoken == "directed" else limited
    for near, payloads in crossings():
        ears = cross(lab, sides, daemons, near, payloads)
        check_echoes(ears, near, payloads, len(payloads) + 25)


@pytest.mark.parametrize("place", PLACES)
def test_a_session_warns_of_what_comes_back(lab, start_relays, place):
    sides = LAYOUTS["one-group"][:2]
    daemons, sessions = start_relays(PLACES[place], sides, link_by_addresses)
    cross(lab, sides, daemons, 0, datagrams(40))
    assert dropped_as_loop(*sessions) > 0
    # It is looked for once a second.
    eventually(lambda: warned_of_loops(*sessions), 5, lambda: f"{sessions[0].get()['status']}")


@pytest.mark.parametrize(
    "layout, place",
    [("one-group-ipv6", "two-hosts"), ("directed", "one-host")],
)
def test_with_decrement_two_daemons_echo_nothing(lab, start_relays, layout, place):
    sides = LAYOUTS[layout][:2]

    def way(daemon, sides):
        return link_by_addresses(daemon, sides, less)

    daemons, _ = start_relays(PLACES[place], sides, way)
    for near, payloads in crossings():
        ears = cross(lab, sides, daemons, near, payloads)
        # Two relays may cross on a busy host; then a datagram goes round until its TTL is used up.
        check_echoes(ears, near, payloads, HOPS)


@pytest.mark.parametrize(
    "layout, place, way",
    [
        ("one-group", "two-hosts", "senders"),
        ("link-local-ipv6", "two-hosts", "addresses"),
    ],
)
def test_daemons_told_of_each_other_echo_nothing(lab, start_relays, layout, place, way):
    sides = LAYOUTS[layout][:2]
    daemons, _ = start_relays(PLACES[place], sides, WAYS[way], addresses_of)
    for near, payloads in crossings():
        ears = cross(lab, sides, daemons, near, payloads)
        check_echoes(ears, near, payloads, 0)


@pytest.mark.parametrize(
    "layout, place, way",
    [("one-group-ipv6", "one-host", "addresses"), ("directed", "two-hosts", "senders")],
)
def test_three_daemons_come_to_rest(lab, start_relays, layout, place, way):
    sides = LAYOUTS[layout][:2]
    daemons, _ = start_relays(THREE[place], sides, WAYS[way])
    ears = cross(lab, sides, daemons, 0, [b"once"])
    copies = [len(payloads) for payloads in ears.heard]
    print(f"copies on the two sides: {copies}")
    assert sum(copies) < COPIES_MAX
    # The way is still open.
    assert b"next" in cross(lab, sides, daemons, 1, [b"next"]).heard[0]


@pytest.mark.parametrize("layout, place", [("one-group", "two-hosts")])
def test_three_daemons_told_of_each_other_echo_nothing(lab, start_relays, layout, place):
    sides = LAYOUTS[layout][:2]
    daemons, _ = start_relays(THREE[place], sides, link_by_addresses, addresses_of)
    payloads = datagrams(40)
    ears = cross(lab, sides, daemons, 0, payloads)
    assert heard(ears)[0] == tally(payloads)
    # One copy of each daemon.
    assert Counter(heard(ears)[1].values()) == {3: len(payloads)}

"""What is merely equal is no circle: repetitions, and the same bytes of several sockets and hosts.

    h2, with ten more addresses ── eth0  h1 relaycast  eth1 ── h4
"""

import contextlib
import socket

import pytest
from lab_circles import LAYOUTS, check_rest, ears_on, hear, link_by_addresses, outlet, payload, say
from lab_circles import tally, voice, wait_until_heard
from lab_relay import Ears
from lab_sockets import listener, sender
from namespaces import eventually

# The second subnet is there.
pytestmark = pytest.mark.usefixtures("h4")

TEN = 10
FAMILIES = {"ipv4": "one-group", "ipv6": "one-group-ipv6"}
SIZES = (0, 200, 1472)


def sides_of(family):
    """A group on each of the two subnets."""
    return LAYOUTS[FAMILIES[family]][:2]


@pytest.fixture
def addresses(h2):
    """Ten addresses of h2 in each family, as if they were ten hosts."""
    found = {
        "ipv4": [f"192.168.10.{100 + n}" for n in range(TEN)],
        "ipv6": [f"fd00:10::{100 + n}" for n in range(TEN)],
    }
    added = [f"{one}/24" for one in found["ipv4"]] + [f"{one}/64" for one in found["ipv6"]]
    script = "action=$1; shift; for one; do ip address $action $one dev eth0; done"
    h2.run("sh", "-ec", script, "sh", "add", *added)
    yield found
    h2.run("sh", "-ec", script, "sh", "delete", *added)


def relay_near_to_far(daemon, sides, way):
    """Relays the first side to the second; with `both` also back, with `preserve` partly so."""
    near, far = sides
    match way:
        case "one-way":
            return hear(daemon, near, outlet(far))
        case "both-ways":
            return link_by_addresses(daemon, sides)[1][0]
        case "preserve":
            beside = outlet(far, port=far.port + 1)
            return hear(daemon, near, outlet(far, sourceMode="preserve"), beside)
        case "preserve-both-ways":
            fields = {"sourceMode": "preserve"}
            return link_by_addresses(daemon, sides, lambda here, there: fields)[1][0]


def check_all_pass(daemon, lab, family, way, times, speak, rounds=1):
    """Each of what `speak` sends in a round, so many equal datagrams, is on the far side once."""
    sides = sides_of(family)
    session = relay_near_to_far(daemon, sides, way)
    number = len(SIZES) * rounds * times
    with ears_on(lab, sides) as ears:
        for size in SIZES:
            same = payload(size, "same")
            # No more in a round than a receive buffer holds.
            for turn in range(1, rounds + 1):
                speak(sides[0], same)
                wait_until_heard(ears, same, turn * times)
        check_rest(daemon)
        assert [len(one) for one in ears.heard] == [number] * 2
    targets = session.counters()["targets"]
    assert [target["forwarded"]["datagrams"] for target in targets] == [number] * len(targets)
    assert session.count("dropped", "loop") == 0


@pytest.fixture
def second_network(h1, h2):
    """192.168.11.0/24, beside 192.168.10.0/24 on eth0."""
    for host in (h1, h2):
        words = [f"192.168.11.{host.number}/24", "broadcast", "+", "dev", "eth0"]
        host.run("ip", "address", "add", *words)
    yield
    for host in (h1, h2):
        host.run("ip", "address", "delete", f"192.168.11.{host.number}/24", "dev", "eth0")


@pytest.mark.usefixtures("second_network")
def test_equal_broadcasts_between_two_networks_of_a_link_all_pass(relaycast, h2):
    session = relaycast.create(
        "broadcast", role="receiver", port=5004, interface="eth0",
        forward=[{"address": "192.168.11.255", "port": 5004, "interface": "eth0"}],
    )  # fmt: skip
    with sender(h2) as made:
        for number in range(1, 2 * TEN + 1):
            made.sendto(b"same", ("192.168.10.255", 5004))
            # What was sent on is known before the next one comes.
            session.wait_for_count(number, "forwarded")
    check_rest(relaycast)
    assert "warnings" not in session.get()["status"]


@pytest.mark.usefixtures("second_network")
def test_an_equal_broadcast_to_all_of_the_link_may_be_a_return(relaycast, h2):
    session = relaycast.create(
        "broadcast", role="receiver", port=5004, interface="eth0",
        forward=[{"address": "192.168.11.255", "port": 5004, "interface": "eth0"}],
    )  # fmt: skip
    with sender(h2) as made:
        # No route has the limited broadcast address.
        made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
        made.sendto(b"same", ("192.168.10.255", 5004))
        session.wait_for_count(1, "forwarded")
        # The relay's own copy is one of the dropped ones, where it is heard.
        eventually(lambda: session.count("received") == 2, what="its own copy is heard")
        for address in ("255.255.255.255", "192.168.11.255"):
            made.sendto(b"same", (address, 5004))
        eventually(lambda: session.count("received") == 4, what="all have come")
    assert session.count("forwarded") == 1


@pytest.mark.parametrize("family, way", [("ipv4", "both-ways"), ("ipv6", "preserve")])
def test_equal_datagrams_of_ten_sockets_of_a_host_all_pass(relaycast, lab, family, way):
    def speak(side, same):
        with contextlib.ExitStack() as stack:
            for made in [stack.enter_context(voice(lab, side)) for _ in range(TEN)]:
                made.sendto(same, (side.address, side.port))

    check_all_pass(relaycast, lab, family, way, TEN, speak)


@pytest.mark.parametrize("family, way", [("ipv6", "one-way"), ("ipv4", "preserve-both-ways")])
def test_equal_datagrams_of_ten_hosts_all_pass(relaycast, lab, addresses, family, way):
    def speak(side, same):
        for _ in range(3):
            for address in addresses[family]:
                with voice(lab, side, address) as made:
                    made.sendto(same, (side.address, side.port))

    check_all_pass(relaycast, lab, family, way, 3 * TEN, speak)


@pytest.mark.parametrize(
    "family, way", [("ipv4", "preserve"), ("ipv6", "preserve-both-ways")]
)
def test_two_hundred_repetitions_of_a_socket_all_pass(relaycast, lab, family, way):
    def speak(side, same):
        for _ in range(20):
            made.sendto(same, (side.address, side.port))

    with voice(lab, sides_of(family)[0]) as made:
        check_all_pass(relaycast, lab, family, way, 20, speak, rounds=10)


def ask(host, family):
    """A socket of a host, bound to an address of it by which h1 is reached."""
    made = host.socket(family)
    made.bind((host.address if family == socket.AF_INET else host.address6, 0))
    return made


@pytest.mark.parametrize(
    "family, where",
    [("ipv4", "another-host"), ("ipv6", "the-same-host"), ("ipv4", "the-same-socket")],
)
def test_what_comes_to_a_host_and_goes_to_hosts_is_no_circle(
    relaycast, h1, h2, h4, family, where
):
    number = socket.AF_INET if family == "ipv4" else socket.AF_INET6
    destination = h4 if where == "another-host" else h2
    is_four = family == "ipv4"
    here, there = [one.address if is_four else one.address6 for one in (h1, destination)]
    session = relaycast.create(
        "multicast-receiver", group="239.9.9.9" if is_four else "ff05::99", port=5004,
        interface="eth0", accept=["unicast"], forward=[{"address": there, "port": 5006}],
    )  # fmt: skip
    ear = listener(destination, 5006, number)
    with Ears(ear) as ears, contextlib.ExitStack() as stack:
        if where == "the-same-socket":
            sockets = [ear] * TEN
        else:
            sockets = [stack.enter_context(ask(h2, number)) for _ in range(TEN)]
        for _ in range(5):
            for made in sockets:
                made.sendto(b"same", (here, 5004))
        ears.wait(5 * TEN, 5)
        check_rest(relaycast)
        assert ears.heard == [[b"same"] * 5 * TEN]
    session.wait_for_count(5 * TEN, "forwarded")
    assert session.count("dropped", "loop") == 0


@pytest.mark.parametrize("kind", ["group", "directed", "limited"])
def test_equal_broadcasts_and_groups_that_go_to_hosts_all_pass(relaycast, lab, h2, h4, kind):
    layout = {"group": "one-group"}.get(kind, kind)
    side = LAYOUTS[layout][0]
    hosts = ({"address": h4.address, "port": 5006}, {"address": h2.address, "port": 5007})
    session = hear(relaycast, side, *hosts)
    with Ears(listener(h4, 5006), listener(h2, 5007)) as ears:
        for _ in range(TEN):
            say(lab, side, b"same", b"same")
        ears.wait(2 * TEN, 5)
        assert [tally(one) for one in ears.heard] == [tally([b"same"] * 2 * TEN)] * 2
    session.wait_for_count(4 * TEN, "forwarded")


SEARCH = b'M-SEARCH * HTTP/1.1\r\nMAN: "ssdp:discover"\r\nMX: 1\r\nST: ssdp:all\r\n\r\n'


@pytest.mark.parametrize("family, at_once", [("ipv4", False), ("ipv6", True)])
def test_each_asker_of_an_equal_question_has_its_answers(
    relaycast, lab, h2, h3, h4, family, at_once
):
    near, far = sides_of(family)
    session = hear(relaycast, near, outlet(far, mapReplies={"askersMax": 64}))
    with contextlib.ExitStack() as stack:
        askers = [
            stack.enter_context(sender(host, near.family, interface="eth0"))
            for host in (h2, h3)
            for _ in range(8)
        ]
        rounds = 3
        device = stack.enter_context(
            listener(h4, far.port, far.family, far.address, interface="eth1")
        )
        for turn in range(rounds):
            if at_once:
                relaycast.process.freeze()
            for asker in askers:
                asker.settimeout(5)
                asker.sendto(SEARCH, (near.address, near.port))
                if not at_once:
                    answer_and_hear(device, [asker], turn)
            if at_once:
                relaycast.process.thaw()
                answer_and_hear(device, askers, turn)
    (target,) = session.counters()["targets"]
    eventually(
        lambda: session.counters()["targets"][0]["mappedReplies"]["datagrams"] == 16 * rounds,
        5, lambda: f"{session.counters()}",
    )  # fmt: skip
    assert (target["unmapped"], session.count("dropped", "loop")) == (0, 0)


def answer_and_hear(device, askers, turn):
    """The device answers as many questions as there are askers, equally; each has its answer."""
    for _ in askers:
        question, source = device.recvfrom(2000)
        assert question == SEARCH
        device.sendto(b"HTTP/1.1 200 OK %d" % turn, source)
    for asker in askers:
        assert asker.recv(2000) == b"HTTP/1.1 200 OK %d" % turn

"""One rule for sessions, targets and restarts: a name or an address says which interface when it is
opened; from then on the link is kept until it goes.

h1 relaycast ── late0 ── h2      192.168.20.0/24, renamed to lan0, renumbered, deleted by the tests
"""

import itertools

import pytest
from lab_sockets import listener, sender
from namespaces import eventually

NEAR, FAR, PORT = "239.1.1.1", "239.2.2.2", 6666
NUMBERS = itertools.count()


@pytest.fixture
def late0(connect, h1):
    """The link; under another name it is deleted by that name."""
    connect("late0")
    yield
    for interface in ("lan0", "late0"):
        h1.run("sh", "-c", f"ip link delete {interface} 2>/dev/null || true")
    connect.forget("late0")


def rename(h1):
    """Kernels before 6.1 rename only what is down."""
    h1.run("sh", "-ec", "ip link set late0 down; ip link set late0 name lan0; ip link set lan0 up")


def create(daemon, interface, **fields):
    """A sender, a receiver and the target of a relay, all on this interface."""
    common = {"port": PORT, "interface": interface, **fields}
    talker = daemon.create("multicast-sender", group=FAR, **common, name="talker")
    hearer = daemon.create("multicast-receiver", group=NEAR, **common, name="hearer")
    forward = [{"address": FAR, "port": PORT, "interface": interface}]
    whenUnavailable = fields.get("whenUnavailable", "fail")
    relay = daemon.create(
        "multicast-receiver", group=NEAR, port=PORT, interface="eth0", name="relay",
        forward=forward, whenUnavailable=whenUnavailable,
    )  # fmt: skip
    return talker, hearer, relay


def states(talker, hearer, relay):
    """The states of both sessions, and of the target."""
    target = relay.get()["status"]["forward"][0]["state"]
    return [session.get()["status"]["state"] for session in (talker, hearer)] + [target]


def check_traffic(h2, talker, hearer, _relay):
    """All three move datagrams over the second link."""
    with listener(h2, PORT, group=FAR, interface="late0") as ear:
        talker.send(b"posted")
        assert ear.recv(100) == b"posted"
        payload = b"relayed %d" % next(NUMBERS)
        with sender(h2) as made:
            made.sendto(payload, (NEAR, PORT))
        assert ear.recv(100) == payload
    known = hearer.count("accepted")
    with sender(h2, interface="late0") as made:
        made.sendto(b"heard", (NEAR, PORT))
    hearer.wait_for_count(known + 1, "accepted")


@pytest.mark.usefixtures("late0")
@pytest.mark.parametrize("interface", ["late0", "192.168.20.1"])
def test_a_renamed_interface_is_kept_by_all(relaycast, h1, h2, interface):
    sessions = create(relaycast, interface)
    check_traffic(h2, *sessions)
    rename(h1)

    def shown():
        names = [one.get()["status"]["interface"]["name"] for one in sessions[:2]]
        names.append(sessions[2].get()["status"]["forward"][0]["interface"]["name"])
        return names == ["lan0"] * 3 and states(*sessions) == ["running"] * 3

    eventually(shown, 10, lambda: f"{[one.get()['status'] for one in sessions]}")
    check_traffic(h2, *sessions)
    # Opened anew, all look for the name or the address anew.
    assert relaycast.terminate() == 0
    relaycast.start()
    assert states(*sessions) == ["running" if "." in interface else "waiting"] * 3


@pytest.mark.usefixtures("late0")
def test_a_renumbered_interface_is_kept_by_all(relaycast, h1, h2):
    sessions = create(relaycast, "192.168.20.1")
    h1.run("ip", "address", "delete", "192.168.20.1/24", "dev", "late0")
    h1.run("ip", "address", "add", "192.168.21.1/24", "broadcast", "+", "dev", "late0")

    def shown():
        status = sessions[2].get()["status"]["forward"][0]
        return status.get("interface", {}).get("address") == "192.168.21.1"

    eventually(shown, 10, lambda: f"{sessions[2].get()['status']}")
    assert states(*sessions) == ["running"] * 3
    check_traffic(h2, *sessions)
    assert relaycast.terminate() == 0
    relaycast.start()
    assert states(*sessions) == ["waiting"] * 3
    h1.run("ip", "address", "add", "192.168.20.1/24", "broadcast", "+", "dev", "late0")
    eventually(lambda: states(*sessions) == ["running"] * 3, 10, lambda: f"{states(*sessions)}")


def test_all_wait_when_the_link_goes_and_find_it_by_name_again(relaycast, connect, h2):
    connect("late0")
    sessions = create(relaycast, "late0")
    connect.remove("late0")
    eventually(lambda: states(*sessions) == ["waiting"] * 3, 10, lambda: f"{states(*sessions)}")
    connect("late0")
    eventually(lambda: states(*sessions) == ["running"] * 3, 10, lambda: f"{states(*sessions)}")
    check_traffic(h2, *sessions)


@pytest.mark.usefixtures("late0")
def test_while_the_link_is_down_all_say_so_and_keep_it(relaycast, h1, h2):
    sessions = create(relaycast, "late0")
    h1.run("ip", "link", "set", "late0", "down")
    told = ["degraded", "degraded", "waiting"]
    eventually(lambda: states(*sessions) == told, 10, lambda: f"{states(*sessions)}")
    reason = sessions[2].get()["status"]["forward"][0]["reason"]
    assert reason["code"] == "interface-unavailable" and "is down" in reason["detail"]
    h1.run("sh", "-ec", "ip link set late0 name lan0; ip link set lan0 up")
    eventually(lambda: states(*sessions) == ["running"] * 3, 10, lambda: f"{states(*sessions)}")
    check_traffic(h2, *sessions)


@pytest.mark.usefixtures("late0")
def test_the_policy_is_held_against_the_new_name(start_daemon, h1):
    daemon = start_daemon(h1, configuration={"policy": {"interfaces": ["eth0", "late0"]}})
    talker, hearer, relay = create(daemon, "late0")
    rename(h1)
    stopped = ["failed", "waiting"]

    def refused():
        found = states(talker, hearer, relay)
        return all(state in stopped for state in found)

    eventually(refused, 10, lambda: f"{states(talker, hearer, relay)}")
    assert relay.get()["status"]["state"] == "running"

"""What a session takes: idle, after one datagram, and after 64.

The goals are 7 KiB idle without a target, 8.5 KiB with one and 2 KiB for each further one, 16 KiB
more after one datagram and 30 KiB more after 64. Allocators and debug builds differ: a test fails
at twice a goal. `scripts/bench` has the exact figures.
"""

import pathlib

from lab_circles import pause
from lab_sockets import sender
from namespaces import eventually

KIBIBYTE = 1024
GROUP = "239.8.8.8"
FIRST_PORT = 10_000
SESSIONS = 250
# A test fails beyond so many times the goal.
TOLERANCE = 2


def definitions(count, targets):
    """Receivers of one group on a port each; what they relay goes where nobody listens."""
    place = {"address": "239.8.8.9", "interface": "eth0"}
    for number in range(count):
        yield {
            "name": f"idle{number}",
            "kind": "multicast-receiver",
            "group": GROUP,
            "port": FIRST_PORT + number,
            "interface": "eth0",
            "forward": [{**place, "port": 40_000 + target} for target in range(targets)],
        }


def resident(daemon):
    """Resident memory in bytes (VmRSS of proc(5)), as `scripts/bench` measures it."""
    pause(0.5)
    for line in pathlib.Path(f"/proc/{daemon.process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * KIBIBYTE
    raise AssertionError("no VmRSS")


def create(daemon, count, targets):
    """Creates sessions; returns the bytes that each takes."""
    before = resident(daemon)
    items = {"items": list(definitions(count, targets))}
    answer = daemon.ask("POST", "/v1/apply", items, timeout=120)
    assert answer.status == 200, answer
    assert {item["result"] for item in answer.json["items"]} == {"created"}
    # Not the buffers of so large a request.
    daemon.ask("GET", "/livez")
    return (resident(daemon) - before) / count


def send_to_each(daemon, host, count, turns):
    """Sends a datagram to each session in each turn; returns the bytes that each has grown by."""
    before = resident(daemon)
    with sender(host) as made:
        for turn in turns:
            for number in range(count):
                made.sendto(b"%d of %d" % (turn, number) + bytes(180), (GROUP, FIRST_PORT + number))
            # Never further ahead than what the receive buffers hold.
            wait_for_accepted(daemon, count, turn + 1)
    return (resident(daemon) - before) / count


def wait_for_accepted(daemon, count, times):
    """Waits until the last session has accepted so many."""
    path = f"/v1/sessions/idle{count - 1}/counters"

    def accepted():
        return daemon.ask("GET", path).json["accepted"]["datagrams"] == times

    eventually(accepted, 20, lambda: f"{daemon.ask('GET', path)}")


def check(name, bytes_each, goal_kibibytes):
    """Prints the figure, and fails where it is grossly beyond the goal."""
    print(f"{name}: {bytes_each / KIBIBYTE:.1f} KiB a session, goal {goal_kibibytes}")
    assert bytes_each <= TOLERANCE * goal_kibibytes * KIBIBYTE, name


def test_idle_sessions_take_little(relaycast):
    check("idle, 5 targets", create(relaycast, SESSIONS, 5), 16.5)


def test_a_session_grows_by_what_it_has_received(relaycast, h2):
    check("idle, 1 target", create(relaycast, SESSIONS, 1), 8.5)
    first = send_to_each(relaycast, h2, SESSIONS, range(1))
    check("one datagram", first, 16)
    more = send_to_each(relaycast, h2, SESSIONS, range(1, 64))
    check("64 datagrams", first + more, 30)

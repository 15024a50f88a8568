"""What the tests of relays share: the second subnet, streams of numbered datagrams, and the books.

  h2 the source ──┬── bridge0 ──┬── eth0  h1 the relay  eth1 ──┬── bridge1 ──┬── h4 the receiver
    192.168.10.2  │             │        .10.1 .30.1           │             │   192.168.30.4
                  └─────────────┴── eth0  h3           eth1 ───┴─────────────┘
                                         .10.3 .30.3
"""

import contextlib
import selectors
import socket
import threading
import time

from lab_sockets import listener, sender
from namespaces import eventually

NEAR, FAR, PORT = "239.1.1.1", "239.2.2.2", 5004

SECOND_SUBNET = """
ip link add bridge1 type bridge mcast_snooping 0 stp_state 0
ip link set bridge1 up
for number in 1 3 4; do
    host=h$number
    ip link add far$number type veth peer name eth1 netns $host
    ip link set far$number master bridge1 up
    ip netns exec $host sh -c 'echo 0 >/proc/sys/net/ipv6/conf/eth1/accept_dad'
    ip -n $host address add 192.168.30.$number/24 broadcast + dev eth1
    ip -n $host address add fd00:30::$number/64 dev eth1 nodad
    ip -n $host link set eth1 up
done
ip -n h4 link set lo up
ip -n h4 route add 192.168.10.0/24 via 192.168.30.1
"""
NO_SECOND_SUBNET = """
for number in 1 3 4; do ip link delete far$number; done
ip link delete bridge1
"""


def relay(daemon, *targets, **fields):
    """A session that relays what comes to the near group on eth0."""
    definition = {"group": NEAR, "port": PORT, "interface": "eth0", "receiveBufferBytes": 8 << 20}
    return daemon.create("multicast-receiver", **{**definition, "forward": targets, **fields})


def far(**fields):
    """A target: the far group on eth1, or what the fields say."""
    return {"address": FAR, "port": PORT, "interface": "eth1", **fields}


def targets(session):
    """The counters of the targets, in the order of `forward`."""
    return session.counters()["targets"]


def target_states(session):
    """The state of each target."""
    return [target["state"] for target in session.get()["status"]["forward"]]


def hear_far(host, port=PORT, group=FAR):
    """A socket of a host that hears a group of the far side."""
    return listener(host, port, group=group, interface="eth1")


def hear_target(host, target):
    """A socket of h4 that hears what is sent to this target by address."""
    is_group = target["address"] == FAR
    return hear_far(host, target["port"], FAR if is_group else None)


def check_books(session):
    """The counters, once every accepted datagram is accounted for by each target, as in metrics.

    What was sent is counted after it has left, so that a receiver may know of it first.
    """
    counters, shown = eventually(lambda: _settled(session), 5, lambda: session.counters())
    for target in counters["targets"]:
        labels = f'session="{session.name}",target="{label(target)}"'
        name = "relaycast_target_{}_total{{" + labels
        assert shown[name.format("forwarded_datagrams") + "}"] == target["forwarded"]["datagrams"]
        assert shown[name.format("forwarded_bytes") + "}"] == target["forwarded"]["bytes"]
        failed = target["failed"] + target["sendBufferFull"]
        assert shown[name.format("failed_datagrams") + "}"] == failed
        if "unreachable" in target:
            assert shown[name.format("unreachable_reports") + "}"] == target["unreachable"]
        for reason, count in target["dropped"].items():
            assert shown[name.format("dropped_datagrams") + f',reason="{reason}"}}'] == count
    return counters


def _settled(session):
    """Counters and metrics of one moment, if nothing is missing: reports may still come in."""
    counters, shown = _balanced(session.counters()), metrics(session.daemon)
    if counters and session.counters()["targets"] == counters["targets"]:
        return counters, shown
    return None


def _balanced(counters):
    """The counters if nothing is missing in them."""
    accepted = counters["accepted"]["datagrams"]
    if not all(_accounts_for(accepted, target) for target in counters["targets"]):
        return None
    forwarded = [target["forwarded"] for target in counters["targets"]]
    totals = {unit: sum(one[unit] for one in forwarded) for unit in ("datagrams", "bytes")}
    return counters if counters["forwarded"] == totals else None


def _accounts_for(accepted, target):
    unsent = target["failed"] + target["sendBufferFull"] + sum(target["dropped"].values())
    return target["forwarded"]["datagrams"] + unsent + target.get("held", 0) == accepted


def label(target):
    """How metrics name a target."""
    if "session" in target:
        return target["session"]
    interface = f"%{target['interface']}" if "interface" in target else ""
    address = f"[{target['address']}]" if ":" in target["address"] else target["address"]
    return f"{address}:{target['port']}{interface}"


def metrics(daemon):
    """Every sample of /metrics by its name and labels."""
    lines = daemon.ask("GET", "/metrics").body.decode().splitlines()
    samples = (line.rpartition(" ") for line in lines if not line.startswith("#"))
    return {name: float(value) for name, _, value in samples}


class Ears(threading.Thread):
    """Receives on several sockets, and closes them at its end; what each heard is in `heard`."""

    def __init__(self, *sockets):
        super().__init__(daemon=True)
        self.heard = [[] for _ in sockets]
        self._selector = selectors.DefaultSelector()
        self._is_over = False
        for made, payloads in zip(sockets, self.heard):
            made.setblocking(False)
            # As much as net.core.rmem_max allows.
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            self._selector.register(made, selectors.EVENT_READ, payloads)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self._is_over = True
        self.join()
        for key in [*self._selector.get_map().values()]:
            key.fileobj.close()
        self._selector.close()

    def run(self):
        """Receives; a turn without datagrams looks whether it is over."""
        while not self._is_over:
            for key, _ in self._selector.select(0.05):
                with contextlib.suppress(BlockingIOError):
                    for _ in range(64):
                        key.data.append(key.fileobj.recv(65536))

    def fewest(self):
        """How many the slowest socket has heard."""
        return min(map(len, self.heard))

    def wait(self, number, seconds=20):
        """Waits until each socket has heard so many."""
        what = lambda: f"{number} datagrams; heard {[*map(len, self.heard)]}"  # noqa: E731
        eventually(lambda: self.fewest() >= number, seconds, what)


class Stream(threading.Thread):
    """Sends numbered datagrams at a pace, and never runs far ahead of those who hear.

    What a busy machine does not get to is no loss by the relay: a socket buffer holds more than
    the window.
    """

    WINDOW = 150

    def __init__(self, host, number, per_second, length=8, to=(NEAR, PORT), heard=None):
        super().__init__(daemon=True)
        self._socket, self._to, self._heard = sender(host), to, heard
        self.payloads = [n.to_bytes(8, "big").ljust(length, b".") for n in range(number)]
        self._batch = max(per_second // 500, 1)
        self._pause = self._batch / per_second
        self.sent, self.seconds = 0, 0.0

    def run(self):
        """Sends batches, each when it is due; a late one is not made up for by a burst."""
        began = due = time.monotonic()
        for first in range(0, len(self.payloads), self._batch):
            for payload in self.payloads[first : first + self._batch]:
                self._socket.sendto(payload, self._to)
            self.sent = min(first + self._batch, len(self.payloads))
            due = max(due + self._pause, time.monotonic() - self._pause)
            time.sleep(max(due - time.monotonic(), 0))
            if self._heard:
                limit = self.sent - self.WINDOW
                eventually(lambda: self._heard() >= limit, 10, "the receivers keep up")
        self.seconds = time.monotonic() - began
        self._socket.close()


def send(host, *payloads, to=(NEAR, PORT), interface="eth0"):
    """Sends these datagrams, to the near group unless told otherwise."""
    with sender(host, interface=interface) as made:
        for payload in payloads:
            made.sendto(payload, to)

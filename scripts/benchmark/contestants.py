"""Who is compared. Each one is started for a measurement, and ended after it."""

import sys
import time

from benchmark.daemon import RECEIVE_BUFFER_BYTES, Daemon, definitions
from benchmark.lab import LabError, cpu_seconds
from benchmark.scenarios import RELAY_IN, RELAY_OUT

SOL_SOCKET, SO_RCVBUFFORCE, SO_RCVBUF = 1, 33, 8  # socket(7)


class Contestant:
    """A way to relay."""

    # Its name in the output.
    name = ""
    # The scenarios it can do.
    scenarios = ("unicast", "multicast", "fanout", "quiet")
    # Where receivers listen: the scenario's outbound endpoints, or, where the kernel forwards, the
    # inbound ones.
    keeps_destination = False

    def __init__(self, lab, scenario):
        self.lab, self.scenario, self.processes = lab, scenario, []
        self.begin()

    def begin(self):
        """Starts it."""

    def cpu(self):
        """The CPU seconds it has used so far."""
        return sum(cpu_seconds(process.pid) for process in self.processes)

    def finish(self):
        """Ends it; what it counted, if it counts."""
        for process in self.processes:
            self.lab.forget(process)
        return {}

    def start(self, *command):
        """Starts one of its processes on the relay's processor."""
        process = self.lab.start("relay", *command, cpu=self.lab.relay_cpu)
        self.processes.append(process)
        return process


class Reference(Contestant):
    """A program in C."""

    method = ""

    def begin(self):
        outbound = self.scenario.outbound
        process = self.start(
            self.lab.tools.bench, "relay", "--method", self.method,
            "--from", self.scenario.inbound.text(RELAY_IN),
            *(["--to", outbound.text(RELAY_OUT)] if outbound else []),
            "--receive-buffer-bytes", RECEIVE_BUFFER_BYTES,
        )  # fmt: skip
        process.line()

    def finish(self):
        process = self.processes[0]
        process.end()
        counts = process.line()
        super().finish()
        return counts


class Naive(Reference):
    """recvfrom, sendto."""

    name, method = "C recvfrom/sendto", "naive"


class Batch(Reference):
    """recvmmsg, sendmmsg, 64 at a time."""

    name, method = "C recvmmsg/sendmmsg", "batch"


class Gather(Reference):
    """recvmmsg, and one sendmsg with UDP_SEGMENT over what was received."""

    name, method = "C UDP_SEGMENT", "gather"


class SameWork(Reference):
    """The same with what Relaycast does for each datagram: what that costs in C."""

    name, scenarios = "C, the same work", ("unicast", "multicast", "fanout", "receive")

    @property
    def method(self):
        """Only relays guard against loops."""
        return "same-work-guarded" if self.scenario.outbound else "same-work"


class Discard(Reference):
    """recvmmsg of the payload, and nothing else."""

    name, method, scenarios = "C recvmmsg", "discard", ("receive",)


class Socat(Contestant):
    """One socat per session."""

    name, scenarios = "socat", ("unicast", "multicast", "quiet")

    def begin(self):
        for index in range(self.scenario.inbound.count):
            self.start("socat", "-u", self._source(index), self._target(index))
        time.sleep(0.1)
        for process in self.processes:
            if process.popen.poll() is not None:
                raise LabError(f"socat ended: {process.errors()}")

    def _source(self, index):
        address, port = self.scenario.inbound.at(index)
        option = SO_RCVBUFFORCE if self.lab.forces_buffers else SO_RCVBUF
        value = RECEIVE_BUFFER_BYTES.to_bytes(4, sys.byteorder).hex()
        text = f"UDP4-RECV:{port},reuseaddr,setsockopt-listen={SOL_SOCKET}:{option}:x{value}"
        if self.scenario.inbound.is_group:
            text += f",ip-add-membership={address}:{RELAY_IN}"
        return text

    def _target(self, index):
        address, port = self.scenario.outbound.at(index)
        if self.scenario.outbound.is_group:
            return f"UDP4-DATAGRAM:{address}:{port},ip-multicast-if={RELAY_OUT},ip-multicast-ttl=4"
        return f"UDP4-SENDTO:{address}:{port}"


class Relaycast(Contestant):
    """The daemon as it runs in production."""

    name = "Relaycast"
    scenarios = ("unicast", "multicast", "fanout", "quiet", "receive")
    coalescing = None
    is_pinned = True
    arguments = ()

    def begin(self):
        self.daemon = Daemon(self.lab, self.arguments, self.is_pinned)
        self._names = []
        for definition in definitions(self.scenario, self.coalescing):
            self.daemon.create(definition)
            self._names.append(definition["name"])
        self.processes = [self.daemon.process]

    def finish(self):
        counts = {"received": self.daemon.received(self._names)}
        self.daemon.close()
        return counts


class Adaptive(Relaycast):
    """The daemon with coalescing where the rate makes it pay."""

    name, coalescing = "Relaycast adaptive", "adaptive"
    scenarios = ("unicast", "multicast", "fanout", "quiet")


class KernelMulticast(Contestant):
    """The kernel's own multicast routing, told what to do by smcrouted.

    It has no process whose time could be read: it runs in the softirq of whoever sends. What it
    costs is what sending costs more than it does without the route (see measure.py).
    """

    name, scenarios, keeps_destination = "kernel multicast routing", ("multicast",), True

    def begin(self):
        tools = self.lab.tools
        group = self.scenario.inbound.address
        configuration = self.lab.directory / "smcroute.conf"
        configuration.write_text(
            "phyint inbound enable\nphyint outbound enable\n"
            f"mgroup from inbound group {group}\n"
            f"mroute from inbound group {group} to outbound\n"
        )
        # -n: in the foreground; -N: no interface but those of the configuration.
        self.start(tools.smcrouted, "-n", "-N", "-f", configuration, "-l", "err")


class Direct(Contestant):
    """The kernel's unicast routing: no relay at all, the latency that all the others add to."""

    name, scenarios, keeps_destination = "routed, no relay", ("unicast",), True


ALL = (Relaycast, Adaptive, Socat, Naive, Batch, Gather, SameWork, KernelMulticast, Discard, Direct)

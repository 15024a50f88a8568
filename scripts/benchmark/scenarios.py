"""What is relayed where: endpoints in the form of relaycast-bench, ADDRESS:PORT[+COUNT][@LOCAL]."""

from typing import NamedTuple

SIZES = (64, 512, 1316, 1400)
# The size of seven packets of an MPEG transport stream, which all goals speak of.
GOAL_SIZE = 1316
QUIET_SESSIONS = 100
# Datagrams a second over all quiet sessions.
QUIET_RATE = 10_000
PACED_RATES = (1_000, 50_000)
FAN_OUT = 8

SENDER, RELAY_IN, RELAY_OUT, RECEIVER = "10.71.1.1", "10.71.1.2", "10.71.2.1", "10.71.2.2"


class Endpoints(NamedTuple):
    """A run of ports of one address, or of groups with one port."""

    address: str
    port: int
    count: int = 1

    @property
    def is_group(self):
        """Whether the address is a multicast group."""
        return 224 <= int(self.address.partition(".")[0]) < 240

    def at(self, index):
        """The address and port of one of them."""
        if not self.is_group:
            return self.address, self.port + index
        head, _, last = self.address.rpartition(".")
        return f"{head}.{int(last) + index}", self.port

    def text(self, interface_address=""):
        """The form that relaycast-bench reads."""
        local = f"@{interface_address}" if self.is_group else ""
        return f"{self.address}:{self.port}+{self.count}{local}"


class Scenario(NamedTuple):
    """What arrives at the relay, and where it goes."""

    name: str
    title: str
    inbound: Endpoints
    outbound: Endpoints | None

    @property
    def fan_out(self):
        """Copies that leave for each datagram."""
        if self.outbound is None:
            return 0
        return self.outbound.count if self.inbound.count == 1 else 1


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario(
            "unicast", "1→1 unicast", Endpoints(RELAY_IN, 5000), Endpoints(RECEIVER, 6000)
        ),
        Scenario(
            "multicast", "1→1 multicast", Endpoints("239.71.1.1", 5000), Endpoints("239.71.2.1", 6000)
        ),
        Scenario(
            "fanout",
            "1→8 multicast",
            Endpoints("239.71.1.1", 5000),
            Endpoints("239.71.2.1", 6000, FAN_OUT),
        ),
        Scenario(
            "quiet",
            "a hundred quiet sessions",
            Endpoints(RELAY_IN, 5000, QUIET_SESSIONS),
            Endpoints(RECEIVER, 6000, QUIET_SESSIONS),
        ),
        Scenario("receive", "receive only", Endpoints(RELAY_IN, 5000), None),
    )
}

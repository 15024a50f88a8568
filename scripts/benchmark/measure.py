"""One measurement of one contestant: cost at saturation, loss-free rate, paced cost and latency."""

import time
from typing import NamedTuple

from benchmark.contestants import Direct, KernelMulticast
from benchmark.lab import LabError
from benchmark.scenarios import RECEIVER, SENDER

IDLE_MILLISECONDS = 250
# How often a receiver looks where no latency is measured. Whoever delivers to a receiver that waits
# has to wake it, which costs as much as delivering, and depends on how busy the receiver is.
LOOK_EVERY_MICROSECONDS = 500
WARM_UP_DATAGRAMS = 200
WARM_UP_RATE = 2_000
STEP = 1.5
# When a step gains less than this, the generator itself is the limit.
GENERATOR_GROWTH_MIN = 1.05
RATE_MIN = 5_000
RATE_MAX = 2_000_000
# Steps of a search after the rate is bracketed: 1.5^(1/2^4), 3 %.
BISECTIONS = 4
# A rate counts as loss-free when one of so many runs lost nothing: the machine is not ours alone.
ATTEMPTS = 2


class Traffic(NamedTuple):
    """What the generator is asked for."""

    size: int
    seconds: float
    rate: float = 0
    count_max: int = 0
    is_single: bool = False
    has_latency: bool = False
    # The receiver takes a longer silence for the end.
    idle_milliseconds: int = IDLE_MILLISECONDS


class Passage(NamedTuple):
    """What one run of the generator caused."""

    # Datagrams sent, and those that arrived or were dropped at the receiver's buffers, a copy each.
    sent: int
    received: int
    dropped: int
    reordered: int
    # What the generator achieved, datagrams a second.
    rate: float
    # CPU seconds of the contestant, with the softirq thread of its processor, and of the generator
    # with that of its own.
    relay_cpu: float
    sender_cpu: float
    latency: dict


def endpoints_behind(contestant):
    """Where a contestant's datagrams arrive."""
    scenario = contestant.scenario
    return scenario.inbound if isinstance(contestant, KernelMulticast) else scenario.outbound


def destination(contestant):
    """Where the sender sends to reach a contestant."""
    scenario = contestant.scenario
    return scenario.outbound if isinstance(contestant, Direct) else scenario.inbound


def send(lab, contestant, traffic):
    """Runs the generator, and the receiver if something leaves the relay."""
    receiver = None
    if endpoints_behind(contestant):
        receiver = lab.start(
            "receiver", lab.tools.bench, "receive",
            "--at", endpoints_behind(contestant).text(RECEIVER),
            "--idle-milliseconds", traffic.idle_milliseconds,
            *(["--latency"] if traffic.has_latency else []),
            "--look-every-microseconds", 0 if traffic.has_latency else LOOK_EVERY_MICROSECONDS,
            cpu=lab.receiver_cpu,
        )  # fmt: skip
        receiver.line()
    relay_cpu = contestant.cpu() + lab.softirq_seconds(lab.relay_cpu)
    softirq = lab.softirq_seconds(lab.sender_cpu)
    sent = _generate(lab, contestant, traffic)
    if receiver:
        counted = receiver.line(seconds=30)
        lab.forget(receiver)
    else:
        time.sleep(IDLE_MILLISECONDS / 1000)
        counted = {"received": 0, "dropped": 0, "reordered": 0}
    return Passage(
        sent=sent["sent"],
        received=counted["received"],
        dropped=counted["dropped"],
        reordered=counted["reordered"],
        rate=sent["sent"] / sent["seconds"],
        relay_cpu=contestant.cpu() + lab.softirq_seconds(lab.relay_cpu) - relay_cpu,
        sender_cpu=sent["cpuNanoseconds"] / 1e9 + lab.softirq_seconds(lab.sender_cpu) - softirq,
        latency=counted,
    )


def _generate(lab, contestant, traffic):
    generator = lab.start(
        "sender", lab.tools.bench, "generate", "--to", destination(contestant).text(SENDER),
        "--size", traffic.size, "--seconds", traffic.seconds, "--rate", traffic.rate,
        "--count-max", traffic.count_max, *(["--single"] if traffic.is_single else []),
        cpu=lab.sender_cpu,
    )  # fmt: skip
    sent = generator.line(seconds=traffic.seconds + 10)
    lab.forget(generator)
    return sent


class Running:
    """A contestant that has been started and has relayed something; a context manager."""

    def __init__(self, lab, kind, scenario):
        self._lab, self._kind, self._scenario = lab, kind, scenario
        self.counts = None

    def __enter__(self):
        # If this fails, Found.add ends what was started.
        self.contestant = self._kind(self._lab, self._scenario)
        self._warm_up()
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.counts = self.contestant.finish()

    def _warm_up(self):
        traffic = Traffic(
            size=64,
            seconds=2,
            rate=WARM_UP_RATE,
            count_max=WARM_UP_DATAGRAMS,
        )
        self.warm_up_sent = 0
        copies = max(1, self._scenario.fan_out)
        for _ in range(3):
            passage = send(self._lab, self.contestant, traffic)
            self.warm_up_sent += passage.sent
            if self._scenario.fan_out == 0 or passage.received == passage.sent * copies:
                return
        raise LabError(
            f"{self._kind.name} does not relay {self._scenario.name}: of {passage.sent} datagrams "
            f"{passage.received} arrived instead of {passage.sent * copies}"
        )

    def send(self, traffic):
        """Sends traffic through it."""
        return send(self._lab, self.contestant, traffic)


def cost(lab, kind, scenario, size, seconds):
    """CPU nanoseconds per datagram while the generator sends as fast as it goes."""
    if kind is KernelMulticast:
        return _kernel_cost(lab, scenario, size, seconds)
    running = Running(lab, kind, scenario)
    with running:
        passage = running.send(Traffic(size, seconds))
    if scenario.fan_out == 0:
        relayed = running.counts["received"] - running.warm_up_sent
    else:
        relayed = (passage.received + passage.dropped) / scenario.fan_out
    return {
        "cpuNanosecondsPerDatagram": 1e9 * passage.relay_cpu / max(1, relayed),
        "relayedDatagramsPerSecond": relayed / seconds,
    }


def _kernel_cost(lab, scenario, size, seconds):
    """What sending costs more than without the route.

    The kernel forwards in the softirq of the processor that sends, so the cost is in the CPU time
    of the generator and of that processor's softirq thread. The same is measured right before
    without smcrouted, when the host `relay` drops what it gets, and subtracted. The receiver's own
    CPU time is in neither. Every datagram is sent by itself, as a wire would bring it.
    """
    traffic = Traffic(size, seconds, is_single=True)
    without = send(lab, _Nobody(scenario), traffic)
    with Running(lab, KernelMulticast, scenario) as running:
        passage = running.send(traffic)
    relayed = passage.received + passage.dropped
    with_route = passage.sender_cpu / max(1, relayed)
    return {
        "cpuNanosecondsPerDatagram": 1e9 * (with_route - without.sender_cpu / max(1, without.sent)),
        "senderNanosecondsPerDatagram": 1e9 * with_route,
        "relayedDatagramsPerSecond": relayed / seconds,
    }


class _Nobody:
    """No relay and no receiver."""

    def __init__(self, scenario):
        self.scenario = scenario._replace(outbound=None)

    def cpu(self):
        """None."""
        return 0


def paced(lab, kind, scenario, size, seconds, rate):
    """CPU per datagram and latency at a rate, datagrams evenly spaced."""
    with Running(lab, kind, scenario) as running:
        passage = running.send(Traffic(size, seconds, rate, is_single=True, has_latency=True))
    found = {
        "latencyP50Nanoseconds": passage.latency["latencyP50Nanoseconds"],
        "latencyP99Nanoseconds": passage.latency["latencyP99Nanoseconds"],
        "lost": passage.sent - passage.received,
        "sentDatagramsPerSecond": passage.rate,
    }
    if kind is not Direct:
        relayed = max(1, passage.received + passage.dropped)
        found["cpuNanosecondsPerDatagram"] = 1e9 * passage.relay_cpu / relayed
    return found


def loss_free_rate(lab, kind, scenario, size, seconds, start):
    """The highest rate at which every datagram arrived, searched from `start` on."""
    with Running(lab, kind, scenario) as running:
        traffic = Traffic(size, seconds, start, is_single=kind is KernelMulticast)
        return _search(lambda rate: _achieved(running, scenario, traffic._replace(rate=rate)), start)


def _search(achieved, rate):
    """Upwards until something is lost, downwards until nothing is, then between the two."""
    good, bad = 0.0, None
    while bad is None and rate < RATE_MAX:
        passed = achieved(rate)
        if passed and passed < good * GENERATOR_GROWTH_MIN:
            return {"lossFreeDatagramsPerSecond": max(good, passed), "isGeneratorsLimit": True}
        if passed:
            good, rate = max(good, passed), rate * STEP
        else:
            bad = rate
    while not good and bad and bad > RATE_MIN:
        good = achieved(bad / STEP)
        bad = bad if good else bad / STEP
    for _ in range(BISECTIONS if good and bad else 0):
        rate = (good * bad) ** 0.5
        passed = achieved(rate)
        good, bad = (max(good, passed), bad) if passed else (good, rate)
    return {"lossFreeDatagramsPerSecond": good, "isGeneratorsLimit": False}


def _achieved(running, scenario, traffic):
    """The rate that was really sent; 0 if something was lost."""
    for _ in range(ATTEMPTS):
        passage = running.send(traffic)
        if passage.received == passage.sent * scenario.fan_out:
            return passage.rate
    return 0.0

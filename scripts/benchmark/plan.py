"""What is measured in which order: every contestant in turn, round after round."""

import sys

from benchmark import api, measure, memory
from benchmark.contestants import ALL, Direct, KernelMulticast
from benchmark.lab import LabError
from benchmark.scenarios import GOAL_SIZE, PACED_RATES, QUIET_RATE, SCENARIOS, SIZES

PARTS = (*SCENARIOS, "latency", "api", "memory")
# A search step needs less than a cost.
STEP_SHARE = 0.5
FIRST_RATE = 60_000
QUICK_RATE = 2_000
QUICK_SECONDS = 0.2


class Found:
    """What was measured, and what could not be."""

    def __init__(self, lab):
        self._lab = lab
        # Rows of {"part", "scenario", "size"?, "rate"?, "contestant", "round", figures…}.
        self.figures, self.failures = [], []

    def add(self, number, measurement):
        """Adds the rows of a measurement; one that fails is noted, and the next one goes on."""
        try:
            rows = measurement(self._lab)
        except LabError as error:
            self._lab.end_all()
            self.failures.append(str(error))
            print(f"  FAILED: {error}", file=sys.stderr)
            return
        for row in rows:
            self.figures.append(row | {"round": number})
            print(f"  {row}", file=sys.stderr)


def run(lab, options):
    """Measures."""
    parts = options.scenario or PARTS
    found, last_rates = Found(lab), {}
    if not lab.tools.smcrouted:
        print("without smcrouted the kernel's routing does not take part", file=sys.stderr)
    if options.quick:
        for job in quick_jobs(lab, [part for part in parts if part in SCENARIOS]):
            found.add(1, job)
        return found
    for number in range(1, options.rounds + 1):
        print(f"round {number} of {options.rounds}", file=sys.stderr)
        for job in jobs(lab, parts, options, last_rates):
            found.add(number, job)
        if "api" in parts:
            found.add(number, lambda lab: api.measure_requests(lab, options.seconds))
    if "api" in parts:
        found.add(1, lambda lab: api.measure_under_load(lab, options.seconds, last_rates))
    for count in memory.COUNTS if "memory" in parts else ():
        found.add(1, lambda lab, count=count: [memory.measure(lab, count)])
    return found


def jobs(lab, parts, options, last_rates):
    """The measurements of a round; contestants that are compared follow each other."""
    for name in (name for name in SCENARIOS if name in parts and name != "quiet"):
        scenario = SCENARIOS[name]
        for size in options.size or SIZES:
            for kind in contestants(lab, name):
                yield cost_job(kind, scenario, size, options.seconds)
        if name != "receive":
            for kind in contestants(lab, name):
                yield rate_job(kind, scenario, options.seconds * STEP_SHARE, last_rates)
    if "quiet" in parts:
        for kind in contestants(lab, "quiet"):
            yield paced_job("quiet", kind, SCENARIOS["quiet"], options.seconds, QUIET_RATE)
    if "latency" in parts:
        for rate in PACED_RATES:
            for kind in (Direct, *contestants(lab, "unicast")):
                yield paced_job("latency", kind, SCENARIOS["unicast"], options.seconds * 2, rate)


def contestants(lab, scenario):
    """Who takes part in a scenario."""
    absent = {Direct} if lab.tools.smcrouted else {Direct, KernelMulticast}
    return [kind for kind in ALL if scenario in kind.scenarios and kind not in absent]


def cost_job(kind, scenario, size, seconds):
    """CPU at saturation."""
    key = {"part": "cost", "scenario": scenario.name, "size": size, "contestant": kind.name}
    return lambda lab: [key | measure.cost(lab, kind, scenario, size, seconds)]


def paced_job(part, kind, scenario, seconds, rate):
    """CPU and latency at a rate."""
    key = {"part": part, "scenario": scenario.name, "size": GOAL_SIZE, "rate": rate}
    key["contestant"] = kind.name
    return lambda lab: [key | measure.paced(lab, kind, scenario, GOAL_SIZE, seconds, rate)]


def rate_job(kind, scenario, seconds, last_rates):
    """The loss-free rate, searched from where the last round found it."""
    key = {"part": "rate", "scenario": scenario.name, "size": GOAL_SIZE, "contestant": kind.name}

    def job(lab):
        start = last_rates.get((scenario.name, kind.name), FIRST_RATE)
        found = measure.loss_free_rate(lab, kind, scenario, GOAL_SIZE, seconds, start)
        if found["lossFreeDatagramsPerSecond"]:
            last_rates[scenario.name, kind.name] = found["lossFreeDatagramsPerSecond"]
        return [key | found]

    return job


def quick_jobs(lab, scenarios):
    """Whether every contestant relays a low rate without loss."""
    for name in scenarios:
        for kind in contestants(lab, name):
            yield lambda lab, kind=kind, name=name: [quick(lab, kind, SCENARIOS[name])]


def quick(lab, kind, scenario):
    """A row with what was lost of a little traffic."""
    running = measure.Running(lab, kind, scenario)
    with running:
        traffic = measure.Traffic(GOAL_SIZE, QUICK_SECONDS, QUICK_RATE, is_single=True)
        passage = running.send(traffic)
    arrived = passage.received
    if scenario.fan_out == 0:
        arrived = running.counts["received"] - running.warm_up_sent
    return {
        "part": "quick",
        "scenario": scenario.name,
        "size": GOAL_SIZE,
        "contestant": kind.name,
        "sent": passage.sent,
        "lost": passage.sent * max(1, scenario.fan_out) - arrived,
    }

"""What is measured in which order: every contestant in turn, round after round."""

import sys

from benchmark import api, measure, memory
from benchmark.contestants import ALL, Direct, KernelMulticast
from benchmark.scenarios import GOAL_SIZE, PACED_RATES, QUIET_RATE, SCENARIOS, SIZES

PARTS = (*SCENARIOS, "latency", "api", "memory")
# A search step needs less than a cost.
STEP_SHARE = 0.5
FIRST_RATE = 60_000
QUICK_RATE = 2_000
QUICK_SECONDS = 0.2


def run(lab, options):
    """Measures; a list of {"part", "scenario", "size"?, "rate"?, "contestant", "round", figures…}."""
    parts = options.scenario or PARTS
    if not lab.tools.smcrouted:
        print("without smcrouted the kernel's routing does not take part", file=sys.stderr)
    if options.quick:
        return quick(lab, [part for part in parts if part in SCENARIOS])
    figures, last_rates = [], {}
    for number in range(1, options.rounds + 1):
        print(f"round {number} of {options.rounds}", file=sys.stderr)
        for job in jobs(lab, parts, options, last_rates):
            key, found = job(lab)
            figures.append(key | {"round": number} | found)
            print(f"  {key} {found}", file=sys.stderr)
        if "api" in parts:
            for row in api.measure_requests(lab, options.seconds):
                figures.append(row | {"round": number})
    if "api" in parts:
        figures += api.measure_under_load(lab, options.seconds, last_rates)
    if "memory" in parts:
        figures += memory.measure_memory(lab)
    return figures


def jobs(lab, parts, options, last_rates):
    """The measurements of a round; contestants that are compared follow each other."""
    for name in (name for name in SCENARIOS if name in parts and name != "quiet"):
        scenario = SCENARIOS[name]
        for size in SIZES:
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
    return lambda lab: (key, measure.cost(lab, kind, scenario, size, seconds))


def paced_job(part, kind, scenario, seconds, rate):
    """CPU and latency at a rate."""
    key = {"part": part, "scenario": scenario.name, "size": GOAL_SIZE, "rate": rate}
    key["contestant"] = kind.name
    return lambda lab: (key, measure.paced(lab, kind, scenario, GOAL_SIZE, seconds, rate))


def rate_job(kind, scenario, seconds, last_rates):
    """The loss-free rate, searched from where the last round found it."""
    key = {"part": "rate", "scenario": scenario.name, "size": GOAL_SIZE, "contestant": kind.name}

    def job(lab):
        start = last_rates.get((scenario.name, kind.name), FIRST_RATE)
        found = measure.loss_free_rate(lab, kind, scenario, GOAL_SIZE, seconds, start)
        if found["lossFreeDatagramsPerSecond"]:
            last_rates[scenario.name, kind.name] = found["lossFreeDatagramsPerSecond"]
        return key, found

    return job


def quick(lab, scenarios):
    """Whether every contestant relays a low rate without loss."""
    figures = []
    for name in scenarios:
        for kind in contestants(lab, name):
            running = measure.Running(lab, kind, SCENARIOS[name])
            with running:
                passage = running.send(
                    measure.Traffic(GOAL_SIZE, QUICK_SECONDS, QUICK_RATE, is_single=True)
                )
            arrived = passage.received
            if SCENARIOS[name].fan_out == 0:
                arrived = running.counts["received"] - running.warm_up_sent
            expected = passage.sent * max(1, SCENARIOS[name].fan_out)
            figures.append(
                {"part": "quick", "scenario": name, "size": GOAL_SIZE, "contestant": kind.name,
                 "round": 1, "sent": passage.sent, "lost": expected - arrived}
            )  # fmt: skip
    return figures

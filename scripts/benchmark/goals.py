"""The goals, each judged by the median of a ratio that is made within each round."""

import statistics
from typing import NamedTuple

from benchmark.scenarios import GOAL_SIZE

COST, RATE = "cpuNanosecondsPerDatagram", "lossFreeDatagramsPerSecond"
RELAYCAST, ADAPTIVE, SOCAT = "Relaycast", "Relaycast adaptive", "socat"
GATHER, BATCH = "C UDP_SEGMENT", "C recvmmsg/sendmmsg"
KERNEL, DISCARD = "kernel multicast routing", "C recvmmsg"
BARE = "bare libmicrohttpd"


class Goal(NamedTuple):
    """A ratio `figure`(of) / `figure`(to), or without `to` a figure, and its limit."""

    title: str
    part: str
    scenario: str
    figure: str
    of: str
    to: str | None
    limit: float
    is_minimum: bool = False
    rate: int | None = None


GOALS = (
    Goal("1→1 unicast: cost ÷ socat", "cost", "unicast", COST, RELAYCAST, SOCAT, 1 / 8),
    Goal("1→1 multicast: cost ÷ socat", "cost", "multicast", COST, RELAYCAST, SOCAT, 1 / 8),
    Goal("1→1 unicast: cost ÷ C UDP_SEGMENT", "cost", "unicast", COST, RELAYCAST, GATHER, 1.05),
    Goal("1→1 multicast: cost ÷ C UDP_SEGMENT", "cost", "multicast", COST, RELAYCAST, GATHER, 1.05),
    Goal("1→1 unicast: cost ÷ C sendmmsg", "cost", "unicast", COST, RELAYCAST, BATCH, 0.45),
    Goal("1→1 multicast: cost ÷ C sendmmsg", "cost", "multicast", COST, RELAYCAST, BATCH, 0.45),
    Goal("1→1 multicast: cost ÷ kernel routing", "cost", "multicast", COST, RELAYCAST, KERNEL, 1.0),
    Goal("1→8: cost ÷ C sendmmsg", "cost", "fanout", COST, RELAYCAST, BATCH, 0.32),
    Goal("1→1 unicast: rate ÷ C UDP_SEGMENT", "rate", "unicast", RATE, RELAYCAST, GATHER, 0.95, True),
    Goal("1→1 multicast: rate ÷ C UDP_SEGMENT", "rate", "multicast", RATE, RELAYCAST, GATHER, 0.95, True),
    Goal("1→1 unicast: rate ÷ socat", "rate", "unicast", RATE, RELAYCAST, SOCAT, 8, True),
    Goal("1→1 multicast: rate ÷ socat", "rate", "multicast", RATE, RELAYCAST, SOCAT, 8, True),
    Goal("receive only: cost ÷ C recvmmsg", "cost", "receive", COST, RELAYCAST, DISCARD, 1.30),
    Goal(
        "50 000/s, adaptive: cost ÷ socat",
        "latency", "unicast", COST, ADAPTIVE, SOCAT, 0.4, rate=50_000,
    ),  # fmt: skip
    Goal("API, a session: requests/s ÷ bare C", "api", "session", "requestsPerSecond", RELAYCAST, BARE, 0.85, True),
    Goal("API, counters: requests/s ÷ bare C", "api", "counters", "requestsPerSecond", RELAYCAST, BARE, 0.85, True),
    Goal("API, list of 1 000: CPU, ms", "api", "list", "cpuMilliseconds", RELAYCAST, None, 2.0),
    Goal("API at 80 % of the rate: datagrams lost", "api", "loaded", "lost", RELAYCAST, None, 0),
    Goal("idle session of 1 000: daemon, bytes", "memory", "1000", "residentBytesPerSession", RELAYCAST, None, 7168),
    Goal("idle session of 10 000: daemon, bytes", "memory", "10000", "residentBytesPerSession", RELAYCAST, None, 7168),
    Goal("10 000 created, listed, deleted: datagrams lost", "memory", "10000", "lost", RELAYCAST, None, 0),
)  # fmt: skip


def judge(figures):
    """The goals that something was measured for, each with its figure and whether it was met."""
    judged = []
    for goal in GOALS:
        values = ratios(figures, goal)
        if not values:
            continue
        middle = statistics.median(values)
        judged.append(
            {
                "goal": goal.title,
                "figure": round(middle, 4),
                "lowest": round(min(values), 4),
                "highest": round(max(values), 4),
                "limit": round(goal.limit, 4),
                "isMinimum": goal.is_minimum,
                "met": middle >= goal.limit if goal.is_minimum else middle <= goal.limit,
            }
        )
    return judged


def ratios(figures, goal):
    """The ratio of each round that has both, at the size of the goals."""
    found = {}
    for row in figures:
        if (
            (row["part"], row["scenario"]) == (goal.part, goal.scenario)
            and row.get("size", GOAL_SIZE) == GOAL_SIZE
            and row.get("rate") == goal.rate
            and goal.figure in row
        ):
            found[row["contestant"], row["round"]] = row[goal.figure]
    rounds = sorted({number for name, number in found if name == goal.of})
    if goal.to is None:
        return [found[goal.of, number] for number in rounds]
    return [
        found[goal.of, number] / found[goal.to, number]
        for number in rounds
        if found.get((goal.to, number))
    ]


def print_table(judged):
    """One line for each goal."""
    print(f"\n{'Goal':50}{'figure':>9}  {'lowest … highest':>20}  {'limit':>9}")
    for goal in judged:
        sign = "≥" if goal["isMinimum"] else "≤"
        reach = f"{goal['lowest']:.4g} … {goal['highest']:.4g}"
        verdict = "met" if goal["met"] else "MISSED"
        print(
            f"{goal['goal']:50}{goal['figure']:>9.4g}  {reach:>20}  {sign} {goal['limit']:<7.4g}"
            f"  {verdict}"
        )

"""The figures as a document for machines and as tables for people."""

import os
import platform
import statistics

from benchmark import goals
from benchmark.scenarios import SCENARIOS

# What tells the rows of figures apart, and what is not a figure.
KEYS = ("part", "scenario", "size", "rate", "contestant")
BASE = "C recvmmsg/sendmmsg"


def document(found, options):
    """Everything measured: the rows of every round, their medians, and the goals."""
    return {
        "machine": {
            "kernel": platform.release(),
            "machine": platform.machine(),
            "processors": len(os.sched_getaffinity(0)),
            "loadAverage": os.getloadavg()[0],
        },
        "options": {"rounds": options.rounds, "seconds": options.seconds, "quick": options.quick},
        "medians": summarise(found.figures),
        "goals": [] if options.quick else goals.judge(found.figures),
        "failures": found.failures,
        "figures": found.figures,
    }


def summarise(figures):
    """For every row that was measured in several rounds the medians, and how far apart they were."""
    groups = {}
    for row in figures:
        groups.setdefault(tuple(row.get(key) for key in KEYS), []).append(row)
    summary = []
    for key, rows in groups.items():
        entry = {name: value for name, value in zip(KEYS, key) if value is not None}
        for name in rows[0]:
            values = [row[name] for row in rows if is_figure(name, row.get(name))]
            if values:
                middle = statistics.median(values)
                spread = (max(values) - min(values)) / middle if middle else 0
                entry[name] = {"median": middle, "spread": round(spread, 3)}
        summary.append(entry)
    return summary


def is_figure(name, value):
    """Whether a member of a row is something measured."""
    return name not in (*KEYS, "round") and isinstance(value, (int, float))


def print_tables(document):
    """Prints what there is, and the goals last."""
    medians = document["medians"]
    for part, print_part in PRINTERS.items():
        rows = [row for row in medians if row["part"] == part]
        if rows:
            print_part(rows)
    if document["goals"]:
        goals.print_table(document["goals"])
    for failure in document["failures"]:
        print(f"not measured: {failure}")


def median(row, name):
    """A median of a row, or None."""
    return row[name]["median"] if name in row else None


def print_costs(rows):
    """CPU per datagram by size, and the ratio to the base at the size that goals speak of."""
    for scenario in SCENARIOS.values():
        found = [row for row in rows if row["scenario"] == scenario.name]
        if not found:
            continue
        sizes = sorted({row["size"] for row in found})
        names = list(dict.fromkeys(row["contestant"] for row in found))
        by_key = {(row["contestant"], row["size"]): row for row in found}
        print(f"\n{scenario.title}: CPU per relayed datagram at saturation, ns (± spread)")
        print(f"  {'':26}" + "".join(f"{size:>7} bytes " for size in sizes) + "  datagrams/s")
        for name in names:
            cells, last = "", None
            for size in sizes:
                last = by_key.get((name, size)) or last
                cost = last["cpuNanosecondsPerDatagram"]
                cells += f"{cost['median']:>7.0f} {spread_text(cost)} "
            rate = median(by_key[name, sizes[-1]], "relayedDatagramsPerSecond")
            print(f"  {name:26}{cells}  {rate:>9.0f}")


def spread_text(figure):
    """Half of the spread in per cent, five wide."""
    return f"±{50 * figure['spread']:>2.0f}% "


def print_rates(rows):
    """Loss-free rates."""
    for scenario in SCENARIOS.values():
        found = [row for row in rows if row["scenario"] == scenario.name]
        if found:
            print(f"\n{scenario.title}: highest rate without loss, datagrams/s, 1316 bytes")
        for row in found:
            rate = row["lossFreeDatagramsPerSecond"]
            limit = row.get("isGeneratorsLimit", {}).get("median")
            note = " (the generator's limit)" if limit else ""
            print(f"  {row['contestant']:26}{rate['median']:>9.0f} {spread_text(rate)}{note}")


def print_paced(rows):
    """CPU and latency at given rates."""
    for rate in sorted({row["rate"] for row in rows}):
        found = [row for row in rows if row["rate"] == rate]
        title = SCENARIOS[found[0]["scenario"]].title
        routed = next((row for row in found if row["contestant"] == "routed, no relay"), None)
        print(f"\n{title} at {rate} datagrams/s: CPU per datagram, ns; latency added, µs; lost")
        for row in found:
            cost = row.get("cpuNanosecondsPerDatagram")
            cells = f"{cost['median']:>9.0f} {spread_text(cost)}" if cost else " " * 15
            for name in ("latencyP50Nanoseconds", "latencyP99Nanoseconds"):
                base = median(routed, name) if routed and row is not routed else 0
                cells += f"  p{name[8:10]} {(median(row, name) - base) / 1000:>7.0f}"
            print(f"  {row['contestant']:26}{cells}  {median(row, 'lost'):>6.0f}")


def print_quick(rows):
    """Who relayed, and whether anything was lost."""
    print("\nA low rate, once: datagrams sent, and lost")
    for row in rows:
        title = SCENARIOS[row["scenario"]].title
        print(f"  {title:26}{row['contestant']:26}{median(row, 'sent'):>6}{median(row, 'lost'):>6}")


OTHER_TITLES = {
    "session": "GET /v1/sessions/NAME",
    "counters": "GET /v1/sessions/NAME/counters",
    "list": "GET /v1/sessions, 1 000 with counters",
    "loaded": "GET …/counters while relaying at 80 % of the loss-free rate",
    "1000": "1 000 idle sessions, while another one relays",
    "10000": "10 000 idle sessions, while another one relays",
}


def print_other(rows):
    """What was found of the API and of idle sessions, a figure a line under its name in the JSON."""
    title = None
    for row in rows:
        if row["scenario"] != title:
            title = row["scenario"]
            print(f"\n{OTHER_TITLES[title]}")
        for name in row:
            if name not in KEYS and isinstance(row[name], dict):
                figure = row[name]
                print(
                    f"  {row['contestant']:26}{name:28}{figure['median']:>12.1f} "
                    f"{spread_text(figure)}"
                )


PRINTERS = {
    "quick": print_quick,
    "cost": print_costs,
    "rate": print_rates,
    "quiet": print_paced,
    "latency": print_paced,
    "api": print_other,
    "memory": print_other,
}

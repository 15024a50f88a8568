"""scripts/bench and relaycast-bench: contestants relay, the output keeps its shape, and the engine
costs about what the same work costs in C.

No absolute times: a machine that builds something else meanwhile is slow, and so are all the
contestants. What is compared here is made in turn, within milliseconds of each other.
"""

import json
import os
import pathlib
import signal
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))

from namespaces import eventually  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
BENCH = ROOT / "scripts" / "bench"

RELAYS = {"Relaycast", "C recvfrom/sendto", "C recvmmsg/sendmmsg", "C UDP_SEGMENT"}
EXPECTED = {
    "unicast": RELAYS | {"Relaycast adaptive", "socat", "C, the same work"},
    "multicast": RELAYS | {"Relaycast adaptive", "socat", "C, the same work"},
    "fanout": RELAYS | {"Relaycast adaptive", "C, the same work"},
    "quiet": RELAYS | {"Relaycast adaptive", "socat"},
    "receive": {"Relaycast", "C recvmmsg", "C, the same work"},
}
# The goal is 1.03, and the figures are about 1; but only a machine of its own can judge that: on a
# shared one the quartiles of a few hundred rounds lie 0.2 apart, and their medians have moved by
# 0.05. What this is to find, an allocation, a copy or a hash of the whole payload for each datagram,
# costs more than that.
SAME_WORK_RATIO_MAX = 1.15
ROUNDS = 400


@pytest.fixture(scope="session")
def bench_binary():
    """relaycast-bench, as optimised as the daemon under test."""
    if path := os.environ.get("RELAYCAST_BENCH_BINARY"):
        return path
    tested = pathlib.Path(os.environ.get("RELAYCAST_BINARY", "")).resolve()
    if "release" not in tested.parts:
        pytest.skip("a debug build says nothing about costs")
    command = ["swift", "build", "--package-path", ROOT, "--configuration", "release"]
    command += ["--static-swift-stdlib", "--product", "relaycast-bench"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return str(tested.parent / "relaycast-bench")


def bench(*arguments, binary=None):
    """Runs scripts/bench to its end."""
    environment = dict(os.environ)
    if binary:
        environment["RELAYCAST_BENCH_BINARY"] = binary
    return subprocess.run(
        [BENCH, *arguments], capture_output=True, text=True, env=environment, timeout=300
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["--rounds", "0"],
        ["--rounds", "101"],
        ["--rounds", "many"],
        ["--seconds", "0"],
        ["--seconds", "61"],
        ["--scenario", "broadcast"],
        ["--size", "1315"],
        ["--json"],
        ["--json", "/"],
        ["--json", "/nowhere/figures.json"],
        ["--fast"],
        ["unicast"],
    ],
)
def test_wrong_arguments_end_with_64_before_anything_is_built(arguments):
    run = bench(*arguments)
    assert (run.returncode, run.stdout) == (64, "")
    assert "usage: bench" in run.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["relay", "--method", "gather", "--from", "127.0.0.1"],
        ["relay", "--method", "fastest", "--from", "127.0.0.1:5000"],
        ["generate", "--to", "127.0.0.1:5000+x"],
        ["inprocess", "--size", "15"],
        ["inprocess", "--targets", "65"],
        ["inprocess", "--rounds", "0"],
        ["inprocess", "--variant", "fastest"],
        ["digest", "--size", "0"],
        ["digest", "--size", "1473"],
        ["digest", "--rounds", "0"],
    ],
)
def test_tools_refuse_what_they_cannot_do(bench_binary, arguments):
    run = subprocess.run([bench_binary, *arguments], capture_output=True, text=True, timeout=60)
    assert (run.returncode, run.stdout) == (64, "")


def test_every_contestant_relays_a_low_rate_without_loss(bench_binary, tmp_path):
    file = tmp_path / "figures.json"
    run = bench("--quick", "--json", file, binary=bench_binary)
    assert run.returncode == 0, run.stderr
    document = json.loads(file.read_text())
    assert set(document) == {"machine", "options", "medians", "goals", "failures", "figures"}
    found = {}
    for row in document["figures"]:
        assert row["part"] == "quick" and row["round"] == 1
        assert row["sent"] > 0
        assert row["lost"] == 0, row
        assert f"{row['contestant']}" in run.stdout
        found.setdefault(row["scenario"], set()).add(row["contestant"])
    # The kernel's own routing takes part where the kernel has it and smcroute is installed.
    found["multicast"].discard("kernel multicast routing")
    assert found == EXPECTED
    assert {row["contestant"] for row in document["medians"]} >= RELAYS


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_nothing_behind(bench_binary, tmp_path, number):
    environment = os.environ | {"RELAYCAST_BENCH_BINARY": bench_binary, "TMPDIR": str(tmp_path)}
    run = subprocess.Popen(
        [BENCH, "--rounds", "1", "--scenario", "receive"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=environment,
        text=True,
        # A shell starts its background jobs without it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    # Its first contestant has a directory.
    begins = "the first measurement begins"
    eventually(lambda: any(tmp_path.glob("relaycast-bench-*/daemon-1")), 60, begins)
    run.send_signal(number)
    run.communicate(timeout=30)
    assert run.returncode == 128 + number
    assert list(tmp_path.glob("relaycast-bench-*")) == []


@pytest.fixture(scope="session")
def comparison(bench_binary):
    """What `relaycast-bench inprocess` found, by the variants' names."""
    command = [bench_binary, "inprocess", "--rounds", str(ROUNDS)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    return {line["name"]: line for line in lines}


def test_the_comparison_within_a_process_has_all_variants(comparison):
    engine = ["relaycast", "relaycast-without-guard"]
    references = ["same-work-guarded", "same-work", "gather", "batch"]
    assert list(comparison) == engine + references
    for line in comparison.values():
        cost = line["nanosecondsPerDatagram"]
        assert 0 < cost["lower"] <= cost["median"] <= cost["upper"]
        assert ROUNDS / 2 < line["turns"] <= ROUNDS


@pytest.mark.parametrize("variant", ["relaycast", "relaycast-without-guard"])
def test_the_engine_costs_about_what_the_same_work_costs_in_c(comparison, variant):
    assert comparison[variant]["toSameWork"]["median"] < SAME_WORK_RATIO_MAX


def test_gathering_is_what_makes_the_engine_cheap(comparison):
    batch = comparison["batch"]["nanosecondsPerDatagram"]["median"]
    assert comparison["relaycast"]["nanosecondsPerDatagram"]["median"] < batch


def test_the_cost_of_digests_is_stated_for_small_and_large_payloads(bench_binary):
    command = [bench_binary, "digest", "--rounds", "50"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    found = {(line["digest"], line["size"]): line["nanosecondsPerPayload"] for line in lines}
    assert list(found) == [("sample", 64), ("whole", 64), ("sample", 1316), ("whole", 1316)]
    for line in lines:
        for cost in (line["nanosecondsPerPayload"], line["emptyLoop"]):
            assert 0 < cost["lower"] <= cost["median"] <= cost["upper"]
    # The sample looks at both ends only, and that is why each datagram can afford it.
    assert found["sample", 1316]["median"] < found["whole", 1316]["median"]

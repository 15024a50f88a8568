"""Generated requests, valid and not: no answer may be outside the contract.

Every run has other data. A run that failed names its seed; it is repeated, with the others, by

    RELAYCAST_SEEDS=1,2,3 pytest Tests/contract/test_schemathesis.py
"""

import os
import pathlib
import random
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from contract.document import PATH
from support import Daemon, Network

CONFIGURATION = pathlib.Path(__file__).with_name("schemathesis.toml")
SEEDS = [int(seed) for seed in os.environ.get("RELAYCAST_SEEDS", "").split(",") if seed]
SEEDS = SEEDS or random.SystemRandom().sample(range(1, 1 << 31), 3)
# The borders of the schemas are many, and nearly the same with any seed: once is enough.
RUNS = {"borders": (SEEDS[0], "examples,coverage")} | {
    f"run-{number}": (seed, "fuzzing,stateful") for number, seed in enumerate(SEEDS, 1)
}
# What a run may take, on a machine that is busy with all of them.
SECONDS_MAX = 400


@pytest.fixture(scope="module")
def runs(binary: str, network: Network, tmp_path_factory: pytest.TempPathFactory):
    """Every run, each with a daemon of its own, two at a time."""
    directory = tmp_path_factory.mktemp("schemathesis")

    def run(seed: int, phases: str) -> tuple[int, str, int]:
        """Exit status, output, and the status of a request to the daemon afterwards."""
        with Daemon(binary, network) as daemon:
            command = [sys.executable, "-m", "schemathesis.cli", f"--config-file={CONFIGURATION}"]
            command += ["run", str(PATH), f"--url=http://{daemon.host}"]
            command += [f"--seed={seed}", f"--phases={phases}"]
            done = network.run(
                command,
                check=False,
                timeout=SECONDS_MAX,
                cwd=directory,
                env={**os.environ, "PYTHONPATH": str(CONFIGURATION.parents[1])},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            return done.returncode, done.stdout, daemon.client().get("/livez").status

    with ThreadPoolExecutor(2) as pool:
        yield {name: pool.submit(run, *arguments) for name, arguments in RUNS.items()}


@pytest.mark.parametrize("name", RUNS)
def test_no_generated_request_leaves_the_contract(name: str, runs: dict[str, Future]) -> None:
    status, output, alive = runs[name].result()
    assert status == 0, f"seed {RUNS[name][0]}:\n{output[-20000:]}"
    # The daemon came through it.
    assert alive == 200

"""Generated requests, valid and not: no answer may be outside the contract."""

import pathlib
import subprocess
import sys

import pytest

from contract.document import PATH
from support import Daemon, Network

CONFIGURATION = pathlib.Path(__file__).with_name("schemathesis.toml")
# What a phase may take; four minutes together.
SECONDS_MAX = {"examples": 20, "coverage": 80, "fuzzing": 100, "stateful": 40}


@pytest.mark.parametrize("phase", SECONDS_MAX)
def test_no_generated_request_leaves_the_contract(
    phase: str, binary: str, network: Network, tmp_path: pathlib.Path
) -> None:
    with Daemon(binary, network) as daemon:
        command = [sys.executable, "-m", "schemathesis.cli", f"--config-file={CONFIGURATION}"]
        command += ["run", str(PATH), f"--url=http://{daemon.host}", f"--phases={phase}"]
        done = network.run(
            command,
            check=False,
            timeout=SECONDS_MAX[phase],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == 0, done.stdout[-20000:]
        # The daemon came through it.
        assert daemon.client().get("/livez").status == 200

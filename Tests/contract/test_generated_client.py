"""openapi-generator makes a client of openapi.yaml that works."""

import pathlib
import subprocess
import sys

import pytest

from contract.document import PATH
from support import Daemon, Network

DRIVER = pathlib.Path(__file__).with_name("generated_client.py")


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A directory with the package `relaycast_client`."""
    directory = tmp_path_factory.mktemp("client")
    done = subprocess.run(
        [pathlib.Path(sys.executable).with_name("openapi-generator-cli"), "generate"]
        + ["--generator-name=python", f"--input-spec={PATH}", f"--output={directory}"]
        + ["--additional-properties=packageName=relaycast_client"]
        + ["--global-property=apiTests=false,modelTests=false,apiDocs=false,modelDocs=false"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout[-8000:]
    return directory


def test_a_generated_client_does_everything(
    generated: pathlib.Path, binary: str, network: Network
) -> None:
    with Daemon(binary, network) as daemon:
        done = network.run(
            [sys.executable, str(DRIVER), str(generated), f"http://{daemon.host}"],
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == 0, done.stdout[-8000:]

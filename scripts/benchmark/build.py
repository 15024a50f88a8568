"""The programs that take part."""

import os
import pathlib
import shutil
import subprocess
from typing import NamedTuple

from benchmark.lab import NAMESPACE_MARK


class Tools(NamedTuple):
    """Paths of programs."""

    relaycast: str
    bench: str
    smcrouted: str


def build(root):
    """Installs and builds what is missing, outside the namespaces, where packages can be had.

    RELAYCAST_BINARY and RELAYCAST_BENCH_BINARY name binaries to use as they are.
    """
    relaycast = os.environ.get("RELAYCAST_BINARY")
    bench = os.environ.get("RELAYCAST_BENCH_BINARY")
    if NAMESPACE_MARK not in os.environ:
        subprocess.run([root / "scripts" / "install-dependencies", "bench"], check=True)
    if not relaycast:
        relaycast = _output(root / "scripts" / "build")
        os.environ["RELAYCAST_BINARY"] = relaycast
    if not bench:
        command = ["swift", "build", "--package-path", root, "--configuration", "release"]
        command += ["--static-swift-stdlib"]
        subprocess.run([*command, "--product", "relaycast-bench"], check=True, stdout=2)
        bench = str(pathlib.Path(_output(*command, "--show-bin-path")) / "relaycast-bench")
        os.environ["RELAYCAST_BENCH_BINARY"] = bench
    smcrouted = shutil.which("smcrouted", path=os.environ["PATH"] + ":/usr/sbin:/usr/local/sbin")
    return Tools(str(pathlib.Path(relaycast).resolve()), str(pathlib.Path(bench).resolve()), smcrouted)


def _output(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()

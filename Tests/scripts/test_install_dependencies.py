"""scripts/install-dependencies asks the system for what is missing, and only for that.

dpkg-query, apt-get, sudo and swift are stood in for by small programs that note how they were
called, so that nothing is really installed.
"""

import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "install-dependencies"

# What the script runs besides the programs that are stood in for.
TOOLS = ["bash", "env", "sed", "cat"]


@pytest.fixture
def machine():
    """A folder of programs that is the whole PATH; any user may look into it, as into no tmp_path."""
    with tempfile.TemporaryDirectory(prefix="relaycast-machine-") as path:
        folder = pathlib.Path(path)
        folder.chmod(0o755)
        programs = folder / "bin"
        programs.mkdir()
        for tool in TOOLS:
            (programs / tool).symlink_to(shutil.which(tool))
        (folder / "calls").touch()
        (folder / "calls").chmod(0o666)
        add(programs, "swift", 'echo "Swift version 6.3.1 (swift-6.3.1-RELEASE)"')
        add(programs, "apt-get", f'echo "apt-get $*" >>{folder}/calls')
        yield folder


def add(programs: pathlib.Path, name: str, body: str):
    (programs / name).write_text(f"#!/bin/sh\n{body}\n")
    (programs / name).chmod(0o755)


def lacks(machine: pathlib.Path, *packages: str):
    """Makes dpkg-query report everything but these as installed."""
    missing = "|".join(packages) or "none"
    add(
        machine / "bin",
        "dpkg-query",
        f'for name; do :; done; case "$name" in {missing}) exit 1 ;; esac; echo installed',
    )


def install(machine: pathlib.Path, *arguments: str, root: bool = True):
    """Runs the script, without root's rights if asked to; answers it and the calls it made."""
    # A copy, because another user may not be able to read the repository.
    copy = shutil.copy(SCRIPT, machine / "install-dependencies")
    rights = []
    if not root and os.geteuid() == 0:
        setpriv = shutil.which("setpriv")
        rights = [setpriv, "--reuid=65534", "--regid=65534", "--clear-groups"]
    elif root and os.geteuid() != 0:
        rights = [shutil.which("unshare"), "--user", "--map-root-user"]
    run = subprocess.run(
        [*rights, copy, *arguments],
        env={"PATH": str(machine / "bin")},
        capture_output=True,
        text=True,
        cwd="/",
    )
    return run, (machine / "calls").read_text()


def test_it_does_nothing_when_nothing_is_missing(machine):
    lacks(machine)
    run, calls = install(machine, "test", root=False)
    assert (run.returncode, run.stdout, run.stderr, calls) == (0, "", "", "")


def test_root_installs_only_what_is_missing(machine):
    lacks(machine, "socat", "libsqlite3-dev")
    run, calls = install(machine, "test")
    assert run.returncode == 0, run.stderr
    update, installation = calls.splitlines()
    assert update.startswith("apt-get update")
    assert "--no-install-recommends" in installation
    assert installation.endswith(" libsqlite3-dev socat")


def test_what_only_tests_need_is_left_out_of_a_build(machine):
    lacks(machine, "socat")
    run, calls = install(machine)
    assert (run.returncode, calls) == (0, "")


def test_the_benchmark_needs_what_it_compares_with(machine):
    lacks(machine, "smcroute", "wrk", "prometheus")
    run, calls = install(machine, "bench")
    assert run.returncode == 0, run.stderr
    assert calls.splitlines()[-1].endswith(" smcroute wrk")


def test_the_tests_need_all_that_the_benchmark_needs(machine):
    lacks(machine, "smcroute", "wrk")
    run, calls = install(machine, "test")
    assert run.returncode == 0, run.stderr
    assert calls.splitlines()[-1].endswith(" smcroute wrk")


def test_the_service_of_a_package_is_masked_before_it_is_installed(machine):
    lacks(machine, "prometheus", "socat")
    add(machine / "bin", "systemctl", f'echo "systemctl $*" >>{machine}/calls')
    run, calls = install(machine, "test")
    assert run.returncode == 0, run.stderr
    mask, _, installation = calls.splitlines()
    assert mask == "systemctl mask --quiet prometheus.service"
    assert installation.endswith(" prometheus socat")


def test_a_service_that_is_there_already_is_left_alone(machine):
    lacks(machine, "socat")
    add(machine / "bin", "systemctl", f'echo "systemctl $*" >>{machine}/calls')
    run, calls = install(machine, "test")
    assert run.returncode == 0, run.stderr
    assert "systemctl" not in calls


def test_a_service_that_cannot_be_masked_is_not_installed(machine):
    lacks(machine, "prometheus")
    add(machine / "bin", "systemctl", "exit 1")
    run, calls = install(machine, "test")
    assert (run.returncode, calls) == (1, "")
    assert "mask prometheus" in run.stderr


def test_another_user_installs_by_sudo(machine):
    lacks(machine, "socat")
    add(machine / "bin", "sudo", f'echo "sudo" >>{machine}/calls; exec "$@"')
    run, calls = install(machine, "test", root=False)
    assert run.returncode == 0, run.stderr
    assert calls.count("sudo\n") == 2
    assert "install" in calls


def test_without_sudo_it_says_what_to_install(machine):
    lacks(machine, "socat")
    run, calls = install(machine, "test", root=False)
    assert (run.returncode, calls) == (1, "")
    assert "as root run: apt-get install socat" in run.stderr


def test_a_failed_installation_is_an_error(machine):
    lacks(machine, "socat")
    add(machine / "bin", "apt-get", "exit 100")
    run, _ = install(machine, "test")
    assert run.returncode == 1
    assert "apt-get update failed" in run.stderr


@pytest.mark.parametrize("found", [None, "Swift version 6.2.4 (swift-6.2.4-RELEASE)"])
def test_swift_must_be_there_and_new_enough(machine, found):
    lacks(machine)
    if found:
        add(machine / "bin", "swift", f'echo "{found}"')
    else:
        (machine / "bin" / "swift").unlink()
    run, _ = install(machine)
    assert run.returncode == 1
    assert ("6.3 or newer is needed; this is 6.2" if found else "install Swift 6.3") in run.stderr


def test_a_system_without_dpkg_is_told_what_it_needs(machine):
    run, _ = install(machine)
    assert run.returncode == 1
    assert "not a Debian system" in run.stderr
    assert "libmicrohttpd-dev" in run.stderr

"""Fixtures of the network tests: the lab, its hosts, and daemons in them."""

import contextlib
import os
import pathlib
import shutil
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))

import lab_relay  # noqa: E402
from lab_circles import LAYOUTS  # noqa: E402
from namespaces import Lab, MissingCapability  # noqa: E402
from lab_daemon import Daemon  # noqa: E402

_missing = set()


def _cannot(reason):
    """Skips where people work; in CI a test that cannot run is a failure."""
    if os.environ.get("CI"):
        pytest.fail(f"not proven: {reason}")
    _missing.add(reason)
    pytest.skip(reason)


def pytest_terminal_summary(terminalreporter):
    """Says at the end, in red, what was not proven and why."""
    for reason in sorted(_missing):
        terminalreporter.write_line(f"NETWORK TESTS NOT RUN: {reason}", red=True, bold=True)


@pytest.fixture(scope="session")
def session_lab():
    """The lab, once for all tests."""
    try:
        lab = Lab()
    except MissingCapability as missing:
        _cannot(str(missing))
    yield lab
    lab.close()


@pytest.fixture
def lab(session_lab):
    """The lab; what a test started ends with the test."""
    yield session_lab
    session_lab.end_processes()


@pytest.fixture
def h1(lab):
    """192.168.10.1, where our daemon usually is."""
    return lab.hosts["h1"]


@pytest.fixture
def h2(lab):
    """192.168.10.2, where the other side usually is."""
    return lab.hosts["h2"]


@pytest.fixture
def h3(lab):
    """192.168.10.3, the stranger."""
    return lab.hosts["h3"]


@pytest.fixture
def connect(lab):
    """Makes a second link from h1 to h2, outside the bridge: 192.168.20.1 and .2."""
    made = set()

    def make(interface):
        link = ["ip", "link", "add", interface, "netns", "h1", "type", "veth"]
        lab.run(*link, "peer", "name", interface, "netns", "h2")
        made.add(interface)
        for host in (lab.hosts["h1"], lab.hosts["h2"]):
            subnet = f"192.168.20.{host.number}/24"
            host.run("ip", "address", "add", subnet, "broadcast", "+", "dev", interface)
            host.run("ip", "link", "set", interface, "up")

    def remove(interface):
        lab.hosts["h1"].run("ip", "link", "delete", interface)
        made.discard(interface)

    make.remove = remove
    make.forget = made.discard
    yield make
    for interface in list(made):
        remove(interface)


@pytest.fixture(scope="session")
def far_host(session_lab):
    """A fourth host without a link, which tests of relays put on a second subnet."""
    session_lab.run("ip", "netns", "add", "h4")
    return session_lab.add_host("h4", 4, 30)


@pytest.fixture(scope="module")
def second_subnet(session_lab, far_host):
    """192.168.30.0/24 with h1, h3 and h4 (eth1 of each), until the end of the file."""
    session_lab.run("sh", "-ec", lab_relay.SECOND_SUBNET)
    yield
    session_lab.run("sh", "-ec", lab_relay.NO_SECOND_SUBNET)


@pytest.fixture
def h4(lab, second_subnet, far_host):  # noqa: ARG001 (the lab and its second subnet are there)
    """192.168.30.4, on the far side of the relay."""
    return far_host


@pytest.fixture
def old_style(h1, h2, h4):
    """The route that makes the network address a broadcast address, on every host."""
    links = [(h1, "eth0", 10), (h1, "eth1", 30), (h2, "eth0", 10), (h4, "eth1", 30)]
    with contextlib.ExitStack() as stack:
        for host, link, subnet in links:
            words = ["broadcast", f"192.168.{subnet}.0", "dev", link, "table", "local"]
            words += ["scope", "link", "src", f"192.168.{subnet}.{host.number}"]
            host.run("ip", "route", "add", *words)
            # The kernel would go on taking its neighbour for everybody.
            delete = f"ip neighbour delete {words[1]} dev {link} || true"
            stack.callback(host.run, "sh", "-c", delete)
            stack.callback(host.run, "ip", "route", "delete", *words)
        yield


@pytest.fixture
def sides_of(request, connect, h4):  # noqa: ARG001 (the second subnet is there)
    """The first so many sides of a layout, with the links and routes that they need."""

    def make(layout, count=2):
        found = LAYOUTS[layout][:count]
        if any(side.interface == "side0" for side in found):
            connect("side0")
        if layout == "network-address":
            request.getfixturevalue("old_style")
        return found

    return make


@pytest.fixture
def socat_installed():
    """Marks a test that needs socat."""
    if not shutil.which("socat"):
        _cannot("socat is not installed")


@pytest.fixture
def iperf_installed():
    """Marks a test that needs iperf 2."""
    if not shutil.which("iperf"):
        _cannot("iperf (version 2) is not installed")


@pytest.fixture
def multicat_installed():
    """Marks a test that needs multicat."""
    if not shutil.which("multicat"):
        _cannot("multicat is not installed")


@pytest.fixture
def minissdpd_installed():
    """Marks a test that needs minissdpd."""
    if not shutil.which("minissdpd", path=f"{os.environ.get('PATH', '')}:/usr/sbin"):
        _cannot("minissdpd is not installed")


@pytest.fixture
def upnpc_installed():
    """Marks a test that needs upnpc."""
    if not shutil.which("upnpc"):
        _cannot("upnpc (package miniupnpc) is not installed")


@pytest.fixture
def start_daemon(lab):  # noqa: ARG001 (its processes must end before the lab does)
    """Starts daemons; those that still run at the end must end well on SIGTERM."""
    binary = os.environ.get("RELAYCAST_BINARY")
    if not binary:
        _cannot("RELAYCAST_BINARY does not name the relaycast executable")
    daemons = []

    def start(host, *arguments, configuration=None, through=()):
        # Several daemons in one host listen on ports of their own.
        port = 8080 + sum(daemon.host is host for daemon in daemons)
        daemon = Daemon(
            host, os.path.abspath(binary), arguments,
            configuration=configuration, through=through, port=port,
        )  # fmt: skip
        daemons.append(daemon)
        return daemon

    yield start
    for daemon in daemons:
        # Shown by pytest when the test failed.
        print(f"--- {daemon.host.name}: end of the daemon's log\n{daemon.process.errors[-4000:]}")
    for daemon in daemons:
        if daemon.process.popen.poll() is None:
            assert daemon.terminate() == 0, daemon.process.errors


@pytest.fixture
def relaycast(start_daemon, h1):
    """Our daemon on h1."""
    return start_daemon(h1)

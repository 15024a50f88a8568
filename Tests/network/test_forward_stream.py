"""A television stream crosses from one subnet to another without a changed byte.

    multicat, h2 192.168.10.2 ── 239.1.1.1 ── eth0  h1 relaycast  eth1 ── 239.2.2.2 ── multicat, h4
                                                                       └─ 192.168.30.4 ── socat, h4
"""

import hashlib
import signal

import pytest
from lab_relay import FAR, NEAR, PORT, check_books, far, relay
from lab_sockets import socat
from namespaces import eventually
from transport_stream import PACKET_BYTES, PCR_PID, transport_stream

# Seven packets in a datagram: 1316 bytes, as everywhere.
DATAGRAMS, PER_DATAGRAM = 2500, 7
BYTES = DATAGRAMS * PER_DATAGRAM * PACKET_BYTES
BITS_PER_SECOND = 20_000_000


@pytest.fixture(scope="module")
def stream(tmp_path_factory):
    """A file of 3.3 MB and 1.3 seconds."""
    path = tmp_path_factory.mktemp("stream") / "stream.ts"
    path.write_bytes(transport_stream(DATAGRAMS * PER_DATAGRAM, BITS_PER_SECOND))
    return path


def play(host, stream):
    """Sends the file to the near group at the pace of its own clock."""
    host.run("ingests", "-p", PCR_PID, stream)
    host.run("multicat", "-U", stream, f"{NEAR}:{PORT}@{host.address}/ttl=2", seconds=20)


def recorder_of_the_group(host, path):
    """multicat, which writes what comes to the far group."""
    process = host.start("multicat", "-u", f"@{FAR}:{PORT}/ifaddr={host.address}", path)
    eventually(lambda: PORT in process.udp_ports() and FAR in host.groups("eth1"))
    return process


def recorder_of_the_host(host, path):
    """socat, which writes what comes to the host."""
    return socat(host, "-u", f"UDP-RECV:{PORT},rcvbuf=4194304", f"CREATE:{path}", port=PORT)


def carry(session, source, stream, host, recorder, path):
    """Plays the file until the recorder has had time for all of it; how often.

    What the recorder's socket had no room for has arrived all the same.
    """
    for attempt in range(1, 4):
        process = recorder(host, path)
        play(source, stream)
        end = lambda: path.stat().st_size >= BYTES or dropped_at(host)  # noqa: E731
        eventually(end, 5, lambda: f"{session.counters()}")
        is_whole = not dropped_at(host)
        process.signal(signal.SIGTERM)
        process.wait()
        if is_whole:
            return attempt
    raise AssertionError("the recorder is too slow")


def dropped_at(host):
    """What the kernel has dropped at the recorder's port (/proc/net/udp)."""
    lines = [line.split() for line in host.proc_net("udp").splitlines()[1:]]
    return sum(int(columns[-1]) for columns in lines if columns[1].endswith(f":{PORT:04X}"))


@pytest.mark.usefixtures("multicat_installed", "socat_installed")
@pytest.mark.parametrize(
    "target, recorder",
    [(far(ttl=4), recorder_of_the_group), (far(address="192.168.30.4"), recorder_of_the_host)],
    ids=["group", "host"],
)
def test_a_transport_stream_is_relayed_byte_for_byte(
    relaycast, h2, h4, stream, tmp_path, target, recorder
):
    session = relay(relaycast, target)
    arrived = tmp_path / "arrived.ts"
    times = carry(session, h2, stream, h4, recorder, arrived)
    assert digest(arrived) == digest(stream)
    counters = check_books(session)
    assert counters["accepted"] == {"datagrams": times * DATAGRAMS, "bytes": times * BYTES}
    assert counters["forwarded"] == counters["accepted"]
    assert set(counters["lost"].values()) == {0}


def digest(path):
    """The SHA-256 digest of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()

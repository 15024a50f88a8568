"""A television stream crosses from one subnet to another without a changed byte.

    multicat, h2 192.168.10.2 ── 239.1.1.1 ── eth0  h1 relaycast  eth1 ── 239.2.2.2 ── multicat, h4
"""

import hashlib
import signal

import pytest
from lab_relay import FAR, NEAR, PORT, check_books, far, relay
from lab_sockets import socat
from namespaces import eventually
from transport_stream import PACKET_BYTES, PCR_PID, transport_stream

# Seven packets in a datagram: 1316 bytes, as everywhere.
DATAGRAMS, PER_DATAGRAM = 3000, 7
BITS_PER_SECOND = 24_000_000


@pytest.fixture(scope="module")
def stream(tmp_path_factory):
    """A file of 3.9 MB and 1.3 seconds."""
    path = tmp_path_factory.mktemp("stream") / "stream.ts"
    path.write_bytes(transport_stream(DATAGRAMS * PER_DATAGRAM, BITS_PER_SECOND))
    return path


def digest(path):
    """The SHA-256 digest of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.usefixtures("multicat_installed")
@pytest.mark.parametrize("pace", ["real-time", "as-fast-as-possible"])
def test_a_transport_stream_is_relayed_byte_for_byte(relaycast, h2, h4, stream, pace):
    session = relay(relaycast, far(ttl=4))
    arrived = stream.with_name(f"{pace}.ts")
    receiver = h4.start("multicat", "-u", f"@{FAR}:{PORT}/ifaddr={h4.address}", arrived)
    eventually(lambda: PORT in receiver.udp_ports() and FAR in h4.groups("eth1"))
    # The file's clock, which multicat sends by.
    h2.run("ingests", "-p", PCR_PID, stream)
    fast = ["-f"] if pace == "as-fast-as-possible" else []
    h2.run("multicat", *fast, "-U", stream, f"{NEAR}:{PORT}@{h2.address}/ttl=2", seconds=20)

    size = DATAGRAMS * PER_DATAGRAM * PACKET_BYTES
    eventually(lambda: arrived.stat().st_size >= size, 5, lambda: f"{session.counters()}")
    receiver.signal(signal.SIGTERM)
    receiver.wait()
    assert digest(arrived) == digest(stream)
    counters = check_books(session)
    traffic = {"datagrams": DATAGRAMS, "bytes": size}
    assert counters["accepted"] == counters["forwarded"] == traffic
    assert set(counters["lost"].values()) == {0}


@pytest.mark.usefixtures("socat_installed")
def test_it_is_relayed_to_a_host_as_well(relaycast, h2, h4, stream):
    session = relay(relaycast, {"address": h4.address, "port": PORT})
    arrived = stream.with_name("host.ts")
    socat(h4, "-u", f"UDP-RECV:{PORT}", f"CREATE:{arrived}", port=PORT)
    h2.run("socat", "-u", "-b1316", f"OPEN:{stream}", f"UDP-DATAGRAM:{NEAR}:{PORT}")
    size = DATAGRAMS * PER_DATAGRAM * PACKET_BYTES
    eventually(lambda: arrived.stat().st_size >= size, 5, lambda: f"{session.counters()}")
    assert digest(arrived) == digest(stream)

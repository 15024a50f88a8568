"""A device on one subnet is found from another: its unicast answers travel back to who had asked.

    h2 upnpc, M-SEARCH ─┐                  h1 relaycast                  ┌─ h4 minissdpd
    h3                 ─┴─ 239.255.255.250 ── eth0  eth1 ── 239.255.255.250
"""

import contextlib
import socket

import pytest
from lab_relay import Ears, check_books, relay, send
from lab_relay import targets as counters_of
from lab_sockets import sender
from namespaces import eventually

GROUP, PORT = "239.255.255.250", 1900
DEVICE = "urn:schemas-upnp-org:device:InternetGatewayDevice:1"
LOCATION = "http://192.168.30.4:5000/description.xml"
SEARCH = f"""M-SEARCH * HTTP/1.1
HOST: {GROUP}:{PORT}
MAN: "ssdp:discover"
MX: 1
ST: {DEVICE}
X-Mark: """


def search(mark=0):
    """What somebody asks (UPnP Device Architecture, 1.3.2); the mark tells questions apart."""
    return f"{SEARCH}{mark}\n\n".replace("\n", "\r\n").encode()


@pytest.fixture
def device(h4, tmp_path, minissdpd_installed):  # noqa: ARG001
    """minissdpd in h4, which answers for one device."""
    path = tmp_path / "minissdpd.sock"
    files = ["-s", path, "-p", tmp_path / "minissdpd.pid"]
    process = h4.start("minissdpd", "-d", "-i", "eth1", *files)
    with socket.socket(socket.AF_UNIX) as control:
        # 0 = connected.
        eventually(lambda: not control.connect_ex(str(path)), 10, lambda: process.errors)
        eventually(lambda: GROUP in h4.groups("eth1"), 10, lambda: process.errors)
        # Request 4 makes a service known; each of its strings has its length before it.
        names = (DEVICE, f"uuid:1::{DEVICE}", "test/1 UPnP/1.1 test/1", LOCATION)
        control.sendall(b"\x04" + b"".join(bytes([len(n)]) + n.encode() for n in names))
    return process


def reflector(daemon, lifetime=30, askers=64, **fields):
    """A session that relays searches from eth0 to eth1, and answers back."""
    mapping = {"lifetimeSeconds": lifetime, "askersMax": askers}
    target = {"address": GROUP, "port": PORT, "interface": "eth1", "ttl": 2, "mapReplies": mapping}
    return relay(daemon, target, group=GROUP, port=PORT, **fields)


def mappings(session):
    """Who is known to have asked."""
    answer = session.daemon.ask("GET", f"{session.path}/mappings")
    assert answer.status == 200, answer
    assert answer.json["total"] == len(answer.json["items"])
    return answer.json["items"]


def wait_for_mappings(session, number):
    """Waits until so many are shown, which may be a quarter of a second late; returns them."""
    return eventually(lambda: (found := mappings(session))[number - 1 :] and found, 5, "mappings")


def wait_for_replies(session, number):
    """Waits until so many answers that went back are counted."""

    def counted():
        return counters_of(session)[0]["mappedReplies"]["datagrams"] == number

    eventually(counted, 5, lambda: f"{session.counters()}")


def asker(host):
    """A socket that asks, and its address and port."""
    made = sender(host)
    made.bind((host.address, 0))
    return made, {"address": host.address, "port": made.getsockname()[1]}


def test_a_search_across_subnets_is_answered(relaycast, h1, h2, device):
    session = reflector(relaycast)
    made, name = asker(h2)
    with made:
        made.sendto(search(), (GROUP, PORT))
        answer, source = made.recvfrom(2000)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n") and LOCATION.encode() in answer
    assert source == (h1.address, PORT)
    replies = {"datagrams": 1, "bytes": len(answer)}
    # Shown a quarter of a second later at most.
    eventually(lambda: mappings(session)[0]["replies"] == replies, what="the answer is shown")
    (mapping,) = mappings(session)
    assert (mapping["target"], mapping["asker"]) == (0, name)
    (target,) = check_books(session)["targets"]
    assert target["mappedReplies"] == replies
    assert (target["unmapped"], target["forwarded"]["datagrams"]) == (0, 1)
    assert device.popen.poll() is None


@pytest.mark.usefixtures("device")
def test_a_real_program_finds_the_real_device(relaycast, h2, upnpc_installed):  # noqa: ARG001
    session = reflector(relaycast)
    client = h2.start("upnpc", "-m", "eth0", "-s")
    client.wait_for_output(LOCATION.encode(), 15)
    assert DEVICE.encode() in client.output
    found = eventually(lambda: mappings(session), what="who asked is shown")
    assert {mapping["asker"]["address"] for mapping in found} == {h2.address}


@pytest.mark.usefixtures("device")
def test_each_of_several_askers_has_its_answer(relaycast, h2, h3):
    session = reflector(relaycast)
    pairs = [asker(host) for host in (h2, h3, h2, h3)]
    with contextlib.ExitStack() as stack:
        for number, (made, _) in enumerate(pairs):
            stack.enter_context(made)
            made.sendto(search(number), (GROUP, PORT))
        for made, _ in pairs:
            assert LOCATION.encode() in made.recv(2000)
    found = wait_for_mappings(session, 4)
    assert [mapping["asker"] for mapping in found] == [name for _, name in pairs]
    assert len({mapping["localAddress"]["port"] for mapping in found}) == 4
    wait_for_replies(session, 4)


@pytest.mark.usefixtures("device")
def test_the_same_question_of_two_hosts_is_answered_to_both(relaycast, h2, h3):
    session = reflector(relaycast)
    (one, _), (other, _) = asker(h2), asker(h3)
    with one, other:
        for _ in range(3):
            for made in (one, other):
                made.sendto(search("same"), (GROUP, PORT))
            for made in (one, other):
                assert made.recv(2000).startswith(b"HTTP/1.1 200 OK")
    assert session.count("dropped", "loop") == 0


@pytest.mark.usefixtures("device")
def test_a_mapping_lives_as_long_as_it_is_asked_by(relaycast, h2, h4):
    session = reflector(relaycast, lifetime=2)
    (made, name), (other, _) = asker(h2), asker(h2)
    with made, other:
        made.sendto(search("first"), (GROUP, PORT))
        made.recv(2000)
        (first,) = wait_for_mappings(session, 1)
        assert first["asker"] == name and first["expiresAt"] > first["createdAt"]
        eventually(lambda: mappings(session) == [], 6, "it expires")
        # Whoever answers now answers nobody.
        send(h4, b"late", to=("192.168.30.1", first["localAddress"]["port"]), interface="eth1")
        made.sendto(search("second"), (GROUP, PORT))
        assert made.recv(2000).startswith(b"HTTP/1.1 200 OK")
    wait_for_replies(session, 2)


@pytest.mark.usefixtures("device")
def test_beyond_the_most_askers_questions_go_on_and_answers_are_lost(relaycast, h2):
    session = reflector(relaycast, askers=2)
    sockets = [asker(h2)[0] for _ in range(3)]
    with Ears(*sockets) as ears:
        for number, made in enumerate(sockets):
            made.sendto(search(number), (GROUP, PORT))
        eventually(lambda: len(ears.heard[0]) == len(ears.heard[1]) == 1, what="two have answers")
        session.wait_for_count(3, "forwarded")
        sockets[0].sendto(search("again"), (GROUP, PORT))
        eventually(lambda: len(ears.heard[0]) == 2, what="and can go on asking")
        assert ears.heard[2] == []
    assert check_books(session)["targets"][0]["unmapped"] == 1
    wait_for_mappings(session, 2)


@pytest.mark.usefixtures("device")
def test_mappings_end_with_the_session(relaycast, h1, h2):
    session = reflector(relaycast)
    made, _ = asker(h2)
    with made:
        made.sendto(search(), (GROUP, PORT))
        made.recv(2000)
    (mapping,) = wait_for_mappings(session, 1)
    port = mapping["localAddress"]["port"]
    assert f":{port:04X} " in h1.proc_net("udp")
    session.delete()
    assert f":{port:04X} " not in h1.proc_net("udp")
    answer = relaycast.ask("GET", f"{session.path}/mappings")
    assert (answer.status, answer.code) == (404, "session-not-found")

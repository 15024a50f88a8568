"""The network address, 192.168.10.0: the broadcast address of old (RFC 1122, 3.3.6).

    h1 ── bridge0 ── h2      h1 eth1 ── bridge1 ── h4

Since Linux 5.14 it is a host's address unless a route says otherwise.
"""

import pytest
from lab_relay import NEAR, PORT, check_books, far, relay, send
from lab_sockets import listener, sender, socat
from namespaces import eventually


@pytest.mark.usefixtures("old_style")
def test_a_target_is_sent_to_the_network_address(relaycast, h2, h4):
    places = [
        far(address="192.168.30.0", port=5001),
        far(address="192.168.30.0", port=5002, sourceMode="preserve"),
    ]
    del places[0]["interface"]
    session = relay(relaycast, *places)
    with listener(h4, 5001) as own, listener(h4, 5002) as preserved:
        send(h2, b"hello")
        assert own.recvfrom(100)[1][0] == "192.168.30.1"
        assert preserved.recvfrom(100)[1][0] == h2.address
    check_books(session)


@pytest.mark.usefixtures("old_style")
def test_a_session_sends_to_the_network_address(relaycast, h2):
    session = relaycast.create(
        "broadcast", role="sender", port=PORT, interface="eth0", address="192.168.10.0"
    )
    with listener(h2, PORT) as ear:
        session.send(b"hello")
        assert ear.recvfrom(100)[0] == b"hello"


@pytest.mark.usefixtures("old_style", "socat_installed")
def test_what_comes_to_the_network_address_is_a_broadcast(relaycast, h2):
    answering = relaycast.create(
        "broadcast", role="receiver", port=PORT, interface="eth0", accept=["broadcast"],
        reply={"template": "{destination.address}\n"},
    )  # fmt: skip
    unicast = relaycast.create(
        "broadcast", name="unicast", role="receiver", port=PORT, interface="eth0",
        accept=["unicast"],
    )  # fmt: skip
    client = socat(h2, "-t", "10", "STDIO", f"UDP4-DATAGRAM:192.168.10.0:{PORT},broadcast")
    client.write(b"who is there?\n")
    assert client.wait_for_output(b"\n") == b"192.168.10.0\n"
    packet = answering.wait_for_packet(b"who is there?\n")
    assert packet["destinationClass"] == "broadcast"
    assert packet["destination"]["address"] == "192.168.10.0"
    assert packet["localAddress"] == "192.168.10.1"
    unicast.wait_for_count(1, "dropped", "destinationClass")


@pytest.mark.usefixtures("old_style")
def test_it_is_sent_back_to_no_side_that_it_came_from(relaycast, h2, h4):
    session = relaycast.create(
        "broadcast", role="receiver", port=PORT, interface="eth0",
        forward=[{"address": f"192.168.{n}.0", "port": PORT, "interface": f"eth{i}"}
                 for i, n in enumerate((10, 30))],
    )  # fmt: skip
    with listener(h2, PORT) as near, listener(h4, PORT) as other, sender(h2) as made:
        made.sendto(b"once", ("192.168.10.0", PORT))
        assert other.recv(100) == b"once"
        # The near side hears the datagram itself, and nothing of ours before the next.
        assert near.recvfrom(100) == (b"once", ("192.168.10.2", made.getsockname()[1]))
        made.sendto(b"next", ("192.168.10.0", PORT))
        assert near.recvfrom(100)[0] == b"next"
    session.wait_for_count(2, "accepted")
    assert check_books(session)["targets"][0]["dropped"]["loop"] == 2


def test_where_the_kernel_takes_it_for_a_host_the_target_says_that_nobody_is_there(
    relaycast, h2, h4  # noqa: ARG001 (the second subnet is there)
):
    session = relay(relaycast, far(address="192.168.30.0"))
    send(h2, b"hello")

    def target():
        return session.counters()["targets"][0]

    eventually(lambda: target()["unreachable"] == 1, 10, target)
    assert target()["lastError"]["errno"] == "EHOSTUNREACH"
    assert target()["forwarded"]["datagrams"] == 1

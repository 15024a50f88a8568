"""Handlers in the place of socat's EXEC and SYSTEM: its environment, and answers of any bytes.

h2 asks ── bridge0 ── h1, first socat and then relaycast, both with the same script
"""

import socket

import pytest
from lab_sockets import sender, socat

pytestmark = pytest.mark.usefixtures("socat_installed")
GROUP, GROUP6, PORT = "224.1.0.1", "ff02::4242", 6666
SCRIPT = "env | grep ^SOCAT_ | sort; echo end"
# What only a process of socat can know.
ITS_OWN = {"SOCAT_PID", "SOCAT_PPID", "SOCAT_VERSION"}
# What socat sets for UDP-LISTEN, which has no ip-pktinfo, and we for every datagram.
OF_LISTEN = {"SOCAT_SOCKADDR", "SOCAT_SOCKPORT"}

HANDLERS = {
    "script": {
        "argv": ["/bin/sh", "-c", SCRIPT], "output": "datagram", "environment": "socat",
    },
    "ours": {"argv": ["/bin/sh", "-c", "env | grep -c ^SOCAT_"]},
    "echo": {"argv": ["/bin/cat"], "output": "datagram"},
}  # fmt: skip
IPV4 = "UDP4-RECVFROM:6666,reuseaddr,ip-pktinfo,ip-recvttl,ip-add-membership=224.1.0.1:eth0,fork"
IPV6 = (
    "UDP6-RECVFROM:6666,reuseaddr,ipv6-recvpktinfo,ipv6-recvhoplimit,"
    "ipv6-join-group=[ff02::4242]:eth0,fork"
)


@pytest.fixture
def relaycast(start_daemon, h1):
    """Our daemon on h1, with handlers."""
    return start_daemon(h1, configuration={"handlers": HANDLERS})


def variables(text):
    """NAME=VALUE lines up to the end."""
    pairs = (line.partition("=") for line in text.decode().splitlines())
    return {name: value for name, _, value in pairs if name.startswith("SOCAT_")}


def send(host, family, destination):
    """A question from port 5555 with a TTL of its own; the socket that it was sent from."""
    made = sender(host, family, port=5555)
    if family == socket.AF_INET:
        made.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 3)
        made.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 9)
    else:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 3)
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, 9)
    made.sendto(b"question\n", (destination, PORT))
    return made


CASES = {
    "multicast": (socket.AF_INET, GROUP),
    "directed broadcast": (socket.AF_INET, "192.168.10.255"),
    "unicast": (socket.AF_INET, "192.168.10.1"),
    "IPv6 multicast": (socket.AF_INET6, GROUP6),
    "IPv6 unicast": (socket.AF_INET6, "fd00:10::1"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_script_finds_what_socat_tells_it(relaycast, h1, h2, name):
    family, destination = CASES[name]
    process = socat(
        h1, "-u", IPV4 if family == socket.AF_INET else IPV6, f"SYSTEM:{SCRIPT}", port=PORT
    )
    send(h2, family, destination).close()
    said = variables(process.wait_for_output(b"end\n"))
    process.kill()
    relaycast.create(
        "multicast-receiver", group=GROUP if family == socket.AF_INET else GROUP6, port=PORT,
        interface="eth0", accept=["multicast", "unicast"] + ["broadcast"] * (family == socket.AF_INET),
        reply={"handler": "script"},
    )  # fmt: skip
    with send(h2, family, destination) as made:
        ours = variables(made.recv(65535))
    assert {key: ours[key] for key in ours.keys() - OF_LISTEN} == {
        key: said[key] for key in said.keys() - ITS_OWN
    }
    assert ours["SOCAT_SOCKPORT"] == str(PORT)


@pytest.mark.parametrize("family, address", [(4, "192.168.10.1"), (6, "fd00:10::1")])
def test_the_local_address_is_that_of_socats_listen(relaycast, h1, h2, family, address):
    kind = socket.AF_INET if family == 4 else socket.AF_INET6
    process = socat(h1, "-u", f"UDP{family}-LISTEN:{PORT},reuseaddr", f"SYSTEM:{SCRIPT}", port=PORT)
    send(h2, kind, address).close()
    said = variables(process.wait_for_output(b"end\n"))
    process.kill()
    relaycast.create(
        "multicast-receiver", group=GROUP if family == 4 else GROUP6, port=PORT,
        interface="eth0", accept=["unicast"], reply={"handler": "script"},
    )  # fmt: skip
    with send(h2, kind, address) as made:
        ours = variables(made.recv(65535))
    assert {key: ours[key] for key in said.keys() - ITS_OWN} == {
        key: said[key] for key in said.keys() - ITS_OWN
    }
    assert said.keys() >= OF_LISTEN


def test_without_the_word_there_is_nothing_of_socats(relaycast, h2):
    relaycast.create(
        "multicast-receiver", group=GROUP, port=PORT, interface="eth0", reply={"handler": "ours"}
    )
    with send(h2, socket.AF_INET, GROUP) as made:
        assert made.recv(100) == b"0\n"


def test_an_answer_of_any_bytes_is_one_datagram(relaycast, h2):
    session = relaycast.create(
        "multicast-receiver", group=GROUP, port=PORT, interface="eth0", reply={"handler": "echo"}
    )
    questions = [
        # A DNS answer: an id and a length of 0x0a, and labels with line feeds.
        b"\x0a\x0a\x81\x80\0\x01\0\x01\0\0\0\0\x0aexample-10\x03com\0\0\x01\0\x01\xc0\x0c\0\x01\0\x01"
        b"\0\0\x0a\x0a\0\x04\x0a\0\0\x0a",
        b"\n",
        b"\n\n\n",
        b"\0",
        bytes(range(256)) * 4,
        b"\n" * 65507,
    ]
    with sender(h2) as client:
        for question in questions:
            client.sendto(question, (GROUP, PORT))
            assert client.recvfrom(70000) == (question, ("192.168.10.1", PORT))
    assert session.count("replied") == len(questions)

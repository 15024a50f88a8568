"""Handlers: what the tutorial does with EXEC and SYSTEM. socat asks, a command of ours answers.

h1 relaycast ─┐
h2 socat     ─┼─ bridge0      group 224.1.0.1, port 6666, replies are unicast
h3           ─┘
"""

import os
import pathlib
import signal

import pytest
from lab_sockets import sender, socat
from namespaces import eventually

pytestmark = pytest.mark.usefixtures("socat_installed")
GROUP, PORT = "224.1.0.1", 6666

HANDLERS = {
    "hostname": {"argv": ["/bin/hostname"]},
    "system": {"argv": ["/bin/sh", "-c", "read question; env | grep ^RELAYCAST_ | sort"]},
    "cat": {"argv": ["/bin/cat"]},
    "slow": {"argv": ["/bin/sh", "-c", "trap '' TERM; echo $$; while :; do sleep 9; done"]},
    "complains": {"argv": ["/bin/sh", "-c", "echo 'why not' >&2; exit 7"]},
}


@pytest.fixture
def relaycast(start_daemon, h1):
    """Our daemon on h1, with handlers."""
    return start_daemon(h1, configuration={"handlers": HANDLERS})


def commands(daemon):
    """The commands that run for a daemon, whichever thread has started them."""
    tasks = pathlib.Path(f"/proc/{daemon.process.pid}/task").glob("*/children")
    return [int(number) for task in tasks for number in task.read_text().split()]


def create_receiver(relaycast, handler, **fields):
    """Our server, which has a command answer."""
    reply = {"handler": handler, "perSecondMax": 1000}
    return relaycast.create(
        "multicast-receiver", group=GROUP, port=PORT, interface="eth0", reply=reply, **fields
    )


def start_client(host, *options):
    """socat STDIO UDP4-DATAGRAM:224.1.0.1:6666,range=192.168.10.0/24"""
    target = ",".join([f"UDP4-DATAGRAM:{GROUP}:{PORT}", "range=192.168.10.0/24", *options])
    return socat(host, "-t", "10", "STDIO", target)


def test_a_command_answers_the_tutorials_client(relaycast, h2):
    session = create_receiver(relaycast, "hostname")
    client = start_client(h2)
    client.write(b"who is there?\n")
    assert client.wait_for_output(b"h1\n") == b"h1\n"
    assert session.count("replied") == 1
    assert session.counters()["handler"]["runs"] == 1
    # Unlike behind socat, a command that reads nothing answers every time.
    for count in range(2, 52):
        client.write(b"who is there?\n")
        client.wait_for_output(count * b"h1\n")
    failed = session.counters()["handler"]["failed"]
    assert failed == {"exitStatus": 0, "timeOut": 0, "outputTooLong": 0, "notStarted": 0}


def test_a_command_answers_a_broadcast(relaycast, h2):
    relaycast.create(
        "broadcast", role="receiver", port=PORT, interface="eth0", reply={"handler": "hostname"}
    )
    target = f"UDP4-DATAGRAM:192.168.10.255:{PORT},broadcast,range=192.168.10.0/24"
    client = socat(h2, "-t", "10", "STDIO", target)
    client.write(b"who is there?\n")
    assert client.wait_for_output(b"h1\n") == b"h1\n"


def test_a_command_knows_who_asks_and_what(relaycast, h2):
    create_receiver(relaycast, "system", name="cam1")
    client = start_client(h2, "bind=:5555", "ip-multicast-ttl=3")
    client.write(b"hello\n")
    last = "RELAYCAST_TTL=3\n"
    lines = client.wait_for_output(last.encode()).decode().splitlines()
    assert lines == [
        f"RELAYCAST_DESTINATION_ADDRESS={GROUP}",
        f"RELAYCAST_DESTINATION_PORT={PORT}",
        "RELAYCAST_INTERFACE=eth0",
        "RELAYCAST_LENGTH=6",
        "RELAYCAST_LOCAL_ADDRESS=192.168.10.1",
        "RELAYCAST_PEER_ADDRESS=192.168.10.2",
        "RELAYCAST_PEER_PORT=5555",
        "RELAYCAST_SESSION=cam1",
        "RELAYCAST_TTL=3",
    ]


def test_answers_come_from_where_the_question_went(relaycast, h2):
    create_receiver(relaycast, "cat")
    question = b"x" * 65506 + b"\n"
    with sender(h2) as client:
        client.sendto(question, (GROUP, PORT))
        assert client.recvfrom(70000) == (question, ("192.168.10.1", PORT))


def test_what_a_command_complains_of_is_in_the_log(relaycast, h2):
    session = create_receiver(relaycast, "complains")
    with sender(h2) as client:
        client.sendto(b"hello", (GROUP, PORT))
        session.wait_for_count(1, "handler", "failed", "exitStatus")
    eventually(lambda: "why not" in relaycast.process.errors, what="the log has the line")
    line = next(line for line in relaycast.process.errors.splitlines() if "why not" in line)
    assert 'detail="exit status 7"' in line and "handler=complains" in line


def test_commands_end_with_the_daemon(relaycast, h2):
    session = create_receiver(relaycast, "slow")
    with sender(h2) as client:
        for _ in range(3):
            client.sendto(b"hello", (GROUP, PORT))
        for _ in range(3):
            assert client.recv(100)
    assert session.counters()["handler"]["runs"] == 3
    groups = [os.getpgid(number) for number in commands(relaycast)]
    assert len(set(groups)) == 3 and os.getpgid(relaycast.process.pid) not in groups
    assert relaycast.terminate() == 0
    for group in groups:
        with pytest.raises(ProcessLookupError):
            os.killpg(group, 0)


def test_handlers_are_declared_anew_by_sighup(relaycast, h2):
    session = create_receiver(relaycast, "hostname")
    assert relaycast.ask("GET", "/v1/server").json["handlers"] == sorted(HANDLERS)
    handlers = {"hostname": {"argv": ["/bin/echo", "another"]}, "new": {"argv": ["/bin/cat"]}}
    relaycast.configure({"handlers": handlers})
    relaycast.process.signal(signal.SIGHUP)

    def names():
        return relaycast.ask("GET", "/v1/server").json["handlers"]

    eventually(lambda: names() == ["hostname", "new"], what="the new handlers")
    with sender(h2) as client:
        client.sendto(b"hello", (GROUP, PORT))
        assert client.recv(100) == b"another\n"
    relaycast.configure({"handlers": {"new": {"argv": ["/bin/cat"]}}})
    relaycast.process.signal(signal.SIGHUP)
    session.wait_for_state("failed")
    assert session.get()["status"]["reason"]["code"] == "handler-not-found"
    # What is wrong changes nothing.
    relaycast.configure({"handlers": {"hostname": {"argv": ["/nowhere/hostname"]}}})
    relaycast.process.signal(signal.SIGHUP)
    eventually(lambda: "nothing was changed" in relaycast.process.errors, what="the refusal")
    assert names() == ["new"]
    relaycast.configure({"handlers": HANDLERS})
    relaycast.process.signal(signal.SIGHUP)
    session.wait_for_state("running")


def test_a_flood_leaves_nothing_behind(relaycast, h2):
    session = create_receiver(relaycast, "hostname", receiveBufferBytes=1048576)
    before = relaycast.open_descriptors()
    with sender(h2) as client:
        for _ in range(500):
            client.sendto(b"hello", (GROUP, PORT))
        eventually(lambda: session.count("accepted") == 500, 10, session.counters)

        def settled():
            handler = session.counters()["handler"]
            return handler["runs"] + handler["busy"] == 500

        eventually(settled, 20, session.counters)
    eventually(lambda: session.count("replied") == session.count("handler", "runs"), 10)
    eventually(lambda: not commands(relaycast), 5, "no command is left")
    assert relaycast.open_descriptors() <= before + 1

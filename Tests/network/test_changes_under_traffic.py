"""A running session is changed over the API while 10 000 datagrams a second arrive: none is lost.

    h2 the sender ─── bridge0 ─── h1 the session        group 232.1.1.1, port 6666
"""

import threading
import time

import pytest
from lab_session import Session
from lab_sockets import sender

GROUP, PORT, SOURCE = "232.1.1.1", 6666, "192.168.10.2"
DATAGRAMS, PER_SECOND, BATCH = 20_000, 10_000, 20
# Datagrams after which the sender waits for the session, whose buffer holds more than twice as many:
# what a busy machine does not get to is no loss by a change.
WINDOW = 100

# What each change alternates between. The sender stays admitted all the time.
CHANGES = {
    "allow": ([], ["192.168.10.0/24"], ["10.0.0.0/8", "192.168.10.2"]),
    "deny": ([], ["10.0.0.0/8"]),
    "sources": ([SOURCE], [SOURCE, "192.168.10.9"], ["192.168.10.7", SOURCE]),
    "ttl": (1, 2, 255),
    "labels": ({"env": "test"}, {"env": "prod", "site": "a"}, {}),
    "snapLength": (0, 16, 256),
    "receiveOwn": (False, True),
}


class Flood(threading.Thread):
    """Sends numbered datagrams at a pace, from h2."""

    def __init__(self, host, session):
        super().__init__(daemon=True)
        self.socket = sender(host)
        self.session = session
        self.sent = 0

    def run(self):
        """Sends batches, each when it is due; a late one is not made up for by a burst."""
        due = time.monotonic()
        while self.sent < DATAGRAMS:
            for _ in range(BATCH):
                self.socket.sendto(self.sent.to_bytes(8, "big"), (GROUP, PORT))
                self.sent += 1
            due = max(due + BATCH / PER_SECOND, time.monotonic() - BATCH / PER_SECOND)
            time.sleep(max(due - time.monotonic(), 0))
            if self.sent % WINDOW == 0:
                self.session.wait_for_count(self.sent, "accepted", seconds=20)


@pytest.mark.parametrize("field", [*CHANGES, "everything"])
def test_a_change_in_place_loses_no_datagram(relaycast, h2, field):
    changes = CHANGES if field == "everything" else {field: CHANGES[field]}
    session = relaycast.create(
        "multicast-peer",
        group=GROUP,
        port=PORT,
        interface="eth0",
        sources=[SOURCE],
        requireSourcePort=0,
        receiveBufferBytes=8 << 20,
    )
    before = session.get()
    flood = Flood(h2, session)
    flood.start()
    made = change_until_the_end(relaycast, session, changes, flood)
    flood.join()

    session.wait_for_count(DATAGRAMS, "accepted", seconds=20)
    counters = session.counters()
    assert counters["received"] == {"datagrams": DATAGRAMS, "bytes": DATAGRAMS * 8}
    assert counters["lost"] == {"receiveBufferFull": 0, "sendBufferFull": 0, "sendFailed": 0}
    after = session.get()
    assert after["id"] == before["id"], "another socket was opened"
    assert after["generation"] == before["generation"] + made
    assert after["status"]["since"] == before["status"]["since"]
    assert made >= 10, "too few changes to prove anything"


def change_until_the_end(relaycast, session: Session, changes, flood):
    """Patches one field after the other as long as datagrams come; how many changes were made."""
    made = 0
    while flood.is_alive():
        for field, values in changes.items():
            value = values[(made + 1) % len(values)]
            if field == "labels":
                value = {"env": None, "site": None, **value}
            generation = session.get()["generation"]
            answer = relaycast.ask(
                "PATCH",
                session.path,
                {field: value},
            )
            assert answer.status == 200, answer
            made += answer.json["generation"] - generation
    return made

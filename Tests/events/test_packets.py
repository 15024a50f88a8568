"""Packets followed as they come."""

import base64

import pytest

from events.watching import put
from support.waiting import wait_until

RECEIVER = {"kind": "multicast-receiver", "group": "239.1.2.3", "port": 5004, "interface": "lo"}


def receive(client, **members) -> None:
    """Makes the receiver `in` and the sender `out`."""
    body = RECEIVER | {"name": "in"} | members
    assert client.request("PUT", "/v1/sessions/in", body).status in (200, 201)
    put(client, "out", recentPackets=0, port=members.get("port", 5004))


def send(client, *texts: str) -> None:
    """Sends datagrams of these texts, 1024 a request."""
    for start in range(0, len(texts), 1024):
        datagrams = [{"text": text} for text in texts[start : start + 1024]]
        answer = client.post("/v1/sessions/out/datagrams", {"datagrams": datagrams})
        assert answer.status == 200, answer.body


def received(client) -> int:
    """How many datagrams the receiver has received."""
    return client.get("/v1/sessions/in/counters").json()["received"]["datagrams"]


def arrived(client, sent: int) -> int | None:
    """How many datagrams were received, once all that were sent are accounted for."""
    counters = client.get("/v1/sessions/in/counters").json()
    count = counters["received"]["datagrams"]
    return count if count + counters["lost"]["receiveBufferFull"] == sent else None


PACKETS = "/v1/sessions/in/packets"


def test_packets_come_in_order_each_once_as_they_are_listed(daemon, watch):
    client = daemon.client()
    receive(client, recentPackets=4096)
    send(client, "before")
    wait_until(lambda: received(client) == 1)
    watcher = watch(daemon, f"{PACKETS}?payload=text")
    watcher.wait_for_begin()
    texts = [f"packet {n}" for n in range(1500)]
    for start in range(0, 1500, 100):
        send(client, *texts[start : start + 100])
    packets = watcher.wait_for(1500, "packet")
    assert [packet["payload"] for packet in packets] == texts
    assert [packet["sequence"] for packet in packets] == list(range(2, 1502))
    assert watcher.named("missed") == []
    page = client.get(f"{PACKETS}?after=1&limit=1000&payload=text").json()["items"]
    assert packets[:1000] == page


def test_a_flood_that_the_ring_cannot_hold_is_counted(daemon, watch):
    client = daemon.client()
    receive(client, recentPackets=8)
    watcher = watch(daemon, f"{PACKETS}?payload=none")
    watcher.wait_for_begin()
    for _ in range(5):
        send(client, *["x"] * 1000)
    total = wait_until(lambda: arrived(client, 5000))

    def seen() -> int:
        missed = sum(data["packets"] for data in watcher.named("missed"))
        return missed + len(watcher.named("packet"))

    watcher.wait(lambda: seen() == total)
    assert watcher.named("missed")
    expected = 1
    for event in watcher.events:
        if event.event == "missed":
            expected += event.json()["packets"]
        else:
            assert event.json()["sequence"] == expected
            expected += 1
    assert expected == total + 1


@pytest.mark.parametrize(
    ("format", "payload"),
    [
        ("base64", base64.b64encode(b"\0\xff\n\ra").decode()),
        ("hex", "00ff0a0d61"),
        ("text", "\0\ufffd\n\ra"),
        ("none", None),
    ],
)
def test_payloads_are_shown_as_asked(daemon, watch, format, payload):
    client = daemon.client()
    receive(client)
    watcher = watch(daemon, f"{PACKETS}?payload={format}&direction=received")
    sent = watch(daemon, f"{PACKETS}?direction=sent")
    watcher.wait_for_begin()
    sent.wait_for_begin()
    body = {"hex": "00ff0a0d61"}
    assert client.post("/v1/sessions/out/datagrams", body).status == 200
    (packet,) = watcher.wait_for(1, "packet")
    assert packet.get("payload") == payload
    assert sent.events == []


def test_who_connects_again_goes_on_after_the_last_packet(daemon, watch):
    client = daemon.client()
    receive(client)
    send(client, "1", "2", "3")
    watcher = watch(daemon, f"{PACKETS}?after=1&payload=text")
    assert [packet["payload"] for packet in watcher.wait_for(2, "packet")] == ["2", "3"]
    watcher.close()
    send(client, "4", "5")
    again = watch(daemon, f"{PACKETS}?after=0&payload=text", last_id=watcher.last_id)
    assert [packet["payload"] for packet in again.wait_for(2, "packet")] == ["4", "5"]
    # A change in place goes on with the same numbers.
    receive(client, labels={"a": "b"})
    send(client, "6")
    assert [packet["sequence"] for packet in again.wait_for(3, "packet")] == [4, 5, 6]


def test_the_stream_of_a_deleted_or_reopened_session_ends_after_its_packets(daemon, watch):
    client = daemon.client()
    receive(client)
    old = client.get("/v1/sessions/in").json()["id"]
    watcher = watch(daemon, f"{PACKETS}?payload=text")
    watcher.wait_for_begin()
    send(client, "1", "2")
    wait_until(lambda: received(client) == 2)
    receive(client, port=5005)
    watcher.wait_for_end()
    assert watcher.failure is None
    assert [event.event for event in watcher.events] == ["packet", "packet", "end"]
    assert watcher.events[-1].json() == {"name": "in", "id": old}
    # Numbers begin anew: nothing of the new session is taken for what was seen of the old one.
    send(client, "3", "4", "5")
    wait_until(lambda: received(client) == 3)
    again = watch(daemon, f"{PACKETS}?payload=text", last_id=watcher.last_id)
    assert [packet["payload"] for packet in again.wait_for(3, "packet")] == ["3", "4", "5"]
    assert client.delete("/v1/sessions/in").status == 204
    again.wait_for_end()
    assert [event.event for event in again.events][3:] == ["end"]
    assert watch(daemon, PACKETS).wait_for_begin().status == 404


def test_64_followers_of_one_session_see_the_same(daemon, watch):
    client = daemon.client()
    receive(client, recentPackets=1024)
    watchers = [watch(daemon, f"{PACKETS}?payload=text") for _ in range(64)]
    for watcher in watchers:
        watcher.wait_for_begin()
    texts = [f"packet {n}" for n in range(600)]
    for start in range(0, 600, 20):
        send(client, *texts[start : start + 20])
    for watcher in watchers:
        packets = watcher.wait_for(600, "packet")
        assert [packet["payload"] for packet in packets] == texts
    assert received(client) == 600
    assert client.get(f"{PACKETS}?after=600&wait=0").json()["items"] == []


def test_large_packets_come_whole(daemon, watch):
    client = daemon.client()
    receive(client, snapLength=65535, recentPackets=64)
    watcher = watch(daemon, f"{PACKETS}?payload=text")
    watcher.wait_for_begin()
    # As text each byte of these is six: the longest event that there is.
    bodies = [{"hex": f"{n:02x}" * 60000} for n in range(1, 9)]
    for count, body in enumerate(bodies, 1):
        assert client.post("/v1/sessions/out/datagrams", body).status == 200
        wait_until(lambda: received(client) == count)
    packets = watcher.wait_for(8, "packet")
    assert [packet["payload"] for packet in packets] == [chr(n) * 60000 for n in range(1, 9)]

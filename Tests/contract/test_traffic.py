"""Datagrams in every form, and what packets and counters say of them."""

import base64
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from contract.document import Document
from support import Client, wait_until

GROUP = {"group": "239.7.0.1", "port": 7001, "interface": "eth0"}
Create = Callable[[dict], dict]


@pytest.fixture
def pair(create: Create) -> tuple[str, str]:
    """The paths of a sender, and of a receiver of its group on the same host."""
    receiver = create(GROUP | {"kind": "multicast-receiver", "snapLength": 16})
    sender = create(GROUP | {"kind": "multicast-sender", "snapLength": 65535})
    return f"/v1/sessions/{sender['name']}", f"/v1/sessions/{receiver['name']}"


def packets(client: Client, document: Document, path: str, query: str = "") -> dict:
    """The recent packets of a session."""
    return document.check("getPackets", client.get(f"{path}/packets?{query}")).json()


def accepted(client: Client, document: Document, path: str, count: int) -> dict:
    """The counters of a session, once it has accepted so many datagrams."""

    def read() -> dict | None:
        response = document.check("getCounters", client.get(f"{path}/counters"))
        counters = response.json()
        dropped = sum(counters["dropped"].values())
        received = counters["received"]["datagrams"]
        assert received == counters["accepted"]["datagrams"] + dropped
        return counters if counters["accepted"]["datagrams"] >= count else None

    return wait_until(read, 5, f"{count} datagrams accepted")


FORMS: list[tuple[Any, list[bytes]]] = [
    ({"text": "hello"}, [b"hello"]),
    ({"text": "é\u0000\n"}, [b"\xc3\xa9\x00\n"]),
    ({"text": ""}, [b""]),
    ({"base64": "AP8="}, [b"\x00\xff"]),
    ({"hex": "00fF"}, [b"\x00\xff"]),
    ({"datagrams": [{"text": "a"}, {"hex": ""}, {"base64": "YmM="}]}, [b"a", b"", b"bc"]),
    (b"\x00raw\xff", [b"\x00raw\xff"]),
    (b"", [b""]),
    (b"x" * 65507, [b"x" * 65507]),
]


@pytest.mark.parametrize(("body", "datagrams"), FORMS, ids=lambda value: repr(value)[:30])
def test_every_form_is_sent_as_it_is(
    body: Any,
    datagrams: list[bytes],
    client: Client,
    document: Document,
    pair: tuple[str, str],
) -> None:
    sender, receiver = pair
    raw = {"Content-Type": "application/octet-stream"} if isinstance(body, bytes) else {}
    response = client.request("POST", f"{sender}/datagrams", body, raw)
    document.check("sendDatagrams", response)
    assert response.status == 200, response.body
    items = response.json()["items"]
    assert [item["length"] for item in items] == [len(datagram) for datagram in datagrams]

    accepted(client, document, receiver, len(datagrams))
    got = packets(client, document, receiver)["items"]
    assert [base64.b64decode(p["payload"]) for p in got] == [d[:16] for d in datagrams]
    assert [p["length"] for p in got] == [len(datagram) for datagram in datagrams]
    assert {p["direction"] for p in got} == {"received"}
    assert {p["destinationClass"] for p in got} == {"multicast"}
    assert {p["interface"] for p in got} == {"eth0"}
    assert {p["source"]["address"] for p in got} == {"192.168.10.1"}

    sent = packets(client, document, sender, "direction=sent")["items"]
    assert {p["verdict"] for p in sent} == {"sent"}
    assert [p["sequence"] for p in sent] == [item["sequence"] for item in items]
    assert [base64.b64decode(p["payload"]) for p in sent] == datagrams
    counters = client.get(f"{sender}/counters").json()
    assert counters["sent"] == {
        "datagrams": len(datagrams),
        "bytes": sum(len(datagram) for datagram in datagrams),
    }


def test_payloads_are_written_as_asked(
    client: Client, document: Document, pair: tuple[str, str]
) -> None:
    sender, receiver = pair
    assert client.post(f"{sender}/datagrams", {"hex": "41ff42"}).status == 200
    accepted(client, document, receiver, 1)
    written = {
        form: packets(client, document, receiver, f"payload={form}")["items"][0].get("payload")
        for form in ["base64", "hex", "text", "none"]
    }
    assert written == {"base64": "Qf9C", "hex": "41ff42", "text": "A\ufffdB", "none": None}


def test_the_cursor_reads_each_packet_once(
    client: Client, document: Document, pair: tuple[str, str]
) -> None:
    sender, receiver = pair
    texts = [f"datagram {index}" for index in range(10)]
    body = {"datagrams": [{"text": text} for text in texts]}
    assert client.post(f"{sender}/datagrams", body).status == 200
    accepted(client, document, receiver, 10)
    read: list[str] = []
    after = 0
    while True:
        page = packets(client, document, receiver, f"after={after}&limit=3&payload=text")
        assert page["missed"] == 0
        if not page["items"]:
            break
        read += [item["payload"] for item in page["items"]]
        after = page["next"]
        assert after == page["items"][-1]["sequence"]
    assert read == texts
    assert page["next"] == after
    newest = packets(client, document, receiver, "limit=2&payload=text")["items"]
    assert [item["payload"] for item in newest] == texts[-2:]


def test_an_overrun_ring_says_how_many_are_missed(
    client: Client, document: Document, create: Create
) -> None:
    receiver = create(GROUP | {"kind": "multicast-receiver", "recentPackets": 4})
    sender = create(GROUP | {"kind": "multicast-sender"})
    path = f"/v1/sessions/{receiver['name']}"
    body = {"datagrams": [{"text": str(index)} for index in range(10)]}
    assert client.post(f"/v1/sessions/{sender['name']}/datagrams", body).status == 200
    accepted(client, document, path, 10)
    page = packets(client, document, path, "after=0")
    assert (len(page["items"]), page["missed"]) == (4, 6)
    assert page["oldest"] == page["items"][0]["sequence"]


def test_a_ring_of_nothing_remembers_nothing(
    client: Client, document: Document, create: Create
) -> None:
    receiver = create(GROUP | {"kind": "multicast-receiver", "recentPackets": 0})
    sender = create(GROUP | {"kind": "multicast-sender"})
    path = f"/v1/sessions/{receiver['name']}"
    assert client.post(f"/v1/sessions/{sender['name']}/datagrams", {"text": "x"}).status == 200
    accepted(client, document, path, 1)
    page = packets(client, document, path)
    assert page["items"] == [] and "oldest" not in page


def test_a_wait_ends_with_the_first_packet(
    client: Client, document: Document, pair: tuple[str, str]
) -> None:
    sender, receiver = pair
    answers: list[dict] = []
    waiter = threading.Thread(
        target=lambda: answers.append(packets(client, document, receiver, "wait=30"))
    )
    started = time.monotonic()
    waiter.start()

    def answered() -> list[dict]:
        assert client.post(f"{sender}/datagrams", {"text": "now"}).status == 200
        waiter.join(0.1)
        return answers

    wait_until(answered, 5, "the wait is answered")
    assert time.monotonic() - started < 5
    assert answers[0]["items"][0]["length"] == 3


def test_a_wait_for_nothing_ends_empty(
    client: Client, document: Document, pair: tuple[str, str]
) -> None:
    started = time.monotonic()
    page = packets(client, document, pair[1], "wait=1")
    assert page["items"] == []
    assert 0.9 < time.monotonic() - started < 5


def test_more_waits_than_a_session_takes_are_refused(
    client: Client, document: Document, pair: tuple[str, str]
) -> None:
    request = f"GET {pair[1]}/packets?wait=30 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
    waiting = [client.open() for _ in range(64)]
    try:
        for connection in waiting:
            connection.sendall(request)

        def refused() -> dict | None:
            response = document.check("getPackets", client.get(f"{pair[1]}/packets?wait=1"))
            return None if response.status == 200 else response

        response = wait_until(refused, 20, "the 65th is refused")
        assert (response.status, response.json()["code"]) == (503, "overloaded")
        assert response.headers["Retry-After"]
        # Without a wait the session is still read.
        assert client.get(f"{pair[1]}/packets").status == 200
    finally:
        for connection in waiting:
            connection.close()


def test_a_wait_ends_with_its_session(
    client: Client, document: Document, pair: tuple[str, str]
) -> None:
    statuses: list[int] = []

    def wait() -> None:
        response = client.get(f"{pair[1]}/packets?wait=30")
        document.check("getPackets", response)
        statuses.append(response.status)

    waiter = threading.Thread(target=wait)
    waiter.start()
    # Time for the wait to begin; if it has not, the answer is 404, and both are right.
    waiter.join(0.3)
    assert client.delete(pair[1]).status == 204
    waiter.join(5)
    assert statuses in ([200], [404])


def test_refused_sources_are_dropped_counted_and_shown(
    client: Client, document: Document, create: Create
) -> None:
    receiver = create(GROUP | {"kind": "multicast-receiver", "deny": ["192.168.10.0/24"]})
    sender = create(GROUP | {"kind": "multicast-sender"})
    path = f"/v1/sessions/{receiver['name']}"
    assert client.post(f"/v1/sessions/{sender['name']}/datagrams", {"text": "x"}).status == 200

    def dropped() -> dict | None:
        counters = client.get(f"{path}/counters").json()
        return counters if counters["dropped"]["source"] else None

    counters = wait_until(dropped, 5, "the datagram is dropped")
    assert counters["accepted"] == {"datagrams": 0, "bytes": 0}
    shown = packets(client, document, path)["items"]
    assert [(p["verdict"], p["reason"]) for p in shown] == [("dropped", "source")]

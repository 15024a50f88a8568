"""Requests about whose end two parsers could disagree: one refusal, and the connection is closed.

Each is sent over a connection of its own together with a second request, which makes a session.
Whoever loses his place in the stream takes it for one, and then the session is there.
"""

import json
import socket

import pytest

from attack.failing_disk import definition
from support import Daemon

HOST = b"Host: localhost\r\n"
BODY = json.dumps(definition("smuggled", enabled=False)).encode()
LENGTH = b"Content-Length: %d\r\n" % len(BODY)
SECOND = b"POST /v1/sessions HTTP/1.1\r\n" + HOST + LENGTH + (
    b"Content-Type: application/json\r\n\r\n" + BODY
)


def get(fields: bytes = b"", line: bytes = b"GET /livez HTTP/1.1", host: bytes = HOST) -> bytes:
    """A request without a body."""
    return line + b"\r\n" + host + fields + b"\r\n"


def post(fields: bytes, body: bytes = b"") -> bytes:
    """A request that may have a body."""
    return get(fields + b"Content-Type: application/json\r\n", b"POST /v1/sessions HTTP/1.1") + body


def chunked(body: bytes, ending: bytes = b"0\r\n\r\n") -> bytes:
    """A request whose body has this framing."""
    return post(b"Transfer-Encoding: chunked\r\n", body + ending)


# Name, bytes, and the one status they are answered with.
REFUSED: list[tuple[str, bytes, int]] = [
    # Two lengths, or a length beside a coding (RFC 9112, 6.3).
    ("length and coding", post(LENGTH + b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\n"), 400),
    ("coding and length", post(b"Transfer-Encoding: chunked\r\n" + LENGTH, b"0\r\n\r\n"), 400),
    ("two lengths", post(b"Content-Length: 2\r\nContent-Length: 3\r\n", b"{}"), 400),
    ("one length twice", post(b"Content-Length: 2\r\nContent-Length: 2\r\n", b"{}"), 400),
    ("a space before the colon of a length", post(b"Content-Length : 2\r\n", b"{}"), 400),
    ("a space before the colon of a coding", post(b"Transfer-Encoding : chunked\r\n"), 400),
    ("a length beyond 64 bits less one", post(b"Content-Length: 18446744073709551615\r\n"), 413),
    ("a length over the limit", post(b"Content-Length: 2000000\r\n"), 413),
    ("a length over the limit, asking first",
     post(b"Expect: 100-continue\r\nContent-Length: 2000000\r\n"), 413),
    # Codings.
    ("chunked twice in two fields", post(b"Transfer-Encoding: chunked\r\n" * 2, b"0\r\n\r\n"), 400),
    ("chunked twice in one field", post(b"Transfer-Encoding: chunked, chunked\r\n"), 501),
    ("an unknown coding", post(b"Transfer-Encoding: gzip\r\n"), 501),
    ("a coding before chunked", post(b"Transfer-Encoding: gzip, chunked\r\n"), 501),
    ("identity", post(b"Transfer-Encoding: identity\r\n"), 501),
    ("chunked and a comma", post(b"Transfer-Encoding: chunked,\r\n"), 501),
    ("chunked in quotes", post(b'Transfer-Encoding: "chunked"\r\n'), 501),
    ("chunked behind a vertical tab", post(b"Transfer-Encoding: \x0bchunked\r\n"), 400),
    # Chunks.
    ("a chunk of -5", chunked(b"-5\r\nhello\r\n"), 400),
    ("a chunk of +5", chunked(b"+5\r\nhello\r\n"), 400),
    ("a chunk of 0x5", chunked(b"0x5\r\nhello\r\n"), 400),
    ("a chunk of a space and 5", chunked(b" 5\r\nhello\r\n"), 400),
    ("a chunk without a size", chunked(b"\r\nhello\r\n"), 400),
    ("a chunk of no number", chunked(b"zz\r\nhello\r\n"), 400),
    ("a chunk longer than its size", chunked(b"3\r\nhello\r\n"), 400),
    ("a chunk beyond 64 bits", chunked(b"ffffffffffffffffff\r\nhello\r\n"), 413),
    ("an endless trailer", chunked(b"", b"0\r\n" + b"X: aaaaaaaaaaaaaaaa\r\n" * 5000), 431),
    # Fields.
    ("no host", get(host=b""), 400),
    ("two hosts", get(HOST), 400),
    ("a folded host", get(host=b"Host:\r\n localhost\r\n"), 400),
    ("a space in a name", get(b"X Y: a\r\n"), 400),
    ("a separator in a name", get(b"X(Y): a\r\n"), 400),
    ("a name with NUL", get(b"X\0: a\r\n"), 400),
    ("a field without a colon", get(b"nonsense\r\n"), 400),
    ("a control character in a value", get(b"X: a\x01b\r\n"), 400),
    ("a lone CR in a value", get(b"X: a\rb\r\n"), 400),
    ("a first field that is folded", get(host=b" Host: localhost\r\n"), 400),
    ("a field longer than the memory of a connection", get(b"X: " + b"a" * 40_000 + b"\r\n"), 431),
    ("more fields than the memory of a connection", get(b"X: a\r\n" * 5000), 431),
    # Request lines.
    ("%00", get(line=b"GET /livez%00 HTTP/1.1"), 400),
    ("an encoded line feed", get(line=b"GET /livez%0a HTTP/1.1"), 400),
    ("a space in the target", get(line=b"GET /li vez HTTP/1.1"), 400),
    ("two spaces before the version", get(line=b"GET /livez  HTTP/1.1"), 400),
    ("a byte above ASCII in the target", get(line=b"GET /liv\xc3\xa9 HTTP/1.1"), 400),
    ("a fragment", get(line=b"GET /livez#x HTTP/1.1"), 400),
    ("a target longer than the memory of a connection",
     get(line=b"GET /" + b"a" * 40_000 + b" HTTP/1.1"), 414),
    ("a target that is an authority", get(line=b"CONNECT localhost:80 HTTP/1.1"), 400),
    ("a separator in the method", get(line=b"G(T /livez HTTP/1.1"), 400),
    ("NUL before the request", b"\0" + get(), 400),
    ("nothing but empty lines", b"\r\n" * 20_000, 414),
    ("every byte there is", bytes(range(256)) * 4, 400),
    ("a lower-case method", get(line=b"get /livez HTTP/1.1"), 501),
    ("an unknown method", get(line=b"BREW /livez HTTP/1.1"), 501),
    ("NUL in the method", get(line=b"GE\0T /livez HTTP/1.1"), 501),
    ("TRACE", get(line=b"TRACE /livez HTTP/1.1"), 405),
    # Versions.
    ("HTTP/0.9", b"GET /livez\r\n\r\n", 400),
    ("HTTP/1.2", get(line=b"GET /livez HTTP/1.2"), 400),
    ("HTTP/3.0", get(line=b"GET /livez HTTP/3.0"), 505),
    ("no version", get(line=b"GET /livez HTTX/1.1"), 400),
    ("the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 505),
    ("chunks in HTTP/1.0",
     get(b"Transfer-Encoding: chunked\r\n", b"POST /v1/sessions HTTP/1.0") + b"0\r\n\r\n", 400),
]

# libmicrohttpd refuses these before the daemon hears of them, and sends the head of its answer
# twice: the client takes the second for the body, and the connection is closed behind it.
REFUSED_BY_A_REPEATED_HEAD: list[tuple[str, bytes, int]] = [
    (f"a length of {length!r}", post(b"Content-Length: " + length + b"\r\n", b"{}"), status)
    for length, status in [
        (b"+2", 400), (b"-2", 400), (b"0x2", 400), (b"2 2", 400), (b"2, 2", 400), (b"2x", 400),
        (b"", 400), (b"18446744073709551618", 413), (b"9" * 30, 413),
    ]
]

# libmicrohttpd closes the connection of these without an answer.
CLOSED: list[tuple[str, bytes]] = [
    ("tabs in the request line", get(line=b"GET\t/livez\tHTTP/1.1")),
    ("a space before the method", get(line=b" GET /livez HTTP/1.1")),
]

# libmicrohttpd reads these its own way, and the daemon cannot see it: README.md says so under
# Security. What matters to two parsers is where the request ends: with which status it is answered,
# and whether what follows is still taken for the second request. When one of these fails because
# the library has learnt to refuse it, it belongs into REFUSED.
INVISIBLE: list[tuple[str, bytes, int]] = [
    ("line feeds instead of line ends", get().replace(b"\r\n", b"\n"), 200),
    ("a length behind a line feed", post(b"X: a\nContent-Length: 2\r\n", b"{}"), 400),
    ("chunks that end in line feeds", chunked(b"2\n{}\n", b"0\n\n"), 400),
    ("a folded field", get(b"X: a\r\n b\r\n"), 200),
    ("NUL in a value", get(b"X: a\0b\r\n"), 200),
    ("NUL in a length", post(b"Content-Length: 2\0x\r\n", b"{}"), 400),
    ("NUL in the target", get(line=b"GET /livez\0x HTTP/1.1"), 200),
    ("two spaces before the target", get(line=b"GET  /livez HTTP/1.1"), 200),
    ("a field without a name", get(b": a\r\n"), 200),
    ("trailers that are framing", chunked(b"2\r\n{}\r\n", b"0\r\nContent-Length: 9\r\n\r\n"), 400),
    ("chunk extensions", chunked((b"1;" + b"a" * 4000 + b"\r\n \r\n") * 300 + b"2\r\n{}\r\n"), 400),
]


def send(daemon: Daemon, message: bytes) -> bytes:
    """Sends bytes, which the daemon need not read to the end, and reads until it closes."""
    with daemon.client().open() as connection:
        connection.settimeout(10)
        received = b""
        try:
            connection.sendall(message)
        except OSError:
            pass
        try:
            while piece := connection.recv(65536):
                received += piece
        except ConnectionResetError:
            pass
        return received


def statuses(received: bytes) -> list[int]:
    """The status of every response in a stream."""
    return [int(part[2:5]) for part in received.split(b"HTTP/1.")[1:]]


def nothing_was_smuggled(daemon: Daemon) -> None:
    """Asserts that the second request was not carried out."""
    assert daemon.client().delete("/v1/sessions/smuggled").status == 404


def cases(table: list) -> list:
    """Parameters with their names as ids."""
    return [pytest.param(*case[1:], id=case[0]) for case in table]


@pytest.mark.parametrize("message, status", cases(REFUSED))
def test_it_is_refused_once_and_the_connection_is_closed(daemon, message, status):
    received = send(daemon, message + SECOND)
    assert statuses(received) == [status]
    head = received.split(b"\r\n\r\n")[0].lower()
    assert b"\r\nconnection: close" in head
    nothing_was_smuggled(daemon)


@pytest.mark.parametrize("message, status", cases(REFUSED_BY_A_REPEATED_HEAD))
def test_it_is_refused_with_a_repeated_head_and_closed(daemon, message, status):
    received = send(daemon, message + SECOND)
    assert statuses(received) == [status, status]
    assert b"\r\nconnection: close" in received.split(b"\r\n\r\n")[0].lower()
    nothing_was_smuggled(daemon)


@pytest.mark.parametrize("message", cases(CLOSED))
def test_it_is_closed_without_an_answer(daemon, message):
    assert send(daemon, message + SECOND) == b""
    nothing_was_smuggled(daemon)


@pytest.mark.parametrize("message, status", cases(INVISIBLE))
def test_what_cannot_be_seen_is_known(daemon, message, status):
    last = b"GET /livez HTTP/1.0\r\n" + HOST + b"\r\n"
    assert statuses(send(daemon, message + last)) == [status, 200]


def test_a_folded_length_is_no_length(daemon):
    """The library adds the continuation to the name of the field, so there is no body."""
    received = send(daemon, post(b"Content-Length:\r\n 2\r\n", b"{}") + get())
    assert statuses(received) == [400, 400]


def test_an_extension_longer_than_the_memory_of_a_connection_ends_it(daemon):
    """The library's own answer, and the only 5xx: it has no room to find the end of the line."""
    received = send(daemon, chunked(b"2;" + b"a" * 40_000 + b"\r\n{}\r\n") + SECOND)
    assert statuses(received) == [500]
    nothing_was_smuggled(daemon)


def test_an_expectation_is_met_once(daemon):
    message = post(b"Expect: 100-continue\r\nConnection: close\r\nContent-Length: 2\r\n", b"{}")
    assert statuses(send(daemon, message)) == [100, 400]


def test_it_goes_on_after_all_that(daemon):
    assert daemon.client().get("/v1/sessions").json()["total"] == 0
    with daemon.client().open() as connection:
        assert connection.family == socket.AF_INET
    assert daemon.client().get("/readyz").status == 200

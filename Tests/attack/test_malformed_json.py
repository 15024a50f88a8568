"""Ten thousand bodies that are not JSON: each is refused in order, and nothing is left of any."""

import http.client
import pathlib
import re
import socket

from attack.malformed_json import malformed
from contract.document import Document
from support import Daemon, Response

BODIES = 10_000
# What the daemon may keep for its own purposes while it reads bodies of up to 120 kB.
GROWTH_BYTES_MAX = 8 << 20


def test_ten_thousand_malformed_bodies_are_refused_and_leave_nothing(daemon: Daemon):
    document = Document()
    problem = document.component("Problem")
    connection = http.client.HTTPConnection(daemon.host)
    connection.sock = first = daemon.client().open()
    # Or a body would wait until the head of its request is acknowledged, 40 ms each time.
    first.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    seen = set()
    before = 0
    for number, body in enumerate(malformed(seed=1, count=BODIES)):
        connection.request("POST", "/v1/sessions", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        response = Response(answer.status, answer.headers, answer.read())
        assert response.status == 400, (body, response)
        assert response.headers["Content-Type"] == "application/problem+json"
        content = response.json()
        assert content["code"] == "invalid-json", (body, content)
        assert problem.is_valid(content), (body, content)
        # Those that differ in more than a position are held against the whole operation.
        kind = re.sub(r"\d+", "N", content["detail"])
        if kind not in seen:
            seen.add(kind)
            document.check("createSession", response)
        if number == BODIES // 10:
            before = anonymous_bytes(daemon)
    assert connection.sock is first, "the connection was kept"
    connection.close()
    assert len(seen) > 5
    assert daemon.client().get("/v1/sessions").json()["total"] == 0
    assert anonymous_bytes(daemon) < before + GROWTH_BYTES_MAX
    assert daemon.process.poll() is None


def test_the_largest_body_of_nothing_but_brackets_costs_nothing(daemon: Daemon):
    for bracket in (b"[", b'{"a":', b"[[],", b'"\\u0041', b"1,", b"\xf0\x9f\x98\x80"):
        body = (bracket * (1 << 20))[: 1 << 20]
        headers = {"Content-Type": "application/json"}
        response = daemon.client().request("POST", "/v1/sessions", body, headers)
        assert response.status == 400
        assert response.json()["code"] == "invalid-json"
    assert daemon.client().get("/livez").status == 200


def anonymous_bytes(daemon: Daemon) -> int:
    """The memory of the daemon that is in no file (RssAnon of proc(5))."""
    status = pathlib.Path(f"/proc/{daemon.process.pid}/status").read_text()
    return int(re.search(r"RssAnon:\s+(\d+) kB", status)[1]) * 1024


def test_numbers_beyond_every_integer_are_refused(daemon: Daemon):
    numbers = ["9" * 400, "-" + "9" * 400, "1e400", "1e-400", "-1e999999999", "1e99999999999999999999",
               "5004.5", "50040e-1000", "18446744073709551616", "9223372036854775808", "0." + "0" * 400]
    for number in numbers:
        body = b'{"kind":"broadcast","enabled":false,"port":%s}' % number.encode()
        headers = {"Content-Type": "application/json"}
        response = daemon.client().request("POST", "/v1/sessions", body, headers)
        assert response.status == 400, (number, response.body)
        assert response.headers["Content-Type"] == "application/problem+json"
    assert daemon.client().get("/v1/sessions").json()["total"] == 0

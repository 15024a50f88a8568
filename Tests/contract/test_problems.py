"""Every problem code that a client can cause, and the shape of its answer.

Not here: permission-denied (needs a kernel that refuses), internal, overloaded, send-buffer-full,
store-full and store-unavailable (need a fault; for the latter two see Tests/attack). What a definition may not be is in test_definitions.py.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from contract.document import Document
from support import Client, Daemon, Network, Response, wait_until
from support.client import read_response

SENDER = {"kind": "multicast-sender", "group": "239.9.0.1", "port": 9001, "interface": "eth0"}
RECEIVER = {"kind": "multicast-receiver", "group": "239.9.0.2", "port": 9002, "interface": "eth0"}
BODY_BYTES_MAX = 1 << 20
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def sessions(client: Client) -> Iterator[None]:
    """`sending`, `receiving` and `resting`, a sender that is not enabled."""
    definitions = [
        SENDER | {"name": "sending"},
        RECEIVER | {"name": "receiving"},
        SENDER | {"name": "resting", "enabled": False},
    ]
    for definition in definitions:
        assert client.post("/v1/sessions", definition).status == 201
    yield
    for definition in definitions:
        client.delete(f"/v1/sessions/{definition['name']}")


def assert_problem(
    document: Document, response: Response, status: int, code: str, pointer: str | None = None
) -> dict:
    """Asserts that the answer is this problem, whole and well-formed."""
    assert response.status == status, (response.status, response.body)
    assert response.headers["Content-Type"] == "application/problem+json"
    problem = response.json()
    document.component("Problem").validate(problem)
    assert problem["code"] == code, problem
    assert problem["type"] == f"/problems/{code}"
    assert problem["status"] == status
    assert problem["requestId"] == response.headers["Request-Id"]
    assert response.headers["Cache-Control"] == "no-store"
    if pointer is not None:
        pointers = [error["pointer"] for error in problem["errors"]]
        assert any(p == pointer or p.startswith(f"{pointer}/") for p in pointers), problem
    return problem


BAD_QUERIES = [
    "/v1/sessions?nosuch=1",
    "/v1/sessions?limit=0",
    "/v1/sessions?limit=1001",
    "/v1/sessions?limit=ten",
    "/v1/sessions?limit=%2B5",
    "/v1/sessions?limit=",
    "/v1/sessions?limit",
    "/v1/sessions?limit=1&limit=2",
    "/v1/sessions?limit=1&limit=1",
    "/v1/sessions?kind=unicast",
    "/v1/sessions?kind=",
    "/v1/sessions?state=gone",
    "/v1/sessions?include=status",
    "/v1/sessions?pageToken=%21",
    "/v1/sessions?Limit=1",
    "/v1/sessions/sending?include=packets",
    "/v1/sessions/sending?nosuch=1",
    "/v1/sessions/sending/counters?nosuch=1",
    "/v1/sessions/sending/packets?after=-1",
    "/v1/sessions/sending/packets?after=x",
    "/v1/sessions/sending/packets?after=9223372036854775808",
    "/v1/sessions/sending/packets?limit=0",
    "/v1/sessions/sending/packets?limit=1001",
    "/v1/sessions/sending/packets?direction=both",
    "/v1/sessions/sending/packets?payload=raw",
    "/v1/sessions/sending/packets?wait=31",
    "/v1/sessions/sending/packets?wait=0.5",
    "/v1/sessions/sending/packets?wait=-1",
    "/v1/interfaces?nosuch=1",
    "/v1/server?nosuch=1",
    "/livez?nosuch=1",
    "/readyz?nosuch=1",
    "/openapi.yaml?nosuch=1",
]


@pytest.mark.parametrize("path", BAD_QUERIES)
def test_invalid_query(path: str, client: Client, document: Document, sessions: None) -> None:
    assert_problem(document, client.get(path), 400, "invalid-query")


def test_invalid_query_of_a_write(client: Client, document: Document, sessions: None) -> None:
    response = client.post("/v1/sessions?nosuch=1", SENDER)
    assert_problem(document, response, 400, "invalid-query")
    response = client.post("/v1/sessions/sending/datagrams?nosuch=1", {"text": "x"})
    assert_problem(document, response, 400, "invalid-query")
    response = client.delete("/v1/sessions/sending?nosuch=1")
    assert_problem(document, response, 400, "invalid-query")
    assert client.get("/v1/sessions/sending").status == 200


@pytest.mark.parametrize("body", [b"", b"{", b'{"a":1}x', b"\xff", b'{"text":"\xc3"}', b"nul"])
@pytest.mark.parametrize("path", ["/v1/sessions", "/v1/sessions/sending/datagrams"])
def test_invalid_json(
    body: bytes, path: str, client: Client, document: Document, sessions: None
) -> None:
    response = client.request("POST", path, body, JSON)
    assert_problem(document, response, 400, "invalid-json")


DATAGRAMS: list[tuple[Any, str, str]] = [
    ([], "invalid-field", ""),
    ({}, "missing-field", ""),
    ({"nosuch": 1}, "unknown-field", "/nosuch"),
    ({"text": "a", "nosuch": 1}, "unknown-field", "/nosuch"),
    ({"text": "a", "hex": "00"}, "invalid-field", ""),
    ({"text": "a", "datagrams": []}, "invalid-field", ""),
    ({"text": 1}, "invalid-field", "/text"),
    ({"hex": "0"}, "invalid-field", "/hex"),
    ({"hex": "0g"}, "invalid-field", "/hex"),
    ({"hex": "00 11"}, "invalid-field", "/hex"),
    ({"base64": "QQ"}, "invalid-field", "/base64"),
    ({"base64": "Q_=="}, "invalid-field", "/base64"),
    ({"datagrams": []}, "invalid-field", "/datagrams"),
    ({"datagrams": {}}, "invalid-field", "/datagrams"),
    ({"datagrams": [{"text": ""}] * 1025}, "invalid-field", "/datagrams"),
    ({"datagrams": [{"text": ""}, "x"]}, "invalid-field", "/datagrams/1"),
    ({"datagrams": [{"text": ""}, {}]}, "missing-field", "/datagrams/1"),
    ({"datagrams": [{"text": ""}, {"hex": "f"}]}, "invalid-field", "/datagrams/1/hex"),
    ({"datagrams": [{"text": "", "a": 1}]}, "unknown-field", "/datagrams/0/a"),
    ({"datagrams": [{"datagrams": []}]}, "unknown-field", "/datagrams/0/datagrams"),
]


@pytest.mark.parametrize(("body", "code", "pointer"), DATAGRAMS, ids=lambda v: repr(v)[:60])
def test_invalid_datagrams(
    body: Any, code: str, pointer: str, client: Client, document: Document, sessions: None
) -> None:
    assert not document.component("DatagramRequest").is_valid(body)
    response = client.post("/v1/sessions/sending/datagrams", body)
    document.check("sendDatagrams", response)
    assert_problem(document, response, 400, code, pointer)
    assert client.get("/v1/sessions/sending/counters").json()["sent"]["datagrams"] == 0


def framed(daemon: Daemon, *lines: str, request: str = "POST /v1/sessions") -> bytes:
    """A request with these header lines after Host."""
    head = [f"{request} HTTP/1.1", f"Host: {daemon.host}", *lines, "", ""]
    return "\r\n".join(head).encode()


FRAMINGS = [
    ("Content-Length: 2", "Transfer-Encoding: chunked"),
    ("Content-Length: 2", "Content-Length: 2"),
    ("Content-Length : 2",),
]


@pytest.mark.parametrize("lines", FRAMINGS)
def test_bad_framing(
    lines: tuple[str, ...], daemon: Daemon, client: Client, document: Document
) -> None:
    message = framed(daemon, "Content-Type: application/json", *lines) + b"{}"
    assert_problem(document, client.raw(message), 400, "bad-framing")


@pytest.mark.parametrize("path", ["/v1/sessions/a%00b", "/v1/sessions/%zz", "/v1/sessions/a%0Ab"])
def test_bad_framing_of_a_path(path: str, client: Client, document: Document) -> None:
    assert_problem(document, client.get(path), 400, "bad-framing")


@pytest.mark.parametrize("hosts", ["", "Host: 127.0.0.1\r\nHost: 127.0.0.1\r\n", "Host: \r\n"])
def test_bad_host(hosts: str, client: Client, document: Document) -> None:
    message = f"GET /livez HTTP/1.1\r\n{hosts}\r\n".encode()
    assert_problem(document, client.raw(message), 400, "bad-host")


def test_host_not_allowed(client: Client, document: Document) -> None:
    response = client.request("GET", "/livez", headers={"Host": "evil.example"})
    assert_problem(document, response, 403, "host-not-allowed")
    response = client.request("GET", "/livez", headers={"Host": "localhost"})
    assert response.status == 200


def test_any_host_on_the_unix_socket(daemon: Daemon) -> None:
    response = daemon.unix_client().request("GET", "/livez", headers={"Host": "evil.example"})
    assert response.status == 200


def test_origin_not_allowed(daemon: Daemon, client: Client, document: Document) -> None:
    headers = JSON | {"Origin": "http://evil.example"}
    response = client.request("POST", "/v1/sessions", b"{}", headers)
    assert_problem(document, response, 403, "origin-not-allowed")
    own = {"Origin": f"http://{daemon.host}"}
    assert client.request("GET", "/v1/sessions", headers=own).status == 200


@pytest.mark.parametrize("name", ["absent", "ABSENT", "a%2Fb", "%C3%A9", "-", "a" * 64])
def test_session_not_found(name: str, client: Client, document: Document) -> None:
    path = f"/v1/sessions/{name}"
    assert_problem(document, client.get(path), 404, "session-not-found")
    assert_problem(document, client.delete(path), 404, "session-not-found")
    assert_problem(document, client.get(f"{path}/counters"), 404, "session-not-found")
    assert_problem(document, client.get(f"{path}/packets?wait=30"), 404, "session-not-found")
    response = client.post(f"{path}/datagrams", {"text": "x"})
    assert_problem(document, response, 404, "session-not-found")
    document.check("headSession", client.request("HEAD", path))


@pytest.mark.parametrize(
    "path",
    ["/nosuch", "/v1", "/v1/", "/v1/sessions/", "/livez/", "/v1//sessions", "/v1/sessions%2F"],
)
def test_no_such_route(path: str, client: Client, document: Document) -> None:
    assert_problem(document, client.get(path), 404, "no-such-route")


def test_method_not_allowed_and_allow_are_as_the_contract_says(
    client: Client, document: Document
) -> None:
    for path, item in document.content["paths"].items():
        allowed = {method.upper() for method in item} & {"GET", "POST", "PUT", "PATCH", "DELETE"}
        if "GET" in allowed:
            allowed.add("HEAD")
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]:
            if method in allowed:
                continue
            response = client.request(method, path.replace("{name}", "absent"))
            assert_problem(document, response, 405, "method-not-allowed")
            listed = {name.strip() for name in response.headers["Allow"].split(",")}
            assert listed == allowed, f"{method} {path}"


def test_an_unknown_method_is_not_implemented(client: Client) -> None:
    assert client.request("BREW", "/v1/sessions").status == 501


def test_head_is_answered_where_get_is(client: Client, document: Document) -> None:
    for path in ["/v1/sessions", "/v1/interfaces", "/v1/server", "/livez", "/openapi.yaml"]:
        got, head = client.get(path), client.request("HEAD", path)
        assert (head.status, head.body) == (200, b"")
        assert head.headers["Content-Type"] == got.headers["Content-Type"]


def test_name_in_use(client: Client, document: Document, sessions: None) -> None:
    response = client.post("/v1/sessions", SENDER | {"name": "sending"})
    document.check("createSession", response)
    assert_problem(document, response, 409, "name-in-use", "/name")


def test_address_in_use(client: Client, document: Document, network: Network) -> None:
    with network.bound("0.0.0.0", 9003):
        response = client.post("/v1/sessions", RECEIVER | {"port": 9003, "name": "late"})
        document.check("createSession", response)
        problem = assert_problem(document, response, 409, "address-in-use")
        assert problem["errno"] == "EADDRINUSE"
        assert client.get("/v1/sessions/late").status == 404
    assert client.post("/v1/sessions", RECEIVER | {"port": 9003, "name": "late"}).status == 201
    assert client.delete("/v1/sessions/late").status == 204


@pytest.mark.parametrize("interface", ["nosuch0", "10.1.2.3", "fd00:99::1"])
def test_interface_unavailable(interface: str, client: Client, document: Document) -> None:
    response = client.post("/v1/sessions", RECEIVER | {"interface": interface})
    document.check("createSession", response)
    assert_problem(document, response, 409, "interface-unavailable", "/interface")


def test_network_unreachable(binary: str, document: Document) -> None:
    unrouted = {key: value for key, value in SENDER.items() if key != "interface"}
    with Network(routed=False) as network, Daemon(binary, network) as daemon:
        response = daemon.client().post("/v1/sessions", unrouted)
        document.check("createSession", response)
        assert_problem(document, response, 409, "network-unreachable")


def test_group_join_failed(client: Client, document: Document, network: Network) -> None:
    name = "net/ipv4/igmp_max_memberships"
    before = network.kernel_value(name)
    network.set_kernel_value(name, "0")
    try:
        response = client.post("/v1/sessions", RECEIVER | {"port": 9004})
    finally:
        network.set_kernel_value(name, before)
    document.check("createSession", response)
    assert_problem(document, response, 409, "group-join-failed")


def test_handler_not_found(client: Client, document: Document) -> None:
    reply = {"handler": "nobody-declared-it"}
    response = client.post("/v1/sessions", RECEIVER | {"port": 9005, "reply": reply})
    document.check("createSession", response)
    assert_problem(document, response, 409, "handler-not-found", "/reply/handler")


def test_session_limit_reached(binary: str, network: Network, document: Document) -> None:
    with Daemon(binary, network, ["--sessions-max", "2"]) as daemon:
        client = daemon.client()
        for name in ["one", "two"]:
            assert client.post("/v1/sessions", SENDER | {"name": name}).status == 201
        response = client.post("/v1/sessions", SENDER | {"name": "three"})
        document.check("createSession", response)
        assert_problem(document, response, 409, "session-limit-reached")
        assert client.delete("/v1/sessions/one").status == 204
        assert client.post("/v1/sessions", SENDER | {"name": "three"}).status == 201
        assert client.get("/v1/server").json()["limits"]["sessionsMax"] == 2


def test_session_not_running(client: Client, document: Document, sessions: None) -> None:
    response = client.post("/v1/sessions/resting/datagrams", {"text": "x"})
    document.check("sendDatagrams", response)
    assert_problem(document, response, 409, "session-not-running")


def test_cannot_send(client: Client, document: Document, sessions: None) -> None:
    response = client.post("/v1/sessions/receiving/datagrams", {"text": "x"})
    document.check("sendDatagrams", response)
    assert_problem(document, response, 409, "cannot-send")


TOO_LARGE: list[tuple[Any, str | None]] = [
    (b"x" * 65508, None),
    ({"text": "x" * 65508}, None),
    ({"text": "é" * 32754}, None),
    ({"base64": "AAAA" * 21836}, None),
    ({"hex": "00" * 65508}, None),
    ({"datagrams": [{"text": "x"}, {"hex": "00" * 65508}]}, "/datagrams/1"),
]


@pytest.mark.parametrize(("body", "pointer"), TOO_LARGE, ids=lambda value: repr(value)[:30])
def test_datagram_too_large(
    body: Any, pointer: str | None, client: Client, document: Document, sessions: None
) -> None:
    raw = {"Content-Type": "application/octet-stream"} if isinstance(body, bytes) else {}
    response = client.request("POST", "/v1/sessions/sending/datagrams", body, raw)
    document.check("sendDatagrams", response)
    problem = assert_problem(document, response, 409, "datagram-too-large", pointer)
    assert problem.get("sent", 0) == 0
    assert client.get("/v1/sessions/sending/counters").json()["sent"]["datagrams"] == 0


@pytest.mark.parametrize("path", ["/v1/sessions", "/v1/sessions/sending/datagrams"])
def test_body_too_large(
    path: str, daemon: Daemon, client: Client, document: Document, sessions: None
) -> None:
    lines = ["Content-Type: application/json", f"Content-Length: {BODY_BYTES_MAX + 1}"]
    response = client.raw(framed(daemon, *lines, request=f"POST {path}"))
    assert_problem(document, response, 413, "body-too-large")


def test_a_body_of_the_limit_is_read(client: Client, document: Document) -> None:
    body = b'{"kind":1' + b" " * (BODY_BYTES_MAX - 10) + b"}"
    response = client.request("POST", "/v1/sessions", body, JSON)
    assert_problem(document, response, 400, "invalid-field", "/kind")


@pytest.mark.parametrize("media_type", [None, "text/plain", "application/xml", "json", ""])
@pytest.mark.parametrize("path", ["/v1/sessions", "/v1/sessions/sending/datagrams"])
def test_unsupported_media_type(
    media_type: str | None, path: str, client: Client, document: Document, sessions: None
) -> None:
    headers = {} if media_type is None else {"Content-Type": media_type}
    response = client.request("POST", path, b"{}", headers)
    assert_problem(document, response, 415, "unsupported-media-type")


def test_a_raw_body_is_not_a_definition(client: Client, document: Document) -> None:
    headers = {"Content-Type": "application/octet-stream"}
    response = client.request("POST", "/v1/sessions", b"{}", headers)
    assert_problem(document, response, 415, "unsupported-media-type")


@pytest.mark.parametrize("media_type", ["application/json; charset=utf-8", "Application/JSON"])
def test_media_types_have_parameters_and_no_case(media_type: str, client: Client) -> None:
    response = client.request("POST", "/v1/sessions", b"{}", {"Content-Type": media_type})
    assert response.json()["code"] == "missing-field"


def test_draining(binary: str, network: Network, document: Document) -> None:
    """A request half sent keeps the daemon from ending; the others see that it drains."""
    with Daemon(binary, network) as daemon:
        client = daemon.client()
        asking = b"GET /readyz HTTP/1.1\r\nHost: " + daemon.host.encode() + b"\r\n\r\n"
        with client.open() as probe, client.open() as slow:
            slow.sendall(framed(daemon, "Content-Type: application/json", "Content-Length: 9"))
            probe.sendall(asking)
            assert read_response(probe).status == 200
            process = daemon.process
            process.terminate()

            def refused() -> Response | None:
                probe.sendall(asking)
                response = read_response(probe)
                return response if response.status != 200 else None

            response = wait_until(refused, 2, "readyz answers 503")
            document.check("getReadiness", response)
            assert_problem(document, response, 503, "draining")
        assert process.wait(3) == 0

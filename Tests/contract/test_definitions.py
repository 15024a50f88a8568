"""The border of what a definition may be: the same answer from the schema and from the daemon."""

from typing import Any

import pytest

from contract.document import Document
from support import Client

SENDER = {"kind": "multicast-sender", "group": "239.1.2.3", "port": 5004}
RECEIVER = {"kind": "multicast-receiver", "group": "239.1.2.3", "port": 5004}
PEER = {"kind": "multicast-peer", "group": "239.1.2.3", "port": 5004}
SIX = {"kind": "multicast-receiver", "group": "ff05::4242", "port": 5004}
BROADCAST_SENDER = {"kind": "broadcast", "role": "sender", "port": 5004}
BROADCAST_RECEIVER = {"kind": "broadcast", "role": "receiver", "port": 5004}
BROADCAST_PEER = {"kind": "broadcast", "port": 5004}
HOST = {"address": "10.0.0.1", "port": 9}
WIDE = {f"key{index}": "" for index in range(64)}


def forward(*targets: Any) -> dict[str, Any]:
    """The member of a definition that says where it forwards to."""
    return {"forward": list(targets)}


VALID: list[dict[str, Any]] = [
    SENDER | {"loopback": False, "ttl": 255, "localPort": 65535, "accept": ["unicast"]},
    SENDER | {"requireSourcePort": 0, "allow": ["10.0.0.1/0"], "deny": ["fd00::/128"]},
    SENDER | {"hostModel": "weak"},
    SIX | {"accept": ["broadcast", "unicast", "multicast"]},
    SENDER | {"allow": ["::/0", "::ffff:0:0/95"]},
    SENDER | {"group": "224.0.1.0", "port": 65535},
    SENDER | {"group": "ff3e:30:2001:db8::1"},
    SENDER | {"port": 5004.0},
    SENDER | {"interface": "10.9.8.7"},
    SENDER | {"interface": "fd00:10::9"},
    SENDER | {"group": "FF02::ABCD", "interface": "eth0"},
    RECEIVER | {"sources": []},
    RECEIVER | {"sources": [f"10.0.0.{index}" for index in range(10)]},
    RECEIVER | {"reply": {"text": ""}},
    RECEIVER | {"reply": {"text": "é" * 32753, "perSecondMax": 1000000}},
    RECEIVER | {"reply": {"base64": "QQ==", "perSecondMax": 1}},
    RECEIVER | {"reply": {"text": "", "to": "destination", "ttl": 255}, "exclusive": True},
    PEER | {"dscp": 63, "exclusive": False, "recordDSCP": True},
    RECEIVER | forward(HOST | {"dscp": 63, "allow": ["10.0.0.0/8"], "deny": ["fd00::1"]}),
    RECEIVER | forward(HOST | {"dscp": "preserve"}, {"session": "b", "dscp": "preserve"}),
    RECEIVER | {"reply": {"template": "{{{hostname}}} {source.address}:{source.port}"}},
    RECEIVER | {"reply": {"template": "{destination.address} {interface} {length} {sequence}"}},
    RECEIVER | {"labels": WIDE, "annotations": {"a/b.c-d": "\U0001f4e1" * 1024}},
    RECEIVER | {"recentPackets": 4096, "snapLength": 65535, "receiveBufferBytes": 268435456},
    RECEIVER | {"recentPackets": 0, "snapLength": 0, "receiveBufferBytes": 2048},
    RECEIVER | {"allow": [f"10.0.{index}.0/24" for index in range(64)]},
    RECEIVER | {"id": 1, "origin": None, "status": [], "counters": {}, "generation": "x"},
    SIX | {"sources": ["fd00::1", "fe80::1"]},
    PEER | {"receiveOwn": True, "accept": ["multicast", "broadcast", "unicast"]},
    PEER | {"enabled": False, "persist": False, "whenUnavailable": "wait"},
    BROADCAST_SENDER | {"address": "255.255.255.255", "ttl": 1, "localPort": 0},
    BROADCAST_SENDER | {"address": "192.168.10.255"},
    BROADCAST_RECEIVER | {"reply": {"text": "here"}},
    BROADCAST_PEER | {"role": "peer", "receiveOwn": True, "ttl": 2},
    RECEIVER | {"forward": [], "loopGuardMilliseconds": 0, "coalesceMicroseconds": 5000},
    RECEIVER | {"loopGuardMilliseconds": 60000, "coalesceMicroseconds": "adaptive"},
    SENDER | {"limits": {"datagramsPerSecond": 10000000, "burstMilliseconds": 1}},
    PEER | {"limits": {"bytesPerSecond": 100000000000, "burstMilliseconds": 10000}},
    BROADCAST_PEER | {"limits": {"datagramsPerSecond": 1, "bytesPerSecond": 1}},
    BROADCAST_RECEIVER | {"forward": [{"session": f"s{n}"} for n in range(64)]},
    RECEIVER | forward({"session": "b", "ttlMode": "decrement", "ttlThreshold": 254}),
    RECEIVER | forward({"session": "b", "ttlThreshold": 1, "sampleOneIn": 1000000}),
    RECEIVER | forward({"session": "b", "limits": {"bytesPerSecond": 1}, "chaos": {}}),
    RECEIVER | forward({"session": "b", "chaos": {"lossPercent": 0.5, "reorderPercent": 100}}),
    RECEIVER | forward({"session": "b", "chaos": {"seed": 9007199254740991}}),
    RECEIVER
    | forward({"session": "b", "chaos": {"delayMilliseconds": 60000, "jitterMilliseconds": 60000}}),
    RECEIVER | forward(HOST, HOST | {"port": 65535}, HOST | {"interface": "eth0"}),
    RECEIVER | forward({"address": "239.9.9.9", "port": 9, "ttl": 255, "loopback": False}),
    RECEIVER | forward({"address": "255.255.255.255", "port": 9, "localPort": 65535}),
    RECEIVER | forward({"address": "192.168.10.255", "port": 9, "interface": "192.168.10.1"}),
    RECEIVER | forward({"address": "fd00::1", "port": 9, "sourceMode": "own"}),
    RECEIVER | forward(HOST | {"mapReplies": {"lifetimeSeconds": 3600, "askersMax": 1024}}),
    RECEIVER | forward(HOST | {"mapReplies": {}, "localPort": 0, "sourceMode": "own"}),
    RECEIVER | forward(HOST | {"sourceMode": "preserve", "ttlMode": "decrement"}),
    SIX | forward({"address": "fd00::1", "port": 9, "sourceMode": "preserve"}),
    SIX | forward({"address": "FF02::ABCD", "port": 9, "interface": "eth0"}),
]

# Definition, code, pointer. The pointer may go on below the one that is named here.
INVALID: list[tuple[Any, str, str]] = [
    ([], "invalid-field", ""),
    ("text", "invalid-field", ""),
    ({}, "missing-field", "/kind"),
    ({"kind": "multicast"}, "invalid-field", "/kind"),
    ({"kind": "multicast-sender", "port": 1}, "missing-field", "/group"),
    ({"kind": "multicast-sender", "group": "239.1.2.3"}, "missing-field", "/port"),
    ({"kind": "broadcast"}, "missing-field", "/port"),
    (SENDER | {"name": "Cam"}, "invalid-field", "/name"),
    (SENDER | {"name": "cam-"}, "invalid-field", "/name"),
    (SENDER | {"name": "c" * 64}, "invalid-field", "/name"),
    (SENDER | {"name": None}, "invalid-field", "/name"),
    (SENDER | {"port": 0}, "invalid-field", "/port"),
    (SENDER | {"port": 65536}, "invalid-field", "/port"),
    (SENDER | {"port": "5004"}, "invalid-field", "/port"),
    (SENDER | {"port": 5004.5}, "invalid-field", "/port"),
    (SENDER | {"port": True}, "invalid-field", "/port"),
    (SENDER | {"group": "224.0.0.0"}, "invalid-field", "/group"),
    (SENDER | {"group": "10.0.0.1"}, "invalid-field", "/group"),
    (SENDER | {"group": "239.1.2.03"}, "invalid-field", "/group"),
    (SENDER | {"group": "239.1.2.3\n"}, "invalid-field", "/group"),
    (SENDER | {"group": "ff01::1"}, "invalid-field", "/group"),
    (SENDER | {"group": "ff00::1"}, "invalid-field", "/group"),
    (SENDER | {"group": "ff0f::1"}, "invalid-field", "/group"),
    (SENDER | {"group": "ff05::1::2"}, "invalid-field", "/group"),
    (SENDER | {"group": "ff05::1%eth0"}, "invalid-field", "/group"),
    (SENDER | {"group": "ff02::1"}, "missing-field", "/interface"),
    (SENDER | {"group": "ff02::1%eth0"}, "invalid-field", "/group"),
    (SENDER | {"group": "::ffff:239.1.2.3"}, "invalid-field", "/group"),
    (SENDER | {"interface": "fe80::1%eth0"}, "invalid-field", "/interface"),
    (SENDER | {"hostModel": "loose"}, "invalid-field", "/hostModel"),
    (SENDER | {"group": "ff05::1", "accept": ["broadcast"]}, "invalid-field", "/accept"),
    (SIX | {"accept": ["broadcast"], "reply": {"text": "x"}}, "invalid-field", "/accept"),
    (SIX | {"group": "ff35::1", "sources": ["::ffff:a00:1"]}, "invalid-field", "/sources/0"),
    (SENDER | {"interface": ""}, "invalid-field", "/interface"),
    (SENDER | {"interface": "sixteen-letters-"}, "invalid-field", "/interface"),
    (SENDER | {"interface": ".."}, "invalid-field", "/interface"),
    (SENDER | {"interface": "a/b"}, "invalid-field", "/interface"),
    (SENDER | {"interface": "a b"}, "invalid-field", "/interface"),
    (SENDER | {"interface": "eth0:1"}, "invalid-field", "/interface"),
    (SENDER | {"ttl": 0}, "invalid-field", "/ttl"),
    (SENDER | {"ttl": 256}, "invalid-field", "/ttl"),
    (SENDER | {"localPort": -1}, "invalid-field", "/localPort"),
    (SENDER | {"loopback": "yes"}, "invalid-field", "/loopback"),
    (SENDER | {"requireSourcePort": 65536}, "invalid-field", "/requireSourcePort"),
    (SENDER | {"allow": ["10.0.0.0/33"]}, "invalid-field", "/allow/0"),
    (SENDER | {"deny": ["10.0.0.0/8", "fd00::/129"]}, "invalid-field", "/deny/1"),
    (SENDER | {"allow": ["10.0.0.0/08"]}, "invalid-field", "/allow/0"),
    (SENDER | {"allow": ["10.0.0.1"] * 65}, "invalid-field", "/allow"),
    (SENDER | {"accept": []}, "invalid-field", "/accept"),
    (SENDER | {"accept": ["unicast", "unicast"]}, "invalid-field", "/accept"),
    (SENDER | {"accept": ["anycast"]}, "invalid-field", "/accept/0"),
    (SENDER | {"sources": []}, "unknown-field", "/sources"),
    (SENDER | {"reply": {"text": "x"}}, "unknown-field", "/reply"),
    (SENDER | {"role": "sender"}, "unknown-field", "/role"),
    (SENDER | {"nosuch": 1}, "unknown-field", "/nosuch"),
    (SENDER | {"a/b~c": 1}, "unknown-field", "/a~1b~0c"),
    (RECEIVER | {"expect": {}}, "unknown-field", "/expect"),
    (RECEIVER | {"ttl": 1}, "unknown-field", "/ttl"),
    (RECEIVER | {"loopback": True}, "unknown-field", "/loopback"),
    (RECEIVER | {"localPort": 0}, "unknown-field", "/localPort"),
    (RECEIVER | {"receiveOwn": False}, "unknown-field", "/receiveOwn"),
    (PEER | {"localPort": 0}, "unknown-field", "/localPort"),
    (PEER | {"reply": {"text": "x"}}, "unknown-field", "/reply"),
    (RECEIVER | {"sources": ["fd00::1"]}, "invalid-field", "/sources/0"),
    (RECEIVER | {"sources": ["10.0.0.1", "10.0.0.1"]}, "invalid-field", "/sources"),
    (RECEIVER | {"sources": ["239.0.0.1"]}, "invalid-field", "/sources/0"),
    (RECEIVER | {"sources": ["0.0.0.0"]}, "invalid-field", "/sources/0"),
    (RECEIVER | {"sources": ["240.0.0.1"]}, "invalid-field", "/sources/0"),
    (RECEIVER | {"sources": ["10.0.0.0/8"]}, "invalid-field", "/sources/0"),
    (RECEIVER | {"sources": [f"10.0.0.{i}" for i in range(11)]}, "invalid-field", "/sources"),
    (SIX | {"sources": ["10.0.0.1"]}, "invalid-field", "/sources/0"),
    (SIX | {"sources": ["::"]}, "invalid-field", "/sources/0"),
    (SIX | {"sources": ["0:0:0:0:0:0:0:0"]}, "invalid-field", "/sources/0"),
    (SIX | {"sources": ["ff05::1"]}, "invalid-field", "/sources/0"),
    (RECEIVER | {"recentPackets": 4097}, "invalid-field", "/recentPackets"),
    (RECEIVER | {"snapLength": 65536}, "invalid-field", "/snapLength"),
    (RECEIVER | {"receiveBufferBytes": 2047}, "invalid-field", "/receiveBufferBytes"),
    (RECEIVER | {"receiveBufferBytes": 268435457}, "invalid-field", "/receiveBufferBytes"),
    (RECEIVER | {"whenUnavailable": "retry"}, "invalid-field", "/whenUnavailable"),
    (RECEIVER | {"enabled": 1}, "invalid-field", "/enabled"),
    (RECEIVER | {"persist": None}, "invalid-field", "/persist"),
    (RECEIVER | {"labels": {"-a": ""}}, "invalid-field", "/labels/-a"),
    (RECEIVER | {"labels": {"a": "b c"}}, "invalid-field", "/labels/a"),
    (RECEIVER | {"labels": {"a": "b" * 64}}, "invalid-field", "/labels/a"),
    (RECEIVER | {"labels": WIDE | {"more": ""}}, "invalid-field", "/labels"),
    (RECEIVER | {"annotations": {"a": "b" * 1025}}, "invalid-field", "/annotations/a"),
    (RECEIVER | {"annotations": {"a": 1}}, "invalid-field", "/annotations/a"),
    (RECEIVER | {"reply": "x"}, "invalid-field", "/reply"),
    (RECEIVER | {"reply": {}}, "missing-field", "/reply"),
    (RECEIVER | {"reply": {"perSecondMax": 1}}, "missing-field", "/reply"),
    (RECEIVER | {"reply": {"text": "x", "base64": "QQ=="}}, "invalid-field", "/reply"),
    (RECEIVER | {"reply": {"text": "x" * 65508}}, "invalid-field", "/reply/text"),
    (RECEIVER | {"reply": {"base64": "QQ"}}, "invalid-field", "/reply/base64"),
    (RECEIVER | {"reply": {"base64": "Q-=="}}, "invalid-field", "/reply/base64"),
    (RECEIVER | {"reply": {"base64": "QQ==\n"}}, "invalid-field", "/reply/base64"),
    (RECEIVER | {"reply": {"base64": "AAAA" * 21836}}, "invalid-field", "/reply/base64"),
    (RECEIVER | {"reply": {"handler": "/bin/sh"}}, "invalid-field", "/reply/handler"),
    (RECEIVER | {"reply": {"handler": "h", "argv": ["x"]}}, "unknown-field", "/reply/argv"),
    (RECEIVER | {"reply": {"template": "{host}"}}, "invalid-field", "/reply/template"),
    (RECEIVER | {"reply": {"template": "{"}}, "invalid-field", "/reply/template"),
    (RECEIVER | {"reply": {"template": "}"}}, "invalid-field", "/reply/template"),
    (RECEIVER | {"reply": {"template": "{{hostname}"}}, "invalid-field", "/reply/template"),
    (RECEIVER | {"reply": {"template": "x" * 8193}}, "invalid-field", "/reply/template"),
    (
        RECEIVER | {"reply": {"text": "x", "perSecondMax": 0}},
        "invalid-field",
        "/reply/perSecondMax",
    ),
    (RECEIVER | {"reply": {"text": "x", "to": "group"}}, "invalid-field", "/reply/to"),
    (RECEIVER | {"reply": {"text": "x", "ttl": 256}}, "invalid-field", "/reply/ttl"),
    (RECEIVER | {"dscp": 0}, "unknown-field", "/dscp"),
    (BROADCAST_RECEIVER | {"dscp": 0}, "invalid-field", "/dscp"),
    (PEER | {"dscp": 64}, "invalid-field", "/dscp"),
    (PEER | {"dscp": "preserve"}, "invalid-field", "/dscp"),
    (PEER | {"exclusive": 1}, "invalid-field", "/exclusive"),
    (BROADCAST_SENDER | {"exclusive": False}, "invalid-field", "/exclusive"),
    (RECEIVER | {"recordDSCP": "yes"}, "invalid-field", "/recordDSCP"),
    (RECEIVER | forward(HOST | {"dscp": 64}), "invalid-field", "/forward/0/dscp"),
    (RECEIVER | forward(HOST | {"dscp": "keep"}), "invalid-field", "/forward/0/dscp"),
    (RECEIVER | forward({"session": "b", "dscp": 1}), "invalid-field", "/forward/0/dscp"),
    (RECEIVER | forward({"session": "b", "deny": ["x"]}), "invalid-field", "/forward/0/deny/0"),
    (BROADCAST_PEER | {"role": "server"}, "invalid-field", "/role"),
    (BROADCAST_PEER | {"address": "239.1.2.3"}, "invalid-field", "/address"),
    (BROADCAST_PEER | {"address": "ff05::1"}, "invalid-field", "/address"),
    (BROADCAST_PEER | {"group": "239.1.2.3"}, "unknown-field", "/group"),
    (BROADCAST_PEER | {"loopback": True}, "unknown-field", "/loopback"),
    (BROADCAST_PEER | {"sources": []}, "unknown-field", "/sources"),
    (BROADCAST_PEER | {"localPort": 0}, "invalid-field", "/localPort"),
    (BROADCAST_PEER | {"reply": {"text": "x"}}, "invalid-field", "/reply"),
    (BROADCAST_SENDER | {"reply": {"text": "x"}}, "invalid-field", "/reply"),
    (BROADCAST_SENDER | {"receiveOwn": True}, "invalid-field", "/receiveOwn"),
    (BROADCAST_RECEIVER | {"ttl": 1}, "invalid-field", "/ttl"),
    (BROADCAST_RECEIVER | {"localPort": 0}, "invalid-field", "/localPort"),
    (BROADCAST_RECEIVER | {"receiveOwn": True}, "invalid-field", "/receiveOwn"),
    (BROADCAST_RECEIVER | {"address": "192.168.10.255"}, "invalid-field", "/address"),
    (RECEIVER | {"forward": {}}, "invalid-field", "/forward"),
    (RECEIVER | {"forward": None}, "invalid-field", "/forward"),
    (RECEIVER | {"forward": [{"session": f"s{n}"} for n in range(65)]}, "invalid-field", "/forward"),
    (RECEIVER | forward({}), "missing-field", "/forward/0"),
    (RECEIVER | forward(None), "invalid-field", "/forward/0"),
    (RECEIVER | forward({"session": "b"}, {"session": "b"}), "invalid-field", "/forward/1"),
    (RECEIVER | forward(HOST | {"session": "b"}), "invalid-field", "/forward/0"),
    (RECEIVER | forward({"session": "B"}), "invalid-field", "/forward/0/session"),
    (RECEIVER | forward({"session": "b", "ttl": 1}), "unknown-field", "/forward/0/ttl"),
    (RECEIVER | forward({"session": "b", "mapReplies": {}}), "unknown-field", "/forward/0/mapReplies"),
    (RECEIVER | forward({"session": "b", "ttlThreshold": 2}), "invalid-field", "/forward/0/ttlThreshold"),
    (
        RECEIVER | forward({"session": "b", "ttlMode": "decrement", "ttlThreshold": 255}),
        "invalid-field",
        "/forward/0/ttlThreshold",
    ),
    (RECEIVER | forward({"session": "b", "sampleOneIn": 0}), "invalid-field", "/forward/0/sampleOneIn"),
    (RECEIVER | forward({"session": "b", "limits": {}}), "missing-field", "/forward/0/limits"),
    (RECEIVER | forward({"session": "b", "chaos": {"lossPercent": 100.5}}), "invalid-field", "/forward/0/chaos"),
    (RECEIVER | forward({"session": "b", "chaos": {"seed": 9007199254740992}}), "invalid-field", "/forward/0"),
    (RECEIVER | forward({"session": "b", "chaos": None}), "invalid-field", "/forward/0/chaos"),
    (RECEIVER | forward({"address": "10.0.0.1"}), "missing-field", "/forward/0/port"),
    (RECEIVER | forward(HOST | {"port": 0}), "invalid-field", "/forward/0/port"),
    (RECEIVER | forward(HOST | {"address": "0.0.0.0"}), "invalid-field", "/forward/0/address"),
    (RECEIVER | forward(HOST | {"address": "240.0.0.1"}), "invalid-field", "/forward/0/address"),
    (RECEIVER | forward(HOST | {"address": "224.0.0.0"}), "invalid-field", "/forward/0/address"),
    (RECEIVER | forward(HOST | {"address": "::"}), "invalid-field", "/forward/0/address"),
    (RECEIVER | forward(HOST | {"address": "ff01::1"}), "invalid-field", "/forward/0/address"),
    (RECEIVER | forward(HOST | {"address": "::ffff:a00:1"}), "invalid-field", "/forward/0/address"),
    (RECEIVER | forward(HOST | {"address": "0:0:0:0:0:FFFF:0a00:1"}), "invalid-field", "/forward/0/address"),
    (RECEIVER | forward(HOST | {"address": "::ffff:10.0.0.1"}), "invalid-field", "/forward/0/address"),
    (RECEIVER | forward(HOST | {"address": "fe80::1%eth0"}), "invalid-field", "/forward/0/address"),
    (RECEIVER | forward(HOST | {"address": "fe80::1"}), "missing-field", "/forward/0/interface"),
    (RECEIVER | forward(HOST | {"address": "ff02::1"}), "missing-field", "/forward/0/interface"),
    (RECEIVER | forward(HOST | {"ttl": 0}), "invalid-field", "/forward/0/ttl"),
    (RECEIVER | forward(HOST | {"ttl": 4, "ttlMode": "decrement"}), "invalid-field", "/forward/0/ttl"),
    (RECEIVER | forward(HOST | {"sourceMode": "theirs"}), "invalid-field", "/forward/0/sourceMode"),
    (
        RECEIVER | forward({"address": "fd00::1", "port": 9, "sourceMode": "preserve"}),
        "invalid-field",
        "/forward/0/sourceMode",
    ),
    (SIX | forward(HOST | {"sourceMode": "preserve"}), "invalid-field", "/forward/0/sourceMode"),
    (
        RECEIVER | forward(HOST | {"sourceMode": "preserve", "mapReplies": {}}),
        "invalid-field",
        "/forward/0/mapReplies",
    ),
    (RECEIVER | forward(HOST | {"localPort": 1, "mapReplies": {}}), "invalid-field", "/forward/0/localPort"),
    (RECEIVER | forward(HOST | {"mapReplies": {"askersMax": 1025}}), "invalid-field", "/forward/0/mapReplies"),
    (RECEIVER | forward(HOST | {"mapReplies": {"lifetimeSeconds": 0}}), "invalid-field", "/forward/0/mapReplies"),
    (RECEIVER | {"loopGuardMilliseconds": 60001}, "invalid-field", "/loopGuardMilliseconds"),
    (RECEIVER | {"coalesceMicroseconds": 5001}, "invalid-field", "/coalesceMicroseconds"),
    (RECEIVER | {"coalesceMicroseconds": "always"}, "invalid-field", "/coalesceMicroseconds"),
    (SENDER | {"limits": {}}, "missing-field", "/limits"),
    (SENDER | {"limits": {"burstMilliseconds": 1}}, "missing-field", "/limits"),
    (SENDER | {"limits": {"datagramsPerSecond": 0}}, "invalid-field", "/limits/datagramsPerSecond"),
    (SENDER | {"limits": {"bytesPerSecond": 100000000001}}, "invalid-field", "/limits/bytesPerSecond"),
    (SENDER | {"limits": {"burstMilliseconds": 10001}}, "invalid-field", "/limits/burstMilliseconds"),
    (SENDER | {"limits": {"datagramsPerSecond": 1, "x": 1}}, "unknown-field", "/limits/x"),
]

# What no schema can say, but the descriptions do.
UNSAID: list[tuple[Any, str, str]] = [
    (SENDER | {"allow": ["10.0.0.0/8", "::ffff:a00:0/104"]}, "invalid-field", "/allow/1"),
    (SENDER | {"deny": ["::ffff:a00:1"]}, "invalid-field", "/deny/0"),
    (SENDER | {"interface": "::ffff:c0a8:a01"}, "invalid-field", "/interface"),
    (RECEIVER | forward(HOST | {"interface": "::ffff:c0a8:a01"}), "invalid-field", "/forward/0/interface"),
    (RECEIVER | forward(HOST, HOST | {"sampleOneIn": 2}), "invalid-field", "/forward/1"),
    (RECEIVER | forward(HOST, HOST | {"ttl": 64}), "invalid-field", "/forward/1"),
    (
        RECEIVER | forward({"session": "b", "chaos": {"jitterMilliseconds": 1}}),
        "invalid-field",
        "/forward/0/chaos/jitterMilliseconds",
    ),
]


def shown(value: Any) -> str:
    """A definition, short enough to be the name of a test."""
    return repr(value)[:80]


@pytest.mark.parametrize("definition", VALID, ids=shown)
def test_a_valid_definition_is_created_or_is_impossible_here(
    definition: dict, client: Client, document: Document
) -> None:
    document.component("SessionDefinition").validate(definition)
    response = document.check("createSession", client.post("/v1/sessions", definition))
    # Whether the operator lets sessions use the group is no matter of the schema.
    forbidden = response.status == 403 and response.json()["code"] == "forbidden-by-policy"
    assert response.status in (201, 409) or forbidden, response.body
    if response.status == 201:
        assert client.delete(response.headers["Location"]).status == 204


@pytest.mark.parametrize(("definition", "code", "pointer"), INVALID, ids=shown)
def test_an_invalid_definition_is_refused_with_its_pointer(
    definition: Any, code: str, pointer: str, client: Client, document: Document
) -> None:
    # "$" of Python's regular expressions also matches before a final line feed; ECMA's does not.
    if "\\n" not in repr(definition):
        assert not document.component("SessionDefinition").is_valid(definition)
    response = document.check("createSession", client.post("/v1/sessions", definition))
    assert response.status == 400, response.body
    problem = response.json()
    assert problem["code"] == code
    pointers = [error["pointer"] for error in problem["errors"]]
    assert any(p == pointer or p.startswith(f"{pointer}/") for p in pointers), pointers


@pytest.mark.parametrize(("definition", "code", "pointer"), UNSAID, ids=shown)
def test_what_no_schema_can_say_is_refused_as_if_it_had(
    definition: Any, code: str, pointer: str, client: Client, document: Document
) -> None:
    document.component("SessionDefinition").validate(definition)
    response = document.check("createSession", client.post("/v1/sessions", definition))
    assert (response.status, response.json()["code"]) == (400, code)
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]

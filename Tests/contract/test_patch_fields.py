"""A patch is a 400 exactly where its schema refuses it, whatever session it is for."""

from typing import Any

import pytest

from contract.desired import BROADCAST, RECEIVER, Wanted
from contract.document import Document

SESSIONS = {"receiver": RECEIVER | {"reply": {"text": "x"}}, "broadcast": BROADCAST}
FIELDS = [*Document().content["components"]["schemas"]["SessionPatch"]["properties"], "nosuch"]
VALUES: list[Any] = [None, True, False, 0, 1, -1, 1.5, 5.0, 64, 255, 256, 4096, 4097, 65535, 65536]
VALUES += [2048, 2047, 268435456, 268435457, 1e300]
VALUES += ["", "x", "p", "wait", "fail", "sender", "peer", "multicast-peer", "broadcast", "eth0"]
VALUES += ["239.1.2.3", "224.0.0.0", "10.0.0.255", "255.255.255.255", "0.0.0.0", "ff02::1", "ff01::1"]
VALUES += ["ff05::1", "::1", "::", "fd00::1", "a b", "a/b", "..", "é", "x" * 16]
VALUES += [[], ["x"], [None], [1], ["unicast"], ["unicast", "unicast"], ["10.0.0.0/8"], ["10.0.0.5"]]
VALUES += [["10.0.0.0/33"], ["fd00::/8"], ["fd00::1"], ["10.0.0.5", "fd00::1"], ["239.1.1.1"]]
VALUES += [["10.0.0.5"] * 2, [f"10.0.0.{n}" for n in range(1, 12)], ["10.0.0.5"] * 65]
VALUES += [{}, {"a": "b"}, {"a": None}, {"a": 1}, {"": "b"}, {"a b": "c"}, {"a": "b c"}, {"a/b": ""}]
VALUES += [{"a": "x" * 64}, {"a": "x" * 1025}, {"k" * 64: "b"}, {f"k{n}": "" for n in range(65)}]
VALUES += [{f"k{n}": None for n in range(65)}, {"-": None}]
VALUES += [{"text": "x"}, {"text": None}, {"base64": "eA=="}, {"base64": "x"}, {"template": "{"}]
VALUES += [{"template": "{length}"}, {"text": "x", "base64": "eA=="}, {"text": "x", "base64": None}]
VALUES += [{"text": None, "base64": None, "template": None}, {"text": None, "template": "x"}]
VALUES += [{"text": None, "base64": None, "template": None, "handler": None}, {"handler": "h"}]
VALUES += [{"text": None, "handler": "h"}, {"text": "x", "handler": "h"}, {"handler": "/bin/sh"}]
VALUES += [{"perSecondMax": 0}, {"perSecondMax": 7}, {"perSecondMax": None}, {"x": 1}, {"x": None}]
VALUES += ["strong", "weak", "adaptive", 5000, 5001, 60000, 60001]
VALUES += [{"datagramsPerSecond": 1}, {"bytesPerSecond": None}, {"burstMilliseconds": 5}]
VALUES += [{"datagramsPerSecond": 0}, {"datagramsPerSecond": None, "bytesPerSecond": None}]
VALUES += [{"datagramsPerSecond": None, "bytesPerSecond": 1}, {"datagramsPerSecond": 1, "x": None}]
VALUES += [[{"session": "b"}], [{"session": "b"}] * 2, [{"session": "b", "address": "10.0.0.5"}]]
VALUES += [[{"address": "10.0.0.5", "port": 9, "sourceMode": "preserve"}], [{"session": None}], [{}]]
VALUES += [[{"address": a, "port": 9, "sourceMode": "preserve"} for a in ("10.0.0.5", "fd00::1")]]


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("session", SESSIONS)
def test_a_patch_of_one_field(
    session: str, field: str, wanted: Wanted, document: Document
) -> None:
    definition = SESSIONS[session] | {"enabled": False}
    assert wanted.put("p", definition).status == 201
    validator = document.component("SessionPatch")
    for value in VALUES:
        patch = {field: value}
        response = wanted.patch("p", patch)
        refused = response.status == 400
        assert refused is not validator.is_valid(patch), f"{patch}: {response.status}"
        if response.status == 200:
            assert wanted.put("p", definition).status == 200

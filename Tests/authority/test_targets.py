"""Who may forward where: the policy and the selectors of tokens hold for `forward` too."""

import json
import subprocess
from typing import Any

import pytest

SENDER = {"kind": "multicast-sender", "group": "239.1.2.3", "port": 5004, "interface": "lo"}
OWN = {"labels": {"team": "a"}}
OTHERS = {"labels": {"team": "b"}}


def forward(*targets: Any) -> dict[str, Any]:
    """The member of a definition that says where it forwards to."""
    return {"forward": list(targets)}


def refused(response, code: str, pointer: str) -> None:
    """Holds an answer to be a 403 that blames one field."""
    assert (response.status, response.json()["code"]) == (403, code), response.body
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]


@pytest.mark.parametrize(
    "policy, target, pointer",
    [
        ({"groups": ["239.1.0.0/16"]}, {"address": "239.2.0.1"}, "address"),
        ({}, {"address": "224.0.0.1"}, "address"),
        ({"broadcast": False}, {"address": "255.255.255.255"}, "address"),
        ({"broadcast": False}, {"address": "192.168.10.255"}, "address"),
        ({"ports": ["5004"]}, {"port": 5005}, "port"),
        ({"interfaces": ["lo"]}, {"interface": "eth0"}, "interface"),
        ({"interfaces": ["lo"]}, {"interface": "192.168.10.1"}, ""),
        ({"interfaces": ["lo"]}, {"address": "192.168.10.2"}, ""),
        ({"ttlMax": 4}, {"ttl": 5}, "ttl"),
    ],
)
def test_what_the_policy_forbids_is_no_target(relay, policy, target, pointer):
    relay.write(policy=policy)
    relay.start()
    good = {"address": "239.1.9.9", "port": 5004, "interface": "lo"}
    body = SENDER | {"name": "s"} | forward(good)
    assert relay.request("POST", "/v1/sessions", body=body).status == 201
    bad = good | target
    if bad["address"].startswith("192.168."):
        bad = {"address": bad["address"], "port": 5004, "ttl": 1}
    place = f"/forward/1/{pointer}".removesuffix("/")
    if pointer == "":
        # Only the interface that is really used tells.
        place = "/forward/1"
    body = SENDER | forward(good, bad)
    refused(
        relay.request("POST", "/v1/sessions", body=body | {"name": "t"}),
        "forbidden-by-policy",
        place,
    )
    refused(relay.request("PUT", "/v1/sessions/s", body=body), "forbidden-by-policy", place)


def test_a_token_forwards_only_through_sessions_that_it_admits(relay, make_token):
    root = make_token("root", "admin")
    confined = make_token("confined", "sessions:write", "sessions:read", selector="team=a")
    relay.write(root, confined)
    relay.start()
    for name, labels in [("mine", OWN), ("theirs", OTHERS)]:
        body = SENDER | {"name": name} | labels
        assert relay.request("POST", "/v1/sessions", root, body=body).status == 201
    body = SENDER | OWN | {"name": "s"} | forward({"session": "mine"})
    assert relay.request("POST", "/v1/sessions", confined, body=body).status == 201
    # One that is not there is like one that is somebody else's: nobody learns which it is.
    details = set()
    for other in ["theirs", "nobody"]:
        bad = SENDER | OWN | forward({"session": "mine"}, {"session": other})
        answers = [
            relay.request("POST", "/v1/sessions", confined, body=bad | {"name": "t"}),
            relay.request("PUT", "/v1/sessions/s", confined, body=bad),
        ]
        for answer in answers:
            refused(answer, "forbidden-scope", "/forward/1")
            details.add(answer.json()["detail"].replace(other, "X"))
        items = {"items": [bad | {"name": "t"}]}
        (item,) = relay.request("POST", "/v1/apply", confined, body=items).json()["items"]
        assert (item["result"], item["error"]["code"]) == ("failed", "forbidden-scope")
    assert len(details) == 1
    # What the same set makes is there.
    items = [SENDER | OWN | {"name": "t"} | forward({"session": "u"}), SENDER | OWN | {"name": "u"}]
    made = relay.request("POST", "/v1/apply", confined, body={"items": items}).json()["items"]
    assert [item["result"] for item in made] == ["created", "created"]


def test_a_set_that_fails_to_make_a_session_does_not_forward_to_it(relay, make_token):
    root = make_token("root", "admin")
    confined = make_token("confined", "sessions:write", "sessions:read", selector="team=a")
    relay.write(root, confined, policy={"ports": ["5004"]})
    relay.start()
    items = [
        SENDER | OWN | {"name": "s"} | forward({"session": "studio"}),
        SENDER | OWN | {"name": "studio", "port": 5005},
    ]
    answer = relay.request("POST", "/v1/apply", confined, body={"items": items})
    codes = [item["error"]["code"] for item in answer.json()["items"]]
    assert codes == ["forbidden-scope", "forbidden-by-policy"]
    assert relay.request("GET", "/v1/sessions/s", root).status == 404


def test_what_somebody_else_has_set_up_can_be_changed_otherwise(relay, make_token):
    root = make_token("root", "admin")
    confined = make_token("confined", "sessions:write", "sessions:read", selector="team=a")
    relay.write(root, confined)
    relay.start()
    body = SENDER | OTHERS | {"name": "theirs"}
    assert relay.request("POST", "/v1/sessions", root, body=body).status == 201
    body = SENDER | OWN | {"name": "s"} | forward({"session": "theirs"})
    assert relay.request("POST", "/v1/sessions", root, body=body).status == 201
    assert relay.request("PUT", "/v1/sessions/s", confined, body=body | {"ttl": 2}).status == 200


def test_a_circle_names_only_sessions_that_the_token_admits(relay, make_token):
    root = make_token("root", "admin")
    confined = make_token("confined", "sessions:write", "sessions:read", selector="team=a")
    relay.write(root, confined)
    relay.start()
    for name, labels, target in [("x", OTHERS, "s"), ("mine", OWN, "x")]:
        body = SENDER | labels | {"name": name} | forward({"session": target})
        assert relay.request("POST", "/v1/sessions", root, body=body).status == 201
    body = SENDER | OWN | {"name": "s"} | forward({"session": "mine"})
    answer = relay.request("POST", "/v1/sessions", confined, body=body)
    assert (answer.status, answer.json()["code"]) == (409, "forward-loop")
    assert answer.json()["detail"].endswith("s → mine → another session → s")
    answer = relay.request("POST", "/v1/sessions", root, body=body)
    assert answer.json()["detail"].endswith("s → mine → x → s")


def test_a_configuration_file_with_a_circle_is_refused(relay, binary):
    sessions = [
        SENDER | {"name": "a"} | forward({"session": "b"}),
        SENDER | {"name": "b"} | forward({"session": "a"}),
    ]
    relay.configuration.write_text(json.dumps({"sessions": sessions}))
    run = subprocess.run(
        [binary, "check-config", "--config", relay.configuration],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert run.returncode == 78
    assert "key sessions: /0/forward/0: what is forwarded would come back: a → b → a" in run.stderr


def test_a_reload_forwards_to_what_becomes_a_sender_in_it(relay):
    receiver = {"kind": "multicast-receiver", "group": "239.1.2.4", "port": 5006, "interface": "lo"}
    relay.write(sessions=[receiver | {"name": "a"}, receiver | {"name": "b", "port": 5007}])
    relay.start()
    relay.write(
        sessions=[
            receiver | {"name": "a"} | forward({"session": "b"}),
            SENDER | {"name": "b"},
        ]
    )
    relay.reload()
    assert relay.request("GET", "/v1/sessions/a").json()["forward"][0]["session"] == "b"
    assert relay.request("GET", "/v1/sessions/b").json()["kind"] == "multicast-sender"

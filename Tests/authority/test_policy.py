"""What the operator's policy lets sessions do."""

import json
import subprocess

import pytest

SENDER = {
    "name": "s",
    "kind": "multicast-sender",
    "group": "239.1.2.3",
    "port": 5004,
    "interface": "lo",
}


def test_by_default_the_local_control_block_is_opted_into_group_by_group(relay):
    relay.write()
    relay.start()
    for group in ["224.0.0.1", "224.0.0.251"]:
        refused(relay.request("POST", "/v1/sessions", body=SENDER | {"group": group}), "/group")
    assert relay.request("GET", "/v1/sessions").json()["total"] == 0
    relay.write(policy={"localControlGroups": ["224.0.0.251"]})
    relay.reload()
    body = SENDER | {"group": "224.0.0.251"}
    assert relay.request("POST", "/v1/sessions", body=body).status == 201
    body = SENDER | {"name": "t", "group": "224.0.0.1"}
    refused(relay.request("PUT", "/v1/sessions/t", body=body), "/group")


@pytest.mark.parametrize(
    "policy, change, pointer",
    [
        ({"groups": ["239.1.0.0/16"]}, {"group": "239.2.0.1"}, "/group"),
        ({"ports": ["5004", "6000-6999"]}, {"port": 5005}, "/port"),
        ({"ports": ["5004"]}, {"localPort": 5005}, "/localPort"),
        ({"interfaces": ["lo", "vlan*"]}, {"interface": "eth0"}, "/interface"),
        ({"interfaces": ["lo"]}, {"interface": "192.168.10.1"}, "/interface"),
        ({"interfaces": ["lo"]}, {"interface": None}, "/interface"),
        ({"ttlMax": 1}, {"ttl": 2}, "/ttl"),
    ],
)
def test_what_the_policy_forbids_is_a_403_that_points_at_it(relay, policy, change, pointer):
    relay.write(policy=policy)
    relay.start()
    assert relay.request("POST", "/v1/sessions", body=SENDER).status == 201
    body = {key: value for key, value in (SENDER | change).items() if value is not None}
    refused(relay.request("POST", "/v1/sessions", body=body | {"name": "t"}), pointer)
    # Nor can one that is allowed be changed into one that is not.
    refused(relay.request("PUT", "/v1/sessions/s", body=body), pointer)
    kept = relay.request("GET", "/v1/sessions/s").json()
    assert kept["generation"] == 1 and kept["status"]["state"] == "running"


def test_a_policy_can_forbid_broadcast_and_fast_replies(relay):
    relay.write(policy={"broadcast": False, "repliesPerSecondMax": 50})
    relay.start()
    broadcast = {"kind": "broadcast", "port": 9, "interface": "eth0"}
    refused(relay.request("POST", "/v1/sessions", body=broadcast), "/kind")
    receiver = SENDER | {"kind": "multicast-receiver", "reply": {"text": "a"}}
    refused(relay.request("POST", "/v1/sessions", body=receiver), "/reply")
    receiver["reply"]["perSecondMax"] = 50
    assert relay.request("POST", "/v1/sessions", body=receiver).status == 201


def refused(response, pointer: str) -> None:
    """Holds an answer to be the policy's, blaming one field."""
    assert (response.status, response.json()["code"]) == (403, "forbidden-by-policy")
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]


def test_posted_datagrams_have_a_rate(relay):
    relay.write(policy={"datagramsPerSecondMax": 2})
    relay.start()
    assert relay.request("POST", "/v1/sessions", body=SENDER).status == 201
    path = "/v1/sessions/s/datagrams"
    burst = {"datagrams": [{"text": "a"}] * 4}
    assert relay.request("POST", path, body=burst).status == 200
    refused = relay.request("POST", path, body={"text": "a"})
    assert (refused.status, refused.json()["code"]) == (429, "rate-limited")
    assert int(refused.headers["Retry-After"]) >= 1
    relay.write(policy={})
    relay.reload()
    assert relay.request("POST", path, body={"text": "a"}).status == 200


def test_a_wrong_policy_is_refused_with_file_key_and_pointer(relay, binary):
    relay.write(policy={"groups": ["239.0.0.0/8", "10.0.0.0/8"], "colour": 1})
    run = subprocess.run(
        [binary, "check-config", "--config", relay.configuration],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert run.returncode == 78
    lines = run.stderr.splitlines()
    assert f"file {relay.configuration}, key policy: /groups/1: must be a block" in lines[0]
    assert lines[1].endswith("key policy: /colour: is not a field here")


def test_configured_sessions_are_held_against_the_policy(relay, binary):
    relay.configuration.write_text(
        json.dumps({"policy": {"ports": ["6000-6999"]}, "sessions": [SENDER]})
    )
    run = subprocess.run(
        [binary, "check-config", "--config", relay.configuration],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert run.returncode == 78
    assert "key sessions: /0/port: 5004 is not in 6000-6999 (policy)" in run.stderr

"""What the operator's policy lets sessions do."""

import json
import subprocess

SENDER = {
    "name": "s", "kind": "multicast-sender", "group": "239.1.2.3", "port": 5004, "interface": "lo"
}


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

"""What may be served to whom, and what a web page can do: nothing."""

import json
import subprocess

import pytest

SENDER = {"kind": "multicast-sender", "group": "239.1.2.3", "port": 5004, "interface": "lo"}


def check(binary: str, *arguments: object) -> subprocess.CompletedProcess:
    """Runs check-config."""
    command = [binary, "check-config", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=30)


@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0", "192.168.10.1:0", "[fd00:10::1]:0"])
def test_an_exposed_address_is_refused_without_tokens_and_tls(relay, binary, make_token, address):
    relay.write(make_token("root", "admin"))
    bare = check(binary, "--listen", address)
    assert bare.returncode == 64
    assert "set tokensFile, and tlsCertificate and tlsKey (or behindProxy" in bare.stderr
    known = check(binary, "--listen", address, "--tokens-file", relay.tokens)
    assert known.returncode == 64
    assert "set tlsCertificate and tlsKey (or behindProxy" in known.stderr
    proxied = check(
        binary, "--listen", address, "--tokens-file", relay.tokens, "--behind-proxy", "true"
    )
    assert proxied.returncode == 0, proxied.stderr


def test_behind_a_proxy_it_serves_others_but_nobody_without_a_token(relay, network, make_token):
    root = make_token("root", "admin")
    relay.write(root, behindProxy=True, allowedHosts=["relay.example"])
    relay.start("192.168.10.1")

    def status(*fields: str) -> int:
        command = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}"]
        for field in fields:
            command += ["-H", field]
        url = f"http://192.168.10.1:{relay.daemon.port}/v1/sessions"
        done = network.run([*command, url], capture_output=True, text=True)
        return int(done.stdout)

    bearer = f"Authorization: Bearer {root.secret}"
    assert status() == 401
    assert status(bearer) == 200
    assert status(bearer, "Host: relay.example") == 200
    assert status(bearer, "Host: evil.example", "X-Forwarded-Host: relay.example") == 403
    # What a proxy says of the client is nobody's word: it lets nobody in.
    assert status("X-Forwarded-For: 127.0.0.1", "Forwarded: for=127.0.0.1") == 401
    assert relay.status() == 401


@pytest.mark.parametrize("trust", ["trustLoopback", "trustUnixSocket"])
def test_behind_a_proxy_no_address_is_trusted(relay, binary, make_token, trust):
    relay.write(make_token("root", "admin"), behindProxy=True, **{trust: True})
    run = check(binary, "--config", relay.configuration)
    assert run.returncode == 78
    assert f"key {trust}" in run.stderr


def test_the_last_token_cannot_be_taken_from_a_daemon_behind_a_proxy(relay, make_token):
    root = make_token("root", "admin")
    relay.write(root, behindProxy=True)
    relay.start()
    relay.write()
    relay.reload("nothing was changed")
    assert (relay.status(root), relay.status()) == (200, 401)


def test_a_tokens_file_that_others_can_write_is_refused(relay, binary, make_token):
    relay.write(make_token("root", "admin"))
    relay.tokens.chmod(0o660)
    run = check(binary, "--config", relay.configuration)
    assert run.returncode == 78
    assert "can be written by others than its owner: chmod go-w" in run.stderr


@pytest.mark.parametrize("mode, status", [(0o644, 0), (0o664, 78), (0o646, 78)])
def test_who_can_write_a_file_with_handlers_says_what_is_executed(tmp_path, binary, mode, status):
    file = tmp_path / "relaycast.json"
    file.write_text('{"handlers": {"host": {"argv": ["/bin/hostname"]}}}')
    file.chmod(mode)
    run = check(binary, "--config", file)
    assert run.returncode == status, run.stderr
    refusal = "declares commands and can be written by others than its owner: chmod go-w"
    assert (refusal in run.stderr) == (status == 78)


def test_a_name_that_was_rebound_to_this_host_is_refused(relay):
    relay.write()
    relay.start()
    answer = relay.request("POST", "/v1/sessions", body=SENDER, headers={"Host": "evil.example"})
    assert (answer.status, answer.json()["code"]) == (403, "host-not-allowed")
    assert relay.request("GET", "/v1/sessions").json()["total"] == 0


@pytest.mark.parametrize(
    "fields",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
@pytest.mark.parametrize("content_type", ["application/json", "text/plain", None])
def test_a_page_from_elsewhere_cannot_create_a_session(relay, make_token, fields, content_type):
    root = make_token("root", "admin")
    relay.write(root)
    relay.start()
    if content_type:
        fields = fields | {"Content-Type": content_type}
    body = json.dumps(SENDER).encode()
    answer = relay.request("POST", "/v1/sessions", root, body, fields)
    assert (answer.status, answer.json()["code"]) == (403, "origin-not-allowed")
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert relay.request("GET", "/v1/sessions", root).json()["total"] == 0


def test_a_page_of_an_allowed_origin_may_ask_with_a_token(relay, make_token):
    root = make_token("root", "admin")
    origin = "https://dashboard.example:8443"
    relay.write(root, allowedOrigins=[origin])
    relay.start()
    fields = {"Origin": origin, "Sec-Fetch-Site": "cross-site"}
    answer = relay.request("GET", "/v1/sessions", root, headers=fields)
    assert answer.status == 200
    assert answer.headers["Access-Control-Allow-Origin"] == origin
    assert relay.request("GET", "/v1/sessions", headers=fields).status == 401
    other = fields | {"Origin": "https://dashboard.example"}
    assert relay.request("GET", "/v1/sessions", root, headers=other).status == 403

"""Who may do what, with tokens, on the unix socket, and without either."""

import os
import pathlib
import re
import select
import socket

import pytest

from support.client import read_response
from support.waiting import wait_until

PROJECT = pathlib.Path(__file__).resolve().parents[2]
SENDER = {"kind": "multicast-sender", "group": "239.1.2.3", "port": 5004, "interface": "lo"}


def problem(response) -> tuple[int, str, str | None]:
    """Status, code, and the challenge."""
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json()["requestId"] == response.headers["Request-Id"]
    return response.status, response.json()["code"], response.headers["WWW-Authenticate"]


def test_the_first_curl_works_and_a_token_that_nobody_asked_for_does_no_harm(relay, make_token):
    relay.write()
    relay.start()
    assert relay.status() == 200
    assert relay.status(make_token("unasked", "admin")) == 200
    assert relay.request("POST", "/v1/sessions", body=SENDER | {"name": "s"}).status == 201
    assert relay.daemon.unix_client().get("/v1/sessions/s").status == 200


def test_with_tokens_nobody_is_let_in_without_one(relay, make_token):
    root = make_token("root", "admin")
    relay.write(root)
    relay.start()
    for path in ["/v1/sessions", "/v1/server", "/v1/interfaces", "/v1/sessions/x/packets"]:
        for client in [relay.daemon.client(), relay.daemon.unix_client()]:
            answer = relay.request("GET", path, client=client)
            assert problem(answer) == (401, "unauthenticated", 'Bearer realm="relaycast"')
    assert relay.request("POST", "/v1/sessions", body=SENDER).status == 401
    assert relay.request("GET", "/v1/sessions", root).json()["total"] == 0
    for path in ["/livez", "/readyz", "/openapi.yaml"]:
        assert relay.status(path=path) == 200


@pytest.mark.parametrize("field", ["Bearer wrong", "Bearer", "Bearer a b", "bearer ===="])
def test_a_wrong_token_is_told_from_a_missing_one_and_no_further(relay, make_token, field):
    relay.write(make_token("root", "admin"))
    relay.start()
    answer = relay.request("GET", "/v1/sessions", headers={"Authorization": field})
    challenge = 'Bearer realm="relaycast", error="invalid_token"'
    assert problem(answer) == (401, "unauthenticated", challenge)


def test_an_expired_token_is_answered_like_a_wrong_one(relay, make_token):
    over = make_token("over", "admin", expiresAt="2001-01-01T00:00:00Z")
    later = make_token("later", "admin", expiresAt="2999-01-01T00:00:00Z")
    relay.write(over, later)
    relay.start()
    assert relay.status(later) == 200
    answers = [
        relay.request("GET", "/v1/sessions", over),
        relay.request("GET", "/v1/sessions", make_token("never", "admin")),
    ]
    assert problem(answers[0]) == problem(answers[1])
    assert answers[0].json()["detail"] == answers[1].json()["detail"]


def test_a_scope_lets_in_what_it_is_for_and_nothing_else(relay, make_token):
    scopes = ["sessions:read", "sessions:write", "packets:read", "metrics:read"]
    tokens = {scope: make_token(scope.replace(":", "-"), scope) for scope in scopes}
    tokens["admin"] = make_token("root", "admin")
    relay.write(*tokens.values())
    relay.start()
    made = SENDER | {"name": "s"}
    assert relay.request("POST", "/v1/sessions", tokens["admin"], made).status == 201
    requests = [
        ("GET", "/v1/sessions", None, "sessions:read"),
        ("GET", "/v1/sessions/s/counters", None, "sessions:read"),
        ("GET", "/v1/interfaces", None, "sessions:read"),
        ("GET", "/v1/server", None, "sessions:read"),
        ("GET", "/v1/sessions/s/packets", None, "packets:read"),
        ("POST", "/v1/sessions/s/datagrams", {"text": "a"}, "sessions:write"),
        ("DELETE", "/v1/sessions/s", None, "sessions:write"),
    ]
    for method, path, body, needed in requests:
        for scope, token in tokens.items():
            if scope in (needed, "admin"):
                continue
            answer = relay.request(method, path, token, body)
            challenge = f'Bearer realm="relaycast", error="insufficient_scope", scope="{needed}"'
            assert problem(answer) == (403, "forbidden-scope", challenge)
        assert relay.request(method, path, tokens[needed], body).status < 300
    assert relay.request("GET", "/v1/sessions/s", tokens["admin"]).status == 404


def test_tokens_are_added_and_revoked_while_it_runs(relay, make_token):
    first, second = make_token("first", "admin"), make_token("second", "admin")
    relay.write(first)
    relay.start()
    assert (relay.status(first), relay.status(second)) == (200, 401)
    relay.write(first, second)
    relay.reload()
    assert (relay.status(first), relay.status(second)) == (200, 200)
    relay.write(second)
    relay.reload()
    assert (relay.status(first), relay.status(second)) == (401, 200)


def test_a_bad_tokens_file_changes_nothing_and_is_logged(relay, make_token):
    token = make_token("first", "admin")
    relay.write(token)
    relay.start()
    for text in ["{", '{"tokens": [{"id": "a"}]}', '{"tokens": [], "tokens": []}']:
        relay.write_tokens(text)
        relay.reload("nothing was changed")
        assert (relay.status(token), relay.status()) == (200, 401)
    assert "/tokens/0/sha256" in relay.log()
    relay.tokens.unlink()
    relay.reload("nothing was changed")
    assert (relay.status(token), relay.status()) == (200, 401)


def test_the_tokens_file_of_the_readme_is_accepted(relay):
    text = (PROJECT / "README.md").read_text()
    (shown,) = re.findall(r"^```json tokens\n((?:.*\n)*?)```$", text, re.MULTILINE)
    relay.write(tokensFile=str(relay.tokens))
    relay.write_tokens(shown)
    relay.start()
    # Its secret is the word that the digest in the README was made of.
    assert relay.request("GET", "/v1/sessions", headers={"Authorization": "Bearer alpha"}).json()


def test_what_takes_a_restart_is_named_on_reload(relay):
    relay.write(sessionsMax=5)
    relay.start()
    relay.write(sessionsMax=6, allowedHosts=["relay.example"])
    relay.reload()
    log = relay.log()
    assert 'settings=["allowedHosts","sessionsMax"]' in log
    assert relay.request("GET", "/v1/server").json()["limits"]["sessionsMax"] == 5


def test_a_right_token_overtakes_wrong_ones(relay, make_token):
    root, wrong = make_token("root", "admin"), make_token("wrong", "admin")
    relay.write(root)
    relay.start()
    field = f"Authorization: Bearer {wrong.secret}"
    message = f"GET /v1/sessions HTTP/1.1\r\nHost: localhost\r\n{field}\r\n\r\n".encode()
    guesses = [relay.daemon.client().open() for _ in range(5)]
    for guess in guesses:
        guess.sendall(message)
    # The slowest of five waits for 4 seconds.
    assert relay.status(root) == 200
    assert len(readable(guesses, 0)) < len(guesses)
    waiting = list(guesses)
    while waiting:
        for guess in readable(waiting, 20):
            assert read_response(guess).status == 401
            waiting.remove(guess)
            guess.close()
    assert relay.status(root) == 200


def readable(connections: list[socket.socket], seconds: float) -> list[socket.socket]:
    """Those from which something can be read, at the latest after some seconds."""
    ready, _, _ = select.select(connections, [], [], seconds)
    assert ready or seconds == 0, "no answer in time"
    return ready


def test_a_token_has_a_rate_and_the_answer_says_when_to_come_back(relay, make_token):
    slow = make_token("slow", "sessions:read", requestsPerSecond=1, burst=3)
    free = make_token("free", "sessions:read")
    relay.write(slow, free)
    relay.start()
    answers = [relay.request("GET", "/v1/sessions", slow) for _ in range(6)]
    refused = [answer for answer in answers if answer.status == 429]
    assert len(refused) >= 2
    assert {answer.status for answer in answers} == {200, 429}
    for answer in refused:
        assert problem(answer)[1] == "rate-limited"
        assert answer.headers["Retry-After"] == "1"
    assert all(relay.status(free) == 200 for _ in range(6))
    wait_until(lambda: relay.status(slow) == 200, what="the rate lets through again")


def test_the_general_rate_is_for_callers_without_one(relay):
    relay.write(requestsPerSecondMax=1)
    relay.start()
    assert {relay.status() for _ in range(4)} == {200, 429}


def test_a_process_is_known_by_its_user_on_the_unix_socket(relay, make_token):
    mine = {"id": "me", "uid": os.getuid(), "scopes": ["sessions:read"]}
    relay.write(unix_peers=[mine])
    relay.start()
    unix = relay.daemon.unix_client
    assert relay.request("GET", "/v1/sessions", client=unix()).status == 200
    refused = relay.request("POST", "/v1/sessions", body=SENDER, client=unix())
    assert problem(refused)[:2] == (403, "forbidden-scope")
    assert relay.status() == 401
    other = {"id": "other", "uid": os.getuid() + 1, "scopes": ["admin"]}
    relay.write(unix_peers=[other])
    relay.reload()
    assert relay.request("GET", "/v1/sessions", client=unix()).status == 401
    group = {"id": "group", "gid": os.getgid(), "scopes": ["admin"]}
    relay.write(unix_peers=[other, group])
    relay.reload()
    assert relay.request("GET", "/v1/sessions", client=unix()).status == 200


def test_trust_is_for_the_place_that_it_names(relay, make_token):
    root = make_token("root", "admin")
    relay.write(root, trustLoopback=True)
    relay.start()

    def statuses() -> tuple[int, int]:
        return relay.status(), relay.daemon.unix_client().get("/v1/sessions").status

    assert statuses() == (200, 401)
    relay.write(root, trustUnixSocket=True)
    relay.reload()
    assert statuses() == (401, 200)
    relay.write(root)
    relay.reload()
    assert statuses() == (401, 401)


def test_every_write_leaves_one_audit_line_without_secrets(relay, make_token):
    root, reader = make_token("root", "admin"), make_token("reader", "sessions:read")
    relay.write(root, reader)
    relay.start()
    ids = {}
    for name, token in [("root", root), ("reader", reader), (None, None)]:
        answer = relay.request("POST", "/v1/sessions", token, SENDER | {"labels": {"a": "hidden"}})
        ids[answer.headers["Request-Id"]] = (name, answer.status)
    assert sorted(status for _, status in ids.values()) == [201, 401, 403]

    def audit_lines() -> list[str]:
        return [line for line in relay.log().splitlines() if " audit " in line]

    wait_until(lambda: len(audit_lines()) == 3, what="three audit lines")
    for line in audit_lines():
        words = dict(word.split("=", 1) for word in line.split() if "=" in word)
        principal, status = ids.pop(words["requestId"])
        assert words.get("principal") == principal
        assert words["status"] == str(status)
        assert (words["method"], words["path"]) == ("POST", "/v1/sessions")
        assert words["peer"].startswith("127.0.0.1:")
    assert ids == {}
    log = relay.log()
    assert root.secret not in log and reader.secret not in log and "hidden" not in log

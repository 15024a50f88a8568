"""If-Match and If-None-Match (RFC 9110 section 13.1) on PUT, PATCH and DELETE."""

from collections.abc import Callable

import pytest

from contract.desired import SENDER, Wanted, code
from support import Response

OTHER = '"018f3c5e-7b1a-7c3d-9e2f-0a1b2c3d4e5f-3"'
Write = Callable[[Wanted, dict[str, str]], Response]
# Each is about the session `c`, and changes it.
WRITES: dict[str, Write] = {
    "PUT": lambda wanted, headers: wanted.put("c", SENDER | {"ttl": 2}, headers),
    "PATCH": lambda wanted, headers: wanted.patch("c", {"ttl": 2}, headers),
    "DELETE": lambda wanted, headers: wanted.delete("c", headers=headers),
}
SUCCESS = {"PUT": 200, "PATCH": 200, "DELETE": 204}


@pytest.fixture(params=WRITES)
def method(request: pytest.FixtureRequest) -> str:
    """A method that changes a session."""
    return request.param


@pytest.mark.parametrize(
    ("field", "value", "holds"),
    [
        ("If-Match", "*", True),
        ("If-Match", "{tag}", True),
        ("If-Match", OTHER, False),
        ("If-Match", '""', False),
        ("If-Match", OTHER + ", {tag}", True),
        ("If-Match", "{tag}," + OTHER, True),
        ("If-Match", OTHER + ',\t"x" , "y"', False),
        # The strong comparison: a weak tag never matches.
        ("If-Match", "W/{tag}", False),
        ("If-Match", "W/{tag}, {tag}", True),
        ("If-None-Match", "*", False),
        ("If-None-Match", "{tag}", False),
        ("If-None-Match", OTHER, True),
        ("If-None-Match", OTHER + ", {tag}", False),
        # The weak comparison: a weak tag is as good.
        ("If-None-Match", "W/{tag}", False),
        ("If-None-Match", "W/" + OTHER, True),
    ],
)
def test_a_condition_on_a_session(
    field: str, value: str, holds: bool, method: str, wanted: Wanted
) -> None:
    created = wanted.put("c", SENDER)
    revision = wanted.revision()
    headers = {field: value.replace("{tag}", created.headers["ETag"])}
    response = WRITES[method](wanted, headers)
    if holds:
        assert response.status == SUCCESS[method], response.body
        assert wanted.revision() != revision
    else:
        assert code(response) == (412, "precondition-failed")
        assert wanted.get("c").json() == created.json()
        assert wanted.revision() == revision


@pytest.mark.parametrize(
    ("field", "value", "put"),
    [
        ("If-Match", "*", 412),
        ("If-Match", OTHER, 412),
        ("If-None-Match", "*", 201),
        ("If-None-Match", OTHER, 201),
    ],
)
def test_a_condition_on_what_is_not_there(
    field: str, value: str, put: int, wanted: Wanted
) -> None:
    headers = {field: value}
    # What would be a 404 anyway is one (RFC 9110 section 13.2.1).
    assert code(wanted.patch("c", {}, headers)) == (404, "session-not-found")
    assert code(wanted.delete("c", headers=headers)) == (404, "session-not-found")
    missing_is_good = wanted.delete("c", "?allowMissing=true", headers)
    assert missing_is_good.status == (204 if put == 201 else 412)
    assert wanted.put("c", SENDER, headers).status == put
    assert wanted.names() == (["c"] if put == 201 else [])


def test_both_conditions_must_hold(method: str, wanted: Wanted) -> None:
    tag = wanted.put("c", SENDER).headers["ETag"]
    assert WRITES[method](wanted, {"If-Match": tag, "If-None-Match": tag}).status == 412
    assert WRITES[method](wanted, {"If-Match": OTHER, "If-None-Match": OTHER}).status == 412
    both = {"If-Match": tag, "If-None-Match": OTHER}
    assert WRITES[method](wanted, both).status == SUCCESS[method]


def test_a_condition_is_checked_before_anything_else_is_tried(wanted: Wanted) -> None:
    before = wanted.put("c", SENDER).json()
    # Equal, and yet not the version that is meant.
    assert wanted.put("c", SENDER, {"If-Match": OTHER}).status == 412
    # Impossible, and not the version either.
    gone = SENDER | {"interface": "nosuch0"}
    assert wanted.put("c", gone, {"If-Match": OTHER}).status == 412
    assert wanted.get("c").json() == before


@pytest.mark.parametrize("field", ["If-Match", "If-None-Match"])
@pytest.mark.parametrize(
    "value",
    ["", "x", '"', '"a', 'a"', '"a" "b"', '"a",', ',"a"', '"a",,"b"', '*, "a"', '"a", *', "**"]
    + ['w/"a"', 'W/ "a"', 'W/*', '"a b"', "'a'", '"a\x7f"', '"ä"'],
)
def test_a_malformed_condition(field: str, value: str, method: str, wanted: Wanted) -> None:
    before = wanted.put("c", SENDER).json()
    response = WRITES[method](wanted, {field: value})
    assert response.status == 400, response.body
    assert response.json()["code"] in ("invalid-header", "bad-framing")
    assert wanted.get("c").json() == before


def test_every_version_has_its_own_tag(wanted: Wanted) -> None:
    tags = [wanted.put("c", SENDER).headers["ETag"]]
    tags.append(wanted.patch("c", {"ttl": 2}).headers["ETag"])
    tags.append(wanted.patch("c", {"ttl": 1}).headers["ETag"])
    tags.append(wanted.patch("c", {"group": "239.11.0.9"}).headers["ETag"])
    tags.append(wanted.patch("c", {"enabled": False}).headers["ETag"])
    assert wanted.delete("c").status == 204
    tags.append(wanted.put("c", SENDER).headers["ETag"])
    assert len(set(tags)) == 6
    assert wanted.get("c").headers["ETag"] == tags[-1]


def test_one_of_two_writers_with_the_same_version_wins(wanted: Wanted) -> None:
    tag = wanted.put("c", SENDER).headers["ETag"]
    first = wanted.patch("c", {"labels": {"by": "first"}}, {"If-Match": tag})
    assert first.status == 200
    assert wanted.patch("c", {"labels": {"by": "second"}}, {"If-Match": tag}).status == 412
    again = {"If-Match": first.headers["ETag"]}
    assert wanted.patch("c", {"labels": {"by": "second"}}, again).status == 200

"""Label selectors, in lists, in DELETE and in exports; and queries that no operation has."""

from urllib.parse import quote

import pytest

from contract.desired import SENDER, Wanted, code
from contract.document import Document
from support import Client

OFF = SENDER | {"enabled": False, "persist": False}
LABELS = {
    "a": {"env": "prod", "site": "x"},
    "b": {"env": "test", "site": "y"},
    "c": {"env": "", "notin": "in"},
    "d": {},
}


@pytest.fixture
def labelled(wanted: Wanted) -> Wanted:
    """Sessions `a` to `d` with labels."""
    wanted.apply([OFF | {"name": name, "labels": labels} for name, labels in LABELS.items()])
    return wanted


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ("env=prod", "a"),
        ("env==prod", "a"),
        ("env!=prod", "bcd"),
        ("env=", "c"),
        ("env!=", "abd"),
        ("env", "abc"),
        ("!env", "d"),
        ("env in (prod,test)", "ab"),
        ("env in(prod)", "a"),
        ("env in (prod,)", "ac"),
        ("env in ()", "c"),
        ("env notin (prod,test)", "cd"),
        ("env notin (prod), env", "bc"),
        ("  env = prod , site = x  ", "a"),
        ("env=prod,site=y", ""),
        ("env=prod,env=test", ""),
        ("notin in (in)", "c"),
        ("! env", "d"),
    ],
)
def test_a_selector_chooses(selector: str, names: str, labelled: Wanted) -> None:
    query = f"selector={quote(selector)}"
    assert labelled.names(query) == list(names)
    assert [item["name"] for item in labelled.export(query)] == list(names)
    assert labelled.delete_all(query).json() == {"deleted": list(names)}
    assert labelled.names() == [name for name in LABELS if name not in names]


BORDERS = [
    ("k" * 63, True),
    ("k" * 64, False),
    ("k=" + "v" * 63, True),
    ("k=" + "v" * 64, False),
    (",".join(["k"] * 32), True),
    (",".join(["k"] * 33), False),
    ("k in (" + ",".join(["v"] * 32) + ")", True),
    ("k in (" + ",".join(["v"] * 33) + ")", False),
    (" " * 1023 + "k", True),
    (" " * 1024 + "k", False),
]
WRONG = ["", " ", ",", "a,", ",a", "a b", "a=b c", "=b", "!", "!!a", "!a=b", "a===b", "a=!b"]
WRONG += ["a in", "a in b", "a in (b", "a in b)", "a (b)", "a in (b) c", "a<b", "a in ((b))", "ä"]
WRONG += ["a\tb", "-a", "a-", "a=b,,c", "a=b;c", "a\x00"]


@pytest.mark.parametrize(
    ("selector", "good"), [*BORDERS, *((text, False) for text in WRONG)], ids=lambda v: str(v)[:20]
)
def test_selectors_are_refused_as_the_contract_says(
    selector: str, good: bool, wanted: Wanted, document: Document
) -> None:
    assert document.component("Selector").is_valid(selector) is good
    query = f"selector={quote(selector)}"
    responses = {
        "listSessions": wanted.client.get(f"/v1/sessions?{query}"),
        "exportSessions": wanted.client.get(f"/v1/export?{query}"),
        "deleteSessions": wanted.client.delete(f"/v1/sessions?{query}"),
        "applySessions": wanted.client.post(f"/v1/apply?prune=true&{query}", {"items": []}),
    }
    for operation, response in responses.items():
        document.check(operation, response)
        assert code(response) == ((200, None) if good else (400, "invalid-query")), operation


def test_deleting_without_a_selector_is_refused(labelled: Wanted) -> None:
    for query in ("", "selector=", "kind=broadcast", "selector=env&selector=site"):
        assert code(labelled.delete_all(query)) == (400, "invalid-query")
    assert labelled.names() == list(LABELS)


def test_no_operation_takes_a_parameter_that_it_does_not_have(
    labelled: Wanted, client: Client, document: Document
) -> None:
    bodies = {
        "createSession": OFF,
        "putSession": OFF,
        "patchSession": {},
        "applySessions": {"items": []},
        "sendDatagrams": {"text": "x"},
    }
    for method, path, operation in document.operations():
        name = operation["operationId"]
        fields = {}
        if "requestBody" in operation:
            fields = {"Content-Type": next(iter(operation["requestBody"]["content"]))}
        response = client.request(
            method, path.replace("{name}", "a") + "?nosuch=1", bodies.get(name), fields
        )
        assert response.status == 400, f"{method} {path}: {response.status}"
        if method != "HEAD":
            assert response.json()["code"] == "invalid-query"
    assert labelled.names() == list(LABELS)


@pytest.mark.parametrize("path", ["/v1/apply?dryRun={}", "/v1/apply?atomic={}"])
@pytest.mark.parametrize("value", ["", "1", "yes", "True", "TRUE", "false,true", " true"])
def test_a_flag_is_true_or_false(path: str, value: str, client: Client) -> None:
    response = client.post(path.format(quote(value)), {"items": []})
    assert code(response) == (400, "invalid-query")

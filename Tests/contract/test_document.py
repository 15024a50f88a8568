"""openapi.yaml in itself, and as it is served."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator, validate

from contract.document import PATH, Document
from support import Client

DOCUMENT = Document()


def examples(node: Any, where: str = "#") -> Iterator[tuple[str, Any, Any]]:
    """Place, schema and value of every example: of media types, parameters, headers, schemas."""
    if isinstance(node, dict):
        schema = node.get("schema", node)
        if "example" in node and where.split("/")[-1] not in ("properties", "examples"):
            yield f"{where}/example", schema, node["example"]
        if isinstance(node.get("examples"), dict):
            for name, example in node["examples"].items():
                yield f"{where}/examples/{name}", schema, DOCUMENT.resolve(example)["value"]
        for key, value in node.items():
            if key not in ("example", "examples"):
                yield from examples(value, f"{where}/{key.replace('/', '~1')}")
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from examples(value, f"{where}/{index}")


EXAMPLES = list(examples(DOCUMENT.content))


def test_the_document_is_openapi_3_1() -> None:
    assert DOCUMENT.content["openapi"].startswith("3.1.")
    validate(DOCUMENT.content, cls=OpenAPIV31SpecValidator)


@pytest.mark.parametrize(("where", "schema", "value"), EXAMPLES, ids=[e[0] for e in EXAMPLES])
def test_an_example_fits_its_schema(where: str, schema: Any, value: Any) -> None:
    DOCUMENT.assert_valid(schema, value)


def test_every_media_type_with_json_has_an_example() -> None:
    for method, path, operation in DOCUMENT.operations():
        described = [operation.get("requestBody", {}), *operation["responses"].values()]
        for part in map(DOCUMENT.resolve, described):
            for media_type, content in part.get("content", {}).items():
                if media_type.endswith("json"):
                    assert "example" in content or content.get("examples"), f"{method} {path}"


def test_every_operation_is_named_tagged_and_tells_its_errors() -> None:
    names = [operation["operationId"] for _, _, operation in DOCUMENT.operations()]
    assert len(names) == len(set(names))
    tags = {tag["name"] for tag in DOCUMENT.content["tags"]}
    for method, path, operation in DOCUMENT.operations():
        assert set(operation["tags"]) <= tags and operation["tags"], f"{method} {path}"
        assert {"400", "403", "405", "500"} <= set(operation["responses"]), f"{method} {path}"


def test_every_response_has_a_request_id() -> None:
    for method, path, operation in DOCUMENT.operations():
        for status, response in operation["responses"].items():
            headers = DOCUMENT.resolve(response)["headers"]
            assert "Request-Id" in headers, f"{method} {path} {status}"


SOURCES = PATH.parent / "Sources"
CODES = DOCUMENT.content["x-codes"]


def codes_of(node: Any) -> set[str]:
    """Every value that a schema gives to a member `code`."""
    if isinstance(node, list):
        return {code for item in node for code in codes_of(item)}
    if not isinstance(node, dict):
        return set()
    found = {code for value in node.values() for code in codes_of(value)}
    code = node.get("code")
    if isinstance(code, dict):
        found |= set(code.get("enum", [])) | ({code["const"]} if "const" in code else set())
    return found


def test_every_code_of_the_contract_and_of_the_sources_is_listed() -> None:
    used = codes_of({key: DOCUMENT.content[key] for key in ("paths", "components")})
    assert used <= set(CODES), used - set(CODES)
    written = {
        code
        for path in SOURCES.rglob("*.swift")
        for code in re.findall(r'\bcode: "([a-z-]+)"', path.read_text())
    }
    assert len(written) > 15
    assert written <= set(CODES), written - set(CODES)


def test_the_warnings_are_those_that_are_listed() -> None:
    listed = {code for code, entry in CODES.items() if "warning" in entry["in"]}
    schema = DOCUMENT.content["components"]["schemas"]["Warning"]
    assert set(schema["properties"]["code"]["enum"]) == listed


def test_every_pattern_is_anchored() -> None:
    patterns = re.findall(r"pattern: '(.*)'", DOCUMENT.bytes.decode())
    assert patterns
    assert [p for p in patterns if not (p.startswith("^") and p.endswith("$"))] == []


def test_the_document_is_served_byte_for_byte(client: Client, document: Document) -> None:
    response = document.check("getContract", client.get("/openapi.yaml"))
    assert response.status == 200
    assert response.body == document.bytes

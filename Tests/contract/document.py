"""openapi.yaml as something to check answers with."""

import pathlib
from collections.abc import Iterator
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from support import Response

PATH = pathlib.Path(__file__).resolve().parents[2] / "openapi.yaml"
METHODS = ("get", "head", "post", "put", "patch", "delete")


class Document:
    """The contract, read once."""

    def __init__(self) -> None:
        self.bytes = PATH.read_bytes()
        self.content = yaml.safe_load(self.bytes)
        resource = Resource.from_contents(self.content, default_specification=DRAFT202012)
        self._registry = Registry().with_resource("urn:contract", resource)

    def resolve(self, node: Any) -> Any:
        """The node itself, or what its `$ref` points to."""
        while isinstance(node, dict) and "$ref" in node:
            target: Any = self.content
            for step in node["$ref"].removeprefix("#/").split("/"):
                target = target[step.replace("~1", "/").replace("~0", "~")]
            node = target
        return node

    def validator(self, schema: Any) -> Draft202012Validator:
        """A validator of a schema that may refer to the components of the contract."""
        return Draft202012Validator(
            absolute(schema),
            registry=self._registry,
            format_checker=Draft202012Validator.FORMAT_CHECKER,
        )

    def component(self, name: str) -> Draft202012Validator:
        """A validator of the named schema."""
        return self.validator({"$ref": f"#/components/schemas/{name}"})

    def operations(self) -> Iterator[tuple[str, str, dict]]:
        """Method, path template and operation, for each there is."""
        for path, item in self.content["paths"].items():
            for method in METHODS:
                if method in item:
                    yield method.upper(), path, item[method]

    def check(self, operation_id: str, response: Response) -> Response:
        """Asserts that the operation may answer this, to the last header and member."""
        method, operation = next(
            (method, operation)
            for method, _, operation in self.operations()
            if operation["operationId"] == operation_id
        )
        status = str(response.status)
        assert status in operation["responses"], f"{operation_id}: {status} is not in the contract"
        described = self.resolve(operation["responses"][status])
        self._check_headers(described, response)
        if method == "HEAD" or "content" not in described:
            assert response.body == b""
            return response
        media_type = response.headers.get_content_type()
        assert media_type in described["content"], f"{operation_id} {status}: {media_type}"
        if media_type.endswith("json"):
            self.assert_valid(described["content"][media_type]["schema"], response.json())
        return response

    def _check_headers(self, described: dict, response: Response) -> None:
        for name, header in described.get("headers", {}).items():
            header = self.resolve(header)
            value: Any = response.headers.get(name)
            if value is None:
                assert not header.get("required"), f"{name} is missing"
                continue
            if header["schema"]["type"] == "integer":
                value = int(value)
            self.assert_valid(header["schema"], value)

    def assert_valid(self, schema: Any, value: Any) -> None:
        """Asserts that a value fits a schema, and says where it does not."""
        errors = [
            f"/{'/'.join(str(step) for step in error.absolute_path)}: {error.message[:500]}"
            for outer in self.validator(schema).iter_errors(value)
            for error in [outer, *(outer.context or [])]
        ]
        assert not errors, "\n".join(errors)


def absolute(schema: Any) -> Any:
    """A schema whose references into the document are found through the registry."""
    if isinstance(schema, dict):
        return {
            key: f"urn:contract{value}" if key == "$ref" else absolute(value)
            for key, value in schema.items()
        }
    if isinstance(schema, list):
        return [absolute(value) for value in schema]
    return schema

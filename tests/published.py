"""Answers against the published specification, to the letter.

The published schemas allow any further field, so a misspelt name would pass a plain validation. Here a field that the
specification does not name is an error too, and so is `null` anywhere.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from openapi_schema_validator import OAS30Validator, oas30_format_checker

_ERROR = ["code", "uuid", "message", "timestamp"]


class Published:
    """A published specification: that of the business API, or of its webhooks."""

    def __init__(self, shared: Path, name: str = "connectedcar-b2b-v3") -> None:
        file = shared / "reference" / "openapi" / f"{name}.json"
        self.document: dict[str, Any] = json.loads(file.read_text())
        self._error = self.resolve({"$ref": "#/components/schemas/xError"})

    def assert_conforms(self, path: str, method: str, status: int, body: object, media_type: str | None = None) -> None:
        """`path` is a template of the specification, such as `/fleets/{fid}`. From 400 on, `body` is the error body."""
        if status >= 400:
            self.assert_error(status, body)
            return
        operation = self.document["paths"][path][method.lower()]
        response = self.resolve(operation["responses"][str(status)])
        contents = response["content"]
        if media_type is not None:
            assert media_type in contents, f"{path} is answered with {media_type}, published is {list(contents)}"
        schema = next(iter(contents.values()))["schema"]
        self.assert_valid(schema, body, f"{method} {path}")

    def assert_valid(self, schema: dict[str, Any], body: object, what: str) -> None:
        validator = OAS30Validator(
            {"allOf": [schema], "components": self.document["components"]}, format_checker=oas30_format_checker
        )
        errors = [f"{'/'.join(map(str, error.path))}: {error.message}" for error in validator.iter_errors(body)]
        errors += self._unknown(schema, body, "")
        assert not errors, f"{what} is not as published: {errors[:10]}"

    def assert_error(self, status: int, body: object) -> None:
        self.assert_valid(self._error, body, "the error body")
        assert isinstance(body, dict)
        assert set(body) == set(_ERROR), f"an error with {[*body]}, expected {_ERROR}"
        assert body["code"] // 100 == status, f"the error of a {status} has code {body['code']}"
        assert oas30_format_checker.conforms(body["timestamp"], "date-time"), f"timestamp is {body['timestamp']}"

    def resolve(self, node: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in node:
            target: Any = self.document
            for step in node["$ref"].removeprefix("#/").split("/"):
                target = target[step]
            node = target
        return node

    def without_links(self) -> None:
        """Documents have no links from now on, as in notifications."""
        _forget_links(self.document)

    def _parts(self, schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
        schema = self.resolve(schema)
        yield schema
        for part in schema.get("allOf", ()):
            yield from self._parts(part)

    def _unknown(self, schema: dict[str, Any], body: object, where: str) -> Iterator[str]:
        """Fields of `body` that no part of the schema names."""
        parts = list(self._parts(schema))
        if body is None:
            yield f"{where}: null"
        elif isinstance(body, dict):
            # Some published objects require a field that only their prose describes.
            required = {name for part in parts for name in part.get("required", ())}
            for name, value in body.items():
                inner = [part["properties"][name] for part in parts if name in part.get("properties", {})]
                if inner:
                    yield from self._unknown({"allOf": inner}, value, f"{where}/{name}")
                elif name not in required:
                    yield f"{where}/{name}: not published"
        elif isinstance(body, list):
            inner = [part["items"] for part in parts if "items" in part]
            for index, value in enumerate(body):
                yield from self._unknown({"allOf": inner}, value, f"{where}/{index}")


def _forget_links(node: Any) -> None:
    if isinstance(node, dict):
        if isinstance(node.get("properties"), dict):
            node["properties"].pop("_links", None)
        if isinstance(node.get("required"), list):
            node["required"] = [name for name in node["required"] if name != "_links"]
    for inner in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        _forget_links(inner)

"""Two OpenAPI documents side by side: what one says of a path, a parameter or a field, and the other does not.

A *fact* is a place and a word of the specification with its value there: `/fleets/{fid}/status?profile`, enum. Places
of answers are the path and the fields down to it, `[]` for the elements of a list; the method is before the path where
it is not `GET`, `body` behind it for what is sent. Texts (descriptions, examples, titles) are no facts, nor is how
schemas are divided: `$ref`, `allOf`, `oneOf` and `anyOf` are looked through.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

Node = dict[str, Any]

WORDS = (
    "type", "format", "enum", "pattern", "default", "nullable", "minimum", "maximum", "exclusiveMinimum",
    "exclusiveMaximum", "multipleOf", "minItems", "maxItems", "uniqueItems", "minLength", "maxLength", "minProperties",
    "maxProperties", "additionalProperties", "discriminator", "readOnly", "writeOnly",
)  # fmt: skip
_EXISTENCE = ("field", "parameter", "answer", "body")
"""Words by which a place is there at all."""
_METHODS = ("get", "post", "put", "delete")
_SUCCESS = ("200", "202")
_DIVISIONS = ("allOf", "oneOf", "anyOf")


class Difference(NamedTuple):
    place: str
    word: str
    published: str
    """As text; empty where nothing is said."""
    served: str

    def __str__(self) -> str:
        return f"{self.place} {self.word}: published {self.published or 'nothing'}, served {self.served or 'nothing'}"


class Described:
    """What an OpenAPI document says of its paths."""

    def __init__(self, openapi: Node) -> None:
        self._openapi = openapi

    @property
    def paths(self) -> list[str]:
        return list(self._openapi["paths"])

    def facts(self, path: str) -> dict[tuple[str, str], str]:
        """By place and word."""
        return {(place, word): _text(value) for place, word, value in self._of_path(path)}

    def _of_path(self, template: str) -> Iterator[tuple[str, str, object]]:
        for method, operation in self._openapi["paths"][template].items():
            if method in _METHODS:
                yield from self._of_operation(
                    template if method == "get" else f"{method.upper()} {template}", operation
                )

    def _of_operation(self, path: str, operation: Node) -> Iterator[tuple[str, str, object]]:
        yield path, "operationId", operation["operationId"]
        yield path, "deprecated", operation.get("deprecated", False)
        yield path, "tags", operation.get("tags", [])
        yield path, "security", operation.get("security", self._openapi.get("security"))
        for parameter in map(self._resolve, operation["parameters"]):
            place = f"{path}?{parameter['name']}" if parameter["in"] == "query" else f"{path}#{parameter['name']}"
            yield place, "parameter", parameter["in"]
            yield place, "required", parameter.get("required", False)
            yield from self._of_schema(place, [parameter["schema"]])
        for kind, sent in self._resolve(operation.get("requestBody", {})).get("content", {}).items():
            yield f"{path} body", "body", kind
            yield from self._of_schema(f"{path} body", [sent["schema"]])
        for status, response in operation["responses"].items():
            content = self._resolve(response).get("content", {})
            yield f"{path} {status}", "answer", sorted(content) or "no body"
            if status in (*_SUCCESS, "default"):
                for one in list(content.values())[:1]:
                    yield from self._of_schema(path if status in _SUCCESS else f"{path} {status}", [one["schema"]])

    def _of_schema(self, place: str, nodes: list[Node]) -> Iterator[tuple[str, str, object]]:
        parts = [part for node in nodes for part in self._parts(node)]
        for word in WORDS:
            values = [part[word] for part in parts if word in part]
            if values:
                yield place, word, values[0] if all(value == values[0] for value in values) else values
        required = {name for part in parts for name in part.get("required", ())}
        fields: dict[str, list[Node]] = {}
        for part in parts:
            for name, schema in part.get("properties", {}).items():
                fields.setdefault(name, []).append(schema)
        for name in fields.keys() | required:
            inner = f"{place}/{name}"
            if name in fields:
                yield inner, "field", "described"
                yield from self._of_schema(inner, fields[name])
            if name in required:
                yield inner, "required", True
        elements = [part["items"] for part in parts if "items" in part]
        if elements:
            yield from self._of_schema(f"{place}[]", elements)

    def _parts(self, node: Node) -> Iterator[Node]:
        node = self._resolve(node)
        yield node
        for division in _DIVISIONS:
            for part in node.get(division, ()):
                yield from self._parts(part)

    def _resolve(self, node: Node) -> Node:
        while "$ref" in node:
            target: Any = self._openapi
            for step in node["$ref"].removeprefix("#/").split("/"):
                target = target[step]
            node = target
        return node


def differences(published: Described, served: Described) -> list[Difference]:
    """Of the paths that are served. Of a field, a parameter or an answer that one of the documents lacks only that is
    told."""
    found = []
    for path in served.paths:
        theirs, ours = published.facts(path), served.facts(path)
        here = [
            Difference(place, word, theirs.get((place, word), ""), ours.get((place, word), ""))
            for place, word in dict.fromkeys([*theirs, *ours])
            if theirs.get((place, word)) != ours.get((place, word))
        ]
        lone = [difference.place for difference in here if difference.word in _EXISTENCE]
        found += [
            difference
            for difference in here
            if not any(
                difference.place.startswith((f"{place}/", f"{place}["))
                or (difference.place == place and difference.word not in _EXISTENCE)
                for place in lone
            )
        ]
    return found


def _text(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(sorted(map(_text, value)))
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)

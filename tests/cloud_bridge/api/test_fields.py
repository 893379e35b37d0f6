"""The fields that our OpenAPI document describes are the published ones, but for those listed here with the reason."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from cloud_bridge.api.openapi import document
from cloud_bridge.api.routes import RESOURCES
from tests.published import Published

Node = dict[str, Any]

ABSENT = {
    "/_links/(callbacks|monitors|remotes)": "what is not served is not linked",
    "/_links/.*/(deprecation|hreflang|name|profile|title|type)": "a link is an address",
    "/(brand|service|gmpStatus)|/vehicle/lighting": "deprecated",
    r"/status(/_embedded/status\[])?/_embedded": "withdrawn with the parameter that asks for it",
    "/pictures|/charging/schedule|/airConditioning/programs": "not known",
    "/remote/(charging|preconditioning)/parameters/.*": "no remote function is supported",
    "/drivingBehavior/updatedAt": "`createdAt` says it",
    "/location/properties/vin": "telemetry is of one vehicle",
}
"""Ends of the paths to published fields that no answer has, with the reason."""
REQUIRED_IN_PROSE = {
    "/vehicle/ignition/createdAt",
    "/extension/maintenance/createdAt",
    "/vehicles/{vin}/createdAt",
}
"""Ends of the paths to fields that the published schemas require without describing them."""


class Schemas:
    """Schemas of one OpenAPI document, with what they refer to."""

    def __init__(self, openapi: Node) -> None:
        self._openapi = openapi

    def answer(self, path: str) -> Node:
        contents = self._resolve(self._openapi["paths"][path]["get"]["responses"]["200"])["content"]
        (schema,) = {json.dumps(content["schema"], sort_keys=True) for content in contents.values()}
        parsed: Node = json.loads(schema)
        return parsed

    def fields(self, nodes: list[Node]) -> dict[str, list[Node]]:
        found: dict[str, list[Node]] = {}
        for part in self._parts(nodes):
            for name, schema in part.get("properties", {}).items():
                found.setdefault(name, []).append(schema)
        return found

    def elements(self, nodes: list[Node]) -> list[Node]:
        return [part["items"] for part in self._parts(nodes) if "items" in part]

    def _parts(self, nodes: list[Node]) -> Iterator[Node]:
        for node in map(self._resolve, nodes):
            yield node
            for word in ("allOf", "anyOf", "oneOf"):
                yield from self._parts(node.get(word, []))

    def _resolve(self, node: Node) -> Node:
        while "$ref" in node:
            target: Any = self._openapi
            for step in node["$ref"].removeprefix("#/").split("/"):
                target = target[step]
            node = target
        return node


def differences(own: Schemas, theirs: Schemas, mine: list[Node], published: list[Node], at: str) -> Iterator[str]:
    """`-field` that only the published schemas have, `+field` that only ours have."""
    here, there = own.fields(mine), theirs.fields(published)
    yield from (f"-{at}/{name}" for name in there.keys() - here.keys())
    yield from (f"+{at}/{name}" for name in here.keys() - there.keys())
    for name in here.keys() & there.keys():
        yield from differences(own, theirs, here[name], there[name], f"{at}/{name}")
    elements, published_elements = own.elements(mine), theirs.elements(published)
    assert bool(elements) == bool(published_elements), f"{at} is a list in one of the documents"
    if elements:
        yield from differences(own, theirs, elements, published_elements, f"{at}[]")


@pytest.mark.parametrize("path", [resource.path for resource in RESOURCES])
def test_answers_have_the_published_fields_and_no_others(published: Published, path: str) -> None:
    own: Node = json.loads(json.dumps(document(RESOURCES, "https://api.example", "1")))
    mine, theirs = Schemas(own), Schemas(published.document)
    found = {*differences(mine, theirs, [mine.answer(path)], [theirs.answer(path)], path)}
    assert [field for field in found if field[0] == "+" and not field.endswith((*REQUIRED_IN_PROSE,))] == []
    absent = re.compile(f".*({'|'.join(ABSENT)})")
    assert [field for field in found if field[0] == "-" and not absent.fullmatch(field)] == []

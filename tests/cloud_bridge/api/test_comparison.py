"""Our OpenAPI document says of every path what the published one says, but for what docs/api-decisions.md explains."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from cloud_bridge.api.openapi import document
from cloud_bridge.api.routes import OPERATIONS
from tests.cloud_bridge.api.comparison import Described, Difference, differences
from tests.conftest import ROOT
from tests.published import Published

DECISIONS = ROOT / "docs" / "api-decisions.md"
NOTHING = "–"


class Explained(NamedTuple):
    """A line of the table: texts in which `*` stands for anything."""

    place: str
    word: str
    published: str
    served: str
    why: str

    def covers(self, difference: Difference) -> bool:
        return all(
            re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text) is not None
            for pattern, text in zip(self[:4], difference, strict=True)
        )


def explained(page: Path) -> list[Explained]:
    lines = page.read_text(encoding="utf-8").partition("| where | word |")[2].splitlines()[2:]
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines if line.startswith("|")]
    cells = [["" if cell == NOTHING else cell.strip("`") for cell in row[:4]] + row[4:] for row in rows]
    return [Explained(*row) for row in cells]


@pytest.fixture(scope="module")
def found(published: Published) -> list[Difference]:
    own: dict[str, Any] = json.loads(json.dumps(document(OPERATIONS, "https://api.example", "1")))
    return differences(Described(published.document), Described(own))


def test_every_difference_is_explained(found: list[Difference]) -> None:
    table = explained(DECISIONS)
    unexplained = [str(difference) for difference in found if not any(line.covers(difference) for line in table)]
    assert unexplained == []


def test_every_explanation_is_of_a_difference(found: list[Difference]) -> None:
    idle = [line for line in explained(DECISIONS) if not any(line.covers(difference) for difference in found)]
    assert idle == []
    assert all(line.why for line in explained(DECISIONS))


def described(**changed: object) -> Described:
    """A document of one path, with other facts of its one parameter, its one field or its operation."""
    parameter = {"name": "pageSize", "in": "query", "schema": {"type": "integer", "maximum": changed.get("most", 60)}}
    field = {"type": "string", "enum": changed.get("enum", ["On", "Off"])}
    fields = {changed.get("name", "state"): field}
    schema = {"allOf": [{"$ref": "#/components/schemas/Base"}, {"type": "object", "properties": fields}]}
    return Described(
        {
            "paths": {
                "/cars": {
                    "get": {
                        "operationId": changed.get("operation", "getCars"),
                        "parameters": [parameter] if changed.get("has_parameter", True) else [],
                        "responses": {"200": {"content": {"application/json": {"schema": schema}}}},
                    }
                }
            },
            "components": {"schemas": {"Base": {"required": changed.get("required", [])}}},
        }
    )


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, []),
        ({"operation": "getAuto"}, [("/cars", "operationId", "getCars", "getAuto")]),
        ({"most": 61}, [("/cars?pageSize", "maximum", "60", "61")]),
        ({"has_parameter": False}, [("/cars?pageSize", "parameter", "query", "")]),
        ({"enum": ["On"]}, [("/cars/state", "enum", "Off, On", "On")]),
        ({"enum": ["Off", "On"]}, []),
        ({"required": ["state"]}, [("/cars/state", "required", "", "true")]),
        (
            {"name": "states"},
            [("/cars/state", "field", "described", ""), ("/cars/states", "field", "", "described")],
        ),
    ],
)
def test_a_difference_is_found_where_it_is(changed: dict[str, object], expected: list[tuple[str, ...]]) -> None:
    assert [tuple(difference) for difference in differences(described(), described(**changed))] == expected

"""Requests that schemathesis makes of the OpenAPI documents, the published one and our own.

They are right and wrong, of any values that the documents allow or forbid. None is answered with a failure, none with a
status, a media type or a body that is not described.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from cloud_bridge.api.links import BASE
from cloud_bridge.api.operation import Read
from cloud_bridge.api.routes import OPERATIONS
from cloud_bridge.api.timestamps import EVER
from cloud_bridge.records.model import Alarm, Alert, Collision, Trip
from tests.conformance.asking import BASIC, path_ids
from tests.conformance.world import CLIENT, EVERYTHING, FLEET, THEFTS, World
from tests.published import Published

EXAMPLES = 20
"""Of each path, document and kind."""
READABLE = [operation.path for operation in OPERATIONS if isinstance(operation, Read)]
STATUSES = frozenset({200, 400, 403, 404})
"""What a client with every right may get."""
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
DOCUMENTS = ("published", "served")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def documents(world: World, published: Published) -> dict[str, Any]:
    whole = published.document
    served = schemathesis.openapi.from_asgi(f"{BASE}/openapi.json", world.app)
    paths = {path: {"get": whole["paths"][path]["get"]} for path in READABLE}
    restricted = schemathesis.openapi.from_dict(json.loads(json.dumps({**whole, "paths": paths})))
    restricted.app = world.app
    return {"published": restricted, "served": served}


@pytest.mark.parametrize("document", DOCUMENTS)
@pytest.mark.parametrize("path", READABLE)
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_no_generated_request_is_answered_with_what_is_not_described(
    documents: dict[str, Any], world: World, document: str, path: str, mode: GenerationMode
) -> None:
    operation = documents[document][path]["GET"]
    ids = known_ids(world, path)
    statuses: set[int] = set()

    @seed(1)
    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=[*HealthCheck])
    @given(case=operation.as_strategy(generation_mode=mode), is_known=st.sampled_from([True, True, True, False]))
    def ask(case: Any, is_known: bool) -> None:
        if is_known:
            case.path_parameters = dict(ids)
        case.headers = {"Authorization": BASIC}
        case.query = {**(case.query or {}), "client_id": CLIENT}
        response = case.call()
        statuses.add(response.status_code)
        case.validate_response(response, checks=CHECKS)

    ask()
    assert statuses <= STATUSES
    # There was something to show, so that more than refusals has been checked.
    assert 200 in statuses


def known_ids(world: World, path: str) -> dict[str, str]:
    """Of the car that says everything."""
    vin = EVERYTHING["None"].vin
    known = {"fleets": FLEET, "vehicles": world.vehicles[vin], "vin": vin, "stolen": THEFTS[0]}
    reader = world.bridge.storage.reader
    for kind, name in ((Trip, "trips"), (Alert, "alerts"), (Alarm, "alarms"), (Collision, "collisions")):
        known[name] = reader.records(kind, vin, [EVER])[0].id
    return {name: known[of] for name, of in path_ids(path)}

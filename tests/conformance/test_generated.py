"""Requests that schemathesis makes of the OpenAPI documents, the published one and our own.

They are right and wrong, of any values that the documents allow or forbid. None is answered with a failure, none with a
status, a media type or a body that is not described.

Of bodies the documents say the shape only: what is made of them is mostly refused for what its parts mean together.
"""

from __future__ import annotations

import json
import secrets
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

from cloud_bridge.actions.life import REMOTE_TYPES
from cloud_bridge.api.links import BASE
from cloud_bridge.api.operation import Write
from cloud_bridge.api.routes import OPERATIONS
from cloud_bridge.api.timestamps import EVER
from cloud_bridge.clock import clock_ms
from cloud_bridge.records.model import Alarm, Alert, Collision, Trip
from cloud_bridge.store.port.monitors import Monitor
from cloud_bridge.store.port.remote import RemoteCallback
from tests.conformance import remotes
from tests.conformance.asking import BASIC, path_ids
from tests.conformance.monitors import WHOLE
from tests.conformance.world import ACTION, CALLBACK, CLIENT, EVERYTHING, FLEET, THEFTS, World
from tests.published import Published

EXAMPLES = 20
"""Of each path, document and kind."""
SERVED = [(each.path, each.method if isinstance(each, Write) else "GET") for each in OPERATIONS]
STATUSES = frozenset({200, 400, 403, 404})
"""What a client with every right may get who reads."""
WRITTEN = frozenset({200, 202, 204, 400, 403, 404, 415})
"""And who writes."""
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
DOCUMENTS = ("published", "served")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def documents(world: World, published: Published) -> dict[str, Any]:
    whole = published.document
    served = schemathesis.openapi.from_asgi(f"{BASE}/openapi.json", world.app)
    paths = {path: whole["paths"][path] for path, _ in SERVED}
    restricted = schemathesis.openapi.from_dict(json.loads(json.dumps({**whole, "paths": paths})))
    restricted.app = world.app
    return {"published": restricted, "served": served}


@pytest.mark.parametrize("document", DOCUMENTS)
@pytest.mark.parametrize(("path", "method"), SERVED)
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_no_generated_request_is_answered_with_what_is_not_described(
    documents: dict[str, Any], world: World, document: str, path: str, method: str, mode: GenerationMode
) -> None:
    operation = documents[document][path][method]
    ids = known_ids(world, path)
    # To delete is published without what is answered about others' fleets.
    always_known = {"fid"} if (method, document) == ("DELETE", "published") else set()
    statuses: set[int] = set()

    @seed(1)
    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=[*HealthCheck])
    @given(case=operation.as_strategy(generation_mode=mode), is_known=st.sampled_from([True, True, True, False]))
    def ask(case: Any, is_known: bool) -> None:
        known = ids.keys() if is_known else always_known
        case.path_parameters = {**(case.path_parameters or {}), **{name: ids[name] for name in known}}
        case.headers = {"Authorization": BASIC}
        case.query = {**(case.query or {}), "client_id": CLIENT}
        response = case.call()
        statuses.add(response.status_code)
        case.validate_response(response, checks=CHECKS)

    ask()
    assert statuses <= (STATUSES if method == "GET" else WRITTEN)
    # There was something to show or to judge, so that more than unknown ids has been checked.
    assert statuses & ({200} if method == "GET" else {200, 202, 204, 400})


def make_monitor(world: World) -> str:
    monitor_id, now_ms = secrets.token_hex(16), clock_ms()
    content, running = json.dumps(WHOLE).encode(), ((now_ms, None),)
    made = Monitor(monitor_id, FLEET, content, "Running", 1, now_ms, now_ms, running)
    assert world.bridge.storage.monitors.add(made, most=1000)
    return monitor_id


def make_callback(world: World) -> str:
    callback_id, now_ms = secrets.token_hex(16), clock_ms()
    content = json.dumps(remotes.WHOLE).encode()
    made = RemoteCallback(callback_id, FLEET, content, REMOTE_TYPES, "Running", now_ms, now_ms)
    world.bridge.storage.callbacks.add(made, most=1000)
    return callback_id


def known_ids(world: World, path: str) -> dict[str, str]:
    """Of the car that says everything."""
    vin = EVERYTHING["None"].vin
    known = {"fleets": FLEET, "vehicles": world.vehicles[vin], "vin": vin, "stolen": THEFTS[0]}
    reader = world.bridge.storage.reader
    if "{mid}" in path:
        known["monitors"] = make_monitor(world)
    if "/remote/" in path and "{cbid}" in path:
        known["callbacks"] = make_callback(world)
    elif "{cbid}" in path:
        known |= {"callbacks": CALLBACK, "remotes": ACTION}
    for kind, name in ((Trip, "trips"), (Alert, "alerts"), (Alarm, "alarms"), (Collision, "collisions")):
        known[name] = reader.records(kind, vin, [EVER])[0].id
    return {name: known[of] for name, of in path_ids(path)}

from __future__ import annotations

import pytest
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

from cloud_bridge.api.routes import RESOURCES
from cloud_bridge.api.routing import Resources


class App:
    """Stands for the application of a path."""

    def __init__(self, path: str) -> None:
        self.path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        raise NotImplementedError


PATHS = ["/fleets", "/fleets/{fid}", "/fleets/{fid}/status", "/fleets/{fid}/{kind}", "/fleets/{fid}/vehicles/{vid}"]


def found(path: str, paths: list[str] = PATHS, root_path: str = "") -> tuple[str, dict[str, str]] | None:
    match, scope = Resources("/v3", {path: App(path) for path in paths}).matches(
        {"type": "http", "path": path, "root_path": root_path}
    )
    if match is Match.NONE:
        return None
    app: App = scope["endpoint"]
    return app.path, scope["path_params"]


def test_a_path_is_found_with_what_stands_for_its_parameters() -> None:
    assert found("/v3/fleets") == ("/fleets", {})
    assert found("/v3/fleets/f 1") == ("/fleets/{fid}", {"fid": "f 1"})
    assert found("/v3/fleets/f1/vehicles/v") == ("/fleets/{fid}/vehicles/{vid}", {"fid": "f1", "vid": "v"})
    assert found("/cars/v3/fleets", root_path="/cars") == ("/fleets", {})


def test_a_fixed_segment_goes_before_a_parameter() -> None:
    assert found("/v3/fleets/f1/status") == ("/fleets/{fid}/status", {"fid": "f1"})
    assert found("/v3/fleets/f1/other") == ("/fleets/{fid}/{kind}", {"fid": "f1", "kind": "other"})


@pytest.mark.parametrize(
    "path",
    ["", "/", "/v3", "/v3/", "/v3/fleets/", "/v3//fleets", "/v3/fleets//status", "/v3/fleets/f1/vehicles/v/x",
     "/v3/fleets/f1/vehicles/", "/v2/fleets", "/v3fleets", "/v30/fleets", "/v3.1/fleets/f1", "/fleets"],
)  # fmt: skip
def test_nothing_else_is_found(path: str) -> None:
    assert found(path) is None


def test_one_place_has_one_name() -> None:
    with pytest.raises(ValueError, match=r"/fleets/\{id\}/x: '\{fid\}' stands there"):
        found("/v3", ["/fleets/{fid}", "/fleets/{id}/x"])


def test_every_resource_is_found_at_its_path() -> None:
    paths = [resource.path for resource in RESOURCES]
    for resource in RESOURCES:
        ids = {name: f"an-{name}" for name in resource.path_ids}
        assert found("/v3" + resource.path.format_map(ids), paths) == (resource.path, ids)

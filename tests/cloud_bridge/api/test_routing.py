from __future__ import annotations

from collections.abc import Iterable

import pytest
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

from cloud_bridge.api.operation import by_path
from cloud_bridge.api.routes import OPERATIONS
from cloud_bridge.api.routing import Methods, Resources


class App:
    """Stands for the application of a path."""

    def __init__(self, path: str) -> None:
        self.path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        raise NotImplementedError


PATHS = ["/fleets", "/fleets/{fid}", "/fleets/{fid}/status", "/fleets/{fid}/{kind}", "/fleets/{fid}/vehicles/{vid}"]


def found(
    path: str, paths: Iterable[str] = PATHS, root_path: str = "", method: str = "GET"
) -> tuple[str, dict[str, str]] | None:
    apps = {path: Methods({"GET": App(path), "PUT": App(f"PUT {path}")}, App(f"other {path}")) for path in paths}
    match, scope = Resources("/v3", apps).matches(
        {"type": "http", "path": path, "root_path": root_path, "method": method}
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
    for operation in OPERATIONS:
        ids = {name: f"an-{name}" for name in operation.path_ids}
        assert found("/v3" + operation.path.format_map(ids), by_path(OPERATIONS)) == (operation.path, ids)


def test_each_method_of_a_path_has_its_own_application_and_all_others_one() -> None:
    ids = {"fid": "f1"}
    assert found("/v3/fleets/f1", method="GET") == ("/fleets/{fid}", ids)
    assert found("/v3/fleets/f1", method="PUT") == ("PUT /fleets/{fid}", ids)
    for method in ("POST", "OPTIONS", "get"):
        assert found("/v3/fleets/f1", method=method) == ("other /fleets/{fid}", ids)

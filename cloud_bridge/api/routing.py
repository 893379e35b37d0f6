"""Finds what answers a path and a method in one walk over the segments of the path, however many paths there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from starlette.routing import BaseRoute, Match

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send


class Methods(NamedTuple):
    """The applications of one path."""

    by_name: Mapping[str, ASGIApp]
    other: ASGIApp
    """Of all other methods."""


@dataclass(slots=True)
class _Node:
    fixed: dict[str, _Node] = field(default_factory=dict)
    """What follows with a certain text, and goes before what follows with any."""
    any: _Node | None = None
    parameter: str = ""
    """The name of what follows with any text."""
    methods: Methods | None = None


class Resources(BaseRoute):
    """Routes `base` + path to the application of that path and method; in a path `{name}` is a segment of any text."""

    def __init__(self, base: str, apps: Mapping[str, Methods]) -> None:
        self._base = base
        self._root = _Node()
        for path, methods in apps.items():
            node = self._root
            for segment in _segments(path):
                node = _follow(node, segment, path)
            node.methods = methods

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        path: str = scope["path"].removeprefix(scope.get("root_path", ""))
        if scope["type"] != "http" or not path.startswith(f"{self._base}/"):
            return Match.NONE, {}
        node, ids = self._root, {}
        for segment in _segments(path[len(self._base) :]):
            found = node.fixed.get(segment)
            if found is None:
                found = node.any
                if found is None or not segment:
                    return Match.NONE, {}
                ids[node.parameter] = segment
            node = found
        methods = node.methods
        if methods is None:
            return Match.NONE, {}
        return Match.FULL, {"endpoint": methods.by_name.get(scope["method"], methods.other), "path_params": ids}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        app: ASGIApp = scope["endpoint"]
        await app(scope, receive, send)


def _follow(node: _Node, segment: str, path: str) -> _Node:
    if not segment.startswith("{"):
        return node.fixed.setdefault(segment, _Node())
    parameter = segment[1:-1]
    if node.parameter not in ("", parameter):
        raise ValueError(f"{path}: '{{{node.parameter}}}' stands there in another path")
    node.parameter = parameter
    node.any = node.any or _Node()
    return node.any


def _segments(path: str) -> list[str]:
    return path.split("/")[1:]

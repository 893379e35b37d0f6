"""What is answered where a path has no operation of a method: what there is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from starlette.responses import Response

from cloud_bridge.api.errors import Code, respond

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send


def other_methods(methods: Iterable[str], now: Callable[[], datetime]) -> ASGIApp:
    """Answers `OPTIONS`, and refuses all that is not in `methods`; needs no credentials for either."""
    *most, last = allow = (*methods, "OPTIONS")
    headers = {"Allow": ", ".join(allow)}
    expected = f"{', '.join(most)} or {last}"

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        method = scope["method"]
        if method == "OPTIONS":
            response = Response(status_code=204, headers=headers)
        else:
            response = respond(Code.METHOD, f"Method {method[:20]}: expected {expected}.", now(), headers)
        await response(scope, receive, send)

    return answer

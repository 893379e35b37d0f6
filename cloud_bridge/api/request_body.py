"""The body of a request: JSON (RFC 8259), taken up to `LARGEST` and no further, within `PATIENCE_S`.

A missing `Content-Type` is taken for JSON. What cannot be taken is refused only when it is known who asks: until then
it is an answer that waits.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from cloud_bridge.api.errors import Code, RefusedError
from cloud_bridge.shapes.bodies import LARGEST

if TYPE_CHECKING:
    from starlette.types import Receive, Scope

PATIENCE_S = 20.0
_ENDS = {"Connection": "close"}
"""What is still to come is not waited for."""


async def take(scope: Scope, receive: Receive, patience_s: float = PATIENCE_S) -> bytes | RefusedError | None:
    """The body, or why it is not taken; None when who asks is gone."""
    headers: dict[bytes, bytes] = dict(scope["headers"])
    refused = _refused(headers)
    if refused is not None:
        return refused
    body = bytearray()
    try:
        async with asyncio.timeout(patience_s):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return None
                body += message.get("body", b"")
                if len(body) > LARGEST:
                    return _too_large()
                if not message.get("more_body", False):
                    return bytes(body)
    except TimeoutError:
        return RefusedError(Code.SLOW_BODY, f"The body: expected to its end within {patience_s:g} s.", _ENDS)


def _refused(headers: dict[bytes, bytes]) -> RefusedError | None:
    kind = headers.get(b"content-type", b"").decode("latin-1")
    if not _is_json(kind):
        return RefusedError(
            Code.MEDIA_TYPE, f"Header Content-Type: found '{kind[:80]}', expected application/json, in UTF-8."
        )
    coding = headers.get(b"content-encoding", b"identity").decode("latin-1")
    if coding.strip().lower() != "identity":
        return RefusedError(Code.MEDIA_TYPE, f"Header Content-Encoding: found '{coding[:80]}', expected none.")
    length = headers.get(b"content-length", b"0")
    return _too_large() if length.isdigit() and int(length[:20]) > LARGEST else None


def _is_json(kind: str) -> bool:
    name, *parameters = (part.strip().lower() for part in kind.split(";"))
    charsets = [value.strip('" ') for key, _, value in (each.partition("=") for each in parameters) if key == "charset"]
    is_json = name in ("", "application/json") or (name.startswith("application/") and name.endswith("+json"))
    return is_json and all(charset in ("utf-8", "utf8", "us-ascii") for charset in charsets)


def _too_large() -> RefusedError:
    return RefusedError(Code.TOO_LARGE, f"The body: expected at most {LARGEST} bytes.", _ENDS)

"""A server in a process of its own (`bench.status`): `canlift FOLDER`, or `bare BODY` with or without `gzip`.

It prints its port, then its CPU seconds so far for each line of its input; it ends when its input does.
"""

from __future__ import annotations

import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cloud_bridge.access.secrets import Verifier
from cloud_bridge.api.app import create_app
from cloud_bridge.settings import Database, Settings
from cloud_bridge.storage import Storage


def canlift(folder: Path) -> Starlette:
    """The API as `canlift-bridge serve` makes it, on the database in `folder`."""
    storage = Storage(Settings(database=Database(folder / "bench.db")))
    return create_app(
        storage.reader,
        "http://127.0.0.1",
        lambda: datetime.now(UTC),
        verify=Verifier(),
        served=lambda _: frozenset(),
        page_key=b"key",
    )


def bare(body: Path) -> Starlette:
    """Starlette and msgspec, and nothing else: a document that is there is encoded and sent."""
    document = msgspec.json.decode(body.read_bytes())
    encode = msgspec.json.Encoder().encode

    async def status(_: Request) -> Response:
        return Response(encode(document), media_type="application/hal+json")

    middleware = [Middleware(GZipMiddleware)]
    return Starlette(routes=[Route("/{path:path}", status)], middleware=middleware)


def main() -> None:
    what, argument = sys.argv[1], Path(sys.argv[2])
    app = canlift(argument) if what == "canlift" else bare(argument)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off"))
    threading.Thread(target=server.run, daemon=True).start()

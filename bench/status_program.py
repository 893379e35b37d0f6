"""A server in a process of its own (`bench.status`): `canlift DATABASE`, or `bare DOCUMENT`.

It prints its port, then its CPU seconds so far for each line of its input; it ends when its input does.
"""

from __future__ import annotations

import socket
import sys
import threading
import time
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

from cloud_bridge.access.limits import SAVE_S, Limits
from cloud_bridge.access.secrets import Verifier
from cloud_bridge.api.app import create_app
from cloud_bridge.clock import steady_clock
from cloud_bridge.remote_control import remote_service
from cloud_bridge.serve import configuration, listen
from cloud_bridge.settings import Api, Database, Settings
from cloud_bridge.storage import Storage

PATH = "/connectedcar/v3/fleets/{fid}/vehicles/{vid}/status"


def canlift(database: Path) -> Starlette:
    """The API as the bridge makes it, with everything on."""
    storage = Storage(Settings(database=Database(database)))
    limits = Limits(storage.uses, steady_clock())

    def save() -> None:
        while True:
            time.sleep(SAVE_S)
            limits.save()

    threading.Thread(target=save, daemon=True).start()
    return create_app(
        storage.reader,
        "http://127.0.0.1",
        lambda: datetime.now(UTC),
        verify=Verifier(),
        served=lambda _: frozenset(),
        page_key=bytes(32),
        monitors=storage.monitors,
        remote=remote_service(storage, Settings().remote, lambda: None),
        limits=limits,
    )


def bare(document: Path) -> Starlette:
    """Starlette and msgspec and nothing else: a document that is in memory is encoded and sent."""
    body = msgspec.json.decode(document.read_bytes())
    encode = msgspec.json.Encoder().encode

    async def status(_: Request) -> Response:
        return Response(encode(body), media_type="application/hal+json")

    return Starlette(routes=[Route(PATH, status)])


def coded(document: Path) -> Starlette:
    """The same, and what Starlette has to send it as gzip."""
    app = bare(document)
    return Starlette(routes=app.routes, middleware=[Middleware(GZipMiddleware)])


def main(what: str, argument: Path) -> None:
    app = {"canlift": canlift, "bare": bare, "coded": coded}[what](argument)
    with listen(Api(port=0)) as listener:
        plain = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off")
        server = uvicorn.Server(configuration(app) if what == "canlift" else plain)
        threading.Thread(target=_answer, args=(listener, server), daemon=True).start()
        server.run(sockets=[listener])


def _answer(listener: socket.socket, server: uvicorn.Server) -> None:
    sys.stdout.write(f"{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    for _ in sys.stdin:
        sys.stdout.write(f"{time.process_time()}\n")
        sys.stdout.flush()
    server.should_exit = True


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))

"""`canlift-bridge serve`: the bridge and its API, until told to end.

SIGTERM and SIGINT end it in order: no new requests, those under way are answered, what came from vehicles is committed
and receipted. That takes a few seconds at most; killing it instead loses nothing either, because what was not receipted
the vehicles still have.
"""

from __future__ import annotations

import signal
import socket
import ssl
import threading

import uvicorn
from msgspec.structs import replace
from rich.console import Console
from starlette.applications import Starlette

from cloud_bridge.api.links import BASE
from cloud_bridge.bridge import Bridge
from cloud_bridge.server.arenas import limit_arenas
from cloud_bridge.server.https import Configuration, context
from cloud_bridge.server.patience import PatientProtocol
from cloud_bridge.settings import Api, Settings

LAST_REQUESTS_S = 4


def serve(settings: Settings, console: Console) -> int:
    """The exit code: 0 when it was told to end, 1 when a part of it had to give up. Raises OSError when the address
    cannot be listened on or files of [api.tls] cannot be used, and what `Bridge` raises."""
    limit_arenas()
    failed, told = threading.Event(), threading.Event()
    # From the first moment on: a container's first process does not end by a signal that it does not handle. The server
    # handles them itself while it runs, and raises them once more when it has ended.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: told.set())
    tls = None if settings.api.tls is None else context(settings.api.tls)
    listener = listen(settings.api)
    with listener:
        port: int = listener.getsockname()[1]
        settings = replace(settings, api=replace(settings.api, port=port))
        server: uvicorn.Server

        def give_up() -> None:
            failed.set()
            server.should_exit = True

        bridge = Bridge(settings, give_up)
        server = _Server(configuration(bridge.app, tls), told)
        bridge.start()
        try:
            console.print(f"serving {settings.api.url}{BASE} (documentation: {settings.api.url}{BASE}/docs)")
            console.print(f"broker {settings.mqtt.host}:{settings.mqtt.port}, database {settings.database.path}")
            server.run(sockets=[listener])
        finally:
            bridge.stop()
    return 1 if failed.is_set() else 0


class _Server(uvicorn.Server):
    """Does not begin when it was `told` to end already."""

    def __init__(self, config: uvicorn.Config, told: threading.Event) -> None:
        super().__init__(config)
        self._told = told

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        # From here on the server's own handlers are in place.
        self.should_exit = self.should_exit or self._told.is_set()
        await super().startup(sockets)


def configuration(app: Starlette, tls: ssl.SSLContext | None = None) -> uvicorn.Config:
    """How HTTP is served. Whose address a request comes from, or went through, decides about nothing here: links are
    made of the configured address. What serves is nobody's business."""
    return Configuration(
        app,
        tls,
        http=PatientProtocol,
        log_level="warning",
        access_log=False,
        lifespan="off",
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=LAST_REQUESTS_S,
    )


def listen(api: Api) -> socket.socket:
    """Raises OSError that names the address."""
    host, port = api.host, api.port
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.create_server(address[:2], family=family, backlog=512)
    except OSError as error:
        raise OSError(f"cannot listen on {host}:{port} ([api] host and port): {error.strerror}") from error
    # An answer goes out as head and body: without this the body would wait until the client has confirmed the head,
    # which on a connection that is kept takes it 40 ms. Connections inherit it.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.setblocking(False)
    return listener

"""A receiver of webhooks on loopback: real HTTP, or HTTPS with a certificate, that answers as a test wants."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any


@dataclass
class Received:
    path: str
    """With its query."""
    headers: list[tuple[str, str]]
    body: bytes
    connection: int
    """Another number for each connection."""

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name), None)

    @property
    def document(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.body)
        return document


@dataclass
class Reply:
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    raw: Callable[[Callable[[bytes], None]], None] | None = None
    """Instead of all this: what it sends, by a function that raises OSError when nobody listens any more."""


Answer = Callable[[Received], Reply]


class Receiver:
    def __init__(self, certificate: Path | None = None, answer: Answer = lambda _: Reply()) -> None:
        """`answer` is called in a thread for each request."""
        self.answer = answer
        self.received: list[Received] = []
        self.connections = 0
        self.on_connection: Callable[[], None] | None = None
        """Called when one is made, before anything is read from it."""
        self._came = threading.Condition()
        self._server = _Server(("127.0.0.1", 0), self, certificate)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Receiver:
        self._thread.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def wait_for(self, number: int, timeout_s: float = 60.0) -> list[Received]:
        """What came, as soon as it is so much."""
        with self._came:
            came = self._came.wait_for(lambda: len(self.received) >= number, timeout_s)
            assert came, f"{len(self.received)} requests came, {number} were expected"
            return list(self.received)

    def connected(self) -> int:
        with self._came:
            self.connections += 1
            number = self.connections
        if self.on_connection is not None:
            self.on_connection()
        return number

    def take(self, received: Received) -> Reply:
        with self._came:
            self.received.append(received)
            self._came.notify_all()
        return self.answer(received)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # server_close would otherwise wait for connections that are kept open.
    block_on_close = False
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], receiver: Receiver, certificate: Path | None) -> None:
        super().__init__(address, _Handler)
        self.receiver = receiver
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            # The handshake is the handler's: one that stays away would hold up the others.
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that leave are what is tested."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    disable_nagle_algorithm = True

    def setup(self) -> None:
        self.number = self.server.receiver.connected()
        super().setup()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        received = Received(self.path, list(self.headers.items()), body, self.number)
        reply = self.server.receiver.take(received)
        if reply.raw is not None:
            self.close_connection = True
            reply.raw(self.connection.sendall)
            return
        self.send_response_only(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)

    def log_message(self, *_: object) -> None:
        pass


def dripping(octets: bytes, each_s: float = 1.0) -> Reply:
    """One octet at a time."""

    def drip(send: Callable[[bytes], None]) -> None:
        for octet in octets:
            send(bytes([octet]))
            time.sleep(each_s)

    return Reply(raw=drip)


def silent_port() -> tuple[socket.socket, int]:
    """A listener that takes connections and never says anything."""
    listener = socket.create_server(("127.0.0.1", 0))
    return listener, listener.getsockname()[1]

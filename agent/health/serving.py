"""Answering who asks how the agent is: `canlift-agent status` on a socket, Prometheus by HTTP on the loopback.

    status socket   stream; the agent writes one snapshot as JSON and closes, and reads nothing
    metrics         `GET /metrics` of HTTP/1.1, one answer a connection

One thread serves both, one question after the other, each bounded in size and time; it sleeps while nobody asks. Both
only read. What cannot be served (no folder for the socket, a port in use) is said once, and the agent does its work
without.
"""

from __future__ import annotations

import logging
import os
import select
import selectors
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from agent.health.handover import Handover
from agent.health.snapshot import FORMAT
from contract.version import VERSION

log = logging.getLogger(__name__)

MODE = 0o660
_BACKLOG = 8
_PATIENCE_S = 1.0
"""For somebody who asks and does not read, or does not say what."""
_TURN_S = 3.0
"""The loop turns several times a second."""
_LARGEST_REQUEST = 8192
_AFTER_FAILURE_S = 1.0
"""Until the next try where connections cannot be taken."""


class Serving:
    def __init__(self, handover: Handover, status_socket: Path | None, metrics: tuple[str, int] | None) -> None:
        self._handover = handover
        self._listeners: list[socket.socket] = []
        self._selector = selectors.DefaultSelector()
        self._stop, self._stopped = socket.socketpair()
        self._selector.register(self._stopped, selectors.EVENT_READ, None)
        self.metrics: tuple[str, int] | None = None
        """Where they are served; None where they are not."""
        self.refused = 0
        """Times that a connection could not be taken, as where the process has no descriptors left."""
        if status_socket is not None:
            self._listen(str(status_socket), lambda: _status_listener(status_socket), self._say_status)
        if metrics is not None:
            listener = self._listen(f"{metrics[0]}:{metrics[1]}", lambda: _metrics_listener(metrics), self._say_metrics)
            if listener is not None:
                self.metrics = listener.getsockname()[:2]
        self._thread = threading.Thread(target=self._serve, name="health", daemon=True)

    def __enter__(self) -> Self:
        if self._listeners:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.close()
        if self._thread.ident is not None:
            self._thread.join()
        self._selector.close()
        self._stopped.close()
        for listener in self._listeners:
            if listener.family == socket.AF_UNIX:
                Path(listener.getsockname()).unlink(missing_ok=True)
            listener.close()

    def _listen(
        self, where: str, opened: Callable[[], socket.socket], answer: Callable[[socket.socket], None]
    ) -> socket.socket | None:
        try:
            listener = opened()
        except OSError as error:
            log.warning("how the agent is cannot be asked at %s: %s", where, error.strerror or error)
            return None

        def accept() -> None:
            try:
                asking, _ = listener.accept()
            except ConnectionAbortedError:
                return  # Gone before its turn.
            except OSError as error:
                self._wait_after(error, where)
                return
            with asking:
                answer(asking)

        self._selector.register(listener, selectors.EVENT_READ, accept)
        self._listeners.append(listener)
        return listener

    def _serve(self) -> None:
        while True:
            for key, _ in self._selector.select():
                if key.data is None:
                    return
                try:
                    key.data()
                except OSError:
                    continue  # Whoever asked did not wait for the answer.

    def _wait_after(self, failure: OSError, where: str) -> None:
        """Whoever asks goes on waiting, so the next try would be at once. The first is said."""
        if not self.refused:
            log.warning("nobody who asks at %s is answered: %s; tried again each second", where, failure.strerror)
        self.refused += 1
        stopping = select.poll()
        stopping.register(self._stopped, select.POLLIN)
        stopping.poll(_AFTER_FAILURE_S * 1000)

    def _say_status(self, asking: socket.socket) -> None:
        asking.settimeout(_PATIENCE_S)
        health = self._handover.ask(_TURN_S)
        asking.sendall(msgspec.json.encode(_HUNG if health is None else health) + b"\n")

    def _say_metrics(self, asking: socket.socket) -> None:
        from agent.health.metrics import CONTENT_TYPE, exposition

        line = _request_line(asking)
        method, _, rest = line.partition(b" ")
        if not rest.endswith((b" HTTP/1.1", b" HTTP/1.0")):
            answer = _response(400, "Bad Request")
        elif method != b"GET":
            answer = _response(405, "Method Not Allowed", headers="Allow: GET\r\n")
        elif rest.split(b" ")[0].partition(b"?")[0] != b"/metrics":
            answer = _response(404, "Not Found", "metrics are at /metrics\n")
        elif (health := self._handover.ask(_TURN_S)) is None:
            answer = _response(503, "Service Unavailable", f"{_HUNG['error']}\n")
        else:
            answer = _response(200, "OK", exposition(health), CONTENT_TYPE)
        asking.settimeout(_PATIENCE_S)
        asking.sendall(answer)
        asking.shutdown(socket.SHUT_WR)


_HUNG = {
    "format": FORMAT,
    "version": VERSION,
    "error": f"the agent's loop has not turned for {_TURN_S:g} s",
}


def _status_listener(path: Path) -> socket.socket:
    """Takes the place of a socket that a killed agent left. Raises OSError, also while another agent answers there."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            if probe.connect_ex(str(path)) == 0:
                raise OSError(None, "another agent answers there")
        if path.is_socket():
            path.unlink()
        os.fchmod(listener.fileno(), MODE)  # Before it has a name, so that it is never open to others.
        listener.bind(str(path))
        path.chmod(MODE)
        listener.listen(_BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener


def _metrics_listener(address: tuple[str, int]) -> socket.socket:
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    return socket.create_server(address, family=family, backlog=_BACKLOG)


def _request_line(asking: socket.socket) -> bytes:
    """The first line of a request whose head has come; empty when it does not within a second."""
    head = b""
    until_s = time.monotonic() + _PATIENCE_S
    while b"\r\n\r\n" not in head:
        left_s = until_s - time.monotonic()
        if left_s <= 0 or len(head) > _LARGEST_REQUEST:
            return b""
        asking.settimeout(left_s)
        try:
            more = asking.recv(4096)
        except TimeoutError:
            return b""
        if not more:
            return b""
        head += more
    return head.partition(b"\r\n")[0]


def _response(
    status: int, reason: str, body: str = "", content_type: str = "text/plain; charset=utf-8", headers: str = ""
) -> bytes:
    content = body.encode()
    head = f"HTTP/1.1 {status} {reason}\r\nContent-Type: {content_type}\r\nContent-Length: {len(content)}\r\n"
    return f"{head}{headers}Connection: close\r\n\r\n".encode() + content

"""Captive portals: what answers in the broker's place until somebody has agreed to something.

One answers HTTP, whatever it is asked; the other speaks TLS, under a certificate of its own. Both keep what they were
told, so that a test can say what they learnt.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

REDIRECT = (
    b"HTTP/1.1 302 Found\r\nLocation: http://portal.example/login\r\nContent-Type: text/html\r\n"
    b"Content-Length: 26\r\nConnection: close\r\n\r\n<html>Please log in</html>"
)
_PATIENCE_S = 5


class Portal:
    """On `port`, of the network of the thread that makes it. With `certificate`, key included, it speaks TLS."""

    def __init__(self, port: int, certificate: Path | None = None) -> None:
        self.visits = 0
        self.told = b""
        """All that was said to it; by TLS, what was said under it."""
        self._tls = None
        if certificate is not None:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(certificate)
        self._listener = socket.create_server(("", port))
        self._thread = threading.Thread(target=self._answer, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _answer(self) -> None:
        while True:
            try:
                visitor, _ = self._listener.accept()
            except OSError:
                return
            self.visits += 1
            # Who does not like it leaves.
            with suppress(OSError), visitor:
                visitor.settimeout(_PATIENCE_S)
                with visitor if self._tls is None else self._tls.wrap_socket(visitor, server_side=True) as line:
                    self.told += line.recv(65536)
                    line.sendall(REDIRECT)


@contextmanager
def portal(port: int, certificate: Path | None = None) -> Iterator[Portal]:
    made = Portal(port, certificate)
    try:
        yield made
    finally:
        made.close()

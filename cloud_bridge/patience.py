"""HTTP connections that end when the other side does not go on: a head that never comes to its end, an answer that
nobody takes, a body after the answer. The server below waits for these for ever, and a process has only so many
connections, so a few thousand beginnings of a request would be enough to keep everybody out.

A whole head has to come within `PATIENCE_S` of the connection's opening, or of the answer before. An answer may take as
long as it takes, as long as some of it is taken in each such time. How long the application needs is its own business.
"""

from __future__ import annotations

import asyncio
import math
from typing import ClassVar

from uvicorn.protocols.http.h11_impl import H11Protocol

PATIENCE_S = 20.0


class PatientProtocol(H11Protocol):
    """uvicorn's HTTP/1.1, with an end to its patience."""

    patience_s: ClassVar[float] = PATIENCE_S
    _waiting: asyncio.TimerHandle | None = None
    _left: float = math.inf
    """Octets of the answer that were not taken when last looked at."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()

    def on_response_complete(self) -> None:
        self._left = math.inf
        self._wait()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._stop()
        self._waiting = self.loop.call_later(self.patience_s, self._look)

    def _stop(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _look(self) -> None:
        self._waiting = None
        if self.cycle is not None and not self.cycle.response_complete:
            # It is being answered: the next time begins with the answer.
            return
        left = self.transport.get_write_buffer_size()
        if 0 < left < self._left:
            self._left = left
            self._wait()
        else:
            self.transport.abort()

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

from cloud_bridge.server.https import CERTIFICATE, shown_by
from cloud_bridge.server.joining import Joining

PATIENCE_S = 20.0


class PatientProtocol(H11Protocol):
    """uvicorn's HTTP/1.1, with an end to its patience."""

    patience_s: ClassVar[float] = PATIENCE_S
    _timer: asyncio.TimerHandle | None = None
    _since_s: float = 0.0
    """From when the other side's time counts, by the event loop's clock."""
    _left: float = math.inf
    """Octets of the answer that were not taken when last looked at."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(Joining(transport, self.loop))  # type: ignore[arg-type]
        if (shown := shown_by(transport)) is not None:
            self.app_state = {**self.app_state, CERTIFICATE: shown}
        self._count_anew()
        self._look_in(self.patience_s)

    def on_response_complete(self) -> None:
        self._left = math.inf
        self._count_anew()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        super().connection_lost(exc)

    def _count_anew(self) -> None:
        # A timer for each answer would cost more than this: the one there is looks again when it finds itself early.
        self._since_s = self.loop.time()

    def _look_in(self, seconds: float) -> None:
        self._timer = self.loop.call_later(seconds, self._look)

    def _look(self) -> None:
        left = self.transport.get_write_buffer_size()
        if self.cycle is not None and not self.cycle.response_complete:
            # It is being answered: the next time begins with the answer.
            self._look_in(self.patience_s)
        elif (rest_s := self._since_s + self.patience_s - self.loop.time()) > 0:
            self._look_in(rest_s)
        elif 0 < left < self._left:
            self._left = left
            self._count_anew()
            self._look_in(self.patience_s)
        else:
            self.transport.abort()

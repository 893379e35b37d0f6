"""Requests of UDS (ISO 14229-1), one after the other, each when the one before was answered positively.

A computer that says that it is busy has done nothing, and is asked again; one that says that it needs longer is given
longer. What is not answered is not asked again: nobody knows whether it was done.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from agent.asking.address import Address
from agent.asking.conversation import ANSWER_MS, BUSY_MS, LONGEST_PENDING_MS, PENDING_MS
from agent.asking.lines.line import Line
from agent.asking.messages import NEGATIVE, Refusal
from agent.isotp.pids import POSITIVE
from agent.remote.frames import TransmissionError

_MOST_BUSY = 10
_LOOK_S = 0.1
_ECHOED = {0x10: 1, 0x2E: 2, 0x2F: 2, 0x31: 3}
"""How many bytes after the service a positive answer repeats of its request."""


class Conversing:
    def __init__(self, line: Line, address: Address, cancelled: threading.Event, clock_s: Callable[[], float]) -> None:
        self._line = line
        self._address = address
        self._cancelled = cancelled
        self._clock_s = clock_s

    def send(self, requests: Sequence[bytes], sent: Callable[[], None]) -> None:
        """Calls `sent` for each request. Raises TransmissionError, OSError."""
        for request in requests:
            for _ in range(_MOST_BUSY):
                if self._cancelled.is_set():
                    return
                self._line.ask(self._address, request)
                sent()
                try:
                    refused = self._answer(request)
                finally:
                    self._line.rest(self._address)
                if refused != Refusal.BUSY:
                    break
                self._cancelled.wait(BUSY_MS / 1000)
            if refused is not None:
                raise TransmissionError(f"{self._named(request)} is refused with {refused:02X}")

    def _answer(self, request: bytes) -> int | None:
        """The reason of a refusal; None for a positive answer."""
        asked_s = self._clock_s()
        until_s = asked_s + ANSWER_MS / 1000
        while (left_s := until_s - self._clock_s()) > 0:
            for answer in self._line.answers(min(left_s, _LOOK_S)):
                message = answer.message
                if answer.number != self._address.answer or not message:
                    continue
                if message[0] == NEGATIVE and len(message) >= 3 and message[1] == request[0]:
                    if message[2] != Refusal.PENDING:
                        return message[2]
                    until_s = min(self._clock_s() + PENDING_MS / 1000, asked_s + LONGEST_PENDING_MS / 1000)
                elif _is_positive(request, message):
                    return None
        raise TransmissionError(f"{self._named(request)} is not answered")

    def _named(self, request: bytes) -> str:
        """Without what it carries, which may be a position."""
        return f"the request {request[: 1 + _ECHOED[request[0]]].hex(' ').upper()} to {self._address.request:03X}"


def _is_positive(request: bytes, message: bytes) -> bool:
    echoed = 1 + _ECHOED[request[0]]
    return message[0] == request[0] + POSITIVE and message[1:echoed] == request[1:echoed]

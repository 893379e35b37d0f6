"""Frames that are transmitted: each as often and as far apart as its message wants it.

A counter goes on from the newest value that the bus shows, whoever says it, and from our own last one where nobody else
says anything. What a frame's other bits are, where they are to be those of the bus, is what was heard last.
"""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from agent.databases.layouts import MessageLayout
from agent.decode.decoders import RawDecoder, raw_decoder
from agent.plan.actions import Arguments, PlannedFrame

if TYPE_CHECKING:
    from agent.asking.lines.library import Wire

_LISTENING_S = 1.0
"""At least so long what is on the bus already is waited for; two cycles where these are longer."""
_FULL_S = 0.01
_MOST_TRIES = 20


class TransmissionError(Exception):
    """It was not all sent, or not taken; the text says why."""


class Counters:
    """The last value of each counter that we have sent."""

    def __init__(self) -> None:
        self._sent: dict[tuple[str, int, bool], int] = {}

    def last(self, frame: PlannedFrame) -> int:
        return self._sent.get((frame.bus, frame.id, frame.extended), -1)

    def sent(self, frame: PlannedFrame, count: int) -> None:
        self._sent[frame.bus, frame.id, frame.extended] = count


class Repeating:
    """The transmission of one planned frame, `count` times."""

    def __init__(
        self,
        wire: Wire,
        frame: PlannedFrame,
        arguments: Arguments,
        counters: Counters,
        cancelled: threading.Event,
        clock_s: Callable[[], float],
    ) -> None:
        self._wire = wire
        self._frame = frame
        self._arguments = arguments
        self._counters = counters
        self._cancelled = cancelled
        self._clock_s = clock_s
        self._heard: bytes | None = None
        self._count = counters.last(frame)
        self._counter_of = _counter_decoder(frame)

    def send(self, begin: Callable[[], None], sent: Callable[[], None]) -> None:
        """Calls `begin` before the first frame, once all that it needs is known, and `sent` after each. Raises
        TransmissionError (what `begin` raises, too), OSError."""
        frame = self._frame
        if frame.listens:
            until_s = self._clock_s() + max(_LISTENING_S, 2 * frame.every_ms / 1000)
            while self._heard is None and not self._cancelled.is_set() and self._clock_s() < until_s:
                self._listen(min(0.1, until_s - self._clock_s()))
        if frame.base is None and self._heard is None:
            raise TransmissionError(f"nobody sends {frame.name}: what its other bits have to be is not known")
        due_s = self._clock_s()
        for number in range(frame.count):
            if number:
                due_s += frame.every_ms / 1000
                while (left_s := due_s - self._clock_s()) > 0 and not self._cancelled.is_set():
                    self._listen(left_s)
            if self._cancelled.is_set():
                return
            if not number:
                begin()
            self._send_one()
            sent()

    def _send_one(self) -> None:
        frame = self._frame
        self._count += 1
        if frame.base is None and self._heard is not None and len(self._heard) < frame.length:
            raise TransmissionError(f"{frame.name} has {len(self._heard)} bytes on the bus, expected {frame.length}")
        try:
            data = frame.finished(frame.payload(self._arguments, self._heard), self._count)
        except ValueError:
            # Without what was asked for, which may be a position.
            raise TransmissionError(f"{frame.name} cannot say what was asked for") from None
        for attempt in range(_MOST_TRIES):
            try:
                self._wire.send(frame.id, frame.extended, data)
                break
            except OSError as failure:
                if failure.errno != errno.ENOBUFS or attempt == _MOST_TRIES - 1:
                    raise
                self._cancelled.wait(_FULL_S)  # The interface's queue is full for a moment.
        self._counters.sent(frame, self._count)

    def _listen(self, wait_s: float) -> None:
        for heard in self._wire.receive(wait_s):
            if (heard.id, heard.extended) != (self._frame.id, self._frame.extended):
                continue
            self._heard = heard.data
            if self._counter_of is not None and (count := self._counter_of(heard.data)[0]) is not None:
                self._count = count


def _counter_decoder(frame: PlannedFrame) -> RawDecoder | None:
    if frame.counter is None:
        return None
    layout = MessageLayout(frame.name, frame.id, frame.extended, False, frame.length, None, (frame.counter,))
    return raw_decoder(layout, [frame.counter.name])

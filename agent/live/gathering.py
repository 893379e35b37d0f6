"""Live sources put together: one stream comes out, in the order of time, as the sampler wants it.

The thread that takes the stream reads SocketCAN itself (`agent.bus.socketcan`). Every other source, a bus of python-can
or a device, is read by a thread of its own, and threads are not in order: so where there are any, frames are held back
for `HOLD_MS`, which is longer than a source gathers before it hands on. What comes later still takes the time up to
which all was given out. Memory is bounded: when nobody takes the stream, the threads wait, and the kernel drops (and
counts) frames.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
import traceback
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Protocol, Self

from agent.bus.failures import InterfaceError
from agent.bus.frame import Frame

log = logging.getLogger(__name__)

HOLD_MS = 150
_WAIT_S = 0.2
_AFTER_FAILURE_S = 1.0
_PATIENCE_S = 5.0
_MOST_BATCHES = 256


class Source(Protocol):
    """A bus or a receiver that has a thread of its own."""

    def read(self, wait_s: float) -> list[Frame]:
        """What has come, in the order of time; waits for it up to `wait_s`. Raises InterfaceError if it never will."""

    def close(self) -> None: ...


class Direct(Protocol):
    """Buses that are read by the thread that takes the stream."""

    settled_ms: int
    """Everything that came up to here has been given out."""

    def read(self, wait_s: float) -> list[Frame]:
        """What has come; waits for it up to `wait_s`, or until `wake`."""

    def wake(self) -> None:
        """Something else has come. From any thread."""

    def close(self) -> None: ...


class Gathering:
    """Frames of several sources, until closed. `clock_ms` is the one that their frames' times are on."""

    def __init__(
        self,
        sources: Sequence[Source],
        clock_ms: Callable[[], int],
        direct: Direct | None = None,
        patience_s: float = _PATIENCE_S,
    ) -> None:
        """`patience_s`: how long all sources together may take to stop."""
        self._sources = tuple(sources)
        self._clock_ms = clock_ms
        self._direct = direct
        self._patience_s = patience_s
        self._arrived: queue.Queue[list[Frame] | InterfaceError] = queue.Queue(_MOST_BATCHES)
        self._closed = threading.Event()
        self._held: list[Frame] = []
        self._last_ms = 0
        self.settled_ms = 0
        """Everything up to here has been given out: nothing earlier comes."""
        self._threads = [
            threading.Thread(target=self._read, args=(source,), name=f"source {number}", daemon=True)
            for number, source in enumerate(self._sources)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed.set()
        until_s = time.monotonic() + self._patience_s
        for thread, source in zip(self._threads, self._sources, strict=True):
            thread.join(max(0.0, until_s - time.monotonic()))
            if thread.is_alive():
                # A modem that is being reset, say, takes minutes: the service is not to be killed for that.
                log.warning("%s is still busy and is left", thread.name)
            else:
                source.close()
        if self._direct is not None:
            self._direct.close()

    def batches(self, wait_s: float) -> Iterator[list[Frame]]:
        """What has come and is old enough; an empty batch where nothing is, after `wait_s` at most.

        Raises InterfaceError when a source can never be read.
        """
        while True:
            if self._direct is not None:
                self._held += self._direct.read(wait_s)
            else:
                self._wait(wait_s)
            self._take_arrived()
            yield self._released(self._settled())

    def rest(self) -> list[Frame]:
        """What is still held back: there is nothing more to wait for."""
        if self._direct is not None:
            self._held += self._direct.read(0)
        self._take_arrived()
        return self._released(max([self._clock_ms(), *(frame.at_ms for frame in self._held)]))

    def _wait(self, wait_s: float) -> None:
        try:
            self._take(self._arrived.get(timeout=wait_s))
        except queue.Empty:
            return

    def _take_arrived(self) -> None:
        try:
            while True:
                self._take(self._arrived.get_nowait())
        except queue.Empty:
            return

    def _take(self, arrived: list[Frame] | InterfaceError) -> None:
        if isinstance(arrived, InterfaceError):
            raise arrived
        self._held += arrived

    def _settled(self) -> int:
        """Nothing that came up to here is still on its way."""
        direct_ms = self._clock_ms() if self._direct is None else self._direct.settled_ms
        return min(direct_ms, self._clock_ms() - HOLD_MS) if self._sources else direct_ms

    def _released(self, until_ms: int) -> list[Frame]:
        self.settled_ms = until_ms = max(self.settled_ms, until_ms)
        self._held.sort(key=_at_ms)
        count = bisect_right(self._held, until_ms, key=_at_ms)
        released, self._held = self._held[:count], self._held[count:]
        late = bisect_right(released, self._last_ms, key=_at_ms)
        released[:late] = [frame._replace(at_ms=self._last_ms) for frame in released[:late]]
        self._last_ms = max(self._last_ms, until_ms)
        return released

    def _read(self, source: Source) -> None:
        while not self._closed.is_set():
            try:
                frames: list[Frame] | InterfaceError = source.read(_WAIT_S)
            except InterfaceError as error:
                frames = error
            except Exception as failure:  # noqa: BLE001 (log.exception would say what it says in words)
                # What no source should raise: it must end neither this one for good, unsaid, nor the others. What it
                # says in words is not logged: that may be a position.
                at = traceback.extract_tb(failure.__traceback__)[-1]
                log.error(
                    "a source failed unexpectedly: %s in %s, line %s; it is read again in %g s",
                    type(failure).__name__,
                    at.filename,
                    at.lineno,
                    _AFTER_FAILURE_S,
                )
                self._closed.wait(_AFTER_FAILURE_S)
                continue
            if frames:
                self._hand_on(frames)
            if isinstance(frames, InterfaceError):
                return

    def _hand_on(self, frames: list[Frame] | InterfaceError) -> None:
        while not self._closed.is_set():
            try:
                self._arrived.put(frames, timeout=_WAIT_S)
            except queue.Full:
                continue
            if self._direct is not None:
                self._direct.wake()
            return


def _at_ms(frame: Frame) -> int:
    return frame.at_ms

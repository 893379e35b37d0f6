"""The transmitter: a thread of its own that sends what it is given, so that sampling never waits for a bus.

The thread begins with the first thing that there is to send. What it sends on is opened for each transmission and
closed after it: where nothing is asked, nothing that could transmit is open.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Protocol

from agent.asking.address import Address
from agent.asking.lines.line import Line
from agent.clocks.system import monotonic_ms
from agent.plan.actions import Arguments, PlannedAction
from agent.remote.execution import EXPIRED
from agent.remote.frames import Counters, Repeating, TransmissionError
from agent.remote.requests import Conversing

if TYPE_CHECKING:
    from agent.asking.lines.library import Wire

log = logging.getLogger(__name__)

_STOPPING_S = 2.0


class Opening(Protocol):
    """What opens the buses."""

    def wire(self, bus: str, ids: Collection[tuple[int, bool]]) -> Wire:
        """Raises OSError."""

    def line(self, bus: str, address: Address) -> Line:
        """Raises OSError."""


class Job:
    """A transmission, as `agent.remote.execution` sees it."""

    def __init__(self, action: PlannedAction, arguments: Arguments, begins_by_ms: int | None) -> None:
        self.action = action
        self.begins_by_ms = begins_by_ms
        self.arguments: Mapping[str, float] = arguments
        self.failure: str | None = None
        self.cancelled = threading.Event()
        self._begun = False
        self._over = threading.Event()

    @property
    def over(self) -> bool:
        return self._over.is_set()

    def cancel(self) -> None:
        self.cancelled.set()

    def begin(self, now_ms: int) -> None:
        """Something is transmitted now; once it has begun it goes on. Raises TransmissionError where it is too late."""
        if not self._begun and self.begins_by_ms is not None and now_ms >= self.begins_by_ms:
            raise TransmissionError(EXPIRED)
        self._begun = True

    def end(self, failure: str | None) -> None:
        self.failure = failure
        self._over.set()


class Transmitter:
    def __init__(self, opening: Opening) -> None:
        self.frames = 0
        """Transmitted."""
        self.requests = 0
        self._opening = opening
        self._counters = Counters()
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._current: Job | None = None
        self._closed = threading.Event()

    def transmit(self, action: PlannedAction, arguments: Arguments, begins_by_ms: int | None) -> Job:
        """Begins as soon as what was given before is over; fails where that is not before `begins_by_ms`."""
        job = Job(action, arguments, begins_by_ms)
        self._jobs.put(job)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="transmitter", daemon=True)
            self._thread.start()
        return job

    def close(self) -> None:
        """Nothing more is sent. A computer that is asked just now is given a moment to answer."""
        if self._thread is None:
            return
        self._closed.set()
        current = self._current
        if current is not None:
            current.cancel()
        self._jobs.put(None)
        self._thread.join(_STOPPING_S)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None and not self._closed.is_set():
            self._current = job
            try:
                self._transmit(job)
            except TransmissionError as failure:
                job.end(str(failure))
            except OSError as failure:
                job.end(f"the bus cannot be written: {failure.strerror or failure}")
            except Exception as failure:
                # What nobody should raise: the action has failed, and the thread goes on with the next one.
                log.exception("remote: %s failed unexpectedly", job.action.name)
                job.end(f"it failed unexpectedly: {type(failure).__name__}")
            else:
                job.end(None)
            self._current = None

    def _transmit(self, job: Job) -> None:
        for frame in job.action.frames:
            if job.cancelled.is_set():
                return
            wire = self._opening.wire(frame.bus, [(frame.id, frame.extended)])
            try:
                repeating = Repeating(wire, frame, job.arguments, self._counters, job.cancelled, time.monotonic)
                repeating.send(lambda: job.begin(monotonic_ms()), self._sent_frame)
            finally:
                wire.close()
        requests = job.action.requests
        if requests is not None and not job.cancelled.is_set():
            try:
                payloads = requests.payloads(job.arguments)
            except ValueError as wrong:
                raise TransmissionError(str(wrong)) from None
            line = self._opening.line(requests.bus, requests.address)
            try:
                job.begin(monotonic_ms())
                Conversing(line, requests.address, job.cancelled, time.monotonic).send(payloads, self._sent_request)
            finally:
                line.close()

    def _sent_frame(self) -> None:
        self.frames += 1

    def _sent_request(self) -> None:
        self.requests += 1

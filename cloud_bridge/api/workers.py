"""Threads that answer requests which may take long, so that the event loop goes on.

`loop.run_in_executor` does that too, for any function and any waiter, and costs more than a short answer itself: a
future with a lock for each call, and a wake-up of the loop for each result. Here results that are ready together wake
the loop once.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from types import TracebackType
from typing import Generic, TypeVar

T = TypeVar("T")
U = TypeVar("U")


class _Outcome(Generic[U]):
    """What a function returned or raised, for who waits for it in an event loop."""

    def __init__(self, future: asyncio.Future[U]) -> None:
        self._future = future
        self.result: U
        self._failure: BaseException | None = None

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: type[BaseException] | None, failure: BaseException | None, __: TracebackType | None) -> bool:
        self._failure = failure
        return True

    def hand_out(self) -> None:
        if self._future.done():
            return
        if self._failure is None:
            self._future.set_result(self.result)
        else:
            self._future.set_exception(self._failure)


class _Results:
    """What is ready for one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._ready: deque[Callable[[], None]] = deque()
        self._is_woken = False

    def put(self, hand_out: Callable[[], None]) -> None:
        self._ready.append(hand_out)
        if not self._is_woken:
            self._is_woken = True
            with suppress(RuntimeError):  # The loop was closed: nobody waits any more.
                self.loop.call_soon_threadsafe(self._hand_out)

    def _hand_out(self) -> None:
        # First: what comes from now on wakes the loop again.
        self._is_woken = False
        while self._ready:
            self._ready.popleft()()


class Workers:
    """As many threads as `number`, started when first needed; they end with the process."""

    def __init__(self, name: str, number: int) -> None:
        self._name = name
        self._number = number
        self._starting = threading.Lock()
        self._started = False
        self._jobs: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._results: _Results | None = None

    async def run(self, function: Callable[[T], U], argument: T) -> U:
        """What `function` returns or raises, from one of the threads."""
        loop = asyncio.get_running_loop()
        results = self._results
        if results is None or results.loop is not loop:
            results = self._results = _Results(loop)
            self._start()
        future: asyncio.Future[U] = loop.create_future()

        def job() -> None:
            outcome: _Outcome[U] = _Outcome(future)
            with outcome:
                outcome.result = function(argument)
            results.put(outcome.hand_out)

        self._jobs.put(job)
        return await future

    def _start(self) -> None:
        with self._starting:
            if not self._started:
                self._started = True
                for number in range(self._number):
                    threading.Thread(target=self._work, name=f"{self._name}-{number}", daemon=True).start()

    def _work(self) -> None:
        while True:
            self._jobs.get()()

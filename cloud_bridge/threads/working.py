"""A thread that does something again and again until it is told to stop: when it is woken, and from time to time."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from cloud_bridge.store.port.errors import StoreError

log = logging.getLogger(__name__)


class Working:
    def __init__(
        self,
        name: str,
        turn: Callable[[], object],
        every_s: float,
        on_failure: Callable[[], None],
        *,
        first_s: float = 0.0,
        complaint: str,
    ) -> None:
        """`turn` is called `first_s` after the start, then `every_s` after each time that it returned, and sooner when
        woken. What the database refuses (StoreError) is said with `complaint`, and tried again at the next turn; on
        anything else the thread ends, and `on_failure` is called from it."""
        self._turn = turn
        self._every_s = every_s
        self._first_s = first_s
        self._on_failure = on_failure
        self._complaint = complaint
        self._woken = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def stopping(self) -> bool:
        """Whether a turn that takes long should leave off."""
        return self._stopping.is_set()

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """There is something to do. From any thread."""
        self._woken.set()

    def pause(self, seconds: float) -> bool:
        """Waits, within a turn; whether it is to go on."""
        return not self._stopping.wait(seconds)

    def stop(self) -> None:
        """Ends it after the turn that it is at."""
        self._stopping.set()
        self._woken.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        finished = False
        try:
            self._woken.wait(self._first_s)
            while not self._stopping.is_set():
                self._woken.clear()
                try:
                    self._turn()
                except StoreError as error:
                    log.error("%s: %s", self._complaint, error)
                self._woken.wait(self._every_s)
            finished = True
        finally:
            if not finished:
                self._on_failure()

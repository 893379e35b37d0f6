"""The thread that evaluates monitors.

What a running monitor covers is derived and evaluated as soon as it is committed; all else that is derived waits a
moment for more to come (`cloud_bridge.bridge`). What other threads and programs derive, thefts that are reported, and
what is due by the clock, are looked for in between.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable

from cloud_bridge.deriving.deriver import Deriver
from cloud_bridge.evaluating.evaluator import Evaluator
from cloud_bridge.store.port.errors import StoreError
from cloud_bridge.store.port.monitoring import Monitoring

LOOK_S = 2.0
BACKLOG = 20
"""A vehicle that sent more at once was out of reach for a while: it holds up none that was not, others derive it."""
PATIENCE_S = 0.1
AGAIN_S = 0.05
"""After something changed while it was evaluated, or was too much for once."""

log = logging.getLogger(__name__)


class Watcher:
    """`start`, then `stop`; not to be started twice."""

    def __init__(
        self,
        deriver: Deriver,
        store: Monitoring,
        evaluator: Evaluator,
        on_told: Callable[[], None],
        on_failure: Callable[[], None],
    ) -> None:
        """`on_told`: there is something in the outbox. `on_failure`: the thread ended by itself."""
        self._deriver = deriver
        self._store = store
        self._evaluator = evaluator
        self._on_told = on_told
        self._on_failure = on_failure
        self._changed = threading.Condition()
        self._came: set[str] = set()
        self._left_over: set[str] = set()
        """What came and could not be derived."""
        self._is_busy = False
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="monitor-watcher", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """What is not evaluated yet is by whoever comes next."""
        self._evaluator.stop()
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join()

    def came(self, vins: Iterable[str]) -> None:
        """Something of these vehicles was committed."""
        with self._changed:
            self._came.update(vins)
            self._changed.notify_all()

    def wait_idle(self, timeout_s: float) -> bool:
        """Waits until everything that came is evaluated; whether it is."""
        with self._changed:
            self._came.add("")
            self._changed.notify_all()
            return self._changed.wait_for(lambda: not self._came and not self._is_busy, timeout_s)

    def _run(self) -> None:
        finished = False
        wait_s = LOOK_S
        try:
            while True:
                with self._changed:
                    self._changed.wait_for(lambda: self._came or self._stopping, wait_s)
                    if self._stopping:
                        break
                    came, self._came = self._came, set()
                    self._is_busy = True
                wait_s = self._look(came)
                with self._changed:
                    self._is_busy = False
                    self._changed.notify_all()
            finished = True
        finally:
            if not finished:
                self._on_failure()

    def _look(self, came: set[str]) -> float:
        """Derives what `came`, as far as a monitor covers it, and evaluates; when to look again, s."""
        self._left_over |= came
        try:
            # What is left somebody else is at, and marks it.
            self._deriver.derive_all(self._store.covered(self._left_over, BACKLOG), PATIENCE_S)
            self._left_over.clear()
            swept = self._evaluator.sweep()
        except StoreError as error:
            log.error("monitors cannot be evaluated now, trying again: %s", error)
            return LOOK_S
        if swept.told:
            self._on_told()
        return AGAIN_S if swept.again else LOOK_S

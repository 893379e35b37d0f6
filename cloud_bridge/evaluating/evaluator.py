"""Evaluating monitors: from what vehicles said to notifications in the outbox.

What is to be evaluated is marked in the transaction that made it so (`cloud_bridge.store.sqlite.monitoring`). States
and notifications are written with the mark taken away, in one transaction, and only if nothing changed since: a process
that ends at any point leaves the mark, and whoever comes next evaluates the same again.

A monitor that cannot be evaluated holds up no other, and nothing of its vehicles. It goes on in no state that was kept,
which may have been written by another program; where that does not help it has failed, is said so once, and takes no
part until it is replaced or set running again. What cannot be read of one vehicle holds up no other either: it is
noted, and looked at again a minute later.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from cloud_bridge.evaluating.evaluation import LEG, Evaluation, Seen
from cloud_bridge.evaluating.watches import Library
from cloud_bridge.monitors.broken import BrokenError
from cloud_bridge.profiles import Known
from cloud_bridge.services import Services
from cloud_bridge.store.port.derived import Derived
from cloud_bridge.store.port.errors import StoreError
from cloud_bridge.store.port.monitoring import Evaluated, Monitoring, Progress
from cloud_bridge.store.port.monitors import Monitor
from cloud_bridge.threads.faults import Aside, Faults

PART = "monitors"
TOGETHER_S = 0.05
"""What is evaluated within this time is written at once."""

log = logging.getLogger(__name__)


class Swept(NamedTuple):
    told: int
    """Notifications that there are to send now."""
    again: int
    """Vehicles that are to be looked at again now: something changed meanwhile, or there is too much for once."""


class Evaluator:
    """For one thread; several processes may be at it at once."""

    def __init__(
        self,
        derived: Derived,
        store: Monitoring,
        known_of: Callable[[str], Known | None],
        services: Services,
        clock_ms: Callable[[], int],
        leg: int = LEG,
        faults: Faults | None = None,
    ) -> None:
        """`known_of`: the profile of a vehicle by its VIN, None where there is none that can be used. `leg`: as in
        `Evaluation`."""
        self._derived = derived
        self._store = store
        self._known_of = known_of
        self._services = services
        self._clock_ms = clock_ms
        self._leg = leg
        self._library = Library(store, self._fail)
        self._failed = 0
        """Monitors, since they were looked at last: whose vehicles are to be looked at again."""
        self._aside = Aside(faults or Faults(), PART)
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Leaves off after the vehicle that is being evaluated."""
        self._stopping.set()

    def sweep(self) -> Swept:
        """Evaluates every vehicle of which something is new."""
        told = again = 0
        for together in self._batches(self._store.to_evaluate(self._clock_ms())):
            new, stale = self._store.put(together, self._clock_ms())
            told += new
            again += stale + sum(evaluated.dirty_from_ms is not None for _, evaluated in together)
        again, self._failed = again + self._failed, 0
        return Swept(told, again)

    def _batches(self, vins: Iterable[str]) -> Iterator[list[tuple[Progress, Evaluated]]]:
        """What is written at once: a transaction costs as much as evaluating a vehicle, but nothing waits for long."""
        found: list[tuple[Progress, Evaluated]] = []
        until_s = 0.0
        for vin in vins:
            if self._stopping.is_set():
                break
            if vin in self._aside:
                continue
            until_s = until_s if found else time.monotonic() + TOGETHER_S
            found += self._evaluated_or_left(vin)
            if found and time.monotonic() >= until_s:
                yield found
                found = []
        if found:
            yield found

    def _evaluated_or_left(self, vin: str) -> list[tuple[Progress, Evaluated]]:
        try:
            with self._store.snapshot():
                return self._evaluated(vin)
        except StoreError:
            raise
        except Exception:  # noqa: BLE001 (it is noted)
            self._aside.note(vin)
            return []

    def _evaluated(self, vin: str) -> list[tuple[Progress, Evaluated]]:
        """Nothing where it cannot be, or need not any more."""
        progress = self._store.progress(vin)
        if progress is None or not self._has_to_be(progress):
            return []
        known = self._known_of(vin)
        if known is None or known.digest != progress.extent.profile:
            return []
        seen = Seen(progress, known, self._library.of(progress.memberships), self._services, self._clock_ms())
        evaluated = self._evaluate(seen)
        return [] if evaluated is None else [(progress, evaluated)]

    def _evaluate(self, seen: Seen) -> Evaluated | None:
        """None where a monitor failed: others are there now."""
        distrusted: set[str] = set()
        while True:
            try:
                return Evaluation(self._derived, self._store, seen, self._leg, distrusted).run()
            except BrokenError as error:
                monitor = seen.watches.by_key[error.key].monitor
                if error.key in distrusted:
                    self._fail(monitor, error.why)
                    return None
                # Not the error itself: who keeps it keeps open what was being read.
                log.error(
                    "monitor %s of fleet %s cannot be evaluated for vehicle %s, and is followed anew: %s",
                    monitor.id,
                    monitor.fleet_id,
                    seen.progress.vehicle.vin,
                    error.why,
                )
                distrusted.add(error.key)

    def _fail(self, monitor: Monitor, why: str) -> None:
        if self._store.fail(monitor, self._clock_ms()):
            self._failed += 1
            log.error("monitor %s of fleet %s has failed, and tells nothing: %s", monitor.id, monitor.fleet_id, why)

    def _has_to_be(self, progress: Progress) -> bool:
        mark = progress.mark
        is_due = mark.due_ms is not None and mark.due_ms <= self._clock_ms()
        return progress.extent.dirty_from_ms is None and (mark.dirty_from_ms is not None or is_due)

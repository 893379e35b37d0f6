"""Defects that cost one vehicle, action, monitor or sender, and not the thread that came upon them: logged with whose
they were, and counted since the start by the part of the bridge. `/health` and `canlift-bridge health` show the counts.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from types import TracebackType

from cloud_bridge.store.port.errors import StoreError

AGAIN_S = 60.0

log = logging.getLogger(__name__)


class Faults:
    """All methods may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def note(self, part: str, whose: str) -> None:
        """For where an exception is handled, which nobody should have raised."""
        log.exception("%s: a defect; what is of %s is left out", part, whose)
        with self._lock:
            self._counts[part] += 1

    def sparing(self, part: str, whose: str) -> _Sparing:
        """A context: what is raised within is noted, and costs no more than that. StoreError is another matter: it is
        about no vehicle, and over one day."""
        return _Sparing(self, part, whose)

    @property
    def counts(self) -> dict[str, int]:
        """By part, in the order of the alphabet."""
        with self._lock:
            return dict(sorted(self._counts.items()))


class Aside:
    """Vehicles with which a defect showed in a part of the bridge, left alone for `AGAIN_S`: what is tried again and
    again shows the same, and says so each time. All methods may be called from any thread."""

    def __init__(self, faults: Faults, part: str) -> None:
        self._faults = faults
        self._part = part
        self._until_s: dict[str, float] = {}

    def __contains__(self, vin: str) -> bool:
        until_s = self._until_s.get(vin)
        return until_s is not None and time.monotonic() < until_s

    def note(self, vin: str) -> None:
        """As `Faults.note`."""
        self._until_s[vin] = time.monotonic() + AGAIN_S
        self._faults.note(self._part, f"vehicle {vin}, for a minute,")


class _Sparing:
    def __init__(self, faults: Faults, part: str, whose: str) -> None:
        self._faults = faults
        self._part = part
        self._whose = whose

    def __enter__(self) -> None: ...

    def __exit__(
        self, _type: type[BaseException] | None, raised: BaseException | None, _traceback: TracebackType | None
    ) -> bool:
        """Whether what was raised is over with."""
        if not isinstance(raised, Exception) or isinstance(raised, StoreError):
            return False
        self._faults.note(self._part, self._whose)
        return True

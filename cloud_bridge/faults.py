"""Defects that cost one vehicle, monitor or sender, and not the thread that came upon them: logged with whose they
were, and counted since the start by the part of the bridge. `/health` and `canlift-bridge health` show the counts.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from cloud_bridge.store.port.errors import StoreError

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

    @contextmanager
    def sparing(self, part: str, whose: str) -> Iterator[None]:
        """What is raised within is noted, and costs no more than that. StoreError is another matter: it is about no
        vehicle, and over one day."""
        try:
            yield
        except StoreError:
            raise
        except Exception:  # noqa: BLE001 (it is said, and counted)
            self.note(part, whose)

    @property
    def counts(self) -> dict[str, int]:
        """By part, in the order of the alphabet."""
        with self._lock:
            return dict(sorted(self._counts.items()))

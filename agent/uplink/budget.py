"""The budget of a metered line: what may still go today and this month.

Days and months are those of UTC. Before that is known, and while it is not, what is used counts for the period that was
last; a day is over after 24 hours of the box's running, a month after 30 times that. So it is where the date is before
the one that is noted: a clock that is set back gives no day twice, and one that was once wrong stops nothing for good.
A box without a clock never spends more than it may, and is never kept waiting for ever.

What is short goes to what matters: the last fifth of a budget is not for history, the last twentieth for events alone.
What waits stays in the journal.

Kept in a file, so that a restart does not begin anew:

    {"day": "2026-11-26", "day_used": 12345, "day_s": 3600, "month": "2026-11", "month_used": …, "month_s": …}

It is written when a hundredth of the smallest budget was used since, when a period begins, and at the end: a power cut
makes at most that hundredth cost nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from agent.disk.durable import replace_durably
from agent.journal.segments import Priority
from agent.settings.uplink import Budget as Limits

log = logging.getLogger(__name__)

_SHARES = ((Priority.HISTORY, 0.8), (Priority.STATE, 0.95), (Priority.EVENT, 1.0))
_DAY_S = 86_400.0
_MONTH_S = 30 * _DAY_S
_KEPT_EVERY = 0.01


class _Used(msgspec.Struct):
    day: str = ""
    day_used: int = 0
    day_s: float = 0
    month: str = ""
    month_used: int = 0
    month_s: float = 0


class Budget:
    """`clock` gives monotonic seconds, `utc_ms` the best time that is known, or None."""

    def __init__(
        self, limits: Limits, file: Path | None, clock: Callable[[], float], utc_ms: Callable[[], int | None]
    ) -> None:
        self.unwritten = 0
        """Times that what was used could not be kept."""
        self.limits = limits
        self._file = file if self.limited else None
        self._clock = clock
        self._utc_ms = utc_ms
        self._used = self._load()
        self._since_kept = 0
        self._at_s = clock()
        smallest = min(filter(None, (limits.day_bytes, limits.month_bytes)), default=0)
        self._keep_after = int(smallest * _KEPT_EVERY)

    @property
    def limited(self) -> bool:
        return self.limits.day_bytes is not None or self.limits.month_bytes is not None

    @property
    def day_used(self) -> int:
        return self._used.day_used

    @property
    def month_used(self) -> int:
        return self._used.month_used

    def use(self, count: int) -> None:
        """So many bytes went over the line."""
        self._turn()
        self._used.day_used += count
        self._used.month_used += count
        self._since_kept += count
        if self._since_kept > self._keep_after:
            self.keep()

    def allows(self) -> Priority | None:
        """The least important that may still go; None when nothing may, not even a connection."""
        if not self.limited:
            return Priority.HISTORY
        self._turn()
        spent = max(
            used / limit
            for used, limit in (
                (self._used.day_used, self.limits.day_bytes),
                (self._used.month_used, self.limits.month_bytes),
            )
            if limit is not None
        )
        return next((priority for priority, share in _SHARES if spent < share), None)

    def keep(self) -> None:
        """Writes what was used, if that is limited."""
        if self._file is None or not self._since_kept:
            return
        self._since_kept = 0
        try:
            replace_durably(self._file, msgspec.json.encode(self._used))
        except OSError as error:
            self.unwritten += 1
            log.error("%s: what was used of the budget cannot be kept: %s", self._file, error.strerror or error)

    def _load(self) -> _Used:
        if self._file is None:
            return _Used()
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=_Used)
        except FileNotFoundError:
            return _Used()
        except (OSError, msgspec.DecodeError) as error:
            log.error("%s: what was used of the budget cannot be read, it begins anew: %s", self._file, error)
            return _Used()

    def _turn(self) -> None:
        """Begins a new day or month where one is over."""
        now_s = self._clock()
        used, passed_s = self._used, max(now_s - self._at_s, 0)
        self._at_s = now_s
        used.day_s += passed_s
        used.month_s += passed_s
        utc_ms = self._utc_ms()
        if utc_ms is not None:
            today = datetime.fromtimestamp(utc_ms / 1000, UTC).strftime("%Y-%m-%d")
            day = today if today > used.day or used.day_s >= _DAY_S else used.day
            month = today[:7] if today[:7] > used.month or used.month_s >= _MONTH_S else used.month
        else:
            day = "" if used.day_s >= _DAY_S else used.day
            month = "" if used.month_s >= _MONTH_S else used.month
        if day != used.day or (used.day_s >= _DAY_S and utc_ms is None):
            # What was used before the first known date was used today, as far as anybody knows.
            anew = bool(used.day) or utc_ms is None
            used.day, used.day_used, used.day_s = day, 0 if anew else used.day_used, 0
            self._since_kept = max(self._since_kept, 1)
        if month != used.month or (used.month_s >= _MONTH_S and utc_ms is None):
            anew = bool(used.month) or utc_ms is None
            used.month, used.month_used, used.month_s = month, 0 if anew else used.month_used, 0
            self._since_kept = max(self._since_kept, 1)

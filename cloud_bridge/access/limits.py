"""Limits of clients: requests in a sliding day and in a sliding second (the burst).

Every request of a client counts that was admitted, whatever it was answered with; one that was refused by a limit does
not, nor does one without right credentials, because it is nobody's. Counts are kept in memory and written by `save`, by
the minute, so that a restart hands out no new day: whoever kills the process gives away what came since the last save.

Several processes on one database: each adds what it counted, and reads at each save what the others did. The day is the
client's wherever it asks, and may be exceeded by what it asks of the others between two saves; the burst is of each
process. In memory are the clients that asked since the last save, and `MOST_CLIENTS` of them at most.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import NamedTuple

from cloud_bridge.access.window import SlidingWindow
from cloud_bridge.store.port.errors import StoreError
from cloud_bridge.store.port.registry import Client
from cloud_bridge.store.port.uses import Uses

SAVE_S = 10.0
"""How often to save."""
DAY_MINUTES = 24 * 60
MOST_CLIENTS = 2000
_BURST_SLOTS = 100
"""Slots of 10 ms."""
_OVERLAP_MINUTES = 2
"""What other processes counted may be written as late as this."""

_log = logging.getLogger(__name__)


class Allowance(NamedTuple):
    """What a client may still ask for, this request included."""

    day: int
    day_left: int
    burst: int
    burst_left: int
    wait_s: int = 0
    """0: this request is admitted. Else it is not, and would be after so many seconds."""


class _Use:
    __slots__ = ("burst", "day", "unsaved")

    def __init__(self, stored: Mapping[int, int]) -> None:
        self.day = SlidingWindow(DAY_MINUTES)
        self.day.replace(0, stored)
        self.burst = SlidingWindow(_BURST_SLOTS)
        self.unsaved: dict[int, int] = {}
        """Requests by minute that the database does not have yet."""


class Limits:
    """Counts requests. Safe to call from any thread."""

    def __init__(self, uses: Uses, now_s: Callable[[], float]) -> None:
        """`now_s`: Unix seconds of a clock that is never set."""
        self._store = uses
        self._now_s = now_s
        self._lock = threading.Lock()
        self._storing = threading.Lock()
        """Held while counts are read or written; taken before the other."""
        self._uses: dict[str, _Use] = {}
        self._saved_at = int(now_s() // 60)
        """The minute of the last save."""

    def __len__(self) -> int:
        """Clients in memory."""
        return len(self._uses)

    def admit(self, client: Client) -> Allowance:
        """Counts a request of the client, if its limits allow one. Raises StoreError."""
        with self._lock:
            use = self._uses.get(client.id)
            if use is not None:
                return self._admit(use, client)
        with self._storing:
            minute = int(self._now_s() // 60)
            stored = self._store.uses(client.id, minute - DAY_MINUTES)
            with self._lock:
                use = self._uses.get(client.id)
                if use is None:
                    while len(self._uses) >= MOST_CLIENTS:
                        del self._uses[next(iter(self._uses))]
                    use = self._uses[client.id] = _Use(_past(stored, minute))
                return self._admit(use, client)

    def _admit(self, use: _Use, client: Client) -> Allowance:
        now_s = self._now_s()
        minute, instant = int(now_s // 60), int(now_s * _BURST_SLOTS)
        day_left = client.day - use.day.count(minute)
        burst_left = client.burst - use.burst.count(instant)
        if day_left > 0 and burst_left > 0:
            use.day.add(minute)
            use.burst.add(instant)
            use.unsaved[minute] = use.unsaved.get(minute, 0) + 1
            return Allowance(client.day, day_left - 1, client.burst, burst_left - 1)
        room_s = now_s
        if day_left <= 0:
            room_s = use.day.room_at(client.day) * 60.0
        if burst_left <= 0:
            room_s = max(room_s, use.burst.room_at(client.burst) / _BURST_SLOTS)
        wait_s = max(1, int(-(-(room_s - now_s) // 1)))
        return Allowance(client.day, max(0, day_left), client.burst, max(0, burst_left), wait_s)

    def save(self) -> None:
        """Writes what was counted since the last save, and reads what others did. What cannot be written now is at the
        next; clients that did not ask since are forgotten here, and read again when they do."""
        with self._storing:
            minute = int(self._now_s() // 60)
            with self._lock:
                self._uses = {client: use for client, use in self._uses.items() if use.unsaved}
                unsaved = {client: use.unsaved for client, use in self._uses.items()}
                for use in self._uses.values():
                    use.unsaved = {}
            if not unsaved:
                self._saved_at = minute
                return
            since = self._saved_at - _OVERLAP_MINUTES
            try:
                stored = self._store.add_uses(unsaved, since, minute - DAY_MINUTES)
            except StoreError as error:
                _log.warning("how often clients asked cannot be saved now, trying again: %s", error)
                with self._lock:
                    for client, counts in unsaved.items():
                        if client in self._uses:
                            _add(self._uses[client].unsaved, counts)
                return
            with self._lock:
                for client, found in stored.items():
                    if client in self._uses:
                        use = self._uses[client]
                        use.day.replace(since, _add(_past(found, minute), use.unsaved))
            self._saved_at = minute


def _past(stored: Mapping[int, int], minute: int) -> dict[int, int]:
    """Without what a clock that was wrong has counted in the future: it would stay for as long."""
    return {at: requests for at, requests in stored.items() if at <= minute + 1}


def _add(counts: dict[int, int], more: Mapping[int, int]) -> dict[int, int]:
    for minute, requests in more.items():
        counts[minute] = counts.get(minute, 0) + requests
    return counts

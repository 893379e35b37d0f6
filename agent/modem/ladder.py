"""The reset ladder: what to try, one after the other, when no broker is reached any more. A function of time.

The first step comes when the link has been dead for `after_ms`, each later one after twice the wait of the one before
it, up to `LONGEST_WAIT_MS`; after the last step the ladder begins anew. A working link takes it back to the beginning.
No more than `a_day` steps are taken in any 24 hours: a garage without reception is no fault of the modem's. While the
modem's port is gone, steps that need it are passed over: they would only put off the one that helps.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from enum import StrEnum

LONGEST_WAIT_MS = 3_600_000
_DAY_MS = 86_400_000


class Step(StrEnum):
    REGISTER = "leave the network and register anew"
    RADIO = "radio off and on"
    RESET = "reset the modem"
    POWER = "power-cycle the modem"


class Ladder:
    def __init__(self, steps: Sequence[Step], after_ms: int, a_day: int) -> None:
        self.taken = 0
        """Steps since the start."""
        self._steps = tuple(steps)
        self._after_ms = after_ms
        self._a_day = a_day
        self._times: deque[int] = deque(maxlen=max(a_day, 1))
        self._next = 0
        self._wait_ms = after_ms
        self._waiting_since_ms: int | None = None

    def step(self, now_ms: int, dead_since_ms: int | None, *, port: bool = True) -> Step | None:
        """What is due. `dead_since_ms` is when a broker was last reached; None while one is. `port`: is it there?"""
        if dead_since_ms is None:
            self._next, self._wait_ms, self._waiting_since_ms = 0, self._after_ms, None
            return None
        since_ms = dead_since_ms if self._waiting_since_ms is None else self._waiting_since_ms
        if not self._steps or now_ms - since_ms < self._wait_ms or not self._allowed(now_ms):
            return None
        steps = (self._next + ahead for ahead in range(len(self._steps)))
        number = next((each for each in steps if port or self._at(each) is Step.POWER), None)
        if number is None:
            return None
        self._next = number + 1
        self.taken += 1
        self._times.append(now_ms)
        self._waiting_since_ms = now_ms
        self._wait_ms = min(2 * self._wait_ms, max(LONGEST_WAIT_MS, self._after_ms))
        return self._at(number)

    def _at(self, number: int) -> Step:
        return self._steps[number % len(self._steps)]

    def _allowed(self, now_ms: int) -> bool:
        if self._a_day == 0:
            return False
        return len(self._times) < self._a_day or now_ms - self._times[0] >= _DAY_MS

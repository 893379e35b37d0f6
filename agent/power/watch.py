"""When the box should go to sleep: a function of time, of the vehicle's state and of the voltage that feeds the box.

* **Run-on.** The vehicle has been asleep for `run_on_ms`. If the box is still there afterwards, or there again, the
  time begins anew.
* **Low supply.** The voltage was below `low_v` for `low_for_ms` without once reaching it: a starter that pulls it down
  for a second or two, or a single wrong reading, is no reason. From then on the supply is low until it reaches
  `recovered_v`, which is higher by what a battery recovers when the load goes; as long as it is low, and the box still
  there, the box is sent to sleep again after each `low_for_ms`. A missing reading neither begins nor ends anything.

Nothing of it happens while the vehicle drives: the alternator feeds the box, and the drive is what it is there for.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Ending(StrEnum):
    """Why the box should go to sleep."""

    RUN_ON = "the run-on is over"
    LOW = "the supply is low"


class Limits(msgspec.Struct, frozen=True):
    """Milliseconds and volts. None: never for that reason."""

    run_on_ms: int | None = None
    low_v: float | None = None
    recovered_v: float = 0.0
    low_for_ms: int = 60_000


class Watch:
    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._asleep_since_ms: int | None = None
        self._below_since_ms: int | None = None
        self.low = False

    def step(self, now_ms: int, *, asleep: bool, driving: bool, supply_v: float | None) -> Ending | None:
        """What is due now. Call it every second or so."""
        limits = self._limits
        self._measure(now_ms, driving, supply_v)
        if not asleep:
            self._asleep_since_ms = None
        elif self._asleep_since_ms is None:
            self._asleep_since_ms = now_ms
        if driving:
            return None
        if self.low and self._below_since_ms is not None and now_ms - self._below_since_ms >= limits.low_for_ms:
            return Ending.LOW
        asleep_since_ms = self._asleep_since_ms
        if limits.run_on_ms is not None and asleep_since_ms is not None:
            return Ending.RUN_ON if now_ms - asleep_since_ms >= limits.run_on_ms else None
        return None

    def done(self, now_ms: int) -> None:
        """The box was sent to sleep, and it is `now_ms`: the times begin anew."""
        if self._asleep_since_ms is not None:
            self._asleep_since_ms = now_ms
        if self._below_since_ms is not None:
            self._below_since_ms = now_ms

    def _measure(self, now_ms: int, driving: bool, supply_v: float | None) -> None:
        low_v = self._limits.low_v
        if driving or low_v is None:
            self.low, self._below_since_ms = False, None
        elif supply_v is None:
            return
        elif self.low:
            if supply_v >= max(low_v, self._limits.recovered_v):
                self.low, self._below_since_ms = False, None
        elif supply_v >= low_v:
            self._below_since_ms = None
        elif self._below_since_ms is None:
            self._below_since_ms = now_ms
        else:
            self.low = now_ms - self._below_since_ms >= self._limits.low_for_ms

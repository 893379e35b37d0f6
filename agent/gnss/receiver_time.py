"""The time of a live receiver: what it says of it, made right or left out.

* **Week roll-over.** Satellites count weeks to 1023 and begin again. A receiver whose makers did not expect to be used
  so late says a time 1024 weeks (19.6 years) early, or twice that. A live receiver cannot say a time before this
  program was written, so such a time is brought forward by 1024 weeks until it is none; that is right until 2045.
* **Repeats.** A receiver that has lost its satellites may go on to say its last fix, time and all. An instant that was
  said before is said of no other moment: it is passed over, and its values become stale like any that cease to come.
  Burst after burst they are counted; the second half of a burst is a repeat too, and no fault.
* **Leap second.** 23:59:60 is no time of Unix' calendar. The sentences of that second give a position without a time.
"""

from __future__ import annotations

WEEKS_1024_MS = 1024 * 7 * 86_400_000
WRITTEN_UTC_MS = 1_767_225_600_000
"""2026-01-01."""
_SAME_BURST_MS = 500


def rolled_over(utc_ms: int) -> int:
    """Brought forward by as many times 1024 weeks as it takes to be after this program was written."""
    early_ms = WRITTEN_UTC_MS - utc_ms
    return utc_ms if early_ms <= 0 else utc_ms - (-early_ms // WEEKS_1024_MS) * WEEKS_1024_MS


class Repeats:
    """Tells what a receiver says again. `said` identifies an instant: its time, however the receiver spells it."""

    def __init__(self) -> None:
        self.stale = 0
        """Bursts that said an instant of an earlier burst."""
        self._said: object = None
        self._at_ms = 0

    def repeated(self, said: object, at_ms: int) -> bool:
        """Whether the instant that was said at `at_ms` is the one before. None, an instant without time, never is."""
        if said is None or said != self._said:
            self._said, self._at_ms = said, at_ms
            return False
        self.stale += at_ms - self._at_ms >= _SAME_BURST_MS
        return True

"""Ends the day of the box: the last upload, what is pending written down, and then the command of the settings.

The order is what counts. The batch is closed with the reason `sleep` and the journal written at once, so that nothing
is lost whatever happens next; then the uplink has `drain_ms` to bring it away; only then the command is run, if there
is one (`systemctl suspend`, `systemctl poweroff`, a script of the box's). A vehicle that wakes in the meantime stops
it. The command runs beside the agent, which goes on: one that fails or that the box comes back from is no end.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec

from agent.power.watch import Ending, Watch

if TYPE_CHECKING:
    import subprocess

log = logging.getLogger(__name__)


class Doings(msgspec.Struct, frozen=True):
    """What ending the day takes, of the agent."""

    last_upload: Callable[[], None]
    """Ends the batch with the reason `sleep` and writes the journal."""
    pending: Callable[[], int]
    """Uploads that nobody has received yet."""


class Power:
    """Call `tick` once a second or so."""

    def __init__(self, watch: Watch, doings: Doings, command: Sequence[str] = (), drain_ms: int = 15_000) -> None:
        self.endings = 0
        """Times that the box was to go to sleep."""
        self.failed = 0
        """Of these, how often the command failed."""
        self.last: Ending | None = None
        self._watch = watch
        self._doings = doings
        self._command = tuple(command)
        self._drain_ms = drain_ms
        self._drained_ms: int | None = None
        """Until when the uplink has time; None while no ending is under way."""
        self._running: subprocess.Popen[bytes] | None = None

    @property
    def low(self) -> bool:
        """Whether the supply is."""
        return self._watch.low

    @property
    def under_way(self) -> Ending | None:
        """Why the box is about to go to sleep; None while it is not."""
        return self.last if self._drained_ms is not None or self._running is not None else None

    @property
    def running(self) -> bool:
        """Whether the command is."""
        return self._running is not None

    def tick(self, now_ms: int, *, asleep: bool, driving: bool, supply_v: float | None) -> None:
        ending = self._watch.step(now_ms, asleep=asleep, driving=driving, supply_v=supply_v)
        if self._running is not None:
            self._look_at(self._running, now_ms)
        elif ending is None:
            self._drained_ms = None  # It woke, or is fed again: the day goes on.
        elif self._drained_ms is None:
            self._begin(ending, now_ms)
        elif now_ms >= self._drained_ms or not self._doings.pending():
            self._end(now_ms)

    def close(self) -> None:
        """Leaves a running command alone: it may be what ends the agent."""
        running, self._running = self._running, None
        if running is not None:
            running.poll()
            running.returncode = running.returncode or 0  # Not waited for: no complaint when it is forgotten.

    def _begin(self, ending: Ending, now_ms: int) -> None:
        self.last = ending
        self.endings += 1
        self._drained_ms = now_ms + self._drain_ms
        log.info("power: %s: last upload", ending.value)
        self._doings.last_upload()

    def _end(self, now_ms: int) -> None:
        self._drained_ms = None
        self._watch.done(now_ms)
        if not self._command:
            return
        import subprocess  # Seldom needed: most of its days a box ends without a command.

        log.info("power: %s", " ".join(self._command))
        try:
            self._running = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
        except OSError as failure:
            self._failure(failure.strerror or str(failure))

    def _look_at(self, running: subprocess.Popen[bytes], now_ms: int) -> None:
        status = running.poll()
        if status is None:
            return
        self._running = None
        self._watch.done(now_ms)
        if status != 0:
            self._failure(f"status {status}")

    def _failure(self, how: str) -> None:
        self.failed += 1
        log.error("power: %s failed: %s; the box stays on", " ".join(self._command), how)

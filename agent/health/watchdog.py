"""The watchdog: tells systemd that the agent works, as long as it does.

It is fed by the live loop and by nothing else, and only what the loop has achieved counts:

* the loop turned,
* sampling advanced: the time up to which everything is sampled went on,
* the uplink's thread is alive.

When one of these is missing no WATCHDOG=1 is sent, systemd kills the agent after WatchdogSec and starts it anew; the
journal has what was collected. The state of things goes with it as STATUS, which `systemctl status` shows.
"""

from __future__ import annotations

from collections.abc import Callable

from agent.health.notify import Notifier

_STATUS_EVERY_S = 10.0
"""How often STATUS is said where systemd watches nothing."""


class Watchdog:
    """`clock` gives monotonic seconds."""

    def __init__(self, notifier: Notifier, clock: Callable[[], float]) -> None:
        self._notifier = notifier
        self._clock = clock
        # Twice in the time that systemd allows, as sd_watchdog_enabled(3) recommends.
        self._every_s = _STATUS_EVERY_S if notifier.watchdog_s is None else notifier.watchdog_s / 2
        self._due_s: float | None = None
        """None before the first turn."""
        self._sampled_ms = 0

    def turned(self, sampled_ms: int, uplink_alive: bool, status: Callable[[], str]) -> None:
        """The loop turned: `sampled_ms` is the time up to which everything is sampled."""
        now_s = self._clock()
        if self._due_s is None:
            self._due_s = now_s + self._every_s
            self._sampled_ms = sampled_ms
            self._notifier.send("READY=1", f"STATUS={_line(status())}")
        elif now_s >= self._due_s and sampled_ms > self._sampled_ms and uplink_alive:
            self._due_s = now_s + self._every_s
            self._sampled_ms = sampled_ms
            self._notifier.send("WATCHDOG=1", f"STATUS={_line(status())}")

    def stopping(self) -> None:
        self._notifier.send("STOPPING=1")


def _line(text: str) -> str:
    return " ".join(text.split())

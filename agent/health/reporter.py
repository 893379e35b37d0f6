"""The live loop's part in health: called at each turn, it feeds the watchdog and answers who asks.

Snapshots are taken here, on the loop's thread, so that no part needs a lock for it; and only when somebody asks.
"""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from agent.health.handover import Handover
from agent.health.notify import Notifier
from agent.health.serving import Serving
from agent.health.snapshot import Health, Identity, Parts, take
from agent.health.watchdog import Watchdog
from agent.settings.health import HealthSettings


class Reporter:
    def __init__(
        self, identity: Identity, parts: Parts, settings: HealthSettings, notifier: Notifier | None = None
    ) -> None:
        self._identity = identity
        self._parts = parts
        self._began_s = time.monotonic()
        self._notifier = Notifier() if notifier is None else notifier
        self._watchdog = Watchdog(self._notifier, time.monotonic)
        self._handover = Handover()
        self.serving = Serving(self._handover, settings.status_socket, settings.address())

    def __enter__(self) -> Self:
        self.serving.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.serving.__exit__(kind, value, trace)
        self._notifier.close()

    def turned(self, sampled_ms: int, uplink_alive: bool) -> None:
        """The loop turned: `sampled_ms` is the time up to which everything is sampled."""
        self._watchdog.turned(sampled_ms, uplink_alive, lambda: summary(self.snapshot()))
        self._handover.answer(self.snapshot)

    def stopping(self) -> None:
        self._watchdog.stopping()

    def snapshot(self) -> Health:
        return take(self._identity, self._parts, time.monotonic() - self._began_s)


def summary(health: Health) -> str:
    """One line, for `systemctl status` and the log."""
    words = [health.vin]
    if health.state is not None:
        words.append(health.state)
    if health.sampling is not None:
        words.append(f"{health.sampling.frames} frames, {health.sampling.uploads} uploads")
    silent = [name for name, bus in health.buses.items() if not bus.open]
    if silent:
        words.append(f"bus {', '.join(silent)} not open")
    only_errors = [name for name, bus in health.buses.items() if bus.only_errors]
    if only_errors:
        words.append(f"bus {', '.join(only_errors)}: only error frames")
    if health.journal is not None:
        words.append(f"{health.journal.depth} pending")
        if health.journal.trouble is not None:
            words.append(f"in memory only: {health.journal.trouble}")
    if health.uplink is not None:
        words.append(
            "the budget is used up"
            if health.uplink.budget_spent
            else "no broker"
            if not health.uplink.connected
            else "no receipts"
            if health.uplink.bridge_silent
            else "connected"
        )
    return "; ".join(words)

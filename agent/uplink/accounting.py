"""What went over the line, connection after connection: it is counted, and taken from the budget."""

from __future__ import annotations

from agent.uplink.budget import Budget
from agent.uplink.counters import Counters
from agent.uplink.line import Traffic


class Accounting:
    def __init__(self, counters: Counters, budget: Budget) -> None:
        self._counters = counters
        self._budget = budget
        self._noted = Traffic()
        """Of this connection, what is accounted for."""

    def begin(self) -> None:
        """A new connection, on which nothing has gone yet."""
        self._noted = Traffic()

    def note(self, now: Traffic) -> bool:
        """Of this connection so far; whether more of what was sent has arrived. A kernel that counts no more, because
        the connection is closed, takes nothing back.
        """
        before = self._noted
        up, down = max(now.up - before.up, 0), max(now.down - before.down, 0)
        if up or down:
            self._noted = now
            self._counters.bytes_up += up
            self._counters.bytes_down += down
            self._budget.use(up + down)
        return now.arrived > before.arrived

"""What went over the line is counted once, whatever the kernel says of a connection that is closed."""

from __future__ import annotations

from agent.settings.uplink import Budget as Limits
from agent.uplink.accounting import Accounting
from agent.uplink.budget import Budget
from agent.uplink.counters import Counters
from agent.uplink.line import Traffic


def test_each_byte_of_each_connection_is_counted_once_and_taken_from_the_budget() -> None:
    counters = Counters()
    budget = Budget(Limits(day_bytes=1_000_000), None, lambda: 0.0, lambda: None)
    accounting = Accounting(counters, budget)
    for up, down in ((1000, 500), (1200, 700)):
        accounting.begin()
        assert accounting.note(Traffic(up - 300, down, 10))
        assert not accounting.note(Traffic(up, down, 10))  # Sent, and not arrived.
        assert not accounting.note(Traffic())  # Closed: the kernel knows nothing any more.
        assert not accounting.note(Traffic(up, down, 10))
    assert (counters.bytes_up, counters.bytes_down) == (2200, 1200)
    assert budget.day_used == 3400

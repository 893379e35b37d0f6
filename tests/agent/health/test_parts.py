"""The sections that are read from parts which know nothing of health."""

from __future__ import annotations

from pathlib import Path

from agent.clocks.calendar import Calendar
from agent.health.parts import clock_health, journal_health
from agent.journal.journal import Journal
from agent.journal.segments import Key, Priority
from contract.anchor import Anchor, AnchorSource

UTC_MS = 1_800_000_000_000


def test_times_that_are_not_believed_are_counted_by_who_said_them() -> None:
    calendar = Calendar()
    assert (clock_health(calendar).source, clock_health(calendar).refused) == (None, {})
    calendar.offer(Anchor(1000, UTC_MS, 50, AnchorSource.GNSS))
    calendar.offer(Anchor(1000, UTC_MS + 60_000, 100, AnchorSource.SYSTEM))
    health = clock_health(calendar)
    assert (health.source, health.uncertainty_ms, health.refused) == ("gnss", 50, {"system": 1})


def test_a_journal_tells_what_it_wrote_what_it_may_and_what_is_wrong(tmp_path: Path) -> None:
    with Journal(tmp_path / "there", lambda: 0.0, wear_bytes_per_day=24 * 1000) as journal:
        fresh = journal_health(journal, 1 << 20)
        journal.append(Key(bytes(16), 0), bytes(100), Priority.EVENT)
        health = journal_health(journal, 1 << 20)
    assert (fresh.day_bytes, fresh.wear_spent, fresh.trouble, fresh.newer) == (0, False, None, 0)
    assert (health.day_bytes, health.most_day_bytes, health.wear_spent) == (health.written_bytes, 24_000, True)
    (tmp_path / "file").touch()
    with Journal(tmp_path / "file" / "journal", lambda: 0.0) as journal:
        assert journal_health(journal, 1 << 20).trouble == "Not a directory"

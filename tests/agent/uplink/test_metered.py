"""A metered line, against a real broker: what still goes when the budget is short, and what waits for the next day."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.journal.journal import Journal
from agent.journal.manifests import Manifests
from agent.journal.segments import Key, Priority
from agent.settings.uplink import Budget, UplinkSettings
from agent.uplink.uplink import Uplink
from tests.agent.bridge import Bridge, eventually, plain_payload
from tests.agent.uplink.quick import BOOT, PATIENT, VIN, settings
from tests.conftest import Mosquitto

DAY_BYTES = 100_000
NOON_MS = 1_700_049_600_000
"""2023-11-15."""
DAY_MS = 86_400_000
LARGE = 1500


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Journal]:
    """The journal of a vehicle that drives: the newest state goes first."""
    with Journal(tmp_path / "live", time.monotonic, newest_first=True) as journal:
        yield journal


class Line:
    def __init__(self, port: int, journal: Journal, manifests: Manifests, folder: Path) -> None:
        self._port = port
        self._journal = journal
        self._manifests = manifests
        self._file = folder / "budget"

    def used(self, count: int) -> None:
        """So much of the day's budget before this start of the agent."""
        kept = {"day": "2023-11-15", "day_used": count, "month": "2023-11", "month_used": count}
        self._file.write_text(json.dumps(kept))

    def uplink(self, utc_ms: int = NOON_MS, **changes: object) -> Uplink:
        chosen: UplinkSettings = settings(self._port, budget=Budget(day_bytes=DAY_BYTES), **changes)
        return Uplink(
            VIN,
            chosen,
            self._journal,
            self._manifests,
            time.monotonic,
            utc_ms=lambda: utc_ms,
            budget_file=self._file,
        )

    def append(self, sequences: range, priority: Priority, size: int = 100) -> set[Key]:
        keys = {Key(BOOT, sequence) for sequence in sequences}
        for key in sorted(keys):
            self._journal.append(key, plain_payload(key, size), priority)
        return keys


@pytest.fixture
def line(mosquitto: Mosquitto, live: Journal, manifests: Manifests, tmp_path: Path) -> Line:
    return Line(mosquitto.port, live, manifests, tmp_path)


def test_from_four_fifths_on_history_waits_while_state_and_events_go(mosquitto: Mosquitto, line: Line) -> None:
    history = line.append(range(100), Priority.HISTORY, LARGE)
    with Bridge(mosquitto.port) as bridge, line.uplink(in_flight=2, receipt_timeout=PATIENT) as uplink:
        assert eventually(lambda: uplink.budget.day_used >= 0.8 * DAY_BYTES)
        state = line.append(range(100, 101), Priority.STATE)
        uplink.wake()
        # What was on its way comes before it: from here on no history may.
        assert eventually(lambda: state <= set(bridge.held))
        gone = history & set(bridge.held)
        event = line.append(range(101, 102), Priority.EVENT)
        uplink.wake()
        assert eventually(lambda: event <= set(bridge.held))
        assert eventually(lambda: uplink.counters.receipted == len(gone) + 2)
        assert set(bridge.held) == gone | state | event
        assert 0 < len(gone) < 60
        assert uplink.budget.day_used < 0.95 * DAY_BYTES


def test_in_the_last_twentieth_only_events_go_and_those_as_often_as_it_takes(mosquitto: Mosquitto, line: Line) -> None:
    line.used(int(0.95 * DAY_BYTES))
    line.append(range(3), Priority.HISTORY)
    events = line.append(range(3, 4), Priority.EVENT)
    line.append(range(4, 5), Priority.STATE)
    line.append(range(5, 6), Priority.HISTORY)
    with Bridge(mosquitto.port) as bridge:
        bridge.deaf = lambda key: bridge.arrivals[key] < 2
        with line.uplink(connect_timeout=PATIENT) as uplink:
            assert eventually(lambda: set(bridge.held) == events)
            more = line.append(range(6, 7), Priority.EVENT)
            uplink.wake()
            assert eventually(lambda: set(bridge.held) == events | more)
        assert set(bridge.arrivals) == events | more


def test_when_it_is_used_up_nobody_connects_and_the_next_day_everything_goes(
    mosquitto: Mosquitto, line: Line, live: Journal
) -> None:
    keys = line.append(range(5), Priority.HISTORY) | line.append(range(5, 6), Priority.EVENT)
    line.used(DAY_BYTES)
    with Bridge(mosquitto.port) as bridge:
        with line.uplink() as uplink:
            time.sleep(0.3)
            assert (uplink.counters.connections, uplink.counters.failures, live.depth) == (0, 0, 6)
        with line.uplink(NOON_MS + DAY_MS) as uplink:
            assert eventually(lambda: uplink.settled)
        assert set(bridge.held) == keys


def test_a_budget_that_runs_out_on_the_way_ends_the_connection_and_loses_nothing(
    mosquitto: Mosquitto, line: Line, live: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    keys = line.append(range(100), Priority.EVENT, LARGE)
    with Bridge(mosquitto.port) as bridge:
        with line.uplink(in_flight=2) as uplink:
            assert eventually(lambda: "the budget is used up" in caplog.text)
            assert eventually(lambda: not uplink.connected)
        # Not more than what was on its way: two uploads and room for four events besides.
        assert DAY_BYTES <= uplink.budget.day_used < DAY_BYTES + 8 * LARGE
        assert 0 < live.depth < 100
        with line.uplink(NOON_MS + DAY_MS) as uplink:
            assert eventually(lambda: uplink.settled)
        assert set(bridge.held) == keys

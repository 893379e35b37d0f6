"""What happens when the box should go to sleep: real commands, real files."""

from __future__ import annotations

import logging
import sys
import time
from pathlib import Path

import pytest

from agent.power.power import Doings, Power
from agent.power.supply import SupplyFile
from agent.power.watch import Ending, Limits, Watch

LIMITS = Limits(run_on_ms=10_000, low_v=11.8, recovered_v=12.2, low_for_ms=5_000)


class Day:
    """A box second by second, and what it did."""

    def __init__(self, *command: str, drain_ms: int = 3_000) -> None:
        self.done: list[tuple[int, str]] = []
        self.pending = 0
        self.second = 0
        doings = Doings(lambda: self.done.append((self.second, "last upload")), lambda: self.pending)
        self.power = Power(Watch(LIMITS), doings, command, drain_ms)

    def passes(self, seconds: int, *, asleep: bool = False, driving: bool = False, supply_v: float = 12.6) -> None:
        for _ in range(seconds):
            self.power.tick(self.second * 1000, asleep=asleep, driving=driving, supply_v=supply_v)
            self.second += 1

    def until(self, file: Path) -> None:
        deadline = time.monotonic() + 60
        while not file.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert file.exists()

    def command_ended(self) -> None:
        """The box's command takes real time, the scripted seconds none."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            self.passes(1, asleep=True)
            if not self.power.running:
                return
            time.sleep(0.01)
        pytest.fail("the command goes on and on")


def touch(file: Path, status: int = 0) -> tuple[str, ...]:
    return (sys.executable, "-c", f"import pathlib; pathlib.Path({str(file)!r}).touch(); raise SystemExit({status})")


def test_the_last_upload_goes_first_then_its_receipt_then_the_command(tmp_path: Path) -> None:
    off = tmp_path / "off"
    day = Day(*touch(off))
    day.pending = 1
    day.passes(12, asleep=True)
    assert day.done == [(10, "last upload")]
    assert not off.exists()
    day.pending = 0
    day.passes(1, asleep=True)
    day.until(off)
    day.command_ended()
    assert (day.power.endings, day.power.failed, day.power.last) == (1, 0, Ending.RUN_ON)


def test_the_uplink_has_a_limited_time_to_bring_it_away(tmp_path: Path) -> None:
    day = Day(*touch(tmp_path / "off"))
    day.pending = 1
    day.passes(13, asleep=True)
    assert not day.power.running
    day.passes(1, asleep=True)
    day.until(tmp_path / "off")
    day.command_ended()


def test_a_vehicle_that_wakes_while_it_is_waited_for_stops_it(tmp_path: Path) -> None:
    day = Day(*touch(tmp_path / "off"))
    day.pending = 1
    day.passes(12, asleep=True)
    day.passes(10)
    day.passes(9, asleep=True)
    assert day.done == [(10, "last upload")]
    assert not day.power.running
    assert not (tmp_path / "off").exists()


def test_without_a_command_the_box_stays_on_with_everything_written_down() -> None:
    day = Day()
    day.passes(12, asleep=True)
    assert day.done == [(10, "last upload")]
    assert not day.power.running


def test_a_command_that_fails_is_told_and_tried_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    day = Day(*touch(tmp_path / "off", status=3))
    with caplog.at_level(logging.ERROR):
        day.passes(12, asleep=True)
        day.command_ended()
    assert day.power.failed == 1
    assert "failed: status 3; the box stays on" in caplog.text
    day.passes(12, asleep=True)
    day.command_ended()
    assert day.power.failed == 2
    absent = Day(str(tmp_path / "no such program"))
    absent.passes(12, asleep=True)
    assert (absent.power.failed, absent.power.running) == (1, False)


def test_a_low_supply_ends_the_day_of_a_parked_vehicle_and_never_of_one_that_drives() -> None:
    day = Day()
    day.passes(60, driving=True, supply_v=10.0)
    assert day.done == []
    day.passes(6, supply_v=11.0)
    assert day.done == [(65, "last upload")]
    assert (day.power.last, day.power.low) == (Ending.LOW, True)


def test_the_supply_is_read_from_the_file_of_an_adc(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "in_voltage0_raw"
    supply = SupplyFile(file, scale=0.0125, offset=0.1)
    assert supply.read() is None
    file.write_text("1000\n")
    assert supply.read() == pytest.approx(12.6)
    with caplog.at_level(logging.WARNING):
        for text in ("", "nonsense", "nan", "0", "-1000", "999999", "1e999"):
            file.write_text(text)
            assert supply.read() is None
            assert supply.read() is None
    assert supply.unreadable == 15
    assert len(caplog.records) == 2  # Not each reading anew.

"""The operator's command that wakes vehicles up: run with the VIN, bounded in number and time."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cloud_bridge.remote.waking import AT_ONCE, MOST_WAITING, Waker
from tests.cloud_bridge.remote.world import OTHER_VIN, VIN, World

NOW = 1_800_000_000_000
AGAIN_MS = 60_000


def until(holds: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def script(folder: Path, text: str) -> str:
    file = folder / "wake"
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    return str(file)


def test_it_is_run_with_the_vin_behind_its_own_arguments_and_without_a_shell(tmp_path: Path) -> None:
    waker = Waker([script(tmp_path, f'echo "$#:$1:$2" > {tmp_path}/said'), "a; $(b)"], AGAIN_MS)
    waker.wake(VIN, NOW)
    until(lambda: (tmp_path / "said").exists() and (tmp_path / "said").read_text() == f"2:a; $(b):{VIN}\n")
    waker.close()


def test_a_vehicle_is_not_woken_up_again_while_it_may_still_come(tmp_path: Path) -> None:
    waker = Waker([script(tmp_path, f'echo "$1" >> {tmp_path}/said')], AGAIN_MS)
    for vin, at_ms in [(VIN, NOW), (VIN, NOW + AGAIN_MS - 1), (OTHER_VIN, NOW), (VIN, NOW + AGAIN_MS)]:
        waker.wake(vin, at_ms)
    until(lambda: (tmp_path / "said").exists() and (tmp_path / "said").read_text().count("\n") == 3)
    waker.close()


def test_without_a_command_nothing_is_run() -> None:
    waker = Waker([], AGAIN_MS)
    waker.wake(VIN, NOW)
    waker.close()


@pytest.mark.parametrize(
    ("text", "longest_s", "said"),
    [("exit 3", 60.0, "ended with status 3"), ("sleep 600 & sleep 600", 0.2, "did not end within 0.2 s")],
)
def test_what_fails_or_does_not_end_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str, longest_s: float, said: str
) -> None:
    waker = Waker([script(tmp_path, text)], AGAIN_MS, longest_s)
    waker.wake(VIN, NOW)
    until(lambda: any(said in record.message and VIN in record.message for record in caplog.records))
    waker.close()


def test_a_command_that_is_not_there_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    waker = Waker([str(tmp_path / "nothing")], AGAIN_MS)
    waker.wake(VIN, NOW)
    until(lambda: any("cannot be run" in record.message for record in caplog.records))
    waker.close()


def test_what_it_started_is_killed_with_it_at_the_end(tmp_path: Path) -> None:
    waker = Waker([script(tmp_path, f"sleep 600 &\necho $! > {tmp_path}/child\nsleep 600")], AGAIN_MS)
    waker.wake(VIN, NOW)
    until(lambda: (tmp_path / "child").exists() and (tmp_path / "child").read_text().endswith("\n"))
    child = int((tmp_path / "child").read_text())
    waker.close()
    until(lambda: not _is_running(child))


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
        return "Z" not in Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (ProcessLookupError, FileNotFoundError):
        return False


def test_only_so_many_run_and_wait(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    waker = Waker([script(tmp_path, f"echo >> {tmp_path}/begun; sleep 600")], AGAIN_MS)
    for number in range(MOST_WAITING + 3):
        waker.wake(f"VF3ABCDE0FG{number:06}", NOW)
    assert sum("is not woken up" in record.message for record in caplog.records) == 3
    until(lambda: (tmp_path / "begun").exists() and (tmp_path / "begun").read_text().count("\n") == AT_ONCE)
    waker.close()
    assert (tmp_path / "begun").read_text().count("\n") == AT_ONCE


def test_it_is_run_for_a_vehicle_that_sleeps_and_for_no_other(tmp_path: Path) -> None:
    world = World(tmp_path, wake_command=(script(tmp_path, f'echo "$1" >> {tmp_path}/said'),))
    world.heard(OTHER_VIN)
    world.lock(OTHER_VIN)
    world.lock()
    world.ask({"horn": {"state": "Activated"}})
    world.drive()
    until(lambda: (tmp_path / "said").exists() and (tmp_path / "said").read_text().endswith("\n"))
    assert len(world.drive(10_000)) == 3  # Sent again, each of them.
    assert (tmp_path / "said").read_text() == f"{VIN}\n"
    world.close()

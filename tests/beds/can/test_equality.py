"""A recorded drive on a bus of SocketCAN gives the samples that its file gives, sample for sample.

`canplayer` plays it in its own time, the agent's reader samples it, and `candump` logs it beside; the kernel stamps a
frame once for both. Then the log goes the way of files, and what was sampled must be the same.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import pytest

from agent.bus.candump import read
from agent.bus.frame import Frame
from agent.bus.losses import Losses
from agent.bus.socketcan.bus import socket_bus
from agent.bus.socketcan.buses import Buses
from agent.bus.socketcan.stamps import Stamps
from agent.gathering import Gathering
from agent.plan.compiling import compile_plan
from agent.plan.listening import Listening, listening
from agent.plan.plan import Plan
from agent.sampling.batch import Batch
from agent.sampling.sampler import Sampler
from contract.upload import Reason
from tests.beds.can.recordings import part, rav4
from tests.conftest import ROOT

QUIET_S = 2.0


def real_ms() -> int:
    return time.time_ns() // 1_000_000


def real_clocks() -> tuple[int, int]:
    """For once the boot's clock is the real one: the log has only that."""
    now_ns = time.time_ns()
    return now_ns, now_ns


@contextmanager
def logged(to: Path) -> Iterator[None]:
    with to.open("wb") as file:
        process = subprocess.Popen(["candump", "-L", "-r", "4000000", "vcan0"], stdout=file)
        try:
            # It has no way to say that it listens.
            time.sleep(1)
            yield
        finally:
            process.terminate()
            process.wait()


def live(plan: Plan, wanted: Listening, drive: Path, log: Path) -> tuple[list[Batch], Losses, int, int]:
    """Batches of the drive as it is played, what was lost, how many frames were handed on, and the time at its end."""
    losses, stamps, frames = Losses(), Stamps(real_clocks), 0
    buses = Buses([socket_bus(wanted, "vcan0", losses, stamps, fd=False)], stamps)
    sampler = Sampler(plan, 0)
    batches: list[Batch] = []
    with logged(log), Gathering([], real_ms, buses) as stream:
        turns = stream.batches(0.2)
        next(turns)
        player = subprocess.Popen(["canplayer", "-I", str(drive)])
        heard_s = time.monotonic()
        while player.poll() is None or time.monotonic() - heard_s < QUIET_S:
            some = next(turns)
            frames += len(some)
            batches += sampler.feed(some)
            if some:
                heard_s = time.monotonic()
        some = stream.rest()
        frames += len(some)
        batches += sampler.feed(some)
        end_ms = real_ms()
    return [*batches, *ended(sampler, end_ms)], losses, frames, end_ms


def ended(sampler: Sampler, end_ms: int) -> list[Batch]:
    last = sampler.close(end_ms, Reason.CADENCE)
    return [*sampler.advance(end_ms), *([last] if last is not None else [])]


def replayed(plan: Plan, wanted: Listening, log: Path, end_ms: int) -> tuple[list[Batch], list[Frame]]:
    """What the same log gives as a file. Frames that the kernel's filter keeps from the reader are left out."""
    with log.open() as lines:
        batches = read(str(log), [list(islice(lines, None))], 0, lambda _: "can0", Losses())
        frames = [frame for batch in batches for frame in batch if wanted.wanted((frame.id, frame.extended))]
    sampler = Sampler(plan, 0)
    return [*sampler.feed(frames), *ended(sampler, end_ms)], frames


@pytest.mark.parametrize("car", ["giulia", "rav4"])
def test_a_drive_on_the_bus_gives_the_samples_of_its_file(car: str, shared: Path, tmp_path: Path) -> None:
    if car == "giulia":
        profile = ROOT / "config" / "vehicles" / "alfa-giulia.toml"
        recording, seconds = shared / "data/logs/alfa_giulia_recan_exp3_12s_hard_brake.log.gz", 60.0
    else:
        profile = rav4(shared, tmp_path, on_change=12)
        recording, seconds = shared / "data/logs/toyota_rav4_2018_comma2k19_60s.log.gz", 12.0
    plan = compile_plan(profile, cadence_ms=4_000)
    (bus,) = plan.buses
    wanted = listening(plan, bus)
    drive, log = part(recording, seconds, tmp_path / "drive.log"), tmp_path / "heard.log"
    heard, losses, handed_on, end_ms = live(plan, wanted, drive, log)
    expected, frames = replayed(plan, wanted, log, end_ms)
    print(car, len(frames), "frames,", handed_on, "handed on,", losses)
    assert losses.overrun == 0
    assert handed_on + losses.passed_over == len(frames)
    assert len(heard) == len(expected) > 2
    for one, other in zip(heard, expected, strict=True):
        assert (one.start_ms, one.end_ms, one.reason) == (other.start_ms, other.end_ms, other.reason)
        assert one.grids == other.grids
        assert one.changes == other.changes

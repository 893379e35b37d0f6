"""A recorded drive on a bus of SocketCAN gives the samples that its file gives, sample for sample.

`canplayer` plays it in its own time (or `player`, a long one in a sixtieth of it), the agent's reader samples it, and
`candump` logs it beside; the kernel stamps a frame once for both. Then the log goes the way of files, and what was
sampled must be the same.
"""

from __future__ import annotations

import gzip
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import pytest

from agent.bus.candump import read
from agent.bus.frame import Frame
from agent.bus.losses import Losses
from agent.bus.socketcan.bus import socket_bus
from agent.bus.socketcan.buses import Buses
from agent.bus.socketcan.stamps import Stamps
from agent.bus.wanted import Listening
from agent.live.gathering import Gathering
from agent.plan.compiling import compile_plan
from agent.plan.listening import listening
from agent.plan.plan import Plan
from agent.sampling.batch import Batch
from agent.sampling.sampler import Sampler
from contract.upload import Reason
from tests.agent.bridge import eventually
from tests.beds.can.buses import say, talker
from tests.beds.can.recordings import part, rav4
from tests.conftest import ROOT

QUIET_S = 0.5
END = 0x7FE
"""Said when all has been; `candump` writes it ` vcan0 7FE#`."""
FASTER = 60
"""At which the long drive is played: some 3,000 frames a second."""


def real_ms() -> int:
    return time.time_ns() // 1_000_000


def real_clocks() -> tuple[int, int]:
    """For once the boot's clock is the real one: the log has only that."""
    now_ns = time.time_ns()
    return now_ns, now_ns


@contextmanager
def logged(to: Path) -> Iterator[None]:
    listening_before = listeners()
    with to.open("wb") as file:
        process = subprocess.Popen(["candump", "-L", "-r", "4000000", "vcan0"], stdout=file)
        try:
            assert eventually(lambda: listeners() > listening_before)
            yield
            # What comes last, and is heard by it alone, has been written when all has.
            with talker("vcan0") as sender:
                say(sender, END, b"")
            assert eventually(lambda: "".join(lines_of(to)[-1:]).endswith(f" vcan0 {END:X}#"))
        finally:
            process.terminate()
            process.wait()
    to.write_text("".join(f"{line}\n" for line in lines_of(to)[:-1]))


def listeners() -> int:
    """How many listen to all that is said on the bus: the kernel has them in a list."""
    return Path("/proc/net/can/rcvlist_all").read_text().count(" vcan0 ")


class Live(NamedTuple):
    """What the agent made of a drive."""

    batches: list[Batch]
    losses: Losses
    handed_on: int
    """Frames."""
    end_ms: int
    player_said: str


def live(plan: Plan, wanted: Listening, player: Sequence[str], log: Path) -> Live:
    """The drive is what `player` plays; `candump`'s log of it goes to `log`."""
    losses, stamps, frames = Losses(), Stamps(real_clocks), 0
    buses = Buses([socket_bus(wanted, "vcan0", losses, stamps, fd=False)], stamps)
    sampler = Sampler(plan, 0)
    batches: list[Batch] = []
    with logged(log), Gathering([], real_ms, buses) as stream:
        turns = stream.batches(0.2)
        next(turns)
        playing = subprocess.Popen(player, stdout=subprocess.PIPE, text=True)
        heard_s = time.monotonic()
        while playing.poll() is None or time.monotonic() - heard_s < QUIET_S:
            some = next(turns)
            frames += len(some)
            batches += sampler.feed(some)
            if some:
                heard_s = time.monotonic()
        some = stream.rest()
        frames += len(some)
        batches += sampler.feed(some)
        end_ms = real_ms()
    said, _ = playing.communicate()
    assert playing.returncode == 0
    return Live([*batches, *ended(sampler, end_ms)], losses, frames, end_ms, said)


def lines_of(log: Path) -> list[str]:
    text = log.read_bytes()
    return (gzip.decompress(text) if log.suffix == ".gz" else text).decode("ascii").splitlines()


def ended(sampler: Sampler, end_ms: int) -> list[Batch]:
    last = sampler.close(end_ms, Reason.CADENCE)
    return [*sampler.advance(end_ms), *([last] if last is not None else [])]


def replayed(
    plan: Plan, wanted: Listening, log: Sequence[str], end_ms: int | None = None
) -> tuple[list[Batch], list[Frame]]:
    """What a log gives as a file, heard until `end_ms`, or until its last frame.

    Frames that the kernel's filter keeps from the reader are left out.
    """
    batches = read("log", [list(log)], 0, lambda _: "can0", Losses())
    frames = [frame for batch in batches for frame in batch if wanted.wanted((frame.id, frame.extended))]
    sampler = Sampler(plan, 0)
    return [*sampler.feed(frames), *ended(sampler, frames[-1].at_ms if end_ms is None else end_ms)], frames


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
    heard = live(plan, wanted, ["canplayer", "-I", str(drive)], log)
    expected, frames = replayed(plan, wanted, lines_of(log), heard.end_ms)
    print(car, len(frames), "frames,", heard.handed_on, "handed on,", heard.losses)
    same(heard, expected, frames)


def same(heard: Live, expected: Sequence[Batch], frames: Sequence[Frame]) -> None:
    """The samples of a drive on the bus and of its file; `frames` are those of the file."""
    assert heard.losses.overrun == 0
    assert heard.handed_on + heard.losses.passed_over == len(frames)
    assert len(heard.batches) == len(expected) > 2
    for one, other in zip(heard.batches, expected, strict=True):
        assert (one.start_ms, one.end_ms, one.reason) == (other.start_ms, other.end_ms, other.reason)
        assert one.grids == other.grids
        assert one.changes == other.changes


def test_a_whole_drive_on_the_bus_gives_the_samples_of_its_file(shared: Path, tmp_path: Path) -> None:
    recording, log = shared / "data/derived/psa_conf_trip_a.log.gz", tmp_path / "heard.log"
    plan = compile_plan(ROOT / "config" / "vehicles" / "peugeot-comfort-2004.toml", cadence_ms=4_000)
    wanted = listening(plan, "can0")
    player = [sys.executable, "-m", "tests.beds.can.player", str(recording), "vcan0", str(FASTER)]
    heard = live(plan, wanted, player, log)
    recorded, played = lines_of(recording), lines_of(log)
    assert int(heard.player_said) == len(recorded) == len(played) == 125_755
    expected, frames = replayed(plan, wanted, played, heard.end_ms)
    print(len(frames), "frames,", heard.handed_on, "handed on,", heard.losses)
    same(heard, expected, frames)
    at_its_own_pace, _ = replayed(plan, wanted, recorded)
    assert values(heard.batches) == values(at_its_own_pace)


def values(batches: Iterable[Batch]) -> dict[int, list[int | None]]:
    """What each on-change signal was, one value after the other, whenever that was."""
    said: dict[int, list[int | None]] = {}
    for change in (change for batch in batches for change in batch.changes):
        said.setdefault(change.signal, []).append(change.raw)
    return {signal: [raw for raw, _ in groupby(raws)] for signal, raws in said.items()}

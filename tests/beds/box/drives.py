"""Drives on the box's buses: a recording cut and timed, and what was heard of it on the service's clock.

The kernel stamps a frame once for all who hear it, by its settable clock. The service adds the distance to the boot's
clock, which it has read, and cuts the sum to milliseconds. A file gives the very samples only where its frames are cut
at the same places, so the distance is found out from what the service has said: the time of a change is that of a
frame, which bounds the distance from both sides, to a tenth of a millisecond or so. Frames that one bound has before
the end of a millisecond and the other after it are few; where they are, either is right.
"""

from __future__ import annotations

import gzip
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from agent.bus import candump
from agent.bus.frame import Frame
from agent.j1939.identifiers import group_of
from agent.plan.listening import listening
from agent.plan.plan import Plan
from contract.upload import Upload

BITS_A_SECOND = 500_000
HOUR_MS = 3_600_000
"""A multiple of every interval and cadence."""
_AROUND_US = 2_000
"""How wrong the distance between the clocks may be as it was read, twice over."""


class Heard(NamedTuple):
    """A frame that somebody has heard."""

    stamp_us: int
    text: str
    """As `candump -L` writes it: interface, id and data."""


def heard(lines: Iterable[str]) -> list[Heard]:
    """A log of `candump -L`."""
    frames = []
    for line in lines:
        stamp, text = line.rstrip().split(") ", 1)
        seconds, micros = stamp[1:].split(".")
        frames.append(Heard(int(seconds) * 1_000_000 + int(micros), text))
    return frames


def recorded(log: Path, seconds: float, buses: Sequence[str]) -> list[Heard]:
    """The beginning of a recording, of these of its buses; on the box they are called vcan0, vcan1."""
    frames: list[Heard] = []
    with gzip.open(log, "rt") as lines:
        for frame in heard(lines):
            if frames and frame.stamp_us - frames[0].stamp_us > seconds * 1_000_000:
                break
            if frame.text.split(" ", 1)[0] in buses:
                frames.append(Heard(frame.stamp_us, "v" + frame.text))
    return frames


def at_full_load(frames: Sequence[Heard]) -> list[Heard]:
    """One frame after the other, as on a bus of 500 kbit/s on which there is no pause: 4,000 a second of 8 bytes."""
    at_us = float(frames[0].stamp_us)
    timed = []
    for frame in frames:
        timed.append(Heard(int(at_us), frame.text))
        at_us += _bits(frame.text) * 1_000_000 / BITS_A_SECOND
    return timed


def _bits(text: str) -> float:
    """Of a classic frame on the wire, the pause behind it too; an eighth for the stuff bits."""
    ident, data = text.split(" ", 1)[1].split("#")
    return ((47 if len(ident) == 3 else 67) + 4 * len(data)) * 9 / 8


def written(frames: Iterable[Heard], to: Path) -> Path:
    to.write_text("".join(f"({at // 1_000_000}.{at % 1_000_000:06}) {text}\n" for at, text in frames))
    return to


def wanted(plan: Plan, frames: Iterable[Heard]) -> list[Heard]:
    """Those that the kernel's filter lets through to the service."""
    listened = {bus: listening(plan, bus) for bus in plan.buses}
    return [each for each in frames if listened[(frame := _frame(each)).bus].wanted((frame.id, frame.extended))]


def on_the_boots_clock(frames: Iterable[Heard], distance_us: int) -> Iterator[Heard]:
    """As a recording that began an hour before the boot: a frame that nobody knows stands at its beginning, long enough
    before the others for the vehicle to have fallen asleep in between."""
    yield Heard(0, "can0 000#")
    for frame in frames:
        yield Heard(frame.stamp_us + distance_us + 1000 * HOUR_MS, frame.text.removeprefix("v"))


def an_hour_earlier(upload: Upload) -> Upload:
    """What such a recording gave, on the boot's clock."""
    return replace(
        upload,
        start_ms=upload.start_ms - HOUR_MS,
        end_ms=upload.end_ms - HOUR_MS,
        grids=tuple(replace(grid, start_ms=grid.start_ms - HOUR_MS) for grid in upload.grids),
        changes=tuple(replace(change, at_ms=change.at_ms - HOUR_MS) for change in upload.changes),
        events=tuple(event._replace(at_ms=event.at_ms - HOUR_MS) for event in upload.events),
    )


def distances_us(plan: Plan, frames: Sequence[Heard], uploads: Sequence[Upload], about_us: int) -> tuple[int, int]:
    """The least and the greatest distance between the clocks, which is `about_us`, by which the service may have said
    when the drive began, when the last frame came and when something changed."""
    stamps = _stamps(plan, frames)
    dated = [([frames[0].stamp_us], uploads[0].start_ms), ([frames[-1].stamp_us], uploads[-1].end_ms - 1)]
    changes = (change for upload in uploads for change in upload.changes)
    dated += [(stamps[change.signal], change.at_ms) for change in changes if change.raw is not None]
    least_us, greatest_us = about_us - _AROUND_US, about_us + _AROUND_US
    for times_us, at_ms in dated:
        after_us = 1000 * at_ms - about_us
        first = bisect_left(times_us, after_us - _AROUND_US)
        # Which one it was is not known of frames that came so soon after each other.
        if bisect_right(times_us, after_us + _AROUND_US) - first == 1:
            # The witness's times are cut to microseconds, hence one more on either side.
            least_us = max(least_us, 1000 * at_ms - times_us[first] - 1)
            greatest_us = min(greatest_us, 1000 * at_ms - times_us[first] + 1001)
    return least_us, greatest_us


def _stamps(plan: Plan, frames: Iterable[Heard]) -> dict[int, list[int]]:
    """When frames came that hold a signal, microseconds by its number."""
    holding: defaultdict[tuple[str, int, bool], set[int]] = defaultdict(set)
    for message in plan.messages:
        for bus, number, extended in message.keys:
            holding[(bus, group_of(number) if message.j1939 else number, extended)] |= set(message.signals)
    stamps: defaultdict[int, list[int]] = defaultdict(list)
    for each in frames:
        frame = _frame(each)
        names = {frame.id, group_of(frame.id)} if frame.extended else {frame.id}
        for signal in {signal for name in names for signal in holding.get((frame.bus, name, frame.extended), ())}:
            stamps[signal].append(each.stamp_us)
    return stamps


def _frame(heard: Heard) -> Frame:
    frame = candump.parse(f"(0.0) {heard.text}", 0, lambda interface: interface.removeprefix("v"))
    assert isinstance(frame, Frame)
    return frame

"""Recorded logs, played as if they were the bus.

One file or several, merged in the order of time. The first frame of all begins the boot: its `at_ms` is 0, and
`Recording.start_utc_ms` is its time on the calendar, unless the recording's times count from nowhere in particular
(candump -t z, or an `.asc` without a date).

Interfaces become buses so: the caller's own mapping (`can0=comfort`) comes first; an interface that is called as one of
the profile's buses is that bus; and where the profile has one bus only, the interface of the first frame is it. Any
other interface keeps its name, which no database knows: its frames are counted as unknown.

Time never goes back. Frames that come up to a second late (several interfaces written by one process) take the time of
the frame before. A single frame whose time is out of line with both of its neighbours has a damaged time: it is
reported and left out. Where the time goes back for good (the recorder's clock was set) this is reported too, and the
frames that follow go on from where the time was.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice, pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from agent.bus import candump
from agent.bus.files import lines
from agent.bus.frame import Frame
from agent.bus.losses import Damage, Losses

if TYPE_CHECKING:
    import can

SUFFIXES = (".log", ".asc", ".blf", ".trc", ".mf4")
_BATCH = 4096
_LATE_MS = 1000
# 2000-01-01: an earlier time is no calendar time but counts from the start of something.
_CALENDAR_MS = 946_684_800_000


class RecordingError(Exception):
    """The recording cannot be played at all; the text says which file, why and what to do."""


class Recording:
    """Recorded logs as a source of frames.

    Raises `RecordingError` where a file is missing, unsupported or holds no frame.
    """

    def __init__(
        self,
        files: Sequence[Path],
        buses: Sequence[str] = (),
        mapping: Mapping[str, str] | None = None,
        losses: Losses | None = None,
    ) -> None:
        """`buses` are the profile's, `mapping` gives a bus for an interface of the recording."""
        self.losses = losses if losses is not None else Losses()
        self._files = tuple(files)
        self._mapping = dict(mapping or {})
        self._buses = frozenset(buses)
        firsts = [self._first(file) for file in self._files]
        if not firsts:
            raise RecordingError("no recording was given")
        first = min(firsts, key=lambda frame: frame.at_ms)
        if len(self._buses) == 1 and first.bus not in self._mapping and first.bus not in self._buses:
            self._mapping[first.bus] = next(iter(self._buses))
        self._start_ms = first.at_ms
        self.start_utc_ms = first.at_ms if first.at_ms >= _CALENDAR_MS else None
        """The calendar time of `at_ms` 0, Unix milliseconds; None if the recording does not say."""

    def batches(self) -> Iterator[list[Frame]]:
        """All frames in the order of time, some thousands at once."""
        sources = [_forward(str(file), self._frames(file, self._start_ms), self.losses) for file in self._files]
        if len(sources) == 1:
            yield from filter(None, sources[0])
            return
        merged = heapq.merge(*map(chain.from_iterable, sources), key=lambda frame: frame.at_ms)
        while batch := list(islice(merged, _BATCH)):
            yield batch

    def _bus(self, interface: str) -> str:
        return self._mapping.get(interface, interface)

    def _first(self, file: Path) -> Frame:
        """The first frame of a file as it stands there. Damage met on the way is reported by the reading proper."""
        damages: list[Damage] = []
        saved, self.losses = self.losses, Losses(damages.append)
        try:
            for batch in self._frames(file, 0):
                if batch:
                    return batch[0] if len(batch) == 1 or batch[0].at_ms <= batch[1].at_ms + _LATE_MS else batch[1]
        finally:
            self.losses = saved
        why = f"; {damages[0].place}: {damages[0].what}" if damages else ""
        raise RecordingError(f"{file}: it holds no frame{why}")

    def _frames(self, file: Path, base_ms: int) -> Iterator[list[Frame]]:
        suffix = (Path(file.stem) if file.suffix == ".gz" else file).suffix.lower()
        if suffix not in SUFFIXES:
            raise RecordingError(f"{file}: not a recording: expected {', '.join(SUFFIXES)}, perhaps with .gz")
        try:
            if suffix == ".log":
                yield from candump.read(str(file), lines(file, self.losses), base_ms, self._bus, self.losses)
            else:
                yield from _converted(_messages(file, suffix, self.losses), base_ms, self._bus, self.losses)
        except OSError as wrong:
            raise RecordingError(f"{file}: {wrong.strerror or wrong}") from wrong
        except ValueError as wrong:
            raise RecordingError(str(wrong)) from wrong


def _messages(file: Path, suffix: str, losses: Losses) -> Iterator[can.Message]:
    # Imported here: python-can is not needed for the format that most recordings have, and takes its time.
    if suffix == ".blf":
        from agent.bus import blf

        return blf.messages(file, losses)
    if suffix == ".mf4":
        from agent.bus import mf4

        return mf4.messages(file, losses)
    from agent.bus import textlogs

    return textlogs.messages(file, suffix, losses)


def _converted(
    messages: Iterator[can.Message], base_ms: int, bus_of: Callable[[str], str], losses: Losses
) -> Iterator[list[Frame]]:
    while part := list(islice(messages, _BATCH)):
        yield [frame for message in part if (frame := from_message(message, base_ms, bus_of, losses)) is not None]


def from_message(message: can.Message, base_ms: int, bus_of: Callable[[str], str], losses: Losses) -> Frame | None:
    """A message of python-can as a frame, its time counted from `base_ms`; None, counted, if it carries no data.

    Channels that are numbers become `can0`, `can1`, … as numbered by python-can.
    """
    if message.is_error_frame:
        losses.error += 1
        return None
    if message.is_remote_frame:
        losses.remote += 1
        return None
    channel = message.channel
    bus = bus_of(f"can{channel}" if isinstance(channel, int) else str(channel or "can0"))
    # The time is a float of seconds: exact to the microsecond, so it is rounded to that before it is cut.
    at_ms = round(message.timestamp * 1_000_000) // 1000 - base_ms
    return Frame(at_ms, bus, message.arbitration_id, message.is_extended_id, bytes(message.data), message.is_fd)


def _forward(file: str, batches: Iterable[list[Frame]], losses: Losses) -> Iterator[list[Frame]]:
    """The same frames with times that never go back (see the module's text). Holds one frame over to the next batch."""
    held: list[Frame] = []
    before_ms: int | None = None
    shift_ms = 0
    for batch in batches:
        frames = held + batch
        held = frames[-1:]
        shifted = shift_ms != 0
        times = [frame.at_ms for frame in frames]
        orderly = not shifted and times == sorted(times) and (before_ms is None or not times or times[0] >= before_ms)
        if not orderly:
            frames, before_ms, shift_ms = _straightened(file, frames, before_ms, shift_ms, losses)
            yield frames
        elif len(frames) > 1:
            before_ms = frames[-2].at_ms
            yield frames[:-1]
    if held:
        frames, _, _ = _straightened(file, [*held, held[-1]], before_ms, shift_ms, losses)
        yield frames


def _straightened(
    file: str, frames: list[Frame], before_ms: int | None, shift_ms: int, losses: Losses
) -> tuple[list[Frame], int | None, int]:
    """All but the last of `frames`, straightened; the time of the last one given and the shift after it."""
    kept: list[Frame] = []
    for frame, following in pairwise(frames):
        at_ms = frame.at_ms + shift_ms
        next_ms = following.at_ms + shift_ms
        if before_ms is None:
            before_ms = min(at_ms, next_ms)
        late_ms = before_ms - at_ms
        ahead = at_ms > next_ms + _LATE_MS and next_ms >= before_ms
        behind = late_ms > _LATE_MS and next_ms >= before_ms - _LATE_MS
        if ahead or behind:
            around = f"{(at_ms - before_ms) / 1000:+.3f} s from the frame before and not confirmed by the next"
            losses.damaged(file, f"frame of id {frame.id:X}", f"its time is {around}; it is left out")
            continue
        if late_ms > _LATE_MS:
            losses.damaged(file, f"frame of id {frame.id:X}", f"time goes back by {late_ms / 1000:.3f} s from here on")
            shift_ms += late_ms
            at_ms = before_ms
        at_ms = max(at_ms, before_ms)
        before_ms = at_ms
        kept.append(frame if at_ms == frame.at_ms else frame._replace(at_ms=at_ms))
    return kept, before_ms, shift_ms

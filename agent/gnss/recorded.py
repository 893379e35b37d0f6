"""A receiver's sentences in a file, played beside a recording of the bus.

Such a file does not say when a sentence came, so each instant is placed at its own UTC on the recording's clock; an
instant without time goes one second after the one before it, and those before the first time go one second apart just
before it. Placed by their UTC, they can say nothing about the recording's clock: they give no time anchor.
Instants before the recording's first frame are passed over.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from agent.bus.files import lines
from agent.bus.frame import Frame
from agent.bus.losses import Losses
from agent.bus.recording import RecordingError
from agent.gnss.fix import Fix, to_frame
from agent.gnss.nmea import Assembler, Instant

_STEP_MS = 1000


def fixes(file: Path, start_utc_ms: int | None, losses: Losses) -> Iterator[Fix]:
    """The fixes of an NMEA file (plain or gzip), in the order of time, on the clock of a recording.

    `start_utc_ms` is the recording's `start_utc_ms`. Raises `RecordingError`, also when the recording has none.
    """
    if start_utc_ms is None:
        raise RecordingError(f"{file}: cannot be placed: the times of the recording are no calendar times")
    before_ms: int | None = None
    timeless: list[Instant] = []
    for instant, utc_ms in _instants(file, losses):
        if utc_ms is not None:
            at_ms = utc_ms - start_utc_ms
            early = [(each, at_ms - _STEP_MS * (len(timeless) - number)) for number, each in enumerate(timeless)]
            timeless.clear()
        elif before_ms is None:
            timeless.append(instant)
            continue
        else:
            at_ms, early = before_ms + _STEP_MS, []
        for each, each_ms in (*early, (instant, at_ms)):
            before_ms = each_ms if before_ms is None else max(before_ms, each_ms)
            if before_ms >= 0:
                yield each.fix(before_ms, None)


def _instants(file: Path, losses: Losses) -> Iterator[tuple[Instant, int | None]]:
    assembler = Assembler(str(file), losses)
    try:
        for batch in lines(file, losses):
            for line in batch:
                yield from assembler.sentence(line)
    except OSError as wrong:
        raise RecordingError(f"{file}: {wrong.strerror or wrong}") from wrong
    yield from assembler.flush()


def merged(batches: Iterable[list[Frame]], fixes: Iterable[Fix]) -> Iterator[list[Frame]]:
    """Frames and fixes in the order of time. The recording ends with its last frame: later fixes are passed over."""
    waiting = iter(fixes)
    following = next(waiting, None)
    for batch in batches:
        taken: list[Frame] = []
        while following is not None and batch and following.at_ms <= batch[-1].at_ms:
            taken.append(to_frame(following))
            following = next(waiting, None)
        yield sorted(batch + taken, key=_at_ms) if taken else batch


def _at_ms(frame: Frame) -> int:
    return frame.at_ms

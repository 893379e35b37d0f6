"""Folding a vehicle's chunks into records, from a state on the way.

Checkpoints are kept at the end of the last chunk of each hour, after some days one a day: folding again from there
costs at most so much. They are a means only: any of them may be lost, but for *seams*. Where old telemetry was deleted,
the state at its end is all that is left of it: whoever comes across that time goes on from there.
"""

from __future__ import annotations

import logging
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from heapq import heappop, heappush
from itertools import count

import msgspec

from cloud_bridge.records.fold import History, Stretch, advance, lay_out, status, unfinished
from cloud_bridge.records.model import Implausible, Record
from cloud_bridge.records.rules import Rules
from cloud_bridge.store.port.derived import Checkpoint, Fold
from cloud_bridge.store.ranges import overlapping

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
HOURLY_MS = 3 * DAY_MS
"""How far back from the newest there is a checkpoint for each hour."""

log = logging.getLogger(__name__)


class Folding:
    """A fold on its way, from a checkpoint (None: from the beginning), across seams: after each it goes on from what
    was known there when something before was deleted, whatever is told of before now."""

    def __init__(self, by: Rules, checkpoint: Checkpoint | None, seams: Iterable[Checkpoint] = ()) -> None:
        self._rules = by
        self._seams = list(seams)
        self._history = History() if checkpoint is None else known_at(checkpoint)
        # As they were at the checkpoint: the rows may be of later, and nothing may follow.
        self._opened = list(unfinished(self._history))
        # What was over before a seam is deleted.
        told = (going_on if checkpoint is not None and checkpoint.is_seam else unfinished)(self._history)
        self._records: dict[str, Record] = {one.id: one for one in told.values() if one is not None}
        self._implausible: list[Implausible] = []
        self._checkpoints: list[Checkpoint] = []

    def take(self, stretch: Stretch) -> None:
        """The next stretch; none reaches across a seam."""
        while self._seams and self._seams[0].until_ms <= stretch.from_ms:
            self._cross(self._seams.pop(0))
        until_ms = self._history.until_ms
        if until_ms is not None and (span := _span(until_ms, stretch.to_ms)):
            self._checkpoints.append(Checkpoint(until_ms, span, _encode(self._history)))
        step = advance(self._history, stretch, self._rules)
        self._history = step.history
        self._records |= step.records
        self._implausible += step.implausible

    def _cross(self, seam: Checkpoint) -> None:
        if self._history.until_ms is not None and self._history.until_ms < seam.until_ms:
            settled = advance(self._history, Stretch(seam.until_ms - 1, seam.until_ms, []), self._rules)
            self._history = settled.history
            self._records |= settled.records
        before, after = (going_on(history) for history in (self._history, known_at(seam)))
        # What was open before and is not after has ended in what was deleted.
        self._records = {one: self._records[one] for one in self._records if one not in before or one in after}
        self._records |= {one.id: one for one in after.values() if one is not None}
        self._history = known_at(seam)

    def result(self, from_ms: int) -> Fold:
        for seam in self._seams:
            self._cross(seam)
        until_ms = self._history.until_ms
        checkpoints = list(self._checkpoints)
        if until_ms is not None and not any(one.until_ms == until_ms for one in checkpoints):
            checkpoints.append(Checkpoint(until_ms, 0, _encode(self._history)))
        return Fold(
            from_ms,
            self._opened,
            None if self._history.last_ms is None else status(self._history),
            list(self._records.values()),
            checkpoints,
            from_ms if until_ms is None else until_ms - HOURLY_MS,
            self._implausible,
        )


def going_on(history: History) -> dict[str, Record | None]:
    """What is not over, by id. None: a trip that is no record yet."""
    return {record_id: one for record_id, one in unfinished(history).items() if one is None or one.until_ms is None}


def laid_out(stretches: Iterable[Stretch]) -> Iterator[Stretch]:
    """Stretches in ascending start, those that overlap joined; a few at a time in memory."""
    for together in overlapping(stretches, lambda stretch: (stretch.from_ms, stretch.to_ms)):
        yield from lay_out(together)


def cut(stretches: Iterable[Stretch], times_ms: Sequence[int]) -> Iterator[Stretch]:
    """Stretches in ascending start, cut at these times."""
    pieces: list[tuple[int, int, int, Stretch]] = []
    number = count()
    for stretch in stretches:
        for piece in _pieces(stretch, times_ms):
            heappush(pieces, (piece.from_ms, piece.to_ms, next(number), piece))
        while pieces and pieces[0][0] <= stretch.from_ms:
            yield heappop(pieces)[-1]
    while pieces:
        yield heappop(pieces)[-1]


def _pieces(stretch: Stretch, times_ms: Sequence[int]) -> Iterator[Stretch]:
    for at_ms in times_ms:
        if stretch.from_ms < at_ms < stretch.to_ms:
            place = bisect_left(stretch.messages, at_ms, key=lambda message: message.at_ms)
            yield Stretch(stretch.from_ms, at_ms, stretch.messages[:place])
            stretch = Stretch(at_ms, stretch.to_ms, stretch.messages[place:], stretch.ends_asleep)
    yield stretch


def _span(before_ms: int, until_ms: int) -> int:
    """2 when a day begins between the two, 1 when an hour does, else 0."""
    for span, length_ms in ((2, DAY_MS), (1, HOUR_MS)):
        if before_ms // length_ms != until_ms // length_ms:
            return span
    return 0


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(History).decode


def is_readable(checkpoint: Checkpoint) -> bool:
    try:
        _decode(checkpoint.history)
    except msgspec.MsgspecError:
        return False
    return True


def known_at(checkpoint: Checkpoint) -> History:
    """A seam outlives the program that made it: where it cannot be read any more, nothing is known at it."""
    try:
        return _decode(checkpoint.history)
    except msgspec.MsgspecError as error:
        log.error("what was known at %d ms cannot be read, and is left out: %s", checkpoint.until_ms, error)
        return History(until_ms=checkpoint.until_ms)

"""The time of one vehicle, passage by passage: what it said that is believed, and what was known before.

A *passage* is a stretch of the fold together with the silence before it. Passages begin where a state of the fold is,
and follow each other without a gap. Where a *seam* is crossed (`cloud_bridge.deriving.folding`), what is known is what
is known there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from cloud_bridge.deriving.folding import cut, known_at, laid_out
from cloud_bridge.evaluating.sight import Sight
from cloud_bridge.records.fold import History
from cloud_bridge.records.model import Known, Message, Position
from cloud_bridge.store.port.derived import Checkpoint, Derived
from cloud_bridge.store.port.monitoring import Monitoring
from cloud_bridge.store.port.times import BEGINNING_MS


class Passage(msgspec.Struct, frozen=True):
    """[from_ms, to_ms)"""

    from_ms: int
    to_ms: int
    messages: Sequence[Message]
    known: Mapping[str, Known]
    """The newest values before; good until the next passage is taken."""
    position: Position | None
    """The newest before."""
    is_seam: bool = False
    """It begins at a seam, which it may be nothing but."""


class Walk:
    """From a state of the fold on (None: from the beginning). It may be gone more than once."""

    def __init__(
        self, derived: Derived, store: Monitoring, vin: str, checkpoint: Checkpoint | None, sight: Sight
    ) -> None:
        self.from_ms = BEGINNING_MS if checkpoint is None else checkpoint.until_ms
        self._derived = derived
        self._vin = vin
        self._history = History() if checkpoint is None else known_at(checkpoint)
        self._sight = sight
        self._seams = derived.seams(vin, self.from_ms)
        self._believed = store.believed(vin, self.from_ms)

    def passages(self) -> Iterator[Passage]:
        """The last has no messages: it is what is known at the end, and begins and ends there. From the beginning, the
        first is of when the vehicle first spoke: before nobody watched it."""
        seams = list(self._seams)
        end_ms, is_seam = self.from_ms, False
        known, position = self._known(self._history)
        stretches = cut(self._derived.stretches(self._vin, self.from_ms), [seam.until_ms for seam in seams])
        for stretch in laid_out(stretches):
            while seams and seams[0].until_ms <= stretch.from_ms:
                seam = seams.pop(0)
                if end_ms != BEGINNING_MS:
                    yield Passage(end_ms, seam.until_ms, (), known, position, is_seam)
                end_ms, is_seam = seam.until_ms, True
                known, position = self._known(known_at(seam))
            end_ms = stretch.from_ms if end_ms == BEGINNING_MS else end_ms
            messages = [self._sight.message(self._believed(message)) for message in stretch.messages]
            yield Passage(end_ms, stretch.to_ms, messages, known, position, is_seam)
            end_ms, is_seam = stretch.to_ms, False
            for message in messages:
                known.update({datum: Known(value, message.at_ms) for datum, value in message.values.items()})
                position = message.position or position
        for seam in seams:
            if end_ms != BEGINNING_MS:
                yield Passage(end_ms, seam.until_ms, (), known, position, is_seam)
            end_ms, is_seam = seam.until_ms, True
            known, position = self._known(known_at(seam))
        yield Passage(end_ms, end_ms, (), known, position, is_seam)

    def _known(self, history: History) -> tuple[dict[str, Known], Position | None]:
        return self._sight.known(history.known), self._sight.place(history.position)

"""Broadcasts of J1939 that are longer than a frame (SAE J1939-21, BAM): trouble codes, names and numbers.

    TP.CM  PGN EC00   20 LL LL NN FF GG GG GG     a message of group G follows: L bytes (9 to 1785) in N frames
    TP.DT  PGN EB00   SS data                     the S-th seven bytes, S counts 1, 2, …; the last frame is filled up

Each source sends one at a time. A frame out of sequence ends its message (`out_of_sequence`), and so do a new
announcement and a pause of more than 750 ms (`unfinished`). What is sent to one receiver alone is passed over.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from agent.bus.frame import Frame
from agent.j1939.identifiers import group_mask, group_of, source_of

ANNOUNCEMENT = 0x00EC_0000
DATA = 0x00EB_0000
"""Their groups, where they stand in an id."""
TRANSPORT = frozenset({ANNOUNCEMENT, DATA})
PATIENCE_MS = 750
_BROADCAST = 0x20
_EVERYBODY = 0xFF
_PRIORITY = 0x1800_0000
_A_FRAME = 7
_SHORTEST, _LONGEST = 9, 1785


class _Open(msgspec.Struct):
    """A message that is being put together."""

    id: int
    length: int
    at_ms: int
    data: bytearray
    next: int = 1


class Broadcasts:
    """Those of one bus. Feed it the frames of both groups in the order of time."""

    def __init__(self, wanted: Callable[[int], bool]) -> None:
        """`wanted`: whether anything is wanted of messages with an id."""
        self.out_of_sequence = 0
        self.unfinished = 0
        self._wanted = wanted
        self._open: dict[int, _Open] = {}
        """By the address of the source."""

    def take(self, frame: Frame) -> Frame | None:
        """The message that a frame completes, as if it were one frame; None while none is complete."""
        if frame.id >> 8 & 0xFF != _EVERYBODY or len(frame.data) < 2:
            return None
        source = source_of(frame.id)
        if group_of(frame.id) == ANNOUNCEMENT:
            self._announce(source, frame)
            return None
        message = self._open.get(source)
        if message is None:
            return None
        if frame.at_ms - message.at_ms > PATIENCE_MS:
            del self._open[source]
            self.unfinished += 1
            return None
        if frame.data[0] != message.next:
            del self._open[source]
            self.out_of_sequence += 1
            return None
        message.data += frame.data[1:]
        message.next, message.at_ms = message.next + 1, frame.at_ms
        if len(message.data) < message.length:
            return None
        del self._open[source]
        return frame._replace(id=message.id, data=bytes(message.data[: message.length]))

    def _announce(self, source: int, frame: Frame) -> None:
        data = frame.data
        if len(data) < 8 or data[0] != _BROADCAST:
            return
        self.unfinished += self._open.pop(source, None) is not None
        length = int.from_bytes(data[1:3], "little")
        number = _PRIORITY | int.from_bytes(data[5:8], "little") << 8 | source
        if group_mask(number) == group_mask(ANNOUNCEMENT):
            number |= _EVERYBODY << 8
        is_right = _SHORTEST <= length <= _LONGEST and data[3] == -(-length // _A_FRAME) and number < 1 << 29
        if is_right and self._wanted(number):
            self._open[source] = _Open(number, length, frame.at_ms, bytearray())

"""The assembler: from the frames of one id to the messages that they carry, as ISO 15765-2 cuts them.

It only listens, so it does not matter who asked. With normal addressing (the id says who speaks) the first nibble says
what a frame is:

    0 single frame        0L data                       L bytes, 1 to 7
                          00 LL data                    in a frame of more than 8 bytes (CAN FD): LL bytes, 8 to 62
    1 first frame         1L LL data                    12 bits of length, 8 or more; then consecutive frames follow
                          10 00 LL LL LL LL data        32 bits of length, above 4095
    2 consecutive frame   2N data                       N counts 1, 2, … 15, 0, 1, …; all but the last are full
    3 flow control        none of the answer's: passed over

Whatever a bus carries, an assembler holds one message of 4095 bytes at most, and says what became of the others:

* a consecutive frame out of sequence ends the message it was for (`out_of_sequence`); one that belongs to none, as when
  listening begins in the midst of an answer, is passed over (`stray`),
* a message whose next frame does not come within a second, or in whose place another begins, is `unfinished`,
* a message that says it is longer than 4095 bytes is passed over (`overlong`), and
* a frame that is none of the above, or shorter than it says, is `malformed`; it ends the message that it was for.
"""

from __future__ import annotations

import msgspec

from agent.bus.frame import Frame

LONGEST = 4095
"""Bytes of a message."""
PATIENCE_MS = 1000
"""How long the next frame of a message may take: N_Cr of the standard."""
_CLASSIC_BYTES = 8
_SINGLE, _FIRST, _CONSECUTIVE, _FLOW_CONTROL = range(4)


class Assembled(msgspec.Struct):
    """What became of the messages of one id."""

    whole: int = 0
    out_of_sequence: int = 0
    unfinished: int = 0
    overlong: int = 0
    malformed: int = 0
    stray: int = 0

    @property
    def cut_short(self) -> int:
        """What was lost for its length: it stopped before its end, or said of itself what cannot be."""
        return self.unfinished + self.overlong + self.malformed


class Assembler:
    """The messages of one id. Feed it all its frames in the order of time."""

    def __init__(self) -> None:
        self.counts = Assembled()
        self._message = bytearray()
        self._length = 0
        """Of the message that is being put together; 0: none is."""
        self._next = 0
        """The number that its next frame must have."""
        self._at_ms = 0
        """When its newest frame came."""
        self._frame_bytes = 0
        """What each of its frames has, but perhaps the last one."""

    def take(self, frame: Frame) -> bytes | None:
        """The message that a frame completes; None while none is complete."""
        data = frame.data
        if self._length and frame.at_ms - self._at_ms > PATIENCE_MS:
            self._abandon()
        kind = data[0] >> 4 if data else -1
        if kind == _SINGLE:
            return self._single(data)
        if kind == _FIRST:
            self._first(frame)
        elif kind == _CONSECUTIVE:
            return self._consecutive(frame)
        elif kind != _FLOW_CONTROL:
            self.counts.malformed += 1
        return None

    def _single(self, data: bytes) -> bytes | None:
        length, begin = data[0], 1
        if length == 0 and len(data) > _CLASSIC_BYTES:
            length, begin = data[1], 2
        if length == 0 or length > len(data) - begin:
            self.counts.malformed += 1
            return None
        if self._length:
            self._abandon()
        self.counts.whole += 1
        return data[begin : begin + length]

    def _first(self, frame: Frame) -> None:
        data = frame.data
        if len(data) < _CLASSIC_BYTES:
            self.counts.malformed += 1
            return
        length, begin = (data[0] & 0xF) << 8 | data[1], 2
        if length == 0:
            length, begin = int.from_bytes(data[2:6], "big"), 6
        if length <= (_CLASSIC_BYTES - 1 if len(data) == _CLASSIC_BYTES else len(data) - 2):
            # It would have been a single frame.
            self.counts.malformed += 1
            return
        if self._length:
            self._abandon()
        if length > LONGEST:
            self.counts.overlong += 1
            return
        self._message = bytearray(data[begin:])
        self._length, self._next = length, 1
        self._at_ms, self._frame_bytes = frame.at_ms, len(data)

    def _consecutive(self, frame: Frame) -> bytes | None:
        if not self._length:
            self.counts.stray += 1
            return None
        data = frame.data
        missing = self._length - len(self._message)
        if len(data) - 1 < min(missing, self._frame_bytes - 1):
            self.counts.malformed += 1
            self._forget()
            return None
        if data[0] & 0xF != self._next:
            self.counts.out_of_sequence += 1
            self._forget()
            return None
        self._message += data[1 : 1 + missing]
        self._next = (self._next + 1) & 0xF
        self._at_ms = frame.at_ms
        if len(self._message) < self._length:
            return None
        message = bytes(self._message)
        self._forget()
        self.counts.whole += 1
        return message

    def _abandon(self) -> None:
        self.counts.unfinished += 1
        self._forget()

    def _forget(self) -> None:
        self._message = bytearray()
        self._length = 0

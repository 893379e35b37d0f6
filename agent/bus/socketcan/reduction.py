"""From packets to frames: of a message that is merely sampled only the newest before each sample.

A burst is looked at by *form*: the first 8 bytes of a packet, which hold id, flags and length. `dict(zip(forms, …))`
finds the last packet of each form without a line of Python per packet; only these become frames, and in between all
packets of the forms of which each frame is wanted (`agent.bus.wanted`). What is sampled is the same as if each
frame had been handed on:

* a burst in which a sample may be due is cut there, and each part is reduced for itself,
* freshness is learnt from the gaps between frames, so a form is handed on frame by frame when it is new and after a
  gap, and reduced only while it comes often,
* a form whose id, length or kind is not the usual one is handed on frame by frame: the sampler counts what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter

from agent.bus.frame import Frame
from agent.bus.losses import Losses
from agent.bus.socketcan.errors import ErrorFrames
from agent.bus.socketcan.packets import Packets
from agent.bus.wanted import Listening

EXTENDED_FLAG = 0x8000_0000
REMOTE_FLAG = 0x4000_0000
ERROR_FLAG = 0x2000_0000
EXTENDED_MASK = 0x1FFF_FFFF
STANDARD_MASK = 0x7FF
FD_FORM = 1 << 42
"""In a form: the flag of `struct canfd_frame` for FD. Kernels set it since 5.18; the packet's length says it too."""
_FD_SWITCHES = 0x03 << 40
"""Bit rate switch and error state indicator: no business of ours."""
_LEARNING = 32
_GAP_MS = 1_000
"""A gap that is longer may be one that the sampler remembers (a third of its shortest grace is 1.6 s)."""
_MOST_FORMS = 1 << 14
"""A bus of random ids must not fill the memory."""


class _Form:
    """Packets with one id, length and kind."""

    __slots__ = ("each", "extended", "fd", "id", "last_ms", "learning", "length", "wanted")

    def __init__(self, form: int, listening: Listening) -> None:
        ident = form & 0xFFFF_FFFF
        self.extended = bool(ident & EXTENDED_FLAG)
        self.id = ident & (EXTENDED_MASK if self.extended else STANDARD_MASK)
        self.fd = bool(form & FD_FORM)
        self.length = min(form >> 32 & 0xFF, 64 if self.fd else 8)
        key = (self.id, self.extended)
        sampled = listening.sampled.get(key)
        self.wanted = listening.wanted(key)
        self.each = sampled is None or sampled.fd != self.fd or self.length < sampled.length
        self.learning = _LEARNING
        self.last_ms = 0


_Taken = tuple[int, int, _Form]
"""Where the payload of a packet that counts begins, its time, and its form."""
_START = itemgetter(0)


class Reduction:
    """The packets of one bus, as frames."""

    def __init__(self, listening: Listening, losses: Losses, errors: ErrorFrames) -> None:
        self._listening = listening
        self._losses = losses
        self._errors = errors
        self._forms: dict[int, _Form] = {}
        self._dataless = 0

    def listen(self, listening: Listening) -> None:
        """This is wanted from now on."""
        self._listening = listening
        self._forms.clear()

    def frames(self, packets: Packets, count: int, size: int, time_of: Callable[[int], int]) -> list[Frame]:
        """The frames of a burst in order. `size` is that of a packet; `time_of` gives the milliseconds of the i-th."""
        stride = size // 8
        forms: list[int] = packets.words[: stride * count : stride].tolist()
        if size > 16:
            lengths = packets.lengths(count)
            forms = [
                (form & ~_FD_SWITCHES | FD_FORM) if length > 16 else form & 0x0000_00FF_FFFF_FFFF
                for form, length in zip(forms, lengths, strict=True)
            ]
        step_ms = self._listening.step_ms
        taken: list[_Taken] = []
        begin = 0
        while begin < count:
            # A sample at a multiple of the step sees the frames of that millisecond too.
            until_ms = -(-time_of(begin) // step_ms) * step_ms
            end = count if time_of(count - 1) <= until_ms else _first_after(until_ms, begin, count, time_of)
            taken += self._part(forms, begin, end, size, time_of)
            begin = end
        make, data, bus = tuple.__new__, packets.data, self._listening.bus
        frames = [
            make(Frame, (at_ms, bus, form.id, form.extended, bytes(data[start : start + form.length]), form.fd))
            for start, at_ms, form in taken
        ]
        dataless, self._dataless = self._dataless, 0
        self._losses.passed_over += count - dataless - len(frames)
        return frames

    def _part(self, forms: list[int], begin: int, end: int, size: int, time_of: Callable[[int], int]) -> list[_Taken]:
        """The places of the packets that count, between two samples."""
        newest = dict(zip(forms[begin:end], range(begin, end), strict=True))
        taken: list[_Taken] = []
        each: dict[int, _Form] = {}
        known = self._forms
        for number, index in newest.items():
            form = known.get(number)
            if form is None:
                if number & (REMOTE_FLAG | ERROR_FLAG):
                    self._count_dataless(number, forms[begin:end].count(number))
                    continue
                form = self._form(number)
            if not form.wanted:
                continue
            if form.each:
                each[number] = form
                continue
            at_ms = time_of(index)
            if at_ms - form.last_ms > _GAP_MS:
                form.learning = _LEARNING
            form.last_ms = at_ms
            if form.learning:
                form.learning -= 1
                each[number] = form
            else:
                taken.append((index * size + 8, at_ms, form))
        if each:
            taken += [
                (index * size + 8, time_of(index), each[forms[index]])
                for index in range(begin, end)
                if forms[index] in each
            ]
        taken.sort(key=_START)
        return taken

    def _form(self, number: int) -> _Form:
        form = self._forms.get(number)
        if form is None:
            form = _Form(number, self._listening)
            if len(self._forms) < _MOST_FORMS:
                self._forms[number] = form
        return form

    def _count_dataless(self, number: int, count: int) -> None:
        self._dataless += count
        if number & ERROR_FLAG:
            self._errors.came(number & EXTENDED_MASK, count)
        else:
            self._losses.remote += count


def _first_after(until_ms: int, begin: int, end: int, time_of: Callable[[int], int]) -> int:
    """The first of the packets from `begin` to `end` that came later; their times never go back."""
    while begin < end:
        middle = (begin + end) // 2
        if time_of(middle) <= until_ms:
            begin = middle + 1
        else:
            end = middle
    return begin
